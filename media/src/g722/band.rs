//! One sub-band: an adaptive quantiser around an adaptive predictor of two poles and six zeros (G.722 §§3.3-3.6, 4.2-4.5).
//!
//! Values are those of 16-bit registers, kept in 32 bits; the names are the standard's blocks in small letters.

/// The state of a sub-band, the same in encoder and decoder.
#[derive(Clone, Debug)]
pub(super) struct Band {
    /// The prediction: poles and zeros, and zeros alone.
    predicted: i32,
    zeros: i32,
    /// Reconstructed and partly reconstructed signal, newest first.
    reconstructed: [i32; 2],
    partial: [i32; 2],
    /// Quantised differences, newest first.
    difference: [i32; 6],
    pole: [i32; 2],
    zero: [i32; 6],
    /// The logarithm of the scale, and the scale.
    log_scale: i32,
    scale: i32,
}

impl Band {
    /// The low band at rest.
    pub(super) const fn low() -> Self {
        Self::at_scale(32)
    }

    /// The high band at rest.
    pub(super) const fn high() -> Self {
        Self::at_scale(8)
    }

    const fn at_scale(scale: i32) -> Self {
        Self {
            predicted: 0,
            zeros: 0,
            reconstructed: [0; 2],
            partial: [0; 2],
            difference: [0; 6],
            pole: [0; 2],
            zero: [0; 6],
            log_scale: 0,
            scale,
        }
    }

    /// Codes a sample of the low band into six bits.
    pub(super) fn encode_low(&mut self, sample: i32) -> u8 {
        let error = saturate(sample - self.predicted);
        let magnitude = if error >= 0 { error } else { -(error + 1) };
        // QUANTL: the first level that is above the error.
        let level = LOW_LEVELS[1..].partition_point(|level| (level * self.scale) >> 12 <= magnitude) + 1;
        let code = if error < 0 { LOW_NEGATIVE[level] } else { LOW_POSITIVE[level] };
        self.follow_low(code >> 2);
        code
    }

    /// Decodes six bits of the low band.
    pub(super) fn decode_low(&mut self, code: u8) -> i32 {
        let fine = (self.scale * LOW_VALUES_64[usize::from(code & 0x3f)]) >> 15;
        let sample = (self.predicted + fine).clamp(-16_384, 16_383);
        self.follow_low((code & 0x3f) >> 2);
        sample
    }

    /// Codes a sample of the high band into two bits.
    pub(super) fn encode_high(&mut self, sample: i32) -> u8 {
        let error = saturate(sample - self.predicted);
        let magnitude = if error >= 0 { error } else { -(error + 1) };
        let is_large = magnitude >= (564 * self.scale) >> 12;
        let code = match (error < 0, is_large) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        };
        self.follow_high(code);
        code
    }

    /// Decodes two bits of the high band.
    pub(super) fn decode_high(&mut self, code: u8) -> i32 {
        let predicted = self.predicted;
        let difference = self.follow_high(code & 3);
        (predicted + difference).clamp(-16_384, 16_383)
    }

    /// Takes the four bits of the low band that drive the adaptation.
    fn follow_low(&mut self, code: u8) {
        let code = usize::from(code & 0x0f);
        let difference = (self.scale * LOW_VALUES_16[code]) >> 15;
        self.log_scale = ((self.log_scale * 127) >> 7) + LOW_STEPS[code];
        self.log_scale = self.log_scale.clamp(0, 18_432);
        self.scale = scale(self.log_scale, 8);
        self.predict(difference);
    }

    fn follow_high(&mut self, code: u8) -> i32 {
        let code = usize::from(code & 3);
        let difference = (self.scale * HIGH_VALUES[code]) >> 15;
        self.log_scale = ((self.log_scale * 127) >> 7) + HIGH_STEPS[code];
        self.log_scale = self.log_scale.clamp(0, 22_528);
        self.scale = scale(self.log_scale, 10);
        self.predict(difference);
        difference
    }

    /// Adapts the predictor to a quantised difference and predicts the next sample (block 4).
    fn predict(&mut self, difference: i32) {
        // RECONS, PARREC
        let reconstructed = saturate(self.predicted + difference);
        let partial = saturate(self.zeros + difference);
        let agrees = |before: i32| (partial < 0) == (before < 0);

        // UPPOL2
        let slope = saturate(self.pole[0] << 2);
        let slope = if agrees(self.partial[0]) { (-slope).min(32_767) } else { slope };
        let step = if agrees(self.partial[1]) { 128 } else { -128 };
        let second = (slope >> 7) + step + ((self.pole[1] * 32_512) >> 15);
        let second = second.clamp(-12_288, 12_288);

        // UPPOL1
        let step = if agrees(self.partial[0]) { 192 } else { -192 };
        let limit = saturate(15_360 - second);
        let first = saturate(step + ((self.pole[0] * 32_640) >> 15)).clamp(-limit, limit);

        // UPZERO, FILTEZ and the delay line of both
        let step = if difference == 0 { 0 } else { 128 };
        let mut zeros = 0;
        let mut newer = difference;
        for (zero, held) in self.zero.iter_mut().zip(&mut self.difference) {
            let step = if (*held < 0) == (difference < 0) { step } else { -step };
            *zero = saturate(step + ((*zero * 32_640) >> 15));
            *held = std::mem::replace(&mut newer, *held);
            zeros += (*zero * saturate(*held * 2)) >> 15;
        }

        // FILTEP, PREDIC
        self.pole = [first, second];
        self.partial = [partial, self.partial[0]];
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        let poles = saturate(
            ((first * saturate(self.reconstructed[0] * 2)) >> 15)
                + ((second * saturate(self.reconstructed[1] * 2)) >> 15),
        );
        self.zeros = saturate(zeros);
        self.predicted = saturate(poles + self.zeros);
    }
}

/// SCALEL, SCALEH: the scale of its logarithm.
fn scale(log_scale: i32, octaves: i32) -> i32 {
    let mantissa = ANTILOGARITHM[usize::try_from((log_scale >> 6) & 31).unwrap_or(0)];
    let shift = octaves - (log_scale >> 11);
    (if shift < 0 { mantissa << -shift } else { mantissa >> shift }) << 2
}

fn saturate(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

#[expect(clippy::cast_possible_truncation, reason = "the value is clamped to 16 bits")]
pub(super) fn saturate_i16(value: i32) -> i16 {
    saturate(value) as i16
}

/// Table 5/G.722 (q6): decision levels of the low band. The thirtieth is above every magnitude.
const LOW_LEVELS: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121,
    1_219, 1_339, 1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];
/// The codes of negative errors by level (iln).
const LOW_NEGATIVE: [u8; 31] = [
    0, 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8,
    7, 6, 5, 4,
];
/// The codes of other errors by level (ilp).
const LOW_POSITIVE: [u8; 31] = [
    0, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37,
    36, 35, 34, 33, 32,
];
/// Differences by code of four bits (qm4).
const LOW_VALUES_16: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584,
    1_200, 0,
];
/// Differences by code of six bits (qm6).
const LOW_VALUES_64: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
    -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776,
    -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280,
    11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168,
    2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
];
/// How the scale of the low band moves by code of four bits (wl of rl42).
const LOW_STEPS: [i32; 16] =
    [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];
/// Differences by code of the high band (qm2).
const HIGH_VALUES: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
/// How the scale of the high band moves (wh of rh2).
const HIGH_STEPS: [i32; 4] = [798, -214, 798, -214];
/// The antilogarithm of the scale (ilb).
const ANTILOGARITHM: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774,
    2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838,
    3_922, 4_008,
];
