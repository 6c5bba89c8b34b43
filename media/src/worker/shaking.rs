//! DTLS handshakes of legs: on their RTP ports, and on those of RTCP where the far end does not share a port (RFC 5764 §4).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{RelayWorker, SlotIndex};
use crate::flow::Channel;
use crate::io::DatagramIo;

const CHANNELS: [Channel; 2] = [Channel::Rtp, Channel::Rtcp];

impl<I: DatagramIo> RelayWorker<I> {
    /// Begins the handshakes that were agreed for a leg, but for those that were begun.
    pub(super) fn begin_handshakes(&mut self, now_us: u64, slot: SlotIndex) {
        let now = self.instant(now_us);
        let identity = self.identity.clone();
        let Some(leg) = self.leg(slot) else { return };
        leg.flow.begin_handshakes(now, identity.as_deref());
        for channel in CHANNELS {
            self.send_handshake(slot, channel, None);
            let early = self.leg(slot).and_then(|leg| leg.flow.take_hello(channel));
            if let Some((from, datagram)) = early {
                self.hear_handshake(now_us, slot, channel, from, &datagram);
            }
        }
        self.watch_handshakes(now_us, slot);
    }

    /// Sees to it that what is not answered is repeated.
    pub(super) fn watch_handshakes(&mut self, now_us: u64, slot: SlotIndex) {
        let is_shaking = self.leg(slot).is_some_and(|leg| leg.flow.is_shaking());
        if is_shaking && !self.shaking.contains(&slot) {
            self.shaking.push(slot);
            self.start_clock(now_us);
        }
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
        if !leg.flow.may_shake(channel, from, destinations) {
            leg.flow.count_foreign();
            return;
        }
        let association = leg.flow.association(channel);
        let keys = association.and_then(|association| association.receive(now, datagram));
        if let Some(keys) = keys {
            leg.flow.key(channel, keys);
        }
        self.send_handshake(slot, channel, Some(from));
        self.watch_handshakes(now_us, slot);
    }

    /// Repeats what was not answered.
    pub(super) fn shake_all(&mut self, now_us: u64) {
        let now = self.instant(now_us);
        for n in 0..self.shaking.len() {
            let slot = self.shaking[n];
            self.in_hand = Some(slot);
            for channel in CHANNELS {
                if let Some(association) = self.leg(slot).and_then(|leg| leg.flow.association(channel)) {
                    association.handle_timeout(now);
                }
                self.send_handshake(slot, channel, None);
            }
        }
        let Self { shaking, slots, .. } = self;
        // A completed one answers what is repeated to it, and needs no clock for that.
        shaking.retain(|slot| slots[*slot as usize].leg.as_mut().is_some_and(|leg| leg.flow.is_shaking()));
    }

    /// Sends what a handshake has to say, to where it came from, else to where that port's packets go.
    fn send_handshake(&mut self, slot: SlotIndex, channel: Channel, to: Option<SocketAddr>) {
        let Self { io, slots, .. } = self;
        let Some(leg) = &mut slots[slot as usize].leg else { return };
        if channel == Channel::Rtcp && !leg.flow.shakes_twice() {
            return;
        }
        let to = to.or_else(|| leg.flow.shakes_with(channel));
        let socket = match channel {
            Channel::Rtp => &leg.rtp,
            Channel::Rtcp => &leg.rtcp,
        };
        // Until there is somewhere to send to, it waits.
        let (Some(association), Some(to)) = (leg.flow.association(channel), to) else { return };
        while let Some(datagram) = association.next_datagram() {
            // A lost datagram is repeated.
            let _sent = io.send(socket, &datagram, to);
        }
    }

    fn instant(&self, now_us: u64) -> Instant {
        self.epoch + Duration::from_micros(now_us)
    }
}
