//! lineDial: calls that are begun without a whole number.

use std::time::Duration;

use trunkline_media::{Command as MediaCommand, Event as MediaEvent};
use trunkline_sip::LegId;

use crate::switch::call_state::DialToneMode;
use crate::switch::rig::{CRM, Rig, USUAL};
use crate::switch::*;

fn make_call(rig: &mut Rig, line: &str, to: &str) -> Reply {
    rig.request(CRM, Operation::MakeCall { line: line.into(), to: to.to_owned(), params: None })
}

fn dial(rig: &mut Rig, digits: &str) -> Reply {
    rig.request(CRM, Operation::Dial { call: CallId(1), digits: digits.to_owned() })
}

fn error(reply: Reply) -> LineError {
    reply.unwrap_err().error
}

#[test]
fn a_trunk_is_called_when_the_number_is_whole() {
    let mut rig = Rig::new();
    make_call(&mut rig, "carrier", "").unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c1 dialtone/normal"]);
    dial(&mut rig, "030;").unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c1 dialing"]);
    dial(&mut rig, "12;").unwrap();
    assert_eq!(rig.states(CRM), ["reply"]);
    assert!(rig.sip.is_empty());
    dial(&mut rig, "").unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c1 proceeding"]);
    assert_eq!(rig.invited().1.to.user, "03012");
    assert_eq!(rig.switch.call(CRM, CallId(1)).unwrap().called.number, "03012");
}

#[test]
fn a_station_of_the_engine_dials_through_every_state() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    make_call(&mut rig, "1003", ";").unwrap();
    rig.states(CRM);
    dial(&mut rig, "1002").unwrap();
    assert_eq!(
        rig.states(CRM),
        ["reply", "c1 dialing", "c2 new owner", "c2 offering/active", "c1 proceeding"]
    );
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.answer(station, USUAL);
    assert_eq!(rig.states(CRM), ["c2 accepted", "c1 ringback", "c2 connected/active", "c1 connected/active"]);
}

#[test]
fn the_phone_hears_dial_tone_and_then_the_destination() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    make_call(&mut rig, "1001", "").unwrap();
    let (own, invite) = rig.invited();
    assert_eq!(invite.from.user, "1001", "nobody else is called yet");
    rig.answer(own, USUAL);
    assert_eq!(rig.feeds[&own], "dial");
    dial(&mut rig, "0;").unwrap();
    assert_eq!(rig.feeds[&own], "silence");
    dial(&mut rig, "30").unwrap();
    let (carrier, invite) = rig.invited();
    assert_eq!(invite.to.user, "30");
    rig.progress(carrier, 180, None);
    assert_eq!(rig.feeds[&own], "ringback");
}

#[test]
fn what_is_dialled_before_the_own_phone_answers_is_called_after_it() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    make_call(&mut rig, "1001", "0;").unwrap();
    rig.states(CRM);
    let (own, _) = rig.invited();
    dial(&mut rig, "30").unwrap();
    assert!(rig.sip.is_empty());
    assert_eq!(error(dial(&mut rig, "1")), LineError::OperationUnavail, "the number is whole");
    rig.answer(own, USUAL);
    assert_eq!(rig.invited().1.to.user, "30");
}

#[test]
fn what_cannot_be_dialled_changes_nothing() {
    let mut rig = Rig::new();
    make_call(&mut rig, "1003", "").unwrap();
    rig.states(CRM);
    for (digits, expected) in [
        ("", LineError::InvalAddress),
        ("1;2", LineError::InvalAddress),
        ("4711", LineError::InvalAddress),
        ("1@2", LineError::DialQuiet),
    ] {
        assert_eq!(error(dial(&mut rig, digits)), expected, "{digits}");
        assert_eq!(rig.state(1), CallState::DialTone(DialToneMode::Normal));
    }
    assert!(rig.sip.is_empty());
    let many = format!("{};", "1".repeat(100));
    dial(&mut rig, &many).unwrap();
    assert_eq!(error(dial(&mut rig, &many)), LineError::InvalAddress, "too long together");
}

#[test]
fn a_number_that_is_not_dialled_in_time_disconnects_the_call() {
    let mut rig = Rig::new();
    make_call(&mut rig, "carrier", "").unwrap();
    rig.pass(Duration::from_secs(59));
    dial(&mut rig, "0;").unwrap();
    rig.pass(Duration::from_secs(59));
    assert_eq!(rig.state(1), CallState::Dialing);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.state(1), CallState::Disconnected(DisconnectMode::Unknown));
    rig.request(CRM, Operation::Drop(CallId(1), None)).unwrap();
    rig.assert_quiet();
}

/// A number behind the trunk is called from the engine's own line, with digits for later.
fn called_with(to: &str) -> (Rig, LegId) {
    let mut rig = Rig::new();
    make_call(&mut rig, "1003", to).unwrap();
    let (far, invite) = rig.invited();
    assert_eq!(invite.to.user, "30", "the INVITE goes to what stands before the first pause");
    assert_eq!(rig.switch.call(CRM, CallId(1)).unwrap().called.number, "030");
    (rig, far)
}

/// What the relay is to say: the leg, the digits and their generation.
fn said(rig: &mut Rig) -> Vec<(LegId, String, u32)> {
    let read = |command| {
        if let MediaCommand::Digits { leg, generation, digits, .. } = command {
            Some((LegId(leg.0), String::from_utf8(digits.to_vec()).unwrap(), generation))
        } else if let MediaCommand::CancelDigits(leg) = command {
            Some((LegId(leg.0), "cancel".to_owned(), 0))
        } else {
            None
        }
    };
    std::mem::take(&mut rig.relayed).into_iter().filter_map(read).collect()
}

