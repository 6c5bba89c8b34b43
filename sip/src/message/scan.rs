//! The scanner: finds start line, headers and body in one pass over the bytes, without copying.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::find::find;
use super::views::Views;
use super::{HeaderName, Limits, Message, Method, chars};

/// How the end of a message is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// One datagram: octets past Content-Length are ignored, too few are an error (RFC 3261 §18.3).
    Datagram,
    /// Cut out of a stream by Content-Length: the bytes are exactly one message.
    Stream,
}

/// What is wrong with a message, as the response that says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{status} {reason}")]
pub struct Malformed {
    /// The status to answer: 400, 413, 414, 416, 505.
    pub status: u16,
    /// The reason phrase, naming the element at fault.
    pub reason: &'static str,
}

impl Malformed {
    pub(super) const fn bad_request(reason: &'static str) -> Self {
        Self { status: 400, reason }
    }
}

/// Header lines indexed without an allocation.
const LINES_INLINE: usize = 32;

pub(super) type Lines = SmallVec<[Line; LINES_INLINE]>;

/// One header line: offsets into the message. The value is trimmed and may span folds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    name_start: u32,
    /// From the start of the name.
    value_offset: u16,
    value_len: u16,
    name_len: u8,
    pub(super) name: HeaderName,
}

/// With its folds; what a [`Line`] can hold.
const LINE_BYTES_MAX: usize = u16::MAX as usize;

impl Line {
    fn new(name: HeaderName, at: Range<usize>, value: Range<usize>) -> Option<Self> {
        let mut line = Self {
            name_start: narrow(at.start),
            value_offset: 0,
            value_len: 0,
            name_len: u8::try_from(at.len()).ok()?,
            name,
        };
        line.set_value(value);
        Some(line)
    }

    fn set_value(&mut self, value: Range<usize>) {
        let short = |len: usize| u16::try_from(len).expect("header lines are no longer than LINE_BYTES_MAX");
        self.value_offset = short(value.start - self.name_start as usize);
        self.value_len = short(value.len());
    }

    pub(super) const fn name_range(&self) -> Range<usize> {
        self.name_start as usize..self.name_start as usize + self.name_len as usize
    }

    pub(super) const fn value_range(&self) -> Range<usize> {
        let start = self.name_start as usize + self.value_offset as usize;
        start..start + self.value_len as usize
    }
}

/// The first line, as offsets.
#[derive(Clone, Debug)]
pub(super) enum Start {
    Request { method: Method, method_text: Range<u32>, uri: Range<u32> },
    Response { status: u16, reason: Range<u32> },
}

/// Copies of the header section, made only where the bytes as received cannot be read in place. Same length, so every
/// offset holds in them.
#[derive(Debug)]
pub(super) struct Readable {
    /// Line ends of folds are spaces.
    pub(super) unfolded: Box<[u8]>,
    /// And each octet that is not UTF-8 is a question mark.
    pub(super) utf8: Box<str>,
}

impl Message {
    /// Finds start line, headers and body. Allocates nothing for a message without folds and with at most 32 header
    /// lines.
    ///
    /// A message that can be answered is returned even if it is wrong; [`Message::validate`] then says what to answer.
    /// Empty lines before the start line are skipped, a lone LF ends a line (RFC 3261 §7.5; practice).
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are no request and no response of SIP/2.0 with a status of 100 to 699: nothing to
    /// answer to.
    pub fn scan(bytes: Bytes, framing: Framing, limits: &Limits) -> Result<Self, Malformed> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Malformed { status: 413, reason: "Message Too Large" });
        }
        let mut scanner = Scanner { raw: &bytes, at: 0, defect: None, folded: false };
        if bytes.len() > limits.message_bytes_max {
            scanner.defect(Malformed { status: 413, reason: "Message Too Large" });
        }
        let start = scanner.start_line()?;
        let lines = scanner.header_lines(limits);
        let header_end = scanner.at;
        let body = scanner.body(&lines, framing);
        let readable = scanner.readable(header_end);
        let defect = scanner.defect;
        let mut message = Self { bytes, readable, start, lines, body, views: Views::default(), defect };
        message.views = Views::of(&message);
        Ok(message)
    }
}

struct Scanner<'a> {
    raw: &'a [u8],
    at: usize,
    defect: Option<Malformed>,
    folded: bool,
}

