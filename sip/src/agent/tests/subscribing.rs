//! Subscriptions of others: what they are told, when, and when no more (RFC 6665 §4.2).

use super::bench::{Bench, SDP_BODY, invite, request, response};
use super::registering::{phone, with_credentials};
use super::*;
use crate::ids::UsageId;
use crate::message::{HeaderName, Message};
use crate::outbox::{
    ContactState, DialogPhase, DialogState, Document, FeatureStates, ForwardState, MessageCounts, Package,
    Peer, RegistrationChange, Subscriber,
};
use crate::subscription::{PEER_SUBSCRIPTIONS_MAX, Subscription, TWINS_MAX};

const DIALOG: &str = "Event: dialog\r\n";
const ACTIVE: Option<&str> = Some("active;expires=3600");

fn subscribe(headers: &str) -> String {
    request("SUBSCRIBE", 1, "", headers, "")
}

/// The subscription that somebody asked for.
fn asked(bench: &mut Bench) -> (UsageId, Box<Subscriber>) {
    match bench.events().pop() {
        Some(Event::Subscribe(id, subscriber)) => (id, subscriber),
        other => panic!("expected a subscription, got {other:?}"),
    }
}

/// The peer of a bench has subscribed: the usage, and our tag.
fn subscribed_with(bench: &mut Bench, headers: &str) -> (UsageId, String) {
    bench.say(subscribe(headers));
    let (id, _) = asked(bench);
    bench.command(Command::AnswerSubscribe(id, 200));
    let ok = bench.only();
    assert_eq!(ok.status(), 200);
    (id, ok.to_tag().to_owned())
}

fn subscribed() -> (Bench, UsageId, String) {
    let mut bench = Bench::new();
    let (id, tag) = subscribed_with(&mut bench, DIALOG);
    (bench, id, tag)
}

fn dialog(id: u64, phase: DialogPhase) -> Document {
    let leg = None;
    let (local, remote) = (party("bob"), party("carol"));
    let state = DialogState { id, leg, phase, is_initiator: false, local, remote, is_held: false };
    Document::Dialogs(vec![state])
}

fn tell(bench: &mut Bench, id: UsageId, document: Document) {
    bench.command(Command::NotifySubscriber(id, Box::new(document), false));
}

/// The one NOTIFY that was sent, answered with 200: its version and its Subscription-State.
fn told(bench: &mut Bench) -> (u32, String) {
    let notify = bench.only();
    bench.say(response(&notify, 200, "", "", ""));
    (version(&notify), state(&notify))
}

/// The version of the document, which stands behind that of XML.
fn version(notify: &Message) -> u32 {
    let body = body(notify);
    let version = body.rsplit(" version=\"").next().and_then(|rest| rest.split('"').next());
    version.unwrap().parse().unwrap()
}

fn state(notify: &Message) -> String {
    notify.value(HeaderName::SubscriptionState).unwrap().to_owned()
}

fn body(notify: &Message) -> String {
    String::from_utf8_lossy(notify.body()).into_owned()
}

#[test]
fn a_subscriber_is_told_at_once() {
    let mut bench = Bench::new();
    bench.say(subscribe("Event: dialog;id=7\r\nAccept: application/dialog-info+xml\r\nExpires: 600\r\nRecord-Route: <sip:192.0.2.9;lr>\r\n"));
    let (id, subscriber) = asked(&mut bench);
    assert!(bench.sent().is_empty(), "the owner decides");
    assert_eq!(
        *subscriber,
        Subscriber {
            peer: Peer::Trunk(subscriber_trunk()),
            dialled: "bob".to_owned(),
            package: Package::Dialog,
            leg: None,
            call_completion: None,
            takes_lists: false
        }
    );
    bench.command(Command::AnswerSubscribe(id, 200));
    let ok = bench.only();
    assert_eq!((ok.status(), ok.expires(), ok.to_tag().len()), (200, Some(600), 20));
    assert_eq!(ok.value(HeaderName::Contact), Some("<sip:bob@192.0.2.1:5060>"));
    assert_eq!(ok.value(HeaderName::RecordRoute), Some("<sip:192.0.2.9;lr>"));
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    let notify = bench.only();
    assert_eq!((notify.request_uri(), notify.call_id()), ("sip:alice@192.0.2.2:5070", "call"));
    assert_eq!((notify.from_tag(), notify.to_tag()), (ok.to_tag(), "peer"));
    assert_eq!(notify.value(HeaderName::Route), Some("<sip:192.0.2.9;lr>"));
    assert_eq!(notify.value(HeaderName::Event), Some("dialog;id=7"));
    assert_eq!(notify.value(HeaderName::Contact), Some("<sip:bob@192.0.2.1:5060>"));
    assert_eq!(notify.content_type(), Some("application/dialog-info+xml"));
    assert_eq!(state(&notify), "active;expires=600");
    assert_eq!(version(&notify), 0);
    assert!(body(&notify).contains("entity=\"sip:bob@192.0.2.1\"") && body(&notify).contains(">early<"));
    assert_eq!(bench.agent.gauges().subscriptions, 1);
}

fn subscriber_trunk() -> Arc<str> {
    Arc::clone(&trusting().trunks[0].name)
}

