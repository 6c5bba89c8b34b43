//! Offers of one far end that are passed on to the other, and what that one says to them: fax ([`super::fax`]), video and text
//! ([`super::streams`]). Everything else of a session each leg agrees by itself.

use std::time::Duration;

use trunkline_sip::LegId;
use trunkline_sip::outbox::Command;
use trunkline_sip::sdp::SessionDescription;

use super::Switch;
use super::ids::CallId;
use super::leg::{Leg, LegPhase, Offered};
use super::media::Heard;
use super::outbox::Outbox;
use super::session::{audio, relayed};
use super::timers::Timer;

/// How long the other side may take to say something to an offer that is passed on; then it counts as refused. Far less than the 32 s after
/// which who offered it hears no more.
pub(super) const PASSING: Duration = Duration::from_secs(20);

/// An offer that waits for what the other side says to it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Passing {
    pub(super) offer: Box<SessionDescription>,
    pub(super) to: LegId,
}

/// What becomes of an offer.
pub(super) enum Taken {
    /// It is for this leg alone.
    Here(Box<SessionDescription>),
    /// It is passed on, answered, or refused.
    There,
}

impl Leg {
    /// Whether an offer is one of fax, or of the way back from it.
    fn is_of_fax(&self, offer: &SessionDescription) -> bool {
        self.is_fax() || audio(offer).is_none()
    }
}

impl Switch {
    /// The leg that this one is connected with, both ways, where an offer to it would be sent.
    pub(super) fn connected_partner(&self, leg: LegId) -> Option<LegId> {
        let partner = self.partner(leg)?;
        let is_up = |leg| self.legs.get(&leg).is_some_and(|entry| entry.phase == LegPhase::Up);
        let connected = self.heard(leg) == Heard::Leg(partner) && self.heard(partner) == Heard::Leg(leg);
        (is_up(leg) && is_up(partner) && connected).then_some(partner)
    }

    /// Passes an offer on as what the other leg is to be told of it; gives it back where that cannot be said there.
    pub(super) fn pass_on(
        &mut self,
        leg: LegId,
        partner: LegId,
        offer: Box<SessionDescription>,
        passed: Option<SessionDescription>,
        out: &mut Outbox,
    ) -> Taken {
        let Some(other) = self.legs.get_mut(&partner) else { return Taken::Here(offer) };
        let passed = passed.map(Box::new);
        let written = passed.map(|passed| (other.keying.write(&passed, true, &mut self.rng), passed));
        let Some((written, passed)) = written.filter(|(written, _)| relayed(written).is_some()) else {
            return Taken::Here(offer);
        };
        other.offered.push_back(Offered { on_behalf: Some(leg), ..Offered::own(passed) });
        out.sip.push(Command::Offer(partner, written));
        if let Some(entry) = self.legs.get_mut(&leg) {
            entry.passing = Some(Box::new(Passing { offer, to: partner }));
            self.timers.start(entry.call, Timer::Passing, self.now + PASSING);
        }
        Taken::There
    }

    /// The other side said something to an offer of this leg that was passed on: its description, or `None` where it refused.
    pub(super) fn answer_passing(
        &mut self,
        leg: LegId,
        by: LegId,
        theirs: Option<&SessionDescription>,
        out: &mut Outbox,
    ) {
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        let Some(passing) = entry.passing.take_if(|passing| passing.to == by) else { return };
        let (call, is_of_fax) = (entry.call, entry.is_of_fax(&passing.offer));
        self.timers.stop(call, Timer::Passing);
        match theirs {
            Some(theirs) if is_of_fax => self.answer_change(leg, passing.offer, theirs, out),
            Some(theirs) => self.answer_streams(leg, passing.offer, theirs, out),
            None => {
                self.refuse_passing(leg, passing.offer, out);
                self.refused_streams(leg, Some(by));
            }
        }
    }

    /// The other side takes no part in an offer: fax is refused, and of video and text nothing changes.
    fn refuse_passing(&mut self, leg: LegId, offer: Box<SessionDescription>, out: &mut Outbox) {
        if self.legs.get(&leg).is_some_and(|entry| entry.is_of_fax(&offer)) {
            out.sip.push(Command::RefuseOffer(leg, 488));
        } else {
            self.answer_alone(leg, offer, out);
        }
    }

    /// The far end has taken back an offer that was passed on: what the other side says to it concerns nobody.
    pub(super) fn offer_withdrawn(&mut self, leg: LegId) {
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        if entry.passing.take().is_some() {
            let call = entry.call;
            self.timers.stop(call, Timer::Passing);
            self.dirty.insert(call);
        }
    }

    /// The other side does not say anything to an offer of the call's leg.
    pub(super) fn passing_over(&mut self, id: CallId, out: &mut Outbox) {
        let leg = self.calls.get(&id).and_then(|call| call.leg);
        let waiting = leg.and_then(|leg| self.legs.get_mut(&leg)).and_then(|entry| entry.passing.take());
        if let Some((leg, waiting)) = leg.zip(waiting) {
            self.refuse_passing(leg, waiting.offer, out);
            self.refused_streams(leg, Some(waiting.to));
            self.dirty.insert(id);
        }
    }

    /// Refuses an offer of a leg that waits for somebody with whom it is not connected any more.
    pub(super) fn settle_passing(&mut self, leg: LegId, out: &mut Outbox) {
        let Some(entry) = self.legs.get(&leg) else { return };
        let Some(waits_for) = entry.passing.as_ref().map(|passing| passing.to) else { return };
        if self.connected_partner(leg) == Some(waits_for) {
            return;
        }
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        let (call, passing) = (entry.call, entry.passing.take());
        self.timers.stop(call, Timer::Passing);
        if let Some(passing) = passing {
            self.refuse_passing(leg, passing.offer, out);
        }
    }
}
