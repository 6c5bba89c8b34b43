//! Who watches lines and conferences is told what changes, and nothing else.

use std::time::Duration;

use trunkline_sip::UsageId;
use trunkline_sip::admission::Limit;
use trunkline_sip::outbox::{
    Command, ContactState, DialogPhase, DialogState, Document, Event, Package, Peer, RegistrationChange,
    Subscriber,
};

use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::setup::{GroupSetup, ListSetup, PageSetup, ParkSetup, WatchSetup};
use crate::switch::*;

fn subscribe(rig: &mut Rig, number: u64, peer: Peer, to: &str, package: Package) -> Option<Document> {
    let usage = UsageId::new(0, number);
    let dialled = to.to_owned();
    let (leg, call_completion, takes_lists) = (None, None, true);
    let subscriber = Subscriber { peer, dialled, package, leg, call_completion, takes_lists };
    rig.tell(Event::Subscribe(usage, Box::new(subscriber)));
    told(rig).pop().map(|(document, _)| document)
}

fn line(address: &str) -> Peer {
    Peer::Line(address.into())
}

/// What subscribers were told since the last look, and whether for the last time.
fn told(rig: &mut Rig) -> Vec<(Document, bool)> {
    let notices = rig.sip.iter().filter_map(|command| {
        let Command::NotifySubscriber(_, document, is_last) = command else { return None };
        Some((Document::clone(document), *is_last))
    });
    let notices = notices.collect();
    rig.commands();
    notices
}

fn dialogs(document: Document) -> Vec<DialogState> {
    let Document::Dialogs(dialogs) = document else { panic!("dialogs") };
    dialogs
}

#[test]
fn the_lamp_of_a_line_follows_its_calls() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let idle = subscribe(&mut rig, 1, line("1001"), "1002", Package::Dialog);
    assert_eq!(idle, Some(Document::Dialogs(Vec::new())));
    let caller = rig.call_in(line("1001"), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    let last = |rig: &mut Rig| dialogs(told(rig).pop().expect("a notice").0);
    let ringing = last(&mut rig);
    let [dialog] = &ringing[..] else { panic!("one dialog") };
    assert_eq!((dialog.phase, dialog.is_initiator), (DialogPhase::Early, false));
    assert_eq!((dialog.remote.user.as_str(), dialog.local.user.as_str()), ("1001", "1002"));
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    assert_eq!(last(&mut rig)[0].phase, DialogPhase::Confirmed);
    rig.request(CRM, Operation::Hold(CallId(2))).unwrap();
    assert!(last(&mut rig)[0].is_held);
    rig.request(CRM, Operation::Drop(CallId(2), None)).unwrap();
    assert!(last(&mut rig).is_empty());
}

/// Whoever knows the tags of a dialog can speak in it.
#[test]
fn how_a_dialog_is_called_is_told_to_who_may_take_it() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig.call_in(line("1001"), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    let leg = |rig: &mut Rig, number, watcher: &str| {
        let told = subscribe(rig, number, line(watcher), "1002", Package::Dialog).expect("it may watch");
        dialogs(told)[0].leg
    };
    assert_eq!(leg(&mut rig, 1, "1002"), Some(station), "another device of the line");
    assert_eq!(leg(&mut rig, 2, "1001"), None, "somebody else");
}

#[test]
fn a_trunk_has_a_lamp_too() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let idle = subscribe(&mut rig, 1, line("1001"), "carrier", Package::Dialog);
    assert_eq!(idle, Some(Document::Dialogs(Vec::new())));
    let network = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let seen = dialogs(told(&mut rig).pop().expect("a notice").0);
    let [dialog] = &seen[..] else { panic!("one dialog") };
    assert_eq!((dialog.local.user.as_str(), dialog.is_initiator, dialog.leg), ("carrier", true, None));
    rig.hang_up(network);
    assert!(dialogs(told(&mut rig).pop().expect("a notice").0).is_empty());
}

