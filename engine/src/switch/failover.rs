//! Routes with several trunks: by which one a call leaves, and which is next when one fails.
//!
//! ```text
//!  route ─▶ tiers ─▶ order: tier after tier, inside of one by weight; whoever rests or is not registered, last
//!    next ─▶ full? more calls a second than it may? ─▶ the one after
//!         └▶ INVITE to its places ── silence, or a status of failover_on, before it rang ──▶ the one after
//!                                   (where help is called for: any status but the callee's own)
//! ```
//!
//! The caller's call goes on; each trunk that is tried has a call of its own, with its numbers, codecs and names.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use rand::Rng;
use rand::rngs::StdRng;
use trunkline_sip::admission::Rate;

use super::Switch;
use super::call::Call;
use super::call_state::CallState;
use super::ids::CallId;
use super::outbox::{Outbox, Urgent};
use super::places::TIMED_OUT;
use super::release::Parting;
use super::report::CallReport;
use super::ring::{Candidate, Ring};
use super::route::Destination;
use super::setup::{FAILOVER_ON, LineKind, TrunkChoice, TrunkSetup};
use super::status::Failure;
use super::view::PartyView;

/// The trunks that are left for a call, the next one first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Others {
    names: VecDeque<Arc<str>>,
    number: String,
    is_urgent: bool,
    /// No further one is called later.
    until: Instant,
}

/// How many calls out began of late by the trunks that have a limit of them.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Rates {
    epoch: Instant,
    used_up_ns: BTreeMap<Arc<str>, u64>,
}

impl Rates {
    /// No call so far.
    pub(super) const fn new(epoch: Instant) -> Self {
        Self { epoch, used_up_ns: BTreeMap::new() }
    }

    /// What is used up by one call more; `None`: that is too early, or there is no limit.
    fn taken(&self, now: Instant, trunk: &TrunkSetup) -> Option<u64> {
        let rate = Rate::per_second(trunk.calls_per_second?);
        let since = now.saturating_duration_since(self.epoch).as_nanos();
        let used_up_ns = self.used_up_ns.get(&trunk.name).copied().unwrap_or_default();
        rate.take(used_up_ns, u64::try_from(since).unwrap_or(u64::MAX))
    }
}

impl Others {
    /// Whether they are called after any failure that is not the callee's own word: help is called for.
    pub(super) fn may_help(&self, failure: &Failure) -> bool {
        self.is_urgent && failure.is_of_the_network()
    }
}

impl TrunkChoice {
    /// All of them: tier after tier, inside of one each as often before the others as its weight says.
    fn order(&self, rng: &mut StdRng) -> VecDeque<Arc<str>> {
        let mut ordered = VecDeque::new();
        for tier in &self.tiers {
            let mut left: Vec<&(Arc<str>, u16)> = tier.iter().collect();
            while !left.is_empty() {
                let sum: u64 = left.iter().map(|(_, weight)| u64::from(*weight)).sum();
                let drawn = if left.len() > 1 { rng.random_range(0..sum.max(1)) } else { 0 };
                let mut running = 0;
                let reaches = |(_, weight): &&(Arc<str>, u16)| {
                    running += u64::from(*weight);
                    running > drawn
                };
                let place = left.iter().position(reaches).unwrap_or_default();
                ordered.push_back(Arc::clone(&left.remove(place).0));
            }
        }
        ordered
    }
}

impl Switch {
    /// The trunks of a route in the order in which a call tries them: those of a choice, else this one.
    pub(super) fn in_order(
        &mut self,
        only: &Arc<str>,
        choice: Option<&Arc<TrunkChoice>>,
    ) -> VecDeque<Arc<str>> {
        let Some(choice) = choice else { return [Arc::clone(only)].into() };
        let mut names = choice.order(&mut self.rng);
        names.make_contiguous().sort_by_key(|name| !self.takes_calls(name));
        names
    }

