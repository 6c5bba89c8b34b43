//! Suites and keys.

use std::fmt;

/// How packets are encrypted and authenticated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SrtpSuite {
    /// `AEAD_AES_256_GCM` (RFC 7714).
    Aes256Gcm,
    /// `AEAD_AES_128_GCM` (RFC 7714).
    Aes128Gcm,
    /// `AES_CM_128_HMAC_SHA1_80` (RFC 3711).
    Aes128CmSha1_80,
    /// `AES_CM_128_HMAC_SHA1_32` (RFC 3711): a tag of 32 bits on RTP, of 80 bits on RTCP (RFC 4568 §6.2.2).
    Aes128CmSha1_32,
}

impl SrtpSuite {
    /// All of them, the best first.
    pub const ALL: [Self; 4] =
        [Self::Aes256Gcm, Self::Aes128Gcm, Self::Aes128CmSha1_80, Self::Aes128CmSha1_32];

    /// The name in SDP (RFC 4568 §6.2, RFC 7714 §14.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "AEAD_AES_256_GCM",
            Self::Aes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes128CmSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes128CmSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The suite of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// The length of the master key, in bytes.
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::Aes256Gcm => 32,
            Self::Aes128Gcm | Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 16,
        }
    }

    /// The length of the master salt, in bytes.
    pub const fn salt_bytes(self) -> usize {
        match self {
            Self::Aes256Gcm | Self::Aes128Gcm => 12,
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 14,
        }
    }

    /// The length of master key and salt together, in bytes.
    pub const fn master_bytes(self) -> usize {
        self.key_bytes() + self.salt_bytes()
    }
}

/// The longest master key with its salt, in bytes.
const MASTER_BYTES_MAX: usize = 44;

/// A master key with its salt, for one direction. It is never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SrtpKey {
    suite: SrtpSuite,
    master: [u8; MASTER_BYTES_MAX],
}

impl SrtpKey {
    /// Of master key and salt, one behind the other; `None` if there are not exactly as many bytes as the suite wants.
    pub fn new(suite: SrtpSuite, key_and_salt: &[u8]) -> Option<Self> {
        if key_and_salt.len() != suite.master_bytes() {
            return None;
        }
        let mut master = [0; MASTER_BYTES_MAX];
        master[..key_and_salt.len()].copy_from_slice(key_and_salt);
        Some(Self { suite, master })
    }

    /// The suite that it is for.
    pub const fn suite(&self) -> SrtpSuite {
        self.suite
    }

    /// The master key.
    pub(super) fn key(&self) -> &[u8] {
        &self.master[..self.suite.key_bytes()]
    }

    /// The master salt.
    pub(super) fn salt(&self) -> &[u8] {
        &self.master[self.suite.key_bytes()..self.suite.master_bytes()]
    }
}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SrtpKey").field(&self.suite).finish()
    }
}

/// The keys of both directions of a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SrtpKeys {
    /// What the far end seals with.
    pub receive: SrtpKey,
    /// What the relay seals with.
    pub send: SrtpKey,
}
