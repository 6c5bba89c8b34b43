//! Single values: URI, name-addr, Via, CSeq, and text of users on its way into them.

use std::hint::black_box;

use trunkline_sip::message::{CSeq, NameAddr, Scheme, Uri, Via, escape_user, quote_display};

/// Panics if a rule of the value parsers is broken for these octets.
pub fn check(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    if let Some(uri) = Uri::parse(&text) {
        assert!(uri.scheme == Scheme::Other || uri.equals(&uri), "a URI equals itself");
        black_box((
            uri.host_ip(),
            uri.transport(),
            uri.params().count(),
            uri.headers(),
            uri.header("Replaces"),
        ));
        if uri.host_ip().is_some() {
            assert!(!uri.host.is_empty());
        }
        let bracketed = format!("<{text}>");
        assert_eq!(
            NameAddr::parse(&bracketed).map(|address| address.uri),
            Some(&*text),
            "brackets take any URI"
        );
    }
    if let Some(address) = NameAddr::parse(&text) {
        black_box((address.display_name(), address.tag(), address.params().count(), address.parsed_uri()));
        assert!(!address.uri.contains([' ', '\r', '\n', '<', '>']), "white space is in no URI");
    }
    if let Some(via) = Via::parse(&text) {
        black_box((via.branch(), via.received(), via.rport()));
        assert!(!via.host.is_empty() && !via.transport.is_empty());
    }
    if let Some(cseq) = CSeq::parse(&text) {
        assert!(!cseq.method_text.contains(char::is_whitespace));
    }
    from_users(&text);
}

/// Whatever a user is called, reading gives back what was written.
fn from_users(text: &str) {
    let address = format!("sip:{}@host", escape_user(text));
    let uri = Uri::parse(&address).expect("an escaped user part makes a URI");
    assert_eq!((&*uri.user_unescaped(), uri.host), (text, "host"));
    let address = format!("{} <sip:host>", quote_display(text));
    let read = NameAddr::parse(&address).expect("a quoted display name makes an address");
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    assert_eq!((&*read.display_name(), read.uri), (&*plain, "sip:host"));
}
