//! Conversions to and from crate `rsip`, for callers who speak it.
//!
//! Only values cross: what a peer sent is read by [`Message::scan`], never by rsip's parser, and is never printed by
//! rsip, which loses quoted parameters, IPv6 hosts, reason phrases and octets of binary bodies.

use ::rsip::headers::{Header, UntypedHeader};

use super::{
    Framing, HeaderName, Limits, Malformed, Message, Scheme, StartLine, Uri, build, list, request_named,
};

/// What of a message rsip has no value for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotInRsip {
    /// rsip knows fourteen methods.
    #[error("the method is none of those rsip knows")]
    Method,
    /// rsip has SIP and SIPS URIs without header part.
    #[error("the Request-URI is no SIP URI, or has a header part")]
    RequestUri,
    /// rsip's headers are text.
    #[error("a header is not UTF-8")]
    Text,
}

impl TryFrom<&Message> for ::rsip::SipMessage {
    type Error = NotInRsip;

    /// Every value, in order, with folds as spaces and one header for each value of a Via list: rsip reads the first
    /// of a line only.
    fn try_from(message: &Message) -> Result<Self, NotInRsip> {
        let headers = headers(message)?;
        let body = message.body().to_vec();
        match message.start() {
            StartLine::Request { method_text, uri, .. } => Ok(Self::Request(::rsip::Request {
                method: method(method_text)?,
                uri: Uri::parse(uri).and_then(request_uri).ok_or(NotInRsip::RequestUri)?,
                version: ::rsip::Version::V2,
                headers,
                body,
            })),
            StartLine::Response { status, .. } => Ok(Self::Response(::rsip::Response {
                status_code: status.into(),
                version: ::rsip::Version::V2,
                headers,
                body,
            })),
        }
    }
}

impl TryFrom<::rsip::SipMessage> for Message {
    type Error = Malformed;

    /// The message as it would arrive: Content-Length is that of the body, a known status has its standard phrase.
    ///
    /// # Errors
    /// As [`Message::scan`] and [`Message::validate`] say of what was built.
    fn try_from(message: ::rsip::SipMessage) -> Result<Self, Malformed> {
        let (mut builder, headers, body) = match message {
            ::rsip::SipMessage::Request(request) => {
                let start = request_named(&request.method.to_string(), &request.uri.to_string());
                (start, request.headers, request.body)
            }
            ::rsip::SipMessage::Response(response) => {
                let start = build::status_line(response.status_code.code());
                let start = if let ::rsip::StatusCode::Other(_, reason) = &response.status_code {
                    start.reason(reason)
                } else {
                    start
                };
                (start, response.headers, response.body)
            }
        };
        for header in headers {
            let line = header.to_string();
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            if HeaderName::parse(name.as_bytes()) != HeaderName::ContentLength {
                builder = builder.raw(name, list::trim(value));
            }
        }
        let message = Self::scan(builder.end(&body), Framing::Stream, &Limits::DEFAULT)?;
        message.validate(&Limits::DEFAULT)?;
        Ok(message)
    }
}

fn method(text: &str) -> Result<::rsip::Method, NotInRsip> {
    ::rsip::Method::all().into_iter().find(|known| known.to_string() == text).ok_or(NotInRsip::Method)
}

fn request_uri(uri: Uri<'_>) -> Option<::rsip::Uri> {
    let scheme = match uri.scheme {
        Scheme::Sip => ::rsip::Scheme::Sip,
        Scheme::Sips => ::rsip::Scheme::Sips,
        Scheme::Tel | Scheme::Service | Scheme::Other => return None,
    };
    if !uri.headers().is_empty() {
        return None;
    }
    let host = ::rsip::Host::Domain(uri.host.into());
    Some(::rsip::Uri {
        scheme: Some(scheme),
        auth: uri.user.map(|user| ::rsip::Auth { user: user.into(), password: uri.password.map(Into::into) }),
        host_with_port: ::rsip::HostWithPort { host, port: uri.port.map(Into::into) },
        params: uri.params().map(|(name, value)| param(name, value)).collect(),
        headers: Vec::new(),
    })
}

fn param(name: &str, value: &str) -> ::rsip::Param {
    let value = (!value.is_empty()).then_some(value);
    let other = || ::rsip::Param::Other(name.into(), value.map(Into::into));
    ::rsip::Param::try_from((name, value)).unwrap_or_else(|_| other())
}

fn headers(message: &Message) -> Result<::rsip::Headers, NotInRsip> {
    let mut headers = ::rsip::Headers::default();
    for (name, sent_name, value) in message.headers() {
        let value = std::str::from_utf8(value).map_err(|_| NotInRsip::Text)?;
        let sent_name = std::str::from_utf8(sent_name).map_err(|_| NotInRsip::Text)?;
        if name == HeaderName::Via {
            list::values(value).for_each(|via| headers.push(header(name.name(), via)));
        } else {
            headers.push(header(if name == HeaderName::Other { sent_name } else { name.name() }, value));
        }
    }
    Ok(headers)
}

fn header(name: &str, value: &str) -> Header {
    match KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((_, make)) => make(value),
        None => Header::Other(name.into(), value.into()),
    }
}

macro_rules! known {
    ($($name:literal $variant:ident,)*) => {
        &[$(($name, |value| Header::$variant(::rsip::headers::$variant::new(value)))),*]
    };
}

/// A header of rsip from its value.
type Make = fn(&str) -> Header;

