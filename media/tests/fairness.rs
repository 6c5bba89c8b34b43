//! A flooded port starves no other.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use trunkline_media::io::{DatagramIo, Token};
use trunkline_media::{
    Codecs, Command, Feed, LegId, PACKETS_PER_TURN, PayloadTypes, PortPair, Protection, RelayConfig,
    RelayWorker, Remote, SourcePolicy,
};

const FAR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 4_000);

/// A network where the first port never runs out of datagrams, and each other one has one.
#[derive(Debug, Default)]
struct Flooded {
    tokens: Vec<Token>,
    ready: VecDeque<Token>,
    fetched: [u32; 4],
}

impl DatagramIo for Flooded {
    type Socket = usize;

    fn bind(&mut self, _address: SocketAddr, token: Token) -> io::Result<usize> {
        self.tokens.push(token);
        Ok(self.tokens.len() - 1)
    }

    fn next_ready(&mut self) -> Option<Token> {
        self.ready.pop_front()
    }

    fn receive(&mut self, socket: &usize, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        if *socket != 0 && self.fetched[*socket] > 0 {
            return None;
        }
        self.fetched[*socket] += 1;
        buffer[..12].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7]);
        Some((172, FAR))
    }

    fn send(&mut self, _socket: &usize, _packet: &[u8], _to: SocketAddr) -> bool {
        true
    }

    fn dropped(&self, _socket: &usize) -> u64 {
        0
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
fn a_flooded_port_has_its_turn_and_no_more() {
    let now = Instant::now();
    let mut out = Vec::new();
    let mut worker = RelayWorker::new(now, Flooded::default(), RelayConfig::default());
    for n in 0..2 {
        let leg = LegId(n);
        let ports = PortPair(20_000 + 2 * u16::try_from(n).unwrap());
        worker.command(now, Command::Open { leg, ports, address: FAR.ip(), silent_after: None }, &mut out);
        let remote = Remote {
            rtp: Some(FAR),
            rtcp: None,
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
        worker.command(now, Command::Feed(leg, Feed::Leg(LegId(n ^ 1))), &mut out);
    }
    let batches = 10;
    for _ in 0..batches {
        // Sockets are bound in pairs: 0 is the RTP port of the first leg, 2 of the second.
        let ready = [0, 2].map(|n| worker.io().tokens[n]);
        worker.io_mut().ready.extend(ready);
        worker.io_mut().fetched[2] = 0;
        worker.handle_io(now, &mut out);
        assert_eq!(worker.io().fetched[2], 1, "the other port was served in the same batch");
    }
    let flooded = worker.io().fetched[0];
    assert!(flooded > PACKETS_PER_TURN && flooded <= PACKETS_PER_TURN * batches, "{flooded}");
}
