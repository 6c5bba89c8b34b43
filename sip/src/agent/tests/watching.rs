//! Subscriptions of ours, and messages: made, refreshed, ended (RFC 6665 §4.1, RFC 3428).

use super::bench::{Bench, response};
use super::loss::Dice;
use super::*;
use crate::auth::Credentials;
use crate::ids::UsageId;
use crate::message::{HeaderName, Message};
use crate::outbox::{Content, Document, OutgoingMessage, Package, Subscribe, SubscriptionPhase};

const USAGE: UsageId = UsageId::new(0, 1);
const CONTACT: &str = "Contact: <sip:bob@192.0.2.2:5071>\r\n";

fn subscription(flow: Flow) -> Box<Subscribe> {
    Box::new(Subscribe {
        target: Target { uri: format!("sip:bob@{}", flow.remote), flow, route: Vec::new() },
        from: party("alice"),
        to: party("bob"),
        package: Package::Dialog,
        expires: seconds(1000),
        credentials: None,
    })
}

/// Subscribes at the peer of a bench. What was sent: the SUBSCRIBE.
fn subscribe(bench: &mut Bench, change: impl FnOnce(&mut Subscribe)) -> Message {
    let mut subscribe = subscription(bench.flow);
    change(&mut subscribe);
    bench.command(Command::Subscribe(USAGE, subscribe));
    bench.only()
}

/// A NOTIFY of the peer, in the dialog that this SUBSCRIBE makes.
fn notify(to: &Message, cseq: u32, state: &str, headers: &str) -> String {
    let (from, call_id) = (to.value(HeaderName::From).unwrap(), to.call_id());
    let body = "<dialog-info version=\"0\" state=\"full\" entity=\"sip:bob@x\"/>";
    format!(
        "NOTIFY sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK-{call_id}-{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob@example.com>;tag=b\r\nTo: {from}\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} NOTIFY\r\n{CONTACT}Event: dialog\r\nSubscription-State: {state}\r\n{headers}\
         Content-Type: application/dialog-info+xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The next message that the agent sends by itself, at most this much later.
fn next(bench: &mut Bench, within: Duration) -> Message {
    let end = bench.now + within;
    while bench.now < end {
        bench.pass(seconds(1));
        if let Some((_, message)) = bench.sent().pop() {
            return message;
        }
    }
    panic!("nothing was sent")
}

fn expires(seconds: u32) -> String {
    format!("{CONTACT}Expires: {seconds}\r\n")
}

/// A subscription that is accepted for 1000 s and has been told.
fn subscribed() -> (Bench, Message) {
    let mut bench = Bench::new();
    let asked = subscribe(&mut bench, |_| {});
    bench.say(response(&asked, 200, "b", &expires(1000), ""));
    bench.say(notify(&asked, 1, "active;expires=1000", ""));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec!["200".to_owned()], vec!["Subscription Active".to_owned()])
    );
    (bench, asked)
}

#[test]
fn a_subscribe_says_who_asks_for_what_and_for_how_long() {
    let mut bench = Bench::new();
    let asked =
        subscribe(&mut bench, |subscribe| subscribe.target.route = vec!["<sip:192.0.2.9;lr>".to_owned()]);
    assert_eq!((asked.method_text(), asked.request_uri()), ("SUBSCRIBE", "sip:bob@192.0.2.2:5070"));
    assert_eq!(asked.from().unwrap().uri, "sip:alice@example.com");
    assert_eq!((asked.to().unwrap().uri, asked.to_tag()), ("sip:bob@example.com", ""));
    assert_eq!(asked.value(HeaderName::Event), Some("dialog"));
    assert_eq!(asked.value(HeaderName::Accept), Some("application/dialog-info+xml"));
    assert_eq!(asked.value(HeaderName::Contact), Some("<sip:alice@192.0.2.1:5060>"));
    assert_eq!((asked.expires(), asked.value(HeaderName::Route)), (Some(1000), Some("<sip:192.0.2.9;lr>")));
}

