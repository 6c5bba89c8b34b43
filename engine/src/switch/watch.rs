//! Who watches what (RFC 6665): the dialogs of lines, groups and park addresses, for the lamps of phones (RFC 4235), the presence of
//! lines (RFC 3856), lists of both (RFC 4662), conferences (RFC 4575), messages (RFC 3842), features, contacts (RFC 3680). Any line may watch any other, but the
//! last three are its own alone; a trunk may watch nothing but whether a line that it called in vain is free (RFC 6910).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::UsageId;
use trunkline_sip::admission::Limit;
use trunkline_sip::outbox::{
    Command, ConferenceState, ContactState, DialogPhase, DialogState, Document, FeatureStates, ForwardState,
    MessageCounts, Package, Party, Peer, PresenceState, RegistrationChange, Subscriber,
};

use super::Switch;
use super::call::Call;
use super::call_state::CallState;
use super::conference::{far_party, focus_name};
use super::event_list::EventLists;
use super::ids::CallId;
use super::outbound::escaped;
use super::outbox::Outbox;
use super::route::{Destination, Source, resolve};
use super::setup::{LineKind, Setup};
use super::view::CallOrigin;

/// More dialogs of one line are not told.
pub(super) const DIALOGS_MAX: usize = 32;

/// More contacts of one line that have gone at once are not told one by one.
const GONE_MAX: usize = 16;

/// One subscription.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Watch {
    watcher: Arc<str>,
    package: Package,
    subject: Arc<str>,
    /// What was told last.
    told: Document,
    /// Whether it is of a list.
    is_list: bool,
    /// Whether somebody must use the line before it counts as free: nobody answered there.
    awaits_use: bool,
}

/// All subscriptions.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Watches {
    by_usage: BTreeMap<UsageId, Watch>,
    lists: EventLists,
    /// By what is watched: a line, a park address, a focus.
    by_subject: BTreeMap<Arc<str>, BTreeSet<UsageId>>,
    /// How many each line has.
    by_watcher: BTreeMap<Arc<str>, usize>,
    /// What may look different.
    changed: BTreeSet<Arc<str>>,
    /// Contacts that have gone and whose line's watchers do not know yet.
    gone: BTreeMap<Arc<str>, Vec<ContactState>>,
}

impl Watches {
    /// Nobody watches.
    pub(super) fn new(setup: &Setup) -> Self {
        Self { lists: EventLists::new(setup), ..Self::default() }
    }

    /// Other lists; everything that is watched may look different.
    pub(super) fn adopt(&mut self, setup: &Setup) {
        self.lists = EventLists::new(setup);
        self.changed.extend(self.by_subject.keys().cloned());
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_usage.len()
    }

    /// What is watched by this name may look different.
    pub(super) fn touch(&mut self, subject: &str) {
        if let Some((subject, _)) = self.by_subject.get_key_value(subject) {
            self.changed.insert(Arc::clone(subject));
        }
        let lists = self.lists.naming(subject).iter().filter(|list| self.by_subject.contains_key(*list));
        self.changed.extend(lists.cloned());
    }

    /// A contact of a line has come or gone.
    pub(super) fn contact_changed(&mut self, line: &str, uri: &str, change: RegistrationChange) {
        self.touch(line);
        let Some((subject, _)) = self.by_subject.get_key_value(line) else { return };
        let gone = self.gone.entry(Arc::clone(subject)).or_default();
        gone.retain(|contact| contact.uri != uri);
        if change != RegistrationChange::Registered && gone.len() < GONE_MAX {
            gone.push(ContactState { uri: uri.to_owned(), q_milli: 1000, last: change });
        }
    }

    /// What a subscription is of, and about.
    pub(super) fn subject_of(&self, usage: UsageId) -> Option<(Package, Arc<str>)> {
        self.by_usage.get(&usage).map(|watch| (watch.package, Arc::clone(&watch.subject)))
    }

    /// A subscriber is told this by somebody else.
    pub(super) fn note_told(&mut self, usage: UsageId, document: &Document) {
        if let Some(watch) = self.by_usage.get_mut(&usage) {
            watch.told.clone_from(document);
        }
    }

    fn insert(&mut self, usage: UsageId, watch: Watch) {
        *self.by_watcher.entry(Arc::clone(&watch.watcher)).or_insert(0) += 1;
        self.by_subject.entry(Arc::clone(&watch.subject)).or_default().insert(usage);
        self.by_usage.insert(usage, watch);
    }

