//! A registration of ours at somebody else's registrar (RFC 3261 §10.2), as a trunk to a carrier needs it.
//!
//! ```text
//!  Register ─▶ Asking ──2xx──▶ Registered ⟲ refreshed ──Unregister──▶ Leaving ──▶ Over
//!                └──refused, silence──────────┴───────────────────────────────────▶
//! ```
//!
//! It answers challenges, asks for the time that a 423 wants, and refreshes in the same Call-ID. The first refusal that it
//! cannot answer ends it: when to try again, and where, is the owner's to say. With `gin` one registration stands for a block of
//! numbers that the registrar knows (RFC 6140).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::auth::ClientAuth;
use crate::endpoint::{ALLOW, Contact, Endpoint, SUPPORTED};
use crate::ids::{ConnectionId, LegId, UsageId};
use crate::message::{HeaderName, Message, Method, NameAddr, escape_user, text_of};
use crate::outbox::{Event, Outbox, Register};
use crate::session::cause::retry_after_s;
use crate::subscription::{MAX_FORWARDS, Outside};
use crate::token::Token;
use crate::transaction::{ClientKey, Concern, Purpose};
use crate::transport::Flow;

/// The least time between two refreshes, whatever little is granted, and before a lost connection is opened again.
const REFRESH_MIN: Duration = Duration::from_secs(5);

/// No longer time is asked for, whatever a 423 wants, in seconds.
const EXPIRES_ASKED_MAX_S: u32 = 86_400;

/// What a registrar, and each proxy on the way, must understand to register a block of numbers (RFC 6140 §5.2).
const BULK: &str = "gin";

/// Values of Service-Route (RFC 3608) that are kept; a registrar that wants more is not obeyed at all.
const SERVICE_ROUTES_MAX: usize = 8;

/// All registrations of ours of one agent, by what is due.
#[derive(Default, Debug)]
pub(crate) struct Registrants {
    known: BTreeMap<UsageId, Registrant>,
    due: BTreeSet<(Instant, UsageId)>,
}

impl Registrants {
    pub(crate) fn contains(&self, id: UsageId) -> bool {
        self.known.contains_key(&id)
    }

    /// When the next has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// One that has something to do.
    pub(crate) fn due(&self, now: Instant) -> Option<UsageId> {
        self.due.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// Those that go by this stream.
    pub(crate) fn on_stream(&self, connection: ConnectionId) -> Vec<UsageId> {
        let on_it = self.known.values().filter(|one| one.flow.connection == connection);
        on_it.map(|one| one.id).collect()
    }

    pub(crate) fn take(&mut self, id: UsageId) -> Option<Registrant> {
        let taken = self.known.remove(&id)?;
        self.due.retain(|(_, due)| *due != id);
        Some(taken)
    }

    /// Lists it under what it has become; one that is over is forgotten.
    pub(crate) fn put(&mut self, registrant: Registrant) {
        if registrant.stage == Stage::Over {
            return;
        }
        self.due.extend(registrant.deadline().map(|at| (at, registrant.id)));
        self.known.insert(registrant.id, registrant);
    }
}

/// A registration of ours.
#[derive(Debug)]
pub(crate) struct Registrant {
    id: UsageId,
    register: Box<Register>,
    /// The user part of our Contact, escaped.
    user: Box<str>,
    tag: Token,
    call_id: String,
    cseq: u32,
    flow: Flow,
    /// What is asked for: more than the owner wants where a 423 said so.
    expires_s: u32,
    /// Answers the challenges of this registrar, and of no other.
    auth: Option<Box<ClientAuth>>,
    stage: Stage,
    in_flight: Option<ClientKey>,
    /// Whether what is in flight is the end.
    is_farewell: bool,
    /// Whether what is in flight was sent again since its stream was lost.
    is_again: bool,
    accepted_at: Option<Instant>,
    refresh_at: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// No REGISTER was accepted yet.
    Asking,
    Registered,
    /// The owner wants out.
    Leaving,
    Over,
}

impl Registrant {
    /// Registers.
    pub(crate) fn new(
        now: Instant,
        id: UsageId,
        register: Box<Register>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> Self {
        let asked_s = u32::try_from(register.expires.as_secs()).unwrap_or(EXPIRES_ASKED_MAX_S);
        let peer = register.target.flow.remote.ip();
        let auth = register.credentials.as_ref();
        let mut registrant = Self {
            id,
            user: escape_user(&register.contact).into(),
            tag: endpoint.token(),
            call_id: text_of((endpoint.token(), endpoint.token())),
            cseq: endpoint.first_cseq(now),
            flow: register.target.flow,
            expires_s: asked_s.clamp(1, EXPIRES_ASKED_MAX_S),
            auth: auth.map(|credentials| Box::new(ClientAuth::for_peer(Arc::clone(credentials), peer))),
            register,
            stage: Stage::Asking,
            in_flight: None,
            is_farewell: false,
            is_again: false,
            accepted_at: None,
            refresh_at: None,
        };
        registrant.ask(now, None, endpoint, out);
        registrant
    }

    fn deadline(&self) -> Option<Instant> {
        self.refresh_at.filter(|_| self.in_flight.is_none())
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.ask_again(now, endpoint, out);
        }
    }

