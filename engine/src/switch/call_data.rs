//! What travels with a call: call data, user-user information, media modes, the parameters that it was made with.

use bytes::Bytes;

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::CallId;
use super::operation::{CallParams, QosLevel};
use super::outbox::Outbox;
use super::request::Asker;
use super::view::MediaMode;

impl Switch {
    pub(super) fn can_set_call_data(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_send_user_user_info(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_set_media_mode(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_set_quality_of_service(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn set_call_data(
        &mut self,
        _asker: Asker,
        _id: CallId,
        _data: Bytes,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn send_user_user_info(
        &mut self,
        _asker: Asker,
        _id: CallId,
        _data: Bytes,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn set_media_mode(
        &mut self,
        _asker: Asker,
        _id: CallId,
        _media_modes: Vec<MediaMode>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn set_quality_of_service(
        &mut self,
        _asker: Asker,
        _id: CallId,
        _level: QosLevel,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    /// Whether user-user information may be sent: not too much of it.
    pub(super) fn check_user_user(&self, data: Option<&Bytes>) -> Result<(), LineError> {
        data.map_or(Ok(()), |_| Err(LineError::OperationUnavail))
    }

    /// Puts user-user information into the next message to the far party of a call.
    pub(super) fn enclose_far(&mut self, _id: CallId, _data: Option<Bytes>, _out: &mut Outbox) {}

    /// Takes the parameters that a call is made with.
    pub(super) fn take_params(&mut self, _id: CallId, _params: &CallParams) {}
}
