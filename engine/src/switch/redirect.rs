//! A phone that sends its callers elsewhere (RFC 3261 §8.1.3.4): 301 or 302 with a Contact.
//!
//! The switch follows it as it forwards a call (`divert.rs`). Only phones are followed; a network that redirects has
//! failed.

use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::message::NameAddr;

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::CallId;
use super::outbox::Outbox;
use super::request::Asker;
use super::setup::LineKind;

impl Switch {
    /// Keeps where a branch of an attempt sends the caller.
    pub(super) fn note_elsewhere(&mut self, leg: LegId, contacts: &[String]) {
        let Some(entry) = self.legs.get(&leg) else { return };
        let Some(call) = self.calls.get_mut(&entry.call) else { return };
        if call.kind != LineKind::Phone || call.errand.is_some() {
            return;
        }
        let number = contacts.first().and_then(|contact| number(contact));
        if let Some(ring) = call.ring.as_mut().filter(|ring| ring.branches.contains(&leg)) {
            ring.elsewhere = ring.elsewhere.take().or(number);
        }
    }

    pub(super) fn can_redirect(&self, _call: &Call) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }

    /// `lineRedirect`.
    pub(super) fn redirect_offered(
        &mut self,
        _now: Instant,
        _asker: Asker,
        _id: CallId,
        _to: &str,
        _out: &mut Outbox,
    ) -> Result<(), LineError> {
        Err(LineError::OperationUnavail)
    }
}

/// The user part of a Contact.
fn number(contact: &str) -> Option<String> {
    let uri = NameAddr::parse(contact)?.parsed_uri()?;
    Some(uri.user_unescaped().into_owned()).filter(|user| !user.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_part_of_a_contact_is_the_number() {
        assert_eq!(number("<sip:030%23@pbx.example;user=phone>;q=1").as_deref(), Some("030#"));
        assert_eq!(number("sip:1003@pbx.example").as_deref(), Some("1003"));
        assert_eq!(number("<sip:pbx.example>"), None);
        assert_eq!(number("nonsense"), None);
    }
}
