//! How much one source may ask.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use trunkline_sip::admission::network;

/// Requests of one source within a second: an office of a hundred phones behind one address, after a power cut.
pub(super) const REQUESTS_PER_SECOND_MAX: u32 = 200;

/// The time over which requests are counted.
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Sources that are counted. When there are more, those of past seconds are forgotten, and where that is too little, all.
const SOURCES_MAX: usize = 4_096;

/// What sources did of late, by [`network`].
#[derive(Debug, Default)]
pub(super) struct Sources(HashMap<u64, Source>);

#[derive(Debug)]
struct Source {
    second: Instant,
    requests: u32,
}

impl Sources {
    /// Counts a request, and says whether it is to be looked at.
    pub(super) fn admits(&mut self, now: Instant, source: IpAddr) -> bool {
        let source = self.entry(now, source);
        if now.saturating_duration_since(source.second) >= SECOND {
            *source = Source { second: now, requests: 0 };
        }
        source.requests = source.requests.saturating_add(1);
        source.requests <= REQUESTS_PER_SECOND_MAX
    }

    fn entry(&mut self, now: Instant, source: IpAddr) -> &mut Source {
        let key = network(source);
        if self.0.len() >= SOURCES_MAX && !self.0.contains_key(&key) {
            self.0.retain(|_, source| now.saturating_duration_since(source.second) < SECOND);
            if self.0.len() > SOURCES_MAX / 2 {
                self.0.clear();
            }
        }
        self.0.entry(key).or_insert(Source { second: now, requests: 0 })
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
        assert!(sources.admits(start + SECOND, source(1)));
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
