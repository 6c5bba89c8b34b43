//! Who calls: what is proven of him, and whether he wants to be known (RFC 3323, RFC 3325).
//!
//! A party takes the wish along wherever it goes, so that who is forwarded, transferred, parked or picked up stays as hidden as he
//! was when he called. Applications, lamps and phones are told of parties by [`PartyView`] alone.

use trunkline_sip::outbox::{IncomingCall, Party};

use super::Switch;
use super::ids::CallId;
use super::view::{CallReason, PartyView};

/// Anonymity Disallowed (RFC 5079).
pub(super) const ANONYMITY_DISALLOWED: u16 = 433;

impl PartyView {
    /// Who calls from a network: whom its trunk vouches for, else From.
    pub(super) fn of_network(invite: &IncomingCall) -> Self {
        let asserted = invite.details.as_deref().and_then(|details| details.asserted.as_ref());
        let is_blocked = is_hidden(invite) || asserted.is_some_and(Party::is_anonymous);
        let known = |party: &&Party| !party.is_anonymous();
        let (asserted, from) = (asserted.filter(known), Some(&invite.from).filter(known));
        let number = asserted.or(from).map(|party| number_of(&party.user).to_owned()).unwrap_or_default();
        let names = asserted.into_iter().chain(from).map(|party| &party.name);
        let name = names.into_iter().find(|name| !name.is_empty()).cloned().unwrap_or_default();
        Self { number, name, is_blocked }
    }

    /// Who calls from a line: the line itself, by the name that its phone says or else its own, whatever the phone asserts.
    pub(super) fn of_line(address: &str, name: String, invite: &IncomingCall) -> Self {
        let is_named = !invite.from.name.is_empty() && !invite.from.is_anonymous();
        let name = if is_named { invite.from.name.clone() } else { name };
        Self { number: address.to_owned(), name, is_blocked: is_hidden(invite) }
    }

    /// The party as phones and their lamps are shown it, at the engine's own domain.
    pub(super) fn shown(&self, domain: &str) -> Party {
        if self.is_blocked {
            return Party::anonymous();
        }
        Party { user: self.number.clone(), host: domain.to_owned(), name: self.name.clone() }
    }

    /// Whether there is anybody, known or hidden.
    pub(super) const fn is_somebody(&self) -> bool {
        !self.number.is_empty() || self.is_blocked
    }
}

/// A number without its parameters (RFC 3966 §3).
fn number_of(user: &str) -> &str {
    user.split(';').next().unwrap_or_default()
}

/// Whether a caller wants to be hidden.
fn is_hidden(invite: &IncomingCall) -> bool {
    invite.from.is_anonymous() || invite.details.as_deref().is_some_and(|details| details.is_private)
}

impl Switch {
    /// Whether a line does not take this caller because he hides (RFC 5079). One whom the line itself sent away comes back.
    pub(super) fn refuses_hidden(&self, caller: CallId, address: &str) -> bool {
        let Some(calling) = self.calls.get(&caller) else { return false };
        let comes_back = matches!(calling.sent_by, Some((_, CallReason::Reminder)));
        let of_line = self.setup.lines.iter().find(|line| *line.address == *address);
        calling.station_party().is_blocked && !comes_back && of_line.is_some_and(|line| line.refuses_hidden)
    }
}
