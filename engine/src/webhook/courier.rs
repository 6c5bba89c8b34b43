//! Takes the events of one webhook to its receiver, in their order, each until it is taken.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use tokio::time::sleep_until;

use super::batch::{Batch, Told};
use super::board::Entry;
use super::post::{Failure, Poster};
use super::schedule::{Next, Schedule};
use crate::api::event_json;
use crate::config::Webhook;
use crate::driver::clock;
use crate::handle::{Delivery, Subscription};

/// One webhook.
pub(super) struct Courier {
    /// What the configuration says; marked as changed by each reload.
    pub(super) wish: watch::Receiver<Arc<Webhook>>,
    /// What the application is told, behind what was delivered.
    pub(super) events: Subscription,
    pub(super) schedule: Schedule,
    pub(super) entry: Arc<Entry>,
    pub(super) poster: Poster,
}

impl Courier {
    /// Until the engine stops, or the webhook is configured no more.
    pub(super) async fn run(mut self) {
        while let Some((batch, position)) = self.gather().await {
            if !self.deliver(&batch).await {
                return;
            }
            self.entry.passed(position);
        }
    }

    /// Waits for an event that is wanted, and takes what else is there: with the number of the last that was looked at.
    async fn gather(&mut self) -> Option<(Batch, u64)> {
        let mut batch = loop {
            let delivery = self.events.next().await?;
            let told = self.look(delivery);
            let hook = self.wish.borrow();
            if hook.filter.takes(&told.json) {
                break Batch::begin(&hook.app, &told);
            }
            self.entry.passed(told.seq);
        };
        let hook = Arc::clone(&self.wish.borrow());
        let mut position = batch.last();
        while !batch.is_full()
            && let Some(delivery) = self.events.try_next()
        {
            let told = self.look(delivery);
            position = told.seq;
            if hook.filter.takes(&told.json) {
                batch.push(&told);
            }
        }
        Some((batch, position))
    }

    fn look(&self, delivery: Delivery) -> Told {
        if let Delivery::Lost { from, to } = delivery {
            self.entry.lost(to.saturating_sub(from) + 1);
        }
        let (seq, json) = event_json(delivery);
        Told { seq, json }
    }

    /// Tries until the batch is taken; `false`: the webhook is configured no more.
    async fn deliver(&mut self, batch: &Batch) -> bool {
        let (id, body) = (batch.id(), batch.body());
        loop {
            let changed = match self.schedule.next() {
                Next::Now => Ok(false),
                Next::At(at) => tokio::select! {
                    () = sleep_until(at.into()) => Ok(false),
                    changed = self.wish.changed() => changed.map(|()| true),
                },
                Next::Never => self.wish.changed().await.map(|()| true),
            };
            match changed {
                Ok(true) => self.schedule.again(),
                Ok(false) => {}
                Err(_) => return false,
            }
            let hook = Arc::clone(&self.wish.borrow_and_update());
            match self.poster.post(&hook, &id, &body).await {
                Ok(()) => {
                    self.schedule.delivered();
                    if self.entry.delivered(batch.events(), batch.last(), clock::unix_now()) {
                        tracing::info!(webhook = %hook.name, app = %hook.app, "a webhook takes events again");
                    }
                    return true;
                }
                Err(failure) => self.failed(&hook, failure, clock::now()),
            }
        }
    }

    fn failed(&mut self, hook: &Webhook, failure: Failure, now: Instant) {
        match failure {
            Failure::Refused(status, _) if status == GONE => self.schedule.gone(),
            Failure::Refused(_, asked) => self.schedule.failed(now, asked),
            Failure::NoSuchHost
            | Failure::Unreachable
            | Failure::Tls
            | Failure::Timeout
            | Failure::Lost
            | Failure::Protocol => self.schedule.failed(now, None),
        }
        let unix_now = clock::unix_now();
        let next_try = match self.schedule.next() {
            Next::At(at) => Some(unix_now + at.saturating_duration_since(now)),
            Next::Now | Next::Never => None,
        };
        let (reason, status, server) = (failure.reason(), failure.status(), &hook.url);
        if self.entry.failed(failure, next_try, unix_now) {
            let what =
                if next_try.is_some() { "its events wait" } else { "it is told no more until a reload" };
            tracing::warn!(webhook = %hook.name, app = %hook.app, %server, reason, status, "a webhook fails: {what}");
        } else {
            tracing::debug!(webhook = %hook.name, reason, status, failures = self.schedule.failures(), "a webhook fails again");
        }
    }
}

/// What says that nobody wants events any more.
const GONE: u16 = 410;
