//! Park and unpark: a call waits at a park address, which is an address of record with a dynamic binding.
//!
//! ```text
//!   linePark, REFER to 701:   parker's call   IDLE
//!                             far call        CONNECTED (ACTIVEHELD), no partner, hears music
//!                             701 ──▶ sip:park-c2@domain     claimed in the location table, compare-and-set
//!   701 dialled, lineUnpark:  far call ──peer── retriever's call, reason UNPARK
//!   nobody retrieves:         far call ──peer── call at the parker's line, OFFERING, reason REMINDER; still at 701
//! ```
//!
//! - A taken slot never joins strangers: parking there is refused.
//! - Whoever comes first retrieves: an application's phone that is still being rung loses to a person who dials the slot.
//! - A parked call ends only when the party that waits, or its application, ends it.
//! - Parked calls outlive the process: they are claimed anew, and wait as if they had just been parked.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::location::Binding;
use trunkline_sip::outbox::{Command, DialogPhase, DialogState, Party, Refer, ReferMethod};
use trunkline_sip::transport::{Flow, Transport};
use trunkline_sip::{ConnectionId, UsageId};

use super::Switch;
use super::call::{Call, Errand, Few};
use super::call_state::{CallState, ConnectedMode, DisconnectMode, OfferingMode};
use super::error::LineError;
use super::feature_code::Served;
use super::ids::{AppId, CallId};
use super::message::Message;
use super::operation::Outcome;
use super::outbox::Outbox;
use super::privilege::CallPrivilege;
use super::release::Parting;
use super::report::CallReport;
use super::request::Asker;
use super::ring::groups;
use super::route::{Destination, Source, choice, first_fit, resolve};
use super::setup::LineKind;
use super::status::{COMPLETED_ELSEWHERE, NORMAL_CLEARING};
use super::timers::{LEAVE, Timer};
use super::view::{CallOrigin, CallReason, ParkedView, PartyView};

/// The lease of a slot outlasts everything that may happen to a call that is parked once by this much.
const LEASE_MARGIN: Duration = Duration::from_secs(60);

/// The slots that are taken.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Slots(BTreeMap<Arc<str>, Parked>);

impl Slots {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A parked call.
#[derive(Clone, Debug)]
struct Parked {
    /// The call of who waits.
    call: CallId,
    /// The line that parked it.
    parker: Arc<str>,
    /// Who waits.
    party: PartyView,
    since: Instant,
    /// Names the claim in the location table.
    key: Arc<str>,
    /// The call whose phone is rung to retrieve it.
    retriever: Option<CallId>,
    reminded: Reminded,
}

/// Where a call is parked, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptPark {
    /// The park address.
    pub slot: Arc<str>,
    /// The line that parked it.
    pub parker: Arc<str>,
    /// Since when.
    pub since: Instant,
}

/// Whom the parked call is offered to meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reminded {
    Nobody,
    Parker,
    Fallback,
}

impl Switch {
    /// Whether the call could be parked at some slot: not while it consults, and only with somebody to park.
    pub(super) fn can_park(&self, call: &Call) -> Result<(), LineError> {
        if call.pending.is_some() {
            return Err(LineError::InUse);
        }
        if self.can_leave_far(call) && self.free_slot().is_some() {
            Ok(())
        } else {
            Err(LineError::OperationUnavail)
        }
    }

    /// `linePark`.
    pub(super) fn park(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        to: Option<&str>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let wanted = to.map(|to| self.whole_address(to)).transpose()?;
        let slot = self.claim(now, wanted.as_deref(), id)?;
        asker.reply(Ok(Outcome::Parked(slot.to_string())), out);
        self.leave_at(now, id, slot, out);
        Ok(())
    }

    /// Parks the party of the call that this line holds; nothing is held: 480.
    pub(super) fn park_held(
        &mut self,
        now: Instant,
        id: CallId,
        wanted: Option<&str>,
        out: &mut Outbox,
    ) -> Result<Served, u16> {
        const BUSY_HERE: u16 = 486;
        let call = self.calls.get(&id).ok_or(481_u16)?;
        let held = self.held_on(&call.line, id).filter(|held| self.can_leave_far(held)).map(|held| held.id);
        let held = held.ok_or(480_u16)?;
        let slot = self.claim(now, wanted, held).map_err(|_| BUSY_HERE)?;
        self.leave_at(now, held, Arc::clone(&slot), out);
        Ok(Served::Parked(slot))
    }

