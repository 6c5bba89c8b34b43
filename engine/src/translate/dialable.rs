//! Dialable addresses: what lineMakeCall and lineDial are given.

use std::fmt;

use super::{ADDRESS_BYTES_MAX, is_formatting, split_ancillary};
use crate::switch::error::LineError;

/// One address, ready to be dialled by SIP.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Dialable {
    /// The digits of one INVITE, or the name of a SIP user; formatting and the letters for pulse and tone are left out. Empty
    /// only with `is_partial`.
    pub number: String,
    /// The number ended in `;`: more digits follow by lineDial.
    pub is_partial: bool,
    /// The first pause and what follows it, `,` for each pause: to be sent as DTMF once the call is connected. May hold the
    /// number of a calling card, so it is not for logs.
    pub digits_after_answer: String,
    /// What follows `|`.
    pub subaddress: Option<String>,
    /// What follows `^`: the name of the called person.
    pub name: Option<String>,
}

impl Dialable {
    /// The number, where it is all there is to dial: no `;` and no digits after a pause.
    ///
    /// # Errors
    /// [`LineError::InvalAddress`] otherwise.
    pub fn whole(self) -> Result<String, LineError> {
        let is_whole = !self.is_partial && self.digits_after_answer.is_empty();
        if is_whole { Ok(self.number) } else { Err(LineError::InvalAddress) }
    }
}

impl fmt::Debug for Dialable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialable")
            .field("number", &self.number)
            .field("is_partial", &self.is_partial)
            .field("digits_after_answer", &format_args!("({} masked)", self.digits_after_answer.len()))
            .field("subaddress", &self.subaddress)
            .field("name", &self.name)
            .finish()
    }
}

/// Reads one dialable address.
///
/// What is neither a number nor a line of dialling controls is the name of a SIP user (`john.doe`) and is taken as it is.
/// Several addresses, parted by CRLF, are for inverse multiplexing, which SIP has not.
///
/// TAPI, "dialable address format". Pulse and tone (`P`, `T`) mean nothing to SIP and are left out.
///
/// # Errors
/// For the first control that SIP cannot do: [`LineError::DialDialTone`] (`W`), [`LineError::DialQuiet`] (`@`),
/// [`LineError::DialBilling`] (`$`), [`LineError::DialPrompt`] (`?`), [`LineError::DialVoiceDetect`] (`:`).
/// [`LineError::InvalAddress`] for a hookflash, for `;` elsewhere than at the end of the number, for what has no digit and no
/// letter, for more than [`NUMBER_BYTES_MAX`], for control characters and for what cannot stand in a SIP URI.
pub fn parse(address: &str) -> Result<Dialable, LineError> {
    if address.len() > ADDRESS_BYTES_MAX || address.contains(char::is_control) {
        return Err(LineError::InvalAddress);
    }
    let (text, subaddress, name) = split_ancillary(address);
    let (text, is_partial) = match text.strip_suffix(';') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (number, digits_after_answer) = if is_number(text) {
        read_number(text)?
    } else if is_partial && text.is_empty() {
        Default::default()
    } else if is_user(text) && !is_partial {
        (text.to_owned(), String::new())
    } else {
        return Err(LineError::InvalAddress);
    };
    if (number.is_empty() && !is_partial) || number.len() > NUMBER_BYTES_MAX {
        return Err(LineError::InvalAddress);
    }
    Ok(Dialable {
        number,
        is_partial,
        digits_after_answer,
        subaddress: subaddress.map(str::to_owned),
        name: name.map(str::to_owned),
    })
}

/// Whether the text is made of digits and dialling controls. A user may be called `tap` or `pat1`: a number has digits, and
/// none but control letters before the first.
fn is_number(text: &str) -> bool {
    let is_control = |letter: char| "TtPpWw,!@$?:".contains(letter);
    let is_digit = |letter: char| letter.is_ascii_digit() || "*#+".contains(letter);
    let is_separator = |letter: char| is_formatting(letter) || "()".contains(letter);
    let known = |letter: char| {
        is_digit(letter) || is_control(letter) || is_separator(letter) || "ABCDabcd".contains(letter)
    };
    let rest = text.trim_start_matches(|letter| is_control(letter) || is_separator(letter));
    let starts = match rest.chars().next() {
        Some(first) => is_digit(first) || rest.chars().all(|letter| "ABCD".contains(letter)),
        None => !text.is_empty() && !text.contains(|letter: char| letter.is_ascii_alphabetic()),
    };
    starts && text.chars().all(known)
}

/// The digits before the first pause between digits, and what follows it.
fn read_number(text: &str) -> Result<(String, String), LineError> {
    let mut number = String::new();
    let mut after = String::new();
    for letter in text.chars() {
        match letter {
            'T' | 't' | 'P' | 'p' | '(' | ')' => {}
            letter if is_formatting(letter) => {}
            'W' | 'w' => return Err(LineError::DialDialTone),
            '@' => return Err(LineError::DialQuiet),
            '$' => return Err(LineError::DialBilling),
            '?' => return Err(LineError::DialPrompt),
            ':' => return Err(LineError::DialVoiceDetect),
            '!' => return Err(LineError::InvalAddress),
            // A pause before the first digit waits for nothing.
            ',' if number.is_empty() => {}
            letter if letter == ',' || !after.is_empty() => after.push(letter.to_ascii_uppercase()),
            letter => number.push(letter),
        }
    }
    // Pauses at the end wait for nothing.
    after.truncate(after.trim_end_matches(',').len());
    Ok((number, after))
}

