//! Messages out of a byte stream (RFC 3261 §18.3, RFC 5626 §3.5.1).

use bytes::{Buf, Bytes, BytesMut};

use crate::message::HeaderName;

/// Cuts a stream into messages: by Content-Length, with keep-alives between them.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    head: Head,
    is_broken: bool,
}

/// What lies in a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// One whole message.
    Message(Bytes),
    /// CRLF CRLF: wants [`PONG`] back.
    Ping,
}

/// The answer to a [`Frame::Ping`].
pub const PONG: Bytes = Bytes::from_static(b"\r\n");

/// The longest message, headers and body.
pub const MESSAGE_BYTES_MAX: usize = 65_536;

/// Why a stream cannot be read on: the connection is to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// Content-Length is missing where it is mandatory.
    #[error("a message on a stream has no Content-Length")]
    NoLength,
    /// Content-Length is not a number, or stands twice with different values.
    #[error("Content-Length cannot be read")]
    BadLength,
    /// The message is longer than [`MESSAGE_BYTES_MAX`].
    #[error("a message is longer than {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
}

impl Framer {
    /// A stream at its beginning.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read; gives what is complete. After an error nothing more comes.
    pub fn push(&mut self, bytes: &[u8]) -> impl Iterator<Item = Result<Frame, FrameError>> + use<'_> {
        if !self.is_broken {
            self.buffer.extend_from_slice(bytes);
        }
        std::iter::from_fn(move || {
            if self.is_broken {
                return None;
            }
            let frame = self.next().transpose();
            if matches!(frame, Some(Err(_))) {
                self.is_broken = true;
                self.buffer = BytesMut::new();
            }
            frame
        })
    }

    /// Whether a message has begun and is not complete: a peer that stops here is slow or hostile.
    pub fn is_partial(&self) -> bool {
        self.buffer.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        while let [first, ..] = self.buffer[..] {
            match first {
                b'\r' | b'\n' if self.buffer.starts_with(b"\r\n\r\n") => {
                    self.buffer.advance(4);
                    return Ok(Some(Frame::Ping));
                }
                // A keep-alive that is not complete; more of it may follow.
                b'\r' if b"\r\n\r\n".starts_with(&self.buffer) => return Ok(None),
                b'\r' | b'\n' => self.buffer.advance(1),
                _ => return self.message(),
            }
        }
        Ok(None)
    }

    fn message(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(total) = self.head.read(&self.buffer)? else { return Ok(None) };
        if self.buffer.len() < total {
            return Ok(None);
        }
        self.head = Head::default();
        Ok(Some(Frame::Message(self.buffer.split_to(total).freeze())))
    }
}

/// What is known of the message at the start of the buffer. Each octet is looked at once, however few arrive at a time;
/// lines, folds and lengths are what they are to [`crate::message::Message::scan`].
#[derive(Debug, Default)]
struct Head {
    /// Where the first line begins that is not read.
    line_at: usize,
    /// How much of the buffer holds no end of that line.
    searched: usize,
    content_length: Option<usize>,
    /// Whether the last header was Content-Length.
    is_length: bool,
    /// Length of the message, once its headers have ended.
    total: Option<usize>,
}

impl Head {
    /// The length of the message, as soon as its headers are there.
    fn read(&mut self, buffer: &[u8]) -> Result<Option<usize>, FrameError> {
        while self.total.is_none() {
            let found = memchr::memchr(b'\n', &buffer[self.searched..]);
            let end = found.map_or(buffer.len(), |len| self.searched + len);
            if end > MESSAGE_BYTES_MAX {
                return Err(FrameError::TooLong);
            }
            if found.is_none() {
                self.searched = end;
                return Ok(None);
            }
            let line = &buffer[self.line_at..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let is_start_line = self.line_at == 0;
            self.line_at = end + 1;
            self.searched = end + 1;
            if line.is_empty() {
                let body = self.content_length.ok_or(FrameError::NoLength)?;
                let total = self.line_at.checked_add(body).filter(|total| *total <= MESSAGE_BYTES_MAX);
                self.total = Some(total.ok_or(FrameError::TooLong)?);
            } else if !is_start_line {
                self.header(line)?;
            }
        }
        Ok(self.total)
    }

    fn header(&mut self, line: &[u8]) -> Result<(), FrameError> {
        if matches!(line[0], b' ' | b'\t') {
            // A folded length is legal, and nobody sends it.
            return if self.is_length { Err(FrameError::BadLength) } else { Ok(()) };
        }
        let Some(colon) = memchr::memchr(b':', line) else { return Ok(()) };
        self.is_length = HeaderName::parse(trim(&line[..colon])) == HeaderName::ContentLength;
        if !self.is_length {
            return Ok(());
        }
        let value = trim(&line[colon + 1..]);
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(FrameError::BadLength);
        }
        let length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse::<usize>().ok());
        let length = length.ok_or(FrameError::TooLong)?;
        match self.content_length.replace(length) {
            Some(before) if before != length => Err(FrameError::BadLength),
            Some(_) | None => Ok(()),
        }
    }
}

