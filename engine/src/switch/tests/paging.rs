//! Page groups: who is spoken to, who hears whom, and when it is over.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{CallDetails, DialogPhase, Document, Event, Peer, Refer, ReferMethod, ReferTo};

use crate::switch::page::RING;
use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::setup::{LineSetup, PageSetup};
use crate::switch::*;

const PAGE: &str = "650";

/// 650 are the phones of 1001, 1002 and 1004; 1005 has one, too.
fn rig() -> Rig {
    with(|_| {})
}

fn with(change: impl FnOnce(&mut Setup)) -> Rig {
    let mut setup = setup();
    for address in ["1004", "1005"] {
        setup.lines.push(LineSetup { address: address.into(), ..setup.lines[0].clone() });
    }
    let page = PageSetup::new(PAGE, &["1001", "1002", "1004"]);
    setup.pages = vec![PageSetup { name: "Everybody".to_owned(), longest: Duration::from_secs(30), ..page }];
    change(&mut setup);
    let mut rig = Rig::with(setup);
    for line in ["1001", "1002", "1004", "1005"] {
        rig.register(line, &format!("sip:{line}@10.0.0.9"), 1000);
    }
    rig
}

fn page(rig: &mut Rig) -> LegId {
    rig.call_in(Peer::Line("1005".into()), PAGE, Some(USUAL))
}

/// The members' legs.
fn called(rig: &mut Rig, count: usize) -> Vec<LegId> {
    let legs = (0..count).map(|_| rig.invited().0).collect();
    assert!(rig.sip.is_empty(), "nobody else is called");
    legs
}

/// Everybody is spoken to, and the caller has acknowledged that.
fn spoken(rig: &mut Rig) -> (LegId, Vec<LegId>) {
    let caller = page(rig);
    let members = called(rig, 3);
    for member in &members {
        rig.answer(*member, USUAL);
    }
    rig.tell(Event::Established { leg: caller, answer: None });
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    (caller, members)
}

fn feed(rig: &Rig, leg: LegId) -> &str {
    rig.feeds.get(&leg).map_or("", String::as_str)
}

#[test]
fn members_are_asked_to_answer_by_themselves_and_hear_the_caller_who_hears_nobody() {
    let mut rig = rig();
    rig.register("1002", "sip:1002@10.0.0.10", 500);
    let caller = page(&mut rig);
    assert_eq!(
        rig.states(CRM)[2..],
        [
            "c1 proceeding",
            "c2 new owner",
            "c2 offering/active",
            "c3 new owner",
            "c3 offering/active",
            "c4 new owner",
            "c4 offering/active",
        ]
    );
    let (one, invite) = rig.invited();
    let header =
        |name: &str| invite.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| &**value);
    assert_eq!(header("Call-Info"), Some("<sip:pbx.example>;answer-after=0"));
    assert_eq!((invite.from.user.as_str(), invite.to.user.as_str()), ("1005", PAGE));
    assert_eq!(invite.to.name, "Everybody");
    let (other, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:1002@10.0.0.10", "one phone of a line, that which was heard of last");
    let (last, _) = rig.invited();
    assert!(rig.sip.is_empty());
    rig.progress(one, 180, None);
    assert!(rig.commands().is_empty(), "the caller hears nothing of it");
    rig.answer(other, "8 101");
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.answer(one, USUAL);
    rig.answer(last, USUAL);
    assert!(rig.commands().is_empty());
    for member in [one, other, last] {
        assert_eq!(feed(&rig, member), format!("leg {caller:?}"));
    }
    assert_eq!(feed(&rig, caller), "silence");
    let view = rig.switch.call(CRM, CallId(1)).unwrap();
    assert_eq!((view.connected.number.as_str(), view.connected.name.as_str()), (PAGE, "Everybody"));
    let view = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((view.reason, view.redirecting.number.as_str()), (CallReason::Redirect, PAGE));
    assert_eq!((view.called.number.as_str(), view.connected.number.as_str()), ("1002", "1005"));
    rig.hang_up(caller);
    assert_eq!(rig.commands(), [one, other, last].map(|leg| format!("end {leg}")));
    rig.assert_quiet();
}

