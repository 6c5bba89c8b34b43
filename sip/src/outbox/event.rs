//! What the SIP core tells: an [`Event`] and all that it brings along.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Cause, ForwardKind, MessageCounts, Package, Party, Peer, PublishedPresence, Subject};
use crate::ids::{LegId, UsageId};
use crate::package::csta::Statement;
use crate::sdp::SessionDescription;
use crate::transport::Flow;

/// The status of a request outside of dialogs that the agent had no room to send.
pub const UNSENT: u16 = 0;

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
    /// Who sent the call elsewhere before (Diversion, RFC 5806; where there is none History-Info, RFC 7044), the last one first, at most
    /// [`DIVERSIONS_MAX`].
    pub diversion: Vec<Diversion>,
    /// How often the call was sent elsewhere: the sum of the Diversion counters, or the entries of History-Info
    /// beyond the first, whichever is more.
    pub hops: u8,
    /// Who referred the caller here (Referred-By, RFC 3892).
    pub referred_by: Option<Party>,
    /// Whether the caller wants his identity hidden: Privacy (RFC 3323 §4.2), or `privacy` of Remote-Party-ID. What From says
    /// of it is in [`IncomingCall::from`].
    pub is_private: bool,
    /// P-Asserted-Identity, else Remote-Party-ID, of a trunk; nobody else is believed.
    pub asserted: Option<Party>,
    /// The device that alone is called: `gr` of the Request-URI (RFC 5627), as [`Binding::is_device`](crate::location::Binding::is_device)
    /// takes it.
    pub device: Option<String>,
    /// `m` of the Request-URI where the call completes another (RFC 6910): `BS`, `NR` or `NL`.
    pub call_completion: Option<String>,
    /// What a trunk found of the caller's number (`verstat` of the URI that names him, 3GPP TS 24.229 §7.2A.20).
    pub verstat: Option<String>,
    /// Header lines of a trunk that another trunk may be told unchanged: Identity (RFC 8224), Date where there is one,
    /// P-Charging-Vector and P-Charging-Function-Addresses (RFC 7315).
    pub carried: Vec<(&'static str, String)>,
    /// Header lines that a call for help takes along, whoever makes it: where the caller is (Geolocation, Geolocation-Routing: RFC 6442) and
    /// how urgent it is (Resource-Priority, RFC 4412). A location inside of the INVITE (`cid:`) is none of them.
    pub for_help: Vec<(&'static str, String)>,
}

/// More entries are not read.
pub const DIVERSIONS_MAX: usize = 10;

/// Somebody who sent a call elsewhere, as Diversion says it (RFC 5806).
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
    /// Whether it takes lists (RFC 4662 §4.1).
    pub takes_lists: bool,
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

/// A PUBLISH of presence (RFC 3903), from a line that proved who it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IncomingPublication {
    /// The line.
    pub line: Arc<str>,
    /// The user part of the Request-URI, unescaped: whom it is about.
    pub dialled: String,
    /// SIP-If-Match: which publication it refreshes, changes or removes; `None`: it is the first.
    pub entity_tag: Option<u64>,
    /// For how many seconds it is to hold; zero: it is removed.
    pub expires_s: u32,
    /// What it says; `None`: the same as before.
    pub presence: Option<Box<PublishedPresence>>,
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
    },
    /// The phone announced in an INVITE, or in what it said to ours, what it does when a NOTIFY in the dialog asks it to
    /// (Allow-Events); told where it changes.
    Announced {
        /// The leg.
        leg: LegId,
        /// `Event: talk` answers it, or retrieves it.
        talk: bool,
        /// `Event: hold` holds it.
        hold: bool,
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
    /// An offer that is not answered yet is no more: the peer has taken it back by CANCEL (RFC 3261 §9.2), or waited too long.
    OfferWithdrawn {
        /// The leg.
        leg: LegId,
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
        /// What it was asked by: `talk`, `hold`.
        event: &'static str,
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
    /// A REFER: wants [`Command::AnswerRefer`](super::Command::AnswerRefer).
    Refer(UsageId, Box<Refer>),
    /// User-to-user information (RFC 7433) of an INVITE, 180, 200 or BYE, or of an INFO: said right before the event of that
    /// message, of an INVITE right after.
    UserToUser {
        /// The leg.
        leg: LegId,
        /// The octets.
        data: Bytes,
    },
    /// What the answer to come says for bills (RFC 7315): told right before [`Event::Answered`].
    Charged {
        /// The leg that answers.
        leg: LegId,
        /// P-Charging-Vector, P-Charging-Function-Addresses: name and value.
        headers: Vec<(&'static str, String)>,
    },
    /// Whom we called offers to tell when the call can be completed (Call-Info of RFC 6910 in a provisional response or a
    /// refusal): said right before the event of that message.
    Completable {
        /// The leg.
        leg: LegId,
        /// What is offered.
        offer: Box<CompletionOffer>,
    },
    /// What the phone of a session about CSTA says: in its 2xx to our INVITE (said right before [`Self::Answered`]), in an INFO of
    /// its own, or in a re-INVITE.
    Csta {
        /// The leg.
        leg: LegId,
        /// What it says.
        statement: Box<Statement>,
    },
    /// What came of a service: [`Command::Csta`](super::Command::Csta).
    CstaAnswered {
        /// The leg.
        leg: LegId,
        /// The final status of the INFO; 408 where none came, [`UNSENT`] where too many waited.
        status: u16,
        /// What the answer says; `None`: nothing, or nothing that can be read.
        statement: Option<Box<Statement>>,
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
    /// A subscription of a peer: wants [`Command::AnswerSubscribe`](super::Command::AnswerSubscribe).
    Subscribe(UsageId, Box<Subscriber>),
    /// A phone wants a feature of its line changed, in its subscription: wants [`Command::NotifySubscriber`](super::Command::NotifySubscriber), whatever comes of it.
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
    /// A MESSAGE of a line's phone: wants [`Command::AnswerText`](super::Command::AnswerText).
    Text(UsageId, Box<IncomingText>),
    /// A PUBLISH of a line's phone: wants [`Command::AnswerPublish`](super::Command::AnswerPublish).
    Publish(UsageId, Box<IncomingPublication>),
    /// How a MESSAGE, NOTIFY, OPTIONS or REFER of ours ended.
    MessageDone {
        /// Which.
        usage: UsageId,
        /// The final status; 408 where none came, [`UNSENT`] where the agent had no room to send it.
        status: u16,
    },
    /// A phone that was sent a REFER says that its call failed, or that it makes none: by NOTIFY, perhaps before it answers the REFER.
    Referred {
        /// The REFER.
        usage: UsageId,
        /// The status, 300 to 699, no challenge.
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
            | Self::Announced { leg, .. }
            | Self::Progress { leg, .. }
            | Self::Answered { leg, .. }
            | Self::Established { leg, .. }
            | Self::Offer { leg, .. }
            | Self::OfferWithdrawn { leg }
            | Self::OfferAnswered { leg, .. }
            | Self::OfferRefused { leg, .. }
            | Self::Notified { leg, .. }
            | Self::Failed { leg, .. }
            | Self::Ended { leg, .. }
            | Self::UserToUser { leg, .. }
            | Self::Charged { leg, .. }
            | Self::Completable { leg, .. }
            | Self::Csta { leg, .. }
            | Self::CstaAnswered { leg, .. }
            | Self::Digit { leg, .. } => Some(Subject::Leg(*leg)),
            Self::Refer(usage, _)
            | Self::Subscribe(usage, _)
            | Self::FeatureWish(usage, _)
            | Self::Text(usage, _)
            | Self::Publish(usage, _)
            | Self::Unsubscribed(usage)
            | Self::Subscription { usage, .. }
            | Self::SubscriptionOver { usage, .. }
            | Self::Registered { usage, .. }
            | Self::RegistrationOver { usage, .. }
            | Self::MessageDone { usage, .. }
            | Self::Referred { usage, .. } => Some(Subject::Usage(*usage)),
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
