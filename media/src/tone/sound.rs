//! The sound of a cadence: 8 kHz samples, one after the other.

use std::f64::consts::TAU;
use std::sync::Arc;

use super::{Cadence, Segment};

/// Samples in a millisecond.
const SAMPLES_PER_MS: u32 = 8;

/// How long a tone takes to rise and to fall, in samples: 4 ms, so that a key makes no click.
const RAMP_SAMPLES: u32 = 32;

/// The amplitude of a tone of one frequency: about -14 dBm0. Several share its power.
const AMPLITUDE: f64 = 4_500.0;

/// A cadence that is being played.
#[derive(Clone, Debug)]
pub(crate) struct Sounding {
    cadence: Arc<Cadence>,
    segment: usize,
    /// Samples played of the segment.
    played: u32,
    oscillators: [Oscillator; 4],
    over: bool,
}

impl Sounding {
    /// A cadence from its beginning.
    pub(crate) fn of(cadence: Arc<Cadence>) -> Self {
        // What would take no time cannot be repeated.
        let never = cadence.played().iter().all(|segment| segment.on_ms == 0 && is_quiet(segment));
        let mut sounding =
            Self { cadence, segment: 0, played: 0, oscillators: Default::default(), over: never };
        sounding.tune();
        sounding
    }

    /// Writes the next samples; silence after the end.
    pub(crate) fn fill(&mut self, samples: &mut [i16]) {
        for sample in samples {
            *sample = self.next();
        }
    }

    /// Whether all has been played.
    #[cfg(test)]
    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }

    fn next(&mut self) -> i16 {
        let Some(segment) = self.cadence.played().get(self.segment).filter(|_| !self.over) else { return 0 };
        let on = u32::from(segment.on_ms) * SAMPLES_PER_MS;
        let sample = if on == 0 || self.played < on {
            let level: f64 = self.oscillators.iter_mut().map(Oscillator::next).sum();
            let from_end = if on == 0 { u32::MAX } else { on - 1 - self.played };
            let ramp = self.played.min(from_end).min(RAMP_SAMPLES);
            #[expect(clippy::cast_possible_truncation, reason = "twice the amplitude is far below 2^15")]
            let sample = (level * f64::from(ramp) / f64::from(RAMP_SAMPLES)) as i16;
            sample
        } else {
            0
        };
        if on == 0 {
            // For ever: the count only has to be past the rise.
            self.played = (self.played + 1).min(RAMP_SAMPLES);
            return sample;
        }
        self.played += 1;
        if self.played >= on + u32::from(segment.off_ms) * SAMPLES_PER_MS {
            self.turn();
        }
        sample
    }

    /// On to the next segment.
    fn turn(&mut self) {
        self.played = 0;
        self.segment += 1;
        if self.segment >= self.cadence.played().len() {
            self.segment = 0;
            self.over = !self.cadence.repeats;
        }
        self.tune();
    }

    fn tune(&mut self) {
        let Some(segment) = self.cadence.played().get(self.segment) else {
            self.over = true;
            return;
        };
        let count = segment.frequencies_hz.iter().filter(|hz| **hz != 0).count();
        let amplitude = AMPLITUDE / f64::from(u32::try_from(count.max(1)).unwrap_or(1)).sqrt();
        self.oscillators = segment.frequencies_hz.map(|hz| Oscillator::of(hz, amplitude));
    }
}

fn is_quiet(segment: &Segment) -> bool {
    segment.off_ms == 0 && segment.frequencies_hz == [0; 4]
}

/// A sine by recurrence: each sample from the two before it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Oscillator {
    turn: f64,
    last: f64,
    before: f64,
}

impl Oscillator {
    /// A sine that begins at 0; of no frequency it is silence.
    pub(crate) fn of(hz: u16, amplitude: f64) -> Self {
        if hz == 0 {
            return Self::default();
        }
        let step = TAU * f64::from(hz) / 8_000.0;
        Self { turn: 2.0 * step.cos(), last: 0.0, before: -amplitude * step.sin() }
    }

    /// The next sample.
    pub(crate) fn next(&mut self) -> f64 {
        let sample = self.last;
        self.last = self.turn * sample - self.before;
        self.before = sample;
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::CallProgress;

    fn played(cadence: &Arc<Cadence>, ms: u32) -> Vec<i16> {
        let mut samples = vec![0; (ms * SAMPLES_PER_MS) as usize];
        Sounding::of(Arc::clone(cadence)).fill(&mut samples);
        samples
    }

    fn loud(samples: &[i16]) -> bool {
        samples.iter().any(|sample| sample.abs() > 1_000)
    }

    fn zero_crossings(samples: &[i16]) -> usize {
        samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count()
    }

    #[test]
    fn ringback_of_north_america_is_two_seconds_on_and_four_off() {
        let samples = played(&CallProgress::Ringback.cadence("US"), 12_000);
        for (n, packet) in samples.chunks(160).enumerate() {
            // The two tones beat at 40 Hz: no packet of 20 ms is without sound.
            assert_eq!(loud(packet), n % 300 < 100, "packet {n}");
        }
    }

    #[test]
    fn a_tone_has_its_frequency_for_a_long_time() {
        let samples = played(&CallProgress::Dial.cadence("DE"), 60_000);
        let last = &samples[samples.len() - 8_000..];
        assert!((424..=426).contains(&zero_crossings(last)));
        let peak = last.iter().max().copied().unwrap_or(0);
        assert!((4_300..=4_600).contains(&peak), "{peak}");
    }

    #[test]
    fn a_tone_begins_and_ends_softly() {
        let cadence = Arc::new(Cadence {
            segments: vec![Segment { frequencies_hz: [425, 0, 0, 0], on_ms: 100, off_ms: 100 }],
            repeats: true,
        });
        let samples = played(&cadence, 400);
        let steepest = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max();
        // A sine of this amplitude and frequency rises by 1,500 a sample.
        assert!(steepest.is_some_and(|step| step < 1_600), "{steepest:?}");
        assert!(loud(&samples[..800]) && !loud(&samples[800..1_600]) && loud(&samples[1_600..2_400]));
    }

    #[test]
    fn a_cadence_that_does_not_repeat_ends() {
        let mut sounding = Sounding::of(CallProgress::Confirmation.cadence("US"));
        let mut samples = [0; 4_800];
        sounding.fill(&mut samples);
        assert!(loud(&samples[3_200..4_000]) && sounding.is_over());
        sounding.fill(&mut samples);
        assert!(!loud(&samples));
    }

    #[test]
    fn segments_of_no_time_and_no_segments_are_silence() {
        for segments in [vec![], vec![Segment::default(); 3]] {
            let cadence = Arc::new(Cadence { segments, repeats: true });
            assert!(!loud(&played(&cadence, 100)));
        }
        let many = vec![Segment { frequencies_hz: [425, 0, 0, 0], on_ms: 10, off_ms: 0 }; 1_000];
        let cadence = Arc::new(Cadence { segments: many, repeats: false });
        assert!(!loud(&played(&cadence, 400)[160 * 8..]));
    }
}
