//! Trunks: calls that come from one, leave by one, or pass from one to the other.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::Setup;
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

/// From wherever it comes: its connection says who it is. One that shows another name is nobody.
#[test]
fn a_trunk_is_known_by_its_certificate() {
    for workers in [1, 3] {
        let plan = Plan::seeded(31).workers(workers).certificate("carrier", "carrier.example");
        let mut lab =
            plan.certificate("overseas", "mallory.example").build().with_registered(&["alice", "bob"]);
        for _ in 0..2 {
            lab.call("carrier", "1002");
            lab.run_ms(500);
            lab.answer("bob");
            lab.run_ms(500);
            lab.expect_talk("carrier", "bob");
            lab.hang_up("bob");
            lab.run_ms(500);
            assert_eq!(lab.status("carrier"), Status::Over(0));
            // It comes again by another connection.
            lab.disconnect("carrier");
        }
        assert_eq!(lab.ladder().count("engine", "carrier", "401"), 0);
        lab.call("overseas", "1002");
        lab.run_ms(500);
        assert_eq!(lab.status("overseas"), Status::Over(401));
        lab.disconnect("overseas");
        lab.nothing_left();
    }
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

/// Where the phone behind the second trunk is, as a host of the first one's network.
fn merged(setup: &mut Setup) {
    let other = setup.trunks[1].peers[0].1.ip();
    setup.trunks[0].redirects.own.push(other.into());
}

fn redirects(lab: &mut Lab, contacts: &str) {
    let script = &mut lab.phone("carrier").script;
    script.on_invite = OnInvite::Refuse(302, Duration::ZERO);
    script.redirects_to = contacts.to_owned();
}

#[test]
fn a_carrier_sends_a_call_to_another_of_its_hosts() {
    let mut lab = Plan::seeded(8).with(merged).build().with_registered(&["alice"]);
    let overseas = lab.phone("overseas").config().address;
    redirects(&mut lab, &format!("<sip:301234@192.0.2.66>;q=1, <sip:301234@{overseas}>;q=0.5"));
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.answer("overseas");
    lab.run_ms(500);
    lab.expect_talk("alice", "overseas");
    lab.expect_ladder(
        "engine -> carrier   INVITE sip:301234@, Max-Forwards: 69
         carrier -> engine   302
         engine -> carrier   ACK
         engine -> overseas  INVITE sip:301234@, Max-Forwards: 68
         overseas -> engine  180
         overseas -> engine  200 INVITE
         engine -> overseas  ACK",
    );
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_carrier_sends_a_call_to_a_line_of_ours() {
    let mut lab = Lab::registered(9, &["alice", "bob"]);
    redirects(&mut lab, "<sip:1002@pbx.example>");
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    let invite = lab.ladder().last("engine", "bob", "INVITE").expect("it was called").to_owned();
    assert!(invite.contains("Diversion: <sip:301234@"), "{invite}");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_carrier_sends_nobody_to_a_number_or_a_host_of_its_choice() {
    let mut lab = Plan::seeded(10).with(merged).build().with_registered(&["alice"]);
    let overseas = lab.phone("overseas").config().address;
    let contacts =
        format!("<sip:900666@{overseas}>, <sip:301234@10.0.0.99>, <sip:301234@evil.example>, <tel:0900666>");
    redirects(&mut lab, &contacts);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(480));
    assert_eq!(lab.ladder().count("engine", "overseas", "INVITE"), 0);
    lab.nothing_left();
}
