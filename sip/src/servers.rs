//! Locating SIP servers (RFC 3263): which addresses a host name stands for, and which of them comes first.
//!
//! ```text
//! udp:sip.example.com:5060 ────────────────────────────────▶ A, AAAA
//! udp:sip.example.com ───────────────▶ SRV _sip._udp  ─────▶ A, AAAA of each target; no SRV: of the name
//! sip:sip.example.com ───▶ NAPTR ────▶ SRV it names   ─────▶ …; no NAPTR: SRV of UDP, then of TCP
//!
//! Names ── due ──▶ Question (the driver asks) ── answered ──▶ Names ── servers ──▶ order (RFC 2782)
//! ```
//!
//! Nothing here asks a name server: [`Names`] says what is to be asked and when, is told what came of it, and remembers that
//! as long as it holds.

use std::net::{IpAddr, SocketAddr};

use crate::transport::Transport;

mod names;
mod order;
mod procedure;

pub use names::{Names, Notice};
pub use order::order;
pub use procedure::{SERVERS_MAX, Zone, locate};

/// A host whose servers are looked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Host {
    /// Its name, without a final dot.
    pub name: String,
    /// How it is to be reached; `None`: as it says itself (NAPTR).
    pub transport: Option<Transport>,
    /// The port; `None`: as it says itself (SRV).
    pub port: Option<u16>,
}

/// A server of a host, as DNS names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// How it is reached.
    pub transport: Transport,
    /// Lower ones are tried first (RFC 2782).
    pub priority: u16,
    /// Its share of the calls among those of its priority.
    pub weight: u16,
    /// Its addresses, each as good as the others.
    pub addresses: Vec<SocketAddr>,
}

/// What a name server is asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Question {
    /// The name, in lower case.
    pub name: String,
    /// What is wanted of it.
    pub kind: RecordKind,
}

/// A type of DNS records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RecordKind {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// The transports of a domain (RFC 3403, RFC 3263 §4.1).
    Naptr,
    /// The servers of a service (RFC 2782).
    Srv,
}

/// What is read of a DNS record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Record {
    /// Of A and AAAA.
    Address(IpAddr),
    /// A service of the domain and the name of its SRV records.
    Naptr {
        /// Lower ones are looked at first.
        order: u16,
        /// Among those of one order.
        preference: u16,
        /// `s`: the replacement has SRV records.
        flags: String,
        /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`.
        service: String,
        /// The name that is asked for next.
        replacement: String,
    },
    /// A server.
    Srv {
        /// Lower ones are tried first.
        priority: u16,
        /// Its share among those of its priority.
        weight: u16,
        /// Its port.
        port: u16,
        /// Its name; empty: the service is not there.
        target: String,
    },
}
