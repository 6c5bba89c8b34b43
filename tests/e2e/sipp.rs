//! SIPp, stock scenarios and ours, and what it counted.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{Process, wait_until};

/// What a SIPp counted, from the lines of `-trace_stat`, one a second.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    last: HashMap<String, String>,
    /// Calls that went well in each second.
    successes: Vec<u64>,
}

impl Counted {
    /// Calls that went as the scenario says.
    pub(crate) fn successful(&self) -> u64 {
        self.number("SuccessfulCall(C)")
    }

    /// Calls that did not.
    pub(crate) fn failed(&self) -> u64 {
        self.number("FailedCall(C)")
    }

    /// Messages that the scenario did not expect, or that belonged to no call.
    pub(crate) fn unexpected(&self) -> u64 {
        self.number("FailedUnexpectedMessage(C)")
            + self.number("OutOfCallMsgs(C)")
            + self.number("DeadCallMsgs(C)")
    }

    /// Retransmissions it sent.
    pub(crate) fn retransmissions(&self) -> u64 {
        self.number("Retransmissions(C)")
    }

    /// Calls a second that went as the scenario says: the median of these seconds.
    pub(crate) fn goodput(&self, seconds: Range<usize>) -> f64 {
        let end = seconds.end.min(self.successes.len());
        let mut successes = self.successes[seconds.start.min(end)..end].to_vec();
        successes.sort_unstable();
        successes.get(successes.len() / 2).copied().unwrap_or_default() as f64
    }

    /// Calls a second, from the first to the last.
    pub(crate) fn rate(&self) -> f64 {
        let text = self.last.get("CallRate(C)").expect("SIPp has a rate");
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn number(&self, column: &str) -> u64 {
        self.last
            .get(column)
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("SIPp has no {column}"))
    }
}

/// A running SIPp.
pub(crate) struct Sipp {
    /// The process.
    pub(crate) process: Process,
    directory: PathBuf,
    name: &'static str,
}

impl Sipp {
    /// Starts one. `name` is unique in the test: its files are named so.
    pub(crate) fn start(directory: &Path, name: &'static str, arguments: &[&str]) -> Self {
        let messages = format!("{name}.short");
        let traced = ["-trace_shortmsg", "-shortmessage_file", &messages];
        Self::untraced(directory, name, &[arguments, &traced].concat())
    }

    /// The same for so many messages that they had better not be written down.
    pub(crate) fn untraced(directory: &Path, name: &'static str, arguments: &[&str]) -> Self {
        // The stock scenarios with audio name their captures relative to the directory they run in.
        let captures = directory.join("pcap");
        if !captures.exists() {
            std::os::unix::fs::symlink("/usr/share/sip-tester", &captures).expect("a directory of ours");
        }
        let mut command = Command::new("sipp");
        command.current_dir(directory).args(arguments).args([
            "-nostdin",
            "-trace_err",
            "-trace_stat",
            "-fd",
            "1",
        ]);
        command.args(["-stf", &format!("{name}.csv"), "-error_file", &format!("{name}.err")]);
        Self { process: Process::spawn(name, &mut command), directory: directory.to_owned(), name }
    }

    /// A callee on this address, in service when this returns.
    pub(crate) fn callee(directory: &Path, name: &'static str, address: &str, arguments: &[&str]) -> Self {
        Self::in_service(directory, name, address, arguments, Self::start)
    }

    /// The same for so many messages that they had better not be written down.
    pub(crate) fn untraced_callee(
        directory: &Path,
        name: &'static str,
        address: &str,
        arguments: &[&str],
    ) -> Self {
        Self::in_service(directory, name, address, arguments, Self::untraced)
    }

    fn in_service(
        directory: &Path,
        name: &'static str,
        address: &str,
        arguments: &[&str],
        start: impl FnOnce(&Path, &'static str, &[&str]) -> Self,
    ) -> Self {
        let (host, port) = address.rsplit_once(':').expect("an address has a port");
        let mut all = vec!["-i", host, "-p", port];
        all.extend(arguments);
        let mut sipp = start(directory, name, &all);
        let port: u16 = port.parse().expect("a port is a number");
        wait_until(&mut sipp.process, Duration::from_secs(20), || {
            if is_bound(port) { Ok(()) } else { Err(format!("nothing has port {port}")) }
        });
        sipp
    }

    /// Waits for a caller's end.
    pub(crate) fn finish(mut self, within: Duration) -> Counted {
        self.process.wait_exit(within);
        self.counted()
    }

    /// Lets a callee finish the calls it has, then ends it.
    pub(crate) fn close(mut self) -> Counted {
        self.process.signal("USR1");
        // A stock callee keeps a call for four seconds after its end, to answer retransmissions.
        self.process.wait_exit(Duration::from_secs(20));
        self.counted()
    }

    /// The messages sent and received: one line each, as `-trace_shortmsg` writes them.
    pub(crate) fn messages(&self) -> String {
        fs::read_to_string(self.directory.join(format!("{}.short", self.name))).unwrap_or_default()
    }

    fn counted(&self) -> Counted {
        let path = self.directory.join(format!("{}.csv", self.name));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut lines = text.lines();
        let columns: Vec<&str> = lines.next().expect("a line of names").split(';').collect();
        let second =
            columns.iter().position(|column| *column == "SuccessfulCall(P)").expect("SIPp counts them");
        let lines: Vec<&str> = lines.collect();
        let successes = lines.iter().filter_map(|line| line.split(';').nth(second)?.parse().ok()).collect();
        let values = lines.last().expect("a line of numbers").split(';').map(str::to_owned);
        Counted { last: columns.into_iter().map(str::to_owned).zip(values).collect(), successes }
    }
}

/// Registers a phone at 127.0.0.2 and this port for a line, with its password.
pub(crate) fn register(directory: &Path, line: &str, password: &str, port: &str) {
    let file = scenario(directory, "register.xml", &[]);
    let arguments = ["127.0.0.1:5060", "-i", "127.0.0.2", "-p", port, "-m", "1", "-sf", &file, "-s", line];
    let arguments = [&arguments[..], &["-au", line, "-ap", password]].concat();
    let counted = Sipp::start(directory, "register", &arguments).finish(Duration::from_secs(15));
    assert_eq!((counted.successful(), counted.failed()), (1, 0), "{line} registers");
}

/// A scenario of ours, from `tests/e2e/sipp`, with `{{NAME}}` replaced. The path as an argument of SIPp.
pub(crate) fn scenario(directory: &Path, file: &str, replace: &[(&str, &str)]) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/sipp").join(file);
    let mut text =
        fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    for (name, value) in replace {
        text = text.replace(&format!("{{{{{name}}}}}"), value);
    }
    assert!(!text.contains("{{"), "{file} has a placeholder without a value");
    let path = directory.join(file);
    fs::write(&path, text).expect("a directory of ours");
    path.to_str().expect("paths here are UTF-8").to_owned()
}

/// Whether a socket of this network has the port: bound for UDP, listening for TCP.
fn is_bound(port: u16) -> bool {
    let local = format!(":{port:04X}");
    ["/proc/self/net/udp", "/proc/self/net/tcp"].iter().any(|table| {
        let text = fs::read_to_string(table).expect("the kernel lists its sockets");
        text.lines()
            .filter_map(|line| line.split_whitespace().nth(1))
            .any(|address| address.ends_with(&local))
    })
}
