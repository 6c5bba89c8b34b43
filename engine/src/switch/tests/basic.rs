//! Calls that come and go, without an application's doing.

use std::time::Duration;

use trunkline_sip::outbox::{Cause, CauseKind, Command, Event, Party, Peer};

use crate::switch::CallState;
use crate::switch::rig::{CRM, Rig, USUAL, WALLBOARD, sdp, setup};

fn trunk() -> Peer {
    Peer::Trunk("carrier".into())
}

fn line(address: &str) -> Peer {
    Peer::Line(address.into())
}

#[test]
fn a_call_from_trunk_to_trunk_is_bridged() {
    let mut rig = Rig::new();
    let caller = rig.call_in(trunk(), "030", Some(USUAL));
    let (station, invite) = rig.invited();
    assert_eq!((invite.target.uri.as_str(), invite.max_forwards), ("sip:30@carrier.example", 69));
    rig.progress(station, 180, None);
    assert_eq!(rig.commands(), [format!("progress 180 {caller}")]);
    rig.answer(station, "0 101");
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"));
    assert_eq!(rig.feeds[&station], format!("leg {caller:?}"));
    assert_eq!(rig.open[&caller].0, rig.open[&station].0);
    assert_eq!(
        rig.states(WALLBOARD),
        [
            "c1 new monitor",
            "c1 offering/active",
            "c2 new monitor",
            "c2 dialing",
            "c2 proceeding",
            "c2 ringback",
            "c1 accepted",
            "c2 connected/active",
            "c1 connected/active",
        ]
    );
    rig.hang_up(caller);
    assert_eq!(rig.commands(), [format!("end {station}")]);
    assert_eq!(
        rig.states(CRM)[9..],
        ["c1 disconnected/normal", "c2 disconnected/normal", "c1 idle", "c2 idle"]
    );
    rig.assert_quiet();
}

#[test]
fn a_caller_who_gives_up_cancels_the_phone() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(line("1001"), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.states(CRM);
    rig.commands();
    rig.end(caller, CauseKind::Cancel);
    assert_eq!(rig.commands(), [format!("end {station}")]);
    assert_eq!(rig.states(CRM), ["c1 idle", "c2 disconnected/cancelled", "c2 idle"]);
    rig.assert_quiet();
}

#[test]
fn a_busy_phone_makes_the_caller_busy() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(line("1001"), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.states(CRM);
    rig.refuse(station, 486);
    assert_eq!(rig.states(CRM), ["c2 idle", "c1 busy/station", "c1 idle"]);
    assert_eq!(rig.commands(), [format!("reject 486 {caller}")]);
    rig.assert_quiet();
}

#[test]
fn a_phone_without_contacts_is_unreachable() {
    let mut rig = Rig::new();
    let caller = rig.call_in(line("1001"), "1002", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 480 {caller}")]);
    assert_eq!(rig.states(CRM), ["c1 new owner", "c1 dialing", "c1 disconnected/unreachable", "c1 idle"]);
}

#[test]
fn what_leads_nowhere_is_a_bad_address() {
    let mut rig = Rig::new();
    let caller = rig.call_in(line("1001"), "4711", Some(USUAL));
    assert_eq!(rig.commands(), [format!("reject 404 {caller}")]);
    assert_eq!(rig.states(CRM)[2], "c1 disconnected/badaddress");
}

#[test]
fn nobody_answers() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(line("1001"), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.progress(station, 180, None);
    rig.commands();
    rig.states(CRM);
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.commands(), [format!("end {station}"), format!("reject 480 {caller}")]);
    assert_eq!(
        rig.states(CRM),
        ["c2 disconnected/noanswer", "c1 disconnected/noanswer", "c1 idle", "c2 idle"]
    );
    rig.assert_quiet();
}

