//! Completion of calls to other systems: they are asked to tell when the number is free.
//!
//! ```text
//!   486 or 18x with Call-Info purpose=call-completion ──▶ SUBSCRIBE call-completion (RFC 6910): `ready`
//!        without it, or that was refused ──────────────▶ SUBSCRIBE dialog (RFC 4235): a full state without dialogs
//!                                                              │ first NOTIFY: the request is accepted
//!                                                              │ refused: OPERATIONUNAVAIL, no answer: OPERATIONFAILED
//! ```
//!
//! - Which of both is known when the reply comes: then the call is IDLE and the request outstanding. A request of a handset is
//!   accepted at once, and cancelled where the other system refuses.
//! - A subscription that ends after it was accepted cancels the request (LINEDEVSTATE_COMPLCANCEL).
//! - What was accepted is kept over a restart; the subscription is not, and is made afresh (`resume.rs`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::outbox::{Command, CompletionOffer, Package, Party, Subscribe, SubscriptionPhase, Target};
use trunkline_sip::package::call_completion::CallCompletionState;
use trunkline_sip::package::dialog_info::DialogInfo;
use trunkline_sip::{LegId, UsageId};

use super::Switch;
use super::call::{Call, Pending, Wish};
use super::call_state::CallState;
use super::completion::{Completion, Missed, Phase};
use super::error::LineError;
use super::ids::{CallId, CompletionId};
use super::kept::{Kept, KeptCompletion, KeptElsewhere};
use super::message::Message;
use super::operation::Outcome;
use super::outbound::peers;
use super::outbox::Outbox;
use super::request::Asker;
use super::resume::may_come_back;
use super::setup::LineKind;

/// What a network offered, and from where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Completable {
    pub(super) offer: CompletionOffer,
    pub(super) peer: IpAddr,
}

/// The number of another system that is watched for a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Elsewhere {
    trunk: Arc<str>,
    number: String,
    /// `None`: the dialogs of the number are watched.
    offer: Option<Completable>,
    /// `None`: it ended.
    pub(super) usage: Option<UsageId>,
    /// The call whose application waits for the reply.
    pub(super) call: Option<CallId>,
    /// What the request waits for once it is accepted.
    awaits: Phase,
    is_told: bool,
    pub(super) is_free: bool,
    /// Whether somebody was seen there.
    pub(super) is_used: bool,
}

impl Elsewhere {
    /// Whether the other system calls one caller after the other, each in his time.
    pub(super) fn is_queued_there(&self) -> bool {
        self.offer.is_some()
    }

    const fn package(&self) -> Package {
        if self.offer.is_some() { Package::CallCompletion } else { Package::Dialog }
    }

    /// One that nobody is asked for yet.
    pub(super) fn new(
        (trunk, number): (Arc<str>, String),
        offer: Option<Completable>,
        call: Option<CallId>,
        awaits: Phase,
    ) -> Self {
        Self {
            trunk,
            number,
            offer,
            usage: None,
            call,
            awaits,
            is_told: false,
            is_free: false,
            is_used: false,
        }
    }

    /// By which name the requests for a number behind a trunk are found.
    fn name(trunk: &str, number: &str) -> Arc<str> {
        // No line has a space in its address.
        format!("{trunk} {number}").into()
    }
}

impl Switch {
    /// A network offers to tell when whom we called is free.
    pub(super) fn completion_offered(&mut self, leg: LegId, offer: CompletionOffer) {
        let Some(entry) = self.legs.get(&leg) else { return };
        let peer = entry.signalling;
        let Some(call) = self.calls.get(&entry.call).filter(|call| call.kind == LineKind::Trunk) else {
            return;
        };
        let caller = call.peer.filter(|_| !call.calls);
        if let Some(caller) = caller.and_then(|caller| self.calls.get_mut(&caller)) {
            caller.completable = Some(Box::new(Completable { offer, peer }));
        }
    }

    /// Asks another system for an application; the reply comes later.
    pub(super) fn ask_elsewhere(
        &mut self,
        asker: Asker,
        id: CallId,
        line: &Arc<str>,
        missed: &Missed,
        place: (&Arc<str>, &str),
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        self.watch_elsewhere(line, missed, place, Some(id), out)?;
        if let Some(call) = self.calls.get_mut(&id) {
            call.pending = Some(Pending { app: asker.app, request: asker.request, wish: Wish::Complete });
        }
        self.dirty.insert(id);
        Ok(())
    }

