//! Video and real-time text (RFC 4103) beside the audio of a call: what one far end offers is passed on to the other, with ports of its own
//! on each leg, and what the other says comes back.
//!
//! ```text
//!  phone ── m=audio, m=video ──▶ switch ── m=audio, m=video ──▶ phone      each leg: a media leg more for each of them
//!  phone ◀─ m=video 0 ───────── switch ◀─ m=video 0 ────────── phone      closed again on both sides
//! ```
//!
//! Of each kind one section is relayed. It lasts for as long as both far ends have it and understand each other's numbers: a transfer to
//! somebody without it, a conference, a park and a fax end it by an offer of ours, and it comes back when one of the two offers it again.
//! Who was refused it by somebody and says it in each offer all the same does not have him asked each time. While a call is held nothing
//! passes. There are no keys for it: who has some for speech, wants them, or is offered them, is refused it.

use trunkline_sip::LegId;
use trunkline_sip::outbox::Command;
use trunkline_sip::sdp::{Codec, MEDIA_MAX, MediaDescription, SessionDescription, lines_for_other_leg};

use super::Switch;
use super::call::Call;
use super::call_state::CallState;
use super::ice;
use super::ids::CallId;
use super::leg::{Leg, LegPhase};
use super::media::{Heard, Reopened};
use super::outbox::Outbox;
use super::passing::Taken;
use super::session::{self, FarEnd, Place, accept_streams, audio, rejected, stream};
use super::setup::LineKind;

/// What passes beside audio.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StreamKind {
    Video,
    Text,
}

/// How many sections beside audio a leg has at most, each with a pair of ports: one of each kind.
pub(super) const STREAMS: usize = 2;

impl StreamKind {
    pub(super) const ALL: [Self; STREAMS] = [Self::Video, Self::Text];

    /// Whether a section is of this kind.
    pub(super) fn is_of(self, section: &MediaDescription) -> bool {
        let name: &[u8] = match self {
            Self::Video => b"video",
            Self::Text => b"text",
        };
        section.kind.eq_ignore_ascii_case(name)
    }

    /// The media leg of a leg's section: no worker has a number so high, so that it is no leg's.
    pub(super) const fn media_leg(self, leg: LegId) -> LegId {
        LegId(leg.0 | self.bit())
    }

    /// The leg that such a media leg is of; `None`: it is one of audio.
    pub(super) fn owner(leg: LegId) -> Option<LegId> {
        let bits = Self::ALL.into_iter().fold(0, |bits, kind| bits | kind.bit());
        (leg.0 & bits != 0).then_some(LegId(leg.0 & !bits))
    }

    const fn bit(self) -> u64 {
        match self {
            Self::Video => 1 << 63,
            Self::Text => 1 << 62,
        }
    }
}

impl Leg {
    /// Where video or text stands in both descriptions, if both sides take it.
    pub(super) fn stream(&self, kind: StreamKind) -> Option<usize> {
        let index = stream(self.ours.as_deref()?, kind)?;
        (stream(self.theirs.as_deref()?, kind)? == index).then_some(index)
    }

    /// All that both sides take.
    pub(super) fn streams(&self) -> impl Iterator<Item = (StreamKind, usize)> {
        let kinds = self.has_beside_audio().then_some(StreamKind::ALL).into_iter().flatten();
        kinds.filter_map(|kind| Some((kind, self.stream(kind)?)))
    }

    /// Whether we described more than one section.
    pub(super) fn has_beside_audio(&self) -> bool {
        self.ours.as_ref().is_some_and(|ours| ours.media.len() > 1)
    }

    /// Both descriptions of what is beside audio, of a kind that both sides take.
    fn sections(&self, kind: StreamKind) -> Option<(&MediaDescription, &MediaDescription)> {
        let index = self.stream(kind)?;
        Some((&self.theirs.as_deref()?.media[index], &self.ours.as_deref()?.media[index]))
    }

    /// Whether we offered, or agreed to, anything beside audio.
    pub(super) fn described_streams(&self) -> bool {
        let described = |ours| StreamKind::ALL.into_iter().any(|kind| stream(ours, kind).is_some());
        self.ours.as_deref().is_some_and(described)
    }

    /// Leaves out of a copy of what the far end described what it does not have, since it was refused that.
    pub(super) fn leave_out_streams(&self, described: &mut SessionDescription) {
        for kind in
            StreamKind::ALL.into_iter().filter(|kind| self.ours.is_some() && self.stream(*kind).is_none())
        {
            for section in described.media.iter_mut().filter(|section| kind.is_of(section)) {
                *section = rejected(section);
            }
        }
    }

