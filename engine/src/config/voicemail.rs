//! `[voicemail]`: who keeps the messages of lines, what a phone dials to hear them, and where calls go that a line does not take.

use std::sync::Arc;

use regex::Regex;
use toml::Spanned;

use super::reach::Wanted;
use super::section::Section;
use super::{Line, Trunk};
use crate::switch::forward::{RINGS_DEFAULT, RINGS_MAX, RINGS_MIN};
use crate::switch::mailbox::MAILBOX;
use crate::switch::setup::{RouteFrom, RouteSetup, RouteTo, VoicemailSetup};

/// Reads `[voicemail]`. `whole`: every trunk of the file could be read.
pub(super) fn read(
    section: Section<'_>,
    trunks: &[Trunk],
    whole: bool,
    wanted: &mut Vec<Wanted>,
) -> VoicemailSetup {
    let trunk = section.string("trunk");
    if let Some(value) = trunk.as_ref().filter(|value| whole && find(trunks, value).is_none()) {
        let right = "write the name of a [[trunk]]";
        section.refuse("trunk", value, format!("there is no trunk {:?}", value.get_ref()), right);
    }
    let subscribes = section.boolean("subscribe").is_some_and(Spanned::into_inner);
    if subscribes && !section.has("trunk") {
        section.missing("trunk", "subscribe stands without one");
    }
    let number = section.string("number").map_or_else(String::new, |value| {
        if !value.get_ref().is_empty() && !is_number(value.get_ref()) {
            let wrong = format!("{:?} is no number", value.get_ref());
            section.refuse(
                "number",
                &value,
                wrong,
                "write what a line dials, as in \"*97\", or \"\" for none",
            );
        }
        if section.has("deposit") && !value.get_ref().is_empty() {
            wanted.push(Wanted::new(&section, "number", &value, (*value.get_ref()).to_owned()));
        }
        value.into_inner().to_owned()
    });
    let deposit = section.string("deposit").filter(|value| !value.get_ref().is_empty());
    let deposit = deposit.map_or_else(String::new, |value| {
        let example = value.get_ref().replace(MAILBOX, "1");
        if !is_number(&example) {
            let wrong = format!("{:?} is no number", value.get_ref());
            let right = "write what a line dials, as in \"*97\", or \"*98{mailbox}\" where each mailbox has a number, or \"\"";
            section.refuse("deposit", &value, wrong, right);
        }
        wanted.push(Wanted::new(&section, "deposit", &value, (*value.get_ref()).to_owned()));
        value.into_inner().to_owned()
    });
    let rings = rings(&section, "rings");
    section.close();
    let trunk = trunk.and_then(|value| find(trunks, &value));
    let rings = rings.unwrap_or(RINGS_DEFAULT);
    VoicemailSetup { trunk, subscribes, number, deposit, rings }
}

/// Reads the rings before a mailbox takes a call.
pub(super) fn rings(section: &Section<'_>, key: &'static str) -> Option<u32> {
    section.integer(key, RINGS_MIN..=RINGS_MAX)
}

/// The way to the trunk that keeps messages, for where no other route has one: what lines dial to leave and hear messages, each number by
/// itself, but none that is taken.
pub(super) fn way(
    voicemail: &VoicemailSetup,
    lines: &[Line],
    is_taken: impl Fn(&str) -> bool,
) -> Option<RouteSetup> {
    let depositing = lines.iter().filter(|line| line.deposits);
    let mailboxes = depositing.map(|line| line.mailbox.as_ref().unwrap_or(&line.address));
    let deposits = mailboxes
        .filter(|mailbox| !mailbox.is_empty() && !voicemail.deposit.is_empty())
        .map(|mailbox| voicemail.deposit.replace(MAILBOX, mailbox));
    let mut numbers: Vec<String> = deposits.chain([voicemail.number.clone()]).collect();
    numbers.retain(|number| !number.is_empty() && !is_taken(number));
    numbers.sort_unstable();
    numbers.dedup();
    let escaped: Vec<_> = numbers.iter().map(|number| regex::escape(number)).collect();
    let pattern = Regex::new(&format!("^(?:{})$", escaped.join("|"))).ok().filter(|_| !numbers.is_empty())?;
    let to = RouteTo::Trunk(voicemail.trunk.clone()?);
    Some(RouteSetup { from: RouteFrom::Line, pattern, to, number: None, is_emergency: false })
}

/// Reads the mailbox of a line.
pub(super) fn mailbox(section: &Section<'_>) -> Option<Arc<str>> {
    let value = section.string("mailbox")?;
    let text = *value.get_ref();
    if !text.is_empty() && !is_number(text) {
        let right = "write the name of a mailbox, as in \"1001\", or \"\" for none";
        section.refuse("mailbox", &value, format!("{text:?} is no name of a mailbox"), right);
    }
    Some(text.into())
}

fn find(trunks: &[Trunk], value: &Spanned<&str>) -> Option<Arc<str>> {
    trunks.iter().find(|trunk| *trunk.name == **value.get_ref()).map(|trunk| Arc::clone(&trunk.name))
}

fn is_number(text: &str) -> bool {
    (1..=NUMBER_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._*#".contains(&byte))
}

/// The longest number or name of a mailbox.
const NUMBER_BYTES_MAX: usize = 64;