    /// A line dialled a slot: who waits there is retrieved; at a free slot the call that the line holds is parked.
    pub(super) fn dialled_slot(
        &mut self,
        now: Instant,
        id: CallId,
        slot: &str,
        out: &mut Outbox,
    ) -> Result<Served, u16> {
        match self.slots.0.get(slot).map(|parked| parked.call) {
            Some(far) => self.join_parked(now, id, far, out).map(|()| Served::Connected),
            None => self.park_held(now, id, Some(slot), out),
        }
    }

    /// Whether a REFER to this number parks: a slot, or the code for any slot.
    pub(super) fn is_park_target(&self, number: &str) -> bool {
        let code = &self.setup.features.park;
        self.is_slot(number) || (!code.is_empty() && code == number)
    }

    /// Parks the party of this call, which is taken from its partner: at the slot of this number, or at any for the park
    /// code or `None`. The partner's call is left as it is, without a partner.
    ///
    /// # Errors
    /// [`LineError::InvalAddress`]: no slot, or taken; [`LineError::ResourceUnavail`]: no slot is free;
    /// [`LineError::InvalCallState`]: the party cannot wait.
    pub(super) fn park_far(
        &mut self,
        now: Instant,
        far: CallId,
        number: Option<&str>,
        parker: &Arc<str>,
        out: &mut Outbox,
    ) -> Result<Arc<str>, LineError> {
        let code = &self.setup.features.park;
        let wanted = number.filter(|number| code.is_empty() || *number != code.as_str());
        if !self.calls.get(&far).is_some_and(|far| self.can_wait(far)) {
            return Err(LineError::InvalCallState);
        }
        let slot = self.claim(now, wanted, far)?;
        let partner = self.calls.get_mut(&far).and_then(|far| far.peer.take());
        if let Some(partner) = partner {
            if let Some(partner) = self.calls.get_mut(&partner) {
                partner.peer = None;
            }
            self.dirty.insert(partner);
        }
        self.put(now, far, Arc::clone(&slot), far, parker, out);
        Ok(slot)
    }

    /// A phone that transfers its party to a slot, or to the park code, parks it. Whether that was asked.
    pub(super) fn refer_parks(
        &mut self,
        now: Instant,
        usage: UsageId,
        refer: &Refer,
        out: &mut Outbox,
    ) -> bool {
        let is_invite = refer.to.method == ReferMethod::Invite && refer.to.replaces.is_none();
        if !is_invite || !self.is_park_target(&refer.to.user) {
            return false;
        }
        let id = match self.park_referred(now, refer, out) {
            Ok(id) => id,
            Err(status) => {
                out.sip.push(Command::AnswerRefer(usage, status));
                return true;
            }
        };
        out.sip.push(Command::AnswerRefer(usage, 202));
        if refer.notifies {
            out.sip.push(Command::ReferProgress(usage, 200));
            self.timers.start(id, Timer::Leave, now + LEAVE);
        } else {
            self.leave(now, id, out);
        }
        true
    }

    fn park_referred(&mut self, now: Instant, refer: &Refer, out: &mut Outbox) -> Result<CallId, u16> {
        let leg = refer.leg.and_then(|leg| self.legs.get(&leg)).filter(|leg| leg.is_up());
        let call = leg.and_then(|leg| self.calls.get(&leg.call)).ok_or(481_u16)?;
        if call.kind == LineKind::Trunk {
            return Err(403);
        }
        let far = call.peer.filter(|_| self.can_leave_far(call)).ok_or(603_u16)?;
        let (id, line) = (call.id, Arc::clone(&call.line));
        let parked = self.park_far(now, far, Some(&refer.to.user), &line, out);
        // Taken, or none is free.
        parked.map(|_| id).map_err(|_| 486)
    }

    /// `lineUnpark`.
    pub(super) fn unpark(
        &mut self,
        now: Instant,
        asker: Asker,
        line: &str,
        from: &str,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let line = self.opened(asker.app, line)?;
        let (address, kind) = (Arc::clone(&line.address), line.kind);
        let slot = Some(self.whole_address(from)?)
            .filter(|slot| self.is_slot(slot))
            .ok_or(LineError::InvalAddress)?;
        self.can_fetch(now, &address, kind)?;
        let parked = self.slots.0.get(&*slot).filter(|parked| parked.retriever.is_none());
        let far = parked.map(|parked| parked.call).ok_or(LineError::OperationFailed)?;
        self.fetch(now, asker, &address, &slot, Errand::Join(far), out);
        Ok(())
    }

