//! DTMF and the calling tone of fax machines in speech, by Goertzel's filter over blocks of 12.75 ms.
//!
//! The limits follow ITU-T Q.24: a digit lasts at least 40 ms, its two tones differ by 8 dB at most (4 dB where the high one is
//! louder), no other tone is near them, and they are nearly all that is to be heard. Speech hardly ever says that (talk-off).

use std::f32::consts::TAU;

use super::{COLUMNS_HZ, KEYPAD, ROWS_HZ};

/// Samples in a block: short enough that two whole ones lie in 40 ms, long enough to tell the tones apart.
const BLOCK: usize = 102;
/// The time of a block, in eighths of a millisecond.
const BLOCK_TICKS: u32 = BLOCK as u32;

/// The least energy of each tone: -40 dBm0.
const ENERGY_MIN: f32 = 1.3e8;
/// The most by which the low tone may be louder: 8 dB.
const TWIST: f32 = 6.31;
/// The most by which the high tone may be louder: 4 dB, and a little for what the block's edges do.
const REVERSE_TWIST: f32 = 2.82;
/// By how much a tone stands out of the others of its group: 8 dB.
const PEAK: f32 = 6.31;
/// The share of all energy that the two tones have.
const SHARE: f32 = 0.82 * BLOCK as f32 / 2.0;

/// The calling tone of a fax machine (T.30 §4.2), in hertz.
const FAX_HZ: u16 = 1_100;
/// Its share of all energy, where it is 38 Hz beside its frequency.
const FAX_SHARE: f32 = 0.38 * BLOCK as f32 / 2.0;
/// For how many blocks it lasts: 425 ms of half a second.
const FAX_BLOCKS: u32 = 33;

/// What was found in a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// A digit began.
    Begun(u8),
    /// A digit lasted so long, in milliseconds.
    Ended(u8, u16),
    /// A fax machine calls.
    Fax,
}

/// Listens to samples of 8 kHz.
#[derive(Clone, Debug)]
pub(super) struct ToneEar {
    filters: [Filter; 9],
    energy: f32,
    samples: usize,
    /// What the block before said, and the digit that is being said.
    last: Option<u8>,
    present: Option<u8>,
    blocks: u32,
    absent: u32,
    fax_blocks: u32,
}

#[derive(Clone, Copy, Debug)]
struct Filter {
    turn: f32,
    last: f32,
    before: f32,
}

impl Filter {
    fn of(hz: u16) -> Self {
        Self { turn: 2.0 * (TAU * f32::from(hz) / 8_000.0).cos(), last: 0.0, before: 0.0 }
    }

    #[inline]
    fn hear(&mut self, sample: f32) {
        let next = sample + self.turn * self.last - self.before;
        self.before = self.last;
        self.last = next;
    }

    /// The energy at the frequency since the last call.
    fn take(&mut self) -> f32 {
        let (last, before) = (self.last, self.before);
        (self.last, self.before) = (0.0, 0.0);
        last * last + before * before - last * before * self.turn
    }
}

impl Default for ToneEar {
    fn default() -> Self {
        let [a, b, c, d] = ROWS_HZ;
        let [e, f, g, h] = COLUMNS_HZ;
        Self {
            filters: [a, b, c, d, e, f, g, h, FAX_HZ].map(Filter::of),
            energy: 0.0,
            samples: 0,
            last: None,
            present: None,
            blocks: 0,
            absent: 0,
            fax_blocks: 0,
        }
    }
}

impl ToneEar {
    /// Listens on.
    pub(super) fn hear(&mut self, samples: &[i16], tell: &mut impl FnMut(Found)) {
        for &sample in samples {
            let sample = f32::from(sample);
            for filter in &mut self.filters {
                filter.hear(sample);
            }
            self.energy += sample * sample;
            self.samples += 1;
            if self.samples == BLOCK {
                self.judge(tell);
            }
        }
    }

    /// Ends a digit that is being said.
    pub(super) fn end(&mut self, tell: &mut impl FnMut(Found)) {
        if let Some(digit) = self.present.take() {
            let duration_ms = u16::try_from(self.blocks * BLOCK_TICKS / 8).unwrap_or(u16::MAX);
            tell(Found::Ended(digit, duration_ms));
        }
    }

