//! linePickup and its codes: what rings elsewhere is taken.

use std::time::Duration;

use trunkline::demo::Status;
use trunkline::switch::{CallReason, LineError, Operation};
use trunkline_tests::{Lab, Plan};

/// Bob, Carol and Dave are in a group; Alice calls Bob, whose phone rings.
fn ringing(seed: u64) -> Lab {
    let plan = Plan::seeded(seed).with(|setup| {
        for line in &mut setup.lines[1..] {
            line.groups = vec!["sales".to_owned()];
        }
    });
    let mut lab = plan.build().with_registered(&["alice", "bob", "carol", "dave"]);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    assert_eq!(lab.status("bob"), Status::Ringing);
    lab.ladder().forget();
    lab
}

#[test]
fn a_code_takes_the_call_that_rings_in_the_group() {
    let mut lab = ringing(1);
    lab.call("carol", "*8");
    lab.run_ms(500);
    let cancel = lab.ladder().last("engine", "bob", "CANCEL");
    assert!(
        cancel.is_some_and(|text| text.contains("Reason: SIP;cause=200;text=\"Call completed elsewhere\"")),
        "the phone must not log a missed call"
    );
    lab.expect_talk("alice", "carol");
    assert!(lab.states("crm", "1002").contains(&"disconnected pickup".to_owned()));
    assert_eq!(lab.call_on("crm", "1003").reason, CallReason::Pickup);
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!(lab.status("carol"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn an_application_takes_it_for_a_phone_that_answers_by_itself() {
    let mut lab = ringing(2);
    let pickup = |line: &str, from: Option<&str>| Operation::Pickup {
        line: line.into(),
        from: from.map(str::to_owned),
        group: None,
    };
    lab.does_ask("crm", pickup("1003", Some("1002")));
    lab.run_ms(500);
    lab.expect_talk("alice", "carol");
    assert_eq!(lab.refusal("crm", pickup("1004", None)), LineError::OperationFailed);
    assert_eq!(lab.refusal("crm", pickup("1001", Some("1002"))), LineError::OperationUnavail);
    lab.hang_up("carol");
    lab.nothing_left();
}

#[test]
fn of_two_phones_that_dial_the_code_one_talks() {
    let mut lab = ringing(3);
    lab.call("carol", "*8");
    lab.call("dave", "**1002");
    lab.run_ms(1_000);
    let first = lab.status("carol") == Status::Connected;
    let (winner, loser) = if first { ("carol", "dave") } else { ("dave", "carol") };
    assert_eq!(lab.status(loser), Status::Over(486));
    lab.expect_talk("alice", winner);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_answers_while_another_picks_up_leaves_one_call() {
    let mut lab = ringing(4);
    lab.answer("bob");
    lab.call("carol", "*8");
    lab.run_ms(2_000);
    let first = lab.status("carol") == Status::Connected;
    let (winner, loser) = if first { ("carol", "bob") } else { ("bob", "carol") };
    assert!(matches!(lab.status(loser), Status::Over(_)), "{:?}", lab.status(loser));
    lab.expect_talk("alice", winner);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_late_offer_and_one_codec_in_common_still_meet() {
    let mut lab = ringing(5);
    lab.hang_up("alice");
    lab.run_ms(1_000);
    lab.phone("alice").script.late_offer = true;
    lab.phone("carol").script.formats = vec![8, 101];
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.call("carol", "**1002");
    lab.run_ms(1_000);
    lab.expect_talk("alice", "carol");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn who_is_not_of_the_group_picks_up_nothing() {
    let mut lab = ringing(6);
    lab.hang_up("alice");
    lab.run_ms(500);
    lab.call("carol", "1002");
    lab.run_ms(1_000);
    lab.call("alice", "**1002");
    lab.run(Duration::from_millis(500));
    assert_eq!(lab.status("alice"), Status::Over(403));
    assert_eq!(lab.status("bob"), Status::Ringing);
    lab.hang_up("carol");
    lab.nothing_left();
}
