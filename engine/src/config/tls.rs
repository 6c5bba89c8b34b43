//! `[sip.tls]`: what the engine shows who comes by TLS, and whom it takes for whom where it goes by TLS itself.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use toml::Spanned;

use super::certificate::not_after_unix_s;
use super::error::Report;
use super::section::Section;

/// What handshakes of TLS need.
#[derive(Clone, Default)]
pub struct Tls {
    /// What who comes is shown and asked for; `None`: nobody can come.
    pub server: Option<Arc<ServerConfig>>,
    /// The same for who is asked for no certificate: a phone that fetches its configuration has none yet.
    pub door: Option<Arc<ServerConfig>>,
    /// How the engine goes to servers that audio is forked to; `None`: by TLS to none.
    pub forks: Option<Arc<ClientConfig>>,
    /// Who is at an address that the engine goes to, as far as names are resolved. Nobody else is dialled by TLS.
    pub peers: HashMap<SocketAddr, TlsPeer>,
    /// The engine's own certificates.
    pub chains: Vec<Chain>,
}

/// Whom the engine expects at an address.
#[derive(Clone)]
pub struct TlsPeer {
    /// The name that its certificate must have.
    pub name: ServerName<'static>,
    /// Who may have signed that, and what it is shown itself.
    pub client: Arc<ClientConfig>,
}

/// A certificate of the engine, with those that it is signed by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    /// The file, as it is named.
    pub file: String,
    /// Until when it holds, since the Unix epoch.
    pub not_after: Duration,
}

/// What there is to say of a certificate that ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ending {
    /// For a person.
    pub text: String,
    /// Whether it is over: every handshake fails.
    pub is_over: bool,
}

impl Tls {
    /// The certificates that have ended, or will within 14 days. `now` is the time since the Unix epoch.
    pub fn endings(&self, now: Duration) -> Vec<Ending> {
        let ending = |chain: &Chain| {
            let file = &chain.file;
            let Some(left) = chain.not_after.checked_sub(now) else {
                return Some(Ending { text: format!("the certificate {file} has expired"), is_over: true });
            };
            (left < ENDING).then(|| {
                let days = left.as_secs() / 86_400;
                Ending { text: format!("the certificate {file} expires in {days} days"), is_over: false }
            })
        };
        self.chains.iter().filter_map(ending).collect()
    }
}

impl TlsPeer {
    /// Whether a connection to one is as good as to the other.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.client, &other.client)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.peers.iter().map(|(address, peer)| (address, &peer.name)).collect();
        f.debug_struct("Tls").field("chains", &self.chains).field("peers", &names).finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsPeer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is read of TLS, while the trunks are still to come.
pub(super) struct Sealing {
    provider: Arc<CryptoProvider>,
    tls: Tls,
    /// Whether a certificate is named, good or not.
    is_server: bool,
    /// `None`: `trusted_ca` is not written, or wrong.
    authorities: Option<Arc<RootCertStore>>,
    /// Who shows nothing to whom he goes.
    anonymous: Option<Arc<ClientConfig>>,
    is_authority_wrong: bool,
    /// Whether who comes is asked for a certificate, signed by somebody good or not.
    asks_clients: bool,
    /// The domains that are a trunk each.
    domains: HashSet<String>,
}

/// A certificate with its key.
pub(super) struct Identity {
    certified: Arc<CertifiedKey>,
    chain: Chain,
}

impl Sealing {
    /// Reads `[sip.tls]`.
    pub(super) fn read(section: Section<'_>) -> Self {
        let provider = Arc::new(default_provider());
        let is_server = section.has("certificate");
        let (certified, chains): (Vec<_>, _) =
            identities(&section, &provider).into_iter().map(|own| (own.certified, own.chain)).unzip();
        let verifier = verifier(&section);
        let asks_clients = !matches!(verifier, Verifier::Nobody);
        let named = section.string("trusted_ca");
        let is_named = section.has("trusted_ca");
        let authorities = named.and_then(|value| authorities(&section, "trusted_ca", &value));
        section.close();
        let door = server(certified.clone(), Verifier::Nobody, &provider);
        let server = server(certified, verifier, &provider);
        Self {
            provider,
            tls: Tls { server, door, forks: None, peers: HashMap::new(), chains },
            is_server,
            is_authority_wrong: is_named && authorities.is_none(),
            authorities,
            anonymous: None,
            asks_clients,
            domains: HashSet::new(),
        }
    }

