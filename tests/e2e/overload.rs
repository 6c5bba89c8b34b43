//! Twice the load that the daemon can carry: SIPp asks on the one core, the daemon has the other; at full size a part of it, since
//! SIPp needs as much of a processor as the daemon and could not ask for twice what that does.

use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::daemon::{self, Daemon, Directory};
use crate::load::sample;
use crate::network::alone;
use crate::process::Process;
use crate::sipp::{Counted, Sipp};
use crate::throttle::Throttle;

#[test]
fn twice_the_load() {
    alone(|| {
        let directory = Directory::create();
        // Before the daemon, so that it goes after it. A machine that is slow needs no throttle.
        let is_full = sample(0, 1) == 1;
        let throttle = if is_full { Throttle::create(SHARE_PERCENT) } else { None };
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        if let Some(throttle) = &throttle {
            throttle.hold(&daemon.process);
        }
        pin(&daemon.process, "0");
        let callee = Sipp::untraced_callee(directory.path(), "uas", "127.0.0.1:5070", &["-sn", "uas"]);
        pin(&callee.process, "1");

        // By turns, since what a machine does in a second differs from one half minute to the next.
        let mut peaks = vec![peak(directory.path(), &daemon, 0)];
        let mut goodputs = Vec::new();
        for round in 1..if is_full { ROUNDS } else { 1 } {
            let (rate, calls) = asked_for(2.0 * peaks[round - 1]);
            let (name, port) = FLOODS[round];
            let flood = call(directory.path(), name, port, &["-l", "1000000", "-r", &rate, "-m", &calls]);
            goodputs.push(flood.goodput(RUSH));
            daemon.expect_metric("trunkline_legs", 0.0, Duration::from_secs(60));
            peaks.push(peak(directory.path(), &daemon, round));
        }

        // Calls that are up before the rush, and end in it.
        let held = start(
            directory.path(),
            "held",
            "5081",
            &["-d", &(LASTS + FLOOD).as_millis().to_string(), "-r", "50", "-m", "50"],
        );
        daemon.expect_metric("trunkline_legs", 100.0, LASTS);
        let (rate, calls) = asked_for(2.0 * peaks[peaks.len() - 1]);
        let (busy, flooded) = (daemon.cpu_time(), Instant::now());
        let (name, port) = FLOODS[0];
        let flood = start(directory.path(), name, port, &["-l", "1000000", "-r", &rate, "-m", &calls]);
        daemon.process.runs_for(FLOOD);
        let busy = (daemon.cpu_time() - busy).as_secs_f64() / flooded.elapsed().as_secs_f64();
        let asked = [&flood.process, &callee.process].map(cpu_time).iter().sum::<Duration>();
        let flood = flood.finish(Duration::from_secs(120));
        goodputs.push(flood.goodput(RUSH));
        let refused = daemon.metric("trunkline_limit_refusals_total");
        daemon.expect_metric("trunkline_workers_overloaded", 0.0, RECOVERS_WITHIN);
        // For a moment it stays wary; what comes three seconds later meets nothing of it.
        let mut after = call(directory.path(), "after", "5083", &["-r", "50", "-m", "150"]);
        if after.failed() > 0 {
            after = call(directory.path(), "later", "5084", &["-r", "50", "-m", "150"]);
        }
        let held = held.finish(Duration::from_secs(60));
        if is_full {
            peaks.push(peak(directory.path(), &daemon, ROUNDS));
        }
        // Of each flood, how it compares with what was carried just before and just after it.
        let share = |(round, goodput): (usize, &f64)| {
            let around = &peaks[round..peaks.len().min(round + 2)];
            100.0 * goodput * around.len() as f64 / around.iter().sum::<f64>()
        };
        let mut shares: Vec<f64> = goodputs.iter().enumerate().map(share).collect();
        shares.sort_unstable_by(f64::total_cmp);
        let share = shares[shares.len() / 2];

        eprintln!(
            "overload: {peaks:.0?} calls/s where each waits for another to end, {goodputs:.0?} at twice that: {shares:.0?} % of it; \
             at {rate}/s {} of {calls} calls went well, {refused} were refused so far; the daemon had {:.0} % of a core{}, SIPp used {:.1} s in all; {} retransmissions; {} of 50 calls \
             that were up failed, {} of 150 after it",
            flood.successful(),
            100.0 * busy,
            if throttle.is_some() { ", no more" } else { "" },
            asked.as_secs_f64(),
            flood.retransmissions(),
            held.failed(),
            after.failed(),
        );
        assert_eq!((held.successful(), held.failed()), (50, 0), "calls that are up are left alone");
        assert_eq!((after.successful(), after.failed()), (150, 0), "what comes after it is served as before");
        assert!(refused > 0.0, "what is too much is refused");
        assert!(flood.successful() > 0, "some are served throughout");
        // On a machine that others use, too, the two figures are of different times.
        if throttle.is_some() {
            assert!(share >= 90.0, "what is refused costs what is served");
        }
        drop(callee);
        daemon.expect_nothing_left();
    });
}

