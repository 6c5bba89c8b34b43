//! As UAS: their INVITE, our responses, their ACK (RFC 3261 §13.3).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    ANSWER_TIMEOUT, Announcement, Controls, Incoming, Leg, PROGRESS_INTERVAL, Progress, Reliable, Role,
    Stage, Unacknowledged, cause, description,
};
use crate::dialog::Dialog;
use crate::endpoint::{ALLOW, Arrival, Endpoint, SDP, SUPPORTED};
use crate::ids::LegId;
use crate::message::{Builder, HeaderName, Message, Method, response};
use crate::outbox::{CauseKind, Event, Outbox, Transmit};
use crate::sdp::SessionDescription;
use crate::transaction::ServerId;

impl Leg {
    /// Takes an INVITE that passed every check: answers 100 and tells the owner.
    pub(crate) fn incoming(
        now: Instant,
        id: LegId,
        arrival: Arrival,
        announcement: Announcement,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> Self {
        let message = &arrival.message;
        let expires = message
            .expires()
            .filter(|seconds| *seconds > 0)
            .map(|seconds| Duration::from_secs(seconds.into()));
        let give_up_at = now + expires.map_or(ANSWER_TIMEOUT, |expires| expires.min(ANSWER_TIMEOUT));
        let call = &announcement.call;
        let incoming = Incoming {
            server: arrival.id,
            has_offer: call.offer.is_some(),
            progress: None,
            status: 0,
            reliable: Reliable::of_invite(message, call, endpoint),
            give_up_at,
        };
        let mut leg = Self::new(id, Role::Uas, Stage::Incoming(incoming), &call.dialled, endpoint);
        let cseq = endpoint.first_cseq(now);
        leg.dialog = Some(Dialog::of_request(message, leg.tag, arrival.flow, cseq));
        leg.note_methods(message);
        leg.controls = Controls::of(message).unwrap_or_default();
        let trying = response(message, 100, arrival.flow.remote).finish();
        let server = endpoint.begin(arrival, id);
        endpoint.transactions.respond(now, server, 100, trying, out);
        leg.announce_or_wait(announcement, out);
        leg
    }

    /// Sends a provisional response, 101 to 199.
    pub(crate) fn progress(
        &mut self,
        now: Instant,
        status: u16,
        description: Option<&SessionDescription>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Stage::Incoming(Incoming { server, ref reliable, .. }) = self.stage else { return };
        if !(101..200).contains(&status) {
            return;
        }
        if reliable.is_some() {
            return self.progress_reliably(now, status, description, endpoint, out);
        }
        let Some(response) = self.dialog_response(now, server, status, endpoint) else { return };
        let response = self.adorn(server, response, endpoint);
        let response = match description {
            Some(description) => response.body(SDP, &self.print_answer(server, description, endpoint)),
            None => response.finish(),
        };
        endpoint.transactions.respond(now, server, status, response.clone(), out);
        if let Stage::Incoming(incoming) = &mut self.stage {
            incoming.progress = Some(Progress { response, repeat_at: now + PROGRESS_INTERVAL });
            incoming.status = status;
        }
    }

    pub(super) fn repeat_progress(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let Stage::Incoming(Incoming { server, progress: Some(progress), status, reliable, .. }) =
            &mut self.stage
        else {
            return;
        };
        if progress.repeat_at > now {
            return;
        }
        progress.repeat_at = now + PROGRESS_INTERVAL;
        if reliable.is_some() {
            let status = *status;
            self.progress_reliably(now, status, None, endpoint, out);
        } else {
            endpoint.transactions.respond(now, *server, *status, progress.response.clone(), out);
        }
    }

    /// Answers with 200: the description is the answer, or our offer if the INVITE had none. Without a description
    /// the one of the last provisional response stands. Where that was sent reliably the 200 has none, and waits for its PRACK.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        description: Option<&SessionDescription>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Stage::Incoming(Incoming { server, has_offer, .. }) = self.stage else { return };
        if self.answer_waits(description) {
            return;
        }
        let Some(response) = self.dialog_response(now, server, 200, endpoint) else { return };
        let response = self.adorn(server, response, endpoint);
        let body = match description {
            _ if self.is_answered_reliably() => Bytes::new(),
            Some(description) => self.print_answer(server, description, endpoint),
            None => self.local.last().clone(),
        };
        let response = if body.is_empty() { response.finish() } else { response.body(SDP, &body) };
        let rseq = self.overtaken();
        self.stage = Stage::Established;
        if let Some(dialog) = &mut self.dialog {
            dialog.confirm();
        }
        let is_offer = !has_offer && !body.is_empty();
        self.accept(now, server, response, true, is_offer, endpoint, out);
        if let Some(waiting) = self.unacknowledged.last_mut() {
            waiting.rseq = rseq;
        }
    }

    /// Adds what the owner wants an 18x or 200 to say beside the description.
    pub(super) fn adorn(&mut self, server: ServerId, response: Builder, endpoint: &Endpoint) -> Builder {
        let response = self.enclosing(response);
        match endpoint.transactions.response_flow(server) {
            Some(flow) => self.show_identity(response, flow, endpoint),
            None => response,
        }
    }

