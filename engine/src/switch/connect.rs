//! How two sides come together: the called side answers, the caller is answered, and each leg hears what it should.
//!
//! ```text
//!   caller            switch                      station
//!     │ Incoming ───────▶│ Invite(offer of caller) ─▶│
//!     │◀─ Progress 180 ──│◀──────── Progress 180 ────│   both calls: Ringing
//!     │◀─ Answer ────────│◀──────── Answered ────────│   both calls: Answered, other branches: End
//!     │ Established ────▶│                           │
//! ```

use std::time::Instant;

use rand::rngs::StdRng;
use smallvec::SmallVec;
use trunkline_media::{CallProgress, ConferenceId};
use trunkline_sip::LegId;
use trunkline_sip::outbox::{Command, Party};
use trunkline_sip::sdp::{ENGINE_CODECS, SessionDescription};

use super::Switch;
use super::call::Call;
use super::call_state::{BusyMode, CallState, DisconnectMode};
use super::codecs::CodecList;
use super::diversion::Trail;
use super::fax;
use super::ice;
use super::ids::CallId;
use super::leg::{Leg, LegPhase, Offered};
use super::media::Heard;
use super::outbox::Outbox;
use super::release::Parting;
use super::report::CallReport;
use super::session::{self, FarEnd, Place};
use super::setup::LineKind;
use super::status::{COMPLETED_ELSEWHERE, Failure};
use super::streams::STREAMS;
use super::timers::Timer;
use super::transcoding::extended;
use super::view::PartyView;

