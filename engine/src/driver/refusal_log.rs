//! Refusals in the log: one line each in a fixed form, which fail2ban and its like read (SECURITY.md), and never more of them
//! than a log can bear, however many guess at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use trunkline_sip::admission::network;

/// Lines about one source within [`WINDOW`]: twice as many as are needed to ban it.
const LINES_PER_SOURCE_MAX: u32 = 10;

/// The time over which the lines about a source are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Lines about all sources within a second.
const LINES_PER_SECOND_MAX: u32 = 100;

/// Sources whose lines are counted. When there are more, those of past windows are forgotten, and where that is too little, all.
const SOURCES_MAX: usize = 4_096;

/// How much of a user name is shown, in bytes.
const USER_BYTES_MAX: usize = 64;

/// What was written of late.
#[derive(Debug)]
pub(crate) struct RefusalLog {
    /// By [`network`].
    sources: HashMap<u64, Count>,
    second: Count,
    /// Refusals without a line since the last that had one.
    untold: u64,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    lines: u32,
}

impl Count {
    const fn new(now: Instant) -> Self {
        Self { since: now, lines: 0 }
    }

    /// Counts a line, and says whether there is room for it.
    fn admits(&mut self, now: Instant, window: Duration, lines_max: u32) -> bool {
        if now.saturating_duration_since(self.since) >= window {
            *self = Self::new(now);
        }
        self.lines = self.lines.saturating_add(1);
        self.lines <= lines_max
    }
}

impl RefusalLog {
    pub(crate) fn new(now: Instant) -> Self {
        Self { sources: HashMap::new(), second: Count::new(now), untold: 0 }
    }

    /// Whether this refusal has its line; then how many had none since the last one.
    fn admit(&mut self, now: Instant, source: IpAddr) -> Option<u64> {
        let source = network(source);
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            self.sources.retain(|_, count| now.saturating_duration_since(count.since) < WINDOW);
            if self.sources.len() > SOURCES_MAX / 2 {
                self.sources.clear();
            }
        }
        let of_source = self.sources.entry(source).or_insert_with(|| Count::new(now));
        let has_line = of_source.admits(now, WINDOW, LINES_PER_SOURCE_MAX)
            && self.second.admits(now, Duration::from_secs(1), LINES_PER_SECOND_MAX);
        if has_line {
            Some(std::mem::take(&mut self.untold))
        } else {
            self.untold += 1;
            None
        }
    }

    /// Writes the line, if there is room for it. The source stands first, before anything that the refused one has chosen.
    pub(crate) fn tell(&mut self, now: Instant, source: IpAddr, method: &str, user: &str, status: u16) {
        let source = source.to_canonical();
        let Some(untold) = self.admit(now, source) else { return };
        let user = shown(user);
        tracing::warn!(target: "trunkline::refused", %source, method, user, status, "refused");
        if untold > 0 {
            tracing::warn!(target: "trunkline::refused", untold, "refusals without a line of their own");
        }
    }
}

/// A name that somebody chose, as a log can show it.
pub(super) fn shown(user: &str) -> String {
    user[..user.floor_char_boundary(USER_BYTES_MAX)].escape_default().to_string()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::driver::clock;

    fn source(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number))
    }

    #[test]
    fn a_source_has_ten_lines_a_minute_and_hides_no_other() {
        let start = clock::now();
        let mut refusals = RefusalLog::new(start);
        let told = (0..10_000).filter(|_| refusals.admit(start, source(1)).is_some()).count();
        assert_eq!(told, 10);
        assert_eq!(refusals.admit(start, source(2)), Some(9_990), "the rest is counted");
        assert_eq!(refusals.admit(start + WINDOW, source(1)), Some(0));
    }

    #[test]
    fn addresses_of_one_customer_are_one_source() {
        let start = clock::now();
        let mut refusals = RefusalLog::new(start);
        let customer = (0..100).map(|host| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]));
        assert_eq!(customer.filter(|source| refusals.admit(start, *source).is_some()).count(), 10);
        assert!(refusals.admit(start, "2001:db8:0:2::1".parse().unwrap()).is_some());
    }

    #[test]
    fn many_sources_have_a_hundred_lines_a_second() {
        let start = clock::now();
        let mut refusals = RefusalLog::new(start);
        for second in 0..5 {
            let now = start + Duration::from_secs(second);
            let sources = (0..100_000).map(source);
            let told = sources.filter(|source| refusals.admit(now, *source).is_some()).count();
            assert_eq!(told, 100);
            assert!(refusals.sources.len() <= SOURCES_MAX);
        }
    }

    #[test]
    fn a_name_cannot_end_its_line() {
        assert_eq!(shown("1001"), "1001");
        assert_eq!(shown("a\" status=200\r\n\u{1b}[2J\u{202e}"), "a\\\" status=200\\r\\n\\u{1b}[2J\\u{202e}");
        assert!(shown(&"\u{202e}".repeat(1_000)).len() <= 8 * USER_BYTES_MAX);
    }
}
