//! `lineSecureCall`: nothing interrupts the call, for as long as it lasts.
//!
//! - No further call is offered to a station with a secured call: who calls it finds it busy.
//! - Nobody breaks in: no intrusion, no pickup, no Join or Replaces.
//! - A trunk has many channels: there it protects the call alone.

use super::Switch;
use super::call::Call;
use super::error::LineError;
use super::ids::CallId;
use super::line::occupies;
use super::outbox::Outbox;
use super::request::Asker;
use super::setup::LineKind;

impl Switch {
    #[expect(clippy::unused_self, reason = "as its siblings")]
    pub(super) const fn can_secure_call(&self, _call: &Call) -> Result<(), LineError> {
        Ok(())
    }

    /// `lineSecureCall`. Once more does no harm.
    pub(super) fn secure_call(
        &mut self,
        asker: Asker,
        id: CallId,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let call = self.calls.get_mut(&id).ok_or(LineError::InvalCallHandle)?;
        call.is_secure = true;
        asker.done(out);
        Ok(())
    }

    /// Whether a station is not to be disturbed, because one of its calls is secured.
    pub(super) fn is_secured(&self, address: &str) -> bool {
        let Some(line) = self.lines.get(address).filter(|line| line.kind != LineKind::Trunk) else {
            return false;
        };
        let mut calls = line.calls.iter().filter_map(|id| self.calls.get(id));
        calls.any(|call| call.is_secure && occupies(call.state))
    }
}
