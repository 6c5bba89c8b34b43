//! What a SUBSCRIBE asks for, and whether it can be had (RFC 6665 §4.2.1).

use super::{EXPIRES_MAX_S, EXPIRES_MIN_S, EventType};
use crate::message::{Builder, HeaderName, Message};
use crate::outbox::Package;

/// What a SUBSCRIBE asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Demand {
    pub(crate) event: EventType,
    /// Granted, in seconds; zero: to be told once.
    pub(crate) expires_s: u32,
}

/// Why it cannot be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// 489: no such package.
    Event,
    /// 406: the package has no body of these types.
    Type,
    /// 423: too short.
    Brief,
}

impl Refusal {
    /// The status that says so.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Event => 489,
            Self::Type => 406,
            Self::Brief => 423,
        }
    }

    /// Says what would do.
    pub(crate) fn explain(self, reply: Builder) -> Builder {
        match self {
            Self::Event => crate::endpoint::allow_events(reply),
            Self::Type => reply,
            Self::Brief => reply.header(HeaderName::MinExpires, EXPIRES_MIN_S),
        }
    }
}

/// Reads a SUBSCRIBE.
pub(crate) fn demand(request: &Message) -> Result<Demand, Refusal> {
    let event = EventType::of(request).ok_or(Refusal::Event)?;
    if !accepts(request, event.package) {
        return Err(Refusal::Type);
    }
    match request.expires() {
        Some(1..EXPIRES_MIN_S) => Err(Refusal::Brief),
        expires_s => Ok(Demand { event, expires_s: expires_s.unwrap_or(EXPIRES_MAX_S).min(EXPIRES_MAX_S) }),
    }
}

/// Whether the subscriber takes the body of a package: without Accept it does.
fn accepts(request: &Message, package: Package) -> bool {
    let mut ranges = request
        .values(HeaderName::Accept)
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .filter(|range| !range.is_empty())
        .peekable();
    ranges.peek().is_none()
        || ranges.any(|range| {
            ["*/*", "application/*", package.content_type()]
                .iter()
                .any(|known| range.eq_ignore_ascii_case(known))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn asked(headers: &str) -> Result<u32, u16> {
        let text = format!("SUBSCRIBE sip:a SIP/2.0\r\n{headers}Content-Length: 0\r\n\r\n");
        let message = Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap();
        demand(&message).map(|demand| demand.expires_s).map_err(Refusal::status)
    }

    #[test]
    fn a_time_is_granted_between_the_limits() {
        for (expires, granted) in [
            ("", Ok(3600)),
            ("Expires: 0\r\n", Ok(0)),
            ("Expires: 1\r\n", Err(423)),
            ("Expires: 59\r\n", Err(423)),
            ("Expires: 60\r\n", Ok(60)),
            ("Expires: 1800\r\n", Ok(1800)),
            ("Expires: 99999999999\r\n", Ok(3600)),
        ] {
            assert_eq!(asked(&format!("Event: dialog\r\n{expires}")), granted, "{expires}");
        }
    }

    #[test]
    fn a_body_is_of_a_type_that_is_accepted() {
        let with = |accept: &str| asked(&format!("Event: dialog\r\n{accept}"));
        assert_eq!(with("Accept:\r\n"), Ok(3600));
        assert_eq!(with("Accept: text/plain, Application/Dialog-Info+XML;q=0.5\r\n"), Ok(3600));
        assert_eq!(with("Accept: application/*\r\n"), Ok(3600));
        assert_eq!(with("Accept: application/pidf+xml\r\nAccept: text/plain\r\n"), Err(406));
    }

    #[test]
    fn a_package_that_is_not_served_is_a_bad_event() {
        assert_eq!(asked(""), Err(489));
        assert_eq!(asked("Event: presence\r\nExpires: 1\r\n"), Err(489));
    }
}
