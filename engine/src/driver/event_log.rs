//! What each application was told, numbered, so that a reader that was away can go on where it stopped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::switch::ids::AppId;
use crate::switch::message::Message;

/// Messages kept for each application. A reader that is further behind is told how many it lost.
pub(crate) const KEPT_MESSAGES: usize = 16_384;

/// The number of the first message of an engine that starts now, a time since the Unix epoch: its microseconds. No engine tells one
/// application a million messages a second for long, so the next life begins above; and every JSON reader has 53 bits.
pub(crate) fn first_of_life(unix_now: Duration) -> u64 {
    u64::try_from(unix_now.as_micros()).unwrap_or(u64::MAX >> 1).max(1)
}

/// The logs of all applications.
#[derive(Debug)]
pub(crate) struct EventLog {
    apps: Vec<Arc<AppLog>>,
    /// The number of the first message of this life.
    first: u64,
}

#[derive(Debug)]
struct AppLog {
    kept: Mutex<Kept>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Sequence number of the oldest message that is kept.
    first: u64,
    messages: VecDeque<Arc<Message>>,
}

impl EventLog {
    /// Logs of so many applications, whose first message has this number: larger than any of an earlier life of the engine, so
    /// that who comes back with a number from there is told what it lost.
    pub(crate) fn new(apps: usize, first: u64) -> Self {
        let log = || AppLog {
            kept: Mutex::new(Kept { first, messages: VecDeque::new() }),
            newest: watch::Sender::new(first - 1),
        };
        Self { apps: (0..apps).map(|_| Arc::new(log())).collect(), first }
    }

    /// The number before that of the first message of this life.
    pub(crate) const fn before_all(&self) -> u64 {
        self.first - 1
    }

    /// How many messages of this life an application was told behind this one.
    pub(crate) fn behind(&self, app: AppId, position: u64) -> u64 {
        let newest = self.apps.get(app.0 as usize).map_or(0, |log| *log.newest.borrow());
        newest.saturating_sub(position.max(self.before_all()))
    }

    /// Appends a message for one application.
    pub(crate) fn append(&self, app: AppId, message: Message) {
        let Some(log) = self.apps.get(app.0 as usize) else { return };
        let newest = {
            let mut kept = log.lock();
            if kept.messages.len() == KEPT_MESSAGES {
                kept.messages.pop_front();
                kept.first += 1;
            }
            kept.messages.push_back(Arc::new(message));
            kept.first + kept.messages.len() as u64 - 1
        };
        log.newest.send_replace(newest);
    }

    /// How many read the messages of each application.
    pub(crate) fn readers(&self) -> Vec<usize> {
        self.apps.iter().map(|log| log.newest.receiver_count()).collect()
    }

    /// Reads one application's messages after a sequence number; `None`: from here on.
    pub(crate) fn subscribe(&self, app: AppId, after: Option<u64>) -> Option<Subscription> {
        let log = self.apps.get(app.0 as usize)?;
        let newest = log.newest.subscribe();
        let last = *newest.borrow();
        let after = match after {
            None => last,
            Some(after) if after <= last => after,
            // No number of ours, or the clock went back between two lives: that reader may have missed anything.
            Some(_) => 0,
        };
        Some(Subscription { log: Arc::clone(log), next: after + 1, newest })
    }
}

impl AppLog {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a subscription yields.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// The next message.
    Message {
        /// Its number: one more than that of the message before.
        seq: u64,
        /// The message.
        message: Arc<Message>,
    },
    /// Messages that are kept no longer: the reader was too slow or away for too long, or the engine started again meanwhile.
    Lost {
        /// The first that is lost.
        from: u64,
        /// The last that is lost.
        to: u64,
    },
}

/// A reader of one application's messages.
#[derive(Debug)]
pub struct Subscription {
    log: Arc<AppLog>,
    next: u64,
    newest: watch::Receiver<u64>,
}

