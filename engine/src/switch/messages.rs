//! Voice messages of lines: how many there are (RFC 3842), who says so, and who is told.
//!
//! ```text
//!  application ── SetMessages ──────┐                        ┌─▶ applications: LINEDEVSTATE msgwaiton, msgwaitoff
//!  trunk ── NOTIFY outside dialogs ─┼─▶ counts of the line ──┼─▶ its phones: NOTIFY message-summary
//!  trunk ── our subscription ───────┘                        └─▶ the store
//! ```
//!
//! - The last word holds, whoever says it. Lines that share a mailbox are told the same.
//! - The trunk of the configuration is asked for one mailbox after the other, [`APART`], so that a start floods nobody; one
//!   that does not answer is asked again after [`AGAIN`], at its next peer, one that refuses after [`LATER`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::UsageId;
use trunkline_sip::outbox::{
    Command, Document, MessageCounts, MessagesTold, Package, Party, Subscribe, SubscriptionPhase,
};
use trunkline_sip::package::message_summary::{COUNT_MAX, MessageSummary};

use super::Switch;
use super::error::LineError;
use super::kept::Kept;
use super::mailbox::{Deposit, deposits};
use super::outbound::peers;
use super::outbox::Outbox;
use super::request::Asker;
use super::resume::may_come_back;
use super::setup::{LineKind, Setup};

/// Between one subscription and the next.
const APART: Duration = Duration::from_millis(50);

/// When a trunk is asked again that did not answer.
const AGAIN: Duration = Duration::from_secs(60);

/// When a trunk is asked again that refused.
const LATER: Duration = Duration::from_secs(3600);

/// What a trunk is asked for.
const EXPIRES: Duration = Duration::from_secs(3600);

/// What is known of all mailboxes.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Messages {
    /// Of the lines that have, or had, some.
    counts: BTreeMap<Arc<str>, MessageCounts>,
    /// The lines of each mailbox.
    lines: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Subscriptions of ours, each with its mailbox.
    by_usage: BTreeMap<UsageId, Arc<str>>,
    /// Mailboxes to subscribe to.
    due: BTreeSet<(Instant, Arc<str>)>,
    /// No subscription before.
    not_before: Option<Instant>,
    /// What the mailboxes of lines take.
    deposits: BTreeMap<Arc<str>, Deposit>,
    /// How often in a row the trunk did not serve a mailbox: says which of its peers is next.
    misses: BTreeMap<Arc<str>, usize>,
}

impl Messages {
    /// Those of a start: all mailboxes are to be subscribed to, where the configuration says so.
    pub(super) fn new(setup: &Setup, now: Instant) -> Self {
        let mut messages = Self { lines: mailboxes(setup), deposits: deposits(setup), ..Self::default() };
        if setup.voicemail.subscribes {
            messages.due = messages.lines.keys().map(|mailbox| (now, Arc::clone(mailbox))).collect();
        }
        messages
    }

    /// Whether this is a subscription to a mailbox.
    pub(super) fn has(&self, usage: UsageId) -> bool {
        self.by_usage.contains_key(&usage)
    }

    /// What the mailbox of a line takes, where it takes something.
    pub(super) fn deposit(&self, line: &str) -> Option<&Deposit> {
        self.deposits.get(line)
    }

    /// When the next mailbox is subscribed to.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| self.not_before.map_or(*at, |free| free.max(*at)))
    }

    /// Takes the next out that is due.
    fn take_due(&mut self, now: Instant) -> Option<Arc<str>> {
        if self.deadline().is_none_or(|at| at > now) {
            return None;
        }
        self.not_before = Some(now + APART);
        self.due.pop_first().map(|(_, mailbox)| mailbox)
    }
}

/// The lines of each mailbox that the configuration has.
fn mailboxes(setup: &Setup) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let mut lines: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for line in &setup.lines {
        let mailbox = line.mailbox.as_ref().unwrap_or(&line.address);
        if !mailbox.is_empty() {
            lines.entry(Arc::clone(mailbox)).or_default().push(Arc::clone(&line.address));
        }
    }
    lines
}

impl Switch {
    /// How many messages a line has.
    pub(super) fn messages_of(&self, line: &str) -> MessageCounts {
        self.messages.counts.get(line).copied().unwrap_or_default()
    }