    /// Takes a subscription out, if it is there.
    pub(super) fn remove(&mut self, usage: UsageId) {
        let Some(watch) = self.by_usage.remove(&usage) else { return };
        if let Some(usages) = self.by_subject.get_mut(&watch.subject) {
            usages.remove(&usage);
            if usages.is_empty() {
                self.by_subject.remove(&watch.subject);
                self.changed.remove(&watch.subject);
                self.gone.remove(&watch.subject);
            } else {
                // Who waited for it may be the next.
                self.changed.insert(Arc::clone(&watch.subject));
            }
        }
        if let Some(count) = self.by_watcher.get_mut(&watch.watcher) {
            *count -= 1;
            if *count == 0 {
                self.by_watcher.remove(&watch.watcher);
            }
        }
    }
}

impl Switch {
    /// A SUBSCRIBE: it is accepted, and told at once what there is; or refused.
    pub(super) fn subscribed(
        &mut self,
        now: Instant,
        usage: UsageId,
        subscriber: &Subscriber,
        out: &mut Outbox,
    ) {
        match self.admit_watch(now, usage, subscriber) {
            Ok(document) => {
                let is_list = matches!(document, Document::List(_));
                out.sip.push(if is_list {
                    Command::AcceptList(usage)
                } else {
                    Command::AnswerSubscribe(usage, 200)
                });
                out.sip.push(Command::NotifySubscriber(usage, Box::new(document), false));
            }
            Err(status) => out.sip.push(Command::AnswerSubscribe(usage, status)),
        }
    }

    fn admit_watch(
        &mut self,
        _now: Instant,
        usage: UsageId,
        subscriber: &Subscriber,
    ) -> Result<Document, u16> {
        let watcher = match (&subscriber.peer, subscriber.package) {
            (Peer::Line(watcher), _) | (Peer::Trunk(watcher), Package::CallCompletion) => watcher,
            (
                Peer::Trunk(_),
                Package::Dialog
                | Package::Conference
                | Package::MessageSummary
                | Package::Features
                | Package::Presence
                | Package::Registration,
            ) => return Err(403),
        };
        let subject: Arc<str> = match subscriber.package {
            Package::Dialog | Package::Presence => {
                if let Some(list) = self.watches.lists.get(&subscriber.dialled) {
                    if !list.is_for(watcher) {
                        return Err(403);
                    }
                    if !subscriber.takes_lists {
                        return Err(421);
                    }
                }
                subscriber.dialled.as_str().into()
            }
            // Whatever the URI of the focus was called: that of the dialog, or that which the phone is in.
            Package::Conference => {
                let here = subscriber.leg.and_then(|leg| self.legs.get(&leg));
                let here = here.and_then(|leg| self.conference_with(self.calls.get(&leg.call)?));
                let named = || self.focus_named(&subscriber.dialled);
                let id = here.or_else(named).or_else(|| self.conference_on(watcher)).ok_or(404_u16)?;
                focus_name(id).into()
            }
            Package::CallCompletion => {
                self.wanted_line(&subscriber.peer, &subscriber.dialled).ok_or(404_u16)?
            }
            Package::MessageSummary => self.mailbox_meant(watcher, &subscriber.dialled)?,
            Package::Features | Package::Registration if *subscriber.dialled == **watcher => {
                Arc::clone(watcher)
            }
            Package::Features | Package::Registration => {
                return Err(if self.lines.get(&subscriber.dialled).is_some() { 403 } else { 404 });
            }
        };
        let awaits_use =
            subscriber.call_completion.as_deref().is_some_and(|mode| mode.eq_ignore_ascii_case("NR"));
        let is_wanted = self.wants(&subject).is_some();
        let document = self.document(subscriber.package, &subject, watcher).ok_or(404_u16)?;
        let document = if awaits_use || is_wanted { queued(document) } else { document };
        let limits = self.setup.watches;
        let held = self.watches.by_watcher.get(watcher).map_or(0, |count| *count);
        if held >= limits.subscriptions_per_line_max {
            self.refusals.count(Limit::SubscriptionsPerLine);
            return Err(403);
        }
        if self.watches.len() >= limits.subscriptions_max {
            self.refusals.count(Limit::Subscriptions);
            return Err(503);
        }
        let watch = Watch {
            watcher: Arc::clone(watcher),
            package: subscriber.package,
            subject,
            told: document.clone(),
            is_list: matches!(document, Document::List(_)),
            awaits_use,
        };
        self.watches.remove(usage);
        self.watches.insert(usage, watch);
        Ok(document)
    }

    /// Something about a conference changed that those who watch it are told.
    pub(super) fn roster_changed(&mut self, conference: CallId) {
        if !self.watches.by_usage.is_empty() {
            self.watches.touch(&focus_name(conference));
        }
    }

    /// Something about a call changed: its line may look different.
    pub(super) fn line_changed(&mut self, id: CallId) {
        if !self.watches.by_usage.is_empty()
            && let Some(call) = self.calls.get(&id)
        {
            self.watches.touch(&call.line);
        }
    }

