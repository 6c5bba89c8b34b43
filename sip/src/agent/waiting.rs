//! Requests outside any dialog that the owner of the agent answers.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Agent;
use super::outside::RETRY_AFTER_S;
use crate::endpoint::{Arrival, response_flow};
use crate::ids::UsageId;
use crate::message::{Builder, HeaderName};
use crate::outbox::Outbox;
use crate::token::Token;
use crate::transaction::ServerId;

/// How many of one agent wait for their answer at a time.
pub(crate) const WAITING_MAX: usize = 10_000;

/// Those that wait.
pub(super) type Waiting = BTreeMap<UsageId, (ServerId, Token)>;

impl Agent {
    /// Whether another one may wait.
    pub(super) fn may_wait(&self) -> bool {
        !self.has_no_room() && self.waiting.len() < WAITING_MAX
    }

    /// Has a request wait; the owner is to be told of it by this name.
    pub(super) fn wait(&mut self, arrival: Arrival) -> UsageId {
        let id = UsageId(self.next_serial().0);
        let tag = self.endpoint.token();
        let Arrival { message, flow, id: server, key } = arrival;
        let to = response_flow(&message, flow);
        self.endpoint.transactions.begin(server, key, message, to, flow.remote, None);
        self.waiting.insert(id, (server, tag));
        id
    }

    /// Answers one finally.
    pub(super) fn answer_waiting(
        &mut self,
        now: Instant,
        id: UsageId,
        status: u16,
        out: &mut Outbox,
        complete: impl FnOnce(Builder) -> Builder,
    ) {
        let Some((server, tag)) = self.waiting.remove(&id) else { return };
        let status = if (200..700).contains(&status) { status } else { 500 };
        let Some(response) = self.endpoint.response(server, status, tag) else { return };
        let response = match status {
            503 => response.header(HeaderName::RetryAfter, RETRY_AFTER_S),
            _ => complete(response),
        };
        self.endpoint.transactions.respond(now, server, status, response.finish(), out);
    }
}
