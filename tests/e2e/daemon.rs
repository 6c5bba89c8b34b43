//! The daemon under test, with a directory of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, process, thread};

use crate::process::{Process, Stream, wait_until};
use crate::{http, place};

/// Where the HTTP API listens.
pub(crate) const API: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// A running `trunkline serve`.
pub(crate) struct Daemon {
    /// The process.
    pub(crate) process: Process,
    directory: PathBuf,
    descriptors: usize,
}

impl Daemon {
    /// Starts it with this configuration and waits for `ready`.
    pub(crate) fn start(directory: &Path, config: &str) -> Self {
        fs::write(directory.join("trunkline.toml"), config).expect("a directory of ours");
        let process = serve(directory);
        let mut daemon = Self { process, directory: directory.to_owned(), descriptors: 0 };
        // The first request may open what stays open, and threads that have just started too.
        daemon.metric("trunkline_calls");
        daemon.process.runs_for(Duration::from_secs(1));
        daemon.descriptors = count_descriptors(daemon.process.id());
        daemon
    }

    /// Kills it as a power cut would and starts it again on the same state.
    pub(crate) fn power_cut(&mut self) {
        self.process.kill();
        self.start_again();
    }

    /// Starts it again on the same state, once it has ended, and waits for `ready`. The process that has ended.
    pub(crate) fn start_again(&mut self) -> Process {
        std::mem::replace(&mut self.process, serve(&self.directory))
    }

    /// A gauge or counter of `/metrics`, all its labels added up. Zero where it is absent.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        metric(name).unwrap_or_default()
    }

    /// Its memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        resident_bytes(self.process.id())
    }

    /// The time that its threads have run.
    pub(crate) fn cpu_time(&self) -> Duration {
        cpu_time(self.process.id())
    }

    /// Waits until its memory has grown by no more than this since it was so much.
    pub(crate) fn expect_memory_back(&mut self, before: u64, grown: u64, within: Duration) {
        let id = self.process.id();
        wait_until(&mut self.process, within, || match resident_bytes(id).saturating_sub(before) {
            more if more <= grown => Ok(()),
            more => Err(format!("{} kB more than before", more >> 10)),
        });
    }

    /// Waits until a gauge has this value.
    pub(crate) fn expect_metric(&mut self, name: &str, value: f64, within: Duration) {
        wait_until(&mut self.process, within, || match metric(name) {
            Some(found) if found == value => Ok(()),
            found => Err(format!("{name} is {found:?}, not {value}")),
        });
    }

    /// Waits until no call, dialog, transaction or media port is left, and the process holds as many descriptors as
    /// after its start. Transactions live for 64 × T1 = 32 s at most (RFC 3261 §17). Another test may work meanwhile.
    pub(crate) fn expect_nothing_left(&mut self) {
        place::leave();
        let (id, before) = (self.process.id(), self.descriptors);
        wait_until(&mut self.process, CLEAR_WITHIN, || {
            for gauge in GAUGES {
                match metric(gauge) {
                    Some(0.0) => {}
                    Some(value) => return Err(format!("{gauge} is {value}")),
                    None => panic!("/metrics has no {gauge}"),
                }
            }
            // The daemon may not have seen yet that the connection of the last question is closed.
            thread::sleep(CLOSED_WITHIN);
            match count_descriptors(id) {
                open if open > before => Err(format!("{open} descriptors, {before} after the start")),
                _ => Ok(()),
            }
        });
    }
}

/// The daemon's executable, beside this test's.
pub(crate) fn executable() -> PathBuf {
    let test = env::current_exe().expect("this program has a path");
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/e2e-…");
    let path = profile.join("trunkline");
    assert!(path.is_file(), "{} is missing: tests/run.sh builds it", path.display());
    path
}

/// A directory of a test's own; kept when the test fails.
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// Makes it, empty.
    pub(crate) fn create() -> Self {
        Self::create_named("")
    }

    /// One of several of a test.
    pub(crate) fn create_named(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // A test without a network of its own shares its process with others.
        let outside = || format!("{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let test = env::var("TRUNKLINE_E2E_INSIDE").unwrap_or_else(|_| outside());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test.replace("::", "-") + name);
        if path.exists() {
            fs::remove_dir_all(&path).expect("a directory of ours");
        }
        fs::create_dir_all(&path).expect("the target directory is writable");
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("---- files of this test: {}", self.0.display());
        } else if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

fn serve(directory: &Path) -> Process {
    let mut command = Command::new(executable());
    command.current_dir(directory).args(["serve", "--config", "trunkline.toml", "--state-dir", "state"]);
    let mut process = Process::spawn("trunkline", &mut command);
    process.wait_for(READY_WITHIN, |stream, line| stream == Stream::Stdout && line == "ready");
    process
}

fn metric(name: &str) -> Option<f64> {
    let text = http::get("/metrics", None).text;
    let values: Vec<f64> = text
        .lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with([' ', '{']))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse().ok())
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

/// The time that the threads of a process have run.
pub(crate) fn cpu_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process)).expect("it runs");
    let (_, fields) = stat.rsplit_once(") ").expect("its name is in parentheses");
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u32>().expect("a number"));
    Duration::from_secs(1) * ticks.sum::<u32>() / TICKS_A_SECOND
}

fn resident_bytes(process: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).expect("it runs");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * PAGE_BYTES
}

/// What hangs on an interface comes with the interface: programs of the relay in the kernel are not counted.
fn count_descriptors(process: u32) -> usize {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else { return 0 };
    let targets = descriptors.flatten().filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    targets.filter(|target| !target.to_string_lossy().contains("bpf_link")).count()
}

const PAGE_BYTES: u64 = 4_096;
const TICKS_A_SECOND: u32 = 100;
const CLOSED_WITHIN: Duration = Duration::from_millis(100);
const GAUGES: [&str; 4] = [
    "trunkline_calls",
    "trunkline_sip_dialogs",
    "trunkline_sip_transactions",
    "trunkline_media_ports_in_use",
];
const READY_WITHIN: Duration = Duration::from_secs(20);
/// On a machine on which others work.
const CLEAR_WITHIN: Duration = Duration::from_secs(60);
