//! Phones that are told what to do by CSTA.

use std::sync::Arc;
use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{
    Cause, CauseKind, Command, Event, Outbox as SipOutbox, Party, Peer, RegistrationChange,
};
use trunkline_sip::package::csta::{CallChange, CallEvent, Connection, Service, Statement};

use crate::switch::csta::CstaUse;
use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::vendor::VendorSetup;
use crate::switch::*;

pub(super) const SETTLED: Duration = Duration::from_secs(1);

pub(super) fn told_by_csta(uses: &[CstaUse]) -> Setup {
    let mut setup = setup();
    setup.vendors = vec![VendorSetup {
        csta: Some(uses.to_vec()),
        ..VendorSetup::of(regex::Regex::new("^Snom").unwrap())
    }];
    setup
}

/// 1001 and 1002 are phones with a session each.
pub(super) fn rig() -> (Rig, LegId, LegId) {
    let mut rig = Rig::with(told_by_csta(&[CstaUse::MakeCall, CstaUse::Answer]));
    for line in ["1001", "1002"] {
        rig.register(line, &format!("sip:{line}@10.0.0.5"), 1000);
    }
    rig.pass(Duration::ZERO);
    rig.pass(SETTLED);
    let first = opened(&mut rig);
    rig.pass(Duration::from_millis(10));
    let second = opened(&mut rig);
    assert_eq!(rig.switch.gauges().csta_sessions, 2);
    (rig, first, second)
}

/// The phone takes the session that it is asked for.
pub(super) fn opened(rig: &mut Rig) -> LegId {
    let (leg, invite) = rig.invited();
    assert!(invite.is_csta && invite.offer.is_none());
    answer(rig, leg);
    assert_eq!(services(rig), ["MonitorStart"]);
    done(rig, leg, "MonitorStart", None);
    leg
}

pub(super) fn answer(rig: &mut Rig, leg: LegId) {
    rig.tell(Event::Answered { leg, sdp: None, is_offer: false, connected: Party::default() });
}

/// What phones were asked for since the last look.
pub(super) fn asked(rig: &mut Rig) -> Vec<(LegId, Service)> {
    let mut asked = Vec::new();
    rig.sip.retain(|command| {
        let Command::Csta(leg, service) = command else { return true };
        asked.push((*leg, Service::clone(service)));
        false
    });
    asked
}

pub(super) fn services(rig: &mut Rig) -> Vec<&'static str> {
    asked(rig).iter().map(|(_, service)| service.name()).collect()
}

pub(super) fn connection(call: &str, line: &str) -> Connection {
    Connection { call: call.to_owned(), device: format!("sip:{line}@pbx.example") }
}

pub(super) fn done(rig: &mut Rig, leg: LegId, service: &str, connection: Option<Connection>) {
    let statement = Statement::Response { service: service.to_owned(), connection, is_disabled: false };
    rig.tell(Event::CstaAnswered { leg, status: 200, statement: Some(Box::new(statement)) });
}

pub(super) fn refused(rig: &mut Rig, leg: LegId) {
    let statement = Statement::Error("operation generic".to_owned());
    rig.tell(Event::CstaAnswered { leg, status: 200, statement: Some(Box::new(statement)) });
}

pub(super) fn tells(rig: &mut Rig, leg: LegId, change: CallChange, call: &str, calling: &str) {
    let (connection, calling) = (connection(call, "1002"), calling.to_owned());
    let (called, device) = ("1002".to_owned(), "1002".to_owned());
    let event = CallEvent { change, connection, calling, called, device };
    rig.tell(Event::Csta { leg, statement: Box::new(Statement::CallEvent(event)) });
}

/// A phone of the line calls from this host.
pub(super) fn calls(rig: &mut Rig, line: &str, dialled: &str, host: [u8; 4]) -> LegId {
    let mut call = rig.incoming(Peer::Line(line.into()), dialled, Some(USUAL));
    call.flow.remote.set_ip(host.into());
    let leg = LegId::new(0, 1 << 47 | u64::from(host[3]) << 8 | rig.switch.legs.len() as u64);
    rig.tell(Event::Incoming(leg, call));
    leg
}

pub(super) fn make_call(rig: &mut Rig, to: &str) -> CallId {
    let operation = Operation::MakeCall { line: "1001".into(), to: to.to_owned(), params: None };
    let Ok(Outcome::Call(id)) = rig.request(CRM, operation) else { panic!("a call") };
    id
}

