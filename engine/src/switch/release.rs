//! How calls end: a station leaves, an application drops, the network fails; and what the other side then hears.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{CauseKind, Command};

use super::Switch;
use super::call::Call;
use super::call_facts::EndCause;
use super::call_state::{CallState, DisconnectMode};
use super::error::LineError;
use super::ids::CallId;
use super::leg::{Leg, LegPhase};
use super::outbox::Outbox;
use super::report::{CallReport, advance};
use super::setup::LineKind;
use super::status::{Failure, NORMAL_CLEARING};
use super::timers::Timer;

/// What the other side hears of an end.
#[derive(Clone, Debug)]
pub(super) struct Parting {
    /// Busy, or disconnected with a mode.
    pub(super) report: CallReport,
    /// The mode where busy does not fit the state.
    pub(super) mode: DisconnectMode,
    /// The final response for a caller who has none.
    pub(super) status: u16,
    /// The Reason header's value for legs that are cancelled or hung up.
    pub(super) reason: Option<String>,
    /// The same for records of the call.
    pub(super) cause: EndCause,
}

impl Parting {
    /// Because of this failure.
    pub(super) fn because(failure: &Failure) -> Self {
        Self {
            report: failure.report(),
            mode: failure.mode(),
            status: failure.status_for_caller(),
            reason: Some(failure.reason()),
            cause: EndCause::of(failure),
        }
    }

    /// Because of the switch itself or an application.
    pub(super) fn by_us(mode: DisconnectMode, status: u16, reason: Option<&str>) -> Self {
        let cause = EndCause::by_us(status, reason);
        Self {
            report: CallReport::Disconnected(mode),
            mode,
            status,
            reason: reason.map(str::to_owned),
            cause,
        }
    }
}