#[test]
fn it_is_told_refreshed_and_ended() {
    let mut bench = Bench::new();
    let asked = subscribe(&mut bench, |_| {});
    bench.say(response(&asked, 200, "b", &expires(900), ""));
    bench.say(notify(&asked, 1, "active;expires=900", ""));
    assert_eq!(bench.only().status(), 200);
    let [Event::Subscription { usage: USAGE, phase: SubscriptionPhase::Active, body: Some((kind, body)) }] =
        &bench.events()[..]
    else {
        panic!("expected the state")
    };
    assert_eq!((kind.as_str(), body.starts_with(b"<dialog-info")), ("application/dialog-info+xml", true));
    bench.pass(seconds(809));
    assert!(bench.sent().is_empty());
    let refresh = next(&mut bench, seconds(47));
    assert_eq!((refresh.request_uri(), refresh.to_tag()), ("sip:bob@192.0.2.2:5071", "b"));
    assert_eq!((refresh.call_id(), refresh.from_tag()), (asked.call_id(), asked.from_tag()));
    assert_eq!((refresh.cseq().number, refresh.expires()), (asked.cseq().number + 1, Some(1000)));
    bench.say(response(&refresh, 200, "", &expires(900), ""));
    bench.sent();
    bench.command(Command::Unsubscribe(USAGE));
    let end = bench.only();
    assert_eq!((end.to_tag(), end.expires()), ("b", Some(0)));
    bench.say(response(&end, 200, "", &expires(0), ""));
    assert!(bench.told().is_empty());
    bench.say(notify(&asked, 2, "terminated;reason=timeout", ""));
    assert_eq!(bench.told(), ["Subscription Terminated", "SubscriptionOver 0"]);
    bench.say(notify(&asked, 3, "active", ""));
    assert_eq!(bench.heard(), ["200", "481"]);
    bench.expect_nothing_left();
}

#[test]
fn a_notify_may_overtake_the_200() {
    let mut bench = Bench::new();
    let asked = subscribe(&mut bench, |_| {});
    bench.say(notify(&asked, 7, "active;expires=500", "Record-Route: <sip:192.0.2.9;lr>\r\n"));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec!["200".to_owned()], vec!["Subscription Active".to_owned()])
    );
    bench.say(response(&asked, 200, "b", &expires(1000), ""));
    bench.command(Command::Unsubscribe(USAGE));
    let end = bench.only();
    assert_eq!((end.to_tag(), end.from_tag()), ("b", asked.from_tag()));
    assert_eq!(end.value(HeaderName::Route), Some("<sip:192.0.2.9;lr>"));
    assert_eq!(end.value(HeaderName::From), asked.value(HeaderName::From), "one tag, not two");
    assert_eq!(end.cseq().number, asked.cseq().number + 1);
}

#[test]
fn a_challenge_is_answered_once_with_the_password_of_this_peer() {
    let mut bench = Bench::new();
    let credentials = Credentials { username: "alice".into(), password: "secret".into(), realm: None };
    let asked = subscribe(&mut bench, |subscribe| subscribe.credentials = Some(Arc::new(credentials)));
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";
    bench.say(response(&asked, 401, "c", challenge, ""));
    let again = bench.only();
    assert_eq!((again.cseq().number, again.call_id()), (asked.cseq().number + 1, asked.call_id()));
    assert!(again.value(HeaderName::Authorization).unwrap().contains("username=\"alice\""));
    bench.say(response(&again, 200, "b", &expires(1000), ""));
    bench.say(notify(&again, 1, "active", ""));
    bench.sent();
    let refresh = next(&mut bench, seconds(951));
    assert!(refresh.value(HeaderName::Authorization).unwrap().contains("uri=\"sip:bob@192.0.2.2:5071\""));
    bench.say(response(&refresh, 401, "", challenge, ""));
    bench.pass(seconds(60));
    assert_eq!(bench.told(), ["Subscription Active", "SubscriptionOver 408"]);
    let mut bench = Bench::new();
    let asked = subscribe(&mut bench, |_| {});
    bench.say(response(&asked, 401, "c", challenge, ""));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["SubscriptionOver 401".to_owned()]));
}

