//! NOTIFY: when it is sent, what it says, what became of it (RFC 6665 §4.2.2).

use std::time::{Duration, Instant};

use super::{Notifier, Place, Stage};
use crate::dialog::Dialog;
use crate::endpoint::Endpoint;
use crate::ids::LegId;
use crate::message::{HeaderName, Message, Method};
use crate::outbox::{DialogState, Document, LegQuestion, Outbox, Question, RegistrationChange, Unresolved};
use crate::package::dialog_info::DIALOGS_MAX;
use crate::package::event_list::{self, Notification};
use crate::package::{self, Body, LegDialog, Notice};
use crate::subscription::{Ground, Legs, NOTIFY_INTERVAL};
use crate::transaction::{ClientKey, Concern, Purpose};
use crate::transport::Flow;

/// NOTIFYs in a row that may fail: a phone misses one now and then.
const FAILURES_MAX: u8 = 2;

/// How long another worker may take to say how its leg is called. It is a thread of the same process.
const PATIENCE: Duration = Duration::from_millis(500);

/// After a failure that is an answer, the state is told again.
const RETRY: Duration = Duration::from_secs(5);

/// Towards the subscriber.
impl Notifier {
    /// Sends what is due, if it may be sent.
    pub(super) fn tell_state(&mut self, now: Instant, ground: &mut Ground<'_>, out: &mut Outbox) {
        let is_early = self.not_before.max(self.patience).is_some_and(|at| at > now);
        if !self.is_due || self.in_flight.is_some() || is_early {
            return;
        }
        if self.version == u32::MAX {
            // One more would begin at 0, which a watcher takes for old: it is to subscribe anew (RFC 6665 §4.2.2).
            return self.end(now, "deactivated", ground, out);
        }
        let Some(body) = self.body(ground.legs, false) else {
            self.is_due = false;
            return;
        };
        let left = self.expires_at.saturating_duration_since(now);
        let left_s = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        match self.notify(now, &format!("active;expires={left_s}"), body, ground, out) {
            Some(key) => self.in_flight = Some(key),
            None => self.lose(out),
        }
    }

    /// Nobody waits for what becomes of it.
    pub(super) fn say_farewell(
        &mut self,
        now: Instant,
        reason: &str,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) {
        if let Some(body) = self.body(ground.legs, true) {
            self.notify(now, &format!("terminated;reason={reason}"), body, ground, out);
        }
        self.stage = Stage::Over;
    }

    /// What there is to say. `None`: of a list nothing that is not known.
    fn body(&mut self, legs: &Legs, is_last: bool) -> Option<Words> {
        let (mut told, tag) = (self.list.take(), self.tag);
        let dialog_of = |leg| self.called(leg, legs);
        let notice = Notice {
            entity: &self.entity,
            version: self.version,
            last_dialog: self.last_dialog,
            form: self.event.form,
            dialog_of: &dialog_of,
        };
        let words = match &self.document {
            Some(Document::List(list)) => {
                let told = told.get_or_insert_default();
                let Notification { body, is_cut } = told.print(list, &notice, tag, is_last);
                body.map(|body| Words { body: Some(body), is_cut })
            }
            Some(document) => {
                let content_type = self.event.package.printed_type(self.event.form).into();
                let body = Some(Body { content_type, text: package::print(document, &notice) });
                Some(Words { body, is_cut: false })
            }
            None => Some(Words { body: None, is_cut: false }),
        };
        self.list = told;
        words
    }

    /// Nobody knows what of a list its subscriber knows: it is told all of it.
    pub(super) fn forget_told(&mut self) {
        self.list.iter_mut().for_each(event_list::Told::forget);
    }

