//! `lineAnswer` at a phone that is told by CSTA.
//!
//! ```text
//!  lineAnswer ──▶ AnswerCall ──▶ its 200 to our INVITE
//!                     └ CSTAErrorCode, 2 s ──▶ NOTIFY talk, or called anew
//! ```
//!
//! Which call of the phone rings is known by its DeliveredEvent. A phone that tells no events is not asked to answer so.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::package::csta::Service;

use super::session::Job;
use super::{CstaUse, Place};
use crate::switch::Switch;
use crate::switch::call::{Call, Wish};
use crate::switch::ids::CallId;
use crate::switch::outbox::Outbox;
use crate::switch::timers::{GUARD, Timer};

impl Switch {
    /// Asks a phone that rings to answer; `false`: it cannot be asked.
    pub(in crate::switch) fn answer_by_phone(&mut self, now: Instant, id: CallId, out: &mut Outbox) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        let caller = call.caller.shown(&self.setup.domain).user;
        let branches = call.ring.iter().flat_map(|ring| ring.branches.iter());
        let places: Vec<Place> = branches
            .filter_map(|leg| self.legs.get(leg)?.binding.as_ref())
            .map(|binding| (Arc::clone(&call.line), Arc::clone(&binding.key)))
            .filter(|place| self.is_told(place, CstaUse::Answer))
            .collect();
        for place in places {
            let ringing = self.csta.session(&place).and_then(|session| session.ringing(&caller).cloned());
            if let Some(connection) = ringing
                && self.serve_by_phone(now, &place, Service::AnswerCall(connection), Job::Answer(id), out)
            {
                return true;
            }
        }
        false
    }

    /// Whether an application waits until the phone answers.
    pub(super) fn waits_for_answer(&self, id: CallId) -> bool {
        let waits = |call: &Call| call.pending.is_some_and(|one| one.wish == Wish::Answer);
        self.calls.get(&id).is_some_and(waits)
    }

    /// The phone will not answer so.
    pub(super) fn phone_does_not_answer(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        if self.waits_for_answer(id) {
            self.timers.start(id, Timer::Guard, now + GUARD);
            self.ask_to_answer_by_sip(now, id, out);
        }
    }
}
