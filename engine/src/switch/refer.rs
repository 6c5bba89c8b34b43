//! What a phone asks by REFER (RFC 3515): transfers, carried out by the engine as those of applications.
//!
//! ```text
//!   phone                     engine                     B          C
//!     │ REFER Refer-To: C ──────▶│                       │          │
//!     │◀── 202, NOTIFY 100 ──────│ INVITE ──────────────────────────▶│
//!     │◀── NOTIFY 180 ───────────│◀───────────────────────────── 180 │
//!     │◀── NOTIFY 200 ───────────│◀───────────────────────────── 200 │
//!     │ BYE ────────────────────▶│═══════ B and C talk ══════════════│
//! ```
//!
//! - It is the phone that sends its party, so its line's rights count; where `lineMakeCall` on it would be refused, so is
//!   the REFER.
//! - The phone's call waits (ONHOLDPENDTRANSFER, or ONHOLD where the handset holds) until the destination has answered. If
//!   nobody does, the phone has its party back. A phone that hung up meanwhile is called back.
//! - `Replaces` names another call of the same line, answered or ringing: its far party is the destination, and that call
//!   ends at once.
//! - Where it names no dialog of the engine, and the Refer-To a number that the routes of lines lead to the trunk of that host,
//!   the party is sent there with that Replaces (RFC 3891): the other system knows the dialog, or says 481.
//! - One whose party is on its way already, or was sent here and is not answered, is refused with 603.
//! - A network may not transfer: its calls would be paid for by others.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::UsageId;
use trunkline_sip::outbox::{Command, Refer, ReferMethod, ReferTo, Replaced};

use super::Switch;
use super::call::{Call, Sent};
use super::call_facts::CallDeed;
use super::call_state::CallState;
use super::error::LineError;
use super::ids::CallId;
use super::outbox::Outbox;
use super::report::{CallReport, Hold};
use super::route::{Destination, Source, resolve};
use super::setup::{LineKind, TrunkSetup};

/// Where a REFER leads.
enum Referred {
    /// To a number.
    Number(String),
    /// To the far party of another call of the phone.
    Call(CallId),
    /// To a number behind a trunk, in place of this dialog there.
    Elsewhere(String, String),
}

impl Switch {
    pub(super) fn referred(&mut self, now: Instant, usage: UsageId, refer: &Refer, out: &mut Outbox) {
        // Networks may not refer, whatever they name and whoever their From says they are.
        let by = refer.leg.and_then(|leg| self.calls.get(&self.legs.get(&leg)?.call));
        if by.is_some_and(|call| call.kind == LineKind::Trunk) {
            out.sip.push(Command::AnswerRefer(usage, 403));
            return;
        }
        if self.referred_to_focus(now, usage, refer, out) || self.refer_parks(now, usage, refer, out) {
            return;
        }
        let (id, to) = match self.check_refer(refer) {
            Ok(found) => found,
            Err(status) => {
                out.sip.push(Command::AnswerRefer(usage, status));
                return;
            }
        };
        out.sip.push(Command::AnswerRefer(usage, 202));
        self.take_refer(now, id, to, refer.notifies.then_some(usage), out);
    }

    /// The call whose party is transferred, and where to; or the status of the refusal.
    fn check_refer(&self, refer: &Refer) -> Result<(CallId, Referred), u16> {
        if refer.to.method != ReferMethod::Invite {
            return Err(603);
        }
        let leg = refer.leg.and_then(|leg| self.legs.get(&leg)).filter(|leg| leg.is_up());
        let call = leg.and_then(|leg| self.calls.get(&leg.call)).ok_or(481_u16)?;
        if call.kind == LineKind::Trunk {
            return Err(403);
        }
        if !can_send(call) || call.consultation.is_some() {
            return Err(603);
        }
        let to = match refer.to.replaces {
            Some(Replaced { leg: None, .. }) => self.dialog_elsewhere(&refer.to)?,
            Some(replaced) => Referred::Call(self.other_call(call, replaced)?),
            None => Referred::Number(self.referred_number(call, &refer.to.user)?),
        };
        Ok((call.id, to))
    }

    fn referred_number(&self, call: &Call, user: &str) -> Result<String, u16> {
        let number = self.whole_number(user).map_err(|_| 404_u16)?;
        match self.check_sent_to(&number) {
            Ok(_) if self.leads_to(&number, &call.line) => Err(603),
            Ok(_) => Ok(number),
            Err(LineError::AddressBlocked) => Err(403),
            Err(_) => Err(404),
        }
    }

