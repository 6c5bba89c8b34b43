//! As UAC: our INVITE and what comes back (RFC 3261 §13.2).

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use smallvec::SmallVec;

use super::identity::wants_privacy;
use super::{Calling, FORKS_MAX, Fork, Leg, Role, Stage, cause, charging, description, refresh, reliable};
use crate::auth::ClientAuth;
use crate::dialog::{Dialog, RouteSet};
use crate::endpoint::{ALLOW, AND_RELIABLE, Endpoint, SDP, SUPPORTED};
use crate::ids::{ConnectionId, LegId};
use crate::message::{HeaderName, Message, Method, NameAddr, Uri, request, text_of};
use crate::outbox::{Cause, CauseKind, Event, Invite, Outbox, Party};
use crate::package::csta;
use crate::registrar::thousandths;
use crate::sdp::SessionDescription;
use crate::token::Token;
use crate::transaction::client_invite::Verdict;
use crate::transaction::{ClientKey, Concern, Purpose};
use crate::transport::{Flow, Transport};

/// Above this a request leaves by a stream if it can (RFC 3261 §18.1.1).
const DATAGRAM_BYTES_MAX: usize = 1300;

/// How many Contacts of a 3xx are reported.
const REDIRECTS_MAX: usize = 16;

impl Calling {
    /// The INVITE leaves: until when its peer may say nothing at all.
    fn ask(&mut self, now: Instant) {
        self.has_response = false;
        self.give_up_at =
            self.invite.patience.map_or(self.final_by, |patience| (now + patience).min(self.final_by));
    }

    /// The peer wants another INVITE, which is a new request.
    fn begin_anew(&mut self, now: Instant) {
        self.cseq += 1;
        self.forks.clear();
        self.ask(now);
    }

    /// The peer said something: 100 alone is no progress.
    fn answered(&mut self, now: Instant, status: u16) {
        let is_first = !std::mem::replace(&mut self.has_response, true);
        if status > 100 {
            self.give_up_at = self.final_by;
        } else if is_first {
            let progress = self.invite.progress.map(|progress| now + progress);
            self.give_up_at = progress.map_or(self.final_by, |progress| progress.min(self.final_by));
        }
    }
}

