//! Ring groups: a call to the address of a group is offered to its members, all at once or one after the other.
//!
//! ```text
//!   caller A ──peer── F at 1001  OFFERING     F answers     A ──peer── F  CONNECTED
//!         ▲──peer──── G at 1002  OFFERING                   G  DISCONNECTED (PICKUP), its phones are cancelled as completed elsewhere
//! ```
//!
//! - A group is no line, so nobody opens it: each member's line has a call of its own, REDIRECT by the group, and who opens that line
//!   sees and answers it as any other. A, who calls, is told one thing: that it rings, and who answered.
//! - A's partner is one of those that ring, the next one when that is over.
//! - Who is busy, does not want to be disturbed, sends all calls elsewhere, or has no phone is passed over; the forwarding of a member
//!   is not followed otherwise, for somebody else may answer. Nobody is offered his own call, or one that his line sent here.
//! - A caller whom nobody answers goes where the group says, as if the group were a line that forwards.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, DialogPhase, DialogState, Party};

use super::Switch;
use super::call_state::{CallState, DisconnectMode, OfferingMode};
use super::diversion::Why;
use super::forward::Condition;
use super::ids::CallId;
use super::leg::LegPhase;
use super::outbox::Outbox;
use super::park::elsewhere;
use super::privilege::CallPrivilege;
use super::release::Parting;
use super::report::CallReport;
use super::ring::groups;
use super::session;
use super::setup::{GroupSetup, GroupStrategy, LineKind};
use super::status::Failure;
use super::timers::Timer;
use super::view::{CallReason, PartyView};
use super::watch::DIALOGS_MAX;

/// All callers for whom groups ring.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Hunts {
    by_caller: BTreeMap<CallId, Hunt>,
    /// The member of each group that the next call in turn begins with.
    turns: BTreeMap<Arc<str>, usize>,
}

/// One caller's way through a group.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Hunt {
    group: Arc<GroupSetup>,
    /// Members that were not called yet.
    waiting: VecDeque<usize>,
    /// The calls of those that ring.
    ringing: Vec<CallId>,
    /// Whether anybody was busy.
    is_busy: bool,
    /// Whether anybody was called and did not answer; who could not be reached was not there.
    is_unanswered: bool,
    ends: Instant,
}

impl Hunts {
    /// Whether this call is offered to a member of a group, for this caller.
    pub(super) fn offers(&self, caller: CallId, id: CallId) -> bool {
        self.by_caller.get(&caller).is_some_and(|hunt| hunt.ringing.contains(&id))
    }

    /// The callers of a group.
    fn callers(&self, group: &str) -> impl Iterator<Item = CallId> {
        let of_group = self.by_caller.iter().filter(move |(_, hunt)| *hunt.group.address == *group);
        of_group.map(|(caller, _)| *caller)
    }

    /// The calls that ring together with `lead`, who has the place of their caller; itself where it rings for no group.
    pub(super) fn together(&self, lead: CallId) -> Vec<CallId> {
        let hunt = self.by_caller.get(&lead).filter(|hunt| hunt.ringing.contains(&lead));
        hunt.map_or_else(|| vec![lead], |hunt| hunt.ringing.clone())
    }

    /// How many callers.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_caller.len()
    }

    /// The members of a group in the order in which they are called.
    fn order(&self, group: &GroupSetup) -> VecDeque<usize> {
        let count = group.members.len();
        let first = match group.strategy {
            GroupStrategy::All | GroupStrategy::InOrder => 0,
            GroupStrategy::RoundRobin => self.turns.get(&group.address).map_or(0, |turn| turn % count.max(1)),
        };
        (first..count).chain(0..first).collect()
    }
}

impl Switch {
    /// Calls a group for this caller.
    pub(super) fn call_group(&mut self, now: Instant, caller: CallId, address: &str, out: &mut Outbox) {
        let Some(group) = self.lines.group(address).map(Arc::clone) else { return };
        self.end_hunt(now, caller, None, out);
        self.report(now, caller, CallReport::Dialed, out);
        let ends = now + group.timeout.min(self.ring_time(caller));
        self.timers.start(caller, Timer::Hunt, ends);
        let callers = self.hunts.callers(address).take(group.callers_max as usize).count();
        let is_busy = callers >= group.callers_max as usize;
        let waiting = if is_busy { VecDeque::new() } else { self.hunts.order(&group) };
        self.watches.touch(address);
        let hunt = Hunt { group, waiting, ringing: Vec::new(), is_busy, is_unanswered: false, ends };
        self.hunts.by_caller.insert(caller, hunt);
        self.hunt_on(now, caller, out);
    }

