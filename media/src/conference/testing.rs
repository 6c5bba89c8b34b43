//! Tones to be said and an ear that measures them.

use std::f64::consts::TAU;

use crate::command::Codec;
use crate::g711::{self, Law};
use crate::g722;
use crate::rtp::Header;

pub(crate) fn sine(hz: f64, rate_hz: f64, amplitude: f64, from: usize, count: usize) -> Vec<i16> {
    #[expect(clippy::cast_possible_truncation, reason = "amplitudes of tests are below 2^15")]
    (from..from + count).map(|n| (amplitude * (TAU * hz * n as f64 / rate_hz).sin()) as i16).collect()
}

/// The `n`-th packet of a stream that says a tone of amplitude 5,000.
pub(crate) fn packet(codec: Codec, ssrc: u32, n: u64, hz: f64) -> (Header, Vec<u8>) {
    let sequence = u16::try_from(n & 0xffff).unwrap();
    let timestamp = u32::try_from((n * 160) & 0xffff_ffff).unwrap();
    let header = Header {
        marker: n == 0,
        payload_type: 0,
        sequence,
        timestamp,
        ssrc,
        payload_start: 12,
        payload_end: 172,
    };
    let from = usize::try_from(n).unwrap() * 160;
    let samples = sine(hz, 8_000.0, 5_000.0, from, 160);
    let mut payload = vec![0; 160];
    match codec {
        Codec::Pcmu => g711::compress(Law::Mu, &samples, &mut payload),
        Codec::Pcma => g711::compress(Law::A, &samples, &mut payload),
        // A fresh encoder for each packet would begin from rest: the tone is coded from a little earlier.
        Codec::G722 => {
            let lead = from.min(1_600);
            let samples = sine(hz, 8_000.0, 5_000.0, from - lead, lead + 160);
            let mut all = vec![0; lead + 160];
            g722::Encoder::default().encode_narrow(&samples, &mut all);
            payload.copy_from_slice(&all[lead..]);
        }
    }
    (header, payload)
}

/// Keeps what is heard.
pub(super) struct Listener {
    rate_hz: f64,
    heard: Vec<i16>,
    decoder: g722::Decoder,
}

impl Listener {
    pub(super) fn new(rate_hz: f64) -> Self {
        Self { rate_hz, heard: Vec::new(), decoder: g722::Decoder::default() }
    }

    pub(super) fn of(codec: Codec) -> Self {
        Self::new(if codec == Codec::G722 { 16_000.0 } else { 8_000.0 })
    }

    pub(super) fn hear(&mut self, samples: &[i16]) {
        self.heard.extend_from_slice(samples);
    }

    pub(super) fn hear_payload(&mut self, codec: Codec, payload: &[u8]) {
        let mut samples = [0; 320];
        let count = match codec {
            Codec::Pcmu => {
                g711::expand(Law::Mu, payload, &mut samples);
                160
            }
            Codec::Pcma => {
                g711::expand(Law::A, payload, &mut samples);
                160
            }
            Codec::G722 => {
                self.decoder.decode(payload, &mut samples);
                320
            }
        };
        self.hear(&samples[..count]);
    }

    pub(super) fn forget(&mut self) {
        self.heard.clear();
    }

    /// The amplitude of a tone in all that was heard.
    pub(super) fn level(&self, hz: f64) -> f64 {
        amplitude(&self.heard, hz, self.rate_hz)
    }

    /// The share of a tone in the power of the frame where it is smallest.
    pub(super) fn worst_purity(&self, hz: f64) -> f64 {
        self.worst_purity_after(hz, 0)
    }

    pub(super) fn worst_purity_after(&self, hz: f64, frames: usize) -> f64 {
        let length = if self.rate_hz > 8_000.0 { 320 } else { 160 };
        self.heard
            .chunks_exact(length)
            .skip(frames)
            .map(|frame| {
                let tone = amplitude(frame, hz, self.rate_hz).powi(2) / 2.0;
                let power = frame.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>() / frame.len() as f64;
                if power < 1.0 { 0.0 } else { tone / power }
            })
            .fold(1.0, f64::min)
    }

    /// The greatest step between two samples.
    pub(super) fn steepest(&self) -> i32 {
        let step = |pair: &[i16]| (i32::from(pair[1]) - i32::from(pair[0])).abs();
        self.heard.windows(2).map(step).max().unwrap_or(0)
    }
}

pub(crate) fn amplitude(samples: &[i16], hz: f64, rate_hz: f64) -> f64 {
    let (mut cosine, mut sine) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let angle = TAU * hz * n as f64 / rate_hz;
        cosine += f64::from(*sample) * angle.cos();
        sine += f64::from(*sample) * angle.sin();
    }
    2.0 * (cosine * cosine + sine * sine).sqrt() / samples.len() as f64
}