const KNOWN: &[(&str, Make)] = known![
    "Accept" Accept,
    "Accept-Encoding" AcceptEncoding,
    "Accept-Language" AcceptLanguage,
    "Alert-Info" AlertInfo,
    "Allow" Allow,
    "Authentication-Info" AuthenticationInfo,
    "Authorization" Authorization,
    "CSeq" CSeq,
    "Call-ID" CallId,
    "Call-Info" CallInfo,
    "Contact" Contact,
    "Content-Disposition" ContentDisposition,
    "Content-Encoding" ContentEncoding,
    "Content-Language" ContentLanguage,
    "Content-Length" ContentLength,
    "Content-Type" ContentType,
    "Date" Date,
    "Error-Info" ErrorInfo,
    "Event" Event,
    "Expires" Expires,
    "From" From,
    "In-Reply-To" InReplyTo,
    "Max-Forwards" MaxForwards,
    "MIME-Version" MimeVersion,
    "Min-Expires" MinExpires,
    "Organization" Organization,
    "Priority" Priority,
    "Proxy-Authenticate" ProxyAuthenticate,
    "Proxy-Authorization" ProxyAuthorization,
    "Proxy-Require" ProxyRequire,
    "Record-Route" RecordRoute,
    "Reply-To" ReplyTo,
    "Require" Require,
    "Retry-After" RetryAfter,
    "Route" Route,
    "Server" Server,
    "Subject" Subject,
    "Subscription-State" SubscriptionState,
    "Supported" Supported,
    "Timestamp" Timestamp,
    "To" To,
    "Unsupported" Unsupported,
    "User-Agent" UserAgent,
    "Via" Via,
    "Warning" Warning,
    "WWW-Authenticate" WwwAuthenticate,
];

#[cfg(test)]
mod tests {
    use super::*;
    use ::rsip::prelude::HeadersExt;

    const REQUEST: &[u8] = b"MESSAGE sip:john.doe@[2001:db8::1]:5070;transport=tcp;lr=on;x SIP/2.0\r\n\
        v: SIP/2.0/UDP a;branch=z9hG4bK1,\r\n SIP/2.0/UDP b\r\n\
        f: \"A \\\"B\\\"\" <sip:a@b>;tag=1\r\n\
        t: <sip:c@d>\r\n\
        i: x@y\r\n\
        CSeq: 7 MESSAGE\r\n\
        X-Own: 1\r\n\
        c: application/octet-stream\r\n\
        l: 4\r\n\r\n\x00\xff\r\n";

    fn scan(bytes: &[u8]) -> Message {
        let message = Message::scan(bytes.to_vec().into(), Framing::Datagram, &Limits::DEFAULT).unwrap();
        message.validate(&Limits::DEFAULT).unwrap();
        message
    }

    #[test]
    fn a_request_there_and_back() {
        let message = scan(REQUEST);
        let theirs = ::rsip::SipMessage::try_from(&message).unwrap();
        assert_eq!(theirs.call_id_header().unwrap().value(), "x@y");
        assert_eq!(theirs.via_header().unwrap().value(), "SIP/2.0/UDP a;branch=z9hG4bK1");
        let again = Message::try_from(theirs).unwrap();
        assert_eq!(again.request_uri(), "sip:john.doe@[2001:db8::1]:5070;transport=TCP;lr=on;x");
        assert_eq!(again.vias().map(|via| via.host).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((again.from(), again.to(), again.cseq()), (message.from(), message.to(), message.cseq()));
        assert_eq!((again.other("x-own"), again.body()), (Some("1"), b"\x00\xff\r\n".as_slice()));
        assert_eq!(again.content_type(), message.content_type());
    }

    #[test]
    fn a_response_has_its_standard_phrase() {
        let text = String::from_utf8_lossy(REQUEST).replace(
            "MESSAGE sip:john.doe@[2001:db8::1]:5070;transport=tcp;lr=on;x SIP/2.0",
            "SIP/2.0 486 Besetzt",
        );
        let message = scan(text.replace("l: 4", "l: 0").as_bytes());
        let again = Message::try_from(::rsip::SipMessage::try_from(&message).unwrap()).unwrap();
        assert_eq!(again.start(), StartLine::Response { status: 486, reason: b"Busy Here" });
    }

    #[test]
    fn what_rsip_has_no_value_for() {
        let with = |old: &[u8], new: &[u8]| {
            let at = REQUEST.windows(old.len()).position(|window| window == old).unwrap();
            let bytes = [&REQUEST[..at], new, &REQUEST[at + old.len()..]].concat();
            let message = Message::scan(bytes.into(), Framing::Datagram, &Limits::DEFAULT).unwrap();
            ::rsip::SipMessage::try_from(&message).err()
        };
        assert_eq!(with(b"MESSAGE", b"message"), Some(NotInRsip::Method));
        assert_eq!(with(b"MESSAGE", b"RE%47IST%45R"), Some(NotInRsip::Method));
        assert_eq!(with(b"sip:john.doe@", b"x:"), Some(NotInRsip::RequestUri));
        assert_eq!(with(b";x", b"?x=y"), Some(NotInRsip::RequestUri));
        assert_eq!(with(b"X-Own: 1", b"X-Own: \xff"), Some(NotInRsip::Text));
        assert_eq!(with(b"X-Own: 1", b"X-Own: 2"), None);
    }

    #[test]
    fn nothing_built_with_rsip_brings_a_line_end() {
        let mut theirs = ::rsip::SipMessage::try_from(&scan(REQUEST)).unwrap();
        if let ::rsip::SipMessage::Request(request) = &mut theirs {
            request.headers.push(Header::Other("X".into(), "a\r\nRoute: <sip:evil>".into()));
        }
        let message = Message::try_from(theirs).unwrap();
        assert_eq!(message.value(HeaderName::Route), None);
        assert_eq!(message.other("x"), Some("a  Route: <sip:evil>"));
    }
}
