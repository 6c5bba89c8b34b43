//! Writing messages: one buffer, no way to emit a line end that came from data.

use std::net::SocketAddr;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::find::{find2, find3};
use super::glance::{COPIED, Glance};
use super::{HeaderName, Message, Method, NameAddr, Text, Value, Via, chars, list, reason_phrase};

/// A message being written. What it is given is copied at once; control characters in it become spaces.
#[derive(Debug)]
pub struct Builder {
    buffer: Vec<u8>,
    /// Where the reason phrase stands in a response.
    reason: Range<usize>,
    /// Where the value of the To line stands, until it is asked for a tag.
    to: Option<Range<usize>>,
}

/// Starts a request: `INVITE uri SIP/2.0`.
pub fn request(method: Method, uri: &str) -> Builder {
    request_named(method.name(), uri)
}

/// Starts a request whose method may be one that [`Method`] does not have.
pub fn request_named(method: &str, uri: &str) -> Builder {
    let mut builder = Builder::empty();
    builder.clean(method.as_bytes());
    builder.buffer.extend_from_slice(b" ");
    builder.clean(uri.as_bytes());
    builder.buffer.extend_from_slice(b" SIP/2.0\r\n");
    builder
}

/// Starts a response with the standard reason phrase. Via lines are copied in order, then From, To, Call-ID and CSeq,
/// as sent (RFC 3261 §8.2.6.2); in the topmost Via `rport` is filled in, and `received` added if it was asked for or
/// sent-by is not the source address (RFC 3261 §18.2.1, RFC 3581 §4). A 100 also carries the Timestamp (§8.2.6.1).
pub fn response(to: &Message, status: u16, source: SocketAddr) -> Builder {
    let mut builder = status_line(status);
    builder.copy_vias(to, source);
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
        builder.copy_first(to, name);
    }
    if status == 100 {
        builder.copy_first(to, HeaderName::Timestamp);
    }
    builder
}

/// Starts the response that [`response`] starts, with a To tag, to what was only glanced at; in a buffer that is used again.
pub(crate) fn response_at_a_glance(
    to: &Glance<'_>,
    status: u16,
    source: SocketAddr,
    tag: impl Value,
    buffer: Vec<u8>,
) -> Builder {
    let mut builder = status_line_in(buffer, status);
    for (place, via) in to.vias.iter().enumerate() {
        builder.buffer.extend_from_slice(b"Via: ");
        if place == 0 {
            builder.copy_topmost_via(via.as_bytes(), source);
        } else {
            builder.clean_line_ends(via.as_bytes());
        }
        builder.buffer.extend_from_slice(b"\r\n");
    }
    for (name, value) in COPIED.into_iter().zip(to.copied) {
        builder.buffer.extend_from_slice(name.name().as_bytes());
        builder.buffer.extend_from_slice(b": ");
        builder.clean_line_ends(value.as_bytes());
        if name == HeaderName::To && to.to_tag.is_empty() {
            (";tag=", &tag).write(&mut Text::of(&mut builder.buffer));
        }
        builder.buffer.extend_from_slice(b"\r\n");
    }
    builder
}

/// Starts a response that answers no request at hand.
pub(super) fn status_line(status: u16) -> Builder {
    status_line_in(Vec::with_capacity(BUFFER_BYTES), status)
}

fn status_line_in(mut buffer: Vec<u8>, status: u16) -> Builder {
    buffer.clear();
    let mut builder = Builder { buffer, reason: 0..0, to: None };
    ("SIP/2.0 ", status, " ").write(&mut Text::of(&mut builder.buffer));
    let reason_at = builder.buffer.len();
    builder.buffer.extend_from_slice(reason_phrase(status).as_bytes());
    builder.reason = reason_at..builder.buffer.len();
    builder.buffer.extend_from_slice(b"\r\n");
    builder
}

impl Builder {
    fn empty() -> Self {
        Self { buffer: Vec::with_capacity(BUFFER_BYTES), reason: 0..0, to: None }
    }

    /// Replaces the reason phrase of a response.
    pub fn reason(mut self, reason: &str) -> Self {
        if self.reason.is_empty() {
            return self;
        }
        let Range { start, end } = self.reason.clone();
        self.buffer.drain(start..end);
        let phrase_len = self.insert(start, reason);
        self.reason.end = start + phrase_len;
        let moved = |at: usize| at - (end - start) + phrase_len;
        self.to = self.to.map(|to| moved(to.start)..moved(to.end));
        self
    }

