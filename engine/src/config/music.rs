//! Music on hold: a WAV file of 8,000 samples a second, one channel, 16 bits.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// Why a file is no music.
#[derive(Debug, thiserror::Error)]
pub(super) enum MusicError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// More than [`FILE_BYTES_MAX`].
    #[error("is longer than ten minutes")]
    TooLong,
    /// No RIFF file of form WAVE with `fmt ` before `data`.
    #[error("is no WAV file")]
    NotWave,
    /// Another form of audio than a phone's.
    #[error("has {channels} channels of {bits} bits at {rate} Hz, not one of 16 bits at 8000 Hz")]
    Format {
        /// Channels.
        channels: u16,
        /// Bits of a sample.
        bits: u16,
        /// Samples a second.
        rate: u32,
    },
    /// No samples.
    #[error("is empty")]
    Empty,
}

/// Reads the samples of a WAV file.
pub(super) fn load(file: io::Result<File>) -> Result<Arc<[i16]>, MusicError> {
    let mut bytes = Vec::new();
    file?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(MusicError::TooLong);
    }
    samples(&bytes)
}

fn samples(bytes: &[u8]) -> Result<Arc<[i16]>, MusicError> {
    let mut rest = match bytes.split_at_checked(12) {
        Some((head, rest)) if head.starts_with(b"RIFF") && head.ends_with(b"WAVE") => rest,
        _ => return Err(MusicError::NotWave),
    };
    let mut is_phone_audio = false;
    while let Some((head, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        // A writer that streams leaves the length of `data` too large: what is there counts.
        let chunk = &body[..length.min(body.len())];
        if head.starts_with(b"fmt ") {
            check_format(chunk)?;
            is_phone_audio = true;
        } else if head.starts_with(b"data") && is_phone_audio {
            let samples: Arc<[i16]> =
                chunk.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
            return if samples.is_empty() { Err(MusicError::Empty) } else { Ok(samples) };
        }
        // Chunks are padded to an even length.
        rest = body.get(length + length % 2..).unwrap_or_default();
    }
    Err(MusicError::NotWave)
}

fn check_format(chunk: &[u8]) -> Result<(), MusicError> {
    let word = |at: usize| chunk.get(at..at + 2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let (Some(tag), Some(channels), Some(low), Some(high), Some(bits)) =
        (word(0), word(2), word(4), word(6), word(14))
    else {
        return Err(MusicError::NotWave);
    };
    let rate = u32::from(low) | u32::from(high) << 16;
    // WAVE_FORMAT_EXTENSIBLE carries the real tag at the beginning of its sub-format.
    let is_pcm = tag == PCM || tag == EXTENSIBLE && word(24) == Some(PCM);
    if is_pcm && channels == 1 && bits == 16 && rate == 8000 {
        Ok(())
    } else {
        Err(MusicError::Format { channels, bits, rate })
    }
}

const PCM: u16 = 1;
const EXTENSIBLE: u16 = 0xFFFE;

/// Ten minutes.
const FILE_BYTES_MAX: u64 = 10 * 60 * 8000 * 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(channels: u16, rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0".to_vec();
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * 2).to_le_bytes());
        bytes.extend([2, 0, 16, 0]);
        bytes.extend(b"data");
        bytes.extend((samples.len() as u32 * 2).to_le_bytes());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    #[test]
    fn samples_are_read_past_other_chunks() {
        assert_eq!(&*samples(&wave(1, 8000, &[1, -2, 300])).unwrap(), [1, -2, 300]);
    }

    #[test]
    fn another_form_of_audio_is_named() {
        let error = samples(&wave(2, 44_100, &[1])).unwrap_err();
        assert_eq!(error.to_string(), "has 2 channels of 16 bits at 44100 Hz, not one of 16 bits at 8000 Hz");
    }

    #[test]
    fn every_cut_of_a_file_is_survived() {
        let whole = wave(1, 8000, &[1, -2, 300]);
        for end in 0..whole.len() {
            match samples(&whole[..end]) {
                Ok(samples) => assert!(samples.len() < 3),
                Err(error) => assert!(matches!(error, MusicError::NotWave | MusicError::Empty), "{end}"),
            }
        }
    }
}