#[test]
fn later_states_are_told_once_a_second_and_only_the_last_of_them() {
    let (mut bench, id, _) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Trying));
    assert_eq!(told(&mut bench), (0, "active;expires=3600".to_owned()));
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    tell(&mut bench, id, dialog(1, DialogPhase::Confirmed));
    bench.pass(milliseconds(999));
    assert!(bench.sent().is_empty());
    bench.pass(milliseconds(1));
    let notify = bench.only();
    assert_eq!((version(&notify), state(&notify)), (1, "active;expires=3599".to_owned()));
    assert!(body(&notify).contains(">confirmed<"));
    bench.say(response(&notify, 200, "", "", ""));
    bench.pass(seconds(2));
    assert!(bench.sent().is_empty(), "nothing has changed");
}

/// A version that began again at 0 would be taken for an old one.
#[test]
fn a_subscription_that_has_used_up_its_versions_is_to_be_asked_for_anew() {
    let (mut bench, id, _) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Trying));
    assert_eq!(told(&mut bench).0, 0);
    let mut entry = bench.agent.subscriptions.take(id).unwrap();
    let Subscription::Notifier(notifier) = &mut entry.subscription else { panic!("a notifier") };
    notifier.age(u32::MAX - 1);
    bench.agent.subscriptions.put(entry);
    bench.pass(seconds(2));
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    assert_eq!(told(&mut bench).0, u32::MAX - 1);
    bench.pass(seconds(2));
    tell(&mut bench, id, dialog(1, DialogPhase::Confirmed));
    assert_eq!(told(&mut bench), (u32::MAX, "terminated;reason=deactivated".to_owned()));
    assert!(matches!(bench.events().pop(), Some(Event::Unsubscribed(over)) if over == id));
    bench.pass(seconds(40));
    assert_eq!(bench.agent.gauges(), Gauges::default());
}

#[test]
fn one_notify_is_on_its_way_at_a_time() {
    let (mut bench, id, _) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    let first = bench.only();
    tell(&mut bench, id, dialog(1, DialogPhase::Confirmed));
    bench.pass(seconds(4));
    let again = bench.sent();
    assert!(!again.is_empty() && again.iter().all(|(_, again)| again.bytes() == first.bytes()));
    bench.say(response(&first, 200, "", "", ""));
    let second = bench.only();
    assert_eq!((version(&second), second.cseq().number), (1, first.cseq().number + 1));
}

#[test]
fn a_line_that_falls_idle_shows_the_dialog_it_had() {
    let (mut bench, id, _) = subscribed();
    tell(&mut bench, id, dialog(0xa5, DialogPhase::Confirmed));
    told(&mut bench);
    tell(&mut bench, id, Document::Dialogs(Vec::new()));
    bench.pass(seconds(1));
    assert!(body(&bench.only()).contains("<dialog id=\"da5\"><state>terminated</state></dialog>"));
}

#[test]
fn a_refresh_lengthens_the_same_subscription_and_tells_the_state_again() {
    let (mut bench, id, tag) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    told(&mut bench);
    bench.pass(seconds(3000));
    bench.say(request("SUBSCRIBE", 2, &tag, "Event: dialog\r\nExpires: 1800\r\n", ""));
    let sent = bench.sent();
    let [(_, ok), (_, notify)] = &sent[..] else { panic!("expected 200 and NOTIFY, got {sent:?}") };
    assert_eq!((ok.status(), ok.expires(), ok.to_tag()), (200, Some(1800), &*tag));
    assert_eq!((version(notify), state(notify)), (1, "active;expires=1800".to_owned()));
    bench.say(response(notify, 200, "", "", ""));
    bench.pass(seconds(1799));
    assert!(bench.sent().is_empty() && bench.told().is_empty());
    assert_eq!(bench.agent.gauges().subscriptions, 1);
}

#[test]
fn a_refresh_moves_the_target() {
    let (mut bench, id, tag) = subscribed();
    let refresh = request("SUBSCRIBE", 2, &tag, DIALOG, "")
        .replace("<sip:alice@192.0.2.2:5070>", "<sip:new@192.0.2.2:5071>");
    bench.say(refresh);
    assert_eq!(bench.only().status(), 200);
    tell(&mut bench, id, Document::Dialogs(Vec::new()));
    let (flow, notify) = bench.sent().remove(0);
    assert_eq!((notify.request_uri(), flow.remote.port()), ("sip:new@192.0.2.2:5071", 5071));
}

#[test]
fn expires_zero_ends_it_with_a_last_state() {
    let (mut bench, id, tag) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    told(&mut bench);
    bench.say(request("SUBSCRIBE", 2, &tag, "Event: dialog\r\nExpires: 0\r\n", ""));
    assert_eq!(bench.told(), ["Unsubscribed"]);
    let sent = bench.sent();
    assert_eq!((sent[0].1.status(), sent[0].1.expires()), (200, Some(0)));
    assert_eq!((state(&sent[1].1).as_str(), version(&sent[1].1)), ("terminated;reason=timeout", 1));
    bench.say(request("SUBSCRIBE", 3, &tag, DIALOG, ""));
    assert_eq!(bench.only().status(), 481);
    bench.expect_nothing_left();
    assert!(bench.told().is_empty());
}

