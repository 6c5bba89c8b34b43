//! Who may call and who may register: the lines with their passwords, the trunks with their addresses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::quality::RandomState;
use ipnet::IpNet;
use regex::Regex;

use crate::admission::AdmissionLimits;
use crate::auth::{Account, Algorithm, Credentials, known_by};
use crate::outbox::Peer;

/// A trunk: by its source address it proves itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedTrunk {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Whom calls are taken from without a challenge.
    pub allow_from: Vec<IpNet>,
}

/// When provisional responses are sent reliably (RFC 3262).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Reliability {
    /// Where the peer requires it.
    #[default]
    Required,
    /// Wherever the peer lists it, and what calls it says that we know them.
    Supported,
}

impl Reliability {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Required, Self::Supported];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Supported => "supported",
        }
    }
}

/// All that an agent must know to say who sent a request and whether it is let in. Replaced as a whole on reload.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The lines by their digest user name.
    pub accounts: HashMap<Arc<str>, Account, RandomState>,
    /// What lines are challenged with, and how many of them: kept by [`Self::add_line`].
    pub challenged: Vec<(Arc<[Algorithm]>, usize)>,
    /// Phones by their User-Agent, and what they are challenged with as far as their line allows it: the first row that fits counts.
    pub digests: Vec<(Regex, Vec<Algorithm>)>,
    /// The trunks that may prove themselves by a password, too, from wherever they call: the account of each by its digest user name,
    /// which is no line's. Its `line` is the name of the trunk, which is no line's either.
    pub trunk_accounts: HashMap<Arc<str>, Account, RandomState>,
    /// The trunks, in the order of the configuration.
    pub trunks: Vec<TrustedTrunk>,
    /// The domains by which each trunk is known from anywhere, in the order of `trunks`: who has proven one of them by a certificate is the
    /// trunk. Empty, and where it is left out: none.
    pub certificates: Vec<Vec<Box<str>>>,
    /// The hosts that calls to each trunk go to, in the order of `trunks`.
    pub peers: Vec<Vec<IpAddr>>,
    /// The user part of Contact by which each trunk is registered at its peers, in the order of `trunks`; `None`, and where it is
    /// left out: it does not register. What comes from a peer of one that does is the trunk's. Empty: a block of numbers is.
    pub contacts: Vec<Option<Arc<str>>>,
    /// When provisional responses of and to each trunk are reliable, in the order of `trunks`. One that is left out, and any line:
    /// [`Reliability::Required`].
    pub reliable: Vec<Reliability>,
    /// The trunk that is heard when it tells of messages without being asked.
    pub voicemail: Option<Arc<str>>,
    /// The digest realm.
    pub realm: Arc<str>,
    /// How much they may have.
    pub limits: AdmissionLimits,
}

impl Directory {
    /// Adds a line whose user name is its own name.
    pub fn add_line(&mut self, account: Account) {
        let algorithms = Arc::clone(&account.algorithms);
        if self.accounts.insert(Arc::clone(&account.line), account).is_some() {
            return;
        }
        match self.challenged.iter_mut().find(|(known, _)| *known == algorithms) {
            Some((_, lines)) => *lines += 1,
            None => self.challenged.push((algorithms, 1)),
        }
    }

    /// The account of a digest user name.
    pub(crate) fn account_of(&self, user: &str) -> Option<&Account> {
        self.accounts.get(user).or_else(|| self.trunk_accounts.get(user))
    }

    /// What a line's own phones know as well.
    pub(crate) fn credentials_of(&self, line: &str) -> Option<Credentials> {
        // Most lines have their own name for a user name.
        let own = self.accounts.get_key_value(line).filter(|(_, account)| *account.line == *line);
        let found = own.or_else(|| self.accounts.iter().find(|(_, account)| *account.line == *line));
        found.map(|(username, account)| Credentials {
            username: Arc::clone(username),
            password: Arc::clone(&account.password),
            realm: None,
        })
    }

    /// Who has proven himself who knows the password of this account: no line and trunk have one name.
    pub(crate) fn owner_of(&self, account: Arc<str>) -> Peer {
        let is_trunk = self.trunk_accounts.values().any(|of_trunk| of_trunk.line == account);
        if is_trunk { Peer::Trunk(account) } else { Peer::Line(account) }
    }

    /// What a user is challenged with. One who does not exist is challenged as some line is, each kind as often as lines have
    /// it: so the challenge tells nobody which users exist. `draw` is a number that is the user's own and cannot be foretold.
    pub fn algorithms_of(&self, user: &str, draw: u64) -> &[Algorithm] {
        if let Some(account) = self.accounts.get(user) {
            return &account.algorithms;
        }
        let mut place = draw % self.accounts.len().max(1) as u64;
        for (algorithms, lines) in &self.challenged {
            match place.checked_sub(*lines as u64) {
                Some(rest) => place = rest,
                None => return algorithms,
            }
        }
        &ALGORITHMS
    }

