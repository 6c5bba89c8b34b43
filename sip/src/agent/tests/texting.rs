//! MESSAGE outside of calls: who may, what is told, what is answered.

use super::bench::{Bench, request, response};
use super::registering::{phone, with_credentials};
use super::*;
use crate::ids::UsageId;
use crate::message::{HeaderName, Message};
use crate::outbox::{Content, IncomingText, OutgoingMessage};

fn message(headers: &str, body: &str) -> String {
    let text = request("MESSAGE", 1, "", headers, body);
    text.replace("application/sdp", "text/plain").replace("Contact: <sip:alice@192.0.2.2:5070>\r\n", "")
}

/// Sends it with the right password; what it is answered at once, if anything.
fn say(bench: &mut Bench, text: &str) -> Vec<String> {
    bench.say(text.to_owned());
    let challenge = bench.only();
    assert_eq!(challenge.status(), 401);
    bench.told();
    bench.say(with_credentials(text, &challenge, "alice", "secret"));
    bench.heard()
}

fn told(bench: &mut Bench) -> (UsageId, IncomingText) {
    let mut events = bench.events();
    let Some(Event::Text(id, text)) = events.pop() else { panic!("{events:?}") };
    assert!(events.is_empty(), "{events:?}");
    (id, *text)
}

#[test]
fn a_text_waits_for_its_answer_and_is_told_once() {
    let mut bench = phone();
    let text = message("", "Grüße");
    bench.say(text.clone());
    let challenge = bench.only();
    bench.told();
    let proven = with_credentials(&text, &challenge, "alice", "secret");
    bench.say(proven.clone());
    let (id, told) = told(&mut bench);
    assert_eq!((&*told.line, &*told.dialled, told.max_forwards, told.is_hidden), ("alice", "bob", 69, false));
    assert_eq!((&*told.content_type, &told.body[..]), ("text/plain", "Grüße".as_bytes()));
    bench.say(proven.clone());
    assert_eq!((bench.heard(), bench.told()), (vec![], vec![]), "the same again while it waits");
    bench.command(Command::AnswerText(id, 202));
    assert_eq!(bench.heard(), ["202"]);
    bench.say(proven);
    assert_eq!((bench.heard(), bench.told()), (vec!["202".to_owned()], vec![]), "and after");
    bench.command(Command::AnswerText(id, 200));
    assert_eq!(bench.heard(), [""; 0]);
    bench.expect_nothing_left();
}

#[test]
fn what_cannot_be_passed_on_is_refused() {
    let most = "x".repeat(1000);
    for (text, expected) in [
        (message("", &(most.clone() + "x")), "513"),
        (message("Content-Encoding: gzip\r\n", "x"), "415"),
        (message("Require: foo\r\n", "x"), "420"),
        (message("", "x").replace("Max-Forwards: 70", "Max-Forwards: 0"), "483"),
        (message("", "x").replace("text/plain", &format!("text/{}", "x".repeat(200))), "513"),
    ] {
        let mut bench = phone();
        let text = if expected == "483" {
            // The credentials are written behind the 70 that the others have.
            bench.say(text.clone());
            let challenge = bench.only();
            bench.told();
            let proven = with_credentials(&text.replace(": 0", ": 70"), &challenge, "alice", "secret");
            bench.say(proven.replace("Max-Forwards: 70", "Max-Forwards: 0"));
            bench.heard()
        } else {
            say(&mut bench, &text)
        };
        assert_eq!(text, [expected]);
        assert!(bench.events().is_empty());
        bench.expect_nothing_left();
    }
    let mut bench = phone();
    assert_eq!(say(&mut bench, &message("", &most)), [""; 0], "as long as it may be");
    let (id, _) = told(&mut bench);
    bench.command(Command::AnswerText(id, 503));
    let busy = bench.only();
    assert_eq!((busy.status(), busy.value(HeaderName::RetryAfter)), (503, Some("5")));
}

/// Asks the peer whether he lives.
fn question(bench: &mut Bench) {
    let target = Target { uri: "sip:carrier.example".to_owned(), flow: bench.flow, route: Vec::new() };
    let from = Party { host: "pbx.example".to_owned(), ..Party::default() };
    let content = Content::Question;
    let question = OutgoingMessage { target, from, to: Party::default(), max_forwards: 70, content };
    bench.command(Command::Message(UsageId(7), Box::new(question)));
}

#[test]
fn what_cannot_be_asked_is_told_apart_from_an_answer_of_503() {
    let mut bench = Bench::new().by_tcp();
    question(&mut bench);
    bench.act(|agent, now, out| agent.connection_closed(now, ConnectionId(1), out));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec!["OPTIONS".to_owned()], vec!["MessageDone 408".to_owned()])
    );
    bench.agent.endpoint.config.capacity.transactions = 0;
    question(&mut bench);
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["MessageDone 0".to_owned()]));
    bench.expect_nothing_left();
}

