//! Changing a session: re-INVITE and UPDATE in both directions, with glare (RFC 3261 §14, RFC 3311, RFC 6141).

use std::time::{Duration, Instant};

use super::{Exchange, Leg, MODIFY_TIMEOUT, Role, Stage, cause, description, refresh};
use crate::endpoint::{self, ALLOW, Arrival, Endpoint, SDP, SUPPORTED};
use crate::message::{HeaderName, Message, Method};
use crate::outbox::{CauseKind, Event, Outbox};
use crate::sdp::SessionDescription;
use crate::transaction::{ClientKey, Concern, Purpose};
use crate::transport::Flow;

/// Our offers.
impl Leg {
    /// Offers a change by re-INVITE: at once, or when the offers and the ACK before it are settled. Of several that
    /// wait, the last one goes.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        description: Box<SessionDescription>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        self.queued = Some(description);
        self.resume(now, endpoint, out);
    }

    /// Sends what waits, if nothing stands in its way any more: an offer first.
    pub(super) fn resume(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        self.next_info(now, endpoint, out);
        self.go_on_reliably(now, endpoint, out);
        let is_free = matches!((&self.stage, &self.exchange), (Stage::Established, Exchange::Stable));
        if !is_free || !self.unacknowledged.is_empty() {
            return;
        }
        if let Some(description) = self.queued.take() {
            let authorization = self.authorization(Method::Invite, endpoint);
            self.send_offer(now, description, authorization, endpoint, out);
        } else {
            self.send_identity(now, endpoint, out);
        }
    }

    /// The Request-URI of our next request.
    pub(super) fn target(&self) -> Option<String> {
        self.dialog.as_ref().map(|dialog| dialog.routed().uri.to_owned())
    }

    fn send_offer(
        &mut self,
        now: Instant,
        description: Box<SessionDescription>,
        authorization: Option<(HeaderName, String)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Some(dialog) = &mut self.dialog else { return };
        let (flow, branch, cseq) = (endpoint.hop(dialog), endpoint.token(), dialog.sequence().advance());
        let body = self.local.print(&description, Self::media_address(endpoint, flow));
        let bytes = endpoint
            .request(dialog, Method::Invite, cseq, flow, branch)
            .header(HeaderName::Contact, endpoint.contact(flow, &self.user).focus(self.focus.as_deref()))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, SUPPORTED);
        let bytes = refresh::ask(bytes, 0, endpoint);
        let bytes = match authorization {
            Some((name, value)) => bytes.header(name, value).body(SDP, &body),
            None => bytes.body(SDP, &body),
        };
        let key = ClientKey::new(branch, Method::Invite);
        self.exchange = Exchange::LocalOffer { key, description, give_up_at: now + MODIFY_TIMEOUT };
        endpoint.transactions.send(now, key, Method::Invite, bytes, flow, self.id, Purpose::Modify, out);
    }

    /// Takes the outcome of our re-INVITE.
    pub(super) fn modified(
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
        let Some(dialog) = &mut self.dialog else { return };
        if let Some((response, flow)) = answer.filter(|_| status < 300) {
            dialog.update(response, flow);
            endpoint.acknowledge(dialog, concern.key, response.cseq().number, None, out);
        }
        let is_current = matches!(&self.exchange, Exchange::LocalOffer { key, .. } if *key == concern.key);
        if !is_current {
            return;
        }
        let Exchange::LocalOffer { description, .. } =
            std::mem::replace(&mut self.exchange, Exchange::Stable)
        else {
            return;
        };
        if !matches!(self.stage, Stage::Established) {
            return;
        }
        if let (401 | 407, Some((response, _)), Some(uri)) = (status, answer, self.target()) {
            if let Some(authorization) = self.answer_challenge(response, Method::Invite, &uri, endpoint) {
                return self.send_offer(now, description, Some(authorization), endpoint, out);
            }
        } else if let Some(auth) = &mut self.auth {
            auth.accepted();
        }
        match status {
            0..300 => {
                if let Some((response, _)) = answer {
                    self.timer_answered(now, response);
                }
                self.local.agree();
                let sdp = answer.and_then(|(response, _)| description::preview(response));
                out.events.push(Event::OfferAnswered { leg: self.id, sdp });
            }
            491 => {
                let wait_ms = 10
                    * match self.role {
                        Role::Uac => endpoint.between(210, 400),
                        Role::Uas => endpoint.between(0, 200),
                    };
                let at = now + Duration::from_millis(u64::from(wait_ms));
                self.exchange = Exchange::Retry { at, description };
            }
            408 | 481 => return self.lost(now, status, endpoint, out),
            _ if answer.is_none() => return self.lost(now, status, endpoint, out),
            _ => out.events.push(Event::OfferRefused { leg: self.id, status }),
        }
        self.resume(now, endpoint, out);
    }

    /// Our re-INVITE was lost with its stream.
    pub(super) fn offer_again(
        &mut self,
        now: Instant,
        concern: Concern,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if !matches!(&self.exchange, Exchange::LocalOffer { key, .. } if *key == concern.key) {
            return;
        }
        if let Exchange::LocalOffer { description, .. } =
            std::mem::replace(&mut self.exchange, Exchange::Stable)
        {
            self.queued.get_or_insert(description);
        }
        self.resume(now, endpoint, out);
    }

    /// Cancels an offer that is answered provisionally and no further.
    pub(super) fn cancel_offer(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        if let Exchange::LocalOffer { key, give_up_at, .. } | Exchange::Refreshing { key, give_up_at } =
            &mut self.exchange
            && *give_up_at <= now
        {
            *give_up_at = now + MODIFY_TIMEOUT;
            endpoint.transactions.cancel(now, *key, Vec::new(), out);
        }
    }

    /// Sends the offer again that met another one; a newer offer takes its place.
    pub(super) fn retry_offer(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        if !matches!(&self.exchange, Exchange::Retry { at, .. } if *at <= now) {
            return;
        }
        if let Exchange::Retry { description, .. } = std::mem::replace(&mut self.exchange, Exchange::Stable) {
            self.queued.get_or_insert(description);
        }
        self.resume(now, endpoint, out);
    }
}

