//! How many voice messages lines have: who may say so, and who hears of it.

use std::time::Duration;

use bytes::Bytes;
use trunkline_sip::UsageId;
use trunkline_sip::outbox::{
    Command, Document, Event, MessagesTold, Package, Peer, Subscribe, Subscriber, SubscriptionPhase,
};

use crate::switch::rig::{CRM, Rig, WALLBOARD, setup};
use crate::switch::setup::VoicemailSetup;
use crate::switch::*;

const NONE: MessageCounts = MessageCounts { is_waiting: false, new: 0, old: 0, urgent_new: 0, urgent_old: 0 };
const SOME: MessageCounts = MessageCounts { is_waiting: true, new: 2, old: 8, urgent_new: 0, urgent_old: 1 };

fn set(line: &str, counts: MessageCounts) -> Operation {
    Operation::SetMessages { line: line.into(), counts }
}

fn watch(rig: &mut Rig, number: u64, line: &str, dialled: &str) {
    let subscriber = Subscriber {
        peer: Peer::Line(line.into()),
        dialled: dialled.to_owned(),
        package: Package::MessageSummary,
        leg: None,
        call_completion: None,
        takes_lists: false,
    };
    rig.tell(Event::Subscribe(usage(number), Box::new(subscriber)));
}

fn usage(number: u64) -> UsageId {
    UsageId::new(0, number)
}

/// What phones were told since the last look.
fn told(rig: &mut Rig) -> Vec<(UsageId, MessageCounts, Option<String>)> {
    let told = std::mem::take(&mut rig.sip).into_iter().filter_map(|command| {
        let Command::NotifySubscriber(usage, document, false) = command else { return None };
        let Document::Messages { counts, account } = *document else { panic!("{document:?}") };
        Some((usage, counts, account))
    });
    told.collect()
}

fn line_states(rig: &mut Rig, app: AppId) -> Vec<(&'static str, u32)> {
    let told = rig.told(app, |message| matches!(message, Message::LineState { .. }));
    let state = |message| {
        let Message::LineState { state, detail, .. } = message else { panic!("{message:?}") };
        (state, detail)
    };
    told.into_iter().map(state).collect()
}

fn listens(rig: &mut Rig, app: AppId) {
    let listen = Operation::SetStatusMessages {
        line: "1001".into(),
        line_states: vec!["msgwaiton".to_owned(), "msgwaitoff".to_owned()],
        address_states: Vec::new(),
    };
    rig.request(app, listen).unwrap();
}

fn with_voicemail(subscribes: bool) -> Setup {
    let voicemail = VoicemailSetup {
        trunk: Some("carrier".into()),
        subscribes,
        number: "*97".to_owned(),
        ..VoicemailSetup::default()
    };
    Setup { voicemail, ..setup() }
}

fn says(trunk: &str, mailboxes: &[&str], counts: MessageCounts) -> Event {
    let mailboxes = mailboxes.iter().map(|mailbox| (*mailbox).to_owned()).collect();
    Event::MessagesTold(Box::new(MessagesTold { trunk: trunk.into(), mailboxes, counts }))
}

#[test]
fn an_application_switches_the_lamp_of_a_line() {
    let mut rig = Rig::new();
    listens(&mut rig, WALLBOARD);
    watch(&mut rig, 1, "1001", "1001");
    assert_eq!(told(&mut rig), [(usage(1), NONE, None)]);
    assert_eq!(rig.request(CRM, set("1001", SOME)), Ok(Outcome::Done));
    assert_eq!(told(&mut rig), [(usage(1), SOME, None)]);
    assert_eq!(line_states(&mut rig, WALLBOARD), [("msgwaiton", 2)]);
    assert_eq!(rig.switch.line(WALLBOARD, "1001").unwrap().messages, SOME);
    assert_eq!(rig.store, [Kept::Messages { line: "1001".into(), counts: SOME }]);

    rig.messages.clear();
    rig.request(CRM, set("1001", SOME)).unwrap();
    rig.request(CRM, set("1002", SOME)).unwrap();
    assert_eq!(
        (told(&mut rig), line_states(&mut rig, WALLBOARD)),
        (Vec::new(), Vec::new()),
        "nothing changed"
    );
    let heard = MessageCounts { old: 10, urgent_old: 1, ..NONE };
    rig.request(CRM, set("1001", heard)).unwrap();
    assert_eq!(told(&mut rig), [(usage(1), heard, None)]);
    assert_eq!(line_states(&mut rig, WALLBOARD), [("msgwaitoff", 0)]);
}

