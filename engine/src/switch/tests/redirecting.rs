//! lineRedirect: an offered call goes elsewhere before it is answered.

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL};
use crate::switch::*;

/// The network calls 1002, whose phone rings: calls 1 and 2, the legs of both.
fn offered(rig: &mut Rig) -> (LegId, LegId) {
    rig.register("1001", "sip:1001@10.0.0.8", 1000);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let network = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.commands();
    rig.states(CRM);
    (network, station)
}

fn redirect(rig: &mut Rig, call: u64, to: &str) -> Reply {
    rig.request(CRM, Operation::Redirect { call: CallId(call), to: to.to_owned() })
}

fn error(reply: Reply) -> LineError {
    reply.unwrap_err().error
}

#[test]
fn the_phone_stops_ringing_and_the_caller_goes_elsewhere() {
    let mut rig = Rig::new();
    let (network, station) = offered(&mut rig);
    redirect(&mut rig, 2, "1001").unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c2 idle", "c3 new owner", "c3 offering/active"]);
    let ended = rig.sip.iter().find_map(|command| {
        if let Command::End(leg, reason) = command { Some((*leg, reason.clone().unwrap())) } else { None }
    });
    assert_eq!(ended, Some((station, "SIP;cause=302;text=\"Call deflected\"".to_owned())));
    let (destination, invite) = rig.invited();
    assert_eq!((invite.from.user.as_str(), invite.to.user.as_str()), ("carrier", "1001"));
    let diversion = invite.headers.iter().find(|(name, _)| *name == "Diversion").unwrap();
    assert!(diversion.1.contains("1002@pbx.example") && diversion.1.contains("reason=deflection"));
    let call = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((call.reason, call.redirecting.number.as_str()), (CallReason::Redirect, "1002"));
    assert_eq!(call.redirection.number, "1001");
    rig.answer(destination, USUAL);
    assert!(rig.commands().contains(&format!("answer {network}")));
    rig.tell(Event::Established { leg: network, answer: None });
    rig.hang_up(network);
    rig.assert_quiet();
}

#[test]
fn an_accepted_call_is_redirected_and_a_connected_one_is_not() {
    let mut rig = Rig::new();
    let (network, station) = offered(&mut rig);
    assert_eq!(rig.state(2), CallState::Accepted);
    rig.answer(station, USUAL);
    assert_eq!(error(redirect(&mut rig, 2, "1001")), LineError::InvalCallState);
    rig.hang_up(network);
}

#[test]
fn where_a_call_cannot_go_it_is_not_redirected() {
    let mut rig = Rig::new();
    let (_, station) = offered(&mut rig);
    for to in ["", "4711", "1002", "10;"] {
        assert_eq!(error(redirect(&mut rig, 2, to)), LineError::InvalAddress, "{to}");
    }
    assert!(rig.commands().is_empty(), "{station} rings on");
}

#[test]
fn a_call_of_a_trunk_goes_on_in_a_call_of_its_own() {
    let mut rig = Rig::new();
    let (network, station) = offered(&mut rig);
    redirect(&mut rig, 1, "1001").unwrap();
    assert!(rig.commands().contains(&format!("end {station}")));
    assert_eq!((rig.state(1), rig.state(2)), (CallState::Idle, CallState::Idle));
    let fresh = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((&*fresh.line, fresh.reason), ("carrier", CallReason::Redirect));
    let destination = rig.switch.call(CRM, CallId(4)).unwrap();
    assert_eq!(&*destination.line, "1001");
    assert_eq!(rig.switch.conversations, 1);
    rig.end(network, trunkline_sip::outbox::CauseKind::Cancel);
    rig.assert_quiet();
}

#[test]
fn a_call_is_not_redirected_for_ever() {
    let mut rig = Rig::new();
    offered(&mut rig);
    redirect(&mut rig, 2, "1001").unwrap();
    assert_eq!(error(redirect(&mut rig, 3, "1002")), LineError::InvalAddress, "it comes from there");
    assert!(rig.switch.call(CRM, CallId(3)).unwrap().features.contains(&CallOperation::Redirect));
}