    fn judge(&mut self, tell: &mut impl FnMut(Found)) {
        let energies = self.filters.each_mut().map(Filter::take);
        let total = std::mem::take(&mut self.energy);
        self.samples = 0;
        let said = digit_of(&energies, total);
        match self.present {
            Some(digit) if said == Some(digit) => {
                self.blocks += 1 + std::mem::take(&mut self.absent);
            }
            Some(_) => {
                self.absent += 1;
                // One block may be disturbed.
                if self.absent == 2 {
                    self.end(tell);
                }
            }
            None => {}
        }
        if self.present.is_none()
            && let Some(digit) = said
            && self.last == said
        {
            self.present = said;
            self.blocks = 2;
            self.absent = 0;
            tell(Found::Begun(digit));
        }
        self.last = said;
        self.judge_fax(energies[8], total, tell);
    }

    fn judge_fax(&mut self, energy: f32, total: f32, tell: &mut impl FnMut(Found)) {
        if energy < ENERGY_MIN / 2.0 || energy < total * FAX_SHARE {
            self.fax_blocks = 0;
            return;
        }
        self.fax_blocks = self.fax_blocks.saturating_add(1);
        if self.fax_blocks == FAX_BLOCKS {
            tell(Found::Fax);
        }
    }
}

/// The digit that a block says.
fn digit_of(energies: &[f32; 9], total: f32) -> Option<u8> {
    let (row, low) = loudest(&energies[..4])?;
    let (column, high) = loudest(&energies[4..8])?;
    let is_loud = low >= ENERGY_MIN && high >= ENERGY_MIN;
    let is_even = low <= high * TWIST && high <= low * REVERSE_TWIST;
    let is_all = low + high >= total * SHARE;
    (is_loud && is_even && is_all).then(|| KEYPAD[row * 4 + column])
}

