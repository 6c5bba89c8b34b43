//! Counters of a leg; the unit of each number is in its name.

use crate::rtp::Header;
use crate::srtp::SrtpSuite;
use crate::tally::Gain;

/// What a leg received and sent. "Received" is what came from the far end of this leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LegStats {
    /// Accepted RTP packets received.
    pub packets_received: u64,
    /// Their payload and headers, in bytes.
    pub bytes_received: u64,
    /// RTP packets sent to the far end.
    pub packets_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// RTCP packets received.
    pub rtcp_received: u64,
    /// RTCP packets sent to the far end.
    pub rtcp_sent: u64,
    /// Packets from a source that may not speak here.
    pub foreign: u64,
    /// Packets that are neither RTP nor RTCP.
    pub malformed: u64,
    /// SRTP packets that are forged, damaged, replayed, under another key, or came before a handshake agreed one.
    pub unauthentic: u64,
    /// Packets accepted but with nobody to hear them.
    pub unheard: u64,
    /// Packets that the kernel refused to send.
    pub send_failed: u64,
    /// Packets that the kernel dropped because the worker did not fetch them in time.
    pub kernel_dropped: u64,
    /// Of the packets received, those that the kernel forwarded by itself.
    pub kernel_packets: u64,
    /// Of the packets received, those that came up to the worker although the kernel was to forward them.
    pub kernel_missed: u64,
    /// Datagrams received that are no RTP, on a leg where they pass as they are (UDPTL). They count nowhere else.
    pub datagrams_received: u64,
    /// The same, sent to the far end.
    pub datagrams_sent: u64,
    /// Sequence numbers of which no packet came, of the current SSRC and those before; a late packet takes its number out again.
    pub lost: u64,
    /// Packets that came after one with a higher sequence number. They are forwarded: whether they still help is for the jitter
    /// buffer of the far side to say.
    pub late: u64,
    /// Packets that came before. Of the last 100 sequence numbers they are known exactly; older ones are no part of the stream.
    pub duplicates: u64,
    /// Interarrival jitter (RFC 3550 A.8), in microseconds.
    pub jitter_us: u32,
    /// The payload type of the speech that came last; events and comfort noise are none.
    pub payload_type: Option<u8>,
    /// What the far end said last of what it was sent; `None` before its first RTCP report.
    pub reported: Option<FarReport>,
    /// From the relay to the far end and back (RFC 3550 §6.4.1), as last measured, in microseconds; `None` until a sender report
    /// to the far end was answered.
    pub round_trip_us: Option<u32>,
    /// Whether what the far end says is forwarded by the kernel.
    pub in_kernel: bool,
    /// How packets between the relay and the far end are protected.
    pub secured: Secured,
}

impl LegStats {
    /// Whether anything at all was fetched from the leg's sockets.
    pub(crate) const fn has_heard(&self) -> bool {
        let packets = self.packets_received | self.rtcp_received | self.datagrams_received;
        packets | self.foreign | self.malformed | self.unauthentic != 0
    }
}

impl LegStats {
    /// Whether nothing came for the leg, from whomever.
    pub const fn is_quiet(&self) -> bool {
        self.packets_received == 0
            && self.rtcp_received == 0
            && self.datagrams_received == 0
            && self.foreign == 0
            && self.malformed == 0
            && self.unauthentic == 0
            && self.kernel_dropped == 0
    }
}

/// How packets between the relay and a far end are protected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Secured {
    /// Not at all.
    #[default]
    Not,
    /// By SRTP with keys from SDP (SDES, RFC 4568).
    Sdes(SrtpSuite),
    /// By SRTP with keys of a DTLS handshake (RFC 5764); `None` while it has not agreed any, and nothing passes.
    Dtls(Option<SrtpSuite>),
}

