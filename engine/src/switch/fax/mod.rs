//! Fax by T.38 (ITU-T T.38 annex D, RFC 6913 §2): what one far end offers is passed on to the other, and what that one says comes back.
//!
//! ```text
//!  ATA ── INVITE m=image ──▶ switch ── INVITE m=image ──▶ trunk
//!  ATA ◀── 200 m=image ──── switch ◀── 200 m=image ───── trunk     UDPTL passes as it is
//!  ATA ◀── 488 ──────────── switch ◀── any refusal ────── trunk     audio goes on: fax as speech
//! ```
//!
//! Back to audio is the same way round. Fax lasts for as long as the two are connected with each other and with nobody else: whatever parts
//! them (hold, park, transfer, a conference) brings each of them back to audio by an offer of ours. Keys are not for fax: a leg that is
//! sealed, or whose line wants it to be, refuses it.

mod section;

use std::time::Duration;

use trunkline_media::MediaKind;
use trunkline_sip::LegId;
use trunkline_sip::outbox::Command;
use trunkline_sip::sdp::SessionDescription;

use super::Switch;
use super::ice;
use super::ids::CallId;
use super::leg::{Leg, LegPhase, Offered};
use super::media::Heard;
use super::outbox::Outbox;
use super::session::{audio, relayed};
use super::timers::Timer;
pub(super) use section::{fax, remote, tidy};

/// How long the other side may take to say something to an offer that is passed on; then it counts as refused. Far less than the 32 s after
/// which who offered it hears no more.
pub(super) const PASSING: Duration = Duration::from_secs(20);

/// An offer that waits for what the other side says to it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Passing {
    offer: Box<SessionDescription>,
    to: LegId,
}

/// What becomes of an offer.
pub(super) enum Taken {
    /// It is for this leg alone.
    Here(Box<SessionDescription>),
    /// It is passed on, answered, or refused.
    There,
}

impl Leg {
    /// Whether both sides agreed to fax.
    pub(super) fn is_fax(&self) -> bool {
        let is =
            |description: &SessionDescription| audio(description).is_none() && fax(description).is_some();
        self.theirs.as_deref().is_some_and(is) && self.ours.as_deref().is_some_and(is)
    }

    /// Takes what both sides described. While that is fax, what we described of audio is kept.
    pub(super) fn agree(&mut self, theirs: Box<SessionDescription>, ours: Box<SessionDescription>) {
        let was_fax = self.is_fax();
        let before = self.ours.replace(ours);
        self.theirs = Some(theirs);
        self.leaves_fax = false;
        match (was_fax, self.is_fax()) {
            (false, true) => self.audio = before,
            (_, false) => self.audio = None,
            (true, true) => {}
        }
    }
}

impl Switch {
    /// Takes an offer of a leg that changes what is relayed: to fax, or from it. The other side is asked first.
    pub(super) fn take_change(
        &mut self,
        leg: LegId,
        offer: Box<SessionDescription>,
        out: &mut Outbox,
    ) -> Taken {
        let Some(entry) = self.legs.get(&leg) else { return Taken::There };
        let wants_fax = audio(&offer).is_none();
        if entry.passing.is_some() {
            out.sip.push(Command::RefuseOffer(leg, 491));
            return Taken::There;
        }
        let partner = self.fax_partner(leg);
        let other = partner.and_then(|partner| self.legs.get(&partner));
        let (Some(partner), Some(other)) = (partner, other) else {
            if !wants_fax {
                return Taken::Here(offer);
            }
            out.sip.push(Command::RefuseOffer(leg, 488));
            return Taken::There;
        };
        if wants_fax && !(entry.keying.may_be_plain() && other.keying.may_be_plain()) {
            out.sip.push(Command::RefuseOffer(leg, 488));
        } else if other.passing.as_ref().is_some_and(|passing| passing.to == leg) {
            self.answer_crossing(leg, partner, offer, out);
        } else if !other.offered.is_empty() {
            out.sip.push(Command::RefuseOffer(leg, 491));
        } else {
            self.pass_on(leg, partner, offer, out);
        }
        Taken::There
    }

