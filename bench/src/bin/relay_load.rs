//! CPU per relayed packet, beyond sending it directly: Trunkline's relay beside rtpengine in user space.
//!
//! ```text
//! generator A ──▶ relay ──▶ generator B      one process sends and receives for all far ends, 50 packets/s a direction
//! ```
//!
//! The figure is a difference of totals, for receive work of the next hop runs in the sender's system call: CPU time of
//! generator and relay together in a relayed window, less that of a direct window beside it, for each packet. Windows are
//! interleaved, and medians taken over rounds. Every packet is checked: its session, its source address, its receiver.

use std::collections::VecDeque;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

/// Measures added CPU per relayed packet, side by side.
#[derive(Debug, Parser)]
struct Arguments {
    /// Two-way sessions; each is 100 packets a second.
    #[arg(long, default_value_t = 400)]
    sessions: u16,
    /// Rounds; medians are taken over them.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of one window.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// The binary of Trunkline's relay; by default beside this one.
    #[arg(long)]
    relay: Option<PathBuf>,
    /// The binary of rtpengine; empty leaves it out.
    #[arg(long, default_value = "rtpengine")]
    rtpengine: String,
}

const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;
const FAR_PORT: u16 = 12_000;
const RELAY_PORT: u16 = 22_000;
const RTPENGINE_PORTS: (u16, u16) = (26_000, 32_767);
const RTPENGINE_CONTROL: u16 = 32_223;
const SESSIONS_MAX: u16 = 1_000;

const TICK: Duration = Duration::from_micros(200);
const PACKET: Duration = Duration::from_millis(20);
/// When a packet is fetched after it was sent: late enough for a relay that shares the core.
const FETCH_AFTER: Duration = Duration::from_millis(20);
/// How long after a window a packet that was not there may still come before it is lost.
const FETCH_LATE_AFTER: Duration = Duration::from_millis(100);
const PACKET_BYTES: usize = 172;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let sessions = arguments.sessions.clamp(1, SESSIONS_MAX);
    let mut out = io::stdout().lock();
    let mut generator = Generator::bind(sessions)?;
    let own_relay = OwnRelay::start(&arguments, sessions)?;
    let mut paths = vec![Path {
        name: "trunkline",
        to: (0..sessions * 2).map(|far| at(RELAY_PORT + 2 * far)).collect(),
        process: own_relay.child.id(),
        added_us: Vec::new(),
        ratios: Vec::new(),
    }];
    let rtpengine =
        if arguments.rtpengine.is_empty() { None } else { RtpEngine::start(&arguments.rtpengine) };
    if let Some(rtpengine) = &rtpengine {
        let to = rtpengine.open_sessions(sessions)?;
        paths.push(Path {
            name: "rtpengine",
            to,
            process: rtpengine.child.id(),
            added_us: Vec::new(),
            ratios: Vec::new(),
        });
    } else {
        writeln!(out, "rtpengine is not installed: no ratio")?;
    }
    writeln!(
        out,
        "{sessions} sessions, {} packets/s, windows of {} s",
        u32::from(sessions) * 100,
        arguments.seconds
    )?;

    // rtpengine forwards by its slow path until it has learnt its far ends for three seconds.
    for path in &paths {
        generator.run(&path.to, Duration::from_secs(4), path.process)?;
    }
    let directly: Vec<SocketAddr> = (0..sessions * 2).map(|far| at(FAR_PORT + (far ^ 1))).collect();
    let window = Duration::from_secs(arguments.seconds.max(1));
    let mut direct_us = Vec::new();
    for round in 1..=arguments.rounds.max(1) {
        for path in &mut paths {
            let direct = generator.measure(&directly, window, 0)?;
            let relayed = generator.measure(&path.to, window, path.process)?;
            let added_us = relayed.cpu_us - direct.cpu_us;
            writeln!(
                out,
                "round {round} {:9} direct {:6.2} relayed {:6.2} added {added_us:6.2} us/packet; {} packets, {} lost, {} astray",
                path.name, direct.cpu_us, relayed.cpu_us, relayed.packets, relayed.lost, relayed.astray,
            )?;
            direct_us.push(direct.cpu_us);
            path.added_us.push(added_us);
            path.ratios.push(added_us / direct.cpu_us);
        }
    }
    drop(rtpengine);
    let counters = own_relay.end()?;
    writeln!(out, "{counters}")?;
    report(&mut out, &paths, &direct_us)
}

/// Medians, raw and corrected for the drift of the machine's speed by the direct window beside each.
fn report(out: &mut impl Write, paths: &[Path], direct_us: &[f64]) -> Result<(), Failure> {
    let direct = median(direct_us);
    writeln!(out, "direct    {direct:6.2} CPU s per million packets")?;
    for path in paths {
        writeln!(
            out,
            "{:9} {:6.2} CPU s per million packets added ({:.2} drift-corrected)",
            path.name,
            median(&path.added_us),
            median(&path.ratios) * direct,
        )?;
    }
    if let [ours, theirs] = paths {
        let by_round: Vec<f64> =
            ours.ratios.iter().zip(&theirs.ratios).map(|(ours, theirs)| ours / theirs).collect();
        writeln!(
            out,
            "trunkline / rtpengine: {:.2} (medians), {:.2} (drift-corrected), {:.2} (median of rounds)",
            median(&ours.added_us) / median(&theirs.added_us),
            median(&ours.ratios) / median(&theirs.ratios),
            median(&by_round),
        )?;
    }
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

const fn at(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(ADDRESS), port)
}