    /// Whether somebody who waits elsewhere can be brought to this line.
    pub(super) fn can_fetch(&self, now: Instant, line: &str, kind: LineKind) -> Result<(), LineError> {
        match kind {
            LineKind::Trunk => Err(LineError::OperationUnavail),
            LineKind::Phone if !self.location.is_registered(line, now) => Err(LineError::InvalLineState),
            LineKind::Phone | LineKind::Local => Ok(()),
        }
    }

    /// Makes the call that an application fetches somebody to its line with. Where media ends in the engine it is connected
    /// at once, else when the phone has answered.
    pub(super) fn fetch(
        &mut self,
        now: Instant,
        asker: Asker,
        line: &str,
        from: &str,
        errand: Errand,
        out: &mut Outbox,
    ) {
        let Some(line) = self.lines.get(line) else { return };
        let (address, kind, name) = (Arc::clone(&line.address), line.kind, line.name.clone());
        let (reason, far) = match errand {
            Errand::Take(offered) => {
                (CallReason::Pickup, self.calls.get(&offered).and_then(|offered| offered.peer))
            }
            Errand::Join(far) => (CallReason::Unpark, Some(far)),
            Errand::Dial(_) | Errand::Collect | Errand::CallBack(..) => (CallReason::Direct, None),
        };
        let far = far.and_then(|far| self.calls.get(&far));
        let shown = far.map(Call::station_party).unwrap_or_default();
        let media_worker = far.map_or(0, |far| far.media_worker);
        let id = self.next_call();
        let state = match kind {
            LineKind::Local => CallState::Connected(ConnectedMode::Active),
            LineKind::Phone | LineKind::Trunk => CallState::Dialing,
        };
        let call = Call {
            caller: PartyView::new(address.to_string(), name),
            called: PartyView::new(from.to_owned(), String::new()),
            reason,
            few: (kind == LineKind::Phone)
                .then(|| Box::new(Few { errand: Some(errand.clone()), ..Few::NOTHING })),
            media_worker,
            made: true,
            claimed: true,
            ..Call::new(now, id, address, kind, CallOrigin::Outbound, state)
        };
        asker.reply(Ok(Outcome::Call(id)), out);
        self.introduce(call, Some(asker.app), out);
        if kind == LineKind::Local {
            self.run_errand(now, id, errand, out);
            return;
        }
        match errand {
            Errand::Take(offered) => {
                if let Some(offered) = self.calls.get_mut(&offered) {
                    offered.taker = Some(id);
                }
            }
            Errand::Join(far) => self.set_retriever(far, Some(id)),
            Errand::Dial(_) | Errand::Collect | Errand::CallBack(..) => {}
        }
        self.ring_own_phone(now, id, &shown, out);
    }

    /// The phone has answered: it talks with who waits on the other call.
    pub(super) fn join_waiting(&mut self, now: Instant, id: CallId, far: CallId, out: &mut Outbox) {
        if self.join_parked(now, id, far, out).is_err() {
            self.join(now, id, far, out);
        }
    }

    /// Joins this call, which has no partner and may wait for its answer, with a parked one.
    ///
    /// # Errors
    /// 480: it is not parked.
    pub(super) fn join_parked(
        &mut self,
        now: Instant,
        id: CallId,
        far: CallId,
        out: &mut Outbox,
    ) -> Result<(), u16> {
        let parked = self.leave_slot(far, "retrieved", out).ok_or(480_u16)?;
        self.withdraw(now, far, out);
        if let Some(loser) = parked.retriever.filter(|retriever| *retriever != id) {
            self.lose(now, loser, out);
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.reason = CallReason::Unpark;
        }
        self.join(now, id, far, out);
        Ok(())
    }

    /// Whether the party of this call is parked.
    pub(super) fn is_parked(&self, id: CallId) -> bool {
        self.calls.get(&id).is_some_and(|call| call.parked.is_some())
    }

    /// The slot is free again; who had it.
    fn leave_slot(&mut self, id: CallId, change: &'static str, out: &mut Outbox) -> Option<Parked> {
        let slot = self.calls.get_mut(&id)?.few()?.parked.take()?;
        self.dirty.insert(id);
        self.timers.stop(id, Timer::Park);
        let parked = self.slots.0.remove(&slot)?;
        self.location.release(&slot, &parked.key);
        self.watches.touch(&slot);
        self.tell_parked(&slot, &parked, change, out);
        Some(parked)
    }

