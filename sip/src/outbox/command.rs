//! What the SIP core is told: a [`Command`] and all that it brings along.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Document, Package, Party, Subject};
use crate::auth::Credentials;
use crate::ids::{LegId, UsageId};
use crate::message::Method;
use crate::package::csta::Service;
use crate::sdp::SessionDescription;
use crate::transport::Flow;

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
    /// Whether it asks for a session about CSTA that has no media (ECMA TR/87): then there is no offer.
    pub is_csta: bool,
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
    /// Give up if no response at all came after this time: somebody else can be asked. `None`: Timer B. Asked for a password, or for
    /// another form of the INVITE, the peer has it once more.
    pub patience: Option<Duration>,
    /// Give up if nothing but 100 came after this time from the first 100 on, then CANCEL. `None`: as long as `timeout`.
    pub progress: Option<Duration>,
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
    /// The user part of Contact, by which calls of the trunk are known. Empty: all numbers that the registrar knows to be ours are
    /// registered (`bnc`, RFC 6140), and each is called by itself.
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
    Event(Cow<'static, str>),
    /// An OPTIONS: whether whoever is there lives (RFC 3261 §11).
    Question,
    /// A REFER (RFC 3515): call this one. What the phone says of it later is told by
    /// [`Event::Referred`](super::Event::Referred).
    Referral(Party),
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
            Self::Event(_) | Self::Question | Self::Referral(_) => 0,
        }
    }

    /// The method of its request.
    pub(crate) const fn method(&self) -> Method {
        match self {
            Self::Text(..) => Method::Message,
            Self::Event(_) => Method::Notify,
            Self::Question => Method::Options,
            Self::Referral(_) => Method::Refer,
        }
    }

    /// Whether there is no body.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A request outside any dialog to send: a MESSAGE, a NOTIFY, an OPTIONS, or a REFER.
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
    /// Ask the phone at the other end of a session about CSTA for a service: by INFO, one after the other. What came of each
    /// is told by [`Event::CstaAnswered`](super::Event::CstaAnswered), unless the leg ends before.
    Csta(LegId, Box<Service>),
    /// Accept a REFER (2xx: the agent then notifies 100 at once, if anything is notified) or refuse it. Wanted within 20 s.
    AnswerRefer(UsageId, u16),
    /// Tell by NOTIFY how far a REFER is; 200 and above is the last. Nothing is told once the leg is over: tell it before
    /// [`Self::End`].
    ReferProgress(UsageId, u16),
    /// Accept a subscription, or refuse it.
    AnswerSubscribe(UsageId, u16),
    /// Accept a subscription to a list (RFC 4662 §4.1): 200 with Require.
    AcceptList(UsageId),
    /// Tell a subscriber; `true`: for the last time.
    NotifySubscriber(UsageId, Box<Document>, bool),
    /// Subscribe.
    Subscribe(UsageId, Box<Subscribe>),
    /// End a subscription of ours.
    Unsubscribe(UsageId),
    /// Nobody wants a request outside any dialog any more: it is not sent again with a password.
    Withdraw(UsageId),
    /// Register.
    Register(UsageId, Box<Register>),
    /// End a registration of ours.
    Unregister(UsageId),
    /// Send a MESSAGE, or a NOTIFY without a subscription.
    Message(UsageId, Box<OutgoingMessage>),
    /// Answer a MESSAGE finally. Wanted before its sender gives up (32 s).
    AnswerText(UsageId, u16),
    /// Answer a PUBLISH finally. Wanted before its sender gives up (32 s).
    AnswerPublish(UsageId, Result<Publication, u16>),
    /// Ask the far end of an answered leg whether it still has the session, by a request that changes nothing: UPDATE where it
    /// takes that (RFC 3311), else re-INVITE with the same description. 481, 408 or silence ends the leg, whatever else is
    /// answered proves it. Where an offer is under way nothing is sent: it tells as much.
    Probe(LegId),
    /// End the leg however its state demands: CANCEL, final response or BYE. The Reason header's value, if any.
    End(LegId, Option<String>),
}

/// What a phone is told of what it published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publication {
    /// By which it refreshes, changes or removes it; another one each time.
    pub entity_tag: u64,
    /// For how many seconds it holds; zero: it was removed.
    pub expires_s: u32,
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
            | Self::AcceptList(usage)
            | Self::NotifySubscriber(usage, _, _)
            | Self::Subscribe(usage, _)
            | Self::Unsubscribe(usage)
            | Self::Withdraw(usage)
            | Self::Register(usage, _)
            | Self::Unregister(usage)
            | Self::AnswerText(usage, _)
            | Self::AnswerPublish(usage, _)
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
            | Self::Csta(leg, _)
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
            | Self::Csta(..)
            | Self::AnswerRefer(..)
            | Self::ReferProgress(..)
            | Self::AnswerSubscribe(..)
            | Self::AcceptList(_)
            | Self::NotifySubscriber(..)
            | Self::Unsubscribe(_)
            | Self::Withdraw(_)
            | Self::Unregister(_)
            | Self::AnswerText(..)
            | Self::AnswerPublish(..)
            | Self::Probe(_)
            | Self::End(..) => None,
        }
    }
}