impl Scanner<'_> {
    /// Keeps the first thing found wrong.
    fn defect(&mut self, malformed: Malformed) {
        self.defect.get_or_insert(malformed);
    }

    /// The next line without its end; `None` if the bytes end before the line does.
    fn next_line(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let mut end = start + find(b'\n', &self.raw[start..])?;
        self.at = end + 1;
        if end > start && self.raw[end - 1] == b'\r' {
            end -= 1;
        }
        Some(start..end)
    }

    fn start_line(&mut self) -> Result<Start, Malformed> {
        let leading = self.raw.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        self.at = leading;
        let Some(line) = self.next_line() else {
            return Err(Malformed::bad_request("Bad Start Line"));
        };
        if starts_with_sip(&self.raw[line.clone()]) {
            self.status_line(line)
        } else {
            self.request_line(line)
        }
    }

    fn request_line(&mut self, line: Range<usize>) -> Result<Start, Malformed> {
        const BAD: Malformed = Malformed::bad_request("Bad Request Line");
        let text = &self.raw[line.clone()];
        // Spaces behind the version are ignored (RFC 4475 §3.1.2.10).
        let text = &text[..text.len() - text.iter().rev().take_while(|&&b| is_blank(b)).count()];
        let method_len = text.iter().position(|&b| b == b' ').ok_or(BAD)?;
        let version_at = text.iter().rposition(|&b| b == b' ').ok_or(BAD)?;
        let version = &text[version_at + 1..];
        if method_len == 0 || method_len >= version_at || !starts_with_sip(version) {
            return Err(BAD);
        }
        if version != b"SIP/2.0" && !version.eq_ignore_ascii_case(b"SIP/2.0") {
            self.defect(Malformed { status: 505, reason: "Version Not Supported" });
        }
        let method = Method::parse(&text[..method_len]);
        if method == Method::Other && !chars::is_token(&text[..method_len]) {
            self.defect(Malformed::bad_request("Bad Method"));
        }
        let uri = line.start + method_len + 1..line.start + version_at;
        if uri.is_empty() || chars::any(&self.raw[uri.clone()], chars::BLANK_OR_CONTROL) {
            self.defect(Malformed::bad_request("Bad Request-URI"));
        }
        let uri = narrow_range(trim(self.raw, uri));
        Ok(Start::Request { method, method_text: narrow_range(line.start..line.start + method_len), uri })
    }

    fn status_line(&self, line: Range<usize>) -> Result<Start, Malformed> {
        const BAD: Malformed = Malformed::bad_request("Bad Status Line");
        let text = &self.raw[line.clone()];
        let version_len = find(b' ', text).ok_or(BAD)?;
        if !text[..version_len].eq_ignore_ascii_case(b"SIP/2.0") {
            return Err(Malformed { status: 505, reason: "Version Not Supported" });
        }
        let code_at = version_len + text[version_len..].iter().take_while(|&&b| is_blank(b)).count();
        let code_len = text[code_at..].iter().take_while(|&&b| !is_blank(b)).count();
        let status = match text[code_at..code_at + code_len] {
            [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
            }
            _ => return Err(BAD),
        };
        let reason_at = (line.start + code_at + code_len + 1).min(line.end);
        Ok(Start::Response { status, reason: narrow_range(reason_at..line.end) })
    }

    /// Indexes header lines up to and including the empty line.
    fn header_lines(&mut self, limits: &Limits) -> Lines {
        let line_bytes_max = limits.header_bytes_max.min(LINE_BYTES_MAX);
        let mut lines = Lines::new();
        loop {
            let Some(line) = self.next_line() else {
                self.defect(Malformed::bad_request("Header Section Does Not End"));
                self.at = self.raw.len();
                return lines;
            };
            if line.is_empty() {
                return lines;
            }
            if is_blank(self.raw[line.start]) {
                self.fold(lines.last_mut(), line, line_bytes_max);
                continue;
            }
            if lines.len() >= limits.headers_max {
                self.defect(Malformed::bad_request("Too Many Headers"));
                self.at = self.raw.len();
                return lines;
            }
            if line.len() > line_bytes_max {
                self.defect(Malformed::bad_request("Header Too Long"));
                continue;
            }
            match self.header_line(line) {
                Some(found) => lines.push(found),
                None => self.defect(Malformed::bad_request("Bad Header Line")),
            }
        }
    }

    fn header_line(&self, line: Range<usize>) -> Option<Line> {
        let colon = line.start + self.raw[line.clone()].iter().position(|&b| b == b':')?;
        let mut name_end = colon;
        while name_end > line.start && is_blank(self.raw[name_end - 1]) {
            name_end -= 1;
        }
        let name = &self.raw[line.start..name_end];
        if name.is_empty() {
            return None;
        }
        Line::new(HeaderName::parse(name), line.start..name_end, trim(self.raw, colon + 1..line.end))
    }

    /// A line that begins with white space continues the header before it (RFC 3261 §7.3.1).
    fn fold(&mut self, header: Option<&mut Line>, line: Range<usize>, line_bytes_max: usize) {
        self.folded = true;
        let Some(header) = header else {
            self.defect(Malformed::bad_request("Bad Header Line"));
            return;
        };
        if line.end - header.name_start as usize > line_bytes_max {
            self.defect(Malformed::bad_request("Header Too Long"));
            return;
        }
        let more = trim(self.raw, line);
        let value = header.value_range();
        if value.is_empty() {
            header.set_value(more);
        } else if !more.is_empty() {
            header.set_value(value.start..more.end);
        }
    }

    fn body(&mut self, lines: &[Line], framing: Framing) -> Range<u32> {
        let available = self.raw.len() - self.at;
        let body_len = match self.content_length(lines) {
            None => available,
            Some(announced) if announced > available => {
                self.defect(Malformed::bad_request("Content-Length Beyond Message"));
                available
            }
            Some(announced) => {
                if framing == Framing::Stream && announced < available {
                    self.defect(Malformed::bad_request("Content-Length Mismatch"));
                }
                announced
            }
        };
        narrow_range(self.at..self.at + body_len)
    }

    fn content_length(&mut self, lines: &[Line]) -> Option<usize> {
        let mut length = None;
        for line in lines.iter().filter(|line| line.name == HeaderName::ContentLength) {
            let Some(found) = decimal(&self.raw[line.value_range()]) else {
                self.defect(Malformed::bad_request("Bad Content-Length"));
                continue;
            };
            let found = usize::try_from(found).unwrap_or(usize::MAX);
            if length.is_some_and(|before| before != found) {
                self.defect(Malformed::bad_request("Conflicting Content-Length"));
            }
            length.get_or_insert(found);
        }
        length
    }

    fn readable(&self, header_end: usize) -> Option<Arc<Readable>> {
        let header = &self.raw[..header_end];
        if !self.folded && (header.is_ascii() || std::str::from_utf8(header).is_ok()) {
            return None;
        }
        let space = |&b: &u8| if matches!(b, b'\r' | b'\n') { b' ' } else { b };
        let unfolded: Box<[u8]> = header.iter().map(space).collect();
        let mut utf8 = String::with_capacity(unfolded.len());
        for chunk in unfolded.utf8_chunks() {
            utf8.push_str(chunk.valid());
            utf8.extend(chunk.invalid().iter().map(|_| '?'));
        }
        Some(Arc::new(Readable { unfolded, utf8: utf8.into() }))
    }
}

