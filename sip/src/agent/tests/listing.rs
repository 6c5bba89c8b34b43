//! Subscriptions to lists (RFC 4662): what is required, and what is told again.

use super::bench::{Bench, request, response};
use super::*;
use crate::ids::UsageId;
use crate::message::{HeaderName, Message};
use crate::outbox::{DialogPhase, DialogState, Document, ListEntry, ListState, Package};

const LISTED: &str =
    "Event: dialog\r\nSupported: eventlist\r\nAccept: multipart/related, application/rlmi+xml\r\n";

fn asked(bench: &mut Bench, headers: &str) -> (UsageId, bool) {
    bench.say(request("SUBSCRIBE", 1, "", headers, ""));
    match bench.events().pop() {
        Some(Event::Subscribe(id, subscriber)) => (id, subscriber.takes_lists),
        other => panic!("expected a subscription, got {other:?}"),
    }
}

fn list(talking: &[&str]) -> Document {
    let entries = ["1001", "1002", "1003"].map(|user| {
        let phase = DialogPhase::Confirmed;
        let party = || Party { user: user.to_owned(), ..Party::default() };
        let (local, remote) = (party(), party());
        let dialog =
            DialogState { id: 7, leg: None, phase, is_initiator: false, local, remote, is_held: false };
        let dialogs = if talking.contains(&user) { vec![dialog] } else { Vec::new() };
        ListEntry { user: user.to_owned(), name: String::new(), state: Some(Document::Dialogs(dialogs)) }
    });
    let (package, name) = (Package::Dialog, String::new());
    Document::List(Box::new(ListState { package, name, entries: entries.to_vec() }))
}

fn tell(bench: &mut Bench, id: UsageId, document: Document) {
    bench.command(Command::NotifySubscriber(id, Box::new(document), false));
}

/// `1 true 3`: the version of the list, whether it is whole, and how many resources it names.
fn words(notify: &Message) -> String {
    assert_eq!(notify.value(HeaderName::Require), Some("eventlist"));
    let body = String::from_utf8_lossy(notify.body()).into_owned();
    let root = body.split("<list ").nth(1).expect("a list");
    let value = |name: &str| root.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
    let named = root.matches("<resource ").count();
    format!("{} {} {named}", value("version").expect("a number"), value("fullState").expect("a word"))
}

fn subscribed() -> (Bench, UsageId, String) {
    let mut bench = Bench::new();
    let (id, takes_lists) = asked(&mut bench, LISTED);
    assert!(takes_lists);
    bench.command(Command::AcceptList(id));
    let ok = bench.only();
    assert_eq!((ok.status(), ok.value(HeaderName::Require)), (200, Some("eventlist")));
    tell(&mut bench, id, list(&[]));
    let notify = bench.only();
    assert_eq!(words(&notify), "0 true 3");
    bench.say(response(&notify, 200, "", "", ""));
    (bench, id, ok.to_tag().to_owned())
}

#[test]
fn a_list_is_required_of_who_takes_lists() {
    let mut bench = Bench::new();
    let (id, takes_lists) = asked(&mut bench, "Event: dialog\r\n");
    assert!(!takes_lists);
    bench.command(Command::AnswerSubscribe(id, 421));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::Require)), (421, Some("eventlist")));
    let mut bench = Bench::new();
    let (id, takes_lists) = asked(&mut bench, "Event: dialog\r\nRequire: eventlist\r\n");
    assert!(takes_lists, "who requires it knows it");
    bench.command(Command::AnswerSubscribe(id, 200));
    assert_eq!(bench.only().value(HeaderName::Require), None, "of a line");
    let mut bench = Bench::new();
    bench.say(request("SUBSCRIBE", 1, "", "Event: dialog\r\nRequire: eventlist, x\r\n", ""));
    let refused = bench.only();
    assert_eq!((refused.status(), refused.value(HeaderName::Unsupported)), (420, Some("x")));
}

#[test]
fn a_refresh_and_a_notice_that_failed_are_followed_by_all_of_it() {
    let (mut bench, id, tag) = subscribed();
    bench.pass(seconds(1));
    tell(&mut bench, id, list(&["1002"]));
    let notify = bench.only();
    assert_eq!(words(&notify), "1 false 1");
    bench.say(response(&notify, 500, "", "", ""));
    bench.pass(seconds(5));
    let notify = bench.only();
    assert_eq!(words(&notify), "2 true 3", "nobody knows what arrived");
    bench.say(response(&notify, 200, "", "", ""));
    bench.pass(seconds(1));
    bench.say(request("SUBSCRIBE", 2, &tag, LISTED, ""));
    let sent = bench.sent();
    let [(_, ok), (_, notify)] = &sent[..] else { panic!("{}", sent.len()) };
    assert_eq!((ok.status(), ok.value(HeaderName::Require)), (200, Some("eventlist")));
    assert_eq!(words(notify), "3 true 3");
    bench.say(response(notify, 200, "", "", ""));
    bench.say(request("SUBSCRIBE", 3, &tag, &format!("{LISTED}Expires: 0\r\n"), ""));
    let sent = bench.sent();
    let (_, last) = sent.last().expect("a last NOTIFY");
    assert_eq!(words(last), "4 true 3");
    bench.say(response(last, 200, "", "", ""));
    bench.expect_nothing_left();
}

#[test]
fn what_came_and_went_within_a_second_is_not_told() {
    let (mut bench, id, _) = subscribed();
    tell(&mut bench, id, list(&["1001"]));
    tell(&mut bench, id, list(&[]));
    bench.pass(seconds(2));
    assert!(bench.sent().is_empty());
    tell(&mut bench, id, list(&["1001", "1003"]));
    assert_eq!(words(&bench.only()), "1 false 2", "without a gap");
}
