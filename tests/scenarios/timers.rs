//! What never comes: ACK, answers, RTP. Each wait has an end.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::Operation;
use trunkline_tests::Lab;
use trunkline_tests::lab::T1_64;

#[test]
fn a_caller_who_never_acknowledges_loses_the_call() {
    let mut lab = Lab::registered(1, &["alice", "bob"]);
    lab.phone("alice").script.acknowledges = false;
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::ZERO);
    lab.call("alice", "1002");
    lab.run(Duration::from_secs(31));
    assert_eq!(lab.status("bob"), Status::Connected);
    // T1 doubling to T2, for 64·T1: at 0, 0.5, 1.5, 3.5, 7.5, 11.5 … 31.5 s (RFC 3261 §13.3.1.4).
    assert_eq!(lab.ladder().count("engine", "alice", "200"), 10);
    lab.ladder().forget();
    lab.run(Duration::from_secs(4));
    lab.expect_ladder(
        "engine -> alice  BYE
         engine -> bob    BYE
         alice -> engine  200 BYE
         bob -> engine    200 BYE",
    );
    lab.expect_states(
        "crm",
        "1001",
        "dialing as owner, proceeding, connected active, disconnected tempfailure, idle",
    );
    lab.nothing_left();
}

#[test]
fn a_callee_that_is_dead_is_unreachable_after_timer_b() {
    let mut lab = Lab::registered(2, &["alice", "bob"]);
    lab.phone("bob").script.dead = true;
    lab.call("alice", "1002");
    lab.run(Duration::from_secs(31));
    assert_eq!(lab.status("alice"), Status::Calling);
    lab.run(Duration::from_secs(2));
    assert!(matches!(lab.status("alice"), Status::Over(408 | 480)), "{:?}", lab.status("alice"));
    assert_eq!(lab.ladder().count("engine", "bob", "INVITE"), 7);
    lab.expect_states("crm", "1001", "dialing as owner, proceeding, disconnected unreachable, idle");
    lab.nothing_left();
}

#[test]
fn a_callee_that_dies_in_the_call_is_noticed_by_its_silence() {
    let mut lab = Lab::registered(3, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.phone("bob").script.dead = true;
    lab.run(Duration::from_secs(28));
    assert_eq!(lab.status("alice"), Status::Connected);
    lab.run(Duration::from_secs(4));
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.expect_states("crm", "1001", "disconnected qosunavail, idle");
    lab.nothing_left();
}

#[test]
fn a_bye_that_nobody_answers_is_given_up() {
    let mut lab = Lab::registered(4, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.phone("bob").script.dead = true;
    lab.hang_up("alice");
    lab.run(T1_64 + Duration::from_secs(1));
    assert_eq!(lab.ladder().count("engine", "bob", "BYE"), 11);
    lab.nothing_left();
}

#[test]
fn a_cancel_that_nobody_answers_is_given_up() {
    let mut lab = Lab::registered(5, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.phone("bob").script.dead = true;
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(487));
    lab.nothing_left();
}

#[test]
fn a_caller_that_dies_while_it_rings_is_given_up_with_the_ringing() {
    let mut lab = Lab::registered(6, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.phone("alice").script.dead = true;
    lab.run(Duration::from_secs(70));
    assert_eq!(lab.status("bob"), Status::Over(487));
    lab.nothing_left();
}

#[test]
fn a_long_ringing_is_repeated_each_minute() {
    let mut lab = trunkline_tests::Plan::seeded(7)
        .with(|setup| setup.ring_max = Duration::from_secs(170))
        .build()
        .with_registered(&["alice", "bob"]);
    lab.phone("bob").script.rings_max = Duration::from_secs(170);
    lab.call("alice", "1002");
    lab.run(Duration::from_secs(150));
    assert_eq!(lab.status("alice"), Status::Ringback);
    // RFC 3261 §13.3.1.1.
    assert_eq!(lab.ladder().count("engine", "alice", "180"), 3);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn an_own_phone_that_is_dead_fails_the_call_that_an_application_makes() {
    let mut lab = Lab::registered(8, &["alice", "bob"]);
    lab.phone("alice").script.dead = true;
    let request =
        lab.request("crm", Operation::MakeCall { line: "1001".into(), to: "1002".to_owned(), params: None });
    lab.run(Duration::from_secs(70));
    assert!(lab.reply("crm", request).is_some());
    assert_eq!(lab.status("bob"), Status::Idle);
    for call in lab.calls("crm") {
        lab.does_ask("crm", Operation::Drop(call.id, None));
    }
    lab.nothing_left();
}

/// Calls as a phone that knows session timers and wants this one.
fn call_with_timer(lab: &mut Lab, session_expires: &str) {
    let headers = [("Supported", "timer"), ("Session-Expires", session_expires)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    lab.does("alice", |phone, now, out| {
        phone.call_with(now, "1002", headers, out);
    });
    lab.run_ms(500);
}

/// RFC 4028 §9.
#[test]
fn a_session_interval_that_is_too_short_is_refused_with_the_shortest() {
    let mut lab = Lab::registered(9, &["alice", "bob"]);
    call_with_timer(&mut lab, "89");
    assert_eq!(lab.status("alice"), Status::Over(422));
    let refusal = lab.ladder().last("engine", "alice", "422").expect("it was refused").to_owned();
    assert!(refusal.contains("Min-SE: 90\r\n"), "{refusal}");
    assert_eq!(lab.ladder().count("engine", "bob", "INVITE"), 0);
    lab.nothing_left();
}

/// RFC 4028 §10: a third, or 32 s, before the interval is over.
#[test]
fn a_phone_that_was_to_refresh_and_does_not_loses_the_call() {
    let mut lab = Lab::registered(10, &["alice", "bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::ZERO);
    call_with_timer(&mut lab, "90;refresher=uac");
    assert_eq!(lab.status("alice"), Status::Connected);
    let answer = lab.ladder().last("engine", "alice", "200").expect("it is answered").to_owned();
    assert!(answer.contains("Session-Expires: 90;refresher=uac\r\n"), "{answer}");
    assert!(answer.contains("Require: timer\r\n"), "{answer}");
    lab.run(Duration::from_secs(58));
    assert_eq!(lab.status("alice"), Status::Connected);
    lab.run(Duration::from_secs(4));
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

/// RFC 4028 §9: whoever calls may leave it to us.
#[test]
fn a_session_that_we_are_to_refresh_lives_on() {
    let mut lab = Lab::registered(11, &["alice", "bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::ZERO);
    call_with_timer(&mut lab, "90;refresher=uas");
    let answer = lab.ladder().last("engine", "alice", "200").expect("it is answered").to_owned();
    assert!(answer.contains("Session-Expires: 90;refresher=uas\r\n"), "{answer}");
    lab.ladder().forget();
    lab.run(Duration::from_secs(44));
    let refreshes = |lab: &mut Lab| {
        lab.ladder().count("engine", "alice", "UPDATE") + lab.ladder().count("engine", "alice", "INVITE")
    };
    assert_eq!(refreshes(&mut lab), 0);
    lab.run(Duration::from_secs(3));
    assert_eq!(refreshes(&mut lab), 1, "at half of it");
    assert_eq!(lab.status("alice"), Status::Connected);
    // A phone that answers without a timer has ended it; the call lives on, and voice tells whether it is there.
    lab.run(Duration::from_secs(200));
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}
