//! Everybody does everything at once: two owners, four phones and two networks over a bad network. No call goes where the
//! table of states does not lead, each request is answered once, and when all is over nothing is left.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trunkline::demo::{OnInvite, Phone, Status};
use trunkline::switch::{
    AppId, CallId, CallOperation, CallPrivilege, CallState, CallView, CompletionId, CompletionMode, ForkUrl,
    ForwardEntry, ForwardMode, Gathering, HandoffTarget, MediaMode, Operation, RecordPolicy, RequestId,
    TransferMode,
};
use trunkline_tests::network::Quality;
use trunkline_tests::{Lab, Plan, Tally, number_in_environment, run_seeds, seeds, temper};

const PHONES: [&str; 4] = ["alice", "bob", "carol", "dave"];
const EVERYBODY: [&str; 6] = ["alice", "bob", "carol", "dave", "carrier", "overseas"];
const APPS: [&str; 2] = ["crm", "wall"];
const LINES: [&str; 6] = ["1001", "1002", "1003", "1004", "2001", "carrier"];
const NUMBERS: [&str; 9] = ["1001", "1002", "1003", "1004", "0301234", "9555", "2001", "701", "4711"];
/// What phones dial besides: feature codes, park addresses, the conference.
const CODES: [&str; 16] = [
    "*70",
    "*70",
    "*8",
    "**1001",
    "**1003",
    "*21*1003",
    "#21",
    "*67*1004",
    "#67",
    "*78",
    "*79",
    "*66",
    "#66",
    "701",
    "702",
    "conference",
];

/// Runs seeds 0 to `TRUNKLINE_SEEDS` (500 if it is not set, 20 where nothing is optimised), or the one that `SIM_SEED` names;
/// with `LAB_TRACE=1` it shows everything that passes.
#[test]
fn whatever_everybody_does_nothing_is_lost_or_left() {
    if let Some(seed) = number_in_environment("SIM_SEED") {
        eprintln!("{:#?}", upheaval(seed));
        return;
    }
    let seeds = seeds(500, 20);
    let began = Instant::now();
    let total = Mutex::new((Tally::default(), Deeds::new()));
    run_seeds(seeds, |seed| {
        let (_, tally, deeds) = upheaval(seed);
        let mut total = total.lock().expect("no thread panics with it");
        total.0.add(&tally);
        for (word, [granted, denied]) in deeds {
            let count = total.1.entry(word).or_default();
            *count = [count[0] + granted, count[1] + denied];
        }
    });
    let (total, deeds) = total.into_inner().expect("no thread panics with it");
    eprintln!("{seeds} seeds in {:?}: {total:#?}\ngranted and denied: {deeds:#?}", began.elapsed());
    // Few seeds do not come to everything.
    if seeds >= 500 {
        let sample = |operation| word(&Operation::sample(operation, CallId(1), CallId(2)));
        for wanted in CallOperation::ALL.map(sample).into_iter().chain(ON_LINES.map(str::to_owned)) {
            let granted = deeds.get(&wanted).map_or(0, |count| count[0]);
            assert!(granted > 0, "{wanted} was never granted");
        }
    }
    let seeds = u32::try_from(seeds).expect("a run has fewer seeds");
    assert!(
        total.connected > seeds && total.granted > 10 * seeds && total.denied > 5 * seeds,
        "too little happened: {total:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_upheaval() {
    for seed in 1..4 {
        assert_eq!(upheaval(seed), upheaval(seed), "SIM_SEED={seed}");
    }
    assert_ne!(upheaval(1).0, upheaval(2).0);
}

/// How often each operation was granted, and denied.
type Deeds = BTreeMap<String, [u32; 2]>;

/// The operations that are not on a call.
const ON_LINES: [&str; 12] = [
    "MakeCall",
    "TranslateAddress",
    "Forward",
    "Pickup",
    "Unpark",
    "SetupConferenceOnLine",
    "UncompleteCall",
    "GetNewCalls",
    "OpenLine",
    "CloseLine",
    "SetStatusMessages",
    "SetAppPriority",
];

/// What an operation is called here.
fn word(operation: &Operation) -> String {
    let text = format!("{operation:?}");
    text.split(['(', ' ']).next().unwrap_or_default().to_owned()
}

/// A minute or two of everybody doing what he likes, until all are told to stop. Returns the fingerprint of every byte sent,
/// and what happened.
fn upheaval(seed: u64) -> (u64, Tally, Deeds) {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x0b5e55ed);
    let mut lab = lab(seed, &mut rng);
    let mut asked = Vec::new();
    for _ in 0..rng.random_range(40..100) {
        lab.run_ms(rng.random_range(0..1_200));
        if rng.random_bool(0.35) {
            use_phone(&mut lab, &mut rng);
        } else {
            asked.push(use_application(&mut lab, &mut rng));
        }
    }
    stop(&mut lab);
    lab.nothing_left();
    let mut deeds = Deeds::new();
    for (app, request, word) in asked {
        let reply = lab.reply(app, request).expect("nothing is left without a reply");
        deeds.entry(word).or_default()[usize::from(reply.is_err())] += 1;
    }
    (lab.fingerprint(), lab.tally().clone(), deeds)
}

