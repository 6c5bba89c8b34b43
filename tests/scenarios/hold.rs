//! Hold, from the handset and from an application.

use std::time::Duration;

use trunkline::demo::{HoldForm, Status};
use trunkline::switch::{CallState, ConnectedMode, Operation};
use trunkline_tests::{Lab, Plan};

fn connected(seed: u64) -> Lab {
    let mut lab = Lab::registered(seed, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    lab
}

#[test]
fn a_phone_that_holds_gives_the_other_music() {
    let mut lab = connected(1);
    lab.hold("alice");
    lab.run_ms(500);
    let heard = lab.hears("bob", Duration::from_secs(1));
    assert!(heard.tone() >= 45 && heard.voice("1001") == 0, "{heard:?}");
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert_eq!(heard.voice("1002"), 0, "{heard:?}");
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.expect_ladder(
        "alice -> engine   INVITE, a=sendonly
         engine -> alice   200, a=recvonly
         alice -> engine   ACK
         alice -> engine   INVITE, a=sendrecv
         engine -> alice   200, !a=recvonly, !a=inactive
         alice -> engine   ACK",
    );
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn every_form_of_hold_is_understood() {
    let mut lab = connected(2);
    for (form, without_offer) in
        [(HoldForm::Inactive, false), (HoldForm::Unspecified, false), (HoldForm::SendOnly, true)]
    {
        lab.phone("bob").script.hold_form = form;
        lab.phone("bob").script.resumes_without_offer = without_offer;
        lab.hold("bob");
        lab.run_ms(500);
        let heard = lab.hears("alice", Duration::from_secs(1));
        assert!(heard.tone() >= 45 && heard.voice("1002") == 0, "{form:?}: {heard:?}");
        lab.resume("bob");
        lab.run_ms(500);
        lab.expect_talk("alice", "bob");
    }
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn applications_see_who_holds() {
    let mut lab = connected(3);
    lab.hold("alice");
    lab.run_ms(500);
    assert_eq!(lab.call_on("crm", "1001").state, CallState::OnHold);
    assert_eq!(lab.call_on("crm", "1002").state, CallState::Connected(ConnectedMode::ActiveHeld));
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_states("crm", "1001", "onhold, connected active");
    lab.expect_states("crm", "1002", "connected activeheld, connected active");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn both_hold_and_each_release_lifts_its_own() {
    let mut lab = connected(4);
    lab.hold("alice");
    lab.run_ms(500);
    lab.hold("bob");
    lab.run_ms(500);
    for name in ["alice", "bob"] {
        let heard = lab.hears(name, Duration::from_secs(1));
        assert_eq!(heard.voice("1001") + heard.voice("1002"), 0, "{name}: {heard:?}");
    }
    lab.resume("alice");
    lab.run_ms(500);
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert_eq!(heard.voice("1002"), 0, "bob still holds: {heard:?}");
    lab.resume("bob");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn an_application_holds_and_the_other_hears_music() {
    let mut lab = connected(5);
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::Hold(call));
    lab.expect_messages(
        "crm",
        "reply ok
         1001 onhold
         1002 connected activeheld",
    );
    let heard = lab.hears("bob", Duration::from_secs(1));
    assert!(heard.tone() >= 45 && heard.voice("1001") == 0, "{heard:?}");
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert_eq!(heard.voice("1002"), 0, "{heard:?}");
    lab.does_ask("crm", Operation::Unhold(call));
    lab.expect_messages(
        "crm",
        "reply ok
         1001 connected active
         1002 connected active",
    );
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_is_asked_to_hold_what_its_application_holds() {
    let mut lab = Plan::seeded(15)
        .with(|setup| setup.lines.iter_mut().for_each(|line| line.holds_at_phone = true))
        .build()
        .with_registered(&["alice", "bob"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Hold(call));
    lab.expect_messages(
        "crm",
        "reply ok
         1002 onhold
         1001 connected activeheld",
    );
    let heard = lab.hears("alice", Duration::from_secs(1));
    assert!(heard.tone() >= 45 && heard.voice("1002") == 0, "{heard:?}");
    lab.does_ask("crm", Operation::Unhold(call));
    lab.expect_ladder(
        "engine -> bob   NOTIFY
         bob -> engine   200
         bob -> engine   INVITE, a=sendonly
         engine -> bob   200, a=recvonly
         bob -> engine   ACK
         engine -> bob   NOTIFY
         bob -> engine   200
         bob -> engine   INVITE, a=sendrecv
         engine -> bob   200, !a=recvonly
         bob -> engine   ACK",
    );
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_held_party_hangs_up() {
    let mut lab = connected(6);
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::Hold(call));
    lab.hang_up("bob");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.expect_states("crm", "1001", "onhold, disconnected normal");
    lab.nothing_left();
}

#[test]
fn a_holder_hangs_up() {
    let mut lab = connected(7);
    lab.hold("alice");
    lab.run_ms(500);
    lab.hang_up("alice");
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn a_call_on_hold_outlives_the_rtp_timeout() {
    let mut lab = connected(8);
    lab.hold("alice");
    lab.run(Duration::from_secs(120));
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Connected, Status::Connected));
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn one_source_speaks_to_a_phone_through_hold_and_resume() {
    let mut lab = connected(9);
    lab.phone("bob").listen();
    lab.run_ms(500);
    lab.hold("alice");
    lab.run_ms(1_000);
    lab.resume("alice");
    lab.run_ms(1_000);
    let heard = lab.phone("bob").heard().clone();
    assert!(heard.tone() > 0 && heard.voice("1001") > 0, "{heard:?}");
    assert_eq!(heard.sources.len(), 1, "the synchronisation source changed: {heard:?}");
    assert_eq!(heard.jumps, 0, "{heard:?}");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_phone_holds_by_update() {
    let mut lab = connected(10);
    lab.phone("alice").script.changes_by_update = true;
    lab.hold("alice");
    lab.run_ms(500);
    let heard = lab.hears("bob", Duration::from_secs(1));
    assert!(heard.tone() >= 45 && heard.voice("1001") == 0, "{heard:?}");
    lab.resume("alice");
    lab.run_ms(500);
    lab.expect_ladder(
        "alice -> engine   UPDATE, a=sendonly
         engine -> alice   200 UPDATE, a=recvonly
         alice -> engine   UPDATE, a=sendrecv
         engine -> alice   200 UPDATE",
    );
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}
