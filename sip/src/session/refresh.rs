//! The session timer (RFC 4028): a session that nobody refreshes is over.
//!
//! ```text
//!  2xx ──½ interval──▶ refresh by one side (UPDATE, else re-INVITE with the same description) ──2xx──▶ again
//!   └───── no refresh until the interval less min(32 s, ⅓) ─────▶ BYE
//! ```
//!
//! The peer refreshes wherever it is willing to.

use std::time::{Duration, Instant};

use super::{Controls, Exchange, Leg, MODIFY_TIMEOUT, Stage};
use crate::endpoint::{ALLOW, Endpoint, SDP, SUPPORTED};
use crate::message::{Builder, HeaderName, Message, Method};
use crate::outbox::Outbox;
use crate::package::csta;
use crate::transaction::{ClientKey, Concern, Purpose};
use crate::transport::Flow;

/// The shortest interval that anyone may ask for (RFC 4028 §4).
pub(super) const MIN_SE_S: u32 = 90;

/// The longest interval that we take over from a peer: a vanished one is noticed within a day.
const INTERVAL_MAX_S: u32 = 86_400;

/// After a failure that says nothing about the dialog, the refresh is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// The timer of one leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SessionTimer {
    interval_s: u32,
    refresher: Refresher,
    /// When we refresh, if it is we who do.
    refresh_at: Instant,
    /// When the session is over without a refresh.
    expires_at: Instant,
}

/// Who refreshes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refresher {
    Us,
    Them,
}

impl SessionTimer {
    fn new(now: Instant, interval_s: u32, refresher: Refresher) -> Self {
        let interval = Duration::from_secs(u64::from(interval_s));
        Self {
            interval_s,
            refresher,
            refresh_at: now + interval / 2,
            expires_at: now + interval - (interval / 3).min(Duration::from_secs(32)),
        }
    }

    /// The timer of a session that was kept. Where it is we who refresh, that is done after `refresh`: nobody knows how
    /// long ago the last one was, nor whether the far end is still there.
    pub(super) fn restored(now: Instant, interval_s: u32, is_ours: bool, refresh: Duration) -> Self {
        let refresher = if is_ours { Refresher::Us } else { Refresher::Them };
        let timer = Self::new(now, interval_s.clamp(MIN_SE_S, INTERVAL_MAX_S), refresher);
        Self { refresh_at: now + refresh, ..timer }
    }

    /// Its interval in seconds, and whether it is we who refresh.
    pub(super) fn keep(&self) -> (u32, bool) {
        (self.interval_s, self.refresher == Refresher::Us)
    }

    /// When something is to be done.
    pub(super) fn deadline(&self) -> Instant {
        match self.refresher {
            Refresher::Us => self.refresh_at.min(self.expires_at),
            Refresher::Them => self.expires_at,
        }
    }

    /// Asks for the same again, with the same roles, in a request of ours that is not for its sake (RFC 4028 §7.4).
    pub(super) fn repeat(&self, request: Builder) -> Builder {
        let side = match self.refresher {
            Refresher::Us => "uac",
            Refresher::Them => "uas",
        };
        request
            .header(HeaderName::SessionExpires, (self.interval_s, ";refresher=", side))
            .header(HeaderName::MinSe, MIN_SE_S)
    }

    /// What a 2xx to our INVITE or UPDATE says. Without Session-Expires there is no timer.
    fn of_response(now: Instant, response: &Message) -> Option<Self> {
        let (interval_s, refresher) = session_expires(response)?;
        let refresher = match refresher {
            Some(Side::Uas) => Refresher::Them,
            Some(Side::Uac) | None => Refresher::Us,
        };
        Some(Self::new(now, interval_s.clamp(MIN_SE_S, INTERVAL_MAX_S), refresher))
    }

    /// What we answer to a request that can carry a timer: only where the peer knows timers.
    fn of_request(now: Instant, request: &Message, interval_s: u32) -> Option<Self> {
        if interval_s == 0 || !knows_timers(request) {
            return None;
        }
        let floor_s = min_se(request).max(MIN_SE_S);
        let (wanted_s, refresher) = session_expires(request).unwrap_or((interval_s, None));
        let refresher = match refresher {
            Some(Side::Uas) => Refresher::Us,
            Some(Side::Uac) | None => Refresher::Them,
        };
        Some(Self::new(now, wanted_s.clamp(floor_s.min(INTERVAL_MAX_S), INTERVAL_MAX_S), refresher))
    }
}

