//! Digits and media: generated, gathered, monitored, and passed from one way of saying them to another.

use std::time::Duration;

use trunkline_media::{
    Command as MediaCommand, DigitSource, Event as MediaEvent, LegId as MediaLegId, MediaKind,
};
use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD};
use crate::switch::*;

const CALL: CallId = CallId(2);

/// 1001 talks with the local line 1003: the digits of call 2 are those of this leg.
fn talking(rig: &mut Rig) -> LegId {
    let caller = rig.call_in(Peer::Line("1001".into()), "1003", Some(USUAL));
    rig.request(CRM, Operation::Answer(CALL, None)).unwrap();
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    rig.messages.clear();
    caller
}

fn pressed(rig: &mut Rig, leg: LegId, digit: u8, is_end: bool) {
    let source = DigitSource::Event;
    rig.tell_media(MediaEvent::Digit { leg: MediaLegId(leg.0), digit, source, duration_ms: 100, is_end });
}

fn digits(rig: &mut Rig, app: AppId) -> Vec<String> {
    let kinds = |message: &Message| {
        matches!(
            message,
            Message::MonitorDigits { .. } | Message::GatherDigits { .. } | Message::Generate { .. }
        )
    };
    rig.told(app, kinds)
        .into_iter()
        .filter_map(|message| {
            if let Message::MonitorDigits { digit, mode, .. } = message {
                return Some(format!("{digit} {}", mode.name()));
            }
            if let Message::GatherDigits { digits, reason, .. } = message {
                return Some(format!("{digits} {reason}"));
            }
            if let Message::Generate { reason, .. } = message { Some(reason.to_owned()) } else { None }
        })
        .collect()
}

fn gather(count: u32, termination: &str) -> Operation {
    let gathering = Gathering {
        count,
        termination: termination.to_owned(),
        first_digit: Some(Duration::from_secs(5)),
        inter_digit: Some(Duration::from_secs(2)),
    };
    Operation::GatherDigits { call: CALL, gathering: Some(gathering) }
}

fn generate(digits: Option<&str>) -> Operation {
    Operation::GenerateDigits { call: CALL, digits: digits.map(str::to_owned), duration: None, mode: None }
}

#[test]
fn digits_are_told_to_who_monitors_them_and_to_nobody_else() {
    let mut rig = Rig::new();
    let caller = talking(&mut rig);
    pressed(&mut rig, caller, b'1', false);
    assert!(digits(&mut rig, WALLBOARD).is_empty());
    let modes = vec![DigitMode::Dtmf, DigitMode::DtmfEnd];
    rig.request(WALLBOARD, Operation::MonitorDigits { call: CALL, modes }).unwrap();
    pressed(&mut rig, caller, b'5', false);
    pressed(&mut rig, caller, b'5', true);
    assert_eq!(digits(&mut rig, WALLBOARD), ["5 dtmf", "5 dtmfend"]);
    rig.request(WALLBOARD, Operation::MonitorDigits { call: CALL, modes: Vec::new() }).unwrap();
    pressed(&mut rig, caller, b'6', false);
    assert!(digits(&mut rig, WALLBOARD).is_empty());
    let pulses = Operation::MonitorDigits { call: CALL, modes: vec![DigitMode::Pulse] };
    assert_eq!(rig.request(CRM, pulses).unwrap_err().error, LineError::InvalDigitMode);
}

#[test]
fn a_phone_that_says_each_digit_twice_is_heard_once() {
    let mut rig = Rig::new();
    let caller = talking(&mut rig);
    rig.request(CRM, Operation::MonitorDigits { call: CALL, modes: vec![DigitMode::Dtmf] }).unwrap();
    rig.messages.clear();
    pressed(&mut rig, caller, b'5', false);
    rig.tell(Event::Digit { leg: caller, digit: b'5', duration_ms: 100 });
    assert_eq!(digits(&mut rig, CRM), ["5 dtmf"]);
}

#[test]
fn gathering_ends_when_the_buffer_is_full() {
    let mut rig = Rig::new();
    let caller = talking(&mut rig);
    rig.request(CRM, gather(2, "#")).unwrap();
    pressed(&mut rig, caller, b'1', false);
    pressed(&mut rig, caller, b'1', true);
    pressed(&mut rig, caller, b'2', false);
    pressed(&mut rig, caller, b'3', false);
    assert_eq!(digits(&mut rig, CRM), ["12 bufferfull"]);
}

#[test]
fn the_digit_that_terminates_is_in_the_buffer() {
    let mut rig = Rig::new();
    let caller = talking(&mut rig);
    rig.request(CRM, gather(9, "#*")).unwrap();
    pressed(&mut rig, caller, b'1', false);
    pressed(&mut rig, caller, b'#', false);
    assert_eq!(digits(&mut rig, CRM), ["1# termdigit"]);
}

