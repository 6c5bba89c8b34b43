//! Digits that are said to a far end, a packet every 20 ms.
//!
//! ```text
//! event   ├ M, 20 ms ┼ 40 ms ┼ … ┼ E ┼ E ┼ E ┤ gap       one timestamp, growing duration (RFC 4733 §2.5)
//! inband  ├──────── two tones ───────┤ silence ┤
//! ```

use super::{event, frequencies};
use crate::command::{Codecs, DigitVia};
use crate::limits::{
    DIGIT_FLASH_MS, DIGIT_GAP_MIN_MS, DIGIT_GAP_MS, DIGIT_MAX_MS, DIGIT_MIN_MS, DIGIT_MS, DIGIT_PAUSE_MS,
};
use crate::playout::{Narrow, Numbers, PACKET_BYTES, PACKET_SAMPLES};
use crate::rtp::Header;
use crate::rtp::header::FIXED_BYTES;
use crate::tone::Oscillator;

/// Ticks of the timestamp clock in a millisecond.
const TICKS_PER_MS: u32 = 8;
/// The amplitude of each tone: -7 dBm0, the high one 2 dB louder as line loss will have it (Q.23 practice).
const LOW_AMPLITUDE: f64 = 6_000.0;
const HIGH_AMPLITUDE: f64 = 7_500.0;
/// The volume that is told with an event: -10 dBm0.
const VOLUME: u8 = 10;
/// How often the end of an event is said in all.
const ENDS: u8 = 3;

/// A string of digits on its way to a far end.
#[derive(Clone, Debug)]
pub(crate) struct Saying {
    pub(crate) generation: u32,
    digits: std::vec::IntoIter<u8>,
    via: DigitVia,
    tone_ms: u16,
    gap_ms: u16,
    phase: Phase,
    numbers: Numbers,
    narrow: Narrow,
}

#[derive(Clone, Debug)]
enum Phase {
    Between,
    Event { event: u8, timestamp: u32, length: u32, said: u32, ends: u8, gap: u32 },
    Tones { tones: [Oscillator; 2], length: u32, said: u32, gap: u32 },
    Pause { left: u32 },
}

/// What is to be sent of 20 ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// So many bytes of the packet, with this header.
    Packet(Header, usize),
    /// Nothing.
    Nothing,
    /// All has been said.
    All,
}

impl Saying {
    /// A string of digits; where the way asked for was not agreed the other one is taken.
    pub(crate) fn of(
        generation: u32,
        digits: Box<[u8]>,
        via: DigitVia,
        tone_ms: u16,
        gap_ms: u16,
        numbers: Numbers,
    ) -> Self {
        let usual = |asked: u16, usual: u16| if asked == 0 { usual } else { asked };
        Self {
            generation,
            digits: digits.into_vec().into_iter(),
            via,
            tone_ms: usual(tone_ms, DIGIT_MS).clamp(DIGIT_MIN_MS, DIGIT_MAX_MS),
            gap_ms: usual(gap_ms, DIGIT_GAP_MS).clamp(DIGIT_GAP_MIN_MS, DIGIT_MAX_MS),
            phase: Phase::Between,
            numbers,
            narrow: Narrow::default(),
        }
    }

    /// Whether the far end agreed to any way of hearing digits.
    pub(crate) const fn can_be_heard(codecs: &Codecs) -> bool {
        codecs.events.is_some() || codecs.preferred().is_some()
    }

    /// Says the next 20 ms into `packet`.
    pub(crate) fn say(&mut self, codecs: &Codecs, packet: &mut [u8; PACKET_BYTES]) -> Said {
        if matches!(self.phase, Phase::Between) && !self.turn(codecs) {
            return Said::All;
        }
        packet[0] = 0x80;
        let said = match &mut self.phase {
            Phase::Between => Said::Nothing,
            Phase::Pause { left } => {
                *left = left.saturating_sub(PACKET_SAMPLES as u32);
                if *left == 0 {
                    self.phase = Phase::Between;
                }
                self.quiet(codecs, packet)
            }
            Phase::Event { .. } => self.say_event(codecs, packet),
            Phase::Tones { .. } => self.say_tones(codecs, packet),
        };
        self.numbers.pass();
        said
    }

