//! What applications ask for, and in which order they hear what comes of it (TAPI message sequences).

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, sdp};
use crate::switch::*;

fn make_call(line: &str, to: &str) -> Operation {
    Operation::MakeCall { line: line.into(), to: to.to_owned(), params: None }
}

/// 1001 calls 1002, whose phone rings: the calls 1 and 2, the legs of both.
fn offered(rig: &mut Rig, talk: bool) -> (LegId, LegId) {
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.tell(Event::Announced { leg: station, talk, hold: talk });
    rig.tell(Event::Progress { leg: station, status: 180, sdp: None });
    rig.commands();
    rig.states(CRM);
    rig.states(WALLBOARD);
    (caller, station)
}

#[test]
fn click_to_dial_rings_the_own_phone_first_then_the_destination() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:old@10.0.0.9", 1000);
    rig.register("1001", "sip:1001@10.0.0.9", 500);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let made = rig.request(CRM, make_call("1001", "1002"));
    assert_eq!(made, Ok(Outcome::Call(CallId(1))));
    assert_eq!(rig.states(CRM), ["reply", "c1 dialing"]);
    assert_eq!(rig.states(WALLBOARD), ["c1 new monitor", "c1 unknown", "c1 dialing"]);
    let (own, invite) = rig.invited();
    assert!(rig.sip.is_empty(), "one contact only");
    assert_eq!(invite.target.uri, "sip:1001@10.0.0.9");
    assert_eq!((invite.from.user.as_str(), invite.from.name.as_str()), ("1002", "Line 1002"));
    assert!(invite.headers.iter().any(|(name, _)| *name == "Alert-Info"));

    rig.progress(own, 180, None);
    assert_eq!(rig.states(CRM), Vec::<String>::new());
    rig.answer(own, "8 101");
    let (station, invite) = rig.invited();
    assert!(invite.headers.is_empty(), "a destination is never asked to answer by itself");
    assert_eq!(invite.from.user, "1001");
    assert_eq!(invite.offer.unwrap().media[0].formats, ["8", "101"]);
    assert_eq!(rig.feeds[&own], "silence");
    rig.progress(station, 180, None);
    assert_eq!(rig.feeds[&own], "ringback");
    rig.answer(station, "8 101");
    assert_eq!(rig.feeds[&own], format!("leg {station:?}"));
    assert_eq!(
        rig.states(CRM),
        [
            "c2 new owner",
            "c2 offering/active",
            "c1 proceeding",
            "c2 accepted",
            "c1 ringback",
            "c2 connected/active",
            "c1 connected/active"
        ]
    );
}

#[test]
fn an_own_phone_that_refuses_is_not_the_destinations_refusal() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.request(CRM, make_call("1001", "030")).unwrap();
    let (own, _) = rig.invited();
    rig.states(CRM);
    rig.refuse(own, 486);
    assert_eq!(rig.states(CRM), ["c1 disconnected/unavail"]);
    assert!(rig.sip.is_empty());
}

#[test]
fn a_made_call_that_is_busy_stays_so_until_it_is_dropped() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig.request(CRM, make_call("1001", "1002")).unwrap();
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    let (station, _) = rig.invited();
    rig.states(CRM);
    rig.refuse(station, 486);
    assert_eq!(rig.states(CRM), ["c2 idle", "c1 busy/station"]);
    let features = rig.switch.call(CRM, CallId(1)).unwrap().features;
    assert!(features.contains(&CallOperation::Drop) && !features.contains(&CallOperation::Hold));
    assert!(rig.commands().is_empty());
    rig.request(CRM, Operation::Drop(CallId(1), None)).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c1 idle"]);
    assert_eq!(rig.commands(), [format!("end {own}")]);
    rig.assert_quiet();
}

#[test]
fn a_made_call_that_nobody_clears_is_cleared_after_a_while() {
    let mut rig = Rig::new();
    rig.request(CRM, make_call("carrier", "30")).unwrap();
    let (station, _) = rig.invited();
    rig.refuse(station, 404);
    assert_eq!(rig.state(1), CallState::Disconnected(DisconnectMode::BadAddress));
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.state(1), CallState::Idle);
    rig.assert_quiet();
}

