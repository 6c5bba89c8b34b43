//! The session description that we sent last on a leg.

use std::net::IpAddr;

use bytes::Bytes;

use crate::endpoint::SDP;
use crate::message::Message;
use crate::sdp::{Origin, SdpError, SessionDescription, UNFILLED};

/// Our side of the session: what we sent last, under one `o=` line for the life of the leg (RFC 3264 §8).
#[derive(Debug)]
pub(crate) struct LocalDescription {
    origin: Origin,
    body: Bytes,
    /// The peer's offer to which `body` is the answer.
    answered: Option<Bytes>,
}

impl LocalDescription {
    pub(crate) const fn new(session: u64) -> Self {
        Self { origin: Origin { id: session, version: session }, body: Bytes::new(), answered: None }
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

    /// Remembers that the last description answered this offer.
    pub(crate) fn answers(&mut self, offer: Bytes) {
        self.answered = Some(offer);
    }

    /// The answer to an offer that is repeated unchanged: a session refresh (RFC 4028 §7.4).
    pub(crate) fn refresh(&self, offer: &[u8]) -> Option<&Bytes> {
        self.answered.as_ref().filter(|answered| ***answered == *offer).map(|_| &self.body)
    }
}

/// Reads the session description of a message. `None`: it carries none.
///
/// # Errors
/// What [`SessionDescription::parse`] says about the body.
pub(crate) fn offered(message: &Message) -> Result<Option<Box<SessionDescription>>, SdpError> {
    if message.body().is_empty() || !is_sdp(message) {
        return Ok(None);
    }
    SessionDescription::parse(&message.body_bytes()).map(|description| Some(Box::new(description)))
}

/// The session description of a response, where one that cannot be read counts as none.
pub(crate) fn preview(message: &Message) -> Option<Box<SessionDescription>> {
    offered(message).ok().flatten()
}

/// Whether the body, if there is one, is a session description.
pub(crate) fn is_sdp(message: &Message) -> bool {
    message.content_type().is_some_and(|value| {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case(SDP)
    })
}

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