    /// The stream is gone by which calls would come: another is opened at once, but not without end.
    pub(crate) fn connection_closed(&mut self, now: Instant, connection: ConnectionId) {
        if self.flow.connection != connection {
            return;
        }
        self.flow.connection = ConnectionId::default();
        if let (Stage::Registered, Some(accepted_at)) = (self.stage, self.accepted_at) {
            self.refresh_at = Some(now.max(accepted_at + REFRESH_MIN));
        }
    }

    /// The owner wants out: REGISTER with Expires 0 follows as soon as nothing else is in flight.
    pub(crate) fn unregister(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        if matches!(self.stage, Stage::Leaving | Stage::Over) {
            return;
        }
        self.stage = Stage::Leaving;
        self.refresh_at = None;
        if self.in_flight.is_none() {
            self.ask_again(now, endpoint, out);
        }
    }

    fn finish(&mut self, status: u16, retry_after_s: Option<u32>, out: &mut Outbox) {
        self.stage = Stage::Over;
        let trunk = Arc::clone(&self.register.trunk);
        out.events.push(Event::RegistrationOver { usage: self.id, trunk, status, retry_after_s });
    }

    /// Sends REGISTER once more, with credentials if the registrar has asked for them before.
    fn ask_again(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        self.refresh_at = None;
        self.cseq += 1;
        let cnonce = endpoint.token().to_string();
        let uri = &self.register.target.uri;
        let auth = self.auth.as_mut().filter(|auth| endpoint.may_answer(auth, self.flow));
        let authorization = auth.and_then(|auth| auth.header(Method::Register.name(), uri, &cnonce));
        self.ask(now, authorization, endpoint, out);
    }

    fn ask(
        &mut self,
        now: Instant,
        authorization: Option<(HeaderName, String)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let (branch, method) = (endpoint.token(), Method::Register);
        let Register { target, record, .. } = &*self.register;
        let (tag, call_id, cseq, flow) = (self.tag, &*self.call_id, self.cseq, self.flow);
        let max_forwards = MAX_FORWARDS;
        let outside =
            Outside { method, target, flow, from: record, to: record, max_forwards, tag, call_id, cseq };
        self.is_farewell = self.stage == Stage::Leaving;
        let expires_s = if self.is_farewell { 0 } else { self.expires_s };
        let mut builder = outside
            .begin(branch, endpoint)
            .header(HeaderName::Contact, self.contact(endpoint))
            .header(HeaderName::Expires, expires_s)
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, SUPPORTED);
        if self.user.is_empty() {
            builder = builder.header(HeaderName::Require, BULK).header(HeaderName::ProxyRequire, BULK);
        }
        if let Some((name, value)) = authorization {
            builder = builder.header(name, value);
        }
        let key = ClientKey::new(branch, method);
        self.in_flight = Some(key);
        let purpose = Purpose::Registration(self.id);
        endpoint.transactions.send(now, key, method, builder.finish(), flow, LegId(self.id.0), purpose, out);
    }

