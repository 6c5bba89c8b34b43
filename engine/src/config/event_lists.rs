//! `[[list]]`: event lists, what a phone watches by one subscription.

use std::sync::Arc;

use trunkline_sip::package::event_list::ENTRIES_MAX;

use super::lines::Addresses;
use super::pages::named;
use super::section::Section;
use super::{Line, Trunk};
use crate::switch::setup::{GroupSetup, ListSetup, PageSetup, ParkSetup};

/// What a list may name. `whole`: all of it could be read.
pub(super) struct Known<'c> {
    pub(super) lines: &'c [Line],
    pub(super) trunks: &'c [Trunk],
    pub(super) groups: &'c [GroupSetup],
    pub(super) pages: &'c [PageSetup],
    pub(super) park: &'c ParkSetup,
    pub(super) whole: bool,
}

/// Lists whose entries are still to be read: nobody else may be called like one.
pub(super) struct Addressed<'s>(Vec<(Section<'s>, Option<Arc<str>>)>);

/// Reads the addresses of all lists.
pub(super) fn addresses<'s>(sections: Vec<Section<'s>>, addresses: &mut Addresses) -> Addressed<'s> {
    if sections.len() > LISTS_MAX {
        let wrong = format!("is list {} of {}", LISTS_MAX + 1, sections.len());
        sections[LISTS_MAX].refuse_key("address", &wrong, &format!("write {LISTS_MAX} at most"));
    }
    let addressed = sections.into_iter().take(LISTS_MAX).map(|section| {
        let address = addresses.take(&section, "address");
        (section, address)
    });
    Addressed(addressed.collect())
}

/// Reads the rest of them.
pub(super) fn read(addressed: Addressed<'_>, known: &Known<'_>) -> Vec<ListSetup> {
    let addressed = addressed.0.into_iter();
    addressed.filter_map(|(section, address)| list(section, address, known)).collect()
}

fn list(section: Section<'_>, address: Option<Arc<str>>, known: &Known<'_>) -> Option<ListSetup> {
    let name = section.string("name").map(|name| name.into_inner().to_owned());
    let entries = entries(&section, known);
    let watchers = named(&section, "watchers", WATCHERS_MAX, known.lines, known.whole);
    section.close();
    let address = address?;
    let name = name.unwrap_or_else(|| address.to_string());
    Some(ListSetup { address, name, entries, watchers })
}

/// What it names, each with what a person reads.
fn entries(section: &Section<'_>, known: &Known<'_>) -> Vec<(Arc<str>, String)> {
    if !section.has("entries") {
        section.missing("entries", "write what is watched, entries = [\"1002\", \"701\"]");
        return Vec::new();
    }
    let values = section.strings("entries").unwrap_or_default();
    if !(1..=ENTRIES_MAX).contains(&values.len()) {
        let wrong = format!("has {} entries", values.len());
        section.refuse_key("entries", &wrong, &format!("write 1 to {ENTRIES_MAX} addresses"));
    }
    let mut entries: Vec<(Arc<str>, String)> = Vec::new();
    for value in values {
        let text = *value.get_ref();
        match known.name(text) {
            Some(_) if entries.iter().any(|(entry, _)| **entry == *text) => {
                section.refuse("entries", &value, format!("{text} is named twice"), "name each once");
            }
            Some(name) => entries.push((text.into(), name)),
            None if known.whole => {
                let right = "write the address of a [[line]], [[group]] or [[page]], the name of a [[trunk]], or a parking slot";
                section.refuse(
                    "entries",
                    &value,
                    format!("there is no {text:?} that could be watched"),
                    right,
                );
            }
            None => {}
        }
    }
    entries
}

impl Known<'_> {
    /// What a person reads of what has this address; `None`: nothing has it.
    fn name(&self, address: &str) -> Option<String> {
        let line = || self.lines.iter().find(|line| *line.address == *address).map(|line| line.name.clone());
        let group =
            || self.groups.iter().find(|group| *group.address == *address).map(|group| group.name.clone());
        let page = || self.pages.iter().find(|page| *page.address == *address).map(|page| page.name.clone());
        let is_trunk = || self.trunks.iter().any(|trunk| *trunk.name == *address);
        let is_slot = || {
            let slot = address.parse::<u32>().ok().filter(|slot| slot.to_string() == address);
            self.park.slots.as_ref().zip(slot).is_some_and(|(slots, slot)| slots.contains(&slot))
        };
        let plain = || (is_trunk() || is_slot()).then(|| address.to_owned());
        line().or_else(group).or_else(page).or_else(plain)
    }
}

/// Lists of one configuration.
const LISTS_MAX: usize = 10_000;

/// Lines that may watch one, where not all may.
const WATCHERS_MAX: usize = 1_000;
