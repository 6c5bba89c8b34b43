//! `lineCompleteCall`: a call that found nobody is completed later.
//!
//! ```text
//!                  nobody answered
//!   lineCompleteCall ─────────────▶ AwaitsUse ──(the called line is used)──┐
//!          │ busy                                                          ▼
//!          └──────────────────────────────────────────────────────────▶ Waits ◀──────────────┐
//!                                       the called line is free and     │  ▲ not free after   │ the own phone is busy
//!                                       the own phone is there          ▼  │ all              │ or not there
//!                                                                     Guarded ──▶ Recalls ───┘
//!                                                                                    │ answered: the number is dialled
//! ```
//!
//! Numbers of other systems are watched by subscription (`callback.rs`); a caller may wait at the line too (`camp.rs`).
//!
//! A request is outstanding until its call is offered (`recall.rs`); then its id is no longer known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::UsageId;
use trunkline_sip::outbox::{Command, Content, OutgoingMessage, Party};

use super::Switch;
use super::call::{Call, MAX_FORWARDS};
use super::call_state::CallState;
use super::callback::{Completable, Elsewhere};
use super::error::LineError;
use super::ids::{CallId, CompletionId};
use super::kept::{Kept, KeptCompletion};
use super::leg::Leg;
use super::operation::{CompletionMode, Outcome};
use super::outbound::SERIALS;
use super::outbox::Outbox;
use super::request::Asker;
use super::ring::{BRANCHES_MAX, contact};
use super::route::Destination;
use super::setup::LineKind;
use super::timers::Timer;

/// How far a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Another system is asked whether it can tell when the number is free.
    Asked,
    /// Nobody answered: somebody must use the called line first.
    AwaitsUse,
    /// The called line is used, or the own phone cannot be called.
    Waits,
    /// The called line is free, for a little while so far.
    Guarded,
    /// Another system is asked again after a restart.
    Resumes,
    /// The own phone rings.
    Recalls,
    /// The caller waits there, by this call.
    Camped(CallId),
}

/// A call that is to be completed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Completion {
    /// Who called.
    pub(super) line: Arc<str>,
    /// The line that was busy or did not answer; for a number of another system a name of both.
    pub(super) called: Arc<str>,
    /// What is dialled when it is free.
    pub(super) number: String,
    pub(super) phase: Phase,
    /// When it is looked at again, whatever happens.
    pub(super) due: Instant,
    pub(super) expires: Instant,
    /// The number of another system.
    pub(super) elsewhere: Option<Elsewhere>,
}

/// The last call of a line that found nobody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Missed {
    pub(super) called: Destination,
    pub(super) number: String,
    pub(super) was_busy: bool,
    /// What a network offered.
    pub(super) offer: Option<Completable>,
}

/// All of them.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Completions {
    by_id: BTreeMap<CompletionId, Completion>,
    due: BTreeSet<(Instant, CompletionId)>,
    /// The requests that a line has to do with, as the one that called or the one that was called.
    by_line: BTreeMap<Arc<str>, BTreeSet<CompletionId>>,
    /// Lines of which something changed since they were looked at.
    stirred: BTreeSet<Arc<str>>,
    by_usage: BTreeMap<UsageId, CompletionId>,
    /// By line.
    missed: BTreeMap<Arc<str>, Missed>,
    last: u32,
}

