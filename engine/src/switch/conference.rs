//! Conferences: a parent call, its members, and who is consulted to become one (TAPI `lineSetupConference` and what belongs to it).

use std::time::Instant;

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::{AppId, CallId};
use super::outbox::Outbox;
use super::request::Asker;

impl Switch {
    pub(super) fn can_setup_conference(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_prepare_add_to_conference(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_add_to_conference(&self, _app: AppId, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_remove_from_conference(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_get_conf_related_calls(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn setup_conference(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _to: Option<String>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn setup_conference_on_line(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _line: &str,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn prepare_add_to_conference(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _to: Option<String>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn add_to_conference(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _consult: CallId,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn remove_from_conference(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn get_conf_related_calls(
        &mut self,
        _asker: Asker,
        _id: CallId,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}
