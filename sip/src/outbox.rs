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
//! `Ended` or `Failed` is the last event of a leg and always comes, whatever the network does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::auth::Credentials;
use crate::ids::{ConnectionId, LegId};
use crate::location::Binding;
use crate::sdp::SessionDescription;
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
    /// Connections to close: hostile, or broken beyond repair.
    pub close: Vec<ConnectionId>,
}

impl Outbox {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.transmits.is_empty()
            && self.events.is_empty()
            && self.bindings.is_empty()
            && self.close.is_empty()
    }
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
#[derive(Clone, PartialEq, Eq, Debug)]
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
}

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
    /// Our 2xx was never acknowledged (RFC 3261 §13.3.1.4).
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
        /// The connected party: P-Asserted-Identity of a trusted peer, else To.
        connected: Party,
    },
    /// Our 2xx was acknowledged.
    Established {
        /// The leg.
        leg: LegId,
        /// The answer in the ACK, where our 2xx carried the offer.
        answer: Option<Box<SessionDescription>>,
    },
    /// The peer offered a change (re-INVITE or UPDATE): wants `AnswerOffer` or `RefuseOffer`.
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
        /// Contact of a 3xx.
        redirect: Vec<String>,
    },
    /// The leg is over: BYE or CANCEL from the peer, our own `End`, or a failure.
    Ended {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Cause,
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
}

/// What the switch tells an agent about a leg.
#[derive(Clone, Debug)]
pub enum Command {
    /// Make a leg.
    Invite(LegId, Box<Invite>),
    /// Send a provisional response, 101 to 199.
    Progress(LegId, u16, Option<Box<SessionDescription>>),
    /// Answer an incoming leg with 200: the answer to its offer, or our offer if it had none.
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
    /// End the leg however its state demands: CANCEL, final response or BYE. The Reason header's value, if any.
    End(LegId, Option<String>),
}

impl Command {
    /// The leg that the command is for.
    pub const fn leg(&self) -> LegId {
        match self {
            Self::Invite(leg, _)
            | Self::Progress(leg, _, _)
            | Self::Answer(leg, _)
            | Self::Reject(leg, _, _)
            | Self::Offer(leg, _)
            | Self::AnswerOffer(leg, _)
            | Self::RefuseOffer(leg, _)
            | Self::Notify(leg, _)
            | Self::End(leg, _) => *leg,
        }
    }
}
