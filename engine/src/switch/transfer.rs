//! Transfer: blind, and by consultation (TAPI `lineBlindTransfer`, `lineSetupTransfer`, `lineCompleteTransfer`).
//!
//! ```text
//!   B ──peer── original   transferor   consult ──peer── C        before
//!   B ──────────────────────peer──────────────────────── C        after; both calls of the transferor are idle
//! ```
//!
//! - Nobody is asked anything: the engine connects the two parties, and hangs up on the transferor.
//! - A destination may still ring. The transferor is out of it at once, and the party that he sent hears it ring.
//! - If nobody answers there, the party returns: to the phone that waits for the outcome of its REFER, else its line is
//!   called (LINECALLREASON_REMINDER). If that fails too, or the transferor was a network, the party is disconnected.
//! - A transfer to a destination that is busy fails, and so does a blind one to the own line; a party that is on its way
//!   to one destination cannot be sent to another.
//! - Both ends of a conversation may consult at once: each completes for his own side.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::outbox::Command;

use super::Switch;
use super::call::{Call, Sent};
use super::call_facts::CallDeed;
use super::call_state::{CallState, DisconnectMode};
use super::consult::has_far;
use super::diversion::Trail;
use super::error::LineError;
use super::ids::{AppId, CallId};
use super::leg::Leg;
use super::operation::{Outcome, TransferMode};
use super::outbox::Outbox;
use super::privilege::CallPrivilege;
use super::release::Parting;
use super::report::{CallReport, Hold};
use super::request::Asker;
use super::route::{Destination, Source, resolve};
use super::setup::LineKind;
use super::status::TRANSFERRED;
use super::timers::{LEAVE, Timer};
use super::view::{CallReason, PartyView};

impl Switch {
    pub(super) fn can_blind_transfer(&self, call: &Call) -> Result<(), LineError> {
        self.can_consult(call)
    }

    pub(super) fn can_setup_transfer(&self, call: &Call) -> Result<(), LineError> {
        self.can_consult(call)
    }

