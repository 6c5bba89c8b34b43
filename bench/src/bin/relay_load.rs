//! Relays side by side, in the namespaces that `bench/relay.sh` makes: loss, delay and CPU for each relayed packet, as
//! ratios to rtpengine and to the kernel's own forwarding.
//!
//! Cost is a difference of totals, for receive work of the next hop runs in the sender's system call: CPU time of generator,
//! relay and the kernel's threads in a relayed window, less that of a direct window right before it, for each packet. Both
//! share one core. For delay and loss, and for cost under a load that one core does not hold, the relay has the last core and
//! the generator the first. Peers take turns in each round, each round in another order.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use trunkline_bench::relay::cpu::{Meter, pin_process, pin_this_thread};
use trunkline_bench::relay::far_ends::{FarEnds, Way, Window};
use trunkline_bench::relay::peers::{Peer, Running};
use trunkline_bench::relay::report::{Cell, Report};
use trunkline_bench::relay::{Failure, PACKETS_PER_SECOND, capacity, plot};

/// Measures relays side by side.
#[derive(Debug, Parser)]
#[command(args_override_self = true)]
struct Arguments {
    /// The network namespaces of client and server, as files.
    #[arg(long, num_args = 2, required = true)]
    namespaces: Vec<PathBuf>,
    /// `schedstat` of the kernel's threads for receiving.
    #[arg(long, num_args = 0..)]
    softirqd: Vec<PathBuf>,
    /// Streams, one load after the other.
    #[arg(long, value_delimiter = ',', default_value = "100,500,1000,3000")]
    streams: Vec<usize>,
    /// Rounds; medians are taken over them.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of one window.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Peers to leave out, by the first word or words of their names.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Leave out the highest rate of one core.
    #[arg(long)]
    no_capacity: bool,
    /// Fewer steps to the highest rate.
    #[arg(long)]
    quick: bool,
    /// Where to draw the plot.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// Packets a second that one core holds with generator and relay on it.
const ONE_CORE_RATE: usize = 60_000;

/// How long packets flow before the first window: rtpengine takes a slow path until it has learnt its far ends for three
/// seconds.
const LEARNING: Duration = Duration::from_millis(4_500);

/// How long packets flow first through the others: Trunkline gives a flow to the kernel when it has seen some of it.
const FIRST_PACKETS: Duration = Duration::from_millis(1_000);

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    trunkline_media::io::raise_descriptor_limit()?;
    let last_core = std::thread::available_parallelism()?.get() - 1;
    if last_core == 0 {
        return Err("two cores are needed".into());
    }
    let ends = arguments.streams.iter().copied().max().unwrap_or(0);
    let ends = if arguments.no_capacity { ends } else { ends.max(capacity::STREAMS_MAX) };
    let namespaces = <[PathBuf; 2]>::try_from(arguments.namespaces.clone()).map_err(|_| "two namespaces")?;
    let meter = Meter::new(arguments.softirqd.clone());
    let far_ends = FarEnds::open(namespaces, u16::try_from(ends.div_ceil(2))?, meter)?;
    let window = Duration::from_secs_f64(arguments.seconds);
    let mut bench = Bench { far_ends, last_core, window, report: Report::default() };

    let peers: Vec<Peer> = Peer::ALL
        .into_iter()
        .filter(|peer| {
            let name = peer.name().trim_matches('*').to_lowercase();
            !arguments.without.iter().any(|without| name.starts_with(&without.to_lowercase()))
        })
        .collect();
    for &streams in &arguments.streams {
        bench.measure(&peers, streams, arguments.rounds.max(1))?;
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}", bench.report.markdown())?;
    if let Some(path) = &arguments.svg {
        fs::write(path, plot::svg(&bench.report))?;
    }
    if !arguments.no_capacity {
        let relays = bench
            .start(peers.iter().copied().filter(|peer| peer.is_in_user_space()), capacity::STREAMS_MAX)?;
        bench.apart(&relays)?;
        let table = capacity::measure(&mut bench.far_ends, &relays, window, arguments.quick)?;
        writeln!(out, "\n**One core of a relay in user space**, generator on the other:\n\n{table}")?;
    }
    Ok(())
}

struct Bench {
    far_ends: FarEnds,
    last_core: usize,
    window: Duration,
    report: Report,
}

