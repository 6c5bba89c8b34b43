//! Phones that are told by CSTA and are silent, late, confused or many.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{CallDetails, Cause, CauseKind, Command, Event, Peer};
use trunkline_sip::package::csta::{CallChange, CallEvent, Service, Statement};

use super::csta::{
    SETTLED, answer, asked, calls, connection, done, make_call, opened, refused, rig, ringing, services,
    tells, told_by_csta,
};
use crate::switch::csta::CstaUse;
use crate::switch::rig::{CRM, Rig, USUAL, sdp_at};
use crate::switch::setup::LineSetup;
use crate::switch::setup::RouteSetup;
use crate::switch::*;

const PHONE: [u8; 4] = [10, 0, 0, 9];

/// Whether the phone's own call was refused.
fn is_refused(rig: &mut Rig, leg: LegId) -> bool {
    rig.commands().contains(&format!("reject 480 {leg}"))
}

/// Invitations to others than sessions, those to come taken.
fn invitations(rig: &mut Rig) -> Vec<LegId> {
    let mut legs = Vec::new();
    rig.sip.retain(|command| {
        let found =
            if let Command::Invite(leg, invite) = command { (!invite.is_csta).then_some(*leg) } else { None };
        legs.extend(found);
        found.is_none()
    });
    legs
}

#[test]
fn who_hides_is_hidden_though_the_phone_calls() {
    for (by_application, by_phone) in [(true, false), (false, true), (false, false)] {
        let (mut rig, desk, _) = rig();
        let params = CallParams { block_id: by_application, ..CallParams::default() };
        let operation =
            Operation::MakeCall { line: "1001".into(), to: "1002".to_owned(), params: Some(params.into()) };
        let Ok(Outcome::Call(id)) = rig.request(CRM, operation) else { panic!("a call") };
        done(&mut rig, desk, "MakeCall", Some(connection("7", "1001")));
        services(&mut rig);
        let mut call = rig.incoming(Peer::Line("1001".into()), "1002", Some(USUAL));
        call.flow.remote.set_ip(PHONE.into());
        call.details = Some(Box::new(CallDetails { is_private: by_phone, ..CallDetails::default() }));
        rig.tell(Event::Incoming(LegId::new(0, 1 << 47), call));
        let (_, invite) = rig.invited();
        let is_hidden = by_application || by_phone;
        assert_eq!(rig.switch.calls.get(&id).unwrap().caller.is_blocked, is_hidden);
        assert_eq!(invite.from.user != "1001", is_hidden, "{:?}", invite.from);
    }
}

#[test]
fn the_device_that_the_phone_names_rings_alone() {
    let (mut rig, desk, _) = rig();
    rig.register("1002", "sip:1002@10.0.0.6", 1000);
    make_call(&mut rig, "1002");
    done(&mut rig, desk, "MakeCall", None);
    services(&mut rig);
    let mut call = rig.incoming(Peer::Line("1001".into()), "1002", Some(USUAL));
    call.flow.remote.set_ip(PHONE.into());
    let device = Some("urn:uuid:00000000-0000-0000-0000-000000000000".to_owned());
    call.details = Some(Box::new(CallDetails { device, ..CallDetails::default() }));
    rig.tell(Event::Incoming(LegId::new(0, 1 << 47), call));
    assert_eq!(invitations(&mut rig), [], "no phone of the line is that device");
}

#[test]
fn whoever_waits_behind_a_silent_service_goes_another_way() {
    let (mut rig, desk, _) = rig();
    make_call(&mut rig, "1002");
    rig.pass(Duration::from_secs(1));
    make_call(&mut rig, "1002");
    assert_eq!((services(&mut rig), invitations(&mut rig).len()), (vec!["MakeCall"], 0));
    rig.pass(Duration::from_secs(1));
    assert_eq!(invitations(&mut rig).len(), 2, "neither the first nor what waits behind it");
    make_call(&mut rig, "1002");
    assert_eq!(invitations(&mut rig).len(), 1, "nor is a silent phone asked again");
    done(&mut rig, desk, "MakeCall", None);
    assert_eq!(services(&mut rig), [""; 0], "what went another way is not asked for");
    make_call(&mut rig, "1002");
    assert_eq!(services(&mut rig), ["MakeCall"], "it says something again");
}

