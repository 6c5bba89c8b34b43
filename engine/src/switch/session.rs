//! The session descriptions of a call: what the engine writes into them, and what it reads from them for the relay.
//!
//! The first section of audio is relayed, or else the first of fax; beside audio the first of video and the first of text, where they have
//! ports ([`super::streams`]). Every other one is rejected with port 0.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;
use trunkline_media::{
    Codec, Codecs, ForeignCodec, OpusFormat, PayloadTypes, Protection, Remote, SourcePolicy,
};
use trunkline_sip::sdp::{Codec as NamedCodec, Direction, MediaDescription, SessionDescription};
use trunkline_sip::sdp::{
    ENGINE_CODECS, OPUS, RELAY_CODECS, answer_from_other_leg, answer_locally, answer_transcoded, full_offer,
    hold_answer, is_one_of, lines_for_other_leg, offer_for_other_leg,
};

use super::streams::{STREAMS, StreamKind};
use super::{fax, ice};

/// How long after an offer or answer an unknown source may be learnt where NAT is seen.
pub(super) const LEARNING_WINDOW: Duration = Duration::from_secs(3);

/// The engine's own place in a description: the RTP port, and the address where it is not that of the signalling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) port: u16,
    pub(super) address: IpAddr,
    /// The same of video and text; 0 where there is none.
    pub(super) streams: [u16; STREAMS],
}

/// What the far end of a leg does with our speech.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum FarEnd {
    /// It listens.
    #[default]
    Listens,
    /// It holds us and sends (its own music).
    HoldsAndSends,
    /// It holds us and is silent.
    HoldsSilently,
}

/// Which section is relayed: the first audio section with a port and at least one format.
pub(super) fn audio(description: &SessionDescription) -> Option<usize> {
    description
        .media
        .iter()
        .position(|media| media.is_audio() && media.port != 0 && !media.formats.is_empty())
}

/// Which section is relayed at all: audio, or where there is none, fax.
pub(super) fn relayed(description: &SessionDescription) -> Option<usize> {
    audio(description).or_else(|| fax::fax(description))
}

/// Which section of video or text can be relayed: the first that is plain RTP, with a port and at least one format.
pub(super) fn stream(description: &SessionDescription, kind: StreamKind) -> Option<usize> {
    let is_it = |media: &MediaDescription| {
        kind.is_of(media)
            && media.port != 0
            && !media.formats.is_empty()
            && media.is_rtp()
            && !media.is_secure()
    };
    description.media.iter().position(is_it)
}

/// The section with port 0.
pub(super) fn rejected(section: &MediaDescription) -> MediaDescription {
    MediaDescription {
        kind: section.kind.clone(),
        protocol: section.protocol.clone(),
        formats: section.formats.clone(),
        ..MediaDescription::default()
    }
}

/// The offer for the other leg of a call.
pub(super) fn offer(from: &SessionDescription, place: Place) -> Option<SessionDescription> {
    let ports = ports(from, place)?;
    Some(placed(offer_for_other_leg(from, &ports), place))
}

/// The offer that brings a leg to what its partner agreed: the sections of `current` (what we last described on this
/// leg), the formats of `partner` (what we described on the other leg).
pub(super) fn aligned_offer(
    current: &SessionDescription,
    partner: &SessionDescription,
    place: Place,
) -> Option<SessionDescription> {
    let index = audio(current)?;
    let agreed = &partner.media[audio(partner)?];
    let mut offer = current.clone();
    offer.direction = None;
    let section = &mut offer.media[index];
    section.formats.clone_from(&agreed.formats);
    section.lines = lines_for_other_leg(agreed);
    section.direction = Some(Direction::SendRecv);
    section.port = place.port;
    for kind in StreamKind::ALL {
        let Some(index) = stream(current, kind) else { continue };
        match place.streams[kind as usize] {
            0 => offer.media[index] = rejected(&current.media[index]),
            port => {
                let section = &mut offer.media[index];
                (section.port, section.direction) = (port, Some(Direction::SendRecv));
            }
        }
    }
    Some(placed(offer, place))
}

