//! Captures of media: the packets of calls of lines of which the configuration says so, at both ends.
//!
//! A capture is a tap as a recording is, and follows the station in the same way; who drives the switch keeps the packets.

use trunkline_media::{CaptureId, TapId};

use super::Switch;
use super::call::Call;
use super::ids::CallId;
use super::outbox::Outbox;

impl Switch {
    /// Draws what follows for captures from what became of a call.
    pub(super) fn settle_capture(&mut self, id: CallId, out: &mut Outbox) {
        if !self.lines.are_any_captured() && self.taps.is_empty() {
            return;
        }
        let tap = TapId::Capture(CaptureId(id.0));
        let Some(call) = self.calls.get(&id) else { return };
        let is_wanted = call.is_alive() && self.is_captured(call);
        match (is_wanted, self.taps.get(tap).is_some()) {
            (true, false) if self.tapped_leg(call).is_some() => self.open_tap(tap, id, false, false, out),
            (false, true) => {
                self.close_tap(tap, out);
            }
            (true, _) | (false, false) => {}
        }
    }

    /// Whether its line, or that at its other end, is captured.
    fn is_captured(&self, call: &Call) -> bool {
        let peer = call.peer.and_then(|peer| self.calls.get(&peer));
        let mut ends = [Some(call), peer].into_iter().flatten();
        ends.any(|call| self.lines.of_call(&call.line).is_some_and(|line| line.is_captured))
    }
}
