//! Countries: their dialling rules and numbering plans, from the data of the crate `phonenumber` (libphonenumber).

use std::fmt;
use std::sync::{Arc, OnceLock};

use phonenumber::Metadata;
use phonenumber::metadata::DATABASE;
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::DialingRule;

/// A country as translation sees it (TAPI LINECOUNTRYENTRY).
#[derive(Clone, Debug)]
pub struct Country {
    /// The country code; several countries share 1, 7, 39, 44 and some others.
    pub code: u32,
    /// ISO 3166 code of the country, of the largest where several share the code; empty where the data has none.
    pub region: String,
    /// Rule within the own area.
    pub same_area: DialingRule,
    /// Rule to other areas.
    pub long_distance: DialingRule,
    /// Rule to other countries; empty where the caller has to choose a carrier's prefix.
    pub international: DialingRule,
    /// Whether prefixes of the own area may be long distance.
    pub has_toll_lists: bool,
    /// What the numbering plan has before an area code, whatever the rules say; empty: nothing.
    pub trunk_prefix: String,
    /// What is dialled before a country code, where there is one answer.
    pub international_prefix: Option<String>,
    plan: Option<Arc<NumberingPlan>>,
}

impl Country {
    /// The country of a code. Where several share it, the one that libphonenumber calls the main one.
    pub fn of_code(code: u32) -> Option<Self> {
        static COUNTRIES: [OnceLock<Option<Country>>; CODES] = [const { OnceLock::new() }; CODES];
        let known = COUNTRIES.get(usize::try_from(code).ok()?)?;
        known.get_or_init(|| from_metadata(code)).clone()
    }

    /// A country that the data does not have: no area is dialled without its code, and nothing is known of its numbers.
    pub fn unknown(code: u32) -> Self {
        Self {
            code,
            region: String::new(),
            same_area: rule("G"),
            long_distance: rule("NFG"),
            international: DialingRule::default(),
            has_toll_lists: false,
            trunk_prefix: String::new(),
            international_prefix: None,
            plan: None,
        }
    }

    /// The country with another prefix before area codes: digits.
    #[must_use]
    pub fn with_long_distance_prefix(mut self, prefix: &str) -> Self {
        let prefix: String = prefix.chars().filter(char::is_ascii_digit).take(PREFIX_DIGITS_MAX).collect();
        let is_closed = self.same_area != rule("G");
        self.long_distance = rule(&format!("N{prefix}FG"));
        if is_closed {
            self.same_area = rule(&format!("{prefix}FG"));
        }
        self
    }

    /// The country with another prefix before country codes: digits.
    #[must_use]
    pub fn with_international_prefix(mut self, prefix: &str) -> Self {
        let prefix: String = prefix.chars().filter(char::is_ascii_digit).take(PREFIX_DIGITS_MAX).collect();
        self.international = rule(&format!("S{prefix}EFG"));
        self.international_prefix = Some(prefix);
        self
    }

    /// The national number of what somebody in this country writes: with the prefix before area codes, or without it where
    /// the country writes numbers so. `None` for what is no national number of the country.
    pub(super) fn national_number<'n>(&self, written: &'n str) -> Option<&'n str> {
        let plan = self.plan.as_ref()?;
        let without = written.strip_prefix(&*self.trunk_prefix).filter(|_| !self.trunk_prefix.is_empty());
        let with_prefix = without.filter(|national| plan.valid.is_match(national));
        with_prefix.or_else(|| {
            let complete = plan.valid.is_match(written) && !plan.takes_trunk_prefix(written);
            complete.then_some(written)
        })
    }

    /// How many digits of a national number are its area code; 0 where it has none.
    pub(super) fn area_digits(&self, national: &str) -> usize {
        // Without a prefix before area codes there are no areas, only numbers; but for Italy, whose areas begin with 0.
        let has_areas = !self.trunk_prefix.is_empty() || national.starts_with('0');
        let plan = self.plan.as_ref().filter(|_| has_areas);
        plan.and_then(|plan| plan.first_group(national)).map_or(0, str::len)
    }
}

impl PartialEq for Country {
    fn eq(&self, other: &Self) -> bool {
        let rules = |country: &Self| {
            (country.same_area.clone(), country.long_distance.clone(), country.international.clone())
        };
        self.code == other.code && self.has_toll_lists == other.has_toll_lists && rules(self) == rules(other)
    }
}

