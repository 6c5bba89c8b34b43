//! RTCP (RFC 3550 §6): telling it from RTP, checking compounds, and moving reports into the numbers of the far end.
//!
//! A report that travels from leg A to leg B speaks of two streams: what A sends (B knows it under the SSRC of
//! [`Rewrite`](crate::rewrite)) and what A hears (A knows it under its own). Both are translated, so that what B reads is true
//! of what B sent and heard. A report block about music is not forwarded, for B sent no music; neither is BYE, for the
//! stream that B hears ends when SIP says so.

use crate::rewrite::Shift;
use crate::stats::ReceptionReport;

/// RFC 5761 §4: the second byte of RTCP where RTP shares the port.
#[inline]
pub(crate) fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [_, 192..=223, ..])
}

/// The streams that a compound from one leg to another speaks of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Streams {
    /// How what the sender says reaches the hearer.
    pub(crate) said: Option<Shift>,
    /// How what the hearer says reaches the sender; `None` if the sender hears something else.
    pub(crate) heard: Option<Shift>,
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const APPLICATION: u8 = 204;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

const HEADER_BYTES: usize = 8;
const SENDER_INFO_BYTES: usize = 20;
const REPORT_BLOCK_BYTES: usize = 24;

/// Checks a compound: version 2 throughout, and lengths that add up to the datagram (RFC 3550 A.2; reduced size by RFC 5506).
pub(crate) fn is_valid(compound: &[u8]) -> bool {
    let mut rest = compound;
    while !rest.is_empty() {
        let Some((packet, after)) = split_first(rest) else { return false };
        // Padding is for encryption and only at the end of the last packet.
        if packet[0] & 0x20 != 0 && !after.is_empty() {
            return false;
        }
        rest = after;
    }
    !compound.is_empty()
}

/// Checks what can be seen of a sealed compound (RFC 3711 §3.4): the header and SSRC of its first packet, and room for the
/// index that follows the compound.
pub(crate) fn is_valid_sealed(compound: &[u8]) -> bool {
    compound.len() >= HEADER_BYTES + 4 && compound[0] >> 6 == 2 && (192..=223).contains(&compound[1])
}

/// Translates a valid compound into `out`; returns its length in bytes, 0 if nothing is left to be said.
pub(crate) fn translate(compound: &[u8], streams: &Streams, out: &mut [u8]) -> usize {
    let mut written = 0;
    let mut rest = compound;
    while let Some((packet, after)) = split_first(rest) {
        rest = after;
        let Some(room) = out.get_mut(written..written + packet.len()) else { break };
        written += translate_packet(packet, streams, room);
    }
    written
}

/// The most that a report of the relay's own has: a sender report with one block, and a name.
pub(crate) const REPORT_BYTES: usize = HEADER_BYTES + SENDER_INFO_BYTES + REPORT_BLOCK_BYTES + NAME_BYTES;

/// An SDES packet with a CNAME of eight letters.
const NAME_BYTES: usize = 20;

/// The stream that the relay says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    /// Its SSRC, and its timestamp at this moment.
    pub(crate) stream: (u32, u32),
    /// This moment, in the worker's time.
    pub(crate) now_us: u64,
    /// Packets so far.
    pub(crate) packets: u64,
    /// Bytes of payload so far.
    pub(crate) octets: u64,
}

/// The stream that the relay hears.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// What was received of it.
    pub(crate) reception: ReceptionReport,
    /// The middle of the time in its last sender report, and how long ago that came, in microseconds.
    pub(crate) last_report: Option<(u32, u64)>,
}

/// The middle 32 bits of the NTP time in a valid compound that begins with a sender report.
pub(crate) fn sender_time(compound: &[u8]) -> Option<u32> {
    let is_report = compound.len() >= HEADER_BYTES + SENDER_INFO_BYTES && compound[1] == SENDER_REPORT;
    is_report.then(|| read_u32(compound, 10))
}

