//! REFER, and the NOTIFYs that tell how far it is (RFC 3515, RFC 6665, RFC 7647).
//!
//! ```text
//!  REFER ─▶ Event::Refer ─▶ AnswerRefer ─▶ 202, NOTIFY 100 ─▶ ReferProgress ─▶ NOTIFY 180 … NOTIFY 200, terminated
//! ```
//!
//! The subscription ends with the dialog of the leg: a phone that has hung up hears no more of it (RFC 5057 §4 allows both).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outside::RETRY_AFTER_S;
use super::refer_to::Reference;
use super::referral::{OwnDialog, Referral};
use super::{Agent, resolve};
use crate::admission::Limit;
use crate::dialog::Dialog;
use crate::endpoint::Arrival;
use crate::ids::{LegId, UsageId};
use crate::message::{Builder, HeaderName, Message, Method, Uri, escape_user};
use crate::outbox::{Event, Outbox, Peer, Place, Refer, Subject};
use crate::session;
use crate::token::Token;

/// How many REFERs of one leg are followed at a time.
pub(crate) const PER_LEG_MAX: usize = 4;

/// How many REFERs one agent follows at a time.
pub(crate) const PER_AGENT_MAX: usize = 10_000;

/// How long a REFER is followed that nobody refreshes: longer than most phones ring.
const LIFETIME: Duration = Duration::from_secs(240);

/// How long the owner may take to answer: less than Timer F of the peer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a leg that is to end waits for the answer to the last NOTIFY: T2, when it has been sent several times.
const LAST_WORD: Duration = Duration::from_secs(4);

/// Whether a request belongs to the REFERs of a dialog, and not to its session.
pub(super) fn is_refer(request: &Message) -> bool {
    match request.method() {
        Method::Refer => true,
        Method::Subscribe => event_id(request).is_some(),
        Method::Invite
        | Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Register
        | Method::Prack
        | Method::Update
        | Method::Info
        | Method::Notify
        | Method::Message
        | Method::Publish
        | Method::Other => false,
    }
}

/// The `id` of `Event: refer`, if it is that event.
pub(super) fn event_id(request: &Message) -> Option<Option<&str>> {
    let value = request.value(HeaderName::Event)?;
    let (package, params) = value.split_once(';').unwrap_or((value, ""));
    let id = || {
        params.split(';').find_map(|param| {
            let (name, value) = param.split_once('=')?;
            name.trim().eq_ignore_ascii_case("id").then(|| value.trim())
        })
    };
    package.trim().eq_ignore_ascii_case("refer").then(id)
}

/// What comes in.
impl Agent {
    /// A REFER, or the SUBSCRIBE of one, in the dialog of a leg.
    pub(super) fn refer_in_dialog(&mut self, now: Instant, id: LegId, arrival: Arrival, out: &mut Outbox) {
        let mut admitted = None;
        self.with_leg(id, out, |leg, endpoint, out| {
            admitted = leg.admit(now, arrival, endpoint, out).map(|arrival| (arrival, leg.tag));
        });
        let (Some((arrival, tag)), Some(leg)) = (admitted, self.legs.get(&id)) else { return };
        if arrival.message.method() == Method::Subscribe {
            let name = event_id(&arrival.message).flatten();
            let usage = self.referrals.named(&leg.referrals, name);
            return self.refresh_referral(now, usage, arrival, tag, out);
        }
        let refusal = match leg.refuses_refer() {
            None if leg.referrals.len() >= PER_LEG_MAX => Some(503),
            refusal => refusal,
        };
        if let Some(status) = refusal {
            return self.endpoint.reply(now, arrival, status, tag, out, later);
        }
        let peer = self.peer_in(now, id);
        self.refer(now, arrival, (peer, tag), Some(id), out);
    }

