//! Header names.

/// A header field the engine reads or writes; the rest are [`HeaderName::Other`] and kept as bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "each variant is the header of its name")]
pub enum HeaderName {
    Via, From, To, CallId, CSeq, Contact, MaxForwards, Route, RecordRoute, ContentType, ContentLength, ContentEncoding,
    ContentDisposition, Expires, MinExpires, Allow, Supported, Require, ProxyRequire, Unsupported, Accept, Authorization,
    ProxyAuthorization, WwwAuthenticate, ProxyAuthenticate, Event, AllowEvents, SubscriptionState, ReferTo, ReferredBy,
    Replaces, Join, RetryAfter, Reason, UserAgent, Server, Path, Date, Diversion, HistoryInfo, PAssertedIdentity,
    PPreferredIdentity, RemotePartyId, Privacy, AlertInfo, CallInfo, AnswerMode, RSeq, RAck, SessionExpires, MinSe, Warning,
    UserToUser, SessionId, Identity, Subject, Timestamp, Organization, FlowTimer,
    Other,
}

#[allow(missing_docs, unused_variables, clippy::todo, reason = "skeleton")]
impl HeaderName {
    pub fn parse(name: &[u8]) -> Self { todo!() }
    pub const fn name(self) -> &'static str { "" }
}
