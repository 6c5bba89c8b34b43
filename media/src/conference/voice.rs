//! What one member says: its packets through the jitter buffer into frames of 20 ms, with losses concealed.

use super::conceal::Concealer;
use super::jitter::{FRAME_TICKS, JitterBuffer, TAKEN_MAX_TICKS};
use super::{FRAME_MAX, Frame};
use crate::command::Codec;
use crate::g711::{self, Law};
use crate::g722::{self, Double};
use crate::rtp::Header;

/// After so many frames of nothing the member is no longer in the mix.
const SILENT_FRAMES_MAX: u32 = 4;

/// The most runs in a frame: one for each block of a millisecond, and one at either end.
const RUNS_MAX: usize = TAKEN_MAX_TICKS / 8 + 4;

/// The speech of one member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Voice {
    buffer: JitterBuffer,
    ssrc: Option<u32>,
    codec: Option<Codec>,
    decoder: Box<g722::Decoder>,
    double: Box<Double>,
    concealer: Concealer,
    /// The last sample of the frame before.
    last: i16,
    silent_frames: u32,
}

impl Voice {
    /// Takes a packet of a codec that the relay speaks, `lead` ticks of 125 µs before the next frame.
    pub(crate) fn hear(&mut self, header: &Header, codec: Codec, payload: &[u8], lead: i32) {
        if self.ssrc != Some(header.ssrc) || self.codec != Some(codec) {
            self.ssrc = Some(header.ssrc);
            self.codec = Some(codec);
            self.buffer.end();
            *self.decoder = g722::Decoder::default();
        }
        if !self.buffer.is_playing() {
            // What is said anew begins with the silence of the delay: that is not what was given up for.
            self.silent_frames = 0;
        }
        self.buffer.put(header.timestamp, payload, lead);
    }

    /// Forgets filters of another rate.
    pub(super) fn change_rate(&mut self) {
        *self.decoder = g722::Decoder::default();
        *self.double = Double::default();
        self.concealer = Concealer::default();
    }

    /// Writes the next frame, in 320 samples if `wide` and 160 if not; `false` if nothing is said.
    pub(crate) fn speak(&mut self, wide: bool, frame: &mut Frame) -> bool {
        let scale = if wide { 2 } else { 1 };
        let length = scale * FRAME_TICKS;
        let mut bytes = [0; TAKEN_MAX_TICKS];
        let mut runs = [(0, false); RUNS_MAX];
        let mut count = 0;
        let taken = self.buffer.take(&mut bytes, |run| {
            // Neighbours of one kind are one run.
            if count > 0 && runs[count - 1].1 == run.present {
                runs[count - 1].0 += run.length;
            } else {
                runs[count] = (run.length, run.present);
                count += 1;
            }
        });
        let (Some(taken), Some(codec)) = (taken, self.codec) else { return false };
        if let [(_, true)] = runs[..count]
            && taken + 8 > FRAME_TICKS
        {
            let mut said = [0; 2 * TAKEN_MAX_TICKS];
            self.decode(codec, wide, &bytes[..taken], &mut said);
            stretch(self.last, &said[..scale * taken], &mut frame[..length]);
            self.silent_frames = 0;
        } else {
            self.patch(codec, wide, &bytes, &runs[..count], frame);
        }
        self.concealer.keep(&mut frame[..length], scale, self.silent_frames == 0);
        self.last = frame[length - 1];
        true
    }

    /// A frame of which something is missing.
    fn patch(&mut self, codec: Codec, wide: bool, bytes: &[u8], runs: &[(usize, bool)], frame: &mut Frame) {
        let scale = if wide { 2 } else { 1 };
        let (mut from, mut to) = (0, 0);
        let mut heard = false;
        for &(length, present) in runs {
            let length = length.min(FRAME_TICKS - to);
            let place = scale * to..scale * (to + length);
            if present {
                let mut said = [0; FRAME_MAX];
                self.decode(codec, wide, &bytes[from..from + length], &mut said);
                frame[place.clone()].copy_from_slice(&said[..scale * length]);
                heard = true;
            } else {
                self.concealer.fill(&mut frame[place], scale);
            }
            from += length;
            to += length;
        }
        self.concealer.fill(&mut frame[scale * to..scale * FRAME_TICKS], scale);
        self.silent_frames = if heard { 0 } else { self.silent_frames + 1 };
        if self.silent_frames > SILENT_FRAMES_MAX {
            self.buffer.end();
        }
    }

    /// Decodes into samples of the conference's rate, one or two for each byte.
    fn decode(&mut self, codec: Codec, wide: bool, bytes: &[u8], samples: &mut [i16]) {
        let law = match codec {
            Codec::Pcmu => Law::Mu,
            Codec::Pcma => Law::A,
            Codec::G722 if wide => return self.decoder.decode(bytes, samples),
            Codec::G722 => return self.decoder.decode_narrow(bytes, samples),
        };
        if !wide {
            g711::expand(law, bytes, samples);
            return;
        }
        let mut narrow = [0; TAKEN_MAX_TICKS];
        g711::expand(law, bytes, &mut narrow);
        self.double.double(&narrow[..bytes.len()], samples);
    }
}

