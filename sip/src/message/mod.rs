//! The wire form: one scan finds every header without copying, views read them, a builder writes new messages.
//!
//! Three steps, each of which can fail with a status of its own (RFC 3261 §8.2, §16.3, RFC 4475):
//!
//! ```text
//!  bytes ──scan──▶ Message (name ids and ranges, no copy) ──validate──▶ fit for a transaction ──views──▶ values
//! ```

mod build;
mod header;
mod limits;
mod method;
mod name_addr;
mod scan;
mod uri;
mod via;

pub use build::{Builder, request, response};
pub use header::HeaderName;
pub use limits::Limits;
pub use method::Method;
pub use name_addr::NameAddr;
pub use scan::{CSeq, Framing, Message, Malformed, StartLine};
pub use uri::{Scheme, Uri};
pub use via::Via;