/// What a far end reports of a stream that it hears (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ReportBlock {
    /// Missing since its report before, in 256ths.
    pub(crate) fraction_lost: u8,
    /// Missing in all; with many duplicates fewer than none.
    pub(crate) lost: i32,
    /// Interarrival jitter in timestamp ticks.
    pub(crate) jitter: u32,
    /// The middle of the time in the last sender report that it had, 0 for none.
    pub(crate) last_report: u32,
    /// How long ago that came, in 65536ths of a second.
    pub(crate) delay: u32,
}

/// What a valid compound reports of the stream with this SSRC.
pub(crate) fn block_about(compound: &[u8], ssrc: u32) -> Option<ReportBlock> {
    let mut rest = compound;
    while let Some((packet, after)) = split_first(rest) {
        rest = after;
        let fixed = match packet[1] {
            SENDER_REPORT => HEADER_BYTES + SENDER_INFO_BYTES,
            RECEIVER_REPORT => HEADER_BYTES,
            _ => continue,
        };
        let count = usize::from(packet[0] & 0x1f);
        let blocks = packet.get(fixed..).unwrap_or_default().chunks_exact(REPORT_BLOCK_BYTES).take(count);
        if let Some(block) = blocks.into_iter().find(|block| read_u32(block, 0) == ssrc) {
            let lost = read_u32(block, 4);
            return Some(ReportBlock {
                fraction_lost: block[4],
                // 24 bits with a sign.
                lost: (lost << 8).cast_signed() >> 8,
                jitter: read_u32(block, 12),
                last_report: read_u32(block, 16),
                delay: read_u32(block, 20),
            });
        }
    }
    None
}

/// Writes a sender report and a name (RFC 3550 §§6.4.1, 6.5); returns their length. The time in it is that of the worker, for
/// there is no wall clock here, which §4 allows.
pub(crate) fn compose(said: &Said, heard: Option<&Heard>, out: &mut [u8; REPORT_BYTES]) -> usize {
    let (ssrc, timestamp) = said.stream;
    let count = u8::from(heard.is_some());
    let length = HEADER_BYTES + SENDER_INFO_BYTES + usize::from(count) * REPORT_BLOCK_BYTES;
    write_head(out, 0, 0x80 | count, SENDER_REPORT, length);
    write_u32(out, 4, ssrc);
    #[expect(clippy::cast_possible_truncation, reason = "the fields count modulo 2^32")]
    let (seconds, fraction, packets, octets) = (
        (said.now_us / 1_000_000) as u32,
        (((said.now_us % 1_000_000) << 32) / 1_000_000) as u32,
        said.packets as u32,
        said.octets as u32,
    );
    for (at, value) in [(8, seconds), (12, fraction), (16, timestamp), (20, packets), (24, octets)] {
        write_u32(out, at, value);
    }
    if let Some(Heard { reception, last_report }) = heard {
        let lost = u32::try_from(reception.lost.min(0x7f_ffff)).unwrap_or(0);
        let (last, since_us) = last_report.unwrap_or_default();
        let delay = u32::try_from(since_us.saturating_mul(65_536) / 1_000_000).unwrap_or(u32::MAX);
        let block = [
            reception.ssrc,
            u32::from(reception.fraction_lost) << 24 | lost,
            reception.highest,
            reception.jitter,
            last,
            delay,
        ];
        for (n, value) in block.into_iter().enumerate() {
            write_u32(out, HEADER_BYTES + SENDER_INFO_BYTES + 4 * n, value);
        }
    }
    write_head(out, length, 0x81, SOURCE_DESCRIPTION, NAME_BYTES);
    write_u32(out, length + 4, ssrc);
    // CNAME, eight letters of it, and the end of the list in the last two bytes.
    out[length + 8..length + 10].copy_from_slice(&[1, 8]);
    for (n, letter) in out[length + 10..length + 18].iter_mut().enumerate() {
        let digit = (ssrc >> (28 - 4 * n)) & 0x0f;
        *letter = b"0123456789abcdef"[digit as usize];
    }
    length + NAME_BYTES
}

fn write_head(out: &mut [u8], at: usize, first: u8, kind: u8, length: usize) {
    let words = u16::try_from(length / 4 - 1).expect("a report has fewer than 2^16 words");
    out[at] = first;
    out[at + 1] = kind;
    out[at + 2..at + 4].copy_from_slice(&words.to_be_bytes());
}

