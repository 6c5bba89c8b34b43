//! Park and unpark: who waits where, who may retrieve, and what becomes of who is not retrieved.

use std::time::Duration;

use trunkline_sip::outbox::{Command, Event, Peer, Refer, ReferMethod, ReferTo};
use trunkline_sip::{LegId, UsageId};

use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, sdp_at, setup};
use crate::switch::setup::{LineSetup, ParkSetup};
use crate::switch::*;

const ACTIVE: CallState = CallState::Connected(ConnectedMode::Active);
const ACTIVE_HELD: CallState = CallState::Connected(ConnectedMode::ActiveHeld);
const TIMEOUT: Duration = Duration::from_secs(120);

/// With a third phone, 1004.
fn rig(change: impl FnOnce(&mut Setup)) -> Rig {
    let mut setup = setup();
    setup.lines.push(LineSetup {
        address: "1004".into(),
        name: "Line 1004".into(),
        ..setup.lines[0].clone()
    });
    change(&mut setup);
    Rig::with(setup)
}

/// 1001 (call 1) talks with 1002 (call 2). All phones are registered.
fn talking(rig: &mut Rig) -> (LegId, LegId) {
    for line in ["1001", "1002", "1004"] {
        rig.register(line, &format!("sip:{line}@10.0.0.9"), 1000);
    }
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    rig.states(CRM);
    (caller, station)
}

/// The same, and 1002 has parked 1001 at 701.
fn parked(rig: &mut Rig) -> LegId {
    let (caller, _) = talking(rig);
    rig.request(CRM, park(2, None)).unwrap();
    rig.commands();
    rig.states(CRM);
    caller
}

fn park(call: u64, to: Option<&str>) -> Operation {
    Operation::Park { call: CallId(call), to: to.map(str::to_owned) }
}

fn unpark(line: &str, from: &str) -> Operation {
    Operation::Unpark { line: line.into(), from: from.to_owned() }
}

/// What an application heard of slots since the last look: `701 parked 1001 by 1002`.
fn slots(rig: &mut Rig, app: AppId) -> Vec<String> {
    let told = rig.told(app, |message| matches!(message, Message::Parked { .. }));
    let text = |message| {
        let Message::Parked { slot, line, party, change } = message else { panic!("{message:?}") };
        format!("{slot} {change} {party} by {line}")
    };
    told.into_iter().map(text).collect()
}

fn contact(rig: &Rig, slot: &str) -> Option<String> {
    rig.location.lookup(slot, rig.now).first().map(|binding| binding.contact.to_string())
}