fn lab(seed: u64, rng: &mut StdRng) -> Lab {
    let workers = rng.random_range(1..=3);
    let is_mortal = rng.random_bool(0.1);
    let mut plan = Plan::seeded(seed).workers(workers).with(|setup| {
        setup.ring_max = Duration::from_secs(20);
        setup.recording.recordings_max = 3;
        setup.fork.allow = ForkUrl::parse("ws://127.0.0.1:9000/").into_iter().collect();
        setup.fork.forks_max = 3;
        setup.fork.per_call_max = 2;
        setup.lines[3].record = RecordPolicy::Always;
        // Phones are silent as a rule.
        setup.media.silent_after = is_mortal.then_some(Duration::from_secs(20));
        setup.apps[1].privilege = CallPrivilege::Owner;
        setup.park.timeout = Duration::from_secs(20);
        setup.park.fallback = seed.is_multiple_of(5).then(|| "1004".to_owned());
        setup.completion.timeout = Duration::from_secs(60);
        setup.completion.messages = vec!["call me".to_owned()];
        setup.conference.parties_max = 5;
        for line in &mut setup.lines {
            line.groups = vec!["all".to_owned()];
        }
    });
    if rng.random_bool(0.2) {
        plan = plan.tcp("carol");
    }
    let mut lab = plan.build().with_registered(&PHONES);
    for name in EVERYBODY {
        let script = &mut lab.phone(name).script;
        script.on_invite = match rng.random_range(0..8) {
            0 => OnInvite::Ring,
            1 => {
                let status = [480, 486, 603][rng.random_range(0..3)];
                OnInvite::Refuse(status, Duration::from_millis(rng.random_range(0..4_000)))
            }
            2 => OnInvite::Answer(Duration::from_millis(rng.random_range(0..5_000))),
            _ => OnInvite::Answer(Duration::from_millis(rng.random_range(0..500))),
        };
        temper(script, rng, [0.8, 0.98]);
        script.leaves_transferred = rng.random_bool(0.8);
        script.refuses_reinvite = rng.random_bool(0.1).then_some([488, 491, 500][rng.random_range(0..3)]);
        script.speaks = seed.is_multiple_of(100);
    }
    lab.set_quality(Quality::BAD);
    lab
}

/// A phone dials, answers, refuses, holds, transfers, hangs up.
fn use_phone(lab: &mut Lab, rng: &mut StdRng) {
    let mut name = EVERYBODY[rng.random_range(0..EVERYBODY.len())];
    let deed = rng.random_range(0..20);
    let talking: Vec<&str> =
        EVERYBODY.iter().copied().filter(|name| lab.status(name) == Status::Connected).collect();
    if deed >= 8 && !talking.is_empty() {
        name = talking[rng.random_range(0..talking.len())];
    }
    match deed {
        0..=4 => lab.call(name, NUMBERS[rng.random_range(0..NUMBERS.len())]),
        5 | 6 => lab.call(name, CODES[rng.random_range(0..CODES.len())]),
        7 => lab.answer(name),
        8 => lab.refuse(name, [486, 603][rng.random_range(0..2)]),
        9 | 10 => lab.hold(name),
        11 | 12 => lab.resume(name),
        13 => {
            let to = ["1001", "1002", "1003", "0301234", "701", "*70", "4711"][rng.random_range(0..7)];
            lab.does(name, |phone, now, out| phone.transfer(now, to, out));
        }
        14 | 15 => {
            // Consults, and transfers whether or not the other side has answered.
            lab.hold(name);
            lab.run_ms(rng.random_range(0..300));
            lab.call(name, NUMBERS[rng.random_range(0..NUMBERS.len())]);
            lab.run_ms(rng.random_range(0..3_000));
            lab.does(name, Phone::transfer_to_consulted);
        }
        16 => lab.does(name, Phone::transfer_to_consulted),
        17 => {
            // Holds, and parks what is held, or takes it to a conference.
            lab.hold(name);
            lab.run_ms(rng.random_range(0..300));
            lab.call(name, ["*70", "701", "conference"][rng.random_range(0..3)]);
        }
        _ => lab.hang_up(name),
    }
}

