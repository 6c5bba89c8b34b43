//! Keys for do not disturb and forwarding of phones that are told by CSTA.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Event, FeatureWish, ForwardKind};
use trunkline_sip::package::csta::{Service, Statement};

use super::csta::{answer, asked, done, told_by_csta};
use crate::switch::csta::CstaUse;
use crate::switch::rig::{CRM, Rig};
use crate::switch::*;

/// Two phones of line 1001.
fn rig() -> (Rig, LegId, LegId) {
    let mut rig = Rig::with(told_by_csta(&[CstaUse::Features]));
    for contact in ["sip:1001@10.0.0.5", "sip:1001@10.0.0.6"] {
        rig.register("1001", contact, 1000);
    }
    rig.pass(Duration::ZERO);
    rig.pass(Duration::from_secs(1));
    let (first, _) = rig.invited();
    answer(&mut rig, first);
    rig.pass(Duration::from_millis(10));
    let (second, _) = rig.invited();
    answer(&mut rig, second);
    let off = ["SetDoNotDisturb false", "Immediate -", "Busy -", "NoAnswer -"];
    for leg in [first, second] {
        let mut shown = words(&mut rig, leg);
        assert_eq!(shown.remove(0), "MonitorStart");
        assert_eq!(shown, off, "what the line does, when the session begins");
    }
    (rig, first, second)
}

/// What a phone is asked for, one after the other as it does it.
fn words(rig: &mut Rig, phone: LegId) -> Vec<String> {
    let mut said = Vec::new();
    let mut waiting = Vec::new();
    loop {
        waiting.extend(asked(rig));
        let Some(at) = waiting.iter().position(|(leg, _)| *leg == phone) else { break };
        let (_, service) = waiting.remove(at);
        said.push(word(&service));
        done(rig, phone, service.name(), None);
    }
    for (leg, service) in waiting {
        rig.sip.push(trunkline_sip::outbox::Command::Csta(leg, Box::new(service)));
    }
    said
}

#[expect(clippy::wildcard_enum_match_arm, reason = "features are told in full")]
fn word(service: &Service) -> String {
    match service {
        Service::SetDoNotDisturb(_, is_on) => format!("SetDoNotDisturb {is_on}"),
        Service::SetForwarding { kind, to, rings, .. } => {
            let rings = rings.map(|rings| format!(" {rings}")).unwrap_or_default();
            format!("{kind:?} {}{rings}", to.as_deref().unwrap_or("-"))
        }
        other => other.name().to_owned(),
    }
}

fn presses(rig: &mut Rig, leg: LegId, wish: FeatureWish) {
    let statement = Box::new(Statement::Feature { wish, service: None });
    rig.tell(Event::Csta { leg, statement });
}

fn forward(kind: ForwardKind, is_on: bool, to: &str) -> FeatureWish {
    FeatureWish::Forward { kind, is_on, to: to.to_owned(), rings: None }
}

fn entries(rig: &Rig) -> Vec<(ForwardMode, Option<String>)> {
    let line = rig.switch.line(CRM, "1001").unwrap();
    let entry = |entry: ForwardEntry| (entry.mode, entry.destination.map(|to| to.to_string()));
    line.forwarding.into_iter().map(entry).collect()
}

#[test]
fn a_key_changes_the_line_and_the_other_phones_of_it() {
    let (mut rig, first, second) = rig();
    presses(&mut rig, first, FeatureWish::DoNotDisturb(true));
    assert_eq!(entries(&rig), [(ForwardMode::Uncond, None)]);
    assert_eq!(words(&mut rig, first), [""; 0], "it shows it already");
    assert_eq!(words(&mut rig, second), ["SetDoNotDisturb true"]);
    // What a phone tells since it was told is nothing new.
    presses(&mut rig, second, FeatureWish::DoNotDisturb(true));
    assert_eq!((words(&mut rig, first), words(&mut rig, second)), (Vec::new(), Vec::new()));
    // Echoes are no changes: there may be ten of those in a minute.
    for _ in 0..20 {
        presses(&mut rig, second, FeatureWish::DoNotDisturb(true));
    }

    presses(&mut rig, second, FeatureWish::DoNotDisturb(false));
    presses(&mut rig, second, forward(ForwardKind::Busy, true, "1002"));
    assert_eq!(entries(&rig), [(ForwardMode::Busy, Some("1002".to_owned()))]);
    assert_eq!(words(&mut rig, first), ["SetDoNotDisturb false", "Busy sip:1002@pbx.example"]);
}

