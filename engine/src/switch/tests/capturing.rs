//! Captures as the switch sees them: whose packets are told of, and from when to when.

use trunkline_media::{CaptureId, Command as MediaCommand, TapId};
use trunkline_sip::outbox::{Event, Peer};

use crate::switch::rig::{Rig, USUAL, setup};
use crate::switch::*;

fn with(is_captured: bool) -> Setup {
    let mut setup = setup();
    setup.lines[0].is_captured = is_captured;
    setup
}

/// What the relay was told: a leg, and the calls that it is captured for.
fn takes(rig: &mut Rig) -> Vec<(u64, Vec<u64>)> {
    let told = std::mem::take(&mut rig.relayed).into_iter();
    let mut takes: Vec<_> = told
        .filter_map(|command| {
            let MediaCommand::Record(leg, takes) = command else { return None };
            let capture = |tap| if let TapId::Capture(CaptureId(call)) = tap { call } else { 0 };
            Some((leg.0, takes.iter().map(|take| capture(take.tap)).collect()))
        })
        .collect();
    takes.sort_unstable();
    takes
}

#[test]
fn both_ends_of_a_call_are_captured_while_the_line_is() {
    let mut rig = Rig::with(with(false));
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    assert_eq!(takes(&mut rig), [], "nobody said so");

    let reload = |rig: &mut Rig, is_captured| {
        let mut out = Outbox::default();
        rig.switch.reconfigure(rig.now, with(is_captured), &mut out);
        rig.take(out);
    };
    reload(&mut rig, true);
    let mut both = [(caller.0, vec![1]), (station.0, vec![2])];
    both.sort_unstable();
    assert_eq!(takes(&mut rig), both);
    reload(&mut rig, false);
    let none = both.map(|(leg, _)| (leg, Vec::new()));
    assert_eq!(takes(&mut rig), none);
    reload(&mut rig, true);
    takes(&mut rig);
    rig.hang_up(station);
    assert_eq!(takes(&mut rig), [], "the legs are closed");
}
