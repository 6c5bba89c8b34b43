//! Sending a call elsewhere: because its line forwards it, or its phone says so, or an application.
//!
//! The caller is not told to go there himself: the switch calls the number for him, by the routes and rights of the line
//! that sent him. He goes to no line that sent him elsewhere before, and [`super::diversion::HOPS_MAX`] times at most,
//! wherever he was sent before he came.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::outbox::{CauseKind, Party};

use super::Switch;
use super::call::Call;
use super::call_state::{CallState, DisconnectMode};
use super::diversion::{By, Hop, Why};
use super::forward::{Calling, Condition, ForwardEntry, ForwardMode};
use super::ids::CallId;
use super::outbox::Outbox;
use super::release::Parting;
use super::report::CallReport;
use super::route::{Destination, Source, resolve};
use super::setup::LineKind;
use super::status::Failure;
use super::view::PartyView;

impl Condition {
    /// What the destination is told.
    const fn why(self) -> Why {
        match self {
            Self::Always => Why::Always,
            Self::Busy => Why::Busy,
            Self::NoAnswer => Why::NoAnswer,
            Self::Unavailable => Why::Unavailable,
        }
    }

    /// What a failed attempt to reach a phone says of it.
    fn of(failure: &Failure) -> Option<Self> {
        match (failure.cause.kind, failure.cause.status) {
            (CauseKind::Unreachable | CauseKind::Lost, _) => Some(Self::Unavailable),
            (CauseKind::Status, 486 | 600) => Some(Self::Busy),
            (CauseKind::Status, 408 | 480) => Some(Self::NoAnswer),
            (
                CauseKind::Status | CauseKind::Bye | CauseKind::Cancel | CauseKind::NoAck | CauseKind::Local,
                _,
            ) => None,
        }
    }
}

impl Switch {
    /// Forwards a caller before the line has a call for him, or refuses him where the line does not want to be disturbed.
    /// Whether either was done.
    pub(super) fn forward_caller(
        &mut self,
        now: Instant,
        caller: CallId,
        line: &Arc<str>,
        condition: Condition,
        out: &mut Outbox,
    ) -> bool {
        let is_always = condition == Condition::Always;
        let Some(entry) = self.forward_entry(caller, line, condition) else {
            return !is_always && self.deposit_caller(now, caller, line, condition.why(), out);
        };
        let mode = entry.mode;
        let Some(number) = entry.destination.clone() else {
            // A caller who is not wanted by name leaves no message either.
            let is_quiet = mode == ForwardMode::Uncond;
            if !is_quiet || !self.deposit_caller(now, caller, line, Why::DoNotDisturb, out) {
                let parting = self.do_not_disturb();
                self.part(now, caller, &parting, out);
            }
            return true;
        };
        if self.may_divert(caller, line, &number) {
            self.divert(now, caller, line, &number, condition.why(), out);
        } else if is_always {
            self.fail(now, caller, &Failure::local(482), out);
        } else {
            return self.deposit_caller(now, caller, line, condition.why(), out);
        }
        true
    }

    /// Sends the caller of a call that nobody answered where the line forwards it, else to its mailbox. Whether the call is over.
    pub(super) fn forward_failed(
        &mut self,
        now: Instant,
        id: CallId,
        failure: &Failure,
        out: &mut Outbox,
    ) -> bool {
        let condition = Condition::of(failure);
        let Some(call) = self.calls.get(&id) else { return false };
        let rings_here = matches!(call.kind, LineKind::Phone | LineKind::Local) && !call.calls;
        let Some(caller) = call.peer.filter(|_| rings_here && call.errand.is_none()) else { return false };
        if self.hunts.offers(caller, id) {
            return false;
        }
        let line = Arc::clone(&call.line);
        let entry = condition.and_then(|condition| {
            let entry = self.forward_entry(caller, &line, condition)?;
            Some((entry.destination.clone(), condition.why()))
        });
        match entry {
            Some((None, _)) => {
                let parting = self.do_not_disturb();
                self.over(now, id, parting.report, &parting, out);
                return true;
            }
            Some((Some(number), why)) if self.divert_call(now, id, &number, why, out) => return true,
            Some((Some(_), _)) | None => {}
        }
        let is_declined = failure.cause.kind == CauseKind::Status && failure.cause.status == DECLINED;
        let why = condition.map(Condition::why).or_else(|| is_declined.then_some(Why::Deflected));
        why.is_some_and(|why| self.deposit_call(now, id, why, out))
    }