#[test]
fn early_media_is_heard_before_the_answer_and_described_once() {
    let mut rig = Rig::new();
    let caller = rig.call_in(line("1001"), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.progress(station, 183, Some("8 101"));
    let early = rig.sip[0].clone();
    assert_eq!(rig.commands(), [format!("progress 183 sdp {caller}")]);
    assert_eq!(rig.feeds[&caller], format!("leg {station:?}"));
    assert_eq!(rig.state(1), CallState::Ringback);
    rig.progress(station, 180, None);
    assert_eq!(rig.commands(), Vec::<String>::new());
    rig.answer(station, "8 101");
    let (Command::Progress(_, _, early), Command::Answer(_, late)) = (early, &rig.sip[0]) else { panic!() };
    assert_eq!(&early, late);
}

#[test]
fn a_183_without_sdp_and_other_provisional_responses_are_not_relayed() {
    let mut rig = Rig::new();
    rig.call_in(line("1001"), "030", Some(USUAL));
    let (station, _) = rig.invited();
    for status in [181, 182, 183, 199] {
        rig.progress(station, status, None);
    }
    assert_eq!(rig.commands(), Vec::<String>::new());
    assert_eq!(rig.state(1), CallState::Proceeding);
}

#[test]
fn an_answer_without_sdp_takes_that_of_the_provisional_response() {
    let mut rig = Rig::new();
    let caller = rig.call_in(line("1001"), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.progress(station, 183, Some("0"));
    rig.commands();
    rig.tell(Event::Answered { leg: station, sdp: None, is_offer: false, connected: Party::default() });
    assert_eq!(rig.commands(), [format!("answer {caller}")]);
}

#[test]
fn a_late_offer_is_answered_by_an_offer_made_of_the_answer() {
    let mut rig = Rig::new();
    let caller = rig.call_in(line("1001"), "030", None);
    let (station, invite) = rig.invited();
    assert_eq!(invite.offer.unwrap().media[0].formats.len(), 3);
    rig.answer(station, "8 101");
    let Some(Command::Answer(_, Some(offer))) = rig.sip.first() else { panic!() };
    assert_eq!(offer.media[0].formats, ["8", "101", "0"]);
    rig.commands();
    rig.tell(Event::Established { leg: caller, answer: Some(sdp("8")) });
    assert!(rig.remotes[&caller].payload_types.contains(8));
    assert_eq!(rig.commands(), Vec::<String>::new());
}

#[test]
fn a_late_offer_that_draws_no_answer_ends_the_call() {
    let mut rig = Rig::new();
    let caller = rig.call_in(line("1001"), "030", None);
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.commands();
    rig.tell(Event::Established { leg: caller, answer: None });
    assert_eq!(rig.commands(), [format!("end {caller}"), format!("end {station}")]);
    rig.assert_quiet();
}

#[test]
fn an_answer_that_was_not_offered_is_transcoded_or_told_to_the_caller() {
    for (transcodes, answered, told) in [(true, "0", "8"), (false, "0", "0"), (true, "18", "18")] {
        let mut setup = setup();
        setup.lines[0].transcodes = transcodes;
        let mut rig = Rig::with(setup);
        let caller = rig.call_in(line("1001"), "030", Some("8 101"));
        let (station, _) = rig.invited();
        rig.answer(station, answered);
        let Some(Command::Answer(leg, Some(answer))) = rig.sip.first() else { panic!() };
        assert_eq!(*leg, caller);
        assert_eq!(answer.media[0].formats, [told]);
    }
}

#[test]
fn a_phone_that_hangs_up_clears_its_own_call_and_disconnects_the_other() {
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(line("1001"), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.commands();
    rig.states(CRM);
    rig.hang_up(station);
    assert_eq!(rig.commands(), [format!("end {caller}")]);
    assert_eq!(rig.states(CRM), ["c2 idle", "c1 disconnected/normal", "c1 idle"]);
    rig.assert_quiet();
}

#[test]
fn the_networks_reason_reaches_the_other_side() {
    let mut rig = Rig::new();
    let caller = rig.call_in(line("1001"), "030", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.sip.clear();
    rig.states(CRM);
    let cause = Cause { q850: Some(27), ..Cause::default() };
    rig.tell(Event::Ended { leg: station, cause });
    let Some(Command::End(leg, Some(reason))) = rig.sip.first() else { panic!() };
    assert_eq!((*leg, reason.as_str()), (caller, "Q.850;cause=27"));
    assert_eq!(rig.states(CRM)[1], "c1 disconnected/outoforder");
}

#[test]
fn a_leg_that_the_switch_does_not_know_must_not_stay_up() {
    let mut rig = Rig::new();
    let stray = trunkline_sip::LegId::new(0, 99);
    rig.answer(stray, USUAL);
    assert_eq!(rig.commands(), [format!("end {stray}")]);
}