    /// Makes a request for a number behind a trunk.
    pub(super) fn watch_elsewhere(
        &mut self,
        line: &Arc<str>,
        missed: &Missed,
        (trunk, number): (&Arc<str>, &str),
        call: Option<CallId>,
        out: &mut Outbox,
    ) -> Result<CompletionId, LineError> {
        let called = Elsewhere::name(trunk, number);
        let same = self.completions.of_line(line).find(|id| {
            self.completions.get(*id).is_some_and(|one| one.called == called && one.phase != Phase::Asked)
        });
        let most = usize::try_from(self.setup.completion.outstanding_max).unwrap_or(usize::MAX);
        let is_full = self.completions.of_line(line).count() >= most
            || self.completions.for_called(&called).count() >= most;
        if is_full && same.is_none() {
            return Err(LineError::CompletionOverrun);
        }
        let awaits = if missed.was_busy { Phase::Waits } else { Phase::AwaitsUse };
        let place = (Arc::clone(trunk), number.to_owned());
        let mut elsewhere = Elsewhere::new(place, missed.offer.clone(), call, awaits);
        let timeout = self.setup.completion.timeout;
        elsewhere.usage = Some(
            self.subscribe_elsewhere(line, &elsewhere, timeout, out).ok_or(LineError::OperationUnavail)?,
        );
        if let Some(same) = same {
            self.end_completion(self.now, same, out);
        }
        let id = self.completions.free_id();
        let expires = self.now + timeout;
        let phase = if call.is_some() { Phase::Asked } else { elsewhere.awaits() };
        let request = Completion {
            line: Arc::clone(line),
            called,
            number: missed.number.clone(),
            phase,
            due: expires,
            expires,
            elsewhere: Some(elsewhere),
        };
        self.completions.insert(id, request);
        self.keep_elsewhere(id, out);
        Ok(id)
    }

    /// Keeps a request that was accepted over a restart.
    fn keep_elsewhere(&self, id: CompletionId, out: &mut Outbox) {
        let Some(completion) = self.completions.get(id).filter(|one| one.phase != Phase::Asked) else {
            return;
        };
        let Some(elsewhere) = &completion.elsewhere else { return };
        let kept = KeptElsewhere {
            trunk: Arc::clone(&elsewhere.trunk),
            number: elsewhere.number.clone(),
            offer: elsewhere.offer.clone().map(|Completable { offer, peer }| (offer, peer)),
        };
        out.store.push(Kept::Completion(KeptCompletion {
            id,
            line: Arc::clone(&completion.line),
            called: Arc::clone(&completion.called),
            number: completion.number.clone(),
            awaits_use: elsewhere.awaits() == Phase::AwaitsUse && !elsewhere.is_used,
            expires: completion.expires,
            elsewhere: Some(kept),
        }));
    }

    /// Asks another system to tell of a number for this long; `None` where its trunk leads nowhere.
    pub(super) fn subscribe_elsewhere(
        &mut self,
        line: &Arc<str>,
        elsewhere: &Elsewhere,
        expires: Duration,
        out: &mut Outbox,
    ) -> Option<UsageId> {
        let Elsewhere { trunk, number, offer, .. } = elsewhere;
        let from = self.own_party(line);
        let trunk = self.trunk(trunk)?;
        let peer = offer.as_ref().map(|offered| offered.peer);
        let mut places: Vec<Target> =
            peers(trunk, &trunk.peers, number).into_iter().flatten().map(|one| one.target).collect();
        let at = places.iter().position(|target| Some(target.flow.remote.ip()) == peer).unwrap_or(0);
        let mut target = (at < places.len()).then(|| places.swap_remove(at))?;
        if let Some(Completable { offer, .. }) = offer {
            let mode = offer.mode.as_ref().map(|mode| format!(";m={mode}")).unwrap_or_default();
            target.uri = format!("{}{mode}", offer.uri);
        }
        let host = if trunk.credentials.is_some() { &trunk.domain } else { &self.setup.domain };
        let subscribe = Subscribe {
            target,
            from: Party { user: from.number, host: host.clone(), name: from.name },
            to: Party { user: number.clone(), host: trunk.domain.clone(), name: String::new() },
            package: elsewhere.package(),
            expires,
            credentials: trunk.credentials.clone(),
        };
        let usage = self.next_usage();
        out.sip.push(Command::Subscribe(usage, Box::new(subscribe)));
        Some(usage)
    }

    /// Another system tells of a number.
    pub(super) fn told_elsewhere(
        &mut self,
        now: Instant,
        usage: UsageId,
        phase: SubscriptionPhase,
        body: Option<&(String, Bytes)>,
        out: &mut Outbox,
    ) {
        let Some(id) = self.completions.of_usage(usage) else { return };
        let Some(elsewhere) = self.completions.elsewhere_mut(id) else { return };
        if phase == SubscriptionPhase::Terminated {
            // That it is over follows.
            return;
        }
        elsewhere.is_told = true;
        let was_used = elsewhere.is_used;
        if let Some(is_free) = body.and_then(|(_, body)| read(elsewhere.package(), body)) {
            elsewhere.is_free = is_free;
            elsewhere.is_used |= !is_free;
        }
        let (awaits, is_seen) = (elsewhere.awaits(), elsewhere.is_used && !was_used);
        if self.completions.get(id).is_some_and(|one| one.phase == Phase::Resumes) {
            self.completions.set(id, awaits, None);
        }
        if is_seen && awaits == Phase::AwaitsUse {
            self.keep_elsewhere(id, out);
        }
        self.accept_completion(now, id, out);
        self.completions.stir_called(id);
    }

