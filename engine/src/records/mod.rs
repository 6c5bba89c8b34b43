//! Records of calls: what people who bill, count and look into calls read, in the words that users of Asterisk know.
//!
//! ```text
//!  Switch ── CallFact ──▶ Ledger ── CallRecord, CallEvent ──▶ columns: SQLite, CSV, JSON
//! ```
//!
//! All of it computes; the thread that writes is `driver/records`.

mod columns;
mod event;
mod ledger;
mod moment;
mod record;

pub use columns::{Column, Field, csv_line, json_object};
pub use event::{CallEvent, EVENT_COLUMNS};
pub use ledger::{KeptCallState, KeptKey, Ledger, Moment};
pub use moment::unix_ms;
pub(crate) use record::timestamp;
pub use record::{CallRecord, Disposition, EndedBy, RECORD_COLUMNS, StationQuality};
