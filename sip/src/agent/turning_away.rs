//! Calls for which there is no room: 503, without state (RFC 3261 §8.2.7, §21.5.4; RFC 7339 §5).
//!
//! An agent that does not keep up turns a call away at a glance, before the INVITE is scanned: else a rush would leave little
//! time for the calls that are let in. A call that is no datagram, or not plain, takes the longer way to the same answer.

use std::time::Instant;

use bytes::BytesMut;

use super::Agent;
use crate::admission::{EMERGENCY_NUMBERS, Limit};
use crate::endpoint::{Arrival, response_flow_by};
use crate::message::{Builder, Glance, HeaderName, Message, Method, Uri, response_at_a_glance};
use crate::outbox::{Outbox, Transmit};
use crate::token::Token;
use crate::transaction::ServerKey;
use crate::transport::Flow;

/// The most seconds after which a caller may try again.
const RETRY_AFTER_MAX_S: u64 = 10;

/// Refusals share pieces of memory of this size, which is used again once they are all sent.
const SHEET_BYTES: usize = 16 << 10;

/// What most refusals fit into.
const REFUSAL_BYTES: usize = 1 << 10;

/// Memory that refusals are written into, again and again.
#[derive(Debug, Default)]
pub(super) struct Paper {
    draft: Vec<u8>,
    sheet: BytesMut,
}

impl Agent {
    /// Whether calls are turned away, or have been of late: whether a [glance](Self::glance) may be enough.
    pub fn turns_away(&self, now: Instant) -> bool {
        self.load.may_refuse() || self.turned_away.is_recent(now)
    }

    /// Turns a call away, or takes the ACK of one that was turned away, at a glance: nothing of the datagram is kept. Whether
    /// that is all there is to do; if not, the message is to be received.
    pub fn glance(&mut self, now: Instant, flow: Flow, bytes: &[u8], out: &mut Outbox) -> bool {
        if !self.turns_away(now) || flow.transport.is_reliable() {
            return false;
        }
        let Some(glance) = Glance::at(bytes, &self.endpoint.config.limits) else { return false };
        let tag = self.endpoint.stateless_tag_at_a_glance(&glance);
        if glance.method == Method::Ack {
            return Token::parse(glance.to_tag) == Some(tag);
        }
        if !glance.to_tag.is_empty() {
            return false;
        }
        let key = ServerKey::of_glance(&glance);
        let id = self.endpoint.transactions.server_id(&key);
        let is_again = self.turned_away.contains(id);
        // One that was let in comes again: it is absorbed.
        if self.endpoint.transactions.contains(id, &key) {
            return false;
        }
        if !is_again && !self.is_too_much_at_a_glance(now, flow, &glance) {
            return false;
        }
        if !is_again {
            self.refusals.count(Limit::Overload);
            self.turned_away.note(now, id);
        }
        let Paper { draft, sheet } = &mut self.paper;
        if sheet.capacity() < REFUSAL_BYTES {
            sheet.reserve(SHEET_BYTES);
        }
        let refusal = response_at_a_glance(&glance, 503, flow.remote, tag, std::mem::take(draft));
        let (bytes, used) = come_later(refusal, tag).finish_in(sheet);
        *draft = used;
        out.transmits.push(Transmit { flow: response_flow_by(&glance.via, flow), bytes });
        true
    }

    /// Whether a call is refused before it is looked at more closely. One that is not may still be.
    fn is_too_much_at_a_glance(&mut self, now: Instant, flow: Flow, glance: &Glance<'_>) -> bool {
        let source = flow.remote.ip();
        let is_trunk = self.endpoint.trunk_at(flow).is_some();
        let is_known = is_trunk || self.endpoint.location.is_known(source);
        if !self.load.would_refuse(is_known) || is_known && is_urgent(glance.uri, glance.priority) {
            return false;
        }
        self.load.refuses(now, is_known, is_trunk || glance.has_authorization)
    }

    /// Counts a request where the worker is behind, and says whether it is to be refused should it begin something.
    pub(super) fn is_too_much(&mut self, now: Instant, arrival: &Arrival) -> bool {
        if !self.load.is_behind() {
            return false;
        }
        let source = arrival.flow.remote.ip();
        let is_trunk = self.endpoint.trunk_at(arrival.flow).is_some();
        let is_known = is_trunk || self.endpoint.location.is_known(source);
        let message = &arrival.message;
        let is_proven = is_trunk || message.value(HeaderName::Authorization).is_some();
        let is_call = is_proven && message.method() == Method::Invite;
        self.load.refuses(now, is_known, is_call)
            && !(is_known && is_urgent_call(message) && self.load.takes_urgent(now))
    }

    /// Refuses what there is too much of with 503, and counts it. An INVITE that comes again is refused again.
    pub(super) fn turn_away(&mut self, now: Instant, arrival: &Arrival, limit: Limit, out: &mut Outbox) {
        if arrival.message.method() != Method::Invite || !self.turned_away.contains(arrival.id) {
            self.refusals.count(limit);
        }
        if arrival.message.method() == Method::Invite {
            self.turned_away.note(now, arrival.id);
        }
        self.turn_away_again(arrival, out);
    }

    /// Refuses an INVITE that was turned away before.
    pub(super) fn turn_away_again(&self, arrival: &Arrival, out: &mut Outbox) {
        let tag = self.endpoint.stateless_tag(&arrival.message);
        self.refuse(arrival, 503, out, |refusal| come_later(refusal, tag));
    }
}

/// Says when to try again. Those who are turned away at once are not to come back at once, and each is to be told the same again.
fn come_later(refusal: Builder, tag: Token) -> Builder {
    refusal.header(HeaderName::RetryAfter, 1 + tag.bits % RETRY_AFTER_MAX_S)
}

/// Whether a call goes to an emergency number. A header that anybody may write lifts no limit of a line.
pub(super) fn calls_emergency_number(message: &Message) -> bool {
    message.method() == Method::Invite && is_urgent(message.request_uri(), "")
}

fn is_urgent_call(message: &Message) -> bool {
    message.method() == Method::Invite
        && is_urgent(message.request_uri(), message.other("Priority").unwrap_or_default())
}

/// Whether somebody calls for help (RFC 3261 §20.26), as far as it can be seen in the INVITE.
fn is_urgent(uri: &str, priority: &str) -> bool {
    let user = uri.split_once(':').map_or("", |(_, rest)| rest.split(['@', ';']).next().unwrap_or_default());
    let is_help = || EMERGENCY_NUMBERS.contains(&user) || Uri::parse(uri).is_some_and(|uri| uri.is_sos());
    priority.eq_ignore_ascii_case("emergency") || is_help()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_for_help_are_known_by_number_or_priority() {
        for uri in ["sip:112@pbx.example", "sips:911@10.0.0.1:5061;transport=tcp", "tel:999", "tel:110;x=1"] {
            assert!(is_urgent(uri, ""), "{uri}");
        }
        assert!(is_urgent("sip:bob@h", "Emergency"));
        for (uri, priority) in
            [("sip:1112@h", "urgent"), ("sip:112", "x"), ("112@h", ""), ("", ""), ("sip:h@112", "")]
        {
            assert_eq!(is_urgent(uri, priority), uri == "sip:112", "{uri}");
        }
    }
}
