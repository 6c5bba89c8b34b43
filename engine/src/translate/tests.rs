//! The worked examples by their numbers, and the rules beyond them.

use super::location::AreaRule;
use super::toll_list::TollList;
use super::*;
use crate::switch::error::LineError;

const EXAMPLE_CARD: u32 = 7;
const CARD_NUMBER: &str = "1234567890";

/// The locations of the examples.
///
/// A: United States, area 425, tone, toll list empty. B: A behind a PBX. C: A with a toll list. D: A with pulse. E: London.
/// F: Singapore. G: A with a calling card.
fn location(letter: char) -> Location {
    let country = |code| Country::of_code(code).unwrap();
    let a = Location { cancel_call_waiting: "*70,".into(), ..Location::new(country(1), "425") };
    match letter {
        'A' => a,
        'B' => Location { local_access: "9,".into(), long_distance_access: "8,".into(), ..a },
        'C' => Location { toll_list: TollList::new(["555".into(), "881".into()]).unwrap(), ..a },
        'D' => Location { pulse: true, ..a },
        'E' => Location::new(country(44), "20"),
        'F' => Location::new(country(65).with_international_prefix("00"), ""),
        'G' => Location { card: Some(EXAMPLE_CARD), ..a },
        other => panic!("no location {other}"),
    }
}

fn example_card() -> Card {
    let rules = ["G", "18005550199,,,,H,,FG", "18005550199$TH$T01EFG"];
    Card::new(EXAMPLE_CARD, "Example Card", CARD_NUMBER, rules.map(|rule| DialingRule::parse(rule).unwrap()))
        .unwrap()
}

fn translate_from(
    location: &Location,
    address: &str,
    card: Option<u32>,
    options: TranslateOptions,
) -> Result<Translation, LineError> {
    translate(Some(location), &[example_card()], address, card, options)
}

fn at(location: &Location, address: &str) -> Translation {
    translate_from(location, address, None, TranslateOptions::default()).expect(address)
}

const NONE: TranslateOptions = TranslateOptions::NONE;
const CANCEL: TranslateOptions = TranslateOptions::CANCEL_CALL_WAITING;
const LOCAL: TranslateOptions = TranslateOptions::FORCE_LOCAL;
const FAR: TranslateOptions = TranslateOptions::FORCE_LONG_DISTANCE;

/// Number, input, location, options, dialable, displayable, results, country of the destination.
type Example = (u32, &'static str, char, TranslateOptions, &'static str, &'static str, &'static str, u32);

