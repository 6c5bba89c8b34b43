//! The media legs as the switch knows them: ports, worker, what was last told of the far end and of the feed.
//!
//! Only differences go to the relay, so that every event may simply say again what ought to be.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use trunkline_media::{Command, Feed, LegId as MediaLegId, PortPair, PortPool, Remote};
use trunkline_sip::LegId;

use super::outbox::Outbox;
use super::setup::MediaSetup;

/// What a leg hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    Nothing,
    Leg(LegId),
    Silence,
    Ringback,
    Music,
}

#[derive(Debug)]
struct MediaLeg {
    worker: u16,
    ports: PortPair,
    retried: bool,
    closing: bool,
    remote: Option<Remote>,
    heard: Heard,
}

/// What became of a pair that could not be bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reopened {
    /// Another pair is being bound: the leg has to be described anew.
    Moved,
    /// The leg has no media.
    Failed,
    /// The leg is not known, or is closing.
    Unknown,
}

/// All media legs.
#[derive(Debug)]
pub(super) struct MediaPlane {
    pool: PortPool,
    legs: BTreeMap<LegId, MediaLeg>,
    next_worker: u16,
}

impl MediaPlane {
    pub(super) fn new(setup: &MediaSetup, seed: u64) -> Self {
        Self { pool: PortPool::new(setup.ports.clone(), seed), legs: BTreeMap::new(), next_worker: 0 }
    }

    /// The worker for the next conversation: all its legs live there.
    pub(super) fn choose_worker(&mut self, setup: &MediaSetup) -> u16 {
        let worker = self.next_worker % setup.workers.max(1);
        self.next_worker = worker + 1;
        worker
    }

    /// Opens a leg. `None`: all ports are in use.
    pub(super) fn open(
        &mut self,
        now: Instant,
        leg: LegId,
        worker: u16,
        setup: &MediaSetup,
        out: &mut Outbox,
    ) -> Option<PortPair> {
        let ports = self.pool.allocate(now)?;
        let entry =
            MediaLeg { worker, ports, retried: false, closing: false, remote: None, heard: Heard::Nothing };
        self.legs.insert(leg, entry);
        out.media.push((worker, open(leg, ports, setup.address, setup.silent_after)));
        Some(ports)
    }

    /// The RTP port of a leg that is open.
    pub(super) fn port(&self, leg: LegId) -> Option<u16> {
        self.legs.get(&leg).filter(|entry| !entry.closing).map(|entry| entry.ports.rtp())
    }

    /// Says what is known of the far end.
    pub(super) fn set_remote(&mut self, leg: LegId, remote: Remote, out: &mut Outbox) {
        let Some(entry) = self.open_leg(leg) else { return };
        if entry.remote != Some(remote) {
            entry.remote = Some(remote);
            out.media.push((entry.worker, Command::Remote(media_leg(leg), remote)));
        }
    }

    /// Says what the leg hears. A leg of another worker, or one that is closing, cannot be heard.
    pub(super) fn set_heard(&mut self, leg: LegId, heard: Heard, setup: &MediaSetup, out: &mut Outbox) {
        let heard = match heard {
            Heard::Leg(speaker) if !self.same_worker(leg, speaker) => Heard::Silence,
            Heard::Music if setup.music.is_none() => Heard::Silence,
            Heard::Nothing | Heard::Leg(_) | Heard::Silence | Heard::Ringback | Heard::Music => heard,
        };
        let Some(entry) = self.open_leg(leg) else { return };
        if entry.heard == heard {
            return;
        }
        entry.heard = heard;
        let feed = match heard {
            Heard::Nothing => Feed::Nothing,
            Heard::Leg(speaker) => Feed::Leg(media_leg(speaker)),
            Heard::Silence => Feed::Silence,
            Heard::Ringback => Feed::Ringback,
            Heard::Music => setup.music.clone().map_or(Feed::Silence, Feed::Music),
        };
        out.media.push((entry.worker, Command::Feed(media_leg(leg), feed)));
    }

    /// Closes a leg; its ports come back when the relay confirms.
    pub(super) fn close(&mut self, leg: LegId, out: &mut Outbox) {
        if let Some(entry) = self.open_leg(leg) {
            entry.closing = true;
            out.media.push((entry.worker, Command::Close(media_leg(leg))));
        }
    }

    /// The relay closed the leg.
    pub(super) fn closed(&mut self, now: Instant, leg: LegId, ports: PortPair) {
        if self.legs.get(&leg).is_some_and(|entry| entry.ports == ports) {
            self.legs.remove(&leg);
            self.pool.release(now, ports);
        }
    }

    /// The relay could not bind the pair: once, another is tried.
    pub(super) fn open_failed(
        &mut self,
        now: Instant,
        leg: LegId,
        ports: PortPair,
        setup: &MediaSetup,
        out: &mut Outbox,
    ) -> Reopened {
        let Some(entry) = self.legs.get_mut(&leg).filter(|entry| entry.ports == ports) else {
            return Reopened::Unknown;
        };
        self.pool.set_aside(now, ports);
        if entry.closing {
            self.legs.remove(&leg);
            return Reopened::Unknown;
        }
        let other = if entry.retried { None } else { self.pool.allocate(now) };
        let Some(other) = other else {
            self.legs.remove(&leg);
            return Reopened::Failed;
        };
        entry.retried = true;
        entry.ports = other;
        entry.heard = Heard::Nothing;
        let worker = entry.worker;
        out.media.push((worker, open(leg, other, setup.address, setup.silent_after)));
        if let Some(remote) = entry.remote {
            out.media.push((worker, Command::Remote(media_leg(leg), remote)));
        }
        Reopened::Moved
    }

    /// Legs that are open or closing.
    pub(super) fn legs(&self) -> usize {
        self.legs.len()
    }

    /// Port pairs that are not free and not at rest.
    pub(super) fn ports_in_use(&self) -> usize {
        self.pool.in_use()
    }

    fn open_leg(&mut self, leg: LegId) -> Option<&mut MediaLeg> {
        self.legs.get_mut(&leg).filter(|entry| !entry.closing)
    }

    fn same_worker(&self, one: LegId, other: LegId) -> bool {
        let worker = |leg| self.legs.get(&leg).filter(|entry| !entry.closing).map(|entry| entry.worker);
        worker(one).is_some() && worker(one) == worker(other)
    }
}

fn open(leg: LegId, ports: PortPair, address: IpAddr, silent_after: Option<Duration>) -> Command {
    Command::Open { leg: media_leg(leg), ports, address, silent_after }
}

/// The relay's name of a leg: the same number.
fn media_leg(leg: LegId) -> MediaLegId {
    MediaLegId(leg.0)
}
