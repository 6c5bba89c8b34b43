//! NOTIFY: when it is sent, what it says, what became of it (RFC 6665 §4.2.2).

use std::time::{Duration, Instant};

use super::{Notifier, Place, Stage};
use crate::dialog::Dialog;
use crate::endpoint::Endpoint;
use crate::ids::LegId;
use crate::message::{HeaderName, Message, Method};
use crate::outbox::{Document, LegQuestion, Outbox, Question, Unresolved};
use crate::package::dialog_info::DIALOGS_MAX;
use crate::package::{self, LegDialog, Notice};
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
        let left = self.expires_at.saturating_duration_since(now);
        let left_s = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        match self.notify(now, &format!("active;expires={left_s}"), ground, out) {
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
        self.notify(now, &format!("terminated;reason={reason}"), ground, out);
        self.stage = Stage::Over;
    }

    /// Sends NOTIFY. `None`: there is no dialog to send it in.
    fn notify(
        &mut self,
        now: Instant,
        state: &str,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) -> Option<ClientKey> {
        let body = self.document.as_ref().map(|document| {
            let dialog_of = |leg| self.called(leg, ground.legs);
            let notice = Notice {
                entity: &self.entity,
                version: self.version,
                last_dialog: self.last_dialog,
                dialog_of: &dialog_of,
            };
            package::print(document, &notice)
        });
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
        let bytes = match &body {
            Some(body) => builder.body(self.event.package.printed_type(), body.as_bytes()),
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
        self.is_due = false;
        self.not_before = Some(now + NOTIFY_INTERVAL);
        self.told_unnamed = self.unnamed(ground.legs);
        self.look_again_at = self.not_before.filter(|_| !self.told_unnamed.is_empty());
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
                self.tell_state(now, ground, out);
            }
            Stage::Active => self.failed(now, status, answer.is_some(), ground, out),
            Stage::Asked { .. } | Stage::Polled | Stage::Over => {}
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
        let Some(Document::Dialogs(dialogs)) = &self.document else { return Vec::new() };
        let is_unnamed = |leg: &LegId| self.called(*leg, legs).is_some_and(|name| name.peer_tag.is_empty());
        dialogs.iter().take(DIALOGS_MAX).filter_map(|dialog| dialog.leg).filter(is_unnamed).collect()
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
        self.elsewhere.clear();
        let config = &endpoint.config;
        let is_elsewhere = |leg: &LegId| leg.worker() != config.worker && leg.worker() < config.workers;
        let Document::Dialogs(dialogs) = document else { return };
        for leg in dialogs.iter().take(DIALOGS_MAX).filter_map(|dialog| dialog.leg).filter(is_elsewhere) {
            self.elsewhere.push((leg, None));
            self.ask(leg, out);
        }
        self.patience = (!self.elsewhere.is_empty()).then(|| now + PATIENCE);
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

/// Whether an answer to NOTIFY says that there is no such subscription, or never will be (RFC 5057 §5.3).
const fn is_end(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 481..=485 | 489 | 501 | 604)
}

/// Where NOTIFY goes: to the Contact or first route, but to no other host than the SUBSCRIBE came from, whose sender has
/// proven who it is; or to where the same device has registered since, which proves as much.
fn hop(endpoint: &Endpoint, dialog: &Dialog, source: Flow) -> Flow {
    let hop = endpoint.hop(dialog);
    let is_proven = || matches!(endpoint.device(dialog), Some(Some(_)));
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
