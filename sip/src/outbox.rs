//! The seam of the SIP core: what it is told ([`Command`]) and all that it can ask for ([`Outbox`]).
//!
//! One leg gives its owner a handful of events:
//!
//! ```text
//!  as UAS  Incoming ─ (Progress, Answer, Reject) ─ Established ─ (Offer ⇄ AnswerOffer)* ─ Ended
//!  as UAC  Invite   ─ Progress* ─ Answered        ─ (Offer ⇄ AnswerOffer)*              ─ Ended
//!                                └ Failed
//! ```
//!
//! `Ended` or `Failed` is the last event of a leg and always comes, whatever the network does. What else happens on a leg
//! has no order: digits, and a REFER, which ends with the leg:
//!
//! ```text
//!  Refer ─ AnswerRefer ─ ReferProgress* ─ ReferProgress(200 and above)
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::auth::Credentials;
use crate::dialog::{DialogChange, DialogName};
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::location::Binding;
use crate::package::LegDialog;
use crate::sdp::SessionDescription;
pub use crate::subscription::{KeptSubscription, SubscriptionChange};
use crate::transport::Flow;

/// Bytes to send: a datagram, or a piece of a stream.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// Where to. For a stream: by this connection if it is still open, else by a new one to `remote`.
    pub flow: Flow,
    /// A whole SIP message or a keep-alive.
    pub bytes: Bytes,
}

/// Everything an agent wants done, in order. The caller owns it and empties it.
#[derive(Default, Debug)]
pub struct Outbox {
    /// Messages for the network.
    pub transmits: Vec<Transmit>,
    /// What the switch should know.
    pub events: Vec<Event>,
    /// Changes of the location table for the store.
    pub bindings: Vec<BindingChange>,
    /// Changes of the answered legs for the store, where the configuration wants them.
    pub dialogs: Vec<DialogChange>,
    /// Changes of peers' subscriptions for the store, where the configuration wants them.
    pub subscriptions: Vec<SubscriptionChange>,
    /// Connections to close: hostile, or broken beyond repair.
    pub close: Vec<ConnectionId>,
    /// Questions to other workers and answers to theirs, each with the worker it is for: to be given to
    /// [`Agent::resolve`](crate::Agent::resolve) there. One that is lost counts as answered with "no such dialog".
    pub unresolved: Vec<(u16, Unresolved)>,
}

impl Outbox {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.transmits.is_empty()
            && self.events.is_empty()
            && self.bindings.is_empty()
            && self.dialogs.is_empty()
            && self.subscriptions.is_empty()
            && self.close.is_empty()
            && self.unresolved.is_empty()
    }
}

/// What one worker asks another, or the answer.
#[derive(Clone, Debug)]
pub struct Unresolved(pub(crate) Question);

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// Which leg has this dialog?
    Dialog(DialogQuestion),
    /// Which dialog has this leg?
    Leg(LegQuestion),
}

/// A leg of another worker that a subscriber is told of.
#[derive(Clone, Debug)]
pub(crate) struct LegQuestion {
    /// The subscription.
    pub(crate) usage: UsageId,
    /// The leg.
    pub(crate) leg: LegId,
    /// The answer, once there is one.
    pub(crate) found: Option<Option<LegDialog>>,
}

/// A dialog that a header names and that is another worker's.
#[derive(Clone, Debug)]
pub(crate) struct DialogQuestion {
    /// Who is to be told.
    pub(crate) subject: Subject,
    /// Which of its headers names the dialog.
    pub(crate) place: Place,
    /// The dialog.
    pub(crate) dialog: DialogName,
    /// How many readings of the name were tried.
    pub(crate) tried: u8,
    /// The answer, once there is one.
    pub(crate) found: Option<Option<LegId>>,
}

/// The header that names a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Replaces of an INVITE.
    Replaces,
    /// Join of an INVITE.
    Join,
    /// Replaces in Refer-To of a REFER.
    ReferTo,
    /// Target-Dialog of a REFER.
    TargetDialog,
}

