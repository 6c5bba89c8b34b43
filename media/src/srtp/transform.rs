//! The cipher and tag of one protocol of one direction: AES in counter mode with HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1), or AES-GCM
//! (RFC 7714 §8, §9).

use std::fmt;

use aes::Aes128;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ctr::{Ctr128BE, CtrCore};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::RTCP_CLEAR_BYTES;
use super::derivation::{Label, derive};
use super::key::{SrtpKey, SrtpSuite};

/// The word of SRTCP: the flag "encrypted" and the index.
const WORD_BYTES: usize = 4;

/// Set where an SRTCP packet is encrypted. One that is not was not agreed to, and is not taken.
const ENCRYPTED: u32 = 1 << 31;

/// The tag of AES-GCM.
const GCM_TAG_BYTES: usize = 16;

/// For which protocol: each has session keys of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Rtp,
    Rtcp,
}

/// What seals and opens.
pub(super) enum Transform {
    Counter(Box<Counter>),
    Gcm128(Box<Gcm<Aes128Gcm>>),
    Gcm256(Box<Gcm<Aes256Gcm>>),
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter(_) => "Counter",
            Self::Gcm128(_) => "Gcm128",
            Self::Gcm256(_) => "Gcm256",
        })
    }
}

impl Transform {
    pub(super) fn of(master: &SrtpKey, protocol: Protocol) -> Self {
        let (encryption, authentication, salt) = match protocol {
            Protocol::Rtp => (Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt),
            Protocol::Rtcp => (Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt),
        };
        let counter = |tag_bytes| {
            let auth = derive::<20>(master, authentication);
            Self::Counter(Box::new(Counter::new(
                derive(master, encryption),
                derive(master, salt),
                &auth,
                tag_bytes,
            )))
        };
        match (master.suite(), protocol) {
            (SrtpSuite::Aes128CmSha1_80, _) | (SrtpSuite::Aes128CmSha1_32, Protocol::Rtcp) => counter(10),
            (SrtpSuite::Aes128CmSha1_32, Protocol::Rtp) => counter(4),
            (SrtpSuite::Aes128Gcm, _) => {
                let cipher = Aes128Gcm::new(&derive::<16>(master, encryption).into());
                Self::Gcm128(Box::new(Gcm { cipher, salt: derive(master, salt) }))
            }
            (SrtpSuite::Aes256Gcm, _) => {
                let cipher = Aes256Gcm::new(&derive::<32>(master, encryption).into());
                Self::Gcm256(Box::new(Gcm { cipher, salt: derive(master, salt) }))
            }
        }
    }

    /// Seals the first `length` bytes of a buffer with room behind them, of which `clear` stay readable; the length then.
    #[inline]
    pub(super) fn seal_rtp(
        &self,
        buffer: &mut [u8],
        length: usize,
        clear: usize,
        ssrc: u32,
        index: u64,
    ) -> usize {
        match self {
            Self::Counter(counter) => {
                counter.apply(ssrc, index, &mut buffer[clear..length]);
                let tag = counter.tag(&buffer[..length], &rollovers(index));
                append(buffer, length, &tag[..counter.tag_bytes])
            }
            Self::Gcm128(gcm) => gcm.seal_rtp(buffer, length, clear, ssrc, index),
            Self::Gcm256(gcm) => gcm.seal_rtp(buffer, length, clear, ssrc, index),
        }
    }

    /// Opens a packet of which `clear` bytes are readable; the length then, `None` if the tag is wrong. The packet is as it
    /// was then.
    #[inline]
    pub(super) fn open_rtp(&self, packet: &mut [u8], clear: usize, ssrc: u32, index: u64) -> Option<usize> {
        match self {
            Self::Counter(counter) => {
                let length = packet.len().checked_sub(counter.tag_bytes).filter(|length| *length >= clear)?;
                let (sealed, tag) = packet.split_at_mut(length);
                let right = counter.tag(sealed, &rollovers(index));
                if !bool::from(right[..counter.tag_bytes].ct_eq(tag)) {
                    return None;
                }
                counter.apply(ssrc, index, &mut sealed[clear..]);
                Some(length)
            }
            Self::Gcm128(gcm) => gcm.open_rtp(packet, clear, ssrc, index),
            Self::Gcm256(gcm) => gcm.open_rtp(packet, clear, ssrc, index),
        }
    }

