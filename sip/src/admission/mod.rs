//! What is let in: calls, registrations and subscriptions, counted over all workers, in all, by source and by line; and whether a worker
//! keeps up with them.
//!
//! Checked once a request has proven who sent it, so that nobody uses up what is another's. Requests inside a dialog are
//! never asked.

mod limit;
mod load;
mod rate;
mod turned_away;

pub use limit::{AdmissionLimits, Limit, Refusals};
pub use load::{CALM, Load, STANDING, STANDING_AGAIN, URGENT_PER_SECOND};
pub use rate::Rate;
pub(crate) use turned_away::TurnedAway;

use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use foldhash::fast::RandomState;

use crate::outbox::Peer;

/// Numbers that are for help wherever they are dialled.
pub const EMERGENCY_NUMBERS: [&str; 5] = ["112", "911", "999", "000", "110"];

/// Sources and lines that are counted one by one. Who comes when so many have a call, or had one within a second, shares a
/// count with others.
pub const COUNTED_MAX: usize = 65_536;

/// The counts. Shared by the workers.
#[derive(Debug)]
pub struct Admission {
    epoch: Instant,
    hasher: RandomState,
    /// Up to when the rate of all calls is used up, in nanoseconds since the epoch.
    calls_ns: AtomicU64,
    /// The same of registrations.
    registrations_ns: AtomicU64,
    /// The same of subscriptions.
    subscriptions_ns: AtomicU64,
    counted: DashMap<u64, Count, RandomState>,
    len: AtomicUsize,
    counted_max: usize,
    /// The earliest time to look again for counts that can be forgotten.
    look_ns: AtomicU64,
}

/// What one source or line has.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    calls: u32,
    calls_ns: u64,
    registrations_ns: u64,
    subscriptions_ns: u64,
    handshakes_ns: u64,
}

/// What one call takes of the shares of its peer. It is given back when dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    keys: [Option<u64>; 2],
}

/// Keeps a trunk apart from a line of its name.
const TRUNK: u8 = 1;

/// Keeps who has proven nothing apart from the lines at his address.
const HANDSHAKE: u8 = 2;

/// The key of all that have none of their own.
const CROWD: u64 = 0;

/// Time between two looks for counts that can be forgotten.
const LOOK_NS: u64 = 1_000_000_000;

