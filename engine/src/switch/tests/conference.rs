//! Conferences: set up, enlarged, left, dissolved; by applications and by phones.

use trunkline_sip::outbox::{
    CallDetails, CauseKind, Command, Event, Peer, Refer, ReferMethod, ReferTo, Replaced,
};
use trunkline_sip::{LegId, UsageId};

use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, sdp_at, setup};
use crate::switch::setup::LineSetup;
use crate::switch::*;

const ACTIVE: CallState = CallState::Connected(ConnectedMode::Active);

/// 1001, 1002 and 1004 are phones; 1003 is local.
fn rig() -> Rig {
    rig_of(64)
}

fn rig_of(parties_max: usize) -> Rig {
    let mut setup = setup();
    let group = |address: &str, groups: &[&str]| LineSetup {
        name: format!("Line {address}"),
        groups: groups.iter().map(ToString::to_string).collect(),
        ..LineSetup::new(address, LineKind::Phone)
    };
    setup.lines.push(group("1004", &["sales"]));
    setup.lines.push(group("1005", &["sales"]));
    setup.conference.parties_max = parties_max;
    let mut rig = Rig::with(setup);
    for line in ["1001", "1002", "1004", "1005"] {
        rig.register(line, &format!("sip:{line}@10.0.0.9"), 1000);
    }
    rig
}