    /// Appends a tag to To, if To is written and has none.
    pub fn to_tag(mut self, tag: impl Value) -> Self {
        let Some(to) = self.to.take() else { return self };
        let value = std::str::from_utf8(&self.buffer[to.clone()]);
        let has_tag = |value: &str| NameAddr::parse(value).is_some_and(|to| to.param("tag").is_some());
        let is_tagged = match value {
            Ok(value) => has_tag(value),
            Err(_) => has_tag(&String::from_utf8_lossy(&self.buffer[to.clone()])),
        };
        if !is_tagged {
            self.insert(to.end, (";tag=", tag));
        }
        self
    }

    /// Writes a header line.
    pub fn header(mut self, name: HeaderName, value: impl Value) -> Self {
        self.buffer.extend_from_slice(name.name().as_bytes());
        self.buffer.extend_from_slice(b": ");
        let value_at = self.buffer.len();
        value.write(&mut Text::of(&mut self.buffer));
        if name == HeaderName::To {
            self.note_to(value_at);
        }
        self.buffer.extend_from_slice(b"\r\n");
        self
    }

    /// Writes a header line under a name of the caller's; what is no token in it becomes `-`.
    pub fn raw(mut self, name: &str, value: impl Value) -> Self {
        self.buffer.extend(name.bytes().map(token_or_dash));
        self.buffer.extend_from_slice(b": ");
        value.write(&mut Text::of(&mut self.buffer));
        self.buffer.extend_from_slice(b"\r\n");
        self
    }

    /// Copies all lines of a header, octets that are not UTF-8 included; for [`HeaderName::Other`] every header that is
    /// not known, under its own name.
    pub fn copy(mut self, from: &Message, name: HeaderName) -> Self {
        for (found, sent_name, value) in from.headers() {
            if found != name {
                continue;
            }
            if name == HeaderName::Other {
                self.buffer.extend(sent_name.iter().copied().map(token_or_dash));
            } else {
                self.buffer.extend_from_slice(name.name().as_bytes());
            }
            self.buffer.extend_from_slice(b": ");
            let value_at = self.buffer.len();
            self.clean(value);
            if name == HeaderName::To {
                self.note_to(value_at);
            }
            self.buffer.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Ends the message with a body of this type.
    pub fn body(self, content_type: &str, body: &[u8]) -> Bytes {
        self.header(HeaderName::ContentType, content_type).end(body)
    }

    /// Ends the message with a body whose type is written already.
    pub(super) fn end(self, body: &[u8]) -> Bytes {
        let mut ended = self.header(HeaderName::ContentLength, body.len());
        ended.buffer.extend_from_slice(b"\r\n");
        ended.buffer.extend_from_slice(body);
        ended.fitted()
    }

    /// Ends the message without a body: `Content-Length: 0`.
    pub fn finish(mut self) -> Bytes {
        self.buffer.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        self.fitted()
    }

    /// The message without the room that was left, for transactions keep it for half a minute. The buffer goes back whole, so that
    /// the allocator has it at hand for the next message.
    fn fitted(self) -> Bytes {
        Bytes::copy_from_slice(&self.buffer)
    }

    /// Ends the message without a body, as a piece of memory that many share; the buffer is given back.
    pub(crate) fn finish_in(mut self, shared: &mut BytesMut) -> (Bytes, Vec<u8>) {
        self.buffer.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        shared.extend_from_slice(&self.buffer);
        (shared.split().freeze(), self.buffer)
    }

    /// Writes text into the middle; its length is returned.
    fn insert(&mut self, at: usize, text: impl Value) -> usize {
        let before = self.buffer.len();
        text.write(&mut Text::of(&mut self.buffer));
        let text_len = self.buffer.len() - before;
        self.buffer[at..].rotate_right(text_len);
        text_len
    }

    fn copy_vias(&mut self, to: &Message, source: SocketAddr) {
        let mut topmost = true;
        for line in to.lines_of(HeaderName::Via) {
            self.buffer.extend_from_slice(b"Via: ");
            let value = to.text(line.value_range());
            if topmost && value.iter().any(|b| !matches!(b, b',' | b' ' | b'\t')) {
                topmost = false;
                self.copy_topmost_via(value, source);
            } else {
                self.clean_line_ends(value);
            }
            self.buffer.extend_from_slice(b"\r\n");
        }
    }

    /// Copies a Via line; its first value with `received` and `rport`.
    fn copy_topmost_via(&mut self, line: &[u8], source: SocketAddr) {
        let parts = std::str::from_utf8(line).ok().and_then(|text| {
            let (value, rest) = list::split_first(&text[leading(text)..]);
            Via::parse(value).map(|via| (value, via, list::trim(rest)))
        });
        let Some((value, via, rest)) = parts else { return self.clean_line_ends(line) };
        let params = via.params_text();
        let sent_by = &value[..value.len() - params.len()];
        self.clean_line_ends(list::trim(sent_by).as_bytes());
        let source_ip = source.ip().to_canonical();
        let mut wanted = via.host_ip() != Some(source_ip);
        for param in list::raw_params(params) {
            match list::split_param(param) {
                (name, _) if name.eq_ignore_ascii_case("rport") => {
                    wanted = true;
                    (";rport=", source.port()).write(&mut Text::of(&mut self.buffer));
                }
                (name, _) if name.eq_ignore_ascii_case("received") => {}
                _ => {
                    self.buffer.extend_from_slice(b";");
                    self.clean_line_ends(param.as_bytes());
                }
            }
        }
        if wanted {
            (";received=", source_ip).write(&mut Text::of(&mut self.buffer));
        }
        if !rest.is_empty() {
            self.buffer.extend_from_slice(b", ");
            self.clean_line_ends(rest.as_bytes());
        }
    }

    fn copy_first(&mut self, to: &Message, name: HeaderName) {
        let Some(line) = to.line(name) else { return };
        self.buffer.extend_from_slice(name.name().as_bytes());
        self.buffer.extend_from_slice(b": ");
        let value_at = self.buffer.len();
        self.clean_line_ends(to.text(line.value_range()));
        if name == HeaderName::To {
            self.note_to(value_at);
        }
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// Notes the value of the To line, which has just been written.
    fn note_to(&mut self, value_at: usize) {
        self.to = Some(value_at..self.buffer.len());
    }

    /// Copies with CR, LF and NUL as spaces.
    fn clean(&mut self, bytes: &[u8]) {
        match find3(b'\r', b'\n', 0, bytes) {
            None => self.buffer.extend_from_slice(bytes),
            Some(_) => self
                .buffer
                .extend(bytes.iter().map(|&b| if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { b })),
        }
    }

    /// Copies with CR and LF as spaces: what a response gives back to its sender may hold an escaped NUL, which is
    /// legal in a quoted string (RFC 4475 §3.1.1.2).
    fn clean_line_ends(&mut self, bytes: &[u8]) {
        match find2(b'\r', b'\n', bytes) {
            None => self.buffer.extend_from_slice(bytes),
            Some(_) => {
                self.buffer.extend(bytes.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }))
            }
        }
    }
}

/// How many octets stand before the first value.
fn leading(line: &str) -> usize {
    line.bytes().take_while(|b| matches!(b, b',' | b' ' | b'\t')).count()
}

fn token_or_dash(b: u8) -> u8 {
    if chars::is_token(&[b]) { b } else { b'-' }
}

/// What most messages fit into.
const BUFFER_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    const REQUEST: &str = "INVITE sip:bob@h SIP/2.0\r\n\
        Via: SIP/2.0/UDP 10.0.0.5:5060 ;rport;x=1;branch=z9hG4bKa,SIP/2.0/TCP p;branch=z9hG4bKb\r\n\
        v: SIP/2.0/UDP far\r\n\
        From:  \"J\u{f6}rg\"<sip:a@b> ;tag=1\r\n\
        To: <sip:bob@h>\r\n\
        Call-ID: c\r\n\
        CSeq: 1\r\n  INVITE\r\n\
        Timestamp: 54\r\n\r\n";