    /// Calls whose turn it is; when nobody rings and nobody is left, the caller goes elsewhere.
    fn hunt_on(&mut self, now: Instant, caller: CallId, out: &mut Outbox) {
        loop {
            let Some(hunt) = self.hunts.by_caller.get_mut(&caller) else { return };
            let is_rung = hunt.group.strategy != GroupStrategy::All && !hunt.ringing.is_empty();
            let next = if is_rung { None } else { hunt.waiting.pop_front() };
            let Some(member) = next else { break };
            let group = Arc::clone(&hunt.group);
            if let Some(line) = group.members.get(member)
                && self.offer_member(now, caller, &group, line, out)
                && group.strategy == GroupStrategy::RoundRobin
            {
                self.hunts.turns.insert(Arc::clone(&group.address), member + 1);
            }
        }
        if self.hunts.by_caller.get(&caller).is_some_and(|hunt| hunt.ringing.is_empty()) {
            self.hunt_failed(now, caller, out);
        }
    }

    /// Offers the call to a member. Whether it could be.
    fn offer_member(
        &mut self,
        now: Instant,
        caller: CallId,
        group: &GroupSetup,
        address: &Arc<str>,
        out: &mut Outbox,
    ) -> bool {
        let Some(calling) = self.calls.get(&caller) else { return false };
        let is_himself = calling.kind != LineKind::Trunk && calling.line == *address;
        let Some(line) = self.lines.get(address).filter(|_| !is_himself && !calling.trail.has(address))
        else {
            return false;
        };
        let (kind, name) = (line.kind, line.name.clone());
        let owned = line.watchers.iter().any(|(_, privilege)| *privilege == CallPrivilege::Owner);
        if self.refuses_hidden(caller, address)
            || self.forward_entry(caller, address, Condition::Always).is_some()
        {
            return false;
        }
        if self.is_line_busy(address) {
            self.note_busy(caller);
            return false;
        }
        let contacts = groups(&self.location.lookup(address, now));
        if (kind == LineKind::Local && !owned) || (kind == LineKind::Phone && contacts.is_empty()) {
            return false;
        }
        let lead = self.calls.get(&caller).and_then(|call| call.peer);
        let offering = CallState::Offering(OfferingMode::Active);
        let member = PartyView::new(address.to_string(), name);
        let Some(id) = self.called_side(now, caller, address, kind, offering, member.clone(), out) else {
            return false;
        };
        if let Some(call) = self.calls.get_mut(&id) {
            call.reason = CallReason::Redirect;
            call.redirecting = PartyView::new(group.address.to_string(), group.name.clone());
            call.redirection = member;
        }
        if let Some(calling) = self.calls.get_mut(&caller).filter(|_| lead.is_some()) {
            calling.peer = lead;
        }
        let Some(hunt) = self.hunts.by_caller.get_mut(&caller) else { return false };
        hunt.ringing.push(id);
        let until =
            if group.strategy == GroupStrategy::All { hunt.ends } else { hunt.ends.min(now + group.step) };
        self.timers.start(id, Timer::Ring, until);
        if kind == LineKind::Phone {
            let host = self.setup.domain.clone();
            let to = Party { user: group.address.to_string(), host: host.clone(), name: group.name.clone() };
            self.start_ring(now, id, Some(caller), to, host, contacts, out);
        }
        true
    }

    fn note_busy(&mut self, caller: CallId) {
        if let Some(hunt) = self.hunts.by_caller.get_mut(&caller) {
            hunt.is_busy = true;
        }
    }

    /// A member's call is over. Whether it was one that rang for a group: then its caller goes on.
    pub(super) fn member_over(
        &mut self,
        now: Instant,
        caller: CallId,
        id: CallId,
        parting: &Parting,
        out: &mut Outbox,
    ) -> bool {
        let Some(hunt) = self.hunts.by_caller.get_mut(&caller) else { return false };
        let before = hunt.ringing.len();
        hunt.ringing.retain(|ringing| *ringing != id);
        if hunt.ringing.len() == before {
            return false;
        }
        if parting.mode == DisconnectMode::Busy || matches!(parting.report, CallReport::Busy(_)) {
            hunt.is_busy = true;
        } else if parting.mode != DisconnectMode::Unreachable {
            hunt.is_unanswered = true;
        }
        let ringing = hunt.ringing.clone();
        let next = ringing.iter().find(|id| self.rings_aloud(**id)).or_else(|| ringing.first()).copied();
        if let Some(calling) = self.calls.get_mut(&caller).filter(|calling| calling.peer == Some(id)) {
            calling.peer = next;
        }
        self.dirty.insert(caller);
        if next.is_none() {
            self.hunt_on(now, caller, out);
        }
        true
    }

