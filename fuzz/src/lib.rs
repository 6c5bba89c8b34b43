//! What every fuzz target checks, as plain functions: `fuzz_targets/` gives them to libFuzzer, `bin/mutate.rs` and the
//! tests of `sip/` and `media/` run them on stable.

pub mod agent;
pub mod digest;
pub mod message;
pub mod mutator;
pub mod relay;
pub mod sdp;
pub mod stream;
pub mod uri;
