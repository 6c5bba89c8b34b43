//! What an application can read: lines, calls, trunks and gauges as they stand, copied out of the switch.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::outbox::MessageCounts;
use trunkline_sip::transport::Transport;

use super::audio_fork::ForkView;
use super::call_state::CallState;
use super::forward::ForwardEntry;
use super::ids::{CallId, CompletionId};
use super::operation::CallOperation;
use super::privilege::CallPrivilege;
use super::quality::MediaView;
use super::recording::RecordingView;
use super::setup::LineKind;

/// A call as one application sees it (LINECALLINFO with LINECALLSTATUS).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallView {
    /// dwCallID: the same for every application.
    pub id: CallId,
    /// The line that the call appears on.
    pub line: Arc<str>,
    /// The address of the line; the same text, as a line has one address.
    pub address: Arc<str>,
    /// The state with its mode.
    pub state: CallState,
    /// What this application holds.
    pub privilege: CallPrivilege,
    /// What this application could do at this moment: exactly what would be accepted.
    pub features: Vec<CallOperation>,
    /// Where the call came from.
    pub origin: CallOrigin,
    /// Why the call came.
    pub reason: CallReason,
    /// Who calls.
    pub caller: PartyView,
    /// Who was called.
    pub called: PartyView,
    /// Who answered; empty before.
    pub connected: PartyView,
    /// Who sent the call here last (RedirectingID); empty where nobody did.
    pub redirecting: PartyView,
    /// Where it was sent (RedirectionID); empty where it was not.
    pub redirection: PartyView,
    /// The request that the call completes, with reason CALLCOMPLETION.
    pub completion: Option<CompletionId>,
    /// Calls that are joined with this one.
    pub related: Vec<CallId>,
    /// When the state was entered.
    pub since: Instant,
    /// LINEMEDIAMODE_.
    pub media_modes: Vec<MediaMode>,
    /// CallData.
    pub data: Bytes,
    /// The user-user information that came last.
    pub user_user: Bytes,
    /// What a trusted network found of the caller's number: `TN-Validation-Passed` …
    pub verstat: Option<Arc<str>>,
    /// The media of its station, as the relay said last: at most a few seconds ago, and at the end. `None` while there was none.
    pub media: Option<MediaView>,
    /// How it is recorded; `None`: it is not.
    pub recording: Option<RecordingView>,
    /// Where its audio is forked to.
    pub forks: Vec<ForkView>,
}

/// A party as a person reads it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PartyView {
    /// The number or user part; empty where it is not known.
    pub number: String,
    /// The name; empty where it is not known.
    pub name: String,
    /// LINECALLPARTYID_BLOCKED: the party does not want to be known. Number and name, where there are any, are for the
    /// application alone: they are not to be shown to whoever talks with the party.
    pub is_blocked: bool,
}

impl PartyView {
    /// A party that anybody may know.
    pub const fn new(number: String, name: String) -> Self {
        Self { number, name, is_blocked: false }
    }
}

/// LINECALLORIGIN_.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallOrigin {
    /// Made from this line.
    Outbound,
    /// Came in from another line of the engine.
    Internal,
    /// Came in from outside.
    External,
    /// The parent of a conference.
    Conference,
}

impl CallOrigin {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Outbound, Self::Internal, Self::External, Self::Conference];

    /// The origin of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.name() == name)
    }

    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Internal => "internal",
            Self::External => "external",
            Self::Conference => "conference",
        }
    }
}

/// LINEMEDIAMODE_.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MediaMode {
    /// Not known.
    Unknown,
    /// A person speaks at this end.
    InteractiveVoice,
    /// A machine speaks at this end.
    AutomatedVoice,
    /// A fax.
    G3Fax,
    /// Video.
    Video,
}

impl MediaMode {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Unknown, Self::InteractiveVoice, Self::AutomatedVoice, Self::G3Fax, Self::Video];

    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::InteractiveVoice => "interactivevoice",
            Self::AutomatedVoice => "automatedvoice",
            Self::G3Fax => "g3fax",
            Self::Video => "video",
        }
    }

    /// The mode of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// LINECALLREASON_.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallReason {
    /// A plain call.
    Direct,
    /// Forwarded from a line that was busy.
    FwdBusy,
    /// Forwarded from a line that did not answer.
    FwdNoAnswer,
    /// Forwarded from a line that forwards everything.
    FwdUncond,
    /// Picked up.
    Pickup,
    /// Retrieved from a park address.
    Unpark,
    /// Redirected.
    Redirect,
    /// A call completion calls back.
    CallCompletion,
    /// Transferred.
    Transfer,
    /// A parked or held call reminds of itself.
    Reminder,
    /// Somebody barged in.
    Intrude,
    /// Parked here.
    Parked,
    /// Camped on here.
    CampedOn,
}

