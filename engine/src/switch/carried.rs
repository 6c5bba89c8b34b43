//! What a trusted network says of a call that the next trusted network is told unchanged: Identity (RFC 8224), what stands on
//! bills (RFC 7315), in answers, too; what the network found of the caller's number (`verstat`); and what a call for help takes along, whoever makes it.

use std::sync::Arc;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{CallDetails, Command, IncomingCall, Party};

use super::Switch;
use super::call::Call;
use super::ids::CallId;
use super::outbox::Outbox;
use super::setup::TrunkSetup;

/// What came with a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Carried {
    headers: Vec<(&'static str, String)>,
    /// What goes along with a call for help; of others as `headers`, where the network is trusted.
    for_help: Vec<(&'static str, String)>,
    is_trusted: bool,
    /// The digits of the numbers that an Identity speaks of.
    caller: String,
    called: String,
}

/// Notes with a call what its INVITE brings, most of it only if its trunk is trusted.
pub(super) fn note(call: &mut Call, trunk: Option<&TrunkSetup>, invite: &IncomingCall) {
    let details: Option<&CallDetails> = invite.details.as_deref();
    let Some(details) = details else { return };
    let is_trusted = trunk.is_some_and(|trunk| trunk.is_trusted);
    if let Some(verstat) = details.verstat.as_ref().filter(|_| is_trusted) {
        call.verstat = Some(Arc::from(verstat.as_str()));
    }
    let headers = if is_trusted { details.carried.clone() } else { Vec::new() };
    if !headers.is_empty() || !details.for_help.is_empty() {
        let (caller, called) = (digits(&invite.from.user), digits(&invite.to.user));
        let for_help = details.for_help.clone();
        call.carried = Some(Box::new(Carried { headers, for_help, is_trusted, caller, called }));
    }
}

impl Switch {
    /// The header lines of this caller that a trusted trunk is told. A signature over other numbers than it is told would be
    /// worth nothing, and is left out with the date that it speaks of. A call for help tells any trunk what helps.
    pub(super) fn carried(
        &self,
        caller: Option<CallId>,
        (trunk, is_for_help): (&TrunkSetup, bool),
        from: &Party,
        to: &Party,
    ) -> Vec<(&'static str, String)> {
        let calling = caller.and_then(|caller| self.calls.get(&caller));
        let Some(carried) = calling.and_then(|calling| calling.carried.as_deref()) else { return Vec::new() };
        let Carried { headers, for_help, is_trusted, caller, called } = carried;
        let is_as_signed = *caller == digits(&from.user) && *called == digits(&to.user);
        let passes = |name: &str| trunk.is_trusted && (is_as_signed || !matches!(name, "Identity" | "Date"));
        let helps = is_for_help || trunk.is_trusted && *is_trusted;
        let headers = headers.iter().filter(|(name, _)| passes(name));
        headers.chain(for_help.iter().filter(|_| helps)).cloned().collect()
    }
}

impl Switch {
    /// What a trusted network says for bills as it answers goes into the answer to the network that calls, if that is trusted, too.
    pub(super) fn charged(&mut self, leg: LegId, headers: Vec<(&'static str, String)>, out: &mut Outbox) {
        let is_trusted = |call: &Call| self.trunk(&call.line).is_some_and(|trunk| trunk.is_trusted);
        let Some(call) = self.legs.get(&leg).and_then(|entry| self.calls.get(&entry.call)) else { return };
        let Some(caller) = call.peer.and_then(|peer| self.calls.get(&peer)) else { return };
        if let Some(onward) = caller.leg.filter(|onward| !self.is_up(*onward))
            && is_trusted(call)
            && is_trusted(caller)
        {
            out.sip.push(Command::Enclose(onward, headers));
        }
    }
}

/// The digits of a number, without what only helps the eye and without parameters (RFC 8224 §8.3); a name as it is.
fn digits(user: &str) -> String {
    let number = user.split(';').next().unwrap_or_default();
    let is_number = number.chars().all(|letter| letter.is_ascii_digit() || "+-.() ".contains(letter));
    match is_number {
        true => number.chars().filter(char::is_ascii_digit).collect(),
        false => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_its_digits() {
        assert_eq!(digits("+49(30)123-456;verstat=TN-Validation-Passed"), "4930123456");
        assert_eq!((digits("alice"), digits("bob1;x=1")), ("alice".to_owned(), "bob1".to_owned()));
    }
}