    /// The calls that a slot change is about are told: those who watch the parker's line, or that of who waits.
    fn tell_parked(&self, slot: &Arc<str>, parked: &Parked, change: &'static str, out: &mut Outbox) {
        for app in self.watchers_of(parked) {
            let (slot, line) = (Arc::clone(slot), Arc::clone(&parked.parker));
            let party = if parked.party.is_blocked { String::new() } else { parked.party.number.clone() };
            out.messages.push((app, Message::Parked { slot, line, party, change }));
        }
    }

    fn watchers_of(&self, parked: &Parked) -> Vec<AppId> {
        let waiting = self.calls.get(&parked.call).map(|call| &call.line);
        let lines = [Some(&parked.parker), waiting].into_iter().flatten();
        let watchers =
            lines.filter_map(|line| self.lines.of_call(line)).flat_map(|line| line.watchers.iter());
        let mut apps: Vec<_> = watchers
            .filter(|(_, privilege)| *privilege != CallPrivilege::None)
            .map(|(app, _)| *app)
            .collect();
        apps.sort_unstable();
        apps.dedup();
        apps
    }

    /// Who was to be retrieved waits again: the phone of who wanted it did not answer.
    pub(super) fn unretrieved(&mut self, _now: Instant, far: CallId, _out: &mut Outbox) {
        self.set_retriever(far, None);
    }

    fn set_retriever(&mut self, far: CallId, retriever: Option<CallId>) {
        if let Some(parked) = self.parked_at(far) {
            parked.retriever = retriever;
        }
    }

    fn parked_at(&mut self, far: CallId) -> Option<&mut Parked> {
        let slot = self.calls.get(&far)?.parked.as_ref()?;
        self.slots.0.get_mut(slot)
    }

    /// A call whose phone is rung to fetch somebody came too late.
    pub(super) fn lose(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.errand = None;
        self.over(now, id, CallReport::Disconnected(DisconnectMode::Pickup), &elsewhere(), out);
    }

    /// The party that waits is gone: the slot is free, and who was about to retrieve it hears so.
    pub(super) fn settle_parked(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        if !self.calls.get(&id).is_some_and(|call| call.parked.is_some() && !call.is_alive()) {
            return;
        }
        let retriever = self.leave_slot(id, "abandoned", out).and_then(|parked| parked.retriever);
        if let Some(retriever) = retriever {
            self.lose(now, retriever, out);
        }
    }

    /// Nobody retrieved it in time: it is offered to who parked it.
    pub(super) fn remind(&mut self, now: Instant, far: CallId, out: &mut Outbox) {
        let timeout = self.setup.park.timeout;
        self.renew(now, far);
        let Some(parked) = self.parked_at(far) else { return };
        if parked.retriever.is_some() {
            self.timers.start(far, Timer::Park, now + timeout);
            return;
        }
        parked.reminded = Reminded::Parker;
        let parker = Arc::clone(&parked.parker);
        if !self.offer_back(now, far, &parker, out) {
            self.not_returned(now, far, out);
        }
    }

    /// The partner of a call is gone. Whether that was only a reminder of a parked one, which waits on.
    pub(super) fn waits_on(&mut self, now: Instant, far: CallId, out: &mut Outbox) -> bool {
        let waits = self.is_parked(far);
        if waits {
            self.not_returned(now, far, out);
        }
        waits
    }

    /// Whom it was offered to did not take it: the fallback is asked, or it waits on.
    fn not_returned(&mut self, now: Instant, far: CallId, out: &mut Outbox) {
        self.dirty.insert(far);
        let (timeout, fallback) = (self.setup.park.timeout, self.setup.park.fallback.clone());
        let Some(parked) = self.parked_at(far) else { return };
        if let (Reminded::Parker, Some(fallback)) = (parked.reminded, fallback) {
            parked.reminded = Reminded::Fallback;
            let offered = match resolve(&self.setup.routes, &self.lines, Source::Line, &fallback) {
                Ok(Destination::Line(line)) => self.offer_back(now, far, &line, out),
                Ok(Destination::Group(_) | Destination::Page(_)) => false,
                Ok(Destination::Trunk(trunk, number)) => {
                    let route = first_fit(&self.setup.routes, Source::Line, &fallback);
                    let choice = route.and_then(choice).cloned();
                    let names = self.in_order(&trunk, choice.as_ref());
                    names.iter().any(|name| self.offer_out(now, far, name, &number, out))
                }
                Err(_) => false,
            };
            if offered {
                return;
            }
        }
        let Some(parked) = self.parked_at(far) else { return };
        parked.reminded = Reminded::Nobody;
        self.renew(now, far);
        self.timers.start(far, Timer::Park, now + timeout);
    }

