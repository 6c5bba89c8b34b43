//! Everything the switch wants done.

use std::sync::Arc;

use trunkline_sip::LegId;

use super::audio_fork::ForkCommand;
use super::call_facts::CallFact;
use super::call_state::CallState;
use super::csta::CstaNote;
use super::ids::{AppId, CallId};
use super::kept::Kept;
use super::message::Message;
use super::quality::EndedMedia;
use super::recording::RecordingCommand;

/// Commands for the agents and the relay, messages for the applications; each list in order. The caller owns it and
/// empties it.
#[derive(Default, Debug)]
pub struct Outbox {
    /// For the SIP agents; the leg names the worker.
    pub sip: Vec<trunkline_sip::outbox::Command>,
    /// For the media workers, by number.
    pub media: Vec<(u16, trunkline_media::Command)>,
    /// For the applications.
    pub messages: Vec<(AppId, Message)>,
    /// What is to be kept over a restart.
    pub store: Vec<Kept>,
    /// Media that is over, for log and statistics.
    pub ended: Vec<EndedMedia>,
    /// Calls for help, for the log.
    pub urgent: Vec<Urgent>,
    /// For the files of recordings.
    pub recordings: Vec<RecordingCommand>,
    /// For the connections of forks.
    pub forks: Vec<ForkCommand>,
    /// Calls whose line's policy demands a recording, and there are as many as there may be: for the log.
    pub unrecorded: Vec<(CallId, Arc<str>)>,
    /// States that calls came into, for whoever looks at a call afterwards.
    pub states: Vec<StateNote>,
    /// Sessions about CSTA that began or failed: for the log.
    pub csta: Vec<CstaNote>,
    /// For the records of calls, where they are kept.
    pub facts: Vec<CallFact>,
}

/// A call came into a state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateNote {
    /// The call.
    pub call: CallId,
    /// Its line.
    pub line: Arc<str>,
    /// The state.
    pub state: CallState,
    /// The leg of its station, if it has one.
    pub leg: Option<LegId>,
    /// The call at the other end, if there is one.
    pub peer: Option<CallId>,
}

/// A call for help that goes out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Urgent {
    /// The call on the trunk's line.
    pub call: CallId,
    /// Who calls.
    pub line: Arc<str>,
    /// The number that is called there.
    pub number: String,
    /// The trunk.
    pub trunk: Arc<str>,
}

impl Outbox {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.sip.is_empty()
            && self.media.is_empty()
            && self.messages.is_empty()
            && self.store.is_empty()
            && self.ended.is_empty()
            && self.urgent.is_empty()
            && self.recordings.is_empty()
            && self.forks.is_empty()
            && self.unrecorded.is_empty()
            && self.states.is_empty()
            && self.csta.is_empty()
            && self.facts.is_empty()
    }
}