    /// On to the next digit; `false` when there is none.
    fn turn(&mut self, codecs: &Codecs) -> bool {
        let ticks = |ms: u16| u32::from(ms) * TICKS_PER_MS;
        for digit in self.digits.by_ref() {
            let (length, gap) = (ticks(self.tone_ms), ticks(self.gap_ms));
            let by_event =
                codecs.events.is_some() && (self.via == DigitVia::Event || codecs.preferred().is_none());
            self.phase = match (digit, event(digit), frequencies(digit)) {
                (b',', ..) => Phase::Pause { left: ticks(DIGIT_PAUSE_MS) },
                (b'!', ..) if !by_event => Phase::Pause { left: ticks(DIGIT_FLASH_MS) + gap },
                (_, Some(event), _) if by_event => {
                    let timestamp = self.numbers.timestamp();
                    let length = if digit == b'!' { ticks(DIGIT_FLASH_MS) } else { length };
                    Phase::Event { event, timestamp, length, said: 0, ends: 0, gap }
                }
                (_, _, Some((low, high))) => {
                    let tones = [Oscillator::of(low, LOW_AMPLITUDE), Oscillator::of(high, HIGH_AMPLITUDE)];
                    Phase::Tones { tones, length, said: 0, gap }
                }
                _ => continue,
            };
            return true;
        }
        false
    }

    fn say_event(&mut self, codecs: &Codecs, packet: &mut [u8; PACKET_BYTES]) -> Said {
        let Phase::Event { event, timestamp, length, said, ends, gap } = &mut self.phase else {
            return Said::Nothing;
        };
        let marker = *said == 0;
        *said += PACKET_SAMPLES as u32;
        let is_end = *said >= *length;
        let duration = u16::try_from((*said).min(*length)).unwrap_or(u16::MAX);
        let (event, timestamp) = (*event, *timestamp);
        let says = !is_end || *ends < ENDS;
        *ends += u8::from(is_end && says);
        if *said >= *length + *gap && *ends >= ENDS {
            self.phase = Phase::Between;
        }
        let Some(payload_type) = codecs.events.filter(|_| says) else { return Said::Nothing };
        let [high, low] = duration.to_be_bytes();
        let flags = if is_end { 0x80 | VOLUME } else { VOLUME };
        packet[FIXED_BYTES..FIXED_BYTES + 4].copy_from_slice(&[event, flags, high, low]);
        let header = self.numbers.event(payload_type, timestamp, marker);
        Said::Packet(header, FIXED_BYTES + 4)
    }

