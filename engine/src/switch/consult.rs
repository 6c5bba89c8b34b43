//! Consultations: a call is on pending hold while another call of the same line asks somebody (TAPI `lineSetupTransfer`,
//! `lineSetupConference`, `linePrepareAddToConference`).
//!
//! ```text
//!   original ──peer── B (hears music)   OHPT      ┐
//!      │ Consultation, kept on both               ├─ one leg: the phone speaks for the consultation call
//!   consult ──peer── C                  CONNECTED ┘
//! ```
//!
//! - The consultation call dropped: the original is retrieved (LINEADDRCAPFLAGS_AUTORECONNECT). One that failed, or whose
//!   party left, waits for that drop.
//! - The original retrieved: the consultation call is dropped.
//! - The original over: the consultation call is a call like any other.
//! - The phone hangs up: both are over.

use std::time::Instant;

use super::Switch;
use super::call::{Call, Consultation, Few};
use super::call_state::{CallState, DialToneMode};
use super::error::LineError;
use super::ids::{AppId, CallId};
use super::leg::Leg;
use super::outbox::Outbox;
use super::report::{CallReport, Hold};
use super::setup::LineKind;
use super::view::{CallOrigin, PartyView};
use crate::translate::Dialable;

impl Switch {
    /// Whether the call may wait while somebody is consulted.
    pub(super) fn can_consult(&self, call: &Call) -> Result<(), LineError> {
        if call.consultation.is_some() || call.pending.is_some() {
            return Err(LineError::InUse);
        }
        let station = call.leg.and_then(|leg| self.legs.get(&leg)).is_some_and(Leg::is_up);
        // Who is on his way to a destination cannot be sent to another meanwhile.
        let is_settled = call.sent.is_none() && call.sends.is_none();
        let fits = match call.kind {
            LineKind::Phone | LineKind::Trunk => station,
            LineKind::Local => true,
        };
        if fits && is_settled && has_far(call) { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    /// Where a consultation call is to go: the destination, and the name of it.
    ///
    /// # Errors
    /// Those of `lineMakeCall`.
    pub(super) fn check_consult(
        &self,
        call: &Call,
        to: Option<&str>,
    ) -> Result<(Dialable, PartyView), LineError> {
        let dialled = self.destination(to.unwrap_or_default())?;
        let name = match call.kind {
            LineKind::Phone | LineKind::Local if !dialled.is_partial => {
                self.check_destination(&dialled.number)?
            }
            LineKind::Phone | LineKind::Local | LineKind::Trunk => String::new(),
        };
        self.admit_call(&call.line)?;
        let called = PartyView::new(dialled.number.clone(), name);
        Ok((dialled, called))
    }

    /// Puts the call on pending hold and makes the consultation call `consult`, whose number was reserved before the reply.
    /// The phone of the line speaks for it from here on.
    #[expect(clippy::too_many_arguments, reason = "what a consultation is made of")]
    pub(super) fn consult(
        &mut self,
        now: Instant,
        app: AppId,
        (id, consult): (CallId, CallId),
        hold: Hold,
        dialled: Dialable,
        called: PartyView,
        out: &mut Outbox,
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (line, kind, media_worker) = (call.line.clone(), call.kind, call.media_worker);
        let leg = call.leg.filter(|_| kind == LineKind::Phone);
        call.held = Some(hold);
        call.consultation = Some(Consultation { hold, other: consult, is_consult: false });
        self.report(now, id, CallReport::Held(hold), out);
        let state = if dialled.number.is_empty() {
            CallState::DialTone(DialToneMode::Normal)
        } else {
            CallState::Dialing
        };
        let consultation = Some(Consultation { hold, other: id, is_consult: true });
        let call = Call {
            caller: self.own_party(&line),
            called: called.clone(),
            calls: true,
            leg,
            media_worker,
            made: true,
            claimed: true,
            few: Some(Box::new(Few { consultation, ..Few::NOTHING })),
            ..Call::new(now, consult, line, kind, CallOrigin::Outbound, state)
        };
        self.introduce(call, Some(app), out);
        self.put_suffix(consult, app, dialled.digits_after_answer);
        if let Some(leg) = leg {
            self.give_station(leg, consult);
        }
        if dialled.is_partial {
            self.collect(now, consult, dialled.number);
        } else {
            self.dial_whole(now, consult, called, out);
        }
    }

    /// Forgets that the two calls belong together. The other one, if there was.
    pub(super) fn end_consultation(&mut self, id: CallId) -> Option<Consultation> {
        let consultation = self.calls.get_mut(&id)?.few()?.consultation.take()?;
        self.dirty.insert(id);
        if let Some(other) = self.calls.get_mut(&consultation.other) {
            other.consultation = None;
            self.dirty.insert(consultation.other);
        }
        Some(consultation)
    }

    /// The original is retrieved: nobody is consulted any more.
    pub(super) fn cancel_consultation(&mut self, now: Instant, original: CallId, out: &mut Outbox) {
        let consultation = self.calls.get(&original).and_then(|call| call.consultation);
        if let Some(consultation) = consultation {
            self.drop_call(now, consultation.other, out);
        }
    }

    /// One of the two calls is over; `over` says so.
    pub(super) fn consultation_over(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let Some(consultation) = call.consultation else { return };
        match call.state {
            CallState::Idle if consultation.is_consult => {
                self.end_consultation(id);
                match consultation.hold {
                    Hold::Hard | Hold::Transfer => self.retrieve(now, consultation.other, out),
                    Hold::Conference => self.unconsulted(now, consultation.other, out),
                }
            }
            CallState::Idle | CallState::Disconnected(_) if !consultation.is_consult => {
                self.end_consultation(id);
            }
            CallState::Idle
            | CallState::Disconnected(_)
            | CallState::Offering(_)
            | CallState::Accepted
            | CallState::DialTone(_)
            | CallState::Dialing
            | CallState::Ringback
            | CallState::Busy(_)
            | CallState::SpecialInfo(_)
            | CallState::Connected(_)
            | CallState::Proceeding
            | CallState::OnHold
            | CallState::Conferenced
            | CallState::OnHoldPendConf
            | CallState::OnHoldPendTransfer
            | CallState::Unknown => {}
        }
    }

    /// Takes a call off hold: its station speaks for it again, unless the handset holds it too, which is a hold like another: it waits for
    /// no consultation any more.
    pub(super) fn retrieve(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.held = None;
        let (leg, by_station) = (call.leg, call.held_by_station);
        let waited = matches!(call.state, CallState::OnHoldPendConf | CallState::OnHoldPendTransfer);
        if let Some(leg) = leg {
            self.give_station(leg, id);
        }
        self.dirty.insert(id);
        if !by_station || waited {
            self.report(now, id, CallReport::Retrieved, out);
        }
    }
}

/// Whether there is a far party: behind a trunk the network, else the call on the other side.
pub(super) const fn has_far(call: &Call) -> bool {
    match call.kind {
        LineKind::Trunk => call.leg.is_some() || call.ring.is_some(),
        LineKind::Phone | LineKind::Local => call.peer.is_some(),
    }
}
