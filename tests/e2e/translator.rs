//! A router that translates addresses (NAT), as at home and in an office: the kernel's masquerading, with a random port for
//! each that talks, on a host between phones and the daemon.
//!
//! ```text
//!   daemon            tl1 10.77.1.1
//!      │ veth
//!   translator       eth0 10.77.1.2      every datagram from within leaves from here, by a port drawn at random
//!      │ veth         in1 192.168.1.1    │ veth      in2 192.168.2.1
//!   phone 1          eth0 192.168.1.2   phone 2     eth0 192.168.2.2
//! ```
//! It knows nothing of SIP, and lets nobody in whom a phone has not spoken to; only the test has ports by which it steers them.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use crate::baresip::CONTROL_PORT;
use crate::network::{phone_address, run, run_on_host, spawn_on_host, spawn_on_new_host};
use crate::process::{Process, Stream};

/// A running translator.
pub(crate) struct Translator {
    process: Process,
    link: u8,
}

impl Translator {
    /// Starts one on this link of the daemon, which forgets after so many seconds of silence by UDP.
    pub(crate) fn start(link: u8, forgets_after_s: u32) -> Self {
        let mut forwarded = String::new();
        for phone in PHONES {
            let (port, inner) = (forwarded_port(phone), inner_address(phone));
            let rule = format!("iifname eth0 tcp dport {port} dnat to {inner}:{CONTROL_PORT};");
            forwarded.push_str(&rule);
        }
        let rules = RULES.replace("{forwarded}", &forwarded);
        let script = format!(
            "echo 1 > /proc/sys/net/ipv4/ip_forward && nft '{rules}' \
             && cd /proc/sys/net/netfilter && echo {forgets_after_s} > nf_conntrack_udp_timeout \
             && echo {forgets_after_s} > nf_conntrack_udp_timeout_stream && echo translates && read -r end"
        );
        let mut process = spawn_on_host(link, "translator", Command::new("sh").args(["-c", &script]));
        process.wait_for(STARTED_WITHIN, |stream, line| stream == Stream::Stdout && line == "translates");
        Self { process, link }
    }

    /// Starts a program on a host behind it.
    pub(crate) fn spawn_behind(&self, phone: u8, name: &str, command: &Command) -> Process {
        let router = Ipv4Addr::new(192, 168, phone, 1);
        spawn_on_new_host(inner_address(phone), router, name, command, |id| {
            let (translator, inner) = (self.process.id().to_string(), format!("in{phone}"));
            let here = ["link", "add", "name", &inner, "netns", &translator, "type", "veth"];
            run("ip", &[&here[..], &["peer", "name", "eth0", "netns", id]].concat());
            let address = format!("{router}/24");
            self.run("ip", &["addr", "add", &address, "dev", &inner]);
            self.run("ip", &["link", "set", &inner, "up"]);
        })
    }

    /// A host behind it on which nothing runs yet.
    pub(crate) fn host(&self, phone: u8) -> Process {
        let script = ["-c", "echo there && read -r end"];
        let mut host = self.spawn_behind(phone, "host", Command::new("sh").args(script));
        host.wait_for(STARTED_WITHIN, |stream, line| stream == Stream::Stdout && line == "there");
        host
    }

    /// The line to the daemon is down for a moment: whatever was translated is forgotten, and gets another port.
    pub(crate) fn forget(&self) {
        self.run("ip", &["link", "set", "eth0", "down"]);
        self.run("ip", &["link", "set", "eth0", "up"]);
    }

    /// The link of the daemon that it is on.
    pub(crate) const fn link(&self) -> u8 {
        self.link
    }

    /// Where the control socket of a phone behind it is reached.
    pub(crate) fn control(&self, phone: u8) -> SocketAddr {
        (phone_address(self.link), forwarded_port(phone)).into()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let arguments: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        run_on_host(&self.process, program, &arguments);
    }
}

/// A phone's address behind it.
pub(crate) const fn inner_address(phone: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, phone, 2)
}

const fn forwarded_port(phone: u8) -> u16 {
    CONTROL_PORT + phone as u16
}

/// Those that can be behind it.
const PHONES: [u8; 2] = [1, 2];
const RULES: &str = "\
table ip nat {
    chain from_within { type nat hook postrouting priority srcnat; oifname eth0 masquerade fully-random; }
    chain from_the_test { type nat hook prerouting priority dstnat; {forwarded} }
}";
/// A shell, however busy the machine is.
const STARTED_WITHIN: Duration = Duration::from_secs(30);
