//! Loss concealment: the last period of speech again and again, fading out (after the idea of G.711 Appendix I).

use super::FRAME_MAX;

/// The longest period looked for, in samples of 8 kHz: 66 Hz.
const PERIOD_MAX: usize = 120;
/// The shortest one: 200 Hz; a higher voice is repeated by several of its periods.
const PERIOD_MIN: usize = 40;
/// How much of the past is compared, in samples of 8 kHz.
const COMPARED: usize = 80;
/// A loss is silent after so many samples of 8 kHz: 60 ms.
const FADE: usize = 480;
/// How long speech takes to come back over the concealment, in samples of 8 kHz.
const RETURN: usize = 32;

/// The recent past of a voice.
#[derive(Clone, Debug)]
pub(crate) struct Concealer {
    past: Box<[i16; FRAME_MAX]>,
    scale: usize,
    /// While something is missing: the period that is repeated, and how many samples were made of it.
    period: usize,
    made: usize,
}

impl Default for Concealer {
    fn default() -> Self {
        Self { past: Box::new([0; FRAME_MAX]), scale: 0, period: 0, made: 0 }
    }
}

impl Concealer {
    /// Makes up samples; `scale` is 1 at 8 kHz and 2 at 16 kHz.
    pub(crate) fn fill(&mut self, samples: &mut [i16], scale: usize) {
        for sample in samples {
            *sample = self.make(scale);
        }
    }

    /// Takes the frame that was played as the past of the next one. Where speech came back, `heard`, it fades in over what
    /// was made up.
    pub(crate) fn keep(&mut self, frame: &mut [i16], scale: usize, heard: bool) {
        if heard && self.period > 0 {
            let length = RETURN * scale;
            for (n, sample) in frame.iter_mut().take(length).enumerate() {
                let (made, share) = (i32::from(self.make(scale)), i32::try_from(n).unwrap_or(0));
                let whole = i32::try_from(length).unwrap_or(1);
                let mixed = (made * (whole - share) + i32::from(*sample) * share) / whole;
                #[expect(clippy::cast_possible_truncation, reason = "a mean of 16-bit samples")]
                let mixed = mixed as i16;
                *sample = mixed;
            }
            self.period = 0;
        }
        self.scale = scale;
        if heard {
            self.past[..frame.len()].copy_from_slice(frame);
        }
    }

    fn make(&mut self, scale: usize) -> i16 {
        if self.scale != scale {
            return 0;
        }
        if self.period == 0 {
            self.period = self.find_period(scale);
            self.made = 0;
        }
        let fade = FADE * scale;
        if self.made >= fade {
            return 0;
        }
        let length = 160 * scale;
        let sample = self.past[length - self.period + self.made % self.period];
        let left = i32::try_from(fade - self.made).unwrap_or(0);
        self.made += 1;
        let faded = i32::from(sample) * left / i32::try_from(fade).unwrap_or(1);
        #[expect(clippy::cast_possible_truncation, reason = "smaller than a 16-bit sample")]
        let faded = faded as i16;
        faded
    }

    /// The shift at which the past is most like itself.
    fn find_period(&self, scale: usize) -> usize {
        // Every second sample of 16 kHz is enough to find it.
        let end = 160;
        let at = |n: usize| i32::from(self.past[n * scale]);
        let compared = COMPARED.min(end - PERIOD_MAX);
        let difference =
            |shift: usize| -> i32 { (end - compared..end).map(|n| (at(n) - at(n - shift)).abs() / 8).sum() };
        scale * (PERIOD_MIN..=PERIOD_MAX).min_by_key(|shift| difference(*shift)).unwrap_or(PERIOD_MIN)
    }
}
