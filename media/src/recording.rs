//! Recording: both sides of a leg as samples, in step with the clock.
//!
//! ```text
//!  what its far end says ──▶ Voice ─┐ every 20 ms
//!  who speaks to it ───────▶ Voice ─┴▶ left, right, left, right … ──▶ Event::Recorded, ten frames at a time, or each by itself
//! ```
//!
//! A tap belongs to its owner, who may let one leg after the other serve it, or none for a while: each frame has the number of
//! its 20 ms since the tap was opened, and what is not there was silence. Whoever listens at once (a fork) is told of each frame.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::command::{Codec, Event};
use crate::conference::{FRAME_MAX, FRAME_TICKS, Voice};
use crate::limits::RECORDED_FRAMES;
use crate::rtp::Header;

/// The length of a frame.
pub const FRAME: Duration = Duration::from_millis(20);

/// How many frames of its clock a recorder makes up for before it leaves them out as silence.
const BEHIND_MAX: u64 = 2;

/// One recording, named by its owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordingId(pub u64);

/// One fork of a call's audio to somebody who listens at once, named by its owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ForkId(pub u64);

/// One capture of a call's packets, named by its owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CaptureId(pub u64);

impl fmt::Display for ForkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{}", self.0)
    }
}

impl FromStr for ForkId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.strip_prefix('f').and_then(|digits| digits.parse().ok()).map(Self).ok_or(())
    }
}

/// What a leg is tapped for; recordings come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TapId {
    /// A recording: [`RECORDED_FRAMES`] are told of together.
    Recording(RecordingId),
    /// A fork: each frame is told of when it is there.
    Fork(ForkId),
    /// A capture: packets of the far end, as they come.
    Capture(CaptureId),
}

impl TapId {
    /// How many frames are told of together.
    const fn frames(self) -> usize {
        match self {
            Self::Recording(_) => RECORDED_FRAMES,
            Self::Fork(_) | Self::Capture(_) => 1,
        }
    }
}

/// What a leg is recorded for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Take {
    /// For what.
    pub tap: TapId,
    /// When it began: what its frames are numbered from.
    pub began: Instant,
    /// Whether it has 16,000 samples a second, else 8,000.
    pub is_wide: bool,
}

/// A piece of a recording: left the far end of the leg, right who speaks to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// For what.
    pub tap: TapId,
    /// The number of its first frame of 20 ms.
    pub frame: u64,
    /// The samples of whole frames: left, right, left …
    pub samples: Box<[i16]>,
    /// Packets, left and right, in codecs that the relay does not speak: silence stands for them.
    pub undecoded: [u32; 2],
}

/// Who of a leg's two sides speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// The far end of the leg.
    Left,
    /// Whom it hears.
    Right,
}

/// One leg's part of a recording.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    pub(crate) take: Take,
    voices: [Voice; 2],
    undecoded: [u32; 2],
    /// The number of the next frame, once there was one.
    next: Option<u64>,
    /// Frames that were not told, and the number of the first.
    samples: Vec<i16>,
    first: u64,
}

impl Recorder {
    pub(crate) fn new(take: Take) -> Self {
        Self {
            take,
            voices: [Voice::default(), Voice::default()],
            undecoded: [0; 2],
            next: None,
            samples: Vec::new(),
            first: 0,
        }
    }

    /// Takes a packet of speech, `lead` ticks of 125 µs before the next frame; without a codec it is only counted.
    pub(crate) fn hear(
        &mut self,
        side: Side,
        header: &Header,
        codec: Option<Codec>,
        payload: &[u8],
        lead: i32,
    ) {
        let side = side as usize;
        match codec {
            Some(codec) => self.voices[side].hear(header, codec, payload, lead),
            None => self.undecoded[side] = self.undecoded[side].saturating_add(1),
        }
    }

    /// Takes down the frame that ends now, and tells of all when there are as many as are told of together.
    pub(crate) fn record(&mut self, now: Instant, out: &mut Vec<Event>) {
        let elapsed = now.saturating_duration_since(self.take.began);
        let due = u64::try_from(elapsed.as_millis() / FRAME.as_millis()).unwrap_or(u64::MAX);
        let next = match self.next {
            // Its clock was set anew between two frames.
            Some(next) if due.saturating_add(1) < next => return,
            Some(next) if due <= next.saturating_add(BEHIND_MAX) => next,
            Some(_) | None => {
                self.tell(out);
                due
            }
        };
        let length = if self.take.is_wide { FRAME_MAX } else { FRAME_TICKS };
        let full = 2 * length * self.take.tap.frames();
        let mut frames = [[0; FRAME_MAX]; 2];
        for (voice, frame) in self.voices.iter_mut().zip(&mut frames) {
            if !voice.speak(self.take.is_wide, frame) {
                frame.fill(0);
            }
        }
        if self.samples.is_empty() {
            self.first = next;
            self.samples.reserve_exact(full);
        }
        let [left, right] = &frames;
        self.samples.extend(left.iter().zip(right).take(length).flat_map(|(left, right)| [*left, *right]));
        self.next = Some(next + 1);
        if self.samples.len() >= full {
            self.tell(out);
        }
    }

