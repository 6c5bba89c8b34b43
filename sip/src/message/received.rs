//! A message as received: the bytes, and views that read values out of them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::scan::{Line, Lines, Readable, Start, decimal};
use super::views::Views;
use super::{HeaderName, Malformed, Method, NameAddr, Via, chars, list};

/// The first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// The method.
        method: Method,
        /// The method as sent.
        method_text: &'a str,
        /// The Request-URI as sent.
        uri: &'a str,
    },
    /// A response.
    Response {
        /// 100 to 699.
        status: u16,
        /// The reason phrase as sent.
        reason: &'a [u8],
    },
}

/// The CSeq header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CSeq<'a> {
    /// Sequence number.
    pub number: u32,
    /// The method.
    pub method: Method,
    /// The method as sent.
    pub method_text: &'a str,
}

impl<'a> CSeq<'a> {
    /// Reads `number LWS method`. `None` beyond 32 bits and for a method that is no token.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = list::trim(text);
        let (number, method_text) = text.split_at(list::find_space(text)?);
        let method_text = list::trim(method_text);
        let number = u32::try_from(decimal(number.as_bytes())?).ok()?;
        let method = Method::parse(method_text.as_bytes());
        let well_formed = method != Method::Other || chars::is_token(method_text.as_bytes());
        well_formed.then_some(Self { number, method, method_text })
    }
}

/// A SIP message as received: the bytes and where things are in them. Cheap to clone.
#[derive(Clone)]
pub struct Message {
    pub(super) bytes: Bytes,
    pub(super) readable: Option<Arc<Readable>>,
    pub(super) start: Start,
    pub(super) lines: Lines,
    pub(super) body: Range<u32>,
    pub(super) views: Views,
    pub(super) defect: Option<Malformed>,
}