    fn scan(bytes: impl Into<Vec<u8>>) -> Message {
        let message = Message::scan(bytes.into().into(), Framing::Datagram, &Limits::DEFAULT).unwrap();
        message.validate(&Limits::DEFAULT).unwrap();
        message
    }

    fn source() -> SocketAddr {
        "203.0.113.9:40321".parse().unwrap()
    }

    #[test]
    fn a_response_gives_back_vias_and_dialog_headers() {
        let ringing = response(&scan(REQUEST), 180, source()).to_tag("t1").finish();
        assert_eq!(
            std::str::from_utf8(&ringing).unwrap(),
            "SIP/2.0 180 Ringing\r\n\
             Via: SIP/2.0/UDP 10.0.0.5:5060;rport=40321;x=1;branch=z9hG4bKa;received=203.0.113.9, \
             SIP/2.0/TCP p;branch=z9hG4bKb\r\n\
             Via: SIP/2.0/UDP far\r\n\
             From: \"J\u{f6}rg\"<sip:a@b> ;tag=1\r\n\
             To: <sip:bob@h>;tag=t1\r\n\
             Call-ID: c\r\n\
             CSeq: 1    INVITE\r\n\
             Content-Length: 0\r\n\r\n"
        );
        assert_eq!(scan(&ringing[..]).via().unwrap().rport(), Some(Some(40321)));
    }

