//! What stands between client and server: nothing, the kernel, or a relay in a process of its own.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::{Failure, Sessions, far, far_directly, leg, rtpengine};

/// One of those that are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// The link between client and server: what the generator itself costs.
    Direct,
    /// The kernel forwards between two interfaces.
    Routing,
    /// The kernel rewrites both addresses and ports by nftables, without connection tracking.
    Nat,
    /// rtpengine in user space with one thread.
    RtpEngine,
    /// A task for each socket on tokio.
    Naive,
    /// The least that a relay can do: one epoll, one table.
    Epoll,
    /// Trunkline's sockets.
    Trunkline,
    /// Trunkline's program in the kernel, at the hook that it chooses on veth: traffic control.
    TrunklineKernel,
}

impl Peer {
    /// All of them, as they are reported.
    pub const ALL: [Self; 8] = [
        Self::Direct,
        Self::Routing,
        Self::Nat,
        Self::TrunklineKernel,
        Self::Trunkline,
        Self::Epoll,
        Self::Naive,
        Self::RtpEngine,
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Routing => "kernel routing (the limit)",
            Self::Nat => "nftables, stateless NAT",
            Self::RtpEngine => "rtpengine, user space",
            Self::Naive => "naive tokio, a task a socket",
            Self::Epoll => "bare epoll loop",
            Self::Trunkline => "**Trunkline, user space**",
            Self::TrunklineKernel => "**Trunkline, in the kernel**",
        }
    }

    /// Whether it waits in a process and so stands in nobody's way while others are measured.
    pub const fn may_stay(self) -> bool {
        !matches!(self, Self::Nat | Self::TrunklineKernel)
    }

    /// Whether packets pass through a process.
    pub const fn is_in_user_space(self) -> bool {
        matches!(self, Self::RtpEngine | Self::Naive | Self::Epoll | Self::Trunkline)
    }

    /// The last octet of its addresses.
    const fn host(self) -> u8 {
        match self {
            Self::Direct | Self::Routing => 1,
            Self::Nat => 10,
            Self::RtpEngine => 11,
            Self::Naive => 12,
            Self::Epoll => 13,
            Self::Trunkline => 14,
            Self::TrunklineKernel => 15,
        }
    }

    /// Lets it stand between the ends of so many sessions.
    ///
    /// # Errors
    /// What is missing.
    pub fn start(self, sessions: u16) -> Result<Running, Failure> {
        let place = Sessions { sessions, host: self.host() };
        let by_leg = || place.ends().map(|end| leg(place.host, end)).collect();
        let (to, what) = match self {
            Self::Direct => (place.ends().map(|end| far_directly(end ^ 1)).collect(), What::Nothing),
            Self::Routing => (place.ends().map(|end| far(end ^ 1)).collect(), What::Nothing),
            Self::Nat => {
                nft(&nat_rules(place))?;
                (by_leg(), What::Nat)
            }
            Self::RtpEngine => {
                let process = Process::start(rtpengine::command(place.host), false)?;
                (rtpengine::open_sessions(place)?, What::Process(process))
            }
            Self::Naive => (by_leg(), What::Process(own("naive_relay", place, &[])?)),
            Self::Epoll => (by_leg(), What::Process(own("epoll_relay", place, &[])?)),
            Self::Trunkline => (by_leg(), What::Process(own("media_relay", place, &[])?)),
            Self::TrunklineKernel => {
                (by_leg(), What::Process(own("media_relay", place, &["--kernel", "auto"])?))
            }
        };
        Ok(Running { peer: self, to, what })
    }
}

/// One of them at work; it ends when dropped.
#[derive(Debug)]
pub struct Running {
    /// Which.
    pub peer: Peer,
    /// Where each end sends to.
    pub to: Vec<SocketAddr>,
    what: What,
}

#[derive(Debug)]
enum What {
    Nothing,
    Nat,
    Process(Process),
}