    /// Seals a compound in the first `length` bytes of a buffer with room behind them; the length then.
    pub(super) fn seal_rtcp(&self, buffer: &mut [u8], length: usize, ssrc: u32, index: u32) -> usize {
        let word = (index | ENCRYPTED).to_be_bytes();
        match self {
            Self::Counter(counter) => {
                counter.apply(ssrc, u64::from(index), &mut buffer[RTCP_CLEAR_BYTES..length]);
                let length = append(buffer, length, &word);
                let tag = counter.tag(&buffer[..length], &[]);
                append(buffer, length, &tag[..counter.tag_bytes])
            }
            Self::Gcm128(gcm) => gcm.seal_rtcp(buffer, length, ssrc, index),
            Self::Gcm256(gcm) => gcm.seal_rtcp(buffer, length, ssrc, index),
        }
    }

    /// The index of an SRTCP packet; `None` if it is too short or says that it is not encrypted.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Option<u32> {
        let behind = match self {
            Self::Counter(counter) => counter.tag_bytes,
            Self::Gcm128(_) | Self::Gcm256(_) => 0,
        };
        let end = packet.len().checked_sub(behind)?;
        let word = packet.get(end.checked_sub(WORD_BYTES)?..end)?;
        let word = u32::from_be_bytes(word.try_into().ok()?);
        (word & ENCRYPTED != 0).then_some(word & !ENCRYPTED)
    }

    /// Opens an SRTCP packet; the length then, `None` if the tag is wrong.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32) -> Option<usize> {
        let index = self.rtcp_index(packet)?;
        match self {
            Self::Counter(counter) => {
                let with_word = packet.len() - counter.tag_bytes;
                let length =
                    with_word.checked_sub(WORD_BYTES).filter(|length| *length >= RTCP_CLEAR_BYTES)?;
                let (sealed, tag) = packet.split_at_mut(with_word);
                let right = counter.tag(sealed, &[]);
                if !bool::from(right[..counter.tag_bytes].ct_eq(tag)) {
                    return None;
                }
                counter.apply(ssrc, u64::from(index), &mut sealed[RTCP_CLEAR_BYTES..length]);
                Some(length)
            }
            Self::Gcm128(gcm) => gcm.open_rtcp(packet, ssrc, index),
            Self::Gcm256(gcm) => gcm.open_rtcp(packet, ssrc, index),
        }
    }
}

/// AES in counter mode with HMAC-SHA1.
pub(super) struct Counter {
    cipher: Aes128,
    salt: [u8; 14],
    /// Keyed once; each packet begins with a copy.
    auth: Hmac<Sha1>,
    tag_bytes: usize,
}

impl Counter {
    fn new(key: [u8; 16], salt: [u8; 14], auth: &[u8; 20], tag_bytes: usize) -> Self {
        let auth = <Hmac<Sha1> as KeyInit>::new_from_slice(auth).expect("HMAC takes keys of any length");
        Self { cipher: Aes128::new(&key.into()), salt, auth, tag_bytes }
    }

    #[inline]
    fn apply(&self, ssrc: u32, index: u64, bytes: &mut [u8]) {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        mix(&mut iv[4..14], ssrc, index);
        Ctr128BE::from_core(CtrCore::inner_iv_init(&self.cipher, &iv.into())).apply_keystream(bytes);
    }

    #[inline]
    fn tag(&self, packet: &[u8], rollovers: &[u8]) -> [u8; 20] {
        let mut auth = self.auth.clone();
        auth.update(packet);
        auth.update(rollovers);
        auth.finalize().into_bytes().into()
    }
}

/// AES-GCM with 128 or 256 bits.
pub(super) struct Gcm<C> {
    cipher: C,
    salt: [u8; 12],
}

