//! Forks of audio: what servers hear, beside recordings and without them, and who may not.

use trunkline::switch::{
    CallId, CallOperation, ForkId, ForkUrl, LineError, Operation, Outcome, RecordPolicy, Setup,
};
use trunkline_tests::Lab;

use crate::recording::{expect, lab, talking};

/// An engine whose applications may fork to one server.
fn forks_to_one(seed: u64, change: impl FnOnce(&mut Setup)) -> Lab {
    lab(seed, |setup| {
        setup.fork.allow = vec![url("/")];
        setup.fork.forks_max = 3;
        setup.fork.per_call_max = 2;
        change(setup);
    })
}

fn url(path: &str) -> ForkUrl {
    ForkUrl::parse(&format!("ws://speech.example:9000{path}")).expect("it is one")
}

fn start(call: CallId, path: &str) -> Operation {
    Operation::StartFork { call, url: url(path), authorization: None }
}

fn stop(call: CallId, fork: u64) -> Operation {
    Operation::StopFork { call, fork: Some(ForkId(fork)) }
}

/// The application is refused with this.
#[track_caller]
fn refuses(lab: &mut Lab, app: &str, operation: Operation, error: LineError) {
    assert_eq!(lab.asks(app, operation).map_err(|refusal| refusal.error), Err(error));
}

/// Has the call's audio forked; the fork.
#[track_caller]
fn forks(lab: &mut Lab, call: CallId, path: &str) -> u64 {
    let reply = lab.asks("crm", start(call, path));
    let Ok(Outcome::Fork(fork)) = reply else { panic!("{reply:?}") };
    fork.0
}

#[test]
fn a_server_hears_both_sides_and_a_recording_beside_it_the_same() {
    let mut lab = forks_to_one(1, |_| {});
    let call = talking(&mut lab);
    let fork = forks(&mut lab, call, "/listen");
    lab.does_ask("crm", Operation::StartRecording(call));
    let view = lab.call_on("crm", "1001");
    let shown: Vec<_> = view.forks.iter().map(|fork| (fork.fork.0, fork.is_up, &*fork.url)).collect();
    assert_eq!(shown, [(fork, true, "ws://speech.example:9000/listen")]);
    lab.run_ms(2_000);
    // What is paused in the file goes on to the server.
    lab.does_ask("crm", Operation::PauseRecording(call));
    lab.run_ms(2_000);
    lab.does_ask("crm", stop(call, fork));
    lab.run_ms(1_000);
    assert!(lab.call_on("crm", "1001").forks.is_empty());
    let ([heard], [tape]) = (&lab.forks()[..], &lab.tapes()[..]) else { panic!("one fork, one recording") };
    assert_eq!((heard.call, heard.rate_hz), (call, 8_000));
    // Each request takes 300 ms.
    expect(heard, 300..4_500, &["alice"], &["bob"]);
    expect(tape, 500..2_000, &["alice"], &["bob"]);
    assert!(tape.sides[0].len() < 8 * 2_600, "{}", tape.sides[0].len());
    assert!(heard.sides[0].len() < 8 * 5_200, "nothing comes behind the end");
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn what_is_held_is_not_heard_and_who_is_transferred_is_followed() {
    let mut lab = forks_to_one(2, |_| {});
    lab.call("alice", "1002");
    lab.run_ms(3_000);
    let [alice, bob] = ["1001", "1002"].map(|line| lab.call_on("crm", line).id);
    forks(&mut lab, bob, "/bob");
    lab.run_ms(1_000);
    lab.does_ask("crm", Operation::Hold(bob));
    lab.run_ms(2_000);
    let [heard] = &lab.forks()[..] else { panic!("one fork") };
    expect(heard, 300..1_000, &["bob"], &["alice"]);
    assert!(heard.sides[0].len() < 8 * 1_700, "nothing comes while it is held: {}", heard.sides[0].len());
    lab.does_ask("crm", Operation::Unhold(bob));
    lab.run_ms(1_000);
    lab.does_ask("crm", Operation::BlindTransfer { call: alice, to: "1003".to_owned() });
    lab.run_ms(4_000);
    let [heard] = &lab.forks()[..] else { panic!("one fork") };
    let now = heard.sides[1].len() / 8;
    expect(heard, 1_900..3_000, &[], &[]);
    expect(heard, now - 1_000..now, &["bob"], &["carol"]);
    // It ends with its call.
    lab.hang_up("carol");
    lab.run_ms(500);
    assert_eq!(lab.told("crm", "fork"), ["1002 fork f1 started", "1002 fork f1 stopped callover"]);
    lab.nothing_left();
}

#[test]
fn where_a_policy_says_never_nothing_is_forked_either() {
    let mut lab = forks_to_one(3, |setup| setup.lines[0].record = RecordPolicy::Never);
    let call = talking(&mut lab);
    assert!(!lab.call_on("crm", "1001").features.contains(&CallOperation::StartFork));
    refuses(&mut lab, "crm", start(call, "/"), LineError::OperationUnavail);
    let other = lab.call_on("crm", "1002").id;
    forks(&mut lab, other, "/");
    lab.hang_up("bob");
    lab.nothing_left();
}

#[test]
fn who_may_not_or_finds_no_room_or_no_server_is_told_so() {
    let mut lab = forks_to_one(4, |_| {});
    let call = talking(&mut lab);
    refuses(&mut lab, "wall", start(call, "/"), LineError::NotOwner);
    let elsewhere = ForkUrl::parse("ws://speech.example:9001/").expect("it is one");
    let elsewhere = Operation::StartFork { call, url: elsewhere, authorization: None };
    refuses(&mut lab, "crm", elsewhere, LineError::AddressBlocked);
    refuses(&mut lab, "crm", stop(call, 1), LineError::OperationUnavail);
    refuses(&mut lab, "crm", start(call, "/refuses"), LineError::OperationFailed);
    assert_eq!(lab.told("crm", "fork"), ["1001 fork f1 failed refused"]);
    let forked = [forks(&mut lab, call, "/a"), forks(&mut lab, call, "/b")];
    assert_eq!(forked, [2, 3]);
    refuses(&mut lab, "crm", start(call, "/c"), LineError::ResourceUnavail);
    let other = lab.call_on("crm", "1002").id;
    refuses(&mut lab, "crm", stop(other, 2), LineError::OperationUnavail);
    assert_eq!(forks(&mut lab, other, "/d"), 4);
    refuses(&mut lab, "crm", stop(other, 2), LineError::InvalParam);
    lab.run_ms(500);
    lab.does_ask("crm", stop(call, 2));
    lab.run_ms(500);
    // There is room again; without a number all of the call end.
    forks(&mut lab, call, "/e");
    lab.does_ask("crm", Operation::StopFork { call, fork: None });
    lab.run_ms(500);
    assert!(lab.call_on("crm", "1001").forks.is_empty());
    lab.reload(|setup| setup.fork.allow.clear());
    refuses(&mut lab, "crm", start(call, "/"), LineError::OperationUnavail);
    lab.hang_up("alice");
    lab.nothing_left();
}