#[test]
fn a_parked_party_hears_music_and_its_slot_is_bound() {
    let mut rig = rig(|_| {});
    let (caller, station) = talking(&mut rig);
    let reply = rig.request(CRM, park(2, None));
    assert_eq!(reply, Ok(Outcome::Parked("701".to_owned())));
    assert_eq!(rig.states(CRM), ["reply", "c2 idle", "c1 connected/activeheld"]);
    assert_eq!(rig.commands(), [format!("end {station}")]);
    assert_eq!(rig.feeds[&caller], "music");
    assert_eq!(contact(&rig, "701").as_deref(), Some("sip:park-c2@pbx.example"));
    let parked = rig.switch.parked(WALLBOARD);
    let [ParkedView { slot, line, party, call, .. }] = &parked[..] else { panic!("{parked:?}") };
    assert_eq!((&**slot, &**line, party.number.as_str(), *call), ("701", "1002", "1001", CallId(1)));
    assert_eq!(rig.switch.conversations, 1, "who waits is a conversation");
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn everybody_who_watches_hears_of_slots() {
    let mut rig = rig(|_| {});
    let (caller, _) = talking(&mut rig);
    rig.request(CRM, park(2, None)).unwrap();
    assert_eq!(slots(&mut rig, WALLBOARD), ["701 parked 1001 by 1002"]);
    rig.hang_up(caller);
    assert_eq!(slots(&mut rig, CRM), ["701 abandoned 1001 by 1002"]);
    assert_eq!(contact(&rig, "701"), None);
    assert!(rig.switch.parked(CRM).is_empty());
    assert_eq!(rig.switch.deadline(), None);
}

#[test]
fn a_slot_that_is_taken_joins_nobody() {
    let mut rig = rig(|_| {});
    parked(&mut rig);
    let other = rig.call_in(Peer::Line("1004".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: other, answer: None });
    rig.states(CRM);
    for to in ["701", "1001", "721", "0701", "7 0 1", "", ";", "+701"] {
        let refusal = rig.request(CRM, park(3, Some(to))).unwrap_err();
        assert_eq!(refusal.error, LineError::InvalAddress, "{to}");
    }
    assert_eq!(rig.state(3), ACTIVE);
    assert_eq!(rig.request(CRM, park(3, Some("705"))), Ok(Outcome::Parked("705".to_owned())));
    assert_eq!(rig.switch.parked(CRM).len(), 2);
}

#[test]
fn a_slot_that_somebody_else_claimed_is_taken() {
    let mut rig = rig(|_| {});
    talking(&mut rig);
    rig.register("701", "sip:park-c9@elsewhere", 1000);
    let refusal = rig.request(CRM, park(2, Some("701"))).unwrap_err();
    assert_eq!(refusal.error, LineError::InvalAddress);
    assert_eq!(rig.state(2), ACTIVE);
}

#[test]
fn where_all_slots_are_taken_nothing_can_be_parked() {
    let mut rig = rig(|setup| setup.park = ParkSetup { slots: Some(1003..=1004), ..ParkSetup::default() });
    talking(&mut rig);
    let can = |rig: &Rig| rig.switch.call(CRM, CallId(2)).unwrap().features.contains(&CallOperation::Park);
    assert!(!can(&rig), "the address of a line is no slot");
    assert_eq!(rig.request(CRM, park(2, None)).unwrap_err().error, LineError::OperationUnavail);
}

#[test]
fn nothing_is_parked_where_no_slots_are_configured() {
    let mut rig = rig(|setup| setup.park.slots = None);
    talking(&mut rig);
    assert_eq!(rig.request(CRM, park(2, None)).unwrap_err().error, LineError::OperationUnavail);
    assert_eq!(rig.request(CRM, unpark("1003", "701")).unwrap_err().error, LineError::InvalAddress);
}

#[test]
fn a_call_without_a_far_party_cannot_be_parked() {
    let mut rig = rig(|_| {});
    let trunk = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 480 {trunk}")]);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (_, _) = rig.invited();
    rig.request(CRM, Operation::Answer(CallId(2), None)).unwrap();
    assert_eq!(rig.state(2), ACTIVE);
    assert!(rig.switch.call(CRM, CallId(2)).unwrap().features.contains(&CallOperation::Park));
    assert!(!rig.switch.call(CRM, CallId(3)).unwrap().features.contains(&CallOperation::Park));
}

/// Message sequence 11 of TAPI: park nondirected, unpark.
#[test]
fn unpark_connects_a_new_call_when_the_phone_has_answered() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    let reply = rig.request(CRM, unpark("1002", "701"));
    assert_eq!(reply, Ok(Outcome::Call(CallId(3))));
    assert_eq!(rig.states(CRM), ["reply", "c3 dialing"]);
    assert_eq!(rig.states(WALLBOARD).last().map(String::as_str), Some("c3 dialing"));
    let (own, invite) = rig.invited();
    assert_eq!((invite.from.user.as_str(), invite.from.name.as_str()), ("1001", "Line 1001"));
    assert!(invite.headers.iter().any(|(name, _)| *name == "Alert-Info"), "it answers by itself");
    rig.answer(own, USUAL);
    assert_eq!(rig.states(CRM), ["c3 connected/active", "c1 connected/active"]);
    assert_eq!(rig.feeds[&caller], format!("leg {own:?}"));
    assert_eq!(rig.feeds[&own], format!("leg {caller:?}"));
    let view = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((view.reason, view.privilege), (CallReason::Unpark, CallPrivilege::Owner));
    assert_eq!((view.called.number.as_str(), view.connected.number.as_str()), ("701", "1001"));
    assert_eq!(rig.switch.call(CRM, CallId(1)).unwrap().connected.number, "1002");
    assert_eq!(contact(&rig, "701"), None);
    assert_eq!(rig.switch.timers.deadline(), None);
    rig.hang_up(own);
    rig.commands();
    assert_eq!(rig.switch.conversations, 0);
}