#[test]
fn what_nobody_wants_any_more_is_not_asked_for() {
    // A call that was dropped while it waited.
    let (mut rig, desk, _) = rig();
    make_call(&mut rig, "1002");
    let second = make_call(&mut rig, "0301");
    rig.request(CRM, Operation::Drop(second, None)).unwrap();
    assert_eq!(services(&mut rig), ["MakeCall"]);
    done(&mut rig, desk, "MakeCall", None);
    assert_eq!(services(&mut rig), [""; 0]);
    // The phone was not asked to: who calls there is its user.
    let leg = calls(&mut rig, "1001", "0301", PHONE);
    assert!(!is_refused(&mut rig, leg));

    // An answer to a caller who hung up.
    let (mut rig, _, desk) = self::rig();
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (leg, _) = rig.invited();
    rig.progress(leg, 180, None);
    let id = rig.switch.calls(CRM).iter().find(|call| &*call.line == "1002").unwrap().id;
    tells(&mut rig, desk, CallChange::Delivered, "9", "1001");
    rig.pass(Duration::from_secs(300));
    assert!(services(&mut rig).contains(&"RequestSystemStatus"));
    rig.ask(CRM, Operation::Answer(id, None));
    rig.hang_up(caller);
    done(&mut rig, desk, "RequestSystemStatus", None);
    assert_eq!(services(&mut rig), [""; 0]);
}

#[test]
fn a_call_that_the_phone_makes_too_late_is_refused_and_left() {
    for is_answered_first in [true, false] {
        let (mut rig, desk, _) = rig();
        let id = make_call(&mut rig, "1002");
        services(&mut rig);
        rig.pass(Duration::from_secs(2));
        let own = invitations(&mut rig);
        assert_eq!(own.len(), 1, "it is called");
        if is_answered_first {
            done(&mut rig, desk, "MakeCall", Some(connection("7", "1001")));
            let cleared = asked(&mut rig).pop().map(|(_, service)| service);
            assert_eq!(cleared, Some(Service::ClearConnection(connection("7", "1001"))));
        }
        let leg = calls(&mut rig, "1001", "1002", PHONE);
        assert!(is_refused(&mut rig, leg) && invitations(&mut rig).is_empty(), "nobody is called twice");
        assert_eq!(rig.state(id.0).name(), "dialing", "the other way goes on");
        // What its user dials himself goes through.
        let leg = calls(&mut rig, "1001", "1002", PHONE);
        assert!(!is_refused(&mut rig, leg));
    }
}

#[test]
fn a_phone_that_refuses_late_calls_for_itself() {
    let (mut rig, desk, _) = rig();
    make_call(&mut rig, "1002");
    rig.pass(Duration::from_secs(2));
    assert_eq!(invitations(&mut rig).len(), 1);
    refused(&mut rig, desk);
    assert_eq!(invitations(&mut rig).len(), 0, "it is called already");
    let leg = calls(&mut rig, "1001", "1002", PHONE);
    assert!(!is_refused(&mut rig, leg));
}

#[test]
fn a_call_that_was_dropped_does_not_go_out() {
    // Whether the phone named it or not, and whether it has answered at all.
    for answer in [Some(Some(connection("7", "1001"))), Some(None), None] {
        let (mut rig, desk, _) = rig();
        let id = make_call(&mut rig, "1002");
        services(&mut rig);
        if let Some(connection) = answer.clone() {
            done(&mut rig, desk, "MakeCall", connection);
        }
        rig.request(CRM, Operation::Drop(id, None)).unwrap();
        let is_named = answer.clone().flatten().is_some();
        assert_eq!(services(&mut rig), ["ClearConnection"].repeat(is_named.into()));
        let leg = calls(&mut rig, "1001", "1002", PHONE);
        assert!(is_refused(&mut rig, leg) && invitations(&mut rig).is_empty(), "{answer:?}");
    }
}