/// `from` calls `to`, who answers. The legs of both.
fn talk(rig: &mut Rig, from: &str, to: &str) -> (LegId, LegId) {
    let caller = rig.call_in(Peer::Line(from.into()), to, Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    quiet(rig);
    (caller, station)
}

/// Whoever is being called answers.
fn answered(rig: &mut Rig) -> LegId {
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.answer(station, USUAL);
    station
}

fn quiet(rig: &mut Rig) {
    rig.commands();
    rig.states(CRM);
    rig.states(WALLBOARD);
}

fn ask(rig: &mut Rig, operation: Operation) -> LineError {
    rig.request(CRM, operation).expect_err("it is refused").error
}

fn setup_conference(call: u64) -> Operation {
    Operation::SetupConference { call: CallId(call), to: None }
}

fn prepare(call: u64) -> Operation {
    Operation::PrepareAddToConference { call: CallId(call), to: None }
}

fn add(conference: u64, call: u64) -> Operation {
    Operation::AddToConference { call: CallId(conference), consult: CallId(call) }
}

fn dial(call: u64, digits: &str) -> Operation {
    Operation::Dial { call: CallId(call), digits: digits.to_owned() }
}

fn drop(call: u64) -> Operation {
    Operation::Drop(CallId(call), None)
}

/// 1001 (c1), 1002 (c2) and 1004 (c5) in the conference c3, whose second member is c4. The legs in that order.
fn three(rig: &mut Rig) -> (LegId, LegId, LegId) {
    let (lead, second) = talk(rig, "1001", "1002");
    rig.request(CRM, setup_conference(1)).unwrap();
    rig.request(CRM, dial(4, "1004")).unwrap();
    let third = answered(rig);
    rig.request(CRM, add(3, 4)).unwrap();
    quiet(rig);
    (lead, second, third)
}

fn hears(rig: &Rig, legs: &[LegId]) -> Vec<String> {
    legs.iter().map(|leg| rig.feeds[leg].clone()).collect()
}

#[test]
fn a_conference_is_set_up_dialled_and_enlarged() {
    let mut rig = rig();
    let (lead, second) = talk(&mut rig, "1001", "1002");
    let reply = rig.request(CRM, setup_conference(1)).unwrap();
    assert_eq!(reply, Outcome::Conference { conference: CallId(3), consult: Some(CallId(4)) });
    assert_eq!(rig.states(CRM), ["reply", "c1 conferenced", "c3 onholdpendconf", "c4 dialtone/normal"]);
    assert_eq!(
        rig.states(WALLBOARD),
        [
            "c1 conferenced",
            "c3 new monitor",
            "c3 unknown",
            "c3 onholdpendconf",
            "c4 new monitor",
            "c4 unknown",
            "c4 dialtone/normal"
        ]
    );
    // Who is in it goes on; who sets it up hears the dial tone of the consultation.
    assert_eq!(hears(&rig, &[lead, second]), ["specialdial", "conference 3"]);
    rig.request(CRM, dial(4, "1004")).unwrap();
    let third = answered(&mut rig);
    assert_eq!(
        rig.states(CRM),
        [
            "reply",
            "c4 dialing",
            "c5 new owner",
            "c5 offering/active",
            "c4 proceeding",
            "c5 accepted",
            "c4 ringback",
            "c5 connected/active",
            "c4 connected/active"
        ]
    );
    assert_eq!(rig.feeds[&third], format!("leg {lead:?}"));
    rig.request(CRM, add(3, 4)).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c4 conferenced", "c3 connected/active"]);
    assert_eq!(hears(&rig, &[lead, second, third]), ["conference 3", "conference 3", "conference 3"]);
    let view = rig.switch.call(CRM, CallId(3)).unwrap();
    assert_eq!((view.origin, view.related), (CallOrigin::Conference, vec![CallId(1), CallId(4)]));
    assert_eq!(rig.state(2), ACTIVE);
}

#[test]
fn members_are_told_that_they_talk_with_a_focus_until_they_do_not() {
    let mut rig = rig();
    let (lead, second) = talk(&mut rig, "1001", "1002");
    rig.request(CRM, setup_conference(1)).unwrap();
    assert_eq!(rig.commands(), [format!("focus true {second}")]);
    rig.request(CRM, dial(4, "1004")).unwrap();
    let third = answered(&mut rig);
    rig.commands();
    rig.request(CRM, add(3, 4)).unwrap();
    let mut said = rig.commands();
    said.sort();
    let mut expected = [format!("focus true {lead}"), format!("focus true {third}")];
    expected.sort();
    assert_eq!(said, expected);
    rig.request(CRM, Operation::RemoveFromConference(CallId(4))).unwrap();
    let mut said = rig.commands();
    said.retain(|said| said.starts_with("focus"));
    said.sort();
    let mut expected = [format!("focus false {lead}"), format!("focus false {second}")];
    expected.sort();
    assert_eq!(said, expected);
}

#[test]
fn dropping_the_parent_drops_everybody() {
    let mut rig = rig();
    let (lead, second, third) = three(&mut rig);
    rig.request(CRM, drop(3)).unwrap();
    let states = rig.states(CRM);
    assert_eq!(states[0], "reply");
    let at = |state: &str| states.iter().position(|said| said == state).expect("it is said");
    assert!(at("c1 idle") < at("c3 idle") && at("c4 idle") < at("c3 idle"), "{states:?}");
    assert!(states.contains(&"c2 disconnected/normal".to_owned()));
    let said = rig.commands();
    for leg in [lead, second, third] {
        assert!(said.contains(&format!("end {leg}")), "{said:?}");
    }
    for call in [1, 3, 4] {
        rig.request(CRM, Operation::DeallocateCall(CallId(call))).unwrap();
    }
}

#[test]
fn the_phone_that_leads_hangs_up_and_everybody_is_dropped() {
    let mut rig = rig();
    let (lead, second, third) = three(&mut rig);
    rig.hang_up(lead);
    let said = rig.commands();
    for leg in [second, third] {
        assert!(said.contains(&format!("end {leg}")), "{said:?}");
    }
    assert!([1, 3, 4].iter().all(|call| rig.state(*call) == CallState::Idle));
}

#[test]
fn a_conference_of_two_calls_by_complete_transfer() {
    let mut rig = rig();
    let (lead, second) = talk(&mut rig, "1001", "1002");
    rig.request(CRM, Operation::SetupTransfer { call: CallId(1), to: None }).unwrap();
    rig.request(CRM, dial(3, "1004")).unwrap();
    let third = answered(&mut rig);
    quiet(&mut rig);
    let complete =
        Operation::CompleteTransfer { call: CallId(1), consult: CallId(3), mode: TransferMode::Conference };
    let reply = rig.request(CRM, complete).unwrap();
    assert_eq!(reply, Outcome::Conference { conference: CallId(5), consult: None });
    assert_eq!(rig.states(CRM)[..4], ["reply", "c1 conferenced", "c3 conferenced", "c5 connected/active"]);
    assert_eq!(
        rig.states(WALLBOARD)[..5],
        ["c1 conferenced", "c3 conferenced", "c5 new monitor", "c5 unknown", "c5 connected/active"]
    );
    assert_eq!(hears(&rig, &[lead, second, third]), ["conference 5", "conference 5", "conference 5"]);
}

#[test]
fn a_consultation_dropped_before_there_are_three_makes_a_call_again() {
    let mut rig = rig();
    let (lead, second) = talk(&mut rig, "1001", "1002");
    rig.request(CRM, setup_conference(1)).unwrap();
    quiet(&mut rig);
    rig.request(CRM, drop(4)).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c4 idle", "c3 idle", "c1 connected/active"]);
    assert_eq!(rig.feeds[&lead], format!("leg {second:?}"));
    assert_eq!(rig.feeds[&second], format!("leg {lead:?}"));
}

#[test]
fn a_consultation_dropped_with_three_brings_the_station_back() {
    let mut rig = rig();
    let (lead, second, third) = three(&mut rig);
    let reply = rig.request(CRM, prepare(3)).unwrap();
    assert_eq!(reply, Outcome::Consult(CallId(6)));
    assert_eq!(rig.states(CRM), ["reply", "c3 onholdpendconf", "c6 dialtone/normal"]);
    assert_eq!(hears(&rig, &[lead, second, third]), ["specialdial", "conference 3", "conference 3"]);
    rig.request(CRM, drop(6)).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c6 idle", "c3 connected/active"]);
    assert_eq!(hears(&rig, &[lead, second, third]), ["conference 3", "conference 3", "conference 3"]);
}

#[test]
fn two_that_are_left_talk_in_a_plain_call() {
    for hangs_up in [false, true] {
        let mut rig = rig();
        let (lead, second, third) = three(&mut rig);
        if hangs_up {
            rig.hang_up(third);
            let states = rig.states(CRM);
            let tail: Vec<_> = states.iter().filter(|said| !said.starts_with("c5")).collect();
            assert_eq!(tail, ["c4 disconnected/normal", "c3 idle", "c1 connected/active"]);
        } else {
            rig.request(CRM, Operation::RemoveFromConference(CallId(4))).unwrap();
            let states = rig.states(CRM);
            let tail: Vec<_> = states.iter().filter(|said| !said.starts_with("c5")).collect();
            assert_eq!(tail, ["reply", "c4 idle", "c3 idle", "c1 connected/active"]);
        }
        assert_eq!(rig.feeds[&lead], format!("leg {second:?}"));
        assert_eq!(rig.feeds[&second], format!("leg {lead:?}"));
        rig.request(CRM, drop(1)).unwrap();
        rig.hang_up(second);
        for call in [1, 3, 4] {
            rig.switch.call(CRM, CallId(call)).expect("it can be read");
            if rig.state(call) != CallState::Idle {
                rig.request(CRM, drop(call)).unwrap();
            }
            rig.request(CRM, Operation::DeallocateCall(CallId(call))).unwrap();
        }
        for call in [2, 5] {
            rig.request(CRM, Operation::DeallocateCall(CallId(call))).unwrap();
        }
        rig.assert_quiet();
    }
}

#[test]
fn a_party_that_leaves_during_a_consultation_leaves_the_rest_as_it_is() {
    let mut rig = rig();
    let (lead, second, third) = three(&mut rig);
    rig.request(CRM, prepare(3)).unwrap();
    rig.hang_up(third);
    assert_eq!(rig.state(3), CallState::OnHoldPendConf);
    assert_eq!(rig.feeds[&second], "conference 3");
    rig.request(CRM, dial(6, "1005")).unwrap();
    let fourth = answered(&mut rig);
    rig.request(CRM, add(3, 6)).unwrap();
    assert_eq!(hears(&rig, &[lead, second, fourth]), ["conference 3", "conference 3", "conference 3"]);
}

#[test]
fn the_only_party_that_leaves_during_a_consultation_takes_the_conference_with_it() {
    let mut rig = rig();
    let (_, second) = talk(&mut rig, "1001", "1002");
    rig.request(CRM, setup_conference(1)).unwrap();
    rig.request(CRM, dial(4, "1004")).unwrap();
    answered(&mut rig);
    quiet(&mut rig);
    rig.hang_up(second);
    assert_eq!((rig.state(3), rig.state(4)), (CallState::Idle, ACTIVE));
}

#[test]
fn while_the_parent_is_held_the_others_go_on_talking() {
    let mut rig = rig();
    let (lead, second, third) = three(&mut rig);
    rig.request(CRM, Operation::Hold(CallId(3))).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c3 onhold"]);
    assert_eq!(hears(&rig, &[lead, second, third]), ["silence", "conference 3", "conference 3"]);
    rig.request(CRM, Operation::Unhold(CallId(3))).unwrap();
    assert_eq!(rig.feeds[&lead], "conference 3");
}

#[test]
fn a_member_that_holds_at_its_phone_plays_nothing_to_the_others() {
    let mut rig = rig();
    let (lead, second, third) = three(&mut rig);
    let hold = sdp_at("10.0.0.9", 4000, USUAL, "a=sendonly\r\n");
    rig.tell(Event::Offer { leg: second, sdp: Some(hold) });
    assert_eq!(hears(&rig, &[lead, second, third]), ["conference 3", "nothing", "conference 3"]);
    assert_eq!((rig.state(1), rig.state(2)), (CallState::Conferenced, CallState::OnHold));
    let back = sdp_at("10.0.0.9", 4000, USUAL, "a=sendrecv\r\n");
    rig.tell(Event::Offer { leg: second, sdp: Some(back) });
    assert_eq!(rig.feeds[&second], "conference 3");
}

#[test]
fn the_lead_that_holds_at_its_phone_is_out_of_it() {
    let mut rig = rig();
    let (lead, second, _) = three(&mut rig);
    let hold = sdp_at("10.0.0.9", 4000, USUAL, "a=sendonly\r\n");
    rig.tell(Event::Offer { leg: lead, sdp: Some(hold) });
    assert_eq!(hears(&rig, &[lead, second]), ["nothing", "conference 3"]);
    assert_eq!(rig.state(3), CallState::OnHold);
}

#[test]
fn a_silent_consultation_joins_by_itself() {
    let mut rig = rig();
    let (lead, second) = talk(&mut rig, "1001", "1002");
    let silently = Operation::SetupConference { call: CallId(1), to: Some("1004".to_owned()) };
    rig.request(CRM, silently).unwrap();
    assert_eq!(rig.state(1), ACTIVE);
    assert_eq!(rig.feeds[&lead], format!("leg {second:?}"));
    rig.states(CRM);
    let third = answered(&mut rig);
    let states = rig.states(CRM);
    let tail: Vec<_> = states.iter().filter(|said| !said.starts_with("c5")).collect();
    assert_eq!(
        tail,
        ["c4 ringback", "c4 connected/active", "c1 conferenced", "c4 conferenced", "c3 connected/active"]
    );
    assert_eq!(hears(&rig, &[lead, second, third]), ["conference 3", "conference 3", "conference 3"]);
}

#[test]
fn a_silent_consultation_that_fails_leaves_all_as_it_was() {
    let mut rig = rig();
    let (lead, second) = talk(&mut rig, "1001", "1002");
    let silently = Operation::SetupConference { call: CallId(1), to: Some("1004".to_owned()) };
    rig.request(CRM, silently).unwrap();
    rig.states(CRM);
    let (station, _) = rig.invited();
    rig.refuse(station, 486);
    let states = rig.states(CRM);
    let tail: Vec<_> = states.iter().filter(|said| !said.starts_with("c5")).collect();
    assert_eq!(tail, ["c4 busy/station", "c4 idle", "c3 idle"]);
    assert_eq!(rig.state(1), ACTIVE);
    assert_eq!(rig.feeds[&lead], format!("leg {second:?}"));
    assert!(rig.switch.call(CRM, CallId(1)).unwrap().features.contains(&CallOperation::SetupConference));
}

#[test]
fn a_silent_consultation_is_over_with_the_call_that_it_was_for() {
    let mut rig = rig();
    let (_, second) = talk(&mut rig, "1001", "1002");
    let silently = Operation::SetupConference { call: CallId(1), to: Some("1004".to_owned()) };
    rig.request(CRM, silently).unwrap();
    let (station, _) = rig.invited();
    rig.hang_up(second);
    assert!(rig.commands().contains(&format!("end {station}")));
    assert_eq!((rig.state(3), rig.state(4)), (CallState::Idle, CallState::Idle));
}

#[test]
fn a_silent_consultation_of_a_conference_joins_it() {
    let mut rig = rig();
    let (lead, second, third) = three(&mut rig);
    let silently = Operation::PrepareAddToConference { call: CallId(3), to: Some("1005".to_owned()) };
    rig.request(CRM, silently).unwrap();
    assert_eq!(rig.feeds[&lead], "conference 3");
    let fourth = answered(&mut rig);
    assert_eq!(rig.state(6), CallState::Conferenced);
    assert_eq!(hears(&rig, &[lead, second, third, fourth]), ["conference 3"; 4]);
}

#[test]
fn the_parent_retrieved_drops_the_consultation() {
    let mut rig = rig();
    three(&mut rig);
    rig.request(CRM, prepare(3)).unwrap();
    quiet(&mut rig);
    rig.request(CRM, Operation::Unhold(CallId(3))).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c3 connected/active", "c6 idle"]);
}

#[test]
fn the_first_party_retrieved_takes_the_set_up_back() {
    let mut rig = rig();
    let (lead, second) = talk(&mut rig, "1001", "1002");
    rig.request(CRM, setup_conference(1)).unwrap();
    quiet(&mut rig);
    assert!(rig.switch.call(CRM, CallId(1)).unwrap().features.contains(&CallOperation::Unhold));
    rig.request(CRM, Operation::Unhold(CallId(1))).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c3 idle", "c1 connected/active", "c4 idle"]);
    assert_eq!(rig.feeds[&lead], format!("leg {second:?}"));
}

#[test]
fn a_member_of_a_conference_that_stands_cannot_be_retrieved() {
    let mut rig = rig();
    three(&mut rig);
    assert_eq!(ask(&mut rig, Operation::Unhold(CallId(1))), LineError::InvalCallState);
}

#[test]
fn the_parent_and_the_consultation_change_places() {
    let mut rig = rig();
    let (lead, _, _) = three(&mut rig);
    rig.request(CRM, prepare(3)).unwrap();
    rig.request(CRM, dial(6, "1005")).unwrap();
    let fourth = answered(&mut rig);
    quiet(&mut rig);
    rig.request(CRM, Operation::SwapHold { call: CallId(6), with: CallId(3) }).unwrap();
    let states = rig.states(CRM);
    assert_eq!(&states[..3], ["reply", "c6 onholdpendconf", "c3 connected/active"]);
    assert_eq!(hears(&rig, &[lead, fourth]), ["conference 3", "music"]);
    assert_eq!(ask(&mut rig, add(3, 6)), LineError::InvalCallState);
    rig.request(CRM, Operation::SwapHold { call: CallId(3), with: CallId(6) }).unwrap();
    rig.request(CRM, add(3, 6)).unwrap();
    assert_eq!(hears(&rig, &[lead, fourth]), ["conference 3", "conference 3"]);
}

#[test]
fn a_call_that_still_rings_can_be_added() {
    let mut rig = rig();
    let (lead, second) = talk(&mut rig, "1001", "1002");
    rig.request(CRM, setup_conference(1)).unwrap();
    rig.request(CRM, dial(4, "1004")).unwrap();
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.request(CRM, add(3, 4)).unwrap();
    assert_eq!(hears(&rig, &[lead, second]), ["conference 3", "conference 3"]);
    rig.answer(station, USUAL);
    assert_eq!(rig.feeds[&station], "conference 3");
    assert_eq!(rig.state(4), CallState::Conferenced);
}

#[test]
fn a_call_that_rings_in_a_conference_and_is_refused_leaves_it() {
    let mut rig = rig();
    let (lead, second) = talk(&mut rig, "1001", "1002");
    rig.request(CRM, setup_conference(1)).unwrap();
    rig.request(CRM, dial(4, "1004")).unwrap();
    let (station, _) = rig.invited();
    rig.request(CRM, add(3, 4)).unwrap();
    rig.refuse(station, 486);
    assert_eq!(rig.state(4), CallState::Disconnected(DisconnectMode::Busy));
    assert_eq!((rig.state(3), rig.state(1)), (CallState::Idle, ACTIVE));
    assert_eq!(rig.feeds[&lead], format!("leg {second:?}"));
}

#[test]
fn a_held_call_with_a_dialog_of_its_own_is_added_and_that_dialog_ended() {
    let mut rig = rig();
    let (first, _) = talk(&mut rig, "1001", "1002");
    let hold = sdp_at("10.0.0.9", 4000, USUAL, "a=sendonly\r\n");
    rig.tell(Event::Offer { leg: first, sdp: Some(hold) });
    let (second, third) = talk(&mut rig, "1001", "1004");
    rig.request(CRM, setup_conference(3)).unwrap();
    quiet(&mut rig);
    rig.request(CRM, add(5, 1)).unwrap();
    assert_eq!(
        rig.states(CRM),
        ["reply", "c1 conferenced", "c5 connected/active", "c6 idle", "c2 connected/active"]
    );
    assert!(rig.commands().contains(&format!("end {first}")));
    assert_eq!(hears(&rig, &[second, third]), ["conference 5", "conference 5"]);
}

#[test]
fn what_is_no_conference_is_refused_and_so_is_what_cannot_be_added() {
    let mut rig = rig();
    talk(&mut rig, "1001", "1002");
    assert_eq!(ask(&mut rig, prepare(1)), LineError::InvalConfCallHandle);
    rig.request(CRM, setup_conference(1)).unwrap();
    // Neither the parent, nor a member, nor a call of another line, nor nothing.
    for wrong in [3, 1, 2, 99] {
        assert_eq!(ask(&mut rig, add(3, wrong)), LineError::OperationUnavail, "c{wrong}");
    }
    rig.request(CRM, dial(4, "1004")).unwrap();
    for wrong in [3, 1, 2, 99] {
        assert_eq!(ask(&mut rig, add(3, wrong)), LineError::InvalCallHandle, "c{wrong}");
    }
    rig.request(CRM, Operation::Hold(CallId(2))).unwrap();
    assert_eq!(ask(&mut rig, add(2, 4)), LineError::InvalConfCallHandle);
    assert_eq!(ask(&mut rig, Operation::RemoveFromConference(CallId(3))), LineError::InvalCallState);
    assert_eq!(ask(&mut rig, setup_conference(3)), LineError::InvalCallState);
}

#[test]
fn a_call_whose_other_side_is_in_a_conference_cannot_lead_one() {
    let mut rig = rig();
    three(&mut rig);
    let features = rig.switch.call(CRM, CallId(2)).unwrap().features;
    assert!(!features.contains(&CallOperation::SetupConference));
    assert_eq!(ask(&mut rig, setup_conference(2)), LineError::OperationUnavail);
    assert_eq!(ask(&mut rig, setup_conference(3)), LineError::OperationUnavail);
}

#[test]
fn a_conference_is_full_when_its_parties_are_as_many_as_configured() {
    let mut rig = rig_of(3);
    three(&mut rig);
    assert_eq!(ask(&mut rig, prepare(3)), LineError::ConferenceFull);
    assert!(
        !rig.switch.call(CRM, CallId(3)).unwrap().features.contains(&CallOperation::PrepareAddToConference)
    );
}

#[test]
fn the_calls_of_a_conference_are_listed_with_handles_for_a_monitor() {
    let mut rig = rig();
    talk(&mut rig, "1001", "1002");
    let none = rig.request(CRM, Operation::GetConfRelatedCalls(CallId(1))).unwrap_err();
    assert_eq!(none.error, LineError::NoConference);
    rig.request(CRM, setup_conference(1)).unwrap();
    rig.request(CRM, dial(4, "1004")).unwrap();
    answered(&mut rig);
    let both = Outcome::Calls(vec![CallId(3), CallId(1)]);
    assert_eq!(rig.request(CRM, Operation::GetConfRelatedCalls(CallId(1))).unwrap(), both);
    assert_eq!(ask(&mut rig, Operation::GetConfRelatedCalls(CallId(4))), LineError::NoConference);
    rig.request(CRM, add(3, 4)).unwrap();
    rig.request(WALLBOARD, Operation::DeallocateCall(CallId(4))).unwrap();
    let all = Outcome::Calls(vec![CallId(3), CallId(1), CallId(4)]);
    assert_eq!(rig.request(WALLBOARD, Operation::GetConfRelatedCalls(CallId(3))).unwrap(), all);
    assert_eq!(rig.switch.call(WALLBOARD, CallId(4)).unwrap().privilege, CallPrivilege::Monitor);
}

#[test]
fn a_local_line_confers_without_a_phone() {
    let mut rig = rig();
    let caller = rig.call_in(Peer::Line("1001".into()), "1003", Some(USUAL));
    rig.request(CRM, Operation::Answer(CallId(2), None)).unwrap();
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.request(CRM, setup_conference(2)).unwrap();
    rig.request(CRM, dial(4, "1002")).unwrap();
    let second = answered(&mut rig);
    rig.request(CRM, add(3, 4)).unwrap();
    assert_eq!(hears(&rig, &[caller, second]), ["conference 3", "conference 3"]);
    quiet(&mut rig);
    rig.request(CRM, drop(3)).unwrap();
    let said = rig.commands();
    assert!([caller, second].iter().all(|leg| said.contains(&format!("end {leg}"))), "{said:?}");
}

#[test]
fn a_trunk_confers_with_the_networks_behind_it() {
    let mut rig = rig();
    let caller = rig.call_in(Peer::Line("1001".into()), "030", Some(USUAL));
    let network = answered(&mut rig);
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.request(CRM, setup_conference(2)).unwrap();
    assert_eq!(hears(&rig, &[caller, network]), ["conference 3", "conference 3"]);
    rig.request(CRM, dial(4, "31")).unwrap();
    let other = answered(&mut rig);
    rig.request(CRM, add(3, 4)).unwrap();
    assert_eq!(hears(&rig, &[caller, network, other]), ["conference 3"; 3]);
    // A network that holds would play its music to everybody.
    let hold = sdp_at("198.51.100.7", 4000, USUAL, "a=sendonly\r\n");
    rig.tell(Event::Offer { leg: other, sdp: Some(hold) });
    assert_eq!(hears(&rig, &[caller, network, other]), ["conference 3", "conference 3", "nothing"]);
    assert_eq!(rig.switch.lines.get("carrier").unwrap().occupied, 2, "the parent takes no channel");
}

#[test]
fn a_party_behind_a_trunk_is_a_member_like_any_other() {
    let mut rig = rig();
    let (lead, second) = talk(&mut rig, "1001", "1002");
    rig.request(CRM, setup_conference(1)).unwrap();
    rig.request(CRM, dial(4, "030")).unwrap();
    let network = answered(&mut rig);
    rig.request(CRM, add(3, 4)).unwrap();
    assert_eq!(hears(&rig, &[lead, second, network]), ["conference 3"; 3]);
    let hold = sdp_at("198.51.100.7", 4000, USUAL, "a=sendonly\r\n");
    rig.tell(Event::Offer { leg: network, sdp: Some(hold) });
    assert_eq!(rig.feeds[&network], "nothing");
}

#[test]
fn a_conference_begins_on_a_line_without_a_call() {
    let mut rig = rig();
    rig.request(CRM, Operation::SetupConferenceOnLine { line: "1003".into() }).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c1 onholdpendconf", "c2 dialtone/normal"]);
    rig.request(CRM, dial(2, "1001")).unwrap();
    let first = answered(&mut rig);
    rig.request(CRM, add(1, 2)).unwrap();
    rig.request(CRM, prepare(1)).unwrap();
    rig.request(CRM, dial(4, "1002")).unwrap();
    let second = answered(&mut rig);
    rig.request(CRM, add(1, 4)).unwrap();
    assert_eq!(hears(&rig, &[first, second]), ["conference 1", "conference 1"]);
}

#[test]
fn a_phone_without_a_call_is_called_for_the_consultation() {
    let mut rig = rig();
    rig.request(CRM, Operation::SetupConferenceOnLine { line: "1001".into() }).unwrap();
    let lead = answered(&mut rig);
    assert_eq!(rig.feeds[&lead], "specialdial");
    rig.request(CRM, dial(2, "1002")).unwrap();
    let first = answered(&mut rig);
    rig.request(CRM, add(1, 2)).unwrap();
    assert_eq!(rig.state(1), ACTIVE);
    assert_eq!(hears(&rig, &[lead, first]), ["conference 1", "conference 1"]);
    rig.hang_up(lead);
    assert_eq!((rig.state(1), rig.state(2)), (CallState::Idle, CallState::Idle));
}

fn refer(leg: Option<LegId>, line: &str, to: &str, method: ReferMethod) -> Box<Refer> {
    Box::new(Refer {
        leg,
        peer: Peer::Line(line.into()),
        dialled: String::new(),
        to: ReferTo {
            user: to.to_owned(),
            host: "pbx.example".to_owned(),
            method,
            replaces: None,
            dialog: None,
        },
        referred_by: None,
        notifies: true,
    })
}

const USAGE: UsageId = UsageId(77);

/// 1001 called the factory: conference c1.
fn factory(rig: &mut Rig) -> LegId {
    let lead = rig.call_in(Peer::Line("1001".into()), "conference", Some(USUAL));
    assert_eq!(rig.commands(), [format!("focus true {lead}"), format!("answer {lead}")]);
    rig.tell(Event::Established { leg: lead, answer: None });
    assert_eq!(rig.state(1), ACTIVE);
    lead
}

#[test]
fn a_phone_gets_a_conference_of_its_own_and_takes_its_calls_in() {
    let mut rig = rig();
    let lead = factory(&mut rig);
    let (spare, second) = talk(&mut rig, "1001", "1002");
    rig.tell(Event::Refer(USAGE, refer(Some(spare), "1001", "conf-1", ReferMethod::Invite)));
    let said = rig.commands();
    let expected =
        [format!("answer refer 202 {USAGE}"), format!("refer progress 200 {USAGE}"), format!("end {spare}")];
    assert_eq!(said[..3], expected);
    assert_eq!(hears(&rig, &[lead, second]), ["conference 1", "conference 1"]);
    // The phone alone in it keeps it.
    rig.hang_up(second);
    assert_eq!(rig.state(1), ACTIVE);
    rig.hang_up(lead);
    assert_eq!(rig.state(1), CallState::Idle);
}

#[test]
fn a_phone_has_somebody_called_into_its_conference_and_expels_him() {
    let mut rig = rig();
    let lead = factory(&mut rig);
    rig.tell(Event::Refer(USAGE, refer(Some(lead), "1001", "1002", ReferMethod::Invite)));
    let second = answered(&mut rig);
    assert_eq!(rig.state(2), CallState::Conferenced);
    assert_eq!(hears(&rig, &[lead, second]), ["conference 1", "conference 1"]);
    rig.commands();
    rig.tell(Event::Refer(USAGE, refer(Some(lead), "1001", "1004", ReferMethod::Bye)));
    assert_eq!(rig.commands(), [format!("answer refer 404 {USAGE}")]);
    rig.tell(Event::Refer(USAGE, refer(Some(lead), "1001", "1002", ReferMethod::Bye)));
    let said = rig.commands();
    assert!(said.contains(&format!("end {second}")), "{said:?}");
}

#[test]
fn only_the_phone_that_leads_may_change_its_conference() {
    let mut rig = rig();
    let lead = factory(&mut rig);
    rig.tell(Event::Refer(USAGE, refer(Some(lead), "1002", "1004", ReferMethod::Invite)));
    assert_eq!(rig.commands(), [format!("answer refer 403 {USAGE}")]);
    let (leg, _) = talk(&mut rig, "1002", "1004");
    rig.tell(Event::Refer(USAGE, refer(Some(leg), "1002", "conf-1", ReferMethod::Invite)));
    assert_eq!(rig.commands(), [format!("answer refer 403 {USAGE}")]);
    rig.tell(Event::Refer(USAGE, refer(None, "1001", "conf-1", ReferMethod::Invite)));
    assert_eq!(rig.commands(), [format!("answer refer 481 {USAGE}")]);
}

/// An INVITE of 1005 with Join that names a leg.
fn join(rig: &mut Rig, from: &str, leg: LegId) -> LegId {
    let mut call = rig.incoming(Peer::Line(from.into()), "1004", Some(USUAL));
    let join = Some(Replaced { leg: Some(leg), early_only: false });
    call.details = Some(Box::new(CallDetails { join, ..CallDetails::default() }));
    let new = LegId::new(1, (1 << 47) | 4711);
    rig.tell(Event::Incoming(new, call));
    new
}

#[test]
fn who_shares_a_group_with_the_line_may_join_its_call() {
    let mut rig = rig();
    let (caller, station) = talk(&mut rig, "1001", "1004");
    let new = join(&mut rig, "1005", station);
    assert!(rig.commands().contains(&format!("answer {new}")));
    assert_eq!((rig.state(1), rig.state(2), rig.state(3)), (ACTIVE, CallState::Conferenced, ACTIVE));
    rig.tell(Event::Established { leg: new, answer: None });
    let all = hears(&rig, &[caller, station, new]);
    assert!(all.iter().all(|heard| heard.starts_with("conference") && *heard == all[0]), "{all:?}");
    rig.hang_up(new);
    assert_eq!((rig.state(1), rig.state(2)), (ACTIVE, ACTIVE));
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"));
}

#[test]
fn nobody_else_may_join_and_nobody_a_secured_call() {
    let mut rig = rig();
    let (_, station) = talk(&mut rig, "1001", "1004");
    let new = join(&mut rig, "1002", station);
    assert_eq!(rig.commands(), [format!("reject 403 {new}")]);
    rig.request(CRM, Operation::SecureCall(CallId(2))).unwrap();
    let new = join(&mut rig, "1005", station);
    assert_eq!(rig.commands(), [format!("reject 488 {new}")]);
    let new = join(&mut rig, "1005", LegId::new(0, 99));
    assert_eq!(rig.commands(), [format!("reject 481 {new}")]);
}

#[test]
fn a_lead_that_is_lost_ends_the_conference() {
    let mut rig = rig();
    let (lead, second, third) = three(&mut rig);
    rig.end(lead, CauseKind::Lost);
    let said = rig.commands();
    for leg in [second, third] {
        assert!(said.contains(&format!("end {leg}")), "{said:?}");
    }
    for call in [1, 3, 4] {
        assert!(!matches!(rig.state(call), ACTIVE | CallState::Conferenced), "c{call}");
    }
    assert!(rig.sip.iter().all(|command| !matches!(command, Command::Offer(..))));
}

#[test]
fn who_is_called_into_a_conference_that_is_being_set_up_is_not_forgotten() {
    let mut rig = rig();
    talk(&mut rig, "1001", "1002");
    let reply = rig.request(CRM, setup_conference(1));
    let Ok(Outcome::Conference { conference, .. }) = reply else { panic!("{reply:?}") };
    // The phone has somebody called by itself, and it is a conference of three.
    rig.tell(Event::Refer(USAGE, refer(None, "1001", "1004", ReferMethod::Invite)));
    answered(&mut rig);
    assert_eq!(ask(&mut rig, Operation::Unhold(CallId(1))), LineError::InvalCallState);
    rig.request(CRM, Operation::Unhold(conference)).unwrap();
    assert_eq!((rig.state(1), rig.state(conference.0)), (CallState::Conferenced, ACTIVE));
    rig.switch.assert_conferences();
    rig.request(CRM, Operation::Drop(conference, None)).unwrap();
    rig.assert_quiet();
}
