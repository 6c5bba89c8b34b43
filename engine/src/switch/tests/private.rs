//! Callers who hide: whom they are hidden from, and that they stay so wherever they are sent.

use std::time::Duration;

use trunkline_sip::outbox::{
    CallDetails, Command, DialogState, Document, Event, Invite, Package, Party, Peer, Subscriber,
};
use trunkline_sip::{LegId, UsageId};

use crate::switch::keeping::KEEP_AFTER;
use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, sdp, setup};
use crate::switch::setup::{LineSetup, RouteSetup};
use crate::switch::*;

/// 1001, 1002 and 1004 are registered phones.
fn rig(change: impl FnOnce(&mut Setup)) -> Rig {
    let mut setup = setup();
    setup.lines.push(LineSetup { address: "1004".into(), ..setup.lines[0].clone() });
    change(&mut setup);
    let mut rig = Rig::with(setup);
    for line in ["1001", "1002", "1004"] {
        rig.register(line, &format!("sip:{line}@10.0.0.9"), 1000);
    }
    rig
}

fn trusting(setup: &mut Setup) {
    setup.trunks[0].is_trusted = true;
}

fn line(address: &str) -> Peer {
    Peer::Line(address.into())
}

fn carrier() -> Peer {
    Peer::Trunk("carrier".into())
}

fn party(user: &str, name: &str) -> Party {
    Party { user: user.to_owned(), host: "carrier.example".to_owned(), name: name.to_owned() }
}

/// `Privacy: id`.
fn private() -> CallDetails {
    CallDetails { is_private: true, ..CallDetails::default() }
}

/// Somebody outside calls 1002 and hides; it answers: his leg and that of the phone. Calls 1 and 2.
fn talking(rig: &mut Rig) -> (LegId, LegId) {
    let asserted = Some(party("4930", "Ada"));
    let caller = rig.call_in_with(carrier(), "1002", CallDetails { asserted, ..private() });
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.commands();
    rig.states(CRM);
    (caller, station)
}

fn view(rig: &Rig, call: u64) -> CallView {
    rig.switch.call(CRM, CallId(call)).unwrap()
}

fn blocked(number: &str, name: &str) -> PartyView {
    PartyView { number: number.to_owned(), name: name.to_owned(), is_blocked: true }
}

/// What of an INVITE says who calls.
fn identity(invite: &Invite) -> Vec<(&'static str, &str)> {
    let says = |name: &str| ["Privacy", "P-Asserted-Identity", "Remote-Party-ID"].contains(&name);
    let headers = invite.headers.iter().filter(|(name, _)| says(name));
    headers.map(|(name, value)| (*name, value.as_str())).collect()
}

/// What the lamp for an address shows.
fn lamp(rig: &mut Rig, address: &str) -> Vec<DialogState> {
    let subscriber = Subscriber {
        peer: line("1004"),
        dialled: address.to_owned(),
        package: Package::Dialog,
        leg: None,
        call_completion: None,
        takes_lists: false,
    };
    rig.tell(Event::Subscribe(UsageId::new(0, 9), Box::new(subscriber)));
    let told = rig.sip.iter().rev().find_map(|command| {
        let Command::NotifySubscriber(_, document, _) = command else { return None };
        let Document::Dialogs(dialogs) = &**document else { return None };
        Some(dialogs.clone())
    });
    told.expect("a notice")
}

#[test]
fn a_phone_that_hides_is_anonymous_at_the_other_and_blocked_for_applications() {
    let mut rig = rig(|_| {});
    let caller = rig.call_in_with(line("1001"), "1002", private());
    let (station, invite) = rig.invited();
    assert_eq!((&invite.from, identity(&invite)), (&Party::anonymous(), vec![]));
    assert_eq!(lamp(&mut rig, "1002")[0].remote, Party::anonymous());
    assert_eq!(lamp(&mut rig, "1001")[0].remote.user, "1002", "whom he calls is no secret");
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    let hidden = blocked("1001", "Line 1001");
    assert_eq!((view(&rig, 1).caller, view(&rig, 2).caller), (hidden.clone(), hidden.clone()));
    assert_eq!(view(&rig, 2).connected, hidden);
    assert!(!view(&rig, 1).connected.is_blocked && !view(&rig, 2).called.is_blocked);
}

