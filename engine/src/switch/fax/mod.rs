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

use trunkline_media::MediaKind;
use trunkline_sip::LegId;
use trunkline_sip::outbox::Command;
use trunkline_sip::sdp::SessionDescription;

use super::Switch;
use super::ice;
use super::ids::CallId;
use super::leg::{Leg, LegPhase, Offered};
use super::outbox::Outbox;
use super::passing::Taken;
use super::session::audio;
pub(super) use section::{again, fax, remote, tidy};

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
        let is_fax = self.is_fax();
        // A refresh is no reason to ask again who refused to leave it.
        self.leaves_fax &= was_fax && is_fax;
        match (was_fax, is_fax) {
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
        let partner = self.connected_partner(leg);
        let other = partner.and_then(|partner| self.legs.get(&partner));
        let (Some(partner), Some(other)) = (partner, other) else {
            if !wants_fax {
                return Taken::Here(offer);
            }
            // A session that is refreshed goes on as it is. Who is not acknowledged yet may be asked soon.
            if entry.is_fax() {
                let ours = entry.ours.as_deref().cloned().unwrap_or_default();
                self.answer_change(leg, offer, &ours, out);
            } else {
                let status = if self.is_unacknowledged(leg) { 491 } else { 488 };
                out.sip.push(Command::RefuseOffer(leg, status));
            }
            return Taken::There;
        };
        if wants_fax && !(entry.keying.may_be_plain() && other.keying.may_be_plain()) {
            out.sip.push(Command::RefuseOffer(leg, 488));
        } else if other.passing.as_ref().is_some_and(|passing| passing.to == leg) {
            self.answer_crossing(leg, partner, offer, out);
        } else if !other.offered.is_empty() {
            out.sip.push(Command::RefuseOffer(leg, 491));
        } else {
            let passed = other.ours.as_ref().zip(self.place(partner));
            let passed = passed.and_then(|(ours, place)| section::passed_on(ours, &offer, place));
            if let Taken::Here(_) = self.pass_on(leg, partner, offer, passed, out) {
                out.sip.push(Command::RefuseOffer(leg, 488));
            }
        }
        Taken::There
    }

    /// Whether a leg, or the one that it talks with, was answered and its ACK is not here.
    fn is_unacknowledged(&self, leg: LegId) -> bool {
        let is_so = |leg| self.legs.get(&leg).is_some_and(|entry| entry.phase == LegPhase::Answered);
        is_so(leg) || self.partner(leg).is_some_and(is_so)
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

    /// Answers an offer of fax, or of the way back from it, with what the other side said to it.
    pub(super) fn answer_change(
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
        let offer = Box::new(again(ours, rejected, place));
        let written = entry.keying.write(&offer, true, &mut self.rng);
        entry.offered.push_back(Offered::own(offer));
        out.sip.push(Command::Offer(leg, written));
    }

    /// Brings a leg of fax back to audio that is not connected with another one; an offer that nobody is there for is refused.
    pub(super) fn settle_fax(&mut self, id: CallId, out: &mut Outbox) {
        let Some(leg) = self.calls.get(&id).and_then(|call| call.leg) else { return };
        let Some(entry) = self.legs.get(&leg).filter(|entry| entry.phase == LegPhase::Up) else { return };
        if entry.passing.is_none() && !entry.is_fax() {
            return;
        }
        self.settle_passing(leg, out);
        let partner = self.connected_partner(leg);
        let is_connected =
            partner.and_then(|partner| self.legs.get(&partner)).is_some_and(|other| other.is_fax());
        // Where the ACK of the other side is on its way the two are nearly connected.
        if !is_connected && !self.is_unacknowledged(leg) {
            self.leave_fax(leg, out);
        }
    }

    /// Asserts that fax is between two legs that are connected, or on its way back to audio.
    #[cfg(test)]
    pub(super) fn assert_fax(&self) {
        for (id, call) in self.calls.iter() {
            let leg = call.leg.and_then(|leg| self.legs.get(&leg)).filter(|leg| leg.phase == LegPhase::Up);
            let Some(entry) = leg else { continue };
            let partner = self.connected_partner(entry.id);
            let waits_for = entry.passing.as_ref().map(|passing| passing.to);
            assert!(waits_for.is_none() || waits_for == partner, "{id} waits for nobody: {entry:?}");
            let leaves = entry.leaves_fax || waits_for.is_some() || !entry.offered.is_empty();
            let is_connected = partner.and_then(|partner| self.legs.get(&partner)).is_some_and(Leg::is_fax);
            let leaves = leaves || self.is_unacknowledged(entry.id);
            assert!(!entry.is_fax() || leaves || is_connected, "{id} faxes with nobody: {entry:?}");
        }
    }

    /// Offers audio on a leg of fax, once: who refuses it stays where it is until it is to hear something else.
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
        // Where no codec of ours passes there is nothing to say: an offer of no section would end what there is.
        if audio(&written).is_none() {
            return;
        }
        entry.offered.push_back(Offered::own(offer));
        out.sip.push(Command::Offer(leg, written));
    }
}
