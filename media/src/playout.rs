//! Audio that the relay makes itself: silence, tones and music, a packet every 20 ms.

use std::sync::Arc;
use std::time::Duration;

use crate::command::{Codec, Feed};
use crate::g711::{self, Law};
use crate::rtp::Header;
use crate::rtp::header::FIXED_BYTES;
use crate::tone::Sounding;

/// The time between two packets, and what each of them holds.
pub const PACKET: Duration = Duration::from_millis(20);

/// Samples in a packet: 20 ms at 8 kHz.
pub const PACKET_SAMPLES: usize = 160;

/// Length of a packet that the relay makes, in bytes.
pub(crate) const PACKET_BYTES: usize = FIXED_BYTES + PACKET_SAMPLES;

/// What is played.
#[derive(Clone, Debug)]
enum Sound {
    Silence,
    Tone(Box<Sounding>),
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
            Feed::Tone(cadence) => Sound::Tone(Box::new(Sounding::of(Arc::clone(cadence)))),
            Feed::Conference(_) => Sound::Silence,
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
        packet: &mut [u8; PACKET_BYTES],
    ) -> Option<Header> {
        let law = match codec {
            Codec::Pcmu => Law::Mu,
            Codec::Pcma => Law::A,
            Codec::G722 => return None,
        };
        let payload = &mut packet[FIXED_BYTES..];
        match &mut self.sound {
            Sound::Silence => payload.fill(g711::encode(law, 0)),
            Sound::Tone(sounding) => {
                let mut samples = [0; PACKET_SAMPLES];
                sounding.fill(&mut samples);
                fill(payload, law, &samples, 0);
            }
            Sound::Music(samples) => self.position = fill(payload, law, samples, self.position),
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
        Some(header)
    }
}

/// Encodes looped samples from a position on; returns where to go on.
fn fill(payload: &mut [u8], law: Law, samples: &[i16], mut position: usize) -> usize {
    for byte in payload {
        *byte = g711::encode(law, samples[position]);
        position = if position + 1 == samples.len() { 0 } else { position + 1 };
    }
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(feed: &Feed, codec: Codec, packets: usize) -> Vec<(Header, Vec<i16>)> {
        let mut player = Player::of(feed, 5, 65_535, u32::MAX).unwrap();
        let mut packet = [0; PACKET_BYTES];
        (0..packets)
            .map(|_| {
                let header = player.play(8, codec, &mut packet).unwrap();
                let law = if codec == Codec::Pcmu { Law::Mu } else { Law::A };
                (header, packet[12..].iter().map(|&byte| g711::decode(law, byte)).collect())
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
    fn music_loops_across_packets() {
        let samples: Arc<[i16]> = (0..100).map(|n| n * 256).collect();
        let packets = played(&Feed::Music(Arc::clone(&samples)), Codec::Pcmu, 2);
        let heard: Vec<i16> = packets.into_iter().flat_map(|(_, samples)| samples).collect();
        for (n, sample) in heard.iter().enumerate() {
            let played = samples[n % 100];
            assert_eq!(g711::encode(Law::Mu, *sample), g711::encode(Law::Mu, played));
        }
    }

    #[test]
    fn music_without_samples_is_silence() {
        assert!(played(&Feed::Music(Arc::new([])), Codec::Pcmu, 1)[0].1.iter().all(|&sample| sample == 0));
        assert!(Player::of(&Feed::Nothing, 1, 1, 1).is_none());
    }
}
