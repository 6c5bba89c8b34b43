//! Several SIP workers: a datagram reaches any of them, and its owner gets it.

use std::time::Duration;

use trunkline::demo::Status;
use trunkline::switch::Operation;
use trunkline_tests::network::Quality;
use trunkline_tests::{Lab, Plan};

fn lab(seed: u64) -> Lab {
    let mut lab = Plan::seeded(seed).workers(4).build().with_registered(&["alice", "bob", "carol", "dave"]);
    lab.set_quality(Quality { mailbox_wait_max: Duration::from_millis(2), ..Quality::GOOD });
    lab
}

#[test]
fn calls_live_on_several_workers() {
    let mut lab = lab(1);
    lab.connected_call("alice", "bob");
    lab.connected_call("carol", "dave");
    lab.expect_talk("alice", "bob");
    lab.expect_talk("carol", "dave");
    lab.hold("alice");
    lab.hold("dave");
    lab.run_ms(500);
    lab.resume("alice");
    lab.resume("dave");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.hang_up("carol");
    lab.run_ms(500);
    lab.nothing_left();
}

#[test]
fn a_cancel_finds_its_invite_on_its_worker() {
    for seed in 0..8 {
        let mut lab = lab(seed);
        lab.call("alice", "1002");
        lab.run_ms(500);
        lab.hang_up("alice");
        lab.run_ms(500);
        assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(487), Status::Over(487)));
        lab.nothing_left();
    }
}

#[test]
fn a_made_call_spans_workers() {
    let mut lab = lab(3);
    let call = lab.make_call("crm", "1001", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}
