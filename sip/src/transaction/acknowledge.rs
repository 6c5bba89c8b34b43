//! The two requests that are copies of an INVITE: its ACK after a failure, and its CANCEL.

use bytes::Bytes;

use crate::message::{Framing, HeaderName, Limits, Message, Method, request};

/// The ACK to a final response of 300 or more (RFC 3261 §17.1.1.3): Request-URI, Via, Route, From, Call-ID and CSeq
/// number of the INVITE, To of the response.
pub(super) fn non_2xx(invite: &Bytes, response: &Message) -> Bytes {
    let invite = own(invite);
    request(Method::Ack, invite.request_uri())
        .header(HeaderName::Via, invite.value(HeaderName::Via).unwrap_or_default())
        .header(HeaderName::MaxForwards, 70)
        .copy(&invite, HeaderName::Route)
        .copy(&invite, HeaderName::From)
        .header(HeaderName::To, response.value(HeaderName::To).unwrap_or_default())
        .copy(&invite, HeaderName::CallId)
        .header(HeaderName::CSeq, (invite.cseq().number, " ACK"))
        .finish()
}

/// The CANCEL of an INVITE (RFC 3261 §9.1): everything as in the INVITE but the method, and further header lines.
pub(super) fn cancel(invite: &Bytes, headers: &[(&'static str, String)]) -> Bytes {
    let invite = own(invite);
    let cancel = request(Method::Cancel, invite.request_uri())
        .header(HeaderName::Via, invite.value(HeaderName::Via).unwrap_or_default())
        .header(HeaderName::MaxForwards, 70)
        .copy(&invite, HeaderName::Route)
        .copy(&invite, HeaderName::From)
        .copy(&invite, HeaderName::To)
        .copy(&invite, HeaderName::CallId)
        .header(HeaderName::CSeq, (invite.cseq().number, " CANCEL"));
    headers.iter().fold(cancel, |cancel, (name, value)| cancel.raw(name, value)).finish()
}

/// Our own request as the message it is. It may be larger than what we accept from others.
fn own(invite: &Bytes) -> Message {
    let limits = Limits { message_bytes_max: usize::MAX, header_bytes_max: usize::MAX, ..Limits::DEFAULT };
    Message::scan(invite.clone(), Framing::Stream, &limits).expect("the builder wrote a well-formed message")
}
