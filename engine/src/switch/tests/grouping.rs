//! Ring groups: who is offered the call, who gets it, and where it goes when nobody wants it.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Cause, CauseKind, Command, Event, Party, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, sdp, setup};
use crate::switch::setup::{GroupSetup, GroupStrategy};
use crate::switch::*;

const GROUP: &str = "600";

/// A group of 1001, 1002 and the local line 1003; each of the first two has a phone.
fn rig(strategy: GroupStrategy) -> Rig {
    with(GroupSetup { strategy, ..sales() })
}

fn sales() -> GroupSetup {
    GroupSetup { name: "Sales".to_owned(), ..GroupSetup::new(GROUP, &["1001", "1002", "1003"]) }
}

fn with(group: GroupSetup) -> Rig {
    let mut rig = Rig::with(Setup { groups: vec![group], ..setup() });
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.register("1002", "sip:1002@10.0.0.10", 1000);
    rig
}

fn carrier() -> Peer {
    Peer::Trunk("carrier".into())
}

fn busy(rig: &mut Rig, leg: LegId) {
    rig.refuse(leg, 486);
}

#[test]
fn all_members_are_offered_the_call_and_the_first_answer_wins() {
    let mut rig = rig(GroupStrategy::All);
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    assert_eq!(
        rig.states(CRM),
        [
            "c1 new owner",
            "c1 offering/active",
            "c2 new owner",
            "c2 offering/active",
            "c3 new owner",
            "c3 offering/active",
            "c4 new owner",
            "c4 offering/active",
        ]
    );
    let view = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((view.called.number.as_str(), view.reason), ("1002", CallReason::Redirect));
    assert_eq!((view.redirecting.number.as_str(), view.redirecting.name.as_str()), (GROUP, "Sales"));
    let (one, invite) = rig.invited();
    assert_eq!((invite.to.user.as_str(), invite.to.name.as_str()), (GROUP, "Sales"));
    let (other, _) = rig.invited();
    rig.progress(one, 180, None);
    rig.progress(other, 183, Some(USUAL));
    assert_eq!(rig.commands(), [format!("progress 180 {caller}")], "nobody's announcement is heard");
    rig.states(CRM);
    rig.answer(other, USUAL);
    let Some(Command::End(leg, reason)) = rig.sip.first() else { panic!("{:?}", rig.sip) };
    assert_eq!((*leg, reason.as_deref()), (one, Some("SIP;cause=200;text=\"Call completed elsewhere\"")));
    assert_eq!(rig.commands(), [format!("end {one}"), format!("answer {caller}")]);
    assert_eq!(
        rig.states(CRM),
        [
            "c3 connected/active",
            "c2 disconnected/pickup",
            "c4 disconnected/pickup",
            "c1 connected/active",
            "c2 idle",
            "c4 idle",
        ]
    );
    let view = rig.switch.call(CRM, CallId(1)).unwrap();
    assert_eq!((view.connected.number.as_str(), view.connected.name.as_str()), ("1002", "Line 1002"));
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn a_phone_that_called_the_group_is_shown_who_answered() {
    let mut rig = rig(GroupStrategy::All);
    let caller = rig.call_in(Peer::Line("1001".into()), GROUP, Some(USUAL));
    let (member, _) = rig.invited();
    assert!(rig.sip.is_empty(), "nobody is offered his own call");
    // Its phone names whom it was called as.
    let connected = Party { user: GROUP.to_owned(), host: "pbx.example".to_owned(), name: String::new() };
    rig.tell(Event::Answered { leg: member, sdp: Some(sdp(USUAL)), is_offer: false, connected });
    assert_eq!(rig.commands(), [format!("identify 1002 {caller}"), format!("answer {caller}")]);
    rig.hang_up(member);
    rig.assert_quiet();
}

#[test]
fn an_application_answers_for_a_local_line() {
    let mut rig = rig(GroupStrategy::All);
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    assert_eq!(rig.request(CRM, Operation::Answer(CallId(4), None)), Ok(Outcome::Done));
    assert_eq!(rig.commands(), [format!("end {one}"), format!("end {other}"), format!("answer {caller}")]);
    rig.request(CRM, Operation::Drop(CallId(4), None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn members_ring_in_order_each_for_its_time() {
    let mut rig = rig(GroupStrategy::InOrder);
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    let (one, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:1001@10.0.0.9");
    assert!(rig.sip.is_empty());
    rig.progress(one, 180, None);
    rig.pass(Duration::from_secs(15));
    let (other, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:1002@10.0.0.10");
    assert_eq!(rig.commands(), [format!("progress 180 {caller}"), format!("end {one}")]);
    busy(&mut rig, other);
    assert!(rig.states(CRM).contains(&"c4 offering/active".to_owned()), "the local line is next");
    rig.pass(Duration::from_secs(15));
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")], "one was free and did not answer");
    assert!(rig.states(CRM).contains(&"c4 disconnected/noanswer".to_owned()));
    rig.assert_quiet();
}

#[test]
fn each_call_in_turn_begins_with_the_next_member() {
    let mut rig = rig(GroupStrategy::RoundRobin);
    for expected in ["sip:1001@10.0.0.9", "sip:1002@10.0.0.10"] {
        let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
        let (_, invite) = rig.invited();
        assert_eq!(invite.target.uri, expected);
        rig.hang_up(caller);
        rig.assert_quiet();
    }
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    assert_eq!(rig.commands(), Vec::<String>::new(), "the local line has no phone");
    rig.hang_up(caller);
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    assert_eq!(rig.invited().1.target.uri, "sip:1001@10.0.0.9");
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn a_caller_who_gives_up_is_taken_from_all() {
    let mut rig = rig(GroupStrategy::All);
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    rig.end(caller, CauseKind::Cancel);
    let mut ended = rig.commands();
    ended.sort();
    assert_eq!(ended, [format!("end {one}"), format!("end {other}")]);
    rig.assert_quiet();
}

#[test]
fn who_is_busy_disturbed_by_nobody_or_elsewhere_is_passed_over() {
    let mut setup = Setup { groups: vec![sales()], ..setup() };
    setup.lines[0].calls_max = Some(1);
    let mut rig = Rig::with(setup);
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.register("1002", "sip:1002@10.0.0.10", 1000);
    let talking = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    rig.commands();
    let not_now = |destination: Option<&str>| {
        let mode = ForwardMode::Uncond;
        vec![ForwardEntry { mode, caller: None, destination: destination.map(Into::into) }]
    };
    let forward =
        |line: &str, to| Operation::Forward { line: line.into(), entries: not_now(to), rings: None };
    rig.request(CRM, forward("1002", None)).unwrap();
    rig.request(CRM, forward("1003", Some("030"))).unwrap();
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")], "who is there is busy");
    rig.hang_up(talking);
    rig.commands();
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    let (_, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:1001@10.0.0.9");
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn a_member_s_phone_speaks_for_that_member_alone() {
    let mut rig = rig(GroupStrategy::All);
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    rig.refuse(one, 603);
    let cause = Cause { status: 302, kind: CauseKind::Status, ..Cause::default() };
    rig.tell(Event::Failed { leg: other, cause, retry_after_s: None, redirect: vec!["sip:030@x".into()] });
    assert_eq!(rig.commands(), Vec::<String>::new(), "the local line is still offered the call");
    rig.request(CRM, Operation::Drop(CallId(4), None)).unwrap();
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn whom_nobody_answers_goes_where_the_group_says() {
    let mut rig = with(GroupSetup { otherwise: Some("030".to_owned()), ..sales() });
    rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    rig.pass(Duration::from_secs(60));
    let (out, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:30@carrier.example");
    let diversion = "\"Sales\" <sip:600@pbx.example>;reason=no-answer;counter=1".to_owned();
    assert_eq!(invite.headers.first(), Some(&("Diversion", diversion)));
    let mut ended = rig.commands();
    ended.sort();
    assert_eq!(ended, [format!("end {one}"), format!("end {other}")]);
    rig.answer(out, USUAL);
    rig.hang_up(out);
    rig.assert_quiet();
}

#[test]
fn whom_everybody_is_too_busy_for_goes_elsewhere() {
    let group = GroupSetup {
        busy: Some("030".to_owned()),
        otherwise: Some("1003".to_owned()),
        ..GroupSetup::new(GROUP, &["1001", "1002"])
    };
    let mut rig = with(group.clone());
    rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    busy(&mut rig, one);
    busy(&mut rig, other);
    let (out, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:30@carrier.example");
    rig.hang_up(out);
    rig.assert_quiet();
    // Without a place for the busy, they go where the others go.
    let mut rig = with(GroupSetup { busy: None, ..group });
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    busy(&mut rig, one);
    busy(&mut rig, other);
    assert_eq!(rig.switch.call(CRM, CallId(4)).unwrap().reason, CallReason::FwdBusy);
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn groups_that_send_each_other_their_callers_end_somewhere() {
    let one = GroupSetup { otherwise: Some("601".to_owned()), ..GroupSetup::new("600", &["1001"]) };
    let other = GroupSetup { otherwise: Some("600".to_owned()), ..GroupSetup::new("601", &["1002"]) };
    let mut rig = Rig::with(Setup { groups: vec![one, other], ..setup() });
    let caller = rig.call_in(carrier(), "600", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_line_forwards_to_a_group_and_is_not_offered_what_it_sent_there() {
    let mut rig = with(sales());
    let entries =
        vec![ForwardEntry { mode: ForwardMode::Uncond, caller: None, destination: Some(GROUP.into()) }];
    rig.request(CRM, Operation::Forward { line: "1001".into(), entries, rings: None }).unwrap();
    let caller = rig.call_in(carrier(), "1001", Some(USUAL));
    let (_, invite) = rig.invited();
    assert_eq!(invite.target.uri, "sip:1002@10.0.0.10");
    assert!(invite.headers.iter().any(|(name, value)| *name == "Diversion" && value.contains("1001")));
    assert!(rig.sip.is_empty());
    rig.hang_up(caller);
    rig.assert_quiet();
}

#[test]
fn what_is_offered_to_a_member_can_be_picked_up_and_deflected() {
    let mut rig = rig(GroupStrategy::All);
    for line in ["1001", "1002"] {
        let groups = rig.switch.lines.get_mut(line).map(|line| &mut line.groups);
        groups.unwrap().push("sales".to_owned());
    }
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    let taker = rig.call_in(Peer::Line("1001".into()), "**1002", Some(USUAL));
    let mut done = rig.commands();
    done.sort();
    let answered = [format!("answer {caller}"), format!("answer {taker}")];
    assert_eq!(
        done,
        [answered[0].clone(), answered[1].clone(), format!("end {one}"), format!("end {other}")]
    );
    rig.hang_up(taker);
    rig.assert_quiet();

    rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    let offered = rig.switch.calls(CRM).into_iter().rev().find(|call| *call.line == *"1002").unwrap();
    rig.request(CRM, Operation::Redirect { call: offered.id, to: "030".into() }).unwrap();
    let (out, _) = rig.invited();
    let mut ended = rig.commands();
    ended.sort();
    assert_eq!(ended, [format!("end {one}"), format!("end {other}")]);
    rig.hang_up(out);
    rig.assert_quiet();
}

#[test]
fn a_member_that_deflects_to_a_group_leaves_nobody_ringing() {
    for (to, expected) in [(GROUP, vec!["1001", "1003"]), ("601", vec!["1003"])] {
        let groups = vec![sales(), GroupSetup::new("601", &["1003"])];
        let mut rig = Rig::with(Setup { groups, ..setup() });
        rig.register("1001", "sip:1001@10.0.0.9", 1000);
        rig.register("1002", "sip:1002@10.0.0.10", 1000);
        let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
        let ((one, _), (other, _)) = (rig.invited(), rig.invited());
        let of = |rig: &Rig, line: &str| {
            let mut calls = rig.switch.calls(CRM).into_iter().rev();
            calls.find(|call| *call.line == *line && call.state == CallState::Offering(OfferingMode::Active))
        };
        let offered = of(&rig, "1002").unwrap();
        rig.request(CRM, Operation::Redirect { call: offered.id, to: to.into() }).unwrap();
        let ended = rig.commands();
        for leg in [one, other] {
            assert!(ended.contains(&format!("end {leg}")), "{to}: {ended:?}");
        }
        let ringing: Vec<_> =
            ["1001", "1002", "1003"].into_iter().filter(|line| of(&rig, line).is_some()).collect();
        assert_eq!(ringing, expected, "{to}");
        rig.hang_up(caller);
        rig.assert_quiet();
    }
}

#[test]
fn a_caller_who_is_answered_before_a_member_is_hears_it_ring() {
    let mut rig = rig(GroupStrategy::All);
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    rig.request(CRM, Operation::Answer(CallId(1), None)).unwrap();
    assert_eq!(rig.commands(), [format!("answer {caller}")], "the phones ring on");
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.progress(other, 180, None);
    assert_eq!(rig.feeds[&caller], "ringback", "not the silence of the first");
    rig.answer(one, USUAL);
    // What the caller was answered with before is not what the phone chose.
    assert_eq!(rig.commands(), [format!("end {other}"), format!("offer {one}")]);
    assert_eq!(rig.state(2), CallState::Connected(ConnectedMode::Active));
    rig.request(CRM, Operation::Drop(CallId(1), None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn a_local_line_that_answers_is_named() {
    let mut rig = rig(GroupStrategy::All);
    let caller = rig.call_in(Peer::Line("1001".into()), GROUP, Some(USUAL));
    let (member, _) = rig.invited();
    let local = rig.switch.calls(CRM).into_iter().find(|call| *call.line == *"1003").unwrap();
    rig.request(CRM, Operation::Answer(local.id, None)).unwrap();
    let done = rig.commands();
    assert!(
        done.contains(&format!("identify 1003 {caller}")) && done.contains(&format!("end {member}")),
        "{done:?}"
    );
    let connected = rig.switch.call(CRM, CallId(1)).unwrap().connected;
    assert_eq!(connected.number, "1003");
    rig.request(CRM, Operation::Drop(local.id, None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn a_party_that_is_transferred_while_the_group_rings_waits_for_it_in_place_of_the_transferor() {
    let mut rig = rig(GroupStrategy::All);
    let far = rig.call_in(carrier(), "1003", Some(USUAL));
    rig.request(CRM, Operation::Answer(CallId(2), None)).unwrap();
    rig.tell(Event::Established { leg: far, answer: None });
    let Ok(Outcome::Consult(consult)) =
        rig.request(CRM, Operation::SetupTransfer { call: CallId(2), to: Some(GROUP.into()) })
    else {
        panic!("no consultation")
    };
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    rig.progress(one, 180, None);
    rig.request(CRM, Operation::CompleteTransfer { call: CallId(2), consult, mode: TransferMode::Transfer })
        .unwrap();
    rig.commands();
    rig.answer(other, USUAL);
    let ended = rig.commands();
    assert!(ended.contains(&format!("end {one}")), "{ended:?}");
    let answered = rig.switch.calls(CRM).into_iter().find(|call| *call.line == *"1002").unwrap();
    assert_eq!(answered.state, CallState::Connected(ConnectedMode::Active));
    assert_eq!(rig.feeds[&other], format!("leg {far:?}"));
    rig.hang_up(other);
    rig.assert_quiet();
}

#[test]
fn a_group_is_dialled_as_a_line_is_and_is_none() {
    let mut rig = rig(GroupStrategy::All);
    assert!(rig.switch.line(CRM, GROUP).is_none());
    let dial = |to: &str| Operation::MakeCall { line: "1003".into(), to: to.into(), params: None };
    assert_eq!(rig.request(CRM, dial("60")).unwrap_err().error, LineError::InvalAddress);
    let made = rig.request(CRM, dial(GROUP));
    let Ok(Outcome::Call(call)) = made else { panic!("{made:?}") };
    assert_eq!(rig.switch.call(CRM, call).unwrap().called.name, "Sales");
    rig.request(CRM, Operation::Drop(call, None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn a_group_rings_for_so_many_callers_and_is_busy_for_the_next() {
    let group = GroupSetup { callers_max: 2, busy: Some("030".to_owned()), ..sales() };
    let mut rig = Rig::with(Setup { groups: vec![group, GroupSetup::new("601", &["1002"])], ..setup() });
    rig.register("1001", "sip:1001@10.0.0.9", 1000);
    rig.register("1002", "sip:1002@10.0.0.10", 1000);
    let first = rig.call_in(carrier(), GROUP, Some(USUAL));
    rig.call_in(Peer::Line("1001".into()), GROUP, Some(USUAL));
    rig.commands();
    let third = rig.call_in(Peer::Line("1001".into()), GROUP, Some(USUAL));
    assert_eq!(rig.invited().1.target.uri, "sip:30@carrier.example");
    rig.hang_up(third);
    rig.commands();
    rig.call_in(Peer::Line("1001".into()), "601", Some(USUAL));
    assert_eq!(rig.invited().1.target.uri, "sip:1002@10.0.0.10", "another group is another matter");
    rig.hang_up(first);
    rig.commands();
    rig.call_in(carrier(), GROUP, Some(USUAL));
    assert!(rig.sip.iter().all(|command| !format!("{command:?}").contains("sip:30@")), "there is room again");
}

#[test]
fn who_cannot_be_reached_was_not_there() {
    for (kind, status, reason) in [
        (CauseKind::Unreachable, 0, "unavailable"),
        (CauseKind::Status, 480, "unavailable"),
        (CauseKind::Status, 603, "no-answer"),
    ] {
        let group = GroupSetup { otherwise: Some("030".to_owned()), ..GroupSetup::new(GROUP, &["1001"]) };
        let mut rig = with(group);
        rig.call_in(carrier(), GROUP, Some(USUAL));
        let (leg, _) = rig.invited();
        let cause = Cause { status, kind, ..Cause::default() };
        rig.tell(Event::Failed { leg, cause, retry_after_s: None, redirect: Vec::new() });
        let (_, invite) = rig.invited();
        let diversion = format!("<sip:600@pbx.example>;reason={reason};counter=1");
        assert!(
            invite.headers.iter().any(|(_, value)| value.contains(&diversion)),
            "{kind:?} {:?}",
            invite.headers
        );
    }
    // Beside one who is busy it counts for nothing.
    let group = GroupSetup { busy: Some("030".to_owned()), ..GroupSetup::new(GROUP, &["1001", "1002"]) };
    let mut rig = with(group);
    rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    let cause = Cause { kind: CauseKind::Unreachable, ..Cause::default() };
    rig.tell(Event::Failed { leg: one, cause, retry_after_s: None, redirect: Vec::new() });
    busy(&mut rig, other);
    assert_eq!(rig.invited().1.target.uri, "sip:30@carrier.example");
}

#[test]
fn a_member_whose_answer_is_of_no_use_drops_out_alone() {
    let mut rig = rig(GroupStrategy::All);
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    rig.tell(Event::Answered { leg: one, sdp: None, is_offer: false, connected: Party::default() });
    assert_eq!(rig.commands(), [format!("end {one}")], "the others ring on");
    rig.answer(other, USUAL);
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    rig.hang_up(caller);
    rig.assert_quiet();
    // The engine itself speaks no G.729.
    let caller = rig.call_in(carrier(), GROUP, Some("18"));
    let ((one, _), (other, _)) = (rig.invited(), rig.invited());
    let local = rig.switch.calls(CRM).into_iter().rev().find(|call| *call.line == *"1003").unwrap().id;
    rig.states(CRM);
    assert_eq!(rig.request(CRM, Operation::Answer(local, None)), Ok(Outcome::Done));
    assert_eq!(rig.states(CRM), ["reply".to_owned(), format!("{local} disconnected/incompatible")]);
    assert!(rig.commands().is_empty(), "the phones ring on");
    rig.answer(one, "18");
    assert_eq!(rig.commands(), [format!("end {other}"), format!("answer {caller}")]);
    rig.hang_up(caller);
    rig.pass(Duration::from_secs(61));
    rig.assert_quiet();
}

#[test]
fn all_members_are_told_of_the_party_that_is_transferred_to_the_group() {
    let mut rig = rig(GroupStrategy::All);
    let far = rig.call_in(carrier(), "1003", Some(USUAL));
    rig.request(CRM, Operation::Answer(CallId(2), None)).unwrap();
    rig.tell(Event::Established { leg: far, answer: None });
    let setup = Operation::SetupTransfer { call: CallId(2), to: Some(GROUP.into()) };
    let Ok(Outcome::Consult(consult)) = rig.request(CRM, setup) else { panic!("no consultation") };
    let ((one, _), _) = (rig.invited(), rig.invited());
    rig.progress(one, 180, None);
    rig.request(CRM, Operation::CompleteTransfer { call: CallId(2), consult, mode: TransferMode::Transfer })
        .unwrap();
    for line in ["1001", "1002"] {
        let call = rig.switch.calls(CRM).into_iter().rev().find(|call| *call.line == *line).unwrap();
        assert_eq!((call.reason, call.caller.number.as_str()), (CallReason::Transfer, "carrier"), "{line}");
        assert_eq!(call.redirecting.number, "1003", "{line}");
    }
    rig.hang_up(far);
    rig.assert_quiet();
}

#[test]
fn what_rings_for_a_group_is_picked_up_by_its_number() {
    let mut rig = rig(GroupStrategy::All);
    rig.switch.lines.get_mut("1001").unwrap().picks_up = vec!["1002".to_owned()];
    let taker = rig.call_in(Peer::Line("1001".into()), "**600", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 486 {taker}")], "nothing rings");
    // Not for the group.
    let other = rig.call_in(carrier(), "1002", Some(USUAL));
    rig.commands();
    let taker = rig.call_in(Peer::Line("1001".into()), "**600", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 486 {taker}")]);
    rig.hang_up(other);
    rig.commands();
    let caller = rig.call_in(carrier(), GROUP, Some(USUAL));
    rig.commands();
    let taker = rig.call_in(Peer::Line("1001".into()), "**600", Some(USUAL));
    let done = rig.commands();
    for expected in [format!("answer {caller}"), format!("answer {taker}")] {
        assert!(done.contains(&expected), "{done:?}");
    }
    rig.hang_up(taker);
    rig.assert_quiet();
}
