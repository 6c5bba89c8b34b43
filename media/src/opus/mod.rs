//! Opus (RFC 6716) as telephones need it: one channel, 8 or 16 kHz, 20 ms a packet.
//!
//! libopus codes it where the relay was built with the feature `opus`. Without it no coder is to be had, and Opus only passes from leg
//! to leg.

#[cfg(not(feature = "opus"))]
mod absent;
#[cfg(feature = "opus")]
mod libopus;

#[cfg(not(feature = "opus"))]
pub(crate) use absent::{Decoder, Encoder};
#[cfg(feature = "opus")]
pub(crate) use libopus::{Decoder, Encoder};

/// Whether the relay was built with a coder of Opus.
pub const HAS_OPUS: bool = cfg!(feature = "opus");

/// Ticks of the timestamps in a millisecond, whatever is coded (RFC 7587 §4.1).
pub(crate) const CLOCK_KHZ: u32 = 48;

/// The longest packet, in milliseconds (RFC 6716 §2.1.4).
pub(crate) const PACKET_MS_MAX: usize = 120;

/// The rate at which speech of 8 kHz and of 16 kHz is coded, in bits a second: enough
/// for each packet to say the one before once more; with fewer libopus leaves that out.
#[cfg(feature = "opus")]
const BITS_PER_SECOND: [u32; 2] = [20_000, 24_000];
