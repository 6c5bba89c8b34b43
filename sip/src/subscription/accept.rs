//! What a SUBSCRIBE asks for, and whether it can be had (RFC 6665 §4.2.1).

use smallvec::SmallVec;

use super::{EXPIRES_MAX_S, EXPIRES_MIN_S, EventType};
use crate::message::{Builder, HeaderName, Message};
use crate::outbox::{FeatureWish, Package};
use crate::package::{Form, event_list, features};

/// What a SUBSCRIBE asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Demand {
    pub(crate) event: EventType,
    /// Whether it says what it takes: a refresh that does not takes what it took.
    pub(crate) accepts: bool,
    /// Granted, in seconds; zero: to be told once.
    pub(crate) expires_s: u32,
    /// What is to be changed.
    pub(crate) wish: Option<Box<FeatureWish>>,
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
    /// 415: the body is of another type.
    BodyType,
    /// 400: the body cannot be read, or wants what is not served.
    Body,
}

impl Refusal {
    /// The status that says so.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Event => 489,
            Self::Type => 406,
            Self::Brief => 423,
            Self::BodyType => 415,
            Self::Body => 400,
        }
    }

    /// Says what would do.
    pub(crate) fn explain(self, reply: Builder) -> Builder {
        match self {
            Self::Event => crate::endpoint::allow_events(reply),
            Self::Type => reply,
            Self::Brief => reply.header(HeaderName::MinExpires, EXPIRES_MIN_S),
            Self::BodyType => reply.header(HeaderName::Accept, features::PART),
            Self::Body => reply.reason("Bad Feature"),
        }
    }
}

/// Reads a SUBSCRIBE.
pub(crate) fn demand(request: &Message) -> Result<Demand, Refusal> {
    let mut event = EventType::of(request).ok_or(Refusal::Event)?;
    let form = accepted(request, event.package)?;
    event.form = form.unwrap_or_default();
    match request.expires() {
        Some(1..EXPIRES_MIN_S) => Err(Refusal::Brief),
        expires_s => {
            let expires_s = expires_s.unwrap_or(EXPIRES_MAX_S).min(EXPIRES_MAX_S);
            let wish = wish(request, event.package)?;
            Ok(Demand { event, accepts: form.is_some(), expires_s, wish })
        }
    }
}

/// What the body wants. Bodies of other packages are filters, which are not served and need not be (RFC 6665 §4.1.2.1).
fn wish(request: &Message, package: Package) -> Result<Option<Box<FeatureWish>>, Refusal> {
    if package != Package::Features || request.body().is_empty() {
        return Ok(None);
    }
    let media_type = request.content_type().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(features::PART) {
        return Err(Refusal::BodyType);
    }
    features::wish(request.body()).map(|wish| Some(Box::new(wish))).map_err(|_| Refusal::Body)
}

/// In which form the subscriber takes the body of a package; `None`: without Accept it takes the usual one.
fn accepted(request: &Message, package: Package) -> Result<Option<Form>, Refusal> {
    let ranges: SmallVec<[&str; 8]> = request
        .values(HeaderName::Accept)
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .filter(|range| !range.is_empty())
        .collect();
    if ranges.is_empty() {
        return Ok(None);
    }
    let takes = |known: &str| ranges.iter().any(|range| range.eq_ignore_ascii_case(known));
    let takes_form = |form: Form| takes(package.printed_type(form).split(';').next().unwrap_or_default());
    if ["*/*", "application/*", package.content_type()].into_iter().any(takes) {
        return Ok(Some(Form::Usual));
    }
    let found = package.forms().iter().copied().find(|form| takes_form(*form));
    let is_listed = || takes_lists(request) && event_list::ACCEPTED.into_iter().any(takes);
    match found {
        Some(form) => Ok(Some(form)),
        None if is_listed() => Ok(Some(Form::Usual)),
        None => Err(Refusal::Type),
    }
}

/// Whether the subscriber takes lists.
pub(crate) fn takes_lists(request: &Message) -> bool {
    [HeaderName::Supported, HeaderName::Require]
        .into_iter()
        .any(|name| request.has_option(name, event_list::OPTION))
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
        assert_eq!(with("Accept: multipart/related\r\n"), Err(406));
        assert_eq!(with("Accept: multipart/related\r\nSupported: replaces, eventlist\r\n"), Ok(3600));
    }

    #[test]
    fn presence_has_an_older_form_for_who_takes_no_other() {
        let form = |headers: &str| {
            let text = format!("SUBSCRIBE sip:a SIP/2.0\r\n{headers}Content-Length: 0\r\n\r\n");
            let message = Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap();
            demand(&message).map(|demand| (demand.event.form, demand.accepts)).map_err(Refusal::status)
        };
        for (accept, expected) in [
            ("", Ok((Form::Usual, false))),
            ("Accept: application/xpidf+xml\r\n", Ok((Form::Xpidf, true))),
            ("Accept: Application/XPIDF+xml;q=1, text/xml+msrtc.pidf\r\n", Ok((Form::Xpidf, true))),
            ("Accept: application/xpidf+xml, application/pidf+xml\r\n", Ok((Form::Usual, true))),
            ("Accept: application/xpidf+xml, */*;q=0.1\r\n", Ok((Form::Usual, true))),
            ("Accept: text/xml+msrtc.pidf\r\n", Err(406)),
            (
                "Accept: application/xpidf+xml, multipart/related\r\nSupported: eventlist\r\n",
                Ok((Form::Xpidf, true)),
            ),
        ] {
            assert_eq!(form(&format!("Event: presence\r\n{accept}")), expected, "{accept}");
        }
        assert_eq!(form("Event: dialog\r\nAccept: application/xpidf+xml\r\n"), Err(406));
    }

    #[test]
    fn a_wish_is_read_with_the_subscription() {
        let asked = |media_type: &str, body: &str| {
            let text = format!(
                "SUBSCRIBE sip:a SIP/2.0\r\nEvent: as-feature-event\r\nContent-Type: {media_type}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let message = Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap();
            demand(&message).map(|demand| demand.wish.map(|wish| *wish)).map_err(Refusal::status)
        };
        let wish = "<SetDoNotDisturb><doNotDisturbOn>true</doNotDisturbOn></SetDoNotDisturb>";
        assert_eq!(
            asked("Application/X-as-feature-event+xml", wish),
            Ok(Some(FeatureWish::DoNotDisturb(true)))
        );
        assert_eq!(asked("text/plain", wish), Err(415));
        assert_eq!(asked(features::PART, "<SetDoNotDisturb/>"), Err(400));
        assert_eq!(asked(features::PART, ""), Ok(None));
    }

    #[test]
    fn a_package_that_is_not_served_is_a_bad_event() {
        assert_eq!(asked(""), Err(489));
        assert_eq!(asked("Event: presence.winfo\r\nExpires: 1\r\n"), Err(489));
    }
}
