//! The quadrature mirror filters (G.722 §§3.1, 4.6): 16 kHz into two bands of 8 kHz and back. The same filters, with one
//! band left out, convert speech between the two rates.

use super::band::saturate_i16;

/// Every second coefficient (table 11/G.722); the others are the same in reverse order.
const COEFFICIENTS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// The filters remember eleven pairs of samples.
const HISTORY: usize = 22;

/// Pairs that are filtered at a time.
const STRIDE: usize = 80;

/// 16 kHz into a low and a high band.
#[derive(Clone, Debug, Default)]
pub(super) struct Split {
    history: [i32; HISTORY],
}

impl Split {
    /// Splits pairs of samples; the three have room for the same number of pairs.
    pub(super) fn split(&mut self, samples: &[i16], low: &mut [i32], high: &mut [i32]) {
        self.filter(samples, |n, odd, even| {
            low[n] = (even + odd) >> 14;
            high[n] = (even - odd) >> 14;
        });
    }

    fn filter(&mut self, samples: &[i16], mut keep: impl FnMut(usize, i32, i32)) {
        let mut line = [0; HISTORY + 2 * STRIDE];
        let mut done = 0;
        for samples in samples.chunks(2 * STRIDE) {
            line[..HISTORY].copy_from_slice(&self.history);
            for (place, sample) in line[HISTORY..].iter_mut().zip(samples) {
                *place = i32::from(*sample);
            }
            let pairs = samples.len() / 2;
            for n in 0..pairs {
                let (odd, even) = convolve(&line[2 * n..2 * n + HISTORY + 2]);
                keep(done + n, odd, even);
            }
            self.history.copy_from_slice(&line[2 * pairs..2 * pairs + HISTORY]);
            done += pairs;
        }
    }
}

/// A low and a high band into 16 kHz.
#[derive(Clone, Debug, Default)]
pub(super) struct Join {
    history: [i32; HISTORY],
}

impl Join {
    /// Joins the bands; the three have room for the same number of pairs.
    pub(super) fn join(&mut self, low: &[i32], high: &[i32], samples: &mut [i16]) {
        let mut line = [0; HISTORY + 2 * STRIDE];
        let bands = low.chunks(STRIDE).zip(high.chunks(STRIDE));
        for ((low, high), samples) in bands.zip(samples.chunks_mut(2 * STRIDE)) {
            line[..HISTORY].copy_from_slice(&self.history);
            for ((pair, low), high) in line[HISTORY..].chunks_mut(2).zip(low).zip(high) {
                pair[0] = low + high;
                pair[1] = low - high;
            }
            for (n, pair) in samples.chunks_exact_mut(2).enumerate() {
                let (odd, even) = convolve(&line[2 * n..2 * n + HISTORY + 2]);
                pair[0] = saturate_i16(even >> 11);
                pair[1] = saturate_i16(odd >> 11);
            }
            self.history.copy_from_slice(&line[2 * low.len()..2 * low.len() + HISTORY]);
        }
    }
}

/// 16 kHz to 8 kHz.
#[derive(Clone, Debug, Default)]
pub(crate) struct Halve(Split);

impl Halve {
    /// Writes one sample for every two.
    pub(crate) fn halve(&mut self, samples: &[i16], narrow: &mut [i16]) {
        self.0.filter(samples, |n, odd, even| narrow[n] = saturate_i16((even + odd) >> 13));
    }
}

/// 8 kHz to 16 kHz.
#[derive(Clone, Debug, Default)]
pub(crate) struct Double(Join);

impl Double {
    /// Writes two samples for each.
    pub(crate) fn double(&mut self, samples: &[i16], wide: &mut [i16]) {
        let (mut low, high) = ([0; STRIDE], [0; STRIDE]);
        for (samples, wide) in samples.chunks(STRIDE).zip(wide.chunks_mut(2 * STRIDE)) {
            for (place, sample) in low.iter_mut().zip(samples) {
                *place = i32::from(*sample) >> 1;
            }
            self.0.join(&low[..samples.len()], &high[..samples.len()], wide);
        }
    }
}

/// Both halves of the filter over twelve pairs.
#[inline]
fn convolve(line: &[i32]) -> (i32, i32) {
    let mut odd = 0;
    let mut even = 0;
    for (n, pair) in line.chunks_exact(2).enumerate() {
        odd += pair[0] * COEFFICIENTS[n];
        even += pair[1] * COEFFICIENTS[11 - n];
    }
    (odd, even)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_what_was_doubled_gives_it_back() {
        let samples: Vec<i16> = (0..800).map(|n| if (n / 16) % 2 == 0 { 4_000 } else { -4_000 }).collect();
        let (mut wide, mut narrow) = (vec![0; 1_600], vec![0; 800]);
        Double::default().double(&samples, &mut wide);
        Halve::default().halve(&wide, &mut narrow);
        let delay = 11;
        let error = (100..700).map(|n| (i32::from(narrow[n + delay]) - i32::from(samples[n])).abs()).max();
        assert!(error.is_some_and(|error| error < 1_200), "{error:?}");
        let middle = |n: usize| (i32::from(narrow[n + delay]) - i32::from(samples[n])).abs();
        assert!((100..700).filter(|n| n % 16 == 8).all(|n| middle(n) < 120));
    }
}
