//! Subscriptions that outlive the process: killed at any moment, an agent goes on with what its store holds.

use super::bench::{Bench, request, response};
use super::registering::{phone, with_credentials};
use super::*;
use crate::ids::UsageId;
use crate::message::{HeaderName, Message};
use crate::outbox::{DialogPhase, DialogState, Document, KeptSubscription, Peer, SubscriptionChange};

const DIALOG: &str = "Event: dialog;sla\r\nRecord-Route: <sip:edge.example;lr>\r\n";

fn subscribe(event: &str) -> String {
    request("SUBSCRIBE", 1, "", event, "")
}

/// A phone has subscribed with its password: the usage, and our tag.
fn subscribed(bench: &mut Bench, event: &str) -> (UsageId, String) {
    bench.agent.endpoint.config.keeps_dialogs = true;
    let text = subscribe(event);
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text.replace("z9hG4bK", "z9hG4bKy"), &challenge, "alice", "secret"));
    let Some(Event::Subscribe(id, _)) = bench.events().pop() else { panic!("a subscription") };
    bench.command(Command::AnswerSubscribe(id, 200));
    let ok = bench.only();
    assert_eq!(ok.status(), 200);
    (id, ok.to_tag().to_owned())
}

fn dialogs() -> Document {
    let party = |user: &str| Party { user: user.to_owned(), ..Party::default() };
    let (leg, phase, is_initiator, is_held) = (None, DialogPhase::Early, false, false);
    let (local, remote) = (party("bob"), party("carol"));
    Document::Dialogs(vec![DialogState { id: 7, leg, phase, is_initiator, local, remote, is_held }])
}

fn tell(bench: &mut Bench, id: UsageId) -> Message {
    bench.command(Command::NotifySubscriber(id, Box::new(dialogs()), false));
    let notify = bench.only();
    bench.say(response(&notify, 200, "", "", ""));
    notify
}

/// The version of the document, which stands behind that of XML.
fn version(notify: &Message) -> u32 {
    let body = String::from_utf8_lossy(notify.body()).into_owned();
    let text = body.split(" version=\"").nth(2).expect("a version");
    text.split('"').next().and_then(|version| version.parse().ok()).expect("a number")
}

/// What the store was told last of the subscription.
fn kept(bench: &mut Bench) -> KeptSubscription {
    match bench.subscriptions.pop() {
        Some(SubscriptionChange::Put(_, kept)) => *kept,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_phone_is_told_on_in_the_same_subscription() {
    let mut bench = phone();
    let (id, tag) = subscribed(&mut bench, DIALOG);
    let stored = kept(&mut bench);
    let before = tell(&mut bench, id);
    assert!(bench.subscriptions.is_empty(), "a notice alone is within the margin");

    let now = bench.now;
    let mut again = phone();
    again.now = now;
    again.agent.endpoint.config.keeps_dialogs = true;
    let after = seconds(3);
    let restored = again.act(|agent, now, _| agent.restore_subscription(now, id, &stored, after));
    let subscriber = restored.expect("it is taken back");
    assert_eq!((&subscriber.peer, subscriber.dialled.as_str()), (&Peer::Line("alice".into()), "bob"));
    let twice = again.act(|agent, now, _| agent.restore_subscription(now, id, &stored, after));
    assert_eq!(twice, None, "once");

    // Its owner accepts, and tells how it is: not before its turn.
    again.command(Command::AnswerSubscribe(id, 200));
    again.command(Command::NotifySubscriber(id, Box::new(dialogs()), false));
    again.pass(milliseconds(2_999));
    assert!(again.sent().is_empty());
    again.pass(milliseconds(1));
    let notify = again.only();
    assert!(version(&notify) > version(&before) && notify.cseq().number > before.cseq().number);
    for name in [HeaderName::CallId, HeaderName::From, HeaderName::To, HeaderName::Event, HeaderName::Route] {
        assert_eq!(notify.value(name), before.value(name), "{name:?}");
    }
    again.say(response(&notify, 200, "", "", ""));
    assert!(matches!(again.subscriptions.pop(), Some(SubscriptionChange::Put(..))), "its margin is used up");

    again.say(request("SUBSCRIBE", 3, &tag, DIALOG, ""));
    assert_eq!(again.sent()[0].1.status(), 200, "a refresh finds it");
    again.say(request("SUBSCRIBE", 4, &tag, &format!("{DIALOG}Expires: 0\r\n"), ""));
    assert_eq!(again.subscriptions.pop(), Some(SubscriptionChange::Remove(id)));
    again.sent();
    again.expect_nothing_left();
}

#[test]
fn whoever_may_watch_no_longer_is_told_to_subscribe_anew() {
    let mut bench = phone();
    let (id, _) = subscribed(&mut bench, DIALOG);
    let stored = kept(&mut bench);
    let mut again = phone();
    again.now = bench.now;
    let restored = again.act(|agent, now, _| agent.restore_subscription(now, id, &stored, seconds(1)));
    assert!(restored.is_some());
    again.command(Command::AnswerSubscribe(id, 404));
    let notify = again.only();
    assert_eq!(notify.value(HeaderName::SubscriptionState), Some("terminated;reason=deactivated"));
    again.say(response(&notify, 200, "", "", ""));
    again.expect_nothing_left();
}

#[test]
fn what_is_over_or_elsewhere_is_not_taken_back() {
    let mut bench = phone();
    let (id, _) = subscribed(&mut bench, DIALOG);
    let stored = kept(&mut bench);
    let restores = |kept: &KeptSubscription, id| {
        let mut again = phone();
        again.now = stored.expires - seconds(1);
        again.act(|agent, now, _| agent.restore_subscription(now, id, kept, Duration::ZERO)).is_some()
    };
    assert!(restores(&stored, id));
    assert!(!restores(&KeptSubscription { expires: stored.expires - seconds(1), ..stored.clone() }, id));
    assert!(!restores(&KeptSubscription { line: "nobody".into(), ..stored.clone() }, id), "its line is gone");
    assert!(!restores(&KeptSubscription { event: "presence.winfo".to_owned(), ..stored.clone() }, id));
    assert!(!restores(&stored, UsageId::new(1, 7)), "another worker's");
}

#[test]
fn what_ends_with_the_process_is_not_kept() {
    let mut bench = phone();
    subscribed(&mut bench, "Event: conference\r\n");
    assert!(bench.subscriptions.is_empty());
    let mut bench = phone().by_tcp();
    subscribed(&mut bench, DIALOG);
    assert!(bench.subscriptions.is_empty(), "a stream is gone");
}
