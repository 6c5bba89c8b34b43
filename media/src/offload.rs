//! What a worker and the network below it say of flows that the network forwards by itself: in the kernel, past the sockets.
//!
//! The sockets stay open. A packet that the kernel does not know goes up to them as ever, so a flow can be given away and
//! taken back between two packets.

use std::net::SocketAddr;
use std::time::Duration;

use crate::command::PayloadTypes;

/// One direction of a conversation, as the kernel is to forward it. What differs in any point goes up to the sockets: another
/// source, SSRC or payload type, RTCP, a sequence number far from the last one, IP options, fragments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KernelFlow {
    /// Where it comes from: the latched source.
    pub source: SocketAddr,
    /// Its SSRC.
    pub ssrc: u32,
    /// The payload types that may pass.
    pub payload_types: PayloadTypes,
    /// Where it goes.
    pub to: SocketAddr,
    /// The SSRC with which it goes out.
    pub ssrc_out: u32,
    /// Added to its sequence numbers, modulo 2^16.
    pub sequence_shift: u16,
    /// Added to its timestamps, modulo 2^32.
    pub timestamp_shift: u32,
    /// Whether nothing of the packet may be changed (SRTP with keys of the far ends): the three numbers above say nothing then.
    pub sealed: bool,
    /// The clock of its timestamps, in hertz, to measure jitter by; 0 where it is not known.
    pub clock_hz: u32,
    /// The highest sequence number so far, as it came in: counting goes on from there.
    pub highest: u16,
}

/// What the kernel counted of a flow since it was given away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FlowCount {
    /// Packets forwarded, also late and repeated ones.
    pub packets: u64,
    /// Bytes of their UDP payloads.
    pub bytes: u64,
    /// Packets that came but that the kernel could not send; they are not among `packets`.
    pub send_failed: u64,
    /// The highest sequence number, as it came in.
    pub highest: u16,
    /// How often the highest wrapped since the flow was given away.
    pub cycles: u32,
    /// Packets older than the highest.
    pub late: u64,
    /// Packets of the highest number once more.
    pub duplicates: u64,
    /// The timestamp of the highest, as it came in.
    pub timestamp: u32,
    /// Interarrival jitter (RFC 3550 A.8) in sixteenths of a timestamp tick, from the first packet in the kernel on.
    pub jitter_x16: u32,
    /// How long ago the last packet was forwarded; `None` before the first.
    pub idle: Option<Duration>,
}
