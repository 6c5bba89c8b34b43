//! `[location]`, or several as `[[location]]`, with `[[card]]`: where lines are and what is dialled there.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use toml::Spanned;

use super::secret::NUMBER;
use super::section::Section;
use crate::translate::card::{CardError, NUMBER_DIGITS_MAX, NUMBER_DIGITS_MIN};
use crate::translate::country::PREFIX_DIGITS_MAX;
use crate::translate::toll_list::{PREFIXES_MAX, TollList, is_prefix};
use crate::translate::{AreaRule, Card, Country, DialingRule, Location, Locations};

/// The locations while lines and trunks say where they are.
pub(super) struct Places {
    locations: Vec<Location>,
    cards: Vec<Card>,
    lines: HashMap<Arc<str>, usize>,
    /// Some could not be read: no line is blamed for that.
    broken: bool,
}

impl Places {
    /// Reads the cards and the locations.
    pub(super) fn read(cards: Vec<Section<'_>>, locations: Vec<Section<'_>>) -> Self {
        let cards_named = cards.len();
        let mut known: Vec<Card> = Vec::new();
        for section in cards {
            known.extend(card(section, &known));
        }
        let cards = Cards { whole: known.len() == cards_named, known };
        let several = locations.len() > 1;
        let mut places =
            Self { locations: Vec::new(), cards: Vec::new(), lines: HashMap::new(), broken: false };
        for section in locations {
            match location(&section, &places.locations, &cards, several) {
                Read::Location(location) => places.locations.push(*location),
                Read::Nothing => {}
                Read::Broken => places.broken = true,
            }
            section.close();
        }
        places.cards = cards.known;
        places
    }

    /// Notes where a line is, if it says so.
    pub(super) fn place(&mut self, section: &Section<'_>, line: Option<&Arc<str>>) {
        let Some(value) = section.string("location") else { return };
        let name = *value.get_ref();
        match (self.locations.iter().position(|location| location.name == name), line) {
            (Some(index), Some(line)) => {
                self.lines.insert(Arc::clone(line), index);
            }
            (None, _) if !self.broken => {
                let right = "name a [[location]] of this file, or leave the key out: the first is meant";
                section.refuse("location", &value, format!("there is no location {name:?}"), right);
            }
            (Some(_) | None, _) => {}
        }
    }

    /// Whether anybody is anywhere.
    pub(super) fn is_somewhere(&self) -> bool {
        self.broken || !self.locations.is_empty()
    }

    /// What was read.
    pub(super) fn finish(self) -> Arc<Locations> {
        Arc::new(Locations::new(self.locations, self.cards, self.lines))
    }
}

/// The cards of the file; not whole where some could not be read, so that no location is blamed for that.
struct Cards {
    known: Vec<Card>,
    whole: bool,
}

enum Read {
    Location(Box<Location>),
    Nothing,
    Broken,
}

fn location(section: &Section<'_>, before: &[Location], cards: &Cards, several: bool) -> Read {
    let name = location_name(section, before, several);
    let has_code = section.has("country_code");
    let code = section.integer("country_code", 1..=999);
    let area_code = digits(section, "area_code").unwrap_or_default();
    let international_prefix = digits(section, "international_prefix");
    let long_distance_prefix = digits(section, "long_distance_prefix");
    let country = code.map(|code| {
        let country = Country::of_code(code).unwrap_or_else(|| Country::unknown(code));
        let country = long_distance_prefix
            .iter()
            .fold(country, |country, prefix| country.with_long_distance_prefix(prefix));
        international_prefix.iter().fold(country, |country, prefix| country.with_international_prefix(prefix))
    });
    let country_known = country.clone().unwrap_or_else(|| Country::unknown(1));
    let location = Location {
        name: name.unwrap_or_default(),
        local_access: dial_string(section, "local_access"),
        long_distance_access: dial_string(section, "long_distance_access"),
        toll_list: toll_list(section, country.as_ref()),
        area_rules: area_rules(
            section,
            &area_code,
            long_distance_prefix.as_deref().unwrap_or(&country_known.trunk_prefix),
        ),
        pulse: section.boolean("pulse").is_some_and(Spanned::into_inner),
        cancel_call_waiting: dial_string(section, "cancel_call_waiting"),
        long_distance_carrier: digits(section, "long_distance_carrier").unwrap_or_default(),
        international_carrier: digits(section, "international_carrier").unwrap_or_default(),
        card: preferred_card(section, cards),
        ..Location::new(country_known, &area_code)
    };
    if code.is_some() {
        check_rules(section, &location, cards);
        return Read::Location(Box::new(location));
    }
    if has_code {
        return Read::Broken;
    }
    if section.is_empty() {
        return Read::Nothing;
    }
    section.missing("country_code", "write the digits after the +, as in country_code = 49");
    Read::Broken
}

