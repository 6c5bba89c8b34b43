//! Which messages belong together: all legs of a call, and of the calls that it is or was connected with.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use trunkline_sip::LegId;
use trunkline_sip::transport::Flow;

use crate::driver::trace::Happened;
use crate::switch::StateNote;
use crate::switch::ids::CallId;

/// Entries of each table after which the older half is forgotten.
const KNOWN_MAX: usize = 50_000;

/// What was learnt of calls, legs and Call-IDs.
#[derive(Debug, Default)]
pub(super) struct Correlation {
    groups: Recent<CallId, u64>,
    next_group: u64,
    /// What a group is called: the Call-ID of its first message.
    names: Recent<u64, Arc<[u8]>>,
    calls: Recent<LegId, CallId>,
    legs: Recent<Arc<[u8]>, LegId>,
    call_ids: Recent<LegId, Arc<[u8]>>,
    /// The leg of a call's station, and where its messages go.
    stations: Recent<CallId, LegId>,
    flows: Recent<Arc<[u8]>, Flow>,
}

/// The media of a call: what its messages are called, its Call-ID, and where those go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Station {
    pub(super) correlation: Arc<[u8]>,
    pub(super) call_id: Arc<[u8]>,
    pub(super) flow: Flow,
}

impl Correlation {
    /// Learns from something that happened.
    pub(super) fn learn(&mut self, happened: &Happened) {
        match happened {
            Happened::State(StateNote { call, leg, peer, .. }) => {
                let group = self.group_of(*call, *peer);
                if let Some(peer) = peer
                    && self.groups.get(peer).is_none()
                {
                    self.groups.insert(*peer, group);
                }
                if let Some(leg) = leg {
                    self.calls.insert(*leg, *call);
                    self.stations.insert(*call, *leg);
                }
            }
            Happened::LegOf(leg, call) => self.calls.insert(*leg, *call),
            Happened::Leg(leg, call_id) => {
                let call_id: Arc<[u8]> = call_id.as_bytes().into();
                self.legs.insert(Arc::clone(&call_id), *leg);
                self.call_ids.insert(*leg, call_id);
            }
            Happened::Received(..)
            | Happened::Sent(..)
            | Happened::Operation { .. }
            | Happened::Ended(_)
            | Happened::Media(_)
            | Happened::Report(_)
            | Happened::MediaChange(_) => {}
        }
    }

    /// What the messages of a Call-ID are called, once it is known.
    pub(super) fn of(&mut self, call_id: &[u8]) -> Option<Arc<[u8]>> {
        let leg = self.legs.get(call_id)?;
        let call = self.calls.get(&leg)?;
        let group = self.groups.get(&call)?;
        if let Some(name) = self.names.get(&group) {
            return Some(name);
        }
        let name: Arc<[u8]> = call_id.into();
        self.names.insert(group, Arc::clone(&name));
        Some(name)
    }

    /// Notes where the messages of a Call-ID go.
    pub(super) fn note_flow(&mut self, call_id: &[u8], flow: Flow) {
        if self.legs.get(call_id).is_some() {
            self.flows.insert(call_id.into(), flow);
        }
    }

    /// The station of a call.
    pub(super) fn station(&mut self, call: CallId) -> Option<Station> {
        let leg = self.stations.get(&call)?;
        self.station_at(leg)
    }

    /// The station at a leg.
    pub(super) fn station_at(&mut self, leg: LegId) -> Option<Station> {
        let call_id = self.call_ids.get(&leg)?;
        let correlation = self.of(&call_id)?;
        let flow = self.flows.get(&*call_id)?;
        Some(Station { correlation, call_id, flow })
    }

    fn group_of(&mut self, call: CallId, peer: Option<CallId>) -> u64 {
        if let Some(group) = self.groups.get(&call) {
            return group;
        }
        let group = peer.and_then(|peer| self.groups.get(&peer)).unwrap_or_else(|| {
            self.next_group += 1;
            self.next_group
        });
        self.groups.insert(call, group);
        group
    }
}

/// A map of what was written or read lately: at least half of what it may hold.
#[derive(Debug)]
struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= KNOWN_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use trunkline_sip::ids::ConnectionId;
    use trunkline_sip::transport::Transport;

    use super::*;
    use crate::switch::CallState;

    fn state(call: u64, leg: Option<u64>, peer: Option<u64>) -> Happened {
        Happened::State(StateNote {
            call: CallId(call),
            line: "1001".into(),
            state: CallState::Dialing,
            leg: leg.map(|leg| LegId::new(0, leg)),
            peer: peer.map(CallId),
        })
    }

    fn leg(leg: u64, call_id: &str) -> Happened {
        Happened::Leg(LegId::new(0, leg), call_id.into())
    }

    fn flow() -> Flow {
        let (local, remote) = ("10.0.0.1:5060".parse().expect("one"), "10.0.0.5:5060".parse().expect("one"));
        Flow { transport: Transport::Udp, local, remote, connection: ConnectionId::default() }
    }

    #[test]
    fn all_legs_of_calls_that_are_connected_have_the_name_of_the_first() {
        let mut known = Correlation::default();
        assert_eq!(known.of(b"a"), None);
        known.learn(&leg(1, "a"));
        known.learn(&state(1, Some(1), None));
        // Two phones of the one who is called.
        for phone in [2, 3] {
            known.learn(&Happened::LegOf(LegId::new(0, phone), CallId(2)));
        }
        known.learn(&leg(2, "b"));
        assert_eq!((known.of(b"a").as_deref(), known.of(b"b")), (Some(&b"a"[..]), None));
        known.learn(&state(1, Some(1), Some(2)));
        known.learn(&leg(3, "c"));
        for call_id in [b"a", b"b", b"c"] {
            assert_eq!(known.of(call_id).as_deref(), Some(&b"a"[..]));
        }
        // A call of others has a name of its own.
        known.learn(&leg(4, "d"));
        known.learn(&state(3, Some(4), None));
        assert_eq!(known.of(b"d").as_deref(), Some(&b"d"[..]));
        // Whoever is connected later keeps his name.
        known.learn(&state(1, Some(1), Some(3)));
        assert_eq!(known.of(b"d").as_deref(), Some(&b"d"[..]));
    }

    #[test]
    fn the_station_of_a_call_is_known_by_its_leg() {
        let mut known = Correlation::default();
        known.note_flow(b"a", flow());
        assert_eq!(known.station(CallId(1)), None, "nobody has that Call-ID");
        known.learn(&leg(1, "a"));
        known.learn(&state(1, Some(1), None));
        known.note_flow(b"a", flow());
        let name: Arc<[u8]> = b"a"[..].into();
        let station = Station { correlation: Arc::clone(&name), call_id: name, flow: flow() };
        assert_eq!(known.station(CallId(1)), Some(station));
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        let mut recent = Recent::default();
        for key in 0..KNOWN_MAX {
            recent.insert(key, key);
            assert_eq!(recent.get(&0), Some(0), "it is asked for");
        }
        assert_eq!((recent.get(&1), recent.get(&(KNOWN_MAX - 1))), (None, Some(KNOWN_MAX - 1)));
        assert!(recent.young.len() + recent.old.len() <= KNOWN_MAX);
    }
}