/// A role in one transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Uac,
    Uas,
}

/// Seconds and refresher of Session-Expires.
fn session_expires(message: &Message) -> Option<(u32, Option<Side>)> {
    let value = message.value(HeaderName::SessionExpires)?;
    let (seconds, params) = value.split_once(';').unwrap_or((value, ""));
    let refresher = params.split(';').find_map(|param| {
        let (name, value) = param.split_once('=')?;
        match (name.trim(), value.trim()) {
            (name, _) if !name.eq_ignore_ascii_case("refresher") => None,
            (_, side) if side.eq_ignore_ascii_case("uac") => Some(Side::Uac),
            (_, side) if side.eq_ignore_ascii_case("uas") => Some(Side::Uas),
            _ => None,
        }
    });
    Some((seconds.trim().parse().ok()?, refresher))
}

fn min_se(message: &Message) -> u32 {
    let value = message.value(HeaderName::MinSe).unwrap_or_default();
    value.split(';').next().and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(MIN_SE_S)
}

fn knows_timers(message: &Message) -> bool {
    [HeaderName::Supported, HeaderName::Require].into_iter().any(|name| message.has_option(name, "timer"))
}

/// Whether a request asks for an interval that is too short, and would understand the answer 422 (RFC 4028 §9).
pub(super) fn is_too_brief(request: &Message) -> bool {
    matches!(request.method(), Method::Invite | Method::Update)
        && knows_timers(request)
        && session_expires(request).is_some_and(|(seconds, _)| seconds < MIN_SE_S)
}

/// Asks for a timer in an INVITE or UPDATE of ours; `min_s` is what a 422 asked for.
pub(super) fn ask(request: Builder, min_s: u32, endpoint: &Endpoint) -> Builder {
    let interval_s = endpoint.config.session_expires_s;
    if interval_s == 0 {
        return request;
    }
    request
        .header(HeaderName::SessionExpires, interval_s.max(min_s))
        .header(HeaderName::MinSe, min_s.max(MIN_SE_S))
}

/// The interval that a 422 asks for, if it is more than we asked for and not absurd (RFC 4028 §7.3).
pub(super) fn demanded(response: &Message, asked_s: u32) -> Option<u32> {
    let seconds = min_se(response);
    (response.status() == 422 && seconds > asked_s.max(MIN_SE_S) && seconds <= INTERVAL_MAX_S)
        .then_some(seconds)
}

impl Leg {
    /// A 2xx to an INVITE or UPDATE of ours: the timer starts anew, or stops.
    pub(super) fn timer_answered(&mut self, now: Instant, response: &Message) {
        self.timer = SessionTimer::of_response(now, response);
    }

    /// An INVITE or UPDATE of theirs is answered 2xx: the timer starts anew, or stops; the response says so.
    pub(super) fn answer_timer(
        &mut self,
        now: Instant,
        request: &Message,
        reply: Builder,
        interval_s: u32,
    ) -> Builder {
        self.timer = SessionTimer::of_request(now, request, interval_s);
        let Some(timer) = self.timer else { return reply };
        let side = match timer.refresher {
            Refresher::Us => "uas",
            Refresher::Them => "uac",
        };
        let reply = reply.header(HeaderName::SessionExpires, (timer.interval_s, ";refresher=", side));
        match timer.refresher {
            Refresher::Us => reply,
            Refresher::Them => reply.header(HeaderName::Require, "timer"),
        }
    }

    /// Notes what a message of the peer says about its methods.
    pub(super) fn note_methods(&mut self, message: &Message) {
        if message.value(HeaderName::Allow).is_some() {
            self.peer_takes_update = message.has_option(HeaderName::Allow, "UPDATE");
        }
    }

    /// Notes what the phone can be asked by NOTIFY, and tells where that changed.
    pub(super) fn note_controls(&mut self, message: &Message, out: &mut Outbox) {
        if let Some(controls) = Controls::of(message).filter(|controls| *controls != self.controls) {
            self.controls = controls;
            out.events.push(controls.event(self.id));
        }
    }