impl<C: AeadInOut<NonceSize = aes_gcm::aead::consts::U12, TagSize = aes_gcm::aead::consts::U16>> Gcm<C> {
    fn seal_rtp(&self, buffer: &mut [u8], length: usize, clear: usize, ssrc: u32, index: u64) -> usize {
        let (head, body) = buffer[..length].split_at_mut(clear);
        let tag = self.cipher.encrypt_inout_detached(&self.iv(ssrc, index).into(), head, body.into());
        append(buffer, length, &tag.expect("a datagram is shorter than the limit of GCM"))
    }

    fn open_rtp(&self, packet: &mut [u8], clear: usize, ssrc: u32, index: u64) -> Option<usize> {
        let length = packet.len().checked_sub(GCM_TAG_BYTES).filter(|length| *length >= clear)?;
        let (sealed, tag) = packet.split_at_mut(length);
        let (head, body) = sealed.split_at_mut(clear);
        let tag: &[u8; GCM_TAG_BYTES] = (&*tag).try_into().ok()?;
        let iv = self.iv(ssrc, index).into();
        self.cipher.decrypt_inout_detached(&iv, head, body.into(), tag.into()).ok()?;
        Some(length)
    }

    fn seal_rtcp(&self, buffer: &mut [u8], length: usize, ssrc: u32, index: u32) -> usize {
        let word = (index | ENCRYPTED).to_be_bytes();
        let (head, body) = buffer[..length].split_at_mut(RTCP_CLEAR_BYTES);
        let iv = self.iv(ssrc, u64::from(index)).into();
        let tag = self.cipher.encrypt_inout_detached(&iv, &beside(head, word), body.into());
        let length = append(buffer, length, &tag.expect("a datagram is shorter than the limit of GCM"));
        append(buffer, length, &word)
    }

    fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Option<usize> {
        let end = packet.len().checked_sub(WORD_BYTES)?;
        let length = end.checked_sub(GCM_TAG_BYTES).filter(|length| *length >= RTCP_CLEAR_BYTES)?;
        let word = (index | ENCRYPTED).to_be_bytes();
        let (sealed, rest) = packet.split_at_mut(length);
        let tag: &[u8; GCM_TAG_BYTES] = (&rest[..GCM_TAG_BYTES]).try_into().ok()?;
        let (head, body) = sealed.split_at_mut(RTCP_CLEAR_BYTES);
        let iv = self.iv(ssrc, u64::from(index)).into();
        self.cipher.decrypt_inout_detached(&iv, &beside(head, word), body.into(), tag.into()).ok()?;
        Some(length)
    }

    fn iv(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let mut iv = self.salt;
        mix(&mut iv[2..], ssrc, index);
        iv
    }
}

/// What is authenticated of an SRTCP packet but not encrypted (RFC 7714 §9.2).
fn beside(head: &[u8], word: [u8; WORD_BYTES]) -> [u8; RTCP_CLEAR_BYTES + WORD_BYTES] {
    let mut beside = [0; RTCP_CLEAR_BYTES + WORD_BYTES];
    beside[..RTCP_CLEAR_BYTES].copy_from_slice(head);
    beside[RTCP_CLEAR_BYTES..].copy_from_slice(&word);
    beside
}

/// Mixes SSRC and index of 48 bits into ten bytes of a salt.
#[inline]
fn mix(salt: &mut [u8], ssrc: u32, index: u64) {
    let numbers = (u128::from(ssrc) << 48) | u128::from(index & 0xffff_ffff_ffff);
    for (byte, number) in salt.iter_mut().zip(&numbers.to_be_bytes()[6..]) {
        *byte ^= number;
    }
}

/// The rollover counter of an index, as it goes under the tag.
fn rollovers(index: u64) -> [u8; 4] {
    let [_, _, rollovers @ .., _, _] = index.to_be_bytes();
    rollovers
}

