//! A collector of HEP hears both legs of a call under one name, and how it sounded.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::{alone, daemon_address, phone_address};
use crate::process::wait_until;

/// A packet as a collector reads it.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) kind: u8,
    protocol: u8,
    agent: u32,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    key: String,
    correlation: String,
    pub(crate) payload: String,
}

/// A collector, where the configuration says. It reads whatever comes at once: a socket holds a hundred packets.
pub(crate) struct Collector(Receiver<Packet>);

impl Collector {
    /// Listens before the daemon is there.
    pub(crate) fn listen() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:9060").expect("the port is free");
        let (packets, taken) = channel();
        let mut buffer = [0; 65_536];
        let read = move || {
            while let Ok(length) = socket.recv(&mut buffer)
                && packets.send(Packet::read(&buffer[..length])).is_ok()
            {}
        };
        let _reader = thread::spawn(read);
        Self(taken)
    }

    /// The next packet, unless none comes for a moment.
    fn next(&self) -> Option<Packet> {
        self.0.recv_timeout(Duration::from_millis(200)).ok()
    }

    /// Whatever has come.
    pub(crate) fn take(&self) -> Vec<Packet> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

impl Packet {
    /// Reads the chunks, in whatever order they are.
    fn read(octets: &[u8]) -> Self {
        assert_eq!(&octets[..4], b"HEP3");
        let word = |octets: &[u8]| u16::from_be_bytes([octets[0], octets[1]]);
        assert_eq!(usize::from(word(&octets[4..])), octets.len());
        let mut chunks = HashMap::new();
        let mut rest = &octets[6..];
        while !rest.is_empty() {
            let (vendor, kind, length) = (word(rest), word(&rest[2..]), usize::from(word(&rest[4..])));
            assert_eq!(vendor, 0);
            chunks.insert(kind, &rest[6..length]);
            rest = &rest[length..];
        }
        let text =
            |kind: u16| String::from_utf8_lossy(chunks.get(&kind).copied().unwrap_or_default()).into_owned();
        let address = |ip: u16, port: u16| {
            let ip: [u8; 4] = chunks[&ip].try_into().expect("IPv4");
            SocketAddr::new(IpAddr::V4(Ipv4Addr::from(ip)), word(chunks[&port]))
        };
        assert_eq!(chunks[&1], [2], "IPv4");
        let seconds = u32::from_be_bytes(chunks[&9].try_into().expect("four octets"));
        assert!(crate::capture::since_epoch().as_secs().abs_diff(seconds.into()) < 60, "{seconds}");
        Self {
            kind: chunks[&11][0],
            protocol: chunks[&2][0],
            agent: u32::from_be_bytes(chunks[&12].try_into().expect("four octets")),
            from: address(3, 7),
            to: address(4, 8),
            key: text(14),
            correlation: text(17),
            payload: text(15),
        }
    }

    fn call_id(&self) -> &str {
        let id = self.payload.lines().find_map(|line| line.strip_prefix("Call-ID: "));
        id.unwrap_or_else(|| panic!("no Call-ID: {}", self.payload))
    }
}

