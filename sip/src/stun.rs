//! STUN Binding requests on the SIP port: how a phone keeps its flow open over UDP, and learns that a translator gave it another
//! address (RFC 5626 §4.4.2, RFC 8489).
//!
//! An answer says only where the request came from. It goes to networks that a line is registered from; whoever else asks hears
//! nothing, so that the engine is no mirror and not found by asking.

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

const HEADER_BYTES: usize = 20;
const ATTRIBUTE_HEAD_BYTES: usize = 4;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: u16 = 0x0101;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// The longest answer, that to an IPv6 address.
const ANSWER_BYTES_MAX: usize = HEADER_BYTES + ATTRIBUTE_HEAD_BYTES + 20;
/// Attributes below this number must be understood (RFC 8489 §14), and none is.
const OPTIONAL_FROM: u16 = 0x8000;

/// Whether a datagram says that it is a Binding request. No SIP begins so.
pub(crate) fn is_request(packet: &[u8]) -> bool {
    packet.starts_with(&BINDING_REQUEST) && packet.get(4..8) == Some(&COOKIE)
}

/// The answer to a Binding request; `None` where the request is broken, or wants what is not there.
pub(crate) fn answer(packet: &[u8], source: SocketAddr) -> Option<Bytes> {
    let transaction = packet.get(8..HEADER_BYTES)?;
    let mut attributes = &packet[HEADER_BYTES..];
    if usize::from(u16::from_be_bytes([packet[2], packet[3]])) != attributes.len() {
        return None;
    }
    while let [kind, kind_low, length, length_low, rest @ ..] = attributes {
        let length = usize::from(u16::from_be_bytes([*length, *length_low])).next_multiple_of(4);
        if u16::from_be_bytes([*kind, *kind_low]) < OPTIONAL_FROM {
            return None;
        }
        attributes = rest.get(length..)?;
    }
    let mut answer = BytesMut::with_capacity(ANSWER_BYTES_MAX);
    let (family, address_bytes) = if source.is_ipv4() { (1, 4) } else { (2, 16) };
    answer.put_u16(BINDING_SUCCESS);
    answer.put_u16(ATTRIBUTE_HEAD_BYTES as u16 + 4 + address_bytes);
    answer.put_slice(&COOKIE);
    answer.put_slice(transaction);
    answer.put_u16(XOR_MAPPED_ADDRESS);
    answer.put_u16(4 + address_bytes);
    answer.put_u16(family);
    answer.put_u16(source.port() ^ u16::from_be_bytes([COOKIE[0], COOKIE[1]]));
    let mask = COOKIE.iter().chain(transaction);
    match source.ip() {
        IpAddr::V4(ip) => answer.extend(ip.octets().iter().zip(mask).map(|(octet, mask)| octet ^ mask)),
        IpAddr::V6(ip) => answer.extend(ip.octets().iter().zip(mask).map(|(octet, mask)| octet ^ mask)),
    }
    Some(answer.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut packet = vec![0, 1, 0, attributes.len() as u8];
        packet.extend(COOKIE);
        packet.extend(*b"transaction!");
        packet.extend(attributes);
        packet
    }

    #[test]
    fn the_answer_says_where_the_request_came_from() {
        let packet = request(&[]);
        assert!(is_request(&packet));
        let answer = answer(&packet, "203.0.113.7:40000".parse().unwrap()).unwrap();
        assert_eq!(answer[..8], [1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42]);
        assert_eq!(answer[8..20], *b"transaction!");
        assert_eq!(answer[20..26], [0, 0x20, 0, 8, 0, 1]);
        assert_eq!(u16::from_be_bytes([answer[26], answer[27]]) ^ 0x2112, 40_000);
        assert_eq!(
            [answer[28] ^ 0x21, answer[29] ^ 0x12, answer[30] ^ 0xa4, answer[31] ^ 0x42],
            [203, 0, 113, 7]
        );
        assert_eq!(answer.len(), 32);
    }

    #[test]
    fn an_address_of_ipv6_is_masked_with_the_transaction_as_well() {
        let source: SocketAddr = "[2001:db8::7]:40000".parse().unwrap();
        let answer = answer(&request(&[]), source).unwrap();
        let mask = COOKIE.iter().chain(b"transaction!");
        let ip: Vec<u8> = answer[28..].iter().zip(mask).map(|(octet, mask)| octet ^ mask).collect();
        assert_eq!(
            (answer.len(), answer[25], ip),
            (
                ANSWER_BYTES_MAX,
                2,
                match source.ip() {
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                    IpAddr::V4(_) => unreachable!("it is of IPv6"),
                }
            )
        );
    }

    #[test]
    fn what_is_broken_or_asks_for_more_is_not_answered() {
        let source = "203.0.113.7:40000".parse().unwrap();
        let software = [0x80, 0x22, 0, 5, b'p', b'h', b'o', b'n', b'e', 0, 0, 0];
        assert!(answer(&request(&software), source).is_some(), "what may be passed over is");
        let change_request = [0, 3, 0, 4, 0, 0, 0, 6];
        assert_eq!(answer(&request(&change_request), source), None);
        assert_eq!(answer(&request(&software[..8]), source), None, "an attribute beyond the end");
        let mut long = request(&[]);
        long[3] = 4;
        assert_eq!(answer(&long, source), None);
        for end in 0..HEADER_BYTES {
            assert_eq!(answer(&request(&[])[..end], source), None);
        }
        assert!(!is_request(b"\0\0\0\0") && !is_request(b"") && !is_request(b"INVITE sip:a@b SIP/2.0\r\n"));
    }
}
