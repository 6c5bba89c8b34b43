//! Certificates of tests: an authority, and what it signs, as files in a directory of their own.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use trunkline_sip::servers::{Host, Server};
use trunkline_sip::transport::Transport;

use super::Tls;
use crate::Config;

/// A directory with `ca.pem`; it is removed with the authority.
pub(crate) struct Authority {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("trunkline-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("Authority {number}"));
        let key = KeyPair::generate().unwrap();
        fs::write(directory.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { directory, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes `FILE.pem` and `FILE.key` for these names.
    pub(crate) fn sign(&self, file: &str, names: &[&str]) -> Certificate {
        self.sign_with(file, names, |_| {})
    }

    pub(crate) fn sign_with(
        &self,
        file: &str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Certificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.directory.join(file).with_extension("pem"), certificate.pem()).unwrap();
        fs::write(self.directory.join(file).with_extension("key"), key.serialize_pem()).unwrap();
        certificate
    }

    /// What a configuration in this directory says; every host that it names is this machine.
    pub(crate) fn config(&self, text: &str) -> Config {
        let file = self.directory.join("t.toml");
        let mut config = Config::parse(&file, text).unwrap_or_else(|errors| panic!("{errors:?}"));
        assert!(config.locate(at_home).is_empty(), "each address has one name");
        config
    }

    /// A server that shows `FILE.pem`.
    pub(crate) fn server(&self, file: &str) -> Arc<Tls> {
        self.config(&format!("[sip.tls]\ncertificate = \"{file}.pem\"\nkey = \"{file}.key\"\n")).tls
    }

    /// Somebody who goes to this port of this machine and expects this name there.
    pub(crate) fn client(&self, name: &str, port: u16) -> Arc<Tls> {
        let text = "[sip.tls]\ntrusted_ca = \"ca.pem\"\n[[trunk]]\nname = \"carrier\"\n";
        let config = self.config(&format!("{text}peer = \"tls:localhost:{port}\"\n"));
        let mut tls = (*config.tls).clone();
        for peer in tls.peers.values_mut() {
            peer.name = name.to_owned().try_into().unwrap();
        }
        Arc::new(tls)
    }
}

/// What a name server would say whose only host is this machine.
pub(crate) fn at_home(host: &Host) -> Vec<Server> {
    let transport = host.transport.unwrap_or(Transport::Udp);
    let port = host.port.unwrap_or_else(|| transport.default_port());
    let addresses = vec![(Ipv4Addr::LOCALHOST, port).into()];
    vec![Server { transport, priority: 0, weight: 0, addresses }]
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}