/// A change of the location table that the store must keep over a restart.
#[derive(Clone, Debug)]
pub enum BindingChange {
    /// The binding was made or refreshed.
    Put(Arc<str>, Arc<Binding>),
    /// The binding of this line with this key is gone.
    Remove(Arc<str>, Arc<str>),
}

/// Who sent a request, proven by digest or by the transport source: never by a header.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Peer {
    /// A line, by its password.
    Line(Arc<str>),
    /// A trunk, by its source address.
    Trunk(Arc<str>),
}

/// A person or number as a header names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Party {
    /// The user part, unescaped: `1001`, `+4930123456`. Empty where the URI has none.
    pub user: String,
    /// The host part.
    pub host: String,
    /// The display name, unquoted.
    pub name: String,
}

impl Party {
    /// Somebody who is not to be known, as RFC 3323 §4.1.1.3 writes him.
    pub fn anonymous() -> Self {
        Self { user: ANONYMOUS.to_owned(), host: ANONYMOUS_HOST.to_owned(), name: "Anonymous".to_owned() }
    }

    /// Whether it names nobody: many networks write the user part and a host of their own.
    pub fn is_anonymous(&self) -> bool {
        names_nobody(&self.user, &self.host)
    }
}

/// Whether these parts of a URI name nobody (RFC 3323 §4.1.1.3).
pub(crate) fn names_nobody(user: &str, host: &str) -> bool {
    user.eq_ignore_ascii_case(ANONYMOUS) || host.eq_ignore_ascii_case(ANONYMOUS_HOST)
}

/// The user part of who is not to be known.
const ANONYMOUS: &str = "anonymous";

/// The host part of the same.
const ANONYMOUS_HOST: &str = "anonymous.invalid";

/// An initial INVITE that passed authentication. The agent has answered 100.
#[derive(Clone, Debug)]
pub struct IncomingCall {
    /// Who called.
    pub peer: Peer,
    /// The flow that it came by.
    pub flow: Flow,
    /// The user part of the Request-URI, unescaped: the dialled address.
    pub dialled: String,
    /// The host part of the Request-URI.
    pub domain: String,
    /// From. For a line the user part is that of the credentials.
    pub from: Party,
    /// To.
    pub to: Party,
    /// Max-Forwards as received; 70 where there was none.
    pub max_forwards: u8,
    /// The offer, or `None` for a late offer.
    pub offer: Option<Box<SessionDescription>>,
    /// Whether the caller listed `100rel` in Supported.
    pub supports_100rel: bool,
    /// What only some calls say; `None` for a plain one.
    pub details: Option<Box<CallDetails>>,
}

/// What an INVITE says beyond who calls whom.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallDetails {
    /// The dialog that the caller wants to take over (Replaces, RFC 3891).
    pub replaces: Option<Replaced>,
    /// The dialog that the caller wants to join (Join, RFC 3911).
    pub join: Option<Replaced>,
    /// Who sent the call elsewhere before (Diversion, RFC 5806), the last one first, at most [`DIVERSIONS_MAX`].
    pub diversion: Vec<Diversion>,
    /// How often the call was sent elsewhere: the sum of the Diversion counters, or the entries of History-Info (RFC 7044)
    /// beyond the first, whichever is more.
    pub hops: u8,
    /// Who referred the caller here (Referred-By, RFC 3892).
    pub referred_by: Option<Party>,
    /// Whether the caller wants his identity hidden: Privacy (RFC 3323 §4.2), or `privacy` of Remote-Party-ID. What From says
    /// of it is in [`IncomingCall::from`].
    pub is_private: bool,
    /// P-Asserted-Identity, else Remote-Party-ID, of a trunk; nobody else is believed.
    pub asserted: Option<Party>,
    /// `m` of the Request-URI where the call completes another (RFC 6910): `BS`, `NR` or `NL`.
    pub call_completion: Option<String>,
    /// What a trunk found of the caller's number (`verstat` of the URI that names him, 3GPP TS 24.229 §7.2A.20).
    pub verstat: Option<String>,
    /// Header lines of a trunk that another trunk may be told unchanged: Identity (RFC 8224), Date where there is one,
    /// P-Charging-Vector (RFC 7315).
    pub carried: Vec<(&'static str, String)>,
}

