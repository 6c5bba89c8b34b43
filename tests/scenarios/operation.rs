//! The engine itself: it drains, and it reads its configuration again.

use trunkline::demo::Status;
use trunkline_tests::Lab;

#[test]
fn a_draining_engine_takes_no_more_calls_and_keeps_those_it_has() {
    let mut lab = Lab::registered(1, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    lab.drain();
    lab.call("carol", "1001");
    lab.run_ms(500);
    assert_eq!(lab.status("carol"), Status::Over(503));
    assert!(lab.ladder().last("engine", "carol", "503").is_some_and(|text| text.contains("Retry-After: ")));
    lab.expect_talk("alice", "bob");
    lab.hold("alice");
    lab.run_ms(500);
    lab.resume("alice");
    lab.run_ms(500);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_reload_leaves_calls_as_they_are() {
    let mut lab = Lab::registered(2, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    lab.reload(|setup| {
        setup.lines.retain(|line| &*line.address != "1003");
        setup.calls_max = 1;
    });
    lab.expect_talk("alice", "bob");
    lab.call("bob", "1003");
    lab.run_ms(500);
    assert!(matches!(lab.status("bob"), Status::Over(404 | 503)), "{:?}", lab.status("bob"));
    lab.hang_up("alice");
    lab.run_ms(500);
    lab.call("alice", "1003");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(404));
    lab.connected_call("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_line_that_a_reload_takes_away_ends_its_call_in_peace() {
    let mut lab = Lab::registered(3, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab.reload(|setup| setup.lines.retain(|line| &*line.address != "1002"));
    lab.run_ms(500);
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}
