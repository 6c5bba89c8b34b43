//! lineMakeCall, lineAnswer, lineAccept, lineDrop: an application moves the phones.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::{BusyMode, CallState, LineError, Operation};
use trunkline_tests::Lab;

#[test]
fn click_to_dial_rings_the_own_phone_first() {
    let mut lab = Lab::registered(1, &["alice", "bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::from_secs(2));
    let call = lab.make_call("crm", "1001", "1002");
    lab.run_ms(500);
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.tone() > 0, "no ringback: {heard:?}");
    lab.run_ms(1_000);
    lab.expect_talk("alice", "bob");
    lab.expect_ladder(
        "engine -> alice   INVITE, answer-after=0, 1002
         alice -> engine   200
         engine -> alice   ACK
         engine -> bob     INVITE, 1001, !answer-after
         bob -> engine     180
         bob -> engine     200
         engine -> bob     ACK",
    );
    lab.expect_states("crm", "1001", "dialing, proceeding, ringback, connected active");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

#[test]
fn the_reply_comes_before_any_message_about_the_call() {
    let mut lab = Lab::registered(2, &["alice", "bob"]);
    let call = lab.make_call("crm", "1001", "1002");
    lab.expect_messages(
        "crm",
        "reply ok
         1001 dialing
         1002 new-call owner
         1002 offering active as owner
         1001 proceeding
         1002 accepted
         1001 ringback",
    );
    lab.expect_messages(
        "wall",
        "1001 new-call monitor
         1001 unknown as monitor
         1001 dialing
         1002 new-call monitor
         1002 offering active as monitor
         1001 proceeding
         1002 accepted
         1001 ringback",
    );
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}

#[test]
fn an_own_phone_that_refuses_ends_the_call_before_the_destination_rings() {
    let mut lab = Lab::registered(3, &["alice", "bob"]);
    lab.phone("alice").script.auto_answers = false;
    lab.phone("alice").script.on_invite = OnInvite::Refuse(486, Duration::from_secs(1));
    lab.make_call("crm", "1001", "1002");
    lab.run_ms(2_000);
    assert!(matches!(lab.call_on("crm", "1001").state, CallState::Disconnected(_)));
    assert_eq!(lab.status("bob"), Status::Idle);
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}

#[test]
fn an_own_phone_that_does_not_auto_answer_rings() {
    let mut lab = Lab::registered(4, &["alice", "bob"]);
    lab.phone("alice").script.auto_answers = false;
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.make_call("crm", "1001", "1002");
    lab.run_ms(8_000);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Ringing, Status::Idle));
    lab.answer("alice");
    lab.run_ms(3_000);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_line_without_a_phone_makes_no_call() {
    let mut lab = Lab::registered(5, &["bob"]);
    let reply =
        lab.asks("crm", Operation::MakeCall { line: "1001".into(), to: "1002".to_owned(), params: None });
    assert!(reply.is_err(), "{reply:?}");
    lab.expect_ladder("");
    lab.nothing_left();
}

#[test]
fn a_busy_destination_leaves_the_call_busy_until_it_is_dropped() {
    let mut lab = Lab::registered(6, &["alice", "bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    let call = lab.make_call("crm", "1001", "1002");
    lab.run_ms(1_000);
    assert_eq!(lab.call_on("crm", "1001").state, CallState::Busy(BusyMode::Station));
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn every_failure_has_its_mode() {
    let mut lab = Lab::registered(7, &["alice", "bob"]);
    for (status, mode) in [
        (403, "disconnected blocked"),
        (404, "disconnected badaddress"),
        (410, "disconnected numberchanged"),
        (480, "disconnected unreachable"),
        (486, "busy station"),
        (488, "disconnected incompatible"),
        (500, "disconnected tempfailure"),
        (503, "disconnected tempfailure"),
        (600, "busy station"),
        (603, "disconnected reject"),
    ] {
        lab.phone("carrier").script.on_invite = OnInvite::Refuse(status, Duration::ZERO);
        let call = lab.make_call("crm", "1001", "0301234");
        lab.run_ms(500);
        let states = lab.states("crm", "1001");
        assert_eq!(states.last().map(String::as_str), Some(mode), "{status}: {states:?}");
        lab.does_ask("crm", Operation::Drop(call, None));
        lab.does_ask("crm", Operation::DeallocateCall(call));
        lab.run_ms(500);
    }
    lab.nothing_left();
}

#[test]
fn a_destination_that_does_not_answer_in_time_is_no_answer() {
    let mut lab = Lab::registered(20, &["alice", "bob"]);
    let call = lab.make_call("crm", "1001", "1002");
    lab.run(Duration::from_secs(65));
    lab.expect_states("crm", "1001", "dialing, proceeding, ringback, disconnected noanswer");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}

#[test]
fn a_call_is_made_to_a_trunk() {
    let mut lab = Lab::registered(8, &["alice"]);
    lab.phone("carrier").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    let call = lab.make_call("crm", "1001", "0301234");
    lab.run_ms(3_000);
    lab.expect_talk("alice", "carrier");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}

#[test]
fn a_local_line_calls_without_a_phone() {
    let mut lab = Lab::registered(9, &["bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    let call = lab.make_call("crm", "2001", "1002");
    lab.run_ms(2_000);
    assert_eq!(lab.status("bob"), Status::Connected);
    lab.expect_states("crm", "2001", "dialing, proceeding, ringback, connected active");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn a_call_is_dropped_while_it_rings() {
    let mut lab = Lab::registered(10, &["alice", "bob"]);
    let call = lab.make_call("crm", "1001", "1002");
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Ringing);
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(487)));
    lab.nothing_left();
}

#[test]
fn a_call_is_dropped_before_the_own_phone_answered() {
    let mut lab = Lab::registered(11, &["alice", "bob"]);
    lab.phone("alice").script.auto_answers = false;
    let call = lab.make_call("crm", "1001", "1002");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(487), Status::Idle));
    lab.nothing_left();
}

#[test]
fn a_ringing_phone_is_answered_by_notify_talk() {
    let mut lab = Lab::registered(12, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.ladder().forget();
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Answer(call, None));
    lab.run_ms(500);
    lab.expect_ladder(
        "engine -> bob   NOTIFY, Event: talk, Subscription-State: terminated
         bob -> engine   200 NOTIFY
         bob -> engine   200 INVITE
         engine -> bob   ACK",
    );
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_knows_no_talk_is_called_anew_with_auto_answer() {
    let mut lab = Lab::registered(13, &["alice", "bob"]);
    lab.phone("bob").script.obeys_talk = false;
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.ladder().forget();
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Answer(call, None));
    lab.run_ms(500);
    assert_eq!(lab.ladder().count("engine", "bob", "CANCEL"), 1);
    assert!(
        lab.ladder().last("engine", "bob", "INVITE").is_some_and(|invite| invite.contains("answer-after=0"))
    );
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn an_answer_that_the_caller_gave_up_on_fails() {
    let mut lab = Lab::registered(14, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    let call = lab.call_on("crm", "1002").id;
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!(lab.refusal("crm", Operation::Answer(call, None)), LineError::InvalCallState);
    lab.nothing_left();
}

#[test]
fn an_offered_call_is_rejected_by_drop() {
    let mut lab = Lab::registered(15, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(603), Status::Over(487)));
    lab.nothing_left();
}

#[test]
fn an_own_phone_that_hangs_up_while_the_other_rings_cancels() {
    let mut lab = Lab::registered(16, &["alice", "bob"]);
    lab.make_call("crm", "1001", "1002");
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Connected, Status::Ringing));
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Over(487));
    lab.nothing_left();
}