    /// What the phones of a line are told.
    pub(super) fn message_summary(&self, line: &str) -> Option<Document> {
        let line = self.lines.get(line).filter(|line| line.kind != LineKind::Trunk)?;
        let number = &self.setup.voicemail.number;
        let account = (!number.is_empty()).then(|| number.clone());
        Some(Document::Messages { counts: self.messages_of(&line.address), account })
    }

    /// Whose messages a line asks for: its own, by its address, its mailbox or what it dials to hear them.
    pub(super) fn mailbox_meant(&self, watcher: &Arc<str>, dialled: &str) -> Result<Arc<str>, u16> {
        let is_own = |mailbox: &str| {
            self.messages.lines.get(mailbox).is_some_and(|lines| lines.iter().any(|line| line == watcher))
        };
        if dialled == &**watcher || dialled == self.setup.voicemail.number || is_own(dialled) {
            return Ok(Arc::clone(watcher));
        }
        let is_known = self.lines.get(dialled).is_some() || self.messages.lines.contains_key(dialled);
        Err(if is_known { 403 } else { 404 })
    }

    /// An application says how many messages a line has (`lineSetLineDevStatus` with LINEDEVSTATUSFLAGS_MSGWAIT).
    pub(super) fn set_messages(
        &mut self,
        asker: Asker,
        line: &str,
        counts: MessageCounts,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let line = self.opened(asker.app, line)?;
        if line.kind == LineKind::Trunk {
            return Err(LineError::OperationUnavail);
        }
        let address = Arc::clone(&line.address);
        if !self.opened_as_owner(asker.app, &address) {
            return Err(LineError::NotOwner);
        }
        let MessageCounts { is_waiting: _, new, old, urgent_new, urgent_old } = counts;
        if new.max(old) > COUNT_MAX || urgent_new > new || urgent_old > old {
            return Err(LineError::InvalParam);
        }
        asker.done(out);
        self.have_messages(&address, counts, out);
        Ok(())
    }

    /// A trunk told of a mailbox without being asked.
    pub(super) fn messages_told(&mut self, told: &MessagesTold, out: &mut Outbox) {
        if self.setup.voicemail.trunk.as_ref() != Some(&told.trunk) {
            return;
        }
        let known = |mailbox: &String| self.messages.lines.get_key_value(mailbox.as_str());
        let Some(mailbox) = told.mailboxes.iter().find_map(known).map(|(mailbox, _)| Arc::clone(mailbox))
        else {
            return;
        };
        self.mailbox_has(&mailbox, told.counts, out);
    }

    /// A trunk tells of a mailbox that we subscribed to.
    pub(super) fn mailbox_notified(
        &mut self,
        usage: UsageId,
        phase: SubscriptionPhase,
        body: Option<&(String, Bytes)>,
        out: &mut Outbox,
    ) {
        let Some(mailbox) = self.messages.by_usage.get(&usage).cloned() else { return };
        let summary = body.and_then(|(_, body)| MessageSummary::parse(body).ok());
        if phase != SubscriptionPhase::Terminated {
            self.messages.misses.remove(&mailbox);
        }
        if let Some(summary) = summary {
            self.mailbox_has(&mailbox, summary.counts, out);
        }
    }

    /// A trunk tells no more of a mailbox, or never did. What it said last holds on.
    pub(super) fn mailbox_silent(&mut self, now: Instant, usage: UsageId, status: u16) {
        let Some(mailbox) = self.messages.by_usage.remove(&usage) else { return };
        let is_wanted = self.setup.voicemail.subscribes && self.messages.lines.contains_key(&mailbox);
        if !is_wanted {
            return;
        }
        *self.messages.misses.entry(Arc::clone(&mailbox)).or_default() += 1;
        let after = if may_come_back(status) { AGAIN } else { LATER };
        self.messages.due.insert((now + after, mailbox));
    }

    /// Subscribes to the mailboxes whose turn it is.
    pub(super) fn mailboxes_due(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(mailbox) = self.messages.take_due(now) {
            if let Some(subscribe) = self.mailbox_subscription(&mailbox) {
                let usage = self.next_usage();
                self.messages.by_usage.insert(usage, mailbox);
                out.sip.push(Command::Subscribe(usage, Box::new(subscribe)));
            }
        }
    }

