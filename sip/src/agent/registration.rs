//! Registrations of ours at the edge of the agent (RFC 3261 §10.2).

use std::time::Instant;

use super::Agent;
use crate::endpoint::Endpoint;
use crate::ids::{ConnectionId, UsageId};
use crate::message::Message;
use crate::outbox::{Event, Outbox, Register};
use crate::registrant::Registrant;
use crate::transaction::Concern;
use crate::transport::Flow;

impl Agent {
    pub(super) fn register_at(
        &mut self,
        now: Instant,
        id: UsageId,
        register: Box<Register>,
        out: &mut Outbox,
    ) {
        if self.registrants.contains(id) {
            return;
        }
        let is_mine = id.worker() == self.endpoint.config.worker;
        if !is_mine || self.endpoint.transactions.len() >= self.endpoint.config.capacity.transactions {
            let (trunk, status) = (register.trunk, 503);
            let over = Event::RegistrationOver { usage: id, trunk, status, retry_after_s: None };
            return out.events.push(over);
        }
        let registrant = Registrant::new(now, id, register, &mut self.endpoint, out);
        self.registrants.put(registrant);
    }

    pub(super) fn unregister(&mut self, now: Instant, id: UsageId, out: &mut Outbox) {
        self.with_registrant(id, out, |registrant, endpoint, out| registrant.unregister(now, endpoint, out));
    }

    /// Brings what became of a REGISTER to its registration.
    pub(super) fn registration_concern(
        &mut self,
        now: Instant,
        id: UsageId,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        out: &mut Outbox,
    ) {
        self.with_registrant(id, out, |registrant, endpoint, out| {
            registrant.answered(now, concern, answer, endpoint, out);
        });
    }

    /// Refreshes what is due.
    pub(super) fn handle_registrations(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(id) = self.registrants.due(now) {
            self.with_registrant(id, out, |registrant, endpoint, out| {
                registrant.handle_timeout(now, endpoint, out);
            });
        }
    }

    /// A stream closed: calls would come by it.
    pub(super) fn registrations_lose_stream(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        out: &mut Outbox,
    ) {
        for id in self.registrants.on_stream(connection) {
            self.with_registrant(id, out, |registrant, _, _| registrant.connection_closed(now, connection));
        }
    }

    fn with_registrant(
        &mut self,
        id: UsageId,
        out: &mut Outbox,
        act: impl FnOnce(&mut Registrant, &mut Endpoint, &mut Outbox),
    ) {
        let Some(mut registrant) = self.registrants.take(id) else { return };
        act(&mut registrant, &mut self.endpoint, out);
        self.registrants.put(registrant);
    }
}
