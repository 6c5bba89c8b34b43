//! What of a peer's subscription outlives the process: told to the store when it is accepted, refreshed and over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Notifier, Place, Stage};
use crate::dialog::{Dialog, KeptDialog};
use crate::ids::UsageId;
use crate::message::Uri;
use crate::outbox::{Package, Peer, Subscriber};
use crate::package::Entity;
use crate::sdp::Origin;
use crate::subscription::EventType;
use crate::transport::Transport;

/// By how much versions begin beyond the last one that was kept: notices may have been sent since. A watcher takes what is not
/// above the last for old, and gaps for what they are (RFC 4235 §4.1.1).
const VERSIONS_UNKEPT_MAX: u32 = 10_000;

/// A peer's subscription as a store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptSubscription {
    /// The line that subscribed.
    pub line: Arc<str>,
    /// Event, as it is echoed; behind a line end the type of body of who takes none that is usual.
    pub event: String,
    /// What it subscribed to: the URI without port and parameters.
    pub uri: String,
    /// Its dialog. What is said there of media is empty.
    pub dialog: KeptDialog,
    /// The version of the next notice.
    pub version: u32,
    /// The dialog that was told last.
    pub last_dialog: u64,
    /// Which phone it is, if it said so.
    pub instance: Option<String>,
    /// When it is over.
    pub expires: Instant,
}

/// A change of what a store must keep of the subscriptions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SubscriptionChange {
    /// It was accepted or refreshed.
    Put(UsageId, Box<KeptSubscription>),
    /// It is over.
    Remove(UsageId),
}

/// What is different when a subscription is to be kept anew. Numbers are only where they outrun the margin they are kept with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    expires_at: Instant,
    revision: u32,
    requests: u32,
    versions: u32,
}

impl Notifier {
    /// What the store is to know of what happened.
    pub(crate) fn change(&mut self) -> Option<SubscriptionChange> {
        let mark = self.mark();
        if mark == self.kept {
            return None;
        }
        self.kept = mark;
        Some(match mark.and_then(|_| self.keep()) {
            Some(kept) => SubscriptionChange::Put(self.id, Box::new(kept)),
            None => SubscriptionChange::Remove(self.id),
        })
    }

    /// `None`: it does not outlive the process. A stream is gone with it, a conference and a call, too.
    fn mark(&self) -> Option<Mark> {
        let Place::Own(dialog) = &self.place else { return None };
        let outlives = match self.event.package {
            Package::Dialog
            | Package::MessageSummary
            | Package::Features
            | Package::Presence
            | Package::Registration => true,
            Package::Conference | Package::CallCompletion => false,
        };
        let is_kept = outlives
            && self.stage == Stage::Active
            && self.source.transport == Transport::Udp
            && matches!(self.peer, Peer::Line(_));
        is_kept.then(|| Mark {
            expires_at: self.expires_at,
            revision: dialog.revision(),
            requests: dialog.requests(),
            versions: self.version / VERSIONS_UNKEPT_MAX,
        })
    }

    fn keep(&self) -> Option<KeptSubscription> {
        let (Place::Own(dialog), Peer::Line(line)) = (&self.place, &self.peer) else { return None };
        let mut kept = KeptDialog {
            is_caller: false,
            tag: self.tag,
            call_id: String::new(),
            local: String::new(),
            remote: String::new(),
            remote_tag: String::new(),
            target: String::new(),
            routes: Vec::new(),
            local_cseq: 0,
            remote_cseq: None,
            flow: self.source,
            user: self.user.to_string(),
            origin: Origin { id: 0, version: 0 },
            description: Bytes::new(),
            timer: None,
            takes_update: false,
        };
        dialog.keep(&mut kept);
        kept.flow = self.source;
        Some(KeptSubscription {
            line: Arc::clone(line),
            event: self.event.keep(),
            uri: self.entity.uri().to_owned(),
            dialog: kept,
            version: self.version,
            last_dialog: self.last_dialog,
            instance: self.instance.as_deref().map(str::to_owned),
            expires: self.expires_at,
        })
    }

    /// A subscription as it was kept, with nothing under way, and whom its owner is to be told of. It is told nothing before
    /// `after`: all of them at once would be a storm. `None`: what was kept is not understood.
    pub(crate) fn restored(
        now: Instant,
        id: UsageId,
        kept: &KeptSubscription,
        after: Duration,
    ) -> Option<(Self, Subscriber)> {
        let event = EventType::kept(&kept.event)?;
        let uri = Uri::parse(&kept.uri)?;
        let peer = Peer::Line(Arc::clone(&kept.line));
        let subscriber = Subscriber {
            peer: peer.clone(),
            dialled: uri.user_unescaped().into_owned(),
            package: event.package,
            leg: None,
            call_completion: None,
            // Else it would not be kept, if it is to a list.
            takes_lists: true,
        };
        let dialog = Dialog::restored(&kept.dialog);
        let notifier = Self {
            id,
            tag: kept.dialog.tag,
            peer,
            event,
            entity: Entity::of(&uri),
            user: kept.dialog.user.as_str().into(),
            source: dialog.flow(),
            place: Place::Own(Box::new(dialog)),
            asked_at: now,
            instance: kept.instance.as_deref().map(Into::into),
            stage: Stage::Active,
            expires_at: kept.expires,
            version: kept.version.saturating_add(VERSIONS_UNKEPT_MAX),
            document: None,
            list: None,
            is_due: false,
            not_before: Some(now + after),
            in_flight: None,
            failures: 0,
            last_dialog: kept.last_dialog,
            elsewhere: Vec::new(),
            patience: None,
            look_again_at: None,
            told_unnamed: Vec::new(),
            is_restored: true,
            // Its numbers have used up their margin: it is written anew with the first of them.
            kept: None,
        };
        Some((notifier, subscriber))
    }
}