#[test]
fn a_peer_that_wants_a_longer_time_gets_it() {
    let mut bench = Bench::new();
    let asked = subscribe(&mut bench, |_| {});
    bench.say(response(&asked, 423, "c", "Min-Expires: 1800\r\n", ""));
    let again = bench.only();
    assert_eq!(again.expires(), Some(1800));
    bench.say(response(&again, 423, "c", "Min-Expires: 1800\r\n", ""));
    assert_eq!(bench.told(), ["SubscriptionOver 423"]);
    let asked = subscribe(&mut bench, |_| {});
    bench.say(response(&asked, 423, "c", "Min-Expires: 99999999\r\n", ""));
    assert_eq!(bench.told(), ["SubscriptionOver 423"]);
    bench.expect_nothing_left();
}

#[test]
fn a_peer_that_refuses_or_is_silent_ends_it() {
    let mut bench = Bench::new();
    let asked = subscribe(&mut bench, |_| {});
    bench.say(response(&asked, 404, "c", "", ""));
    assert_eq!(bench.told(), ["SubscriptionOver 404"]);
    subscribe(&mut bench, |_| {});
    bench.pass(seconds(32));
    assert_eq!(bench.told(), ["SubscriptionOver 408"]);
    bench.sent();
    let asked = subscribe(&mut bench, |_| {});
    bench.say(response(&asked, 200, "b", &expires(1000), ""));
    bench.pass(milliseconds(31_999));
    assert!(bench.told().is_empty());
    bench.pass(milliseconds(1));
    assert_eq!(bench.told(), ["SubscriptionOver 408"], "accepted, but never told");
    bench.expect_nothing_left();
}

#[test]
fn a_notifier_that_gives_up_says_whether_to_come_again() {
    let (mut bench, asked) = subscribed();
    bench.say(notify(&asked, 2, "terminated;reason=noresource", ""));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec!["200".to_owned()], vec!["Subscription Terminated".into(), "SubscriptionOver 0".to_owned()])
    );
    bench.expect_nothing_left();
    for reason in ["deactivated", "timeout"] {
        let (mut bench, asked) = subscribed();
        bench.say(notify(&asked, 2, &format!("terminated;reason={reason}"), ""));
        let again = bench.sent().pop().unwrap().1;
        assert_eq!((again.method_text(), again.to_tag(), again.expires()), ("SUBSCRIBE", "", Some(1000)));
        assert_ne!((again.call_id(), again.from_tag()), (asked.call_id(), asked.from_tag()));
        assert_eq!(bench.told(), ["Subscription Pending"]);
        bench.say(response(&again, 200, "b", &expires(1000), ""));
        bench.say(notify(&again, 1, &format!("terminated;reason={reason}"), ""));
        assert_eq!(bench.told(), ["Subscription Terminated", "SubscriptionOver 0"], "not for ever");
        bench.expect_nothing_left();
    }
}

#[test]
fn a_notifier_that_forgot_is_asked_anew_and_one_that_is_busy_later() {
    let (mut bench, asked) = subscribed();
    let refresh = next(&mut bench, seconds(951));
    bench.say(response(&refresh, 481, "", "", ""));
    let anew = bench.only();
    assert!(anew.to_tag().is_empty() && anew.call_id() != asked.call_id());
    bench.say(response(&anew, 481, "c", "", ""));
    assert_eq!(bench.told(), ["SubscriptionOver 481"]);
    bench.expect_nothing_left();
    let (mut bench, _) = subscribed();
    let refresh = next(&mut bench, seconds(951));
    bench.say(response(&refresh, 503, "", "", ""));
    let again = next(&mut bench, seconds(30));
    assert_eq!((again.to_tag(), bench.told()), ("b", vec![]));
    bench.pass(seconds(60));
    assert_eq!(bench.told(), ["SubscriptionOver 408"]);
    bench.expect_nothing_left();
}

