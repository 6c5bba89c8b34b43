//! Ring groups: the phones of several lines ring for one call.

use std::time::Duration;

use trunkline::demo::Status;
use trunkline::switch::setup::{GroupSetup, GroupStrategy};
use trunkline_tests::Lab;
use trunkline_tests::plan::Plan;

const PHONES: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// 600 is Bob and Carol; nobody else's calls come there.
fn lab(seed: u64, change: impl FnOnce(&mut GroupSetup)) -> Lab {
    let mut group = GroupSetup { name: "Sales".to_owned(), ..GroupSetup::new("600", &["1002", "1003"]) };
    change(&mut group);
    Plan::seeded(seed).with(|setup| setup.groups = vec![group]).build().with_registered(&PHONES)
}

#[test]
fn the_first_that_answers_wins_and_the_other_phone_notes_no_missed_call() {
    let mut lab = lab(1, |_| {});
    lab.call("alice", "600");
    lab.run_ms(500);
    assert_eq!((lab.status("bob"), lab.status("carol")), (Status::Ringing, Status::Ringing));
    assert_eq!(lab.status("alice"), Status::Ringback);
    lab.ladder().forget();
    lab.answer("carol");
    lab.run_ms(500);
    lab.expect_ladder(
        "carol -> engine   200 INVITE
         engine -> carol   ACK
         engine -> bob     CANCEL, Reason: SIP;cause=200
         engine -> alice   200 INVITE
         bob -> engine     200 CANCEL
         bob -> engine     487 INVITE
         alice -> engine   ACK
         engine -> bob     ACK",
    );
    lab.expect_talk("alice", "carol");
    let call = lab.call_on("crm", "1001");
    assert_eq!((call.connected.number.as_str(), call.called.number.as_str()), ("1003", "600"));
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn members_ring_one_after_the_other_and_the_caller_goes_on_to_who_is_left() {
    let mut lab = lab(2, |group| {
        group.strategy = GroupStrategy::InOrder;
        group.step = Duration::from_secs(5);
        group.otherwise = Some("1004".to_owned());
    });
    lab.call("alice", "600");
    lab.run(Duration::from_secs(4));
    assert_eq!((lab.status("bob"), lab.status("carol")), (Status::Ringing, Status::Idle));
    lab.run(Duration::from_secs(4));
    assert_eq!((lab.status("bob"), lab.status("carol")), (Status::Over(487), Status::Ringing));
    lab.run(Duration::from_secs(4));
    assert_eq!((lab.status("carol"), lab.status("dave")), (Status::Over(487), Status::Ringing));
    lab.answer("dave");
    lab.run_ms(500);
    lab.expect_talk("alice", "dave");
    lab.hang_up("dave");
    lab.nothing_left();
}

#[test]
fn two_members_that_answer_at_once_leave_one_call() {
    let mut lab = lab(3, |_| {});
    lab.call("alice", "600");
    lab.run_ms(500);
    lab.answer("bob");
    lab.answer("carol");
    lab.run_ms(1_000);
    let statuses = (lab.status("bob"), lab.status("carol"));
    let winner = match statuses {
        (Status::Connected, Status::Over(0)) => "bob",
        (Status::Over(0), Status::Connected) => "carol",
        other => panic!("{other:?}"),
    };
    lab.expect_talk("alice", winner);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_caller_who_gives_up_is_heard_at_every_phone_whatever_is_lost() {
    for seed in 10..20 {
        let mut lab = lab(seed, |_| {}).loss_ppm(100_000);
        lab.call("alice", "600");
        lab.run(Duration::from_secs(10));
        lab.hang_up("alice");
        lab.run(Duration::from_secs(40));
        for phone in ["bob", "carol"] {
            assert!(!matches!(lab.status(phone), Status::Ringing | Status::Connected), "{phone} with {seed}");
        }
        lab.nothing_left();
    }
}

#[test]
fn a_transferred_caller_waits_for_whoever_of_the_group_answers() {
    let mut lab = lab(4, |_| {});
    lab.connected_call("alice", "dave");
    lab.does("dave", |phone, now, out| phone.transfer(now, "600", out));
    lab.run_ms(1_000);
    assert_eq!((lab.status("bob"), lab.status("carol")), (Status::Ringing, Status::Ringing));
    lab.answer("bob");
    lab.run_ms(1_000);
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}
