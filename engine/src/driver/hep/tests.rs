use std::net::UdpSocket;

use bytes::Bytes;
use trunkline_sip::LegId;
use trunkline_sip::ids::ConnectionId;

use super::*;
use crate::config::HepServer;
use crate::switch::ids::CallId;
use crate::switch::quality::MediaView;
use crate::switch::{CallState, StateNote};

struct Bench {
    trace: Arc<Trace>,
    teller: Teller,
    collector: UdpSocket,
}

fn bench(trace_bytes: u32) -> Bench {
    let collector = UdpSocket::bind("127.0.0.1:0").expect("a port");
    collector.set_nonblocking(true).expect("it can be");
    let server = HepServer::Udp(collector.local_addr().expect("bound"));
    let trace = Trace::new(1, trace_bytes, (1 << 16, 0));
    let hep = Hep { server, agent_id: 7, key: None };
    let teller = Teller::new(hep, trace.tail(), Arc::new(Metrics::new(1)));
    Bench { trace, teller, collector }
}

impl Bench {
    /// What came: kind, correlation, and the beginning of the payload.
    fn came(&self) -> Vec<(u8, String, String)> {
        let mut buffer = [0; 2048];
        let mut came = Vec::new();
        while let Ok(length) = self.collector.recv(&mut buffer) {
            assert_eq!(&buffer[..4], b"HEP3");
            let (mut at, mut kind, mut correlation, mut payload) = (6, 0, "", "");
            while at < length {
                let word = |from: usize| usize::from(buffer[from]) << 8 | usize::from(buffer[from + 1]);
                let value = &buffer[at + 6..at + word(at + 4)];
                match word(at + 2) {
                    11 => kind = value[0],
                    15 => payload = std::str::from_utf8(value).expect("text"),
                    17 => correlation = std::str::from_utf8(value).expect("text"),
                    _ => {}
                }
                at += word(at + 4);
            }
            let begin = payload.split(' ').next().unwrap_or_default();
            let payload = if kind == 1 { begin } else { payload };
            came.push((kind, correlation.to_owned(), payload.to_owned()));
        }
        came
    }

    fn counted(&self) -> (u64, u64) {
        let numbers = self.teller.metrics.snapshot(0, 0);
        (numbers.hep_packets_total, numbers.hep_dropped_total)
    }
}

fn flow() -> Flow {
    let (local, remote) = ("10.0.0.1:5060".parse().expect("one"), "10.0.0.5:5060".parse().expect("one"));
    Flow { transport: Transport::Udp, local, remote, connection: ConnectionId::default() }
}

fn message(method: &str, call_id: &str) -> Happened {
    let text = format!("{method} sip:1 SIP/2.0\r\nCall-ID: {call_id}\r\n\r\n");
    Happened::Received(flow(), Bytes::from(text))
}

fn state(call: u64, leg: u64, peer: Option<u64>) -> Happened {
    Happened::State(StateNote {
        call: CallId(call),
        line: "1001".into(),
        state: CallState::Dialing,
        leg: Some(LegId::new(0, leg)),
        peer: peer.map(CallId),
    })
}

fn sip(correlation: &str, method: &str) -> (u8, String, String) {
    (1, correlation.to_owned(), method.to_owned())
}