impl Eq for Country {}

/// Whether the digits begin with a country code in use: how many digits it has.
pub(super) fn code_digits(digits: &str) -> Option<usize> {
    static IN_USE: OnceLock<Vec<bool>> = OnceLock::new();
    let in_use = IN_USE.get_or_init(|| {
        let mut in_use = vec![false; CODES];
        for country in DATABASE.iter() {
            if let Some(slot) = in_use.get_mut(usize::from(country.country_code())) {
                *slot = true;
            }
        }
        in_use
    });
    (1..=3).find(|length| {
        let code = digits.get(..*length).and_then(|code| code.parse::<usize>().ok());
        !digits.starts_with('0') && code.is_some_and(|code| in_use.get(code) == Some(&true))
    })
}

/// What is known of the numbers of all countries that share a code.
struct NumberingPlan {
    /// Every kind of number, whole.
    valid: RegexSet,
    formats: Vec<Format>,
}

impl fmt::Debug for NumberingPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumberingPlan({} kinds, {} formats)", self.valid.len(), self.formats.len())
    }
}

impl NumberingPlan {
    fn format(&self, national: &str) -> Option<&Format> {
        self.formats.iter().find(|format| {
            format.leading.as_ref().is_none_or(|leading| leading.is_match(national))
                && format.pattern.is_match(national)
        })
    }

    fn takes_trunk_prefix(&self, national: &str) -> bool {
        self.format(national).is_some_and(|format| format.takes_trunk_prefix)
    }

    /// The first group of the number as it is printed, where there are several.
    fn first_group<'n>(&self, national: &'n str) -> Option<&'n str> {
        let format = self.format(national)?;
        let several = format.pattern.captures_len() > 2;
        let group = format.pattern.captures(national)?.get(1)?;
        several.then_some(group.as_str())
    }
}

/// How some numbers of a country are printed.
struct Format {
    leading: Option<Regex>,
    pattern: Regex,
    /// Whether a national number is written with the prefix before it.
    takes_trunk_prefix: bool,
}

fn from_metadata(code: u32) -> Option<Country> {
    let regions = DATABASE.by_code(&u16::try_from(code).ok()?)?;
    let main = regions.iter().find(|region| region.is_main_country_for_code()).or_else(|| regions.first())?;
    let trunk_prefix = main.national_prefix().unwrap_or_default();
    let international_prefix = international_prefix(main);
    let dials_within_area =
        main.descriptors().fixed_line().is_some_and(|fixed| !fixed.possible_local_length().is_empty());
    let same_area = if dials_within_area { rule("G") } else { rule(&format!("{trunk_prefix}FG")) };
    let (long_distance, international) = match code {
        // Every call names its carrier.
        BRAZIL => (rule("0LFG"), rule("00MEFG")),
        _ => (rule(&format!("N{trunk_prefix}FG")), DialingRule::default()),
    };
    let country = Country {
        code,
        // The pseudo-regions of satellites and the like are numbered.
        region: main.id().chars().filter(char::is_ascii_uppercase).collect(),
        same_area,
        long_distance,
        international,
        has_toll_lists: code == NORTH_AMERICA,
        trunk_prefix: trunk_prefix.to_owned(),
        international_prefix: None,
        plan: numbering_plan(&regions).map(Arc::new),
    };
    Some(match international_prefix {
        Some(prefix) => country.with_international_prefix(&prefix),
        None => country,
    })
}

/// The prefix where the data has one answer, not one a carrier.
fn international_prefix(country: &Metadata) -> Option<String> {
    let pattern = country.international_prefix().map(|pattern| pattern.as_str().to_owned());
    let one_answer = pattern.filter(|pattern| is_digits(pattern));
    // In the data, ~ is a second dial tone: exchanges of today have none.
    let preferred = || country.preferred_international_prefix().map(|prefix| prefix.replace('~', ""));
    one_answer.or_else(preferred).filter(|prefix| is_digits(prefix))
}

