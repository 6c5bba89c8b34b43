//! Hold and retrieve, by an application or at the handset, and every other change of a session.
//!
//! - `lineHold` changes what the engine connects and sends nothing: the other side hears music, the own side silence. Where
//!   the line says so, the phone is asked to hold instead (`NOTIFY Event: hold`), and shows it.
//! - A phone that offers sendonly, inactive or `c=0.0.0.0` holds its own call: that call is ONHOLD, the other one
//!   CONNECTED (ACTIVEHELD) and hears music. Its retrieval lifts `lineHold` too: the person at the handset decides.
//! - A network behind a trunk that offers the same is the remote party, not a station of ours: the trunk's call and the
//!   call joined with it are CONNECTED (ACTIVEHELD); neither is ONHOLD (TAPI LINECONNECTEDMODE_ACTIVEHELD).

use std::time::Instant;

use trunkline_sip::LegId;
use trunkline_sip::outbox::Command;
use trunkline_sip::sdp::SessionDescription;

use super::Switch;
use super::call::{Call, Pending, Wish};
use super::call_state::CallState;
use super::codecs::CodecList;
use super::error::LineError;
use super::ice;
use super::ids::{AppId, CallId};
use super::leg::{Leg, LegPhase, Offered};
use super::outbox::Outbox;
use super::passing::Taken;
use super::privilege::CallPrivilege;
use super::report::{CallReport, Hold};
use super::request::Asker;
use super::session::{self, FarEnd};
use super::setup::LineKind;
use super::transcoding::{KNOWS_NO_CODEC, extended, is_spoken};

/// Offers of ours that may wait on one leg: one that the far end asked for, and one of our own.
const OFFERS_MAX: usize = 2;

impl Switch {
    pub(super) fn can_hold(&self, _call: &Call) -> Result<(), LineError> {
        Ok(())
    }

    /// `lineHold`: the engine holds what the station hears, or asks the station to, where its line says so and it can be asked back.
    pub(super) fn hold(&mut self, now: Instant, asker: Asker, id: CallId, out: &mut Outbox) {
        if let Some(leg) = self.holds_for_us(id) {
            let Asker { app, request } = asker;
            self.wait_for_station(now, id, Pending { app, request, wish: Wish::Hold });
            self.dirty.insert(id);
            out.sip.push(Command::Notify(leg, "hold"));
        } else {
            asker.done(out);
            self.set_held(id, Some(Hold::Hard));
        }
    }

    /// The leg of a station that can be asked to hold its call, and to retrieve it.
    fn holds_for_us(&self, id: CallId) -> Option<LegId> {
        let call = self.calls.get(&id)?;
        let line = self.lines.of_call(&call.line)?;
        let leg = self.legs.get(&call.leg?)?;
        let is_free =
            matches!(call.state, CallState::Connected(_)) && call.pending.is_none() && call.held.is_none();
        let is_asked = line.holds_at_phone && leg.is_up() && leg.talk && leg.hold && leg.call == id;
        (is_free && is_asked).then_some(leg.id)
    }

    /// Who holds at the handset retrieves there, unless the phone can be asked by NOTIFY or CSTA. A consultation call that waits is
    /// swapped instead; one whose phone talks on another call of the line waits for that one.
    pub(super) fn can_unhold(&self, call: &Call) -> Result<(), LineError> {
        if call.state == CallState::Conferenced {
            return self.can_take_back(call);
        }
        if call.pending.is_some() {
            return Err(LineError::InUse);
        }
        if call.camped.is_some() {
            return self.can_take_camped(call);
        }
        let talk = call.legs().any(|leg| self.legs.get(&leg).is_some_and(|leg| leg.talk));
        let is_asked = talk || self.is_retrieved_by_phone(call);
        let is_consult = call.consultation.is_some_and(|consultation| consultation.is_consult);
        if (call.held_by_station && !is_asked) || is_consult || call.sends.is_some() {
            return Err(LineError::OperationUnavail);
        }
        let is_original = call.consultation.is_some();
        let speaks_for = call.leg.and_then(|leg| self.calls.get(&self.legs.get(&leg)?.call));
        let elsewhere = speaks_for.is_some_and(|other| other.id != call.id && !other.holds());
        if elsewhere && !is_original { Err(LineError::InvalCallState) } else { Ok(()) }
    }