    /// Tells of what was taken down so far.
    pub(crate) fn tell(&mut self, out: &mut Vec<Event>) {
        let undecoded = std::mem::take(&mut self.undecoded);
        if self.samples.is_empty() && undecoded == [0; 2] {
            return;
        }
        let samples = std::mem::take(&mut self.samples).into_boxed_slice();
        let tap = self.take.tap;
        out.push(Event::Recorded(Recorded { tap, frame: self.first, samples, undecoded }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conference::testing::{amplitude, packet};

    #[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
    fn recorder(is_wide: bool) -> (Recorder, Instant) {
        let began = Instant::now();
        (Recorder::new(Take { tap: TapId::Recording(RecordingId(3)), began, is_wide }), began)
    }

    fn told(out: &mut Vec<Event>) -> Vec<Recorded> {
        let told = |event| {
            let Event::Recorded(recorded) = event else { panic!("{event:?}") };
            recorded
        };
        out.drain(..).map(told).collect()
    }

    #[test]
    fn each_side_is_on_its_channel_at_either_rate() {
        for (is_wide, codecs) in [(false, [Codec::Pcmu, Codec::Pcma]), (true, [Codec::G722, Codec::Pcmu])] {
            let (mut recorder, began) = recorder(is_wide);
            let mut out = Vec::new();
            for n in 0..100_u32 {
                for (side, codec, hz) in [(Side::Left, codecs[0], 440.0), (Side::Right, codecs[1], 1_000.0)] {
                    let (header, payload) = packet(codec, 7, n.into(), hz);
                    recorder.hear(side, &header, Some(codec), &payload, 80);
                }
                recorder.record(began + FRAME * n, &mut out);
            }
            let told = told(&mut out);
            let frames: Vec<u64> = told.iter().map(|recorded| recorded.frame).collect();
            assert_eq!(frames, (0..10).map(|n| n * 10).collect::<Vec<_>>());
            let samples: Vec<i16> = told.iter().flat_map(|recorded| recorded.samples.to_vec()).collect();
            let rate_hz = if is_wide { 16_000.0 } else { 8_000.0 };
            assert_eq!(samples.len(), if is_wide { 64_000 } else { 32_000 });
            for (side, own, other) in [(0, 440.0, 1_000.0), (1, 1_000.0, 440.0)] {
                let channel: Vec<i16> = samples.iter().skip(8_000 + side).step_by(2).copied().collect();
                let levels = (amplitude(&channel, own, rate_hz), amplitude(&channel, other, rate_hz));
                assert!(levels.0 > 4_000.0 && levels.1 < 50.0, "wide {is_wide}, channel {side}: {levels:?}");
            }
        }
    }

    #[test]
    fn time_that_was_missed_is_left_out_and_frames_keep_their_numbers() {
        let (mut recorder, began) = recorder(false);
        let mut out = Vec::new();
        for n in [0, 1, 2, 5, 6, 50, 51] {
            recorder.record(began + FRAME * n, &mut out);
        }
        recorder.tell(&mut out);
        let told: Vec<_> =
            told(&mut out).iter().map(|recorded| (recorded.frame, recorded.samples.len() / 320)).collect();
        // Two frames late is made up for by the frames after it, as a thread that woke late does.
        assert_eq!(told, [(0, 5), (50, 2)]);
    }

    #[test]
    fn a_clock_that_is_set_back_writes_no_frame_twice() {
        let (mut recorder, began) = recorder(false);
        let mut out = Vec::new();
        for n in [10, 11, 12, 11, 12, 13] {
            recorder.record(began + FRAME * n, &mut out);
        }
        recorder.tell(&mut out);
        let told = told(&mut out);
        assert_eq!((told[0].frame, told[0].samples.len() / 320), (10, 5), "10 to 14: ahead by one at most");
    }

    #[test]
    fn a_fork_is_told_of_each_frame_at_once() {
        let (Recorder { take, .. }, began) = recorder(true);
        let tap = TapId::Fork(ForkId(3));
        let mut recorder = Recorder::new(Take { tap, ..take });
        let mut out = Vec::new();
        for n in 0..3_u32 {
            let (header, payload) = packet(Codec::Pcmu, 7, n.into(), 440.0);
            recorder.hear(Side::Right, &header, Some(Codec::Pcmu), &payload, 80);
            recorder.record(began + FRAME * n, &mut out);
            let told = told(&mut out);
            let [piece] = &told[..] else { panic!("{} pieces", told.len()) };
            assert_eq!((piece.tap, piece.frame, piece.samples.len()), (tap, n.into(), 640));
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_silence_and_counted() {
        let (mut recorder, began) = recorder(false);
        let (header, payload) = packet(Codec::Pcmu, 7, 0, 440.0);
        recorder.hear(Side::Right, &header, None, &payload, 80);
        let mut out = Vec::new();
        recorder.record(began, &mut out);
        recorder.tell(&mut out);
        let told = told(&mut out);
        assert_eq!(told[0].undecoded, [0, 1]);
        assert!(told[0].samples.iter().all(|sample| *sample == 0));
        recorder.tell(&mut out);
        assert!(out.is_empty(), "there is nothing more to tell");
    }
}
