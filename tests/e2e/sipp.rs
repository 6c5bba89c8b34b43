//! SIPp, stock scenarios and ours, and what it counted.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{Process, wait_until};

/// What a SIPp counted, from the last line of `-trace_stat`.
#[derive(Clone, Debug)]
pub(crate) struct Counted(HashMap<String, String>);

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

    /// Calls a second that went as the scenario says.
    pub(crate) fn goodput(&self) -> f64 {
        let all = self.successful() + self.failed();
        let rate: f64 = self.0.get("CallRate(C)").and_then(|rate| rate.parse().ok()).unwrap_or_default();
        rate * self.successful() as f64 / all.max(1) as f64
    }

    fn number(&self, column: &str) -> u64 {
        self.0
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
        command.args(["-trace_shortmsg", "-shortmessage_file", &format!("{name}.short")]);
        Self { process: Process::spawn(name, &mut command), directory: directory.to_owned(), name }
    }

    /// A callee on this address, in service when this returns.
    pub(crate) fn callee(directory: &Path, name: &'static str, address: &str, arguments: &[&str]) -> Self {
        let (host, port) = address.rsplit_once(':').expect("an address has a port");
        let mut all = vec!["-i", host, "-p", port];
        all.extend(arguments);
        let mut sipp = Self::start(directory, name, &all);
        let port: u16 = port.parse().expect("a port is a number");
        wait_until(&mut sipp.process, Duration::from_secs(5), || {
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
        let columns = lines.next().expect("a line of names").split(';').map(str::to_owned);
        let values = lines.next_back().expect("a line of numbers").split(';').map(str::to_owned);
        Counted(columns.zip(values).collect())
    }
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
