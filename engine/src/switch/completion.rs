//! `lineCompleteCall`: a call that found nobody is completed later.

use std::time::Instant;

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::{CallId, CompletionId};
use super::operation::CompletionMode;
use super::outbox::Outbox;
use super::request::Asker;

impl Switch {
    pub(super) fn can_complete_call(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn complete_call(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _mode: CompletionMode,
        _message: Option<u32>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn uncomplete_call(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _line: &str,
        _completion: CompletionId,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}
