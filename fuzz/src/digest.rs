//! Credentials and challenges from the network: neither is believed, none panics.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::auth::{Account, Algorithm, Attempt, Challenger, ClientAuth, Credentials, Verdict};

/// Panics if these octets are taken for the password, or if our answer to them as a challenge is not one header line.
pub fn check(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let now = Instant::now();
    let challenger = Challenger::new([1; 32], now, "pbx");
    let source = ([192, 0, 2, 1], 5060).into();
    let attempt = Attempt { method: "REGISTER", uri: "sip:pbx", source, is_by_stream: false };
    let account = |name: &str| {
        Some(Account { line: name.into(), password: "secret".into(), algorithms: [Algorithm::Md5].into() })
    };
    let verdict = challenger.verify(now, attempt, text.lines(), account);
    assert!(!matches!(verdict, Verdict::Ok { .. }), "no nonce was given out");

    let credentials = Credentials { username: "a\"b".into(), password: "secret".into(), realm: None };
    let mut client = ClientAuth::new(Arc::new(credentials));
    if let Some((_, value)) = client.answer(401, text.lines(), "REGISTER", "sip:pbx", "cnonce") {
        assert!(value.starts_with("Digest username=\"a\\\"b\", realm=\""));
        // A realm may be that word, too: it is given back as it came.
        assert!(text.contains("secret") || !value.contains("secret"));
    }
}
