//! Header names, long and compact (RFC 3261 §7.3.3, §20 and the RFCs that add headers).

/// A header field the engine reads or writes; the rest are [`HeaderName::Other`] and kept as bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each variant is the header of its name")]
pub enum HeaderName {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    Route,
    RecordRoute,
    ContentType,
    ContentLength,
    ContentEncoding,
    ContentDisposition,
    Expires,
    MinExpires,
    Allow,
    Supported,
    Require,
    ProxyRequire,
    Unsupported,
    Accept,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    Event,
    AllowEvents,
    SubscriptionState,
    ReferTo,
    ReferredBy,
    Replaces,
    Join,
    RetryAfter,
    Reason,
    UserAgent,
    Server,
    Path,
    Date,
    Diversion,
    HistoryInfo,
    PAssertedIdentity,
    PPreferredIdentity,
    RemotePartyId,
    Privacy,
    AlertInfo,
    CallInfo,
    AnswerMode,
    RSeq,
    RAck,
    SessionExpires,
    MinSe,
    Warning,
    UserToUser,
    SessionId,
    Identity,
    Subject,
    Timestamp,
    Organization,
    FlowTimer,
    /// Any other header, found by its text.
    Other,
}

impl HeaderName {
    /// Reads a header name without regard to case; the compact forms are the same headers.
    ///
    /// Length, first and last letter single out at most one known name, so one comparison decides.
    pub fn parse(name: &[u8]) -> Self {
        let (Some(first), Some(last)) = (name.first(), name.last()) else { return Self::Other };
        if name.len() == 1 {
            return Self::parse_compact(first | 0x20);
        }
        let candidate = match (name.len(), first | 0x20, last | 0x20) {
            (3, b'v', b'a') => Self::Via,
            (4, b'f', b'm') => Self::From,
            (2, b't', b'o') => Self::To,
            (7, b'c', b'd') => Self::CallId,
            (4, b'c', b'q') => Self::CSeq,
            (7, b'c', b't') => Self::Contact,
            (12, b'm', b's') => Self::MaxForwards,
            (5, b'r', b'e') => Self::Route,
            (12, b'r', b'e') => Self::RecordRoute,
            (12, b'c', b'e') => Self::ContentType,
            (14, b'c', b'h') => Self::ContentLength,
            (16, b'c', b'g') => Self::ContentEncoding,
            (19, b'c', b'n') => Self::ContentDisposition,
            (7, b'e', b's') => Self::Expires,
            (11, b'm', b's') => Self::MinExpires,
            (5, b'a', b'w') => Self::Allow,
            (9, b's', b'd') => Self::Supported,
            (7, b'r', b'e') => Self::Require,
            (13, b'p', b'e') => Self::ProxyRequire,
            (11, b'u', b'd') => Self::Unsupported,
            (6, b'a', b't') => Self::Accept,
            (13, b'a', b'n') => Self::Authorization,
            (19, b'p', b'n') => Self::ProxyAuthorization,
            (16, b'w', b'e') => Self::WwwAuthenticate,
            (18, b'p', b'e') => Self::ProxyAuthenticate,
            (5, b'e', b't') => Self::Event,
            (12, b'a', b's') => Self::AllowEvents,
            (18, b's', b'e') => Self::SubscriptionState,
            (8, b'r', b'o') => Self::ReferTo,
            (11, b'r', b'y') => Self::ReferredBy,
            (8, b'r', b's') => Self::Replaces,
            (4, b'j', b'n') => Self::Join,
            (11, b'r', b'r') => Self::RetryAfter,
            (6, b'r', b'n') => Self::Reason,
            (10, b'u', b't') => Self::UserAgent,
            (6, b's', b'r') => Self::Server,
            (4, b'p', b'h') => Self::Path,
            (4, b'd', b'e') => Self::Date,
            (9, b'd', b'n') => Self::Diversion,
            (12, b'h', b'o') => Self::HistoryInfo,
            (19, b'p', b'y') => Self::PAssertedIdentity,
            (20, b'p', b'y') => Self::PPreferredIdentity,
            (15, b'r', b'd') => Self::RemotePartyId,
            (7, b'p', b'y') => Self::Privacy,
            (10, b'a', b'o') => Self::AlertInfo,
            (9, b'c', b'o') => Self::CallInfo,
            (11, b'a', b'e') => Self::AnswerMode,
            (4, b'r', b'q') => Self::RSeq,
            (4, b'r', b'k') => Self::RAck,
            (15, b's', b's') => Self::SessionExpires,
            (6, b'm', b'e') => Self::MinSe,
            (7, b'w', b'g') => Self::Warning,
            (12, b'u', b'r') => Self::UserToUser,
            (10, b's', b'd') => Self::SessionId,
            (8, b'i', b'y') => Self::Identity,
            (7, b's', b't') => Self::Subject,
            (9, b't', b'p') => Self::Timestamp,
            (12, b'o', b'n') => Self::Organization,
            (10, b'f', b'r') => Self::FlowTimer,
            _ => return Self::Other,
        };
        if candidate.name().as_bytes().eq_ignore_ascii_case(name) { candidate } else { Self::Other }
    }

