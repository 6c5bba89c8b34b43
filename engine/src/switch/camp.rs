//! Camp-on: a caller waits at a busy line, and is the next there (`lineCompleteCall` CAMPON).
//!
//! ```text
//!   caller's call  BUSY, hears music ──peer── ONHOLD, reason CAMPEDON    at the called line
//!                                              │ lineSwapHold: its active call is held instead
//!                                              │ lineUnhold: its other calls are held
//!                                              │ nothing else is there: OFFERING, the phone rings
//!                    CONNECTED ◀───────────────┴▶ CONNECTED
//! ```
//!
//! - The called line is told by nothing but the call: who talks there hears no tone, so a secured line may be waited for.
//! - The request is consumed when the call is offered or taken. Taken back, or after `completion.timeout`, the waiting call
//!   is IDLE and the caller's is BUSY as before. It is not kept over a restart: the caller's call is not either.
//! - Who is offered and refuses, or does not answer, ends the caller's call.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::outbox::Party;

use super::Switch;
use super::call::Call;
use super::call_state::{CallState, DisconnectMode};
use super::completion::{Completion, Missed, Phase};
use super::error::LineError;
use super::ids::{CallId, CompletionId};
use super::leg::Leg;
use super::line::occupies;
use super::outbox::Outbox;
use super::release::Parting;
use super::report::{CallReport, Hold};
use super::ring::groups;
use super::route::Destination;
use super::setup::LineKind;
use super::status::Failure;
use super::timers::Timer;
use super::view::{CallReason, PartyView};

