//! The calls that must go well whatever else is asked of the daemon: a registered phone calls a network, with its password.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sipp::{Counted, Sipp, register, scenario};

/// A phone at 127.0.0.2 that calls on line 1001, and the network at 127.0.0.1:5070 that answers.
pub(crate) struct NormalLoad {
    caller: Sipp,
    callee: Sipp,
    directory: PathBuf,
    calls: u64,
    rate: u64,
}

/// How much, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// Calls a second.
    pub(crate) rate: u64,
    /// Calls in all.
    pub(crate) calls: u64,
    /// How long each is up.
    pub(crate) hold: Duration,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Went {
    /// What the caller counted.
    pub(crate) caller: Counted,
    /// Time from the first INVITE to the answer, with the time when it was measured, as it came.
    delays: Vec<(f64, f64)>,
}

impl NormalLoad {
    /// Registers the phone and begins to call.
    pub(crate) fn start(directory: &Path, amount: Amount) -> Self {
        register(directory, LINE, PASSWORD, "5091");
        let callee = Sipp::untraced_callee(directory, "network", "127.0.0.1:5070", &["-sn", "uas"]);
        let file = scenario(directory, "auth_call.xml", &[("LINE", LINE)]);
        let (calls, rate) = (amount.calls.to_string(), amount.rate.to_string());
        let hold = amount.hold.as_millis().to_string();
        let arguments = [
            &[SIP, "-i", PHONE, "-p", "5090", "-sf", &file, "-s", "200", "-d", &hold][..],
            &["-m", &calls, "-r", &rate, "-l", "100000", "-trace_rtt", "-rtt_freq", "100"],
            &CREDENTIALS,
        ];
        let caller = Sipp::untraced(directory, "caller", &arguments.concat());
        Self { caller, callee, directory: directory.to_owned(), calls: amount.calls, rate: amount.rate }
    }

    /// Waits until all calls are over. `beyond` is the time that is left for the last of them.
    pub(crate) fn finish(self, beyond: Duration) -> Went {
        let caller = self.caller.finish(Duration::from_secs(self.calls / self.rate) + beyond);
        drop(self.callee);
        Went { caller, delays: read_delays(&self.directory) }
    }
}

impl Went {
    /// The delay in milliseconds that so many of a hundred calls did not have, of the calls answered in this part of the time.
    pub(crate) fn percentile_ms(&self, percent: usize, part: std::ops::Range<f64>) -> f64 {
        let first = self.delays.first().map_or(0.0, |(at, _)| *at);
        let length = self.delays.last().map_or(0.0, |(at, _)| *at) - first;
        let is_within = |at: f64| part.contains(&((at - first) / length.max(1.0)).min(0.999_999));
        let mut delays: Vec<f64> =
            self.delays.iter().filter(|(at, _)| is_within(*at)).map(|(_, delay)| *delay).collect();
        delays.sort_by(f64::total_cmp);
        delays.get(delays.len() * percent / 100).copied().unwrap_or_default()
    }
}

/// What `-trace_rtt` wrote: a time, a delay and a number a line, both times in milliseconds.
fn read_delays(directory: &Path) -> Vec<(f64, f64)> {
    let files = fs::read_dir(directory).expect("a directory of ours").flatten().map(|entry| entry.path());
    let file = files.into_iter().find(|path| path.to_string_lossy().ends_with("_rtt.csv"));
    let text = fs::read_to_string(file.expect("SIPp wrote its response times")).expect("it is text");
    let line = |line: &str| {
        let mut fields = line.split(';').map(|field| field.trim().parse::<f64>());
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    text.lines().filter_map(line).collect()
}

const SIP: &str = "127.0.0.1:5060";
const PHONE: &str = "127.0.0.2";
const LINE: &str = "1001";
const PASSWORD: &str = "correct horse battery";
const CREDENTIALS: [&str; 4] = ["-au", LINE, "-ap", PASSWORD];

/// What the daemon needs for it.
pub(crate) const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
ports = "10000-59999"
[[line]]
address = "1001"
password = "correct horse battery"
digest = ["MD5"]
[[trunk]]
name = "network"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
max_calls = 50000
[[route]]
from = "any"
match = "^200$"
to = "trunk:network"
"#;
