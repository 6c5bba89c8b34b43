//! Connectivity checks (ICE, RFC 8445 §7.3) as a lite agent answers them: STUN Binding requests (RFC 8489) with short-term
//! credentials.
//!
//! ```text
//! request ▶ shape, FINGERPRINT ▶ USERNAME is ours ▶ MESSAGE-INTEGRITY ▶ answer with XOR-MAPPED-ADDRESS, no longer than the request
//! ```
//!
//! Whoever does not know the password of the leg has no answer at all, not even an error: nothing can be reflected.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use smallvec::SmallVec;

use crate::command::IceCredentials;

const HEADER_BYTES: usize = 20;
const ATTRIBUTE_HEAD_BYTES: usize = 4;
const INTEGRITY_BYTES: usize = 20;
const FINGERPRINT_BYTES: usize = 4;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const FINGERPRINT_MASK: u32 = 0x5354_554e;

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;

/// Attributes below this number must be understood (RFC 8489 §14).
const OPTIONAL_FROM: u16 = 0x8000;

/// How many attributes that are not understood an answer names; a check with more is refused all the same.
const UNKNOWN_NAMED_MAX: usize = 8;

/// The longest answer, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 96;

/// Whether a datagram says that it is STUN (RFC 7983 §7, RFC 8489 §5).
pub(crate) fn is_stun(packet: &[u8]) -> bool {
    matches!(packet, [0..=3, _, _, _, cookie @ ..] if cookie.starts_with(&COOKIE))
}

/// Whether it is a Binding indication, which keeps a translator's binding and wants no answer (RFC 8445 §11).
pub(crate) fn is_keepalive(packet: &[u8]) -> bool {
    packet.starts_with(&[0x00, 0x11])
}

/// Whether a datagram names who has these credentials. A stranger cannot know the name, so that this much may be looked at of
/// every datagram.
pub(crate) fn is_addressed(packet: &[u8], credentials: &IceCredentials) -> bool {
    let mut at = HEADER_BYTES;
    while let Some((kind, value)) = attribute(packet, at) {
        if kind == USERNAME {
            return is_name_of(value, &credentials.ufrag);
        }
        at += ATTRIBUTE_HEAD_BYTES + value.len().next_multiple_of(4);
    }
    false
}

/// Whether a name is that of the session between us and somebody (RFC 8445 §7.2.2).
fn is_name_of(name: &[u8], ufrag: &[u8]) -> bool {
    name.strip_prefix(ufrag).is_some_and(|rest| rest.first() == Some(&b':'))
}

/// A check that proved to come from who was given the credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Check {
    transaction: [u8; 12],
    /// The priority that its candidate would have (RFC 8445 §7.1.1).
    pub(crate) priority: u32,
    /// Whether it is to carry the media.
    pub(crate) nominates: bool,
    fault: Option<Fault>,
}

/// Why a check that proved itself has no success.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fault {
    /// The far end believes that it is controlled, too: a lite agent is never anything else (RFC 8445 §7.3.1.1).
    RoleConflict,
    /// Attributes that would have to be understood.
    Unknown(SmallVec<[u16; UNKNOWN_NAMED_MAX]>),
}

impl Check {
    /// Reads a check for who has these credentials; `None` for everything that does not prove itself.
    pub(crate) fn read(packet: &[u8], credentials: &IceCredentials) -> Option<Self> {
        Self::read_with(packet, &credentials.ufrag, &credentials.password)
    }

    fn read_with(packet: &[u8], ufrag: &[u8], password: &[u8]) -> Option<Self> {
        let (head, _) = packet.split_first_chunk::<HEADER_BYTES>()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let whole = length % 4 == 0 && HEADER_BYTES + length == packet.len();
        if !whole || read_u16(head) != BINDING_REQUEST || head[4..8] != COOKIE {
            return None;
        }
        let mut check =
            Self { transaction: head[8..].try_into().ok()?, priority: 0, nominates: false, fault: None };
        let mut unknown = SmallVec::new();
        let (mut is_ours, mut is_marked, mut proof) = (false, false, None);
        let mut at = HEADER_BYTES;
        while let Some((kind, value)) = attribute(packet, at) {
            // What follows the proof is not proven, but for the fingerprint (RFC 8489 §14.5).
            match kind {
                FINGERPRINT => {
                    let is_last = at + ATTRIBUTE_HEAD_BYTES + FINGERPRINT_BYTES == packet.len();
                    if !is_last || value != fingerprint(&packet[..at]).to_be_bytes() {
                        return None;
                    }
                    is_marked = true;
                }
                _ if proof.is_some() => {}
                MESSAGE_INTEGRITY => proof = Some((at, value)),
                USERNAME => is_ours = is_name_of(value, ufrag),
                PRIORITY => check.priority = u32::from_be_bytes(value.try_into().ok()?),
                USE_CANDIDATE => check.nominates = true,
                ICE_CONTROLLED => check.fault = Some(Fault::RoleConflict),
                MESSAGE_INTEGRITY_SHA256 | OPTIONAL_FROM.. => {}
                _ if unknown.len() < UNKNOWN_NAMED_MAX => unknown.push(kind),
                _ => {}
            }
            at += ATTRIBUTE_HEAD_BYTES + value.len().next_multiple_of(4);
        }
        let (proof_at, proof) = proof.filter(|_| is_ours && is_marked && at == packet.len())?;
        integrity(&packet[..proof_at], password).verify_slice(proof).ok()?;
        if !unknown.is_empty() {
            check.fault = Some(Fault::Unknown(unknown));
        }
        Some(check)
    }

