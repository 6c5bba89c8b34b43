//! Relaying a packet allocates nothing, and a leg holds little.

mod common;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use trunkline_media::io::kernel::KernelIo;
use trunkline_media::io::nowhere::Nowhere;
use trunkline_media::srtp::{Srtp, SrtpKey, SrtpKeys, SrtpSuite};
use trunkline_media::{Command, Feed, LegId, PortPair, Protection, RelayConfig, RelayWorker, Remote};

use common::far_end;

/// RTCP of it comes from the port of RTP.
fn remote(rtp: SocketAddr) -> Remote {
    Remote { rtcp: Some(rtp), ..far_end(rtp) }
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
        worker.command(now, Command::Remote(leg, remote(far).into()), &mut out);
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

/// What two legs that speak with each other hold, beside their sockets. Whoever adds to a leg sees here what calls will cost.
#[test]
#[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
fn a_call_is_small() {
    const CALLS: u64 = 500;
    const CALL_BYTES_MAX: i64 = 4_600;
    let now = Instant::now();
    let mut out = Vec::with_capacity(64);
    let mut worker = RelayWorker::new(now, Nowhere::default(), RelayConfig::default());
    let far: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    let counted = allocation_counter::measure(|| {
        for leg in (0..2 * CALLS).map(LegId) {
            let ports = PortPair(20_000 + u16::try_from(leg.0).unwrap() * 2);
            let address = "0.0.0.0".parse().unwrap();
            worker.command(now, Command::Open { leg, ports, address, silent_after: None }, &mut out);
            worker.command(now, Command::Remote(leg, remote(far).into()), &mut out);
            worker.command(now, Command::Feed(leg, Feed::Leg(LegId(leg.0 ^ 1))), &mut out);
        }
    });
    let call_bytes = counted.bytes_current / CALLS.cast_signed();
    assert!(call_bytes <= CALL_BYTES_MAX, "{call_bytes} bytes");
}

/// Nor does one that is opened, or sealed, or forged, in any suite.
#[test]
#[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
fn no_secured_packet_allocates() {
    for suite in SrtpSuite::ALL {
        let mut now = Instant::now();
        let mut out = Vec::with_capacity(64);
        let mut worker = RelayWorker::new(now, Nowhere::default(), RelayConfig::default());
        let far: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let key = |byte| SrtpKey::new(suite, &vec![byte; suite.master_bytes()]).unwrap();
        let keys = SrtpKeys { receive: key(1), send: key(2) };
        for leg in [LegId(0), LegId(1)] {
            let ports = PortPair(20_000 + u16::try_from(leg.0).unwrap() * 2);
            let address = "0.0.0.0".parse().unwrap();
            worker.command(now, Command::Open { leg, ports, address, silent_after: None }, &mut out);
            let protection = if leg == LegId(0) { Protection::Srtp(keys) } else { Protection::Plain };
            worker.command(now, Command::Remote(leg, Remote { protection, ..remote(far) }.into()), &mut out);
        }
        worker.command(now, Command::Feed(LegId(0), Feed::Leg(LegId(1))), &mut out);
        worker.command(now, Command::Feed(LegId(1), Feed::Leg(LegId(0))), &mut out);
        let (secured, plain) = (worker.io().tokens[0], worker.io().tokens[2]);
        let mut phone = Srtp::new(SrtpKeys { receive: key(2), send: key(1) });
        let packet = |n: u16| {
            let mut packet = [0x55; 172];
            packet[..4].copy_from_slice(&[0x80, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]]);
            packet
        };
        let mut sealed: Vec<Vec<u8>> =
            (0..2_000).map(|n| phone.seal_rtp(&packet(n)).unwrap().to_vec()).collect();
        // The first packet of a source makes room for it.
        let (first, sealed) = sealed.split_first_mut().unwrap();
        worker.handle_datagram(now, secured, far, first, &mut out);
        worker.handle_datagram(now, plain, far, &mut packet(0), &mut out);
        let counted = allocation_counter::measure(|| {
            for (n, sealed) in (1..).zip(sealed) {
                now += Duration::from_millis(20);
                worker.handle_datagram(now, secured, far, sealed, &mut out);
                worker.handle_datagram(now, plain, far, &mut packet(n), &mut out);
                worker.handle_datagram(now, secured, far, &mut packet(n), &mut out);
            }
        });
        assert_eq!((worker.io().sent, counted.count_total), (4_000, 0), "{suite:?}");
    }
}

/// The same through epoll and real sockets, as a media thread does it.
#[test]
#[expect(clippy::disallowed_methods, reason = "real sockets are read in real time")]
fn no_packet_through_the_sockets_allocates() {
    let patience = Duration::from_secs(5);
    let mut out = Vec::with_capacity(64);
    let io = KernelIo::open().unwrap();
    let mut worker = RelayWorker::new(Instant::now(), io, RelayConfig::default());
    let address = Ipv4Addr::LOCALHOST.into();
    let phones = [(); 2].map(|()| {
        let phone = UdpSocket::bind((address, 0)).unwrap();
        phone.set_read_timeout(Some(patience)).unwrap();
        phone
    });
    for (leg, phone) in [LegId(0), LegId(1)].into_iter().zip(&phones) {
        let ports = PortPair(23_500 + u16::try_from(leg.0).unwrap() * 2);
        worker.command(Instant::now(), Command::Open { leg, ports, address, silent_after: None }, &mut out);
        worker.command(
            Instant::now(),
            Command::Remote(leg, remote(phone.local_addr().unwrap()).into()),
            &mut out,
        );
    }
    worker.command(Instant::now(), Command::Feed(LegId(0), Feed::Leg(LegId(1))), &mut out);
    worker.command(Instant::now(), Command::Feed(LegId(1), Feed::Leg(LegId(0))), &mut out);
    assert!(out.is_empty(), "{out:?}");

    let mut packet = [0x55; 172];
    let mut buffer = [0; 2_048];
    let mut relayed = 0;
    let counted = allocation_counter::measure(|| {
        for n in 0..2_000_u16 {
            for (from, to, port) in [(0, 1, 23_500), (1, 0, 23_502)] {
                packet[..4].copy_from_slice(&[0x80, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]]);
                phones[from].send_to(&packet, (address, port)).unwrap();
                // What is sent over the loopback interface has arrived.
                worker.io_mut().wait(Some(patience)).unwrap();
                worker.handle_io(Instant::now(), &mut out);
                worker.handle_timeout(Instant::now(), &mut out);
                relayed += phones[to].recv_from(&mut buffer).map_or(0, |(length, _)| length / packet.len());
            }
        }
    });
    assert_eq!((relayed, counted.count_total), (4_000, 0));
}