impl Secured {
    /// Where the keys come from, in the API: `sdes` or `dtls`.
    pub const fn keys(self) -> Option<&'static str> {
        match self {
            Self::Not => None,
            Self::Sdes(_) => Some("sdes"),
            Self::Dtls(_) => Some("dtls"),
        }
    }

    /// What is sealed with.
    pub const fn suite(self) -> Option<SrtpSuite> {
        match self {
            Self::Not => None,
            Self::Sdes(suite) => Some(suite),
            Self::Dtls(suite) => suite,
        }
    }
}

/// What a far end reported of the stream that it is sent (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FarReport {
    /// How many packets it had been sent until then.
    pub packets: u64,
    /// What it misses, less what was missing before the relay sent it on: what the way from here to there lost.
    pub lost: u64,
    /// Missing of what it expected since its report before, in 256ths.
    pub fraction_lost: u8,
    /// Interarrival jitter, in microseconds.
    pub jitter_us: u32,
}

/// The clock of a payload type's timestamps, in hertz (RFC 3551 table 4); `None` for dynamic types.
pub(crate) const fn clock_hz(payload_type: u8) -> Option<u32> {
    match payload_type {
        0 | 3..=5 | 7..=9 | 12 | 13 | 15 | 18 => Some(8_000),
        6 => Some(16_000),
        10 | 11 => Some(44_100),
        14 | 25 | 26 | 28 | 31..=34 => Some(90_000),
        16 => Some(11_025),
        17 => Some(22_050),
        1 | 2 | 19..=24 | 27 | 29 | 30 | 35..=u8::MAX => None,
    }
}

/// Sequence numbers of one direction: loss by RFC 3550 A.1 and A.3, jitter by A.8.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reception {
    ssrc: Option<u32>,
    highest: u16,
    cycles: u32,
    base: u16,
    /// The sequence number that would prove a jump to be a restart.
    restart_at: Option<u16>,
    /// Which of the last sequence numbers came: bit n is `highest - n`.
    seen: u128,
    /// Sequence numbers that came.
    received: u64,
    lost_before: u64,
    late: u64,
    duplicates: u64,
    transit: Option<u32>,
    jitter_x16: u32,
    jitter_hz: u32,
    /// Sequence numbers expected and packets received, duplicates among them, when the last report was made.
    reported: (u64, u64),
    /// Duplicates of sources before.
    duplicates_before: u64,
}

/// What a report says of a stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ReceptionReport {
    /// The stream.
    pub(crate) ssrc: u32,
    /// Lost of what was sent since the last report, in 256ths.
    pub(crate) fraction_lost: u8,
    /// Lost in all.
    pub(crate) lost: u64,
    /// The highest sequence number, with its cycles.
    pub(crate) highest: u32,
    /// Interarrival jitter in timestamp ticks.
    pub(crate) jitter: u32,
}

/// A.1: a jump of fewer sequence numbers is loss; of more, perhaps a restart.
pub(crate) const MAX_DROPOUT: u16 = 3_000;
/// A.1: a packet at most this old is late; an older one is perhaps a restart. All of them are in `Reception::seen`.
pub(crate) const MAX_MISORDER: u16 = 100;

/// Whether so many sequence numbers ahead of the highest, modulo 2^16, are neither loss nor lateness (A.1).
pub(crate) const fn is_jump(ahead: u16) -> bool {
    ahead >= MAX_DROPOUT && ahead <= u16::MAX - MAX_MISORDER
}

impl Reception {
    /// Counts one packet that arrived at `now_us`. `clock_hz`: of its timestamps; 0 where they tell no arrival time.
    // What is rare takes the header by value: whose address nobody asks for stays in registers.
    #[inline]
    pub(crate) fn count(&mut self, now_us: u64, header: &Header, clock_hz: u32) {
        if self.ssrc != Some(header.ssrc) {
            self.restart(*header);
        } else if header.sequence == self.highest.wrapping_add(1) {
            self.advance(header.sequence);
            self.seen = self.seen << 1 | 1;
        } else if !self.place(*header) {
            return;
        }
        self.received = self.received.wrapping_add(1);
        if clock_hz != 0 {
            self.measure_jitter(now_us, header.timestamp, clock_hz);
        }
    }

