//! A long life: calls of every kind one after the other, for as long as one likes. Nothing grows, nothing is left, and the same
//! seed gives the same bytes.
//!
//! `tests/soak.sh long` runs ten million calls in thirty virtual days.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trunkline::demo::{OnInvite, Phone, Status};
use trunkline::switch::{CallState, Operation};
use trunkline_tests::lab::T1_64;
use trunkline_tests::plan::APPS;
use trunkline_tests::{Lab, Plan, number_in_environment};

const PHONES: [&str; 4] = ["alice", "bob", "carol", "dave"];
const NUMBERS: [&str; 4] = ["1001", "1002", "1003", "1004"];
const EVERYBODY: [&str; 6] = ["alice", "bob", "carol", "dave", "carrier", "overseas"];

/// So many calls last thirty days.
const CALLS_OF_THIRTY_DAYS: u64 = 10_000_000;
/// Calls that are begun together.
const CALLS_A_ROUND: u64 = 12;
const ROUND: Duration = Duration::from_micros(30 * 86_400 * 1_000_000 / CALLS_OF_THIRTY_DAYS * CALLS_A_ROUND);
/// Memory is looked at so often in a run.
const LOOKS: u64 = 100;
/// So few are made twice.
const FEW_CALLS: u64 = 10_000;
/// Enough to judge memory by: the first half fills the table of used nonces, which has an end.
const MANY_CALLS: u64 = 1_000_000;
/// When milliseconds no longer fit into 32 bits, but for a minute.
const UPTIME_AT_FIRST: Duration = Duration::from_millis((1 << 32) - 60_000);

