//! The station of a line: its leg, which several calls of the line may use in turn, and who it is connected with.
//!
//! ```text
//!   call A ──peer── call X ┐
//!                          ├── leg of the phone: speaks for the call that its `Leg::call` names
//!   call B ──peer── call Y ┘
//! ```
//!
//! An application that consults moves the phone's leg from the held call to the consultation call: the phone is asked
//! nothing. What a phone does by itself makes a leg for each of its calls.

use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::outbox::Party;
use trunkline_sip::sdp::SessionDescription;

use super::Switch;
use super::call::{Call, Errand};
use super::call_state::CallState;
use super::ids::CallId;
use super::outbox::Outbox;
use super::release::Parting;
use super::ring::{Invitation, Ring, contact};
use super::setup::LineKind;
use super::timers::Timer;
use super::transfer::is_alerting;
use super::vendor;
use super::view::{CallReason, PartyView};

impl Switch {
    /// The calls of a line that use this leg: the given one first, if it does.
    pub(super) fn users_of(&self, leg: LegId, id: CallId) -> Vec<CallId> {
        let uses = |call: &Call| call.leg == Some(leg);
        let Some(call) = self.calls.get(&id) else { return Vec::new() };
        let itself = uses(call).then_some(id);
        // A network has a leg for each call.
        let line = if call.kind == LineKind::Trunk { None } else { self.lines.of_call(&call.line) };
        let others = line.into_iter().flat_map(|line| line.calls.iter().copied());
        let others = others.filter(|other| *other != id && self.calls.get(other).is_some_and(uses));
        itself.into_iter().chain(others).collect()
    }

    /// Leaves the leg of a call that ends to another call that uses it. Whether there is one.
    pub(super) fn leave_to_other(&mut self, leg: LegId, id: CallId) -> bool {
        let mut users = self.users_of(leg, id);
        users.retain(|user| *user != id);
        let Some(heir) = users.first().copied() else { return false };
        if self.legs.get(&leg).is_some_and(|entry| entry.call == id) {
            self.give_station(leg, heir);
        }
        true
    }

    /// The station speaks for this call from here on.
    pub(super) fn give_station(&mut self, leg: LegId, id: CallId) {
        if let Some(entry) = self.legs.get_mut(&leg) {
            self.dirty.insert(entry.call);
            entry.call = id;
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.leg = Some(leg);
        }
        self.dirty.insert(id);
    }

    /// Calls the own phone of a line for an application; when it answers, the call's errand is run. Only the contact
    /// refreshed last is called: not every microphone of the user is to open. `shown` is what the phone displays.
    pub(super) fn ring_own_phone(&mut self, now: Instant, id: CallId, shown: &PartyView, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let (line, max_forwards) = (call.line.clone(), call.max_forwards);
        let errand_offer = call.errand.as_ref().and_then(|errand| self.waiting_description(errand));
        let bindings = self.location.bindings(&line, now);
        let domain = self.setup.domain.clone();
        let mut groups = std::collections::VecDeque::new();
        if let Some(binding) = bindings.last() {
            let mut own = contact(binding);
            own.headers = vendor::auto_answer(&self.setup.vendors, &binding.user_agent, &domain);
            groups.push_back(vec![own]);
        }
        let invitation = Invitation {
            from: shown.shown(&domain),
            to: Party { user: line.to_string(), host: domain, name: String::new() },
            max_forwards,
            credentials: None,
            headers: Vec::new(),
            offer: errand_offer,
            worker: self.next_sip_worker(),
        };
        self.timers.start(id, Timer::Ring, now + self.setup.ring_max);
        self.ring(now, id, Ring::new(invitation, groups), out);
    }

    /// The own phone answered: what it was called for is done.
    pub(super) fn run_errand(&mut self, now: Instant, id: CallId, errand: Errand, out: &mut Outbox) {
        match errand {
            Errand::Dial(number) => self.dial(now, id, &number, out),
            Errand::Collect => {
                let digits = self.calls.get(&id).and_then(|call| call.digits.clone());
                self.collect(now, id, digits.unwrap_or_default());
            }
            Errand::Join(far) => self.join_waiting(now, id, far, out),
            Errand::Take(offered) => self.take_offered(now, id, offered, out),
            Errand::CallBack(completion, number) => self.call_back(now, id, completion, &number, out),
        }
    }

    /// What the phone is offered: the description of who waits for it, if anybody does.
    fn waiting_description(&self, errand: &Errand) -> Option<Box<SessionDescription>> {
        let waiting = match errand {
            Errand::Dial(_) | Errand::Collect | Errand::CallBack(..) => return None,
            Errand::Join(far) => *far,
            Errand::Take(offered) => self.calls.get(offered)?.peer?,
        };
        let entry = self.legs.get(&self.calls.get(&waiting)?.leg?)?;
        entry.theirs.clone().filter(|_| !(entry.is_up() && entry.is_fax()))
    }

    /// The own phone did not answer: who waits for it is told.
    pub(super) fn drop_errand(&mut self, now: Instant, errand: Errand, out: &mut Outbox) {
        match errand {
            Errand::Dial(_) | Errand::Collect => {}
            Errand::Join(far) => self.unretrieved(now, far, out),
            Errand::Take(offered) => self.untaken(now, offered, out),
            Errand::CallBack(completion, _) => self.recall_over(now, completion, out),
        }
    }

