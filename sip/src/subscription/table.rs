//! All subscriptions of one agent: found by id, tag, leg, peer and connection.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use foldhash::quality::RandomState;

use super::{Notifier, Subscription};
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::outbox::Peer;
use crate::timer_queue::{Armed, TimerQueue};
use crate::token::Token;

/// The subscriptions of one agent. One that is to act is taken out and put back.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    entries: HashMap<UsageId, Entry, RandomState>,
    /// Those with a dialog of their own, by our tag.
    tags: HashMap<Token, UsageId, RandomState>,
    /// Those in the dialog of a leg.
    of_legs: BTreeSet<(LegId, UsageId)>,
    /// Those of peers.
    of_peers: HashMap<Peer, BTreeSet<UsageId>, RandomState>,
    /// Those whose peer is reached by a stream.
    on_streams: BTreeSet<(ConnectionId, UsageId)>,
    timers: TimerQueue<UsageId>,
}

/// One subscription, and under what it is listed.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) subscription: Subscription,
    armed: Armed,
    tag: Option<Token>,
    connection: ConnectionId,
}

impl Entry {
    pub(crate) fn new(subscription: Subscription) -> Self {
        Self { subscription, armed: Armed::default(), tag: None, connection: ConnectionId::default() }
    }
}

impl Subscriptions {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, id: UsageId) -> bool {
        self.entries.contains_key(&id)
    }

    pub(crate) fn get(&self, id: UsageId) -> Option<&Subscription> {
        self.entries.get(&id).map(|entry| &entry.subscription)
    }

    /// Takes one out. It is to be put back by [`Self::put`], whatever becomes of it.
    pub(crate) fn take(&mut self, id: UsageId) -> Option<Entry> {
        self.entries.remove(&id)
    }

    /// Puts one in, under what it has become, or forgets it if it is over.
    pub(crate) fn put(&mut self, mut entry: Entry) {
        let id = entry.subscription.id();
        let is_over = entry.subscription.is_over();
        let tag = entry.subscription.tag().filter(|_| !is_over);
        if tag != entry.tag {
            entry.tag.map(|tag| self.tags.remove(&tag));
            tag.map(|tag| self.tags.insert(tag, id));
            entry.tag = tag;
        }
        let connection = if is_over { ConnectionId::default() } else { entry.subscription.connection() };
        if connection != entry.connection {
            self.on_streams.remove(&(entry.connection, id));
            if connection != ConnectionId::default() {
                self.on_streams.insert((connection, id));
            }
            entry.connection = connection;
        }
        self.list(id, &entry.subscription, is_over);
        if is_over {
            return;
        }
        self.timers.arm(&mut entry.armed, entry.subscription.deadline(), id);
        self.entries.insert(id, entry);
        let entries = &self.entries;
        self.timers
            .purge(entries.len(), |at, id| entries.get(id).is_some_and(|entry| entry.armed.is_current(at)));
    }

    /// Lists one under its leg and its peer, or takes it off.
    fn list(&mut self, id: UsageId, subscription: &Subscription, is_over: bool) {
        if let Some(leg) = subscription.leg() {
            if is_over {
                self.of_legs.remove(&(leg, id));
            } else {
                self.of_legs.insert((leg, id));
            }
        }
        let Subscription::Notifier(notifier) = subscription else { return };
        if !is_over {
            self.of_peers.entry(notifier.peer().clone()).or_default().insert(id);
        } else if let Some(of_peer) = self.of_peers.get_mut(notifier.peer()) {
            of_peer.remove(&id);
            if of_peer.is_empty() {
                self.of_peers.remove(notifier.peer());
            }
        }
    }

    /// The one whose own dialog a tag of ours names.
    pub(crate) fn by_tag(&self, tag: Token) -> Option<UsageId> {
        self.tags.get(&tag).copied()
    }

    /// Those in the dialog of a leg.
    pub(crate) fn of_leg(&self, leg: LegId) -> Vec<UsageId> {
        let all = (leg, UsageId(0))..=(leg, UsageId(u64::MAX));
        self.of_legs.range(all).map(|(_, id)| *id).collect()
    }

    /// Those whose peer is reached by a connection.
    pub(crate) fn on_stream(&self, connection: ConnectionId) -> Vec<UsageId> {
        let all = (connection, UsageId(0))..=(connection, UsageId(u64::MAX));
        self.on_streams.range(all).map(|(_, id)| *id).collect()
    }

    /// How many a peer has.
    pub(crate) fn count_of(&self, peer: &Peer) -> usize {
        self.of_peers.get(peer).map_or(0, BTreeSet::len)
    }

    /// Those of a peer that look like another one, the oldest first.
    pub(crate) fn twins(&self, peer: &Peer, is_twin: impl Fn(&Notifier) -> bool) -> Vec<UsageId> {
        let of_peer = self.of_peers.get(peer).into_iter().flatten();
        let is_twin = |id: &UsageId| matches!(self.get(*id), Some(Subscription::Notifier(of)) if is_twin(of));
        of_peer.copied().filter(is_twin).collect()
    }

    /// When the next is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// The next that is due.
    pub(crate) fn due(&mut self, now: Instant) -> Option<UsageId> {
        while let Some((at, id)) = self.timers.pop(now) {
            if self.entries.get_mut(&id).is_some_and(|entry| entry.armed.is_due(at)) {
                return Some(id);
            }
        }
        None
    }

    /// Whether no list names anything.
    #[cfg(test)]
    pub(crate) fn is_clean(&self) -> bool {
        self.entries.is_empty()
            && self.tags.is_empty()
            && self.of_legs.is_empty()
            && self.of_peers.is_empty()
            && self.on_streams.is_empty()
    }
}