/// One of the applications asks for something: of a call as a rule.
fn use_application(lab: &mut Lab, rng: &mut StdRng) -> (&'static str, RequestId, String) {
    // The first of two owners is given the calls; the other has what it is handed, or takes.
    let app = APPS[usize::from(rng.random_bool(0.25))];
    let calls = lab.calls(app);
    let operation = if calls.is_empty() || rng.random_bool(0.25) {
        on_line(rng, lab, &calls)
    } else {
        let call = choose(rng, &calls);
        on_call(rng, &calls, call)
    };
    let word = word(&operation);
    (app, lab.request(app, operation), word)
}

/// A call: one that is up, if there is one, as a rule.
fn choose<'a>(rng: &mut StdRng, calls: &'a [CallView]) -> &'a CallView {
    let up: Vec<&CallView> = calls.iter().filter(|view| view.state != CallState::Idle).collect();
    if up.is_empty() || rng.random_bool(0.05) {
        return &calls[rng.random_range(0..calls.len())];
    }
    up[rng.random_range(0..up.len())]
}

fn number(rng: &mut StdRng) -> String {
    NUMBERS[rng.random_range(0..NUMBERS.len())].to_owned()
}

fn perhaps_number(rng: &mut StdRng) -> Option<String> {
    let wanted = rng.random_bool(0.5);
    wanted.then(|| number(rng))
}

fn on_line(rng: &mut StdRng, lab: &Lab, calls: &[CallView]) -> Operation {
    let line: std::sync::Arc<str> = LINES[rng.random_range(0..LINES.len())].into();
    match rng.random_range(0..24) {
        0..=7 => {
            let to = [number(rng), String::new(), "10;".to_owned(), "701".to_owned()];
            let chosen = if rng.random_bool(0.7) { 0 } else { rng.random_range(1..4) };
            Operation::MakeCall { line, to: to[chosen].clone(), params: None }
        }
        8 | 9 => {
            let offered = calls.iter().find(|view| matches!(view.state, CallState::Offering(_)));
            let (from, group) = match (rng.random_range(0..4), offered) {
                (0 | 1, Some(view)) => (Some(view.line.to_string()), None),
                (0 | 1, None) => (Some(number(rng)), None),
                (2, _) => (None, Some("all".to_owned())),
                _ => (None, None),
            };
            Operation::Pickup { line, from, group }
        }
        10..=12 => {
            let taken =
                lab.switch().parked(AppId(0)).into_iter().next().map(|parked| parked.slot.to_string());
            let from = taken.unwrap_or_else(|| ["701", "702", "999"][rng.random_range(0..3)].to_owned());
            Operation::Unpark { line, from }
        }
        13 | 14 => {
            let entries = (0..rng.random_range(0..3)).map(|_| forward_entry(rng)).collect();
            Operation::Forward { line, entries, rings: rng.random_bool(0.5).then_some(1) }
        }
        15 => Operation::SetupConferenceOnLine { line },
        16 => {
            let line = LINES[rng.random_range(0..5)].into();
            Operation::UncompleteCall { line, completion: CompletionId(rng.random_range(1..3)) }
        }
        17 => Operation::GetNewCalls { line },
        18 | 19 => {
            let privileges = [CallPrivilege::Owner, CallPrivilege::Monitor, CallPrivilege::None];
            let privilege = privileges[rng.random_range(0..4_usize).saturating_sub(1)];
            Operation::OpenLine { line, privilege, media_modes: Vec::new() }
        }
        20 if rng.random_bool(0.3) => Operation::CloseLine { line },
        21 => {
            let app = APPS[rng.random_range(0..APPS.len())].to_owned();
            let priority = rng.random_range(0..2);
            Operation::SetAppPriority { app, media_mode: MediaMode::InteractiveVoice, priority }
        }
        22 => {
            let address = "+1 (425) 5550100".to_owned();
            Operation::TranslateAddress { line, address, card: None, options: 0 }
        }
        _ => {
            let line_states = vec!["ringing".to_owned(), "numcompletions".to_owned()];
            let address_states = vec!["numcalls".to_owned(), "forward".to_owned()];
            Operation::SetStatusMessages { line, line_states, address_states }
        }
    }
}

