//! The descriptions that an anchoring engine makes from those of others (RFC 3264 §6, §8), without a state of its own.
//!
//! ```text
//!   A ──offer──▶ engine ──offer_for_other_leg──▶ B          A ──offer──▶ engine ──╮
//!   A ◀──answer_from_other_leg── engine ◀──answer── B       A ◀──answer_locally, hold_answer
//! ```

use bytes::Bytes;
use smallvec::SmallVec;

use super::codec::payload_type;
use super::{Codec, Direction, MediaDescription, SessionDescription, UNFILLED, attribute};

/// What the engine speaks where the choice is its own, most wanted first.
pub const ENGINE_CODECS: &[&str] = &["PCMU", "PCMA"];

/// All that the relay can always speak.
pub const RELAY_CODECS: &[&str] = &["PCMU", "PCMA", "G722"];

/// What the relay can transcode beside, where it was built for it.
pub const OPUS: &str = "opus";

/// What the relay says of Opus where it speaks it itself (RFC 7587 §6.1): wide speech on one channel.
pub const OPUS_PARAMETERS: &str =
    "maxplaybackrate=16000;sprop-maxcapturerate=16000;stereo=0;sprop-stereo=0;useinbandfec=1";

/// The offer for the other leg of an anchored call: the same sections, formats and attributes in the same order, with
/// the engine's address, `ports[section]`, and without ICE, `a=rtcp`, and what names sections, streams and sources.
///
/// A section that the offer rejects, or for which there is no port, gets port 0.
pub fn offer_for_other_leg(offer: &SessionDescription, ports: &[u16]) -> SessionDescription {
    let media = offer.media.iter().zip(ports_for(ports)).map(|(media, port)| MediaDescription {
        port: if media.port == 0 { 0 } else { port },
        connection: None,
        rtcp: None,
        ice: None,
        lines: without_transport(&media.lines),
        ..media.clone()
    });
    SessionDescription {
        connection: Some(UNFILLED),
        direction: offer.direction,
        lines: without_transport(&offer.lines),
        media: media.collect(),
    }
}

/// The answer to `offer` on its leg, made from the answer that the other leg gave to [`offer_for_other_leg`].
///
/// Exactly the sections of the offer in their order with their protocol (RFC 3264 §6); the formats that both know;
/// directions that the offer allows (§6.1); port 0 where the other leg rejected, changed or left out the section, or
/// where `ports` has none.
pub fn answer_from_other_leg(
    offer: &SessionDescription,
    their_answer: &SessionDescription,
    ports: &[u16],
) -> SessionDescription {
    let media = offer.media.iter().zip(ports_for(ports)).enumerate().map(|(index, (offered, port))| {
        let accepted = (port != 0).then(|| accepted(offer, their_answer, index)).flatten();
        accepted.map_or_else(|| rejected(offered), |media| MediaDescription { port, ..media })
    });
    SessionDescription {
        connection: Some(UNFILLED),
        direction: None,
        lines: without_transport(&their_answer.lines),
        media: media.collect(),
    }
}

/// The answer of the engine itself: the first audio section that it can speak, with the first codec of the offer that
/// is among `codecs` and the offer's digits; everything else is rejected. `direction` is bent to what the offer allows.
///
/// `None`: no codec in common, answer 488 (on a re-INVITE the session goes on as it was).
pub fn answer_locally(
    offer: &SessionDescription,
    codecs: &[&str],
    direction: Direction,
    ports: &[u16],
) -> Option<SessionDescription> {
    let mut answered = false;
    let media = offer.media.iter().zip(ports_for(ports)).enumerate().map(|(index, (offered, port))| {
        let speech = (!answered && port != 0).then(|| spoken(offered, codecs)).flatten();
        let Some(speech) = speech else { return rejected(offered) };
        answered = true;
        let events = events_beside(offered, &speech);
        let direction = Some(offer.direction(index).answer(direction));
        MediaDescription { port, direction, ..section(offered, speech, events) }
    });
    let media = media.collect();
    answered.then(|| SessionDescription {
        connection: Some(UNFILLED),
        media,
        ..SessionDescription::default()
    })
}

