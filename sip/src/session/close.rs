//! The end of a leg, by either side (RFC 3261 §9, §15).

use std::time::Instant;

use super::demand::Unmet;
use super::{Exchange, Incoming, Leg, Stage, cause, description, user_to_user};
use crate::endpoint::{Arrival, Endpoint, SUPPORTED};
use crate::message::{HeaderName, Message, Method, text_of};
use crate::outbox::{Cause, CauseKind, Event, Outbox};
use crate::package::csta;
use crate::transaction::{ClientKey, Concern, Purpose};
use crate::transport::Flow;

/// Our end.
impl Leg {
    /// Ends the leg however its state demands. `reason` is the value of a Reason header.
    pub(crate) fn end(
        &mut self,
        now: Instant,
        reason: Option<String>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        self.finish(now, CauseKind::Local, reason, endpoint, out);
    }

    /// As [`Self::end`], for this cause.
    pub(super) fn finish(
        &mut self,
        now: Instant,
        kind: CauseKind,
        reason: Option<String>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        match &mut self.stage {
            Stage::Incoming(Incoming { server, .. }) => {
                let server = *server;
                let headers = self.last_words(reason);
                self.close_exchange(now, endpoint, out);
                self.refuse(now, server, 480, &headers, endpoint, out);
                self.stage = Stage::Over;
            }
            Stage::Calling(calling) => {
                let key = calling.key;
                endpoint.transactions.cancel(now, key, self.last_words(reason), out);
                self.close_exchange(now, endpoint, out);
                self.stage = Stage::Over;
            }
            Stage::Offered { key, cseq, offer, .. } => {
                let (key, cseq) = (*key, *cseq);
                if let Some(dialog) = &self.dialog {
                    let address = Self::media_address(endpoint, dialog.flow());
                    let body = self.local.print(&description::rejecting(offer), address);
                    endpoint.acknowledge(dialog, key, cseq, Some(&body), out);
                }
                self.hang_up(now, reason, endpoint, out);
            }
            Stage::Established => {
                self.close_exchange(now, endpoint, out);
                if self.unacknowledged.iter().any(|waiting| waiting.is_initial) {
                    self.stage = Stage::Leaving(reason);
                } else {
                    self.hang_up(now, reason, endpoint, out);
                }
            }
            Stage::Leaving(_) | Stage::Closing | Stage::Over => return,
        }
        self.ended(cause::local(kind, 0), out);
    }

    /// Sends BYE. The leg stays until it is answered.
    pub(super) fn hang_up(
        &mut self,
        now: Instant,
        reason: Option<String>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        self.close_exchange(now, endpoint, out);
        self.unacknowledged.clear();
        self.queued = None;
        self.timer = None;
        self.stage = Stage::Closing;
        if self.dialog.is_none() {
            self.stage = Stage::Over;
            return;
        }
        let words = self.last_words(reason);
        let authorization = self.authorization(Method::Bye, endpoint).map(named);
        self.send_bye(now, words.into_iter().chain(authorization).collect(), endpoint, out);
    }

    /// What a refusal, CANCEL or BYE says: why, and what was enclosed.
    fn last_words(&mut self, reason: Option<String>) -> Vec<(&'static str, String)> {
        let reason = reason.map(|reason| (HeaderName::Reason.name(), reason));
        reason.into_iter().chain(std::mem::take(&mut self.enclosed)).collect()
    }

    fn send_bye(
        &mut self,
        now: Instant,
        headers: Vec<(&'static str, String)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if let Some(dialog) = &mut self.dialog {
            endpoint.bye(now, dialog, &headers, self.id, Purpose::Bye, out);
        }
    }

    /// Takes the final response to our BYE: a challenge is answered, anything else is the end.
    fn closed(
        &mut self,
        now: Instant,
        response: Option<&Message>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let uri = self.target().unwrap_or_default();
        let authorization =
            response.and_then(|response| self.answer_challenge(response, Method::Bye, &uri, endpoint));
        match authorization {
            Some(authorization) => self.send_bye(now, vec![named(authorization)], endpoint, out),
            None => self.stage = Stage::Over,
        }
    }