impl Completions {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: CompletionId) -> Option<&Completion> {
        self.by_id.get(&id)
    }

    /// Requests of this line whose call is not offered yet.
    pub(super) fn of_line<'a>(&'a self, line: &'a str) -> impl Iterator<Item = CompletionId> + 'a {
        let outstanding = move |id: &CompletionId| {
            self.by_id.get(id).is_some_and(|one| *one.line == *line && one.phase != Phase::Recalls)
        };
        self.concerning(line).filter(outstanding)
    }

    /// Requests for a call to this line.
    pub(super) fn for_called<'a>(&'a self, called: &'a str) -> impl Iterator<Item = &'a Completion> + 'a {
        self.concerning(called).filter_map(|id| self.by_id.get(&id)).filter(move |one| *one.called == *called)
    }

    /// Requests that this line has to do with, the oldest first.
    pub(super) fn concerning(&self, line: &str) -> impl Iterator<Item = CompletionId> + '_ {
        self.by_line.get(line).into_iter().flatten().copied()
    }

    /// The requests of those who wait at this line, the oldest first.
    pub(super) fn camped_on<'a>(
        &'a self,
        called: &'a str,
    ) -> impl Iterator<Item = (CompletionId, &'a Completion)> + 'a {
        let known = |id| self.by_id.get(&id).map(|one| (id, one));
        let waits = move |(_, one): &(CompletionId, &Completion)| {
            *one.called == *called && matches!(one.phase, Phase::Camped(_))
        };
        self.concerning(called).filter_map(known).filter(waits)
    }

    pub(super) fn free_id(&mut self) -> CompletionId {
        loop {
            self.last = self.last.wrapping_add(1).max(1);
            let id = CompletionId(self.last);
            if !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }

    /// Puts back one that was kept: later ones have other ids.
    pub(super) fn put_back(&mut self, id: CompletionId, completion: Completion) {
        self.last = self.last.max(id.0);
        self.insert(id, completion);
    }

    pub(super) fn insert(&mut self, id: CompletionId, completion: Completion) {
        for line in [&completion.line, &completion.called] {
            self.by_line.entry(Arc::clone(line)).or_default().insert(id);
        }
        self.due.insert((completion.due, id));
        let usage = completion.elsewhere.as_ref().and_then(|elsewhere| elsewhere.usage);
        if let Some(usage) = usage {
            self.by_usage.insert(usage, id);
        }
        self.by_id.insert(id, completion);
    }

    pub(super) fn remove(&mut self, id: CompletionId) -> Option<Completion> {
        self.set_usage(id, None);
        let completion = self.by_id.remove(&id)?;
        self.due.remove(&(completion.due, id));
        for line in [&completion.line, &completion.called] {
            if let Some(ids) = self.by_line.get_mut(line) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_line.remove(line);
                }
            }
        }
        Some(completion)
    }

    /// The request that this subscription is for.
    pub(super) fn of_usage(&self, usage: UsageId) -> Option<CompletionId> {
        self.by_usage.get(&usage).copied()
    }

    pub(super) fn elsewhere_mut(&mut self, id: CompletionId) -> Option<&mut Elsewhere> {
        self.by_id.get_mut(&id)?.elsewhere.as_mut()
    }

    /// The request has this subscription in place of the one before.
    pub(super) fn set_usage(&mut self, id: CompletionId, usage: Option<UsageId>) {
        let Some(elsewhere) = self.elsewhere_mut(id) else { return };
        let before = std::mem::replace(&mut elsewhere.usage, usage);
        if let Some(before) = before {
            self.by_usage.remove(&before);
        }
        if let Some(usage) = usage {
            self.by_usage.insert(usage, id);
        }
    }

    /// Something changed about whom the request is for.
    pub(super) fn stir_called(&mut self, id: CompletionId) {
        if let Some(completion) = self.by_id.get(&id) {
            self.stirred.insert(Arc::clone(&completion.called));
        }
    }

    /// Moves a request on; it is looked at again at `due`, or when it expires.
    pub(super) fn set(&mut self, id: CompletionId, phase: Phase, due: Option<Instant>) {
        let Some(completion) = self.by_id.get_mut(&id) else { return };
        self.due.remove(&(completion.due, id));
        completion.phase = phase;
        // A request that expires while its call is made is let be: the timer of the call ends it.
        let latest = if phase == Phase::Recalls { None } else { Some(completion.expires) };
        completion.due = due.map_or(completion.expires, |due| latest.map_or(due, |latest| due.min(latest)));
        self.due.insert((completion.due, id));
    }

    /// The next that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<CompletionId> {
        let (at, id) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, id));
        Some(id)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Something changed at this line.
    pub(super) fn stir(&mut self, line: &Arc<str>) {
        if self.by_line.contains_key(line) {
            self.stirred.insert(Arc::clone(line));
        }
    }

    pub(super) fn take_stirred(&mut self) -> Option<Arc<str>> {
        self.stirred.pop_first()
    }
}

