//! A network in virtual time: it delays, and where it is told to it loses, doubles and reorders datagrams. Streams and
//! mailboxes inside the engine keep their order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;

/// How bad the network is. Rates are in parts per million.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quality {
    /// Datagrams that never arrive.
    pub loss_ppm: u32,
    /// Datagrams that arrive twice.
    pub duplicate_ppm: u32,
    /// Datagrams that are overtaken: they take up to ten times longer.
    pub reorder_ppm: u32,
    /// How long a datagram takes.
    pub delay: Duration,
    /// How long a message waits at most in a mailbox between a worker, the switch and the relay.
    pub mailbox_wait_max: Duration,
}

impl Quality {
    /// Nothing is lost, 5 ms each way, no mailbox makes anybody wait.
    pub const GOOD: Self = Self {
        loss_ppm: 0,
        duplicate_ppm: 0,
        reorder_ppm: 0,
        delay: Duration::from_millis(5),
        mailbox_wait_max: Duration::ZERO,
    };

    /// 5 % lost, 3 % doubled, 5 % overtaken, mailboxes wait up to 3 ms.
    pub const BAD: Self = Self {
        loss_ppm: 50_000,
        duplicate_ppm: 30_000,
        reorder_ppm: 50_000,
        delay: Duration::from_millis(20),
        mailbox_wait_max: Duration::from_millis(3),
    };
}

/// What is on its way, by the time of its arrival.
#[derive(Debug)]
pub struct Network<P> {
    /// How bad it is. May be changed at any time.
    pub quality: Quality,
    rng: StdRng,
    serial: u64,
    parcels: BTreeMap<(Instant, u64), P>,
    /// When the last parcel of each ordered channel arrives.
    channels: BTreeMap<u64, Instant>,
}

impl<P: Clone> Network<P> {
    /// A good network.
    pub const fn new(rng: StdRng) -> Self {
        Self { quality: Quality::GOOD, rng, serial: 0, parcels: BTreeMap::new(), channels: BTreeMap::new() }
    }

    /// When the next parcel arrives.
    pub fn deadline(&self) -> Option<Instant> {
        self.parcels.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many parcels are on their way.
    pub fn len(&self) -> usize {
        self.parcels.len()
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    /// The next parcel, if it is due.
    pub fn take_due(&mut self, now: Instant) -> Option<P> {
        let entry = self.parcels.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    /// Keeps of what is on its way only this.
    pub fn keep(&mut self, holds: impl Fn(&P) -> bool) {
        self.parcels.retain(|_, parcel| holds(parcel));
    }

    /// Sends a datagram: it may be lost, doubled or overtaken.
    pub fn datagram(&mut self, now: Instant, parcel: P) {
        let Quality { loss_ppm, duplicate_ppm, reorder_ppm, delay, .. } = self.quality;
        let copies = if self.happens(duplicate_ppm) { 2 } else { 1 };
        for _ in 0..copies {
            if self.happens(loss_ppm) {
                continue;
            }
            let late =
                if self.happens(reorder_ppm) { delay * self.rng.random_range(1..=9) } else { Duration::ZERO };
            self.put(now + delay + late, parcel.clone());
        }
    }

    /// Sends a piece of a stream: it arrives, and in order.
    pub fn stream(&mut self, now: Instant, channel: u64, parcel: P) {
        let jitter = Duration::from_micros(self.rng.random_range(0..500));
        let at = (now + self.quality.delay + jitter).max(self.channels.get(&channel).copied().unwrap_or(now));
        self.channels.insert(channel, at);
        self.put(at, parcel);
    }

    /// Puts something into a mailbox inside the engine: it arrives, in order, and at once unless mailboxes wait.
    pub fn mailbox(&mut self, now: Instant, channel: u64, parcel: P) {
        let wait_max_us = u64::try_from(self.quality.mailbox_wait_max.as_micros()).unwrap_or(u64::MAX);
        let wait = if wait_max_us == 0 { 0 } else { self.rng.random_range(0..=wait_max_us) };
        let at = (now + Duration::from_micros(wait)).max(self.channels.get(&channel).copied().unwrap_or(now));
        self.channels.insert(channel, at);
        self.put(at, parcel);
    }

    /// A random number of the network's.
    pub fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    fn happens(&mut self, ppm: u32) -> bool {
        ppm != 0 && self.rng.random_range(0..1_000_000) < ppm
    }

    fn put(&mut self, at: Instant, parcel: P) {
        self.serial += 1;
        self.parcels.insert((at, self.serial), parcel);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::epoch;

    fn arrivals(quality: Quality) -> Vec<u32> {
        let mut network = Network::new(StdRng::seed_from_u64(9));
        network.quality = quality;
        for number in 0..10_000_u32 {
            network.datagram(epoch() + Duration::from_millis(u64::from(number)), number);
        }
        std::iter::from_fn(|| network.take_due(epoch() + Duration::from_secs(100))).collect()
    }

    #[test]
    fn a_good_network_changes_nothing() {
        assert_eq!(arrivals(Quality::GOOD), (0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_bad_network_loses_doubles_and_reorders_as_often_as_it_says() {
        let arrived = arrivals(Quality { duplicate_ppm: 0, ..Quality::BAD });
        let lost = 10_000 - arrived.len();
        assert!((400..600).contains(&lost), "{lost} lost of 10,000 at 5 %");
        assert!(arrived.windows(2).any(|pair| pair[0] > pair[1]), "nothing was overtaken");
        let doubled = arrivals(Quality { loss_ppm: 0, ..Quality::BAD }).len() - 10_000;
        assert!((200..400).contains(&doubled), "{doubled} doubled of 10,000 at 3 %");
    }

    #[test]
    fn a_mailbox_keeps_its_order() {
        let mut network = Network::new(StdRng::seed_from_u64(9));
        network.quality = Quality::BAD;
        (0..1_000).for_each(|number| network.mailbox(epoch(), 1, number));
        let arrived: Vec<u32> =
            std::iter::from_fn(|| network.take_due(epoch() + Duration::from_secs(1))).collect();
        assert_eq!(arrived, (0..1_000).collect::<Vec<_>>());
    }
}
