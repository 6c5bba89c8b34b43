//! The fixed header of an RTP packet, read and written in place (RFC 3550 §5.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! |                           timestamp                           |
//! |                              SSRC                             |
//! |                     CSRC (CC times)                           |
//! |  profile, length in words (X) |  header extension             |
//! ```

use thiserror::Error;

/// What makes a datagram no RTP packet; always the sender's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Malformed {
    /// Fewer than [`FIXED_BYTES`] bytes.
    #[error("shorter than the fixed header")]
    Short,
    /// The version is not 2.
    #[error("not RTP version 2")]
    Version,
    /// The contributing sources run past the end.
    #[error("contributing sources run past the end")]
    ContributingSources,
    /// The header extension, or an element of it (RFC 8285), runs past its end.
    #[error("header extension runs past its end")]
    Extension,
    /// The padding is empty or longer than the payload.
    #[error("padding is empty or longer than the payload")]
    Padding,
}

/// What the relay reads of a packet whose lengths have all been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The marker bit: the first packet of a talk spurt.
    pub marker: bool,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp, in units of the codec's clock.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// Where the payload begins, in bytes.
    pub payload_start: usize,
    /// Where the payload ends and padding begins, in bytes.
    pub payload_end: usize,
}

/// Length of the fixed header, in bytes.
pub const FIXED_BYTES: usize = 12;

impl Header {
    /// Reads the header and checks every length in it.
    ///
    /// # Errors
    /// What is malformed. Nothing of a malformed packet may be believed.
    #[inline]
    pub fn read(packet: &[u8]) -> Result<Self, Malformed> {
        Self::read_flagged(packet, 0x3f)
    }