/// The examples that are translated, by their numbers.
const EXAMPLES: [Example; 28] = [
    (1, "+1 (425) 555-0100", 'A', NONE, "T5550100", "T555-0100", "canonical local notintolllist", 1),
    (2, "+1 (206) 555-0123", 'A', NONE, "T12065550123", "T1206555-0123", "canonical longdistance", 1),
    (
        3,
        "+44 (20) 7946 0018",
        'A',
        NONE,
        "T011442079460018",
        "T01144207946 0018",
        "canonical international",
        44,
    ),
    (4, "+1 (425) 555-0100", 'B', NONE, "T9,5550100", "T9,555-0100", "canonical local notintolllist", 1),
    (5, "+1 (206) 555-0123", 'B', NONE, "T8,12065550123", "T8,1206555-0123", "canonical longdistance", 1),
    (
        6,
        "+44 (20) 7946 0018",
        'B',
        NONE,
        "T8,011442079460018",
        "T8,01144207946 0018",
        "canonical international",
        44,
    ),
    (
        7,
        "+1 (425) 555-0100",
        'C',
        NONE,
        "T14255550100",
        "T1425555-0100",
        "canonical longdistance intolllist",
        1,
    ),
    (8, "+1 (425) 777-0100", 'C', NONE, "T7770100", "T777-0100", "canonical local notintolllist", 1),
    (9, "+1 (425) 555-0100", 'A', FAR, "T14255550100", "T1425555-0100", "canonical longdistance", 1),
    (10, "+1 (206) 555-0123", 'A', LOCAL, "T5550123", "T555-0123", "canonical local", 1),
    (
        11,
        "+1 (425) 555-0100",
        'A',
        CANCEL,
        "T*70,5550100",
        "T*70,555-0100",
        "canonical local notintolllist",
        1,
    ),
    (
        12,
        "+1 (425) 555-0100",
        'B',
        CANCEL,
        "T*70,9,5550100",
        "T*70,9,555-0100",
        "canonical local notintolllist",
        1,
    ),
    (13, "+44 (20) 7946 0018", 'E', CANCEL, "T79460018", "T7946 0018", "canonical local", 44),
    (14, "+1 (425) 555-0100", 'D', NONE, "P5550100", "P555-0100", "canonical local notintolllist", 1),
    (15, "+44 (161) 496 0100", 'E', NONE, "T01614960100", "T0161496 0100", "canonical longdistance", 44),
    (16, "+1 (425) 555-0100", 'E', NONE, "T0014255550100", "T001425555-0100", "canonical international", 1),
    (17, "+65 6555 0100", 'F', NONE, "T65550100", "T6555 0100", "canonical local", 65),
    (18, "+65 6555 0100", 'A', NONE, "T0116565550100", "T011656555 0100", "canonical international", 65),
    (19, "+1 (416) 555-0100", 'A', NONE, "T14165550100", "T1416555-0100", "canonical longdistance", 1),
    (
        20,
        "+1 (206) 555-0123",
        'G',
        NONE,
        "T18005550199,,,,1234567890,,2065550123",
        "T18005550199,,,,[Example Card],,206555-0123",
        "canonical longdistance",
        1,
    ),
    (
        21,
        "+44 (20) 7946 0018",
        'G',
        NONE,
        "T18005550199$T1234567890$T01442079460018",
        "T18005550199$T[Example Card]$T0144207946 0018",
        "canonical international dialbilling",
        44,
    ),
    (22, "+1 (425) 555-0100", 'G', NONE, "T5550100", "T555-0100", "canonical local notintolllist", 1),
    (25, "555-0100", 'A', NONE, "555-0100", "555-0100", "", 0),
    (26, "9W5550100", 'A', NONE, "9W5550100", "9W5550100", "dialdialtone", 0),
    (27, "5550100?123", 'A', NONE, "5550100?123", "5550100?123", "dialprompt", 0),
    (
        28,
        "+1 (425) 555-0100,,123@4",
        'A',
        NONE,
        "T5550100,,123@4",
        "T555-0100,,123@4",
        "canonical local notintolllist dialquiet",
        1,
    ),
    (
        29,
        "+1 (425) 555-0100|77 ^Ann",
        'A',
        NONE,
        "T5550100|77 ^Ann",
        "T555-0100",
        "canonical local notintolllist",
        1,
    ),
    (
        30,
        "+1 (425) 555-0100\r\n+1 (425) 555-0101",
        'A',
        NONE,
        "T5550100",
        "T555-0100",
        "canonical local notintolllist",
        1,
    ),
];

#[test]
fn the_worked_examples_translate() {
    for (number, input, letter, options, dialable, displayable, results, country) in EXAMPLES {
        let location = location(letter);
        let found = translate_from(&location, input, None, options)
            .unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!((&*found.dialable, &*found.displayable), (dialable, displayable), "example {number}");
        assert_eq!(found.results.names().collect::<Vec<_>>().join(" "), results, "example {number}");
        let countries = (location.country.code, country);
        assert_eq!((found.current_country, found.dest_country), countries, "example {number}");
    }
}

#[test]
fn examples_23_and_24_a_card_of_the_request_goes_before_the_preferred_one() {
    let with = |letter, card| {
        translate_from(&location(letter), "+1 (206) 555-0123", card, TranslateOptions::CARD_OVERRIDE)
    };
    assert_eq!(with('A', Some(EXAMPLE_CARD)).unwrap(), at(&location('G'), "+1 (206) 555-0123"));
    assert_eq!(with('A', Some(9999)), Err(LineError::InvalCard));
    assert_eq!(with('G', None), Err(LineError::InvalCard));
}

