//! DTLS in a session description (RFC 8122, RFC 8842): whose certificate it is, and who begins the handshake.

use bytes::Bytes;

use super::{SessionDescription, attribute};

/// Who begins the handshake (`a=setup`, RFC 4145 §4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DtlsSetup {
    /// The describing side.
    Active,
    /// The other side.
    Passive,
    /// Whoever the answer says.
    ActPass,
}

impl DtlsSetup {
    /// As it stands behind `a=setup:`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
        }
    }
}

/// What a section says of DTLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dtls {
    /// SHA-256 over the certificate.
    pub fingerprint: [u8; 32],
    /// Who begins.
    pub setup: DtlsSetup,
}

impl Dtls {
    /// The two lines of it.
    pub fn lines(&self) -> [Bytes; 2] {
        let digits: Vec<String> = self.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        [
            Bytes::from(format!("a=fingerprint:sha-256 {}", digits.join(":"))),
            Bytes::from(format!("a=setup:{}", self.setup.name())),
        ]
    }
}

impl SessionDescription {
    /// What section `index` says of DTLS, by lines of its own, else of the session. `None`: nothing, no SHA-256, or that the
    /// connection is held back.
    pub fn dtls(&self, index: usize) -> Option<Dtls> {
        let section = self.media.get(index)?;
        let lines = || section.lines.iter().chain(&self.lines);
        let fingerprint = lines().find_map(|line| fingerprint(attribute(line, "fingerprint")?))?;
        let setup = lines().find_map(|line| attribute(line, "setup"));
        // RFC 4145 §4: who says nothing begins.
        let setup = setup.map_or(Some(DtlsSetup::Active), |value| {
            [DtlsSetup::Active, DtlsSetup::Passive, DtlsSetup::ActPass]
                .into_iter()
                .find(|setup| value.trim_ascii().eq_ignore_ascii_case(setup.name().as_bytes()))
        })?;
        Some(Dtls { fingerprint, setup })
    }
}

/// `sha-256 12:AF:…`.
fn fingerprint(value: &[u8]) -> Option<[u8; 32]> {
    let (hash, digits) = std::str::from_utf8(value).ok()?.trim().split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let mut fingerprint = [0; 32];
    let mut pairs = digits.trim().split(':');
    for byte in &mut fingerprint {
        let pair = pairs
            .next()
            .filter(|pair| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(count: usize) -> String {
        vec!["0A"; count].join(":")
    }

    fn read(session: &str, section: &str) -> Option<Dtls> {
        let text = format!("v=0\n{session}m=audio 4000 UDP/TLS/RTP/SAVP 0\n{section}");
        SessionDescription::parse(&Bytes::from(text)).unwrap().dtls(0)
    }

    #[test]
    fn a_section_speaks_before_the_session() {
        let session = format!("a=fingerprint:sha-256 {}\na=setup:actpass\n", vec!["FF"; 32].join(":"));
        let section = format!(
            "a=fingerprint:sha-1 {}\na=fingerprint:SHA-256 {}\na=setup:passive\n",
            digits(20),
            digits(32)
        );
        assert_eq!(
            read(&session, "").map(|it| (it.fingerprint[0], it.setup)),
            Some((0xff, DtlsSetup::ActPass))
        );
        let found = read(&session, &section).unwrap();
        assert_eq!((found.fingerprint, found.setup), ([0x0a; 32], DtlsSetup::Passive));
        let [one, other] = found.lines();
        assert_eq!(read("", &format!("{}\n{}\n", one.escape_ascii(), other.escape_ascii())), Some(found));
    }

    #[test]
    fn what_is_no_fingerprint_of_sha_256_is_none() {
        for section in [
            String::new(),
            format!("a=fingerprint:sha-1 {}\n", digits(20)),
            format!("a=fingerprint:sha-256 {}\n", digits(31)),
            format!("a=fingerprint:sha-256 {}\n", digits(33)),
            format!("a=fingerprint:sha-256 {}:+A\n", digits(31)),
            format!("a=fingerprint:sha-256 {}\na=setup:holdconn\n", digits(32)),
        ] {
            assert_eq!(read("", &section), None, "{section}");
        }
        assert_eq!(
            read("", &format!("a=fingerprint:sha-256 {}\n", digits(32))).unwrap().setup,
            DtlsSetup::Active
        );
    }
}