impl Bench {
    fn measure(&mut self, peers: &[Peer], streams: usize, rounds: usize) -> Result<(), Failure> {
        let staying = self.start(peers.iter().copied().filter(|peer| peer.may_stay()), streams)?;
        for round in 0..rounds {
            let mut directly = None;
            for n in 0..peers.len() {
                // Direct is first, for the others are compared to it; they take turns.
                let peer = if n == 0 { 0 } else { 1 + (n - 1 + round) % (peers.len() - 1) };
                let peer = peers[peer];
                let at_work = staying.iter().find(|running| running.peer == peer);
                let started = match at_work {
                    Some(_) => None,
                    None if peer.may_stay() => continue,
                    None => self.start([peer], streams)?.pop(),
                };
                let Some(running) = at_work.or(started.as_ref()) else { continue };
                let mut cell = self.cell(running, &staying, streams, round)?;
                match &directly {
                    None => directly = Some(cell.load.clone()),
                    Some(directly) if !fits_one_core(streams) => cell.direct = directly.clone(),
                    Some(_) => {}
                }
                eprintln!(
                    "{streams} streams, round {}, {:30} {:6.0} ns beside {:6.0} ns direct; {} of {} lost, delay {:.0} / {:.0} µs",
                    round + 1,
                    peer.name(),
                    cell.cost.cpu_ns,
                    cell.direct.cpu_ns,
                    cell.load.lost(),
                    cell.load.sent,
                    cell.load.delay_us.0,
                    cell.load.delay_us.1,
                );
                self.report.cells.push(cell);
                if let Some(started) = started {
                    let said = started.end()?;
                    if !said.is_empty() {
                        let (name, round) = (peer.name(), round + 1);
                        eprintln!("    {said}");
                        self.report.notes.push(format!("{name}, {streams} streams, round {round}: {said}."));
                    }
                }
            }
        }
        Ok(())
    }

    fn cell(
        &mut self,
        running: &Running,
        staying: &[Running],
        streams: usize,
        round: usize,
    ) -> Result<Cell, Failure> {
        let way = Way { to: &running.to, process: running.process() };
        let mut cost = Window::default();
        let mut direct = Window::default();
        if fits_one_core(streams) {
            self.together(running)?;
            if let Some(directly) = staying.iter().find(|running| running.peer == Peer::Direct) {
                direct =
                    self.far_ends.cost(&Way { to: &directly.to, process: None }, streams, self.window)?;
            }
            cost = self.far_ends.cost(&way, streams, self.window)?;
        }
        self.apart(std::slice::from_ref(running))?;
        let load = self.far_ends.load(&way, streams, self.window)?;
        if !fits_one_core(streams) {
            cost = load.clone();
            direct = load.clone();
        }
        Ok(Cell { peer: running.peer, streams, round, cost, direct, load })
    }

    /// Starts peers, and lets packets flow through them until they have learnt what they learn.
    fn start(
        &mut self,
        peers: impl IntoIterator<Item = Peer>,
        streams: usize,
    ) -> Result<Vec<Running>, Failure> {
        let mut all = Vec::new();
        for peer in peers {
            match peer.start(u16::try_from(streams.div_ceil(2))?) {
                Ok(running) => all.push(running),
                Err(why) if !self.report.missing.iter().any(|(missing, _)| *missing == peer) => {
                    self.report.missing.push((peer, why.to_string()));
                }
                Err(_) => {}
            }
        }
        self.apart(&all)?;
        for running in &all {
            let learns = running.peer == Peer::RtpEngine;
            let time = if learns { LEARNING } else { FIRST_PACKETS };
            self.far_ends.load(&Way { to: &running.to, process: running.process() }, streams, time)?;
        }
        Ok(all)
    }

    /// Puts generator and relay on one core.
    fn together(&self, running: &Running) -> Result<(), Failure> {
        pin_this_thread(self.last_core)?;
        running.process().map_or(Ok(()), |process| pin_process(process, self.last_core))
    }

    /// Gives the relays the last core, and the generator the first.
    fn apart(&self, relays: &[Running]) -> Result<(), Failure> {
        pin_this_thread(0)?;
        relays
            .iter()
            .filter_map(Running::process)
            .try_for_each(|process| pin_process(process, self.last_core))
    }
}

const fn fits_one_core(streams: usize) -> bool {
    streams * PACKETS_PER_SECOND as usize <= ONE_CORE_RATE
}