#[test]
fn both_legs_of_a_call_are_told_under_one_name_and_what_is_of_none_under_its_own() {
    let mut bench = bench(1 << 20);
    let (worker, switch) = (bench.trace.of_worker(0), bench.trace.of_switch());
    let now = clock::now();
    worker.note(|| message("INVITE", "a"));
    worker.note(|| message("REGISTER", "r"));
    bench.teller.look(now);
    assert_eq!(bench.came(), [], "nobody knows yet whose they are");
    worker.note(|| Happened::Leg(LegId::new(0, 1), "a".into()));
    switch.note(|| state(1, 1, Some(2)));
    worker.note(|| message("PRACK", "b"));
    worker.note(|| Happened::Leg(LegId::new(0, 2), "b".into()));
    switch.note(|| state(2, 2, Some(1)));
    bench.teller.look(now);
    assert_eq!(bench.came(), [sip("a", "INVITE"), sip("a", "PRACK")]);
    bench.teller.look(now + 2 * MOMENT);
    assert_eq!(bench.came(), [sip("r", "REGISTER")]);

    let direction = DirectionView {
        packets: 150,
        bytes: 25_800,
        lost: Some(3),
        jitter_us: Some(1_500),
        mos_x100: Some(412),
        ..DirectionView::default()
    };
    let media = MediaView {
        codec: Some("PCMU"),
        received: direction,
        sent: DirectionView::default(),
        round_trip_us: None,
        grade: None,
        in_kernel: false,
        foreign: 0,
        secured: trunkline_media::Secured::default(),
        unauthentic: 0,
        measured: now,
    };
    switch.note(|| Happened::Ended(Box::new(EndedMedia { call: CallId(2), line: "1002".into(), media })));
    bench.teller.look(now);
    let came = bench.came();
    let [(34, correlation, received), (34, _, sent)] = &came[..] else { panic!("{came:?}") };
    let received: Value = serde_json::from_str(received).expect("JSON");
    assert_eq!(correlation, "a");
    for (key, value) in [
        ("CORRELATION_ID", json!("a")),
        ("RTP_SIP_CALL_ID", json!("b")),
        ("SRC_IP", json!("10.0.0.5")),
        ("TOTAL_PK", json!(150)),
        ("EXPECTED_PK", json!(153)),
        ("PACKET_LOSS", json!(3)),
        ("JITTER", json!(1.5)),
        ("MOS", json!(4.12)),
        ("DIR", json!(0)),
    ] {
        assert_eq!(received[key], value, "{key}");
    }
    let sent: Value = serde_json::from_str(sent).expect("JSON");
    assert_eq!((&sent["SRC_IP"], &sent["DIR"], sent.get("MOS")), (&json!("10.0.0.1"), &json!(1), None));
    assert_eq!(bench.counted(), (5, 0));
}

#[test]
fn what_the_rings_no_longer_have_is_counted() {
    let mut bench = bench(4_096);
    let worker = bench.trace.of_worker(0);
    (0..100).for_each(|_| worker.note(|| message("OPTIONS", "o")));
    bench.teller.look(clock::now() + MOMENT);
    let (sent, dropped) = bench.counted();
    assert_eq!((sent + dropped, sent), (100, bench.came().len() as u64));
    assert!(dropped > 50 && sent > 0, "{sent} sent");
}

#[test]
fn secrets_are_masked() {
    let mut bench = bench(1 << 20);
    let text = "REGISTER sip:1 SIP/2.0\r\nCall-ID: r\r\nAuthorization: Bearer secret\r\n\r\n";
    bench.trace.of_worker(0).note(|| Happened::Sent(flow(), Bytes::from(text)));
    bench.teller.look(clock::now() + MOMENT);
    let mut buffer = [0; 2048];
    let length = bench.collector.recv(&mut buffer).expect("it came");
    let shown = String::from_utf8_lossy(&buffer[..length]);
    assert!(shown.contains("Authorization:***") && !shown.contains("secret"), "{shown}");
}

#[test]
fn what_far_ends_report_is_told_under_the_name_of_their_call() {
    let mut bench = bench(1 << 20);
    let (worker, switch) = (bench.trace.of_worker(0), bench.trace.of_switch());
    let report = |leg| {
        let compound = [0x80, 201, 0, 1, 0, 0, 0, 9];
        let from = "10.0.0.5:4001".parse().expect("one");
        let report = Report {
            leg: LegId::new(0, leg),
            from,
            port: 20_001,
            compound: Bytes::copy_from_slice(&compound),
        };
        bench.trace.of_reports().note(|| Happened::Report(Box::new(report)));
    };
    worker.note(|| Happened::Leg(LegId::new(0, 1), "a".into()));
    switch.note(|| state(1, 1, None));
    worker.note(|| message("INVITE", "a"));
    report(1);
    report(7);
    bench.teller.look(clock::now());
    let came = bench.came();
    let [(1, ..), (5, correlation, said)] = &came[..] else { panic!("{came:?}") };
    assert_eq!(correlation, "a");
    let said: Value = serde_json::from_str(said).expect("JSON");
    assert_eq!(said, json!({"ssrc": 9, "type": 201, "report_count": 0, "report_blocks": []}));
}
