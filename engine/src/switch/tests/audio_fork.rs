//! Forks as the switch sees them: when connections are made and ended, which leg serves them, what applications are told.

use std::time::Duration;

use trunkline_media::{Command as MediaCommand, RecordingId, TAKES_MAX, TapId};
use trunkline_sip::LegId;
use trunkline_sip::outbox::{Event, Peer};

use crate::switch::recording::RecordPolicy;
use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::*;

const CALL: CallId = CallId(2);
const ONE: ForkId = ForkId(1);

/// A rig that forks and records, in which the carrier talks with 1001, whose call is 2: the station's leg.
fn talking() -> (Rig, LegId, LegId) {
    let mut setup = setup();
    setup.recording.recordings_max = 2;
    setup.fork =
        ForkSetup { allow: ForkUrl::parse("ws://h/").into_iter().collect(), forks_max: 3, per_call_max: 2 };
    let mut rig = Rig::with(setup);
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.messages.clear();
    (rig, caller, station)
}

fn start(rig: &mut Rig, url: &str) {
    let authorization = Authorization::parse("Bearer x");
    rig.ask(CRM, Operation::StartFork { call: CALL, url: ForkUrl::parse(url).unwrap(), authorization });
}

fn hears(rig: &mut Rig, event: ForkEvent) {
    let mut out = Outbox::default();
    rig.switch.forked(rig.now, event, &mut out);
    rig.take(out);
}

fn ended(rig: &mut Rig, end: ForkEnd) {
    hears(rig, ForkEvent::Ended { fork: ONE, end, pieces_lost: 5 });
}

/// What the relay was told: a leg, and what it serves.
fn takes(rig: &mut Rig) -> Vec<(u64, Vec<TapId>)> {
    let told = std::mem::take(&mut rig.relayed).into_iter();
    told.filter_map(|command| {
        let MediaCommand::Record(leg, takes) = command else { return None };
        Some((leg.0, takes.iter().map(|take| take.tap).collect()))
    })
    .collect()
}

/// What the owner was told of forks: change, end, pieces that were lost.
fn told(rig: &mut Rig) -> Vec<(&'static str, Option<ForkEnd>, u64)> {
    let told = rig.told(CRM, |message| matches!(message, Message::Fork { .. })).into_iter();
    told.filter_map(|message| {
        let Message::Fork { change, end, pieces_lost, .. } = message else { return None };
        Some((change, end, pieces_lost))
    })
    .collect()
}

/// How its requests ended, which stays to be read.
fn replies(rig: &Rig) -> Vec<Result<Outcome, LineError>> {
    let replies = rig.messages.iter().filter_map(|(_, message)| {
        let Message::Reply { reply, .. } = message else { return None };
        Some(reply.clone().map_err(|refusal| refusal.error))
    });
    replies.collect()
}

#[test]
fn a_fork_is_replied_when_its_server_listens_and_is_served_from_then_on() {
    let (mut rig, _, station) = talking();
    start(&mut rig, "ws://h/a?b=c");
    assert!(rig.messages.is_empty(), "{:?}", rig.messages);
    let [ForkCommand::Begin(begin)] = &rig.forks[..] else { panic!("{:?}", rig.forks) };
    assert_eq!((begin.fork, begin.call, &*begin.line, begin.is_wide), (ONE, CALL, "1001", false));
    assert_eq!((begin.url.whole(), &*begin.called), ("ws://h/a?b=c".to_owned(), "1001"));
    assert!(!begin.caller.is_empty());
    assert!(!format!("{begin:?}").contains("Bearer") && !format!("{begin:?}").contains("b=c"));
    assert_eq!(takes(&mut rig), []);
    hears(&mut rig, ForkEvent::Began(ONE));
    assert_eq!(replies(&rig), [Ok(Outcome::Fork(ONE))]);
    assert_eq!(told(&mut rig), [("started", None, 0)]);
    assert_eq!(takes(&mut rig), [(station.0, vec![TapId::Fork(ONE)])]);
    // A recording of the same call is served by the same leg.
    rig.ask(CRM, Operation::StartRecording(CALL));
    let both = vec![TapId::Recording(RecordingId(1)), TapId::Fork(ONE)];
    assert_eq!(takes(&mut rig), [(station.0, both)]);
    rig.pass(Duration::from_secs(5));
    rig.hang_up(station);
    assert_eq!(rig.forks[1..], [ForkCommand::End(ONE, ForkEnd::CallOver)]);
    assert_eq!(rig.switch.gauges().forks, 1, "its connection is not gone");
    ended(&mut rig, ForkEnd::CallOver);
    assert_eq!(told(&mut rig), [("stopped", Some(ForkEnd::CallOver), 5)]);
    assert_eq!(rig.switch.gauges().forks, 0);
}

#[test]
fn a_server_that_goes_away_takes_the_tap_with_it_and_nothing_else() {
    let (mut rig, _, station) = talking();
    start(&mut rig, "ws://h/");
    hears(&mut rig, ForkEvent::Began(ONE));
    takes(&mut rig);
    ended(&mut rig, ForkEnd::Stalled);
    assert_eq!(takes(&mut rig), [(station.0, vec![])]);
    assert_eq!(told(&mut rig).last(), Some(&("failed", Some(ForkEnd::Stalled), 5)));
    assert!(matches!(rig.state(2), CallState::Connected(_)));
    assert_eq!(rig.forks.len(), 1, "who is gone is told nothing");
    // Another may begin.
    start(&mut rig, "ws://h/");
    assert!(matches!(&rig.forks[1], ForkCommand::Begin(begin) if begin.fork == ForkId(2)));
}