/// Splits off the first packet of a compound if it is whole.
fn split_first(compound: &[u8]) -> Option<(&[u8], &[u8])> {
    let head = compound.first_chunk::<4>()?;
    let length = (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1) * 4;
    if head[0] >> 6 != 2 || !(192..=223).contains(&head[1]) {
        return None;
    }
    compound.split_at_checked(length)
}

/// Writes one translated packet; `out` has the length of `packet`.
fn translate_packet(packet: &[u8], streams: &Streams, out: &mut [u8]) -> usize {
    let fixed = match packet[1] {
        SENDER_REPORT => HEADER_BYTES + SENDER_INFO_BYTES,
        RECEIVER_REPORT => HEADER_BYTES,
        BYE => return 0,
        SOURCE_DESCRIPTION | APPLICATION if packet.len() >= HEADER_BYTES && packet[0] & 0x1f <= 1 => {
            out.copy_from_slice(packet);
            translate_said(out, 4, streams);
            return packet.len();
        }
        TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK if packet.len() >= HEADER_BYTES + 4 => {
            out.copy_from_slice(packet);
            translate_said(out, 4, streams);
            translate_heard(out, 8, streams);
            return packet.len();
        }
        // Of a kind that names sources where we do not look: true only where nothing is moved.
        _ if moves_nothing(streams) => {
            out.copy_from_slice(packet);
            return packet.len();
        }
        _ => return 0,
    };
    translate_report(packet, fixed, streams, out)
}

/// A sender or receiver report: the sender's SSRC and clock, then each block about a stream that the hearer sent.
fn translate_report(packet: &[u8], fixed: usize, streams: &Streams, out: &mut [u8]) -> usize {
    let blocks_bytes = usize::from(packet[0] & 0x1f) * REPORT_BLOCK_BYTES;
    let Some(blocks) = packet.get(fixed..fixed + blocks_bytes) else { return 0 };
    out[..fixed].copy_from_slice(&packet[..fixed]);
    if translate_said(out, 4, streams)
        && packet[1] == SENDER_REPORT
        && let Some(said) = streams.said
    {
        write_u32(out, 16, read_u32(packet, 16).wrapping_add(said.timestamp));
    }
    let mut written = fixed;
    let mut kept = 0;
    for block in blocks.chunks_exact(REPORT_BLOCK_BYTES) {
        let Some(heard) = streams.heard.filter(|heard| heard.ssrc == read_u32(block, 0)) else { continue };
        out[written..written + REPORT_BLOCK_BYTES].copy_from_slice(block);
        write_u32(out, written, heard.source);
        let highest = read_u32(block, 8);
        write_u32(out, written + 8, highest.wrapping_sub(u32::from(heard.sequence)));
        written += REPORT_BLOCK_BYTES;
        kept += 1;
    }
    out[0] = 0x80 | kept;
    let words = u16::try_from(written / 4 - 1).expect("a datagram has fewer than 2^16 words");
    out[2..4].copy_from_slice(&words.to_be_bytes());
    written
}

/// Replaces the SSRC at an offset if it is the one that the sender speaks with.
fn translate_said(out: &mut [u8], at: usize, streams: &Streams) -> bool {
    match streams.said {
        Some(said) if said.source == read_u32(out, at) => {
            write_u32(out, at, said.ssrc);
            true
        }
        _ => false,
    }
}

fn translate_heard(out: &mut [u8], at: usize, streams: &Streams) {
    if let Some(heard) = streams.heard
        && heard.ssrc == read_u32(out, at)
    {
        write_u32(out, at, heard.source);
    }
}

fn moves_nothing(streams: &Streams) -> bool {
    [streams.said, streams.heard].iter().all(|shift| {
        shift.is_some_and(|shift| shift.source == shift.ssrc && shift.sequence == 0 && shift.timestamp == 0)
    })
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |word| u32::from_be_bytes(*word))
}