#[test]
fn a_local_line_accepts_answers_holds_and_drops() {
    let mut lab = Lab::registered(21, &["alice"]);
    lab.call("alice", "2001");
    lab.run_ms(500);
    let call = lab.call_on("crm", "2001").id;
    lab.does_ask("crm", Operation::Accept(call, None));
    assert_eq!(lab.status("alice"), Status::Ringback);
    lab.does_ask("crm", Operation::Answer(call, None));
    assert_eq!(lab.status("alice"), Status::Connected);
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.silence() >= 45, "{heard:?}");
    lab.does_ask("crm", Operation::Hold(call));
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.tone() >= 45, "{heard:?}");
    lab.does_ask("crm", Operation::Unhold(call));
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.expect_states(
        "crm",
        "2001",
        "offering active as owner, accepted, connected active, onhold, connected active, idle",
    );
    lab.nothing_left();
}

#[test]
fn a_call_of_a_local_line_that_nobody_controls_any_more_is_dropped() {
    let mut lab = Lab::registered(22, &["bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::ZERO);
    let call = lab.make_call("crm", "2001", "1002");
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Connected);
    lab.does_ask("crm", Operation::DeallocateCall(call));
    lab.run_ms(500);
    // LINEDEVCAPFLAGS_CLOSEDROP: a monitor could not end it, and there is no handset.
    assert_eq!(lab.status("bob"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn two_phones_of_the_line_do_not_both_auto_answer() {
    let mut lab = Lab::registered(23, &["alice", "bob", "bob-home"]);
    lab.phone("alice").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.make_call("crm", "1002", "1001");
    lab.run_ms(3_000);
    let up = ["bob", "bob-home"].iter().filter(|name| lab.status(name) == Status::Connected).count();
    assert_eq!(up, 1, "not every microphone of the user is to open");
    lab.hang_up("alice");
    lab.nothing_left();
}
