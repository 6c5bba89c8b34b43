//! One phone calls another: how it begins, how it fails, how it ends.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::setup::EarlyMedia;
use trunkline_sip::message::Method;
use trunkline_tests::{Lab, Plan};

#[test]
fn two_phones_talk_through_the_relay() {
    let mut lab = Lab::registered(1, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Ringback, Status::Ringing));
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine   INVITE sip:1002@pbx.example
         engine -> alice   401 INVITE, WWW-Authenticate: Digest
         alice -> engine   ACK
         alice -> engine   INVITE, Authorization: Digest
         engine -> bob     INVITE, Max-Forwards: 69, c=IN IP4 10.0.0.1, \"1001\" <sip:1001@
         bob -> engine     180
         engine -> alice   180
         bob -> engine     200 INVITE
         engine -> bob     ACK
         engine -> alice   200 INVITE, c=IN IP4 10.0.0.1
         alice -> engine   ACK
         alice -> engine   BYE
         engine -> alice   200 BYE
         engine -> bob     BYE
         bob -> engine     200 BYE",
    );
    lab.nothing_left();
}

#[test]
fn the_callee_hangs_up() {
    let mut lab = Lab::registered(2, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.hang_up("bob");
    lab.run_ms(500);
    lab.expect_ladder(
        "bob -> engine    BYE
         engine -> bob    200 BYE
         engine -> alice  BYE
         alice -> engine  200 BYE",
    );
    lab.nothing_left();
}

#[test]
fn both_hang_up_at_once() {
    let mut lab = Lab::registered(3, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.hang_up("alice");
    lab.hang_up("bob");
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

#[test]
fn a_busy_callee_is_busy_to_the_caller() {
    let mut lab = Lab::registered(4, &["alice", "bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.expect_ladder(
        "engine -> bob   INVITE
         bob -> engine   486
         engine -> bob   ACK",
    );
    assert_eq!(lab.status("alice"), Status::Over(486));
    lab.nothing_left();
}

#[test]
fn a_callee_who_declines_is_heard() {
    let mut lab = Lab::registered(5, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.refuse("bob", 603);
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(603), Status::Over(603)));
    lab.nothing_left();
}

#[test]
fn a_call_to_nobody_is_not_found() {
    let mut lab = Lab::registered(6, &["alice"]);
    lab.call("alice", "4711");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine   INVITE
         engine -> alice   401
         alice -> engine   ACK
         alice -> engine   INVITE
         engine -> alice   404
         alice -> engine   ACK",
    );
    lab.expect_states("crm", "1001", "dialing as owner, disconnected badaddress, idle");
    lab.nothing_left();
}

#[test]
fn a_call_to_a_phone_that_is_not_registered_is_unavailable() {
    let mut lab = Lab::registered(7, &["alice"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(480));
    lab.nothing_left();
}

#[test]
fn a_route_may_refuse() {
    let mut lab = Lab::registered(8, &["alice"]);
    lab.call("alice", "666");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(403));
    lab.nothing_left();
}

#[test]
fn a_callee_who_never_answers_is_given_up_after_the_ringing_time() {
    let mut lab = Lab::registered(9, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run(Duration::from_secs(59));
    assert_eq!(lab.status("alice"), Status::Ringback);
    lab.run(Duration::from_secs(3));
    lab.expect_ladder(
        "engine -> bob   INVITE
         bob -> engine   180
         engine -> bob   CANCEL
         bob -> engine   200 CANCEL
         bob -> engine   487 INVITE
         engine -> bob   ACK",
    );
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(480), Status::Over(487)));
    lab.nothing_left();
}

#[test]
fn a_caller_cancels_while_it_rings() {
    let mut lab = Lab::registered(10, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.ladder().forget();
    lab.hang_up("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine   CANCEL
         engine -> alice   200 CANCEL
         engine -> alice   487 INVITE
         engine -> bob     CANCEL, Reason: SIP;cause=487
         alice -> engine   ACK
         bob -> engine     200 CANCEL
         bob -> engine     487 INVITE
         engine -> bob     ACK",
    );
    lab.nothing_left();
}

#[test]
fn a_caller_cancels_before_the_callee_said_a_word() {
    let mut lab = Lab::registered(11, &["alice", "bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Silent;
    lab.call("alice", "1002");
    lab.run_ms(200);
    lab.hang_up("alice");
    lab.run_ms(200);
    assert_eq!(lab.status("alice"), Status::Over(487));
    // RFC 3261 §9.1: without a provisional response no CANCEL may be sent.
    assert_eq!(lab.ladder().count("engine", "bob", "CANCEL"), 0);
    lab.phone("bob").script.on_invite = OnInvite::Ring;
    lab.run(Duration::from_secs(2));
    assert_eq!(lab.ladder().count("engine", "bob", "CANCEL"), 1);
    assert_eq!(lab.status("bob"), Status::Over(487));
    lab.nothing_left();
}

#[test]
fn a_cancel_that_crosses_the_200_ends_in_bye() {
    let mut lab = Lab::registered(12, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.ladder().forget();
    lab.hang_up("alice");
    lab.run_ms(7);
    lab.answer("bob");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "engine -> bob   CANCEL
         bob -> engine   200 INVITE
         bob -> engine   200 CANCEL
         engine -> bob   ACK
         engine -> bob   BYE
         bob -> engine   200 BYE",
    );
    assert!(matches!(lab.status("alice"), Status::Over(_)));
    lab.nothing_left();
}

#[test]
fn a_cancel_that_comes_after_the_200_ends_in_bye() {
    let mut lab = Lab::registered(13, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.ladder().forget();
    lab.answer("bob");
    lab.run_ms(6);
    lab.hang_up("alice");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "engine -> alice  200 INVITE
         alice -> engine  CANCEL
         alice -> engine  ACK
         alice -> engine  BYE
         engine -> alice  200 CANCEL
         engine -> alice  200 BYE",
    );
    lab.nothing_left();
}

#[test]
fn early_media_is_heard_before_the_answer() {
    let mut lab = Lab::registered(14, &["alice", "bob"]);
    lab.phone("bob").script.early_media = true;
    lab.call("alice", "1002");
    lab.run_ms(500);
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.voice("1002") >= 45, "{heard:?}");
    lab.expect_ladder(
        "engine -> bob   INVITE
         bob -> engine   183",
    );
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

/// Where a trunk's early media is not wanted, callers are told of ringing alone, and a carrier that calls hears no tones of ours
/// or of phones.
#[test]
fn early_media_of_a_trunk_is_ringing_where_it_is_set_so() {
    let mut lab = Plan::seeded(22)
        .with(|setup| setup.trunks.iter_mut().for_each(|trunk| trunk.early_media = EarlyMedia::Ringback))
        .build()
        .with_registered(&["alice", "bob"]);
    for (caller, callee, number) in [("alice", "carrier", "0301234"), ("carrier", "bob", "1002")] {
        lab.phone(callee).script.early_media = true;
        lab.forget();
        lab.call(caller, number);
        lab.run_ms(500);
        let heard = lab.hears(caller, Duration::from_secs(1));
        assert_eq!(heard.total(), 0, "{caller}: {heard:?}");
        assert_eq!((lab.status(caller), lab.status(callee)), (Status::Ringback, Status::Ringing));
        assert_eq!(
            (lab.ladder().count(callee, "engine", "183"), lab.ladder().count("engine", caller, "183")),
            (1, 0)
        );
        lab.answer(callee);
        lab.run_ms(500);
        lab.expect_talk(caller, callee);
        lab.hang_up(caller);
        lab.run_ms(500);
    }
    lab.nothing_left();
}

#[test]
fn a_call_without_an_offer_is_offered_by_the_engine() {
    let mut lab = Lab::registered(15, &["alice", "bob"]);
    lab.phone("alice").script.late_offer = true;
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(1_000);
    lab.expect_talk("alice", "bob");
    assert!(lab.ladder().last("alice", "engine", "INVITE").is_some_and(|invite| !invite.contains("m=audio")));
    assert!(lab.ladder().last("engine", "bob", "INVITE").is_some_and(|invite| invite.contains("m=audio")));
    assert!(lab.ladder().last("alice", "engine", "ACK").is_some_and(|ack| ack.contains("m=audio")));
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_bye_that_comes_before_the_ack_ends_the_call() {
    let mut lab = Lab::registered(16, &["alice", "bob"]);
    lab.phone("alice").script.acknowledges = false;
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::ZERO);
    lab.call("alice", "1002");
    lab.run_ms(300);
    lab.ladder().forget();
    lab.hang_up("alice");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "alice -> engine   BYE
         engine -> alice   200 BYE
         engine -> bob     BYE
         bob -> engine     200 BYE",
    );
    lab.nothing_left();
}

#[test]
fn a_phone_has_two_calls_at_once() {
    let mut lab = Lab::registered(17, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    lab.hold("bob");
    lab.run_ms(500);
    lab.connected_call("carol", "bob");
    lab.expect_talk("carol", "bob");
    assert_eq!(lab.status("alice"), Status::Connected);
    lab.hang_up("carol");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Connected);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_calls_itself_and_is_busy_or_rings() {
    let mut lab = Lab::registered(18, &["alice"]);
    lab.call("alice", "1001");
    lab.run(Duration::from_secs(70));
    lab.nothing_left();
}

#[test]
fn requests_inside_a_call_are_answered_and_change_nothing() {
    let mut lab = Lab::registered(19, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    for (method, status) in
        [(Method::Options, "200"), (Method::Info, "200"), (Method::Message, "405"), (Method::Publish, "405")]
    {
        lab.does("alice", |phone, now, out| phone.ask(now, method, out));
        lab.run_ms(200);
        lab.expect_ladder(&format!(
            "alice -> engine   {0}
             engine -> alice   {status} {0}",
            method.name()
        ));
    }
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_loose_route_is_followed_in_both_roles() {
    let mut lab = Lab::registered(20, &["alice", "bob"]);
    lab.phone("alice").script.record_route = true;
    lab.phone("bob").script.record_route = true;
    lab.connected_call("alice", "bob");
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "engine -> bob   BYE sip:1002@10.0.1.2, Route: <sip:10.0.1.2:5060;lr>
         bob -> engine   200 BYE",
    );
    lab.connected_call("alice", "bob");
    lab.hang_up("bob");
    lab.run_ms(500);
    lab.expect_ladder(
        "engine -> alice   BYE sip:1001@10.0.1.1, Route: <sip:10.0.1.1:5060;lr>
         alice -> engine   200 BYE",
    );
    lab.nothing_left();
}
