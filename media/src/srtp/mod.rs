//! SRTP (RFC 3711, RFC 7714): what a far end seals is opened when it comes in, what is said to it is sealed when it goes out.
//! In between the relay has plain RTP, so that secured legs talk with plain ones, in conferences, and hear music.
//!
//! ```text
//! datagram ▶ Inbound: index ▶ seen before? ▶ tag ▶ plain packet ▶ Flow::receive      Flow::address ▶ Outbound: index ▶ seal ▶ send
//! ```
//!
//! Nothing of a packet is believed before its tag was checked: it latches no source and is in no statistics but one.

mod derivation;
mod key;
mod transform;
mod window;

use smallvec::SmallVec;

pub use key::{SrtpKey, SrtpKeys, SrtpSuite};

use crate::limits::{DATAGRAM_BYTES_MAX, SRTP_SOURCES_MAX};
use crate::rtp::Header;
use transform::{Protocol, Transform};
use window::Window;

/// What sealing adds to a packet at most: the tag of AES-GCM and the word with the index of SRTCP.
const ADDED_BYTES_MAX: usize = 20;

/// Of an SRTCP packet only this much is in clear: header and SSRC of its first report.
const RTCP_CLEAR_BYTES: usize = 8;

/// The highest index of SRTCP; after it a key is used up (RFC 3711 §9.2).
const RTCP_INDEX_MAX: u32 = 0x7fff_ffff;

/// Both directions of one leg, at either end of it. Nothing allocates but a source that is heard or sent first.
#[derive(Debug)]
pub struct Srtp {
    keys: SrtpKeys,
    inbound: Inbound,
    /// The far end's keys before the last offer or answer: packets under way are still sealed with them.
    previous: Option<Inbound>,
    outbound: Outbound,
}

impl Srtp {
    /// With these keys, and nothing heard or sent.
    pub fn new(keys: SrtpKeys) -> Self {
        Self {
            keys,
            inbound: Inbound::new(&keys.receive),
            previous: None,
            outbound: Outbound::new(&keys.send),
        }
    }

    /// Takes what offer/answer agreed. A key that stays goes on with its indices; another one begins anew.
    pub fn agree(&mut self, keys: SrtpKeys) {
        if keys.receive != self.keys.receive {
            let before = std::mem::replace(&mut self.inbound, Inbound::new(&keys.receive));
            self.previous = Some(before);
        }
        if keys.send != self.keys.send {
            self.outbound = Outbound::new(&keys.send);
        }
        self.keys = keys;
    }

    /// What is sealed with.
    pub const fn suite(&self) -> SrtpSuite {
        self.keys.send.suite()
    }

    /// Opens an SRTP packet in place; the length of the plain packet, `None` if it is not authentic or was there before.
    #[inline]
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Option<usize> {
        self.open(packet, Inbound::open_rtp)
    }

    /// The same of an SRTCP packet.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        self.open(packet, Inbound::open_rtcp)
    }

    /// Seals an RTP packet; `None` if its index was used before, for a key stream must never be used twice.
    #[inline]
    pub fn seal_rtp(&mut self, packet: &[u8]) -> Option<&[u8]> {
        self.outbound.seal_rtp(packet)
    }

    /// Seals an RTCP compound; `None` if the key is used up.
    pub fn seal_rtcp(&mut self, compound: &[u8]) -> Option<&[u8]> {
        self.outbound.seal_rtcp(compound)
    }

    #[inline]
    fn open(
        &mut self,
        packet: &mut [u8],
        open: fn(&mut Inbound, &mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        let length = open(&mut self.inbound, packet);
        match (&mut self.previous, length) {
            (None, length) => length,
            (Some(_), Some(length)) => {
                self.previous = None;
                Some(length)
            }
            (Some(previous), None) => open(previous, packet),
        }
    }
}

/// What came under one key. A source gets a place when its first packet was authentic, so that forged ones take no room.
#[derive(Debug)]
struct Inbound {
    rtp: Transform,
    rtcp: Transform,
    sources: Sources,
    rtcp_sources: Sources,
}

type Sources = SmallVec<[(u32, Window); 1]>;