impl Admission {
    /// Nothing counted yet. `epoch` is no later than any instant it is told of.
    pub fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            hasher: RandomState::default(),
            calls_ns: AtomicU64::new(0),
            registrations_ns: AtomicU64::new(0),
            subscriptions_ns: AtomicU64::new(0),
            counted: DashMap::default(),
            len: AtomicUsize::new(0),
            counted_max: COUNTED_MAX,
            look_ns: AtomicU64::new(0),
        }
    }

    /// A call that this peer begins from this address.
    ///
    /// # Errors
    /// The limit that it is beyond.
    pub(crate) fn call(
        self: &Arc<Self>,
        now: Instant,
        limits: &AdmissionLimits,
        peer: &Peer,
        source: IpAddr,
    ) -> Result<Admitted, Limit> {
        let now_ns = self.since_epoch(now);
        let mut admitted = Admitted { admission: Arc::clone(self), keys: [None; 2] };
        if let Peer::Line(line) = peer {
            let line = (self.key(line), Limit::CallsPerLine, Limit::CallsPerSecondPerLine);
            let source = (self.key(network(source)), Limit::CallsPerSource, Limit::CallsPerSecondPerSource);
            let of_line = (limits.calls_per_line, limits.calls_per_second_per_line);
            let of_source = (limits.calls_per_source, limits.calls_per_second_per_source);
            for (slot, ((key, at_once, a_second), (calls, rate))) in
                admitted.keys.iter_mut().zip([(line, of_line), (source, of_source)])
            {
                *slot = Some(self.with_count(now_ns, key, |count| {
                    if count.calls >= calls {
                        return Err(at_once);
                    }
                    count.calls_ns = Rate::per_second(rate).take(count.calls_ns, now_ns).ok_or(a_second)?;
                    count.calls += 1;
                    Ok(())
                })?);
            }
        }
        take(&self.calls_ns, limits.calls_per_second, now_ns).ok_or(Limit::CallsPerSecond)?;
        Ok(admitted)
    }

    /// A registration from an address that the line is not registered from.
    ///
    /// # Errors
    /// The limit that it is beyond.
    pub(crate) fn registration(
        &self,
        now: Instant,
        limits: &AdmissionLimits,
        source: IpAddr,
    ) -> Result<(), Limit> {
        let now_ns = self.since_epoch(now);
        let rate = Rate::per_second(limits.registrations_per_second_per_source);
        self.with_count(now_ns, self.key(network(source)), |count| {
            let used_up = rate.take(count.registrations_ns, now_ns);
            count.registrations_ns = used_up.ok_or(Limit::RegistrationsPerSecondPerSource)?;
            Ok(())
        })?;
        take(&self.registrations_ns, limits.registrations_per_second, now_ns)
            .ok_or(Limit::RegistrationsPerSecond)
    }

    /// A subscription that this peer begins.
    ///
    /// # Errors
    /// The limit that it is beyond.
    pub(crate) fn subscription(
        &self,
        now: Instant,
        limits: &AdmissionLimits,
        peer: &Peer,
    ) -> Result<(), Limit> {
        let now_ns = self.since_epoch(now);
        let rate = Rate::per_second(limits.subscriptions_per_second_per_line);
        let key = match peer {
            Peer::Line(line) => self.key(line),
            Peer::Trunk(trunk) => self.key((TRUNK, trunk)),
        };
        self.with_count(now_ns, key, |count| {
            let used_up = rate.take(count.subscriptions_ns, now_ns);
            count.subscriptions_ns = used_up.ok_or(Limit::SubscriptionsPerSecondPerLine)?;
            Ok(())
        })?;
        take(&self.subscriptions_ns, limits.subscriptions_per_second, now_ns)
            .ok_or(Limit::SubscriptionsPerSecond)
    }

    /// A TLS handshake that begins from this address, if it may be one of so many a second.
    ///
    /// # Errors
    /// The limit that it is beyond.
    pub fn handshake(&self, now: Instant, per_second: u32, source: IpAddr) -> Result<(), Limit> {
        let now_ns = self.since_epoch(now);
        let rate = Rate::per_second(per_second);
        let counted = self.with_count(now_ns, self.key((HANDSHAKE, network(source))), |count| {
            let used_up = rate.take(count.handshakes_ns, now_ns);
            count.handshakes_ns = used_up.ok_or(Limit::HandshakesPerSecondPerSource)?;
            Ok(())
        });
        counted.map(drop)
    }

    /// Changes the count of this key, or that of the crowd; says which.
    fn with_count(
        &self,
        now_ns: u64,
        key: u64,
        change: impl FnOnce(&mut Count) -> Result<(), Limit>,
    ) -> Result<u64, Limit> {
        if !self.counted.contains_key(&key) && self.len.load(Ordering::Relaxed) >= self.counted_max {
            self.forget_idle(now_ns);
        }
        let is_full = self.len.load(Ordering::Relaxed) >= self.counted_max;
        let key = if is_full && !self.counted.contains_key(&key) { CROWD } else { key };
        let mut count = self.counted.entry(key).or_insert_with(|| {
            self.len.fetch_add(1, Ordering::Relaxed);
            Count::default()
        });
        change(count.value_mut()).map(|()| key)
    }

    /// Forgets who has no call and has not used up anything: that is as good as never seen.
    fn forget_idle(&self, now_ns: u64) {
        let look = |at: u64| (at <= now_ns).then(|| now_ns.saturating_add(LOOK_NS));
        if self.look_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, look).is_ok() {
            self.counted.retain(|_, count| {
                let Count { calls, calls_ns, registrations_ns, subscriptions_ns, handshakes_ns } = *count;
                let rates = [calls_ns, registrations_ns, subscriptions_ns, handshakes_ns];
                calls > 0 || rates.into_iter().any(|used_up| used_up > now_ns)
            });
            self.len.store(self.counted.len(), Ordering::Relaxed);
        }
    }

    fn since_epoch(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }

    fn key(&self, value: impl Hash) -> u64 {
        self.hasher.hash_one(value).max(CROWD + 1)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        for key in self.keys.into_iter().flatten() {
            if let Some(mut count) = self.admission.counted.get_mut(&key) {
                count.calls = count.calls.saturating_sub(1);
            }
        }
    }
}

fn take(used_up: &AtomicU64, rate: u32, now_ns: u64) -> Option<()> {
    let rate = Rate::per_second(rate);
    let taken = used_up
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used_up_ns| rate.take(used_up_ns, now_ns));
    taken.ok().map(drop)
}

