//! Legs whose packets are captured: each packet of the far end is told of, in clear.

use super::{Leg, RelayWorker, SlotIndex};
use crate::capturing::{Captured, Reported, without_digit};
use crate::command::Event;
use crate::flow::Channel;
use crate::io::DatagramIo;
use crate::rtp::Header;

impl<I: DatagramIo> RelayWorker<I> {
    /// Tells of a packet of RTP.
    pub(super) fn capture(&self, slot: SlotIndex, header: &Header, packet: &[u8], out: &mut Vec<Event>) {
        self.tell_captured(slot, (Channel::Rtp, Some(header)), packet, out);
    }

    /// Tells of a report.
    pub(super) fn capture_report(
        &self,
        slot: SlotIndex,
        channel: Channel,
        packet: &[u8],
        out: &mut Vec<Event>,
    ) {
        self.tell_captured(slot, (channel, None), packet, out);
    }

    /// Tells of a report of any leg.
    pub(super) fn tell_report(
        &self,
        slot: SlotIndex,
        channel: Channel,
        compound: &[u8],
        out: &mut Vec<Event>,
    ) {
        let Some(leg) = self.slots.get(slot as usize).and_then(|place| place.leg.as_ref()) else { return };
        let Some(from) = leg.flow.source(channel) else { return };
        let (port, compound) = (leg.port(channel), compound.into());
        out.push(Event::Reported(Box::new(Reported { leg: leg.id, at: self.now, from, port, compound })));
    }

    fn tell_captured(
        &self,
        slot: SlotIndex,
        (channel, header): (Channel, Option<&Header>),
        packet: &[u8],
        out: &mut Vec<Event>,
    ) {
        let Some(leg) = self.slots.get(slot as usize).and_then(|place| place.leg.as_ref()) else { return };
        let Some(from) = leg.flow.source(channel) else { return };
        let port = leg.port(channel);
        for &capture in &leg.captures {
            let mut packet: Box<[u8]> = packet.into();
            let is_masked =
                header.is_some_and(|header| without_digit(&mut packet, header, leg.flow.speaks()));
            out.push(Event::Captured(Box::new(Captured {
                capture,
                leg: leg.id,
                at: self.now,
                from,
                port,
                is_opened: leg.flow.is_secured(),
                is_masked,
                packet,
            })));
        }
    }
}

impl<S> Leg<S> {
    /// The port to which the far end sends that.
    const fn port(&self, channel: Channel) -> u16 {
        match channel {
            Channel::Rtp => self.ports.rtp(),
            Channel::Rtcp => self.ports.rtcp(),
        }
    }
}
