//! Keys of SRTP in a session description (RFC 4568, "SDES"): `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:<key and salt>`.
//!
//! Whoever reads the signalling reads the keys: they are worth as much as its transport. They are never printed but into a message.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use super::{MediaDescription, SessionDescription, attribute};

/// Of more `a=crypto` lines in a section the rest is not read.
pub const CRYPTO_LINES_MAX: usize = 16;

/// The longest tag (RFC 4568 §9.1), in digits.
const TAG_DIGITS_MAX: usize = 9;

/// Some phones leave the padding out, and some set bits in it that stand for nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// One `a=crypto` line.
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Names the line in the answer.
    pub tag: u32,
    /// The suite, as written.
    pub suite: String,
    /// Master key and master salt, one behind the other.
    pub key: Vec<u8>,
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto").field("tag", &self.tag).field("suite", &self.suite).finish_non_exhaustive()
    }
}

impl Crypto {
    /// Reads the value of an `a=crypto` line; `None` if it is malformed, has several keys, or asks for what weakens it.
    ///
    /// A lifetime and a key identifier (MKI) are read past: our answer has none, and whoever may be answered so leaves them out.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut fields = std::str::from_utf8(value).ok()?.split_ascii_whitespace();
        let (tag, suite, keys) = (fields.next()?, fields.next()?, fields.next()?);
        if tag.len() > TAG_DIGITS_MAX || !tag.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (method, info) = keys.split_once(':')?;
        if !method.eq_ignore_ascii_case("inline") || info.contains(';') || !fields.all(may_be_ignored) {
            return None;
        }
        let key = BASE64.decode(info.split('|').next().unwrap_or(info)).ok()?;
        Some(Self { tag: tag.parse().ok()?, suite: suite.to_owned(), key })
    }

    /// The whole line.
    pub fn line(&self) -> Bytes {
        let Self { tag, suite, key } = self;
        Bytes::from(format!("a=crypto:{tag} {suite} inline:{}", BASE64.encode(key)))
    }
}

/// A hint about the replay window, and what its author marked as optional (RFC 4568 §6.3.7). Anything else would leave packets
/// unencrypted or unauthenticated, or change their keys.
fn may_be_ignored(parameter: &str) -> bool {
    parameter.starts_with('-') || parameter.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("WSH="))
}

impl MediaDescription {
    /// The keys that the section offers or answers with, in order; lines that cannot be used are left out.
    pub fn crypto(&self) -> impl Iterator<Item = Crypto> + '_ {
        self.attributes("crypto").take(CRYPTO_LINES_MAX).filter_map(Crypto::parse)
    }

    /// The section without keys and what belongs to them, under the plain protocol: `RTP/AVP`.
    #[must_use]
    pub fn without_keys(&self) -> Self {
        Self {
            kind: self.kind.clone(),
            port: self.port,
            protocol: if self.is_secure() { Bytes::from_static(PLAIN) } else { self.protocol.clone() },
            formats: self.formats.clone(),
            connection: self.connection,
            direction: self.direction,
            rtcp: self.rtcp,
            rtcp_mux: self.rtcp_mux,
            ice: self.ice.clone(),
            lines: without_lines_of_keys(&self.lines),
        }
    }
}

impl SessionDescription {
    /// The description without keys and what belongs to them; its sections stay as they are.
    #[must_use]
    pub fn without_session_keys(&self) -> Self {
        Self {
            connection: self.connection,
            direction: self.direction,
            lines: without_lines_of_keys(&self.lines),
            media: self.media.clone(),
        }
    }
}

/// Without the feedback of RFC 4585 too: many phones that know nothing of SRTP know nothing of that.
const PLAIN: &[u8] = b"RTP/AVP";

/// Without spare room: legs keep it.
fn without_lines_of_keys(lines: &[Bytes]) -> Vec<Bytes> {
    let mut others: Vec<_> = lines.iter().filter(|line| !is_of_keys(line)).cloned().collect();
    others.shrink_to_fit();
    others
}

/// Lines of RFC 4568, RFC 4567 and RFC 8842: keys, and how they are agreed.
fn is_of_keys(line: &[u8]) -> bool {
    line.starts_with(b"k=")
        || ["crypto", "key-mgmt", "fingerprint", "setup", "tls-id", "connection", "zrtp-hash"]
            .iter()
            .any(|name| attribute(line, name).is_some())
}

/// What somebody sent, as a log may show it: what is behind each `inline:` (a key, RFC 4568) and each `response=` (the hash of a
/// password, RFC 7616) is `*`.
pub fn masked(text: &[u8]) -> Cow<'_, [u8]> {
    let mut masked = None;
    let mut at = 0;
    while at < text.len() {
        let Some(mark) = mark(&text[at..]) else {
            at += 1;
            continue;
        };
        at += mark;
        let secret = text[at..].iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        masked.get_or_insert_with(|| text.to_vec())[at..at + secret].fill(b'*');
        at += secret;
    }
    masked.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// How long the mark is with which this begins, if something secret is behind it.
