//! Ownership that changes hands: `lineHandoff`, `lineSetCallPrivilege`, `lineGetNewCalls`.

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::CallId;
use super::operation::HandoffTarget;
use super::outbox::Outbox;
use super::privilege::CallPrivilege;
use super::request::Asker;

impl Switch {
    pub(super) fn can_handoff(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_set_call_privilege(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn handoff(
        &mut self,
        _asker: Asker,
        _id: CallId,
        _to: &HandoffTarget,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn set_call_privilege(
        &mut self,
        _asker: Asker,
        _id: CallId,
        _privilege: CallPrivilege,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn get_new_calls(
        &mut self,
        _asker: Asker,
        _line: &str,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}
