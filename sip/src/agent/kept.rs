//! Legs and subscriptions that outlive the process.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Agent, INCOMING_SERIAL};
use crate::auth::Credentials;
use crate::dialog::KeptDialog;
use crate::ids::{LegId, UsageId};
use crate::outbox::Subscriber;
use crate::session::Leg;
use crate::subscription::{Entry, KeptSubscription, Notifier, Subscription};

impl Agent {
    /// Takes back an answered leg that was kept, before the first input: from here on its dialog is understood, and commands
    /// for it are obeyed. Its owner is told nothing. `credentials` answer
    /// challenges of the peer whose host stands beside them. `false`: it belongs to
    /// another worker, or is here already.
    pub fn restore(
        &mut self,
        now: Instant,
        id: LegId,
        kept: &KeptDialog,
        credentials: Option<(Arc<Credentials>, IpAddr)>,
    ) -> bool {
        let worker = self.endpoint.config.worker;
        let is_ours = id.worker() == worker && kept.tag.worker == worker;
        let is_taken = self.legs.contains_key(&id) || self.tags.contains_key(&kept.tag);
        if !is_ours || is_taken || self.is_full() {
            return false;
        }
        if id.0 & INCOMING_SERIAL != 0 {
            self.serial = self.serial.max(id.0 & (INCOMING_SERIAL - 1));
        }
        let leg = Leg::restored(now, id, kept, credentials, &mut self.endpoint);
        self.admit(leg);
        true
    }
    /// Takes back a peer's subscription that was kept, before the first input: from here on its dialog is understood, and
    /// commands for it are obeyed. It is told nothing before `after`. Whom its owner is to be told of, as by
    /// [`Event::Subscribe`](crate::outbox::Event::Subscribe); a refusal ends it. `None`: it belongs to another worker, is over, or
    /// there is no room for it.
    pub fn restore_subscription(
        &mut self,
        now: Instant,
        id: UsageId,
        kept: &KeptSubscription,
        after: Duration,
    ) -> Option<Box<Subscriber>> {
        let worker = self.endpoint.config.worker;
        let is_ours = id.worker() == worker && kept.dialog.tag.worker == worker;
        let is_taken =
            self.subscriptions.contains(id) || self.subscriptions.by_tag(kept.dialog.tag).is_some();
        if !is_ours || is_taken || kept.expires <= now || self.has_no_room() {
            return None;
        }
        let (notifier, subscriber) = Notifier::restored(now, id, kept, after)?;
        if !self.endpoint.directory.knows(&subscriber.peer) {
            return None;
        }
        if id.0 & INCOMING_SERIAL != 0 {
            self.serial = self.serial.max(id.0 & (INCOMING_SERIAL - 1));
        }
        self.subscriptions.put(Entry::new(Subscription::Notifier(Box::new(notifier))));
        Some(Box::new(subscriber))
    }
}
