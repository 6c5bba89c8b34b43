//! Requests outside any dialog that the owner of the agent answers.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

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

/// Who was not answered so long has given up (timer F, RFC 3261 §17.1.2.2): 500.
pub(crate) const PATIENCE: Duration = Duration::from_secs(32);

/// Who was there too often, or is not there, tries again then, in seconds.
const LATER_S: u32 = 60;

/// Those that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) by_id: BTreeMap<UsageId, (ServerId, Token)>,
    /// When each has waited long enough, the first first.
    due: VecDeque<(Instant, UsageId)>,
}

impl Waiting {
    fn insert(&mut self, now: Instant, id: UsageId, server: ServerId, tag: Token) {
        self.by_id.insert(id, (server, tag));
        self.due.push_back((now + PATIENCE, id));
    }

    fn remove(&mut self, id: UsageId) -> Option<(ServerId, Token)> {
        let found = self.by_id.remove(&id)?;
        while self.due.front().is_some_and(|(_, id)| !self.by_id.contains_key(id)) {
            self.due.pop_front();
        }
        Some(found)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// When the first has waited long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.front().map(|(at, _)| *at)
    }
}

impl Agent {
    /// Whether another one may wait.
    pub(super) fn may_wait(&self) -> bool {
        !self.has_no_room() && self.waiting.len() < WAITING_MAX
    }

    /// Has a request wait; the owner is to be told of it by this name.
    pub(super) fn wait(&mut self, now: Instant, arrival: Arrival) -> UsageId {
        let id = UsageId(self.next_serial().0);
        let tag = self.endpoint.token();
        let Arrival { message, flow, id: server, key } = arrival;
        let to = response_flow(&message, flow);
        self.endpoint.transactions.begin(server, key, message, to, flow.remote, None);
        self.waiting.insert(now, id, server, tag);
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
        let Some((server, tag)) = self.waiting.remove(id) else { return };
        let status = if (200..700).contains(&status) { status } else { 500 };
        let Some(response) = self.endpoint.response(server, status, tag) else { return };
        let response = match status {
            503 => response.header(HeaderName::RetryAfter, RETRY_AFTER_S),
            480 => response.header(HeaderName::RetryAfter, LATER_S),
            _ => complete(response),
        };
        self.endpoint.transactions.respond(now, server, status, response.finish(), out);
    }

    /// Those that the owner forgot are answered.
    pub(super) fn expire_waiting(&mut self, now: Instant, out: &mut Outbox) {
        while let Some((_, id)) = self.waiting.due.front().copied().filter(|(at, _)| *at <= now) {
            self.answer_waiting(now, id, 500, out, |reply| reply);
        }
    }
}
