//! What the tests of the relay share: far ends, what they say, and a relay in virtual time.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use trunkline_media::io::simulated::{Sent, Simulated};
use trunkline_media::rtp::Header;
use trunkline_media::{
    Codec, Codecs, Command, Destinations, Event, LegId, LegStats, PayloadTypes, PortPair, Protection,
    RelayConfig, RelayWorker, Remote, SourcePolicy,
};

pub(crate) const A: LegId = LegId(1);
pub(crate) const B: LegId = LegId(2);
pub(crate) const ALICE: &str = "192.0.2.1:4000";
pub(crate) const BOB: &str = "192.0.2.2:5000";
/// Its ports are those of legs too.
pub(crate) const RELAY: &str = "192.0.2.100";

pub(crate) fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// A far end that speaks PCMU from where its description says, with RTCP on the next port. PCMA and telephone events of number
/// 101 pass, too.
pub(crate) fn far_end(rtp: SocketAddr) -> Remote {
    let codecs = Codecs::default().with(0, Codec::Pcmu);
    Remote {
        rtp: Some(rtp),
        rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
        source: SourcePolicy::Signalled,
        payload_types: PayloadTypes::default().with(0).with(8).with(101),
        codecs,
        speaks: codecs,
        send: true,
        receive: true,
        sealed: false,
        opaque: false,
        protection: Protection::Plain,
        ice: None,
    }
}

/// 20 ms of PCMU.
pub(crate) fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.resize(172, 0x55);
    packet
}

pub(crate) fn header(sent: &Sent) -> Header {
    Header::read(&sent.packet).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
pub(crate) fn beginning() -> Instant {
    Instant::now()
}

/// A worker, its network and its time.
pub(crate) struct Relay {
    pub(crate) worker: RelayWorker<Simulated>,
    pub(crate) now: Instant,
    pub(crate) events: Vec<Event>,
}

impl Relay {
    pub(crate) fn over(network: Simulated) -> Self {
        Self::with(network, RelayConfig::default())
    }

    /// As this configuration says, but that legs are on ports of the engine and random numbers are the same each time.
    pub(crate) fn with(network: Simulated, config: RelayConfig) -> Self {
        let now = beginning();
        let destinations = Destinations::of_engine([], [20_000..=20_999]);
        let worker = RelayWorker::new(now, network, RelayConfig { seed: 7, destinations, ..config });
        Self { worker, now, events: Vec::new() }
    }

    /// A leg whose far end is silent after ten seconds.
    pub(crate) fn open(&mut self, leg: LegId, ports: PortPair) {
        let address = RELAY.parse().unwrap();
        self.tell(Command::Open { leg, ports, address, silent_after: Some(Duration::from_secs(10)) });
    }

    pub(crate) fn tell(&mut self, command: Command) {
        self.worker.io_mut().set_now(self.now);
        self.worker.command(self.now, command, &mut self.events);
        assert!(self.worker.io().flows() <= self.worker.flows_in_kernel());
    }

    pub(crate) fn arrives(&mut self, port: u16, from: &str, packet: &[u8]) -> Vec<Sent> {
        let mut packet = packet.to_vec();
        assert!(self.worker.receive(self.now, port, at(from), &mut packet, &mut self.events));
        self.worker.io_mut().take_sent()
    }

    /// Packets every 20 ms; what was sent meanwhile.
    pub(crate) fn says(&mut self, port: u16, from: &str, ssrc: u32, numbers: Range<u16>) -> Vec<Sent> {
        let mut sent = Vec::new();
        for sequence in numbers {
            sent.extend(self.arrives(port, from, &rtp(ssrc, sequence)));
            sent.extend(self.wait(Duration::from_millis(20)));
        }
        sent
    }

    /// Moves time from deadline to deadline; what was sent meanwhile.
    pub(crate) fn wait(&mut self, time: Duration) -> Vec<Sent> {
        let end = self.now + time;
        while let Some(due) = self.worker.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.worker.io_mut().set_now(self.now);
            self.worker.handle_timeout(self.now, &mut self.events);
        }
        self.now = end;
        self.worker.io_mut().take_sent()
    }

    /// What waits in the sockets is handled as one batch.
    pub(crate) fn batch(&mut self) -> Vec<Sent> {
        self.worker.io_mut().set_now(self.now);
        self.worker.io_mut().poll();
        self.worker.handle_io(self.now, &mut self.events);
        self.worker.io_mut().take_sent()
    }

    pub(crate) fn stats(&mut self, leg: LegId) -> LegStats {
        self.tell(Command::Stats(leg));
        match self.events.pop() {
            Some(Event::Stats { stats, .. }) => stats,
            other => panic!("no statistics but {other:?}"),
        }
    }

    /// Flows that the network forwards by itself.
    pub(crate) fn flows(&self) -> usize {
        self.worker.io().flows()
    }

    pub(crate) fn silences(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Silent { .. })).count()
    }
}
