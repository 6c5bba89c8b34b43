//! G.722 at 64 kbit/s (ITU-T G.722, mode 1): 7 kHz of speech in two sub-bands of adaptive differential PCM.
//!
//! ```text
//! 16 kHz ─▶ QMF ─▶ low 4 kHz  ─▶ 6 bits ┐
//!             └──▶ high 4 kHz ─▶ 2 bits ┴─▶ one byte for every two samples
//! ```
//!
//! An encoder or decoder is a small plain value: a copy goes on from the same state, and nothing is allocated. Speech of 8 kHz
//! is the low band alone, so it is coded and decoded without the filters.

mod band;
mod qmf;

use band::Band;
pub(crate) use qmf::{Double, Halve};
use qmf::{Join, Split};

/// Bytes that are coded at a time.
const STRIDE_BYTES: usize = 80;

/// Codes speech.
#[derive(Clone, Debug)]
pub struct Encoder {
    split: Split,
    low: Band,
    high: Band,
}

/// Decodes speech.
#[derive(Clone, Debug)]
pub struct Decoder {
    join: Join,
    low: Band,
    high: Band,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { split: Split::default(), low: Band::low(), high: Band::high() }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self { join: Join::default(), low: Band::low(), high: Band::high() }
    }
}

impl Encoder {
    /// Codes samples of 16 kHz, two into each byte; what is left over on either side is not touched.
    pub fn encode(&mut self, samples: &[i16], bytes: &mut [u8]) {
        let (mut low, mut high) = ([0; STRIDE_BYTES], [0; STRIDE_BYTES]);
        for (samples, bytes) in samples.chunks(2 * STRIDE_BYTES).zip(bytes.chunks_mut(STRIDE_BYTES)) {
            let count = bytes.len().min(samples.len() / 2);
            self.split.split(&samples[..2 * count], &mut low[..count], &mut high[..count]);
            for ((byte, low), high) in bytes.iter_mut().zip(&low[..count]).zip(&high[..count]) {
                *byte = self.code(*low, *high);
            }
        }
    }

    /// Codes samples of 8 kHz, one into each byte.
    pub fn encode_narrow(&mut self, samples: &[i16], bytes: &mut [u8]) {
        for (sample, byte) in samples.iter().zip(bytes) {
            *byte = self.code(i32::from(*sample) >> 1, 0);
        }
    }

    fn code(&mut self, low: i32, high: i32) -> u8 {
        self.high.encode_high(high) << 6 | self.low.encode_low(low)
    }
}

impl Decoder {
    /// Decodes bytes into two samples of 16 kHz each; what is left over on either side is not touched.
    pub fn decode(&mut self, bytes: &[u8], samples: &mut [i16]) {
        let (mut low, mut high) = ([0; STRIDE_BYTES], [0; STRIDE_BYTES]);
        for (bytes, samples) in bytes.chunks(STRIDE_BYTES).zip(samples.chunks_mut(2 * STRIDE_BYTES)) {
            let count = bytes.len().min(samples.len() / 2);
            for ((byte, low), high) in bytes.iter().zip(&mut low[..count]).zip(&mut high[..count]) {
                *low = self.low.decode_low(byte & 0x3f);
                *high = self.high.decode_high(byte >> 6);
            }
            self.join.join(&low[..count], &high[..count], &mut samples[..2 * count]);
        }
    }

