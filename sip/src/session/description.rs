//! The session description that we sent last on a leg.

use std::hash::BuildHasher;
use std::net::IpAddr;

use bytes::Bytes;
use foldhash::quality::FixedState;
use memchr::memmem;

use crate::endpoint::SDP;
use crate::message::Message;
use crate::sdp::{Origin, SdpError, SessionDescription, UNFILLED};

/// Our side of the session: what we sent last, under one `o=` line for the life of the leg (RFC 3264 §8).
#[derive(Debug)]
pub(crate) struct LocalDescription {
    origin: Origin,
    body: Bytes,
    /// What was sent last and not refused: the session as it is.
    agreed: Bytes,
    /// The hash of the peer's offer to which `body` is the answer.
    answered: Option<u64>,
}

impl LocalDescription {
    pub(crate) const fn new(session: u64) -> Self {
        Self {
            origin: Origin { id: session, version: session },
            body: Bytes::new(),
            agreed: Bytes::new(),
            answered: None,
        }
    }

    /// With the session as it is, as it was kept.
    pub(crate) fn restored(origin: Origin, agreed: Bytes) -> Self {
        let version = origin.version + u64::from(agreed.is_empty());
        Self { origin: Origin { version, ..origin }, body: agreed.clone(), agreed, answered: None }
    }

    /// The `o=` line of the session and the session as it is, without keys: where it has some, it is empty.
    pub(crate) fn keep(&self) -> (Origin, Bytes) {
        let has_keys = memmem::find(&self.agreed, b"a=crypto:").is_some();
        (self.origin, if has_keys { Bytes::new() } else { self.agreed.clone() })
    }

    /// What is different when something else was described or agreed to.
    pub(crate) fn version(&self) -> (u64, bool) {
        (self.origin.version, self.agreed == self.body)
    }

    /// Writes a description: byte for byte the last one if it says the same, else with the version one higher.
    pub(crate) fn print(&mut self, description: &SessionDescription, address: IpAddr) -> Bytes {
        let same_version = description.print(self.origin, address);
        if self.body.is_empty() {
            self.body = same_version;
        } else if self.body != same_version {
            self.origin.version += 1;
            self.body = description.print(self.origin, address);
        }
        self.answered = None;
        self.body.clone()
    }

    /// What was sent last; empty if nothing was.
    pub(crate) const fn last(&self) -> &Bytes {
        &self.body
    }

    /// The last description stands: it was answered, or is an answer.
    pub(crate) fn agree(&mut self) {
        self.agreed = self.body.clone();
    }

    /// The session as it is, to be offered again: under the same version unless something else was offered meanwhile.
    pub(crate) fn repeat(&mut self, address: IpAddr) -> Option<Bytes> {
        if self.agreed == self.body {
            return Some(self.body.clone()).filter(|body| !body.is_empty());
        }
        let agreed = SessionDescription::parse(&self.agreed).ok()?;
        let repeated = self.print(&agreed, address);
        self.agree();
        Some(repeated)
    }

    /// Remembers that the last description answered this offer.
    pub(crate) fn answers(&mut self, offer: &[u8]) {
        self.answered = Some(self.hash(offer));
    }

    /// The answer to an offer that is repeated unchanged: a session refresh (RFC 4028 §7.4).
    pub(crate) fn refresh(&self, offer: &[u8]) -> Option<&Bytes> {
        self.answered.filter(|answered| *answered == self.hash(offer)).map(|_| &self.body)
    }

    fn hash(&self, offer: &[u8]) -> u64 {
        FixedState::with_seed(self.origin.id).hash_one(offer)
    }
}

/// Reads the session description of a message. `None`: it carries none.
///
/// # Errors
/// What [`SessionDescription::parse`] says about the body.
pub(crate) fn offered(message: &Message) -> Result<Option<Box<SessionDescription>>, SdpError> {
    let Some(body) = of(message) else { return Ok(None) };
    // A description refers to its text for as long as a leg keeps it: that must not be the whole message.
    let text = Bytes::copy_from_slice(&body);
    SessionDescription::parse(&text).map(|description| Some(Box::new(description)))
}

/// The session description of a response, where one that cannot be read counts as none.
pub(crate) fn preview(message: &Message) -> Option<Box<SessionDescription>> {
    offered(message).ok().flatten()
}

