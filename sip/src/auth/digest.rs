//! The hash over user, realm, password, nonce and request (RFC 7616 §3.4.1 to §3.4.3).

use md5::Md5;
use sha2::digest::Output;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::Algorithm;

/// All that a response is computed from.
#[derive(Clone, Copy)]
pub(super) struct Digest<'a> {
    pub(super) algorithm: Algorithm,
    /// The `-sess` variant.
    pub(super) is_session: bool,
    pub(super) username: &'a str,
    pub(super) realm: &'a str,
    pub(super) password: &'a str,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) nonce: &'a str,
    pub(super) cnonce: &'a str,
    /// `nc` as sent; `None` without qop (RFC 2617 §3.2.2.1).
    pub(super) nonce_count: Option<&'a str>,
}

impl Digest<'_> {
    /// The value of `response`.
    pub(super) fn response(&self) -> Hex {
        let mut ha1 = self.hash(&[self.username, self.realm, self.password]);
        if self.is_session {
            ha1 = self.hash(&[ha1.as_str(), self.nonce, self.cnonce]);
        }
        let ha2 = self.hash(&[self.method, self.uri]);
        match self.nonce_count {
            Some(nc) => self.hash(&[ha1.as_str(), self.nonce, nc, self.cnonce, "auth", ha2.as_str()]),
            None => self.hash(&[ha1.as_str(), self.nonce, ha2.as_str()]),
        }
    }

    /// The hash of the parts with colons between them.
    fn hash(&self, parts: &[&str]) -> Hex {
        match self.algorithm {
            Algorithm::Md5 => Hex::of(&joined(Md5::new(), parts)),
            Algorithm::Sha256 => Hex::of(&joined(Sha256::new(), parts)),
        }
    }
}

fn joined<D: sha2::Digest>(mut hash: D, parts: &[&str]) -> Output<D> {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part.as_bytes());
    }
    hash.finalize()
}

/// A hash in lower-case hexadecimal.
#[derive(Clone, Copy)]
pub(super) struct Hex {
    text: [u8; 64],
    len: usize,
}

impl Hex {
    /// At most 32 bytes.
    pub(super) fn of(bytes: &impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        Self { text, len: (2 * bytes.len()).min(64) }
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.len]).expect("hexadecimal digits are ASCII")
    }

    /// Compares without regard to case, in a time that tells nothing about where they differ.
    pub(super) fn equals(&self, text: &str) -> bool {
        let mut given = [0; 64];
        if text.len() != self.len {
            return false;
        }
        given[..self.len].copy_from_slice(text.as_bytes());
        given.make_ascii_lowercase();
        self.text.ct_eq(&given).into()
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    const RFC_7616: Digest<'_> = Digest {
        algorithm: Algorithm::Md5,
        is_session: false,
        username: "Mufasa",
        realm: "http-auth@example.org",
        password: "Circle of Life",
        method: "GET",
        uri: "/dir/index.html",
        nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        nonce_count: Some("00000001"),
    };

    #[test]
    fn the_example_of_rfc_7616_section_3_9_1() {
        assert_eq!(RFC_7616.response().as_str(), "8ca523f5e9506fed4657c9700eebdbec");
        let sha256 = Digest { algorithm: Algorithm::Sha256, ..RFC_7616 };
        assert_eq!(
            sha256.response().as_str(),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn the_example_of_rfc_2617_section_3_5() {
        let digest = Digest {
            realm: "testrealm@host.com",
            password: "Circle Of Life",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            cnonce: "0a4f113b",
            ..RFC_7616
        };
        assert_eq!(digest.response().as_str(), "6629fae49393a05397450978507c4ef1");
        let rfc_2069 = Digest { nonce_count: None, ..digest };
        assert_eq!(rfc_2069.response().as_str(), "670fd8c2df070c60b045671b8b24ff02");
    }

    #[test]
    fn comparison_takes_either_case_and_nothing_else() {
        let hex = RFC_7616.response();
        assert!(hex.equals("8CA523F5E9506FED4657C9700EEBDBEC"));
        for wrong in ["", "8ca523f5e9506fed4657c9700eebdbed", "8ca523f5e9506fed4657c9700eebdbec0", "8ca523"] {
            assert!(!hex.equals(wrong), "{wrong}");
        }
    }
}
