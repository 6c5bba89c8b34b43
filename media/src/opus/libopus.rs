//! libopus.

use std::fmt;

use opusic_c::{Application, Bitrate, Channels, ErrorCode, InbandFec, SampleRate};

use super::{BITS_PER_SECOND, PACKET_MS_MAX};

/// How much work the encoder puts into a frame, 0 to 10. More costs up to three times as much for little that is heard of a telephone.
const COMPLEXITY: u8 = 3;

/// The loss that a stream is made for, in percent: from here on each frame says the one before once more.
const LOSS_PERCENT: u8 = 10;

/// The most samples of a packet.
const SAMPLES_MAX: usize = PACKET_MS_MAX * 16;

/// Codes speech of one channel.
pub(crate) struct Encoder(opusic_c::Encoder);

/// Decodes speech into one channel, whatever was coded.
pub(crate) struct Decoder(opusic_c::Decoder);

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}

const fn rate(is_wide: bool) -> SampleRate {
    if is_wide { SampleRate::Hz16000 } else { SampleRate::Hz8000 }
}

impl Encoder {
    /// An encoder of 8 kHz, or of 16 kHz, of at most so many bits a second; `None` where there is no room for one.
    pub(crate) fn of(is_wide: bool, bits_per_second_max: u32) -> Option<Self> {
        let made = || -> Result<opusic_c::Encoder, ErrorCode> {
            let mut encoder = opusic_c::Encoder::new(Channels::Mono, rate(is_wide), Application::Voip)?;
            let usual = BITS_PER_SECOND[usize::from(is_wide)];
            encoder.set_bitrate(Bitrate::Value(usual.min(bits_per_second_max)))?;
            encoder.set_complexity(COMPLEXITY)?;
            encoder.set_inband_fec(InbandFec::Mode1)?;
            encoder.set_packet_loss(LOSS_PERCENT)?;
            Ok(encoder)
        };
        made().ok().map(Self)
    }

    /// Codes one frame of 20 ms; the bytes that were written, `None` if it cannot be coded.
    pub(crate) fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Option<usize> {
        let mut words = [0; SAMPLES_MAX];
        let words = words.get_mut(..samples.len())?;
        for (word, sample) in words.iter_mut().zip(samples) {
            *word = sample.cast_unsigned();
        }
        self.0.encode_to_slice(words, payload).ok().filter(|bytes| *bytes > 0)
    }
}

impl Decoder {
    /// A decoder into 8 kHz, or into 16 kHz; `None` where there is no room for one.
    pub(crate) fn of(is_wide: bool) -> Option<Self> {
        opusic_c::Decoder::new(Channels::Mono, rate(is_wide)).ok().map(Self)
    }

    /// Decodes a packet; how many samples it has, `None` if it is none.
    pub(crate) fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Option<usize> {
        // No bytes would be a loss.
        if payload.is_empty() { None } else { self.run(payload, samples, false) }
    }

    /// Fills `samples` with what was lost before this packet: what the packet says of it once more, and the rest made up.
    pub(crate) fn recover(&mut self, payload: &[u8], samples: &mut [i16]) -> Option<usize> {
        self.run(payload, samples, true)
    }

    /// Another stream follows.
    pub(crate) fn reset(&mut self) {
        // A decoder that is there can be reset.
        if self.0.reset().is_err() {
            debug_assert!(false, "a decoder that cannot be reset");
        }
    }

    fn run(&mut self, payload: &[u8], samples: &mut [i16], recovers: bool) -> Option<usize> {
        let mut words = [0; SAMPLES_MAX];
        let words = words.get_mut(..samples.len())?;
        let count = self.0.decode_to_slice(payload, words, recovers).ok()?;
        for (sample, word) in samples.iter_mut().zip(&words[..count]) {
            *sample = word.cast_signed();
        }
        Some(count)
    }
}
