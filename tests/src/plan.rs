//! What a lab is built from: five phones, two trunks, two applications, and what a scenario changes about them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use trunkline::switch::setup::{AppSetup, LineSetup, MediaSetup, RouteFrom, RouteSetup, RouteTo, TrunkSetup};
use trunkline::switch::{CallPrivilege, LineKind, Setup};
use trunkline_sip::admission::AdmissionLimits;
use trunkline_sip::location::KeepAlive;
use trunkline_sip::transport::Transport;

use crate::Lab;

/// The engine's domain.
pub const DOMAIN: &str = "pbx.example";
/// The engine's address.
pub const ENGINE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 5060);
/// The same where it speaks TLS.
pub const ENGINE_TLS: SocketAddr = SocketAddr::new(ENGINE.ip(), 5061);
/// The same where browsers come.
pub const ENGINE_WSS: SocketAddr = SocketAddr::new(ENGINE.ip(), 443);
/// The engine's address of IPv6.
pub const ENGINE_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)), 5060);
/// The lines with a phone.
pub const LINES: [&str; 4] = ["1001", "1002", "1003", "1004"];
/// Phones by name, each with its line: Bob has two.
pub const PHONES: [(&str, &str); 5] =
    [("alice", "1001"), ("bob", "1002"), ("carol", "1003"), ("dave", "1004"), ("bob-home", "1002")];
/// A line whose media ends in the engine.
pub const LOCAL_LINE: &str = "2001";
/// Trunks, each with a phone of its name behind it. `0…` dialled by a line goes to the first, `9…` from the first to the second.
pub const TRUNKS: [&str; 2] = ["carrier", "overseas"];
/// Applications: the first owns, the second watches.
pub const APPS: [&str; 2] = ["crm", "wall"];

/// The parts of a lab before it is built.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everything random comes from it.
    pub seed: u64,
    /// SIP workers.
    pub workers: u16,
    /// Phones that speak by a stream, and by which.
    pub streams: BTreeMap<&'static str, Transport>,
    /// What trunks show by TLS, by which each is known as `NAME.example` and by its address no more.
    pub certificates: BTreeMap<&'static str, &'static str>,
    /// Phones behind an address translator: they know their private address only, and it forgets them when it hears nothing of
    /// their signalling for as long as [`TRANSLATOR_FORGETS`](crate::lab::TRANSLATOR_FORGETS).
    pub translated: BTreeSet<&'static str>,
    /// How often they are sent something.
    pub keep_alive: Duration,
    /// What they are sent.
    pub keep_alive_with: KeepAlive,
    /// Whether translators count only what comes from inside (RFC 4787 §4.3, REQ-6 leaves it to them).
    pub counts_inside_alone: bool,
    /// Phones that speak IPv6.
    pub six: BTreeSet<&'static str>,
    /// Whether a phone hears one stream, whoever speaks.
    pub continuity: bool,
    /// Whether the network below the relay forwards flows by itself, as the kernel does.
    pub kernel: bool,
    /// How many calls and registrations are let in.
    pub limits: AdmissionLimits,
    /// What the engine says of a certificate that its relay does not have: handshakes are agreed and never begin.
    pub fingerprint: Option<[u8; 32]>,
    /// The switch's set-up.
    pub setup: Setup,
}