/// More entries of Diversion are not read.
pub const DIVERSIONS_MAX: usize = 10;

/// One entry of Diversion (RFC 5806).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diversion {
    /// Who sent the call elsewhere.
    pub party: Party,
    /// `reason`: `unconditional`, `user-busy`, `no-answer` …
    pub reason: String,
    /// `counter`; 1 where it is not given.
    pub counter: u8,
    /// Whether he is not to be shown (`privacy` is something else than `off`).
    pub is_private: bool,
}

/// What a Replaces, Join or Target-Dialog header names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replaced {
    /// The leg; `None`: there is no such dialog here.
    pub leg: Option<LegId>,
    /// `early-only`: only if it is not answered.
    pub early_only: bool,
}

/// A REFER (RFC 3515): inside the dialog of a leg, or outside any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refer {
    /// The leg whose dialog it came in, or that its Target-Dialog names.
    pub leg: Option<LegId>,
    /// Who asks; in the dialog of a leg its far party, as that dialog names it.
    pub peer: Peer,
    /// The user part of the Request-URI, unescaped.
    pub dialled: String,
    /// Refer-To.
    pub to: ReferTo,
    /// Referred-By (RFC 3892).
    pub referred_by: Option<Party>,
    /// Whether progress is to be told by NOTIFY: not with `Refer-Sub: false` (RFC 4488).
    pub notifies: bool,
}

/// Refer-To, with its headers read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferTo {
    /// The user part, unescaped; of a tel URI the number.
    pub user: String,
    /// The host part; empty for a tel URI.
    pub host: String,
    /// `method` of the URI.
    pub method: ReferMethod,
    /// The Replaces header inside the URI, if there is one.
    pub replaces: Option<Replaced>,
    /// The same as it is written to another system, which may know the dialog. `None` where it is not what such a header may
    /// say.
    pub dialog: Option<String>,
}

/// What a REFER asks to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReferMethod {
    /// INVITE, the default.
    Invite,
    /// BYE: to take a party out of a conference.
    Bye,
    /// Anything else.
    Other,
}

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
}

/// A SUBSCRIBE that made a subscription (RFC 6665), from a peer that proved who it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscriber {
    /// Who subscribes.
    pub peer: Peer,
    /// The user part of the Request-URI, unescaped: whom it is about.
    pub dialled: String,
    /// The package.
    pub package: Package,
    /// The leg in whose dialog it came.
    pub leg: Option<LegId>,
    /// `m` of the Request-URI (RFC 6910).
    pub call_completion: Option<String>,
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

/// What a phone wants of its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FeatureWish {
    /// Nobody, or again everybody, may disturb.
    DoNotDisturb(bool),
    /// Calls go elsewhere, or no longer.
    Forward {
        /// When.
        kind: ForwardKind,
        /// Whether they are to.
        is_on: bool,
        /// Where; perhaps empty.
        to: String,
        /// Rings before nobody answers, if it says so.
        rings: Option<u32>,
    },
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

/// What a trunk told of a mailbox without being asked (RFC 3842), outside any dialog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessagesTold {
    /// The trunk.
    pub trunk: Arc<str>,
    /// What may name the mailbox, the surest first: the user parts of Request-URI, To and Message-Account.
    pub mailboxes: Vec<String>,
    /// How many messages there are.
    pub counts: MessageCounts,
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

/// How far a subscription of ours is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubscriptionPhase {
    /// `active`.
    Active,
    /// `pending`.
    Pending,
    /// `terminated`: [`Event::SubscriptionOver`] follows.
    Terminated,
}

