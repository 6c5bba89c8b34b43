//! Who sent a request: a trunk by its address, a line by its password (RFC 3261 §22). Never by what a header claims.

use std::sync::Arc;
use std::time::Instant;

use super::Agent;
use crate::endpoint::Arrival;
use crate::outbox::{Event, Outbox, Peer};

/// A sender that is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    pub(super) peer: Peer,
    /// The user that From may name: that of the credentials.
    pub(super) from_user: Option<String>,
}

/// How much of a user name is reported.
const USER_BYTES_MAX: usize = 64;

impl Agent {
    /// Says who sent a request, or answers it: with a challenge, or with 403.
    pub(super) fn admit_peer(
        &mut self,
        _now: Instant,
        arrival: &Arrival,
        out: &mut Outbox,
    ) -> Option<Identity> {
        if let Some(trunk) = self.endpoint.directory.trunk_at(arrival.flow.remote.ip()) {
            return Some(Identity::trunk(Arc::clone(trunk)));
        }
        self.refuse(arrival, 403, out, |reply| reply);
        self.refused(arrival, 403, out);
        None
    }

    /// Tells for the log that a request was turned away.
    pub(super) fn refused(&self, arrival: &Arrival, status: u16, out: &mut Outbox) {
        let from = arrival.message.from().and_then(|from| from.parsed_uri());
        let mut user = from.map(|uri| uri.user_unescaped().into_owned()).unwrap_or_default();
        user.truncate(user.floor_char_boundary(USER_BYTES_MAX));
        let method = arrival.message.method().name();
        out.events.push(Event::Refused { flow: arrival.flow, method, user, status });
    }
}
