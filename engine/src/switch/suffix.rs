//! Digits after a pause in a dialable string: said to whom the number reached, once the call is connected.
//!
//! ```text
//!                 connected                  PAUSE for each comma        the relay says the digits
//!   030,,12,3 ──▶ Waits ",,12,3" ──────────▶ Pauses "12,3" ────────────▶ Said "12", rest ",3" ──┐
//!                                              ▲                                                │
//!                                              └────────────────────────────────────────────────┘
//! ```
//!
//! - The call is CONNECTED meanwhile and can be used: both sides are heard between the digits.
//! - LINE_GENERATE goes to the application that dialled: DONE when they are out, CANCEL when something came before: the call
//!   was held or left, its far party went elsewhere, other digits were generated. Where the call never came to that, nothing is
//!   told.
//! - The digits may be those of a calling card: `Debug` masks them, and the called number is shown without.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trunkline_sip::LegId;

use super::Switch;
use super::call_state::CallState;
use super::ids::{AppId, CallId};
use super::leg::{Leg, LegPhase};
use super::message::Message;
use super::outbox::Outbox;
use super::timers::Timer;

/// The longest suffix, in digits and pauses. More would keep a line for minutes.
pub(super) const SUFFIX_BYTES_MAX: usize = 64;

/// How long a comma pauses (`dwDialPause`): as the relay does for `lineGenerateDigits`.
pub(super) const PAUSE: Duration = Duration::from_millis(trunkline_media::limits::DIGIT_PAUSE_MS as u64);

/// What is left to say for a call.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Suffix {
    app: AppId,
    rest: String,
    step: Step,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// The call is not connected.
    Waits,
    /// To this leg, after a pause.
    Pauses(LegId),
    /// The relay says digits to this leg, by this generation.
    Says(LegId, u32),
}

impl fmt::Debug for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = format_args!("({} masked)", self.rest.len());
        f.debug_struct("Suffix")
            .field("app", &self.app)
            .field("rest", &masked)
            .field("step", &self.step)
            .finish()
    }
}

impl Switch {
    /// These digits are said once the call is connected.
    pub(super) fn put_suffix(&mut self, id: CallId, app: AppId, rest: String) {
        if !rest.is_empty() {
            self.suffixes.insert(id, Suffix { app, rest, step: Step::Waits });
            self.dirty.insert(id);
        }
    }

    /// Begins to say what was dialled for later, or stops where nobody listens to it any more.
    pub(super) fn settle_suffix(&mut self, id: CallId, out: &mut Outbox) {
        let peer = self.calls.get(&id).and_then(|call| call.peer);
        for call in [Some(id), peer].into_iter().flatten() {
            self.settle_suffix_of(call, out);
        }
    }

    fn settle_suffix_of(&mut self, id: CallId, out: &mut Outbox) {
        let Some(suffix) = self.suffixes.get(&id) else { return };
        let step = suffix.step;
        match self.calls.get(&id).map_or(CallState::Idle, |call| call.state) {
            CallState::DialTone(_)
            | CallState::Dialing
            | CallState::Proceeding
            | CallState::Ringback
            | CallState::Offering(_)
            | CallState::Accepted => {}
            CallState::Connected(_) => match (step, self.suffix_leg(id)) {
                (Step::Waits, Some(leg)) => self.say_next(id, leg, out),
                (Step::Waits, None) => {}
                (Step::Pauses(leg) | Step::Says(leg, _), far) if far == Some(leg) => {}
                (Step::Pauses(_) | Step::Says(..), _) => self.cancel_suffix(id, out),
            },
            CallState::Idle
            | CallState::Busy(_)
            | CallState::SpecialInfo(_)
            | CallState::OnHold
            | CallState::Conferenced
            | CallState::OnHoldPendConf
            | CallState::OnHoldPendTransfer
            | CallState::Disconnected(_)
            | CallState::Unknown => self.cancel_suffix(id, out),
        }
    }

    /// The leg of the far party, if it hears us.
    fn suffix_leg(&self, id: CallId) -> Option<LegId> {
        let leg = self.far_leg(self.calls.get(&id)?)?;
        // Who called in to answer in another's place acknowledges later.
        let is_up = |leg: &Leg| matches!(leg.phase, LegPhase::Answered | LegPhase::Up);
        self.legs.get(&leg).is_some_and(is_up).then_some(leg)
    }

    /// The next pauses or digits.
    fn say_next(&mut self, id: CallId, leg: LegId, out: &mut Outbox) {
        let Some(suffix) = self.suffixes.get_mut(&id) else { return };
        let digits = suffix.rest.trim_start_matches(',');
        let pauses = u32::try_from(suffix.rest.len() - digits.len()).unwrap_or(u32::MAX);
        if pauses > 0 {
            suffix.rest = digits.to_owned();
            suffix.step = Step::Pauses(leg);
            self.timers.start(id, Timer::Pause, self.now + PAUSE * pauses);
            return;
        }
        let end = digits.find(',').unwrap_or(digits.len());
        let (said, rest) = (digits[..end].to_owned(), digits[end..].to_owned());
        let app = suffix.app;
        let generation = self.generate(id, app, leg, &said, 0, out);
        self.suffixes.insert(id, Suffix { app, rest, step: Step::Says(leg, generation) });
    }

    /// A pause is over.
    pub(super) fn pause_over(&mut self, id: CallId, out: &mut Outbox) {
        if let Some(Suffix { step: Step::Pauses(leg), .. }) = self.suffixes.get(&id) {
            self.say_next(id, *leg, out);
        }
    }

    fn cancel_suffix(&mut self, id: CallId, out: &mut Outbox) {
        let Some(Suffix { app, step, .. }) = self.suffixes.remove(&id) else { return };
        self.timers.stop(id, Timer::Pause);
        match step {
            Step::Waits => {}
            Step::Pauses(_) => {
                if let Some(line) = self.calls.get(&id).map(|call| Arc::clone(&call.line)) {
                    out.messages.push((app, Message::Generate { call: id, line, reason: "cancel" }));
                }
            }
            // The relay confirms it, and the application is told then.
            Step::Says(leg, _) => self.media.cancel_digits(leg, out),
        }
    }

    /// Other digits are generated for the call: what is left of its own is not said.
    pub(super) fn supersede_suffix(&mut self, id: CallId, out: &mut Outbox) {
        if self.suffixes.get(&id).is_some_and(|suffix| suffix.step != Step::Waits) {
            self.cancel_suffix(id, out);
        }
    }

    /// The relay is done with this generation of the call. Whether more digits follow, so that nothing is told yet.
    pub(super) fn suffix_said(&mut self, id: CallId, done: u32, cancelled: bool, out: &mut Outbox) -> bool {
        let Some(Suffix { rest, step: Step::Says(leg, generation), .. }) = self.suffixes.get(&id) else {
            return false;
        };
        let (leg, follows) = (*leg, !rest.is_empty() && !cancelled);
        if *generation != done {
            return false;
        }
        if follows {
            self.say_next(id, leg, out);
        } else {
            self.suffixes.remove(&id);
        }
        follows
    }
}