/// Where the callee's side tells when a call can be completed (RFC 6910).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompletionOffer {
    /// A SIP URI without header fields, at most [`COMPLETION_URI_BYTES_MAX`].
    pub uri: String,
    /// `m`: `BS`, `NR` or `NL`.
    pub mode: Option<&'static str>,
}

/// An offer to complete a call at a longer URI is not heard, in bytes.
pub const COMPLETION_URI_BYTES_MAX: usize = 256;

/// Why a leg ended, in the words of RFC 3261 and RFC 3326.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cause {
    /// The final status code that ended it; zero where a BYE or CANCEL did.
    pub status: u16,
    /// `cause` of a `Reason: Q.850` header.
    pub q850: Option<u8>,
    /// `cause` of a `Reason: SIP` header.
    pub sip: Option<u16>,
    /// What happened.
    pub kind: CauseKind,
}

/// The kind of end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CauseKind {
    /// The peer sent BYE.
    #[default]
    Bye,
    /// The peer sent CANCEL.
    Cancel,
    /// The peer answered with a final response of 300 or more.
    Status,
    /// No response at all: Timer B or F, or the transport failed.
    Unreachable,
    /// Our 2xx was never acknowledged (RFC 3261 §13.3.1.4), or a provisional response that wanted it (RFC 3262 §3).
    NoAck,
    /// The leg was ended by our own command.
    Local,
    /// A request inside the dialog drew 408 or 481, or nothing.
    Lost,
}