    /// Our 2xx drew no ACK in 64·T1 (RFC 3261 §13.3.1.4).
    pub(super) fn not_acknowledged(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        match &mut self.stage {
            Stage::Established => {
                self.ended(cause::local(CauseKind::NoAck, 0), out);
                self.hang_up(now, None, endpoint, out);
            }
            Stage::Leaving(reason) => {
                let reason = reason.take();
                self.hang_up(now, reason, endpoint, out);
            }
            Stage::Incoming(_) | Stage::Calling(_) | Stage::Offered { .. } | Stage::Closing | Stage::Over => {
            }
        }
    }

    /// Their INVITE has expired (RFC 3261 §13.3.1).
    pub(super) fn expire(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let Stage::Incoming(Incoming { server, .. }) = self.stage else { return };
        self.close_exchange(now, endpoint, out);
        self.refuse(now, server, 487, &[], endpoint, out);
        self.stage = Stage::Over;
        self.ended(cause::local(CauseKind::Cancel, 0), out);
    }

    /// The stream that an unanswered INVITE came by is closed.
    pub(super) fn lose(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let Stage::Incoming(Incoming { server, .. }) = self.stage else { return };
        self.close_exchange(now, endpoint, out);
        self.refuse(now, server, 480, &[], endpoint, out);
        self.stage = Stage::Over;
        self.ended(cause::local(CauseKind::Lost, 0), out);
    }

    /// What was being changed goes with the session: theirs is refused, ours has 64·T1 to be answered.
    pub(super) fn close_exchange(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        match std::mem::replace(&mut self.exchange, Exchange::Stable) {
            Exchange::RemoteOffer { server, .. } => self.refuse(now, server, 487, &[], endpoint, out),
            Exchange::LocalOffer { key, .. } | Exchange::Refreshing { key, .. } => {
                endpoint.transactions.expire(now, key);
            }
            Exchange::Stable | Exchange::Retry { .. } => {}
        }
    }
}

/// A header line under the name it is written with.
fn named((name, value): (HeaderName, String)) -> (&'static str, String) {
    (name.name(), value)
}

/// Their end.
impl Leg {
    /// BYE: answered at once, in any state (RFC 3261 §15.1.2).
    pub(super) fn bye(&mut self, now: Instant, arrival: Arrival, endpoint: &mut Endpoint, out: &mut Outbox) {
        let cause = cause::of_message(&arrival.message, CauseKind::Bye);
        let user_to_user = user_to_user::of(&arrival.message);
        endpoint.reply(now, arrival, 200, self.tag, out, |reply| reply);
        self.close_exchange(now, endpoint, out);
        if let (Some(data), false) = (user_to_user, self.is_told_over()) {
            out.events.push(Event::UserToUser { leg: self.id, data });
        }
        if let Some(dialog) = &mut self.dialog {
            dialog.terminate();
        }
        match &self.stage {
            Stage::Incoming(Incoming { server, .. }) => {
                let server = *server;
                self.refuse(now, server, 487, &[], endpoint, out);
                self.ended(cause, out);
            }
            // The callee's BYE overtook its own 2xx: that will meet an ACK and a BYE.
            Stage::Calling(calling) => {
                endpoint.transactions.cancel(now, calling.key, Vec::new(), out);
                out.events.push(Event::Failed {
                    leg: self.id,
                    cause,
                    retry_after_s: None,
                    redirect: Vec::new(),
                });
            }
            Stage::Offered { .. } | Stage::Established => self.ended(cause, out),
            // The owner knows; what waits for the answer to our own BYE is the transaction.
            Stage::Leaving(_) | Stage::Closing | Stage::Over => {}
        }
        self.stage = Stage::Over;
    }

