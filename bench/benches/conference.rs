//! Mixes a second of a conference in the core, without a system call: what 64 parties cost, of whom three speak. A rise means
//! that a listener costs more than to take his packet and to send him the mix that all listeners have in common.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline_media::io::Token;
use trunkline_media::io::nowhere::Nowhere;
use trunkline_media::{
    Codec, Codecs, Command, ConferenceId, Feed, LegId, PayloadTypes, PortPair, Protection, RelayConfig,
    RelayWorker, Remote, SourcePolicy, g711,
};

const PARTIES: u16 = 64;
const SPEAKERS: u16 = 3;
const FRAMES: u32 = 50;

fn far(leg: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000 + leg))
}

/// A conference of parties that each speak this codec.
fn worker(now: Instant, codec_of: impl Fn(u16) -> (u8, Codec)) -> RelayWorker<Nowhere> {
    let mut out = Vec::new();
    let mut worker = RelayWorker::new(now, Nowhere::default(), RelayConfig::default());
    for n in 0..PARTIES {
        let leg = LegId(u64::from(n));
        let address = SocketAddr::from(([0, 0, 0, 0], 0)).ip();
        let ports = PortPair(20_000 + 2 * n);
        worker.command(now, Command::Open { leg, ports, address, silent_after: None }, &mut out);
        let (number, codec) = codec_of(n);
        let codecs = Codecs::default().with(number, codec);
        let remote = Remote {
            rtp: Some(far(n)),
            rtcp: Some(far(n)),
            source: SourcePolicy::Signalled,
            payload_types: PayloadTypes::default().with(number),
            codecs,
            speaks: codecs,
            send: true,
            receive: true,
            sealed: false,
            opaque: false,
            protection: Protection::Plain,
            ice: None,
        };
        worker.command(now, Command::Remote(leg, remote.into()), &mut out);
        worker.command(now, Command::Feed(leg, Feed::Conference(ConferenceId(1))), &mut out);
    }
    worker
}

/// What a party says in a frame: speech or the noise of a line.
fn payload(party: u16, frame: u32, packet: &mut [u8; 172]) {
    for (n, byte) in (0_u32..).zip(&mut packet[12..]) {
        let phase = f64::from((frame * 160 + n) % 8_000) * f64::from(300 + 40 * u32::from(party)) / 8_000.0;
        let amplitude = if party < SPEAKERS { 6_000.0 } else { 6.0 };
        #[expect(clippy::cast_possible_truncation, reason = "the amplitude is below 2^15")]
        let sample = (amplitude * (std::f64::consts::TAU * phase).sin()) as i16;
        *byte = g711::encode(g711::Law::Mu, sample);
    }
}

/// The payload type and codec of a party.
type CodecOf<'a> = &'a dyn Fn(u16) -> (u8, Codec);

fn conference(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mix a second of a conference of 64");
    group.throughput(Throughput::Elements(u64::from(PARTIES)));
    let pcmu = |_| (0, Codec::Pcmu);
    let laws = |n: u16| if n.is_multiple_of(2) { (0, Codec::Pcmu) } else { (8, Codec::Pcma) };
    let one_wide = |n: u16| if n == 9 { (9, Codec::G722) } else { (0, Codec::Pcmu) };
    let wide = |_| (9, Codec::G722);
    let rooms: [(&str, CodecOf<'_>); 4] =
        [("PCMU", &pcmu), ("PCMU and PCMA", &laws), ("PCMU with one G722", &one_wide), ("G722", &wide)];
    for (name, codec_of) in rooms {
        group.bench_function(name, |bencher| {
            let mut now = Instant::now();
            let mut worker = worker(now, codec_of);
            let tokens: Vec<Token> = worker.io().tokens.iter().copied().step_by(2).collect();
            let mut speech = vec![[0x55; 172]; usize::from(PARTIES) * FRAMES as usize];
            for (n, packet) in (0_u32..).zip(&mut speech) {
                payload((n % u32::from(PARTIES)) as u16, n / u32::from(PARTIES), packet);
            }
            let mut out = Vec::with_capacity(16);
            let mut frame = 0_u32;
            bencher.iter(|| {
                for n in 0..FRAMES {
                    for party in 0..PARTIES {
                        let packet = &mut speech[(n * u32::from(PARTIES)) as usize + usize::from(party)];
                        let sequence = (frame as u16).to_be_bytes();
                        let timestamp = (frame * 160).to_be_bytes();
                        let [s0, s1] = sequence;
                        let [t0, t1, t2, t3] = timestamp;
                        let number = codec_of(party).0;
                        packet[..12].copy_from_slice(&[0x80, number, s0, s1, t0, t1, t2, t3, 0, 0, 0, 7]);
                        let token = tokens[usize::from(party)];
                        worker.handle_datagram(now, token, far(party), packet, &mut out);
                    }
                    now += Duration::from_millis(20);
                    worker.handle_timeout(now, &mut out);
                    out.clear();
                    frame = frame.wrapping_add(1);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, conference);
criterion_main!(benches);
