//! Pickup: who may take which call, which one it is, and who of several has it.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{CallDetails, Command, Event, Peer, Replaced};

use crate::switch::rig::{CRM, Rig, USUAL, sdp, sdp_at, setup};
use crate::switch::setup::LineSetup;
use crate::switch::*;

const ACTIVE: CallState = CallState::Connected(ConnectedMode::Active);

/// The phones 1001, 1002 and 1004 and the line 1003 are in sales, 1005 is in no group. All phones are registered.
fn rig() -> Rig {
    let mut setup = setup();
    for address in ["1004", "1005"] {
        setup.lines.push(LineSetup { address: address.into(), ..setup.lines[0].clone() });
    }
    for line in &mut setup.lines[..4] {
        line.groups = vec!["sales".to_owned()];
    }
    let mut rig = Rig::with(setup);
    for line in ["1001", "1002", "1004", "1005"] {
        rig.register(line, &format!("sip:{line}@10.0.0.9"), 1000);
    }
    rig
}

/// Somebody calls 1002 from outside: the caller's leg and that of the phone, which rings. Calls 1 and 2.
fn ringing(rig: &mut Rig) -> (LegId, LegId) {
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.commands();
    rig.states(CRM);
    (caller, station)
}

fn pickup(line: &str, from: Option<&str>, group: Option<&str>) -> Operation {
    Operation::Pickup { line: line.into(), from: from.map(str::to_owned), group: group.map(str::to_owned) }
}

/// Who was answered, and with which formats.
fn answers(rig: &Rig) -> Vec<(LegId, String)> {
    let answer = |command: &Command| {
        let Command::Answer(leg, Some(answer)) = command else { return None };
        let formats = answer.media[0].formats.iter().map(|format| String::from_utf8_lossy(format));
        Some((*leg, formats.collect::<Vec<_>>().join(" ")))
    };
    rig.sip.iter().filter_map(answer).collect()
}

fn error(rig: &mut Rig, operation: Operation) -> LineError {
    rig.request(CRM, operation).unwrap_err().error
}

