//! A flooded port starves no other.

mod common;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use trunkline_media::io::kernel::KernelIo;
use trunkline_media::io::{DatagramIo, Token};
use trunkline_media::{Command, Event, Feed, LegId, PACKETS_PER_TURN, PortPair, RelayConfig, RelayWorker};

use common::far_end;

const FAR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 4_000);

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
        worker.command(now, Command::Remote(leg, far_end(FAR).into()), &mut out);
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

/// The same over real sockets: what the flood leaves in its buffer is bounded, counted, and holds up nobody.
#[test]
#[expect(clippy::disallowed_methods, reason = "sockets know no virtual time")]
fn a_flooded_socket_holds_up_no_other_and_what_it_drops_is_counted() {
    const FLOOD: u64 = 5_000;
    let now = Instant::now();
    let mut out = Vec::new();
    let mut worker = RelayWorker::new(now, KernelIo::open().unwrap(), RelayConfig::default());
    let far: Vec<UdpSocket> = (0..2).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let mut ports = Vec::new();
    // Others may have a pair: the next one is taken.
    for first in (41_000..60_000).step_by(2) {
        let leg = LegId(ports.len() as u64);
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let pair = PortPair(first);
        worker.command(now, Command::Open { leg, ports: pair, address, silent_after: None }, &mut out);
        if out.drain(..).next().is_some() {
            continue;
        }
        ports.push(first);
        if ports.len() == far.len() {
            break;
        }
    }
    for (n, far) in (0..).zip(&far) {
        let rtp = far.local_addr().unwrap();
        worker.command(now, Command::Remote(LegId(n), far_end(rtp).into()), &mut out);
        worker.command(now, Command::Feed(LegId(n), Feed::Leg(LegId(n ^ 1))), &mut out);
    }
    let say = |from: usize, sequence: u64| {
        let [.., high, low] = sequence.to_be_bytes();
        let mut packet = [0; 172];
        packet[..4].copy_from_slice(&[0x80, 0, high, low]);
        far[from].send_to(&packet, (Ipv4Addr::LOCALHOST, ports[from])).unwrap();
    };
    for sequence in 0..FLOOD {
        say(0, sequence);
    }
    let mut received = |worker: &mut RelayWorker<KernelIo>, leg| {
        worker.command(now, Command::Stats(LegId(leg)), &mut out);
        let stats = out
            .drain(..)
            .find_map(|event| if let Event::Stats { stats, .. } = event { Some(stats) } else { None });
        stats.map(|stats| (stats.packets_received, stats.kernel_dropped)).unwrap()
    };
    let mut told = Vec::new();
    for turn in 1..=10 {
        say(1, turn);
        worker.io_mut().wait(None).unwrap();
        worker.handle_io(now, &mut told);
        assert_eq!(received(&mut worker, 1).0, turn, "the other port was served in the same batch");
        let flooded = received(&mut worker, 0).0;
        assert!(flooded <= u64::from(PACKETS_PER_TURN) * turn, "{flooded} in {turn} turns");
    }
    loop {
        let before = received(&mut worker, 0).0;
        worker.io_mut().wait(Some(Duration::ZERO)).unwrap();
        worker.handle_io(now, &mut told);
        if received(&mut worker, 0).0 == before {
            break;
        }
    }
    let (relayed, dropped) = received(&mut worker, 0);
    assert_eq!(relayed + dropped, FLOOD, "{relayed} relayed, {dropped} dropped");
    assert!(dropped > 0 && relayed > 100, "{relayed} relayed, {dropped} dropped");
}
