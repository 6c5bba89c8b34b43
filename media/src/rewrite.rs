//! One SSRC towards a far end, whoever speaks: SSRC, sequence number and timestamp continue across hold, music and transfer.
//!
//! Many phones stop playing when the SSRC changes in a stream. The first source that a leg hears passes unchanged; each
//! later one is moved into the first one's numbers, one packet and the elapsed time further on.

use crate::rtp::Header;
use crate::stats::{MAX_MISORDER, clock_hz};
use crate::tally::Gain;
use crate::worker::TimeShift;

/// The stream that a far end has heard so far, and how the present source is moved into it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rewrite {
    ssrc: u32,
    started: bool,
    /// Whether each source passes with its own numbers.
    is_open: bool,
    highest: u16,
    /// How many sequence numbers the highest is ahead of the first.
    spanned: u32,
    timestamp: u32,
    /// When the timestamp was first sent: all packets of an event bear the one of its beginning (RFC 4733 §2.2).
    sent_at_us: u64,
    timed: bool,
    source: Option<u32>,
    sequence_delta: u16,
    timestamp_delta: u32,
    /// The sequence number of the source that would prove a fall behind to be a restart (RFC 3550 A.1).
    restart_at: Option<u16>,
    /// How many numbers were skipped that the source may still use.
    skipped: u16,
}

/// How the present source is moved into the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shift {
    /// The SSRC of the source.
    pub(crate) source: u32,
    /// The SSRC that the far end knows.
    pub(crate) ssrc: u32,
    /// Added to the source's sequence numbers.
    pub(crate) sequence: u16,
    /// Added to the source's timestamps.
    pub(crate) timestamp: u32,
}

/// The clock that is assumed for timestamps of payload types whose clock is not known, in hertz.
const CLOCK_ASSUMED_HZ: u32 = 8_000;

/// The least that timestamps move between two sources: one packet of 20 ms.
const PACKET_US: u64 = 20_000;

/// The shortest packets that are usual: of 10 ms.
const PACKET_MIN_US: u64 = 10_000;

/// The most sequence numbers that are skipped; a receiver takes a longer jump for a restart (RFC 3550 A.1).
const SKIP_MAX: u16 = 1_000;

impl Rewrite {
    /// One that continues nothing: each source passes unchanged.
    pub(crate) fn open() -> Self {
        Self { is_open: true, ..Self::default() }
    }

    /// Continues one stream from here on, whatever it was told before: each source under a key costs its receiver a state.
    pub(crate) const fn close(&mut self) {
        self.is_open = false;
    }

    /// Forgets the source: the next packet begins another, even if it has the same SSRC.
    pub(crate) const fn end_source(&mut self) {
        self.source = None;
    }

    /// The header with which the packet goes out.
    #[inline(always)]
    pub(crate) fn continue_with(&mut self, now_us: u64, header: &Header) -> Header {
        let mut turns = false;
        if self.source != Some(header.ssrc) {
            turns = self.started && !self.is_open;
            self.begin_source(now_us, *header);
        }
        let mut sequence = header.sequence.wrapping_add(self.sequence_delta);
        if sequence.wrapping_sub(self.highest) >= 1 << 15 && self.restarts(now_us, *header, sequence) {
            turns = !self.is_open;
            sequence = header.sequence.wrapping_add(self.sequence_delta);
        }
        let timestamp = header.timestamp.wrapping_add(self.timestamp_delta);
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead < 1 << 15 {
            self.highest = sequence;
            self.spanned = self.spanned.wrapping_add(u32::from(ahead));
            if timestamp != self.timestamp || !self.timed {
                self.timed = true;
                self.timestamp = timestamp;
                self.sent_at_us = now_us;
            }
        }
        Header { marker: header.marker || turns, sequence, timestamp, ssrc: self.ssrc, ..*header }
    }

    /// Takes note of what the network sent of the present source.
    #[expect(clippy::cast_possible_truncation, reason = "the counts are modulo 2^16 and 2^32")]
    pub(crate) fn gain(&mut self, gain: &Gain) {
        if self.source.is_none() || gain.moved == 0 {
            return;
        }
        let sequence = (gain.highest as u16).wrapping_add(self.sequence_delta);
        let ahead = u32::from(sequence.wrapping_sub(self.highest));
        // What went past half the numbers is ahead whatever the rest of the division says.
        let wraps = (gain.moved >> 15) != 0;
        if wraps || ahead < 1 << 15 {
            self.highest = sequence;
            self.spanned = self.spanned.wrapping_add(if wraps { gain.moved as u32 } else { ahead });
            self.timed = true;
            self.timestamp = gain.timestamp.wrapping_add(self.timestamp_delta);
            self.sent_at_us = gain.last_at_us;
        }
    }

