//! How often a password may be guessed: by source, and by user from one source.
//!
//! The owner of a line is never shut out by guesses from elsewhere, nor, once proven, by those of a neighbour behind
//! the same address. Nor by who only writes that address as his own: he does not hear the nonces that are sent there, so he
//! guesses blindly, and blind guesses are counted apart.

use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use foldhash::fast::RandomState;

/// Wrong passwords from one source within [`GUESS_WINDOW`] after which its further guesses are not even checked: as many for
/// the nonces it was given, and as many blind ones.
pub const GUESSES_MAX: u32 = 10;
/// The time over which guesses are counted.
pub const GUESS_WINDOW: Duration = Duration::from_secs(60);
/// Sources, or users of a source, that are remembered. When there are more, what is older than the window is forgotten,
/// and where that is too little, all.
pub const GUESSERS_MAX: usize = 65_536;
/// Users of a source that are remembered to have known their password. When there are more, all are forgotten.
pub const PROVEN_MAX: usize = 262_144;

/// Wrong guesses and right ones.
#[derive(Debug)]
pub(super) struct Guesses {
    hasher: RandomState,
    wrong: Bounded<Count>,
    proven: Bounded<()>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    guesses: u32,
}

impl Guesses {
    pub(super) fn new() -> Self {
        let hasher = RandomState::default();
        Self { hasher, wrong: Bounded::new(GUESSERS_MAX), proven: Bounded::new(PROVEN_MAX) }
    }

    /// Whether the password is to be checked at all. A blind guess is for a nonce that the source was not given.
    pub(super) fn permits(&self, now: Instant, source: IpAddr, username: &str, is_blind: bool) -> bool {
        let [of_user, of_source] = self.keys(source, username, is_blind);
        if self.is_exhausted(now, of_user) {
            return false;
        }
        let is_proven = || self.proven.map.contains_key(&self.key((network(source), username)));
        !self.is_exhausted(now, of_source) || is_proven()
    }

    /// The password was right.
    pub(super) fn right(&self, source: IpAddr, username: &str) {
        let user = self.key((network(source), username));
        if !self.proven.map.contains_key(&user) {
            self.proven.make_room(|()| false);
            self.proven.add(user, || (), |()| {});
        }
    }

    /// The password was wrong.
    pub(super) fn wrong(&self, now: Instant, source: IpAddr, username: &str, is_blind: bool) {
        for key in self.keys(source, username, is_blind) {
            self.wrong.make_room(|count| count.is_recent(now));
            self.wrong.add(key, || Count { since: now, guesses: 1 }, |count| count.add(now));
        }
    }

    fn is_exhausted(&self, now: Instant, key: u64) -> bool {
        self.wrong.map.get(&key).is_some_and(|count| count.guesses >= GUESSES_MAX && count.is_recent(now))
    }

    /// Under which guesses are counted: by user from that source, and by source.
    fn keys(&self, source: IpAddr, username: &str, is_blind: bool) -> [u64; 2] {
        [self.key((network(source), username, is_blind)), self.key((network(source), is_blind))]
    }

    fn key(&self, value: impl Hash) -> u64 {
        self.hasher.hash_one(value)
    }
}

impl Count {
    fn is_recent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < GUESS_WINDOW
    }

    fn add(&mut self, now: Instant) {
        if self.is_recent(now) {
            self.guesses = self.guesses.saturating_add(1);
        } else {
            *self = Self { since: now, guesses: 1 };
        }
    }
}

/// A map that never outgrows its limit by more than the workers that add to it at once.
#[derive(Debug)]
struct Bounded<V> {
    map: DashMap<u64, V, RandomState>,
    len: AtomicUsize,
    max: usize,
}

impl<V> Bounded<V> {
    fn new(max: usize) -> Self {
        Self { map: DashMap::default(), len: AtomicUsize::new(0), max }
    }

    fn add(&self, key: u64, first: impl FnOnce() -> V, again: impl FnOnce(&mut V)) {
        self.map.entry(key).and_modify(again).or_insert_with(|| {
            self.len.fetch_add(1, Ordering::Relaxed);
            first()
        });
    }

    /// Keeps what `keep` names, or nothing if that is still too much.
    fn make_room(&self, keep: impl Fn(&V) -> bool) {
        if self.len.load(Ordering::Relaxed) < self.max {
            return;
        }
        self.map.retain(|_, value| keep(value));
        if self.map.len() > self.max / 2 {
            self.map.clear();
        }
        self.len.store(self.map.len(), Ordering::Relaxed);
    }
}

/// An IPv4 address; of an IPv6 address the 64 bits that one customer has.
pub(super) fn network(source: IpAddr) -> u64 {
    match source.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::testing;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const AWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn ten_guesses_a_minute() {
        let start = testing::start();
        let guesses = Guesses::new();
        for guess in 0..GUESSES_MAX {
            assert!(guesses.permits(start, HOME, "1001", false));
            guesses.wrong(start + Duration::from_secs(guess.into()), HOME, "1001", false);
        }
        assert!(!guesses.permits(start + Duration::from_secs(59), HOME, "1001", false));
        assert!(!guesses.permits(start, HOME, "1002", false), "another user, the same source");
        assert!(guesses.permits(start, AWAY, "1001", false), "the owner elsewhere");
        assert!(guesses.permits(start + Duration::from_secs(60), HOME, "1001", false));
    }

    #[test]
    fn a_neighbour_does_not_shut_out_who_has_proven() {
        let start = testing::start();
        let guesses = Guesses::new();
        guesses.right(HOME, "1001");
        (0..GUESSES_MAX).for_each(|_| guesses.wrong(start, HOME, "1002", false));
        assert!(guesses.permits(start, HOME, "1001", false));
        (0..GUESSES_MAX).for_each(|_| guesses.wrong(start, HOME, "1001", false));
        assert!(!guesses.permits(start, HOME, "1001", false), "nor may that user be guessed at without end");
    }

    #[test]
    fn who_writes_the_address_of_the_owner_does_not_shut_him_out() {
        let start = testing::start();
        let guesses = Guesses::new();
        (0..GUESSES_MAX).for_each(|_| guesses.wrong(start, HOME, "1001", true));
        assert!(!guesses.permits(start, HOME, "1001", true), "he is not heard");
        assert!(guesses.permits(start, HOME, "1001", false), "and the owner, who hears his challenge, is");
    }

    #[test]
    fn one_customer_has_many_addresses_of_ipv6() {
        let start = testing::start();
        let guesses = Guesses::new();
        for guess in 0..GUESSES_MAX {
            let source = format!("2001:db8::{guess:x}").parse().unwrap();
            guesses.wrong(start, source, &guess.to_string(), false);
        }
        assert!(!guesses.permits(start, "2001:db8::ffff".parse().unwrap(), "1001", false));
        assert!(guesses.permits(start, "2001:db8:0:1::1".parse().unwrap(), "1001", false));
    }

    #[test]
    fn memory_is_bounded() {
        let start = testing::start();
        let mut guesses = Guesses::new();
        guesses.wrong = Bounded::new(100);
        guesses.proven = Bounded::new(100);
        for user in 0..1000u32 {
            let source = IpAddr::V4(user.into());
            guesses.wrong(start + Duration::from_secs(user.into()), source, "x", false);
            guesses.right(source, "x");
            assert!(guesses.wrong.map.len() <= 101 && guesses.proven.map.len() <= 100);
        }
        assert!(guesses.proven.map.contains_key(&guesses.key((999u64, "x"))));
    }
}
