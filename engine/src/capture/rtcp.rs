//! What RTCP reports (RFC 3550 §6.4) as JSON, in the words of sipcapture's agents and of rtpengine.

use serde_json::{Value, json};

/// The sender and receiver reports of a compound, in its order. What is no report is left out, the names of who speaks (SDES), too; what is
/// cut off ends it.
pub(crate) fn reports(compound: &[u8]) -> Vec<Value> {
    let (mut rest, mut reports) = (compound, Vec::new());
    while let [first, kind, high, low, ..] = *rest {
        let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        let Some((packet, behind)) = rest.split_at_checked(length) else { break };
        rest = behind;
        let (count, body) = (usize::from(first & 0x1F), &packet[4..]);
        reports.extend(match kind {
            SENDER_REPORT => report(kind, count, body, SENDER_INFORMATION),
            RECEIVER_REPORT => report(kind, count, body, 0),
            _ => None,
        });
    }
    reports
}

/// A report whose blocks begin behind the SSRC and so many octets.
fn report(kind: u8, count: usize, body: &[u8], information: usize) -> Option<Value> {
    let word = |octets: &[u8], at: usize| Some(u32::from_be_bytes(octets.get(at..at + 4)?.try_into().ok()?));
    let block = |octets: &[u8]| -> Option<Value> {
        let loss = word(octets, 4)?;
        // 24 bits with a sign: who hears packets twice has lost fewer than none.
        let lost = (loss << 8).cast_signed() >> 8;
        Some(json!({
            "source_ssrc": word(octets, 0)?,
            "fraction_lost": loss >> 24,
            "packets_lost": lost,
            "highest_seq_no": word(octets, 8)?,
            "ia_jitter": word(octets, 12)?,
            "lsr": word(octets, 16)?,
            "dlsr": word(octets, 20)?,
        }))
    };
    let blocks = body.get(4 + information..)?.chunks_exact(BLOCK).take(count);
    let blocks: Vec<Value> = blocks.filter_map(block).collect();
    let mut report =
        json!({"ssrc": word(body, 0)?, "type": kind, "report_count": blocks.len(), "report_blocks": blocks});
    if kind == SENDER_REPORT {
        report["sender_information"] = json!({
            "ntp_timestamp_sec": word(body, 4)?,
            // The fraction of a second as NTP has it, in spite of the name.
            "ntp_timestamp_usec": word(body, 8)?,
            "rtp_timestamp": word(body, 12)?,
            "packets": word(body, 16)?,
            "octets": word(body, 20)?,
        });
    }
    Some(report)
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;

/// Octets of the sender information and of a report block.
const SENDER_INFORMATION: usize = 20;
const BLOCK: usize = 24;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(kind: u8, count: u8, words: &[u32]) -> Vec<u8> {
        let length = u16::try_from(words.len()).expect("few").to_be_bytes();
        let mut packet = vec![0x80 | count, kind, length[0], length[1]];
        packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        packet
    }

    #[test]
    fn reports_are_told_in_the_words_of_others() {
        let sender = [1, 3_900_000_000, 7, 8_000, 50, 8_600, 2, 0x40FF_FFFE, 65_540, 12, 99, 3_276];
        let compound = [
            packet(200, 1, &sender),
            packet(202, 1, &[1, 0x0106_6162, 0x6364_6566, 0]),
            packet(201, 1, &[1, 3, 0x0000_0005, 1, 2, 3, 4]),
        ]
        .concat();
        let [first, second] = &reports(&compound)[..] else { panic!("two reports") };
        assert_eq!(
            *first,
            json!({
                "type": 200, "ssrc": 1, "report_count": 1,
                "sender_information": {"ntp_timestamp_sec": 3_900_000_000_u32, "ntp_timestamp_usec": 7, "rtp_timestamp": 8_000,
                                       "packets": 50, "octets": 8_600},
                "report_blocks": [{"source_ssrc": 2, "fraction_lost": 64, "packets_lost": -2, "highest_seq_no": 65_540,
                                   "ia_jitter": 12, "lsr": 99, "dlsr": 3_276}],
            })
        );
        assert_eq!((&second["type"], &second["report_blocks"][0]["packets_lost"]), (&json!(201), &json!(5)));
        assert_eq!(second.get("sender_information"), None);
    }

    #[test]
    fn a_report_that_lies_of_its_length_or_blocks_is_what_is_there() {
        assert_eq!(
            reports(&packet(201, 31, &[1])),
            [json!({"ssrc": 1, "type": 201, "report_count": 0, "report_blocks": []})]
        );
        assert_eq!(reports(&packet(200, 0, &[1, 2])), [Value::Null; 0]);
        let mut cut = packet(201, 0, &[1]);
        cut.pop();
        assert_eq!(reports(&cut), [Value::Null; 0]);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(reports(&octets).len() <= octets.len() / 4);
        }
    }
}
