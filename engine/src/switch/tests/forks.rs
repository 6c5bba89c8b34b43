//! Phones with several contacts, trunks with several peers.

use std::sync::Arc;
use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Cause, CauseKind, Command, Event, Peer};
use trunkline_sip::transport::Transport;

use crate::switch::Outbox;
use crate::switch::rig::{self, CRM, Rig, USUAL};
use crate::switch::setup::{RouteTo, Setup, TrunkChoice, TrunkSetup};

fn ring_three(rig: &mut Rig) -> (LegId, LegId, LegId) {
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

fn send_elsewhere(rig: &mut Rig, leg: LegId, contact: &str) {
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

/// `0…` leaves by the carrier, which has two peers, else by a second trunk.
fn choosing() -> Setup {
    let mut setup = rig::setup();
    let peer = (Transport::Udp, "203.0.113.20:5060".parse().unwrap());
    setup.trunks.push(TrunkSetup::to("second", "second.example", vec![peer]));
    let tiers = ["carrier", "second"].map(|name| vec![(Arc::from(name), 1)]).to_vec();
    setup.routes[0].to = RouteTo::Trunks(Arc::new(TrunkChoice { tiers }));
    setup
}

/// 1001 calls 030: his leg, and that to the first peer.
fn called(rig: &mut Rig) -> (LegId, LegId) {
    let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    (caller, next(rig).expect("a trunk is called").0)
}

/// Who is called now: his leg and address.
fn next(rig: &mut Rig) -> Option<(LegId, String)> {
    rig.sip.iter().any(|command| matches!(command, Command::Invite(..))).then(|| {
        let (leg, invite) = rig.invited();
        (leg, invite.target.flow.remote.ip().to_string())
    })
}

fn fail(rig: &mut Rig, leg: LegId, kind: CauseKind, status: u16, q850: Option<u8>) {
    let cause = Cause { status, kind, q850, sip: None };
    rig.tell(Event::Failed { leg, cause, retry_after_s: None, redirect: Vec::new() });
}

const FIRST: &str = "198.51.100.7";
const OTHER: &str = "198.51.100.8";
const SECOND: &str = "203.0.113.20";

fn address(called: Option<(LegId, String)>) -> String {
    called.map(|(_, address)| address).unwrap_or_default()
}

#[test]
fn the_last_peer_of_a_trunk_has_the_last_word() {
    for (status, q850, told) in [
        (404, None, Some(404)),
        (403, None, Some(403)),
        (484, None, Some(484)),
        (503, Some(17), Some(500)),
        (503, None, None),
        (408, None, None),
    ] {
        let mut rig = Rig::with(choosing());
        let (caller, first) = called(&mut rig);
        fail(&mut rig, first, CauseKind::Status, 408, None);
        let (other, at) = next(&mut rig).expect("the next peer is called");
        assert_eq!(at, OTHER);
        fail(&mut rig, other, CauseKind::Status, status, q850);
        match told {
            Some(told) => {
                assert_eq!(rig.commands(), [format!("reject {told} {caller}")], "{status} {q850:?}")
            }
            None => assert_eq!(address(next(&mut rig)), SECOND, "{status}"),
        }
        rig.end(caller, CauseKind::Cancel);
        rig.assert_quiet();
    }
}

#[test]
fn a_call_for_help_goes_on_after_any_word_that_is_not_the_callees() {
    for (is_urgent, status, q850, goes_on) in [
        (true, 403, None, true),
        (true, 404, None, true),
        (true, 480, None, true),
        (true, 488, None, true),
        (true, 402, None, true),
        (true, 503, None, true),
        (true, 486, None, false),
        (true, 487, None, false),
        (true, 603, None, false),
        (true, 480, Some(19), false),
        (false, 403, None, false),
        (false, 480, None, false),
    ] {
        let mut setup = choosing();
        setup.trunks[0].peers.truncate(1);
        setup.routes[0].is_emergency = is_urgent;
        let mut rig = Rig::with(setup);
        let (caller, first) = called(&mut rig);
        fail(&mut rig, first, CauseKind::Status, status, q850);
        if status == 488 {
            let again = next(&mut rig).expect("the place is called once more, with other codecs");
            fail(&mut rig, again.0, CauseKind::Status, status, q850);
        }
        let expected = if goes_on { SECOND } else { "" };
        assert_eq!(address(next(&mut rig)), expected, "{is_urgent} {status} {q850:?}");
        rig.end(caller, CauseKind::Cancel);
        rig.assert_quiet();
    }
}

#[test]
fn who_is_on_the_way_to_the_callee_is_followed_by_nobody_but_where_he_says_that_he_failed() {
    use CauseKind::{Lost, Status, Unreachable};
    for (said, kind, status, expected) in [
        (None, Status, 408, OTHER),
        (Some(183), Status, 408, ""),
        (Some(182), Status, 408, ""),
        (Some(183), Status, 503, OTHER),
        (Some(180), Status, 503, ""),
        (Some(183), Lost, 503, ""),
        (None, Lost, 503, ""),
        (None, Unreachable, 503, OTHER),
    ] {
        let mut rig = Rig::with(choosing());
        let (caller, first) = called(&mut rig);
        if let Some(said) = said {
            rig.progress(first, said, None);
        }
        fail(&mut rig, first, kind, status, None);
        assert_eq!(address(next(&mut rig)), expected, "{said:?} {kind:?} {status}");
        if kind == Lost {
            let (_, again) = called(&mut rig);
            assert!(rig.switch.trunks()[0].places[0].rests_until.is_none(), "that says nothing of the place");
            fail(&mut rig, again, Status, 486, None);
        }
        rig.end(caller, CauseKind::Cancel);
        rig.assert_quiet();
    }
    // What one peer said is not what the next one says.
    let mut rig = Rig::with(choosing());
    let (caller, first) = called(&mut rig);
    rig.progress(first, 183, None);
    fail(&mut rig, first, Status, 503, None);
    let (other, _) = next(&mut rig).expect("the next peer is called");
    fail(&mut rig, other, Status, 408, None);
    assert_eq!(address(next(&mut rig)), SECOND);
    rig.end(caller, CauseKind::Cancel);
    rig.assert_quiet();
}

#[test]
fn who_was_alerted_by_one_trunk_is_not_called_by_another_after_a_redirection() {
    for (rings, expected) in [(false, SECOND), (true, "")] {
        let mut setup = choosing();
        setup.trunks[0].peers.truncate(1);
        let mut rig = Rig::with(setup);
        let (caller, first) = called(&mut rig);
        if rings {
            rig.progress(first, 180, None);
        }
        let cause = Cause { status: 302, kind: CauseKind::Status, ..Cause::default() };
        let redirect = vec!["sip:30@198.51.100.9".to_owned()];
        rig.tell(Event::Failed { leg: first, cause, retry_after_s: None, redirect });
        let (other, at) = next(&mut rig).expect("the redirection is followed");
        assert_eq!(at, "198.51.100.9");
        fail(&mut rig, other, CauseKind::Unreachable, 408, None);
        assert_eq!(address(next(&mut rig)), expected);
        rig.end(caller, CauseKind::Cancel);
        rig.assert_quiet();
    }
}

#[test]
fn a_trunk_that_is_removed_under_its_call_is_followed_by_the_rest() {
    let mut rig = Rig::with(choosing());
    let (caller, first) = called(&mut rig);
    let mut setup = choosing();
    setup.trunks.remove(0);
    setup.routes.clear();
    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, setup, &mut out);
    rig.take(out);
    fail(&mut rig, first, CauseKind::Unreachable, 408, None);
    let (other, at) = next(&mut rig).expect("its other peer is called");
    assert_eq!(at, OTHER);
    fail(&mut rig, other, CauseKind::Status, 503, None);
    assert_eq!(address(next(&mut rig)), SECOND);
    rig.end(caller, CauseKind::Cancel);
    rig.assert_quiet();
}

#[test]
fn calls_on_their_way_do_not_end_the_rest_that_a_place_has_asked_for() {
    let mut rig = Rig::with(choosing());
    let legs = [(); 2].map(|()| called(&mut rig).1);
    let cause = Cause { status: 503, kind: CauseKind::Status, ..Cause::default() };
    rig.tell(Event::Failed { leg: legs[0], cause, retry_after_s: Some(300), redirect: Vec::new() });
    assert_eq!(address(next(&mut rig)), OTHER);
    rig.progress(legs[1], 180, None);
    rig.answer(legs[1], USUAL);
    let first = rig.switch.trunks()[0].places[0];
    assert_eq!(
        (first.address.ip().to_string(), first.rests_until),
        (FIRST.to_owned(), Some(rig.now + Duration::from_secs(300)))
    );
    rig.call_in(Peer::Line("1002".into()), "030", Some(USUAL));
    assert_eq!(address(next(&mut rig)), OTHER);
}
