//! Directions of conversations that the network forwards by itself: when the worker gives one away, and when it takes it back.
//!
//! ```text
//!         packets in good order        its socket is empty, the network takes it
//!   User ──▶ Ripening ─────────▶ Ripe ───────────────────────────────────▶ Kernel
//!    ▲        ▲     ▲              │ refused                                 │
//!    │        │     └── Waiting ◀──┤                                         │
//!    │ cannot be given away ◀──────┘                                         │
//!             └───── first taken back and its count merged, when anything of it changes
//! ```
//!
//! The worker changes nothing about a flow that the network has: it takes it back first, computes, and lets it ripen again.
//! Whatever the network does not know comes up to the sockets and is relayed as ever; the numbers of the stream are the same on
//! both ways, for both add the same.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Hears, RelayWorker, SlotIndex};
use crate::command::{Event, PayloadTypes};
use crate::flow::Channel;
use crate::io::{DatagramIo, Token};
use crate::latch::RELATCH_AFTER_US;
use crate::limits::{
    OFFLOAD_AFTER_PACKETS, OFFLOAD_MISSED_PACKETS, OFFLOAD_RETRY, OFFLOAD_RETRY_MAX, OFFLOAD_REVIEW,
    OFFLOAD_REVIEWS_PER_TURN, PACKETS_PER_TURN,
};
use crate::offload::{FlowCount, KernelFlow};
use crate::rtcp;
use crate::rtp::Header;
use crate::tally::Tally;

/// Reviews are due on a grid of this, so that those of many flows wake the thread once.
const REVIEW_GRID_US: u64 = 10_000;

/// Which way a leg's packets take to whoever hears it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Path {
    /// Through the worker, until something changes.
    #[default]
    User,
    /// Through the worker, until so many more came in good order.
    Ripening(u8),
    /// Through the worker, until the socket is empty; the last one had this payload type.
    Ripe(u8),
    /// Through the worker, until it is time to try again.
    Waiting,
    /// Past the worker.
    Kernel,
}

/// What is known of the way past the worker.
#[derive(Debug, Default)]
pub(super) struct Offload {
    given: Option<Box<Given>>,
    refusals: u32,
    retry_at_us: u64,
    /// Whether an entry of `reviews` will look at it.
    is_reviewed: bool,
}

/// A flow that the network has.
#[derive(Debug)]
struct Given {
    hearer: SlotIndex,
    source: SocketAddr,
    to: SocketAddr,
    ssrc: u32,
    payload_types: PayloadTypes,
    tally: Tally,
    looked_at_us: u64,
    /// Packets that came up since the last review although they were the network's.
    missed: u32,
    /// Whether packets were forwarded since the last review.
    moves: bool,
}

impl<I: DatagramIo> RelayWorker<I> {
    /// How many flows the network forwards by itself.
    pub const fn flows_in_kernel(&self) -> usize {
        self.flows_in_kernel
    }

    /// Lets a leg's packets be given away after some more of them. Whether they may be is found out then.
    pub(super) fn ripen(&mut self, slot: SlotIndex) {
        if !self.io.can_offload() {
            return;
        }
        if let Some(leg) = self.leg(slot)
            && matches!(leg.path, Path::User | Path::Waiting)
        {
            leg.path = Path::Ripening(OFFLOAD_AFTER_PACKETS);
        }
    }

    /// The same for the packets that a leg hears.
    pub(super) fn ripen_heard(&mut self, hearer: SlotIndex) {
        if let Some(source) = self.heard_by(hearer) {
            self.ripen(source);
        }
    }

    /// A packet of a leg was relayed that is to be given away when it is time.
    #[cold]
    pub(super) fn ripen_by(&mut self, slot: SlotIndex, header: Header) {
        let Some(leg) = self.leg(slot) else { return };
        if !leg.flow.is_speech(header.payload_type) {
            return;
        }
        let is_newest = leg.flow.reception().is_newest(&header);
        leg.path = match leg.path {
            Path::Ripening(2..) | Path::Ripe(_) if !is_newest => Path::Ripening(OFFLOAD_AFTER_PACKETS),
            Path::Ripening(more @ 2..) => Path::Ripening(more - 1),
            Path::Ripening(_) | Path::Ripe(_) => Path::Ripe(header.payload_type),
            Path::User | Path::Waiting | Path::Kernel => leg.path,
        };
    }

