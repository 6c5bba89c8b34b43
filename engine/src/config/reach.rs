//! Numbers of the file that calls are sent to: each must lead somewhere.

use std::ops::Range;

use toml::Spanned;

use super::Config;
use super::error::Report;
use super::section::Section;
use crate::switch::mailbox::MAILBOX;
use crate::switch::reach::Reach;
use crate::switch::setup::{LineSetup, Setup};

/// A number of the file.
pub(super) struct Wanted {
    at: Range<usize>,
    key: String,
    number: String,
}

impl Wanted {
    /// What stands under `key` means this number.
    pub(super) fn new(section: &Section<'_>, key: &str, value: &Spanned<&str>, number: String) -> Self {
        Self { at: value.span(), key: section.key(key), number }
    }
}

/// Refuses those that lead nowhere. A file that is wrong in another place is not judged: the way may be what could not be read.
pub(super) fn check(report: &Report<'_>, config: &Config, wanted: &[Wanted]) {
    if wanted.is_empty() || !report.is_empty() {
        return;
    }
    let lines = config.lines.iter().map(|line| LineSetup::new(&line.address, line.kind)).collect();
    let (groups, pages, routes) = (config.groups.clone(), config.pages.clone(), config.all_routes());
    let reach = Reach::new(Setup { lines, groups, pages, routes, ..Setup::default() });
    let depositing = || config.lines.iter().filter(|line| line.deposits);
    let boxes = || depositing().map(|line| line.mailbox.as_ref().unwrap_or(&line.address));
    for Wanted { at, key, number } in wanted {
        // Where each mailbox has a number, the first that leads nowhere is told.
        let numbers = match number.contains(MAILBOX) {
            true => {
                boxes().filter(|name| !name.is_empty()).map(|name| number.replace(MAILBOX, name)).collect()
            }
            false => vec![number.clone()],
        };
        let nowhere = |number: &String| reach.check(number).err().map(|status| (number.clone(), status));
        let Some((number, status)) = numbers.iter().find_map(nowhere) else { continue };
        let wrong = match status {
            404 => format!("{number} is no line or group, and no [[route]] is for it"),
            403 if reach.is_page(&number) => format!("{number} is spoken to, and nobody is sent there"),
            status => format!("a [[route]] refuses {number} with {status}"),
        };
        report.refuse(at, key.clone(), wrong, "write what a line can dial, as in \"1001\"");
    }
}
