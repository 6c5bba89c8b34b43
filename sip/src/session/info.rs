//! INFO: digits, hookflash and user-to-user information in both directions (RFC 6086, legacy usage of §9).

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::{Leg, Stage, user_to_user};
use crate::endpoint::{Arrival, Endpoint};
use crate::message::{HeaderName, Message, Method};
use crate::outbox::{Event, Outbox, UNSENT};
use crate::package::csta;
use crate::transaction::{ClientKey, Concern, Purpose};
use crate::transport::Flow;

/// More INFOs of ours do not wait: nobody dials that many digits ahead.
pub(crate) const INFOS_WAITING_MAX: usize = 64;

/// How long a key was pressed where it is not said, in milliseconds.
const DIGIT_MS: u16 = 100;

/// The bodies that are read (RFC 3261 §21.4.13).
const ACCEPT: &str = "application/dtmf-relay, application/dtmf, application/hook-flash";

const DTMF_RELAY: &str = "application/dtmf-relay";
const DTMF: &str = "application/dtmf";
const HOOK_FLASH: &str = "application/hook-flash";

/// The digit that stands for a hookflash.
const FLASH: u8 = b'!';

/// The INFOs of ours: one at a time, so that digits stay in order.
#[derive(Debug, Default)]
pub(super) struct Infos {
    waiting: VecDeque<Info>,
    in_flight: Option<(ClientKey, Info)>,
}

#[derive(Clone, Debug)]
pub(super) enum Info {
    Digit(u8, u16),
    UserToUser(Bytes),
    /// A body of CSTA; whether it may be sent again where nobody knows whether it arrived.
    Csta(Bytes, bool),
}

/// Ours.
impl Leg {
    /// Sends a digit.
    pub(crate) fn digit(
        &mut self,
        now: Instant,
        digit: u8,
        duration_ms: u16,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if let Some(digit) = canonical(digit) {
            self.send_info(now, Info::Digit(digit, duration_ms), endpoint, out);
        }
    }

    /// Sends octets from user to user.
    pub(crate) fn user_to_user(
        &mut self,
        now: Instant,
        data: Bytes,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        self.send_info(now, Info::UserToUser(data), endpoint, out);
    }

    pub(super) fn send_info(&mut self, now: Instant, info: Info, endpoint: &mut Endpoint, out: &mut Outbox) {
        if self.is_told_over() {
            return;
        }
        let infos = self.infos.get_or_insert_default();
        if infos.waiting.len() < INFOS_WAITING_MAX {
            infos.waiting.push_back(info);
        } else if matches!(info, Info::Csta(..)) {
            self.csta_answered(UNSENT, None, out);
        }
        self.next_info(now, endpoint, out);
    }

    /// Sends what waits, once there is a session and the INFO before it is answered.
    pub(super) fn next_info(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        if !matches!(self.stage, Stage::Established) {
            return;
        }
        let next = self.infos.as_mut().filter(|infos| infos.in_flight.is_none());
        let Some(info) = next.and_then(|infos| infos.waiting.pop_front()) else { return };
        let authorization = self.authorization(Method::Info, endpoint);
        self.write_info(now, info, authorization, endpoint, out);
    }