/// The engine's own offer, on a leg that was last described like this.
pub(super) fn own_offer(before: Option<&SessionDescription>, place: Place) -> SessionDescription {
    let index = before.and_then(|before| before.media.iter().position(MediaDescription::is_audio));
    // Where there is no audio section, the offer appends one.
    let index = index.unwrap_or_else(|| before.map_or(0, |before| before.media.len()));
    let mut offer = full_offer(before, &at(index, place.port));
    if let Some(before) = before.and_then(|before| before.media.get(index)) {
        // The transport stays as it was agreed.
        offer.media[index].rtcp_mux = before.rtcp_mux;
        offer.media[index].ice.clone_from(&before.ice);
    }
    placed(offer, place)
}

/// The answer to `offer`, made from what the other leg answered. `None`: no audio in common.
///
/// An answer ought to name codecs of the offer (RFC 3264 §6.1), but some far ends say what they speak whatever they
/// were offered, SIPp's stock callee among them. The caller is told so, and may send what it likes: the relay does not
/// look into the audio.
pub(super) fn answer(
    offer: &SessionDescription,
    theirs: &SessionDescription,
    place: Place,
) -> Option<SessionDescription> {
    let ports = ports(offer, place)?;
    let mut answer = answer_from_other_leg(offer, theirs, &ports);
    if relayed(&answer).is_none() {
        let (offered, answered) = (audio(offer)?, audio(theirs)?);
        let mut offer = offer.clone();
        offer.media[offered].formats.extend_from_slice(&theirs.media[answered].formats);
        offer.media[offered].lines.extend_from_slice(&theirs.media[answered].lines);
        answer = answer_from_other_leg(&offer, theirs, &ports);
    }
    relayed(&answer)?;
    Some(placed(answer, place))
}

/// The same between two that the relay may transcode between, from and to these codecs; whether it has to, since they share nothing that is speech.
pub(super) fn answer_between(
    offer: &SessionDescription,
    theirs: &SessionDescription,
    place: Place,
    spoken: &[&str],
) -> Option<(SessionDescription, bool)> {
    if !spoken.is_empty() && !shares_speech(offer, theirs) {
        let ports = ports(offer, place)?;
        if let Some(mut answer) = answer_transcoded(offer, theirs, spoken, &ports) {
            accept_streams(&mut answer, offer, theirs, place);
            return Some((placed(answer, place), true));
        }
    }
    Some((answer(offer, theirs, place)?, false))
}

/// Accepts the video and text of an offer in an answer of audio, as another leg answered to them.
pub(super) fn accept_streams(
    answer: &mut SessionDescription,
    offer: &SessionDescription,
    theirs: &SessionDescription,
    place: Place,
) {
    let Some(ports) = ports(offer, place).filter(|_| place.streams != [0; STREAMS]) else { return };
    let accepted = answer_from_other_leg(offer, theirs, &ports);
    for kind in StreamKind::ALL {
        if let Some(index) = stream(&accepted, kind) {
            answer.media[index].clone_from(&accepted.media[index]);
        }
    }
}