    /// CANCEL of an INVITE that is not answered, initial or not: 487 (RFC 3261 §9.2). The CANCEL itself is answered.
    pub(crate) fn cancelled(
        &mut self,
        now: Instant,
        cancel: &Message,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if let Stage::Incoming(Incoming { server, .. }) = self.stage {
            self.close_exchange(now, endpoint, out);
            self.refuse(now, server, 487, &[], endpoint, out);
            self.stage = Stage::Over;
            self.ended(Cause { status: 0, ..cause::of_message(cancel, CauseKind::Cancel) }, out);
        } else if let Exchange::RemoteOffer { server, .. } = self.exchange {
            self.exchange = Exchange::Stable;
            out.events.push(Event::OfferWithdrawn { leg: self.id });
            self.refuse(now, server, 487, &[], endpoint, out);
            self.resume(now, endpoint, out);
        }
    }
}

/// Requests inside the dialog, and what became of ours.
impl Leg {
    /// Checks a request of the peer inside the dialog, other than ACK and CANCEL. `None`: it is answered.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        arrival: Arrival,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> Option<Arrival> {
        let tag = self.tag;
        let method = arrival.message.method();
        if let Some(dialog) = self.dialog_with(arrival.message.from_tag())
            && dialog.receive(&arrival.message, arrival.flow).is_err()
        {
            endpoint.reply(now, arrival, 500, tag, out, |reply| reply);
            return None;
        }
        // Bodies of CSTA are none that others would read.
        let reads = self.is_csta && csta::is_type(arrival.message.content_type());
        let unmet = super::unmet(&arrival.message).filter(|unmet| !(reads && *unmet == Unmet::Body));
        if method != Method::Bye
            && let Some(unmet) = unmet
        {
            endpoint.reply(now, arrival, unmet.status(), tag, out, |reply| unmet.explain(reply));
            return None;
        }
        self.note_methods(&arrival.message);
        Some(arrival)
    }

    /// A request of the peer inside the dialog, other than ACK and CANCEL.
    pub(crate) fn request(
        &mut self,
        now: Instant,
        arrival: Arrival,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Some(arrival) = self.admit(now, arrival, endpoint, out) else { return };
        let tag = self.tag;
        let method = arrival.message.method();
        let is_of_csta = matches!(method, Method::Invite | Method::Update | Method::Info);
        let arrival = if is_of_csta { self.csta_request(now, arrival, endpoint, out) } else { Some(arrival) };
        let Some(arrival) = arrival else { return };
        let has_offer = description::of(&arrival.message).is_some();
        match method {
            Method::Bye => self.bye(now, arrival, endpoint, out),
            Method::Invite => self.remote_offer(now, arrival, endpoint, out),
            Method::Update if has_offer => self.remote_offer(now, arrival, endpoint, out),
            Method::Update if matches!(self.exchange, Exchange::Refreshing { .. }) => {
                endpoint.reply(now, arrival, 491, tag, out, |reply| reply);
            }
            Method::Update => {
                let contact =
                    text_of(endpoint.contact(arrival.flow, &self.user).focus(self.focus.as_deref()));
                let (request, interval_s) = (arrival.message.clone(), endpoint.config.session_expires_s);
                if let Some(dialog) = self.dialog_with(request.from_tag()) {
                    dialog.retarget(&request);
                }
                endpoint.reply(now, arrival, 200, tag, out, |reply| {
                    let reply =
                        reply.header(HeaderName::Contact, contact).header(HeaderName::Supported, SUPPORTED);
                    self.answer_timer(now, &request, reply, interval_s)
                });
            }
            Method::Options => endpoint.reply(now, arrival, 200, tag, out, crate::endpoint::capabilities),
            Method::Info => self.info(now, arrival, endpoint, out),
            Method::Prack => self.prack(now, arrival, endpoint, out),
            Method::Notify => endpoint.reply(now, arrival, 481, tag, out, |reply| reply),
            Method::Subscribe => endpoint.reply(now, arrival, 489, tag, out, crate::endpoint::allow_events),
            Method::Refer | Method::Message | Method::Publish | Method::Register => {
                endpoint.reply(now, arrival, 405, tag, out, crate::endpoint::allow);
            }
            Method::Other => endpoint.reply(now, arrival, 501, tag, out, crate::endpoint::allow),
            Method::Ack | Method::Cancel => {}
        }
    }

    /// Sends NOTIFY with this event package and no body: the phone answers or holds by itself.
    pub(crate) fn notify(
        &mut self,
        now: Instant,
        event: &'static str,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let dialog = match &mut self.stage {
            Stage::Calling(calling) => calling.forks.last_mut().map(|fork| &mut fork.dialog),
            Stage::Established | Stage::Offered { .. } => self.dialog.as_mut(),
            Stage::Incoming(_) => None,
            Stage::Leaving(_) | Stage::Closing | Stage::Over => return,
        };
        let Some(dialog) = dialog else {
            return out.events.push(Event::Notified { leg: self.id, event, status: 481 });
        };
        let (flow, branch, cseq) = (endpoint.hop(dialog), endpoint.token(), dialog.sequence().advance());
        let bytes = endpoint
            .request(dialog, Method::Notify, cseq, flow, branch)
            .header(HeaderName::Contact, endpoint.contact(flow, &self.user).focus(self.focus.as_deref()))
            .header(HeaderName::Event, event)
            .header(HeaderName::SubscriptionState, "terminated;reason=noresource")
            .finish();
        let key = ClientKey::new(branch, Method::Notify);
        endpoint.transactions.send(
            now,
            key,
            Method::Notify,
            bytes,
            flow,
            self.id,
            Purpose::Notify(event),
            out,
        );
    }

    /// What became of a request of ours.
    pub(crate) fn outcome(
        &mut self,
        now: Instant,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if concern.has_lost_stream {
            return self.send_again(now, concern, endpoint, out);
        }
        let status = concern.status(answer.map(|(response, _)| response));
        match concern.purpose {
            Purpose::Invite => self.invited(now, concern, answer, endpoint, out),
            Purpose::Modify => self.modified(now, concern, answer, endpoint, out),
            Purpose::Refresh => self.refreshed(now, concern, answer, endpoint, out),
            Purpose::Bye if status >= 200 => {
                self.closed(now, answer.map(|(response, _)| response), endpoint, out);
            }
            Purpose::Info => self.informed(now, concern, answer, endpoint, out),
            Purpose::Prack => self.pracked(now, answer.map(|(response, _)| response), endpoint, out),
            Purpose::Notify(event) if status >= 200 => self.notified(event, status, out),
            Purpose::Bye
            | Purpose::Notify(_)
            | Purpose::Refer(_)
            | Purpose::Subscription(_)
            | Purpose::Message(_)
            | Purpose::Registration(_)
            | Purpose::Alone => {}
        }
    }

    /// The stream closed under a request: it goes once more, by another one. If that fails too, it has failed.
    fn send_again(&mut self, now: Instant, concern: Concern, endpoint: &mut Endpoint, out: &mut Outbox) {
        match concern.purpose {
            Purpose::Invite => self.call_again(now, concern, endpoint, out),
            Purpose::Modify => self.offer_again(now, concern, endpoint, out),
            Purpose::Refresh => self.refresh_again(now, concern, endpoint, out),
            Purpose::Bye => {
                let authorization = self.authorization(Method::Bye, endpoint).map(named);
                self.send_bye(now, authorization.into_iter().collect(), endpoint, out);
            }
            Purpose::Notify(event) => self.notified(event, 503, out),
            Purpose::Info => self.informed(now, concern, None, endpoint, out),
            // The INVITE went by the same stream.
            Purpose::Prack
            | Purpose::Refer(_)
            | Purpose::Subscription(_)
            | Purpose::Message(_)
            | Purpose::Registration(_)
            | Purpose::Alone => {}
        }
    }

    fn notified(&self, event: &'static str, status: u16, out: &mut Outbox) {
        if !self.is_told_over() {
            out.events.push(Event::Notified { leg: self.id, event, status });
        }
    }
}
