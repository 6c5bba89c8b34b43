//! Hold and retrieve, by applications and by phones, and other changes of a session.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, sdp, sdp_at, setup};
use crate::switch::*;

const ACTIVE: CallState = CallState::Connected(ConnectedMode::Active);
const ACTIVE_HELD: CallState = CallState::Connected(ConnectedMode::ActiveHeld);

/// 1001 (call 1) talks with 1002 (call 2).
fn talking(rig: &mut Rig, talk: bool) -> (LegId, LegId) {
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.tell(Event::Announced { leg: station, talk, hold: talk });
    rig.tell(Event::Progress { leg: station, status: 180, sdp: None });
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    rig.states(CRM);
    (caller, station)
}

fn offer(rig: &mut Rig, leg: LegId, lines: &str) {
    rig.tell(Event::Offer { leg, sdp: Some(sdp_at("10.0.0.9", 4000, USUAL, lines)) });
}

#[test]
fn hold_connects_the_other_side_to_music_and_sends_nothing() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig, false);
    rig.request(CRM, Operation::Hold(CallId(2))).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c2 onhold", "c1 connected/activeheld"]);
    assert_eq!((rig.feeds[&caller].as_str(), rig.feeds[&station].as_str()), ("music", "silence"));
    assert!(rig.commands().is_empty());
    rig.request(CRM, Operation::Unhold(CallId(2))).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c2 connected/active", "c1 connected/active"]);
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"));
    assert_eq!(rig.feeds[&station], format!("leg {caller:?}"));
}

#[test]
fn a_phone_that_holds_puts_its_own_call_on_hold() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig, false);
    for hold in ["a=sendonly\r\n", "a=inactive\r\n"] {
        offer(&mut rig, station, hold);
        assert_eq!(rig.commands(), [format!("answer offer {station}")]);
        assert_eq!((rig.state(2), rig.state(1)), (CallState::OnHold, ACTIVE_HELD));
        assert_eq!(rig.feeds[&caller], "music");
        assert!(!rig.remotes[&station].send, "a phone that holds is not sent to");
        offer(&mut rig, station, "a=sendrecv\r\n");
        assert_eq!(rig.commands(), [format!("answer offer {station}")]);
        assert_eq!((rig.state(2), rig.state(1)), (ACTIVE, ACTIVE));
    }
}

#[test]
fn hold_by_an_unspecified_address_counts_too() {
    let mut rig = Rig::new();
    let (_, station) = talking(&mut rig, false);
    rig.tell(Event::Offer { leg: station, sdp: Some(sdp_at("0.0.0.0", 4000, USUAL, "")) });
    assert_eq!(rig.state(2), CallState::OnHold);
}

#[test]
fn both_sides_may_hold_and_each_lifts_its_own() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig, false);
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    offer(&mut rig, station, "a=sendonly\r\n");
    assert_eq!((rig.state(1), rig.state(2)), (CallState::OnHold, CallState::OnHold));
    rig.request(CRM, Operation::Unhold(CallId(1))).unwrap();
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE_HELD, CallState::OnHold));
    assert_eq!(rig.feeds[&caller], "music");
    offer(&mut rig, station, "");
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE, ACTIVE));
}

#[test]
fn only_a_phone_that_knows_talk_can_be_asked_to_retrieve() {
    let mut rig = Rig::new();
    let (_, station) = talking(&mut rig, false);
    offer(&mut rig, station, "a=sendonly\r\n");
    let refusal = rig.request(CRM, Operation::Unhold(CallId(2))).unwrap_err();
    assert_eq!(refusal.error, LineError::OperationUnavail);
    assert!(
        refusal.allowed.contains(&CallOperation::Drop) && !refusal.allowed.contains(&CallOperation::Unhold)
    );
}

