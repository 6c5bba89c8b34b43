//! What the trace is told of media.

use std::sync::Arc;

use trunkline_media::{Command as MediaCommand, Event as MediaEvent, Feed, LegId as MediaLegId, LegStats};
use trunkline_sip::outbox::{Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL};
use crate::switch::*;

/// What it is told of a command, as text.
fn told(rig: &Rig, command: &MediaCommand) -> Option<String> {
    let MediaNote { call, line, change } = rig.switch.media_note(command)?;
    Some(format!("{call} {line} {change:?}"))
}

#[test]
fn what_is_agreed_who_is_heard_and_what_is_taken_down_is_told_of_the_call() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    let [near, far] = [station, caller].map(|leg| MediaLegId(leg.0));
    let agreed = MediaCommand::Remote(near, Arc::new(rig.remotes[&station]));
    let said = told(&rig, &agreed).expect("it is of a call");
    assert!(said.starts_with("c2 1001 Agreed { direction: \"sendrecv\", codecs: [Some(\"PCMU\")"), "{said}");
    assert!(said.ends_with("is_secured: false }"), "{said}");
    for (feed, expected) in [
        (Feed::Leg(far), "Call(CallId(1))"),
        (Feed::Nothing, "Nothing"),
        (Feed::Silence, "Silence"),
        (Feed::Music(Arc::from([0])), "Music"),
    ] {
        let said = told(&rig, &MediaCommand::Feed(near, feed));
        assert_eq!(said, Some(format!("c2 1001 Hears({expected})")));
    }
    assert_eq!(
        told(&rig, &MediaCommand::Record(near, Arc::from([]))).as_deref(),
        Some("c2 1001 Taps { recording: None, forks: 0 }")
    );
    rig.request(CRM, Operation::Hold(CallId(2))).expect("it is up");
    assert_eq!(told(&rig, &MediaCommand::Close(near)), None);
    assert_eq!(told(&rig, &MediaCommand::Feed(MediaLegId(99), Feed::Nothing)), None, "no such leg");
}

#[test]
fn that_the_kernel_took_over_is_told_once() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    let stats = |in_kernel| MediaEvent::Stats {
        leg: MediaLegId(station.0),
        stats: LegStats { packets_received: 60, in_kernel, ..LegStats::default() },
    };
    let told = |rig: &Rig, event: &MediaEvent| rig.switch.path_note(event).map(|note| note.change);
    assert_eq!(told(&rig, &stats(false)), None);
    assert_eq!(told(&rig, &stats(true)), Some(MediaChange::Path { in_kernel: true }));
    rig.tell_media(stats(true));
    assert_eq!(told(&rig, &stats(true)), None);
    assert_eq!(told(&rig, &stats(false)), Some(MediaChange::Path { in_kernel: false }));
}
