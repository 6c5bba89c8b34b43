//! Transfers by applications, as phones and networks see them.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::{CallId, CallReason, CallState, LineError, Operation, Outcome, TransferMode};
use trunkline_tests::Lab;

fn answering(phone: &str, lab: &mut Lab) {
    lab.phone(phone).script.on_invite = OnInvite::Answer(Duration::from_secs(1));
}

fn set_up(lab: &mut Lab, call: CallId, to: Option<&str>) -> CallId {
    let reply = lab.asks("crm", Operation::SetupTransfer { call, to: to.map(str::to_owned) });
    let Ok(Outcome::Consult(consult)) = reply else { panic!("{reply:?}") };
    consult
}

fn complete(lab: &mut Lab, call: CallId, consult: CallId) {
    let mode = TransferMode::Transfer;
    lab.does_ask("crm", Operation::CompleteTransfer { call, consult, mode });
}

#[test]
fn a_consultation_is_dialled_and_completed() {
    let mut lab = Lab::registered(1, &["alice", "bob", "carol"]);
    answering("carol", &mut lab);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    let consult = set_up(&mut lab, call, None);
    lab.run_ms(300);
    let heard = lab.hears("bob", Duration::from_secs(1));
    assert!(heard.tone() >= 20, "no dial tone: {heard:?}");
    lab.does_ask("crm", Operation::Dial { call: consult, digits: "1003".to_owned() });
    lab.run_ms(1_500);
    lab.expect_talk("bob", "carol");
    complete(&mut lab, call, consult);
    lab.run_ms(500);
    lab.expect_talk("alice", "carol");
    assert_eq!(lab.status("bob"), Status::Over(0));
    assert_eq!(lab.call_on("crm", "1003").reason, CallReason::Transfer);
    assert_eq!(lab.call_on("crm", "1003").caller.number, "1001");
    lab.expect_states(
        "crm",
        "1002",
        "onholdpendtransfer, dialtone normal, dialing, proceeding, ringback, connected active, idle, idle",
    );
    lab.hang_up("carol");
    lab.run_ms(500);
    assert_eq!(lab.status("alice"), Status::Over(0));
    lab.nothing_left();
}

