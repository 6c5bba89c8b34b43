//! What went over the wire, as other programs read it, without what is secret: files of pcapng for Wireshark.
//!
//! ```text
//!  message as it was in clear ─▶ masking ─▶ datagram (Ethernet, IP, UDP) ─▶ pcapng
//! ```

mod datagram;
pub(crate) mod masking;
pub(crate) mod pcapng;
