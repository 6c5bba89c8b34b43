//! RTP (RFC 3550 §5): the view of received packets, and building and checking by crate `rtp`.

pub mod header;
pub mod packet;

pub use header::{Header, Malformed};