#[test]
fn gathering_ends_when_a_digit_does_not_come() {
    let mut rig = Rig::new();
    let caller = talking(&mut rig);
    rig.request(CRM, gather(9, "")).unwrap();
    rig.pass(Duration::from_secs(5));
    assert_eq!(digits(&mut rig, CRM), [" firsttimeout"]);
    rig.request(CRM, gather(9, "")).unwrap();
    pressed(&mut rig, caller, b'7', false);
    rig.pass(Duration::from_secs(2));
    assert_eq!(digits(&mut rig, CRM), ["7 intertimeout"]);
}

#[test]
fn another_request_or_none_cancels_and_the_end_of_the_call_does() {
    let mut rig = Rig::new();
    let caller = talking(&mut rig);
    rig.request(CRM, gather(9, "")).unwrap();
    pressed(&mut rig, caller, b'7', false);
    rig.request(CRM, gather(9, "")).unwrap();
    assert_eq!(digits(&mut rig, CRM), ["7 cancel"]);
    rig.request(CRM, Operation::GatherDigits { call: CALL, gathering: None }).unwrap();
    assert_eq!(digits(&mut rig, CRM), [" cancel"]);
    rig.request(CRM, gather(9, "")).unwrap();
    rig.hang_up(caller);
    assert_eq!(digits(&mut rig, CRM), [" cancel"]);
}

#[test]
fn what_cannot_be_gathered_is_refused() {
    let mut rig = Rig::new();
    talking(&mut rig);
    let mut error = |operation| rig.request(CRM, operation).unwrap_err().error;
    assert_eq!(error(gather(0, "")), LineError::InvalParam);
    assert_eq!(error(gather(1025, "")), LineError::InvalParam);
    assert_eq!(error(gather(1, "x")), LineError::InvalDigits);
}

#[test]
fn generated_digits_are_said_to_the_far_party_and_told_once_they_are_out() {
    let mut rig = Rig::new();
    let caller = talking(&mut rig);
    rig.request(CRM, generate(Some("12,3"))).unwrap();
    let said = rig.relayed.iter().find_map(|command| {
        if let MediaCommand::Digits { leg, generation, digits, .. } = command {
            Some((*leg, *generation, digits.to_vec()))
        } else {
            None
        }
    });
    let (leg, generation, said) = said.expect("digits");
    assert_eq!((leg, said), (MediaLegId(caller.0), b"12,3".to_vec()));
    rig.tell_media(MediaEvent::Generated { leg, generation, cancelled: false });
    assert_eq!(digits(&mut rig, CRM), ["done"]);
    rig.tell_media(MediaEvent::Generated { leg, generation, cancelled: false });
    assert!(digits(&mut rig, CRM).is_empty(), "it is told once");
}

#[test]
fn digits_cannot_be_said_to_who_has_not_answered() {
    let mut rig = Rig::new();
    rig.call_in(Peer::Line("1001".into()), "1003", Some(USUAL));
    assert_eq!(rig.request(CRM, generate(Some("1"))).unwrap_err().error, LineError::InvalCallState);
}

#[test]
fn a_digit_by_info_is_said_to_the_other_side_in_the_way_that_it_takes() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some("0 101"));
    let (station, _) = rig.invited();
    rig.answer(station, "0");
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    // The station takes no events: it is sent an INFO; the caller takes them.
    rig.tell(Event::Digit { leg: caller, digit: b'1', duration_ms: 160 });
    assert!(
        matches!(rig.sip.as_slice(), [Command::Digit(leg, b'1', 160)] if *leg == station),
        "{:?}",
        rig.sip
    );
}

#[test]
fn detected_media_is_told_and_changes_nothing() {
    let mut rig = Rig::new();
    let caller = talking(&mut rig);
    let media_modes = vec![MediaMode::G3Fax];
    rig.request(CRM, Operation::MonitorMedia { call: CALL, media_modes }).unwrap();
    rig.messages.clear();
    for kind in [MediaKind::Voice, MediaKind::Fax] {
        rig.tell_media(MediaEvent::MediaDetected { leg: MediaLegId(caller.0), kind });
    }
    let told = rig.told(CRM, |message| matches!(message, Message::MonitorMedia { .. }));
    let media_mode = MediaMode::G3Fax;
    assert_eq!(told, [Message::MonitorMedia { call: CALL, line: "1003".into(), media_mode }]);
    assert_eq!(rig.switch.call(CRM, CALL).unwrap().media_modes, [MediaMode::InteractiveVoice]);
}
