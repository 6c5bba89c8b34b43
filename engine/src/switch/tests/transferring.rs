//! Transfers by applications: what each side hears of them, in which order, and where they end.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{CauseKind, Command, Event, Peer};

use crate::switch::rig::{CRM, Rig, USUAL, setup};
use crate::switch::*;

const ACTIVE: CallState = CallState::Connected(ConnectedMode::Active);

/// The network behind the trunk (call 1) talks with 1001 (call 2): the legs of both.
fn talking(rig: &mut Rig) -> (LegId, LegId) {
    rig.register("1001", "sip:1001@10.0.0.8", 1000);
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let network = rig.call_in(Peer::Trunk("carrier".into()), "1001", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: network, answer: None });
    quiet(rig);
    (network, station)
}

fn quiet(rig: &mut Rig) {
    rig.commands();
    rig.states(CRM);
    rig.messages.clear();
}

fn set_up(rig: &mut Rig, call: u64, to: Option<&str>) -> Reply {
    rig.request(CRM, Operation::SetupTransfer { call: CallId(call), to: to.map(str::to_owned) })
}

fn complete(rig: &mut Rig, call: u64, consult: u64) -> Reply {
    let (call, consult) = (CallId(call), CallId(consult));
    rig.request(CRM, Operation::CompleteTransfer { call, consult, mode: TransferMode::Transfer })
}

fn blind(rig: &mut Rig, call: u64, to: &str) -> Reply {
    rig.request(CRM, Operation::BlindTransfer { call: CallId(call), to: to.to_owned() })
}

/// 1001 consults 1002, whose phone rings: its leg. The consultation is call 3, that of 1002 call 4.
fn consulting(rig: &mut Rig) -> LegId {
    set_up(rig, 2, Some("1002")).unwrap();
    let (consulted, _) = rig.invited();
    rig.progress(consulted, 180, None);
    consulted
}

fn error(reply: Reply) -> LineError {
    reply.unwrap_err().error
}

fn view(rig: &Rig, call: u64) -> CallView {
    rig.switch.call(CRM, CallId(call)).unwrap()
}

#[test]
fn a_consultation_uses_the_leg_of_the_phone_and_asks_it_nothing() {
    let mut rig = Rig::new();
    let (network, station) = talking(&mut rig);
    assert_eq!(set_up(&mut rig, 2, None), Ok(Outcome::Consult(CallId(3))));
    assert_eq!(
        rig.states(CRM),
        ["reply", "c2 onholdpendtransfer", "c3 dialtone/normal", "c1 connected/activeheld"]
    );
    assert!(rig.commands().is_empty());
    assert_eq!((rig.feeds[&network].as_str(), rig.feeds[&station].as_str()), ("music", "specialdial"));
    rig.request(CRM, Operation::Dial { call: CallId(3), digits: "1002".to_owned() }).unwrap();
    let (consulted, invite) = rig.invited();
    assert_eq!(invite.from.user, "1001");
    rig.progress(consulted, 180, None);
    assert_eq!(rig.feeds[&station], "ringback");
    rig.answer(consulted, USUAL);
    assert_eq!((rig.state(2), rig.state(3)), (CallState::OnHoldPendTransfer, ACTIVE));
    assert_eq!(rig.feeds[&station], format!("leg {consulted:?}"));
    assert_eq!(rig.feeds[&network], "music");
}

#[test]
fn a_completed_transfer_joins_the_parties_and_hangs_up_on_the_transferor() {
    let mut rig = Rig::new();
    let (network, station) = talking(&mut rig);
    let consulted = consulting(&mut rig);
    rig.answer(consulted, USUAL);
    quiet(&mut rig);
    complete(&mut rig, 2, 3).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c3 idle", "c2 idle", "c1 connected/active"]);
    let commands = rig.commands();
    assert!(commands.contains(&format!("end {station}")), "{commands:?}");
    assert!(commands.contains(&format!("identify 1002 {network}")), "{commands:?}");
    assert!(commands.contains(&format!("identify carrier {consulted}")), "{commands:?}");
    assert_eq!(rig.feeds[&network], format!("leg {consulted:?}"));
    assert_eq!(rig.feeds[&consulted], format!("leg {network:?}"));
    let destination = view(&rig, 4);
    assert_eq!((destination.reason, destination.caller.number.as_str()), (CallReason::Transfer, "carrier"));
    assert_eq!((destination.connected.number.as_str(), destination.related[0]), ("carrier", CallId(1)));
    assert_eq!(view(&rig, 1).connected.number, "1002");
    rig.hang_up(network);
    rig.assert_quiet();
}