impl Inbound {
    fn new(key: &SrtpKey) -> Self {
        Self {
            rtp: Transform::of(key, Protocol::Rtp),
            rtcp: Transform::of(key, Protocol::Rtcp),
            sources: Sources::new(),
            rtcp_sources: Sources::new(),
        }
    }

    #[inline]
    fn open_rtp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let header = Header::read_sealed(packet).ok()?;
        let clear = header.payload_start;
        let known = self.sources.iter_mut().find(|(ssrc, _)| *ssrc == header.ssrc);
        if let Some((_, window)) = known {
            let index = window.index_of(header.sequence)?;
            if !window.is_fresh(index) {
                return None;
            }
            let length = self.rtp.open_rtp(packet, clear, header.ssrc, index)?;
            window.accept(index);
            return Some(length);
        }
        // Who was heard late may have wrapped once without us.
        let first = u64::from(header.sequence);
        for index in [first, first + (1 << 16)] {
            if let Some(length) = self.rtp.open_rtp(packet, clear, header.ssrc, index) {
                remember(&mut self.sources, header.ssrc, Window::beginning_with(index));
                return Some(length);
            }
        }
        None
    }

    fn open_rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let ssrc = u32::from_be_bytes(packet.get(4..RTCP_CLEAR_BYTES)?.try_into().ok()?);
        let index = u64::from(self.rtcp.rtcp_index(packet)?);
        let known = self.rtcp_sources.iter_mut().find(|(known, _)| *known == ssrc);
        if let Some((_, window)) = known {
            if !window.is_fresh(index) {
                return None;
            }
            let length = self.rtcp.open_rtcp(packet, ssrc)?;
            window.accept(index);
            return Some(length);
        }
        let length = self.rtcp.open_rtcp(packet, ssrc)?;
        remember(&mut self.rtcp_sources, ssrc, Window::beginning_with(index));
        Some(length)
    }
}

/// Of more sources than there is room for the oldest is forgotten.
fn remember(sources: &mut Sources, ssrc: u32, window: Window) {
    if sources.len() == SRTP_SOURCES_MAX {
        sources.remove(0);
    }
    sources.push((ssrc, window));
}

/// What goes out under one key.
#[derive(Debug)]
struct Outbound {
    rtp: Transform,
    rtcp: Transform,
    sources: Sources,
    rtcp_index: u32,
    sealed: Box<[u8]>,
}

impl Outbound {
    fn new(key: &SrtpKey) -> Self {
        Self {
            rtp: Transform::of(key, Protocol::Rtp),
            rtcp: Transform::of(key, Protocol::Rtcp),
            sources: Sources::new(),
            rtcp_index: 0,
            sealed: vec![0; DATAGRAM_BYTES_MAX + ADDED_BYTES_MAX].into_boxed_slice(),
        }
    }

    #[inline]
    fn seal_rtp(&mut self, packet: &[u8]) -> Option<&[u8]> {
        let header = Header::read(packet).ok()?;
        let index = self.next_index(&header)?;
        self.sealed.get_mut(..packet.len())?.copy_from_slice(packet);
        let sealed = &mut self.sealed;
        let length = self.rtp.seal_rtp(sealed, packet.len(), header.payload_start, header.ssrc, index);
        Some(&self.sealed[..length])
    }

    fn seal_rtcp(&mut self, compound: &[u8]) -> Option<&[u8]> {
        let ssrc = u32::from_be_bytes(compound.get(4..RTCP_CLEAR_BYTES)?.try_into().ok()?);
        if self.rtcp_index == RTCP_INDEX_MAX {
            return None;
        }
        self.rtcp_index += 1;
        self.sealed.get_mut(..compound.len())?.copy_from_slice(compound);
        let sealed = &mut self.sealed;
        let length = self.rtcp.seal_rtcp(sealed, compound.len(), ssrc, self.rtcp_index);
        Some(&self.sealed[..length])
    }

