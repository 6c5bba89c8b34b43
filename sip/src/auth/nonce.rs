//! Nonces that carry their own proof (RFC 7616 §3.3), and the record of which counts were used on them.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::fast::RandomState;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::digest::Hex;

/// How long a nonce is taken.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(300);
/// Nonces whose counts are remembered. Beyond, the older half is declared stale: their phones ask once more.
pub const NONCES_MAX: usize = 262_144;

/// Makes nonces and judges them. A nonce is known by its signature; only one that a correct password came with takes
/// memory, because only then its counts must be remembered.
#[derive(Debug)]
pub(super) struct Nonces {
    /// With the key: copied for each signature, which saves half of the hashing.
    mac: Hmac<Sha256>,
    epoch: Instant,
    lifetime_ms: u64,
    nonces_max: usize,
    serial: AtomicU32,
    used: DashMap<u32, Used, RandomState>,
    len: AtomicUsize,
    /// Nonces issued up to this time were forgotten and are stale.
    forgotten_ms: AtomicU64,
}

/// The counts that were used on one nonce: a window as of RFC 4303 §3.4.3, because requests overtake each other.
#[derive(Clone, Copy, Debug)]
struct Used {
    issued_ms: u64,
    highest: u32,
    /// Bit n: `highest - n` was used.
    window: u64,
}

/// 6 bytes of milliseconds, 4 of serial number.
const STAMP_BYTES: usize = 10;
/// Says whom the nonce was given to.
const MARK_BYTES: usize = 4;
const SIGNATURE_BYTES: usize = 16;
const NONCE_CHARS: usize = 2 * (STAMP_BYTES + MARK_BYTES + SIGNATURE_BYTES);