    /// Sends NOTIFY. `None`: there is no dialog to send it in.
    fn notify(
        &mut self,
        now: Instant,
        state: &str,
        words: Words,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) -> Option<ClientKey> {
        let Words { body, is_cut } = words;
        let endpoint = &mut *ground.endpoint;
        let dialog = match &mut self.place {
            Place::Own(dialog) => dialog,
            Place::Leg(leg) => ground.legs.get_mut(leg)?.shared_dialog()?,
        };
        let (flow, branch) = (hop(endpoint, dialog, self.source), endpoint.token());
        let cseq = dialog.sequence().advance();
        let builder = endpoint
            .request(dialog, Method::Notify, cseq, flow, branch)
            .header(HeaderName::Contact, endpoint.contact(flow, &self.user))
            .header(HeaderName::Event, &self.event)
            .header(HeaderName::SubscriptionState, state);
        let builder = self.requiring(builder);
        let bytes = match &body {
            Some(Body { content_type, text }) => builder.body(content_type, text.as_bytes()),
            None => builder.finish(),
        };
        let (key, purpose) = (ClientKey::new(branch, Method::Notify), Purpose::Subscription(self.id));
        let leg = self.leg().unwrap_or(LegId(self.id.0));
        endpoint.transactions.send(now, key, Method::Notify, bytes, flow, leg, purpose, out);
        if body.is_some() {
            self.version = self.version.wrapping_add(1);
        }
        if let Some(Document::Dialogs(dialogs)) = &self.document
            && let Some(dialog) = dialogs.first()
        {
            self.last_dialog = dialog.id;
        }
        let later = now + NOTIFY_INTERVAL;
        self.is_due = is_cut;
        self.not_before = (!is_cut).then_some(later);
        self.told_unnamed = self.unnamed(ground.legs);
        self.look_again_at = (!self.told_unnamed.is_empty()).then_some(later);
        Some(key)
    }
}

/// What became of it.
impl Notifier {
    /// What became of a NOTIFY.
    pub(in crate::subscription) fn notified(
        &mut self,
        now: Instant,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) {
        let status = concern.status(answer.map(|(response, _)| response));
        if self.in_flight != Some(concern.key) || status < 200 {
            return;
        }
        self.in_flight = None;
        match self.stage {
            Stage::Ending(_) if answer.is_none() && !concern.has_lost_stream || is_end(status) => {
                self.lose(out)
            }
            Stage::Ending(reason) => self.say_farewell(now, reason, ground, out),
            Stage::Active if status < 300 => {
                self.failures = 0;
                self.forget_gone();
                self.tell_state(now, ground, out);
            }
            Stage::Active => self.failed(now, status, answer.is_some(), ground, out),
            Stage::Asked { .. } | Stage::Polled | Stage::Over => {}
        }
    }

    /// A contact that has gone is told once: a refresh is told who is there.
    fn forget_gone(&mut self) {
        if let Some(Document::Registration(contacts)) = &mut self.document
            && !self.is_due
        {
            contacts.retain(|contact| contact.last == RegistrationChange::Registered);
        }
    }

    /// A NOTIFY failed. What it said is not known there: it is said again, as often as it may fail.
    fn failed(
        &mut self,
        now: Instant,
        status: u16,
        is_answered: bool,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) {
        self.failures += 1;
        if is_end(status) || self.failures == FAILURES_MAX {
            return self.lose(out);
        }
        self.is_due = true;
        self.forget_told();
        self.not_before = is_answered.then(|| now + RETRY);
        self.tell_state(now, ground, out);
    }
}

/// How the legs are called that a document names: a phone can pick up only what it can name.
impl Notifier {
    /// The dialog of a leg, here or elsewhere.
    fn called(&self, leg: LegId, legs: &Legs) -> Option<LegDialog> {
        match legs.get(&leg) {
            Some(leg) => leg.identity(),
            None => self.elsewhere.iter().find(|(of, _)| *of == leg)?.1.clone(),
        }
    }

    /// The legs whose peer has no tag yet.
    fn unnamed(&self, legs: &Legs) -> Vec<LegId> {
        let is_unnamed = |leg: &LegId| self.called(*leg, legs).is_some_and(|name| name.peer_tag.is_empty());
        let dialogs = self.document.iter().flat_map(dialogs_of);
        dialogs.filter_map(|dialog| dialog.leg).filter(is_unnamed).collect()
    }

    /// Looks whether a leg that was told without the tag of its peer has it by now: then the state is told again.
    pub(super) fn look_again(&mut self, now: Instant, ground: &Ground<'_>, out: &mut Outbox) {
        if self.look_again_at.is_none_or(|at| at > now) {
            return;
        }
        let before = std::mem::take(&mut self.told_unnamed);
        let unnamed = self.unnamed(ground.legs);
        self.is_due |= before.iter().any(|leg| ground.legs.contains_key(leg) && !unnamed.contains(leg));
        for leg in unnamed.iter().filter(|leg| !ground.legs.contains_key(leg)) {
            self.ask(*leg, out);
        }
        self.look_again_at = (!unnamed.is_empty()).then(|| now + NOTIFY_INTERVAL);
        self.told_unnamed = unnamed;
    }