    /// A member's phone rings: whoever hears his partner hears that, where the one before does not ring.
    pub(super) fn member_rings(&mut self, caller: CallId, id: CallId) {
        let lead = self.calls.get(&caller).and_then(|calling| calling.peer);
        let is_silent = lead.is_some_and(|lead| self.hunts.offers(caller, lead) && !self.rings_aloud(lead));
        if is_silent
            && self.hunts.offers(caller, id)
            && let Some(calling) = self.calls.get_mut(&caller)
        {
            calling.peer = Some(id);
            self.dirty.insert(caller);
        }
    }

    fn rings_aloud(&self, id: CallId) -> bool {
        let call = self.calls.get(&id);
        call.is_some_and(|call| {
            call.state == CallState::Accepted || call.ring.as_ref().is_some_and(|ring| ring.rang)
        })
    }

    /// Time is up for a group.
    pub(super) fn hunt_over(&mut self, now: Instant, caller: CallId, out: &mut Outbox) {
        let Some(hunt) = self.hunts.by_caller.get_mut(&caller) else { return };
        hunt.waiting.clear();
        let parting = Parting::because(&Failure::no_answer());
        for id in hunt.ringing.clone() {
            self.over(now, id, CallReport::Disconnected(DisconnectMode::NoAnswer), &parting, out);
        }
    }

    /// Nobody answered: the caller goes where the group says, or is told so.
    fn hunt_failed(&mut self, now: Instant, caller: CallId, out: &mut Outbox) {
        let Some(Hunt { group, is_busy, is_unanswered, .. }) = self.hunts.by_caller.remove(&caller) else {
            return;
        };
        self.timers.stop(caller, Timer::Hunt);
        self.watches.touch(&group.address);
        if let Some(calling) = self.calls.get_mut(&caller) {
            calling.peer = None;
        }
        let all_busy = is_busy && !is_unanswered;
        let (why, failure) = match (all_busy, is_unanswered) {
            (true, _) => (Why::Busy, Failure::local(486)),
            (false, true) => (Why::NoAnswer, Failure::no_answer()),
            (false, false) => (Why::Unavailable, Failure::local(480)),
        };
        let number = group.busy.as_deref().filter(|_| all_busy).or(group.otherwise.as_deref());
        match number.filter(|number| self.may_divert(caller, &group.address, number)) {
            Some(number) => self.divert(now, caller, &group.address, number, why, out),
            None => self.fail(now, caller, &failure, out),
        }
    }

    /// A caller is about to be connected: with a member that answered, or with somebody else. All others are told that he is.
    pub(super) fn hunt_won(
        &mut self,
        now: Instant,
        caller: CallId,
        winner: Option<CallId>,
        out: &mut Outbox,
    ) {
        let Some(hunt) = self.hunts.by_caller.get(&caller) else { return };
        let member = winner.filter(|winner| hunt.ringing.contains(winner));
        self.end_hunt(now, caller, winner, out);
        let Some(calling) = self.calls.get_mut(&caller).filter(|_| member.is_some()) else { return };
        calling.peer = member;
        let is_named = calling.kind != LineKind::Trunk && calling.connected.is_somebody();
        if let Some(leg) = calling.leg.filter(|_| is_named) {
            // His phone shows the group that he called.
            let shown = calling.connected.shown(&self.setup.domain);
            out.sip.push(Command::Identify(leg, shown));
        }
    }

    /// A caller goes elsewhere: of all members but `but` the call is taken back.
    pub(super) fn end_hunt(&mut self, now: Instant, caller: CallId, but: Option<CallId>, out: &mut Outbox) {
        for id in self.leave_hunt(caller).into_iter().filter(|id| Some(*id) != but) {
            if let Some(call) = self.calls.get_mut(&id) {
                call.peer = None;
            }
            self.over(now, id, CallReport::Disconnected(DisconnectMode::Pickup), &elsewhere(), out);
        }
    }

