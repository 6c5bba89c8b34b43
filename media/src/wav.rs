//! Music from a WAV file.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use hound::{SampleFormat, WavReader};
use thiserror::Error;

use crate::limits::MUSIC_SAMPLES_MAX;

/// Why a file is no music for telephones.
#[derive(Debug, Error)]
pub enum WavError {
    /// It cannot be read, or is no WAV file.
    #[error("not readable as a WAV file: {0}")]
    Unreadable(#[from] hound::Error),
    /// It has another form than 8 kHz, mono, 16 bit.
    #[error(
        "music must be 8000 Hz, 1 channel, 16 bit integer; this is {sample_rate_hz} Hz, {channels} channel(s), {bits} bit \
         (convert with: sox IN -r 8000 -c 1 -b 16 OUT.wav)"
    )]
    Form {
        /// Samples a second.
        sample_rate_hz: u32,
        /// Channels.
        channels: u16,
        /// Bits of a sample.
        bits: u16,
    },
    /// It is longer than [`MUSIC_SAMPLES_MAX`] or empty.
    #[error("music must have 1 to {MUSIC_SAMPLES_MAX} samples; this has {samples}")]
    Length {
        /// Samples in the file.
        samples: u32,
    },
}

/// Loads music for [`Feed::Music`](crate::Feed::Music): 8 kHz, mono, 16 bit.
///
/// # Errors
/// Says what the file is and what it should be.
pub fn load(path: &Path) -> Result<Arc<[i16]>, WavError> {
    read(WavReader::open(path)?)
}

fn read<R: Read>(mut reader: WavReader<R>) -> Result<Arc<[i16]>, WavError> {
    let form = reader.spec();
    let fits = form.sample_rate == 8_000
        && form.channels == 1
        && form.bits_per_sample == 16
        && form.sample_format == SampleFormat::Int;
    if !fits {
        return Err(WavError::Form {
            sample_rate_hz: form.sample_rate,
            channels: form.channels,
            bits: form.bits_per_sample,
        });
    }
    let samples = reader.len();
    if samples == 0 || samples > MUSIC_SAMPLES_MAX {
        return Err(WavError::Length { samples });
    }
    Ok(reader.samples::<i16>().collect::<Result<Arc<[i16]>, _>>()?)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hound::{WavSpec, WavWriter};

    use super::*;

    fn wav(sample_rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let form = WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut writer = WavWriter::new(&mut file, form).unwrap();
        for &sample in samples {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();
        file.into_inner()
    }

    fn loaded(file: &[u8]) -> Result<Arc<[i16]>, WavError> {
        read(WavReader::new(file)?)
    }

    #[test]
    fn samples_are_read_as_they_are() {
        assert_eq!(*loaded(&wav(8_000, 1, &[1, -2, i16::MAX])).unwrap(), [1, -2, i16::MAX]);
    }

    #[test]
    fn another_form_is_named_in_the_error() {
        let error = loaded(&wav(44_100, 2, &[1, 2])).unwrap_err();
        assert!(error.to_string().contains("44100 Hz, 2 channel(s), 16 bit"), "{error}");
    }

    #[test]
    fn a_file_longer_than_the_limit_is_refused_before_it_is_read() {
        let mut file = wav(8_000, 1, &[1, 2]);
        let claimed = (MUSIC_SAMPLES_MAX + 1) * 2;
        let length_at = file.len() - 8;
        file[length_at..length_at + 4].copy_from_slice(&claimed.to_le_bytes());
        let refused = loaded(&file);
        assert!(matches!(refused, Err(WavError::Length { samples }) if samples == MUSIC_SAMPLES_MAX + 1));
    }

    #[test]
    fn nothing_and_garbage_are_refused() {
        assert!(matches!(loaded(&wav(8_000, 1, &[])), Err(WavError::Length { samples: 0 })));
        assert!(matches!(loaded(b"RIFF????WAVE"), Err(WavError::Unreadable(_))));
        let whole = wav(8_000, 1, &[7; 100]);
        assert!(matches!(loaded(&whole[..whole.len() - 30]), Err(WavError::Unreadable(_))));
    }
}
