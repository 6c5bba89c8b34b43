//! SIP without sockets: a whole user agent as one value.
//!
//! The story of one call, as an [`Agent`] lives it. A datagram comes in ([`Agent::receive`]). [`message`] finds its
//! headers without copying. [`transaction`] absorbs it if it came before. [`agent`] asks who sent it: a trunk by its
//! address or certificate, a line by its password ([`auth`]). An INVITE then begins a leg: the session answers 100, a [`dialog`] is
//! made, and [`Event::Incoming`](outbox::Event::Incoming) tells the switch. The switch says
//! [`Command::Answer`](outbox::Command::Answer) with a description ([`sdp`]); the 200 is repeated until the ACK,
//! whatever the network does; then the leg is `Established`. A BYE ends it, a re-INVITE changes it, and what the peer
//! never answers ends by a timer ([`timing`]). Nothing here reads a clock or opens a socket: time is an argument, and
//! what is to be sent lies in the [`Outbox`](outbox::Outbox).

pub mod admission;
pub mod agent;
pub mod auth;
pub mod certificates;
pub mod date;
pub mod dialog;
pub mod directory;
pub mod ids;
pub mod location;
pub mod message;
pub mod outbox;
pub mod package;
pub mod registrar;
pub mod sdp;
pub mod servers;
pub mod stream;
pub mod timer_queue;
pub mod timing;
pub mod token;
pub mod transaction;
pub mod transport;

mod endpoint;
mod gruu;
mod registrant;
mod session;
mod stun;
mod subscription;
#[cfg(test)]
mod testing;

pub use agent::{Agent, AgentConfig, Capacity, Gauges};
pub use directory::{Directory, Reliability, TrustedTrunk};
pub use ids::{ConnectionId, LegId, UsageId};