#[test]
fn the_last_notify_waits_for_the_one_before() {
    let (mut bench, id, tag) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    let first = bench.only();
    bench.say(request("SUBSCRIBE", 2, &tag, "Event: dialog\r\nExpires: 0\r\n", ""));
    assert_eq!((bench.heard(), bench.told()), (vec!["200".to_owned()], vec!["Unsubscribed".to_owned()]));
    bench.say(response(&first, 200, "", "", ""));
    assert_eq!(state(&bench.only()), "terminated;reason=timeout");
    bench.expect_nothing_left();
}

#[test]
fn a_poll_is_told_once() {
    let mut bench = Bench::new();
    let (id, _) = subscribed_with(&mut bench, "Event: dialog\r\nExpires: 0\r\n");
    tell(&mut bench, id, Document::Dialogs(Vec::new()));
    assert_eq!(told(&mut bench), (0, "terminated;reason=timeout".to_owned()));
    assert_eq!(bench.told(), ["Unsubscribed"]);
    another(&mut bench, &subscribe("Event: dialog\r\nExpires: 0\r\n"), 2);
    let (silent, _) = asked(&mut bench);
    bench.command(Command::AnswerSubscribe(silent, 200));
    assert_eq!(bench.only().status(), 200);
    bench.pass(seconds(10));
    let notify = bench.sent().remove(0).1;
    assert_eq!((state(&notify).as_str(), notify.body()), ("terminated;reason=timeout", &b""[..]));
    bench.expect_nothing_left();
    assert_eq!(bench.told(), ["Unsubscribed"]);
}

#[test]
fn it_expires() {
    let mut bench = Bench::new();
    let (id, _) = subscribed_with(&mut bench, "Event: dialog\r\nExpires: 60\r\n");
    tell(&mut bench, id, Document::Dialogs(Vec::new()));
    told(&mut bench);
    bench.pass(milliseconds(59_999));
    assert!(bench.told().is_empty() && bench.sent().is_empty());
    bench.pass(milliseconds(1));
    assert_eq!(
        (told(&mut bench), bench.told()),
        ((1, "terminated;reason=timeout".to_owned()), vec!["Unsubscribed".to_owned()])
    );
    tell(&mut bench, id, Document::Dialogs(Vec::new()));
    assert!(bench.sent().is_empty());
    bench.expect_nothing_left();
}

#[test]
fn the_owner_ends_it_with_a_last_word() {
    let (mut bench, id, _) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    told(&mut bench);
    bench.command(Command::NotifySubscriber(id, Box::new(Document::Dialogs(Vec::new())), true));
    assert_eq!(told(&mut bench), (1, "terminated;reason=noresource".to_owned()));
    assert_eq!(bench.told(), ["Unsubscribed"]);
    bench.expect_nothing_left();
}

#[test]
fn the_owner_refuses() {
    let mut bench = Bench::new();
    bench.say(subscribe(DIALOG));
    let (id, _) = asked(&mut bench);
    bench.command(Command::AnswerSubscribe(id, 404));
    assert_eq!((bench.heard(), bench.told()), (vec!["404".to_owned()], vec!["Unsubscribed".to_owned()]));
    bench.command(Command::AnswerSubscribe(id, 200));
    bench.expect_nothing_left();
}

#[test]
fn an_owner_without_room_says_when_to_come_again() {
    let mut bench = Bench::new();
    bench.say(subscribe(DIALOG));
    let (id, _) = asked(&mut bench);
    bench.command(Command::AnswerSubscribe(id, 503));
    let refused = bench.only();
    assert!(refused.status() == 503 && refused.value(HeaderName::RetryAfter).is_some());
    bench.expect_nothing_left();
}

#[test]
fn the_owner_does_not_serve_a_package() {
    let mut bench = Bench::new();
    bench.say(subscribe("Event: message-summary\r\n"));
    let (id, _) = asked(&mut bench);
    bench.command(Command::AnswerSubscribe(id, 489));
    let refused = bench.only();
    assert!(refused.status() == 489 && refused.has_option(HeaderName::AllowEvents, "dialog"));
    bench.expect_nothing_left();
}

#[test]
fn an_owner_who_says_nothing_has_refused() {
    let mut bench = Bench::new();
    bench.say(subscribe(DIALOG));
    bench.pass(seconds(10));
    assert_eq!(bench.only().status(), 500);
    assert_eq!(bench.told(), ["Subscribe Dialog", "Unsubscribed"]);
    bench.expect_nothing_left();
}

#[test]
fn a_subscribe_that_comes_again_is_answered_again() {
    let mut bench = Bench::new();
    bench.say(subscribe(DIALOG));
    let (id, _) = asked(&mut bench);
    bench.command(Command::AnswerSubscribe(id, 200));
    let ok = bench.only();
    bench.say(subscribe(DIALOG));
    assert_eq!((bench.only().bytes(), bench.told()), (ok.bytes(), vec![]));
}

#[test]
fn what_is_not_served_is_refused_with_what_would_be() {
    let mut bench = Bench::new();
    bench.say(subscribe("Event: presence.winfo\r\n"));
    let refused = bench.only();
    assert_eq!(refused.status(), 489);
    assert!(refused.has_option(HeaderName::AllowEvents, "dialog"));
    bench.say(subscribe("Event: dialog\r\nExpires: 59\r\n"));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::MinExpires)), (423, Some("60")));
    bench.say(subscribe("Event: dialog\r\nAccept: application/pidf+xml\r\n"));
    assert_eq!(bench.only().status(), 406);
    bench.say(subscribe("Event: dialog\r\nRequire: adhoclist\r\n"));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::Unsupported)), (420, Some("adhoclist")));
    bench.say(subscribe(DIALOG).replace("Max-Forwards: 70", "Max-Forwards: 0"));
    assert_eq!(bench.only().status(), 483);
    assert!(bench.told().is_empty());
    bench.expect_nothing_left();
}

