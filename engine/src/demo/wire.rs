//! How the phone writes: requests with the vocabulary of `rsip`, responses by copying what RFC 3261 §8.2.6 says.

use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;
use rsip::headers::{
    Allow, CSeq, CallId, Contact, ContentLength, ContentType, From, MaxForwards, Route, To, UntypedHeader,
    UserAgent, Via,
};
use rsip::{Header, Headers};
use trunkline_sip::message::{HeaderName, Message, Method};
use trunkline_sip::transport::Transport;

use super::dialog::Dialog;

const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY";
const AGENT: &str = "trunkline-phone";

/// A request of `dialog` with sequence number `cseq`.
pub(super) fn request(
    (method, cseq): (Method, u32),
    dialog: &Dialog,
    via: String,
    contact: Option<String>,
    extra: Vec<Header>,
    body: &str,
) -> Bytes {
    let mut headers = Headers::default();
    headers.push(Via::new(via).into());
    headers.push(MaxForwards::new("70").into());
    for route in &dialog.routes {
        headers.push(Route::new(route.as_str()).into());
    }
    headers.push(From::new(dialog.local.as_str()).into());
    headers.push(To::new(dialog.remote.as_str()).into());
    headers.push(CallId::new(dialog.call_id.as_str()).into());
    headers.push(CSeq::new(format!("{cseq} {}", method.name())).into());
    if let Some(contact) = contact {
        headers.push(Contact::new(contact).into());
    }
    headers.push(UserAgent::new(AGENT).into());
    if method != Method::Ack && method != Method::Cancel {
        headers.push(Allow::new(ALLOW).into());
    }
    headers.extend(extra);
    if !body.is_empty() {
        headers.push(ContentType::new("application/sdp").into());
    }
    headers.push(ContentLength::new(body.len().to_string()).into());
    Bytes::from(format!("{} {} SIP/2.0\r\n{headers}\r\n{body}", method.name(), dialog.target))
}

/// The top Via of a request from this address.
pub(super) fn via(transport: Transport, address: SocketAddr, branch: &str) -> String {
    format!("SIP/2.0/{} {address};branch={branch};rport", transport.via_name())
}

/// A response to `request`: Via, From, To, Call-ID and CSeq as they came, `tag` where To has none.
pub(super) fn response(
    request: &Message,
    status: u16,
    tag: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Bytes {
    let mut text = format!("SIP/2.0 {status} {}\r\n", reason(status));
    let mut line = |name: &str, value: &str| {
        write!(text, "{name}: {value}\r\n").expect("a String takes any text");
    };
    for via in request.lines(HeaderName::Via) {
        line("Via", via);
    }
    for route in request.lines(HeaderName::RecordRoute) {
        line("Record-Route", route);
    }
    line("From", request.value(HeaderName::From).unwrap_or_default());
    let to = request.value(HeaderName::To).unwrap_or_default();
    if request.to_tag().is_empty() && status > 100 {
        line("To", &format!("{to};tag={tag}"));
    } else {
        line("To", to);
    }
    line("Call-ID", request.call_id());
    line("CSeq", request.value(HeaderName::CSeq).unwrap_or_default());
    for (name, value) in headers {
        line(name, value);
    }
    line("Allow", ALLOW);
    line("Server", AGENT);
    if !body.is_empty() {
        line("Content-Type", "application/sdp");
    }
    line("Content-Length", &body.len().to_string());
    text.push_str("\r\n");
    text.push_str(body);
    Bytes::from(text)
}

const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        405 => "Method Not Allowed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        500 => "Server Internal Error",
        603 => "Decline",
        _ => "Response",
    }
}
