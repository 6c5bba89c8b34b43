//! What a trusted network says of a call that the next trusted network is told unchanged: Identity (RFC 8224), P-Charging-Vector
//! (RFC 7315); and what the network found of the caller's number (`verstat`).

use std::sync::Arc;

use trunkline_sip::outbox::{CallDetails, IncomingCall, Party};

use super::Switch;
use super::call::Call;
use super::ids::CallId;
use super::setup::TrunkSetup;

/// What came with a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Carried {
    headers: Vec<(&'static str, String)>,
    /// The digits of the numbers that an Identity speaks of.
    caller: String,
    called: String,
}

/// Notes with a call what its INVITE brings, if its trunk is trusted.
pub(super) fn note(call: &mut Call, trunk: Option<&TrunkSetup>, invite: &IncomingCall) {
    let details: Option<&CallDetails> = invite.details.as_deref();
    let Some(details) = details.filter(|_| trunk.is_some_and(|trunk| trunk.is_trusted)) else { return };
    if let Some(verstat) = &details.verstat {
        call.verstat = Some(Arc::from(verstat.as_str()));
    }
    if !details.carried.is_empty() {
        let (caller, called) = (digits(&invite.from.user), digits(&invite.to.user));
        call.carried = Some(Box::new(Carried { headers: details.carried.clone(), caller, called }));
    }
}

impl Switch {
    /// The header lines of this caller that a trusted trunk is told. A signature over other numbers than it is told would be
    /// worth nothing, and is left out with the date that it speaks of.
    pub(super) fn carried(
        &self,
        caller: Option<CallId>,
        trunk: &TrunkSetup,
        from: &Party,
        to: &Party,
    ) -> Vec<(&'static str, String)> {
        let calling = caller.and_then(|caller| self.calls.get(&caller));
        let carried = calling.and_then(|calling| calling.carried.as_deref()).filter(|_| trunk.is_trusted);
        let Some(Carried { headers, caller, called }) = carried else { return Vec::new() };
        let is_as_signed = *caller == digits(&from.user) && *called == digits(&to.user);
        let passes = |name: &str| is_as_signed || !matches!(name, "Identity" | "Date");
        headers.iter().filter(|(name, _)| passes(name)).cloned().collect()
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