#[test]
fn who_does_not_own_the_line_or_counts_wrong_is_refused() {
    let mut rig = Rig::with(with_voicemail(false));
    let refused =
        |rig: &mut Rig, app, operation| rig.request(app, operation).map_err(|refusal| refusal.error);
    for (app, operation, error) in [
        (WALLBOARD, set("1001", SOME), LineError::NotOwner),
        (CRM, set("4711", SOME), LineError::InvalLineHandle),
        (CRM, set("carrier", SOME), LineError::OperationUnavail),
        (CRM, set("1001", MessageCounts { new: 10_000, ..SOME }), LineError::InvalParam),
        (CRM, set("1001", MessageCounts { urgent_new: 3, ..SOME }), LineError::InvalParam),
        (CRM, set("1001", MessageCounts { urgent_old: 9, ..SOME }), LineError::InvalParam),
    ] {
        let what = format!("{operation:?}");
        assert_eq!(refused(&mut rig, app, operation), Err(error), "{what}");
    }
    assert!(rig.store.is_empty());
}

#[test]
fn messages_are_shown_to_their_own_line_alone() {
    let mut setup = with_voicemail(false);
    setup.lines[0].mailbox = Some("5001".into());
    let mut rig = Rig::with(setup);
    for (number, dialled) in [(1, "1001"), (2, "5001"), (3, "*97")] {
        watch(&mut rig, number, "1001", dialled);
        assert_eq!(told(&mut rig), [(usage(number), NONE, Some("*97".to_owned()))], "{dialled}");
    }
    for (dialled, answer) in [
        ("1002", "answer subscribe 403 9"),
        ("4711", "answer subscribe 404 9"),
        ("", "answer subscribe 404 9"),
    ] {
        watch(&mut rig, 9, "1001", dialled);
        assert_eq!(rig.commands(), [answer], "{dialled}");
    }
    watch(&mut rig, 9, "1002", "5001");
    assert_eq!(rig.commands(), ["answer subscribe 403 9"], "the mailbox of another");
}

#[test]
fn the_trunk_that_keeps_messages_is_heard_and_no_other() {
    let mut setup = with_voicemail(false);
    setup.lines[0].mailbox = Some("5001".into());
    setup.lines[1].mailbox = Some("5001".into());
    setup.lines[2].mailbox = Some("".into());
    let mut rig = Rig::with(setup);
    rig.tell(says("other", &["5001"], SOME));
    rig.tell(says("carrier", &["1001", "1003", "4711"], SOME));
    assert!(rig.store.is_empty(), "{:?}", rig.store);
    rig.tell(says("carrier", &["trunkline", "5001"], SOME));
    let kept = |line: &str| Kept::Messages { line: line.into(), counts: SOME };
    assert_eq!(rig.store, [kept("1001"), kept("1002")], "both share it");
}

/// Each SUBSCRIBE of ours since the last look.
fn subscribed(rig: &mut Rig) -> Vec<(UsageId, Subscribe)> {
    let asked = std::mem::take(&mut rig.sip).into_iter().filter_map(|command| {
        let Command::Subscribe(usage, subscribe) = command else { return None };
        Some((usage, *subscribe))
    });
    asked.collect()
}

