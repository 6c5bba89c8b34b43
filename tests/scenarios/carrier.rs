//! A carrier that can do little: it refuses REFER and UPDATE (405), and a re-INVITE that asks it for an offer (488). Every
//! operation works against it, since calls are moved inside the engine and the carrier is asked nothing.

use std::time::Duration;

use trunkline::demo::{OnInvite, Phone, Status};
use trunkline::switch::{CallId, ForwardEntry, ForwardMode, Operation, Outcome, Setup, TransferMode};
use trunkline_tests::{Lab, Plan};

/// What the carrier dials or is reached by.
const OUTSIDE: &str = "0301234";

fn lab(seed: u64) -> Lab {
    let in_one_group = |setup: &mut Setup| {
        for line in &mut setup.lines {
            line.groups = vec!["all".to_owned()];
        }
    };
    let plan = Plan::seeded(seed).with(in_one_group);
    let mut lab = plan.build().with_registered(&["alice", "bob", "carol", "dave"]);
    lab.phone("carrier").script.refuses_to_offer = true;
    for name in ["carrier", "carol", "dave"] {
        lab.phone(name).script.on_invite = OnInvite::Answer(Duration::from_millis(300));
    }
    lab
}

/// The carrier talks with Bob: Bob's call.
fn talking(lab: &mut Lab) -> CallId {
    lab.connected_call("carrier", "bob");
    lab.call_on("crm", "1002").id
}

fn consult(lab: &mut Lab, call: CallId, to: &str) -> CallId {
    let reply = lab.asks("crm", Operation::SetupTransfer { call, to: Some(to.to_owned()) });
    let Ok(Outcome::Consult(consult)) = reply else { panic!("{reply:?}") };
    lab.run_ms(1_000);
    consult
}

/// Everybody hangs up, and the carrier was not asked for what it cannot do.
fn end(mut lab: Lab) {
    for name in ["carrier", "alice", "bob", "carol", "dave"] {
        lab.hang_up(name);
        lab.run_ms(300);
    }
    for call in lab.calls("crm") {
        lab.request("crm", Operation::Drop(call.id, None));
    }
    lab.run_ms(300);
    assert_eq!(lab.ladder().count("engine", "carrier", "REFER"), 0);
    assert_eq!(lab.ladder().count("carrier", "engine", "405"), 0);
    assert_eq!(lab.ladder().count("carrier", "engine", "488"), 0);
    lab.nothing_left();
}

#[test]
fn the_carrier_is_held_and_retrieved() {
    let mut lab = lab(1);
    let call = talking(&mut lab);
    lab.does_ask("crm", Operation::Hold(call));
    let heard = lab.hears("carrier", Duration::from_secs(1));
    assert_eq!((heard.voice("1002"), heard.foreign), (0, 0), "{heard:?}");
    lab.does_ask("crm", Operation::Unhold(call));
    lab.expect_talk("carrier", "bob");
    lab.hold("bob");
    lab.run_ms(500);
    lab.resume("bob");
    lab.run_ms(500);
    lab.expect_talk("carrier", "bob");
    end(lab);
}

#[test]
fn the_carrier_is_transferred_at_once() {
    let mut lab = lab(2);
    let call = talking(&mut lab);
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1003".to_owned() });
    lab.run_ms(1_000);
    lab.expect_talk("carrier", "carol");
    end(lab);
}

#[test]
fn the_carrier_is_transferred_by_a_phone() {
    let mut lab = lab(3);
    talking(&mut lab);
    lab.does("bob", |phone: &mut Phone, now, out| phone.transfer(now, "1003", out));
    lab.run_ms(1_500);
    lab.expect_talk("carrier", "carol");
    assert_eq!(lab.status("bob"), Status::Over(0));
    end(lab);
}

