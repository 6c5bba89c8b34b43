//! lineTranslateAddress: what is dialled from each kind of line, what reaches the carrier, and what is shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use trunkline::demo::OnInvite;
use trunkline::switch::{LineError, Operation, Outcome};
use trunkline::translate::{
    Card, Country, DialingRule, Location, Locations, TranslateOptions, TranslateResults, Translation,
};
use trunkline_tests::Lab;
use trunkline_tests::plan::{LOCAL_LINE, Plan};

/// Berlin for all lines but 1002, which is behind another PBX near Seattle and has a calling card.
fn locations() -> Arc<Locations> {
    let country = |code| Country::of_code(code).expect("a country");
    let rules = ["", "18005550199,,H,,FG", ""].map(|rule| DialingRule::parse(rule).expect("a rule"));
    let card = Card::new(1, "Example Card", "1234567890", rules).expect("a card");
    let berlin = Location::new(country(49), "30");
    let seattle = Location { local_access: "9".into(), card: Some(1), ..Location::new(country(1), "425") };
    Arc::new(Locations::new(vec![berlin, seattle], vec![card], HashMap::from([("1002".into(), 1)])))
}

fn lab(seed: u64) -> Lab {
    let plan = Plan::seeded(seed).with(|setup| setup.translation = locations());
    let mut lab = plan.build().with_registered(&["alice", "bob"]);
    lab.phone("carrier").script.on_invite = OnInvite::Answer(Duration::ZERO);
    lab
}

fn operation(line: &str, address: &str, options: TranslateOptions) -> Operation {
    Operation::TranslateAddress {
        line: line.into(),
        address: address.to_owned(),
        card: Some(9),
        options: options.bits(),
    }
}

fn translated(lab: &mut Lab, line: &str, address: &str) -> Translation {
    match lab.asks("crm", operation(line, address, TranslateOptions::NONE)) {
        Ok(Outcome::Translated(translation)) => *translation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_translated_reaches_the_carrier_from_every_kind_of_line() {
    for (seed, line) in [(1, "1001"), (2, LOCAL_LINE), (3, "carrier")] {
        let mut lab = lab(seed);
        let found = translated(&mut lab, line, "+1 (206) 555-0123");
        assert_eq!((&*found.dialable, &*found.displayable), ("T0012065550123", "T001206555-0123"), "{line}");
        assert_eq!((found.current_country, found.dest_country), (49, 1));
        assert_eq!(found.results, TranslateResults::CANONICAL | TranslateResults::INTERNATIONAL);
        let call = lab.make_call("crm", line, &found.dialable);
        lab.run_ms(1_000);
        // The route of lines takes the 0 of the trunk; a trunk's own line dials as it is told.
        let number = if line == "carrier" { "sip:0012065550123@" } else { "sip:012065550123@" };
        lab.expect_ladder(&format!(
            "engine -> carrier  INVITE {number}
             carrier -> engine  200
             engine -> carrier  ACK"
        ));
        lab.does_ask("crm", Operation::Drop(call, None));
        lab.run_ms(500);
        lab.nothing_left();
    }
}

#[test]
fn nothing_is_dialled_and_nobody_is_told() {
    let mut lab = lab(4);
    let before = lab.calls("wall").len();
    translated(&mut lab, "1001", "+49 (30) 123456");
    lab.expect_messages("crm", "reply ok");
    lab.expect_messages("wall", "");
    assert_eq!(lab.calls("wall").len(), before);
    lab.nothing_left();
}

#[test]
fn a_card_is_dialled_and_never_shown() {
    let mut lab = lab(5);
    let found = translated(&mut lab, "1002", "+1 (206) 555-0123");
    assert_eq!(found.dialable, "T18005550199,,1234567890,,2065550123");
    assert_eq!(found.displayable, "T18005550199,,[Example Card],,206555-0123");
    assert_eq!(translated(&mut lab, "1002", "+1 (425) 555-0100").dialable, "T95550100");
    let call = lab.make_call("crm", "carrier", &found.dialable);
    lab.phone("carrier").listen();
    lab.run(Duration::from_secs(15));
    lab.expect_ladder(
        "engine -> carrier  INVITE sip:18005550199@, !1234567890
         carrier -> engine  200
         engine -> carrier  ACK",
    );
    assert_eq!(lab.phone("carrier").heard().digits, "12345678902065550123", "the card, then the number");
    assert_eq!(lab.call_on("crm", "carrier").called.number, "18005550199");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}

#[test]
fn what_cannot_be_translated_is_refused() {
    let mut lab = lab(6);
    let both = TranslateOptions::FORCE_LOCAL | TranslateOptions::FORCE_LONG_DISTANCE;
    let refusals = [
        ("4711", "+49 (30) 1", TranslateOptions::NONE, LineError::InvalLineHandle),
        ("1001", "+49  (30) 1", TranslateOptions::NONE, LineError::InvalAddress),
        ("1001", "+49 (30) 1", both, LineError::InvalParam),
        ("1001", "+49 (30) 1", TranslateOptions::CARD_OVERRIDE, LineError::InvalCard),
    ];
    for (line, address, options, error) in refusals {
        assert_eq!(lab.refusal("crm", operation(line, address, options)), error, "{line} {address}");
    }
    lab.nothing_left();
}
