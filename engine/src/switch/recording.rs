//! Recordings of calls, each into a file of its own: what an application starts, and what the policy of a line or trunk demands.
//!
//! ```text
//!  start-recording, or record = "always" ─▶ Begin ─▶ files ─▶ Began (its path) ─▶ LINE_REPLY, `recording` event
//!  what the call's station says and hears ─▶ Command::Record(leg) ─▶ relay ─▶ files     (the switch sees none of it)
//!  pause, hold, another call of the station ─▶ the leg is recorded no more, and later again
//!  stop-recording, the call is over ─▶ End ─▶ files ─▶ Ended ─▶ `recording` event
//! ```
//!
//! TAPI 2.x has no such functions. The words are those of TAPI 3: `ITMediaControl` (Start, Pause, Stop) of a file recording
//! terminal, with `resume` for its Start after a pause.
//!
//! - A recording belongs to a call and follows its station, whoever it talks with: through hold, consultation, transfer, conference.
//!   It ends with the call.
//! - What is recorded is what passes: while the call is held, or its station speaks for another call, both sides are silent.
//! - What a line's policy demands can be paused, and not stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_media::{RecordingId, TapId};

use super::Switch;
use super::call::Call;
use super::call_state::CallState;
use super::error::LineError;
use super::ids::{AppId, CallId};
use super::message::Message;
use super::operation::{CallOperation, Outcome};
use super::outbox::Outbox;
use super::request::Asker;
use super::taps::Tap;
use super::timers::Timer;

/// Whether the calls of a line or trunk are recorded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum RecordPolicy {
    /// Never: applications are refused, too.
    Never,
    /// When an application starts it.
    #[default]
    OnDemand,
    /// Each call, from when it is connected.
    Always,
}

impl RecordPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Never, Self::OnDemand, Self::Always];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::OnDemand => "on-demand",
            Self::Always => "always",
        }
    }
}

/// How long the disk has to make the file that an application waits for.
pub(super) const FILE: Duration = Duration::from_secs(10);

/// Recording as the engine is set up for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecordingSetup {
    /// Recordings at once; none: nothing is recorded.
    pub recordings_max: usize,
}

/// What is to be done with files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordingCommand {
    /// A recording begins; answered by [`RecordingEvent::Began`] or [`RecordingEvent::Ended`].
    Begin {
        /// The recording.
        recording: RecordingId,
        /// Its call.
        call: CallId,
        /// The line of that call.
        line: Arc<str>,
        /// Whether it has 16,000 samples a second, else 8,000.
        is_wide: bool,
    },
    /// It is over; answered by [`RecordingEvent::Ended`].
    End {
        /// The recording.
        recording: RecordingId,
        /// How long it lasted, pauses at its end included.
        length: Duration,
    },
}

/// What is told of files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordingEvent {
    /// The file is there.
    Began {
        /// The recording.
        recording: RecordingId,
        /// Its file, from the directory of recordings on.
        path: Arc<str>,
    },
    /// The file is whole, or there is none. Said once, and last.
    Ended {
        /// The recording.
        recording: RecordingId,
        /// Why.
        end: RecordingEnd,
        /// How long it is.
        length: Duration,
    },
}

impl RecordingEvent {
    /// What is told where a command cannot be carried out.
    pub const fn failed(command: &RecordingCommand) -> Self {
        let (RecordingCommand::Begin { recording, .. } | RecordingCommand::End { recording, .. }) = command;
        Self::Ended { recording: *recording, end: RecordingEnd::Failed, length: Duration::ZERO }
    }
}

/// Why a recording is over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RecordingEnd {
    /// It was stopped, or its call ended.
    Stopped,
    /// It is as long as one may be.
    TooLong,
    /// The disk has no more room than is to be left free.
    DiskFull,
    /// The file could not be written.
    Failed,
}

impl RecordingEnd {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::TooLong => "toolong",
            Self::DiskFull => "diskfull",
            Self::Failed => "failed",
        }
    }
}

/// A recording as an application reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordingView {
    /// Whether it is paused.
    pub is_paused: bool,
    /// Whether the line's policy demands it.
    pub is_demanded: bool,
    /// Its file, from the directory of recordings on; `None` until that is there.
    pub path: Option<Arc<str>>,
    /// When it began.
    pub since: Instant,
}

/// One recording.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Recording {
    call: CallId,
    line: Arc<str>,
    is_demanded: bool,
    path: Option<Arc<str>>,
    /// Who waits for its beginning.
    asker: Option<Asker>,
    /// Who hears of it: who holds, or held last, a handle of the call.
    apps: Vec<AppId>,
}

/// All recordings.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Recordings {
    last: u64,
    all: BTreeMap<RecordingId, Recording>,
    /// Calls whose recording failed: it is not tried again.
    failed: BTreeSet<CallId>,
    /// Calls whose recording was paused when its file was full: the next one begins so.
    paused: BTreeSet<CallId>,
}

