//! lineCompleteCall CAMPON: who calls a busy line waits there.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::*;

const CONNECTED: CallState = CallState::Connected(ConnectedMode::Active);
const BUSY: CallState = CallState::Busy(BusyMode::Station);

/// 1002 talks with the trunk, and 1001 has called it by an application and waits.
struct Waiting {
    rig: Rig,
    /// The legs of the trunk, of 1002 and of 1001.
    trunk: LegId,
    busy: LegId,
    own: LegId,
    /// The calls of 1001 and of the busy line that belong together.
    caller: CallId,
    camped: CallId,
    completion: CompletionId,
}

fn talking(setup: Setup) -> (Rig, LegId, LegId) {
    let mut rig = Rig::with(setup);
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let trunk = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (busy, _) = rig.invited();
    rig.answer(busy, USUAL);
    rig.tell(Event::Established { leg: trunk, answer: None });
    (rig, trunk, busy)
}

fn busy_call(rig: &mut Rig) -> (CallId, LegId) {
    let made = Operation::MakeCall { line: "1001".into(), to: "1002".to_owned(), params: None };
    let Ok(Outcome::Call(caller)) = rig.request(CRM, made) else { panic!("no call") };
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    rig.commands();
    rig.messages.clear();
    (caller, own)
}

fn camp_on(call: CallId) -> Operation {
    Operation::CompleteCall { call, mode: CompletionMode::CampOn, message: None }
}

fn waiting_with(setup: Setup) -> Waiting {
    let (mut rig, trunk, busy) = talking(setup);
    let (caller, own) = busy_call(&mut rig);
    let Ok(Outcome::Completion(completion)) = rig.request(CRM, camp_on(caller)) else { panic!("no request") };
    let camped = camped(&rig).expect("a camped-on call").id;
    Waiting { rig, trunk, busy, own, caller, camped, completion }
}

fn waiting() -> Waiting {
    waiting_with(setup())
}

fn camped(rig: &Rig) -> Option<CallView> {
    let waits = |call: &CallView| call.reason == CallReason::CampedOn && call.state != CallState::Idle;
    rig.switch.calls(CRM).into_iter().find(waits)
}

fn state(rig: &Rig, call: CallId) -> CallState {
    rig.state(call.0)
}

/// The call that 1002 is in.
fn active(rig: &Rig) -> CallId {
    let talks = |call: &CallView| &*call.line == "1002" && call.state == CONNECTED;
    rig.switch.calls(CRM).into_iter().find(talks).expect("a call").id
}

/// Everybody has hung up.
fn assert_over(rig: &mut Rig) {
    rig.commands();
    rig.pass(Duration::from_secs(61));
    rig.commands();
    rig.assert_quiet();
    assert_eq!(rig.switch.deadline(), None);
    assert!(rig.switch.line(CRM, "1001").unwrap().completions.is_empty());
}

#[test]
fn the_first_state_at_the_called_line_is_onhold_and_the_caller_hears_music() {
    let (mut rig, trunk, busy) = talking(setup());
    let (caller, own) = busy_call(&mut rig);
    assert_eq!(rig.feeds[&own], "busy");
    let request = rig.ask(CRM, camp_on(caller));
    let Some(Ok(Outcome::Completion(completion))) = rig.reply(request) else { panic!("no request") };
    let call = camped(&rig).expect("a camped-on call");
    assert_eq!(
        rig.states(CRM),
        ["reply".to_owned(), format!("{} new owner", call.id), format!("{} onhold", call.id)]
    );
    assert_eq!(
        (&*call.line, call.completion, call.caller.number.as_str()),
        ("1002", Some(completion), "1001")
    );
    assert_eq!(state(&rig, caller), BUSY);
    assert_eq!(rig.switch.call(CRM, caller).unwrap().completion, Some(completion));
    assert_eq!(rig.feeds[&own], "music");
    assert_eq!(rig.feeds[&busy], format!("leg {trunk:?}"), "who talks hears nothing of it");
    assert_eq!(rig.commands(), Vec::<String>::new());
    assert_eq!(rig.switch.line(CRM, "1001").unwrap().completions, [completion]);
    let features = rig.switch.call(CRM, caller).unwrap().features;
    assert!(!features.contains(&CallOperation::CompleteCall), "it is done already");
    assert_eq!(rig.store, []);

    rig.pass(Duration::from_secs(600));
    assert_eq!((state(&rig, caller), state(&rig, call.id)), (BUSY, CallState::OnHold));
}

