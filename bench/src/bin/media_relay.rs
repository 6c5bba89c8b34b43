//! Trunkline's relay and nothing else, in a process of its own so that its CPU time can be told from the generator's.
//!
//! Prints `ready` once all legs are open, or why not, and ends when standard input does, with its counters.

use std::error::Error;
use std::io::{self, Read, Write};
use std::sync::mpsc::channel;

use clap::Parser;
use trunkline_bench::relay::{Sessions, far};
use trunkline_media::{
    Codec, Codecs, Command, Event, Feed, LegId, PayloadTypes, PortPair, Protection, RelayConfig, RelayThread,
    Remote, SourcePolicy,
};

/// One relay thread with two-way sessions.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    sessions: Sessions,
    /// Require the path through the kernel.
    #[arg(long)]
    kernel: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut stdout = io::stdout().lock();
    if arguments.kernel {
        writeln!(stdout, "this build has no path through the kernel")?;
        return Ok(());
    }
    let sessions = arguments.sessions;
    trunkline_media::io::raise_descriptor_limit()?;
    let (sender, events) = channel();
    let on_event = Box::new(move |event| sender.send(event).err().map(|unheard| unheard.0));
    let thread = RelayThread::spawn(0, RelayConfig::default(), on_event)?;
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
            protection: Protection::Plain,
            ice: None,
        };
        relay.send(Command::Remote(leg, remote))?;
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
    let (mut received, mut sent, mut odd) = (0, 0, 0);
    for event in events {
        if let Event::Closed { stats, .. } = event {
            received += stats.packets_received;
            sent += stats.packets_sent;
            odd += stats.foreign + stats.malformed + stats.unheard + stats.send_failed + stats.kernel_dropped;
        }
    }
    writeln!(stdout, "{received} received, {sent} sent, {odd} dropped")?;
    Ok(())
}
