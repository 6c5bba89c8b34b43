//! Which of many values is due next: a heap whose entries are cheap to leave behind.
//!
//! A value keeps the time of its earliest entry in an [`Armed`]. Moving a deadline later costs nothing: the entry comes
//! up, the value is not due, and it is armed again. Moving it earlier pushes a second entry; the first is then stale
//! and is recognised by its time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::time::Instant;

/// Deadlines in order of time, and of arming where times are equal: the same inputs give the same order.
#[derive(Debug)]
pub struct TimerQueue<K> {
    heap: BinaryHeap<Entry<K>>,
    sequence: u64,
}

/// The time of a value's earliest entry in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Armed(Option<Instant>);

impl Armed {
    /// Whether an entry for this time is the one that counts.
    pub fn is_current(self, entry: Instant) -> bool {
        self.0 == Some(entry)
    }

    /// Whether an entry that came up at this time is the one that counts. It is used up by the question.
    pub fn is_due(&mut self, entry: Instant) -> bool {
        let due = self.0 == Some(entry);
        if due {
            self.0 = None;
        }
        due
    }

    /// Where the entry that was made for this time belongs, if the value is due at `deadline`. `None`: nowhere any more.
    pub fn advance(&mut self, entry: Instant, deadline: Option<Instant>) -> Option<Instant> {
        if self.0 != Some(entry) {
            return None;
        }
        self.0 = deadline.map(|at| at.max(entry));
        self.0
    }
}

impl<K> TimerQueue<K> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }

    /// Makes sure that the value comes up at its deadline, or earlier.
    pub fn arm(&mut self, armed: &mut Armed, deadline: Option<Instant>, key: K) {
        let Some(at) = deadline else { return };
        if armed.0.is_some_and(|earliest| earliest <= at) {
            return;
        }
        armed.0 = Some(at);
        self.sequence += 1;
        self.heap.push(Entry { at, sequence: self.sequence, key });
    }

    /// Removes entries that do not count, if there are many more than the `live` values that can be armed: each value
    /// has one that counts, and a stale one may be due only in an hour.
    pub fn purge(&mut self, live: usize, mut is_current: impl FnMut(Instant, &K) -> bool) {
        if self.heap.len() > STALE_MAX + 4 * live {
            self.heap.retain(|entry| is_current(entry.at, &entry.key));
        }
    }

    /// Moves the entries that would come up next to where they belong ([`Armed::advance`]), until one is there: so
    /// [`Self::deadline`] says when something has to be done.
    pub fn advance(&mut self, mut belongs: impl FnMut(Instant, &K) -> Option<Instant>) {
        while let Some(mut first) = self.heap.peek_mut() {
            match belongs(first.at, &first.key) {
                Some(at) if at <= first.at => return,
                Some(at) => {
                    self.sequence += 1;
                    (first.at, first.sequence) = (at, self.sequence);
                }
                None => drop(PeekMut::pop(first)),
            }
        }
    }

    /// When the next entry is due. It may be stale.
    pub fn deadline(&self) -> Option<Instant> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// The next entry that is due, with the time it was made for.
    pub fn pop(&mut self, now: Instant) -> Option<(Instant, K)> {
        if self.heap.peek()?.at > now {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.key))
    }
}

impl<K> Default for TimerQueue<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// Stale entries that are not worth a search.
const STALE_MAX: usize = 1024;

#[derive(Debug)]
struct Entry<K> {
    at: Instant,
    sequence: u64,
    key: K,
}

impl<K> Ord for Entry<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

impl<K> PartialOrd for Entry<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> PartialEq for Entry<K> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl<K> Eq for Entry<K> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::start;

    #[test]
    fn entries_come_in_order_of_time_then_of_arming() {
        let start = start();
        let mut queue = TimerQueue::new();
        for (key, seconds) in [("late", 3), ("first", 1), ("second", 1)] {
            queue.arm(&mut Armed::default(), Some(start + Duration::from_secs(seconds)), key);
        }
        assert_eq!(queue.pop(start), None);
        let later = start + Duration::from_secs(5);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop(later)).map(|(_, key)| key).collect();
        assert_eq!(order, ["first", "second", "late"]);
        assert_eq!(queue.deadline(), None);
    }

    #[test]
    fn a_deadline_moved_later_needs_no_entry_and_one_moved_earlier_makes_the_old_one_stale() {
        let start = start();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut queue, mut armed) = (TimerQueue::new(), Armed::default());
        queue.arm(&mut armed, Some(at(5)), ());
        queue.arm(&mut armed, Some(at(9)), ());
        queue.arm(&mut armed, Some(at(2)), ());
        let (first, ()) = queue.pop(at(9)).unwrap();
        assert!(first == at(2) && armed.is_due(first));
        let (second, ()) = queue.pop(at(9)).unwrap();
        assert!(second == at(5) && !armed.is_due(second));
        assert_eq!(queue.pop(at(9)), None);
    }

    #[test]
    fn entries_are_moved_to_where_they_belong_until_one_is_there() {
        let start = start();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut queue = TimerQueue::new();
        // Moved later, moved earlier and so stale, left alone, due no more.
        let mut values = [(1, Some(7)), (2, Some(2)), (6, Some(6)), (3, None)]
            .map(|(armed, due)| (Armed::default(), at(armed), due.map(at)));
        for (key, (armed, first, _)) in values.iter_mut().enumerate() {
            queue.arm(armed, Some(*first), key);
        }
        queue.arm(&mut values[1].0, Some(at(0)), 1);
        assert_eq!(queue.pop(start), Some((start, 1)));
        assert!(values[1].0.is_due(start));
        queue.advance(|entry, &key| values[key].0.advance(entry, values[key].2));
        assert_eq!(queue.deadline(), Some(at(6)));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop(at(9))).collect();
        assert_eq!(order, [(at(6), 2), (at(7), 0)]);
        assert!(values[0].0.is_due(at(7)) && values[2].0.is_due(at(6)));
        queue.advance(|_, _| panic!("nothing is left"));
    }

    #[test]
    fn stale_entries_do_not_pile_up() {
        let start = start();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut queue, mut kept) = (TimerQueue::new(), Armed::default());
        queue.arm(&mut kept, Some(at(7)), 0);
        for key in 1..10_000 {
            queue.arm(&mut Armed::default(), Some(at(3_600)), key);
            queue.purge(1, |at, key| *key == 0 && kept.is_current(at));
            assert!(queue.heap.len() <= STALE_MAX + 5);
        }
        assert_eq!(queue.pop(at(9)), Some((at(7), 0)));
    }
}
