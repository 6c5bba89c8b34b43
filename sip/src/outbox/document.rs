//! What event packages tell their subscribers: one value a package.

use super::{Party, RegistrationChange};
use crate::ids::LegId;
use crate::package::presence::Activity;

/// An event package (RFC 6665) that is served.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Package {
    /// `dialog` (RFC 4235).
    Dialog,
    /// `conference` (RFC 4575).
    Conference,
    /// `call-completion` (RFC 6910).
    CallCompletion,
    /// `message-summary` (RFC 3842).
    MessageSummary,
    /// `as-feature-event`: do not disturb and forwarding of a line, as BroadSoft's servers tell them.
    Features,
    /// `presence` (RFC 3856).
    Presence,
    /// `reg` (RFC 3680).
    Registration,
}

/// What a subscriber is told; the agent prints it and counts versions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Document {
    /// The dialogs of a line (RFC 4235): all of them.
    Dialogs(Vec<DialogState>),
    /// A conference (RFC 4575): all of it.
    Conference(ConferenceState),
    /// Whether a call that was asked for can be completed (RFC 6910).
    CallCompletion {
        /// `ready`, else `queued`.
        is_ready: bool,
        /// `cc-URI`: where to call.
        uri: String,
    },
    /// Messages (RFC 3842).
    Messages {
        /// How many there are.
        counts: MessageCounts,
        /// What a phone dials to hear them.
        account: Option<String>,
    },
    /// Do not disturb and forwarding.
    Features(Box<FeatureStates>),
    /// The presence of a line.
    Presence(Box<PresenceState>),
    /// The contacts of a line (RFC 3680): all that it has, and those that have just gone.
    Registration(Vec<ContactState>),
    /// What a list names (RFC 4662): all of it. The agent tells what of it has changed.
    List(Box<ListState>),
}

/// A list, and how that is which it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListState {
    /// Of its resources.
    pub package: Package,
    /// The name a person reads.
    pub name: String,
    /// At most [`ENTRIES_MAX`](crate::package::event_list::ENTRIES_MAX), in the order of the keys.
    pub entries: Vec<ListEntry>,
}

/// One resource of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListEntry {
    /// The user part of its URI.
    pub user: String,
    /// The name a person reads.
    pub name: String,
    /// How it is, never a list; `None`: there is nothing of this package.
    pub state: Option<Document>,
}

/// One contact of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContactState {
    /// The Contact URI.
    pub uri: String,
    /// Preference in thousandths; of one that has gone 1000.
    pub q_milli: u16,
    /// What happened to it last.
    pub last: RegistrationChange,
}

/// Whether a line can be reached, and what its person does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PresenceState {
    /// Whether calls reach it: `open`, else `closed`.
    pub is_open: bool,
    /// What its person does; perhaps nothing.
    pub activities: Vec<Activity>,
    /// The same, or more, in words; perhaps none.
    pub note: String,
}

/// What a phone says of its line's presence (RFC 3903).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PublishedPresence {
    /// Whether calls are welcome, if it says so.
    pub is_open: Option<bool>,
    /// What its person does, at most [`ACTIVITIES_MAX`](crate::package::presence::ACTIVITIES_MAX), each once.
    pub activities: Vec<Activity>,
    /// A note of at most [`NOTE_BYTES_MAX`](crate::package::presence::NOTE_BYTES_MAX); perhaps none.
    pub note: String,
}

/// What the keys of a phone show of its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeatureStates {
    /// The line.
    pub device: String,
    /// Whether nobody may disturb.
    pub do_not_disturb: bool,
    /// Where calls go instead, in the order of [`ForwardKind::ALL`].
    pub forwards: [ForwardState; 3],
}

/// One way of forwarding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForwardState {
    /// Where calls go; `None`: it is off.
    pub to: Option<String>,
    /// Rings before nobody answers.
    pub rings: u32,
}

/// When calls go elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForwardKind {
    /// `forwardImmediate`.
    Immediate,
    /// `forwardBusy`.
    Busy,
    /// `forwardNoAns`.
    NoAnswer,
}

impl ForwardKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Immediate, Self::Busy, Self::NoAnswer];
}

/// The voice messages of a mailbox (RFC 3842), each number at most
/// [`COUNT_MAX`](crate::package::message_summary::COUNT_MAX).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MessageCounts {
    /// Whether the lamp shines: there are messages that nobody heard. Their number may not be known.
    pub is_waiting: bool,
    /// New ones.
    pub new: u16,
    /// Old ones.
    pub old: u16,
    /// How many of the new ones are urgent.
    pub urgent_new: u16,
    /// How many of the old ones are urgent.
    pub urgent_old: u16,
}

/// One dialog of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialogState {
    /// Names it for as long as it lasts.
    pub id: u64,
    /// The leg, whose Call-ID and tags are told so that it can be picked up by Replaces; another worker is asked for them.
    pub leg: Option<LegId>,
    /// How far it is.
    pub phase: DialogPhase,
    /// Whether the watched line called.
    pub is_initiator: bool,
    /// The watched line.
    pub local: Party,
    /// The other party.
    pub remote: Party,
    /// Whether the watched line holds the other.
    pub is_held: bool,
}

/// RFC 4235 §4.1.4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialogPhase {
    /// `trying`.
    Trying,
    /// `early`.
    Early,
    /// `confirmed`.
    Confirmed,
    /// `terminated`.
    Terminated,
}

/// The state of a conference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConferenceState {
    /// The user part of the focus.
    pub focus: String,
    /// Who is in it.
    pub members: Vec<ConferenceMember>,
    /// Whether it is over.
    pub is_over: bool,
}

/// One member of a conference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConferenceMember {
    /// Who.
    pub party: Party,
    /// `connected` or `on-hold`.
    pub is_held: bool,
}
