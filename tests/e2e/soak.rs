//! Long runs, started by `tests/soak.sh` alone.

use std::time::{Duration, Instant};

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::normal_load::{self, Amount, NormalLoad};

/// Authenticated calls for as long, and as many a second, as TRUNKLINE_SOAK_S and TRUNKLINE_SOAK_RATE say, each up for
/// TRUNKLINE_SOAK_HOLD_MS. What is printed: failed calls, set-up delay, memory and processor time over time, what is left.
#[test]
#[ignore = "takes as long as it is told: tests/soak.sh calls"]
fn calls() {
    alone(|| {
        let (seconds, rate) = (setting("TRUNKLINE_SOAK_S", 60), setting("TRUNKLINE_SOAK_RATE", 50));
        let hold = Duration::from_millis(setting("TRUNKLINE_SOAK_HOLD_MS", 3_000));
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), &format!("{}{LIMITS}", normal_load::CONFIG));
        let amount = Amount { rate, calls: seconds * rate, hold };
        let load = NormalLoad::start(directory.path(), amount);
        let (began, every) = (Instant::now(), Duration::from_secs((seconds / SAMPLES).max(2)));
        let mut samples = vec![Sample::of(&daemon, began)];
        eprintln!("soak:      s     calls   RSS kB   ms of CPU a 1,000 calls");
        while began.elapsed() + every < Duration::from_secs(seconds) {
            daemon.process.runs_for(every);
            let sample = Sample::of(&daemon, began);
            let last = samples.last().expect("the first");
            eprintln!(
                "soak: {:6.0} {:9.0} {:8.0} {:8.0}",
                sample.at_s,
                sample.calls,
                sample.memory / 1024.0,
                cpu_a_thousand(last, &sample)
            );
            samples.push(sample);
        }
        let went = load.finish(hold + Duration::from_secs(60));
        // The first tenth fills tables and pools.
        let warm = &samples[(samples.len() / 10 + 1).min(samples.len() - 1)..];
        let (first, last) = (&warm[0], &warm[warm.len() - 1]);
        let third = warm.len().div_ceil(3);
        let early = cpu_a_thousand(first, &warm[third.min(warm.len() - 1)]);
        let late = cpu_a_thousand(&warm[warm.len().saturating_sub(third + 1)], last);
        eprintln!(
            "soak: {} calls at {rate}/s, {} failed, {} retransmissions; set-up p50 {:.1} ms, p99 {:.1} ms, p99 of the first third \
             {:.1} ms, of the last {:.1} ms; memory {:+.1} bytes a call from call {:.0} on; CPU {early:.0} ms a 1,000 calls, {:+.1} % \
             in the last third",
            amount.calls,
            went.caller.failed(),
            went.caller.retransmissions(),
            went.percentile_ms(50, 0.0..1.0),
            went.percentile_ms(99, 0.0..1.0),
            went.percentile_ms(99, 0.0..0.33),
            went.percentile_ms(99, 0.67..1.0),
            slope(warm),
            first.calls,
            (late / early.max(0.001) - 1.0) * 100.0,
        );
        assert_eq!((went.caller.successful(), went.caller.failed()), (amount.calls, 0), "no call fails");
        let over = Instant::now();
        daemon.expect_nothing_left();
        eprintln!(
            "soak: nothing left after {:.0} s; {:.0} kB of memory, {:.0} kB at the start",
            over.elapsed().as_secs_f64(),
            daemon.resident_bytes() as f64 / 1024.0,
            samples[0].memory / 1024.0
        );
    });
}

/// A look at the daemon.
struct Sample {
    at_s: f64,
    calls: f64,
    memory: f64,
    cpu_ms: f64,
}

impl Sample {
    fn of(daemon: &Daemon, began: Instant) -> Self {
        Self {
            at_s: began.elapsed().as_secs_f64(),
            calls: daemon.metric("trunkline_incoming_calls_total"),
            memory: daemon.resident_bytes() as f64,
            cpu_ms: daemon.cpu_time().as_secs_f64() * 1_000.0,
        }
    }
}

fn cpu_a_thousand(from: &Sample, to: &Sample) -> f64 {
    (to.cpu_ms - from.cpu_ms) * 1_000.0 / (to.calls - from.calls).max(1.0)
}

/// Bytes a call, by the line that fits best.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (calls, memory) = (mean(&|sample| sample.calls), mean(&|sample| sample.memory));
    let along = mean(&|sample| (sample.calls - calls) * (sample.memory - memory));
    let spread = mean(&|sample| (sample.calls - calls).powi(2));
    along / spread.max(1.0)
}

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).unwrap_or_default();
    if text.is_empty() { default } else { text.parse().unwrap_or_else(|_| panic!("{name}={text}")) }
}

const SAMPLES: u64 = 60;

/// One line calls as a thousand do.
const LIMITS: &str = r#"
[limits]
calls = 100000
calls_per_source = 0
calls_per_line = 0
calls_per_second_per_source = 0
calls_per_second_per_line = 0
"#;
