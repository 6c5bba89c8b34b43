//! DTLS handshakes on the RTP ports of legs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{RelayWorker, SlotIndex};
use crate::command::Protection;
use crate::dtls::Association;
use crate::flow::Channel;
use crate::io::DatagramIo;

impl<I: DatagramIo> RelayWorker<I> {
    /// Begins the handshake that was agreed for a leg, unless it is the one that was.
    pub(super) fn begin_handshake(&mut self, now_us: u64, slot: SlotIndex, protection: Protection) {
        let now = self.instant(now_us);
        let identity = self.identity.clone();
        let Some(leg) = self.leg(slot) else { return };
        let (Protection::Dtls(peer), Some(identity)) = (protection, identity) else {
            leg.flow.set_association(None);
            self.shaking.retain(|shaking| *shaking != slot);
            return;
        };
        if leg.flow.association().is_some_and(|association| association.peer() == peer) {
            return;
        }
        leg.flow.set_association(Some(Association::new(&identity, now, peer)));
        if !self.shaking.contains(&slot) {
            self.shaking.push(slot);
        }
        self.start_clock(now_us);
        self.send_handshake(slot, None);
    }

    /// A datagram of a handshake came; only from where the far end may speak.
    #[cold]
    pub(super) fn hear_handshake(
        &mut self,
        now_us: u64,
        slot: SlotIndex,
        channel: Channel,
        from: SocketAddr,
        datagram: &[u8],
    ) {
        let now = self.instant(now_us);
        let destinations = &self.destinations;
        let Some(leg) = &mut self.slots[slot as usize].leg else { return };
        if channel == Channel::Rtcp || !leg.flow.may_shake(from, destinations) {
            leg.flow.count_foreign();
            return;
        }
        let keys = leg.flow.association().and_then(|association| association.receive(now, datagram));
        if let Some(keys) = keys {
            leg.flow.key(keys);
        }
        self.send_handshake(slot, Some(from));
    }

    /// Repeats what was not answered.
    pub(super) fn shake_all(&mut self, now_us: u64) {
        let now = self.instant(now_us);
        for n in 0..self.shaking.len() {
            let slot = self.shaking[n];
            self.in_hand = Some(slot);
            let Some(leg) = self.leg(slot) else { continue };
            if let Some(association) = leg.flow.association() {
                association.handle_timeout(now);
            }
            self.send_handshake(slot, None);
        }
        let Self { shaking, slots, .. } = self;
        // A completed one answers what is repeated to it, and needs no clock for that.
        shaking.retain(|slot| slots[*slot as usize].leg.as_ref().is_some_and(|leg| !leg.flow.is_keyed()));
    }

    /// Sends what a handshake has to say, to where it came from, else to where RTP goes.
    fn send_handshake(&mut self, slot: SlotIndex, to: Option<SocketAddr>) {
        let Self { io, slots, .. } = self;
        let Some(leg) = &mut slots[slot as usize].leg else { return };
        let to = to.or_else(|| leg.flow.rtp_to());
        let Some(association) = leg.flow.association() else { return };
        while let Some(datagram) = association.next_datagram() {
            if let Some(to) = to {
                // A lost datagram is repeated.
                let _sent = io.send(&leg.rtp, &datagram, to);
            }
        }
    }

    fn instant(&self, now_us: u64) -> Instant {
        self.epoch + Duration::from_micros(now_us)
    }
}