#[test]
fn what_nobody_wants_is_forgotten() {
    let dropped = |rig: &mut Rig, desk: LegId, to: &str| {
        let id = make_call(rig, to);
        services(rig);
        done(rig, desk, "MakeCall", Some(connection("7", "1001")));
        rig.request(CRM, Operation::Drop(id, None)).unwrap();
        assert_eq!(services(rig), ["ClearConnection"]);
    };
    let goes_out = |rig: &mut Rig, to: &str| {
        let leg = calls(rig, "1001", to, PHONE);
        !is_refused(rig, leg)
    };
    let (mut rig, desk, _) = rig();
    dropped(&mut rig, desk, "1002");
    done(&mut rig, desk, "ClearConnection", None);
    assert!(goes_out(&mut rig, "1002"), "the phone has left it");
    dropped(&mut rig, desk, "1002");
    refused(&mut rig, desk);
    tells(&mut rig, desk, CallChange::Cleared, "7", "1001");
    assert!(goes_out(&mut rig, "1002"), "it tells that it is over");
    dropped(&mut rig, desk, "1002");
    refused(&mut rig, desk);
    rig.pass(Duration::from_secs(20));
    assert!(goes_out(&mut rig, "1002"), "after a while");
    // Whoever needs help is not asked whether he dialled himself.
    dropped(&mut rig, desk, "0112");
    call_for_help_by_0112(&mut rig);
    assert!(goes_out(&mut rig, "0112"));
    // Nor does he reach a number that ends like it.
    let id = make_call(&mut rig, "0301112");
    services(&mut rig);
    done(&mut rig, desk, "MakeCall", None);
    rig.commands();
    assert!(goes_out(&mut rig, "0112"));
    assert_eq!(rig.state(id.0).name(), "dialing", "the call that the application wants is another");
}

fn call_for_help_by_0112(rig: &mut Rig) {
    let mut setup = Setup::clone(&rig.switch.setup);
    let pattern = regex::Regex::new("^0(112)$").unwrap();
    setup.routes.insert(0, RouteSetup { pattern, is_emergency: true, ..setup.routes[0].clone() });
    rig.switch.setup = setup.into();
}

#[test]
fn a_call_for_help_waits_for_no_session() {
    let (mut rig, _, _) = rig();
    call_for_help_by_0112(&mut rig);
    make_call(&mut rig, "0112");
    assert_eq!(services(&mut rig), [""; 0]);
    assert_eq!(invitations(&mut rig).len(), 1, "the phone is called at once");
    make_call(&mut rig, "0301112");
    assert_eq!(services(&mut rig), ["MakeCall"]);
}

#[test]
fn what_a_phone_was_not_asked_for_yet_it_does_not_make() {
    let (mut rig, _, _) = rig();
    let first = make_call(&mut rig, "1002");
    services(&mut rig);
    rig.request(CRM, Operation::Drop(first, None)).unwrap();
    let second = make_call(&mut rig, "1002");
    assert_eq!(services(&mut rig), [""; 0], "the first is under way");
    let leg = calls(&mut rig, "1001", "1002", PHONE);
    assert!(is_refused(&mut rig, leg), "it is the first");
    assert_eq!(rig.state(second.0).name(), "dialing");
}

#[test]
fn a_call_that_its_phone_cannot_make_is_made_another_way() {
    let (mut rig, desk, _) = rig();
    make_call(&mut rig, "1002");
    done(&mut rig, desk, "MakeCall", None);
    services(&mut rig);
    // An offer without audio.
    let mut call = rig.incoming(Peer::Line("1001".into()), "1002", Some(USUAL));
    call.flow.remote.set_ip(PHONE.into());
    call.offer.as_mut().unwrap().media.clear();
    rig.tell(Event::Incoming(LegId::new(0, 1 << 47), call));
    assert_eq!(invitations(&mut rig).len(), 1, "the phone is called");
}