/// Their offers.
impl Leg {
    /// A re-INVITE, or an UPDATE with an offer, whose CSeq is in order.
    pub(super) fn remote_offer(
        &mut self,
        now: Instant,
        arrival: Arrival,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let tag = self.tag;
        let is_update = arrival.message.method() == Method::Update;
        match self.obstacle(&arrival.message) {
            Some(obstacle @ Obstacle::OfferOfTheirs) => {
                let after_s = endpoint.between(0, 10);
                return endpoint.reply(now, arrival, obstacle.status(), tag, out, |reply| {
                    reply.header(HeaderName::RetryAfter, after_s)
                });
            }
            Some(obstacle) => {
                return endpoint.reply(now, arrival, obstacle.status(), tag, out, |reply| reply);
            }
            None => {}
        }
        let sdp = match description::offered(&arrival.message) {
            Ok(sdp) => sdp,
            Err(error) => {
                let (status, ours) = (error.status(), endpoint.address(arrival.flow));
                return endpoint.reply(now, arrival, status, tag, out, |reply| {
                    endpoint::incompatible(reply, status, ours)
                });
            }
        };
        let refresh = match &sdp {
            Some(_) => {
                description::of(&arrival.message).and_then(|offer| self.local.refresh(&offer).cloned())
            }
            None => None,
        };
        let has_offer = sdp.is_some();
        let server = endpoint.begin(arrival, self.id);
        self.exchange = self.take_retry();
        if let Some(body) = refresh {
            let Some(response) = self.dialog_response(now, server, 200, endpoint) else { return };
            let response = response.body(SDP, &body);
            if is_update {
                endpoint.transactions.respond(now, server, 200, response, out);
            } else {
                self.accept(now, server, response, false, false, endpoint, out);
            }
            return;
        }
        if !is_update {
            let trying = endpoint.trying(server);
            endpoint.transactions.respond(now, server, 100, trying, out);
        }
        let give_up_at = now + endpoint.config.timing.timeout();
        self.exchange = Exchange::RemoteOffer { server, has_offer, is_update, give_up_at };
        out.events.push(Event::Offer { leg: self.id, sdp });
    }

