//! ITForwardInformation: where calls of an address go instead.

use std::sync::Arc;

use super::error::Error;
use crate::switch::{ForwardEntry, ForwardMode};

/// The instructions of one address, to be given to [`Address::forward`](super::Address::forward).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ForwardInformation {
    entries: Vec<ForwardEntry>,
    rings: Option<u32>,
}

impl ForwardInformation {
    /// No instruction.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn current(entries: Vec<ForwardEntry>, rings: u32) -> Self {
        Self { entries, rings: Some(rings) }
    }

    pub(super) fn into_parts(self) -> (Vec<ForwardEntry>, Option<u32>) {
        (self.entries, self.rings)
    }

    /// `SetForwardType`: sends calls of this mode to `destination`; `caller` is for the specific modes. It replaces an
    /// instruction of the same mode and caller.
    ///
    /// # Errors
    /// [`Error::InvalidArg`] for a specific mode without a caller, another with one, or an empty destination.
    pub fn set_forward_type(
        &mut self,
        mode: ForwardMode,
        destination: &str,
        caller: Option<&str>,
    ) -> Result<(), Error> {
        if destination.is_empty() || is_specific(mode) != caller.is_some_and(|caller| !caller.is_empty()) {
            return Err(Error::InvalidArg);
        }
        self.entries.retain(|entry| entry.mode != mode || entry.caller.as_deref() != caller);
        let (caller, destination) = (caller.map(Arc::from), Some(destination.into()));
        self.entries.push(ForwardEntry { mode, caller, destination });
        Ok(())
    }

    /// `get_ForwardTypeDestination`: where calls of this mode go.
    pub fn forward_type_destination(&self, mode: ForwardMode) -> Option<&str> {
        self.entry(mode)?.destination.as_deref()
    }

    /// `get_ForwardTypeCaller`: whose calls of this mode go there.
    pub fn forward_type_caller(&self, mode: ForwardMode) -> Option<&str> {
        self.entry(mode)?.caller.as_deref()
    }

    /// `GetForwardType`: destination and caller of this mode; no destination: do not disturb.
    pub fn forward_type(&self, mode: ForwardMode) -> Option<(Option<&str>, Option<&str>)> {
        self.entry(mode).map(|entry| (entry.destination.as_deref(), entry.caller.as_deref()))
    }

    /// `put_NumRingsNoAnswer`: what passes before a call counts as not answered.
    pub fn put_num_rings_no_answer(&mut self, rings: u32) {
        self.rings = Some(rings);
    }

    /// `get_NumRingsNoAnswer`: `None` where the default applies.
    pub fn num_rings_no_answer(&self) -> Option<u32> {
        self.rings
    }

    /// `Clear`: no instruction is left.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn entry(&self, mode: ForwardMode) -> Option<&ForwardEntry> {
        self.entries.iter().find(|entry| entry.mode == mode)
    }
}

const fn is_specific(mode: ForwardMode) -> bool {
    matches!(
        mode,
        ForwardMode::UncondSpecific
            | ForwardMode::BusySpecific
            | ForwardMode::NoAnswSpecific
            | ForwardMode::BusyNaSpecific
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_replaces_that_of_its_mode_and_caller() {
        let mut information = ForwardInformation::new();
        information.set_forward_type(ForwardMode::Busy, "1003", None).unwrap();
        information.set_forward_type(ForwardMode::Busy, "1004", None).unwrap();
        information.set_forward_type(ForwardMode::BusySpecific, "1005", Some("1009")).unwrap();
        assert_eq!(information.forward_type_destination(ForwardMode::Busy), Some("1004"));
        assert_eq!(information.forward_type(ForwardMode::BusySpecific), Some((Some("1005"), Some("1009"))));
        assert_eq!(information.forward_type_caller(ForwardMode::Busy), None);
        information.put_num_rings_no_answer(4);
        assert_eq!(information.num_rings_no_answer(), Some(4));
        information.clear();
        assert_eq!(information, ForwardInformation::new());
    }

    #[test]
    fn a_caller_belongs_to_the_specific_modes_alone() {
        let mut information = ForwardInformation::new();
        for (mode, destination, caller) in [
            (ForwardMode::BusySpecific, "1003", None),
            (ForwardMode::BusySpecific, "1003", Some("")),
            (ForwardMode::Busy, "1003", Some("1009")),
            (ForwardMode::Busy, "", None),
        ] {
            assert_eq!(information.set_forward_type(mode, destination, caller), Err(Error::InvalidArg));
        }
        assert_eq!(information, ForwardInformation::new());
    }
}
