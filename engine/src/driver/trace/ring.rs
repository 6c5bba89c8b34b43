//! The last things that happened, as many as so many bytes hold.

use std::collections::VecDeque;

use super::Noted;

/// What is copied at once, so that who writes waits for moments only.
const COPIED_AT_ONCE: usize = 256;

/// A ring; the oldest makes room.
#[derive(Debug)]
pub(super) struct Ring {
    kept: VecDeque<(Noted, usize)>,
    /// The number of the oldest.
    first: u64,
    bytes: usize,
    bytes_max: usize,
}

impl Ring {
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self { kept: VecDeque::new(), first: 0, bytes: 0, bytes_max }
    }

    /// Whether it keeps anything.
    pub(super) const fn is_on(&self) -> bool {
        self.bytes_max > 0
    }

    /// The number of the oldest, or of the one to come.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// The number of the one to come.
    pub(super) fn next(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Keeps one; not one that is larger than all.
    pub(super) fn push(&mut self, noted: Noted, size: usize) {
        if size > self.bytes_max {
            return;
        }
        self.bytes += size;
        self.kept.push_back((noted, size));
        while self.bytes > self.bytes_max {
            let Some((_, size)) = self.kept.pop_front() else { return };
            self.first += 1;
            self.bytes -= size;
        }
    }

    /// Copies some from a number on, up to another; where to go on. It is that other number when there are no more.
    pub(super) fn copy(&self, from: u64, until: u64, into: &mut Vec<Noted>) -> u64 {
        let (from, until) = (from.max(self.first), until.min(self.next()));
        let end = until.min(from + COPIED_AT_ONCE as u64);
        let at = |number: u64| usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let some = self.kept.range(at(from).min(self.kept.len())..at(end.max(from)).min(self.kept.len()));
        into.extend(some.map(|(noted, _)| noted.clone()));
        end.max(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;
    use crate::driver::trace::Happened;
    use crate::switch::ids::CallId;

    fn noted(number: u64) -> Noted {
        Noted {
            at: clock::now(),
            what: Happened::LegOf(trunkline_sip::LegId::new(0, number), CallId(number)),
        }
    }

    fn numbers(ring: &Ring, from: u64) -> Vec<u64> {
        let (mut found, mut at) = (Vec::new(), from);
        let until = ring.next();
        while at < until {
            at = ring.copy(at, until, &mut found);
        }
        let number =
            |noted: &Noted| if let Happened::LegOf(_, call) = noted.what { call.0 } else { u64::MAX };
        found.iter().map(number).collect()
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut ring = Ring::new(1_000);
        for number in 0..20 {
            ring.push(noted(number), 100);
        }
        assert_eq!(numbers(&ring, 0), (10..20).collect::<Vec<_>>());
        assert_eq!(numbers(&ring, 17), [17, 18, 19]);
        assert_eq!(numbers(&ring, 20), [0_u64; 0]);
        assert_eq!(ring.next(), 20);
        // One that is larger than all.
        ring.push(noted(20), 2_000);
        assert_eq!((numbers(&ring, 0).len(), ring.bytes), (10, 1_000));
        ring.push(noted(21), 1_000);
        assert_eq!(numbers(&ring, 0), [21]);
    }

    #[test]
    fn it_is_copied_by_parts_and_what_comes_meanwhile_is_left() {
        let mut ring = Ring::new(1_000_000);
        for number in 0..1_000 {
            ring.push(noted(number), 100);
        }
        let mut found = Vec::new();
        let until = ring.next();
        let next = ring.copy(0, until, &mut found);
        assert_eq!((found.len(), next), (COPIED_AT_ONCE, COPIED_AT_ONCE as u64));
        ring.push(noted(1_000), 100);
        assert_eq!(numbers(&ring, 0).len(), 1_001);
        let mut at = next;
        while at < until {
            at = ring.copy(at, until, &mut found);
        }
        assert_eq!((found.len(), at), (1_000, until));
    }
}
