//! Legs that move to another worker: the sockets and all that is known of the far end go along. What arrives meanwhile waits in
//! the sockets, and the stream that the far end hears goes on in its numbers.

use std::cmp::Reverse;
use std::mem;
use std::time::Instant;

use super::{Leg, Offload, Path, RelayWorker, Slot};
use crate::command::{Event, LegId};
use crate::flow::Channel;
use crate::io::{DatagramIo, Token};
use crate::parcel::Parcel;

/// A leg without a worker.
struct Travelling<S> {
    leg: Leg<S>,
    /// What its times are counted from.
    epoch: Instant,
}

impl<I: DatagramIo> RelayWorker<I> {
    /// Gives a leg away.
    pub(super) fn detach(&mut self, slot: u32, out: &mut Vec<Event>) {
        self.recall_from(slot);
        self.end_takes(slot, out);
        self.end_feed(slot);
        self.saying.retain(|saying| *saying != slot);
        self.open_events.retain(|listened| *listened != slot);
        self.shaking.retain(|shaking| *shaking != slot);
        let place = &mut self.slots[slot as usize];
        let Some(mut leg) = place.leg.take() else { return };
        place.generation = place.generation.wrapping_add(1);
        self.slot_of.remove(&leg.id);
        self.free.push(slot);
        self.io.release(&leg.rtp);
        self.io.release(&leg.rtcp);
        self.let_go(mem::take(&mut leg.listeners));
        let (id, ports) = (leg.id, leg.ports);
        let parcel = Parcel::of(ports, Box::new(Travelling { leg, epoch: self.epoch }));
        out.push(Event::Detached { leg: id, parcel });
    }

    /// Takes a leg. Where it cannot be taken its sockets are closed, as if they could not have been bound.
    pub(super) fn attach(&mut self, now_us: u64, id: LegId, parcel: Parcel, out: &mut Vec<Event>) {
        let Some((ports, travelling)) = parcel.open::<Travelling<I::Socket>>() else { return };
        let free = travelling.filter(|it| it.leg.id == id && !self.slot_of.contains_key(&id));
        let Some(travelling) = free else {
            out.push(Event::OpenFailed { leg: id, ports });
            return;
        };
        let Travelling { mut leg, epoch } = *travelling;
        let slot = self.free_slot();
        let generation = self.slots[slot as usize].generation;
        let adopted = self.io.adopt(&leg.rtp, Token::of(generation, slot, Channel::Rtp)).and_then(|()| {
            let adopted = self.io.adopt(&leg.rtcp, Token::of(generation, slot, Channel::Rtcp));
            if adopted.is_err() {
                self.io.release(&leg.rtp);
            }
            adopted
        });
        if adopted.is_err() {
            self.free.push(slot);
            if let Some(saying) = leg.saying {
                out.push(Event::Generated { leg: id, generation: saying.generation, cancelled: true });
            }
            out.push(Event::OpenFailed { leg: id, ports });
            return;
        }
        let shift = Shift::between(epoch, self.epoch);
        leg.flow.shift_time(&shift);
        if leg.silence.as_mut().is_some_and(|silence| silence.shift_time(&shift)) {
            // Looks at once, and then knows when to look again.
            self.silences.push(Reverse((now_us, slot, generation)));
        }
        if leg.saying.is_some() {
            self.saying.push(slot);
            self.start_clock(now_us);
        }
        if leg.ear.as_ref().is_some_and(|ear| ear.has_open_event()) {
            self.watch_event(now_us, slot);
        }
        leg.ready_in = self.batch;
        leg.path = Path::User;
        leg.offload = Offload::default();
        self.slots[slot as usize] = Slot { generation, leg: Some(leg) };
        self.slot_of.insert(id, slot);
        self.watch_handshakes(now_us, slot);
        self.resume_takes(now_us, slot);
        for hearer in self.awaiting.remove(&id).unwrap_or_default() {
            self.hear(now_us, hearer, slot);
        }
    }

    /// A place for a leg.
    pub(super) fn free_slot(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, leg: None });
            u32::try_from(self.slots.len() - 1).expect("ports run out long before slots")
        })
    }
}

/// From times of one worker to times of another.
pub(crate) struct Shift {
    later_by_us: i64,
}

impl Shift {
    fn between(before: Instant, after: Instant) -> Self {
        let us = |from: Instant, to: Instant| {
            i64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(i64::MAX)
        };
        Self { later_by_us: us(after, before) - us(before, after) }
    }

    /// The same moment in the other worker's count; 0, which is never, stays.
    pub(crate) const fn apply(&self, at_us: u64) -> u64 {
        if at_us == 0 { 0 } else { at_us.saturating_add_signed(self.later_by_us) }
    }
}
