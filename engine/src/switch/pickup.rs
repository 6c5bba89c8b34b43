//! Pickup: taking a call that is offered, held or parked elsewhere (TAPI `linePickup`, feature codes, INVITE with Replaces).
//!
//! ```text
//!   caller A ──peer── F  OFFERING at 1002     becomes     A ──peer── C  at 1001, reason PICKUP
//!                        F  DISCONNECTED (PICKUP), its phones are cancelled as completed elsewhere
//! ```
//!
//! - A line picks up from lines that share a group with it, and from those that its configuration names; by the number of a ring
//!   group what rings for that group at such lines.
//! - What alerts comes first, the oldest call first; then what is held there, then what that line parked.
//! - Whoever answers first has it: an application's phone that is still being rung loses to the alerting phone, and to a
//!   person who dials the code.

use std::sync::Arc;
use std::time::Instant;

use super::Switch;
use super::call::{Call, Errand};
use super::call_facts::CallDeed;
use super::call_state::{CallState, DisconnectMode};
use super::error::LineError;
use super::ids::CallId;
use super::line::Line;
use super::outbox::Outbox;
use super::park::elsewhere;
use super::report::CallReport;
use super::request::Asker;
use super::setup::LineKind;
use super::view::CallReason;

/// What is there to be picked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    /// A call that alerts or is held at its station.
    Offered(CallId),
    /// Who waits at a slot.
    Parked(CallId),
}

impl Switch {
    /// `linePickup`.
    pub(super) fn pickup(
        &mut self,
        now: Instant,
        asker: Asker,
        line: &str,
        from: Option<&str>,
        group: Option<&str>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let line = self.opened(asker.app, line)?;
        let (address, kind) = (Arc::clone(&line.address), line.kind);
        let from = from.map(|from| self.whole_address(from)).transpose()?;
        // A call that another application's phone is being rung for is left to it.
        let free = |switch: &Self, found| match found {
            Found::Offered(id) => switch.calls.get(&id).is_some_and(|call| call.taker.is_none()),
            Found::Parked(far) => !switch.is_being_retrieved(far),
        };
        let found = self.find(&address, from.as_deref(), group, free);
        let found = match found {
            Err(LineError::OperationFailed) | Ok(_) => {
                self.can_fetch(now, &address, kind)?;
                found?
            }
            Err(error) => return Err(error),
        };
        let (errand, station) = match found {
            Found::Offered(id) => (Errand::Take(id), self.calls.get(&id).map(|call| Arc::clone(&call.line))),
            Found::Parked(far) => {
                (Errand::Join(far), self.calls.get(&far).and_then(|call| call.parked.clone()))
            }
        };
        self.fetch(now, asker, &address, &station.unwrap_or_default(), errand, out);
        Ok(())
    }

    /// A line dialled a pickup code: `from` is what stood behind it.
    ///
    /// # Errors
    /// 404: no such station; 403: not from there; 486: nothing is there.
    pub(super) fn pick_up(
        &mut self,
        now: Instant,
        id: CallId,
        from: Option<&str>,
        out: &mut Outbox,
    ) -> Result<(), u16> {
        let line = self.calls.get(&id).map(|call| Arc::clone(&call.line)).ok_or(481_u16)?;
        match self.find(&line, from, None, |_, _| true).map_err(status)? {
            Found::Offered(offered) if self.take(now, id, offered, out) => Ok(()),
            Found::Offered(_) => Err(486),
            Found::Parked(far) => self.join_parked(now, id, far, out),
        }
    }

    /// Whether the line may pick up what alerts at the station.
    pub(super) fn may_pick_up(&self, line: &str, station: &str) -> bool {
        let lines = self.lines.get(line).zip(self.lines.get(station));
        lines.is_some_and(|(line, station)| picks_up(line, station))
    }

    /// The phone of who picks up has answered: it takes the offered call, if that is still there.
    pub(super) fn take_offered(&mut self, now: Instant, id: CallId, offered: CallId, out: &mut Outbox) {
        if !self.take(now, id, offered, out) {
            self.lose(now, id, out);
        }
    }

    /// The phone of who wanted to pick up did not answer.
    pub(super) fn untaken(&mut self, _now: Instant, offered: CallId, _out: &mut Outbox) {
        if let Some(offered) = self.calls.get_mut(&offered) {
            offered.taker = None;
        }
    }

    /// A call that a phone is being rung for is no longer there to be taken.
    pub(super) fn settle_taker(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let gone = |call: &&mut Call| !(is_alerting(call) || is_held(call));
        let taker = self.calls.get_mut(&id).filter(gone).and_then(|call| call.few()?.taker.take());
        if let Some(taker) = taker {
            self.lose(now, taker, out);
        }
    }

    /// Takes over the caller of a call: that call is over as picked up. Whether it was there to be taken.
    fn take(&mut self, now: Instant, id: CallId, offered: CallId, out: &mut Outbox) -> bool {
        let there = |call: &&Call| (is_alerting(call) || is_held(call)) && offered != id;
        let Some(call) = self.calls.get(&offered).filter(there) else { return false };
        let Some(far) = call.peer.filter(|far| self.calls.get(far).is_some_and(Call::is_alive)) else {
            return false;
        };
        for part in [offered, far] {
            if let Some(call) = self.calls.get_mut(&part) {
                call.peer = None;
            }
            self.dirty.insert(part);
        }
        if let Some(call) = self.calls.get_mut(&offered)
            && call.taker == Some(id)
        {
            call.taker = None;
        }
        self.note_deed(offered, || CallDeed::Pickup { by: id });
        self.over(now, offered, CallReport::Disconnected(DisconnectMode::Pickup), &elsewhere(), out);
        if let Some(call) = self.calls.get_mut(&id) {
            call.reason = CallReason::Pickup;
        }
        if self.is_parked(far) {
            // It was a reminder of a parked call.
            return self.join_parked(now, id, far, out).is_ok();
        }
        self.join(now, id, far, out);
        true
    }