#[test]
fn a_refresh_must_fit() {
    let (mut bench, _, tag) = subscribed();
    for (cseq, headers, status) in [
        (2, "Event: dialog\r\nExpires: 5\r\n", 423),
        (3, "Event: conference\r\n", 489),
        (4, "Event: dialog;id=1\r\n", 489),
        (4, DIALOG, 500),
        (5, DIALOG, 200),
    ] {
        bench.say(
            request("SUBSCRIBE", cseq, &tag, headers, "").replace("z9hG4bK", &format!("z9hG4bK{status}")),
        );
        assert_eq!(bench.only().status(), status, "{headers}");
    }
    bench.say(request("SUBSCRIBE", 6, &tag, DIALOG, "").replace("tag=peer", "tag=other"));
    bench.say(request("SUBSCRIBE", 7, &tag, DIALOG, "").replace("Call-ID: call", "Call-ID: other"));
    bench.say(request("NOTIFY", 8, &tag, DIALOG, ""));
    bench.say(request("SUBSCRIBE", 9, "00000123456789abcdef", DIALOG, ""));
    assert_eq!(bench.heard(), ["481"; 4]);
}

#[test]
fn a_subscriber_that_knows_nothing_of_it_is_dropped() {
    for status in [481, 489, 404, 501] {
        let (mut bench, id, _) = subscribed();
        tell(&mut bench, id, Document::Dialogs(Vec::new()));
        let notify = bench.only();
        bench.say(response(&notify, status, "", "", ""));
        assert_eq!((bench.told(), bench.agent.gauges().subscriptions), (vec!["Unsubscribed".to_owned()], 0));
        assert!(bench.sent().is_empty());
        bench.expect_nothing_left();
    }
}

#[test]
fn a_subscriber_that_misses_one_notify_is_told_again_and_one_that_misses_two_is_dropped() {
    let (mut bench, id, _) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    let first = bench.only();
    bench.pass(seconds(32));
    let second = bench.sent().pop().unwrap().1;
    assert_eq!((version(&second), body(&second).contains(">early<")), (version(&first) + 1, true));
    bench.say(response(&second, 200, "", "", ""));
    tell(&mut bench, id, dialog(1, DialogPhase::Confirmed));
    bench.pass(seconds(65));
    assert_eq!((bench.told(), bench.agent.gauges().subscriptions), (vec!["Unsubscribed".to_owned()], 0));
    bench.expect_nothing_left();
}

#[test]
fn a_notify_that_fails_for_now_is_repeated_later() {
    let (mut bench, id, _) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    let notify = bench.only();
    bench.say(response(&notify, 503, "", "", ""));
    bench.pass(milliseconds(4_999));
    assert!(bench.sent().is_empty());
    bench.pass(milliseconds(1));
    assert_eq!(told(&mut bench).0, 1);
    assert!(bench.told().is_empty());
}

#[test]
fn a_challenge_is_not_answered_with_anybodys_password() {
    let (mut bench, id, _) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    let notify = bench.only();
    bench.say(response(&notify, 401, "", "WWW-Authenticate: Digest realm=\"test\", nonce=\"n\"\r\n", ""));
    bench.pass(seconds(5));
    assert!(bench.only().value(HeaderName::Authorization).is_none());
}

#[test]
fn documents_of_another_package_are_not_told() {
    let (mut bench, id, _) = subscribed();
    tell(&mut bench, id, Document::Messages { counts: MessageCounts::default(), account: None });
    assert!(bench.sent().is_empty());
}

#[test]
fn every_package_has_its_body() {
    for (event, document, expected) in [
        (
            "message-summary",
            Document::Messages {
                counts: MessageCounts { is_waiting: true, new: 2, old: 8, urgent_new: 0, urgent_old: 1 },
                account: Some("*97".to_owned()),
            },
            "Messages-Waiting: yes\r\nMessage-Account: sip:*97@192.0.2.1\r\nVoice-Message: 2/8 (0/1)\r\n",
        ),
        (
            "call-completion",
            Document::CallCompletion { is_ready: true, uri: "sip:bob@192.0.2.1".to_owned() },
            "cc-state: ready\r\n",
        ),
        (
            "conference",
            Document::Conference(crate::outbox::ConferenceState {
                focus: "bob".to_owned(),
                members: Vec::new(),
                is_over: false,
            }),
            "<user-count>0</user-count>",
        ),
    ] {
        let mut bench = Bench::new();
        let (id, _) = subscribed_with(&mut bench, &format!("Event: {event}\r\n"));
        tell(&mut bench, id, document);
        let notify = bench.only();
        assert_eq!(
            (notify.value(HeaderName::SubscriptionState), notify.value(HeaderName::Event)),
            (ACTIVE, Some(event))
        );
        assert!(body(&notify).contains(expected), "{}", body(&notify));
    }
}