    /// Gives a leg's packets away if it is time, now that its socket is empty; whether they were.
    pub(super) fn offer(&mut self, now_us: u64, slot: SlotIndex) -> bool {
        let Some(leg) = self.leg(slot) else { return false };
        let Path::Ripe(payload_type) = leg.path else { return false };
        if self.offers_left == 0 {
            return false;
        }
        let Some((hearer, flow)) = self.kernel_flow(slot) else {
            if let Some(leg) = self.leg(slot) {
                leg.path = Path::User;
            }
            return false;
        };
        if !flow.payload_types.contains(payload_type) {
            // Others that it speaks later may pass.
            self.wait(now_us, slot, OFFLOAD_RETRY_MAX);
            return false;
        }
        self.offers_left -= 1;
        let places = (&self.slots[slot as usize].leg, &self.slots[hearer as usize].leg);
        let (Some(from), Some(by)) = places else { return false };
        let taken = self.io.offload(&from.rtp, &by.rtp, &flow);
        let Some(leg) = self.leg(slot) else { return false };
        let tally = leg.flow.tally();
        let Some(tally) = tally.filter(|_| taken) else {
            let refusals = leg.offload.refusals;
            leg.offload.refusals = refusals.saturating_add(1);
            self.wait(now_us, slot, OFFLOAD_RETRY.saturating_mul(1 << refusals.min(16)));
            return false;
        };
        leg.path = Path::Kernel;
        leg.offload.refusals = 0;
        leg.offload.given = Some(Box::new(Given {
            hearer,
            source: flow.source,
            to: flow.to,
            ssrc: flow.ssrc,
            payload_types: flow.payload_types,
            tally,
            looked_at_us: now_us,
            missed: 0,
            moves: false,
        }));
        self.flows_in_kernel += 1;
        self.review_later(now_us, slot);
        true
    }

    /// The direction from a leg as the network is to forward it, and who hears it; `None` where it needs the worker.
    fn kernel_flow(&self, slot: SlotIndex) -> Option<(SlotIndex, KernelFlow)> {
        let leg = self.slots[slot as usize].leg.as_ref()?;
        let [hearer] = leg.listeners[..] else { return None };
        if hearer == slot || leg.needs_speech() {
            return None;
        }
        let by = self.slots[hearer as usize].leg.as_ref()?;
        // What is no RTP has no numbers that the network could count.
        if leg.flow.is_opaque() || by.flow.is_opaque() {
            return None;
        }
        let sealed = leg.flow.is_sealed();
        if by.saying.is_some() || by.flow.is_sealed() != sealed {
            return None;
        }
        // SRTP that ends here is the worker's to open and to seal.
        if leg.flow.is_secured() || by.flow.is_secured() {
            return None;
        }
        let heard = leg.flow.heard()?;
        let shift = by.flow.shift().filter(|shift| shift.source == heard.ssrc);
        // What is sealed passes as it is, and has no other numbers.
        let (ssrc_out, sequence_shift, timestamp_shift) = match shift {
            _ if sealed => (heard.ssrc, 0, 0),
            Some(shift) => (shift.ssrc, shift.sequence, shift.timestamp),
            None => return None,
        };
        let passes = |number: &u8| by.conversion.as_ref().is_none_or(|it| it.passes(*number));
        let may_pass = |number: &u8| heard.payload_types.contains(*number) && passes(number);
        let payload_types = (0..128).filter(may_pass).fold(PayloadTypes::default(), PayloadTypes::with);
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is the number as it came in")]
        let highest = heard.highest as u16;
        let flow = KernelFlow {
            source: heard.source,
            ssrc: heard.ssrc,
            payload_types,
            to: by.flow.rtp_to()?,
            ssrc_out,
            sequence_shift,
            timestamp_shift,
            sealed,
            clock_hz: heard.clock_hz,
            highest,
        };
        Some((hearer, flow))
    }

