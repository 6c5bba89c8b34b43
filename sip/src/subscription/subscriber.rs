//! The subscriber's side: a subscription of ours (RFC 6665 §4.1).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::State;
use super::request::{MAX_FORWARDS, Outside};
use super::{EXPIRES_MIN_S, EventType};
use crate::auth::ClientAuth;
use crate::dialog::Dialog;
use crate::endpoint::{Arrival, Endpoint, allow_events};
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::message::{HeaderName, Message, Method, escape_user};
use crate::outbox::{Event, Outbox, Subscribe, SubscriptionPhase};
use crate::token::Token;
use crate::transaction::{ClientKey, Concern, Purpose};
use crate::transport::Flow;

/// A refresh that failed is tried again after this time, as long as the subscription lasts.
const RETRY: Duration = Duration::from_secs(30);

/// The least time between two refreshes.
const REFRESH_MIN: Duration = Duration::from_secs(5);

/// No longer time is asked for, whatever a 423 wants, in seconds.
const EXPIRES_ASKED_MAX_S: u32 = 86_400;

/// A subscription of ours.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) id: UsageId,
    subscribe: Box<Subscribe>,
    event: EventType,
    /// The user part of our Contact, escaped.
    user: Box<str>,
    tag: Token,
    call_id: String,
    cseq: u32,
    flow: Flow,
    /// What is asked for: more than the owner wants where a 423 said so.
    expires_s: u32,
    dialog: Option<Box<Dialog>>,
    /// Answers the challenges of this peer, and of no other.
    auth: Option<Box<ClientAuth>>,
    stage: Stage,
    in_flight: Option<ClientKey>,
    /// Whether what is in flight is the end.
    is_farewell: bool,
    refresh_at: Option<Instant>,
    /// Without a refresh, or without the NOTIFY that is awaited, it is over.
    give_up_at: Option<Instant>,
    /// Whether it has been made anew without a NOTIFY since.
    is_anew: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// SUBSCRIBE is not answered.
    Asking,
    /// Accepted; the first NOTIFY has not come.
    Accepted,
    Active,
    /// The owner wants out.
    Leaving,
    Over,
}

