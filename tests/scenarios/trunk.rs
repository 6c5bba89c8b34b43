//! Trunks: calls that come from one, leave by one, or pass from one to the other.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline_tests::{Lab, Plan};

#[test]
fn a_call_passes_from_trunk_to_trunk() {
    let mut lab = Lab::seeded(1);
    lab.call("carrier", "9555");
    lab.run_ms(1_000);
    lab.answer("overseas");
    lab.run_ms(1_000);
    lab.expect_talk("carrier", "overseas");
    lab.hang_up("carrier");
    lab.run_ms(1_000);
    lab.expect_ladder(
        "carrier -> engine   INVITE
         engine -> overseas  INVITE sip:555@, Max-Forwards: 69
         overseas -> engine  180
         engine -> carrier   180
         overseas -> engine  200 INVITE
         engine -> overseas  ACK
         engine -> carrier   200 INVITE
         carrier -> engine   ACK
         carrier -> engine   BYE
         engine -> carrier   200 BYE
         engine -> overseas  BYE
         overseas -> engine  200 BYE",
    );
    lab.nothing_left();
}

#[test]
fn a_phone_calls_out_by_a_trunk() {
    let mut lab = Lab::registered(2, &["alice"]);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.answer("carrier");
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    lab.hang_up("carrier");
    lab.run_ms(500);
    lab.expect_ladder(
        "engine -> carrier  INVITE sip:301234@
         carrier -> engine  180
         carrier -> engine  200
         engine -> carrier  ACK
         carrier -> engine  BYE
         engine -> carrier  200",
    );
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn a_trunk_calls_a_phone_without_a_password() {
    let mut lab = Lab::registered(3, &["bob"]);
    lab.call("carrier", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("carrier", "bob");
    assert_eq!(lab.ladder().count("engine", "carrier", "401"), 0);
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_trunk_takes_no_more_calls_than_it_may() {
    let mut lab = Lab::registered(4, &["alice"]);
    lab.phone("carrier").script.on_invite = OnInvite::Answer(Duration::ZERO);
    for _ in 0..4 {
        lab.call("alice", "0301234");
        lab.run_ms(300);
        assert_eq!(lab.status("alice"), Status::Connected);
    }
    lab.call("alice", "0301234");
    lab.run_ms(300);
    assert_eq!(lab.status("alice"), Status::Over(503));
    for _ in 0..4 {
        lab.hang_up("alice");
        lab.run_ms(300);
    }
    lab.call("alice", "0301234");
    lab.run_ms(300);
    assert_eq!(lab.status("alice"), Status::Connected);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn the_engine_takes_no_more_calls_than_it_may() {
    let mut lab =
        Plan::seeded(5).with(|setup| setup.calls_max = 1).build().with_registered(&["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    lab.call("carol", "1001");
    lab.run_ms(500);
    assert_eq!(lab.status("carol"), Status::Over(503));
    assert!(lab.ladder().last("engine", "carol", "503").is_some_and(|text| text.contains("Retry-After: ")));
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_trunk_that_is_dead_is_unreachable() {
    let mut lab = Lab::registered(6, &["alice"]);
    lab.phone("carrier").script.dead = true;
    lab.call("alice", "0301234");
    lab.run(Duration::from_secs(40));
    assert!(matches!(lab.status("alice"), Status::Over(480 | 408 | 503 | 504)), "{:?}", lab.status("alice"));
    assert_eq!(lab.ladder().count("engine", "carrier", "INVITE"), 7);
    lab.nothing_left();
}

#[test]
fn what_a_trunk_answers_reaches_the_caller() {
    let mut lab = Lab::registered(7, &["alice"]);
    for status in [404, 480, 486, 488, 500, 603] {
        lab.phone("carrier").script.on_invite = OnInvite::Refuse(status, Duration::ZERO);
        lab.call("alice", "0301234");
        lab.run_ms(500);
        assert_eq!(lab.status("alice"), Status::Over(status));
    }
    lab.nothing_left();
}
