//! The RTP relay.
//!
//! ```text
//! far end ──▶ socket of leg A ──▶ Flow of A: may it speak? ──▶ Flow of B: whose numbers, where to ──▶ socket of B ──▶ far end
//! ```
//!
//! A leg may also hear a tone, music, digits or a conference, which the relay makes by a clock of 20 ms, or a leg of another codec.
//!
//! A [`RelayWorker`] is a plain value: [`Command`]s, datagrams and time go in, datagrams and [`Event`]s come out. In tests
//! its network is [`io::simulated`]; in the engine a [`RelayThread`] drives one over [`io::kernel`], one thread a core. Ports
//! are picked by the caller from a [`PortPool`].

pub mod capturing;
pub mod command;
mod conference;
mod conversion;
mod destination;
mod digit;
pub mod dtls;
mod flow;
pub mod g711;
pub mod g722;
pub mod io;
pub mod kernel;
mod latch;
pub mod limits;
pub mod offload;
mod opus;
mod parcel;
pub mod playout;
mod ports;
pub mod quality;
pub mod recording;
mod reframing;
mod rewrite;
mod rtcp;
pub mod rtp;
pub mod srtp;
pub mod stats;
mod stun;
mod tally;
pub mod thread;
pub mod tone;
pub mod wav;
mod worker;

pub use capturing::{Captured, Reported};
pub use command::{
    Codec, Codecs, Command, ConferenceId, Detection, DigitSource, DigitVia, Event, Feed, ForeignCodec,
    IceCredentials, LegId, MediaKind, OpusFormat, PayloadTypes, PortPair, Protection, Remote, SourcePolicy,
};
pub use destination::Destinations;
pub use dtls::{DtlsIdentity, DtlsPeer, DtlsRole, Fingerprint};
pub use flow::Channel;
pub use limits::{DATAGRAM_BYTES_MAX, LISTENERS_MAX, PACKETS_PER_TURN, QUARANTINE, TAKES_MAX};
pub use opus::HAS_OPUS;
pub use parcel::Parcel;
pub use ports::PortPool;
pub use quality::{Impairment, Way};
pub use recording::{CaptureId, ForkId, Recorded, RecordingId, Take, TapId};
pub use srtp::{SrtpKey, SrtpKeys, SrtpSuite};
pub use stats::{FarReport, LegStats, Secured};
pub use thread::{RelayHandle, RelayThread};
pub use tone::{Cadence, CallProgress};
pub use worker::{RelayConfig, RelayWorker};
