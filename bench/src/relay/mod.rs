//! Relays side by side: the network between them, the load, the peers, and what is reported.
//!
//! ```text
//!           ┌──────────── relay ────────────┐
//!  10.80.1.2│10.80.1.1               10.80.2.1│10.80.2.2
//!  client ──┘ .10, .11 …             .10, .11 … └── server
//!  10.80.3.1 ───────────────────────────── 10.80.3.2
//! ```
//!
//! Client, relay and server are network namespaces with a veth pair between neighbours, and one more pair directly between
//! client and server. Each relay has a host number of its own, the last octet of its two addresses.
//!
//! An *end* is one far end. Ends `2n` (client) and `2n + 1` (server) are the two of session `n`, so `end ^ 1` is its partner. A
//! *stream* is what one end sends: 50 packets a second.

pub mod capacity;
pub mod cpu;
pub mod far_ends;
pub mod peers;
pub mod plot;
pub mod report;
pub mod rtpengine;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use clap::Args;

/// Whatever ends a measurement.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Packets a second of one stream.
pub const PACKETS_PER_SECOND: u32 = 50;

/// How many sessions the ports are enough for.
pub const SESSIONS_MAX: u16 = 4_000;

/// What a relay of ours is told on its command line.
#[derive(Clone, Copy, Debug, Args)]
pub struct Sessions {
    /// How many sessions.
    #[arg(long)]
    pub sessions: u16,
    /// The last octet of the relay's addresses.
    #[arg(long)]
    pub host: u8,
}

impl Sessions {
    /// The ends of all sessions.
    pub fn ends(self) -> std::ops::Range<usize> {
        0..usize::from(self.sessions) * 2
    }

    /// The address of the leg that serves an end.
    pub fn leg(self, end: usize) -> SocketAddr {
        leg(self.host, end)
    }
}

/// An end's address on the relay's side of it.
pub fn far(end: usize) -> SocketAddr {
    at([10, 80, side(end), 2], FAR_PORT, session(end))
}

/// An end's address on the direct link.
pub fn far_directly(end: usize) -> SocketAddr {
    at([10, 80, 3, side(end)], FAR_PORT, session(end))
}

/// The port of an end, at every address of it.
pub fn far_port(end: usize) -> u16 {
    FAR_PORT + session(end)
}

/// Where a relay's leg for an end is, by the relay's host number.
pub fn leg(host: u8, end: usize) -> SocketAddr {
    at([10, 80, side(end), host], LEG_PORT, 2 * session(end))
}

/// A relay's address towards the client (`0`) or the server (`1`).
pub fn relay_address(host: u8, towards: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 80, side(towards), host)
}

/// The middle of the values; of two middles their mean.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value below which so many of a hundred lie; between two values their mean. No values have none.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let below = last * percent / 100;
    let above = (last * percent).div_ceil(100);
    f64::midpoint(sorted[below], sorted[above])
}

fn at(ip: [u8; 4], port: u16, offset: u16) -> SocketAddr {
    SocketAddr::from((ip, port + offset))
}

const fn side(end: usize) -> u8 {
    1 + (end & 1) as u8
}

fn session(end: usize) -> u16 {
    u16::try_from(end / 2).expect("sessions are counted in 16 bits")
}

/// The first port of the far ends; session `n` has `FAR_PORT + n` on both sides.
const FAR_PORT: u16 = 10_000;

/// The first port of a relay of ours; session `n` has `LEG_PORT + 2n` on both sides.
const LEG_PORT: u16 = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_session_face_the_two_sides_of_the_relay() {
        let found = [far(6), far(7), leg(12, 6), leg(12, 7), far_directly(7)].map(|at| at.to_string());
        let expected =
            ["10.80.1.2:10003", "10.80.2.2:10003", "10.80.1.12:20006", "10.80.2.12:20006", "10.80.3.2:10003"];
        assert_eq!(found, expected);
    }

    #[test]
    fn percentiles_are_of_the_sorted_values() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!((median(&values), percentile(&values, 100)), (2.5, 4.0));
        assert!(median(&[]).is_nan());
    }
}