    fn write_info(
        &mut self,
        now: Instant,
        info: Info,
        authorization: Option<(HeaderName, String)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let (Some(dialog), Some(infos)) = (&mut self.dialog, &mut self.infos) else { return };
        let (flow, branch, cseq) = (endpoint.hop(dialog), endpoint.token(), dialog.sequence().advance());
        let mut request = endpoint
            .request(dialog, Method::Info, cseq, flow, branch)
            .header(HeaderName::Contact, endpoint.contact(flow, &self.user).focus(self.focus.as_deref()));
        if let Some((name, value)) = authorization {
            request = request.header(name, value);
        }
        let bytes = match &info {
            Info::Digit(FLASH, _) => request.body(HOOK_FLASH, b"Signal=hf\r\n"),
            Info::Digit(digit, duration_ms) => {
                let body = format!("Signal={}\r\nDuration={duration_ms}\r\n", char::from(*digit));
                request.body(DTMF_RELAY, body.as_bytes())
            }
            Info::UserToUser(data) => {
                request.header(HeaderName::UserToUser, user_to_user::value(data)).finish()
            }
            Info::Csta(body, _) => request
                .header(HeaderName::ContentDisposition, csta::DISPOSITION)
                .body(csta::CONTENT_TYPE, body),
        };
        let key = ClientKey::new(branch, Method::Info);
        infos.in_flight = Some((key, info));
        endpoint.transactions.send(now, key, Method::Info, bytes, flow, self.id, Purpose::Info, out);
    }

    /// The outcome of an INFO. A peer that does not know INFO, or is silent, is not asked to take what waits.
    pub(super) fn informed(
        &mut self,
        now: Instant,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let response = answer.map(|(response, _)| response);
        let status = concern.status(response);
        if status < 200 {
            return;
        }
        let Some(infos) = &mut self.infos else { return };
        let Some((_, info)) = infos.in_flight.take_if(|(key, _)| *key == concern.key) else { return };
        if !matches!(self.stage, Stage::Established) {
            return;
        }
        if concern.has_lost_stream && !matches!(info, Info::Csta(_, false)) {
            infos.waiting.push_front(info);
            return self.next_info(now, endpoint, out);
        }
        let is_silent = response.is_none() && !concern.has_lost_stream;
        let is_lost = matches!(status, 405 | 408 | 415 | 481 | 501) || is_silent;
        let lost = if is_lost { std::mem::take(&mut infos.waiting) } else { VecDeque::new() };
        if let (401 | 407, Some(response), Some(uri)) = (status, response, self.target())
            && let Some(authorization) = self.answer_challenge(response, Method::Info, &uri, endpoint)
        {
            return self.write_info(now, info, Some(authorization), endpoint, out);
        }
        if matches!(info, Info::Csta(..)) {
            self.csta_answered(status, response, out);
        }
        for _ in lost.iter().filter(|lost| matches!(lost, Info::Csta(..))) {
            self.csta_answered(status, None, out);
        }
        self.next_info(now, endpoint, out);
    }
}

/// Theirs.
impl Leg {
    /// An INFO of the peer whose CSeq is in order.
    pub(super) fn info(&mut self, now: Instant, arrival: Arrival, endpoint: &mut Endpoint, out: &mut Outbox) {
        let tag = self.tag;
        if self.is_told_over() {
            return endpoint.reply(now, arrival, 481, tag, out, |reply| reply);
        }
        let outcome = Received::read(&arrival.message);
        match outcome {
            Received::Digit(digit, duration_ms) => {
                out.events.push(Event::Digit { leg: self.id, digit, duration_ms });
            }
            Received::Nothing => self.tell_user_to_user(&arrival.message, out),
            Received::Unreadable | Received::UnknownType | Received::UnknownPackage => {}
        }
        endpoint.reply(now, arrival, outcome.status(), tag, out, |reply| match outcome {
            Received::UnknownType => reply.header(HeaderName::Accept, ACCEPT),
            // None is the list of the packages that are served (RFC 6086 §5.2.2).
            Received::UnknownPackage => reply.raw("Recv-Info", ""),
            Received::Digit(..) | Received::Nothing | Received::Unreadable => reply,
        });
    }
}

/// What an INFO brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Received {
    Digit(u8, u16),
    /// No body.
    Nothing,
    Unreadable,
    UnknownType,
    UnknownPackage,
}

