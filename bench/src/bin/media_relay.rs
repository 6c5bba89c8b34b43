//! Trunkline's relay and nothing else, in a process of its own so that its CPU time can be told from the generator's.
//!
//! Prints `ready` once all legs are open, or why not, and ends when standard input does, with its counters.

use std::error::Error;
use std::io::{self, Read, Write};
use std::sync::mpsc::channel;

use clap::{Parser, ValueEnum};
use trunkline_bench::relay::{Sessions, far};
use trunkline_media::io::kernel::KernelIo;
use trunkline_media::kernel::{Hook, KernelPath, KernelPathConfig, Missing};
use trunkline_media::{
    Codec, Codecs, Command, Event, Feed, LegId, PayloadTypes, PortPair, Protection, RelayConfig, RelayThread,
    Remote, SourcePolicy,
};

/// One relay thread with two-way sessions.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    sessions: Sessions,
    /// Require the path through the kernel, at the hook that suits the interfaces or at this one. On veth XDP forwards only what
    /// comes with a whole checksum: `ethtool -K relay0 tx off` in the hosts of the far ends.
    #[arg(long, value_enum)]
    kernel: Option<At>,
}

/// Where the program in the kernel runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum At {
    Auto,
    Tc,
    XdpGeneric,
    Xdp,
}

impl At {
    const fn hook(self) -> Option<Hook> {
        match self {
            Self::Auto => None,
            Self::Tc => Some(Hook::Tc),
            Self::XdpGeneric => Some(Hook::XdpGeneric),
            Self::Xdp => Some(Hook::XdpNative),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { sessions, kernel } = Arguments::parse();
    let mut stdout = io::stdout().lock();
    trunkline_media::io::raise_descriptor_limit()?;
    let mut io = KernelIo::open()?;
    let path = match kernel.map(|at| start_path(at, sessions)) {
        None => None,
        Some(Ok(path)) => Some(path),
        Some(Err(missing)) => {
            writeln!(stdout, "{missing}")?;
            return Ok(());
        }
    };
    if let Some(path) = &path {
        io.set_flows(path.flows()?);
    }
    let (sender, events) = channel();
    let on_event = Box::new(move |event| sender.send(event).err().map(|unheard| unheard.0));
    let thread = RelayThread::spawn_over(io, 0, RelayConfig::default(), on_event)?;
    let relay = thread.handle();
    for end in sessions.ends() {
        let leg = LegId(end as u64);
        let at = sessions.leg(end);
        let ports = PortPair(at.port());
        relay.send(Command::Open { leg, ports, address: at.ip(), silent_after: None })?;
        let remote = Remote {
            rtp: Some(far(end)),
            rtcp: None,
            source: SourcePolicy::Signalled,
            payload_types: PayloadTypes::default().with(0),
            codecs: Codecs::default().with(0, Codec::Pcmu),
            speaks: Codecs::default().with(0, Codec::Pcmu),
            send: true,
            receive: true,
            sealed: false,
            opaque: false,
            protection: Protection::Plain,
            ice: None,
        };
        relay.send(Command::Remote(leg, remote.into()))?;
        if end % 2 == 1 {
            let partner = LegId(end as u64 - 1);
            relay.send(Command::Feed(partner, Feed::Leg(leg)))?;
            relay.send(Command::Feed(leg, Feed::Leg(partner)))?;
            // Statistics are answered in turn: the queue stays short and every leg before is open.
            relay.send(Command::Stats(leg))?;
            let event = events.recv()?;
            if !matches!(event, Event::Stats { .. }) {
                return Err(format!("{event:?}").into());
            }
        }
    }
    writeln!(stdout, "ready")?;
    stdout.flush()?;
    io::stdin().lock().read_to_end(&mut Vec::new())?;

    drop(relay);
    thread.join();
    let (mut received, mut sent, mut odd, mut in_kernel) = (0, 0, 0, 0);
    for event in events {
        if let Event::Closed { stats, .. } = event {
            received += stats.packets_received;
            sent += stats.packets_sent;
            odd += stats.foreign + stats.malformed + stats.unheard + stats.send_failed + stats.kernel_dropped;
            in_kernel += stats.kernel_packets;
        }
    }
    let hooks: Vec<String> = path
        .map(|path| path.attached().into_iter().map(|(name, hook)| format!("{hook} on {name}")).collect())
        .unwrap_or_default();
    let hooks = hooks.join(", ");
    writeln!(
        stdout,
        "{received} received, {sent} sent, {odd} dropped, {in_kernel} forwarded in the kernel ({hooks})"
    )?;
    Ok(())
}

fn start_path(at: At, sessions: Sessions) -> Result<KernelPath, Missing> {
    let dscp = RelayConfig::default().dscp;
    let flows_max = 2 * u32::from(sessions.sessions);
    let config = KernelPathConfig { flows_max, interfaces: Vec::new(), hook: at.hook(), dscp };
    KernelPath::start(config, Box::new(|notice| eprintln!("{notice:?}")))
}
