//! What applications see and may do: owner and monitor, states in order, deallocation.

use trunkline::demo::Status;
use trunkline::switch::{CallOperation, CallPrivilege, LineError, Operation};
use trunkline_tests::Lab;

#[test]
fn the_states_of_a_call_between_two_lines_come_in_order() {
    let mut lab = Lab::registered(1, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    lab.answer("bob");
    lab.run_ms(500);
    lab.hang_up("bob");
    lab.run_ms(500);
    lab.expect_states(
        "wall",
        "1001",
        "dialing as monitor, proceeding, ringback, connected active, disconnected normal, idle",
    );
    lab.expect_states("wall", "1002", "offering active as monitor, accepted, connected active, idle");
    lab.nothing_left();
}

#[test]
fn an_incoming_call_is_answered_seen_to_end_and_dropped() {
    // An incoming call is accepted, answered, and ended by the far side.
    let mut lab = Lab::registered(2, &["bob"]);
    lab.call("carrier", "1002");
    lab.run_ms(500);
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::Answer(call, None));
    lab.hang_up("carrier");
    lab.run_ms(500);
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.expect_states(
        "crm",
        "1002",
        "offering active as owner, accepted, connected active, disconnected normal, idle",
    );
    lab.does_ask("crm", Operation::DeallocateCall(call));
    assert_eq!(lab.refusal("crm", Operation::DeallocateCall(call)), LineError::InvalCallHandle);
    lab.nothing_left();
}

#[test]
fn a_monitor_may_not_drop() {
    let mut lab = Lab::registered(3, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("wall", "1001");
    assert_eq!(call.privilege, CallPrivilege::Monitor);
    for operation in
        [Operation::Drop(call.id, None), Operation::Hold(call.id), Operation::Answer(call.id, None)]
    {
        assert_eq!(lab.refusal("wall", operation), LineError::NotOwner);
    }
    assert_eq!(lab.status("alice"), Status::Connected);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn features_are_what_would_be_accepted() {
    let mut lab = Lab::registered(4, &["alice", "bob"]);
    lab.call("alice", "1002");
    lab.run_ms(500);
    assert_features(&mut lab, "1002");
    lab.answer("bob");
    lab.run_ms(500);
    assert_features(&mut lab, "1001");
    assert_features(&mut lab, "1002");
    lab.hang_up("bob");
    lab.nothing_left();
}

/// Every operation that is not a feature is refused.
fn assert_features(lab: &mut Lab, line: &str) {
    for app in ["crm", "wall"] {
        let call = lab.call_on(app, line);
        for operation in CallOperation::ALL {
            if !call.features.contains(&operation) {
                let error = lab.refusal(app, Operation::sample(operation, call.id, call.id));
                let expected = if app == "wall" { LineError::NotOwner } else { LineError::InvalCallState };
                // What is asked of a conference is refused where there is none.
                let none =
                    [LineError::OperationUnavail, LineError::InvalConfCallHandle, LineError::NoConference];
                assert!(error == expected || none.contains(&error), "{app} {operation:?}: {error}");
            }
        }
    }
}

#[test]
fn operations_in_the_wrong_state_say_so() {
    let mut lab = Lab::registered(5, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    for operation in [Operation::Accept(call, None), Operation::Answer(call, None), Operation::Unhold(call)] {
        assert_eq!(lab.refusal("crm", operation), LineError::InvalCallState);
    }
    let refused = lab.asks("crm", Operation::Unhold(call)).expect_err("it is not held");
    assert!(refused.allowed.contains(&CallOperation::Hold), "{refused:?}");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_monitor_may_let_go_and_the_call_goes_on() {
    let mut lab = Lab::registered(6, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("wall", "1001").id;
    lab.does_ask("wall", Operation::DeallocateCall(call));
    assert!(lab.calls("wall").iter().all(|known| known.id != call));
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn an_owner_may_let_go_of_a_call_that_goes_on() {
    let mut lab = Lab::registered(7, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::DeallocateCall(call));
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn a_call_that_does_not_exist_has_no_handle() {
    let mut lab = Lab::registered(8, &["alice"]);
    let nobody = trunkline::switch::CallId(4_711);
    assert_eq!(lab.refusal("crm", Operation::Drop(nobody, None)), LineError::InvalCallHandle);
    let no_line = Operation::MakeCall { line: "4711".into(), to: "1001".to_owned(), params: None };
    assert_eq!(lab.refusal("crm", no_line), LineError::InvalLineHandle);
    let no_address = Operation::MakeCall { line: "1001".into(), to: "()".to_owned(), params: None };
    assert_eq!(lab.refusal("crm", no_address), LineError::InvalAddress);
    lab.nothing_left();
}

#[test]
fn an_owner_drops_a_call_of_two_handsets() {
    let mut lab = Lab::registered(9, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1001").id;
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.run_ms(500);
    assert_eq!((lab.status("alice"), lab.status("bob")), (Status::Over(0), Status::Over(0)));
    lab.nothing_left();
}
