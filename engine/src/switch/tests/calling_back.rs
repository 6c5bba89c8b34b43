//! lineCompleteCall CALLBACK to a number behind a trunk: the other system tells when it is free.

use std::time::Duration;

use bytes::Bytes;
use trunkline_sip::outbox::{Command, CompletionOffer, Event, Package, Subscribe, SubscriptionPhase};
use trunkline_sip::{LegId, UsageId};

use crate::switch::kept::Kept;
use crate::switch::rig::{CRM, Rig, USUAL};
use crate::switch::*;

const GUARD: Duration = Duration::from_secs(3);
const FREE: &str = "";
const IN_USE: &str = "<dialog id=\"1\"><state>confirmed</state></dialog>";

/// An application has called a number behind the trunk, from a line whose media ends in the engine.
fn called() -> (Rig, CallId, LegId) {
    let mut rig = Rig::new();
    let wanted = Operation::SetStatusMessages {
        line: "1003".into(),
        line_states: vec!["numcompletions".to_owned(), "complcancel".to_owned()],
        address_states: Vec::new(),
    };
    rig.request(CRM, wanted).unwrap();
    let made = Operation::MakeCall { line: "1003".into(), to: "030".to_owned(), params: None };
    let Ok(Outcome::Call(call)) = rig.request(CRM, made) else { panic!("no call") };
    let (leg, _) = rig.invited();
    (rig, call, leg)
}

fn offer(rig: &mut Rig, leg: LegId) {
    let offer = CompletionOffer { uri: "sip:cc@198.51.100.8".to_owned(), mode: Some("BS") };
    rig.tell(Event::Completable { leg, offer: Box::new(offer) });
}

fn ask(rig: &mut Rig, call: CallId) -> RequestId {
    rig.commands();
    rig.messages.clear();
    rig.ask(CRM, Operation::CompleteCall { call, mode: CompletionMode::Callback, message: None })
}

fn subscribed(rig: &mut Rig) -> (UsageId, Box<Subscribe>) {
    let at = rig.sip.iter().position(|command| matches!(command, Command::Subscribe(..)));
    let Command::Subscribe(usage, subscribe) = rig.sip.remove(at.expect("a SUBSCRIBE")) else {
        unreachable!()
    };
    (usage, subscribe)
}

fn tell(rig: &mut Rig, usage: UsageId, kind: &str, body: String) {
    let body = Some((kind.to_owned(), Bytes::from(body)));
    rig.tell(Event::Subscription { usage, phase: SubscriptionPhase::Active, body });
}

fn tell_dialogs(rig: &mut Rig, usage: UsageId, state: &str, dialogs: &str) {
    let body = format!(
        "<?xml version=\"1.0\"?><dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" \
         state=\"{state}\" entity=\"sip:30@carrier.example\">{dialogs}</dialog-info>"
    );
    tell(rig, usage, "application/dialog-info+xml", body);
}

fn offered(rig: &Rig) -> Option<CallView> {
    let wanted = |call: &CallView| {
        call.reason == CallReason::CallCompletion && call.state == CallState::Offering(OfferingMode::Active)
    };
    rig.switch.calls(CRM).into_iter().find(wanted)
}

fn error(rig: &Rig, request: RequestId) -> LineError {
    rig.reply(request).expect("a reply").expect_err("a refusal").error
}

