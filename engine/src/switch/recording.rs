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

use trunkline_media::{RecordingId, Take};
use trunkline_sip::LegId;

use super::Switch;
use super::call::Call;
use super::call_state::CallState;
use super::error::LineError;
use super::ids::{AppId, CallId};
use super::message::Message;
use super::operation::{CallOperation, Outcome};
use super::outbox::Outbox;
use super::request::Asker;

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
    began: Instant,
    is_wide: bool,
    is_paused: bool,
    is_demanded: bool,
    is_ending: bool,
    /// The leg of the call's station.
    station: Option<LegId>,
    /// The leg that serves it: that of the station, while that speaks for the call.
    leg: Option<LegId>,
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

    /// The one of a call that goes on.
    fn of(&self, call: CallId) -> Option<(RecordingId, &Recording)> {
        let of_it =
            |(_, recording): &(&RecordingId, &Recording)| recording.call == call && !recording.is_ending;
        self.all.iter().find(of_it).map(|(id, recording)| (*id, recording))
    }

    fn of_mut(&mut self, call: CallId) -> Option<&mut Recording> {
        self.all.values_mut().find(|recording| recording.call == call && !recording.is_ending)
    }
}

impl Switch {
    /// Whether an application may do this with the recording of a call.
    pub(super) fn can_record(&self, call: &Call, operation: CallOperation) -> Result<(), LineError> {
        let recording = self.recordings.of(call.id).map(|(_, recording)| recording);
        let may = match (operation, recording) {
            (CallOperation::StartRecording, None) => return self.can_start_recording(call),
            (CallOperation::PauseRecording, Some(recording)) => !recording.is_paused,
            (CallOperation::ResumeRecording, Some(recording)) => recording.is_paused,
            (CallOperation::StopRecording, Some(recording)) => !recording.is_demanded,
            _ => false,
        };
        if may { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    fn can_start_recording(&self, call: &Call) -> Result<(), LineError> {
        let policy = self.lines.of_call(&call.line).map_or(RecordPolicy::Never, |line| line.record);
        let is_decoded = call.leg.is_some_and(|leg| self.media.is_decoded(leg));
        if self.setup.recording.recordings_max == 0 || policy == RecordPolicy::Never || !is_decoded {
            return Err(LineError::OperationUnavail);
        }
        if self.recordings.len() >= self.setup.recording.recordings_max {
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
        let Some(recording) = self.recordings.of_mut(id) else { return };
        recording.is_paused = is_paused;
        self.dirty.insert(id);
        self.tell_recording(id, if is_paused { "paused" } else { "resumed" }, out);
    }

    /// `stop-recording`.
    pub(super) fn stop_recording(&mut self, asker: Asker, id: CallId, out: &mut Outbox) {
        asker.done(out);
        self.end_recording(id, out);
    }

    /// The recording of a call, as an application reads it.
    pub(super) fn recording_view(&self, id: CallId) -> Option<RecordingView> {
        let (_, recording) = self.recordings.of(id)?;
        Some(RecordingView {
            is_paused: recording.is_paused,
            is_demanded: recording.is_demanded,
            path: recording.path.clone(),
            since: recording.began,
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

    fn recording_ended(&mut self, id: RecordingId, end: RecordingEnd, length: Duration, out: &mut Outbox) {
        self.note_holders(id);
        let change =
            if end == RecordingEnd::Failed || end == RecordingEnd::DiskFull { "failed" } else { "stopped" };
        self.tell_of(id, change, Some((end, length)), out);
        let Some(recording) = self.recordings.all.remove(&id) else { return };
        if let Some(asker) = recording.asker {
            asker.reply(Err(LineError::OperationFailed.into()), out);
        }
        if let Some(leg) = recording.leg {
            self.tell_takes(leg, out);
        }
        if change == "failed" && self.calls.contains_key(&recording.call) {
            self.recordings.failed.insert(recording.call);
        }
        // One that grew too long has a successor where the policy demands it, which is paused as it was.
        if end == RecordingEnd::TooLong && recording.is_paused && recording.is_demanded {
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
        if self.is_recording_demanded(call) {
            self.begin_recording(id, None, out);
        }
        if self.recordings.all.is_empty() {
            return;
        }
        let leg = self.calls.get(&id).and_then(|call| call.leg);
        let shares =
            |recording: &Recording| recording.call == id || leg.is_some() && recording.station == leg;
        let shared = self.recordings.all.iter().filter(|(_, recording)| shares(recording));
        let shared: Vec<RecordingId> = shared.map(|(recording, _)| *recording).collect();
        for recording in shared {
            self.settle_take(recording, out);
        }
    }

    fn is_recording_demanded(&self, call: &Call) -> bool {
        let demands =
            || self.lines.of_call(&call.line).is_some_and(|line| line.record == RecordPolicy::Always);
        matches!(call.state, CallState::Connected(_) | CallState::Conferenced)
            // Its members are recorded.
            && !self.is_conference(call.id)
            && self.recorded_leg(call).is_some()
            && demands()
            && self.recordings.of(call.id).is_none()
            && !self.recordings.failed.contains(&call.id)
            && self.setup.recording.recordings_max > 0
    }

    fn begin_recording(&mut self, id: CallId, asker: Option<Asker>, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let is_demanded =
            self.lines.of_call(&call.line).is_some_and(|line| line.record == RecordPolicy::Always);
        let legs = [Some(call), call.peer.and_then(|peer| self.calls.get(&peer))].map(|call| call?.leg);
        let is_wide = legs.into_iter().flatten().any(|leg| self.media.is_wide(leg));
        let (line, apps) = (Arc::clone(&call.line), call.handles.iter().map(|(app, _)| *app).collect());
        if self.recordings.len() >= self.setup.recording.recordings_max {
            // Only what a policy demands comes here: who asks was refused before.
            self.recordings.failed.insert(id);
            let apps: Vec<AppId> = apps;
            tell_apps(&apps, id, &line, "failed", None, Some("resourceunavail"), Duration::ZERO, out);
            out.unrecorded.push((id, line));
            return;
        }
        self.recordings.last += 1;
        let recording = RecordingId(self.recordings.last);
        let entry = Recording {
            call: id,
            line: Arc::clone(&line),
            began: self.now,
            is_wide,
            is_paused: asker.is_none() && self.recordings.paused.remove(&id),
            is_demanded,
            is_ending: false,
            station: None,
            leg: None,
            path: None,
            asker,
            apps,
        };
        self.recordings.all.insert(recording, entry);
        out.recordings.push(RecordingCommand::Begin { recording, call: id, line, is_wide });
        self.settle_take(recording, out);
    }

    fn end_recording(&mut self, call: CallId, out: &mut Outbox) {
        let Some((id, _)) = self.recordings.of(call) else { return };
        self.note_holders(id);
        let now = self.now;
        let Some(recording) = self.recordings.all.get_mut(&id) else { return };
        recording.is_ending = true;
        let length = now.saturating_duration_since(recording.began);
        if let Some(leg) = recording.leg.take() {
            self.tell_takes(leg, out);
        }
        out.recordings.push(RecordingCommand::End { recording: id, length });
    }

    /// Lets the leg of the station serve a recording, while it speaks for that call and is to be recorded.
    fn settle_take(&mut self, id: RecordingId, out: &mut Outbox) {
        let Some(recording) = self.recordings.all.get(&id).filter(|recording| !recording.is_ending) else {
            return;
        };
        let Some(call) = self.calls.get(&recording.call) else { return };
        let station = call.leg;
        let leg = if recording.is_paused { None } else { self.recorded_leg(call) };
        let Some(recording) = self.recordings.all.get_mut(&id) else { return };
        recording.station = station;
        let before = std::mem::replace(&mut recording.leg, leg);
        if before == leg {
            return;
        }
        for leg in [before, leg].into_iter().flatten() {
            self.tell_takes(leg, out);
        }
    }

    /// The leg of a call's station, while that takes part in the call.
    fn recorded_leg(&self, call: &Call) -> Option<LegId> {
        let takes_part = matches!(call.state, CallState::Connected(_) | CallState::Conferenced);
        let leg = self.legs.get(&call.leg?)?;
        (takes_part && leg.is_up() && leg.call == self.led_by(call).id).then_some(leg.id)
    }

    fn tell_takes(&mut self, leg: LegId, out: &mut Outbox) {
        let serves = self.recordings.all.iter().filter(|(_, recording)| recording.leg == Some(leg));
        let take = |(id, recording): (&RecordingId, &Recording)| Take {
            recording: *id,
            began: recording.began,
            is_wide: recording.is_wide,
        };
        let takes = serves.map(take).collect();
        self.media.set_takes(leg, takes, out);
    }

    /// The relay lost what it knew of a leg: it is told again.
    pub(super) fn record_again(&mut self, leg: LegId, out: &mut Outbox) {
        if self.recordings.all.values().any(|recording| recording.leg == Some(leg)) {
            self.tell_takes(leg, out);
        }
    }

    /// Notes who holds handles of the call, for what is told once they are gone.
    fn note_holders(&mut self, id: RecordingId) {
        let Some(recording) = self.recordings.all.get_mut(&id) else { return };
        let holders = self.calls.get(&recording.call).map(|call| call.handles.iter().map(|(app, _)| *app));
        if let Some(holders) = holders.filter(|holders| holders.len() > 0) {
            recording.apps = holders.collect();
        }
    }

    fn tell_recording(&mut self, call: CallId, change: &'static str, out: &mut Outbox) {
        if let Some((id, _)) = self.recordings.of(call) {
            self.tell_of(id, change, None, out);
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
