//! The keys of phones for do not disturb and forwarding: what they show is what the line does, whoever changed it.

use std::time::Duration;

use trunkline_sip::UsageId;
use trunkline_sip::outbox::{
    Command, Document, Event, FeatureStates, FeatureWish, ForwardKind, Package, Peer, Subscriber,
};

use crate::switch::rig::{CRM, Rig};
use crate::switch::*;

fn usage(number: u64) -> UsageId {
    UsageId::new(0, number)
}

fn watch(rig: &mut Rig, number: u64, peer: Peer, dialled: &str) {
    let (package, dialled) = (Package::Features, dialled.to_owned());
    let subscriber =
        Subscriber { peer, dialled, package, leg: None, call_completion: None, takes_lists: false };
    rig.tell(Event::Subscribe(usage(number), Box::new(subscriber)));
}

fn line(address: &str) -> Peer {
    Peer::Line(address.into())
}

/// What phones were told since the last look: `dnd`, then where each kind of forwarding goes.
fn told(rig: &mut Rig) -> Vec<(UsageId, String)> {
    let told = std::mem::take(&mut rig.sip).into_iter().filter_map(|command| {
        let Command::NotifySubscriber(usage, document, false) = command else { return None };
        let Document::Features(states) = *document else { panic!("{document:?}") };
        Some((usage, words(&states)))
    });
    told.collect()
}

fn words(states: &FeatureStates) -> String {
    let forwards = states.forwards.iter().map(|state| state.to.as_deref().unwrap_or("-"));
    let disturb = if states.do_not_disturb { "dnd" } else { "-" };
    let words: Vec<&str> = [disturb].into_iter().chain(forwards).collect();
    format!("{} {}", words.join(" "), states.forwards[2].rings)
}

fn wish(rig: &mut Rig, number: u64, wish: FeatureWish) {
    rig.tell(Event::FeatureWish(usage(number), Box::new(wish)));
}

fn forward(kind: ForwardKind, is_on: bool, to: &str, rings: Option<u32>) -> FeatureWish {
    FeatureWish::Forward { kind, is_on, to: to.to_owned(), rings }
}

fn entries(rig: &Rig) -> Vec<(ForwardMode, Option<String>)> {
    let line = rig.switch.line(CRM, "1001").unwrap();
    let entry = |entry: ForwardEntry| (entry.mode, entry.destination.map(|to| to.to_string()));
    line.forwarding.into_iter().map(entry).collect()
}

#[test]
fn all_phones_of_a_line_show_what_one_of_them_changed() {
    let mut rig = Rig::new();
    for number in [1, 2] {
        watch(&mut rig, number, line("1001"), "1001");
        assert_eq!(told(&mut rig), [(usage(number), "- - - - 4".to_owned())]);
    }
    let both = |text: &str| vec![(usage(1), text.to_owned()), (usage(2), text.to_owned())];
    wish(&mut rig, 1, FeatureWish::DoNotDisturb(true));
    assert_eq!(told(&mut rig), both("dnd - - - 4"));
    wish(&mut rig, 1, forward(ForwardKind::NoAnswer, true, "1002", Some(3)));
    assert_eq!(told(&mut rig), both("dnd - - 1002 3"));
    wish(&mut rig, 1, forward(ForwardKind::Immediate, true, "1003", None));
    assert_eq!(told(&mut rig), both("dnd 1003 - 1002 3"));
    assert_eq!(
        entries(&rig),
        [
            (ForwardMode::Uncond, None),
            (ForwardMode::NoAnsw, Some("1002".to_owned())),
            (ForwardMode::Uncond, Some("1003".to_owned()))
        ]
    );
    wish(&mut rig, 1, FeatureWish::DoNotDisturb(false));
    wish(&mut rig, 1, forward(ForwardKind::Immediate, false, "", None));
    assert_eq!(told(&mut rig).pop(), both("- - - 1002 3").pop());
}

#[test]
fn what_an_application_or_a_code_changes_is_shown() {
    let mut rig = Rig::new();
    watch(&mut rig, 1, line("1001"), "1001");
    rig.sip.clear();
    let entry = |mode, to: Option<&str>| ForwardEntry { mode, caller: None, destination: to.map(Into::into) };
    let list = vec![entry(ForwardMode::BusyNa, Some("1002"))];
    rig.request(CRM, Operation::Forward { line: "1001".into(), entries: list, rings: Some(2) }).unwrap();
    assert_eq!(told(&mut rig), [(usage(1), "- - 1002 1002 2".to_owned())]);
    // A key that is switched off leaves the other.
    wish(&mut rig, 1, forward(ForwardKind::Busy, false, "", None));
    assert_eq!(told(&mut rig), [(usage(1), "- - - 1002 2".to_owned())]);
    assert_eq!(entries(&rig), [(ForwardMode::NoAnsw, Some("1002".to_owned()))]);
    rig.call_in(line("1001"), "*78", Some(rig::USUAL));
    assert_eq!(told(&mut rig), [(usage(1), "dnd - - 1002 2".to_owned())]);
}

#[test]
fn what_cannot_be_done_is_shown_as_it_was() {
    let mut rig = Rig::new();
    watch(&mut rig, 1, line("1001"), "1001");
    rig.sip.clear();
    for to in ["", "1001", "4711", "12a"] {
        wish(&mut rig, 1, forward(ForwardKind::Busy, true, to, None));
        assert_eq!(told(&mut rig), [(usage(1), "- - - - 4".to_owned())], "{to:?}");
    }
    assert!(rig.store.is_empty());
}

#[test]
fn the_phones_of_a_line_change_it_ten_times_a_minute() {
    let mut rig = Rig::new();
    watch(&mut rig, 1, line("1001"), "1001");
    for number in 0..10 {
        wish(&mut rig, 1, FeatureWish::DoNotDisturb(number % 2 == 0));
    }
    rig.sip.clear();
    wish(&mut rig, 1, FeatureWish::DoNotDisturb(true));
    assert_eq!(told(&mut rig), [(usage(1), "- - - - 4".to_owned())], "once too often");
    rig.pass(Duration::from_secs(60));
    wish(&mut rig, 1, FeatureWish::DoNotDisturb(true));
    assert_eq!(told(&mut rig), [(usage(1), "dnd - - - 4".to_owned())]);
}

#[test]
fn features_are_their_own_lines_alone() {
    let mut rig = Rig::new();
    for (peer, dialled, status) in [
        (line("1001"), "1002", 403),
        (line("1001"), "4711", 404),
        (line("1003"), "1003", 404),
        (Peer::Trunk("carrier".into()), "1001", 403),
    ] {
        watch(&mut rig, 1, peer, dialled);
        assert_eq!(rig.commands(), [format!("answer subscribe {status} 1")], "{dialled}");
    }
    // A wish of a subscription that is gone, or of another kind.
    wish(&mut rig, 1, FeatureWish::DoNotDisturb(true));
    assert!(rig.store.is_empty() && rig.sip.is_empty());
}