/// What counts as one source: an IPv4 address; of an IPv6 address the 64 bits that one customer has.
pub fn network(source: IpAddr) -> u64 {
    match source.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;
    use crate::testing::start;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const AWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const NONE: AdmissionLimits = AdmissionLimits {
        calls_per_source: u32::MAX,
        calls_per_line: u32::MAX,
        calls_per_second: u32::MAX,
        calls_per_second_per_source: u32::MAX,
        calls_per_second_per_line: u32::MAX,
        registrations_per_second: u32::MAX,
        registrations_per_second_per_source: u32::MAX,
        subscriptions_per_second: u32::MAX,
        subscriptions_per_second_per_line: u32::MAX,
    };

    struct Door {
        admission: Arc<Admission>,
        now: Instant,
        limits: AdmissionLimits,
    }

    impl Door {
        fn with(limits: AdmissionLimits) -> Self {
            let now = start();
            Self { admission: Arc::new(Admission::new(now)), now, limits }
        }

        fn call(&self, line: &str, source: IpAddr) -> Result<Admitted, Limit> {
            self.admission.call(self.now, &self.limits, &Peer::Line(line.into()), source)
        }

        fn trunk(&self) -> Result<Admitted, Limit> {
            self.admission.call(self.now, &self.limits, &Peer::Trunk("carrier".into()), HOME)
        }

        fn subscribe(&self, peer: &Peer) -> Result<(), Limit> {
            self.admission.subscription(self.now, &self.limits, peer)
        }

        fn register(&self, source: IpAddr) -> Result<(), Limit> {
            self.admission.registration(self.now, &self.limits, source)
        }
    }

    #[test]
    fn subscriptions_within_a_second_of_a_peer_and_of_all() {
        let limits =
            AdmissionLimits { subscriptions_per_second: 4, subscriptions_per_second_per_line: 2, ..NONE };
        let mut door = Door::with(limits);
        let (line, trunk) = (Peer::Line("carrier".into()), Peer::Trunk("carrier".into()));
        assert!(door.subscribe(&line).is_ok() && door.subscribe(&line).is_ok());
        assert_eq!(door.subscribe(&line), Err(Limit::SubscriptionsPerSecondPerLine));
        assert!(door.subscribe(&trunk).is_ok(), "another peer, though it has the same name");
        assert!(door.subscribe(&trunk).is_ok());
        assert_eq!(door.subscribe(&Peer::Line("1002".into())), Err(Limit::SubscriptionsPerSecond));
        assert!(door.call("carrier", HOME).is_ok(), "calls are counted apart");
        door.now += Duration::from_secs(1);
        assert!(door.subscribe(&line).is_ok());
    }

    #[test]
    fn handshakes_within_a_second_from_a_source() {
        let mut door = Door::with(AdmissionLimits { registrations_per_second_per_source: 1, ..NONE });
        let shake = |door: &Door, source| door.admission.handshake(door.now, 2, source);
        assert!(shake(&door, HOME).is_ok() && shake(&door, HOME).is_ok());
        assert_eq!(shake(&door, HOME), Err(Limit::HandshakesPerSecondPerSource));
        assert!(shake(&door, AWAY).is_ok(), "another source");
        assert!(door.register(HOME).is_ok(), "registrations are counted apart");
        door.now += Duration::from_millis(500);
        assert!(shake(&door, HOME).is_ok());
        assert_eq!(shake(&door, HOME), Err(Limit::HandshakesPerSecondPerSource));
    }

    #[test]
    fn calls_at_once_of_a_line() {
        let door = Door::with(AdmissionLimits { calls_per_line: 2, ..NONE });
        let places = [door.call("1001", HOME).unwrap(), door.call("1001", AWAY).unwrap()];
        assert_eq!(door.call("1001", HOME).unwrap_err(), Limit::CallsPerLine);
        assert!(door.call("1002", HOME).is_ok());
        drop(places);
        assert!(door.call("1001", HOME).is_ok(), "a call that is over counts no more");
    }

    #[test]
    fn calls_at_once_of_a_source() {
        let door = Door::with(AdmissionLimits { calls_per_source: 2, ..NONE });
        let places = [door.call("1001", HOME).unwrap(), door.call("1002", HOME).unwrap()];
        assert_eq!(door.call("1003", HOME).unwrap_err(), Limit::CallsPerSource);
        assert!(door.call("1003", AWAY).is_ok());
        drop(places);
        let places: Vec<_> = ["1001", "1002"].iter().map(|line| door.call(line, HOME).unwrap()).collect();
        drop(places);
        assert!(door.admission.counted.iter().all(|count| count.calls == 0));
    }

    #[test]
    fn a_call_that_is_refused_takes_no_place() {
        let door = Door::with(AdmissionLimits { calls_per_source: 1, calls_per_line: 2, ..NONE });
        let place = door.call("1001", HOME).unwrap();
        for _ in 0..5 {
            assert_eq!(door.call("1001", HOME).unwrap_err(), Limit::CallsPerSource);
        }
        let other = door.call("1001", AWAY);
        assert!(other.is_ok(), "the line has room for two");
        drop((place, other));
        assert!(door.admission.counted.iter().all(|count| count.calls == 0));
    }

    #[test]
    fn calls_a_second() {
        let limits = AdmissionLimits {
            calls_per_second: 6,
            calls_per_second_per_source: 4,
            calls_per_second_per_line: 2,
            ..NONE
        };
        let mut door = Door::with(limits);
        assert!(door.call("1001", HOME).is_ok() && door.call("1001", HOME).is_ok());
        assert_eq!(door.call("1001", HOME).unwrap_err(), Limit::CallsPerSecondPerLine);
        assert!(door.call("1002", HOME).is_ok() && door.call("1003", HOME).is_ok());
        assert_eq!(door.call("1004", HOME).unwrap_err(), Limit::CallsPerSecondPerSource);
        assert!(door.trunk().is_ok() && door.trunk().is_ok());
        assert_eq!(door.trunk().unwrap_err(), Limit::CallsPerSecond);
        assert_eq!(door.call("1005", AWAY).unwrap_err(), Limit::CallsPerSecond);
        door.now += Duration::from_secs(1);
        assert!(door.call("1001", HOME).is_ok() && door.trunk().is_ok());
    }

    #[test]
    fn a_trunk_is_bound_by_what_bounds_all() {
        let limits = AdmissionLimits {
            calls_per_source: 1,
            calls_per_line: 1,
            calls_per_second_per_source: 1,
            calls_per_second_per_line: 1,
            ..NONE
        };
        let door = Door::with(limits);
        let places: Vec<_> = (0..100).map(|_| door.trunk().unwrap()).collect();
        assert!(door.admission.counted.is_empty() && places.len() == 100);
    }

    #[test]
    fn registrations_a_second() {
        let limits =
            AdmissionLimits { registrations_per_second: 3, registrations_per_second_per_source: 2, ..NONE };
        let mut door = Door::with(limits);
        assert_eq!([door.register(HOME), door.register(HOME)], [Ok(()), Ok(())]);
        assert_eq!(door.register(HOME), Err(Limit::RegistrationsPerSecondPerSource));
        assert_eq!(door.register(AWAY), Ok(()));
        assert_eq!(door.register(AWAY), Err(Limit::RegistrationsPerSecond));
        door.now += Duration::from_millis(500);
        assert_eq!(door.register(HOME), Ok(()));
    }

    #[test]
    fn a_customer_of_ipv6_is_one_source() {
        let door = Door::with(AdmissionLimits { calls_per_source: 1, ..NONE });
        let _place = door.call("1001", "2001:db8::1".parse().unwrap()).unwrap();
        assert!(door.call("1002", "2001:db8::2".parse().unwrap()).is_err());
        assert!(door.call("1002", "2001:db8:0:1::1".parse().unwrap()).is_ok());
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(network(mapped), network(HOME));
    }

    #[test]
    fn memory_is_bounded_and_who_is_idle_goes_first() {
        let mut door = Door::with(AdmissionLimits { calls_per_source: 1, ..NONE });
        Arc::get_mut(&mut door.admission).unwrap().counted_max = 100;
        let place = door.call("1001", HOME).unwrap();
        for host in 0..10_000u32 {
            door.now += Duration::from_millis(1);
            drop(door.call("1002", IpAddr::V4(host.into())).unwrap());
            assert!(door.admission.counted.len() <= 101);
        }
        assert!(door.call("1003", HOME).is_err(), "who has a call is not forgotten");
        drop(place);
        assert!(door.call("1003", HOME).is_ok());
    }

    #[test]
    fn a_crowd_shares_one_count() {
        let mut door = Door::with(AdmissionLimits { calls_per_source: 1, ..NONE });
        Arc::get_mut(&mut door.admission).unwrap().counted_max = 3;
        let _one = door.call("1001", HOME).unwrap();
        let _other = door.call("1001", AWAY).unwrap();
        let third: IpAddr = "192.0.2.3".parse().unwrap();
        let _third = door.call("1001", third).unwrap();
        let fourth: IpAddr = "192.0.2.4".parse().unwrap();
        assert_eq!(door.call("1001", fourth).unwrap_err(), Limit::CallsPerSource);
    }
}