/// The answer to `offer` where the other leg's answer has no codec of it and the relay transcodes between the two: one codec of
/// `codecs`, that of the offer's preference among those which are as wide as what the other leg speaks, or else among all. Digits
/// are accepted where the other leg takes them.
///
/// `None`: no section in which both speak something of `codecs`.
pub fn answer_transcoded(
    offer: &SessionDescription,
    their_answer: &SessionDescription,
    codecs: &[&str],
    ports: &[u16],
) -> Option<SessionDescription> {
    let mut answered = false;
    let media = offer.media.iter().zip(ports_for(ports)).enumerate().map(|(index, (offered, port))| {
        let theirs = their_answer
            .media
            .get(index)
            .filter(|theirs| !answered && port != 0 && same_profile(&theirs.protocol, &offered.protocol));
        let pair = theirs.and_then(|theirs| {
            let width = is_wide(&spoken(theirs, codecs)?);
            let fitting = spoken_by(offered, codecs).find(|codec| is_wide(codec) == width);
            Some((fitting.or_else(|| spoken(offered, codecs))?, theirs))
        });
        let Some((speech, theirs)) = pair else { return rejected(offered) };
        answered = true;
        let takes_events = theirs.codecs().any(|codec| codec.is_telephone_event());
        let events = events_beside(offered, &speech).filter(|_| takes_events);
        let direction = Some(offer.direction(index).answer(their_answer.direction(index)));
        MediaDescription { port, direction, ..section(offered, speech, events) }
    });
    let media = media.collect();
    answered.then(|| SessionDescription {
        connection: Some(UNFILLED),
        media,
        ..SessionDescription::default()
    })
}

/// The answer to an offer that holds: sendonly draws recvonly, inactive draws inactive, `c=0.0.0.0` a usual answer.
///
/// Keeps the codecs of `current`, what we last described on this leg, so that nothing changes but the direction; where
/// they are not offered, it is [`answer_locally`]. `None`: 488.
pub fn hold_answer(
    offer: &SessionDescription,
    current: Option<&SessionDescription>,
    ports: &[u16],
) -> Option<SessionDescription> {
    let as_before = current.map(|current| {
        let mut current = current.clone();
        current.direction = None;
        current.media.iter_mut().for_each(|media| media.direction = None);
        answer_from_other_leg(offer, &current, ports)
    });
    as_before
        .filter(|answer| answer.media.iter().any(|media| media.port != 0))
        .or_else(|| answer_locally(offer, ENGINE_CODECS, Direction::SendRecv, ports))
        .or_else(|| answer_locally(offer, RELAY_CODECS, Direction::SendRecv, ports))
}

/// The engine's own offer: PCMU, PCMA and digits, sendrecv, on the first audio section of `before`, or on the only one
/// if there was none. Other sections of `before` keep their place with port 0 (RFC 3264 §8.2).
///
/// `before` is what we last described on this leg: the number of its digits stays (§8.3.2).
pub fn full_offer(before: Option<&SessionDescription>, ports: &[u16]) -> SessionDescription {
    let before = before.map_or(&[][..], |before| &before.media);
    let audio = before.iter().position(|media| media.is_audio() && !media.is_secure());
    let events = audio.and_then(|index| before[index].telephone_event(8000)).unwrap_or(TELEPHONE_EVENT);
    let mut media: Vec<_> = before.iter().map(rejected).collect();
    let at = audio.unwrap_or(media.len());
    if at == media.len() {
        media.push(MediaDescription::default());
    }
    media[at] = MediaDescription {
        kind: Bytes::from_static(b"audio"),
        port: ports.get(at).copied().unwrap_or(0),
        protocol: Bytes::from_static(b"RTP/AVP"),
        formats: vec![Bytes::from_static(b"0"), Bytes::from_static(b"8"), Bytes::from(events.to_string())],
        direction: Some(Direction::SendRecv),
        lines: vec![
            Bytes::from_static(b"a=rtpmap:0 PCMU/8000"),
            Bytes::from_static(b"a=rtpmap:8 PCMA/8000"),
            Bytes::from(format!("a=rtpmap:{events} telephone-event/8000")),
            Bytes::from(format!("a=fmtp:{events} 0-16")),
            Bytes::from_static(b"a=ptime:20"),
        ],
        ..MediaDescription::default()
    };
    SessionDescription { connection: Some(UNFILLED), media, ..SessionDescription::default() }
}

