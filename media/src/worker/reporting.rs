//! RTCP of the relay's own, about streams that it makes itself: music, tones, mixes, transcoded speech.

use super::{Hears, RelayWorker, SlotIndex};
use crate::io::DatagramIo;
use crate::rtcp::REPORT_BYTES;

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
}