impl Message {
    /// Exactly what was given to [`Message::scan`].
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The first line.
    pub fn start(&self) -> StartLine<'_> {
        match &self.start {
            Start::Request { method, .. } => StartLine::Request {
                method: *method,
                method_text: self.method_text(),
                uri: self.request_uri(),
            },
            Start::Response { status, reason } => {
                StartLine::Response { status: *status, reason: &self.bytes[wide(reason)] }
            }
        }
    }

    /// Whether this is a request.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The method of the request, or of the CSeq of a response.
    pub fn method(&self) -> Method {
        match &self.start {
            Start::Request { method, .. } => *method,
            Start::Response { .. } => self.cseq().method,
        }
    }

    /// The method as sent.
    pub fn method_text(&self) -> &str {
        match &self.start {
            Start::Request { method: Method::Other, method_text, .. } => self.repaired(wide(method_text)),
            Start::Request { method, .. } => method.name(),
            Start::Response { .. } => self.cseq().method_text,
        }
    }

    /// The status; 0 for a request.
    pub const fn status(&self) -> u16 {
        match self.start {
            Start::Request { .. } => 0,
            Start::Response { status, .. } => status,
        }
    }

    /// The Request-URI as sent; `""` for a response.
    pub fn request_uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => self.repaired(wide(uri)),
            Start::Response { .. } => "",
        }
    }

    /// The Call-ID; `""` if there is none.
    pub fn call_id(&self) -> &str {
        self.value(HeaderName::CallId).unwrap_or("")
    }

    /// The CSeq; number 0 and no method if it cannot be read, which [`Message::validate`] refuses.
    pub fn cseq(&self) -> CSeq<'_> {
        self.views.cseq(self).unwrap_or(CSeq { number: 0, method: Method::Other, method_text: "" })
    }

    /// The topmost Via.
    pub fn via(&self) -> Option<Via<'_>> {
        self.views.via(self)
    }

    /// All Via values over all lines; those that cannot be read are left out.
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> {
        self.values(HeaderName::Via).filter_map(Via::parse)
    }

    /// From. An octet of its display name that is not UTF-8 reads as a question mark.
    pub fn from(&self) -> Option<NameAddr<'_>> {
        self.views.from(self)
    }

    /// To, read like [`Message::from`].
    pub fn to(&self) -> Option<NameAddr<'_>> {
        self.views.to(self)
    }

    /// The tag of From; `""` if there is none.
    pub fn from_tag(&self) -> &str {
        self.views.tag_of_from(self)
    }

    /// The tag of To; `""` if there is none.
    pub fn to_tag(&self) -> &str {
        self.views.tag_of_to(self)
    }

    /// All Contact values, read like [`Message::from`]; the wildcard yields one whose URI is `*`.
    pub fn contacts(&self) -> impl Iterator<Item = NameAddr<'_>> {
        self.contact_values().filter_map(NameAddr::parse)
    }

    pub(super) fn contact_values(&self) -> impl Iterator<Item = &str> {
        self.lines_of(HeaderName::Contact).flat_map(|line| list::values(self.repaired(line.value_range())))
    }

    /// Max-Forwards; `None` if it is absent or no number.
    pub fn max_forwards(&self) -> Option<u32> {
        self.number(HeaderName::MaxForwards)
    }

    /// Expires, in seconds, capped at the largest value; `None` if it is absent or no number.
    pub fn expires(&self) -> Option<u32> {
        self.number(HeaderName::Expires)
    }

    fn number(&self, name: HeaderName) -> Option<u32> {
        let number = decimal(self.text(self.line(name)?.value_range()))?;
        Some(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// Content-Type with its parameters.
    pub fn content_type(&self) -> Option<&str> {
        self.value(HeaderName::ContentType)
    }

    /// The body as Content-Length cuts it; to the end of the datagram if there is none.
    pub fn body(&self) -> &[u8] {
        &self.bytes[wide(&self.body)]
    }

    /// The body, sharing the message's memory.
    pub fn body_bytes(&self) -> Bytes {
        self.bytes.slice(wide(&self.body))
    }

    /// The value of the first line of this header, trimmed, folds as spaces. `None` if it is absent or not UTF-8.
    pub fn value(&self, name: HeaderName) -> Option<&str> {
        self.line(name).and_then(|line| std::str::from_utf8(self.text(line.value_range())).ok())
    }

    /// The values of this header, one per line; lines that are not UTF-8 are left out.
    pub fn lines(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        self.lines_of(name).filter_map(|line| std::str::from_utf8(self.text(line.value_range())).ok())
    }

    /// The values of this header over all lines, comma lists split outside quotes and `<>`.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        self.lines(name).flat_map(list::values)
    }

    /// Whether a list of tokens has this one, without regard to case: `(Supported, "100rel")`.
    pub fn has_option(&self, name: HeaderName, tag: &str) -> bool {
        self.values(name).any(|value| value.eq_ignore_ascii_case(tag))
    }

    /// All headers in order: name, name as sent, value with folds as spaces.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, &[u8], &[u8])> {
        self.lines
            .iter()
            .map(|line| (line.name, &self.bytes[line.name_range()], self.text(line.value_range())))
    }

    /// The names of all headers in order, those that are not known as [`HeaderName::Other`].
    pub fn names(&self) -> impl Iterator<Item = HeaderName> {
        self.lines.iter().map(|line| line.name)
    }

    /// The first header with this name, compared without regard to case; for names [`HeaderName`] does not have.
    pub fn other(&self, name: &str) -> Option<&str> {
        let named = |line: &&Line| self.bytes[line.name_range()].eq_ignore_ascii_case(name.as_bytes());
        let line = self.lines.iter().find(named)?;
        std::str::from_utf8(self.text(line.value_range())).ok()
    }

    /// The values of all headers with this name, as [`Self::values`]; for names [`HeaderName`] does not have.
    pub fn other_values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = |line: &&Line| self.bytes[line.name_range()].eq_ignore_ascii_case(name.as_bytes());
        let texts = self.lines.iter().filter(named).map(|line| self.text(line.value_range()));
        texts.filter_map(|text| std::str::from_utf8(text).ok()).flat_map(list::values)
    }

    pub(super) fn line(&self, name: HeaderName) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }

    pub(super) fn lines_of(&self, name: HeaderName) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.name == name)
    }

    /// The bytes with folds as spaces. The range must lie in the header section.
    pub(super) fn text(&self, range: Range<usize>) -> &[u8] {
        match &self.readable {
            None => &self.bytes[range],
            Some(readable) => &readable.unfolded[range],
        }
    }

    /// The same with question marks for octets that are not UTF-8.
    pub(super) fn repaired(&self, range: Range<usize>) -> &str {
        match &self.readable {
            None => std::str::from_utf8(&self.bytes[range])
                .expect("the scan found the header section to be UTF-8"),
            Some(readable) => &readable.utf8[range],
        }
    }
}

