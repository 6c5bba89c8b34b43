//! What applications ask of conferences.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::LegId;

use super::super::call::{Call, Consultation, Errand, Few};
use super::super::call_state::{CallState, ConnectedMode};
use super::super::consult::has_far;
use super::super::error::LineError;
use super::super::ids::{AppId, CallId};
use super::super::leg::Leg;
use super::super::operation::Outcome;
use super::super::outbox::Outbox;
use super::super::privilege::CallPrivilege;
use super::super::release::Parting;
use super::super::report::{CallReport, Hold};
use super::super::request::Asker;
use super::super::setup::LineKind;
use super::super::status::NORMAL_CLEARING;
use super::super::timers::Timer;
use super::super::view::{CallOrigin, PartyView};
use super::super::{DisconnectMode, Switch};
use super::Conference;
use crate::translate::Dialable;

impl Switch {
    pub(in crate::switch) fn can_setup_conference(&self, call: &Call) -> Result<(), LineError> {
        let engaged =
            self.conference_with(call).is_some() || call.conference.is_some() || call.consultation.is_some();
        if engaged || !has_far(call) || !self.is_spoken_for(call) {
            return Err(LineError::OperationUnavail);
        }
        if call.pending.is_some() { Err(LineError::InUse) } else { Ok(()) }
    }

    /// `lineSetupConference`.
    pub(in crate::switch) fn setup_conference(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        to: Option<String>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let line = Arc::clone(&call.line);
        let (dialled, called) = self.check_consult(call, to.as_deref())?;
        let is_silent = to.is_some();
        if is_silent && dialled.is_partial {
            return Err(LineError::InvalAddress);
        }
        let (parent, consult) = (self.next_call(), self.next_call());
        asker.reply(Ok(Outcome::Conference { conference: parent, consult: Some(consult) }), out);
        let mut conference = Conference { original: Some(id), ..Conference::default() };
        if is_silent {
            conference.silent = Some(consult);
            self.conferences.insert(parent, conference);
            self.introduce_parent(now, parent, Some(id), &line, CallState::Unknown, Some(asker.app), out);
            if let Some(call) = self.calls.get_mut(&id) {
                call.conference = Some(parent);
            }
            self.consult_silently(now, asker.app, consult, parent, called, out);
        } else {
            self.conferences.insert(parent, conference);
            self.enter(now, parent, id, out);
            let state = CallState::OnHoldPendConf;
            self.introduce_parent(now, parent, Some(id), &line, state, Some(asker.app), out);
            self.consult(now, asker.app, (parent, consult), Hold::Conference, dialled, called, out);
        }
        Ok(())
    }

    /// `lineSetupConference` without a first party (LINEADDRCAPFLAGS_SETUPCONFNULL). A phone is called for the consultation.
    pub(in crate::switch) fn setup_conference_on_line(
        &mut self,
        now: Instant,
        asker: Asker,
        address: &str,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let line = self.opened(asker.app, address)?;
        let (line, kind) = (Arc::clone(&line.address), line.kind);
        if kind == LineKind::Phone && self.location.bindings(&line, now).is_empty() {
            return Err(LineError::InvalLineState);
        }
        self.admit_call(&line)?;
        let (parent, consult) = (self.next_call(), self.next_call());
        asker.reply(Ok(Outcome::Conference { conference: parent, consult: Some(consult) }), out);
        self.conferences.insert(parent, Conference::default());
        let state = CallState::OnHoldPendConf;
        self.introduce_parent(now, parent, None, &line, state, Some(asker.app), out);
        let (dialled, called) = (Dialable { is_partial: true, ..Dialable::default() }, PartyView::default());
        self.consult(now, asker.app, (parent, consult), Hold::Conference, dialled, called, out);
        if kind == LineKind::Phone {
            self.timers.stop(consult, Timer::Dial);
            if let Some(call) = self.calls.get_mut(&consult) {
                call.errand = Some(Errand::Collect);
            }
            self.ring_own_phone(now, consult, &PartyView::default(), out);
        }
        Ok(())
    }