/// The session description of a message, unread: its body, or the part of a multipart body (RFC 5621 §3.1).
pub(crate) fn of(message: &Message) -> Option<Bytes> {
    if message.body().is_empty() {
        return None;
    }
    let value = message.content_type()?;
    let (media_type, params) = value.split_once(';').unwrap_or((value, ""));
    let media_type = media_type.trim();
    if media_type.eq_ignore_ascii_case(SDP) {
        return Some(message.body_bytes());
    }
    let is_multipart = media_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
    if is_multipart { part(&message.body_bytes(), boundary(params)?) } else { None }
}

/// The boundary of a multipart body (RFC 2046 §5.1.1).
fn boundary(params: &str) -> Option<&str> {
    let value = params.split(';').find_map(|param| {
        let (name, value) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    (1..=BOUNDARY_BYTES_MAX).contains(&value.len()).then_some(value)
}

/// The first part that is a session description. Parts inside parts are not looked at.
fn part(body: &Bytes, boundary: &str) -> Option<Bytes> {
    let delimiter = format!("--{boundary}");
    let mut starts = memmem::find_iter(body, delimiter.as_bytes()).take(PARTS_MAX).peekable();
    while let Some(start) = starts.next() {
        let from = start + delimiter.len();
        let to = starts.peek().copied().unwrap_or(body.len());
        let text = body.get(from..to)?;
        let Some(end) = memmem::find(text, b"\r\n\r\n") else { continue };
        let is_type = |line: &[u8]| {
            let (name, value) = line.split_at(memchr::memchr(b':', line).unwrap_or(line.len()));
            let media_type = value.get(1..).unwrap_or_default().trim_ascii();
            name.trim_ascii().eq_ignore_ascii_case(b"content-type")
                && media_type.get(..SDP.len()).is_some_and(|start| start.eq_ignore_ascii_case(SDP.as_bytes()))
        };
        if text[..end].split(|byte| *byte == b'\n').any(is_type) {
            return Some(body.slice(from + end + 4..to));
        }
    }
    None
}

/// RFC 2046 §5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;

/// How many parts of a body are looked at.
const PARTS_MAX: usize = 16;

/// The description that rejects every stream of an offer (RFC 3264 §6).
pub(crate) fn rejecting(offer: &SessionDescription) -> SessionDescription {
    let mut rejected = offer.clone();
    rejected.connection = Some(UNFILLED);
    rejected.lines.clear();
    for media in &mut rejected.media {
        (media.port, media.connection, media.rtcp) = (0, None, None);
        media.lines.clear();
    }
    rejected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Framing, Limits};

    fn message(content_type: &str, body: &str) -> Message {
        let text = format!(
            "SIP/2.0 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Message::scan(text.into(), Framing::Stream, &Limits::DEFAULT).unwrap()
    }

    #[test]
    fn a_description_is_the_body_or_a_part_of_it() {
        let of = |content_type: &str, body: &str| of(&message(content_type, body));
        assert_eq!(of("Application/SDP;charset=utf-8", "v=0"), Some("v=0".into()));
        assert_eq!(of("text/plain", "v=0"), None);
        assert_eq!(of("application/sdp", ""), None);
        let parts = "--x\r\nContent-Type: application/isup\r\n\r\n\0\0\r\n--x\r\ncontent-type : application/sdp\r\n\
            Content-Disposition: session\r\n\r\nv=0\r\n\r\n--x--\r\n";
        assert_eq!(of("multipart/mixed;boundary=x", parts), Some("v=0\r\n\r\n".into()));
        assert_eq!(of("multipart/mixed; Boundary=\"x\"", parts), Some("v=0\r\n\r\n".into()));
        assert_eq!(of("multipart/mixed;boundary=y", parts), None);
        assert_eq!(of("multipart/mixed", parts), None);
        assert_eq!(of("multipart/mixed;boundary=", parts), None);
        assert_eq!(of("multipart/mixed;boundary=x", "--x\r\nContent-Type: application/sdp\r\n"), None);
    }

    #[test]
    fn a_bomb_of_parts_is_not_searched_to_its_end() {
        let bomb = "--x\r\n\r\n".repeat(200);
        let late = format!("{bomb}--x\r\nContent-Type: application/sdp\r\n\r\nv=0");
        assert_eq!(of(&message("multipart/mixed;boundary=x", &late)), None);
    }
}
