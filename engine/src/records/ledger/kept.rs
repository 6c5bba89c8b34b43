//! What is kept of a ledger, so that no call has two records, or none, when the process is killed.

use serde::{Deserialize, Serialize};

use super::call::Call;
use crate::records::record::CallRecord;

/// What form the rows have. An engine that reads another makes nothing of them.
const FORM: u8 = 3;

/// What is kept of the ledger: a call that is not over, or a record that waits for figures.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct KeptCallState(pub(super) Kept);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Kept {
    Call(u64, Box<Call>),
    Record(Box<CallRecord>),
}

impl KeptCallState {
    /// As it is written down.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(FORM);
        postcard::to_extend(self, bytes)
            .expect("a vector takes whatever is written, and every length is known")
    }

    /// What was written down; `None`: in another form, or not by us.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (form, state) = bytes.split_first()?;
        (*form == FORM).then(|| postcard::from_bytes(state).ok())?
    }
}

/// What a row of kept state is named by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeptKey {
    /// This call.
    Call(u64),
    /// A record that waits.
    Record(u64),
}