#[test]
fn a_call_that_ends_or_a_stop_before_its_server_listens_is_a_reply() {
    let (mut rig, caller, _) = talking();
    start(&mut rig, "ws://h/");
    rig.hang_up(caller);
    assert_eq!(rig.forks[1..], [ForkCommand::End(ONE, ForkEnd::CallOver)]);
    // The server listened at the same moment.
    hears(&mut rig, ForkEvent::Began(ONE));
    assert_eq!(takes(&mut rig), []);
    ended(&mut rig, ForkEnd::CallOver);
    assert_eq!(replies(&rig), [Err(LineError::OperationFailed)]);

    let (mut rig, ..) = talking();
    start(&mut rig, "ws://h/");
    rig.request(CRM, Operation::StopFork { call: CALL, fork: Some(ONE) }).unwrap();
    let refused = rig.request(CRM, Operation::StopFork { call: CALL, fork: Some(ONE) });
    assert_eq!(refused.map_err(|refusal| refusal.error), Err(LineError::OperationUnavail));
    ended(&mut rig, ForkEnd::Stopped);
    assert!(replies(&rig).contains(&Err(LineError::OperationFailed)));
    assert_eq!(told(&mut rig), [("stopped", Some(ForkEnd::Stopped), 5)]);
    // What comes twice means nothing.
    ended(&mut rig, ForkEnd::Stopped);
    hears(&mut rig, ForkEvent::Began(ONE));
    assert_eq!(told(&mut rig), []);
}

#[test]
fn who_is_on_hold_is_not_forked() {
    let (mut rig, _, station) = talking();
    start(&mut rig, "ws://h/");
    rig.request(CRM, Operation::Hold(CALL)).unwrap();
    hears(&mut rig, ForkEvent::Began(ONE));
    assert_eq!(takes(&mut rig), []);
    rig.request(CRM, Operation::Unhold(CALL)).unwrap();
    assert_eq!(takes(&mut rig), [(station.0, vec![TapId::Fork(ONE)])]);
}

/// One that is over has its server still to tell so: it holds up no other, and there are never more than twice as many.
#[test]
fn who_stops_one_may_start_another_at_once() {
    let (mut rig, ..) = talking();
    let begun = |rig: &Rig| rig.forks.iter().filter(|one| matches!(one, ForkCommand::Begin(_))).count();
    start(&mut rig, "ws://h/");
    start(&mut rig, "ws://h/");
    start(&mut rig, "ws://h/");
    assert_eq!((begun(&rig), replies(&rig).last()), (2, Some(&Err(LineError::ResourceUnavail))));
    for count in [3, 4] {
        rig.request(CRM, Operation::StopFork { call: CALL, fork: Some(ForkId(count - 2)) }).unwrap();
        start(&mut rig, "ws://h/");
        assert_eq!(begun(&rig) as u64, count);
    }
    rig.request(CRM, Operation::StopFork { call: CALL, fork: None }).unwrap();
    start(&mut rig, "ws://h/");
    assert_eq!((begun(&rig), replies(&rig).last()), (4, Some(&Err(LineError::ResourceUnavail))));
    ended(&mut rig, ForkEnd::Stopped);
    start(&mut rig, "ws://h/");
    assert_eq!(begun(&rig), 5);
}

#[test]
fn a_reload_that_forbids_it_ends_forks() {
    let (mut rig, ..) = talking();
    start(&mut rig, "ws://h/");
    hears(&mut rig, ForkEvent::Began(ONE));
    let mut setup = Setup::clone(&rig.switch.setup);
    setup.lines[0].record = RecordPolicy::Never;
    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, setup, &mut out);
    rig.take(out);
    assert_eq!(rig.forks[1..], [ForkCommand::End(ONE, ForkEnd::Stopped)]);
    assert!(matches!(rig.state(2), CallState::Connected(_)));
}

/// What a leg serves beyond its limit would be silent.
#[test]
fn a_leg_serves_no_more_than_it_may() {
    let (mut rig, ..) = talking();
    let mut setup = Setup::clone(&rig.switch.setup);
    (setup.fork.forks_max, setup.fork.per_call_max) = (500, 500);
    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, setup, &mut out);
    rig.take(out);
    for fork in 1..=TAKES_MAX as u64 {
        start(&mut rig, "ws://h/");
        hears(&mut rig, ForkEvent::Began(ForkId(fork)));
    }
    assert_eq!(takes(&mut rig).last().map(|(_, taps)| taps.len()), Some(TAKES_MAX));
    start(&mut rig, "ws://h/");
    assert_eq!(replies(&rig).last(), Some(&Err(LineError::ResourceUnavail)));
    // A recording takes the place of a fork.
    rig.ask(CRM, Operation::StartRecording(CALL));
    let taps = takes(&mut rig).pop().expect("the relay is told").1;
    assert_eq!((taps.len(), taps[0]), (TAKES_MAX + 1, TapId::Recording(RecordingId(1))));
}