#[test]
fn a_notify_that_is_not_of_this_subscription_is_refused() {
    let (mut bench, asked) = subscribed();
    let good = |cseq| notify(&asked, cseq, "active", "");
    for (text, status) in [
        (good(5).replace("tag=b", "tag=fork"), 481),
        (good(6).replace("Event: dialog", "Event: conference"), 489),
        (good(7).replace("Subscription-State: active", "Subject: x"), 400),
        (good(3), 500),
        (good(8), 200),
        (good(9).replace("NOTIFY", "SUBSCRIBE"), 481),
    ] {
        bench.say(text);
        assert_eq!(bench.only().status(), status);
    }
    assert_eq!(bench.told(), ["Subscription Active"]);
}

#[test]
fn a_notifier_may_shorten_it_but_not_make_us_run() {
    let (mut bench, asked) = subscribed();
    bench.say(notify(&asked, 2, "active;expires=100", ""));
    bench.sent();
    bench.pass(seconds(96));
    assert_eq!(bench.sent().remove(0).1.expires(), Some(1000));
    let mut bench = Bench::new();
    let asked = subscribe(&mut bench, |_| {});
    let mut refreshes = 0;
    bench.say(response(&asked, 200, "b", &expires(1), ""));
    for cseq in 1..20 {
        bench.say(notify(&asked, cseq, "active;expires=1", ""));
        for (_, message) in bench.sent() {
            if message.is_request() {
                refreshes += 1;
                bench.say(response(&message, 200, "", &expires(0), ""));
            }
        }
        bench.pass(milliseconds(500));
    }
    assert!(refreshes <= 2, "{refreshes} in ten seconds");
    bench.command(Command::Unsubscribe(USAGE));
    bench.expect_nothing_left();
}

#[test]
fn leaving_before_the_answer_waits_for_it() {
    let mut bench = Bench::new();
    let asked = subscribe(&mut bench, |_| {});
    bench.command(Command::Unsubscribe(USAGE));
    bench.command(Command::Unsubscribe(USAGE));
    assert!(bench.sent().is_empty());
    bench.say(response(&asked, 202, "b", &expires(1000), ""));
    let end = bench.only();
    assert_eq!((end.to_tag(), end.expires()), ("b", Some(0)));
    bench.say(response(&end, 200, "", "", ""));
    bench.pass(seconds(32));
    assert_eq!(bench.told(), ["SubscriptionOver 0"], "without the last NOTIFY");
    bench.expect_nothing_left();
}

#[test]
fn there_is_no_room_without_end() {
    let mut bench = Bench::new();
    bench.agent.endpoint.config.capacity.subscriptions = 1;
    subscribe(&mut bench, |_| {});
    let flow = bench.flow;
    bench.command(Command::Subscribe(USAGE, subscription(flow)));
    assert!(bench.told().is_empty(), "the same once more is nothing");
    bench.command(Command::Subscribe(UsageId::new(0, 2), subscription(flow)));
    bench.command(Command::Subscribe(UsageId::new(1, 1), subscription(flow)));
    assert_eq!((bench.told(), bench.heard()), (vec!["SubscriptionOver 503".to_owned(); 2], vec![]));
}

#[test]
fn a_stream_that_closes_is_replaced() {
    let mut bench = Bench::new().by_tcp();
    subscribe(&mut bench, |_| {});
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    let (flow, asked) = bench.sent().remove(0);
    assert_eq!((flow.transport, flow.connection), (Transport::Tcp, ConnectionId::default()));
    bench.say(response(&asked, 200, "b", &expires(1000), ""));
    bench.say(notify(&asked, 1, "active", ""));
    bench.sent();
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    bench.pass(seconds(960));
    let (flow, _) = bench.sent().remove(0);
    assert_eq!((flow.transport, flow.connection), (Transport::Tcp, ConnectionId::default()));
}

