//! The scanner: finds start line, headers and body in one pass over the bytes.

use bytes::Bytes;

use super::{HeaderName, Limits, Method, NameAddr, Via};

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

/// A SIP message as received: the bytes and where things are in them.
#[derive(Clone, Debug)]
pub struct Message {
    bytes: Bytes,
}

#[allow(missing_docs, unused_variables, clippy::todo, reason = "skeleton")]
impl Message {
    pub fn scan(bytes: Bytes, framing: Framing, limits: &Limits) -> Result<Self, Malformed> { todo!() }
    pub fn validate(&self, limits: &Limits) -> Result<(), Malformed> { todo!() }
    pub fn answerable(&self) -> bool { todo!() }
    pub fn bytes(&self) -> &Bytes { &self.bytes }
    pub fn start(&self) -> StartLine<'_> { todo!() }
    pub fn is_request(&self) -> bool { todo!() }
    pub fn method(&self) -> Method { todo!() }
    pub fn method_text(&self) -> &str { todo!() }
    pub fn status(&self) -> u16 { todo!() }
    pub fn request_uri(&self) -> &str { todo!() }
    pub fn call_id(&self) -> &str { todo!() }
    pub fn cseq(&self) -> CSeq<'_> { todo!() }
    pub fn via(&self) -> Option<Via<'_>> { todo!() }
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> { std::iter::empty() }
    pub fn from(&self) -> Option<NameAddr<'_>> { todo!() }
    pub fn to(&self) -> Option<NameAddr<'_>> { todo!() }
    pub fn from_tag(&self) -> &str { todo!() }
    pub fn to_tag(&self) -> &str { todo!() }
    pub fn contacts(&self) -> impl Iterator<Item = NameAddr<'_>> { std::iter::empty() }
    pub fn max_forwards(&self) -> Option<u32> { todo!() }
    pub fn expires(&self) -> Option<u32> { todo!() }
    pub fn content_type(&self) -> Option<&str> { todo!() }
    pub fn body(&self) -> &[u8] { todo!() }
    pub fn body_bytes(&self) -> Bytes { todo!() }
    pub fn value(&self, name: HeaderName) -> Option<&str> { todo!() }
    pub fn lines(&self, name: HeaderName) -> impl Iterator<Item = &str> { std::iter::empty() }
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &str> { std::iter::empty() }
    pub fn has_option(&self, name: HeaderName, tag: &str) -> bool { todo!() }
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, &[u8], &[u8])> { std::iter::empty() }
    pub fn other(&self, name: &str) -> Option<&str> { todo!() }
}
