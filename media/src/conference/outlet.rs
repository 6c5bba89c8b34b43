//! The way of a mix to the ear: limited to 16 bits, converted to the rate of the codec, and coded.

use super::FRAME_MAX;
use super::jitter::FRAME_TICKS;
use crate::command::Codec;
use crate::g711::{self, Law};
use crate::g722::{self, Halve};

/// What a packet of 20 ms carries.
pub(crate) type Payload = [u8; FRAME_TICKS];

/// The loudest a mix may be.
const CEILING: i32 = 30_000;
/// The gain that is 1.
const UNITY: i32 = 1 << 12;
/// How much of the gain comes back with each frame: a sixteenth of what it lacks.
const RELEASE: i32 = 16;
/// How long the gain takes to move, in samples.
const ATTACK: usize = 32;

/// The limiter, the filter and the encoder of one mix. A copy goes on where it was made.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    gain: i32,
    halve: Halve,
    /// The frame at 8 kHz, once it was asked for: the filter must see each frame once.
    narrow: Option<[i16; FRAME_TICKS]>,
    encoder: g722::Encoder,
    is_encoded: bool,
}

impl Default for Outlet {
    fn default() -> Self {
        Self {
            gain: UNITY,
            halve: Halve::default(),
            narrow: None,
            encoder: g722::Encoder::default(),
            is_encoded: false,
        }
    }
}

impl Outlet {
    /// Lets filter and encoder see a frame of 16 kHz that nobody asked for, so that they are in step when somebody asks.
    pub(super) fn keep_up(&mut self, frame: &[i16]) {
        if frame.len() != FRAME_MAX {
            return;
        }
        if self.narrow.is_none() {
            self.halved(frame);
        }
        if !self.is_encoded {
            self.encode(Codec::G722, frame);
        }
    }

    /// Brings a sum down to 16 bits: by a lower gain where it is too loud, never by wrapping around.
    pub(super) fn limit(&mut self, sum: &[i32], frame: &mut [i16]) {
        self.narrow = None;
        self.is_encoded = false;
        let peak = sum.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        let peak = i32::try_from(peak).unwrap_or(i32::MAX).max(1);
        let allowed = i32::try_from(i64::from(UNITY) * i64::from(CEILING) / i64::from(peak)).unwrap_or(UNITY);
        let released = self.gain + (UNITY - self.gain + RELEASE - 1) / RELEASE;
        let gain = allowed.min(released);
        if gain == UNITY && self.gain == UNITY {
            for (sum, sample) in sum.iter().zip(frame) {
                *sample = saturated(i64::from(*sum));
            }
            return;
        }
        let before = std::mem::replace(&mut self.gain, gain);
        for (n, (sum, sample)) in sum.iter().zip(frame).enumerate() {
            let moved = i32::try_from(n.min(ATTACK)).unwrap_or(0);
            let gain = before + (gain - before) * moved / ATTACK as i32;
            *sample = saturated(i64::from(*sum) * i64::from(gain) / i64::from(UNITY));
        }
    }

    /// Codes a frame of either rate.
    pub(super) fn encode(&mut self, codec: Codec, frame: &[i16]) -> Payload {
        let mut payload = [0; FRAME_TICKS];
        let law = match codec {
            Codec::Pcmu => Law::Mu,
            Codec::Pcma => Law::A,
            Codec::G722 => {
                self.is_encoded = true;
                if frame.len() == FRAME_MAX {
                    self.encoder.encode(frame, &mut payload);
                } else {
                    self.encoder.encode_narrow(frame, &mut payload);
                }
                return payload;
            }
        };
        if frame.len() == FRAME_MAX {
            g711::compress(law, &self.halved(frame), &mut payload);
        } else {
            g711::compress(law, frame, &mut payload);
        }
        payload
    }

    /// The frame at 8 kHz.
    fn halved(&mut self, frame: &[i16]) -> [i16; FRAME_TICKS] {
        let Self { halve, narrow, .. } = self;
        *narrow.get_or_insert_with(|| {
            let mut narrow = [0; FRAME_TICKS];
            halve.halve(frame, &mut narrow);
            narrow
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the value is clamped to 16 bits")]
fn saturated(value: i64) -> i16 {
    value.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(sums: &[i32], frames: usize) -> Vec<Vec<i16>> {
        let mut outlet = Outlet::default();
        (0..frames)
            .map(|_| {
                let mut frame = vec![0; sums.len()];
                outlet.limit(sums, &mut frame);
                frame
            })
            .collect()
    }

    #[test]
    fn what_fits_is_not_touched() {
        let sums: Vec<i32> = (-80..80).map(|n| n * 370).collect();
        for frame in limited(&sums, 3) {
            assert!(frame.iter().zip(&sums).all(|(sample, sum)| i32::from(*sample) == *sum));
        }
    }

    #[test]
    fn what_is_too_loud_keeps_its_shape() {
        let sums: Vec<i32> = (-80..80).map(|n| n * 4_000).collect();
        let frames = limited(&sums, 3);
        let last = &frames[2];
        assert!(last.iter().all(|sample| i32::from(*sample).abs() <= CEILING + 100));
        for (sample, sum) in last.iter().zip(&sums) {
            assert!(
                (i64::from(*sample) * 320_000 / i64::from(CEILING) - i64::from(*sum)).abs() < 400,
                "{sample} {sum}"
            );
        }
    }

    #[test]
    fn the_gain_comes_back() {
        let mut outlet = Outlet::default();
        let mut frame = [0; 160];
        outlet.limit(&[200_000; 160], &mut frame);
        for _ in 0..150 {
            outlet.limit(&[1_000; 160], &mut frame);
        }
        assert_eq!(frame, [1_000; 160]);
    }

    #[test]
    fn the_loudest_sum_of_all_does_not_overflow() {
        for extreme in [i32::from(i16::MIN) * 128, i32::from(i16::MAX) * 128] {
            for frame in limited(&[extreme; 160], 4) {
                assert!(frame.iter().all(|sample| (i32::from(*sample) < 0) == (extreme < 0)));
            }
        }
    }
}