/// As many calls as it carries where each begins when another has ended: all that it can, since it is idle at no time.
fn peak(directory: &Path, daemon: &Daemon, round: usize) -> f64 {
    let (name, port) = PEAKS[round];
    let (busy, begun) = (daemon.cpu_time(), Instant::now());
    // Some seconds of them, and no more than there are ports for.
    let calls = sample(6_000, 5_000).to_string();
    let peak = call(directory, name, port, &["-l", "20", "-r", "20000", "-m", &calls]);
    assert_eq!(peak.failed(), 0, "nobody is refused who waits for his turn");
    let busy = (daemon.cpu_time() - busy).as_secs_f64() / begun.elapsed().as_secs_f64();
    eprintln!("overload: {name} with {:.0} % of a core", 100.0 * busy);
    peak.rate()
}

fn start(directory: &Path, name: &'static str, port: &str, arguments: &[&str]) -> Sipp {
    let mut all = vec!["127.0.0.1:5060", "-i", "127.0.0.1", "-p", port, "-sn", "uac"];
    if !arguments.contains(&"-d") {
        all.extend(["-d", "0"]);
    }
    all.extend(arguments);
    let sipp = Sipp::untraced(directory, name, &all);
    pin(&sipp.process, "1");
    sipp
}

/// A rate, and the calls of [`FLOOD`] at that rate, as SIPp reads them.
fn asked_for(rate: f64) -> (String, String) {
    let rate = rate as u64;
    (rate.to_string(), (rate * FLOOD.as_secs()).to_string())
}

/// The time that a process has run so far.
fn cpu_time(process: &Process) -> Duration {
    daemon::cpu_time(process.id())
}

fn call(directory: &Path, name: &'static str, port: &str, arguments: &[&str]) -> Counted {
    start(directory, name, port, arguments).finish(Duration::from_secs(120))
}

/// Leaves a program one core, with all its threads, where the machine has two.
fn pin(process: &Process, core: &str) {
    let id = process.id().to_string();
    // A machine with one core has nothing to divide.
    drop(Command::new("taskset").args(["-acp", core, &id]).output());
}

/// As much of a core as the daemon gets, where this user may say so.
const SHARE_PERCENT: u64 = 20;
const FLOOD: Duration = Duration::from_secs(8);
/// The seconds of it in which it is as it is.
const RUSH: Range<usize> = 1..8;
/// Floods at full size.
const ROUNDS: usize = 3;
/// Names and ports of those who call by turns, and of those who do not wait; the first is the last of them.
const PEAKS: [(&str, &str); ROUNDS + 1] =
    [("peak", "5080"), ("peak-1", "5085"), ("peak-2", "5086"), ("peak-3", "5087")];
const FLOODS: [(&str, &str); ROUNDS] = [("flood", "5082"), ("flood-1", "5088"), ("flood-2", "5089")];
const LASTS: Duration = Duration::from_secs(6);
const RECOVERS_WITHIN: Duration = Duration::from_secs(5);

/// Two workers beside the switch on one core, as on a small machine. A port rests for five seconds after its call: two for a call, at
/// twice the load, are all that there are.
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
workers = 2
[media]
listen = "127.0.0.1"
ports = "10000-65535"
workers = 1
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
[[route]]
from = "any"
match = ".*"
to = "trunk:sipp"
"#;
