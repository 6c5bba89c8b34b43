//! Intercom by a feature code, on the wire.

use trunkline::demo::Status;
use trunkline_tests::Lab;

#[test]
fn a_line_is_spoken_to_and_answers() {
    let mut lab = Lab::registered(1, &["alice", "carol"]);
    lab.call("alice", "*801003");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "alice -> engine  INVITE sip:*801003@
         engine -> alice  401
         alice -> engine  ACK
         alice -> engine  INVITE
         engine -> carol  INVITE, answer-after=0, Answer-Mode: Auto, To: <sip:1003@pbx.example>
         carol -> engine  200
         engine -> carol  ACK
         engine -> alice  200
         alice -> engine  ACK",
    );
    lab.expect_talk("alice", "carol");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn who_talks_is_not_spoken_to_and_a_caller_may_give_up() {
    let mut lab = Lab::registered(2, &["alice", "carol", "dave"]);
    lab.connected_call("alice", "carol");
    lab.call("dave", "*801003");
    lab.run_ms(1_000);
    assert_eq!(lab.status("dave"), Status::Over(486));
    lab.hang_up("carol");
    lab.run_ms(1_000);
    lab.call("dave", "*801003");
    lab.run_ms(1_000);
    lab.hang_up("dave");
    lab.nothing_left();
}
