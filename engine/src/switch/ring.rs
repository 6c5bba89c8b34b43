//! The attempt to reach a station: the contacts of a phone by preference, or the peers of a trunk in order.

use std::collections::VecDeque;
use std::sync::Arc;

use trunkline_sip::LegId;
use trunkline_sip::auth::Credentials;
use trunkline_sip::location::Binding;
use trunkline_sip::outbox::{Party, Target};
use trunkline_sip::sdp::SessionDescription;

use super::failover::Others;
use super::status::Failure;

/// More contacts of one phone are not rung.
pub(super) const BRANCHES_MAX: usize = 16;

/// One place to try.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) target: Target,
    pub(super) binding: Option<Arc<Binding>>,
    /// Header lines for this one only.
    pub(super) headers: Vec<(&'static str, String)>,
}

/// What is the same for all branches of the attempt.
#[derive(Clone, Debug)]
pub(super) struct Invitation {
    pub(super) from: Party,
    pub(super) to: Party,
    pub(super) max_forwards: u8,
    pub(super) credentials: Option<Arc<Credentials>>,
    /// Further header lines.
    pub(super) headers: Vec<(&'static str, String)>,
    /// What the offer is made from; `None`: what the engine itself speaks.
    pub(super) offer: Option<Box<SessionDescription>>,
    /// The SIP worker of the legs.
    pub(super) worker: u16,
}

/// The attempt.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Ring {
    pub(super) invitation: Invitation,
    /// Legs that ring.
    pub(super) branches: Vec<LegId>,
    /// Groups to try one after the other, each in parallel.
    pub(super) waiting: VecDeque<Vec<Candidate>>,
    /// The trunks that are left where all places of this one fail.
    pub(super) others: Option<Box<Others>>,
    /// Why nobody answered: the best of the failures so far.
    pub(super) failure: Option<Failure>,
    /// Where the phone sends its callers: a number.
    pub(super) elsewhere: Option<String>,
    /// Where the network sends the caller: the Contact URIs of its 3xx, the most wanted first.
    pub(super) contacts: Vec<String>,
    /// Where in the network the call was tried.
    pub(super) tried: Vec<Target>,
    /// Whether any branch was alerted.
    pub(super) rang: bool,
    /// Whether the network has said of the last branch that it is on its way to the callee.
    pub(super) reached: bool,
    /// The branch whose early media the caller hears.
    pub(super) early: Option<LegId>,
    /// Flows of devices that lead nowhere, by the keys of their bindings.
    pub(super) dead_flows: Vec<Arc<str>>,
}

impl Ring {
    pub(super) const fn new(invitation: Invitation, groups: VecDeque<Vec<Candidate>>) -> Self {
        Self {
            invitation,
            branches: Vec::new(),
            waiting: groups,
            others: None,
            failure: None,
            elsewhere: None,
            contacts: Vec::new(),
            tried: Vec::new(),
            rang: false,
            reached: false,
            early: None,
            dead_flows: Vec::new(),
        }
    }

    /// Takes a branch out; whether it was one.
    pub(super) fn remove(&mut self, leg: LegId) -> bool {
        let before = self.branches.len();
        self.branches.retain(|branch| *branch != leg);
        if self.early == Some(leg) {
            self.early = None;
        }
        before != self.branches.len()
    }

    /// Keeps the failure if it says more than those before.
    pub(super) fn note(&mut self, failure: Failure) {
        if self.failure.is_none_or(|before| failure.weight() > before.weight()) {
            self.failure = Some(failure);
        }
    }
}

/// The contacts of a phone: those of the highest q first, equal ones together.
pub(super) fn groups(bindings: &[Arc<Binding>]) -> VecDeque<Vec<Candidate>> {
    let mut sorted: Vec<_> = bindings.iter().collect();
    sorted.sort_by_key(|binding| std::cmp::Reverse(binding.q_milli));
    sorted.truncate(BRANCHES_MAX);
    sorted
        .chunk_by(|one, other| one.q_milli == other.q_milli)
        .map(|group| group.iter().map(|binding| contact(binding)).collect())
        .collect()
}

/// One contact of a phone.
pub(super) fn contact(binding: &Arc<Binding>) -> Candidate {
    let target = Target {
        uri: binding.contact.to_string(),
        flow: binding.flow,
        route: binding.path.iter().map(ToString::to_string).collect(),
    };
    Candidate { target, binding: Some(Arc::clone(binding)), headers: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::rig;

    #[test]
    fn equal_preferences_ring_together_and_higher_ones_first() {
        let bindings: Vec<_> = [("a", 500), ("b", 1000), ("c", 500)]
            .into_iter()
            .map(|(contact, q_milli)| rig::binding(contact, q_milli))
            .collect();
        let groups = groups(&bindings);
        let contacts: Vec<Vec<_>> =
            groups.iter().map(|group| group.iter().map(|one| one.target.uri.as_str()).collect()).collect();
        assert_eq!(contacts, [vec!["b"], vec!["a", "c"]]);
    }

    #[test]
    fn a_phone_with_too_many_contacts_rings_at_the_best_of_them() {
        let bindings: Vec<_> = (0..100).map(|q_milli| rig::binding("a", q_milli)).collect();
        assert_eq!(groups(&bindings).iter().map(Vec::len).sum::<usize>(), BRANCHES_MAX);
    }
}
