//! `lineTranslateAddress`, and how the switch reads addresses to dial.

use super::Switch;
use super::error::LineError;
use super::operation::Outcome;
use super::outbox::Outbox;
use super::request::Asker;
use crate::translate::TranslateOptions;
use crate::translate::dialable::{self, Dialable};

impl Switch {
    pub(super) fn translate_address(
        &mut self,
        asker: Asker,
        line: &str,
        address: &str,
        card: Option<u32>,
        options: u32,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        self.opened(asker.app, line)?;
        let options = TranslateOptions::from_bits(options)?;
        let translation = self.setup.translation.translate(line, address, card, options)?;
        asker.reply(Ok(Outcome::Translated(Box::new(translation))), out);
        Ok(())
    }

    /// The address to dial. That of a line is taken as it is, whatever its letters mean in a number.
    ///
    /// Digits after a pause are refused: they would have to be sent when the call is connected.
    pub(super) fn dialable(&self, to: &str) -> Result<Dialable, LineError> {
        if self.lines.get(to).is_some() {
            return Ok(Dialable { number: to.to_owned(), ..Dialable::default() });
        }
        let read = dialable::parse(to)?;
        if read.digits_after_answer.is_empty() { Ok(read) } else { Err(LineError::InvalAddress) }
    }
}
