//! Records of calls: one for each conversation and each attempt, whoever joins, leaves, or is sent elsewhere.

use std::time::Duration;

use trunkline::demo::OnInvite;
use trunkline::switch::{Operation, Outcome, TransferMode};
use trunkline_tests::Lab;

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

/// The same without the seconds since the answer, which are some.
fn without_seconds(record: &str) -> String {
    let words: Vec<_> = record.split(' ').collect();
    assert!(words[2].parse::<u32>().is_ok_and(|seconds| seconds > 0), "{record}");
    [&words[..2], &words[3..]].concat().join(" ")
}
