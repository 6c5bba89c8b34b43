//! How each webhook does: written by who posts, read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::post::Failure;
use crate::config::Webhook;
use crate::switch::AppId;

/// The webhooks that there are.
#[derive(Debug, Default)]
pub(crate) struct Board {
    entries: ArcSwap<Vec<Arc<Entry>>>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its application.
    pub(crate) app: AppId,
    now: Mutex<Now>,
    /// The last event that it was told, or did not want to be.
    position: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    lost: AtomicU64,
}

/// What changes.
#[derive(Clone, Debug)]
pub(crate) struct Now {
    /// What the configuration says.
    pub(crate) hook: Arc<Webhook>,
    /// Whether events arrive.
    pub(crate) standing: Standing,
    /// Since when, since the Unix epoch.
    pub(crate) since: Duration,
    /// The last event that was delivered.
    pub(crate) last_seq: Option<u64>,
    /// Tries that failed one after the other.
    pub(crate) failures: u32,
    /// Why the last of all tries that failed did, and when.
    pub(crate) last_error: Option<LastError>,
    /// When the next try is, since the Unix epoch.
    pub(crate) next_try: Option<Duration>,
}

/// Whether events arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// The last try was taken, or there was none yet.
    Up,
    /// It was not: events wait.
    Failing,
    /// The receiver wants no more; a reload asks again.
    Gone,
}

impl Standing {
    /// Its name in the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }
}

/// Why a try failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LastError {
    /// As in `unreachable`.
    pub(crate) reason: &'static str,
    /// The HTTP status, where one was answered.
    pub(crate) status: Option<u16>,
    /// When, since the Unix epoch.
    pub(crate) at: Duration,
}

/// What was counted since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    /// Events that were delivered.
    pub(crate) delivered: u64,
    /// Tries that failed.
    pub(crate) failed: u64,
    /// Events that were kept no longer when their turn came.
    pub(crate) lost: u64,
}

impl Board {
    /// Those that there are now, in the order of the configuration.
    pub(crate) fn entries(&self) -> Arc<Vec<Arc<Entry>>> {
        self.entries.load_full()
    }

    pub(crate) fn set(&self, entries: Vec<Arc<Entry>>) {
        self.entries.store(Arc::new(entries));
    }
}

impl Entry {
    pub(crate) fn new(app: AppId, hook: Arc<Webhook>, position: u64, unix_now: Duration) -> Self {
        let now = Now {
            hook,
            standing: Standing::Up,
            since: unix_now,
            last_seq: None,
            failures: 0,
            last_error: None,
            next_try: None,
        };
        Self {
            app,
            now: Mutex::new(now),
            position: AtomicU64::new(position),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// How it is.
    pub(crate) fn now(&self) -> Now {
        self.lock().clone()
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts { delivered: read(&self.delivered), failed: read(&self.failed), lost: read(&self.lost) }
    }

    /// The last event that it was told, or did not want to be.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    pub(super) fn passed(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, events: u64) {
        self.lost.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn configured(&self, hook: Arc<Webhook>) {
        self.lock().hook = hook;
    }

    /// So many events were taken, this one last; whether it is up again.
    pub(super) fn delivered(&self, events: usize, last: u64, unix_now: Duration) -> bool {
        self.delivered.fetch_add(events as u64, Ordering::Relaxed);
        let mut now = self.lock();
        (now.last_seq, now.failures, now.next_try) = (Some(last), 0, None);
        now.stand(Standing::Up, unix_now)
    }

    /// A try failed, and the next is then, if any; whether that is news.
    pub(super) fn failed(&self, failure: Failure, next_try: Option<Duration>, unix_now: Duration) -> bool {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut now = self.lock();
        now.failures = now.failures.saturating_add(1);
        now.last_error = Some(LastError { reason: failure.reason(), status: failure.status(), at: unix_now });
        now.next_try = next_try;
        let standing = if next_try.is_some() { Standing::Failing } else { Standing::Gone };
        now.stand(standing, unix_now)
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn stand(&mut self, standing: Standing, unix_now: Duration) -> bool {
        let is_news = self.standing != standing;
        if is_news {
            (self.standing, self.since) = (standing, unix_now);
        }
        is_news
    }
}
