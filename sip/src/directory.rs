//! Who may call and who may register: the lines with their passwords, the trunks with their addresses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::quality::RandomState;
use ipnet::IpNet;

use crate::admission::AdmissionLimits;
use crate::auth::Account;
use crate::outbox::Peer;

/// A trunk that proves itself by its source address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedTrunk {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Whom calls are taken from without a challenge.
    pub allow_from: Vec<IpNet>,
}

/// All that an agent must know to say who sent a request and whether it is let in. Replaced as a whole on reload.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The lines by their digest user name.
    pub accounts: HashMap<Arc<str>, Account, RandomState>,
    /// The trunks, in the order of the configuration.
    pub trunks: Vec<TrustedTrunk>,
    /// The digest realm.
    pub realm: Arc<str>,
    /// How much they may have.
    pub limits: AdmissionLimits,
}

impl Directory {
    /// Adds a line whose user name is its own name.
    pub fn add_line(&mut self, account: Account) {
        self.accounts.insert(Arc::clone(&account.line), account);
    }

    /// Whether a peer that has proven who it is still stands here.
    pub fn knows(&self, peer: &Peer) -> bool {
        match peer {
            Peer::Line(line) => {
                self.accounts.contains_key(line)
                    || self.accounts.values().any(|account| account.line == *line)
            }
            Peer::Trunk(trunk) => self.trunks.iter().any(|known| known.name == *trunk),
        }
    }

    /// The first trunk that calls are taken from at this address.
    pub fn trunk_at(&self, source: IpAddr) -> Option<&Arc<str>> {
        let source = source.to_canonical();
        let trunk =
            self.trunks.iter().find(|trunk| trunk.allow_from.iter().any(|net| net.contains(&source)))?;
        Some(&trunk.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_trunk_that_contains_the_source_is_meant() {
        let trunk = |name: &str, nets: &[&str]| TrustedTrunk {
            name: name.into(),
            allow_from: nets.iter().map(|net| net.parse().unwrap()).collect(),
        };
        let directory = Directory {
            trunks: vec![trunk("one", &["192.0.2.0/25"]), trunk("two", &["192.0.2.0/24", "2001:db8::/32"])],
            ..Directory::default()
        };
        let at = |source: &str| directory.trunk_at(source.parse().unwrap()).map(AsRef::as_ref);
        assert_eq!(at("192.0.2.1"), Some("one"));
        assert_eq!(at("192.0.2.200"), Some("two"));
        assert_eq!(at("::ffff:192.0.2.200"), Some("two"));
        assert_eq!(at("2001:db8::9"), Some("two"));
        assert_eq!(at("198.51.100.1"), None);
    }
}
