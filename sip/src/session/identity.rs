//! The connected line: whom the far end is shown (RFC 3325, RFC 4916; Remote-Party-ID for those who know only that).
//!
//! ```text
//!  Incoming     P-Asserted-Identity in the next 18x and 200
//!  Established  UPDATE without description ──refused──▶ re-INVITE with the same description ──refused──▶ never again
//! ```

use std::time::{Duration, Instant};

use super::{Exchange, Leg, MODIFY_TIMEOUT, Role, Stage, cause};
use crate::endpoint::{ALLOW, Endpoint, SDP, SUPPORTED};
use crate::message::{Builder, HeaderName, Message, Method, NameAddr};
use crate::outbox::{Outbox, Party};
use crate::transaction::{ClientKey, Concern, Purpose};
use crate::transport::Flow;

/// Whom the far end of a leg is shown.
#[derive(Debug, Default)]
pub(super) struct Identity {
    shown: Option<Party>,
    /// Who is to be shown next.
    wanted: Option<Party>,
    in_flight: Option<(ClientKey, Party)>,
    /// When to try again what met a request of the peer.
    retry_at: Option<Instant>,
    update_refused: bool,
    invite_refused: bool,
}

impl Identity {
    /// When to call [`Leg::retry_identity`].
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }
}

impl Leg {
    /// Shows the far end whom it is connected with: at once, or when the offers before it are settled.
    pub(crate) fn identify(&mut self, now: Instant, party: Party, endpoint: &mut Endpoint, out: &mut Outbox) {
        if self.is_told_over() {
            return;
        }
        let addressed = self.local_party();
        let identity = self.identity.get_or_insert_default();
        let in_flight = identity.in_flight.as_ref().map(|(_, party)| party);
        let last = in_flight.or(identity.shown.as_ref()).or(addressed.as_ref());
        let is_shown = last.is_some_and(|last| is_same(last, &party));
        identity.wanted = (!is_shown).then_some(party);
        self.resume(now, endpoint, out);
    }

    /// Our side of the dialog as the far end knows it from the start.
    fn local_party(&self) -> Option<Party> {
        let (_, local, _) = self.dialog.as_ref()?.identity();
        Some(cause::party(Some(NameAddr::parse(local)?)))
    }

    /// Adds whom the caller is connected with to an 18x or 200.
    pub(super) fn show_identity(&mut self, response: Builder, flow: Flow, endpoint: &Endpoint) -> Builder {
        let Some(identity) = &mut self.identity else { return response };
        if let Some(wanted) = identity.wanted.take() {
            identity.shown = Some(wanted);
        }
        match &identity.shown {
            Some(party) => shown(response, party, self.role, flow, endpoint),
            None => response,
        }
    }

    /// Sends what waits, where the leg is free to.
    pub(super) fn send_identity(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        if self.identity.is_none() {
            return;
        }
        let addressed = self.local_party();
        let Some(identity) = &mut self.identity else { return };
        if identity.in_flight.is_some() || identity.retry_at.is_some() {
            return;
        }
        let last = identity.shown.as_ref().or(addressed.as_ref());
        let is_shown = |party: &Party| last.is_some_and(|last| is_same(last, party));
        let Some(party) = identity.wanted.take().filter(|party| !is_shown(party)) else { return };
        let method = match (self.peer_takes_update && !identity.update_refused, identity.invite_refused) {
            (true, _) => Method::Update,
            (false, false) => Method::Invite,
            (false, true) => return,
        };
        let authorization = self.authorization(method, endpoint);
        self.send_identity_by(now, method, party, authorization, endpoint, out);
    }

