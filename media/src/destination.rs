//! Where media may be sent at all: not to groups, not to nobody, not to the engine itself.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use crate::limits::LOWEST_PORT;

/// What is refused as a destination, whatever SDP or a packet's source says.
///
/// Ports below [`LOWEST_PORT`], multicast, broadcast, unspecified and reserved addresses are always refused. The engine's own
/// ports are refused on its own addresses, for two legs that name each other's ports would forward one packet for ever.
#[derive(Clone, Debug, Default)]
pub struct Destinations {
    own_addresses: Vec<IpAddr>,
    own_ports: Vec<RangeInclusive<u16>>,
}

impl Destinations {
    /// Destinations of an engine that has these addresses and listens on these ports (media range, SIP, HTTP).
    /// Loopback addresses count as its own without being named.
    pub fn of_engine(
        own_addresses: impl IntoIterator<Item = IpAddr>,
        own_ports: impl IntoIterator<Item = RangeInclusive<u16>>,
    ) -> Self {
        Self {
            own_addresses: own_addresses.into_iter().map(|address| address.to_canonical()).collect(),
            own_ports: own_ports.into_iter().collect(),
        }
    }

    /// Whether media may be sent to the address.
    pub fn permit(&self, to: SocketAddr) -> bool {
        let ip = to.ip().to_canonical();
        to.port() >= LOWEST_PORT
            && is_unicast(ip)
            && !(self.is_own_port(to.port()) && self.is_own_address(ip))
    }

    fn is_own_port(&self, port: u16) -> bool {
        self.own_ports.iter().any(|ports| ports.contains(&port))
    }

    fn is_own_address(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.own_addresses.contains(&ip)
    }
}

fn is_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] != 0 && ip.octets()[0] < 224,
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    }
}

/// Whether the address means the same host or link wherever it is said, and so says nothing when a stranger says it.
pub(crate) fn is_local_only(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

/// Whether the address is one of a private network, which behind NAT is another network than ours.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || (ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(to: &str) -> bool {
        let own = ["203.0.113.5".parse().unwrap(), "2001:db8::5".parse().unwrap()];
        Destinations::of_engine(own, [5_060..=5_061, 20_000..=29_999]).permit(to.parse().unwrap())
    }

    #[test]
    fn hosts_are_permitted_also_on_loopback() {
        for to in
            ["198.51.100.7:4000", "203.0.113.5:4000", "127.0.0.1:4000", "[::1]:4000", "198.51.100.7:20000"]
        {
            assert!(permits(to), "{to}");
        }
    }

    #[test]
    fn groups_and_nobody_are_refused() {
        for to in [
            "0.0.0.0:4000",
            "0.1.2.3:4000",
            "224.0.0.1:4000",
            "239.1.1.1:4000",
            "240.0.0.1:4000",
            "255.255.255.255:4000",
            "[::]:4000",
            "[ff02::1]:4000",
            "[::ffff:224.0.0.1]:4000",
            "[::ffff:0.0.0.0]:4000",
            "198.51.100.7:0",
            "198.51.100.7:53",
        ] {
            assert!(!permits(to), "{to}");
        }
    }

    #[test]
    fn the_engine_itself_is_refused_in_every_spelling() {
        for to in [
            "203.0.113.5:20000",
            "203.0.113.5:29999",
            "203.0.113.5:5060",
            "[2001:db8::5]:25000",
            "127.0.0.1:20000",
            "127.0.0.9:5061",
            "[::1]:20000",
            "[::ffff:127.0.0.1]:20000",
            "[::ffff:203.0.113.5]:20000",
        ] {
            assert!(!permits(to), "{to}");
        }
    }
}