/// As-feature-event: the wish is answered, and told is what the owner made of it, not what held before.
#[test]
fn a_wish_of_a_phone_goes_to_the_owner() {
    let features = |number: Option<&str>| {
        let forward = |to: Option<&str>| ForwardState { to: to.map(str::to_owned), rings: 4 };
        let states = FeatureStates {
            device: "bob".to_owned(),
            do_not_disturb: false,
            forwards: [forward(number), forward(None), forward(None)],
        };
        Document::Features(Box::new(states))
    };
    let mut bench = Bench::new();
    let event = "Event: as-feature-event\r\nAccept: application/x-as-feature-event+xml\r\n";
    let (id, tag) = subscribed_with(&mut bench, event);
    tell(&mut bench, id, features(None));
    let notify = bench.only();
    assert_eq!(notify.content_type(), Some("multipart/mixed;boundary=trunkline-features"));
    bench.say(response(&notify, 200, "", "", ""));
    bench.pass(seconds(2));
    let wish = "<SetForwarding><forwardingType>forwardImmediate</forwardingType>\
                <activateForward>true</activateForward><forwardDN>200</forwardDN></SetForwarding>";
    let asks = |cseq, body: &str| {
        let text = request("SUBSCRIBE", cseq, &tag, event, body);
        text.replace("application/sdp", "application/x-as-feature-event+xml")
    };
    bench.say(asks(2, wish));
    assert_eq!(bench.only().status(), 200, "and no NOTIFY of what held before");
    assert!(matches!(bench.events().pop(), Some(Event::FeatureWish(of, _)) if of == id));
    tell(&mut bench, id, features(Some("200")));
    let notify = bench.only();
    assert!(body(&notify).contains("<forwardTo>200</forwardTo>"), "{}", body(&notify));
    bench.say(response(&notify, 200, "", "", ""));
    bench.say(asks(3, "<SetForwarding/>"));
    assert_eq!((bench.only().status(), bench.events().len()), (400, 0));
}

/// RFC 3842 has no word for it, Asterisk and its like do it.
#[test]
fn messages_are_heard_unasked_from_the_trunk_that_keeps_them() {
    let notify = |event: &str, body: &str| request("NOTIFY", 1, "", &format!("Event: {event}\r\n"), body);
    let summary = "Messages-Waiting: yes\r\nMessage-Account: sip:1001@vm\r\nVoice-Message: 1/0\r\n";
    let mut bench = Bench::new();
    bench.say(notify("message-summary", summary));
    assert_eq!((bench.only().status(), bench.events().len()), (481, 0), "any trunk");
    let mut directory = Directory::clone(&bench.agent.endpoint.directory);
    let trunk = Arc::clone(&directory.trunks[0].name);
    directory.voicemail = Some(Arc::clone(&trunk));
    bench.agent.set_directory(Arc::new(directory));
    bench.say(notify("message-summary", summary));
    assert_eq!(bench.only().status(), 200);
    let Some(Event::MessagesTold(told)) = bench.events().pop() else { panic!("it was told") };
    assert_eq!((told.trunk, told.mailboxes.join(" ")), (trunk, "bob bob 1001".to_owned()));
    assert_eq!((told.counts.is_waiting, told.counts.new), (true, 1));
    for (event, body, status) in [
        ("message-summary", "", 400),
        ("message-summary", "hello", 400),
        ("dialog", summary, 489),
        ("check-sync", "", 489),
    ] {
        bench.say(notify(event, body));
        assert_eq!((bench.only().status(), bench.events().len()), (status, 0), "{event} {body}");
    }
}

#[test]
fn the_mode_of_a_completion_is_told() {
    let mut bench = Bench::new();
    bench.say(
        subscribe("Event: call-completion\r\n")
            .replace("SUBSCRIBE sip:bob@192.0.2.1", "SUBSCRIBE sip:bob@192.0.2.1;m=BS"),
    );
    let (_, subscriber) = asked(&mut bench);
    assert_eq!(
        (subscriber.package, subscriber.call_completion.as_deref()),
        (Package::CallCompletion, Some("BS"))
    );
}

#[test]
fn a_dialog_of_a_leg_here_is_told_with_what_picks_it_up() {
    let mut bench = Bench::new();
    bench.say(invite("").replace("Call-ID: call", "Call-ID: the-call"));
    let leg = bench.incoming();
    bench.sent();
    bench.command(Command::Progress(leg, 180, None));
    let our_tag = bench.only().to_tag().to_owned();
    let (id, _) = subscribed_with(&mut bench, DIALOG);
    let Document::Dialogs(mut dialogs) = dialog(1, DialogPhase::Early) else { unreachable!() };
    dialogs[0].leg = Some(leg);
    tell(&mut bench, id, Document::Dialogs(dialogs));
    let expected = format!("call-id=\"the-call\" local-tag=\"peer\" remote-tag=\"{our_tag}\"");
    assert!(body(&bench.only()).contains(&expected));
}

/// The engine calls a phone, and a subscriber elsewhere or here is told of it before it rings.
fn calling(bench: &mut Bench, leg: LegId) -> Message {
    let invite = invite_to(bench.flow.local, bench.flow.remote);
    bench.command(Command::Invite(leg, invite));
    bench.only()
}

fn early_at(leg: LegId) -> Document {
    let Document::Dialogs(mut dialogs) = dialog(1, DialogPhase::Early) else { unreachable!() };
    dialogs[0].leg = Some(leg);
    Document::Dialogs(dialogs)
}