/// What happened on a leg, or at the registrar.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new leg called in.
    Incoming(LegId, Box<IncomingCall>),
    /// A provisional response above 100 to our INVITE.
    Progress {
        /// The leg.
        leg: LegId,
        /// 101 to 199.
        status: u16,
        /// Early media of this fork, as a preview of the answer.
        sdp: Option<Box<SessionDescription>>,
        /// Whether the phone announced `Allow-Events: talk`: it can be answered by NOTIFY.
        talk: bool,
    },
    /// A 2xx to our initial INVITE; the agent has sent the ACK (unless the 2xx carries an offer: then `AnswerOffer`
    /// goes into the ACK).
    Answered {
        /// The leg.
        leg: LegId,
        /// The answer, or the peer's offer where our INVITE had none.
        sdp: Option<Box<SessionDescription>>,
        /// Whether `sdp` is an offer that waits for `AnswerOffer`.
        is_offer: bool,
        /// The connected party: P-Asserted-Identity of a trusted peer, else To; [`Party::anonymous`] where he asks for privacy.
        connected: Party,
    },
    /// Our 2xx was acknowledged.
    Established {
        /// The leg.
        leg: LegId,
        /// The answer in the ACK, where our 2xx carried the offer.
        answer: Option<Box<SessionDescription>>,
    },
    /// The peer offered a change (re-INVITE or UPDATE; UPDATE and PRACK also before the 2xx): wants `AnswerOffer` or `RefuseOffer`.
    Offer {
        /// The leg.
        leg: LegId,
        /// The offer; `None` asks for ours (re-INVITE without SDP): wants `AnswerOffer` with a full offer.
        sdp: Option<Box<SessionDescription>>,
    },
    /// The peer answered what we offered in its ACK of a re-INVITE without SDP, or our own re-INVITE.
    OfferAnswered {
        /// The leg.
        leg: LegId,
        /// The answer.
        sdp: Option<Box<SessionDescription>>,
    },
    /// Our re-INVITE was refused: the session is as it was (RFC 3261 §14.1).
    OfferRefused {
        /// The leg.
        leg: LegId,
        /// The final status.
        status: u16,
    },
    /// The outcome of a NOTIFY that a command asked for.
    Notified {
        /// The leg.
        leg: LegId,
        /// The final status; 408 where none came.
        status: u16,
    },
    /// Our initial INVITE failed. The leg is over.
    Failed {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Cause,
        /// Retry-After in seconds.
        retry_after_s: Option<u32>,
        /// The Contact URIs of a 3xx, the most wanted first.
        redirect: Vec<String>,
    },
    /// The leg is over: BYE or CANCEL from the peer, our own `End`, or a failure.
    Ended {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Cause,
    },
    /// A REFER: wants [`Command::AnswerRefer`].
    Refer(UsageId, Box<Refer>),
    /// User-to-user information (RFC 7433) of an INVITE, 180, 200 or BYE, or of an INFO: said right before the event of that
    /// message, of an INVITE right after.
    UserToUser {
        /// The leg.
        leg: LegId,
        /// The octets.
        data: Bytes,
    },
    /// Whom we called offers to tell when the call can be completed (Call-Info of RFC 6910 in a provisional response or a
    /// refusal): said right before the event of that message.
    Completable {
        /// The leg.
        leg: LegId,
        /// What is offered.
        offer: Box<CompletionOffer>,
    },
    /// A digit by SIP INFO.
    Digit {
        /// The leg.
        leg: LegId,
        /// `0` to `9`, `A` to `D`, `*`, `#`, or `!` for a hookflash.
        digit: u8,
        /// How long the key was pressed.
        duration_ms: u16,
    },
    /// A subscription of a peer: wants [`Command::AnswerSubscribe`].
    Subscribe(UsageId, Box<Subscriber>),
    /// A phone wants a feature of its line changed, in its subscription: wants [`Command::NotifySubscriber`], whatever comes of it.
    FeatureWish(UsageId, Box<FeatureWish>),
    /// The last event of a peer's subscription: it expired, was ended, or cannot be notified.
    Unsubscribed(UsageId),
    /// A NOTIFY of a subscription of ours.
    Subscription {
        /// Which.
        usage: UsageId,
        /// Subscription-State.
        phase: SubscriptionPhase,
        /// Content-Type and body.
        body: Option<(String, Bytes)>,
    },
    /// The last event of a subscription of ours, with the final status of the SUBSCRIBE that failed, else zero.
    SubscriptionOver {
        /// Which.
        usage: UsageId,
        /// 408 where nothing came.
        status: u16,
    },
    /// The trunk that keeps the messages of lines told of a mailbox outside any subscription.
    MessagesTold(Box<MessagesTold>),
    /// A registration of ours was accepted, for the first time or once more.
    Registered {
        /// Which.
        usage: UsageId,
        /// The trunk.
        trunk: Arc<str>,
        /// How long it lasts.
        expires: Duration,
        /// The way that calls out are to take (Service-Route, RFC 3608), each a name-addr.
        service_route: Vec<String>,
        /// Whether it was not registered before.
        is_first: bool,
    },
    /// The last event of a registration of ours: it was refused, not answered, or ended as its owner wanted.
    RegistrationOver {
        /// Which.
        usage: UsageId,
        /// The trunk.
        trunk: Arc<str>,
        /// The final status; 408 where none came, 503 where the REGISTER could not be sent, zero where its owner wanted it.
        status: u16,
        /// Retry-After in seconds.
        retry_after_s: Option<u32>,
    },
    /// A MESSAGE of a line's phone: wants [`Command::AnswerText`].
    Text(UsageId, Box<IncomingText>),
    /// How a MESSAGE of ours ended.
    MessageDone {
        /// Which.
        usage: UsageId,
        /// The final status; 408 where none came.
        status: u16,
    },
    /// A contact of a line came or went; a refresh says nothing.
    Registration {
        /// The line.
        line: Arc<str>,
        /// The Contact URI.
        contact: String,
        /// What happened to it.
        change: RegistrationChange,
    },
    /// A request failed authentication or came from an unknown peer: for the log.
    Refused {
        /// The source.
        flow: Flow,
        /// The method.
        method: &'static str,
        /// The user that was named, cut to 64 bytes.
        user: String,
        /// The status that was answered.
        status: u16,
    },
}