    /// An offer of ours that waits for its second try goes back to the queue: theirs comes first.
    fn take_retry(&mut self) -> Exchange {
        if let Exchange::Retry { description, .. } = std::mem::replace(&mut self.exchange, Exchange::Stable) {
            self.queued.get_or_insert(description);
        }
        Exchange::Stable
    }

    pub(super) fn obstacle(&self, request: &Message) -> Option<Obstacle> {
        if request.method() == Method::Update && self.is_early_session(request.from_tag()) {
            return None;
        }
        match (&self.stage, &self.exchange) {
            (Stage::Calling(_), Exchange::RemoteOffer { .. }) => Some(Obstacle::OfferOfTheirs),
            (Stage::Calling(_) | Stage::Offered { .. }, _) => Some(Obstacle::OfferOfOurs),
            (Stage::Incoming(_), _) => Some(Obstacle::OfferOfTheirs),
            (Stage::Leaving(_) | Stage::Closing | Stage::Over, _) => Some(Obstacle::NoSession),
            (Stage::Established, Exchange::LocalOffer { .. } | Exchange::Refreshing { .. }) => {
                Some(Obstacle::OfferOfOurs)
            }
            (Stage::Established, Exchange::RemoteOffer { .. }) => Some(Obstacle::OfferOfTheirs),
            (Stage::Established, Exchange::Stable | Exchange::Retry { .. }) => {
                self.unacknowledged.iter().any(|waiting| waiting.is_offer).then_some(Obstacle::OfferOfOurs)
            }
        }
    }

    /// Answers their offer, or sends ours where they asked for one, or answers the offer in their 2xx.
    pub(crate) fn answer_offer(
        &mut self,
        now: Instant,
        description: &SessionDescription,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if matches!(self.stage, Stage::Offered { .. }) {
            return self.answer_in_ack(now, description, endpoint, out);
        }
        let Exchange::RemoteOffer { server, has_offer, is_update, .. } = self.exchange else { return };
        self.exchange = Exchange::Stable;
        self.update_fork(server, endpoint);
        let Some(response) = self.dialog_response(now, server, 200, endpoint) else { return };
        let body = self.print_answer(server, description, endpoint);
        let response = response.body(SDP, &body);
        if is_update {
            endpoint.transactions.respond(now, server, 200, response, out);
            self.resume(now, endpoint, out);
        } else {
            self.accept(now, server, response, false, !has_offer, endpoint, out);
        }
    }

    /// Refuses their offer: the session stays as it was. An offer in a 2xx is answered with every stream rejected,
    /// and the call ends (RFC 3261 §13.2.2.4).
    pub(crate) fn refuse_offer(
        &mut self,
        now: Instant,
        status: u16,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if matches!(self.stage, Stage::Offered { .. }) {
            return self.end(now, None, endpoint, out);
        }
        let Exchange::RemoteOffer { server, .. } = self.exchange else { return };
        self.exchange = Exchange::Stable;
        let status = if (300..700).contains(&status) { status } else { 488 };
        self.refuse(now, server, status, &[], endpoint, out);
        self.resume(now, endpoint, out);
    }

    /// The dialog is gone on the other side.
    pub(super) fn lost(&mut self, now: Instant, status: u16, endpoint: &mut Endpoint, out: &mut Outbox) {
        self.ended(cause::local(CauseKind::Lost, status), out);
        self.hang_up(now, None, endpoint, out);
    }
}

/// Why an offer of theirs cannot be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Obstacle {
    /// 491.
    OfferOfOurs,
    /// 500 with Retry-After.
    OfferOfTheirs,
    /// 481.
    NoSession,
}

impl Obstacle {
    /// The status that says so.
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::OfferOfOurs => 491,
            Self::OfferOfTheirs => 500,
            Self::NoSession => 481,
        }
    }
}
