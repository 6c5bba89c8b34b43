//! What name servers say of the hosts that a configuration names.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;
use trunkline_sip::servers::{Host, Server};
use trunkline_sip::transport::Transport;

use super::{Config, PeerPlace, Tls, TlsPeer, Trunk, TrunkPeer};
use crate::switch::setup::RedirectPlace;

impl Config {
    /// The hosts whose servers are wanted.
    pub fn hosts(&self) -> BTreeSet<Host> {
        let peers = self.trunks.iter().flat_map(|trunk| &trunk.written);
        let peers = peers.filter_map(|peer| match &peer.place {
            PeerPlace::Host(host) => Some(host.clone()),
            PeerPlace::Address(..) => None,
        });
        let places = self.trunks.iter().flat_map(|trunk| &trunk.redirect_to);
        let places = places.filter_map(|place| match place {
            RedirectPlace::Host(name, _) => Some(any_port(name)),
            RedirectPlace::Network(_) => None,
        });
        peers.chain(places).collect()
    }

    /// Puts these servers in the place of the hosts: none where nobody knows them. Returns the addresses that stand for two names which
    /// TLS would have to prove; such an address is that of the first trunk alone.
    pub fn locate(&mut self, mut servers: impl FnMut(&Host) -> Vec<Server>) -> Vec<SocketAddr> {
        let mut names = HashMap::new();
        let mut doubtful = Vec::new();
        for trunk in &mut self.trunks {
            trunk.servers = trunk
                .written
                .iter()
                .map(|peer| found(peer, &mut servers, &mut names, &mut doubtful))
                .collect();
            bound(&mut trunk.servers);
            let all = trunk.servers.iter().flatten();
            let addresses = all.flat_map(|server| server.addresses.iter().map(|at| (server.transport, *at)));
            let mut seen = BTreeSet::new();
            trunk.peers = addresses.filter(|place| seen.insert(*place)).collect();
            for place in &mut trunk.redirect_to {
                if let RedirectPlace::Host(name, addresses) = place {
                    let found = servers(&any_port(name)).into_iter().flat_map(|server| server.addresses);
                    *addresses = found.map(|address| address.ip()).collect();
                }
            }
        }
        if self.tls.peers.len() != names.len() || names.iter().any(|(at, peer)| !self.tls.is_at(*at, peer)) {
            self.tls = Arc::new(Tls { peers: names, ..(*self.tls).clone() });
        }
        doubtful
    }

    /// Whether the engine can send by IPv4, and by IPv6: whether it listens there.
    pub fn families(&self) -> (bool, bool) {
        let listens = |is_ipv4| self.sip.listen.iter().any(|(_, address)| address.is_ipv4() == is_ipv4);
        (listens(true), listens(false))
    }
}

impl Trunk {
    /// Whom calls are taken from without a challenge.
    pub fn sources(&self) -> Vec<IpNet> {
        let peers = self.peers.iter().filter(|_| self.allows_peers);
        let peers = peers.map(|(_, address)| IpNet::from(address.ip().to_canonical()));
        self.allow_from.iter().copied().chain(peers).collect()
    }
}

impl Tls {
    fn is_at(&self, address: SocketAddr, peer: &TlsPeer) -> bool {
        self.peers.get(&address).is_some_and(|known| known.is(peer))
    }
}

/// The servers of one peer. What is reached by TLS must have a name, and an address has one name only.
fn found(
    peer: &TrunkPeer,
    servers: &mut impl FnMut(&Host) -> Vec<Server>,
    names: &mut HashMap<SocketAddr, TlsPeer>,
    doubtful: &mut Vec<SocketAddr>,
) -> Vec<Server> {
    let mut found = match &peer.place {
        PeerPlace::Address(transport, address) => {
            let (transport, addresses) = (*transport, vec![*address]);
            return vec![Server { transport, priority: 0, weight: 0, addresses }];
        }
        PeerPlace::Host(host) => servers(host),
    };
    for server in found.iter_mut().filter(|server| server.transport == Transport::Tls) {
        server.addresses.retain(|address| {
            let Some(expected) = &peer.tls else { return false };
            let is_right = names.entry(*address).or_insert_with(|| expected.clone()).is(expected);
            if !is_right {
                doubtful.push(*address);
            }
            is_right
        });
    }
    found.retain(|server| !server.addresses.is_empty());
    found
}

/// Leaves so many addresses to a trunk, those of its first peers, and of each peer those of the lowest priorities.
fn bound(servers: &mut [Vec<Server>]) {
    let mut left = PLACES_MAX;
    for peer in servers {
        peer.sort_by_key(|server| server.priority);
        for server in peer.iter_mut() {
            server.addresses.truncate(left);
            left -= server.addresses.len();
        }
        peer.retain(|server| !server.addresses.is_empty());
    }
}

/// A host that is known by its addresses.
fn any_port(name: &str) -> Host {
    Host { name: name.to_owned(), transport: None, port: Some(PORT) }
}

/// Addresses of one trunk, whatever name servers say.
const PLACES_MAX: usize = 64;

/// A port that stands for every port.
const PORT: u16 = 5060;
