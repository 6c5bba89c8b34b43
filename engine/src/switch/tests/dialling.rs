//! lineDial: calls that are begun without a whole number.

use std::time::Duration;

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
