//! The media legs as the switch knows them: ports, worker, what was last told of the far end and of the feed.
//!
//! Only differences go to the relay, so that every event may simply say again what ought to be.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_media::{
    CallProgress, Codec, Command, ConferenceId, Detection, DigitVia, Feed, LegId as MediaLegId, LegStats,
    Parcel, PortPair, PortPool, Remote, Take,
};
use trunkline_sip::LegId;

use super::ids::CallId;
use super::outbox::Outbox;
use super::quality::{
    ASK_EARLY, ASK_EVERY, ASK_PAUSE, ASKS_AT_ONCE, EndedMedia, Figures, MediaTotals, MediaView,
};
use super::setup::MediaSetup;
use super::streams::{STREAMS, StreamKind};
use super::table::Table;

/// What a leg hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    Nothing,
    Leg(LegId),
    Silence,
    Tone(CallProgress),
    Music,
    /// Everybody else in a conference, who hear the leg too.
    Conference(ConferenceId),
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct MediaLeg {
    /// Where the leg lives, or will when it has moved.
    worker: u16,
    ports: PortPair,
    /// What is bound.
    address: IpAddr,
    retried: bool,
    closing: bool,
    remote: Option<Arc<Remote>>,
    heard: Heard,
    detection: Detection,
    /// While the leg is on its way to its worker: what it will be told on arrival.
    waiting: Option<Vec<Command>>,
    figures: Figures,
    /// When the relay is asked for them.
    ask_at: Instant,
    /// Whether its call began between ends that share no codec.
    is_transcoded: bool,
    /// The call whose station it was when it was closed, and that call's line.
    last_of: Option<(CallId, Arc<str>)>,
}

/// How many commands wait for a leg on its way; further digits are cancelled.
const WAITING_MAX: usize = 16;

impl MediaLeg {
    /// Tells the leg something, at once or on arrival.
    fn tell(&mut self, command: Command, out: &mut Outbox) {
        let Some(waiting) = &mut self.waiting else {
            out.media.push((self.worker, command));
            return;
        };
        // Of what sets a state only the last is said.
        if let Some(place) = waiting.iter_mut().find(|before| replaces(&command, before)) {
            *place = command;
        } else if waiting.len() < WAITING_MAX || matches!(command, Command::Record(..)) {
            waiting.push(command);
        } else {
            cancel([command], self.worker, out);
        }
    }
}

/// Lets the digits of commands be cancelled: by a worker that has not got the leg, or is about to close it.
fn cancel(commands: impl IntoIterator<Item = Command>, worker: u16, out: &mut Outbox) {
    let digits = commands.into_iter().filter(|command| matches!(command, Command::Digits { .. }));
    out.media.extend(digits.map(|command| (worker, command)));
}