#[test]
fn a_line_is_itself_whatever_it_says_of_itself() {
    let mut rig = rig(|_| {});
    let mut call = rig.incoming(line("1001"), "1002", Some(USUAL));
    call.from = party("Anonymous", "Boss");
    call.details =
        Some(Box::new(CallDetails { asserted: Some(party("1", "Boss")), ..CallDetails::default() }));
    rig.tell(Event::Incoming(LegId::new(1, 1 << 47), call));
    assert_eq!(view(&rig, 1).caller, blocked("1001", "Line 1001"), "From names nobody, so he hides");
    assert_eq!(rig.invited().1.from, Party::anonymous());
}

#[test]
fn of_a_network_calls_whom_its_trunk_vouches_for_else_who_from_says() {
    let (nobody, ada, bob) = (Party::anonymous(), party("4930", "Ada"), party("4940", ""));
    let shown = |number: &str, name: &str| PartyView::new(number.to_owned(), name.to_owned());
    let cases = [
        (ada.clone(), None, false, shown("4930", "Ada")),
        (ada.clone(), Some(bob.clone()), false, shown("4940", "Ada")),
        (bob.clone(), Some(ada.clone()), false, shown("4930", "Ada")),
        (ada.clone(), Some(bob), true, blocked("4940", "Ada")),
        (ada.clone(), None, true, blocked("4930", "Ada")),
        (nobody.clone(), Some(ada.clone()), false, blocked("4930", "Ada")),
        (nobody.clone(), None, false, blocked("", "")),
        (ada, Some(nobody), false, blocked("4930", "Ada")),
    ];
    for (from, asserted, is_private, expected) in cases {
        let mut rig = rig(|_| {});
        let mut call = rig.incoming(carrier(), "1002", Some(USUAL));
        call.from = from;
        call.details = Some(Box::new(CallDetails { asserted, is_private, ..CallDetails::default() }));
        rig.tell(Event::Incoming(LegId::new(1, 1 << 47), call));
        assert_eq!(view(&rig, 2).caller, expected);
        let from = rig.invited().1.from;
        let user = if expected.is_blocked { "anonymous" } else { &expected.number };
        assert_eq!(from.user, user, "{expected:?}");
    }
}

#[test]
fn only_a_trusted_trunk_hears_who_hides() {
    let mut untrusted = rig(|_| {});
    untrusted.call_in_with(line("1001"), "030", private());
    let (_, invite) = untrusted.invited();
    assert_eq!((&invite.from, identity(&invite)), (&Party::anonymous(), vec![]));
    let mut trusted = rig(trusting);
    trusted.call_in_with(line("1001"), "030", private());
    let (_, invite) = trusted.invited();
    let asserted = ("P-Asserted-Identity", "<sip:1001@pbx.example>");
    assert_eq!((&invite.from, identity(&invite)), (&Party::anonymous(), vec![("Privacy", "id"), asserted]));
    trusted.call_in(line("1001"), "030", Some(USUAL));
    let (_, invite) = trusted.invited();
    assert_eq!((invite.from.user.as_str(), identity(&invite)), ("1001", vec![]), "who does not hide");
}

#[test]
fn who_calls_for_help_is_told_to_the_trunk_though_he_hides() {
    let pattern = regex::Regex::new("^0(112)$").unwrap();
    for trusted in [false, true] {
        let mut rig = rig(|setup| {
            setup.trunks[0].is_trusted = trusted;
            setup.trunks[0].numbers.caller_header = CallerHeader::Asserted;
            let route = RouteSetup { is_emergency: true, ..setup.routes[0].clone() };
            setup.routes.insert(0, RouteSetup { pattern: pattern.clone(), ..route });
        });
        rig.call_in_with(line("1001"), "0112", private());
        let (_, invite) = rig.invited();
        let asserted = ("P-Asserted-Identity", "<sip:1001@pbx.example>");
        assert_eq!((invite.from.user.as_str(), identity(&invite)), ("1001", vec![asserted]));
        assert!(view(&rig, 2).caller.is_blocked, "applications still see that he hides");
        rig.call_in_with(line("1002"), "030", private());
        assert_eq!(rig.invited().1.from, Party::anonymous(), "from everybody else");
    }
}

