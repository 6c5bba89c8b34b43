//! lineSwapHold, and retrieving among several calls of a line.

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, sdp_at};
use crate::switch::*;

const ACTIVE: CallState = CallState::Connected(ConnectedMode::Active);

/// The phone of 1001 has two calls of its own: call 1 with 030 is held by an application, call 3 with 040 is active.
fn two_calls(rig: &mut Rig) -> (LegId, LegId) {
    let first = own_call(rig, "030");
    rig.request(CRM, Operation::Hold(CallId(1))).unwrap();
    let second = own_call(rig, "040");
    rig.commands();
    rig.states(CRM);
    (first, second)
}

fn own_call(rig: &mut Rig, to: &str) -> LegId {
    let leg = rig.call_in(Peer::Line("1001".into()), to, Some(USUAL));
    let (far, _) = rig.invited();
    rig.answer(far, USUAL);
    rig.tell(Event::Established { leg, answer: None });
    leg
}

fn swap(rig: &mut Rig, call: u64, with: u64) -> Reply {
    rig.request(CRM, Operation::SwapHold { call: CallId(call), with: CallId(with) })
}

#[test]
fn each_call_takes_the_state_of_the_other_the_held_one_first() {
    let mut rig = Rig::new();
    let (first, second) = two_calls(&mut rig);
    swap(&mut rig, 3, 1).unwrap();
    assert_eq!(rig.states(CRM)[..3], ["reply", "c3 onhold", "c1 connected/active"]);
    assert!(rig.commands().is_empty());
    assert_eq!(rig.feeds[&second], "silence");
    assert!(rig.feeds[&first].starts_with("leg"));
    swap(&mut rig, 1, 3).unwrap();
    assert_eq!((rig.state(1), rig.state(3)), (CallState::OnHold, ACTIVE));
    assert_eq!(rig.feeds[&first], "silence");
}

#[test]
fn only_held_calls_of_the_same_line_and_owner_are_swapped() {
    let mut rig = Rig::new();
    two_calls(&mut rig);
    let error = |reply: Reply| reply.unwrap_err().error;
    assert_eq!(error(swap(&mut rig, 3, 3)), LineError::InvalCallHandle);
    assert_eq!(error(swap(&mut rig, 3, 2)), LineError::InvalCallHandle, "another line");
    assert_eq!(error(swap(&mut rig, 3, 77)), LineError::InvalCallHandle);
    assert_eq!(error(swap(&mut rig, 1, 3)), LineError::InvalCallState);
    let by_monitor = Operation::SwapHold { call: CallId(3), with: CallId(1) };
    assert_eq!(error(rig.request(WALLBOARD, by_monitor)), LineError::NotOwner);
    rig.request(CRM, Operation::Unhold(CallId(1))).unwrap();
    assert_eq!(error(swap(&mut rig, 3, 1)), LineError::OperationUnavail, "nothing is held");
}

#[test]
fn what_the_handset_holds_is_swapped_at_the_handset() {
    let mut rig = Rig::new();
    let (first, _) = two_calls(&mut rig);
    rig.tell(Event::Offer { leg: first, sdp: Some(sdp_at("10.0.0.9", 4000, USUAL, "a=sendonly\r\n")) });
    assert_eq!(swap(&mut rig, 3, 1).unwrap_err().error, LineError::OperationUnavail);
    assert!(!rig.switch.call(CRM, CallId(3)).unwrap().features.contains(&CallOperation::SwapHold));
}

#[test]
fn a_consultation_call_that_waits_is_swapped_and_not_retrieved() {
    let mut rig = Rig::new();
    own_call(&mut rig, "030");
    rig.request(CRM, Operation::SetupTransfer { call: CallId(1), to: Some("040".to_owned()) }).unwrap();
    let (far, _) = rig.invited();
    rig.answer(far, USUAL);
    swap(&mut rig, 3, 1).unwrap();
    assert_eq!((rig.state(1), rig.state(3)), (ACTIVE, CallState::OnHoldPendTransfer));
    let reply = rig.request(CRM, Operation::Unhold(CallId(3)));
    assert_eq!(reply.unwrap_err().error, LineError::OperationUnavail);
    // With the original gone it is a held call like any other.
    rig.request(CRM, Operation::Drop(CallId(1), None)).unwrap();
    assert_eq!(rig.state(3), CallState::OnHoldPendTransfer);
    rig.request(CRM, Operation::Unhold(CallId(3))).unwrap();
    assert_eq!(rig.state(3), ACTIVE);
}
