//! A limited rate as one number (GCRA, ITU-T I.371): up to which instant it is used up.

use std::time::Duration;

/// How long a rate may be unused and then made up for at once.
pub(super) const BURST: Duration = Duration::from_secs(1);

/// How many a second; a second's worth may come at once.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    interval_ns: u64,
}

impl Rate {
    /// At least one.
    pub fn per_second(rate: u32) -> Self {
        Self { interval_ns: 1_000_000_000 / u64::from(rate.max(1)) }
    }

    /// What `used_up_ns` becomes by one more; `None`: that is too early. Both are nanoseconds since the same epoch.
    pub fn take(self, used_up_ns: u64, now_ns: u64) -> Option<u64> {
        let then = used_up_ns.max(now_ns).saturating_add(self.interval_ns);
        (then <= now_ns.saturating_add(BURST.as_nanos() as u64)).then_some(then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many attempts a second are let in within so many seconds.
    fn let_in(rate: u32, attempts: u64, seconds: u64) -> u64 {
        let (rate, mut used_up) = (Rate::per_second(rate), 0);
        let mut count = 0;
        for attempt in 0..attempts * seconds {
            if let Some(then) = rate.take(used_up, attempt * 1_000_000_000 / attempts) {
                used_up = then;
                count += 1;
            }
        }
        count
    }

    #[test]
    fn a_rate_is_kept_with_one_burst() {
        assert_eq!(let_in(10, 10, 60), 600, "whoever keeps to it is never refused");
        assert_eq!(let_in(10, 1_000, 60), 609, "a burst, then the rate");
        assert_eq!(let_in(1, 100, 10), 10);
        assert_eq!(let_in(u32::MAX, 100_000, 1), 100_000);
    }

    #[test]
    fn nothing_is_saved_up_beyond_a_second() {
        let rate = Rate::per_second(5);
        let mut used_up = 0;
        let now = 3_600_000_000_000;
        let burst = std::iter::from_fn(|| {
            used_up = rate.take(used_up, now)?;
            Some(())
        });
        assert_eq!(burst.count(), 5);
        assert_eq!(rate.take(used_up, now + 199_999_999), None);
        assert!(rate.take(used_up, now + 200_000_000).is_some());
        assert_eq!(rate.take(u64::MAX, u64::MAX), Some(u64::MAX), "the end of time is no overflow");
    }
}
