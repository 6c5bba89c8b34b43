//! Relaying a packet allocates nothing.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkline_media::io::{DatagramIo, Token};
use trunkline_media::{
    Codecs, Command, Feed, LegId, PayloadTypes, PortPair, Protection, RelayConfig, RelayWorker, Remote,
    SourcePolicy,
};

/// A network that swallows everything.
#[derive(Debug, Default)]
struct Nowhere {
    tokens: Vec<Token>,
    sent: u64,
}

impl DatagramIo for Nowhere {
    type Socket = ();

    fn bind(&mut self, _address: SocketAddr, token: Token) -> io::Result<()> {
        self.tokens.push(token);
        Ok(())
    }

    fn next_ready(&mut self) -> Option<Token> {
        None
    }

    fn receive(&mut self, _socket: &(), _buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        None
    }

    fn send(&mut self, _socket: &(), _packet: &[u8], _to: SocketAddr) -> bool {
        self.sent += 1;
        true
    }

    fn dropped(&self, _socket: &()) -> u64 {
        0
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
fn no_packet_allocates() {
    let mut now = Instant::now();
    let mut out = Vec::with_capacity(64);
    let mut worker = RelayWorker::new(now, Nowhere::default(), RelayConfig::default());
    let far: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    for leg in [LegId(0), LegId(1)] {
        let ports = PortPair(20_000 + u16::try_from(leg.0).unwrap() * 2);
        let address = "0.0.0.0".parse().unwrap();
        worker.command(now, Command::Open { leg, ports, address, silent_after: None }, &mut out);
        let remote = Remote {
            rtp: Some(far),
            rtcp: Some(far),
            source: SourcePolicy::Signalled,
            payload_types: PayloadTypes::default().with(0),
            codecs: Codecs::default(),
            speaks: Codecs::default(),
            send: true,
            receive: true,
            sealed: false,
            protection: Protection::Plain,
            ice: None,
        };
        worker.command(now, Command::Remote(leg, remote), &mut out);
    }
    worker.command(now, Command::Feed(LegId(0), Feed::Leg(LegId(1))), &mut out);
    worker.command(now, Command::Feed(LegId(1), Feed::Leg(LegId(0))), &mut out);
    let token = worker.io().tokens[0];
    let stranger = "203.0.113.66:9999".parse().unwrap();
    let mut packet = [0x55; 172];
    let mut report = [0x80, 201, 0, 1, 0, 0, 0, 7];

    let counted = allocation_counter::measure(|| {
        for n in 0..10_000_u16 {
            now += Duration::from_millis(20);
            packet[..4].copy_from_slice(&[0x80, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]]);
            // Another SSRC now and then, a stranger, a report, a packet that is none.
            packet[11] = u8::try_from(n / 1_000).unwrap();
            worker.handle_datagram(now, token, far, &mut packet, &mut out);
            worker.handle_datagram(now, token, stranger, &mut packet, &mut out);
            worker.handle_datagram(now, token, far, &mut report, &mut out);
            worker.handle_datagram(now, token, far, &mut packet[..7], &mut out);
        }
    });
    assert_eq!((worker.io().sent, counted.count_total), (20_000, 0));
}
