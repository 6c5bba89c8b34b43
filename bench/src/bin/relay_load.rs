//! Trunkline's relay beside rtpengine in user space: CPU for each relayed packet, and the delay that relaying adds.
//!
//! ```text
//! far end ──▶ relay ──▶ far end      one process sends and receives for all far ends, 50 packets/s a direction
//! ```
//!
//! Cost is a difference of totals, for receive work of the next hop runs in the sender's system call: CPU time of
//! generator and relay together in a relayed window, less that of a direct window beside it, for each packet. Windows are
//! interleaved, and medians taken over rounds. Every packet is checked: its session, its source address, its receiver.
//!
//! Delay is that of single packets of one more session while the others are under load, the relays on another core.

use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use trunkline_bench::media::generator::Generator;
use trunkline_bench::media::relays::{OwnRelay, RtpEngine};
use trunkline_bench::media::{FAR_PORT, Failure, SESSIONS_MAX, at, median, percentile};

/// Measures relays side by side.
#[derive(Debug, Parser)]
#[command(args_override_self = true)]
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
    /// Measure delay, not cost.
    #[arg(long)]
    delay: bool,
    /// The core that the relays run on; by default where this process may.
    #[arg(long)]
    relay_core: Option<usize>,
    /// The binary of Trunkline's relay; by default beside this one.
    #[arg(long)]
    relay: Option<PathBuf>,
    /// The binary of rtpengine; empty leaves it out.
    #[arg(long, default_value = "rtpengine")]
    rtpengine: String,
}

/// One way through which packets are sent.
struct Way {
    name: &'static str,
    /// Where each far end sends to; what its peer receives comes from where the peer sends to.
    to: Vec<SocketAddr>,
    process: u32,
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let sessions = arguments.sessions.clamp(1, SESSIONS_MAX - 1);
    let mut out = io::stdout().lock();
    // The last session is for single packets whose delay is measured.
    let mut generator = Generator::bind(0, sessions)?;
    let relay = match &arguments.relay {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("media_relay"),
    };
    let own_relay = OwnRelay::start(&relay, arguments.relay_core, sessions + 1)?;
    let to = OwnRelay::addresses(sessions + 1);
    let mut ways = vec![Way { name: "trunkline", to, process: own_relay.process() }];
    let rtpengine = if arguments.rtpengine.is_empty() {
        None
    } else {
        RtpEngine::start(&arguments.rtpengine, arguments.relay_core)
    };
    if let Some(rtpengine) = &rtpengine {
        let to = rtpengine.open_sessions(sessions + 1)?;
        ways.push(Way { name: "rtpengine", to, process: rtpengine.process() });
    } else {
        writeln!(out, "no rtpengine here: no ratio")?;
    }
    let directly = (0..=sessions * 2 + 1).map(|far| at(FAR_PORT + (far ^ 1))).collect();
    let direct = Way { name: "direct", to: directly, process: 0 };
    let rate = u32::from(sessions) * 100;
    writeln!(out, "{sessions} sessions, {rate} packets/s, windows of {} s", arguments.seconds)?;

    // rtpengine forwards by its slow path until it has learnt its far ends for three seconds.
    for way in &ways {
        generator.run(&way.to, Duration::from_secs(4), way.process)?;
    }
    let window = Duration::from_secs(arguments.seconds.max(1));
    if arguments.delay {
        ways.insert(0, direct);
        measure_delay(&mut out, generator, sessions, &ways, window, arguments.rounds)?;
    } else {
        measure_cost(&mut out, generator, &direct, &ways, window, arguments.rounds)?;
    }
    drop(rtpengine);
    writeln!(out, "{}", own_relay.end()?)?;
    Ok(())
}

