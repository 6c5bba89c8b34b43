//! lineDial: the application begins a call and dials in pieces.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::{CallId, CallState, Operation};
use trunkline_tests::Lab;

#[test]
fn the_own_phone_hears_dial_tone_until_digits_come() {
    let mut lab = Lab::registered(1, &["alice", "bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    let call = lab.make_call("crm", "1001", "");
    lab.run_ms(500);
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.tone() >= 45, "no dial tone: {heard:?}");
    lab.does_ask("crm", Operation::Dial { call, digits: "10;".to_owned() });
    lab.run_ms(100);
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert_eq!(heard.tone(), 0, "{heard:?}");
    lab.does_ask("crm", Operation::Dial { call, digits: "02".to_owned() });
    lab.run_ms(1_500);
    lab.expect_talk("alice", "bob");
    lab.expect_states("crm", "1001", "dialtone normal, dialing, proceeding, ringback, connected active");
    lab.expect_ladder(
        "engine -> alice   INVITE, answer-after=0, 1001
         alice -> engine   200
         engine -> alice   ACK
         engine -> bob     INVITE, 1001
         bob -> engine     180
         bob -> engine     200
         engine -> bob     ACK",
    );
    lab.hang_up("bob");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn digits_that_do_not_follow_end_the_call() {
    let mut lab = Lab::registered(2, &["alice"]);
    let call = lab.make_call("crm", "1001", "10;");
    lab.run(Duration::from_secs(62));
    assert_eq!(lab.status("alice"), Status::Over(0));
    assert!(matches!(lab.call_on("crm", "1001").state, CallState::Disconnected(_)));
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}

/// Alice's phone is called, then a number at the carrier that is followed by digits.
fn alice_dials(seed: u64, to: &str) -> (Lab, CallId) {
    let mut lab = Lab::registered(seed, &["alice"]);
    lab.phone("carrier").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    let call = lab.make_call("crm", "1001", to);
    lab.run_ms(1_300);
    lab.expect_states("crm", "1001", "dialing, proceeding, ringback, connected active");
    lab.phone("carrier").listen();
    (lab, call)
}

#[test]
fn digits_after_a_pause_are_said_when_the_call_is_connected() {
    let (mut lab, call) = alice_dials(3, "0301234,,56");
    lab.expect_ladder("engine -> carrier INVITE sip:301234@\n carrier -> engine 180\n carrier -> engine 200\n engine -> carrier ACK");
    lab.run_ms(3_000);
    assert_eq!(lab.phone("carrier").heard().digits, "", "two pauses are four seconds");
    assert!(lab.phone("carrier").heard().voice("1001") > 100, "she speaks meanwhile");
    lab.run_ms(2_000);
    assert_eq!(lab.phone("carrier").heard().digits, "56");
    assert_eq!(lab.told("crm", "generate"), ["1001 generate done"]);
    lab.expect_talk("alice", "carrier");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}

#[test]
fn a_call_that_is_held_says_the_rest_no_more() {
    let (mut lab, call) = alice_dials(4, "0301234,5,6");
    lab.run_ms(3_000);
    assert_eq!(lab.phone("carrier").heard().digits, "5");
    lab.does_ask("crm", Operation::Hold(call));
    lab.run_ms(500);
    assert_eq!(lab.told("crm", "generate"), ["1001 generate cancel"]);
    lab.does_ask("crm", Operation::Unhold(call));
    lab.run_ms(5_000);
    assert_eq!(lab.phone("carrier").heard().digits, "5");
    lab.expect_talk("alice", "carrier");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}