#[test]
fn a_destination_that_rings_takes_the_party_when_it_answers() {
    let mut rig = Rig::new();
    let (network, _) = talking(&mut rig);
    let consulted = consulting(&mut rig);
    quiet(&mut rig);
    complete(&mut rig, 2, 3).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c3 idle", "c2 idle", "c1 connected/active"]);
    assert_eq!(rig.feeds[&network], "ringback");
    rig.answer(consulted, USUAL);
    assert_eq!(rig.states(CRM), ["c4 connected/active"]);
    assert_eq!(rig.feeds[&network], format!("leg {consulted:?}"));
    rig.hang_up(consulted);
    rig.assert_quiet();
}

#[test]
fn a_destination_that_does_not_answer_returns_the_party_to_the_transferor() {
    let mut rig = Rig::new();
    let (network, _) = talking(&mut rig);
    let consulted = consulting(&mut rig);
    complete(&mut rig, 2, 3).unwrap();
    quiet(&mut rig);
    rig.refuse(consulted, 480);
    let (back, invite) = rig.invited();
    assert_eq!(invite.to.user, "1001");
    assert_eq!(view(&rig, 5).reason, CallReason::Reminder);
    rig.answer(back, USUAL);
    assert_eq!(rig.feeds[&network], format!("leg {back:?}"));
    rig.hang_up(network);
    rig.assert_quiet();
}

#[test]
fn a_party_that_its_transferor_does_not_take_back_is_disconnected() {
    let mut rig = Rig::new();
    let (network, _) = talking(&mut rig);
    let consulted = consulting(&mut rig);
    complete(&mut rig, 2, 3).unwrap();
    rig.refuse(consulted, 486);
    let (back, _) = rig.invited();
    rig.refuse(back, 486);
    assert!(rig.commands().contains(&format!("end {network}")));
    rig.assert_quiet();
}

#[test]
fn a_busy_destination_is_no_destination() {
    let mut rig = Rig::new();
    let (_, station) = talking(&mut rig);
    set_up(&mut rig, 2, Some("1002")).unwrap();
    let (consulted, _) = rig.invited();
    rig.refuse(consulted, 486);
    assert_eq!(rig.state(3), CallState::Busy(BusyMode::Station));
    assert_eq!(rig.feeds[&station], "busy");
    assert_eq!(error(complete(&mut rig, 2, 3)), LineError::OperationFailed);
    assert_eq!(rig.state(2), CallState::OnHoldPendTransfer);
    quiet(&mut rig);
    rig.request(CRM, Operation::Drop(CallId(3), None)).unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c3 idle", "c2 connected/active", "c1 connected/active"]);
}

#[test]
fn the_consultation_call_dropped_brings_the_original_back() {
    let mut rig = Rig::new();
    let (network, station) = talking(&mut rig);
    let consulted = consulting(&mut rig);
    rig.answer(consulted, USUAL);
    quiet(&mut rig);
    rig.request(CRM, Operation::Drop(CallId(3), None)).unwrap();
    assert_eq!(rig.states(CRM)[..3], ["reply", "c3 idle", "c2 connected/active"]);
    assert_eq!((rig.state(1), rig.state(4)), (ACTIVE, CallState::Idle));
    assert_eq!(rig.commands(), [format!("end {consulted}")]);
    assert_eq!(rig.feeds[&station], format!("leg {network:?}"));
    rig.hang_up(station);
    rig.assert_quiet();
}

#[test]
fn the_original_retrieved_gives_the_consultation_up() {
    let mut rig = Rig::new();
    let (network, station) = talking(&mut rig);
    let consulted = consulting(&mut rig);
    quiet(&mut rig);
    rig.request(CRM, Operation::Unhold(CallId(2))).unwrap();
    assert_eq!(rig.states(CRM)[..3], ["reply", "c3 idle", "c2 connected/active"]);
    assert_eq!((rig.state(1), rig.state(4)), (ACTIVE, CallState::Idle));
    assert_eq!(rig.commands(), [format!("end {consulted}")]);
    assert_eq!(rig.feeds[&station], format!("leg {network:?}"));
}

