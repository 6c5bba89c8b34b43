//! Where in a network a call is tried: the servers of a trunk's peers, in an order drawn for each call; those that did not
//! answer of late come last.
//!
//! A place that was silent rests, and so does one that answers 503, for as long as its Retry-After says: calls go to others meanwhile, and
//! there only where nobody else is left. After that one call finds out whether it is back; the others wait for its first response, not
//! for the place. An answer ends a rest for silence; one for overload lasts as long as the place said, whatever it answers meanwhile to
//! calls that it took before.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use trunkline_sip::LegId;
use trunkline_sip::outbox::CauseKind;
use trunkline_sip::servers;
use trunkline_sip::transport::{Flow, Transport};

use super::Switch;
use super::ids::CallId;
use super::outbox::Outbox;
use super::setup::{FAILOVER_ON, LineKind, REST, TrunkSetup};
use super::status::Failure;
use super::view::PlaceView;

/// How a place is reached.
type Place = (Transport, SocketAddr);

/// Places that failed of late (RFC 3263 §4.3).
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Suspects(HashMap<Place, Suspect>);

/// What is known of a place.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    /// Until when it counts as dead or overloaded; then one call finds out. `None`: it has answered since.
    until: Option<Instant>,
    /// Whether it said itself that it has too much to do.
    is_overload: bool,
    /// How a call failed there last, and when.
    failure: (u16, Instant),
}

impl Suspects {
    /// Whether calls go elsewhere.
    fn has(&self, place: &Place, now: Instant) -> bool {
        self.0.get(place).and_then(|suspect| suspect.until).is_some_and(|until| until > now)
    }

    /// How long it is still overloaded, as it said.
    fn overloaded_until(&self, place: &Place, now: Instant) -> Option<Instant> {
        let suspect = self.0.get(place).filter(|suspect| suspect.is_overload)?;
        suspect.until.filter(|until| *until > now)
    }

    /// A call failed there; the place rests until then, or as long as it said before if that is longer.
    fn note(&mut self, place: Place, status: u16, until: Option<Instant>, now: Instant) {
        let said = self.overloaded_until(&place, now).filter(|said| until.is_none_or(|until| until <= *said));
        let is_overload = said.is_some() || status == OVERLOADED;
        let until = said.or(until);
        if self.0.len() >= SUSPECTS_MAX && !self.0.contains_key(&place) {
            self.0.retain(|_, suspect| suspect.until.is_some_and(|until| until > now));
        }
        if self.0.len() < SUSPECTS_MAX || self.0.contains_key(&place) {
            self.0.insert(place, Suspect { until, is_overload, failure: (status, now) });
        }
    }

    /// A call goes there. Where it is not known whether the place is back, other calls do not until this one has found out.
    fn try_again(&mut self, place: &Place, until: Instant, now: Instant) {
        if let Some(Suspect { until: Some(rests_until), is_overload, .. }) = self.0.get_mut(place) {
            // Beyond what it said, its answer counts.
            *is_overload &= *rests_until > now;
            if !*is_overload {
                *rests_until = (*rests_until).max(until);
            }
        }
    }

    /// It was asked and is down. That is no reason to rest: whoever asks says when it is up.
    pub(super) fn found_down(&mut self, place: Place, status: u16, now: Instant) {
        match self.0.get_mut(&place) {
            Some(suspect) => suspect.failure = (status, now),
            None => self.note(place, status, None, now),
        }
    }

    /// The place has answered: it rests no longer for having been silent. For how long it is overloaded it has said itself.
    pub(super) fn is_back(&mut self, place: &Place, now: Instant) {
        if self.overloaded_until(place, now).is_none()
            && let Some(suspect) = self.0.get_mut(place)
        {
            suspect.until = None;
        }
    }
}

impl Switch {
    /// The places of a trunk in the order in which this call tries them: peer by peer, of each the servers as RFC 2782 has them drawn.
    /// Suspects stand in when nobody else is left.
    pub(super) fn places(&mut self, now: Instant, name: &str) -> Vec<Place> {
        let Self { setup, rng, suspects, qualifying, .. } = self;
        let Some(trunk) = setup.trunks.iter().find(|trunk| *trunk.name == *name) else { return Vec::new() };
        let mut places: Vec<_> = if trunk.servers.is_empty() {
            trunk.peers.clone()
        } else {
            let mut draw = |last| rng.random_range(0..=last);
            trunk.servers.iter().flat_map(|peer| servers::order(peer, &mut draw)).collect()
        };
        places.sort_by_key(|place| suspects.has(place, now) || qualifying.is_down(&trunk.name, *place));
        places
    }

