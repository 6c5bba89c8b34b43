//! Legs that are recorded: what their far ends say while somebody hears it, and what they hear of others.
//!
//! Nobody's words are recorded that nobody hears: while a call is held both sides are silent. Music, tones and digits that the relay
//! makes are not recorded.

use std::mem;
use std::time::Duration;

use super::playing::TICK_US;
use super::{Hears, RelayWorker, SlotIndex};
use crate::command::Event;
use crate::conference::FRAME_TICKS;
use crate::io::DatagramIo;
use crate::limits::TAKES_MAX;
use crate::recording::{Recorder, Side, Take, TapId};
use crate::rtp::Header;

/// Microseconds in a tick of the codecs' timestamps.
const TIMESTAMP_US: u64 = 125;

impl<I: DatagramIo> RelayWorker<I> {
    /// Sets what a leg is recorded for; what it was recorded for and is no more ends here.
    pub(super) fn set_takes(&mut self, now_us: u64, slot: SlotIndex, takes: &[Take], out: &mut Vec<Event>) {
        let Some(leg) = self.leg(slot) else { return };
        let mut before = mem::take(&mut leg.recorders);
        leg.captures.clear();
        for take in takes.iter().take(TAKES_MAX) {
            if let TapId::Capture(capture) = take.tap {
                leg.captures.push(capture);
                continue;
            }
            let known = before.iter().position(|recorder| recorder.take == *take);
            let recorder = known.map_or_else(|| Recorder::new(*take), |known| before.swap_remove(known));
            leg.recorders.push(recorder);
        }
        let is_recorded = !leg.recorders.is_empty();
        before.iter_mut().for_each(|recorder| recorder.tell(out));
        self.recording.retain(|recording| *recording != slot);
        if is_recorded {
            self.recording.push(slot);
            self.start_clock(now_us);
        }
        self.set_tapped(slot);
        if let Some(source) = self.heard_by(slot) {
            self.set_tapped(source);
        }
    }

    /// Whether somebody who hears a leg is recorded.
    pub(super) fn is_recorded_by_another(&self, slot: SlotIndex) -> bool {
        let is_recorded = |slot: &SlotIndex| {
            let leg = self.slots.get(*slot as usize).and_then(|place| place.leg.as_ref());
            leg.is_some_and(|leg| !leg.recorders.is_empty())
        };
        let leg = self.slots.get(slot as usize).and_then(|place| place.leg.as_ref());
        !self.recording.is_empty() && leg.is_some_and(|leg| leg.listeners.iter().any(is_recorded))
    }

    /// Gives what a leg's far end says to whoever records it, or records one who hears it.
    pub(super) fn take_down(&mut self, now_us: u64, slot: SlotIndex, header: &Header, packet: &[u8]) {
        let until_frame_us = self.tick_at_us.map_or(0, |tick_us| tick_us.saturating_sub(now_us)).min(TICK_US);
        let lead = i32::try_from(until_frame_us / TIMESTAMP_US).unwrap_or(0);
        let Some(leg) = &mut self.slots[slot as usize].leg else { return };
        if leg.recorders.is_empty() && !leg.is_overheard {
            return;
        }
        let codec = leg.flow.spoken_codec(header.payload_type);
        if codec.is_none() && !leg.flow.is_speech(header.payload_type) {
            return;
        }
        let payload = &packet[header.payload_start..header.payload_end];
        if !leg.listeners.is_empty() || matches!(leg.hears, Hears::Conference(_)) {
            for recorder in &mut leg.recorders {
                recorder.hear(Side::Left, header, codec, payload, lead);
            }
        }
        let mut n = 0;
        // By index, for the listeners are legs of the same slab.
        while let Some(&listener) =
            self.slots[slot as usize].leg.as_ref().and_then(|leg| leg.listeners.get(n))
        {
            n += 1;
            let Some(listener) = &mut self.slots[listener as usize].leg else { continue };
            for recorder in &mut listener.recorders {
                recorder.hear(Side::Right, header, codec, payload, lead);
            }
        }
    }

    /// Takes down the next 20 ms of every leg that is recorded.
    pub(super) fn record_all(&mut self, tick_us: u64, out: &mut Vec<Event>) {
        let now = self.epoch + Duration::from_micros(tick_us);
        for &slot in &self.recording {
            self.in_hand = Some(slot);
            let Some(leg) = &mut self.slots[slot as usize].leg else { continue };
            for recorder in &mut leg.recorders {
                recorder.record(now, out);
            }
        }
    }

    /// A leg is leaving this worker, or closes: its recordings have had all of it.
    pub(super) fn end_takes(&mut self, slot: SlotIndex, out: &mut Vec<Event>) {
        self.recording.retain(|recording| *recording != slot);
        if let Some(leg) = self.leg(slot) {
            leg.recorders.iter_mut().for_each(|recorder| recorder.tell(out));
        }
    }

    /// A leg came from another worker: it is recorded here from now on.
    pub(super) fn resume_takes(&mut self, now_us: u64, slot: SlotIndex) {
        let Some(leg) = self.leg(slot) else { return };
        if leg.recorders.is_empty() && leg.captures.is_empty() && !leg.is_overheard {
            return;
        }
        if !leg.recorders.is_empty() {
            self.recording.push(slot);
            self.start_clock(now_us);
        }
        self.set_tapped(slot);
    }
}

/// How long before its frame a mix is made, in ticks: a whole frame, for frames are taken down before.
pub(super) const MIX_LEAD: i32 = FRAME_TICKS as i32;
