//! Barging in: a third party joins two that talk, as an ad-hoc conference (INTRUDE of TAPI, Join of RFC 3911).

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::outbox::Replaced;

use super::super::Switch;
use super::super::call::{Call, Few};
use super::super::call_state::{CallState, ConnectedMode};
use super::super::error::LineError;
use super::super::ids::CallId;
use super::super::outbox::Outbox;
use super::super::setup::LineKind;
use super::super::status::Failure;
use super::super::view::{CallOrigin, CallReason};
use super::Conference;

impl Switch {
    /// Whether a third party can join this call.
    ///
    /// # Errors
    /// [`LineError::ConferenceFull`]; [`LineError::OperationUnavail`] where nobody talks with anybody, somebody is being
    /// consulted, or the call is protected from it.
    pub(in crate::switch) fn can_intrude(&self, id: CallId) -> Result<(), LineError> {
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        if let Some(conference) = self.conference_with(call) {
            let full = self.is_full_conference(conference);
            return if full { Err(LineError::ConferenceFull) } else { Ok(()) };
        }
        let call = self.barged(call);
        let peer = call.peer.and_then(|peer| self.calls.get(&peer));
        let talks = |call: &Call| {
            matches!(call.state, CallState::Connected(_))
                && call.consultation.is_none()
                && call.conference.is_none()
        };
        let both =
            talks(call) && peer.is_some_and(talks) && self.is_spoken_for(call) && call.pending.is_none();
        if both && !self.is_protected(call) { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    /// Connects `new`, a call without partner that may wait for its answer, with both parties of a call. The conference is
    /// one of the line of `id`; of a trunk's call, that of its other side.
    pub(in crate::switch) fn intrude(&mut self, now: Instant, id: CallId, new: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let parent = match self.conference_with(call) {
            Some(parent) => parent,
            None => {
                let target = self.barged(call);
                let (target, line) = (target.id, Arc::clone(&target.line));
                let parent = self.next_call();
                self.conferences.insert(parent, Conference::default());
                self.enter(now, parent, target, out);
                let state = CallState::Connected(ConnectedMode::Active);
                self.introduce_parent(now, parent, Some(target), &line, state, None, out);
                self.resume(now, parent, out);
                parent
            }
        };
        let (Some(conference), Some(intruder)) = (self.calls.get(&parent), self.calls.get(&new)) else {
            return;
        };
        let (line, kind) = (Arc::clone(&conference.line), conference.kind);
        let origin =
            if intruder.kind == LineKind::Trunk { CallOrigin::External } else { CallOrigin::Internal };
        let member = Call {
            caller: intruder.station_party(),
            called: conference.caller.clone(),
            connected: intruder.station_party(),
            reason: CallReason::Intrude,
            leg: conference.leg.filter(|_| kind != LineKind::Trunk),
            media_worker: conference.media_worker,
            few: Some(Box::new(Few { conference: Some(parent), ..Few::NOTHING })),
            ..Call::new(now, CallId(0), line, kind, origin, CallState::Conferenced)
        };
        let member_id = self.next_call();
        if let Some(conference) = self.conferences.get_mut(&parent) {
            conference.members.push(member_id);
        }
        self.introduce(Call { id: member_id, ..member }, None, out);
        self.roster_changed(parent);
        self.join(now, member_id, new, out);
    }

    /// The call that becomes a member: of a trunk's call, its other side, whose station leads the conference.
    fn barged<'a>(&'a self, call: &'a Call) -> &'a Call {
        let peer = call.peer.and_then(|peer| self.calls.get(&peer));
        peer.filter(|peer| call.kind == LineKind::Trunk && peer.kind != LineKind::Trunk).unwrap_or(call)
    }

    /// Whether one of the two sides is secured against being disturbed (`lineSecureCall`).
    fn is_protected(&self, call: &Call) -> bool {
        let peer = call.peer.and_then(|peer| self.calls.get(&peer));
        call.is_secure || peer.is_some_and(|peer| peer.is_secure)
    }

    /// An INVITE with Join: its sender is connected with the parties of the dialog that it names. Whoever shares a pickup
    /// group with the line may, and the line itself.
    pub(in crate::switch) fn join_dialog(
        &mut self,
        now: Instant,
        id: CallId,
        join: Replaced,
        out: &mut Outbox,
    ) {
        let target = join.leg.and_then(|leg| self.legs.get(&leg)).map(|leg| leg.call);
        let status = match target.and_then(|target| self.calls.get(&target)) {
            None => 481,
            Some(target) if !self.may_join(id, target) => 403,
            Some(target) => match self.can_intrude(target.id) {
                Ok(()) => {
                    let target = target.id;
                    self.intrude(now, target, id, out);
                    return;
                }
                Err(LineError::ConferenceFull) => 486,
                Err(_) => 488,
            },
        };
        self.fail(now, id, &Failure::local(status), out);
    }

    fn may_join(&self, id: CallId, target: &Call) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        call.line == target.line || self.share_group(&call.line, &target.line)
    }
}
