//! The seam of the relay: what a worker is told ([`Command`]) and what it tells ([`Event`]).
//!
//! A *leg* is one party's media: a local RTP/RTCP port pair and what is known of the far end. What a leg hears is its
//! *feed*. A two-way call is two legs that feed each other; hold is one leg fed by music and the other by nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::stats::LegStats;

/// One media leg, named by its owner (the same number as the SIP leg's).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LegId(pub u64);

/// An even port for RTP and the odd one above it for RTCP.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PortPair(pub u16);

impl PortPair {
    /// The RTP port.
    pub const fn rtp(self) -> u16 {
        self.0
    }

    /// The RTCP port.
    pub const fn rtcp(self) -> u16 {
        self.0 + 1
    }
}

/// A set of RTP payload types, 0 to 127.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PayloadTypes(pub u128);

impl PayloadTypes {
    /// Adds one; values above 127 are ignored.
    pub const fn with(self, payload_type: u8) -> Self {
        if payload_type < 128 { Self(self.0 | (1 << payload_type)) } else { self }
    }

    /// Whether the type is in the set.
    pub const fn contains(self, payload_type: u8) -> bool {
        payload_type < 128 && self.0 & (1 << payload_type) != 0
    }
}

/// Which sources may speak on a leg (strict by default).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SourcePolicy {
    /// Only the address (any port) that SDP names.
    Signalled,
    /// Behind NAT: the source of the signalling may speak (any port); and within `window` of the last offer/answer the
    /// first source with three valid packets in sequence of one SSRC and a negotiated payload type.
    Learn {
        /// Source address of the signalling.
        signalling: IpAddr,
        /// How long after `Remote` an unknown source may still be learnt.
        window: Duration,
    },
}

/// A codec that the relay itself can speak when it plays silence, music or tones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
}

/// What offer/answer agreed for a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remote {
    /// Where RTP goes; `None`: nowhere (held with c=0.0.0.0, port 0).
    pub rtp: Option<SocketAddr>,
    /// Where RTCP goes; the same as `rtp` with rtcp-mux.
    pub rtcp: Option<SocketAddr>,
    /// Who may speak.
    pub source: SourcePolicy,
    /// Payload types agreed.
    pub payload_types: PayloadTypes,
    /// The payload type and codec for audio that the relay makes, if one of its codecs was agreed.
    pub own: Option<(u8, Codec)>,
    /// Whether the far end may be sent to (its direction is sendrecv or recvonly).
    pub send: bool,
    /// Whether the far end is expected to speak: only then silence is a fault.
    pub receive: bool,
    /// Whether packets are sealed (SRTP, RFC 3711) with keys that only the far ends have: they pass bit by bit, for a changed
    /// header would break the seal. SSRC continuity is not to be had then.
    pub sealed: bool,
}

/// What a leg hears.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Nothing is sent.
    Nothing,
    /// What another leg of the same worker says, from when it is open; a leg that is fed itself hears its echo.
    Leg(LegId),
    /// Silence in the leg's own codec, so that NAT bindings and RTP timers of the far end live.
    Silence,
    /// Ringback: 440 and 480 Hz, 2 s on, 4 s off.
    Ringback,
    /// Music: 8 kHz mono samples in a loop.
    Music(Arc<[i16]>),
}

/// What a worker is told. Applied between two batches of packets.
#[derive(Clone, Debug)]
pub enum Command {
    /// Bind the pair and make the leg. It hears nothing until it is told what.
    Open {
        /// The leg.
        leg: LegId,
        /// The ports.
        ports: PortPair,
        /// The address to bind; unspecified for all.
        address: IpAddr,
        /// Report [`Event::Silent`] when an expected far end has said nothing for this long; `None` never.
        silent_after: Option<Duration>,
    },
    /// Set or replace what is known of the far end; learning starts anew.
    Remote(LegId, Remote),
    /// Set what the leg hears.
    Feed(LegId, Feed),
    /// Ask for [`Event::Stats`].
    Stats(LegId),
    /// Close the leg and its sockets; answered by [`Event::Closed`].
    Close(LegId),
}

/// What a worker tells.
#[derive(Clone, Debug)]
pub enum Event {
    /// The pair could not be bound: the leg does not exist.
    OpenFailed {
        /// The leg.
        leg: LegId,
        /// The ports, to be set aside.
        ports: PortPair,
    },
    /// A source was latched.
    Latched {
        /// The leg.
        leg: LegId,
        /// The source that speaks.
        source: SocketAddr,
    },
    /// The far end has said nothing for `silent_after`. Said once, again only after it spoke.
    Silent {
        /// The leg.
        leg: LegId,
    },
    /// The counters so far.
    Stats {
        /// The leg.
        leg: LegId,
        /// The counters.
        stats: LegStats,
    },
    /// The leg is closed; its ports may go into quarantine.
    Closed {
        /// The leg.
        leg: LegId,
        /// The ports.
        ports: PortPair,
        /// The final counters.
        stats: LegStats,
    },
}
