//! Load generation shared by the benches.
