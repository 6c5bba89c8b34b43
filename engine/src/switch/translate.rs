//! `lineTranslateAddress`, how the switch reads addresses to dial, and callers' numbers as applications see them.

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::operation::Outcome;
use super::outbox::Outbox;
use super::request::Asker;
use super::suffix::SUFFIX_BYTES_MAX;
use super::view::PartyView;
use crate::translate::dialable::{self, Dialable};
use crate::translate::{Locations, TranslateOptions};

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

    /// The address of a destination for which nothing is said later: digits after a pause are refused.
    pub(super) fn dialable(&self, to: &str) -> Result<Dialable, LineError> {
        let read = self.dialable_with_suffix(to)?;
        if read.digits_after_answer.is_empty() { Ok(read) } else { Err(LineError::InvalAddress) }
    }

    /// The address to dial, and the digits that are said when the call is connected. That of a line or group is taken as it is,
    /// whatever its letters mean in a number. A number that is not whole has no such digits yet.
    pub(super) fn dialable_with_suffix(&self, to: &str) -> Result<Dialable, LineError> {
        if self.lines.is_taken(to) {
            return Ok(Dialable { number: to.to_owned(), ..Dialable::default() });
        }
        let read = dialable::parse(to)?;
        let suffix = &read.digits_after_answer;
        let is_fit = suffix.is_empty() || (!read.is_partial && suffix.len() <= SUFFIX_BYTES_MAX);
        if is_fit { Ok(read) } else { Err(LineError::InvalAddress) }
    }

    /// LINE_LINEDEVSTATE with LINEDEVSTATE_TRANSLATECHANGE, for each line from which something is dialled otherwise than
    /// `before`.
    pub(super) fn tell_translate_change(&self, before: &Locations, out: &mut Outbox) {
        let after = &self.setup.translation;
        let cards_changed = before.cards() != after.cards();
        for line in self.lines.iter() {
            if cards_changed || before.of_line(&line.address) != after.of_line(&line.address) {
                self.tell_line_state(&line.address, "translatechange", 0, 0, None, out);
            }
        }
    }

    /// The caller's number in canonical form, as the call's line reads it. A line of the engine has no such form.
    pub(super) fn caller_id(&self, call: &Call) -> Option<CallerId> {
        let given = &call.caller.number;
        if self.lines.get(given).is_some() {
            return None;
        }
        let canonical = self.setup.translation.caller_id(&call.line, given)?;
        Some(CallerId { given: given.clone(), canonical })
    }
}

/// A caller's number twice. Signalling uses it as given; LINECALLINFO shows it canonical.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct CallerId {
    given: String,
    canonical: String,
}

impl Call {
    /// The caller as LINECALLINFO shows him.
    pub(super) fn caller_as_seen(&self) -> PartyView {
        // A transfer may have made somebody else the caller.
        let canonical = self.caller_id.as_ref().filter(|id| id.given == self.caller.number);
        let number = canonical.map_or(&self.caller.number, |id| &id.canonical);
        PartyView { number: number.clone(), ..self.caller.clone() }
    }
}
