//! Runs of many seeds, on every processor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number in the environment.
pub fn number_in_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// How many seeds a test is to run: `TRUNKLINE_SEEDS`, else so many where the build is optimised, so many where it is not.
pub fn seeds(optimised: u64, debug: u64) -> u64 {
    number_in_environment("TRUNKLINE_SEEDS").unwrap_or(if cfg!(debug_assertions) { debug } else { optimised })
}

/// Runs every seed below `seeds`.
///
/// # Panics
/// Once all have run, with the seeds that panicked.
pub fn run_seeds(seeds: u64, run: impl Fn(u64) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicU64::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| run(seed))).is_err() {
                        failed.lock().expect("no thread panics with it").push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no thread panics with it");
    assert!(failed.is_empty(), "run it again with SIM_SEED= one of {failed:?}");
}