/// Whether a command makes an earlier one of the same leg pointless.
fn replaces(command: &Command, before: &Command) -> bool {
    matches!(
        (command, before),
        (Command::Remote(..), Command::Remote(..))
            | (Command::Feed(..), Command::Feed(..))
            | (Command::Detect(..), Command::Detect(..))
            | (Command::Record(..), Command::Record(..))
            | (Command::Stats(_), Command::Stats(_))
    )
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
#[cfg_attr(test, derive(Clone))]
pub(super) struct MediaPlane {
    pool: PortPool,
    legs: Table<LegId, MediaLeg>,
    /// How many of them are of video or text.
    streams: usize,
    /// Where each conference lives, and how many members it has.
    conferences: BTreeMap<ConferenceId, (u16, usize)>,
    next_worker: u16,
    /// The legs that are asked for their figures, in the order of time, and until when none is asked for. An entry that is not at its
    /// leg's [`MediaLeg::ask_at`] does not count; the first one does.
    asks: VecDeque<(Instant, LegId)>,
    asks_rest_until: Option<Instant>,
    totals: MediaTotals,
    /// Legs that are not closing whose calls began between ends that share no codec.
    transcoded: usize,
}

impl MediaPlane {
    pub(super) fn new(setup: &MediaSetup, seed: u64) -> Self {
        Self {
            pool: PortPool::new(setup.ports.clone(), seed),
            legs: Table::default(),
            streams: 0,
            conferences: BTreeMap::new(),
            next_worker: 0,
            asks: VecDeque::new(),
            asks_rest_until: None,
            totals: MediaTotals::default(),
            transcoded: 0,
        }
    }

    /// The worker for the next conversation: all its legs live there.
    pub(super) fn choose_worker(&mut self, setup: &MediaSetup) -> u16 {
        let worker = self.next_worker % setup.workers.max(1);
        self.next_worker = worker + 1;
        worker
    }

    /// Opens a leg whose far end is of the family of `peer`. `None`: all ports are in use.
    pub(super) fn open(
        &mut self,
        now: Instant,
        leg: LegId,
        worker: u16,
        peer: IpAddr,
        setup: &MediaSetup,
        out: &mut Outbox,
    ) -> Option<PortPair> {
        let ports = self.pool.allocate(now)?;
        self.open_at(now, leg, worker, ports, peer, setup, out);
        Some(ports)
    }

    /// Opens ports for video or text of a leg, where there are some to spare and those before are closed.
    pub(super) fn open_stream(
        &mut self,
        now: Instant,
        leg: LegId,
        kind: StreamKind,
        setup: &MediaSetup,
        out: &mut Outbox,
    ) {
        let stream = kind.media_leg(leg);
        let Some((worker, address)) = self.open_leg(leg).map(|entry| (entry.worker, entry.address)) else {
            return;
        };
        if !self.legs.contains_key(&stream)
            && let Some(ports) = self.pool.allocate_spare(now)
        {
            self.streams += 1;
            self.open_at(now, stream, worker, ports, address, setup, out);
        }
    }

    /// Whether any leg has video or text: hardly any has, so that it is not looked for.
    pub(super) const fn has_streams(&self) -> bool {
        self.streams > 0
    }

    /// The ports of a leg for video and text; 0 where it has none.
    pub(super) fn stream_ports(&self, leg: LegId) -> [u16; STREAMS] {
        if !self.has_streams() {
            return [0; STREAMS];
        }
        StreamKind::ALL.map(|kind| self.port(kind.media_leg(leg)).unwrap_or(0))
    }

    /// The ports that far ends may speak to now or soon, where they are not the ones that were said last.
    pub(super) fn note_ports(&mut self) -> Option<Vec<PortPair>> {
        self.pool.note()
    }

    /// Lets ports rest that far ends may speak to since before a restart, unless they are opened again.
    pub(super) fn rest_noted(&mut self, now: Instant, ports: &[PortPair]) {
        self.pool.rest_noted(now, ports);
    }

    /// Opens a leg at the ports that it had before a restart; whether they are free.
    #[expect(clippy::too_many_arguments, reason = "each is one fact of the leg")]
    pub(super) fn reopen(
        &mut self,
        now: Instant,
        leg: LegId,
        worker: u16,
        ports: PortPair,
        peer: IpAddr,
        setup: &MediaSetup,
        out: &mut Outbox,
    ) -> bool {
        let is_free = !self.legs.contains_key(&leg) && self.pool.claim(now, ports);
        if is_free {
            self.open_at(now, leg, worker, ports, peer, setup, out);
        }
        is_free
    }

    #[expect(clippy::too_many_arguments, reason = "each is one fact of the leg")]
    fn open_at(
        &mut self,
        now: Instant,
        leg: LegId,
        worker: u16,
        ports: PortPair,
        peer: IpAddr,
        setup: &MediaSetup,
        out: &mut Outbox,
    ) {
        let address = bound_address(setup.address, peer);
        let entry = MediaLeg {
            worker,
            ports,
            address,
            retried: false,
            closing: false,
            remote: None,
            heard: Heard::Nothing,
            detection: Detection::default(),
            waiting: None,
            figures: Figures::new(now),
            ask_at: now + ASK_EVERY,
            is_transcoded: false,
            last_of: None,
        };
        self.asks.push_back((entry.ask_at, leg));
        self.legs.insert(leg, entry);
        out.media.push((worker, open(leg, ports, address, setup.silent_after)));
    }

    /// The RTP port of a leg that is open.
    pub(super) fn port(&self, leg: LegId) -> Option<u16> {
        self.legs.get(&leg).filter(|entry| !entry.closing).map(|entry| entry.ports.rtp())
    }

    /// Counts a leg, until it closes, as one of a call between ends that share no codec.
    pub(super) fn note_transcoded(&mut self, leg: LegId) {
        let Some(entry) = self.open_leg(leg) else { return };
        if !mem::replace(&mut entry.is_transcoded, true) {
            self.transcoded += 1;
        }
    }

    /// How many there are.
    pub(super) const fn transcoded(&self) -> usize {
        self.transcoded
    }

    /// Says what is known of the far end.
    pub(super) fn set_remote(&mut self, leg: LegId, remote: Remote, out: &mut Outbox) {
        let Some(entry) = self.open_leg(leg) else { return };
        if entry.remote.as_deref() != Some(&remote) {
            let remote = Arc::new(remote);
            entry.remote = Some(Arc::clone(&remote));
            entry.tell(Command::Remote(media_leg(leg), remote), out);
        }
    }

    /// Says what the leg hears. A leg that hears one of another worker, or a conference there, moves to that worker, and
    /// whoever hears it follows. One that is closing cannot be heard. Whether it hears something else from here on.
    pub(super) fn set_heard(
        &mut self,
        leg: LegId,
        heard: Heard,
        setup: &MediaSetup,
        out: &mut Outbox,
    ) -> bool {
        let heard = match heard {
            Heard::Leg(speaker) if self.worker_of(speaker).is_none() => Heard::Silence,
            Heard::Music if setup.music.is_none() => Heard::Silence,
            Heard::Nothing
            | Heard::Leg(_)
            | Heard::Silence
            | Heard::Tone(_)
            | Heard::Music
            | Heard::Conference(_) => heard,
        };
        let Some(entry) = self.open_leg(leg).filter(|entry| entry.heard != heard) else { return false };
        let (before, worker) = (entry.heard, entry.worker);
        entry.heard = heard;
        self.leave(before);
        let there = match heard {
            Heard::Leg(speaker) => self.worker_of(speaker).unwrap_or(worker),
            Heard::Conference(conference) => self.join(conference, worker),
            Heard::Nothing | Heard::Silence | Heard::Tone(_) | Heard::Music => worker,
        };
        self.move_to(leg, there, out);
        if let Some(entry) = self.open_leg(leg) {
            entry.tell(Command::Feed(media_leg(leg), feed(heard, setup)), out);
        }
        true
    }

    /// Says which digits and media are to be reported.
    pub(super) fn set_detection(&mut self, leg: LegId, detection: Detection, out: &mut Outbox) {
        let Some(entry) = self.open_leg(leg).filter(|entry| entry.detection != detection) else { return };
        entry.detection = detection;
        self.tell(leg, Command::Detect(media_leg(leg), detection), out);
    }

    /// Says which recordings the leg serves.
    pub(super) fn set_takes(&mut self, leg: LegId, takes: Arc<[Take]>, out: &mut Outbox) {
        self.tell(leg, Command::Record(media_leg(leg), takes), out);
    }

    /// Whether the relay can decode something that the far end speaks.
    pub(super) fn is_decoded(&self, leg: LegId) -> bool {
        self.speaks(leg).next().is_some()
    }

    /// Whether the far end speaks a codec of 16,000 samples a second by preference.
    pub(super) fn is_wide(&self, leg: LegId) -> bool {
        self.speaks(leg).next() == Some(Codec::G722)
    }

    /// The codecs of the relay that the far end speaks, the preferred one first.
    fn speaks(&self, leg: LegId) -> impl Iterator<Item = Codec> + '_ {
        let remote = self.legs.get(&leg).and_then(|entry| entry.remote.as_deref());
        let plain = remote.filter(|remote| !remote.sealed).into_iter();
        plain.flat_map(|remote| remote.speaks.speech().map(|(_, codec)| codec))
    }

    /// Whether the far end takes digits as events (RFC 4733).
    pub(super) fn takes_events(&self, leg: LegId) -> bool {
        let remote = self.legs.get(&leg).and_then(|entry| entry.remote.as_ref());
        remote.is_some_and(|remote| {
            let codecs = &remote.codecs;
            [codecs.events, codecs.events_16k, codecs.events_48k].iter().any(Option::is_some)
        })
    }

    /// Says digits to the far end; [`trunkline_media::Event::Generated`] names the generation.
    pub(super) fn say_digits(
        &mut self,
        leg: LegId,
        generation: u32,
        digits: &[u8],
        via: DigitVia,
        tone_ms: u16,
        out: &mut Outbox,
    ) {
        let digits = digits.into();
        let command = Command::Digits { leg: media_leg(leg), generation, digits, via, tone_ms, gap_ms: 0 };
        self.tell(leg, command, out);
    }

    /// Stops saying digits.
    pub(super) fn cancel_digits(&mut self, leg: LegId, out: &mut Outbox) {
        self.tell(leg, Command::CancelDigits(media_leg(leg)), out);
    }

    /// Says something else to the relay about a leg, wherever it is: digits, detection, statistics.
    fn tell(&mut self, leg: LegId, command: Command, out: &mut Outbox) {
        if let Some(entry) = self.open_leg(leg) {
            entry.tell(command, out);
        }
    }

    /// The relay gave a leg away: it goes on to its worker, with what was asked meanwhile.
    pub(super) fn detached(&mut self, leg: LegId, parcel: Parcel, out: &mut Outbox) {
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        let Some(waiting) = entry.waiting.take() else { return };
        out.media.push((entry.worker, Command::Attach { leg: media_leg(leg), parcel }));
        if entry.closing {
            cancel(waiting, entry.worker, out);
            out.media.push((entry.worker, Command::Close(media_leg(leg))));
        } else {
            out.media.extend(waiting.into_iter().map(|command| (entry.worker, command)));
        }
    }

    /// Closes a leg, which was last of this call; its ports come back when the relay confirms.
    pub(super) fn close(&mut self, leg: LegId, last_of: Option<(CallId, Arc<str>)>, out: &mut Outbox) {
        if self.has_streams() && StreamKind::owner(leg).is_none() {
            StreamKind::ALL.into_iter().for_each(|kind| self.close(kind.media_leg(leg), None, out));
        }
        if let Some(entry) = self.open_leg(leg) {
            entry.closing = true;
            entry.last_of = last_of;
            // One on its way is closed where it arrives.
            if entry.waiting.is_none() {
                out.media.push((entry.worker, Command::Close(media_leg(leg))));
            }
            let heard = mem::replace(&mut entry.heard, Heard::Nothing);
            let was_transcoded = mem::replace(&mut entry.is_transcoded, false);
            self.transcoded -= usize::from(was_transcoded);
            self.tidy_asks();
            self.leave(heard);
        }
    }

    /// The relay closed the leg and says its last figures; whose they are, if it was a call's.
    pub(super) fn closed(
        &mut self,
        now: Instant,
        leg: LegId,
        ports: PortPair,
        stats: LegStats,
    ) -> Option<EndedMedia> {
        self.legs.get(&leg).filter(|entry| entry.ports == ports)?;
        self.measured(now, leg, stats);
        let entry = self.forget(leg)?;
        self.tidy_asks();
        self.leave(entry.heard);
        if stats.is_quiet() {
            self.pool.release_quiet(now, ports);
        } else {
            self.pool.release(now, ports);
        }
        self.totals.flows_in_kernel -= u64::from(entry.figures.stats().in_kernel);
        let (call, line) = entry.last_of?;
        Some(EndedMedia { call, line, media: entry.figures.last_view() })
    }

    /// Asks for the figures of the legs whose turn it is.
    pub(super) fn ask(&mut self, now: Instant, out: &mut Outbox) {
        if self.asks_rest_until.is_some_and(|until| now < until) {
            return;
        }
        self.asks_rest_until = None;
        if self.asks.front().is_none_or(|(at, _)| *at > now) {
            return;
        }
        let mut asked = 0;
        while let Some(&(at, leg)) = self.asks.front().filter(|(at, _)| *at <= now + ASK_EARLY) {
            if asked == ASKS_AT_ONCE {
                self.asks_rest_until = Some(now + ASK_PAUSE);
                break;
            }
            self.asks.pop_front();
            if let Some(entry) = self.open_leg(leg).filter(|entry| entry.ask_at == at) {
                asked += 1;
                entry.ask_at = now + ASK_EVERY;
                entry.tell(Command::Stats(media_leg(leg)), out);
                self.asks.push_back((now + ASK_EVERY, leg));
            }
        }
        self.tidy_asks();
    }

    /// Forgets entries at the front that do not count: calls that are brief come to nothing here.
    fn tidy_asks(&mut self) {
        while let Some(&(at, leg)) = self.asks.front()
            && self.open_leg(leg).is_none_or(|entry| entry.ask_at != at)
        {
            self.asks.pop_front();
        }
    }

    /// When [`Self::ask`] has something to ask.
    pub(super) fn ask_at(&self) -> Option<Instant> {
        let (at, _) = self.asks.front()?;
        Some(self.asks_rest_until.map_or(*at, |until| until.max(*at)))
    }

    /// Takes figures of a leg; whether the call is of another grade.
    pub(super) fn measured(&mut self, now: Instant, leg: LegId, stats: LegStats) -> bool {
        let Some(entry) = self.legs.get_mut(&leg) else { return false };
        let before = entry.figures.stats();
        self.totals.add(&before, &stats, StreamKind::owner(leg).is_none());
        self.totals.flows_in_kernel += u64::from(stats.in_kernel);
        self.totals.flows_in_kernel -= u64::from(before.in_kernel);
        entry.figures.take(now, stats, entry.remote.as_deref())
    }

    /// The figures of a leg that was asked for them.
    pub(super) fn view(&self, leg: LegId) -> Option<MediaView> {
        self.legs.get(&leg).map(|entry| entry.figures.view()).filter(|media| !media.is_empty())
    }

    /// Whether the kernel forwarded what the far end says when the relay was asked last.
    pub(super) fn is_in_kernel(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|entry| entry.figures.stats().in_kernel)
    }

    /// What was counted on all legs.
    pub(super) const fn totals(&self) -> MediaTotals {
        self.totals
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
        let heard = mem::replace(&mut entry.heard, Heard::Nothing);
        // Commands wait for a leg that will not come: the one in its place starts at the new worker.
        cancel(entry.waiting.take().unwrap_or_default(), entry.worker, out);
        // It has no packets for the kernel any more.
        self.totals.flows_in_kernel -= u64::from(entry.figures.lose_flow());
        if entry.closing {
            self.forget(leg);
            self.leave(heard);
            return Reopened::Unknown;
        }
        let other = if entry.retried { None } else { self.pool.allocate(now) };
        let Some(other) = other else {
            self.transcoded -= usize::from(entry.is_transcoded);
            self.forget(leg);
            self.tidy_asks();
            self.leave(heard);
            return Reopened::Failed;
        };
        entry.retried = true;
        entry.ports = other;
        let (worker, address) = (entry.worker, entry.address);
        out.media.push((worker, open(leg, other, address, setup.silent_after)));
        if let Some(remote) = &entry.remote {
            out.media.push((worker, Command::Remote(media_leg(leg), Arc::clone(remote))));
        }
        if entry.detection != Detection::default() {
            out.media.push((worker, Command::Detect(media_leg(leg), entry.detection)));
        }
        self.leave(heard);
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

    /// Port pairs in all.
    pub(super) fn ports_max(&self) -> usize {
        self.pool.capacity()
    }

    fn forget(&mut self, leg: LegId) -> Option<Box<MediaLeg>> {
        let entry = self.legs.remove(&leg)?;
        self.streams -= usize::from(StreamKind::owner(leg).is_some());
        Some(entry)
    }

    fn open_leg(&mut self, leg: LegId) -> Option<&mut MediaLeg> {
        self.legs.get_mut(&leg).filter(|entry| !entry.closing)
    }

    /// Where a leg lives that can be heard.
    fn worker_of(&self, leg: LegId) -> Option<u16> {
        self.legs.get(&leg).filter(|entry| !entry.closing).map(|entry| entry.worker)
    }

    /// One member more; returns where the conference lives: with its first member.
    fn join(&mut self, conference: ConferenceId, worker: u16) -> u16 {
        let (there, members) = self.conferences.entry(conference).or_insert((worker, 0));
        *members += 1;
        *there
    }

    /// One member less, if a conference was heard.
    fn leave(&mut self, heard: Heard) {
        if let Heard::Conference(conference) = heard
            && let Some((_, members)) = self.conferences.get_mut(&conference)
        {
            *members -= 1;
            if *members == 0 {
                self.conferences.remove(&conference);
            }
        }
    }

    /// Moves a leg to a worker, and those that hear it with it.
    fn move_to(&mut self, leg: LegId, worker: u16, out: &mut Outbox) {
        let mut moving = vec![leg];
        while let Some(leg) = moving.pop() {
            let Some(entry) = self.open_leg(leg).filter(|entry| entry.worker != worker) else { continue };
            if entry.waiting.is_none() {
                out.media.push((entry.worker, Command::Detach(media_leg(leg))));
                entry.waiting = Some(Vec::new());
            }
            entry.worker = worker;
            if let Heard::Leg(speaker) = entry.heard {
                // It hears the same where it arrives, from when the speaker is there.
                entry.tell(Command::Feed(media_leg(leg), Feed::Leg(media_leg(speaker))), out);
            }
            moving.extend(self.hearers(leg));
        }
    }

    /// The legs that hear a leg.
    fn hearers(&self, speaker: LegId) -> impl Iterator<Item = LegId> {
        self.legs.iter().filter(move |(_, entry)| entry.heard == Heard::Leg(speaker)).map(|(leg, _)| *leg)
    }
}

