//! Recordings as the switch sees them: when files begin and end, which leg serves them, what applications are told.

use std::time::Duration;

use trunkline_media::{Command as MediaCommand, RecordingId, TapId};
use trunkline_sip::LegId;
use trunkline_sip::outbox::{Event, Peer};

use crate::switch::recording::{RecordPolicy, RecordingCommand, RecordingEnd, RecordingEvent};
use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::*;

const ONE: RecordingId = RecordingId(1);

/// A rig that records, with the calls of line 1001 as the policy says.
fn rig(policy: RecordPolicy) -> Rig {
    let mut setup = setup();
    setup.recording.recordings_max = 2;
    setup.lines[0].record = policy;
    Rig::with(setup)
}

/// The carrier talks with 1001: their legs; the calls are 1 and 2.
fn bridged(rig: &mut Rig, formats: &str) -> (LegId, LegId) {
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(formats));
    let (station, _) = rig.invited();
    rig.answer(station, formats);
    rig.tell(Event::Established { leg: caller, answer: None });
    (caller, station)
}

fn hears(rig: &mut Rig, event: RecordingEvent) {
    let mut out = Outbox::default();
    rig.switch.recorded(rig.now, event, &mut out);
    rig.take(out);
}

fn recording_of(tap: TapId) -> u64 {
    let TapId::Recording(recording) = tap else { panic!("{tap:?}") };
    recording.0
}

fn began(rig: &mut Rig, recording: RecordingId) {
    hears(rig, RecordingEvent::Began { recording, path: format!("{}.wav", recording.0).into() });
}

fn ended(rig: &mut Rig, recording: RecordingId, end: RecordingEnd) {
    hears(rig, RecordingEvent::Ended { recording, end, length: Duration::from_secs(3) });
}

/// What the relay was told: a leg, and the recordings that it serves.
fn takes(rig: &mut Rig) -> Vec<(u64, Vec<u64>)> {
    let told = std::mem::take(&mut rig.relayed).into_iter();
    told.filter_map(|command| {
        let MediaCommand::Record(leg, takes) = command else { return None };
        Some((leg.0, takes.iter().map(|take| recording_of(take.tap)).collect()))
    })
    .collect()
}

/// What the owner was told of recordings: change, reason, path.
fn told(rig: &mut Rig) -> Vec<(&'static str, Option<&'static str>, Option<String>)> {
    let told = rig.told(CRM, |message| matches!(message, Message::Recording { .. })).into_iter();
    told.filter_map(|message| {
        let Message::Recording { change, reason, path, .. } = message else { return None };
        Some((change, reason, path.map(|path| path.to_string())))
    })
    .collect()
}

#[test]
fn a_recording_is_replied_when_its_file_is_there() {
    let mut rig = rig(RecordPolicy::OnDemand);
    let (_, station) = bridged(&mut rig, USUAL);
    let call = CallId(2);
    rig.messages.clear();
    rig.ask(CRM, Operation::StartRecording(call));
    assert!(rig.messages.is_empty(), "{:?}", rig.messages);
    let begin = RecordingCommand::Begin { recording: ONE, call, line: "1001".into(), is_wide: false };
    assert_eq!(std::mem::take(&mut rig.recordings), [begin]);
    assert_eq!(takes(&mut rig), [(station.0, vec![1])]);
    began(&mut rig, ONE);
    let reply = rig.messages.remove(0).1;
    assert!(matches!(reply, Message::Reply { reply: Ok(Outcome::Recording(path)), .. } if &*path == "1.wav"));
    assert_eq!(told(&mut rig), [("started", None, Some("1.wav".to_owned()))]);

    rig.pass(Duration::from_secs(5));
    rig.hang_up(station);
    assert_eq!(takes(&mut rig), [], "the leg is closed");
    let end = RecordingCommand::End { recording: ONE, length: Duration::from_secs(5) };
    assert_eq!(rig.recordings, [end]);
    assert_eq!(rig.switch.gauges().recordings, 1, "its file is not whole");
    ended(&mut rig, ONE, RecordingEnd::Stopped);
    assert_eq!(told(&mut rig), [("stopped", Some("stopped"), Some("1.wav".to_owned()))]);
    assert_eq!(rig.switch.gauges().recordings, 0);
}

