//! DTLS-SRTP (RFC 5763, RFC 5764): keys agreed on the media path, with a peer that is known by the fingerprint of its certificate in
//! SDP.
//!
//! ```text
//! datagram 20 to 63 (RFC 7983) ▶ may it come from there? ▶ handshake ▶ fingerprint right? ▶ keys ▶ SRTP
//! ```
//!
//! The handshake's random numbers are the operating system's (`ring`): of all that a worker does, this alone is not replayed by a
//! seed. A worker that is given no identity takes no part in it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile as Profile;
use rtc_shared::TransportProtocol;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::limits::DTLS_DATAGRAMS_MAX;
use crate::srtp::{SrtpKey, SrtpKeys, SrtpSuite};

/// SHA-256 over a certificate.
pub type Fingerprint = [u8; 32];

/// The library could make no certificate, or not work with it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("DTLS: {0}")]
pub struct DtlsError(String);

/// Who the relay is in DTLS: a self-signed certificate (ECDSA, P-256), made once a process.
pub struct DtlsIdentity {
    fingerprint: Fingerprint,
    client: Arc<HandshakeConfig>,
    server: Arc<HandshakeConfig>,
}

impl fmt::Debug for DtlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsIdentity").finish_non_exhaustive()
    }
}

impl DtlsIdentity {
    /// Makes a key and a certificate.
    ///
    /// # Errors
    /// [`DtlsError`] where the operating system gives no random numbers.
    pub fn generate() -> Result<Self, DtlsError> {
        let failed = |error: &dyn fmt::Display| DtlsError(error.to_string());
        let provider = rtc_crypto::default_provider().map_err(|error| failed(&error))?;
        let names = vec![NAME.to_owned()];
        let certificate =
            Certificate::generate_self_signed(names, provider.crypto()).map_err(|error| failed(&error))?;
        let der = certificate.certificate.first().ok_or_else(|| failed(&"no certificate"))?;
        let fingerprint = Sha256::digest(der).into();
        let config = |is_client| {
            ConfigBuilder::default()
                .with_crypto_provider(Arc::clone(&provider))
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(PROFILES.map(|(profile, _)| profile).to_vec())
                .with_extended_master_secret(ExtendedMasterSecretType::Request)
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                // Nobody signs these certificates: the fingerprint is checked instead, before any key is used.
                .with_insecure_skip_verify(true)
                .with_server_name(NAME.to_owned())
                .build(is_client, None)
                .map(Arc::new)
        };
        Ok(Self {
            fingerprint,
            client: config(true).map_err(|error| failed(&error))?,
            server: config(false).map_err(|error| failed(&error))?,
        })
    }

    /// What the far end is told of the certificate.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// Which side of the handshake the relay is (`a=setup`, RFC 4145).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DtlsRole {
    /// It begins: `active`.
    Client,
    /// It waits: `passive`.
    Server,
}

/// The far end of a handshake, as SDP describes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DtlsPeer {
    /// Of its certificate.
    pub fingerprint: Fingerprint,
    /// What the relay is.
    pub role: DtlsRole,
}

/// In the certificate; nobody reads it.
const NAME: &str = "trunkline";

/// What is offered, the best first (RFC 5764 §4.1.2, RFC 7714 §14.2).
const PROFILES: [(Profile, SrtpSuite); 4] = [
    (Profile::Srtp_Aead_Aes_256_Gcm, SrtpSuite::Aes256Gcm),
    (Profile::Srtp_Aead_Aes_128_Gcm, SrtpSuite::Aes128Gcm),
    (Profile::Srtp_Aes128_Cm_Hmac_Sha1_80, SrtpSuite::Aes128CmSha1_80),
    (Profile::Srtp_Aes128_Cm_Hmac_Sha1_32, SrtpSuite::Aes128CmSha1_32),
];

/// The library wants an address to tell peers apart; a leg has one peer.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// One leg's handshake.
pub(crate) struct Association {
    peer: DtlsPeer,
    endpoint: Endpoint,
    heard: u32,
    is_over: bool,
}

impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Association").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Association {
    /// With this peer; a client has its first flight to send.
    pub(crate) fn new(identity: &DtlsIdentity, now: Instant, peer: DtlsPeer) -> Self {
        let server = (peer.role == DtlsRole::Server).then(|| Arc::clone(&identity.server));
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, server);
        let is_over = peer.role == DtlsRole::Client
            && endpoint.connect(now, PEER, Arc::clone(&identity.client), None).is_err();
        Self { peer, endpoint, heard: 0, is_over }
    }

    pub(crate) const fn peer(&self) -> DtlsPeer {
        self.peer
    }

    /// Takes a datagram of the peer; the keys, when it was the last one that was missing.
    pub(crate) fn receive(&mut self, now: Instant, datagram: &[u8]) -> Option<SrtpKeys> {
        self.heard = self.heard.saturating_add(1);
        if self.is_over || self.heard > DTLS_DATAGRAMS_MAX {
            self.is_over = true;
            return None;
        }
        let Ok(events) = self.endpoint.read(now, PEER, None, BytesMut::from(datagram)) else {
            // What cannot be read may be forged; only a handshake that gives up is over.
            return None;
        };
        let is_complete = events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete));
        if !is_complete {
            return None;
        }
        let keys = self.keys();
        self.is_over = keys.is_none();
        keys
    }

    /// Repeats what was not answered.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if !self.is_over
            && self.endpoint.handle_timeout(PEER, now).is_err()
            && self.peer.role == DtlsRole::Client
        {
            self.is_over = true;
        }
    }

    /// Whether something may have to be repeated: who waits for the peer's first word has nothing yet.
    pub(crate) fn is_under_way(&self) -> bool {
        !self.is_over && (self.peer.role == DtlsRole::Client || self.heard > 0)
    }

    /// The next datagram for the peer.
    pub(crate) fn next_datagram(&mut self) -> Option<BytesMut> {
        self.endpoint.poll_transmit().map(|transmit| transmit.message)
    }

    /// The keys of the completed handshake, if the peer's certificate is the one that SDP names.
    fn keys(&self) -> Option<SrtpKeys> {
        let state = self.endpoint.get_connection_state(PEER)?;
        let shown: Fingerprint = Sha256::digest(state.peer_certificates.first()?).into();
        if !bool::from(shown.ct_eq(&self.peer.fingerprint)) {
            return None;
        }
        let profile = state.srtp_protection_profile();
        let (_, suite) = PROFILES.into_iter().find(|(known, _)| *known == profile)?;
        let length = 2 * suite.master_bytes();
        let exported = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], length).ok()?;
        // RFC 5764 §4.2: both keys, then both salts, the client's first.
        let (keys, salts) = exported.as_ref().split_at_checked(2 * suite.key_bytes())?;
        let (client_key, server_key) = keys.split_at(suite.key_bytes());
        let (client_salt, server_salt) = salts.split_at(suite.salt_bytes());
        let client = SrtpKey::new(suite, &[client_key, client_salt].concat())?;
        let server = SrtpKey::new(suite, &[server_key, server_salt].concat())?;
        Some(match self.peer.role {
            DtlsRole::Client => SrtpKeys { receive: server, send: client },
            DtlsRole::Server => SrtpKeys { receive: client, send: server },
        })
    }
}

/// Whether a datagram is DTLS by its first byte (RFC 7983 §7).
pub(crate) fn is_dtls(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| (20..=63).contains(first))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
    fn epoch() -> Instant {
        Instant::now()
    }

    /// Two ends, each with the fingerprint that it expects.
    fn shake(client_expects: Option<Fingerprint>, loses: usize) -> (Option<SrtpKeys>, Option<SrtpKeys>) {
        let (one, other) = (DtlsIdentity::generate().unwrap(), DtlsIdentity::generate().unwrap());
        let mut now = epoch();
        let expected = client_expects.unwrap_or_else(|| other.fingerprint());
        let as_client = DtlsPeer { fingerprint: expected, role: DtlsRole::Client };
        let mut client = Association::new(&one, now, as_client);
        let as_server = DtlsPeer { fingerprint: one.fingerprint(), role: DtlsRole::Server };
        let mut server = Association::new(&other, now, as_server);
        let (mut of_client, mut of_server, mut lost) = (None, None, 0);
        for _ in 0..40 {
            while let Some(datagram) = client.next_datagram() {
                assert!(is_dtls(&datagram));
                if lost < loses {
                    lost += 1;
                } else {
                    let keys = server.receive(now, &datagram);
                    of_server = of_server.or(keys);
                }
            }
            while let Some(datagram) = server.next_datagram() {
                let keys = client.receive(now, &datagram);
                of_client = of_client.or(keys);
            }
            now += Duration::from_millis(500);
            client.handle_timeout(now);
            server.handle_timeout(now);
        }
        (of_client, of_server)
    }

    #[test]
    fn both_ends_have_the_same_keys() {
        for loses in [0, 1] {
            let (client, server) = shake(None, loses);
            let (client, server) = (client.unwrap(), server.unwrap());
            assert_eq!((client.receive, client.send), (server.send, server.receive));
            assert_ne!(client.receive, client.send);
        }
    }

    #[test]
    fn another_certificate_than_sdp_names_gives_no_keys() {
        let (client, _) = shake(Some([7; 32]), 0);
        assert_eq!(client, None);
    }

    #[test]
    fn hostile_datagrams_are_limited_and_do_not_panic() {
        let identity = DtlsIdentity::generate().unwrap();
        let peer = DtlsPeer { fingerprint: [7; 32], role: DtlsRole::Server };
        let now = epoch();
        let mut server = Association::new(&identity, now, peer);
        let mut noise = 1_u32;
        for n in 0..DTLS_DATAGRAMS_MAX + 10 {
            let datagram: Vec<u8> = (0..n % 200)
                .map(|at| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if at == 0 { 22 } else { noise.to_be_bytes()[0] }
                })
                .collect();
            assert_eq!(server.receive(now, &datagram), None);
            while server.next_datagram().is_some() {}
        }
        assert!(server.is_over);
    }
}