impl Switch {
    /// A station that we called answered.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        leg: LegId,
        sdp: Option<Box<SessionDescription>>,
        is_offer: bool,
        connected: &Party,
        out: &mut Outbox,
    ) {
        let place = self.place(leg);
        let Some(entry) = self.legs.get_mut(&leg) else {
            // A leg that the switch does not know must not stay up.
            out.sip.push(Command::End(leg, None));
            return;
        };
        if entry.phase != LegPhase::Inviting {
            return;
        }
        entry.phase = LegPhase::Up;
        entry.invited = None;
        let id = entry.call;
        // RFC 6337: a 200 without SDP leaves the description of the 18x in force.
        if let Some(sdp) = sdp {
            entry.theirs = Some(sdp);
        }
        let mut usable = entry.theirs.as_ref().is_some_and(|theirs| session::relayed(theirs).is_some());
        if let (true, Some(offer)) = (is_offer && usable, &entry.theirs) {
            let answer = place.and_then(|place| session::own_answer(offer, place));
            usable = answer.is_some();
            if let Some(mut answer) = answer.map(Box::new) {
                ice::take_part(&mut entry.ice, &mut self.rng, offer, &mut answer);
                let written = entry.keying.write(&answer, false, &mut self.rng);
                entry.ours = Some(answer);
                out.sip.push(Command::AnswerOffer(leg, written));
            }
        }
        usable &= self.fits_caller(id, Some(leg));
        let ringing = self.calls.get_mut(&id).and_then(|call| call.ring.as_mut());
        let is_branch = ringing.is_some_and(|ring| ring.remove(leg));
        if !is_branch || !usable {
            self.end_leg(leg, 488, Some("SIP;cause=488"), out);
            if is_branch {
                self.branch_failed(now, id, Failure::local(488), out);
            }
            return;
        }
        self.tell_relay(leg, out);
        self.station_answered(now, id, leg, connected, out);
        self.describe_moved(leg, out);
    }

    fn station_answered(
        &mut self,
        now: Instant,
        id: CallId,
        leg: LegId,
        connected: &Party,
        out: &mut Outbox,
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let others = call.ring.take().map(|ring| ring.branches).unwrap_or_default();
        call.leg = Some(leg);
        let (errand, peer) = (call.few().and_then(|few| few.errand.take()), call.peer);
        self.dirty.insert(id);
        for timer in [Timer::Ring, Timer::RingStep] {
            self.timers.stop(id, timer);
        }
        for other in others {
            self.end_leg(other, 487, Some(COMPLETED_ELSEWHERE), out);
        }
        if let Some(errand) = errand {
            self.run_errand(now, id, errand, out);
            return;
        }
        self.finish_pending(id, Ok(()), out);
        self.report(now, id, CallReport::Answered, out);
        match peer {
            Some(caller) => {
                // A member of a group was called by the address of the group, which its phone says again.
                let nobody = Party::default();
                let is_member = self.hunts.offers(caller, id) && !connected.is_anonymous();
                self.name_connected(id, caller, if is_member { &nobody } else { connected }, out);
                self.answer_caller(now, caller, Some(id), out);
            }
            None => match self.pages.speaker(id) {
                Some(caller) => self.listens(now, caller, id, out),
                None => {
                    if let Some(call) = self.calls.get_mut(&id) {
                        call.connected = party(connected, &call.called);
                    }
                    self.tell_info(id, "connectedid", None, out);
                }
            },
        }
    }

    /// Answers the caller after the called side did, or before, with what the engine itself speaks.
    pub(super) fn answer_caller(
        &mut self,
        now: Instant,
        caller: CallId,
        callee: Option<CallId>,
        out: &mut Outbox,
    ) {
        self.dirty.insert(caller);
        if callee.is_some() {
            self.hunt_won(now, caller, callee, out);
        }
        self.reminder_answered(caller, callee, out);
        if let Some(calling) = self.calls.get_mut(&caller) {
            // Where the call goes from here on is another journey.
            calling.trail = Trail::default();
            if let Some(few) = calling.few() {
                few.deposited = None;
            }
        }
        let station = callee.and_then(|callee| self.calls.get(&callee)?.leg);
        let theirs = station.and_then(|station| self.legs.get(&station)?.theirs.clone());
        let leg = self.calls.get(&caller).and_then(|call| call.leg);
        self.open_streams_for(leg, station, out);
        let place = leg.and_then(|leg| self.place(leg));
        let spoken = self.transcoded_codecs(caller);
        let entry = leg.and_then(|leg| self.legs.get_mut(&leg));
        if let Some(entry) = entry.filter(|entry| entry.phase == LegPhase::Offered) {
            let leg = entry.id;
            let station = station.zip(theirs.as_deref());
            let described = place.and_then(|place| describe(entry, station, place, spoken, &mut self.rng));
            let Some(described) = described.map(Box::new) else {
                let parting = Parting::because(&Failure::local(488));
                let report = CallReport::Disconnected(DisconnectMode::Incompatible);
                self.over(now, callee.unwrap_or(caller), report, &parting, out);
                return;
            };
            let written = entry.keying.write(&described, false, &mut self.rng);
            entry.ours = Some(described);
            entry.phase = LegPhase::Answered;
            if let Some((station, _)) = station {
                entry.note_refused_streams(station);
            }
            out.sip.push(Command::Answer(leg, Some(written)));
            self.tell_relay(leg, out);
        } else if let Some(leg) = leg {
            // It was answered before, with what the station may not have chosen.
            self.align_partner(leg, out);
        }
        self.report(now, caller, CallReport::Answered, out);
        self.arrived(now, caller, out);
    }

    /// Our 200 was acknowledged.
    pub(super) fn established(
        &mut self,
        now: Instant,
        leg: LegId,
        answer: Option<Box<SessionDescription>>,
        out: &mut Outbox,
    ) {
        let Some(entry) = self.legs.get_mut(&leg).filter(|entry| entry.phase == LegPhase::Answered) else {
            return;
        };
        entry.phase = LegPhase::Up;
        let id = entry.call;
        let late = entry.theirs.is_none();
        if late {
            entry.theirs = answer.filter(|answer| session::relayed(answer).is_some());
        }
        if late && entry.theirs.is_none() {
            let parting = Parting::because(&Failure::local(488));
            self.over(now, id, CallReport::Disconnected(DisconnectMode::Incompatible), &parting, out);
            return;
        }
        if entry.is_fax() || entry.has_beside_audio() {
            self.dirty.insert(id);
        }
        self.tell_relay(leg, out);
        self.describe_moved(leg, out);
        self.align_partner(leg, out);
    }

    /// The port of a leg changed after it was described: it is described anew.
    pub(super) fn describe_moved(&mut self, leg: LegId, out: &mut Outbox) {
        let place = self.place(leg);
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        if !entry.moved || entry.phase != LegPhase::Up || !entry.offered.is_empty() {
            return;
        }
        let Some((ours, place)) = entry.ours.as_ref().zip(place) else { return };
        let offer = match entry.is_fax() {
            true => Some(fax::again(ours, ours, place)),
            false => session::aligned_offer(ours, ours, place),
        };
        let Some(offer) = offer.map(Box::new) else { return };
        entry.moved = false;
        let written = entry.keying.write(&offer, true, &mut self.rng);
        entry.offered.push_back(Offered::own(offer));
        out.sip.push(Command::Offer(leg, written));
    }

    /// Where the engine is on this leg.
    pub(super) fn place(&self, leg: LegId) -> Option<Place> {
        let (port, streams) = (self.media.port(leg)?, self.media.stream_ports(leg));
        Some(Place { port, address: self.setup.media.address, streams })
    }

    /// Tells the relay what was agreed, as far as it was. Before the answer nobody is expected to speak.
    pub(super) fn tell_relay(&mut self, leg: LegId, out: &mut Outbox) {
        let Some(entry) = self.legs.get(&leg).filter(|entry| !entry.keying.is_lost()) else { return };
        if let (Some(theirs), Some(ours)) = (&entry.theirs, &entry.ours) {
            let mut remote = session::remote(theirs, ours, entry.signalling, self.setup.media.opus);
            // Nobody hears the member of a page group, whose phone may be a loudspeaker and no more.
            let is_listener = self.pages.speaker(entry.call).is_some();
            remote.receive &= entry.is_up() && !is_listener;
            remote.protection = entry.keying.protection();
            let signalling = entry.signalling;
            let streams = entry.streams().map(|(kind, index)| {
                (kind.media_leg(leg), session::stream_remote(theirs, ours, index, signalling))
            });
            let streams: SmallVec<[_; STREAMS]> = streams.collect();
            self.media.set_remote(leg, remote, out);
            for (stream, remote) in streams {
                self.media.set_remote(stream, remote, out);
            }
        }
    }

    /// Says again what each leg of the call ought to hear.
    pub(super) fn tell_feeds(&mut self, id: CallId, out: &mut Outbox) {
        let Some(call) = self.calls.get(&id) else { return };
        let heard: SmallVec<[_; 2]> = call.legs().map(|leg| (leg, self.heard(leg))).collect();
        for (leg, heard) in heard {
            let is_new = self.media.set_heard(leg, heard, &self.setup.media, out);
            // Who refused to leave fax is asked again where there is something else to hear.
            if let Some(entry) = self.legs.get_mut(&leg).filter(|entry| is_new && entry.leaves_fax) {
                entry.leaves_fax = false;
            }
            self.tell_streams(leg, heard, out);
            self.tell_detection(leg, out);
            if self.legs.get(&leg).is_some_and(Leg::is_up) {
                self.tell_focus(leg, self.focus_for(leg), out);
            }
        }
    }

    /// What a leg hears, by the states of the two calls and nothing else.
    pub(super) fn heard(&self, leg: LegId) -> Heard {
        let Some(entry) = self.legs.get(&leg) else { return Heard::Nothing };
        let Some(call) = self.calls.get(&entry.call) else { return Heard::Nothing };
        let call = self.led_by(call);
        let peer = call.peer.and_then(|peer| self.calls.get(&peer));
        match entry.phase {
            LegPhase::Ending => return Heard::Nothing,
            LegPhase::Inviting => {
                // The branch whose early media is heard hears the caller in turn.
                let early = call.ring.as_ref().and_then(|ring| ring.early) == Some(leg);
                let talker = peer.filter(|peer| early && peer.state != CallState::Conferenced);
                return talker.and_then(|peer| peer.leg).map_or(Heard::Nothing, Heard::Leg);
            }
            LegPhase::Offered => {
                let early = peer.and_then(|peer| peer.ring.as_ref()?.early);
                return early.filter(|_| entry.ours.is_some()).map_or(Heard::Nothing, Heard::Leg);
            }
            LegPhase::Answered | LegPhase::Up => {}
        }
        if call.held_by_station {
            return Heard::Nothing;
        }
        if call.is_asked_to_hold() {
            return Heard::Silence;
        }
        if call.held.is_some() {
            // A trunk's station is the engine itself: it is the network behind that is held.
            return if call.kind == LineKind::Trunk { Heard::Music } else { Heard::Silence };
        }
        if let Some(conference) = self.conference_with(call) {
            // A network that holds would play its music to everybody.
            let holds = self.network_holds(call);
            return if holds { Heard::Nothing } else { Heard::Conference(ConferenceId(conference.0)) };
        }
        if call.parked.is_some() {
            return Heard::Music;
        }
        if call.is_confirmed {
            return Heard::Tone(CallProgress::Confirmation);
        }
        let Some(peer) = peer else { return self.listened_to(call).unwrap_or_else(|| alone(call)) };
        if peer.holds() || peer.is_asked_to_hold() {
            return Heard::Music;
        }
        let station = peer.leg.and_then(|leg| self.legs.get(&leg)).filter(|leg| leg.is_up());
        match (station, &peer.ring) {
            (Some(station), _) if station.far_end == FarEnd::HoldsSilently => Heard::Music,
            (Some(station), _) => Heard::Leg(station.id),
            (None, Some(ring)) => match ring.early {
                Some(early) => Heard::Leg(early),
                None if ring.rang => Heard::Tone(CallProgress::Ringback),
                None => Heard::Silence,
            },
            (None, None) if peer.state == CallState::Accepted => Heard::Tone(CallProgress::Ringback),
            (None, None) => Heard::Silence,
        }
    }

    pub(super) fn name_connected(
        &mut self,
        callee: CallId,
        caller: CallId,
        connected: &Party,
        out: &mut Outbox,
    ) {
        let calling = self.calls.get(&caller).map(|call| call.caller.clone()).unwrap_or_default();
        if let Some(call) = self.calls.get_mut(&callee) {
            call.connected = calling;
        }
        let called = self.calls.get(&callee).map(|call| call.called.clone()).unwrap_or_default();
        if let Some(call) = self.calls.get_mut(&callee).filter(|_| connected.is_anonymous()) {
            // Who hides as he answers is hidden from whom he is handed to.
            call.called.is_blocked = true;
        }
        if let Some(call) = self.calls.get_mut(&caller) {
            call.connected = party(connected, &called);
        }
        self.tell_info(callee, "connectedid", None, out);
        self.tell_info(caller, "connectedid", None, out);
    }
}

