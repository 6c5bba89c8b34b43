//! Header lines of every kind in messages that are valid without them: the agent reads each structured header where it means
//! something. Bodies of event packages, too.
//!
//! The first octet of the input says which messages, the rest are header lines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::ConnectionId;
use trunkline_sip::location::{Location, LocationLimits};
use trunkline_sip::message::{Framing, Limits, Message};
use trunkline_sip::outbox::{Outbox, PublishedPresence};
use trunkline_sip::package::call_completion::CallCompletionState;
use trunkline_sip::package::csta::{self, Statement};
use trunkline_sip::package::dialog_info::{DIALOGS_MAX, DialogInfo};
use trunkline_sip::package::message_summary::{COUNT_MAX, MessageSummary};
use trunkline_sip::package::presence::{ACTIVITIES_MAX, NOTE_BYTES_MAX};
use trunkline_sip::registrar::{Registrar, Registration};
use trunkline_sip::transport::{Flow, Transport};

use crate::agent;

/// Panics if a rule of the agent or of the registrar is broken for these octets.
pub fn check(octets: &[u8]) {
    let Some((which, lines)) = octets.split_first() else { return };
    bodies(lines);
    let lines = String::from_utf8_lossy(lines).replace("\r\n", "\n").replace('\n', "\r\n");
    let lines = lines.trim_end_matches(['\r', '\n']);
    match CONVERSATIONS.get(usize::from(which.wrapping_sub(b'0')) % (CONVERSATIONS.len() + 1)) {
        Some(conversation) => agent::check(conversation.replace("{lines}", lines).as_bytes()),
        None => register(lines),
    }
}

/// What a subscription of ours may be told, and what a phone may publish.
fn bodies(octets: &[u8]) {
    if let Ok(info) = DialogInfo::parse(octets) {
        assert!(info.dialogs.len() <= DIALOGS_MAX);
    }
    if let Ok(state) = CallCompletionState::parse(octets) {
        assert!(state.uri.is_none_or(|uri| !uri.contains(['\r', '\n'])));
    }
    if let Ok(Statement::CallEvent(event)) = csta::read(octets) {
        assert!(event.connection.call.len() <= csta::IDENTIFIER_BYTES_MAX && octets.len() <= csta::BYTES_MAX);
    }
    if let Ok(MessageSummary { counts, .. }) = MessageSummary::parse(octets) {
        assert!(counts.new.max(counts.old) <= COUNT_MAX);
        assert!(counts.urgent_new <= counts.new && counts.urgent_old <= counts.old);
    }
    if let Ok(said) = PublishedPresence::parse(octets) {
        assert!(said.activities.len() <= ACTIVITIES_MAX && said.note.len() <= NOTE_BYTES_MAX);
    }
}

/// Whatever a phone that proved who it is says of its contacts: twice, then time passes.
fn register(lines: &str) {
    let now = Instant::now();
    let location = Location::new(now, LocationLimits::DEFAULT);
    let line: Arc<str> = "1001".into();
    let local = ([192, 0, 2, 1], 5060).into();
    let remote = ([192, 0, 2, 2], 5070).into();
    let flow = Flow { transport: Transport::Udp, local, remote, connection: ConnectionId::default() };
    let mut out = Outbox::default();
    for cseq in 1..=2 {
        let text = REGISTER.replace("{lines}", lines).replace("{cseq}", &cseq.to_string());
        let Ok(request) = Message::scan(text.into(), Framing::Datagram, &Limits::DEFAULT) else { return };
        if request.validate(&Limits::DEFAULT).is_err() {
            return;
        }
        let registration = Registration { request: &request, line: &line, flow };
        let before = location.len();
        let answer = Registrar::DEFAULT.register(now, registration, &location, |_| false, &mut out);
        assert!(matches!(answer.status, 200 | 400 | 403 | 423 | 500 | 503), "{answer:?}");
        assert!(answer.status == 200 || location.len() == before, "a refused REGISTER changes nothing");
        assert!(location.len() <= Registrar::DEFAULT.contacts_max);
        for (name, value) in &answer.headers {
            assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
        }
    }
    let longest = Duration::from_secs(Registrar::DEFAULT.expires_max_s.into());
    location.expire(now + longest + Duration::from_secs(1), &mut out);
    assert!(location.is_empty());
}