fn failed(rig: &mut Rig, leg: LegId, status: u16) {
    rig.refuse(leg, status);
}

#[test]
fn a_phone_makes_the_call_of_an_application_and_it_is_that_call() {
    let (mut rig, desk, _) = rig();
    let id = make_call(&mut rig, "1002");
    let asked = asked(&mut rig).pop();
    let (from, to) = ("sip:1001@pbx.example".to_owned(), "sip:1002@pbx.example".to_owned());
    assert_eq!(asked, Some((desk, Service::MakeCall(from, to))));
    assert_eq!(rig.commands(), [""; 0], "the phone is not called");
    done(&mut rig, desk, "MakeCall", Some(connection("7", "1001")));
    let caller = calls(&mut rig, "1001", "1002", [10, 0, 0, 9]);
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    assert_eq!(rig.state(id.0).name(), "connected");
    rig.hang_up(caller);
    rig.commands();
    assert_eq!(rig.state(id.0).name(), "idle", "the handset hung up");
    rig.request(CRM, Operation::DeallocateCall(id)).unwrap();
    let gauges = rig.switch.gauges();
    assert_eq!((gauges.calls, gauges.legs, gauges.csta_sessions), (0, 0, 2));
}

#[test]
fn a_phone_that_refuses_or_takes_too_long_is_called_as_others_are() {
    let (mut rig, desk, _) = rig();
    make_call(&mut rig, "1002");
    assert_eq!(services(&mut rig), ["MakeCall"]);
    refused(&mut rig, desk);
    let (leg, invite) = rig.invited();
    assert!(invite.headers.iter().any(|(name, _)| *name == "Answer-Mode"));
    failed(&mut rig, leg, 486);
    rig.messages.clear();

    let id = make_call(&mut rig, "1002");
    assert_eq!(services(&mut rig), ["MakeCall"]);
    rig.pass(Duration::from_millis(1_999));
    assert!(rig.sip.is_empty());
    rig.pass(Duration::from_millis(1));
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    assert_eq!(rig.state(id.0).name(), "connected");
}

#[test]
fn a_phone_that_does_not_call_is_waited_for_a_while() {
    let (mut rig, desk, _) = rig();
    let id = make_call(&mut rig, "1002");
    done(&mut rig, desk, "MakeCall", Some(connection("7", "1001")));
    services(&mut rig);
    rig.pass(Duration::from_secs(20));
    assert_eq!(rig.state(id.0).name(), "disconnected");
    assert_eq!(services(&mut rig), ["ClearConnection"], "it is told that nobody wants it");
    // One that calls all the same calls for itself.
    done(&mut rig, desk, "ClearConnection", None);
    let caller = calls(&mut rig, "1001", "1002", [10, 0, 0, 9]);
    assert_eq!(rig.state(id.0).name(), "disconnected");
    rig.hang_up(caller);
}

#[test]
fn an_application_that_drops_early_has_the_phone_leave_the_call() {
    let (mut rig, desk, _) = rig();
    let id = make_call(&mut rig, "1002");
    rig.request(CRM, Operation::Drop(id, None)).unwrap();
    assert_eq!(services(&mut rig), ["MakeCall"], "its name is not known yet");
    done(&mut rig, desk, "MakeCall", Some(connection("7", "1001")));
    let cleared = asked(&mut rig).pop().map(|(_, service)| service);
    assert_eq!(cleared, Some(Service::ClearConnection(connection("7", "1001"))));
    done(&mut rig, desk, "ClearConnection", None);

    // And the phone itself.
    let id = make_call(&mut rig, "1002");
    done(&mut rig, desk, "MakeCall", Some(connection("8", "1001")));
    tells(&mut rig, desk, CallChange::Cleared, "8", "1001");
    assert_eq!(rig.state(id.0).name(), "disconnected");
}

#[test]
fn the_call_of_another_phone_or_number_is_its_own() {
    let (mut rig, desk, _) = rig();
    let id = make_call(&mut rig, "1002");
    done(&mut rig, desk, "MakeCall", None);
    for (line, dialled) in [("1001", "030"), ("1002", "1001")] {
        let leg = calls(&mut rig, line, dialled, [10, 0, 0, 9]);
        assert_eq!(rig.state(id.0).name(), "dialing", "{line} {dialled}");
        rig.hang_up(leg);
    }
    calls(&mut rig, "1001", "1002", [10, 0, 0, 77]);
    assert_eq!(rig.state(id.0).name(), "dialing", "another phone of the line");
}

