//! The jitter buffer of one member: speech by its timestamp, played at a delay that follows the network and the peer's clock.
//!
//! Every codec of the relay says one byte a timestamp tick (125 µs), so the buffer is a ring of bytes. What is played comes out
//! in pieces of about 20 ms: a little more where the delay is too long, a little less where it is too short. The listener
//! stretches each piece to 20 ms, and hears neither the drift of the peer's clock nor a change of delay.

use crate::limits::{DELAY_MAX_TICKS, DELAY_WANTED_MAX_TICKS};

/// Ticks of 125 µs in a frame of 20 ms.
pub(crate) const FRAME_TICKS: usize = 160;

/// The most ticks that are taken at once.
pub(super) const TAKEN_MAX_TICKS: usize = FRAME_TICKS + STRETCH_MAX;

/// Ticks that a frame may be longer or shorter while a delay is corrected: 2.5 %.
const STRETCH_MAX: usize = 4;

const RING_TICKS: usize = 4_096;
/// What is there is known for blocks of a millisecond.
const BLOCK_TICKS: usize = 8;
const WORDS: usize = RING_TICKS / BLOCK_TICKS / 64;

/// The delay that is aimed at as long as nothing is known of the network: 10 ms.
const WANTED_AT_FIRST_TICKS: i32 = 80;
/// The least delay that is aimed at: 5 ms.
const WANTED_MIN_TICKS: i32 = 40;
/// How much longer the delay becomes for each packet that was late.
const WANTED_STEP_TICKS: i32 = 40;
/// How far the delay may be from what is wanted before it is corrected.
const TOLERANCE_TICKS: i32 = 16;
/// How often the delay is looked at, in frames: every two seconds.
const WINDOW_FRAMES: u32 = 100;
/// How often the wanted delay is shortened where no packet was late, in windows.
const CALM_WINDOWS: u32 = 8;
/// A correction of more ticks than this is made on every frame; a smaller one on every fourth.
const HASTE_TICKS: i32 = 80;

/// What a piece of speech is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    /// Ticks.
    pub(super) length: usize,
    /// Whether it was received.
    pub(super) present: bool,
}

/// Speech of one stream on its way to the mixer.
#[derive(Clone, Debug)]
pub(super) struct JitterBuffer {
    ring: Box<[u8; RING_TICKS]>,
    present: [u64; WORDS],
    /// Where timestamps lie in the ring, so that packets begin with a block.
    base: u32,
    /// The timestamp that is played next; the one after the newest that was received.
    next: u32,
    newest: u32,
    playing: bool,
    /// How long before its frame is mixed a packet that comes late ought to come, and how long before the latest came. Beyond
    /// the length of a frame, for a drifting clock moves packets across all of it.
    wanted: i32,
    emptiest: i32,
    frames: u32,
    calm: u32,
    /// Ticks still to be dropped, or to be added if negative.
    correction: i32,
    starving: bool,
}

impl Default for JitterBuffer {
    fn default() -> Self {
        Self {
            ring: Box::new([0; RING_TICKS]),
            present: [0; WORDS],
            base: 0,
            next: 0,
            newest: 0,
            playing: false,
            wanted: WANTED_AT_FIRST_TICKS,
            emptiest: i32::MAX,
            frames: 0,
            calm: 0,
            correction: 0,
            starving: false,
        }
    }
}

impl JitterBuffer {
    /// Takes a packet that came `lead` ticks before the next frame is taken; one that is too late, too far ahead or too long
    /// makes room for itself or is left out.
    pub(super) fn put(&mut self, timestamp: u32, payload: &[u8], lead: i32) {
        let Ok(length) = i32::try_from(payload.len().min(RING_TICKS / 2)) else { return };
        let payload = &payload[..payload.len().min(RING_TICKS / 2)];
        if length == 0 {
            return;
        }
        let ahead = timestamp.wrapping_sub(self.next).cast_signed();
        let is_elsewhere = ahead > RING_TICKS as i32 - length || ahead < -(RING_TICKS as i32);
        if !self.playing || is_elsewhere {
            if !self.playing && ahead < 0 && ahead > -(RING_TICKS as i32) && self.starving {
                // The end of what was given up already.
                return;
            }
            self.begin(timestamp, lead);
        } else if ahead + length <= 0 {
            self.late();
            return;
        } else if self.starving && timestamp == self.newest {
            self.late();
        }
        self.starving = false;
        // By how much it was in time; between two frames the delay is known to the tick only here.
        let delay = timestamp.wrapping_sub(self.next).cast_signed().saturating_add(lead);
        self.emptiest = self.emptiest.min(delay - FRAME_TICKS as i32);
        let from = self.place(timestamp);
        for (n, byte) in payload.iter().enumerate() {
            self.ring[(from + n) % RING_TICKS] = *byte;
        }
        for n in (0..payload.len()).step_by(BLOCK_TICKS) {
            let block = ((from + n) % RING_TICKS) / BLOCK_TICKS;
            self.present[block / 64] |= 1 << (block % 64);
        }
        let end = timestamp.wrapping_add(length.cast_unsigned());
        if end.wrapping_sub(self.newest).cast_signed() > 0 {
            self.newest = end;
        }
    }