/// The payload type that we give digits where we choose it.
const TELEPHONE_EVENT: u8 = 101;

/// `ports`, and 0 for every section beyond.
fn ports_for(ports: &[u16]) -> impl Iterator<Item = u16> {
    ports.iter().copied().chain(std::iter::repeat(0))
}

/// The section as the other leg accepted it, in terms of the offer; `None` where it did not.
fn accepted(
    offer: &SessionDescription,
    answer: &SessionDescription,
    index: usize,
) -> Option<MediaDescription> {
    let offered = offer.media.get(index).filter(|media| media.port != 0)?;
    let theirs = answer.media.get(index).filter(|media| media.port != 0)?;
    if !theirs.kind.eq_ignore_ascii_case(&offered.kind) || !same_profile(&theirs.protocol, &offered.protocol)
    {
        return None;
    }
    let known: SmallVec<[Codec<'_>; 8]> = offered.codecs().collect();
    let mut formats: Vec<_> =
        theirs.formats.iter().filter(|format| knows(offered, &known, theirs, format)).cloned().collect();
    formats.shrink_to_fit();
    if formats.is_empty() {
        return None;
    }
    Some(MediaDescription {
        kind: offered.kind.clone(),
        protocol: offered.protocol.clone(),
        formats,
        connection: None,
        direction: Some(offer.direction(index).answer(answer.direction(index))),
        rtcp: None,
        // RFC 5761 §5.1.1: an answer may only agree to it. The ports are ours, whatever the other leg does with its own.
        rtcp_mux: offered.rtcp_mux,
        ice: None,
        lines: without_transport(&theirs.lines),
        port: theirs.port,
    })
}

/// Whether the offer, whose codecs are `known`, has this format of the answer: by encoding where both name it, else by
/// number.
fn knows(offered: &MediaDescription, known: &[Codec<'_>], theirs: &MediaDescription, format: &[u8]) -> bool {
    let number = payload_type(format).filter(|_| theirs.is_rtp());
    let is_offered = || offered.formats.iter().any(|candidate| candidate.eq_ignore_ascii_case(format));
    let Some(named) = number.and_then(|number| theirs.codec(number)) else { return is_offered() };
    known.iter().any(|codec| codec.is_same_encoding(&named))
        || (known.iter().all(|codec| codec.payload_type != named.payload_type) && is_offered())
}

/// The same transport; feedback (the `F` of RFC 4585) may be left out of an answer.
fn same_profile(one: &[u8], other: &[u8]) -> bool {
    let plain = |name: &[u8]| {
        name.strip_suffix(b"F").or_else(|| name.strip_suffix(b"f")).unwrap_or(name).to_ascii_uppercase()
    };
    plain(one) == plain(other)
}

/// Port 0 in the place of this section (RFC 3264 §6: the formats are kept, nobody reads them).
fn rejected(offered: &MediaDescription) -> MediaDescription {
    MediaDescription {
        kind: offered.kind.clone(),
        protocol: offered.protocol.clone(),
        formats: offered.formats.clone(),
        ..MediaDescription::default()
    }
}

/// The first codec of the section that is among `codecs`, if the engine can take the section at all.
fn spoken<'a>(offered: &'a MediaDescription, codecs: &[&str]) -> Option<Codec<'a>> {
    spoken_by(offered, codecs).next()
}