impl Nonces {
    pub(super) fn new(key: [u8; 32], epoch: Instant, lifetime: Duration, nonces_max: usize) -> Self {
        Self {
            mac: Hmac::new_from_slice(&key).expect("HMAC takes a key of any length"),
            epoch,
            lifetime_ms: u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX),
            nonces_max,
            serial: AtomicU32::new(0),
            used: DashMap::default(),
            len: AtomicUsize::new(0),
            forgotten_ms: AtomicU64::new(0),
        }
    }

    /// A nonce that was never given out, for whoever is there: `network` is a number for the source.
    pub(super) fn issue(&self, now: Instant, realm: &str, network: u64) -> String {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let mut stamp = [0; STAMP_BYTES];
        stamp[..6].copy_from_slice(&self.milliseconds(now).to_be_bytes()[2..]);
        stamp[6..].copy_from_slice(&serial.to_be_bytes());
        let mut nonce = String::with_capacity(NONCE_CHARS);
        let mark = self.mark(&stamp, network);
        nonce.push_str(Hex::of(&stamp).as_str());
        nonce.push_str(mark.as_str());
        nonce.push_str(self.signature(&stamp, mark.as_str(), realm).as_str());
        nonce
    }

    /// Whether the nonce is ours and was given to this network within its lifetime: then whoever answers it hears what is sent
    /// there, and does not only write its address.
    pub(super) fn is_of(&self, now: Instant, realm: &str, nonce: &str, network: u64) -> bool {
        let Some(stamp) = self.stamp(realm, nonce) else { return false };
        if self.milliseconds(now).saturating_sub(issued_ms(&stamp)) > self.lifetime_ms {
            return false;
        }
        let mark = &nonce[2 * STAMP_BYTES..2 * (STAMP_BYTES + MARK_BYTES)];
        self.mark(&stamp, network).equals(mark)
    }

    /// Whether the nonce is ours and fresh, and the count was not used on it before. Uses it up.
    pub(super) fn accept(&self, now: Instant, realm: &str, nonce: &str, count: u32) -> bool {
        let Some((issued_ms, serial)) = self.read(realm, nonce) else { return false };
        let now_ms = self.milliseconds(now);
        let is_fresh = now_ms.saturating_sub(issued_ms) <= self.lifetime_ms
            && issued_ms >= self.forgotten_ms.load(Ordering::Acquire);
        if count == 0 || !is_fresh {
            return false;
        }
        if self.len.load(Ordering::Relaxed) >= self.nonces_max {
            self.forget(now_ms);
            if issued_ms < self.forgotten_ms.load(Ordering::Acquire) {
                return false;
            }
        }
        match self.used.entry(serial) {
            Entry::Occupied(mut used) if used.get().issued_ms == issued_ms => used.get_mut().accept(count),
            // Serial numbers wrap: the other nonce of this number is much older.
            Entry::Occupied(mut used) => {
                used.insert(Used::first(issued_ms, count));
                true
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Used::first(issued_ms, count));
                self.len.fetch_add(1, Ordering::Relaxed);
                true
            }
        }
    }

    /// Time of issue and serial number, if the signature is ours.
    fn read(&self, realm: &str, nonce: &str) -> Option<(u64, u32)> {
        let stamp = self.stamp(realm, nonce)?;
        let mut serial = [0; 4];
        serial.copy_from_slice(&stamp[6..]);
        Some((issued_ms(&stamp), u32::from_be_bytes(serial)))
    }

    /// What stands before the signature, if that is ours.
    fn stamp(&self, realm: &str, nonce: &str) -> Option<[u8; STAMP_BYTES]> {
        if nonce.len() != NONCE_CHARS || !nonce.is_ascii() {
            return None;
        }
        let (stamp_text, rest) = nonce.split_at(2 * STAMP_BYTES);
        let (mark, signature) = rest.split_at(2 * MARK_BYTES);
        let mut stamp = [0; STAMP_BYTES];
        for (byte, pair) in stamp.iter_mut().zip(stamp_text.as_bytes().chunks_exact(2)) {
            let digit = |char: u8| char::from(char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        self.signature(&stamp, mark, realm).equals(signature).then_some(stamp)
    }

    /// The first bytes of the signature of a text that is no nonce.
    pub(super) fn draw(&self, text: &str) -> u64 {
        let mut mac = self.mac.clone();
        mac.update(b"draw");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn mark(&self, stamp: &[u8; STAMP_BYTES], network: u64) -> Hex {
        let mut mac = self.mac.clone();
        mac.update(b"mark");
        mac.update(stamp);
        mac.update(&network.to_be_bytes());
        Hex::of(&&mac.finalize().into_bytes()[..MARK_BYTES])
    }

    fn signature(&self, stamp: &[u8; STAMP_BYTES], mark: &str, realm: &str) -> Hex {
        let mut mac = self.mac.clone();
        mac.update(stamp);
        mac.update(mark.as_bytes());
        mac.update(realm.as_bytes());
        Hex::of(&&mac.finalize().into_bytes()[..SIGNATURE_BYTES])
    }

    /// Drops what has ended, and if that is not a quarter, the older half.
    fn forget(&self, now_ms: u64) {
        self.forget_before(now_ms.saturating_sub(self.lifetime_ms));
        if self.used.len() > self.nonces_max - self.nonces_max / 4 {
            let mut issued: Vec<u64> = self.used.iter().map(|used| used.issued_ms).collect();
            let middle = issued.len() / 2;
            let (_, median, _) = issued.select_nth_unstable(middle);
            self.forget_before(*median + 1);
        }
        self.len.store(self.used.len(), Ordering::Relaxed);
    }

    fn forget_before(&self, ms: u64) {
        // First refused, then forgotten: no count can be used twice in between.
        self.forgotten_ms.fetch_max(ms, Ordering::AcqRel);
        self.used.retain(|_, used| used.issued_ms >= ms);
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }
}

fn issued_ms(stamp: &[u8; STAMP_BYTES]) -> u64 {
    let mut issued_ms = [0; 8];
    issued_ms[2..].copy_from_slice(&stamp[..6]);
    u64::from_be_bytes(issued_ms)
}

impl Used {
    const fn first(issued_ms: u64, count: u32) -> Self {
        Self { issued_ms, highest: count, window: 1 }
    }

    fn accept(&mut self, count: u32) -> bool {
        if count > self.highest {
            self.window = self.window.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let Some(bit) = 1u64.checked_shl(self.highest - count) else { return false };
        let is_unused = self.window & bit == 0;
        self.window |= bit;
        is_unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn nonces(epoch: Instant, nonces_max: usize) -> Nonces {
        Nonces::new([7; 32], epoch, NONCE_LIFETIME, nonces_max)
    }

    #[test]
    fn a_nonce_lives_for_its_lifetime() {
        let start = testing::start();
        let nonces = nonces(start, NONCES_MAX);
        let nonce = nonces.issue(start + Duration::from_millis(5), "pbx", 1);
        assert!(nonces.accept(start + Duration::from_millis(300_005), "pbx", &nonce, 1));
        assert!(!nonces.accept(start + Duration::from_millis(300_006), "pbx", &nonce, 2));
    }

    #[test]
    fn only_our_own_nonces_of_this_realm_are_taken() {
        let start = testing::start();
        let ours = nonces(start, NONCES_MAX);
        let nonce = ours.issue(start, "pbx", 1);
        assert!(!ours.accept(start, "other", &nonce, 1));
        assert!(!Nonces::new([8; 32], start, NONCE_LIFETIME, 1).accept(start, "pbx", &nonce, 1));
        for index in 0..nonce.len() {
            let mut forged = nonce.clone().into_bytes();
            forged[index] = if forged[index] == b'0' { b'1' } else { b'0' };
            assert!(!ours.accept(start, "pbx", std::str::from_utf8(&forged).unwrap(), 1), "digit {index}");
        }
        for garbage in ["", "x", &"\u{e4}".repeat(30), &"g".repeat(60), &nonce[1..]] {
            assert!(!ours.accept(start, "pbx", garbage, 1));
        }
        assert_eq!(ours.used.len(), 0, "what is refused takes no memory");
        assert_ne!(ours.issue(start, "pbx", 1), ours.issue(start, "pbx", 1));
    }

    #[test]
    fn a_nonce_tells_whom_it_was_given_to() {
        let start = testing::start();
        let nonces = nonces(start, NONCES_MAX);
        let nonce = nonces.issue(start, "pbx", 1);
        let is_of = |seconds, realm, nonce, network| {
            nonces.is_of(start + Duration::from_secs(seconds), realm, nonce, network)
        };
        assert!(is_of(300, "pbx", &*nonce, 1));
        assert!(!is_of(0, "pbx", &*nonce, 2) && !is_of(0, "other", &*nonce, 1));
        assert!(!is_of(0, "pbx", "made up", 1));
        assert!(!is_of(301, "pbx", &*nonce, 1), "who was there once may be elsewhere");
        assert!(nonces.accept(start, "pbx", &nonce, 1), "a phone that moved is heard all the same");
    }

    #[test]
    fn each_count_is_used_once_in_whatever_order() {
        let start = testing::start();
        let nonces = nonces(start, NONCES_MAX);
        let nonce = nonces.issue(start, "pbx", 1);
        let taken = [1, 1, 3, 2, 2, 3, 200, 137, 136, 137, 0, u32::MAX, u32::MAX, 5]
            .map(|count| nonces.accept(start, "pbx", &nonce, count));
        assert_eq!(
            taken,
            [true, false, true, true, false, false, true, true, false, false, false, true, false, false]
        );
    }

    #[test]
    fn memory_is_bounded_and_no_count_is_used_twice_for_it() {
        let start = testing::start();
        let nonces = nonces(start, 100);
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut first_again = 0;
        let first = nonces.issue(start, "pbx", 1);
        assert!(nonces.accept(start, "pbx", &first, 1));
        for ms in 1..=1000 {
            let nonce = nonces.issue(at(ms), "pbx", 1);
            assert!(nonces.accept(at(ms), "pbx", &nonce, 1), "the newest is always taken");
            assert!(!nonces.accept(at(ms), "pbx", &nonce, 1));
            first_again += u32::from(nonces.accept(at(ms), "pbx", &first, 1));
            assert!(nonces.used.len() <= 100);
        }
        assert_eq!(first_again, 0);
        let nonce = nonces.issue(at(400_000), "pbx", 1);
        assert!(nonces.accept(at(400_000), "pbx", &nonce, 1));
    }
}