#[test]
fn example_27_is_refused_when_it_is_dialled() {
    assert_eq!(dialable::parse("5550100?123"), Err(LineError::DialPrompt));
}

#[test]
fn examples_31_to_34_are_invalid_addresses() {
    for input in ["+1  (425) 555-0100", "+1 (425) 555(0100)", "+(425) 555-0100", ""] {
        let refused = translate_from(&location('A'), input, None, NONE);
        assert_eq!(refused, Err(LineError::InvalAddress), "{input:?}");
    }
}

#[test]
fn without_card_override_the_card_of_the_request_means_nothing() {
    let found = translate_from(&location('A'), "+1 (425) 555-0100", Some(9999), NONE).unwrap();
    assert_eq!(found.dialable, "T5550100");
}

#[test]
fn a_card_without_a_rule_for_the_class_leaves_it_to_the_country() {
    let rules = ["", "", "1H01EFG"].map(|rule| DialingRule::parse(rule).unwrap());
    let card = Card::new(1, "Abroad", "999999", rules).unwrap();
    let location = Location { card: Some(1), ..location('B') };
    let found =
        |address: &str| translate(Some(&location), std::slice::from_ref(&card), address, None, NONE).unwrap();
    assert_eq!(found("+1 (206) 555-0123").dialable, "T8,12065550123");
    assert_eq!(found("+44 (20) 7946 0018").displayable, "T8,1[Abroad]0144207946 0018");
}

#[test]
fn forcing_means_nothing_to_another_country_and_contradiction_is_refused() {
    for options in [LOCAL, FAR] {
        let found = translate_from(&location('A'), "+44 (20) 7946 0018", None, options).unwrap();
        assert_eq!(found.dialable, "T011442079460018");
    }
    let both = translate_from(&location('A'), "+1 (425) 555-0100", None, LOCAL | FAR);
    assert_eq!(both, Err(LineError::InvalParam));
}

#[test]
fn local_by_force_goes_before_the_toll_list() {
    let found = translate_from(&location('C'), "+1 (425) 555-0100", None, LOCAL).unwrap();
    assert_eq!((&*found.dialable, found.results.bits()), ("T5550100", 0x009));
}

#[test]
fn area_code_rules_decide_before_the_toll_list() {
    let rule = |area_code: &str, prefixes: &[&str], dial: &str, include_area_code| AreaRule {
        area_code: area_code.into(),
        prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
        dial: dial.into(),
        include_area_code,
    };
    let area_rules =
        vec![rule("206", &["555"], "", true), rule("206", &[], "1", true), rule("425", &["881"], "1", false)];
    let location = Location {
        area_rules,
        local_access: "9,".into(),
        long_distance_access: "8,".into(),
        ..location('C')
    };
    let found = |address: &str| {
        let found = at(&location, address);
        (found.dialable, found.results.names().collect::<Vec<_>>().join(" "))
    };
    let expected = |dialable: &str, results: &str| (dialable.to_owned(), results.to_owned());
    assert_eq!(found("+1 (206) 555-0123"), expected("T9,2065550123", "canonical local"), "ten digits, no 1");
    assert_eq!(found("+1 (206) 777-0123"), expected("T8,12067770123", "canonical longdistance"));
    assert_eq!(found("+1 (425) 881-0100"), expected("T8,18810100", "canonical longdistance"));
    assert_eq!(found("+1 (425) 555-0100").1, "canonical longdistance intolllist");
    let forced = translate_from(&location, "+1 (206) 777-0123", None, LOCAL).unwrap();
    assert_eq!(forced.dialable, "T9,7770123");
}