fn append(buffer: &mut [u8], length: usize, bytes: &[u8]) -> usize {
    let end = length + bytes.len();
    buffer[length..end].copy_from_slice(bytes);
    end
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::srtp) fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    fn buffer(packet: &[u8]) -> Vec<u8> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + 32, 0);
        buffer
    }

    #[test]
    fn the_key_stream_is_that_of_rfc_3711_b_2() {
        let key = hex("2B7E151628AED2A6ABF7158809CF4F3C").try_into().unwrap();
        let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
        let mut stream = [0; 32];
        Counter::new(key, salt, &[0; 20], 10).apply(0, 0, &mut stream);
        assert_eq!(stream[..], hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"));
    }

    /// The packets that libsrtp checks itself with (`srtp_validate`).
    #[test]
    fn counter_mode_seals_as_libsrtp_does() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
        let master = SrtpKey::new(SrtpSuite::Aes128CmSha1_80, &master).unwrap();
        let packet = hex("800f1234 decafbad cafebabe abababab abababab abababab abababab");
        let sealed =
            hex("800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb");
        let transform = Transform::of(&master, Protocol::Rtp);
        let mut buffer_of = buffer(&packet);
        let length = transform.seal_rtp(&mut buffer_of, packet.len(), 12, 0xcafe_babe, 0x1234);
        assert_eq!(buffer_of[..length], sealed);
        assert_eq!(transform.open_rtp(&mut buffer_of[..length], 12, 0xcafe_babe, 0x1234), Some(packet.len()));
        assert_eq!(buffer_of[..packet.len()], packet);

        let report = hex("81c8000b cafebabe abababab abababab abababab abababab");
        let sealed =
            hex("81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c123 0798");
        let transform = Transform::of(&master, Protocol::Rtcp);
        let mut buffer_of = buffer(&report);
        let length = transform.seal_rtcp(&mut buffer_of, report.len(), 0xcafe_babe, 1);
        assert_eq!(buffer_of[..length], sealed);
        assert_eq!(transform.open_rtcp(&mut buffer_of[..length], 0xcafe_babe), Some(report.len()));
        assert_eq!(buffer_of[..report.len()], report);
    }

    fn gcm<C: KeyInit>(key_bytes: u8) -> Box<Gcm<C>> {
        let key: Vec<u8> = (0..key_bytes).collect();
        let salt = hex("517569642070726f2071756f").try_into().unwrap();
        Box::new(Gcm { cipher: C::new_from_slice(&key).unwrap(), salt })
    }

    #[test]
    fn gcm_seals_rtp_as_rfc_7714_16() {
        let packet = hex(
            "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465
             73207472 6573",
        );
        let of_128 = "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833
                      899d7f27 beb16a91 52cf765e e4390cce";
        let of_256 = "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b
                      7aa3db36 dfffd6b0 f9bb7878 d7a76c13";
        for (transform, sealed) in
            [(Transform::Gcm128(gcm(16)), hex(of_128)), (Transform::Gcm256(gcm(32)), hex(of_256))]
        {
            let mut buffer_of = buffer(&packet);
            let length = transform.seal_rtp(&mut buffer_of, packet.len(), 12, 0x5501_a0b2, 0xf17b);
            assert_eq!(buffer_of[12..length], sealed);
            assert_eq!(
                transform.open_rtp(&mut buffer_of[..length], 12, 0x5501_a0b2, 0xf17b),
                Some(packet.len())
            );
            assert_eq!(buffer_of[..packet.len()], packet);
        }
    }

    #[test]
    fn gcm_seals_rtcp_as_rfc_7714_17() {
        let report = hex(
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef
             deadbeef deadbeef",
        );
        let sealed = hex(
            "63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b
             c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        );
        let transform = Transform::Gcm128(gcm(16));
        let mut buffer_of = buffer(&report);
        let length = transform.seal_rtcp(&mut buffer_of, report.len(), 0x4d61_7273, 0x5d4);
        assert_eq!(buffer_of[8..length], sealed);
        assert_eq!(transform.open_rtcp(&mut buffer_of[..length], 0x4d61_7273), Some(report.len()));
        assert_eq!(buffer_of[..report.len()], report);
    }

    #[test]
    fn a_report_that_is_not_encrypted_is_not_taken() {
        let master = SrtpKey::new(SrtpSuite::Aes128CmSha1_80, &[1; 30]).unwrap();
        let transform = Transform::of(&master, Protocol::Rtcp);
        let Transform::Counter(counter) = &transform else { panic!("{transform:?}") };
        let mut plain = hex("80c90001 00000007 00000001");
        let tag = counter.tag(&plain, &[]);
        plain.extend(&tag[..10]);
        assert_eq!(transform.open_rtcp(&mut plain, 7), None);
    }
}
