//! How often the phones of a line may ask for something.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);

/// So many a line in a minute, counted from the first of them.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Allowance {
    max: u32,
    counts: BTreeMap<Arc<str>, (Instant, u32)>,
}

impl Allowance {
    pub(super) const fn new(max: u32) -> Self {
        Self { max, counts: BTreeMap::new() }
    }

    /// Whether one more may be.
    pub(super) fn admits(&mut self, now: Instant, line: &Arc<str>) -> bool {
        let (since, count) = self.counts.entry(Arc::clone(line)).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.max
    }

    /// Forgets the lines that are no more.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.counts.retain(|line, _| is_there(line));
    }

    /// How many lines are counted.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_begins_with_the_first_of_a_line() {
        let mut allowance = Allowance::new(2);
        let (start, one, other) = (crate::driver::clock::now(), Arc::from("1001"), Arc::from("1002"));
        let mut asked = |seconds, line| allowance.admits(start + Duration::from_secs(seconds), line);
        assert_eq!([asked(0, &one), asked(59, &one), asked(59, &one)], [true, true, false]);
        assert!(asked(59, &other), "of another line");
        assert_eq!([asked(60, &one), asked(60, &one), asked(60, &one)], [true, true, false]);
    }
}
