//! Phones that speak by a stream, plain, sealed or framed: what has no frames is cut into pieces anywhere, and only plain TCP is dialled.

use std::time::Duration;

use trunkline::demo::Status;
use trunkline_tests::Plan;

/// What a phone speaks by.
const STREAMS: [fn(Plan, &'static str) -> Plan; 3] = [Plan::tcp, Plan::tls, Plan::wss];

#[test]
fn a_phone_on_tcp_calls_a_phone_on_udp() {
    for by in STREAMS {
        let mut lab = by(Plan::seeded(1), "alice").build().with_registered(&["alice", "bob"]);
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
}

#[test]
fn a_phone_on_udp_calls_a_phone_on_tcp_by_its_own_connection() {
    for by in STREAMS {
        let mut lab = by(Plan::seeded(2), "bob").workers(3).build().with_registered(&["alice", "bob"]);
        lab.connected_call("alice", "bob");
        lab.expect_talk("alice", "bob");
        lab.hang_up("alice");
        lab.nothing_left();
    }
}

#[test]
fn a_connection_that_closes_takes_its_registration_with_it() {
    for by in STREAMS {
        let mut lab = by(Plan::seeded(3), "bob").build().with_registered(&["alice", "bob"]);
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
}

#[test]
fn a_200_is_repeated_on_tcp_until_it_is_acknowledged() {
    for by in STREAMS {
        let mut lab = by(Plan::seeded(4), "alice").build().with_registered(&["alice", "bob"]);
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
}

#[test]
fn a_call_goes_on_after_its_phone_comes_back_by_another_connection() {
    for by in STREAMS {
        let mut lab = by(Plan::seeded(5), "alice").build().with_registered(&["alice", "bob"]);
        lab.connected_call("alice", "bob");
        lab.disconnect("alice");
        lab.run_ms(500);
        lab.expect_talk("alice", "bob");
        lab.register("alice");
        lab.run_ms(500);
        lab.hold("alice");
        lab.run_ms(500);
        lab.resume("alice");
        lab.run_ms(500);
        lab.expect_talk("alice", "bob");
        lab.hang_up("bob");
        lab.run_ms(500);
        assert_eq!(
            lab.status("alice"),
            Status::Over(0),
            "it was told by the connection that it came back by"
        );
        lab.nothing_left();
    }
}
