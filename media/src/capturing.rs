//! Captures: packets of a leg's far end in clear, without the digits that they tell.

use std::net::SocketAddr;
use std::time::Instant;

use crate::command::{Codecs, LegId};
use crate::recording::CaptureId;
use crate::rtp::Header;

/// A packet for a capture, as it was before anything was done with it; what was SRTP is opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    /// For whom.
    pub capture: CaptureId,
    /// The leg.
    pub leg: LegId,
    /// When it was taken from its socket.
    pub at: Instant,
    /// Who sent it.
    pub from: SocketAddr,
    /// The port that it came to.
    pub port: u16,
    /// Whether it was SRTP or SRTCP.
    pub is_opened: bool,
    /// Whether the digit that it told (RFC 4733) was taken out of it.
    pub is_masked: bool,
    /// RTP or RTCP.
    pub packet: Box<[u8]>,
}

/// A compound of RTCP from a far end, as it was before it was passed on; what was SRTCP is opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reported {
    /// The leg.
    pub leg: LegId,
    /// When it was taken from its socket.
    pub at: Instant,
    /// Who sent it.
    pub from: SocketAddr,
    /// The port that it came to.
    pub port: u16,
    /// A valid compound (RFC 3550 §6.1; reduced size by RFC 5506).
    pub compound: Box<[u8]>,
}

/// What stands for an event that is not told; RFC 4733 §7 has given the number to none.
const MASKED: u8 = 255;

/// A packet of RTP without its digit, if it tells one to who speaks so; whether it did.
pub(crate) fn without_digit(packet: &mut [u8], header: &Header, speaks: Option<Codecs>) -> bool {
    let is_event = speaks.is_some_and(|codecs| {
        let events = [codecs.events, codecs.events_16k, codecs.events_48k, codecs.events_known];
        events.contains(&Some(header.payload_type))
    });
    // Several events may follow each other, of four octets each (§2.5.2.2).
    let events = packet.get_mut(header.payload_start..header.payload_end).filter(|_| is_event);
    events.into_iter().flat_map(|payload| payload.chunks_mut(4)).for_each(|event| event[0] = MASKED);
    is_event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Codec;

    #[test]
    fn a_digit_is_taken_out_and_speech_stays() {
        let speaks = Some(Codecs::default().with(0, Codec::Pcmu).with_events(101));
        let packet = |payload_type: u8| {
            let mut packet = vec![0x80, payload_type, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
            packet.extend([7, 0x8A, 3, 32, 5, 0x8A, 3, 32]);
            packet
        };
        let mut event = packet(101);
        let header = Header::read(&event).expect("it is RTP");
        assert!(without_digit(&mut event, &header, speaks));
        assert_eq!(event[12..], [255, 0x8A, 3, 32, 255, 0x8A, 3, 32]);
        let mut speech = packet(0);
        let header = Header::read(&speech).expect("it is RTP");
        assert!(!without_digit(&mut speech, &header, speaks));
        assert_eq!(speech, packet(0));
        let mut unknown = packet(101);
        let header = Header::read(&unknown).expect("it is RTP");
        assert!(!without_digit(&mut unknown, &header, None));
    }
}