#[test]
fn whoever_is_asked_whether_he_lives_is_told_by_whatever_he_answers() {
    let mut bench = Bench::new();
    let ask = |bench: &mut Bench| {
        question(bench);
        bench.only()
    };
    let asked = ask(&mut bench);
    assert_eq!((asked.method_text(), asked.request_uri()), ("OPTIONS", "sip:carrier.example"));
    assert_eq!(asked.from().unwrap().uri, "sip:pbx.example");
    assert_eq!((asked.to().unwrap().uri, asked.to_tag()), ("sip:carrier.example", ""));
    assert!(asked.value(HeaderName::Contact).is_some() && asked.value(HeaderName::Accept).is_some());
    bench.say(response(&asked, 405, "c", "", ""));
    assert_eq!(bench.told(), ["MessageDone 405"]);
    ask(&mut bench);
    bench.pass(seconds(40));
    bench.sent();
    assert_eq!(bench.told(), ["MessageDone 408"]);
    bench.expect_nothing_left();
}

#[test]
fn a_notify_that_nobody_subscribed_to_says_its_event() {
    let mut bench = Bench::new();
    let flow = bench.flow;
    let target = Target { uri: "sip:bob@192.0.2.2:5070".to_owned(), flow, route: Vec::new() };
    let (from, to) = (party("pbx"), party("bob"));
    let content = Content::Event("check-sync;reboot=true".into());
    let notify = OutgoingMessage { target, from, to, max_forwards: 70, content };
    bench.command(Command::Message(UsageId(7), Box::new(notify)));
    let notify = bench.only();
    assert_eq!((notify.method_text(), notify.body().len()), ("NOTIFY", 0));
    assert_eq!(notify.value(HeaderName::Event), Some("check-sync;reboot=true"));
    assert_eq!(notify.value(HeaderName::SubscriptionState), Some("terminated;reason=noresource"));
    assert!(notify.value(HeaderName::Contact).is_some(), "RFC 6665 §8.1.2");
    bench.say(response(&notify, 200, "b", "", ""));
    assert_eq!(bench.told(), ["MessageDone 200"]);
    bench.expect_nothing_left();
}

/// A phone that wants to know who tells it to restart is answered by the password of its line, twice at most.
#[test]
fn a_notify_is_sent_again_with_the_password_of_the_line() {
    let mut bench = phone();
    let flow = bench.flow;
    let tell = |bench: &mut Bench, line: &str| {
        let target = Target { uri: "sip:alice@192.0.2.2:5070".to_owned(), flow, route: Vec::new() };
        let (from, to) = (party(line), party(line));
        let content = Content::Event("reboot_now".into());
        let notify = OutgoingMessage { target, from, to, max_forwards: 70, content };
        bench.command(Command::Message(UsageId(7), Box::new(notify)));
        bench.only()
    };
    let challenge = |nonce: &str| {
        format!(
            "WWW-Authenticate: Digest realm=\"phone\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"\r\n"
        )
    };
    let first = tell(&mut bench, "alice");
    bench.say(response(&first, 401, "b", &challenge("1"), ""));
    let again = bench.only();
    let authorization = again.value(HeaderName::Authorization).expect("the password");
    for part in ["username=\"alice\"", "realm=\"phone\"", "nonce=\"1\"", "uri=\"sip:alice@192.0.2.2:5070\""] {
        assert!(authorization.contains(part), "{authorization}");
    }
    assert_eq!(again.value(HeaderName::Event), Some("reboot_now"));
    assert_eq!((again.call_id(), again.cseq().number), (first.call_id(), first.cseq().number + 1));
    assert_eq!(again.from_tag(), first.from_tag());
    bench.say(response(&again, 200, "b", "", ""));
    assert_eq!(bench.told(), ["MessageDone 200"]);

    let first = tell(&mut bench, "alice");
    bench.say(response(&first, 401, "b", &challenge("2"), ""));
    let again = bench.only();
    bench.say(response(&again, 401, "b", &challenge("2"), ""));
    assert_eq!(
        (bench.heard(), bench.told()),
        (vec![], vec!["MessageDone 401".to_owned()]),
        "it is the wrong one"
    );

    let stranger = tell(&mut bench, "nobody");
    bench.say(response(&stranger, 401, "b", &challenge("3"), ""));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["MessageDone 401".to_owned()]));
    let silent = tell(&mut bench, "alice");
    bench.say(response(&silent, 407, "b", "", ""));
    assert_eq!(bench.told(), ["MessageDone 407"]);
    bench.expect_nothing_left();
}