/// Scripts for the agent: called, calling, refused, and requests outside of dialogs.
const CONVERSATIONS: [&str; 4] = [
    concat!(
        "INVITE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKi\r\nMax-Forwards: 70\r\n",
        "From: <sip:a@192.0.2.2>;tag=p\r\nTo: <sip:us@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n",
        "Contact: <sip:a@192.0.2.2:5070>\r\n{lines}\r\nContent-Type: application/sdp\r\n\r\n",
        "v=0\r\no=p 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n",
        "\x1e!1\x1e!2\x1e",
        "ACK sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n",
        "From: <sip:a@192.0.2.2>;tag=p\r\nTo: <sip:us@192.0.2.1>;tag={tag}\r\nCall-ID: c\r\nCSeq: 1 ACK\r\n{lines}\r\n\r\n",
        "\x1e",
        "UPDATE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKu\r\nMax-Forwards: 70\r\n",
        "From: <sip:a@192.0.2.2>;tag=p\r\nTo: <sip:us@192.0.2.1>;tag={tag}\r\nCall-ID: c\r\nCSeq: 2 UPDATE\r\n",
        "Contact: <sip:a@192.0.2.2:5070>\r\n{lines}\r\n\r\n",
        "\x1e",
        "REFER sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKr\r\nMax-Forwards: 70\r\n",
        "From: <sip:a@192.0.2.2>;tag=p\r\nTo: <sip:us@192.0.2.1>;tag={tag}\r\nCall-ID: c\r\nCSeq: 3 REFER\r\n",
        "Contact: <sip:a@192.0.2.2:5070>\r\n{lines}\r\n\r\n",
        "\x1e!1102\x1e@2000\x1e",
        "BYE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKb\r\nMax-Forwards: 70\r\n",
        "From: <sip:a@192.0.2.2>;tag=p\r\nTo: <sip:us@192.0.2.1>;tag={tag}\r\nCall-ID: c\r\nCSeq: 4 BYE\r\n{lines}\r\n\r\n",
    ),
    concat!(
        "!20\x1e",
        "SIP/2.0 180 X\r\nVia: {Via}\r\nFrom: {From}\r\nTo: {To};tag=b\r\nCall-ID: {Call-ID}\r\nCSeq: {CSeq}\r\n",
        "Contact: <sip:b@192.0.2.2:5071>\r\n{lines}\r\n\r\n",
        "\x1e",
        "SIP/2.0 200 X\r\nVia: {Via}\r\nFrom: {From}\r\nTo: {To};tag=b\r\nCall-ID: {Call-ID}\r\nCSeq: {CSeq}\r\n",
        "Contact: <sip:b@192.0.2.2:5071>\r\n{lines}\r\nContent-Type: application/sdp\r\n\r\n",
        "v=0\r\no=p 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n",
        "\x1e",
        "INFO sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKn\r\nMax-Forwards: 70\r\n",
        "From: {To}\r\nTo: {From}\r\nCall-ID: {Call-ID}\r\nCSeq: 7 INFO\r\n{lines}\r\n\r\nSignal=5\r\nDuration=160\r\n",
        "\x1e!4\x1e",
        "SIP/2.0 422 X\r\nVia: {Via}\r\nFrom: {From}\r\nTo: {To}\r\nCall-ID: {Call-ID}\r\nCSeq: {CSeq}\r\n{lines}\r\n\r\n",
        "\x1e@1000\x1e!9\x1e",
        "SIP/2.0 401 X\r\nVia: {Via}\r\nFrom: {From}\r\nTo: {To}\r\nCall-ID: {Call-ID}\r\nCSeq: {CSeq}\r\n{lines}\r\n\r\n",
    ),
    concat!(
        "!20\x1e",
        "SIP/2.0 302 X\r\nVia: {Via}\r\nFrom: {From}\r\nTo: {To};tag=b\r\nCall-ID: {Call-ID}\r\nCSeq: {CSeq}\r\n{lines}\r\n\r\n",
        "\x1e!20\x1e",
        "SIP/2.0 422 X\r\nVia: {Via}\r\nFrom: {From}\r\nTo: {To};tag=b\r\nCall-ID: {Call-ID}\r\nCSeq: {CSeq}\r\n{lines}\r\n\r\n",
        "\x1e!20\x1e",
        "SIP/2.0 407 X\r\nVia: {Via}\r\nFrom: {From}\r\nTo: {To};tag=b\r\nCall-ID: {Call-ID}\r\nCSeq: {CSeq}\r\n{lines}\r\n\r\n",
        "\x1e!20\x1e",
        "SIP/2.0 486 X\r\nVia: {Via}\r\nFrom: {From}\r\nTo: {To};tag=b\r\nCall-ID: {Call-ID}\r\nCSeq: {CSeq}\r\n{lines}\r\n\r\n",
    ),
    concat!(
        "OPTIONS sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKo\r\nMax-Forwards: 70\r\n",
        "From: <sip:a@192.0.2.2>;tag=p\r\nTo: <sip:us@192.0.2.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n{lines}\r\n\r\n",
        "\x1e",
        "SUBSCRIBE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKs\r\nMax-Forwards: 70\r\n",
        "From: <sip:a@192.0.2.2>;tag=p\r\nTo: <sip:us@192.0.2.1>\r\nCall-ID: s\r\nCSeq: 1 SUBSCRIBE\r\n",
        "Contact: <sip:a@192.0.2.2:5070>\r\n{lines}\r\n\r\n",
        "\x1e",
        "REFER sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKr\r\nMax-Forwards: 70\r\n",
        "From: <sip:a@192.0.2.2>;tag=p\r\nTo: <sip:us@192.0.2.1>\r\nCall-ID: r\r\nCSeq: 1 REFER\r\n",
        "Contact: <sip:a@192.0.2.2:5070>\r\n{lines}\r\n\r\n",
        "\x1e!1102\x1e",
        "NOTIFY sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKn\r\nMax-Forwards: 70\r\n",
        "From: <sip:a@192.0.2.2>;tag=p\r\nTo: <sip:us@192.0.2.1>;tag=x\r\nCall-ID: n\r\nCSeq: 1 NOTIFY\r\n",
        "Contact: <sip:a@192.0.2.2:5070>\r\n{lines}\r\n\r\n",
        "\x1e",
        "REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKg\r\nMax-Forwards: 70\r\n",
        "From: <sip:1001@192.0.2.1>;tag=p\r\nTo: <sip:1001@192.0.2.1>\r\nCall-ID: g\r\nCSeq: 1 REGISTER\r\n{lines}\r\n\r\n",
    ),
];

const REGISTER: &str = concat!(
    "REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK{cseq}\r\nMax-Forwards: 70\r\n",
    "From: <sip:1001@192.0.2.1>;tag=p\r\nTo: <sip:1001@192.0.2.1>\r\nCall-ID: g\r\nCSeq: {cseq} REGISTER\r\n{lines}\r\n\r\n",
);
