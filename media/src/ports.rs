//! Port pairs as plain values: picked without asking the kernel, so that the core never waits.
//!
//! ```text
//! free ──allocate──▶ in use ──release──▶ quarantine ──5 s──▶ free
//!                        └────set_aside──▶ quarantine ──60 s─▶ free
//! ```
//! A pair on which nothing came in its call rests as long, but after a second it gives way when no other is left: what has not come by
//! then hardly comes, and a very short call should not keep two pairs from others for seconds.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::command::PortPair;
use crate::limits::{QUARANTINE, QUIET_REST, SET_ASIDE};

/// The pairs of a port range: free ones in random order, those in use, those at rest.
#[derive(Clone, Debug)]
pub struct PortPool {
    free: Vec<PortPair>,
    in_use: BTreeSet<PortPair>,
    resting: BinaryHeap<Reverse<(Instant, PortPair)>>,
    /// Those on which nothing came, and since when they rest.
    quiet: VecDeque<(Instant, PortPair)>,
    order: StdRng,
}

impl PortPool {
    /// A pool of every even port of the range whose odd neighbour is in it too; `seed` decides the order of use.
    /// Port 0 is never used.
    pub fn new(range: RangeInclusive<u16>, seed: u64) -> Self {
        let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
        let free = (first.max(1)..last)
            .filter(|port| port % 2 == 0)
            .filter_map(|port| u16::try_from(port).ok().map(PortPair))
            .collect();
        Self {
            free,
            in_use: BTreeSet::new(),
            resting: BinaryHeap::new(),
            quiet: VecDeque::new(),
            order: StdRng::seed_from_u64(seed),
        }
    }

    /// Takes a free pair; `None` when all are in use or at rest (SIP answers 503).
    pub fn allocate(&mut self, now: Instant) -> Option<PortPair> {
        self.wake(now);
        let pair = if self.free.is_empty() {
            let (since, pair) = *self.quiet.front()?;
            if now < since + QUIET_REST {
                return None;
            }
            self.quiet.pop_front();
            pair
        } else {
            self.free.swap_remove(self.order.random_range(0..self.free.len()))
        };
        self.in_use.insert(pair);
        Some(pair)
    }

    /// Takes this pair, which was in use before a restart; whether it is free.
    pub fn claim(&mut self, now: Instant, pair: PortPair) -> bool {
        self.wake(now);
        let Some(place) = self.free.iter().position(|free| *free == pair) else { return false };
        self.free.swap_remove(place);
        self.in_use.insert(pair)
    }

    /// Gives a pair back; it is free again after [`QUARANTINE`]. A pair not in use is ignored.
    pub fn release(&mut self, now: Instant, pair: PortPair) {
        self.rest(now + QUARANTINE, pair);
    }

    /// The same of a pair on which nothing came: from [`QUIET_REST`] on it is used when no other is free.
    pub fn release_quiet(&mut self, now: Instant, pair: PortPair) {
        if self.in_use.remove(&pair) {
            self.quiet.push_back((now, pair));
        }
    }

    /// Puts away a pair that could not be bound; it is tried again after [`SET_ASIDE`]. A pair not in use is ignored.
    pub fn set_aside(&mut self, now: Instant, pair: PortPair) {
        self.rest(now + SET_ASIDE, pair);
    }

    /// How many pairs are allocated and not given back.
    pub fn in_use(&self) -> usize {
        self.in_use.len()
    }

    /// How many pairs the pool has in all.
    pub fn capacity(&self) -> usize {
        self.free.len() + self.in_use.len() + self.resting.len() + self.quiet.len()
    }

    fn rest(&mut self, until: Instant, pair: PortPair) {
        if self.in_use.remove(&pair) {
            self.resting.push(Reverse((until, pair)));
        }
    }

