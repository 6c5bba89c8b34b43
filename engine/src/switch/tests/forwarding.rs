//! lineForward: what the list does to calls.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{CallDetails, Command, Diversion, Event, Party, Peer};

use crate::switch::forward::{FORWARD_ENTRIES_MAX, RINGS_MAX};
use crate::switch::kept::Kept;
use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, setup};
use crate::switch::setup::{RouteFrom, RouteTo};
use crate::switch::*;

fn entry(mode: ForwardMode, to: Option<&str>) -> ForwardEntry {
    ForwardEntry { mode, caller: None, destination: to.map(Into::into) }
}

fn operation(line: &str, entries: Vec<ForwardEntry>, rings: Option<u32>) -> Operation {
    Operation::Forward { line: line.into(), entries, rings }
}

fn forward(rig: &mut Rig, line: &str, mode: ForwardMode, to: Option<&str>) {
    let done = rig.request(CRM, operation(line, vec![entry(mode, to)], None));
    assert_eq!(done, Ok(Outcome::Done));
    rig.messages.clear();
}

/// A rig with two phones, and 1002 forwarded.
fn forwarded(mode: ForwardMode, to: Option<&str>) -> Rig {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    forward(&mut rig, "1002", mode, to);
    rig
}

fn from_line(rig: &mut Rig, to: &str) -> LegId {
    rig.call_in(Peer::Line("1001".into()), to, Some(USUAL))
}

fn from_trunk(rig: &mut Rig, to: &str) -> LegId {
    rig.call_in(Peer::Trunk("carrier".into()), to, Some(USUAL))
}

fn error(rig: &mut Rig, entries: Vec<ForwardEntry>) -> LineError {
    rig.request(CRM, operation("1002", entries, None)).expect_err("it must be refused").error
}

