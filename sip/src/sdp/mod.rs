//! Session descriptions (RFC 8866) as an engine in the middle needs them: what it must change is typed, every other
//! line is kept as it was and where it was.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

/// Who may send (RFC 3264 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// Only the describing side.
    SendOnly,
    /// Only the other side.
    RecvOnly,
    /// Nobody.
    Inactive,
}

/// A session description. Addresses that are unspecified (`0.0.0.0`, `::`) with `fill` set are replaced by the agent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SessionDescription {
    /// Session-level connection address. `Some(unspecified)` in a description that the switch made: the agent writes
    /// the engine's address on that leg.
    pub connection: Option<IpAddr>,
    /// Session-level direction.
    pub direction: Option<Direction>,
    /// Session-level lines that are kept: everything but `v= o= s= c= t=` and the direction, in order, without line end.
    pub lines: Vec<Bytes>,
    /// The media sections, in order.
    pub media: Vec<MediaDescription>,
}

/// One `m=` section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaDescription {
    /// `audio`, `video`, `image` …
    pub kind: Bytes,
    /// Port; 0 rejects or removes the stream.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl` …
    pub protocol: Bytes,
    /// The formats, in order: payload types for RTP.
    pub formats: Vec<Bytes>,
    /// Media-level connection address.
    pub connection: Option<IpAddr>,
    /// Media-level direction.
    pub direction: Option<Direction>,
    /// `a=rtcp:` port and address (RFC 3605).
    pub rtcp: Option<(u16, Option<IpAddr>)>,
    /// `a=rtcp-mux` (RFC 5761).
    pub rtcp_mux: bool,
    /// Every other line of the section, in order, without line end: `a=rtpmap:0 PCMU/8000`.
    pub lines: Vec<Bytes>,
}

/// The `o=` line of one leg: the same for its life but for the version (RFC 3264 §8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Session id.
    pub id: u64,
    /// Version: one more whenever the description differs from the last one sent.
    pub version: u64,
}

/// A description that cannot be used: answered 400 or 488.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SdpError {
    /// The text is not SDP.
    #[error("line {0} of the session description is malformed")]
    Malformed(u16),
    /// More media sections, formats or lines than the limits allow.
    #[error("the session description has too many {0}")]
    TooMany(&'static str),
}

#[allow(missing_docs, unused_variables, clippy::todo, reason = "skeleton")]
impl SessionDescription {
    /// Reads a description. Tolerates LF line ends and missing `s=`/`t=`; limits: 32 media, 64 formats, 512 lines, 32 KiB.
    pub fn parse(body: &Bytes) -> Result<Self, SdpError> { todo!() }
    /// Writes it with this origin (user name `trunkline`), `address` for every unspecified address.
    pub fn print(&self, origin: Origin, address: IpAddr) -> Bytes { todo!() }
    /// Where RTP of section `index` is to be sent, if it is accepted and has an address.
    pub fn rtp(&self, index: usize) -> Option<SocketAddr> { todo!() }
    /// Where RTCP of section `index` is to be sent.
    pub fn rtcp(&self, index: usize) -> Option<SocketAddr> { todo!() }
    /// The effective direction of section `index`: media level, else session level, else sendrecv.
    pub fn direction(&self, index: usize) -> Direction { todo!() }
    /// Whether the describing side holds section `index` in any of the historic forms: sendonly, inactive, c=0.0.0.0.
    pub fn is_hold(&self, index: usize) -> bool { todo!() }
}
