//! The phone as server: requests that come in, and the verbs of the one who is called.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkline_sip::message::{HeaderName, Message, Method};

use super::call::Change;
use super::description::{Description, Direction};
use super::dialog::Dialog;
use super::phone::{Notice, Phone, PhoneOutbox, Status};
use super::script::OnInvite;
use super::transaction::{Purpose, Served};
use super::wire;

const ALLOW_EVENTS: (&str, &str) = ("Allow-Events", "talk, hold");

impl Phone {
    pub(super) fn receive_request(
        &mut self,
        now: Instant,
        from: SocketAddr,
        request: &Message,
        out: &mut PhoneOutbox,
    ) {
        let branch = request.via().map(|via| via.branch().to_owned()).unwrap_or_default();
        let method = request.method();
        if method == Method::Ack {
            return self.receive_ack(now, request, &branch, out);
        }
        let known = |served: &&mut Served| served.branch == branch && served.method == method;
        if let Some(served) = self.served.iter_mut().find(known) {
            if !served.response.is_empty() {
                out.sip.push((from, served.response.clone()));
            }
            return;
        }
        if method == Method::Cancel {
            return self.receive_cancel(now, from, request, &branch, out);
        }
        if !request.to_tag().is_empty() {
            return self.receive_in_dialog(now, from, request, out);
        }
        match method {
            Method::Invite => self.receive_call(now, from, request, out),
            Method::Options => self.respond(now, from, request, 0, (200, ""), &[], out),
            Method::Notify => self.respond(now, from, request, 0, (481, ""), &[], out),
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Register
            | Method::Prack
            | Method::Update
            | Method::Info
            | Method::Refer
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other => self.respond(now, from, request, 0, (405, ""), &[], out),
        }
    }

    /// Sends a response and keeps it for retransmissions.
    #[expect(clippy::too_many_arguments, reason = "a response is this much")]
    pub(super) fn respond(
        &mut self,
        now: Instant,
        to: SocketAddr,
        request: &Message,
        call: u32,
        (status, body): (u16, &str),
        headers: &[(&str, &str)],
        out: &mut PhoneOutbox,
    ) {
        let known = self.calls.iter().find(|known| known.id == call);
        let tag = known.map(|call| call.dialog.local_tag.clone());
        let tag = tag.unwrap_or_else(|| self.tag());
        let bytes = wire::response(request, status, &tag, headers, body);
        let branch = request.via().map(|via| via.branch().to_owned()).unwrap_or_default();
        let method = request.method();
        let is_reliable = self.config.transport.is_reliable();
        out.sip.push((to, bytes.clone()));
        let place = self.served.iter().position(|served| served.branch == branch && served.method == method);
        let place = place.unwrap_or_else(|| {
            let cseq = request.cseq().number;
            self.served.push(Served::new((branch, method), cseq, call, status, bytes.clone(), to));
            self.served.len() - 1
        });
        self.served[place].respond(now, status, bytes, is_reliable);
    }

    fn receive_call(&mut self, now: Instant, from: SocketAddr, invite: &Message, out: &mut PhoneOutbox) {
        if self.script.on_invite == OnInvite::Silent {
            return;
        }
        let remote = Description::parse(invite.body());
        if !invite.body().is_empty() && !remote.as_ref().is_some_and(|offer| self.takes(offer)) {
            return self.respond(now, from, invite, 0, (488, ""), &[], out);
        }
        let tag = self.tag();
        let id = self.push_call(Status::Ringing, Dialog::incoming(invite, tag), false);
        let index = self.calls.len() - 1;
        self.calls[index].invite = Some((invite.clone(), from));
        self.calls[index].remote = remote;
        out.notices.push(Notice::Call(id, Status::Ringing));
        if self.script.auto_answers && asks_for_auto_answer(invite) {
            return self.accept_call(now, index, out);
        }
        match self.script.on_invite {
            OnInvite::Answer(Duration::ZERO) => self.accept_call(now, index, out),
            OnInvite::Refuse(status, Duration::ZERO) => self.refuse_call(now, index, status, out),
            OnInvite::Answer(after) => {
                self.calls[index].ring_ends_at = Some(now + after);
                self.ring(now, index, out);
            }
            OnInvite::Refuse(status, after) => {
                self.calls[index].ring_ends_at = Some(now + after);
                self.calls[index].refuse_with = Some(status);
                self.ring(now, index, out);
            }
            OnInvite::Ring => {
                self.calls[index].ring_ends_at = Some(now + self.script.rings_max);
                self.calls[index].refuse_with = Some(480);
                self.ring(now, index, out);
            }
            OnInvite::Try => self.respond_to_invite(now, index, 100, "", out),
            OnInvite::Silent => {}
        }
    }

