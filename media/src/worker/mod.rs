//! The relay as one plain value: commands, datagrams and time in; datagrams and events out.
//!
//! ```text
//! Command ─▶ ┌──────────────── RelayWorker ────────────────┐ ─▶ Event
//! datagram ▶ │ token ▶ leg ▶ Flow::receive ▶ legs that hear │ ─▶ datagram
//! now ─────▶ │ it ▶ Flow::address ▶ DatagramIo::send        │
//!            └─────────────────────────────────────────────┘
//! ```
//!
//! A worker owns its legs by `&mut`: no lock, no allocation and no log for a packet, and the clock is read by the driver, once
//! for a batch. A call lives wholly on one worker.

mod capturing;
mod checking;
mod conferring;
mod digits;
mod diverting;
mod feeding;
mod moving;
mod offloading;
mod opaque;
mod playing;
mod recording;
mod reporting;
mod shaking;
mod silence;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use smallvec::SmallVec;

use crate::command::{Command, Event, LegId, PortPair, Remote};
use crate::conference::Conference;
use crate::conversion::Conversion;
use crate::destination::Destinations;
use crate::digit::{Ear, Saying};
use crate::dtls::{DtlsIdentity, is_dtls};
use crate::flow::{Channel, Flow, Verdict};
use crate::io::simulated::Simulated;
use crate::io::{DatagramIo, Token};
use crate::latch::Admission;
use crate::limits::{
    DATAGRAM_BYTES_MAX, OFFLOADS_PER_BATCH, PACKETS_PER_TURN, REST_FETCHED_MAX, REST_PACKETS_MAX,
};
use crate::recording::{CaptureId, Recorder};
use crate::rtp::Header;
use crate::stats::LegStats;

/// What a worker is made with.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Seeds SSRCs and first sequence numbers of what the relay plays.
    pub seed: u64,
    /// Where media may be sent.
    pub destinations: Destinations,
    /// Whether a far end hears one stream (SSRC, sequence numbers, timestamps) for as long as its leg lives, whoever speaks:
    /// other parties, music, tones. Without it each source passes with its own.
    pub continuity: bool,
    /// Who the relay is in DTLS; without it legs that are to be keyed so stay silent.
    pub identity: Option<Arc<DtlsIdentity>>,
    /// The DSCP of packets that are sent (RFC 2474), 0 to 63.
    pub dscp: u8,
    /// Whether what far ends report by RTCP is told of ([`Event::Reported`]).
    pub tells_reports: bool,
}

impl Default for RelayConfig {
    /// One stream, marked for expedited forwarding (RFC 3246) as voice is.
    fn default() -> Self {
        Self {
            seed: 0,
            destinations: Destinations::default(),
            continuity: true,
            identity: None,
            dscp: 46,
            tells_reports: false,
        }
    }
}

/// The place of a leg in its worker.
type SlotIndex = u32;

/// Where a leg is to be opened: what [`Command::Open`] says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LegPlace {
    pub(crate) leg: LegId,
    pub(crate) ports: PortPair,
    pub(crate) address: IpAddr,
    pub(crate) silent_after: Option<Duration>,
}