fn mark(text: &[u8]) -> Option<usize> {
    const KEY: &[u8] = b"inline:";
    const HASH: &[u8] = b"response";
    let begins = |mark: &[u8]| text.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    let blanks = |at: usize| at + text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if begins(KEY) {
        return Some(KEY.len());
    }
    let sign = begins(HASH).then(|| blanks(HASH.len())).filter(|sign| text.get(*sign) == Some(&b'='))?;
    Some(blanks(sign + 1))
}

/// Lines as they are shown where people debug.
pub(super) struct Shown<'a>(pub(super) &'a [Bytes]);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|line| Bytes::copy_from_slice(&masked(line)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    fn parsed(value: &str) -> Option<(u32, String, usize)> {
        Crypto::parse(value.as_bytes()).map(|crypto| (crypto.tag, crypto.suite, crypto.key.len()))
    }

    #[test]
    fn the_lines_of_rfc_4568_are_read() {
        let suite = "AES_CM_128_HMAC_SHA1_80".to_owned();
        for line in [
            format!("1 {suite} inline:{KEY}|2^20|1:32"),
            format!("1 {suite} inline:{KEY}|2^31"),
            format!("1 {suite} inline:{KEY}|1:4"),
            format!("1  {suite}  INLINE:{KEY} WSH=128"),
            format!("1 {suite} inline:{KEY} -FUTURE=1"),
        ] {
            assert_eq!(parsed(&line), Some((1, suite.clone(), 30)), "{line}");
        }
        let unpadded = "1 AEAD_AES_128_GCM inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJQ";
        assert_eq!(parsed(unpadded).map(|(_, _, bytes)| bytes), Some(28));
    }

    #[test]
    fn what_weakens_or_cannot_be_told_is_no_offer() {
        for line in [
            String::new(),
            "1".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80".to_owned(),
            format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1234567890 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:d0Rm*".to_owned(),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:1;inline:{KEY}|2:1"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1"),
        ] {
            assert_eq!(parsed(&line), None, "{line}");
        }
        assert_eq!(Crypto::parse(&[0xff, 0xfe]), None);
    }

    #[test]
    fn a_line_is_written_as_it_is_read() {
        let line = format!("a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}");
        let crypto = Crypto::parse(&line.as_bytes()["a=crypto:".len()..]).unwrap();
        assert_eq!(crypto.line(), line);
        assert!(!format!("{crypto:?}").contains("inline"));
    }

    #[test]
    fn a_section_loses_its_keys_and_nothing_else() {
        let text = format!(
            "v=0\nc=IN IP4 192.0.2.1\na=fingerprint:sha-256 AA\na=x-kept\nm=audio 4000 RTP/SAVP 0\na=ptime:20\n\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\na=setup:actpass\nm=audio 4002 UDP/TLS/RTP/SAVPF 0\n"
        );
        let sdp = SessionDescription::parse(&Bytes::from(text)).unwrap();
        assert_eq!(sdp.media[0].crypto().count(), 1);
        let section = sdp.media[0].without_keys();
        assert_eq!(
            (&section.protocol[..], &section.lines[..]),
            (&b"RTP/AVP"[..], &[Bytes::from("a=ptime:20")][..])
        );
        assert_eq!(&sdp.media[1].without_keys().protocol[..], b"RTP/AVP");
        assert_eq!(sdp.without_session_keys().lines, ["a=x-kept"]);
    }

    #[test]
    fn keys_are_masked_where_text_is_shown() {
        let text = format!("a=crypto:1 X inline:{KEY}|2^31 WSH=64\r\na=crypto:2 Y Inline:{KEY}\r\nrest");
        let shown = String::from_utf8(masked(text.as_bytes()).into_owned()).unwrap();
        assert!(
            !shown.contains("d0Rm") && shown.ends_with("\r\nrest") && shown.contains(" WSH=64"),
            "{shown}"
        );
        assert!(matches!(masked(b"nothing to hide"), Cow::Borrowed(_)));
        let sdp =
            format!("v=0\na=crypto:1 X inline:{KEY}\nm=audio 1 RTP/SAVP 0\na=crypto:1 X inline:{KEY}\n");
        let sdp = SessionDescription::parse(&Bytes::from(sdp)).unwrap();
        assert!(!format!("{sdp:?}").contains("d0Rm"));
    }

    #[test]
    fn hashes_of_passwords_are_masked_too() {
        for (text, shown) in [
            ("nc=1, response=\"6629fa\", uri=\"sip:a\"", "nc=1, response=********* uri=\"sip:a\""),
            ("Response =\t6629fa\r\nTo: x", "Response =\t******\r\nTo: x"),
            ("response", "response"),
            ("a response = ", "a response = "),
            ("inline:aresponse=b c", "inline:*********** c"),
        ] {
            assert_eq!(
                masked(text.as_bytes()).escape_ascii().to_string(),
                shown.as_bytes().escape_ascii().to_string()
            );
        }
    }
}
