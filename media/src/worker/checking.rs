//! Connectivity checks on the ports of a leg.

use std::net::SocketAddr;

use super::{RelayWorker, SlotIndex};
use crate::command::Event;
use crate::flow::Channel;
use crate::io::DatagramIo;
use crate::stun::ANSWER_BYTES_MAX;

impl<I: DatagramIo> RelayWorker<I> {
    /// Answers a check that proves itself, to where it came from.
    #[cold]
    pub(super) fn answer_check(
        &mut self,
        now_us: u64,
        slot: SlotIndex,
        channel: Channel,
        from: SocketAddr,
        packet: &[u8],
        out: &mut Vec<Event>,
    ) {
        let Some(leg) = &mut self.slots[slot as usize].leg else { return };
        let mut answer = [0; ANSWER_BYTES_MAX];
        let answered = leg.flow.check(now_us, channel, from, packet, &self.destinations, &mut answer);
        let Some(answered) = answered else { return };
        if answered.latched {
            out.push(Event::Latched { leg: leg.id, source: from });
            self.turn_to_source(slot);
        }
        let Some(leg) = &self.slots[slot as usize].leg else { return };
        let socket = match channel {
            Channel::Rtp => &leg.rtp,
            Channel::Rtcp => &leg.rtcp,
        };
        // A lost answer is a lost datagram: the check is repeated.
        let _sent = self.io.send(socket, &answer[..answered.length], from);
    }
}