    /// Notes who did not take what the far end offers beside audio.
    pub(super) fn note_refused_streams(&mut self, by: LegId) {
        let offers = |kind| self.theirs.as_deref().is_some_and(|theirs| stream(theirs, kind).is_some());
        if StreamKind::ALL.into_iter().any(|kind| offers(kind) && self.stream(kind).is_none()) {
            self.streams_refused_by = Some(by);
        }
    }

    /// Whether an offer of the far end says something new of what is beside its audio, to `other` at the other side.
    fn is_news(&self, kind: StreamKind, offer: &SessionDescription, other: &Self) -> bool {
        let Some((index, theirs)) = stream(offer, kind).zip(self.theirs.as_deref()) else { return false };
        let Some(before) = self.stream(kind) else {
            return stream(theirs, kind).is_none() || self.streams_refused_by != Some(other.id);
        };
        // The other one may say what is not in this offer any more.
        let is_beyond = other
            .sections(kind)
            .is_some_and(|(speaks, told)| !is_understood(speaks, told, &offer.media[index]));
        before != index || theirs.direction(before) != offer.direction(index) || is_beyond
    }

    /// The far end refused an offer of ours: what was to end by it has ended for us.
    pub(super) fn give_up_streams(&mut self, refused: &SessionDescription) {
        let Some(ours) = self.ours.as_deref_mut() else { return };
        for kind in StreamKind::ALL {
            if let Some(index) = stream(ours, kind).filter(|_| stream(refused, kind).is_none()) {
                ours.media[index] = rejected(&ours.media[index]);
            }
        }
    }
}

impl Switch {
    /// Opens ports for what a description has beside audio.
    pub(super) fn open_streams(&mut self, leg: LegId, like: &SessionDescription, out: &mut Outbox) {
        for kind in StreamKind::ALL.into_iter().filter(|kind| stream(like, *kind).is_some()) {
            self.media.open_stream(self.now, leg, kind, &self.setup.media, out);
        }
    }

    /// The same on a leg that will be described as the station of the other side was agreed with, as far as its far end wants it.
    pub(super) fn open_streams_for(&mut self, leg: Option<LegId>, station: Option<LegId>, out: &mut Outbox) {
        let station = station.and_then(|station| self.legs.get(&station));
        let Some((leg, station)) = leg.zip(station.filter(|station| station.has_beside_audio())) else {
            return;
        };
        let may = |entry: &&Leg| entry.ours.is_none() && entry.keying.may_have_streams();
        let Some(entry) = self.legs.get(&leg).filter(may) else { return };
        for kind in StreamKind::ALL {
            let is_wanted = entry.theirs.as_deref().is_none_or(|offer| stream(offer, kind).is_some());
            if is_wanted && station.stream(kind).is_some() {
                self.media.open_stream(self.now, leg, kind, &self.setup.media, out);
            }
        }
    }

    /// Says what is heard of video and text: that of whom the leg hears.
    pub(super) fn tell_streams(&mut self, leg: LegId, heard: Heard, out: &mut Outbox) {
        let ports = self.media.stream_ports(leg);
        for kind in StreamKind::ALL.into_iter().filter(|kind| ports[*kind as usize] != 0) {
            let seen = match heard {
                Heard::Leg(speaker) if self.media.port(kind.media_leg(speaker)).is_some() => {
                    Heard::Leg(kind.media_leg(speaker))
                }
                Heard::Leg(_)
                | Heard::Nothing
                | Heard::Silence
                | Heard::Tone(_)
                | Heard::Music
                | Heard::Conference(_) => Heard::Nothing,
            };
            self.media.set_heard(kind.media_leg(leg), seen, &self.setup.media, out);
        }
    }

    /// Takes an offer of audio. Where it changes video or text of two who are connected the other side is asked first.
    pub(super) fn take_streams(
        &mut self,
        leg: LegId,
        offer: Box<SessionDescription>,
        out: &mut Outbox,
    ) -> Taken {
        let Some(entry) = self.legs.get(&leg) else { return Taken::There };
        if entry.passing.is_some() {
            out.sip.push(Command::RefuseOffer(leg, 491));
            return Taken::There;
        }
        if let Some(theirs) = self.kept_for(entry, &offer) {
            self.answer_streams(leg, offer, &theirs, out);
            return Taken::There;
        }
        let Some(partner) = self.partner_for_streams(entry, &offer) else { return Taken::Here(offer) };
        let Some(other) = self.legs.get(&partner) else { return Taken::Here(offer) };
        if other.passing.is_some() || !other.offered.is_empty() {
            out.sip.push(Command::RefuseOffer(leg, 491));
            return Taken::There;
        }
        self.open_streams(partner, &offer, out);
        let described =
            self.legs.get(&partner).and_then(|other| other.ours.as_deref()).zip(self.place(partner));
        let passed = described.and_then(|(ours, place)| passed_on(ours, &offer, place));
        let taken = self.pass_on(leg, partner, offer, passed, out);
        if let Some(other) = self.legs.get(&partner) {
            self.dirty.insert(other.call);
        }
        taken
    }