/// Whether two descriptions have a codec in common that is speech, or are not both of audio.
pub(super) fn shares_speech(one: &SessionDescription, other: &SessionDescription) -> bool {
    let Some((one, other)) = audio(one).zip(audio(other)).map(|(a, b)| (&one.media[a], &other.media[b]))
    else {
        return true;
    };
    let known: SmallVec<[NamedCodec<'_>; 8]> = one.codecs().filter(|codec| !codec.is_auxiliary()).collect();
    other.codecs().any(|codec| known.iter().any(|known| known.is_same_encoding(&codec)))
}

/// The answer of the engine itself. `None`: it speaks nothing of what is offered.
pub(super) fn own_answer(offer: &SessionDescription, place: Place) -> Option<SessionDescription> {
    let ports = ports(offer, place)?;
    let spoken = |codecs| answer_locally(offer, codecs, Direction::SendRecv, &ports);
    Some(placed(spoken(ENGINE_CODECS).or_else(|| spoken(RELAY_CODECS))?, place))
}

/// The answer to a re-INVITE that keeps the codecs of `current`, what we last described on the leg.
pub(super) fn answer_again(
    offer: &SessionDescription,
    current: Option<&SessionDescription>,
    place: Place,
) -> Option<SessionDescription> {
    Some(placed(hold_answer(offer, current, &ports(offer, place)?)?, place))
}

/// Our description, cut down to the formats that the far end described too: what either end may send.
pub(super) fn common(theirs: &SessionDescription, ours: &SessionDescription) -> Option<SessionDescription> {
    let ours_at = audio(ours)?;
    let codecs = common_codecs(theirs, ours)?;
    let mut common = ours.clone();
    common.media[ours_at].formats =
        codecs.iter().map(|codec| Bytes::from(codec.payload_type.to_string())).collect();
    Some(common)
}

/// Those of our codecs that the far end described too. `None`: one side has no audio.
fn common_codecs<'a>(
    theirs: &SessionDescription,
    ours: &'a SessionDescription,
) -> Option<SmallVec<[NamedCodec<'a>; 8]>> {
    let (theirs, ours) = (&theirs.media[audio(theirs)?], &ours.media[audio(ours)?]);
    let known: SmallVec<[NamedCodec<'_>; 8]> = theirs.codecs().collect();
    Some(ours.codecs().filter(|codec| known.iter().any(|one| one.is_same_encoding(codec))).collect())
}

/// Whether all speech that the ends of one leg agreed to is understood by those of the other; a leg is what its far end
/// described, and what we did.
pub(super) fn covers(
    speech: (&SessionDescription, &SessionDescription),
    ear: (&SessionDescription, &SessionDescription),
) -> bool {
    let codecs = common_codecs(speech.0, speech.1).zip(common_codecs(ear.0, ear.1));
    let Some((speech, ear)) = codecs.filter(|(speech, ear)| !speech.is_empty() && !ear.is_empty()) else {
        return true;
    };
    let mut spoken = speech.iter().filter(|codec| !codec.is_auxiliary());
    spoken.all(|codec| ear.iter().any(|known| known.is_same_encoding(codec)))
}

/// An address of the family in which the far end speaks: as its description says, else as its signalling does.
pub(super) fn family(theirs: Option<&SessionDescription>, signalling: IpAddr) -> IpAddr {
    let named = theirs.and_then(|theirs| theirs.rtp(relayed(theirs)?));
    named.map_or(signalling, |rtp| rtp.ip())
}

/// How the far end holds, by any of the historic forms.
pub(super) fn far_end(theirs: &SessionDescription) -> FarEnd {
    let Some(index) = audio(theirs) else { return FarEnd::Listens };
    if !theirs.is_hold(index) {
        return FarEnd::Listens;
    }
    match (theirs.direction(index), address(theirs, index, IpAddr::V4(Ipv4Addr::UNSPECIFIED))) {
        (Direction::SendOnly, Some(_)) => FarEnd::HoldsAndSends,
        (Direction::SendOnly | Direction::SendRecv | Direction::RecvOnly | Direction::Inactive, _) => {
            FarEnd::HoldsSilently
        }
    }
}

/// What the relay is told of a leg: `theirs` is what the far end described, `ours` what we described to it, `signalling`
/// where its messages come from.
pub(super) fn remote(
    theirs: &SessionDescription,
    ours: &SessionDescription,
    signalling: IpAddr,
    opus: bool,
) -> Remote {
    let Some(index) = audio(theirs) else {
        return fax::remote(theirs, ours, signalling).unwrap_or_else(nowhere);
    };
    let section = &theirs.media[index];
    Remote {
        codecs: codecs(section, ours.media.get(index), opus),
        speaks: ours.media.get(index).map(|section| codecs(section, None, opus)).unwrap_or_default(),
        // Who holds is mostly silent, whether it says sendonly or names no address: only a whole conversation must be heard.
        receive: address(theirs, index, signalling).is_some()
            && theirs.direction(index) == Direction::SendRecv,
        ..transport(theirs, ours, index, signalling)
    }
}

/// The same of section `index` of video or text. The relay looks into nothing of it: all passes as it is, RTCP too, and silence is no fault.
pub(super) fn stream_remote(
    theirs: &SessionDescription,
    ours: &SessionDescription,
    index: usize,
    signalling: IpAddr,
) -> Remote {
    Remote { sealed: true, ..transport(theirs, ours, index, signalling) }
}

/// Where packets of a section go and come from.
fn transport(
    theirs: &SessionDescription,
    ours: &SessionDescription,
    index: usize,
    signalling: IpAddr,
) -> Remote {
    let section = &theirs.media[index];
    let described = ours.media.get(index).map_or(&[][..], |media| &media.formats);
    let payload_types = described
        .iter()
        .filter_map(|format| std::str::from_utf8(format).ok()?.parse().ok())
        .fold(PayloadTypes::default(), PayloadTypes::with);
    let rtp = address(theirs, index, signalling);
    Remote {
        rtp,
        rtcp: if section.rtcp_mux && ours.media.get(index).is_some_and(|media| media.rtcp_mux) {
            rtp
        } else {
            theirs.rtcp(index)
        },
        source: rtp.map_or(SourcePolicy::Signalled, |rtp| source_policy(rtp.ip(), signalling)),
        payload_types,
        send: rtp.is_some() && theirs.direction(index).receives(),
        ice: ice::credentials(theirs, ours, index),
        ..nowhere()
    }
}

/// Of a far end that neither speaks nor hears.
fn nowhere() -> Remote {
    Remote {
        rtp: None,
        rtcp: None,
        source: SourcePolicy::Signalled,
        payload_types: PayloadTypes::default(),
        codecs: Codecs::default(),
        speaks: Codecs::default(),
        send: false,
        receive: false,
        sealed: false,
        opaque: false,
        protection: Protection::Plain,
        ice: None,
    }
}

/// Where the far end is to be sent to. Where that is for its checks to find, it is nowhere before them: the port is one at which
/// nobody listens, and the relay sends whoever checks nothing before a check.
fn address(theirs: &SessionDescription, index: usize, signalling: IpAddr) -> Option<SocketAddr> {
    let hidden = || theirs.is_found_by_ice(index).then_some(SocketAddr::new(signalling, DISCARD_PORT));
    theirs.rtp(index).or_else(hidden)
}

/// RFC 863; what browsers write for a port that they do not know yet.
const DISCARD_PORT: u16 = 9;

/// NAT is seen where SDP names a private address and the signalling comes from another.
pub(super) fn source_policy(named: IpAddr, signalling: IpAddr) -> SourcePolicy {
    if named == signalling || !is_private(named) {
        SourcePolicy::Signalled
    } else {
        SourcePolicy::Learn { signalling, window: LEARNING_WINDOW }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // 100.64.0.0/10 is the address space of carriers' NAT (RFC 6598).
            let shared = first == 100 && second & 0b1100_0000 == 64;
            address.is_private() || address.is_loopback() || address.is_link_local() || shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// The formats of a section as the relay knows them: its own codecs in order of preference, telephone events, and names for
/// what it only passes on, `opus` whether it may transcode that. Where the other side described the section too, only what
/// both know was agreed.
fn codecs(section: &MediaDescription, other: Option<&MediaDescription>, opus: bool) -> Codecs {
    let known: Option<SmallVec<[NamedCodec<'_>; 8]>> =
        other.filter(|other| !other.formats.is_empty()).map(|other| other.codecs().collect());
    let mut codecs = Codecs::default();
    let mut events_known = None;
    for codec in section.codecs() {
        let agreed = known.as_ref().is_none_or(|known| known.iter().any(|one| one.is_same_encoding(&codec)));
        let is_narrow = codec.clock_rate_hz == 8_000 && codec.channels == 1;
        let is = |name: &str| is_narrow && codec.name.eq_ignore_ascii_case(name);
        let number = codec.payload_type;
        if codec.is_telephone_event() {
            match codec.clock_rate_hz {
                8_000 if !agreed => events_known = events_known.or(Some(number)),
                8_000 => codecs.events = codecs.events.or(Some(number)),
                16_000 if agreed => codecs.events_16k = codecs.events_16k.or(Some(number)),
                48_000 if agreed => codecs.events_48k = codecs.events_48k.or(Some(number)),
                _ => {}
            }
        } else if !agreed {
            // It is known to one side alone.
        } else if is("PCMU") {
            codecs = codecs.with(number, Codec::Pcmu);
        } else if is("PCMA") {
            codecs = codecs.with(number, Codec::Pcma);
        } else if is("G722") {
            codecs = codecs.with(number, Codec::G722);
        } else {
            if opus && is_one_of(&codec, &[OPUS]) {
                codecs.opus = codecs.opus.or_else(|| Some(opus_format(&codec)));
            }
            codecs = codecs.with_foreign(number, foreign(&codec));
        }
    }
    codecs.events_known = events_known.filter(|_| codecs.events.is_none());
    codecs
}

/// What the far end says of Opus (RFC 7587 §6.1).
fn opus_format(codec: &NamedCodec<'_>) -> OpusFormat {
    let limit = codec.fmtp.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("maxaveragebitrate").then(|| value.trim().parse::<u32>().ok())?
    });
    let bits_per_second_max = limit.map_or(OPUS_BITS_MAX, |limit| limit.clamp(OPUS_BITS_MIN, OPUS_BITS_MAX));
    OpusFormat { payload_type: codec.payload_type, bits_per_second_max }
}

/// The rates that Opus has, in bits a second (RFC 7587 §6.1).
const OPUS_BITS_MIN: u32 = 6_000;
const OPUS_BITS_MAX: u32 = 510_000;

fn foreign(codec: &NamedCodec<'_>) -> ForeignCodec {
    let name = encoding_number(codec.name, codec.clock_rate_hz, codec.channels);
    ForeignCodec { name, clock_hz: codec.clock_rate_hz }
}

/// A number that is the same for the same encoding (RFC 4566 rtpmap): FNV-1a over name, clock and channels.
pub(super) fn encoding_number(name: &str, clock_hz: u32, channels: u8) -> u32 {
    let name = name.bytes().map(|byte| byte.to_ascii_lowercase());
    let rest = clock_hz.to_be_bytes().into_iter().chain([channels]);
    name.chain(rest).fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn ports(description: &SessionDescription, place: Place) -> Option<Vec<u16>> {
    let index = relayed(description)?;
    let mut ports = at(index, place.port);
    let beside = audio(description).map(|_| StreamKind::ALL).into_iter().flatten();
    for kind in beside.filter(|kind| place.streams[*kind as usize] != 0) {
        if let Some(index) = stream(description, kind) {
            ports.resize(ports.len().max(index + 1), 0);
            ports[index] = place.streams[kind as usize];
        }
    }
    Some(ports)
}

fn at(index: usize, port: u16) -> Vec<u16> {
    let mut ports = vec![0; index + 1];
    ports[index] = port;
    ports
}

/// Writes the configured address; an unspecified one is left for the agent to fill in.
pub(super) fn placed(mut description: SessionDescription, place: Place) -> SessionDescription {
    description.media.iter_mut().for_each(fax::tidy);
    description.connection = Some(place.address);
    description
}