impl Event {
    /// The leg or usage that the event is about; `None`: one of the registrar, of a mailbox, or a refusal.
    pub const fn subject(&self) -> Option<Subject> {
        match self {
            Self::Incoming(leg, _)
            | Self::Progress { leg, .. }
            | Self::Answered { leg, .. }
            | Self::Established { leg, .. }
            | Self::Offer { leg, .. }
            | Self::OfferAnswered { leg, .. }
            | Self::OfferRefused { leg, .. }
            | Self::Notified { leg, .. }
            | Self::Failed { leg, .. }
            | Self::Ended { leg, .. }
            | Self::UserToUser { leg, .. }
            | Self::Completable { leg, .. }
            | Self::Digit { leg, .. } => Some(Subject::Leg(*leg)),
            Self::Refer(usage, _)
            | Self::Subscribe(usage, _)
            | Self::FeatureWish(usage, _)
            | Self::Text(usage, _)
            | Self::Unsubscribed(usage)
            | Self::Subscription { usage, .. }
            | Self::SubscriptionOver { usage, .. }
            | Self::Registered { usage, .. }
            | Self::RegistrationOver { usage, .. }
            | Self::MessageDone { usage, .. } => Some(Subject::Usage(*usage)),
            Self::MessagesTold(_) | Self::Registration { .. } | Self::Refused { .. } => None,
        }
    }

    /// Whether it is the last event of a leg.
    pub const fn ends_leg(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Ended { .. })
    }
}

/// What happened to a binding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegistrationChange {
    /// A new contact.
    Registered,
    /// The contact was removed by the phone.
    Unregistered,
    /// The contact was not refreshed in time, or its connection closed.
    Expired,
}

/// Where an INVITE goes.
#[derive(Clone, Debug)]
pub struct Target {
    /// The Request-URI: for a phone its Contact exactly as registered.
    pub uri: String,
    /// The hop to send to.
    pub flow: Flow,
    /// Preloaded Route values (Path of the binding, RFC 3327), each a name-addr.
    pub route: Vec<String>,
}

/// An INVITE to send.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Where to.
    pub target: Target,
    /// The identity shown to the callee.
    pub from: Party,
    /// To: who is called.
    pub to: Party,
    /// The offer; its addresses are filled in by the agent where unspecified. `None`: late offer.
    pub offer: Option<Box<SessionDescription>>,
    /// Max-Forwards to write.
    pub max_forwards: u8,
    /// Further header lines, name and value: `Alert-Info`, `Call-Info`, `Diversion` …
    pub headers: Vec<(&'static str, String)>,
    /// Answers a 401 or 407 of this peer and realm only.
    pub credentials: Option<Arc<Credentials>>,
    /// Give up if no final response came after this time, then CANCEL.
    pub timeout: Duration,
    /// Give up if no response at all came after this time: somebody else can be asked. `None`: Timer B.
    pub patience: Option<Duration>,
}

/// A subscription to make (RFC 6665).
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// Where to.
    pub target: Target,
    /// Who subscribes.
    pub from: Party,
    /// Whom it is about.
    pub to: Party,
    /// The package.
    pub package: Package,
    /// How long it is to last; refreshed until [`Command::Unsubscribe`].
    pub expires: Duration,
    /// Answers a challenge.
    pub credentials: Option<Arc<Credentials>>,
}

/// A registration to make at the registrar of a trunk (RFC 3261 §10.2).
#[derive(Clone, Debug)]
pub struct Register {
    /// The trunk.
    pub trunk: Arc<str>,
    /// The registrar: `sip:carrier.example`.
    pub target: Target,
    /// The address of record: From and To.
    pub record: Party,
    /// The user part of Contact, by which calls of the trunk are known.
    pub contact: String,
    /// How long it is to last; refreshed until [`Command::Unregister`].
    pub expires: Duration,
    /// Answers a challenge.
    pub credentials: Option<Arc<Credentials>>,
}

/// What a request outside any dialog says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// A MESSAGE (RFC 3428): Content-Type and body.
    Text(String, Bytes),
    /// A NOTIFY of this event that nobody subscribed to: `check-sync;reboot=true`.
    Event(&'static str),
}