    /// Who is to be asked what he says to the video and text of an offer. Who holds holds all of it, which concerns nobody else.
    fn partner_for_streams(&self, entry: &Leg, offer: &SessionDescription) -> Option<LegId> {
        audio(offer).filter(|at| entry.far_end == FarEnd::Listens && !offer.is_hold(*at))?;
        if !StreamKind::ALL.into_iter().any(|kind| stream(offer, kind).is_some()) {
            return None;
        }
        let partner = self.connected_partner(entry.id)?;
        let other = self.legs.get(&partner).filter(|other| other.keying.may_have_streams())?;
        StreamKind::ALL.into_iter().any(|kind| entry.is_news(kind, offer, other)).then_some(partner)
    }

    /// What the other side said to video and text that a far end took away as it held, and offers again as it does not hold any more:
    /// meanwhile they waited there.
    fn kept_for(&self, entry: &Leg, offer: &SessionDescription) -> Option<Box<SessionDescription>> {
        audio(offer).filter(|at| entry.far_end != FarEnd::Listens && !offer.is_hold(*at))?;
        let other = self.legs.get(&self.partner(entry.id)?)?;
        let is_settled = other.phase == LegPhase::Up && other.offered.is_empty() && other.passing.is_none();
        let comes_back = |kind: StreamKind| {
            stream(offer, kind).is_some() && entry.stream(kind).is_none() && other.stream(kind).is_some()
        };
        let comes_back = is_settled && StreamKind::ALL.into_iter().any(comes_back);
        other.theirs.clone().filter(|_| comes_back)
    }

    /// Answers an offer of audio with video or text with what the other side said to these.
    pub(super) fn answer_streams(
        &mut self,
        leg: LegId,
        offer: Box<SessionDescription>,
        theirs: &SessionDescription,
        out: &mut Outbox,
    ) {
        self.open_streams(leg, theirs, out);
        let place = self.place(leg);
        let Some((entry, place)) = self.legs.get_mut(&leg).zip(place) else { return };
        let answer = entry.ours.as_deref().and_then(|ours| answered(&offer, ours, theirs, place));
        let Some(mut answer) = answer.map(Box::new) else {
            self.answer_alone(leg, offer, out);
            return;
        };
        ice::take_part(&mut entry.ice, &mut self.rng, &offer, &mut answer);
        let written = entry.keying.write(&answer, false, &mut self.rng);
        out.sip.push(Command::AnswerOffer(leg, written));
        self.agreed(leg, offer, answer, out);
        self.refused_streams(leg, self.partner(leg));
        self.align_partner(leg, out);
    }

    /// Notes who did not take what a far end offers beside audio.
    pub(super) fn refused_streams(&mut self, leg: LegId, by: Option<LegId>) {
        if let Some((entry, by)) = self.legs.get_mut(&leg).zip(by) {
            entry.note_refused_streams(by);
        }
    }

    /// The ports of a leg's video or text had to be changed, or are gone.
    pub(super) fn stream_reopened(&mut self, leg: LegId, reopened: Reopened, out: &mut Outbox) {
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        self.dirty.insert(entry.call);
        if reopened != Reopened::Unknown {
            entry.moved = entry.ours.is_some();
            self.describe_moved(leg, out);
        }
    }

    /// Closes what a leg's sides did not agree to, and takes back what the other side has not.
    pub(super) fn settle_streams(&mut self, id: CallId, out: &mut Outbox) {
        if !self.media.has_streams() {
            return;
        }
        let Some(call) = self.calls.get(&id) else { return };
        let Some(leg) = call.leg else { return };
        let Some(entry) = self.legs.get(&leg).filter(|entry| entry.call == id && entry.phase == LegPhase::Up)
        else {
            return;
        };
        if !entry.offered.is_empty() || entry.passing.is_some() {
            return;
        }
        let ports = self.media.stream_ports(leg);
        let mut is_over = false;
        let mut closed = [false; STREAMS];
        for kind in StreamKind::ALL {
            let is_open = ports[kind as usize] != 0;
            let is_agreed = entry.stream(kind).is_some();
            let ends = is_agreed && !(is_open && self.stream_lasts(call, entry, kind));
            is_over |= ends;
            closed[kind as usize] = is_open && (ends || !is_agreed);
        }
        for kind in StreamKind::ALL.into_iter().filter(|kind| closed[*kind as usize]) {
            self.media.close(kind.media_leg(leg), None, out);
        }
        if let Some(entry) = self.legs.get_mut(&leg).filter(|_| is_over) {
            entry.moved = true;
            self.describe_moved(leg, out);
        }
    }