    /// The other system took the request: the application hears so, and its call is over.
    fn accept_completion(&mut self, now: Instant, id: CompletionId, out: &mut Outbox) {
        let Some(elsewhere) = self.completions.elsewhere_mut(id) else { return };
        let Some(call) = elsewhere.call.take() else { return };
        let awaits = elsewhere.awaits();
        let waits = |call: &Call| {
            let is_open =
                matches!(call.state, CallState::Busy(_) | CallState::Ringback | CallState::Proceeding);
            call.pending.filter(|pending| is_open && pending.wish == Wish::Complete)
        };
        let Some(pending) = self.calls.get(&call).and_then(waits) else {
            self.finish_pending(call, Err(LineError::InvalCallState), out);
            self.end_completion(now, id, out);
            return;
        };
        if let Some(call) = self.calls.get_mut(&call) {
            call.pending = None;
        }
        self.completions.set(id, awaits, None);
        self.keep_elsewhere(id, out);
        let Pending { app, request, .. } = pending;
        out.messages.push((app, Message::Reply { request, reply: Ok(Outcome::Completion(id)) }));
        let line = self.completions.get(id).map(|one| Arc::clone(&one.line));
        self.drop_call(now, call, out);
        if let Some(line) = line {
            self.tell_line_state(&line, "numcompletions", 0, 0, None, out);
        }
    }

    /// Another system tells no more of a number, or never did.
    pub(super) fn silent_elsewhere(&mut self, now: Instant, usage: UsageId, status: u16, out: &mut Outbox) {
        let Some(id) = self.completions.of_usage(usage) else { return };
        self.completions.set_usage(id, None);
        let Some(completion) = self.completions.get(id).cloned() else { return };
        let Some(mut elsewhere) = completion.elsewhere else { return };
        if completion.phase == Phase::Resumes && may_come_back(status) {
            self.resume_later(now, id);
            return;
        }
        if !elsewhere.is_told && elsewhere.offer.take().is_some() {
            let left = completion.expires.saturating_duration_since(now);
            let other = self.subscribe_elsewhere(&completion.line, &elsewhere, left, out);
            if let Some(known) = self.completions.elsewhere_mut(id).filter(|_| other.is_some()) {
                known.offer = None;
                self.completions.set_usage(id, other);
                self.keep_elsewhere(id, out);
                return;
            }
        }
        match elsewhere.call {
            // Who is called does not need it any more.
            _ if completion.phase == Phase::Recalls => {}
            Some(call) => {
                let is_refusal = (400..500).contains(&status) && status != 408;
                let error = if is_refusal { LineError::OperationUnavail } else { LineError::OperationFailed };
                self.completions.remove(id);
                self.finish_pending(call, Err(error), out);
            }
            None => self.cancel_completion(now, id, out),
        }
    }

    /// A request is over: nothing more need be told.
    pub(super) fn leave_elsewhere(&mut self, elsewhere: &Elsewhere, out: &mut Outbox) {
        if let Some(usage) = elsewhere.usage {
            out.sip.push(Command::Unsubscribe(usage));
        }
        if let Some(call) = elsewhere.call {
            self.finish_pending(call, Err(LineError::OperationFailed), out);
        }
    }
}

impl Elsewhere {
    /// What the other system knows the recalled caller by.
    pub(super) fn mode(&self) -> Option<&'static str> {
        self.offer.as_ref().and_then(|offered| offered.offer.mode)
    }

    /// RFC 6910 knows by itself whether somebody must use the line first (`m=NR`).
    fn awaits(&self) -> Phase {
        if self.is_queued_there() { Phase::Waits } else { self.awaits }
    }
}

/// Whether the number is free, as far as a body says.
fn read(package: Package, body: &[u8]) -> Option<bool> {
    match package {
        Package::CallCompletion => CallCompletionState::parse(body).ok().map(|state| state.is_ready),
        Package::Dialog => {
            let told = DialogInfo::parse(body).ok()?;
            // What changed says nothing of the other dialogs, but that one is there.
            (told.is_full || !told.is_idle()).then(|| told.is_idle())
        }
        Package::Conference
        | Package::MessageSummary
        | Package::Features
        | Package::Presence
        | Package::Registration => None,
    }
}
