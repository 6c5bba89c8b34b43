//! Which leg a dialog is that somebody else names. Our tag says which worker has it; if that is another one, it is asked.
//!
//! ```text
//!  INVITE with Replaces ─▶ worker 0 ── whose dialog is this? ──▶ worker 1
//!        Event::Incoming ◀─ worker 0 ◀── leg 1:7, or none ───────┘        (none at all after 500 ms: none)
//! ```

use std::time::{Duration, Instant};

use super::Agent;
use crate::dialog::{DialogName, READINGS};
use crate::ids::LegId;
use crate::outbox::{DialogQuestion, Outbox, Place, Question, Subject, Unresolved};
use crate::token::Token;

/// How long another worker may take to answer. It is a thread of the same process.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

impl Agent {
    /// Takes a question of another worker, or its answer to one of ours: an item of [`Outbox::unresolved`].
    pub fn resolve(&mut self, now: Instant, unresolved: Unresolved, out: &mut Outbox) {
        match unresolved.0 {
            Question::Dialog(question) => self.resolve_dialog(now, question, out),
            Question::Leg(question) => self.resolve_leg(now, question, out),
        }
    }

    fn resolve_dialog(&mut self, now: Instant, mut question: DialogQuestion, out: &mut Outbox) {
        let (subject, place) = (question.subject, question.place);
        let is_ours = subject.worker() == self.endpoint.config.worker;
        match question.found {
            Some(found) if is_ours => self.resolved(now, subject, place, found, out),
            Some(_) => {}
            None => match self.look_up(question.clone(), out) {
                Some(found) if is_ours => self.resolved(now, subject, place, found, out),
                Some(found) => {
                    question.found = Some(found);
                    out.unresolved.push((subject.worker(), Unresolved(Question::Dialog(question))));
                }
                None => {}
            },
        }
    }

    /// The leg of a dialog that a header of a leg or usage names. `None`: another worker is asked, and its answer comes to
    /// [`Self::resolve`].
    pub(super) fn seek(
        &self,
        subject: Subject,
        place: Place,
        dialog: DialogName,
        out: &mut Outbox,
    ) -> Option<Option<LegId>> {
        self.look_up(DialogQuestion { subject, place, dialog, tried: 0, found: None }, out)
    }

    /// Tries the readings that are left, here or where they belong.
    fn look_up(&self, mut question: DialogQuestion, out: &mut Outbox) -> Option<Option<LegId>> {
        let config = &self.endpoint.config;
        for reading in question.tried..READINGS {
            let Some((ours, theirs)) = question.dialog.reading(reading) else { continue };
            if ours.worker == config.worker {
                if let Some(leg) = self.leg_by(question.dialog.call_id(), ours, theirs) {
                    return Some(Some(leg));
                }
            } else if ours.worker < config.workers {
                question.tried = reading;
                out.unresolved.push((ours.worker, Unresolved(Question::Dialog(question))));
                return None;
            }
        }
        Some(None)
    }

    /// The leg with exactly this dialog.
    fn leg_by(&self, call_id: &str, ours: Token, theirs: &str) -> Option<LegId> {
        let id = *self.tags.get(&ours)?;
        self.legs.get(&id)?.has_dialog_with(call_id, theirs).then_some(id)
    }

    fn resolved(
        &mut self,
        now: Instant,
        subject: Subject,
        place: Place,
        found: Option<LegId>,
        out: &mut Outbox,
    ) {
        match subject {
            Subject::Leg(id) => self.with_leg(id, out, |leg, _, out| leg.announce(place, found, out)),
            Subject::Usage(id) => self.referral_resolved(now, id, place, found, out),
        }
    }
}
