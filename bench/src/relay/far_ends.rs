//! The load: far ends that send in bursts of 200 µs, receive, and check every packet.
//!
//! Two ways of receiving. For cost ([`FarEnds::cost`]) everything shares a core: what was sent is fetched 20 ms later by the
//! clock, one system call a packet and no wake-up. For delay and loss ([`FarEnds::load`]) the relay has another core, and a
//! thread that waits on an epoll takes each packet as it arrives.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::epoll::{
    EpollCreateFlags, EpollEvent, EpollFlags, EpollOp, epoll_create1, epoll_ctl, epoll_wait,
};

use super::cpu::{Meter, this_thread_ns};
use super::{Failure, PACKETS_PER_SECOND, SESSIONS_MAX, far_port, percentile};

/// One way between the far ends.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// Where each end sends to. What its partner says comes to it from there.
    pub to: &'a [SocketAddr],
    /// The process that relays, if it is one.
    pub process: Option<u32>,
}

/// What a window showed.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// CPU time of all who took part, for each packet that arrived, in nanoseconds.
    pub cpu_ns: f64,
    /// Packets sent.
    pub sent: u64,
    /// Packets a second that were to be sent.
    pub rate: f64,
    /// For how long.
    pub seconds: f64,
    /// Packets that arrived.
    pub received: u64,
    /// Packets that arrived at the wrong end, from the wrong address, changed, twice, or out of order.
    pub astray: u64,
    /// Delays of packets in microseconds, half of them and 99 of a hundred below; NaN where they were not timed.
    pub delay_us: (f64, f64),
}

impl Window {
    /// Packets that did not arrive.
    pub const fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    /// Whether the generator sent what it was to send.
    pub fn is_complete(&self) -> bool {
        self.sent as f64 + 2.0 >= 0.98 * self.rate * self.seconds
    }
}

/// All far ends of the client and the server.
#[derive(Debug)]
pub struct FarEnds {
    sockets: Vec<UdpSocket>,
    sequences: Vec<u16>,
    /// The last sequence number that each end heard.
    heard: Vec<u16>,
    meter: Meter,
    began: Instant,
}

impl FarEnds {
    /// Opens the ends of so many sessions in the namespaces of client and server.
    ///
    /// # Errors
    /// A namespace may not be entered, a port is taken, or descriptors are used up.
    pub fn open(namespaces: [PathBuf; 2], sessions: u16, meter: Meter) -> Result<Self, Failure> {
        let sessions = sessions.min(SESSIONS_MAX);
        let mut sides = Vec::new();
        for (side, namespace) in namespaces.into_iter().enumerate() {
            // A thread changes its namespace for good, its sockets keep it.
            let opened = thread::spawn(move || open_side(&namespace, side, sessions)).join();
            sides.push(opened.map_err(|_| "a thread panicked")??);
        }
        let count = usize::from(sessions) * 2;
        let [client, server] = <[_; 2]>::try_from(sides).map_err(|_| "two sides")?;
        let sockets = client.into_iter().zip(server).flat_map(|(client, server)| [client, server]).collect();
        Ok(Self { sockets, sequences: vec![0; count], heard: vec![0; count], meter, began: Instant::now() })
    }

    /// Measures what a packet costs by this way, all on the present core, after a short run that is not measured.
    ///
    /// # Errors
    /// A process has ended.
    pub fn cost(&mut self, way: &Way<'_>, streams: usize, time: Duration) -> Result<Window, Failure> {
        self.send_and_fetch(way, streams, WARM_UP)?;
        self.send_and_fetch(way, streams, time)
    }

    /// Measures delay and loss by this way, after a short run that is not measured.
    ///
    /// # Errors
    /// A process has ended, or an epoll is not to be had.
    pub fn load(&mut self, way: &Way<'_>, streams: usize, time: Duration) -> Result<Window, Failure> {
        self.send_and_await(way, streams, WARM_UP)?;
        self.send_and_await(way, streams, time)
    }