#[test]
fn the_carrier_waits_for_a_consultation_and_for_a_swap() {
    let mut lab = lab(4);
    let call = talking(&mut lab);
    let consult = consult(&mut lab, call, "1003");
    lab.expect_talk("bob", "carol");
    lab.does_ask("crm", Operation::SwapHold { call: consult, with: call });
    lab.expect_talk("carrier", "bob");
    lab.does_ask("crm", Operation::SwapHold { call, with: consult });
    lab.expect_talk("bob", "carol");
    lab.does_ask("crm", Operation::CompleteTransfer { call, consult, mode: TransferMode::Transfer });
    lab.expect_talk("carrier", "carol");
    end(lab);
}

#[test]
fn the_carrier_is_consulted_and_takes_over() {
    let mut lab = lab(5);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    let consult = consult(&mut lab, call, OUTSIDE);
    lab.expect_talk("bob", "carrier");
    lab.does_ask("crm", Operation::CompleteTransfer { call, consult, mode: TransferMode::Transfer });
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn the_carrier_joins_a_conference_and_is_removed() {
    let mut lab = lab(6);
    let call = talking(&mut lab);
    for (name, hz) in [("carrier", 400), ("bob", 700), ("carol", 1_000)] {
        lab.phone(name).script.tone_hz = Some(hz);
    }
    let consult = consult(&mut lab, call, "1003");
    let mode = TransferMode::Conference;
    lab.does_ask("crm", Operation::CompleteTransfer { call, consult, mode });
    lab.run_ms(500);
    let heard = lab.hears("carrier", Duration::from_secs(1));
    assert!(heard.level(700) > 1_000.0 && heard.level(1_000) > 1_000.0, "{heard:?}");
    lab.does_ask("crm", Operation::RemoveFromConference(call));
    lab.run_ms(500);
    assert_eq!(lab.status("carrier"), Status::Over(0));
    end(lab);
}

#[test]
fn the_carrier_is_parked_and_retrieved() {
    let mut lab = lab(7);
    let call = talking(&mut lab);
    let reply = lab.asks("crm", Operation::Park { call, to: None });
    let Ok(Outcome::Parked(slot)) = reply else { panic!("{reply:?}") };
    lab.call("alice", &slot);
    lab.run_ms(1_000);
    lab.expect_talk("carrier", "alice");
    end(lab);
}

#[test]
fn the_carrier_is_picked_up_where_it_rings_elsewhere() {
    let mut lab = lab(8);
    lab.call("carrier", "1002");
    lab.run_ms(1_000);
    let from = Some("1002".to_owned());
    let reply = lab.asks("crm", Operation::Pickup { line: "1003".into(), from, group: None });
    assert!(reply.is_ok(), "{reply:?}");
    lab.run_ms(1_000);
    lab.expect_talk("carrier", "carol");
    end(lab);
}

#[test]
fn the_carrier_is_redirected() {
    let mut lab = lab(9);
    lab.call("carrier", "2001");
    lab.run_ms(300);
    let call = lab.call_on("crm", "2001").id;
    lab.does_ask("crm", Operation::Redirect { call, to: "1003".to_owned() });
    lab.run_ms(1_000);
    lab.expect_talk("carrier", "carol");
    end(lab);
}

#[test]
fn a_line_is_forwarded_to_the_carrier() {
    let mut lab = lab(10);
    let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: Some(OUTSIDE.into()) };
    lab.does_ask("crm", Operation::Forward { line: "1002".into(), entries: vec![entry], rings: None });
    lab.call("alice", "1002");
    lab.run_ms(1_500);
    lab.expect_talk("alice", "carrier");
    end(lab);
}

#[test]
fn the_carrier_hears_digits() {
    let mut lab = lab(11);
    let call = talking(&mut lab);
    let digits = Some("12#".to_owned());
    lab.does_ask("crm", Operation::GenerateDigits { call, digits, duration: None, mode: None });
    lab.run_ms(2_000);
    lab.expect_talk("carrier", "bob");
    end(lab);
}
