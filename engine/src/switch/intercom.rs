//! Intercom: a call to one line by a feature code, whose phone is asked to answer by itself.
//!
//! - Only a line may be called so, and only its phone, with its own volume: not a group, nor a number behind a trunk.
//! - Nobody is disturbed who talks, whose phone rings, or who said that he does not want to be; the call goes nowhere else for him.
//! - Who hides opens nobody's microphone.
//! - A phone that does not obey rings, and the call is one as any other from there on.

use std::time::Instant;

use super::Switch;
use super::call::Call;
use super::caller::ANONYMITY_DISALLOWED;
use super::forward::Condition;
use super::ids::CallId;
use super::leg::Leg;
use super::outbox::Outbox;
use super::route::{Destination, Source, resolve};
use super::setup::LineKind;
use super::view::PartyView;

impl Switch {
    /// Whether who has this line would be disturbed: he has a call, or his phone is on one that counts no more, as that of who hears busy or
    /// waits for a line that is.
    pub(super) fn is_on_a_call(&self, address: &str) -> bool {
        let Some(line) = self.lines.get(address) else { return true };
        let mut legs = line.calls.iter().filter_map(|id| self.calls.get(id)).flat_map(Call::legs);
        self.is_line_busy(address)
            || line.occupied > 0
            || legs.any(|leg| self.legs.get(&leg).is_some_and(Leg::is_up))
    }

    /// Calls the line of this number for a caller.
    ///
    /// # Errors
    /// The status of the refusal: 403 where no phone is called so, 433 for who hides, 480 for who does not want to be
    /// disturbed, 486 for who has a call; those of routes.
    pub(super) fn intercom(
        &mut self,
        now: Instant,
        id: CallId,
        number: &str,
        out: &mut Outbox,
    ) -> Result<(), u16> {
        let found = resolve(&self.setup.routes, &self.lines, Source::Line, number)?;
        let Destination::Line(address) = &found else { return Err(403) };
        let is_own = self.calls.get(&id).is_none_or(|call| call.line == *address);
        let setup = self.setup.lines.iter().find(|line| line.address == *address);
        let setup = setup.filter(|line| line.kind == LineKind::Phone && line.intercom && !is_own);
        let called = PartyView::new(address.to_string(), setup.ok_or(403_u16)?.name.clone());
        if self.calls.get(&id).is_some_and(|call| call.caller.is_blocked) {
            return Err(ANONYMITY_DISALLOWED);
        }
        let address = address.clone();
        // Also for who is not let in: what he completes later is this call.
        if let Some(calling) = self.calls.get_mut(&id) {
            calling.called = called;
            calling.reached = Some(found);
            calling.completable = None;
        }
        let address = &address;
        if self.forward_entry(id, address, Condition::Always).is_some() {
            return Err(480);
        }
        if self.is_on_a_call(address) {
            return Err(486);
        }
        if let Some(calling) = self.calls.get_mut(&id) {
            calling.dest_off_hook = true;
        }
        self.tell_info(id, "calledid", None, out);
        self.call_line(now, id, address, out);
        Ok(())
    }
}
