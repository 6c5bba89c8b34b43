//! The phone as client: what it asks, and the responses that come back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::Rng;
use rsip::Header;
use rsip::headers::{RecordRoute, UntypedHeader};
use trunkline_sip::message::{Message, Method};

use super::call::Change;
use super::description::{Description, Direction};
use super::dialog::Dialog;
use super::phone::{Notice, Phone, PhoneOutbox, Status};
use super::transaction::Purpose;
use super::wire;

impl Phone {
    pub(super) fn send_invite(&mut self, now: Instant, index: usize, out: &mut PhoneOutbox) {
        let body = if self.calls[index].is_late_offer { String::new() } else { self.offer(index, false) };
        let headers = self.calls[index].headers.clone();
        self.send(now, index, (Method::Invite, Purpose::Invite), headers, &body, out);
    }

    pub(super) fn send_bye(&mut self, now: Instant, index: usize, out: &mut PhoneOutbox) {
        self.set_status(index, Status::Over(0), out);
        self.send(now, index, (Method::Bye, Purpose::Bye), Vec::new(), "", out);
    }

    /// Sends a request of the call: in its dialog but for the initial INVITE.
    pub(super) fn send(
        &mut self,
        now: Instant,
        index: usize,
        (method, purpose): (Method, Purpose),
        headers: Vec<Header>,
        body: &str,
        out: &mut PhoneOutbox,
    ) {
        let branch = self.branch();
        let via = self.via(&branch);
        let has_contact = matches!(method, Method::Invite | Method::Update | Method::Refer);
        let contact = has_contact.then(|| self.contact());
        let mut headers = headers;
        if self.script.record_route && purpose == Purpose::Invite {
            headers.push(RecordRoute::new(self.own_route()).into());
        }
        let to = if purpose == Purpose::Invite {
            self.config.server
        } else {
            self.calls[index].dialog.next_hop(self.config.server)
        };
        let call = &mut self.calls[index];
        call.dialog.cseq += 1;
        let request = wire::request((method, call.dialog.cseq), &call.dialog, via, contact, headers, body);
        let id = call.id;
        self.begin(now, (branch, method), (purpose, id), (request, to), out);
    }

    /// Sends the ACK of a 2xx in the dialog that the response names, and keeps it for copies of the response.
    fn acknowledge(&mut self, index: usize, response: &Message, body: &str, out: &mut PhoneOutbox) {
        let mut dialog = self.calls[index].dialog.clone();
        dialog.learn(response);
        self.forget_own_route(&mut dialog);
        let branch = self.branch();
        let via = self.via(&branch);
        let cseq = response.cseq().number;
        let ack = wire::request((Method::Ack, cseq), &dialog, via, None, Vec::new(), body);
        let to = dialog.next_hop(self.config.server);
        out.sip.push((to, ack.clone()));
        self.calls[index].ack = Some((cseq, ack, to));
    }

    fn learn(&mut self, index: usize, response: &Message) {
        let mut dialog = self.calls[index].dialog.clone();
        dialog.learn(response);
        self.forget_own_route(&mut dialog);
        self.calls[index].dialog = dialog;
    }

    /// The router that the phone speaks of is itself: its own requests do not pass it.
    fn forget_own_route(&self, dialog: &mut Dialog) {
        if self.script.record_route {
            let own = self.own_route();
            dialog.routes.retain(|route| *route != own);
        }
    }

    pub(super) fn hang_up_call(&mut self, now: Instant, index: usize, out: &mut PhoneOutbox) {
        match self.calls[index].status {
            Status::Calling if self.is_proceeding(index) => self.cancel(now, index, out),
            Status::Calling => self.calls[index].hang_up_wanted = true,
            Status::Ringback => self.cancel(now, index, out),
            Status::Ringing => self.refuse_call(now, index, 486, out),
            Status::Connected => {
                let id = self.calls[index].id;
                let is_open = self.served.iter().any(|served| served.call == id && served.awaits_ack());
                if is_open {
                    // RFC 3261 §15: the callee's BYE waits for the ACK of its 200.
                    self.calls[index].hang_up_wanted = true;
                } else {
                    self.send_bye(now, index, out);
                }
            }
            Status::Idle | Status::Over(_) => {}
        }
    }

