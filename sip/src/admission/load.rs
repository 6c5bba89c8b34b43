//! Whether a worker keeps up: the queue before it is empty now and then, or it stands (RFC 7339 §5.2, RFC 8289 §4).
//!
//! A queue that was empty a moment ago was a burst. One that was not empty for a while delays everything in it, and grows
//! until requests come twice and what is done is of no use. Then calls are refused, which costs a small part of taking them,
//! until the queue was empty once.
//!
//! Those who are known by their address, trunks and phones that are registered there, are refused only while what they ask
//! for is nearly all of the work. Strangers who flood the engine take nobody's calls away.

use std::time::{Duration, Instant};

use super::rate::BURST;

/// A queue that was not empty for this long stands: well below T1, so that nothing is sent twice for it.
pub const STANDING: Duration = Duration::from_millis(100);

/// The same where a queue stood within [`CALM`].
pub const STANDING_AGAIN: Duration = Duration::from_millis(20);

/// After this time without a standing queue an overload is forgotten.
pub const CALM: Duration = Duration::from_secs(1);

/// What a call costs, in requests that are turned away.
const CALL_WORK: u32 = 10;

/// Calls for help that a worker takes in a second whether it keeps up or not: more than there are, too few to be a way in.
pub const URGENT_PER_SECOND: u32 = 10;

/// The known are refused once what they ask for is so many times what strangers do.
const SHARE_OF_KNOWN: u32 = 4;

/// How a worker keeps up, as far as its driver has told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// The first look since which the queue was never found empty.
    behind_since: Option<Instant>,
    is_overloaded: bool,
    /// Whether the message in hand came by a queue that stands before somebody else.
    is_pressed: bool,
    /// When the last overload ended.
    ended: Option<Instant>,
    asked: Asked,
    /// Up to when the rate of calls for help is used up.
    urgent: Option<Instant>,
}

/// What was asked for while something waited, half of it forgotten every [`STANDING`].
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    strangers: u32,
    known: u32,
    halved: Option<Instant>,
}

impl Load {
    /// Notes a look at everything that waits for the worker: sockets, its mailbox, what it has for others.
    pub fn note(&mut self, now: Instant, is_empty: bool) {
        if is_empty {
            self.behind_since = None;
            if self.is_overloaded {
                self.is_overloaded = false;
                self.ended = Some(now);
            }
            return;
        }
        let since = *self.behind_since.get_or_insert(now);
        let is_calm = self.ended.is_none_or(|ended| now.saturating_duration_since(ended) >= CALM);
        let patience = if is_calm { STANDING } else { STANDING_AGAIN };
        self.is_overloaded |= now.saturating_duration_since(since) >= patience;
    }

    /// Notes whether the messages to come were in a queue that stands, though it is not the one that is told of by
    /// [`Self::note`]: several workers' messages wait in one socket.
    pub const fn press(&mut self, is_pressed: bool) {
        self.is_pressed = is_pressed;
    }

    /// Whether something waits: then [`Self::refuses`] is to be told of each request outside a dialog.
    pub const fn is_behind(&self) -> bool {
        self.behind_since.is_some() || self.is_pressed
    }

    /// Counts a request outside a dialog, and says whether it is to be refused should it begin something. `is_call`: it would
    /// make a call, rather than be asked for a password.
    pub fn refuses(&mut self, now: Instant, is_known: bool, is_call: bool) -> bool {
        let asked = &mut self.asked;
        let halved = *asked.halved.get_or_insert(now);
        let times = now.saturating_duration_since(halved).as_nanos() / STANDING.as_nanos();
        if times > 0 {
            let left = |count: u32| {
                u32::try_from(times).ok().and_then(|times| count.checked_shr(times)).unwrap_or(0)
            };
            *asked = Asked { strangers: left(asked.strangers), known: left(asked.known), halved: Some(now) };
        }
        if is_known {
            asked.known = asked.known.saturating_add(if is_call { CALL_WORK } else { 1 });
        } else {
            asked.strangers = asked.strangers.saturating_add(1);
        }
        self.would_refuse(is_known)
    }

    /// Whether a request is refused by what was asked for before it, without counting it.
    pub const fn would_refuse(&self, is_known: bool) -> bool {
        let Asked { strangers, known, halved: _ } = self.asked;
        self.may_refuse() && (!is_known || known >= strangers.saturating_mul(SHARE_OF_KNOWN))
    }

