//! Presence: what is told of a line, and what its phones add to it.

use std::time::Duration;

use trunkline_sip::UsageId;
use trunkline_sip::outbox::{
    Command, Document, Event, IncomingPublication, Package, Peer, PresenceState, Publication,
    PublishedPresence, RegistrationChange, Subscriber,
};
use trunkline_sip::package::presence::Activity;

use crate::switch::presence::{PUBLICATIONS_MAX, PUBLISHES_MAX};
use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::*;

const ID: UsageId = UsageId(4711);

fn line(address: &str) -> Peer {
    Peer::Line(address.into())
}

fn subscribe(rig: &mut Rig, peer: Peer, dialled: &str) {
    let (package, dialled) = (Package::Presence, dialled.to_owned());
    let subscriber =
        Subscriber { peer, dialled, package, leg: None, call_completion: None, takes_lists: false };
    rig.tell(Event::Subscribe(UsageId::new(0, 1), Box::new(subscriber)));
}

/// What the watcher was told since the last look: `open meal: Lunch`.
fn told(rig: &mut Rig) -> Vec<String> {
    let told = std::mem::take(&mut rig.sip).into_iter().filter_map(|command| {
        let Command::NotifySubscriber(_, document, false) = command else { return None };
        let Document::Presence(state) = *document else { panic!("{document:?}") };
        let PresenceState { is_open, activities, note } = *state;
        let basic = if is_open { "open" } else { "closed" };
        let activities: String = activities.iter().map(|activity| format!(" {}", activity.name())).collect();
        Some(format!("{basic}{activities}: {note}"))
    });
    told.collect()
}

fn said(is_open: Option<bool>, activities: &[&str], note: &str) -> Option<Box<PublishedPresence>> {
    let activities = activities.iter().filter_map(|name| Activity::parse(name)).collect();
    Some(Box::new(PublishedPresence { is_open, activities, note: note.to_owned() }))
}

fn publish(
    rig: &mut Rig,
    entity_tag: Option<u64>,
    expires_s: u32,
    presence: Option<Box<PublishedPresence>>,
) -> Result<Publication, u16> {
    publish_of(rig, "1002", entity_tag, expires_s, presence)
}

fn publish_of(
    rig: &mut Rig,
    dialled: &str,
    entity_tag: Option<u64>,
    expires_s: u32,
    presence: Option<Box<PublishedPresence>>,
) -> Result<Publication, u16> {
    let (line, dialled) = ("1002".into(), dialled.to_owned());
    let publication = IncomingPublication { line, dialled, entity_tag, expires_s, presence };
    rig.tell(Event::Publish(ID, Box::new(publication)));
    let at = rig.sip.iter().position(|command| matches!(command, Command::AnswerPublish(ID, _)));
    let Command::AnswerPublish(_, result) = rig.sip.remove(at.expect("an answer")) else { unreachable!() };
    result
}

/// 1001 and 1002 are in a group.
fn friends() -> Setup {
    let mut setup = setup();
    for line in &mut setup.lines[..2] {
        line.groups = vec!["sales".into()];
    }
    setup
}

fn want_quiet(rig: &mut Rig) {
    let quiet = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: None };
    let forward = Operation::Forward { line: "1002".into(), entries: vec![quiet], rings: None };
    rig.request(CRM, forward).unwrap();
}

fn reload(rig: &mut Rig, setup: Setup) {
    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, setup, &mut out);
    rig.take(out);
}

type Change = fn(&mut Setup);

#[test]
fn who_wants_quiet_is_told_to_the_line_and_to_who_may_take_its_calls_alone() {
    let group: Change = |setup: &mut Setup| *setup = friends();
    let takes: Change = |setup: &mut Setup| setup.lines[0].picks_up = vec!["1002".into()];
    let other: Change = |setup: &mut Setup| setup.lines[1].picks_up = vec!["*".into()];
    let (none, quiet) = ("closed: ", "closed busy: Do not disturb");
    let cases: [(&str, Change, &str); 5] = [
        ("1002", |_| {}, quiet),
        ("1001", group, quiet),
        ("1001", takes, quiet),
        ("1001", other, none),
        ("1001", |_| {}, none),
    ];
    for (watcher, change, expected) in cases {
        let mut changed = setup();
        change(&mut changed);
        let mut rig = Rig::with(changed);
        want_quiet(&mut rig);
        subscribe(&mut rig, line(watcher), "1002");
        assert_eq!(told(&mut rig), [expected], "{watcher}");
        if expected == quiet && watcher == "1001" {
            reload(&mut rig, setup());
            assert_eq!(told(&mut rig), [none], "he is in it no more");
        }
    }
}

