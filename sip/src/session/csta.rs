//! A session that has no media and is about CSTA: services by INFO, one after the other, and what the phone says (ECMA TR/87 §7).

use std::time::Instant;

use bytes::Bytes;

use super::info::Info;
use super::{Leg, Stage, description};
use crate::endpoint::{self, Arrival, Endpoint};
use crate::message::{HeaderName, Message, Method};
use crate::outbox::{Event, Outbox};
use crate::package::Unreadable;
use crate::package::csta::{self, CONTENT_TYPE, Service, Statement};

impl Leg {
    /// Asks the phone for a service.
    pub(crate) fn csta(
        &mut self,
        now: Instant,
        service: &Service,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let info = Info::Csta(service.print().into(), service.may_repeat());
        self.send_info(now, info, endpoint, out);
    }

    /// The body of our INVITE and of those that refresh the session: a question that the phone has an answer to.
    pub(super) fn csta_question(&self) -> Option<Bytes> {
        self.is_csta.then(|| Service::RequestSystemStatus.print().into())
    }

    /// Tells the owner what came of a service.
    pub(super) fn csta_answered(&self, status: u16, response: Option<&Message>, out: &mut Outbox) {
        let statement = response.and_then(statement).and_then(Result::ok).map(Box::new);
        out.events.push(Event::CstaAnswered { leg: self.id, status, statement });
    }

    /// Tells the owner what the 2xx to our INVITE says.
    pub(super) fn tell_csta(&self, response: &Message, out: &mut Outbox) {
        if let Some(Ok(statement)) = statement(response).filter(|_| self.is_csta) {
            out.events.push(Event::Csta { leg: self.id, statement: Box::new(statement) });
        }
    }

    /// An INFO, re-INVITE or UPDATE of the phone. `Some`: it is not about CSTA.
    pub(super) fn csta_request(
        &mut self,
        now: Instant,
        arrival: Arrival,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) -> Option<Arrival> {
        if !self.is_csta {
            return Some(arrival);
        }
        let method = arrival.message.method();
        let read = match (method, statement(&arrival.message)) {
            (Method::Info, None) => return Some(arrival),
            (Method::Invite | Method::Update, None) => None,
            (_, read) => read,
        };
        let tag = self.tag;
        let refusal = if method == Method::Info {
            (!matches!(self.stage, Stage::Established)).then_some(481)
        } else {
            self.refusal_of_refresh(&arrival.message)
        };
        if let Some(status) = refusal {
            let (ours, after_s) = (endpoint.address(arrival.flow), endpoint.between(0, 10));
            endpoint.reply(now, arrival, status, tag, out, |reply| match status {
                500 => reply.header(HeaderName::RetryAfter, after_s),
                _ => endpoint::incompatible(reply, status, ours),
            });
            return None;
        }
        let answer = match &read {
            None => None,
            Some(Ok(statement)) => csta::response_to(statement),
            Some(Err(_)) => {
                endpoint.reply(now, arrival, 400, tag, out, |reply| reply);
                return None;
            }
        };
        let server = endpoint.begin(arrival, self.id);
        let response = if method == Method::Info {
            endpoint.response(server, 200, tag)
        } else {
            self.dialog_response(now, server, 200, endpoint)
        };
        let response = response.map(|response| match answer {
            Some(body) => response
                .header(HeaderName::ContentDisposition, csta::DISPOSITION)
                .body(CONTENT_TYPE, body.as_bytes()),
            None => response.finish(),
        });
        if let Some(response) = response {
            if method == Method::Invite {
                self.accept(now, server, response, false, false, endpoint, out);
            } else {
                endpoint.transactions.respond(now, server, 200, response, out);
            }
        }
        if let Some(Ok(statement)) = read {
            out.events.push(Event::Csta { leg: self.id, statement: Box::new(statement) });
        }
        None
    }

    /// Why a re-INVITE or UPDATE of the phone is refused: it meets one of ours (RFC 3261 §14.2), or describes media.
    fn refusal_of_refresh(&self, request: &Message) -> Option<u16> {
        match self.obstacle(request) {
            Some(obstacle) => Some(obstacle.status()),
            None => description::of(request).is_some().then_some(488),
        }
    }
}

/// What a message says of CSTA; `None`: nothing.
fn statement(message: &Message) -> Option<Result<Statement, Unreadable>> {
    let is_csta = csta::is_type(message.content_type()) && !message.body().is_empty();
    is_csta.then(|| csta::read(message.body()))
}
