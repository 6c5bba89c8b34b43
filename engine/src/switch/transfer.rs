//! Transfer: blind, and by consultation (TAPI `lineBlindTransfer`, `lineSetupTransfer`, `lineCompleteTransfer`).

use std::time::Instant;

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::{AppId, CallId};
use super::operation::TransferMode;
use super::outbox::Outbox;
use super::request::Asker;

impl Switch {
    pub(super) fn can_blind_transfer(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_setup_transfer(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_complete_transfer(&self, _app: AppId, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn blind_transfer(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _to: &str,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn setup_transfer(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _to: Option<String>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn complete_transfer(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _consult: CallId,
        _mode: TransferMode,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}