#[test]
fn who_leaves_leaves_alone_and_the_last_one_ends_it() {
    let mut rig = rig();
    let (caller, members) = spoken(&mut rig);
    rig.states(CRM);
    rig.hang_up(members[0]);
    assert!(rig.commands().is_empty());
    assert_eq!(rig.states(CRM), ["c2 idle"]);
    // An application hangs up for another.
    rig.request(CRM, Operation::Drop(CallId(3), None)).unwrap();
    assert_eq!(rig.commands(), [format!("end {}", members[1])]);
    assert_eq!(rig.state(1), CallState::Connected(ConnectedMode::Active));
    rig.states(CRM);
    rig.end(members[2], trunkline_sip::outbox::CauseKind::Lost);
    assert_eq!(rig.commands(), [format!("end {caller}")]);
    let states = rig.states(CRM);
    assert!(states.contains(&"c1 disconnected/normal".to_owned()), "{states:?}");
    rig.assert_quiet();
}

#[test]
fn whose_phone_only_rings_is_left_alone_and_others_hear_it_all() {
    let mut rig = rig();
    let caller = page(&mut rig);
    let members = called(&mut rig, 3);
    rig.answer(members[0], USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.refuse(members[1], 486);
    rig.progress(members[2], 180, None);
    rig.commands();
    rig.pass(RING);
    assert_eq!(rig.commands(), [format!("end {}", members[2])]);
    assert_eq!(feed(&rig, members[0]), format!("leg {caller:?}"));
    rig.pass(Duration::from_secs(29) - RING);
    assert!(rig.commands().is_empty());
    rig.pass(Duration::from_secs(1));
    assert_eq!(
        rig.commands(),
        [format!("end {caller}"), format!("end {}", members[0])],
        "as long as it may be"
    );
    rig.assert_quiet();
}

#[test]
fn a_caller_whom_nobody_hears_is_told_so() {
    let mut rig = rig();
    let caller = page(&mut rig);
    let members = called(&mut rig, 3);
    rig.refuse(members[0], 603);
    rig.refuse(members[1], 302);
    assert!(rig.commands().is_empty());
    rig.pass(RING);
    assert_eq!(rig.commands(), [format!("end {}", members[2]), format!("reject 480 {caller}")]);
    rig.assert_quiet();
    // Nor is he answered when all legs fail before they begin.
    let mut rig = with(|setup| setup.media.ports = 20_000..=20_001);
    let caller = page(&mut rig);
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_caller_who_gives_up_takes_all_calls_back() {
    let mut rig = rig();
    let caller = page(&mut rig);
    let members = called(&mut rig, 3);
    rig.end(caller, trunkline_sip::outbox::CauseKind::Cancel);
    assert_eq!(rig.commands(), members.iter().map(|leg| format!("end {leg}")).collect::<Vec<_>>());
    rig.assert_quiet();
}

#[test]
fn nobody_is_disturbed_who_talks_or_does_not_want_it() {
    let mut rig = with(|setup| setup.lines[3].intercom = false);
    rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    rig.invited();
    rig.commands();
    let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: None };
    let quiet = Operation::Forward { line: "1002".into(), entries: vec![entry], rings: None };
    rig.request(CRM, quiet).unwrap();
    let caller = page(&mut rig);
    assert_eq!(
        rig.commands(),
        [format!("reject 480 {caller}")],
        "1001 rings, 1002 is quiet, 1004 forbids it"
    );
    // Each for itself: the others are called.
    for (line, others) in [("1001", ["1002", "1004"]), ("1002", ["1001", "1004"]), ("1004", ["1001", "1002"])]
    {
        let mut rig = with(|setup| setup.lines[3].intercom = line != "1004");
        if line == "1001" {
            rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
            rig.invited();
            rig.commands();
        } else if line == "1002" {
            let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: None };
            let quiet = Operation::Forward { line: "1002".into(), entries: vec![entry], rings: None };
            rig.request(CRM, quiet).unwrap();
        }
        page(&mut rig);
        let called: Vec<_> = (0..2).map(|_| rig.invited().1.target.uri).collect();
        assert_eq!(called, others.map(|line| format!("sip:{line}@10.0.0.9")));
        assert!(rig.sip.is_empty(), "{line}");
    }
    // A member who speaks is not spoken to.
    let mut rig = self::rig();
    let caller = rig.call_in(Peer::Line("1002".into()), PAGE, Some(USUAL));
    let members = called(&mut rig, 2);
    rig.hang_up(caller);
    assert_eq!(rig.commands(), members.iter().map(|leg| format!("end {leg}")).collect::<Vec<_>>());
    rig.assert_quiet();
}

