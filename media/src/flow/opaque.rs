//! Datagrams of a leg that are no RTP and pass as they are: UDPTL, the transport of fax (ITU-T T.38 annex D, RFC 3362).
//!
//! They come and go by the RTP port. Their first two bytes count (ITU-T T.38 §9.1), so that some of them look like RTP or RTCP:
//! nothing is told by how they look, but for what is still under way of the speech before.

use std::net::SocketAddr;

use super::{Channel, Flow};
use crate::destination::Destinations;
use crate::latch::Admission;
use crate::limits::OPAQUE_BYTES_MIN;
use crate::{rtcp, stun};

impl Flow {
    /// Whether what comes from the network is SRTP, or no RTP at all.
    #[inline(always)]
    pub(crate) const fn is_unusual(&self) -> bool {
        self.outbound.unusual
    }

    /// Whether what comes from the network is no RTP.
    pub(crate) const fn is_opaque(&self) -> bool {
        self.outbound.opaque
    }

    /// Judges and counts a datagram from the network; `None`: it is not to be passed on.
    pub(crate) fn hear_opaque(
        &mut self,
        now_us: u64,
        channel: Channel,
        from: SocketAddr,
        packet: &[u8],
        destinations: &Destinations,
    ) -> Option<Admission> {
        if packet.len() < OPAQUE_BYTES_MIN || is_keep_alive(packet) {
            self.count_malformed();
            return None;
        }
        if channel == Channel::Rtcp || self.is_of_speech_before(packet) {
            self.count_unheard();
            return None;
        }
        let admission = self.inbound.latch.admit_opaque(now_us, from, destinations);
        match admission {
            Admission::Known => {}
            Admission::Latched => self.find_destinations(destinations),
            Admission::Foreign => {
                self.aside.counters.foreign += 1;
                return None;
            }
        }
        self.aside.counters.datagrams_received += 1;
        Some(admission)
    }

    /// Where datagrams of another such leg go.
    pub(crate) const fn opaque_to(&self) -> Option<SocketAddr> {
        self.aside.opaque_to
    }

    /// Counts a datagram to the far end by whether the network took it.
    pub(crate) const fn count_opaque_sent(&mut self, sent: bool) {
        if sent {
            self.aside.counters.datagrams_sent += 1;
        } else {
            self.aside.counters.send_failed += 1;
        }
    }

    /// RTP or RTCP of the source that spoke last. To a fax it would be a datagram far ahead of the others, after which it takes none of
    /// them.
    fn is_of_speech_before(&self, packet: &[u8]) -> bool {
        let Some((ssrc, _)) = self.inbound.reception.stream() else { return false };
        let place = if rtcp::is_rtcp(packet) { 4 } else { 8 };
        let named = packet.get(place..place + 4);
        packet[0] >> 6 == RTP_VERSION && named == Some(&ssrc.to_be_bytes())
    }
}

/// Whether a datagram only keeps a translator's binding (RFC 5626 §3.5, RFC 6263 §4), or asks for connectivity. UDPTL that looked so would
/// say that it has more octets than there are, or come in the one place among 2^32 where the cookie of STUN fits.
fn is_keep_alive(packet: &[u8]) -> bool {
    packet == b"\r\n\r\n" || stun::is_stun(packet)
}

/// RFC 3550 §5.1.
const RTP_VERSION: u8 = 2;