/// Stretches samples to the length of a frame, by cubic interpolation; `before` is the sample in front of them.
fn stretch(before: i16, said: &[i16], frame: &mut [i16]) {
    if said.len() == frame.len() {
        frame.copy_from_slice(said);
        return;
    }
    let (from, to) = (said.len(), frame.len());
    let at = |n: usize| f32::from(said[n.min(from - 1)]);
    for (n, sample) in frame.iter_mut().enumerate() {
        let place = n * from;
        let (whole, part) = (place / to, (place % to) as f32 / to as f32);
        let before = if whole == 0 { f32::from(before) } else { at(whole - 1) };
        let (here, after, beyond) = (at(whole), at(whole + 1), at(whole + 2));
        // Catmull-Rom through the four neighbours.
        let value = here
            + 0.5
                * part
                * (after - before
                    + part
                        * (2.0 * before - 5.0 * here + 4.0 * after - beyond
                            + part * (3.0 * (here - after) + beyond - before)));
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
        let value = value as i16;
        *sample = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conference::testing::{Listener, packet, sine};

    #[test]
    fn stretching_keeps_a_tone_pure() {
        for from in [159, 161, 164] {
            let said = sine(1_000.0, 8_000.0, 8_000.0, 0, from);
            let mut frame = [0; 160];
            stretch(0, &said, &mut frame);
            for (n, sample) in frame.iter().enumerate().skip(2).take(150) {
                let time_s = n as f64 * from as f64 / 160.0 / 8_000.0;
                let expected = 8_000.0 * (std::f64::consts::TAU * 1_000.0 * time_s).sin();
                assert!((f64::from(*sample) - expected).abs() < 250.0, "{from} {n}");
            }
        }
    }

    #[test]
    fn who_was_silent_for_a_while_is_heard_again() {
        let mut voice = Voice::default();
        let mut frame = [0; FRAME_MAX];
        // He stops after a second, for one; his timestamps go on, or they wait for him.
        for pause in [0, 50] {
            let mut loud = 0;
            for tick in 0..150_u64 {
                if !(50..100).contains(&tick) {
                    let number = if tick < 50 { tick } else { tick - 50 + pause };
                    let (header, payload) = packet(Codec::Pcmu, 5, 1_000 * pause + number, 400.0);
                    voice.hear(&header, Codec::Pcmu, &payload, 56);
                }
                let speaks = voice.speak(false, &mut frame);
                loud += u32::from(tick >= 110 && speaks && frame.iter().any(|sample| sample.abs() > 1_000));
            }
            assert_eq!(loud, 40, "after a pause of {pause} packets");
        }
    }

    #[test]
    fn drift_is_not_heard() {
        for (ppm, wide) in [(200_i64, false), (-200, false), (200, true)] {
            let mut voice = Voice::default();
            let mut listener = Listener::new(if wide { 16_000.0 } else { 8_000.0 });
            let mut n = 0_u64;
            for tick in 0..120 * 50_u64 {
                let now_us = i64::try_from(tick * 20_000 + 7_000).unwrap();
                loop {
                    let nominal = i64::try_from(n * 20_000).unwrap();
                    let arrives_us = nominal - nominal * ppm / 1_000_000;
                    if arrives_us > now_us {
                        break;
                    }
                    let lead = i32::try_from((now_us - arrives_us) / 125).unwrap();
                    let (header, payload) = packet(Codec::Pcma, 5, n, 400.0);
                    voice.hear(&header, Codec::Pcma, &payload, lead);
                    n += 1;
                }
                let mut frame = [0; FRAME_MAX];
                if voice.speak(wide, &mut frame) && tick > 50 {
                    listener.hear(&frame[..if wide { 320 } else { 160 }]);
                }
            }
            // Frame by frame, for the phase moves slowly with the peer's clock.
            let purity = listener.worst_purity(400.0);
            assert!(purity > 0.98, "{ppm} ppm, wide {wide}: {purity}");
        }
    }

    #[test]
    fn one_lost_packet_is_concealed_and_a_member_that_stops_falls_silent() {
        let mut voice = Voice::default();
        let mut levels = Vec::new();
        for n in 0..60_u64 {
            if n != 20 && n < 40 {
                let (header, payload) = packet(Codec::Pcmu, 5, n, 500.0);
                voice.hear(&header, Codec::Pcmu, &payload, 0);
            }
            let mut frame = [0; FRAME_MAX];
            let said = voice.speak(false, &mut frame);
            levels.push(said.then(|| frame[..160].iter().map(|it| it.unsigned_abs()).max().unwrap()));
        }
        assert!(levels[19..=22].iter().all(|level| level.is_some_and(|level| level > 4_000)), "{levels:?}");
        assert!(levels[47..].iter().all(Option::is_none), "{levels:?}");
    }
}