#[test]
fn who_hides_and_is_forwarded_stays_hidden() {
    let forward = |to: &str| {
        let destination = Some(to.into());
        let entries = vec![ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination }];
        Operation::Forward { line: "1002".into(), entries, rings: None }
    };
    let mut rig = rig(trusting);
    rig.request(CRM, forward("1004")).unwrap();
    rig.call_in_with(carrier(), "1002", CallDetails { asserted: Some(party("4930", "")), ..private() });
    assert_eq!(rig.invited().1.from, Party::anonymous());
    assert_eq!(view(&rig, 2).caller, blocked("4930", ""));
    rig.request(CRM, forward("030")).unwrap();
    let mut call = rig.incoming(carrier(), "1002", Some(USUAL));
    call.from = Party::anonymous();
    rig.tell(Event::Incoming(LegId::new(1, 1 << 46), call));
    let (_, invite) = rig.invited();
    assert_eq!((&invite.from, identity(&invite)), (&Party::anonymous(), vec![("Privacy", "id")]));
}

#[test]
fn who_hides_is_nobody_in_particular_to_forwarding() {
    let mut rig = rig(|_| {});
    let entry =
        ForwardEntry { mode: ForwardMode::UncondSpecific, caller: Some("1001".into()), destination: None };
    let entries = vec![entry];
    rig.request(CRM, Operation::Forward { line: "1002".into(), entries, rings: None }).unwrap();
    let caller = rig.call_in(line("1001"), "1002", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    rig.call_in_with(line("1001"), "1002", private());
    assert_eq!(rig.invited().1.to.user, "1002", "he would learn that he is on the list");
}

#[test]
fn who_hides_and_is_transferred_stays_hidden() {
    let mut rig = rig(|_| {});
    talking(&mut rig);
    rig.request(CRM, Operation::BlindTransfer { call: CallId(2), to: "1004".to_owned() }).unwrap();
    assert_eq!(rig.invited().1.from, Party::anonymous());
    assert_eq!(view(&rig, 3).caller, blocked("4930", "Ada"));

    let mut rig = self::rig(|_| {});
    talking(&mut rig);
    let to = Some("1004".to_owned());
    rig.request(CRM, Operation::SetupTransfer { call: CallId(2), to }).unwrap();
    let (consulted, _) = rig.invited();
    rig.answer(consulted, USUAL);
    rig.commands();
    let (call, consult) = (CallId(2), CallId(3));
    rig.request(CRM, Operation::CompleteTransfer { call, consult, mode: TransferMode::Transfer }).unwrap();
    let commands = rig.commands();
    assert!(commands.contains(&format!("identify anonymous {consulted}")), "{commands:?}");
    assert_eq!(view(&rig, 4).connected, blocked("4930", "Ada"));
    assert_eq!(lamp(&mut rig, "1004")[0].remote, Party::anonymous());
}

#[test]
fn who_hides_and_is_parked_stays_hidden() {
    let mut rig = rig(|_| {});
    talking(&mut rig);
    rig.request(CRM, Operation::Park { call: CallId(2), to: None }).unwrap();
    let told = rig.told(WALLBOARD, |message| matches!(message, Message::Parked { .. }));
    let [Message::Parked { party, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(party, "", "a message has no flag");
    assert_eq!(rig.switch.parked(CRM)[0].party, blocked("4930", "Ada"));
    assert_eq!(lamp(&mut rig, "701")[0].remote, Party::anonymous());
    rig.pass(Duration::from_secs(120));
    let (reminded, invite) = rig.invited();
    assert_eq!(invite.from, Party::anonymous(), "who is reminded");
    rig.refuse(reminded, 486);
    rig.commands();
    rig.request(CRM, Operation::Unpark { line: "1004".into(), from: "701".to_owned() }).unwrap();
    assert_eq!(rig.invited().1.from, Party::anonymous(), "the own phone of who retrieves him");
}

#[test]
fn who_hides_and_is_picked_up_stays_hidden() {
    let mut rig = rig(|setup| setup.lines[3].picks_up = vec!["*".to_owned()]);
    rig.call_in_with(carrier(), "1002", CallDetails { asserted: Some(party("4930", "")), ..private() });
    rig.invited();
    let (from, group) = (Some("1002".to_owned()), None);
    rig.request(CRM, Operation::Pickup { line: "1004".into(), from, group }).unwrap();
    let (own, invite) = rig.invited();
    assert_eq!(invite.from, Party::anonymous());
    rig.answer(own, USUAL);
    assert_eq!(view(&rig, 3).connected, blocked("4930", ""));
    let commands = rig.commands();
    assert!(!commands.iter().any(|said| said.contains("identify 4930")), "{commands:?}");
}

#[test]
fn who_hides_is_hidden_in_a_conference() {
    let mut rig = rig(|_| {});
    talking(&mut rig);
    rig.request(CRM, Operation::SetupConference { call: CallId(2), to: None }).unwrap();
    let parent = rig.switch.conferences.keys().next().copied().expect("a conference");
    let state = rig.switch.conference_state(parent);
    let shown: Vec<_> = state.members.iter().map(|member| member.party.user.as_str()).collect();
    assert_eq!(shown, ["1002", "anonymous"]);
}

#[test]
fn a_line_may_refuse_who_hides() {
    let mut rig = rig(|setup| setup.lines[1].refuses_hidden = true);
    for peer in [line("1001"), carrier()] {
        let caller = rig.call_in_with(peer, "1002", private());
        assert_eq!(rig.commands(), [format!("reject 433 {caller}")]);
    }
    rig.call_in(carrier(), "1002", Some(USUAL));
    assert_eq!(rig.invited().1.to.user, "1002", "who does not");
}

#[test]
fn who_hides_is_hidden_after_a_restart() {
    let mut rig = rig(|_| {});
    rig.switch.keep_calls();
    let (caller, station) = talking(&mut rig);
    rig.pass(KEEP_AFTER);
    rig.restart(&[caller, station]);
    assert_eq!(
        (view(&rig, 2).caller, view(&rig, 2).connected),
        (blocked("4930", "Ada"), blocked("4930", "Ada"))
    );
    assert_eq!(lamp(&mut rig, "1002")[0].remote, Party::anonymous());
}

#[test]
fn who_answers_and_hides_is_blocked_for_the_caller() {
    let mut rig = rig(|_| {});
    rig.call_in(line("1001"), "030", Some(USUAL));
    let (network, _) = rig.invited();
    let connected = Party::anonymous();
    rig.tell(Event::Answered { leg: network, sdp: Some(sdp(USUAL)), is_offer: false, connected });
    assert_eq!(view(&rig, 1).connected, blocked("", ""));
    assert_eq!(view(&rig, 1).called.number, "030");
}

#[test]
fn who_hides_is_named_by_no_callback_and_no_message() {
    let mut rig = rig(|_| {});
    let params = Some(CallParams { block_id: true, ..CallParams::default() }.into());
    let to = "1002".to_owned();
    rig.request(CRM, Operation::MakeCall { line: "1003".into(), to, params }).unwrap();
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    assert_eq!(view(&rig, 1).state, CallState::Busy(BusyMode::Station));
    for (mode, message) in [(CompletionMode::Callback, None), (CompletionMode::Message, Some(0))] {
        let refused = rig.request(CRM, Operation::CompleteCall { call: CallId(1), mode, message });
        assert_eq!(refused.unwrap_err().error, LineError::OperationUnavail, "{mode:?}");
    }
    assert!(!view(&rig, 1).features.contains(&CallOperation::CompleteCall), "what no mode is accepted of");
    assert_eq!(rig.switch.completions.len(), 0);
}
