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
        let (Some(&first), Some(&last)) = (name.first(), name.last()) else { return Self::Other };
        if name.len() == 1 {
            return Self::parse_compact(first | 0x20);
        }
        let (candidate, long_form) = SLOTS[slot(name.len(), first, last)];
        if long_form == name || long_form.eq_ignore_ascii_case(name) { candidate } else { Self::Other }
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

/// Where [`SLOTS`] has the only name of this length with these letters at its ends.
const fn slot(len: usize, first: u8, last: u8) -> usize {
    (len + 29 * (first & 31) as usize + 11 * (last & 31) as usize) % SLOTS_LEN
}

const SLOTS_LEN: usize = 256;

static SLOTS: [(HeaderName, &[u8]); SLOTS_LEN] = {
    let mut slots: [(HeaderName, &[u8]); SLOTS_LEN] = [(HeaderName::Other, b""); SLOTS_LEN];
    let mut index = 0;
    while index < KNOWN.len() {
        let name = KNOWN[index].name().as_bytes();
        let at = slot(name.len(), name[0], name[name.len() - 1]);
        assert!(slots[at].1.is_empty(), "two header names share a slot: choose other factors");
        slots[at] = (KNOWN[index], name);
        index += 1;
    }
    slots
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_long_form_reads_back_in_any_case() {
        assert_eq!(KNOWN.len(), HeaderName::Other as usize);
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
