//! Subscriptions (RFC 6665), from both sides, each a plain value with its dialog.
//!
//! ```text
//!  notifier    SUBSCRIBE ─▶ Asked ──AnswerSubscribe──▶ Active ──expired, ended, lost──▶ (last NOTIFY) ─▶ Over
//!                             └──refused──────────────────────────────────────────────────────────────▶
//!  subscriber  Subscribe ─▶ Asking ──2xx, NOTIFY──▶ Active ──Unsubscribe──▶ Leaving ──last NOTIFY──▶ Over
//!                             └──refused, silence──────┴──terminated, lost──────────────────────────▶
//! ```
//!
//! A notifier tells the full state (of a list what changed, RFC 4662), at once and then at most every [`NOTIFY_INTERVAL`]; one NOTIFY is on its way at a
//! time, and what changes meanwhile is told as it is by then. A subscriber refreshes until it is told to leave.

mod accept;
mod event;
mod notifier;
mod request;
mod subscriber;
mod table;

pub(crate) use accept::{Demand, demand, takes_lists};
pub(crate) use event::EventType;
pub(crate) use notifier::{Asked, Notifier};
pub use notifier::{KeptSubscription, SubscriptionChange};
pub(crate) use request::{Identity, MAX_FORWARDS, Outside, TEXT_BYTES_MAX, ask_whether_there, message};
pub(crate) use subscriber::Watcher;
pub(crate) use table::{Entry, Subscriptions};

use std::collections::HashMap;
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;

use crate::endpoint::Endpoint;
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::message::Message;
use crate::outbox::Outbox;
use crate::session::Leg;
use crate::token::Token;
use crate::transaction::Concern;
use crate::transport::Flow;

/// The least time between two NOTIFYs of one subscription (RFC 4235 §3.10): a last one is not held back.
pub(crate) const NOTIFY_INTERVAL: Duration = Duration::from_secs(1);

/// A subscription that asks for less is refused 423, in seconds.
pub(crate) const EXPIRES_MIN_S: u32 = 60;

/// A subscription that asks for more is granted this, in seconds; and one that asks for nothing (RFC 4235 §3.4).
pub(crate) const EXPIRES_MAX_S: u32 = 3600;

/// Subscriptions of one peer on one agent.
pub const PEER_SUBSCRIPTIONS_MAX: usize = 1000;

/// Subscriptions of a line from one Contact to the same: a phone that restarts leaves the old ones behind, and may have
/// several keys for one colleague. A phone that says which it is (`+sip.instance`) leaves none behind.
pub(crate) const TWINS_MAX: usize = 4;

/// The legs of an agent.
pub(crate) type Legs = HashMap<LegId, Box<Leg>, RandomState>;

/// What a subscription acts on beside itself.
pub(crate) struct Ground<'a> {
    pub(crate) endpoint: &'a mut Endpoint,
    /// The legs that documents name, and in whose dialogs subscriptions may be.
    pub(crate) legs: &'a mut Legs,
}

/// A subscription, of either side.
#[derive(Debug)]
pub(crate) enum Subscription {
    /// A peer's.
    Notifier(Box<Notifier>),
    /// Ours.
    Watcher(Box<Watcher>),
}

impl Subscription {
    pub(crate) fn id(&self) -> UsageId {
        match self {
            Self::Notifier(notifier) => notifier.id,
            Self::Watcher(watcher) => watcher.id,
        }
    }

    /// Our tag, where the dialog is the subscription's own.
    fn tag(&self) -> Option<Token> {
        match self {
            Self::Notifier(notifier) => notifier.own_tag(),
            Self::Watcher(watcher) => Some(watcher.tag()),
        }
    }

    /// The leg in whose dialog it is.
    fn leg(&self) -> Option<LegId> {
        match self {
            Self::Notifier(notifier) => notifier.leg(),
            Self::Watcher(_) => None,
        }
    }

    /// The connection that the peer is reached by, if any.
    fn connection(&self) -> ConnectionId {
        match self {
            Self::Notifier(notifier) => notifier.connection(),
            Self::Watcher(watcher) => watcher.connection(),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Notifier(notifier) => notifier.is_over(),
            Self::Watcher(watcher) => watcher.is_over(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Notifier(notifier) => notifier.deadline(),
            Self::Watcher(watcher) => watcher.deadline(),
        }
    }

    /// Whether a request with these identities is in its dialog.
    pub(crate) fn matches(&self, call_id: &str, remote_tag: &str) -> bool {
        match self {
            Self::Notifier(notifier) => notifier.matches(call_id, remote_tag),
            Self::Watcher(watcher) => watcher.matches(call_id, remote_tag),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, ground: &mut Ground<'_>, out: &mut Outbox) {
        match self {
            Self::Notifier(notifier) => notifier.handle_timeout(now, ground, out),
            Self::Watcher(watcher) => watcher.handle_timeout(now, ground.endpoint, out),
        }
    }

    /// What became of a request of ours.
    pub(crate) fn outcome(
        &mut self,
        now: Instant,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) {
        match self {
            Self::Notifier(notifier) => notifier.notified(now, concern, answer, ground, out),
            Self::Watcher(watcher) => watcher.answered(now, concern, answer, ground.endpoint, out),
        }
    }

    /// A connection closed: the next request opens another.
    pub(crate) fn connection_closed(&mut self, connection: ConnectionId) {
        match self {
            Self::Notifier(notifier) => notifier.connection_closed(connection),
            Self::Watcher(watcher) => watcher.connection_closed(connection),
        }
    }
}
