//! The one place that reads a clock.

use std::time::{Duration, Instant, SystemTime};

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
