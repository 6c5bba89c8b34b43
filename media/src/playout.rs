//! Audio that the relay makes itself: silence, ringback and music, a packet every 20 ms.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use crate::command::{Codec, Feed};
use crate::g711;
use crate::rtp::Header;
use crate::rtp::header::FIXED_BYTES;

/// The time between two packets, and what each of them holds.
pub const PACKET: Duration = Duration::from_millis(20);

/// Samples in a packet: 20 ms at 8 kHz.
pub const PACKET_SAMPLES: usize = 160;

/// Length of a packet that the relay makes, in bytes.
pub(crate) const PACKET_BYTES: usize = FIXED_BYTES + PACKET_SAMPLES;

/// 440 and 480 Hz both repeat after 200 samples at 8 kHz.
const RINGBACK_PERIOD_SAMPLES: usize = 200;
/// Two seconds on.
const RINGBACK_ON_PACKETS: u32 = 100;
/// Four seconds off.
const RINGBACK_CYCLE_PACKETS: u32 = 300;
/// The amplitude of each of the two tones: about -19 dBm0 each, as North American networks play it.
const RINGBACK_AMPLITUDE: f64 = 2_500.0;

/// One period of ringback.
#[derive(Clone, Debug)]
pub(crate) struct Ringback(Box<[i16; RINGBACK_PERIOD_SAMPLES]>);

impl Ringback {
    pub(crate) fn compose() -> Self {
        let mut period = Box::new([0; RINGBACK_PERIOD_SAMPLES]);
        for (n, sample) in (0_u32..).zip(period.iter_mut()) {
            let time_s = f64::from(n) / 8_000.0;
            let tones = (TAU * 440.0 * time_s).sin() + (TAU * 480.0 * time_s).sin();
            #[expect(clippy::cast_possible_truncation, reason = "twice the amplitude is far below 2^15")]
            let value = (tones * RINGBACK_AMPLITUDE) as i16;
            *sample = value;
        }
        Self(period)
    }
}

/// What is played.
#[derive(Clone, Debug)]
enum Sound {
    Silence,
    Ringback,
    Music(Arc<[i16]>),
}

/// One leg's player: a source like any other, with an SSRC, a sequence and a clock of its own.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    sound: Sound,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    packets: u32,
    position: usize,
}

impl Player {
    /// A player of a feed that the relay makes; `None` for the others.
    pub(crate) fn of(feed: &Feed, ssrc: u32, sequence: u16, timestamp: u32) -> Option<Self> {
        let sound = match feed {
            Feed::Silence => Sound::Silence,
            Feed::Ringback => Sound::Ringback,
            Feed::Music(samples) if samples.is_empty() => Sound::Silence,
            Feed::Music(samples) => Sound::Music(Arc::clone(samples)),
            Feed::Nothing | Feed::Leg(_) => return None,
        };
        Some(Self { sound, ssrc, sequence, timestamp, packets: 0, position: 0 })
    }

    /// Writes the payload of the next packet and returns its header.
    pub(crate) fn play(
        &mut self,
        payload_type: u8,
        codec: Codec,
        ringback: &Ringback,
        packet: &mut [u8; PACKET_BYTES],
    ) -> Header {
        let payload = &mut packet[FIXED_BYTES..];
        match &self.sound {
            Sound::Silence => payload.fill(g711::encode(codec, 0)),
            Sound::Ringback if self.packets % RINGBACK_CYCLE_PACKETS < RINGBACK_ON_PACKETS => {
                self.position = fill(payload, codec, &*ringback.0, self.position);
            }
            Sound::Ringback => payload.fill(g711::encode(codec, 0)),
            Sound::Music(samples) => self.position = fill(payload, codec, samples, self.position),
        }
        let header = Header {
            marker: self.packets == 0,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload_start: FIXED_BYTES,
            payload_end: PACKET_BYTES,
        };
        packet[0] = 0x80;
        self.packets = self.packets.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(PACKET_SAMPLES as u32);
        header
    }
}

/// Encodes looped samples from a position on; returns where to go on.
fn fill(payload: &mut [u8], codec: Codec, samples: &[i16], mut position: usize) -> usize {
    for byte in payload {
        *byte = g711::encode(codec, samples[position]);
        position = if position + 1 == samples.len() { 0 } else { position + 1 };
    }
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(feed: &Feed, codec: Codec, packets: usize) -> Vec<(Header, Vec<i16>)> {
        let ringback = Ringback::compose();
        let mut player = Player::of(feed, 5, 65_535, u32::MAX).unwrap();
        let mut packet = [0; PACKET_BYTES];
        (0..packets)
            .map(|_| {
                let header = player.play(8, codec, &ringback, &mut packet);
                (header, packet[12..].iter().map(|&byte| g711::decode(codec, byte)).collect())
            })
            .collect()
    }

    #[test]
    fn silence_is_quiet_and_its_numbers_go_on() {
        let packets = played(&Feed::Silence, Codec::Pcma, 3);
        assert!(packets.iter().all(|(_, samples)| samples.iter().all(|sample| sample.abs() <= 8)));
        let numbers: Vec<_> = packets.iter().map(|(it, _)| (it.marker, it.sequence, it.timestamp)).collect();
        assert_eq!(numbers, [(true, 65_535, u32::MAX), (false, 0, 159), (false, 1, 319)]);
    }

    #[test]
    fn ringback_is_two_seconds_on_and_four_off() {
        let packets = played(&Feed::Ringback, Codec::Pcmu, 600);
        for (n, (_, samples)) in packets.iter().enumerate() {
            let loud = samples.iter().any(|sample| sample.abs() > 1_000);
            // The two tones beat at 40 Hz: no packet of 20 ms is without sound.
            assert_eq!(loud, n % 300 < 100, "packet {n}");
        }
    }

    #[test]
    fn music_loops_across_packets() {
        let samples: Arc<[i16]> = (0..100).map(|n| n * 256).collect();
        let packets = played(&Feed::Music(Arc::clone(&samples)), Codec::Pcmu, 2);
        let heard: Vec<i16> = packets.into_iter().flat_map(|(_, samples)| samples).collect();
        for (n, sample) in heard.iter().enumerate() {
            let played = samples[n % 100];
            assert_eq!(g711::encode(Codec::Pcmu, *sample), g711::encode(Codec::Pcmu, played));
        }
    }

    #[test]
    fn music_without_samples_is_silence() {
        assert!(played(&Feed::Music(Arc::new([])), Codec::Pcmu, 1)[0].1.iter().all(|&sample| sample == 0));
        assert!(Player::of(&Feed::Nothing, 1, 1, 1).is_none());
    }
}
