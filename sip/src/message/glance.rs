//! A request at a glance: what turning a call away takes, read in one pass without an index of the headers.
//!
//! Only what is as plain as nearly all requests are can be read so. Anything else (folds, lone line ends, octets that are not
//! UTF-8, headers that repeat) is nothing to glance at, and is scanned and validated as any message is. Headers that a refusal does not
//! need are not judged.

use smallvec::SmallVec;

use super::find::find;
use super::received::CSeq;
use super::{HeaderName, Limits, Method, NameAddr, Via, list};

/// Lines of headers that are looked at; a request with more is none to glance at.
const LINES_MAX: usize = 64;

/// Lines of Via, which are all given back.
const VIA_LINES_MAX: usize = 8;

/// An INVITE, or an ACK.
#[derive(Debug)]
pub(crate) struct Glance<'a> {
    pub(crate) method: Method,
    pub(crate) uri: &'a str,
    /// The topmost.
    pub(crate) via: Via<'a>,
    pub(crate) from_tag: &'a str,
    /// `""` if there is none.
    pub(crate) to_tag: &'a str,
    pub(crate) call_id: &'a str,
    pub(crate) cseq: u32,
    /// The Priority header (RFC 3261 §20.26); `""` if there is none.
    pub(crate) priority: &'a str,
    /// Whether there is an Authorization header.
    pub(crate) has_authorization: bool,
    pub(super) vias: SmallVec<[&'a str; VIA_LINES_MAX]>,
    /// Values of From, To, Call-ID and CSeq as sent.
    pub(super) copied: [&'a str; COPIED.len()],
}

/// What a response copies behind Via (RFC 3261 §8.2.6.2).
pub(super) const COPIED: [HeaderName; 4] =
    [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq];

impl<'a> Glance<'a> {
    /// Reads an INVITE or an ACK. `None`: it is neither, or not plain.
    pub(crate) fn at(bytes: &'a [u8], limits: &Limits) -> Option<Self> {
        let (method, behind) = if let Some(behind) = bytes.strip_prefix(b"INVITE ") {
            (Method::Invite, behind)
        } else {
            (Method::Ack, bytes.strip_prefix(b"ACK ")?)
        };
        let mut lines = Lines { rest: behind, is_over: false };
        let uri = plain(lines.next()?.strip_suffix(b" SIP/2.0")?)?;
        if uri.is_empty() || uri.len() > limits.uri_bytes_max || uri.contains(' ') {
            return None;
        }
        let (mut vias, mut copied) = (SmallVec::<[&str; VIA_LINES_MAX]>::new(), [""; COPIED.len()]);
        let (mut priority, mut has_authorization) = ("", false);
        for (count, line) in lines.by_ref().enumerate() {
            if count == LINES_MAX || line.len() > limits.header_bytes_max {
                return None;
            }
            let colon = find(b':', line)?;
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            let header = HeaderName::parse(without_blanks_behind(name));
            if header == HeaderName::Via {
                if vias.len() == VIA_LINES_MAX {
                    return None;
                }
                vias.push(plain(value)?);
            } else if let Some(place) = COPIED.iter().position(|copied| *copied == header) {
                let value = plain(value)?;
                if value.is_empty() || !copied[place].is_empty() {
                    return None;
                }
                copied[place] = value;
            } else if header == HeaderName::Authorization {
                has_authorization = true;
            } else if header == HeaderName::Other
                && without_blanks_behind(name).eq_ignore_ascii_case(b"priority")
            {
                priority = plain(value)?;
            }
        }
        if !lines.is_over {
            return None;
        }
        let [from, to, call_id, cseq] = copied;
        let topmost = *vias.first()?;
        let via = Via::parse(list::values(topmost).next()?)?;
        let (from, to, cseq) = (NameAddr::parse(from)?, NameAddr::parse(to)?, CSeq::parse(cseq)?);
        let to_tag = match to.param("tag") {
            Some("") => return None,
            tag => tag.unwrap_or(""),
        };
        let is_fit = !topmost.starts_with(',')
            && cseq.method == method
            && !call_id.is_empty()
            && !call_id.contains([' ', '\t']);
        is_fit.then_some(Self {
            method,
            uri,
            via,
            from_tag: from.tag(),
            to_tag,
            call_id,
            cseq: cseq.number,
            priority,
            has_authorization,
            vias,
            copied,
        })
    }
}

/// A value without the blanks around it, if it is text without control characters.
fn plain(value: &[u8]) -> Option<&str> {
    // Without an early end, so that many octets are looked at at once.
    if value.iter().fold(false, |found, &b| found | (b < b' ' && b != b'\t') | (b == 0x7f)) {
        return None;
    }
    std::str::from_utf8(value.trim_ascii()).ok()
}

fn without_blanks_behind(name: &[u8]) -> &[u8] {
    let blanks = name.iter().rev().take_while(|&&b| matches!(b, b' ' | b'\t')).count();
    &name[..name.len() - blanks]
}

/// The lines up to the empty one; none after a line that is folded, or does not end as lines do.
struct Lines<'a> {
    rest: &'a [u8],
    /// The empty line was there.
    is_over: bool,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (line, rest) = self.rest.split_at(find(b'\n', self.rest)? + 1);
        let line = line.strip_suffix(b"\r\n")?;
        self.rest = rest;
        match line.first() {
            Some(b' ' | b'\t') => None,
            Some(_) => Some(line),
            None => {
                self.is_over = true;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{Framing, Message, response, response_at_a_glance};

    const INVITE: &str = "INVITE sip:bob@h SIP/2.0\r\n\
        Via: SIP/2.0/UDP 10.0.0.5:5062;rport;branch=z9hG4bKa, SIP/2.0/TCP p;branch=z9hG4bKb\r\n\
        v: SIP/2.0/UDP far\r\n\
        From:  \"J\u{f6}rg\" <sip:a@b>;tag=1\r\n\
        To: <sip:bob@h>\r\n\
        i: c@h\r\n\
        CSeq: 7 INVITE\r\n\
        Priority: urgent\r\n\
        Authorization: Digest\r\n\
        Content-Length: 2\r\n\r\nx:";

    fn at(text: &str) -> Option<Glance<'_>> {
        Glance::at(text.as_bytes(), &Limits::DEFAULT)
    }

    #[test]
    fn a_glance_sees_what_the_scan_sees() {
        for text in [INVITE.to_owned(), INVITE.replace("INVITE", "ACK").replace("bob@h>", "bob@h>;tag=2")] {
            let glance = at(&text).unwrap();
            let message = Message::scan(text.clone().into(), Framing::Datagram, &Limits::DEFAULT).unwrap();
            message.validate(&Limits::DEFAULT).unwrap();
            assert_eq!((glance.method, glance.uri), (message.method(), message.request_uri()));
            assert_eq!(Some(glance.via), message.via());
            assert_eq!((glance.from_tag, glance.to_tag), (message.from_tag(), message.to_tag()));
            assert_eq!((glance.call_id, glance.cseq), (message.call_id(), message.cseq().number));
            assert_eq!((glance.priority, glance.has_authorization), ("urgent", true));
        }
    }

    /// Some bytes of a request changed, left out or said twice.
    fn mangled() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop::sample::select(b" \t\r\n:;,<>\"=\0\xffIiTtVv1a".to_vec());
        let change = (0..INVITE.len(), 0..3_u8, bytes);
        prop::collection::vec(change, 0..4).prop_map(|changes| {
            let mut text = INVITE.as_bytes().to_vec();
            for (at, kind, byte) in changes {
                let at = at.min(text.len() - 1);
                match kind {
                    0 => text[at] = byte,
                    1 => drop(text.remove(at)),
                    _ => text.insert(at, byte),
                }
            }
            text
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_096, ..ProptestConfig::default() })]

        #[test]
        fn whatever_a_glance_sees_the_scan_sees(text in mangled()) {
            if let Some(glance) = Glance::at(&text, &Limits::DEFAULT) {
                let message = Message::scan(text.clone().into(), Framing::Datagram, &Limits::DEFAULT).unwrap();
                prop_assert_eq!(glance.uri, message.request_uri());
                prop_assert_eq!(Some(glance.via), message.via());
                prop_assert_eq!((glance.from_tag, glance.to_tag), (message.from_tag(), message.to_tag()));
                prop_assert_eq!((glance.call_id, glance.cseq), (message.call_id(), message.cseq().number));
                let source = "192.0.2.9:5060".parse().unwrap();
                let answer = response(&message, 503, source).to_tag("x").finish();
                let at_a_glance = response_at_a_glance(&glance, 503, source, "x", Vec::new()).finish();
                prop_assert_eq!(answer, at_a_glance);
            }
        }
    }

    #[test]
    fn what_is_not_plain_is_nothing_to_glance_at() {
        assert!(at(INVITE).is_some());
        let changes = [
            ("INVITE sip", "invite sip"),
            ("INVITE sip", "OPTIONS sip"),
            (" SIP/2.0\r\nVia", " SIP/3.0\r\nVia"),
            ("sip:bob@h SIP", "sip:bob @h SIP"),
            ("far\r\n", "far\n"),
            ("far\r\n", "far\r\n \r\n"),
            ("\"J", "\"\0J"),
            ("i: c@h", "i: "),
            ("i: c@h", "i: c h"),
            ("i: c@h", "X: c@h"),
            ("7 INVITE", "7 BYE"),
            ("Priority: urgent", "To: <sip:carol@h>"),
            ("Via: SIP", "Via: ,SIP"),
            ("Via: SIP/2.0/UDP", "Via: SIP"),
            ("bob@h>", "bob@h>;tag="),
            ("Content-Length", "\r\nContent-Length"),
            ("\r\n\r\nx:", "\r\n"),
        ];
        for (plain, other) in changes {
            let text = INVITE.replacen(plain, other, 1);
            let is_earlier_end = other.starts_with("\r\nContent");
            assert_eq!(at(&text).is_some(), is_earlier_end, "{text}");
        }
        assert!(Glance::at(&INVITE.replace('J', "\u{1}").into_bytes(), &Limits::DEFAULT).is_none());
        let mut latin = INVITE.as_bytes().to_vec();
        let place = latin.iter().position(|&b| b == 0xc3).unwrap();
        latin[place] = 0xff;
        assert!(Glance::at(&latin, &Limits::DEFAULT).is_none());
        for (line, count) in [("Via: SIP/2.0/UDP h\r\n", VIA_LINES_MAX), ("X: y\r\n", LINES_MAX)] {
            let text = INVITE.replace("Priority", &(line.repeat(count) + "Priority"));
            assert!(at(&text).is_none(), "{line}");
        }
        assert!(at(&INVITE.replace("bob@h SIP", &format!("{} SIP", "b".repeat(3_000)))).is_none());
        for end in 0..INVITE.len() - 2 {
            assert!(Glance::at(&INVITE.as_bytes()[..end], &Limits::DEFAULT).is_none());
        }
    }
}