    /// Whether there is room for one more of [`URGENT_PER_SECOND`], which is then used.
    pub fn takes_urgent(&mut self, now: Instant) -> bool {
        let then = self.urgent.map_or(now, |used_up| used_up.max(now)) + BURST / URGENT_PER_SECOND;
        let is_taken = then <= now + BURST;
        if is_taken {
            self.urgent = Some(then);
        }
        is_taken
    }

    /// Whether the queue stands.
    pub const fn is_overloaded(&self) -> bool {
        self.is_overloaded
    }

    /// Whether whatever is new is to be refused, at least to strangers: its queue stands, or the one by which it came.
    pub const fn may_refuse(&self) -> bool {
        self.is_overloaded || self.is_pressed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_is_no_overload() {
        let (mut load, start) = (Load::default(), start());
        for at in 0..1_000 {
            // Full for 99 ms, empty for a moment.
            load.note(start + ms(at), at % 100 == 99);
            assert!(!load.is_overloaded(), "{at} ms");
        }
    }

    #[test]
    fn a_queue_that_stands_is_an_overload_until_it_was_empty() {
        let (mut load, start) = (Load::default(), start());
        load.note(start, false);
        load.note(start + ms(99), false);
        assert!(!load.is_overloaded());
        load.note(start + STANDING, false);
        load.note(start + ms(5_000), false);
        assert!(load.is_overloaded());
        load.note(start + ms(5_001), true);
        assert!(!load.is_overloaded());
    }

    #[test]
    fn the_known_are_refused_only_for_what_they_ask_for() {
        let (mut load, start) = (Load::default(), start());
        load.note(start, false);
        for _ in 0..1_000 {
            assert!(load.is_behind() && !load.refuses(start, false, true), "not yet");
        }
        load.note(start + STANDING, false);
        let mut now = start + STANDING;
        assert!(load.refuses(now, false, true));
        let calls = (0..1_000).take_while(|_| !load.refuses(now, true, true)).count();
        assert_eq!(calls, 200, "four times what strangers asked for, of which half is forgotten");
        // The strangers go on, and so may the known.
        for _ in 0..20 {
            now += STANDING;
            for _ in 0..100 {
                assert!(load.refuses(now, false, false));
            }
        }
        assert!(!load.refuses(now, true, true));
        // The strangers are gone: it is the known who are too many.
        for _ in 0..10 {
            now += STANDING;
            load.refuses(now, true, true);
        }
        assert!(load.refuses(now, true, true));
        load.note(now, true);
        assert!(!load.is_behind() && !load.refuses(now, true, true));
    }

    #[test]
    fn who_keeps_up_refuses_what_came_by_a_queue_that_stands() {
        let (mut load, start) = (Load::default(), start());
        load.note(start, true);
        assert!(!load.is_behind() && !load.refuses(start, false, true));
        load.press(true);
        assert!(load.is_behind() && load.refuses(start, false, true) && !load.is_overloaded());
        // His own queue is empty all the time; what strangers ask for is not forgotten for that.
        for _ in 0..10 {
            load.note(start, true);
            assert!(load.refuses(start, false, true));
        }
        assert!(!load.refuses(start, true, true), "the known ask for less");
        load.press(false);
        assert!(!load.is_behind() && !load.refuses(start, false, true));
    }

    #[test]
    fn what_was_asked_for_long_ago_is_forgotten() {
        let (mut load, start) = (Load::default(), start());
        load.press(true);
        for _ in 0..1_000 {
            load.refuses(start, false, true);
        }
        assert!(!load.refuses(start, true, true));
        for pause in [ms(1_100), Duration::from_secs(10_000)] {
            let mut later = load;
            assert!(later.refuses(start + pause, true, true), "{pause:?}");
        }
    }

    #[test]
    fn so_many_calls_for_help_are_taken_in_a_second() {
        let (mut load, start) = (Load::default(), start());
        let taken = (0..5_000).filter(|at| load.takes_urgent(start + ms(*at))).count();
        assert_eq!(taken, 59, "a burst, then the rate");
    }

    #[test]
    fn who_was_overloaded_a_moment_ago_is_so_sooner() {
        let (mut load, start) = (Load::default(), start());
        load.note(start, false);
        load.note(start + ms(100), false);
        load.note(start + ms(110), true);
        load.note(start + ms(200), false);
        load.note(start + ms(219), false);
        assert!(!load.is_overloaded());
        load.note(start + ms(220), false);
        assert!(load.is_overloaded());
        load.note(start + ms(230), true);
        load.note(start + ms(1_230), false);
        load.note(start + ms(1_329), false);
        assert!(!load.is_overloaded(), "a calm second forgets it");
        load.note(start + ms(1_330), false);
        assert!(load.is_overloaded());
    }
}
