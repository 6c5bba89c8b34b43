//! Load generation shared by the benches.

pub mod media;
