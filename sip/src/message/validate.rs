//! What a message must have before a transaction sees it (RFC 3261 §8.1.1, §8.2, §16.3, §20).

use super::received::CSeq;
use super::scan::decimal;
use super::{HeaderName, Limits, Malformed, Message, Method, NameAddr, Scheme, Uri, Via, chars};

impl Message {
    /// Checks syntax and presence of what every message needs; a request without Max-Forwards, branch, From tag or
    /// Content-Length passes, as RFC 2543 clients send it.
    ///
    /// # Errors
    /// The response to send if this is a request that can be answered ([`Message::answerable`]): 400, 413, 414, 416
    /// (Request-URI scheme) or 505. A malformed response, or ACK, is to be dropped.
    pub fn validate(&self, limits: &Limits) -> Result<(), Malformed> {
        if let Some(defect) = self.defect {
            return Err(defect);
        }
        self.presence()?;
        self.check_vias(limits)?;
        self.check_party(HeaderName::From, self.from(), "Bad From")?;
        self.check_party(HeaderName::To, self.to(), "Bad To")?;
        let call_id = self.call_id().as_bytes();
        if call_id.is_empty() || chars::any(call_id, chars::BLANK_OR_CONTROL) {
            return Err(Malformed::bad_request("Bad Call-ID"));
        }
        let cseq = self.views.cseq(self).ok_or(Malformed::bad_request("Bad CSeq"))?;
        if self.is_request() { self.check_request(cseq, limits) } else { Ok(()) }
    }

    /// Whether a response to this request would find its way: a request other than ACK whose topmost Via can be read.
    pub fn answerable(&self) -> bool {
        self.is_request() && self.method() != Method::Ack && self.via().is_some()
    }

    fn presence(&self) -> Result<(), Malformed> {
        let mut seen = 0_u64;
        let mut again = 0_u64;
        for line in &self.lines {
            again |= seen & bit(line.name);
            seen |= bit(line.name);
        }
        for (name, missing, _) in MANDATORY {
            if seen & bit(name) == 0 {
                return Err(Malformed::bad_request(missing));
            }
        }
        if again & SINGLE == 0 {
            return Ok(());
        }
        let repeated = MANDATORY.iter().find(|(name, ..)| again & SINGLE & bit(*name) != 0);
        Err(Malformed::bad_request(repeated.map_or("Repeated Header", |(_, _, repeated)| repeated)))
    }

    fn check_vias(&self, limits: &Limits) -> Result<(), Malformed> {
        let mut count = 0;
        for line in self.lines_of(HeaderName::Via) {
            let Ok(text) = std::str::from_utf8(self.text(line.value_range())) else {
                return Err(Malformed::bad_request("Bad Via"));
            };
            for value in super::list::values(text) {
                count += 1;
                if count > limits.vias_max {
                    return Err(Malformed::bad_request("Too Many Vias"));
                }
                let via = if count == 1 { self.via() } else { Via::parse(value) };
                let via = via.ok_or(Malformed::bad_request("Bad Via"))?;
                if chars::any(via.params_text().as_bytes(), chars::CONTROL) {
                    return Err(Malformed::bad_request("Bad Via"));
                }
            }
        }
        if count == 0 { Err(Malformed::bad_request("Missing Via")) } else { Ok(()) }
    }

    /// From or To. Only a display name may hold octets that are not UTF-8: URI and tag take part in comparisons.
    fn check_party(
        &self,
        name: HeaderName,
        value: Option<NameAddr<'_>>,
        reason: &'static str,
    ) -> Result<(), Malformed> {
        let bad = Malformed::bad_request(reason);
        let value = value.ok_or(bad)?;
        if chars::any(value.params_text().as_bytes(), chars::CONTROL) {
            return Err(bad);
        }
        if self.readable.is_none() || self.value(name).is_some() {
            return Ok(());
        }
        let line = self.line(name).map_or(&[][..], |line| self.text(line.value_range()));
        match std::str::from_utf8(&line[value.display.len().min(line.len())..]) {
            Ok(_) => Ok(()),
            Err(_) => Err(bad),
        }
    }

    fn check_request(&self, cseq: CSeq<'_>, limits: &Limits) -> Result<(), Malformed> {
        if cseq.method != self.method() || cseq.method_text != self.method_text() {
            return Err(Malformed::bad_request("CSeq Method Mismatch"));
        }
        check_request_uri(self.request_uri(), limits)?;
        if let Some(line) = self.line(HeaderName::MaxForwards)
            && decimal(self.text(line.value_range())).is_none()
        {
            return Err(Malformed::bad_request("Bad Max-Forwards"));
        }
        let mut contacts = 0;
        for value in self.contact_values() {
            contacts += 1;
            if contacts > limits.contacts_max {
                return Err(Malformed::bad_request("Too Many Contacts"));
            }
            if NameAddr::parse(value).is_none() {
                return Err(Malformed::bad_request("Bad Contact"));
            }
        }
        Ok(())
    }
}