    /// Whether a listener has something to show.
    pub(super) const fn is_server(&self) -> bool {
        self.is_server
    }

    /// Whether who comes can prove a domain by a certificate.
    pub(super) const fn asks_clients(&self) -> bool {
        self.asks_clients
    }

    /// Notes a domain as that of a trunk; `false`: it is another one's.
    pub(super) fn take_domain(&mut self, domain: &str) -> bool {
        self.domains.insert(domain.to_owned())
    }

    /// What a listener of its own shows: the certificate of this table, if it names one.
    pub(super) fn alone(&mut self, section: &Section<'_>) -> Option<Arc<ServerConfig>> {
        let own = identity(section, "certificate", "key")?;
        self.note(&own);
        server(vec![own.certified], Verifier::Nobody, &self.provider)
    }

    /// Has the end of a certificate be told.
    fn note(&mut self, own: &Identity) {
        if !self.tls.chains.contains(&own.chain) {
            self.tls.chains.push(own.chain.clone());
        }
    }

    /// Whom the engine expects behind this host, and what it shows there.
    pub(super) fn expect(
        &self,
        section: &Section<'_>,
        host: &str,
        client: &Arc<ClientConfig>,
    ) -> Option<TlsPeer> {
        if host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() {
            let right = "write the name that the peer's certificate has";
            section.refuse_key("peer", &format!("{host} is an address: no certificate proves one"), right);
            return None;
        }
        let Ok(name) = ServerName::try_from(host.to_owned()) else {
            section.refuse_key("peer", &format!("{host:?} is no name of a certificate"), "write a host name");
            return None;
        };
        Some(TlsPeer { name, client: Arc::clone(client) })
    }

    /// All of it.
    pub(super) fn finish(self) -> Tls {
        self.tls
    }

    /// Lets audio be forked by TLS, to servers whose certificate is good: the engine shows them none.
    pub(super) fn trust_fork_servers(&mut self, section: &Section<'_>, key: &'static str) {
        self.tls.forks = self.client(section, key, None);
    }

    /// How the engine begins handshakes with those that a key names, the peers of one trunk for example.
    pub(super) fn client(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        identity: Option<&Identity>,
    ) -> Option<Arc<ClientConfig>> {
        if let Some(identity) = identity {
            self.note(identity);
        }
        if let (None, Some(anonymous)) = (identity, &self.anonymous) {
            return Some(Arc::clone(anonymous));
        }
        let authorities = self.authorities(section, key)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .expect("ring has the ciphers of both versions")
            .with_root_certificates(authorities);
        let Some(identity) = identity else {
            let client = Arc::new(builder.with_no_client_auth());
            self.anonymous = Some(Arc::clone(&client));
            return Some(client);
        };
        let own = SingleCertAndKey::from(Arc::clone(&identity.certified));
        Some(Arc::new(builder.with_client_cert_resolver(Arc::new(own))))
    }

    /// Whether anybody is known who could sign for a trunk.
    pub(super) fn knows_authorities(&mut self, section: &Section<'_>) -> bool {
        self.look_for_authorities(section);
        self.authorities.is_some()
    }

    fn look_for_authorities(&mut self, section: &Section<'_>) {
        if self.authorities.is_none() && !self.is_authority_wrong {
            let files = SYSTEM_AUTHORITIES.iter().map(|file| trusted(section.report(), file));
            self.authorities = files.flatten().next();
        }
    }