fn measure_cost(
    out: &mut impl Write,
    mut generator: Generator,
    direct: &Way,
    ways: &[Way],
    window: Duration,
    rounds: usize,
) -> Result<(), Failure> {
    let mut direct_us = Vec::new();
    // For each way and round: CPU added, and its ratio to the direct window beside it.
    let mut added_us = vec![Vec::new(); ways.len()];
    let mut ratios = vec![Vec::new(); ways.len()];
    for round in 1..=rounds.max(1) {
        for (n, way) in ways.iter().enumerate() {
            let beside = generator.measure(&direct.to, window, direct.process)?;
            let relayed = generator.measure(&way.to, window, way.process)?;
            let added = relayed.cpu_us - beside.cpu_us;
            writeln!(
                out,
                "round {round} {:9} direct {:6.2} relayed {:6.2} added {added:6.2} us/packet; {} packets, {} lost, {} astray",
                way.name, beside.cpu_us, relayed.cpu_us, relayed.packets, relayed.lost, relayed.astray,
            )?;
            direct_us.push(beside.cpu_us);
            added_us[n].push(added);
            ratios[n].push(added / beside.cpu_us);
        }
    }
    // The speed of the machine drifts: by the direct window beside each, what is added is freed of it.
    let direct = median(&direct_us);
    writeln!(out, "direct    {direct:6.2} CPU s per million packets")?;
    for (n, way) in ways.iter().enumerate() {
        let (added, corrected) = (median(&added_us[n]), median(&ratios[n]) * direct);
        writeln!(
            out,
            "{:9} {added:6.2} CPU s per million packets added ({corrected:.2} drift-corrected)",
            way.name
        )?;
    }
    if let [ours, theirs] = &ratios[..] {
        let by_round: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        writeln!(
            out,
            "trunkline / rtpengine: {:.2} (medians), {:.2} (drift-corrected), {:.2} (median of rounds)",
            median(&added_us[0]) / median(&added_us[1]),
            median(ours) / median(theirs),
            median(&by_round),
        )?;
    }
    Ok(())
}

fn measure_delay(
    out: &mut impl Write,
    generator: Generator,
    sessions: u16,
    ways: &[Way],
    window: Duration,
    rounds: usize,
) -> Result<(), Failure> {
    let prober = Prober::bind(sessions)?;
    let mut delays_us = vec![Vec::new(); ways.len()];
    let mut generator = Some(generator);
    for _ in 0..rounds.max(1) {
        for (n, way) in ways.iter().enumerate() {
            let (to, process) = (way.to.clone(), way.process);
            let mut load = generator.take().ok_or("the generator is away")?;
            let thread = thread::spawn(move || {
                let ended =
                    load.run(&to, window + Duration::from_millis(500), process).map(|window| window.lost);
                (load, ended.map_err(|failure| failure.to_string()))
            });
            thread::sleep(Duration::from_millis(250));
            delays_us[n].extend(prober.probe(way, window)?);
            let (load, ended) = thread.join().map_err(|_| "the generator panicked")?;
            let lost = ended?;
            if lost > 0 {
                writeln!(out, "{}: {lost} packets of the load lost", way.name)?;
            }
            generator = Some(load);
        }
    }
    for (way, delays_us) in ways.iter().zip(&delays_us) {
        writeln!(
            out,
            "{:9} delay p50 {:6.0} p99 {:6.0} max {:6.0} us of {} packets",
            way.name,
            median(delays_us),
            percentile(delays_us, 99),
            percentile(delays_us, 100),
            delays_us.len(),
        )?;
    }
    Ok(())
}

/// Sends single packets from one far end of a session to the other, and times them.
struct Prober {
    session: u16,
    from: UdpSocket,
    to: UdpSocket,
}

/// Between two single packets: no multiple of the load's bursts.
const PROBE_INTERVAL: Duration = Duration::from_micros(3_870);

impl Prober {
    fn bind(session: u16) -> Result<Self, Failure> {
        let from = UdpSocket::bind(at(FAR_PORT + 2 * session))?;
        let to = UdpSocket::bind(at(FAR_PORT + 2 * session + 1))?;
        to.set_read_timeout(Some(Duration::from_millis(500)))?;
        Ok(Self { session, from, to })
    }

    fn probe(&self, way: &Way, time: Duration) -> Result<Vec<f64>, Failure> {
        let address = way.to[usize::from(2 * self.session)];
        let mut packet = [0xd5; 172];
        packet[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let mut delays_us = Vec::new();
        let begin = Instant::now();
        for n in 0_u16.. {
            if begin.elapsed() >= time {
                break;
            }
            packet[2..4].copy_from_slice(&n.to_be_bytes());
            packet[4..8].copy_from_slice(&(u32::from(n) * 160).to_be_bytes());
            let sent = Instant::now();
            self.from.send_to(&packet, address)?;
            let mut received = [0; 173];
            // A packet that came late, after another was sent, is not that one.
            while self.to.recv_from(&mut received).is_ok() && received[4..8] != packet[4..8] {}
            delays_us.push(sent.elapsed().as_secs_f64() * 1e6);
            thread::sleep(PROBE_INTERVAL);
        }
        Ok(delays_us)
    }
}
