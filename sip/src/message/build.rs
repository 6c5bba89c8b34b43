//! Writing messages: one buffer, no way to emit a line end that came from data.

use std::fmt::Display;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::{HeaderName, Message, Method};

/// A message being written.
#[derive(Debug)]
pub struct Builder {
    buffer: BytesMut,
}

#[allow(missing_docs, unused_variables, clippy::todo, reason = "skeleton")]
pub fn request(method: Method, uri: &str) -> Builder { todo!() }
#[allow(missing_docs, unused_variables, clippy::todo, reason = "skeleton")]
pub fn response(to: &Message, status: u16, source: SocketAddr) -> Builder { todo!() }

#[allow(missing_docs, unused_variables, clippy::todo, reason = "skeleton")]
impl Builder {
    pub fn reason(self, reason: &str) -> Self { todo!() }
    pub fn to_tag(self, tag: &str) -> Self { todo!() }
    pub fn header(self, name: HeaderName, value: impl Display) -> Self { todo!() }
    pub fn raw(self, name: &str, value: impl Display) -> Self { todo!() }
    pub fn copy(self, from: &Message, name: HeaderName) -> Self { todo!() }
    pub fn body(self, content_type: &str, body: &[u8]) -> Bytes { todo!() }
    pub fn finish(self) -> Bytes { self.buffer.freeze() }
}
