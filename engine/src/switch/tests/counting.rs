//! Numbers that have been given out for a long time: past 32 bits, and where they begin again.

use trunkline_sip::outbox::{Event, Peer};

use crate::switch::outbound::SERIALS;
use crate::switch::rig::{CRM, Rig, USUAL};
use crate::switch::*;

/// 1001 calls 1002, who answers and hangs up; the calls' ids.
fn talk(rig: &mut Rig) -> Vec<CallId> {
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    let calls: Vec<CallId> = rig.switch.calls(CRM).into_iter().map(|call| call.id).collect();
    let connected = |call: &CallId| {
        rig.switch.call(CRM, *call).is_some_and(|call| matches!(call.state, CallState::Connected(_)))
    };
    assert!(calls.len() == 2 && calls.iter().all(connected), "{calls:?}");
    rig.request(CRM, Operation::Drop(calls[0], None)).unwrap();
    rig.commands();
    for call in &calls {
        rig.request(CRM, Operation::DeallocateCall(*call)).unwrap();
    }
    assert_eq!(rig.switch.calls(CRM).len(), 0);
    rig.commands();
    rig.messages.clear();
    calls
}

#[test]
fn calls_are_numbered_beyond_32_bits() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig.switch.last_call = u64::from(u32::MAX) - 3;
    let calls: Vec<u64> = (0..3).flat_map(|_| talk(&mut rig)).map(|call| call.0).collect();
    assert_eq!(calls, (u64::from(u32::MAX) - 2..).take(6).collect::<Vec<_>>());
}

#[test]
fn legs_are_numbered_again_from_0() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    rig.switch.next_leg = SERIALS - 2;
    for serial in [SERIALS - 2, SERIALS - 1, 0, 1] {
        assert_eq!(rig.switch.next_leg, serial);
        talk(&mut rig);
    }
}
