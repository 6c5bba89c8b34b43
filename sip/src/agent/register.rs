//! REGISTER, served wholly in the agent against the location table that all workers share (RFC 3261 §10.3).

use std::sync::Arc;
use std::time::Instant;

use super::{Agent, peer};
use crate::admission::Limit;
use crate::endpoint::Arrival;
use crate::ids::ConnectionId;
use crate::message::{HeaderName, Uri};
use crate::outbox::{Outbox, Peer};
use crate::registrar::{Registered, Registrar, Registration};
use crate::session;
use crate::subscription::ask_whether_there;

impl Agent {
    /// Serves a REGISTER: is the domain ours, who asks, may it register this line, then the registrar.
    pub(super) fn register(&mut self, now: Instant, arrival: Arrival, out: &mut Outbox) {
        let message = &arrival.message;
        let line = peer::user(message.to());
        let is_line = self.endpoint.directory.accounts.contains_key(&*line);
        if !is_line && self.endpoint.config.reply_200_to_trunk_register && self.is_trunk(&arrival) {
            return self.register_trunk(&arrival, out);
        }
        let is_ours =
            Uri::parse(message.request_uri()).is_some_and(|uri| self.endpoint.serves(&uri, arrival.flow));
        if !is_ours {
            return self.refuse(&arrival, 404, out, |reply| reply);
        }
        // A phone that is here already goes before one that would be: its calls depend on it.
        let is_here = is_line && self.endpoint.location.is_reached_at(&line, arrival.flow.remote.ip(), now);
        if !is_here && self.load.may_refuse() {
            return self.turn_away(now, &arrival, Limit::Overload, out);
        }
        let Some(proven) = self.authenticate(now, &arrival, &line, out) else { return };
        let Some(proven) = own_line(proven, &line) else {
            self.refuse(&arrival, 403, out, |reply| reply);
            return self.report_refused(&arrival, line, 403, out);
        };
        if let Some(unmet) = session::unmet(message) {
            return self.refuse(&arrival, unmet.status(), out, |reply| unmet.explain(reply));
        }
        if !is_here {
            let limits = &self.endpoint.directory.limits;
            let admitted = match self.is_full() {
                true => Err(Limit::State),
                false => self.admission.registration(now, limits, arrival.flow.remote.ip()),
            };
            if let Err(limit) = admitted {
                return self.turn_away(now, &arrival, limit, out);
            }
        }
        let registration = Registration { request: message, line: &proven, flow: arrival.flow };
        let is_own = |uri: &Uri<'_>| self.endpoint.is_own(uri, arrival.flow);
        let Registered { status, headers } =
            Registrar::DEFAULT.register(now, registration, &self.endpoint.location, is_own, out);
        if status == 503 {
            let is_full = self.endpoint.location.is_full();
            self.refusals.count(if is_full { Limit::Registrations } else { Limit::RegistrationsPerSource });
        }
        let date = self.date(now).filter(|_| status == 200);
        self.endpoint.reply_tagged(now, arrival, status, out, |reply| {
            let reply = date.iter().fold(reply, |reply, date| reply.raw("Date", date));
            headers.iter().fold(reply, |reply, (name, value)| reply.raw(name, value))
        });
    }

    fn is_trunk(&self, arrival: &Arrival) -> bool {
        self.endpoint.trunk_at(arrival.flow).is_some()
    }

    /// A trunk that registers although it is known by its address: what it says is echoed, nothing is kept.
    fn register_trunk(&self, arrival: &Arrival, out: &mut Outbox) {
        let request = &arrival.message;
        self.refuse(arrival, 200, out, |reply| {
            reply.copy(request, HeaderName::Contact).copy(request, HeaderName::Expires)
        });
    }

    /// A stream closed: nobody can be reached by it.
    pub(super) fn drop_bindings(&self, connection: ConnectionId, out: &mut Outbox) {
        self.endpoint.location.remove_connection(connection, out);
    }

    /// Removes bindings that were not refreshed, and keeps the way to the others open. Any worker may find them due; the first one
    /// sees to them.
    pub(super) fn tend_bindings(&mut self, now: Instant, out: &mut Outbox) {
        let location = Arc::clone(&self.endpoint.location);
        location.expire(now, out);
        location.keep_alive(now, out, |line, binding, out| {
            ask_whether_there(now, line, binding, &mut self.endpoint, out)
        });
    }

    /// When something is due about a binding.
    pub(super) fn bindings_deadline(&self) -> Option<Instant> {
        self.endpoint.location.deadline()
    }
}

/// The line that a peer may register: its own.
fn own_line(peer: Peer, line: &str) -> Option<Arc<str>> {
    match peer {
        Peer::Line(proven) if *proven == *line => Some(proven),
        Peer::Line(_) | Peer::Trunk(_) => None,
    }
}
