//! The location service (RFC 3261 §10): which contacts a line can be reached at. The one table that workers share.

use std::sync::Arc;
use std::time::Instant;

use crate::transport::Flow;

/// One contact of a line. Never changed once made, so that the table, a lookup and the store share it.
#[derive(Clone, PartialEq, Debug)]
pub struct Binding {
    /// Identity within the line: `+sip.instance` with `reg-id` (RFC 5626), else the Contact URI.
    pub key: Arc<str>,
    /// The Contact URI exactly as registered.
    pub contact: Box<str>,
    /// The Contact value's parameters as sent (`;a=b;c`), without `expires` and `q`.
    pub params: Box<str>,
    /// Preference in thousandths: 1000 is q=1.
    pub q_milli: u16,
    /// Path of the registration (RFC 3327), in order, each a name-addr.
    pub path: Box<[Box<str>]>,
    /// The flow that the REGISTER came by: requests go back along it.
    pub flow: Flow,
    /// Call-ID of the registration.
    pub call_id: Box<str>,
    /// CSeq of the registration.
    pub cseq: u32,
    /// User-Agent of the phone, cut to 128 bytes.
    pub user_agent: Box<str>,
    /// When it ends.
    pub expires: Instant,
}

/// The table: which contacts each line has.
#[derive(Debug, Default)]
pub struct Location;

impl Location {
    /// The contacts of the line that have not expired, in the order of preference.
    pub fn lookup(&self, _line: &str, _now: Instant) -> Vec<Arc<Binding>> {
        Vec::new()
    }
}
