//! linePark and lineUnpark, REFER to a slot, the park code, and the slot dialled: who waits, who retrieves.

use std::time::Duration;

use trunkline::demo::Status;
use trunkline::switch::{CallReason, CallState, ConnectedMode, LineError, Operation, Outcome};
use trunkline_tests::Lab;

/// Alice talks with Bob, who has parked her at 701.
fn parked(seed: u64) -> Lab {
    let mut lab = Lab::registered(seed, &["alice", "bob", "carol", "dave"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    let reply = lab.asks("crm", Operation::Park { call, to: None });
    assert_eq!(reply, Ok(Outcome::Parked("701".to_owned())));
    lab
}

#[test]
fn a_parked_party_hears_music_until_a_phone_dials_the_slot() {
    let mut lab = parked(1);
    lab.expect_messages(
        "crm",
        "reply ok
         1002 idle
         1001 connected activeheld",
    );
    lab.expect_ladder(
        "engine -> bob   BYE
         bob -> engine   200 BYE",
    );
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.tone() >= 45 && heard.voice("1002") == 0, "{heard:?}");
    lab.call("carol", "701");
    lab.run_ms(500);
    lab.expect_talk("alice", "carol");
    assert_eq!(lab.call_on("crm", "1003").reason, CallReason::Unpark);
    lab.hang_up("carol");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn an_application_retrieves_for_a_phone_that_answers_by_itself() {
    let mut lab = parked(2);
    lab.expect_messages("crm", "reply ok\n1002 idle\n1001 connected activeheld");
    lab.does_ask("crm", Operation::Unpark { line: "1003".into(), from: "701".to_owned() });
    lab.run_ms(500);
    lab.expect_messages(
        "crm",
        "reply ok
         1003 dialing
         1003 connected active
         1001 connected active",
    );
    lab.expect_talk("alice", "carol");
    let reply = lab.refusal("crm", Operation::Unpark { line: "1004".into(), from: "701".to_owned() });
    assert_eq!(reply, LineError::OperationFailed);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn who_is_not_retrieved_rings_at_the_parker() {
    let mut lab = parked(3);
    lab.run(Duration::from_secs(121));
    assert_eq!(lab.status("bob"), Status::Ringing);
    assert_eq!(lab.call_on("crm", "1002").reason, CallReason::Reminder);
    lab.refuse("bob", 486);
    lab.run_ms(500);
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.tone() >= 45, "she waits on: {heard:?}");
    lab.run(Duration::from_secs(121));
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn of_two_phones_that_dial_the_slot_one_talks() {
    let mut lab = parked(4);
    lab.call("carol", "701");
    lab.call("dave", "701");
    lab.run_ms(1_000);
    let first = lab.status("carol") == Status::Connected;
    let (winner, loser) = if first { ("carol", "dave") } else { ("dave", "carol") };
    assert_eq!(lab.status(loser), Status::Over(480));
    lab.expect_talk("alice", winner);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_transfers_to_a_slot_and_not_to_one_that_is_taken() {
    let mut lab = parked(5);
    lab.connected_call("carol", "dave");
    lab.does("dave", |phone, now, out| phone.transfer(now, "701", out));
    lab.run_ms(500);
    lab.expect_talk("carol", "dave");
    lab.does("dave", |phone, now, out| phone.transfer(now, "702", out));
    lab.run_ms(3_000);
    assert_eq!(lab.call_on("crm", "1003").state, CallState::Connected(ConnectedMode::ActiveHeld));
    let heard = lab.hears("carol", Duration::from_secs(1));
    assert!(heard.tone() >= 45, "{heard:?}");
    lab.call("bob", "702");
    lab.run_ms(500);
    lab.expect_talk("carol", "bob");
    lab.hang_up("carol");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn the_park_code_takes_the_held_call_and_is_confirmed() {
    let mut lab = Lab::registered(6, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    lab.hold("bob");
    lab.run_ms(300);
    lab.call("bob", "*70");
    let heard = lab.hears("bob", Duration::from_millis(800));
    assert!(heard.tone() > 0, "no confirmation tone: {heard:?}");
    lab.run_ms(1_000);
    assert_eq!(lab.status("bob"), Status::Over(0));
    lab.call("carol", "701");
    lab.run_ms(500);
    lab.expect_talk("alice", "carol");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_parked_party_that_hangs_up_frees_the_slot() {
    let mut lab = parked(7);
    lab.hang_up("alice");
    lab.run_ms(500);
    assert!(lab.switch().parked(trunkline::switch::AppId(0)).is_empty());
    lab.call("carol", "701");
    lab.run_ms(500);
    assert_eq!(lab.status("carol"), Status::Over(480));
    lab.nothing_left();
}

#[test]
fn a_caller_from_a_trunk_is_parked_and_retrieved_by_a_line_of_the_engine() {
    let mut lab = Lab::registered(8, &["bob"]);
    lab.connected_call("carrier", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Park { call, to: Some("715".to_owned()) });
    let heard = lab.hears("carrier", Duration::from_secs(1));
    assert!(heard.tone() >= 45, "{heard:?}");
    lab.does_ask("crm", Operation::Unpark { line: "2001".into(), from: "715".to_owned() });
    assert_eq!(lab.call_on("crm", "2001").state, CallState::Connected(ConnectedMode::Active));
    lab.hang_up("carrier");
    lab.run_ms(500);
    let call = lab.call_on("crm", "2001").id;
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}
