//! `[[group]]`: ring groups.

use std::sync::Arc;
use std::time::Duration;

use super::Line;
use super::lines::Addresses;
use super::reach::Wanted;
use super::section::Section;
use crate::switch::setup::{GroupSetup, GroupStrategy};

/// Reads all groups. `whole`: every line of the file could be read.
pub(super) fn read(
    sections: Vec<Section<'_>>,
    lines: &[Line],
    whole: bool,
    addresses: &mut Addresses,
    wanted: &mut Vec<Wanted>,
) -> Vec<GroupSetup> {
    let named: Vec<_> = sections.iter().map(|section| addresses.take(section, "address")).collect();
    let groups: Vec<Arc<str>> = named.iter().flatten().cloned().collect();
    let known = Known { lines, whole, groups };
    let sections = sections.into_iter().zip(named);
    sections.filter_map(|(section, address)| group(section, address, &known, wanted)).collect()
}

/// What a member may be, and what it is not.
struct Known<'a> {
    lines: &'a [Line],
    whole: bool,
    groups: Vec<Arc<str>>,
}

fn group(
    section: Section<'_>,
    address: Option<Arc<str>>,
    known: &Known<'_>,
    wanted: &mut Vec<Wanted>,
) -> Option<GroupSetup> {
    let name = section.string("name").map(|name| name.into_inner().to_owned());
    let members = members(&section, known);
    let strategy = strategy(&section);
    let defaults = GroupSetup::new("", &[]);
    let seconds = |key, most, default| {
        section.integer(key, 1..=most).map_or(default, |seconds| Duration::from_secs(u64::from(seconds)))
    };
    let step = seconds("step_s", STEP_S_MAX, defaults.step);
    let timeout = seconds("timeout_s", TIMEOUT_S_MAX, defaults.timeout);
    if section.has("step_s") && strategy == GroupStrategy::All {
        section.refuse_key(
            "step_s",
            "is how long one member rings, and all ring at once",
            "leave it out, or write strategy = \"in_order\" or \"round_robin\"",
        );
    }
    let callers_max = section.integer("max_callers", 1..=CALLERS_MAX).unwrap_or(defaults.callers_max);
    let busy = destination(&section, "busy", address.as_deref(), wanted);
    let otherwise = destination(&section, "otherwise", address.as_deref(), wanted);
    section.close();
    let address = address?;
    let name = name.unwrap_or_else(|| address.to_string());
    Some(GroupSetup { address, name, members, strategy, step, timeout, callers_max, busy, otherwise })
}

/// The lines that ring: there must be some, each once.
fn members(section: &Section<'_>, known: &Known<'_>) -> Vec<Arc<str>> {
    if !section.has("members") {
        section.missing("members", "write the lines that ring, members = [\"1001\", \"1002\"]");
        return Vec::new();
    }
    let mut members: Vec<Arc<str>> = Vec::new();
    let values = section.strings("members").unwrap_or_default();
    if !(1..=MEMBERS_MAX).contains(&values.len()) {
        let wrong = format!("names {} lines", values.len());
        section.refuse_key("members", &wrong, &format!("write 1 to {MEMBERS_MAX} addresses of lines"));
    }
    for value in values {
        let text = *value.get_ref();
        let line = known.lines.iter().find(|line| *line.address == *text);
        match line {
            _ if known.groups.iter().any(|group| **group == *text) => {
                let right = "write the lines of that group in its place";
                section.refuse("members", &value, format!("{text} is a group, which is no member"), right);
            }
            Some(_) if members.iter().any(|member| **member == *text) => {
                section.refuse("members", &value, format!("{text} is named twice"), "name each line once");
            }
            Some(line) => members.push(Arc::clone(&line.address)),
            None if known.whole => {
                let right = "write the address of a [[line]]";
                section.refuse("members", &value, format!("there is no line {text:?}"), right);
            }
            None => {}
        }
    }
    members
}

fn strategy(section: &Section<'_>) -> GroupStrategy {
    let Some(value) = section.string("strategy") else { return GroupStrategy::default() };
    let named = GroupStrategy::ALL.into_iter().find(|strategy| strategy.name() == *value.get_ref());
    named.unwrap_or_else(|| {
        let right = "write \"all\" (at once), \"in_order\" or \"round_robin\"";
        section.refuse("strategy", &value, format!("{:?} is no way to ring", value.get_ref()), right);
        GroupStrategy::default()
    })
}

/// Where callers go whom nobody answers.
fn destination(
    section: &Section<'_>,
    key: &'static str,
    own: Option<&str>,
    wanted: &mut Vec<Wanted>,
) -> Option<String> {
    let value = section.string(key)?;
    let text = *value.get_ref();
    let is_number = (1..=NUMBER_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._*#".contains(&byte));
    let right = "write what a line would dial, as in \"1001\"";
    if !is_number {
        section.refuse(key, &value, format!("{text:?} is no number"), right);
    } else if own == Some(text) {
        section.refuse(key, &value, format!("{text} is this group"), right);
    }
    wanted.push(Wanted::new(section, key, &value, text.to_owned()));
    Some(text.to_owned())
}

/// Lines of one group.
const MEMBERS_MAX: usize = 64;

/// Callers for whom one group rings.
const CALLERS_MAX: u32 = 1_000;

/// The longest time that one member rings before the next.
const STEP_S_MAX: u32 = 300;

/// The longest time that a group rings.
const TIMEOUT_S_MAX: u32 = 600;

/// The longest number where callers go.
const NUMBER_BYTES_MAX: usize = 64;