#[test]
fn a_message_is_sent_and_its_end_told() {
    let text = |flow: Flow, text: &str| {
        Box::new(OutgoingMessage {
            target: Target { uri: "sip:bob@192.0.2.2:5070".to_owned(), flow, route: Vec::new() },
            from: party("alice"),
            to: party("bob"),
            max_forwards: 70,
            content: Content::plain(text),
        })
    };
    let mut bench = Bench::new();
    let flow = bench.flow;
    bench.command(Command::Message(USAGE, text(flow, "Grüße\r\n")));
    let message = bench.only();
    assert_eq!((message.method_text(), message.body()), ("MESSAGE", "Grüße\r\n".as_bytes()));
    assert_eq!(message.content_type(), Some("text/plain;charset=UTF-8"));
    assert!(message.value(HeaderName::Contact).is_none(), "RFC 3428 §4");
    bench.say(response(&message, 100, "", "", ""));
    assert!(bench.told().is_empty());
    bench.say(response(&message, 202, "b", "", ""));
    assert_eq!(bench.told(), ["MessageDone 202"]);
    bench.command(Command::Message(USAGE, text(flow, "hello")));
    bench.pass(seconds(32));
    assert_eq!(bench.told(), ["MessageDone 408"]);
    bench.sent();
    bench.command(Command::Message(USAGE, text(flow, &"x".repeat(1001))));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["MessageDone 513".to_owned()]));
    bench.expect_nothing_left();
}

/// What agent 1 was asked for last.
fn asked_of(network: &Network) -> Option<UsageId> {
    network.events.iter().rev().find_map(|(agent, event)| {
        if let (1, Event::Subscribe(id, _)) = (agent, event) { Some(*id) } else { None }
    })
}

#[test]
fn two_agents_over_bad_links_agree_in_the_end_and_leave_nothing() {
    for (loss_percent, told_min) in [(0, 40), (10, 40), (30, 30)] {
        let mut told = 0;
        for seed in 0..40 {
            let mut network = Network::of_two();
            let mut dice = Dice(seed);
            network.lose = Box::new(move |_, _| dice.roll(100) < loss_percent);
            let flow = udp(network.address(0), network.address(1));
            network.command(0, Command::Subscribe(USAGE, subscription(flow)));
            let asked = (0..30).find_map(|_| {
                network.run(seconds(1));
                asked_of(&network)
            });
            let Some(id) = asked else {
                network.expect_nothing_left();
                continue;
            };
            network.command(1, Command::AnswerSubscribe(id, 200));
            let idle = || Box::new(Document::Dialogs(Vec::new()));
            network.command(1, Command::NotifySubscriber(id, idle(), false));
            network.run(seconds(60));
            network.command(1, Command::NotifySubscriber(id, idle(), false));
            network.run(seconds(1500));
            network.command(0, Command::Unsubscribe(USAGE));
            network.run(seconds(3700));
            network.expect_nothing_left();
            let names: Vec<_> = network.events.iter().map(|(agent, event)| (*agent, name(event))).collect();
            let count = |agent, start: &str| {
                names.iter().filter(|(of, name)| *of == agent && name.starts_with(start)).count()
            };
            assert_eq!(count(0, "SubscriptionOver"), 1, "seed {seed}: {names:?}");
            assert_eq!(count(1, "Subscribe "), count(1, "Unsubscribed"), "seed {seed}: {names:?}");
            told += usize::from(count(0, "Subscription Active") > 0);
        }
        assert!(told >= told_min, "{told} of 40 told at {loss_percent} %");
    }
}