impl Watcher {
    /// Subscribes.
    pub(crate) fn new(
        now: Instant,
        id: UsageId,
        subscribe: Box<Subscribe>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> Self {
        let asked_s = u32::try_from(subscribe.expires.as_secs()).unwrap_or(EXPIRES_ASKED_MAX_S);
        let peer = subscribe.target.flow.remote.ip();
        let auth = subscribe
            .credentials
            .as_ref()
            .map(|credentials| Box::new(ClientAuth::for_peer(Arc::clone(credentials), peer)));
        let mut watcher = Self {
            id,
            event: EventType::new(subscribe.package),
            user: escape_user(&subscribe.from.user).into(),
            tag: endpoint.token(),
            call_id: new_call_id(endpoint),
            cseq: endpoint.first_cseq(now),
            flow: subscribe.target.flow,
            expires_s: asked_s.clamp(EXPIRES_MIN_S, EXPIRES_ASKED_MAX_S),
            subscribe,
            dialog: None,
            auth,
            stage: Stage::Asking,
            in_flight: None,
            is_farewell: false,
            refresh_at: None,
            give_up_at: None,
            is_anew: false,
        };
        watcher.ask(now, None, endpoint, out);
        watcher
    }

    pub(super) const fn tag(&self) -> Token {
        self.tag
    }

    pub(super) fn connection(&self) -> ConnectionId {
        self.dialog.as_ref().map(|dialog| dialog.flow().connection).unwrap_or_default()
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Before there is a dialog anybody whom the SUBSCRIBE reached may be the notifier (RFC 6665 §4.1.4).
    pub(super) fn matches(&self, call_id: &str, remote_tag: &str) -> bool {
        match &self.dialog {
            Some(dialog) => dialog.matches(call_id, remote_tag),
            None => self.call_id == call_id,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let refresh_at = self.refresh_at.filter(|_| self.in_flight.is_none() && self.stage != Stage::Leaving);
        refresh_at.into_iter().chain(self.give_up_at).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        if self.give_up_at.is_some_and(|at| at <= now) {
            let status = if self.stage == Stage::Leaving { 0 } else { 408 };
            return self.finish(status, out);
        }
        if self.refresh_at.is_some_and(|at| at <= now) && self.in_flight.is_none() {
            self.refresh_at = None;
            self.ask_again(now, endpoint, out);
        }
    }

    pub(super) fn connection_closed(&mut self, connection: ConnectionId) {
        if let Some(dialog) = &mut self.dialog {
            dialog.disconnect(connection);
        }
    }

    /// The owner wants out: SUBSCRIBE with Expires 0 follows as soon as nothing else is in flight.
    pub(crate) fn unsubscribe(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        if matches!(self.stage, Stage::Leaving | Stage::Over) {
            return;
        }
        self.stage = Stage::Leaving;
        if self.in_flight.is_none() {
            self.ask_again(now, endpoint, out);
        }
    }

    fn finish(&mut self, status: u16, out: &mut Outbox) {
        self.stage = Stage::Over;
        out.events.push(Event::SubscriptionOver { usage: self.id, status });
    }

    /// The peer wants none of this subscription any more, but perhaps another one.
    fn begin_anew(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        self.is_anew = true;
        self.tag = endpoint.token();
        self.call_id = new_call_id(endpoint);
        self.flow = self.subscribe.target.flow;
        self.dialog = None;
        self.stage = Stage::Asking;
        self.refresh_at = None;
        self.give_up_at = None;
        self.ask_again(now, endpoint, out);
    }
}

/// SUBSCRIBE.
impl Watcher {
    /// Sends SUBSCRIBE once more, with credentials if the peer has asked for them before.
    fn ask_again(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        self.cseq += 1;
        let uri = self.request_uri().to_owned();
        let cnonce = endpoint.token().to_string();
        let hop = self.hop(endpoint);
        let auth = self.auth.as_mut().filter(|auth| endpoint.may_answer(auth, hop));
        let authorization = auth.and_then(|auth| auth.header(Method::Subscribe.name(), &uri, &cnonce));
        self.ask(now, authorization, endpoint, out);
    }

    fn ask(
        &mut self,
        now: Instant,
        authorization: Option<(HeaderName, String)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let (branch, method) = (endpoint.token(), Method::Subscribe);
        let (flow, mut builder) = match &mut self.dialog {
            Some(dialog) => {
                let (flow, cseq) = (endpoint.hop(dialog), dialog.sequence().advance());
                (flow, endpoint.request(dialog, method, cseq, flow, branch))
            }
            None => {
                let Subscribe { target, from, to, .. } = &*self.subscribe;
                let (tag, call_id, cseq, flow) = (self.tag, &*self.call_id, self.cseq, self.flow);
                let max_forwards = MAX_FORWARDS;
                let outside = Outside { method, target, flow, from, to, max_forwards, tag, call_id, cseq };
                (flow, outside.begin(branch, endpoint))
            }
        };
        self.is_farewell = self.stage == Stage::Leaving;
        let expires_s = if self.is_farewell { 0 } else { self.expires_s };
        builder = builder
            .header(HeaderName::Contact, endpoint.contact(flow, &self.user))
            .header(HeaderName::Event, &self.event)
            .header(HeaderName::Accept, self.event.package.content_type())
            .header(HeaderName::Expires, expires_s);
        if let Some((name, value)) = authorization {
            builder = builder.header(name, value);
        }
        let key = ClientKey::new(branch, method);
        self.in_flight = Some(key);
        let purpose = Purpose::Subscription(self.id);
        endpoint.transactions.send(now, key, method, builder.finish(), flow, LegId(self.id.0), purpose, out);
    }

    /// Where the next SUBSCRIBE goes.
    fn hop(&self, endpoint: &Endpoint) -> Flow {
        self.dialog.as_ref().map_or(self.flow, |dialog| endpoint.hop(dialog))
    }

    fn request_uri(&self) -> &str {
        match &self.dialog {
            Some(dialog) => dialog.routed().uri,
            None => &self.subscribe.target.uri,
        }
    }

    /// What became of SUBSCRIBE.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let status = concern.status(answer.map(|(response, _)| response));
        if self.in_flight != Some(concern.key) || status < 200 {
            return;
        }
        self.in_flight = None;
        match answer {
            Some((response, flow)) if status < 300 => self.accepted(now, response, flow, endpoint, out),
            Some((response, _))
                if self.answer_challenge(now, response, endpoint, out)
                    || self.lengthen(now, response, endpoint, out) => {}
            None if concern.has_lost_stream => {
                self.flow.connection = ConnectionId::default();
                self.ask_again(now, endpoint, out);
            }
            Some(_) | None => self.refused(now, status, endpoint, out),
        }
    }

    fn accepted(
        &mut self,
        now: Instant,
        response: &Message,
        flow: Flow,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if let Some(auth) = &mut self.auth {
            auth.accepted();
        }
        match &mut self.dialog {
            Some(dialog) if dialog.remote_tag() == response.to_tag() => dialog.update(response, flow),
            // Another fork than the one that has sent NOTIFY: it finds no dialog here.
            Some(_) => {}
            None => {
                let dialog = Dialog::of_response(response, &self.subscribe.target.uri, flow);
                self.dialog = Some(Box::new(dialog));
            }
        }
        let patience = now + endpoint.config.timing.timeout();
        match self.stage {
            Stage::Leaving if self.is_farewell => self.give_up_at = Some(patience),
            Stage::Leaving => self.ask_again(now, endpoint, out),
            Stage::Asking | Stage::Accepted | Stage::Active => {
                let granted_s = response.expires().unwrap_or(self.expires_s).min(self.expires_s);
                self.grant(now, granted_s, endpoint);
                if self.stage == Stage::Asking {
                    self.stage = Stage::Accepted;
                    self.give_up_at = Some(patience);
                }
            }
            Stage::Over => {}
        }
    }

    /// The subscription lasts this long: it is refreshed 5 to 10 % before, at least 5 s, but not before half of it, and never
    /// at once: a peer that grants next to nothing is not asked without end.
    fn grant(&mut self, now: Instant, granted_s: u32, endpoint: &mut Endpoint) {
        let granted = Duration::from_secs(granted_s.into());
        let early = (granted * endpoint.between(5, 10) / 100).max(Duration::from_secs(5)).min(granted / 2);
        self.refresh_at = Some(now + (granted - early).max(REFRESH_MIN));
        if self.stage != Stage::Accepted {
            self.give_up_at = Some(now + granted);
        }
    }

    fn answer_challenge(
        &mut self,
        now: Instant,
        response: &Message,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> bool {
        let challenges = match response.status() {
            401 => HeaderName::WwwAuthenticate,
            407 => HeaderName::ProxyAuthenticate,
            _ => return false,
        };
        let uri = self.request_uri().to_owned();
        let cnonce = endpoint.token().to_string();
        let hop = self.hop(endpoint);
        let Some(auth) = self.auth.as_mut().filter(|auth| endpoint.may_answer(auth, hop)) else {
            return false;
        };
        let method = Method::Subscribe.name();
        let lines = response.lines(challenges);
        let Some(authorization) = auth.answer(response.status(), lines, method, &uri, &cnonce) else {
            return false;
        };
        self.cseq += 1;
        self.ask(now, Some(authorization), endpoint, out);
        true
    }

    /// Asks again for the time that a 423 wants.
    fn lengthen(
        &mut self,
        now: Instant,
        response: &Message,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> bool {
        let wanted_s: Option<u32> =
            response.value(HeaderName::MinExpires).and_then(|value| value.trim().parse().ok());
        match wanted_s.filter(|wanted_s| *wanted_s > self.expires_s && *wanted_s <= EXPIRES_ASKED_MAX_S) {
            Some(wanted_s) if response.status() == 423 && !self.is_farewell => {
                self.expires_s = wanted_s;
                self.ask_again(now, endpoint, out);
                true
            }
            Some(_) | None => false,
        }
    }

    fn refused(&mut self, now: Instant, status: u16, endpoint: &mut Endpoint, out: &mut Outbox) {
        let is_lasting = self.give_up_at.is_some_and(|at| at > now);
        match self.stage {
            Stage::Active if status == 481 && !self.is_anew => self.begin_anew(now, endpoint, out),
            // A refresh that fails leaves what is granted (RFC 6665 §4.1.2.3).
            Stage::Active | Stage::Accepted if status != 481 && is_lasting => {
                self.refresh_at = Some(now + RETRY);
            }
            Stage::Asking | Stage::Accepted | Stage::Active | Stage::Leaving => self.finish(status, out),
            Stage::Over => {}
        }
    }
}

/// NOTIFY.
impl Watcher {
    /// Takes a NOTIFY in the dialog, or the one that makes it before the 2xx has come.
    pub(crate) fn notified(
        &mut self,
        now: Instant,
        arrival: Arrival,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let (message, flow, tag) = (arrival.message.clone(), arrival.flow, self.tag);
        let is_late = self.dialog.as_mut().is_some_and(|dialog| dialog.receive(&message, flow).is_err());
        if is_late {
            return endpoint.reply(now, arrival, 500, tag, out, |reply| reply);
        }
        if EventType::of(&message).is_none_or(|event| !event.is_same(&self.event)) {
            return endpoint.reply(now, arrival, 489, tag, out, allow_events);
        }
        let Some(state) = State::of(&message) else {
            return endpoint
                .reply(now, arrival, 400, tag, out, |reply| reply.reason("Bad Subscription-State"));
        };
        match &mut self.dialog {
            Some(dialog) => dialog.retarget(&message),
            None => {
                let mut made = Dialog::of_request(&message, tag, flow, self.cseq);
                made.confirm();
                self.dialog = Some(Box::new(made));
            }
        }
        endpoint.reply(now, arrival, 200, tag, out, |reply| reply);
        let body = message.content_type().map(|kind| (kind.to_owned(), message.body_bytes()));
        let is_again = state.phase == SubscriptionPhase::Terminated
            && self.stage != Stage::Leaving
            && state.is_inviting()
            && !self.is_anew;
        let phase = if is_again { SubscriptionPhase::Pending } else { state.phase };
        out.events.push(Event::Subscription { usage: self.id, phase, body });
        match state.phase {
            SubscriptionPhase::Terminated if is_again => self.begin_anew(now, endpoint, out),
            SubscriptionPhase::Terminated => self.finish(0, out),
            SubscriptionPhase::Active | SubscriptionPhase::Pending => {
                self.told(now, state.expires_s, endpoint)
            }
        }
    }

    /// The peer holds the subscription, for this long: it may shorten it.
    fn told(&mut self, now: Instant, expires_s: Option<u32>, endpoint: &mut Endpoint) {
        self.is_anew = false;
        match self.stage {
            Stage::Asking | Stage::Accepted => {
                self.stage = Stage::Active;
                self.grant(now, expires_s.unwrap_or(self.expires_s).min(self.expires_s), endpoint);
            }
            Stage::Active => {
                let ends_at = expires_s.map(|seconds| now + Duration::from_secs(seconds.into()));
                if let (Some(ends_at), Some(give_up_at)) = (ends_at, self.give_up_at)
                    && ends_at < give_up_at
                {
                    self.grant(now, expires_s.unwrap_or_default(), endpoint);
                }
            }
            Stage::Leaving | Stage::Over => {}
        }
    }
}

fn new_call_id(endpoint: &mut Endpoint) -> String {
    format!("{}{}", endpoint.token(), endpoint.token())
}