    /// Those of `trusted_ca`, else those of this machine.
    fn authorities(&mut self, section: &Section<'_>, key: &'static str) -> Option<Arc<RootCertStore>> {
        self.look_for_authorities(section);
        if self.authorities.is_none() && !self.is_authority_wrong {
            self.is_authority_wrong = true;
            let right = "write [sip.tls] trusted_ca = \"FILE\", the authorities that sign for whom you call";
            section.refuse_key(key, "no authority is known that could sign its certificate", right);
        }
        self.authorities.clone()
    }
}

/// Reads the certificate and key that these two keys name, of which there is either both or none.
pub(super) fn identity(
    section: &Section<'_>,
    certificate: &'static str,
    key: &'static str,
) -> Option<Identity> {
    match (section.string(certificate), section.string(key)) {
        (Some(chain), Some(private)) => {
            Identity::read(section, [(certificate, &chain), (key, &private)], &default_provider())
        }
        (Some(_), None) if !section.has(key) => {
            section.missing(key, format!("{certificate} stands without it"));
            None
        }
        (None, Some(_)) if !section.has(certificate) => {
            section.missing(certificate, format!("{key} stands without it"));
            None
        }
        (Some(_) | None, None) | (None, Some(_)) => None,
    }
}

fn identities(section: &Section<'_>, provider: &CryptoProvider) -> Vec<Identity> {
    let certificates = section.string_or_strings("certificate").unwrap_or_default();
    let keys = section.string_or_strings("key").unwrap_or_default();
    if certificates.len() > CERTIFICATES_MAX {
        let right = format!("write {CERTIFICATES_MAX} at most");
        section.refuse_key("certificate", &format!("names {} files", certificates.len()), &right);
        return Vec::new();
    }
    if certificates.len() != keys.len() {
        let wrong = format!("names {} files for {} certificates", keys.len(), certificates.len());
        section.refuse_key("key", &wrong, "write one for each certificate, in the same order");
        return Vec::new();
    }
    let read =
        |(chain, private)| Identity::read(section, [("certificate", chain), ("key", private)], provider);
    certificates.iter().zip(&keys).filter_map(read).collect()
}

impl Identity {
    fn read(
        section: &Section<'_>,
        [(certificate_key, chain), (private_key, private)]: [(&'static str, &Spanned<&str>); 2],
        provider: &CryptoProvider,
    ) -> Option<Self> {
        let file = *chain.get_ref();
        let right = "name a PEM file: the engine's own certificate first, then those that sign it";
        let certificates = match certificates(section.report(), file) {
            Ok(certificates) => certificates,
            Err(wrong) => {
                section.refuse(certificate_key, chain, format!("{file} {wrong}"), right);
                return None;
            }
        };
        let not_after = certificates.first().and_then(|leaf| not_after_unix_s(leaf));
        let Some(not_after) = not_after else {
            section.refuse(certificate_key, chain, format!("{file} holds no certificate"), right);
            return None;
        };
        let key = read(section.report(), private.get_ref())
            .and_then(|text| PrivateKeyDer::from_pem_slice(&text).map_err(|_| "holds no key".to_owned()));
        let right = "name the PEM file of the certificate's key, which the daemon may read";
        let key = match key {
            Ok(key) => key,
            Err(wrong) => {
                section.refuse(private_key, private, format!("{} {wrong}", private.get_ref()), right);
                return None;
            }
        };
        match CertifiedKey::from_der(certificates, key, provider) {
            Ok(certified) => {
                let not_after = Duration::from_secs(u64::try_from(not_after).unwrap_or_default());
                Some(Self {
                    certified: Arc::new(certified),
                    chain: Chain { file: file.to_owned(), not_after },
                })
            }
            Err(error) => {
                let wrong = format!("{} does not fit {file}: {error}", private.get_ref());
                section.refuse(private_key, private, wrong, right);
                None
            }
        }
    }
}

/// How clients prove themselves by certificates.
enum Verifier {
    Nobody,
    /// Something is wrong with those who would sign.
    Broken,
    /// Whoever shows one, or everybody.
    Signed {
        authorities: Arc<RootCertStore>,
        is_required: bool,
    },
}

fn verifier(section: &Section<'_>) -> Verifier {
    let ca = section.string("client_ca");
    let asks = section.string("client_certificates");
    let is_required = match asks.as_ref().map(|asks| *asks.get_ref()) {
        None => false,
        Some("off") => return Verifier::Nobody,
        Some("accept") => false,
        Some("require") => true,
        Some(other) => {
            let asks = asks.as_ref().expect("it was matched");
            let right = "write \"off\", \"accept\" or \"require\"";
            section.refuse("client_certificates", asks, format!("{other:?} asks for nothing"), right);
            false
        }
    };
    let Some(ca) = ca else {
        if asks.is_some() && !section.has("client_ca") {
            section.missing("client_ca", "client_certificates asks for what it signs");
            return Verifier::Broken;
        }
        return if section.has("client_ca") { Verifier::Broken } else { Verifier::Nobody };
    };
    match authorities(section, "client_ca", &ca) {
        Some(authorities) => Verifier::Signed { authorities, is_required },
        None => Verifier::Broken,
    }
}

fn server(
    certified: Vec<Arc<CertifiedKey>>,
    verifier: Verifier,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<ServerConfig>> {
    if certified.is_empty() {
        return None;
    }
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of both versions");
    let builder = match verifier {
        Verifier::Nobody | Verifier::Broken => builder.with_no_client_auth(),
        Verifier::Signed { authorities, is_required } => {
            let verifier = WebPkiClientVerifier::builder_with_provider(authorities, Arc::clone(provider));
            let verifier = if is_required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build().expect("there is an authority, and no list"))
        }
    };
    let mut server = builder.with_cert_resolver(Arc::new(Certificates(certified)));
    // Sessions are the clients' to keep: nothing of them grows here.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    if let Ok(ticketer) = Ticketer::new() {
        server.ticketer = ticketer;
        server.send_tls13_tickets = 1;
    }
    Some(Arc::new(server))
}

/// Which of the certificates is shown: one that has the name asked for, with a key that the client understands.
#[derive(Debug)]
struct Certificates(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let is_named = |own: &CertifiedKey| {
            let leaf = own.end_entity_cert().and_then(ParsedCertificate::try_from);
            leaf.is_ok_and(|leaf| name.as_ref().is_some_and(|name| verify_server_name(&leaf, name).is_ok()))
        };
        let understood = |own: &CertifiedKey| own.key.choose_scheme(hello.signature_schemes()).is_some();
        let Self(all) = self;
        // Of equals the first.
        all.iter().rev().max_by_key(|own| (understood(own), is_named(own))).cloned()
    }
}

fn authorities(
    section: &Section<'_>,
    key: &'static str,
    value: &Spanned<&str>,
) -> Option<Arc<RootCertStore>> {
    let file = *value.get_ref();
    match trusted(section.report(), file) {
        Ok(store) => Some(store),
        Err(wrong) => {
            let right = "name a PEM file of the authorities' own certificates";
            section.refuse(key, value, format!("{file} {wrong}"), right);
            None
        }
    }
}

fn trusted(report: &Report<'_>, file: &str) -> Result<Arc<RootCertStore>, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates(report, file)?);
    if store.is_empty() { Err("holds no certificate".to_owned()) } else { Ok(Arc::new(store)) }
}

fn certificates(report: &Report<'_>, file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(report, file)?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    certificates.map_err(|error| format!("is no PEM file: {error}"))
}

fn read(report: &Report<'_>, file: &str) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let read = report.open(file).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text));
    read.map(|_| text).map_err(|error| format!("cannot be read: {error}"))
}

/// From when on an end is told.
const ENDING: Duration = Duration::from_secs(14 * 86_400);

/// Certificates of the engine, one of which is chosen for each handshake.
const CERTIFICATES_MAX: usize = 16;

/// How much of a PEM file is read: ten times what a machine trusts.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Where distributions keep the authorities that a machine trusts.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