impl fmt::Debug for Message {
    /// Start line and sizes only: headers and bodies carry credentials and people's names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("start", &self.start())
            .field("headers", &self.lines.len())
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

const fn wide(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn scan(text: impl AsRef<[u8]>) -> Message {
        let bytes = Bytes::copy_from_slice(text.as_ref());
        Message::scan(bytes, Framing::Datagram, &Limits::DEFAULT).unwrap()
    }

    #[test]
    fn folded_compact_and_spaced_headers_read_alike() {
        let message = scan(
            "\r\n\r\nOPTIONS sip:a SIP/2.0\nTO :\r\n sip:x@y ;   tag    = 19n\r\ncseq: 0009\r\n\t OPTIONS\r\n\
             v:  SIP  / 2.0  / TCP   s   ;\r\n  branch = z  ,\r\n SIP/2.0/UDP t\r\nVIA: SIP/2.0/UDP u\r\n\
             s :\r\nk: a,\r\n b\nSupported: C\r\nl: 2\r\n\r\nab",
        );
        assert_eq!(message.to().map(|to| (to.uri, to.tag())), Some(("sip:x@y", "19n")));
        assert_eq!(message.cseq(), CSeq { number: 9, method: Method::Options, method_text: "OPTIONS" });
        assert_eq!(message.vias().map(|via| via.host).collect::<Vec<_>>(), ["s", "t", "u"]);
        assert_eq!(message.via().unwrap().branch(), "z");
        assert_eq!(message.value(HeaderName::Subject), Some(""));
        assert!(
            message.has_option(HeaderName::Supported, "B") && message.has_option(HeaderName::Supported, "c")
        );
        assert!(!message.has_option(HeaderName::Supported, "d"));
        assert_eq!(message.body(), b"ab");
    }

    #[test]
    fn octets_that_are_not_utf8_stay_in_the_bytes_and_read_as_absent() {
        let message =
            scan(b"SIP/2.0 200 \xff\r\nSubject: a\xffb\r\nf: \"J\xf6rg\" <sip:a@b>;tag=1\r\nX-Y: z\r\n\r\n");
        assert_eq!(message.start(), StartLine::Response { status: 200, reason: b"\xff" });
        assert_eq!(message.value(HeaderName::Subject), None);
        assert_eq!(message.headers().next().unwrap(), (HeaderName::Subject, &b"Subject"[..], &b"a\xffb"[..]));
        assert_eq!(message.from().map(|from| (from.display, from.tag())), Some(("\"J?rg\"", "1")));
        assert_eq!(message.other("x-y"), Some("z"));
    }

    #[test]
    fn numbers_with_zeros_and_beyond_their_range() {
        let message =
            scan("REGISTER sip:a SIP/2.0\r\nMax-Forwards: 0068\r\nExpires: 99999999999999999999999\r\n\r\n");
        assert_eq!((message.max_forwards(), message.expires()), (Some(68), Some(u32::MAX)));
        assert_eq!(CSeq::parse("4294967295 BYE").map(|cseq| cseq.number), Some(u32::MAX));
        for text in ["4294967296 BYE", "36893488147419103232 BYE", "-1 BYE", "1", "BYE", "", "1 B YE", "1 <>"]
        {
            assert_eq!(CSeq::parse(text), None, "{text}");
        }
    }

    #[test]
    fn contacts_over_lines_and_commas() {
        let message =
            scan("REGISTER sip:a SIP/2.0\r\nm: <sip:a@b>;q=1, \"x,y\" <sip:c@d>\r\nContact: *\r\n\r\n");
        assert_eq!(message.contacts().map(|c| c.uri).collect::<Vec<_>>(), ["sip:a@b", "sip:c@d", "*"]);
    }

    #[test]
    fn what_is_printed_for_logs_holds_no_header() {
        let message = scan("REGISTER sip:a SIP/2.0\r\nAuthorization: Digest secret\r\n\r\nsecret");
        assert!(!format!("{message:?}").contains("secret"));
    }
}
