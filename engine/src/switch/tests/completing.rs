//! lineCompleteCall, lineUncompleteCall: what found nobody is completed later.

use std::time::Duration;

use trunkline_sip::outbox::{
    CauseKind, Command, Content, Document, Event, Invite, Package, Peer, Subscriber,
};
use trunkline_sip::{LegId, UsageId};

use crate::switch::kept::Kept;
use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::*;

const GUARD: Duration = Duration::from_secs(3);

fn complete(call: CallId, mode: CompletionMode, message: Option<u32>) -> Operation {
    Operation::CompleteCall { call, mode, message }
}

fn callback(call: CallId) -> Operation {
    complete(call, CompletionMode::Callback, None)
}

/// A rig with two phones, of which 1002 talks with the trunk; and that leg of it.
fn talking() -> (Rig, LegId) {
    talking_with(setup())
}

fn talking_with(setup: Setup) -> (Rig, LegId) {
    let mut rig = Rig::with(setup);
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let wanted = |line: &str| Operation::SetStatusMessages {
        line: line.into(),
        line_states: vec!["numcompletions".to_owned(), "complcancel".to_owned()],
        address_states: Vec::new(),
    };
    for line in ["1001", "1002", "1003"] {
        rig.request(CRM, wanted(line)).unwrap();
    }
    let trunk = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: trunk, answer: None });
    rig.commands();
    rig.messages.clear();
    (rig, trunk)
}

/// An application calls 1002 from a line whose media ends in the engine.
fn call_from_local(rig: &mut Rig) -> (CallId, LegId) {
    let made = Operation::MakeCall { line: "1003".into(), to: "1002".to_owned(), params: None };
    let Ok(Outcome::Call(call)) = rig.request(CRM, made) else { panic!("no call") };
    let (station, _) = rig.invited();
    (call, station)
}

/// The same, and it is busy.
fn busy_from_local(rig: &mut Rig) -> CallId {
    let (call, station) = call_from_local(rig);
    rig.refuse(station, 486);
    assert_eq!(rig.switch.call(CRM, call).unwrap().state, CallState::Busy(BusyMode::Station));
    rig.commands();
    rig.messages.clear();
    call
}

fn completion(reply: Reply) -> CompletionId {
    let Ok(Outcome::Completion(id)) = reply else { panic!("{reply:?}") };
    id
}

fn offered(rig: &Rig) -> Option<CallView> {
    rig.switch.calls(CRM).into_iter().find(|call| {
        call.reason == CallReason::CallCompletion && call.state == CallState::Offering(OfferingMode::Active)
    })
}

fn hang_up(rig: &mut Rig, leg: LegId) {
    rig.hang_up(leg);
    rig.commands();
}

fn line_states(rig: &mut Rig) -> Vec<String> {
    let told = std::mem::take(&mut rig.messages);
    told.into_iter()
        .filter_map(|(app, message)| {
            let Message::LineState { line, state, detail, .. } = message else { return None };
            (app == CRM).then(|| format!("{line} {state} {detail}"))
        })
        .collect()
}

fn invite_of(rig: &mut Rig) -> Option<(LegId, Box<Invite>)> {
    let at = rig.sip.iter().position(|command| matches!(command, Command::Invite(..)))?;
    let Command::Invite(leg, invite) = rig.sip.remove(at) else { unreachable!() };
    Some((leg, invite))
}

