//! Moments as RFC 3339 text in UTC, with milliseconds.

use std::time::{Duration, Instant};

use crate::driver::clock;

/// A time since the Unix epoch with microseconds, as in `2026-11-21T14:08:18.250417Z`.
pub(super) fn precise(unix: Duration) -> String {
    let text = clock::rfc3339(unix);
    format!("{}{:03}Z", text.trim_end_matches('Z'), unix.subsec_micros() % 1_000)
}

/// One moment on both clocks: what a monotonic time is on the wall. Taken once, so that a moment always reads the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    instant: Instant,
    unix: Duration,
}

impl Anchor {
    pub(super) fn new() -> Self {
        Self { instant: clock::now(), unix: clock::unix_now() }
    }

    /// A moment, as in `2026-11-21T14:08:18.250Z`.
    pub(super) fn text(&self, moment: Instant) -> String {
        let unix = match moment.checked_duration_since(self.instant) {
            Some(later) => self.unix + later,
            None => self.unix.saturating_sub(self.instant.duration_since(moment)),
        };
        clock::rfc3339(unix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_before_the_anchor_is_earlier_on_the_wall() {
        let start = clock::now();
        let anchor = Anchor { instant: start + Duration::from_secs(5), unix: Duration::from_secs(10) };
        assert_eq!(anchor.text(start), "1970-01-01T00:00:05.000Z");
        assert_eq!(anchor.text(start + Duration::from_secs(6)), "1970-01-01T00:00:11.000Z");
    }
}
