//! Recordings as files: what the relay takes down, written by a thread of its own.
//!
//! ```text
//!  switch ── Begin, End ──────────┐
//!                                 ├─▶ queue ─▶ thread `recording`: one WAV file each ── Began, Ended ─▶ switch
//!  media threads ── samples ──────┘
//! ```
//!
//! Nobody waits for a disk: samples that find [`PIECES_WAITING_MAX`] pieces in the queue are dropped and counted, and silence stands for
//! them, for each piece says where it belongs.

mod file;
#[cfg(test)]
mod testing;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;
use trunkline_media::io::free_bytes;
use trunkline_media::recording::FRAME;
use trunkline_media::{Recorded, RecordingId, TapId};

use self::file::{WavFile, make_whole};
use super::clock;
use super::desk::Letterbox;
use super::metrics::{Counter, Metrics};
use super::switch::SwitchInput;
use crate::config::Recording;
use crate::switch::{CallId, RecordingCommand, RecordingEnd, RecordingEvent};

/// Pieces of 200 ms that may wait for the disk: some ten seconds of a hundred recordings, 32 to 64 MB. Further ones are dropped.
const PIECES_WAITING_MAX: usize = 5_000;

/// How often the thread looks around while files are open.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often heads of files are set right: what a process that is killed leaves lacks no more at its end.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// How often it is seen how much room the disk has.
const ROOM_EVERY: Duration = Duration::from_secs(5);

/// How long a recording that is over waits for what media threads took down of it.
const LAST_PIECES: Duration = Duration::from_millis(200);

/// How long pieces of a recording that is over are counted that came too late for it.
const LATE_PIECES: Duration = Duration::from_secs(10);

/// How long a disk may take to make files whole when the engine stops.
const FINISH_AT_MOST: Duration = Duration::from_secs(10);

/// Something for the thread.
#[derive(Debug)]
enum Job {
    Command(RecordingCommand),
    Piece(Recorded),
}

/// The way to the files. Clones share it; the thread ends when the last is gone, with every file whole.
#[derive(Clone, Debug)]
pub(crate) struct Recordings {
    jobs: Sender<Job>,
    waiting: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl Recordings {
    /// Makes the directory, makes files whole that a process left that was killed, and starts the thread.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn start(
        directory: PathBuf,
        limits: &Recording,
        metrics: Arc<Metrics>,
        switch: Letterbox<SwitchInput>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let left = make_whole(&directory)?;
        if left > 0 {
            tracing::warn!(recordings = left, directory = %directory.display(), "recordings were cut off");
        }
        let (jobs, queue) = channel();
        let recordings = Self { jobs, waiting: Arc::default(), metrics: Arc::clone(&metrics) };
        let writer = Writer {
            disk: File::open(&directory)?,
            directory,
            frames_max: u64::from(limits.seconds_max) * 50,
            free_min: limits.free_min,
            open: BTreeMap::new(),
            ended: BTreeMap::new(),
            events: VecDeque::new(),
            metrics,
            told_at: clock::now(),
            seen_at: clock::now(),
        };
        let waiting = Arc::clone(&recordings.waiting);
        let thread = std::thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || writer.run(&queue, &waiting, &switch))?;
        Ok((recordings, thread))
    }

    /// What the switch wants of a file.
    ///
    /// # Errors
    /// The thread has ended.
    pub(crate) fn command(&self, command: RecordingCommand) -> Result<(), Ended> {
        self.jobs.send(Job::Command(command)).map_err(|_| Ended)
    }

    /// A piece of a recording. Never waits.
    pub(crate) fn piece(&self, piece: Recorded) {
        if self.waiting.load(Ordering::Relaxed) >= PIECES_WAITING_MAX {
            self.metrics.count(Counter::RecordingPiecesLost);
            return;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        drop(self.jobs.send(Job::Piece(piece)));
    }
}