impl Plan {
    /// The usual parts.
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            workers: 1,
            streams: BTreeMap::new(),
            certificates: BTreeMap::new(),
            translated: BTreeSet::new(),
            keep_alive: Duration::from_secs(25),
            keep_alive_with: KeepAlive::Crlf,
            counts_inside_alone: false,
            six: BTreeSet::new(),
            continuity: true,
            kernel: true,
            limits: AdmissionLimits::DEFAULT,
            fingerprint: None,
            setup: setup(),
        }
    }

    /// With this many SIP workers.
    pub const fn workers(mut self, workers: u16) -> Self {
        self.workers = workers;
        self.setup.sip_workers = workers;
        self
    }

    /// This phone speaks TCP.
    pub fn tcp(mut self, phone: &'static str) -> Self {
        self.streams.insert(phone, Transport::Tcp);
        self
    }

    /// This phone speaks TLS: what is sealed is none of the cores' business, but nobody can dial it.
    pub fn tls(mut self, phone: &'static str) -> Self {
        self.streams.insert(phone, Transport::Tls);
        self
    }

    /// This trunk speaks TLS and shows a certificate of this domain.
    pub fn certificate(mut self, trunk: &'static str, domain: &'static str) -> Self {
        self.certificates.insert(trunk, domain);
        self.tls(trunk)
    }

    /// This phone is a browser.
    pub fn wss(mut self, phone: &'static str) -> Self {
        self.streams.insert(phone, Transport::Wss);
        self
    }

    /// The engine offers and takes keys by DTLS, in descriptions alone.
    pub const fn certified(mut self) -> Self {
        self.fingerprint = Some([9; 32]);
        self
    }

    /// This phone is behind an address translator.
    pub fn translated(mut self, phone: &'static str) -> Self {
        self.translated.insert(phone);
        self
    }

    /// Nothing is sent to phones behind translators but messages.
    pub const fn without_keep_alive(mut self) -> Self {
        self.keep_alive = Duration::ZERO;
        self
    }

    /// Phones behind translators are asked whether they are there.
    pub const fn asking(mut self) -> Self {
        self.keep_alive_with = KeepAlive::Options;
        self
    }

    /// Translators count only what comes from inside.
    pub const fn counting_inside_alone(mut self) -> Self {
        self.counts_inside_alone = true;
        self
    }

    /// This phone speaks IPv6, and the engine listens on every address.
    pub fn six(mut self, phone: &'static str) -> Self {
        self.six.insert(phone);
        self.setup.media.address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        self
    }

    /// Each source keeps its own SSRC, sequence numbers and timestamps.
    pub const fn without_continuity(mut self) -> Self {
        self.continuity = false;
        self
    }

    /// Every packet goes through the relay's worker.
    pub const fn without_kernel(mut self) -> Self {
        self.kernel = false;
        self
    }

    /// With these limits.
    pub const fn limits(mut self, limits: AdmissionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// With a changed set-up.
    pub fn with(mut self, change: impl FnOnce(&mut Setup)) -> Self {
        change(&mut self.setup);
        self
    }

    /// Builds it.
    pub fn build(self) -> Lab {
        Lab::new(self)
    }
}

/// The engine's address for a far end of this family.
pub const fn engine_for(far: IpAddr) -> SocketAddr {
    if far.is_ipv6() { ENGINE_V6 } else { ENGINE }
}

/// Where the SIP side of a phone is that speaks IPv6.
pub fn address_six_of(index: usize) -> SocketAddr {
    let host = u16::try_from(index + 1).expect("a lab has few phones");
    SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 1, host], 5060))
}

/// Where the SIP side of a phone is.
pub fn address_of(index: usize) -> SocketAddr {
    let host = u8::try_from(index + 1).expect("a lab has few phones");
    SocketAddr::from(([10, 0, 1, host], 5060))
}

fn setup() -> Setup {
    let line =
        |address: &str, kind| LineSetup { name: format!("Line {address}"), ..LineSetup::new(address, kind) };
    let mut lines: Vec<LineSetup> = LINES.iter().map(|number| line(number, LineKind::Phone)).collect();
    lines.push(line(LOCAL_LINE, LineKind::Local));
    let trunk = |place: usize, name: &&str| {
        let address = address_of(PHONES.len() + place);
        let peers = vec![(Transport::Udp, address)];
        TrunkSetup { calls_max: 4, video: true, ..TrunkSetup::to(name, &address.to_string(), peers) }
    };
    let route = |from, pattern: &str, to, number: Option<&str>| RouteSetup {
        from,
        pattern: Regex::new(pattern).expect("the pattern is written here"),
        to,
        number: number.map(str::to_owned),
        is_emergency: false,
    };
    let app = |name: &str, privilege| AppSetup { name: name.into(), lines: vec!["*".to_owned()], privilege };
    Setup {
        lines,
        trunks: TRUNKS.iter().enumerate().map(|(place, name)| trunk(place, name)).collect(),
        routes: vec![
            route(RouteFrom::Line, r"^0(\d+)$", RouteTo::Trunk(TRUNKS[0].into()), Some("$1")),
            route(
                RouteFrom::Trunk(TRUNKS[0].into()),
                r"^9(\d+)$",
                RouteTo::Trunk(TRUNKS[1].into()),
                Some("$1"),
            ),
            route(RouteFrom::Any, r"^666$", RouteTo::Reject(403), None),
        ],
        apps: vec![app(APPS[0], CallPrivilege::Owner), app(APPS[1], CallPrivilege::Monitor)],
        media: MediaSetup {
            address: ENGINE.ip(),
            ports: 20_000..=20_399,
            silent_after: Some(Duration::from_secs(30)),
            music: Some(music()),
            ..MediaSetup::default()
        },
        domain: DOMAIN.to_owned(),
        ring_max: Duration::from_secs(60),
        calls_max: 100,
        ..Setup::default()
    }
}

/// One second of a tone that is never zero.
fn music() -> Arc<[i16]> {
    (0..8_000).map(|sample| if sample / 8 % 2 == 0 { 8_000 } else { -8_000 }).collect()
}
