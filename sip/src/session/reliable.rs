//! Provisional responses that are acknowledged (RFC 3262), in both roles, and what they allow: an UPDATE before the 200
//! (RFC 3311). Each leg decides by itself.
//!
//! ```text
//!  as UAS  1xx with RSeq ──T1, 2·T1, 4·T1 …──▶ the same again ──PRACK──▶ what waited: the next 1xx, the 200
//!              └──64·T1 without PRACK──▶ 504, the leg is over
//!  as UAC  1xx with RSeq ──▶ PRACK, in the dialog of its fork; a copy, or one out of order, is not seen
//! ```
//!
//! As UAS one is under way at a time. The first with a description is the answer to the offer of the INVITE; no other
//! response says another one. To an INVITE without offer the first reliable response would have to bring ours (§5), which nobody has
//! made by then: where it requires reliable responses, it gets none but the final one.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Exchange, Fork, Incoming, Leg, PROGRESS_INTERVAL, Progress, Stage, cause, description};
use crate::directory::Reliability;
use crate::endpoint::{Arrival, Endpoint, SDP};
use crate::message::{HeaderName, Message, Method};
use crate::outbox::{CauseKind, Event, IncomingCall, Invite, Outbox};
use crate::sdp::SessionDescription;
use crate::transaction::{ClientKey, Purpose, ServerId};

/// The option tag (RFC 3262 §8.1).
pub(crate) const OPTION: &str = "100rel";

/// More reliable responses to one INVITE are not acknowledged: each costs a transaction. Some gateways send one a minute.
pub(super) const PRACKS_MAX: u32 = 128;

/// The highest RSeq that may be the first (RFC 3262 §3).
const FIRST_MAX: u32 = (1 << 31) - 1;

/// Our reliable responses to one INVITE.
#[derive(Debug)]
pub(super) struct Reliable {
    /// RSeq of the last one; before the first, the number below.
    number: u32,
    /// The last one, until its PRACK.
    pending: Option<Pending>,
    /// What is to be said next.
    waiting: Option<Waiting>,
    /// Whether one of them answered the offer of the INVITE.
    is_answered: bool,
    /// The 200 that waits.
    answer: Option<Answer>,
}

/// A response without its PRACK: repeated from T1 on, at twice the interval each time, on any transport.
#[derive(Debug)]
struct Pending {
    status: u16,
    response: Bytes,
    has_description: bool,
    interval: Duration,
    repeat_at: Instant,
    give_up_at: Instant,
}

/// Of several that would wait the newest status, and the newest description.
#[derive(Debug)]
struct Waiting {
    status: u16,
    description: Option<Box<SessionDescription>>,
}

#[derive(Debug)]
struct Answer(Option<Box<SessionDescription>>);

impl Reliable {
    /// How an INVITE is to be answered reliably, if it is.
    pub(super) fn of_invite(
        invite: &Message,
        call: &IncomingCall,
        endpoint: &mut Endpoint,
    ) -> Option<Box<Self>> {
        let is_required = invite.has_option(HeaderName::Require, OPTION);
        let is_listed = call.supports_100rel && call.offer.is_some();
        let is_wanted = is_required
            || is_listed && endpoint.directory.reliability_of(&call.peer) == Reliability::Supported;
        if !is_wanted {
            return None;
        }
        let number = endpoint.between(1, FIRST_MAX) - 1;
        Some(Box::new(Self { number, pending: None, waiting: None, is_answered: false, answer: None }))
    }

    /// When the pending response is repeated or given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.repeat_at.min(pending.give_up_at))
    }

    fn wait(&mut self, status: u16, description: Option<&SessionDescription>) {
        let before = self.waiting.take().and_then(|waiting| waiting.description);
        let description = description.map(|description| Box::new(description.clone())).or(before);
        self.waiting = Some(Waiting { status, description });
    }
}

/// As UAS.
impl Leg {
    fn reliable(&mut self) -> Option<&mut Reliable> {
        match &mut self.stage {
            Stage::Incoming(incoming) => incoming.reliable.as_deref_mut(),
            Stage::Calling(_)
            | Stage::Offered { .. }
            | Stage::Established
            | Stage::Leaving(_)
            | Stage::Closing
            | Stage::Over => None,
        }
    }