    /// A higher sequence number came.
    #[inline]
    const fn advance(&mut self, sequence: u16) {
        if sequence < self.highest {
            self.cycles = self.cycles.wrapping_add(1);
        }
        self.highest = sequence;
    }

    /// Counts a packet that is not the next of its source; whether it is one of those that were expected.
    #[cold]
    fn place(&mut self, header: Header) -> bool {
        let ahead = header.sequence.wrapping_sub(self.highest);
        if ahead.wrapping_sub(1) < MAX_DROPOUT - 1 {
            self.advance(header.sequence);
            self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
        } else if !is_jump(ahead) {
            return self.fill(ahead.wrapping_neg());
        } else if self.restart_at == Some(header.sequence) {
            self.restart(header);
        } else {
            self.restart_at = Some(header.sequence.wrapping_add(1));
            return false;
        }
        true
    }

    /// Counts a packet that is so many sequence numbers older than the highest; whether it fills a gap.
    fn fill(&mut self, behind: u16) -> bool {
        let bit = 1_u128 << behind;
        if self.seen & bit != 0 {
            self.duplicates += 1;
            return false;
        }
        self.seen |= bit;
        self.late += 1;
        // What was sent before the first packet that came is not expected.
        u64::from(behind) <= self.newest() - u64::from(self.base)
    }

    /// The present stream: its SSRC and its highest sequence number, extended by its wraps.
    pub(crate) fn stream(&self) -> Option<(u32, u64)> {
        Some((self.ssrc?, self.newest()))
    }

    /// Whether a packet that was counted is the newest of its stream, and no jump is in question.
    pub(crate) fn is_newest(&self, header: &Header) -> bool {
        self.ssrc == Some(header.ssrc) && self.highest == header.sequence && self.restart_at.is_none()
    }

    /// Whether a sequence number is so far from the highest that it may begin anew (A.1).
    pub(crate) const fn is_far(&self, sequence: u16) -> bool {
        is_jump(sequence.wrapping_sub(self.highest))
    }

    /// Whether a sequence number is the next, or the highest again.
    pub(crate) const fn is_next(&self, sequence: u16) -> bool {
        sequence.wrapping_sub(self.highest) <= 1
    }

    /// Interarrival jitter in sixteenths of a tick.
    pub(crate) const fn jitter_x16(&self) -> u32 {
        self.jitter_x16
    }

    /// Counts what the network forwarded of the present stream. It tells no older duplicate from a late packet.
    #[expect(clippy::cast_possible_truncation, reason = "the number is taken apart again")]
    pub(crate) fn gain(&mut self, gain: &Gain) {
        let came = (gain.packets + gain.send_failed).saturating_sub(gain.duplicates);
        self.received += came;
        self.late += gain.late;
        self.duplicates += gain.duplicates;
        if let Some(ahead) = gain.highest.checked_sub(self.newest()) {
            self.cycles = (gain.highest >> 16) as u32;
            self.highest = gain.highest as u16;
            // Which of them came is known only where all did.
            let newest = u32::try_from(ahead.min(128)).unwrap_or(128);
            let all = u128::MAX.checked_shr(128 - newest).unwrap_or(0);
            let known = if came.saturating_sub(gain.late) >= gain.moved { all } else { all & 1 };
            self.seen = self.seen.checked_shl(newest).unwrap_or(0) | known;
        }
        self.restart_at = None;
        self.transit = None;
        if let Some(jitter_x16) = gain.jitter_x16 {
            self.jitter_x16 = jitter_x16;
        }
    }

