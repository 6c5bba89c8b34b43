//! The wire form: one scan finds every header without copying, views read them, a builder writes new messages.
//!
//! Three steps, each of which can fail with a status of its own (RFC 3261 §8.2, §16.3, RFC 4475):
//!
//! ```text
//!  bytes ──scan──▶ Message (name ids and ranges, no copy) ──validate──▶ fit for a transaction ──views──▶ values
//! ```

mod build;
mod chars;
mod escape;
mod find;
mod glance;
mod header;
mod limits;
mod list;
mod method;
mod name_addr;
mod phrase;
mod received;
mod rsip;
mod scan;
mod uri;
mod validate;
mod value;
mod via;
mod views;

pub(crate) use build::response_at_a_glance;
pub use build::{Builder, request, request_named, response};
pub use escape::{escape_user, quote_display};
pub(crate) use glance::Glance;
pub use header::HeaderName;
pub use limits::Limits;
pub(crate) use list::param;
pub use method::Method;
pub use name_addr::NameAddr;
pub use phrase::reason_phrase;
pub use received::{CSeq, Message, StartLine};
pub use rsip::NotInRsip;
pub use scan::{Framing, Malformed};
pub use uri::{Scheme, Uri};
pub(crate) use value::text_of;
pub use value::{Text, Value};
pub use via::Via;
