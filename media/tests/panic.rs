//! A panic over one packet costs the leg of that packet and no other.

mod common;

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use trunkline_media::io::{DatagramIo, Token};
use trunkline_media::{Command, Event, Feed, LegId, PortPair, RelayConfig, RelayWorker};

use common::far_end;

/// A network that panics over packets that end in 13.
#[derive(Debug, Default)]
struct Treacherous {
    tokens: Vec<Token>,
    sent: u64,
}

impl DatagramIo for Treacherous {
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

    fn send(&mut self, _socket: &(), packet: &[u8], _to: SocketAddr) -> bool {
        assert_ne!(packet.last(), Some(&13), "the panic of this test");
        self.sent += 1;
        true
    }

    fn dropped(&self, _socket: &()) -> u64 {
        0
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
fn the_leg_in_hand_is_closed_and_the_others_go_on() {
    let now = Instant::now();
    let mut out = Vec::new();
    let mut worker = RelayWorker::new(now, Treacherous::default(), RelayConfig::default());
    let far: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    for n in 0..4 {
        let leg = LegId(n);
        let ports = PortPair(20_000 + 2 * u16::try_from(n).unwrap());
        let address = "0.0.0.0".parse().unwrap();
        worker.command(now, Command::Open { leg, ports, address, silent_after: None }, &mut out);
        worker.command(now, Command::Remote(leg, far_end(far).into()), &mut out);
        worker.command(now, Command::Feed(leg, Feed::Leg(LegId(n ^ 1))), &mut out);
    }
    let tokens: Vec<Token> = worker.io().tokens.iter().copied().step_by(2).collect();
    let mut packet = [13; 32];
    packet[..2].copy_from_slice(&[0x80, 0]);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        worker.handle_datagram(now, tokens[0], far, &mut packet, &mut out);
    }));
    assert!(caught.is_err());
    out.clear();
    worker.close_in_hand(&mut out);
    assert!(matches!(out[..], [Event::Closed { leg: LegId(0), .. }]), "{out:?}");
    packet[31] = 1;
    worker.handle_datagram(now, tokens[2], far, &mut packet, &mut out);
    assert_eq!((worker.io().sent, worker.legs_open()), (1, 3));
    out.clear();
    worker.close_in_hand(&mut out);
    assert!(out.is_empty(), "nothing is in hand between two packets");
}
