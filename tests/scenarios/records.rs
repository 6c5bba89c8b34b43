//! Records of calls: one for each conversation and each attempt, whoever joins, leaves, or is sent elsewhere.

use std::time::Duration;

use trunkline::demo::OnInvite;
use trunkline::switch::{ForwardEntry, ForwardMode, Operation, Outcome, TransferMode};
use trunkline_tests::{Lab, Plan};

#[test]
fn a_call_has_one_and_so_has_an_attempt() {
    let mut lab = Lab::registered(1, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.run_ms(5_000);
    lab.hang_up("bob");
    lab.run_ms(500);
    lab.phone("bob").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.call("alice", "999");
    lab.run_ms(1_000);
    let records = lab.records();
    assert!(
        records[0].starts_with("1001>1002 c1/c2 ") && records[0].ends_with(" ANSWERED callee normal"),
        "{records:?}"
    );
    assert_eq!(
        records[1..],
        ["1001>1002 c3/c4 0 BUSY callee busy", "1001>999 c5/ 0 FAILED engine badaddress"]
    );
    lab.nothing_left();
}

#[test]
fn a_caller_who_gives_up_has_one() {
    let mut lab = Lab::registered(2, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(2_000);
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!(lab.records(), ["1001>1002 c1/c2 0 NO ANSWER caller cancelled"]);
    lab.nothing_left();
}

#[test]
fn a_transfer_with_consultation_has_three() {
    let mut lab = Lab::registered(3, &["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    let reply = lab.asks("crm", Operation::SetupTransfer { call, to: Some("1003".to_owned()) });
    let Ok(Outcome::Consult(consult)) = reply else { panic!("{reply:?}") };
    lab.run_ms(3_500);
    lab.does_ask("crm", Operation::CompleteTransfer { call, consult, mode: TransferMode::Transfer });
    lab.run_ms(4_500);
    lab.hang_up("carol");
    lab.run_ms(500);
    let records: Vec<_> = lab.records().iter().map(|record| without_seconds(record)).collect();
    assert_eq!(
        records,
        [
            "1001>1002 c1/c2 ANSWERED moved normal",
            "1002>1003 c3/c4 ANSWERED engine normal",
            "1001>1003 c1/c4 ANSWERED callee normal",
        ]
    );
    let events = lab.record_events();
    assert_eq!(
        events.last().map(String::as_str),
        Some("ATTENDEDTRANSFER SIP/1002-c2 SIP/1001-c1"),
        "{events:?}"
    );
    lab.nothing_left();
}

#[test]
fn who_is_parked_and_retrieved_has_three() {
    let mut lab = Lab::registered(4, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    lab.run_ms(2_000);
    let call = lab.call_on("crm", "1002").id;
    assert_eq!(lab.asks("crm", Operation::Park { call, to: None }), Ok(Outcome::Parked("701".to_owned())));
    lab.run_ms(3_500);
    lab.call("carol", "701");
    lab.run_ms(2_500);
    lab.hang_up("carol");
    lab.run_ms(500);
    let records: Vec<_> = lab.records().iter().map(|record| without_seconds(record)).collect();
    assert_eq!(
        records,
        [
            "1001>1002 c1/c2 ANSWERED moved normal",
            "1001>701 c1/ ANSWERED moved normal",
            "1001>1003 c1/c3 ANSWERED callee normal",
        ]
    );
    assert_eq!(lab.record_events(), ["PARK_START SIP/1001-c1", "PARK_END SIP/1001-c1 SIP/1003-c3"]);
    lab.nothing_left();
}

#[test]
fn a_call_that_outlives_the_process_has_one_and_one_that_does_not_says_so() {
    let mut lab = Lab::registered(5, &["alice", "bob", "carol", "dave"]);
    lab.connected_call("alice", "bob");
    lab.run_ms(2_000);
    lab.call("carol", "1004");
    lab.run_ms(1_000);
    lab.restart();
    lab.run_ms(3_000);
    assert_eq!(lab.records(), ["1003>1004 c3/c4 0 FAILED crash tempfailure"]);
    lab.restart();
    lab.run_ms(3_000);
    lab.hang_up("alice");
    lab.run_ms(500);
    let records = lab.records();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(without_seconds(&records[0]), "1001>1002 c1/c2 ANSWERED caller normal");
    let seconds: u32 = records[0].split(' ').nth(2).expect("seconds").parse().expect("a number");
    assert!((8..12).contains(&seconds), "{records:?}");
}

#[test]
fn what_is_done_with_calls_is_told_as_events() {
    let plan = Plan::seeded(6).with(|setup| {
        for line in &mut setup.lines[1..] {
            line.groups = vec!["sales".to_owned()];
        }
    });
    let mut lab = plan.build().with_registered(&["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Hold(call));
    lab.run_ms(500);
    lab.does_ask("crm", Operation::Unhold(call));
    lab.run_ms(500);
    assert_eq!(lab.record_events(), ["HOLD SIP/1002-c2", "UNHOLD SIP/1002-c2"]);
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1003".to_owned() });
    lab.run_ms(3_000);
    lab.hang_up("carol");
    lab.run_ms(500);
    assert_eq!(lab.record_events(), ["BLINDTRANSFER SIP/1002-c2 SIP/1001-c1"]);

    let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: Some("1003".into()) };
    lab.does_ask("crm", Operation::Forward { line: "1002".into(), entries: vec![entry], rings: None });
    lab.call("alice", "1002");
    lab.run_ms(3_000);
    lab.hang_up("alice");
    lab.run_ms(500);
    let events = lab.record_events();
    assert!(events.len() == 1 && events[0].starts_with("FORWARD SIP/1001-c"), "{events:?}");
    lab.does_ask("crm", Operation::Forward { line: "1002".into(), entries: Vec::new(), rings: None });

    lab.call("alice", "1002");
    lab.run_ms(1_000);
    let from = Some("1002".to_owned());
    let reply = lab.asks("crm", Operation::Pickup { line: "1003".into(), from, group: None });
    assert!(reply.is_ok(), "{reply:?}");
    lab.run_ms(3_000);
    lab.hang_up("alice");
    lab.run_ms(500);
    let events = lab.record_events();
    assert!(events.len() == 1 && events[0].starts_with("PICKUP SIP/1002-c"), "{events:?}");
    lab.nothing_left();
}

#[test]
fn a_conference_is_told_as_events_of_those_who_are_in_it() {
    let mut lab = Lab::registered(7, &["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1001").id;
    let reply = lab.asks("crm", Operation::SetupConference { call, to: None });
    let Ok(Outcome::Conference { conference, consult: Some(consult) }) = reply else { panic!("{reply:?}") };
    lab.does_ask("crm", Operation::Dial { call: consult, digits: "1003".to_owned() });
    lab.run_ms(3_000);
    lab.does_ask("crm", Operation::AddToConference { call: conference, consult });
    lab.run_ms(1_000);
    lab.does_ask("crm", Operation::Drop(conference, None));
    lab.run_ms(1_000);
    let events = lab.record_events();
    let parent = format!("SIP/1001-{conference}");
    let of = |event: &str| events.iter().filter(|one| one.starts_with(event)).collect::<Vec<_>>();
    assert_eq!(of("CONF_START"), [&format!("CONF_START {parent}")], "{events:?}");
    assert_eq!(of("CONF_END"), [&format!("CONF_END {parent}")], "{events:?}");
    for event in ["CONF_ENTER", "CONF_EXIT"] {
        for (member, peer) in [(call, "SIP/1002-c"), (consult, "SIP/1003-c")] {
            let head = format!("{event} SIP/1001-{member} {peer}");
            assert_eq!(of(&head).len(), 1, "{head}: {events:?}");
        }
    }
    lab.nothing_left();
}

/// The same without the seconds since the answer, which are some.
fn without_seconds(record: &str) -> String {
    let words: Vec<_> = record.split(' ').collect();
    assert!(words[2].parse::<u32>().is_ok_and(|seconds| seconds > 0), "{record}");
    [&words[..2], &words[3..]].concat().join(" ")
}
