//! Audio that the relay makes itself: silence, tones and music, a packet every 20 ms.

use std::sync::Arc;
use std::time::Duration;

use crate::command::{Codec, Feed};
use crate::g711::{self, Law};
use crate::g722;
use crate::rtp::Header;
use crate::rtp::header::FIXED_BYTES;
use crate::tone::Sounding;

/// The time between two packets, and what each of them holds.
pub const PACKET: Duration = Duration::from_millis(20);

/// Samples in a packet: 20 ms at 8 kHz.
pub const PACKET_SAMPLES: usize = 160;

/// Length of a packet that the relay makes, in bytes.
pub(crate) const PACKET_BYTES: usize = FIXED_BYTES + PACKET_SAMPLES;

/// The RTP numbers of a source that the relay makes.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    started: bool,
}

impl Numbers {
    /// A source that begins with these numbers; drawn at random.
    pub(crate) const fn at(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        // The first sequence number leaves room before it wraps, as RFC 3711 §3.3.1 advises.
        Self { ssrc, sequence: sequence >> 1, timestamp, started: false }
    }

    /// The header of the next packet of 20 ms.
    pub(crate) const fn next(&mut self, payload_type: u8) -> Header {
        let header = Header {
            marker: !self.started,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload_start: FIXED_BYTES,
            payload_end: PACKET_BYTES,
        };
        self.started = true;
        self.sequence = self.sequence.wrapping_add(1);
        self.pass();
        header
    }

    /// The header of a packet at a timestamp of its own; time does not go on by it.
    pub(crate) const fn event(&mut self, payload_type: u8, timestamp: u32, marker: bool) -> Header {
        let header = Header {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload_start: FIXED_BYTES,
            payload_end: PACKET_BYTES,
        };
        self.started = true;
        self.sequence = self.sequence.wrapping_add(1);
        header
    }

    /// The timestamp of the present 20 ms.
    pub(crate) const fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// 20 ms in which nothing is sent.
    pub(crate) const fn pass(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(PACKET_SAMPLES as u32);
    }
}

/// Codes samples of 8 kHz in whatever codec a leg hears.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrow {
    encoder: Option<Box<g722::Encoder>>,
}

impl Narrow {
    /// Codes samples, one into each byte.
    pub(crate) fn encode(&mut self, codec: Codec, samples: &[i16], payload: &mut [u8]) {
        match codec {
            Codec::Pcmu => g711::compress(Law::Mu, samples, payload),
            Codec::Pcma => g711::compress(Law::A, samples, payload),
            Codec::G722 => self.encoder.get_or_insert_default().encode_narrow(samples, payload),
        }
    }
}

/// What is played.
#[derive(Clone, Debug)]
enum Sound {
    Silence,
    Tone(Box<Sounding>),
    Music { samples: Arc<[i16]>, position: usize },
}

/// One leg's player: a source like any other, with an SSRC, a sequence and a clock of its own.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    sound: Sound,
    numbers: Numbers,
    narrow: Narrow,
}

impl Player {
    /// A player of a feed that the relay makes; `None` for the others.
    pub(crate) fn of(feed: &Feed, numbers: Numbers) -> Option<Self> {
        let sound = match feed {
            Feed::Silence => Sound::Silence,
            Feed::Tone(cadence) => Sound::Tone(Box::new(Sounding::of(Arc::clone(cadence)))),
            Feed::Music(samples) if samples.is_empty() => Sound::Silence,
            Feed::Music(samples) => Sound::Music { samples: Arc::clone(samples), position: 0 },
            Feed::Nothing | Feed::Leg(_) | Feed::Conference(_) => return None,
        };
        Some(Self { sound, numbers, narrow: Narrow::default() })
    }

    /// Lets 20 ms pass without playing.
    pub(crate) const fn pass(&mut self) {
        self.numbers.pass();
    }

    /// Writes the payload of the next packet and returns its header.
    pub(crate) fn play(&mut self, payload_type: u8, codec: Codec, packet: &mut [u8; PACKET_BYTES]) -> Header {
        let mut samples = [0; PACKET_SAMPLES];
        match &mut self.sound {
            Sound::Silence => {}
            Sound::Tone(sounding) => sounding.fill(&mut samples),
            Sound::Music { samples: music, position } => {
                for sample in &mut samples {
                    *sample = music[*position];
                    *position = if *position + 1 == music.len() { 0 } else { *position + 1 };
                }
            }
        }
        packet[0] = 0x80;
        self.narrow.encode(codec, &samples, &mut packet[FIXED_BYTES..]);
        self.numbers.next(payload_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(feed: &Feed, codec: Codec, packets: usize) -> Vec<(Header, Vec<i16>)> {
        let mut player = Player::of(feed, Numbers::at(5, u16::MAX, u32::MAX)).unwrap();
        let mut packet = [0; PACKET_BYTES];
        (0..packets)
            .map(|_| {
                let header = player.play(8, codec, &mut packet);
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
        assert_eq!(numbers, [(true, 32_767, u32::MAX), (false, 32_768, 159), (false, 32_769, 319)]);
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
        assert!(Player::of(&Feed::Nothing, Numbers::at(1, 1, 1)).is_none());
    }
}