    /// Takes note that for so long the network may have sent what it did not count: the next source begins beyond all of it, for
    /// a gap is loss, and a number twice is a replay.
    pub(crate) fn skip(&mut self, unknown_us: u64) {
        let packets = u16::try_from(unknown_us / PACKET_MIN_US).unwrap_or(SKIP_MAX).min(SKIP_MAX);
        self.highest = self.highest.wrapping_add(packets);
        self.spanned = self.spanned.wrapping_add(u32::from(packets));
        self.skipped = self.skipped.saturating_add(packets);
    }

    /// The stream as the far end knows it, and its timestamp at this moment; `None` before its first packet.
    pub(crate) fn stream(&self, now_us: u64) -> Option<(u32, u32)> {
        #[expect(clippy::cast_possible_truncation, reason = "timestamps are modulo 2^32 by RFC 3550 §5.1")]
        let elapsed =
            (now_us.saturating_sub(self.sent_at_us) * u64::from(CLOCK_ASSUMED_HZ) / 1_000_000) as u32;
        self.started.then(|| (self.ssrc, self.timestamp.wrapping_add(elapsed)))
    }

    /// How many sequence numbers the far end could have heard so far.
    pub(crate) fn sequence_numbers(&self) -> u64 {
        if self.started { u64::from(self.spanned) + 1 } else { 0 }
    }

    /// Counts times as another worker does.
    pub(crate) fn shift_time(&mut self, shift: &TimeShift) {
        self.sent_at_us = shift.apply(self.sent_at_us);
    }

    /// How the present source is moved; `None` before its first packet.
    pub(crate) fn shift(&self) -> Option<Shift> {
        self.source.map(|source| Shift {
            source,
            ssrc: self.ssrc,
            sequence: self.sequence_delta,
            timestamp: self.timestamp_delta,
        })
    }

    /// A packet is behind the highest. Whether the source began its numbers anew, which it has when two in sequence are too far
    /// behind to be late: then it is moved as another source would be.
    #[cold]
    fn restarts(&mut self, now_us: u64, header: Header, sequence: u16) -> bool {
        if self.highest.wrapping_sub(sequence) <= MAX_MISORDER.saturating_add(self.skipped) {
            return false;
        }
        if self.restart_at != Some(header.sequence) {
            self.restart_at = Some(header.sequence.wrapping_add(1));
            return false;
        }
        self.begin_source(now_us, header);
        true
    }