    fn renew(&mut self, now: Instant, far: CallId) {
        let Some(slot) = self.calls.get(&far).and_then(|call| call.parked.clone()) else { return };
        if let Some(parked) = self.slots.0.get(&slot) {
            self.lease(now, &slot, Arc::clone(&parked.key));
        }
    }

    /// Offers who waits to a line; whether it can be reached.
    fn offer_back(&mut self, now: Instant, far: CallId, line: &str, out: &mut Outbox) -> bool {
        let Some(line) = self.lines.get(line) else { return false };
        let (address, name, kind) = (Arc::clone(&line.address), line.name.clone(), line.kind);
        let owned = line.watchers.iter().any(|(_, privilege)| *privilege == CallPrivilege::Owner);
        let groups = groups(&self.location.lookup(&address, now));
        let reachable = match kind {
            LineKind::Phone => !groups.is_empty(),
            LineKind::Local => owned,
            LineKind::Trunk => false,
        };
        if !reachable {
            return false;
        }
        let called = PartyView::new(address.to_string(), name);
        let offering = CallState::Offering(OfferingMode::Active);
        let Some(offered) = self.called_side(now, far, &address, kind, offering, called, out) else {
            return false;
        };
        self.name_reminder(offered, far);
        self.timers.start(offered, Timer::Ring, now + self.setup.ring_max);
        if kind == LineKind::Phone {
            let host = self.setup.domain.clone();
            let to = Party { user: address.to_string(), host: host.clone(), name: String::new() };
            self.start_ring(now, offered, Some(far), to, host, groups, out);
        }
        true
    }

    /// Offers who waits to a number behind a trunk; whether that has a free channel.
    fn offer_out(&mut self, now: Instant, far: CallId, name: &str, number: &str, out: &mut Outbox) -> bool {
        let Some(trunk) = self.trunk(name).filter(|trunk| self.has_room(trunk)) else { return false };
        let address = Arc::clone(&trunk.name);
        let called = PartyView::new(number.to_owned(), String::new());
        let kind = LineKind::Trunk;
        let Some(offered) = self.called_side(now, far, &address, kind, CallState::Dialing, called, out)
        else {
            return false;
        };
        self.name_reminder(offered, far);
        self.ring_trunk(now, offered, Some(far), (name, number), None, out);
        true
    }

    /// A call that reminds comes from who waits, by way of the slot.
    fn name_reminder(&mut self, offered: CallId, far: CallId) {
        let Some(parked) = self.calls.get(&far) else { return };
        let party = parked.station_party();
        let slot = parked.parked.as_ref().map(ToString::to_string).unwrap_or_default();
        if let Some(offered) = self.calls.get_mut(&offered) {
            offered.caller = party;
            offered.redirection = offered.called.clone();
            offered.redirecting = PartyView::new(slot, String::new());
            offered.reason = CallReason::Reminder;
        }
    }

    /// Takes back the call that reminds somebody of a parked one.
    fn withdraw(&mut self, now: Instant, far: CallId, out: &mut Outbox) {
        let Some(reminder) = self.calls.get_mut(&far).and_then(|call| call.peer.take()) else { return };
        if let Some(reminder) = self.calls.get_mut(&reminder) {
            reminder.peer = None;
        }
        self.over(now, reminder, CallReport::Disconnected(DisconnectMode::Pickup), &elsewhere(), out);
    }

    /// Whoever was reminded of a parked call answered: it is parked no longer.
    pub(super) fn reminder_answered(&mut self, far: CallId, answered: Option<CallId>, out: &mut Outbox) {
        if answered.is_some() {
            self.leave_slot(far, "returned", out);
        }
    }

    /// Takes the far party out of a call, which is over, and puts it where it was claimed for.
    fn leave_at(&mut self, now: Instant, id: CallId, slot: Arc<str>, out: &mut Outbox) {
        let Some(line) = self.calls.get(&id).map(|call| Arc::clone(&call.line)) else { return };
        let Some(far) = self.detach_far(now, id, CallReason::Parked, out) else {
            self.location.release(&slot, &key(id));
            return;
        };
        let parting = Parting::by_us(DisconnectMode::Normal, 480, Some(NORMAL_CLEARING));
        self.over(now, id, CallReport::Cleared, &parting, out);
        self.put(now, far, slot, id, &line, out);
    }

