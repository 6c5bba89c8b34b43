//! When something that failed is tried again: sooner at first, then at longer and longer intervals.

use std::time::{Duration, Instant};

/// After the first failure.
const LEAST: Duration = Duration::from_millis(250);

/// After many.
const MOST: Duration = Duration::from_secs(10);

/// How long nothing is tried.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Patience(Option<(Instant, Duration)>);

impl Patience {
    /// Whether it may be tried.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.0.is_none_or(|(until, _)| until <= now)
    }

    /// Until when it is not tried.
    pub(super) fn until(&self) -> Option<Instant> {
        self.0.map(|(until, _)| until)
    }

    /// It was tried, and failed.
    pub(super) fn failed(&mut self, now: Instant) {
        let pause = self.0.map_or(LEAST, |(_, pause)| (pause * 2).min(MOST));
        self.0 = Some((now + pause, pause));
    }

    /// It went well; whether it had failed before.
    pub(super) fn succeeded(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    #[test]
    fn it_grows_to_a_limit_and_is_gone_with_success() {
        let now = clock::now();
        let mut patience = Patience::default();
        assert!(patience.is_over(now));
        let mut pauses = Vec::new();
        for _ in 0..8 {
            patience.failed(now);
            assert!(!patience.is_over(now));
            pauses.extend(patience.until().map(|until| (until - now).as_millis()));
        }
        assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        assert!(patience.is_over(now + MOST) && patience.succeeded() && !patience.succeeded());
    }
}
