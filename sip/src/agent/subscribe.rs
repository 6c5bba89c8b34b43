//! Subscriptions and messages at the edge of the agent (RFC 6665, RFC 3428).
//!
//! A SUBSCRIBE is served to who has proven who it is, outside a dialog or in that of a call. NOTIFY without a subscription is
//! heard from the trunk that keeps messages, of messages. MESSAGE is sent, and refused with 405 from others: nothing here
//! shows texts.

use std::sync::Arc;
use std::time::Instant;

use super::Agent;
use super::outside::RETRY_AFTER_S;
use super::peer::user;
use crate::admission::Limit;
use crate::auth::ClientAuth;
use crate::endpoint::{Arrival, allow_events};
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::message::{HeaderName, Message, Method, Scheme, Uri};
use crate::outbox::{
    Content, Document, Event, LegQuestion, MessagesTold, Outbox, OutgoingMessage, Package, Peer, Question,
    Subscribe, Subscriber, UNSENT, Unresolved,
};
use crate::package::message_summary::MessageSummary;
use crate::session;
use crate::subscription::{
    Asked, Demand, Entry, EventType, Ground, Identity, Notifier, PEER_SUBSCRIPTIONS_MAX, Subscription,
    TEXT_BYTES_MAX, TWINS_MAX, Watcher, demand, message, takes_lists,
};
use crate::token::Token;
use crate::transaction::Concern;
use crate::transport::Flow;

/// A NOTIFY that nobody subscribed to, or a REFER, until it is answered: the phone may want to know who sends it.
#[derive(Debug)]
pub(super) struct Notified {
    message: Box<OutgoingMessage>,
    identity: Identity,
    auth: Option<ClientAuth>,
}

/// Commands.
impl Agent {
    pub(super) fn answer_subscribe(&mut self, now: Instant, id: UsageId, status: u16, out: &mut Outbox) {
        self.with_notifier(id, out, |notifier, ground, out| notifier.answer(now, status, ground, out));
    }

    pub(super) fn accept_list(&mut self, now: Instant, id: UsageId, out: &mut Outbox) {
        self.with_notifier(id, out, |notifier, ground, out| notifier.accept_list(now, ground, out));
    }

    pub(super) fn notify_subscriber(
        &mut self,
        now: Instant,
        id: UsageId,
        document: Document,
        is_last: bool,
        out: &mut Outbox,
    ) {
        self.with_notifier(id, out, |notifier, ground, out| {
            notifier.tell(now, document, is_last, ground, out)
        });
    }

    pub(super) fn subscribe(
        &mut self,
        now: Instant,
        id: UsageId,
        subscribe: Box<Subscribe>,
        out: &mut Outbox,
    ) {
        if self.subscriptions.contains(id) {
            return;
        }
        if id.worker() != self.endpoint.config.worker || self.has_no_room() {
            return out.events.push(Event::SubscriptionOver { usage: id, status: 503 });
        }
        let watcher = Watcher::new(now, id, subscribe, &mut self.endpoint, out);
        self.subscriptions.put(Entry::new(Subscription::Watcher(Box::new(watcher))));
    }

    pub(super) fn unsubscribe(&mut self, now: Instant, id: UsageId, out: &mut Outbox) {
        self.with_subscription(id, out, |subscription, ground, out| match subscription {
            Subscription::Watcher(watcher) => watcher.unsubscribe(now, ground.endpoint, out),
            Subscription::Notifier(_) => {}
        });
    }

    pub(super) fn send_message(
        &mut self,
        now: Instant,
        id: UsageId,
        text: Box<OutgoingMessage>,
        out: &mut Outbox,
    ) {
        if text.content.len() > TEXT_BYTES_MAX {
            return out.events.push(Event::MessageDone { usage: id, status: 513 });
        }
        if self.endpoint.transactions.len() >= self.endpoint.config.capacity.transactions {
            return out.events.push(Event::MessageDone { usage: id, status: UNSENT });
        }
        let identity = Identity::new(now, &mut self.endpoint);
        let is_referral = matches!(text.content, Content::Referral(_));
        if is_referral && !self.referees.insert(now, identity.names(), id) {
            return out.events.push(Event::MessageDone { usage: id, status: UNSENT });
        }
        message(now, id, &text, &identity, None, &mut self.endpoint, out);
        if is_referral || matches!(text.content, Content::Event(_)) {
            self.notices.insert(id, Notified { message: text, identity, auth: None });
        }
    }
}

