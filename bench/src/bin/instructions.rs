//! Makes calls or registrations in one thread, in virtual time and without sockets, for callgrind to count in:
//! `bench/instructions.sh` runs it.

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use trunkline_bench::exchange::Exchange;

/// What is done over and over.
#[derive(Clone, Copy, ValueEnum)]
enum Scenario {
    /// OPTIONS, 200.
    Options,
    /// REGISTER, 401.
    Challenge,
    /// REGISTER by a nonce that the phone has, 200.
    Refresh,
    /// REGISTER, 401, REGISTER, 200.
    Registration,
    /// INVITE, 180, 200, ACK, BYE, 200 through the engine.
    Call,
    /// INVITE, 503, ACK: the engine does not keep up.
    Refusal,
}

/// Does something a number of times and stops.
#[derive(Parser)]
struct Options {
    /// What.
    scenario: Scenario,
    /// How many times.
    count: u32,
}

fn main() -> ExitCode {
    let Options { scenario, count } = Options::parse();
    let mut exchange = Exchange::new(Instant::now());
    let is_right = (0..count).all(|_| match scenario {
        Scenario::Options => exchange.options() > 0,
        Scenario::Challenge => exchange.challenge() == 401,
        Scenario::Refresh => exchange.refresh() == 200,
        Scenario::Registration => exchange.registration() == 200,
        Scenario::Call => exchange.call() == 7,
        Scenario::Refusal => exchange.refusal() == 1,
    });
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