fn feed(heard: Heard, setup: &MediaSetup) -> Feed {
    match heard {
        Heard::Nothing => Feed::Nothing,
        Heard::Leg(speaker) => Feed::Leg(media_leg(speaker)),
        Heard::Silence => Feed::Silence,
        Heard::Tone(tone) => Feed::Tone(tone.cadence(&setup.tones)),
        Heard::Music => setup.music.clone().map_or(Feed::Silence, Feed::Music),
        Heard::Conference(conference) => Feed::Conference(conference),
    }
}

/// What a leg binds: with any address of IPv4, any of both families where its far end speaks IPv6.
const fn bound_address(configured: IpAddr, peer: IpAddr) -> IpAddr {
    if configured.is_unspecified() && peer.is_ipv6() { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { configured }
}

fn open(leg: LegId, ports: PortPair, address: IpAddr, silent_after: Option<Duration>) -> Command {
    Command::Open { leg: media_leg(leg), ports, address, silent_after }
}

/// The relay's name of a leg: the same number.
fn media_leg(leg: LegId) -> MediaLegId {
    MediaLegId(leg.0)
}

#[cfg(test)]
mod tests {
    use trunkline_media::{Detection, DigitVia};

    use super::super::rig;
    use super::*;

    const A: LegId = LegId(1);
    const B: LegId = LegId(2);
    const C: LegId = LegId(3);
    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const ROOM: ConferenceId = ConferenceId(9);

    /// Media legs A and B on worker 0 and C on worker 1, and what the relay was told.
    struct Bench {
        plane: MediaPlane,
        setup: MediaSetup,
        now: Instant,
        out: Outbox,
    }

    impl Bench {
        fn new() -> Self {
            let setup = MediaSetup { workers: 2, ..rig::setup().media };
            let now = rig::epoch();
            let mut bench = Self { plane: MediaPlane::new(&setup, 7), setup, now, out: Outbox::default() };
            for (leg, worker) in [(A, 0), (B, 0), (C, 1)] {
                bench.plane.open(now, leg, worker, PEER, &bench.setup, &mut bench.out).unwrap();
            }
            bench.told();
            bench
        }

        fn hear(&mut self, leg: LegId, heard: Heard) -> Vec<String> {
            self.plane.set_heard(leg, heard, &self.setup, &mut self.out);
            self.told()
        }

        fn detached(&mut self, leg: LegId) -> Vec<String> {
            self.plane.detached(leg, Parcel::empty(), &mut self.out);
            self.told()
        }

        /// What the relay was told: worker, command and leg.
        fn told(&mut self) -> Vec<String> {
            let named = |(worker, command): (u16, Command)| match command {
                Command::Open { leg, .. } => format!("{worker} open {}", leg.0),
                Command::Remote(leg, _) => format!("{worker} remote {}", leg.0),
                Command::Feed(leg, Feed::Leg(speaker)) => {
                    format!("{worker} feed {} leg {}", leg.0, speaker.0)
                }
                Command::Feed(leg, Feed::Conference(_)) => format!("{worker} feed {} conference", leg.0),
                Command::Feed(leg, _) => format!("{worker} feed {} own", leg.0),
                Command::Detach(leg) => format!("{worker} detach {}", leg.0),
                Command::Attach { leg, .. } => format!("{worker} attach {}", leg.0),
                Command::Close(leg) => format!("{worker} close {}", leg.0),
                Command::Digits { leg, .. } => format!("{worker} digits {}", leg.0),
                Command::Detect(leg, _) => format!("{worker} detect {}", leg.0),
                Command::Record(leg, takes) => format!("{worker} record {} {}", leg.0, takes.len()),
                Command::CancelDigits(leg) => format!("{worker} cancel {}", leg.0),
                Command::Stats(leg) => format!("{worker} stats {}", leg.0),
            };
            self.out.media.drain(..).map(named).collect()
        }
    }

    #[test]
    fn a_leg_that_hears_one_of_another_worker_moves_there() {
        let mut bench = Bench::new();
        assert_eq!(bench.hear(A, Heard::Leg(C)), ["0 detach 1"]);
        assert_eq!(bench.detached(A), ["1 attach 1", "1 feed 1 leg 3"]);
        assert_eq!(bench.hear(C, Heard::Leg(A)), ["1 feed 3 leg 1"]);
    }

    #[test]
    fn what_is_asked_on_the_way_is_said_on_arrival_the_last_word_only() {
        let mut bench = Bench::new();
        bench.hear(A, Heard::Leg(C));
        assert!(bench.hear(A, Heard::Music).is_empty());
        let name = media_leg(A);
        bench.plane.tell(A, Command::Detect(name, Detection::default()), &mut bench.out);
        bench.plane.tell(A, Command::Detect(name, Detection::default()), &mut bench.out);
        let digits = || Command::Digits {
            leg: name,
            generation: 1,
            digits: (*b"1").into(),
            via: DigitVia::Event,
            tone_ms: 0,
            gap_ms: 0,
        };
        for _ in 0..100 {
            bench.plane.tell(A, digits(), &mut bench.out);
        }
        assert_eq!(bench.told(), vec!["1 digits 1"; 2 + 100 - WAITING_MAX], "the worker cancels them");
        let told = bench.detached(A);
        assert_eq!(told[..4], ["1 attach 1", "1 feed 1 own", "1 detect 1", "1 digits 1"]);
        assert_eq!(told.len(), 1 + WAITING_MAX);
        assert!(bench.detached(A).is_empty(), "it has arrived");
    }

    #[test]
    fn digits_of_a_leg_that_does_not_arrive_are_given_to_a_worker_that_cancels_them() {
        let mut bench = Bench::new();
        for leg in [A, B] {
            bench.hear(leg, Heard::Leg(C));
            bench.plane.say_digits(leg, 1, b"1", DigitVia::Event, 0, &mut bench.out);
        }
        bench.told();
        bench.plane.close(A, None, &mut bench.out);
        assert_eq!(bench.detached(A), ["1 attach 1", "1 digits 1", "1 close 1"]);
        let ports = bench.plane.legs[&B].ports;
        bench.plane.open_failed(bench.now, B, ports, &bench.setup, &mut bench.out);
        assert_eq!(bench.told(), ["1 digits 2", "1 open 2"]);
    }

    #[test]
    fn who_hears_a_leg_follows_it() {
        let mut bench = Bench::new();
        bench.hear(A, Heard::Leg(B));
        bench.hear(B, Heard::Leg(A));
        assert_eq!(bench.hear(A, Heard::Leg(C)), ["0 detach 1", "0 detach 2"]);
        assert_eq!(bench.detached(B), ["1 attach 2", "1 feed 2 leg 1"]);
        assert_eq!(bench.detached(A), ["1 attach 1", "1 feed 1 leg 3"]);
    }

    #[test]
    fn a_conference_lives_with_its_first_member_until_the_last_has_left() {
        let mut bench = Bench::new();
        assert_eq!(bench.hear(C, Heard::Conference(ROOM)), ["1 feed 3 conference"]);
        assert_eq!(bench.hear(A, Heard::Conference(ROOM)), ["0 detach 1"]);
        assert_eq!(bench.detached(A), ["1 attach 1", "1 feed 1 conference"]);
        assert_eq!(bench.hear(C, Heard::Silence), ["1 feed 3 own"]);
        bench.plane.close(A, None, &mut bench.out);
        assert_eq!(bench.told(), ["1 close 1"]);
        assert_eq!(bench.hear(B, Heard::Conference(ROOM)), ["0 feed 2 conference"]);
        assert_eq!(bench.plane.conferences.len(), 1);
    }

    #[test]
    fn a_leg_that_is_closed_on_the_way_is_closed_where_it_arrives() {
        let mut bench = Bench::new();
        bench.hear(A, Heard::Conference(ROOM));
        bench.hear(A, Heard::Leg(C));
        bench.plane.close(A, None, &mut bench.out);
        assert!(bench.plane.conferences.is_empty());
        bench.told();
        assert_eq!(bench.detached(A), ["1 attach 1", "1 close 1"]);
        let ports = bench.plane.legs[&A].ports;
        bench.plane.closed(bench.now, A, ports, LegStats::default());
        assert_eq!((bench.plane.legs(), bench.plane.ports_in_use()), (2, 2));
    }

    #[test]
    fn many_legs_are_asked_in_turns() {
        let mut bench = Bench::new();
        bench.plane.pool = PortPool::new(20_000..=29_999, 7);
        let legs = 3 + 3 * ASKS_AT_ONCE as u64;
        for leg in 4..=legs {
            bench.plane.open(bench.now, LegId(leg), 0, PEER, &bench.setup, &mut bench.out).unwrap();
        }
        bench.told();
        let (start, mut asked) = (bench.now, Vec::new());
        while asked.iter().sum::<usize>() < legs as usize {
            let at = bench.plane.ask_at().unwrap();
            assert!(at > bench.now, "the relay is asked again without a pause");
            bench.now = at;
            bench.plane.ask(at, &mut bench.out);
            asked.push(bench.out.media.drain(..).count());
        }
        assert_eq!(asked, [ASKS_AT_ONCE, ASKS_AT_ONCE, ASKS_AT_ONCE, 3]);
        assert_eq!(bench.now, start + ASK_EVERY + ASK_PAUSE * 3);
        assert_eq!(bench.plane.ask_at(), Some(start + ASK_EVERY * 2));
    }

    #[test]
    fn a_leg_that_changes_its_mind_on_the_way_arrives_where_it_is_wanted_last() {
        let mut bench = Bench::new();
        bench.hear(A, Heard::Leg(C));
        assert!(bench.hear(A, Heard::Leg(B)).is_empty());
        // It is on its way to the worker of B, which is where it came from.
        assert_eq!(bench.detached(A), ["0 attach 1", "0 feed 1 leg 2"]);
    }

    #[test]
    fn a_leg_that_could_not_be_taken_is_opened_anew_at_the_new_worker() {
        let mut bench = Bench::new();
        bench.hear(A, Heard::Leg(C));
        bench.detached(A);
        let ports = bench.plane.legs[&A].ports;
        let reopened = bench.plane.open_failed(bench.now, A, ports, &bench.setup, &mut bench.out);
        assert_eq!((reopened, bench.told()), (Reopened::Moved, vec!["1 open 1".to_owned()]));
        assert_eq!(bench.hear(A, Heard::Leg(C)), ["1 feed 1 leg 3"]);
    }

    #[test]
    fn a_leg_that_is_opened_anew_is_told_again_what_it_is_to_report_and_has_no_flow_in_the_kernel() {
        let mut bench = Bench::new();
        let detection = Detection { events: true, ..Detection::default() };
        bench.plane.set_detection(A, detection, &mut bench.out);
        bench.plane.measured(bench.now, A, LegStats { in_kernel: true, ..LegStats::default() });
        bench.told();
        for told in [vec!["0 open 1", "0 detect 1"], Vec::new()] {
            let ports = bench.plane.legs[&A].ports;
            bench.plane.open_failed(bench.now, A, ports, &bench.setup, &mut bench.out);
            assert_eq!(bench.told(), told);
            assert_eq!(bench.plane.totals().flows_in_kernel, 0);
        }
    }

    #[test]
    fn a_far_end_of_ipv6_is_heard_where_any_address_is_listened_on() {
        let [v4, v6] = ["203.0.113.1", "2001:db8::1"].map(|address| address.parse::<IpAddr>().unwrap());
        let any = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(bound_address(any("0.0.0.0"), v4), any("0.0.0.0"));
        assert_eq!(bound_address(any("0.0.0.0"), v6), any("::"));
        assert_eq!(bound_address(any("::"), v4), any("::"));
        assert_eq!(bound_address(v4, v6), v4);
    }

    #[test]
    fn who_is_gone_is_not_heard() {
        let mut bench = Bench::new();
        bench.plane.close(C, None, &mut bench.out);
        bench.told();
        assert_eq!(bench.hear(A, Heard::Leg(C)), ["0 feed 1 own"]);
    }
}
