//! Twice the load that the daemon can carry: SIPp asks on the one core, the daemon has the other.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::process::Process;
use crate::sipp::{Counted, Sipp};

#[test]
fn twice_the_load() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        pin(&daemon.process, "0");
        let callee = Sipp::callee(directory.path(), "uas", "127.0.0.1:5070", &["-sn", "uas"]);
        pin(&callee.process, "1");

        // As many calls as it carries where each begins when another has ended.
        let peak = call(directory.path(), "peak", "5080", &["-l", "40", "-r", "20000", "-m", "2000"]);
        assert_eq!(peak.failed(), 0, "nobody is refused who waits for his turn");
        let peak = peak.goodput();

        // Calls that are up before the rush, and end in it.
        let held = start(
            directory.path(),
            "held",
            "5081",
            &["-d", &(LASTS + FLOOD).as_millis().to_string(), "-r", "50", "-m", "50"],
        );
        daemon.expect_metric("trunkline_legs", 100.0, LASTS);
        let rate = (2.0 * peak) as u64;
        let calls = rate * FLOOD.as_secs();
        let (rate, calls) = (rate.to_string(), calls.to_string());
        let flood = call(directory.path(), "flood", "5082", &["-l", "1000000", "-r", &rate, "-m", &calls]);
        let refused = daemon.metric("trunkline_limit_refusals_total");
        daemon.expect_metric("trunkline_workers_overloaded", 0.0, RECOVERS_WITHIN);
        // For a moment it stays wary; what comes three seconds later meets nothing of it.
        let mut after = call(directory.path(), "after", "5083", &["-r", "50", "-m", "150"]);
        if after.failed() > 0 {
            after = call(directory.path(), "later", "5084", &["-r", "50", "-m", "150"]);
        }
        let held = held.finish(Duration::from_secs(60));

        eprintln!(
            "overload: peak {peak:.0} calls/s; at {rate}/s {} of {calls} calls went well, {:.0}/s, {refused} were \
             refused; {} of 50 calls that were up failed, {} of 150 after it",
            flood.successful(),
            flood.goodput(),
            held.failed(),
            after.failed(),
        );
        assert_eq!((held.successful(), held.failed()), (50, 0), "calls that are up are left alone");
        assert_eq!((after.successful(), after.failed()), (150, 0), "what comes after it is served as before");
        assert!(refused > 0.0, "what is too much is refused");
        // How many went well is printed, not asserted: the generator has to send twice the peak from one core.
        assert!(flood.successful() > 0, "some are served throughout");
        drop(callee);
        daemon.expect_nothing_left();
    });
}

fn start(directory: &Path, name: &'static str, port: &str, arguments: &[&str]) -> Sipp {
    let mut all = vec!["127.0.0.1:5060", "-i", "127.0.0.1", "-p", port, "-sn", "uac"];
    if !arguments.contains(&"-d") {
        all.extend(["-d", "0"]);
    }
    all.extend(arguments);
    let sipp = Sipp::start(directory, name, &all);
    pin(&sipp.process, "1");
    sipp
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

const FLOOD: Duration = Duration::from_secs(8);
const LASTS: Duration = Duration::from_secs(6);
const RECOVERS_WITHIN: Duration = Duration::from_secs(5);

/// Two workers beside the switch on one core, as on a small machine.
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
workers = 2
[media]
listen = "127.0.0.1"
ports = "20000-39999"
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