impl Recordings {
    /// How many there are, those included whose file is not whole yet.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

impl Switch {
    /// The one of a call that goes on: whose tap is open.
    fn recording_of(&self, call: CallId) -> Option<(RecordingId, &Recording, &Tap)> {
        let TapId::Recording(id) = self.taps.of_call(call).next()? else { return None };
        Some((id, self.recordings.all.get(&id)?, self.taps.get(TapId::Recording(id))?))
    }

    /// Whether an application may do this with the recording of a call.
    pub(super) fn can_record(&self, call: &Call, operation: CallOperation) -> Result<(), LineError> {
        let may = match (operation, self.recording_of(call.id)) {
            (CallOperation::StartRecording, None) => return self.can_start_recording(call),
            (CallOperation::PauseRecording, Some((_, _, tap))) => !tap.is_paused,
            (CallOperation::ResumeRecording, Some((_, _, tap))) => tap.is_paused,
            (CallOperation::StopRecording, Some((_, recording, _))) => !recording.is_demanded,
            _ => false,
        };
        if may { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    fn can_start_recording(&self, call: &Call) -> Result<(), LineError> {
        if self.setup.recording.recordings_max == 0 || !self.may_be_tapped(call) {
            return Err(LineError::OperationUnavail);
        }
        if self.recordings.len() >= self.setup.recording.recordings_max || self.has_taps_enough(call, false) {
            return Err(LineError::ResourceUnavail);
        }
        Ok(())
    }

    /// `start-recording`: replied when the file is there.
    pub(super) fn start_recording(&mut self, asker: Asker, id: CallId, out: &mut Outbox) {
        self.begin_recording(id, Some(asker), out);
    }

    /// `pause-recording` and `resume-recording`.
    pub(super) fn pause_recording(&mut self, asker: Asker, id: CallId, is_paused: bool, out: &mut Outbox) {
        asker.done(out);
        let Some((recording, ..)) = self.recording_of(id) else { return };
        self.taps.set_paused(TapId::Recording(recording), is_paused);
        self.dirty.insert(id);
        self.tell_of(recording, if is_paused { "paused" } else { "resumed" }, None, out);
    }

    /// `stop-recording`.
    pub(super) fn stop_recording(&mut self, asker: Asker, id: CallId, out: &mut Outbox) {
        asker.done(out);
        self.end_recording(id, out);
    }

    /// The recording of a call, as an application reads it.
    pub(super) fn recording_view(&self, id: CallId) -> Option<RecordingView> {
        let (_, recording, tap) = self.recording_of(id)?;
        Some(RecordingView {
            is_paused: tap.is_paused,
            is_demanded: recording.is_demanded,
            path: recording.path.clone(),
            since: tap.began,
        })
    }

    /// Takes what is told of files.
    pub fn recorded(&mut self, now: Instant, event: RecordingEvent, out: &mut Outbox) {
        self.now = now;
        match event {
            RecordingEvent::Began { recording, path } => {
                let Some(entry) = self.recordings.all.get_mut(&recording) else { return };
                entry.path = Some(Arc::clone(&path));
                if let Some(asker) = entry.asker.take() {
                    self.timers.stop(entry.call, Timer::File);
                    asker.reply(Ok(Outcome::Recording(path)), out);
                }
                self.tell_of(recording, "started", None, out);
            }
            RecordingEvent::Ended { recording, end, length } => {
                self.recording_ended(recording, end, length, out);
            }
        }
        self.settle(now, out);
    }

    /// The disk hangs: who waits is told, and what comes of the file is given up.
    pub(super) fn file_missing(&mut self, call: CallId, out: &mut Outbox) {
        let Some((id, ..)) = self.recording_of(call) else { return };
        let asker = self.recordings.all.get_mut(&id).and_then(|recording| recording.asker.take());
        if let Some(asker) = asker {
            let (on, failed) = (CallOperation::StartRecording, LineError::OperationFailed.into());
            asker.reply(Err(self.told_of_call(asker.app, on, call, failed)), out);
            self.end_recording(call, out);
            self.dirty.insert(call);
        }
    }

    fn recording_ended(&mut self, id: RecordingId, end: RecordingEnd, length: Duration, out: &mut Outbox) {
        self.note_holders(id);
        let change =
            if end == RecordingEnd::Failed || end == RecordingEnd::DiskFull { "failed" } else { "stopped" };
        self.tell_of(id, change, Some((end, length)), out);
        let Some(recording) = self.recordings.all.remove(&id) else { return };
        if let Some(asker) = recording.asker {
            let (on, failed) = (CallOperation::StartRecording, LineError::OperationFailed.into());
            asker.reply(Err(self.told_of_call(asker.app, on, recording.call, failed)), out);
        }
        let tap = self.close_tap(TapId::Recording(id), out);
        if change == "failed" && self.calls.contains_key(&recording.call) {
            self.recordings.failed.insert(recording.call);
        }
        // One that grew too long has a successor where the policy demands it, which is paused as it was.
        let is_paused = tap.is_some_and(|tap| tap.is_paused);
        if end == RecordingEnd::TooLong && is_paused && recording.is_demanded {
            self.recordings.paused.insert(recording.call);
        }
        self.dirty.insert(recording.call);
    }

    /// Draws what follows for recordings from what became of a call.
    pub(super) fn settle_recording(&mut self, id: CallId, out: &mut Outbox) {
        if self.setup.recording.recordings_max == 0 && self.recordings.all.is_empty() {
            return;
        }
        let Some(call) = self.calls.get(&id) else { return };
        if !call.is_alive() {
            self.recordings.failed.remove(&id);
            self.recordings.paused.remove(&id);
            self.end_recording(id, out);
            return;
        }
        if self.is_never_recorded(call) {
            // By a reload: it began when it might.
            return self.end_recording(id, out);
        }
        if self.is_recording_demanded(call) {
            self.begin_recording(id, None, out);
        }
    }

    fn is_recording_demanded(&self, call: &Call) -> bool {
        matches!(call.state, CallState::Connected(_) | CallState::Conferenced)
            // Its members are recorded.
            && !self.is_conference(call.id)
            && self.tapped_leg(call).is_some()
            && self.record_policy(call) == RecordPolicy::Always
            && self.recording_of(call.id).is_none()
            && !self.recordings.failed.contains(&call.id)
            && self.setup.recording.recordings_max > 0
    }

    fn begin_recording(&mut self, id: CallId, asker: Option<Asker>, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let is_demanded = self.record_policy(call) == RecordPolicy::Always;
        let is_wide = self.is_wide_call(call);
        let (line, apps) = (Arc::clone(&call.line), self.holders(id).unwrap_or_default());
        if self.recordings.len() >= self.setup.recording.recordings_max || self.has_taps_enough(call, false) {
            // Only what a policy demands comes here: who asks was refused before.
            self.recordings.failed.insert(id);
            tell_apps(&apps, id, &line, "failed", None, Some("resourceunavail"), Duration::ZERO, out);
            out.unrecorded.push((id, line));
            return;
        }
        self.recordings.last += 1;
        let recording = RecordingId(self.recordings.last);
        let is_paused = asker.is_none() && self.recordings.paused.remove(&id);
        let entry = Recording { call: id, line: Arc::clone(&line), is_demanded, path: None, asker, apps };
        if asker.is_some() {
            self.timers.start(id, Timer::File, self.now + FILE);
        }
        self.recordings.all.insert(recording, entry);
        out.recordings.push(RecordingCommand::Begin { recording, call: id, line, is_wide });
        self.open_tap(TapId::Recording(recording), id, is_wide, is_paused, out);
    }

    fn end_recording(&mut self, call: CallId, out: &mut Outbox) {
        let Some((id, ..)) = self.recording_of(call) else { return };
        self.note_holders(id);
        let Some(tap) = self.close_tap(TapId::Recording(id), out) else { return };
        let length = self.now.saturating_duration_since(tap.began);
        out.recordings.push(RecordingCommand::End { recording: id, length });
    }

    /// Notes who holds handles of the call, for what is told once they are gone.
    fn note_holders(&mut self, id: RecordingId) {
        let holders = self.recordings.all.get(&id).and_then(|recording| self.holders(recording.call));
        if let (Some(holders), Some(recording)) = (holders, self.recordings.all.get_mut(&id)) {
            recording.apps = holders;
        }
    }

    fn tell_of(
        &mut self,
        id: RecordingId,
        change: &'static str,
        end: Option<(RecordingEnd, Duration)>,
        out: &mut Outbox,
    ) {
        self.note_holders(id);
        let Some(Recording { apps, call, line, path, .. }) = self.recordings.all.get(&id) else { return };
        let (reason, length) =
            (end.map(|(end, _)| end.name()), end.map_or(Duration::ZERO, |(_, length)| length));
        tell_apps(apps, *call, line, change, path.as_ref(), reason, length, out);
    }
}

#[expect(clippy::too_many_arguments, reason = "each is one fact of the message")]
fn tell_apps(
    apps: &[AppId],
    call: CallId,
    line: &Arc<str>,
    change: &'static str,
    path: Option<&Arc<str>>,
    reason: Option<&'static str>,
    length: Duration,
    out: &mut Outbox,
) {
    for app in apps {
        let (line, path) = (Arc::clone(line), path.cloned());
        out.messages.push((*app, Message::Recording { call, line, change, path, reason, length }));
    }
}