    /// The leg that this one is connected with, both ways, where an offer to it would be sent.
    fn fax_partner(&self, leg: LegId) -> Option<LegId> {
        let partner = self.partner(leg)?;
        let is_up = |leg| self.legs.get(&leg).is_some_and(|entry| entry.phase == LegPhase::Up);
        let connected = self.heard(leg) == Heard::Leg(partner) && self.heard(partner) == Heard::Leg(leg);
        (is_up(leg) && is_up(partner) && connected).then_some(partner)
    }

    fn pass_on(&mut self, leg: LegId, partner: LegId, offer: Box<SessionDescription>, out: &mut Outbox) {
        let place = self.place(partner);
        let now = self.now;
        let Some(other) = self.legs.get_mut(&partner) else { return };
        let passed = other.ours.as_ref().zip(place);
        let passed = passed.and_then(|(ours, place)| section::passed_on(ours, &offer, place)).map(Box::new);
        let written = passed.map(|passed| (other.keying.write(&passed, true, &mut self.rng), passed));
        let Some((written, passed)) = written.filter(|(written, _)| relayed(written).is_some()) else {
            out.sip.push(Command::RefuseOffer(leg, 488));
            return;
        };
        other.offered.push_back(Offered { on_behalf: Some(leg), ..Offered::own(passed) });
        out.sip.push(Command::Offer(partner, written));
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        entry.passing = Some(Box::new(Passing { offer, to: partner }));
        self.timers.start(entry.call, Timer::Passing, now + PASSING);
    }

