//! `[park]` and `[features]`: park addresses, and the codes that a phone dials to be served rather than connected.

use std::time::Duration;

use super::lines::Addresses;
use super::section::Section;
use crate::switch::feature_code::{CODE_BYTES_MAX, FeatureCodes};
use crate::switch::setup::{GroupSetup, PageSetup, ParkSetup};

/// Park slots.
const PARK_SLOTS_MAX: u32 = 10_000;

/// Reads `[park]`. A slot that is written may not be a line; of the default ones those that are lines are left out.
pub(super) fn park(
    section: Section<'_>,
    addresses: &Addresses,
    groups: &[GroupSetup],
    pages: &[PageSetup],
) -> ParkSetup {
    let mut park = ParkSetup::default();
    if let Some(value) = section.string("slots") {
        let bounds = value.get_ref().split_once('-');
        let bounds =
            bounds.and_then(|(a, b)| Some((a.trim().parse::<u32>().ok()?, b.trim().parse::<u32>().ok()?)));
        match bounds {
            _ if value.get_ref().is_empty() => park.slots = None,
            Some((first, last)) if first <= last && last - first < PARK_SLOTS_MAX => {
                if let Some(taken) = (first..=last).find(|slot| addresses.has(&slot.to_string())) {
                    let right = "leave the addresses of lines, groups and trunks out of the range";
                    section.refuse("slots", &value, format!("{taken} is a line, group or trunk"), right);
                }
                park.slots = Some(first..=last);
            }
            _ => {
                let right =
                    format!("write FIRST-LAST, as in \"701-720\", with at most {PARK_SLOTS_MAX} slots");
                section.refuse("slots", &value, format!("{:?} is no range of slots", value.get_ref()), right);
            }
        }
    }
    if let Some(timeout_s) = section.integer("timeout_s", 5..=86_400) {
        park.timeout = Duration::from_secs(u64::from(timeout_s));
    }
    park.fallback = section.string("fallback").map(|value| {
        let is_number = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._*#".contains(&byte))
        };
        if !is_number(value.get_ref()) {
            let wrong = format!("{:?} is no number", value.get_ref());
            section.refuse("fallback", &value, wrong, "write what a line would dial, as in \"1001\"");
        }
        let is_group =
            groups.iter().map(|group| &group.address).chain(pages.iter().map(|page| &page.address));
        if is_group.into_iter().any(|address| **address == **value.get_ref()) {
            let wrong =
                format!("{} is a group, and a call that comes back rings at one line", value.get_ref());
            section.refuse("fallback", &value, wrong, "write the address of a line");
        }
        value.into_inner().to_owned()
    });
    section.close();
    park
}

/// Reads `[features]`. An empty code switches its feature off.
pub(super) fn features(section: Section<'_>, addresses: &Addresses) -> FeatureCodes {
    let mut codes = FeatureCodes::default();
    let mut written: Vec<(&'static str, &str)> = Vec::new();
    for (key, code) in codes.iter_mut() {
        let Some(value) = section.string(key) else { continue };
        let text = *value.get_ref();
        let is_code = text.len() <= CODE_BYTES_MAX
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*' || byte == b'#');
        if !is_code {
            let right = format!("write at most {CODE_BYTES_MAX} digits, * and #, or \"\" to switch it off");
            section.refuse(key, &value, format!("{text:?} is no code"), right);
        } else if addresses.has(text) {
            section.refuse(key, &value, format!("{text} is a line, group or trunk"), "choose another code");
        } else if let Some((other, _)) = written.iter().find(|(_, other)| !text.is_empty() && *other == text)
        {
            section.refuse(key, &value, format!("is the code of {other} too"), "choose another code");
        }
        text.clone_into(code);
        written.push((key, text));
    }
    // A code that is written may be the default of another feature.
    for (key, code) in codes.iter_mut() {
        let same = written.iter().find(|(other, text)| *other != key && !text.is_empty() && text == code);
        if let Some((other, _)) = same.filter(|_| !section.has(key)) {
            section.refuse_key(other, &format!("is the code of {key} too"), "choose another code");
        }
    }
    section.close();
    codes
}