#[test]
fn phones_are_told_what_an_application_changes() {
    let (mut rig, first, second) = rig();
    let to = |mode| ForwardEntry { mode, caller: None, destination: Some("1002".into()) };
    let entries = vec![to(ForwardMode::NoAnsw), to(ForwardMode::Uncond)];
    rig.request(CRM, Operation::Forward { line: "1001".into(), entries, rings: Some(3) }).unwrap();
    let wanted = ["Immediate sip:1002@pbx.example", "NoAnswer sip:1002@pbx.example 3"];
    assert_eq!(
        (words(&mut rig, first), words(&mut rig, second)),
        (wanted.map(str::to_owned).into(), wanted.map(str::to_owned).into())
    );
    rig.request(CRM, Operation::Forward { line: "1001".into(), entries: Vec::new(), rings: None }).unwrap();
    assert_eq!(words(&mut rig, first), ["Immediate -", "NoAnswer -"]);
}

#[test]
fn what_cannot_be_done_is_taken_back_at_the_phone() {
    let (mut rig, first, second) = rig();
    presses(&mut rig, first, forward(ForwardKind::Immediate, true, "4711"));
    assert_eq!(entries(&rig), []);
    assert_eq!(words(&mut rig, first), ["Immediate -"]);
    assert_eq!(words(&mut rig, second), [""; 0]);
}

/// A phone that contradicts what it is told is not told for ever.
#[test]
fn presses_are_limited() {
    let (mut rig, first, _) = rig();
    let mut told = 0;
    for _ in 0..40 {
        presses(&mut rig, first, forward(ForwardKind::Immediate, true, "4711"));
        told += words(&mut rig, first).len();
    }
    assert_eq!(told, 10);
    rig.pass(Duration::from_secs(60));
    presses(&mut rig, first, FeatureWish::DoNotDisturb(true));
    assert_eq!(entries(&rig), [(ForwardMode::Uncond, None)]);
}

/// A phone that says nothing for a while shows what holds by then.
#[test]
fn a_phone_that_was_silent_is_told_what_holds() {
    let (mut rig, first, second) = rig();
    for round in 0..12 {
        let to = |mode| ForwardEntry { mode, caller: None, destination: Some("1002".into()) };
        let entries = if round % 2 == 0 { vec![to(ForwardMode::Uncond)] } else { Vec::new() };
        rig.request(CRM, Operation::Forward { line: "1001".into(), entries, rings: None }).unwrap();
        words(&mut rig, first);
    }
    rig.pass(Duration::from_secs(10));
    rig.request(CRM, Operation::Forward { line: "1001".into(), entries: Vec::new(), rings: None }).unwrap();
    let told = words(&mut rig, second);
    assert_eq!(
        told[told.len() - 4..],
        ["SetDoNotDisturb false", "Immediate -", "Busy -", "NoAnswer -"],
        "{told:?}"
    );
}

#[test]
fn phones_without_features_in_their_row_are_neither_told_nor_heard() {
    let mut rig = Rig::with(told_by_csta(&[CstaUse::Answer]));
    rig.register("1001", "sip:1001@10.0.0.5", 1000);
    rig.pass(Duration::ZERO);
    rig.pass(Duration::from_secs(1));
    let (leg, _) = rig.invited();
    answer(&mut rig, leg);
    assert_eq!(words(&mut rig, leg), ["MonitorStart"]);
    presses(&mut rig, leg, FeatureWish::DoNotDisturb(true));
    assert_eq!((entries(&rig), words(&mut rig, leg)), (Vec::new(), Vec::new()));
}