    /// The BYE that waited for an ACK.
    pub(super) fn hang_up_if_wanted(&mut self, now: Instant, index: usize, out: &mut PhoneOutbox) {
        let call = &mut self.calls[index];
        if call.status == Status::Connected && std::mem::take(&mut call.hang_up_wanted) {
            self.send_bye(now, index, out);
        }
    }

    fn cancel(&mut self, now: Instant, index: usize, out: &mut PhoneOutbox) {
        let id = self.calls[index].id;
        let pending = |purpose| {
            move |client: &&mut super::transaction::Client| {
                client.purpose == purpose && client.call == id && !client.is_final
            }
        };
        if self.clients.iter_mut().find(pending(Purpose::Cancel)).is_some() {
            return;
        }
        let Some(invite) = self.clients.iter_mut().find(pending(Purpose::Invite)) else { return };
        invite.give_up(now);
        let (branch, to) = (invite.branch.clone(), invite.to);
        let mut dialog = self.calls[index].dialog.clone();
        // RFC 3261 §9.1: Request-URI, From, To, Call-ID and the number of CSeq are those of the INVITE.
        dialog.target = target_of(&invite.request);
        dialog.remote = dialog.remote.split(";tag=").next().unwrap_or_default().to_owned();
        dialog.routes.clear();
        let via = self.via(&branch);
        let request = wire::request((Method::Cancel, dialog.cseq), &dialog, via, None, Vec::new(), "");
        self.begin(now, (branch, Method::Cancel), (Purpose::Cancel, id), (request, to), out);
    }

    pub(super) fn change(&mut self, now: Instant, index: usize, change: Change, out: &mut PhoneOutbox) {
        let call = &self.calls[index];
        if call.wants.is_some() || call.status != Status::Connected {
            return;
        }
        let has_offer = change == Change::Hold || !self.resumes_without_offer();
        let method = if self.script.changes_by_update { Method::Update } else { Method::Invite };
        let body = match change {
            Change::Fax => self.calls[index].own.fax_offer(),
            Change::Hold | Change::Resume if has_offer => self.offer(index, change == Change::Hold),
            Change::Hold | Change::Resume => String::new(),
        };
        let call = &mut self.calls[index];
        call.wants = Some(change);
        call.held_before = call.holds;
        call.holds = change == Change::Hold;
        self.send(now, index, (method, Purpose::Reinvite), Vec::new(), &body, out);
    }

    /// An UPDATE without an offer changes nothing.
    const fn resumes_without_offer(&self) -> bool {
        self.script.resumes_without_offer && !self.script.changes_by_update
    }

    /// Asks something in the latest call that is no business of a session.
    pub fn ask(&mut self, now: Instant, method: Method, out: &mut PhoneOutbox) {
        if let Some(index) = self.latest(|call| call.status == Status::Connected) {
            self.send(now, index, (method, Purpose::Question), Vec::new(), "", out);
        }
    }

    /// Offers a codec that nobody knows in the latest call.
    pub fn offer_unknown_codec(&mut self, now: Instant, out: &mut PhoneOutbox) {
        let Some(index) = self.latest(|call| call.status == Status::Connected) else { return };
        let body = self
            .offer(index, false)
            .replace("RTP/AVP 0 8 101", "RTP/AVP 77")
            .replace("a=rtpmap:0 PCMU", "a=rtpmap:77 NONE");
        self.calls[index].wants = Some(Change::Resume);
        self.calls[index].held_before = self.calls[index].holds;
        self.send(now, index, (Method::Invite, Purpose::Reinvite), Vec::new(), &body, out);
    }

    /// Sends OPTIONS with the sequence number before the last one, which no phone that is sound does.
    pub fn repeat_sequence_number(&mut self, now: Instant, out: &mut PhoneOutbox) {
        let Some(index) = self.latest(|call| call.status == Status::Connected) else { return };
        self.calls[index].dialog.cseq -= 2;
        self.send(now, index, (Method::Options, Purpose::Question), Vec::new(), "", out);
        self.calls[index].dialog.cseq += 1;
    }