#[test]
fn nothing_is_told_of_other_lines_nor_after_the_end() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    subscribe(&mut rig, 1, line("1001"), "1003", Package::Dialog);
    rig.call_in(line("1001"), "1002", Some(USUAL));
    assert!(told(&mut rig).is_empty());
    subscribe(&mut rig, 2, line("1001"), "1002", Package::Dialog);
    rig.tell(Event::Unsubscribed(UsageId::new(0, 2)));
    rig.request(CRM, Operation::Drop(CallId(1), None)).unwrap();
    assert!(told(&mut rig).is_empty());
    assert_eq!(rig.switch.watches.len(), 1);
}

#[test]
fn a_conference_tells_who_is_in_it_until_it_is_over() {
    let mut rig = Rig::new();
    for number in ["1001", "1002"] {
        rig.register(number, &format!("sip:{number}@10.0.0.9"), 1000);
    }
    let caller = rig.call_in(line("1001"), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.request(CRM, Operation::SetupConference { call: CallId(1), to: None }).unwrap();
    rig.commands();
    let state = subscribe(&mut rig, 1, line("1002"), "conf-3", Package::Conference);
    let Some(Document::Conference(state)) = state else { panic!("a conference") };
    let users = |state: &trunkline_sip::outbox::ConferenceState| {
        let members = state.members.iter().map(|member| (member.party.user.clone(), member.is_held));
        members.collect::<Vec<_>>()
    };
    assert_eq!(users(&state), [("1001".to_owned(), true), ("1002".to_owned(), false)]);
    rig.request(CRM, Operation::Dial { call: CallId(4), digits: "030".to_owned() }).unwrap();
    let (network, _) = rig.invited();
    rig.answer(network, USUAL);
    rig.request(CRM, Operation::AddToConference { call: CallId(3), consult: CallId(4) }).unwrap();
    let Some((Document::Conference(state), false)) = told(&mut rig).pop() else { panic!("a notice") };
    assert_eq!(
        users(&state),
        [("1001".to_owned(), false), ("1002".to_owned(), false), ("30".to_owned(), false)]
    );
    rig.request(CRM, Operation::Drop(CallId(3), None)).unwrap();
    let notices = told(&mut rig);
    let Some((Document::Conference(state), true)) = notices.last() else { panic!("a last notice") };
    assert!(state.is_over);
    assert_eq!(rig.switch.watches.len(), 0);
}

#[test]
fn the_lamp_of_a_park_address_shines_while_somebody_waits_there() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let slot = "701";
    if subscribe(&mut rig, 1, line("1001"), slot, Package::Dialog) != Some(Document::Dialogs(Vec::new())) {
        panic!("a park address that is free is idle");
    }
    let caller = rig.call_in(line("1001"), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.request(CRM, Operation::Park { call: CallId(2), to: Some(slot.to_owned()) }).unwrap();
    let parked = dialogs(told(&mut rig).pop().expect("a notice").0);
    let [dialog] = &parked[..] else { panic!("one dialog") };
    assert_eq!((dialog.phase, dialog.remote.user.as_str()), (DialogPhase::Confirmed, "1001"));
    rig.hang_up(caller);
    assert!(dialogs(told(&mut rig).pop().expect("a notice").0).is_empty());
}

#[test]
fn what_is_not_there_cannot_be_watched() {
    let mut rig = Rig::new();
    let refused = |rig: &mut Rig, peer: Peer, to: &str, package| {
        let usage = UsageId::new(0, 1);
        let subscriber = Subscriber {
            peer,
            dialled: to.to_owned(),
            package,
            leg: None,
            call_completion: None,
            takes_lists: false,
        };
        rig.tell(Event::Subscribe(usage, Box::new(subscriber)));
        rig.commands().pop().expect("an answer")
    };
    assert_eq!(refused(&mut rig, line("1001"), "4711", Package::Dialog), "answer subscribe 404 1");
    assert_eq!(refused(&mut rig, line("1001"), "conf-9", Package::Conference), "answer subscribe 404 1");
    assert_eq!(refused(&mut rig, line("1001"), "1002", Package::MessageSummary), "answer subscribe 403 1");
    assert_eq!(refused(&mut rig, line("1001"), "4711", Package::MessageSummary), "answer subscribe 404 1");
    assert_eq!(
        refused(&mut rig, Peer::Trunk("carrier".into()), "1001", Package::Dialog),
        "answer subscribe 403 1"
    );
}

#[test]
fn a_line_has_so_many_subscriptions_and_no_more() {
    let mut rig = Rig::new();
    for number in 0..WatchSetup::DEFAULT.subscriptions_per_line_max as u64 {
        assert!(subscribe(&mut rig, number, line("1001"), "1002", Package::Dialog).is_some());
    }
    assert_eq!(subscribe(&mut rig, 9999, line("1001"), "1002", Package::Dialog), None);
    assert_eq!(rig.switch.refusals().of(Limit::SubscriptionsPerLine), 1);
    assert!(subscribe(&mut rig, 9999, line("1002"), "1002", Package::Dialog).is_some());
    rig.tell(Event::Unsubscribed(UsageId::new(0, 0)));
    assert!(subscribe(&mut rig, 10_000, line("1001"), "1002", Package::Dialog).is_some());
}

#[test]
fn the_lamp_of_a_group_blinks_while_it_rings() {
    let groups = vec![GroupSetup { name: "Sales".to_owned(), ..GroupSetup::new("600", &["1002", "1003"]) }];
    let mut rig = Rig::with(Setup { groups, ..setup() });
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let idle = subscribe(&mut rig, 1, line("1001"), "600", Package::Dialog);
    assert_eq!(idle, Some(Document::Dialogs(Vec::new())));
    assert_eq!(subscribe(&mut rig, 2, line("1001"), "601", Package::Dialog), None, "no such group");
    let caller = rig.call_in(line("1001"), "600", Some(USUAL));
    let (station, _) = rig.invited();
    let last = |rig: &mut Rig| dialogs(told(rig).pop().expect("a notice").0);
    let ringing = last(&mut rig);
    let [dialog] = &ringing[..] else { panic!("one dialog: {ringing:?}") };
    assert_eq!((dialog.phase, dialog.is_initiator, dialog.leg), (DialogPhase::Early, false, None));
    assert_eq!((dialog.remote.user.as_str(), dialog.local.user.as_str()), ("1001", "600"));
    rig.call_in(Peer::Trunk("carrier".into()), "600", Some(USUAL));
    assert_eq!(last(&mut rig).len(), 2, "one for each caller");
    rig.answer(station, USUAL);
    assert_eq!(last(&mut rig).len(), 1);
    rig.hang_up(caller);
    rig.pass(Duration::from_secs(60));
    assert!(last(&mut rig).is_empty());
}

/// What a watcher of contacts is told: `sip:a@b registered`.
fn contacts(rig: &mut Rig) -> Vec<Vec<String>> {
    let told = told(rig).into_iter().map(|(document, _)| {
        let Document::Registration(contacts) = document else { panic!("contacts") };
        contacts.iter().map(|contact| format!("{} {:?}", contact.uri, contact.last)).collect()
    });
    told.collect()
}

#[test]
fn phones_of_a_line_are_told_of_one_another_and_once_of_who_goes() {
    let mut rig = Rig::new();
    let (desk, soft) = ("sip:1002@10.0.0.8", "sip:1002@10.0.0.9");
    let happens = |rig: &mut Rig, contact: &str, change| {
        rig.tell(Event::Registration { line: "1002".into(), contact: contact.to_owned(), change });
    };
    rig.register("1002", desk, 1000);
    let first = subscribe(&mut rig, 1, line("1002"), "1002", Package::Registration);
    let expected = ContactState { uri: desk.to_owned(), q_milli: 1000, last: RegistrationChange::Registered };
    assert_eq!(first, Some(Document::Registration(vec![expected])));
    rig.register("1002", soft, 500);
    happens(&mut rig, soft, RegistrationChange::Registered);
    assert_eq!(contacts(&mut rig), [[format!("{desk} Registered"), format!("{soft} Registered")]]);
    rig.register("1002", desk, 1000);
    rig.call_in(line("1002"), "031", Some(USUAL));
    assert!(contacts(&mut rig).is_empty(), "who was refreshed is not told");
    rig.unregister("1002", soft);
    happens(&mut rig, soft, RegistrationChange::Unregistered);
    assert_eq!(contacts(&mut rig), [[format!("{desk} Registered"), format!("{soft} Unregistered")]]);
    rig.call_in(line("1002"), "030", Some(USUAL));
    assert!(contacts(&mut rig).is_empty(), "who has gone is told once, and calls change nothing");
    rig.unregister("1002", desk);
    happens(&mut rig, desk, RegistrationChange::Expired);
    assert_eq!(contacts(&mut rig), [[format!("{desk} Expired")]]);
    rig.register("1002", desk, 1000);
    happens(&mut rig, desk, RegistrationChange::Registered);
    assert_eq!(contacts(&mut rig), [[format!("{desk} Registered")]]);
}

#[test]
fn where_a_line_is_registered_is_its_own_affair() {
    let mut rig = Rig::new();
    for (peer, dialled, status) in [
        (line("1001"), "1002", 403),
        (line("1001"), "4711", 404),
        (Peer::Trunk("carrier".into()), "1002", 403),
    ] {
        let (package, dialled) = (Package::Registration, dialled.to_owned());
        let subscriber =
            Subscriber { peer, dialled, package, leg: None, call_completion: None, takes_lists: false };
        rig.tell(Event::Subscribe(UsageId::new(0, 1), Box::new(subscriber)));
        let [Command::AnswerSubscribe(_, told)] = rig.sip[..] else { panic!("{:?}", rig.sip) };
        assert_eq!(told, status);
        rig.sip.clear();
    }
}

/// A lamp that nobody puts out would shine until its phone restarts.
#[test]
fn who_watches_what_a_reload_takes_away_is_told_that_it_is_no_more() {
    let full = || {
        let mut setup = setup();
        setup.groups = vec![GroupSetup::new("600", &["1002"])];
        setup.pages = vec![PageSetup::new("650", &["1002"])];
        setup.lists = vec![ListSetup::new("keys", &["1001", "1003"])];
        setup
    };
    let mut rig = Rig::with(full());
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let watched = [
        ("1001", "1002", Package::Dialog),
        ("1001", "1002", Package::Presence),
        ("1001", "1002", Package::CallCompletion),
        ("1002", "1002", Package::Features),
        ("1002", "1002", Package::Registration),
        ("1001", "600", Package::Dialog),
        ("1001", "650", Package::Dialog),
        ("1001", "701", Package::Dialog),
        ("1001", "keys", Package::Dialog),
        ("1002", "1001", Package::Dialog),
        ("1001", "1003", Package::Dialog),
    ];
    for (number, (watcher, subject, package)) in (1..).zip(watched) {
        assert!(
            subscribe(&mut rig, number, line(watcher), subject, package).is_some(),
            "{subject} {package:?}"
        );
    }
    rig.call_in(line("1003"), "600", Some(USUAL));
    told(&mut rig);
    let mut without = full();
    without.lines.remove(1);
    (without.groups, without.pages, without.lists) = (Vec::new(), Vec::new(), Vec::new());
    without.park = ParkSetup { slots: None, ..without.park };
    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, without, &mut out);
    rig.take(out);
    let last: Vec<_> = told(&mut rig).into_iter().filter(|(_, is_last)| *is_last).collect();
    assert_eq!(last.len(), watched.len() - 1, "{last:?}");
    for (document, _) in last {
        let is_idle = match &document {
            Document::Dialogs(dialogs) => dialogs.is_empty(),
            Document::CallCompletion { is_ready, .. } => !is_ready,
            Document::Features(states) => !states.do_not_disturb,
            Document::Presence(state) => !state.is_open && state.note.is_empty(),
            Document::Registration(contacts) => contacts.is_empty(),
            Document::List(list) => {
                list.entries.iter().all(|entry| entry.state == Some(Document::Dialogs(Vec::new())))
            }
            Document::Conference(_) | Document::Messages { .. } => false,
        };
        assert!(is_idle, "{document:?}");
    }
    assert_eq!(rig.switch.watches.len(), 1, "what is there is watched as before");
}