    pub(in crate::switch) fn can_prepare_add_to_conference(&self, call: &Call) -> Result<(), LineError> {
        if !self.is_conference(call.id) {
            return Err(LineError::InvalConfCallHandle);
        }
        if call.consultation.is_some() || !self.is_spoken_for(call) {
            return Err(LineError::OperationUnavail);
        }
        if call.pending.is_some() {
            return Err(LineError::InUse);
        }
        if self.is_full_conference(call.id) { Err(LineError::ConferenceFull) } else { Ok(()) }
    }

    /// `linePrepareAddToConference`.
    pub(in crate::switch) fn prepare_add_to_conference(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        to: Option<String>,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let (dialled, called) = self.check_consult(call, to.as_deref())?;
        let is_silent = to.is_some();
        if is_silent && dialled.is_partial {
            return Err(LineError::InvalAddress);
        }
        let consult = self.next_call();
        asker.reply(Ok(Outcome::Consult(consult)), out);
        if is_silent {
            if let Some(conference) = self.conferences.get_mut(&id) {
                conference.silent = Some(consult);
            }
            self.consult_silently(now, asker.app, consult, id, called, out);
        } else {
            self.consult(now, asker.app, (id, consult), Hold::Conference, dialled, called, out);
        }
        Ok(())
    }

