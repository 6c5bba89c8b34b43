//! The seam of the relay: what a worker is told ([`Command`]) and what it tells ([`Event`]).
//!
//! A *leg* is one party's media: a local RTP/RTCP port pair and what is known of the far end. What a leg hears is its
//! *feed*. A two-way call is two legs that feed each other; hold is one leg fed by music and the other by nothing.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::capturing::{Captured, Reported};
use crate::dtls::DtlsPeer;
use crate::limits::{FOREIGN_CODECS_MAX, SPEECH_CODECS_MAX};
use crate::parcel::Parcel;
use crate::recording::{Recorded, Take};
use crate::srtp::SrtpKeys;
use crate::stats::LegStats;
use crate::tone::Cadence;

/// One media leg, named by its owner (the same number as the SIP leg's).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LegId(pub u64);

/// One conference of a worker, named by its owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConferenceId(pub u64);

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

/// A codec that the relay itself can speak: in mixing, in transcoding, and when it plays silence, music or tones.
///
/// Each has a timestamp clock of 8 kHz and says one byte a tick of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// G.722 at 64 kbit/s, 16 kHz; its timestamps count at 8 kHz (RFC 3551 §4.5.2).
    G722,
}

/// An encoding that the relay does not speak and only passes on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ForeignCodec {
    /// A number of its owner's choice: the same number means the same encoding.
    pub name: u32,
    /// The clock of its timestamps, in hertz, to measure jitter by.
    pub clock_hz: u32,
}

/// Opus (RFC 7587) on a leg, its timestamps counting at 48 kHz, where the relay may transcode it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OpusFormat {
    /// Its payload type.
    pub payload_type: u8,
    /// The most bits a second that the far end wants to be sent (`maxaveragebitrate`).
    pub bits_per_second_max: u32,
}

/// The payload types of one direction of a leg, and what they mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Codecs {
    speech: [Option<(u8, Codec)>; SPEECH_CODECS_MAX],
    foreign: [Option<(u8, ForeignCodec)>; FOREIGN_CODECS_MAX],
    /// telephone-event (RFC 4733) with a clock of 8 kHz.
    pub events: Option<u8>,
    /// telephone-event with a clock of 16 kHz.
    pub events_16k: Option<u8>,
    /// telephone-event with a clock of 48 kHz.
    pub events_48k: Option<u8>,
    /// telephone-event/8000 as the far end described it where it was not agreed to: who hears is never told digits so, but those of
    /// another leg pass.
    pub events_known: Option<u8>,
    /// Opus, if it may be transcoded, which takes a relay that was built with the feature `opus`. It stands among the codecs that are
    /// only passed on, too.
    pub opus: Option<OpusFormat>,
}

impl Codecs {
    /// Adds a codec that the relay speaks, behind those that are preferred to it; beyond [`SPEECH_CODECS_MAX`] it is left out.
    #[must_use]
    pub fn with(mut self, payload_type: u8, codec: Codec) -> Self {
        if let Some(place) = self.speech.iter_mut().find(|place| place.is_none()) {
            *place = Some((payload_type, codec));
        }
        self
    }

    /// Adds a codec that the relay does not speak; beyond [`FOREIGN_CODECS_MAX`] it is left out.
    #[must_use]
    pub fn with_foreign(mut self, payload_type: u8, codec: ForeignCodec) -> Self {
        if let Some(place) = self.foreign.iter_mut().find(|place| place.is_none()) {
            *place = Some((payload_type, codec));
        }
        self
    }

    /// Sets the payload type of telephone-event/8000.
    #[must_use]
    pub const fn with_events(mut self, payload_type: u8) -> Self {
        self.events = Some(payload_type);
        self
    }

    /// The codec that the relay speaks by preference, under its payload type.
    pub const fn preferred(&self) -> Option<(u8, Codec)> {
        self.speech[0]
    }

    /// The codecs that the relay speaks, the preferred one first.
    pub fn speech(&self) -> impl Iterator<Item = (u8, Codec)> + '_ {
        self.speech.iter().flatten().copied()
    }

    /// The codecs that the relay only passes on.
    pub fn foreign(&self) -> impl Iterator<Item = (u8, ForeignCodec)> + '_ {
        self.foreign.iter().flatten().copied()
    }

    /// The codec of a payload type, if the relay speaks it.
    pub fn codec(&self, payload_type: u8) -> Option<Codec> {
        self.speech().find(|(known, _)| *known == payload_type).map(|(_, codec)| codec)
    }
}

/// How packets between a far end and the relay are protected. In the relay they are plain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protection {
    /// Not at all.
    #[default]
    Plain,
    /// SRTP with these keys (RFC 4568).
    Srtp(SrtpKeys),
    /// SRTP with keys that are agreed on the media path with this peer (RFC 5763). Until then nothing passes; nothing ever
    /// does where the worker has no identity.
    Dtls(DtlsPeer),
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
    /// What the far end understands, under the numbers in which it wants to be spoken to.
    pub codecs: Codecs,
    /// What the far end speaks, under the numbers that it was told; as a rule the same ones.
    pub speaks: Codecs,
    /// Whether the far end may be sent to (its direction is sendrecv or recvonly).
    pub send: bool,
    /// Whether the far end is expected to speak: only then silence is a fault.
    pub receive: bool,
    /// Whether packets are sealed (SRTP, RFC 3711) with keys that only the far ends have: they pass bit by bit, for a changed
    /// header would break the seal. SSRC continuity is not to be had then.
    pub sealed: bool,
    /// Whether datagrams are no RTP, and pass as they are to legs of the same kind: UDPTL (ITU-T T.38 annex D). Only addresses that
    /// may speak from the start do then; codecs, RTCP, seal, protection and checks do not count.
    pub opaque: bool,
    /// How packets between the far end and the relay are protected.
    pub protection: Protection,
    /// What connectivity checks of the far end prove themselves with; `None` where it makes none.
    pub ice: Option<IceCredentials>,
}