impl Switch {
    /// A call of a station here that found nobody, to a line of the engine, for which one of the modes would be accepted.
    pub(super) fn can_complete_call(&self, call: &Call) -> Result<(), LineError> {
        let missed = self.completable(call)?;
        let tells_nobody =
            || self.intruded(call.id, &missed).is_ok() || self.check_camp_on(call.id, &missed).is_ok();
        match call.caller.is_blocked && !tells_nobody() {
            true => Err(LineError::OperationUnavail),
            false => Ok(()),
        }
    }

    fn completable(&self, call: &Call) -> Result<Missed, LineError> {
        let is_station = matches!(call.kind, LineKind::Phone | LineKind::Local);
        let was_busy = matches!(call.state, CallState::Busy(_));
        let waits = was_busy && call.peer.is_some();
        let is_caller = is_station && call.calls && call.errand.is_none() && !waits;
        let called = call.reached.clone().filter(|_| is_caller);
        let called = called.filter(|called| self.can_watch(called)).ok_or(LineError::OperationUnavail)?;
        if call.pending.is_some() {
            return Err(LineError::InUse);
        }
        let (number, offer) = (call.called.number.clone(), call.completable.as_deref().cloned());
        Ok(Missed { called, number, was_busy, offer })
    }

    /// Whether the switch can know when the destination is free.
    fn can_watch(&self, called: &Destination) -> bool {
        match called {
            Destination::Line(line) => self.lines.get(line).is_some(),
            // Somebody of it is free sooner than anybody could be told.
            Destination::Group(_) | Destination::Page(_) => false,
            Destination::Trunk(trunk, _) => self.trunk(trunk).is_some_and(|trunk| !trunk.peers.is_empty()),
        }
    }

    /// `lineCompleteCall`.
    pub(super) fn complete_call(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        mode: CompletionMode,
        message: Option<u32>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let line = Arc::clone(&call.line);
        let missed = self.completable(call)?;
        if call.caller.is_blocked && matches!(mode, CompletionMode::Callback | CompletionMode::Message) {
            // Both would say later who he is.
            return Err(LineError::OperationUnavail);
        }
        match mode {
            CompletionMode::Callback => {
                if let Destination::Trunk(trunk, number) = &missed.called {
                    return self.ask_elsewhere(asker, id, &line, &missed, (trunk, number), out);
                }
                let completion = self.call_back_later(now, &line, missed, out)?;
                asker.reply(Ok(Outcome::Completion(completion)), out);
                self.drop_call(now, id, out);
                self.tell_line_state(&line, "numcompletions", 0, 0, None, out);
            }
            CompletionMode::Message => {
                let text = self.completion_message(message)?.to_owned();
                self.leave_message(now, &line, &missed, &text, out)?;
                asker.done(out);
                self.drop_call(now, id, out);
            }
            CompletionMode::Intrude => {
                let other = self.intruded(id, &missed)?;
                asker.done(out);
                self.uncleared.remove(&id);
                self.timers.stop(id, Timer::Clear);
                self.intrude(now, other, id, out);
            }
            CompletionMode::CampOn => {
                let called = self.check_camp_on(id, &missed)?;
                let completion = self.completions.free_id();
                asker.reply(Ok(Outcome::Completion(completion)), out);
                self.camp_on(now, (id, completion), &called, missed.number, out);
                self.tell_line_state(&line, "numcompletions", 0, 0, None, out);
            }
        }
        Ok(())
    }