    /// `claimed`: the call whose name the claim bears.
    fn put(
        &mut self,
        now: Instant,
        far: CallId,
        slot: Arc<str>,
        claimed: CallId,
        parker: &Arc<str>,
        out: &mut Outbox,
    ) {
        let Some(call) = self.calls.get_mut(&far) else { return };
        call.parked = Some(Arc::clone(&slot));
        call.connected = PartyView::new(slot.to_string(), String::new());
        let party = call.station_party();
        self.dirty.insert(far);
        // The conversation goes on with who waits.
        self.count_as_caller(far);
        self.timers.start(far, Timer::Park, now + self.setup.park.timeout);
        let parked = Parked {
            call: far,
            parker: Arc::clone(parker),
            party,
            since: now,
            key: key(claimed),
            retriever: None,
            reminded: Reminded::Nobody,
        };
        self.report(now, far, CallReport::RemoteHeld, out);
        self.tell_info(far, "connectedid", None, out);
        self.tell_parked(&slot, &parked, "parked", out);
        self.watches.touch(&slot);
        self.slots.0.insert(slot, parked);
    }

    /// Where a call is parked.
    pub(super) fn kept_park(&self, call: &Call) -> Option<KeptPark> {
        let slot = call.parked.as_ref()?;
        let Parked { parker, since, .. } = self.slots.0.get(slot)?;
        Some(KeptPark { slot: Arc::clone(slot), parker: Arc::clone(parker), since: *since })
    }

    /// Claims the slot of a parked call that was kept; whether it is free.
    pub(super) fn claim_again(&self, now: Instant, far: CallId, park: &KeptPark) -> bool {
        self.claim(now, Some(&park.slot), far).is_ok()
    }

    /// Puts a parked call that was kept where it was claimed for again.
    pub(super) fn put_again(&mut self, now: Instant, far: CallId, park: &KeptPark, out: &mut Outbox) {
        let KeptPark { slot, parker, since } = park;
        self.put(now, far, Arc::clone(slot), far, parker, out);
        if let Some(parked) = self.slots.0.get_mut(slot) {
            parked.since = *since;
        }
    }

    /// An address that an application names, as it is dialled.
    pub(super) fn whole_address(&self, address: &str) -> Result<String, LineError> {
        let dialable = self.dialable(address).map_err(|_| LineError::InvalAddress)?;
        dialable.whole()
    }

    /// Whether this is the number of a slot. The address of a line or group is none, whatever the range.
    pub(super) fn is_slot(&self, number: &str) -> bool {
        // The number as it is printed: no sign, no leading zero.
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        let in_range = || {
            let slots = self.setup.park.slots.as_ref();
            slots.zip(number.parse().ok()).is_some_and(|(slots, number)| slots.contains(&number))
        };
        self.slots.0.contains_key(number) || (is_plain && in_range() && self.is_free_number(number))
    }

    /// Whether neither a line nor a group has this address.
    fn is_free_number(&self, number: &str) -> bool {
        !self.lines.is_taken(number)
    }

    fn free_slot(&self) -> Option<Arc<str>> {
        let mut slots = self.setup.park.slots.clone()?.map(|slot| slot.to_string());
        let is_free = |slot: &String| !self.slots.0.contains_key(&**slot) && self.is_free_number(slot);
        slots.find(is_free).map(Arc::from)
    }

    /// Claims the wanted slot, or any, by the name of a call.
    fn claim(&self, now: Instant, wanted: Option<&str>, name: CallId) -> Result<Arc<str>, LineError> {
        let (slot, taken) = match wanted {
            Some(wanted) => {
                let free = self.is_slot(wanted) && !self.slots.0.contains_key(wanted);
                (free.then(|| wanted.into()), LineError::InvalAddress)
            }
            None => (self.free_slot(), LineError::ResourceUnavail),
        };
        slot.filter(|slot| self.lease(now, slot, key(name))).ok_or(taken)
    }