/// Requests.
impl Agent {
    /// SUBSCRIBE outside a dialog.
    pub(super) fn subscribed(&mut self, now: Instant, arrival: Arrival, out: &mut Outbox) {
        let Some(peer) = self.admit_peer(now, &arrival, out) else { return };
        if arrival.message.max_forwards() == Some(0) {
            return self.refuse(&arrival, 483, out, |reply| reply);
        }
        if self.endpoint.transactions.is_merged(&arrival.message) {
            return self.refuse(&arrival, 482, out, |reply| reply);
        }
        if let Some(unmet) = session::unmet(&arrival.message) {
            return self.refuse(&arrival, unmet.status(), out, |reply| unmet.explain(reply));
        }
        if !self.is_ours(&peer, &arrival) {
            return self.refuse(&arrival, 404, out, |reply| reply);
        }
        match demand(&arrival.message) {
            Ok(demand) => self.take_subscriber(now, arrival, peer, demand, None, out),
            Err(refusal) => self.refuse(&arrival, refusal.status(), out, |reply| refusal.explain(reply)),
        }
    }

    /// Whether what a line asks for is at a domain where it could register. Networks write what they know us by.
    pub(super) fn is_ours(&self, peer: &Peer, arrival: &Arrival) -> bool {
        let uri = Uri::parse(arrival.message.request_uri());
        // A number is at no domain.
        let is_here = |uri: Uri<'_>| uri.scheme == Scheme::Tel || self.endpoint.serves(&uri, arrival.flow);
        matches!(peer, Peer::Trunk(_)) || uri.is_none_or(is_here)
    }

    /// NOTIFY outside a dialog: how many messages there are (RFC 3842), from the trunk that keeps them. Nobody else is heard.
    pub(super) fn notified_outside(&mut self, now: Instant, arrival: &Arrival, out: &mut Outbox) {
        let Some(peer) = self.admit_peer(now, arrival, out) else { return };
        let message = &arrival.message;
        let trunk = match peer {
            Peer::Trunk(trunk) if self.endpoint.directory.voicemail.as_ref() == Some(&trunk) => trunk,
            Peer::Trunk(_) | Peer::Line(_) => return self.refuse(arrival, 481, out, |reply| reply),
        };
        if EventType::of(message).is_none_or(|event| event.package != Package::MessageSummary) {
            return self.refuse(arrival, 489, out, allow_events);
        }
        let Ok(MessageSummary { counts, account }) = MessageSummary::parse(message.body()) else {
            return self.refuse(arrival, 400, out, |reply| reply.reason("Bad Message Summary"));
        };
        let dialled = Uri::parse(message.request_uri()).map(|uri| uri.user_unescaped().into_owned());
        let mailboxes = dialled.into_iter().chain([user(message.to())]).chain(account);
        let mailboxes = mailboxes.filter(|mailbox| !mailbox.is_empty()).collect();
        out.events.push(Event::MessagesTold(Box::new(MessagesTold { trunk, mailboxes, counts })));
        self.refuse(arrival, 200, out, |reply| reply);
    }