    /// A datagram came up from a leg whose packets the network forwards. Takes the flow back before the worker computes, if it
    /// means that something has changed.
    #[cold]
    pub(super) fn come_up(
        &mut self,
        now_us: u64,
        slot: SlotIndex,
        channel: Channel,
        from: SocketAddr,
        packet: &[u8],
    ) {
        if channel == Channel::Rtcp || rtcp::is_rtcp(packet) {
            return;
        }
        let Some(leg) = self.leg(slot) else { return };
        let Some(given) = &leg.offload.given else { return };
        let read = if leg.flow.is_sealed() { Header::read_sealed(packet) } else { Header::read(packet) };
        let Ok(header) = read else { return };
        if from != given.source {
            // When the source last spoke is known exactly only to the network.
            if now_us.saturating_sub(leg.flow.heard_at_us()) >= RELATCH_AFTER_US {
                self.look_from(slot);
            }
            if self.leg(slot).is_some_and(|leg| leg.flow.may_move(now_us, from)) {
                self.recall_from(slot);
            }
            return;
        }
        if header.ssrc != given.ssrc {
            self.recall_from(slot);
            return;
        }
        let is_listed = given.payload_types.contains(header.payload_type);
        if !is_listed && leg.flow.is_speech(header.payload_type) {
            self.recall_from(slot);
            return;
        }
        if !leg.flow.reception().is_next(header.sequence) {
            // The worker has not seen the packets in between.
            self.look_from(slot);
        }
        let Some(leg) = self.leg(slot) else { return };
        if leg.flow.reception().is_far(header.sequence) {
            self.recall_from(slot);
            return;
        }
        if is_listed && let Some(given) = &mut leg.offload.given {
            given.missed = given.missed.saturating_add(1);
            leg.flow.count_missed();
        }
    }

    /// Another source was latched: it is heard, and what the leg hears goes there, if that is not where it went already.
    #[cold]
    pub(super) fn turn_to_source(&mut self, slot: SlotIndex) {
        self.recall_from(slot);
        self.ripen(slot);
        let Some(source) = self.heard_by(slot) else { return };
        let to = self.leg(slot).and_then(|leg| leg.flow.rtp_to());
        let given = self.leg(source).and_then(|source| source.offload.given.as_ref());
        if given.is_some_and(|given| Some(given.to) != to) {
            self.recall_from(source);
        }
        self.ripen(source);
    }

    /// Takes back a leg's packets if the network has them.
    pub(super) fn recall_from(&mut self, slot: SlotIndex) {
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        let Some(leg) = place.leg.as_mut().filter(|leg| leg.path == Path::Kernel) else { return };
        match self.io.recall(&leg.rtp) {
            Some(count) => {
                self.merge(slot, &count);
                self.forget(slot);
            }
            None => self.lose(slot),
        }
    }

    /// Takes back the packets that a leg hears if the network has them.
    pub(super) fn recall_to(&mut self, hearer: SlotIndex) {
        if let Some(source) = self.heard_by(hearer) {
            self.recall_from(source);
        }
    }

    /// Merges what the network counted of a leg's packets so far.
    pub(super) fn look_from(&mut self, slot: SlotIndex) {
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        let Some(leg) = place.leg.as_mut().filter(|leg| leg.path == Path::Kernel) else { return };
        match self.io.offloaded(&leg.rtp) {
            Some(count) => self.merge(slot, &count),
            None => self.lose(slot),
        }
    }

    /// The same for the packets that a leg hears.
    pub(super) fn look_to(&mut self, hearer: SlotIndex) {
        if let Some(source) = self.heard_by(hearer) {
            self.look_from(source);
        }
    }

    /// Looks at flows whose time has come, as many as one turn may.
    pub(super) fn review_due(&mut self, now_us: u64) {
        for _ in 0..OFFLOAD_REVIEWS_PER_TURN {
            let due = self.reviews.peek().filter(|Reverse((due_us, ..))| *due_us <= now_us);
            let Some(&Reverse((_, slot, generation))) = due else { return };
            self.reviews.pop();
            let place = self.slots.get_mut(slot as usize).filter(|place| place.generation == generation);
            let Some(leg) = place.and_then(|place| place.leg.as_mut()) else { continue };
            leg.offload.is_reviewed = false;
            self.in_hand = Some(slot);
            self.review(now_us, slot);
        }
    }

