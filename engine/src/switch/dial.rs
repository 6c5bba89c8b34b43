//! Digits that follow: `lineDial` on a call that was begun without a whole number.
//!
//! - The number is called when it is whole: digits without `;` at the end, or nothing after digits with one.
//! - What follows a pause, also one at the beginning of later digits, is said when the call is connected (`suffix.rs`).
//! - A number that leads nowhere is refused, and the call waits on as before.
//! - [`DIAL`] without a digit disconnects the call; the mode is unknown, as nobody was called.

use std::time::Instant;

use super::Switch;
use super::call::{Call, Errand};
use super::call_state::DisconnectMode;
use super::error::LineError;
use super::ids::CallId;
use super::outbox::Outbox;
use super::release::Parting;
use super::report::CallReport;
use super::request::Asker;
use super::route::DIALLED_BYTES_MAX;
use super::setup::LineKind;
use super::timers::{DIAL, Timer};
use super::view::PartyView;
use crate::translate::Dialable;

impl Switch {
    /// A destination as an application names it: nothing, or `;` at the end, says that digits follow.
    ///
    /// # Errors
    /// [`LineError::InvalAddress`] where it cannot be dialled, and those of the control characters of a dialable address.
    pub(super) fn destination(&self, to: &str) -> Result<Dialable, LineError> {
        if to.is_empty() {
            return Ok(Dialable { is_partial: true, ..Dialable::default() });
        }
        self.dialable_with_suffix(to)
    }

    pub(super) fn can_dial(&self, call: &Call) -> Result<(), LineError> {
        if call.digits.is_some() { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    /// `lineDial`.
    pub(super) fn dial_digits(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        digits: &str,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let (kind, known) = (call.kind, call.digits.clone());
        let known = known.ok_or(LineError::OperationUnavail)?;
        // A pause at the beginning is one after what was dialled before.
        let ends_before = !known.is_empty() && digits.starts_with(',');
        let piece = if ends_before {
            Dialable { number: String::new(), ..self.destination(&format!("{known}{digits}"))? }
        } else {
            self.destination(digits)?
        };
        // An empty string says that the number is whole.
        let is_partial = piece.is_partial && !digits.is_empty();
        let number = known + &piece.number;
        if number.len() > DIALLED_BYTES_MAX || (number.is_empty() && !is_partial) {
            return Err(LineError::InvalAddress);
        }
        let name = match kind {
            LineKind::Phone | LineKind::Local if !is_partial => self.check_destination(&number)?,
            LineKind::Phone | LineKind::Local | LineKind::Trunk => String::new(),
        };
        asker.done(out);
        if !piece.number.is_empty() {
            self.report(now, id, CallReport::Dialing, out);
        }
        if is_partial {
            self.collect(now, id, number);
        } else {
            self.put_suffix(id, asker.app, piece.digits_after_answer);
            self.dial_whole(now, id, PartyView::new(number, name), out);
        }
        Ok(())
    }

    /// Waits for more digits after these. A phone that has not answered yet has time until then.
    pub(super) fn collect(&mut self, now: Instant, id: CallId, digits: String) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.digits = Some(digits);
        if call.errand.is_none() {
            self.timers.start(id, Timer::Dial, now + DIAL);
        }
        self.dirty.insert(id);
    }

    /// Calls the number, now that it is whole, or once the own phone has answered.
    pub(super) fn dial_whole(&mut self, now: Instant, id: CallId, called: PartyView, out: &mut Outbox) {
        self.timers.stop(id, Timer::Dial);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let number = called.number.clone();
        call.digits = None;
        call.called = called;
        let (kind, line) = (call.kind, call.line.clone());
        let waits = call.errand == Some(Errand::Collect);
        if waits {
            call.errand = Some(Errand::Dial(number.clone()));
        }
        self.tell_info(id, "calledid", None, out);
        match kind {
            _ if waits => {}
            LineKind::Phone | LineKind::Local => self.dial(now, id, &number, out),
            LineKind::Trunk => self.ring_trunk(now, id, None, (&line, &number), None, out),
        }
    }

    /// No digit came in time.
    pub(super) fn digits_missing(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let parting = Parting::by_us(DisconnectMode::Unknown, 480, None);
        self.over(now, id, parting.report, &parting, out);
    }
}
