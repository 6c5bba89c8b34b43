//! REGISTER, served wholly in the agent against the location table that all workers share (RFC 3261 §10.3).

use std::time::Instant;

use super::Agent;
use crate::endpoint::Arrival;
use crate::ids::ConnectionId;
use crate::outbox::Outbox;

impl Agent {
    /// Serves a REGISTER.
    pub(super) fn register(&mut self, _now: Instant, arrival: Arrival, out: &mut Outbox) {
        self.refuse(&arrival, 403, out, |reply| reply);
    }

    /// A stream closed: nobody can be reached by it.
    pub(super) fn drop_bindings(&self, connection: ConnectionId, out: &mut Outbox) {
        self.location.remove_connection(connection, out);
    }

    /// Removes bindings that were not refreshed. Any worker may find them due; the first one removes them.
    pub(super) fn expire_bindings(&self, now: Instant, out: &mut Outbox) {
        self.location.expire(now, out);
    }

    /// When a binding ends.
    pub(super) fn bindings_deadline(&self) -> Option<Instant> {
        self.location.deadline()
    }
}