/// One way through which packets are sent, and what it cost in each round.
struct Path {
    name: &'static str,
    /// Where each far end sends to; what its peer receives comes from where the peer sends to.
    to: Vec<SocketAddr>,
    process: u32,
    added_us: Vec<f64>,
    ratios: Vec<f64>,
}

/// What a window showed.
#[derive(Default)]
struct Window {
    cpu_us: f64,
    packets: u64,
    lost: u64,
    astray: u64,
}

/// All far ends: number `2n` and `2n + 1` are the two of session `n`.
struct Generator {
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
    fn bind(sessions: u16) -> Result<Self, Failure> {
        let mut far_ends = Vec::new();
        for far in 0..sessions * 2 {
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
    fn measure(&mut self, to: &[SocketAddr], time: Duration, process: u32) -> Result<Window, Failure> {
        self.run(to, Duration::from_millis(300), process)?;
        self.run(to, time, process)
    }

    fn run(&mut self, to: &[SocketAddr], time: Duration, process: u32) -> Result<Window, Failure> {
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

/// Trunkline's relay in its process.
struct OwnRelay {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl OwnRelay {
    fn start(arguments: &Arguments, sessions: u16) -> Result<Self, Failure> {
        let binary = match &arguments.relay {
            Some(binary) => binary.clone(),
            None => std::env::current_exe()?.with_file_name("media_relay"),
        };
        let mut child = Command::new(binary)
            .args(["--sessions", &sessions.to_string()])
            .args(["--first", &RELAY_PORT.to_string(), "--far", &FAR_PORT.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        if line.trim() != "ready" {
            return Err("the relay did not start".into());
        }
        Ok(Self { child, output })
    }

    fn end(mut self) -> Result<String, Failure> {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        self.child.wait()?;
        Ok(line.trim().to_owned())
    }
}

/// rtpengine in user space, spoken to by its control protocol.
struct RtpEngine {
    child: Child,
}

impl Drop for RtpEngine {
    fn drop(&mut self) {
        let _ended = self.child.kill().is_ok() && self.child.wait().is_ok();
    }
}

impl RtpEngine {
    fn start(binary: &str) -> Option<Self> {
        let (first, last) = RTPENGINE_PORTS;
        let child = Command::new(binary)
            .args(["--table=-1", "--num-threads=1", "--foreground", "--log-level=2", "--log-stderr"])
            .arg(format!("--listen-ng=127.0.0.1:{RTPENGINE_CONTROL}"))
            .arg("--interface=127.0.0.1")
            .args([format!("--port-min={first}"), format!("--port-max={last}")])
            .arg("--config-file=none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { child })
    }

    /// Opens sessions between the far ends; returns where each of them sends to.
    fn open_sessions(&self, sessions: u16) -> Result<Vec<SocketAddr>, Failure> {
        let control = UdpSocket::bind(at(0))?;
        control.connect(at(RTPENGINE_CONTROL))?;
        control.set_read_timeout(Some(Duration::from_millis(500)))?;
        let mut to = Vec::new();
        for session in 0..sessions {
            let far = FAR_PORT + 2 * session;
            let callee_sends_to = ask(&control, "offer", session, far)?;
            let caller_sends_to = ask(&control, "answer", session, far + 1)?;
            to.extend([at(caller_sends_to), at(callee_sends_to)]);
        }
        Ok(to)
    }
}

/// One offer or answer with the SDP of a far end; returns the port that rtpengine put in its place.
fn ask(control: &UdpSocket, command: &str, session: u16, far_port: u16) -> Result<u16, Failure> {
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {far_port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
    );
    let call = format!("session-{session}");
    let cookie = format!("{command}-{session}");
    let mut fields =
        vec![("command", command), ("call-id", &call), ("from-tag", "a"), ("sdp", &sdp), ("ICE", "remove")];
    if command == "answer" {
        fields.push(("to-tag", "b"));
    }
    let mut request = format!("{cookie} d");
    for (key, value) in fields {
        request += &format!("{}:{key}{}:{value}", key.len(), value.len());
    }
    request.push('e');
    let mut buffer = [0; 8_192];
    for _ in 0..20 {
        control.send(request.as_bytes())?;
        let Ok(length) = control.recv(&mut buffer) else {
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let answer = String::from_utf8_lossy(&buffer[..length]);
        if !answer.starts_with(&cookie) {
            continue;
        }
        let port = answer.split_once("m=audio ").and_then(|(_, rest)| rest.split(' ').next());
        return Ok(port.ok_or_else(|| format!("rtpengine refused: {answer}"))?.parse()?);
    }
    Err("rtpengine does not answer".into())
}
