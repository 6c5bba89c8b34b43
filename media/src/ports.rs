//! Port pairs as plain values: picked without asking the kernel, so that the core never waits.
//!
//! ```text
//! free ──▶ next ──allocate──▶ in use ──release──▶ quarantine ──5 s──▶ free
//!                                └────set_aside──▶ quarantine ──60 s─▶ free
//! noted by the process before ──rest_noted──▶ doubtful ──60 s──▶ free
//! ```
//! A pair on which nothing came in its call rests as long, but after a second it gives way when no other is left: what has not come by
//! then hardly comes, and a very short call should not keep two pairs from others for seconds.
//!
//! Far ends of calls that a killed process did not keep speak on, to ports of which nobody knows. So those that are in use, and those
//! that will be soon, are written down ahead ([`PortPool::note`]): whoever begins anew lets them rest, and they give way only when no
//! other is left. Several crashes within a minute make all pairs of a range doubtful, so the order matters in which they give way: first
//! those that nobody can have heard of, last those that were given out just before the process was killed.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::command::PortPair;
use crate::limits::{DOUBTFUL_REST, PAIRS_AHEAD, QUARANTINE, QUIET_REST, SET_ASIDE, SPARE_PAIRS_PART};

/// The pairs of a port range: free ones in random order, those in use, those at rest.
#[derive(Clone, Debug)]
pub struct PortPool {
    free: Vec<PortPair>,
    /// Those that are given out next, drawn ahead so that they can be noted before any far end hears of them.
    next: VecDeque<PortPair>,
    ahead: usize,
    is_noted: bool,
    /// Those that the process before had noted and that were not claimed, in the order in which they give way.
    doubtful: VecDeque<PortPair>,
    doubtful_until: Option<Instant>,
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
        let free: Vec<PortPair> = (first.max(1)..last)
            .filter(|port| port % 2 == 0)
            .filter_map(|port| u16::try_from(port).ok().map(PortPair))
            .collect();
        let mut pool = Self {
            ahead: (free.len() / 4).clamp(1, PAIRS_AHEAD),
            free,
            next: VecDeque::new(),
            is_noted: true,
            doubtful: VecDeque::new(),
            doubtful_until: None,
            in_use: BTreeSet::new(),
            resting: BinaryHeap::new(),
            quiet: VecDeque::new(),
            order: StdRng::seed_from_u64(seed),
        };
        pool.draw_free();
        pool
    }

    /// Takes a free pair; `None` when all are in use or at rest (SIP answers 503).
    pub fn allocate(&mut self, now: Instant) -> Option<PortPair> {
        self.wake(now);
        self.draw(now);
        let pair = self.next.pop_front()?;
        self.in_use.insert(pair);
        Some(pair)
    }

    /// Takes a free pair for what a call can do without: only while at least one in [`SPARE_PAIRS_PART`] is free.
    pub fn allocate_spare(&mut self, now: Instant) -> Option<PortPair> {
        self.wake(now);
        let free = self.free.len() + self.next.len();
        if free * SPARE_PAIRS_PART < self.capacity() {
            return None;
        }
        self.allocate(now)
    }

    /// Takes this pair, which was in use before a restart; whether it is free.
    pub fn claim(&mut self, now: Instant, pair: PortPair) -> bool {
        self.wake(now);
        let is_it = |free: &PortPair| *free == pair;
        // Nearly all that are claimed had been noted.
        if let Some(place) = self.doubtful.iter().rposition(is_it) {
            self.doubtful.remove(place);
        } else if let Some(place) = self.next.iter().position(is_it) {
            self.next.remove(place);
        } else if let Some(place) = self.free.iter().position(is_it) {
            self.free.swap_remove(place);
        } else {
            return false;
        }
        self.in_use.insert(pair)
    }

    /// The pairs that a far end may speak to now or soon, to be written down: those first that hardly anybody speaks to when this
    /// process is killed before it notes others. `None`: what was noted last still holds. Half of [`PAIRS_AHEAD`] are left when it
    /// does not any more.
    pub fn note(&mut self) -> Option<Vec<PortPair>> {
        if self.is_noted {
            return None;
        }
        self.is_noted = true;
        let mut resting: Vec<(Instant, PortPair)> =
            self.resting.iter().map(|Reverse(resting)| *resting).collect();
        resting.sort_unstable();
        // The first half of them may be given out before others are noted, the very first to calls that are too young to be kept.
        let soon = self.next.len().min(self.ahead / 2);
        let untouched = self.next.range(soon..).rev();
        let released = self.quiet.iter().chain(&resting).map(|(_, pair)| pair);
        let suspicious = self.doubtful.iter().chain(&self.in_use).chain(self.next.range(..soon).rev());
        Some(untouched.chain(released).chain(suspicious).copied().collect())
    }

    /// Lets pairs rest that the process before had noted, for [`DOUBTFUL_REST`], if nobody claims them. Where no other is left they
    /// give way in this order. For a pool of which no pair was given out.
    pub fn rest_noted(&mut self, now: Instant, noted: &[PortPair]) {
        self.free.extend(self.next.drain(..));
        let mut doubtful: BTreeSet<PortPair> = noted.iter().copied().collect();
        let known: BTreeSet<PortPair> = self.free.extract_if(.., |pair| doubtful.contains(pair)).collect();
        self.doubtful.extend(noted.iter().filter(|pair| known.contains(pair) && doubtful.remove(pair)));
        self.doubtful_until = Some(now + DOUBTFUL_REST);
        self.draw(now);
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
        let free = self.free.len() + self.next.len() + self.doubtful.len();
        free + self.in_use.len() + self.resting.len() + self.quiet.len()
    }

    /// Draws those that are given out next, where few are left.
    fn draw(&mut self, now: Instant) {
        if self.next.len() > self.ahead / 2 {
            return;
        }
        self.draw_free();
        if self.next.len() > self.ahead / 2 {
            return;
        }
        // They are noted before they are given out, as others are, but no more of them than that takes: others may be free soon.
        while self.next.len() < self.ahead - self.ahead / 4 {
            let Some(pair) = self.give_way(now) else { return };
            self.next.push_back(pair);
            self.is_noted = false;
        }
    }

    fn draw_free(&mut self) {
        while self.next.len() < self.ahead && !self.free.is_empty() {
            let place = self.order.random_range(0..self.free.len());
            self.next.push_back(self.free.swap_remove(place));
            self.is_noted = false;
        }
    }

    /// A pair that should have rested longer.
    fn give_way(&mut self, now: Instant) -> Option<PortPair> {
        let quiet = self.quiet.pop_front_if(|(since, _)| now >= *since + QUIET_REST);
        quiet.map(|(_, pair)| pair).or_else(|| self.doubtful.pop_front())
    }

    fn rest(&mut self, until: Instant, pair: PortPair) {
        if self.in_use.remove(&pair) {
            self.resting.push(Reverse((until, pair)));
        }
    }

    fn wake(&mut self, now: Instant) {
        if self.doubtful_until.take_if(|until| *until <= now).is_some() {
            self.free.extend(self.doubtful.drain(..));
        }
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
    fn what_a_call_can_do_without_has_a_pair_while_a_quarter_is_free() {
        let now = beginning();
        let mut pool = PortPool::new(20_000..=20_031, 7);
        let pairs = 16;
        let spare = pairs - pairs / SPARE_PAIRS_PART + 1;
        let mut taken: Vec<_> = (0..spare).map(|_| pool.allocate_spare(now).unwrap()).collect();
        assert_eq!(pool.allocate_spare(now), None);
        taken.extend((spare..pairs).map(|_| pool.allocate(now).unwrap()));
        assert_eq!((pool.in_use(), pool.allocate(now)), (pairs, None), "a call has the last one, too");
        // Those at rest are not free.
        taken.iter().take(4).for_each(|pair| pool.release(now, *pair));
        assert_eq!(pool.allocate_spare(now), None);
        assert!(pool.allocate_spare(now + QUARANTINE).is_some());
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
    fn what_may_be_spoken_to_was_noted_before() {
        let now = beginning();
        let mut pool = PortPool::new(20_000..=23_999, 1);
        let mut noted: BTreeSet<PortPair> = pool.note().unwrap().into_iter().collect();
        assert_eq!(pool.note(), None);
        let mut notes = 0;
        for _ in 0..pool.capacity() {
            let pair = pool.allocate(now).unwrap();
            assert!(noted.contains(&pair), "{pair:?} was given out before it was noted");
            // The note is written down a while later: as many calls may be made meanwhile.
            if pool.next.len() == pool.ahead / 2 + 100
                && let Some(note) = pool.note()
            {
                assert!(pool.in_use.iter().all(|pair| note.contains(pair)));
                noted = note.into_iter().collect();
                notes += 1;
            }
        }
        assert!((4..=10).contains(&notes), "{notes} notes of {} pairs", pool.capacity());
    }

    #[test]
    fn what_was_noted_rests_after_a_restart_unless_it_is_claimed() {
        let now = beginning();
        let range = 20_000..=20_199;
        let mut before = PortPool::new(range.clone(), 1);
        let used: Vec<PortPair> = (0..10).map(|_| before.allocate(now).unwrap()).collect();
        let noted = before.note().unwrap();

        let mut pool = PortPool::new(range, 2);
        pool.rest_noted(now, &noted);
        pool.rest_noted(now, &[noted.as_slice(), &[PortPair(9), PortPair(20_001)]].concat());
        assert_eq!(pool.capacity(), 100);
        assert!(pool.claim(now, used[0]) && !pool.claim(now, used[0]));
        let others = pool.capacity() - noted.len();
        for _ in 0..others {
            let pair = pool.allocate(now).unwrap();
            assert!(!noted.contains(&pair), "{pair:?} should rest");
        }
        // When no other is left those give way first of which nobody had heard.
        let first = pool.allocate(now).unwrap();
        assert!(noted.contains(&first) && !used.contains(&first));
        assert!(pool.note().unwrap().contains(&used[1]), "they rest after the next crash, too");
        pool.release(now, first);
        let later = now + DOUBTFUL_REST;
        let left = std::iter::from_fn(|| pool.allocate(later)).count();
        assert_eq!((left, pool.in_use()), (noted.len() - 1, 100));
    }

    /// A process that is killed again and again, each time with calls that are too young to be kept.
    #[test]
    fn crash_after_crash_gives_nobody_a_pair_that_is_spoken_to() {
        struct Call {
            pair: PortPair,
            since: Instant,
            until: Instant,
        }
        const STEP: Duration = Duration::from_millis(25);
        // What is noted is stored a while later; calls are kept that are up for longer.
        let (stored_within, kept_after) = (Duration::from_millis(400), Duration::from_millis(900));
        let lasts = [Duration::from_millis(1_500), STEP * 1_000];
        let mut now = beginning();
        let range = 20_000..=29_999;
        let mut pool = PortPool::new(range.clone(), 0);
        let begin = |pair, since, lasts| Call { pair, since, until: since + lasts };
        let mut calls: Vec<Call> =
            (0..1_000).map(|n| begin(pool.allocate(now).unwrap(), now, STEP * n)).collect();
        let mut spoken_to: Vec<(PortPair, Instant)> = Vec::new();
        let (mut stored, mut said) = (pool.note().unwrap(), None);
        for crash in 0..20 {
            let killed_at = now + Duration::from_secs(6);
            while now < killed_at {
                now += STEP;
                said = said.or_else(|| pool.note().map(|note| (now + stored_within, note)));
                if let Some((_, note)) = said.take_if(|(at, _)| *at <= now) {
                    stored = note;
                }
                calls.extract_if(.., |call| call.until <= now).for_each(|call| pool.release(now, call.pair));
                spoken_to.retain(|(_, until)| now < *until);
                for lasts in lasts {
                    let pair = pool.allocate(now).unwrap();
                    assert!(
                        spoken_to.iter().all(|(other, _)| *other != pair),
                        "{pair:?} after {crash} crashes"
                    );
                    calls.push(begin(pair, now, lasts));
                }
            }
            said = None;
            let young = calls.extract_if(.., |call| now < call.since + kept_after);
            spoken_to.extend(young.map(|call| (call.pair, now + Duration::from_secs(30))));
            pool = PortPool::new(range.clone(), crash + 1);
            pool.rest_noted(now, &stored);
            assert!(calls.iter().all(|call| pool.claim(now, call.pair)));
        }
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
