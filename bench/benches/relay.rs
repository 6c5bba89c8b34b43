//! Relays one packet in the core, without a system call. A rise means that the worker does more for each packet than to find
//! its leg, check and count it, and write its header.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline_media::io::Token;
use trunkline_media::io::nowhere::Nowhere;
use trunkline_media::{
    Codecs, Command, Feed, LegId, PayloadTypes, PortPair, Protection, RelayConfig, RelayWorker, Remote,
    SourcePolicy,
};

fn far(leg: u64) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000 + u16::try_from(leg).expect("few legs")))
}

/// Sessions of two legs each that hear each other.
fn worker(now: Instant, sessions: u64) -> RelayWorker<Nowhere> {
    let mut out = Vec::new();
    let mut worker = RelayWorker::new(now, Nowhere::default(), RelayConfig::default());
    for n in 0..sessions * 2 {
        let leg = LegId(n);
        let ports = PortPair(20_000 + 2 * u16::try_from(n).expect("few legs"));
        let address = SocketAddr::from(([0, 0, 0, 0], 0)).ip();
        worker.command(now, Command::Open { leg, ports, address, silent_after: None }, &mut out);
        let remote = Remote {
            rtp: Some(far(n)),
            rtcp: Some(far(n)),
            source: SourcePolicy::Signalled,
            payload_types: PayloadTypes::default().with(0),
            codecs: Codecs::default(),
            speaks: Codecs::default(),
            send: true,
            receive: true,
            sealed: false,
            opaque: false,
            protection: Protection::Plain,
            ice: None,
        };
        worker.command(now, Command::Remote(leg, remote.into()), &mut out);
    }
    for n in 0..sessions * 2 {
        worker.command(now, Command::Feed(LegId(n), Feed::Leg(LegId(n ^ 1))), &mut out);
    }
    worker
}

fn relay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("relay one packet in the core");
    group.throughput(Throughput::Elements(1));
    for sessions in [1, 1_000] {
        group.bench_function(format!("of {sessions} sessions"), |bencher| {
            let mut now = Instant::now();
            let mut worker = worker(now, sessions);
            let tokens: Vec<Token> = worker.io().tokens.iter().copied().step_by(2).collect();
            let mut out = Vec::with_capacity(16);
            let mut packet = [0x55; 172];
            let (mut turn, mut sequence) = (0, 0_u16);
            bencher.iter(|| {
                packet[..4].copy_from_slice(&[0x80, 0, sequence.to_be_bytes()[0], sequence.to_be_bytes()[1]]);
                let source = far(turn as u64);
                worker.handle_datagram(now, tokens[turn], source, black_box(&mut packet), &mut out);
                out.clear();
                turn += 1;
                if turn == tokens.len() {
                    turn = 0;
                    sequence = sequence.wrapping_add(1);
                    now += Duration::from_millis(20);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, relay);
criterion_main!(benches);