impl Received {
    fn read(info: &Message) -> Self {
        if info.other("Info-Package").is_some() {
            return Self::UnknownPackage;
        }
        if info.body().is_empty() {
            return Self::Nothing;
        }
        let media_type = info.content_type().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let is = |known: &str| media_type.eq_ignore_ascii_case(known);
        if !is(DTMF_RELAY) && !is(DTMF) && !is(HOOK_FLASH) {
            return Self::UnknownType;
        }
        let Ok(text) = std::str::from_utf8(info.body()) else { return Self::Unreadable };
        let line = |name: &str| {
            text.lines().find_map(|line| {
                let (found, value) = line.split_once('=')?;
                found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let duration_ms = line("Duration").and_then(|text| text.parse().ok()).unwrap_or(DIGIT_MS);
        let signal = if is(HOOK_FLASH) {
            Some(FLASH)
        } else {
            line("Signal").or_else(|| Some(text.trim()).filter(|_| is(DTMF))).and_then(signal)
        };
        signal.map_or(Self::Unreadable, |digit| Self::Digit(digit, duration_ms))
    }

    const fn status(self) -> u16 {
        match self {
            Self::Digit(..) | Self::Nothing => 200,
            Self::Unreadable => 400,
            Self::UnknownType => 415,
            Self::UnknownPackage => 469,
        }
    }
}

/// A digit as itself, or as the number of its event (RFC 4733 §3.2).
fn signal(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [digit] => canonical(*digit),
        _ if text.eq_ignore_ascii_case("hf") || text.eq_ignore_ascii_case("flash") => Some(FLASH),
        _ => {
            let event: usize = text.parse().ok()?;
            b"0123456789*#ABCD!".get(event).copied()
        }
    }
}

fn canonical(digit: u8) -> Option<u8> {
    let digit = digit.to_ascii_uppercase();
    (digit.is_ascii_digit() || matches!(digit, b'A'..=b'D' | b'*' | b'#' | FLASH)).then_some(digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn read(headers: &str, body: &str) -> Received {
        let text = format!("INFO sip:a SIP/2.0\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        Received::read(&Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap())
    }

    #[test]
    fn digits_are_read_in_every_spelling() {
        let relay = |body: &str| read("Content-Type: application/dtmf-relay\r\n", body);
        assert_eq!(relay("Signal=5\r\nDuration=160\r\n"), Received::Digit(b'5', 160));
        assert_eq!(relay("signal = * \nduration = 250"), Received::Digit(b'*', 250));
        assert_eq!(relay("Duration=90000\r\nSignal=d\r\n"), Received::Digit(b'D', DIGIT_MS));
        for (event, digit) in
            [("10", b'*'), ("11", b'#'), ("12", b'A'), ("16", b'!'), ("!", b'!'), ("hf", b'!')]
        {
            assert_eq!(relay(&format!("Signal={event}\r\n")), Received::Digit(digit, DIGIT_MS), "{event}");
        }
        let plain = |body: &str| read("Content-Type: application/dtmf;charset=x\r\n", body);
        assert_eq!(plain("7\r\n"), Received::Digit(b'7', DIGIT_MS));
        assert_eq!(plain("Signal=7"), Received::Digit(b'7', DIGIT_MS));
        assert_eq!(read("Content-Type: application/hook-flash\r\n", "x"), Received::Digit(b'!', DIGIT_MS));
    }

    #[test]
    fn what_is_no_digit_is_told_from_what_is_not_known() {
        for body in ["Signal=17", "Signal=", "Signal=E", "5", "Signal=-1", "Signal=99999999999999999999"] {
            assert_eq!(
                read("Content-Type: application/dtmf-relay\r\n", body),
                Received::Unreadable,
                "{body}"
            );
        }
        assert_eq!(read("Content-Type: text/plain\r\n", "5"), Received::UnknownType);
        assert_eq!(read("", "5"), Received::UnknownType);
        assert_eq!(
            read("Info-Package: foo\r\nContent-Type: application/dtmf\r\n", "5"),
            Received::UnknownPackage
        );
        assert_eq!(read("", ""), Received::Nothing);
    }
}