#[test]
fn who_may_not_speak_is_refused() {
    let only = |setup: &mut Setup| setup.pages[0].callers = vec!["1001".into()];
    let mut rig = with(only);
    let caller = page(&mut rig);
    assert_eq!(rig.commands(), [format!("reject 403 {caller}")], "not by this line");
    rig.call_in(Peer::Line("1001".into()), PAGE, Some(USUAL));
    called(&mut rig, 2);
    let mut rig = self::rig();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), PAGE, Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 403 {caller}")], "not from outside");
    let details = CallDetails { is_private: true, ..CallDetails::default() };
    let caller = rig.call_in_with(Peer::Line("1005".into()), PAGE, details);
    assert_eq!(rig.commands(), [format!("reject 433 {caller}")], "not hidden");
    let caller = rig.call_in(Peer::Line("1005".into()), PAGE, Some("18 101"));
    assert_eq!(
        rig.commands(),
        [format!("reject 488 {caller}")],
        "not in a codec that the engine does not know"
    );
    rig.assert_quiet();
}

#[test]
fn nobody_is_sent_there() {
    let mut rig = rig();
    let error = |reply: Reply| reply.unwrap_err().error;
    let blocked = LineError::AddressBlocked;
    let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: Some(PAGE.into()) };
    let away = Operation::Forward { line: "1001".into(), entries: vec![entry], rings: None };
    assert_eq!(error(rig.request(CRM, away.clone())), blocked);
    let caller = rig.call_in(Peer::Line("1005".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.commands();
    let call = rig.switch.calls(CRM).iter().find(|view| &*view.line == "1002").unwrap().id;
    assert_eq!(error(rig.request(CRM, Operation::Redirect { call, to: PAGE.to_owned() })), blocked);
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    assert_eq!(error(rig.request(CRM, Operation::BlindTransfer { call, to: PAGE.to_owned() })), blocked);
    let usage = trunkline_sip::UsageId(7);
    rig.tell(Event::Refer(usage, refer(station, "1002")));
    assert_eq!(rig.commands(), [format!("answer refer 403 {usage}")]);
    assert_eq!(rig.state(call.0), CallState::Connected(ConnectedMode::Active), "they talk on");
    rig.hang_up(caller);
    rig.commands();
    // What became the number of a page group later leads there no more.
    let pages = rig.switch.setup.pages.clone();
    let change = |rig: &mut Rig, change: &dyn Fn(&mut Setup)| {
        let mut changed = Setup::clone(&rig.switch.setup);
        change(&mut changed);
        let mut out = Outbox::default();
        rig.switch.reconfigure(rig.now, changed, &mut out);
        rig.take(out);
    };
    change(&mut rig, &|setup| {
        setup.pages.clear();
        setup.lines.push(LineSetup { address: PAGE.into(), ..setup.lines[0].clone() });
    });
    assert_eq!(rig.request(CRM, away), Ok(Outcome::Done));
    change(&mut rig, &|setup| {
        setup.lines.pop();
        setup.pages = pages.clone();
    });
    let caller = rig.call_in(Peer::Line("1005".into()), "1001", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 482 {caller}")]);
}

fn refer(leg: LegId, line: &str) -> Box<Refer> {
    Box::new(Refer {
        leg: Some(leg),
        peer: Peer::Line(line.into()),
        dialled: String::new(),
        to: ReferTo {
            user: PAGE.to_owned(),
            host: "pbx.example".to_owned(),
            method: ReferMethod::Invite,
            replaces: None,
            dialog: None,
        },
        referred_by: None,
        notifies: true,
    })
}

#[test]
fn a_conference_calls_no_page_group_in() {
    let mut rig = rig();
    let lead = rig.call_in(Peer::Line("1005".into()), "conference", Some(USUAL));
    rig.tell(Event::Established { leg: lead, answer: None });
    rig.commands();
    let usage = trunkline_sip::UsageId(7);
    rig.tell(Event::Refer(usage, refer(lead, "1005")));
    assert_eq!(rig.commands(), [format!("answer refer 202 {usage}"), format!("refer progress 403 {usage}")]);
    assert_eq!((rig.switch.pages.len(), feed(&rig, lead)), (0, "conference 1"));
}

#[test]
fn one_speaks_to_a_group_at_a_time() {
    let mut rig = rig();
    let (caller, _) = spoken(&mut rig);
    let other = rig.call_in(Peer::Line("1001".into()), PAGE, Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 486 {other}")]);
    rig.hang_up(caller);
    rig.commands();
    rig.call_in(Peer::Line("1005".into()), PAGE, Some(USUAL));
    called(&mut rig, 3);
}

#[test]
fn who_hears_busy_is_not_disturbed() {
    let mut rig = rig();
    // 1001 has called 1002 by an application, who is busy, and has his phone at his ear.
    let made = Operation::MakeCall { line: "1001".into(), to: "1002".to_owned(), params: None };
    rig.request(CRM, made).unwrap();
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    rig.commands();
    assert_eq!(rig.state(1), CallState::Busy(BusyMode::Station));
    assert!(rig.switch.is_on_a_call("1001"));
    assert!(!rig.switch.is_on_a_call("1002"), "what was refused is over");
    page(&mut rig);
    let lines: Vec<_> = (0..2).map(|_| rig.invited().1.target.uri).collect();
    assert_eq!(lines, ["sip:1002@10.0.0.9", "sip:1004@10.0.0.9"]);
    assert!(rig.sip.is_empty());
}

#[test]
fn a_page_is_no_use_of_the_phone_and_its_members_need_not_speak() {
    let mut rig = rig();
    let (caller, members) = spoken(&mut rig);
    assert!(rig.switch.is_used("1005") && !rig.switch.is_used("1001"));
    let activities = |line| match rig.switch.presence(line, "1001") {
        Some(Document::Presence(state)) => state.activities.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!((activities("1005"), activities("1001")), (1, 0), "who speaks is on the phone");
    assert!(rig.remotes[&caller].receive, "who speaks is expected to");
    for member in members {
        assert!(!rig.remotes[&member].receive, "a loudspeaker says nothing");
    }
}

#[test]
fn what_members_and_who_speaks_dial_is_not_listened_to() {
    let mut rig = rig();
    spoken(&mut rig);
    for call in [CallId(1), CallId(2)] {
        let modes = vec![DigitMode::Dtmf];
        let media_modes = vec![MediaMode::InteractiveVoice];
        for operation in [
            Operation::MonitorDigits { call, modes },
            Operation::MonitorMedia { call, media_modes },
            Operation::GatherDigits { call, gathering: None },
        ] {
            assert_eq!(
                rig.request(CRM, operation).unwrap_err().error,
                LineError::OperationUnavail,
                "{call:?}"
            );
        }
    }
}

#[test]
fn a_lamp_blinks_until_a_member_has_answered() {
    let mut rig = rig();
    let phases = |rig: &Rig| {
        let dialogs = rig.switch.page_dialogs(PAGE).unwrap();
        dialogs.iter().map(|dialog| (dialog.phase, dialog.remote.user.clone())).collect::<Vec<_>>()
    };
    assert_eq!(phases(&rig), []);
    let caller = page(&mut rig);
    let members = called(&mut rig, 3);
    assert_eq!(phases(&rig), [(DialogPhase::Early, "1005".to_owned())]);
    rig.answer(members[0], USUAL);
    assert_eq!(phases(&rig), [(DialogPhase::Confirmed, "1005".to_owned())]);
    rig.hang_up(caller);
    assert_eq!(phases(&rig), []);
}

#[test]
fn who_holds_is_not_heard_meanwhile() {
    let mut rig = rig();
    let (caller, members) = spoken(&mut rig);
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    assert_eq!([caller, members[0]].map(|leg| feed(&rig, leg)), ["silence", "silence"]);
    rig.request(CRM, Operation::Unhold(CallId(1))).unwrap();
    assert_eq!(feed(&rig, members[0]), format!("leg {caller:?}"));
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn an_application_speaks_by_its_phone_and_hands_nobody_over() {
    let mut rig = rig();
    let to = PAGE.to_owned();
    rig.request(CRM, Operation::MakeCall { line: "1005".into(), to, params: None }).unwrap();
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    let members = called(&mut rig, 3);
    rig.answer(members[0], "8 101");
    assert_eq!(feed(&rig, members[0]), format!("leg {own:?}"));
    for (id, calling) in [(CallId(1), true), (CallId(2), false)] {
        let view = rig.switch.call(CRM, id).unwrap();
        assert_eq!(view.state, CallState::Connected(ConnectedMode::Active));
        for operation in [
            CallOperation::BlindTransfer,
            CallOperation::SetupTransfer,
            CallOperation::SetupConference,
            CallOperation::Park,
        ] {
            assert!(!view.features.contains(&operation), "{calling} {operation:?}");
        }
        assert!(view.features.contains(&CallOperation::Hold));
    }
    // Who speaks is not handed to another either whom his phone holds, nor he to the members.
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    let to = "030".to_owned();
    rig.request(CRM, Operation::MakeCall { line: "1005".into(), to, params: None }).unwrap();
    let (second, _) = rig.invited();
    rig.answer(second, USUAL);
    let (network, _) = rig.invited();
    rig.answer(network, USUAL);
    let calls = rig.switch.calls(CRM);
    let consult = calls.iter().filter(|view| &*view.line == "1005").map(|view| view.id).max().unwrap();
    assert_eq!(rig.state(consult.0), CallState::Connected(ConnectedMode::Active));
    for (call, consult) in [(CallId(1), consult), (consult, CallId(1))] {
        let handed = Operation::CompleteTransfer { call, consult, mode: TransferMode::Transfer };
        assert!(rig.request(CRM, handed).is_err(), "{call:?}");
        let view = rig.switch.call(CRM, call).unwrap();
        assert!(!view.features.contains(&CallOperation::CompleteTransfer), "{call:?}");
    }
    rig.request(CRM, Operation::Drop(consult, None)).unwrap();
    rig.request(CRM, Operation::Drop(CallId(1), None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn a_reload_lets_who_speaks_go_on_and_a_restart_ends_it() {
    let mut rig = rig();
    let (caller, members) = spoken(&mut rig);
    let mut changed = Setup::clone(&rig.switch.setup);
    changed.pages.clear();
    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, changed, &mut out);
    rig.take(out);
    assert_eq!(feed(&rig, members[2]), format!("leg {caller:?}"));
    rig.hang_up(caller);
    rig.assert_quiet();

    let mut rig = self::rig();
    rig.switch.keep_calls();
    let (caller, members) = spoken(&mut rig);
    rig.pass(Duration::from_secs(2));
    let legs: Vec<_> = std::iter::once(caller).chain(members).collect();
    rig.restart(&legs);
    let mut ended = rig.commands();
    ended.sort();
    let mut expected: Vec<_> = legs.iter().map(|leg| format!("end {leg}")).collect();
    expected.sort();
    assert_eq!(ended, expected);
}