fn generated(rig: &mut Rig) -> Vec<&'static str> {
    let told = rig.told(CRM, |message| matches!(message, Message::Generate { .. }));
    let reason = |message: &Message| {
        let Message::Generate { reason, .. } = message else { unreachable!() };
        *reason
    };
    told.iter().map(reason).collect()
}

/// The digits that the relay is to say: it does.
fn says(rig: &mut Rig, far: LegId) -> Vec<String> {
    let heard = said(rig);
    assert!(heard.iter().all(|(leg, ..)| *leg == far), "{heard:?}");
    for (_, _, generation) in &heard {
        let leg = trunkline_media::LegId(far.0);
        rig.tell_media(MediaEvent::Generated { leg, generation: *generation, cancelled: false });
    }
    heard.into_iter().map(|(_, digits, _)| digits).collect()
}

#[test]
fn digits_after_a_pause_are_said_when_the_call_is_connected() {
    let (mut rig, far) = called_with("030,,12,3");
    rig.progress(far, 180, None);
    rig.pass(suffix::PAUSE);
    rig.answer(far, USUAL);
    assert_eq!(rig.state(1), CallState::Connected(ConnectedMode::Active));
    for expected in [&[] as &[&str], &["12"], &["3"], &[]] {
        assert_eq!(says(&mut rig, far), expected);
        assert_eq!(generated(&mut rig), if expected == ["3"] { vec!["done"] } else { Vec::new() });
        rig.pass(if expected.is_empty() { suffix::PAUSE * 2 } else { suffix::PAUSE });
    }
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    rig.request(CRM, Operation::Unhold(CallId(1))).unwrap();
    rig.pass(suffix::PAUSE * 9);
    assert_eq!(said(&mut rig), [], "they are said once");
}

/// A call in which a pause runs, or the relay says digits.
fn in_the_midst(pauses: bool) -> (Rig, LegId) {
    let (mut rig, far) = called_with("030,5,6");
    rig.answer(far, USUAL);
    rig.messages.clear();
    if !pauses {
        rig.pass(suffix::PAUSE);
    }
    (rig, far)
}

#[test]
fn a_call_that_is_held_or_over_says_no_more() {
    for (pauses, drops) in [(false, false), (false, true), (true, false), (true, true)] {
        let (mut rig, far) = in_the_midst(pauses);
        let generation = said(&mut rig).first().map(|(_, _, generation)| *generation);
        assert_eq!(generation.is_none(), pauses);
        let call = CallId(1);
        rig.request(CRM, if drops { Operation::Drop(call, None) } else { Operation::Hold(call) }).unwrap();
        if let Some(generation) = generation {
            assert!(drops || said(&mut rig) == [(far, "cancel".to_owned(), 0)]);
            let leg = trunkline_media::LegId(far.0);
            rig.tell_media(MediaEvent::Generated { leg, generation, cancelled: true });
        }
        assert_eq!(generated(&mut rig), ["cancel"]);
        rig.pass(suffix::PAUSE * 9);
        assert!(rig.switch.suffixes.is_empty());
        assert_eq!(said(&mut rig), []);
    }
}

#[test]
fn other_digits_take_the_place_of_those_that_are_left() {
    let (mut rig, far) = in_the_midst(true);
    let digits = Some("9".to_owned());
    let other = Operation::GenerateDigits { call: CallId(1), digits, duration: None, mode: None };
    rig.request(CRM, other).unwrap();
    assert_eq!(generated(&mut rig), ["cancel"]);
    assert_eq!(says(&mut rig, far), ["9"]);
    assert_eq!(generated(&mut rig), ["done"]);
    rig.pass(suffix::PAUSE * 9);
    assert_eq!(said(&mut rig), []);
}

#[test]
fn nothing_is_said_to_who_does_not_answer() {
    let (mut rig, far) = called_with("030,5");
    rig.refuse(far, 486);
    assert_eq!(said(&mut rig), []);
    assert!(rig.switch.suffixes.is_empty());
}

#[test]
fn a_pause_may_be_dialled_later_and_begin_what_is_dialled() {
    for (pieces, pauses, digits) in
        [(["030;", ",12"], 1, "12"), (["03;", "0,,1"], 2, "1"), (["", "030,#"], 1, "#")]
    {
        let mut rig = Rig::new();
        make_call(&mut rig, "1003", pieces[0]).unwrap();
        dial(&mut rig, pieces[1]).unwrap();
        let (far, invite) = rig.invited();
        assert_eq!(invite.to.user, "30");
        rig.answer(far, USUAL);
        rig.pass(suffix::PAUSE * pauses);
        assert_eq!(says(&mut rig, far), [digits]);
    }
}

#[test]
fn digits_for_later_have_a_limit_and_come_last() {
    let mut rig = Rig::new();
    let long = |count: usize| format!("030,{}", "1".repeat(count));
    make_call(&mut rig, "1003", &long(suffix::SUFFIX_BYTES_MAX - 1)).unwrap();
    for to in [long(suffix::SUFFIX_BYTES_MAX), "030,1;".to_owned()] {
        assert_eq!(error(make_call(&mut rig, "1003", &to)), LineError::InvalAddress, "{to}");
    }
    assert!(!format!("{:?}", rig.switch.suffixes).contains("111"), "it may be a card's number");
}

#[test]
fn a_destination_without_a_call_of_its_own_takes_no_digits_for_later() {
    let (mut rig, far) = called_with("030");
    rig.answer(far, USUAL);
    let sent = Operation::BlindTransfer { call: CallId(1), to: "030,1".to_owned() };
    assert_eq!(error(rig.request(CRM, sent)), LineError::InvalAddress);
    let forward = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: Some("030,1".into()) };
    let forward = Operation::Forward { line: "1003".into(), entries: vec![forward], rings: None };
    assert!(rig.request(CRM, forward).is_err());
}