fn check_request_uri(text: &str, limits: &Limits) -> Result<(), Malformed> {
    if text.len() > limits.uri_bytes_max {
        return Err(Malformed { status: 414, reason: "Request-URI Too Long" });
    }
    let uri = Uri::parse(text).ok_or(Malformed::bad_request("Bad Request-URI"))?;
    if uri.scheme == Scheme::Other || uri.scheme == Scheme::Service && !uri.is_sos() {
        return Err(Malformed { status: 416, reason: "Unsupported URI Scheme" });
    }
    // RFC 3261 §19.1.1, table 1: no header part in a Request-URI.
    if uri.headers().is_empty() { Ok(()) } else { Err(Malformed::bad_request("Headers In Request-URI")) }
}

/// Header, what to say if it is missing, what to say if it is there twice.
const MANDATORY: [(HeaderName, &str, &str); 5] = [
    (HeaderName::Via, "Missing Via", "Repeated Via"),
    (HeaderName::From, "Missing From", "Repeated From"),
    (HeaderName::To, "Missing To", "Repeated To"),
    (HeaderName::CallId, "Missing Call-ID", "Repeated Call-ID"),
    (HeaderName::CSeq, "Missing CSeq", "Repeated CSeq"),
];

/// Headers of which one message has at most one (RFC 3261 §7.3.1: only comma lists may repeat). A repeated
/// Content-Length is the scanner's to judge: the same length twice does no harm.
const SINGLE: u64 = bit(HeaderName::From)
    | bit(HeaderName::To)
    | bit(HeaderName::CallId)
    | bit(HeaderName::CSeq)
    | bit(HeaderName::MaxForwards)
    | bit(HeaderName::ContentType);

const fn bit(name: HeaderName) -> u64 {
    1 << name as u8
}