    /// A REFER outside any dialog.
    pub(super) fn refer_outside(&mut self, now: Instant, arrival: Arrival, out: &mut Outbox) {
        let Some(peer) = self.admit_peer(now, &arrival, out) else { return };
        let message = &arrival.message;
        if message.max_forwards() == Some(0) {
            return self.refuse(&arrival, 483, out, |reply| reply);
        }
        if self.endpoint.transactions.is_merged(message) {
            return self.refuse(&arrival, 482, out, |reply| reply);
        }
        if let Some(unmet) = session::unmet(message) {
            return self.refuse(&arrival, unmet.status(), out, |reply| unmet.explain(reply));
        }
        if self.is_full() {
            return self.turn_away(now, &arrival, Limit::State, out);
        }
        let tag = self.endpoint.token();
        self.refer(now, arrival, (Some(peer), tag), None, out);
    }

    /// A request with a tag that a REFER outside any dialog got. `None`: it is somebody else's.
    pub(super) fn refer_by_tag(
        &mut self,
        now: Instant,
        arrival: Arrival,
        out: &mut Outbox,
    ) -> Option<Arrival> {
        let message = &arrival.message;
        let known = Token::parse(message.to_tag()).and_then(|tag| Some((tag, self.referrals.by_tag(tag)?)));
        let Some((tag, id)) = known else { return Some(arrival) };
        let own = self.referrals.get_mut(id).and_then(|referral| referral.own.as_mut());
        let Some(own) = own.filter(|own| own.dialog.matches(message.call_id(), message.from_tag())) else {
            return Some(arrival);
        };
        if own.dialog.receive(message, arrival.flow).is_err() {
            self.endpoint.reply(now, arrival, 500, tag, out, |reply| reply);
        } else if message.method() == Method::Subscribe && event_id(message).is_some() {
            own.dialog.retarget(message);
            self.refresh_referral(now, Some(id), arrival, tag, out);
        } else {
            return Some(arrival);
        }
        None
    }

    /// Takes a REFER: the owner is told, at once or when it is known which leg it names.
    fn refer(
        &mut self,
        now: Instant,
        arrival: Arrival,
        (peer, tag): (Option<Peer>, Token),
        leg: Option<LegId>,
        out: &mut Outbox,
    ) {
        let message = &arrival.message;
        let dialled = Uri::parse(message.request_uri()).map(|uri| uri.user_unescaped().into_owned());
        let refusal = match (peer, dialled, Reference::read(message)) {
            (None, _, _) => 403,
            (_, None, _) => 416,
            (_, _, Err(_)) => 400,
            _ if self.referrals.len() >= PER_AGENT_MAX => 503,
            (Some(peer), Some(dialled), Ok(reference)) => {
                return self.follow(now, arrival, Referrer { peer, dialled, leg, tag }, reference, out);
            }
        };
        let complete = |reply: Builder| if refusal == 503 { later(reply) } else { reply };
        match leg {
            Some(_) => self.endpoint.reply(now, arrival, refusal, tag, out, complete),
            None => self.refuse(&arrival, refusal, out, complete),
        }
    }

    fn follow(
        &mut self,
        now: Instant,
        arrival: Arrival,
        Referrer { peer, dialled, leg, tag }: Referrer,
        reference: Reference,
        out: &mut Outbox,
    ) {
        let id = UsageId(self.next_serial().0);
        let Reference { to, referred_by, notifies, replaces, target_dialog } = reference;
        let cseq = arrival.message.cseq().number;
        let own = match leg {
            Some(_) => None,
            None => {
                let first = self.endpoint.first_cseq(now);
                let dialog = Dialog::of_request(&arrival.message, tag, arrival.flow, first);
                let user = escape_user(&dialled).into();
                Some(Box::new(OwnDialog { dialog, tag, user }))
            }
        };
        let server = self.endpoint.begin(arrival, leg);
        let mut refer = Box::new(Refer { leg, peer, dialled, to, referred_by, notifies });
        let named =
            [(Place::ReferTo, replaces), (Place::TargetDialog, target_dialog.filter(|_| leg.is_none()))];
        let mut asked = 0;
        for (place, dialog) in named.into_iter().filter_map(|(place, dialog)| Some((place, dialog?))) {
            match self.seek(Subject::Usage(id), place, dialog, out) {
                Some(found) => resolve_refer(&mut refer, place, found),
                None => asked += 1,
            }
        }
        let (untold, until) = if asked == 0 {
            out.events.push(Event::Refer(id, refer));
            (None, now + ANSWER_TIMEOUT)
        } else {
            (Some((refer, asked)), now + resolve::PATIENCE)
        };
        if let Some(leg) = leg.and_then(|leg| self.legs.get_mut(&leg)) {
            leg.referrals.push(id);
        }
        let (in_flight, is_due, over) = (None, false, None);
        let referral = Referral {
            leg,
            own,
            server: Some(server),
            untold,
            cseq,
            notifies,
            in_flight,
            status: 100,
            is_due,
            over,
            until,
        };
        self.referrals.insert(id, referral);
    }

