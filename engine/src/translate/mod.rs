//! Address translation: from a stored number to the digits dialled at a place (TAPI lineTranslateAddress).
//!
//! ```text
//!  "+1 (206) 555-0123" ── canonical ──> country 1, area 206, subscriber 555-0123
//!        │                                   │ class: local, long distance, international
//!        │ not canonical                     ▼
//!        │               rule of the card, of the area, of the country:  N1FG
//!        ▼                                   ▼
//!    as it is              T + cancel call waiting + access code + rule  =  "T12065550123", shown "T1206555-0123"
//! ```
//!
//! Everything here is a plain value: no call, no privilege, no message, no clock. The country data is that of the crate
//! `phonenumber` and is read in `country.rs` alone.

pub mod caller_id;
pub mod canonical;
pub mod card;
pub mod country;
pub mod dialable;
pub mod location;
pub mod option;
pub mod result;
pub mod rule;
pub mod toll_list;
mod translation;

pub use self::canonical::CanonicalAddress;
pub use self::card::Card;
pub use self::country::Country;
pub use self::dialable::Dialable;
pub use self::location::{AreaRule, Location, Locations};
pub use self::option::TranslateOptions;
pub use self::result::TranslateResults;
pub use self::rule::DialingRule;
pub use self::translation::{Translation, translate};

/// The longest address that is read: a number, its subaddress and a name.
pub const ADDRESS_BYTES_MAX: usize = 512;

/// Characters of a number that are for the eye.
fn is_formatting(letter: char) -> bool {
    matches!(letter, ' ' | '.' | '-' | '/')
}

/// The number part of an address, its subaddress and its name.
///
/// `|` begins the subaddress, which ends at `+`, `^` or the end; `^` begins the name, which may hold all of them.
fn split_ancillary(address: &str) -> (&str, Option<&str>, Option<&str>) {
    let Some(at) = address.find(['|', '^']) else { return (address, None, None) };
    let (number, rest) = address.split_at(at);
    let Some(rest) = rest.strip_prefix('|') else { return (number, None, rest.strip_prefix('^')) };
    let (subaddress, rest) = rest.split_at(rest.find(['+', '^']).unwrap_or(rest.len()));
    (number, Some(subaddress), rest.strip_prefix('^'))
}

#[cfg(test)]
mod tests;
