//! The called line is free: who wanted it is called, and when he answers, it is.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::outbox::{CauseKind, Party};

use super::Switch;
use super::call::{Call, Errand, Few};
use super::call_state::{CallState, OfferingMode};
use super::callback::Elsewhere;
use super::completion::{FREE_FOR, Phase, RECALL, RETRY};
use super::ids::{CallId, CompletionId};
use super::line::occupies;
use super::outbox::Outbox;
use super::privilege::CallPrivilege;
use super::report::CallReport;
use super::ring::groups;
use super::setup::LineKind;
use super::status::Failure;
use super::timers::Timer;
use super::view::{CallOrigin, CallReason, PartyView};

impl Switch {
    /// Looks at the lines of which something changed.
    pub(super) fn look_at_stirred(&mut self, now: Instant) {
        while let Some(line) = self.completions.take_stirred() {
            let concerned: Vec<_> = self.completions.concerning(&line).collect();
            for id in concerned {
                self.look(now, id);
            }
        }
    }

    /// Does what is due of requests.
    pub(super) fn completions_due(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(id) = self.completions.take_due(now) {
            let Some(completion) = self.completions.get(id) else { continue };
            let phase = completion.phase;
            if phase == Phase::Recalls {
                // The timer of its call ends it.
                self.completions.set(id, phase, Some(now + RECALL + RETRY));
            } else if completion.expires <= now {
                self.cancel_completion(now, id, out);
            } else if phase == Phase::Resumes {
                self.resume_completion(now, id, out);
            } else if phase == Phase::Guarded && self.is_ready(id) {
                self.recall(now, id, out);
            } else {
                let phase = if phase == Phase::Guarded { Phase::Waits } else { phase };
                self.completions.set(id, phase, None);
                self.look(now, id);
            }
        }
    }

    /// Whether somebody uses the line: a call there is more than offered, and was not taken by the phone itself for a page group.
    pub(super) fn is_used(&self, line: &str) -> bool {
        let uses = |id: &CallId| {
            self.calls.get(id).is_some_and(|call| {
                call.camped.is_none()
                    && self.pages.speaker(*id).is_none()
                    && occupies(call.state)
                    && !matches!(call.state, CallState::Offering(_) | CallState::Accepted)
            })
        };
        self.lines.of_call(line).is_some_and(|line| line.calls.iter().any(uses))
    }

    /// Moves a request by what is known of its two lines.
    fn look(&mut self, now: Instant, id: CompletionId) {
        let Some(completion) = self.completions.get(id) else { return };
        match completion.phase {
            Phase::AwaitsUse => {
                let is_used = match &completion.elsewhere {
                    Some(elsewhere) => elsewhere.is_used,
                    None => self.is_used(&completion.called),
                };
                if is_used {
                    self.completions.set(id, Phase::Waits, None);
                }
            }
            Phase::Waits => {
                if self.is_ready(id) {
                    // Another system that calls one caller after the other waits for him now.
                    let at_once = completion.elsewhere.as_ref().is_some_and(Elsewhere::is_queued_there);
                    let due = if at_once { now } else { now + FREE_FOR };
                    self.completions.set(id, Phase::Guarded, Some(due));
                }
            }
            Phase::Guarded => {
                if !self.is_ready(id) {
                    self.completions.set(id, Phase::Waits, None);
                }
            }
            Phase::Asked | Phase::Resumes | Phase::Camped(_) | Phase::Recalls => {}
        }
    }

    /// Whether the called line is free, nobody else is called for it, and the own line can be called.
    fn is_ready(&self, id: CompletionId) -> bool {
        let Some(completion) = self.completions.get(id) else { return false };
        let is_wanted =
            self.completions.for_called(&completion.called).any(|other| other.phase == Phase::Recalls);
        let is_free = match &completion.elsewhere {
            Some(elsewhere) => elsewhere.is_free,
            None => self.is_free(&completion.called),
        };
        !is_wanted && is_free && self.is_free(&completion.line)
    }