    fn send_and_fetch(&mut self, way: &Way<'_>, streams: usize, time: Duration) -> Result<Window, Failure> {
        let meter = self.meter.clone();
        let (mut sending, mut hearing) = self.split(way, streams);
        let mut expected: VecDeque<(Instant, usize)> = VecDeque::with_capacity(streams * 4);
        let before_ns = meter.read_ns(way.process)?;
        let begin = Instant::now();
        loop {
            let now = Instant::now();
            if now - begin >= time {
                break;
            }
            sending.send_due(now - begin, |end| expected.push_back((now + FETCH_AFTER, end)));
            hearing.fetch_due(now, &mut expected);
            thread::sleep(TICK);
        }
        let seconds = begin.elapsed().as_secs_f64();
        while let Some((due, _)) = expected.front() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            hearing.fetch_due(Instant::now(), &mut expected);
        }
        let cpu_ns = meter.read_ns(way.process)? - before_ns;
        if hearing.received < sending.sent {
            thread::sleep(LATE);
            hearing.fetch_rest();
        }
        Ok(window(&sending, hearing, seconds, cpu_ns))
    }

    fn send_and_await(&mut self, way: &Way<'_>, streams: usize, time: Duration) -> Result<Window, Failure> {
        let meter = self.meter.clone();
        let began = self.began;
        let (mut sending, mut hearing) = self.split(way, streams);
        hearing.delays_ns = Some((began, Vec::with_capacity(sending.expected(time))));
        let watch = Watch::of(&hearing.sockets[..streams])?;
        // How many were sent, once all are.
        let all_sent = AtomicU64::new(u64::MAX);
        let before_ns = meter.read_ns(way.process)?;
        let begin = Instant::now();
        let (sending, seconds, sender_ns) = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                while begin.elapsed() < time {
                    sending.send_due(begin.elapsed(), |_| ());
                    thread::sleep(TICK);
                }
                all_sent.store(sending.sent, Ordering::Relaxed);
                // Its time is not among that of the process once it has ended.
                (sending, begin.elapsed().as_secs_f64(), this_thread_ns())
            });
            let mut last = Instant::now();
            loop {
                let ready = watch.wait(&mut hearing)?;
                if ready > 0 {
                    last = Instant::now();
                    // The sender has the same priority, and its burst may be due.
                    thread::yield_now();
                }
                let all_sent = all_sent.load(Ordering::Relaxed);
                if hearing.received >= all_sent || all_sent < u64::MAX && last.elapsed() > LATE {
                    break;
                }
            }
            sender.join().map_err(|_| Failure::from("the sender panicked"))
        })?;
        let cpu_ns = meter.read_ns(way.process)? - before_ns + sender_ns?;
        Ok(window(&sending, hearing, seconds, cpu_ns))
    }

    fn split<'a>(&'a mut self, way: &Way<'a>, streams: usize) -> (Sending<'a>, Hearing<'a>) {
        let streams = streams.min(self.sockets.len());
        let mut packet = [0xd5; PACKET_BYTES];
        packet[..2].copy_from_slice(&[0x80, 0]);
        let sending = Sending {
            sockets: &self.sockets,
            to: way.to,
            sequences: &mut self.sequences,
            order: shuffled(streams),
            packet,
            began: self.began,
            sent: 0,
        };
        let hearing = Hearing {
            sockets: &self.sockets,
            from: way.to,
            heard: &mut self.heard,
            streams,
            received: 0,
            astray: 0,
            delays_ns: None,
        };
        (sending, hearing)
    }
}

fn window(sending: &Sending<'_>, hearing: Hearing<'_>, seconds: f64, cpu_ns: u64) -> Window {
    let delays_us: Vec<f64> = hearing
        .delays_ns
        .map(|(_, delays_ns)| delays_ns.into_iter().map(|ns| f64::from(ns) / 1_000.0).collect())
        .unwrap_or_default();
    Window {
        cpu_ns: cpu_ns as f64 / hearing.received.max(1) as f64,
        sent: sending.sent,
        rate: (sending.order.len() as u32 * PACKETS_PER_SECOND).into(),
        seconds,
        received: hearing.received,
        astray: hearing.astray,
        delay_us: (percentile(&delays_us, 50), percentile(&delays_us, 99)),
    }
}

/// What the sender has in hand.
struct Sending<'a> {
    sockets: &'a [UdpSocket],
    to: &'a [SocketAddr],
    sequences: &'a mut [u16],
    /// The order in which ends send within 20 ms.
    order: Vec<usize>,
    packet: [u8; PACKET_BYTES],
    began: Instant,
    sent: u64,
}

impl Sending<'_> {
    /// How many packets that time holds.
    fn expected(&self, time: Duration) -> usize {
        self.order.len() * (time.as_millis() as usize / 20 + 2)
    }

    /// Sends what is due after so much time.
    fn send_due(&mut self, elapsed: Duration, mut on_sent: impl FnMut(usize)) {
        let count = self.order.len() as u64;
        let due = elapsed.as_micros() as u64 * u64::from(PACKETS_PER_SECOND) * count / 1_000_000;
        while self.sent < due {
            let end = self.order[(self.sent % count) as usize];
            self.send(end);
            on_sent(end);
            self.sent += 1;
        }
    }

    fn send(&mut self, end: usize) {
        let sequence = self.sequences[end].wrapping_add(1);
        self.sequences[end] = sequence;
        let name = end as u32;
        self.packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        self.packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
        self.packet[8..12].copy_from_slice(&(name + 1).to_be_bytes());
        self.packet[12..16].copy_from_slice(&name.to_be_bytes());
        let now_ns = self.began.elapsed().as_nanos() as u64;
        self.packet[16..24].copy_from_slice(&now_ns.to_be_bytes());
        // A packet that is not sent is missed by its receiver.
        let _sent = self.sockets[end].send_to(&self.packet, self.to[end]).is_ok();
    }
}

