//! Phones that speak TCP: the stream is cut into pieces anywhere.

use std::time::Duration;

use trunkline::demo::Status;
use trunkline_tests::Plan;

#[test]
fn a_phone_on_tcp_calls_a_phone_on_udp() {
    let mut lab = Plan::seeded(1).tcp("alice").build().with_registered(&["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.expect_talk("alice", "bob");
    lab.hold("alice");
    lab.run_ms(500);
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn a_phone_on_udp_calls_a_phone_on_tcp_by_its_own_connection() {
    let mut lab = Plan::seeded(2).tcp("bob").workers(3).build().with_registered(&["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_connection_that_closes_takes_its_registration_with_it() {
    let mut lab = Plan::seeded(3).tcp("bob").build().with_registered(&["alice", "bob"]);
    lab.disconnect("bob");
    lab.call("alice", "1002");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(480));
    lab.register("bob");
    lab.run_ms(500);
    lab.connected_call("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_200_is_repeated_on_tcp_until_it_is_acknowledged() {
    let mut lab = Plan::seeded(4).tcp("alice").build().with_registered(&["alice", "bob"]);
    lab.phone("alice").script.acknowledges = false;
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run(Duration::from_secs(2));
    // RFC 3261 §13.3.1.4: on every transport.
    assert!(lab.ladder().count("engine", "alice", "200") >= 3);
    lab.hang_up("bob");
    lab.nothing_left();
}