impl Content {
    /// A plain text.
    pub fn plain(text: &str) -> Self {
        Self::Text("text/plain;charset=UTF-8".to_owned(), Bytes::copy_from_slice(text.as_bytes()))
    }

    /// Bytes of the body.
    pub const fn len(&self) -> usize {
        match self {
            Self::Text(_, body) => body.len(),
            Self::Event(_) => 0,
        }
    }

    /// Whether there is no body.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A MESSAGE of a line's phone (RFC 3428).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IncomingText {
    /// The line.
    pub line: Arc<str>,
    /// The user part of the Request-URI, unescaped.
    pub dialled: String,
    /// Whether who writes hides.
    pub is_hidden: bool,
    /// Max-Forwards of what this leads to.
    pub max_forwards: u8,
    /// Content-Type.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

/// A request outside any dialog to send: a MESSAGE, or a NOTIFY.
#[derive(Clone, Debug)]
pub struct OutgoingMessage {
    /// Where to.
    pub target: Target,
    /// Who writes.
    pub from: Party,
    /// To whom.
    pub to: Party,
    /// Max-Forwards to write.
    pub max_forwards: u8,
    /// What it says.
    pub content: Content,
}

/// What the switch tells an agent about a leg, or a usage.
#[derive(Clone, Debug)]
pub enum Command {
    /// Make a leg.
    Invite(LegId, Box<Invite>),
    /// Send a provisional response, 101 to 199.
    Progress(LegId, u16, Option<Box<SessionDescription>>),
    /// Answer an incoming leg with 200: the answer to its offer, or our offer if it had none. What a provisional response has described
    /// is said no differently: where it was sent reliably it is the answer for good (RFC 3262 §5).
    Answer(LegId, Option<Box<SessionDescription>>),
    /// Refuse an incoming leg with a final status of 300 or more; further header lines may follow.
    Reject(LegId, u16, Vec<(&'static str, String)>),
    /// Offer a change by re-INVITE.
    Offer(LegId, Box<SessionDescription>),
    /// Answer the peer's `Offer` (or send ours where it asked for one), or the offer in its 2xx.
    AnswerOffer(LegId, Box<SessionDescription>),
    /// Refuse the peer's `Offer`: the session stays as it was.
    RefuseOffer(LegId, u16),
    /// Send NOTIFY in the dialog with this event package (`talk`, `hold`) and no body.
    Notify(LegId, &'static str),
    /// Further header lines for the next message that a command sends on this leg: 18x, 200, refusal, CANCEL or BYE.
    Enclose(LegId, Vec<(&'static str, String)>),
    /// Show the far end whom it is connected with: P-Asserted-Identity and Remote-Party-ID in the next 18x and 200 of a leg
    /// that is not answered, else in an UPDATE, or in a re-INVITE with the same description. What was shown last is not
    /// shown again; a peer that refuses both is left alone.
    Identify(LegId, Party),
    /// Be the focus of a conference with this user part in Contact, from the next message that has one (RFC 4579); `None`: be
    /// that no more.
    Focus(LegId, Option<String>),
    /// Send a digit by SIP INFO, once there is a session and the digits before it are answered: which (`!` for a hookflash),
    /// and for how many milliseconds.
    Digit(LegId, u8, u16),
    /// Send user-to-user information by INFO (RFC 7433).
    UserToUser(LegId, Bytes),
    /// Accept a REFER (2xx: the agent then notifies 100 at once, if anything is notified) or refuse it. Wanted within 20 s.
    AnswerRefer(UsageId, u16),
    /// Tell by NOTIFY how far a REFER is; 200 and above is the last. Nothing is told once the leg is over: tell it before
    /// [`Self::End`].
    ReferProgress(UsageId, u16),
    /// Accept a subscription, or refuse it.
    AnswerSubscribe(UsageId, u16),
    /// Tell a subscriber; `true`: for the last time.
    NotifySubscriber(UsageId, Box<Document>, bool),
    /// Subscribe.
    Subscribe(UsageId, Box<Subscribe>),
    /// End a subscription of ours.
    Unsubscribe(UsageId),
    /// Register.
    Register(UsageId, Box<Register>),
    /// End a registration of ours.
    Unregister(UsageId),
    /// Send a MESSAGE, or a NOTIFY without a subscription.
    Message(UsageId, Box<OutgoingMessage>),
    /// Answer a MESSAGE finally. Wanted before its sender gives up (32 s).
    AnswerText(UsageId, u16),
    /// Ask the far end of an answered leg whether it still has the session, by a request that changes nothing: UPDATE where it
    /// takes that (RFC 3311), else re-INVITE with the same description. 481, 408 or silence ends the leg, whatever else is
    /// answered proves it. Where an offer is under way nothing is sent: it tells as much.
    Probe(LegId),
    /// End the leg however its state demands: CANCEL, final response or BYE. The Reason header's value, if any.
    End(LegId, Option<String>),
}

impl Command {
    /// The worker that owns what the command is for.
    pub fn worker(&self) -> u16 {
        self.subject().worker()
    }

    /// The leg that the command is for, or the usage.
    pub const fn subject(&self) -> Subject {
        match self {
            Self::AnswerRefer(usage, _)
            | Self::ReferProgress(usage, _)
            | Self::AnswerSubscribe(usage, _)
            | Self::NotifySubscriber(usage, _, _)
            | Self::Subscribe(usage, _)
            | Self::Unsubscribe(usage)
            | Self::Register(usage, _)
            | Self::Unregister(usage)
            | Self::AnswerText(usage, _)
            | Self::Message(usage, _) => Subject::Usage(*usage),
            Self::Invite(leg, _)
            | Self::Progress(leg, _, _)
            | Self::Answer(leg, _)
            | Self::Reject(leg, _, _)
            | Self::Offer(leg, _)
            | Self::AnswerOffer(leg, _)
            | Self::RefuseOffer(leg, _)
            | Self::Notify(leg, _)
            | Self::Enclose(leg, _)
            | Self::Identify(leg, _)
            | Self::Focus(leg, _)
            | Self::Digit(leg, _, _)
            | Self::UserToUser(leg, _)
            | Self::Probe(leg)
            | Self::End(leg, _) => Subject::Leg(*leg),
        }
    }

    /// Where a request outside any dialog goes, for whoever knows from which of our addresses that is reached.
    pub fn target_mut(&mut self) -> Option<&mut Target> {
        match self {
            Self::Invite(_, invite) => Some(&mut invite.target),
            Self::Subscribe(_, subscribe) => Some(&mut subscribe.target),
            Self::Register(_, register) => Some(&mut register.target),
            Self::Message(_, message) => Some(&mut message.target),
            Self::Progress(..)
            | Self::Answer(..)
            | Self::Reject(..)
            | Self::Offer(..)
            | Self::AnswerOffer(..)
            | Self::RefuseOffer(..)
            | Self::Notify(..)
            | Self::Enclose(..)
            | Self::Identify(..)
            | Self::Focus(..)
            | Self::Digit(..)
            | Self::UserToUser(..)
            | Self::AnswerRefer(..)
            | Self::ReferProgress(..)
            | Self::AnswerSubscribe(..)
            | Self::NotifySubscriber(..)
            | Self::Unsubscribe(_)
            | Self::Unregister(_)
            | Self::AnswerText(..)
            | Self::Probe(_)
            | Self::End(..) => None,
        }
    }
}

/// What a command is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    /// A leg.
    Leg(LegId),
    /// A REFER, a subscription, a registration of ours or a MESSAGE.
    Usage(UsageId),
}

impl Subject {
    /// The worker that owns it.
    pub const fn worker(self) -> u16 {
        match self {
            Self::Leg(leg) => leg.worker(),
            Self::Usage(usage) => usage.worker(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leg(leg) => leg.fmt(f),
            Self::Usage(usage) => usage.fmt(f),
        }
    }
}