    /// Decodes bytes into one sample of 8 kHz each: the low band alone. A decoder is used in one way or the other.
    pub fn decode_narrow(&mut self, bytes: &[u8], samples: &mut [i16]) {
        for (byte, sample) in bytes.iter().zip(samples) {
            *sample = band::saturate_i16(self.low.decode_low(byte & 0x3f) * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    fn sine(hz: f64, rate_hz: f64, amplitude: f64, count: usize) -> Vec<i16> {
        #[expect(clippy::cast_possible_truncation, reason = "amplitudes of tests are below 2^15")]
        (0..count).map(|n| (amplitude * (TAU * hz * n as f64 / rate_hz).sin()) as i16).collect()
    }

    /// Signal to noise in decibels, at the delay where both fit best.
    fn snr_db(before: &[i16], after: &[i16]) -> f64 {
        let at = |delay: usize| {
            let (mut signal, mut noise) = (0.0, 1e-9);
            for n in 400..before.len() - 64 {
                let (was, is) = (f64::from(before[n]), f64::from(after[n + delay]));
                signal += was * was;
                noise += (was - is) * (was - is);
            }
            10.0 * f64::log10(signal / noise)
        };
        (0..64).map(at).fold(f64::MIN, f64::max)
    }

    fn round_trip(samples: &[i16]) -> Vec<i16> {
        let mut bytes = vec![0; samples.len() / 2];
        Encoder::default().encode(samples, &mut bytes);
        let mut heard = vec![0; samples.len()];
        Decoder::default().decode(&bytes, &mut heard);
        heard
    }

    #[test]
    fn tones_of_both_bands_survive() {
        for (hz, least_db) in
            [(300.0, 30.0), (1_000.0, 30.0), (3_000.0, 25.0), (5_000.0, 10.0), (6_500.0, 10.0)]
        {
            let tone = sine(hz, 16_000.0, 8_000.0, 8_000);
            let snr = snr_db(&tone, &round_trip(&tone));
            assert!(snr > least_db, "{hz} Hz: {snr:.1} dB");
        }
    }

    #[test]
    fn narrow_and_wide_understand_each_other() {
        let narrow = sine(1_000.0, 8_000.0, 8_000.0, 4_000);
        let mut bytes = vec![0; narrow.len()];
        Encoder::default().encode_narrow(&narrow, &mut bytes);
        let mut heard = vec![0; narrow.len()];
        Decoder::default().decode_narrow(&bytes, &mut heard);
        assert!(snr_db(&narrow, &heard) > 30.0);
        let mut wide = vec![0; 2 * narrow.len()];
        Decoder::default().decode(&bytes, &mut wide);
        let expected = sine(1_000.0, 16_000.0, 8_000.0, 8_000);
        let level = |samples: &[i16]| {
            samples[1_000..].iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>()
                / (samples.len() - 1_000) as f64
        };
        let ratio_db = 10.0 * f64::log10(level(&wide) / level(&expected));
        assert!(ratio_db.abs() < 0.5, "{ratio_db}");
    }

    #[test]
    fn bytes_are_decoded_as_another_implementation_decodes_them() {
        // Made with libg722 (the public-domain codec of SpanDSP) from the same bytes.
        let mut state = 1_u32;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        let bytes: Vec<u8> = (0..8_000).map(|_| draw()).collect();
        let mut samples = vec![0; 16_000];
        Decoder::default().decode(&bytes, &mut samples);
        let expected = [
            -13_879, 5_136, 3_944, 17_854, 22_229, 8_557, -13_843, 2_217, 4_934, -13_564, 7_913, 19_168,
            -14_819, -11_801, -9_360, -32_768,
        ];
        assert_eq!(samples[12_000..12_016], expected);
        let sum = samples[12_000..]
            .iter()
            .fold(0_u32, |sum, sample| sum.wrapping_mul(31).wrapping_add(u32::from(sample.cast_unsigned())));
        assert_eq!(sum, 0xac69_f90f);
    }

    #[test]
    fn silence_stays_silent() {
        assert!(round_trip(&[0; 3_200]).iter().all(|sample| sample.abs() < 16));
    }

    #[test]
    fn a_decoder_that_begins_in_the_middle_finds_in() {
        let tone = sine(1_000.0, 16_000.0, 8_000.0, 16_000);
        let mut bytes = vec![0; tone.len() / 2];
        Encoder::default().encode(&tone, &mut bytes);
        let mut heard = vec![0; tone.len() / 2];
        Decoder::default().decode(&bytes[4_000..], &mut heard);
        assert!(snr_db(&tone[8_000 + 4_000..], &heard[4_000..]) > 25.0);
    }

    #[test]
    fn a_copy_goes_on_from_the_same_state() {
        let tone = sine(700.0, 16_000.0, 8_000.0, 640);
        let mut encoder = Encoder::default();
        let mut bytes = [0; 160];
        encoder.encode(&tone[..320], &mut bytes);
        let mut copy = encoder.clone();
        let (mut one, mut other) = ([0; 160], [0; 160]);
        encoder.encode(&tone[320..], &mut one);
        copy.encode(&tone[320..], &mut other);
        assert_eq!(one, other);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn no_bytes_and_no_samples_overflow(
            bytes in proptest::collection::vec(any::<u8>(), 0..2_000),
            samples in proptest::collection::vec(prop_oneof![Just(i16::MIN), Just(i16::MAX), any::<i16>()], 0..2_000),
        ) {
            let mut heard = vec![0; 2 * bytes.len()];
            let mut decoder = Decoder::default();
            decoder.decode(&bytes, &mut heard);
            Decoder::default().decode_narrow(&bytes, &mut heard);
            let mut coded = vec![0; samples.len() / 2 + 1];
            Encoder::default().encode(&samples, &mut coded);
            Encoder::default().encode_narrow(&samples, &mut coded);
        }
    }
}
