//! Why a leg ended and who is on it, read from what the peer sent.

use crate::message::{HeaderName, Message, NameAddr, escape_user, quote_display};
use crate::outbox::{Cause, CauseKind, Party};

/// The cause of a message that ended a leg: its status and its Reason (RFC 3326).
pub(crate) fn of_message(message: &Message, kind: CauseKind) -> Cause {
    let mut cause = Cause { status: message.status(), kind, ..Cause::default() };
    for value in message.values(HeaderName::Reason) {
        let (protocol, code) = protocol_and_code(value);
        if protocol.eq_ignore_ascii_case("Q.850") {
            cause.q850 = cause.q850.or_else(|| code.and_then(|code| u8::try_from(code).ok()));
        } else if protocol.eq_ignore_ascii_case("SIP") {
            cause.sip = cause.sip.or(code);
        }
    }
    cause
}

/// Protocol and code of a Reason.
fn protocol_and_code(value: &str) -> (&str, Option<u16>) {
    let (protocol, params) = value.split_once(';').unwrap_or((value, ""));
    let code = params.split(';').find_map(|param| {
        let (name, code) = param.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("cause")
            .then(|| code.trim().trim_matches('"').parse::<u16>().ok())?
    });
    (protocol.trim(), code)
}

/// The status that a Reason names.
pub(crate) fn sip_cause(reason: &str) -> Option<u16> {
    let (protocol, code) = protocol_and_code(reason);
    code.filter(|_| protocol.eq_ignore_ascii_case("SIP"))
}

/// A cause that no message carried.
pub(crate) const fn local(kind: CauseKind, status: u16) -> Cause {
    Cause { status, q850: None, sip: None, kind }
}

/// Seconds of Retry-After; a comment or parameters may follow (RFC 3261 §20.33).
pub(crate) fn retry_after_s(message: &Message) -> Option<u32> {
    let value = message.value(HeaderName::RetryAfter)?.trim_start();
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    value[..digits].parse().ok()
}

/// A person or number as a header names it.
pub(crate) fn party(value: Option<NameAddr<'_>>) -> Party {
    let Some(value) = value else { return Party::default() };
    let name = value.display_name().into_owned();
    match value.parsed_uri() {
        Some(uri) => Party { user: uri.user_unescaped().into_owned(), host: uri.host.to_owned(), name },
        None => Party { name, ..Party::default() },
    }
}

/// A name-addr for From or To of ours. A party without host is at `host`.
pub(crate) fn name_addr(party: &Party, host: &str) -> String {
    let host = if party.host.is_empty() { host } else { &party.host };
    let at = if party.user.is_empty() { "" } else { "@" };
    let uri = ["<sip:", &escape_user(&party.user), at, host, ">"].concat();
    if party.name.is_empty() { uri } else { [&quote_display(&party.name), " ", &uri].concat() }
}