#[test]
fn a_phone_that_the_engine_calls_first_is_not_on_the_phone_before_it_answers() {
    let mut rig = Rig::new();
    for number in ["1001", "1002"] {
        rig.register(number, &format!("sip:{number}@10.0.0.9"), 1000);
    }
    subscribe(&mut rig, line("1001"), "1002");
    assert_eq!(told(&mut rig), ["open: "]);
    rig.request(CRM, Operation::MakeCall { line: "1002".into(), to: "1001".into(), params: None }).unwrap();
    let (station, _) = rig.invited();
    assert!(told(&mut rig).is_empty(), "it rings only");
    rig.answer(station, USUAL);
    assert_eq!(told(&mut rig), ["open on-the-phone: On the phone"]);
}

#[test]
fn what_a_line_that_is_gone_said_is_forgotten_and_its_watchers_are_told() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    subscribe(&mut rig, line("1001"), "1002");
    publish(&mut rig, None, 600, said(None, &["meal"], "")).unwrap();
    assert_eq!(told(&mut rig), ["open: ", "open meal: "]);
    let mut without = setup();
    without.lines.remove(1);
    reload(&mut rig, without);
    let [Command::NotifySubscriber(_, document, true)] = &rig.sip[..] else { panic!("{:?}", rig.sip) };
    let nothing = PresenceState { is_open: false, activities: Vec::new(), note: String::new() };
    assert_eq!(**document, Document::Presence(Box::new(nothing)));
    let gone = &rig.switch;
    assert_eq!((gone.watches.len(), gone.publications.len(), gone.publications.writers()), (0, 0, 0));
    assert_eq!(gone.publications.deadline(), None);
    rig.sip.clear();
    reload(&mut rig, setup());
    subscribe(&mut rig, line("1001"), "1002");
    assert_eq!(told(&mut rig), ["open: "], "nothing of it is left");
}

#[test]
fn a_line_is_open_while_a_phone_of_it_is_registered() {
    let mut rig = Rig::new();
    subscribe(&mut rig, line("1001"), "1002");
    assert_eq!(told(&mut rig), ["closed: "]);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let change =
        |change| Event::Registration { line: "1002".into(), contact: "sip:1002@10.0.0.9".to_owned(), change };
    rig.tell(change(RegistrationChange::Registered));
    assert_eq!(told(&mut rig), ["open: "]);
    rig.tell(change(RegistrationChange::Registered));
    assert!(told(&mut rig).is_empty(), "nothing changed");
    rig.pass(Duration::from_secs(86_401));
    rig.tell(change(RegistrationChange::Expired));
    assert_eq!(told(&mut rig), ["closed: "]);
}

#[test]
fn who_calls_or_talks_is_on_the_phone_and_who_is_called_is_not() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    subscribe(&mut rig, line("1001"), "1002");
    assert_eq!(told(&mut rig), ["open: "]);
    let caller = rig.call_in(line("1001"), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    assert!(told(&mut rig).is_empty());
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    assert_eq!(told(&mut rig), ["open on-the-phone: On the phone"]);
    rig.request(CRM, Operation::Hold(CallId(2))).unwrap();
    assert!(told(&mut rig).is_empty());
    rig.hang_up(caller);
    assert_eq!(told(&mut rig).last().map(String::as_str), Some("open: "));
    rig.register("1001", "sip:1001@10.0.0.8", 1000);
    rig.call_in(line("1002"), "1001", Some(USUAL));
    assert_eq!(told(&mut rig), ["open on-the-phone: On the phone"], "or is on the way to it");
}