    /// Calls by the first of these trunks that has room.
    pub(super) fn call_trunks(
        &mut self,
        now: Instant,
        caller: CallId,
        (names, number): (VecDeque<Arc<str>>, String),
        is_urgent: bool,
        out: &mut Outbox,
    ) {
        let until = now + self.ring_time(caller);
        self.next_trunk(now, caller, Others { names, number, is_urgent, until }, None, out);
    }

    /// Calls by the next of these trunks that has room; where none has, the caller is told what failed before.
    fn next_trunk(
        &mut self,
        now: Instant,
        caller: CallId,
        mut others: Others,
        failure: Option<&Failure>,
        out: &mut Outbox,
    ) {
        while let Some(name) = others.names.pop_front() {
            if self.trunk(&name).is_some_and(|trunk| others.is_urgent || self.has_room(trunk)) {
                return self.call_by(now, caller, &name, others, out);
            }
        }
        let full = Failure::no_channel();
        self.fail(now, caller, failure.unwrap_or(&full), out);
    }

    fn call_by(&mut self, now: Instant, caller: CallId, name: &Arc<str>, others: Others, out: &mut Outbox) {
        let number = others.number.clone();
        let Some(calling) = self.calls.get_mut(&caller) else { return };
        let line = Arc::clone(&calling.line);
        calling.reached = Some(Destination::Trunk(Arc::clone(name), number.clone()));
        calling.completable = None;
        let called = PartyView::new(number.clone(), String::new());
        let (kind, state) = (LineKind::Trunk, CallState::Dialing);
        let Some(callee) = self.called_side(now, caller, name, kind, state, called, out) else { return };
        self.report(now, caller, CallReport::Dialed, out);
        if others.is_urgent {
            if let Some(callee) = self.calls.get_mut(&callee) {
                callee.is_urgent = true;
            }
            let urgent = Urgent { call: callee, line, number: number.clone(), trunk: Arc::clone(name) };
            out.urgent.push(urgent);
        }
        let others = (!others.names.is_empty()).then(|| Box::new(others));
        self.ring_trunk(now, callee, Some(caller), (name, &number), others, out);
    }

    /// The attempt by a trunk has failed, perhaps before anything was sent. Whether the caller is led to the next one.
    pub(super) fn lead_on(
        &mut self,
        now: Instant,
        id: CallId,
        (failure, is_unsent): (&Failure, bool),
        others: Others,
        out: &mut Outbox,
    ) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        // A reload may have removed the trunk under its call.
        let statuses = self.trunk(&call.line).map_or(&FAILOVER_ON[..], |trunk| &trunk.failover_on);
        // What was never sent anywhere has no address here, or no codec in common with this trunk.
        let is_unsent = is_unsent && failure.cause.status != NO_PORTS;
        let may_help = is_unsent || failure.is_of_the_place(statuses) || others.may_help(failure);
        let Some(caller) = call.peer.filter(|_| may_help && !failure.rang && now < others.until) else {
            return false;
        };
        for id in [id, caller] {
            if let Some(call) = self.calls.get_mut(&id) {
                call.peer = None;
            }
            self.dirty.insert(id);
        }
        self.over(now, id, failure.report(), &Parting::because(failure), out);
        self.next_trunk(now, caller, others, Some(failure), out);
        true
    }

    /// Whether a call that hears 100 here and nothing more goes to another place that calls go to: where 408 says so, or help is called for.
    pub(super) fn goes_on_after_silence(&self, call: &Call, ring: &Ring) -> bool {
        let Some(trunk) = self.trunk(&call.line).filter(|_| call.kind == LineKind::Trunk) else {
            return false;
        };
        let is_listed = trunk.failover_on.contains(&TIMED_OUT);
        let is_open = |one: &Candidate| {
            let flow = one.target.flow;
            !self.is_suspect(self.now, trunk, (flow.transport, flow.remote))
        };
        let takes_it = |others: &Others| {
            let takes = |name: &Arc<str>| {
                let may = self.trunk(name).is_some_and(|trunk| others.is_urgent || self.has_room(trunk));
                may && self.takes_calls(name)
            };
            (is_listed || others.is_urgent) && others.names.iter().any(takes)
        };
        is_listed && ring.waiting.iter().flatten().any(is_open)
            || ring.others.as_deref().is_some_and(takes_it)
    }

    /// Whether the trunk may have one more call out: it has a channel, and has not had all calls of this second.
    pub(super) fn has_room(&self, trunk: &TrunkSetup) -> bool {
        let is_in_time = trunk.calls_per_second.is_none() || self.rates.taken(self.now, trunk).is_some();
        !self.is_full(trunk) && is_in_time
    }

    /// Counts a call out.
    pub(super) fn count_call_out(&mut self, now: Instant, name: &str) {
        let Self { setup, rates, .. } = self;
        let Some(trunk) = setup.trunks.iter().find(|trunk| *trunk.name == *name) else { return };
        if let Some(used_up_ns) = rates.taken(now, trunk) {
            rates.used_up_ns.insert(Arc::clone(&trunk.name), used_up_ns);
        }
    }

    /// After a change of the configuration: counts of trunks without a limit are forgotten.
    pub(super) fn revisit_rates(&mut self) {
        let Self { setup, rates, .. } = self;
        let has_limit = |name: &Arc<str>| {
            setup.trunks.iter().any(|trunk| trunk.name == *name && trunk.calls_per_second.is_some())
        };
        rates.used_up_ns.retain(|name, _| has_limit(name));
    }

    /// Whether nothing is known against the trunk: it is registered where it has to be, and a place of it does not rest.
    fn takes_calls(&self, name: &str) -> bool {
        self.trunk(name).is_some_and(|trunk| self.is_in_service(trunk) && self.has_a_place(trunk))
    }
}