/// All of them.
fn spoken_by<'a>(offered: &'a MediaDescription, codecs: &[&str]) -> impl Iterator<Item = Codec<'a>> {
    let is_taken = offered.port != 0 && offered.is_audio() && !offered.is_secure();
    offered.codecs().filter(move |codec| is_taken && is_one_of(codec, codecs))
}

/// Whether a codec is among those of the relay that have these names.
pub fn is_one_of(codec: &Codec<'_>, names: &[&str]) -> bool {
    // RFC 7587 §4.1: whatever is coded, Opus is written so.
    let shape = if is_opus(codec) { (48_000, 2) } else { (8_000, 1) };
    (codec.clock_rate_hz, codec.channels) == shape
        && names.iter().any(|name| name.eq_ignore_ascii_case(codec.name))
}

fn is_opus(codec: &Codec<'_>) -> bool {
    codec.name.eq_ignore_ascii_case(OPUS)
}

/// The digits that go with a codec: those of its clock (RFC 4733 §2.5.1.1), and beside Opus else the usual ones, which many phones name
/// alone.
fn events_beside<'a>(offered: &'a MediaDescription, speech: &Codec<'_>) -> Option<Codec<'a>> {
    let of = |clock_hz| {
        offered.codecs().find(move |codec| codec.is_telephone_event() && codec.clock_rate_hz == clock_hz)
    };
    of(speech.clock_rate_hz).or_else(|| of(8_000).filter(|_| is_opus(speech)))
}

/// Whether a codec of the relay has more than the band of a telephone.
fn is_wide(codec: &Codec<'_>) -> bool {
    !is_one_of(codec, ENGINE_CODECS)
}

/// A section that accepts `speech` and `events` with the numbers of the offer.
fn section(offered: &MediaDescription, speech: Codec<'_>, events: Option<Codec<'_>>) -> MediaDescription {
    let mut formats = Vec::with_capacity(2);
    let mut lines = Vec::with_capacity(4);
    for codec in std::iter::once(speech).chain(events) {
        let Codec { payload_type, name, clock_rate_hz, channels, fmtp } = codec;
        formats.push(Bytes::from(payload_type.to_string()));
        let channels = if channels > 1 { format!("/{channels}") } else { String::new() };
        lines.push(Bytes::from(format!("a=rtpmap:{payload_type} {name}/{clock_rate_hz}{channels}")));
        if is_opus(&codec) {
            lines.push(Bytes::from(format!("a=fmtp:{payload_type} {OPUS_PARAMETERS}")));
        }
        if codec.is_telephone_event() {
            let fmtp = if fmtp.is_empty() { "0-16" } else { fmtp };
            lines.push(Bytes::from(format!("a=fmtp:{payload_type} {fmtp}")));
        }
    }
    lines.push(Bytes::from_static(b"a=ptime:20"));
    MediaDescription {
        kind: offered.kind.clone(),
        protocol: offered.protocol.clone(),
        formats,
        rtcp_mux: offered.rtcp_mux,
        lines,
        ..MediaDescription::default()
    }
}

/// Those lines of a section that its stream has on the other leg, too.
pub fn lines_for_other_leg(section: &MediaDescription) -> Vec<Bytes> {
    without_transport(&section.lines)
}

/// The lines without what holds between the peer and the engine alone: transport addresses (`a=rtcp`, ICE, RFC 8839), names of
/// sections and how they share a transport (RFC 5888, RFC 9143), of streams (RFC 8830) and sources (RFC 5576), which the relay
/// puts others in the place of.
fn without_transport(lines: &[Bytes]) -> Vec<Bytes> {
    let mut others: Vec<_> = lines.iter().filter(|line| !names_transport(line)).cloned().collect();
    others.shrink_to_fit();
    others
}

fn names_transport(line: &[u8]) -> bool {
    line.get(..6).is_some_and(|head| head.eq_ignore_ascii_case(b"a=ice-"))
        || OF_ONE_LEG.iter().any(|name| attribute(line, name).is_some())
        || attribute(line, "extmap").is_some_and(|value| value.trim_ascii_end().ends_with(MID_EXTENSION))
}