/// The legs of one thread.
#[derive(Debug)]
pub struct RelayWorker<I: DatagramIo> {
    io: I,
    epoch: Instant,
    destinations: Destinations,
    continuity: bool,
    identity: Option<Arc<DtlsIdentity>>,
    tells_reports: bool,
    /// Legs whose DTLS handshake is under way.
    shaking: Vec<SlotIndex>,
    slots: Vec<Slot<I::Socket>>,
    free: Vec<u32>,
    slot_of: HashMap<LegId, u32>,
    /// Legs that are to hear one that is not open yet.
    awaiting: HashMap<LegId, SmallVec<[u32; 2]>>,
    silences: BinaryHeap<Reverse<(u64, u32, u32)>>,
    playing: Vec<u32>,
    conferences: Vec<Option<Conference>>,
    /// Legs to which digits are being said, whose events may have lost their end, to which speech may be transcoded.
    saying: Vec<SlotIndex>,
    open_events: Vec<SlotIndex>,
    transcoding: Vec<SlotIndex>,
    /// Legs that are recorded.
    recording: Vec<SlotIndex>,
    /// When the next 20 ms are played and mixed, and how often that was done.
    tick_at_us: Option<u64>,
    ticks: u64,
    chance: StdRng,
    buffer: Box<[u8]>,
    batch: u32,
    in_hand: Option<u32>,
    /// The time of the last input, and the same in the worker's count.
    now: Instant,
    now_us: u64,
    /// When flows in the kernel, and those that it refused, are looked at again.
    reviews: BinaryHeap<Reverse<(u64, SlotIndex, u32)>>,
    flows_in_kernel: usize,
    offers_left: u32,
}

/// Begins on a cache line, and its parts follow in the order in which a packet needs them.
#[derive(Debug)]
#[repr(C, align(64))]
struct Slot<S> {
    generation: u32,
    leg: Option<Leg<S>>,
}

#[derive(Debug)]
#[repr(C)]
struct Leg<S> {
    /// The last batch in which the RTP socket was ready.
    ready_in: u32,
    /// Whether somebody else than its listeners wants its packets: a conference, or an ear for digits.
    is_tapped: bool,
    /// Which way its packets take to whoever hears it.
    path: Path,
    rtp: S,
    listeners: SmallVec<[u32; 2]>,
    flow: Flow,
    hears: Hears,
    rtcp: S,
    silence: Option<Silence>,
    id: LegId,
    ports: PortPair,
    /// How packets of what it hears become its own, where they cannot pass as they are.
    conversion: Option<Box<Conversion>>,
    /// Digits that are being said to the far end.
    saying: Option<Box<Saying>>,
    /// Listens to the far end.
    ear: Option<Box<Ear>>,
    /// The way of its packets past the worker.
    offload: Offload,
    /// Who records it.
    recorders: Vec<Recorder>,
    /// Whether somebody who hears it is recorded.
    is_overheard: bool,
    /// For whom its packets are captured.
    captures: Vec<CaptureId>,
}

impl<S> Leg<S> {
    /// Sends a packet to the far end as it wants it, and counts it.
    #[inline(always)]
    fn send<I: DatagramIo<Socket = S>>(&mut self, io: &mut I, packet: &[u8], to: SocketAddr) {
        let sent = if self.flow.is_secured() {
            self.flow.seal_rtp(packet).is_some_and(|sealed| io.send(&self.rtp, sealed, to))
        } else {
            io.send(&self.rtp, packet, to)
        };
        self.flow.count_sent(packet.len(), sent);
    }

    /// Sends a compound to where the far end wants reports, as it wants them, and counts it; whether it was sent.
    fn send_report<I: DatagramIo<Socket = S>>(&mut self, io: &mut I, report: &[u8]) -> bool {
        let Some((channel, to)) = self.flow.rtcp_to() else { return false };
        let socket = match channel {
            Channel::Rtp => &self.rtp,
            Channel::Rtcp => &self.rtcp,
        };
        let sent = if self.flow.is_secured() {
            self.flow.seal_rtcp(channel, report).is_some_and(|sealed| io.send(socket, sealed, to))
        } else {
            io.send(socket, report, to)
        };
        self.flow.count_report_sent(sent);
        sent
    }

    /// Whether the speech that it hears is another's, in another codec.
    fn hears_transcoded(&self) -> bool {
        self.conversion.as_ref().is_some_and(|conversion| conversion.transcodes())
    }

    /// Whether its speech is needed here.
    fn needs_speech(&self) -> bool {
        matches!(self.hears, Hears::Conference(_))
            || !self.recorders.is_empty()
            || !self.captures.is_empty()
            || self.is_overheard
            || self.ear.as_ref().is_some_and(|ear| ear.needs_speech())
    }
}

