//! The deadlines of calls, as plain values.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::ids::CallId;

/// What falls due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Timer {
    /// The station was asked to answer, hold or retrieve and did not ([`GUARD`]).
    Guard,
    /// The next contacts of the station are tried ([`RING_STEP`]).
    RingStep,
    /// Nobody answered (`ring_max` of the configuration).
    Ring,
    /// Nobody of a group answered.
    Hunt,
    /// A page is as long as it may be.
    Page,
    /// Nobody cleared a call that is over ([`CLEAR`]).
    Clear,
    /// Nobody took over a call that an application left.
    Orphan,
    /// The next digit did not come in time.
    Gather,
    /// The station rings once more (LINEDEVSTATE_RINGING).
    RingCycle,
    /// No digit was dialled ([`DIAL`]).
    Dial,
    /// The phone that transferred its party was told so and did not hang up ([`LEAVE`]).
    Leave,
    /// Nobody retrieved a parked call (`park.timeout` of the configuration).
    Park,
    /// The other side said nothing to an offer that was passed on ([`super::passing::PASSING`]).
    Passing,
    /// The confirmation tone of a feature code was heard.
    Confirmation,
    /// Nothing was heard of a station that was taken back ([`super::recovery::PROBE_AFTER`]).
    Probe,
    /// The disk did not say that the file of a recording is there ([`super::recording::FILE`]).
    File,
    /// A pause between the digits of a dialled address is over ([`super::suffix::PAUSE`]).
    Pause,
}

/// How long a phone may take to answer by itself when it was asked to.
pub(super) const GUARD: Duration = Duration::from_secs(4);

/// How long the contacts of one q value ring before those of the next are tried.
pub(super) const RING_STEP: Duration = Duration::from_secs(15);

/// How long a call may stay disconnected or busy before the switch clears it.
pub(super) const CLEAR: Duration = Duration::from_secs(60);

/// How long an application may take to dial the first digits, and each time the next.
pub(super) const DIAL: Duration = Duration::from_secs(60);

/// How long a phone may take to hang up after it was told that its transfer succeeded (RFC 5589 §6.1).
pub(super) const LEAVE: Duration = Duration::from_secs(2);

/// All deadlines of all calls, at most one of a kind for a call.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Timers {
    due: BTreeSet<(Instant, CallId, Timer)>,
    set: HashMap<CallId, SmallVec<[(Timer, Instant); 4]>, FixedState>,
}

impl Timers {
    /// Starts a timer, or starts it anew.
    pub(super) fn start(&mut self, call: CallId, timer: Timer, at: Instant) {
        self.stop(call, timer);
        self.set.entry(call).or_default().push((timer, at));
        self.due.insert((at, call, timer));
    }

    /// Stops a timer, if it runs.
    pub(super) fn stop(&mut self, call: CallId, timer: Timer) {
        if let Some(at) = self.unset(call, timer) {
            self.due.remove(&(at, call, timer));
        }
    }

    /// Stops all timers of the call.
    pub(super) fn stop_all(&mut self, call: CallId) {
        for (timer, at) in self.set.remove(&call).unwrap_or_default() {
            self.due.remove(&(at, call, timer));
        }
    }

    /// The next that is due, taken out.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(CallId, Timer)> {
        let &(at, call, timer) = self.due.first().filter(|(at, ..)| *at <= now)?;
        self.due.remove(&(at, call, timer));
        self.unset(call, timer);
        Some((call, timer))
    }

    /// Forgets a timer; when it would have been due.
    fn unset(&mut self, call: CallId, timer: Timer) -> Option<Instant> {
        let set = self.set.get_mut(&call)?;
        let (_, at) = set.swap_remove(set.iter().position(|(other, _)| *other == timer)?);
        if set.is_empty() {
            self.set.remove(&call);
        }
        Some(at)
    }

    /// When the next falls due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, ..)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::rig::epoch;

    #[test]
    fn a_timer_started_anew_falls_due_once() {
        let start = epoch();
        let mut timers = Timers::default();
        timers.start(CallId(1), Timer::Ring, start + Duration::from_secs(1));
        timers.start(CallId(1), Timer::Ring, start + Duration::from_secs(2));
        assert_eq!(timers.take_due(start + Duration::from_secs(1)), None);
        assert_eq!(timers.take_due(start + Duration::from_secs(2)), Some((CallId(1), Timer::Ring)));
        assert_eq!(timers.deadline(), None);
    }

    #[test]
    fn stopping_all_leaves_other_calls_alone() {
        let start = epoch();
        let mut timers = Timers::default();
        timers.start(CallId(1), Timer::Ring, start);
        timers.start(CallId(1), Timer::Guard, start);
        timers.start(CallId(2), Timer::Clear, start);
        timers.stop_all(CallId(1));
        assert_eq!(timers.take_due(start), Some((CallId(2), Timer::Clear)));
        assert_eq!(timers.take_due(start), None);
    }
}
