//! Pickup: taking a call that is offered elsewhere.

use std::time::Instant;

use super::Switch;
use super::error::LineError;
use super::ids::CallId;
use super::outbox::Outbox;
use super::request::Asker;

impl Switch {
    pub(super) fn pickup(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _line: &str,
        _from: Option<&str>,
        _group: Option<&str>,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    /// The phone of who picks up has answered: it takes the offered call.
    pub(super) fn take_offered(&mut self, _now: Instant, _id: CallId, _offered: CallId, _out: &mut Outbox) {}

    /// The phone of who wanted to pick up did not answer.
    pub(super) fn untaken(&mut self, _now: Instant, _offered: CallId, _out: &mut Outbox) {}
}