    fn contact(&self, endpoint: &Endpoint) -> Contact<'_> {
        if self.user.is_empty() {
            endpoint.bulk_contact(self.flow)
        } else {
            endpoint.contact(self.flow, &self.user)
        }
    }

    /// What became of REGISTER.
    pub(crate) fn answered(
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
        let is_left = self.stage == Stage::Leaving && !self.is_farewell;
        match answer {
            Some((response, flow)) if status < 300 => self.accepted(now, response, flow, endpoint, out),
            Some((response, _))
                if self.answer_challenge(now, response, endpoint, out)
                    || self.lengthen(now, response, endpoint, out) => {}
            None if concern.has_lost_stream && !self.is_again => {
                self.is_again = true;
                self.flow.connection = ConnectionId::default();
                self.ask_again(now, endpoint, out);
            }
            // Whoever leaves has left, whatever is said of it.
            Some(_) | None if self.is_farewell || is_left => self.finish(0, None, out),
            Some((response, _)) => self.finish(status, retry_after_s(response), out),
            None => self.finish(status, None, out),
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
        if self.is_farewell {
            return self.finish(0, None, out);
        }
        self.flow.connection = flow.connection;
        self.is_again = false;
        if self.stage == Stage::Leaving {
            return self.ask_again(now, endpoint, out);
        }
        let granted_s = self.granted_s(response, endpoint);
        if granted_s == 0 {
            return self.finish(response.status(), None, out);
        }
        // 5 to 10 % before the end and at least 5 s, but not before half of the time, and never at once.
        let granted = Duration::from_secs(granted_s.into());
        let early = (granted * endpoint.between(5, 10) / 100).max(Duration::from_secs(5)).min(granted / 2);
        self.refresh_at = Some(now + (granted - early).max(REFRESH_MIN));
        self.accepted_at = Some(now);
        let is_first = self.stage == Stage::Asking;
        self.stage = Stage::Registered;
        let trunk = Arc::clone(&self.register.trunk);
        let service_route = service_route(response);
        out.events.push(Event::Registered {
            usage: self.id,
            trunk,
            expires: granted,
            service_route,
            is_first,
        });
    }

    /// How long our own Contact is registered; others may be registered to the same address (RFC 3261 §10.2.4).
    fn granted_s(&self, response: &Message, endpoint: &Endpoint) -> u32 {
        let ours = text_of(self.contact(endpoint));
        let ours = NameAddr::parse(&ours).and_then(|ours| ours.parsed_uri());
        let is_ours = |contact: &NameAddr<'_>| {
            let (Some(uri), Some(ours)) = (contact.parsed_uri(), &ours) else { return false };
            uri.equals(ours)
        };
        let contacts: Vec<_> = response.contacts().collect();
        // Some registrars write down another address than the one that was named: the only one is meant then.
        let only = || contacts.first().filter(|_| contacts.len() == 1);
        let own = contacts.iter().find(|contact| is_ours(contact)).or_else(only);
        let named = own.and_then(|contact| contact.param("expires"));
        let named = named.and_then(|value| value.trim_matches('"').parse().ok());
        named.or_else(|| response.expires()).unwrap_or(self.expires_s).min(self.expires_s)
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
        let cnonce = endpoint.token().to_string();
        let uri = &self.register.target.uri;
        let Some(auth) = self.auth.as_mut().filter(|auth| endpoint.may_answer(auth, self.flow)) else {
            return false;
        };
        let (method, lines) = (Method::Register.name(), response.lines(challenges));
        let Some(authorization) = auth.answer(response.status(), lines, method, uri, &cnonce) else {
            return false;
        };
        self.cseq += 1;
        self.ask(now, Some(authorization), endpoint, out);
        true
    }

    /// Asks again for the time that a 423 wants (RFC 3261 §10.2.8).
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
            Some(wanted_s) if response.status() == 423 && self.stage != Stage::Leaving => {
                self.expires_s = wanted_s;
                self.ask_again(now, endpoint, out);
                true
            }
            Some(_) | None => false,
        }
    }
}

/// The way that calls out are to take.
fn service_route(response: &Message) -> Vec<String> {
    let routes: Vec<String> = response.other_values("Service-Route").map(str::to_owned).collect();
    let is_route = |text: &String| NameAddr::parse(text).and_then(|route| route.parsed_uri()).is_some();
    if routes.len() > SERVICE_ROUTES_MAX || !routes.iter().all(is_route) { Vec::new() } else { routes }
}
