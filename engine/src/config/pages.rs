//! `[[page]]`: page groups.

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::LISTENERS_MAX;

use super::Line;
use super::lines::Addresses;
use super::section::Section;
use crate::switch::setup::{LineKind, PageSetup};

/// Reads all page groups. `whole`: every line of the file could be read.
pub(super) fn read(
    sections: Vec<Section<'_>>,
    lines: &[Line],
    whole: bool,
    addresses: &mut Addresses,
) -> Vec<PageSetup> {
    sections.into_iter().filter_map(|section| page(section, lines, whole, addresses)).collect()
}

fn page(section: Section<'_>, lines: &[Line], whole: bool, addresses: &mut Addresses) -> Option<PageSetup> {
    let address = addresses.take(&section, "address");
    let name = section.string("name").map(|name| name.into_inner().to_owned());
    if !section.has("members") {
        section.missing("members", "write the lines that are spoken to, members = [\"1001\", \"1002\"]");
    }
    let members = named(&section, "members", MEMBERS_MAX, lines, whole);
    let callers = named(&section, "callers", CALLERS_MAX, lines, whole);
    let longest = section.integer("max_seconds", 1..=SECONDS_MAX);
    section.close();
    let address = address?;
    let name = name.unwrap_or_else(|| address.to_string());
    let page = PageSetup { address, name, members, callers, ..PageSetup::new("", &[]) };
    Some(match longest {
        Some(seconds) => PageSetup { longest: Duration::from_secs(seconds.into()), ..page },
        None => page,
    })
}

/// Lines with a phone, each once.
pub(super) fn named(
    section: &Section<'_>,
    key: &'static str,
    most: usize,
    lines: &[Line],
    whole: bool,
) -> Vec<Arc<str>> {
    let Some(values) = section.strings(key) else { return Vec::new() };
    if !(1..=most).contains(&values.len()) {
        let wrong = format!("names {} lines", values.len());
        section.refuse_key(key, &wrong, &format!("write 1 to {most} addresses of lines"));
    }
    let mut named: Vec<Arc<str>> = Vec::new();
    for value in values {
        let text = *value.get_ref();
        match lines.iter().find(|line| *line.address == *text) {
            Some(_) if named.iter().any(|other| **other == *text) => {
                section.refuse(key, &value, format!("{text} is named twice"), "name each line once");
            }
            Some(line) if line.kind != LineKind::Phone => {
                section.refuse(key, &value, format!("{text} has no phone"), "name lines of kind \"phone\"");
            }
            Some(line) if key == "members" && !line.intercom => {
                let wrong = format!("{text} has intercom = false, and answers nobody by itself");
                section.refuse(key, &value, wrong, "leave it out, or leave intercom out there");
            }
            Some(line) => named.push(Arc::clone(&line.address)),
            None if whole => {
                let right = "write the address of a [[line]]";
                section.refuse(key, &value, format!("there is no line {text:?}"), right);
            }
            None => {}
        }
    }
    named
}

/// Lines of one page group: as many legs hear one.
const MEMBERS_MAX: usize = LISTENERS_MAX;

/// Lines that may speak to one, where not all may.
const CALLERS_MAX: usize = 1_000;

/// The longest time for which one may speak.
const SECONDS_MAX: u32 = 3_600;