    /// Tells whoever watches what has changed.
    pub(super) fn tell_watchers(&mut self, out: &mut Outbox) {
        while let Some(subject) = self.watches.changed.pop_first() {
            let usages = self.watches.by_subject.get(&subject).cloned().unwrap_or_default();
            if self.is_used(&subject) {
                for usage in &usages {
                    if let Some(watch) = self.watches.by_usage.get_mut(usage) {
                        watch.awaits_use = false;
                    }
                }
            }
            let first = self.wants(&subject);
            for usage in usages {
                let Some(watch) = self.watches.by_usage.get(&usage) else { continue };
                // A line that is gone neither watches nor is watched.
                let watches = self.lines.get(&watch.watcher).is_some();
                let document = self.document(watch.package, &subject, &watch.watcher).filter(|_| watches);
                // Who subscribed to a list knows nothing else, and the other way round.
                let is_same = |found: &Document| matches!(found, Document::List(_)) == watch.is_list;
                let document = document.filter(is_same);
                let Some(document) = document else {
                    let document = Box::new(idle(watch.told.clone()));
                    out.sip.push(Command::NotifySubscriber(usage, document, true));
                    self.watches.remove(usage);
                    continue;
                };
                let document = if first == Some(usage) { document } else { queued(document) };
                let Some(watch) = self.watches.by_usage.get_mut(&usage) else { continue };
                if watch.told == document {
                    continue;
                }
                watch.told = lasting(document.clone());
                let is_over = matches!(&document, Document::Conference(conference) if conference.is_over);
                out.sip.push(Command::NotifySubscriber(usage, Box::new(document), is_over));
                if is_over {
                    self.watches.remove(usage);
                }
            }
            self.watches.gone.remove(&subject);
        }
    }

    /// What there is to say of a subject to this line; `None`: it does not exist.
    pub(super) fn document(&self, package: Package, subject: &str, watcher: &str) -> Option<Document> {
        match package {
            Package::Dialog | Package::Presence if self.watches.lists.get(subject).is_some() => {
                let list = self.watches.lists.get(subject).filter(|list| list.is_for(watcher))?;
                Some(self.list_state(list, package, watcher))
            }
            Package::Dialog => self.dialogs(subject, watcher).map(Document::Dialogs),
            Package::Conference => {
                let id = subject.rsplit('-').next()?.parse().ok()?;
                Some(Document::Conference(self.conference_state(CallId(id))))
            }
            Package::CallCompletion => self.lines.get(subject).map(|line| Document::CallCompletion {
                is_ready: self.is_free(&line.address),
                uri: format!("sip:{}@{}", escaped(&line.address), self.setup.domain),
            }),
            Package::MessageSummary => self.message_summary(subject),
            Package::Features => self.feature_states(subject),
            Package::Presence => self.presence(subject, watcher),
            Package::Registration => self.contact_states(subject),
        }
    }

    /// The contacts of a line, and those that have just gone; `None`: it has no phones.
    fn contact_states(&self, address: &str) -> Option<Document> {
        let line = self.lines.get(address).filter(|line| line.kind == LineKind::Phone)?;
        let mut contacts: Vec<ContactState> = Vec::new();
        for binding in self.location.lookup(&line.address, self.now) {
            // Two phones behind one translator may say the same.
            if contacts.iter().all(|known| *known.uri != *binding.contact) {
                contacts.push(ContactState {
                    uri: binding.contact.to_string(),
                    q_milli: binding.q_milli,
                    last: RegistrationChange::Registered,
                });
            }
        }
        for gone in self.watches.gone.get(address).into_iter().flatten() {
            if contacts.iter().all(|known| known.uri != gone.uri) {
                contacts.push(gone.clone());
            }
        }
        // Who was refreshed last is not what changed.
        contacts.sort_by(|one, other| one.uri.cmp(&other.uri));
        Some(Document::Registration(contacts))
    }

    /// The line that a peer called in vain, by its own routes.
    fn wanted_line(&self, peer: &Peer, dialled: &str) -> Option<Arc<str>> {
        let source = match peer {
            Peer::Line(_) => Source::Line,
            Peer::Trunk(trunk) => Source::Trunk(trunk),
        };
        match resolve(&self.setup.routes, &self.lines, source, dialled) {
            Ok(Destination::Line(line)) => Some(line),
            Ok(Destination::Trunk(..) | Destination::Group(_) | Destination::Page(_)) | Err(_) => None,
        }
    }

