//! Recordings: who is on which side, what is never there, and what they follow.

use std::time::Duration;

use trunkline::demo::OnInvite;
use trunkline::switch::{
    CallId, CallOperation, LineError, Operation, Outcome, RecordPolicy, Setup, TransferMode,
};
use trunkline_tests::{Lab, Plan, Tape};

/// Who speaks which sine.
const TONES: [(&str, u16); 4] = [("alice", 400), ("bob", 700), ("carol", 1000), ("carrier", 1300)];

/// How loud a tone is that was recorded, at least; one that was not is below a tenth.
const AUDIBLE: f64 = 1_000.0;

/// Phones that answer after a second, in an engine that records as it is said.
pub(crate) fn lab(seed: u64, change: impl FnOnce(&mut Setup)) -> Lab {
    let plan = Plan::seeded(seed).with(|setup| {
        setup.recording.recordings_max = 4;
        change(setup);
    });
    let mut lab = plan.build().with_registered(&["alice", "bob", "carol"]);
    for (name, hz) in TONES {
        lab.phone(name).script.tone_hz = Some(hz);
        lab.phone(name).script.on_invite = OnInvite::Answer(Duration::from_secs(1));
    }
    lab
}

/// Alice talks with Bob: the call of her line.
pub(crate) fn talking(lab: &mut Lab) -> CallId {
    lab.call("alice", "1002");
    lab.run_ms(3_000);
    lab.call_on("crm", "1001").id
}

/// The station's side holds these voices between two moments in milliseconds, the other side those, and nobody else is heard.
#[track_caller]
pub(crate) fn expect(tape: &Tape, ms: std::ops::Range<usize>, station: &[&str], others: &[&str]) {
    for (side, voices) in [station, others].into_iter().enumerate() {
        if voices.is_empty() {
            assert!(tape.is_silent(side, ms.clone()), "side {side} is not silent in {ms:?}");
            continue;
        }
        for (name, hz) in TONES {
            let level = tape.level(side, ms.clone(), hz);
            let fits = if voices.contains(&name) { level > AUDIBLE } else { level < AUDIBLE / 10.0 };
            assert!(fits, "side {side} has {name} at {level} in {ms:?}");
        }
    }
}

fn path(lab: &mut Lab, call: CallId) -> Option<String> {
    lab.calls("crm").into_iter().find(|view| view.id == call)?.recording?.path.map(|path| path.to_string())
}

#[test]
fn an_application_records_pauses_resumes_and_stops() {
    let mut lab = lab(1, |_| {});
    let call = talking(&mut lab);
    let reply = lab.asks("crm", Operation::StartRecording(call));
    assert_eq!(reply, Ok(Outcome::Recording(format!("{call}-1.wav").into())));
    assert_eq!(path(&mut lab, call), Some(format!("{call}-1.wav")));
    lab.run_ms(2_000);
    lab.does_ask("crm", Operation::PauseRecording(call));
    lab.run_ms(2_000);
    lab.does_ask("crm", Operation::ResumeRecording(call));
    lab.run_ms(2_000);
    lab.does_ask("crm", Operation::StopRecording(call));
    lab.run_ms(1_000);
    assert_eq!(path(&mut lab, call), None);
    let [tape] = &lab.tapes()[..] else { panic!("one recording") };
    assert_eq!((tape.call, tape.rate_hz, tape.undecoded), (call, 8_000, [0; 2]));
    // Each request takes 300 ms.
    expect(tape, 500..2_200, &["alice"], &["bob"]);
    expect(tape, 2_500..4_500, &[], &[]);
    expect(tape, 5_000..6_800, &["alice"], &["bob"]);
    assert!(tape.length.is_some_and(|length| length >= Duration::from_millis(6_900)), "{:?}", tape.length);
    lab.hang_up("alice");
    lab.nothing_left();
}

#[test]
fn each_call_of_a_line_is_recorded_where_its_policy_says_so() {
    let mut lab = lab(2, |setup| setup.lines[0].record = RecordPolicy::Always);
    let call = talking(&mut lab);
    let view = lab.call_on("crm", "1001");
    assert!(view.recording.is_some_and(|recording| recording.is_demanded), "it is recorded");
    assert!(!view.features.contains(&CallOperation::StopRecording), "nobody stops it");
    let refused = lab.asks("crm", Operation::StopRecording(call)).map_err(|refusal| refusal.error);
    assert_eq!(refused, Err(LineError::OperationUnavail));
    lab.hang_up("bob");
    lab.run_ms(1_000);
    lab.call("carol", "1001");
    lab.run_ms(3_000);
    lab.hang_up("carol");
    let tapes = lab.tapes();
    assert_eq!(tapes.len(), 2, "of Alice's two calls, and none of the others'");
    expect(&tapes[0], 500..1_500, &["alice"], &["bob"]);
    expect(&tapes[1], 500..1_500, &["alice"], &["carol"]);
    lab.nothing_left();
}

