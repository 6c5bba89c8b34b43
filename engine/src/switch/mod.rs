//! The switch: lines, calls, routes and applications with the semantics of TAPI, as one value on one thread.

pub mod call_state;
pub mod error;
pub mod ids;
pub mod message;
pub mod operation;
pub mod privilege;
pub mod setup;
