//! A relay and nothing else, in a process of its own so that its CPU time can be told from the generator's.
//!
//! Session `n` has its legs at ports `first + 4n` and `first + 4n + 2`; their far ends are at `far + 2n` and `far + 2n + 1`.
//! Prints `ready` once all legs are open, and ends when standard input does, with its counters.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::channel;

use clap::Parser;
use trunkline_media::{
    Codec, Codecs, Command, Event, Feed, LegId, PayloadTypes, PortPair, Protection, RelayConfig, RelayThread,
    Remote, SourcePolicy,
};

/// One relay thread with two-way sessions.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many sessions.
    #[arg(long)]
    sessions: u16,
    /// The first port of the relay; even.
    #[arg(long)]
    first: u16,
    /// The first port of the far ends.
    #[arg(long)]
    far: u16,
    /// The address of both.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { sessions, first, far, address } = Arguments::parse();
    let (sender, events) = channel();
    let on_event = Box::new(move |event| sender.send(event).err().map(|unheard| unheard.0));
    let thread = RelayThread::spawn(0, RelayConfig::default(), on_event)?;
    let relay = thread.handle();
    for n in 0..sessions * 2 {
        let leg = LegId(u64::from(n));
        relay.send(Command::Open { leg, ports: PortPair(first + 2 * n), address, silent_after: None })?;
        let rtp = SocketAddr::new(address, far + n);
        let remote = Remote {
            rtp: Some(rtp),
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
        if n % 2 == 1 {
            relay.send(Command::Feed(LegId(u64::from(n - 1)), Feed::Leg(leg)))?;
            relay.send(Command::Feed(leg, Feed::Leg(LegId(u64::from(n - 1)))))?;
            // Statistics are answered in turn: the queue stays short and every leg before is open.
            relay.send(Command::Stats(leg))?;
            let event = events.recv()?;
            if !matches!(event, Event::Stats { .. }) {
                return Err(format!("{event:?}").into());
            }
        }
    }
    let mut stdout = io::stdout().lock();
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
    writeln!(stdout, "relay: {received} received, {sent} sent, {odd} dropped")?;
    Ok(())
}
