//! In which order an application hears of what it asked for: LINE_REPLY first, then what becomes of the calls. One test for
//! each script. A monitor hears the same of the calls, and no reply.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, setup};
use crate::switch::setup::AppSetup;
use crate::switch::*;

/// The application that calls are handed to.
const QUEUE: AppId = AppId(2);

/// A third application, and two phones.
fn rig() -> Rig {
    let mut setup = setup();
    let lines = vec!["*".to_owned()];
    setup.apps.push(AppSetup { name: "queue".into(), lines, privilege: CallPrivilege::Owner });
    let mut rig = Rig::with(setup);
    rig.register("1001", "sip:1001@10.0.0.8", 1000);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig
}

/// What the owner heard of these calls since the last look. The monitor heard the same, but for replies.
fn heard(rig: &mut Rig, calls: &[CallId]) -> String {
    let is_told = |line: &String| calls.iter().any(|call| line.starts_with(&format!("{call} ")));
    let owner = rig.states(CRM);
    let monitor: Vec<String> = rig.states(WALLBOARD).into_iter().filter(is_told).collect();
    // A monitor is given a handle to a call that another application made, and the call as unknown.
    let is_moved = |line: &&String| is_told(line) && !line.contains(" new ") && !line.ends_with(" unknown");
    let moved: Vec<&String> = owner.iter().filter(is_moved).collect();
    let watched: Vec<&String> = monitor.iter().filter(is_moved).collect();
    assert_eq!(watched, moved, "the monitor hears something else");
    let told: Vec<String> =
        owner.into_iter().filter(|line| is_told(line) || line.starts_with("reply")).collect();
    told.join(", ")
}

fn quiet(rig: &mut Rig) {
    rig.commands();
    rig.messages.clear();
}

fn call_of(reply: Reply) -> CallId {
    match reply {
        Ok(Outcome::Call(call) | Outcome::Consult(call)) => call,
        other => panic!("{other:?}"),
    }
}

/// 1003, a line of the engine, calls 1002: the call, and the leg that rings.
fn made(rig: &mut Rig) -> (CallId, LegId) {
    let (line, to) = ("1003".into(), "1002".to_owned());
    let call = call_of(rig.request(CRM, Operation::MakeCall { line, to, params: None }));
    let (station, _) = rig.invited();
    (call, station)
}

/// The network calls 1001, which answers: the call of 1001, and the leg of the network.
fn talking(rig: &mut Rig) -> (CallId, LegId) {
    let network = rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: network, answer: None });
    quiet(rig);
    (CallId(2), network)
}

/// The consultation call is dialled, and answered.
fn dial(rig: &mut Rig, call: CallId) {
    rig.request(CRM, Operation::Dial { call, digits: "1002".to_owned() }).unwrap();
    let (consulted, _) = rig.invited();
    rig.progress(consulted, 180, None);
    rig.answer(consulted, USUAL);
}

/// A conference of 1001, the network and 1002: the parent, the first party's call, the added call.
fn conferring(rig: &mut Rig) -> [CallId; 3] {
    let (first, _) = talking(rig);
    let reply = rig.request(CRM, Operation::SetupConference { call: first, to: None });
    let Ok(Outcome::Conference { conference, consult: Some(consult) }) = reply else { panic!("{reply:?}") };
    assert_eq!(
        heard(rig, &[first, conference, consult]),
        format!("reply, {first} conferenced, {conference} onholdpendconf, {consult} dialtone/normal")
    );
    dial(rig, consult);
    assert_eq!(
        heard(rig, &[first, conference, consult]),
        format!(
            "reply, {consult} dialing, {consult} proceeding, {consult} ringback, {consult} connected/active"
        )
    );
    rig.request(CRM, Operation::AddToConference { call: conference, consult }).unwrap();
    [conference, first, consult]
}

#[test]
fn a_call_that_is_answered() {
    let mut rig = rig();
    let (call, station) = made(&mut rig);
    rig.progress(station, 180, None);
    rig.answer(station, USUAL);
    assert_eq!(
        heard(&mut rig, &[call]),
        "reply, c1 dialing, c1 proceeding, c1 ringback, c1 connected/active"
    );
}