/// The loudest of a group, if it stands out of the others.
fn loudest(group: &[f32]) -> Option<(usize, f32)> {
    let (place, energy) = group.iter().copied().enumerate().max_by(|one, other| one.1.total_cmp(&other.1))?;
    let stands_out = group.iter().enumerate().all(|(n, other)| n == place || other * PEAK <= energy);
    stands_out.then_some((place, energy))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::digit::frequencies;

    struct Voice {
        samples: Vec<i16>,
    }

    impl Voice {
        fn new() -> Self {
            Self { samples: Vec::new() }
        }

        fn say(mut self, tones: &[(f64, f64)], ms: usize) -> Self {
            for n in 0..ms * 8 {
                let level: f64 = tones
                    .iter()
                    .map(|(hz, amplitude)| amplitude * (TAU * hz * n as f64 / 8_000.0).sin())
                    .sum();
                #[expect(clippy::cast_possible_truncation, reason = "amplitudes of tests are below 2^15")]
                self.samples.push(level as i16);
            }
            self
        }

        fn digit(self, digit: u8, ms: usize) -> Self {
            let (low, high) = frequencies(digit).unwrap();
            self.say(&[(f64::from(low), 4_000.0), (f64::from(high), 4_000.0)], ms)
        }

        fn silence(self, ms: usize) -> Self {
            self.say(&[], ms)
        }

        fn found(&self) -> Vec<Found> {
            let mut found = Vec::new();
            ToneEar::default().hear(&self.samples, &mut |it| found.push(it));
            found
        }

        fn digits(&self) -> String {
            let begun = |found| if let Found::Begun(digit) = found { Some(char::from(digit)) } else { None };
            self.found().into_iter().filter_map(begun).collect()
        }
    }

    #[test]
    fn every_digit_of_fifty_milliseconds_is_heard_once() {
        let all = b"0123456789*#ABCD";
        let voice =
            all.iter().fold(Voice::new().silence(7), |voice, digit| voice.digit(*digit, 50).silence(50));
        assert_eq!(voice.digits().as_bytes(), all);
        let same = (0..5).fold(Voice::new(), |voice, _| voice.digit(b'5', 50).silence(50));
        assert_eq!(same.digits(), "55555");
    }

    #[test]
    fn forty_milliseconds_are_enough_at_any_moment_and_twenty_never() {
        for offset in 0..13 {
            assert_eq!(Voice::new().silence(offset).digit(b'7', 40).silence(60).digits(), "7", "{offset}");
            assert_eq!(Voice::new().silence(offset).digit(b'7', 20).silence(60).digits(), "", "{offset}");
        }
    }

    #[test]
    fn the_duration_is_told_at_the_end() {
        let found = Voice::new().digit(b'1', 200).silence(100).found();
        assert!(matches!(found[..], [Found::Begun(b'1'), Found::Ended(b'1', 170..=210)]), "{found:?}");
    }

    #[test]
    fn frequencies_may_be_off_by_one_and_a_half_percent_and_not_by_three_and_a_half() {
        for (factor, heard) in [(0.985, "5"), (1.015, "5"), (0.965, ""), (1.035, "")] {
            let tones = [(770.0 * factor, 4_000.0), (1_336.0 * factor, 4_000.0)];
            assert_eq!(Voice::new().say(&tones, 80).silence(50).digits(), heard, "{factor}");
        }
    }

    #[test]
    fn levels_and_twist_have_limits() {
        let said =
            |low: f64, high: f64| Voice::new().say(&[(770.0, low), (1_336.0, high)], 80).silence(50).digits();
        assert_eq!(said(400.0, 400.0), "5");
        assert_eq!(said(100.0, 100.0), "");
        assert_eq!(said(4_000.0, 2_000.0), "5", "6 dB twist");
        assert_eq!(said(4_000.0, 1_200.0), "", "10 dB twist");
        assert_eq!(said(3_000.0, 4_000.0), "5", "2.5 dB reverse twist");
        assert_eq!(said(1_500.0, 4_000.0), "", "8.5 dB reverse twist");
    }

    #[test]
    fn one_tone_or_tones_among_others_are_no_digit() {
        assert_eq!(Voice::new().say(&[(770.0, 8_000.0)], 500).digits(), "");
        assert_eq!(Voice::new().say(&[(440.0, 4_000.0), (480.0, 4_000.0)], 500).digits(), "");
        let speech = [(770.0, 4_000.0), (1_336.0, 4_000.0), (2_004.0, 4_000.0)];
        assert_eq!(Voice::new().say(&speech, 500).digits(), "");
    }

    #[test]
    fn harmonics_and_noise_of_speech_say_no_digits() {
        let mut chance = StdRng::seed_from_u64(1);
        let mut voice = Voice::new();
        // Five minutes of vowels: harmonics of a changing pitch under two moving formants.
        for _ in 0..3_000 {
            let pitch = chance.random_range(80.0..300.0);
            let formants = [chance.random_range(250.0..900.0), chance.random_range(900.0..2_500.0)];
            let tones: Vec<(f64, f64)> = (1..14)
                .map(|n| {
                    let hz = pitch * f64::from(n);
                    let near =
                        formants.iter().map(|formant: &f64| 1.0 / (1.0 + ((hz - formant) / 120.0).powi(2)));
                    (hz, 5_000.0 * near.sum::<f64>())
                })
                .collect();
            voice = voice.say(&tones, 100);
        }
        let found = voice.digits().len();
        assert!(found <= 2, "{found} digits in five minutes");
        let noise: Vec<i16> = (0..240_000).map(|_| chance.random_range(-8_000..8_000)).collect();
        assert_eq!(Voice { samples: noise }.digits(), "");
    }

    #[test]
    fn the_calling_tone_of_a_fax_machine_is_told_once_for_each_half_second() {
        for hz in [1_062.0, 1_100.0, 1_138.0] {
            let voice = Voice::new().say(&[(hz, 4_000.0)], 500).silence(3_000).say(&[(hz, 4_000.0)], 500);
            assert_eq!(voice.found(), [Found::Fax; 2], "{hz}");
        }
        assert!(Voice::new().say(&[(1_100.0, 4_000.0)], 300).silence(500).found().is_empty());
        assert!(Voice::new().say(&[(950.0, 4_000.0)], 1_000).found().is_empty());
    }
}