use digits::Digits;
use feeding::Hears;
pub(crate) use moving::Shift as TimeShift;
use offloading::{Offload, Path};
use silence::Silence;

impl<I: DatagramIo> RelayWorker<I> {
    /// A worker without legs.
    pub fn new(now: Instant, io: I, config: RelayConfig) -> Self {
        Self {
            io,
            epoch: now,
            destinations: config.destinations,
            continuity: config.continuity,
            identity: config.identity,
            tells_reports: config.tells_reports,
            shaking: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            slot_of: HashMap::new(),
            awaiting: HashMap::new(),
            silences: BinaryHeap::new(),
            playing: Vec::new(),
            conferences: Vec::new(),
            saying: Vec::new(),
            open_events: Vec::new(),
            transcoding: Vec::new(),
            recording: Vec::new(),
            tick_at_us: None,
            ticks: 0,
            chance: StdRng::seed_from_u64(config.seed),
            buffer: empty_buffer(),
            batch: 0,
            in_hand: None,
            now,
            now_us: 0,
            reviews: BinaryHeap::new(),
            flows_in_kernel: 0,
            offers_left: 0,
        }
    }

    /// The network that the worker was given.
    pub const fn io(&self) -> &I {
        &self.io
    }

    /// The network that the worker was given.
    pub const fn io_mut(&mut self) -> &mut I {
        &mut self.io
    }

    /// How many legs are open.
    pub fn legs_open(&self) -> usize {
        self.slot_of.len()
    }

    /// Opens a leg as [`Command::Open`] does, on sockets that are bound already; what waits in them is its first packets.
    pub(crate) fn open_on(
        &mut self,
        now: Instant,
        place: LegPlace,
        sockets: [I::Socket; 2],
        out: &mut Vec<Event>,
    ) {
        let now_us = self.begin(now);
        self.open(now_us, place, Some(sockets), out);
    }

    /// Carries out a command. One that names a leg that is not open does nothing, for its leg may have failed to open.
    pub fn command(&mut self, now: Instant, command: Command, out: &mut Vec<Event>) {
        let now_us = self.begin(now);
        let (Command::Open { leg, .. }
        | Command::Remote(leg, _)
        | Command::Feed(leg, _)
        | Command::Digits { leg, .. }
        | Command::CancelDigits(leg)
        | Command::Detect(leg, _)
        | Command::Record(leg, _)
        | Command::Detach(leg)
        | Command::Attach { leg, .. }
        | Command::Stats(leg)
        | Command::Close(leg)) = &command;
        self.in_hand = self.slot_of.get(leg).copied();
        match command {
            Command::Open { leg, ports, address, silent_after } => {
                self.open(now_us, LegPlace { leg, ports, address, silent_after }, None, out);
            }
            Command::Remote(leg, remote) => self.agree(now_us, leg, &remote),
            Command::Feed(leg, feed) => self.feed(now_us, leg, &feed),
            Command::Digits { leg, generation, digits, via, tone_ms, gap_ms } => {
                self.say_digits(now_us, leg, Digits { generation, digits, via, tone_ms, gap_ms }, out);
            }
            Command::CancelDigits(leg) => {
                if let Some(&slot) = self.slot_of.get(&leg) {
                    self.cancel_digits(slot, out);
                }
            }
            Command::Detect(leg, detection) => {
                if let Some(&slot) = self.slot_of.get(&leg) {
                    self.detect(slot, detection);
                }
            }
            Command::Record(leg, takes) => {
                if let Some(&slot) = self.slot_of.get(&leg) {
                    self.set_takes(now_us, slot, &takes, out);
                }
            }
            Command::Detach(leg) => {
                if let Some(&slot) = self.slot_of.get(&leg) {
                    self.detach(slot, out);
                }
            }
            Command::Attach { leg, parcel } => self.attach(now_us, leg, parcel, out),
            Command::Stats(leg) => {
                if let Some(&slot) = self.slot_of.get(&leg) {
                    self.look_from(slot);
                    self.look_to(slot);
                    out.extend(self.stats(slot).map(|stats| Event::Stats { leg, stats }));
                }
            }
            Command::Close(leg) => {
                if let Some(&slot) = self.slot_of.get(&leg) {
                    self.relay_rest(now_us, slot, out);
                    self.close(slot, out);
                }
            }
        }
        self.in_hand = None;
    }