    /// Another system that may know the dialog.
    fn dialog_elsewhere(&self, to: &ReferTo) -> Result<Referred, u16> {
        let dialog = to.dialog.clone().ok_or(481_u16)?;
        let is_known = self.setup.trunks.iter().any(|trunk| is_at(trunk, &to.host));
        let number = self.whole_number(&to.user).ok().filter(|_| is_known).ok_or(481_u16)?;
        match resolve(&self.setup.routes, &self.lines, Source::Line, &number) {
            Ok(Destination::Trunk(trunk, _))
                if self.trunk(&trunk).is_some_and(|trunk| is_at(trunk, &to.host)) =>
            {
                Ok(Referred::Elsewhere(number, dialog))
            }
            Err(403) => Err(403),
            Ok(
                Destination::Trunk(..) | Destination::Line(_) | Destination::Group(_) | Destination::Page(_),
            )
            | Err(_) => Err(481),
        }
    }

    /// The other call of the phone that Replaces names.
    fn other_call(&self, call: &Call, replaced: Replaced) -> Result<CallId, u16> {
        let leg = replaced.leg.and_then(|leg| self.legs.get(&leg)).ok_or(481_u16)?;
        let other = self.calls.get(&leg.call).ok_or(481_u16)?;
        if other.line != call.line || other.is_secure {
            return Err(403);
        }
        if leg.is_up() && replaced.early_only {
            return Err(486);
        }
        let is_calling = matches!(other.state, CallState::Ringback | CallState::Proceeding);
        let is_unsent = other.sent.is_none() && other.sends.is_none();
        let fits = is_calling && other.peer.is_some() && is_unsent || can_send(other);
        if fits && other.id != call.id { Ok(other.id) } else { Err(603) }
    }

    fn take_refer(
        &mut self,
        now: Instant,
        id: CallId,
        to: Referred,
        usage: Option<UsageId>,
        out: &mut Outbox,
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (by, is_hidden) = (Arc::clone(&call.line), call.station_party().is_blocked);
        let Some(far) = self.take_far(id) else { return };
        if let Some(call) = self.calls.get_mut(&id) {
            call.sends = Some(far);
            call.held = Some(Hold::Transfer);
        }
        self.report(now, id, CallReport::Held(Hold::Transfer), out);
        let sent = Sent { by, from: Some(id), usage, rang: false, is_hidden };
        match to {
            Referred::Number(number) => {
                self.note_blind_transfer(id, far, &number);
                self.send_party(now, far, &number, sent, out);
            }
            Referred::Elsewhere(number, dialog) => {
                self.note_blind_transfer(id, far, &number);
                self.replacing = Some((far, dialog));
                self.send_party(now, far, &number, sent, out);
                self.replacing = None;
            }
            Referred::Call(other) => {
                let to = self.take_far(other);
                if let Some(to) = to {
                    self.note_deed(id, || CallDeed::AttendedTransfer { far, consult: other, to });
                }
                self.leave(now, other, out);
                if let Some(to) = to {
                    self.hand_over(now, far, to, sent, out);
                }
            }
        }
    }

    /// Takes the call on the other side out of this one.
    pub(super) fn take_far(&mut self, id: CallId) -> Option<CallId> {
        let far = self.calls.get_mut(&id)?.peer.take()?;
        if let Some(far) = self.calls.get_mut(&far) {
            far.peer = None;
        }
        self.set_hunt_adrift(id, far);
        self.dirty.insert(id);
        self.dirty.insert(far);
        Some(far)
    }
}

/// Whether the trunk leads to this host.
fn is_at(trunk: &TrunkSetup, host: &str) -> bool {
    let is_named = trunk.domain.get(..host.len()).is_some_and(|start| start.eq_ignore_ascii_case(host))
        && (trunk.domain.len() == host.len() || trunk.domain[host.len()..].starts_with(':'));
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_peer = |address: IpAddr| trunk.peers.iter().any(|(_, peer)| peer.ip() == address);
    !host.is_empty() && (is_named || address.is_ok_and(is_peer))
}

/// Whether the call has a party that can be sent elsewhere.
pub(super) fn can_send(call: &Call) -> bool {
    let is_up = matches!(call.state, CallState::Connected(_)) || call.holds();
    is_up && call.peer.is_some() && call.sent.is_none() && call.sends.is_none()
}