    fn wake(&mut self, now: Instant) {
        while let Some(&Reverse((until, pair))) = self.resting.peek() {
            if until > now {
                break;
            }
            self.resting.pop();
            self.free.push(pair);
        }
        while let Some((_, pair)) = self.quiet.pop_front_if(|(since, _)| now >= *since + QUARANTINE) {
            self.free.push(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }

    #[test]
    fn pairs_are_even_and_odd_inside_the_range() {
        let now = beginning();
        let mut pool = PortPool::new(20_001..=20_006, 1);
        assert_eq!(pool.capacity(), 2);
        let mut pairs = [pool.allocate(now).unwrap(), pool.allocate(now).unwrap()];
        pairs.sort();
        assert_eq!(pairs, [PortPair(20_002), PortPair(20_004)]);
        assert_eq!(pool.allocate(now), None);
        assert_eq!(pool.in_use(), 2);
    }

    #[test]
    fn the_last_port_and_port_zero_make_no_overflow() {
        assert_eq!(PortPool::new(65_534..=65_535, 1).capacity(), 1);
        assert_eq!(PortPool::new(65_535..=65_535, 1).capacity(), 0);
        assert_eq!(PortPool::new(0..=1, 1).capacity(), 0);
        assert_eq!(PortPool::new(RangeInclusive::new(10, 9), 1).capacity(), 0);
    }

    #[test]
    fn a_released_pair_rests_before_it_is_used_again() {
        let now = beginning();
        let mut pool = PortPool::new(20_000..=20_001, 1);
        let pair = pool.allocate(now).unwrap();
        pool.release(now, pair);
        pool.release(now, pair);
        assert_eq!((pool.in_use(), pool.capacity()), (0, 1));
        assert_eq!(pool.allocate(now + QUARANTINE - Duration::from_millis(1)), None);
        assert_eq!(pool.allocate(now + QUARANTINE), Some(pair));
    }

    #[test]
    fn a_pair_on_which_nothing_came_gives_way_when_no_other_is_left() {
        let now = beginning();
        let mut pool = PortPool::new(20_000..=20_003, 1);
        let (quiet, other) = (pool.allocate(now).unwrap(), pool.allocate(now).unwrap());
        pool.release_quiet(now, quiet);
        pool.release_quiet(now, quiet);
        pool.release(now, other);
        assert_eq!((pool.in_use(), pool.capacity()), (0, 2));
        assert_eq!(pool.allocate(now + QUIET_REST - Duration::from_millis(1)), None);
        assert_eq!(pool.allocate(now + QUIET_REST), Some(quiet));
        assert_eq!(pool.allocate(now + QUIET_REST), None, "the other rests");
        pool.release_quiet(now + QUIET_REST, quiet);
        let later = now + QUIET_REST + QUARANTINE;
        assert_eq!([pool.allocate(later), pool.allocate(later)].into_iter().flatten().count(), 2);
    }

    #[test]
    fn a_pair_that_could_not_be_bound_rests_longer() {
        let now = beginning();
        let mut pool = PortPool::new(20_000..=20_001, 1);
        let pair = pool.allocate(now).unwrap();
        pool.set_aside(now, pair);
        assert_eq!(pool.allocate(now + QUARANTINE), None);
        assert_eq!(pool.allocate(now + SET_ASIDE), Some(pair));
    }

    #[test]
    fn a_pair_is_claimed_once_and_only_if_it_is_of_the_range() {
        let now = beginning();
        let mut pool = PortPool::new(20_000..=20_003, 1);
        assert!(pool.claim(now, PortPair(20_002)));
        for taken in [20_002, 20_001, 20_004] {
            assert!(!pool.claim(now, PortPair(taken)), "{taken}");
        }
        assert_eq!((pool.in_use(), pool.capacity()), (1, 2));
        assert_eq!((pool.allocate(now), pool.allocate(now)), (Some(PortPair(20_000)), None));
    }

    #[test]
    fn the_seed_decides_the_order() {
        let now = beginning();
        let order = |seed| {
            let mut pool = PortPool::new(20_000..=20_999, seed);
            (0..20).map(|_| pool.allocate(now).unwrap().rtp()).collect::<Vec<_>>()
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
    }
}