#[test]
fn unpark_to_a_line_of_the_engine_connects_at_once() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    slots(&mut rig, WALLBOARD);
    let reply = rig.request(CRM, unpark("1003", "701"));
    assert_eq!(reply, Ok(Outcome::Call(CallId(3))));
    assert_eq!(slots(&mut rig, WALLBOARD), ["701 retrieved 1001 by 1002"]);
    assert_eq!((rig.state(3), rig.state(1)), (ACTIVE, ACTIVE));
    assert_eq!(rig.feeds[&caller], "silence", "the application speaks");
    rig.hang_up(caller);
    assert_eq!(rig.state(3), CallState::Disconnected(DisconnectMode::Normal));
}

#[test]
fn unpark_is_refused_for_the_reason_that_holds() {
    let mut rig = rig(|_| {});
    let mut error = |line: &str, from: &str| rig.request(CRM, unpark(line, from)).unwrap_err().error;
    assert_eq!(error("9999", "701"), LineError::InvalLineHandle);
    assert_eq!(error("1001", "1002"), LineError::InvalAddress);
    assert_eq!(error("carrier", "701"), LineError::OperationUnavail);
    assert_eq!(error("1001", "701"), LineError::InvalLineState, "the phone is not registered");
    assert_eq!(error("1003", "701"), LineError::OperationFailed, "nobody is there");
}

#[test]
fn of_two_applications_that_retrieve_one_wins() {
    let mut rig = rig(|_| {});
    parked(&mut rig);
    rig.request(CRM, unpark("1002", "701")).unwrap();
    assert_eq!(rig.request(CRM, unpark("1003", "701")).unwrap_err().error, LineError::OperationFailed);
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    assert_eq!(rig.state(3), ACTIVE);
    assert_eq!(rig.request(CRM, unpark("1003", "701")).unwrap_err().error, LineError::OperationFailed);
}

#[test]
fn a_person_who_dials_the_slot_wins_over_a_phone_that_is_still_rung() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    rig.request(CRM, unpark("1002", "701")).unwrap();
    let (own, _) = rig.invited();
    let picker = rig.call_in(Peer::Line("1004".into()), "701", Some("8 101"));
    assert!(rig.commands().contains(&format!("answer {picker}")));
    assert_eq!(rig.state(3), CallState::Disconnected(DisconnectMode::Pickup));
    assert_eq!((rig.state(4), rig.state(1)), (ACTIVE, ACTIVE));
    assert_eq!(rig.feeds[&picker], format!("leg {caller:?}"));
    assert!(!rig.open.contains_key(&own));
}

#[test]
fn a_phone_that_does_not_answer_leaves_the_call_parked() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    rig.request(CRM, unpark("1002", "701")).unwrap();
    let (own, _) = rig.invited();
    rig.states(CRM);
    rig.refuse(own, 486);
    assert_eq!(rig.states(CRM), ["c3 disconnected/unavail"]);
    assert_eq!((rig.state(1), rig.feeds[&caller].as_str()), (ACTIVE_HELD, "music"));
    rig.request(CRM, unpark("1003", "701")).unwrap();
    assert_eq!(rig.state(1), ACTIVE);
}