    /// Takes the next piece into `bytes`; its runs are told to `keep` in order. `None` while nothing is being said.
    pub(super) fn take(
        &mut self,
        bytes: &mut [u8; TAKEN_MAX_TICKS],
        mut keep: impl FnMut(Run),
    ) -> Option<usize> {
        if !self.playing {
            return None;
        }
        let depth = self.newest.wrapping_sub(self.next).cast_signed();
        if depth > DELAY_MAX_TICKS {
            let skipped = depth - self.wanted - FRAME_TICKS as i32;
            self.forget(skipped.cast_unsigned() as usize);
        }
        let depth = self.newest.wrapping_sub(self.next).cast_signed();
        self.watch();
        if depth <= 0 {
            self.starving = true;
            return Some(0);
        }
        let count = self.stretched(depth);
        let from = self.place(self.next);
        let mut done = 0;
        while done < count {
            let at = (from + done) % RING_TICKS;
            let length = (BLOCK_TICKS - at % BLOCK_TICKS).min(count - done);
            let block = at / BLOCK_TICKS;
            let present = self.present[block / 64] & 1 << (block % 64) != 0;
            bytes[done..done + length].copy_from_slice(&self.ring[at..at + length]);
            keep(Run { length, present });
            done += length;
        }
        self.forget(count);
        self.starving = count < FRAME_TICKS - STRETCH_MAX;
        Some(count)
    }

    /// Whether something is being said.
    pub(super) const fn is_playing(&self) -> bool {
        self.playing
    }

    /// Gives up: what comes next begins anew.
    pub(super) const fn end(&mut self) {
        self.playing = false;
    }

    /// How much is waiting, in ticks.
    #[cfg(test)]
    pub(super) fn depth(&self) -> i32 {
        self.newest.wrapping_sub(self.next).cast_signed()
    }

    fn begin(&mut self, timestamp: u32, lead: i32) {
        self.present = [0; WORDS];
        let delay = FRAME_TICKS as i32 + self.wanted;
        self.next = timestamp.wrapping_sub((delay - lead).max(0).cast_unsigned());
        // The silence before the first packet is no loss.
        self.base = self.next & !(BLOCK_TICKS as u32 - 1);
        self.base = self.base.wrapping_add(timestamp.wrapping_sub(self.base) % BLOCK_TICKS as u32);
        self.newest = timestamp;
        self.playing = true;
        self.emptiest = i32::MAX;
        self.frames = 0;
        self.correction = 0;
    }

    /// A packet came too late to be played when it should have been.
    fn late(&mut self) {
        self.calm = 0;
        self.wanted = (self.wanted + WANTED_STEP_TICKS).min(DELAY_WANTED_MAX_TICKS);
    }

    /// Looks once in a while at how early packets come, and decides on a correction.
    fn watch(&mut self) {
        self.frames += 1;
        if self.frames < WINDOW_FRAMES {
            return;
        }
        let excess = if self.emptiest == i32::MAX { 0 } else { self.emptiest - self.wanted };
        self.correction = if excess.abs() > TOLERANCE_TICKS { excess } else { 0 };
        self.calm += 1;
        if self.calm >= CALM_WINDOWS {
            self.calm = 0;
            self.wanted = (self.wanted - BLOCK_TICKS as i32).max(WANTED_MIN_TICKS);
        }
        self.frames = 0;
        self.emptiest = i32::MAX;
    }

    /// How many ticks the next frame takes of those that are there.
    fn stretched(&mut self, depth: i32) -> usize {
        let is_due = self.correction.abs() > HASTE_TICKS || self.frames.is_multiple_of(4);
        let step = match self.correction {
            0 => 0,
            _ if !is_due => 0,
            excess if excess > 4 * HASTE_TICKS => STRETCH_MAX as i32,
            excess => excess.signum(),
        };
        let wanted = FRAME_TICKS as i32 + step;
        if wanted > depth {
            return depth.min(FRAME_TICKS as i32).unsigned_abs() as usize;
        }
        self.correction -= step;
        wanted.unsigned_abs() as usize
    }

    /// Moves on, and clears what lies behind.
    fn forget(&mut self, ticks: usize) {
        let first = self.place(self.next) / BLOCK_TICKS;
        #[expect(clippy::cast_possible_truncation, reason = "the ring is far shorter than 2^32 ticks")]
        let next = self.next.wrapping_add(ticks as u32);
        self.next = next;
        let last = self.place(next) / BLOCK_TICKS;
        let blocks = RING_TICKS / BLOCK_TICKS;
        let count = if ticks >= RING_TICKS { blocks } else { (last + blocks - first) % blocks };
        for n in 0..count {
            let block = (first + n) % blocks;
            self.present[block / 64] &= !(1 << (block % 64));
        }
    }

