//! The one place that reads a clock.

use std::time::{Duration, Instant, SystemTime};

use trunkline_sip::date::Day;

/// Monotonic time: what every core calls `now`.
#[expect(clippy::disallowed_methods, reason = "the drivers' one monotonic clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Wall-clock time since the Unix epoch, for people and for state that outlives the process.
#[expect(clippy::disallowed_methods, reason = "the drivers' one wall clock")]
pub(crate) fn unix_now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A time since the Unix epoch, as in `2026-11-21T14:08:18.250Z`.
pub(crate) fn rfc3339(unix: Duration) -> String {
    let Day { year, month, day } = Day::of(unix);
    let of_day = unix.as_secs() % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", unix.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (1_798_761_600_250, "2027-01-01T00:00:00.250Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_millis(unix_ms)), text);
        }
    }
}
