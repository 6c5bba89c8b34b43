//! Texts between lines: to whom they go, and what their sender is answered.

use std::time::Duration;

use trunkline_sip::UsageId;
use trunkline_sip::outbox::{Command, Content, Event, IncomingText, OutgoingMessage};

use crate::switch::rig::{Rig, setup};
use crate::switch::setup::GroupSetup;
use crate::switch::texting::TEXTS_MAX;
use crate::switch::*;

const ID: UsageId = UsageId(4711);

fn text(to: &str) -> IncomingText {
    IncomingText {
        line: "1001".into(),
        dialled: to.to_owned(),
        is_hidden: false,
        max_forwards: 69,
        content_type: "text/plain".to_owned(),
        body: "Lunch?".into(),
    }
}

fn send(rig: &mut Rig, text: IncomingText) -> Vec<(UsageId, OutgoingMessage)> {
    rig.tell(Event::Text(ID, Box::new(text)));
    let mut sent = Vec::new();
    for command in std::mem::take(&mut rig.sip) {
        if let Command::Message(usage, message) = command {
            sent.push((usage, *message));
        } else {
            rig.sip.push(command);
        }
    }
    sent
}

fn two_phones() -> Rig {
    let mut rig = Rig::new();
    rig.register("1002", "sip:desk", 1000);
    rig.register("1002", "sip:soft", 500);
    rig
}

#[test]
fn a_text_goes_to_every_phone_and_the_first_that_takes_it_answers() {
    let mut rig = two_phones();
    let sent = send(&mut rig, text("1002"));
    assert_eq!(sent.len(), 2);
    for (_, message) in &sent {
        assert_eq!((message.from.user.as_str(), message.from.name.as_str()), ("1001", "Line 1001"));
        assert_eq!((message.to.user.as_str(), message.max_forwards), ("1002", 69));
        assert_eq!(message.content, Content::Text("text/plain".to_owned(), "Lunch?".into()));
    }
    rig.tell(Event::MessageDone { usage: sent[0].0, status: 415 });
    assert_eq!(rig.commands(), Vec::<String>::new());
    rig.tell(Event::MessageDone { usage: sent[1].0, status: 200 });
    assert_eq!(rig.commands(), [format!("answer text 200 {ID}")]);
    rig.pass(Duration::from_secs(60));
    rig.assert_quiet();
}

#[test]
fn where_all_refuse_the_friendliest_refusal_is_told() {
    for (one, other, expected) in [(404, 486, 486), (408, 408, 480), (503, 408, 480), (401, 0, 403)] {
        let mut rig = two_phones();
        let sent = send(&mut rig, text("1002"));
        rig.tell(Event::MessageDone { usage: sent[0].0, status: one });
        rig.tell(Event::MessageDone { usage: sent[1].0, status: other });
        assert_eq!(rig.commands(), [format!("answer text {expected} {ID}")]);
        rig.assert_quiet();
    }
}

#[test]
fn a_phone_that_says_nothing_may_have_it() {
    let mut rig = two_phones();
    let sent = send(&mut rig, text("1002"));
    rig.pass(Duration::from_millis(3_999));
    assert_eq!(rig.commands(), Vec::<String>::new());
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.commands(), [format!("answer text 202 {ID}")]);
    for (usage, _) in sent {
        rig.tell(Event::MessageDone { usage, status: 408 });
    }
    assert_eq!(rig.commands(), Vec::<String>::new(), "answered once");
    rig.assert_quiet();
}

#[test]
fn only_lines_with_a_phone_are_written_to() {
    let groups = vec![GroupSetup::new("600", &["1002"])];
    let mut rig = Rig::with(Setup { groups, ..setup() });
    for (to, status) in
        [("4711", 404), ("1002", 480), ("1003", 480), ("030", 403), ("carrier", 404), ("600", 403)]
    {
        assert!(send(&mut rig, text(to)).is_empty());
        assert_eq!(rig.commands(), [format!("answer text {status} {ID}")], "{to}");
    }
    rig.assert_quiet();
}

#[test]
fn who_hides_writes_as_nobody() {
    let mut rig = two_phones();
    let sent = send(&mut rig, IncomingText { is_hidden: true, ..text("1002") });
    assert!(sent.iter().all(|(_, message)| message.from.is_anonymous()));
}

#[test]
fn a_line_writes_so_many_texts_a_minute() {
    let mut rig = two_phones();
    let write = |rig: &mut Rig| {
        let sent = send(rig, text("1002"));
        for (usage, _) in sent {
            rig.tell(Event::MessageDone { usage, status: 200 });
        }
        rig.commands().remove(0)
    };
    for _ in 0..TEXTS_MAX {
        assert_eq!(write(&mut rig), format!("answer text 200 {ID}"));
    }
    assert_eq!(write(&mut rig), format!("answer text 480 {ID}"));
    rig.pass(Duration::from_secs(60));
    assert_eq!(write(&mut rig), format!("answer text 200 {ID}"));
    let mut without = setup();
    without.lines.remove(0);
    rig.switch.reconfigure(rig.now, without, &mut Outbox::default());
    assert_eq!(rig.switch.texts.writers(), 0, "the line is gone");
}
