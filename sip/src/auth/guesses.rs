//! How often a password may be guessed: by source, and by user from one source.
//!
//! The owner of a line is never shut out by guesses from elsewhere, nor, once proven, by those of a neighbour behind
//! the same address, even where that one guesses at his own password: then the very port counts from which he has proven it.
//! Nor by who only writes that address as his own: he does not hear the nonces that are sent there, so he guesses blindly, and
//! blind guesses are counted apart.

use std::hash::{BuildHasher, Hash};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use foldhash::fast::RandomState;

use crate::admission::network;

/// Wrong passwords from one source within [`GUESS_WINDOW`] after which its further guesses are not even checked: as many for
/// the nonces it was given, and as many blind ones.
pub const GUESSES_MAX: u32 = 10;
/// The time over which guesses are counted.
pub const GUESS_WINDOW: Duration = Duration::from_secs(60);
/// Sources, or users of a source, that are remembered; as many that guess blindly. When there are more, what is older than the
/// window is forgotten, and where that is too little, all of that kind.
pub const GUESSERS_MAX: usize = 65_536;
/// Users of a source that are remembered to have known their password, and as many by their port. When there are more, all
/// of that kind are forgotten.
pub const PROVEN_MAX: usize = 262_144;

/// Wrong guesses and right ones.
#[derive(Debug)]
pub(super) struct Guesses {
    hasher: RandomState,
    wrong: Bounded<Count>,
    /// For nonces that the source was not given. Apart, so that forged sources, of which there are as many as one likes, push
    /// nobody out of the others.
    blind: Bounded<Count>,
    proven: Bounded<()>,
    /// By address and port.
    proven_exactly: Bounded<()>,
}

/// Who says that he is whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guess<'a> {
    pub(super) source: SocketAddr,
    pub(super) username: &'a str,
    /// It is for a nonce that the source was not given.
    pub(super) is_blind: bool,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    guesses: u32,
}