/// A call to 1002 that rings: the call there, and the leg.
pub(super) fn ringing(rig: &mut Rig) -> (CallId, LegId) {
    rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (leg, _) = rig.invited();
    rig.progress(leg, 180, None);
    let calls = rig.switch.calls(CRM);
    let call = calls.iter().find(|call| &*call.line == "1002").expect("a call on 1002");
    (call.id, leg)
}

#[test]
fn a_phone_answers_the_call_that_rings_there() {
    let (mut rig, _, desk) = rig();
    let (id, leg) = ringing(&mut rig);
    tells(&mut rig, desk, CallChange::Delivered, "9", "1001");
    let request = rig.ask(CRM, Operation::Answer(id, None));
    let asked = asked(&mut rig).pop();
    assert_eq!(asked, Some((desk, Service::AnswerCall(connection("9", "1002")))));
    done(&mut rig, desk, "AnswerCall", None);
    assert_eq!(rig.reply(request), None, "the phone has not answered yet");
    rig.answer(leg, USUAL);
    assert_eq!(rig.reply(request), Some(Ok(Outcome::Done)));
    tells(&mut rig, desk, CallChange::Established, "9", "1001");
    assert_eq!(rig.state(id.0).name(), "connected");
}

#[test]
fn a_phone_that_does_not_answer_so_is_asked_otherwise() {
    for is_silent in [false, true] {
        let (mut rig, _, desk) = rig();
        let (id, leg) = ringing(&mut rig);
        tells(&mut rig, desk, CallChange::Delivered, "9", "1001");
        rig.ask(CRM, Operation::Answer(id, None));
        assert_eq!(services(&mut rig), ["AnswerCall"]);
        rig.sip.clear();
        if is_silent {
            rig.pass(Duration::from_secs(2));
        } else {
            refused(&mut rig, desk);
        }
        let (again, invite) = rig.invited();
        assert!(again != leg && invite.headers.iter().any(|(name, _)| *name == "Answer-Mode"));
    }
}

#[test]
fn a_call_that_the_phone_did_not_tell_of_is_answered_otherwise() {
    let (mut rig, _, desk) = rig();
    // None; one of another caller; two of the same; one that stopped ringing.
    for calls in [&[][..], &[("9", "1003")], &[("9", "1001"), ("10", "1001")]] {
        let (id, _) = ringing(&mut rig);
        for (call, calling) in calls {
            tells(&mut rig, desk, CallChange::Delivered, call, calling);
        }
        rig.ask(CRM, Operation::Answer(id, None));
        assert!(services(&mut rig).is_empty(), "{calls:?}");
        rig.request(CRM, Operation::Drop(id, None)).unwrap_or(Outcome::Done);
        rig.commands();
        for (call, calling) in calls {
            tells(&mut rig, desk, CallChange::Cleared, call, calling);
        }
    }
}

#[test]
fn phones_of_other_vendors_are_not_asked_for_a_session() {
    let mut rig = Rig::with(told_by_csta(&[]));
    rig.register("1001", "sip:1001@10.0.0.5", 1000);
    rig.pass(SETTLED);
    rig.pass(SETTLED);
    assert!(rig.sip.is_empty());
    // One that answers alone is not asked to call.
    let mut rig = Rig::with(told_by_csta(&[CstaUse::Answer]));
    rig.register("1001", "sip:1001@10.0.0.5", 1000);
    rig.pass(Duration::ZERO);
    rig.pass(SETTLED);
    opened(&mut rig);
    make_call(&mut rig, "1002");
    assert!(!rig.invited().1.is_csta);
}

