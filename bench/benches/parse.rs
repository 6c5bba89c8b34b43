//! Reads, answers and writes again an INVITE of 1 kB with SDP, beside crate rsip. A rise of the first figure is time that
//! every datagram costs before it is known to be worth anything.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline_sip::message::{Framing, HeaderName, Limits, Message, request, response};

const INVITE: &str = "\
    INVITE sip:+493012345678@example.com;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK-524287-1---8f3b1a9c5d7e2f40;rport\r\n\
    Max-Forwards: 70\r\n\
    Contact: <sip:alice@192.0.2.4:5060;transport=udp>\r\n\
    To: <sip:+493012345678@example.com;user=phone>\r\n\
    From: \"Alice Example\"<sip:alice@example.com>;tag=7d2e9f4b\r\n\
    Call-ID: 84821YzQ3ODk0ZjNhNWI2YzdkOGU5ZjAxMjM0NTY3ODk\r\n\
    CSeq: 1 INVITE\r\n\
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REFER, NOTIFY, UPDATE, PRACK\r\n\
    Content-Type: application/sdp\r\n\
    Supported: replaces, timer, 100rel\r\n\
    User-Agent: Example Phone 4.2.1 (build 20816)\r\n\
    Session-Expires: 1800\r\n\
    Min-SE: 90\r\n\
    Content-Length: 383\r\n\
    \r\n\
    v=0\r\n\
    o=- 3905678123 1 IN IP4 192.0.2.4\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.4\r\n\
    t=0 0\r\n\
    m=audio 40376 RTP/AVP 9 8 0 18 101\r\n\
    a=rtpmap:9 G722/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:18 G729/8000\r\n\
    a=fmtp:18 annexb=no\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=ptime:20\r\n\
    a=maxptime:150\r\n\
    a=sendrecv\r\n\
    a=rtcp:40377 IN IP4 192.0.2.4\r\n\
    a=ssrc:2724783423 cname:oLc3CmBG1qYlXz2A\r\n\
    ";

fn bytes() -> Bytes {
    let bytes = Bytes::from_static(INVITE.as_bytes());
    assert!((900..=1100).contains(&bytes.len()), "an INVITE of 1 kB has {} bytes", bytes.len());
    bytes
}

fn read(bytes: &Bytes) -> Message {
    let message =
        Message::scan(bytes.clone(), Framing::Datagram, &Limits::DEFAULT).expect("the INVITE can be read");
    message.validate(&Limits::DEFAULT).expect("the INVITE is valid");
    message
}

fn write(message: &Message) -> Bytes {
    let mut builder = request(message.method(), message.request_uri());
    for (name, _, value) in message.headers() {
        if name != HeaderName::ContentLength && name != HeaderName::ContentType {
            builder = builder.header(name, std::str::from_utf8(value).expect("the INVITE is text"));
        }
    }
    builder.body(message.content_type().expect("the INVITE has a body"), message.body())
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read an INVITE of 1 kB");
    let bytes = bytes();
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("scan", |bencher| {
        bencher.iter(|| Message::scan(black_box(bytes.clone()), Framing::Datagram, &Limits::DEFAULT));
    });
    group.bench_function("scan and validate", |bencher| bencher.iter(|| read(black_box(&bytes))));
    group.bench_function("scan, validate and every view a transaction needs", |bencher| {
        bencher.iter(|| {
            let message = read(black_box(&bytes));
            black_box((
                message.via(),
                message.from(),
                message.to(),
                message.cseq(),
                message.contacts().next(),
            ));
        });
    });
    group.bench_function("rsip", |bencher| {
        bencher.iter(|| rsip::SipMessage::try_from(black_box(&bytes[..])).expect("rsip can read this one"));
    });
    group.finish();
}

fn writing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read an INVITE of 1 kB and write");
    let bytes = bytes();
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("it again", |bencher| bencher.iter(|| write(&read(black_box(&bytes)))));
    group.bench_function("it again, rsip", |bencher| {
        bencher.iter(|| {
            let message = rsip::SipMessage::try_from(black_box(&bytes[..])).expect("rsip can read this one");
            Bytes::from(message.to_string())
        });
    });
    group.bench_function("a 180", |bencher| {
        let source = ([192, 0, 2, 4], 5060).into();
        bencher.iter(|| response(&read(black_box(&bytes)), 180, source).to_tag("8d7f6a5b").finish());
    });
    group.finish();
}

criterion_group!(benches, reading, writing);
criterion_main!(benches);