/// What is heard where nobody is at the other end.
fn alone(call: &Call) -> Heard {
    match (call.state, call.consultation) {
        (CallState::DialTone(_), None) => Heard::Tone(CallProgress::Dial),
        (CallState::DialTone(_), Some(_)) => Heard::Tone(CallProgress::SpecialDial),
        (CallState::Busy(BusyMode::Station), _) => Heard::Tone(CallProgress::Busy),
        (CallState::Busy(_), _) => Heard::Tone(CallProgress::Congestion),
        (_, _) => Heard::Silence,
    }
}

/// What the caller's leg is answered with: an answer to its offer, or an offer where it made none.
fn describe(
    leg: &mut Leg,
    station: Option<(LegId, &SessionDescription)>,
    place: Place,
    spoken: &[&'static str],
    rng: &mut StdRng,
) -> Option<SessionDescription> {
    let mut described = match (&leg.theirs, station) {
        // What was said in a provisional response is said again (RFC 3261 §13.2.1).
        (Some(_), _) if leg.ours.is_some() => return leg.ours.as_deref().cloned(),
        (Some(offer), Some((station, theirs))) => {
            let (answer, is_transcoded) = session::answer_between(offer, theirs, place, spoken)?;
            leg.is_foreign_to = is_transcoded.then_some(station);
            Some(answer)
        }
        (Some(offer), None) => session::own_answer(offer, place),
        (None, Some((_, theirs))) => session::offer(theirs, place).map(|offer| {
            // Who has not said what he speaks is offered at once what everybody does.
            let usual = CodecList::new(ENGINE_CODECS.iter().map(|name| (*name).to_owned()));
            extended(&offer, &usual, spoken).unwrap_or(offer)
        }),
        (None, None) => Some(session::own_offer(None, place)),
    }?;
    match &leg.theirs {
        Some(offer) => ice::take_part(&mut leg.ice, rng, offer, &mut described),
        None if leg.keying.offers_to_browser() => ice::offer(&mut leg.ice, rng, &mut described),
        None => {}
    }
    Some(described)
}

/// The connected party as the network names it, else as it was called.
fn party(connected: &Party, called: &PartyView) -> PartyView {
    if connected.is_anonymous() {
        return PartyView { is_blocked: true, ..PartyView::default() };
    }
    let number = if connected.user.is_empty() { &called.number } else { &connected.user };
    let name = if connected.name.is_empty() { &called.name } else { &connected.name };
    PartyView::new(number.clone(), name.clone())
}