    /// Packets expected less those that came, over all sources so far.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.lost_of_current()
    }

    /// What a report is to say of the present stream, and where the next one counts from.
    pub(crate) fn report(&mut self) -> Option<ReceptionReport> {
        let ssrc = self.ssrc?;
        let expected = self.expected();
        // Duplicates count as received here, by §6.4.1.
        let received = self.received + (self.duplicates - self.duplicates_before);
        let lost_of_current = expected.saturating_sub(received);
        let (expected_before, received_before) = self.reported;
        self.reported = (expected, received);
        let expected = expected.saturating_sub(expected_before);
        let received = received.saturating_sub(received_before);
        let lost = expected.saturating_sub(received);
        let fraction = (lost << 8).checked_div(expected).unwrap_or(0);
        Some(ReceptionReport {
            ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: lost_of_current,
            highest: (self.cycles << 16) | u32::from(self.highest),
            jitter: self.jitter_x16 >> 4,
        })
    }

    /// Measures jitter anew from the next packet on: the clock that arrivals are read from is another.
    pub(crate) const fn forget_transit(&mut self) {
        self.transit = None;
    }

    /// Packets that came after one with a higher number.
    pub(crate) const fn late(&self) -> u64 {
        self.late
    }

    /// Packets that came before.
    pub(crate) const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Interarrival jitter, in microseconds; 0 until a payload type with a known clock was heard.
    pub(crate) fn jitter_us(&self) -> u32 {
        if self.jitter_hz == 0 {
            return 0;
        }
        let jitter_us = u64::from(self.jitter_x16) * 1_000_000 / 16 / u64::from(self.jitter_hz);
        u32::try_from(jitter_us).unwrap_or(u32::MAX)
    }

    #[cold]
    fn restart(&mut self, header: Header) {
        self.lost_before = self.lost();
        self.duplicates_before = self.duplicates;
        self.seen = 1;
        self.ssrc = Some(header.ssrc);
        self.base = header.sequence;
        self.highest = header.sequence;
        self.cycles = 0;
        self.restart_at = None;
        self.received = 0;
        self.reported = (0, 0);
        self.transit = None;
    }

    fn lost_of_current(&self) -> u64 {
        if self.ssrc.is_none() { 0 } else { self.expected().saturating_sub(self.received) }
    }

    fn expected(&self) -> u64 {
        (self.newest() + 1).saturating_sub(u64::from(self.base))
    }

    /// The highest sequence number, with its cycles.
    fn newest(&self) -> u64 {
        (u64::from(self.cycles) << 16) + u64::from(self.highest)
    }

    #[inline]
    fn measure_jitter(&mut self, now_us: u64, timestamp: u32, hz: u32) {
        #[expect(clippy::cast_possible_truncation, reason = "timestamps are modulo 2^32 by RFC 3550 §5.1")]
        let arrival = (now_us.wrapping_mul(u64::from(hz)) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if hz != self.jitter_hz {
            self.jitter_hz = hz;
            self.transit = None;
            self.jitter_x16 = 0;
        }
        if let Some(before) = self.transit.replace(transit) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A talk spurt may begin with any timestamp: what exceeds a second is no jitter.
            if difference < hz {
                // Below 2^32 by far: a difference is less than a second, and so is the mean of them.
                let decay = self.jitter_x16.wrapping_add(8) >> 4;
                self.jitter_x16 = self.jitter_x16.wrapping_add(difference).wrapping_sub(decay);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16, timestamp: u32, ssrc: u32) -> Header {
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

    fn heard(sequences: &[u16]) -> Reception {
        let mut reception = Reception::default();
        for &sequence in sequences {
            reception.count(0, &header(sequence, 0, 1), 8_000);
        }
        reception
    }

    #[test]
    fn a_gap_is_loss_until_the_late_packet_fills_it() {
        assert_eq!(heard(&[10, 11, 14]).lost(), 2);
        let filled = heard(&[10, 11, 14, 12, 13]);
        assert_eq!((filled.lost(), filled.late(), filled.duplicates()), (0, 2, 0));
    }

    #[test]
    fn sequence_numbers_wrap() {
        let wrapped = heard(&[65_534, 65_535, 0, 2, 65_535]);
        assert_eq!((wrapped.lost(), wrapped.late(), wrapped.duplicates()), (1, 0, 1));
    }

    #[test]
    fn a_repeated_packet_hides_no_loss() {
        let repeated = heard(&[1, 2, 2, 2, 5, 1, 4, 4]);
        assert_eq!((repeated.lost(), repeated.late(), repeated.duplicates()), (1, 1, 4));
    }

    #[test]
    fn duplicates_are_known_as_far_back_as_packets_are_late() {
        let mut sequences: Vec<u16> = (0..=MAX_MISORDER + 20).filter(|sequence| *sequence != 40).collect();
        sequences.extend([MAX_MISORDER, 20, 40, 40]);
        let far_back = heard(&sequences);
        assert_eq!((far_back.lost(), far_back.late(), far_back.duplicates()), (0, 1, 3));
        let jumped = heard(&[10, 1_010, 1_009, 1_009]);
        assert_eq!((jumped.lost(), jumped.late(), jumped.duplicates()), (998, 1, 1));
    }

    #[test]
    fn what_was_sent_before_the_first_packet_is_not_expected() {
        let early = heard(&[100, 99, 98, 102, 99]);
        assert_eq!((early.lost(), early.late(), early.duplicates()), (1, 2, 1));
    }

    #[test]
    fn a_report_counts_duplicates_as_received() {
        let mut reception = heard(&[1, 2, 2, 4]);
        assert_eq!(reception.report().map(|report| (report.lost, report.fraction_lost)), Some((0, 0)));
        assert_eq!(reception.lost(), 1);
        reception.count(0, &header(8, 0, 1), 8_000);
        let report = reception.report().unwrap();
        assert_eq!((report.lost, report.fraction_lost, report.highest), (3, 192, 8));
    }

    #[test]
    fn timestamps_that_tell_no_arrival_are_not_measured() {
        let mut reception = Reception::default();
        for n in 0..100_u16 {
            reception.count(u64::from(n) * 50_000, &header(n, 0, 1), 0);
        }
        assert_eq!(reception.jitter_us(), 0);
    }

    #[test]
    fn two_packets_after_a_jump_are_a_restart() {
        let reception = heard(&[100, 101, 103, 40_000, 40_001, 40_002]);
        assert_eq!(reception.lost(), 1);
    }

    #[test]
    fn losses_of_an_earlier_source_are_kept() {
        let mut reception = heard(&[1, 5]);
        reception.count(0, &header(900, 0, 2), 8_000);
        reception.count(0, &header(902, 0, 2), 8_000);
        assert_eq!(reception.lost(), 4);
    }

    #[test]
    fn steady_arrival_has_no_jitter_and_an_alternating_one_converges() {
        let mut steady = Reception::default();
        let mut uneven = Reception::default();
        for n in 0..500_u16 {
            let at_us = u64::from(n) * 20_000;
            let timestamp = u32::from(n).wrapping_mul(160).wrapping_add(u32::MAX - 1_000);
            steady.count(at_us, &header(n, timestamp, 1), 8_000);
            uneven.count(at_us + u64::from(n % 2) * 5_000, &header(n, timestamp, 1), 8_000);
        }
        assert_eq!(steady.jitter_us(), 0);
        assert!((4_500..=5_500).contains(&uneven.jitter_us()), "{}", uneven.jitter_us());
    }

    #[test]
    fn wild_timestamps_do_not_overflow() {
        let mut reception = Reception::default();
        for n in 0..1_000_u16 {
            let header = header(n, u32::from(n).wrapping_mul(0x9e37_79b9), 1);
            reception.count(u64::MAX - u64::from(n), &header, 8_000);
        }
        assert!(reception.jitter_us() <= 1_000_000);
    }
}