#[test]
fn the_active_call_goes_idle_and_the_phone_rings() {
    let Waiting { mut rig, trunk, busy, own, caller, camped, .. } = waiting();
    rig.messages.clear();
    rig.hang_up(trunk);
    assert_eq!(state(&rig, camped), CallState::Offering(OfferingMode::Active));
    let (rung, invite) = rig.invited();
    assert_eq!((invite.target.uri.as_str(), invite.from.user.as_str()), ("sip:1002@10.0.0.9", "1001"));
    assert_eq!(rig.commands(), [format!("end {busy}")]);
    rig.progress(rung, 180, None);
    assert_eq!(rig.feeds[&own], "ringback");
    assert_eq!(state(&rig, caller), BUSY);
    rig.answer(rung, USUAL);
    assert_eq!((state(&rig, caller), state(&rig, camped)), (CONNECTED, CONNECTED));
    assert_eq!(rig.feeds[&own], format!("leg {rung:?}"));
    assert_eq!(rig.feeds[&rung], format!("leg {own:?}"));
    assert_eq!(rig.switch.conversations, 1);
    rig.hang_up(rung);
    assert_over(&mut rig);
}

#[test]
fn the_handset_hangs_up_and_is_called() {
    let Waiting { mut rig, busy, camped, .. } = waiting();
    rig.hang_up(busy);
    rig.invited();
    assert_eq!(state(&rig, camped), CallState::Offering(OfferingMode::Active));
}

#[test]
fn the_owner_takes_it_by_swap() {
    let Waiting { mut rig, trunk, busy, own, caller, camped, .. } = waiting();
    let call = active(&rig);
    assert!(rig.switch.call(CRM, call).unwrap().features.contains(&CallOperation::SwapHold));
    rig.messages.clear();
    let request = rig.ask(CRM, Operation::SwapHold { call, with: camped });
    assert_eq!(rig.reply(request), Some(Ok(Outcome::Done)));
    assert_eq!(
        rig.states(CRM)[..4],
        [
            "reply".to_owned(),
            format!("{call} onhold"),
            format!("{camped} connected/active"),
            format!("{caller} connected/active")
        ]
    );
    assert_eq!(rig.feeds[&own], format!("leg {busy:?}"));
    assert_eq!(rig.feeds[&busy], format!("leg {own:?}"));
    assert_eq!(rig.feeds[&trunk], "music");
    assert_eq!(rig.switch.conversations, 2);
    assert!(rig.switch.line(CRM, "1001").unwrap().completions.is_empty(), "the request is consumed");

    rig.request(CRM, Operation::SwapHold { call: camped, with: call }).unwrap();
    assert_eq!(rig.feeds[&busy], format!("leg {trunk:?}"));
    assert_eq!(rig.feeds[&own], "music");
    rig.hang_up(own);
    assert_eq!(state(&rig, call), CONNECTED);
    rig.hang_up(trunk);
    assert_over(&mut rig);
}

#[test]
fn the_owner_takes_it_by_unhold_when_the_other_call_is_held() {
    let Waiting { mut rig, busy, own, caller, camped, .. } = waiting();
    let unhold = Operation::Unhold(camped);
    assert_eq!(rig.request(CRM, unhold.clone()).unwrap_err().error, LineError::InvalCallState);
    let call = active(&rig);
    rig.request(CRM, Operation::Hold(call)).unwrap();
    assert!(rig.switch.call(CRM, camped).unwrap().features.contains(&CallOperation::Unhold));
    rig.request(CRM, unhold).unwrap();
    assert_eq!((state(&rig, camped), state(&rig, caller)), (CONNECTED, CONNECTED));
    assert_eq!(state(&rig, call), CallState::OnHold);
    assert_eq!(rig.feeds[&busy], format!("leg {own:?}"));
    rig.hang_up(busy);
    assert_over(&mut rig);
}