    /// Takes the far party out of a call: the call on the other side, which waits for a new partner. Behind a trunk the far
    /// party is the network, whose leg (or attempt) goes on in a call of its own; who talked with it over the trunk hears a
    /// normal end.
    pub(super) fn detach_far(
        &mut self,
        now: Instant,
        id: CallId,
        reason: CallReason,
        out: &mut Outbox,
    ) -> Option<CallId> {
        let call = self.calls.get_mut(&id)?;
        let peer = call.peer.take();
        self.dirty.insert(id);
        if call.kind != LineKind::Trunk {
            let peer = peer?;
            if let Some(far) = self.calls.get_mut(&peer) {
                far.peer = None;
            }
            self.set_hunt_adrift(id, peer);
            self.dirty.insert(peer);
            self.carry_data(id, peer, out);
            return Some(peer);
        }
        let (leg, ring) = (call.leg.take(), call.ring.take());
        let moved = Call {
            caller: call.caller.clone(),
            called: call.called.clone(),
            connected: call.connected.clone(),
            reason,
            calls: false,
            leg,
            max_forwards: call.max_forwards,
            media_worker: call.media_worker,
            ..Call::new(now, CallId(0), call.line.clone(), call.kind, call.origin, far_state(call.state))
        };
        let other = self.next_call();
        let legs: Vec<_> =
            leg.into_iter().chain(ring.iter().flat_map(|ring| ring.branches.iter().copied())).collect();
        let is_ringing = ring.is_some();
        self.introduce(Call { id: other, ring, ..moved }, None, out);
        for leg in legs {
            if let Some(entry) = self.legs.get_mut(&leg) {
                entry.call = other;
            }
        }
        self.carry_data(id, other, out);
        self.timers.stop(id, Timer::Ring);
        if is_ringing {
            self.timers.start(other, Timer::Ring, now + self.setup.ring_max);
        }
        if let Some(peer) = peer {
            let parting =
                Parting::by_us(super::DisconnectMode::Normal, 480, Some(super::status::NORMAL_CLEARING));
            self.part(now, peer, &parting, out);
        }
        Some(other)
    }

    /// Connects two calls that have no partner: what each hears, what each is shown, and their codecs follow. One of them may
    /// still ring, or wait for its answer.
    pub(super) fn join(&mut self, now: Instant, one: CallId, other: CallId, out: &mut Outbox) {
        if !(self.calls.contains_key(&one) && self.calls.contains_key(&other)) {
            return;
        }
        for (id, peer) in [(one, other), (other, one)] {
            if let Some(call) = self.calls.get_mut(&id) {
                call.peer = Some(peer);
            }
            self.dirty.insert(id);
        }
        [one, other].into_iter().for_each(|id| self.note_state(id, out));
        self.take_hunt(one, other);
        self.take_hunt(other, one);
        self.elect_caller(one, other);
        self.name_each_other(one, other, out);
        for (from, to) in [(one, other), (other, one)] {
            if self.calls.get(&to).is_some_and(|call| call.data.is_empty()) {
                self.carry_data(from, to, out);
            }
        }
        let rings = |id: &CallId| self.calls.get(id).is_some_and(is_alerting);
        if rings(&one) || rings(&other) {
            return;
        }
        self.answer_caller(now, one, Some(other), out);
        self.answer_caller(now, other, Some(one), out);
    }

    /// Of two joined calls exactly one counts as the conversation: the one that does already, else the one that does not ring.
    fn elect_caller(&mut self, one: CallId, other: CallId) {
        let counts = |switch: &Self, id: CallId| {
            switch.calls.get(&id).is_some_and(|call| call.calls && super::line::occupies(call.state))
        };
        let rings = self.calls.get(&one).is_some_and(is_alerting);
        match (counts(self, one), counts(self, other)) {
            (true, true) => self.set_counted(if rings { one } else { other }, false),
            (false, false) => self.set_counted(if rings { other } else { one }, true),
            (true, false) | (false, true) => {}
        }
    }

    /// From here on this side counts as the conversation.
    pub(super) fn count_as_caller(&mut self, id: CallId) {
        if self.calls.get(&id).is_some_and(|call| !call.calls) {
            self.set_counted(id, true);
        }
    }

    fn set_counted(&mut self, id: CallId, counted: bool) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.calls = counted;
        self.conversations =
            if counted { self.conversations + 1 } else { self.conversations.saturating_sub(1) };
    }

    /// Tells both sides whom they are connected with: applications by LINE_CALLINFO, phones by their display.
    pub(super) fn name_each_other(&mut self, one: CallId, other: CallId, out: &mut Outbox) {
        for (id, far) in [(one, other), (other, one)] {
            let Some(far) = self.calls.get(&far) else { continue };
            let party = far.station_party();
            let shown = party.shown(&self.setup.domain);
            let Some(call) = self.calls.get_mut(&id) else { continue };
            if call.connected == party {
                continue;
            }
            call.connected = party;
            let leg = call.leg;
            self.tell_info(id, "connectedid", None, out);
            if let Some(leg) = leg.filter(|leg| self.legs.get(leg).is_some_and(super::leg::Leg::is_up)) {
                out.sip.push(trunkline_sip::outbox::Command::Identify(leg, shown));
            }
        }
    }
}

/// What a network's call is, taken for itself.
const fn far_state(state: CallState) -> CallState {
    match state {
        CallState::Idle
        | CallState::Offering(_)
        | CallState::Accepted
        | CallState::DialTone(_)
        | CallState::Dialing
        | CallState::Ringback
        | CallState::Busy(_)
        | CallState::SpecialInfo(_)
        | CallState::Proceeding
        | CallState::Disconnected(_)
        | CallState::Unknown => state,
        CallState::Connected(_)
        | CallState::OnHold
        | CallState::Conferenced
        | CallState::OnHoldPendConf
        | CallState::OnHoldPendTransfer => CallState::Connected(super::ConnectedMode::Active),
    }
}
