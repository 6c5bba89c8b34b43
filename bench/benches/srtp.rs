//! Seals and opens one packet of G.711 of 20 ms. A rise means that more is done for each packet than one pass of the cipher and
//! one of the tag; neither allocates.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline_media::srtp::{Srtp, SrtpKey, SrtpKeys, SrtpSuite};

/// Enough that the index wraps in no batch that is prepared at once.
const BATCH: u16 = 4_096;

fn ends(suite: SrtpSuite) -> (Srtp, Srtp) {
    let key =
        |byte| SrtpKey::new(suite, &vec![byte; suite.master_bytes()]).expect("as long as the suite wants");
    let (one, other) = (key(1), key(2));
    (Srtp::new(SrtpKeys { receive: one, send: other }), Srtp::new(SrtpKeys { receive: other, send: one }))
}

fn packet(sequence: u16) -> [u8; 172] {
    let mut packet = [0x55; 172];
    packet[..4].copy_from_slice(&[0x80, 0, sequence.to_be_bytes()[0], sequence.to_be_bytes()[1]]);
    packet
}

fn srtp(criterion: &mut Criterion) {
    for suite in SrtpSuite::ALL {
        let mut group = criterion.benchmark_group(suite.name());
        group.throughput(Throughput::Elements(1));
        group.bench_function("seal", |bencher| {
            let (mut near, _) = ends(suite);
            let mut sequence = 0_u16;
            bencher.iter(|| {
                sequence = sequence.wrapping_add(1);
                black_box(near.seal_rtp(black_box(&packet(sequence))).is_some())
            });
        });
        group.bench_function("open", |bencher| {
            let (mut near, mut far) = ends(suite);
            let mut sealed: Vec<Vec<u8>> = Vec::new();
            let mut next = 0_u16;
            bencher.iter_custom(|iterations| {
                let mut spent = std::time::Duration::ZERO;
                let mut left = iterations;
                while left > 0 {
                    sealed.clear();
                    for _ in 0..left.min(u64::from(BATCH)) {
                        next = next.wrapping_add(1);
                        sealed.push(far.seal_rtp(&packet(next)).expect("each number once").to_vec());
                    }
                    let begin = std::time::Instant::now();
                    for packet in &mut sealed {
                        assert!(near.open_rtp(black_box(packet)).is_some(), "each is opened once");
                    }
                    spent += begin.elapsed();
                    left -= sealed.len() as u64;
                }
                spent
            });
        });
        group.finish();
    }
}

criterion_group!(benches, srtp);
criterion_main!(benches);
