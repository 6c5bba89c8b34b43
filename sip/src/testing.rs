//! What the tests of this crate share.

use std::time::Instant;

/// The instant at which virtual time starts.
#[expect(clippy::disallowed_methods, reason = "there is no other instant to count from")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