    /// Both sides offer the same change at once: each offer is the answer to the other.
    fn answer_crossing(
        &mut self,
        leg: LegId,
        partner: LegId,
        offer: Box<SessionDescription>,
        out: &mut Outbox,
    ) {
        let waiting = self.legs.get(&partner).and_then(|other| other.passing.as_ref());
        let same = waiting.filter(|waiting| audio(&waiting.offer).is_some() == audio(&offer).is_some());
        let Some(theirs) = same.map(|waiting| waiting.offer.clone()) else {
            out.sip.push(Command::RefuseOffer(leg, 491));
            return;
        };
        self.answer_passing(partner, leg, Some(&offer), out);
        self.answer_change(leg, offer, &theirs, out);
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
        let call = entry.call;
        self.timers.stop(call, Timer::Passing);
        match theirs {
            Some(theirs) => self.answer_change(leg, passing.offer, theirs, out),
            None => out.sip.push(Command::RefuseOffer(leg, 488)),
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

    fn answer_change(
        &mut self,
        leg: LegId,
        offer: Box<SessionDescription>,
        theirs: &SessionDescription,
        out: &mut Outbox,
    ) {
        let place = self.place(leg);
        let answer = place.and_then(|place| section::answered(&offer, theirs, place));
        let (Some(mut answer), Some(entry)) = (answer.map(Box::new), self.legs.get_mut(&leg)) else {
            out.sip.push(Command::RefuseOffer(leg, 488));
            return;
        };
        if audio(&answer).is_some() {
            ice::take_part(&mut entry.ice, &mut self.rng, &offer, &mut answer);
        }
        let written = entry.keying.write(&answer, false, &mut self.rng);
        out.sip.push(Command::AnswerOffer(leg, written));
        self.agreed(leg, offer, answer, out);
        self.align_partner(leg, out);
    }

    /// Both sides of a leg have described what they relay from here on.
    pub(super) fn agreed(
        &mut self,
        leg: LegId,
        theirs: Box<SessionDescription>,
        ours: Box<SessionDescription>,
        out: &mut Outbox,
    ) {
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        let was_fax = entry.is_fax();
        entry.agree(theirs, ours);
        if !was_fax && entry.is_fax() {
            self.media_detected(leg, MediaKind::Fax, out);
        }
        self.session_changed(leg, out);
    }

    /// Describes a leg again as it was, whose far end took an offer of ours but rejected all of it.
    pub(super) fn describe_again(&mut self, leg: LegId, rejected: &SessionDescription, out: &mut Outbox) {
        let place = self.place(leg);
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        let Some((ours, place)) = entry.ours.as_ref().zip(place) else { return };
        let offer = Box::new(section::again(ours, rejected, place));
        let written = entry.keying.write(&offer, true, &mut self.rng);
        entry.offered.push_back(Offered::own(offer));
        out.sip.push(Command::Offer(leg, written));
    }

    /// The other side does not say anything to an offer of the call's leg.
    pub(super) fn passing_over(&mut self, id: CallId, out: &mut Outbox) {
        let leg = self.calls.get(&id).and_then(|call| call.leg);
        let waiting = leg.and_then(|leg| self.legs.get_mut(&leg)).and_then(|entry| entry.passing.take());
        if let (Some(leg), Some(_)) = (leg, waiting) {
            out.sip.push(Command::RefuseOffer(leg, 488));
            self.dirty.insert(id);
        }
    }

    /// Brings a leg of fax back to audio that is not connected with another one; an offer that nobody is there for is refused.
    pub(super) fn settle_fax(&mut self, id: CallId, out: &mut Outbox) {
        let Some(leg) = self.calls.get(&id).and_then(|call| call.leg) else { return };
        let Some(entry) = self.legs.get(&leg).filter(|entry| entry.phase == LegPhase::Up) else { return };
        let (waits_for, speaks_for) = (entry.passing.as_ref().map(|passing| passing.to), entry.call);
        if waits_for.is_none() && !entry.is_fax() {
            return;
        }
        let partner = self.fax_partner(leg);
        if waits_for.is_some() && waits_for != partner {
            self.timers.stop(speaks_for, Timer::Passing);
            if let Some(entry) = self.legs.get_mut(&leg) {
                entry.passing = None;
            }
            out.sip.push(Command::RefuseOffer(leg, 488));
        }
        let is_connected =
            partner.and_then(|partner| self.legs.get(&partner)).is_some_and(|other| other.is_fax());
        if !is_connected {
            self.leave_fax(leg, out);
        }
    }

    /// Asserts that fax is between two legs that are connected, or on its way back to audio.
    #[cfg(test)]
    pub(super) fn assert_fax(&self) {
        for (id, call) in self.calls.iter() {
            let leg = call.leg.and_then(|leg| self.legs.get(&leg)).filter(|leg| leg.phase == LegPhase::Up);
            let Some(entry) = leg else { continue };
            let partner = self.fax_partner(entry.id);
            let waits_for = entry.passing.as_ref().map(|passing| passing.to);
            assert!(waits_for.is_none() || waits_for == partner, "{id} waits for nobody: {entry:?}");
            let leaves = entry.leaves_fax || waits_for.is_some() || !entry.offered.is_empty();
            let is_connected = partner.and_then(|partner| self.legs.get(&partner)).is_some_and(Leg::is_fax);
            assert!(!entry.is_fax() || leaves || is_connected, "{id} faxes with nobody: {entry:?}");
        }
    }

    /// Offers audio on a leg of fax, once: who refuses it stays where it is.
    pub(super) fn leave_fax(&mut self, leg: LegId, out: &mut Outbox) {
        let place = self.place(leg);
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        if !entry.is_fax() || entry.leaves_fax || entry.passing.is_some() || !entry.offered.is_empty() {
            return;
        }
        let Some((ours, place)) = entry.ours.as_ref().zip(place) else { return };
        let offer = Box::new(section::audio_again(ours, entry.audio.as_deref(), place));
        entry.leaves_fax = true;
        let written = entry.keying.write(&offer, true, &mut self.rng);
        entry.offered.push_back(Offered::own(offer));
        out.sip.push(Command::Offer(leg, written));
    }
}