    /// Who is told first that the line is free: of those who want it, the one that subscribed first.
    fn wants(&self, subject: &str) -> Option<UsageId> {
        let usages = self.watches.by_subject.get(subject)?;
        let wants = |usage: &&UsageId| {
            self.watches
                .by_usage
                .get(usage)
                .is_some_and(|watch| watch.package == Package::CallCompletion && !watch.awaits_use)
        };
        usages.iter().find(wants).copied()
    }

    /// The dialogs of a line. How a dialog is called, by Call-ID and tags, is told only to who may take it or join it: whoever
    /// knows that can also speak in it.
    fn dialogs(&self, address: &str, watcher: &str) -> Option<Vec<DialogState>> {
        let Some(line) = self.lines.get(address) else {
            let page = || self.page_dialogs(address);
            return self.group_dialogs(address).or_else(page).or_else(|| self.slot_dialogs(address));
        };
        let is_named = self.is_close(watcher, address);
        let calls = line.calls.iter().filter_map(|id| self.calls.get(id));
        Some(calls.filter_map(|call| self.dialog(call, is_named)).take(DIALOGS_MAX).collect())
    }

    /// Whether a line is another one itself, may take its calls, or is in a group with it.
    pub(super) fn is_close(&self, watcher: &str, address: &str) -> bool {
        watcher == address || self.may_pick_up(watcher, address) || self.share_group(watcher, address)
    }

    pub(super) fn dialog(&self, call: &Call, is_named: bool) -> Option<DialogState> {
        let phase = phase(call.state)?;
        // Who waits for the line talks with nobody; the members of a conference speak for it.
        if call.camped.is_some() {
            return None;
        }
        if call.origin == CallOrigin::Conference && !call.calls {
            return None;
        }
        let domain = || self.setup.domain.clone();
        let local = Party { user: call.line.to_string(), host: domain(), name: String::new() };
        // Whom the whole house calls is nobody's to read: the lamp of a trunk says that it is used.
        let is_told = call.kind != LineKind::Trunk;
        let remote = if is_told { far_party(call).shown(&self.setup.domain) } else { Party::anonymous() };
        Some(DialogState {
            id: call.id.0,
            leg: call.legs().next().filter(|_| is_named),
            phase,
            is_initiator: call.calls || call.origin == CallOrigin::Outbound,
            local,
            remote,
            is_held: call.holds(),
        })
    }
}

/// RFC 6910: a line that is free is so for one caller at a time.
fn queued(document: Document) -> Document {
    match document {
        Document::CallCompletion { uri, .. } => Document::CallCompletion { is_ready: false, uri },
        Document::Dialogs(_)
        | Document::Conference(_)
        | Document::Messages { .. }
        | Document::Features(_)
        | Document::Presence(_)
        | Document::Registration(_)
        | Document::List(_) => document,
    }
}

/// What is told of a subject that is no more: nobody is there, and nothing goes on.
fn idle(told: Document) -> Document {
    match told {
        Document::Dialogs(_) => Document::Dialogs(Vec::new()),
        Document::Conference(conference) => {
            Document::Conference(ConferenceState { members: Vec::new(), is_over: true, ..conference })
        }
        Document::CallCompletion { .. } => queued(told),
        Document::Messages { .. } => Document::Messages { counts: MessageCounts::default(), account: None },
        Document::Features(states) => {
            let forwards = states.forwards.map(|forward| ForwardState { to: None, ..forward });
            Document::Features(Box::new(FeatureStates { do_not_disturb: false, forwards, ..*states }))
        }
        Document::Presence(_) => Document::Presence(Box::new(PresenceState {
            is_open: false,
            activities: Vec::new(),
            note: String::new(),
        })),
        Document::Registration(_) => Document::Registration(Vec::new()),
        Document::List(mut list) => {
            for entry in &mut list.entries {
                entry.state = entry.state.take().map(idle);
            }
            Document::List(list)
        }
    }
}

/// What of a document is still so after it was told: a contact goes once.
fn lasting(mut document: Document) -> Document {
    if let Document::Registration(contacts) = &mut document {
        contacts.retain(|contact| contact.last == RegistrationChange::Registered);
    }
    document
}

/// How far a call is in the words of RFC 4235; `None`: it is over.
const fn phase(state: CallState) -> Option<DialogPhase> {
    match state {
        CallState::Idle | CallState::Busy(_) | CallState::SpecialInfo(_) | CallState::Disconnected(_) => None,
        CallState::DialTone(_) | CallState::Dialing | CallState::Proceeding => Some(DialogPhase::Trying),
        CallState::Offering(_) | CallState::Accepted | CallState::Ringback => Some(DialogPhase::Early),
        CallState::Connected(_)
        | CallState::OnHold
        | CallState::Conferenced
        | CallState::OnHoldPendConf
        | CallState::OnHoldPendTransfer
        | CallState::Unknown => Some(DialogPhase::Confirmed),
    }
}
