//! A line with two phones: both ring, the first that answers wins.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline_tests::Lab;

fn ringing() -> Lab {
    let mut lab = Lab::registered(1, &["alice", "bob", "bob-home"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    assert_eq!((lab.status("bob"), lab.status("bob-home")), (Status::Ringing, Status::Ringing));
    lab.ladder().forget();
    lab
}

#[test]
fn the_first_that_answers_wins() {
    let mut lab = ringing();
    lab.answer("bob-home");
    lab.run_ms(500);
    lab.expect_ladder(
        "bob-home -> engine   200 INVITE
         engine -> bob-home   ACK
         engine -> bob        CANCEL, Reason: SIP;cause=200
         bob -> engine        200 CANCEL
         bob -> engine        487 INVITE
         engine -> bob        ACK",
    );
    lab.expect_talk("alice", "bob-home");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn one_that_refuses_leaves_the_other_ringing() {
    let mut lab = ringing();
    lab.refuse("bob", 486);
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob-home")), (Status::Ringback, Status::Ringing));
    lab.answer("bob-home");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob-home");
    lab.hang_up("bob-home");
    lab.nothing_left();
}

#[test]
fn when_both_refuse_the_caller_hears_the_friendlier_answer() {
    let mut lab = ringing();
    lab.refuse("bob", 480);
    lab.run_ms(500);
    lab.refuse("bob-home", 486);
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(486));
    lab.nothing_left();
}

#[test]
fn two_that_answer_at_once_leave_one_call() {
    let mut lab = ringing();
    lab.answer("bob");
    lab.answer("bob-home");
    lab.run_ms(1_000);
    let statuses = (lab.status("bob"), lab.status("bob-home"));
    assert!(
        matches!(statuses, (Status::Connected, Status::Over(0)) | (Status::Over(0), Status::Connected)),
        "{statuses:?}"
    );
    let winner = if statuses.0 == Status::Connected { "bob" } else { "bob-home" };
    lab.expect_talk("alice", winner);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_cancel_reaches_both() {
    let mut lab = ringing();
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!((lab.status("bob"), lab.status("bob-home")), (Status::Over(487), Status::Over(487)));
    lab.nothing_left();
}

#[test]
fn a_dead_contact_does_not_hinder_the_other() {
    let mut lab = Lab::registered(2, &["alice", "bob", "bob-home"]);
    lab.phone("bob").script.dead = true;
    lab.phone("bob-home").script.on_invite = OnInvite::Answer(Duration::from_secs(2));
    lab.call("alice", "1002");
    lab.run(Duration::from_secs(3));
    lab.expect_talk("alice", "bob-home");
    lab.hang_up("alice");
    lab.nothing_left();
}