#[test]
fn a_party_that_leaves_while_it_is_retrieved_ends_the_retrieval() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    rig.request(CRM, unpark("1002", "701")).unwrap();
    let (own, _) = rig.invited();
    rig.hang_up(caller);
    assert_eq!(rig.commands(), [format!("end {own}")]);
    assert_eq!(rig.state(3), CallState::Disconnected(DisconnectMode::Pickup));
    rig.request(CRM, Operation::Drop(CallId(3), None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn dialling_the_slot_retrieves() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    let picker = rig.call_in(Peer::Line("1004".into()), "701", Some(USUAL));
    assert_eq!(rig.states(CRM), ["c3 new owner", "c3 dialing", "c3 connected/active", "c1 connected/active"]);
    let view = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((view.reason, view.connected.number.as_str()), (CallReason::Unpark, "1001"));
    assert_eq!(rig.commands(), [format!("identify 1004 {caller}"), format!("answer {picker}")]);
    rig.tell(Event::Established { leg: picker, answer: None });
    rig.hang_up(picker);
    rig.assert_quiet();
}

#[test]
fn an_empty_slot_is_480_and_what_is_no_slot_is_404() {
    let mut rig = rig(|_| {});
    for (dialled, status) in [("701", 480), ("721", 404), ("0701", 480)] {
        let leg = rig.call_in(Peer::Line("1001".into()), dialled, Some(USUAL));
        if dialled == "0701" {
            rig.invited();
            continue;
        }
        assert_eq!(rig.commands(), [format!("reject {status} {leg}")], "{dialled}");
    }
}

#[test]
fn a_network_cannot_dial_a_slot() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    let stranger = rig.call_in(Peer::Trunk("carrier".into()), "701", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 404 {stranger}")]);
    assert_eq!(rig.feeds[&caller], "music");
}

#[test]
fn who_is_not_retrieved_goes_back_to_who_parked() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    rig.pass(TIMEOUT);
    let (station, invite) = rig.invited();
    assert_eq!((invite.to.user.as_str(), invite.from.user.as_str()), ("1002", "1001"));
    assert_eq!(rig.states(CRM), ["c3 new owner", "c3 offering/active"]);
    let view = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((view.reason, view.redirecting.number.as_str()), (CallReason::Reminder, "701"));
    assert_eq!(rig.feeds[&caller], "music");
    rig.progress(station, 180, None);
    assert_eq!(rig.state(1), ACTIVE_HELD, "who waits hears nothing of it");
    rig.answer(station, USUAL);
    assert_eq!(slots(&mut rig, CRM), ["701 returned 1001 by 1002"]);
    assert_eq!((rig.state(3), rig.state(1)), (ACTIVE, ACTIVE));
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"));
    assert_eq!(contact(&rig, "701"), None);
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn a_parker_who_does_not_answer_leaves_the_call_parked() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    rig.pass(TIMEOUT);
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    assert_eq!(rig.state(1), ACTIVE_HELD);
    assert_eq!((rig.commands(), rig.feeds[&caller].as_str()), (Vec::new(), "music"));
    rig.pass(TIMEOUT);
    let (station, _) = rig.invited();
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.commands(), [format!("end {station}")], "it rang out");
    assert_eq!(rig.state(1), ACTIVE_HELD);
    assert!(contact(&rig, "701").is_some());
    rig.pass(TIMEOUT);
    rig.invited();
    rig.request(CRM, Operation::Drop(CallId(5), None)).unwrap();
    assert_eq!(rig.state(1), ACTIVE_HELD, "refused by an application");
}

#[test]
fn a_call_that_waits_for_long_keeps_its_slot() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    // Nobody is there to go back to.
    for contact in rig.location.bindings("1002", rig.now) {
        rig.location.remove("1002", &contact.key, &mut trunkline_sip::outbox::Outbox::default());
    }
    for _ in 0..20 {
        rig.pass(TIMEOUT);
        assert!(contact(&rig, "701").is_some());
    }
    assert_eq!((rig.state(1), rig.feeds[&caller].as_str()), (ACTIVE_HELD, "music"));
    assert!(rig.commands().is_empty());
}

