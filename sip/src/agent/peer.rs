//! Who sent a request: a trunk by its certificate or its address, a line by its password (RFC 3261 §22). Never by what a header claims.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use super::Agent;
use crate::auth::{Attempt, Verdict, algorithms_for};
use crate::endpoint::{self, Arrival};
use crate::ids::LegId;
use crate::message::{HeaderName, Message, NameAddr, Uri};
use crate::outbox::{self, Event, Outbox, Peer};
use crate::transport::Flow;

/// How much of a user name is reported.
const USER_BYTES_MAX: usize = 64;

impl Agent {
    /// Says who sent a request, or answers it: with a challenge, or with 403. A From that names nobody is that of a line that
    /// wants to be hidden.
    pub(super) fn admit_peer(&self, now: Instant, arrival: &Arrival, out: &mut Outbox) -> Option<Peer> {
        if let Some(trunk) = self.endpoint.trunk_by_certificate(arrival.flow) {
            return Some(Peer::Trunk(Arc::clone(trunk)));
        }
        let message = &arrival.message;
        let is_anonymous = names_nobody(message.from());
        let user = if is_anonymous { likely_user(message) } else { user(message.from()) };
        if let Some(trunk) = self.endpoint.directory.trunk_for(arrival.flow.remote.ip(), &called(message))
            && !self.is_registered_phone(now, &user, arrival.flow)
        {
            return Some(Peer::Trunk(Arc::clone(trunk)));
        }
        let line = match self.authenticate(now, arrival, &user, out)? {
            // Whom a network names in From is whoever calls there.
            Peer::Trunk(trunk) => return Some(Peer::Trunk(trunk)),
            Peer::Line(line) => line,
        };
        if user != *line && !is_anonymous {
            self.refuse(arrival, 403, out, |reply| reply);
            self.report_refused(arrival, user, 403, out);
            return None;
        }
        Some(Peer::Line(line))
    }

    /// Whether a line is registered from exactly this address: then it is a phone, though a trunk is at the same host.
    pub(super) fn is_registered_phone(&self, now: Instant, user: &str, flow: Flow) -> bool {
        self.endpoint.directory.accounts.contains_key(user)
            && self
                .endpoint
                .location
                .bindings(user, now)
                .iter()
                .any(|binding| (binding.flow.transport, binding.flow.remote) == (flow.transport, flow.remote))
    }

    /// Whether a request in the dialog of a leg is that of its peer. A registered phone that speaks from another host than before
    /// says once more who it is: tags can be overheard. What is not heard is answered.
    pub(super) fn is_heard(&self, now: Instant, id: LegId, arrival: &Arrival, out: &mut Outbox) -> bool {
        let Some(leg) = self.legs.get(&id) else { return true };
        let (known, source) = (leg.host(), arrival.flow.remote.ip().to_canonical());
        if known.is_none_or(|known| known == source) {
            return true;
        }
        let user = leg.remote().map(|(user, _)| user).unwrap_or_default();
        let bindings = self.endpoint.location.bindings(&user, now);
        let is_at =
            |host| bindings.iter().any(|binding| Some(binding.flow.remote.ip().to_canonical()) == host);
        if !self.endpoint.directory.accounts.contains_key(&*user) || !is_at(known) || is_at(Some(source)) {
            return true;
        }
        match self.authenticate(now, arrival, &user, out) {
            Some(Peer::Line(line)) if *line == *user => true,
            Some(_) => {
                self.refuse(arrival, 403, out, |reply| reply);
                self.report_refused(arrival, user, 403, out);
                false
            }
            None => false,
        }
    }

    /// The line or trunk whose password the request proves, or a challenge. `user` is whom the request is about.
    pub(super) fn authenticate(
        &self,
        now: Instant,
        arrival: &Arrival,
        user: &str,
        out: &mut Outbox,
    ) -> Option<Peer> {
        let message = &arrival.message;
        let directory = &self.endpoint.directory;
        let attempt = Attempt {
            method: message.method_text(),
            uri: message.request_uri(),
            source: arrival.flow.remote,
            is_by_stream: arrival.flow.transport.is_reliable(),
        };
        let values =
            message.lines(HeaderName::Authorization).chain(message.lines(HeaderName::ProxyAuthorization));
        let is_stale =
            match self.challenger.verify(now, attempt, values, |name| directory.account_of(name).cloned()) {
                Verdict::Ok { line } => return Some(directory.owner_of(line)),
                Verdict::Stale => true,
                Verdict::Missing => false,
                Verdict::Wrong { username } => {
                    self.refuse(arrival, 403, out, |reply| reply);
                    self.report_refused(arrival, username, 403, out);
                    return None;
                }
            };
        let of_line = directory.algorithms_of(user, self.challenger.draw(user));
        let user_agent = message.value(HeaderName::UserAgent);
        let said = user_agent.and_then(|name| directory.digest_said_of(name));
        let algorithms = algorithms_for(user_agent, said, of_line);
        let challenges = self.challenger.challenge(now, arrival.flow.remote.ip(), &algorithms, is_stale);
        self.challenge(arrival, &challenges, out);
        None
    }

    /// Answers 401. A datagram that asks little is answered with the most wanted challenge alone where all of them would say
    /// much: its source may be somebody who has asked nothing.
    fn challenge(&self, arrival: &Arrival, challenges: &[String], out: &mut Outbox) {
        let refuse = |shown: usize, out: &mut Outbox| {
            self.refuse(arrival, 401, out, |reply| {
                let shown = challenges.iter().take(shown);
                shown.fold(reply, |reply, value| reply.header(HeaderName::WwwAuthenticate, value))
            });
        };
        refuse(challenges.len(), out);
        let is_long =
            out.transmits.last().is_some_and(|answer| endpoint::is_amplified(arrival, &answer.bytes));
        if is_long && challenges.len() > 1 {
            out.transmits.pop();
            refuse(1, out);
        }
    }

    /// Tells for the log that a request was turned away.
    pub(super) fn report_refused(&self, arrival: &Arrival, mut user: String, status: u16, out: &mut Outbox) {
        user.truncate(user.floor_char_boundary(USER_BYTES_MAX));
        let method = arrival.message.method().name();
        out.events.push(Event::Refused { flow: arrival.flow, method, user, status });
    }
}

/// The user part of the Request-URI, unescaped.
fn called(message: &Message) -> Cow<'_, str> {
    Uri::parse(message.request_uri()).map(|uri| uri.user_unescaped()).unwrap_or_default()
}

/// The user part of a From or To value, unescaped.
pub(super) fn user(value: Option<NameAddr<'_>>) -> String {
    let uri = value.and_then(|value| value.parsed_uri());
    uri.map(|uri| uri.user_unescaped().into_owned()).unwrap_or_default()
}

/// Whether a From value names nobody (RFC 3323 §4.1.1.3).
pub(super) fn names_nobody(value: Option<NameAddr<'_>>) -> bool {
    let uri = value.and_then(|value| value.parsed_uri());
    uri.is_some_and(|uri| outbox::names_nobody(uri.user.unwrap_or_default(), uri.host))
}

/// Whom a request without a name probably comes from: P-Preferred-Identity (RFC 3325 §9.2), else Contact. It only chooses the
/// challenge; who it is the answer proves.
fn likely_user(message: &Message) -> String {
    let preferred = message.value(HeaderName::PPreferredIdentity).and_then(NameAddr::parse);
    user(preferred.or_else(|| message.value(HeaderName::Contact).and_then(NameAddr::parse)))
}