impl Leg {
    /// Sends an INVITE.
    pub(crate) fn invite(
        now: Instant,
        id: LegId,
        invite: Box<Invite>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> Self {
        let call_id = text_of((endpoint.token(), endpoint.token()));
        let (user, is_csta) = (invite.from.user.clone(), invite.is_csta);
        let calling = Calling {
            key: ClientKey { branch: 0, is_cancel: false },
            flow: invite.target.flow,
            call_id,
            cseq: endpoint.first_cseq(now),
            forks: SmallVec::new(),
            give_up_at: now + invite.timeout,
            final_by: now + invite.timeout,
            min_se_s: 0,
            is_diverted: false,
            has_response: false,
            lists_reliable: reliable::is_listed(&invite, endpoint),
            pracks: 0,
            invite,
        };
        let mut calling = Box::new(calling);
        calling.ask(now);
        let mut leg = Self::new(id, Role::Uac, Stage::Calling(calling), &user, endpoint);
        leg.is_csta = is_csta;
        leg.send_invite(now, None, endpoint, out);
        leg
    }

    /// Sends the INVITE of a leg that is `Calling`: first, again with credentials, or again by another transport.
    fn send_invite(
        &mut self,
        now: Instant,
        authorization: Option<(HeaderName, String)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let question = self.csta_question();
        let Stage::Calling(calling) = &mut self.stage else { return };
        let address = Self::media_address(endpoint, calling.flow);
        let body = calling.invite.offer.as_deref().map(|offer| self.local.print(offer, address));
        let mut branch = endpoint.token();
        let text = InviteText { user: &self.user, tag: self.tag, authorization, body, question };
        let mut bytes = text.write(calling, branch, endpoint);
        let is_long = calling.flow.transport == Transport::Udp && bytes.len() > DATAGRAM_BYTES_MAX;
        if let (true, Some(listener)) =
            (is_long && is_reachable_by_stream(calling), endpoint.stream_listener())
        {
            calling.is_diverted = true;
            calling.flow.transport = Transport::Tcp;
            calling.flow.local.set_port(listener.port());
            calling.flow.connection = ConnectionId::default();
            branch = endpoint.token();
            bytes = text.write(calling, branch, endpoint);
        }
        calling.key = ClientKey::new(branch, Method::Invite);
        let (key, flow) = (calling.key, calling.flow);
        endpoint.transactions.send(now, key, Method::Invite, bytes, flow, self.id, Purpose::Invite, out);
    }

    /// Takes the outcome of the initial INVITE, or a step towards it.
    pub(super) fn invited(
        &mut self,
        now: Instant,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let key = concern.key;
        let Stage::Calling(calling) = &mut self.stage else {
            if let Some((response, flow)) =
                answer.filter(|(response, _)| (200..300).contains(&response.status()))
            {
                endpoint.release(now, key, response, flow, self.id, out);
            }
            return;
        };
        if calling.key != key {
            return;
        }
        let Some((response, flow)) = answer else {
            return self.unreachable(now, concern.verdict, endpoint, out);
        };
        calling.answered(now, response.status());
        match response.status() {
            0..=100 => {}
            101..200 => self.provisional(now, response, flow, endpoint, out),
            200..300 => self.answered(now, key, response, flow, endpoint, out),
            401 | 407 if self.authorize(now, response, endpoint, out) => {}
            422 if self.lengthen(now, response, endpoint, out) => {}
            421 if self.list_reliable(now, response, endpoint, out) => {}
            300.. => {
                let redirect = if response.status() < 400 { elsewhere(response) } else { Vec::new() };
                let cause = cause::of_message(response, CauseKind::Status);
                self.tell_completion(response, out);
                self.close_exchange(now, endpoint, out);
                self.failed(cause, cause::retry_after_s(response), redirect, out);
            }
        }
    }

    fn provisional(
        &mut self,
        now: Instant,
        response: &Message,
        flow: Flow,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Stage::Calling(calling) = &mut self.stage else { return };
        let tag = response.to_tag();
        let is_heard = calling.invite.offer.is_some() && calling.pracks < reliable::PRACKS_MAX;
        let rseq = reliable::rseq(response).filter(|_| is_heard);
        let mut sdp = description::preview(response);
        let known = calling.forks.iter().position(|fork| fork.dialog.remote_tag() == tag);
        let index = match known {
            Some(index) => {
                let fork = &mut calling.forks[index];
                if rseq.is_some_and(|rseq| !fork.is_next(rseq)) {
                    return;
                }
                fork.dialog.update(response, flow);
                if fork.is_answered {
                    sdp = None;
                } else if sdp.is_some() {
                    fork.preview.clone_from(&sdp);
                }
                Some(index)
            }
            None if calling.forks.len() < FORKS_MAX => {
                let dialog = Dialog::of_response(response, &calling.invite.target.uri, flow);
                calling.forks.push(Fork { dialog, preview: sdp.clone(), rseq: 0, is_answered: false });
                Some(calling.forks.len() - 1)
            }
            None => None,
        };
        if let (Some(index), Some(rseq)) = (index, rseq) {
            let fork = &mut calling.forks[index];
            fork.rseq = rseq;
            fork.is_answered |= sdp.is_some();
            calling.pracks += 1;
            self.send_prack(now, index, endpoint, out);
        }
        self.tell_user_to_user(response, out);
        self.tell_completion(response, out);
        self.note_controls(response, out);
        out.events.push(Event::Progress { leg: self.id, status: response.status(), sdp });
    }

    fn answered(
        &mut self,
        now: Instant,
        key: ClientKey,
        response: &Message,
        flow: Flow,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if let Some(auth) = &mut self.auth {
            auth.accepted();
        }
        let tag = response.to_tag();
        self.leave_offers_but_of(now, tag, endpoint, out);
        let Stage::Calling(calling) = &mut self.stage else { return };
        let winner = calling.forks.iter().position(|fork| fork.dialog.remote_tag() == tag);
        let (mut dialog, preview, is_answered) = match winner {
            Some(index) => {
                let fork = calling.forks.swap_remove(index);
                (fork.dialog, fork.preview, fork.is_answered)
            }
            None => (Dialog::of_response(response, &calling.invite.target.uri, flow), None, false),
        };
        dialog.update(response, flow);
        let had_offer = calling.invite.offer.is_some();
        let cseq = response.cseq().number;
        let described = if is_answered { Ok(None) } else { description::offered(response) };
        // Who describes media to a question of CSTA took it for a call.
        let described = described.ok().filter(|sdp| !self.is_csta || sdp.is_none());
        let Some(sdp) = described else {
            endpoint.acknowledge(&dialog, key, cseq, None, out);
            endpoint.bye(now, &mut dialog, &[], self.id, Purpose::Bye, out);
            self.dialog = Some(dialog);
            self.close_exchange(now, endpoint, out);
            self.failed(cause::local(CauseKind::Status, 488), None, Vec::new(), out);
            self.stage = Stage::Closing;
            return;
        };
        let sdp = if had_offer { sdp.or(preview) } else { sdp };
        self.local.agree();
        let is_offer = !had_offer && sdp.is_some();
        match &sdp {
            Some(offer) if is_offer => {
                let give_up_at = now + endpoint.config.timing.timeout();
                self.stage = Stage::Offered { key, cseq, offer: offer.clone(), give_up_at };
            }
            Some(_) | None => {
                endpoint.acknowledge(&dialog, key, cseq, None, out);
                self.stage = Stage::Established;
            }
        }
        self.dialog = Some(dialog);
        self.note_methods(response);
        self.note_controls(response, out);
        self.timer_answered(now, response);
        let connected = Self::connected(response, flow, endpoint);
        self.tell_user_to_user(response, out);
        self.tell_csta(response, out);
        let headers = charging::of(response);
        if !headers.is_empty() {
            out.events.push(Event::Charged { leg: self.id, headers });
        }
        out.events.push(Event::Answered { leg: self.id, sdp, is_offer, connected });
        self.resume(now, endpoint, out);
    }

    /// The connected party: P-Asserted-Identity counts from a trusted peer only (RFC 3325 §5), a wish for privacy from
    /// everybody.
    fn connected(response: &Message, flow: Flow, endpoint: &Endpoint) -> Party {
        if wants_privacy(response, "called") {
            return Party::anonymous();
        }
        let asserted = response
            .values(HeaderName::PAssertedIdentity)
            .next()
            .filter(|_| endpoint.trunk_at(flow).is_some())
            .and_then(NameAddr::parse);
        cause::party(asserted.or_else(|| response.to()))
    }

    /// Answers the offer in the 2xx to our INVITE: the answer goes into the ACK.
    pub(super) fn answer_in_ack(
        &mut self,
        now: Instant,
        description: &SessionDescription,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let (&Stage::Offered { key, cseq, .. }, Some(dialog)) = (&self.stage, &self.dialog) else { return };
        let body = self.local.print(description, Self::media_address(endpoint, dialog.flow()));
        endpoint.acknowledge(dialog, key, cseq, Some(&body), out);
        self.stage = Stage::Established;
        self.resume(now, endpoint, out);
    }

    /// Answers a challenge with credentials that belong to this peer and realm. `false`: it stands as a failure.
    fn authorize(
        &mut self,
        now: Instant,
        response: &Message,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> bool {
        self.bring_credentials();
        let Stage::Calling(calling) = &mut self.stage else { return false };
        let uri = calling.invite.target.uri.clone();
        let Some(authorization) = self.answer_challenge(response, Method::Invite, &uri, endpoint) else {
            return false;
        };
        self.close_exchange(now, endpoint, out);
        if let Stage::Calling(calling) = &mut self.stage {
            calling.begin_anew(now);
        }
        self.send_invite(now, Some(authorization), endpoint, out);
        true
    }

    /// Makes ready to answer challenges, as far as the owner gave credentials for this peer.
    pub(super) fn bring_credentials(&mut self) {
        let Stage::Calling(calling) = &self.stage else { return };
        if self.auth.is_none() {
            let (credentials, peer) =
                (calling.invite.credentials.as_ref(), calling.invite.target.flow.remote.ip());
            self.auth = credentials.map(|known| Box::new(ClientAuth::for_peer(Arc::clone(known), peer)));
        }
    }

    /// Asks again with the session interval that a 422 wants. `false`: it stands as a failure.
    fn lengthen(
        &mut self,
        now: Instant,
        response: &Message,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> bool {
        let Stage::Calling(calling) = &mut self.stage else { return false };
        let Some(demanded_s) = refresh::demanded(response, calling.min_se_s) else { return false };
        calling.min_se_s = demanded_s;
        calling.begin_anew(now);
        self.send_invite(now, None, endpoint, out);
        true
    }

    /// Asks again with `100rel` listed, which a 421 wants (RFC 3261 §21.4.16). `false`: it stands as a failure.
    fn list_reliable(
        &mut self,
        now: Instant,
        response: &Message,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> bool {
        let Stage::Calling(calling) = &mut self.stage else { return false };
        let is_wanted = response.has_option(HeaderName::Require, reliable::OPTION);
        if !is_wanted || calling.lists_reliable || calling.invite.offer.is_none() {
            return false;
        }
        calling.lists_reliable = true;
        calling.begin_anew(now);
        self.send_invite_again(now, endpoint, out);
        true
    }

    fn unreachable(&mut self, now: Instant, verdict: Verdict, endpoint: &mut Endpoint, out: &mut Outbox) {
        let Stage::Calling(calling) = &mut self.stage else { return };
        let is_unsent = verdict == Verdict::Unsent;
        if is_unsent
            && calling.is_diverted
            && calling.flow.transport == Transport::Tcp
            && !calling.has_response
        {
            calling.flow = calling.invite.target.flow;
            return self.send_invite_again(now, endpoint, out);
        }
        let status = if is_unsent { 503 } else { 408 };
        // Who has said that the call is on its way may ring: nobody else is to be called in his place.
        let kind = if calling.forks.is_empty() { CauseKind::Unreachable } else { CauseKind::Lost };
        self.close_exchange(now, endpoint, out);
        self.failed(cause::local(kind, status), None, Vec::new(), out);
    }

    /// Our INVITE was lost with its stream. A phone that was ringing is gone: nobody else can be meant by the address.
    pub(super) fn call_again(
        &mut self,
        now: Instant,
        concern: Concern,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Stage::Calling(calling) = &mut self.stage else { return };
        if calling.key != concern.key {
            return;
        }
        if calling.has_response {
            return self.unreachable(now, concern.verdict, endpoint, out);
        }
        calling.flow.connection = ConnectionId::default();
        self.send_invite_again(now, endpoint, out);
    }

    /// Sends the INVITE by another way, with credentials if the peer has asked for them.
    fn send_invite_again(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let Stage::Calling(calling) = &self.stage else { return };
        let cnonce = endpoint.token().to_string();
        let uri = &calling.invite.target.uri;
        let authorization =
            self.auth.as_mut().and_then(|auth| auth.header(Method::Invite.name(), uri, &cnonce));
        self.send_invite(now, authorization, endpoint, out);
    }

    /// No final response in the time that the owner gave.
    pub(super) fn give_up(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let Stage::Calling(calling) = &self.stage else { return };
        let kind = if calling.has_response { CauseKind::Status } else { CauseKind::Unreachable };
        endpoint.transactions.cancel(now, calling.key, Vec::new(), out);
        self.close_exchange(now, endpoint, out);
        self.failed(cause::local(kind, 408), None, Vec::new(), out);
    }

    fn failed(&mut self, cause: Cause, retry_after_s: Option<u32>, redirect: Vec<String>, out: &mut Outbox) {
        self.stage = Stage::Over;
        out.events.push(Event::Failed { leg: self.id, cause, retry_after_s, redirect });
    }
}

/// Where a 3xx sends the caller, the most wanted first; equal ones as they came (RFC 3261 §8.1.3.4, §20.10).
fn elsewhere(response: &Message) -> Vec<String> {
    let mut contacts: Vec<_> = response.contacts().take(REDIRECTS_MAX).collect();
    contacts.sort_by_key(|contact| Reverse(contact.param("q").and_then(thousandths).unwrap_or(1000)));
    contacts.into_iter().map(|contact| contact.uri.to_owned()).collect()
}

/// An address as the host of a URI.
pub(super) fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(_) => text_of(ip),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// Whether it makes sense to try a stream: a phone behind a translator can be reached only by the way it registered,
/// and once is enough.
fn is_reachable_by_stream(calling: &Calling) -> bool {
    let host = Uri::parse(&calling.invite.target.uri).and_then(|uri| uri.host_ip());
    !calling.is_diverted && host.is_none_or(|host| host == calling.invite.target.flow.remote.ip())
}

/// What an INVITE says beside the facts of its attempt.
struct InviteText<'a> {
    user: &'a str,
    tag: Token,
    authorization: Option<(HeaderName, String)>,
    body: Option<Bytes>,
    /// What is asked of CSTA in place of it.
    question: Option<Bytes>,
}

impl InviteText<'_> {
    fn write(&self, calling: &Calling, branch: Token, endpoint: &Endpoint) -> Bytes {
        let Calling { invite, flow, call_id, cseq, lists_reliable, .. } = calling;
        let routes = RouteSet::preloaded(&invite.target.route);
        let routed = routes.apply(&invite.target.uri);
        let host = host(endpoint.address(*flow).ip());
        let callee = Uri::parse(&invite.target.uri).map_or(&*host, |uri| uri.host);
        let from = cause::name_addr(&invite.from, &host);
        let mut builder = request(Method::Invite, routed.uri)
            .header(HeaderName::Via, endpoint.via(*flow, branch))
            .header(HeaderName::MaxForwards, invite.max_forwards)
            .header(HeaderName::From, (from, ";tag=", self.tag))
            .header(HeaderName::To, cause::name_addr(&invite.to, callee))
            .header(HeaderName::CallId, call_id)
            .header(HeaderName::CSeq, (*cseq, " INVITE"))
            .header(HeaderName::Contact, endpoint.contact(*flow, self.user))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, (SUPPORTED, if *lists_reliable { AND_RELIABLE } else { "" }))
            .header(HeaderName::UserAgent, &endpoint.config.user_agent);
        for route in routed.route {
            builder = builder.header(HeaderName::Route, route);
        }
        if let Some(last) = routed.last {
            builder = builder.header(HeaderName::Route, ("<", last, ">"));
        }
        for (name, value) in &invite.headers {
            builder = builder.raw(name, value);
        }
        builder = refresh::ask(builder, calling.min_se_s, endpoint);
        if let Some((name, value)) = &self.authorization {
            builder = builder.header(*name, value);
        }
        match (&self.body, &self.question) {
            (_, Some(question)) => builder
                .header(HeaderName::Accept, csta::CONTENT_TYPE)
                .header(HeaderName::ContentDisposition, csta::DISPOSITION)
                .body(csta::CONTENT_TYPE, question),
            (Some(body), None) => builder.body(SDP, body),
            (None, None) => builder.finish(),
        }
    }
}
