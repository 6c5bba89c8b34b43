//! What is kept of a ledger, so that no call has two records, or none, when the process is killed.

use serde::{Deserialize, Serialize};

use super::call::Call;
use crate::records::record::CallRecord;

/// What is kept of the ledger: a call that is not over, or a record that waits for figures.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct KeptCallState(pub(super) Kept);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Kept {
    Call(u64, Box<Call>),
    Record(Box<CallRecord>),
}

/// What a row of kept state is named by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeptKey {
    /// This call.
    Call(u64),
    /// A record that waits.
    Record(u64),
}