    /// Whether the answer is a success: only then the check counts.
    pub(crate) const fn succeeds(&self) -> bool {
        self.fault.is_none()
    }

    /// Writes the answer to a check that came from `source`; returns its length in bytes.
    pub(crate) fn answer(
        &self,
        source: SocketAddr,
        credentials: &IceCredentials,
        out: &mut [u8; ANSWER_BYTES_MAX],
    ) -> usize {
        let kind = if self.succeeds() { BINDING_SUCCESS } else { BINDING_ERROR };
        let mut answer = Answer::begin(kind, &self.transaction, out);
        match &self.fault {
            None => {
                let (value, length) = xor_mapped(source, &self.transaction);
                answer.add(XOR_MAPPED_ADDRESS, &value[..length]);
            }
            Some(Fault::RoleConflict) => answer.add(ERROR_CODE, &[0, 0, 4, 87]),
            Some(Fault::Unknown(kinds)) => {
                answer.add(ERROR_CODE, &[0, 0, 4, 20]);
                let mut named = [0; 2 * UNKNOWN_NAMED_MAX];
                for (place, kind) in named.chunks_exact_mut(2).zip(kinds) {
                    place.copy_from_slice(&kind.to_be_bytes());
                }
                answer.add(UNKNOWN_ATTRIBUTES, &named[..2 * kinds.len()]);
            }
        }
        answer.seal(&credentials.password)
    }
}

/// The attribute at this place, if it is whole.
fn attribute(packet: &[u8], at: usize) -> Option<(u16, &[u8])> {
    let (head, rest) = packet.get(at..)?.split_first_chunk::<ATTRIBUTE_HEAD_BYTES>()?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    rest.get(..length.next_multiple_of(4)).map(|padded| (read_u16(head), &padded[..length]))
}

fn read_u16(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

/// An answer as it grows. [`ANSWER_BYTES_MAX`] has room for each there is.
struct Answer<'a> {
    out: &'a mut [u8; ANSWER_BYTES_MAX],
    length: usize,
}

impl<'a> Answer<'a> {
    fn begin(kind: u16, transaction: &[u8; 12], out: &'a mut [u8; ANSWER_BYTES_MAX]) -> Self {
        out[..2].copy_from_slice(&kind.to_be_bytes());
        out[4..8].copy_from_slice(&COOKIE);
        out[8..HEADER_BYTES].copy_from_slice(transaction);
        Self { out, length: HEADER_BYTES }
    }

    fn add(&mut self, kind: u16, value: &[u8]) {
        let padded = value.len().next_multiple_of(4);
        let place = &mut self.out[self.length..][..ATTRIBUTE_HEAD_BYTES + padded];
        place.fill(0);
        place[..2].copy_from_slice(&kind.to_be_bytes());
        let [.., high, low] = value.len().to_be_bytes();
        place[2..4].copy_from_slice(&[high, low]);
        place[ATTRIBUTE_HEAD_BYTES..][..value.len()].copy_from_slice(value);
        self.length += place.len();
        let [.., high, low] = (self.length - HEADER_BYTES).to_be_bytes();
        self.out[2..4].copy_from_slice(&[high, low]);
    }

    fn seal(mut self, password: &[u8]) -> usize {
        let proof = integrity(&self.out[..self.length], password).finalize().into_bytes();
        self.add(MESSAGE_INTEGRITY, &proof);
        let fingerprint = fingerprint(&self.out[..self.length]);
        self.add(FINGERPRINT, &fingerprint.to_be_bytes());
        self.length
    }
}

/// RFC 8489 §14.5: over all before the attribute, with a length in the header as if it were the last one.
fn integrity(before: &[u8], password: &[u8]) -> Hmac<Sha1> {
    let mut hmac = Hmac::new_from_slice(password).expect("HMAC takes a key of any length");
    hmac.update(&before[..2]);
    hmac.update(&length_with(before, INTEGRITY_BYTES));
    hmac.update(&before[4..]);
    hmac
}

