//! What the network counted of a flow, merged into what the worker knows: each packet once, however often it is looked.
//!
//! Sequence numbers are extended by their wraps to 64 bits (RFC 3550 A.1). The kernel counts wraps from the highest number that
//! it was given, the worker from the first of the stream; what both have in common is how far the kernel has moved on. Jitter
//! is a linear filter: what was measured before fades by a sixteenth with each packet, and the kernel's own is added.

use std::time::Duration;

use crate::offload::FlowCount;

/// After so many packets nothing is left of the jitter that was measured before.
const FADING_PACKETS: u64 = 255;

/// A flow that was given away, and what was merged of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    /// The highest sequence number when it was given away, extended by the worker.
    began_at: u64,
    /// The jitter at that time, in sixteenths of a tick; `None` where the network measures none.
    jitter_before: Option<u32>,
    merged: FlowCount,
    moved: u64,
}

/// What a count says beyond the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gain {
    /// Packets forwarded.
    pub(crate) packets: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Packets that could not be sent.
    pub(crate) send_failed: u64,
    /// Packets older than the highest.
    pub(crate) late: u64,
    /// Packets of the highest number once more.
    pub(crate) duplicates: u64,
    /// How far the highest sequence number has moved.
    pub(crate) moved: u64,
    /// The highest, extended as the worker does it.
    pub(crate) highest: u64,
    /// The timestamp of the highest.
    pub(crate) timestamp: u32,
    /// Interarrival jitter with what was measured before, in sixteenths of a tick; `None` where it is not measured.
    pub(crate) jitter_x16: Option<u32>,
    /// When the last packet came.
    pub(crate) last_at_us: u64,
}

impl Tally {
    /// Of a flow that is given away with this extended highest sequence number and this jitter, if
    /// the network is to measure it.
    pub(crate) const fn begin(highest: u64, jitter_x16: Option<u32>) -> Self {
        Self { began_at: highest, jitter_before: jitter_x16, merged: NOTHING, moved: 0 }
    }

    /// Takes a count; `None` where nothing came since the last.
    pub(crate) fn take(&mut self, now_us: u64, count: &FlowCount) -> Option<Gain> {
        let before = &self.merged;
        let came = count.packets.saturating_add(count.send_failed);
        if came <= before.packets.saturating_add(before.send_failed) {
            return None;
        }
        let moved = self.distance(count).max(self.moved);
        let idle_us = count.idle.map_or(0, |idle| u64::try_from(idle.as_micros()).unwrap_or(u64::MAX));
        let gain = Gain {
            packets: count.packets.saturating_sub(before.packets),
            bytes: count.bytes.saturating_sub(before.bytes),
            send_failed: count.send_failed.saturating_sub(before.send_failed),
            late: count.late.saturating_sub(before.late),
            duplicates: count.duplicates.saturating_sub(before.duplicates),
            moved: moved - self.moved,
            highest: self.began_at + moved,
            timestamp: count.timestamp,
            jitter_x16: self
                .jitter_before
                .map(|before| fade(before, came - 1).saturating_add(count.jitter_x16)),
            last_at_us: now_us.saturating_sub(idle_us),
        };
        self.merged = *count;
        self.moved = moved;
        Some(gain)
    }

    /// How far the kernel has moved on from the number that it was given.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is the number as it came in")]
    fn distance(&self, count: &FlowCount) -> u64 {
        let newest = u64::from(count.cycles) << 16 | u64::from(count.highest);
        newest.saturating_sub(u64::from(self.began_at as u16))
    }
}

const NOTHING: FlowCount = FlowCount {
    packets: 0,
    bytes: 0,
    send_failed: 0,
    highest: 0,
    cycles: 0,
    late: 0,
    duplicates: 0,
    timestamp: 0,
    jitter_x16: 0,
    idle: None::<Duration>,
};