    /// Another worker has said which leg a header of a REFER names.
    pub(super) fn referral_resolved(
        &mut self,
        now: Instant,
        id: UsageId,
        place: Place,
        found: Option<LegId>,
        out: &mut Outbox,
    ) {
        let Some(referral) = self.referrals.get_mut(id) else { return };
        let Some((refer, asked)) = &mut referral.untold else { return };
        resolve_refer(refer, place, found);
        *asked = asked.saturating_sub(1);
        if *asked == 0 {
            self.tell_referral(now, id, out);
        }
    }

    fn tell_referral(&mut self, now: Instant, id: UsageId, out: &mut Outbox) {
        let Some(referral) = self.referrals.get_mut(id) else { return };
        if let Some((refer, _)) = referral.untold.take() {
            out.events.push(Event::Refer(id, refer));
            self.referrals.extend(id, now + ANSWER_TIMEOUT);
        }
    }

    /// SUBSCRIBE refreshes the subscription that a REFER made, or ends it (RFC 6665 §4.2.1).
    fn refresh_referral(
        &mut self,
        now: Instant,
        usage: Option<UsageId>,
        arrival: Arrival,
        tag: Token,
        out: &mut Outbox,
    ) {
        let is_answered = |id: &UsageId| self.referrals.get(*id).is_some_and(|known| known.server.is_none());
        let Some(id) = usage.filter(is_answered) else {
            return self.endpoint.reply(now, arrival, 481, tag, out, |reply| reply);
        };
        let asked = arrival.message.expires().map(|seconds| Duration::from_secs(seconds.into()));
        let lifetime = asked.unwrap_or(LIFETIME).min(LIFETIME);
        if lifetime.is_zero() {
            if let Some(referral) = self.referrals.get_mut(id) {
                referral.over.get_or_insert("timeout");
            }
        } else {
            self.referrals.extend(id, now + lifetime);
        }
        let user = self.refer_contact_user(id);
        let contact = self.endpoint.contact(arrival.flow, &user);
        self.endpoint.reply(now, arrival, 200, tag, out, |reply| {
            reply.header(HeaderName::Contact, contact).header(HeaderName::Expires, lifetime.as_secs())
        });
        self.notify_referral(now, id, out);
    }

    /// The user part of our Contact in the dialog of a REFER, escaped.
    fn refer_contact_user(&self, id: UsageId) -> Box<str> {
        let Some(referral) = self.referrals.get(id) else { return "".into() };
        match (&referral.own, referral.leg.and_then(|leg| self.legs.get(&leg))) {
            (Some(own), _) => own.user.clone(),
            (None, Some(leg)) => leg.contact_user().into(),
            (None, None) => "".into(),
        }
    }

    /// Who is at the other end of a leg.
    fn peer_in(&self, now: Instant, id: LegId) -> Option<Peer> {
        let (user, flow) = self.legs.get(&id)?.remote()?;
        match self.endpoint.trunk_at(flow) {
            Some(trunk) if !self.is_registered_phone(now, &user, flow) => {
                Some(Peer::Trunk(Arc::clone(trunk)))
            }
            Some(_) | None => Some(Peer::Line(user.into())),
        }
    }
}

/// Who sent a REFER, and where.
struct Referrer {
    peer: Peer,
    dialled: String,
    leg: Option<LegId>,
    tag: Token,
}

fn resolve_refer(refer: &mut Refer, place: Place, found: Option<LegId>) {
    match place {
        Place::ReferTo => {
            if let Some(replaces) = &mut refer.to.replaces {
                replaces.leg = found;
            }
        }
        Place::TargetDialog => refer.leg = found,
        Place::Replaces | Place::Join => {}
    }
}