#[test]
fn the_fallback_is_asked_when_the_parker_does_not_answer() {
    let mut rig = rig(|setup| setup.park.fallback = Some("1004".to_owned()));
    let caller = parked(&mut rig);
    rig.pass(TIMEOUT);
    let (station, _) = rig.invited();
    rig.refuse(station, 480);
    let (fallback, invite) = rig.invited();
    assert_eq!(invite.to.user, "1004");
    rig.refuse(fallback, 480);
    assert_eq!((rig.state(1), rig.feeds[&caller].as_str()), (ACTIVE_HELD, "music"));
    rig.pass(TIMEOUT);
    let (station, _) = rig.invited();
    rig.refuse(station, 480);
    let (fallback, _) = rig.invited();
    rig.answer(fallback, USUAL);
    assert_eq!(rig.feeds[&caller], format!("leg {fallback:?}"));
    assert!(rig.switch.parked(CRM).is_empty());
}

#[test]
fn the_fallback_may_be_behind_a_trunk() {
    let mut rig = rig(|setup| setup.park.fallback = Some("030".to_owned()));
    let caller = parked(&mut rig);
    rig.pass(TIMEOUT);
    let (station, _) = rig.invited();
    rig.refuse(station, 480);
    let (fallback, invite) = rig.invited();
    assert_eq!((invite.to.user.as_str(), invite.from.user.as_str()), ("30", "1001"));
    rig.progress(fallback, 180, None);
    assert_eq!(rig.feeds[&caller], "music");
    rig.answer(fallback, USUAL);
    assert_eq!(rig.feeds[&caller], format!("leg {fallback:?}"));
}

#[test]
fn a_reminder_is_taken_back_when_somebody_else_retrieves() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    rig.pass(TIMEOUT);
    let (station, _) = rig.invited();
    rig.states(CRM);
    let picker = rig.call_in(Peer::Line("1004".into()), "701", Some(USUAL));
    assert!(rig.commands().contains(&format!("end {station}")));
    assert!(rig.states(CRM).contains(&"c3 disconnected/pickup".to_owned()));
    assert_eq!(rig.feeds[&picker], format!("leg {caller:?}"));
    assert_eq!(rig.switch.timers.deadline(), None);
}

#[test]
fn who_waits_leaves_while_the_parker_is_reminded() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    rig.pass(TIMEOUT);
    let (station, _) = rig.invited();
    rig.hang_up(caller);
    assert_eq!(rig.commands(), [format!("end {station}")]);
    rig.assert_quiet();
}