#[test]
fn carriers_are_dialled_where_the_rule_says_so() {
    let with = |code, area: &str| Location {
        long_distance_carrier: "1010288".into(),
        international_carrier: "1010333".into(),
        ..Location::new(Country::of_code(code).unwrap(), area)
    };
    assert_eq!(at(&with(1, "425"), "+1 (206) 555-0123").dialable, "T101028812065550123");
    assert_eq!(at(&with(1, "425"), "+44 (20) 7946 0018").dialable, "T1010333011442079460018");
    // In Brazil the carrier must be there.
    let brazil = Location::new(Country::of_code(55).unwrap(), "11");
    let missing = translate_from(&brazil, "+55 (21) 2345-6789", None, NONE);
    assert_eq!(missing, Err(LineError::OperationFailed));
    assert_eq!(at(&with(55, "11"), "+55 (21) 2345-6789").dialable, "T010102882123456789");
    assert_eq!(at(&with(55, "11"), "+1 (425) 555-0100").dialable, "T00101033314255550100");
    let singapore = Location::new(Country::of_code(65).unwrap(), "");
    let missing = translate_from(&singapore, "+1 (425) 555-0100", None, NONE);
    assert_eq!(missing, Err(LineError::OperationFailed), "no rule to other countries");
}

#[test]
fn e164_passes_as_it_is() {
    let found = at(&location('A'), "+14255550100");
    assert_eq!(
        (&*found.dialable, &*found.displayable, found.dest_country),
        ("+14255550100", "+14255550100", 0)
    );
    assert_eq!(found.results, TranslateResults::NONE);
}

#[test]
fn a_line_without_location_has_no_translation() {
    let found = |address: &str| translate(None, &[], address, None, NONE).unwrap();
    let canonical = found("+1 (425) 555-0100|77^Ann");
    assert_eq!(canonical.dialable, "+14255550100|77^Ann");
    assert_eq!(canonical.displayable, "+1 (425) 555-0100");
    assert_eq!((canonical.current_country, canonical.dest_country, canonical.results.bits()), (0, 1, 0x801));
    assert_eq!(found("0301234").results, TranslateResults::NO_TRANSLATION);
}

#[test]
fn a_voice_prompt_has_its_bit() {
    assert_eq!(at(&location('A'), "5550100:1").results, TranslateResults::VOICE_DETECT);
    assert!(at(&location('A'), "+1 (425) 555-0100:1").results.contains(TranslateResults::VOICE_DETECT));
}

#[test]
fn control_characters_and_long_addresses_are_refused() {
    let long = "1".repeat(ADDRESS_BYTES_MAX + 1);
    for input in ["1\n2", "1\r2", "\r\n1", "1^a\u{0}", "+1 (425) 555-0100^\n", &long] {
        let refused = translate_from(&location('A'), input, None, NONE);
        assert_eq!(refused, Err(LineError::InvalAddress), "{input:?}");
    }
}

#[test]
fn a_translated_string_that_comes_back_shows_no_card() {
    let once = at(&location('G'), "+1 (206) 555-0123").dialable;
    let twice = at(&location('G'), &once);
    assert_eq!((&twice.dialable, twice.displayable.contains(CARD_NUMBER)), (&once, false));
    assert!(!format!("{twice:?}").contains(CARD_NUMBER), "nor does a log");
}

proptest::proptest! {
    /// Whatever the address: no panic, no card number to be seen, and what is dialled keeps what was given.
    #[test]
    fn no_string_breaks_it_and_none_shows_a_card(
        address in r"\+[0-9]{1,3} (\([0-9]{1,4}\) )?[0-9 .,TW@$?:!*#-]{0,20}(\|[ -~]{0,8})?(\^.{0,8})?|.{0,40}|[0-9. -]{0,6}1234567890[0-9]{0,4}",
        letter in proptest::sample::select(vec!['A', 'B', 'C', 'D', 'E', 'F', 'G']),
        bits in 0..20_u32,
        card in proptest::option::of(0..10_u32),
    ) {
        let Ok(options) = TranslateOptions::from_bits(bits) else { return Ok(()) };
        let location = location(letter);
        if let Ok(found) = translate_from(&location, &address, card, options) {
            assert!(!found.displayable.contains(CARD_NUMBER), "{}", found.displayable);
            assert!(!format!("{found:?}").contains(CARD_NUMBER));
            assert!(!found.dialable.contains(char::is_control));
            assert_eq!(found.results.contains(TranslateResults::CANONICAL), found.dest_country != 0);
        }
    }
}
