//! Lines that applications open and close, and what they want to hear of them.

use std::time::Instant;

use super::Switch;
use super::error::LineError;
use super::outbox::Outbox;
use super::privilege::CallPrivilege;
use super::request::Asker;
use super::view::MediaMode;

impl Switch {
    pub(super) fn open_line(
        &mut self,
        _asker: Asker,
        _line: &str,
        _privilege: CallPrivilege,
        _media_modes: Vec<MediaMode>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn close_line(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _line: &str,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn set_status_messages(
        &mut self,
        _asker: Asker,
        _line: &str,
        _line_states: &[String],
        _address_states: &[String],
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn set_app_priority(
        &mut self,
        _asker: Asker,
        _app: &str,
        _media_mode: MediaMode,
        _priority: u32,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}
