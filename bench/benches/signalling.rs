//! What does one transaction cost, and one whole B2BUA call, without sockets?
//!
//! A change of the first is a change of the transaction layer; of the second, of anything between the scanner and the
//! switch. At 200 calls/s on one core the second must stay far below 5 ms; Kamailio spends some 0.8 ms on a call *with*
//! its sockets.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline_bench::exchange::Exchange;

fn signalling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("signalling");
    group.throughput(Throughput::Elements(1));
    let mut exchange = Exchange::new(Instant::now());
    group.bench_function("one transaction: OPTIONS and its 200", |bencher| {
        bencher.iter(|| black_box(exchange.options()));
    });
    let mut exchange = Exchange::new(Instant::now());
    group.bench_function("one B2BUA call: INVITE to the last 200", |bencher| {
        bencher.iter(|| black_box(exchange.call()));
    });
    group.finish();
}

criterion_group!(benches, signalling);
criterion_main!(benches);
