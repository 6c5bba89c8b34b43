//! Conferences: a parent call, its members, and who is consulted to become one (TAPI `lineSetupConference` and what
//! belongs to it).
//!
//! ```text
//!   parent ── station of the controlling line ┐
//!   member ── peer ── station of a party      ├── all hear Heard::Conference(number of the parent)
//!   member of a trunk ── its network          ┘
//! ```
//!
//! - A member is a call of the parent's line whose far party takes part. Who is on the other side of it stays
//!   CONNECTED and learns nothing, but that the engine is a focus (RFC 4579).
//! - The station of the line takes part by the parent. While the parent is held the others go on talking.
//! - Dropping the parent ends every member (LINEADDRCAPFLAGS_CONFDROP). A member that is removed is dropped
//!   (`dwRemoveFromConfState` IDLE), any may be (LINEREMOVEFROMCONF_ANY).
//! - A conference with one member left is a call between two again: the parent becomes IDLE, the member CONNECTED. One
//!   that a phone asked for lasts until that phone leaves.
//! - Conferences are not nested: a call whose other side is a member elsewhere cannot become one.

mod focus;
mod intrude;
mod operations;
mod refer;
mod state;

pub(super) use focus::{far_party, focus_name};

use std::time::Instant;

use trunkline_sip::LegId;

use super::Switch;
use super::call::Call;
use super::call_state::{CallState, DisconnectMode};
use super::consult::has_far;
use super::error::LineError;
use super::ids::CallId;
use super::outbox::Outbox;
use super::release::Parting;
use super::report::CallReport;
use super::session::FarEnd;
use super::setup::LineKind;
use super::status::NORMAL_CLEARING;

/// One conference, named by its parent call.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Conference {
    /// In the order in which they came.
    members: Vec<CallId>,
    /// The call that the conference was set up on, as long as that can be taken back.
    original: Option<CallId>,
    /// The consultation call that joins by itself when it is answered (NOHOLDCONFERENCE).
    silent: Option<CallId>,
    /// Whether a phone called the factory for it: it lasts until that phone leaves.
    is_asked_for: bool,
}

#[cfg(test)]
impl Conference {
    /// Its members, the call that it was set up on, the one that joins by itself, and whether a phone asked for it.
    pub(super) fn parts(&self) -> (&[CallId], Option<CallId>, Option<CallId>, bool) {
        (&self.members, self.original, self.silent, self.is_asked_for)
    }
}

impl Switch {
    /// Whether the call is the parent of a conference.
    pub(super) fn is_conference(&self, id: CallId) -> bool {
        self.conferences.contains_key(&id)
    }

    /// The conference that a call belongs to: as parent, as member, or because its other side is a member.
    pub(super) fn conference_with(&self, call: &Call) -> Option<CallId> {
        if self.is_conference(call.id) {
            return Some(call.id);
        }
        let member = |call: &Call| call.conference.filter(|_| call.state == CallState::Conferenced);
        let peer = || call.peer.and_then(|peer| self.calls.get(&peer));
        member(call).or_else(|| peer().and_then(member))
    }

    /// Whose hold counts for what the station of a call hears: a member's station takes part by the parent.
    pub(super) fn led_by<'a>(&'a self, call: &'a Call) -> &'a Call {
        let parent = call.conference.and_then(|parent| self.calls.get(&parent));
        let is_member = call.state == CallState::Conferenced && call.kind != LineKind::Trunk;
        parent.filter(|_| is_member).unwrap_or(call)
    }

    /// Whether nobody more fits in.
    fn is_full_conference(&self, id: CallId) -> bool {
        // The station of the line counts too.
        let parties = self.conferences.get(&id).map_or(0, |conference| conference.members.len() + 1);
        parties >= self.setup.conference.parties_max
    }

    /// Whether the station of the call is there: it answered, and it does not speak for another call.
    fn is_spoken_for(&self, call: &Call) -> bool {
        match call.leg.and_then(|leg| self.legs.get(&leg)) {
            Some(leg) => leg.is_up() && leg.call == call.id,
            None => call.kind != LineKind::Phone,
        }
    }

    /// Whether a call can be taken into the conference on `line`.
    fn fits(&self, parent: Option<CallId>, line: &str, call: &Call) -> Result<(), LineError> {
        let elsewhere = call.consultation.is_some_and(|consultation| Some(consultation.other) != parent);
        let conferenced = self.conference_with(call).is_some() || call.conference.is_some();
        if *call.line != *line || conferenced || elsewhere {
            return Err(LineError::InvalCallHandle);
        }
        let listed = matches!(
            call.state,
            CallState::Connected(_) | CallState::OnHold | CallState::Proceeding | CallState::Ringback
        );
        if !listed {
            return Err(LineError::InvalCallState);
        }
        let station = call.leg.and_then(|leg| self.legs.get(&leg));
        let waits = call.errand.is_some() || call.pending.is_some() || call.camped.is_some();
        if waits || !has_far(call) || station.is_some_and(|station| !station.is_up()) {
            return Err(LineError::InvalCallHandle);
        }
        Ok(())
    }

