//! Crate `rtp`, named only here: builds packets, and checks our view of received ones in tests.

use bytes::Bytes;
use rtp::header::Header as RtpHeader;
use rtp::packet::Packet;
use webrtc_util::marshal::Marshal;

use super::Header;

/// Builds a packet without extension, contributing sources or padding.
pub fn build(header: &Header, payload: &[u8]) -> Bytes {
    let packet = Packet {
        header: RtpHeader {
            version: 2,
            marker: header.marker,
            payload_type: header.payload_type,
            sequence_number: header.sequence,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            ..RtpHeader::default()
        },
        payload: Bytes::copy_from_slice(payload),
    };
    packet.marshal().expect("the buffer is as long as the packet says it is")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use webrtc_util::marshal::Unmarshal;

    use super::*;

    proptest! {
        #[test]
        fn a_built_packet_is_read_back(
            marker: bool, payload_type in 0_u8..128, sequence: u16, timestamp: u32, ssrc: u32,
            payload in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let payload_end = 12 + payload.len();
            let header = Header { marker, payload_type, sequence, timestamp, ssrc, payload_start: 12, payload_end };
            let packet = build(&header, &payload);
            prop_assert_eq!(Header::read(&packet), Ok(header));
            prop_assert_eq!(&packet[12..], &payload[..]);
        }

        #[test]
        fn crate_rtp_agrees_on_every_packet_that_we_take(
            flags in 0_u8..64, second: u8, rest in proptest::collection::vec(prop_oneof![Just(0_u8), 0..4_u8, Just(0xbe), Just(0xde), any::<u8>()], 10..80),
        ) {
            let mut packet = vec![0x80 | flags, second];
            packet.extend(rest);
            if let Ok(header) = Header::read(&packet) {
                let theirs = Packet::unmarshal(&mut &packet[..]).expect("what we take, crate rtp takes");
                prop_assert_eq!(header.marker, theirs.header.marker);
                prop_assert_eq!(header.payload_type, theirs.header.payload_type);
                prop_assert_eq!(header.sequence, theirs.header.sequence_number);
                prop_assert_eq!(header.timestamp, theirs.header.timestamp);
                prop_assert_eq!(header.ssrc, theirs.header.ssrc);
                prop_assert_eq!(&packet[header.payload_start..header.payload_end], &theirs.payload[..]);
            }
        }

        #[test]
        fn no_bytes_panic(packet in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(header) = Header::read(&packet) {
                prop_assert!(header.payload_start <= header.payload_end && header.payload_end <= packet.len());
            }
        }
    }
}