#[test]
fn a_call_that_finds_the_station_busy() {
    let mut rig = rig();
    let (call, station) = made(&mut rig);
    rig.refuse(station, 486);
    assert_eq!(heard(&mut rig, &[call]), "reply, c1 dialing, c1 proceeding, c1 busy/station");
    rig.request(CRM, Operation::Drop(call, None)).unwrap();
    assert_eq!(heard(&mut rig, &[call]), "reply, c1 idle");
}

#[test]
fn an_incoming_call_until_the_caller_hangs_up() {
    let mut rig = rig();
    let network = rig.call_in(Peer::Trunk("carrier".into()), "1003", Some(USUAL));
    let call = CallId(2);
    let given = rig.messages.iter().find_map(|(app, message)| {
        let Message::CallState { call: told, state: CallState::Offering(_), privilege, .. } = message else {
            return None;
        };
        (*app == CRM && *told == call).then_some(*privilege)
    });
    assert_eq!(given, Some(Some(CallPrivilege::Owner)));
    rig.request(CRM, Operation::Accept(call, None)).unwrap();
    rig.request(CRM, Operation::Answer(call, None)).unwrap();
    rig.tell(Event::Established { leg: network, answer: None });
    rig.hang_up(network);
    rig.request(CRM, Operation::Drop(call, None)).unwrap();
    assert_eq!(
        heard(&mut rig, &[call]),
        "c2 new owner, c2 offering/active, reply, c2 accepted, reply, c2 connected/active, \
         c2 disconnected/normal, reply, c2 idle"
    );
    assert_eq!(rig.request(CRM, Operation::DeallocateCall(call)), Ok(Outcome::Done));
}

#[test]
fn a_transfer_with_consultation() {
    let mut rig = rig();
    let (call, _) = talking(&mut rig);
    let consult = call_of(rig.request(CRM, Operation::SetupTransfer { call, to: None }));
    assert_eq!(heard(&mut rig, &[call, consult]), "reply, c2 onholdpendtransfer, c3 dialtone/normal");
    dial(&mut rig, consult);
    assert_eq!(
        heard(&mut rig, &[call, consult]),
        "reply, c3 dialing, c3 proceeding, c3 ringback, c3 connected/active"
    );
    let mode = TransferMode::Transfer;
    rig.request(CRM, Operation::CompleteTransfer { call, consult, mode }).unwrap();
    assert_eq!(heard(&mut rig, &[call, consult]), "reply, c3 idle, c2 idle");
}

#[test]
fn a_transfer_that_is_given_up() {
    let mut rig = rig();
    let (call, _) = talking(&mut rig);
    let consult = call_of(rig.request(CRM, Operation::SetupTransfer { call, to: None }));
    quiet(&mut rig);
    rig.request(CRM, Operation::Drop(consult, None)).unwrap();
    assert_eq!(heard(&mut rig, &[call, consult]), "reply, c3 idle, c2 connected/active");
}

#[test]
fn a_conference_that_is_set_up_and_enlarged() {
    let mut rig = rig();
    let [conference, first, added] = conferring(&mut rig);
    assert_eq!(
        heard(&mut rig, &[conference, first, added]),
        format!("reply, {added} conferenced, {conference} connected/active")
    );
}

#[test]
fn a_conference_that_is_dropped() {
    let mut rig = rig();
    let [conference, first, added] = conferring(&mut rig);
    quiet(&mut rig);
    rig.request(CRM, Operation::Drop(conference, None)).unwrap();
    assert_eq!(
        heard(&mut rig, &[conference, first, added]),
        format!("reply, {first} idle, {added} idle, {conference} idle")
    );
}

