//! What becomes of the media of a call, in the words of SDP, for whoever looks at the call afterwards.

use std::net::SocketAddr;
use std::sync::Arc;

use trunkline_media::{
    Command as MediaCommand, Event as MediaEvent, Feed, LegId as MediaLegId, Protection, Remote,
};
use trunkline_sip::LegId;

use super::Switch;
use super::ids::CallId;
use super::quality::encodings;

/// The media of a call's station changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaNote {
    /// The call.
    pub call: CallId,
    /// Its line.
    pub line: Arc<str>,
    /// What changed.
    pub change: MediaChange,
}

/// What changed of media.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaChange {
    /// Offer and answer agreed (RFC 3264).
    Agreed {
        /// The direction as the station sees it, by its name in SDP.
        direction: &'static str,
        /// The encodings, by their names in SDP; of more than [`CODECS_SHOWN`] the first.
        codecs: [Option<&'static str>; CODECS_SHOWN],
        /// Where it is sent to, if anywhere.
        to: Option<SocketAddr>,
        /// Whether packets are protected by SRTP.
        is_secured: bool,
    },
    /// What the station hears from here on.
    Hears(Hearing),
    /// Whether what it says is forwarded by the kernel.
    Path {
        /// Else the process does it.
        in_kernel: bool,
    },
    /// What is taken down of it.
    Taps {
        /// Whether there is a recording; if so, whether it is paused.
        recording: Option<bool>,
        /// How many forks.
        forks: usize,
    },
}

/// How many encodings of an agreement are told.
pub const CODECS_SHOWN: usize = 4;

/// What a station hears.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Hearing {
    /// Nothing.
    Nothing,
    /// Silence, as packets.
    Silence,
    /// A tone.
    Tone,
    /// Music on hold.
    Music,
    /// Everybody else in a conference.
    Conference,
    /// The station of this call.
    Call(CallId),
}

impl Switch {
    /// What a command to the relay changes for a call; nothing where it is of video or text, or of no call.
    pub fn media_note(&self, command: &MediaCommand) -> Option<MediaNote> {
        let (leg, change) = match command {
            MediaCommand::Remote(leg, remote) => (*leg, agreed(remote)),
            MediaCommand::Feed(leg, feed) => (*leg, MediaChange::Hears(self.hearing(feed)?)),
            MediaCommand::Record(leg, _) => {
                let call = self.call_of(*leg)?;
                let recording = self.recording_view(call).map(|recording| recording.is_paused);
                (*leg, MediaChange::Taps { recording, forks: self.fork_views(call).len() })
            }
            MediaCommand::Open { .. }
            | MediaCommand::Digits { .. }
            | MediaCommand::CancelDigits(_)
            | MediaCommand::Detect(..)
            | MediaCommand::Detach(_)
            | MediaCommand::Attach { .. }
            | MediaCommand::Stats(_)
            | MediaCommand::Close(_) => return None,
        };
        self.note_of(leg, change)
    }

    /// What an event of the relay, which the switch has not taken yet, changes for a call: whether the kernel forwards it.
    pub fn path_note(&self, event: &MediaEvent) -> Option<MediaNote> {
        let MediaEvent::Stats { leg, stats } = event else { return None };
        let is_same = self.media.is_in_kernel(LegId(leg.0)) == stats.in_kernel;
        let change = MediaChange::Path { in_kernel: stats.in_kernel };
        (!is_same).then(|| self.note_of(*leg, change)).flatten()
    }

    fn note_of(&self, leg: MediaLegId, change: MediaChange) -> Option<MediaNote> {
        let call = self.call_of(leg)?;
        let line = Arc::clone(&self.calls.get(&call)?.line);
        Some(MediaNote { call, line, change })
    }

    fn call_of(&self, leg: MediaLegId) -> Option<CallId> {
        self.call_of_leg(LegId(leg.0))
    }

    fn hearing(&self, feed: &Feed) -> Option<Hearing> {
        Some(match feed {
            Feed::Nothing => Hearing::Nothing,
            Feed::Leg(leg) => Hearing::Call(self.call_of(*leg)?),
            Feed::Silence => Hearing::Silence,
            Feed::Tone(_) => Hearing::Tone,
            Feed::Music(_) => Hearing::Music,
            Feed::Conference(_) => Hearing::Conference,
        })
    }
}

fn agreed(remote: &Remote) -> MediaChange {
    let direction = match (remote.receive, remote.send) {
        (true, true) => "sendrecv",
        (true, false) => "sendonly",
        (false, true) => "recvonly",
        (false, false) => "inactive",
    };
    let mut names = encodings(remote);
    MediaChange::Agreed {
        direction,
        codecs: std::array::from_fn(|_| names.next()),
        to: remote.rtp,
        is_secured: remote.sealed || !matches!(remote.protection, Protection::Plain),
    }
}