    /// Sends a provisional response reliably: at once, or when the one before it is acknowledged.
    pub(super) fn progress_reliably(
        &mut self,
        now: Instant,
        status: u16,
        description: Option<&SessionDescription>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Stage::Incoming(Incoming { server, has_offer: true, .. }) = self.stage else { return };
        let is_free = matches!(self.exchange, Exchange::Stable);
        let Some(reliable) = self.reliable() else { return };
        if reliable.answer.is_some() {
            return;
        }
        if reliable.pending.is_some() || !is_free {
            return reliable.wait(status, description);
        }
        let description = description.filter(|_| !reliable.is_answered);
        reliable.number += 1;
        let rseq = reliable.number;
        let Some(response) = self.dialog_response(now, server, status, endpoint) else { return };
        let response = self
            .adorn(server, response, endpoint)
            .header(HeaderName::Require, OPTION)
            .header(HeaderName::RSeq, rseq);
        let response = match description {
            Some(description) => response.body(SDP, &self.print_answer(server, description, endpoint)),
            None => response.finish(),
        };
        endpoint.transactions.respond(now, server, status, response.clone(), out);
        let timing = endpoint.config.timing;
        if let Stage::Incoming(incoming) = &mut self.stage {
            let repeat_at = now + PROGRESS_INTERVAL;
            incoming.progress = Some(Progress { response: response.clone(), repeat_at });
            incoming.status = status;
        }
        if let Some(reliable) = self.reliable() {
            reliable.is_answered |= description.is_some();
            reliable.pending = Some(Pending {
                status,
                response,
                has_description: description.is_some(),
                interval: timing.t1,
                repeat_at: now + timing.t1,
                give_up_at: now + timing.timeout(),
            });
        }
    }

    /// Sends the pending response again, or refuses the INVITE, if it is time (RFC 3262 §3).
    pub(super) fn repeat_reliably(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let Stage::Incoming(Incoming { server, .. }) = self.stage else { return };
        let Some(pending) = self.reliable().and_then(|reliable| reliable.pending.as_mut()) else { return };
        if pending.give_up_at <= now {
            self.close_exchange(now, endpoint, out);
            self.refuse(now, server, 504, &[], endpoint, out);
            self.stage = Stage::Over;
            self.ended(cause::local(CauseKind::NoAck, 0), out);
        } else if pending.repeat_at <= now {
            pending.interval *= 2;
            pending.repeat_at = now + pending.interval;
            endpoint.transactions.respond(now, server, pending.status, pending.response.clone(), out);
        }
    }

    /// Whether the 200 has to wait: for the PRACK of the answer, or until what a PRACK or UPDATE offered is answered.
    pub(super) fn answer_waits(&mut self, description: Option<&SessionDescription>) -> bool {
        let is_free = matches!(self.exchange, Exchange::Stable);
        let Some(reliable) = self.reliable() else { return false };
        let is_pending = reliable.pending.as_ref().is_some_and(|pending| pending.has_description);
        let waits = is_pending || !is_free;
        if waits {
            reliable.answer = Some(Answer(description.map(|description| Box::new(description.clone()))));
        }
        waits
    }

    /// Whether a provisional response answered the offer of the INVITE for good.
    pub(super) fn is_answered_reliably(&mut self) -> bool {
        self.reliable().is_some_and(|reliable| reliable.is_answered)
    }

    /// RSeq of the response that the 200 overtakes; zero: of none.
    pub(super) fn overtaken(&mut self) -> u32 {
        let reliable = self.reliable().filter(|reliable| reliable.pending.is_some());
        reliable.map_or(0, |reliable| reliable.number)
    }

    /// PRACK of the peer: lets go on what waited for it.
    pub(super) fn prack(
        &mut self,
        now: Instant,
        arrival: Arrival,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let tag = self.tag;
        if !self.is_acknowledged_by(&arrival.message, endpoint) {
            return endpoint.reply(now, arrival, 481, tag, out, |reply| reply);
        }
        match description::offered(&arrival.message) {
            Ok(None) => endpoint.reply(now, arrival, 200, tag, out, |reply| reply),
            Ok(Some(offer)) if self.is_early_session("") => {
                let server = endpoint.begin(arrival, self.id);
                let give_up_at = now + endpoint.config.timing.timeout();
                self.exchange =
                    Exchange::RemoteOffer { server, has_offer: true, is_update: true, give_up_at };
                out.events.push(Event::Offer { leg: self.id, sdp: Some(offer) });
            }
            Ok(Some(_)) => {
                let after_s = endpoint.between(0, 10);
                endpoint.reply(now, arrival, 500, tag, out, |reply| {
                    reply.header(HeaderName::RetryAfter, after_s)
                });
            }
            Err(error) => {
                let (status, ours) = (error.status(), endpoint.address(arrival.flow));
                endpoint.reply(now, arrival, status, tag, out, |reply| {
                    crate::endpoint::incompatible(reply, status, ours)
                });
            }
        }
        self.go_on_reliably(now, endpoint, out);
    }

