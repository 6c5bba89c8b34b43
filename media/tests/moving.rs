//! Legs that move from one worker to another, in virtual time and in the kernel.
#![expect(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::time::{Duration, Instant};

use trunkline_media::io::simulated::Simulated;
use trunkline_media::rtp::Header;
use trunkline_media::{
    Command, Destinations, Event, Feed, LegId, Parcel, PortPair, RelayConfig, RelayWorker, Remote,
};

use common::{A, ALICE, B, BOB, at, beginning, far_end, rtp};

fn remote(rtp: &str) -> Remote {
    far_end(at(rtp))
}

/// Two workers whose clocks began at different times.
struct Workers {
    workers: [RelayWorker<Simulated>; 2],
    now: Instant,
}

impl Workers {
    fn new() -> Self {
        let now = beginning();
        let destinations = || Destinations::of_engine([], []);
        let config = || RelayConfig { seed: 7, destinations: destinations(), ..RelayConfig::default() };
        let first = RelayWorker::new(now, Simulated::new(), config());
        let later = now + Duration::from_secs(3_600);
        Self { workers: [first, RelayWorker::new(later, Simulated::new(), config())], now: later }
    }

    fn tell(&mut self, worker: usize, command: Command) -> Vec<Event> {
        let mut out = Vec::new();
        self.workers[worker].command(self.now, command, &mut out);
        out
    }

    fn open(&mut self, worker: usize, leg: LegId, port: u16, far: &str) {
        let address = at("0.0.0.0:0").ip();
        let silent_after = Some(Duration::from_secs(10));
        self.tell(worker, Command::Open { leg, ports: PortPair(port), address, silent_after });
        self.tell(worker, Command::Remote(leg, remote(far).into()));
    }

    fn arrives(&mut self, worker: usize, port: u16, from: &str, packet: &[u8]) -> Vec<Header> {
        let mut out = Vec::new();
        self.workers[worker].receive(self.now, port, at(from), &mut packet.to_vec(), &mut out);
        self.sent(worker)
    }

    fn sent(&mut self, worker: usize) -> Vec<Header> {
        let sent = self.workers[worker].io_mut().take_sent();
        sent.iter().map(|sent| Header::read(&sent.packet).unwrap()).collect()
    }

    fn pass(&mut self, seconds: u64) -> Vec<Event> {
        let mut out = Vec::new();
        self.now += Duration::from_secs(seconds);
        for worker in &mut self.workers {
            worker.handle_timeout(self.now, &mut out);
        }
        out
    }

    fn detach(&mut self, worker: usize, leg: LegId) -> Parcel {
        match self.tell(worker, Command::Detach(leg)).pop() {
            Some(Event::Detached { leg: gone, parcel }) if gone == leg => parcel,
            other => panic!("{other:?}"),
        }
    }

    fn move_leg(&mut self, leg: LegId) {
        let parcel = self.detach(0, leg);
        assert!(self.tell(1, Command::Attach { leg, parcel }).is_empty());
    }
}

#[test]
fn a_call_goes_on_at_the_other_worker_in_the_same_stream() {
    let mut workers = Workers::new();
    workers.open(0, A, 20_000, ALICE);
    workers.open(0, B, 20_002, BOB);
    workers.tell(0, Command::Feed(B, Feed::Leg(A)));
    let before = workers.arrives(0, 20_000, ALICE, &rtp(7, 100))[0];
    workers.now += Duration::from_millis(20);
    // Bob first: he waits for Alice.
    workers.move_leg(B);
    workers.tell(1, Command::Feed(B, Feed::Leg(A)));
    workers.move_leg(A);
    assert_eq!((workers.workers[0].legs_open(), workers.workers[1].legs_open()), (0, 2));
    assert!(workers.arrives(0, 20_000, ALICE, &rtp(7, 101)).is_empty());
    let after = workers.arrives(1, 20_000, ALICE, &rtp(7, 101))[0];
    assert_eq!(
        (after.ssrc, after.sequence, after.timestamp),
        (before.ssrc, before.sequence.wrapping_add(1), before.timestamp + 160)
    );
}

#[test]
fn what_was_learnt_of_the_far_end_moves_along() {
    let mut workers = Workers::new();
    workers.open(0, A, 20_000, ALICE);
    workers.arrives(0, 20_000, "192.0.2.1:4444", &rtp(7, 1));
    workers.move_leg(A);
    workers.tell(1, Command::Feed(A, Feed::Silence));
    workers.pass(0);
    let sent = workers.workers[1].io_mut().take_sent();
    assert_eq!(sent[0].to, at("192.0.2.1:4444"));
    // Another port of the address is foreign while the latched one spoke within five seconds.
    workers.arrives(1, 20_000, "192.0.2.1:5555", &rtp(8, 1));
    let stats = workers.tell(1, Command::Stats(A));
    assert!(
        matches!(&stats[..], [Event::Stats { stats, .. }] if stats.foreign == 1 && stats.packets_received == 1)
    );
}

