//! How much one source may ask, and how often it may guess.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use trunkline_sip::admission::network;

/// Requests of one source within a second: an office of a hundred phones behind one address, after a power cut.
pub(super) const REQUESTS_PER_SECOND_MAX: u32 = 200;

/// Wrong tokens of one source within [`WINDOW`]; beyond them none is looked at.
pub(super) const GUESSES_MAX: u32 = 10;

/// The time over which wrong tokens are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// Sources that are counted. When there are more, those of past windows are forgotten, and where that is too little, all.
const SOURCES_MAX: usize = 4_096;

/// What sources did of late, by [`network`].
#[derive(Debug, Default)]
pub(super) struct Sources(HashMap<u64, Source>);

#[derive(Debug)]
struct Source {
    second: Instant,
    requests: u32,
    window: Instant,
    guesses: u32,
}

impl Sources {
    /// Counts a request, and says whether it is to be looked at.
    pub(super) fn admits(&mut self, now: Instant, source: IpAddr) -> bool {
        let source = self.entry(now, source);
        if now.saturating_duration_since(source.second) >= Duration::from_secs(1) {
            (source.second, source.requests) = (now, 0);
        }
        if now.saturating_duration_since(source.window) >= WINDOW {
            (source.window, source.guesses) = (now, 0);
        }
        source.requests = source.requests.saturating_add(1);
        source.requests <= REQUESTS_PER_SECOND_MAX && source.guesses < GUESSES_MAX
    }

    /// Its token was wrong.
    pub(super) fn guessed(&mut self, now: Instant, source: IpAddr) {
        let source = self.entry(now, source);
        if source.guesses == 0 {
            source.window = now;
        }
        source.guesses += 1;
    }

    fn entry(&mut self, now: Instant, source: IpAddr) -> &mut Source {
        let key = network(source);
        if self.0.len() >= SOURCES_MAX && !self.0.contains_key(&key) {
            self.0.retain(|_, source| {
                let last = source.second.max(source.window);
                now.saturating_duration_since(last) < WINDOW
            });
            if self.0.len() > SOURCES_MAX / 2 {
                self.0.clear();
            }
        }
        self.0.entry(key).or_insert(Source { second: now, requests: 0, window: now, guesses: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    fn source(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    #[test]
    fn a_source_asks_so_often_a_second() {
        let start = clock::now();
        let mut sources = Sources::default();
        let admitted = (0..1_000).filter(|_| sources.admits(start, source(1))).count();
        assert_eq!(admitted, REQUESTS_PER_SECOND_MAX as usize);
        assert!(sources.admits(start, source(2)), "another one is not concerned");
        assert!(sources.admits(start + Duration::from_secs(1), source(1)));
    }

    #[test]
    fn ten_guesses_a_minute_are_looked_at() {
        let start = clock::now();
        let mut sources = Sources::default();
        for guess in 0..GUESSES_MAX {
            let now = start + Duration::from_secs(2) * guess;
            assert!(sources.admits(now, source(1)), "{guess}");
            sources.guessed(now, source(1));
        }
        assert!(!sources.admits(start + Duration::from_secs(59), source(1)));
        assert!(sources.admits(start + WINDOW, source(1)));
    }

    #[test]
    fn so_many_sources_are_remembered() {
        let start = clock::now();
        let mut sources = Sources::default();
        for number in 0..100_000 {
            assert!(sources.admits(start, source(number)));
            assert!(sources.0.len() <= SOURCES_MAX);
        }
    }
}
