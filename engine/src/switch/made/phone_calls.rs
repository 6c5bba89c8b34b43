//! Which INVITE of a phone is the call that it was asked to make: by line, flow and number.

use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{IncomingCall, Peer};
use trunkline_sip::transport::Flow;

use super::{Made, Place};
use crate::switch::Switch;
use crate::switch::call::Errand;
use crate::switch::ids::CallId;
use crate::switch::timers::Timer;
use crate::switch::view::PartyView;

/// Numbers that have fewer digits are not thought to be changed by a dial plan.
const DIGITS_MIN: usize = 3;

/// A dial plan that leaves out the beginning of a number leaves as much as a subscriber's number has: an extension that is the end of the
/// number is another.
const DIGITS_LEFT_MIN: usize = 6;

/// What a dial plan puts before a number: the digits for a line to the outside, or the country.
const PREFIX_DIGITS_MAX: usize = 4;

/// An INVITE of a phone that was asked to make a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::switch) enum MadeByPhone {
    /// It is this call.
    Wanted(CallId),
    /// Nobody wants it any more.
    Unwanted(CallId),
}

impl Switch {
    /// The call that this INVITE of a phone was asked for. The same number goes before one that the phone may have changed.
    pub(in crate::switch) fn call_of_phone(
        &self,
        now: Instant,
        invite: &IncomingCall,
    ) -> Option<MadeByPhone> {
        let Peer::Line(line) = &invite.peer else { return None };
        let details = invite.details.as_deref();
        // Who takes over or joins a call makes none.
        if details.is_some_and(|details| details.replaces.is_some() || details.join.is_some()) {
            return None;
        }
        let mut found: Option<(u8, CallId, bool)> = None;
        let is_for_help = self.is_call_for_help(invite);
        for (id, made) in self.made.of_line(line) {
            // Whoever needs help may have dialled it himself.
            let is_his_own = is_for_help && (made.is_unwanted || made.number != invite.dialled);
            if is_his_own || !made.is_asked {
                continue;
            }
            let likeness = made.likeness(&invite.dialled);
            // What is wanted goes before what is not, and what the phone has said yes to before what it has not.
            let rank = likeness * 4 + u8::from(!made.is_unwanted) * 2 + u8::from(made.is_taken);
            let is_better = found.is_none_or(|(before, ..)| rank > before);
            if likeness > 0 && is_better && self.is_of_phone(now, &made.place, &invite.flow) {
                found = Some((rank, id, made.is_unwanted));
            }
        }
        let (_, id, is_unwanted) = found?;
        if is_unwanted {
            return Some(MadeByPhone::Unwanted(id));
        }
        let call = self.calls.get(&id).filter(|call| call.is_alive() && call.leg.is_none())?;
        matches!(call.errand, Some(Errand::Dial(_))).then_some(MadeByPhone::Wanted(id))
    }

    /// Whether this phone sent it. Of several at one host each is known by its flow alone.
    fn is_of_phone(&self, now: Instant, (line, key): &Place, flow: &Flow) -> bool {
        let bindings = self.location.bindings(line, now);
        let is_own = |one: &Flow| (one.transport, one.remote) == (flow.transport, flow.remote);
        let mut same = bindings.iter().filter(|binding| is_own(&binding.flow)).peekable();
        if same.peek().is_some() {
            return same.any(|binding| binding.key == *key);
        }
        let mut at_host = bindings.iter().filter(|binding| binding.flow.remote.ip() == flow.remote.ip());
        at_host.next().is_some_and(|binding| binding.key == *key) && at_host.next().is_none()
    }

    /// The phone has called, as it was asked to; the number that is called.
    pub(in crate::switch) fn phone_called(
        &mut self,
        id: CallId,
        leg: LegId,
        invite: &IncomingCall,
        caller: PartyView,
    ) -> String {
        let number = self.made.by_id.get(&id).map(|made| made.number.clone()).unwrap_or_default();
        self.made.remove(id);
        self.timers.stop(id, Timer::Ring);
        self.dirty.insert(id);
        let Some(call) = self.calls.get_mut(&id) else { return number };
        // Both may wish to be hidden: who makes the call, and whose phone it is.
        call.caller = PartyView { is_blocked: caller.is_blocked || call.caller.is_blocked, ..caller };
        (call.leg, call.max_forwards) = (Some(leg), invite.max_forwards.saturating_sub(1));
        if let Some(few) = call.few() {
            few.errand = None;
        }
        let device = invite.details.as_ref().and_then(|details| details.device.as_deref());
        if let Some(device) = device.filter(|_| invite.dialled == number) {
            call.device = Some(device.into());
        }
        number
    }

    /// The phone has called what nobody wants any more, and was refused.
    pub(in crate::switch) fn unwanted_came(&mut self, id: CallId) {
        self.made.remove(id);
    }
}

impl Made {
    /// How much what a phone dialled is like the number that it was asked to call: 2 the same, 1 perhaps changed by its dial plan, 0 another.
    fn likeness(&self, dialled: &str) -> u8 {
        if self.number == dialled || self.dialled.as_deref() == Some(dialled) {
            return 2;
        }
        u8::from(is_changed(&self.number, dialled))
    }
}

/// Whether one number is the other with or without a prefix: what dial plans of phones add or take away.
fn is_changed(asked: &str, dialled: &str) -> bool {
    let [asked, dialled] = [asked, dialled].map(|number| number.trim_start_matches(['+', '0']));
    let is_number =
        |number: &str| number.len() >= DIGITS_MIN && number.bytes().all(|letter| letter.is_ascii_digit());
    let is_shorter = dialled.len() >= DIGITS_LEFT_MIN && asked.ends_with(dialled);
    let is_longer = dialled.len() <= asked.len() + PREFIX_DIGITS_MAX && dialled.ends_with(asked);
    is_number(asked) && is_number(dialled) && (is_shorter || is_longer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_known_with_and_without_a_prefix() {
        for (asked, dialled) in
            [("1002", "01002"), ("1002", "91002"), ("+4930123456", "030123456"), ("030123", "004930123")]
        {
            assert!(is_changed(asked, dialled), "{asked} {dialled}");
        }
        for (asked, dialled) in
            [("1002", "1003"), ("1002", "02"), ("112", "12"), ("bob", "xbob"), ("", "1002")]
        {
            assert!(!is_changed(asked, dialled) && !is_changed(dialled, asked), "{asked} {dialled}");
        }
        // An extension, or a number of another town, that ends as the number does.
        for (asked, dialled) in [("+4930123112", "112"), ("+4930555456", "456"), ("1002", "03015551002")] {
            assert!(!is_changed(asked, dialled), "{asked} {dialled}");
        }
    }
}
