//! A network that sends a call elsewhere (3xx) is followed as far as the trunk may send it.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Cause, CauseKind, Event, Invite, Peer};

use crate::switch::rig::{self, CRM, Rig, USUAL};
use crate::switch::setup::{RouteFrom, RouteSetup, RouteTo};
use crate::switch::*;

fn moved(rig: &mut Rig, leg: LegId, status: u16, contacts: &[&str]) {
    let cause = Cause { status, kind: CauseKind::Status, ..Cause::default() };
    let redirect = contacts.iter().map(|contact| (*contact).to_owned()).collect();
    rig.tell(Event::Failed { leg, cause, retry_after_s: None, redirect });
}

/// 1001 calls 30 by the carrier: calls 1 and 2, the legs of both.
fn called(rig: &mut Rig) -> (LegId, LegId) {
    let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    let (network, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:30@carrier.example");
    rig.commands();
    rig.states(CRM);
    (caller, network)
}

fn value<'i>(invite: &'i Invite, name: &str) -> Option<&'i str> {
    invite.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
}

fn is_quiet_after(mut rig: Rig, caller: LegId) {
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn the_network_names_another_of_its_hosts() {
    let mut rig = Rig::new();
    let (caller, network) = called(&mut rig);
    moved(&mut rig, network, 302, &["sip:30@198.51.100.9:5070"]);
    let (other, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:30@198.51.100.9:5070");
    assert_eq!(invite.target.flow.remote.to_string(), "198.51.100.9:5070");
    assert_eq!((invite.max_forwards, invite.to.user.as_str()), (68, "30"));
    assert_eq!((value(&invite, "Diversion"), value(&invite, "History-Info")), (None, None));
    assert!(rig.commands().is_empty() && rig.states(CRM).is_empty(), "nobody hears of it");
    rig.answer(other, USUAL);
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    assert!(rig.switch.call(CRM, CallId(2)).unwrap().redirecting.number.is_empty());
    is_quiet_after(rig, caller);
}

#[test]
fn the_network_names_another_number_at_a_place_that_is_listed() {
    let mut setup = rig::setup();
    let password =
        trunkline_sip::auth::Credentials { username: "pbx".into(), password: "secret".into(), realm: None };
    setup.trunks[0].credentials = Some(password.into());
    let mut rig = Rig::with(setup);
    let (caller, network) = called(&mut rig);
    rig.progress(network, 180, None);
    assert_eq!(rig.commands(), [format!("progress 180 {caller}")]);
    assert_eq!(rig.states(CRM), ["c2 ringback", "c1 ringback"]);
    moved(&mut rig, network, 302, &["sip:77@sbc.example"]);
    let (other, invite) = rig.invited();
    assert_eq!(
        (invite.target.uri.as_str(), invite.to.user.as_str(), invite.max_forwards),
        ("sip:77@sbc.example", "30", 68)
    );
    assert!(invite.credentials.is_none(), "the password is the carrier's");
    assert_eq!(value(&invite, "Diversion"), Some("<sip:30@carrier.example>;reason=unconditional;counter=1"));
    let last = invite.headers.last().unwrap();
    assert_eq!(last.1, "<sip:77@carrier.example;cause=302>;index=1.1;mp=1");
    assert_eq!(rig.states(CRM), ["c2 proceeding", "c1 proceeding"]);
    for call in [1, 2] {
        let view = rig.switch.call(CRM, CallId(call)).unwrap();
        assert_eq!((view.redirecting.number.as_str(), view.redirection.number.as_str()), ("30", "77"));
    }
    let (calling, called) =
        (rig.switch.call(CRM, CallId(1)).unwrap(), rig.switch.call(CRM, CallId(2)).unwrap());
    assert_eq!((calling.called.number.as_str(), called.called.number.as_str()), ("030", "77"));
    assert_eq!(called.reason, CallReason::FwdUncond);
    rig.progress(other, 180, None);
    assert!(rig.commands().is_empty(), "the caller hears once that it rings");
    assert_eq!(rig.states(CRM), ["c2 ringback", "c1 ringback"]);
    rig.answer(other, USUAL);
    assert_eq!(rig.switch.call(CRM, CallId(1)).unwrap().connected.number, "77");
    is_quiet_after(rig, caller);
}

#[test]
fn applications_hear_where_the_call_went() {
    let mut rig = Rig::new();
    let (caller, network) = called(&mut rig);
    rig.messages.clear();
    moved(&mut rig, network, 302, &["sip:77@sbc.example"]);
    let told = rig.told(CRM, |message| matches!(message, Message::CallInfo { .. }));
    let told: Vec<_> = told
        .into_iter()
        .filter_map(|message| {
            let Message::CallInfo { call, changed, .. } = message else { return None };
            Some((call.0, changed))
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, "redirectionid"),
            (1, "redirectingid"),
            (2, "calledid"),
            (2, "redirectionid"),
            (2, "redirectingid"),
            (2, "reason")
        ]
    );
    is_quiet_after(rig, caller);
}

#[test]
fn a_number_of_ours_is_called_by_the_rights_of_the_trunk() {
    let only_lines = RouteSetup {
        from: RouteFrom::Line,
        pattern: regex::Regex::new("^00").unwrap(),
        to: RouteTo::Trunk("carrier".into()),
        number: None,
        is_emergency: false,
    };
    let mut setup = rig::setup();
    setup.routes[0].from = RouteFrom::Line;
    setup.routes.push(only_lines);
    let mut rig = Rig::with(setup);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let (caller, network) = called(&mut rig);
    moved(&mut rig, network, 302, &["sip:00900@pbx.example", "tel:00900", "sip:1002@pbx.example"]);
    let (station, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:1002@10.0.0.9", "an expensive number is none that a trunk may call");
    assert_eq!(value(&invite, "Diversion"), Some("<sip:30@carrier.example>;reason=unconditional;counter=1"));
    assert_eq!(
        rig.states(CRM),
        ["c2 disconnected/forwarded", "c3 new owner", "c3 offering/active", "c2 idle"]
    );
    let offered = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!(
        (offered.reason, offered.redirecting.number.as_str(), offered.redirection.number.as_str()),
        (CallReason::FwdUncond, "30", "1002")
    );
    rig.answer(station, USUAL);
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    is_quiet_after(rig, caller);
}

#[test]
fn where_it_may_not_be_sent_the_call_fails() {
    for contacts in [
        &["sip:77@198.51.100.9"][..],
        &["sip:30@192.0.2.1", "sip:30@169.254.169.254", "sip:30@evil.example", "sips:30@198.51.100.9"],
        &["sip:4711@pbx.example"],
        &["sip:30@198.51.100.7"],
        &["sip:30@198.51.100.9;method=BYE"],
    ] {
        let mut rig = Rig::new();
        let (caller, network) = called(&mut rig);
        moved(&mut rig, network, 302, contacts);
        assert_eq!(rig.commands(), [format!("reject 480 {caller}")], "{contacts:?}");
        assert_eq!(
            rig.states(CRM),
            ["c2 disconnected/forwarded", "c1 disconnected/forwarded", "c1 idle", "c2 idle"]
        );
        rig.assert_quiet();
    }
}

#[test]
fn another_host_stands_in_for_one_that_is_dead() {
    let mut rig = Rig::new();
    let (caller, network) = called(&mut rig);
    moved(&mut rig, network, 300, &["sip:30@198.51.100.9", "sip:77@sbc.example", "sip:30@198.51.100.10"]);
    let (dead, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:30@198.51.100.9");
    let cause = Cause { status: 408, kind: CauseKind::Unreachable, ..Cause::default() };
    rig.tell(Event::Failed { leg: dead, cause, retry_after_s: None, redirect: Vec::new() });
    let (busy, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:30@198.51.100.10");
    rig.refuse(busy, 486);
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_call_is_sent_five_times_and_nowhere_twice() {
    let mut rig = Rig::new();
    let (caller, mut network) = called(&mut rig);
    for host in 9..14 {
        let back = format!("sip:30@198.51.100.{}", host - 1);
        let next = format!("sip:30@198.51.100.{host}");
        let contacts: &[&str] = if host == 9 { &[&next] } else { &[&back, &next] };
        moved(&mut rig, network, 302, contacts);
        let (leg, invite) = rig.invited();
        assert_eq!((invite.target.uri.as_str(), invite.max_forwards), (next.as_str(), 77 - host));
        network = leg;
    }
    moved(&mut rig, network, 302, &["sip:30@198.51.100.20"]);
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_call_without_forwards_left_goes_nowhere() {
    let mut rig = Rig::new();
    let mut call = rig.incoming(Peer::Line("1001".into()), "030", Some(USUAL));
    call.max_forwards = 1;
    let caller = LegId::new(1, 1 << 47);
    rig.tell(Event::Incoming(caller, call));
    let (network, _) = rig.invited();
    moved(&mut rig, network, 302, &["sip:30@198.51.100.9"]);
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_caller_who_hung_up_goes_nowhere() {
    let mut rig = Rig::new();
    let (caller, network) = called(&mut rig);
    rig.end(caller, CauseKind::Cancel);
    moved(&mut rig, network, 302, &["sip:30@198.51.100.9"]);
    assert_eq!(rig.commands(), [format!("end {network}")]);
    rig.assert_quiet();
}

#[test]
fn another_number_rings_as_long_as_any_other() {
    let mut rig = Rig::new();
    let (caller, network) = called(&mut rig);
    rig.progress(network, 180, None);
    rig.pass(Duration::from_secs(50));
    moved(&mut rig, network, 302, &["sip:77@sbc.example"]);
    let (other, _) = rig.invited();
    rig.progress(other, 180, None);
    rig.commands();
    rig.pass(Duration::from_secs(50));
    assert!(rig.commands().is_empty());
    rig.pass(Duration::from_secs(10));
    assert_eq!(rig.commands(), [format!("end {other}"), format!("reject 480 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_call_that_an_application_makes_is_followed_too() {
    let mut rig = Rig::new();
    let make = Operation::MakeCall { line: "1003".into(), to: "030".into(), params: None };
    rig.request(CRM, make).unwrap();
    let (network, _) = rig.invited();
    moved(&mut rig, network, 302, &["sip:30@198.51.100.9"]);
    let (other, _) = rig.invited();
    rig.answer(other, USUAL);
    assert_eq!(rig.state(1), CallState::Connected(ConnectedMode::Active));
    rig.hang_up(other);
    for call in rig.switch.calls(CRM) {
        rig.ask(CRM, Operation::Drop(call.id, None));
    }
    rig.assert_quiet();
}

#[test]
fn a_call_on_the_line_of_the_trunk_itself_is_followed() {
    let mut rig = Rig::new();
    let make = Operation::MakeCall { line: "carrier".into(), to: "30".into(), params: None };
    rig.request(CRM, make).unwrap();
    let (network, _) = rig.invited();
    moved(&mut rig, network, 302, &["sip:1003@pbx.example", "sip:77@sbc.example"]);
    let (other, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:77@sbc.example", "nobody is there to call another line");
    let call = rig.switch.call(CRM, CallId(1)).unwrap();
    assert_eq!((call.called.number.as_str(), call.redirection.number.as_str()), ("30", "77"));
    rig.answer(other, USUAL);
    rig.hang_up(other);
    rig.ask(CRM, Operation::Drop(CallId(1), None));
    rig.assert_quiet();
}
