//! Calls for help.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::Setup;
use trunkline_tests::Plan;

/// `0112` is for help, and everything is full at one call.
fn help(setup: &mut Setup) {
    let mut route = setup.routes[0].clone();
    route.pattern = "^0(112)$".parse().expect("it is written here");
    route.is_emergency = true;
    setup.routes.insert(0, route);
    setup.trunks[0].calls_max = 1;
    setup.calls_max = 1;
}

#[test]
fn a_call_for_help_passes_every_limit_of_calls() {
    let mut lab = Plan::seeded(1).with(help).build().with_registered(&["alice", "bob", "carol"]);
    lab.phone("carrier").script.on_invite = OnInvite::Answer(Duration::ZERO);
    lab.call("alice", "0301234");
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    lab.call("bob", "0301234");
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Over(503), "everything is full");
    lab.call("carol", "0112");
    lab.run_ms(500);
    assert_eq!(lab.status("carol"), Status::Connected);
    let invite = lab.ladder().last("engine", "carrier", "INVITE").expect("it was called").to_owned();
    assert!(invite.starts_with("INVITE sip:112@"), "{invite}");
    for name in ["alice", "carol"] {
        lab.hang_up(name);
    }
    lab.nothing_left();
}