    /// Takes a call in; its far party takes part from here on.
    fn enter(&mut self, now: Instant, parent: CallId, id: CallId, out: &mut Outbox) {
        if let Some(conference) = self.conferences.get_mut(&parent) {
            conference.members.push(id);
            // With a second member it is no set-up any more that the first party could be taken back from.
            if conference.silent.is_none() && conference.original != Some(id) {
                conference.original = None;
            }
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.held = None;
            call.conference = Some(parent);
        }
        self.end_consultation(id);
        self.report(now, id, CallReport::Conferenced, out);
        self.roster_changed(parent);
    }

    /// The station takes part again, and nobody is consulted any more.
    fn resume(&mut self, now: Instant, parent: CallId, out: &mut Outbox) {
        self.end_consultation(parent);
        self.report(now, parent, CallReport::Answered, out);
        self.retrieve(now, parent, out);
    }

    /// Of several legs of one station, that it has for these calls, one is kept; the others are ended.
    fn keep_station(&mut self, keep: Option<LegId>, ids: &[CallId], out: &mut Outbox) {
        let Some(keep) = keep else { return };
        let is_held = self.legs.get(&keep).is_some_and(|leg| leg.far_end != FarEnd::Listens);
        let mut spare = Vec::new();
        for id in ids {
            let Some(call) = self.calls.get_mut(id).filter(|call| call.kind == LineKind::Phone) else {
                continue;
            };
            let before = call.leg.replace(keep);
            call.held_by_station = is_held && self.conferences.contains_key(id);
            spare.extend(before.filter(|before| *before != keep).map(|leg| (leg, *id)));
        }
        for (leg, id) in spare {
            if self.users_of(leg, id).is_empty() {
                self.end_leg(leg, 480, Some(NORMAL_CLEARING), out);
            }
        }
    }

    /// A conference with one member left becomes a call again; one with none is over.
    fn dissolve(&mut self, now: Instant, parent: CallId, out: &mut Outbox) {
        let Some(conference) = self.conferences.remove(&parent) else { return };
        self.roster_changed(parent);
        let Some(call) = self.calls.get_mut(&parent) else { return };
        let held = call.held;
        let last = conference.members.first().copied();
        let station = if last.is_some() { call.leg.take() } else { call.leg };
        self.end_consultation(parent);
        let parting = Parting::by_us(DisconnectMode::Normal, 480, Some(NORMAL_CLEARING));
        if let Some(last) = last {
            self.keep_station(station, &[last], out);
            if let Some(leg) = station {
                self.give_station(leg, last);
            }
            let is_held =
                station.and_then(|leg| self.legs.get(&leg)).is_some_and(|leg| leg.far_end != FarEnd::Listens);
            if let Some(call) = self.calls.get_mut(&last) {
                call.conference = None;
                call.held = held.filter(|held| *held == super::Hold::Hard);
                call.held_by_station = is_held && call.kind == LineKind::Phone;
            }
        }
        self.over(now, parent, CallReport::Cleared, &parting, out);
        if let Some(last) = last {
            self.report(now, last, CallReport::Retrieved, out);
            if let Some(far) = self.calls.get(&last).and_then(|call| self.calls.get(&call.peer?)?.leg) {
                self.align_partner(far, out);
            }
        }
    }

    /// The parent of a conference ends, and with it every member; a consultation goes on as a call.
    pub(super) fn end_conference(&mut self, now: Instant, id: CallId, parting: &Parting, out: &mut Outbox) {
        let Some(conference) = self.conferences.remove(&id) else { return };
        self.roster_changed(id);
        self.end_consultation(id);
        if let Some(original) = conference.original.and_then(|original| self.calls.get_mut(&original)) {
            original.conference = None;
        }
        if let Some(silent) = conference.silent {
            self.drop_call(now, silent, out);
        }
        for member in conference.members {
            if let Some(call) = self.calls.get_mut(&member) {
                call.conference = None;
            }
            self.over(now, member, CallReport::Cleared, parting, out);
        }
    }

    /// Draws what follows for a conference from what became of one of its calls.
    pub(super) fn settle_conference(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        if self.conferences.is_empty() {
            return;
        }
        let Some(call) = self.calls.get(&id) else { return };
        let (state, consultation) = (call.state, call.consultation);
        if let Some(parent) = call.conference
            && state != CallState::Conferenced
        {
            self.settle_member(now, parent, id, out);
        }
        let consulted = consultation
            .filter(|consultation| consultation.is_consult && consultation.hold == super::Hold::Conference);
        if let Some(consultation) = consulted {
            self.settle_consult(now, consultation.other, id, out);
        }
        let Some(call) = self.calls.get(&id) else { return };
        if let Some(conference) = self.conference_with(call) {
            self.roster_changed(conference);
        }
    }

