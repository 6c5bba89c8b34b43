//! The notifier's side: a peer's subscription (RFC 6665 §4.2).

use std::time::{Duration, Instant};

use super::{Demand, EXPIRES_MAX_S, EventType, Ground, NOTIFY_INTERVAL, demand};
use crate::dialog::Dialog;
use crate::endpoint::{Arrival, Endpoint, allow_events, response_flow};
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::message::{HeaderName, Message, Method, Uri, escape_user};
use crate::outbox::{Document, Event, LegQuestion, Outbox, Peer, Question, Subscriber, Unresolved};
use crate::package::dialog_info::DIALOGS_MAX;
use crate::package::{self, Entity, LegDialog, Notice};
use crate::token::Token;
use crate::transaction::{ClientKey, Concern, Purpose, ServerId};
use crate::transport::Flow;

/// How long the owner may take to accept, and then to say what a poll is to be told.
const OWNER_TIMEOUT: Duration = Duration::from_secs(10);

/// NOTIFYs in a row that may fail: a phone misses one now and then.
const FAILURES_MAX: u8 = 2;

/// How long another worker may take to say how its leg is called. It is a thread of the same process.
const PATIENCE: Duration = Duration::from_millis(500);

/// After a failure that is an answer, the state is told again.
const RETRY: Duration = Duration::from_secs(5);

/// A peer's subscription.
#[derive(Debug)]
pub(crate) struct Notifier {
    pub(crate) id: UsageId,
    tag: Token,
    peer: Peer,
    event: EventType,
    entity: Entity,
    /// The user part of our Contact, escaped.
    user: Box<str>,
    place: Place,
    /// The path of the last SUBSCRIBE: nobody else is notified.
    source: Flow,
    stage: Stage,
    expires_at: Instant,
    /// Of the next notice.
    version: u32,
    /// What was to be told last.
    document: Option<Document>,
    /// Whether it is still to be told.
    is_due: bool,
    not_before: Option<Instant>,
    in_flight: Option<ClientKey>,
    failures: u8,
    /// The dialog that was told last.
    last_dialog: u64,
    /// The legs of other workers that `document` names, with what those said.
    elsewhere: Vec<(LegId, Option<LegDialog>)>,
    /// They are waited for until then.
    patience: Option<Instant>,
}

/// The dialog that it is in.
#[derive(Debug)]
enum Place {
    Own(Box<Dialog>),
    Leg(LegId),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// SUBSCRIBE waits for the owner.
    Asked {
        server: ServerId,
        expires_s: u32,
    },
    /// Accepted for one notice.
    Polled,
    /// Accepted.
    Active,
    /// The owner knows that it is over; the last NOTIFY, with this reason, waits for the one before.
    Ending(&'static str),
    Over,
}

/// A SUBSCRIBE that passed every check.
pub(crate) struct Asked {
    pub(crate) arrival: Arrival,
    pub(crate) subscriber: Box<Subscriber>,
    pub(crate) demand: Demand,
}

impl Notifier {
    /// Takes a SUBSCRIBE and tells the owner.
    pub(crate) fn new(
        now: Instant,
        id: UsageId,
        asked: Asked,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) -> Option<Self> {
        let Asked { arrival: Arrival { message, flow, id: server, key }, subscriber, demand } = asked;
        let endpoint = &mut *ground.endpoint;
        let tag = match subscriber.leg {
            Some(leg) => ground.legs.get(&leg)?.tag,
            None => endpoint.token(),
        };
        let place = match subscriber.leg {
            Some(leg) => Place::Leg(leg),
            None => {
                let cseq = endpoint.first_cseq(now);
                Place::Own(Box::new(Dialog::of_request(&message, tag, flow, cseq)))
            }
        };
        let entity = Entity::of(&Uri::parse(message.request_uri())?);
        let to = response_flow(&message, flow);
        endpoint.transactions.begin(server, key, message, to, flow.remote, None);
        let notifier = Self {
            id,
            tag,
            peer: subscriber.peer.clone(),
            event: demand.event,
            entity,
            user: escape_user(&subscriber.dialled).into(),
            place,
            source: flow,
            stage: Stage::Asked { server, expires_s: demand.expires_s },
            expires_at: now + OWNER_TIMEOUT,
            version: 0,
            document: None,
            is_due: false,
            not_before: None,
            in_flight: None,
            failures: 0,
            last_dialog: 0,
            elsewhere: Vec::new(),
            patience: None,
        };
        out.events.push(Event::Subscribe(id, subscriber));
        Some(notifier)
    }

