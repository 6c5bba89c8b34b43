//! lineCompleteCall: calls that are completed when their destination is free, on the wire.

use std::time::Duration;

use trunkline::demo::{OnInvite, Status};
use trunkline::switch::{CallReason, CompletionMode, Operation};
use trunkline_tests::Lab;

/// Bob talks with Carol and is busy for everybody else.
fn bob_talks(seed: u64) -> Lab {
    let mut lab = Lab::registered(seed, &["alice", "bob", "carol"]);
    lab.connected_call("carol", "bob");
    lab.phone("bob").script.on_invite = OnInvite::Refuse(486, Duration::ZERO);
    lab
}

/// Carol hangs up, and Bob takes calls.
fn bob_is_free(lab: &mut Lab) {
    lab.hang_up("carol");
    lab.run_ms(1_000);
    lab.phone("bob").script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    lab.ladder().forget();
    lab.run(Duration::from_secs(3));
}

#[test]
fn who_was_busy_is_called_back_by_a_code_of_the_handset() {
    let mut lab = bob_talks(1);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    assert_eq!(lab.status("alice"), Status::Over(486));
    lab.call("alice", "*66");
    lab.run_ms(3_000);
    bob_is_free(&mut lab);
    lab.expect_ladder(
        "engine -> alice   INVITE, \"Line 1002\" <sip:1002@pbx.example>
         alice -> engine   180",
    );
    assert_eq!(lab.call_on("crm", "1001").reason, CallReason::CallCompletion);
    lab.answer("alice");
    lab.run_ms(3_000);
    lab.expect_talk("alice", "bob");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn an_application_completes_its_call_and_answers_when_it_is_offered() {
    let mut lab = bob_talks(2);
    let wanted = Operation::SetStatusMessages {
        line: "1001".into(),
        line_states: vec!["numcompletions".to_owned()],
        address_states: Vec::new(),
    };
    lab.does_ask("crm", wanted);
    let call = lab.make_call("crm", "1001", "1002");
    lab.run_ms(1_000);
    lab.expect_states("crm", "1001", "dialing, proceeding, busy station");
    lab.does_ask("crm", Operation::CompleteCall { call, mode: CompletionMode::Callback, message: None });
    lab.expect_states("crm", "1001", "dialing, proceeding, busy station, idle");
    bob_is_free(&mut lab);
    let offered = lab.call_on("crm", "1001");
    assert_eq!(offered.reason, CallReason::CallCompletion);
    assert!(offered.completion.is_some());
    lab.does_ask("crm", Operation::Answer(offered.id, None));
    lab.run_ms(3_000);
    lab.expect_talk("alice", "bob");
    lab.does_ask("crm", Operation::Drop(offered.id, None));
    lab.nothing_left();
}

#[test]
fn a_code_takes_the_request_back() {
    let mut lab = bob_talks(3);
    lab.call("alice", "1002");
    lab.run_ms(1_000);
    lab.call("alice", "*66");
    lab.run_ms(3_000);
    lab.call("alice", "#66");
    lab.run_ms(3_000);
    bob_is_free(&mut lab);
    lab.expect_ladder("");
    lab.nothing_left();
}