/// Jitter after so many packets without any of their own (RFC 3550 A.8).
const fn fade(mut jitter_x16: u32, packets: u64) -> u32 {
    if packets >= FADING_PACKETS {
        return 0;
    }
    let mut n = 0;
    while n < packets {
        jitter_x16 -= (jitter_x16 + 8) >> 4;
        n += 1;
    }
    jitter_x16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(packets: u64, highest: u16, cycles: u32) -> FlowCount {
        FlowCount { packets, bytes: packets * 172, highest, cycles, idle: Some(Duration::ZERO), ..NOTHING }
    }

    #[test]
    fn each_packet_counts_once_however_often_it_is_looked() {
        let mut tally = Tally::begin(100, None);
        assert_eq!(tally.take(0, &count(0, 100, 0)), None);
        let gain = tally.take(0, &count(3, 103, 0)).unwrap();
        assert_eq!((gain.packets, gain.bytes, gain.moved, gain.highest), (3, 516, 3, 103));
        assert_eq!(tally.take(0, &count(3, 103, 0)), None);
        let gain = tally.take(0, &count(5, 106, 0)).unwrap();
        assert_eq!((gain.packets, gain.bytes, gain.moved, gain.highest), (2, 344, 3, 106));
    }

    #[test]
    fn a_count_that_goes_back_is_nothing() {
        let mut tally = Tally::begin(100, None);
        tally.take(0, &count(5, 105, 0)).unwrap();
        assert_eq!(tally.take(0, &count(2, 102, 0)), None);
        let gain = tally.take(0, &count(6, 104, 0)).unwrap();
        assert_eq!((gain.packets, gain.moved, gain.highest), (1, 0, 105));
    }

    #[test]
    fn the_highest_goes_on_over_every_wrap_of_either_side() {
        let mut tally = Tally::begin(3 << 16 | 65_530, None);
        assert_eq!(tally.take(0, &count(4, 65_534, 0)).unwrap().highest, 3 << 16 | 65_534);
        assert_eq!(tally.take(0, &count(8, 2, 1)).unwrap().highest, 4 << 16 | 2);
        let gain = tally.take(0, &count(200_000, 1, 4)).unwrap();
        assert_eq!((gain.highest, gain.moved), (7 << 16 | 1, (3 << 16) - 1));
    }

    #[test]
    fn late_packets_are_told_apart_from_a_move() {
        let mut tally = Tally::begin(100, None);
        let late = FlowCount { late: 2, duplicates: 1, ..count(3, 100, 0) };
        let gain = tally.take(0, &late).unwrap();
        assert_eq!((gain.packets, gain.late, gain.duplicates, gain.moved), (3, 2, 1, 0));
    }

    #[test]
    fn a_packet_that_could_not_be_sent_came_all_the_same() {
        let mut tally = Tally::begin(0, None);
        let gain = tally.take(0, &FlowCount { send_failed: 4, ..count(0, 4, 0) }).unwrap();
        assert_eq!((gain.packets, gain.send_failed, gain.highest), (0, 4, 4));
    }

    #[test]
    fn the_last_packet_came_when_the_kernel_says() {
        let mut tally = Tally::begin(0, None);
        let idle = Some(Duration::from_millis(30));
        assert_eq!(tally.take(1_000_000, &FlowCount { idle, ..count(1, 1, 0) }).unwrap().last_at_us, 970_000);
    }

    #[test]
    fn jitter_from_before_fades_into_that_of_the_kernel() {
        assert_eq!((fade(1_600, 0), fade(1_600, 1), fade(u32::MAX >> 4, 10_000)), (1_600, 1_500, 0));
        let mut tally = Tally::begin(0, Some(1_600));
        let jitter_x16 = 32;
        assert_eq!(
            tally.take(0, &FlowCount { jitter_x16, ..count(2, 2, 0) }).unwrap().jitter_x16,
            Some(1_532)
        );
        let faded = tally.take(0, &FlowCount { jitter_x16, ..count(500, 500, 0) }).unwrap();
        assert_eq!(faded.jitter_x16, Some(32));
    }
}
