//! The location table under many phones and many workers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::ConnectionId;
use trunkline_sip::location::{Binding, Location, LocationLimits};
use trunkline_sip::message::{Framing, Limits, Message};
use trunkline_sip::outbox::{BindingChange, Outbox};
use trunkline_sip::registrar::{Registrar, Registration};
use trunkline_sip::transport::{Flow, Transport};

#[expect(clippy::disallowed_methods, reason = "there is no other instant to count from")]
fn start() -> Instant {
    Instant::now()
}

fn flow(transport: Transport, connection: u64) -> Flow {
    let connection = ConnectionId(connection);
    Flow {
        transport,
        local: ([192, 0, 2, 1], 5060).into(),
        remote: ([198, 51, 100, 7], 5060).into(),
        connection,
    }
}

/// What a desk phone sends, as the registrar sees it.
fn register(
    location: &Location,
    now: Instant,
    phone: usize,
    cseq: usize,
    flow: Flow,
    out: &mut Outbox,
) -> u16 {
    let text = format!(
        "REGISTER sip:pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{phone}x{cseq}\r\n\
         From: <sip:{phone}@pbx.example>;tag=1\r\nTo: <sip:{phone}@pbx.example>\r\nMax-Forwards: 70\r\n\
         Call-ID: 313530303834323132333435-{phone}\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:{phone}@198.51.100.7:5060;line=q3ap29oe>;reg-id=1;q=1.0;\
         +sip.instance=\"<urn:uuid:3cf1ee8f-8a13-4b1e-9d8c-{phone:012x}>\";audio;mobility=\"fixed\"\r\n\
         User-Agent: snomD785/10.1.184.15\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
    );
    let request = Message::scan(Bytes::from(text), Framing::Datagram, &Limits::DEFAULT).expect("it is SIP");
    let line = Arc::from(phone.to_string());
    let registration = Registration { request: &request, line: &line, flow };
    Registrar::DEFAULT.register(now, registration, location, |_| false, out).status
}

#[cfg(target_os = "linux")]
#[test]
fn a_registration_takes_less_than_two_kilobytes() {
    const PHONES: usize = 20_000;
    let start = start();
    let location = Location::new(start, LocationLimits::DEFAULT);
    let mut out = Outbox::default();
    let before = resident_bytes();
    for phone in 0..PHONES {
        let now = start + Duration::from_millis(phone as u64);
        assert_eq!(register(&location, now, phone, 1, flow(Transport::Tcp, phone as u64 + 1), &mut out), 200);
        out = Outbox::default();
    }
    let bytes = (resident_bytes() - before) / PHONES;
    assert_eq!(location.len(), PHONES);
    assert!(bytes <= 2000, "{bytes}");
}

#[cfg(target_os = "linux")]
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("it is a number");
    pages * 4096
}

/// Workers register, remove, expire and lose connections at once: nothing is lost, doubled, or locked for ever.
#[test]
fn workers_share_the_table() {
    const WORKERS: usize = 4;
    const LINES: usize = 8;
    let start = start();
    let location = Location::new(start, LocationLimits::DEFAULT);
    let changes: Vec<Vec<BindingChange>> = std::thread::scope(|scope| {
        let work = |worker: usize| {
            let location = &location;
            move || {
                let mut out = Outbox::default();
                for step in 0..4000 {
                    let now = start + Duration::from_millis(step as u64 * 25);
                    let line: Arc<str> = (step * 7 % LINES).to_string().into();
                    let key: Arc<str> = format!("{worker}-{}", step % 3).into();
                    match step % 11 {
                        0 => location.remove(&line, &key, &mut out),
                        1 => location.expire(now, &mut out),
                        2 => location.remove_connection(ConnectionId((step % 5) as u64), &mut out),
                        3 => assert!(location.lookup(&line, now).len() <= 10),
                        _ => {
                            let flow = flow(Transport::Tcp, (step % 5) as u64);
                            let expires = now + Duration::from_secs(1 + (step % 4) as u64);
                            location
                                .put(now, &line, binding(key, flow, expires), &mut out)
                                .expect("there is room");
                        }
                    }
                }
                out.bindings
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(work(worker))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
    });

    let puts = |changes: &[BindingChange]| {
        changes.iter().filter(|change| matches!(change, BindingChange::Put(..))).count()
    };
    assert!(changes.iter().all(|changes| puts(changes) > 1000), "all had work");
    let held: usize = location.snapshot().iter().map(|(_, bindings)| bindings.len()).sum();
    assert_eq!(location.len(), held, "the count is that of the table");
    assert_eq!(location.deadline().is_some(), held > 0);

    let mut out = Outbox::default();
    while let Some(deadline) = location.deadline() {
        location.expire(deadline, &mut out);
    }
    assert_eq!(out.bindings.len(), held, "each that was left is told once");
    assert!(location.is_empty() && location.snapshot().is_empty());
}

fn binding(key: Arc<str>, flow: Flow, expires: Instant) -> Binding {
    Binding {
        contact: format!("sip:{key}@198.51.100.7").into(),
        key,
        params: "".into(),
        q_milli: 1000,
        path: Box::default(),
        flow,
        call_id: "boot".into(),
        cseq: 1,
        user_agent: "".into(),
        expires,
    }
}