fn forward_entry(rng: &mut StdRng) -> ForwardEntry {
    let mode = ForwardMode::ALL[rng.random_range(0..ForwardMode::ALL.len())];
    let caller = mode.is_specific().then(|| "1001".into());
    let destination = rng.random_bool(0.8).then(|| number(rng).into());
    ForwardEntry { mode, caller, destination }
}

/// Something that this call could do, as a rule; a second call of the same line, as a rule.
fn on_call(rng: &mut StdRng, calls: &[CallView], view: &CallView) -> Operation {
    let call = view.id;
    let operation = if view.features.is_empty() || rng.random_bool(0.1) {
        CallOperation::ALL[rng.random_range(0..CallOperation::ALL.len())]
    } else {
        weighed(rng, &view.features)
    };
    let other = second(rng, calls, view);
    let modes = [TransferMode::Transfer, TransferMode::Transfer, TransferMode::Conference];
    match operation {
        CallOperation::BlindTransfer => Operation::BlindTransfer { call, to: number(rng) },
        CallOperation::CompleteCall => {
            let modes = [
                CompletionMode::CampOn,
                CompletionMode::Callback,
                CompletionMode::Intrude,
                CompletionMode::Message,
            ];
            let mode = modes[rng.random_range(0..modes.len())];
            let message = (mode == CompletionMode::Message).then_some(0);
            Operation::CompleteCall { call, mode, message }
        }
        CallOperation::CompleteTransfer => Operation::CompleteTransfer {
            call,
            consult: other,
            mode: modes[rng.random_range(0..modes.len())],
        },
        CallOperation::AddToConference => Operation::AddToConference { call, consult: other },
        CallOperation::SwapHold => Operation::SwapHold { call, with: other },
        CallOperation::Dial => {
            let digits = [number(rng), "10;".to_owned(), "02;".to_owned(), String::new()];
            let chosen = if rng.random_bool(0.6) { 0 } else { rng.random_range(1..4) };
            Operation::Dial { call, digits: digits[chosen].clone() }
        }
        CallOperation::GatherDigits => {
            let gathering = Gathering {
                count: rng.random_range(1..3),
                termination: "#".to_owned(),
                first_digit: Some(Duration::from_secs(3)),
                inter_digit: None,
            };
            Operation::GatherDigits { call, gathering: rng.random_bool(0.7).then_some(gathering) }
        }
        CallOperation::Handoff => {
            let to = match rng.random_range(0..4) {
                0 | 1 => HandoffTarget::App(APPS[rng.random_range(0..APPS.len())].to_owned()),
                2 => HandoffTarget::App("nobody".to_owned()),
                _ => HandoffTarget::Media(MediaMode::InteractiveVoice),
            };
            Operation::Handoff { call, to }
        }
        CallOperation::Park => {
            let to = rng.random_bool(0.5).then(|| ["701", "702", "999"][rng.random_range(0..3)].to_owned());
            Operation::Park { call, to }
        }
        CallOperation::PrepareAddToConference => {
            Operation::PrepareAddToConference { call, to: perhaps_number(rng) }
        }
        CallOperation::SetupConference => Operation::SetupConference { call, to: perhaps_number(rng) },
        CallOperation::SetupTransfer => Operation::SetupTransfer { call, to: perhaps_number(rng) },
        CallOperation::Redirect => Operation::Redirect { call, to: number(rng) },
        CallOperation::SetCallPrivilege => {
            let privileges = [CallPrivilege::Owner, CallPrivilege::Owner, CallPrivilege::Monitor];
            let privilege = privileges[rng.random_range(0..privileges.len())];
            Operation::SetCallPrivilege { call, privilege }
        }
        CallOperation::DeallocateCall if rng.random_bool(0.5) && view.state != CallState::Idle => {
            Operation::Hold(call)
        }
        CallOperation::Accept
        | CallOperation::Answer
        | CallOperation::DeallocateCall
        | CallOperation::Drop
        | CallOperation::GenerateDigits
        | CallOperation::GetConfRelatedCalls
        | CallOperation::Hold
        | CallOperation::MonitorDigits
        | CallOperation::MonitorMedia
        | CallOperation::PauseRecording
        | CallOperation::RemoveFromConference
        | CallOperation::ResumeRecording
        | CallOperation::SecureCall
        | CallOperation::SendUserUserInfo
        | CallOperation::SetCallData
        | CallOperation::SetCallQualityOfService
        | CallOperation::SetMediaMode
        | CallOperation::StartRecording
        | CallOperation::StartFork
        | CallOperation::StopFork
        | CallOperation::StopRecording
        | CallOperation::Unhold => Operation::sample(operation, call, other),
    }
}