    /// The index of a packet, which is used up by asking. A source beyond those that there is room for is refused: were one
    /// forgotten, its indices would be used once more.
    fn next_index(&mut self, header: &Header) -> Option<u64> {
        if let Some((_, window)) = self.sources.iter_mut().find(|(ssrc, _)| *ssrc == header.ssrc) {
            let index = window.index_of(header.sequence)?;
            let is_fresh = window.is_fresh(index);
            window.accept(index);
            return is_fresh.then_some(index);
        }
        if self.sources.len() == SRTP_SOURCES_MAX {
            return None;
        }
        let index = u64::from(header.sequence);
        self.sources.push((header.ssrc, Window::beginning_with(index)));
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(receive: u8, send: u8) -> SrtpKeys {
        let suite = SrtpSuite::Aes128CmSha1_80;
        let key = |byte| SrtpKey::new(suite, &[byte; 30]).unwrap();
        SrtpKeys { receive: key(receive), send: key(send) }
    }

    /// Two ends of one leg.
    fn ends() -> (Srtp, Srtp) {
        (Srtp::new(keys(1, 2)), Srtp::new(keys(2, 1)))
    }

    fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(ssrc.to_be_bytes());
        packet.resize(172, 0x55);
        packet
    }

    fn seal(srtp: &mut Srtp, packet: &[u8]) -> Vec<u8> {
        srtp.seal_rtp(packet).unwrap().to_vec()
    }

    fn open(srtp: &mut Srtp, packet: &[u8]) -> Option<Vec<u8>> {
        let mut packet = packet.to_vec();
        let length = srtp.open_rtp(&mut packet)?;
        packet.truncate(length);
        Some(packet)
    }

    #[test]
    fn what_one_end_seals_the_other_opens_in_every_suite() {
        for suite in SrtpSuite::ALL {
            let master: Vec<u8> = (0..u8::try_from(suite.master_bytes()).unwrap()).collect();
            let key = SrtpKey::new(suite, &master).unwrap();
            let mut one = Srtp::new(SrtpKeys { receive: key, send: key });
            let mut other = Srtp::new(SrtpKeys { receive: key, send: key });
            for sequence in 0..100 {
                let sealed = seal(&mut one, &rtp(7, sequence));
                assert_eq!(sealed[..12], rtp(7, sequence)[..12]);
                assert_ne!(sealed[12..172], rtp(7, sequence)[12..]);
                assert_eq!(open(&mut other, &sealed), Some(rtp(7, sequence)));
            }
            let report =
                [0x81, 200, 0, 6, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2];
            let mut sealed = one.seal_rtcp(&report).unwrap().to_vec();
            let length = other.open_rtcp(&mut sealed).unwrap();
            assert_eq!(sealed[..length], report);
        }
    }

    #[test]
    fn every_bit_of_a_packet_is_under_its_tag() {
        for suite in SrtpSuite::ALL {
            let key = SrtpKey::new(suite, &vec![9; suite.master_bytes()]).unwrap();
            let mut one = Srtp::new(SrtpKeys { receive: key, send: key });
            let sealed = seal(&mut one, &rtp(7, 1));
            let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
            let sealed_report = one.seal_rtcp(&report).unwrap().to_vec();
            let mut other = Srtp::new(SrtpKeys { receive: key, send: key });
            for bit in 0..sealed.len() * 8 {
                let mut forged = sealed.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(open(&mut other, &forged), None, "{suite:?}: bit {bit}");
            }
            for bit in 0..sealed_report.len() * 8 {
                let mut forged = sealed_report.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(other.open_rtcp(&mut forged), None, "{suite:?}: bit {bit} of a report");
            }
            assert_eq!(open(&mut other, &sealed), Some(rtp(7, 1)));
            for length in 0..sealed.len() {
                assert_eq!(open(&mut other, &sealed[..length]), None);
                assert_eq!(
                    other.open_rtcp(&mut sealed_report[..length.min(sealed_report.len() - 1)].to_vec()),
                    None
                );
            }
        }
    }