#[test]
fn who_refuses_rings_or_is_silent_is_asked_again_later() {
    let mut rig = Rig::with(told_by_csta(&[CstaUse::Answer]));
    rig.register("1001", "sip:1001@10.0.0.5", 1000);
    rig.pass(Duration::ZERO);
    rig.pass(SETTLED);
    let is_asked = |rig: &mut Rig, after_s: u64| {
        rig.pass(Duration::from_secs(after_s));
        rig.sip.iter().any(|command| matches!(command, Command::Invite(..)))
    };
    let (leg, _) = rig.invited();
    failed(&mut rig, leg, 415);
    assert!(!is_asked(&mut rig, 899) && is_asked(&mut rig, 901), "one that refuses");
    let (leg, _) = rig.invited();
    rig.progress(leg, 180, None);
    assert_eq!(rig.commands(), [format!("end {leg}")], "one that rings");
    assert!(!is_asked(&mut rig, 1_799) && is_asked(&mut rig, 1_801));
    let (leg, _) = rig.invited();
    answer(&mut rig, leg);
    done(&mut rig, leg, "MonitorStart", None);
    services(&mut rig);
    rig.pass(Duration::from_secs(300));
    assert_eq!(services(&mut rig), ["RequestSystemStatus"], "after a while without a word");
    rig.tell(Event::CstaAnswered { leg, status: 408, statement: None });
    assert_eq!(rig.commands(), [format!("end {leg}")]);
    assert_eq!(rig.switch.gauges().csta_sessions, 0);
    assert!(!is_asked(&mut rig, 14) && is_asked(&mut rig, 16), "one that was there is asked sooner");
    let (leg, _) = rig.invited();
    let statement = Statement::Error("operation generic".to_owned());
    rig.tell(Event::Csta { leg, statement: Box::new(statement) });
    answer(&mut rig, leg);
    assert_eq!(rig.commands(), [format!("end {leg}")], "a 200 that refuses");
}

#[test]
fn a_session_ends_with_the_registration_the_row_and_the_engine() {
    let (mut rig, first, second) = rig();
    let line: Arc<str> = "1001".into();
    rig.location.remove(&line, "sip:1001@10.0.0.5", &mut SipOutbox::default());
    let (contact, change) = ("sip:1001@10.0.0.5".to_owned(), RegistrationChange::Unregistered);
    rig.tell(Event::Registration { line, contact, change });
    assert_eq!(rig.commands(), [format!("end {first}")]);
    assert_eq!(rig.switch.csta_leaving(), 0, "its end was confirmed");

    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, told_by_csta(&[]), &mut out);
    rig.take(out);
    rig.pass(Duration::ZERO);
    assert_eq!(rig.commands(), [format!("end {second}")]);
    assert_eq!(rig.switch.gauges().csta_sessions, 0);

    let (mut rig, first, second) = self::rig();
    let mut out = Outbox::default();
    rig.switch.drain(rig.now, &mut out);
    rig.take(out);
    assert_eq!(rig.switch.csta_leaving(), 2);
    assert_eq!(rig.commands(), [format!("end {first}"), format!("end {second}")]);
    assert_eq!(rig.switch.csta_leaving(), 0);
}

#[test]
fn a_call_that_waits_for_a_session_that_ends_goes_another_way() {
    let (mut rig, desk, _) = rig();
    make_call(&mut rig, "1002");
    services(&mut rig);
    let cause = Cause { kind: CauseKind::Bye, ..Cause::default() };
    rig.tell(Event::Ended { leg: desk, cause });
    assert!(!rig.invited().1.is_csta, "the phone is called");
}

#[test]
fn an_empty_answer_is_believed_until_the_phone_says_more() {
    let (mut rig, desk, _) = rig();
    let id = make_call(&mut rig, "1002");
    services(&mut rig);
    rig.tell(Event::CstaAnswered { leg: desk, status: 200, statement: None });
    let statement = Statement::Response {
        service: "MakeCall".to_owned(),
        connection: Some(connection("7", "1001")),
        is_disabled: false,
    };
    rig.tell(Event::Csta { leg: desk, statement: Box::new(statement) });
    rig.request(CRM, Operation::Drop(id, None)).unwrap();
    assert_eq!(services(&mut rig), ["ClearConnection"]);
    done(&mut rig, desk, "ClearConnection", None);

    make_call(&mut rig, "1002");
    rig.tell(Event::CstaAnswered { leg: desk, status: 200, statement: None });
    let statement = Statement::Error("operation generic".to_owned());
    rig.tell(Event::Csta { leg: desk, statement: Box::new(statement) });
    assert!(!rig.invited().1.is_csta, "refused after all");
}

#[test]
fn services_and_phones_are_bounded() {
    let (mut rig, _, _) = rig();
    for _ in 0..12 {
        make_call(&mut rig, "0301");
        rig.switch.setup = Arc::new(Setup { calls_max: 100, ..Setup::clone(&rig.switch.setup) });
    }
    let called = rig.sip.iter().filter(|command| matches!(command, Command::Invite(..))).count();
    assert_eq!((services(&mut rig), called), (vec!["MakeCall"], 3), "one under way, eight wait");
}
