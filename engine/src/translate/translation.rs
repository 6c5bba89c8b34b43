//! One translation, step by step (TAPI lineTranslateAddress).

use std::fmt;

use super::card::{self, Card};
use super::location::{AreaRule, Location};
use super::rule::{Carrier, Token};
use super::{
    ADDRESS_BYTES_MAX, CanonicalAddress, DialingRule, TranslateOptions, TranslateResults, is_formatting,
};
use crate::switch::error::LineError;

/// What to dial and what to show (TAPI LINETRANSLATEOUTPUT).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Translation {
    /// What to dial. It may hold the number of a calling card, so it is neither shown nor logged.
    pub dialable: String,
    /// What may be shown and logged: cards by their names, no subaddress, no name.
    pub displayable: String,
    /// The country code of the location; 0: there is none.
    pub current_country: u32,
    /// The country code of the destination; 0: the address was not canonical.
    pub dest_country: u32,
    /// What was found out.
    pub results: TranslateResults,
}

impl fmt::Debug for Translation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Translation")
            .field("displayable", &self.displayable)
            .field("current_country", &self.current_country)
            .field("dest_country", &self.dest_country)
            .field("results", &self.results)
            .finish_non_exhaustive()
    }
}

/// Translates one address from a location; what follows CRLF is left out.
///
/// - What does not begin with `+` is dialable and comes back as it is. So does `+` with digits alone (E.164): SIP dials that.
/// - Without a location a canonical address becomes its E.164 number, with [`TranslateResults::NO_TRANSLATION`].
///
/// # Errors
/// - [`LineError::InvalParam`]: FORCELOCAL with FORCELD;
/// - [`LineError::InvalAddress`]: empty, longer than [`ADDRESS_BYTES_MAX`], with control characters, or begins with `+` and is
///   not canonical;
/// - [`LineError::InvalCard`]: CARDOVERRIDE with no card or an unknown one;
/// - [`LineError::OperationFailed`]: the rule needs a carrier that the location does not name, or there is no rule.
pub fn translate(
    location: Option<&Location>,
    cards: &[Card],
    address: &str,
    card: Option<u32>,
    options: TranslateOptions,
) -> Result<Translation, LineError> {
    options.check()?;
    let card = card_in_use(location, cards, card, options)?;
    let address = address.split("\r\n").next().unwrap_or_default();
    if address.is_empty() || address.len() > ADDRESS_BYTES_MAX || address.contains(char::is_control) {
        return Err(LineError::InvalAddress);
    }
    let mut translation = if address.starts_with('+') && !is_e164(address) {
        let destination = CanonicalAddress::parse(address)?;
        match location {
            Some(location) => from_location(location, card, &destination, options)?,
            None => from_nowhere(&destination),
        }
    } else {
        as_it_is(location, address)
    };
    translation.results |= TranslateResults::of_controls(&translation.dialable);
    translation.displayable = card::mask(cards, translation.displayable);
    Ok(translation)
}

/// The card of the request with CARDOVERRIDE, else the location's.
fn card_in_use<'c>(
    location: Option<&Location>,
    cards: &'c [Card],
    card: Option<u32>,
    options: TranslateOptions,
) -> Result<Option<&'c Card>, LineError> {
    let find = |id: u32| cards.iter().find(|card| card.id == id).ok_or(LineError::InvalCard);
    if options.contains(TranslateOptions::CARD_OVERRIDE) {
        return find(card.ok_or(LineError::InvalCard)?).map(Some);
    }
    location.and_then(|location| location.card).map(find).transpose()
}

/// `+` and nothing but digits and controls: no blank, no parentheses.
fn is_e164(address: &str) -> bool {
    let (number, ..) = super::split_ancillary(address);
    let digits = number.strip_prefix('+').unwrap_or_default();
    digits.starts_with(|letter: char| letter.is_ascii_digit())
        && !digits.contains(|letter: char| letter.is_whitespace() || "()".contains(letter))
}

fn as_it_is(location: Option<&Location>, address: &str) -> Translation {
    Translation {
        dialable: address.to_owned(),
        displayable: address.to_owned(),
        current_country: location.map_or(0, |location| location.country.code),
        dest_country: 0,
        results: location.map_or(TranslateResults::NO_TRANSLATION, |_| TranslateResults::NONE),
    }
}

fn from_nowhere(destination: &CanonicalAddress) -> Translation {
    let subscriber = destination.subscriber_dialled();
    let number = format!("+{}{}{subscriber}", destination.country_code, destination.area);
    let shown = CanonicalAddress { subaddress: None, name: None, ..destination.clone() };
    Translation {
        dialable: with_ancillary(number, destination),
        displayable: shown.to_string().trim_end().to_owned(),
        current_country: 0,
        dest_country: destination.country_code,
        results: TranslateResults::CANONICAL | TranslateResults::NO_TRANSLATION,
    }
}

