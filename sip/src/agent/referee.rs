//! Phones that were sent a REFER outside any dialog: they are to call somebody, and say by NOTIFY what comes of it (RFC 3515 §2.4).
//!
//! ```text
//!  Command::Message, Content::Referral ─▶ REFER ─▶ Event::MessageDone ─▶ NOTIFY 100 … NOTIFY 603 ─▶ Event::Referred
//! ```
//!
//! A NOTIFY may come before the answer to the REFER (RFC 6665 §4.1.2.4), so each is known from when it is sent.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;

use super::Agent;
use super::refer::event_id;
use crate::endpoint::Arrival;
use crate::ids::UsageId;
use crate::message::Method;
use crate::outbox::{Event, Outbox};
use crate::token::Token;

/// How many are heard at a time.
pub(crate) const REFEREES_MAX: usize = 10_000;

/// How long each is heard: what a phone says once its call has come interests nobody.
pub(crate) const HEARD: Duration = Duration::from_secs(60);

/// The phones that are heard.
#[derive(Debug, Default)]
pub(super) struct Referees {
    /// By our tag: which, and the Call-ID.
    all: HashMap<Token, (UsageId, Box<str>), RandomState>,
    /// The first to forget first.
    until: VecDeque<(Instant, Token)>,
}

impl Referees {
    /// `false`: there is no room.
    pub(super) fn insert(&mut self, now: Instant, (tag, call_id): (Token, &str), usage: UsageId) -> bool {
        if self.until.len() >= REFEREES_MAX {
            return false;
        }
        self.until.push_back((now + HEARD, tag));
        self.all.insert(tag, (usage, call_id.into()));
        true
    }

    /// When one is forgotten.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until.front().map(|(at, _)| *at)
    }

    /// Forgets those whose time is over.
    pub(super) fn forget(&mut self, now: Instant) {
        while let Some((_, tag)) = self.until.pop_front_if(|(at, _)| *at <= now) {
            self.all.remove(&tag);
        }
    }
}

impl Agent {
    /// NOTIFY of a phone that was sent a REFER. `None`: it is answered.
    pub(super) fn referee_tells(&self, arrival: Arrival, out: &mut Outbox) -> Option<Arrival> {
        let message = &arrival.message;
        let tag = Token::parse(message.to_tag()).filter(|_| message.method() == Method::Notify);
        let known = tag.and_then(|tag| self.referees.all.get(&tag));
        let Some((usage, _)) = known.filter(|(_, call_id)| **call_id == *message.call_id()) else {
            return Some(arrival);
        };
        if event_id(message).is_none() {
            self.refuse(&arrival, 489, out, |reply| reply.raw("Allow-Events", "refer"));
            return None;
        }
        // A challenge to its INVITE it answers.
        let is_failure = |status: &u16| *status >= 300 && !matches!(status, 401 | 407);
        if let Some(status) = fragment_status(message.body()).filter(is_failure) {
            out.events.push(Event::Referred { usage: *usage, status });
        }
        // One that comes again is answered again.
        self.refuse(&arrival, 200, out, |reply| reply);
        None
    }
}

/// The status in a body of `message/sipfrag` (RFC 3420): its first line is that of a response.
fn fragment_status(body: &[u8]) -> Option<u16> {
    let rest = body.strip_prefix(b"SIP/2.0 ")?;
    let digits = std::str::from_utf8(rest.get(..3)?).ok()?;
    let is_over = rest.get(3).is_none_or(|after| b" \r\n".contains(after));
    digits.parse().ok().filter(|status| is_over && (100..700).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn a_fragment_says_a_status_or_nothing() {
        for (body, status) in [
            ("SIP/2.0 603 Decline\r\n", Some(603)),
            ("SIP/2.0 100", Some(100)),
            ("SIP/2.0 200 OK\r\nTo: <sip:1002@pbx.example>\r\n", Some(200)),
            ("SIP/2.0 6030", None),
            ("SIP/2.0 +03 x", None),
            ("SIP/2.0 99", None),
            ("SIP/2.0 799 x", None),
            ("SIP/2.0 ", None),
            ("INVITE sip:1002@pbx.example SIP/2.0", None),
            ("", None),
        ] {
            assert_eq!(fragment_status(body.as_bytes()), status, "{body}");
        }
    }

    #[test]
    fn so_many_are_heard_for_so_long() {
        let (start, mut referees) = (start(), Referees::default());
        let tag = |bits| Token { worker: 0, bits };
        for bits in 0..REFEREES_MAX as u64 {
            assert!(referees.insert(start, (tag(bits), "call"), UsageId::new(0, bits)));
        }
        assert!(!referees.insert(start, (tag(1 << 40), "call"), UsageId::new(0, 1 << 40)));
        assert_eq!(referees.deadline(), Some(start + HEARD));
        referees.forget(start + HEARD - Duration::from_millis(1));
        assert_eq!(referees.all.len(), REFEREES_MAX);
        referees.forget(start + HEARD);
        assert!(referees.all.is_empty() && referees.deadline().is_none());
    }
}
