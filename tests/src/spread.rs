//! Which workers receive what.

use std::collections::{BTreeMap, BTreeSet};

/// What each SIP worker received, as datagrams.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spread {
    /// By worker.
    pub received: Vec<u64>,
    /// Those of them that another worker's socket got first.
    pub handed_over: u64,
    owners: BTreeMap<String, BTreeSet<u16>>,
}

impl Spread {
    pub(crate) fn new(workers: u16) -> Self {
        Self { received: vec![0; usize::from(workers)], ..Self::default() }
    }

    pub(crate) fn receive(&mut self, worker: u16, is_handed_over: bool, bytes: &[u8]) {
        self.received[usize::from(worker)] += 1;
        self.handed_over += u64::from(is_handed_over);
        if let Some(call_id) = call_id(&String::from_utf8_lossy(bytes)) {
            self.owners.entry(call_id.to_owned()).or_default().insert(worker);
        }
    }

    /// The Call-IDs, each with the workers that received messages with it.
    pub const fn owners(&self) -> &BTreeMap<String, BTreeSet<u16>> {
        &self.owners
    }
}

/// The Call-ID of a message.
pub(crate) fn call_id(text: &str) -> Option<&str> {
    text.lines()
        .find_map(|line| line.strip_prefix("Call-ID:").or_else(|| line.strip_prefix("i:")))
        .map(str::trim)
}
