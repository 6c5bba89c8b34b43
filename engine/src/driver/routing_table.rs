//! Which own address the kernel would use towards a destination.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Answers kept at once; more: all are forgotten.
const KEPT_MAX: usize = 4_096;

/// How long an answer is believed, since routes change.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Remembers the kernel's answers for a while.
#[derive(Debug)]
pub(crate) struct RoutingTable {
    answers: HashMap<IpAddr, IpAddr>,
    since: Instant,
}

impl RoutingTable {
    pub(crate) fn new(now: Instant) -> Self {
        Self { answers: HashMap::new(), since: now }
    }

    /// The source address towards `remote`; loopback where there is no route.
    pub(crate) fn source_for(&mut self, now: Instant, remote: IpAddr) -> IpAddr {
        if now.duration_since(self.since) > KEPT_FOR || self.answers.len() >= KEPT_MAX {
            self.answers.clear();
            self.since = now;
        }
        *self.answers.entry(remote).or_insert_with(|| ask_kernel(remote))
    }
}

/// A datagram socket that is connected sends nothing and tells its source address.
fn ask_kernel(remote: IpAddr) -> IpAddr {
    let (any, loopback): (IpAddr, IpAddr) = match remote {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::LOCALHOST.into()),
    };
    UdpSocket::bind(SocketAddr::new(any, 0))
        .and_then(|socket| {
            socket.connect(SocketAddr::new(remote, 9))?;
            socket.local_addr()
        })
        .map_or(loopback, |address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    #[test]
    fn loopback_is_reached_from_loopback() {
        let mut table = RoutingTable::new(clock::now());
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert_eq!(table.source_for(clock::now(), loopback), loopback);
    }
}