impl Switch {
    /// The line where this caller may wait.
    ///
    /// # Errors
    /// [`LineError::InvalCallState`] where it was not busy; [`LineError::OperationUnavail`] where nobody would wait, or for
    /// nothing; [`LineError::CompletionOverrun`].
    pub(super) fn check_camp_on(&self, id: CallId, missed: &Missed) -> Result<Arc<str>, LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        if !missed.was_busy {
            return Err(LineError::InvalCallState);
        }
        let Destination::Line(called) = &missed.called else { return Err(LineError::OperationUnavail) };
        let waits = match call.kind {
            LineKind::Phone => call.leg.and_then(|leg| self.legs.get(&leg)).is_some_and(Leg::is_up),
            LineKind::Local => true,
            LineKind::Trunk => false,
        };
        let engaged = call.consultation.is_some() || call.conference.is_some();
        if !waits || engaged || *called == call.line || !self.is_in_use(called) {
            return Err(LineError::OperationUnavail);
        }
        let most = usize::try_from(self.setup.completion.outstanding_max).unwrap_or(usize::MAX);
        let is_there = self.completions.camped_on(called).any(|(_, camped)| *camped.line == *call.line);
        let is_full = self.completions.of_line(&call.line).count() >= most
            || self.completions.for_called(called).count() >= most;
        if is_there || is_full { Err(LineError::CompletionOverrun) } else { Ok(Arc::clone(called)) }
    }

    /// Lets the caller wait at the line. The request was given its number before the reply.
    pub(super) fn camp_on(
        &mut self,
        now: Instant,
        (id, completion): (CallId, CompletionId),
        called: &Arc<str>,
        number: String,
        out: &mut Outbox,
    ) {
        let Some(line) = self.lines.get(called) else { return };
        let (kind, party) = (line.kind, PartyView::new(called.to_string(), line.name.clone()));
        self.uncleared.remove(&id);
        self.timers.stop(id, Timer::Clear);
        let Some(camped) = self.called_side(now, id, called, kind, CallState::OnHold, party, out) else {
            return;
        };
        if let Some(call) = self.calls.get_mut(&camped) {
            call.reason = CallReason::CampedOn;
            call.held = Some(Hold::Hard);
            call.camped = Some(completion);
            call.completion = Some(completion);
        }
        let Some(caller) = self.calls.get_mut(&id) else { return };
        caller.completion = Some(completion);
        let expires = now + self.setup.completion.timeout;
        let request = Completion {
            line: Arc::clone(&caller.line),
            called: Arc::clone(called),
            number,
            phase: Phase::Camped(camped),
            due: expires,
            expires,
            elsewhere: None,
        };
        self.completions.insert(completion, request);
        self.dirty.insert(id);
    }

    /// A request is taken back while its caller waits: his call is BUSY as before.
    pub(super) fn decamp(&mut self, now: Instant, camped: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&camped).filter(|call| call.camped.is_some()) else { return };
        call.camped = None;
        let caller = call.peer.take();
        if let Some(call) = caller.and_then(|caller| self.calls.get_mut(&caller)) {
            call.peer = None;
            self.dirty.insert(call.id);
        }
        let parting = Parting::by_us(DisconnectMode::Cancelled, 480, None);
        self.over(now, camped, CallReport::Cleared, &parting, out);
    }

    /// Whether something is done at the line but waiting for it.
    pub(super) fn is_in_use(&self, line: &str) -> bool {
        let uses = |id: &CallId| {
            self.calls.get(id).is_some_and(|call| call.camped.is_none() && occupies(call.state))
        };
        self.lines.of_call(line).is_some_and(|line| line.calls.iter().any(uses))
    }

    /// What became of a call that waits, or of the line that it waits for.
    pub(super) fn settle_camped(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let line = Arc::clone(&call.line);
        if let Some(completion) = call.camped.filter(|_| call.state != CallState::OnHold) {
            call.camped = None;
            self.end_completion(now, completion, out);
        }
        if self.completions.camped_on(&line).next().is_some() && !self.is_in_use(&line) {
            self.offer_camped(now, &line, out);
        }
    }

    /// Nobody uses the line: who waited longest is offered there.
    fn offer_camped(&mut self, now: Instant, line: &Arc<str>, out: &mut Outbox) {
        let first = self.completions.camped_on(line).next();
        let Some((completion, Phase::Camped(id))) = first.map(|(id, one)| (id, one.phase)) else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        (call.camped, call.held) = (None, None);
        let (kind, caller) = (call.kind, call.peer);
        self.report(now, id, CallReport::Offered, out);
        self.ring_cycle(now, id, out);
        self.end_completion(now, completion, out);
        self.timers.start(id, Timer::Ring, now + self.setup.ring_max);
        if kind != LineKind::Phone {
            return;
        }
        let groups = groups(&self.location.lookup(line, now));
        if groups.is_empty() {
            let parting = Parting::because(&Failure::local(480));
            self.over(now, id, CallReport::Disconnected(DisconnectMode::Unavail), &parting, out);
            return;
        }
        let to = Party { user: line.to_string(), host: self.setup.domain.clone(), name: String::new() };
        let from_host = self.setup.domain.clone();
        self.start_ring(now, id, caller, to, from_host, groups, out);
    }

    /// Whether the line's station can speak for a call that waits there: every call that it has is held.
    pub(super) fn can_take_camped(&self, call: &Call) -> Result<(), LineError> {
        match call.kind {
            LineKind::Phone => self.resting_station(&call.line).map(|_| ()).ok_or(LineError::InvalCallState),
            LineKind::Local | LineKind::Trunk => Ok(()),
        }
    }

    /// The leg of a phone all of whose calls are held by applications.
    pub(super) fn resting_station(&self, line: &str) -> Option<LegId> {
        let line = self.lines.of_call(line)?;
        let mut calls = line.calls.iter().filter_map(|id| self.calls.get(id));
        let rests = |call: &Call| call.holds() && call.held.is_some() && !call.held_by_station;
        let speaking = |call: &&Call| {
            let leg = call.leg.and_then(|leg| self.legs.get(&leg));
            leg.is_some_and(|leg| leg.is_up() && leg.call == call.id)
        };
        if calls.clone().filter(speaking).all(rests) { calls.find(speaking)?.leg } else { None }
    }

    /// The station of the called line speaks with who waits, by this leg if it is a phone.
    pub(super) fn take_camped(&mut self, now: Instant, id: CallId, leg: Option<LegId>, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(completion) = call.few().and_then(|few| few.camped.take()) else { return };
        call.leg = leg;
        let caller = call.peer;
        self.retrieve(now, id, out);
        if let Some(caller) = caller {
            self.name_each_other(id, caller, out);
            self.answer_caller(now, caller, Some(id), out);
            self.answer_caller(now, id, Some(caller), out);
        }
        self.end_completion(now, completion, out);
    }
}
