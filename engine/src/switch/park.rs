//! Park and unpark: a call waits at a park address, which is an address of record with a dynamic binding.

use std::time::Instant;

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::CallId;
use super::outbox::Outbox;
use super::request::Asker;

impl Switch {
    pub(super) fn can_park(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn park(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _to: Option<&str>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn unpark(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _line: &str,
        _from: &str,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    /// Who was to be retrieved waits again: the phone of who wanted it did not answer.
    pub(super) fn unretrieved(&mut self, _now: Instant, _far: CallId, _out: &mut Outbox) {}
}