#[test]
fn what_a_broken_stream_swallowed_is_not_asked_for_twice() {
    let (mut rig, desk, _) = rig();
    make_call(&mut rig, "1002");
    services(&mut rig);
    rig.tell(Event::CstaAnswered { leg: desk, status: 503, statement: None });
    assert_eq!((services(&mut rig), invitations(&mut rig).len()), (Vec::new(), 1), "the phone is called");
    let leg = calls(&mut rig, "1001", "1002", PHONE);
    assert!(is_refused(&mut rig, leg), "it had heard of it all the same");
}

#[test]
fn of_two_phones_at_one_address_each_makes_its_own_calls() {
    let mut rig = Rig::with(told_by_csta(&[CstaUse::MakeCall]));
    let [first, second] = [4_001_u16, 4_002].map(|port| SocketAddr::from((PHONE, port)));
    rig.register_from("1001", "sip:1001@192.168.1.2", first);
    rig.register_from("1001", "sip:1001@192.168.1.3", second);
    rig.pass(Duration::ZERO);
    rig.pass(SETTLED);
    opened(&mut rig);
    rig.pass(Duration::from_millis(10));
    let desk = opened(&mut rig);
    let id = make_call(&mut rig, "0301");
    assert_eq!(asked(&mut rig).pop().map(|(leg, _)| leg), Some(desk), "the one heard of last");
    done(&mut rig, desk, "MakeCall", None);
    let from = |rig: &mut Rig, remote: SocketAddr| {
        let mut call = rig.incoming(Peer::Line("1001".into()), "0301", Some(USUAL));
        call.flow.remote = remote;
        let leg = LegId::new(0, 1 << 47 | rig.switch.legs.len() as u64);
        rig.tell(Event::Incoming(leg, call));
        rig.switch.calls.get(&id).unwrap().leg == Some(leg)
    };
    assert!(!from(&mut rig, first), "the other one");
    assert!(!from(&mut rig, SocketAddr::from((PHONE, 4_003))), "one that nobody can tell");
    assert!(from(&mut rig, second));
}

/// A phone that calls from another port than it registered from is known where it is alone.
#[test]
fn a_phone_alone_at_its_address_is_known_by_that() {
    let (mut rig, desk, _) = rig();
    let id = make_call(&mut rig, "1002");
    done(&mut rig, desk, "MakeCall", None);
    let mut call = rig.incoming(Peer::Line("1001".into()), "1002", Some(USUAL));
    call.flow.remote = SocketAddr::from((PHONE, 49_152));
    rig.tell(Event::Incoming(LegId::new(0, 1 << 47), call));
    assert_eq!(rig.switch.calls.get(&id).unwrap().leg, Some(LegId::new(0, 1 << 47)));
}

#[test]
fn a_number_that_the_phone_changed_is_that_of_the_application() {
    let (mut rig, desk, _) = rig();
    let id = make_call(&mut rig, "1002");
    done(&mut rig, desk, "MakeCall", Some(connection("7", "1001")));
    let leg = calls(&mut rig, "1001", "901002", PHONE);
    assert_eq!(rig.switch.calls.get(&id).unwrap().leg, Some(leg));
    assert_eq!(rig.invited().1.to.user, "1002", "the number that was asked for is called");

    // And one that nobody would know, once the phone has told what it dials.
    let (mut rig, desk, _) = self::rig();
    let id = make_call(&mut rig, "1002");
    done(&mut rig, desk, "MakeCall", Some(connection("7", "1001")));
    let event = CallEvent {
        change: CallChange::Begun,
        connection: connection("7", "1001"),
        calling: "1001".to_owned(),
        called: "short".to_owned(),
        device: "1001".to_owned(),
    };
    rig.tell(Event::Csta { leg: desk, statement: Box::new(Statement::CallEvent(event)) });
    let leg = calls(&mut rig, "1001", "short", PHONE);
    assert_eq!(rig.switch.calls.get(&id).unwrap().leg, Some(leg));
}