#[test]
fn a_file_that_cannot_be_made_is_a_reply_and_what_a_policy_demands_is_not_tried_twice() {
    let mut rig = rig(RecordPolicy::Always);
    let (_, station) = bridged(&mut rig, USUAL);
    rig.messages.clear();
    ended(&mut rig, ONE, RecordingEnd::DiskFull);
    assert_eq!(told(&mut rig), [("failed", Some("diskfull"), None)]);
    assert_eq!(takes(&mut rig), [(station.0, vec![1]), (station.0, vec![])]);
    rig.recordings.clear();
    let call = CallId(2);
    rig.request(CRM, Operation::Hold(call)).unwrap();
    rig.request(CRM, Operation::Unhold(call)).unwrap();
    assert_eq!(rig.recordings, []);
    // An application may try.
    rig.messages.clear();
    rig.ask(CRM, Operation::StartRecording(call));
    ended(&mut rig, RecordingId(2), RecordingEnd::Failed);
    let failed = |message: &Message| {
        let Message::Reply { reply, .. } = message else { return false };
        reply.as_ref().err().map(|refusal| refusal.error) == Some(LineError::OperationFailed)
    };
    assert!(rig.messages.iter().any(|(app, message)| *app == CRM && failed(message)));
}

#[test]
fn one_that_grew_too_long_has_a_successor_where_the_policy_demands_it() {
    let mut rig = rig(RecordPolicy::Always);
    let (_, station) = bridged(&mut rig, USUAL);
    began(&mut rig, ONE);
    takes(&mut rig);
    ended(&mut rig, ONE, RecordingEnd::TooLong);
    assert_eq!(takes(&mut rig), [(station.0, vec![]), (station.0, vec![2])]);
    assert!(matches!(rig.recordings[1], RecordingCommand::Begin { recording: RecordingId(2), .. }));
    // One that is paused is followed by one that is.
    began(&mut rig, RecordingId(2));
    rig.request(CRM, Operation::PauseRecording(CallId(2))).unwrap();
    takes(&mut rig);
    ended(&mut rig, RecordingId(2), RecordingEnd::TooLong);
    began(&mut rig, RecordingId(3));
    assert_eq!(takes(&mut rig), []);
    rig.request(CRM, Operation::ResumeRecording(CallId(2))).unwrap();
    assert_eq!(takes(&mut rig), [(station.0, vec![3])]);
    // So has one of a member of a conference.
    let conference = rig.request(CRM, Operation::SetupConference { call: CallId(2), to: None });
    let Ok(Outcome::Conference { conference, .. }) = conference else { panic!("{conference:?}") };
    rig.request(CRM, Operation::Unhold(conference)).unwrap();
    assert_eq!(rig.state(2), CallState::Conferenced);
    ended(&mut rig, RecordingId(3), RecordingEnd::TooLong);
    let last = rig.recordings.last();
    assert!(matches!(last, Some(RecordingCommand::Begin { recording: RecordingId(4), .. })), "{last:?}");
}

#[test]
fn who_is_on_hold_or_paused_is_not_recorded() {
    let mut rig = rig(RecordPolicy::Always);
    let (_, station) = bridged(&mut rig, USUAL);
    began(&mut rig, ONE);
    let call = CallId(2);
    takes(&mut rig);
    rig.request(CRM, Operation::Hold(call)).unwrap();
    assert_eq!(takes(&mut rig), [(station.0, vec![])]);
    rig.request(CRM, Operation::PauseRecording(call)).unwrap();
    rig.request(CRM, Operation::Unhold(call)).unwrap();
    assert_eq!(takes(&mut rig), []);
    rig.request(CRM, Operation::ResumeRecording(call)).unwrap();
    assert_eq!(takes(&mut rig), [(station.0, vec![1])]);
    rig.request(CRM, Operation::ResumeRecording(call)).unwrap_err();
}