#[test]
fn the_dialogs_of_the_number_are_watched_and_it_is_called_when_there_are_none() {
    let (mut rig, call, leg) = called();
    rig.refuse(leg, 486);
    assert!(rig.switch.call(CRM, call).unwrap().features.contains(&CallOperation::CompleteCall));
    let request = ask(&mut rig, call);
    assert_eq!(rig.reply(request), None, "the other system has not accepted");
    let (usage, subscribe) = subscribed(&mut rig);
    assert_eq!(
        (subscribe.package, subscribe.target.uri.as_str()),
        (Package::Dialog, "sip:30@carrier.example")
    );
    assert_eq!((subscribe.from.user.as_str(), subscribe.to.user.as_str()), ("1003", "30"));
    assert!(!rig.switch.call(CRM, call).unwrap().features.contains(&CallOperation::CompleteCall));

    tell_dialogs(&mut rig, usage, "full", IN_USE);
    let Some(Ok(Outcome::Completion(id))) = rig.reply(request) else { panic!("not accepted") };
    assert_eq!(rig.state(call.0), CallState::Idle);
    assert_eq!(rig.switch.line(CRM, "1003").unwrap().completions, [id]);
    rig.pass(Duration::from_secs(60));
    assert_eq!(offered(&rig), None, "the number is used");
    tell_dialogs(&mut rig, usage, "partial", FREE);
    rig.pass(GUARD);
    assert_eq!(offered(&rig), None, "nothing of it is said");

    tell_dialogs(&mut rig, usage, "full", FREE);
    rig.pass(GUARD);
    let offer = offered(&rig).expect("an offered call");
    assert_eq!((&*offer.line, offer.completion, offer.caller.number.as_str()), ("1003", Some(id), "030"));
    rig.request(CRM, Operation::Answer(offer.id, None)).unwrap();
    let (leg, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:30@carrier.example");
    assert_eq!(rig.commands(), [format!("unsubscribe {usage}")]);
    rig.answer(leg, USUAL);
    rig.hang_up(leg);
    rig.request(CRM, Operation::Drop(offer.id, None)).unwrap();
    rig.assert_quiet();
    assert_eq!(rig.switch.deadline(), None);
    assert!(
        matches!(&rig.store[..], [Kept::Completion(kept), Kept::CompletionOver(over)] if kept.id == id && *over == id),
        "{:?}",
        rig.store
    );
}

#[test]
fn a_system_that_offers_it_is_asked_and_its_caller_called_at_once() {
    let (mut rig, call, leg) = called();
    offer(&mut rig, leg);
    rig.refuse(leg, 486);
    let request = ask(&mut rig, call);
    let (usage, subscribe) = subscribed(&mut rig);
    assert_eq!(subscribe.package, Package::CallCompletion);
    assert_eq!(subscribe.target.uri, "sip:cc@198.51.100.8;m=BS");
    assert_eq!(subscribe.target.flow.remote.to_string(), "198.51.100.7:5060");
    tell(&mut rig, usage, "application/call-completion", "cc-state: queued\r\n".to_owned());
    assert!(matches!(rig.reply(request), Some(Ok(Outcome::Completion(_)))));
    rig.pass(Duration::from_secs(60));
    assert_eq!(offered(&rig), None);
    tell(&mut rig, usage, "application/call-completion", "cc-state: ready\r\n".to_owned());
    rig.pass(Duration::ZERO);
    let offer = offered(&rig).expect("the other system waits for him");
    rig.request(CRM, Operation::Answer(offer.id, None)).unwrap();
    assert_eq!(rig.invited().1.target.uri, "sip:30@carrier.example;m=BS");
}

#[test]
fn an_offer_that_is_refused_leaves_the_dialogs() {
    let (mut rig, call, leg) = called();
    offer(&mut rig, leg);
    rig.refuse(leg, 486);
    let request = ask(&mut rig, call);
    let (usage, _) = subscribed(&mut rig);
    rig.tell(Event::SubscriptionOver { usage, status: 489 });
    assert_eq!(rig.reply(request), None);
    let (usage, subscribe) = subscribed(&mut rig);
    assert_eq!(subscribe.package, Package::Dialog);
    tell_dialogs(&mut rig, usage, "full", FREE);
    assert!(matches!(rig.reply(request), Some(Ok(Outcome::Completion(_)))));
    rig.pass(GUARD);
    assert!(offered(&rig).is_some());
}

#[test]
fn a_refused_subscription_is_the_reply() {
    for (status, expected) in [
        (489, LineError::OperationUnavail),
        (405, LineError::OperationUnavail),
        (403, LineError::OperationUnavail),
        (408, LineError::OperationFailed),
        (503, LineError::OperationFailed),
    ] {
        let (mut rig, call, leg) = called();
        rig.refuse(leg, 486);
        let request = ask(&mut rig, call);
        let (usage, _) = subscribed(&mut rig);
        rig.tell(Event::SubscriptionOver { usage, status });
        assert_eq!(error(&rig, request), expected);
        let view = rig.switch.call(CRM, call).unwrap();
        assert_eq!(view.state, CallState::Busy(BusyMode::Station), "it is as it was");
        assert!(view.features.contains(&CallOperation::CompleteCall));
        assert!(rig.switch.line(CRM, "1003").unwrap().completions.is_empty());
    }
}

#[test]
fn a_subscription_that_ends_later_cancels_the_request() {
    let (mut rig, call, leg) = called();
    rig.refuse(leg, 486);
    let request = ask(&mut rig, call);
    let (usage, _) = subscribed(&mut rig);
    tell_dialogs(&mut rig, usage, "full", IN_USE);
    let Some(Ok(Outcome::Completion(id))) = rig.reply(request) else { panic!("not accepted") };
    rig.messages.clear();
    rig.tell(Event::SubscriptionOver { usage, status: 0 });
    let told = rig.told(CRM, |message| matches!(message, Message::LineState { .. }));
    assert!(
        matches!(&told[..], [Message::LineState { state: "complcancel", detail, .. }, _] if *detail == id.0),
        "{told:?}"
    );
    assert_eq!(rig.commands(), Vec::<String>::new(), "it has ended");
    let uncomplete = Operation::UncompleteCall { line: "1003".into(), completion: id };
    assert_eq!(rig.request(CRM, uncomplete).unwrap_err().error, LineError::InvalCompletionId);
}

#[test]
fn a_request_taken_back_or_too_old_ends_its_subscription() {
    for takes_back in [true, false] {
        let (mut rig, call, leg) = called();
        rig.refuse(leg, 486);
        let request = ask(&mut rig, call);
        let (usage, _) = subscribed(&mut rig);
        tell_dialogs(&mut rig, usage, "full", IN_USE);
        let Some(Ok(Outcome::Completion(completion))) = rig.reply(request) else { panic!("not accepted") };
        rig.commands();
        if takes_back {
            rig.request(CRM, Operation::UncompleteCall { line: "1003".into(), completion }).unwrap();
        } else {
            rig.pass(Duration::from_secs(40 * 60));
        }
        assert_eq!(rig.commands(), [format!("unsubscribe {usage}")]);
        rig.tell(Event::SubscriptionOver { usage, status: 0 });
        rig.assert_quiet();
        assert_eq!(rig.switch.deadline(), None);
    }
}

#[test]
fn who_did_not_answer_must_be_seen_first() {
    let (mut rig, call, leg) = called();
    rig.progress(leg, 180, None);
    let request = ask(&mut rig, call);
    let (usage, _) = subscribed(&mut rig);
    tell_dialogs(&mut rig, usage, "full", FREE);
    assert!(matches!(rig.reply(request), Some(Ok(Outcome::Completion(_)))));
    assert_eq!(rig.state(call.0), CallState::Idle);
    rig.pass(Duration::from_secs(60));
    assert_eq!(offered(&rig), None, "nobody came back");
    tell_dialogs(&mut rig, usage, "full", IN_USE);
    tell_dialogs(&mut rig, usage, "full", FREE);
    rig.pass(GUARD);
    assert!(offered(&rig).is_some());
}

#[test]
fn a_call_that_is_answered_or_dropped_meanwhile_is_not_completed() {
    let (mut rig, call, leg) = called();
    rig.progress(leg, 180, None);
    let request = ask(&mut rig, call);
    let (usage, _) = subscribed(&mut rig);
    rig.answer(leg, USUAL);
    tell_dialogs(&mut rig, usage, "full", IN_USE);
    assert_eq!(error(&rig, request), LineError::InvalCallState);
    assert_eq!(rig.commands(), [format!("unsubscribe {usage}")]);
    assert_eq!(rig.state(call.0), CallState::Connected(ConnectedMode::Active));

    let (mut rig, call, leg) = called();
    rig.refuse(leg, 486);
    let request = ask(&mut rig, call);
    let (usage, _) = subscribed(&mut rig);
    rig.request(CRM, Operation::Drop(call, None)).unwrap();
    assert_eq!(error(&rig, request), LineError::Disconnected);
    tell_dialogs(&mut rig, usage, "full", FREE);
    assert_eq!(rig.commands(), [format!("unsubscribe {usage}")]);
    rig.pass(GUARD);
    assert_eq!(offered(&rig), None);
}

#[test]
fn a_handset_hears_of_a_refusal_by_nothing_but_the_line() {
    let (mut rig, call, leg) = called();
    rig.refuse(leg, 486);
    rig.request(CRM, Operation::Drop(call, None)).unwrap();
    rig.commands();
    rig.messages.clear();
    let mut out = Outbox::default();
    let id = rig.switch.complete_last(rig.now, &"1003".into(), &mut out).unwrap();
    rig.take(out);
    let (usage, _) = subscribed(&mut rig);
    rig.tell(Event::SubscriptionOver { usage, status: 489 });
    let told = rig.told(CRM, |message| matches!(message, Message::LineState { state: "complcancel", .. }));
    assert!(matches!(&told[..], [Message::LineState { detail, .. }] if *detail == id.0), "{told:?}");
}

/// The line wants a number that is used, by the dialogs of the number or by what was offered.
fn accepted(offers: bool) -> (Rig, CompletionId) {
    let (mut rig, call, leg) = called();
    if offers {
        offer(&mut rig, leg);
    }
    rig.refuse(leg, 486);
    let request = ask(&mut rig, call);
    let (usage, _) = subscribed(&mut rig);
    if offers {
        tell(&mut rig, usage, "application/call-completion", "cc-state: queued\r\n".to_owned());
    } else {
        tell_dialogs(&mut rig, usage, "full", IN_USE);
    }
    let Some(Ok(Outcome::Completion(id))) = rig.reply(request) else { panic!("not accepted") };
    (rig, id)
}

/// The same, and then the engine starts again.
fn restarted(offers: bool) -> (Rig, CompletionId) {
    let (rig, id) = accepted(offers);
    (again(&rig), id)
}

/// The engine with what was kept last, ten minutes later.
fn again(rig: &Rig) -> Rig {
    let mut other = Rig::new();
    other.now = rig.now + Duration::from_secs(600);
    let mut out = Outbox::default();
    other.switch.handle_timeout(other.now, &mut out);
    other.take(out);
    let wanted = Operation::SetStatusMessages {
        line: "1003".into(),
        line_states: vec!["complcancel".to_owned()],
        address_states: Vec::new(),
    };
    other.switch.restore(rig.store.last().cloned());
    other.request(CRM, wanted).unwrap();
    other
}

fn cancelled(rig: &mut Rig) -> Vec<u32> {
    let told = rig.told(CRM, |message| matches!(message, Message::LineState { state: "complcancel", .. }));
    let detail = |message: &Message| {
        let Message::LineState { detail, .. } = message else { unreachable!() };
        *detail
    };
    told.iter().map(detail).collect()
}

#[test]
fn after_a_restart_the_other_system_is_asked_afresh() {
    for offers in [false, true] {
        let (mut rig, id) = restarted(offers);
        assert_eq!(rig.switch.line(CRM, "1003").unwrap().completions, [id]);
        rig.pass(Duration::ZERO);
        let (usage, subscribe) = subscribed(&mut rig);
        assert_eq!(subscribe.expires, Duration::from_secs(30 * 60), "{subscribe:?}");
        assert_eq!((subscribe.from.user.as_str(), subscribe.to.user.as_str()), ("1003", "30"));
        if offers {
            assert_eq!(subscribe.package, Package::CallCompletion);
            assert_eq!(subscribe.target.uri, "sip:cc@198.51.100.8;m=BS");
            tell(&mut rig, usage, "application/call-completion", "cc-state: ready\r\n".to_owned());
            rig.pass(Duration::ZERO);
        } else {
            assert_eq!(subscribe.package, Package::Dialog);
            tell_dialogs(&mut rig, usage, "full", FREE);
            rig.pass(GUARD);
        }
        let offer = offered(&rig).expect("an offered call");
        assert_eq!((&*offer.line, offer.completion), ("1003", Some(id)));
        rig.request(CRM, Operation::Answer(offer.id, None)).unwrap();
        let (leg, invite) = rig.invited();
        let expected = if offers { "sip:30@carrier.example;m=BS" } else { "sip:30@carrier.example" };
        assert_eq!(invite.target.uri, expected);
        rig.answer(leg, USUAL);
        rig.hang_up(leg);
        rig.request(CRM, Operation::Drop(offer.id, None)).unwrap();
        assert_eq!(rig.store, [Kept::CompletionOver(id)]);
        rig.assert_quiet();
    }
}

#[test]
fn who_does_not_answer_after_a_restart_is_asked_again_and_who_refuses_is_not() {
    let (mut rig, id) = restarted(false);
    rig.pass(Duration::ZERO);
    for status in [408, 503] {
        let (usage, _) = subscribed(&mut rig);
        rig.tell(Event::SubscriptionOver { usage, status });
        rig.pass(Duration::from_secs(59));
        assert!(!rig.sip.iter().any(|command| matches!(command, Command::Subscribe(..))), "too soon");
        rig.pass(Duration::from_secs(1));
    }
    assert!(cancelled(&mut rig).is_empty());
    let (usage, _) = subscribed(&mut rig);
    rig.tell(Event::SubscriptionOver { usage, status: 489 });
    assert_eq!(cancelled(&mut rig), [id.0]);
    assert_eq!(rig.store, [Kept::CompletionOver(id)]);
    rig.assert_quiet();
    assert_eq!(rig.switch.deadline(), None);
}

#[test]
fn an_offer_that_is_gone_after_a_restart_leaves_the_dialogs() {
    let (mut rig, id) = restarted(true);
    rig.pass(Duration::ZERO);
    let (usage, _) = subscribed(&mut rig);
    rig.tell(Event::SubscriptionOver { usage, status: 404 });
    let (_, subscribe) = subscribed(&mut rig);
    assert_eq!(subscribe.package, Package::Dialog);
    assert_eq!(rig.switch.line(CRM, "1003").unwrap().completions, [id]);
    let once_more = again(&rig).store;
    assert_eq!(once_more, [], "nothing of it is written twice");
    assert!(
        matches!(&rig.store[..], [Kept::Completion(kept)] if kept.elsewhere.as_ref().unwrap().offer.is_none())
    );
}

#[test]
fn a_request_that_is_asked_again_in_vain_expires() {
    let (mut rig, id) = restarted(false);
    rig.pass(Duration::ZERO);
    let (usage, _) = subscribed(&mut rig);
    rig.pass(Duration::from_secs(30 * 60));
    assert_eq!(cancelled(&mut rig), [id.0]);
    assert_eq!(rig.commands(), [format!("unsubscribe {usage}")]);
    assert_eq!(rig.switch.deadline(), None);
}

#[test]
fn a_request_can_be_taken_back_before_the_other_system_is_asked_again() {
    let (mut rig, completion) = restarted(false);
    rig.request(CRM, Operation::UncompleteCall { line: "1003".into(), completion }).unwrap();
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.commands(), Vec::<String>::new());
    assert_eq!(rig.switch.deadline(), None);
}

