//! Canonical addresses: `+1 (425) 882-8080`.

use std::fmt;

use super::{ADDRESS_BYTES_MAX, is_formatting, split_ancillary};
use crate::switch::error::LineError;

/// A number with its country and, where it has one, its area: true at every place (TAPI, "canonical address format").
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CanonicalAddress {
    /// The country code: 1 to 999.
    pub country_code: u32,
    /// The area code: digits; empty where there is none.
    pub area: String,
    /// The subscriber's number as written, with formatting and dialling controls.
    pub subscriber: String,
    /// What follows `|`, as given.
    pub subaddress: Option<String>,
    /// What follows `^`, as given.
    pub name: Option<String>,
}

impl CanonicalAddress {
    /// Reads one address: `+`, country, one blank, the area in parentheses and one blank if there is an area, subscriber,
    /// `|` subaddress, `^` name.
    ///
    /// # Errors
    /// [`LineError::InvalAddress`] for anything else, for more than [`ADDRESS_BYTES_MAX`], and for control characters,
    /// CRLF among them: several addresses are the caller's to part.
    pub fn parse(address: &str) -> Result<Self, LineError> {
        if address.len() > ADDRESS_BYTES_MAX || address.contains(char::is_control) {
            return Err(LineError::InvalAddress);
        }
        let (number, subaddress, name) = split_ancillary(address);
        let (country_code, area, subscriber) = parse_number(number).ok_or(LineError::InvalAddress)?;
        Ok(Self {
            country_code,
            area: area.to_owned(),
            subscriber: subscriber.to_owned(),
            subaddress: subaddress.map(str::to_owned),
            name: name.map(str::to_owned),
        })
    }

    /// The subscriber's number as it is dialled: without formatting, controls kept.
    pub fn subscriber_dialled(&self) -> String {
        self.subscriber.chars().filter(|letter| !is_formatting(*letter)).collect()
    }

    /// The whole number as `+` and digits (E.164), as far as the first dialling control.
    pub fn e164(&self) -> String {
        let digits = self.subscriber.chars().filter(|letter| !is_formatting(*letter));
        let digits: String = digits.take_while(char::is_ascii_digit).collect();
        format!("+{}{}{digits}", self.country_code, self.area)
    }
}

impl fmt::Display for CanonicalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{} ", self.country_code)?;
        if !self.area.is_empty() {
            write!(f, "({}) ", self.area)?;
        }
        f.write_str(&self.subscriber)?;
        if let Some(subaddress) = &self.subaddress {
            write!(f, "|{subaddress}")?;
        }
        if let Some(name) = &self.name {
            write!(f, "^{name}")?;
        }
        Ok(())
    }
}

fn parse_number(number: &str) -> Option<(u32, &str, &str)> {
    let (country, rest) = number.strip_prefix('+')?.split_once(' ')?;
    let is_country = (1..=COUNTRY_DIGITS_MAX).contains(&country.len())
        && country.bytes().all(|byte| byte.is_ascii_digit())
        && !country.starts_with('0');
    if !is_country {
        return None;
    }
    let (area, subscriber) = match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(") ")?,
        None => ("", rest),
    };
    let is_area = area.bytes().all(|byte| byte.is_ascii_digit());
    (is_area && is_subscriber(subscriber)).then_some((country.parse().ok()?, area, subscriber))
}

fn is_subscriber(subscriber: &str) -> bool {
    // A colon is no dialling control of the canonical grammar, but one of the dialable strings made of it.
    let is_control = |letter: char| "!#$*,?@:ABCDPTWabcdptw".contains(letter);
    let is_known = |letter: char| letter.is_ascii_digit() || is_control(letter) || is_formatting(letter);
    !subscriber.starts_with(' ')
        && subscriber.chars().all(is_known)
        && subscriber.contains(|letter: char| letter.is_ascii_digit())
}

/// E.164 §6.2.1: a country code has one to three digits.
const COUNTRY_DIGITS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> CanonicalAddress {
        CanonicalAddress::parse(text).expect(text)
    }

    #[test]
    fn the_parts_are_told_apart() {
        let address = parse("+1 (425) 882-8080|77 ^Ann+|^1");
        assert_eq!((address.country_code, &*address.area, &*address.subscriber), (1, "425", "882-8080"));
        assert_eq!((address.subaddress.as_deref(), address.name.as_deref()), (Some("77 "), Some("Ann+|^1")));
        assert_eq!(address.e164(), "+14258828080");
    }

    #[test]
    fn the_area_may_be_empty_or_missing() {
        assert_eq!(parse("+65 6555 0100").area, "");
        assert_eq!(parse("+65 () 6555 0100"), parse("+65 6555 0100"));
    }

    #[test]
    fn a_subaddress_ends_at_a_plus() {
        let address = parse("+1 (425) 555-0100|77+1 (425) 555-0101^Bob");
        assert_eq!((address.subaddress.as_deref(), address.name), (Some("77"), None));
    }

    #[test]
    fn dialling_controls_are_part_of_the_subscriber_and_formatting_is_not_dialled() {
        let address = parse("+1 (425) 555-01.00,,12 3@4");
        assert_eq!(address.subscriber_dialled(), "5550100,,123@4");
        assert_eq!(address.e164(), "+14255550100");
    }

    #[test]
    fn what_is_malformed_is_an_invalid_address() {
        let long = format!("+1 {}", "5".repeat(ADDRESS_BYTES_MAX));
        let malformed = [
            "",
            "+",
            "+1",
            "+1 ",
            "1 (425) 555-0100",
            "+14255550100",
            "+(425) 555-0100",
            "+1  (425) 555-0100",
            "+1(425) 555-0100",
            "+1 (425)555-0100",
            "+1 (425)  555-0100",
            "+1 (425 555-0100",
            "+1 (42a) 555-0100",
            "+1 (425) 555(0100)",
            "+1 (425) --",
            "+1 (425) ",
            "+1 (425) 555x0100",
            "+1 (425) 5550100\u{7}",
            "+1 (425) 5550100\r\n+1 (425) 5550101",
            "+0 5550100",
            "+1234 5550100",
            "+1 555;",
            &long,
        ];
        for text in malformed {
            assert_eq!(CanonicalAddress::parse(text), Err(LineError::InvalAddress), "{text}");
        }
    }

    proptest::proptest! {
        /// Whatever is read prints as something that reads the same.
        #[test]
        fn printing_and_reading_is_identity(text in r"\+[0-9]{1,4} (\([0-9]{0,4}\) )?[0-9 .,TW@$-]{0,12}(\|[0-9 +a]{0,6})?(\^.{0,6})?") {
            if let Ok(address) = CanonicalAddress::parse(&text) {
                assert_eq!(parse(&address.to_string()), address);
            }
        }
    }
}
