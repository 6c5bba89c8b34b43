//! `[[vendor]]`: what phones of a vendor understand.

use toml::Spanned;

use super::section::Section;
use super::{lines, routes};
use crate::switch::csta::CstaUse;
use crate::switch::vendor::{HEADERS, HeaderLine, VendorSetup};

/// Reads the rows, in order.
pub(super) fn read(root: &Section<'_>) -> Vec<VendorSetup> {
    let sections = root.tables("vendor");
    if sections.len() > ROWS_MAX {
        let right = format!("write {ROWS_MAX} at most");
        root.refuse_key("vendor", &format!("has {} rows", sections.len()), &right);
    }
    sections.into_iter().filter_map(row).collect()
}

fn row(section: Section<'_>) -> Option<VendorSetup> {
    let pattern = routes::pattern(&section, "write match = \"^Yealink\", or \"\" for every phone");
    let auto_answer = section.string_or_strings("auto_answer").map(|lines| {
        if lines.len() > LINES_MAX {
            let right = format!("write {LINES_MAX} at most");
            section.refuse_key("auto_answer", &format!("has {} header lines", lines.len()), &right);
        }
        lines.iter().filter_map(|line| header_line(&section, line)).collect()
    });
    let [ring_internal, ring_external, ring_callback, ring_group] =
        ["ring_internal", "ring_external", "ring_callback", "ring_group"].map(|key| ring(&section, key));
    let csta = csta(&section);
    let refer = section.boolean("refer").map(Spanned::into_inner);
    let [check_sync, reboot] = ["check_sync", "reboot"].map(|key| event(&section, key));
    let digest = lines::digests(&section);
    section.close();
    let pattern = pattern?;
    Some(VendorSetup {
        pattern,
        auto_answer,
        ring_internal,
        ring_external,
        ring_callback,
        ring_group,
        csta,
        refer,
        check_sync,
        reboot,
        digest,
    })
}

/// `Name: value`, of a header that asks phones for something.
fn header_line(section: &Section<'_>, line: &Spanned<&str>) -> Option<HeaderLine> {
    let text = *line.get_ref();
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    let known = HEADERS.into_iter().find(|known| name.trim().eq_ignore_ascii_case(known));
    let value = value.trim();
    match known {
        Some(known) if (1..=VALUE_BYTES_MAX).contains(&value.len()) => Some((known, value.to_owned())),
        Some(known) => {
            let right = format!("write \"{known}: \" and 1 to {VALUE_BYTES_MAX} bytes");
            section.refuse("auto_answer", line, format!("{known} has {} bytes", value.len()), right);
            None
        }
        None => {
            let right = format!("write a line of {}", HEADERS.join(", "));
            section.refuse("auto_answer", line, format!("{text:?} asks no phone"), right);
            None
        }
    }
}

/// What the phone is asked for by CSTA; `[]`: nothing.
fn csta(section: &Section<'_>) -> Option<Vec<CstaUse>> {
    let words = section.string_or_strings("csta")?;
    let mut uses = Vec::new();
    for word in &words {
        match CstaUse::ALL.into_iter().find(|(known, _)| known == word.get_ref()) {
            Some((_, known)) if uses.contains(&known) => {}
            Some((_, known)) => uses.push(known),
            None => {
                let known: Vec<_> = CstaUse::ALL.iter().map(|(known, _)| format!("{known:?}")).collect();
                let right = format!("write some of {}", known.join(", "));
                section.refuse(
                    "csta",
                    word,
                    format!("{:?} is nothing that phones do", word.get_ref()),
                    right,
                );
            }
        }
    }
    Some(uses)
}

/// What stands behind `Event:` of a NOTIFY: an event, and parameters.
fn event(section: &Section<'_>, key: &'static str) -> Option<String> {
    let value = section.string(key)?;
    let text = *value.get_ref();
    let is_event = (1..=EVENT_BYTES_MAX).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.;=".contains(&byte));
    if !is_event {
        let right = format!("write {EVENT_BYTES_MAX} bytes at most, as in \"check-sync;reboot=true\"");
        section.refuse(key, &value, format!("{text:?} is no event"), right);
    }
    Some(text.to_owned())
}

/// The Alert-Info of a kind of call; empty: none.
fn ring(section: &Section<'_>, key: &'static str) -> Option<String> {
    let value = section.string(key)?;
    if value.get_ref().len() > VALUE_BYTES_MAX {
        let right = format!("write {VALUE_BYTES_MAX} at most");
        section.refuse(key, &value, format!("has {} bytes", value.get_ref().len()), right);
    }
    Some(value.into_inner().to_owned())
}

/// Rows of the file.
const ROWS_MAX: usize = 64;

/// Header lines of one row.
const LINES_MAX: usize = 4;

/// The longest event.
const EVENT_BYTES_MAX: usize = 64;

/// The longest value of a header line.
const VALUE_BYTES_MAX: usize = 256;
