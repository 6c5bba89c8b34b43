//! Session descriptions (RFC 8866) as an engine in the middle needs them: what it must change is typed, every other
//! line is kept as it was and where it was.

mod bridge;
mod bundle;
mod codec;
mod crypto;
mod fingerprint;
mod ice;
mod offer_answer;
mod parse;
mod print;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;

pub use bridge::{
    ENGINE_CODECS, OPUS, OPUS_PARAMETERS, RELAY_CODECS, answer_from_other_leg, answer_locally,
    answer_transcoded, full_offer, hold_answer, is_one_of, lines_for_other_leg, offer_for_other_leg,
};
pub use bundle::Bundle;
pub use codec::Codec;
pub use crypto::{CRYPTO_LINES_MAX, Crypto, masked};
pub use fingerprint::{Dtls, DtlsSetup};
pub use ice::{Ice, OwnIce};
pub use offer_answer::{Agreed, Glare, NoOffer, OfferAnswer};
pub use parse::{BODY_BYTES_MAX, CANDIDATES_MAX, FORMATS_MAX, LINES_MAX, MEDIA_MAX};

/// The address that stands for "the engine's own on this leg" until the agent prints the description.
pub const UNFILLED: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

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

impl Direction {
    /// As it stands behind `a=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether the describing side may send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the describing side is ready to receive.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The direction with these two halves.
    pub const fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The same stream as the other side describes it.
    pub const fn reversed(self) -> Self {
        Self::of(self.receives(), self.sends())
    }

    /// What an answer to an offer of `self` may say, closest to `wanted` (RFC 3264 §6.1).
    pub const fn answer(self, wanted: Self) -> Self {
        Self::of(self.receives() && wanted.sends(), self.sends() && wanted.receives())
    }
}

/// A session description. Unspecified addresses (`0.0.0.0`, `::`) are replaced by the engine's own when it is printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SessionDescription {
    /// Session-level connection address. `Some(unspecified)` in a description that the switch made: the agent writes
    /// the engine's address on that leg. `None` where there is none, or a host name.
    pub connection: Option<IpAddr>,
    /// Session-level direction.
    pub direction: Option<Direction>,
    /// Session-level lines that are kept: everything but `v= o= s= c= t= r= z=` and the direction, without line end.
    /// In the order of RFC 8866 §5, lines of one rank in the order received.
    pub lines: Vec<Bytes>,
    /// The media sections, in order.
    pub media: Vec<MediaDescription>,
}

/// One `m=` section.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct MediaDescription {
    /// `audio`, `video`, `image` …
    pub kind: Bytes,
    /// Port; 0 rejects or removes the stream.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl` …
    pub protocol: Bytes,
    /// The formats, in order: payload types for RTP.
    pub formats: Vec<Bytes>,
    /// Media-level connection address, where it differs from the session's.
    pub connection: Option<IpAddr>,
    /// Media-level direction.
    pub direction: Option<Direction>,
    /// `a=rtcp:` port and address (RFC 3605).
    pub rtcp: Option<(u16, Option<IpAddr>)>,
    /// `a=rtcp-mux` (RFC 5761).
    pub rtcp_mux: bool,
    /// Our own side of ICE. `None` in what was parsed: there its lines are among [`lines`](Self::lines).
    pub ice: Option<OwnIce>,
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
    /// The text is not SDP. Lines are counted from 1.
    #[error("line {0} of the session description is malformed")]
    Malformed(u16),
    /// More media sections, formats, candidates, lines or bytes than the limits allow.
    #[error("the session description has too many {0}")]
    TooMany(&'static str),
}

impl SdpError {
    /// The status that refuses the request which carried the description: 400, or 488 for a bomb.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::TooMany(_) => 488,
        }
    }
}

impl fmt::Debug for SessionDescription {
    /// Without keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionDescription")
            .field("connection", &self.connection)
            .field("direction", &self.direction)
            .field("lines", &crypto::Shown(&self.lines))
            .field("media", &self.media)
            .finish()
    }
}

impl fmt::Debug for MediaDescription {
    /// Without keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaDescription")
            .field("kind", &self.kind)
            .field("port", &self.port)
            .field("protocol", &self.protocol)
            .field("formats", &self.formats)
            .field("connection", &self.connection)
            .field("direction", &self.direction)
            .field("rtcp", &self.rtcp)
            .field("rtcp_mux", &self.rtcp_mux)
            .field("lines", &crypto::Shown(&self.lines))
            .finish_non_exhaustive()
    }
}

impl SessionDescription {
    /// The connection address of section `index`: media level, else session level.
    pub fn connection(&self, index: usize) -> Option<IpAddr> {
        self.media.get(index)?.connection.or(self.connection)
    }

    /// Where RTP of section `index` is to be sent, if it is accepted and has an address. An IPv4 address in IPv6 dress
    /// (RFC 5118 §4.10) comes without it.
    ///
    /// The address is what the peer claims: whether it may be sent to is for the relay to decide.
    pub fn rtp(&self, index: usize) -> Option<SocketAddr> {
        let port = self.media.get(index)?.port;
        let address = self.connection(index)?;
        (port != 0 && !address.is_unspecified()).then_some(SocketAddr::new(address.to_canonical(), port))
    }