fn from_location(
    location: &Location,
    card: Option<&Card>,
    destination: &CanonicalAddress,
    options: TranslateOptions,
) -> Result<Translation, LineError> {
    let (class, toll) = classify(location, destination, options);
    let mut strings = Strings::default();
    strings.push(if location.pulse { "P" } else { "T" });
    if options.contains(TranslateOptions::CANCEL_CALL_WAITING) {
        strings.push(&location.cancel_call_waiting);
    }
    strings.push(match class {
        Class::Local(_) => &location.local_access,
        Class::LongDistance(_) | Class::International => &location.long_distance_access,
    });
    let card_rule = card.map(|card| (card, class.rule_of_card(card))).filter(|(_, rule)| !rule.is_empty());
    match (card_rule, class) {
        (Some((card, rule)), _) => expand(rule, location, Some(card), destination, &mut strings)?,
        (None, Class::Local(Some(rule)) | Class::LongDistance(Some(rule))) => {
            strings.push(&rule.dial);
            if rule.include_area_code {
                strings.push(&destination.area);
            }
            strings.push_subscriber(destination);
        }
        (None, Class::Local(None)) => {
            expand(&location.country.same_area, location, None, destination, &mut strings)?;
        }
        (None, Class::LongDistance(None)) => {
            expand(&location.country.long_distance, location, None, destination, &mut strings)?;
        }
        (None, Class::International) => {
            expand(&location.country.international, location, None, destination, &mut strings)?;
        }
    }
    Ok(Translation {
        dialable: with_ancillary(strings.dialable, destination),
        displayable: strings.displayable.trim_end().to_owned(),
        current_country: location.country.code,
        dest_country: destination.country_code,
        results: TranslateResults::CANONICAL | class.result() | toll,
    })
}

/// How a destination is dialled, with the area-code rule that decided so.
#[derive(Clone, Copy)]
enum Class<'l> {
    Local(Option<&'l AreaRule>),
    LongDistance(Option<&'l AreaRule>),
    International,
}

impl Class<'_> {
    fn rule_of_card(self, card: &Card) -> &DialingRule {
        match self {
            Self::Local(_) => &card.same_area,
            Self::LongDistance(_) => &card.long_distance,
            Self::International => &card.international,
        }
    }

    fn result(self) -> TranslateResults {
        match self {
            Self::Local(_) => TranslateResults::LOCAL,
            Self::LongDistance(_) => TranslateResults::LONG_DISTANCE,
            Self::International => TranslateResults::INTERNATIONAL,
        }
    }
}

/// The class, and what the toll list says. The application's word goes before the area-code rules, those before the toll
/// list; none of them makes another country's number a national one.
fn classify<'l>(
    location: &'l Location,
    destination: &CanonicalAddress,
    options: TranslateOptions,
) -> (Class<'l>, TranslateResults) {
    const SAY_NOTHING: TranslateResults = TranslateResults::NONE;
    if destination.country_code != location.country.code {
        return (Class::International, SAY_NOTHING);
    }
    if options.contains(TranslateOptions::FORCE_LOCAL) {
        return (Class::Local(None), SAY_NOTHING);
    }
    if options.contains(TranslateOptions::FORCE_LONG_DISTANCE) {
        return (Class::LongDistance(None), SAY_NOTHING);
    }
    let subscriber = destination.subscriber_dialled();
    if let Some(rule) = location.area_rules.iter().find(|rule| rule.fits(&destination.area, &subscriber)) {
        let class =
            if rule.dial.is_empty() { Class::Local(Some(rule)) } else { Class::LongDistance(Some(rule)) };
        return (class, SAY_NOTHING);
    }
    if destination.area != location.area_code {
        (Class::LongDistance(None), SAY_NOTHING)
    } else if !location.country.has_toll_lists {
        (Class::Local(None), SAY_NOTHING)
    } else if location.toll_list.contains(&subscriber) {
        (Class::LongDistance(None), TranslateResults::IN_TOLL_LIST)
    } else {
        (Class::Local(None), TranslateResults::NOT_IN_TOLL_LIST)
    }
}

fn expand(
    rule: &DialingRule,
    location: &Location,
    card: Option<&Card>,
    destination: &CanonicalAddress,
    strings: &mut Strings,
) -> Result<(), LineError> {
    if rule.is_empty() {
        return Err(LineError::OperationFailed);
    }
    let carrier = |carrier| match carrier {
        Carrier::LongDistance => &location.long_distance_carrier,
        Carrier::International => &location.international_carrier,
    };
    for token in rule.tokens() {
        match token {
            Token::Itself(letter) => strings.push(letter.encode_utf8(&mut [0; 4])),
            Token::Country => strings.push(&destination.country_code.to_string()),
            Token::Area => strings.push(&destination.area),
            Token::Subscriber => strings.push_subscriber(destination),
            Token::CardNumber => {
                let card = card.ok_or(LineError::OperationFailed)?;
                strings.dialable.push_str(card.number());
                strings.displayable.push_str(&card.label());
            }
            Token::CarrierIfAny(which) => strings.push(carrier(which)),
            Token::Carrier(which) => match carrier(which) {
                none if none.is_empty() => return Err(LineError::OperationFailed),
                code => strings.push(code),
            },
        }
    }
    Ok(())
}

/// The two strings while they grow.
#[derive(Default)]
struct Strings {
    dialable: String,
    displayable: String,
}

impl Strings {
    fn push(&mut self, text: &str) {
        self.dialable.push_str(text);
        self.displayable.push_str(text);
    }

    fn push_subscriber(&mut self, destination: &CanonicalAddress) {
        let dialled = destination.subscriber.chars().filter(|letter| !is_formatting(*letter));
        self.dialable.extend(dialled);
        self.displayable.push_str(&destination.subscriber);
    }
}

fn with_ancillary(mut dialable: String, destination: &CanonicalAddress) -> String {
    if let Some(subaddress) = &destination.subaddress {
        dialable.push('|');
        dialable.push_str(subaddress);
    }
    if let Some(name) = &destination.name {
        dialable.push('^');
        dialable.push_str(name);
    }
    dialable
}