    /// Whether a PRACK names a response of ours that was not acknowledged; it is then.
    fn is_acknowledged_by(&mut self, prack: &Message, endpoint: &Endpoint) -> bool {
        let Some((rseq, cseq)) = prack.value(HeaderName::RAck).and_then(rack) else { return false };
        if let Stage::Incoming(Incoming { server, reliable: Some(reliable), .. }) = &mut self.stage {
            let invite = endpoint.transactions.request(*server).map(|(invite, _)| invite.cseq().number);
            let is_it = reliable.number == rseq && invite == Some(cseq);
            return is_it && reliable.pending.take().is_some();
        }
        // Its 200 was sent already, which is repeated until the ACK.
        let overtaken = self
            .unacknowledged
            .iter_mut()
            .find(|waiting| waiting.is_initial && (waiting.rseq, waiting.cseq) == (rseq, cseq));
        overtaken.map(|waiting| waiting.rseq = 0).is_some()
    }

    /// Says what waited, if nothing stands in its way any more.
    pub(super) fn go_on_reliably(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let is_free = matches!(self.exchange, Exchange::Stable);
        let Some(reliable) = self.reliable().filter(|reliable| is_free && reliable.pending.is_none()) else {
            return;
        };
        if let Some(Answer(description)) = reliable.answer.take() {
            self.answer(now, description.as_deref(), endpoint, out);
        } else if let Some(Waiting { status, description }) = reliable.waiting.take() {
            self.progress_reliably(now, status, description.as_deref(), endpoint, out);
        }
    }
}

/// As UAC.
impl Leg {
    /// Acknowledges the last reliable response of a fork.
    pub(super) fn send_prack(
        &mut self,
        now: Instant,
        index: usize,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Stage::Calling(calling) = &mut self.stage else { return };
        let Some(Fork { dialog, rseq, .. }) = calling.forks.get_mut(index) else { return };
        let (flow, branch, cseq) = (endpoint.hop(dialog), endpoint.token(), dialog.sequence().advance());
        let cnonce = endpoint.token().to_string();
        let auth = self.auth.as_mut().filter(|auth| endpoint.may_answer(auth, flow));
        let authorization =
            auth.and_then(|auth| auth.header(Method::Prack.name(), dialog.routed().uri, &cnonce));
        let rack = (*rseq, " ", (calling.cseq, " INVITE"));
        let mut prack =
            endpoint.request(dialog, Method::Prack, cseq, flow, branch).header(HeaderName::RAck, rack);
        if let Some((name, value)) = authorization {
            prack = prack.header(name, value);
        }
        let key = ClientKey::new(branch, Method::Prack);
        let bytes = prack.finish();
        endpoint.transactions.send(now, key, Method::Prack, bytes, flow, self.id, Purpose::Prack, out);
    }

    /// Takes what became of a PRACK: a challenge is answered. Whatever else it is, the INVITE goes on (RFC 3262 §4).
    pub(super) fn pracked(
        &mut self,
        now: Instant,
        response: Option<&Message>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Some(response) = response.filter(|response| response.status() >= 200) else { return };
        let challenges = match response.status() {
            401 => HeaderName::WwwAuthenticate,
            407 => HeaderName::ProxyAuthenticate,
            _ => return self.auth.as_deref_mut().into_iter().for_each(crate::auth::ClientAuth::accepted),
        };
        self.bring_credentials();
        let Stage::Calling(calling) = &self.stage else { return };
        let tag = response.to_tag();
        let Some(index) = calling.forks.iter().position(|fork| fork.dialog.remote_tag() == tag) else {
            return;
        };
        let dialog = &calling.forks[index].dialog;
        let cnonce = endpoint.token().to_string();
        let auth = self.auth.as_mut().filter(|auth| endpoint.may_answer(auth, endpoint.hop(dialog)));
        let answer = auth.and_then(|auth| {
            let lines = response.lines(challenges);
            auth.answer(response.status(), lines, Method::Prack.name(), dialog.routed().uri, &cnonce)
        });
        if answer.is_some() {
            self.send_prack(now, index, endpoint, out);
        }
    }
}

