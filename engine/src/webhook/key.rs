//! Signatures by the scheme `v1` of Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a receiver knows as well, and nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Arc<[u8]>);

impl SigningKey {
    /// Reads `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks writes them; `None`: it is no such key.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    fn sign(&self, id: &str, unix_s: u64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{unix_s}.").as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(masked)")
    }
}

/// The header `webhook-signature`: a signature by each key, so that receivers can go from one to the next.
pub(super) fn signatures(keys: &[SigningKey], id: &str, unix_s: u64, body: &str) -> String {
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(id, unix_s, body)).collect();
    signatures.join(" ")
}

/// Says what it is, to people and to those who look for secrets where none should be.
const PREFIX: &str = "whsec_";

/// 192 bits, the least that Standard Webhooks takes.
const KEY_BYTES_MIN: usize = 24;

/// 512 bits, the most.
const KEY_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bytes: usize) -> String {
        format!("whsec_{}", STANDARD.encode(vec![7; bytes]))
    }

    #[test]
    fn signatures_are_those_that_receivers_compute() {
        // What the reference libraries of Standard Webhooks are tested with.
        let old = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(signatures(std::slice::from_ref(&old), id, 1_614_265_330, body), signature);
        let new = SigningKey::parse(&key(64)).unwrap();
        let both = signatures(&[new, old], id, 1_614_265_330, body);
        assert_eq!(both.split(' ').nth(1), Some(signature), "{both}");
        assert_eq!(both.split(' ').count(), 2);
    }

    #[test]
    fn a_key_has_the_form_and_the_length_of_one_and_is_never_shown() {
        for bytes in [24, 64] {
            assert!(SigningKey::parse(&key(bytes)).is_some(), "{bytes}");
        }
        let secret = key(32);
        for text in ["", "whsec_", &key(23), &key(65), &secret[6..], "whsec_!", &format!("{secret}=")] {
            assert_eq!(SigningKey::parse(text), None, "{text}");
        }
        assert_eq!(format!("{:?}", SigningKey::parse(&secret).unwrap()), "SigningKey(masked)");
    }
}