    /// Refreshes the session, or ends it, if it is time.
    pub(super) fn handle_session_timer(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let Some(timer) = self.timer.filter(|timer| timer.deadline() <= now) else { return };
        if !matches!(self.stage, Stage::Established) {
            self.timer = None;
        } else if timer.expires_at <= now {
            self.timer = None;
            self.lost(now, 408, endpoint, out);
        } else if matches!(self.exchange, Exchange::Stable) && self.unacknowledged.is_empty() {
            self.refresh(now, endpoint, out);
        } else {
            self.postpone_refresh(now);
        }
    }

    /// Asks whether the session is still there, unless something is under way that tells as much.
    pub(crate) fn probe(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        let is_idle = matches!(self.exchange, Exchange::Stable) && self.unacknowledged.is_empty();
        if matches!(self.stage, Stage::Established) && is_idle {
            self.refresh(now, endpoint, out);
        }
    }

    fn postpone_refresh(&mut self, now: Instant) {
        if let Some(timer) = &mut self.timer {
            timer.refresh_at = now + RETRY;
        }
    }

    fn refresh(&mut self, now: Instant, endpoint: &mut Endpoint, out: &mut Outbox) {
        // A 2xx puts another timer in the place of this one; until then it is not tried again.
        if let Some(timer) = &mut self.timer {
            timer.refresh_at = timer.expires_at;
        }
        let method = if self.peer_takes_update { Method::Update } else { Method::Invite };
        let authorization = self.authorization(method, endpoint);
        let question = self.csta_question().filter(|_| method == Method::Invite);
        let Some(dialog) = &mut self.dialog else { return };
        let (flow, branch, cseq) = (endpoint.hop(dialog), endpoint.token(), dialog.sequence().advance());
        let mut request = endpoint
            .request(dialog, method, cseq, flow, branch)
            .header(HeaderName::Contact, endpoint.contact(flow, &self.user).focus(self.focus.as_deref()))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, SUPPORTED);
        if let Some(timer) = &self.timer {
            request = timer.repeat(request);
        }
        if let Some((name, value)) = authorization {
            request = request.header(name, value);
        }
        let key = ClientKey::new(branch, method);
        let body = (method == Method::Invite)
            .then(|| self.local.repeat(Self::media_address(endpoint, flow)))
            .flatten();
        let bytes = match (body, question) {
            (_, Some(question)) => request
                .header(HeaderName::ContentDisposition, csta::DISPOSITION)
                .body(csta::CONTENT_TYPE, &question),
            (Some(body), None) => request.body(SDP, &body),
            (None, None) => request.finish(),
        };
        self.exchange = Exchange::Refreshing { key, give_up_at: now + MODIFY_TIMEOUT };
        endpoint.transactions.send(now, key, method, bytes, flow, self.id, Purpose::Refresh, out);
    }

    /// Our refresh was lost with its stream.
    pub(super) fn refresh_again(
        &mut self,
        now: Instant,
        concern: Concern,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        let is_identity = self.identity_lost(concern.key);
        let is_current = matches!(&self.exchange, Exchange::Refreshing { key, .. } if *key == concern.key);
        if is_current {
            self.exchange = Exchange::Stable;
        }
        if is_identity {
            self.resume(now, endpoint, out);
        } else if is_current {
            self.refresh(now, endpoint, out);
        }
    }

    /// Whether the request was challenged and can be sent again with an answer: a nonce lasts less long than a call.
    fn takes_challenge(&mut self, answer: Option<(&Message, Flow)>, endpoint: &mut Endpoint) -> bool {
        let (Some((response, _)), Some(uri)) = (answer, self.target()) else { return false };
        if !matches!(response.status(), 401 | 407) {
            if let Some(auth) = &mut self.auth {
                auth.accepted();
            }
            return false;
        }
        self.answer_challenge(response, response.cseq().method, &uri, endpoint).is_some()
    }

    /// Takes the outcome of our refresh. Only silence, 408 and 481 end the session (RFC 4028 §10).
    pub(super) fn refreshed(
        &mut self,
        now: Instant,
        concern: Concern,
        answer: Option<(&Message, Flow)>,
        endpoint: &mut Endpoint,
        out: &mut Outbox,
    ) {
        if self.is_identity_update(concern.key) {
            return self.identity_updated(now, concern, answer, endpoint, out);
        }
        let status = concern.status(answer.map(|(response, _)| response));
        if status < 200 {
            return;
        }
        let is_current = matches!(&self.exchange, Exchange::Refreshing { key, .. } if *key == concern.key);
        let Some(dialog) = &mut self.dialog else { return };
        if let Some((response, flow)) = answer.filter(|_| status < 300) {
            dialog.update(response, flow);
            if response.cseq().method == Method::Invite {
                endpoint.acknowledge(dialog, concern.key, response.cseq().number, None, out);
            }
        }
        if !is_current {
            return;
        }
        self.exchange = Exchange::Stable;
        if !matches!(self.stage, Stage::Established) {
            return;
        }
        if self.takes_challenge(answer, endpoint) {
            if self.identity_lost(concern.key) {
                self.resume(now, endpoint, out);
            } else {
                self.refresh(now, endpoint, out);
            }
            return;
        }
        self.settle_identity(now, concern.key, status, Method::Invite, endpoint);
        match (status, answer) {
            (200..300, Some((response, _))) => self.timer_answered(now, response),
            (408 | 481, _) | (_, None) => return self.lost(now, status, endpoint, out),
            (405 | 501, _) if self.peer_takes_update => {
                self.peer_takes_update = false;
                self.refresh(now, endpoint, out);
                return;
            }
            (_, Some((response, _))) => {
                if let (Some(timer), Some(demanded_s)) = (&mut self.timer, demanded(response, 0)) {
                    timer.interval_s = timer.interval_s.max(demanded_s);
                }
                self.postpone_refresh(now);
            }
        }
        self.resume(now, endpoint, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};
    use crate::testing::start;

    fn message(headers: &str) -> Message {
        let text = format!("INVITE sip:a SIP/2.0\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n");
        Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap()
    }

    #[test]
    fn the_refresher_acts_at_half_and_the_other_gives_up_before_the_end() {
        let now = start();
        let after = |interval_s, refresher| {
            (SessionTimer::new(now, interval_s, refresher).deadline() - now).as_secs()
        };
        assert_eq!(after(1800, Refresher::Us), 900);
        assert_eq!(after(1800, Refresher::Them), 1768);
        assert_eq!(after(90, Refresher::Them), 60);
    }

    #[test]
    fn uac_and_uas_are_roles_in_the_transaction() {
        let now = start();
        let answered = |value: &str| {
            let response = message(&format!("Session-Expires: {value}\r\n"));
            SessionTimer::of_response(now, &response).map(|timer| (timer.interval_s, timer.refresher))
        };
        assert_eq!(answered("1800;refresher=uas"), Some((1800, Refresher::Them)));
        assert_eq!(answered("1800 ; Refresher=UAC"), Some((1800, Refresher::Us)));
        assert_eq!(answered("1800"), Some((1800, Refresher::Us)));
        assert_eq!(answered("10"), Some((90, Refresher::Us)));
        assert_eq!(answered("soon"), None);
        assert_eq!(SessionTimer::of_response(now, &message("")), None);
        let asked = |headers: &str| {
            SessionTimer::of_request(now, &message(headers), 1800)
                .map(|timer| (timer.interval_s, timer.refresher))
        };
        assert_eq!(asked("Session-Expires: 600\r\n"), None, "a peer without timers");
        assert_eq!(asked("Supported: timer\r\n"), Some((1800, Refresher::Them)));
        assert_eq!(asked("k: timer\r\nx: 600;refresher=uas\r\n"), Some((600, Refresher::Us)));
        assert_eq!(asked("k: timer\r\nx: 600\r\nMin-SE: 900\r\n"), Some((900, Refresher::Them)));
        assert_eq!(SessionTimer::of_request(now, &message("k: timer\r\n"), 0), None);
    }

    #[test]
    fn only_who_knows_timers_is_told_that_an_interval_is_too_brief() {
        assert!(is_too_brief(&message("k: timer\r\nx: 89\r\n")));
        assert!(!is_too_brief(&message("k: timer\r\nx: 90\r\n")));
        assert!(!is_too_brief(&message("x: 89\r\n")));
    }
}