#[test]
fn a_phone_adds_what_its_person_does_and_may_close_the_line_but_not_open_it() {
    let mut rig = Rig::with(friends());
    subscribe(&mut rig, line("1001"), "1002");
    told(&mut rig);
    publish(&mut rig, None, 600, said(Some(true), &["on-the-phone", "meeting"], "Board")).unwrap();
    assert_eq!(told(&mut rig), ["closed on-the-phone meeting: Board"], "calls do not reach it");
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig.tell(Event::Registration {
        line: "1002".into(),
        contact: "sip:1002@10.0.0.9".to_owned(),
        change: RegistrationChange::Registered,
    });
    assert_eq!(told(&mut rig), ["open on-the-phone meeting: Board"]);
    want_quiet(&mut rig);
    assert_eq!(told(&mut rig), ["open busy on-the-phone meeting: Board"]);
    publish(&mut rig, None, 600, said(Some(false), &["on-the-phone"], "")).unwrap();
    assert_eq!(told(&mut rig), ["closed busy on-the-phone: Do not disturb"], "the last is heard");
}

#[test]
fn a_publication_is_refreshed_changed_removed_and_forgotten() {
    let mut rig = Rig::new();
    subscribe(&mut rig, line("1001"), "1002");
    told(&mut rig);
    let first = publish(&mut rig, None, 600, said(None, &["meal"], "")).unwrap();
    let other = publish(&mut rig, None, 3_600, said(None, &["travel"], "")).unwrap();
    assert_eq!(told(&mut rig), ["closed meal: ", "closed travel: "]);
    let second = publish(&mut rig, Some(first.entity_tag), 600, None).unwrap();
    assert!(second.entity_tag != first.entity_tag && second.expires_s == 600);
    assert!(told(&mut rig).is_empty(), "a refresh says nothing new");
    let second = publish(&mut rig, Some(second.entity_tag), 600, said(None, &["meal"], "")).unwrap();
    assert!(told(&mut rig).is_empty(), "nor does the same once more");
    assert_eq!(publish(&mut rig, Some(first.entity_tag), 600, None), Err(412));
    let third = publish(&mut rig, Some(second.entity_tag), 600, said(None, &["away"], "")).unwrap();
    assert_eq!(told(&mut rig), ["closed away: "], "who says something new is heard");
    rig.pass(Duration::from_secs(601));
    assert_eq!(told(&mut rig), ["closed travel: "], "it was not refreshed");
    assert_eq!(publish(&mut rig, Some(third.entity_tag), 600, None), Err(412));
    let removed = publish(&mut rig, Some(other.entity_tag), 0, None).unwrap();
    assert_eq!(removed.expires_s, 0);
    assert_eq!(told(&mut rig), ["closed: "]);
    assert_eq!(rig.switch.publications.len(), 0);
}

#[test]
fn a_line_speaks_for_itself_and_not_too_often() {
    let mut rig = Rig::new();
    let news = || said(None, &[], "x");
    assert_eq!(publish_of(&mut rig, "1001", None, 600, news()), Err(403));
    assert_eq!(publish_of(&mut rig, "4711", None, 600, news()), Err(404));
    assert_eq!(publish(&mut rig, None, 0, news()).map(|told| told.expires_s), Ok(0), "nothing is kept");
    assert_eq!(rig.switch.publications.len(), 0);
    for _ in 1..PUBLISHES_MAX {
        publish(&mut rig, None, 600, news()).unwrap();
    }
    assert_eq!(rig.switch.publications.len(), PUBLICATIONS_MAX, "the oldest made room");
    assert_eq!(publish(&mut rig, None, 600, news()), Err(480));
    rig.pass(Duration::from_secs(61));
    publish(&mut rig, None, 600, news()).unwrap();
    rig.pass(Duration::from_secs(601));
    assert_eq!(rig.switch.publications.len(), 0);
}

#[test]
fn neither_networks_watch_nor_trunks_and_strangers_are_watched() {
    let mut rig = Rig::new();
    for (peer, dialled, status) in [
        (Peer::Trunk("carrier".into()), "1002", 403),
        (line("1001"), "carrier", 404),
        (line("1001"), "4711", 404),
    ] {
        subscribe(&mut rig, peer, dialled);
        let [Command::AnswerSubscribe(_, told)] = rig.sip[..] else { panic!("{:?}", rig.sip) };
        assert_eq!(told, status, "{dialled}");
        rig.sip.clear();
    }
}
