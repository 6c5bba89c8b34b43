//! Media through the relay: ports, strangers, silence.

use std::time::Duration;

use trunkline::demo::{Heard, Status};
use trunkline_tests::{Lab, Plan};

#[test]
fn a_strangers_packets_are_not_heard() {
    let mut lab = Lab::registered(1, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    let ports = lab.media_ports();
    assert_eq!(ports.len(), 4, "two legs, RTP and RTCP each: {ports:?}");
    lab.phone("alice").listen();
    lab.phone("bob").listen();
    for port in ports {
        for _ in 0..20 {
            lab.injects_rtp("10.0.66.6:4000", port);
        }
    }
    lab.run_ms(1_000);
    for name in ["alice", "bob"] {
        let heard = lab.phone(name).heard().clone();
        assert_eq!((heard.tone(), heard.foreign, heard.malformed), (0, 0, 0), "{name}: {heard:?}");
    }
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_port_that_another_process_holds_is_passed_over() {
    let mut lab = Lab::registered(2, &["alice", "bob"]);
    for port in (20_000..20_100).step_by(2) {
        lab.takes_port(port);
    }
    for _ in 0..4 {
        lab.call("alice", "1002");
        lab.run_ms(500);
        lab.answer("bob");
        lab.run_ms(500);
        if lab.status("alice") == Status::Connected {
            lab.expect_talk("alice", "bob");
        }
        lab.hang_up("alice");
        lab.run_ms(500);
    }
    lab.nothing_left();
}

#[test]
fn ports_come_back() {
    let mut lab = Lab::registered(3, &["alice", "bob"]);
    for _ in 0..30 {
        lab.connected_call("alice", "bob");
        lab.hang_up("alice");
        lab.run_ms(500);
    }
    lab.run(Duration::from_secs(40));
    assert_eq!(lab.media_ports(), Vec::<u16>::new());
    lab.nothing_left();
}

#[test]
fn a_phone_behind_a_translator_is_learnt() {
    let mut lab = Plan::seeded(4).translated("alice").build().with_registered(&["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.connected_call("bob", "alice");
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_learnt_source_is_not_taken_over_by_a_stranger() {
    let mut lab = Plan::seeded(5).translated("alice").build().with_registered(&["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.phone("bob").listen();
    for port in lab.media_ports() {
        for _ in 0..50 {
            lab.injects_rtp("10.0.66.6:4000", port);
        }
    }
    lab.run_ms(1_000);
    let heard = lab.phone("bob").heard().clone();
    assert!(heard.tone() == 0 && heard.voice("1001") >= 45, "{heard:?}");
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

/// What Bob hears while Alice talks, holds with music, and talks on; whether speech passed the worker by.
fn holds_and_resumes(kernel: bool) -> (Heard, u64) {
    let plan = if kernel { Plan::seeded(6) } else { Plan::seeded(6).without_kernel() };
    let mut lab = plan.build().with_registered(&["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.phone("bob").listen();
    lab.run_ms(2_000);
    assert_eq!(lab.flows_in_kernel(), if kernel { 2 } else { 0 });
    lab.hold("alice");
    lab.run_ms(2_000);
    assert_eq!(lab.flows_in_kernel(), 0, "the one hears music, the other is held");
    lab.resume("alice");
    lab.run_ms(2_000);
    assert_eq!(lab.flows_in_kernel(), if kernel { 2 } else { 0 });
    let heard = lab.phone("bob").heard().clone();
    let taken = lab.flows_taken();
    lab.hang_up("alice");
    lab.nothing_left();
    (heard, taken)
}

#[test]
fn a_phone_hears_the_same_whichever_way_its_packets_take() {
    let (past, taken) = holds_and_resumes(true);
    let (through, none) = holds_and_resumes(false);
    assert!(taken >= 4 && none == 0, "{taken}, {none}");
    assert_eq!(past, through);
    assert!(past.voice("1001") > 150 && past.tone() > 75 && past.jumps == 0 && past.sources.len() == 1);
}
