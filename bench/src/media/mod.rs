//! RTP load for the comparison of relays: far ends that send, receive and check, and the relays in processes of their own.

pub mod generator;
pub mod relays;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Whatever ends a measurement.
pub type Failure = Box<dyn Error>;

/// Where everything runs.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The first port of the far ends; session `n` has `FAR_PORT + 2n` and the next.
pub const FAR_PORT: u16 = 12_000;

/// The first port of Trunkline's relay; far end `n` is served at `RELAY_PORT + 2n`.
pub const RELAY_PORT: u16 = 22_000;

/// How many sessions the ports are enough for.
pub const SESSIONS_MAX: u16 = 1_000;

/// A port of [`ADDRESS`].
pub const fn at(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(ADDRESS), port)
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