/// Attributes that are never passed on.
const OF_ONE_LEG: [&str; 12] = [
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "rtcp",
    "rtcp-mux-only",
    "bundle-only",
    "group",
    "mid",
    "msid",
    "msid-semantic",
    "ssrc",
    "ssrc-group",
];

/// The header extension that says the name of the section in each packet (RFC 9143 §15.1).
const MID_EXTENSION: &[u8] = b"urn:ietf:params:rtp-hdrext:sdes:mid";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sdp::Origin;

    const HEAD: &str = "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";

    fn sdp(sections: &str) -> SessionDescription {
        SessionDescription::parse(&Bytes::from(format!("{HEAD}{sections}"))).unwrap()
    }

    fn printed(sdp: &SessionDescription) -> String {
        let text = sdp.print(Origin { id: 1, version: 1 }, "198.51.100.1".parse().unwrap());
        String::from_utf8(text.to_vec()).unwrap().split_once("t=0 0\r\n").unwrap().1.replace("\r\n", "|")
    }

    #[test]
    fn the_other_leg_is_offered_the_same_but_our_transport() {
        let offer = sdp(
            "a=group:BUNDLE 0 1\r\na=ice-lite\r\na=x-mine\r\nm=audio 4000 RTP/SAVP 9 101\r\na=rtpmap:101 telephone-event/8000\r\n\
             a=ice-ufrag:x\r\na=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=end-of-candidates\r\na=rtcp:4001\r\n\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=fingerprint:sha-1 AB\r\na=sendonly\r\na=x-kept\r\n\
             a=mid:0\r\na=msid:s t\r\na=ssrc:7 cname:x\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
             m=video 0 RTP/AVP 99\r\nm=image 5000 udptl t38\r\nc=IN IP4 192.0.2.2\r\na=T38FaxVersion:0\r\n",
        );
        let other = offer_for_other_leg(&offer, &[20000, 20002]);
        assert_eq!(
            printed(&other),
            "a=x-mine|m=audio 20000 RTP/SAVP 9 101|a=rtpmap:101 telephone-event/8000|\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x|a=fingerprint:sha-1 AB|a=x-kept|a=sendonly|\
             m=video 0 RTP/AVP 99|m=image 0 udptl t38|a=T38FaxVersion:0|"
        );
        assert_eq!((other.connection, other.media[2].connection), (Some(UNFILLED), None));
    }

    #[test]
    fn an_answer_has_the_sections_of_its_offer() {
        let offer =
            sdp("m=audio 4000 RTP/AVPF 0 8\r\nm=video 5000 RTP/AVP 99\r\nm=audio 6000 RTP/SAVP 0\r\n");
        let theirs = sdp("m=audio 7000 RTP/AVP 8\r\na=ptime:20\r\na=ice-pwd:x\r\n");
        assert_eq!(
            printed(&answer_from_other_leg(&offer, &theirs, &[20000, 20002, 20004])),
            "m=audio 20000 RTP/AVPF 8|a=ptime:20|a=sendrecv|m=video 0 RTP/AVP 99|m=audio 0 RTP/SAVP 0|"
        );
    }

    #[test]
    fn an_answer_rejects_what_does_not_fit() {
        for (offered, answered) in [
            ("m=audio 4000 RTP/AVP 0", "m=audio 0 RTP/AVP 0"),
            ("m=audio 4000 RTP/AVP 0", "m=video 7000 RTP/AVP 0"),
            ("m=audio 4000 RTP/AVP 0", "m=audio 7000 RTP/SAVP 0"),
            ("m=audio 4000 RTP/AVP 0", "m=audio 7000 RTP/AVP 8"),
            ("m=audio 0 RTP/AVP 0", "m=audio 7000 RTP/AVP 0"),
        ] {
            let answer = answer_from_other_leg(&sdp(offered), &sdp(answered), &[20000]);
            assert_eq!(answer.media[0].port, 0, "{offered} / {answered}");
        }
    }

    #[test]
    fn an_answer_may_number_a_codec_otherwise() {
        let offer = sdp(
            "m=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 telephone-event/8000\r\n",
        );
        let theirs = sdp(
            "m=audio 7000 RTP/AVP 97 101 0\r\na=rtpmap:97 OPUS/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n",
        );
        assert_eq!(answer_from_other_leg(&offer, &theirs, &[20000]).media[0].formats, ["97", "101"]);
    }

    #[test]
    fn a_dynamic_type_without_rtpmap_is_known_by_its_number() {
        let offer = sdp("m=audio 4000 RTP/AVP 96\r\n");
        let theirs = sdp("m=audio 7000 RTP/AVP 96\r\na=rtpmap:96 X-NEW/8000\r\n");
        assert_eq!(answer_from_other_leg(&offer, &theirs, &[20000]).media[0].port, 20000);
    }

    #[test]
    fn rtcp_mux_is_agreed_to_where_it_was_offered() {
        for (offered, answered, agreed) in
            [("a=rtcp-mux", "a=rtcp-mux", true), ("a=x", "a=rtcp-mux", false), ("a=rtcp-mux", "a=x", true)]
        {
            let offer = sdp(&format!("m=audio 4000 RTP/AVP 0\r\n{offered}\r\n"));
            let theirs = sdp(&format!("m=audio 7000 RTP/AVP 0\r\n{answered}\r\n"));
            assert_eq!(answer_from_other_leg(&offer, &theirs, &[20000]).media[0].rtcp_mux, agreed);
        }
    }

    #[test]
    fn local_answers_speak_the_first_common_codec_and_digits() {
        let offer = sdp(
            "m=video 5000 RTP/AVP 0\r\nm=audio 4000 RTP/AVP 9 8 0 96 97\r\na=rtpmap:96 telephone-event/48000\r\n\
             a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\nm=audio 4002 RTP/AVP 0\r\n",
        );
        let answer = answer_locally(&offer, ENGINE_CODECS, Direction::SendOnly, &[1, 20002, 20004]).unwrap();
        assert_eq!(
            printed(&answer),
            "m=video 0 RTP/AVP 0|m=audio 20002 RTP/AVP 8 97|a=rtpmap:8 PCMA/8000|a=rtpmap:97 telephone-event/8000|\
             a=fmtp:97 0-15|a=ptime:20|a=sendonly|m=audio 0 RTP/AVP 0|"
        );
    }

    #[test]
    fn no_common_codec_is_no_answer() {
        for offer in [
            "m=audio 4000 RTP/AVP 9 18",
            "m=audio 4000 RTP/SAVP 0",
            "m=audio 0 RTP/AVP 0",
            "m=video 4000 RTP/AVP 0",
            "",
        ] {
            assert_eq!(
                answer_locally(&sdp(offer), ENGINE_CODECS, Direction::SendRecv, &[20000]),
                None,
                "{offer}"
            );
        }
        let offer = sdp("m=audio 4000 RTP/AVP 0");
        assert_eq!(answer_locally(&offer, ENGINE_CODECS, Direction::SendRecv, &[]), None, "no port");
    }

    #[test]
    fn who_shares_no_codec_is_answered_with_one_of_its_own() {
        let offer = "m=video 5000 RTP/AVP 99\r\nm=audio 4000 RTP/AVP 18 9 8 96 97\r\na=rtpmap:96 telephone-event/8000\r\n\
                     a=rtpmap:97 telephone-event/48000\r\na=fmtp:96 0-15\r\n";
        let events = "a=rtpmap:96 telephone-event/8000|a=fmtp:96 0-15|";
        for (answered, speech, events, direction) in [
            ("0", "8 PCMA", "", "sendrecv"),
            ("0 101\r\na=rtpmap:101 telephone-event/8000", "8 PCMA", events, "sendrecv"),
            ("9\r\na=recvonly", "9 G722", "", "recvonly"),
        ] {
            let theirs = sdp(&format!("m=video 0 RTP/AVP 99\r\nm=audio 7000 RTP/AVP {answered}\r\n"));
            let answer = answer_transcoded(&sdp(offer), &theirs, RELAY_CODECS, &[1, 20002]).unwrap();
            let (number, name) = speech.split_once(' ').unwrap();
            let numbers = if events.is_empty() { number.to_owned() } else { format!("{number} 96") };
            assert_eq!(
                printed(&answer),
                format!(
                    "m=video 0 RTP/AVP 99|m=audio 20002 RTP/AVP {numbers}|a=rtpmap:{number} {name}/8000|{events}\
                     a=ptime:20|a={direction}|"
                )
            );
        }
        // The other width where there is no other.
        let theirs = sdp("m=audio 7000 RTP/AVP 9\r\n");
        let narrow = answer_transcoded(&sdp("m=audio 4000 RTP/AVP 8\r\n"), &theirs, RELAY_CODECS, &[20000]);
        assert_eq!(narrow.unwrap().media[0].formats, ["8"]);
        for (offered, answered) in
            [("18", "0"), ("8", "18"), ("8", "101"), ("8\r\na=x", "0\r\nm=audio 1 RTP/AVP 0")]
        {
            let offer = sdp(&format!("m=audio 4000 RTP/AVP {offered}\r\n"));
            let theirs = sdp(&format!("m=audio 7000 RTP/AVP {answered}\r\n"));
            let answer = answer_transcoded(&offer, &theirs, RELAY_CODECS, &[20000]);
            assert_eq!(answer.is_some(), answered.starts_with("0\r\n"), "{offered} {answered}");
            assert_eq!(answer_transcoded(&offer, &theirs, RELAY_CODECS, &[]), None, "no port");
        }
    }

    #[test]
    fn opus_is_written_as_it_always_is_with_digits_of_either_clock() {
        let spoken = [RELAY_CODECS, &[OPUS]].concat();
        let opus = format!("a=rtpmap:96 opus/48000/2|a=fmtp:96 {OPUS_PARAMETERS}|");
        for (events, described) in [
            ("97 telephone-event/48000", "a=rtpmap:97 telephone-event/48000|a=fmtp:97 0-16|"),
            ("97 telephone-event/8000", "a=rtpmap:97 telephone-event/8000|a=fmtp:97 0-16|"),
            ("97 telephone-event/16000", ""),
        ] {
            let offer = sdp(&format!(
                "m=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=1\r\na=rtpmap:{events}\r\n"
            ));
            let theirs = sdp("m=audio 7000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n");
            let answer = answer_transcoded(&offer, &theirs, &spoken, &[20000]).unwrap();
            let numbers = if described.is_empty() { "96" } else { "96 97" };
            let text = format!("m=audio 20000 RTP/AVP {numbers}|{opus}{described}a=ptime:20|a=sendrecv|");
            assert_eq!(printed(&answer), text);
            assert_eq!(answer_transcoded(&offer, &theirs, RELAY_CODECS, &[20000]), None, "not asked for");
        }
        let other = sdp("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000\r\n");
        assert!(
            !other.media[0].codecs().any(|codec| is_one_of(&codec, &spoken)),
            "one channel is none of it"
        );
    }

    #[test]
    fn hold_is_answered_by_its_direction_and_with_the_codec_in_use() {
        let current = sdp("m=audio 20000 RTP/AVP 8\r\na=recvonly\r\n");
        for (held, direction) in [
            ("a=sendonly", Direction::RecvOnly),
            ("a=inactive", Direction::Inactive),
            ("c=IN IP4 0.0.0.0", Direction::SendRecv),
        ] {
            let offer = sdp(&format!("m=audio 4000 RTP/AVP 0 8\r\n{held}\r\n"));
            let answer = hold_answer(&offer, Some(&current), &[20000]).unwrap();
            assert_eq!(answer.direction(0), direction, "{held}");
            assert_eq!(answer.media[0].formats, ["8"]);
        }
        let offer = sdp("m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n");
        assert_eq!(hold_answer(&offer, Some(&current), &[20000]).unwrap().media[0].formats, ["0"]);
        let wide = hold_answer(&sdp("m=audio 4000 RTP/AVP 9\r\n"), Some(&current), &[20000]);
        assert_eq!(wide.unwrap().media[0].formats, ["9"]);
        assert_eq!(hold_answer(&sdp("m=audio 4000 RTP/AVP 18\r\n"), Some(&current), &[20000]), None);
    }

    #[test]
    fn the_full_offer_is_full_and_never_shrinks() {
        let text = "m=audio 20000 RTP/AVP 0 8 101|a=rtpmap:0 PCMU/8000|a=rtpmap:8 PCMA/8000|\
                    a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-16|a=ptime:20|a=sendrecv|";
        assert_eq!(printed(&full_offer(None, &[20000])), text);
        let before = sdp(
            "m=video 20004 RTP/AVP 99\r\nm=audio 20000 RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=recvonly\r\n",
        );
        let offer = full_offer(Some(&before), &[20004, 20000]);
        assert_eq!(offer.media.iter().map(|media| media.port).collect::<Vec<_>>(), [0, 20000]);
        assert_eq!(offer.media[1].telephone_event(8000), Some(97));
        assert_eq!(offer.direction(1), Direction::SendRecv);
        let secure = sdp("m=audio 20000 RTP/SAVP 0\r\n");
        assert_eq!(full_offer(Some(&secure), &[1, 20002]).media.len(), 2);
    }

    fn section_text() -> impl Strategy<Value = String> {
        (
            prop::sample::select(vec!["audio", "video", "image"]),
            prop::sample::select(vec![0u16, 4000, 5000]),
            prop::sample::select(vec!["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "udptl"]),
            prop::sample::subsequence(vec!["0", "8", "9", "96", "101", "t38"], 1..=6),
            prop::sample::select(vec!["sendrecv", "sendonly", "recvonly", "inactive", "x"]),
        )
            .prop_map(|(kind, port, protocol, formats, direction)| {
                format!(
                    "m={kind} {port} {protocol} {}\r\na={direction}\r\na=rtpmap:101 telephone-event/8000\r\n",
                    formats.join(" ")
                )
            })
    }

    fn any_sdp() -> impl Strategy<Value = SessionDescription> {
        prop::collection::vec(section_text(), 0..5).prop_map(|sections| sdp(&sections.concat()))
    }

    proptest! {
        #[test]
        fn every_answer_fits_its_offer(
            offer in any_sdp(),
            theirs in any_sdp(),
            ports in prop::collection::vec(prop::sample::select(vec![0u16, 20000]), 0..6),
        ) {
            let answers = [
                Some(answer_from_other_leg(&offer, &theirs, &ports)),
                answer_locally(&offer, ENGINE_CODECS, Direction::SendRecv, &ports),
                hold_answer(&offer, Some(&theirs), &ports),
                hold_answer(&offer, None, &ports),
            ];
            for answer in answers.into_iter().flatten() {
                prop_assert_eq!(answer.media.len(), offer.media.len());
                for (index, (answered, offered)) in answer.media.iter().zip(&offer.media).enumerate() {
                    prop_assert_eq!(&answered.kind, &offered.kind);
                    prop_assert_eq!(&answered.protocol, &offered.protocol);
                    prop_assert!(answered.port == 0 || (offered.port != 0 && ports.get(index) == Some(&answered.port)));
                    let (ours, peers) = (answer.direction(index), offer.direction(index));
                    prop_assert!(answered.port == 0 || peers.answer(ours) == ours);
                }
                let body = answer.print(Origin { id: 1, version: 1 }, "198.51.100.1".parse().unwrap());
                prop_assert!(SessionDescription::parse(&body).is_ok());
            }
        }
    }
}
