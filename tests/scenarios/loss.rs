//! Bad networks: the ladders hold, nothing sticks, and a seed can be run again.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trunkline::demo::{OnInvite, Phone, Status};
use trunkline::switch::{CallOperation, Operation};
use trunkline_tests::network::Quality;
use trunkline_tests::{Lab, Plan, Tally, number_in_environment, run_seeds, seeds, temper};

#[test]
fn a_call_over_a_bad_network_reads_like_one_over_a_good_one() {
    for seed in 0..20 {
        let mut lab = Lab::registered(seed, &["bob"]);
        lab.set_quality(Quality { loss_ppm: 50_000, ..Quality::GOOD });
        lab.phone("bob").script.speaks = false;
        lab.phone("carrier").script.speaks = false;
        lab.call("carrier", "1002");
        lab.run(Duration::from_secs(10));
        lab.answer("bob");
        lab.run(Duration::from_secs(10));
        lab.hang_up("carrier");
        lab.run(Duration::from_secs(10));
        lab.expect_ladder(
            "engine -> bob   INVITE
             bob -> engine   180
             bob -> engine   200 INVITE
             engine -> bob   ACK
             engine -> bob   BYE
             bob -> engine   200 BYE",
        );
        lab.nothing_left();
    }
}

#[test]
fn a_request_that_comes_twice_is_one_call() {
    let mut lab = Lab::registered(1, &["alice", "bob"]);
    lab.set_quality(Quality { duplicate_ppm: 1_000_000, ..Quality::GOOD });
    lab.connected_call("alice", "bob");
    assert_eq!(lab.calls("crm").len(), 2);
    lab.hang_up("alice");
    lab.run_ms(500);
    lab.nothing_left();
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    // Seed 0 speaks, the others are silent.
    for seed in 0..8 {
        assert_eq!(random_calls(seed), random_calls(seed), "SIM_SEED={seed}");
    }
    assert_ne!(random_calls(3).0, random_calls(4).0);
}

/// Runs seeds 0 to `TRUNKLINE_SEEDS` (1,000 if it is not set, 100 where nothing is optimised), or the one that `SIM_SEED`
/// names.
#[test]
fn random_calls_over_a_bad_network_leave_nothing_behind() {
    if let Some(seed) = number_in_environment("SIM_SEED") {
        eprintln!("{:#?}", random_calls(seed));
        return;
    }
    let seeds = seeds(1_000, 100);
    let began = Instant::now();
    let total = Mutex::new(Tally::default());
    run_seeds(seeds, |seed| {
        let (_, tally) = random_calls(seed);
        total.lock().expect("no thread panics with it").add(&tally);
    });
    let total = total.into_inner().expect("no thread panics with it");
    eprintln!("{seeds} seeds in {:?}: {total:#?}", began.elapsed());
    let seeds = u32::try_from(seeds).expect("a run has fewer seeds");
    assert!(
        total.connected > seeds && total.changed > seeds && total.granted > seeds,
        "too little happened: {total:?}"
    );
}

const PHONES: [&str; 5] = ["alice", "bob", "carol", "dave", "bob-home"];
const EVERYBODY: [&str; 7] = ["alice", "bob", "carol", "dave", "bob-home", "carrier", "overseas"];
const NUMBERS: [&str; 8] = ["1001", "1002", "1003", "1004", "0301234", "9555", "4711", "2001"];