    /// Whether a call would find the line free.
    pub(super) fn is_free(&self, address: &str) -> bool {
        self.lines.get(address).is_some_and(|line| match line.kind {
            LineKind::Phone => line.occupied == 0 && !self.location.lookup(address, self.now).is_empty(),
            LineKind::Local => line.watchers.iter().any(|(_, privilege)| *privilege == CallPrivilege::Owner),
            LineKind::Trunk => false,
        })
    }

    /// Offers the call to who wanted it.
    fn recall(&mut self, now: Instant, id: CompletionId, out: &mut Outbox) {
        let Some(completion) = self.completions.get(id) else { return };
        if self.admit_call(&completion.line).is_err() {
            self.completions.set(id, Phase::Waits, Some(now + RETRY));
            return;
        }
        let completion = completion.clone();
        let Some(line) = self.lines.get(&completion.line) else { return };
        let kind = line.kind;
        let caller = PartyView { number: completion.number.clone(), ..self.own_party(&completion.called) };
        let called = self.own_party(&completion.line);
        let media_worker = self.media.choose_worker(&self.setup.media);
        let call = self.next_call();
        let offering = CallState::Offering(OfferingMode::Active);
        let own = Party { user: called.number.clone(), host: self.setup.domain.clone(), name: String::new() };
        let errand = Some(Errand::CallBack(id, completion.number));
        let offered = Call {
            caller,
            called,
            calls: true,
            reason: CallReason::CallCompletion,
            completion: Some(id),
            few: Some(Box::new(Few { errand, ..Few::NOTHING })),
            media_worker,
            ..Call::new(now, call, Arc::clone(&completion.line), kind, CallOrigin::Internal, offering)
        };
        self.completions.set(id, Phase::Recalls, Some(now + RECALL + RETRY));
        self.introduce(offered, None, out);
        self.tell_line_state(&completion.line, "numcompletions", 0, 0, None, out);
        self.timers.start(call, Timer::Ring, now + RECALL);
        if kind == LineKind::Phone {
            let groups = groups(&self.location.lookup(&completion.line, now));
            let from_host = self.setup.domain.clone();
            self.start_ring(now, call, None, own, from_host, groups, out);
        }
    }

    /// Who wanted the call answered: it becomes his, to the number.
    pub(super) fn call_back(
        &mut self,
        now: Instant,
        call: CallId,
        completion: CompletionId,
        number: &str,
        out: &mut Outbox,
    ) {
        let elsewhere = self.completions.get(completion).and_then(|known| known.elsewhere.as_ref());
        let completes = elsewhere.and_then(Elsewhere::mode);
        self.end_completion(now, completion, out);
        self.finish_pending(call, Ok(()), out);
        self.report(now, call, CallReport::Answered, out);
        let Some(answered) = self.calls.get_mut(&call) else { return };
        std::mem::swap(&mut answered.caller, &mut answered.called);
        answered.origin = CallOrigin::Outbound;
        answered.completes = completes;
        for changed in ["origin", "callerid", "calledid"] {
            self.tell_info(call, changed, None, out);
        }
        self.dial(now, call, number, out);
    }

    /// The own phone could not be called: its request waits for another time.
    pub(super) fn postpone_recall(&mut self, now: Instant, call: CallId, failure: &Failure) {
        let Some(Errand::CallBack(completion, _)) =
            self.calls.get(&call).and_then(|call| call.errand.clone())
        else {
            return;
        };
        let is_elsewhere = match failure.cause.kind {
            CauseKind::Unreachable | CauseKind::Lost => true,
            CauseKind::Status => matches!(failure.cause.status, 486 | 600 | 503),
            CauseKind::Bye | CauseKind::Cancel | CauseKind::NoAck | CauseKind::Local => false,
        };
        if is_elsewhere {
            self.completions.set(completion, Phase::Waits, Some(now + RETRY));
        }
    }

    /// The call that was offered for a request is over before it was answered.
    pub(super) fn recall_over(&mut self, now: Instant, completion: CompletionId, out: &mut Outbox) {
        let Some(known) = self.completions.get(completion) else { return };
        let (phase, called) = (known.phase, Arc::clone(&known.called));
        if phase == Phase::Recalls {
            self.end_completion(now, completion, out);
        }
        // Somebody else may want the line.
        self.completions.stir(&called);
    }
}