fn location_name(section: &Section<'_>, before: &[Location], several: bool) -> Option<String> {
    if several && !section.has("name") {
        section.missing("name", "where there are several locations, lines tell them by their names");
    }
    let value = section.string("name")?;
    let name = *value.get_ref();
    if several && before.iter().any(|location| location.name == name) {
        section.refuse(
            "name",
            &value,
            format!("{name} is used twice"),
            "give every location a name of its own",
        );
    }
    Some(name.to_owned())
}

/// Every rule that the location may need has what it needs.
fn check_rules(section: &Section<'_>, location: &Location, cards: &Cards) {
    if location.country.international.is_empty() && !section.has("international_prefix") {
        let right = "write what is dialled there before a country code: each carrier has its own";
        section.missing("international_prefix", right);
    }
    let rules =
        [&location.country.same_area, &location.country.long_distance, &location.country.international];
    let cards = cards.known.iter().filter(|card| location.card == Some(card.id));
    let cards = cards.flat_map(|card| [&card.same_area, &card.long_distance, &card.international]);
    let rules: Vec<_> = rules.into_iter().chain(cards).collect();
    let lacks_long_distance = location.long_distance_carrier.is_empty()
        && rules.iter().any(|rule| rule.needs_long_distance_carrier());
    if lacks_long_distance && !section.has("long_distance_carrier") {
        section
            .missing("long_distance_carrier", "a dialling rule needs the carrier's code: write its digits");
    }
    let lacks_international = location.international_carrier.is_empty()
        && rules.iter().any(|rule| rule.needs_international_carrier());
    if lacks_international && !section.has("international_carrier") {
        section
            .missing("international_carrier", "a dialling rule needs the carrier's code: write its digits");
    }
}

fn toll_list(section: &Section<'_>, country: Option<&Country>) -> TollList {
    let values = section.strings("toll_prefixes").unwrap_or_default();
    let values = prefixes(section, "toll_prefixes", values);
    if !values.is_empty() && country.is_some_and(|country| !country.has_toll_lists) {
        let wrong = "is for countries where a number of the own area may be long distance";
        section.refuse_key("toll_prefixes", wrong, "leave it out; area_rules are for every country");
    }
    TollList::new(values).unwrap_or_default()
}

fn area_rules(section: &Section<'_>, own_area: &str, trunk_prefix: &str) -> Vec<AreaRule> {
    let rules = section.tables("area_rules").into_iter().map(|section| {
        let values = section.strings("prefixes").unwrap_or_default();
        let rule = AreaRule {
            area_code: digits(&section, "area_code").unwrap_or_else(|| own_area.to_owned()),
            prefixes: prefixes(&section, "prefixes", values),
            dial: if section.has("dial") { dial_string(&section, "dial") } else { trunk_prefix.to_owned() },
            include_area_code: section.boolean("include_area_code").is_none_or(Spanned::into_inner),
        };
        section.close();
        rule
    });
    let rules: Vec<_> = rules.collect();
    if rules.len() > AREA_RULES_MAX {
        let right = format!("write at most {AREA_RULES_MAX}");
        section.refuse_key("area_rules", &format!("has {} rules", rules.len()), &right);
    }
    rules
}

fn preferred_card(section: &Section<'_>, cards: &Cards) -> Option<u32> {
    let value = section.string("card")?;
    let name = *value.get_ref();
    let found = cards.known.iter().find(|card| card.name == name).map(|card| card.id);
    if found.is_none() && cards.whole {
        section.refuse("card", &value, format!("there is no card {name:?}"), "name a [[card]] of this file");
    }
    found
}