#[test]
fn what_the_relay_cannot_decode_no_application_records() {
    let mut rig = rig(RecordPolicy::OnDemand);
    bridged(&mut rig, "18");
    let call = CallId(2);
    let refused = rig.request(CRM, Operation::StartRecording(call)).unwrap_err();
    assert_eq!(refused.error, LineError::OperationUnavail);
    assert!(!refused.allowed.contains(&CallOperation::StartRecording));
}

#[test]
fn a_side_of_wide_band_makes_the_recording_wide() {
    let mut rig = rig(RecordPolicy::Always);
    bridged(&mut rig, "9 0");
    assert!(matches!(rig.recordings[0], RecordingCommand::Begin { is_wide: true, .. }));
}

#[test]
fn a_call_that_a_policy_demands_beyond_the_limit_is_told_of() {
    let mut rig = rig(RecordPolicy::Always);
    bridged(&mut rig, USUAL);
    let mut setup = Setup::clone(&rig.switch.setup);
    setup.recording.recordings_max = 1;
    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, setup, &mut out);
    rig.take(out);
    rig.messages.clear();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    assert_eq!(told(&mut rig), [("failed", Some("resourceunavail"), None)]);
    assert_eq!(rig.recordings.len(), 1);
}

#[test]
fn who_waits_for_a_disk_that_hangs_is_told_so() {
    let mut rig = rig(RecordPolicy::OnDemand);
    let (_, station) = bridged(&mut rig, USUAL);
    takes(&mut rig);
    let asked = rig.ask(CRM, Operation::StartRecording(CallId(2)));
    rig.pass(Duration::from_secs(9));
    assert_eq!(rig.reply(asked), None);
    rig.pass(Duration::from_secs(2));
    let reply = rig.reply(asked).map(|reply| reply.map_err(|refusal| refusal.error));
    assert_eq!(reply, Some(Err(LineError::OperationFailed)));
    assert_eq!(takes(&mut rig), [(station.0, vec![1]), (station.0, vec![])]);
    assert!(matches!(rig.recordings[1], RecordingCommand::End { recording: ONE, .. }));
    assert_eq!(rig.switch.gauges().recordings, 1, "the disk has it still");
    // It wakes up: nobody is replied to twice, and nothing is left.
    began(&mut rig, ONE);
    ended(&mut rig, ONE, RecordingEnd::Stopped);
    assert!(rig.reply(asked).is_some());
    assert_eq!(rig.switch.gauges().recordings, 0);
    // One whose file is there in time has no end of this kind.
    let asked = rig.ask(CRM, Operation::StartRecording(CallId(2)));
    began(&mut rig, RecordingId(2));
    rig.pass(Duration::from_secs(20));
    assert!(matches!(rig.reply(asked), Some(Ok(Outcome::Recording(_)))));
    assert_eq!(rig.switch.gauges().recordings, 1);
}

#[test]
fn a_reload_that_forbids_it_ends_recordings_and_one_that_asks_for_it_begins_them() {
    for policy in [RecordPolicy::OnDemand, RecordPolicy::Always] {
        let mut rig = rig(policy);
        bridged(&mut rig, USUAL);
        if policy == RecordPolicy::OnDemand {
            rig.ask(CRM, Operation::StartRecording(CallId(2)));
        }
        began(&mut rig, ONE);
        let reloaded = |rig: &mut Rig, policy| {
            let mut setup = Setup::clone(&rig.switch.setup);
            setup.lines[0].record = policy;
            let mut out = Outbox::default();
            rig.switch.reconfigure(rig.now, setup, &mut out);
            rig.take(out);
        };
        reloaded(&mut rig, RecordPolicy::Never);
        assert!(matches!(rig.recordings[1..], [RecordingCommand::End { recording: ONE, .. }]), "{policy:?}");
        ended(&mut rig, ONE, RecordingEnd::Stopped);
        assert!(matches!(rig.state(2), CallState::Connected(_)));
        reloaded(&mut rig, RecordPolicy::Always);
        assert!(matches!(rig.recordings[2..], [RecordingCommand::Begin { .. }]), "{:?}", rig.recordings);
    }
}
