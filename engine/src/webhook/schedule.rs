//! When a request is tried again: a plain value, given `now` and its chance at construction.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Before the second try; each failure doubles it.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest pause that the engine makes by itself. A receiver that is back waits for no longer.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// The longest pause that a receiver may ask for: events are kept for a bounded time.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// When the next request goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// As soon as there is something to tell.
    Now,
    /// Then, the same again.
    At(Instant),
    /// The receiver wants no more.
    Never,
}

/// Requests of one webhook, one after the other.
#[derive(Debug)]
pub(super) struct Schedule {
    chance: StdRng,
    failures: u32,
    next: Next,
}

impl Schedule {
    /// Nothing has failed yet.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { chance: StdRng::from_seed(seed), failures: 0, next: Next::Now }
    }

    pub(super) const fn next(&self) -> Next {
        self.next
    }

    /// Tries that failed one after the other.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The request was taken.
    pub(super) const fn delivered(&mut self) {
        (self.failures, self.next) = (0, Next::Now);
    }

    /// It was not. The pause doubles from one second to five minutes and is cut by up to a half, so that those who failed together come
    /// back one by one; it is never shorter than what the receiver asked for, up to an hour.
    pub(super) fn failed(&mut self, now: Instant, asked: Option<Duration>) {
        let doubled = PAUSE_MIN.saturating_mul(1 << self.failures.min(16)).min(PAUSE_MAX);
        let pause = self.chance.random_range(doubled / 2..=doubled);
        let asked = asked.unwrap_or_default().min(ASKED_PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.next = Next::At(now + pause.max(asked));
    }

    /// The receiver wants no more (410).
    pub(super) const fn gone(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.next = Next::Never;
    }

    /// The operator has had the configuration read again: whatever it was, now it may be mended.
    pub(super) const fn again(&mut self) {
        self.delivered();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    /// Pauses of so many failures, in virtual time.
    fn pauses(seed: u8, count: usize) -> Vec<Duration> {
        let mut now = clock::now();
        let mut schedule = Schedule::new([seed; 32]);
        let mut pauses = Vec::new();
        for _ in 0..count {
            schedule.failed(now, None);
            let Next::At(next) = schedule.next() else { panic!("{schedule:?}") };
            pauses.push(next - now);
            now = next;
        }
        pauses
    }

    #[test]
    fn pauses_double_up_to_five_minutes_and_differ() {
        let mut longest = PAUSE_MIN;
        for (n, pause) in pauses(1, 40).into_iter().enumerate() {
            assert!((longest / 2..=longest).contains(&pause), "{n}: {pause:?} of {longest:?}");
            longest = (longest * 2).min(PAUSE_MAX);
        }
        assert_eq!(pauses(1, 20), pauses(1, 20), "by its seed");
        assert_ne!(pauses(1, 20), pauses(2, 20));
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_but_not_for_ever() {
        let now = clock::now();
        for (asked, least, most) in [(0, 0, 1), (60, 60, 60), (u64::MAX, 3_600, 3_600)] {
            let mut schedule = Schedule::new([1; 32]);
            schedule.failed(now, Some(Duration::from_secs(asked)));
            let Next::At(next) = schedule.next() else { panic!("{schedule:?}") };
            let pause = next - now;
            assert!((least..=most).contains(&pause.as_secs()), "{asked}: {pause:?}");
        }
    }

    #[test]
    fn success_and_a_reload_begin_anew_and_gone_is_for_good() {
        let now = clock::now();
        let mut schedule = Schedule::new([1; 32]);
        assert_eq!(schedule.next(), Next::Now);
        for _ in 0..u8::MAX {
            schedule.failed(now, None);
        }
        assert_eq!(schedule.failures(), 255);
        schedule.delivered();
        assert_eq!((schedule.next(), schedule.failures()), (Next::Now, 0));
        schedule.failed(now, None);
        let Next::At(next) = schedule.next() else { panic!() };
        assert!(next - now <= PAUSE_MIN, "from the beginning");
        schedule.gone();
        assert_eq!(schedule.next(), Next::Never);
        schedule.again();
        assert_eq!((schedule.next(), schedule.failures()), (Next::Now, 0));
    }
}