#[test]
fn an_application_picks_up_for_a_phone() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    let reply = rig.request(CRM, pickup("1001", Some("1002"), None));
    assert_eq!(reply, Ok(Outcome::Call(CallId(3))));
    assert_eq!(rig.states(CRM), ["reply", "c3 dialing"]);
    let (own, invite) = rig.invited();
    assert_eq!(invite.offer.unwrap().media[0].formats, ["0", "8", "101"], "what the caller offers");
    assert!(invite.headers.iter().any(|(name, _)| *name == "Alert-Info"));
    rig.answer(own, "8 101");
    let Some(Command::End(ended, reason)) = rig.sip.first() else { panic!("{:?}", rig.sip) };
    assert_eq!(*ended, station);
    assert_eq!(reason.as_deref(), Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    let answers = answers(&rig);
    assert_eq!(answers, [(caller, "8 101".to_owned())], "from what the picker answered");
    assert_eq!(
        rig.states(CRM),
        ["c2 disconnected/pickup", "c3 connected/active", "c1 connected/active", "c2 idle"]
    );
    let view = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((view.reason, view.privilege), (CallReason::Pickup, CallPrivilege::Owner));
    assert_eq!(rig.feeds[&own], format!("leg {caller:?}"));
    assert_eq!(rig.feeds[&caller], format!("leg {own:?}"));
    rig.commands();
    rig.hang_up(caller);
    rig.request(CRM, Operation::Drop(CallId(3), None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn a_line_of_the_engine_picks_up_at_once() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    rig.request(CRM, pickup("1003", None, None)).unwrap();
    assert_eq!(rig.commands(), [format!("end {station}"), format!("answer {caller}")]);
    assert_eq!((rig.state(3), rig.state(1)), (ACTIVE, ACTIVE));
}

#[test]
fn a_code_picks_up_and_two_offers_are_answered_from_each_other() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    let picker = rig.call_in(Peer::Line("1001".into()), "*8", Some("8 101"));
    assert_eq!(answers(&rig), [(picker, "8 101".to_owned()), (caller, "8 101".to_owned())]);
    assert_eq!(rig.commands()[0], format!("end {station}"));
    assert_eq!(
        rig.states(CRM),
        [
            "c3 new owner",
            "c3 dialing",
            "c2 disconnected/pickup",
            "c3 connected/active",
            "c1 connected/active",
            "c2 idle"
        ]
    );
    assert_eq!(rig.switch.conversations, 1);
    for leg in [picker, caller] {
        rig.tell(Event::Established { leg, answer: None });
    }
    assert!(rig.commands().is_empty(), "nobody has to be asked again");
    rig.hang_up(picker);
    rig.assert_quiet();
}

#[test]
fn a_caller_without_an_offer_is_made_one_from_the_pickers() {
    let mut rig = rig();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1002", None);
    rig.invited();
    rig.commands();
    let picker = rig.call_in(Peer::Line("1001".into()), "**1002", Some("8 101"));
    assert_eq!(answers(&rig), [(picker, "8 101".to_owned()), (caller, "8 101 0".to_owned())]);
    rig.commands();
    rig.tell(Event::Established { leg: picker, answer: None });
    rig.tell(Event::Established { leg: caller, answer: Some(sdp("8 101")) });
    assert_eq!(rig.feeds[&picker], format!("leg {caller:?}"));
    assert!(rig.remotes[&caller].send);
}

#[test]
fn the_oldest_call_of_the_group_is_picked_up() {
    let mut rig = rig();
    let first = rig.call_in(Peer::Trunk("carrier".into()), "1004", Some(USUAL));
    rig.pass(Duration::from_secs(1));
    rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    rig.pass(Duration::from_secs(1));
    let picker = rig.call_in(Peer::Line("1001".into()), "*8", Some(USUAL));
    assert_eq!(rig.feeds[&picker], format!("leg {first:?}"));
}

#[test]
fn what_rings_at_the_own_line_is_not_the_groups() {
    let mut rig = rig();
    rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    assert_eq!(error(&mut rig, pickup("1001", None, None)), LineError::OperationFailed);
    rig.request(CRM, pickup("1001", Some("1001"), None)).unwrap();
}

#[test]
fn pickup_is_refused_for_the_reason_that_holds() {
    let mut rig = rig();
    ringing(&mut rig);
    assert_eq!(error(&mut rig, pickup("9999", None, None)), LineError::InvalLineHandle);
    assert_eq!(error(&mut rig, pickup("1001", Some("9999"), None)), LineError::InvalAddress);
    assert_eq!(error(&mut rig, pickup("1001", Some("carrier"), None)), LineError::InvalAddress);
    assert_eq!(error(&mut rig, pickup("1001", None, Some("support"))), LineError::InvalGroupId);
    assert_eq!(error(&mut rig, pickup("1001", Some("1002"), Some("support"))), LineError::InvalGroupId);
    assert_eq!(error(&mut rig, pickup("1005", Some("1002"), None)), LineError::OperationUnavail);
    assert_eq!(error(&mut rig, pickup("1005", None, Some("sales"))), LineError::OperationUnavail);
    assert_eq!(error(&mut rig, pickup("1005", None, None)), LineError::OperationUnavail);
    assert_eq!(error(&mut rig, pickup("carrier", None, Some("sales"))), LineError::OperationUnavail);
    assert_eq!(error(&mut rig, pickup("1001", Some("1004"), None)), LineError::OperationFailed);
    assert_eq!(rig.state(2), CallState::Accepted);
}

#[test]
fn a_phone_is_refused_by_status() {
    let mut rig = rig();
    for (line, dialled, status) in [
        ("1001", "*8", 486),
        ("1001", "**9999", 404),
        ("1005", "**1002", 403),
        ("1005", "*8", 403),
        ("1001", "**1002", 486),
    ] {
        let leg = rig.call_in(Peer::Line(line.into()), dialled, Some(USUAL));
        assert_eq!(rig.commands(), [format!("reject {status} {leg}")], "{line} {dialled}");
    }
}

#[test]
fn a_line_that_is_configured_so_picks_up_beyond_its_groups() {
    let mut setup = setup();
    setup.lines[0].picks_up = vec!["1002".to_owned()];
    let mut rig = Rig::with(setup);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let (caller, _) = ringing(&mut rig);
    let picker = rig.call_in(Peer::Line("1001".into()), "**1002", Some(USUAL));
    assert_eq!(rig.feeds[&picker], format!("leg {caller:?}"));
}

#[test]
fn of_two_phones_one_wins_and_the_other_hears_busy() {
    let mut rig = rig();
    let (caller, _) = ringing(&mut rig);
    let winner = rig.call_in(Peer::Line("1001".into()), "*8", Some(USUAL));
    let loser = rig.call_in(Peer::Line("1004".into()), "**1002", Some(USUAL));
    assert_eq!(rig.feeds[&winner], format!("leg {caller:?}"));
    assert!(rig.commands().contains(&format!("reject 486 {loser}")));
}

#[test]
fn of_two_applications_one_wins_and_the_other_hears_that_it_failed() {
    let mut rig = rig();
    ringing(&mut rig);
    rig.request(CRM, pickup("1001", None, None)).unwrap();
    assert_eq!(error(&mut rig, pickup("1004", Some("1002"), None)), LineError::OperationFailed);
}

#[test]
fn the_alerting_phone_answers_before_the_phone_that_is_rung() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    rig.request(CRM, pickup("1001", Some("1002"), None)).unwrap();
    let (own, _) = rig.invited();
    rig.answer(station, USUAL);
    assert_eq!(rig.state(3), CallState::Disconnected(DisconnectMode::Pickup));
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"));
    assert_eq!(rig.commands(), [format!("answer {caller}"), format!("end {own}")]);
}

