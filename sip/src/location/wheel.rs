//! Lines that something is to be done about: by the second in which it is due.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use foldhash::fast::RandomState;

/// Lines by whole seconds since an epoch. Shared by the workers; what is due is given to one of them.
#[derive(Debug)]
pub(super) struct Wheel {
    epoch: Instant,
    seconds: DashMap<u64, BTreeSet<Arc<str>>, RandomState>,
    /// The least key of `seconds`, or less; [`NEVER`] where it is empty.
    next: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Wheel {
    pub(super) fn new(epoch: Instant) -> Self {
        Self { epoch, seconds: DashMap::default(), next: AtomicU64::new(NEVER) }
    }

    /// Takes out what is due, by seconds.
    pub(super) fn take(&self, now: Instant) -> Vec<(u64, BTreeSet<Arc<str>>)> {
        let current = self.second_of(now);
        if self.next.load(Ordering::Acquire) > current {
            return Vec::new();
        }
        // Emptied before the scan, so that what others put in meanwhile is not overwritten.
        self.next.store(NEVER, Ordering::Release);
        let seconds: Vec<u64> = self.seconds.iter().map(|entry| *entry.key()).collect();
        let (mut due, later): (Vec<u64>, Vec<u64>) =
            seconds.into_iter().partition(|second| *second <= current);
        if let Some(next) = later.into_iter().min() {
            self.next.fetch_min(next, Ordering::AcqRel);
        }
        due.sort_unstable();
        due.into_iter().filter_map(|second| self.seconds.remove(&second)).collect()
    }

    /// When to call [`Self::take`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        let second = self.next.load(Ordering::Acquire);
        (second != NEVER).then(|| self.epoch + Duration::from_secs(second))
    }

    /// Brings the entry of a line from one second to another. `entry` is the line's own note of where it is.
    pub(super) fn shift(&self, name: &Arc<str>, entry: &mut Option<u64>, to: Option<u64>) {
        if *entry == to {
            return;
        }
        if let Some(second) = *entry {
            self.seconds.remove_if_mut(&second, |_, lines| {
                lines.remove(name);
                lines.is_empty()
            });
        }
        if let Some(second) = to {
            self.seconds.entry(second).or_default().insert(Arc::clone(name));
            self.next.fetch_min(second, Ordering::AcqRel);
        }
        *entry = to;
    }

    /// The second that an instant is in.
    pub(super) fn second_of(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.epoch).as_secs()
    }

    /// The first second that begins no earlier than the instant.
    pub(super) fn second_after(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.epoch);
        since.as_secs() + u64::from(since.subsec_nanos() > 0)
    }

    /// How many seconds have something in them.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.seconds.len()
    }
}