#[test]
fn silence_is_still_watched() {
    let mut workers = Workers::new();
    workers.open(0, A, 20_000, ALICE);
    workers.arrives(0, 20_000, ALICE, &rtp(7, 1));
    workers.pass(6);
    workers.move_leg(A);
    assert!(workers.pass(3).is_empty(), "the silence counts from the last word");
    assert!(matches!(workers.pass(2)[..], [Event::Silent { leg: A }]));
}

#[test]
fn who_heard_a_leg_that_left_hears_nothing() {
    let mut workers = Workers::new();
    workers.open(0, A, 20_000, ALICE);
    workers.open(0, B, 20_002, BOB);
    workers.tell(0, Command::Feed(B, Feed::Leg(A)));
    workers.tell(0, Command::Feed(A, Feed::Leg(B)));
    workers.move_leg(A);
    assert!(workers.arrives(1, 20_000, ALICE, &rtp(7, 1)).is_empty());
    assert!(workers.arrives(0, 20_002, BOB, &rtp(9, 1)).is_empty());
}

#[test]
fn a_leg_that_cannot_be_taken_is_reported_and_its_ports_are_closed() {
    let mut workers = Workers::new();
    workers.open(0, A, 20_000, ALICE);
    workers.open(1, A, 20_002, BOB);
    let parcel = workers.detach(0, A);
    let told = workers.tell(1, Command::Attach { leg: A, parcel });
    assert!(matches!(told[..], [Event::OpenFailed { leg: A, ports: PortPair(20_000) }]));
    assert_eq!((workers.workers[0].io().bound(), workers.workers[1].io().bound()), (0, 2));

    workers.open(0, B, 20_004, ALICE);
    workers.workers[1].io_mut().take_port(20_005);
    let parcel = workers.detach(0, B);
    let told = workers.tell(1, Command::Attach { leg: B, parcel });
    assert!(matches!(told[..], [Event::OpenFailed { leg: B, .. }]));
    assert_eq!(workers.workers[1].io().bound(), 2);
}

#[test]
fn a_parcel_that_is_dropped_closes_its_sockets_and_an_empty_one_does_nothing() {
    let mut workers = Workers::new();
    workers.open(0, A, 20_000, ALICE);
    drop(workers.detach(0, A));
    assert_eq!(workers.workers[0].io().bound(), 0);
    assert!(workers.tell(0, Command::Detach(A)).is_empty(), "there is no such leg");
    assert!(workers.tell(1, Command::Attach { leg: A, parcel: Parcel::empty() }).is_empty());
    assert_eq!(workers.workers[1].legs_open(), 0);
}

#[test]
fn what_arrives_on_the_way_waits_in_the_kernel() {
    use std::net::UdpSocket;
    use std::sync::mpsc;
    use trunkline_media::RelayThread;

    let (events, told) = mpsc::channel();
    let threads: Vec<RelayThread> = (0..2)
        .map(|n| {
            let events = events.clone();
            let on_event = Box::new(move |event| events.send(event).err().map(|refused| refused.0));
            RelayThread::spawn(n, RelayConfig::default(), on_event).unwrap()
        })
        .collect();
    let handles: Vec<_> = threads.iter().map(RelayThread::handle).collect();
    let bob = UdpSocket::bind("127.0.0.1:0").unwrap();
    bob.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let alice = UdpSocket::bind("127.0.0.1:0").unwrap();
    let far = |socket: &UdpSocket| socket.local_addr().unwrap().to_string();
    for (leg, ports, socket) in [(A, 29_400, &alice), (B, 29_402, &bob)] {
        let address = at("127.0.0.1:0").ip();
        let open = Command::Open { leg, ports: PortPair(ports), address, silent_after: None };
        handles[0].send(open).unwrap();
        handles[0].send(Command::Remote(leg, remote(&far(socket)).into())).unwrap();
    }
    for leg in [A, B] {
        handles[0].send(Command::Detach(leg)).unwrap();
    }
    let mut parcels = Vec::new();
    while parcels.len() < 2 {
        if let Event::Detached { leg, parcel } = told.recv_timeout(Duration::from_secs(5)).unwrap() {
            parcels.push((leg, parcel));
        }
    }
    for sequence in 0..50 {
        alice.send_to(&rtp(7, sequence), "127.0.0.1:29400").unwrap();
    }
    handles[1].send(Command::Feed(B, Feed::Leg(A))).unwrap();
    // The listener first, so that nothing is said to nobody.
    for (leg, parcel) in parcels.into_iter().rev() {
        handles[1].send(Command::Attach { leg, parcel }).unwrap();
        if leg == B {
            handles[1].send(Command::Feed(B, Feed::Leg(A))).unwrap();
        }
    }
    let mut packet = [0; 2_048];
    for sequence in 0..50 {
        let (length, _) = bob.recv_from(&mut packet).unwrap();
        assert_eq!(Header::read(&packet[..length]).unwrap().sequence, sequence);
    }
    drop(handles);
    threads.into_iter().for_each(RelayThread::join);
}
