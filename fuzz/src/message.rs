//! A message from the network: scan, validate, every view, the answer to it, and a copy for the other leg.

use std::hint::black_box;

use trunkline_sip::message::{
    Framing, HeaderName, Limits, Message, Method, NameAddr, Uri, request, request_named, response,
};

/// Panics if a rule of the message layer is broken for these octets.
pub fn check(octets: &[u8]) {
    let limits = Limits::DEFAULT;
    for framing in [Framing::Datagram, Framing::Stream] {
        let Ok(message) = Message::scan(octets.to_vec().into(), framing, &limits) else { continue };
        assert_eq!(message.bytes(), octets, "the bytes are kept as received");
        let valid = message.validate(&limits).is_ok();
        views(&message, valid);
        if message.is_request() {
            answer(&message, valid);
        }
        copy(&message);
    }
}

/// Only what every datagram costs before anything is known about it.
pub fn scan(octets: &[u8]) {
    let message = Message::scan(octets.to_vec().into(), Framing::Datagram, &Limits::DEFAULT);
    black_box(message.map(|message| message.validate(&Limits::DEFAULT)).is_ok());
}

fn views(message: &Message, valid: bool) {
    black_box((
        message.start(),
        message.method(),
        message.method_text(),
        message.status(),
        message.answerable(),
    ));
    black_box((message.max_forwards(), message.expires(), message.content_type(), message.body_bytes()));
    black_box(format!("{message:?}"));
    for name in names(message) {
        black_box((message.value(name), message.values(name).count(), message.lines(name).count()));
        black_box(message.has_option(name, "100rel"));
    }
    for (_, sent_name, value) in message.headers().take(20) {
        assert!(message.bytes().len() >= sent_name.len() + value.len());
        black_box(std::str::from_utf8(sent_name).map(|text| message.other(text)).is_ok());
    }
    for address in message.contacts().chain(message.from()).chain(message.to()) {
        address_views(address);
    }
    for via in message.vias() {
        black_box((via.branch(), via.received(), via.rport(), via.host_ip(), via.param("ttl")));
    }
    if valid {
        assert!(message.via().is_some() && message.from().is_some() && message.to().is_some());
        assert!(!message.call_id().is_empty() && !message.cseq().method_text.is_empty());
        assert!(!message.is_request() || Uri::parse(message.request_uri()).is_some());
        assert!(message.vias().count() <= Limits::DEFAULT.vias_max);
    }
}

fn address_views(address: NameAddr<'_>) {
    black_box((address.display_name(), address.tag(), address.params().count()));
    if let Some(uri) = address.parsed_uri() {
        black_box((
            uri.user_unescaped(),
            uri.transport(),
            uri.host_ip(),
            uri.header("Replaces"),
            uri.equals(&uri),
        ));
    }
}

/// The answer to a valid request is valid, is one message, and finds its way back.
fn answer(message: &Message, valid: bool) {
    let source = ([192, 0, 2, 99], 5071).into();
    let bytes = response(message, 400, source).to_tag("t").header(HeaderName::Server, "fuzz").finish();
    let answer = Message::scan(bytes, Framing::Stream, &unlimited()).expect("what is built can be read");
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.value(HeaderName::Server), Some("fuzz"), "no header of the answer swallows another");
    if valid {
        assert_eq!(answer.validate(&unlimited()), Ok(()));
        assert_eq!((answer.call_id(), answer.cseq()), (message.call_id(), message.cseq()));
        assert_eq!(answer.from_tag(), message.from_tag());
        assert_eq!(answer.vias().count(), message.vias().count());
        assert!(!answer.to_tag().is_empty() || message.to().is_some_and(|to| to.param("tag") == Some("")));
        let via = answer.via().expect("a valid request has a Via");
        assert!(via.received().is_some() || via.host_ip() == Some([192, 0, 2, 99].into()));
    }
}

/// Limits under which an answer fits that is a little longer than its request.
fn unlimited() -> Limits {
    Limits {
        message_bytes_max: usize::MAX,
        header_bytes_max: usize::MAX,
        headers_max: usize::MAX,
        ..Limits::DEFAULT
    }
}

/// No line end and no NUL of the data reaches the other leg.
fn copy(message: &Message) {
    let mut builder = request_named(message.method_text(), message.request_uri());
    for name in names(message) {
        builder = builder.copy(message, name);
    }
    // Start line, Content-Length and the empty line.
    let lines = message.headers().count() + 3;
    let bytes = builder.finish();
    assert!(!bytes.contains(&0), "no NUL leaves");
    let count = |octet| bytes.iter().filter(|&&b| b == octet).count();
    assert_eq!((count(b'\r'), count(b'\n')), (lines, lines), "no line end of the data leaves");
    black_box(
        request(Method::Bye, message.request_uri())
            .copy(message, HeaderName::CallId)
            .body("a/b", message.body()),
    );
}

/// Every header name of the message once.
fn names(message: &Message) -> Vec<HeaderName> {
    let mut names = Vec::new();
    for (name, ..) in message.headers() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
