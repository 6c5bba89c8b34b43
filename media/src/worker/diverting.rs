//! Packets on their way from one leg to another that cannot pass as they are.

use super::{Hears, RelayWorker, SlotIndex};
use crate::conversion::Conversion;
use crate::io::DatagramIo;
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::rtp::Header;

impl<I: DatagramIo> RelayWorker<I> {
    /// Finds out anew how the packets of what a leg hears become its own.
    pub(super) fn find_conversion(&mut self, now_us: u64, hearer: SlotIndex) {
        let Some(leg) = self.leg(hearer) else { return };
        let source = if let Hears::Leg(source) = leg.hears { Some(source) } else { None };
        let hears = leg.flow.hears();
        let speaks = source.and_then(|source| self.leg(source)).and_then(|source| source.flow.speaks());
        let Some(leg) = self.leg(hearer) else { return };
        let between = speaks.zip(hears);
        let is_known =
            |known: &Conversion| between.is_some_and(|(speaks, hears)| known.is_between(&speaks, &hears));
        if !leg.conversion.as_deref().is_some_and(is_known) {
            let conversion = between.and_then(|(speaks, hears)| Conversion::between(&speaks, &hears));
            let before = std::mem::replace(&mut leg.conversion, conversion);
            if [&before, &leg.conversion].into_iter().flatten().any(|conversion| conversion.reframes()) {
                // Its numbers begin anew.
                leg.flow.end_source();
            }
        }
        let may_transcode = leg.conversion.as_ref().is_some_and(|conversion| conversion.may_transcode());
        self.transcoding.retain(|slot| *slot != hearer);
        if may_transcode {
            // The clock sends the reports on what the relay made.
            self.transcoding.push(hearer);
            self.start_clock(now_us);
        }
        self.set_diverted(hearer);
    }

    /// The same for a leg and all that hear it, when something else was agreed with it.
    pub(super) fn find_conversions(&mut self, now_us: u64, slot: SlotIndex) {
        self.find_conversion(now_us, slot);
        let listeners = self.leg(slot).map(|leg| leg.listeners.clone()).unwrap_or_default();
        for listener in listeners {
            self.find_conversion(now_us, listener);
        }
    }

    /// Notes whether packets to a leg take the long way.
    pub(super) fn set_diverted(&mut self, slot: SlotIndex) {
        if let Some(leg) = self.leg(slot) {
            leg.flow.set_diverted(leg.conversion.is_some() || leg.saying.is_some());
        }
        self.ripen_heard(slot);
    }

    /// Sends a packet the long way; `true` if it was heard, or would have been but for digits that are being said.
    #[cold]
    pub(super) fn divert(&mut self, now_us: u64, hearer: SlotIndex, header: Header, packet: &[u8]) -> bool {
        let Some(leg) = &mut self.slots[hearer as usize].leg else { return false };
        if leg.saying.is_some() {
            return true;
        }
        let Some(conversion) = &mut leg.conversion else { return false };
        let mut converted = [0; DATAGRAM_BYTES_MAX];
        let mut next = conversion.convert(now_us, &header, packet, &mut converted);
        // What is put into packets anew waits for the rest of one.
        let mut heard = conversion.reframes() && conversion.transcodes();
        while let Some((header, length)) = next {
            let packet = &mut converted[..length];
            let Some(to) = leg.flow.address(now_us, &header, packet) else { return false };
            leg.send(&mut self.io, packet, to);
            heard = true;
            next = leg.conversion.as_mut().and_then(|conversion| conversion.more(&mut converted));
        }
        heard
    }
}
