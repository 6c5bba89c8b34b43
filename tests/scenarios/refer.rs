//! Phones that transfer by REFER.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::CallReason;
use trunkline_tests::Lab;

fn blind(lab: &mut Lab, phone: &str, to: &str) {
    lab.does(phone, |phone, now, out| phone.transfer(now, to, out));
}

#[test]
fn a_blind_refer_reads_as_rfc_5589_draws_it() {
    let mut lab = Lab::registered(1, &["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.connected_call("alice", "bob");
    blind(&mut lab, "bob", "1003");
    lab.run_ms(2_000);
    lab.expect_ladder(
        "bob -> engine     REFER
         engine -> bob     202
         engine -> bob     NOTIFY, 100 Trying, Subscription-State: active
         engine -> carol   INVITE, 1001
         bob -> engine     200 NOTIFY
         carol -> engine   180
         engine -> bob     NOTIFY, 180
         bob -> engine     200 NOTIFY
         carol -> engine   200 INVITE
         engine -> carol   ACK
         engine -> bob     NOTIFY, SIP/2.0 200, Subscription-State: terminated
         bob -> engine     200 NOTIFY
         bob -> engine     BYE
         engine -> bob     200 BYE",
    );
    lab.expect_talk("alice", "carol");
    assert_eq!(lab.call_on("crm", "1003").reason, CallReason::Transfer);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_held_first_has_its_party_back_when_the_target_is_busy() {
    let mut lab = Lab::registered(2, &["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Refuse(486, Duration::from_secs(1));
    lab.connected_call("alice", "bob");
    lab.hold("bob");
    lab.run_ms(300);
    blind(&mut lab, "bob", "1003");
    lab.run_ms(2_500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn a_phone_that_hangs_up_at_once_is_rung_when_the_target_does_not_answer() {
    let mut lab = Lab::registered(3, &["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Refuse(480, Duration::from_secs(2));
    lab.connected_call("alice", "bob");
    blind(&mut lab, "bob", "1003");
    lab.run_ms(300);
    lab.hang_up("bob");
    lab.run_ms(2_500);
    assert_eq!(lab.status("bob"), Status::Ringing);
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_refer_that_crosses_a_bye_of_the_party_changes_nothing() {
    let mut lab = Lab::registered(4, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    lab.hang_up("alice");
    blind(&mut lab, "bob", "1003");
    lab.run_ms(1_000);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}

/// Bob talks with Alice, holds her, and calls Carol, who answers if she is to.
fn consulting(lab: &mut Lab, answers: bool) {
    if answers {
        lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    }
    lab.connected_call("alice", "bob");
    lab.hold("bob");
    lab.run_ms(300);
    lab.call("bob", "1003");
    lab.run_ms(2_000);
}

#[test]
fn an_attended_refer_joins_the_two_parties() {
    let mut lab = Lab::registered(5, &["alice", "bob", "carol"]);
    consulting(&mut lab, true);
    lab.does("bob", |phone, now, out| phone.transfer_to_consulted(now, out));
    lab.run_ms(1_000);
    lab.expect_talk("alice", "carol");
    assert_eq!(lab.phone("bob").calls_up(), 0);
    lab.hang_up("carol");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn a_refer_to_who_still_rings_completes_when_he_answers() {
    let mut lab = Lab::registered(6, &["alice", "bob", "carol"]);
    consulting(&mut lab, false);
    lab.does("bob", |phone, now, out| phone.transfer_to_consulted(now, out));
    lab.run_ms(500);
    let heard = lab.hears("alice", Duration::from_secs(5));
    assert!(heard.tone() > 0, "no ringback: {heard:?}");
    lab.answer("carol");
    lab.run_ms(500);
    lab.expect_talk("alice", "carol");
    assert_eq!(lab.phone("bob").calls_up(), 0);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_forgets_to_hang_up_is_hung_up() {
    let mut lab = Lab::registered(7, &["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.phone("bob").script.leaves_transferred = false;
    lab.connected_call("alice", "bob");
    blind(&mut lab, "bob", "1003");
    lab.run_ms(4_000);
    assert_eq!(lab.status("bob"), Status::Over(0));
    lab.expect_talk("alice", "carol");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_network_may_not_transfer() {
    let mut lab = Lab::registered(8, &["alice", "carol"]);
    lab.call("carrier", "1001");
    lab.run_ms(500);
    lab.answer("alice");
    lab.run_ms(1_000);
    blind(&mut lab, "carrier", "1003");
    lab.run_ms(500);
    assert_eq!(lab.status("carol"), Status::Idle);
    lab.expect_talk("alice", "carrier");
    lab.hang_up("alice");
    lab.nothing_left();
}

/// Bob's phone at home takes over by Replaces what Bob's phone in the office talks.
#[test]
fn another_device_of_the_line_takes_the_call_over() {
    let mut lab = Lab::registered(9, &["alice", "bob", "bob-home"]);
    lab.connected_call("alice", "bob");
    let dialog = lab.phone("bob").replaceable().expect("a dialog");
    let headers = vec![("Replaces".to_owned(), dialog), ("Require".to_owned(), "replaces".to_owned())];
    lab.does("bob-home", |phone, now, out| {
        phone.call_with(now, "1001", headers, out);
    });
    lab.run_ms(1_000);
    assert_eq!((lab.status("bob"), lab.status("bob-home")), (Status::Over(0), Status::Connected));
    lab.phone("bob-home").listen();
    lab.phone("alice").listen();
    lab.run_ms(1_000);
    assert!(lab.phone("alice").heard().voice("1002") >= 45);
    assert!(lab.phone("bob-home").heard().voice("1001") >= 45);
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!(lab.status("bob-home"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn a_colleague_may_not_take_over_what_is_not_his() {
    let mut lab = Lab::registered(10, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    let dialog = lab.phone("bob").replaceable().expect("a dialog");
    for (dialog, status) in [(dialog, 403), ("nothing;to-tag=1;from-tag=2".to_owned(), 481)] {
        let headers = vec![("Replaces".to_owned(), dialog)];
        lab.does("carol", |phone, now, out| {
            phone.call_with(now, "1001", headers, out);
        });
        lab.run_ms(1_000);
        assert_eq!(lab.status("carol"), Status::Over(status));
    }
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn both_phones_transfer_at_once_and_one_of_them_does() {
    let mut lab = Lab::registered(11, &["alice", "bob", "carol", "dave"]);
    for phone in ["carol", "dave"] {
        lab.phone(phone).script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    }
    lab.connected_call("alice", "bob");
    blind(&mut lab, "alice", "1003");
    blind(&mut lab, "bob", "1004");
    lab.run_ms(5_000);
    lab.expect_talk("bob", "carol");
    assert_eq!((lab.status("alice"), lab.status("dave")), (Status::Over(0), Status::Idle));
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_party_that_hangs_up_on_the_way_stops_the_ringing() {
    let mut lab = Lab::registered(12, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    blind(&mut lab, "bob", "1003");
    lab.run_ms(500);
    assert_eq!(lab.status("carol"), Status::Ringing);
    lab.hang_up("alice");
    lab.run_ms(1_000);
    assert_eq!((lab.status("bob"), lab.status("carol")), (Status::Over(0), Status::Over(487)));
    lab.nothing_left();
}

#[test]
fn an_answer_that_crosses_the_end_of_a_transfer_is_hung_up() {
    let mut lab = Lab::registered(13, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    blind(&mut lab, "bob", "1003");
    lab.run_ms(500);
    lab.answer("carol");
    lab.hang_up("alice");
    lab.run_ms(3_000);
    for phone in ["alice", "bob", "carol"] {
        assert!(matches!(lab.status(phone), Status::Over(_)), "{phone}: {:?}", lab.status(phone));
    }
    lab.nothing_left();
}

#[test]
fn holds_that_cross_in_a_transfer_are_made_again() {
    let mut lab = Lab::registered(14, &["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_millis(400));
    lab.connected_call("alice", "bob");
    lab.hold("alice");
    lab.hold("bob");
    blind(&mut lab, "bob", "1003");
    lab.run_ms(6_000);
    assert_eq!(lab.status("bob"), Status::Over(0));
    lab.resume("alice");
    lab.run_ms(5_000);
    lab.expect_talk("alice", "carol");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_that_brings_its_call_into_a_conference_hears_so_before_it_is_hung_up() {
    let mut lab = Lab::registered(16, &["alice", "bob"]);
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.phone("alice").script.leaves_transferred = false;
    lab.call("alice", "conference");
    lab.run_ms(1_000);
    let parent = lab.call_on("crm", "1001").id;
    let focus = format!("conf-{}", parent.to_string().trim_start_matches('c'));
    lab.call("alice", "1002");
    lab.run_ms(2_000);
    lab.ladder().forget();
    blind(&mut lab, "alice", &focus);
    lab.run_ms(1_000);
    lab.expect_ladder(
        "alice -> engine   REFER
         engine -> alice   202
         engine -> alice   NOTIFY, 100 Trying
         alice -> engine   200 NOTIFY
         engine -> alice   NOTIFY, SIP/2.0 200, Subscription-State: terminated
         alice -> engine   200 NOTIFY
         engine -> alice   BYE
         alice -> engine   200 BYE",
    );
    assert_eq!(lab.status("bob"), Status::Connected);
    lab.hang_up("alice");
    lab.run_ms(1_000);
    assert_eq!(lab.status("bob"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn a_phone_sends_its_party_into_a_dialog_that_another_system_knows() {
    let mut lab = Lab::registered(17, &["alice", "bob"]);
    lab.phone("carrier").script.on_invite = OnInvite::Answer(Duration::ZERO);
    lab.connected_call("alice", "bob");
    lab.does("bob", |phone, now, out| {
        let to = "<sip:0301234@10.0.1.6?Replaces=far%40x%3Bto-tag%3Da%3Bfrom-tag%3Db&Require=replaces>";
        phone.transfer_to(now, to, out);
    });
    lab.run_ms(1_000);
    lab.expect_ladder(
        "engine -> carrier  INVITE sip:301234@, Replaces: far@x;to-tag=a;from-tag=b, Require: replaces, Referred-By: <sip:1002@
         carrier -> engine  200
         engine -> carrier  ACK",
    );
    lab.expect_talk("alice", "carrier");
    assert_eq!(lab.status("bob"), Status::Over(0));
    lab.hang_up("alice");
    lab.nothing_left();
}
