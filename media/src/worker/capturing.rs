//! Legs whose packets are captured: each packet of the far end is told of, in clear.

use super::{RelayWorker, SlotIndex};
use crate::capturing::{Captured, without_digit};
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

    fn tell_captured(
        &self,
        slot: SlotIndex,
        (channel, header): (Channel, Option<&Header>),
        packet: &[u8],
        out: &mut Vec<Event>,
    ) {
        let Some(leg) = self.slots.get(slot as usize).and_then(|place| place.leg.as_ref()) else { return };
        let Some(from) = leg.flow.source(channel) else { return };
        let port = match channel {
            Channel::Rtp => leg.ports.rtp(),
            Channel::Rtcp => leg.ports.rtcp(),
        };
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
