//! What reading a message costs in allocations: none.

use bytes::Bytes;
use trunkline_sip::message::{Framing, HeaderName, Limits, Message, response};

fn allocations<T>(work: impl FnOnce() -> T) -> u64 {
    allocation_counter::measure(|| drop(work())).count_total
}

fn invite(header_lines: usize) -> Bytes {
    let mut text = String::from(
        "INVITE sip:bob@example.com;user=phone SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK776asdhds;rport\r\n\
         From: \"J\u{f6}rg\" <sip:a@b>;tag=1\r\n\
         To: <sip:bob@example.com>\r\n\
         Call-ID: x@y\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: \"A \\\"B\\\"\" <sip:a@192.0.2.4>;q=1, <sip:c@d>\r\n\
         Content-Length: 4\r\n",
    );
    for line in 7..header_lines {
        text.push_str(&format!("X-Header-{line}: value\r\n"));
    }
    text.push_str("\r\nv=0\n");
    // Shared once, so that the first clone is not counted: a receive buffer is cut up by slices.
    let bytes = Bytes::from(text);
    drop(bytes.clone());
    bytes
}

#[test]
fn reading_a_message_allocates_nothing_up_to_32_header_lines() {
    let limits = Limits::DEFAULT;
    let bytes = invite(32);
    let count = allocations(|| {
        let message = Message::scan(bytes.clone(), Framing::Datagram, &limits).unwrap();
        message.validate(&limits).unwrap();
        assert!(message.via().is_some() && message.from().is_some() && message.to().is_some());
        assert_eq!((message.contacts().count(), message.vias().count()), (2, 1));
        assert!(message.other("x-header-31").is_some());
        assert!(!message.has_option(HeaderName::Supported, "100rel"));
        assert_eq!((message.cseq().number, message.body().len(), message.body_bytes().len()), (1, 4, 4));
        (message.clone(), message)
    });
    assert_eq!(count, 0);
}

#[test]
fn longer_messages_cost_one_allocation() {
    let bytes = invite(33);
    assert_eq!(allocations(|| Message::scan(bytes, Framing::Datagram, &Limits::DEFAULT).unwrap()), 1);
}

#[test]
fn a_response_is_written_into_one_buffer() {
    let message = Message::scan(invite(20), Framing::Datagram, &Limits::DEFAULT).unwrap();
    let source = "192.0.2.4:5060".parse().unwrap();
    let count = allocations(|| {
        response(&message, 180, source)
            .to_tag("abcdef")
            .header(HeaderName::Contact, "<sip:e@192.0.2.1>")
            .finish()
    });
    assert!(count <= 2, "the buffer and its shared handle, not {count}");
}
