//! Callers that name a dialog of the engine and want to be in its place: `Replaces` of an INVITE (RFC 3891).
//!
//! - An answered leg may be taken over by another device of its line. The new leg is answered at once, the old one hung up;
//!   who talked there talks on. Referred-By earns nothing: whoever calls writes it himself, and lamps tell a dialog's tags
//!   to every line.
//! - A ringing leg may be taken over by whoever may pick up the line's calls: its own devices, and lines of its groups.
//! - The leg of a parked party may be taken over by every line: its place is that of the slot.
//! - Nobody takes over a secured call, or a leg of a trunk.

use std::time::Instant;

use trunkline_sip::outbox::Replaced;

use super::Switch;
use super::ids::CallId;
use super::leg::LegPhase;
use super::outbox::Outbox;
use super::refer::can_send;
use super::setup::LineKind;
use super::status::Failure;

/// The place that a caller takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// That of a station that talks.
    Station(CallId),
    /// That of a station that rings.
    Offer(CallId),
    /// That of whoever parked this one.
    Parker(CallId),
}

impl Switch {
    /// The place that a caller of this line may take.
    ///
    /// # Errors
    /// The status of the refusal: 481 where nothing matches, 603 where it is over or cannot be taken, 486 where it should be
    /// early and is answered, 403 without the right.
    pub(super) fn check_replaces(&self, replaced: Replaced, line: &str) -> Result<Taken, u16> {
        let leg = replaced.leg.and_then(|leg| self.legs.get(&leg)).ok_or(481_u16)?;
        let call = self.calls.get(&leg.call).ok_or(481_u16)?;
        let is_own = *call.line == *line;
        if call.parked.is_some() {
            // Who waits at a slot may be retrieved by every line, as by dialling the slot.
            return if replaced.early_only { Err(486) } else { Ok(Taken::Parker(call.id)) };
        }
        if call.is_secure || call.kind == LineKind::Trunk {
            return Err(403);
        }
        match leg.phase {
            LegPhase::Ending => Err(603),
            // RFC 3891 §3: an early dialog that we did not begin does not match.
            LegPhase::Offered => Err(481),
            LegPhase::Inviting if call.peer.is_none() => Err(603),
            LegPhase::Inviting if self.may_pick_up(line, &call.line) => Ok(Taken::Offer(call.id)),
            LegPhase::Answered | LegPhase::Up if replaced.early_only => Err(486),
            LegPhase::Answered | LegPhase::Up if is_own => {
                let fits = can_send(call) && call.consultation.is_none();
                if fits { Ok(Taken::Station(call.id)) } else { Err(603) }
            }
            LegPhase::Inviting | LegPhase::Answered | LegPhase::Up => Err(403),
        }
    }

    /// Puts a caller, whose leg waits for its answer, in the place that he may take.
    pub(super) fn take_place(&mut self, now: Instant, id: CallId, place: Taken, out: &mut Outbox) {
        match place {
            Taken::Offer(offered) => self.take_offered(now, id, offered, out),
            Taken::Parker(far) => {
                if let Err(status) = self.join_parked(now, id, far, out) {
                    self.fail(now, id, &Failure::local(status), out);
                }
            }
            Taken::Station(of) => {
                let far = self.take_far(of);
                let reason = self.calls.get(&of).map(|call| call.reason);
                if let Some((call, reason)) = self.calls.get_mut(&id).zip(reason) {
                    call.reason = reason;
                }
                self.leave(now, of, out);
                if let Some(far) = far {
                    self.join(now, far, id, out);
                }
            }
        }
    }

    /// Whether the two lines have a group of pickup in common.
    pub(super) fn share_group(&self, one: &str, other: &str) -> bool {
        let groups =
            |address: &str| self.lines.get(address).map(|line| line.groups.as_slice()).unwrap_or_default();
        groups(one).iter().any(|group| groups(other).contains(group))
    }
}