    /// `lineUnhold`. The original of a consultation gives it up.
    pub(super) fn unhold(&mut self, now: Instant, asker: Asker, id: CallId, out: &mut Outbox) {
        if self.unhold_conference(now, asker, id, out) {
            return;
        }
        let Some(call) = self.calls.get(&id) else { return };
        if call.held_by_station {
            let Asker { app, request } = asker;
            self.wait_for_station(now, id, Pending { app, request, wish: Wish::Retrieve });
            self.ask_to_retrieve(now, id, out);
        } else if call.camped.is_some() {
            let leg = self.resting_station(&call.line);
            asker.done(out);
            self.take_camped(now, id, leg, out);
        } else {
            asker.done(out);
            self.cancel_consultation(now, id, out);
            self.retrieve(now, id, out);
        }
    }

    pub(super) fn can_swap_hold(&self, app: AppId, call: &Call) -> Result<(), LineError> {
        let line = self.lines.of_call(&call.line);
        let mut others = line.into_iter().flat_map(|line| line.calls.iter());
        let fits = |other: &Call| other.privilege(app) == CallPrivilege::Owner && is_swappable(call, other);
        let found = others.any(|other| self.calls.get(other).is_some_and(fits));
        if found { Ok(()) } else { Err(LineError::OperationUnavail) }
    }

    /// `lineSwapHold`: each call takes the state that the other had.
    pub(super) fn swap_hold(
        &mut self,
        now: Instant,
        asker: Asker,
        id: CallId,
        with: CallId,
        out: &mut Outbox,
    ) -> Result<(), LineError> {
        let held = self.owned(asker.app, with, LineError::InvalCallHandle)?;
        let call = self.calls.get(&id).ok_or(LineError::InvalCallHandle)?;
        if with == id || held.line != call.line {
            return Err(LineError::InvalCallHandle);
        }
        if !held.holds() {
            return Err(LineError::InvalCallState);
        }
        if !is_swappable(call, held) {
            return Err(LineError::OperationUnavail);
        }
        let hold = held.held.unwrap_or(Hold::Hard);
        let (is_camped, leg) = (held.camped.is_some(), call.leg);
        asker.done(out);
        self.set_held(id, Some(hold));
        self.report(now, id, CallReport::Held(hold), out);
        if is_camped {
            self.take_camped(now, with, leg, out);
        } else {
            self.retrieve(now, with, out);
        }
        Ok(())
    }

