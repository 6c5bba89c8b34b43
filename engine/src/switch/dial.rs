//! Digits that follow: `lineDial` on a call that was begun without a whole number.

use std::time::Instant;

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::CallId;
use super::outbox::Outbox;
use super::request::Asker;

impl Switch {
    pub(super) fn can_dial(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn dial_digits(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _digits: &str,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}
