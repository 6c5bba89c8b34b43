//! A packet of HEP version 3 (EEP, of sipcapture), as sngrep reads it: `HEP3`, a length, and chunks of vendor 0.
//!
//! The order is that of sngrep, which reads no other: family, protocol, ports, time, type, agent, addresses, key, payload. The correlation
//! stands behind the payload, where sngrep does not look.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A SIP message.
    Sip = 1,
    /// What a far end reported by RTCP, as JSON.
    Rtcp = 5,
    /// How a direction of a call's media was, as JSON: the "MOS full report".
    Quality = 34,
}

/// How it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Tcp = 6,
    Udp = 17,
}

/// Who tells it.
#[derive(Clone, Debug)]
pub(crate) struct Agent<'a> {
    /// The capture agent's number.
    pub(crate) id: u32,
    /// What proves that it may tell.
    pub(crate) key: Option<&'a [u8]>,
}

/// A packet before it is one.
#[derive(Clone, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) kind: Kind,
    pub(crate) protocol: Protocol,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    /// Since the Unix epoch.
    pub(crate) at: Duration,
    /// The same for all legs of a call.
    pub(crate) correlation: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl Packet<'_> {
    /// The packet on the wire; `None` where it is longer than one can be.
    pub(crate) fn encode(&self, agent: &Agent<'_>) -> Option<Vec<u8>> {
        let (from, to) = (self.from.ip().to_canonical(), self.to.ip().to_canonical());
        let mut packet = Vec::with_capacity(128 + self.payload.len() + self.correlation.len());
        packet.extend(b"HEP3\0\0");
        let family = if from.is_ipv4() && to.is_ipv4() { AF_INET } else { AF_INET6 };
        let micros = self.at.subsec_micros();
        // What is after the year 2106 begins anew.
        let seconds = self.at.as_secs() as u32;
        chunk(&mut packet, IP_FAMILY, &[family])?;
        chunk(&mut packet, IP_PROTOCOL, &[self.protocol as u8])?;
        chunk(&mut packet, SOURCE_PORT, &self.from.port().to_be_bytes())?;
        chunk(&mut packet, DESTINATION_PORT, &self.to.port().to_be_bytes())?;
        chunk(&mut packet, SECONDS, &seconds.to_be_bytes())?;
        chunk(&mut packet, MICROSECONDS, &micros.to_be_bytes())?;
        chunk(&mut packet, KIND, &[self.kind as u8])?;
        chunk(&mut packet, AGENT, &agent.id.to_be_bytes())?;
        match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                chunk(&mut packet, SOURCE_V4, &from.octets())?;
                chunk(&mut packet, DESTINATION_V4, &to.octets())?;
            }
            (from, to) => {
                chunk(&mut packet, SOURCE_V6, &octets(from))?;
                chunk(&mut packet, DESTINATION_V6, &octets(to))?;
            }
        }
        if let Some(key) = agent.key {
            chunk(&mut packet, KEY, key)?;
        }
        chunk(&mut packet, PAYLOAD, self.payload)?;
        chunk(&mut packet, CORRELATION, self.correlation)?;
        let length = u16::try_from(packet.len()).ok()?;
        packet[4..6].copy_from_slice(&length.to_be_bytes());
        Some(packet)
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Vendor 0, type, length with these six octets, value.
fn chunk(packet: &mut Vec<u8>, kind: u16, value: &[u8]) -> Option<()> {
    let length = u16::try_from(6 + value.len()).ok()?;
    for word in [0, kind, length] {
        packet.extend(word.to_be_bytes());
    }
    packet.extend(value);
    Some(())
}

/// As Linux numbers them, which every agent does.
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

const IP_FAMILY: u16 = 0x01;
const IP_PROTOCOL: u16 = 0x02;
const SOURCE_V4: u16 = 0x03;
const DESTINATION_V4: u16 = 0x04;
const SOURCE_V6: u16 = 0x05;
const DESTINATION_V6: u16 = 0x06;
const SOURCE_PORT: u16 = 0x07;
const DESTINATION_PORT: u16 = 0x08;
const SECONDS: u16 = 0x09;
const MICROSECONDS: u16 = 0x0A;
const KIND: u16 = 0x0B;
const AGENT: u16 = 0x0C;
const KEY: u16 = 0x0E;
const PAYLOAD: u16 = 0x0F;
const CORRELATION: u16 = 0x11;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload: &[u8]) -> Packet<'_> {
        Packet {
            kind: Kind::Sip,
            protocol: Protocol::Udp,
            from: "192.0.2.5:5060".parse().expect("one"),
            to: "192.0.2.1:5070".parse().expect("one"),
            at: Duration::new(0x6554_3210, 250_417_999),
            correlation: b"c1",
            payload,
        }
    }

    #[test]
    fn a_packet_is_known_octet_by_octet() {
        let agent = Agent { id: 2001, key: Some(b"myHep") };
        let expected = [
            &b"HEP3\x00\x7a"[..],
            &[0, 0, 0, 1, 0, 7, 2],
            &[0, 0, 0, 2, 0, 7, 17],
            &[0, 0, 0, 7, 0, 8, 0x13, 0xC4],
            &[0, 0, 0, 8, 0, 8, 0x13, 0xCE],
            &[0, 0, 0, 9, 0, 10, 0x65, 0x54, 0x32, 0x10],
            &[0, 0, 0, 10, 0, 10, 0x00, 0x03, 0xD2, 0x31],
            &[0, 0, 0, 11, 0, 7, 1],
            &[0, 0, 0, 12, 0, 10, 0, 0, 0x07, 0xD1],
            &[0, 0, 0, 3, 0, 10, 192, 0, 2, 5],
            &[0, 0, 0, 4, 0, 10, 192, 0, 2, 1],
            b"\0\0\0\x0e\0\x0bmyHep",
            b"\0\0\0\x0f\0\x0aACK ",
            b"\0\0\0\x11\0\x08c1",
        ]
        .concat();
        assert_eq!(packet(b"ACK ").encode(&agent).expect("it fits"), expected);
        assert_eq!(expected.len(), 0x7A);
    }

    #[test]
    fn other_kinds_differ_where_they_do() {
        let agent = Agent { id: 1, key: None };
        let v6 = Packet {
            kind: Kind::Quality,
            protocol: Protocol::Tcp,
            from: "[2001:db8::5]:5061".parse().expect("one"),
            ..packet(b"{}")
        };
        let encoded = v6.encode(&agent).expect("it fits");
        let has = |octets: &[u8]| encoded.windows(octets.len()).any(|window| window == octets);
        assert!(has(&[0, 0, 0, 1, 0, 7, 10]) && has(&[0, 0, 0, 2, 0, 7, 6]) && has(&[0, 0, 0, 11, 0, 7, 34]));
        assert!(has(&[0, 5, 0, 22, 0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]));
        assert!(has(&[0, 6, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1]));
        assert!(!has(&[0, 0, 0, 0x0E]), "there is no key");
    }

    #[test]
    fn what_does_not_fit_is_no_packet() {
        let agent = Agent { id: 1, key: None };
        let rest = packet(b"").encode(&agent).expect("it fits").len();
        let fits = vec![b'a'; 65_535 - rest];
        assert_eq!(packet(&fits).encode(&agent).map(|packet| packet.len()), Some(65_535));
        for length in [65_536 - rest, 65_529, 65_530, 70_000] {
            assert_eq!(packet(&vec![b'a'; length]).encode(&agent), None);
        }
    }
}