    fn ask(&self, leg: LegId, out: &mut Outbox) {
        let question = LegQuestion { usage: self.id, leg, found: None };
        out.unresolved.push((leg.worker(), Unresolved(Question::Leg(question))));
    }

    /// Asks other workers how their legs are called.
    pub(super) fn ask_elsewhere(
        &mut self,
        now: Instant,
        document: &Document,
        endpoint: &Endpoint,
        out: &mut Outbox,
    ) {
        let before = std::mem::take(&mut self.elsewhere);
        let config = &endpoint.config;
        let is_elsewhere = |leg: &LegId| leg.worker() != config.worker && leg.worker() < config.workers;
        // Of a list most is as it was: only whose state has changed is asked for.
        let was = match (&self.document, document) {
            (Some(was @ Document::List(_)), Document::List(_)) => dialogs_of(was),
            _ => Vec::new(),
        };
        for dialog in dialogs_of(document) {
            let Some(leg) = dialog.leg.filter(is_elsewhere) else { continue };
            let known = was.contains(&dialog).then(|| before.iter().find(|(of, _)| *of == leg)).flatten();
            if let Some(known @ (_, Some(_))) = known {
                self.elsewhere.push(known.clone());
                continue;
            }
            self.elsewhere.push((leg, None));
            self.ask(leg, out);
        }
        let is_unknown = self.elsewhere.iter().any(|(_, known)| known.is_none());
        self.patience = is_unknown.then(|| now + PATIENCE);
    }

    /// Another worker says how a leg is called.
    pub(crate) fn learn(
        &mut self,
        now: Instant,
        leg: LegId,
        found: Option<LegDialog>,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) {
        if found.is_none() {
            self.elsewhere.retain(|(of, _)| *of != leg);
        }
        for (_, known) in self.elsewhere.iter_mut().filter(|(of, _)| *of == leg) {
            // One that was told without the tag of its peer is told once more with it.
            self.is_due |= known.is_some() && *known != found;
            known.clone_from(&found);
        }
        if self.elsewhere.iter().all(|(_, known)| known.is_some()) {
            self.patience = None;
        }
        if self.stage == Stage::Active {
            self.tell_state(now, ground, out);
        }
    }
}

/// What a NOTIFY says.
struct Words {
    body: Option<Body>,
    /// Whether there is more than had room.
    is_cut: bool,
}

/// The dialogs that a document tells.
fn dialogs_of(document: &Document) -> Vec<&DialogState> {
    let listed = if let Document::List(list) = document { &list.entries[..] } else { &[] };
    let documents = listed.iter().filter_map(|entry| entry.state.as_ref()).chain([document]);
    let dialogs =
        documents.map(|document| if let Document::Dialogs(dialogs) = document { &dialogs[..] } else { &[] });
    dialogs.flat_map(|dialogs| dialogs.iter().take(DIALOGS_MAX)).collect()
}

/// Whether an answer to NOTIFY says that there is no such subscription, or never will be (RFC 5057 §5.3).
const fn is_end(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 481..=485 | 489 | 501 | 604)
}

/// Where NOTIFY goes: to the Contact or first route, but to no other host than the SUBSCRIBE came from, whose sender has
/// proven who it is; or to where the same device has registered since, which proves as much.
fn hop(endpoint: &Endpoint, dialog: &Dialog, source: Flow) -> Flow {
    let hop = endpoint.hop(dialog);
    let is_proven = || matches!(endpoint.device(dialog), Some(Some(_))) || endpoint.moved(dialog).is_some();
    if hop.remote.ip() == source.remote.ip() || is_proven() { hop } else { source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_a_subscription_only_if_it_says_so() {
        for status in [404, 405, 410, 481, 482, 489, 501, 604] {
            assert!(is_end(status), "{status}");
        }
        for status in [200, 401, 408, 480, 486, 491, 500, 503] {
            assert!(!is_end(status), "{status}");
        }
    }
}