/// One of these: the rarer the state that it needs, the more likely.
fn weighed(rng: &mut StdRng, operations: &[CallOperation]) -> CallOperation {
    let weight = |operation: &CallOperation| match operation {
        CallOperation::AddToConference | CallOperation::CompleteTransfer | CallOperation::SwapHold => 60,
        CallOperation::Answer | CallOperation::Dial | CallOperation::Redirect => 30,
        CallOperation::CompleteCall
        | CallOperation::PrepareAddToConference
        | CallOperation::SetupConference
        | CallOperation::SetupTransfer => 20,
        CallOperation::BlindTransfer | CallOperation::Park | CallOperation::Unhold => 10,
        CallOperation::Accept | CallOperation::Hold | CallOperation::RemoveFromConference => 5,
        CallOperation::Drop
        | CallOperation::PauseRecording
        | CallOperation::ResumeRecording
        | CallOperation::StartFork
        | CallOperation::StartRecording => 2,
        CallOperation::DeallocateCall
        | CallOperation::GatherDigits
        | CallOperation::GenerateDigits
        | CallOperation::GetConfRelatedCalls
        | CallOperation::Handoff
        | CallOperation::MonitorDigits
        | CallOperation::MonitorMedia
        | CallOperation::SecureCall
        | CallOperation::SendUserUserInfo
        | CallOperation::SetCallData
        | CallOperation::SetCallPrivilege
        | CallOperation::SetCallQualityOfService
        | CallOperation::SetMediaMode
        | CallOperation::StopFork
        | CallOperation::StopRecording => 1,
    };
    let total: u32 = operations.iter().map(weight).sum();
    let mut left = rng.random_range(0..total);
    for operation in operations {
        let weight = weight(operation);
        if left < weight {
            return *operation;
        }
        left -= weight;
    }
    operations[0]
}

fn second(rng: &mut StdRng, calls: &[CallView], view: &CallView) -> CallId {
    let is_fit =
        |other: &&CallView| other.line == view.line && other.id != view.id && other.state != CallState::Idle;
    let fitting: Vec<&CallView> = calls.iter().filter(is_fit).collect();
    if fitting.is_empty() || rng.random_bool(0.1) {
        return calls[rng.random_range(0..calls.len())].id;
    }
    fitting[rng.random_range(0..fitting.len())].id
}

/// More calls than one phone comes to have in two minutes.
const CALLS_AT_ONCE_MAX: usize = 20;

fn is_up(status: Status) -> bool {
    !matches!(status, Status::Idle | Status::Over(_))
}

/// Nobody takes a call any more, whoever is in one leaves it, and whatever brings calls back has its time.
fn stop(lab: &mut Lab) {
    lab.set_quality(Quality::GOOD);
    for name in EVERYBODY {
        lab.phone(name).script.on_invite = OnInvite::Refuse(480, Duration::ZERO);
        lab.phone(name).script.auto_answers = false;
    }
    for line in LINES {
        lab.request("crm", Operation::Forward { line: line.into(), entries: Vec::new(), rings: None });
    }
    // Completions, reminders of parked calls and what rings on are over after a minute or two.
    for _ in 0..6 {
        for name in EVERYBODY {
            for _ in 0..CALLS_AT_ONCE_MAX {
                if lab.phone(name).statuses().any(|(_, status)| is_up(status)) {
                    lab.hang_up(name);
                    lab.run_ms(200);
                }
            }
        }
        for app in APPS {
            for view in lab.calls(app) {
                if view.features.contains(&CallOperation::Drop) {
                    lab.request(app, Operation::Drop(view.id, None));
                }
            }
        }
        lab.run(Duration::from_secs(25));
    }
    let bound: Vec<_> = lab.bound().into_iter().filter(|address| !LINES.contains(&&**address)).collect();
    assert!(bound.is_empty(), "park addresses are still taken: {bound:?}");
}