    pub(super) fn receive_response(&mut self, now: Instant, response: &Message, out: &mut PhoneOutbox) {
        let branch = response.via().map(|via| via.branch().to_owned()).unwrap_or_default();
        let method = response.cseq().method;
        let status = response.status();
        let place = self.clients.iter().position(|client| client.branch == branch && client.method == method);
        let Some(place) = place else {
            return self.receive_stray(now, response, out);
        };
        let client = &mut self.clients[place];
        if client.is_final {
            if method == Method::Invite && status < 300 {
                return self.receive_stray(now, response, out);
            }
            if let Some(ack) = &client.ack {
                out.sip.push((client.to, ack.clone()));
            }
            return;
        }
        let (purpose, id) = (client.purpose, client.call);
        if status < 200 {
            client.proceed();
            return self.provisional(now, purpose, id, response, out);
        }
        let ack = (method == Method::Invite && status >= 300).then(|| self.failure_ack(place, response));
        if let Some(ack) = &ack {
            out.sip.push((self.clients[place].to, ack.clone()));
        }
        self.clients[place].complete(now, ack);
        let Some(index) = self.latest(|call| call.id == id) else {
            return self.registered(now, response, out);
        };
        match purpose {
            Purpose::Invite => self.invite_answered(now, index, response, out),
            Purpose::Reinvite => self.reinvite_answered(now, index, response, out),
            Purpose::Refer => self.referred(now, index, status, out),
            Purpose::Bye | Purpose::Cancel | Purpose::Question | Purpose::Register => {}
        }
    }

    /// A 2xx that no open transaction waits for: a copy, or a fork's.
    fn receive_stray(&mut self, now: Instant, response: &Message, out: &mut PhoneOutbox) {
        let cseq = response.cseq();
        if cseq.method != Method::Invite || !(200..300).contains(&response.status()) {
            return;
        }
        let Some(index) = self.latest(|call| call.dialog.sent(response)) else { return };
        let call = &self.calls[index];
        if call.dialog.remote_tag != response.to_tag() {
            self.complain("a second 200 of another dialog answers one INVITE".to_owned());
            return;
        }
        if !self.script.acknowledges {
            return;
        }
        let known = call.ack.as_ref().filter(|(number, _, _)| *number == cseq.number);
        if let Some((_, ack, to)) = known {
            out.sip.push((*to, ack.clone()));
        } else if call.is_over() {
            self.acknowledge(index, response, "", out);
            self.learn(index, response);
            self.send_bye(now, index, out);
        }
    }

    fn failure_ack(&self, place: usize, response: &Message) -> Bytes {
        let client = &self.clients[place];
        let call =
            self.calls.iter().find(|call| call.id == client.call).expect("an INVITE belongs to a call");
        let mut dialog = call.dialog.clone();
        dialog.target = target_of(&client.request);
        response
            .value(trunkline_sip::message::HeaderName::To)
            .unwrap_or_default()
            .clone_into(&mut dialog.remote);
        dialog.routes.clear();
        let via = self.via(&client.branch);
        wire::request((Method::Ack, response.cseq().number), &dialog, via, None, Vec::new(), "")
    }

    fn provisional(
        &mut self,
        now: Instant,
        purpose: Purpose,
        id: u32,
        response: &Message,
        out: &mut PhoneOutbox,
    ) {
        let Some(index) = self.latest(|call| call.id == id && purpose == Purpose::Invite) else { return };
        if response.status() > 100 {
            if !response.to_tag().is_empty() {
                self.learn(index, response);
            }
            if let Some(early) = Description::parse(response.body()) {
                let is_answer = !self.calls[index].is_late_offer;
                self.describe(index, early, is_answer);
            }
            self.set_status(index, Status::Ringback, out);
        }
        if std::mem::take(&mut self.calls[index].hang_up_wanted) {
            self.cancel(now, index, out);
        }
    }

    fn invite_answered(&mut self, now: Instant, index: usize, response: &Message, out: &mut PhoneOutbox) {
        let status = response.status();
        if status < 300 {
            return self.invite_accepted(now, index, response, out);
        }
        let call = &mut self.calls[index];
        if (status == 401 || status == 407) && !call.was_challenged && !call.is_over() {
            call.was_challenged = true;
            let uri = call.dialog.target.clone();
            if let Some(credentials) = self.credentials(response, Method::Invite, &uri) {
                self.calls[index].headers.push(credentials);
                self.calls[index].dialog.remote_tag.clear();
                return self.send_invite(now, index, out);
            }
        }
        self.set_status(index, Status::Over(status), out);
    }