impl Subscription {
    /// The next message, waiting for it. `None` once the engine has stopped. Safe to cancel.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            if let Some(delivery) = self.poll_kept() {
                return Some(delivery);
            }
            self.newest.changed().await.ok()?;
        }
    }

    /// The next message, if there is one already.
    pub(crate) fn try_next(&mut self) -> Option<Delivery> {
        self.poll_kept()
    }

    /// The number of the message before the next.
    pub(crate) const fn position(&self) -> u64 {
        self.next - 1
    }

    fn poll_kept(&mut self) -> Option<Delivery> {
        let kept = self.log.lock();
        if self.next < kept.first {
            let from = self.next;
            self.next = kept.first;
            return Some(Delivery::Lost { from, to: kept.first - 1 });
        }
        let offset = usize::try_from(self.next - kept.first).ok()?;
        let message = Arc::clone(kept.messages.get(offset)?);
        self.next += 1;
        Some(Delivery::Message { seq: self.next - 1, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::ids::{CallId, RequestId};
    use crate::switch::operation::Outcome;

    fn message(n: u64) -> Message {
        Message::Reply { request: RequestId(1), reply: Ok(Outcome::Call(CallId(n))) }
    }

    #[tokio::test]
    async fn a_reader_that_was_away_goes_on_where_it_stopped() {
        let log = EventLog::new(1, 1);
        for n in 0..3 {
            log.append(AppId(0), message(n));
        }
        let mut reader = log.subscribe(AppId(0), Some(1)).expect("the application exists");
        assert!(matches!(reader.next().await, Some(Delivery::Message { seq: 2, .. })));
        assert!(matches!(reader.next().await, Some(Delivery::Message { seq: 3, .. })));
    }

    #[tokio::test]
    async fn a_reader_of_an_earlier_life_is_told_that_it_lost_something() {
        let (earlier, first) = (Duration::from_secs(1_700_000_000), Duration::from_secs(1_700_000_001));
        let (earlier, first) = (first_of_life(earlier), first_of_life(first));
        let log = EventLog::new(1, first);
        log.append(AppId(0), message(1));
        for (after, from) in [(earlier, earlier + 1), (first + 1, 1), (u64::MAX, 1)] {
            let mut reader = log.subscribe(AppId(0), Some(after)).expect("the application exists");
            let lost = reader.next().await;
            assert!(
                matches!(lost, Some(Delivery::Lost { from: f, to }) if (f, to) == (from, first - 1)),
                "{lost:?}"
            );
            let next = reader.next().await;
            assert!(matches!(next, Some(Delivery::Message { seq, .. }) if seq == first), "{next:?}");
        }
        // Who has the last number of all that there could be has missed nothing.
        let mut reader = log.subscribe(AppId(0), Some(first - 1)).expect("the application exists");
        assert!(matches!(reader.next().await, Some(Delivery::Message { seq, .. }) if seq == first));
    }

    #[test]
    fn numbers_are_exact_in_every_reader_of_json() {
        let year_2200 = Duration::from_secs(230 * 366 * 86_400);
        assert!(first_of_life(year_2200) < 1 << 53);
        assert_eq!(first_of_life(Duration::ZERO), 1, "a machine without a clock");
    }

    #[tokio::test]
    async fn numbers_go_on_beyond_32_bits() {
        let log = EventLog::new(1, 1);
        log.apps[0].lock().first = u64::from(u32::MAX) - 1;
        log.append(AppId(0), message(1));
        let mut reader = log.subscribe(AppId(0), None).expect("the application exists");
        for expected in u64::from(u32::MAX)..u64::from(u32::MAX) + 4 {
            log.append(AppId(0), message(expected));
            assert!(matches!(reader.next().await, Some(Delivery::Message { seq, .. }) if seq == expected));
        }
    }

    #[tokio::test]
    async fn a_reader_that_is_too_slow_is_told_what_it_lost() {
        let log = EventLog::new(1, 1);
        let mut reader = log.subscribe(AppId(0), None).expect("the application exists");
        for n in 0..KEPT_MESSAGES as u64 + 5 {
            log.append(AppId(0), message(n));
        }
        assert!(matches!(reader.next().await, Some(Delivery::Lost { from: 1, to: 5 })));
        assert!(matches!(reader.next().await, Some(Delivery::Message { seq: 6, .. })));
    }
}
