//! The presence of lines (RFC 3856): whether calls reach them, and what their persons do, by what the line does and by what its phones
//! publish (RFC 3903).
//!
//! | of the line | `basic` | activity | note |
//! |---|---|---|---|
//! | no phone is registered | `closed` | | |
//! | it has made a call, or taken one | | `on-the-phone` | On the phone |
//! | nobody may disturb, and who asks is close to it | | `busy` | Do not disturb |
//! | a phone published | `closed`, if it says so | its own, behind those | its own, in their place |
//!
//! Of several phones the one that said something last is heard. What they said is forgotten with the process: a refresh is answered 412,
//! and the phone says it again (RFC 3903 §4.1).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use trunkline_sip::UsageId;
use trunkline_sip::outbox::{
    Command, DialogPhase, Document, IncomingPublication, PresenceState, Publication, PublishedPresence,
};
use trunkline_sip::package::presence::Activity;

use super::Switch;
use super::allowance::Allowance;
use super::line::Line;
use super::outbox::Outbox;
use super::setup::LineKind;

/// Publications of one line: the oldest makes room, for a phone that restarts leaves its own behind.
pub(super) const PUBLICATIONS_MAX: usize = 4;

/// PUBLISH that the phones of one line may send in a minute: 480 beyond.
pub(super) const PUBLISHES_MAX: u32 = 60;

/// What phones published.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Publications {
    /// Of each line the last that said something last.
    by_line: BTreeMap<Arc<str>, Vec<Published>>,
    /// When each is forgotten, by its entity-tag.
    due: BTreeMap<(Instant, u64), Arc<str>>,
    allowance: Allowance,
}

/// One of them.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Published {
    entity_tag: u64,
    expires_at: Instant,
    presence: PublishedPresence,
}

impl Default for Publications {
    fn default() -> Self {
        Self { by_line: BTreeMap::new(), due: BTreeMap::new(), allowance: Allowance::new(PUBLISHES_MAX) }
    }
}

impl Publications {
    /// The publication of a line that is heard.
    fn heard(&self, line: &str) -> Option<&PublishedPresence> {
        self.by_line.get(line)?.last().map(|published| &published.presence)
    }

    /// Where in its line's list a publication is.
    fn place_of(&self, line: &str, entity_tag: u64) -> Option<usize> {
        self.by_line.get(line)?.iter().position(|published| published.entity_tag == entity_tag)
    }

    fn insert(&mut self, line: &Arc<str>, at: Option<usize>, published: Published) {
        self.due.insert((published.expires_at, published.entity_tag), Arc::clone(line));
        let list = self.by_line.entry(Arc::clone(line)).or_default();
        list.insert(at.unwrap_or(list.len()), published);
        if list.len() > PUBLICATIONS_MAX {
            self.remove(line, 0);
        }
    }

    fn remove(&mut self, line: &str, at: usize) -> Option<Published> {
        let list = self.by_line.get_mut(line).filter(|list| at < list.len())?;
        let published = list.remove(at);
        if list.is_empty() {
            self.by_line.remove(line);
        }
        self.due.remove(&(published.expires_at, published.entity_tag));
        Some(published)
    }

    /// Forgets what lines published that are no more, and how often they did.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.by_line.retain(|line, _| is_there(line));
        self.due.retain(|_, line| is_there(line));
        self.allowance.retain(is_there);
    }

    /// When the next is forgotten.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Of how many lines it is known how much they published.
    #[cfg(test)]
    pub(super) fn writers(&self) -> usize {
        self.allowance.len()
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }
}

impl Switch {
    /// A phone publishes.
    pub(super) fn published(
        &mut self,
        now: Instant,
        id: UsageId,
        publication: IncomingPublication,
        out: &mut Outbox,
    ) {
        let result = self.publish(now, publication);
        out.sip.push(Command::AnswerPublish(id, result));
    }

    fn publish(&mut self, now: Instant, publication: IncomingPublication) -> Result<Publication, u16> {
        let IncomingPublication { line, dialled, entity_tag, expires_s, presence } = publication;
        // Nobody speaks for another line.
        match self.lines.get(&dialled) {
            Some(_) if *dialled == *line => {}
            Some(_) => return Err(403),
            None => return Err(404),
        }
        // Not 503, which has a phone leave this server (RFC 3261 §21.5.4).
        if !self.publications.allowance.admits(now, &line) {
            return Err(480);
        }
        let at = entity_tag.map(|tag| self.publications.place_of(&line, tag).ok_or(412_u16)).transpose()?;
        let before = at.and_then(|at| self.publications.remove(&line, at));
        // Who says nothing new stays where he was.
        let (presence, at) = match (presence, before) {
            (Some(said), Some(before)) if *said == before.presence => (before.presence, at),
            (Some(said), _) => (*said, None),
            (None, Some(before)) => (before.presence, at),
            (None, None) => return Err(400),
        };
        let entity_tag = self.rng.random();
        if expires_s > 0 {
            let expires_at = now + Duration::from_secs(expires_s.into());
            self.publications.insert(&line, at, Published { entity_tag, expires_at, presence });
        }
        self.watches.touch(&line);
        Ok(Publication { entity_tag, expires_s })
    }

    /// Publications that were not refreshed are forgotten.
    pub(super) fn publications_due(&mut self, now: Instant) {
        while let Some(entry) = self.publications.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let (_, entity_tag) = *entry.key();
            let line = entry.remove();
            if let Some(at) = self.publications.place_of(&line, entity_tag) {
                self.publications.remove(&line, at);
            }
            self.watches.touch(&line);
        }
    }

    /// What there is to say of a line's presence to another; `None`: there is no such line. Trunks have none.
    pub(super) fn presence(&self, address: &str, watcher: &str) -> Option<Document> {
        let line = self.lines.get(address)?;
        let is_reached = match line.kind {
            LineKind::Phone => self.location.is_registered(&line.address, self.now),
            LineKind::Local => true,
            LineKind::Trunk => return None,
        };
        let said = self.publications.heard(address);
        let is_welcome = said.and_then(|said| said.is_open).unwrap_or(true);
        let is_quiet = self.does_not_disturb(address) && self.is_close(watcher, address);
        let does = [
            (self.is_on_the_phone(line), Activity::ON_THE_PHONE, "On the phone"),
            (is_quiet, Activity::BUSY, "Do not disturb"),
        ];
        let (mut activities, notes): (Vec<_>, Vec<_>) =
            does.into_iter().filter(|(is, ..)| *is).map(|(_, activity, note)| (activity, note)).unzip();
        for activity in said.into_iter().flat_map(|said| &said.activities) {
            if !activities.contains(activity) {
                activities.push(*activity);
            }
        }
        let note = said.map(|said| said.note.as_str()).filter(|note| !note.is_empty());
        let note = note.or_else(|| notes.first().copied()).unwrap_or_default().to_owned();
        let is_open = is_reached && is_welcome;
        Some(Document::Presence(Box::new(PresenceState { is_open, activities, note })))
    }

    /// Whether somebody at the line has made a call or taken one: who is called only may not be there, nor he whose phone listens to a
    /// page, nor he whose phone the engine calls first, for a call that the line makes then.
    fn is_on_the_phone(&self, line: &Line) -> bool {
        let calls = line.calls.iter().filter(|id| self.pages.speaker(**id).is_none());
        let calls = calls.filter_map(|id| self.calls.get(id)).filter(|call| call.errand.is_none());
        let mut dialogs = calls.filter_map(|call| self.dialog(call, false));
        dialogs.any(|dialog| dialog.is_initiator || dialog.phase == DialogPhase::Confirmed)
    }
}
