//! A frame of Ethernet around something that two addresses said to each other by UDP: Ethernet II, IPv4 (RFC 791) or IPv6 (RFC 8200), UDP
//! (RFC 768).

use std::net::{IpAddr, SocketAddr};

/// What a UDP datagram of IPv4 can hold.
pub(super) const PAYLOAD_BYTES_MAX: usize = 65_535 - 20 - UDP_BYTES;

const UDP_BYTES: usize = 8;

/// The number of UDP.
const UDP: u8 = 17;

/// The frame; what the payload has more than a datagram holds is cut off.
pub(super) fn frame(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(PAYLOAD_BYTES_MAX)];
    let length = (UDP_BYTES + payload.len()) as u16;
    let (source, destination) = (from.ip().to_canonical(), to.ip().to_canonical());
    let mut frame = Vec::with_capacity(14 + 40 + UDP_BYTES + payload.len());
    frame.extend(hardware_address(destination));
    frame.extend(hardware_address(source));
    let addresses = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            frame.extend([0x08, 0x00]);
            let at = frame.len();
            frame.extend([0x45, 0]);
            frame.extend((20 + length).to_be_bytes());
            // No identification; not to be fragmented; 64 hops; the sum comes last.
            frame.extend([0, 0, 0x40, 0, 64, UDP, 0, 0]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
            let sum = checksum(&frame[at..], 0);
            frame[at + 10..at + 12].copy_from_slice(&sum.to_be_bytes());
            at + 12
        }
        (source, destination) => {
            let octets = |address| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            frame.extend([0x86, 0xDD, 0x60, 0, 0, 0]);
            frame.extend(length.to_be_bytes());
            frame.extend([UDP, 64]);
            let at = frame.len();
            frame.extend(octets(source));
            frame.extend(octets(destination));
            at
        }
    };
    let at = frame.len();
    for word in [from.port(), to.port(), length, 0] {
        frame.extend(word.to_be_bytes());
    }
    frame.extend(payload);
    // The pseudo header: both addresses, the protocol and the length.
    let sum = match checksum(&frame[addresses..], u32::from(UDP) + u32::from(length)) {
        // 0 would mean that there is none.
        0 => 0xFFFF,
        sum => sum,
    };
    frame[at + 6..at + 8].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// An address of the kind that nobody makes, the same for the same host.
fn hardware_address(address: IpAddr) -> [u8; 6] {
    let [.., a, b, c, d] = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    [0x02, 0, a, b, c, d]
}

/// The Internet checksum (RFC 1071), begun with what is not among the octets.
fn checksum(octets: &[u8], begin: u32) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    let sum = octets.chunks(2).fold(u64::from(begin), |sum, pair| sum + u64::from(word(pair)));
    let folded = (sum & 0xFFFF) + (sum >> 16);
    !(((folded & 0xFFFF) + (folded >> 16)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_frame_of_ipv4_is_known_octet_by_octet() {
        let frame = frame(address("10.0.0.5:5060"), address("10.0.0.1:40000"), b"abc");
        let expected = [
            &[2, 0, 10, 0, 0, 1, 2, 0, 10, 0, 0, 5, 0x08, 0][..],
            &[0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0x26, 0xC9, 10, 0, 0, 5, 10, 0, 0, 1],
            &[0x13, 0xC4, 0x9C, 0x40, 0, 11, 0x77, 0x6B, b'a', b'b', b'c'],
        ];
        assert_eq!(frame, expected.concat());
    }

    #[test]
    fn a_frame_of_ipv6_has_a_sum_that_holds_and_mapped_addresses_are_those_of_ipv4() {
        let frame6 = frame(address("[2001:db8::5]:5061"), address("[2001:db8::1]:5060"), b"abcd");
        assert_eq!(frame6[12..20], [0x86, 0xDD, 0x60, 0, 0, 0, 0, 12]);
        assert_eq!(checksum(&frame6[22..], 17 + 12), 0, "what is summed with its sum is nothing");
        let mapped = frame(address("[::ffff:10.0.0.5]:5060"), address("[::ffff:10.0.0.1]:40000"), b"abc");
        assert_eq!(mapped, frame(address("10.0.0.5:5060"), address("10.0.0.1:40000"), b"abc"));
    }

    #[test]
    fn what_is_longer_than_a_datagram_is_cut() {
        let frame = frame(address("10.0.0.5:5060"), address("10.0.0.1:40000"), &[0; 70_000]);
        assert_eq!(frame.len(), 14 + 65_535);
        assert_eq!(frame[16..18], [0xFF, 0xFF]);
    }
}