#[test]
fn a_person_who_dials_the_code_wins_over_a_phone_that_is_rung() {
    let mut rig = rig();
    let (caller, _) = ringing(&mut rig);
    rig.request(CRM, pickup("1001", Some("1002"), None)).unwrap();
    let (own, _) = rig.invited();
    let picker = rig.call_in(Peer::Line("1004".into()), "*8", Some(USUAL));
    assert_eq!(rig.feeds[&picker], format!("leg {caller:?}"));
    assert_eq!(rig.state(3), CallState::Disconnected(DisconnectMode::Pickup));
    assert!(rig.commands().contains(&format!("end {own}")));
}

#[test]
fn a_phone_that_does_not_answer_leaves_the_call_where_it_rings() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    rig.request(CRM, pickup("1001", Some("1002"), None)).unwrap();
    let (own, _) = rig.invited();
    rig.refuse(own, 480);
    assert_eq!(rig.state(3), CallState::Disconnected(DisconnectMode::Unavail));
    rig.answer(station, USUAL);
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"));
}

#[test]
fn a_caller_who_gives_up_ends_the_pickup() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    rig.request(CRM, pickup("1001", Some("1002"), None)).unwrap();
    let (own, _) = rig.invited();
    rig.end(caller, trunkline_sip::outbox::CauseKind::Cancel);
    assert_eq!(rig.commands(), [format!("end {station}"), format!("end {own}")]);
    rig.request(CRM, Operation::Drop(CallId(3), None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn a_held_call_is_picked_up_where_nothing_alerts() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.tell(Event::Offer { leg: station, sdp: Some(sdp_at("10.0.0.9", 4000, USUAL, "a=sendonly\r\n")) });
    rig.commands();
    rig.states(CRM);
    let picker = rig.call_in(Peer::Line("1001".into()), "**1002", Some(USUAL));
    assert_eq!(rig.feeds[&picker], format!("leg {caller:?}"));
    assert!(rig.commands().contains(&format!("end {station}")));
    assert!(rig.states(CRM).contains(&"c2 disconnected/pickup".to_owned()));
    assert_eq!((rig.state(3), rig.state(1)), (ACTIVE, ACTIVE));
}

#[test]
fn a_call_that_the_station_parked_is_picked_up_there() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.request(CRM, Operation::Park { call: CallId(2), to: None }).unwrap();
    rig.commands();
    let picker = rig.call_in(Peer::Line("1001".into()), "**1002", Some(USUAL));
    assert_eq!(rig.feeds[&picker], format!("leg {caller:?}"));
    assert!(rig.switch.parked(CRM).is_empty());
}

#[test]
fn a_reminder_is_picked_up_and_leaves_its_slot() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.request(CRM, Operation::Park { call: CallId(2), to: None }).unwrap();
    rig.commands();
    rig.pass(Duration::from_secs(120));
    let (reminder, _) = rig.invited();
    let picker = rig.call_in(Peer::Line("1001".into()), "*8", Some(USUAL));
    assert_eq!(rig.feeds[&picker], format!("leg {caller:?}"));
    assert!(rig.commands().contains(&format!("end {reminder}")));
    assert!(rig.switch.parked(CRM).is_empty());
}

/// An INVITE of the line that replaces this leg.
fn replacing(rig: &mut Rig, line: &str, leg: LegId, early_only: bool) -> LegId {
    let mut call = rig.incoming(Peer::Line(line.into()), "1002", Some(USUAL));
    let replaces = Some(Replaced { leg: Some(leg), early_only });
    call.details = Some(Box::new(CallDetails { replaces, ..CallDetails::default() }));
    let new = LegId::new(1, (1 << 47) | 4711);
    rig.tell(Event::Incoming(new, call));
    new
}

#[test]
fn a_leg_that_alerts_is_replaced() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    let refused = replacing(&mut rig, "1005", station, true);
    assert_eq!(rig.commands(), [format!("reject 403 {refused}")]);
    let picker = replacing(&mut rig, "1001", station, true);
    assert_eq!(rig.feeds[&picker], format!("leg {caller:?}"));
    assert_eq!(rig.switch.call(CRM, CallId(3)).unwrap().reason, CallReason::Pickup);
    assert_eq!(rig.commands()[0], format!("end {station}"));
}

#[test]
fn the_leg_of_a_parked_party_is_replaced() {
    let mut rig = rig();
    let (caller, station) = ringing(&mut rig);
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.request(CRM, Operation::Park { call: CallId(2), to: None }).unwrap();
    rig.commands();
    let picker = replacing(&mut rig, "1005", caller, false);
    assert_eq!(rig.feeds[&picker], format!("leg {caller:?}"));
    assert_eq!(rig.switch.call(CRM, CallId(3)).unwrap().reason, CallReason::Unpark);
    assert!(rig.switch.parked(CRM).is_empty());
}

#[test]
fn a_call_between_phones_keeps_its_callers_number() {
    let mut rig = rig();
    let caller = rig.call_in(Peer::Line("1004".into()), "1002", Some(USUAL));
    rig.invited();
    let picker = rig.call_in(Peer::Line("1001".into()), "*8", Some(USUAL));
    let view = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!(view.connected.number, "1004");
    assert_eq!(rig.switch.call(CRM, CallId(1)).unwrap().connected.number, "1001");
    assert_eq!(rig.feeds[&caller], format!("leg {picker:?}"));
}
