//! Far ends that are expected to speak and do not.

use std::cmp::Reverse;
use std::mem;
use std::time::Duration;

use super::{RelayWorker, SlotIndex, TimeShift};
use crate::command::Event;
use crate::io::DatagramIo;
use crate::limits::SILENCE_MIN;

/// Watches for a far end that says nothing.
#[derive(Debug)]
pub(super) struct Silence {
    after_us: u64,
    /// From when on it is expected to speak.
    since_us: u64,
    told: bool,
    /// Whether an entry of `silences` will look at it.
    watched: bool,
}

impl Silence {
    /// Reported after this time.
    pub(super) fn of(after: Duration) -> Self {
        Self {
            after_us: u64::try_from(after.max(SILENCE_MIN).as_micros()).unwrap_or(u64::MAX),
            since_us: 0,
            told: false,
            watched: false,
        }
    }

    /// Counts times as another worker does; whether it is to be looked at there.
    pub(super) const fn shift_time(&mut self, shift: &TimeShift) -> bool {
        self.since_us = shift.apply(self.since_us);
        self.watched
    }
}

impl<I: DatagramIo> RelayWorker<I> {
    /// A far end is expected to speak from here on.
    pub(super) fn expect_speech(&mut self, now_us: u64, slot: SlotIndex) {
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        let generation = place.generation;
        let Some(silence) = place.leg.as_mut().and_then(|leg| leg.silence.as_mut()) else { return };
        silence.since_us = now_us;
        silence.told = false;
        if !mem::replace(&mut silence.watched, true) {
            let due_us = now_us.saturating_add(silence.after_us);
            self.silences.push(Reverse((due_us, slot, generation)));
        }
    }

    /// Looks at the far ends whose time has come.
    pub(super) fn silences_due(&mut self, now_us: u64, out: &mut Vec<Event>) {
        while let Some(&Reverse((due_us, slot, generation))) = self.silences.peek() {
            if due_us > now_us {
                break;
            }
            self.silences.pop();
            self.check_silence(now_us, slot, generation, out);
        }
    }

    /// Looks whether a far end says nothing.
    fn check_silence(&mut self, now_us: u64, slot: u32, generation: u32, out: &mut Vec<Event>) {
        let place = self.slots.get(slot as usize).filter(|place| place.generation == generation);
        if place.is_none() {
            return;
        }
        self.look_from(slot);
        let Some(leg) = self.leg(slot) else { return };
        let Some(silence) = &mut leg.silence else { return };
        if !leg.flow.is_expected_to_speak() {
            silence.watched = false;
            return;
        }
        let quiet_since_us = leg.flow.heard_at_us().max(silence.since_us);
        let due_us = quiet_since_us.saturating_add(silence.after_us);
        if due_us > now_us {
            silence.told = false;
            self.silences.push(Reverse((due_us, slot, generation)));
            return;
        }
        if !silence.told {
            silence.told = true;
            out.push(Event::Silent { leg: leg.id });
        }
        // Looks again whether it spoke in between.
        let again_us = now_us.saturating_add(silence.after_us);
        self.silences.push(Reverse((again_us, slot, generation)));
    }
}
