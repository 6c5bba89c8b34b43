//! What is refused because there is too much of it, or because the engine is about to end.

use trunkline_sip::admission::Limit;
use trunkline_sip::outbox::{Command, Event, IncomingCall, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, setup};
use crate::switch::{CallId, LineError, Operation, Outbox};

fn trunk() -> Peer {
    Peer::Trunk("carrier".into())
}

#[test]
fn a_trunk_takes_as_many_calls_as_it_may() {
    let mut rig = Rig::new();
    rig.call_in(trunk(), "030", Some(USUAL));
    rig.call_in(trunk(), "031", Some(USUAL));
    let refused = rig.call_in(trunk(), "032", Some(USUAL));
    assert_eq!(rig.commands().last(), Some(&format!("reject 503 {refused}")));
    assert_eq!(rig.switch.trunks()[0].calls, 4);
}

#[test]
fn a_caller_who_finds_the_trunk_full_is_busy_on_the_trunk() {
    let mut rig = Rig::new();
    rig.call_in(trunk(), "030", Some(USUAL));
    rig.call_in(trunk(), "031", Some(USUAL));
    rig.states(CRM);
    let caller = rig.call_in(Peer::Line("1001".into()), "032", Some(USUAL));
    assert_eq!(rig.commands().last(), Some(&format!("reject 503 {caller}")));
    assert!(rig.states(CRM).contains(&"c5 busy/trunk".to_owned()));
}

#[test]
fn calls_beyond_the_limit_are_told_when_to_try_again() {
    let mut rig = Rig::with(crate::switch::Setup { calls_max: 1, ..setup() });
    rig.call_in(trunk(), "030", Some(USUAL));
    let refused = rig.call_in(trunk(), "031", Some(USUAL));
    let Some(Command::Reject(leg, 503, headers)) = rig.sip.last() else { panic!() };
    assert_eq!((*leg, headers[0].0), (refused, "Retry-After"));
    assert_eq!(rig.switch.refusals().of(Limit::Calls), 1);
    let made = rig.request(CRM, Operation::MakeCall { line: "1003".into(), to: "030".into(), params: None });
    assert_eq!(made.unwrap_err().error, LineError::CallUnavail);
}

#[test]
fn a_call_without_hops_left_is_483() {
    let mut rig = Rig::new();
    let leg = rig.call_in(trunk(), "030", Some(USUAL));
    rig.end(leg, trunkline_sip::outbox::CauseKind::Cancel);
    rig.commands();
    let mut call = incoming(&mut rig);
    call.max_forwards = 0;
    let again = trunkline_sip::LegId::new(0, 77);
    rig.tell(Event::Incoming(again, call));
    assert_eq!(rig.commands(), [format!("reject 483 {again}")]);
}

/// A call as the rig makes them, to be changed.
fn incoming(rig: &mut Rig) -> Box<IncomingCall> {
    rig.incoming(trunk(), "030", Some(USUAL))
}

#[test]
fn when_all_ports_are_in_use_calls_are_refused() {
    let mut setup = setup();
    setup.media.ports = 20_000..=20_003;
    let mut rig = Rig::with(setup);
    rig.call_in(trunk(), "030", Some(USUAL));
    let refused = rig.call_in(trunk(), "031", Some(USUAL));
    assert_eq!(rig.commands().last(), Some(&format!("reject 503 {refused}")));
    assert_eq!(rig.switch.gauges().media_ports_in_use, 2);
}

#[test]
fn an_engine_that_drains_takes_no_calls_and_keeps_those_that_are_up() {
    let mut rig = Rig::new();
    rig.call_in(trunk(), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.switch.drain(rig.now, &mut Outbox::default());
    let refused = rig.call_in(trunk(), "031", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 503 {refused}")]);
    rig.answer(station, USUAL);
    assert_eq!(rig.switch.gauges().calls, 2);
    let made = rig.request(CRM, Operation::MakeCall { line: "1003".into(), to: "030".into(), params: None });
    assert_eq!(made.unwrap_err().error, LineError::ResourceUnavail);
    assert_eq!(
        rig.switch.line(CRM, "1003").unwrap().features,
        ["forward", "get-new-calls", "translate-address"]
    );
}

#[test]
fn idle_calls_that_nobody_deallocates_are_kept_up_to_a_limit() {
    let mut rig = Rig::new();
    for _ in 0..600 {
        let caller = rig.call_in(trunk(), "030", Some(USUAL));
        rig.end(caller, trunkline_sip::outbox::CauseKind::Cancel);
        rig.commands();
        rig.pass(std::time::Duration::from_secs(6));
    }
    assert_eq!(rig.switch.gauges().calls_idle, crate::switch::owner::IDLE_CALLS_MAX);
    assert_eq!(rig.switch.calls(WALLBOARD).len(), crate::switch::owner::IDLE_CALLS_MAX);
    assert_eq!(rig.switch.call(CRM, CallId(1)), None);
    assert!(rig.switch.call(CRM, CallId(1200)).is_some());
    rig.assert_quiet();
}

#[test]
fn calls_that_nobody_clears_are_kept_up_to_a_limit() {
    let mut setup = setup();
    setup.apps.truncate(1);
    let mut rig = Rig::with(setup);
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    for _ in 0..=crate::switch::UNCLEARED_MAX {
        rig.request(CRM, Operation::MakeCall { line: "1001".into(), to: "1002".into(), params: None })
            .unwrap();
        let (own, _) = rig.invited();
        rig.refuse(own, 486);
        rig.messages.clear();
        rig.now += std::time::Duration::from_millis(200);
    }
    assert_eq!(rig.state(1), crate::switch::CallState::Idle);
    assert_eq!(rig.switch.gauges().calls, crate::switch::UNCLEARED_MAX);
}

#[test]
fn a_reload_keeps_calls_and_follows_the_names_of_applications() {
    let mut rig = Rig::new();
    rig.call_in(trunk(), "030", Some(USUAL));
    let mut changed = setup();
    changed.apps.swap(0, 1);
    changed.lines.remove(0);
    rig.switch.reconfigure(rig.now, changed, &mut Outbox::default());
    assert_eq!(rig.switch.calls(CRM).len(), 2);
    assert_eq!(rig.switch.calls(CRM)[0].privilege.name(), "monitor");
    assert_eq!(rig.switch.line(CRM, "1001"), None);
    assert_eq!(rig.switch.trunks()[0].calls, 2);
}