/// Digits only, saturating at the largest value; `None` for anything else.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    })
}

fn starts_with_sip(text: &[u8]) -> bool {
    text.get(..4).is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"SIP/"))
}

const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

fn trim(raw: &[u8], range: Range<usize>) -> Range<usize> {
    let Range { mut start, mut end } = range;
    while start < end && is_blank(raw[start]) {
        start += 1;
    }
    while start < end && is_blank(raw[end - 1]) {
        end -= 1;
    }
    start..end
}

fn narrow_range(range: Range<usize>) -> Range<u32> {
    narrow(range.start)..narrow(range.end)
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).expect("scan refuses messages whose offsets do not fit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::StartLine;

    fn scan(text: &str, framing: Framing) -> Result<Message, Malformed> {
        Message::scan(Bytes::copy_from_slice(text.as_bytes()), framing, &Limits::DEFAULT)
    }

    #[test]
    fn what_is_no_sip_message() {
        for text in [
            "",
            "\r\n\r\n",
            "hello",
            "GET / HTTP/1.1\r\n\r\n",
            "INVITE SIP/2.0\r\n\r\n",
            " sip:a SIP/2.0\r\n\r\n",
            "INVITE sip:a SIP/2.0",
            "SIP/2.0 4294967301 Big\r\n\r\n",
            "SIP/2.0 99 Low\r\n\r\n",
            "SIP/2.0 700 High\r\n\r\n",
            "SIP/2.0\r\n\r\n",
            "SIP/3.0 200 OK\r\n\r\n",
        ] {
            assert!(scan(text, Framing::Datagram).is_err(), "{text}");
        }
    }

    #[test]
    fn reason_phrases_may_be_absent_or_empty() {
        for (line, expected) in [("SIP/2.0 100 ", ""), ("SIP/2.0 100", ""), ("sip/2.0 100 a b ", "a b ")] {
            let message = scan(&format!("{line}\r\n\r\n"), Framing::Datagram).unwrap();
            assert_eq!(message.start(), StartLine::Response { status: 100, reason: expected.as_bytes() });
        }
    }

    #[test]
    fn a_wrong_message_can_still_be_read_and_says_what_is_wrong() {
        let defect = |text: &str, framing| scan(text, framing).unwrap().defect.map(|d| d.status);
        let with = |header: &str| format!("INVITE sip:a SIP/2.0\r\n{header}\r\n\r\nbody");
        assert_eq!(defect(&with("l: 4"), Framing::Datagram), None);
        assert_eq!(defect(&with("l: 4\r\nContent-Length: 4"), Framing::Stream), None);
        assert_eq!(defect(&with("l: 3"), Framing::Datagram), None);
        assert_eq!(defect(&with("l: 3"), Framing::Stream), Some(400));
        assert_eq!(defect(&with("l: 9999"), Framing::Datagram), Some(400));
        assert_eq!(defect(&with("l: 99999999999999999999999"), Framing::Datagram), Some(400));
        assert_eq!(defect(&with("l: -999"), Framing::Datagram), Some(400));
        assert_eq!(defect(&with("l: +4"), Framing::Datagram), Some(400));
        assert_eq!(defect(&with("l:"), Framing::Datagram), Some(400));
        assert_eq!(defect(&with("l: 4\r\nl: 3"), Framing::Datagram), Some(400));
        assert_eq!(defect(&with("no colon"), Framing::Datagram), Some(400));
        assert_eq!(defect(&with(": no name"), Framing::Datagram), Some(400));
        assert_eq!(defect("INVITE sip:a SIP/2.0\r\nl: 0\r\n", Framing::Datagram), Some(400));
        assert_eq!(defect("INVITE sip:a SIP/2.0\r\nl: 0", Framing::Datagram), Some(400));
        assert_eq!(defect("INVITE sip:a SIP/2.0\r\n fold: 0\r\n\r\n", Framing::Datagram), Some(400));
        assert_eq!(defect("INVITE sip:a b SIP/2.0\r\n\r\n", Framing::Datagram), Some(400));
        assert_eq!(defect("INVITE  sip:a  SIP/2.0\r\n\r\n", Framing::Datagram), Some(400));
        assert_eq!(defect("IN<>VITE sip:a SIP/2.0\r\n\r\n", Framing::Datagram), Some(400));
        assert_eq!(defect("INVITE sip:a SIP/7.0\r\n\r\n", Framing::Datagram), Some(505));
        assert_eq!(defect("INVITE sip:a SIP/2.0 \t\r\n\r\n", Framing::Datagram), None);
    }

    #[test]
    fn octets_past_the_length_are_no_body() {
        let message = scan("INVITE sip:a SIP/2.0\nl: 2\n\nabINVITE", Framing::Datagram).unwrap();
        assert_eq!(message.body(), b"ab");
        let message = scan("INVITE sip:a SIP/2.0\n\nabINVITE", Framing::Datagram).unwrap();
        assert_eq!(message.body(), b"abINVITE");
    }

    #[test]
    fn every_limit_holds() {
        let limits =
            Limits { message_bytes_max: 200, header_bytes_max: 40, headers_max: 3, ..Limits::DEFAULT };
        let status = |headers: &str| {
            let text = format!("INVITE sip:a SIP/2.0\r\n{headers}\r\n\r\n");
            let message = Message::scan(text.into(), Framing::Datagram, &limits).unwrap();
            message.defect.map(|defect| (defect.status, defect.reason))
        };
        assert_eq!(status("a: 1\r\nb: 2\r\nc: 3"), None);
        assert_eq!(status("a: 1\r\nb: 2\r\nc: 3\r\nd: 4"), Some((400, "Too Many Headers")));
        assert_eq!(status(&format!("a: {}", "x".repeat(38))), Some((400, "Header Too Long")));
        assert_eq!(status(&format!("a: 1\r\n {}", "x".repeat(38))), Some((400, "Header Too Long")));
        assert_eq!(status(&"x".repeat(200)), Some((413, "Message Too Large")));
    }
}