#[test]
fn the_network_behind_a_trunk_is_parked_from_the_trunks_line() {
    let mut rig = rig(|_| {});
    let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    rig.request(CRM, park(2, None)).unwrap();
    assert_eq!(rig.commands(), [format!("end {caller}")]);
    assert_eq!(rig.state(2), CallState::Idle);
    assert_eq!((rig.state(3), rig.feeds[&station].as_str()), (ACTIVE_HELD, "music"));
    assert_eq!(rig.switch.call(CRM, CallId(3)).unwrap().reason, CallReason::Parked);
    // A trunk has no phone to go back to: it waits on.
    rig.pass(TIMEOUT);
    assert!(rig.commands().is_empty());
    rig.request(CRM, unpark("1003", "701")).unwrap();
    assert_eq!(rig.state(3), ACTIVE);
    rig.hang_up(station);
    rig.request(CRM, Operation::Drop(CallId(4), None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn a_call_from_a_trunk_is_parked_by_the_line_it_came_to() {
    let mut rig = rig(|_| {});
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let network = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: network, answer: None });
    rig.request(CRM, park(2, Some("710"))).unwrap();
    assert_eq!((rig.state(1), rig.feeds[&network].as_str()), (ACTIVE_HELD, "music"));
    assert_eq!(rig.commands().last(), Some(&format!("end {station}")));
    assert_eq!(rig.switch.trunks()[0].calls, 1, "the channel stays taken");
}

#[test]
fn a_line_of_the_engine_parks_and_is_parked() {
    let mut rig = rig(|_| {});
    let caller = rig.call_in(Peer::Line("1001".into()), "1003", Some(USUAL));
    rig.request(CRM, Operation::Answer(CallId(2), None)).unwrap();
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    rig.request(CRM, park(2, None)).unwrap();
    assert_eq!((rig.state(1), rig.feeds[&caller].as_str()), (ACTIVE_HELD, "music"));
    assert!(rig.commands().is_empty());
    rig.pass(TIMEOUT);
    assert_eq!(rig.state(3), CallState::Offering(OfferingMode::Active), "its application is reminded");
    rig.request(CRM, Operation::Answer(CallId(3), None)).unwrap();
    assert_eq!((rig.state(3), rig.state(1)), (ACTIVE, ACTIVE));
    rig.request(CRM, park(1, None)).unwrap();
    assert_eq!(rig.commands(), [format!("end {caller}")]);
    assert_eq!(rig.state(3), ACTIVE_HELD);
    rig.request(CRM, Operation::Drop(CallId(3), None)).unwrap();
    assert!(rig.switch.parked(CRM).is_empty());
    rig.assert_quiet();
}

#[test]
fn the_park_code_parks_the_call_that_the_phone_holds() {
    let mut rig = rig(|_| {});
    let (caller, station) = talking(&mut rig);
    rig.tell(Event::Offer { leg: station, sdp: Some(sdp_at("10.0.0.9", 4000, USUAL, "a=sendonly\r\n")) });
    rig.commands();
    rig.states(CRM);
    let code = rig.call_in(Peer::Line("1002".into()), "*70", Some(USUAL));
    let shown = rig.sip.iter().find_map(|command| {
        let Command::Enclose(leg, headers) = command else { return None };
        (*leg == code).then(|| headers[0].clone())
    });
    assert_eq!(shown, Some(("P-Asserted-Identity", "\"Parked at 701\" <sip:701@pbx.example>".to_owned())));
    assert_eq!(
        rig.commands(),
        [format!("end {station}"), format!("enclose {code}"), format!("answer {code}")]
    );
    assert_eq!(rig.feeds[&code], "confirmation");
    assert_eq!(rig.feeds[&caller], "music");
    rig.tell(Event::Established { leg: code, answer: None });
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.commands(), [format!("end {code}")]);
    assert_eq!(rig.switch.parked(CRM)[0].line.as_ref(), "1002");
}

#[test]
fn a_free_slot_that_is_dialled_takes_the_call_that_the_phone_holds() {
    let mut rig = rig(|_| {});
    let (caller, station) = talking(&mut rig);
    rig.tell(Event::Offer { leg: station, sdp: Some(sdp_at("10.0.0.9", 4000, USUAL, "a=sendonly\r\n")) });
    rig.call_in(Peer::Line("1002".into()), "707", Some(USUAL));
    assert_eq!(rig.feeds[&caller], "music");
    assert_eq!(&*rig.switch.parked(CRM)[0].slot, "707");
}

#[test]
fn a_code_forwards_and_everybody_hears_of_it() {
    let mut rig = rig(|_| {});
    for line in ["1001", "1004"] {
        rig.register(line, &format!("sip:{line}@10.0.0.9"), 1000);
    }
    let code = rig.call_in(Peer::Line("1002".into()), "*21*1004#", Some(USUAL));
    assert_eq!(rig.commands(), [format!("answer {code}")]);
    assert_eq!(rig.feeds[&code], "confirmation");
    let told = rig.told(WALLBOARD, |message| matches!(message, Message::Forwarded { .. }));
    assert_eq!(told, [Message::Forwarded { line: "1002".into() }]);
    rig.tell(Event::Established { leg: code, answer: None });
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.commands(), [format!("end {code}")]);
    assert_eq!(rig.state(1), CallState::Idle);
    rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    assert_eq!(rig.invited().1.to.user, "1004");
    for (dialled, status) in [("*21*", 484), ("*21*4711", 404)] {
        let refused = rig.call_in(Peer::Line("1004".into()), dialled, Some(USUAL));
        assert_eq!(rig.commands().last(), Some(&format!("reject {status} {refused}")), "{dialled}");
    }
    let code = rig.call_in(Peer::Line("1002".into()), "#21", Some(USUAL));
    assert!(rig.commands().contains(&format!("answer {code}")));
    assert!(rig.switch.forwarding("1002").is_none());
}