fn write_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAID: Shift = Shift { source: 0xa, ssrc: 0xb, sequence: 5, timestamp: 1_000 };
    const HEARD: Shift = Shift { source: 0xc, ssrc: 0xd, sequence: 7, timestamp: 9 };
    const BOTH: Streams = Streams { said: Some(SAID), heard: Some(HEARD) };

    fn packet(kind: u8, count: u8, words: &[u32]) -> Vec<u8> {
        let mut packet = vec![0x80 | count, kind, 0, u8::try_from(words.len()).unwrap()];
        packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        packet
    }

    fn sender_report(blocks: &[[u32; 6]]) -> Vec<u8> {
        let mut words = vec![0xa, 1, 2, 5_000, 3, 4];
        words.extend(blocks.iter().flatten());
        packet(SENDER_REPORT, u8::try_from(blocks.len()).unwrap(), &words)
    }

    fn translated(compound: &[u8], streams: &Streams) -> Vec<u8> {
        let mut out = vec![0; compound.len()];
        let length = translate(compound, streams, &mut out);
        out.truncate(length);
        out
    }

    #[test]
    fn rtcp_is_told_by_its_second_byte() {
        assert!(is_rtcp(&[0x80, 192]) && is_rtcp(&[0x80, 223]));
        assert!(!is_rtcp(&[0x80, 191]) && !is_rtcp(&[0x80, 224]) && !is_rtcp(&[0x80]));
    }

    #[test]
    fn a_sender_report_is_moved_into_the_numbers_of_the_hearer() {
        let report = sender_report(&[[0xd, 0, 65_543, 0, 0, 0]]);
        let expected = packet(SENDER_REPORT, 1, &[0xb, 1, 2, 6_000, 3, 4, 0xc, 0, 65_536, 0, 0, 0]);
        assert_eq!(translated(&report, &BOTH), expected);
    }

    #[test]
    fn a_block_about_what_the_hearer_did_not_send_is_left_out() {
        let report = sender_report(&[[0x99, 0, 1, 0, 0, 0], [0xd, 0, 7, 0, 0, 0]]);
        let expected = packet(SENDER_REPORT, 1, &[0xb, 1, 2, 6_000, 3, 4, 0xc, 0, 0, 0, 0, 0]);
        assert_eq!(translated(&report, &BOTH), expected);
        let music = Streams { heard: None, ..BOTH };
        assert_eq!(translated(&report, &music), packet(SENDER_REPORT, 0, &[0xb, 1, 2, 6_000, 3, 4]));
    }

    #[test]
    fn a_report_of_the_relay_is_a_valid_compound() {
        let said = Said { stream: (0xabcd_ef01, 5_000), now_us: 2_500_000, packets: 7, octets: 1_120 };
        let reception =
            ReceptionReport { ssrc: 0xc, fraction_lost: 128, lost: 3, highest: 65_540, jitter: 9 };
        let heard = Heard { reception, last_report: Some((0x1234_5678, 500_000)) };
        let mut out = [0; REPORT_BYTES];
        let length = compose(&said, Some(&heard), &mut out);
        assert!(is_valid(&out[..length]) && length == REPORT_BYTES);
        let words: Vec<u32> = (0..13).map(|n| read_u32(&out, 4 * n)).collect();
        assert_eq!(words[..4], [0x81c8_000c, 0xabcd_ef01, 2, 0x8000_0000]);
        assert_eq!(words[4..7], [5_000, 7, 1_120]);
        assert_eq!(words[7..], [0xc, 0x8000_0003, 65_540, 9, 0x1234_5678, 32_768]);
        assert_eq!(&out[52 + 10..52 + 18], b"abcdef01");
        let length = compose(&said, None, &mut out);
        assert!(is_valid(&out[..length]));
        assert_eq!(sender_time(&out[..length]), Some(0x0002_8000));
    }

    #[test]
    fn the_block_about_a_stream_is_found_wherever_it_is() {
        let mut compound = sender_report(&[[0x99, 0, 1, 0, 0, 0]]);
        compound.extend(packet(SOURCE_DESCRIPTION, 0, &[]));
        let blocks = [0xa, 0x98, 0, 0, 0, 0, 0, 0xd, 0x40ff_fffe, 65_543, 80, 0x1234_5678, 65_536];
        compound.extend(packet(RECEIVER_REPORT, 2, &blocks));
        let block =
            ReportBlock { fraction_lost: 64, lost: -2, jitter: 80, last_report: 0x1234_5678, delay: 65_536 };
        assert_eq!(block_about(&compound, 0xd), Some(block));
        assert_eq!(block_about(&compound, 0x97), None);
        // A block that the packet has no room for, or no count of.
        assert_eq!(block_about(&packet(RECEIVER_REPORT, 1, &[0xa, 0xd, 0]), 0xd), None);
        assert_eq!(block_about(&packet(RECEIVER_REPORT, 0, &[0xa, 0xd, 0, 0, 0, 0, 0]), 0xd), None);
        assert_eq!(block_about(&packet(SENDER_REPORT, 1, &[0xa]), 0xa), None);
    }

    #[test]
    fn a_bye_ends_no_stream() {
        let mut compound = packet(RECEIVER_REPORT, 0, &[0xa]);
        compound.extend(packet(BYE, 1, &[0xa]));
        assert!(is_valid(&compound));
        assert_eq!(translated(&compound, &BOTH), packet(RECEIVER_REPORT, 0, &[0xb]));
    }

    #[test]
    fn feedback_names_both_streams() {
        let feedback = packet(PAYLOAD_FEEDBACK, 1, &[0xa, 0xd]);
        assert_eq!(translated(&feedback, &BOTH), packet(PAYLOAD_FEEDBACK, 1, &[0xb, 0xc]));
    }

    #[test]
    fn extended_reports_pass_only_where_nothing_is_moved() {
        let extended = packet(207, 0, &[0xa, 1]);
        assert!(translated(&extended, &BOTH).is_empty());
        let still = Shift { source: 0xa, ssrc: 0xa, sequence: 0, timestamp: 0 };
        assert_eq!(translated(&extended, &Streams { said: Some(still), heard: Some(still) }), extended);
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        assert!(!is_valid(&[]));
        assert!(!is_valid(&[0x80]));
        assert!(!is_valid(&[0x80, 200, 0, 1, 0, 0, 0]));
        assert!(!is_valid(&[0x80, 200, 0xff, 0xff, 0, 0, 0, 0]));
        assert!(!is_valid(&[0x40, 200, 0, 0]));
        assert!(!is_valid(&[0xa0, 201, 0, 0, 0x80, 201, 0, 0]));
        let mut trailing = packet(RECEIVER_REPORT, 0, &[0xa]);
        trailing.push(0);
        assert!(!is_valid(&trailing));
    }

    #[test]
    fn of_a_sealed_compound_only_the_head_is_checked() {
        let sealed = [0x81, 200, 0xff, 0xff, 0, 0, 0, 7, 1, 2, 3, 4];
        assert!(is_valid_sealed(&sealed) && !is_valid(&sealed));
        assert!(!is_valid_sealed(&sealed[..11]));
        assert!(!is_valid_sealed(&[0x41, 200, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4]));
    }

    #[test]
    fn a_report_with_more_blocks_than_bytes_is_left_out() {
        let short = packet(SENDER_REPORT, 31, &[0xa, 1, 2, 3, 4, 5]);
        assert!(is_valid(&short));
        assert!(translated(&short, &BOTH).is_empty());
        assert!(translated(&packet(SENDER_REPORT, 0, &[0xa]), &BOTH).is_empty());
        assert!(translated(&packet(RECEIVER_REPORT, 0, &[]), &BOTH).is_empty());
    }

    proptest! {
        #[test]
        fn anything_that_is_valid_stays_valid_and_grows_never(
            packets in proptest::collection::vec((0_u8..32, 192_u8..=223, proptest::collection::vec(0_u32..16, 0..40)), 1..6),
        ) {
            let compound: Vec<u8> = packets.iter().flat_map(|(count, kind, words)| packet(*kind, *count, words)).collect();
            prop_assert!(is_valid(&compound));
            for streams in [BOTH, Streams::default()] {
                let out = translated(&compound, &streams);
                prop_assert!(out.len() <= compound.len());
                prop_assert!(out.is_empty() || is_valid(&out));
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            is_valid(&bytes);
            translated(&bytes, &BOTH);
            block_about(&bytes, 0xd);
        }
    }
}