/// Some two minutes of people and applications doing what they like. Returns the fingerprint of every byte sent, and what
/// happened.
fn random_calls(seed: u64) -> (u64, Tally) {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x5eed);
    let workers = rng.random_range(1..=3);
    // Where silence is a fault, phones may die.
    let mortal = rng.random_bool(0.5);
    let mut plan = Plan::seeded(seed).workers(workers).with(|setup| {
        setup.ring_max = Duration::from_secs(30);
        // Most phones of these runs are silent, and where silence is no fault a call may last.
        setup.media.silent_after = mortal.then_some(Duration::from_secs(20));
    });
    if rng.random_bool(0.3) {
        plan = plan.tcp("carol");
    }
    let mut lab = plan.build().with_registered(&PHONES);
    for name in EVERYBODY {
        let script = &mut lab.phone(name).script;
        script.on_invite = match rng.random_range(0..6) {
            0 => OnInvite::Ring,
            1 => OnInvite::Refuse(
                [480, 486, 603][rng.random_range(0..3)],
                Duration::from_millis(rng.random_range(0..4_000)),
            ),
            2 => OnInvite::Silent,
            // As fast as a caller changes his mind.
            3 => OnInvite::Answer(Duration::from_millis(rng.random_range(0..200))),
            _ => OnInvite::Answer(Duration::from_millis(rng.random_range(0..5_000))),
        };
        temper(script, &mut rng, [0.7, 0.97]);
        script.record_route = rng.random_bool(0.1);
        script.refuses_reinvite = rng.random_bool(0.1).then_some([488, 491, 500][rng.random_range(0..3)]);
        // Packets cost time and change nothing here, but for a few seeds.
        script.speaks = seed.is_multiple_of(50);
    }
    // 5 % lost as a rule; every fourth seed has it worse.
    let loss_ppm = if seed % 4 == 3 { rng.random_range(50_000..250_000) } else { Quality::BAD.loss_ppm };
    lab.set_quality(Quality { loss_ppm, ..Quality::BAD });
    for _ in 0..rng.random_range(20..60) {
        lab.run_ms(rng.random_range(0..4_000));
        act(&mut lab, &mut rng, mortal);
    }
    lab.expect_agreement();
    for name in EVERYBODY {
        for _ in 0..CALLS_AT_ONCE_MAX {
            if lab.phone(name).statuses().any(|(_, status)| is_up(status)) {
                lab.hang_up(name);
                lab.run(Duration::from_secs(1));
            }
        }
    }
    lab.run(Duration::from_secs(70));
    drop_all(&mut lab);
    lab.nothing_left();
    (lab.fingerprint(), lab.tally().clone())
}

/// More calls than one phone comes to have in two minutes.
const CALLS_AT_ONCE_MAX: usize = 20;

fn is_up(status: Status) -> bool {
    !matches!(status, Status::Idle | Status::Over(_))
}

fn act(lab: &mut Lab, rng: &mut StdRng, mortal: bool) {
    let mut name = EVERYBODY[rng.random_range(0..EVERYBODY.len())];
    let deed = rng.random_range(0..16);
    let talking: Vec<&str> =
        EVERYBODY.iter().copied().filter(|name| lab.status(name) == Status::Connected).collect();
    if (5..=10).contains(&deed) && !talking.is_empty() {
        name = talking[rng.random_range(0..talking.len())];
    }
    match deed {
        0..=3 => lab.call(name, NUMBERS[rng.random_range(0..NUMBERS.len())]),
        4 => lab.answer(name),
        5 => lab.hang_up(name),
        6 | 7 => lab.hold(name),
        8 | 9 => lab.resume(name),
        10 => {
            lab.hold(name);
            lab.run_ms(rng.random_range(0..100));
            lab.hang_up(name);
        }
        11 if mortal && rng.random_bool(0.2) => lab.phone(name).script.dead = true,
        11 if PHONES.contains(&name) => lab.register(name),
        11 => lab.disconnect("carol"),
        12 if PHONES.contains(&name) && rng.random_bool(0.3) => lab.does(name, Phone::unregister),
        12 => {
            lab.call(name, NUMBERS[rng.random_range(0..NUMBERS.len())]);
            lab.run_ms(rng.random_range(0..300));
            lab.hang_up(name);
        }
        13 => {
            let line = ["1001", "1002", "2001"][rng.random_range(0..3)];
            let to = NUMBERS[rng.random_range(0..NUMBERS.len())].to_owned();
            lab.request("crm", Operation::MakeCall { line: line.into(), to, params: None });
        }
        _ => {
            let calls = lab.calls("crm");
            if calls.is_empty() {
                return;
            }
            let call = calls[rng.random_range(0..calls.len())].id;
            let operation = CallOperation::ALL[rng.random_range(0..CallOperation::ALL.len())];
            lab.request("crm", Operation::sample(operation, call, call));
        }
    }
}

/// What applications still hold and nobody else will end.
fn drop_all(lab: &mut Lab) {
    for call in lab.calls("crm") {
        if call.features.contains(&CallOperation::Drop) {
            lab.request("crm", Operation::Drop(call.id, None));
        }
    }
}