    /// Sends a 2xx to an INVITE, initial or not, and repeats it until the ACK.
    #[expect(clippy::too_many_arguments, reason = "each is one fact of the response")]
    pub(super) fn accept(
        &mut self,
        now: Instant,
        server: ServerId,
        response: Bytes,
        is_initial: bool,
        is_offer: bool,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let timing = endpoint.config.timing;
        let cseq = endpoint.transactions.request(server).map(|(request, _)| request.cseq().number);
        if let (Some(cseq), Some(flow)) = (cseq, endpoint.transactions.response_flow(server)) {
            // There is hardly ever a second one.
            self.unacknowledged.reserve_exact(1);
            self.unacknowledged.push(Unacknowledged {
                cseq,
                rseq: 0,
                response: Transmit { flow, bytes: response.clone() },
                is_initial,
                is_offer,
                interval: timing.t1,
                repeat_at: now + timing.t1,
                give_up_at: now + timing.timeout(),
            });
        }
        endpoint.transactions.respond(now, server, 200, response, out);
    }

    pub(super) fn repeat_unacknowledged(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let timing = endpoint.config.timing;
        let mut is_lost = false;
        for waiting in &mut self.unacknowledged {
            if waiting.give_up_at <= now {
                is_lost = true;
            } else if waiting.repeat_at <= now {
                out.transmits.push(waiting.response.clone());
                waiting.interval = timing.backed_off(waiting.interval);
                waiting.repeat_at = now + waiting.interval;
            }
        }
        if is_lost {
            self.unacknowledged.clear();
            self.not_acknowledged(now, endpoint, out);
        }
    }

    /// Takes the ACK to a 2xx of ours.
    pub(crate) fn acknowledged(
        &mut self,
        now: Instant,
        ack: &Message,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let number = ack.cseq().number;
        let Some(index) = self.unacknowledged.iter().position(|waiting| waiting.cseq == number) else {
            return;
        };
        let waiting = self.unacknowledged.remove(index);
        self.unacknowledged.shrink_to_fit();
        if let Stage::Leaving(reason) = &mut self.stage {
            let reason = reason.take();
            return self.hang_up(now, reason, endpoint, out);
        }
        let answer = if waiting.is_offer { description::preview(ack) } else { None };
        if waiting.is_initial {
            out.events.push(Event::Established { leg: self.id, answer });
        } else if waiting.is_offer {
            out.events.push(Event::OfferAnswered { leg: self.id, sdp: answer });
        }
        self.resume(now, endpoint, out);
    }

    /// Refuses with a final status of 300 or more.
    pub(crate) fn reject(
        &mut self,
        now: Instant,
        status: u16,
        headers: &[(&'static str, String)],
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Stage::Incoming(Incoming { server, .. }) = self.stage else { return };
        let status = if (300..700).contains(&status) { status } else { 500 };
        let headers: Vec<_> = headers.iter().cloned().chain(std::mem::take(&mut self.enclosed)).collect();
        self.close_exchange(now, endpoint, out);
        self.refuse(now, server, status, &headers, endpoint, out);
        self.stage = Stage::Over;
        self.ended(cause::local(CauseKind::Local, status), out);
    }

    /// Sends a final response of 300 or more to an INVITE or UPDATE of the peer.
    pub(super) fn refuse(
        &self,
        now: Instant,
        server: ServerId,
        status: u16,
        headers: &[(&'static str, String)],
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Some(mut response) = endpoint.response(server, status, self.tag) else { return };
        for (name, value) in headers {
            response = response.raw(name, value);
        }
        response = endpoint.warn(response, server, status);
        endpoint.transactions.respond(now, server, status, response.finish(), out);
    }

    /// Begins a response that makes or keeps the dialog: Record-Route copied, our Contact, what we can do.
    pub(super) fn dialog_response(
        &mut self,
        now: Instant,
        server: ServerId,
        status: u16,
        endpoint: &Endpoint,
    ) -> Option<Builder> {
        let (request, _) = endpoint.transactions.request(server)?;
        let flow = endpoint.transactions.response_flow(server)?;
        let response = endpoint
            .response(server, status, self.tag)?
            .copy(request, HeaderName::RecordRoute)
            .header(HeaderName::Contact, endpoint.contact(flow, &self.user).focus(self.focus.as_deref()));
        if status < 200 {
            return Some(response);
        }
        let response = response.header(HeaderName::Allow, ALLOW).header(HeaderName::Supported, SUPPORTED);
        // It moves no target and carries no timer.
        if request.method() == Method::Prack {
            return Some(response);
        }
        if let Some(dialog) = &mut self.dialog {
            dialog.retarget(request);
        }
        Some(self.answer_timer(now, request, response, endpoint.config.session_expires_s))
    }

    /// Writes the answer to the offer of this request, or our offer where it has none.
    pub(super) fn print_answer(
        &mut self,
        server: ServerId,
        description: &SessionDescription,
        endpoint: &Endpoint,
    ) -> Bytes {
        let Some(flow) = endpoint.transactions.response_flow(server) else { return Bytes::new() };
        let body = self.local.print(description, Self::media_address(endpoint, flow));
        let offer = endpoint.transactions.request(server).and_then(|(request, _)| description::of(request));
        if let Some(offer) = offer {
            self.local.answers(&offer);
        }
        self.local.agree();
        body
    }
}