#[test]
fn both_legs_are_one_call() {
    alone(|| {
        let collector = Collector::listen();
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let mut phones: Vec<Baresip> = (1..=2)
            .map(|phone| Baresip::start(path, phone, &format!("100{phone}"), PASSWORD, "", Answer::Auto))
            .collect();
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        phones[0].command("dial", &format!("sip:1002@{}", daemon_address(1)));
        for phone in &mut phones {
            phone.expect("CALL_ESTABLISHED", WITHIN);
        }
        // Something is to be said of how it sounded.
        wait_until(&mut daemon.process, WITHIN, has_sounded);
        // And both phones have reported what they hear, which they do every few seconds.
        let mut packets = Vec::new();
        let is_from = |packet: &Packet, phone| packet.from.ip() == IpAddr::from(phone_address(phone));
        let hears = |packet: &Packet| packet.kind == 5 && packet.payload.contains("source_ssrc");
        let has_reported =
            |packets: &[Packet], phone| packets.iter().any(|packet| hears(packet) && is_from(packet, phone));
        take(&collector, &mut packets, |packets| (1..=2).all(|phone| has_reported(packets, phone)));
        phones[0].command("hangup", "");
        daemon.expect_metric("trunkline_legs", 0.0, WITHIN);
        take(&collector, &mut packets, |packets| {
            packets.iter().filter(|packet| packet.kind == 34).count() >= 4
        });
        for packet in &packets {
            assert_eq!((packet.agent, packet.protocol, &*packet.key), (2002, 17, "myHep"), "{packet:?}");
        }
        let of_kind = |kind| packets.iter().filter(move |packet| packet.kind == kind).collect::<Vec<_>>();
        let (sip, rtcp, reports) = (of_kind(1), of_kind(5), of_kind(34));
        // Whoever registers is one for himself.
        let registers = sip.iter().filter(|packet| packet.payload.starts_with("REGISTER "));
        assert!(registers.clone().count() >= 4, "each is challenged");
        for packet in registers {
            assert_eq!(packet.correlation, packet.call_id());
            let proofs = packet.payload.split("response=\"").skip(1);
            assert!(proofs.into_iter().all(|proof| proof.starts_with("********")), "{packet:?}");
        }
        let of_calls: Vec<_> = sip
            .iter()
            .filter(|packet| packet.payload.contains(" INVITE\r\n") || packet.payload.contains(" BYE\r\n"))
            .collect();
        let names: HashSet<&str> = of_calls.iter().map(|packet| &*packet.correlation).collect();
        let ids: HashSet<&str> = of_calls.iter().map(|packet| packet.call_id()).collect();
        eprintln!("hep: {} messages, {} Call-IDs under {names:?}", sip.len(), ids.len());
        assert_eq!((names.len(), ids.len()), (1, 2), "{names:?} {ids:?}");
        for (phone, method) in [(1, "INVITE"), (2, "INVITE"), (1, "BYE"), (2, "BYE")] {
            let ends = [daemon_address(phone), phone_address(phone)].map(IpAddr::from);
            let begins = |packet: &&&&Packet| packet.payload.starts_with(method);
            let between = |packet: &&&Packet| {
                ends.contains(&packet.from.ip())
                    && ends.contains(&packet.to.ip())
                    && [packet.from.port(), packet.to.port()] == [5060, 5060]
            };
            let found = of_calls.iter().filter(begins).filter(|packet| between(packet)).count();
            assert!(found >= 1, "{method} of phone {phone}: {of_calls:#?}");
        }
        for packet in &reports {
            let report: Value = serde_json::from_str(&packet.payload).expect("JSON");
            assert!(
                names.contains(&*packet.correlation)
                    && ids.contains(report["RTP_SIP_CALL_ID"].as_str().expect("one"))
            );
            assert!(report["TOTAL_PK"].as_u64().is_some_and(|count| count > 50), "{report}");
            assert_eq!(
                (&report["CODEC_NAME"], &report["TYPE"]),
                (&json!("PCMU"), &json!("FINAL")),
                "{report}"
            );
        }
        for packet in &rtcp {
            let report: Value = serde_json::from_str(&packet.payload).expect("JSON");
            assert!(names.contains(&*packet.correlation), "{packet:?}");
            let phone = if is_from(packet, 1) { 1 } else { 2 };
            assert_eq!(
                (packet.from.ip(), packet.to.ip()),
                (phone_address(phone).into(), daemon_address(phone).into())
            );
            assert_eq!((packet.from.port() % 2, packet.to.port() % 2), (1, 1), "RTCP: {packet:?}");
            let blocks = report["report_blocks"].as_array().expect("a list");
            assert!(blocks.iter().all(|block| block["fraction_lost"].as_u64() == Some(0)), "{report}");
            let said = &report["sender_information"]["packets"];
            assert!(report["type"] == 201 || said.as_u64().is_some_and(|said| said > 10), "{report}");
        }
        eprintln!("hep: {} reports of RTCP", rtcp.len());
        assert_eq!(daemon.metric("trunkline_hep_dropped_total"), 0.0);
        assert!(daemon.metric("trunkline_hep_packets_total") >= packets.len() as f64);
        phones.into_iter().for_each(Baresip::quit);
    });
}

/// Takes what comes until that is enough.
fn take(collector: &Collector, packets: &mut Vec<Packet>, is_enough: impl Fn(&[Packet]) -> bool) {
    let deadline = Instant::now() + WITHIN;
    while !is_enough(packets) {
        assert!(Instant::now() < deadline, "{packets:#?}");
        packets.extend(collector.next());
    }
}

/// Whether the relay has told of both directions of both calls.
fn has_sounded() -> Result<(), String> {
    let calls = http::get("/v1/calls", Some(TOKEN)).json();
    let count = |call: &Value| call["media"]["received"]["packets"].as_u64().unwrap_or(0);
    let up = calls.as_array().expect("a list").iter().filter(|call| count(call) > 100).count();
    if up == 2 { Ok(()) } else { Err(format!("not yet: {calls}")) }
}

const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "an-application-of-the-test-0123456789";
const WITHIN: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[media]
listen = "0.0.0.0"
[capture]
hep = "udp:127.0.0.1:9060"
agent_id = 2002
key = "myHep"
[[app]]
name = "crm"
token = "an-application-of-the-test-0123456789"
lines = ["*"]
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
"#;