impl Switch {
    /// Ends this side of a call with `report`, and with it the other side, which hears `parting`.
    pub(super) fn over(
        &mut self,
        now: Instant,
        id: CallId,
        report: CallReport,
        parting: &Parting,
        out: &mut Outbox,
    ) {
        self.end_conference(now, id, parting, out);
        self.note_end(id, parting);
        self.keep_figures(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let peer = call.peer.take();
        let errand = call.few().and_then(|few| few.errand.take());
        // Who made a call to a busy destination hears so, until the call is dropped.
        let kept = call.leg.filter(|_| matches!(report, CallReport::Busy(_)));
        let kept = kept.filter(|leg| self.legs.get(leg).is_some_and(Leg::is_up));
        let legs: Vec<_> = call.legs().filter(|leg| Some(*leg) != kept).collect();
        call.leg = kept;
        call.ring = None;
        if let Some(few) = call.few() {
            few.digits = None;
        }
        for other in self.leave_hunt(id).into_iter().filter(|other| Some(*other) != peer && *other != id) {
            self.part(now, other, parting, out);
        }
        for timer in [Timer::Guard, Timer::RingStep, Timer::Ring, Timer::Dial, Timer::Leave] {
            self.timers.stop(id, timer);
        }
        for leg in legs {
            if !self.leave_to_other(leg, id) {
                self.end_leg(leg, parting.status, parting.reason.as_deref(), out);
            }
        }
        if let Some(errand) = errand {
            self.drop_errand(now, errand, out);
        }
        self.finish_pending(id, Err(LineError::Disconnected), out);
        self.report(now, id, report, out);
        self.consultation_over(now, id, out);
        self.sending_over(now, id, parting, out);
        if let Some(peer) = peer
            && !self.member_over(now, peer, id, parting, out)
        {
            self.part(now, peer, parting, out);
        }
        self.page_over(now, id, parting, out);
    }

    /// The other side of this call is gone.
    pub(super) fn part(&mut self, now: Instant, id: CallId, parting: &Parting, out: &mut Outbox) {
        let deposited = self.undeposited(id);
        let parting = deposited.as_ref().unwrap_or(parting);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.peer = None;
        // Whoever waited for this has consequences to draw, even where nothing is told.
        self.dirty.insert(id);
        let Some(call) = self.calls.get(&id) else { return };
        if !call.is_alive() || self.returned(now, id, parting, out) || self.waits_on(now, id, out) {
            return;
        }
        let Some(call) = self.calls.get(&id) else { return };
        let unanswered = matches!(call.state, CallState::Offering(_) | CallState::Accepted);
        let report = if unanswered && call.calls {
            // A call that came in from a trunk is refused here, on this side of it.
            CallReport::Cleared
        } else if advance(call.state, parting.report).is_some() {
            parting.report
        } else {
            CallReport::Disconnected(parting.mode)
        };
        self.over(now, id, report, parting, out);
    }

    /// The attempt to reach somebody for this caller failed before there was a called side.
    pub(super) fn fail(&mut self, now: Instant, caller: CallId, failure: &Failure, out: &mut Outbox) {
        self.part(now, caller, &Parting::because(failure), out);
    }

    /// `lineDrop`, or the end of a call that nobody may control any more.
    pub(super) fn drop_call(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let parting = match (call.state, call.calls) {
            // Refused: to a network as busy, which every network understands.
            (CallState::Offering(_) | CallState::Accepted, calling) => {
                let trunk = call.kind == LineKind::Trunk || self.peer_kind(call) == Some(LineKind::Trunk);
                let mode = if calling { DisconnectMode::Cancelled } else { DisconnectMode::Reject };
                Parting::by_us(mode, if trunk { 486 } else { 603 }, None)
            }
            (_, _)
                if matches!(call.state, CallState::Connected(_) | CallState::Conferenced) || call.holds() =>
            {
                Parting::by_us(DisconnectMode::Normal, 480, Some(NORMAL_CLEARING))
            }
            (_, _) => Parting::by_us(DisconnectMode::Cancelled, 480, None),
        };
        self.over(now, id, CallReport::Cleared, &parting, out);
    }

    /// A leg is over by the far end's doing, or confirmed as ended.
    pub(super) fn leg_over(&mut self, now: Instant, leg: LegId, failure: Failure, out: &mut Outbox) {
        let entry = self.legs.remove(&leg);
        self.media.close(leg, entry.as_ref().and_then(|entry| self.named(entry.call)), out);
        let Some(entry) = entry else { return };
        if entry.phase == LegPhase::Ending {
            return;
        }
        let failure = Failure { rang: entry.rang, ..failure };
        let id = entry.call;
        let Some(call) = self.calls.get_mut(&id) else { return };
        self.dirty.insert(id);
        let ringing = call.ring.as_mut().is_some_and(|ring| ring.remove(leg));
        if ringing {
            // Nobody's phone rings twice.
            let had_streams = entry.described_streams();
            if self.invite_by_another_flow(now, id, &entry, &failure, out) {
                return;
            }
            let invited = entry.invited.filter(|_| !entry.rang);
            let again = invited
                .is_some_and(|candidate| self.invite_again(now, id, *candidate, had_streams, &failure, out));
            if !again {
                self.branch_failed(now, id, failure, out);
            }
            return;
        }
        let users = self.users_of(leg, id);
        // With the phone gone, none of its calls comes back to it.
        for user in &users {
            self.end_consultation(*user);
        }
        for user in users {
            if let Some(call) = self.calls.get_mut(&user) {
                call.leg = None;
            }
            self.station_left(now, user, &failure, out);
        }
    }

    /// The station of this call hung up, or is lost.
    fn station_left(&mut self, now: Instant, id: CallId, failure: &Failure, out: &mut Outbox) {
        let hung_up = matches!(failure.cause.kind, CauseKind::Bye | CauseKind::Cancel);
        if hung_up {
            self.note_hung_up(id);
        }
        let Some(call) = self.calls.get(&id) else { return };
        let report = match call.kind {
            // The handset cleared its own call: a local drop (TAPI lineDrop).
            LineKind::Phone | LineKind::Local if hung_up => CallReport::Cleared,
            _ if !call.is_alive() || matches!(call.state, CallState::Busy(_)) => CallReport::Cleared,
            LineKind::Phone | LineKind::Local | LineKind::Trunk => CallReport::Disconnected(failure.mode()),
        };
        let mut parting = Parting::because(failure);
        parting.report = CallReport::Disconnected(parting.mode);
        self.over(now, id, report, &parting, out);
    }

    /// Ends a leg in the way of its phase. The agent confirms by `Ended` or `Failed`.
    pub(super) fn end_leg(&mut self, leg: LegId, status: u16, reason: Option<&str>, out: &mut Outbox) {
        let Some(entry) = self.legs.get(&leg) else { return };
        let call = entry.call;
        let command = match entry.phase {
            LegPhase::Ending => return,
            LegPhase::Offered => Command::Reject(leg, status, self.refusal_headers(status, reason)),
            LegPhase::Inviting | LegPhase::Answered | LegPhase::Up => {
                Command::End(leg, reason.map(str::to_owned))
            }
        };
        if let Some(entry) = self.legs.get_mut(&leg) {
            entry.phase = LegPhase::Ending;
        }
        out.sip.push(command);
        self.media.close(leg, self.named(call), out);
    }

    /// A call with its line.
    fn named(&self, id: CallId) -> Option<(CallId, Arc<str>)> {
        self.calls.get(&id).map(|call| (id, Arc::clone(&call.line)))
    }

    /// Ends both sides because one of them has no media any more.
    pub(super) fn media_lost(&mut self, now: Instant, id: CallId, mode: DisconnectMode, out: &mut Outbox) {
        let cause = if mode == DisconnectMode::QosUnavail { "Q.850;cause=49" } else { "Q.850;cause=41" };
        let parting = Parting::by_us(mode, 503, Some(cause));
        let Some(call) = self.calls.get(&id) else { return };
        let report =
            if advance(call.state, parting.report).is_some() { parting.report } else { CallReport::Cleared };
        self.over(now, id, report, &parting, out);
    }

    /// The kind of the line on the other side.
    pub(super) fn peer_kind(&self, call: &Call) -> Option<LineKind> {
        Some(self.calls.get(&call.peer?)?.kind)
    }
}
