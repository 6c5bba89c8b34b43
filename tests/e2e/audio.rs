//! Finding a tone: in a recording, or in RTP as captured.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

/// Samples of one channel.
#[derive(Clone, Debug)]
pub(crate) struct Audio {
    /// Samples a second.
    pub(crate) rate_hz: u32,
    /// The samples, linear.
    pub(crate) samples: Vec<i16>,
}

impl Audio {
    /// Reads a WAV file of 16-bit samples. A writer that still runs, linphonec's, leaves the header's place empty until
    /// it ends: the format is G.711's then.
    pub(crate) fn read(path: &Path) -> Self {
        Self::read_channel(path, 0)
    }

    /// The same for a channel that need not be the first.
    pub(crate) fn read_channel(path: &Path, channel: usize) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if bytes.len() >= 44 && bytes[..44].iter().all(|&octet| octet == 0) {
            let samples = bytes[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            return Self { rate_hz: 8000, samples: samples.collect() };
        }
        assert!(bytes.len() >= 44 && &bytes[..4] == b"RIFF", "{} is no WAV file", path.display());
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let channels = usize::from(u16::from_le_bytes([bytes[22], bytes[23]]));
        let data = bytes.windows(4).position(|name| name == b"data").expect("a data chunk") + 8;
        let at = 2 * channel;
        let samples = bytes[data..]
            .chunks_exact(2 * channels)
            .map(|frame| i16::from_le_bytes([frame[at], frame[at + 1]]));
        Self { rate_hz: word(24), samples: samples.collect() }
    }

    /// Writes a WAV file with a tone.
    pub(crate) fn write_tone(path: &Path, tone_hz: f64, seconds: u32) {
        let sample = |n| (TAU * tone_hz * f64::from(n) / f64::from(RATE_HZ)).sin() * 10_000.0;
        write(path, (0..RATE_HZ * seconds).map(|n| sample(n) as i16));
    }

    /// Writes a WAV file with noise, in which no two packets are the same.
    pub(crate) fn write_noise(path: &Path, seed: u32, seconds: u32) {
        let noise = std::iter::successors(Some(seed), |state| {
            Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
        });
        let loud = |state: u32| ((state >> 16) as u16).cast_signed() / 4;
        write(path, noise.take((RATE_HZ * seconds) as usize).map(loud));
    }

    /// Seconds in which this tone is loud and nearly all there is.
    pub(crate) fn seconds_of_tone(&self, tone_hz: f64) -> f64 {
        self.seconds_with_tone(tone_hz, PURE)
    }

    /// Seconds in which this tone has at least this share of what is heard.
    pub(crate) fn seconds_with_tone(&self, tone_hz: f64, share: f64) -> f64 {
        let window = self.rate_hz as usize / WINDOWS_A_SECOND;
        let with_tone = self.samples.chunks_exact(window).filter(|samples| {
            let power = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / window as f64;
            power.sqrt() > LOUD && power_near(samples, self.rate_hz, tone_hz) > share * power
        });
        with_tone.count() as f64 / WINDOWS_A_SECOND as f64
    }

    /// Which of these tones follow each other, each with the seconds for which it is nearly all there is. Between them, and in
    /// the midst of one, anything else may be.
    pub(crate) fn tones_in_order(&self, tones_hz: &[f64]) -> Vec<(f64, f64)> {
        let mut order: Vec<(f64, f64)> = Vec::new();
        for samples in self.samples.chunks_exact(self.rate_hz as usize / WINDOWS_A_SECOND) {
            let window = Self { rate_hz: self.rate_hz, samples: samples.to_vec() };
            let Some(&tone_hz) = tones_hz.iter().find(|tone_hz| window.seconds_of_tone(**tone_hz) > 0.0)
            else {
                continue;
            };
            match order.last_mut() {
                Some((last_hz, seconds)) if *last_hz == tone_hz => *seconds += window.seconds(),
                Some(_) | None => order.push((tone_hz, window.seconds())),
            }
        }
        order
    }

    /// Seconds altogether.
    pub(crate) fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate_hz)
    }
}

/// A G.711 µ-law octet as a linear sample (ITU-T G.711 table 2a).
pub(crate) fn from_ulaw(octet: u8) -> i16 {
    let octet = !octet;
    let magnitude = ((i16::from(octet & 0x0F) << 3) + 0x84) << ((octet & 0x70) >> 4);
    if octet & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}

/// One channel of 16 bits at [`RATE_HZ`].
fn write(path: &Path, samples: impl Iterator<Item = i16>) {
    let samples: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let length = u32::try_from(samples.len()).expect("a short file");
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend(RATE_HZ.to_le_bytes());
    file.extend((2 * RATE_HZ).to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(samples);
    fs::write(path, file).expect("a directory of ours");
}

/// The mean power of a tone that may be played a little faster or slower: a jitter buffer corrects its delay so.
fn power_near(samples: &[i16], rate_hz: u32, tone_hz: f64) -> f64 {
    let steps = STRETCH_STEPS;
    (-steps..=steps)
        .map(|step| tone_hz * (1.0 + STRETCH_MAX * f64::from(step) / f64::from(steps)))
        .map(|tone_hz| power_at(samples, rate_hz, tone_hz))
        .fold(0.0, f64::max)
}

/// The mean power of one frequency, by Goertzel's algorithm.
fn power_at(samples: &[i16], rate_hz: u32, tone_hz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * tone_hz / f64::from(rate_hz)).cos();
    let (last, before) = samples.iter().fold((0.0_f64, 0.0_f64), |(last, before), &sample| {
        (f64::from(sample) + coefficient * last - before, last)
    });
    let n = samples.len() as f64;
    2.0 * (last * last + before * before - coefficient * last * before) / (n * n)
}

/// Samples a second of what is written.
const RATE_HZ: u32 = 8_000;
/// Short enough that the edge of a tone costs little, long enough to tell 440 Hz from 400.
const WINDOWS_A_SECOND: usize = 10;
/// How much faster or slower the relay's jitter buffer may play: 2.5 % (`STRETCH_MAX` there).
const STRETCH_MAX: f64 = 0.025;
/// Frequencies tried on either side: 6 Hz apart at 1,250 Hz, where windows of 100 ms tell 10 Hz apart.
const STRETCH_STEPS: i32 = 5;
/// RMS from which a window is not silence.
const LOUD: f64 = 500.0;
/// Share of the power that a pure tone has in its own frequency, with room for µ-law and the windows' edges.
const PURE: f64 = 0.8;

#[test]
fn a_tone_is_found_and_silence_is_not() {
    let path = crate::daemon::Directory::create();
    let file = path.path().join("tone.wav");
    Audio::write_tone(&file, 440.0, 2);
    let tone = Audio::read(&file);
    assert_eq!((tone.rate_hz, tone.seconds()), (8000, 2.0));
    assert_eq!((tone.seconds_of_tone(440.0), tone.seconds_of_tone(500.0)), (2.0, 0.0));
    let both = Audio { rate_hz: 8000, samples: [&[0; 4000][..], &tone.samples, &[0; 4000]].concat() };
    assert_eq!(both.tones_in_order(&[500.0]), []);
    let [(440.0, seconds)] = both.tones_in_order(&[500.0, 440.0])[..] else { panic!("one tone") };
    assert!((seconds - 2.0).abs() < 0.01, "{seconds}");
    let silence = Audio { rate_hz: 8000, samples: vec![0; 8000] };
    assert_eq!(silence.seconds_of_tone(440.0), 0.0);
    assert_eq!((from_ulaw(0xFF), from_ulaw(0x00), from_ulaw(0x80)), (0, -32_124, 32_124));
}