#[test]
fn a_phone_that_is_asked_to_retrieve_does_so_by_its_own_offer() {
    let mut rig = Rig::new();
    let (_, station) = talking(&mut rig, true);
    offer(&mut rig, station, "a=sendonly\r\n");
    rig.commands();
    rig.states(CRM);
    rig.ask(CRM, Operation::Unhold(CallId(2)));
    assert_eq!(rig.commands(), [format!("notify talk {station}")]);
    rig.tell(Event::Notified { leg: station, event: "talk", status: 200 });
    assert!(rig.states(CRM).is_empty());
    offer(&mut rig, station, "a=sendrecv\r\n");
    assert_eq!(rig.states(CRM), ["reply", "c2 connected/active", "c1 connected/active"]);
}

#[test]
fn a_network_that_holds_is_the_remote_party_of_both_calls() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    offer(&mut rig, station, "a=sendonly\r\n");
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE_HELD, ACTIVE_HELD));
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"), "its own music is heard");
    offer(&mut rig, station, "a=inactive\r\n");
    assert_eq!(rig.feeds[&caller], "music");
    offer(&mut rig, station, "");
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE, ACTIVE));
}

#[test]
fn hold_of_a_trunks_call_holds_the_network() {
    let mut rig = Rig::new();
    rig.request(CRM, Operation::MakeCall { line: "carrier".into(), to: "30".into(), params: None }).unwrap();
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    assert_eq!(rig.feeds[&station], "silence");
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    assert_eq!((rig.feeds[&station].as_str(), rig.state(1)), ("music", CallState::OnHold));
}

#[test]
fn a_held_party_that_hangs_up_disconnects_the_call_on_hold() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig, false);
    rig.request(CRM, Operation::Hold(CallId(2))).unwrap();
    rig.hang_up(caller);
    assert_eq!(rig.commands(), [format!("end {station}")]);
    assert_eq!(rig.state(2), CallState::Disconnected(DisconnectMode::Normal));
}

#[test]
fn an_offer_that_nothing_can_be_made_of_leaves_the_session_as_it_was() {
    let mut rig = Rig::new();
    let (_, station) = talking(&mut rig, false);
    rig.tell(Event::Offer { leg: station, sdp: Some(sdp("18")) });
    assert_eq!(rig.commands(), [format!("refuse offer 488 {station}")]);
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE, ACTIVE));
}

#[test]
fn a_change_of_codec_reaches_the_other_side_only_if_it_must() {
    let mut rig = Rig::new();
    let (caller, station) = talking(&mut rig, false);
    rig.tell(Event::Offer { leg: station, sdp: Some(sdp("8 101")) });
    let Some(Command::Offer(leg, offer)) = rig.sip.last() else { panic!("{:?}", rig.sip) };
    assert_eq!((*leg, &offer.media[0].formats[..]), (caller, &["8", "101"].map(Into::into)[..]));
    rig.commands();
    rig.tell(Event::OfferAnswered { leg: caller, sdp: Some(sdp("8 101")) });
    assert!(rig.commands().is_empty());
    rig.tell(Event::Offer { leg: station, sdp: Some(sdp("8 101")) });
    assert_eq!(rig.commands(), [format!("answer offer {station}")]);
}

#[test]
fn who_asks_for_an_offer_gets_a_full_one() {
    let mut rig = Rig::new();
    let (_, station) = talking(&mut rig, false);
    offer(&mut rig, station, "a=sendonly\r\n");
    rig.sip.clear();
    rig.tell(Event::Offer { leg: station, sdp: None });
    let Some(Command::AnswerOffer(_, ours)) = rig.sip.first() else { panic!() };
    assert_eq!(ours.media[0].formats, ["0", "8", "101"]);
    assert_eq!(ours.direction(0).name(), "sendrecv");
    rig.tell(Event::OfferAnswered { leg: station, sdp: Some(sdp(USUAL)) });
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE, ACTIVE));
}