    /// A caller is gone: who rings for him.
    pub(super) fn leave_hunt(&mut self, caller: CallId) -> Vec<CallId> {
        let Some(hunt) = self.hunts.by_caller.remove(&caller) else { return Vec::new() };
        self.timers.stop(caller, Timer::Hunt);
        self.watches.touch(&hunt.group.address);
        let alive = |id: &CallId| self.calls.get(id).is_some_and(super::Call::is_alive);
        hunt.ringing.into_iter().filter(alive).collect()
    }

    /// The caller was taken out of his call to a group, so that another takes his place: `lead`, his partner, keeps the place.
    pub(super) fn set_hunt_adrift(&mut self, caller: CallId, lead: CallId) {
        let Some(hunt) = self.hunts.by_caller.remove(&caller) else { return };
        self.timers.stop(caller, Timer::Hunt);
        for id in &hunt.ringing {
            if let Some(call) = self.calls.get_mut(id) {
                call.peer = None;
            }
        }
        self.hunts.by_caller.insert(lead, hunt);
        self.dirty.insert(lead);
    }

    /// Who takes the place of a caller is connected with `lead`.
    pub(super) fn take_hunt(&mut self, caller: CallId, lead: CallId) {
        if !self.hunts.offers(lead, lead) {
            return;
        }
        let Some(hunt) = self.hunts.by_caller.remove(&lead) else { return };
        for id in &hunt.ringing {
            if let Some(call) = self.calls.get_mut(id) {
                call.peer = Some(caller);
            }
        }
        self.timers.start(caller, Timer::Hunt, hunt.ends);
        self.watches.touch(&hunt.group.address);
        self.hunts.by_caller.insert(caller, hunt);
    }

    /// The dialogs of a group, for lamps: one for each caller whom nobody has answered. `None`: there is no such group.
    pub(super) fn group_dialogs(&self, address: &str) -> Option<Vec<DialogState>> {
        let group = self.lines.group(address)?;
        let callers = self.hunts.callers(address).map(|caller| (caller, DialogPhase::Early));
        Some(self.dialogs_with(&group.address, callers))
    }

    /// The dialogs of an address with these callers.
    pub(super) fn dialogs_with(
        &self,
        address: &str,
        callers: impl Iterator<Item = (CallId, DialogPhase)>,
    ) -> Vec<DialogState> {
        let dialog = |(caller, phase)| {
            let calling = self.calls.get(&caller)?;
            Some(DialogState {
                id: calling.id.0,
                leg: None,
                phase,
                is_initiator: false,
                local: Party {
                    user: address.to_owned(),
                    host: self.setup.domain.clone(),
                    name: String::new(),
                },
                remote: calling.station_party().shown(&self.setup.domain),
                is_held: false,
            })
        };
        callers.filter_map(dialog).take(DIALOGS_MAX).collect()
    }

    /// Whether a member's call can be joined with its caller's, by what its phone said, or else by what the engine speaks. All other
    /// calls can, or end with their caller's.
    pub(super) fn fits_caller(&self, id: CallId, station: Option<LegId>) -> bool {
        let caller = self.calls.get(&id).and_then(|call| call.peer);
        let caller = caller.filter(|caller| self.hunts.offers(*caller, id));
        let leg = caller.and_then(|caller| self.calls.get(&caller)?.leg);
        let entry = leg.and_then(|leg| self.legs.get(&leg)).filter(|entry| entry.phase == LegPhase::Offered);
        let Some((entry, place)) = entry.zip(leg.and_then(|leg| self.place(leg))) else { return true };
        let theirs = station.and_then(|station| self.legs.get(&station)?.theirs.as_deref());
        let spoken = self.transcoded_codecs(id);
        match (&entry.theirs, theirs) {
            (Some(_), _) if entry.ours.is_some() => true,
            (Some(offer), Some(theirs)) => session::answer_between(offer, theirs, place, spoken).is_some(),
            (Some(offer), None) => session::own_answer(offer, place).is_some(),
            (None, Some(theirs)) => session::offer(theirs, place).is_some(),
            (None, None) => true,
        }
    }

    /// Who waits for a group is connected with a member that rings, or else not with it at all.
    pub(super) fn settle_hunt(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(hunt) = self.hunts.by_caller.get(&id) else { return };
        let call = self.calls.get(&id).filter(|call| call.is_alive());
        let is_led = call.and_then(|call| call.peer).is_some_and(|peer| hunt.ringing.contains(&peer));
        if !is_led {
            self.end_hunt(now, id, None, out);
        }
    }
}