    /// A request in the dialog of a subscription, or a SUBSCRIBE for one of our packages in that of a leg. Anything else
    /// is given back.
    pub(super) fn subscription_request(
        &mut self,
        now: Instant,
        arrival: Arrival,
        out: &mut Outbox,
    ) -> Option<Arrival> {
        let method = arrival.message.method();
        if !matches!(method, Method::Subscribe | Method::Notify) {
            return Some(arrival);
        }
        let Some(tag) = Token::parse(arrival.message.to_tag()) else { return Some(arrival) };
        let Some(id) = self.subscriptions.by_tag(tag) else { return self.leg_request(now, arrival, out) };
        let subscription = self.subscriptions.get(id)?;
        if !subscription.matches(arrival.message.call_id(), arrival.message.from_tag()) {
            return Some(arrival);
        }
        if method == Method::Subscribe && !self.may_wish(now, id, &arrival, out) {
            return None;
        }
        self.with_subscription(id, out, |subscription, ground, out| match (subscription, method) {
            (Subscription::Notifier(notifier), Method::Subscribe) => {
                notifier.resubscribe(now, arrival, ground, out);
            }
            (Subscription::Watcher(watcher), Method::Notify) => {
                watcher.notified(now, arrival, ground.endpoint, out);
            }
            (Subscription::Notifier(_) | Subscription::Watcher(_), _) => {
                ground.endpoint.reply(now, arrival, 481, tag, out, |reply| reply);
            }
        });
        None
    }

    /// SUBSCRIBE for one of our packages in the dialog of a leg: who sends it is asked as outside, since a call proves
    /// nothing about the callee.
    fn leg_request(&mut self, now: Instant, arrival: Arrival, out: &mut Outbox) -> Option<Arrival> {
        let is_subscribe = arrival.message.method() == Method::Subscribe;
        let (Some(event), Some(leg)) =
            (EventType::of(&arrival.message).filter(|_| is_subscribe), self.leg_of(&arrival.message))
        else {
            return Some(arrival);
        };
        let known = self.subscriptions.of_leg(leg).into_iter().find(|id| {
            matches!(self.subscriptions.get(*id), Some(Subscription::Notifier(of)) if of.event().is_same(&event))
        });
        let peer = match known {
            Some(_) => None,
            None => Some(self.admit_peer(now, &arrival, out)?),
        };
        if known.is_some_and(|id| !self.may_wish(now, id, &arrival, out)) {
            return None;
        }
        let tag = self.legs.get(&leg)?.tag;
        let dialog = self.legs.get_mut(&leg).and_then(|leg| leg.shared_dialog());
        let status = match dialog.map(|dialog| dialog.receive(&arrival.message, arrival.flow)) {
            Some(Ok(())) => None,
            Some(Err(_)) => Some(500),
            None => Some(481),
        };
        if let Some(status) = status {
            self.endpoint.reply(now, arrival, status, tag, out, |reply| reply);
            return None;
        }
        match (known, peer) {
            (Some(id), _) => self.with_notifier(id, out, |notifier, ground, out| {
                notifier.resubscribe(now, arrival, ground, out);
            }),
            (None, Some(peer)) => match demand(&arrival.message) {
                Ok(demand) => self.take_subscriber(now, arrival, peer, demand, Some(leg), out),
                Err(refusal) => self
                    .endpoint
                    .reply(now, arrival, refusal.status(), tag, out, |reply| refusal.explain(reply)),
            },
            (None, None) => {}
        }
        None
    }

    /// Whether a SUBSCRIBE in a dialog changes nothing of its line, comes from where that is registered, or proves whose it is: who
    /// overhears a dialog forwards nobody's calls.
    fn may_wish(&self, now: Instant, id: UsageId, arrival: &Arrival, out: &mut Outbox) -> bool {
        let Some(Subscription::Notifier(of)) = self.subscriptions.get(id) else { return true };
        let Peer::Line(line) = of.peer() else { return true };
        if of.event().package != Package::Features || arrival.message.body().is_empty() {
            return true;
        }
        let source = arrival.flow.remote.ip().to_canonical();
        let bindings = self.endpoint.location.bindings(line, now);
        if bindings.iter().any(|binding| binding.flow.remote.ip().to_canonical() == source) {
            return true;
        }
        match self.authenticate(now, arrival, line, out) {
            Some(Peer::Line(proven)) if *proven == **line => true,
            Some(_) => {
                self.refuse(arrival, 403, out, |reply| reply);
                self.report_refused(arrival, line.to_string(), 403, out);
                false
            }
            None => false,
        }
    }

