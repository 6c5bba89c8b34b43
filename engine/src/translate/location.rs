//! Places from which numbers are dialled.

use std::collections::HashMap;
use std::sync::Arc;

use super::card::Card;
use super::country::Country;
use super::toll_list::TollList;
use super::translation::{Translation, translate};
use super::{TranslateOptions, caller_id};
use crate::switch::error::LineError;

/// A place: what is dialled there before which number (TAPI LINELOCATIONENTRY).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// The name.
    pub name: String,
    /// The country with its rules.
    pub country: Country,
    /// The area code: digits; empty where there is none.
    pub area_code: String,
    /// What is dialled before a local number, to leave a PBX: `9,`.
    pub local_access: String,
    /// What is dialled before all other numbers.
    pub long_distance_access: String,
    /// Prefixes of the own area that are long distance.
    pub toll_list: TollList,
    /// Numbers of the own country that are dialled otherwise; the first that fits decides.
    pub area_rules: Vec<AreaRule>,
    /// Pulse instead of tone (LINELOCATIONOPTION_PULSEDIAL).
    pub pulse: bool,
    /// What switches call waiting off for one call: `*70,`. Empty: nothing does.
    pub cancel_call_waiting: String,
    /// The carrier's code for long distance; empty: none.
    pub long_distance_carrier: String,
    /// The carrier's code for other countries; empty: none.
    pub international_carrier: String,
    /// The id of the preferred calling card.
    pub card: Option<u32>,
}

impl Location {
    /// A place in an area, with tone and without access codes, lists and cards.
    pub fn new(country: Country, area_code: &str) -> Self {
        Self {
            name: String::new(),
            country,
            area_code: area_code.to_owned(),
            local_access: String::new(),
            long_distance_access: String::new(),
            toll_list: TollList::default(),
            area_rules: Vec::new(),
            pulse: false,
            cancel_call_waiting: String::new(),
            long_distance_carrier: String::new(),
            international_carrier: String::new(),
            card: None,
        }
    }
}

/// How numbers of one area, or some prefixes of it, are dialled from a location.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AreaRule {
    /// The area; empty: that of numbers without one.
    pub area_code: String,
    /// How the subscriber's numbers begin; empty: all of the area.
    pub prefixes: Vec<String>,
    /// What is dialled first; empty: nothing, and the call is local.
    pub dial: String,
    /// Whether the area code is dialled.
    pub include_area_code: bool,
}

impl AreaRule {
    /// Whether the rule is for this number.
    pub(super) fn fits(&self, area: &str, subscriber: &str) -> bool {
        let prefixed = || self.prefixes.iter().any(|prefix| subscriber.starts_with(&**prefix));
        self.area_code == area && (self.prefixes.is_empty() || prefixed())
    }
}

/// All locations and cards, and which line is where.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Locations {
    locations: Vec<Location>,
    cards: Vec<Card>,
    lines: HashMap<Arc<str>, usize>,
}

impl Locations {
    /// Locations and cards. A line that `lines` does not name is at the first location.
    pub fn new(locations: Vec<Location>, cards: Vec<Card>, lines: HashMap<Arc<str>, usize>) -> Self {
        Self { locations, cards, lines }
    }

    /// Where the line is; `None`: nowhere, and numbers are taken as they are.
    pub fn of_line(&self, line: &str) -> Option<&Location> {
        self.locations.get(self.lines.get(line).copied().unwrap_or(0))
    }

    /// All locations, the default first.
    pub fn all(&self) -> &[Location] {
        &self.locations
    }

    /// The calling cards.
    pub fn cards(&self) -> &[Card] {
        &self.cards
    }

    /// What to dial on a line, and what to show, for an address (TAPI lineTranslateAddress).
    ///
    /// # Errors
    /// Those of [`translate`].
    pub fn translate(
        &self,
        line: &str,
        address: &str,
        card: Option<u32>,
        options: TranslateOptions,
    ) -> Result<Translation, LineError> {
        translate(self.of_line(line), &self.cards, address, card, options)
    }

    /// A caller's number in canonical form, as the line's location reads it; `None` where it stays as it is.
    pub fn caller_id(&self, line: &str, number: &str) -> Option<String> {
        let address = caller_id::canonical(self.of_line(line)?, number)?;
        Some(address.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_at_the_first_location_unless_it_says_otherwise() {
        let place = |code| Location::new(Country::of_code(code).unwrap(), "");
        let lines = HashMap::from([("1002".into(), 1)]);
        let locations = Locations::new(vec![place(49), place(44)], Vec::new(), lines);
        let code = |line: &str| locations.of_line(line).map(|location| location.country.code);
        assert_eq!((code("1001"), code("1002")), (Some(49), Some(44)));
        assert_eq!(Locations::default().of_line("1001"), None);
        assert_eq!(Locations::default().caller_id("1001", "+493012345678"), None);
    }

    #[test]
    fn an_area_rule_is_for_its_area_and_its_prefixes() {
        let rule = |prefixes: &[&str]| AreaRule {
            area_code: "206".into(),
            prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
            dial: String::new(),
            include_area_code: true,
        };
        assert!(rule(&[]).fits("206", "5550100") && !rule(&[]).fits("425", "5550100"));
        assert!(rule(&["7", "55"]).fits("206", "5550100") && !rule(&["56"]).fits("206", "5550100"));
    }
}