    /// Calls `number` for the caller of this call, in place of it: it is DISCONNECTED (FORWARDED). Whether that was
    /// possible; nothing was done if not.
    pub(super) fn divert_call(
        &mut self,
        now: Instant,
        id: CallId,
        number: &str,
        why: Why,
        out: &mut Outbox,
    ) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        let line = Arc::clone(&call.line);
        let Some(caller) = call.peer.filter(|caller| self.may_divert(*caller, &line, number)) else {
            return false;
        };
        self.leave_forwarded(now, id, caller, why, out);
        self.divert(now, caller, &line, number, why, out);
        true
    }

    /// Ends the called side of a caller who goes elsewhere.
    pub(super) fn leave_forwarded(
        &mut self,
        now: Instant,
        id: CallId,
        caller: CallId,
        why: Why,
        out: &mut Outbox,
    ) {
        let status = if why == Why::NoAnswer { 408 } else { 480 };
        self.end_hunt(now, caller, Some(id), out);
        for id in [id, caller] {
            if let Some(call) = self.calls.get_mut(&id) {
                call.peer = None;
            }
        }
        let parting = Parting::because(&Failure::local(status));
        self.over(now, id, CallReport::Disconnected(DisconnectMode::Forwarded), &parting, out);
    }

    /// Whether this caller may be sent from this line to that number.
    pub(super) fn may_divert(&self, caller: CallId, line: &str, number: &str) -> bool {
        let Some(calling) = self.calls.get(&caller).filter(|calling| may_go_on(calling)) else {
            return false;
        };
        match resolve(&self.setup.routes, &self.lines, Source::Line, number) {
            Ok(Destination::Line(to) | Destination::Group(to)) => *to != *line && !calling.trail.has(&to),
            Ok(Destination::Trunk(..)) => true,
            // Who is sent on speaks to one, and is heard.
            Ok(Destination::Page(_)) | Err(_) => false,
        }
    }

    /// Calls `number` for a caller whom `line` sends there.
    pub(super) fn divert(
        &mut self,
        now: Instant,
        caller: CallId,
        line: &Arc<str>,
        number: &str,
        why: Why,
        out: &mut Outbox,
    ) {
        let hop = self.sent_on_by(line, why);
        self.divert_by(now, caller, hop, number, out);
    }

    /// A line that sends a caller elsewhere.
    pub(super) fn sent_on_by(&self, line: &Arc<str>, why: Why) -> Hop {
        let name = self.lines.name(line);
        let party = Party { user: line.to_string(), host: self.setup.domain.clone(), name };
        Hop::seen(By::Line(Arc::clone(line)), party, why)
    }

    /// Calls `number` for a caller who was sent there so.
    pub(super) fn divert_by(
        &mut self,
        now: Instant,
        caller: CallId,
        hop: Hop,
        number: &str,
        out: &mut Outbox,
    ) {
        let redirection = PartyView::new(number.to_owned(), self.lines.name(number));
        self.note_hop(caller, hop, redirection, out);
        self.dial(now, caller, number, out);
    }

    /// Keeps who sent a caller elsewhere, and where.
    pub(super) fn note_hop(&mut self, caller: CallId, hop: Hop, redirection: PartyView, out: &mut Outbox) {
        let Some(calling) = self.calls.get_mut(&caller) else { return };
        calling.max_forwards = calling.max_forwards.saturating_sub(1);
        // Whom the mailbox's line sends on has a new journey before him: what he is told is how that ends.
        if !hop.is_into_mailbox()
            && let Some(few) = calling.few()
        {
            few.deposited = None;
        }
        calling.trail.add(hop);
        calling.redirecting = calling.trail.redirecting();
        calling.redirection = redirection;
        // One phone may be asked to answer by itself, and not the next.
        calling.dest_off_hook = false;
        self.dirty.insert(caller);
        self.note_forward(caller);
        self.tell_info(caller, "redirectionid", None, out);
        self.tell_info(caller, "redirectingid", None, out);
    }

    /// The entry of the line's list that applies to this caller. One that would send him to himself does not: who takes
    /// the calls of a line can still call it.
    pub(super) fn forward_entry(
        &self,
        caller: CallId,
        line: &str,
        condition: Condition,
    ) -> Option<&ForwardEntry> {
        let forwarding = self.forwarding(line)?;
        let calling = self.calls.get(&caller)?;
        let is_internal = calling.kind != LineKind::Trunk;
        // Who hides is nobody in particular.
        let known = Some(calling).filter(|calling| !calling.caller.is_blocked);
        let seen = known.map(|calling| calling.caller_as_seen().number).unwrap_or_default();
        let number = known.map_or("", |calling| &calling.caller.number);
        let who = Calling { number, seen: &seen, is_internal };
        let entry = forwarding.entry(who, condition)?;
        let to_himself = |number: &Arc<str>| {
            is_internal && !calling.trail.is_ours() && self.leads_to(number, &calling.line)
        };
        (!entry.destination.as_ref().is_some_and(to_himself)).then_some(entry)
    }

    /// How long a call may ring at a line: until it is sent elsewhere, and until nobody answered at all.
    pub(super) fn ring_limits(&self, caller: CallId, line: &str) -> (Instant, Instant) {
        let end = self.now + self.ring_time(caller);
        let forwards = self.forward_entry(caller, line, Condition::NoAnswer).is_some();
        let forwarding = self.forwarding(line).filter(|_| forwards);
        let rings = match forwarding {
            Some(forwarding) => Some(forwarding.rings),
            None => self.deposit_rings(caller, line),
        };
        let until = rings.map(|rings| self.now + self.setup.forward.ring * rings);
        (until.map_or(end, |until| until.min(end)), end)
    }

    /// Whether the line takes no further call.
    pub(super) fn is_line_busy(&self, address: &str) -> bool {
        let Some(line) = self.lines.get(address) else { return false };
        let most = self.setup.lines.iter().find(|line| *line.address == *address);
        let most = most.and_then(|line| line.calls_max);
        most.is_some_and(|most| line.occupied >= most) || self.is_secured(address)
    }

    pub(super) fn do_not_disturb(&self) -> Parting {
        Parting::by_us(DisconnectMode::DoNotDisturb, self.setup.forward.do_not_disturb, None)
    }
}

/// RFC 3261 §21.6.2: who was called does not want this call.
const DECLINED: u16 = 603;

/// Whether this caller may be sent anywhere else. Who waits at a busy line is not.
pub(super) const fn may_go_on(calling: &Call) -> bool {
    !matches!(calling.state, CallState::Busy(_)) && !calling.trail.is_full() && calling.max_forwards > 0
}
