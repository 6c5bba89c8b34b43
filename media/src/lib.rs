//! The RTP relay.

pub mod command;
pub mod stats;

pub use command::{Codec, Command, Event, Feed, LegId, PayloadTypes, PortPair, Remote, SourcePolicy};
pub use stats::LegStats;