    /// Where RTCP of section `index` is to be sent: on the RTP port (RFC 5761), where `a=rtcp` says (RFC 3605), else on
    /// the next port.
    pub fn rtcp(&self, index: usize) -> Option<SocketAddr> {
        let rtp = self.rtp(index)?;
        let media = self.media.get(index)?;
        if media.rtcp_mux {
            return Some(rtp);
        }
        match media.rtcp {
            Some((port, address)) => {
                let address = address.filter(|address| !address.is_unspecified()).unwrap_or_else(|| rtp.ip());
                (port != 0).then_some(SocketAddr::new(address.to_canonical(), port))
            }
            None => Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?)),
        }
    }

    /// The effective direction of section `index`: media level, else session level, else sendrecv.
    pub fn direction(&self, index: usize) -> Direction {
        self.media.get(index).and_then(|media| media.direction).or(self.direction).unwrap_or_default()
    }

    /// Whether the describing side holds section `index` in any of the historic forms: sendonly, inactive, c=0.0.0.0.
    /// A rejected stream (port 0) is not held, nor is one whose addresses ICE is to find.
    pub fn is_hold(&self, index: usize) -> bool {
        let Some(media) = self.media.get(index) else { return false };
        let silenced = self.connection(index).is_some_and(|address| address.is_unspecified())
            && !self.is_found_by_ice(index);
        media.port != 0 && (silenced || !self.direction(index).receives())
    }

    /// The index of the first accepted audio section.
    pub fn audio(&self) -> Option<usize> {
        self.media.iter().position(|media| media.is_audio() && media.port != 0)
    }
}

impl MediaDescription {
    /// Whether this is an audio section.
    pub fn is_audio(&self) -> bool {
        self.kind.eq_ignore_ascii_case(b"audio")
    }

    /// Whether the formats are RTP payload types.
    pub fn is_rtp(&self) -> bool {
        self.protocol.split(|byte| *byte == b'/').any(|part| part.eq_ignore_ascii_case(b"RTP"))
    }

    /// Whether the stream is encrypted (RFC 3711): SAVP or SAVPF.
    pub fn is_secure(&self) -> bool {
        self.protocol
            .split(|byte| *byte == b'/')
            .any(|part| part.eq_ignore_ascii_case(b"SAVP") || part.eq_ignore_ascii_case(b"SAVPF"))
    }

    /// The values of the attribute `name`, in order: empty for a property attribute.
    pub fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.lines.iter().filter_map(move |line| attribute(line, name))
    }
}

/// The value of the line if it is the attribute `name`.
fn attribute<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(b"a=")?;
    let (head, tail) = rest.split_at_checked(name.len())?;
    if !head.eq_ignore_ascii_case(name.as_bytes()) {
        return None;
    }
    match tail {
        [] => Some(tail),
        [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> SessionDescription {
        SessionDescription::parse(&Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    #[test]
    fn media_level_wins_over_session_level() {
        let sdp = parsed(
            "v=0\nc=IN IP4 192.0.2.1\na=sendonly\nm=audio 4000 RTP/AVP 0\na=sendrecv\nm=video 5000 RTP/AVP 99\n\
             c=IN IP4 192.0.2.2\n",
        );
        assert_eq!(sdp.direction(0), Direction::SendRecv);
        assert_eq!(sdp.direction(1), Direction::SendOnly);
        assert_eq!(sdp.rtp(0), Some("192.0.2.1:4000".parse().unwrap()));
        assert_eq!(sdp.rtp(1), Some("192.0.2.2:5000".parse().unwrap()));
        assert_eq!(sdp.rtp(2), None);
    }

    #[test]
    fn rtcp_is_next_port_or_named_or_muxed() {
        let sdp = parsed(
            "v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\nm=audio 4000 RTP/AVP 0\na=rtcp:4711\n\
             m=audio 4000 RTP/AVP 0\na=rtcp:4711 IN IP6 2001:db8::1\nm=audio 4000 RTP/AVP 0\na=rtcp-mux\n\
             a=rtcp:4711\nm=audio 65535 RTP/AVP 0\n",
        );
        let rtcp: Vec<_> = (0..5).map(|index| sdp.rtcp(index).map(|address| address.to_string())).collect();
        let expected = [
            Some("192.0.2.1:4001"),
            Some("192.0.2.1:4711"),
            Some("[2001:db8::1]:4711"),
            Some("192.0.2.1:4000"),
            None,
        ];
        assert_eq!(rtcp, expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn hold_in_its_historic_forms() {
        for (text, held) in [
            ("c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n", false),
            ("c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\na=recvonly\n", false),
            ("c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\na=sendonly\n", true),
            ("c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\na=inactive\n", true),
            ("c=IN IP4 192.0.2.1\na=sendonly\nm=audio 4000 RTP/AVP 0\n", true),
            ("c=IN IP4 192.0.2.1\na=sendonly\nm=audio 4000 RTP/AVP 0\na=sendrecv\n", false),
            ("c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n", true),
            ("c=IN IP6 ::\nm=audio 4000 RTP/AVP 0\n", true),
            ("c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n", true),
            ("c=IN IP4 192.0.2.1\nm=audio 0 RTP/AVP 0\na=inactive\n", false),
        ] {
            assert_eq!(parsed(&format!("v=0\n{text}")).is_hold(0), held, "{text}");
        }
    }

    #[test]
    fn answered_directions_follow_the_table() {
        use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
        let all = [SendRecv, SendOnly, RecvOnly, Inactive];
        let table = all.map(|offered| all.map(|wanted| offered.answer(wanted)));
        assert_eq!(
            table,
            [
                [SendRecv, SendOnly, RecvOnly, Inactive],
                [RecvOnly, Inactive, RecvOnly, Inactive],
                [SendOnly, SendOnly, Inactive, Inactive],
                [Inactive, Inactive, Inactive, Inactive],
            ]
        );
    }
}