    fn place(&self, timestamp: u32) -> usize {
        timestamp.wrapping_sub(self.base) as usize % RING_TICKS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn take(buffer: &mut JitterBuffer) -> Option<(usize, usize)> {
        let mut bytes = [0; TAKEN_MAX_TICKS];
        let mut present = 0;
        let taken = buffer.take(&mut bytes, |run| present += if run.present { run.length } else { 0 });
        taken.map(|taken| (taken, present))
    }

    /// Plays packets that come when `arrives_us` says; returns how many ticks were missing after the first second.
    fn missing(seconds: u64, arrives_us: impl Fn(u64) -> u64) -> (usize, i32) {
        let mut buffer = JitterBuffer::default();
        let (mut n, mut missing, mut deepest) = (0, 0, 0);
        for tick in 0..seconds * 50 {
            let now_us = tick * 20_000 + 7_000;
            while arrives_us(n) <= now_us {
                let lead = i32::try_from((now_us - arrives_us(n)) / 125).unwrap();
                buffer.put(u32::try_from(n).unwrap().wrapping_mul(160), &[1; 160], lead);
                n += 1;
            }
            let Some((taken, present)) = take(&mut buffer) else { continue };
            if tick > 50 {
                missing += (FRAME_TICKS - STRETCH_MAX).saturating_sub(present);
                assert!(taken >= present);
                deepest = deepest.max(buffer.depth());
            }
        }
        (missing, deepest)
    }

    #[test]
    fn a_clock_that_drifts_is_followed_for_an_hour() {
        for ppm in [-200_i64, 200] {
            let arrives_us = |n: u64| {
                let nominal = i64::try_from(n).unwrap() * 20_000;
                u64::try_from(nominal - nominal * ppm / 1_000_000).unwrap()
            };
            let (missing, deepest) = missing(3_600, arrives_us);
            assert_eq!(missing, 0, "{ppm} ppm");
            assert!(deepest < 320 + 160, "{ppm} ppm: {deepest}");
        }
    }

    #[test]
    fn jitter_is_learnt_and_then_does_no_harm() {
        let arrives_us = |n: u64| n * 20_000 + (n * 7_919 % 31) * 1_000;
        let (missing, deepest) = missing(60, arrives_us);
        assert!(missing < 160 * 12, "{missing} of {}", 60 * 8_000);
        assert!(deepest < 1_000, "{deepest}");
    }

    #[test]
    fn a_lost_packet_is_a_run_that_is_not_present() {
        let mut buffer = JitterBuffer::default();
        buffer.put(1_000, &[1; 160], 160);
        buffer.put(1_320, &[1; 160], 160);
        let got: Vec<_> = (0..3).filter_map(|_| take(&mut buffer)).collect();
        assert_eq!(got, [(160, 80), (160, 80), (160, 80)]);
    }

    #[test]
    fn packets_of_any_length_in_any_order_are_put_together() {
        let mut buffer = JitterBuffer::default();
        for (timestamp, length) in [(0, 80), (160, 80), (80, 80), (240, 480)] {
            buffer.put(timestamp, &vec![1; length], 160);
        }
        take(&mut buffer);
        for _ in 0..3 {
            assert_eq!(take(&mut buffer), Some((160, 160)));
        }
    }

    #[test]
    fn a_burst_does_not_stay_as_delay() {
        let mut buffer = JitterBuffer::default();
        for n in 0..20 {
            buffer.put(n * 160, &[1; 160], 160);
        }
        take(&mut buffer);
        assert!(buffer.depth() <= WANTED_AT_FIRST_TICKS, "{}", buffer.depth());
    }

    #[test]
    fn a_stream_that_jumps_begins_anew() {
        let mut buffer = JitterBuffer::default();
        buffer.put(0, &[1; 160], 160);
        buffer.put(2_000_000_000, &[1; 160], 160);
        assert_eq!(buffer.depth(), 240);
        buffer.put(77, &[1; 160], 160);
        assert_eq!(buffer.depth(), 240);
    }

    proptest! {
        #[test]
        fn no_packets_panic_or_pile_up(
            packets in proptest::collection::vec((any::<u32>(), 0_usize..2_100, 0_u32..4_000, any::<bool>(), 0_usize..4), 0..300),
        ) {
            let mut buffer = JitterBuffer::default();
            for (wild, length, near, is_wild, takes) in packets {
                buffer.put(if is_wild { wild } else { near }, &vec![0; length], 160);
                for _ in 0..takes {
                    if let Some((taken, present)) = take(&mut buffer) {
                        prop_assert!(taken <= TAKEN_MAX_TICKS && present <= taken);
                    }
                }
                prop_assert!(buffer.depth() <= RING_TICKS as i32);
            }
        }
    }
}