    fn say_tones(&mut self, codecs: &Codecs, packet: &mut [u8; PACKET_BYTES]) -> Said {
        let Phase::Tones { tones, length, said, gap } = &mut self.phase else { return Said::Nothing };
        let mut samples = [0; PACKET_SAMPLES];
        for (sample, n) in samples.iter_mut().zip(*said..) {
            if n < *length {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the amplitudes add up to less than 2^15"
                )]
                let both = (tones[0].next() + tones[1].next()) as i16;
                *sample = both;
            }
        }
        *said += PACKET_SAMPLES as u32;
        if *said >= *length + *gap {
            self.phase = Phase::Between;
        }
        self.send(codecs, &samples, packet)
    }

    /// Silence between tones; between events nothing is said.
    fn quiet(&mut self, codecs: &Codecs, packet: &mut [u8; PACKET_BYTES]) -> Said {
        if self.via == DigitVia::Event && codecs.events.is_some() {
            return Said::Nothing;
        }
        self.send(codecs, &[0; PACKET_SAMPLES], packet)
    }

    fn send(
        &mut self,
        codecs: &Codecs,
        samples: &[i16; PACKET_SAMPLES],
        packet: &mut [u8; PACKET_BYTES],
    ) -> Said {
        let Some((payload_type, codec)) = codecs.preferred() else { return Said::Nothing };
        self.narrow.encode(codec, samples, &mut packet[FIXED_BYTES..]);
        let timestamp = self.numbers.timestamp();
        Said::Packet(self.numbers.event(payload_type, timestamp, false), PACKET_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Codec, Detection};
    use crate::digit::{Ear, Told};

    fn both() -> Codecs {
        Codecs::default().with(8, Codec::Pcma).with_events(101)
    }

    fn said(
        digits: &str,
        via: DigitVia,
        tone_ms: u16,
        gap_ms: u16,
        codecs: &Codecs,
    ) -> Vec<(Header, Vec<u8>)> {
        let numbers = Numbers::at(7, 100, 5_000);
        let mut saying = Saying::of(1, digits.as_bytes().into(), via, tone_ms, gap_ms, numbers);
        let mut packets = Vec::new();
        for _ in 0..100_000 {
            let mut packet = [0; PACKET_BYTES];
            match saying.say(codecs, &mut packet) {
                Said::Packet(header, length) => packets.push((header, packet[FIXED_BYTES..length].to_vec())),
                Said::Nothing => {}
                Said::All => return packets,
            }
        }
        panic!("it never ends")
    }

    /// What a far end would understand.
    fn understood(packets: &[(Header, Vec<u8>)]) -> String {
        let mut ear = Ear::default();
        ear.set(Detection { events: true, inband: true, media: false });
        let mut digits = String::new();
        for (n, (header, payload)) in (0..).zip(packets) {
            let codec = both().codec(header.payload_type);
            ear.hear(n * 20_000, &both(), codec, header, payload, &mut |told| match told {
                Told::Digit { digit, is_end: true, .. } => digits.push(char::from(digit)),
                Told::Digit { .. } | Told::Media(_) => {}
            });
        }
        digits
    }

    #[test]
    fn an_event_has_one_timestamp_a_growing_duration_and_three_ends() {
        let packets = said("5", DigitVia::Event, 90, 60, &both());
        let marks: Vec<_> = packets.iter().map(|(header, _)| (header.marker, header.timestamp)).collect();
        assert_eq!(marks[0], (true, 5_000));
        assert!(marks[1..].iter().all(|mark| *mark == (false, 5_000)));
        let payloads: Vec<_> = packets.iter().map(|(_, payload)| payload.clone()).collect();
        let expected = [(10, 160), (10, 320), (10, 480), (10, 640), (138, 720), (138, 720), (138, 720)].map(
            |(flags, duration): (u8, u16)| {
                vec![5, flags, duration.to_be_bytes()[0], duration.to_be_bytes()[1]]
            },
        );
        assert_eq!(payloads, expected);
        let sequences: Vec<_> = packets.iter().map(|(header, _)| header.sequence).collect();
        assert_eq!(sequences, (50..57).collect::<Vec<_>>());
    }

    #[test]
    fn digits_follow_one_another_at_their_own_times() {
        let packets = said("12", DigitVia::Event, 100, 100, &both());
        let starts: Vec<_> = packets.iter().filter(|it| it.0.marker).map(|it| it.0.timestamp).collect();
        assert_eq!(starts, [5_000, 5_000 + 1_600]);
        let paused = said("1,2", DigitVia::Event, 100, 100, &both());
        let starts: Vec<_> = paused.iter().filter(|it| it.0.marker).map(|it| it.0.timestamp).collect();
        assert_eq!(starts[1] - starts[0], 1_600 + 16_000);
    }

    #[test]
    fn what_is_said_either_way_is_understood() {
        let all = "0123456789ABCD*#";
        assert_eq!(understood(&said(all, DigitVia::Event, 0, 0, &both())), all);
        assert_eq!(understood(&said(all, DigitVia::Inband, 0, 0, &both())), all);
        assert_eq!(
            understood(&said(all, DigitVia::Inband, 1, 1, &both())),
            all,
            "clamped to what can be heard"
        );
        assert_eq!(understood(&said("1d x2,3", DigitVia::Event, 0, 0, &both())), "1D23");
        assert_eq!(understood(&said("1!2", DigitVia::Event, 0, 0, &both())), "1!2");
        assert_eq!(understood(&said("1!2", DigitVia::Inband, 0, 0, &both())), "12");
    }

    #[test]
    fn the_other_way_is_taken_where_one_was_not_agreed() {
        let tones = Codecs::default().with(8, Codec::Pcma);
        assert_eq!(understood(&said("42", DigitVia::Event, 0, 0, &tones)), "42");
        let events = Codecs::default().with_events(101);
        assert_eq!(understood(&said("42", DigitVia::Inband, 0, 0, &events)), "42");
        assert!(!Saying::can_be_heard(&Codecs::default()));
        assert!(said("42", DigitVia::Event, 0, 0, &Codecs::default()).is_empty());
    }

    #[test]
    fn a_digit_is_no_longer_than_an_event_can_be() {
        let packets = said("1", DigitVia::Event, u16::MAX, 60, &both());
        let last = &packets.last().unwrap().1;
        assert_eq!(u16::from_be_bytes([last[2], last[3]]), DIGIT_MAX_MS * 8);
    }

    #[test]
    fn tones_are_not_heard_where_events_are() {
        let mut packets = said("1", DigitVia::Event, 100, 100, &both());
        packets.extend(said("1", DigitVia::Inband, 100, 100, &both()));
        assert_eq!(understood(&packets), "1");
        // Both at the same time, the tone a little earlier.
        let (events, tones) =
            (said("7", DigitVia::Event, 100, 100, &both()), said("7", DigitVia::Inband, 100, 100, &both()));
        let both: Vec<_> = tones.into_iter().zip(events).flat_map(|(tone, event)| [tone, event]).collect();
        assert_eq!(understood(&both), "7");
    }
}
