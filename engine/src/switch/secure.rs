//! `lineSecureCall`: nothing interrupts the call.

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::CallId;
use super::outbox::Outbox;
use super::request::Asker;

impl Switch {
    pub(super) fn can_secure_call(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn secure_call(
        &mut self,
        _asker: Asker,
        _id: CallId,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}