#[test]
fn a_local_line_is_called_accepted_and_answered_by_the_application() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1003", Some(USUAL));
    assert!(rig.commands().is_empty(), "the application accepts");
    assert_eq!(rig.switch.call(CRM, CallId(2)).unwrap().origin, CallOrigin::External);
    rig.states(CRM);
    rig.request(CRM, Operation::Accept(CallId(2), None)).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c2 accepted", "c1 accepted"]);
    assert_eq!(rig.commands(), [format!("progress 180 {caller}")]);
    rig.request(CRM, Operation::Answer(CallId(2), None)).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c2 connected/active", "c1 connected/active"]);
    let Some(Command::Answer(_, Some(answer))) = rig.sip.first() else { panic!() };
    assert_eq!(answer.media[0].formats, ["0", "101"]);
    rig.commands();
    rig.hang_up(caller);
    assert_eq!(
        rig.states(CRM),
        ["c1 disconnected/normal", "c2 disconnected/normal", "c1 idle"],
        "the call that the application answered waits for it"
    );
    rig.request(CRM, Operation::Drop(CallId(2), None)).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c2 idle"]);
    for call in [1, 2] {
        for app in [CRM, WALLBOARD] {
            rig.request(app, Operation::DeallocateCall(CallId(call))).unwrap();
        }
    }
    assert_eq!(rig.switch.gauges().calls_idle, 0);
    rig.assert_quiet();
}

#[test]
fn a_local_line_calls_a_phone_with_the_engines_own_offer() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig.request(CRM, make_call("1003", "1002")).unwrap();
    let (station, invite) = rig.invited();
    assert_eq!(invite.offer.unwrap().media[0].formats, ["0", "8", "101"]);
    rig.answer(station, "0");
    assert_eq!(rig.feeds[&station], "silence");
    assert_eq!(rig.state(1), CallState::Connected(ConnectedMode::Active));
    assert_eq!(rig.switch.call(CRM, CallId(2)).unwrap().origin, CallOrigin::Internal);
}

#[test]
fn a_phone_that_knows_talk_is_asked_to_answer() {
    let mut rig = Rig::new();
    let (caller, station) = offered(&mut rig, true);
    let answer = rig.ask(CRM, Operation::Answer(CallId(2), None));
    assert_eq!(rig.commands(), [format!("notify talk {station}")]);
    assert_eq!(rig.reply(answer), None);
    let view = rig.switch.call(CRM, CallId(2)).unwrap();
    assert!(!view.features.contains(&CallOperation::Answer));
    rig.tell(Event::Notified { leg: station, event: "talk", status: 200 });
    rig.answer(station, USUAL);
    assert_eq!(rig.states(CRM), ["reply", "c2 connected/active", "c1 connected/active"]);
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
}

#[test]
fn a_phone_that_does_not_know_talk_is_called_anew() {
    let mut rig = Rig::new();
    let (caller, station) = offered(&mut rig, false);
    let answer = rig.ask(CRM, Operation::Answer(CallId(2), None));
    let (again, invite) = rig.invited();
    assert!(invite.headers.iter().any(|(name, _)| *name == "Call-Info"));
    assert_eq!(rig.commands(), [format!("end {station}")]);
    rig.progress(again, 180, None);
    assert!(rig.commands().is_empty(), "the caller hears nothing of it");
    rig.answer(again, USUAL);
    assert_eq!(rig.reply(answer), Some(Ok(Outcome::Done)));
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
}

#[test]
fn a_phone_that_refuses_the_notify_is_called_anew() {
    let mut rig = Rig::new();
    let (_, station) = offered(&mut rig, true);
    rig.ask(CRM, Operation::Answer(CallId(2), None));
    rig.tell(Event::Notified { leg: station, event: "talk", status: 489 });
    let (again, _) = rig.invited();
    assert_ne!(again, station);
}