impl CallReason {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Direct,
        Self::FwdBusy,
        Self::FwdNoAnswer,
        Self::FwdUncond,
        Self::Pickup,
        Self::Unpark,
        Self::Redirect,
        Self::CallCompletion,
        Self::Transfer,
        Self::Reminder,
        Self::Intrude,
        Self::Parked,
        Self::CampedOn,
    ];

    /// The reason of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The suffix of the constant in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::FwdBusy => "fwdbusy",
            Self::FwdNoAnswer => "fwdnoanswer",
            Self::FwdUncond => "fwduncond",
            Self::Pickup => "pickup",
            Self::Unpark => "unpark",
            Self::Redirect => "redirect",
            Self::CallCompletion => "callcompletion",
            Self::Transfer => "transfer",
            Self::Reminder => "reminder",
            Self::Intrude => "intrude",
            Self::Parked => "parked",
            Self::CampedOn => "campedon",
        }
    }
}

/// A line as one application sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineView {
    /// The address.
    pub address: Arc<str>,
    /// The name a person reads.
    pub name: String,
    /// Where its media ends.
    pub kind: LineKind,
    /// Whether it can be reached: a phone has a contact, a trunk is in service; lines of the engine always can.
    pub registered: bool,
    /// Number of contacts of a phone.
    pub contacts: usize,
    /// The calls on it that this application holds a handle to.
    pub calls: Vec<CallId>,
    /// Where its calls go instead (LINEADDRESSSTATUS.ForwardList).
    pub forwarding: Vec<ForwardEntry>,
    /// Rings before nobody answers (`dwNumRingsNoAnswer`).
    pub rings: u32,
    /// Requests for completion that are outstanding.
    pub completions: Vec<CompletionId>,
    /// Its voice messages.
    pub messages: MessageCounts,
    /// What this application could do with the line: names of [`super::LineOperation`].
    pub features: Vec<&'static str>,
}

/// A trunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrunkView {
    /// The name.
    pub name: Arc<str>,
    /// Host part of its addresses.
    pub domain: String,
    /// Calls that are up or on their way, both directions.
    pub calls: u32,
    /// The most there may be.
    pub calls_max: u32,
    /// Whether calls can be expected to pass: it is registered where it has to be, and a peer that is asked answers.
    pub is_in_service: bool,
    /// How it stands with its registrar; `None`: it does not register.
    pub registration: Option<RegistrationView>,
    /// Calls out that may begin within a second; `None`: no limit.
    pub calls_per_second: Option<u32>,
    /// Where its calls go, in the order of the configuration.
    pub places: Vec<PlaceView>,
}

/// Where calls of a trunk go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlaceView {
    /// How it is reached.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
    /// Until when calls go elsewhere, since it was silent or overloaded; past: the next call finds out. `None`: it has answered.
    pub rests_until: Option<Instant>,
    /// Whether it is asked by OPTIONS and does not answer.
    pub is_down: bool,
    /// How a call, or a question, failed there last: the status, 408 where no answer came, and when.
    pub failure: Option<(u16, Instant)>,
}

impl PlaceView {
    /// For how long calls go elsewhere.
    pub fn rests(&self, now: Instant) -> Option<Duration> {
        self.rests_until?.checked_duration_since(now).filter(|left| !left.is_zero())
    }
}

/// How a trunk stands with its registrar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RegistrationView {
    /// Since when it is registered; `None`: it is not.
    pub since: Option<Instant>,
    /// Until when, if it is not refreshed.
    pub until: Option<Instant>,
    /// The peer where it is registered, or was asked last.
    pub peer: Option<(Transport, SocketAddr)>,
    /// What failed last: the status, and when. 408 where no answer came.
    pub failure: Option<(u16, Instant)>,
    /// When it is tried again.
    pub again_at: Option<Instant>,
}

/// A parked call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParkedView {
    /// The park address.
    pub slot: Arc<str>,
    /// The line that parked it.
    pub line: Arc<str>,
    /// Who waits.
    pub party: PartyView,
    /// The call of who waits, on its own line.
    pub call: CallId,
    /// Since when.
    pub since: Instant,
}

/// What the switch holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gauges {
    /// Calls that are not idle.
    pub calls: usize,
    /// Idle calls that an application has not deallocated.
    pub calls_idle: usize,
    /// SIP legs.
    pub legs: usize,
    /// Media legs, those included whose closing was not confirmed.
    pub media_legs: usize,
    /// RTP port pairs.
    pub media_ports_in_use: usize,
    /// Conferences.
    pub conferences: usize,
    /// Park addresses that are taken.
    pub parked: usize,
    /// Requests to complete a call that are outstanding.
    pub completions: usize,
    /// Subscriptions to lines, park addresses and conferences.
    pub watches: usize,
    /// Recordings, those included whose file is not whole yet.
    pub recordings: usize,
    /// Forks, those included whose connection is not made yet, or not gone.
    pub forks: usize,
    /// Sessions about CSTA with phones.
    pub csta_sessions: usize,
}
