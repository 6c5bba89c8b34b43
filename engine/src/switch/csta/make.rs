//! `lineMakeCall` by a phone that is told by CSTA.
//!
//! ```text
//!  lineMakeCall ──▶ MakeCall ──▶ the phone's own INVITE ──▶ the call of the operation goes on as one of the phone's
//!                       └ CSTAErrorCode, 2 s ──▶ the phone is called, as one without CSTA
//! ```
//!
//! A phone that may still call when nobody wants it (the application has dropped the call, or the phone was called in the meantime) is
//! remembered for [`UNWANTED`]: it is told to leave the call as soon as it has named it, and its INVITE is refused.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::LegId;
use trunkline_sip::outbox::{IncomingCall, Peer};
use trunkline_sip::package::csta::{CallChange, CallEvent, Connection, Service};
use trunkline_sip::transport::Flow;

use super::session::Job;
use super::{CstaUse, Place};
use crate::switch::Switch;
use crate::switch::call::{Call, Errand};
use crate::switch::call_state::DisconnectMode;
use crate::switch::ids::CallId;
use crate::switch::outbox::Outbox;
use crate::switch::release::Parting;
use crate::switch::report::CallReport;
use crate::switch::status::Failure;
use crate::switch::timers::Timer;
use crate::switch::view::PartyView;

/// How long a phone that took MakeCall may take to call.
pub(in crate::switch) const CALLING: Duration = Duration::from_secs(20);

/// How long a call that nobody wants any more is refused to the phone that was asked to make it.
const UNWANTED: Duration = Duration::from_secs(20);

/// Calls that phones are asked to make at a time. Further ones are made as without CSTA.
const MADE_MAX: usize = 10_000;

/// Numbers that have fewer digits are not thought to be changed by a dial plan.
const DIGITS_MIN: usize = 3;

/// A dial plan that leaves out the beginning of a number leaves as much as a subscriber's number has: an extension that is the end of the
/// number is another.
const DIGITS_LEFT_MIN: usize = 6;

/// What a dial plan puts before a number: the digits for a line to the outside, or the country.
const PREFIX_DIGITS_MAX: usize = 4;

/// A call that a phone was asked to make.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Made {
    place: Place,
    number: String,
    /// What the phone says that it has dialled for it.
    dialled: Option<String>,
    /// The phone's name of it, once it has said so.
    connection: Option<Connection>,
    /// Whether the phone was asked already: it makes none before.
    is_asked: bool,
    /// Whether nobody wants it any more.
    is_unwanted: bool,
}

/// Calls that phones were asked to make, until they do.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct MadeCalls {
    by_id: BTreeMap<CallId, Made>,
    by_line: BTreeSet<(Arc<str>, CallId)>,
    /// Those that nobody wants, the first to forget first.
    unwanted: VecDeque<(Instant, CallId)>,
}

impl MadeCalls {
    fn insert(&mut self, id: CallId, made: Made) {
        self.by_line.insert((Arc::clone(&made.place.0), id));
        self.by_id.insert(id, made);
    }

    /// It is made, or will not be.
    pub(super) fn remove(&mut self, id: CallId) {
        if let Some(made) = self.by_id.remove(&id) {
            self.by_line.remove(&(made.place.0, id));
        }
    }

    /// The phone is asked for it.
    pub(super) fn ask(&mut self, id: CallId) {
        if let Some(made) = self.by_id.get_mut(&id) {
            made.is_asked = true;
        }
    }

    /// Whether the phone is still to make it.
    pub(super) fn is_wanted(&self, id: CallId) -> bool {
        self.by_id.get(&id).is_some_and(|made| !made.is_unwanted)
    }

    /// Nobody wants it any more; whether somebody did until now.
    fn leave(&mut self, now: Instant, id: CallId) -> bool {
        let Some(made) = self.by_id.get_mut(&id).filter(|made| !made.is_unwanted) else { return false };
        made.is_unwanted = true;
        self.unwanted.push_back((now + UNWANTED, id));
        true
    }

    /// When one is to be forgotten.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.unwanted.front().map(|(at, _)| *at)
    }

    /// Forgets those that were not made for long.
    pub(super) fn forget(&mut self, now: Instant) {
        while let Some((_, id)) = self.unwanted.pop_front_if(|(at, _)| *at <= now) {
            self.remove(id);
        }
    }

    fn of_line(&self, line: &Arc<str>) -> impl Iterator<Item = (CallId, &Made)> {
        let from = (Arc::clone(line), CallId(0));
        let ids = self.by_line.range(from..).take_while(move |(of, _)| of == line);
        ids.filter_map(|(_, id)| self.by_id.get(id).map(|made| (*id, made)))
    }
}

/// An INVITE of a phone that was asked to make a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::switch) enum MadeByPhone {
    /// It is this call.
    Wanted(CallId),
    /// Nobody wants it any more.
    Unwanted(CallId),
}