    fn takes(&self, offer: &Description) -> bool {
        let speaks = || offer.fits(&self.script.formats, self.script.srtp.as_ref(), &self.script.attributes);
        if self.script.refuses_video && offer.has_video() {
            return false;
        }
        if offer.is_fax() { self.script.takes_fax } else { speaks() }
    }

    fn ring(&mut self, now: Instant, index: usize, out: &mut PhoneOutbox) {
        let body = if self.script.early_media { self.session_body(index) } else { String::new() };
        let status = if body.is_empty() { 180 } else { 183 };
        self.respond_to_invite(now, index, status, &body, out);
    }

    /// The answer to the INVITE's offer, or our offer if it had none.
    fn session_body(&mut self, index: usize) -> String {
        let call = &mut self.calls[index];
        call.own.key.clone_from(&self.script.srtp);
        call.own.takes_fax = self.script.takes_fax;
        call.own.takes_video = self.script.takes_video;
        let own = if call.holds { Direction::SendOnly } else { Direction::SendRecv };
        match &call.remote {
            Some(offer) if !call.is_late_offer => {
                let direction = offer.direction.answer(own);
                call.direction = direction;
                let body = call.own.answer(offer, &self.script.formats, direction);
                call.agree_keys();
                body
            }
            _ => {
                call.answer_in_ack = true;
                call.direction = own;
                call.own.offer(&self.script.formats, own, false)
            }
        }
    }

    fn respond_to_invite(
        &mut self,
        now: Instant,
        index: usize,
        status: u16,
        body: &str,
        out: &mut PhoneOutbox,
    ) {
        let Some((invite, from)) = self.calls[index].invite.clone() else { return };
        let is_elsewhere = (300..400).contains(&status) && !self.script.redirects_to.is_empty();
        let contact = if is_elsewhere { self.script.redirects_to.clone() } else { self.contact() };
        let id = self.calls[index].id;
        let route = self.own_route();
        let mut headers = vec![("Contact", contact.as_str())];
        let retry_after =
            self.script.retry_after_s.filter(|_| status >= 400).map(|seconds| seconds.to_string());
        headers.extend(retry_after.as_deref().map(|seconds| ("Retry-After", seconds)));
        if self.script.record_route {
            headers.push(("Record-Route", route.as_str()));
        }
        if self.script.obeys_talk {
            headers.push(ALLOW_EVENTS);
        }
        self.respond(now, from, &invite, id, (status, body), &headers, out);
    }

    pub(super) fn accept_call(&mut self, now: Instant, index: usize, out: &mut PhoneOutbox) {
        let body = self.session_body(index);
        self.respond_to_invite(now, index, 200, &body, out);
        self.set_status(index, Status::Connected, out);
    }

    pub(super) fn refuse_call(&mut self, now: Instant, index: usize, status: u16, out: &mut PhoneOutbox) {
        self.respond_to_invite(now, index, status, "", out);
        self.set_status(index, Status::Over(status), out);
    }

    fn receive_ack(&mut self, now: Instant, ack: &Message, branch: &str, out: &mut PhoneOutbox) {
        let cseq = ack.cseq().number;
        let of_failure = |served: &Served| served.branch == branch && served.status >= 300;
        let of_success =
            |served: &Served, call: u32| served.call == call && served.cseq == cseq && served.status < 300;
        let index = self.latest(|call| call.dialog.receives(ack));
        let id = index.map(|index| self.calls[index].id);
        let acknowledged = self.served.iter_mut().find(|served| {
            served.method == Method::Invite
                && (of_failure(served) || id.is_some_and(|id| of_success(served, id)))
        });
        let Some(served) = acknowledged else { return };
        served.acknowledge();
        if served.status >= 300 {
            return;
        }
        let Some(index) = index else { return };
        if std::mem::take(&mut self.calls[index].answer_in_ack) {
            match Description::parse(ack.body()) {
                Some(answer) => self.describe(index, answer, true),
                None => self.complain("an ACK that owes an answer has none".to_owned()),
            }
        }
        self.hang_up_if_wanted(now, index, out);
    }

    fn receive_cancel(
        &mut self,
        now: Instant,
        from: SocketAddr,
        cancel: &Message,
        branch: &str,
        out: &mut PhoneOutbox,
    ) {
        let known =
            self.served.iter().find(|served| served.branch == branch && served.method == Method::Invite);
        let Some((call, status)) = known.map(|served| (served.call, served.status)) else {
            return self.respond(now, from, cancel, 0, (481, ""), &[], out);
        };
        self.respond(now, from, cancel, call, (200, ""), &[], out);
        if status < 200
            && let Some(index) = self.latest(|known| known.id == call)
        {
            self.refuse_call(now, index, 487, out);
        }
    }