#[test]
fn hold_and_consultation_are_not_in_the_recording_of_the_held_call() {
    let mut lab = lab(3, |_| {});
    let call = talking(&mut lab);
    lab.does_ask("crm", Operation::StartRecording(call));
    lab.run_ms(2_000);
    let reply = lab.asks("crm", Operation::SetupTransfer { call, to: Some("1003".to_owned()) });
    let Ok(Outcome::Consult(consult)) = reply else { panic!("{reply:?}") };
    lab.run_ms(3_000);
    lab.does_ask("crm", Operation::StartRecording(consult));
    lab.run_ms(2_000);
    lab.does_ask("crm", Operation::SwapHold { call: consult, with: call });
    lab.run_ms(2_000);
    let [first, second] = &lab.tapes()[..] else { panic!("two recordings") };
    expect(first, 500..2_200, &["alice"], &["bob"]);
    expect(first, 2_500..7_800, &[], &[]);
    expect(first, 8_500..10_000, &["alice"], &["bob"]);
    expect(second, 500..2_200, &["alice"], &["carol"]);
    let mode = TransferMode::Transfer;
    lab.does_ask("crm", Operation::CompleteTransfer { call: consult, consult: call, mode });
    lab.run_ms(1_000);
    lab.hang_up("bob");
    lab.hang_up("carol");
    lab.nothing_left();
}

#[test]
fn a_recording_follows_who_is_transferred_and_a_conference() {
    let mut lab = lab(4, |setup| setup.lines[1].record = RecordPolicy::Always);
    let call = talking(&mut lab);
    lab.run_ms(1_000);
    lab.does_ask("crm", Operation::BlindTransfer { call, to: "1003".to_owned() });
    lab.run_ms(4_000);
    let [tape] = &lab.tapes()[..] else { panic!("one recording, of Bob's call") };
    let now = tape.sides[1].len() / 8;
    expect(tape, 500..1_500, &["bob"], &["alice"]);
    expect(tape, now - 1_000..now, &["bob"], &["carol"]);

    // Bob's application makes a conference with Alice.
    let call = lab.call_on("crm", "1002").id;
    let reply = lab.asks("crm", Operation::SetupConference { call, to: None });
    let Ok(Outcome::Conference { conference, consult: Some(consult) }) = reply else { panic!("{reply:?}") };
    lab.does_ask("crm", Operation::Dial { call: consult, digits: "1001".to_owned() });
    lab.run_ms(3_000);
    lab.does_ask("crm", Operation::AddToConference { call: conference, consult });
    lab.run_ms(3_000);
    let tapes = lab.tapes();
    let of = |call: CallId| tapes.iter().find(|tape| tape.call == call).expect("it is recorded");
    for call in [call, consult] {
        let tape = of(call);
        let now = tape.sides[1].len() / 8;
        expect(tape, now - 1_500..now, &["bob"], &["alice", "carol"]);
    }
    assert!(!tapes.iter().any(|tape| tape.call == conference), "its members are recorded");
    lab.does_ask("crm", Operation::Drop(conference, None));
    lab.nothing_left();
}

#[test]
fn a_trunk_records_the_network_on_the_left_and_a_parked_caller_not_at_all() {
    let mut lab = lab(5, |setup| {
        setup.trunks[0].record = RecordPolicy::Always;
        setup.lines[0].record = RecordPolicy::Never;
    });
    lab.call("alice", "0301234");
    lab.run_ms(4_000);
    let own = lab.call_on("crm", "1001");
    assert!(!own.features.contains(&CallOperation::StartRecording), "of this line nothing is recorded");
    lab.does_ask("crm", Operation::Park { call: own.id, to: Some("701".to_owned()) });
    lab.run_ms(3_000);
    let [tape] = &lab.tapes()[..] else { panic!("one recording, of the trunk's call") };
    expect(tape, 500..1_800, &["carrier"], &["alice"]);
    let now = tape.sides[1].len() / 8;
    expect(tape, now - 2_000..now, &[], &[]);
    lab.hang_up("carrier");
    lab.nothing_left();
}

#[test]
fn nothing_is_recorded_beyond_what_there_may_be_or_where_it_is_not_set_up() {
    let mut lab = lab(6, |setup| setup.recording.recordings_max = 1);
    let call = talking(&mut lab);
    lab.does_ask("crm", Operation::StartRecording(call));
    let other = lab.call_on("crm", "1002").id;
    let refused = lab.asks("crm", Operation::StartRecording(other)).map_err(|refusal| refusal.error);
    assert_eq!(refused, Err(LineError::ResourceUnavail));
    let refused = lab.asks("wall", Operation::StopRecording(call)).map_err(|refusal| refusal.error);
    assert_eq!(refused, Err(LineError::NotOwner));
    lab.reload(|setup| setup.recording.recordings_max = 0);
    lab.does_ask("crm", Operation::StopRecording(call));
    lab.run_ms(100);
    let refused = lab.asks("crm", Operation::StartRecording(call)).map_err(|refusal| refusal.error);
    assert_eq!(refused, Err(LineError::OperationUnavail));
    lab.hang_up("alice");
    lab.nothing_left();
}