/// Reads one card; its id is its place in the file, from 1.
fn card(section: Section<'_>, before: &[Card]) -> Option<Card> {
    if !section.has("name") {
        section.missing("name", "write name = \"…\": it is shown in place of the number");
    }
    let name = section.string("name");
    let number = NUMBER.read(&section);
    if !NUMBER.present(&section) {
        section.missing("number", "write number or number_file: the digits of the card");
    }
    let rules = RULES.map(|key| rule(&section, key));
    let id = before.len() + 1;
    let read = name.zip(number).and_then(|(name, number)| {
        let text = *name.get_ref();
        if before.iter().any(|card| card.name == text) {
            section.refuse(
                "name",
                &name,
                format!("{text} is used twice"),
                "give every card a name of its own",
            );
            return None;
        }
        let mut rules = rules.into_iter().collect::<Option<Vec<_>>>()?;
        let rules = std::array::from_fn(|index| mem::take(&mut rules[index]));
        let id = u32::try_from(id).ok()?;
        Card::new(id, text, &number.0, rules).map_err(|error| refuse_card(&section, error)).ok()
    });
    section.close();
    read
}

fn refuse_card(section: &Section<'_>, error: CardError) {
    let (key, right) = match error {
        CardError::Name => ("name", "write a name without brackets".to_owned()),
        CardError::NameShowsNumber => ("name", "the name is shown: leave the number out".to_owned()),
        CardError::Number => {
            (NUMBER.written(section), format!("write {NUMBER_DIGITS_MIN} to {NUMBER_DIGITS_MAX} digits"))
        }
        CardError::RuleShowsNumber(index) => {
            (RULES.get(index).copied().unwrap_or("name"), "write H where it is to be dialled".to_owned())
        }
    };
    section.refuse_key(key, &error.to_string(), &right);
}

/// A dialling rule; absent: the empty one. `None`: refused.
fn rule(section: &Section<'_>, key: &'static str) -> Option<DialingRule> {
    let Some(value) = section.string(key) else { return (!section.has(key)).then(DialingRule::default) };
    let right = "write digits, * # , $ @ W and the codes E F G H L M N S, as in \"18005550199,,H,,FG\"";
    let refuse =
        |error: crate::translate::rule::RuleError| section.refuse(key, &value, error.to_string(), right);
    DialingRule::parse(value.get_ref()).map_err(refuse).ok()
}

fn digits(section: &Section<'_>, key: &'static str) -> Option<String> {
    let value = section.string(key)?;
    let text = *value.get_ref();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        section.refuse(key, &value, format!("{text:?} is no number"), "write digits in quotes");
        return None;
    }
    if text.len() > PREFIX_DIGITS_MAX {
        let right = format!("write at most {PREFIX_DIGITS_MAX}");
        section.refuse(key, &value, format!("has {} digits", text.len()), right);
        return None;
    }
    Some(text.to_owned())
}

fn prefixes(section: &Section<'_>, key: &'static str, values: Vec<Spanned<&str>>) -> Vec<String> {
    if values.len() > PREFIXES_MAX {
        let right = format!("write at most {PREFIXES_MAX}");
        section.refuse_key(key, &format!("has {} prefixes", values.len()), &right);
        return Vec::new();
    }
    let (good, bad): (Vec<_>, Vec<_>) = values.into_iter().partition(|value| is_prefix(value.get_ref()));
    for value in bad {
        section.refuse(key, &value, format!("{:?} is no prefix", value.get_ref()), "write digits in quotes");
    }
    good.into_iter().map(|value| value.into_inner().to_owned()).collect()
}

/// What is dialled before a number: digits and controls; empty where the key is absent.
fn dial_string(section: &Section<'_>, key: &'static str) -> String {
    let Some(value) = section.string(key) else { return String::new() };
    let text = *value.get_ref();
    let is_dialled = |letter: char| letter.is_ascii_digit() || "*#,ABCDTPWtpw!@$?:".contains(letter);
    if text.len() > DIAL_BYTES_MAX || !text.chars().all(is_dialled) {
        let right = format!("write at most {DIAL_BYTES_MAX} digits, * # and pauses, as in \"9,\"");
        section.refuse(key, &value, format!("{text:?} cannot be dialled"), right);
        return String::new();
    }
    text.to_owned()
}

/// The rules of a card in the order of [`Card::new`].
const RULES: [&str; 3] = ["local", "long_distance", "international"];

/// The longest string that is dialled before a number.
const DIAL_BYTES_MAX: usize = 32;

/// Area-code rules of one location.
const AREA_RULES_MAX: usize = 1000;