/// `TRUNKLINE_CALLS` calls (600 if it is not set), and where they are few once more.
#[test]
fn a_long_life_leaves_nothing_and_repeats_itself() {
    let calls = number_in_environment("TRUNKLINE_CALLS").unwrap_or(600);
    let seed = number_in_environment("SIM_SEED").unwrap_or(1);
    let life = live(seed, calls);
    eprintln!("{life:?}");
    assert!(life.connected * 4 > calls && life.others_ended * 20 > calls, "too little happened: {life:?}");
    if calls <= FEW_CALLS {
        assert_eq!(live(seed, calls), life, "the same seed gives the same bytes");
        assert_ne!(live(seed + 1, calls).fingerprint, life.fingerprint);
    }
    if calls >= MANY_CALLS {
        let (half, end) =
            (life.memory_kib[life.memory_kib.len() / 2], life.memory_kib[life.memory_kib.len() - 1]);
        assert!(
            end < half + half / 20 + 1_024,
            "memory grows: {half} KiB at half time, {end} KiB at the end"
        );
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
struct Life {
    calls: u64,
    /// Phones that saw a call connected.
    connected: u64,
    /// Calls that ended at a phone otherwise than by BYE.
    others_ended: u64,
    granted: u64,
    denied: u64,
    fingerprint: u64,
    /// Of the process, each hundredth of the run.
    memory_kib: Vec<u64>,
}

/// Memory is the process's, which other tests share.
impl PartialEq for Life {
    fn eq(&self, other: &Self) -> bool {
        (self.calls, self.connected, self.others_ended, self.granted, self.denied, self.fingerprint)
            == (
                other.calls,
                other.connected,
                other.others_ended,
                other.granted,
                other.denied,
                other.fingerprint,
            )
    }
}

fn live(seed: u64, calls: u64) -> Life {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x10_06_11_fe);
    let mut lab = Plan::seeded(seed)
        .workers(2)
        .with(|setup| {
            // Phones say nothing here.
            setup.media.silent_after = None;
            setup.park.timeout = Duration::from_secs(1);
            setup.trunks.iter_mut().for_each(|trunk| trunk.calls_max = 100);
        })
        .build();
    lab.run(UPTIME_AT_FIRST);
    let mut lab = lab.with_registered(&PHONES);
    lab.stop_ladder();
    EVERYBODY.iter().for_each(|name| lab.phone(name).script.speaks = false);
    let began = Instant::now();
    let every = (calls / LOOKS).max(CALLS_A_ROUND);
    let (mut made, mut look_at, mut memory_kib) = (0, every, Vec::new());
    eprintln!("     calls   virtual hours   KiB resident   calls/s");
    while made < calls {
        round(&mut lab, &mut rng);
        made += CALLS_A_ROUND;
        if made >= look_at || made >= calls {
            rest(&mut lab);
            memory_kib.push(resident_kib());
            eprintln!(
                "{made:>10} {:>15.1} {:>14} {:>9.0}",
                lab.uptime().as_secs_f64() / 3_600.0,
                memory_kib[memory_kib.len() - 1],
                made as f64 / began.elapsed().as_secs_f64()
            );
            look_at += every;
        }
    }
    if calls > FEW_CALLS {
        eprintln!("slope: {:.2} KiB each 100,000 calls", slope_kib(&memory_kib, every));
    }
    lab.nothing_left();
    let tally = lab.tally();
    let others_ended =
        tally.ended.iter().filter(|(status, _)| **status != 0).map(|(_, count)| u64::from(*count));
    Life {
        calls: made,
        connected: u64::from(tally.connected),
        others_ended: others_ended.sum(),
        granted: u64::from(tally.granted),
        denied: u64::from(tally.denied),
        fingerprint: lab.fingerprint(),
        memory_kib,
    }
}

/// Some calls are begun, something is done with them, all are ended.
fn round(lab: &mut Lab, rng: &mut StdRng) {
    let ends_at = lab.uptime() + ROUND;
    for name in EVERYBODY {
        let script = &mut lab.phone(name).script;
        script.on_invite = match rng.random_range(0..10) {
            0 => OnInvite::Ring,
            1 => OnInvite::Refuse([480, 486, 603][rng.random_range(0..3)], milliseconds(rng, 0..300)),
            _ => OnInvite::Answer(milliseconds(rng, 0..400)),
        };
    }
    for _ in 0..CALLS_A_ROUND {
        begin(lab, rng);
        lab.run_ms(rng.random_range(0..100));
    }
    for _ in 0..4 {
        lab.run_ms(rng.random_range(0..200));
        change(lab, rng);
    }
    end(lab);
    let rest = ends_at.saturating_sub(lab.uptime());
    lab.run(rest);
    end(lab);
    lab.forget();
    // A phone knows whom it has heard since it last began to listen: with time that is a crowd.
    EVERYBODY.iter().for_each(|name| lab.phone(name).listen());
}

fn begin(lab: &mut Lab, rng: &mut StdRng) {
    let caller = rng.random_range(0..PHONES.len());
    let number = NUMBERS[(caller + rng.random_range(1..PHONES.len())) % PHONES.len()];
    match rng.random_range(0..12) {
        0 => lab.call(PHONES[caller], "0301234"),
        1 => lab.call("carrier", number),
        2 => lab.call("carrier", "9555"),
        3 => lab.call(PHONES[caller], "4711"),
        4 => {
            let line = NUMBERS[caller].into();
            lab.request(APPS[0], Operation::MakeCall { line, to: number.to_owned(), params: None });
        }
        _ => lab.call(PHONES[caller], number),
    }
}

fn change(lab: &mut Lab, rng: &mut StdRng) {
    let name = EVERYBODY[rng.random_range(0..EVERYBODY.len())];
    let to = NUMBERS[rng.random_range(0..NUMBERS.len())];
    match rng.random_range(0..6) {
        0 => lab.hold(name),
        1 => lab.resume(name),
        2 => lab.does(name, |phone, now, out| phone.transfer(now, to, out)),
        3 => lab.register(PHONES[rng.random_range(0..PHONES.len())]),
        _ => {
            let calls = lab.calls(APPS[0]);
            let up: Vec<_> =
                calls.iter().filter(|call| matches!(call.state, CallState::Connected(_))).collect();
            if up.is_empty() {
                return;
            }
            let call = up[rng.random_range(0..up.len())].id;
            let operation = match rng.random_range(0..4) {
                0 => Operation::Hold(call),
                1 => Operation::BlindTransfer { call, to: to.to_owned() },
                2 => Operation::Park { call, to: None },
                _ => Operation::Drop(call, None),
            };
            lab.request(APPS[0], operation);
        }
    }
}

/// Everybody hangs up all his calls, the application lets go of what is over.
fn end(lab: &mut Lab) {
    for _ in 0..CALLS_A_ROUND {
        for name in EVERYBODY {
            while lab
                .phone(name)
                .statuses()
                .any(|(_, status)| !matches!(status, Status::Idle | Status::Over(_)))
            {
                let before: Vec<_> = lab.phone(name).statuses().collect();
                lab.does(name, Phone::hang_up);
                if lab.phone(name).statuses().eq(before) {
                    break;
                }
            }
        }
        for app in APPS {
            for call in lab.calls(app) {
                if call.state == CallState::Idle {
                    lab.request(app, Operation::DeallocateCall(call.id));
                } else if app == APPS[0] {
                    lab.request(app, Operation::Drop(call.id, None));
                }
            }
        }
        lab.run_ms(20);
        let is_over = EVERYBODY.iter().all(|name| {
            lab.phone(name).statuses().all(|(_, status)| matches!(status, Status::Idle | Status::Over(_)))
        });
        if is_over && APPS.iter().all(|app| lab.calls(app).is_empty()) {
            return;
        }
    }
}

/// Nobody does anything for as long as a transaction lives: nothing is left of any call.
fn rest(lab: &mut Lab) {
    lab.run(2 * T1_64 + Duration::from_secs(10));
    end(lab);
    lab.forget();
    lab.expect_rest();
}

fn milliseconds(rng: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.random_range(range))
}

/// What the process has in memory.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// By least squares over the second half of the run.
fn slope_kib(memory_kib: &[u64], calls_between: u64) -> f64 {
    let half = &memory_kib[memory_kib.len() / 2..];
    let number = half.len() as f64;
    let points = || half.iter().enumerate().map(|(x, y)| (x as f64, *y as f64));
    let (sum_x, sum_y): (f64, f64) = points().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
    let (mean_x, mean_y) = (sum_x / number, sum_y / number);
    let over: f64 = points().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let under: f64 = points().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if under == 0.0 { 0.0 } else { over / under * 100_000.0 / calls_between as f64 }
}
