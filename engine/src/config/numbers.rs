//! The numbers of a trunk: how they are written, what is rewritten, who calls.

use super::locations::Places;
use super::routes;
use super::section::Section;
use crate::switch::{CallerHeader, NumberFormat, NumberSetup, Rewrite};

/// Reads what a trunk says of numbers.
pub(super) fn read(section: &Section<'_>, places: &Places) -> NumberSetup {
    NumberSetup {
        format: format(section, places),
        rewrite_out: rewrites(section, "rewrite_out"),
        rewrite_in: rewrites(section, "rewrite_in"),
        from_user: number(section, "from_user"),
        from_domain: domain(section),
        caller_number: number(section, "caller_number"),
        caller_header: caller_header(section),
    }
}

/// A number, or the user part of an address.
pub(super) fn number(section: &Section<'_>, key: &'static str) -> Option<String> {
    let value = section.string(key)?;
    let text = *value.get_ref();
    let is_user = |c: char| c.is_ascii_graphic() && !"@:;<>\"".contains(c);
    if text.is_empty() || text.len() > NUMBER_BYTES_MAX || !text.chars().all(is_user) {
        let right = "write a number, as in \"+4930123456\"";
        section.refuse(key, &value, format!("{text:?} is no number"), right);
        return None;
    }
    Some(text.to_owned())
}

fn format(section: &Section<'_>, places: &Places) -> NumberFormat {
    let Some(value) = section.string("number_format") else { return NumberFormat::default() };
    let named = NumberFormat::ALL.into_iter().find(|format| format.name() == *value.get_ref());
    let Some(format) = named else {
        let right = "write \"plain\", \"e164\" or \"national\"";
        section.refuse("number_format", &value, format!("{:?} is no format", value.get_ref()), right);
        return NumberFormat::default();
    };
    if format != NumberFormat::Plain && !places.is_somewhere() {
        let right = "write [location] with country_code";
        section.refuse("number_format", &value, "nobody knows in which country the numbers are", right);
    }
    format
}

fn rewrites(section: &Section<'_>, key: &'static str) -> Vec<Rewrite> {
    let rows = section.tables(key);
    if rows.len() > REWRITES_MAX {
        let right = format!("write {REWRITES_MAX} at most");
        section.refuse_key(key, &format!("has {} rows", rows.len()), &right);
    }
    rows.into_iter().filter_map(rewrite).collect()
}

fn rewrite(row: Section<'_>) -> Option<Rewrite> {
    let pattern = routes::pattern(&row, "write match = \"^\\\\+49(\\\\d+)$\"");
    if !row.has("number") {
        row.missing("number", "write what stands in its place, as in \"0$1\"");
    }
    let number = row.string("number");
    if let (Some(number), Some(pattern)) = (&number, &pattern) {
        routes::check_groups(&row, number, pattern);
    }
    row.close();
    Some(Rewrite { pattern: pattern?, number: number?.into_inner().to_owned() })
}

fn domain(section: &Section<'_>) -> Option<String> {
    let value = section.string("from_domain")?;
    let text = *value.get_ref();
    let is_host = !text.is_empty()
        && text.len() <= HOST_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte));
    if !is_host {
        let right = "write a domain, as in \"carrier.example\"";
        section.refuse("from_domain", &value, format!("{text:?} is no domain"), right);
        return None;
    }
    Some(text.to_owned())
}

fn caller_header(section: &Section<'_>) -> CallerHeader {
    let Some(value) = section.string("caller_header") else { return CallerHeader::default() };
    let named = CallerHeader::ALL.into_iter().find(|header| header.name() == *value.get_ref());
    named.unwrap_or_else(|| {
        let right = "write \"from\", \"asserted\", \"preferred\" or \"remote-party\"";
        section.refuse("caller_header", &value, format!("{:?} tells nobody", value.get_ref()), right);
        CallerHeader::default()
    })
}

/// Rows of one trunk and direction.
const REWRITES_MAX: usize = 64;

/// The longest number that is written.
const NUMBER_BYTES_MAX: usize = 64;

/// The longest host name (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;