    /// What is said of phones with this User-Agent.
    pub(crate) fn digest_said_of(&self, user_agent: &str) -> Option<&[Algorithm]> {
        let name = known_by(user_agent);
        let row = self.digests.iter().find(|(pattern, _)| pattern.is_match(name));
        row.map(|(_, algorithms)| algorithms.as_slice())
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

    /// Whether two addresses are those of one peer: the same host, or hosts of one trunk. A network of /0 makes nobody one.
    pub fn is_same_peer(&self, one: IpAddr, other: IpAddr) -> bool {
        let (one, other) = (one.to_canonical(), other.to_canonical());
        one == other || (0..self.trunks.len()).any(|place| self.is_of(place, one) && self.is_of(place, other))
    }

    /// Whether an address is that of a host of the trunk in this place. A network of /0 is none.
    fn is_of(&self, place: usize, address: IpAddr) -> bool {
        let is_called = self.peers.get(place).is_some_and(|peers| peers.contains(&address));
        let allowed = &self.trunks[place].allow_from;
        is_called || allowed.iter().any(|net| net.prefix_len() > 0 && net.contains(&address))
    }

    /// When provisional responses to a peer that calls are reliable.
    pub fn reliability_of(&self, peer: &Peer) -> Reliability {
        let place = match peer {
            Peer::Line(_) => None,
            Peer::Trunk(name) => self.trunks.iter().position(|trunk| trunk.name == *name),
        };
        self.reliability(place)
    }

    /// When those of a host that is called are.
    pub fn reliability_at(&self, address: IpAddr) -> Reliability {
        // Where no trunk has said anything, nobody need be found.
        if self.reliable.iter().all(|known| *known == Reliability::Required) {
            return Reliability::Required;
        }
        let address = address.to_canonical();
        self.reliability((0..self.trunks.len()).find(|place| self.is_of(*place, address)))
    }

    fn reliability(&self, place: Option<usize>) -> Reliability {
        place.and_then(|place| self.reliable.get(place)).copied().unwrap_or_default()
    }

    /// The first trunk that calls are taken from at this address; else the first that is registered there.
    pub fn trunk_at(&self, source: IpAddr) -> Option<&Arc<str>> {
        let source = source.to_canonical();
        let allowed =
            self.trunks.iter().find(|trunk| trunk.allow_from.iter().any(|net| net.contains(&source)));
        let registered = || {
            let mut places = (0..self.contacts.len()).filter(|place| self.contacts[*place].is_some());
            places.find(|place| self.is_of(*place, source)).and_then(|place| self.trunks.get(place))
        };
        Some(&allowed.or_else(registered)?.name)
    }

    /// The same for a request to this user: of several trunks at one address the one is meant that is registered there by that
    /// name.
    pub fn trunk_for(&self, source: IpAddr, user: &str) -> Option<&Arc<str>> {
        let address = source.to_canonical();
        let is_named = |place: &usize| self.contacts[*place].as_deref() == Some(user);
        let mut places = (0..self.contacts.len().min(self.trunks.len())).filter(is_named);
        let named = places.find(|place| self.is_of(*place, address));
        named.map(|place| &self.trunks[place].name).or_else(|| self.trunk_at(source))
    }

    /// The trunk that one of these domains is, as certificates have them.
    pub fn trunk_of_domains(&self, domains: &[Box<str>]) -> Option<&Arc<str>> {
        let is_one = |own: &str| domains.iter().any(|domain| domain.eq_ignore_ascii_case(own));
        let place = self.certificates.iter().position(|all| all.iter().any(|own| is_one(own)))?;
        self.trunks.get(place).map(|trunk| &trunk.name)
    }

    /// Whether this is the user part by which the trunk is registered.
    pub fn is_contact_of(&self, trunk: &str, user: &str) -> bool {
        let place = self.trunks.iter().position(|known| *known.name == *trunk);
        let contact = place.and_then(|place| self.contacts.get(place)?.as_deref());
        contact == Some(user)
    }
}

/// What everybody is challenged with where there is no line.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_exist_is_challenged_as_lines_are() {
        let mut directory = Directory::default();
        assert_eq!(directory.algorithms_of("9999", 7), ALGORITHMS);
        for (line, algorithms) in [
            ("1001", &[Algorithm::Md5][..]),
            ("1002", &ALGORITHMS[..]),
            ("1003", &ALGORITHMS[..]),
            ("1003", &ALGORITHMS[..]),
        ] {
            directory.add_line(Account {
                line: line.into(),
                password: "secret".into(),
                algorithms: algorithms.into(),
            });
        }
        assert_eq!(
            directory.algorithms_of("1001", 1),
            [Algorithm::Md5],
            "a line has its own whatever is drawn"
        );
        let drawn = (0..9).map(|draw| directory.algorithms_of("9999", draw).len());
        assert_eq!(drawn.collect::<Vec<_>>(), [1, 2, 2, 1, 2, 2, 1, 2, 2]);
    }

    #[test]
    fn the_first_row_that_fits_says_what_a_phone_is_challenged_with() {
        let row = |pattern: &str, digest: &[Algorithm]| (Regex::new(pattern).unwrap(), digest.to_vec());
        let digests = vec![row("^Acme 9", &ALGORITHMS), row("^Acme", &ALGORITHMS[1..])];
        let directory = Directory { digests, ..Directory::default() };
        assert_eq!(directory.digest_said_of("Acme 9.1"), Some(&ALGORITHMS[..]));
        assert_eq!(directory.digest_said_of("Acme 8"), Some(&ALGORITHMS[1..]));
        assert_eq!(directory.digest_said_of("Yealink"), None);
    }

    #[test]
    fn hosts_of_one_trunk_are_one_peer() {
        let trunk = |nets: &[&str]| TrustedTrunk {
            name: "one".into(),
            allow_from: nets.iter().map(|net| net.parse().unwrap()).collect(),
        };
        let trunks = vec![trunk(&["192.0.2.0/25", "2001:db8::/32"]), trunk(&["192.0.2.128/25", "0.0.0.0/0"])];
        let peers = vec![vec!["203.0.113.1".parse().unwrap()]];
        let directory = Directory { trunks, peers, ..Directory::default() };
        let is_same =
            |one: &str, other: &str| directory.is_same_peer(one.parse().unwrap(), other.parse().unwrap());
        assert!(is_same("192.0.2.1", "::ffff:192.0.2.2") && is_same("192.0.2.1", "2001:db8::1"));
        assert!(is_same("198.51.100.1", "198.51.100.1") && is_same("203.0.113.1", "192.0.2.1"));
        assert!(!is_same("192.0.2.1", "192.0.2.200"), "another trunk");
        assert!(!is_same("192.0.2.200", "198.51.100.1"), "everybody is nobody");
    }

    #[test]
    fn a_trunk_that_registers_is_known_by_its_peers_and_by_the_name_it_has_there() {
        let trunk = |name: &str, nets: &[&str]| TrustedTrunk {
            name: name.into(),
            allow_from: nets.iter().map(|net| net.parse().unwrap()).collect(),
        };
        let host = |text: &str| -> IpAddr { text.parse().unwrap() };
        let directory = Directory {
            trunks: vec![
                trunk("plain", &[]),
                trunk("one", &[]),
                trunk("two", &[]),
                trunk("net", &["192.0.2.9/32"]),
            ],
            peers: vec![
                vec![host("192.0.2.7")],
                vec![host("192.0.2.1")],
                vec![host("192.0.2.1")],
                Vec::new(),
            ],
            contacts: vec![None, Some("4930".into()), Some("4940".into())],
            ..Directory::default()
        };
        let for_user = |source: &str, user: &str| directory.trunk_for(host(source), user).map(AsRef::as_ref);
        assert_eq!(for_user("192.0.2.1", "4940"), Some("two"));
        assert_eq!(for_user("::ffff:192.0.2.1", "4930"), Some("one"));
        assert_eq!(for_user("192.0.2.1", "30123"), Some("one"), "the first that is registered there");
        assert_eq!(for_user("192.0.2.2", "4940"), None, "whoever knows the name is nobody elsewhere");
        assert_eq!(for_user("192.0.2.7", "4930"), None, "a peer that is only called is not taken calls from");
        assert_eq!(for_user("192.0.2.9", "4940"), Some("net"));
        assert!(directory.is_contact_of("two", "4940") && !directory.is_contact_of("one", "4940"));
        assert!(!directory.is_contact_of("net", "") && !directory.is_contact_of("nobody", "4940"));
    }

    #[test]
    fn a_certificate_is_the_trunk_that_names_its_domain() {
        let trunk = |name: &str| TrustedTrunk { name: name.into(), allow_from: Vec::new() };
        let directory = Directory {
            trunks: vec![trunk("plain"), trunk("one"), trunk("two")],
            certificates: vec![
                Vec::new(),
                vec!["sip.carrier.example".into(), "sbc.carrier.example".into()],
                vec!["two.example".into()],
            ],
            ..Directory::default()
        };
        let of = |domains: &[&str]| {
            let domains: Vec<Box<str>> = domains.iter().map(|domain| (*domain).into()).collect();
            directory.trunk_of_domains(&domains).map(AsRef::as_ref)
        };
        assert_eq!(of(&["other.example", "SBC.Carrier.example"]), Some("one"));
        assert_eq!(of(&["two.example"]), Some("two"));
        assert_eq!(of(&["carrier.example"]), None, "not what is above it");
        assert_eq!(of(&["x.sip.carrier.example"]), None, "nor below");
        assert_eq!(of(&[]), None);
    }

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