    fn invite_accepted(&mut self, now: Instant, index: usize, response: &Message, out: &mut PhoneOutbox) {
        let is_cancelled =
            self.calls[index].is_over() || self.calls[index].hang_up_wanted || self.is_cancelling(index);
        self.learn(index, response);
        let described = Description::parse(response.body());
        if described.is_none() {
            self.complain("a 200 to INVITE has no session description".to_owned());
        }
        let call = &mut self.calls[index];
        let mut body = String::new();
        if let Some(described) = described {
            let is_offer = call.is_late_offer;
            if is_offer {
                call.direction = described.direction.answer(Direction::SendRecv);
                call.own.key.clone_from(&self.script.srtp);
                call.own.takes_video = self.script.takes_video;
                body = call.own.answer(&described, &self.script.formats, call.direction);
            }
            self.describe(index, described, !is_offer);
        }
        if self.script.acknowledges {
            self.acknowledge(index, response, &body, out);
        }
        if is_cancelled {
            self.calls[index].hang_up_wanted = false;
            return self.send_bye(now, index, out);
        }
        self.set_status(index, Status::Connected, out);
    }

    /// Whether the INVITE drew a provisional response: RFC 3261 §9.1 wants one before a CANCEL.
    fn is_proceeding(&self, index: usize) -> bool {
        let id = self.calls[index].id;
        self.clients.iter().any(|client| {
            client.purpose == Purpose::Invite && client.call == id && client.is_proceeding && !client.is_final
        })
    }

    fn is_cancelling(&self, index: usize) -> bool {
        let id = self.calls[index].id;
        self.clients.iter().any(|client| client.purpose == Purpose::Cancel && client.call == id)
    }

    fn reinvite_answered(&mut self, now: Instant, index: usize, response: &Message, out: &mut PhoneOutbox) {
        let status = response.status();
        let call = &mut self.calls[index];
        let Some(change) = call.wants.take() else {
            // The call ended meanwhile; only a 2xx still wants its ACK.
            if status < 300 && response.cseq().method == Method::Invite {
                self.acknowledge(index, response, "", out);
            }
            return;
        };
        if status >= 300 {
            call.holds = call.held_before;
            if status == 491 {
                // RFC 3261 §14.1: the owner of the Call-ID waits longer.
                let wait_ms = if call.is_caller { 2_100..=4_000 } else { 0..=2_000 };
                let wait = Duration::from_millis(self.rng.random_range(wait_ms) / 10 * 10);
                self.calls[index].retry_at = Some((now + wait, change));
            } else if status == 481 || status == 408 {
                self.set_status(index, Status::Over(status), out);
            }
            out.notices.push(Notice::Changed(self.calls[index].id, Err(status)));
            return;
        }
        let has_offer = change != Change::Resume || !self.resumes_without_offer();
        let described = Description::parse(response.body());
        if described.is_none() {
            self.complain("a 200 to a re-INVITE has no session description".to_owned());
        }
        let call = &mut self.calls[index];
        let mut body = String::new();
        if let Some(described) = described {
            if !has_offer {
                call.direction = described.direction.answer(Direction::SendRecv);
                call.own.key.clone_from(&self.script.srtp);
                call.own.takes_video = self.script.takes_video;
                body = call.own.answer(&described, &self.script.formats, call.direction);
            }
            self.describe(index, described, has_offer);
        }
        self.calls[index].dialog.refresh_target(response);
        if response.cseq().method == Method::Invite {
            self.acknowledge(index, response, &body, out);
        }
        out.notices.push(Notice::Changed(self.calls[index].id, Ok(())));
    }

    /// A request drew no final response in 64·T1.
    pub(super) fn no_response(&mut self, now: Instant, purpose: Purpose, call: u32, out: &mut PhoneOutbox) {
        if purpose == Purpose::Register {
            self.registration.is_registered = false;
            out.notices.push(Notice::RegistrationFailed(408));
            return;
        }
        let Some(index) = self.latest(|known| known.id == call) else { return };
        match purpose {
            Purpose::Invite => self.set_status(index, Status::Over(408), out),
            Purpose::Reinvite => self.send_bye(now, index, out),
            Purpose::Bye | Purpose::Cancel | Purpose::Question | Purpose::Refer | Purpose::Register => {}
        }
    }
}

/// The Request-URI of a request that we sent.
fn target_of(request: &[u8]) -> String {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').skip(1);
    String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned()
}