#[test]
fn the_caller_hangs_up_and_nothing_is_left() {
    let Waiting { mut rig, trunk, own, caller, camped, .. } = waiting();
    rig.hang_up(own);
    assert_eq!((state(&rig, caller), state(&rig, camped)), (CallState::Idle, CallState::Idle));
    rig.hang_up(trunk);
    assert_over(&mut rig);
}

#[test]
fn a_request_taken_back_leaves_the_caller_busy_until_it_is_cleared() {
    let Waiting { mut rig, trunk, own, caller, camped, completion, .. } = waiting();
    let uncomplete = Operation::UncompleteCall { line: "1001".into(), completion };
    rig.request(CRM, uncomplete.clone()).unwrap();
    assert_eq!((state(&rig, caller), state(&rig, camped)), (BUSY, CallState::Idle));
    assert_eq!(rig.feeds[&own], "busy");
    assert_eq!(rig.request(CRM, uncomplete).unwrap_err().error, LineError::InvalCompletionId);
    rig.pass(Duration::from_secs(61));
    assert_eq!(state(&rig, caller), CallState::Idle);
    rig.hang_up(trunk);
    assert_over(&mut rig);
}

#[test]
fn nobody_waits_for_ever() {
    let Waiting { mut rig, trunk, caller, camped, completion, .. } = waiting();
    let wanted = Operation::SetStatusMessages {
        line: "1001".into(),
        line_states: vec!["complcancel".to_owned()],
        address_states: Vec::new(),
    };
    rig.request(CRM, wanted).unwrap();
    rig.messages.clear();
    rig.pass(Duration::from_secs(40 * 60));
    let told = rig.told(CRM, |message| matches!(message, Message::LineState { .. }));
    assert!(
        matches!(&told[..], [Message::LineState { state: "complcancel", detail, .. }] if *detail == completion.0),
        "{told:?}"
    );
    assert_eq!((state(&rig, caller), state(&rig, camped)), (BUSY, CallState::Idle));
    rig.hang_up(trunk);
    rig.pass(Duration::from_secs(61));
    assert_over(&mut rig);
}

#[test]
fn who_is_refused_at_last_is_disconnected() {
    let Waiting { mut rig, trunk, caller, camped, .. } = waiting();
    rig.hang_up(trunk);
    let (rung, _) = rig.invited();
    rig.refuse(rung, 486);
    assert_eq!(state(&rig, camped), CallState::Idle);
    assert_eq!(state(&rig, caller), CallState::Disconnected(DisconnectMode::Busy));
    assert_over(&mut rig);
}

#[test]
fn who_is_not_answered_is_not_forwarded() {
    let Waiting { mut rig, trunk, caller, .. } = waiting();
    let entry = ForwardEntry { mode: ForwardMode::NoAnsw, caller: None, destination: Some("1003".into()) };
    let forward = Operation::Forward { line: "1002".into(), entries: vec![entry], rings: Some(2) };
    rig.request(CRM, forward).unwrap();
    rig.hang_up(trunk);
    rig.invited();
    rig.pass(Duration::from_secs(60));
    assert_eq!(state(&rig, caller), CallState::Disconnected(DisconnectMode::NoAnswer));
    assert_over(&mut rig);
}

#[test]
fn there_is_one_place_for_two_lines_and_a_limit_for_a_line() {
    let Waiting { mut rig, .. } = waiting();
    let (again, _) = busy_call(&mut rig);
    assert_eq!(rig.request(CRM, camp_on(again)).unwrap_err().error, LineError::CompletionOverrun);
    assert_eq!(state(&rig, again), BUSY);

    let mut narrow = setup();
    narrow.completion.outstanding_max = 1;
    let Waiting { mut rig, .. } = waiting_with(narrow);
    let made = Operation::MakeCall { line: "1003".into(), to: "1002".to_owned(), params: None };
    let Ok(Outcome::Call(other)) = rig.request(CRM, made) else { panic!("no call") };
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    assert_eq!(rig.request(CRM, camp_on(other)).unwrap_err().error, LineError::CompletionOverrun);
}