    /// The far end of a leg wants the session changed, or asks for our offer.
    pub(super) fn offered(&mut self, leg: LegId, sdp: Option<Box<SessionDescription>>, out: &mut Outbox) {
        let place = self.place(leg);
        let spoken = self.leg_transcoded_codecs(leg);
        let with = self.partner(leg);
        let partner = with.and_then(|partner| self.legs.get(&partner)?.theirs.clone());
        let Some(entry) = self.legs.get_mut(&leg) else {
            out.sip.push(Command::RefuseOffer(leg, 481));
            return;
        };
        if entry.phase == LegPhase::Ending {
            return;
        }
        let Some(place) = place.filter(|_| entry.is_agreed() && entry.offered.len() < OFFERS_MAX) else {
            out.sip.push(Command::RefuseOffer(leg, 491));
            return;
        };
        let Some(offer) = sdp else {
            // RFC 3261 §14.2: a fresh and full offer, of what the other side can do; or of what the relay can, where the two share nothing.
            // Which of the two legs refused is noted with that one alone, and not over a restart.
            let described = entry.ours.as_deref().zip(partner.as_deref());
            let shares_none = described.is_some_and(|(ours, partner)| !session::shares_speech(ours, partner));
            let is_foreign =
                !spoken.is_empty() && with.is_some() && (entry.is_foreign_to == with || shares_none);
            let aligned = entry.ours.as_deref().zip(partner.as_deref()).and_then(|(ours, partner)| {
                session::aligned_offer(ours, if is_foreign { ours } else { partner }, place)
            });
            let more = aligned.as_ref().filter(|_| is_foreign);
            let aligned = more.and_then(|offer| extended(offer, &CodecList::default(), spoken)).or(aligned);
            // Fax goes on as it is.
            let fax = entry.ours.as_deref().filter(|_| entry.is_fax()).cloned();
            let ours = fax.or(aligned).unwrap_or_else(|| session::own_offer(entry.ours.as_deref(), place));
            let ours = Box::new(ours);
            // An offer of our own that met this one waits: theirs goes first.
            let written = entry.keying.write(&ours, false, &mut self.rng);
            entry.offered.push_front(Offered { asked: true, ..Offered::own(ours) });
            out.sip.push(Command::AnswerOffer(leg, written));
            return;
        };
        let wants_fax = session::audio(&offer).is_none() && session::relayed(&offer).is_some();
        let taken = if wants_fax || entry.is_fax() {
            self.take_change(leg, offer, out)
        } else {
            self.take_streams(leg, offer, out)
        };
        if let Taken::Here(offer) = taken {
            self.answer_alone(leg, offer, out);
        }
    }

    /// Answers an offer of audio that concerns this leg alone.
    pub(super) fn answer_alone(&mut self, leg: LegId, offer: Box<SessionDescription>, out: &mut Outbox) {
        let place = self.place(leg);
        let Some((entry, place)) = self.legs.get_mut(&leg).zip(place) else { return };
        let answer = session::answer_again(&offer, entry.audio.as_deref().or(entry.ours.as_deref()), place);
        let Some(mut answer) = answer.filter(|_| session::audio(&offer).is_some()).map(Box::new) else {
            out.sip.push(Command::RefuseOffer(leg, 488));
            return;
        };
        ice::take_part(&mut entry.ice, &mut self.rng, &offer, &mut answer);
        let written = entry.keying.write(&answer, false, &mut self.rng);
        out.sip.push(Command::AnswerOffer(leg, written));
        self.agreed(leg, offer, answer, out);
        self.align_partner(leg, out);
    }

    /// The far end answered our offer.
    pub(super) fn offer_answered(
        &mut self,
        leg: LegId,
        sdp: Option<Box<SessionDescription>>,
        out: &mut Outbox,
    ) {
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        let Some(Offered { description: offered, asked, on_behalf, aligned_to: _ }) =
            entry.offered.pop_front()
        else {
            return;
        };
        // An answer of the other kind (audio to an offer of fax) is none.
        let is_audio = session::audio(&offered).is_some();
        let fits = |sdp: &SessionDescription| {
            session::relayed(sdp).is_some() && session::audio(sdp).is_some() == is_audio
        };
        let Some(answer) = sdp.filter(|sdp| fits(sdp)) else {
            entry.give_up_streams(&offered);
            if let Some(waiting) = on_behalf {
                self.answer_passing(waiting, leg, None, out);
                self.describe_again(leg, &offered, out);
            }
            return;
        };
        let theirs = on_behalf.map(|_| answer.clone());
        self.agreed(leg, answer, offered, out);
        if let Some((waiting, theirs)) = on_behalf.zip(theirs) {
            self.answer_passing(waiting, leg, Some(&theirs), out);
        }
        if asked {
            self.align_partner(leg, out);
        }
        self.describe_moved(leg, out);
    }

