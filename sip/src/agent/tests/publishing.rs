//! PUBLISH: who may, what is told, what is answered.

use super::bench::{Bench, request};
use super::registering::{phone, with_credentials};
use super::*;
use crate::agent::waiting::{PATIENCE, WAITING_MAX};
use crate::ids::UsageId;
use crate::message::HeaderName;
use crate::outbox::{IncomingPublication, Publication};
use crate::package::presence::{Activity, PUBLISHED_BYTES_MAX};

const BODY: &str = "<presence><person><activities><meal/></activities><note>Lunch</note></person></presence>";

fn publish(headers: &str, body: &str) -> String {
    let text = request("PUBLISH", 1, "", &format!("Event: presence\r\n{headers}"), body);
    text.replace("application/sdp", "application/pidf+xml")
}

/// Sends it with the right password.
fn say(bench: &mut Bench, text: &str) {
    bench.say(text.to_owned());
    let challenge = bench.only();
    assert_eq!(challenge.status(), 401);
    bench.told();
    bench.say(with_credentials(text, &challenge, "alice", "secret"));
}

fn told(bench: &mut Bench) -> (UsageId, IncomingPublication) {
    let mut events = bench.events();
    let Some(Event::Publish(id, publication)) = events.pop() else { panic!("{events:?}") };
    assert!(events.is_empty(), "{events:?}");
    (id, *publication)
}

#[test]
fn a_publication_waits_for_its_answer_which_has_its_tag() {
    let mut bench = phone();
    say(&mut bench, &publish("Expires: 7200\r\n", BODY));
    let (id, told) = told(&mut bench);
    assert_eq!((&*told.line, &*told.dialled, told.entity_tag, told.expires_s), ("alice", "bob", None, 3600));
    let said = told.presence.expect("it says something");
    assert_eq!(
        (said.is_open, &said.activities[..], &*said.note),
        (None, &[Activity::parse("meal").unwrap()][..], "Lunch")
    );
    assert_eq!(bench.heard(), [""; 0]);
    let publication = Publication { entity_tag: 0xab, expires_s: 3600 };
    bench.command(Command::AnswerPublish(id, Ok(publication)));
    let ok = bench.only();
    assert_eq!(
        (ok.status(), ok.other("SIP-ETag"), ok.expires()),
        (200, Some("00000000000000ab"), Some(3600))
    );
    bench.expect_nothing_left();
}

#[test]
fn a_refresh_and_a_removal_name_what_they_are_of() {
    for (expires, body) in [(600, ""), (600, BODY), (0, "")] {
        let mut bench = phone();
        let headers = format!("SIP-If-Match:  00000000000000ab\r\nExpires: {expires}\r\n");
        say(&mut bench, &publish(&headers, body));
        let (id, told) = told(&mut bench);
        assert_eq!((told.entity_tag, told.expires_s), (Some(0xab), expires));
        assert_eq!(told.presence.is_some(), !body.is_empty());
        bench.command(Command::AnswerPublish(id, Err(412)));
        assert_eq!(bench.heard(), ["412"]);
        bench.expect_nothing_left();
    }
}

#[test]
fn who_requires_addresses_of_devices_is_heard() {
    let mut bench = phone();
    say(&mut bench, &publish("Require: gruu\r\n", BODY));
    assert_eq!(told(&mut bench).1.dialled, "bob");
}

#[test]
fn what_cannot_be_published_is_refused() {
    let long = format!("<presence>{}</presence>", " ".repeat(PUBLISHED_BYTES_MAX));
    for (text, expected) in [
        (publish("", BODY).replace("Event: presence", "Event: dialog"), 489),
        (publish("", BODY).replace("Event: presence\r\n", ""), 489),
        (publish("", BODY).replace("pidf", "xpidf"), 415),
        (publish("Content-Encoding: gzip\r\n", BODY), 415),
        (publish("SIP-If-Match: x\r\n", BODY), 412),
        (publish("SIP-If-Match: ab\r\n", BODY), 412),
        (publish("SIP-If-Match: +00000000000000ab\r\n", BODY), 412),
        (publish("SIP-If-Match: +0000000000000ab\r\n", BODY), 412),
        (publish("SIP-If-Match: 00000000000000AB\r\n", BODY), 412),
        (publish("Expires: 59\r\n", BODY), 423),
        (publish("", ""), 400),
        (publish("Expires: 0\r\n", ""), 400),
        (publish("", "<presence>"), 400),
        (publish("", "<dialog-info/>"), 400),
        (publish("", "<!DOCTYPE p SYSTEM \"file:///etc/passwd\"><presence/>"), 400),
        (publish("", &long), 413),
        (publish("Require: foo\r\n", BODY), 420),
        (publish("", BODY).replace("bob@192.0.2.1 SIP", "bob@other.example SIP"), 404),
    ] {
        let mut bench = phone();
        say(&mut bench, &text);
        let refused = bench.only();
        assert_eq!(refused.status(), expected, "{text}");
        assert_eq!(refused.value(HeaderName::AllowEvents), (expected == 489).then_some("presence"));
        assert_eq!(refused.value(HeaderName::MinExpires), (expected == 423).then_some("60"));
        assert!(bench.events().is_empty());
        bench.expect_nothing_left();
    }
}

#[test]
fn networks_publish_nothing() {
    let mut bench = Bench::new();
    bench.say(publish("", BODY));
    assert_eq!(bench.only().status(), 405);
    bench.expect_nothing_left();
}

#[test]
fn no_more_wait_than_may() {
    let mut bench = phone();
    say(&mut bench, &publish("", BODY));
    let (id, _) = told(&mut bench);
    let waiting = bench.agent.waiting.by_id[&id];
    bench.agent.waiting.by_id.extend((1..WAITING_MAX as u64).map(|id| (UsageId(id), waiting)));
    assert_eq!(bench.agent.waiting.len(), WAITING_MAX);
    let other = publish("", BODY).replace("z9hG4bK-", "z9hG4bK-o").replace("Call-ID: ", "Call-ID: o");
    say(&mut bench, &other);
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::RetryAfter).is_some()), (503, true));
    assert!(bench.events().is_empty());
}

#[test]
fn who_asks_too_often_is_told_when_to_come_again() {
    let mut bench = phone();
    say(&mut bench, &publish("", BODY));
    let (id, _) = told(&mut bench);
    bench.command(Command::AnswerPublish(id, Err(480)));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::RetryAfter)), (480, Some("60")));
    bench.expect_nothing_left();
}

#[test]
fn what_nobody_answers_is_answered_once_its_sender_has_given_up() {
    let mut bench = phone();
    say(&mut bench, &publish("", BODY));
    let (id, _) = told(&mut bench);
    bench.pass(PATIENCE - Duration::from_millis(1));
    assert_eq!((bench.heard(), bench.agent.waiting.len()), (vec![], 1));
    bench.pass(Duration::from_millis(1));
    assert_eq!((bench.heard(), bench.agent.waiting.len()), (vec!["500".to_owned()], 0));
    let publication = Publication { entity_tag: 0xab, expires_s: 3600 };
    bench.command(Command::AnswerPublish(id, Ok(publication)));
    assert_eq!(bench.heard(), [""; 0], "it is too late");
    bench.expect_nothing_left();
}