#[test]
fn a_leg_that_rings_only_then_is_told_again_with_its_tag() {
    let mut bench = Bench::new();
    let leg = LegId::new(0, 9);
    let sent = calling(&mut bench, leg);
    let (id, _) = subscribed_with(&mut bench, DIALOG);
    tell(&mut bench, id, early_at(leg));
    let first = bench.only();
    assert!(body(&first).contains("call-id=") && !body(&first).contains("local-tag="));
    bench.say(response(&first, 200, "", "", ""));
    bench.say(response(&sent, 180, "ringing", "", ""));
    bench.pass(milliseconds(999));
    assert!(bench.sent().is_empty());
    bench.pass(milliseconds(1));
    let second = bench.only();
    assert!(body(&second).contains("local-tag=\"ringing\""), "{}", body(&second));
    bench.say(response(&second, 200, "", "", ""));
    bench.pass(seconds(30));
    assert!(bench.sent().is_empty(), "nothing more is to be learnt");
}

#[test]
fn a_leg_elsewhere_that_rings_only_then_is_told_again_with_its_tag() {
    let mut benches = [0, 1].map(|number| Bench::of_worker((number, 2), trusting(), "192.0.2.2:5070"));
    let leg = LegId::new(1, 9);
    let sent = calling(&mut benches[1], leg);
    let (id, _) = subscribed_with(&mut benches[0], DIALOG);
    tell(&mut benches[0], id, early_at(leg));
    carry(&mut benches, 0);
    carry(&mut benches, 1);
    let first = benches[0].only();
    benches[0].say(response(&first, 200, "", "", ""));
    benches[1].say(response(&sent, 180, "ringing", "", ""));
    benches[0].pass(seconds(1));
    assert!(benches[0].sent().is_empty());
    carry(&mut benches, 0);
    carry(&mut benches, 1);
    let second = benches[0].only();
    assert!(body(&second).contains("local-tag=\"ringing\""), "{}", body(&second));
    benches[0].say(response(&second, 200, "", "", ""));
    benches[0].pass(seconds(30));
    assert!(benches[0].sent().is_empty() && benches[0].unresolved.is_empty());
}

/// Two workers: a call rings at the second one, and a subscriber of the first one is told of it.
fn workers() -> ([Bench; 2], UsageId) {
    let mut benches = [0, 1].map(|number| Bench::of_worker((number, 2), trusting(), "192.0.2.2:5070"));
    benches[1].say(invite("").replace("Call-ID: call", "Call-ID: the-call"));
    let leg = benches[1].incoming();
    benches[1].command(Command::Progress(leg, 180, None));
    let (id, _) = subscribed_with(&mut benches[0], DIALOG);
    let Document::Dialogs(mut dialogs) = dialog(1, DialogPhase::Early) else { unreachable!() };
    dialogs[0].leg = Some(leg);
    tell(&mut benches[0], id, Document::Dialogs(dialogs));
    (benches, id)
}

/// Carries what one worker asks or answers to the other.
fn carry(benches: &mut [Bench; 2], from: usize) {
    let (to, unresolved) = benches[from].unresolved.remove(0);
    benches[usize::from(to)].act(|agent, now, out| agent.resolve(now, unresolved, out));
}

#[test]
fn a_dialog_of_a_leg_elsewhere_is_asked_for() {
    let (mut benches, _) = workers();
    assert!(benches[0].sent().is_empty(), "told when it is known");
    carry(&mut benches, 0);
    carry(&mut benches, 1);
    let notify = body(&benches[0].only());
    assert!(notify.contains("call-id=\"the-call\" local-tag=\"peer\" remote-tag=\"0001"), "{notify}");
}

#[test]
fn a_worker_that_does_not_answer_is_not_waited_for() {
    let (mut benches, id) = workers();
    benches[0].pass(milliseconds(499));
    assert!(benches[0].sent().is_empty());
    benches[0].pass(milliseconds(1));
    assert!(body(&benches[0].only()).contains("<dialog id=\"d1\" direction"));
    tell(&mut benches[0], id, Document::Dialogs(Vec::new()));
    carry(&mut benches, 0);
    carry(&mut benches, 1);
    assert!(benches[0].told().is_empty(), "a late answer is nothing");
}

#[test]
fn who_is_unknown_by_then_is_not_refreshed() {
    let (mut bench, id, tag) = subscribed();
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    told(&mut bench);
    bench.agent.set_directory(Arc::new(Directory::default()));
    bench.say(request("SUBSCRIBE", 2, &tag, DIALOG, ""));
    let sent = bench.sent();
    assert_eq!((sent[0].1.status(), &*state(&sent[1].1)), (403, "terminated;reason=rejected"));
    assert_eq!(bench.told(), ["Unsubscribed"]);
    bench.expect_nothing_left();
}