    /// Our offer was refused: the session is as it was.
    pub(super) fn offer_refused(&mut self, leg: LegId, status: u16, out: &mut Outbox) {
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        let refused = entry.offered.pop_front();
        // It need not be asked again each time that one of the two describes itself.
        if let Some(other) = refused.as_ref().and_then(|refused| refused.aligned_to)
            && KNOWS_NO_CODEC.contains(&status)
        {
            entry.is_foreign_to = Some(other);
        }
        if let Some(refused) = &refused {
            entry.give_up_streams(&refused.description);
        }
        self.dirty.insert(entry.call);
        if let Some(waiting) = refused.and_then(|refused| refused.on_behalf) {
            self.answer_passing(waiting, leg, None, out);
        }
    }

    /// Offers the other side's leg what was agreed on this one, where that leg may send what this one cannot hear.
    pub(super) fn align_partner(&mut self, leg: LegId, out: &mut Outbox) {
        let Some(partner) = self.partner(leg) else { return };
        let Some((entry, other)) = self.legs.get(&leg).zip(self.legs.get(&partner)) else { return };
        if other.phase != LegPhase::Up || !other.offered.is_empty() {
            return;
        }
        let Some((ours, theirs)) = descriptions(entry).zip(descriptions(other)) else { return };
        if other.is_foreign_to == Some(leg) && is_spoken(ours.0, self.transcoded_codecs(other.call)) {
            return;
        }
        if session::covers(theirs, ours) {
            return;
        }
        let place = self.place(partner);
        let agreed = session::common(ours.0, ours.1);
        let current = other.ours.as_deref();
        let offer = current
            .zip(agreed)
            .zip(place)
            .and_then(|((current, agreed), place)| session::aligned_offer(current, &agreed, place));
        let Some(offer) = offer.map(Box::new) else { return };
        let Some(other) = self.legs.get_mut(&partner) else { return };
        let written = other.keying.write(&offer, true, &mut self.rng);
        other.offered.push_back(Offered { aligned_to: Some(leg), ..Offered::own(offer) });
        out.sip.push(Command::Offer(partner, written));
    }

    /// The leg that this one talks with.
    pub(super) fn partner(&self, leg: LegId) -> Option<LegId> {
        let call = self.calls.get(&self.legs.get(&leg)?.call)?;
        let peer = self.calls.get(&call.peer?)?;
        // A conference is mixed: whatever each of its legs speaks.
        let mixed = [call.state, peer.state].contains(&CallState::Conferenced);
        // A station that several calls share speaks for one of them.
        peer.leg.filter(|leg| !mixed && self.legs.get(leg).is_some_and(|leg| leg.call == peer.id))
    }

    pub(super) fn session_changed(&mut self, leg: LegId, out: &mut Outbox) {
        self.tell_relay(leg, out);
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        let far_end = entry.theirs.as_ref().map(|theirs| session::far_end(theirs)).unwrap_or_default();
        entry.far_end = far_end;
        // Of several phones that ring none has the call yet.
        let (id, is_branch) = (entry.call, entry.phase == LegPhase::Inviting);
        self.dirty.insert(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.kind == LineKind::Trunk || is_branch {
            return;
        }
        let holds = far_end != FarEnd::Listens;
        if call.held_by_station && !holds {
            call.held = None;
        }
        call.held_by_station = holds;
        let wished = if holds { Wish::Hold } else { Wish::Retrieve };
        if call.pending.is_some_and(|pending| pending.wish == wished) {
            self.finish_pending(id, Ok(()), out);
        }
    }
}

/// Whether the two calls can change places: the other one is held by an application, and not at the handset as well.
fn is_swappable(call: &Call, other: &Call) -> bool {
    let is_held = other.holds() && other.held.is_some() && !other.held_by_station;
    let waits = other.pending.is_some() || call.pending.is_some() || other.sends.is_some();
    // Who waits for the line needs the station that speaks there.
    let has_station = other.camped.is_none() || call.kind != LineKind::Phone || call.leg.is_some();
    other.id != call.id && is_held && !waits && has_station
}

/// What the far end of a leg described, and what we did.
fn descriptions(leg: &Leg) -> Option<(&SessionDescription, &SessionDescription)> {
    Some((leg.theirs.as_deref()?, leg.ours.as_deref()?))
}
