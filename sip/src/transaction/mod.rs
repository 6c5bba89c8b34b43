//! The four transaction machines of RFC 3261 §17 with RFC 6026, and the table that finds them.
//!
//! Each machine is a plain value with one shape: `handle(now, input, out)` takes a message or a due timer and appends
//! what is to be sent; `deadline()` says when to call again if nothing arrives. What the user of the transaction has
//! to do comes back as a `Verdict`.

pub mod client_invite;
pub mod client_non_invite;
pub mod server_invite;
pub mod server_non_invite;

mod acknowledge;
mod key;
mod table;

pub use client_invite::ClientInvite;
pub use client_non_invite::ClientNonInvite;
pub use server_invite::ServerInvite;
pub use server_non_invite::ServerNonInvite;

pub(crate) use key::{ClientKey, ServerKey};
pub(crate) use table::{Concern, Purpose, ServerId, Transactions};

#[cfg(test)]
mod tests;