    #[test]
    fn a_100_carries_the_timestamp_and_no_other_does() {
        assert_eq!(scan(response(&scan(REQUEST), 100, source()).finish()).other("timestamp"), Some("54"));
        assert_eq!(scan(response(&scan(REQUEST), 200, source()).finish()).other("timestamp"), None);
    }

    #[test]
    fn received_is_added_only_where_it_tells_something() {
        let from = |sent_by: &str, source: &str| {
            let request = REQUEST.replace("10.0.0.5:5060 ;rport", sent_by);
            let answer = scan(response(&scan(request), 200, source.parse().unwrap()).finish());
            let via = answer.via().unwrap();
            (via.received(), via.rport())
        };
        let ip = |text: &str| Some(text.parse().unwrap());
        assert_eq!(from("192.0.2.1", "192.0.2.1:5060"), (None, None));
        assert_eq!(from("192.0.2.1", "[::ffff:192.0.2.1]:5060"), (None, None));
        assert_eq!(from("192.0.2.1", "192.0.2.2:5060"), (ip("192.0.2.2"), None));
        assert_eq!(from("name", "192.0.2.2:5060"), (ip("192.0.2.2"), None));
        assert_eq!(from("[2001:db8::1]", "[2001:db8::1]:5060"), (None, None));
        assert_eq!(from("192.0.2.1;rport", "192.0.2.1:5070"), (ip("192.0.2.1"), Some(Some(5070))));
        assert_eq!(
            from("n;received=10.9.9.9;rport=1", "[2001:db8::1]:7"),
            (ip("2001:db8::1"), Some(Some(7)))
        );
    }

    #[test]
    fn an_empty_via_line_is_not_the_topmost() {
        let request = REQUEST.replacen("\r\nVia: ", "\r\nVia:\r\nv: ,\r\nVia: ,", 1);
        let answer = scan(response(&scan(request), 200, source()).finish());
        assert_eq!(answer.via().unwrap().rport(), Some(Some(40321)));
    }

    #[test]
    fn a_to_tag_is_added_once_and_never_replaced() {
        let tagged = REQUEST.replace("To: <sip:bob@h>", "To: sip:bob@h;TAG=old");
        assert_eq!(scan(response(&scan(tagged), 200, source()).to_tag("mine").finish()).to_tag(), "old");
        let twice = response(&scan(REQUEST), 200, source()).to_tag("a").to_tag("b").finish();
        assert_eq!(scan(twice).to_tag(), "a");
    }

    #[test]
    fn reason_and_tag_go_in_after_other_headers() {
        let busy = response(&scan(REQUEST), 486, source())
            .header(HeaderName::RetryAfter, 5)
            .reason("Busy, sorry")
            .to_tag("t")
            .reason("No")
            .finish();
        let busy = scan(busy);
        assert_eq!(busy.start(), super::super::StartLine::Response { status: 486, reason: b"No" });
        assert_eq!((busy.to_tag(), busy.value(HeaderName::RetryAfter)), ("t", Some("5")));
    }

    #[test]
    fn a_request_with_a_body() {
        let bytes = request(Method::Info, "sip:a@b")
            .copy(&scan(REQUEST), HeaderName::Via)
            .header(HeaderName::From, "<sip:a@b>;tag=1")
            .header(HeaderName::To, "<sip:b@b>")
            .to_tag("2")
            .header(HeaderName::CallId, "x")
            .header(HeaderName::CSeq, format_args!("{} INFO", 7))
            .raw("X-Own", "1")
            .body("application/dtmf-relay", b"Signal=5\r\n");
        let message = scan(bytes);
        assert_eq!((message.body(), message.cseq().number), (&b"Signal=5\r\n"[..], 7));
        assert_eq!((message.vias().count(), message.to_tag(), message.other("x-own")), (3, "2", Some("1")));
    }

    #[test]
    fn line_ends_from_data_never_leave() {
        let evil = "x\r\nEvil: 1\n\0y";
        let mut hostile = REQUEST.replace("Timestamp", "Subject").into_bytes();
        let at = hostile.windows(2).position(|pair| pair == b"54").unwrap();
        hostile.splice(at..at, *b"a\rEvil: 1\0");
        let hostile = scan(hostile);
        let bytes = response(&hostile, 200, source())
            .reason(evil)
            .to_tag(evil)
            .header(HeaderName::Subject, evil)
            .raw(evil, evil)
            .copy(&hostile, HeaderName::Subject)
            .body(evil, b"");
        assert!(!bytes.contains(&0));
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.replace("\r\n", "").find(['\r', '\n']).is_none());
        assert!(text.lines().all(|line| !line.starts_with("Evil")));
        let uri = request(Method::Bye, evil).finish();
        assert_eq!(memchr::memchr_iter(b'\n', &uri).count(), 3);
    }
}