    /// The call of a busy line that a call to it can join: the caller's station must still be there.
    fn intruded(&self, id: CallId, missed: &Missed) -> Result<CallId, LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        if !missed.was_busy {
            return Err(LineError::InvalCallState);
        }
        let Destination::Line(called) = &missed.called else { return Err(LineError::OperationUnavail) };
        let is_up = call.leg.is_some_and(|leg| self.legs.get(&leg).is_some_and(Leg::is_up));
        let line = self.lines.get(called).filter(|_| is_up && !self.is_secured(called));
        let line = line.ok_or(LineError::OperationUnavail)?;
        let joined = line.calls.iter().copied().find(|other| self.can_intrude(*other).is_ok());
        joined.ok_or(LineError::OperationUnavail)
    }

    /// `lineUncompleteCall`.
    pub(super) fn uncomplete_call(
        &mut self,
        now: Instant,
        asker: Asker,
        line: &str,
        completion: CompletionId,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let line = Arc::clone(&self.opened(asker.app, line)?.address);
        if !self.completions.of_line(&line).any(|id| id == completion) {
            return Err(LineError::InvalCompletionId);
        }
        asker.done(out);
        self.end_completion(now, completion, out);
        Ok(())
    }

    /// From the handset: the last call that found nobody is completed when it can be.
    ///
    /// # Errors
    /// [`LineError::TargetNotFound`] where there was none, [`LineError::OperationUnavail`] where the switch cannot know when
    /// its destination is free, [`LineError::CompletionOverrun`].
    pub(super) fn complete_last(
        &mut self,
        now: Instant,
        line: &Arc<str>,
        out: &mut Outbox,
    ) -> Result<CompletionId, LineError> {
        let missed = self.completions.missed.get(line).cloned().ok_or(LineError::TargetNotFound)?;
        if !self.can_watch(&missed.called) {
            return Err(LineError::OperationUnavail);
        }
        let completion = self.call_back_later(now, line, missed, out)?;
        self.tell_line_state(line, "numcompletions", 0, 0, None, out);
        Ok(completion)
    }

    /// From the handset: no call of the line is completed later. How many would have been.
    pub(super) fn cancel_completions(&mut self, now: Instant, line: &str, out: &mut Outbox) -> usize {
        let outstanding: Vec<_> = self.completions.of_line(line).collect();
        for completion in &outstanding {
            self.cancel_completion(now, *completion, out);
        }
        outstanding.len()
    }

    /// Keeps in mind whom a line called in vain.
    pub(super) fn note_missed(&mut self, id: CallId, before: CallState) {
        let Some(call) = self.calls.get(&id) else { return };
        let was_busy = match (before, call.state) {
            (_, CallState::Busy(_)) => true,
            (CallState::Ringback, CallState::Disconnected(_) | CallState::Idle) => false,
            (_, _) => return,
        };
        let Some(called) = call.reached.clone().filter(|_| call.calls && call.kind != LineKind::Trunk) else {
            return;
        };
        if call.caller.is_blocked {
            // A callback would say who it was.
            self.completions.missed.remove(&call.line);
            return;
        }
        let (number, offer) = (call.called.number.clone(), call.completable.as_deref().cloned());
        let missed = Missed { called, number, was_busy, offer };
        self.completions.missed.insert(Arc::clone(&call.line), missed);
    }

    /// Makes a request, or makes the one for the same two lines anew.
    fn call_back_later(
        &mut self,
        now: Instant,
        line: &Arc<str>,
        missed: Missed,
        out: &mut Outbox,
    ) -> Result<CompletionId, LineError> {
        let called = match &missed.called {
            Destination::Line(called) => Arc::clone(called),
            Destination::Group(_) | Destination::Page(_) => return Err(LineError::OperationUnavail),
            Destination::Trunk(trunk, number) => {
                return self.watch_elsewhere(line, &missed, (trunk, number), None, out);
            }
        };
        let same = self.completions.of_line(line).find(|id| {
            let one = self.completions.get(*id);
            one.is_some_and(|one| one.called == called && !matches!(one.phase, Phase::Camped(_)))
        });
        let most = usize::try_from(self.setup.completion.outstanding_max).unwrap_or(usize::MAX);
        let is_full = self.completions.of_line(line).count() >= most
            || self.completions.for_called(&called).count() >= most;
        if is_full && same.is_none() {
            return Err(LineError::CompletionOverrun);
        }
        // A phone that says it is busy while no call of the engine is there is used by other means.
        let awaits_use = !(missed.was_busy && self.is_used(&called));
        let id = match same {
            Some(id) => {
                self.completions.remove(id);
                id
            }
            None => self.completions.free_id(),
        };
        let expires = now + self.setup.completion.timeout;
        let phase = if awaits_use { Phase::AwaitsUse } else { Phase::Waits };
        let completion = Completion {
            line: Arc::clone(line),
            called: Arc::clone(&called),
            number: missed.number,
            phase,
            due: expires,
            expires,
            elsewhere: None,
        };
        out.store.push(Kept::Completion(KeptCompletion {
            id,
            line: Arc::clone(line),
            called: Arc::clone(&called),
            number: completion.number.clone(),
            awaits_use,
            expires,
            elsewhere: None,
        }));
        self.completions.insert(id, completion);
        self.completions.stir(&called);
        Ok(id)
    }

    /// A request is over: done, or taken back by its own line.
    pub(super) fn end_completion(&mut self, now: Instant, id: CompletionId, out: &mut Outbox) {
        // Taken out, a request knows its subscription no more.
        let before = self.completions.get(id).and_then(|one| one.elsewhere.clone());
        let Some(completion) = self.completions.remove(id) else { return };
        if let Phase::Camped(call) = completion.phase {
            self.decamp(now, call, out);
        } else {
            if let Some(elsewhere) = &before {
                self.leave_elsewhere(elsewhere, out);
            }
            if completion.phase != Phase::Asked {
                out.store.push(Kept::CompletionOver(id));
            }
        }
        self.tell_line_state(&completion.line, "numcompletions", 0, 0, None, out);
    }

    /// A request is given up without its application.
    pub(super) fn cancel_completion(&mut self, now: Instant, id: CompletionId, out: &mut Outbox) {
        let Some(line) = self.completions.get(id).map(|one| Arc::clone(&one.line)) else { return };
        self.tell_line_state(&line, "complcancel", id.0, 0, None, out);
        self.end_completion(now, id, out);
    }

    pub(super) fn next_usage(&mut self) -> UsageId {
        let worker = self.next_sip_worker();
        self.usage_of(worker)
    }

    /// A usage that this worker owns.
    pub(super) fn usage_of(&mut self, worker: u16) -> UsageId {
        let serial = self.next_leg;
        self.next_leg = (serial + 1) % SERIALS;
        UsageId::new(worker, serial)
    }

    fn completion_message(&self, message: Option<u32>) -> Result<&str, LineError> {
        let messages = &self.setup.completion.messages;
        if messages.is_empty() {
            return Err(LineError::OperationUnavail);
        }
        let place = message.and_then(|message| usize::try_from(message).ok());
        let text = place.and_then(|place| messages.get(place)).ok_or(LineError::InvalMessageId)?;
        Ok(text)
    }

    /// Sends a text to the phones of who was called.
    fn leave_message(
        &mut self,
        now: Instant,
        line: &Arc<str>,
        missed: &Missed,
        text: &str,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let Destination::Line(called) = &missed.called else { return Err(LineError::OperationUnavail) };
        let bindings = self.location.lookup(called, now);
        if bindings.is_empty() {
            return Err(LineError::OperationFailed);
        }
        let party = |switch: &Self, address: &str| Party {
            user: address.to_owned(),
            host: switch.setup.domain.clone(),
            name: switch.lines.get(address).map(|line| line.name.clone()).unwrap_or_default(),
        };
        let (from, to) = (party(self, line), party(self, called));
        for binding in bindings.iter().take(BRANCHES_MAX) {
            let target = contact(binding).target;
            let (from, to, content) = (from.clone(), to.clone(), Content::plain(text));
            let message = OutgoingMessage { target, from, to, max_forwards: MAX_FORWARDS, content };
            let usage = self.next_usage();
            out.sip.push(Command::Message(usage, Box::new(message)));
        }
        Ok(())
    }
}

/// The called line must be free for this long: who hung up may want to lift the handset again.
pub(super) const FREE_FOR: Duration = Duration::from_secs(3);

/// How long the own phone rings.
pub(super) const RECALL: Duration = Duration::from_secs(20);

/// When an own phone that was busy, or not there, is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(30);