#[test]
fn who_waited_longest_is_the_first() {
    let Waiting { mut rig, trunk, camped: first, .. } = waiting();
    let made = Operation::MakeCall { line: "1003".into(), to: "1002".to_owned(), params: None };
    let Ok(Outcome::Call(other)) = rig.request(CRM, made) else { panic!("no call") };
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    rig.request(CRM, camp_on(other)).unwrap();
    let second = CallId(rig.switch.last_call);
    rig.hang_up(trunk);
    assert_eq!(
        (state(&rig, first), state(&rig, second)),
        (CallState::Offering(OfferingMode::Active), CallState::OnHold)
    );
    let (rung, _) = rig.invited();
    rig.refuse(rung, 486);
    assert_eq!(state(&rig, second), CallState::Offering(OfferingMode::Active));
    let (rung, _) = rig.invited();
    rig.answer(rung, USUAL);
    assert_eq!(state(&rig, other), CONNECTED, "of a line whose media ends in the engine");
}

#[test]
fn a_line_of_the_engine_is_waited_for() {
    let mut setup = setup();
    setup.lines[2].calls_max = Some(1);
    let mut rig = Rig::with(setup);
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    let trunk = rig.call_in(Peer::Trunk("carrier".into()), "1003", Some(USUAL));
    let call = CallId(rig.switch.last_call);
    rig.request(CRM, Operation::Answer(call, None)).unwrap();
    let made = Operation::MakeCall { line: "1001".into(), to: "1003".to_owned(), params: None };
    let Ok(Outcome::Call(caller)) = rig.request(CRM, made) else { panic!("no call") };
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    assert_eq!(state(&rig, caller), BUSY);
    rig.request(CRM, camp_on(caller)).unwrap();
    let camped = camped(&rig).unwrap().id;
    rig.hang_up(trunk);
    assert_eq!(state(&rig, camped), CallState::Offering(OfferingMode::Active));
    rig.request(CRM, Operation::Answer(camped, None)).unwrap();
    assert_eq!((state(&rig, caller), state(&rig, camped)), (CONNECTED, CONNECTED));
}

#[test]
fn nobody_waits_for_what_is_not_used_or_without_a_station() {
    let (mut rig, trunk, _) = talking(setup());
    let (caller, _) = busy_call(&mut rig);
    rig.hang_up(trunk);
    rig.commands();
    assert_eq!(rig.request(CRM, camp_on(caller)).unwrap_err().error, LineError::OperationUnavail);

    let (mut rig, ..) = talking(setup());
    let made = Operation::MakeCall { line: "1003".into(), to: "1002".to_owned(), params: None };
    let Ok(Outcome::Call(ringing)) = rig.request(CRM, made) else { panic!("no call") };
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    assert_eq!(rig.request(CRM, camp_on(ringing)).unwrap_err().error, LineError::InvalCallState);
}

#[test]
fn a_secured_line_is_waited_for_and_not_disturbed() {
    let (mut rig, trunk, busy) = talking(setup());
    let call = active(&rig);
    rig.request(CRM, Operation::SecureCall(call)).unwrap();
    let made = Operation::MakeCall { line: "1003".into(), to: "1002".to_owned(), params: None };
    let Ok(Outcome::Call(caller)) = rig.request(CRM, made) else { panic!("no call") };
    assert_eq!(state(&rig, caller), BUSY);
    rig.request(CRM, camp_on(caller)).unwrap();
    assert_eq!(rig.feeds[&busy], format!("leg {trunk:?}"));
    rig.hang_up(trunk);
    let (rung, _) = rig.invited();
    rig.answer(rung, USUAL);
    assert_eq!(state(&rig, caller), CONNECTED);
}

#[test]
fn a_call_that_waits_is_neither_transferred_nor_conferenced_nor_shown_on_lamps() {
    let Waiting { mut rig, camped, .. } = waiting();
    let call = active(&rig);
    let transfer = Operation::CompleteTransfer { call: camped, consult: call, mode: TransferMode::Transfer };
    assert_eq!(rig.request(CRM, transfer).unwrap_err().error, LineError::OperationUnavail);
    let conference =
        Operation::CompleteTransfer { call: camped, consult: call, mode: TransferMode::Conference };
    assert_eq!(rig.request(CRM, conference).unwrap_err().error, LineError::OperationUnavail);
    let mut features = rig.switch.call(CRM, camped).unwrap().features;
    features.retain(|feature| {
        matches!(feature, CallOperation::Unhold | CallOperation::CompleteTransfer | CallOperation::SwapHold)
    });
    assert_eq!(features, []);
}