#[test]
fn a_party_hears_the_destination_ring_after_a_transfer_before_the_answer() {
    let mut lab = Lab::registered(2, &["alice", "bob", "carol"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    let consult = set_up(&mut lab, call, Some("1003"));
    lab.run_ms(500);
    complete(&mut lab, call, consult);
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Over(0));
    let heard = lab.hears("alice", Duration::from_secs(5));
    assert!(heard.tone() > 0, "no ringback: {heard:?}");
    lab.answer("carol");
    lab.run_ms(500);
    lab.expect_talk("alice", "carol");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_blind_transfer_that_nobody_answers_rings_the_transferor() {
    let mut lab = Lab::registered(3, &["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Refuse(486, Duration::from_secs(1));
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1003".to_owned() });
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Over(0));
    lab.run_ms(1_500);
    assert_eq!(lab.status("bob"), Status::Ringing);
    lab.answer("bob");
    lab.run_ms(500);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_blind_transfer_says_that_the_calls_part_is_over() {
    let mut lab = Lab::registered(4, &["alice", "bob", "carol"]);
    answering("carol", &mut lab);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1003".to_owned() });
    lab.run_ms(1_500);
    lab.expect_ladder(
        "engine -> bob     BYE, Call transferred
         engine -> carol   INVITE, 1001, Referred-By: <sip:1002@pbx.example>
         bob -> engine     200 BYE
         carol -> engine   180
         carol -> engine   200 INVITE
         engine -> carol   ACK",
    );
    lab.expect_talk("alice", "carol");
    lab.hang_up("carol");
    lab.nothing_left();
}

#[test]
fn a_station_of_the_engine_transfers_between_a_phone_and_a_network() {
    let mut lab = Lab::registered(5, &["alice"]);
    answering("carrier", &mut lab);
    lab.call("alice", "2001");
    lab.run_ms(200);
    let call = lab.call_on("crm", "2001").id;
    lab.does_ask("crm", Operation::Answer(call, None));
    lab.run_ms(500);
    let consult = set_up(&mut lab, call, Some("0123"));
    lab.run_ms(1_500);
    complete(&mut lab, call, consult);
    lab.run_ms(500);
    lab.expect_talk("alice", "carrier");
    lab.hang_up("carrier");
    lab.nothing_left();
}

#[test]
fn a_dropped_consultation_brings_the_first_party_back() {
    let mut lab = Lab::registered(6, &["alice", "bob", "carol"]);
    answering("carol", &mut lab);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1001").id;
    let consult = set_up(&mut lab, call, Some("1003"));
    lab.run_ms(1_500);
    lab.does_ask("crm", Operation::Drop(consult, None));
    lab.run_ms(500);
    assert_eq!(lab.status("carol"), Status::Over(0));
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_party_that_hangs_up_while_a_transfer_waits_leaves_the_others_talking() {
    let mut lab = Lab::registered(7, &["alice", "bob", "carol"]);
    answering("carol", &mut lab);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    set_up(&mut lab, call, Some("1003"));
    lab.run_ms(1_500);
    lab.hang_up("alice");
    lab.run_ms(500);
    lab.expect_talk("bob", "carol");
    let state = lab.calls("crm").iter().find(|view| view.id == call).map(|view| view.state);
    assert!(matches!(state, Some(CallState::Disconnected(_))));
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(300);
    lab.expect_talk("bob", "carol");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_transfer_to_oneself_is_refused_and_changes_nothing() {
    let mut lab = Lab::registered(8, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    let to = "1002".to_owned();
    assert_eq!(lab.refusal("crm", Operation::BlindTransfer { call, to }), LineError::InvalAddress);
    lab.expect_talk("alice", "bob");
    lab.does("bob", |phone, now, out| phone.transfer(now, "1002", out));
    lab.run_ms(1_000);
    assert_eq!(lab.ladder().count("engine", "bob", "202"), 0);
    lab.expect_talk("alice", "bob");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_party_that_is_transferred_to_itself_calls_itself_until_it_gives_up() {
    let mut lab = Lab::registered(9, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1001".to_owned() });
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Ringing, Status::Over(0)));
    // Refused, it goes back to the transferor.
    lab.refuse("alice", 486);
    lab.run_ms(500);
    assert_eq!(lab.status("bob"), Status::Ringing);
    lab.answer("bob");
    lab.run_ms(500);
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn a_member_of_a_conference_is_not_transferred_out_of_it() {
    let mut lab = Lab::registered(10, &["alice", "bob", "carol"]);
    answering("carol", &mut lab);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    let consult = set_up(&mut lab, call, Some("1003"));
    lab.run_ms(1_500);
    let mode = TransferMode::Conference;
    let reply = lab.asks("crm", Operation::CompleteTransfer { call, consult, mode });
    let Ok(Outcome::Conference { conference, .. }) = reply else { panic!("{reply:?}") };
    let blind = |call| Operation::BlindTransfer { call, to: "1001".to_owned() };
    // The members are CONFERENCED, the conference itself has no other side.
    assert_eq!(lab.refusal("crm", blind(call)), LineError::InvalCallState);
    assert_eq!(lab.refusal("crm", blind(conference)), LineError::OperationUnavail);
    let to = None;
    assert_eq!(
        lab.refusal("crm", Operation::SetupTransfer { call: conference, to }),
        LineError::OperationUnavail
    );
    for name in ["alice", "bob", "carol"] {
        lab.hang_up(name);
        lab.run_ms(300);
    }
    lab.nothing_left();
}

#[test]
fn a_parked_party_is_not_transferred_until_it_is_retrieved() {
    let mut lab = Lab::registered(11, &["alice", "bob", "carol"]);
    answering("carol", &mut lab);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Park { call, to: None });
    // The parker's part is over; the party's own line has nobody whom it could send away.
    let to = "1003".to_owned();
    assert_eq!(
        lab.refusal("crm", Operation::BlindTransfer { call, to: to.clone() }),
        LineError::InvalCallState
    );
    let waiting = lab.call_on("crm", "1001").id;
    let refusal = lab.refusal("crm", Operation::BlindTransfer { call: waiting, to });
    assert_eq!(refusal, LineError::OperationUnavail);
    lab.call("bob", "701");
    lab.run_ms(1_000);
    lab.expect_talk("alice", "bob");
    lab.does("bob", |phone, now, out| phone.transfer(now, "1003", out));
    lab.run_ms(2_000);
    lab.expect_talk("alice", "carol");
    lab.hang_up("alice");
    lab.nothing_left();
}
