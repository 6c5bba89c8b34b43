//! How often an application may ask: a rate for each, so that one that runs wild leaves the others room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use trunkline_sip::admission::Rate;

use crate::switch::AppId;

/// Whose turn it is. Applications are those of the configuration, so there are never many.
#[derive(Debug)]
pub(super) struct Limiter {
    per_second: u32,
    epoch: Instant,
    /// Up to when each has used up its rate, in nanoseconds since `epoch`.
    used_up: Mutex<HashMap<AppId, u64>>,
    refused: AtomicU64,
}

impl Limiter {
    /// `per_second` requests of each application; 0: as many as they like.
    pub(super) fn new(now: Instant, per_second: u32) -> Self {
        Self { per_second, epoch: now, used_up: Mutex::default(), refused: AtomicU64::new(0) }
    }

    /// Takes one request of the application.
    ///
    /// # Errors
    /// It has asked too often: how many a second it may.
    pub(super) fn take(&self, now: Instant, app: AppId) -> Result<(), u32> {
        if self.per_second == 0 {
            return Ok(());
        }
        let now_ns = u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX);
        let mut all = self.used_up.lock().unwrap_or_else(PoisonError::into_inner);
        let used_up = all.entry(app).or_default();
        match Rate::per_second(self.per_second).take(*used_up, now_ns) {
            Some(then) => {
                *used_up = then;
                Ok(())
            }
            None => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(self.per_second)
            }
        }
    }

    /// How many were refused since the start.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::driver::clock;

    #[test]
    fn each_application_has_a_rate_of_its_own() {
        let start = clock::now();
        let limiter = Limiter::new(start, 10);
        let taken = |now, app| (0..50).filter(|_| limiter.take(now, AppId(app)).is_ok()).count();
        assert_eq!((taken(start, 1), taken(start, 2)), (10, 10), "a second's worth at once");
        assert_eq!(limiter.take(start, AppId(1)), Err(10));
        assert_eq!(taken(start + Duration::from_millis(300), 1), 3);
        assert_eq!(taken(start + Duration::from_secs(60), 1), 10, "rest is not saved up");
        assert_eq!(limiter.refused(), 40 + 40 + 1 + 47 + 40);
        let none = Limiter::new(start, 0);
        assert!((0..10_000).all(|_| none.take(start, AppId(1)).is_ok()));
    }
}