    /// Whether video or text of a leg goes on: nobody says that it is over.
    fn stream_lasts(&self, call: &Call, entry: &Leg, kind: StreamKind) -> bool {
        // Who leads a conference has no other side.
        if matches!(self.heard(entry.id), Heard::Conference(_)) {
            return false;
        }
        let Some(peer) = call.peer.and_then(|peer| self.calls.get(&peer)) else {
            return call.parked.is_none();
        };
        if [call.state, peer.state].contains(&CallState::Conferenced) || peer.kind == LineKind::Local {
            return false;
        }
        let Some(other) = self.partner(entry.id).and_then(|partner| self.legs.get(&partner)) else {
            return true;
        };
        // What is still being agreed on there is not known yet.
        if other.phase != LegPhase::Up || !other.offered.is_empty() || other.passing.is_some() {
            return true;
        }
        // Who holds may take it away for as long.
        if other.far_end != FarEnd::Listens && other.stream(kind).is_none() {
            return true;
        }
        other.stream(kind).is_some() && understand(entry, other, kind) && understand(other, entry, kind)
    }
}

/// The offer for another leg, last described like `current`, with the video and text of `offered`; what it had of them and `offered` has
/// not is rejected. `None`: it would be the same as before.
fn passed_on(
    current: &SessionDescription,
    offered: &SessionDescription,
    place: Place,
) -> Option<SessionDescription> {
    let mut offer = session::aligned_offer(current, current, place)?;
    let ice = audio(&offer).and_then(|at| offer.media[at].ice.clone());
    let mut has_any = false;
    for kind in StreamKind::ALL {
        // Only one of a kind has the port, also where one that was rejected stands before it.
        let before =
            stream(&offer, kind).or_else(|| offer.media.iter().position(|section| kind.is_of(section)));
        let port = place.streams[kind as usize];
        let Some(section) = stream(offered, kind).filter(|_| port != 0) else {
            if let Some(at) = before {
                offer.media[at] = rejected(&offer.media[at]);
            }
            continue;
        };
        let at = before.unwrap_or(offer.media.len());
        if at == MEDIA_MAX {
            continue;
        }
        if at == offer.media.len() {
            offer.media.push(MediaDescription::default());
        }
        let direction = Some(offered.direction(section));
        let section = &offered.media[section];
        offer.media[at] = MediaDescription {
            kind: section.kind.clone(),
            port,
            protocol: section.protocol.clone(),
            formats: section.formats.clone(),
            direction,
            rtcp_mux: section.rtcp_mux,
            ice: ice.clone(),
            lines: lines_for_other_leg(section),
            ..MediaDescription::default()
        };
        has_any = true;
    }
    has_any.then_some(offer)
}

/// The answer to `offered` on its own leg, last described like `current`: its audio as it was, video and text as the other leg answered to
/// [`passed_on`].
fn answered(
    offered: &SessionDescription,
    current: &SessionDescription,
    theirs: &SessionDescription,
    place: Place,
) -> Option<SessionDescription> {
    let mut answer = session::answer_again(offered, Some(current), Place { streams: [0; STREAMS], ..place })?;
    let mut media: Vec<_> = offered.media.iter().map(rejected).collect();
    for kind in StreamKind::ALL {
        if let Some((index, section)) = stream(offered, kind).zip(stream(theirs, kind)) {
            let direction = Some(theirs.direction(section));
            media[index] = MediaDescription { direction, connection: None, ..theirs.media[section].clone() };
        }
    }
    let in_their_places = SessionDescription { media, direction: None, ..theirs.clone() };
    accept_streams(&mut answer, offered, &in_their_places, place);
    Some(answer)
}

/// Whether all that the far end of a leg may say is known to that of the other by the same numbers.
fn understand(speaker: &Leg, hearer: &Leg, kind: StreamKind) -> bool {
    let sections = speaker.sections(kind).zip(hearer.sections(kind));
    sections.is_some_and(|((speaks, told), (known, _))| is_understood(speaks, told, known))
}

/// The same by their sections. A far end may say what it was told: of that what it describes under the same numbers, of which one encoding
/// may have several (H.264 by profile and packetization); who numbers all of it differently may say all that it knows.
fn is_understood(speaks: &MediaDescription, told: &MediaDescription, known: &MediaDescription) -> bool {
    let has = |section: &MediaDescription, format: &Codec<'_>| {
        let is_it = |one: &Codec<'_>| one.payload_type == format.payload_type && one.is_same_encoding(format);
        section.codecs().any(|one| is_it(&one))
    };
    let is_numbered = told.codecs().any(|format| has(speaks, &format));
    let may_say = |format: &Codec<'_>| match is_numbered {
        true => has(speaks, format),
        false => speaks.codecs().any(|one| one.is_same_encoding(format)),
    };
    told.codecs().filter(may_say).all(|format| has(known, &format))
}