fn numbering_plan(regions: &[&Metadata]) -> Option<NumberingPlan> {
    let mut patterns = Vec::new();
    for region in regions {
        let kinds = region.descriptors();
        let kinds = [
            kinds.fixed_line(),
            kinds.mobile(),
            kinds.toll_free(),
            kinds.premium_rate(),
            kinds.shared_cost(),
            kinds.personal_number(),
            kinds.voip(),
            kinds.uan(),
        ];
        patterns.extend(kinds.into_iter().flatten().map(|kind| whole(kind.national_number().as_str())));
    }
    patterns.sort_unstable();
    patterns.dedup();
    let valid = RegexSetBuilder::new(patterns).ignore_whitespace(true).unicode(false).build().ok()?;
    let formats = regions.iter().flat_map(|region| region.formats()).filter_map(|format| {
        Some(Format {
            // The last pattern is the most exact one.
            leading: match format.leading_digits().last() {
                Some(leading) => Some(compile(&format!("^(?:{})", leading.as_str()))?),
                None => None,
            },
            pattern: compile(&whole(format.pattern().as_str()))?,
            takes_trunk_prefix: format.national_prefix().is_some_and(|rule| rule.contains("$NP"))
                && !format.is_national_prefix_optional(),
        })
    });
    Some(NumberingPlan { valid, formats: formats.collect() })
}

fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).ignore_whitespace(true).unicode(false).build().ok()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn rule(text: &str) -> DialingRule {
    DialingRule::parse(text).expect("a rule of digits and the codes E, F, G, L, N, S")
}

/// Country codes are below.
const CODES: usize = 1000;

/// The code that has toll lists.
const NORTH_AMERICA: u32 = 1;

/// The code of Brazil.
const BRAZIL: u32 = 55;

/// The longest prefix before an area or country code.
pub const PREFIX_DIGITS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(code: u32) -> [String; 3] {
        let country = Country::of_code(code).unwrap();
        [country.same_area, country.long_distance, country.international].map(|rule| rule.to_string())
    }

    #[test]
    fn the_rules_come_from_the_numbering_plan() {
        assert_eq!(rules(1), ["G", "N1FG", "S011EFG"]);
        assert_eq!(rules(44), ["G", "N0FG", "S00EFG"]);
        assert_eq!(rules(49), ["G", "N0FG", "S00EFG"]);
        assert_eq!(rules(33), ["0FG", "N0FG", "S00EFG"], "ten digits everywhere");
        assert_eq!(rules(39), ["FG", "NFG", "S00EFG"]);
        assert_eq!(rules(7), ["G", "N8FG", "S810EFG"]);
        assert_eq!(rules(61), ["G", "N0FG", "S0011EFG"]);
        assert_eq!(rules(55), ["G", "0LFG", "00MEFG"], "the carrier stands within");
        assert_eq!(rules(65), ["FG", "NFG", ""], "a carrier must be chosen");
    }

    #[test]
    fn every_country_has_rules_and_a_plan() {
        let mut known = 0;
        for code in 0..1000 {
            let Some(country) = Country::of_code(code) else { continue };
            known += 1;
            assert!(country.plan.is_some(), "{code}");
            assert_eq!(country.region.len(), if country.region.is_empty() { 0 } else { 2 }, "{code}");
        }
        assert!(known > 200, "{known}");
        assert!(Country::of_code(999).is_none() && Country::of_code(u32::MAX).is_none());
    }

    #[test]
    fn only_north_america_has_toll_lists() {
        let with: Vec<_> =
            (1..1000).filter_map(Country::of_code).filter(|country| country.has_toll_lists).collect();
        assert_eq!(with.iter().map(|country| &*country.region).collect::<Vec<_>>(), ["US"]);
    }

    #[test]
    fn another_prefix_changes_the_rules() {
        let country =
            Country::of_code(33).unwrap().with_long_distance_prefix("8").with_international_prefix("19");
        assert_eq!(country.same_area.to_string(), "8FG");
        assert_eq!(country.long_distance.to_string(), "N8FG");
        assert_eq!(country.international.to_string(), "S19EFG");
        assert_eq!(Country::unknown(999).with_long_distance_prefix("0").same_area.to_string(), "G");
    }

    #[test]
    fn country_codes_are_told_from_the_digits() {
        assert_eq!(code_digits("14255550100"), Some(1));
        assert_eq!(code_digits("4930123456"), Some(2));
        assert_eq!(code_digits("352123456"), Some(3));
        for none in ["", "0", "049301", "999123", "99"] {
            assert_eq!(code_digits(none), None, "{none}");
        }
    }
}