    /// A SUBSCRIBE of a peer that has proven who it is, for something that is served: is there room, then the owner is
    /// told.
    fn take_subscriber(
        &mut self,
        now: Instant,
        arrival: Arrival,
        peer: Peer,
        demand: Demand,
        leg: Option<LegId>,
        out: &mut Outbox,
    ) {
        let limits = &self.endpoint.directory.limits;
        if let Err(limit) = self.admission.subscription(now, limits, &peer) {
            return self.turn_away(now, &arrival, limit, out);
        }
        let later = |reply: crate::message::Builder| reply.header(HeaderName::RetryAfter, RETRY_AFTER_S);
        if matches!(peer, Peer::Line(_)) && leg.is_none() {
            self.drop_twins(now, &peer, &arrival.message, &demand.event, out);
        }
        if self.has_no_room() {
            self.refusals.count(Limit::Subscriptions);
            return self.refuse(&arrival, 503, out, later);
        }
        if self.subscriptions.count_of(&peer) >= PEER_SUBSCRIPTIONS_MAX {
            self.refusals.count(Limit::SubscriptionsPerLine);
            return self.refuse(&arrival, 480, out, later);
        }
        let Some(uri) = Uri::parse(arrival.message.request_uri()) else {
            return self.refuse(&arrival, 416, out, |reply| reply);
        };
        let subscriber = Box::new(Subscriber {
            peer,
            dialled: uri.user_unescaped().into_owned(),
            package: demand.event.package,
            leg,
            call_completion: uri.param("m").map(str::to_owned),
            takes_lists: takes_lists(&arrival.message),
        });
        let id = UsageId(self.next_serial().0);
        let asked = Asked { arrival, subscriber, demand };
        let mut ground = Ground { endpoint: &mut self.endpoint, legs: &mut self.legs };
        if let Some(notifier) = Notifier::new(now, id, asked, &mut ground, out) {
            self.subscriptions.put(Entry::new(Subscription::Notifier(Box::new(notifier))));
        }
    }

    /// Makes room for a phone that subscribes to the same once more: what it left behind before a restart goes.
    fn drop_twins(
        &mut self,
        now: Instant,
        peer: &Peer,
        request: &Message,
        event: &EventType,
        out: &mut Outbox,
    ) {
        let twins = self.subscriptions.twins(peer, |twin| twin.is_twin(request, event));
        let is_outlived = |id: &UsageId| matches!(self.subscriptions.get(*id), Some(Subscription::Notifier(twin)) if twin.is_outlived(now, request));
        let (outlived, others): (Vec<_>, Vec<_>) = twins.into_iter().partition(is_outlived);
        let surplus = (others.len() + 1).saturating_sub(TWINS_MAX);
        for id in outlived.into_iter().chain(others.into_iter().take(surplus)) {
            self.with_notifier(id, out, |notifier, ground, out| notifier.drop_silently(now, ground, out));
        }
    }

    pub(super) fn has_no_room(&self) -> bool {
        let capacity = self.endpoint.config.capacity;
        self.subscriptions.len() >= capacity.subscriptions
            || self.endpoint.transactions.len() >= capacity.transactions
    }
}

/// What becomes of them.
impl Agent {
    /// Brings what became of a SUBSCRIBE or NOTIFY to its subscription.
    pub(super) fn subscription_concern(
        &mut self,
        now: Instant,
        id: UsageId,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        out: &mut Outbox,
    ) {
        self.with_subscription(id, out, |subscription, ground, out| {
            subscription.outcome(now, concern, answer, ground, out);
        });
    }

    /// Tells what became of a request outside any dialog.
    pub(super) fn message_concern(
        &mut self,
        now: Instant,
        id: UsageId,
        answer: Option<(&Message, Flow)>,
        out: &mut Outbox,
    ) {
        // An answer of 503 is the peer's own.
        let status = answer.map_or(408, |(response, _)| response.status());
        if status < 200 || answer.is_some_and(|(response, _)| self.proves_itself(now, id, response, out)) {
            return;
        }
        self.notices.remove(&id);
        out.events.push(Event::MessageDone { usage: id, status });
    }

