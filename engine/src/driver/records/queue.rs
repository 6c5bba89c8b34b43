//! The way of facts to the thread that writes records, and what is left out when it does not keep up.
//!
//! ```text
//!  full        calls that begin have no record; what happens to the others is told
//!  twice that  a call of which something cannot be told has no record: what there would be of it would be false
//! ```

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::driver::metrics::{Counter, Metrics};
use crate::switch::{CallFact, CallFactKind, CallId};

/// Facts that may wait for the thread, in octets of memory: some 30,000 calls. Beyond, calls that begin have no record.
pub(super) const WAITING_BYTES_MAX: usize = 64 << 20;

/// What happens to calls that began before may wait beyond that.
pub(super) const CHANGES_BYTES_MAX: usize = 2 * WAITING_BYTES_MAX;

/// Something for the thread.
#[derive(Debug)]
pub(super) enum Job {
    Facts(Vec<CallFact>),
    /// Something of these calls was not told. Once of each.
    Lost(Vec<CallId>),
    Recovered,
}

/// The way to the records. Clones share it; the thread ends when the last is gone, with everything written.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    jobs: Sender<Job>,
    waiting: Arc<Waiting>,
    metrics: Arc<Metrics>,
}

/// What waits for the thread.
#[derive(Default, Debug)]
pub(super) struct Waiting {
    bytes: AtomicUsize,
    /// Calls that are not over and of which nothing is told any more.
    untold: Mutex<HashSet<CallId>>,
}

impl Waiting {
    /// The thread has taken facts.
    pub(super) fn taken(&self, facts: &[CallFact]) {
        self.bytes.fetch_sub(weight(facts), Ordering::Relaxed);
    }
}

impl Records {
    /// A way, and where it ends.
    pub(super) fn new(metrics: Arc<Metrics>) -> (Self, Receiver<Job>, Arc<Waiting>) {
        let (jobs, queue) = channel();
        let waiting = Arc::new(Waiting::default());
        (Self { jobs, waiting: Arc::clone(&waiting), metrics }, queue, waiting)
    }

    /// Takes what happened to calls. Never waits for a disk.
    pub(crate) fn tell(&self, mut facts: Vec<CallFact>) {
        let waiting = self.waiting.bytes.load(Ordering::Relaxed);
        let mut untold = self.waiting.untold.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting >= WAITING_BYTES_MAX || !untold.is_empty() {
            let mut lost = Vec::new();
            let before = facts.len();
            facts.retain(|fact| self.admits(waiting, fact, &mut untold, &mut lost));
            self.metrics.count_many(Counter::CallFactsDropped, before - facts.len());
            if !lost.is_empty() {
                drop(self.jobs.send(Job::Lost(lost)));
            }
        }
        drop(untold);
        if !facts.is_empty() {
            self.waiting.bytes.fetch_add(weight(&facts), Ordering::Relaxed);
            // A queue that nobody reads means that the engine stops.
            drop(self.jobs.send(Job::Facts(facts)));
        }
    }

    /// Whether a fact may wait, too.
    fn admits(
        &self,
        waiting: usize,
        fact: &CallFact,
        untold: &mut HashSet<CallId>,
        lost: &mut Vec<CallId>,
    ) -> bool {
        let is_over = matches!(fact.kind, CallFactKind::Over(_));
        if untold.contains(&fact.call) {
            if is_over {
                untold.remove(&fact.call);
            }
            return false;
        }
        match &fact.kind {
            CallFactKind::Began(begun) if waiting >= WAITING_BYTES_MAX => {
                untold.insert(fact.call);
                self.metrics.count_many(Counter::CallRecordsLost, usize::from(begun.standing.calls));
                false
            }
            CallFactKind::Stands(_) | CallFactKind::Did(_) | CallFactKind::Over(_)
                if waiting >= CHANGES_BYTES_MAX =>
            {
                if !is_over {
                    untold.insert(fact.call);
                }
                lost.push(fact.call);
                false
            }
            // A record that has no figures is true all the same.
            CallFactKind::Media(_) => waiting < WAITING_BYTES_MAX,
            CallFactKind::Began(_)
            | CallFactKind::Stands(_)
            | CallFactKind::Did(_)
            | CallFactKind::Over(_) => true,
        }
    }