    /// Has the slot for as long as a call that is parked once can be there. Whether it is had.
    fn lease(&self, now: Instant, slot: &Arc<str>, key: Arc<str>) -> bool {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let lease = self.setup.park.timeout + 2 * self.setup.ring_max + LEASE_MARGIN;
        let binding = Binding {
            contact: format!("sip:{key}@{}", self.setup.domain).into(),
            call_id: (&*key).into(),
            key,
            params: Box::default(),
            q_milli: 1000,
            path: Box::default(),
            flow: Flow {
                transport: Transport::Udp,
                local: nowhere,
                remote: nowhere,
                connection: ConnectionId::default(),
            },
            cseq: 0,
            user_agent: Box::default(),
            expires: now + lease,
        };
        self.location.claim(now, slot, binding)
    }

    /// Whether the call's far party could wait without it.
    pub(super) fn can_leave_far(&self, call: &Call) -> bool {
        if call.consultation.is_some() || call.sends.is_some() || call.sent.is_some() {
            return false;
        }
        match call.kind {
            LineKind::Phone | LineKind::Local => {
                call.peer.and_then(|peer| self.calls.get(&peer)).is_some_and(|far| self.can_wait(far))
            }
            LineKind::Trunk => {
                call.leg.and_then(|leg| self.legs.get(&leg)).is_some_and(super::leg::Leg::is_up)
            }
        }
    }

    /// Whether the party of this call could wait without a partner.
    fn can_wait(&self, far: &Call) -> bool {
        let is_up = match far.leg {
            Some(leg) => self.legs.get(&leg).is_some_and(super::leg::Leg::is_up),
            None => far.kind == LineKind::Local,
        };
        let talks = matches!(far.state, CallState::Connected(_) | CallState::OnHold);
        let is_settled = far.consultation.is_none() && far.sends.is_none() && far.sent.is_none();
        is_up && talks && is_settled && far.parked.is_none() && far.ring.is_none()
    }

    /// The parked calls that the application may know of, by slot.
    pub fn parked(&self, app: AppId) -> Vec<ParkedView> {
        let known = self.slots.0.iter().filter(|(_, parked)| self.watchers_of(parked).contains(&app));
        known
            .map(|(slot, parked)| ParkedView {
                slot: Arc::clone(slot),
                line: Arc::clone(&parked.parker),
                party: parked.party.clone(),
                call: parked.call,
                since: parked.since,
            })
            .collect()
    }

    /// What the lamps of phones show of a slot (RFC 4235): a confirmed dialog with who waits there, by whose leg it can be
    /// retrieved. `None`: it is no slot.
    pub(super) fn slot_dialogs(&self, slot: &str) -> Option<Vec<DialogState>> {
        if !self.is_slot(slot) {
            return None;
        }
        let host = || self.setup.domain.clone();
        let dialog = |parked: &Parked| DialogState {
            id: parked.call.0,
            leg: self.calls.get(&parked.call).and_then(|call| call.leg),
            phase: DialogPhase::Confirmed,
            is_initiator: false,
            local: Party { user: slot.to_owned(), host: host(), name: String::new() },
            remote: parked.party.shown(&self.setup.domain),
            is_held: true,
        };
        Some(self.slots.0.get(slot).map(dialog).into_iter().collect())
    }

    /// The call that line parked longest ago.
    pub(super) fn parked_by(&self, line: &str) -> Option<CallId> {
        let by_line = self.slots.0.values().filter(|parked| *parked.parker == *line);
        by_line.min_by_key(|parked| parked.since).map(|parked| parked.call)
    }

    /// Who waits at this slot.
    pub(super) fn waits_at(&self, slot: &str) -> Option<CallId> {
        self.slots.0.get(slot).map(|parked| parked.call)
    }

    /// Whether somebody waits at a slot whom nobody retrieves yet.
    pub(super) fn somebody_waits(&self) -> bool {
        self.slots.0.values().any(|parked| parked.retriever.is_none())
    }

    /// Whether an application's phone is being rung to retrieve this call.
    pub(super) fn is_being_retrieved(&self, far: CallId) -> bool {
        let slot = self.calls.get(&far).and_then(|call| call.parked.as_ref());
        slot.and_then(|slot| self.slots.0.get(slot)).is_some_and(|parked| parked.retriever.is_some())
    }
}

/// Somebody else has it.
pub(super) fn elsewhere() -> Parting {
    Parting::by_us(DisconnectMode::Pickup, 487, Some(COMPLETED_ELSEWHERE))
}

fn key(call: CallId) -> Arc<str> {
    format!("park-{call}").into()
}
