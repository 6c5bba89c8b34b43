//! Conferences of phones (RFC 4579): the factory that a phone calls to get one, and what it asks of the focus by REFER.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::outbox::Command;

use super::super::DisconnectMode;
use super::super::Switch;
use super::super::call::Call;
use super::super::call_state::CallState;
use super::super::error::LineError;
use super::super::ids::CallId;
use super::super::outbox::Outbox;
use super::super::release::Parting;
use super::super::report::CallReport;
use super::super::setup::LineKind;
use super::super::status::NORMAL_CLEARING;
use super::super::view::{CallOrigin, PartyView};
use super::Conference;

/// What the user part of a focus begins with; the number of the parent call follows.
const FOCUS: &str = "conf-";

/// The user part of the URI of a conference.
pub(in crate::switch) fn focus_name(id: CallId) -> String {
    format!("{FOCUS}{}", id.0)
}

impl Switch {
    /// The conference of this user part, while it lasts.
    pub(in crate::switch) fn focus_named(&self, user: &str) -> Option<CallId> {
        let id = CallId(user.strip_prefix(FOCUS)?.parse().ok()?);
        self.is_conference(id).then_some(id)
    }

    /// The conference that a line leads, or else takes part in.
    pub(in crate::switch) fn conference_on(&self, line: &str) -> Option<CallId> {
        let calls = || self.lines.of_call(line).into_iter().flat_map(|line| line.calls.iter());
        let led = calls().find(|id| self.is_conference(**id)).copied();
        led.or_else(|| calls().find_map(|id| self.conference_with(self.calls.get(id)?)))
    }

    /// Whether a line that dials this asks for a conference of its own.
    pub(in crate::switch) fn is_factory(&self, dialled: &str) -> bool {
        let factory = &self.setup.conference.factory;
        !factory.is_empty() && factory == dialled
    }

    /// The caller called the factory: the call becomes a conference without members, and is answered.
    pub(in crate::switch) fn open_conference(&mut self, now: Instant, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.origin = CallOrigin::Conference;
        call.called.name = "Conference".to_owned();
        let leg = call.leg;
        self.conferences.insert(id, Conference { is_asked_for: true, ..Conference::default() });
        if let Some(leg) = leg {
            self.tell_focus(leg, Some(id), out);
        }
        self.answer_caller(now, id, None, out);
    }

    /// Says which conference the engine is the focus of on this leg, as far as it was not said.
    pub(in crate::switch) fn tell_focus(&mut self, leg: LegId, focus: Option<CallId>, out: &mut Outbox) {
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        if entry.focus != focus {
            entry.focus = focus;
            out.sip.push(Command::Focus(leg, focus.map(focus_name)));
        }
    }

    /// The conference that the far end of a leg talks with.
    pub(in crate::switch) fn focus_for(&self, leg: LegId) -> Option<CallId> {
        let call = self.legs.get(&leg).and_then(|entry| self.calls.get(&entry.call))?;
        self.conference_with(call)
    }

    /// Whether a call of the same line can be taken into a conference that its phone is in.
    ///
    /// # Errors
    /// As `lineAddToConference`.
    pub(super) fn can_bring_in(&self, parent: CallId, id: CallId) -> Result<(), LineError> {
        if self.is_full_conference(parent) {
            return Err(LineError::ConferenceFull);
        }
        let conference = self.calls.get(&parent).ok_or(LineError::InvalConfCallHandle)?;
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        self.fits(Some(parent), &conference.line, call)
    }

    /// Takes a call in; the phone's own leg of it is ended, if there is one.
    pub(super) fn bring_in(&mut self, now: Instant, parent: CallId, id: CallId, out: &mut Outbox) {
        let legs = [parent, id].map(|id| self.calls.get(&id).and_then(|call| call.leg));
        let keep = legs[0].or(legs[1]);
        self.keep_station(keep, &[parent, id], out);
        self.enter(now, parent, id, out);
        if let Some(keep) = keep {
            self.give_station(keep, parent);
        }
    }

    /// Calls a number into a conference: REFER to the focus. It is a member from when it is being called.
    ///
    /// # Errors
    /// [`LineError::ConferenceFull`], [`LineError::InvalAddress`] and what else there is to say of a number that cannot
    /// be called, [`LineError::CallUnavail`].
    pub(super) fn call_into(
        &mut self,
        now: Instant,
        parent: CallId,
        number: &str,
        out: &mut Outbox,
    ) -> Result<CallId, LineError> {
        if self.is_full_conference(parent) {
            return Err(LineError::ConferenceFull);
        }
        let conference = self.calls.get(&parent).ok_or(LineError::InvalConfCallHandle)?;
        let line = Arc::clone(&conference.line);
        let name =
            if conference.kind == LineKind::Trunk { String::new() } else { self.check_sent_to(number)? };
        self.admit_call(&line)?;
        let id = self.next_call();
        let conference = self.calls.get(&parent).ok_or(LineError::InvalConfCallHandle)?;
        let kind = conference.kind;
        let call = Call {
            caller: conference.caller.clone(),
            called: PartyView::new(number.to_owned(), name),
            calls: true,
            leg: conference.leg.filter(|_| kind != LineKind::Trunk),
            media_worker: conference.media_worker,
            ..Call::new(now, id, Arc::clone(&line), kind, CallOrigin::Outbound, CallState::Dialing)
        };
        self.introduce(call, None, out);
        if kind == LineKind::Trunk {
            self.ring_trunk(now, id, None, (&line, number), None, out);
        } else {
            self.dial(now, id, number, out);
        }
        let state = self.calls.get(&id).map(|call| call.state);
        if matches!(state, Some(CallState::Proceeding | CallState::Ringback | CallState::Connected(_))) {
            self.enter(now, parent, id, out);
            Ok(id)
        } else {
            Err(LineError::OperationFailed)
        }
    }

    /// Takes the member with this number out of a conference: REFER to the focus with `method=BYE`. Whether there is one.
    pub(super) fn expel(&mut self, now: Instant, parent: CallId, user: &str, out: &mut Outbox) -> bool {
        let members =
            self.conferences.get(&parent).into_iter().flat_map(|conference| conference.members.iter());
        let calls = members.filter_map(|member| self.calls.get(member));
        let named = calls.filter(|call| far_party(call).number == user).map(|call| call.id).next();
        if let Some(member) = named {
            let parting = Parting::by_us(DisconnectMode::Normal, 480, Some(NORMAL_CLEARING));
            self.over(now, member, CallReport::Cleared, &parting, out);
        }
        named.is_some()
    }
}

/// Who takes part by this member: the connected party, as far as it is known.
pub(in crate::switch) fn far_party(call: &Call) -> &PartyView {
    match (!call.connected.is_somebody(), call.calls || call.origin == CallOrigin::Outbound) {
        (false, _) => &call.connected,
        (true, true) => &call.called,
        (true, false) => &call.caller,
    }
}