    #[cold]
    fn begin_source(&mut self, now_us: u64, header: Header) {
        if self.started && !self.is_open {
            let hz = u64::from(clock_hz(header.payload_type).unwrap_or(CLOCK_ASSUMED_HZ));
            let elapsed_us = now_us.saturating_sub(self.sent_at_us).max(PACKET_US);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "timestamps are modulo 2^32 by RFC 3550 §5.1"
            )]
            let elapsed = (elapsed_us.wrapping_mul(hz) / 1_000_000) as u32;
            self.sequence_delta = self.highest.wrapping_add(1).wrapping_sub(header.sequence);
            self.timestamp_delta = self.timestamp.wrapping_add(elapsed).wrapping_sub(header.timestamp);
        } else {
            self.started = true;
            self.timed = false;
            self.ssrc = header.ssrc;
            self.highest = header.sequence;
        }
        self.source = Some(header.ssrc);
        self.restart_at = None;
        self.skipped = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
        Header {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp,
            ssrc,
            payload_start: 12,
            payload_end: 172,
        }
    }

    #[test]
    fn the_only_source_passes_unchanged() {
        let mut rewrite = Rewrite::default();
        assert_eq!(rewrite.continue_with(0, &header(7, 65_535, u32::MAX)), header(7, 65_535, u32::MAX));
        for n in 0..10 {
            let packet = header(7, n, u32::from(n) * 160);
            assert_eq!(rewrite.continue_with(20_000, &packet), packet);
        }
        assert_eq!(rewrite.shift(), Some(Shift { source: 7, ssrc: 7, sequence: 0, timestamp: 0 }));
    }

    #[test]
    fn without_continuity_each_source_keeps_its_numbers() {
        let mut rewrite = Rewrite::open();
        for packet in [header(7, 100, 1_000), header(9, 5_000, 77), header(7, 102, 1_320)] {
            assert_eq!(rewrite.continue_with(0, &packet), packet);
            assert_eq!(rewrite.stream(0), Some((packet.ssrc, packet.timestamp)));
        }
    }

    #[test]
    fn a_closed_one_goes_on_with_the_source_that_it_had() {
        let mut rewrite = Rewrite::open();
        rewrite.continue_with(0, &header(7, 100, 1_000));
        rewrite.close();
        let turned = rewrite.continue_with(20_000, &header(9, 5_000, 77));
        assert_eq!((turned.ssrc, turned.sequence), (7, 101));
    }

    #[test]
    fn another_source_continues_the_numbers_with_a_marker() {
        let mut rewrite = Rewrite::default();
        rewrite.continue_with(0, &header(7, 100, 1_000));
        let turned = rewrite.continue_with(20_000, &header(9, 5_000, 77));
        assert_eq!(turned, Header { marker: true, ..header(7, 101, 1_160) });
        let following = rewrite.continue_with(40_000, &header(9, 5_001, 237));
        assert_eq!(following, header(7, 102, 1_320));
    }

    #[test]
    fn timestamps_keep_the_time_of_a_pause() {
        let mut rewrite = Rewrite::default();
        rewrite.continue_with(0, &header(7, 100, 1_000));
        rewrite.end_source();
        let back = rewrite.continue_with(1_000_000, &header(7, 150, 9_000));
        assert_eq!((back.sequence, back.timestamp), (101, 9_000));
    }

    #[test]
    fn time_goes_on_while_an_event_repeats_its_timestamp() {
        let mut rewrite = Rewrite::default();
        for n in 0..5 {
            rewrite.continue_with(u64::from(n) * 20_000, &header(7, n, 1_000));
        }
        assert_eq!(rewrite.continue_with(100_000, &header(9, 0, 0)).timestamp, 1_800);
    }

    #[test]
    fn a_late_packet_keeps_its_place() {
        let mut rewrite = Rewrite::default();
        rewrite.continue_with(0, &header(7, 100, 0));
        rewrite.continue_with(0, &header(9, 10, 0));
        rewrite.continue_with(0, &header(9, 12, 320));
        assert_eq!(rewrite.continue_with(0, &header(9, 11, 160)).sequence, 102);
        assert_eq!(rewrite.continue_with(0, &header(7, 300, 0)).sequence, 104);
    }

    #[test]
    fn a_source_that_begins_its_numbers_anew_goes_on_in_the_stream() {
        let mut rewrite = Rewrite::default();
        rewrite.continue_with(0, &header(7, 40_000, 8_000));
        let stray = header(7, 10_000, 0);
        assert_eq!(rewrite.continue_with(20_000, &stray), stray, "one may be a stray packet");
        assert_eq!(rewrite.continue_with(20_000, &header(7, 40_001, 8_160)), header(7, 40_001, 8_160));
        rewrite.continue_with(40_000, &header(7, 20_000, 77));
        let turned = rewrite.continue_with(60_000, &header(7, 20_001, 237));
        assert_eq!(turned, Header { marker: true, ..header(7, 40_002, 8_480) });
        assert_eq!(rewrite.continue_with(80_000, &header(7, 20_002, 397)), header(7, 40_003, 8_640));
        let mut open = Rewrite::open();
        for sequence in [40_000, 10_000, 10_001, 10_002] {
            assert_eq!(open.continue_with(0, &header(7, sequence, 0)), header(7, sequence, 0));
        }
        assert_eq!(open.highest, 10_002);
    }

    #[test]
    fn a_source_goes_on_in_numbers_that_were_skipped() {
        let mut rewrite = Rewrite::default();
        rewrite.continue_with(0, &header(7, 100, 0));
        rewrite.skip(5_000_000);
        for sequence in 101..1_000 {
            assert_eq!(rewrite.continue_with(0, &header(7, sequence, 0)), header(7, sequence, 0));
        }
        assert_eq!(rewrite.continue_with(0, &header(9, 0, 0)).sequence, 1_000);
    }

    #[test]
    fn sequence_numbers_and_timestamps_wrap() {
        let mut rewrite = Rewrite::default();
        rewrite.continue_with(0, &header(7, 65_535, u32::MAX - 10));
        let turned = rewrite.continue_with(0, &header(8, 9, 9));
        assert_eq!((turned.sequence, turned.timestamp), (0, 149));
    }
}