    /// What a line would pick up. `free`: whether what was found may be taken.
    fn find(
        &self,
        own: &str,
        from: Option<&str>,
        group: Option<&str>,
        free: impl Fn(&Self, Found) -> bool,
    ) -> Result<Found, LineError> {
        let own = self.lines.get(own).ok_or(LineError::InvalLineHandle)?;
        if let Some(slot) = from.filter(|from| self.is_slot(from)) {
            let waits = self.waits_at(slot).map(Found::Parked);
            return waits.filter(|found| free(self, *found)).ok_or(LineError::OperationFailed);
        }
        if let Some(rung) = from.and_then(|from| self.lines.group(from)).filter(|_| group.is_none()) {
            let members = rung.members.iter().filter_map(|member| self.lines.get(member));
            let mut allowed = members.filter(|member| picks_up(own, member)).peekable();
            if allowed.peek().is_none() {
                return Err(LineError::OperationUnavail);
            }
            let rings = |call: &Call| is_alerting(call) && *call.redirecting.number == *rung.address;
            let found = allowed.flat_map(|member| self.offered_on(member, rings));
            let free = found.filter(|id| free(self, Found::Offered(*id)));
            return free.min().map(Found::Offered).ok_or(LineError::OperationFailed);
        }
        if let Some(from) = from {
            let station = self.lines.get(from).filter(|line| line.kind != LineKind::Trunk);
            let station = station.ok_or(LineError::InvalAddress)?;
            if group.is_some_and(|group| !station.groups.iter().any(|one| one == group)) {
                return Err(LineError::InvalGroupId);
            }
            if !picks_up(own, station) {
                return Err(LineError::OperationUnavail);
            }
            let alerting = self.offered_on(station, is_alerting);
            let held = self.offered_on(station, is_held);
            let offered = alerting.into_iter().chain(held).map(Found::Offered);
            let found = offered.chain(self.parked_by(from).map(Found::Parked));
            return found.into_iter().find(|found| free(self, *found)).ok_or(LineError::OperationFailed);
        }
        let in_group = |line: &&Line| match group {
            Some(group) => line.groups.iter().any(|one| one == group),
            None => line.groups.iter().any(|one| own.groups.contains(one)),
        };
        match group {
            Some(_) if !self.lines.iter().any(|line| in_group(&line)) => return Err(LineError::InvalGroupId),
            None if own.groups.is_empty() => return Err(LineError::OperationUnavail),
            Some(_) | None => {}
        }
        let stations = self.lines.iter().filter(in_group).filter(|line| line.address != own.address);
        let mut allowed = stations.filter(|station| picks_up(own, station)).peekable();
        if allowed.peek().is_none() {
            return Err(LineError::OperationUnavail);
        }
        let found = allowed
            .flat_map(|station| self.offered_on(station, is_alerting))
            .map(|id| (id, Found::Offered(id)));
        // Calls are numbered as they come.
        let oldest = found.filter(|(_, found)| free(self, *found)).min_by_key(|(id, _)| *id);
        oldest.map(|(_, found)| found).ok_or(LineError::OperationFailed)
    }

    /// The stations where something alerts or is held that an application's phone may take.
    pub(super) fn stations_to_pick_up_from(&self) -> Vec<&Line> {
        let wanted = |call: &&Call| {
            call.peer.is_some() && call.taker.is_none() && (is_alerting(call) || is_held(call))
        };
        self.calls.values().filter(wanted).filter_map(|call| self.lines.get(&call.line)).collect()
    }

    /// The calls of a station that are as wanted and have a partner, the oldest first.
    fn offered_on(&self, station: &Line, wanted: impl Fn(&Call) -> bool) -> Vec<CallId> {
        let calls = station.calls.iter().filter_map(|id| self.calls.get(id));
        calls.filter(|call| call.peer.is_some() && wanted(call)).map(|call| call.id).collect()
    }
}

/// Whether the call alerts its station.
fn is_alerting(call: &Call) -> bool {
    let alerts = matches!(call.state, CallState::Offering(_) | CallState::Accepted);
    call.kind != LineKind::Trunk && alerts && !call.is_secure
}

/// Whether the station holds the call, and nothing else is done with it.
fn is_held(call: &Call) -> bool {
    let is_settled = call.consultation.is_none() && call.sends.is_none() && call.sent.is_none();
    let is_settled = is_settled && call.camped.is_none();
    call.kind != LineKind::Trunk && call.state == CallState::OnHold && is_settled && !call.is_secure
}

/// Whether the line may pick up at one of these stations.
pub(super) fn picks_up_from(own: &Line, stations: &[&Line]) -> bool {
    stations.iter().any(|station| picks_up(own, station))
}

/// Whether one line may pick up what alerts at the other.
fn picks_up(own: &Line, station: &Line) -> bool {
    own.address == station.address
        || own.groups.iter().any(|group| station.groups.contains(group))
        || own.picks_up.iter().any(|one| one == "*" || **one == *station.address)
}

/// What a phone is refused with.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other error means that nothing is there")]
const fn status(error: LineError) -> u16 {
    match error {
        LineError::InvalAddress | LineError::InvalGroupId => 404,
        LineError::OperationUnavail => 403,
        _ => 486,
    }
}