fn values(headers: &[(&'static str, String)], name: &str) -> Vec<String> {
    headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.clone()).collect()
}

#[test]
fn the_reply_comes_first_then_the_address_state_and_the_line_shows_the_list() {
    let mut rig = Rig::new();
    let list = vec![entry(ForwardMode::Busy, Some("0 30-1")), entry(ForwardMode::NoAnsw, None)];
    let request = rig.ask(CRM, operation("1002", list, Some(3)));
    let told: Vec<_> = std::mem::take(&mut rig.messages);
    let reply = Message::Reply { request, reply: Ok(Outcome::Done) };
    let forwarded = || Message::Forwarded { line: "1002".into() };
    assert_eq!(told, [(CRM, reply), (CRM, forwarded()), (WALLBOARD, forwarded())]);
    let line = rig.switch.line(WALLBOARD, "1002").unwrap();
    let expected = vec![entry(ForwardMode::Busy, Some("0301")), entry(ForwardMode::NoAnsw, None)];
    assert_eq!((line.forwarding, line.rings), (expected.clone(), 3));
    let kept = Kept::Forwarding { line: "1002".into(), entries: expected, rings: 3 };
    assert_eq!(rig.store, [kept]);

    let request = rig.ask(CRM, operation("1002", Vec::new(), None));
    assert_eq!(rig.reply(request), Some(Ok(Outcome::Done)));
    assert_eq!(rig.messages.len(), 3, "the cancellation is told, too");
    assert!(rig.switch.line(CRM, "1002").unwrap().forwarding.is_empty());
}

#[test]
fn a_list_replaces_the_one_before() {
    let mut rig = forwarded(ForwardMode::Uncond, Some("1003"));
    forward(&mut rig, "1002", ForwardMode::NoAnsw, Some("1003"));
    from_line(&mut rig, "1002");
    let (_, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:1002@10.0.0.9");
}

#[test]
fn rings_outside_of_the_range_are_clamped() {
    let mut rig = Rig::new();
    for (asked, given) in [(0, 1), (7, 7), (u32::MAX, RINGS_MAX)] {
        rig.request(CRM, operation("1002", vec![entry(ForwardMode::NoAnsw, Some("1003"))], Some(asked)))
            .unwrap();
        assert_eq!(rig.switch.line(CRM, "1002").unwrap().rings, given);
    }
}

#[test]
fn a_list_that_makes_no_sense_changes_nothing() {
    let mut rig = forwarded(ForwardMode::Uncond, Some("1003"));
    let specific = ForwardEntry { caller: Some("1001".into()), ..entry(ForwardMode::Busy, Some("1003")) };
    let too_many = vec![entry(ForwardMode::Busy, Some("1003")); FORWARD_ENTRIES_MAX + 1];
    assert_eq!(error(&mut rig, too_many), LineError::InvalParam);
    assert_eq!(error(&mut rig, vec![specific]), LineError::InvalParam);
    assert_eq!(error(&mut rig, vec![entry(ForwardMode::BusySpecific, None)]), LineError::InvalParam);
    assert_eq!(error(&mut rig, vec![entry(ForwardMode::Busy, Some("030;"))]), LineError::InvalAddress);
    assert_eq!(error(&mut rig, vec![entry(ForwardMode::Busy, Some("4711"))]), LineError::InvalAddress);
    assert_eq!(error(&mut rig, vec![entry(ForwardMode::Busy, Some("1002"))]), LineError::InvalAddress);
    let on_trunk = rig.request(CRM, operation("carrier", Vec::new(), None));
    assert_eq!(on_trunk.expect_err("a trunk forwards nothing").error, LineError::OperationUnavail);
    let nowhere = rig.request(CRM, operation("4711", Vec::new(), None));
    assert_eq!(nowhere.expect_err("no such line").error, LineError::InvalLineHandle);
    assert_eq!(rig.switch.line(CRM, "1002").unwrap().forwarding.len(), 1);
}

#[test]
fn a_destination_that_the_line_may_not_call_is_blocked() {
    let mut setup = setup();
    setup.routes[0].to = RouteTo::Reject(403);
    let mut rig = Rig::with(setup);
    assert_eq!(error(&mut rig, vec![entry(ForwardMode::Busy, Some("030"))]), LineError::AddressBlocked);
}

#[test]
fn unconditional_is_evaluated_before_the_phone_rings_even_if_there_is_none() {
    let mut rig = Rig::new();
    forward(&mut rig, "1002", ForwardMode::Uncond, Some("1003"));
    from_line(&mut rig, "1002");
    assert!(!rig.sip.iter().any(|command| matches!(command, Command::Invite(..))));
    let call = rig.switch.call(CRM, CallId(2)).unwrap();
    assert_eq!((&*call.line, call.reason), ("1003", CallReason::FwdUncond));
    assert_eq!((call.redirecting.number.as_str(), call.redirecting.name.as_str()), ("1002", "Line 1002"));
    assert_eq!(call.redirection.number, "1003");
    let calling = rig.switch.call(CRM, CallId(1)).unwrap();
    assert_eq!((calling.called.number.as_str(), calling.redirection.number.as_str()), ("1002", "1003"));
}

#[test]
fn internal_and_external_callers_go_to_different_places() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    let list = vec![
        entry(ForwardMode::UncondInternal, Some("1003")),
        entry(ForwardMode::UncondExternal, Some("1001")),
    ];
    rig.request(CRM, operation("1002", list, None)).unwrap();
    rig.states(CRM);
    from_trunk(&mut rig, "1002");
    assert_eq!(rig.invited().1.target.uri, "sip:1001@10.0.0.9");
    from_line(&mut rig, "1002");
    assert_eq!(&*rig.switch.call(CRM, CallId(4)).unwrap().line, "1003");
}

#[test]
fn one_caller_is_forwarded_and_the_others_are_not() {
    let mut rig = forwarded(ForwardMode::Uncond, Some("1003"));
    let specific = ForwardEntry { caller: Some("1001".into()), ..entry(ForwardMode::UncondSpecific, None) };
    rig.request(CRM, operation("1002", vec![specific], None)).unwrap();
    let caller = from_line(&mut rig, "1002");
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    from_trunk(&mut rig, "1002");
    assert_eq!(rig.invited().1.target.uri, "sip:1002@10.0.0.9");
}

#[test]
fn a_busy_phone_is_forwarded_with_its_reason_also_out_by_a_trunk() {
    let mut rig = forwarded(ForwardMode::Busy, Some("030"));
    let caller = from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.commands();
    rig.states(CRM);
    rig.refuse(station, 486);
    let (trunk, invite) = rig.invited();
    assert_eq!(
        values(&invite.headers, "Diversion"),
        ["\"Line 1002\" <sip:1002@pbx.example>;reason=user-busy;counter=1"]
    );
    assert_eq!(
        values(&invite.headers, "History-Info"),
        [
            "<sip:1002@pbx.example?Reason=SIP%3Bcause%3D486>;index=1",
            "<sip:30@carrier.example;cause=486>;index=1.1;mp=1"
        ]
    );
    assert_eq!(invite.from.user, "1001");
    assert_eq!(
        rig.states(CRM),
        ["c2 disconnected/forwarded", "c3 new owner", "c3 dialing", "c3 proceeding", "c2 idle"]
    );
    let call = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((call.reason, call.redirecting.number.as_str()), (CallReason::FwdBusy, "1002"));
    rig.answer(trunk, USUAL);
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn busy_everywhere_is_busy_and_a_decline_is_not() {
    for (status, is_forwarded) in [(600, true), (603, false), (404, false)] {
        let mut rig = forwarded(ForwardMode::BusyNa, Some("1003"));
        from_line(&mut rig, "1002");
        let (station, _) = rig.invited();
        rig.refuse(station, status);
        assert_eq!(rig.switch.call(CRM, CallId(3)).is_some(), is_forwarded, "{status}");
    }
}

#[test]
fn a_line_with_all_the_calls_it_may_have_is_busy() {
    let mut setup = setup();
    setup.lines[1].calls_max = Some(1);
    let mut rig = Rig::with(setup);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    from_line(&mut rig, "1002");
    rig.commands();
    let second = from_trunk(&mut rig, "1002");
    assert_eq!(rig.commands(), [format!("reject 486 {second}")]);
    forward(&mut rig, "1002", ForwardMode::Busy, Some("1003"));
    from_trunk(&mut rig, "1002");
    let forwarded = rig.switch.calls(CRM).into_iter().find(|call| &*call.line == "1003").unwrap();
    assert_eq!(forwarded.reason, CallReason::FwdBusy);
}

#[test]
fn nobody_answers_after_the_rings_and_the_ringing_legs_are_cancelled() {
    let mut rig = forwarded(ForwardMode::NoAnsw, Some("1003"));
    rig.request(CRM, operation("1002", vec![entry(ForwardMode::NoAnsw, Some("1003"))], Some(2))).unwrap();
    let caller = from_line(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.commands();
    rig.states(CRM);
    rig.pass(Duration::from_millis(11_999));
    assert!(rig.states(CRM).is_empty());
    rig.pass(Duration::from_millis(1));
    let Some(Command::End(leg, Some(reason))) = rig.sip.first() else { panic!("{:?}", rig.sip) };
    assert_eq!((*leg, reason.as_str()), (station, "SIP;cause=408"));
    rig.commands();
    assert_eq!(
        rig.states(CRM),
        ["c2 disconnected/forwarded", "c3 new owner", "c3 offering/active", "c1 proceeding", "c2 idle"]
    );
    assert_eq!(rig.switch.call(CRM, CallId(3)).unwrap().reason, CallReason::FwdNoAnswer);
    rig.request(CRM, Operation::Answer(CallId(3), None)).unwrap();
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    rig.hang_up(caller);
    rig.pass(Duration::from_secs(61));
    rig.assert_quiet();
}

#[test]
fn a_list_that_is_cancelled_while_the_phone_rings_lets_it_ring_on() {
    let mut rig = forwarded(ForwardMode::NoAnsw, Some("1003"));
    let caller = from_line(&mut rig, "1002");
    rig.commands();
    rig.request(CRM, operation("1002", Vec::new(), None)).unwrap();
    rig.pass(Duration::from_secs(24));
    assert!(rig.sip.is_empty(), "{:?}", rig.sip);
    rig.pass(Duration::from_secs(36));
    assert!(rig.commands().contains(&format!("reject 480 {caller}")));
}

#[test]
fn a_line_without_a_phone_is_forwarded_as_busy_or_unanswered() {
    for mode in [ForwardMode::Busy, ForwardMode::NoAnsw, ForwardMode::BusyNa] {
        let mut rig = Rig::new();
        forward(&mut rig, "1002", mode, Some("1003"));
        from_line(&mut rig, "1002");
        let call = rig.switch.call(CRM, CallId(2)).unwrap();
        assert_eq!((&*call.line, call.reason), ("1003", CallReason::FwdNoAnswer), "{mode:?}");
    }
}

#[test]
fn do_not_disturb_answers_as_configured_and_the_caller_knows_why() {
    for status in [480, 486, 603] {
        let mut setup = setup();
        setup.forward.do_not_disturb = status;
        let mut rig = Rig::with(setup);
        rig.register("1002", "sip:1002@10.0.0.9", 1000);
        forward(&mut rig, "1002", ForwardMode::Uncond, None);
        let caller = from_line(&mut rig, "1002");
        assert_eq!(rig.commands(), [format!("reject {status} {caller}")]);
        assert!(rig.states(CRM).contains(&"c1 disconnected/donotdisturb".to_owned()));
        rig.assert_quiet();
    }
}

#[test]
fn lines_that_forward_to_each_other_are_a_loop() {
    let mut rig = forwarded(ForwardMode::Uncond, Some("1001"));
    forward(&mut rig, "1001", ForwardMode::Uncond, Some("1002"));
    let caller = from_trunk(&mut rig, "1002");
    assert_eq!(rig.commands(), [format!("reject 482 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_busy_line_that_would_send_the_call_back_is_busy() {
    let mut rig = forwarded(ForwardMode::Uncond, Some("1001"));
    forward(&mut rig, "1001", ForwardMode::Busy, Some("1002"));
    let caller = from_trunk(&mut rig, "1002");
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn hops_before_the_engine_count() {
    let hop = |counter| Diversion {
        party: Party { user: "555".into(), host: "far.example".into(), name: String::new() },
        reason: "no-answer".into(),
        counter,
        is_private: false,
    };
    for (hops, is_forwarded) in [(4, true), (5, false)] {
        let mut rig = forwarded(ForwardMode::Uncond, Some("1003"));
        let leg = LegId::new(1, 1 << 47);
        let mut call = rig.incoming(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
        call.details =
            Some(Box::new(CallDetails { hops, diversion: vec![hop(hops)], ..CallDetails::default() }));
        rig.tell(Event::Incoming(leg, call));
        if is_forwarded {
            let call = rig.switch.call(CRM, CallId(2)).unwrap();
            assert_eq!((call.reason, call.redirecting.number.as_str()), (CallReason::FwdUncond, "1002"));
        } else {
            assert_eq!(rig.commands(), [format!("reject 482 {leg}")]);
            rig.assert_quiet();
        }
    }
}

#[test]
fn a_call_that_was_diverted_before_says_so_to_the_application() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let party = Party { user: "555".into(), host: "far.example".into(), name: String::new() };
    let diversion = Diversion { party, reason: "no-answer".into(), counter: 1, is_private: false };
    let mut call = rig.incoming(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    call.details =
        Some(Box::new(CallDetails { hops: 1, diversion: vec![diversion], ..CallDetails::default() }));
    rig.tell(Event::Incoming(LegId::new(1, 1 << 47), call));
    for call in [1, 2] {
        let call = rig.switch.call(CRM, CallId(call)).unwrap();
        assert_eq!((call.reason, call.redirecting.number.as_str()), (CallReason::FwdNoAnswer, "555"));
    }
    let (_, invite) = rig.invited();
    assert_eq!(values(&invite.headers, "Diversion"), ["<sip:555@far.example>;reason=no-answer;counter=1"]);
}

#[test]
fn who_takes_the_calls_of_a_line_can_still_call_it() {
    let mut rig = forwarded(ForwardMode::Uncond, Some("1001"));
    from_line(&mut rig, "1002");
    assert_eq!(rig.invited().1.target.uri, "sip:1002@10.0.0.9");
}

#[test]
fn a_forwarded_call_of_a_trunk_goes_by_the_rights_of_the_line() {
    let mut setup = setup();
    setup.routes[0].from = RouteFrom::Line;
    let mut rig = Rig::with(setup);
    forward(&mut rig, "1002", ForwardMode::Uncond, Some("030"));
    from_trunk(&mut rig, "1002");
    assert_eq!(rig.invited().1.target.uri, "sip:30@carrier.example");
}

#[test]
fn a_key_of_the_handset_changes_its_own_entry_only() {
    let mut rig = forwarded(ForwardMode::Busy, Some("1003"));
    let line = "1002".into();
    let mut out = Outbox::default();
    rig.switch.set_do_not_disturb(&line, true, &mut out);
    rig.switch.forward_by_code(&line, ForwardMode::NoAnsw, Some("0 30"), &mut out).unwrap();
    let list = |rig: &Rig| rig.switch.line(CRM, "1002").unwrap().forwarding;
    let expected = [
        entry(ForwardMode::Uncond, None),
        entry(ForwardMode::Busy, Some("1003")),
        entry(ForwardMode::NoAnsw, Some("030")),
    ];
    assert_eq!(list(&rig), expected);
    rig.switch.forward_by_code(&line, ForwardMode::Uncond, None, &mut out).unwrap();
    assert_eq!(list(&rig), expected, "do not disturb is another key");
    rig.switch.set_do_not_disturb(&line, false, &mut out);
    rig.switch.forward_by_code(&line, ForwardMode::Busy, None, &mut out).unwrap();
    assert_eq!(list(&rig), expected[2..]);
    let nowhere = rig.switch.forward_by_code(&line, ForwardMode::Busy, Some("4711"), &mut out);
    assert_eq!(nowhere, Err(LineError::InvalAddress));
    assert_eq!(out.store.len(), 5);
    assert_eq!(out.messages.len(), 10);
}

#[test]
fn what_was_kept_is_restored_but_for_lines_that_are_gone() {
    let mut rig = forwarded(ForwardMode::Uncond, Some("1003"));
    let kept = std::mem::take(&mut rig.store);
    let gone = Kept::Forwarding {
        line: "4711".into(),
        entries: vec![entry(ForwardMode::Uncond, Some("1003"))],
        rings: 1,
    };
    let mut rig = Rig::new();
    rig.switch.restore(kept.into_iter().chain([gone]));
    assert_eq!(rig.switch.forwarding.len(), 1);
    from_line(&mut rig, "1002");
    assert_eq!(&*rig.switch.call(CRM, CallId(2)).unwrap().line, "1003");
}