    pub(in crate::switch) fn can_add_to_conference(&self, app: AppId, call: &Call) -> Result<(), LineError> {
        if !self.is_conference(call.id) {
            return Err(LineError::InvalConfCallHandle);
        }
        if self.is_full_conference(call.id) {
            return Err(LineError::ConferenceFull);
        }
        // Retrieved at the handset, where it is held there.
        if call.held_by_station {
            return Err(LineError::OperationUnavail);
        }
        let fits = |other: &Call| {
            other.privilege(app) == CallPrivilege::Owner
                && self.fits(Some(call.id), &call.line, other).is_ok()
        };
        let line = self.lines.of_call(&call.line);
        let mut others = line.iter().flat_map(|line| line.calls.iter()).filter_map(|id| self.calls.get(id));
        if others.any(fits) { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    /// `lineAddToConference`. A consultation call that is not the one that is added is dropped.
    pub(in crate::switch) fn add_to_conference(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        added: CallId,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let other = self.owned(asker.app, added, LineError::InvalCallHandle)?;
        let parent = self.calls.get(&id).ok_or(LineError::InvalConfCallHandle)?;
        self.fits(Some(id), &parent.line, other)?;
        let keep = self.better_station(parent, other);
        asker.done(out);
        let abandoned =
            parent.consultation.map(|consultation| consultation.other).filter(|other| *other != added);
        let mut ids = vec![id, added];
        if let Some(conference) = self.conferences.get_mut(&id) {
            conference.original = None;
            conference.silent = None;
            ids.extend(conference.members.iter().copied());
        }
        self.keep_station(keep, &ids, out);
        self.enter(now, id, added, out);
        self.resume(now, id, out);
        if let Some(abandoned) = abandoned {
            self.drop_call(now, abandoned, out);
        }
        Ok(())
    }

    /// Of the station's legs, the one that the person speaks on.
    fn better_station(&self, parent: &Call, added: &Call) -> Option<LegId> {
        let speaks = matches!(added.state, CallState::Connected(_))
            && !matches!(parent.state, CallState::Connected(_));
        let (first, second) = if speaks { (added.leg, parent.leg) } else { (parent.leg, added.leg) };
        first.or(second)
    }

    pub(in crate::switch) fn can_remove_from_conference(&self, call: &Call) -> Result<(), LineError> {
        if call.conference.is_some() { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    /// `lineRemoveFromConference`: the member is dropped.
    pub(in crate::switch) fn remove_from_conference(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        asker.done(out);
        let parting = Parting::by_us(DisconnectMode::Normal, 480, Some(NORMAL_CLEARING));
        self.over(now, id, CallReport::Cleared, &parting, out);
        Ok(())
    }

    pub(in crate::switch) fn can_get_conf_related_calls(&self, call: &Call) -> Result<(), LineError> {
        if self.related(call).is_empty() { Err(LineError::NoConference) } else { Ok(()) }
    }

    /// `lineGetConfRelatedCalls`: with monitor handles for those that the application did not know.
    pub(in crate::switch) fn get_conf_related_calls(
        &mut self,
        asker: Asker,
        id: CallId,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let related = self.calls.get(&id).map(|call| self.related(call)).unwrap_or_default();
        if related.is_empty() {
            return Err(LineError::NoConference);
        }
        asker.reply(Ok(Outcome::Calls(related.clone())), out);
        for id in related {
            self.give_monitor(id, asker.app, out);
        }
        Ok(())
    }

    /// The parent, then the members; nothing where there is no conference.
    fn related(&self, call: &Call) -> Vec<CallId> {
        let parent = if self.is_conference(call.id) {
            Some(call.id)
        } else {
            call.conference.filter(|_| call.state == CallState::Conferenced)
        };
        let Some((parent, conference)) = parent.and_then(|parent| self.conferences.get_key_value(&parent))
        else {
            return Vec::new();
        };
        std::iter::once(*parent).chain(conference.members.iter().copied()).collect()
    }

    /// What a call is joined with: its other side, its conference or its members, and who is consulted for it.
    pub(in crate::switch) fn related_calls(&self, call: &Call) -> Vec<CallId> {
        let consultation = call.consultation.map(|consultation| consultation.other);
        let conference = self.related(call).into_iter().filter(|id| *id != call.id);
        call.peer.into_iter().chain(consultation).chain(conference).collect()
    }

    /// Whether two calls may become a conference by `lineCompleteTransfer`.
    pub(in crate::switch) fn fit_conference_of(&self, id: CallId, consult: CallId) -> Result<(), LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        let other = self.calls.get(&consult).ok_or(LineError::InvalConsultCallHandle)?;
        let free = |call: &Call, partner: CallId| {
            let elsewhere = call.consultation.is_some_and(|consultation| consultation.other != partner);
            let up = call.leg.and_then(|leg| self.legs.get(&leg)).is_none_or(Leg::is_up);
            let engaged =
                call.camped.is_some() || call.conference.is_some() || self.conference_with(call).is_some();
            has_far(call) && up && !elsewhere && !engaged && call.pending.is_none()
        };
        if !free(call, consult) {
            return Err(LineError::OperationUnavail);
        }
        if id == consult || call.line != other.line || !free(other, id) || other.errand.is_some() {
            return Err(LineError::InvalConsultCallHandle);
        }
        match other.state {
            CallState::Connected(_) | CallState::Ringback | CallState::Proceeding => Ok(()),
            CallState::Idle
            | CallState::Offering(_)
            | CallState::Accepted
            | CallState::DialTone(_)
            | CallState::Dialing
            | CallState::Busy(_)
            | CallState::SpecialInfo(_)
            | CallState::OnHold
            | CallState::Conferenced
            | CallState::OnHoldPendConf
            | CallState::OnHoldPendTransfer
            | CallState::Disconnected(_)
            | CallState::Unknown => Err(LineError::InvalCallState),
        }
    }

    /// `lineCompleteTransfer` with LINETRANSFERMODE_CONFERENCE: both calls become members of a conference.
    pub(in crate::switch) fn conference_of(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        consult: CallId,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        self.owned(asker.app, consult, LineError::InvalConsultCallHandle)?;
        self.fit_conference_of(id, consult)?;
        let (Some(call), Some(other)) = (self.calls.get(&id), self.calls.get(&consult)) else {
            return Err(LineError::InvalCallHandle);
        };
        let line = Arc::clone(&call.line);
        let keep = self.better_station(call, other);
        let parent = self.next_call();
        asker.reply(Ok(Outcome::Conference { conference: parent, consult: None }), out);
        self.conferences.insert(parent, Conference::default());
        self.keep_station(keep, &[id, consult], out);
        self.enter(now, parent, id, out);
        self.enter(now, parent, consult, out);
        let state = CallState::Connected(ConnectedMode::Active);
        self.introduce_parent(now, parent, Some(consult), &line, state, Some(asker.app), out);
        self.resume(now, parent, out);
        self.keep_station(keep, &[parent], out);
        Ok(())
    }

    /// Whether `lineUnhold` on a member takes the set-up of its conference back (the first party only, while somebody is
    /// consulted).
    pub(in crate::switch) fn can_take_back(&self, call: &Call) -> Result<(), LineError> {
        let set_up = call.conference.and_then(|parent| self.calls.get(&parent)).is_some_and(|parent| {
            let conference = self.conferences.get(&parent.id);
            parent.state == CallState::OnHoldPendConf
                && conference.is_some_and(|conference| conference.original == Some(call.id))
        });
        if set_up { Ok(()) } else { Err(LineError::InvalCallState) }
    }

    /// `lineUnhold` as far as it is about conferences: a parent that is held for a consultation, whose consultation then
    /// ends; or the first party of one that is being set up. Whether it was.
    pub(in crate::switch) fn unhold_conference(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        out: &mut Outbox,
    ) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        let original = call.conference.filter(|_| call.state == CallState::Conferenced);
        let parent = if self.is_conference(id) { Some(id) } else { original };
        let Some(parent) = parent else { return false };
        let held = self.calls.get(&parent).is_some_and(|call| call.state == CallState::OnHoldPendConf);
        if !held {
            return false;
        }
        asker.done(out);
        let consult = self.end_consultation(parent).map(|consultation| consultation.other);
        let Some(conference) = self.conferences.get_mut(&parent) else { return true };
        conference.original = None;
        let is_formed = conference.members.len() > 1;
        // Where the phone was called for the consultation alone, that is its dialog with the conference.
        let station = consult.and_then(|consult| self.calls.get(&consult)?.leg);
        let station = station.filter(|leg| self.legs.get(leg).is_some_and(Leg::is_up));
        let is_deaf = self.calls.get_mut(&parent).is_some_and(|call| {
            if call.kind != LineKind::Trunk {
                call.leg = call.leg.or(station);
            }
            call.kind == LineKind::Phone && call.leg.is_none()
        });
        if !is_formed && (original.is_some() || is_deaf) {
            self.dissolve(now, parent, out);
        } else {
            self.resume(now, parent, out);
        }
        if let Some(consult) = consult {
            self.drop_call(now, consult, out);
        }
        true
    }

    /// Calls somebody who is to join the conference by himself; nobody is held for it (NOHOLDCONFERENCE).
    fn consult_silently(
        &mut self,
        now: Instant,
        app: AppId,
        consult: CallId,
        parent: CallId,
        called: PartyView,
        out: &mut Outbox,
    ) {
        let number = called.number.clone();
        let Some(call) = self.calls.get_mut(&parent) else { return };
        let (line, kind) = (Arc::clone(&call.line), call.kind);
        call.consultation = Some(Consultation { hold: Hold::Conference, other: consult, is_consult: false });
        let beside = Consultation { hold: Hold::Conference, other: parent, is_consult: true };
        let call = Call {
            caller: call.caller.clone(),
            called,
            calls: true,
            media_worker: call.media_worker,
            made: true,
            claimed: true,
            few: Some(Box::new(Few { consultation: Some(beside), ..Few::NOTHING })),
            ..Call::new(now, consult, Arc::clone(&line), kind, CallOrigin::Outbound, CallState::Dialing)
        };
        self.introduce(call, Some(app), out);
        if kind == LineKind::Trunk {
            self.ring_trunk(now, consult, None, (&line, &number), None, out);
        } else {
            self.dial(now, consult, &number, out);
        }
    }

    /// Puts a parent in its place.
    #[expect(clippy::too_many_arguments, reason = "what a parent is made of")]
    pub(super) fn introduce_parent(
        &mut self,
        now: Instant,
        parent: CallId,
        beside: Option<CallId>,
        line: &Arc<str>,
        state: CallState,
        maker: Option<AppId>,
        out: &mut Outbox,
    ) {
        let Some(entry) = self.lines.of_call(line) else { return };
        let (kind, name) = (entry.kind, entry.name.clone());
        let beside = beside.and_then(|beside| self.calls.get(&beside));
        let leg = beside.filter(|_| kind != LineKind::Trunk).and_then(|beside| beside.leg);
        let media_worker = beside.map(|beside| beside.media_worker);
        let media_worker = media_worker.unwrap_or_else(|| self.media.choose_worker(&self.setup.media));
        let call = Call {
            caller: PartyView::new(line.to_string(), name),
            leg,
            media_worker,
            made: maker.is_some(),
            claimed: maker.is_some(),
            held: (state == CallState::OnHoldPendConf).then_some(Hold::Conference),
            ..Call::new(now, parent, Arc::clone(line), kind, CallOrigin::Conference, state)
        };
        self.introduce(call, maker, out);
    }
}
