//! What went over the wire, as other programs read it, without what is secret: files of pcapng for Wireshark, packets of HEP for Homer.
//!
//! ```text
//!  message as it was in clear ─▶ masking ─┬▶ datagram (Ethernet, IP, UDP) ─▶ pcapng
//!                                         └▶ HEP ◀── reports (RTCP) as JSON
//! ```

mod datagram;
pub(crate) mod hep;
pub(crate) mod masking;
pub(crate) mod pcapng;
pub(crate) mod rtcp;
