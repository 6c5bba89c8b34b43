//! Which calls are joined, as one event stream knows it, and what it has to tell when that changes.

use std::collections::{BTreeMap, BTreeSet};

use super::event::CallHubChange;
use crate::switch::CallId;

/// A change of a hub: its number, who joined or left, what happened.
pub(super) type HubChange = (u64, Option<CallId>, CallHubChange);

/// The hubs of one event stream.
#[derive(Debug, Default)]
pub(super) struct HubTable {
    hubs: BTreeMap<u64, BTreeSet<CallId>>,
    /// The number that the last hub got.
    last: u64,
}

impl HubTable {
    /// `call` is joined with `joined`, itself among them; it is over where that is empty.
    pub(super) fn update(&mut self, call: CallId, joined: &BTreeSet<CallId>) -> Vec<HubChange> {
        let mut changes = Vec::new();
        let current = self.hub_of(call);
        if joined.is_empty() {
            if let Some(hub) = current {
                self.leave(hub, call, &mut changes);
            }
            return changes;
        }
        let hub = current.or_else(|| joined.iter().find_map(|call| self.hub_of(*call)));
        let hub = hub.unwrap_or_else(|| {
            self.last += 1;
            self.hubs.insert(self.last, BTreeSet::new());
            changes.push((self.last, None, CallHubChange::CallHubNew));
            self.last
        });
        let members = self.hubs.get(&hub).cloned().unwrap_or_default();
        for gone in members.difference(joined) {
            self.leave(hub, *gone, &mut changes);
        }
        for new in joined.difference(&members) {
            if let Some(other) = self.hub_of(*new) {
                self.leave(other, *new, &mut changes);
            }
            self.hubs.entry(hub).or_default().insert(*new);
            changes.push((hub, Some(*new), CallHubChange::CallJoin));
        }
        changes
    }

    fn hub_of(&self, call: CallId) -> Option<u64> {
        self.hubs.iter().find(|(_, members)| members.contains(&call)).map(|(hub, _)| *hub)
    }

    fn leave(&mut self, hub: u64, call: CallId, changes: &mut Vec<HubChange>) {
        let Some(members) = self.hubs.get_mut(&hub) else { return };
        members.remove(&call);
        changes.push((hub, Some(call), CallHubChange::CallLeave));
        if members.is_empty() {
            self.hubs.remove(&hub);
            changes.push((hub, None, CallHubChange::CallHubIdle));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CallHubChange::{CallHubIdle, CallHubNew, CallJoin, CallLeave};
    use super::*;

    fn set<const N: usize>(calls: [u64; N]) -> BTreeSet<CallId> {
        calls.map(CallId).into()
    }

    #[test]
    fn a_conversation_is_a_hub_that_ends_with_its_last_call() {
        let mut table = HubTable::default();
        let (one, two) = (Some(CallId(1)), Some(CallId(2)));
        assert_eq!(table.update(CallId(1), &set([1])), [(1, None, CallHubNew), (1, one, CallJoin)]);
        assert_eq!(table.update(CallId(2), &set([1, 2])), [(1, two, CallJoin)]);
        assert_eq!(table.update(CallId(1), &set([1, 2])), []);
        assert_eq!(table.update(CallId(1), &set([])), [(1, one, CallLeave)]);
        assert_eq!(table.update(CallId(2), &set([])), [(1, two, CallLeave), (1, None, CallHubIdle)]);
        assert_eq!(table.update(CallId(2), &set([])), []);
    }

    #[test]
    fn who_is_transferred_moves_to_the_other_hub() {
        let mut table = HubTable::default();
        table.update(CallId(1), &set([1, 2]));
        table.update(CallId(3), &set([3, 4]));
        let moved = table.update(CallId(2), &set([2, 4]));
        assert_eq!(
            moved,
            [
                (1, Some(CallId(1)), CallLeave),
                (2, Some(CallId(4)), CallLeave),
                (1, Some(CallId(4)), CallJoin)
            ]
        );
        let over = table.update(CallId(3), &set([]));
        assert_eq!(over, [(2, Some(CallId(3)), CallLeave), (2, None, CallHubIdle)]);
    }
}