/// RFC 8489 §14.7: the same with CRC-32.
fn fingerprint(before: &[u8]) -> u32 {
    let length = length_with(before, FINGERPRINT_BYTES);
    let bytes = before[..2].iter().chain(&length).chain(&before[4..]);
    let crc = bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    !crc ^ FINGERPRINT_MASK
}

/// The length in the header with an attribute of this size behind.
fn length_with(before: &[u8], value_bytes: usize) -> [u8; 2] {
    let [.., high, low] = (before.len() - HEADER_BYTES + ATTRIBUTE_HEAD_BYTES + value_bytes).to_be_bytes();
    [high, low]
}

/// RFC 8489 §14.2: the value of the attribute and its length.
fn xor_mapped(source: SocketAddr, transaction: &[u8; 12]) -> ([u8; 20], usize) {
    let mut value = [0; 20];
    value[2..4].copy_from_slice(&source.port().to_be_bytes());
    let length = match source.ip() {
        IpAddr::V4(ip) => {
            value[1] = 1;
            value[4..8].copy_from_slice(&ip.octets());
            8
        }
        IpAddr::V6(ip) => {
            value[1] = 2;
            value[4..].copy_from_slice(&ip.octets());
            20
        }
    };
    let mask = COOKIE.iter().chain(transaction);
    value[2..4].iter_mut().zip(&COOKIE).for_each(|(byte, mask)| *byte ^= mask);
    value[4..length].iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    (value, length)
}

#[cfg(test)]
pub(crate) mod testing {
    //! The other side of a check.

    use super::*;

    /// A Binding request as a controlling agent sends it.
    pub(crate) fn check(credentials: &IceCredentials, priority: u32, nominates: bool) -> Vec<u8> {
        let mut out = [0; ANSWER_BYTES_MAX];
        let mut request = Answer::begin(BINDING_REQUEST, b"transaction.", &mut out);
        let name = [&credentials.ufrag[..], b":them"].concat();
        request.add(USERNAME, &name);
        request.add(PRIORITY, &priority.to_be_bytes());
        if nominates {
            request.add(USE_CANDIDATE, &[]);
        }
        let length = request.seal(&credentials.password);
        out[..length].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
    const OURS: IceCredentials =
        IceCredentials { ufrag: *b"ufragABC", password: *b"0123456789abcdefghijklmn" };
    const SOURCE: &str = "198.51.100.9:61000";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks_exact(2).map(pair).collect()
    }

    /// RFC 5769 §2.1.
    fn sample_request() -> Vec<u8> {
        bytes(
            "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
             002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020\
             000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf",
        )
    }

    /// RFC 5769 §2.2 and §2.3.
    const SAMPLE_RESPONSES: [(&str, &str); 2] = [
        (
            "192.0.2.1:32853",
            "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220\
             002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96",
        ),
        (
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
            "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220\
             002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed41\
             80280004c8fb0b4c",
        ),
    ];

    #[test]
    fn the_sample_request_of_rfc_5769_proves_itself() {
        let check = Check::read_with(&sample_request(), b"evtj", PASSWORD).unwrap();
        assert_eq!((check.priority, check.nominates), (0x6e00_01ff, false));
        assert_eq!(check.fault, Some(Fault::RoleConflict), "it says ICE-CONTROLLED");
        assert_eq!(Check::read_with(&sample_request(), b"evtj", b"VOkJxbRl1RmTxUk/WvJxBT"), None);
        assert_eq!(Check::read_with(&sample_request(), b"evt", PASSWORD), None);
    }

    #[test]
    fn the_sample_responses_of_rfc_5769_are_written_so() {
        for (source, sample) in SAMPLE_RESPONSES {
            let sample = bytes(sample);
            let mut out = [0; ANSWER_BYTES_MAX];
            let transaction = sample[8..20].try_into().unwrap();
            let mut answer = Answer::begin(BINDING_SUCCESS, &transaction, &mut out);
            answer.add(0x8022, b"test vector");
            // The samples pad with blanks.
            answer.out[35] = b' ';
            let (value, length) = xor_mapped(source.parse().unwrap(), &transaction);
            answer.add(XOR_MAPPED_ADDRESS, &value[..length]);
            let length = answer.seal(PASSWORD);
            assert_eq!(out[..length], sample);
        }
    }