/// Whether the text can be the user of a SIP URI.
fn is_user(text: &str) -> bool {
    /// What ends a user, or is a dialling control.
    const UNSUPPORTED: &[char] = &[';', ',', '?', '$', '@', ':', '<', '>', '"', '/'];
    let is_supported = |letter: char| !letter.is_whitespace() && !UNSUPPORTED.contains(&letter);
    text.chars().all(is_supported) && text.contains(char::is_alphanumeric)
}

/// The longest number or name.
pub const NUMBER_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> String {
        let read = parse(text).expect(text);
        assert_eq!(read, Dialable { number: read.number.clone(), ..Dialable::default() }, "{text}");
        read.number
    }

    #[test]
    fn separators_of_a_number_are_for_the_eye() {
        assert_eq!(number("+49 (30) 12-34.5/6"), "+4930123456");
        assert_eq!(number("*21#"), "*21#");
        assert_eq!(number("1A2b"), "1A2b");
        assert_eq!(number("ABCD"), "ABCD");
    }

    #[test]
    fn pulse_and_tone_mean_nothing_to_sip() {
        assert_eq!(number("T5550100"), "5550100");
        assert_eq!(number("p9t5550100"), "95550100");
    }

    #[test]
    fn a_name_is_taken_as_it_is() {
        for name in ["john.doe-2", "tap", "pat1", "dad", "bad1", "w", "7th-floor", "müller"] {
            assert_eq!(number(name), name);
        }
    }

    #[test]
    fn the_first_control_that_cannot_be_done_is_named() {
        let refused = [
            ("9W5550100", LineError::DialDialTone),
            ("w5550100", LineError::DialDialTone),
            ("5550100@1", LineError::DialQuiet),
            ("T18005550199$T1$", LineError::DialBilling),
            ("5550100?123", LineError::DialPrompt),
            ("5550100:1", LineError::DialVoiceDetect),
            ("1,,2@3$4", LineError::DialQuiet),
            ("1$2@3", LineError::DialBilling),
            ("?", LineError::DialPrompt),
            ("1!2", LineError::InvalAddress),
        ];
        for (text, error) in refused {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_semicolon_at_the_end_of_the_number_says_that_more_follows() {
        let read = parse("0301;|7^Ann").unwrap();
        assert_eq!((&*read.number, read.is_partial, read.subaddress.as_deref()), ("0301", true, Some("7")));
        assert_eq!(parse(";"), Ok(Dialable { is_partial: true, ..Dialable::default() }));
        for text in ["03;01", ";1", "1;;", "1; ", "john;", "1|7;^A;b;"] {
            let refused = parse(text) == Err(LineError::InvalAddress);
            assert_eq!(refused, text != "1|7;^A;b;", "{text}");
        }
    }

    #[test]
    fn subaddress_and_name_are_kept_apart() {
        let read = parse("john.doe|77 ^Ann|+").unwrap();
        assert_eq!(
            (&*read.number, read.subaddress.as_deref(), read.name.as_deref()),
            ("john.doe", Some("77 "), Some("Ann|+"))
        );
        assert_eq!(parse("1^Ann").unwrap().name.as_deref(), Some("Ann"));
    }

    #[test]
    fn what_follows_a_pause_is_sent_after_the_answer() {
        let read = parse("T,18005550199,,,,1234567890,,FG".trim_end_matches("FG")).unwrap();
        assert_eq!((&*read.number, &*read.digits_after_answer), ("18005550199", ",,,,1234567890"));
        assert!(!format!("{read:?}").contains("1234567890"), "it may be a card's number");
        assert_eq!(parse("555,").unwrap().digits_after_answer, "");
        assert_eq!(parse("555,1a-2").unwrap().digits_after_answer, ",1A2");
    }

    #[test]
    fn a_destination_that_must_be_whole_is() {
        let whole = |text: &str| parse(text).and_then(Dialable::whole);
        assert_eq!(whole("T0301|7").as_deref(), Ok("0301"));
        assert_eq!(
            (whole("0301;"), whole("0301,2")),
            (Err(LineError::InvalAddress), Err(LineError::InvalAddress))
        );
    }

    #[test]
    fn what_cannot_be_dialled_is_refused() {
        let long = "1".repeat(NUMBER_BYTES_MAX + 1);
        let longer = format!("1^{}", "a".repeat(ADDRESS_BYTES_MAX));
        for text in [
            "",
            "()",
            "-",
            ",",
            "john doe",
            "a@b",
            "a\r\nVia: x",
            "1\r\n2",
            "sip:a",
            "<a>",
            "|7",
            &long,
            &longer,
        ] {
            assert_eq!(parse(text), Err(LineError::InvalAddress), "{text}");
        }
    }

    proptest::proptest! {
        /// Whatever is read can stand in a SIP URI and fits.
        #[test]
        fn what_is_read_is_harmless(text in "[0-9+*#A-Da-dTPWw ,;|^!@$?:()./\\-<>\"\r\u{e4}]{0,24}|.{0,24}") {
            if let Ok(read) = parse(&text) {
                let harmless = |letter: char| !letter.is_control() && !letter.is_whitespace() && !"<>\"@:;?,/".contains(letter);
                assert!(read.number.chars().all(harmless), "{read:?}");
                assert!(read.number.len() <= NUMBER_BYTES_MAX && (read.is_partial || !read.number.is_empty()));
                assert!(read.digits_after_answer.chars().all(|letter| letter == ',' || harmless(letter)));
            }
        }
    }
}
