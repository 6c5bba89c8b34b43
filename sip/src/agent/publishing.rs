//! PUBLISH of a line's phones (RFC 3903): what they say of its presence.
//!
//! ```text
//!  PUBLISH ─▶ Event::Publish ─▶ AnswerPublish ─▶ 200 with SIP-ETag, or a refusal
//! ```
//!
//! Whoever sends it is asked who he is as a caller is. Networks publish nothing, and other packages take nothing from phones.

use std::time::Instant;

use super::Agent;
use crate::admission::Limit;
use crate::endpoint::{self, Arrival};
use crate::ids::UsageId;
use crate::message::{HeaderName, Message, Uri};
use crate::outbox::{Event, IncomingPublication, Outbox, Package, Peer, Publication, PublishedPresence};
use crate::package::Unreadable;
use crate::package::presence::PIDF;
use crate::session;
use crate::subscription::{EXPIRES_MAX_S, EXPIRES_MIN_S, EventType};

/// What a PUBLISH asks for.
struct Demand {
    /// Which publication it is of.
    entity_tag: Option<u64>,
    /// Zero: it is removed.
    expires_s: u32,
    presence: Option<Box<PublishedPresence>>,
}

/// What a PUBLISH is refused for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    /// 400: the body is missing, or cannot be read.
    Body,
    /// 412: no such entity-tag was given.
    Unmatched,
    /// 413: the body is too long.
    TooLong,
    /// 415: the body is of another type, or coded.
    Type,
    /// 423: it would be forgotten too soon.
    Brief,
    /// 489: the package takes nothing.
    Event,
}

impl Agent {
    /// A PUBLISH outside any dialog.
    pub(super) fn published(&mut self, now: Instant, arrival: Arrival, out: &mut Outbox) {
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
        if !self.is_ours(&peer, &arrival) {
            return self.refuse(&arrival, 404, out, |reply| reply);
        }
        let Demand { entity_tag, expires_s, presence } = match read(message) {
            Ok(demand) => demand,
            Err(refusal) => return self.refuse_publication(&arrival, refusal, out),
        };
        let Peer::Line(line) = peer else { return self.refuse(&arrival, 405, out, endpoint::allow) };
        let Some(dialled) = Uri::parse(message.request_uri()).map(|uri| uri.user_unescaped().into_owned())
        else {
            return self.refuse(&arrival, 416, out, |reply| reply);
        };
        if !self.may_wait() {
            return self.turn_away(now, &arrival, Limit::State, out);
        }
        let publication = IncomingPublication { line, dialled, entity_tag, expires_s, presence };
        let id = self.wait(now, arrival);
        out.events.push(Event::Publish(id, Box::new(publication)));
    }

    fn refuse_publication(&self, arrival: &Arrival, refusal: Refusal, out: &mut Outbox) {
        let (status, reason) = match refusal {
            Refusal::Body => (400, Some("Bad Presence")),
            Refusal::Unmatched => (412, None),
            Refusal::TooLong => (413, None),
            Refusal::Type => (415, None),
            Refusal::Brief => (423, None),
            Refusal::Event => (489, None),
        };
        self.refuse(arrival, status, out, |reply| {
            let reply = match reason {
                Some(reason) => reply.reason(reason),
                None => reply,
            };
            match refusal {
                Refusal::Type => reply.header(HeaderName::Accept, PIDF).raw("Accept-Encoding", "identity"),
                Refusal::Brief => reply.header(HeaderName::MinExpires, EXPIRES_MIN_S),
                // Those that take something (RFC 3903 §6).
                Refusal::Event => reply.header(HeaderName::AllowEvents, Package::Presence.name()),
                Refusal::Body | Refusal::Unmatched | Refusal::TooLong => reply,
            }
        });
    }

    /// Answers one.
    pub(super) fn answer_publish(
        &mut self,
        now: Instant,
        id: UsageId,
        result: Result<Publication, u16>,
        out: &mut Outbox,
    ) {
        match result {
            Ok(Publication { entity_tag, expires_s }) => {
                self.answer_waiting(now, id, 200, out, |reply| {
                    let tag = format!("{entity_tag:016x}");
                    reply.raw("SIP-ETag", tag.as_str()).header(HeaderName::Expires, expires_s)
                });
            }
            Err(status) => self.answer_waiting(now, id, status, out, |reply| reply),
        }
    }
}

/// An entity-tag as we write it, which is compared octet for octet (RFC 3903 §11.3.1).
fn read_tag(tag: &str) -> Option<u64> {
    let is_ours = tag.len() == 16 && tag.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
    if is_ours { u64::from_str_radix(tag, 16).ok() } else { None }
}

/// Reads a PUBLISH, in the order of RFC 3903 §6.
fn read(message: &Message) -> Result<Demand, Refusal> {
    let event = EventType::of(message).filter(|event| event.package == Package::Presence);
    event.ok_or(Refusal::Event)?;
    let entity_tag = match message.other("SIP-If-Match") {
        Some(tag) => Some(read_tag(tag.trim()).ok_or(Refusal::Unmatched)?),
        None => None,
    };
    let expires_s = match message.expires() {
        Some(1..EXPIRES_MIN_S) => return Err(Refusal::Brief),
        expires_s => expires_s.unwrap_or(EXPIRES_MAX_S).min(EXPIRES_MAX_S),
    };
    if message.value(HeaderName::ContentEncoding).is_some_and(|coding| !coding.is_empty()) {
        return Err(Refusal::Type);
    }
    if message.body().is_empty() {
        entity_tag.ok_or(Refusal::Body)?;
        return Ok(Demand { entity_tag, expires_s, presence: None });
    }
    let media_type = message.content_type().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(PIDF) {
        return Err(Refusal::Type);
    }
    match PublishedPresence::parse(message.body()) {
        Ok(presence) => Ok(Demand { entity_tag, expires_s, presence: Some(Box::new(presence)) }),
        Err(Unreadable::TooLong) => Err(Refusal::TooLong),
        Err(Unreadable::Malformed | Unreadable::DocumentType | Unreadable::TooMany | Unreadable::Foreign) => {
            Err(Refusal::Body)
        }
    }
}