/// Without space and tab at both ends; anything else there is no part of a length.
fn trim(text: &[u8]) -> &[u8] {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = text.iter().position(|b| !is_blank(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|b| !is_blank(b)).map_or(start, |last| last + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\nl: 0\r\n\r\n";
    const MESSAGE: &[u8] = b"MESSAGE sip:a SIP/2.0\r\nContent-Length : 5\r\n\r\na\0\r\n\r";

    fn frames(framer: &mut Framer, bytes: &[u8]) -> Vec<Result<Frame, FrameError>> {
        framer.push(bytes).collect()
    }

    fn message(bytes: &'static [u8]) -> Result<Frame, FrameError> {
        Ok(Frame::Message(Bytes::from_static(bytes)))
    }

    #[test]
    fn several_messages_in_one_read() {
        let both = [OPTIONS, MESSAGE, b"\r\n", OPTIONS].concat();
        let expected = [message(OPTIONS), message(MESSAGE), message(OPTIONS)];
        assert_eq!(frames(&mut Framer::new(), &both), expected);
    }

    #[test]
    fn a_message_in_reads_of_any_size() {
        let both = [MESSAGE, b"\r\n\r\n", OPTIONS].concat();
        for size in 1..both.len() {
            let mut framer = Framer::new();
            let seen: Vec<_> = both.chunks(size).flat_map(|chunk| frames(&mut framer, chunk)).collect();
            assert_eq!(seen, [message(MESSAGE), Ok(Frame::Ping), message(OPTIONS)], "reads of {size}");
            assert!(!framer.is_partial());
        }
    }

    #[test]
    fn a_ping_is_told_apart_from_the_line_end_behind_a_message() {
        let mut framer = Framer::new();
        assert_eq!(frames(&mut framer, b"\r\n\r\n"), [Ok(Frame::Ping)]);
        assert_eq!(frames(&mut framer, b"\r\n"), []);
        assert!(!framer.is_partial());
        assert_eq!(frames(&mut framer, OPTIONS), [message(OPTIONS)]);
        assert_eq!(frames(&mut framer, b"OPT"), []);
        assert!(framer.is_partial());
    }

    #[test]
    fn a_stream_without_a_readable_length_is_given_up() {
        let broken = |headers: &str| {
            let mut framer = Framer::new();
            let first = frames(&mut framer, format!("OPTIONS sip:a SIP/2.0\r\n{headers}\r\n\r\n").as_bytes());
            assert_eq!(frames(&mut framer, OPTIONS), []);
            first
        };
        assert_eq!(broken("a: b"), [Err(FrameError::NoLength)]);
        assert_eq!(broken("Content-Length: -1"), [Err(FrameError::BadLength)]);
        assert_eq!(broken("Content-Length: 1\r\nl: 2"), [Err(FrameError::BadLength)]);
        assert_eq!(broken("Content-Length: 99999999999999999999999"), [Err(FrameError::TooLong)]);
        assert_eq!(broken("Content-Length: 65536"), [Err(FrameError::TooLong)]);
        assert_eq!(broken("Content-Length: 1\r"), [Err(FrameError::BadLength)]);
        assert_eq!(broken("Content-Length:\r\n 1"), [Err(FrameError::BadLength)]);
        assert_eq!(broken("Content-Length: 1\r\n 1"), [Err(FrameError::BadLength)]);
    }

    #[test]
    fn line_ends_and_folds_are_those_of_the_scanner() {
        for text in [
            "OPTIONS sip:a SIP/2.0\nl: 0\n\r\n",
            "OPTIONS sip:a SIP/2.0\r\nl: 0\r\n\n",
            "OPTIONS sip:a SIP/2.0\r\nx: y\r\n l: 9\r\nl: 0\r\n\r\n",
            "l: 9\r\nl : 0\r\n\r\n",
        ] {
            assert_eq!(frames(&mut Framer::new(), text.as_bytes()), [message(text.as_bytes())], "{text}");
        }
    }

    #[test]
    fn headers_that_never_end_are_given_up() {
        let mut framer = Framer::new();
        let line = [b'a'; 1024];
        let errors = (0..100).flat_map(|_| frames(&mut framer, &line)).collect::<Vec<_>>();
        assert_eq!(errors, [Err(FrameError::TooLong)]);
        let lines = "a: b\r\n".repeat(20_000) + "\r\n";
        for read in [1_000, lines.len()] {
            let mut framer = Framer::new();
            let errors = lines
                .as_bytes()
                .chunks(read)
                .flat_map(|piece| frames(&mut framer, piece))
                .collect::<Vec<_>>();
            assert_eq!(errors, [Err(FrameError::TooLong)], "reads of {read}");
        }
    }
}