#[test]
fn sessions_that_never_last_are_asked_for_ever_less() {
    let mut rig = Rig::with(told_by_csta(&[CstaUse::Answer]));
    rig.register("1001", "sip:1001@10.0.0.5", 1000);
    rig.pass(Duration::ZERO);
    rig.pass(SETTLED);
    let hangs_up = |rig: &mut Rig, leg: LegId| {
        let cause = Cause { kind: CauseKind::Bye, ..Cause::default() };
        rig.tell(Event::Ended { leg, cause });
    };
    for pause_s in [30_u64, 60, 120] {
        let leg = opened(&mut rig);
        hangs_up(&mut rig, leg);
        assert_eq!(rig.switch.gauges().csta_sessions, 0);
        rig.pass(Duration::from_secs(pause_s / 2) - Duration::from_millis(1));
        assert!(rig.sip.is_empty(), "half of {pause_s} s at least");
        rig.pass(Duration::from_secs(pause_s / 2 + 1));
    }
    // One of use begins anew: it lasted.
    let leg = opened(&mut rig);
    rig.pass(Duration::from_secs(300));
    services(&mut rig);
    hangs_up(&mut rig, leg);
    rig.pass(Duration::from_secs(30));
    let leg = opened(&mut rig);
    hangs_up(&mut rig, leg);
    // Or it has answered.
    rig.pass(Duration::from_secs(60));
    rig.register("1002", "sip:1002@10.0.0.5", 1000);
    let (leg, _) = rig.invited();
    answer(&mut rig, leg);
    assert_eq!(rig.switch.gauges().csta_sessions, 1);
}

#[test]
fn a_start_looks_at_some_lines_at_a_time() {
    let mut setup = told_by_csta(&[CstaUse::Answer]);
    let line = |number: usize| LineSetup::new(&format!("2{number:04}"), LineKind::Phone);
    setup.lines.extend((0..600).map(line));
    let mut rig = Rig::with(setup);
    for number in 0..600 {
        rig.register(&format!("2{number:04}"), "sip:phone@10.0.0.5", 1000);
    }
    let mut asked = 0;
    for at_most in [256, 512, 600] {
        rig.pass(if asked == 0 { Duration::ZERO } else { Duration::from_millis(10) });
        assert!(rig.switch.csta.phones() <= at_most && rig.switch.csta.phones() > asked, "{at_most}");
        asked = rig.switch.csta.phones();
    }
    assert_eq!(asked, 600);
    // Phones of lines that a reload has taken away are left.
    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, told_by_csta(&[CstaUse::Answer]), &mut out);
    rig.take(out);
    rig.pass(Duration::ZERO);
    assert_eq!(rig.switch.csta.phones(), 0);
}

#[test]
fn an_answer_of_another_service_makes_no_call() {
    let (mut rig, desk, _) = rig();
    let id = make_call(&mut rig, "1002");
    services(&mut rig);
    rig.tell(Event::CstaAnswered { leg: desk, status: 200, statement: None });
    for service in ["MonitorStart", "MakeCall"] {
        let connection = Some(connection(service, "1001"));
        let statement = Statement::Response { service: service.to_owned(), connection, is_disabled: false };
        rig.tell(Event::Csta { leg: desk, statement: Box::new(statement) });
    }
    rig.request(CRM, Operation::Drop(id, None)).unwrap();
    let cleared = asked(&mut rig).pop().map(|(_, service)| service);
    assert_eq!(cleared, Some(Service::ClearConnection(connection("MakeCall", "1001"))));
}

/// The phone calls before it answers MakeCall.
#[test]
fn a_call_that_comes_before_the_answer_is_that_call_and_no_other_way_is_gone() {
    let (mut rig, desk, _) = rig();
    let id = make_call(&mut rig, "1002");
    let caller = calls(&mut rig, "1001", "1002", PHONE);
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    services(&mut rig);
    rig.pass(Duration::from_secs(2));
    assert_eq!(invitations(&mut rig), []);
    done(&mut rig, desk, "MakeCall", Some(connection("7", "1001")));
    assert_eq!((services(&mut rig), rig.state(id.0).name()), (Vec::new(), "connected"));
    rig.hang_up(caller);
    assert_eq!(services(&mut rig), [""; 0], "it is over for the phone already");
}