/// Waits until the thread has made every file whole, or a disk that hangs has had its time: then it is left behind, and the next
/// start makes whole what it left.
pub(crate) async fn finish(thread: JoinHandle<()>) {
    let ended = async {
        while !thread.is_finished() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(FINISH_AT_MOST, ended).await.is_err() {
        tracing::error!("the disk hangs: recordings are not whole");
    } else if thread.join().is_err() {
        tracing::error!("the thread of recordings ended by a panic");
    }
}

/// The thread for files has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ended;

/// What the thread has.
struct Writer {
    directory: PathBuf,
    /// The same, to ask how much room there is.
    disk: File,
    frames_max: u64,
    free_min: u64,
    open: BTreeMap<RecordingId, Open>,
    /// Those whose end the switch wanted, and when they are forgotten: what still comes of them is lost.
    ended: BTreeMap<RecordingId, Instant>,
    /// What the switch is to be told.
    events: VecDeque<RecordingEvent>,
    metrics: Arc<Metrics>,
    told_at: Instant,
    seen_at: Instant,
}

/// A recording whose file is not whole.
struct Open {
    file: WavFile,
    name: Arc<str>,
    call: CallId,
    line: Arc<str>,
    /// When it is to be whole, and how long it is to be.
    ends: Option<(Instant, Duration)>,
    /// Packets, of the station and of who spoke to it, that could not be decoded.
    undecoded: [u64; 2],
}

impl Writer {
    fn run(mut self, queue: &Receiver<Job>, waiting: &AtomicUsize, switch: &Letterbox<SwitchInput>) {
        loop {
            let is_idle = self.open.is_empty() && self.events.is_empty();
            let job = if is_idle {
                queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                queue.recv_timeout(LOOK_EVERY)
            };
            let now = clock::now();
            match job {
                Ok(Job::Command(command)) => self.obey(now, command),
                Ok(Job::Piece(piece)) => {
                    waiting.fetch_sub(1, Ordering::Relaxed);
                    self.write(&piece);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.look(now);
            self.tell(switch);
        }
        // The engine stops: calls may go on at the next start, and are recorded anew.
        let all: Vec<RecordingId> = self.open.keys().copied().collect();
        for recording in all {
            self.end(recording, RecordingEnd::Stopped, Duration::ZERO);
        }
    }

    fn obey(&mut self, now: Instant, command: RecordingCommand) {
        match command {
            RecordingCommand::Begin { recording, call, line, is_wide } => {
                self.begin(recording, call, line, is_wide);
            }
            RecordingCommand::End { recording, length } => {
                if let Some(open) = self.open.get_mut(&recording) {
                    open.ends = Some((now + LAST_PIECES, length));
                }
            }
        }
    }

    fn begin(&mut self, recording: RecordingId, call: CallId, line: Arc<str>, is_wide: bool) {
        let name = name(clock::unix_now(), call, recording);
        let begun = if self.has_room() {
            WavFile::create(self.directory.join(&*name), is_wide).map_err(|error| (end_of(&error), error))
        } else {
            let error = io::ErrorKind::StorageFull.into();
            Err((RecordingEnd::DiskFull, error))
        };
        match begun {
            Ok(file) => {
                tracing::info!(%call, %line, path = %name, "a recording begins");
                self.metrics.count(Counter::Recordings);
                self.events.push_back(RecordingEvent::Began { recording, path: Arc::clone(&name) });
                let open = Open { file, name, call, line, ends: None, undecoded: [0; 2] };
                self.open.insert(recording, open);
            }
            Err((end, error)) => {
                tracing::error!(%call, %line, path = %name, %error, "a recording could not begin");
                self.metrics.count(Counter::RecordingsFailed);
                self.events.push_back(RecordingEvent::Ended { recording, end, length: Duration::ZERO });
            }
        }
    }

    fn write(&mut self, piece: &Recorded) {
        let TapId::Recording(recording) = piece.tap else { return };
        let Some(open) = self.open.get_mut(&recording) else {
            // One that failed or grew too long is written no more on purpose.
            if self.ended.contains_key(&recording) && !piece.samples.is_empty() {
                self.metrics.count(Counter::RecordingPiecesLost);
            }
            return;
        };
        for (sum, count) in open.undecoded.iter_mut().zip(piece.undecoded) {
            *sum += u64::from(count);
        }
        if piece.frame >= self.frames_max {
            let length = FRAME.saturating_mul(u32::try_from(self.frames_max).unwrap_or(u32::MAX));
            self.end(recording, RecordingEnd::TooLong, length);
        } else if let Err(error) = open.file.write(piece.frame, &piece.samples) {
            tracing::error!(path = %open.name, %error, "a recording cannot be written");
            self.end(recording, end_of(&error), Duration::ZERO);
        }
    }

    /// Does what is due.
    fn look(&mut self, now: Instant) {
        let due = |open: &Open| open.ends.filter(|(at, _)| *at <= now).map(|(_, length)| length);
        let over = self.open.iter().filter_map(|(recording, open)| Some((*recording, due(open)?)));
        for (recording, length) in over.collect::<Vec<_>>() {
            let longest = FRAME.saturating_mul(u32::try_from(self.frames_max).unwrap_or(u32::MAX));
            self.end(recording, RecordingEnd::Stopped, length.min(longest));
            self.ended.insert(recording, now + LATE_PIECES);
        }
        self.ended.retain(|_, until| *until > now);
        if now.saturating_duration_since(self.told_at) >= TELL_EVERY {
            self.told_at = now;
            for open in self.open.values_mut() {
                if let Err(error) = open.file.tell_length() {
                    tracing::error!(path = %open.name, %error, "a recording cannot be written");
                }
            }
        }
        if now.saturating_duration_since(self.seen_at) >= ROOM_EVERY {
            self.seen_at = now;
            if !self.open.is_empty() && !self.has_room() {
                let all: Vec<RecordingId> = self.open.keys().copied().collect();
                tracing::error!(recordings = all.len(), "the disk has no room for recordings");
                for recording in all {
                    self.end(recording, RecordingEnd::DiskFull, Duration::ZERO);
                }
            }
        }
    }

    /// Ends a recording; its file is whole then, at least so long.
    fn end(&mut self, recording: RecordingId, end: RecordingEnd, length: Duration) {
        let Some(mut open) = self.open.remove(&recording) else { return };
        let finished = open.file.finish(length);
        let end = match &finished {
            Ok(()) => end,
            Err(error) => end_of(error),
        };
        let (length, undecoded) = (open.file.length(), open.undecoded);
        let seconds = length.as_secs_f64();
        let Open { call, line, name, .. } = open;
        if undecoded != [0; 2] {
            let [station, others] = undecoded;
            tracing::warn!(%call, %line, path = %name, station, others, "packets could not be decoded: silence is recorded");
        }
        match (end, finished) {
            (_, Err(error)) => {
                tracing::error!(%call, %line, path = %name, %error, "a recording is not whole");
                self.metrics.count(Counter::RecordingsFailed);
            }
            (RecordingEnd::DiskFull | RecordingEnd::Failed, Ok(())) => {
                tracing::error!(%call, %line, path = %name, seconds, reason = end.name(), "a recording was cut off");
                self.metrics.count(Counter::RecordingsFailed);
            }
            (RecordingEnd::Stopped | RecordingEnd::TooLong, Ok(())) => {
                tracing::info!(%call, %line, path = %name, seconds, reason = end.name(), "a recording is over");
            }
        }
        self.events.push_back(RecordingEvent::Ended { recording, end, length });
    }

    fn has_room(&self) -> bool {
        // A file system that does not say is not full.
        free_bytes(&self.disk).map_or(true, |free| free >= self.free_min)
    }

    /// Tells the switch, in order; what finds its mailbox full is told later.
    fn tell(&mut self, switch: &Letterbox<SwitchInput>) {
        while let Some(event) = self.events.pop_front() {
            match switch.sender().try_send(SwitchInput::Recording(event)) {
                Ok(()) => switch.ring_unless_attended(),
                Err(TrySendError::Full(SwitchInput::Recording(event))) => {
                    self.events.push_front(event);
                    return;
                }
                Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return,
            }
        }
    }
}

/// The name of a file: when, of which call, and its number. Nothing of what callers say is in it.
fn name(unix: Duration, call: CallId, recording: RecordingId) -> Arc<str> {
    let moment: String =
        clock::rfc3339(unix).chars().filter(|character| !"-:".contains(*character)).collect();
    let moment = moment.split('.').next().unwrap_or_default();
    format!("{moment}Z-{call}-{}.wav", recording.0).into()
}

fn end_of(error: &io::Error) -> RecordingEnd {
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    if is_full { RecordingEnd::DiskFull } else { RecordingEnd::Failed }
}

/// Where recordings are, from the state directory on.
pub(crate) fn directory(state_directory: &Path, recording: &Recording) -> PathBuf {
    state_directory.join(&recording.directory)
}

#[cfg(test)]
mod tests;
