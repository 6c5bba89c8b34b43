//! `lineTranslateAddress`.

use super::Switch;
use super::error::LineError;
use super::outbox::Outbox;
use super::request::Asker;

impl Switch {
    pub(super) fn translate_address(
        &mut self,
        _asker: Asker,
        _line: &str,
        _address: &str,
        _card: Option<u32>,
        _options: u32,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}