/// A phone is asked to call somebody, and says in the dialog that this makes what comes of it.
#[test]
fn a_phone_is_referred_and_says_what_comes_of_it() {
    let mut bench = phone();
    let flow = bench.flow;
    let refer = |bench: &mut Bench, usage| {
        let target = Target { uri: "sip:alice@192.0.2.2:5070".to_owned(), flow, route: Vec::new() };
        let (from, to) = (party("alice"), party("alice"));
        let content = Content::Referral(party("*21#"));
        let message = OutgoingMessage { target, from, to, max_forwards: 70, content };
        bench.command(Command::Message(UsageId(usage), Box::new(message)));
        bench.only()
    };
    let tell = |bench: &mut Bench, refer: &Message, (tag, event, body): (&str, &str, &str), number: u32| {
        let value = |name| refer.value(name).unwrap().to_owned();
        let text = format!(
            "NOTIFY sip:pbx@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKn{number}\r\n\
             Max-Forwards: 70\r\nFrom: {};tag=b\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {number} NOTIFY\r\n\
             Contact: <sip:alice@192.0.2.2:5070>\r\n{event}Subscription-State: active;expires=60\r\n\
             Content-Type: message/sipfrag\r\nContent-Length: {}\r\n\r\n{body}",
            value(HeaderName::To),
            value(HeaderName::From),
            refer.call_id(),
            body.len()
        );
        bench.say(text);
        bench.only().status()
    };
    let sent = refer(&mut bench, 7);
    assert_eq!((sent.method_text(), sent.request_uri()), ("REFER", "sip:alice@192.0.2.2:5070"));
    assert_eq!(sent.value(HeaderName::ReferTo), Some("<sip:*21%23@example.com>"));
    assert_eq!(sent.value(HeaderName::ReferredBy), Some("<sip:alice@example.com>"));
    assert!(sent.value(HeaderName::Contact).is_some());
    // It may say something before it answers (RFC 6665 §4.1.2.4), and say it twice.
    let event = "Event: refer\r\n";
    assert_eq!(tell(&mut bench, &sent, ("", event, "SIP/2.0 100 Trying"), 1), 200);
    bench.say(response(&sent, 202, "b", "", ""));
    assert_eq!(bench.told(), ["MessageDone 202"]);
    assert_eq!(tell(&mut bench, &sent, ("", event, "SIP/2.0 180 Ringing"), 2), 200);
    assert_eq!(tell(&mut bench, &sent, ("", "Event: refer;id=1\r\n", "SIP/2.0 200 OK"), 3), 200);
    assert_eq!(tell(&mut bench, &sent, ("", event, "hello"), 4), 200);
    assert_eq!(bench.told(), [""; 0]);
    assert_eq!(tell(&mut bench, &sent, ("", event, "SIP/2.0 603 Declined"), 5), 200);
    assert_eq!(bench.told(), ["Referred 603"]);
    assert_eq!(tell(&mut bench, &sent, ("", "Event: dialog\r\n", ""), 6), 489);
    assert_eq!(tell(&mut bench, &sent, ("x", event, "SIP/2.0 603 Declined"), 7), 481, "another tag");
    assert_eq!(bench.told(), [""; 0]);
    bench.pass(seconds(60));
    assert_eq!(tell(&mut bench, &sent, ("", event, "SIP/2.0 603 Declined"), 8), 481, "it is forgotten");

    // One that wants to know who asks.
    let sent = refer(&mut bench, 8);
    let challenge = "WWW-Authenticate: Digest realm=\"phone\", nonce=\"1\", algorithm=MD5, qop=\"auth\"\r\n";
    bench.say(response(&sent, 401, "b", challenge, ""));
    let again = bench.only();
    assert!(again.value(HeaderName::Authorization).is_some_and(|value| value.contains("username=\"alice\"")));
    assert_eq!(
        (again.method_text(), again.value(HeaderName::ReferTo)),
        ("REFER", Some("<sip:*21%23@example.com>"))
    );
    bench.say(response(&again, 202, "b", "", ""));
    assert_eq!(bench.told(), ["MessageDone 202"]);
    assert_eq!(tell(&mut bench, &again, ("", event, "SIP/2.0 486 Busy Here"), 1), 200);
    assert_eq!(bench.told(), ["Referred 486"]);
    assert_eq!(tell(&mut bench, &again, ("", event, "SIP/2.0 401 Unauthorized"), 2), 200);
    assert_eq!(bench.told(), [""; 0], "it answers that");

    // Nobody wants it any more when it asks.
    let sent = refer(&mut bench, 9);
    bench.command(Command::Withdraw(UsageId(9)));
    bench.say(response(&sent, 401, "b", challenge, ""));
    assert_eq!((bench.heard(), bench.told()), (vec![], vec!["MessageDone 401".to_owned()]));
    bench.expect_nothing_left();
}