/// PRACK and UPDATE offer so (RFC 3262 §5, RFC 3311).
#[test]
fn an_offer_that_follows_early_media_is_answered_on_either_side() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.tell(Event::Progress { leg: station, status: 183, sdp: Some(sdp(USUAL)) });
    rig.commands();
    for leg in [caller, station] {
        rig.tell(Event::Offer { leg, sdp: Some(sdp_at("10.0.0.9", 4002, USUAL, "")) });
        assert_eq!(rig.commands(), [format!("answer offer {leg}")]);
    }
    rig.answer(station, USUAL);
    let Some(Command::Answer(leg, Some(ours))) = rig.sip.last() else { panic!("{:?}", rig.sip) };
    assert_eq!((*leg, &ours.media[0].formats[..]), (caller, &["0", "8", "101"].map(Into::into)[..]));
}

#[test]
fn an_offer_before_the_answer_is_not_for_the_moment() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    rig.invited();
    rig.tell(Event::Offer { leg: caller, sdp: Some(sdp(USUAL)) });
    assert_eq!(rig.commands(), [format!("refuse offer 491 {caller}")]);
}

/// As [`talking`], and the phone of 1002 is asked to hold.
fn talking_at_a_phone_that_holds() -> (Rig, LegId, LegId) {
    let mut setup = setup();
    setup.lines.iter_mut().for_each(|line| line.holds_at_phone = true);
    let mut rig = Rig::with(setup);
    let (caller, station) = talking(&mut rig, true);
    (rig, caller, station)
}

#[test]
fn a_phone_that_announces_it_is_asked_to_hold_and_to_retrieve() {
    let (mut rig, caller, station) = talking_at_a_phone_that_holds();
    rig.ask(CRM, Operation::Hold(CallId(2)));
    assert_eq!(rig.commands(), [format!("notify hold {station}")]);
    assert!(rig.states(CRM).is_empty(), "the phone has not done it yet");
    assert_eq!((rig.feeds[&caller].as_str(), rig.feeds[&station].as_str()), ("music", "silence"), "at once");
    offer(&mut rig, station, "a=sendonly");
    assert_eq!(rig.states(CRM), ["reply", "c2 onhold", "c1 connected/activeheld"]);
    assert_eq!(rig.feeds[&caller], "music");
    rig.commands();
    rig.ask(CRM, Operation::Unhold(CallId(2)));
    assert_eq!(rig.commands(), [format!("notify talk {station}")]);
    offer(&mut rig, station, "");
    assert_eq!(rig.states(CRM), ["reply", "c2 connected/active", "c1 connected/active"]);
}

#[test]
fn the_engine_holds_where_the_phone_does_not() {
    for refused in [true, false] {
        let (mut rig, caller, station) = talking_at_a_phone_that_holds();
        rig.ask(CRM, Operation::Hold(CallId(2)));
        rig.commands();
        if refused {
            rig.tell(Event::Notified { leg: station, event: "hold", status: 489 });
        } else {
            rig.tell(Event::Notified { leg: station, event: "hold", status: 200 });
            assert!(rig.states(CRM).is_empty());
            rig.pass(Duration::from_secs(4));
        }
        assert_eq!(rig.states(CRM), ["reply", "c2 onhold", "c1 connected/activeheld"], "{refused}");
        assert_eq!(rig.feeds[&caller], "music");
        rig.request(CRM, Operation::Unhold(CallId(2))).unwrap();
        assert_eq!(rig.states(CRM), ["reply", "c2 connected/active", "c1 connected/active"]);
        // Who did not once is not asked again.
        rig.request(CRM, Operation::Hold(CallId(2))).unwrap();
        assert!(rig.commands().is_empty());
    }
}

#[test]
fn a_phone_that_called_and_announced_it_can_be_asked_too() {
    let (mut rig, caller, _) = talking_at_a_phone_that_holds();
    rig.tell(Event::Announced { leg: caller, talk: true, hold: true });
    rig.ask(CRM, Operation::Hold(CallId(1)));
    assert_eq!(rig.commands(), [format!("notify hold {caller}")]);
    // It ends while it is asked: the request is answered.
    rig.hang_up(caller);
    assert_eq!(rig.states(CRM)[0], "reply disconnected");
}
