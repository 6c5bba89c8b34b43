//! Datagrams that are no RTP: from a leg where they are agreed to the legs that hear it and agreed to them too.

use std::net::SocketAddr;

use super::{RelayWorker, SlotIndex};
use crate::command::Event;
use crate::flow::Channel;
use crate::io::DatagramIo;
use crate::latch::Admission;

impl<I: DatagramIo> RelayWorker<I> {
    /// Passes a datagram on as it is.
    #[cold]
    pub(super) fn relay_opaque(
        &mut self,
        now_us: u64,
        slot: SlotIndex,
        channel: Channel,
        from: SocketAddr,
        packet: &[u8],
        out: &mut Vec<Event>,
    ) {
        let Some(leg) = self.slots[slot as usize].leg.as_mut() else { return };
        let Some(admission) = leg.flow.hear_opaque(now_us, channel, from, packet, &self.destinations) else {
            return;
        };
        if admission == Admission::Latched {
            out.push(Event::Latched { leg: leg.id, source: from });
        }
        let (mut heard, mut n) = (false, 0);
        // By index, for the listeners are legs of the same slab.
        while let Some(&listener) =
            self.slots[slot as usize].leg.as_ref().and_then(|leg| leg.listeners.get(n))
        {
            n += 1;
            let Some(hearer) = &mut self.slots[listener as usize].leg else { continue };
            let Some(to) = hearer.flow.opaque_to() else { continue };
            let sent = self.io.send(&hearer.rtp, packet, to);
            hearer.flow.count_opaque_sent(sent);
            heard = true;
        }
        if !heard && let Some(leg) = self.leg(slot) {
            leg.flow.count_unheard();
        }
    }
}