/// What is asked of the phone.
impl Switch {
    /// Has the phone of a line that was heard of last make the call; `false`: it cannot be asked.
    pub(in crate::switch) fn make_by_phone(
        &mut self,
        now: Instant,
        id: CallId,
        number: &str,
        out: &mut Outbox,
    ) -> bool {
        let Some(line) = self.calls.get(&id).map(|call| Arc::clone(&call.line)) else { return false };
        let Some(binding) = self.location.bindings(&line, now).pop() else { return false };
        let place = (Arc::clone(&line), Arc::clone(&binding.key));
        if !self.is_told(&place, CstaUse::MakeCall) || self.csta.made.by_id.len() >= MADE_MAX {
            return false;
        }
        let service = Service::MakeCall(self.device(&line), self.device(number));
        let (number, place) = (number.to_owned(), place);
        let made = Made {
            place: place.clone(),
            number,
            dialled: None,
            connection: None,
            is_asked: false,
            is_unwanted: false,
        };
        self.csta.made.insert(id, made);
        self.timers.start(id, Timer::Ring, now + self.setup.ring_max);
        let is_asked = self.serve_by_phone(now, &place, service, Job::Make(id), out);
        if !is_asked {
            self.csta.made.remove(id);
        }
        is_asked
    }

    /// The phone has taken MakeCall.
    pub(super) fn phone_makes(
        &mut self,
        now: Instant,
        id: CallId,
        connection: Option<Connection>,
        out: &mut Outbox,
    ) {
        let Some(made) = self.csta.made.by_id.get_mut(&id) else { return };
        made.connection = connection.or_else(|| made.connection.take());
        if made.is_unwanted {
            self.clear_made(now, id, out);
        } else {
            self.timers.start(id, Timer::Ring, now + CALLING);
        }
    }

    /// The phone has refused MakeCall, or takes too long: it is called, as others are.
    pub(in crate::switch) fn phone_does_not_make(
        &mut self,
        now: Instant,
        id: CallId,
        may_come: bool,
        out: &mut Outbox,
    ) {
        let is_wanted = self.csta.made.is_wanted(id);
        if may_come {
            self.csta.made.leave(now, id);
        } else {
            self.csta.made.remove(id);
        }
        let waits = |call: &&Call| call.is_alive() && call.leg.is_none() && call.ring.is_none();
        let shown = self.calls.get(&id).filter(waits).map(|call| call.called.clone());
        if let (Some(shown), true) = (shown, is_wanted) {
            self.ring_own_phone(now, id, &shown, out);
        }
    }

    /// A call that a phone was asked to make is over before the phone has called: it is to leave it.
    pub(in crate::switch) fn settle_made(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let is_alive = self.calls.get(&id).is_some_and(Call::is_alive);
        let Some(made) = self.csta.made.by_id.get(&id).filter(|made| !is_alive && !made.is_unwanted) else {
            return;
        };
        let place = made.place.clone();
        // It was not asked yet.
        if self.csta.session(&place).is_some_and(|session| session.withdraw(Job::Make(id))) {
            return self.csta.made.remove(id);
        }
        self.csta.made.leave(now, id);
        self.clear_made(now, id, out);
    }

    /// Has the phone leave a call, once it has said what it calls it.
    fn clear_made(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(made) = self.csta.made.by_id.get(&id) else { return };
        if let (place, Some(connection)) = (made.place.clone(), made.connection.clone()) {
            self.serve_by_phone(now, &place, Service::ClearConnection(connection), Job::Clear(id), out);
        }
    }

    /// The phone tells what becomes of a call that it was asked to make.
    pub(super) fn made_call_changed(
        &mut self,
        now: Instant,
        place: &Place,
        event: &CallEvent,
        out: &mut Outbox,
    ) {
        let is_it = |(_, made): &(CallId, &Made)| {
            let known = made.connection.as_ref();
            made.place == *place && known.is_some_and(|known| known.call == event.connection.call)
        };
        let Some((id, made)) = self.csta.made.of_line(&place.0).find(is_it) else { return };
        match event.change {
            CallChange::Cleared | CallChange::Failed => {
                let is_wanted = !made.is_unwanted;
                self.csta.made.remove(id);
                if is_wanted {
                    let parting = Parting::because(&Failure::local(480));
                    self.over(now, id, CallReport::Disconnected(DisconnectMode::Unavail), &parting, out);
                }
            }
            CallChange::Begun if !event.called.is_empty() => {
                if let Some(made) = self.csta.made.by_id.get_mut(&id) {
                    made.dialled = Some(event.called.clone());
                }
            }
            CallChange::Begun
            | CallChange::Delivered
            | CallChange::Established
            | CallChange::Held
            | CallChange::Retrieved => {}
        }
    }
}

/// The phone's own INVITE.
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
        for (id, made) in self.csta.made.of_line(line) {
            // Whoever needs help may have dialled it himself.
            let is_his_own = is_for_help && (made.is_unwanted || made.number != invite.dialled);
            if is_his_own || !made.is_asked {
                continue;
            }
            let likeness = made.likeness(&invite.dialled);
            // What is wanted goes before what is not.
            let likeness = likeness * 2 - u8::from(made.is_unwanted && likeness > 0);
            let is_better = found.is_none_or(|(before, ..)| likeness > before);
            if likeness > 0 && is_better && self.is_of_phone(now, &made.place, &invite.flow) {
                found = Some((likeness, id, made.is_unwanted));
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
        let number = self.csta.made.by_id.get(&id).map(|made| made.number.clone()).unwrap_or_default();
        self.csta.made.remove(id);
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
        self.csta.made.remove(id);
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