#[test]
fn a_phone_that_only_rings_fails_the_request_and_rings_on() {
    let mut rig = Rig::new();
    offered(&mut rig, false);
    let answer = rig.ask(CRM, Operation::Answer(CallId(2), None));
    rig.pass(Duration::from_secs(4));
    assert_eq!(rig.reply(answer).unwrap().unwrap_err().error, LineError::OperationFailed);
    assert_eq!(rig.state(2), CallState::Accepted);
    assert!(rig.switch.call(CRM, CallId(2)).unwrap().features.contains(&CallOperation::Answer));
}

#[test]
fn a_caller_who_gives_up_fails_the_answer() {
    let mut rig = Rig::new();
    let (caller, _) = offered(&mut rig, true);
    let answer = rig.ask(CRM, Operation::Answer(CallId(2), None));
    rig.hang_up(caller);
    assert_eq!(rig.reply(answer).unwrap().unwrap_err().error, LineError::Disconnected);
}

#[test]
fn a_trunks_call_answered_early_hears_the_destination_ring() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some("8 9 101"));
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.commands();
    rig.states(CRM);
    rig.request(CRM, Operation::Answer(CallId(1), None)).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c1 connected/active"]);
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    assert_eq!(rig.feeds[&caller], "ringback");
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.answer(station, "9 8 101");
    assert_eq!(rig.state(2), CallState::Connected(ConnectedMode::Active));
    let Some(Command::Offer(leg, offer)) = rig.sip.first() else { panic!("{:?}", rig.sip) };
    assert_eq!((*leg, &offer.media[0].formats[..]), (station, &["8", "101"].map(Into::into)[..]));
}

#[test]
fn a_trunks_call_answered_early_is_hung_up_when_the_destination_is_busy() {
    let mut rig = Rig::new();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.request(CRM, Operation::Answer(CallId(1), None)).unwrap();
    rig.commands();
    rig.refuse(station, 486);
    assert_eq!(rig.commands(), [format!("end {caller}")]);
    assert_eq!(rig.state(1), CallState::Disconnected(DisconnectMode::Busy));
}

#[test]
fn dropping_an_offered_call_declines_it() {
    let mut rig = Rig::new();
    let (caller, station) = offered(&mut rig, false);
    rig.request(CRM, Operation::Drop(CallId(2), None)).unwrap();
    assert_eq!(rig.commands(), [format!("end {station}"), format!("reject 603 {caller}")]);
    assert_eq!(rig.states(CRM), ["reply", "c2 idle", "c1 disconnected/reject", "c1 idle"]);
    rig.assert_quiet();
}

#[test]
fn a_monitor_is_refused_with_what_it_may_do() {
    let mut rig = Rig::new();
    offered(&mut rig, false);
    let refusal = rig.request(WALLBOARD, Operation::Drop(CallId(2), None)).unwrap_err();
    assert_eq!(refusal.error, LineError::NotOwner);
    assert_eq!(refusal.state, Some(CallState::Accepted));
    assert_eq!(
        refusal.allowed,
        [
            CallOperation::DeallocateCall,
            CallOperation::MonitorDigits,
            CallOperation::MonitorMedia,
            CallOperation::SetCallPrivilege,
        ]
    );
    let told = refusal.circumstances.unwrap();
    assert_eq!(told.requested, Requested::OnCall(CallOperation::Drop));
    assert_eq!((told.state, told.privilege), (Some(CallState::Accepted), Some(CallPrivilege::Monitor)));
    let allowed = ["deallocate-call", "monitor-digits", "monitor-media", "set-call-privilege"];
    assert_eq!(told.allowed.as_deref(), Some(&allowed[..]));
}

#[test]
fn what_a_line_could_do_is_told_to_who_opens_it_alone() {
    let mut rig = Rig::new();
    let refusal = rig.request(CRM, make_call("1001", "1002")).unwrap_err();
    assert_eq!(refusal.error, LineError::InvalLineState);
    let told = refusal.circumstances.unwrap();
    assert_eq!(
        (told.requested, told.privilege),
        (Requested::OnLine("make-call"), Some(CallPrivilege::Owner))
    );
    assert_eq!(told.allowed, rig.switch.line(CRM, "1001").map(|line| line.features));
    assert!(told.allowed.is_some_and(|allowed| allowed.contains(&"forward")));
    let refusal = rig.request(CRM, make_call("nobody", "1002")).unwrap_err();
    assert_eq!(refusal.error, LineError::InvalLineHandle);
    let told = refusal.circumstances.unwrap();
    assert_eq!((told.privilege, told.allowed), (None, None));
}

