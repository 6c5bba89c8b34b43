//! What every fuzz target checks, as plain functions: `fuzz_targets/` gives them to libFuzzer, `bin/mutate.rs` and the
//! tests of `sip/`, `media/` and `engine/` run them on stable.

pub mod agent;
pub mod config;
pub mod digest;
pub mod header;
pub mod http;
pub mod message;
pub mod mutator;
pub mod relay;
pub mod sdp;
pub mod stream;
pub mod switch;
pub mod target;
pub mod uri;
pub mod words;