    #[test]
    fn a_packet_is_opened_once_and_its_index_sealed_once() {
        let (mut near, mut far) = ends();
        let sealed = seal(&mut far, &rtp(7, 1));
        assert!(open(&mut near, &sealed).is_some());
        assert_eq!(open(&mut near, &sealed), None);
        assert!(far.seal_rtp(&rtp(7, 1)).is_none());
        let mut report = far.seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 7]).unwrap().to_vec();
        let mut again = report.clone();
        assert!(near.open_rtcp(&mut report).is_some());
        assert_eq!(near.open_rtcp(&mut again), None);
    }

    #[test]
    fn the_rollover_counter_goes_on_also_with_late_packets_around_the_wrap() {
        let (mut near, mut far) = ends();
        let order = [65_000, 65_533, 65_535, 65_534, 1, 0, 2, 65_532, 10, 3];
        for sequence in order {
            let sealed = seal(&mut far, &rtp(7, sequence));
            assert_eq!(open(&mut near, &sealed), Some(rtp(7, sequence)), "{sequence}");
        }
    }

    #[test]
    fn who_is_heard_only_after_the_wrap_is_heard() {
        let (mut near, mut far) = ends();
        seal(&mut far, &rtp(7, 65_535));
        let sealed = seal(&mut far, &rtp(7, 0));
        assert_eq!(open(&mut near, &sealed), Some(rtp(7, 0)));
    }

    #[test]
    fn another_key_is_taken_and_the_one_before_ends_with_its_first_packet() {
        let (mut near, mut far) = ends();
        let before = seal(&mut far, &rtp(7, 1));
        let late = seal(&mut far, &rtp(7, 2));
        near.agree(keys(3, 4));
        far.agree(keys(4, 3));
        assert!(open(&mut near, &before).is_some(), "under way when the key changed");
        let sealed = seal(&mut far, &rtp(7, 3));
        assert!(open(&mut near, &sealed).is_some());
        assert_eq!(open(&mut near, &late), None);
        let answer = seal(&mut near, &rtp(8, 1));
        assert!(open(&mut far, &answer).is_some());
    }

    #[test]
    fn the_same_keys_agreed_again_change_nothing() {
        let (mut near, mut far) = ends();
        for sequence in [65_535, 0] {
            let sealed = seal(&mut far, &rtp(7, sequence));
            assert!(open(&mut near, &sealed).is_some());
        }
        near.agree(keys(1, 2));
        far.agree(keys(2, 1));
        let sealed = seal(&mut far, &rtp(7, 1));
        assert!(open(&mut near, &sealed).is_some());
        assert_eq!(open(&mut near, &sealed), None);
    }

    #[test]
    fn forged_sources_take_no_room_and_true_ones_only_so_much() {
        let (mut near, mut far) = ends();
        for ssrc in 0..1_000 {
            let mut forged = rtp(ssrc, 1);
            forged.extend([0; 10]);
            assert_eq!(open(&mut near, &forged), None);
        }
        assert!(near.inbound.sources.is_empty());
        let kept = u32::try_from(SRTP_SOURCES_MAX).unwrap();
        for ssrc in 0..kept {
            let sealed = seal(&mut far, &rtp(ssrc, 1));
            assert!(open(&mut near, &sealed).is_some());
        }
        assert!(far.seal_rtp(&rtp(kept, 1)).is_none());
        assert_eq!(near.inbound.sources.len(), SRTP_SOURCES_MAX);
    }

    #[test]
    fn header_extensions_and_contributing_sources_stay_in_clear() {
        let (mut near, mut far) = ends();
        let mut packet = vec![0x91, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 1, 1, 1];
        // An element, then padding inside the extension (RFC 8285 §4.2).
        packet.extend([0xbe, 0xde, 0, 2, 0x10, 0xff, 0, 0, 0, 0, 0, 0]);
        packet.resize(60, 0x55);
        let sealed = seal(&mut far, &packet);
        assert_eq!(sealed[..28], packet[..28]);
        assert_ne!(sealed[28..60], packet[28..]);
        assert_eq!(open(&mut near, &sealed), Some(packet));
    }

    #[test]
    fn no_key_is_ever_printed() {
        let text = format!("{:?}", Srtp::new(keys(171, 205)));
        assert!(!text.contains("171") && !text.contains("205") && !text.contains("abab"), "{text}");
    }
}