#[test]
fn the_trunk_is_asked_for_one_mailbox_after_the_other() {
    let mut rig = Rig::with(with_voicemail(true));
    rig.pass(Duration::ZERO);
    let [(usage, subscribe)] = &subscribed(&mut rig)[..] else { panic!("one at a time") };
    assert_eq!(
        (subscribe.package, subscribe.target.uri.as_str()),
        (Package::MessageSummary, "sip:1001@carrier.example")
    );
    assert_eq!((subscribe.from.user.as_str(), subscribe.from.host.as_str()), ("1001", "pbx.example"));
    for line in ["1002", "1003"] {
        rig.pass(Duration::from_millis(49));
        assert!(subscribed(&mut rig).is_empty(), "{line}");
        rig.pass(Duration::from_millis(1));
        assert_eq!(subscribed(&mut rig)[0].1.to.user, line);
    }
    assert_eq!(rig.switch.deadline(), None);
    let body = |text: &'static str| {
        Some(("application/simple-message-summary".to_owned(), Bytes::from_static(text.as_bytes())))
    };
    let notice = |usage, body| Event::Subscription { usage, phase: SubscriptionPhase::Active, body };
    rig.tell(notice(*usage, body("Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/1)\r\n")));
    assert_eq!(rig.switch.line(CRM, "1001").unwrap().messages, SOME);
    rig.tell(notice(*usage, body("garbage")));
    rig.tell(notice(*usage, None));
    assert_eq!(rig.switch.line(CRM, "1001").unwrap().messages, SOME, "what says nothing changes nothing");
}

#[test]
fn a_trunk_that_is_silent_or_refuses_is_asked_again() {
    let mut setup = with_voicemail(true);
    setup.lines.truncate(1);
    let mut rig = Rig::with(setup);
    rig.pass(Duration::ZERO);
    let mut uris = Vec::new();
    for (status, seconds) in [(408, 60), (503, 60), (403, 3600), (0, 3600)] {
        let (usage, subscribe) = subscribed(&mut rig).pop().expect("it is asked");
        uris.push(subscribe.target.flow.remote.to_string());
        rig.tell(Event::SubscriptionOver { usage, status });
        rig.pass(Duration::from_secs(seconds - 1));
        assert!(subscribed(&mut rig).is_empty(), "{status}");
        rig.pass(Duration::from_secs(1));
    }
    let peers = ["198.51.100.7:5060", "198.51.100.8:5060", "198.51.100.7:5060", "198.51.100.8:5060"];
    assert_eq!(uris, peers, "each time another of its peers");
}

#[test]
fn a_reload_leaves_what_is_gone_and_asks_for_what_is_new() {
    let mut rig = Rig::with(with_voicemail(true));
    for _ in 0..3 {
        rig.pass(Duration::from_millis(50));
    }
    let first: Vec<UsageId> = subscribed(&mut rig).into_iter().map(|(usage, _)| usage).collect();
    assert_eq!(first.len(), 3);
    let reload = |rig: &mut Rig, setup: Setup| {
        let mut out = Outbox::default();
        rig.switch.reconfigure(rig.now, setup, &mut out);
        rig.take(out);
        rig.pass(Duration::from_secs(1));
        let left = rig.sip.iter().filter(|command| matches!(command, Command::Unsubscribe(_))).count();
        (left, subscribed(rig).into_iter().map(|(_, subscribe)| subscribe.to.user).collect::<Vec<_>>())
    };
    let mut other = with_voicemail(true);
    other.lines[1].mailbox = Some("5002".into());
    assert_eq!(reload(&mut rig, other.clone()), (1, vec!["5002".to_owned()]));
    assert_eq!(reload(&mut rig, other), (0, Vec::new()), "nothing changed");
    let mut moved = with_voicemail(true);
    moved.trunks[0].peers.truncate(1);
    let (left, asked) = reload(&mut rig, moved);
    assert_eq!((left, asked.len()), (3, 1), "another place is asked for everything, one after the other");
    assert_eq!(reload(&mut rig, with_voicemail(false)), (1, Vec::new()));
}

#[test]
fn messages_outlive_the_process() {
    let mut rig = Rig::new();
    rig.request(CRM, set("1001", SOME)).unwrap();
    let gone = Kept::Messages { line: "4711".into(), counts: SOME };
    let kept: Vec<Kept> = rig.store.drain(..).chain([gone]).collect();
    let mut rig = Rig::new();
    rig.switch.restore(kept);
    watch(&mut rig, 1, "1001", "1001");
    assert_eq!(told(&mut rig), [(usage(1), SOME, None)]);
}