const _: () = assert!((HeaderName::Other as u8) < 64, "a set of header names fits into 64 bits");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Framing;

    const REQUEST: &str = "OPTIONS sip:bob@example.com SIP/2.0\r\n\
        Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        From: <sip:a@b>;tag=1\r\n\
        To: <sip:b@c>\r\n\
        Call-ID: x@y\r\n\
        CSeq: 1 OPTIONS\r\n\
        Max-Forwards: 70\r\n\
        Contact: <sip:a@b>\r\n\r\n";

    fn verdict(text: impl AsRef<[u8]>, limits: &Limits) -> Result<(), (u16, &'static str)> {
        let bytes = text.as_ref().to_vec().into();
        let message = Message::scan(bytes, Framing::Datagram, limits).unwrap();
        message.validate(limits).map_err(|malformed| (malformed.status, malformed.reason))
    }

    fn with(old: &str, new: &str) -> Result<(), (u16, &'static str)> {
        assert!(REQUEST.contains(old));
        verdict(REQUEST.replacen(old, new, 1), &Limits::DEFAULT)
    }

    #[test]
    fn complete_and_rfc_2543_style_requests_pass() {
        assert_eq!(with("Max-Forwards: 70\r\n", "Max-Forwards: 070\r\n"), Ok(()));
        assert_eq!(with("Max-Forwards: 70\r\n", ""), Ok(()));
        assert_eq!(with(";branch=z9hG4bK1", ""), Ok(()));
        assert_eq!(with(";tag=1", ""), Ok(()));
        assert_eq!(with("To: <sip:b@c>", "To: isbn:2983792873"), Ok(()));
        assert_eq!(with("sip:bob@example.com", "tel:+1555"), Ok(()));
    }

    #[test]
    fn each_mandatory_header_is_missed() {
        for (name, reason) in [
            ("Via", "Missing Via"),
            ("From", "Missing From"),
            ("To", "Missing To"),
            ("Call-ID", "Missing Call-ID"),
            ("CSeq", "Missing CSeq"),
        ] {
            assert_eq!(with(&format!("\r\n{name}:"), "\r\nX-Else:"), Err((400, reason)));
        }
    }

    #[test]
    fn single_headers_may_not_repeat() {
        for (line, reason) in [
            ("f: <sip:a@b>;tag=1", "Repeated From"),
            ("t: <sip:b@c>", "Repeated To"),
            ("i: x@y", "Repeated Call-ID"),
            ("CSeq: 1 OPTIONS", "Repeated CSeq"),
            ("Max-Forwards: 70", "Repeated Header"),
        ] {
            assert_eq!(with("\r\n\r\n", &format!("\r\n{line}\r\n\r\n")), Err((400, reason)));
        }
        assert_eq!(with("\r\n\r\n", "\r\nv: SIP/2.0/UDP g\r\nm: <sip:c@d>\r\n\r\n"), Ok(()));
    }

    #[test]
    fn each_element_that_cannot_be_read() {
        for (old, new, reason) in [
            ("SIP/2.0/UDP h;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.15;;,;,,", "Bad Via"),
            ("SIP/2.0/UDP h;branch=z9hG4bK1", ",", "Missing Via"),
            ("<sip:a@b>;tag=1", "\"a <sip:a@b>;tag=1", "Bad From"),
            ("tag=1", "tag=1\r2", "Bad From"),
            ("branch=z9hG4bK1", "branch=z9hG4bK1\r2", "Bad Via"),
            ("<sip:b@c>", "Watson, Thomas <sip:b@c>", "Bad To"),
            ("x@y", "", "Bad Call-ID"),
            ("1 OPTIONS", "36893488147419103232 OPTIONS", "Bad CSeq"),
            ("1 OPTIONS", "1 INVITE", "CSeq Method Mismatch"),
            ("1 OPTIONS", "1 options", "CSeq Method Mismatch"),
            ("70", "many", "Bad Max-Forwards"),
            ("Contact: <sip:a@b>", "Contact: sip:user@example.com?Route=%3Csip:x%3E", "Bad Contact"),
            ("bob@example.com", "2001:db8::10", "Bad Request-URI"),
            ("sip:bob@example.com", "<sip:bob@example.com>", "Bad Request-URI"),
            ("sip:bob@example.com", "sip:bob@example.com; lr", "Bad Request-URI"),
            ("sip:bob@example.com", "bob", "Bad Request-URI"),
            ("sip:bob@example.com", "sip:bob@example.com?Route=x", "Headers In Request-URI"),
        ] {
            assert_eq!(with(old, new), Err((400, reason)), "{new}");
        }
    }

    #[test]
    fn version_and_scheme_have_statuses_of_their_own() {
        assert_eq!(with(" SIP/2.0\r", " SIP/7.0\r").map_err(|(status, _)| status), Err(505));
        for other in ["soap.beep://h:1", "urn:service:counseling", "urn:isbn:1"] {
            assert_eq!(with("sip:bob@example.com", other).map_err(|(status, _)| status), Err(416), "{other}");
        }
        assert_eq!(with("sip:bob@example.com", "urn:service:sos.fire"), Ok(()));
    }

    #[test]
    fn counts_and_lengths_have_limits() {
        let limits = Limits { uri_bytes_max: 30, vias_max: 2, contacts_max: 2, ..Limits::DEFAULT };
        let with = |old, new: &str| verdict(REQUEST.replacen(old, new, 1), &limits);
        assert_eq!(with("bob@", &"b".repeat(30)), Err((414, "Request-URI Too Long")));
        assert_eq!(with("h;branch", "h,SIP/2.0/UDP g,SIP/2.0/UDP f;branch"), Err((400, "Too Many Vias")));
        assert_eq!(with("Contact: ", "Contact: <sip:b>,<sip:c>,"), Err((400, "Too Many Contacts")));
        assert_eq!(with("Contact: ", "Contact: <sip:b>,"), Ok(()));
    }

    #[test]
    fn only_display_names_may_hold_other_octets() {
        let raw = |old: &str, new: &[u8]| {
            let at = REQUEST.find(old).unwrap();
            let bytes = [&REQUEST.as_bytes()[..at], new, &REQUEST.as_bytes()[at + old.len()..]].concat();
            verdict(bytes, &Limits::DEFAULT)
        };
        assert_eq!(raw("<sip:a@b>;", b"\"J\xf6rg\" <sip:a@b>;"), Ok(()));
        assert_eq!(raw("tag=1", b"tag=\xf6"), Err((400, "Bad From")));
        assert_eq!(raw("x@y", b"x\xf6y"), Err((400, "Bad Call-ID")));
        assert_eq!(raw("branch=z9hG4bK1", b"branch=z9hG4bK\xff"), Err((400, "Bad Via")));
    }

    #[test]
    fn only_requests_with_a_via_are_answered() {
        let answerable = |text: String| {
            Message::scan(text.into(), Framing::Datagram, &Limits::DEFAULT).unwrap().answerable()
        };
        assert!(answerable(REQUEST.into()));
        assert!(answerable(REQUEST.replace("Call-ID", "X")));
        assert!(!answerable(REQUEST.replace("Via: SIP/2.0/UDP h", "Via: ;")));
        assert!(!answerable(REQUEST.replacen("OPTIONS", "ACK", 1)));
        assert!(!answerable(REQUEST.replace("OPTIONS sip:bob@example.com SIP/2.0", "SIP/2.0 200 OK")));
    }
}
