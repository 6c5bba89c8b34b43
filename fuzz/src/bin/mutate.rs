//! Runs each check on edited inputs, for a time each, on stable: `mutate [SECONDS] [SEED] [TARGET…]`.
//!
//! An input that breaks a rule is written to the working directory and named; the exit status is then 1.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use trunkline_fuzz::mutator::Mutator;
use trunkline_fuzz::target::{TARGETS, Target};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).map(|text| text.parse::<u64>().expect("a number"));
    let time = Duration::from_secs(number(0).unwrap_or(60));
    let seed = number(1).unwrap_or(1);
    let names = arguments.get(2..).unwrap_or_default();
    for name in names {
        assert!(TARGETS.iter().any(|target| target.name == name), "there is no target {name}");
    }
    let wanted =
        TARGETS.iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target.name));
    println!("seed {seed}\ntarget       inputs   a second   slowest   broken");
    let broken: u64 = wanted.map(|target| run(target, time, seed)).sum();
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many inputs broke a rule.
fn run(target: &Target, time: Duration, seed: u64) -> u64 {
    let mut mutator = Mutator::new(target.seeds(), seed);
    let start = Instant::now();
    let (mut inputs, mut broken, mut slowest) = (0_u64, 0, Duration::ZERO);
    while start.elapsed() < time && broken < BROKEN_MAX {
        let input = mutator.input();
        let before = Instant::now();
        if catch_unwind(|| (target.check)(&input)).is_err() {
            let path = format!("{}-seed{seed}-input{inputs}.bin", target.name);
            std::fs::write(&path, &input).expect("the working directory can be written");
            println!("{}: rule broken by {path}", target.name);
            broken += 1;
        }
        slowest = slowest.max(before.elapsed());
        inputs += 1;
    }
    let rate = inputs as f64 / start.elapsed().as_secs_f64();
    println!("{:8} {inputs:>10} {rate:>10.0} {:>6} us {broken:>8}", target.name, slowest.as_micros());
    broken
}

/// After so many a target is given up: they are mostly one.
const BROKEN_MAX: u64 = 10;