#[test]
fn a_subscription_in_the_dialog_of_a_call_ends_with_it() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let tag = bench.sent().pop().unwrap().1.to_tag().to_owned();
    bench.say(request("ACK", 1, &tag, "", ""));
    bench.events();
    bench.say(request("SUBSCRIBE", 2, &tag, "Event: conference\r\n", ""));
    let (id, subscriber) = asked(&mut bench);
    assert_eq!(subscriber.leg, Some(leg));
    bench.command(Command::AnswerSubscribe(id, 200));
    assert_eq!(bench.only().to_tag(), tag);
    let conference =
        crate::outbox::ConferenceState { focus: "bob".to_owned(), members: Vec::new(), is_over: false };
    tell(&mut bench, id, Document::Conference(conference.clone()));
    let notify = bench.only();
    assert_eq!((notify.from_tag(), notify.to_tag(), notify.call_id()), (&*tag, "peer", "call"));
    bench.say(response(&notify, 200, "", "", ""));
    bench.say(request("SUBSCRIBE", 3, &tag, "Event: conference\r\n", ""));
    assert_eq!(bench.sent().remove(0).1.status(), 200, "a refresh");
    assert_eq!(bench.agent.gauges().subscriptions, 1);
    bench.say(request("BYE", 4, &tag, "", ""));
    assert_eq!(bench.told(), ["Ended Bye", "Unsubscribed"]);
    tell(&mut bench, id, Document::Conference(conference));
    bench.expect_nothing_left();
}

#[test]
fn a_package_of_the_call_itself_stays_with_the_call() {
    let mut bench = Bench::new();
    bench.say(invite(""));
    let leg = bench.incoming();
    bench.command(Command::Answer(leg, Some(sdp(5000))));
    let tag = bench.sent().pop().unwrap().1.to_tag().to_owned();
    bench.say(request("ACK", 1, &tag, "", ""));
    bench.events();
    bench.say(request("SUBSCRIBE", 2, &tag, "Event: kpml\r\n", ""));
    bench.say(request("INFO", 3, &tag, "", SDP_BODY));
    assert_eq!((bench.heard().len(), bench.told()), (2, vec![]));
}

#[test]
fn a_phone_is_asked_for_its_password_and_told_where_it_is() {
    let mut bench = phone();
    let text = subscribe(DIALOG).replace("<sip:alice@192.0.2.2:5070>", "<sip:alice@203.0.113.66:5060>");
    bench.say(text.clone());
    let challenge = bench.only();
    assert_eq!((challenge.status(), bench.told()), (401, vec![]));
    bench.say(with_credentials(&text, &challenge, "alice", "secret"));
    let (id, subscriber) = asked(&mut bench);
    assert_eq!(subscriber.peer, Peer::Line("alice".into()));
    bench.command(Command::AnswerSubscribe(id, 200));
    bench.sent();
    tell(&mut bench, id, Document::Dialogs(Vec::new()));
    let (flow, notify) = bench.sent().remove(0);
    assert_eq!(flow.remote.to_string(), "198.51.100.2:5070", "not the host that it names");
    assert_eq!(notify.request_uri(), "sip:alice@203.0.113.66:5060");
    let text = text.replace("z9hG4bK", "z9hG4bKx");
    bench.say(text.clone());
    let challenge = bench.only();
    bench.say(with_credentials(&text, &challenge, "bob", "secret"));
    assert_eq!(bench.only().status(), 403, "bob is not alice");
}

/// Subscribes once more, with another Call-ID.
fn another(bench: &mut Bench, text: &str, number: usize) {
    let text = text.replace("Call-ID: call", &format!("Call-ID: {number}"));
    bench.say(text.replace("z9hG4bK", &format!("z9hG4bK{number}x")));
}

#[test]
fn a_phone_that_restarts_again_and_again_leaves_few_behind() {
    let mut bench = phone();
    let text = subscribe(DIALOG);
    for number in 0..TWINS_MAX + 3 {
        let text = text.replace("Call-ID: call", &format!("Call-ID: {number}"));
        let text = text.replace("z9hG4bK", &format!("z9hG4bK{number}x"));
        bench.say(text.clone());
        let challenge = bench.only();
        bench.say(with_credentials(&text.replace("z9hG4bK", "z9hG4bKy"), &challenge, "alice", "secret"));
        let (id, _) = asked(&mut bench);
        bench.command(Command::AnswerSubscribe(id, 200));
        bench.sent();
    }
    assert_eq!(bench.agent.gauges().subscriptions, TWINS_MAX);
}

/// One that says which it is, as Snom, Yealink and Poly do.
#[test]
fn a_phone_that_restarts_and_says_which_it_is_leaves_none_behind() {
    let mut bench = phone();
    let asks = |bench: &mut Bench, number: usize, port: u16| {
        let contact = format!("Contact: <sip:alice@192.0.2.2:{port}>;+sip.instance=\"<urn:uuid:1>\"\r\n");
        let text = subscribe(DIALOG).replace("Contact: <sip:alice@192.0.2.2:5070>\r\n", &contact);
        let text = text.replace("Call-ID: call", &format!("Call-ID: {number}"));
        let text = text.replace("z9hG4bK", &format!("z9hG4bK{number}x"));
        bench.say(text.clone());
        let challenge = bench.only();
        bench.say(with_credentials(&text.replace("z9hG4bK", "z9hG4bKy"), &challenge, "alice", "secret"));
        let (id, _) = asked(bench);
        bench.command(Command::AnswerSubscribe(id, 200));
        bench.sent();
        bench.agent.gauges().subscriptions
    };
    assert_eq!((asks(&mut bench, 1, 5070), asks(&mut bench, 2, 5070)), (1, 2), "two keys of one phone");
    bench.pass(seconds(10));
    assert_eq!((asks(&mut bench, 3, 5071), asks(&mut bench, 4, 5071)), (1, 2), "after a restart");
}

