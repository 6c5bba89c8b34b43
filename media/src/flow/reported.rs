//! What is reported of a flow's streams (RTCP): by the far end of what it is sent, by the relay of what it heard.

use super::Flow;
use crate::limits::REPORTED_JITTER_US_MAX;
use crate::rtcp::{self, Heard, REPORT_BYTES, Said};
use crate::rtp::header::FIXED_BYTES;
use crate::stats::FarReport;

/// How many sender reports a far end may be behind with its answer for the round trip to be measured by it.
pub(super) const SENT_REPORTS: usize = 4;

impl Flow {
    /// Notes when a sender report was sent to the far end, to know the round trip when it is answered.
    pub(crate) fn note_report_sent(&mut self, now_us: u64, compound: &[u8]) {
        if let Some(middle) = rtcp::sender_time(compound) {
            let aside = &mut *self.aside;
            aside.sent_reports[aside.oldest_sent] = (middle, now_us);
            aside.oldest_sent = (aside.oldest_sent + 1) % SENT_REPORTS;
        }
    }

    /// Takes what the far end reports of the stream that it is sent, whose timestamps have this clock.
    pub(crate) fn hear_report(&mut self, now_us: u64, compound: &[u8], clock_hz: u32) {
        let Some((ssrc, _)) = self.outbound.rewrite.stream(now_us) else { return };
        let Some(block) = rtcp::block_about(compound, ssrc) else { return };
        // Gaps that were there before are none of the far end's network. (One that a duplicate makes up for in number is.)
        let packets = self.outbound.packets;
        let gaps = self.outbound.rewrite.sequence_numbers().saturating_sub(packets);
        let lost = u64::try_from(block.lost).unwrap_or(0).saturating_sub(gaps).min(packets);
        let jitter_us = (u64::from(block.jitter) * 1_000_000).checked_div(u64::from(clock_hz)).unwrap_or(0);
        let jitter_us = u32::try_from(jitter_us).unwrap_or(u32::MAX).min(REPORTED_JITTER_US_MAX);
        let aside = &mut *self.aside;
        aside.counters.reported =
            Some(FarReport { packets, lost, fraction_lost: block.fraction_lost, jitter_us });
        let answers = |sent: &&(u32, u64)| block.last_report != 0 && sent.0 == block.last_report;
        if let Some((_, sent_us)) = aside.sent_reports.iter().find(answers) {
            let kept_us = u64::from(block.delay) * 1_000_000 / 65_536;
            let round_trip_us = now_us.saturating_sub(*sent_us).saturating_sub(kept_us);
            aside.counters.round_trip_us = u32::try_from(round_trip_us).ok();
        }
    }

    /// Notes when a compound with a sender report came, to say so in the next report.
    pub(crate) fn note_report(&mut self, now_us: u64, compound: &[u8]) {
        if let Some(middle) = rtcp::sender_time(compound) {
            self.aside.last_report = Some((middle, now_us));
        }
    }

    /// Writes a report of the relay's own on the stream to the far end and on the one from it; `None` before the first packet.
    pub(crate) fn report(&mut self, now_us: u64, out: &mut [u8; REPORT_BYTES]) -> Option<usize> {
        let stream = self.outbound.rewrite.stream(now_us)?;
        let octets = self.outbound.bytes.saturating_sub(self.outbound.packets * FIXED_BYTES as u64);
        let said = Said { stream, now_us, packets: self.outbound.packets, octets };
        let heard = self.inbound.reception.report().map(|reception| Heard {
            reception,
            last_report: self.aside.last_report.map(|(middle, at_us)| (middle, now_us.saturating_sub(at_us))),
        });
        Some(rtcp::compose(&said, heard.as_ref(), out))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flow, remote, rtp};
    use super::*;
    use crate::rtp::Header;

    /// A flow to whose far end packets of these sequence numbers were sent.
    fn speaking_to(sequences: &[u8]) -> Flow {
        let mut flow = flow(&remote("192.0.2.1:4000", "192.0.2.1:4001"));
        for &sequence in sequences {
            let mut packet = rtp(sequence);
            let header = Header::read(&packet).unwrap();
            flow.address(0, &header, &mut packet);
            flow.count_sent(packet.len(), true);
        }
        flow
    }

    /// A receiver report about the stream that the flow says: words of the block after the SSRC.
    fn receiver_report(block: [u32; 5]) -> Vec<u8> {
        let words = [0x81c9_0007, 0xabc, 7].into_iter().chain(block);
        words.flat_map(u32::to_be_bytes).collect()
    }

    #[test]
    fn what_was_missing_before_is_not_the_far_ends_loss() {
        let mut flow = speaking_to(&[1, 2, 5, 6, 7, 8, 9, 10]);
        // It misses four, of which two never came here.
        flow.hear_report(0, &receiver_report([0x8000_0004, 10, 80, 0, 0]), 8_000);
        let reported = FarReport { packets: 8, lost: 2, fraction_lost: 128, jitter_us: 10_000 };
        assert_eq!((flow.stats().reported, flow.stats().round_trip_us), (Some(reported), None));
        // What cannot be is not believed; a clock that is not known measures nothing.
        flow.hear_report(0, &receiver_report([0x007f_ffff, 10, 80, 0, 0]), 0);
        let reported = FarReport { packets: 8, lost: 8, fraction_lost: 0, jitter_us: 0 };
        assert_eq!(flow.stats().reported, Some(reported));
        flow.hear_report(0, &receiver_report([0, 10, u32::MAX, 0, 0]), 8_000);
        assert_eq!(flow.stats().reported.map(|reported| reported.jitter_us), Some(REPORTED_JITTER_US_MAX));
    }

    #[test]
    fn the_round_trip_is_what_the_far_end_did_not_keep() {
        let sender_report = |middle: u32| {
            let words = [0x80c8_0006, 7, middle >> 16, middle << 16, 0, 0, 0];
            words.into_iter().flat_map(u32::to_be_bytes).collect::<Vec<u8>>()
        };
        let mut flow = speaking_to(&[1]);
        for n in 1..=5_u32 {
            flow.note_report_sent(u64::from(n) * 1_000_000, &sender_report(n));
        }
        // It kept the fourth for half a second.
        flow.hear_report(4_540_000, &receiver_report([0, 1, 0, 4, 32_768]), 8_000);
        assert_eq!(flow.stats().round_trip_us, Some(40_000));
        // The first is too old to be known, the next names none, the third says that it kept it for longer than that.
        for block in [[0, 1, 0, 1, 0], [0, 1, 0, 0, 0]] {
            flow.hear_report(9_000_000, &receiver_report(block), 8_000);
            assert_eq!(flow.stats().round_trip_us, Some(40_000));
        }
        flow.hear_report(5_100_000, &receiver_report([0, 1, 0, 5, u32::MAX]), 8_000);
        assert_eq!(flow.stats().round_trip_us, Some(0));
    }
}