    /// Reads a socket until it is empty, gives its leg's packets away if it is time, and reads what came meanwhile, so that no
    /// packet is overtaken.
    pub(super) fn offer_after(&mut self, now_us: u64, token: Token, buffer: &mut [u8], out: &mut Vec<Event>) {
        let (_, slot, channel) = token.parts();
        if channel == Channel::Rtcp || !self.offer(now_us, slot) {
            return;
        }
        for _ in 0..PACKETS_PER_TURN {
            let Some((length, from)) = self.fetch(token, buffer) else { return };
            self.relay(now_us, token, from, &mut buffer[..length], out);
        }
    }

    fn review(&mut self, now_us: u64, slot: SlotIndex) {
        self.look_from(slot);
        let Some(leg) = self.leg(slot) else { return };
        match leg.path {
            Path::Kernel => {
                let Some(given) = &mut leg.offload.given else { return };
                let stands_still = !given.moves && given.missed >= OFFLOAD_MISSED_PACKETS;
                given.moves = false;
                given.missed = 0;
                if stands_still {
                    self.recall_from(slot);
                    self.wait(now_us, slot, OFFLOAD_RETRY_MAX);
                } else {
                    self.review_later(now_us, slot);
                }
            }
            Path::Waiting if leg.offload.retry_at_us <= now_us => {
                leg.path = Path::Ripening(OFFLOAD_AFTER_PACKETS);
            }
            Path::Waiting => self.review_later(now_us, slot),
            Path::User | Path::Ripening(_) | Path::Ripe(_) => {}
        }
    }

    /// Offers a leg's packets no sooner than after this time.
    fn wait(&mut self, now_us: u64, slot: SlotIndex, time: Duration) {
        let Some(leg) = self.leg(slot) else { return };
        leg.path = Path::Waiting;
        let time_us = u64::try_from(time.min(OFFLOAD_RETRY_MAX).as_micros()).unwrap_or(u64::MAX);
        leg.offload.retry_at_us = now_us.saturating_add(time_us);
        self.review_later(now_us, slot);
    }

    /// Looks at a leg again in [`OFFLOAD_REVIEW`], or when that is due anyway.
    fn review_later(&mut self, now_us: u64, slot: SlotIndex) {
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        let generation = place.generation;
        let Some(leg) = &mut place.leg else { return };
        if !std::mem::replace(&mut leg.offload.is_reviewed, true) {
            let review_us = OFFLOAD_REVIEW.as_micros() as u64;
            let due_us = now_us.saturating_add(review_us).next_multiple_of(REVIEW_GRID_US);
            self.reviews.push(Reverse((due_us, slot, generation)));
        }
    }

    fn merge(&mut self, slot: SlotIndex, count: &FlowCount) {
        let now_us = self.now_us;
        let Some(leg) = self.leg(slot) else { return };
        let Some(given) = &mut leg.offload.given else { return };
        given.looked_at_us = now_us;
        let Some(gain) = given.tally.take(now_us, count) else { return };
        given.moves = true;
        let hearer = given.hearer;
        leg.flow.gain_heard(&gain);
        if let Some(hearer) = self.leg(hearer) {
            hearer.flow.gain_said(&gain);
        }
    }

    /// The network lost a flow, and what it counted last.
    fn lose(&mut self, slot: SlotIndex) {
        let now_us = self.now_us;
        let Some(leg) = self.leg(slot) else { return };
        let Some(given) = &leg.offload.given else { return };
        let (hearer, unknown_us) = (given.hearer, now_us.saturating_sub(given.looked_at_us));
        // It may have spoken until this moment, and is taken over no sooner than if it had.
        leg.flow.note_heard(now_us);
        if let Some(hearer) = self.leg(hearer) {
            hearer.flow.skip(unknown_us);
        }
        self.forget(slot);
        self.wait(now_us, slot, OFFLOAD_RETRY);
    }

    fn forget(&mut self, slot: SlotIndex) {
        let Some(leg) = self.leg(slot) else { return };
        leg.path = Path::Ripening(OFFLOAD_AFTER_PACKETS);
        if leg.offload.given.take().is_some() {
            self.flows_in_kernel -= 1;
        }
    }

    /// The leg that a leg hears.
    pub(super) fn heard_by(&self, hearer: SlotIndex) -> Option<SlotIndex> {
        match self.slots.get(hearer as usize)?.leg.as_ref()?.hears {
            Hears::Leg(source) => Some(source),
            Hears::Nothing | Hears::Awaited(_) | Hears::Player(_) | Hears::Conference(_) => None,
        }
    }
}