impl Guesses {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::default(),
            wrong: Bounded::new(GUESSERS_MAX),
            blind: Bounded::new(GUESSERS_MAX),
            proven: Bounded::new(PROVEN_MAX),
            proven_exactly: Bounded::new(PROVEN_MAX),
        }
    }

    /// Whether the password is to be checked at all.
    pub(super) fn permits(&self, now: Instant, guess: Guess<'_>) -> bool {
        let counts = self.counts(guess.is_blind);
        let is_open = |key| !counts.is_exhausted(now, key);
        let (user, source) = (self.user(guess), self.key(network(guess.source.ip())));
        if is_open(user) && (is_open(source) || self.proven.map.contains_key(&user)) {
            return true;
        }
        !guess.is_blind && self.is_proven_exactly(guess) && is_open(self.exactly(guess))
    }

    /// The password was right.
    pub(super) fn right(&self, guess: Guess<'_>) {
        for (known, key) in [(&self.proven, self.user(guess)), (&self.proven_exactly, self.exactly(guess))] {
            if !known.map.contains_key(&key) {
                known.make_room(|()| false);
                known.add(key, || (), |()| {});
            }
        }
    }

    /// The password was wrong.
    pub(super) fn wrong(&self, now: Instant, guess: Guess<'_>) {
        let exactly = self.is_proven_exactly(guess).then(|| self.exactly(guess));
        let keys = [Some(self.user(guess)), Some(self.key(network(guess.source.ip()))), exactly];
        let counts = self.counts(guess.is_blind);
        for key in keys.into_iter().flatten() {
            counts.make_room(|count| count.is_recent(now));
            counts.add(key, || Count { since: now, guesses: 1 }, |count| count.add(now));
        }
    }

    const fn counts(&self, is_blind: bool) -> &Bounded<Count> {
        if is_blind { &self.blind } else { &self.wrong }
    }

    fn is_proven_exactly(&self, guess: Guess<'_>) -> bool {
        self.proven_exactly.map.contains_key(&self.exactly(guess))
    }

    fn user(&self, guess: Guess<'_>) -> u64 {
        self.key((network(guess.source.ip()), guess.username))
    }

    fn exactly(&self, guess: Guess<'_>) -> u64 {
        self.key((guess.source.ip().to_canonical(), guess.source.port(), guess.username))
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

impl Bounded<Count> {
    fn is_exhausted(&self, now: Instant, key: u64) -> bool {
        self.map.get(&key).is_some_and(|count| count.guesses >= GUESSES_MAX && count.is_recent(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const HOME: &str = "192.0.2.1:5060";
    const NEIGHBOUR: &str = "192.0.2.1:40000";
    const AWAY: &str = "192.0.2.2:5060";

    fn guess<'a>(source: &str, username: &'a str) -> Guess<'a> {
        Guess { source: source.parse().unwrap(), username, is_blind: false }
    }

    fn blind<'a>(source: &str, username: &'a str) -> Guess<'a> {
        Guess { is_blind: true, ..guess(source, username) }
    }

    fn exhaust(guesses: &Guesses, now: Instant, guess: Guess<'_>) {
        (0..GUESSES_MAX).for_each(|_| guesses.wrong(now, guess));
    }

    #[test]
    fn ten_guesses_a_minute() {
        let start = testing::start();
        let guesses = Guesses::new();
        for number in 0..GUESSES_MAX {
            assert!(guesses.permits(start, guess(HOME, "1001")));
            guesses.wrong(start + Duration::from_secs(number.into()), guess(HOME, "1001"));
        }
        let almost = start + Duration::from_secs(59);
        assert!(!guesses.permits(almost, guess(HOME, "1001")));
        assert!(!guesses.permits(almost, guess(NEIGHBOUR, "1001")), "another port is the same source");
        assert!(!guesses.permits(start, guess(HOME, "1002")), "another user, the same source");
        assert!(guesses.permits(start, guess(AWAY, "1001")), "the owner elsewhere");
        assert!(guesses.permits(start + Duration::from_secs(60), guess(HOME, "1001")));
    }

    #[test]
    fn a_neighbour_does_not_shut_out_who_has_proven() {
        let start = testing::start();
        let guesses = Guesses::new();
        guesses.right(guess(HOME, "1001"));
        exhaust(&guesses, start, guess(NEIGHBOUR, "1002"));
        assert!(guesses.permits(start, guess(HOME, "1001")));
        let moved = "192.0.2.1:5062";
        assert!(guesses.permits(start, guess(moved, "1001")), "a phone that was started again");
    }

    #[test]
    fn a_neighbour_who_guesses_at_the_owner_does_not_shut_him_out() {
        let start = testing::start();
        let guesses = Guesses::new();
        guesses.right(guess(HOME, "1001"));
        exhaust(&guesses, start, guess(NEIGHBOUR, "1001"));
        assert!(!guesses.permits(start, guess(NEIGHBOUR, "1001")));
        assert!(guesses.permits(start, guess(HOME, "1001")), "he speaks from where he has proven himself");
        assert!(!guesses.permits(start, guess(HOME, "1002")), "as himself alone");
        exhaust(&guesses, start, guess(HOME, "1001"));
        assert!(!guesses.permits(start, guess(HOME, "1001")), "nor may anybody guess there without end");
    }

    #[test]
    fn who_writes_the_address_of_the_owner_does_not_shut_him_out() {
        let start = testing::start();
        let guesses = Guesses::new();
        guesses.right(guess(HOME, "1001"));
        exhaust(&guesses, start, blind(HOME, "1001"));
        assert!(!guesses.permits(start, blind(HOME, "1001")), "he is not heard");
        assert!(guesses.permits(start, guess(HOME, "1001")), "and the owner, who hears his challenge, is");
        exhaust(&guesses, start, guess(NEIGHBOUR, "1001"));
        assert!(guesses.permits(start, guess(HOME, "1001")), "blind guesses are no guesses of his");
    }

    #[test]
    fn one_customer_has_many_addresses_of_ipv6() {
        let start = testing::start();
        let guesses = Guesses::new();
        for number in 0..GUESSES_MAX {
            let (source, user) = (format!("[2001:db8::{number:x}]:5060"), number.to_string());
            guesses.wrong(start, guess(&source, &user));
        }
        assert!(!guesses.permits(start, guess("[2001:db8::ffff]:5060", "1001")));
        assert!(guesses.permits(start, guess("[2001:db8:0:1::1]:5060", "1001")));
    }

    #[test]
    fn memory_is_bounded() {
        let start = testing::start();
        let mut guesses = Guesses::new();
        (guesses.wrong, guesses.blind) = (Bounded::new(100), Bounded::new(100));
        (guesses.proven, guesses.proven_exactly) = (Bounded::new(100), Bounded::new(100));
        for user in 0..1_000u32 {
            let source = SocketAddr::new(std::net::Ipv4Addr::from(user).into(), 5060);
            let guess = |is_blind| Guess { source, username: "x", is_blind };
            let now = start + Duration::from_secs(user.into());
            guesses.right(guess(false));
            guesses.wrong(now, guess(false));
            guesses.wrong(now, guess(true));
            assert!(guesses.wrong.map.len() <= 100 && guesses.blind.map.len() <= 100);
            assert!(guesses.proven.map.len() <= 100 && guesses.proven_exactly.map.len() <= 100);
        }
        assert!(guesses.proven.map.contains_key(&guesses.user(guess("0.0.3.231:5060", "x"))));
    }

    #[test]
    fn forged_sources_push_nobody_out_who_is_known_to_guess() {
        let start = testing::start();
        let mut guesses = Guesses::new();
        (guesses.wrong, guesses.blind) = (Bounded::new(100), Bounded::new(100));
        exhaust(&guesses, start, guess(HOME, "1001"));
        for host in 0..1_000u32 {
            let source = SocketAddr::new(std::net::Ipv4Addr::from(host).into(), 5060);
            guesses.wrong(start, Guess { source, username: "1001", is_blind: true });
        }
        assert!(!guesses.permits(start, guess(HOME, "1001")));
    }
}
