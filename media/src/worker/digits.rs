//! Digits and media of far ends: what is said to them, and what is heard of them.

use super::{Leg, RelayWorker, SlotIndex};
use crate::command::{Detection, DigitVia, Event, LegId};
use crate::digit::{Ear, Said, Saying, Told};
use crate::io::DatagramIo;
use crate::limits::DIGITS_MAX;
use crate::playout::PACKET_BYTES;
use crate::rtp::Header;

/// What is to be said, as the command names it.
pub(super) struct Digits {
    pub(super) generation: u32,
    pub(super) digits: Box<[u8]>,
    pub(super) via: DigitVia,
    pub(super) tone_ms: u16,
    pub(super) gap_ms: u16,
}

impl<I: DatagramIo> RelayWorker<I> {
    /// Begins to say digits; those that were being said are cancelled.
    pub(super) fn say_digits(&mut self, now_us: u64, id: LegId, wanted: Digits, out: &mut Vec<Event>) {
        let numbers = self.draw_numbers();
        let Digits { generation, digits, via, tone_ms, gap_ms } = wanted;
        let refused = Event::Generated { leg: id, generation, cancelled: true };
        let Some(&slot) = self.slot_of.get(&id) else {
            out.push(refused);
            return;
        };
        self.cancel_digits(slot, out);
        self.recall_to(slot);
        let can_be_heard = |leg: &&mut Leg<I::Socket>| {
            leg.flow.hears().is_some_and(|codecs| Saying::can_be_heard(&codecs)) && digits.len() <= DIGITS_MAX
        };
        let Some(leg) = self.leg(slot).filter(can_be_heard) else {
            out.push(refused);
            return;
        };
        leg.saying = Some(Box::new(Saying::of(generation, digits, via, tone_ms, gap_ms, numbers)));
        leg.flow.end_source();
        self.saying.push(slot);
        self.set_diverted(slot);
        self.start_clock(now_us);
    }

    /// Ends what is being said.
    pub(super) fn cancel_digits(&mut self, slot: SlotIndex, out: &mut Vec<Event>) {
        self.end_digits(slot, true, out);
    }

    /// Says the next 20 ms to every leg to which digits are being said.
    pub(super) fn say_all(&mut self, now_us: u64, out: &mut Vec<Event>) {
        let mut packet = [0; PACKET_BYTES];
        let mut n = 0;
        // By index, for a string that is over takes itself out.
        while let Some(&slot) = self.saying.get(n) {
            n += 1;
            self.in_hand = Some(slot);
            let Some(leg) = &mut self.slots[slot as usize].leg else { continue };
            let Some(saying) = &mut leg.saying else { continue };
            let codecs = leg.flow.hears().unwrap_or_default();
            match saying.say(&codecs, &mut packet) {
                Said::Packet(header, length) => {
                    let packet = &mut packet[..length];
                    let Some(to) = leg.flow.address(now_us, &header, packet) else { continue };
                    leg.send(&mut self.io, packet, to);
                }
                Said::Nothing => {}
                Said::All => {
                    self.end_digits(slot, false, out);
                    n -= 1;
                }
            }
        }
    }

    /// Sets what is reported of a far end.
    pub(super) fn detect(&mut self, slot: SlotIndex, detection: Detection) {
        let Some(leg) = self.leg(slot) else { return };
        if detection == Detection::default() {
            leg.ear = None;
        } else {
            leg.ear.get_or_insert_default().set(detection);
        }
        self.set_tapped(slot);
    }

    /// Lets the ear of a leg hear a packet.
    pub(super) fn listen(
        &mut self,
        now_us: u64,
        slot: SlotIndex,
        header: &Header,
        packet: &[u8],
        out: &mut Vec<Event>,
    ) {
        let Some(leg) = &mut self.slots[slot as usize].leg else { return };
        let Some(ear) = &mut leg.ear else { return };
        let Some(speaks) = leg.flow.speaks() else { return };
        let codec = leg.flow.spoken_codec(header.payload_type);
        let payload = &packet[header.payload_start..header.payload_end];
        let was_open = ear.has_open_event();
        let needed_speech = ear.needs_speech();
        let id = leg.id;
        ear.hear(now_us, &speaks, codec, header, payload, &mut |told| out.push(event(id, told)));
        let turned = needed_speech && !ear.needs_speech();
        if ear.has_open_event() && !was_open {
            self.watch_event(now_us, slot);
        }
        if turned {
            self.ripen(slot);
        }
    }

    /// Looks after an event whose end may be lost.
    pub(super) fn watch_event(&mut self, now_us: u64, slot: SlotIndex) {
        if !self.open_events.contains(&slot) {
            self.open_events.push(slot);
        }
        self.start_clock(now_us);
    }

    /// Ends the events whose end was lost.
    pub(super) fn watch_events(&mut self, now_us: u64, out: &mut Vec<Event>) {
        let Self { open_events, slots, .. } = self;
        open_events.retain(|slot| {
            let Some(leg) = &mut slots[*slot as usize].leg else { return false };
            let id = leg.id;
            leg.ear
                .as_mut()
                .is_some_and(|ear: &mut Box<Ear>| ear.watch(now_us, &mut |told| out.push(event(id, told))))
        });
    }

    fn end_digits(&mut self, slot: SlotIndex, cancelled: bool, out: &mut Vec<Event>) {
        let Some(leg) = self.leg(slot) else { return };
        let Some(saying) = leg.saying.take() else { return };
        leg.flow.end_source();
        out.push(Event::Generated { leg: leg.id, generation: saying.generation, cancelled });
        self.saying.retain(|saying| *saying != slot);
        self.set_diverted(slot);
    }
}

fn event(leg: LegId, told: Told) -> Event {
    match told {
        Told::Digit { digit, source, duration_ms, is_end } => {
            Event::Digit { leg, digit, source, duration_ms, is_end }
        }
        Told::Media(kind) => Event::MediaDetected { leg, kind },
    }
}