#[test]
fn who_was_seen_before_a_restart_need_not_be_seen_again() {
    let (mut rig, call, leg) = called();
    rig.progress(leg, 180, None);
    let request = ask(&mut rig, call);
    let (usage, _) = subscribed(&mut rig);
    tell_dialogs(&mut rig, usage, "full", FREE);
    assert!(matches!(rig.reply(request), Some(Ok(Outcome::Completion(_)))));
    let awaits = |rig: &Rig| match rig.store.last() {
        Some(Kept::Completion(kept)) => kept.awaits_use,
        other => panic!("{other:?}"),
    };
    assert!(awaits(&rig));
    tell_dialogs(&mut rig, usage, "full", IN_USE);
    assert!(!awaits(&rig));
    let mut rig = again(&rig);
    rig.pass(Duration::ZERO);
    let (usage, _) = subscribed(&mut rig);
    tell_dialogs(&mut rig, usage, "full", FREE);
    rig.pass(GUARD);
    assert!(offered(&rig).is_some());
}

#[test]
fn requests_for_a_trunk_that_is_gone_are_left_out_and_many_are_asked_one_after_the_other() {
    let (mut rig, _) = accepted(false);
    let Kept::Completion(first) = rig.store.remove(0) else { panic!("{:?}", rig.store) };
    let numbered = |id: u32, trunk: &str| {
        let mut kept = first.clone();
        kept.id = CompletionId(id);
        kept.called = format!("{trunk} {id}").into();
        let elsewhere = kept.elsewhere.as_mut().unwrap();
        (elsewhere.trunk, elsewhere.number) = (trunk.into(), id.to_string());
        Kept::Completion(kept)
    };
    let mut rig = Rig::new();
    let kept = (1..=4).map(|id| numbered(id, if id == 3 { "gone" } else { "carrier" }));
    rig.switch.restore(kept);
    let asked = |rig: &mut Rig| {
        let subscribed = std::mem::take(&mut rig.sip);
        subscribed.iter().filter(|command| matches!(command, Command::Subscribe(..))).count()
    };
    for expected in [1, 1, 1, 0] {
        rig.pass(Duration::ZERO);
        assert_eq!(asked(&mut rig), expected);
        rig.pass(Duration::from_millis(50));
    }
}