    /// Whether calls go elsewhere than to this place of a trunk, if they can.
    pub(super) fn is_suspect(&self, now: Instant, trunk: &TrunkSetup, place: Place) -> bool {
        self.suspects.has(&place, now) || self.qualifying.is_down(&trunk.name, place)
    }

    /// Whether the trunk has a place that calls go to.
    pub(super) fn has_a_place(&self, trunk: &TrunkSetup) -> bool {
        trunk.peers.iter().any(|place| !self.is_suspect(self.now, trunk, *place))
    }

    /// An INVITE goes there.
    pub(super) fn place_called(&mut self, now: Instant, flow: Flow, patience: Duration) {
        self.suspects.try_again(&place_of(flow), now + patience + FOUND_OUT, now);
    }

    /// Whoever was called by this leg has said anything.
    pub(super) fn place_answered(&mut self, now: Instant, leg: LegId, out: &mut Outbox) {
        if self.suspects.0.is_empty() && !self.qualifying.is_used() {
            return;
        }
        let call = self.legs.get(&leg).and_then(|leg| self.calls.get(&leg.call));
        let Some(call) = call.filter(|call| call.kind == LineKind::Trunk) else { return };
        if let Some(target) = call.ring.as_ref().and_then(|ring| ring.tried.last()) {
            let (trunk, place) = (Arc::clone(&call.line), place_of(target.flow));
            self.suspects.is_back(&place, now);
            self.peer_heard(now, &(trunk, place), out);
        }
    }

    /// A place in the network did not take this call. Whether another one may: it is dead, or broken, or says that it has too much to do.
    pub(super) fn place_failed(&mut self, now: Instant, id: CallId, failure: &Failure) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        // A reload may have removed the trunk under its call.
        let trunk = self.trunk(&call.line);
        let rest = trunk.map_or(REST, |trunk| trunk.rest);
        let is_of_the_place = failure.is_of_the_place(trunk.map_or(&FAILOVER_ON, |trunk| &trunk.failover_on));
        let Some(target) = call.ring.as_ref().and_then(|ring| ring.tried.last()) else { return false };
        let place = place_of(target.flow);
        let cause = &failure.cause;
        if cause.kind == CauseKind::Unreachable {
            self.suspects.note(place, TIMED_OUT, Some(now + rest), now);
        } else if is_of_the_place && cause.status == OVERLOADED {
            let wanted =
                failure.retry_after_s.map(|seconds| Duration::from_secs(seconds.into()).min(REST_MAX));
            self.suspects.note(place, OVERLOADED, Some(now + wanted.unwrap_or(rest)), now);
        } else if is_of_the_place {
            self.suspects.note(place, cause.status, None, now);
        } else if cause.kind == CauseKind::Status && !failure.ours {
            self.suspects.is_back(&place, now);
        }
        is_of_the_place
    }

    /// The places of a trunk as they stand.
    pub(super) fn places_view(&self, trunk: &TrunkSetup) -> Vec<PlaceView> {
        let view = |place: &Place| {
            let suspect = self.suspects.0.get(place);
            PlaceView {
                transport: place.0,
                address: place.1,
                rests_until: suspect.and_then(|suspect| suspect.until),
                is_down: self.qualifying.is_down(&trunk.name, *place),
                failure: suspect.map(|suspect| suspect.failure),
            }
        };
        trunk.peers.iter().map(view).collect()
    }
}

const fn place_of(flow: Flow) -> Place {
    (flow.transport, flow.remote)
}

/// Places that one call tries by one trunk.
pub(super) const PLACES_MAX: usize = 16;

/// Beyond its patience, the time for a call to find out whether a place is back.
const FOUND_OUT: Duration = Duration::from_millis(500);

/// No Retry-After keeps calls away for longer.
const REST_MAX: Duration = Duration::from_secs(3_600);

/// RFC 3261 §8.1.3.1: no answer counts as this one.
pub(super) const TIMED_OUT: u16 = 408;

/// RFC 3261 §21.5.4.
const OVERLOADED: u16 = 503;

