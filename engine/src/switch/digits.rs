//! Digits and media that are generated, gathered and monitored.

use std::time::{Duration, Instant};

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::CallId;
use super::operation::{DigitMode, Gathering};
use super::outbox::Outbox;
use super::request::Asker;
use super::view::MediaMode;

impl Switch {
    pub(super) fn can_generate_digits(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_gather_digits(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_monitor_digits(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn can_monitor_media(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn generate_digits(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _digits: Option<String>,
        _duration: Option<Duration>,
        _mode: Option<DigitMode>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn gather_digits(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _gathering: Option<Gathering>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn monitor_digits(
        &mut self,
        _asker: Asker,
        _id: CallId,
        _modes: Vec<DigitMode>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    pub(super) fn monitor_media(
        &mut self,
        _asker: Asker,
        _id: CallId,
        _media_modes: Vec<MediaMode>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}
