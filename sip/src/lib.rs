//! SIP without sockets.

pub mod auth;
pub mod ids;
pub mod location;
pub mod message;
pub mod outbox;
pub mod registrar;
pub mod sdp;
#[cfg(test)]
mod testing;
pub mod transport;

pub use ids::{ConnectionId, LegId};
