//! Calls that change hands between applications, and what they carry with them.

use std::time::Duration;

use bytes::Bytes;
use trunkline::demo::OnInvite;
use trunkline::switch::{CallParams, CallPrivilege, HandoffTarget, LineError, Operation, Outcome, QosLevel};
use trunkline_tests::{Lab, Plan};

/// Both applications may own.
fn lab(seed: u64, phones: &[&str]) -> Lab {
    let both = |setup: &mut trunkline::switch::Setup| {
        for app in &mut setup.apps {
            app.privilege = CallPrivilege::Owner;
        }
    };
    Plan::seeded(seed).with(both).build().with_registered(phones)
}

#[test]
fn a_call_is_handed_off_and_the_first_owner_lets_go() {
    let mut lab = lab(1, &["alice", "bob"]);
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    assert_eq!(lab.refusal("wall", Operation::Hold(call)), LineError::NotOwner);
    lab.does_ask("crm", Operation::Handoff { call, to: HandoffTarget::App("wall".to_owned()) });
    let nobody = Operation::Handoff { call, to: HandoffTarget::App("nobody".to_owned()) };
    assert_eq!(lab.refusal("crm", nobody), LineError::TargetNotFound);
    lab.does_ask("crm", Operation::SetCallPrivilege { call, privilege: CallPrivilege::Monitor });
    assert_eq!(lab.refusal("crm", Operation::Hold(call)), LineError::NotOwner);
    lab.does_ask("wall", Operation::Hold(call));
    lab.does_ask("wall", Operation::Unhold(call));
    lab.expect_talk("alice", "bob");
    lab.does_ask("crm", Operation::DeallocateCall(call));
    let found = lab.asks("crm", Operation::GetNewCalls { line: "1002".into() });
    assert_eq!(found, Ok(Outcome::Calls(vec![call])));
    lab.does_ask("wall", Operation::Drop(call, None));
    lab.nothing_left();
}

#[test]
fn the_next_call_goes_to_who_has_priority_and_to_nobody_who_closed_the_line() {
    let mut lab = lab(2, &["alice", "bob"]);
    let media_mode = trunkline::switch::MediaMode::InteractiveVoice;
    lab.does_ask("crm", Operation::SetAppPriority { app: "wall".to_owned(), media_mode, priority: 1 });
    lab.call("alice", "1002");
    lab.run_ms(300);
    assert_eq!(lab.call_on("wall", "1002").privilege, CallPrivilege::Owner);
    assert_eq!(lab.call_on("crm", "1002").privilege, CallPrivilege::Monitor);
    let line = || "1002".into();
    let wanted = Operation::SetStatusMessages {
        line: line(),
        line_states: vec!["ringing".to_owned()],
        address_states: Vec::new(),
    };
    lab.does_ask("crm", wanted);
    lab.does_ask("crm", Operation::CloseLine { line: line() });
    assert!(lab.calls("crm").iter().all(|call| &*call.line != "1002"));
    let media_modes = Vec::new();
    lab.does_ask("crm", Operation::OpenLine { line: line(), privilege: CallPrivilege::Monitor, media_modes });
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn data_follows_the_party_through_a_transfer() {
    let mut lab = lab(3, &["alice", "bob", "carol"]);
    lab.phone("carol").script.on_invite = OnInvite::Answer(Duration::from_millis(200));
    lab.connected_call("alice", "bob");
    let call = lab.call_on("crm", "1002").id;
    lab.does_ask("crm", Operation::SetCallData { call, data: Bytes::from_static(b"case 42") });
    let level = QosLevel::Needed;
    let needed = Operation::SetCallQualityOfService { call, level };
    assert_eq!(lab.refusal("crm", needed), LineError::ResourceUnavail);
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1003".to_owned() });
    lab.run_ms(1_000);
    assert_eq!(&lab.call_on("crm", "1003").data[..], b"case 42");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn user_user_information_goes_out_with_the_call_and_in_it() {
    let mut lab = lab(4, &[]);
    lab.phone("carrier").script.on_invite = OnInvite::Answer(Duration::from_millis(200));
    let params = CallParams { user_user: Some(Bytes::from_static(b"\x04hi")), ..CallParams::default() };
    let (line, to) = (trunkline_tests::plan::LOCAL_LINE.into(), "0301234".to_owned());
    lab.does_ask("crm", Operation::MakeCall { line, to, params: Some(Box::new(params)) });
    lab.run_ms(1_000);
    let call = lab.call_on("crm", trunkline_tests::plan::LOCAL_LINE).id;
    lab.does_ask("crm", Operation::SendUserUserInfo { call, data: Bytes::from_static(b"\x04more") });
    lab.run_ms(500);
    lab.expect_ladder(
        "engine -> carrier  INVITE, 046869;encoding=hex
         carrier -> engine  180
         carrier -> engine  200
         engine -> carrier  ACK
         engine -> carrier  INFO, 046d6f7265;encoding=hex
         carrier -> engine  200 INFO",
    );
    lab.does_ask("crm", Operation::Drop(call, None));
    lab.nothing_left();
}