impl Running {
    /// The process that relays.
    pub fn process(&self) -> Option<u32> {
        match &self.what {
            What::Process(process) => Some(process.child.id()),
            What::Nothing | What::Nat => None,
        }
    }

    /// Ends it; what it says at its end, if it is a relay of ours.
    ///
    /// # Errors
    /// It ended before.
    pub fn end(mut self) -> Result<String, Failure> {
        let What::Process(process) = &mut self.what else { return Ok(String::new()) };
        drop(process.child.stdin.take());
        let mut said = String::new();
        if let Some(output) = &mut process.output {
            output.read_to_string(&mut said)?;
            process.child.wait()?;
        }
        Ok(said.trim().to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.what, What::Nat) {
            let _gone = nft("delete table ip relay").is_ok();
        }
    }
}

#[derive(Debug)]
struct Process {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a process; one that `speaks` says `ready` or why not.
    fn start(mut command: Command, speaks: bool) -> Result<Self, Failure> {
        let output = if speaks { Stdio::piped() } else { Stdio::null() };
        let errors = if speaks { Stdio::inherit() } else { Stdio::null() };
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let mut process = Self { output: child.stdout.take().map(BufReader::new), child };
        if let Some(output) = &mut process.output {
            let mut line = String::new();
            output.read_line(&mut line)?;
            if line.trim() != "ready" {
                return Err(match line.trim() {
                    "" => format!("{name} did not start").into(),
                    why => why.into(),
                });
            }
        }
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill().is_ok() && self.child.wait().is_ok();
    }
}

/// A relay beside this program.
fn own(name: &str, place: Sessions, more: &[&str]) -> Result<Process, Failure> {
    let mut command = Command::new(std::env::current_exe()?.with_file_name(name));
    command.args(["--sessions", &place.sessions.to_string(), "--host", &place.host.to_string()]).args(more);
    Process::start(command, true)
}

fn nft(rules: &str) -> Result<(), Failure> {
    let mut child = Command::new("nft")
        .args([OsStr::new("-f"), OsStr::new("-")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("nft: {error}"))?;
    child.stdin.take().ok_or("no input")?.write_all(rules.as_bytes())?;
    if child.wait()?.success() { Ok(()) } else { Err("nft refused the rules".into()) }
}

/// Rules that do to a packet what a relay does: it arrives at a leg, and leaves from the partner's leg for the partner.
fn nat_rules(place: Sessions) -> String {
    let mut rules = "table ip relay {\n".to_owned();
    let mut map = |name: &str, kind: &str, entry: &dyn Fn(usize) -> (SocketAddr, String)| {
        let _infallible =
            writeln!(rules, "map {name} {{ type ipv4_addr . inet_service : {kind}; elements = {{");
        for end in place.ends() {
            let (key, value) = entry(end);
            let _infallible = writeln!(rules, "{} . {} : {value},", key.ip(), key.port());
        }
        rules += "}\n}\n";
    };
    let (here, beyond) = (|end| place.leg(end), |end: usize| place.leg(end ^ 1));
    map("source", "ipv4_addr", &|end| (here(end), beyond(end).ip().to_string()));
    map("source_port", "inet_service", &|end| (here(end), beyond(end).port().to_string()));
    map("port", "inet_service", &|end| (here(end), far(end ^ 1).port().to_string()));
    // The port is rewritten by then.
    let rewritten = |end: usize| SocketAddr::new(here(end).ip(), far(end ^ 1).port());
    map("address", "ipv4_addr", &|end| (rewritten(end), far(end ^ 1).ip().to_string()));
    rules += "chain arriving { type filter hook prerouting priority raw;\n\
              ip saddr set ip daddr . udp dport map @source\n\
              udp sport set ip daddr . udp dport map @source_port\n\
              udp dport set ip daddr . udp dport map @port\n\
              ip daddr set ip daddr . udp dport map @address\n}\n}\n";
    rules
}
