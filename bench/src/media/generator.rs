//! Far ends on the loopback interface: one thread that sends in bursts of 200 µs, and fetches and checks what it sent.

use std::collections::VecDeque;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use super::{FAR_PORT, Failure, at};

/// What a window showed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// CPU time of generator and relay for each packet sent, in microseconds.
    pub cpu_us: f64,
    /// Packets that arrived.
    pub packets: u64,
    /// Packets that did not.
    pub lost: u64,
    /// Packets that arrived at the wrong far end, from the wrong address, or changed.
    pub astray: u64,
}

/// All far ends: number `2n` and `2n + 1` are the two of session `n`. They send 50 packets/s each.
#[derive(Debug)]
pub struct Generator {
    far_ends: Vec<UdpSocket>,
    sequences: Vec<u16>,
    /// The order in which far ends send within 20 ms.
    order: Vec<usize>,
    packet: [u8; PACKET_BYTES],
}

/// A packet that is on its way.
#[derive(Clone, Copy)]
struct Expected {
    due: Instant,
    sender: usize,
}

impl Generator {
    /// Binds the far ends of sessions from `first` on.
    ///
    /// # Errors
    /// A port is taken, or descriptors are used up.
    pub fn bind(first: u16, sessions: u16) -> Result<Self, Failure> {
        let mut far_ends = Vec::new();
        for far in first * 2..(first + sessions) * 2 {
            let socket = UdpSocket::bind(at(FAR_PORT + far))?;
            socket.set_nonblocking(true)?;
            far_ends.push(socket);
        }
        let count = far_ends.len();
        // A fixed shuffle: neighbours in time are no neighbours in port.
        let mut order: Vec<usize> = (0..count).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for n in (1..count).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(n, usize::try_from(state >> 33)? % (n + 1));
        }
        let mut packet = [0xd5; PACKET_BYTES];
        packet[0] = 0x80;
        packet[1] = 0;
        Ok(Self { far_ends, sequences: vec![0; count], order, packet })
    }

    /// A window after a short run that is not measured.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn measure(&mut self, to: &[SocketAddr], time: Duration, process: u32) -> Result<Window, Failure> {
        self.run(to, Duration::from_millis(300), process)?;
        self.run(to, time, process)
    }

    /// Sends for a time, each far end to its address in `to`; `process` is the relay's, 0 for none. What far end `n` receives
    /// has to come from where `n` itself sends to.
    ///
    /// # Errors
    /// The CPU time of a process cannot be read.
    pub fn run(&mut self, to: &[SocketAddr], time: Duration, process: u32) -> Result<Window, Failure> {
        let mut window = Window::default();
        let mut expected = VecDeque::with_capacity(self.order.len() * 4);
        let mut late = Vec::new();
        let cpu_before_ns = cpu_ns(process)?;
        let begin = Instant::now();
        let mut sent = 0_u64;
        loop {
            let now = Instant::now();
            let elapsed = now - begin;
            if elapsed >= time {
                break;
            }
            let due = u64::try_from(elapsed.as_nanos() * self.order.len() as u128 / PACKET.as_nanos())?;
            while sent < due {
                let sender = self.order[usize::try_from(sent % self.order.len() as u64)?];
                self.send(sender, to[sender]);
                expected.push_back(Expected { due: now + FETCH_AFTER, sender });
                sent += 1;
            }
            self.fetch_due(now, to, &mut expected, &mut window, &mut late);
            thread::sleep(TICK);
        }
        while let Some(next) = expected.front() {
            thread::sleep(next.due.saturating_duration_since(Instant::now()));
            self.fetch_due(Instant::now(), to, &mut expected, &mut window, &mut late);
        }
        let cpu_us = (cpu_ns(process)? - cpu_before_ns) as f64 / 1_000.0;
        // Late packets lie in the sockets still, and are fetched once for each that was missed.
        thread::sleep(if late.is_empty() { Duration::ZERO } else { FETCH_LATE_AFTER });
        for sender in late {
            if !self.fetch(sender, to, &mut window) {
                window.lost += 1;
            }
        }
        window.cpu_us = cpu_us / sent.max(1) as f64;
        Ok(window)
    }

    fn send(&mut self, sender: usize, to: SocketAddr) {
        let sequence = &mut self.sequences[sender];
        *sequence = sequence.wrapping_add(1);
        let number = u32::try_from(sender).unwrap_or(u32::MAX);
        self.packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        self.packet[4..8].copy_from_slice(&(u32::from(*sequence) * 160).to_be_bytes());
        self.packet[8..12].copy_from_slice(&(number + 1).to_be_bytes());
        self.packet[12..16].copy_from_slice(&number.to_be_bytes());
        // A packet that is not sent is missed by its receiver.
        let _sent = self.far_ends[sender].send_to(&self.packet, to).is_ok();
    }

    /// Fetches what is due; senders whose packet was not there are added to `late`.
    fn fetch_due(
        &self,
        now: Instant,
        to: &[SocketAddr],
        expected: &mut VecDeque<Expected>,
        window: &mut Window,
        late: &mut Vec<usize>,
    ) {
        while let Some(next) = expected.front().filter(|next| next.due <= now) {
            let sender = next.sender;
            expected.pop_front();
            if !self.fetch(sender, to, window) {
                late.push(sender);
            }
        }
    }

    /// Fetches a packet of a sender at its receiver and checks it.
    fn fetch(&self, sender: usize, to: &[SocketAddr], window: &mut Window) -> bool {
        let mut buffer = [0; PACKET_BYTES + 1];
        let receiver = sender ^ 1;
        let Ok((length, from)) = self.far_ends[receiver].recv_from(&mut buffer) else { return false };
        window.packets += 1;
        let names_sender = buffer[12..16] == u32::try_from(sender).unwrap_or(u32::MAX).to_be_bytes();
        // What goes through a relay comes from the port that the receiver itself sends to; directly, from the sender.
        if length != PACKET_BYTES || !names_sender || from != to[receiver] {
            window.astray += 1;
        }
        true
    }
}

/// CPU time of this process and another (0: none), in nanoseconds, from `/proc/PID/task/*/schedstat`.
fn cpu_ns(other: u32) -> Result<u64, Failure> {
    let mut total = process_ns("self")?;
    if other != 0 {
        total += process_ns(&other.to_string())?;
    }
    Ok(total)
}

fn process_ns(process: &str) -> Result<u64, Failure> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        total += text.split_whitespace().next().map_or(Ok(0), str::parse::<u64>)?;
    }
    Ok(total)
}

/// Between two bursts.
const TICK: Duration = Duration::from_micros(200);
/// Between two packets of a far end.
const PACKET: Duration = Duration::from_millis(20);
/// When a packet is fetched after it was sent: late enough for a relay that shares the core.
const FETCH_AFTER: Duration = Duration::from_millis(20);
/// How long after a window a packet that was not there may still come before it is lost.
const FETCH_LATE_AFTER: Duration = Duration::from_millis(100);
/// Length of a packet of G.711, in bytes.
const PACKET_BYTES: usize = 172;
