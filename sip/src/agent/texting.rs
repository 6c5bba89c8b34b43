//! MESSAGE of a line's phones (RFC 3428), outside any dialog: pager mode.
//!
//! ```text
//!  MESSAGE ─▶ Event::Text ─▶ AnswerText ─▶ the final response
//! ```
//!
//! Whoever sends it is asked who he is as a caller is. Networks send none: nobody there could be asked.

use std::time::Instant;

use super::Agent;
use super::peer::names_nobody;
use crate::admission::Limit;
use crate::endpoint::{self, Arrival};
use crate::ids::UsageId;
use crate::message::{HeaderName, Uri};
use crate::outbox::{Event, IncomingText, Outbox, Peer};
use crate::session;
use crate::subscription::TEXT_BYTES_MAX;

/// The longest Content-Type that is passed on.
const TYPE_BYTES_MAX: usize = 128;

/// What a text is that does not say so (RFC 3261 §7.4.1 has no default; RFC 3428 §10 has no other).
const PLAIN: &str = "text/plain";

impl Agent {
    /// A MESSAGE outside any dialog.
    pub(super) fn texted(&mut self, now: Instant, arrival: Arrival, out: &mut Outbox) {
        let Some(peer) = self.admit_peer(now, &arrival, out) else { return };
        let Peer::Line(line) = peer else { return self.refuse(&arrival, 405, out, endpoint::allow) };
        let message = &arrival.message;
        let hops = message.max_forwards();
        let Some(max_forwards) = hops.map_or(Some(MAX_FORWARDS), |hops| hops.checked_sub(1)) else {
            return self.refuse(&arrival, 483, out, |reply| reply);
        };
        if self.endpoint.transactions.is_merged(message) {
            return self.refuse(&arrival, 482, out, |reply| reply);
        }
        if let Some(unmet) = session::unmet(message) {
            return self.refuse(&arrival, unmet.status(), out, |reply| unmet.explain(reply));
        }
        if message.value(HeaderName::ContentEncoding).is_some_and(|coding| !coding.is_empty()) {
            return self.refuse(&arrival, 415, out, |reply| reply.raw("Accept-Encoding", "identity"));
        }
        let content_type = message.content_type().unwrap_or(PLAIN).to_owned();
        if message.body().len() > TEXT_BYTES_MAX || content_type.len() > TYPE_BYTES_MAX {
            return self.refuse(&arrival, 513, out, |reply| reply);
        }
        let Some(dialled) = Uri::parse(message.request_uri()).map(|uri| uri.user_unescaped().into_owned())
        else {
            return self.refuse(&arrival, 416, out, |reply| reply);
        };
        if !self.may_wait() {
            return self.turn_away(now, &arrival, Limit::State, out);
        }
        let text = IncomingText {
            line,
            dialled,
            is_hidden: names_nobody(message.from()),
            max_forwards: u8::try_from(max_forwards).unwrap_or(u8::MAX),
            content_type,
            body: message.body_bytes(),
        };
        let id = self.wait(now, arrival);
        out.events.push(Event::Text(id, Box::new(text)));
    }

    /// Answers one.
    pub(super) fn answer_text(&mut self, now: Instant, id: UsageId, status: u16, out: &mut Outbox) {
        self.answer_waiting(now, id, status, out, |reply| reply);
    }
}

/// What a MESSAGE says about hops where it says nothing.
const MAX_FORWARDS: u32 = 70;