    /// Reads the header of an SRTP packet, whose padding is sealed and so not to be seen (RFC 3711 §3.1).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_sealed(packet: &[u8]) -> Result<Self, Malformed> {
        Self::read_flagged(packet, 0x1f)
    }

    /// Reads either.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[inline]
    pub(crate) fn read_as(packet: &[u8], is_sealed: bool) -> Result<Self, Malformed> {
        Self::read_flagged(packet, if is_sealed { 0x1f } else { 0x3f })
    }

    /// `flags`: which of padding, extension and contributing sources are looked at.
    #[inline]
    fn read_flagged(packet: &[u8], flags: u8) -> Result<Self, Malformed> {
        let Some((fixed, rest)) = packet.split_first_chunk::<FIXED_BYTES>() else {
            return Err(Malformed::Short);
        };
        if fixed[0] >> 6 != 2 {
            return Err(Malformed::Version);
        }
        let (payload_start, payload_end) = if fixed[0] & flags == 0 {
            (FIXED_BYTES, packet.len())
        } else {
            payload_bounds(fixed[0] & flags, packet, rest)?
        };
        Ok(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            payload_start,
            payload_end,
        })
    }

    /// Writes marker, payload type, sequence number, timestamp and SSRC; the rest of the packet stays as it is.
    #[inline]
    pub fn write(&self, packet: &mut [u8]) {
        let Some(fixed) = packet.first_chunk_mut::<FIXED_BYTES>() else { return };
        fixed[1] = (u8::from(self.marker) << 7) | self.payload_type;
        fixed[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

#[cold]
fn payload_bounds(first: u8, packet: &[u8], after_fixed: &[u8]) -> Result<(usize, usize), Malformed> {
    let sources_bytes = usize::from(first & 0x0f) * 4;
    let mut rest = after_fixed.get(sources_bytes..).ok_or(Malformed::ContributingSources)?;
    if first & 0x10 != 0 {
        let (head, body) = rest.split_first_chunk::<4>().ok_or(Malformed::Extension)?;
        let body_bytes = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
        let (elements, after) = body.split_at_checked(body_bytes).ok_or(Malformed::Extension)?;
        check_elements(u16::from_be_bytes([head[0], head[1]]), elements)?;
        rest = after;
    }
    let payload_start = packet.len() - rest.len();
    let mut payload_end = packet.len();
    if first & 0x20 != 0 {
        let padding = usize::from(*rest.last().ok_or(Malformed::Padding)?);
        if padding == 0 || padding > rest.len() {
            return Err(Malformed::Padding);
        }
        payload_end -= padding;
    }
    Ok((payload_start, payload_end))
}

/// RFC 8285: the elements of a one-byte (§4.2) or two-byte (§4.3) header extension stay inside it.
fn check_elements(profile: u16, mut elements: &[u8]) -> Result<(), Malformed> {
    let one_byte = profile == 0xbede;
    if !one_byte && profile & 0xfff0 != 0x1000 {
        return Ok(());
    }
    while let Some((&first, rest)) = elements.split_first() {
        if first == 0 {
            elements = rest;
            continue;
        }
        let (length, body) = if one_byte {
            if first >> 4 == 15 {
                return Ok(());
            }
            (usize::from(first & 0x0f) + 1, rest)
        } else {
            let (&length, body) = rest.split_first().ok_or(Malformed::Extension)?;
            (usize::from(length), body)
        };
        elements = body.get(length..).ok_or(Malformed::Extension)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![first, 0x80, 0x12, 0x34, 0, 0, 0x10, 0, 0xde, 0xad, 0xbe, 0xef];
        packet.extend_from_slice(rest);
        packet
    }

    #[test]
    fn the_fixed_fields_are_read() {
        let header = Header::read(&packet(0x80, &[1, 2, 3])).unwrap();
        assert!(header.marker);
        assert_eq!((header.payload_type, header.sequence), (0, 0x1234));
        assert_eq!((header.timestamp, header.ssrc), (0x1000, 0xdead_beef));
        assert_eq!((header.payload_start, header.payload_end), (12, 15));
    }

    #[test]
    fn the_packet_that_panics_crate_rtp_is_refused() {
        let packet = [
            0x90, 0x80, 0x12, 0x34, 0x53, 0, 0x10, 0, 0xde, 0xad, 0xbe, 0xef, 0xbe, 0xde, 0, 1, 0xd5, 0,
            0xd5, 0xd5,
        ];
        assert_eq!(Header::read(&packet), Err(Malformed::Extension));
    }

    #[test]
    fn lengths_that_overrun_are_refused() {
        assert_eq!(Header::read(&[0x80; 11]), Err(Malformed::Short));
        assert_eq!(Header::read(&packet(0x40, &[])), Err(Malformed::Version));
        assert_eq!(Header::read(&packet(0x82, &[0; 7])), Err(Malformed::ContributingSources));
        assert_eq!(Header::read(&packet(0x90, &[0; 3])), Err(Malformed::Extension));
        assert_eq!(Header::read(&packet(0x90, &[0, 0, 0, 2, 0, 0, 0, 0])), Err(Malformed::Extension));
        assert_eq!(Header::read(&packet(0x90, &[0x10, 0, 0, 1, 5, 3, 0, 0])), Err(Malformed::Extension));
        assert_eq!(Header::read(&packet(0xa0, &[])), Err(Malformed::Padding));
        assert_eq!(Header::read(&packet(0xa0, &[1, 2, 0])), Err(Malformed::Padding));
        assert_eq!(Header::read(&packet(0xa0, &[1, 2, 4])), Err(Malformed::Padding));
    }

    #[test]
    fn sealed_padding_is_not_looked_at() {
        let sealed = packet(0xa0, &[1, 2, 99]);
        assert_eq!(Header::read(&sealed), Err(Malformed::Padding));
        assert_eq!(Header::read_sealed(&sealed).map(|header| header.payload_end), Ok(15));
        assert_eq!(Header::read_sealed(&packet(0x82, &[0; 7])), Err(Malformed::ContributingSources));
    }

    #[test]
    fn sources_extension_and_padding_bound_the_payload() {
        let header =
            Header::read(&packet(0xb1, &[9, 9, 9, 9, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 42, 43, 0, 2]))
                .unwrap();
        assert_eq!((header.payload_start, header.payload_end), (24, 26));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut bytes = packet(0x80, &[7; 20]);
        let mut header = Header::read(&bytes).unwrap();
        header.marker = false;
        header.payload_type = 101;
        header.sequence = 0xfffe;
        header.timestamp = u32::MAX;
        header.ssrc = 1;
        header.write(&mut bytes);
        assert_eq!(Header::read(&bytes), Ok(header));
        assert_eq!(bytes[12..], [7; 20]);
    }
}