#[test]
fn a_code_that_is_confirmed_leaves_nothing_when_the_phone_hangs_up_first() {
    let mut rig = rig(|_| {});
    let code = rig.call_in(Peer::Line("1002".into()), "*78", Some(USUAL));
    rig.tell(Event::Established { leg: code, answer: None });
    rig.hang_up(code);
    assert_eq!(rig.switch.deadline(), None);
    rig.assert_quiet();
}

#[test]
fn a_lamp_shows_who_waits() {
    let mut rig = rig(|_| {});
    assert!(rig.switch.slot_dialogs("1001").is_none());
    assert_eq!(rig.switch.slot_dialogs("701"), Some(Vec::new()));
    let caller = parked(&mut rig);
    let dialogs = rig.switch.slot_dialogs("701").unwrap();
    let [dialog] = &dialogs[..] else { panic!("{dialogs:?}") };
    assert_eq!(
        (dialog.leg, dialog.local.user.as_str(), dialog.remote.user.as_str()),
        (Some(caller), "701", "1001")
    );
    rig.hang_up(caller);
    assert_eq!(rig.switch.slot_dialogs("701"), Some(Vec::new()));
}

#[test]
fn the_park_code_without_a_held_call_is_480() {
    let mut rig = rig(|_| {});
    let leg = rig.call_in(Peer::Line("1001".into()), "*70", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 480 {leg}")]);
    rig.assert_quiet();
}

#[test]
fn a_phone_parks_its_far_party_by_number_or_by_code() {
    let mut rig = rig(|_| {});
    let (caller, station) = talking(&mut rig);
    let mut out = Outbox::default();
    let (now, parker) = (rig.now, Arc::from("1002"));
    assert!(rig.switch.is_park_target("701") && rig.switch.is_park_target("*70"));
    assert!(!rig.switch.is_park_target("1002"));
    let refused = rig.switch.park_far(now, CallId(1), Some("1002"), &parker, &mut out);
    assert_eq!(refused, Err(LineError::InvalAddress));
    let slot = rig.switch.park_far(now, CallId(1), Some("*70"), &parker, &mut out);
    assert_eq!(slot.as_deref(), Ok("701"));
    let again = rig.switch.park_far(now, CallId(1), None, &parker, &mut out);
    assert_eq!(again, Err(LineError::InvalCallState));
    // The transferor's own call has no partner any more: it ends alone.
    rig.hang_up(station);
    rig.hang_up(caller);
    rig.assert_quiet();
}

fn refer(leg: LegId, to: &str, notifies: bool) -> Box<Refer> {
    let to = ReferTo {
        user: to.to_owned(),
        host: String::new(),
        method: ReferMethod::Invite,
        replaces: None,
        dialog: None,
    };
    let peer = Peer::Line("1002".into());
    Box::new(Refer { leg: Some(leg), peer, dialled: String::new(), to, referred_by: None, notifies })
}

#[test]
fn a_phone_that_transfers_to_a_slot_parks_there() {
    let mut rig = rig(|_| {});
    let (caller, station) = talking(&mut rig);
    let usage = UsageId::new(0, 1);
    rig.tell(Event::Refer(usage, refer(station, "705", true)));
    assert_eq!(rig.commands(), [format!("answer refer 202 {usage}"), format!("refer progress 200 {usage}")]);
    assert_eq!((rig.state(1), rig.feeds[&caller].as_str()), (ACTIVE_HELD, "music"));
    assert_eq!(&*rig.switch.parked(CRM)[0].slot, "705");
    rig.hang_up(station);
    assert_eq!((rig.state(2), rig.state(1)), (CallState::Idle, ACTIVE_HELD));
}

#[test]
fn a_phone_that_transfers_to_the_park_code_and_wants_no_word_is_hung_up() {
    let mut rig = rig(|_| {});
    let (caller, station) = talking(&mut rig);
    let usage = UsageId::new(0, 1);
    rig.tell(Event::Refer(usage, refer(station, "*70", false)));
    assert_eq!(rig.commands(), [format!("answer refer 202 {usage}"), format!("end {station}")]);
    assert_eq!(rig.feeds[&caller], "music");
}

#[test]
fn a_transfer_to_a_slot_that_is_taken_is_refused() {
    let mut rig = rig(|_| {});
    parked(&mut rig);
    let other = rig.call_in(Peer::Line("1004".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: other, answer: None });
    rig.commands();
    let usage = UsageId::new(0, 1);
    rig.tell(Event::Refer(usage, refer(other, "701", true)));
    assert_eq!(rig.commands(), [format!("answer refer 486 {usage}")]);
    assert_eq!(rig.state(3), ACTIVE);
    rig.tell(Event::Refer(usage, refer(station, "702", true)));
    assert_eq!(rig.commands(), [format!("answer refer 403 {usage}")], "a network parks nobody");
}

#[test]
fn a_new_configuration_leaves_who_waits_where_he_is() {
    let mut rig = rig(|_| {});
    let caller = parked(&mut rig);
    let mut changed = setup();
    changed.park.slots = Some(800..=810);
    let (now, mut out) = (rig.now, Outbox::default());
    rig.switch.reconfigure(now, changed, &mut out);
    assert_eq!(rig.feeds[&caller], "music");
    rig.request(CRM, unpark("1003", "701")).unwrap();
    assert_eq!(rig.state(1), ACTIVE);
    assert_eq!(rig.request(CRM, unpark("1003", "701")).unwrap_err().error, LineError::InvalAddress);
}

/// Whether the operation is among the features of 1004.
fn can(rig: &Rig, operation: LineOperation) -> bool {
    rig.switch.line(CRM, "1004").unwrap().features.contains(&operation.name())
}

#[test]
fn a_line_can_unpark_exactly_while_somebody_waits() {
    let mut rig = rig(|_| {});
    talking(&mut rig);
    assert!(!can(&rig, LineOperation::Unpark) && !can(&rig, LineOperation::Pickup));
    assert!(rig.request(CRM, unpark("1004", "701")).is_err());
    rig.request(CRM, park(2, None)).unwrap();
    assert!(can(&rig, LineOperation::Unpark) && can(&rig, LineOperation::Pickup));
    rig.request(CRM, unpark("1004", "701")).unwrap();
    // The phone is being rung for it: nobody else can have it.
    assert!(!can(&rig, LineOperation::Unpark) && !can(&rig, LineOperation::Pickup));
    assert!(rig.request(CRM, unpark("1004", "701")).is_err());
}

#[test]
fn a_line_can_pick_up_exactly_what_its_groups_let_it() {
    for in_group in [true, false] {
        let mut rig = rig(|setup| {
            for line in &mut setup.lines {
                let is_member = in_group || &*line.address != "1004";
                line.groups = is_member.then(|| "desk".into()).into_iter().collect();
            }
        });
        for line in ["1001", "1002", "1004"] {
            rig.register(line, &format!("sip:{line}@10.0.0.9"), 1000);
        }
        assert!(!can(&rig, LineOperation::Pickup));
        rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
        assert_eq!(can(&rig, LineOperation::Pickup), in_group);
        let (line, from, group) = ("1004".into(), Some("1002".to_owned()), None);
        let reply = rig.request(CRM, Operation::Pickup { line, from, group });
        assert_eq!(reply.is_ok(), in_group, "{reply:?}");
    }
}