/// Places that failed, kept at once; further ones are tried in their turn.
const SUSPECTS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use trunkline_sip::outbox::Peer;

    use super::*;
    use crate::switch::rig;

    fn place(port: u16) -> Place {
        (Transport::Udp, SocketAddr::from(([192, 0, 2, 1], port)))
    }

    #[test]
    fn suspects_are_few_and_not_for_long() {
        let now = rig::epoch();
        let mut suspects = Suspects::default();
        (0..2_000).for_each(|port| suspects.note(place(port), 408, Some(now + REST), now));
        assert_eq!(suspects.0.len(), SUSPECTS_MAX);
        assert!(suspects.has(&place(0), now) && !suspects.has(&place(1_999), now));
        suspects.note(place(0), 500, None, now);
        assert!(!suspects.has(&place(0), now), "what is known of one that is there may change");
        let later = now + REST;
        assert!(!suspects.has(&place(1), later));
        suspects.note(place(1_999), 408, Some(later + REST), later);
        assert_eq!(suspects.0.len(), 1, "the others are over");
    }

    #[test]
    fn one_call_finds_out_whether_a_place_is_back() {
        let now = rig::epoch();
        let mut suspects = Suspects::default();
        suspects.try_again(&place(1), now + REST, now);
        assert!(!suspects.has(&place(1), now), "nothing was known against it");
        suspects.note(place(1), 408, Some(now + REST), now);
        let later = now + REST;
        suspects.try_again(&place(1), later + Duration::from_secs(4), later);
        assert!(suspects.has(&place(1), later + Duration::from_secs(3)));
        suspects.is_back(&place(1), later);
        assert!(!suspects.has(&place(1), later));
        assert_eq!(suspects.0[&place(1)].failure, (408, now));
        suspects.try_again(&place(1), later + REST, later);
        assert!(!suspects.has(&place(1), later), "it is back");
    }

    #[test]
    fn one_call_tries_so_many_places_of_a_trunk_and_no_more() {
        let mut rig = rig::Rig::new();
        Arc::make_mut(&mut rig.switch.setup).trunks[0].peers = (1..40).map(place).collect();
        rig.call_in(Peer::Line("1001".into()), "030", Some(rig::USUAL));
        for tried in 1..=PLACES_MAX {
            let (leg, invite) = rig.invited();
            assert_eq!(
                invite.patience.is_some(),
                tried < PLACES_MAX,
                "the {tried}th may take its time if it is the last"
            );
            rig.refuse(leg, 503);
        }
        assert!(!rig.commands().contains(&"invite".to_owned()));
    }

    #[test]
    fn a_place_that_said_for_how_long_it_is_overloaded_rests_until_then() {
        let now = rig::epoch();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut suspects = Suspects::default();
        suspects.note(place(1), 503, Some(at(300)), now);
        // Calls that it took before are answered, fail, or meet silence; it is asked by OPTIONS.
        suspects.is_back(&place(1), at(1));
        suspects.note(place(1), 500, None, at(2));
        suspects.note(place(1), 408, Some(at(33)), at(3));
        suspects.found_down(place(1), 408, at(4));
        suspects.is_back(&place(1), at(5));
        suspects.note(place(1), 503, Some(at(36)), at(6));
        // Whoever is called there for want of others does not make it longer.
        suspects.try_again(&place(1), at(310), at(299));
        assert!(suspects.has(&place(1), at(299)) && !suspects.has(&place(1), at(300)));
        assert_eq!(suspects.0[&place(1)].failure, (503, at(6)));
        suspects.note(place(1), 503, Some(at(400)), at(299));
        assert!(suspects.has(&place(1), at(399)), "it said more");
        suspects.try_again(&place(1), at(404), at(400));
        assert!(suspects.has(&place(1), at(403)), "one call finds out");
        suspects.is_back(&place(1), at(401));
        assert!(!suspects.has(&place(1), at(401)));

        suspects.note(place(2), 408, Some(at(30)), now);
        suspects.found_down(place(2), 503, at(1));
        assert!(suspects.has(&place(2), at(1)), "to be asked ends no rest");
        suspects.is_back(&place(2), at(2));
        assert!(!suspects.has(&place(2), at(2)), "it was silent and is heard again");
        suspects.note(place(2), 408, Some(at(40)), at(10));
        suspects.note(place(2), 503, Some(at(12)), at(10));
        assert!(!suspects.has(&place(2), at(12)), "it is there and says when");
    }
}
