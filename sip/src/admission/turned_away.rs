//! INVITEs that were turned away without state: one that comes again is turned away again, whatever there is room for by
//! then (RFC 3261 §8.2.7). Else the caller, who has our refusal, would never learn that the callee rings.

use crate::transaction::ServerId;

/// How many are remembered: at 2,000 a second those of four seconds, longer than one waits in a queue. 64 KiB, made with
/// the first.
const REMEMBERED: usize = 8_192;

/// The transactions turned away last.
#[derive(Debug, Default)]
pub(crate) struct TurnedAway {
    /// Each at the place that its number names; zero is none.
    slots: Box<[u64]>,
}

impl TurnedAway {
    /// Remembers one, and forgets the one whose place it takes.
    pub(crate) fn note(&mut self, id: ServerId) {
        if self.slots.is_empty() {
            self.slots = vec![0; REMEMBERED].into_boxed_slice();
        }
        self.slots[place(id)] = id.bits();
    }

    /// Whether it is remembered.
    pub(crate) fn contains(&self, id: ServerId) -> bool {
        !self.slots.is_empty() && self.slots[place(id)] == id.bits() && id.bits() != 0
    }
}

fn place(id: ServerId) -> usize {
    (id.bits() % REMEMBERED as u64) as usize
}