    /// A call that was a member, or is to become one by itself, is none.
    fn settle_member(&mut self, now: Instant, parent: CallId, id: CallId, out: &mut Outbox) {
        let Some(conference) = self.conferences.get_mut(&parent) else { return };
        let waits = conference.silent.is_some() && conference.original == Some(id);
        let call = self.calls.get_mut(&id);
        if waits {
            if call.is_some_and(|call| !matches!(call.state, CallState::Connected(_) | CallState::OnHold)) {
                self.give_up(now, parent, out);
            }
            return;
        }
        conference.members.retain(|member| *member != id);
        if conference.original == Some(id) {
            conference.original = None;
        }
        let (left, is_asked_for) = (conference.members.len(), conference.is_asked_for);
        if let Some(call) = call {
            call.conference = None;
        }
        self.roster_changed(parent);
        let consults = self.calls.get(&parent).is_some_and(|call| call.consultation.is_some());
        if !is_asked_for && (left == 0 || (left == 1 && !consults)) {
            self.dissolve(now, parent, out);
        }
    }

    /// What became of a consultation call that joins by itself.
    fn settle_consult(&mut self, now: Instant, parent: CallId, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let state = call.state;
        let Some(conference) = self.conferences.get(&parent) else { return };
        if conference.silent != Some(id) {
            return;
        }
        match state {
            CallState::Connected(_) => self.form(now, parent, id, out),
            CallState::Busy(_) | CallState::SpecialInfo(_) | CallState::Disconnected(_) | CallState::Idle => {
                self.give_up(now, parent, out);
            }
            CallState::Offering(_)
            | CallState::Accepted
            | CallState::DialTone(_)
            | CallState::Dialing
            | CallState::Ringback
            | CallState::Proceeding
            | CallState::OnHold
            | CallState::Conferenced
            | CallState::OnHoldPendConf
            | CallState::OnHoldPendTransfer
            | CallState::Unknown => {}
        }
    }

    /// A consultation was dropped: the station takes part again, if it is a conference yet.
    pub(super) fn unconsulted(&mut self, now: Instant, parent: CallId, out: &mut Outbox) {
        let Some(conference) = self.conferences.get_mut(&parent) else { return };
        if conference.silent.is_some() {
            self.give_up(now, parent, out);
            return;
        }
        conference.original = None;
        let (left, is_asked_for) = (conference.members.len(), conference.is_asked_for);
        if left <= 1 && !is_asked_for {
            self.dissolve(now, parent, out);
        } else {
            self.resume(now, parent, out);
        }
    }

    /// The silent consultation was answered: the conference forms.
    fn form(&mut self, now: Instant, parent: CallId, consult: CallId, out: &mut Outbox) {
        let Some(conference) = self.conferences.get_mut(&parent) else { return };
        conference.silent = None;
        let original = conference.original.take();
        let station = self.calls.get(&parent).and_then(|call| call.leg);
        let held = original.and_then(|original| self.calls.get(&original)?.held);
        self.keep_station(station, &[parent, consult], out);
        if let Some(original) = original {
            self.enter(now, parent, original, out);
        }
        self.enter(now, parent, consult, out);
        let is_held = self.calls.get(&parent).is_some_and(Call::holds);
        if is_held {
            // The station stays away, as it was.
            self.end_consultation(parent);
        } else {
            self.resume(now, parent, out);
            self.set_held(parent, held);
        }
    }

    /// The silent consultation failed: everything else is as it was.
    fn give_up(&mut self, now: Instant, parent: CallId, out: &mut Outbox) {
        let Some(conference) = self.conferences.get_mut(&parent) else { return };
        let Some(consult) = conference.silent.take() else { return };
        let original = conference.original.take();
        self.end_consultation(parent);
        self.drop_call(now, consult, out);
        // A conference that was there before goes on.
        if let Some(original) = original {
            if let Some(call) = self.calls.get_mut(&original) {
                call.conference = None;
            }
            self.drop_call(now, parent, out);
        }
    }
}

#[cfg(test)]
impl Switch {
    /// What holds of conferences after every input.
    pub(super) fn assert_conferences(&self) {
        for (id, conference) in &self.conferences {
            let parent = self.calls.get(id).expect("a conference has a parent");
            assert!(parent.is_alive() && parent.peer.is_none(), "{id} {parent:?}");
            for member in &conference.members {
                let call = self.calls.get(member).expect("a member is a call");
                assert_eq!((call.conference, call.state), (Some(*id), CallState::Conferenced), "{member}");
                assert_eq!(call.line, parent.line);
            }
        }
        for call in self.calls.values() {
            let conference = call.conference.and_then(|parent| self.conferences.get(&parent));
            let listed = conference.is_some_and(|conference| conference.members.contains(&call.id));
            assert_eq!(call.state == CallState::Conferenced, listed, "{call:?}");
            let held = matches!(call.state, CallState::OnHoldPendConf);
            assert!(!held || call.held.is_some(), "{call:?}");
        }
        let ended = super::leg::LegPhase::Ending;
        for (id, leg) in self.legs.iter().filter(|(_, leg)| leg.phase != ended) {
            let call = self.calls.get(&leg.call).expect("a leg is of a call");
            assert!(call.legs().any(|other| other == *id), "{leg:?} {call:?}");
        }
    }
}
