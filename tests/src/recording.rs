//! The disk of a lab, and the servers that audio is forked to: what was recorded, and what they heard.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::ops::Range;
use std::time::Duration;

use trunkline::switch::{
    CallId, ForkCommand, ForkEnd, ForkEvent, RecordingCommand, RecordingEnd, RecordingEvent,
};
use trunkline_media::{ForkId, Recorded, TapId};

use crate::Lab;

/// One recording, or what the server of a fork heard.
#[derive(Clone, Debug)]
pub struct Tape {
    /// Of which call.
    pub call: CallId,
    /// Samples a second.
    pub rate_hz: u32,
    /// The call's station, and who speaks to it.
    pub sides: [Vec<i16>; 2],
    /// How long it was said to be when it ended; nothing is said of a fork, which may have ended.
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

/// What was recorded and forked, in the order in which it began.
#[derive(Default, Debug)]
pub(crate) struct Disk(BTreeMap<TapId, Tape>);

/// A server whose path ends so lets nobody in.
const REFUSES: &str = "/refuses";

impl Disk {
    /// Does what the thread for files does; what it tells the switch.
    pub(crate) fn obey(&mut self, command: RecordingCommand) -> RecordingEvent {
        match command {
            RecordingCommand::Begin { recording, call, line: _, is_wide } => {
                self.begin(TapId::Recording(recording), call, is_wide);
                RecordingEvent::Began { recording, path: format!("{call}-{}.wav", recording.0).into() }
            }
            RecordingCommand::End { recording, length } => {
                self.tape(TapId::Recording(recording)).length = Some(length);
                RecordingEvent::Ended { recording, end: RecordingEnd::Stopped, length }
            }
        }
    }

    /// Does what servers do, all but those that refuse; what it tells the switch.
    pub(crate) fn connect(&mut self, command: ForkCommand) -> Option<ForkEvent> {
        match command {
            ForkCommand::Begin(begin) if begin.url.to_string().ends_with(REFUSES) => {
                let end = ForkEnd::Refused(403);
                Some(ForkEvent::Ended { fork: begin.fork, end, pieces_lost: 0 })
            }
            ForkCommand::Begin(begin) => {
                self.begin(TapId::Fork(begin.fork), begin.call, begin.is_wide);
                Some(ForkEvent::Began(begin.fork))
            }
            // One that let nobody in has said so.
            ForkCommand::End(fork, end) => self
                .0
                .contains_key(&TapId::Fork(fork))
                .then_some(ForkEvent::Ended { fork, end, pieces_lost: 0 }),
        }
    }

    fn begin(&mut self, tap: TapId, call: CallId, is_wide: bool) {
        let rate_hz = if is_wide { 16_000 } else { 8_000 };
        let sides = [Vec::new(), Vec::new()];
        self.0.insert(tap, Tape { call, rate_hz, sides, length: None, undecoded: [0; 2] });
    }

    fn tape(&mut self, tap: TapId) -> &mut Tape {
        self.0.get_mut(&tap).expect("it began")
    }

    pub(crate) fn write(&mut self, piece: &Recorded) {
        let tape = self.tape(piece.tap);
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
        let first_fork = TapId::Fork(ForkId(0));
        self.disk.0.range(..first_fork).map(|(_, tape)| tape.clone()).collect()
    }

    /// What servers of forks heard so far, in the order in which they were let in.
    pub fn forks(&self) -> Vec<Tape> {
        let first = TapId::Fork(ForkId(0));
        self.disk.0.range(first..).map(|(_, tape)| tape.clone()).collect()
    }
}
