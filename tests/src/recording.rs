//! The disk of a lab: what was recorded.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::ops::Range;
use std::time::Duration;

use trunkline::switch::{CallId, RecordingCommand, RecordingEnd, RecordingEvent};
use trunkline_media::{Recorded, RecordingId};

use crate::Lab;

/// One recording.
#[derive(Clone, Debug)]
pub struct Tape {
    /// Of which call.
    pub call: CallId,
    /// Samples a second.
    pub rate_hz: u32,
    /// The call's station, and who speaks to it.
    pub sides: [Vec<i16>; 2],
    /// How long it was said to be when it ended.
    pub length: Option<Duration>,
    /// Packets of both sides that could not be decoded.
    pub undecoded: [u32; 2],
}

impl Tape {
    /// The amplitude of a tone on a side (0 or 1), between two moments in milliseconds.
    ///
    /// # Panics
    /// If it is not that long.
    pub fn level(&self, side: usize, ms: Range<usize>, hz: u16) -> f64 {
        let samples = self.part(side, ms);
        let (mut cosine, mut sine) = (0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let angle = TAU * f64::from(hz) * n as f64 / f64::from(self.rate_hz);
            cosine += f64::from(*sample) * angle.cos();
            sine += f64::from(*sample) * angle.sin();
        }
        2.0 * cosine.hypot(sine) / samples.len() as f64
    }

    /// Whether a side is silent between two moments in milliseconds.
    pub fn is_silent(&self, side: usize, ms: Range<usize>) -> bool {
        self.part(side, ms).iter().all(|sample| *sample == 0)
    }

    fn part(&self, side: usize, ms: Range<usize>) -> &[i16] {
        let at = |ms: usize| ms * usize::try_from(self.rate_hz).expect("it is small") / 1_000;
        let part = self.sides[side].get(at(ms.start)..at(ms.end));
        part.unwrap_or_else(|| panic!("it has {} samples", self.sides[side].len()))
    }
}

/// What was recorded, in the order in which it began.
#[derive(Default, Debug)]
pub(crate) struct Disk(BTreeMap<RecordingId, Tape>);

impl Disk {
    /// Does what the thread for files does; what it tells the switch.
    pub(crate) fn obey(&mut self, command: RecordingCommand) -> RecordingEvent {
        match command {
            RecordingCommand::Begin { recording, call, line: _, is_wide } => {
                let rate_hz = if is_wide { 16_000 } else { 8_000 };
                let sides = [Vec::new(), Vec::new()];
                self.0.insert(recording, Tape { call, rate_hz, sides, length: None, undecoded: [0; 2] });
                RecordingEvent::Began { recording, path: format!("{call}-{}.wav", recording.0).into() }
            }
            RecordingCommand::End { recording, length } => {
                self.0.get_mut(&recording).expect("it began").length = Some(length);
                RecordingEvent::Ended { recording, end: RecordingEnd::Stopped, length }
            }
        }
    }

    pub(crate) fn write(&mut self, piece: &Recorded) {
        let tape = self.0.get_mut(&piece.recording).expect("it began");
        let frame = tape.rate_hz as usize / 50;
        let from = usize::try_from(piece.frame).expect("it is short") * frame;
        let count = piece.samples.len() / 2;
        assert_eq!(count % frame, 0, "frames are whole");
        for (side, samples) in tape.sides.iter_mut().enumerate() {
            // The clocks of two legs that serve one recording in turn may differ by part of a frame.
            assert!(samples.len() <= from + frame, "no frame comes twice");
            samples.resize(from, 0);
            samples.extend(piece.samples.iter().skip(side).step_by(2));
        }
        for (sum, count) in tape.undecoded.iter_mut().zip(piece.undecoded) {
            *sum += count;
        }
    }
}

impl Lab {
    /// What was recorded so far, in the order in which it began.
    pub fn tapes(&self) -> Vec<Tape> {
        self.disk.0.values().cloned().collect()
    }
}
