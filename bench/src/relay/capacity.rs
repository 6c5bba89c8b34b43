//! How much one core of a relay in user space carries without loss and without queues.

use std::fmt::Write as _;
use std::time::Duration;

use super::far_ends::{FarEnds, Way, Window};
use super::peers::Running;
use super::{Failure, PACKETS_PER_SECOND};

/// Packets a second that are tried, the least first.
const RATES: [usize; 8] = [40_000, 60_000, 80_000, 100_000, 120_000, 140_000, 160_000, 180_000];

/// A packet of a hundred may take longer.
const DELAY_MAX_US: f64 = 10_000.0;

/// Most windows of one rate; the majority decides.
const TRIES: usize = 3;

/// How many streams the highest rate needs.
pub const STREAMS_MAX: usize = RATES[RATES.len() - 1] / PACKETS_PER_SECOND as usize;

/// Raises the rate until each relay loses packets or delays them; the relays take turns. A table.
///
/// # Errors
/// A relay has ended.
pub fn measure(
    far_ends: &mut FarEnds,
    relays: &[Running],
    time: Duration,
    quick: bool,
) -> Result<String, Failure> {
    let mut best = vec![(0, f64::NAN); relays.len()];
    let mut limits: Vec<Option<String>> = vec![None; relays.len()];
    for (n, rate) in RATES.into_iter().enumerate() {
        if quick && n % 3 != 0 {
            continue;
        }
        for (place, relay) in
            relays.iter().enumerate().filter(|(place, _)| limits[*place].is_none()).collect::<Vec<_>>()
        {
            let way = Way { to: &relay.to, process: relay.process() };
            let (mut good, mut bad) = (Vec::new(), Vec::new());
            while good.len() <= TRIES / 2 && bad.len() <= TRIES / 2 {
                let window = far_ends.load(&way, rate / PACKETS_PER_SECOND as usize, time)?;
                let is_good = window.lost() == 0 && window.delay_us.1 < DELAY_MAX_US && window.is_complete();
                eprintln!("{:30} {rate:6} packets/s: {}", relay.peer.name(), fault(&window));
                if is_good { &mut good } else { &mut bad }.push(window);
            }
            match (good.last(), bad.last()) {
                (Some(window), _) if good.len() > bad.len() => best[place] = (rate, window.delay_us.1),
                (_, Some(window)) => limits[place] = Some(format!("at {rate}: {}", fault(window))),
                _ => {}
            }
        }
    }
    let mut text = "| relay | packets/s without loss and p99 < 10 ms | calls | p99 there, ms | then |\n\
                    |---|---|---|---|---|\n"
        .to_owned();
    for ((relay, (rate, p99_us)), limit) in relays.iter().zip(best).zip(limits) {
        let _infallible = writeln!(
            text,
            "| {} | {rate} | {} | {:.1} | {} |",
            relay.peer.name(),
            rate / 2 / PACKETS_PER_SECOND as usize,
            p99_us / 1_000.0,
            limit.unwrap_or_else(|| "no more was tried".to_owned()),
        );
    }
    Ok(text)
}

fn fault(window: &Window) -> String {
    let lost = 100.0 * window.lost() as f64 / window.sent.max(1) as f64;
    let behind = if window.is_complete() { "" } else { ", the generator fell behind" };
    format!("{lost:.2} % lost, p99 {:.1} ms{behind}", window.delay_us.1 / 1_000.0)
}