    /// The switch has taken back what it could: whatever it has not told until now is lost.
    pub(crate) fn recovered(&self) {
        drop(self.jobs.send(Job::Recovered));
    }
}

fn weight(facts: &[CallFact]) -> usize {
    facts.iter().map(CallFact::weight).sum()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attempts, begun, fact, over, talks};
    use super::*;

    fn told(queue: &Receiver<Job>) -> Vec<String> {
        let name = |fact: CallFact| match fact.kind {
            CallFactKind::Began(_) => format!("{} began", fact.call),
            CallFactKind::Stands(_) => format!("{} stands", fact.call),
            CallFactKind::Did(_) => format!("{} did", fact.call),
            CallFactKind::Over(_) => format!("{} over", fact.call),
            CallFactKind::Media(_) => format!("{} media", fact.call),
        };
        let jobs = queue.try_iter().flat_map(|job| match job {
            Job::Facts(facts) => facts.into_iter().map(name).collect(),
            Job::Lost(calls) => calls.into_iter().map(|call| format!("{call} lost")).collect(),
            Job::Recovered => vec!["recovered".to_owned()],
        });
        jobs.collect()
    }

    #[test]
    fn a_full_queue_takes_no_calls_that_begin_and_all_of_those_that_did() {
        let metrics = Arc::new(Metrics::new(1));
        let (records, queue, waiting) = Records::new(Arc::clone(&metrics));
        records.tell(vec![fact(1, begun())]);
        waiting.bytes.fetch_add(WAITING_BYTES_MAX, Ordering::Relaxed);
        records.tell(vec![fact(2, begun())]);
        records.tell(vec![fact(2, talks()), fact(1, talks())]);
        waiting.bytes.store(0, Ordering::Relaxed);
        // There is room again: who was left out stays it, and what begins is told.
        records.tell(vec![fact(2, talks()), fact(2, over()), fact(1, over()), fact(3, begun())]);
        records.tell(vec![fact(2, begun())]);
        assert_eq!(told(&queue), ["c1 began", "c1 stands", "c1 over", "c3 began", "c2 began"]);
        let seen = metrics.snapshot(0, 0);
        assert_eq!((seen.call_records_lost_total, seen.call_facts_dropped_total), (1, 4));
    }

    #[test]
    fn a_queue_that_is_twice_full_says_once_whom_it_lost() {
        let metrics = Arc::new(Metrics::new(1));
        let (records, queue, waiting) = Records::new(Arc::clone(&metrics));
        records.tell(vec![fact(1, begun()), fact(2, begun())]);
        waiting.bytes.fetch_add(CHANGES_BYTES_MAX, Ordering::Relaxed);
        records.tell(vec![fact(1, talks()), fact(1, talks()), fact(2, over())]);
        records.tell(vec![fact(1, over())]);
        records.tell(attempts(3..5));
        assert_eq!(told(&queue), ["c1 began", "c2 began", "c1 lost", "c2 lost"]);
        assert!(waiting.untold.lock().expect("nobody panicked").is_empty());
    }

    #[test]
    fn what_was_taken_waits_no_more() {
        let (records, queue, waiting) = Records::new(Arc::new(Metrics::new(1)));
        records.tell(attempts(1..9));
        assert!(waiting.bytes.load(Ordering::Relaxed) > 16 * size_of::<CallFact>());
        let Ok(Job::Facts(facts)) = queue.try_recv() else { panic!("they wait") };
        waiting.taken(&facts);
        assert_eq!(waiting.bytes.load(Ordering::Relaxed), 0);
    }
}