    /// Sends a NOTIFY that nobody subscribed to, or a REFER, once more, to a phone that wants to know who tells it that: by the password
    /// of its own line, which it has as well.
    fn proves_itself(&mut self, now: Instant, id: UsageId, response: &Message, out: &mut Outbox) -> bool {
        let status = response.status();
        let asked = match status {
            401 => HeaderName::WwwAuthenticate,
            407 => HeaderName::ProxyAuthenticate,
            _ => return false,
        };
        let Some(notified) = self.notices.get_mut(&id) else { return false };
        let Some(credentials) = self.endpoint.directory.credentials_of(&notified.message.to.user) else {
            return false;
        };
        let auth = notified.auth.get_or_insert_with(|| ClientAuth::new(Arc::new(credentials)));
        let cnonce = self.endpoint.token().to_string();
        let (method, uri) = (notified.message.content.method().name(), &notified.message.target.uri);
        let answer = auth.answer(status, response.lines(asked), method, uri, &cnonce);
        let Some(authorization) = answer else { return false };
        notified.identity.next();
        let (text, identity) = (&notified.message, &notified.identity);
        message(now, id, text, identity, Some(authorization), &mut self.endpoint, out);
        true
    }

    /// Which dialog a leg has: the question of another worker, or its answer to ours.
    pub(super) fn resolve_leg(&mut self, now: Instant, mut question: LegQuestion, out: &mut Outbox) {
        let LegQuestion { usage, leg, .. } = question;
        match question.found {
            Some(found) => self.with_notifier(usage, out, |notifier, ground, out| {
                notifier.learn(now, leg, found, ground, out);
            }),
            None => {
                question.found = Some(self.legs.get(&leg).and_then(|leg| leg.identity()));
                out.unresolved.push((usage.worker(), Unresolved(Question::Leg(question))));
            }
        }
    }

    /// Lets the subscriptions act that are due.
    pub(super) fn handle_subscriptions(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(id) = self.subscriptions.due(now) {
            self.with_subscription(id, out, |subscription, ground, out| {
                subscription.handle_timeout(now, ground, out);
            });
        }
    }

    /// A stream closed: what goes by it opens another.
    pub(super) fn subscriptions_lose_stream(&mut self, connection: ConnectionId, out: &mut Outbox) {
        for id in self.subscriptions.on_stream(connection) {
            self.with_subscription(id, out, |subscription, _, _| subscription.connection_closed(connection));
        }
    }

    /// A leg is over, and with it the dialog of its subscriptions.
    pub(super) fn subscriptions_lose_leg(&mut self, leg: LegId, out: &mut Outbox) {
        for id in self.subscriptions.of_leg(leg) {
            self.with_notifier(id, out, |notifier, _, out| notifier.leg_is_over(out));
        }
    }

    fn with_notifier(
        &mut self,
        id: UsageId,
        out: &mut Outbox,
        act: impl FnOnce(&mut Notifier, &mut Ground<'_>, &mut Outbox),
    ) {
        self.with_subscription(id, out, |subscription, ground, out| match subscription {
            Subscription::Notifier(notifier) => act(notifier, ground, out),
            Subscription::Watcher(_) => {}
        });
    }

    /// Does something to a subscription, then lists it under what it has become.
    fn with_subscription(
        &mut self,
        id: UsageId,
        out: &mut Outbox,
        act: impl FnOnce(&mut Subscription, &mut Ground<'_>, &mut Outbox),
    ) {
        let Some(mut entry) = self.subscriptions.take(id) else { return };
        let mut ground = Ground { endpoint: &mut self.endpoint, legs: &mut self.legs };
        act(&mut entry.subscription, &mut ground, out);
        if let Subscription::Notifier(notifier) = &mut entry.subscription
            && self.endpoint.config.keeps_dialogs
        {
            out.subscriptions.extend(notifier.change());
        }
        self.subscriptions.put(entry);
    }
}