/// What the receiver has in hand.
struct Hearing<'a> {
    sockets: &'a [UdpSocket],
    from: &'a [SocketAddr],
    heard: &'a mut [u16],
    streams: usize,
    received: u64,
    astray: u64,
    /// Delays, and the moment from which the times in packets count; only where they are to be measured.
    delays_ns: Option<(Instant, Vec<u32>)>,
}

impl Hearing<'_> {
    /// Fetches, for each end whose packet is due, one packet at its partner.
    fn fetch_due(&mut self, now: Instant, expected: &mut VecDeque<(Instant, usize)>) {
        while let Some(&(_, end)) = expected.front().filter(|(due, _)| *due <= now) {
            expected.pop_front();
            self.fetch(end ^ 1);
        }
    }

    /// Fetches what lies in the sockets still.
    fn fetch_rest(&mut self) {
        for end in 0..self.streams {
            while self.fetch(end) {}
        }
    }

    /// Fetches a packet at an end and checks it.
    fn fetch(&mut self, end: usize) -> bool {
        let mut buffer = [0; PACKET_BYTES + 1];
        let Ok((length, from)) = self.sockets[end].recv_from(&mut buffer) else { return false };
        if let Some((began, delays_ns)) = &mut self.delays_ns {
            let mut sent_ns = [0; 8];
            sent_ns.copy_from_slice(&buffer[16..24]);
            let delay_ns = (began.elapsed().as_nanos() as u64).saturating_sub(u64::from_be_bytes(sent_ns));
            delays_ns.push(u32::try_from(delay_ns).unwrap_or(u32::MAX));
        }
        self.received += 1;
        let sequence = u16::from_be_bytes([buffer[2], buffer[3]]);
        let ahead = sequence.wrapping_sub(self.heard[end]);
        self.heard[end] = sequence;
        let is_partners = buffer[12..16] == (end as u32 ^ 1).to_be_bytes();
        if length != PACKET_BYTES || !is_partners || from != self.from[end] || !(1..0x8000).contains(&ahead) {
            self.astray += 1;
        }
        true
    }
}

/// An epoll on the sockets of a window.
struct Watch<'a> {
    epoll: RawFd,
    sockets: &'a [UdpSocket],
}

impl<'a> Watch<'a> {
    fn of(sockets: &'a [UdpSocket]) -> Result<Self, Failure> {
        let watch = Self { epoll: epoll_create1(EpollCreateFlags::EPOLL_CLOEXEC)?, sockets };
        for (end, socket) in sockets.iter().enumerate() {
            let mut event = EpollEvent::new(EpollFlags::EPOLLIN, end as u64);
            epoll_ctl(watch.epoll, EpollOp::EpollCtlAdd, socket.as_raw_fd(), &mut event)?;
        }
        Ok(watch)
    }

    /// Waits for packets, 20 ms at most, and fetches one from each ready socket; returns how many.
    fn wait(&self, hearing: &mut Hearing<'_>) -> Result<usize, Failure> {
        let mut events = [EpollEvent::empty(); 64];
        let ready = epoll_wait(self.epoll, &mut events, 20)?;
        for event in &events[..ready] {
            hearing.fetch(event.data() as usize);
        }
        Ok(ready)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        for socket in self.sockets {
            let _forgotten = epoll_ctl(self.epoll, EpollOp::EpollCtlDel, socket.as_raw_fd(), None).is_ok();
        }
        let _closed = nix::unistd::close(self.epoll).is_ok();
    }
}

fn open_side(namespace: &PathBuf, side: usize, sessions: u16) -> Result<Vec<UdpSocket>, Failure> {
    let file = File::open(namespace)?;
    setns(file.as_raw_fd(), CloneFlags::CLONE_NEWNET)?;
    let open = |session: usize| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, far_port(2 * session + side)))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    Ok((0..usize::from(sessions)).map(open).collect::<io::Result<_>>()?)
}

/// A fixed shuffle: neighbours in time are no neighbours in port.
fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for n in (1..count).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(n, (state >> 33) as usize % (n + 1));
    }
    order
}

/// Between two bursts.
const TICK: Duration = Duration::from_micros(200);
/// What runs before a window and is not measured.
const WARM_UP: Duration = Duration::from_millis(300);
/// When a packet is fetched after it was sent: late enough for a relay that shares the core.
const FETCH_AFTER: Duration = Duration::from_millis(20);
/// How long after the last packet another may still come before it is lost: overloaded relays queue half a second.
const LATE: Duration = Duration::from_millis(700);
/// Length of a packet of G.711, in bytes.
const PACKET_BYTES: usize = 172;
