//! Indices of a map that is written before a packet is led to it.

use std::collections::VecDeque;

/// Free indices. One that was given back rests while the others are used, so that a packet on another processor that still
/// reads its entry is done with it.
#[derive(Debug)]
pub(super) struct Slots(VecDeque<u32>);

/// How many indices rest at least.
const RESTING: usize = 64;

impl Slots {
    /// Indices below `count`.
    pub(super) fn new(count: u32) -> Self {
        Self((0..count).collect())
    }

    /// How large a map must be for that many entries in use.
    pub(super) const fn room_for(entries: u32) -> u32 {
        entries + entries / 4 + 2 * RESTING as u32
    }

    /// The index that has rested longest, if enough rest.
    pub(super) fn take(&mut self) -> Option<u32> {
        if self.0.len() > RESTING { self.0.pop_front() } else { None }
    }

    pub(super) fn give_back(&mut self, index: u32) {
        self.0.push_back(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_rests() {
        let mut slots = Slots::new(Slots::room_for(8));
        let first = slots.take().unwrap();
        slots.give_back(first);
        for _ in 0..RESTING {
            assert_ne!(slots.take(), Some(first));
        }
        let taken = std::iter::from_fn(|| slots.take()).count();
        assert_eq!(slots.0.len(), RESTING);
        assert!(taken + RESTING >= 8);
    }
}
