//! Runs every check on edited torture messages, and that of the relay on edited datagrams, for a time, on stable:
//! `mutate [seconds] [seed]`.
//!
//! An input that breaks a rule is written to the working directory and named; the exit status is then 1.

use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use trunkline_fuzz::mutator::Mutator;
use trunkline_fuzz::{agent, digest, message, relay, sdp, stream, uri};

/// Name and check of each target.
const CHECKS: [(&str, fn(&[u8])); 9] = [
    ("scan", message::scan),
    ("message", message::check),
    ("stream", stream::check),
    ("uri", uri::check),
    ("values", values),
    ("sdp", body),
    ("digest", digest::check),
    ("agent", agent::check),
    ("relay", relay::check),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let seconds = arguments.next().unwrap_or(60);
    let seed = arguments.next().unwrap_or(1);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["../sip/corpus/rfc4475", "../sip/corpus/rfc5118", "seeds"].map(|folder| here.join(folder));
    let mut mutator = Mutator::of_folders(&folders.each_ref().map(AsRef::as_ref), seed);
    let mut datagrams = Mutator::new(relay::scripts(), seed);
    let start = Instant::now();
    let (mut inputs, mut broken) = (0_u64, 0_u64);
    let mut slowest = [Duration::ZERO; CHECKS.len()];
    while start.elapsed() < Duration::from_secs(seconds) && broken < 10 {
        let message = mutator.input();
        let script = datagrams.input();
        for (index, (name, check)) in CHECKS.into_iter().enumerate() {
            let input = if name == "relay" { &script } else { &message };
            let before = Instant::now();
            if catch_unwind(|| check(input)).is_err() {
                let path = format!("{name}-seed{seed}-input{inputs}.bin");
                std::fs::write(&path, input).expect("the working directory can be written");
                println!("{name}: rule broken by {path}");
                broken += 1;
            }
            slowest[index] = slowest[index].max(before.elapsed());
        }
        inputs += 1;
    }
    println!("seed {seed}: {inputs} inputs, {broken} broke a rule");
    for ((name, _), slowest) in CHECKS.into_iter().zip(slowest) {
        println!("{name}: slowest {} us", slowest.as_micros());
    }
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The value parsers on each header value of an edited message.
fn values(input: &[u8]) {
    for line in input.split(|&b| b == b'\n') {
        let value = line.iter().position(|&b| b == b':').map_or(line, |colon| &line[colon + 1..]);
        uri::check(value.trim_ascii());
    }
}

/// The session description in an edited message, or the edited session description.
fn body(input: &[u8]) {
    let blank_line = input.windows(4).position(|octets| octets == b"\r\n\r\n");
    sdp::check(blank_line.map_or(input, |at| &input[at + 4..]));
}