    fn receive_in_dialog(
        &mut self,
        now: Instant,
        from: SocketAddr,
        request: &Message,
        out: &mut PhoneOutbox,
    ) {
        let Some(index) = self.latest(|call| call.dialog.receives(request)) else {
            return self.respond(now, from, request, 0, (481, ""), &[], out);
        };
        if self.script.record_route
            && !request.lines(HeaderName::Route).any(|route| route.contains(&self.own_route()))
        {
            self.complain("a request in a dialog leaves out the route".to_owned());
        }
        let call = &mut self.calls[index];
        let id = call.id;
        let cseq = request.cseq().number;
        if call.dialog.remote_cseq.is_some_and(|last| cseq < last) {
            return self.respond(now, from, request, id, (500, ""), &[], out);
        }
        call.dialog.remote_cseq = Some(cseq);
        let is_over = call.is_over();
        match request.method() {
            Method::Bye => {
                self.respond(now, from, request, id, (200, ""), &[], out);
                if self.calls[index].status == Status::Ringing {
                    self.refuse_call(now, index, 487, out);
                }
                self.set_status(index, Status::Over(0), out);
            }
            _ if is_over => self.respond(now, from, request, id, (481, ""), &[], out),
            Method::Invite => self.receive_reinvite(now, from, request, index, out),
            Method::Notify => self.receive_notify(now, from, request, index, out),
            Method::Options | Method::Info => self.respond(now, from, request, id, (200, ""), &[], out),
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Prack
            | Method::Update
            | Method::Refer
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other => self.respond(now, from, request, id, (405, ""), &[], out),
        }
    }

    fn receive_reinvite(
        &mut self,
        now: Instant,
        from: SocketAddr,
        request: &Message,
        index: usize,
        out: &mut PhoneOutbox,
    ) {
        let id = self.calls[index].id;
        let is_pending =
            |client: &super::transaction::Client| client.purpose == Purpose::Reinvite && client.call == id;
        if self.clients.iter().any(|client| is_pending(client) && !client.is_final) {
            return self.respond(now, from, request, id, (491, ""), &[], out);
        }
        if let Some(status) = self.script.refuses_reinvite {
            return self.respond(now, from, request, id, (status, ""), &[], out);
        }
        let offer = Description::parse(request.body());
        if offer.is_none() && self.script.refuses_to_offer {
            return self.respond(now, from, request, id, (488, ""), &[], out);
        }
        if offer.as_ref().is_some_and(|offer| !self.takes(offer)) {
            return self.respond(now, from, request, id, (488, ""), &[], out);
        }
        let was_held = self.calls[index].remote.as_ref().is_some_and(Description::holds);
        let call = &mut self.calls[index];
        call.dialog.refresh_target(request);
        call.is_late_offer = offer.is_none();
        if let Some(offer) = offer {
            let is_held = offer.holds();
            self.describe(index, offer, false);
            if is_held != was_held {
                out.notices.push(Notice::Held(id, is_held));
            }
        }
        let body = self.session_body(index);
        let contact = self.contact();
        self.respond(now, from, request, id, (200, &body), &[("Contact", &contact)], out);
    }

    fn receive_notify(
        &mut self,
        now: Instant,
        from: SocketAddr,
        request: &Message,
        index: usize,
        out: &mut PhoneOutbox,
    ) {
        let event = request.value(HeaderName::Event).unwrap_or_default().trim().to_owned();
        if event.split(';').next() == Some("refer") {
            return self.receive_transfer_notify(now, from, request, index, out);
        }
        let id = self.calls[index].id;
        if !self.script.obeys_talk || !["talk", "hold"].contains(&event.as_str()) {
            return self.respond(now, from, request, id, (489, ""), &[], out);
        }
        self.respond(now, from, request, id, (200, ""), &[], out);
        match (event.as_str(), self.calls[index].status) {
            ("talk", Status::Ringing) => self.accept_call(now, index, out),
            ("talk", Status::Connected) => self.change(now, index, Change::Resume, out),
            ("hold", Status::Connected) => self.change(now, index, Change::Hold, out),
            _ => {}
        }
    }
}

/// Whether an INVITE asks to be answered at once, by the headers that desk phones know.
fn asks_for_auto_answer(invite: &Message) -> bool {
    let call_info = invite.value(HeaderName::CallInfo).is_some_and(|value| value.contains("answer-after="));
    let alert_info =
        invite.value(HeaderName::AlertInfo).is_some_and(|value| value.contains("alert-autoanswer"));
    call_info || alert_info
}
