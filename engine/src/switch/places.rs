//! Where in a network a call is tried: the servers of a trunk's peers, in an order drawn for each call; those that did not
//! answer of late come last.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::Rng;
use trunkline_sip::outbox::CauseKind;
use trunkline_sip::servers;
use trunkline_sip::transport::Transport;

use super::Switch;
use super::ids::CallId;
use super::status::Failure;

/// Places that were dead or overloaded of late (RFC 3263 §4.3), and until when they count as that.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Suspects(HashMap<(Transport, SocketAddr), Instant>);

impl Suspects {
    fn has(&self, place: &(Transport, SocketAddr), now: Instant) -> bool {
        self.0.get(place).is_some_and(|until| *until > now)
    }

    fn note(&mut self, place: (Transport, SocketAddr), until: Instant, now: Instant) {
        if self.0.len() >= SUSPECTS_MAX {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() < SUSPECTS_MAX {
            self.0.insert(place, until);
        }
    }
}

impl Switch {
    /// The places of a trunk in the order in which this call tries them: peer by peer, of each the servers as RFC 2782 has them drawn.
    /// Suspects stand in when nobody else is left.
    pub(super) fn places(&mut self, now: Instant, name: &str) -> Vec<(Transport, SocketAddr)> {
        let Self { setup, rng, suspects, .. } = self;
        let Some(trunk) = setup.trunks.iter().find(|trunk| *trunk.name == *name) else { return Vec::new() };
        let mut places: Vec<_> = if trunk.servers.is_empty() {
            trunk.peers.clone()
        } else {
            let mut draw = |last| rng.random_range(0..=last);
            trunk.servers.iter().flat_map(|peer| servers::order(peer, &mut draw)).collect()
        };
        places.sort_by_key(|place| suspects.has(place, now));
        places
    }

    /// A place in the network did not take this call, and another may: it is dead, or says that it has too much to do.
    pub(super) fn suspect(&mut self, now: Instant, id: CallId, failure: &Failure) {
        if failure.cause.kind != CauseKind::Unreachable && failure.cause.status != OVERLOADED {
            return;
        }
        let ring = self.calls.get(&id).and_then(|call| call.ring.as_ref());
        let Some(target) = ring.and_then(|ring| ring.tried.last()) else { return };
        let place = (target.flow.transport, target.flow.remote);
        self.suspects.note(place, now + SUSPICION, now);
    }
}

/// How long a place without an answer is tried last.
const SUSPICION: Duration = Duration::from_secs(30);

/// RFC 3261 §21.5.4.
const OVERLOADED: u16 = 503;

/// Suspects at once; further ones are tried in their turn.
const SUSPECTS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::rig;

    #[test]
    fn suspects_are_few_and_not_for_long() {
        let now = rig::epoch();
        let place = |port| (Transport::Udp, SocketAddr::from(([192, 0, 2, 1], port)));
        let mut suspects = Suspects::default();
        (0..2_000).for_each(|port| suspects.note(place(port), now + SUSPICION, now));
        assert_eq!(suspects.0.len(), SUSPECTS_MAX);
        assert!(suspects.has(&place(0), now) && !suspects.has(&place(1_999), now));
        let later = now + SUSPICION;
        assert!(!suspects.has(&place(0), later));
        suspects.note(place(1_999), later + SUSPICION, later);
        assert_eq!(suspects.0.len(), 1, "the others are over");
    }
}