#[test]
fn an_answer_that_waits_behind_a_silent_service_is_asked_for_by_sip() {
    let (mut rig, _, desk) = rig();
    let (id, _) = ringing(&mut rig);
    tells(&mut rig, desk, CallChange::Delivered, "9", "1001");
    rig.sip.clear();
    rig.tell(Event::CstaAnswered { leg: desk, status: 200, statement: None });
    // Its own call first: the phone is busy with MakeCall.
    let operation = Operation::MakeCall { line: "1002".into(), to: "1001".to_owned(), params: None };
    rig.request(CRM, operation).unwrap();
    rig.ask(CRM, Operation::Answer(id, None));
    assert_eq!(services(&mut rig), ["MakeCall"]);
    rig.pass(Duration::from_secs(2));
    assert_eq!((services(&mut rig), invitations(&mut rig).len()), (Vec::new(), 2), "called for both");
}

fn offers(rig: &mut Rig, leg: LegId, lines: &str) {
    rig.tell(Event::Offer { leg, sdp: Some(sdp_at("10.0.0.9", 4000, USUAL, lines)) });
}

/// 1002 has a session in which it is asked to take calls back, and holds its call with 1001: the call, its leg, the session.
fn held_there() -> (Rig, CallId, LegId, LegId) {
    let mut rig = Rig::with(told_by_csta(&[CstaUse::Retrieve]));
    rig.register("1002", "sip:1002@10.0.0.5", 1000);
    rig.pass(Duration::ZERO);
    rig.pass(SETTLED);
    let desk = opened(&mut rig);
    let (id, leg) = ringing(&mut rig);
    tells(&mut rig, desk, CallChange::Delivered, "9", "1001");
    rig.answer(leg, USUAL);
    tells(&mut rig, desk, CallChange::Established, "9", "1001");
    offers(&mut rig, leg, "a=sendonly\r\n");
    rig.sip.clear();
    (rig, id, leg, desk)
}

#[test]
fn a_phone_takes_back_what_its_user_holds() {
    let (mut rig, id, leg, desk) = held_there();
    let refusal = rig.request(CRM, Operation::Unhold(id)).unwrap_err();
    assert_eq!(refusal.error, LineError::OperationUnavail, "nobody knows what the phone calls it");
    tells(&mut rig, desk, CallChange::Held, "9", "1001");
    let request = rig.ask(CRM, Operation::Unhold(id));
    let asked = asked(&mut rig).pop();
    assert_eq!(asked, Some((desk, Service::RetrieveCall(connection("9", "1002")))));
    done(&mut rig, desk, "RetrieveCall", None);
    assert_eq!(rig.reply(request), None, "it has not done so yet");
    offers(&mut rig, leg, "");
    assert_eq!(rig.reply(request), Some(Ok(Outcome::Done)));
    assert_eq!(rig.state(id.0).name(), "connected");
}

#[test]
fn a_phone_that_takes_nothing_back_is_asked_by_notify_if_it_knows_that() {
    for (is_silent, talk) in [(false, false), (true, false), (false, true), (true, true)] {
        let (mut rig, id, leg, desk) = held_there();
        tells(&mut rig, desk, CallChange::Held, "9", "1001");
        rig.switch.legs.get_mut(&leg).unwrap().talk = talk;
        let request = rig.ask(CRM, Operation::Unhold(id));
        assert_eq!(services(&mut rig), ["RetrieveCall"]);
        if is_silent {
            rig.pass(Duration::from_secs(2));
        } else {
            refused(&mut rig, desk);
        }
        match talk {
            true => assert_eq!(rig.commands(), [format!("notify talk {leg}")]),
            false => assert!(matches!(rig.reply(request), Some(Err(_)))),
        }
    }
}