#[test]
fn a_transfer_that_ends_as_a_conference() {
    let mut rig = rig();
    let (call, _) = talking(&mut rig);
    let consult = call_of(rig.request(CRM, Operation::SetupTransfer { call, to: None }));
    dial(&mut rig, consult);
    quiet(&mut rig);
    let mode = TransferMode::Conference;
    let reply = rig.request(CRM, Operation::CompleteTransfer { call, consult, mode });
    let Ok(Outcome::Conference { conference, consult: None }) = reply else { panic!("{reply:?}") };
    assert_eq!(
        heard(&mut rig, &[call, consult, conference]),
        format!("reply, {call} conferenced, {consult} conferenced, {conference} connected/active")
    );
    for call in [call, consult, conference] {
        assert!(rig.switch.call(CRM, call).is_some(), "{call} is a handle");
    }
}

#[test]
fn a_call_that_is_handed_to_another_application() {
    let mut rig = rig();
    let (call, _) = talking(&mut rig);
    rig.request(QUEUE, Operation::DeallocateCall(call)).unwrap();
    quiet(&mut rig);
    let to = HandoffTarget::App("queue".to_owned());
    assert_eq!(rig.request(CRM, Operation::Handoff { call, to }), Ok(Outcome::Done));
    assert_eq!(rig.states(QUEUE), ["c2 new owner", "c2 connected/active"]);
    quiet(&mut rig);
    rig.request(CRM, Operation::DeallocateCall(call)).unwrap();
    let infos = rig.told(QUEUE, |message| matches!(message, Message::CallInfo { .. }));
    let line = || "1001".into();
    assert_eq!(infos, [Message::CallInfo { call, line: line(), changed: "numownerdecr" }]);
}

#[test]
fn a_call_back_when_the_station_is_free() {
    let mut rig = rig();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (busy, _) = rig.invited();
    rig.answer(busy, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    let (call, station) = made(&mut rig);
    rig.refuse(station, 486);
    quiet(&mut rig);
    let mode = CompletionMode::Callback;
    let reply = rig.request(CRM, Operation::CompleteCall { call, mode, message: None });
    let Ok(Outcome::Completion(completion)) = reply else { panic!("{reply:?}") };
    assert_eq!(heard(&mut rig, &[call]), format!("reply, {call} idle"));
    rig.hang_up(caller);
    quiet(&mut rig);
    rig.pass(Duration::from_secs(3));
    let back = CallId(call.0 + 2);
    assert_eq!(heard(&mut rig, &[back]), format!("{back} new owner, {back} offering/active"));
    let view = rig.switch.call(CRM, back).unwrap();
    assert_eq!((view.reason, view.completion), (CallReason::CallCompletion, Some(completion)));
}

#[test]
fn a_call_that_is_parked_and_retrieved() {
    let mut rig = rig();
    let (call, _) = talking(&mut rig);
    let reply = rig.request(CRM, Operation::Park { call, to: None });
    let Ok(Outcome::Parked(slot)) = reply else { panic!("{reply:?}") };
    assert_eq!(heard(&mut rig, &[call]), "reply, c2 idle");
    let unparked = call_of(rig.request(CRM, Operation::Unpark { line: "1003".into(), from: slot }));
    assert_eq!(heard(&mut rig, &[unparked]), format!("reply, {unparked} connected/active"));
    assert_eq!(rig.switch.call(CRM, unparked).unwrap().reason, CallReason::Unpark);
}

#[test]
fn a_line_that_is_forwarded_until_it_is_cancelled() {
    let mut rig = rig();
    let wanted = |rig: &mut Rig, destination: Option<&str>| {
        let entry =
            |to: &str| ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: Some(to.into()) };
        let entries: Vec<ForwardEntry> = destination.map(entry).into_iter().collect();
        let operation = Operation::Forward { line: "1002".into(), entries: entries.clone(), rings: None };
        let request = rig.ask(CRM, operation);
        let mine: Vec<Message> = std::mem::take(&mut rig.messages)
            .into_iter()
            .filter_map(|(app, message)| (app == CRM).then_some(message))
            .collect();
        let reply = Message::Reply { request, reply: Ok(Outcome::Done) };
        assert_eq!(mine, [reply, Message::Forwarded { line: "1002".into() }]);
        let lines = rig.switch.lines(CRM);
        let line = lines.iter().find(|line| &*line.address == "1002").unwrap();
        assert_eq!(line.forwarding, entries);
    };
    wanted(&mut rig, Some("1003"));
    wanted(&mut rig, None);
}