fn later(reply: Builder) -> Builder {
    reply.header(HeaderName::RetryAfter, RETRY_AFTER_S)
}

/// What the owner says.
impl Agent {
    /// Accepts a REFER, or refuses it.
    pub(super) fn answer_refer(&mut self, now: Instant, id: UsageId, status: u16, out: &mut Outbox) {
        let Some(referral) = self.referrals.get_mut(id) else { return };
        let Some(server) = referral.server.take() else { return };
        let (is_accepted, notifies) = ((200..300).contains(&status), referral.notifies);
        let status = match status {
            200..300 if notifies => 202,
            200..300 => 200,
            300..700 => status,
            _ => 500,
        };
        let tag = match (&referral.own, referral.leg.and_then(|leg| self.legs.get(&leg))) {
            (Some(own), _) => own.tag,
            (None, Some(leg)) => leg.tag,
            // The request carries the tag of its dialog: this one is not written.
            (None, None) => self.endpoint.token(),
        };
        let user = self.refer_contact_user(id);
        let flow = self.endpoint.transactions.response_flow(server);
        if let (Some(mut response), Some(flow)) = (self.endpoint.response(server, status, tag), flow) {
            if is_accepted {
                if let Some((request, _)) = self.endpoint.transactions.request(server) {
                    response = response.copy(request, HeaderName::RecordRoute);
                }
                response = response.header(HeaderName::Contact, self.endpoint.contact(flow, &user));
            }
            if is_accepted && !notifies {
                response = response.raw("Refer-Sub", "false");
            }
            if status == 503 {
                response = later(response);
            }
            self.endpoint.transactions.respond(now, server, status, response.finish(), out);
        }
        if is_accepted && notifies {
            self.referrals.extend(id, now + LIFETIME);
            self.notify_referral(now, id, out);
        } else {
            self.forget_referral(now, id, out);
        }
    }
}

/// What becomes of them.
impl Agent {
    /// A leg is over: so are its REFERs, but for those that are not answered.
    pub(super) fn end_referrals(&mut self, of_leg: Vec<UsageId>) {
        for id in of_leg {
            match self.referrals.get_mut(id) {
                Some(referral) if referral.server.is_some() => referral.leg = None,
                Some(_) | None => drop(self.referrals.remove(id)),
            }
        }
    }

    pub(super) fn forget_referral(&mut self, now: Instant, id: UsageId, out: &mut Outbox) {
        let Some(leg_id) = self.referrals.remove(id).and_then(|referral| referral.leg) else { return };
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        leg.referrals.retain(|of| *of != id);
        if let Some(reason) = leg.parting.take() {
            self.part(now, leg_id, reason, out);
        }
    }

    /// Ends a leg, once its peer has heard what became of its REFERs: a BYE could overtake the NOTIFY, and the subscription
    /// ends with the dialog.
    pub(super) fn part(&mut self, now: Instant, id: LegId, reason: Option<String>, out: &mut Outbox) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let is_last = |of: &UsageId| self.referrals.get(*of).is_some_and(|referral| referral.over.is_some());
        let last: Vec<UsageId> = leg.referrals.iter().copied().filter(is_last).collect();
        if last.is_empty() {
            return self.with_leg(id, out, |leg, endpoint, out| leg.end(now, reason, endpoint, out));
        }
        leg.parting = Some(reason);
        for referral in last {
            let until = self.referrals.get(referral).map_or(now, |referral| referral.until);
            self.referrals.extend(referral, until.min(now + LAST_WORD));
        }
    }

    /// Whoever had to answer has not, or a subscription expires.
    pub(super) fn expire_referrals(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(id) = self.referrals.due(now) {
            let Some(referral) = self.referrals.get_mut(id) else { return };
            if referral.untold.is_some() {
                self.tell_referral(now, id, out);
            } else if referral.server.is_some() {
                self.answer_refer(now, id, 500, out);
            } else if referral.over.is_none() {
                referral.over = Some("timeout");
                self.referrals.extend(id, now + LIFETIME);
                self.notify_referral(now, id, out);
            } else {
                self.forget_referral(now, id, out);
            }
        }
    }
}