    pub(super) const fn own_tag(&self) -> Option<Token> {
        match self.place {
            Place::Own(_) => Some(self.tag),
            Place::Leg(_) => None,
        }
    }

    pub(super) const fn leg(&self) -> Option<LegId> {
        match self.place {
            Place::Leg(leg) => Some(leg),
            Place::Own(_) => None,
        }
    }

    pub(super) const fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(crate) const fn event(&self) -> &EventType {
        &self.event
    }

    pub(super) fn connection(&self) -> ConnectionId {
        self.source.connection
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    pub(super) fn matches(&self, call_id: &str, remote_tag: &str) -> bool {
        match &self.place {
            Place::Own(dialog) => dialog.matches(call_id, remote_tag),
            Place::Leg(_) => false,
        }
    }

    /// Whether it is for the same phone and about the same as another SUBSCRIBE.
    pub(crate) fn is_twin(&self, request: &Message, event: &EventType) -> bool {
        let entity = Uri::parse(request.request_uri()).map(|uri| Entity::of(&uri));
        let contact = request.contacts().next().map(|contact| contact.uri);
        match &self.place {
            Place::Own(dialog) => {
                self.event.package == event.package
                    && entity.as_ref() == Some(&self.entity)
                    && contact == Some(dialog.target())
            }
            Place::Leg(_) => false,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Asked { .. } | Stage::Polled => Some(self.expires_at),
            Stage::Active => {
                let told_at = self.not_before.max(self.patience);
                let told_at = told_at.filter(|_| self.is_due && self.in_flight.is_none());
                Some(told_at.map_or(self.expires_at, |at| at.min(self.expires_at)))
            }
            Stage::Ending(_) | Stage::Over => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, ground: &mut Ground<'_>, out: &mut Outbox) {
        match self.stage {
            Stage::Asked { .. } if self.expires_at <= now => self.answer(now, 500, ground, out),
            Stage::Polled | Stage::Active if self.expires_at <= now => self.end(now, "timeout", ground, out),
            Stage::Active => self.tell_state(now, ground, out),
            Stage::Asked { .. } | Stage::Polled | Stage::Ending(_) | Stage::Over => {}
        }
    }

    pub(super) fn connection_closed(&mut self, connection: ConnectionId) {
        if self.source.connection == connection {
            self.source.connection = ConnectionId::default();
        }
        if let Place::Own(dialog) = &mut self.place {
            dialog.disconnect(connection);
        }
    }
}

/// What the owner wants.
impl Notifier {
    /// Accepts or refuses the SUBSCRIBE.
    pub(crate) fn answer(&mut self, now: Instant, status: u16, ground: &mut Ground<'_>, out: &mut Outbox) {
        let Stage::Asked { server, expires_s } = self.stage else { return };
        let endpoint = &mut *ground.endpoint;
        let Some(reply) = endpoint.response(server, status, self.tag).filter(|_| status >= 200) else {
            return;
        };
        if status >= 300 {
            endpoint.transactions.respond(now, server, status, reply.finish(), out);
            return self.lose(out);
        }
        let reply = match endpoint.transactions.request(server) {
            Some((request, _)) => reply.copy(request, HeaderName::RecordRoute),
            None => reply,
        };
        let bytes = reply
            .header(HeaderName::Contact, endpoint.contact(self.source, &self.user))
            .header(HeaderName::Expires, expires_s)
            .finish();
        endpoint.transactions.respond(now, server, status, bytes, out);
        if let Place::Own(dialog) = &mut self.place {
            dialog.confirm();
        }
        if expires_s == 0 {
            self.stage = Stage::Polled;
            self.expires_at = now + OWNER_TIMEOUT;
        } else {
            self.stage = Stage::Active;
            self.expires_at = now + Duration::from_secs(expires_s.into());
        }
    }

    /// Tells the subscriber: now, or as soon as may be. A document that waits is replaced.
    pub(crate) fn tell(
        &mut self,
        now: Instant,
        document: Document,
        is_last: bool,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) {
        if !matches!(self.stage, Stage::Active | Stage::Polled)
            || !package::is_of(&document, self.event.package)
        {
            return;
        }
        self.ask_elsewhere(now, &document, ground.endpoint, out);
        self.document = Some(document);
        self.is_due = true;
        match (is_last, self.stage) {
            (true, _) => self.end(now, "noresource", ground, out),
            (false, Stage::Polled) => self.end(now, "timeout", ground, out),
            (false, _) => self.tell_state(now, ground, out),
        }
    }

    /// Asks other workers how their legs are called: a phone can pick up only what it can name.
    fn ask_elsewhere(&mut self, now: Instant, document: &Document, endpoint: &Endpoint, out: &mut Outbox) {
        self.elsewhere.clear();
        let config = &endpoint.config;
        let is_elsewhere = |leg: &LegId| leg.worker() != config.worker && leg.worker() < config.workers;
        let Document::Dialogs(dialogs) = document else { return };
        for leg in dialogs.iter().take(DIALOGS_MAX).filter_map(|dialog| dialog.leg).filter(is_elsewhere) {
            self.elsewhere.push((leg, None));
            let question = LegQuestion { usage: self.id, leg, found: None };
            out.unresolved.push((leg.worker(), Unresolved(Question::Leg(question))));
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
            known.clone_from(&found);
        }
        if self.elsewhere.iter().all(|(_, known)| known.is_some()) {
            self.patience = None;
        }
        if self.stage == Stage::Active {
            self.tell_state(now, ground, out);
        }
    }

    /// Sends what is due, if it may be sent.
    fn tell_state(&mut self, now: Instant, ground: &mut Ground<'_>, out: &mut Outbox) {
        let is_early = self.not_before.max(self.patience).is_some_and(|at| at > now);
        if !self.is_due || self.in_flight.is_some() || is_early {
            return;
        }
        let left = self.expires_at.saturating_duration_since(now);
        let left_s = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        match self.notify(now, &format!("active;expires={left_s}"), ground, out) {
            Some(key) => self.in_flight = Some(key),
            None => self.lose(out),
        }
    }

    /// Ends the subscription: the owner knows at once, the subscriber by a last NOTIFY.
    fn end(&mut self, now: Instant, reason: &'static str, ground: &mut Ground<'_>, out: &mut Outbox) {
        self.stage = Stage::Ending(reason);
        out.events.push(Event::Unsubscribed(self.id));
        if self.in_flight.is_none() {
            self.say_farewell(now, reason, ground, out);
        }
    }

    /// Nobody waits for what becomes of it.
    fn say_farewell(&mut self, now: Instant, reason: &str, ground: &mut Ground<'_>, out: &mut Outbox) {
        self.notify(now, &format!("terminated;reason={reason}"), ground, out);
        self.stage = Stage::Over;
    }

    /// Over, without a word to the subscriber: it does not hear, or must not be told.
    fn lose(&mut self, out: &mut Outbox) {
        if !matches!(self.stage, Stage::Ending(_) | Stage::Over) {
            out.events.push(Event::Unsubscribed(self.id));
        }
        self.stage = Stage::Over;
    }

    /// The leg in whose dialog it is is over. A SUBSCRIBE that waits for the owner is answered first.
    pub(crate) fn leg_is_over(&mut self, out: &mut Outbox) {
        match self.stage {
            Stage::Asked { .. } => {}
            Stage::Polled | Stage::Active | Stage::Ending(_) | Stage::Over => self.lose(out),
        }
    }

    /// As [`Self::lose`]: another took its place.
    pub(crate) fn drop_silently(&mut self, now: Instant, ground: &mut Ground<'_>, out: &mut Outbox) {
        match self.stage {
            Stage::Asked { .. } => self.answer(now, 480, ground, out),
            Stage::Polled | Stage::Active | Stage::Ending(_) | Stage::Over => self.lose(out),
        }
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
            let elsewhere = |leg| self.elsewhere.iter().find(|(of, _)| *of == leg)?.1.clone();
            let dialog_of = |leg: LegId| match ground.legs.get(&leg) {
                Some(leg) => leg.identity(),
                None => elsewhere(leg),
            };
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
        let (flow, branch) = (hop(dialog, self.source), endpoint.token());
        let cseq = dialog.sequence().advance();
        let builder = endpoint
            .request(dialog, Method::Notify, cseq, flow, branch)
            .header(HeaderName::Contact, endpoint.contact(flow, &self.user))
            .header(HeaderName::Event, &self.event)
            .header(HeaderName::SubscriptionState, state);
        let bytes = match &body {
            Some(body) => builder.body(self.event.package.content_type(), body.as_bytes()),
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
        Some(key)
    }
}

/// What the subscriber wants, and what it says to a NOTIFY.
impl Notifier {
    /// SUBSCRIBE in the dialog: refreshes, or ends. The sequence number is to be checked by then for a leg's dialog.
    pub(crate) fn resubscribe(
        &mut self,
        now: Instant,
        arrival: Arrival,
        ground: &mut Ground<'_>,
        out: &mut Outbox,
    ) {
        let (tag, flow) = (self.tag, arrival.flow);
        if let Place::Own(dialog) = &mut self.place
            && dialog.receive(&arrival.message, flow).is_err()
        {
            return ground.endpoint.reply(now, arrival, 500, tag, out, |reply| reply);
        }
        if !matches!(self.stage, Stage::Active) {
            return ground.endpoint.reply(now, arrival, 481, tag, out, |reply| reply);
        }
        if !ground.endpoint.directory.knows(&self.peer) {
            ground.endpoint.reply(now, arrival, 403, tag, out, |reply| reply);
            return self.end(now, "rejected", ground, out);
        }
        let demand = match demand(&arrival.message) {
            Ok(demand) if demand.event == self.event => demand,
            Ok(_) => return ground.endpoint.reply(now, arrival, 489, tag, out, allow_events),
            Err(refusal) => {
                return ground
                    .endpoint
                    .reply(now, arrival, refusal.status(), tag, out, |reply| refusal.explain(reply));
            }
        };
        if let Place::Own(dialog) = &mut self.place {
            dialog.retarget(&arrival.message);
        }
        self.source = flow;
        self.accept(now, arrival, demand.expires_s, ground.endpoint, out);
        if demand.expires_s == 0 {
            self.end(now, "timeout", ground, out);
        } else {
            self.is_due = self.document.is_some();
            self.tell_state(now, ground, out);
        }
    }

    fn accept(
        &mut self,
        now: Instant,
        arrival: Arrival,
        expires_s: u32,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        self.expires_at = now + Duration::from_secs(expires_s.min(EXPIRES_MAX_S).into());
        let contact = endpoint.contact(arrival.flow, &self.user).to_string();
        endpoint.reply(now, arrival, 200, self.tag, out, |reply| {
            reply.header(HeaderName::Contact, contact).header(HeaderName::Expires, expires_s)
        });
    }

    /// What became of a NOTIFY.
    pub(super) fn notified(
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

/// Whether an answer to NOTIFY says that there is no such subscription, or never will be (RFC 5057 §5.3).
const fn is_end(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 481..=485 | 489 | 501 | 604)
}

/// Where NOTIFY goes: to the Contact or first route, but to no other host than the SUBSCRIBE came from, whose sender has
/// proven who it is.
fn hop(dialog: &Dialog, source: Flow) -> Flow {
    let hop = dialog.hop();
    if hop.remote.ip() == source.remote.ip() { hop } else { source }
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