    /// Relays what the sockets of the present batch have.
    pub fn handle_io(&mut self, now: Instant, out: &mut Vec<Event>) {
        let now_us = self.begin(now);
        let mut buffer = self.take_buffer();
        self.batch = self.batch.wrapping_add(1);
        while let Some(token) = self.io.next_ready() {
            self.in_hand = Some(token.parts().1);
            for _ in 0..self.turn(token) {
                let Some((length, from)) = self.fetch(token, &mut buffer) else {
                    self.offer_after(now_us, token, &mut buffer, out);
                    break;
                };
                self.relay(now_us, token, from, &mut buffer[..length], out);
            }
        }
        self.buffer = buffer;
        self.in_hand = None;
    }

    /// Relays one datagram that was received elsewhere.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        token: Token,
        from: SocketAddr,
        packet: &mut [u8],
        out: &mut Vec<Event>,
    ) {
        let now_us = self.begin(now);
        let (_, slot, channel) = token.parts();
        self.in_hand = Some(slot);
        self.relay(now_us, token, from, packet, out);
        if channel == Channel::Rtp {
            self.offer(now_us, slot);
        }
        self.in_hand = None;
    }

    /// Plays and reports what is due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<Event>) {
        let now_us = self.begin(now);
        self.tick_due(now_us, out);
        self.review_due(now_us);
        self.silences_due(now_us, out);
        self.in_hand = None;
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        let silence_us = self.silences.peek().map(|Reverse((due_us, ..))| *due_us);
        let review_us = self.reviews.peek().map(|Reverse((due_us, ..))| *due_us);
        let due_us = [silence_us, review_us, self.tick_at_us].into_iter().flatten().min()?;
        Some(self.epoch + Duration::from_micros(due_us))
    }

    /// Closes every leg.
    pub fn close_all(&mut self, out: &mut Vec<Event>) {
        let slots: Vec<u32> = self.slot_of.values().copied().collect();
        for slot in slots {
            self.close(slot, out);
        }
    }

    /// Closes the leg whose packet or command was in hand, for a driver that has caught a panic.
    pub fn close_in_hand(&mut self, out: &mut Vec<Event>) {
        if let Some(slot) = self.in_hand.take() {
            self.close(slot, out);
        }
    }

    /// The time of an input, in the worker's count.
    #[inline]
    fn begin(&mut self, now: Instant) -> u64 {
        if now != self.now {
            let since = now.saturating_duration_since(self.epoch);
            self.now_us = since.as_secs() * 1_000_000 + u64::from(since.subsec_micros());
            self.now = now;
        }
        self.offers_left = OFFLOADS_PER_BATCH;
        self.now_us
    }

    #[inline]
    fn leg(&mut self, slot: u32) -> Option<&mut Leg<I::Socket>> {
        self.slots.get_mut(slot as usize)?.leg.as_mut()
    }

    fn open(&mut self, now_us: u64, place: LegPlace, sockets: Option<[I::Socket; 2]>, out: &mut Vec<Event>) {
        let LegPlace { leg: id, ports, address, silent_after } = place;
        let slot = self.free_slot();
        let generation = self.slots[slot as usize].generation;
        let token = |channel| Token::of(generation, slot, channel);
        let bound = match sockets {
            _ if self.slot_of.contains_key(&id) => None,
            Some([rtp, rtcp]) => {
                let adopted = self.io.adopt(&rtp, token(Channel::Rtp));
                adopted.and_then(|()| self.io.adopt(&rtcp, token(Channel::Rtcp))).ok().map(|()| (rtp, rtcp))
            }
            None => {
                let mut bind =
                    |port, channel| self.io.bind(SocketAddr::new(address, port), token(channel)).ok();
                bind(ports.rtp(), Channel::Rtp).zip(bind(ports.rtcp(), Channel::Rtcp))
            }
        };
        let Some((rtp, rtcp)) = bound else {
            self.free.push(slot);
            out.push(Event::OpenFailed { leg: id, ports });
            return;
        };
        let silence = silent_after.map(Silence::of);
        self.slots[slot as usize].leg = Some(Leg {
            flow: Flow::new(self.continuity),
            listeners: SmallVec::new(),
            rtp,
            rtcp,
            ready_in: self.batch,
            is_tapped: false,
            path: Path::User,
            hears: Hears::Nothing,
            silence,
            id,
            ports,
            conversion: None,
            saying: None,
            ear: None,
            offload: Offload::default(),
            recorders: Vec::new(),
            is_overheard: false,
            captures: Vec::new(),
        });
        self.slot_of.insert(id, slot);
        for hearer in self.awaiting.remove(&id).unwrap_or_default() {
            self.hear(now_us, hearer, slot);
        }
    }

    fn agree(&mut self, now_us: u64, id: LegId, remote: &Arc<Remote>) {
        let Some(&slot) = self.slot_of.get(&id) else { return };
        self.recall_from(slot);
        self.recall_to(slot);
        let place = &mut self.slots[slot as usize];
        let Some(leg) = &mut place.leg else { return };
        let (was_expected, heard_at_us) = (leg.flow.is_expected_to_speak(), leg.flow.heard_at_us());
        leg.flow.agree(now_us, remote, &self.destinations);
        // Who is to speak from another address has as long again for it.
        let begins = !was_expected || leg.flow.heard_at_us() < heard_at_us;
        if remote.receive && begins {
            self.expect_speech(now_us, slot);
        }
        self.begin_handshakes(now_us, slot);
        self.find_conversions(now_us, slot);
        self.ripen(slot);
    }

    fn close(&mut self, slot: u32, out: &mut Vec<Event>) {
        self.recall_from(slot);
        self.recall_to(slot);
        let Some(stats) = self.stats(slot) else { return };
        self.cancel_digits(slot, out);
        self.end_takes(slot, out);
        self.end_feed(slot);
        self.open_events.retain(|listened| *listened != slot);
        self.shaking.retain(|shaking| *shaking != slot);
        let place = &mut self.slots[slot as usize];
        let Some(leg) = place.leg.take() else { return };
        place.generation = place.generation.wrapping_add(1);
        self.slot_of.remove(&leg.id);
        self.free.push(slot);
        self.let_go(leg.listeners);
        out.push(Event::Closed { leg: leg.id, ports: leg.ports, stats });
    }

    /// Relays what has arrived of a conversation that ends: last words may wait in a socket while the goodbye, which came by
    /// another way, is here already. What is beyond [`REST_PACKETS_MAX`] nobody hears.
    fn relay_rest(&mut self, now_us: u64, slot: SlotIndex, out: &mut Vec<Event>) {
        self.recall_from(slot);
        self.recall_to(slot);
        let mut buffer = self.take_buffer();
        let heard = match self.leg(slot) {
            Some(Leg { hears: Hears::Leg(heard), .. }) => Some(*heard),
            _ => None,
        };
        for slot in [Some(slot), heard].into_iter().flatten() {
            let token = Token::of(self.slots[slot as usize].generation, slot, Channel::Rtp);
            for fetched in 0..REST_FETCHED_MAX {
                let Some((length, from)) = self.fetch(token, &mut buffer) else { break };
                if fetched < REST_PACKETS_MAX {
                    self.relay(now_us, token, from, &mut buffer[..length], out);
                } else if let Some(leg) = self.leg(slot) {
                    leg.flow.count_unheard();
                }
            }
        }
        self.buffer = buffer;
    }

    /// The buffer that packets are received into; a panic may have cost it.
    fn take_buffer(&mut self) -> Box<[u8]> {
        let buffer = mem::take(&mut self.buffer);
        if buffer.is_empty() { empty_buffer() } else { buffer }
    }

    fn stats(&self, slot: u32) -> Option<LegStats> {
        let leg = self.slots.get(slot as usize)?.leg.as_ref()?;
        let counted = leg.flow.stats();
        // A socket overflows only behind packets that were fetched, or are before a leg is closed.
        let kernel_dropped =
            if counted.has_heard() { self.io.dropped(&leg.rtp) + self.io.dropped(&leg.rtcp) } else { 0 };
        let in_kernel = leg.path == Path::Kernel;
        Some(LegStats { kernel_dropped, in_kernel, ..counted })
    }

    /// How many datagrams may be fetched from a ready socket. One that was not ready in the batch before has one as a rule,
    /// and asking for a second would be a system call for nothing.
    fn turn(&mut self, token: Token) -> u32 {
        let batch = self.batch;
        let (_, slot, channel) = token.parts();
        match self.leg(slot) {
            Some(leg) if channel == Channel::Rtp => {
                let before = mem::replace(&mut leg.ready_in, batch);
                // What is to be given away is read until there is nothing.
                let reads_on = before == batch.wrapping_sub(1) || matches!(leg.path, Path::Ripe(_));
                if reads_on { PACKETS_PER_TURN } else { 1 }
            }
            Some(_) => 1,
            None => 0,
        }
    }

    #[inline]
    fn fetch(&mut self, token: Token, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let (generation, slot, channel) = token.parts();
        let place = self.slots.get(slot as usize).filter(|place| place.generation == generation)?;
        let leg = place.leg.as_ref()?;
        let socket = match channel {
            Channel::Rtp => &leg.rtp,
            Channel::Rtcp => &leg.rtcp,
        };
        self.io.receive(socket, buffer)
    }

    #[inline]
    fn relay(
        &mut self,
        now_us: u64,
        token: Token,
        from: SocketAddr,
        packet: &mut [u8],
        out: &mut Vec<Event>,
    ) {
        let (generation, slot, channel) = token.parts();
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        if place.generation != generation {
            return;
        }
        let Some(mut leg) = place.leg.as_mut() else { return };
        if leg.path == Path::Kernel {
            self.come_up(now_us, slot, channel, from, packet);
            let Some(again) = self.slots[slot as usize].leg.as_mut() else { return };
            leg = again;
        }
        if packet.len() > DATAGRAM_BYTES_MAX {
            leg.flow.count_malformed();
            return;
        }
        let packet = if leg.flow.is_unusual() {
            if leg.flow.is_opaque() {
                self.relay_opaque(now_us, slot, channel, from, packet, out);
                return;
            }
            if is_dtls(packet) {
                self.hear_handshake(now_us, slot, channel, from, packet);
                return;
            }
            let Some(length) = leg.flow.open(channel, packet) else { return };
            &mut packet[..length]
        } else {
            packet
        };
        let Some(header) = leg.flow.read(channel, packet) else {
            self.relay_other(now_us, slot, channel, from, packet, out);
            return;
        };
        let latched = match leg.flow.hear(now_us, from, &header, packet.len(), &self.destinations) {
            Admission::Known => false,
            Admission::Latched => true,
            Admission::Foreign => return,
        };
        let sealed = leg.flow.is_sealed();
        let is_tapped = leg.is_tapped;
        let (first, listeners) = (leg.listeners.first().copied(), leg.listeners.len());
        let ripens = matches!(leg.path, Path::Ripening(_) | Path::Ripe(_));
        if latched {
            out.push(Event::Latched { leg: leg.id, source: from });
            self.turn_to_source(slot);
        }
        let mut heard = is_tapped && self.tap(now_us, slot, header, packet, out);
        if let Some(first) = first {
            heard |= self.pass(now_us, first, sealed, header, packet);
        }
        if listeners > 1 {
            heard |= self.pass_on(now_us, slot, sealed, header, packet);
        }
        if !heard && let Some(leg) = self.leg(slot) {
            leg.flow.count_unheard();
        }
        if ripens {
            self.ripen_by(slot, header);
        }
    }

    /// Relays what is no audio.
    #[cold]
    fn relay_other(
        &mut self,
        now_us: u64,
        slot: SlotIndex,
        channel: Channel,
        from: SocketAddr,
        packet: &mut [u8],
        out: &mut Vec<Event>,
    ) {
        let Some(leg) = self.slots[slot as usize].leg.as_mut() else { return };
        match leg.flow.receive_other(now_us, channel, from, packet, &self.destinations) {
            Verdict::Rtcp => {
                if !leg.captures.is_empty() {
                    self.capture_report(slot, channel, packet, out);
                }
                if self.tells_reports {
                    self.tell_report(slot, channel, packet, out);
                }
                self.relay_rtcp(now_us, slot, packet);
            }
            Verdict::Check => self.answer_check(now_us, slot, channel, from, packet, out),
            Verdict::Hello => leg.flow.keep_hello(channel, from, packet),
            Verdict::Drop => {}
        }
    }

    /// Passes a packet to a leg that hears it; whether it was heard.
    // By a call of its own it would cost a tenth more.
    #[inline(always)]
    fn pass(
        &mut self,
        now_us: u64,
        hearer: SlotIndex,
        sealed: bool,
        header: Header,
        packet: &mut [u8],
    ) -> bool {
        let Some(leg) = &mut self.slots[hearer as usize].leg else { return false };
        // What is sealed for one and plain for the other would be noise.
        if leg.flow.is_sealed() != sealed {
            return false;
        }
        if leg.flow.is_diverted() {
            return self.divert(now_us, hearer, header, packet);
        }
        let Some(to) = leg.flow.address(now_us, &header, packet) else { return false };
        leg.send(&mut self.io, packet, to);
        true
    }

    /// Passes a packet to the legs behind the first that hear it.
    #[cold]
    fn pass_on(
        &mut self,
        now_us: u64,
        slot: SlotIndex,
        sealed: bool,
        header: Header,
        packet: &mut [u8],
    ) -> bool {
        let (mut heard, mut n) = (false, 1);
        // By index, for the listeners are legs of the same slab.
        while let Some(&listener) =
            self.slots[slot as usize].leg.as_ref().and_then(|leg| leg.listeners.get(n))
        {
            n += 1;
            heard |= self.pass(now_us, listener, sealed, header, packet);
        }
        heard
    }
}

impl RelayWorker<Simulated> {
    /// Plays the network: a datagram arrives at a local port, and goes past the worker if it is of a flow that was given away.
    /// `false` if nothing is bound there.
    pub fn receive(
        &mut self,
        now: Instant,
        local_port: u16,
        from: SocketAddr,
        packet: &mut [u8],
        out: &mut Vec<Event>,
    ) -> bool {
        let Some(token) = self.io.token(local_port) else { return false };
        self.io.set_now(now);
        if self.io.forward(local_port, from, packet) {
            return true;
        }
        self.handle_datagram(now, token, from, packet, out);
        true
    }
}

fn empty_buffer() -> Box<[u8]> {
    // One byte more than may be relayed, so that a datagram that was cut is known by its length.
    vec![0; DATAGRAM_BYTES_MAX + 1].into_boxed_slice()
}
