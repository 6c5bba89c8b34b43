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

mod command;
mod document;
mod event;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use self::command::*;
pub use self::document::*;
pub use self::event::*;
use crate::dialog::{DialogChange, DialogName};
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::location::Binding;
use crate::package::LegDialog;
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
    /// No response but perhaps 100: Timer B or F, or the transport failed.
    Unreachable,
    /// Our 2xx was never acknowledged (RFC 3261 §13.3.1.4), or a provisional response that wanted it (RFC 3262 §3).
    NoAck,
    /// The leg was ended by our own command.
    Local,
    /// A request inside the dialog drew 408 or 481, or nothing; the stream of a call that may ring was lost; or the agent has no room for
    /// the call.
    Lost,
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