/// UPDATE before the 200.
impl Leg {
    /// Whether offer and answer of an INVITE that has no final response are exchanged for good, so that another offer may follow
    /// (RFC 3311 §5.1). As UAC that is so for each fork by itself, which its tag names.
    pub(super) fn is_early_session(&self, remote_tag: &str) -> bool {
        let is_free = matches!(self.exchange, Exchange::Stable);
        is_free
            && match &self.stage {
                Stage::Incoming(Incoming { reliable: Some(reliable), .. }) => {
                    reliable.is_answered && reliable.pending.is_none()
                }
                Stage::Calling(calling) => {
                    let mut forks = calling.forks.iter();
                    forks.any(|fork| fork.is_answered && fork.dialog.remote_tag() == remote_tag)
                }
                Stage::Incoming(_)
                | Stage::Offered { .. }
                | Stage::Established
                | Stage::Leaving(_)
                | Stage::Closing
                | Stage::Over => false,
            }
    }

    /// What a fork offered by UPDATE is accepted: it describes the far end from here on.
    pub(super) fn update_fork(&mut self, server: ServerId, endpoint: &Endpoint) {
        let (Stage::Calling(calling), Some((update, _))) =
            (&mut self.stage, endpoint.transactions.request(server))
        else {
            return;
        };
        let mut forks = calling.forks.iter_mut();
        let Some(fork) = forks.find(|fork| fork.dialog.remote_tag() == update.from_tag()) else { return };
        fork.dialog.retarget(update);
        if let Some(offer) = description::preview(update) {
            fork.preview = Some(offer);
        }
    }

    /// The fork of this tag is about to answer: what another one offers by UPDATE is for a dialog that ends.
    pub(super) fn leave_offers_but_of(
        &mut self,
        now: Instant,
        tag: &str,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let Exchange::RemoteOffer { server, .. } = self.exchange else { return };
        let is_other =
            endpoint.transactions.request(server).is_some_and(|(update, _)| update.from_tag() != tag);
        if is_other {
            self.exchange = Exchange::Stable;
            self.refuse(now, server, 481, &[], endpoint, out);
        }
    }
}

impl Fork {
    /// Whether a reliable response of this RSeq is the next of the fork: a copy is not, nor one before which another is missing
    /// (RFC 3262 §4).
    pub(super) fn is_next(&self, rseq: u32) -> bool {
        self.rseq == 0 || self.rseq.checked_add(1) == Some(rseq)
    }
}

/// Whether an INVITE of ours says that we know reliable responses.
pub(super) fn is_listed(invite: &Invite, endpoint: &Endpoint) -> bool {
    let peer = invite.target.flow.remote.ip();
    invite.offer.is_some() && endpoint.directory.reliability_at(peer) == Reliability::Supported
}

/// RSeq of a response that wants a PRACK. One without To tag makes no dialog that a PRACK could be in.
pub(super) fn rseq(response: &Message) -> Option<u32> {
    let number = number(response.value(HeaderName::RSeq)?).filter(|number| *number > 0)?;
    let is_reliable = response.has_option(HeaderName::Require, OPTION) && !response.to_tag().is_empty();
    is_reliable.then_some(number)
}

/// RSeq and CSeq number of RAck (RFC 3262 §7.2).
fn rack(value: &str) -> Option<(u32, u32)> {
    let mut words = value.split_ascii_whitespace();
    let (rseq, cseq, method) = (number(words.next()?)?, number(words.next()?)?, words.next()?);
    let is_it = rseq > 0 && method == Method::Invite.name() && words.next().is_none();
    is_it.then_some((rseq, cseq))
}

fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rack_names_a_response_and_its_invite() {
        assert_eq!(rack("776656 1 INVITE"), Some((776_656, 1)));
        assert_eq!(rack("1\t4294967295  INVITE"), Some((1, u32::MAX)));
        for value in ["", "1", "1 2", "1 2 UPDATE", "1 2 invite", "+1 2 INVITE", "1 4294967296 INVITE"] {
            assert_eq!(rack(value), None, "{value}");
        }
        assert_eq!((rack("1 2 INVITE 3"), rack("0 1 INVITE")), (None, None));
    }
}
