//! The whole engine as one value in virtual time: agents, switch and relay, with scripted phones, applications and a network
//! that can be as bad as a seed makes it.
//!
//! A scenario drives [`Lab`], lets time pass, and reads a ladder. The same seed gives the same bytes, so that a failure, which
//! prints `SIM_SEED=…`, can be run again:
//!
//! ```text
//! TRUNKLINE_SEEDS=10000 cargo test --profile ci -p trunkline-tests --test scenarios random_calls -- --nocapture
//! SIM_SEED=4711 LAB_TRACE=1 cargo test -p trunkline-tests --test scenarios random_calls -- --nocapture
//! ```
//!
//! `LAB_TRACE` prints every message, event and command as it arrives.

pub mod app;
pub mod body;
pub mod conference_info;
pub mod dialog_info;
mod drive;
mod engine;
pub mod event_list;
pub mod lab;
pub mod ladder;
pub mod network;
pub mod pidf;
pub mod plan;
mod recording;
mod records;
pub mod reginfo;
mod seeds;
mod spread;
pub mod story;
mod temper;
mod xml;
pub mod xpidf;

use std::sync::LazyLock;
use std::time::Instant;

pub use drive::Tally;
pub use engine::Stored;
pub use lab::{Lab, password_of};
pub use plan::Plan;
pub use recording::Tape;
pub use seeds::{number_in_environment, run_seeds, seeds};
pub use spread::Spread;
pub use temper::temper;

/// The moment at which every lab begins.
pub fn epoch() -> Instant {
    static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
    *EPOCH
}
