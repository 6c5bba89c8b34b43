//! lineForward: calls that go elsewhere, on the wire.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::{CallReason, ForwardEntry, ForwardMode, Operation};
use trunkline_tests::Lab;

fn forward(lab: &mut Lab, line: &str, mode: ForwardMode, to: Option<&str>, rings: u32) {
    let entry = ForwardEntry { mode, caller: None, destination: to.map(Into::into) };
    lab.does_ask("crm", Operation::Forward { line: line.into(), entries: vec![entry], rings: Some(rings) });
    lab.ladder().forget();
}

#[test]
fn a_list_is_set_and_cancelled_and_everybody_hears_of_it() {
    let mut lab = Lab::registered(1, &[]);
    forward(&mut lab, "1002", ForwardMode::Uncond, Some("1003"), 4);
    lab.expect_messages("crm", "reply ok\n1002 address-state forward");
    lab.expect_messages("wall", "1002 address-state forward");
    let cancel = Operation::Forward { line: "1002".into(), entries: Vec::new(), rings: None };
    lab.does_ask("crm", cancel);
    lab.expect_messages("crm", "reply ok\n1002 address-state forward");
    lab.nothing_left();
}

#[test]
fn all_calls_go_to_another_phone() {
    let mut lab = Lab::registered(2, &["alice", "bob", "carol"]);
    forward(&mut lab, "1002", ForwardMode::Uncond, Some("1003"), 4);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.answer("carol");
    lab.run_ms(1_000);
    lab.expect_talk("alice", "carol");
    lab.expect_ladder(
        "alice -> engine   INVITE sip:1002@
         engine -> alice   401
         alice -> engine   ACK
         alice -> engine   INVITE sip:1002@
         engine -> carol   INVITE, \"Line 1002\" <sip:1002@pbx.example>;reason=unconditional;counter=1, <sip:1003@pbx.example;cause=302>;index=1.1;mp=1
         carol -> engine   180
         engine -> alice   180
         carol -> engine   200
         engine -> carol   ACK
         engine -> alice   200
         alice -> engine   ACK",
    );
    let call = lab.call_on("wall", "1003");
    assert_eq!((call.reason, call.redirecting.number.as_str()), (CallReason::FwdUncond, "1002"));
    assert_eq!(lab.status("bob"), Status::Idle);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_call_that_nobody_answers_goes_on_after_the_rings() {
    let mut lab = Lab::registered(3, &["alice", "bob", "carol"]);
    forward(&mut lab, "1002", ForwardMode::NoAnsw, Some("1003"), 2);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.ladder().forget();
    lab.run(Duration::from_secs(12));
    lab.expect_ladder(
        "engine -> bob     CANCEL, SIP;cause=408
         engine -> carol   INVITE, reason=no-answer
         bob -> engine     200 CANCEL
         bob -> engine     487
         carol -> engine   180
         engine -> bob     ACK",
    );
    lab.answer("carol");
    lab.run_ms(1_000);
    lab.expect_talk("alice", "carol");
    lab.hang_up("carol");
    lab.nothing_left();
}

#[test]
fn a_busy_phone_sends_its_callers_out_by_a_trunk() {
    let mut lab = Lab::registered(4, &["alice", "bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    forward(&mut lab, "1002", ForwardMode::Busy, Some("0555"), 4);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "engine -> bob      INVITE
         bob -> engine      486
         engine -> bob      ACK
         engine -> carrier  INVITE sip:555@, <sip:1002@pbx.example>;reason=user-busy;counter=1, <sip:1002@pbx.example?Reason=SIP%3Bcause%3D486>;index=1
         carrier -> engine  180",
    );
    lab.answer("carrier");
    lab.run_ms(1_000);
    lab.expect_talk("alice", "carrier");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_is_gone_is_forwarded_and_one_that_is_not_disturbed_is_silent() {
    let mut lab = Lab::registered(5, &["alice", "carol"]);
    forward(&mut lab, "1002", ForwardMode::BusyNa, Some("1003"), 4);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    assert_eq!(lab.status("carol"), Status::Ringing);
    lab.hang_up("alice");
    lab.run_ms(1_000);
    forward(&mut lab, "1003", ForwardMode::Uncond, None, 4);
    lab.call("alice", "1003");
    lab.run_ms(1_000);
    assert_eq!(lab.status("alice"), Status::Over(480));
    lab.nothing_left();
}

#[test]
fn two_lines_that_send_each_other_their_callers_are_a_loop() {
    let mut lab = Lab::registered(6, &["alice", "bob", "carol"]);
    forward(&mut lab, "1002", ForwardMode::Uncond, Some("1003"), 4);
    forward(&mut lab, "1003", ForwardMode::Uncond, Some("1002"), 4);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    assert_eq!(lab.status("alice"), Status::Over(482));
    lab.nothing_left();
}

#[test]
fn the_handset_forwards_by_code() {
    let mut lab = Lab::registered(7, &["alice", "bob", "carol"]);
    lab.call("bob", "*21*1003");
    lab.run_ms(3_000);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    assert_eq!((lab.status("bob"), lab.status("carol")), (Status::Over(0), Status::Ringing));
    lab.hang_up("alice");
    lab.run_ms(1_000);
    lab.call("bob", "#21");
    lab.run_ms(3_000);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    assert_eq!(lab.status("bob"), Status::Ringing);
    lab.hang_up("alice");
    lab.nothing_left();
}