/// The engine's own short-term credentials of a leg whose far end checks connectivity (ICE, RFC 8445 §5.3), as they stand in
/// the engine's description: letters, digits, `+` and `/`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IceCredentials {
    /// The user name fragment (`a=ice-ufrag`).
    pub ufrag: [u8; 8],
    /// The password (`a=ice-pwd`).
    pub password: [u8; 24],
}

impl fmt::Debug for IceCredentials {
    /// The password is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials")
            .field("ufrag", &self.ufrag.escape_ascii().to_string())
            .finish_non_exhaustive()
    }
}

/// What a leg hears.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Nothing is sent.
    Nothing,
    /// What another leg of the same worker says, from when it is open; a leg that is fed itself hears its echo. Where the two
    /// agreed to other numbers the packets are renumbered, where to other codecs of the relay they are transcoded.
    Leg(LegId),
    /// Silence in the leg's own codec, so that NAT bindings and RTP timers of the far end live.
    Silence,
    /// A tone by its cadence.
    Tone(Arc<Cadence>),
    /// Music: 8 kHz mono samples in a loop.
    Music(Arc<[i16]>),
    /// Everybody else in a conference, and everybody else hears this leg. A leg with another feed is in no conference.
    Conference(ConferenceId),
}

/// How digits are said to a far end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DigitVia {
    /// As RFC 4733 events.
    Event,
    /// As DTMF tones in the leg's codec.
    Inband,
}

/// How a digit of a far end was heard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DigitSource {
    /// As an RFC 4733 event.
    Event,
    /// As a DTMF tone in its speech.
    Inband,
}

/// What a far end's media was found to be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MediaKind {
    /// RTP of a speech codec flows.
    Voice,
    /// The calling tone of a fax machine (ITU-T T.30 CNG, 1100 Hz).
    Fax,
}

/// What is reported of a far end's speech.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Detection {
    /// Digits said as RFC 4733 events.
    pub events: bool,
    /// Digits said as DTMF tones. Where the far end was heard to say events, its tones are not listened to.
    pub inband: bool,
    /// Voice and fax.
    pub media: bool,
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
    Remote(LegId, Arc<Remote>),
    /// Set what the leg hears.
    Feed(LegId, Feed),
    /// Say digits to the far end, in place of what it hears; answered by [`Event::Generated`], also where
    /// there is no such leg. Digits that are still being
    /// said are cancelled by it. Where the way asked for was not agreed the other one is taken.
    Digits {
        /// The leg.
        leg: LegId,
        /// Named in the answer.
        generation: u32,
        /// `0`-`9`, `A`-`D`, `*`, `#`, `,` for a pause and `!` for a hook flash; others are skipped.
        digits: Box<[u8]>,
        /// How.
        via: DigitVia,
        /// The length of each, in milliseconds; clamped, 0 for the usual.
        tone_ms: u16,
        /// The silence after each, in milliseconds; clamped, 0 for the usual.
        gap_ms: u16,
    },
    /// Cancel the digits that are being said.
    CancelDigits(LegId),
    /// Set what is reported of the far end's speech.
    Detect(LegId, Detection),
    /// Set what the leg is recorded for, at most [`TAKES_MAX`](crate::limits::TAKES_MAX) recordings; answered by
    /// [`Event::Recorded`] again and again, and for captures by [`Event::Captured`]. It goes with a leg that is given away.
    Record(LegId, Arc<[Take]>),
    /// Give the leg away, to be attached to another worker; answered by [`Event::Detached`]. Whoever hears it hears nothing
    /// from here on, and what it hears has to be said again to the other worker.
    Detach(LegId),
    /// Take a leg that another worker gave away.
    Attach {
        /// The leg.
        leg: LegId,
        /// Its sockets and state.
        parcel: Parcel,
    },
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
    /// The far end said a digit. Said at its beginning and at its end; never twice for two ways of saying the same one.
    Digit {
        /// The leg.
        leg: LegId,
        /// `0`-`9`, `A`-`D`, `*`, `#` or `!`.
        digit: u8,
        /// How it was heard.
        source: DigitSource,
        /// How long it lasted so far, in milliseconds.
        duration_ms: u16,
        /// Whether it is over.
        is_end: bool,
    },
    /// Digits have been said, or were cancelled.
    Generated {
        /// The leg.
        leg: LegId,
        /// Which they were.
        generation: u32,
        /// Whether not all of them were said.
        cancelled: bool,
    },
    /// The far end's media was recognised.
    MediaDetected {
        /// The leg.
        leg: LegId,
        /// As what.
        kind: MediaKind,
    },
    /// A piece of a recording.
    Recorded(Recorded),
    /// A packet of the far end, for a capture.
    Captured(Box<Captured>),
    /// What the far end reports, where the worker was made to tell of that.
    Reported(Box<Reported>),
    /// The leg is given away: the worker has no leg of this name any more, and its sockets wait in the parcel.
    Detached {
        /// The leg.
        leg: LegId,
        /// Its sockets and state.
        parcel: Parcel,
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
