//! Reading everything as it comes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Noted, Trace};

/// Where each ring is to be read from.
#[derive(Debug)]
pub(crate) struct Tail {
    trace: Arc<Trace>,
    next: Vec<u64>,
}

impl Trace {
    /// Reads from the oldest thing that is kept, with media or without.
    pub(super) fn from_oldest(self: &Arc<Self>, has_media: bool) -> Tail {
        let rings = self.rings.len() - usize::from(!has_media);
        let next = (0..rings).map(|ring| self.ring(ring).first()).collect();
        Tail { trace: Arc::clone(self), next }
    }

    /// Reads what is to come, without media.
    pub(crate) fn tail(self: &Arc<Self>) -> Tail {
        let next = (0..self.rings.len() - 1).map(|ring| self.ring(ring).next()).collect();
        Tail { trace: Arc::clone(self), next }
    }
}

impl Tail {
    /// Adds what has happened since the last time, ring by ring; how many things made room before they were read.
    pub(crate) fn read(&mut self, into: &mut Vec<Noted>) -> u64 {
        let mut lost = 0;
        for (index, next) in self.next.iter_mut().enumerate() {
            let until = self.trace.ring(index).next();
            while *next < until {
                let ring = self.trace.ring(index);
                lost += ring.first().saturating_sub(*next);
                *next = ring.copy(*next, until, into);
            }
        }
        lost
    }

    /// A moment since the Unix epoch.
    pub(crate) fn unix(&self, at: Instant) -> Duration {
        self.trace.unix(at)
    }
}