#[test]
fn a_party_that_hangs_up_while_it_waits_leaves_the_consultation_alone() {
    let mut rig = Rig::new();
    let (network, station) = talking(&mut rig);
    let consulted = consulting(&mut rig);
    rig.answer(consulted, USUAL);
    quiet(&mut rig);
    rig.hang_up(network);
    assert_eq!(rig.states(CRM), ["c1 disconnected/normal", "c2 disconnected/normal", "c1 idle"]);
    assert_eq!(rig.state(3), ACTIVE);
    assert_eq!(error(complete(&mut rig, 2, 3)), LineError::InvalCallState);
    rig.request(CRM, Operation::Drop(CallId(2), None)).unwrap();
    assert_eq!(rig.feeds[&station], format!("leg {consulted:?}"));
    rig.hang_up(consulted);
    rig.request(CRM, Operation::Drop(CallId(3), None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn a_consulted_party_that_leaves_is_dropped_before_the_original_returns() {
    let mut rig = Rig::new();
    let (_, station) = talking(&mut rig);
    let consulted = consulting(&mut rig);
    rig.answer(consulted, USUAL);
    quiet(&mut rig);
    rig.hang_up(consulted);
    assert_eq!(rig.states(CRM), ["c4 idle", "c3 disconnected/normal"]);
    assert_eq!(rig.state(2), CallState::OnHoldPendTransfer);
    rig.request(CRM, Operation::Drop(CallId(3), None)).unwrap();
    assert_eq!(rig.state(2), ACTIVE);
    assert!(rig.commands().is_empty(), "{station} stays");
}

#[test]
fn a_phone_that_hangs_up_ends_both_calls() {
    let mut rig = Rig::new();
    let (network, station) = talking(&mut rig);
    let consulted = consulting(&mut rig);
    rig.answer(consulted, USUAL);
    quiet(&mut rig);
    rig.hang_up(station);
    let commands = rig.commands();
    assert!(commands.contains(&format!("end {network}")) && commands.contains(&format!("end {consulted}")));
    assert!(!rig.states(CRM).contains(&"c2 connected/active".to_owned()));
    rig.assert_quiet();
}

#[test]
fn roles_are_reversed_after_a_swap() {
    let mut rig = Rig::new();
    let (network, station) = talking(&mut rig);
    let consulted = consulting(&mut rig);
    rig.answer(consulted, USUAL);
    quiet(&mut rig);
    rig.request(CRM, Operation::SwapHold { call: CallId(3), with: CallId(2) }).unwrap();
    assert_eq!(rig.states(CRM)[..3], ["reply", "c3 onholdpendtransfer", "c2 connected/active"]);
    assert_eq!(rig.feeds[&station], format!("leg {network:?}"));
    assert_eq!(rig.feeds[&consulted], "music");
    assert_eq!(error(complete(&mut rig, 2, 3)), LineError::InvalCallState);
    complete(&mut rig, 3, 2).unwrap();
    assert_eq!(rig.feeds[&network], format!("leg {consulted:?}"));
    assert_eq!((rig.state(2), rig.state(3)), (CallState::Idle, CallState::Idle));
    rig.hang_up(network);
    rig.assert_quiet();
}

#[test]
fn a_held_call_goes_to_the_party_of_a_call_that_was_made_for_it() {
    // TRANSFERHELD and TRANSFERMAKE: no set-up, two legs of the phone.
    let mut rig = Rig::new();
    let (network, station) = talking(&mut rig);
    rig.request(CRM, Operation::Hold(CallId(2))).unwrap();
    let make = Operation::MakeCall { line: "1001".into(), to: "1002".to_owned(), params: None };
    rig.request(CRM, make).unwrap();
    let (own, _) = rig.invited();
    rig.answer(own, USUAL);
    let (consulted, _) = rig.invited();
    rig.answer(consulted, USUAL);
    quiet(&mut rig);
    complete(&mut rig, 2, 3).unwrap();
    let commands = rig.commands();
    for leg in [own, station] {
        assert!(commands.contains(&format!("end {leg}")), "{commands:?}");
    }
    assert_eq!(rig.feeds[&network], format!("leg {consulted:?}"));
    rig.hang_up(consulted);
    rig.assert_quiet();
}

#[test]
fn the_second_call_is_one_of_the_same_line_and_owner() {
    let mut rig = Rig::new();
    talking(&mut rig);
    let consulted = consulting(&mut rig);
    rig.answer(consulted, USUAL);
    assert_eq!(error(complete(&mut rig, 2, 2)), LineError::InvalConsultCallHandle);
    assert_eq!(error(complete(&mut rig, 2, 1)), LineError::InvalConsultCallHandle);
    assert_eq!(error(complete(&mut rig, 2, 9)), LineError::InvalConsultCallHandle);
    assert_eq!(error(complete(&mut rig, 3, 2)), LineError::InvalCallState);
}

#[test]
fn one_consultation_at_a_time() {
    let mut rig = Rig::new();
    talking(&mut rig);
    set_up(&mut rig, 2, None).unwrap();
    rig.request(CRM, Operation::Dial { call: CallId(3), digits: "1002".to_owned() }).unwrap();
    let (consulted, _) = rig.invited();
    rig.answer(consulted, USUAL);
    assert_eq!(error(set_up(&mut rig, 3, None)), LineError::InUse);
    assert_eq!(error(set_up(&mut rig, 2, None)), LineError::InvalCallState);
}

#[test]
fn a_set_up_that_leads_nowhere_changes_nothing() {
    let mut rig = Rig::new();
    talking(&mut rig);
    assert_eq!(error(set_up(&mut rig, 2, Some("4711"))), LineError::InvalAddress);
    assert_eq!(rig.state(2), ACTIVE);
    assert_eq!(rig.switch.calls(CRM).len(), 2);
}

#[test]
fn a_blind_transfer_lets_the_party_hear_the_destination_ring() {
    let mut rig = Rig::new();
    let (network, station) = talking(&mut rig);
    blind(&mut rig, 2, "1002").unwrap();
    assert_eq!(rig.states(CRM), ["reply", "c2 idle", "c3 new owner", "c3 offering/active"]);
    let (destination, invite) = rig.invited();
    assert_eq!((invite.from.user.as_str(), invite.to.user.as_str()), ("carrier", "1002"));
    assert_eq!(view(&rig, 3).reason, CallReason::Transfer);
    assert_eq!(rig.commands(), [format!("end {station}")]);
    rig.progress(destination, 180, None);
    assert_eq!(rig.feeds[&network], "ringback");
    rig.answer(destination, USUAL);
    assert_eq!(rig.commands(), [format!("identify 1002 {network}")]);
    assert_eq!(rig.feeds[&network], format!("leg {destination:?}"));
    let call = view(&rig, 3);
    assert_eq!((call.redirecting.number.as_str(), call.redirection.number.as_str()), ("1001", "1002"));
    assert_eq!(rig.switch.conversations, 1);
    rig.hang_up(destination);
    rig.assert_quiet();
}

#[test]
fn a_blind_transfer_goes_by_the_rights_of_the_transferors_line() {
    let mut setup = setup();
    setup.routes[0].from = setup::RouteFrom::Line;
    let mut rig = Rig::with(setup);
    talking(&mut rig);
    assert_eq!(error(blind(&mut rig, 2, "4711")), LineError::InvalAddress);
    assert_eq!(error(blind(&mut rig, 2, "1001")), LineError::InvalAddress, "to itself");
    assert_eq!(error(blind(&mut rig, 2, "10;")), LineError::InvalAddress);
    assert_eq!(rig.state(2), ACTIVE);
    blind(&mut rig, 2, "030").unwrap();
    let Some(Command::Invite(_, invite)) = rig.sip.iter().find(|one| matches!(one, Command::Invite(..)))
    else {
        panic!("no INVITE")
    };
    assert_eq!(invite.to.user, "30");
}

#[test]
fn a_blind_transfer_that_fails_calls_the_transferor_back() {
    let mut rig = Rig::new();
    let (network, _) = talking(&mut rig);
    blind(&mut rig, 2, "1002").unwrap();
    let (destination, _) = rig.invited();
    rig.progress(destination, 180, None);
    rig.pass(Duration::from_secs(61));
    let (back, invite) = rig.invited();
    assert_eq!(invite.to.user, "1001");
    assert_eq!(view(&rig, 4).reason, CallReason::Reminder);
    rig.answer(back, USUAL);
    assert_eq!(rig.feeds[&network], format!("leg {back:?}"));
    rig.hang_up(back);
    rig.assert_quiet();
}

#[test]
fn a_party_on_its_way_cannot_be_sent_elsewhere() {
    let mut rig = Rig::new();
    talking(&mut rig);
    blind(&mut rig, 2, "1002").unwrap();
    assert_eq!(error(blind(&mut rig, 1, "1003")), LineError::OperationUnavail);
    assert_eq!(error(set_up(&mut rig, 1, None)), LineError::OperationUnavail);
}

#[test]
fn a_station_of_the_engine_transfers_and_is_transferred_to() {
    let mut rig = Rig::new();
    rig.register("1001", "sip:1001@10.0.0.8", 1000);
    let caller = rig.call_in(Peer::Line("1001".into()), "1003", Some(USUAL));
    rig.request(CRM, Operation::Answer(CallId(2), None)).unwrap();
    rig.tell(Event::Established { leg: caller, answer: None });
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    set_up(&mut rig, 2, Some("1002")).unwrap();
    let (consulted, _) = rig.invited();
    rig.answer(consulted, USUAL);
    complete(&mut rig, 2, 3).unwrap();
    assert_eq!(rig.feeds[&caller], format!("leg {consulted:?}"));
    // And back to the station of the engine, which rings until its application answers.
    blind(&mut rig, 4, "1003").unwrap();
    assert_eq!(rig.state(5), CallState::Offering(OfferingMode::Active));
    rig.request(CRM, Operation::Accept(CallId(5), None)).unwrap();
    assert_eq!(rig.feeds[&caller], "ringback");
    rig.request(CRM, Operation::Answer(CallId(5), None)).unwrap();
    assert_eq!((rig.state(1), rig.state(5)), (ACTIVE, ACTIVE));
    rig.hang_up(caller);
    rig.request(CRM, Operation::Drop(CallId(5), None)).unwrap();
    rig.assert_quiet();
}

#[test]
fn a_network_is_transferred_to_another_by_its_trunk() {
    let mut rig = Rig::new();
    let (network, station) = talking(&mut rig);
    set_up(&mut rig, 1, Some("040")).unwrap();
    let (other, invite) = rig.invited();
    assert_eq!(invite.to.user, "040");
    rig.answer(other, USUAL);
    assert_eq!(rig.feeds[&network], "music");
    complete(&mut rig, 1, 3).unwrap();
    assert_eq!((rig.state(1), rig.state(3)), (CallState::Idle, CallState::Idle));
    assert!(rig.commands().contains(&format!("end {station}")), "the near side is out of it");
    assert_eq!(rig.feeds[&network], format!("leg {other:?}"));
    assert_eq!(rig.feeds[&other], format!("leg {network:?}"));
    rig.hang_up(network);
    assert!(rig.commands().contains(&format!("end {other}")));
    for call in [2, 4, 5] {
        rig.ask(CRM, Operation::Drop(CallId(call), None));
    }
    rig.assert_quiet();
}

#[test]
fn both_sides_may_transfer_at_once() {
    // 1001 (call 1) talks with 1002 (call 2); each consults, and each completes.
    let mut rig = Rig::new();
    rig.register("1002", "sip:1002@10.0.0.9", 1000);
    let caller = rig.call_in(Peer::Line("1001".into()), "1002", Some(USUAL));
    let (station, _) = rig.invited();
    rig.answer(station, USUAL);
    rig.tell(Event::Established { leg: caller, answer: None });
    set_up(&mut rig, 1, Some("030")).unwrap();
    let (first, _) = rig.invited();
    rig.answer(first, USUAL);
    // Held by the other side, 1002 consults as well.
    set_up(&mut rig, 2, Some("040")).unwrap();
    let (second, _) = rig.invited();
    rig.answer(second, USUAL);
    complete(&mut rig, 1, 3).unwrap();
    assert_eq!(rig.feeds[&first], "music", "1002 still consults");
    complete(&mut rig, 2, 5).unwrap();
    assert_eq!(rig.feeds[&first], format!("leg {second:?}"));
    let commands = rig.commands();
    assert!(commands.contains(&format!("end {caller}")) && commands.contains(&format!("end {station}")));
    rig.hang_up(first);
    rig.assert_quiet();
}

/// A reload, after which there is no 1001.
fn remove_line(rig: &mut Rig) {
    let mut fewer = setup();
    fewer.lines.retain(|line| &*line.address != "1001");
    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, fewer, &mut out);
    rig.take(out);
}

/// 1001 talks with the network (call 2) and with 1002, whom it consults (call 3), when its line is removed: the legs of all three.
fn consulting_from_removed_line(rig: &mut Rig) -> (LegId, LegId, LegId) {
    let (network, station) = talking(rig);
    assert_eq!(set_up(rig, 2, Some("1002")), Ok(Outcome::Consult(CallId(3))));
    let (consulted, _) = rig.invited();
    rig.answer(consulted, USUAL);
    remove_line(rig);
    quiet(rig);
    (network, station, consulted)
}

/// Found by a fuzzer: calls of a line that a reload removed were no longer known to share a phone, and waited for ever.
#[test]
fn a_line_that_is_removed_keeps_its_calls_until_they_are_over() {
    let mut rig = Rig::new();
    let (network, station, consulted) = consulting_from_removed_line(&mut rig);
    let call = |to: &str| Operation::MakeCall { line: "1001".into(), to: to.to_owned(), params: None };
    assert_eq!(error(rig.request(CRM, call("1002"))), LineError::InvalLineHandle);
    assert_eq!(complete(&mut rig, 2, 3), Ok(Outcome::Done));
    assert_eq!(rig.feeds[&network], format!("leg {consulted:?}"));
    rig.end(station, CauseKind::Local);
    rig.hang_up(network);
    rig.end(consulted, CauseKind::Local);
    rig.pass(Duration::from_secs(60));
    rig.assert_quiet();
    assert!(rig.switch.lines.of_call("1001").is_none());
}

/// The same, where the phone hangs up that both calls of the removed line share.
#[test]
fn the_phone_of_a_removed_line_hangs_up_all_its_calls() {
    let mut rig = Rig::new();
    let (network, station, consulted) = consulting_from_removed_line(&mut rig);
    rig.hang_up(station);
    assert_eq!(rig.state(2), CallState::Idle);
    for leg in [network, consulted] {
        rig.end(leg, CauseKind::Local);
    }
    rig.pass(Duration::from_secs(60));
    rig.assert_quiet();
}

/// All operations of a call of a removed line go on, those that make further calls of the line as well.
#[test]
fn a_call_of_a_removed_line_leads_a_conference() {
    let mut rig = Rig::new();
    talking(&mut rig);
    remove_line(&mut rig);
    let operation = Operation::SetupConference { call: CallId(2), to: None };
    let Ok(Outcome::Conference { conference, consult: Some(consult) }) = rig.request(CRM, operation) else {
        panic!("a conference");
    };
    assert_eq!(view(&rig, conference.0).state, CallState::OnHoldPendConf);
    rig.request(CRM, Operation::Dial { call: consult, digits: "1002".to_owned() }).unwrap();
    let (consulted, _) = rig.invited();
    rig.answer(consulted, USUAL);
    let operation = Operation::AddToConference { call: conference, consult };
    assert_eq!(rig.request(CRM, operation), Ok(Outcome::Done));
    assert_eq!((rig.state(2), rig.state(consult.0)), (CallState::Conferenced, CallState::Conferenced));
}

#[test]
fn a_trunk_that_a_reload_removed_leads_no_consultation_anywhere() {
    let mut rig = Rig::new();
    talking(&mut rig);
    let mut changed = setup();
    changed.trunks.clear();
    let mut out = Outbox::default();
    rig.switch.reconfigure(rig.now, changed, &mut out);
    rig.take(out);
    set_up(&mut rig, 1, Some("031")).unwrap();
    assert!(matches!(rig.state(3), CallState::Disconnected(_)), "{:?}", rig.state(3));
    assert!(view(&rig, 1).features.contains(&CallOperation::Drop), "the call that waits goes on");
}
