//! RTCP: what far ends report to each other is passed on in the numbers that each knows; of streams that the relay makes itself
//! (music, tones, mixes, transcoded speech) it reports by itself.

use super::{Hears, RelayWorker, SlotIndex};
use crate::io::DatagramIo;
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::rtcp::{self, REPORT_BYTES, Streams};

/// How often a leg is reported to, in ticks of 20 ms: every five seconds (RFC 3550 §6.2).
const REPORT_TICKS: u64 = 250;

impl<I: DatagramIo> RelayWorker<I> {
    /// Reports to the legs whose turn it is, a few at each tick.
    pub(super) fn report_all(&mut self, now_us: u64) {
        let ticks = self.ticks;
        let is_due = move |slot: &SlotIndex| (u64::from(*slot) + ticks) % REPORT_TICKS == REPORT_TICKS - 1;
        let members = self
            .conferences
            .iter()
            .flatten()
            .flat_map(|conference| (0..conference.size()).map(|member| conference.slot(member)));
        let due = self.playing.iter().chain(&self.transcoding).copied().chain(members).filter(is_due);
        let due: smallvec::SmallVec<[SlotIndex; 8]> = due.collect();
        for slot in due {
            self.report(now_us, slot);
        }
    }

    fn report(&mut self, now_us: u64, slot: SlotIndex) {
        self.look_from(slot);
        let Some(leg) = &mut self.slots[slot as usize].leg else { return };
        let is_own = match &leg.hears {
            Hears::Player(_) | Hears::Conference(_) => true,
            Hears::Leg(_) => leg.conversion.as_ref().is_some_and(|conversion| conversion.transcodes()),
            Hears::Nothing | Hears::Awaited(_) => false,
        };
        if !is_own || leg.flow.is_sealed() {
            return;
        }
        if leg.flow.rtcp_to().is_none() {
            return;
        }
        let mut report = [0; REPORT_BYTES];
        let Some(length) = leg.flow.report(now_us, &mut report) else { return };
        if leg.send_report(&mut self.io, &report[..length]) {
            leg.flow.note_report_sent(now_us, &report[..length]);
        }
    }

    /// Passes a compound on to who hears its sender.
    #[cold]
    pub(super) fn relay_rtcp(&mut self, now_us: u64, slot: u32, compound: &[u8]) {
        let mut translated = [0; DATAGRAM_BYTES_MAX];
        // What is reported is judged by what was said and heard until now.
        self.look_from(slot);
        self.look_to(slot);
        let clock_hz = self.heard_clock_hz(slot);
        let Some(leg) = self.leg(slot) else { return };
        if !leg.flow.is_sealed() {
            leg.flow.note_report(now_us, compound);
            leg.flow.hear_report(now_us, compound, clock_hz);
        }
        let listeners = leg.listeners.clone();
        let sealed = leg.flow.is_sealed();
        let heard_by_sender = match leg.hears {
            Hears::Leg(source) if !leg.hears_transcoded() => leg.flow.shift().map(|shift| (source, shift)),
            Hears::Leg(_) => None,
            Hears::Nothing | Hears::Awaited(_) | Hears::Player(_) | Hears::Conference(_) => None,
        };
        for listener in listeners {
            let Some(hearer) = &mut self.slots[listener as usize].leg else { continue };
            // What the relay transcodes it reports on itself.
            if hearer.hears_transcoded() {
                continue;
            }
            if hearer.flow.rtcp_to().is_none() {
                continue;
            }
            let streams = Streams {
                said: hearer.flow.shift(),
                heard: heard_by_sender.filter(|(source, _)| *source == listener).map(|(_, shift)| shift),
            };
            let report = if sealed {
                compound
            } else {
                let length = rtcp::translate(compound, &streams, &mut translated);
                &translated[..length]
            };
            if report.is_empty() || sealed != hearer.flow.is_sealed() {
                continue;
            }
            if hearer.send_report(&mut self.io, report) && !sealed {
                hearer.flow.note_report_sent(now_us, report);
            }
        }
    }

    /// The clock of the timestamps that a leg hears, in hertz: what the relay itself says has 8 kHz.
    fn heard_clock_hz(&self, slot: u32) -> u32 {
        let leg = |slot: u32| self.slots.get(slot as usize)?.leg.as_ref();
        let conversion = leg(slot).and_then(|leg| leg.conversion.as_ref());
        if let Some(conversion) = conversion.filter(|conversion| conversion.transcodes()) {
            return conversion.clock_hz();
        }
        match leg(slot).map(|leg| &leg.hears) {
            Some(Hears::Leg(source)) => leg(*source).map_or(0, |leg| leg.flow.speech_clock_hz()),
            Some(Hears::Nothing | Hears::Awaited(_) | Hears::Player(_) | Hears::Conference(_)) | None => {
                8_000
            }
        }
    }
}
