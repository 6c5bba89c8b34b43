//! Calls that go on after the process was killed.

use bytes::Bytes;
use trunkline_sip::LegId;
use trunkline_sip::outbox::{CauseKind, Event, Peer};

use crate::switch::keeping::{KEEP_AFTER, NUMBERS};
use crate::switch::recovery::PROBE_AFTER;
use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, sdp_at};
use crate::switch::*;

/// 1001 (call 1) talks with 1002 (call 2), and has done so for a while.
fn talking() -> (Rig, LegId, LegId) {
    let mut rig = Rig::new();
    rig.switch.keep_calls();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    rig.pass(KEEP_AFTER);
    (rig, caller, station)
}

/// What can be seen of calls 1 and 2, and what was told to the relay.
fn seen(rig: &Rig) -> impl PartialEq + std::fmt::Debug + use<> {
    let views = [CallId(1), CallId(2)].map(|id| [CRM, WALLBOARD].map(|app| rig.switch.call(app, id)));
    // A leg that is open hears nothing until it is told what.
    let feeds = rig.feeds.iter().filter(|(_, feed)| *feed != "nothing");
    let feeds: Vec<_> = feeds.map(|(leg, feed)| (*leg, feed.clone())).collect();
    let ports: Vec<_> = rig.open.iter().map(|(leg, open)| (*leg, *open)).collect();
    let remotes: Vec<_> = rig.remotes.iter().map(|(leg, remote)| (*leg, *remote)).collect();
    (views, feeds, ports, remotes)
}

#[test]
fn who_talks_goes_on_talking_and_either_side_hangs_up() {
    for hangs_up in [0, 1] {
        let (mut rig, caller, station) = talking();
        let before = seen(&rig);
        rig.restart(&[caller, station]);
        assert_eq!(seen(&rig), before);
        assert!(rig.commands().is_empty(), "the far ends are asked nothing");
        let legs = [caller, station];
        rig.hang_up(legs[hangs_up]);
        assert_eq!(rig.commands(), [format!("end {}", legs[1 - hangs_up])]);
        assert_eq!(rig.store, [Kept::CallOver(CallId(1)), Kept::CallOver(CallId(2))]);
        rig.assert_quiet();
    }
}

#[test]
fn a_station_that_is_not_heard_is_asked_whether_it_has_the_call() {
    let (mut rig, caller, station) = talking();
    rig.restart(&[caller, station]);
    let (leg, source) = (trunkline_media::LegId(caller.0), "10.0.0.9:4000".parse().unwrap());
    rig.tell_media(trunkline_media::Event::Latched { leg, source });
    rig.pass(PROBE_AFTER * 2);
    assert_eq!(rig.commands(), [format!("probe {station}")], "who was heard is not asked");
    rig.pass(PROBE_AFTER * 10);
    assert!(rig.commands().is_empty(), "nor anybody twice");
    rig.end(station, CauseKind::Lost);
    assert_eq!(rig.commands(), [format!("end {caller}")]);
    rig.assert_quiet();

    let (mut rig, caller, station) = talking();
    rig.restart(&[caller, station]);
    rig.hang_up(caller);
    rig.commands();
    rig.pass(PROBE_AFTER * 2);
    assert!(rig.commands().is_empty(), "nobody is asked about a call that is over");
    rig.assert_quiet();
}

#[test]
fn ports_of_calls_that_are_forgotten_are_given_to_nobody_for_a_while() {
    let (mut rig, caller, station) = talking();
    let forgotten = [rig.open[&caller].1, rig.open[&station].1];
    rig.restart(&[]);
    assert!(
        rig.ports.iter().filter(|ports| forgotten.contains(ports)).count() == 2,
        "nor after another crash"
    );
    let media = rig::setup().media;
    let mut out = Outbox::default();
    let given: Vec<_> = (1_000..1_030)
        .map(|leg| {
            let peer = std::net::Ipv4Addr::LOCALHOST.into();
            rig.switch.media.open(rig.now, LegId(leg), 0, peer, &media, &mut out).unwrap()
        })
        .collect();
    assert!(forgotten.iter().all(|ports| !given.contains(ports)), "{given:?}");
}

#[test]
fn who_is_held_stays_held() {
    let (mut rig, caller, station) = talking();
    rig.request(CRM, Operation::Hold(CallId(2))).unwrap();
    rig.pass(KEEP_AFTER);
    let before = seen(&rig);
    rig.restart(&[caller, station]);
    assert_eq!(seen(&rig), before);
    assert_eq!((rig.feeds[&caller].as_str(), rig.feeds[&station].as_str()), ("music", "silence"));
    rig.states(CRM);
    rig.request(CRM, Operation::Unhold(CallId(2))).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c2 connected/active", "c1 connected/active"]);

    rig.tell(Event::Offer { leg: station, sdp: Some(sdp_at("10.0.0.9", 4000, USUAL, "a=sendonly\r\n")) });
    rig.pass(KEEP_AFTER);
    let before = seen(&rig);
    rig.restart(&[caller, station]);
    assert_eq!(seen(&rig), before);
    rig.tell(Event::Offer { leg: station, sdp: Some(sdp_at("10.0.0.9", 4000, USUAL, "")) });
    assert_eq!(rig.state(2), CallState::Connected(ConnectedMode::Active));
}

