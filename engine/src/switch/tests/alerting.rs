//! How phones are asked to ring, and to answer by themselves: by rows of their vendor.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{CallDetails, Event, Invite, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::setup::{GroupSetup, LineSetup, RouteSetup};
use crate::switch::vendor::VendorSetup;
use crate::switch::*;

/// 1001 and 1002 are phones of the vendor that the row is for.
fn rig() -> Rig {
    let some = |text: &str| Some(text.to_owned());
    let mut setup = setup();
    setup.vendors = vec![VendorSetup {
        auto_answer: Some(vec![("Call-Info", "<sip:{domain}>;answer-after=1".to_owned())]),
        ring_internal: some("inside"),
        ring_external: some("outside"),
        ring_callback: some("again"),
        ring_group: some("together"),
        ..VendorSetup::of(regex::Regex::new("^Snom").unwrap())
    }];
    setup.groups = vec![GroupSetup::new("600", &["1002"])];
    let mut rig = Rig::with(setup);
    for line in ["1001", "1002"] {
        rig.register(line, &format!("sip:{line}@10.0.0.9"), 1000);
    }
    rig
}

fn asked(invite: &Invite) -> Vec<(&'static str, &str)> {
    let asks = |name: &str| ["Alert-Info", "Call-Info", "Answer-Mode"].contains(&name);
    let headers = invite.headers.iter().filter(|(name, _)| asks(name));
    headers.map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn a_phone_rings_by_where_the_call_comes_from() {
    let mut rig = rig();
    rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    assert_eq!(asked(&rig.invited().1), [("Alert-Info", "inside")]);
    rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    assert_eq!(asked(&rig.invited().1), [("Alert-Info", "outside")]);
    rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    assert_eq!(asked(&rig.invited().1), [], "a network is told nothing");
    rig.call_in(Peer::Line("1001".into()), "600", Some(USUAL));
    assert_eq!(asked(&rig.invited().1), [("Alert-Info", "together")]);
    let mut setup = Setup::clone(&rig.switch.setup);
    setup.vendors[0].ring_group = Some(String::new());
    rig.switch.reconfigure(rig.now, setup, &mut Outbox::default());
    rig.call_in(Peer::Line("1001".into()), "600", Some(USUAL));
    assert_eq!(asked(&rig.invited().1), [("Alert-Info", "inside")], "as any other");
}

#[test]
fn a_call_that_comes_back_rings_so() {
    let mut rig = rig();
    let caller = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.request(CRM, Operation::Park { call: CallId(2), to: None }).unwrap();
    rig.commands();
    rig.pass(Duration::from_secs(120));
    assert_eq!(asked(&rig.invited().1), [("Alert-Info", "again")]);
}

#[test]
fn a_phone_is_asked_to_answer_by_its_row() {
    let mut rig = rig();
    let expected = [("Call-Info", "<sip:pbx.example>;answer-after=1")];
    let params = Some(CallParams { dest_off_hook: true, ..CallParams::default() }.into());
    let to = "1002".to_owned();
    rig.request(CRM, Operation::MakeCall { line: "1001".into(), to, params }).unwrap();
    let (own, invite) = rig.invited();
    assert_eq!(asked(&invite), expected, "the phone that calls");
    rig.answer(own, USUAL);
    assert_eq!(asked(&rig.invited().1), expected, "the phone that is called does not ring");
}

fn intercom(rig: &mut Rig, number: &str) -> LegId {
    rig.call_in(Peer::Line("1001".into()), &format!("*80{number}"), Some(USUAL))
}

#[test]
fn a_line_is_spoken_to_by_code() {
    let mut rig = rig();
    let caller = intercom(&mut rig, "1002");
    let (station, invite) = rig.invited();
    assert_eq!(asked(&invite), [("Call-Info", "<sip:pbx.example>;answer-after=1")]);
    assert_eq!(invite.to.user, "1002");
    let call = rig.switch.call(CRM, CallId(1)).unwrap();
    assert_eq!((call.called.number.as_str(), call.called.name.as_str()), ("1002", "Line 1002"));
    rig.answer(station, USUAL);
    assert_eq!(rig.commands(), [format!("answer {caller}")], "both are heard");
    rig.hang_up(station);
    rig.assert_quiet();
}

/// What is different, whom the code names, and the status of the refusal.
type Case = (fn(&mut Setup), &'static str, u16);

#[test]
fn nobody_is_spoken_to_who_talks_or_does_not_want_it() {
    let cases: [Case; 8] = [
        (|_| {}, "", 484),
        (|_| {}, "4711", 404),
        (|_| {}, "030", 403),
        (|_| {}, "600", 403),
        (|_| {}, "1001", 403),
        (|_| {}, "1003", 403),
        (|setup| setup.lines[1].intercom = false, "1002", 403),
        (|setup| setup.lines.push(LineSetup::new("1009", LineKind::Phone)), "1009", 480),
    ];
    for (change, number, status) in cases {
        let mut rig = rig();
        let mut setup = Setup::clone(&rig.switch.setup);
        change(&mut setup);
        rig.switch.reconfigure(rig.now, setup, &mut Outbox::default());
        let caller = intercom(&mut rig, number);
        assert_eq!(rig.commands(), [format!("reject {status} {caller}")], "{number}");
        rig.assert_quiet();
    }
    let mut rig = rig();
    let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: None };
    let quiet = Operation::Forward { line: "1002".into(), entries: vec![entry], rings: None };
    rig.request(CRM, quiet).unwrap();
    let caller = intercom(&mut rig, "1002");
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    let mut rig = self::rig();
    let other = rig.call_in(Peer::Trunk("carrier".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    let caller = intercom(&mut rig, "1002");
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")], "it rings");
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: other, answer: None });
    rig.commands();
    let caller = intercom(&mut rig, "1002");
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")]);
}

#[test]
fn a_phone_that_rings_instead_is_called_as_any_other_and_no_other_is_asked_to_answer() {
    let mut rig = rig();
    let entry = ForwardEntry { mode: ForwardMode::NoAnsw, caller: None, destination: Some("1001".into()) };
    let away = Operation::Forward { line: "1002".into(), entries: vec![entry], rings: Some(1) };
    rig.request(CRM, away).unwrap();
    let mut setup = Setup::clone(&rig.switch.setup);
    setup.lines.push(LineSetup { address: "1004".into(), ..setup.lines[0].clone() });
    rig.switch.reconfigure(rig.now, setup, &mut Outbox::default());
    rig.call_in(Peer::Line("1004".into()), "*801002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.pass(Duration::from_secs(6));
    let (_, invite) = rig.invited();
    assert_eq!(
        (invite.target.uri.as_str(), asked(&invite)),
        ("sip:1001@10.0.0.9", vec![("Alert-Info", "inside")])
    );
}

#[test]
fn one_phone_of_a_line_answers_by_itself_and_nobody_who_is_called_later() {
    let mut rig = rig();
    rig.register("1002", "sip:1002@10.0.0.10", 1000);
    let caller = intercom(&mut rig, "1002");
    let (last, first) = (rig.invited(), rig.invited());
    assert_eq!(last.1.target.uri, "sip:1002@10.0.0.10");
    let answer = [("Call-Info", "<sip:pbx.example>;answer-after=1")];
    assert_eq!((asked(&last.1), asked(&first.1)), (answer.to_vec(), vec![("Alert-Info", "inside")]));
    rig.answer(last.0, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.commands();
    // 1002 sends who spoke to it on.
    let to = "1004".to_owned();
    let mut setup = Setup::clone(&rig.switch.setup);
    setup.lines.push(LineSetup { address: "1004".into(), ..setup.lines[0].clone() });
    rig.switch.reconfigure(rig.now, setup, &mut Outbox::default());
    rig.register("1004", "sip:1004@10.0.0.9", 1000);
    let call = rig.switch.calls(CRM).iter().find(|view| &*view.line == "1002").unwrap().id;
    rig.request(CRM, Operation::BlindTransfer { call, to }).unwrap();
    assert_eq!(asked(&rig.invited().1), [("Alert-Info", "inside")], "no microphone is opened there");
}

#[test]
fn who_hides_opens_no_microphone() {
    let mut rig = rig();
    let details = CallDetails { is_private: true, ..CallDetails::default() };
    let caller = rig.call_in_with(Peer::Line("1001".into()), "*801002", details);
    assert_eq!(rig.commands(), [format!("reject 433 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_code_serves_who_dials_it_and_nobody_who_is_sent_there() {
    let mut rig = rig();
    // A route that lets lines dial anything makes such a list possible.
    let mut setup = Setup::clone(&rig.switch.setup);
    let pattern = regex::Regex::new(r"^\*").unwrap();
    setup.routes.push(RouteSetup { pattern, number: None, ..setup.routes[0].clone() });
    rig.switch.reconfigure(rig.now, setup, &mut Outbox::default());
    for code in ["*21*1003", "*801001", "*78"] {
        let entry = ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: Some(code.into()) };
        let away = Operation::Forward { line: "1002".into(), entries: vec![entry], rings: None };
        rig.request(CRM, away).unwrap();
        let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
        assert_eq!(rig.invited().1.to.user, code, "a number as any other");
        let line = rig.switch.line(CRM, "1001").unwrap();
        assert!(line.forwarding.is_empty(), "{code}: {line:?}");
        rig.hang_up(caller);
        rig.commands();
    }
}
