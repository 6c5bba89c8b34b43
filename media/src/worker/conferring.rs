//! Legs in conferences: who joins and leaves, what is said, and the mix that each member is sent.

use super::playing::TICK_US;
use super::recording::MIX_LEAD;
use super::{Hears, RelayWorker};
use crate::command::{ConferenceId, Event, Feed};
use crate::conference::Conference;
use crate::io::DatagramIo;
use crate::playout::{Numbers, PACKET_BYTES};
use crate::recording::Side;
use crate::rtp::Header;
use crate::rtp::header::FIXED_BYTES;

/// Microseconds in a tick of the codecs' timestamps.
const TIMESTAMP_US: u64 = 125;

/// A leg's part in a conference.
#[derive(Debug)]
pub(super) struct Membership {
    /// The conference, by its place in the worker.
    pub(super) conference: u32,
    /// The member, by its place in the conference.
    pub(super) member: usize,
    pub(super) numbers: Numbers,
}

impl<I: DatagramIo> RelayWorker<I> {
    /// Makes a leg a member; where the conference is full it hears silence.
    pub(super) fn join(&mut self, now_us: u64, slot: u32, id: ConferenceId) {
        let place = self.conferences.iter().position(|it| it.as_ref().is_some_and(|it| it.id == id));
        let place = place.unwrap_or_else(|| self.found(id));
        let numbers = self.draw_numbers();
        let joined = self.conferences[place]
            .as_mut()
            .and_then(|conference| conference.join(slot).then_some(conference));
        let Some(conference) = joined else {
            self.play(now_us, slot, &Feed::Silence);
            return;
        };
        let member = conference.size() - 1;
        let conference = u32::try_from(place).expect("legs run out long before conferences");
        self.set_hears(slot, Hears::Conference(Box::new(Membership { conference, member, numbers })));
        self.set_tapped(slot);
        self.start_clock(now_us);
    }

    /// The conference that a leg is a member of.
    pub(super) fn conference_of(&self, slot: u32) -> Option<ConferenceId> {
        let Hears::Conference(membership) = &self.slots[slot as usize].leg.as_ref()?.hears else {
            return None;
        };
        self.conferences[membership.conference as usize].as_ref().map(|conference| conference.id)
    }

    /// Lets a member go; with the last one the conference ends.
    pub(super) fn leave(&mut self, slot: u32, membership: &Membership) {
        self.set_tapped(slot);
        let place = &mut self.conferences[membership.conference as usize];
        let Some(conference) = place else { return };
        let moved = conference.leave(membership.member);
        if conference.size() == 0 {
            *place = None;
        }
        if let Some(leg) = moved.and_then(|moved| self.leg(moved))
            && let Hears::Conference(moved) = &mut leg.hears
        {
            moved.member = membership.member;
        }
    }

    /// A member's packet; `true` if it is speech that can be mixed.
    pub(super) fn confer(&mut self, now_us: u64, slot: u32, header: &Header, packet: &[u8]) -> bool {
        let until_mix_us = self.tick_at_us.map_or(0, |tick_us| tick_us.saturating_sub(now_us)).min(TICK_US);
        let Some(leg) = &self.slots[slot as usize].leg else { return false };
        let Hears::Conference(membership) = &leg.hears else { return false };
        let Some(codec) = leg.flow.spoken_codec(header.payload_type) else { return false };
        let Some(conference) = &mut self.conferences[membership.conference as usize] else { return false };
        let lead = i32::try_from(until_mix_us / TIMESTAMP_US).unwrap_or(0);
        let payload = &packet[header.payload_start..header.payload_end];
        conference.hear(membership.member, header, codec, payload, lead);
        true
    }

    /// Mixes the next 20 ms of every conference and sends them to its members.
    pub(super) fn mix_all(&mut self, now_us: u64) {
        let mut packet = [0; PACKET_BYTES];
        packet[0] = 0x80;
        for conference in self.conferences.iter_mut().flatten() {
            self.in_hand = Some(conference.slot(0));
            conference.mix();
            for member in 0..conference.size() {
                let slot = conference.slot(member);
                self.in_hand = Some(slot);
                let Some(leg) = &mut self.slots[slot as usize].leg else { continue };
                let Hears::Conference(membership) = &mut leg.hears else { continue };
                let speaks = leg.flow.own_codec().filter(|_| leg.saying.is_none());
                let Some((payload_type, codec)) = speaks else {
                    membership.numbers.pass();
                    continue;
                };
                packet[FIXED_BYTES..].copy_from_slice(&conference.payload(member, codec));
                let header = membership.numbers.next(payload_type);
                for recorder in &mut leg.recorders {
                    recorder.hear(Side::Right, &header, Some(codec), &packet[FIXED_BYTES..], MIX_LEAD);
                }
                let Some(to) = leg.flow.address(now_us, &header, &mut packet) else { continue };
                leg.send(&mut self.io, &packet, to);
            }
        }
    }

    fn found(&mut self, id: ConferenceId) -> usize {
        let conference = Some(Conference::new(id));
        if let Some(place) = self.conferences.iter().position(Option::is_none) {
            self.conferences[place] = conference;
            return place;
        }
        self.conferences.push(conference);
        self.conferences.len() - 1
    }

    /// Notes whether a leg's packets are wanted by others than its listeners.
    pub(super) fn set_tapped(&mut self, slot: u32) {
        let is_overheard = self.is_recorded_by_another(slot);
        let Some(leg) = self.leg(slot) else { return };
        leg.is_overheard = is_overheard;
        let is_recorded = is_overheard || !leg.recorders.is_empty() || !leg.captures.is_empty();
        leg.is_tapped = is_recorded || leg.ear.is_some() || matches!(leg.hears, Hears::Conference(_));
        if leg.needs_speech() {
            self.recall_from(slot);
        } else {
            self.ripen(slot);
        }
    }

    /// Gives a packet to those who want it beside the leg's listeners; `true` if it is heard in a conference.
    #[cold]
    pub(super) fn tap(
        &mut self,
        now_us: u64,
        slot: u32,
        header: Header,
        packet: &[u8],
        out: &mut Vec<Event>,
    ) -> bool {
        self.listen(now_us, slot, &header, packet, out);
        self.take_down(now_us, slot, &header, packet);
        self.capture(slot, &header, packet, out);
        self.confer(now_us, slot, &header, packet)
    }
}