    fn mailbox_subscription(&self, mailbox: &str) -> Option<Subscribe> {
        let trunk = self.trunk(self.setup.voicemail.trunk.as_ref()?)?;
        let misses = self.messages.misses.get(mailbox).copied().unwrap_or_default();
        let mut places: Vec<_> = peers(trunk, &trunk.peers, mailbox).into_iter().flatten().collect();
        let place = misses.checked_rem(places.len())?;
        let host = if trunk.credentials.is_some() { &trunk.domain } else { &self.setup.domain };
        let party =
            |host: &str| Party { user: mailbox.to_owned(), host: host.to_owned(), name: String::new() };
        Some(Subscribe {
            target: places.swap_remove(place).target,
            from: party(host),
            to: party(&trunk.domain),
            package: Package::MessageSummary,
            expires: EXPIRES,
            credentials: trunk.credentials.clone(),
        })
    }

    /// The trunk of the mailboxes may be elsewhere: then it is asked for all of them again.
    pub(super) fn mailboxes_moved(&mut self, now: Instant, before: &Setup, out: &mut Outbox) {
        let place = |setup: &Setup| {
            let trunk = setup.trunks.iter().find(|trunk| Some(&trunk.name) == setup.voicemail.trunk.as_ref());
            trunk.map(|trunk| trunk.peers.clone())
        };
        if place(before) != place(&self.setup) {
            self.revisit_mailboxes(now, before, out);
        }
    }

    /// After a change of the configuration: what it has no more is left, what is new is asked for. Another trunk is asked for
    /// everything.
    pub(super) fn revisit_mailboxes(&mut self, now: Instant, before: &Setup, out: &mut Outbox) {
        let setup = Arc::clone(&self.setup);
        let place = |setup: &Setup| {
            let trunk = setup.trunks.iter().find(|trunk| Some(&trunk.name) == setup.voicemail.trunk.as_ref());
            trunk.map(|trunk| (Arc::clone(&trunk.name), trunk.peers.clone(), trunk.domain.clone()))
        };
        self.messages.lines = mailboxes(&setup);
        self.messages.deposits = deposits(&setup);
        let is_same = place(before) == place(&setup) && setup.voicemail.subscribes;
        let Messages { lines, by_usage, due, misses, .. } = &mut self.messages;
        let stays = |mailbox: &Arc<str>| is_same && lines.contains_key(mailbox);
        by_usage.retain(|usage, mailbox| {
            let stays = stays(mailbox);
            if !stays {
                out.sip.push(Command::Unsubscribe(*usage));
            }
            stays
        });
        due.retain(|(_, mailbox)| stays(mailbox));
        misses.retain(|mailbox, _| stays(mailbox));
        if setup.voicemail.subscribes {
            let asked: BTreeSet<&Arc<str>> =
                by_usage.values().chain(due.iter().map(|(_, mailbox)| mailbox)).collect();
            let fresh: Vec<_> = lines.keys().filter(|mailbox| !asked.contains(mailbox)).cloned().collect();
            due.extend(fresh.into_iter().map(|mailbox| (now, mailbox)));
        }
        for line in &setup.lines {
            self.watches.touch(&line.address);
        }
    }

    fn mailbox_has(&mut self, mailbox: &str, counts: MessageCounts, out: &mut Outbox) {
        for line in self.messages.lines.get(mailbox).cloned().unwrap_or_default() {
            self.have_messages(&line, counts, out);
        }
    }

    /// A line has so many messages: everybody is told whom it concerns, if it had others before.
    fn have_messages(&mut self, line: &Arc<str>, counts: MessageCounts, out: &mut Outbox) {
        let before = self.messages_of(line);
        if before == counts {
            return;
        }
        self.messages.counts.insert(Arc::clone(line), counts);
        out.store.push(Kept::Messages { line: Arc::clone(line), counts });
        self.watches.touch(line);
        if counts.is_waiting || before.is_waiting {
            let state = if counts.is_waiting { "msgwaiton" } else { "msgwaitoff" };
            self.tell_line_state(line, state, counts.new.into(), 0, None, out);
        }
    }

    /// Takes back what was kept of a line over a restart.
    pub(super) fn restore_messages(&mut self, line: Arc<str>, counts: MessageCounts) {
        if self.lines.get(&line).is_some_and(|line| line.kind != LineKind::Trunk) {
            self.messages.counts.insert(line, counts);
        }
    }
}