#[test]
fn a_call_without_a_handle_does_not_exist() {
    let mut rig = Rig::new();
    offered(&mut rig, false);
    rig.request(WALLBOARD, Operation::DeallocateCall(CallId(2))).unwrap();
    let refusal = rig.request(WALLBOARD, Operation::DeallocateCall(CallId(2))).unwrap_err();
    assert_eq!(refusal.error, LineError::InvalCallHandle);
    let told = refusal.circumstances.unwrap();
    assert_eq!((told.state, told.privilege, told.allowed), (None, None, None), "nothing of a call of others");
    assert_eq!(rig.switch.call(WALLBOARD, CallId(2)), None);
}

#[test]
fn deallocating_the_last_owner_of_a_call_that_nobody_else_controls_drops_it() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig.request(CRM, make_call("1003", "1002")).unwrap();
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.request(CRM, Operation::DeallocateCall(CallId(1))).unwrap();
    assert_eq!(rig.commands(), [format!("end {station}")]);
    rig.assert_quiet();
}

#[test]
fn a_call_that_a_handset_takes_part_in_survives_its_application() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.request(CRM, make_call("1001", "030")).unwrap();
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    rig.invited();
    rig.request(CRM, Operation::DeallocateCall(CallId(1))).unwrap();
    assert!(rig.commands().is_empty());
    assert_eq!(rig.switch.call(WALLBOARD, CallId(1)).unwrap().state, CallState::Proceeding);
}

#[test]
fn make_call_is_refused_for_the_reason_that_holds() {
    let mut rig = Rig::new();
    let mut error = |line: &str, to: &str| rig.request(CRM, make_call(line, to)).unwrap_err().error;
    assert_eq!(error("9999", "1002"), LineError::InvalLineHandle);
    assert_eq!(error("1003", "()"), LineError::InvalAddress);
    assert_eq!(error("1003", "one two"), LineError::InvalAddress);
    assert_eq!(error("1003", "4711"), LineError::InvalAddress);
    assert_eq!(error("1001", "1002"), LineError::InvalLineState);
}

#[test]
fn the_connected_party_is_told() {
    let mut rig = Rig::new();
    let (_, station) = offered(&mut rig, false);
    rig.answer(station, USUAL);
    let told = rig
        .messages
        .iter()
        .filter(|(_, message)| matches!(message, Message::CallInfo { changed: "connectedid", .. }));
    assert_eq!(told.count(), 4);
    let view = rig.switch.call(CRM, CallId(1)).unwrap();
    assert_eq!(view.connected, PartyView::new("1002".into(), "Line 1002".into()));
    assert_eq!(view.related, [CallId(2)]);
}

#[test]
fn counters_of_the_address_are_told_when_they_change() {
    let mut rig = Rig::new();
    let (_, station) = offered(&mut rig, false);
    rig.answer(station, USUAL);
    rig.messages.clear();
    rig.request(CRM, Operation::Hold(CallId(2))).unwrap();
    let counters: Vec<_> = rig
        .messages
        .iter()
        .filter(|(app, _)| *app == WALLBOARD)
        .filter_map(|(_, message)| {
            if let Message::AddressState { line, calls } = message { Some((&**line, *calls)) } else { None }
        })
        .collect();
    assert_eq!(counters, [("1002", [0, 1, 0])]);
}

#[test]
fn an_answer_to_an_offer_is_never_made_of_nothing() {
    let mut rig = Rig::new();
    let (caller, station) = offered(&mut rig, false);
    rig.tell(Event::Answered {
        leg: station,
        sdp: None,
        is_offer: false,
        connected: trunkline_sip::outbox::Party::default(),
    });
    assert_eq!(rig.commands(), [format!("end {station}"), format!("reject 488 {caller}")]);
    assert!(sdp(USUAL).media.len() == 1);
    rig.assert_quiet();
}