#[test]
fn a_shared_line_is_told_as_such() {
    for flag in ["sla", "shared"] {
        let mut bench = Bench::new();
        let (id, tag) = subscribed_with(&mut bench, &format!("Event: dialog;{flag}\r\n"));
        tell(&mut bench, id, dialog(1, DialogPhase::Early));
        let notify = bench.only();
        assert_eq!(notify.value(HeaderName::Event), Some(format!("dialog;{flag}").as_str()));
        bench.say(response(&notify, 200, "", "", ""));
        bench.say(request("SUBSCRIBE", 2, &tag, DIALOG, ""));
        assert_eq!(bench.sent()[0].1.status(), 200, "a refresh may leave it out");
    }
}

#[test]
fn a_peer_and_an_agent_have_their_limits() {
    let mut bench = Bench::new();
    let text = subscribe(DIALOG);
    for number in 0..PEER_SUBSCRIPTIONS_MAX {
        // No faster than they may begin.
        bench.pass(milliseconds(2));
        another(&mut bench, &text, number);
    }
    assert_eq!((bench.agent.gauges().subscriptions, bench.heard().len()), (PEER_SUBSCRIPTIONS_MAX, 0));
    another(&mut bench, &text, PEER_SUBSCRIPTIONS_MAX);
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::RetryAfter)), (480, Some("5")));
    let mut bench = Bench::new();
    bench.agent.endpoint.config.capacity.subscriptions = 1;
    another(&mut bench, &text, 1);
    another(&mut bench, &text, 2);
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::RetryAfter)), (503, Some("5")));
    assert_eq!(bench.told(), ["Subscribe Dialog"]);
    bench.expect_nothing_left();
}

#[test]
fn a_subscriber_on_a_stream_is_told_by_it_and_by_another_when_it_closes() {
    let mut bench = Bench::new().by_tcp();
    let (id, _) = subscribed_with(&mut bench, DIALOG);
    tell(&mut bench, id, dialog(1, DialogPhase::Early));
    let (flow, first) = bench.sent().remove(0);
    assert_eq!((flow.transport, flow.connection), (Transport::Tcp, ConnectionId(1)));
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    let (flow, second) = bench.sent().remove(0);
    assert_eq!((flow.transport, flow.connection), (Transport::Tcp, ConnectionId::default()));
    assert_eq!((flow.remote.port(), version(&second)), (5070, version(&first) + 1));
    bench.act(|agent, now, out| agent.transport_failed(now, flow, out));
    assert_eq!(bench.told(), ["Unsubscribed"]);
    bench.expect_nothing_left();
}

#[test]
fn requests_of_others_that_are_not_served_say_so() {
    let mut bench = Bench::new();
    bench.say(request("MESSAGE", 1, "", "", ""));
    let refused = bench.only();
    assert_eq!(refused.status(), 405);
    assert!(refused.has_option(HeaderName::Allow, "SUBSCRIBE"));
    bench.say(request("NOTIFY", 2, "", "Event: dialog\r\nSubscription-State: active\r\n", ""));
    bench.say(request("PUBLISH", 3, "", "Event: dialog\r\n", ""));
    assert_eq!(bench.heard(), ["481", "489"]);
    bench.expect_nothing_left();
}

/// As a registration is: whom somebody else's domain names is not ours to tell of.
#[test]
fn a_line_asks_for_who_is_at_our_domain() {
    for (host, status) in [("192.0.2.1", None), ("other.example", Some(404))] {
        let mut bench = phone();
        let text = subscribe(DIALOG).replace("bob@192.0.2.1 SIP", &format!("bob@{host} SIP"));
        bench.say(text.clone());
        let challenge = bench.only();
        bench.say(with_credentials(&text, &challenge, "alice", "secret"));
        assert_eq!(bench.sent().first().map(|(_, answer)| answer.status()), status, "{host}");
        assert_eq!(bench.events().is_empty(), status.is_some(), "{host}");
    }
}

#[test]
fn a_contact_that_has_gone_is_told_once_it_is_known() {
    let mut bench = Bench::new();
    let (id, tag) = subscribed_with(&mut bench, "Event: reg\r\n");
    let contact = |uri: &str, last| ContactState { uri: uri.to_owned(), q_milli: 1000, last };
    let gone = contact("sip:1@192.0.2.7", RegistrationChange::Unregistered);
    let there = contact("sip:1@192.0.2.8", RegistrationChange::Registered);
    tell(&mut bench, id, Document::Registration(vec![gone, there]));
    let contacts = |notify: &Message| body(notify).matches("<contact ").count();
    let notify = bench.only();
    assert_eq!(contacts(&notify), 2);
    bench.say(response(&notify, 500, "", "", ""));
    bench.pass(seconds(5));
    let notify = bench.only();
    assert_eq!(contacts(&notify), 2, "nobody knows what arrived");
    bench.say(response(&notify, 200, "", "", ""));
    bench.pass(seconds(1));
    bench.say(request("SUBSCRIBE", 2, &tag, "Event: reg\r\n", ""));
    let sent = bench.sent();
    assert_eq!(contacts(&sent.last().expect("a NOTIFY").1), 1, "who is there");
}
