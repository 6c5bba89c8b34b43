//! A station that sends its callers elsewhere (RFC 3261 §8.1.3.4): 301 or 302 with a Contact; and `lineRedirect`.
//!
//! A phone is followed as a line forwards its calls (`divert.rs`), a network within what it is allowed (`follow.rs`).

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::message::Uri;

use super::Switch;
use super::call::Call;
use super::call_state::CallState;
use super::call_state::DisconnectMode;
use super::diversion::Why;
use super::error::LineError;
use super::ids::CallId;
use super::leg::LegPhase;
use super::outbox::Outbox;
use super::release::Parting;
use super::report::CallReport;
use super::request::Asker;
use super::setup::LineKind;
use super::status::DEFLECTED;
use super::view::CallReason;

impl Switch {
    /// Keeps where a branch of an attempt sends the caller.
    pub(super) fn note_elsewhere(&mut self, leg: LegId, contacts: Vec<String>) {
        let Some(entry) = self.legs.get(&leg).filter(|entry| entry.phase == LegPhase::Inviting) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&entry.call).filter(|call| call.errand.is_none()) else { return };
        let Some(ring) = call.ring.as_mut().filter(|ring| ring.branches.contains(&leg)) else { return };
        match call.kind {
            LineKind::Phone => {
                let number = contacts.first().and_then(|contact| number(contact));
                ring.elsewhere = ring.elsewhere.take().or(number);
            }
            LineKind::Trunk => ring.contacts = contacts,
            LineKind::Local => {}
        }
    }

    /// Whether the caller can be sent elsewhere instead of being answered here.
    pub(super) fn can_redirect(&self, call: &Call) -> Result<(), LineError> {
        let caller = if call.calls { Some(call) } else { call.peer.and_then(|peer| self.calls.get(&peer)) };
        let may = |caller: &Call| {
            let waits = matches!(caller.state, CallState::Busy(_));
            !waits && !caller.trail.is_full() && caller.max_forwards > 0
        };
        if caller.is_some_and(may) { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    /// `lineRedirect`: the stations that ring are cancelled, and the caller goes elsewhere. What comes in by a trunk goes on
    /// there as a call of its own, with reason REDIRECT: a network is not told to call elsewhere, as few would.
    pub(super) fn redirect_offered(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        to: &str,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let number = self.whole_number(to)?;
        self.check_sent_to(&number)?;
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let (line, is_caller) = (Arc::clone(&call.line), call.calls);
        let caller = if is_caller { id } else { call.peer.ok_or(LineError::OperationUnavail)? };
        if !self.may_divert(caller, &line, &number) {
            return Err(LineError::InvalAddress);
        }
        asker.done(out);
        let far = self.take_far(id);
        let parting = Parting::by_us(DisconnectMode::Forwarded, 480, Some(DEFLECTED));
        let caller = if is_caller {
            if let Some(far) = far {
                self.part(now, far, &parting, out);
            }
            self.go_on(now, id, out)
        } else {
            Some(caller)
        };
        if let Some(caller) = caller.filter(|_| !is_caller) {
            // Where he goes nobody else of the group is wanted.
            self.end_hunt(now, caller, Some(id), out);
        }
        self.over(now, id, CallReport::Cleared, &parting, out);
        if let Some(caller) = caller {
            self.divert(now, caller, &line, &number, Why::Deflected, out);
        }
        Ok(())
    }

    /// Lets the network that called go on in a call of its own.
    fn go_on(&mut self, now: Instant, id: CallId, out: &mut Outbox) -> Option<CallId> {
        let call = self.calls.get(&id)?;
        let (trail, offered) = (call.trail.clone(), call.called.clone());
        let fresh = self.detach_far(now, id, CallReason::Redirect, out)?;
        let call = self.calls.get_mut(&fresh)?;
        call.trail = trail;
        call.called = offered;
        self.count_as_caller(fresh);
        Some(fresh)
    }
}

/// The user part of a Contact's URI.
fn number(contact: &str) -> Option<String> {
    let uri = Uri::parse(contact)?;
    Some(uri.user_unescaped().into_owned()).filter(|user| !user.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_part_of_a_contact_is_the_number() {
        assert_eq!(number("sip:030%23@pbx.example;user=phone").as_deref(), Some("030#"));
        assert_eq!(number("tel:1003;phone-context=pbx.example").as_deref(), Some("1003"));
        assert_eq!(number("sip:pbx.example"), None);
        assert_eq!(number("nonsense"), None);
    }
}