/// No trunk helps where the engine has no port for the call.
const NO_PORTS: u16 = 503;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::switch::rig;

    #[test]
    fn trunks_of_one_tier_come_by_weight_and_tiers_one_after_the_other() {
        let choice =
            TrunkChoice { tiers: vec![vec![("a".into(), 3), ("b".into(), 1)], vec![("c".into(), 1)]] };
        let mut rng = StdRng::from_seed([7; 32]);
        let firsts = (0..4_000).filter(|_| {
            let order = choice.order(&mut rng);
            assert_eq!((order.len(), &*order[2]), (3, "c"));
            assert_ne!(order[0], order[1]);
            &*order[0] == "a"
        });
        let firsts = firsts.count();
        assert!((2_850..3_150).contains(&firsts), "three of four: {firsts}");
    }

    #[test]
    fn a_trunk_has_as_many_calls_a_second_as_it_may_and_one_without_a_limit_is_not_counted() {
        let mut rig = rig::Rig::new();
        let (now, second) = (rig::epoch(), std::time::Duration::from_secs(1));
        let let_in = |rig: &mut rig::Rig, now| {
            rig.switch.now = now;
            let has_room = |rig: &rig::Rig| rig.switch.has_room(&rig.switch.setup.trunks[0]);
            (0..10)
                .filter(|_| {
                    has_room(rig) && {
                        rig.switch.count_call_out(now, "carrier");
                        true
                    }
                })
                .count()
        };
        assert_eq!(let_in(&mut rig, now), 10);
        assert!(rig.switch.rates.used_up_ns.is_empty());
        Arc::make_mut(&mut rig.switch.setup).trunks[0].calls_per_second = Some(3);
        assert_eq!(let_in(&mut rig, now), 3, "a second's worth");
        assert_eq!(let_in(&mut rig, now + second / 2), 1);
        assert_eq!(let_in(&mut rig, now + second * 10), 3, "nothing is saved up");
        Arc::make_mut(&mut rig.switch.setup).trunks[0].calls_per_second = None;
        rig.switch.revisit_rates();
        assert!(rig.switch.rates.used_up_ns.is_empty());
    }
}
