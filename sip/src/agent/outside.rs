//! Requests outside any dialog: who sent them, whether they can be served, what begins with them (RFC 3261 §8.2).

use std::sync::Arc;
use std::time::Instant;

use super::details::Details;
use super::peer::names_nobody;
use super::turning_away::calls_emergency_number;
use super::{Agent, resolve};
use crate::admission::Limit;
use crate::endpoint::{self, Arrival};
use crate::message::{Builder, HeaderName, Message, Method, NameAddr, Scheme, Uri};
use crate::outbox::{IncomingCall, Outbox, Peer, Subject};
use crate::session::{self, Announcement, Leg, cause};

/// Seconds after which a caller may try again that was turned away for lack of room.
pub(super) const RETRY_AFTER_S: u32 = 5;

/// What an INVITE says about hops where it says nothing.
const MAX_FORWARDS: u8 = 70;

impl Agent {
    /// A request without To tag.
    pub(super) fn outside(&mut self, now: Instant, arrival: Arrival, out: &mut Outbox) {
        let begins = matches!(
            arrival.message.method(),
            Method::Invite | Method::Refer | Method::Subscribe | Method::Message | Method::Publish
        );
        if self.is_too_much(now, &arrival) && begins {
            return self.turn_away(now, &arrival, Limit::Overload, out);
        }
        match arrival.message.method() {
            Method::Invite => self.incoming(now, arrival, out),
            Method::Register => self.register(now, arrival, out),
            Method::Options => match session::unmet(&arrival.message) {
                Some(unmet) => self.refuse(&arrival, unmet.status(), out, |reply| unmet.explain(reply)),
                None => self.refuse(&arrival, 200, out, endpoint::capabilities),
            },
            Method::Refer => self.refer_outside(now, arrival, out),
            Method::Subscribe => self.subscribed(now, arrival, out),
            Method::Notify => self.notified_outside(now, &arrival, out),
            Method::Message => self.texted(now, arrival, out),
            Method::Publish => self.published(now, arrival, out),
            Method::Bye => self.orphan(now, arrival, out),
            Method::Prack | Method::Update | Method::Info => self.refuse(&arrival, 481, out, |reply| reply),
            Method::Other => self.refuse(&arrival, 501, out, endpoint::allow),
            Method::Ack | Method::Cancel => {}
        }
    }

    /// A request with a To tag that is in no dialog of ours, or a BYE without one.
    pub(super) fn orphan(&mut self, now: Instant, arrival: Arrival, out: &mut Outbox) {
        let Some(arrival) = self.refer_by_tag(now, arrival, out) else { return };
        let Some(arrival) = self.referee_tells(arrival, out) else { return };
        let is_trunk = || self.endpoint.trunk_at(arrival.flow).is_some();
        let is_bye = arrival.message.method() == Method::Bye;
        if is_bye && self.endpoint.config.reply_200_to_orphan_bye && is_trunk() {
            return self.refuse(&arrival, 200, out, |reply| reply);
        }
        self.refuse(&arrival, 481, out, |reply| reply);
    }

    fn incoming(&mut self, now: Instant, arrival: Arrival, out: &mut Outbox) {
        if self.turned_away.contains(arrival.id) {
            return self.turn_away_again(&arrival, out);
        }
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
        let offer = match session::offered(message) {
            Ok(offer) => offer,
            Err(error) => {
                let (status, ours) = (error.status(), self.endpoint.address(arrival.flow));
                return self
                    .refuse(&arrival, status, out, |reply| endpoint::incompatible(reply, status, ours));
            }
        };
        if self.is_full() {
            return self.turn_away(now, &arrival, Limit::State, out);
        }
        let limits = &self.endpoint.directory.limits;
        let admitted = match self.admission.call(now, limits, &peer, arrival.flow.remote.ip()) {
            Ok(admitted) => Some(admitted),
            Err(_) if calls_emergency_number(&arrival.message) && self.load.takes_urgent(now) => None,
            Err(limit) => return self.turn_away(now, &arrival, limit, out),
        };
        let Some(uri) = Uri::parse(message.request_uri()) else {
            return self.refuse(&arrival, 416, out, |reply| reply);
        };
        let Ok(details) = Details::read(message, &uri, &peer) else {
            return self.refuse(&arrival, 400, out, |reply| reply);
        };
        let Details { mut details, names, user_to_user } = details;
        let id = self.next_serial();
        let wait_until = names.and_then(|(place, dialog)| {
            let Some(leg) = self.seek(Subject::Leg(id), place, dialog, out) else {
                return Some(now + resolve::PATIENCE);
            };
            if let Some(details) = &mut details {
                session::resolve(details, place, leg);
            }
            None
        });
        let line = match &peer {
            Peer::Line(line) if names_nobody(message.from()) => Some(Arc::clone(line)),
            Peer::Line(_) | Peer::Trunk(_) => None,
        };
        let dialled = self.dialled(&peer, message, &uri);
        let call = IncomingCall {
            peer,
            flow: arrival.flow,
            dialled,
            domain: uri.host.to_owned(),
            from: cause::party(message.from()),
            to: cause::party(message.to()),
            max_forwards: message
                .max_forwards()
                .map_or(MAX_FORWARDS, |hops| u8::try_from(hops).unwrap_or(MAX_FORWARDS)),
            offer,
            supports_100rel: message.has_option(HeaderName::Supported, session::RELIABLE),
            details,
        };
        let announcement = Announcement { call: Box::new(call), user_to_user, wait_until };
        let mut leg = Leg::incoming(now, id, arrival, announcement, &mut self.endpoint, out);
        leg.admitted = admitted;
        leg.line = line;
        self.admit(leg);
    }

    /// What was dialled. A carrier where the engine is registered calls its Contact, and says behind it which number was meant: in
    /// P-Called-Party-ID (RFC 7315 §4.2), else in To.
    fn dialled(&self, peer: &Peer, message: &Message, uri: &Uri<'_>) -> String {
        let user = uri.user_unescaped().into_owned();
        if uri.scheme == Scheme::Service {
            return user.to_ascii_lowercase();
        }
        let is_contact = match peer {
            Peer::Trunk(trunk) => self.endpoint.directory.is_contact_of(trunk, &user),
            Peer::Line(_) => false,
        };
        if !is_contact {
            return user;
        }
        let named = message.other("P-Called-Party-ID").and_then(NameAddr::parse);
        let named = [named, message.to()]
            .into_iter()
            .flatten()
            .map(|value| value.parsed_uri().map(|uri| uri.user_unescaped().into_owned()).unwrap_or_default());
        named.into_iter().find(|named| !named.is_empty()).unwrap_or(user)
    }

    /// Refuses, or answers, without keeping state: whatever anyone can send must cost nothing.
    pub(super) fn refuse(
        &self,
        arrival: &Arrival,
        status: u16,
        out: &mut Outbox,
        complete: impl FnOnce(Builder) -> Builder,
    ) {
        self.endpoint.reply_stateless(&arrival.message, arrival.flow, status, out, complete);
    }
}