    const fn parse_compact(letter: u8) -> Self {
        match letter {
            b'b' => Self::ReferredBy,
            b'c' => Self::ContentType,
            b'e' => Self::ContentEncoding,
            b'f' => Self::From,
            b'i' => Self::CallId,
            b'k' => Self::Supported,
            b'l' => Self::ContentLength,
            b'm' => Self::Contact,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b's' => Self::Subject,
            b't' => Self::To,
            b'u' => Self::AllowEvents,
            b'v' => Self::Via,
            b'x' => Self::SessionExpires,
            b'y' => Self::Identity,
            _ => Self::Other,
        }
    }

    /// The long form as RFC 3261 writes it; `Other` for a header that is not known.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Via => "Via",
            Self::From => "From",
            Self::To => "To",
            Self::CallId => "Call-ID",
            Self::CSeq => "CSeq",
            Self::Contact => "Contact",
            Self::MaxForwards => "Max-Forwards",
            Self::Route => "Route",
            Self::RecordRoute => "Record-Route",
            Self::ContentType => "Content-Type",
            Self::ContentLength => "Content-Length",
            Self::ContentEncoding => "Content-Encoding",
            Self::ContentDisposition => "Content-Disposition",
            Self::Expires => "Expires",
            Self::MinExpires => "Min-Expires",
            Self::Allow => "Allow",
            Self::Supported => "Supported",
            Self::Require => "Require",
            Self::ProxyRequire => "Proxy-Require",
            Self::Unsupported => "Unsupported",
            Self::Accept => "Accept",
            Self::Authorization => "Authorization",
            Self::ProxyAuthorization => "Proxy-Authorization",
            Self::WwwAuthenticate => "WWW-Authenticate",
            Self::ProxyAuthenticate => "Proxy-Authenticate",
            Self::Event => "Event",
            Self::AllowEvents => "Allow-Events",
            Self::SubscriptionState => "Subscription-State",
            Self::ReferTo => "Refer-To",
            Self::ReferredBy => "Referred-By",
            Self::Replaces => "Replaces",
            Self::Join => "Join",
            Self::RetryAfter => "Retry-After",
            Self::Reason => "Reason",
            Self::UserAgent => "User-Agent",
            Self::Server => "Server",
            Self::Path => "Path",
            Self::Date => "Date",
            Self::Diversion => "Diversion",
            Self::HistoryInfo => "History-Info",
            Self::PAssertedIdentity => "P-Asserted-Identity",
            Self::PPreferredIdentity => "P-Preferred-Identity",
            Self::RemotePartyId => "Remote-Party-ID",
            Self::Privacy => "Privacy",
            Self::AlertInfo => "Alert-Info",
            Self::CallInfo => "Call-Info",
            Self::AnswerMode => "Answer-Mode",
            Self::RSeq => "RSeq",
            Self::RAck => "RAck",
            Self::SessionExpires => "Session-Expires",
            Self::MinSe => "Min-SE",
            Self::Warning => "Warning",
            Self::UserToUser => "User-to-User",
            Self::SessionId => "Session-ID",
            Self::Identity => "Identity",
            Self::Subject => "Subject",
            Self::Timestamp => "Timestamp",
            Self::Organization => "Organization",
            Self::FlowTimer => "Flow-Timer",
            Self::Other => "Other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[HeaderName] = &[
        HeaderName::Via,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::CSeq,
        HeaderName::Contact,
        HeaderName::MaxForwards,
        HeaderName::Route,
        HeaderName::RecordRoute,
        HeaderName::ContentType,
        HeaderName::ContentLength,
        HeaderName::ContentEncoding,
        HeaderName::ContentDisposition,
        HeaderName::Expires,
        HeaderName::MinExpires,
        HeaderName::Allow,
        HeaderName::Supported,
        HeaderName::Require,
        HeaderName::ProxyRequire,
        HeaderName::Unsupported,
        HeaderName::Accept,
        HeaderName::Authorization,
        HeaderName::ProxyAuthorization,
        HeaderName::WwwAuthenticate,
        HeaderName::ProxyAuthenticate,
        HeaderName::Event,
        HeaderName::AllowEvents,
        HeaderName::SubscriptionState,
        HeaderName::ReferTo,
        HeaderName::ReferredBy,
        HeaderName::Replaces,
        HeaderName::Join,
        HeaderName::RetryAfter,
        HeaderName::Reason,
        HeaderName::UserAgent,
        HeaderName::Server,
        HeaderName::Path,
        HeaderName::Date,
        HeaderName::Diversion,
        HeaderName::HistoryInfo,
        HeaderName::PAssertedIdentity,
        HeaderName::PPreferredIdentity,
        HeaderName::RemotePartyId,
        HeaderName::Privacy,
        HeaderName::AlertInfo,
        HeaderName::CallInfo,
        HeaderName::AnswerMode,
        HeaderName::RSeq,
        HeaderName::RAck,
        HeaderName::SessionExpires,
        HeaderName::MinSe,
        HeaderName::Warning,
        HeaderName::UserToUser,
        HeaderName::SessionId,
        HeaderName::Identity,
        HeaderName::Subject,
        HeaderName::Timestamp,
        HeaderName::Organization,
        HeaderName::FlowTimer,
    ];

    #[test]
    fn every_long_form_reads_back_in_any_case() {
        for &known in KNOWN {
            assert_eq!(HeaderName::parse(known.name().as_bytes()), known);
            assert_eq!(HeaderName::parse(known.name().to_uppercase().as_bytes()), known);
            assert_eq!(HeaderName::parse(known.name().to_lowercase().as_bytes()), known);
        }
    }

    #[test]
    fn compact_forms_are_the_same_headers() {
        assert_eq!(HeaderName::parse(b"b"), HeaderName::ReferredBy);
        assert_eq!(HeaderName::parse(b"c"), HeaderName::ContentType);
        assert_eq!(HeaderName::parse(b"e"), HeaderName::ContentEncoding);
        assert_eq!(HeaderName::parse(b"f"), HeaderName::From);
        assert_eq!(HeaderName::parse(b"i"), HeaderName::CallId);
        assert_eq!(HeaderName::parse(b"k"), HeaderName::Supported);
        assert_eq!(HeaderName::parse(b"l"), HeaderName::ContentLength);
        assert_eq!(HeaderName::parse(b"m"), HeaderName::Contact);
        assert_eq!(HeaderName::parse(b"o"), HeaderName::Event);
        assert_eq!(HeaderName::parse(b"r"), HeaderName::ReferTo);
        assert_eq!(HeaderName::parse(b"s"), HeaderName::Subject);
        assert_eq!(HeaderName::parse(b"t"), HeaderName::To);
        assert_eq!(HeaderName::parse(b"u"), HeaderName::AllowEvents);
        assert_eq!(HeaderName::parse(b"v"), HeaderName::Via);
        assert_eq!(HeaderName::parse(b"x"), HeaderName::SessionExpires);
        assert_eq!(HeaderName::parse(b"y"), HeaderName::Identity);
        assert_eq!(HeaderName::parse(b"V"), HeaderName::Via);
    }

    #[test]
    fn neighbours_of_known_names_are_other() {
        for name in ["", "z", "Vix", "C%6Fntact", "Contacts", "Other", "X-Custom", "\u{e9}", "!"] {
            assert_eq!(HeaderName::parse(name.as_bytes()), HeaderName::Other, "{name}");
        }
    }
}
