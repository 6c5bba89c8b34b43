//! Phones with several contacts, trunks with several peers.

use std::time::Duration;

use trunkline_sip::outbox::{Cause, CauseKind, Command, Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL};

fn ring_three(rig: &mut Rig) -> (trunkline_sip::LegId, trunkline_sip::LegId, trunkline_sip::LegId) {
    rig.register("1002", "sip:desk", 1000);
    rig.register("1002", "sip:soft", 1000);
    rig.register("1002", "sip:car", 500);
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (one, _) = rig.invited();
    let (other, _) = rig.invited();
    assert!(rig.sip.is_empty(), "the third has a lower q");
    (caller, one, other)
}

#[test]
fn the_first_answer_wins_and_the_others_are_told_why() {
    let mut rig = Rig::new();
    let (caller, one, other) = ring_three(&mut rig);
    rig.answer(other, USUAL);
    let Some(Command::End(leg, reason)) = rig.sip.first() else { panic!("{:?}", rig.sip) };
    assert_eq!(*leg, one);
    assert_eq!(reason.as_deref(), Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    assert_eq!(rig.commands(), [format!("end {one}"), format!("answer {caller}")]);
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn the_next_preference_rings_when_the_first_has_refused_or_after_a_while() {
    let mut rig = Rig::new();
    let (_, one, other) = ring_three(&mut rig);
    rig.refuse(one, 480);
    rig.pass(Duration::from_secs(15));
    let (_, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:car");
    assert_eq!(rig.commands(), [format!("end {other}")]);
}

#[test]
fn a_decline_speaks_for_the_person() {
    let mut rig = Rig::new();
    let (caller, one, other) = ring_three(&mut rig);
    rig.refuse(one, 603);
    assert_eq!(rig.commands(), [format!("end {other}"), format!("reject 603 {caller}")]);
    assert!(rig.states(CRM).contains(&"c1 disconnected/reject".to_owned()));
    rig.assert_quiet();
}

#[test]
fn busy_says_more_than_not_there() {
    let mut rig = Rig::new();
    let (caller, one, other) = ring_three(&mut rig);
    rig.refuse(one, 486);
    rig.refuse(other, 404);
    let (third, _) = rig.invited();
    rig.refuse(third, 480);
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")]);
    rig.assert_quiet();
}

fn send_elsewhere(rig: &mut Rig, leg: trunkline_sip::LegId, contact: &str) {
    let cause = Cause { status: 302, kind: CauseKind::Status, ..Cause::default() };
    rig.tell(Event::Failed { leg, cause, retry_after_s: None, redirect: vec![contact.to_owned()] });
}

#[test]
fn a_phone_that_sends_its_callers_elsewhere_is_followed_with_its_rights() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.commands();
    rig.states(CRM);
    send_elsewhere(&mut rig, station, "sip:030@pbx.example");
    let (elsewhere, invite) = rig.invited();
    assert_eq!((invite.target.uri.as_str(), invite.max_forwards), ("sip:30@carrier.example", 68));
    let diversion = "\"Line 1002\" <sip:1002@pbx.example>;reason=unconditional;counter=1".to_owned();
    assert_eq!(invite.headers.first(), Some(&("Diversion", diversion)));
    assert!(rig.commands().is_empty());
    assert_eq!(
        rig.states(CRM),
        ["c2 disconnected/forwarded", "c3 new owner", "c3 dialing", "c3 proceeding", "c2 idle"]
    );
    rig.answer(elsewhere, USUAL);
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn lines_that_send_each_other_their_callers_end_somewhere() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    for hop in 0..2 {
        let (station, _) = rig.invited();
        let other = if hop % 2 == 0 { "sip:1001@pbx" } else { "sip:1002@pbx" };
        send_elsewhere(&mut rig, station, other);
    }
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_network_that_sends_callers_elsewhere_is_not_followed() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    send_elsewhere(&mut rig, station, "sip:0190@expensive.example");
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_dead_peer_of_a_trunk_is_replaced_by_the_next() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    let (first, invite) = rig.invited();
    assert_eq!(invite.target.flow.remote.ip().to_string(), "198.51.100.7");
    let cause = Cause { status: 408, kind: CauseKind::Unreachable, ..Cause::default() };
    rig.tell(Event::Failed { leg: first, cause, retry_after_s: None, redirect: Vec::new() });
    let (second, invite) = rig.invited();
    assert_eq!(invite.target.flow.remote.ip().to_string(), "198.51.100.8");
    rig.refuse(second, 503);
    assert_eq!(rig.commands(), [format!("reject 500 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_refusal_of_the_callee_is_not_asked_of_the_next_peer() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    let (first, _) = rig.invited();
    rig.refuse(first, 404);
    assert_eq!(rig.commands(), [format!("reject 404 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn after_ringing_no_other_peer_is_tried() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    let (first, _) = rig.invited();
    rig.progress(first, 180, None);
    rig.refuse(first, 503);
    assert_eq!(rig.commands(), [format!("progress 180 {caller}"), format!("reject 500 {caller}")]);
    rig.assert_quiet();
}