#[test]
fn what_applications_know_of_a_call_is_known_again() {
    let (mut rig, caller, station) = talking();
    let data = Bytes::from_static(b"\x00customer 4711\xff");
    rig.request(CRM, Operation::SetCallData { call: CallId(1), data: data.clone() }).unwrap();
    rig.pass(KEEP_AFTER);
    let before = rig.switch.call(CRM, CallId(1)).unwrap();
    rig.restart(&[caller, station]);
    let after = rig.switch.call(CRM, CallId(1)).unwrap();
    assert_eq!((&after.data, after.origin, after.reason), (&data, before.origin, before.reason));
    assert_eq!((after.caller, after.connected), (before.caller, before.connected));
    assert!(rig.states(CRM).contains(&"c1 new owner".to_owned()));
    assert!(rig.states(WALLBOARD).contains(&"c2 new monitor".to_owned()));
}

#[test]
fn a_call_that_nobody_could_end_is_dropped_after_a_while() {
    let mut rig = Rig::new();
    rig.switch.keep_calls();
    let request = rig.ask(CRM, Operation::MakeCall { line: "1003".into(), to: "030".into(), params: None });
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    assert!(rig.reply(request).is_some());
    rig.pass(KEEP_AFTER);
    let mut setup = rig::setup();
    setup.apps.remove(0);
    rig.restart_with(setup, &[station]);
    assert_eq!(rig.commands(), [""; 0]);
    rig.pass(PROBE_AFTER * 2);
    assert_eq!(rig.commands(), [format!("probe {station}")]);
    rig.pass(rig::setup().orphans_after);
    assert_eq!(rig.commands(), [format!("end {station}")]);
}

#[test]
fn what_is_more_than_two_who_talk_is_ended() {
    let (mut rig, caller, station) = talking();
    let consult = rig.request(CRM, Operation::SetupTransfer { call: CallId(2), to: None });
    assert!(consult.is_ok(), "{consult:?}");
    rig.pass(KEEP_AFTER);
    rig.commands();
    rig.restart(&[caller, station]);
    let mut ended = rig.commands();
    ended.sort();
    let mut legs = [format!("end {caller}"), format!("end {station}")];
    legs.sort();
    assert_eq!(ended, legs);
    rig.assert_quiet();
}

#[test]
fn a_conversation_comes_back_whole_or_not_at_all() {
    let (mut rig, caller, station) = talking();
    rig.restart(&[caller]);
    assert_eq!(rig.commands(), [format!("end {caller}")], "{station} is gone");
    assert_eq!(rig.store, [Kept::CallOver(CallId(1)), Kept::CallOver(CallId(2))]);
    rig.assert_quiet();

    let (mut rig, caller, station) = talking();
    let mut setup = rig::setup();
    setup.lines.remove(1);
    rig.restart_with(setup, &[caller, station]);
    assert_eq!(rig.commands().len(), 2, "the line is gone");
    rig.assert_quiet();

    let (mut rig, caller, station) = talking();
    let ports = rig.open[&caller].1;
    for kept in &mut rig.store {
        if let Kept::Call(call) = kept
            && let Some(leg) = &mut call.leg
        {
            leg.ports = ports;
        }
    }
    rig.restart(&[caller, station]);
    assert_eq!(rig.commands().len(), 2, "both had the same ports");
    rig.assert_quiet();
}

#[test]
fn what_is_over_soon_is_never_kept() {
    let mut rig = Rig::new();
    rig.switch.keep_calls();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.hang_up(station);
    rig.pass(KEEP_AFTER);
    assert_eq!(rig.store, []);
    rig.assert_quiet();
}

#[test]
fn numbers_of_calls_that_were_not_kept_are_not_given_out_again() {
    let (mut rig, caller, station) = talking();
    let written_off = rig.numbers;
    assert!(written_off >= 2 + NUMBERS / 2, "{written_off}");
    rig.switch.last_call = written_off - NUMBERS / 2;
    let brief = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    rig.hang_up(brief);
    assert!(rig.numbers > written_off, "long before they are used up");

    let written_off = rig.numbers;
    rig.restart(&[caller, station]);
    rig.switch.restore([Kept::Numbers(written_off)]);
    rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    assert_eq!(rig.state(written_off + 1), CallState::Offering(OfferingMode::Active));
}

#[test]
fn calls_and_legs_are_numbered_beyond_those_that_were_kept() {
    let (mut rig, caller, station) = talking();
    rig.restart(&[caller, station]);
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    let (leg, _) = rig.invited();
    assert_ne!(leg, station);
    assert_eq!(rig.state(3), CallState::Offering(OfferingMode::Active));
}

#[test]
fn a_port_that_somebody_took_meanwhile_is_another_one_and_described_anew() {
    let (mut rig, caller, station) = talking();
    rig.restart(&[caller, station]);
    let ports = rig.open[&caller].1;
    let leg = trunkline_media::LegId(caller.0);
    rig.tell_media(trunkline_media::Event::OpenFailed { leg, ports });
    assert_ne!(rig.open[&caller].1, ports);
    assert_eq!(rig.commands(), [format!("offer {caller}")]);
}

#[test]
fn who_is_parked_waits_on_and_is_retrieved() {
    let (mut rig, caller, station) = talking();
    rig.request(CRM, Operation::Park { call: CallId(2), to: Some("701".into()) }).unwrap();
    rig.commands();
    rig.pass(KEEP_AFTER);
    let before = rig.switch.parked(CRM);
    rig.restart(&[caller]);
    assert_eq!(rig.switch.parked(CRM), before);
    assert_eq!((before[0].call, rig.feeds[&caller].as_str()), (CallId(1), "music"));
    assert!(rig.commands().is_empty(), "{station} has left before");
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let retriever = rig.call_in(Peer::Line("1002".into()), "701", Some(USUAL));
    assert_eq!(rig.feeds[&caller], format!("leg {retriever:?}"));
    assert!(rig.switch.parked(CRM).is_empty());
    rig.hang_up(caller);
    rig.commands();
    rig.assert_quiet();
}