    #[test]
    fn a_check_is_answered_with_its_source_and_no_more_bytes() {
        for nominates in [false, true] {
            let request = testing::check(&OURS, 77, nominates);
            let check = Check::read(&request, &OURS).unwrap();
            assert_eq!((check.priority, check.nominates, check.succeeds()), (77, nominates, true));
            let mut out = [0; ANSWER_BYTES_MAX];
            let length = check.answer(SOURCE.parse().unwrap(), &OURS, &mut out);
            assert!(length <= request.len(), "{length} of {}", request.len());
            assert_eq!((&out[..2], &out[8..20]), (&[1, 1][..], &request[8..20]));
            assert_eq!(out[20..24], [0, 0x20, 0, 8]);
        }
    }

    #[test]
    fn every_changed_byte_costs_the_answer() {
        let request = testing::check(&OURS, 77, true);
        for at in 0..request.len() {
            let mut changed = request.clone();
            changed[at] ^= 1;
            assert_eq!(Check::read(&changed, &OURS), None, "byte {at}");
            assert_eq!(Check::read(&request[..at], &OURS), None, "cut at {at}");
        }
        let longer = [&request[..], &[0; 4]].concat();
        assert_eq!(Check::read(&longer, &OURS), None);
    }

    #[test]
    fn what_follows_the_proof_is_not_believed() {
        let mut out = [0; ANSWER_BYTES_MAX];
        let mut request = Answer::begin(BINDING_REQUEST, b"transaction.", &mut out);
        request.add(USERNAME, b"ufragABC:x");
        let proof = integrity(&request.out[..request.length], &OURS.password).finalize().into_bytes();
        request.add(MESSAGE_INTEGRITY, &proof);
        request.add(USE_CANDIDATE, &[]);
        let mark = fingerprint(&request.out[..request.length]);
        request.add(FINGERPRINT, &mark.to_be_bytes());
        let length = request.length;
        assert!(!Check::read(&out[..length], &OURS).unwrap().nominates);
    }

    #[test]
    fn attributes_that_would_have_to_be_understood_are_named() {
        let mut out = [0; ANSWER_BYTES_MAX];
        let mut request = Answer::begin(BINDING_REQUEST, b"transaction.", &mut out);
        request.add(USERNAME, b"ufragABC:x");
        request.add(0x7abc, &[]);
        request.add(0xc057, &[1, 2, 3]);
        let length = request.seal(&OURS.password);
        let check = Check::read(&out[..length], &OURS).unwrap();
        assert!(!check.succeeds());
        let length = check.answer(SOURCE.parse().unwrap(), &OURS, &mut out);
        assert_eq!(out[..2], [1, 0x11]);
        assert_eq!(out[20..36], [0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 2, 0x7a, 0xbc, 0, 0]);
        assert_eq!(length, 36 + 24 + 8);
    }

    #[test]
    fn a_far_end_that_is_controlled_too_is_told_so() {
        let check = Check::read_with(&sample_request(), b"evtj", PASSWORD).unwrap();
        let mut out = [0; ANSWER_BYTES_MAX];
        check.answer(SOURCE.parse().unwrap(), &OURS, &mut out);
        assert_eq!((&out[..2], &out[20..28]), (&[1, 0x11][..], &[0, 9, 0, 4, 0, 0, 4, 87][..]));
    }

    #[test]
    fn stun_is_told_from_rtp_and_the_rest() {
        assert!(is_stun(&sample_request()));
        for other in
            [&[][..], &[0x80, 0, 0, 0, 0x21, 0x12, 0xa4, 0x42], &[0, 1, 0, 0, 0x21, 0x12, 0xa4], &[22; 30]]
        {
            assert!(!is_stun(other));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_prove_anything(mut packet in prop::collection::vec(any::<u8>(), 0..200), whole: bool) {
            if whole && packet.len() >= HEADER_BYTES {
                let length = packet.len() - HEADER_BYTES;
                packet[..8].copy_from_slice(&[0, 1, 0, length.to_be_bytes()[7], 0x21, 0x12, 0xa4, 0x42]);
            }
            prop_assert_eq!(Check::read(&packet, &OURS), None);
        }

        #[test]
        fn attributes_of_any_kind_do_not_panic(attributes in prop::collection::vec((any::<u16>(), 0_usize..40), 0..30)) {
            let mut packet = bytes("000100002112a442b7e7a701bc34d686fa87dfae");
            for (kind, length) in attributes {
                packet.extend(kind.to_be_bytes());
                packet.extend([0, length.to_be_bytes()[7]]);
                packet.resize(packet.len() + length.next_multiple_of(4), 0);
            }
            let length = packet.len() - HEADER_BYTES;
            packet[2..4].copy_from_slice(&length.to_be_bytes()[6..]);
            prop_assert_eq!(Check::read(&packet, &OURS), None);
        }
    }
}