    fn send_identity_by(
        &mut self,
        now: Instant,
        method: Method,
        party: Party,
        authorization: Option<(HeaderName, String)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let (Some(dialog), Some(identity)) = (&mut self.dialog, &mut self.identity) else { return };
        let flow = endpoint.hop(dialog);
        let is_invite = method == Method::Invite;
        let body = is_invite.then(|| self.local.repeat(Self::media_address(endpoint, flow))).flatten();
        if is_invite && body.is_none() {
            return;
        }
        let (branch, cseq) = (endpoint.token(), dialog.sequence().advance());
        let mut request = endpoint
            .request(dialog, method, cseq, flow, branch)
            .header(HeaderName::Contact, endpoint.contact(flow, &self.user).focus(self.focus.as_deref()))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, SUPPORTED);
        if let Some(timer) = &self.timer {
            request = timer.repeat(request);
        }
        request = shown(request, &party, self.role, flow, endpoint);
        if let Some((name, value)) = authorization {
            request = request.header(name, value);
        }
        let bytes = match body {
            Some(body) => request.body(SDP, &body),
            None => request.finish(),
        };
        let key = ClientKey::new(branch, method);
        identity.in_flight = Some((key, party));
        if is_invite {
            self.exchange = Exchange::Refreshing { key, give_up_at: now + MODIFY_TIMEOUT };
        }
        endpoint.transactions.send(now, key, method, bytes, flow, self.id, Purpose::Refresh, out);
    }

    /// Whether a request was an UPDATE that only showed somebody.
    pub(super) fn is_identity_update(&self, key: ClientKey) -> bool {
        let is_it = self.identity.as_ref().and_then(|identity| identity.in_flight.as_ref());
        let is_invite = matches!(&self.exchange, Exchange::Refreshing { key: of, .. } if *of == key);
        is_it.is_some_and(|(of, _)| *of == key) && !is_invite
    }

    /// The outcome of such an UPDATE. Only 481 says that the dialog is gone: many who do not know UPDATE are silent.
    pub(super) fn identity_updated(
        &mut self,
        now: Instant,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let status = concern.status(answer.map(|(response, _)| response));
        if status < 200 {
            return;
        }
        if let (200..300, Some((response, flow))) = (status, answer) {
            if let Some(dialog) = &mut self.dialog {
                dialog.update(response, flow);
            }
            if matches!(self.stage, Stage::Established) {
                self.timer_answered(now, response);
            }
        }
        if !matches!(self.stage, Stage::Established) {
            return;
        }
        if let (401 | 407, Some((response, _)), Some(uri)) = (status, answer, self.target())
            && let Some(authorization) = self.answer_challenge(response, Method::Update, &uri, endpoint)
        {
            let again = self.identity.as_mut().and_then(|identity| identity.in_flight.take());
            if let Some((_, party)) = again {
                let authorization = Some(authorization);
                self.send_identity_by(now, Method::Update, party, authorization, endpoint, out);
            }
            return;
        }
        if status == 481 {
            return self.lost(now, status, endpoint, out);
        }
        if matches!(status, 405 | 501) {
            self.peer_takes_update = false;
        }
        self.settle_identity(now, concern.key, status, Method::Update, endpoint);
        self.resume(now, endpoint, out);
    }

    /// Notes what became of the request that showed somebody.
    pub(super) fn settle_identity(
        &mut self,
        now: Instant,
        key: ClientKey,
        status: u16,
        method: Method,
        endpoint: &mut Endpoint,
    ) {
        let Some(identity) = &mut self.identity else { return };
        let Some((_, party)) = identity.in_flight.take_if(|(of, _)| *of == key) else { return };
        match status {
            200..300 => identity.shown = Some(party),
            491 => {
                identity.wanted.get_or_insert(party);
                let wait_ms = 10
                    * match self.role {
                        Role::Uac => endpoint.between(210, 400),
                        Role::Uas => endpoint.between(0, 200),
                    };
                identity.retry_at = Some(now + Duration::from_millis(u64::from(wait_ms)));
            }
            _ if method == Method::Update => {
                identity.update_refused = true;
                identity.wanted.get_or_insert(party);
            }
            _ => {
                identity.invite_refused = true;
                identity.wanted = None;
            }
        }
    }

    /// The stream closed under the request that showed somebody, if it was that: it waits to be sent again.
    pub(super) fn identity_lost(&mut self, key: ClientKey) -> bool {
        let Some(identity) = &mut self.identity else { return false };
        let lost = identity.in_flight.take_if(|(of, _)| *of == key);
        let is_lost = lost.is_some();
        if let Some((_, party)) = lost {
            identity.wanted.get_or_insert(party);
        }
        is_lost
    }

    /// Sends again what met a request of the peer, if it is time.
    pub(super) fn retry_identity(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let Some(identity) = &mut self.identity else { return };
        if identity.retry_at.take_if(|at| *at <= now).is_some() {
            self.resume(now, endpoint, out);
        }
    }
}

/// Whether both look the same on a display.
fn is_same(one: &Party, other: &Party) -> bool {
    let same_host =
        one.host.is_empty() || other.host.is_empty() || one.host.eq_ignore_ascii_case(&other.host);
    one.user == other.user && one.name == other.name && same_host
}

fn shown(message: Builder, party: &Party, role: Role, flow: Flow, endpoint: &Endpoint) -> Builder {
    let value = cause::name_addr(party, &super::invite::host(endpoint.address(flow).ip()));
    let side = match role {
        Role::Uac => "calling",
        Role::Uas => "called",
    };
    let privacy = if party.is_anonymous() { "full" } else { "off" };
    message
        .header(HeaderName::PAssertedIdentity, &value)
        .header(HeaderName::RemotePartyId, format_args!("{value};party={side};privacy={privacy};screen=yes"))
}

/// Whether whoever sent a message wants to be hidden: Privacy (RFC 3323 §4.2, RFC 3325 §9.3), or `privacy` of the
/// Remote-Party-ID that speaks of him. `side` is its `party`: `calling` or `called`.
pub(crate) fn wants_privacy(message: &Message, side: &str) -> bool {
    let words = message.values(HeaderName::Privacy).flat_map(|value| value.split(';')).map(str::trim);
    let hides = |word: &str| ["id", "user", "header"].iter().any(|known| word.eq_ignore_ascii_case(known));
    words.into_iter().any(hides) || remote_party(message, side).is_some_and(|value| is_restricted(&value))
}

/// The Remote-Party-ID of one side; one that names no side is of whoever sent the message.
pub(crate) fn remote_party<'a>(message: &'a Message, side: &str) -> Option<NameAddr<'a>> {
    let speaks_of = |value: &NameAddr<'_>| {
        value.param("party").is_none_or(|party| party.trim_matches('"').eq_ignore_ascii_case(side))
    };
    message.values(HeaderName::RemotePartyId).filter_map(NameAddr::parse).find(speaks_of)
}

/// Whether a party is not to be shown, by its own `privacy` (Remote-Party-ID; Diversion, RFC 5806 §4.1).
pub(crate) fn is_restricted(value: &NameAddr<'_>) -> bool {
    let privacy = value.param("privacy");
    privacy.is_some_and(|privacy| !privacy.trim_matches('"').eq_ignore_ascii_case("off"))
}