#[test]
#[expect(clippy::wildcard_enum_match_arm, reason = "only what the order is about")]
fn a_busy_line_is_called_when_it_is_free_and_the_own_phone_first() {
    let (mut rig, trunk) = talking();
    let made = Operation::MakeCall { line: "1001".into(), to: "1002".to_owned(), params: None };
    let Ok(Outcome::Call(call)) = rig.request(CRM, made) else { panic!("no call") };
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    rig.messages.clear();

    let request = rig.ask(CRM, callback(call));
    let id = completion(rig.reply(request).unwrap());
    let told: Vec<_> = std::mem::take(&mut rig.messages).into_iter().filter(|(app, _)| *app == CRM).collect();
    let named: Vec<String> = told
        .iter()
        .filter_map(|(_, message)| match message {
            Message::Reply { .. } => Some("reply".to_owned()),
            Message::CallState { call, state, .. } => Some(format!("{call} {}", state.name())),
            Message::LineState { state, .. } => Some((*state).to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(named, ["reply".to_owned(), format!("{call} idle"), "numcompletions".to_owned()]);
    assert_eq!(rig.commands(), [format!("end {own}")]);

    rig.pass(Duration::from_secs(60));
    assert_eq!(offered(&rig), None, "1002 is busy");
    hang_up(&mut rig, trunk);
    rig.messages.clear();
    rig.pass(GUARD - Duration::from_millis(1));
    assert_eq!(offered(&rig), None, "1002 may want to lift the handset again");
    rig.pass(Duration::from_millis(1));
    let offer = offered(&rig).expect("an offered call");
    assert_eq!((&*offer.line, offer.completion), ("1001", Some(id)));
    assert_eq!((offer.caller.number.as_str(), offer.called.number.as_str()), ("1002", "1001"));
    assert_eq!(
        rig.states(CRM)[..2],
        [format!("{} new owner", offer.id), format!("{} offering/active", offer.id)]
    );
    let (own, invite) = rig.invited();
    assert_eq!((invite.target.uri.as_str(), invite.from.user.as_str()), ("sip:1001@10.0.0.9", "1002"));

    rig.answer(own, USUAL);
    let (station, invite) = rig.invited();
    assert_eq!((invite.target.uri.as_str(), invite.from.user.as_str()), ("sip:1002@10.0.0.9", "1001"));
    let view = rig.switch.call(CRM, offer.id).unwrap();
    assert_eq!(view.state, CallState::Connected(ConnectedMode::Active));
    assert_eq!((view.origin, view.called.number.as_str()), (CallOrigin::Outbound, "1002"));
    rig.progress(station, 180, None);
    assert_eq!(rig.feeds[&own], "ringback");
    rig.answer(station, USUAL);
    assert_eq!(rig.feeds[&own], format!("leg {station:?}"));
    hang_up(&mut rig, own);
    rig.assert_quiet();
    assert_eq!(rig.switch.deadline(), None);
    assert_eq!(rig.store.last(), Some(&Kept::CompletionOver(id)));
}

#[test]
fn a_line_of_the_engine_answers_by_its_application() {
    let (mut rig, trunk) = talking();
    let call = busy_from_local(&mut rig);
    rig.request(CRM, callback(call)).unwrap();
    hang_up(&mut rig, trunk);
    rig.pass(GUARD);
    let offer = offered(&rig).expect("an offered call");
    assert_eq!(&*offer.line, "1003");
    rig.request(CRM, Operation::Answer(offer.id, None)).unwrap();
    assert_eq!(rig.switch.call(CRM, offer.id).unwrap().state, CallState::Connected(ConnectedMode::Active));
    assert_eq!(rig.invited().1.target.uri, "sip:1002@10.0.0.9");
}

#[test]
fn who_did_not_answer_must_use_the_line_first() {
    let (mut rig, trunk) = talking();
    hang_up(&mut rig, trunk);
    let (call, station) = call_from_local(&mut rig);
    rig.progress(station, 180, None);
    rig.request(CRM, callback(call)).unwrap();
    rig.commands();
    rig.pass(Duration::from_secs(300));
    assert_eq!(offered(&rig), None, "nobody came back");

    let trunk = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    rig.end(trunk, CauseKind::Cancel);
    rig.commands();
    rig.pass(GUARD);
    assert_eq!(offered(&rig), None, "it only rang");

    let trunk = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    hang_up(&mut rig, trunk);
    rig.pass(GUARD);
    assert!(offered(&rig).is_some());
}

#[test]
fn a_line_that_is_used_again_at_once_is_left_alone() {
    let (mut rig, trunk) = talking();
    let call = busy_from_local(&mut rig);
    rig.request(CRM, callback(call)).unwrap();
    hang_up(&mut rig, trunk);
    rig.pass(Duration::from_secs(2));
    let again = rig.call_in(Peer::Line("1002".into()), "030", Some(USUAL));
    rig.commands();
    rig.pass(GUARD);
    assert_eq!(offered(&rig), None);
    rig.end(again, CauseKind::Cancel);
    rig.commands();
    rig.pass(GUARD);
    assert!(offered(&rig).is_some());
}

#[test]
fn an_own_phone_that_is_busy_is_tried_later() {
    let (mut rig, trunk) = talking();
    rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    rig.commands();
    let line = "1001".into();
    let id = rig.switch.complete_last(rig.now, &line, &mut Outbox::default()).unwrap();
    let own = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    hang_up(&mut rig, trunk);
    rig.pass(GUARD);
    assert_eq!(offered(&rig), None, "1001 is busy itself");
    rig.end(own, CauseKind::Cancel);
    rig.commands();
    rig.pass(GUARD);
    let offer = offered(&rig).expect("an offered call");
    assert_eq!(offer.completion, Some(id));
    let (leg, _) = invite_of(&mut rig).expect("the own phone rings");
    rig.refuse(leg, 486);
    rig.commands();
    assert_eq!(offered(&rig), None);
    rig.pass(Duration::from_secs(30));
    rig.pass(GUARD);
    assert!(offered(&rig).is_some(), "it is tried again");
}

#[test]
fn an_own_phone_that_nobody_answers_ends_the_request() {
    let (mut rig, trunk) = talking();
    rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    rig.commands();
    let line = "1001".into();
    rig.switch.complete_last(rig.now, &line, &mut Outbox::default()).unwrap();
    hang_up(&mut rig, trunk);
    rig.pass(GUARD);
    assert!(offered(&rig).is_some());
    rig.pass(Duration::from_secs(20));
    rig.commands();
    rig.pass(Duration::from_secs(300));
    assert_eq!(offered(&rig), None);
    rig.assert_quiet();
    assert_eq!(rig.switch.deadline(), None);
}

#[test]
fn one_after_the_other_is_called_for_the_same_line() {
    let (mut rig, trunk) = talking();
    let first = busy_from_local(&mut rig);
    let first = completion(rig.request(CRM, callback(first)));
    rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    rig.commands();
    let second = rig.switch.complete_last(rig.now, &"1001".into(), &mut Outbox::default()).unwrap();
    hang_up(&mut rig, trunk);
    rig.pass(GUARD);
    let offer = offered(&rig).expect("an offered call");
    assert_eq!(offer.completion, Some(first));
    rig.pass(GUARD);
    rig.request(CRM, Operation::Drop(offer.id, None)).unwrap();
    rig.commands();
    rig.pass(GUARD);
    assert_eq!(offered(&rig).expect("the other").completion, Some(second));
}

#[test]
fn a_request_is_taken_back_until_its_call_is_offered() {
    let (mut rig, trunk) = talking();
    let call = busy_from_local(&mut rig);
    let id = completion(rig.request(CRM, callback(call)));
    line_states(&mut rig);
    let uncomplete = |line: &str| Operation::UncompleteCall { line: line.into(), completion: id };
    assert_eq!(
        rig.request(CRM, uncomplete("1001")).unwrap_err().error,
        LineError::InvalCompletionId,
        "it is another line's"
    );
    assert_eq!(rig.request(CRM, uncomplete("4711")).unwrap_err().error, LineError::InvalLineHandle);
    assert_eq!(rig.request(CRM, uncomplete("1003")), Ok(Outcome::Done));
    assert_eq!(line_states(&mut rig), ["1003 numcompletions 0"]);
    assert_eq!(rig.request(CRM, uncomplete("1003")).unwrap_err().error, LineError::InvalCompletionId);
    hang_up(&mut rig, trunk);
    rig.pass(GUARD);
    assert_eq!(offered(&rig), None);

    let (mut rig, trunk) = talking();
    let call = busy_from_local(&mut rig);
    let id = completion(rig.request(CRM, callback(call)));
    hang_up(&mut rig, trunk);
    rig.pass(GUARD);
    let taken_back = Operation::UncompleteCall { line: "1003".into(), completion: id };
    assert_eq!(rig.request(CRM, taken_back).unwrap_err().error, LineError::InvalCompletionId);
}

#[test]
fn a_request_is_given_up_after_a_while_and_the_application_is_told() {
    let (mut rig, trunk) = talking();
    let call = busy_from_local(&mut rig);
    let id = completion(rig.request(CRM, callback(call)));
    line_states(&mut rig);
    rig.pass(Duration::from_secs(40 * 60));
    assert_eq!(
        line_states(&mut rig),
        [format!("1003 complcancel {}", id.0), "1003 numcompletions 0".to_owned()]
    );
    hang_up(&mut rig, trunk);
    rig.pass(GUARD);
    assert_eq!(offered(&rig), None);
}

#[test]
fn there_is_one_request_for_two_lines_and_a_limit_for_a_line() {
    let mut setup = setup();
    setup.completion.outstanding_max = 1;
    let (mut rig, _) = talking_with(setup);
    let first = busy_from_local(&mut rig);
    let first = completion(rig.request(CRM, callback(first)));
    let again = busy_from_local(&mut rig);
    assert_eq!(completion(rig.request(CRM, callback(again))), first);
    rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    let more = rig.switch.complete_last(rig.now, &"1001".into(), &mut Outbox::default());
    assert_eq!(more, Err(LineError::CompletionOverrun));
}

#[test]
fn what_is_no_station_cannot_be_completed() {
    let (mut rig, _) = talking();
    let made = Operation::MakeCall { line: "carrier".into(), to: "30".to_owned(), params: None };
    let Ok(Outcome::Call(call)) = rig.request(CRM, made) else { panic!("no call") };
    let (trunk, _) = rig.invited();
    rig.refuse(trunk, 486);
    assert_eq!(rig.request(CRM, callback(call)).unwrap_err().error, LineError::OperationUnavail);
    assert!(!rig.switch.call(CRM, call).unwrap().features.contains(&CallOperation::CompleteCall));
    assert_eq!(
        rig.switch.complete_last(rig.now, &"1001".into(), &mut Outbox::default()),
        Err(LineError::TargetNotFound)
    );
}

#[test]
#[expect(clippy::wildcard_enum_match_arm, reason = "only MESSAGE is looked at")]
fn a_message_goes_to_every_phone_of_who_was_called() {
    let mut setup = setup();
    setup.completion.messages = vec!["Call me.".to_owned(), "Never mind.".to_owned()];
    let (mut rig, _) = talking_with(setup);
    let call = busy_from_local(&mut rig);
    rig.register("1002", "sip:1002@10.0.0.10", 500);
    for wrong in [None, Some(2)] {
        let refused = rig.request(CRM, complete(call, CompletionMode::Message, wrong));
        assert_eq!(refused.unwrap_err().error, LineError::InvalMessageId);
    }
    rig.request(CRM, complete(call, CompletionMode::Message, Some(1))).unwrap();
    let sent: Vec<_> = std::mem::take(&mut rig.sip)
        .into_iter()
        .filter_map(|command| match command {
            Command::Message(usage, message) => Some((usage, message)),
            _ => None,
        })
        .collect();
    assert_eq!(sent.len(), 2);
    assert_ne!(sent[0].0, sent[1].0);
    assert_eq!(sent[0].1.content, Content::plain("Never mind."));
    assert_eq!(sent[0].1.from.user, "1003");
    assert_eq!(rig.switch.call(CRM, call).unwrap().state, CallState::Idle);
}

#[test]
fn requests_come_back_after_a_restart() {
    let (mut rig, _) = talking();
    let call = busy_from_local(&mut rig);
    let id = completion(rig.request(CRM, callback(call)));
    let kept = std::mem::take(&mut rig.store);
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig.switch.restore(kept);
    rig.pass(Duration::from_millis(1));
    rig.pass(GUARD);
    let offer = offered(&rig).expect("an offered call");
    assert_eq!((&*offer.line, offer.completion), ("1003", Some(id)));
}

#[test]
fn who_barges_in_joins_the_call_of_the_busy_line() {
    let (mut rig, trunk) = talking();
    let made = Operation::MakeCall { line: "1001".into(), to: "1002".to_owned(), params: None };
    let Ok(Outcome::Call(call)) = rig.request(CRM, made) else { panic!("no call") };
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    rig.commands();
    rig.request(CRM, complete(call, CompletionMode::Intrude, None)).unwrap();
    let view = rig.switch.call(CRM, call).unwrap();
    assert_eq!(view.state, CallState::Connected(ConnectedMode::Active));
    let intruder = rig.switch.calls(CRM).into_iter().find(|call| call.reason == CallReason::Intrude).unwrap();
    assert_eq!((&*intruder.line, intruder.state), ("1002", CallState::Conferenced));
    assert!(rig.feeds[&own].starts_with("conference"), "{:?}", rig.feeds);
    rig.pass(Duration::from_secs(120));
    assert_eq!(rig.switch.call(CRM, call).unwrap().state, CallState::Connected(ConnectedMode::Active));
    hang_up(&mut rig, own);
    hang_up(&mut rig, trunk);
    rig.pass(Duration::from_secs(61));
    rig.assert_quiet();
}

#[test]
fn nobody_barges_into_what_is_no_conversation_or_from_nowhere() {
    let (mut rig, _) = talking();
    let call = busy_from_local(&mut rig);
    let refused = rig.request(CRM, complete(call, CompletionMode::Intrude, None));
    assert_eq!(
        refused.unwrap_err().error,
        LineError::OperationUnavail,
        "nobody waits on a line of the engine"
    );
}

#[test]
fn all_requests_of_a_line_are_cancelled_at_once() {
    let (mut rig, _) = talking();
    let call = busy_from_local(&mut rig);
    rig.request(CRM, callback(call)).unwrap();
    assert_eq!(rig.switch.line(CRM, "1003").unwrap().completions.len(), 1);
    let mut out = Outbox::default();
    assert_eq!(rig.switch.cancel_completions(rig.now, "1003", &mut out), 1);
    assert_eq!(rig.switch.cancel_completions(rig.now, "1003", &mut out), 0);
    assert!(rig.switch.line(CRM, "1003").unwrap().completions.is_empty());
}

#[test]
#[expect(clippy::wildcard_enum_match_arm, reason = "only NOTIFY is looked at")]
fn another_system_is_told_when_the_line_is_free_and_the_next_one_waits() {
    let (mut rig, trunk) = talking();
    let usage = |serial| UsageId::new(0, serial);
    let subscribe = |rig: &mut Rig, serial, peer, mode: &str| {
        let subscriber = Subscriber {
            peer,
            dialled: "1002".to_owned(),
            package: Package::CallCompletion,
            leg: None,
            call_completion: Some(mode.to_owned()),
            takes_lists: false,
        };
        rig.tell(Event::Subscribe(usage(serial), Box::new(subscriber)));
    };
    let told = |rig: &mut Rig| -> Vec<(UsageId, bool)> {
        let ready = |command| match command {
            Command::NotifySubscriber(usage, document, _) => match *document {
                Document::CallCompletion { is_ready, uri } => {
                    assert_eq!(uri, "sip:1002@pbx.example");
                    Some((usage, is_ready))
                }
                Document::Dialogs(_)
                | Document::Conference(_)
                | Document::Messages { .. }
                | Document::Features(_)
                | Document::Presence(_)
                | Document::Registration(_)
                | Document::List(_) => None,
            },
            _ => None,
        };
        std::mem::take(&mut rig.sip).into_iter().filter_map(ready).collect()
    };
    for (serial, mode) in [(1, "NR"), (2, "BS"), (3, "BS")] {
        subscribe(&mut rig, serial, Peer::Trunk("carrier".into()), mode);
        assert_eq!(told(&mut rig), [(usage(serial), false)]);
    }
    rig.hang_up(trunk);
    assert_eq!(told(&mut rig), [(usage(2), true)], "nobody used the line since the first one asked");
    rig.tell(Event::Unsubscribed(usage(2)));
    let again = rig.call_in(Peer::Line("1002".into()), "030", Some(USUAL));
    rig.commands();
    rig.end(again, CauseKind::Cancel);
    assert_eq!(told(&mut rig), [(usage(1), true)], "it asked first");
    subscribe(&mut rig, 4, Peer::Trunk("carrier".into()), "BS");
    assert_eq!(told(&mut rig), [(usage(4), false)]);
}