    pub(super) fn can_complete_transfer(&self, app: AppId, call: &Call) -> Result<(), LineError> {
        let line = self.lines.of_call(&call.line);
        let mut others = line.into_iter().flat_map(|line| line.calls.iter());
        let fits = |other: &Call| {
            other.id != call.id && other.privilege(app) == CallPrivilege::Owner && is_destination(other)
        };
        let has_destination = others.any(|other| self.calls.get(other).is_some_and(fits));
        if has_destination && is_transferable(call) { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    /// `lineBlindTransfer`.
    pub(super) fn blind_transfer(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        to: &str,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let number = self.whole_number(to)?;
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let (by, is_hidden) = (Arc::clone(&call.line), call.station_party().is_blocked);
        self.check_sent_to(&number)?;
        if self.leads_to(&number, &by) {
            return Err(LineError::InvalAddress);
        }
        asker.done(out);
        let far = self.detach_far(now, id, CallReason::Transfer, out);
        if let Some(far) = far {
            self.note_blind_transfer(id, far, &number);
        }
        self.leave(now, id, out);
        if let Some(far) = far {
            let sent = Sent { by, from: None, usage: None, rang: false, is_hidden };
            self.send_party(now, far, &number, sent, out);
        }
        Ok(())
    }

    /// `lineSetupTransfer`.
    pub(super) fn setup_transfer(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        to: Option<String>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let (dialled, called) = self.check_consult(call, to.as_deref())?;
        let consult = self.next_call();
        asker.reply(Ok(Outcome::Consult(consult)), out);
        self.consult(now, asker.app, (id, consult), Hold::Transfer, dialled, called, out);
        Ok(())
    }

    /// `lineCompleteTransfer`.
    pub(super) fn complete_transfer(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        consult: CallId,
        mode: TransferMode,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let to = self.owned(asker.app, consult, LineError::InvalConsultCallHandle)?;
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        if consult == id || to.line != call.line {
            return Err(LineError::InvalConsultCallHandle);
        }
        if !is_destination(to) {
            return Err(LineError::InvalCallState);
        }
        match mode {
            TransferMode::Conference => return self.conference_of(now, asker, id, consult, out),
            TransferMode::Transfer if matches!(to.state, CallState::Busy(_)) => {
                return Err(LineError::OperationFailed);
            }
            TransferMode::Transfer => {}
        }
        asker.done(out);
        if self.calls.get(&id).and_then(|call| call.consultation).is_some_and(|one| one.other == consult) {
            self.end_consultation(id);
        }
        let by = self.calls.get(&id).map(|call| Arc::clone(&call.line)).unwrap_or_default();
        let hides = |id: CallId| self.calls.get(&id).is_some_and(|call| call.station_party().is_blocked);
        let is_hidden = hides(id) || hides(consult);
        let far = self.detach_far(now, id, CallReason::Transfer, out);
        let to = self.detach_far(now, consult, CallReason::Transfer, out);
        if let Some((far, to)) = far.zip(to) {
            self.note_deed(id, || CallDeed::AttendedTransfer { far, consult, to });
        }
        self.leave(now, consult, out);
        self.leave(now, id, out);
        if let Some((far, to)) = far.zip(to) {
            let sent = Sent { by, from: None, usage: None, rang: false, is_hidden };
            self.hand_over(now, far, to, sent, out);
        }
        Ok(())
    }

    /// A destination that is complete.
    pub(super) fn whole_number(&self, to: &str) -> Result<String, LineError> {
        self.destination(to)?.whole()
    }

    /// Whether the number is the address of this line, by the routes of lines.
    pub(super) fn leads_to(&self, number: &str, line: &str) -> bool {
        let found = resolve(&self.setup.routes, &self.lines, Source::Line, number);
        matches!(found, Ok(Destination::Line(address)) if *address == *line)
    }

    /// The transferor is out of it.
    pub(super) fn leave(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let parting = Parting::by_us(DisconnectMode::Normal, 487, Some(TRANSFERRED));
        self.over(now, id, CallReport::Cleared, &parting, out);
    }

    /// Connects a party with the destination that the transferor talked with, or that still rings for him.
    pub(super) fn hand_over(&mut self, now: Instant, far: CallId, to: CallId, sent: Sent, out: &mut Outbox) {
        let Some(party) = self.calls.get(&far).map(Call::station_party) else { return };
        let by = PartyView { is_blocked: sent.is_hidden, ..self.own_party(&sent.by) };
        let Some(call) = self.calls.get(&to) else { return };
        let rings = is_alerting(call);
        // Where a group rings, all its members have another caller.
        for id in self.hunts.together(to) {
            self.name_sent(id, &party, &by, out);
        }
        if let Some(call) = self.calls.get_mut(&far) {
            call.sent = Some(sent);
        }
        self.join(now, far, to, out);
        if rings {
            let rang = self.calls.get(&to).is_some_and(|call| call.state != CallState::Proceeding);
            if rang {
                self.alerted(far, out);
            }
        } else {
            self.arrived(now, far, out);
        }
    }

    /// A call has another caller, who was sent there.
    fn name_sent(&mut self, id: CallId, party: &PartyView, by: &PartyView, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.reason = CallReason::Transfer;
        call.redirecting = by.clone();
        call.redirection = call.station_party();
        let is_called = call.station_party() == call.called;
        if is_called {
            call.caller = party.clone();
        }
        for changed in ["reason", "redirectingid", "redirectionid"] {
            self.tell_info(id, changed, None, out);
        }
        if is_called {
            self.tell_info(id, "callerid", None, out);
        }
    }

    /// Calls a destination for a party that was sent there.
    pub(super) fn send_party(
        &mut self,
        now: Instant,
        far: CallId,
        number: &str,
        sent: Sent,
        out: &mut Outbox,
    ) {
        let by = PartyView { is_blocked: sent.is_hidden, ..self.own_party(&sent.by) };
        let name = self.lines.name(number);
        let to = PartyView::new(number.to_owned(), name);
        let Some(call) = self.calls.get_mut(&far) else { return };
        call.sent_by = Some((Arc::clone(&sent.by), CallReason::Transfer));
        call.redirecting = by;
        call.redirection = to;
        call.sent = Some(sent);
        self.count_as_caller(far);
        self.dial(now, far, number, out);
    }

    /// The destination of a party that was sent there is alerted.
    pub(super) fn alerted(&mut self, far: CallId, out: &mut Outbox) {
        let sent = self.calls.get_mut(&far).and_then(|call| call.few()?.sent.as_mut());
        let Some(sent) = sent.filter(|sent| !sent.rang) else { return };
        sent.rang = true;
        if let Some(usage) = sent.usage {
            out.sip.push(Command::ReferProgress(usage, 180));
        }
    }

    /// The destination answered. The phone that asked for the transfer hangs up when it has heard so.
    pub(super) fn arrived(&mut self, now: Instant, far: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&far) else { return };
        let Some(few) = call.few() else { return };
        let (was_sent, sent) = (few.sent_by.take().is_some(), few.sent.take());
        if was_sent {
            self.show_connected(far, out);
        }
        let Some(sent) = sent else { return };
        if let Some(usage) = sent.usage {
            out.sip.push(Command::ReferProgress(usage, 200));
        }
        let Some(from) = sent.from else { return };
        if let Some(call) = self.calls.get_mut(&from) {
            call.sends = None;
        }
        if sent.usage.is_some() {
            self.timers.start(from, Timer::Leave, now + LEAVE);
        } else {
            self.leave(now, from, out);
        }
    }

    /// The destination failed: the party goes back to who sent it. Whether it could.
    pub(super) fn returned(
        &mut self,
        now: Instant,
        far: CallId,
        parting: &Parting,
        out: &mut Outbox,
    ) -> bool {
        let Some(call) = self.calls.get_mut(&far) else { return false };
        let Some(few) = call.few() else { return false };
        few.sent_by = None;
        let Some(sent) = few.sent.take() else { return false };
        if let Some(usage) = sent.usage {
            out.sip.push(Command::ReferProgress(usage, parting.status));
        }
        if let Some(from) = sent.from.filter(|from| self.has_station(*from)) {
            if let Some(call) = self.calls.get_mut(&from) {
                call.sends = None;
            }
            self.join(now, from, far, out);
            self.retrieve(now, from, out);
            return true;
        }
        let is_station = self.lines.get(&sent.by).is_some_and(|line| line.kind != LineKind::Trunk);
        if !is_station {
            return false;
        }
        if let Some(call) = self.calls.get_mut(&far) {
            call.sent_by = Some((Arc::clone(&sent.by), CallReason::Reminder));
            call.trail = Trail::default();
        }
        self.call_line(now, far, &sent.by, out);
        true
    }

    /// A call is over: who waits for the outcome of its transfer, on either side, is told.
    pub(super) fn sending_over(&mut self, now: Instant, id: CallId, parting: &Parting, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.is_alive() {
            return;
        }
        let Some(few) = call.few() else { return };
        let (sends, sent) = (few.sends.take(), few.sent.take());
        if let Some(sent) = sends.and_then(|far| self.calls.get_mut(&far)?.few()?.sent.as_mut()) {
            // Whoever hung up is told nothing more.
            sent.from = None;
            sent.usage = None;
        }
        let Some(sent) = sent else { return };
        if let Some(usage) = sent.usage {
            out.sip.push(Command::ReferProgress(usage, 487));
        }
        if let Some(from) = sent.from {
            self.part(now, from, parting, out);
        }
    }

    /// Shows a party that was sent elsewhere whom it reached.
    fn show_connected(&self, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let Some(leg) = call.leg.filter(|_| self.has_station(id)) else { return };
        let shown = call.connected.shown(&self.setup.domain);
        out.sip.push(Command::Identify(leg, shown));
    }

    fn has_station(&self, id: CallId) -> bool {
        let leg = self.calls.get(&id).and_then(|call| self.legs.get(&call.leg?));
        leg.is_some_and(Leg::is_up)
    }
}

/// Whether the call is one to transfer, by what it is joined with.
fn is_transferable(call: &Call) -> bool {
    let is_settled = call.sent.is_none() && call.sends.is_none() && call.camped.is_none();
    has_far(call) && is_settled && call.pending.is_none()
}

/// Whether a call may be transferred to the far party of this one.
fn is_destination(call: &Call) -> bool {
    let has_state = match call.state {
        CallState::Busy(_) => return true,
        CallState::Connected(_) | CallState::Ringback | CallState::Proceeding => true,
        CallState::Idle
        | CallState::Offering(_)
        | CallState::Accepted
        | CallState::DialTone(_)
        | CallState::Dialing
        | CallState::SpecialInfo(_)
        | CallState::OnHold
        | CallState::Conferenced
        | CallState::OnHoldPendConf
        | CallState::OnHoldPendTransfer
        | CallState::Disconnected(_)
        | CallState::Unknown => false,
    };
    has_state && is_transferable(call)
}

/// Whether the called side has not answered.
pub(super) const fn is_alerting(call: &Call) -> bool {
    call.ring.is_some()
        || (call.leg.is_none() && matches!(call.state, CallState::Offering(_) | CallState::Accepted))
}
