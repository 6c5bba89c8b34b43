//! Numbers as trunks write them, and who calls as they are told.

use std::collections::HashMap;
use std::sync::Arc;

use trunkline::demo::Status;
use trunkline::switch::{CallerHeader, NumberFormat, NumberSetup, Rewrite, Setup};
use trunkline::translate::{Country, Location, Locations};
use trunkline_tests::{Lab, Plan};

/// Berlin; the first trunk's numbers are these, and alice has one of the outside.
fn berlin(numbers: NumberSetup) -> impl FnOnce(&mut Setup) {
    move |setup| {
        let germany = Country::of_code(49).expect("it is in the data");
        setup.translation =
            Arc::new(Locations::new(vec![Location::new(germany, "30")], Vec::new(), HashMap::new()));
        setup.trunks[0].numbers = numbers;
        setup.lines[0].outside_number = Some("+4930555101".into());
        // As it is dialled.
        setup.routes[0].number = Some("0$1".to_owned());
    }
}

fn row(pattern: &str, number: &str) -> Rewrite {
    Rewrite { pattern: pattern.parse().expect("it is written here"), number: number.to_owned() }
}

fn invite(lab: &mut Lab) -> String {
    lab.ladder().last("engine", "carrier", "INVITE").expect("it was called").to_owned()
}

fn header<'t>(text: &'t str, name: &str) -> &'t str {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}

#[test]
fn numbers_leave_as_the_trunk_wants_them_and_its_customer_calls() {
    let numbers = NumberSetup {
        format: NumberFormat::E164,
        from_domain: Some("carrier.example".to_owned()),
        caller_header: CallerHeader::Asserted,
        ..NumberSetup::default()
    };
    let mut lab = Plan::seeded(1).with(berlin(numbers)).build().with_registered(&["alice"]);
    lab.call("alice", "0301234567");
    lab.run_ms(500);
    lab.answer("carrier");
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    let text = invite(&mut lab);
    assert!(text.starts_with("INVITE sip:+49301234567@"), "{text}");
    assert!(header(&text, "To").contains("sip:+49301234567@"), "{text}");
    assert!(header(&text, "From").contains("<sip:+4930555101@carrier.example>"), "{text}");
    assert_eq!(header(&text, "P-Asserted-Identity"), "<sip:+4930555101@carrier.example>");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_trunk_that_wants_its_customers_name_in_from_hears_the_caller_beside_it() {
    let numbers = NumberSetup {
        format: NumberFormat::National,
        rewrite_out: vec![row("^030(.*)$", "0049-30-$1")],
        from_user: Some("customer7".to_owned()),
        caller_number: Some("+4930555100".to_owned()),
        caller_header: CallerHeader::Preferred,
        ..NumberSetup::default()
    };
    let mut lab = Plan::seeded(2).with(berlin(numbers)).build().with_registered(&["bob"]);
    lab.call("bob", "0301234567");
    lab.run_ms(500);
    let text = invite(&mut lab);
    assert!(text.starts_with("INVITE sip:0049-30-1234567@"), "{text}");
    assert!(header(&text, "From").contains("<sip:customer7@"), "{text}");
    assert!(header(&text, "P-Preferred-Identity").contains("<sip:0049-30-555100@"), "{text}");
    lab.hang_up("bob");
    lab.run_ms(500);
    lab.nothing_left();
}

#[test]
fn what_a_trunk_calls_is_read_before_routes_see_it() {
    let numbers = NumberSetup {
        format: NumberFormat::National,
        rewrite_in: vec![row(r"^\+49305551(\d{3})$", "1$1")],
        ..NumberSetup::default()
    };
    let mut lab = Plan::seeded(3).with(berlin(numbers)).build().with_registered(&["bob"]);
    lab.call("carrier", "+49305551002");
    lab.run_ms(500);
    assert!(matches!(lab.status("bob"), Status::Ringing), "{:?}", lab.status("bob"));
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("carrier", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}
