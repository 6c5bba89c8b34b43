//! What the benches share.

#[cfg(feature = "engine")]
pub mod exchange;
pub mod relay;
