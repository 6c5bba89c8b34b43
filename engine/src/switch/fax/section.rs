//! Sections of fax in descriptions: `m=image … udptl t38` with its `a=T38…` lines (ITU-T T.38 annex D, RFC 3362), which pass as they
//! are from one leg to the other.

use bytes::Bytes;
use trunkline_media::{Codecs, PayloadTypes, Protection, Remote, SourcePolicy};
use trunkline_sip::sdp::{Direction, MEDIA_MAX, MediaDescription, SessionDescription, lines_for_other_leg};

use super::super::session::{self, Place, audio, placed, rejected, relayed, source_policy};

/// A section of fax with more lines is taken for one that is not understood. Annex D has eleven, some makers a few of their own.
pub(in super::super) const FAX_LINES_MAX: usize = 32;

/// The same of a longer line, in bytes.
pub(in super::super) const FAX_LINE_BYTES_MAX: usize = 256;

/// Which section is fax: the first with a port that can be passed on.
pub(in super::super) fn fax(description: &SessionDescription) -> Option<usize> {
    description.media.iter().position(|section| section.port != 0 && is_fax(section))
}

/// Leaves of a section of fax what passes between legs: its parameters.
pub(in super::super) fn tidy(section: &mut MediaDescription) {
    if is_image(section) {
        section.direction = None;
        section.lines.retain(is_parameter);
    }
}

/// The offer for another leg, last described like `current`, that changes what is relayed there as `offered` does: the sections that the
/// leg has, all of them rejected but that one. `None`: it cannot be written.
pub(super) fn passed_on(
    current: &SessionDescription,
    offered: &SessionDescription,
    place: Place,
) -> Option<SessionDescription> {
    let section = &offered.media[relayed(offered)?];
    let mut media: Vec<_> = current.media.iter().map(rejected).collect();
    // What is offered in the place of another stands there on the other leg too (RFC 3264 §8.3.3).
    let stands_alone = !offered.media.iter().any(|one| is_speech_or_fax(one) && !is_same_kind(one, section));
    let at = media
        .iter()
        .position(|one| is_same_kind(one, section))
        .or_else(|| media.iter().position(is_speech_or_fax).filter(|_| stands_alone))
        .unwrap_or(media.len());
    if at == media.len() {
        if at == MEDIA_MAX {
            return None;
        }
        media.push(MediaDescription::default());
    }
    media[at] = MediaDescription {
        kind: section.kind.clone(),
        port: place.port,
        protocol: section.protocol.clone(),
        formats: section.formats.clone(),
        direction: Some(Direction::SendRecv),
        lines: lines_for_other_leg(section),
        ..MediaDescription::default()
    };
    Some(placed(SessionDescription { media, direction: None, ..current.clone() }, place))
}

/// The answer to `offered` on its own leg, made from the answer that the other one gave to [`passed_on`]. `None`: it was rejected there.
pub(super) fn answered(
    offered: &SessionDescription,
    theirs: &SessionDescription,
    place: Place,
) -> Option<SessionDescription> {
    let (index, at) = relayed(offered).zip(relayed(theirs))?;
    let mut media: Vec<_> = offered.media.iter().map(rejected).collect();
    media[index] = MediaDescription {
        direction: Some(theirs.direction(at)),
        connection: theirs.connection(at),
        ..theirs.media[at].clone()
    };
    let in_their_places = SessionDescription { media, direction: None, ..theirs.clone() };
    session::answer(offered, &in_their_places, place)
}

/// Our offer of audio on a leg of fax: what was described there `before` it, as far as that is known.
pub(super) fn audio_again(
    current: &SessionDescription,
    before: Option<&SessionDescription>,
    place: Place,
) -> SessionDescription {
    let Some((index, speech)) = before.and_then(|before| Some((audio(before)?, before))) else {
        return session::own_offer(Some(current), place);
    };
    let mut media: Vec<_> = current.media.iter().map(rejected).collect();
    let at = media.iter().position(MediaDescription::is_audio).unwrap_or_else(|| index.min(media.len()));
    if at == media.len() {
        media.push(MediaDescription::default());
    }
    media[at] = MediaDescription {
        port: place.port,
        direction: Some(Direction::SendRecv),
        connection: None,
        ..speech.media[index].clone()
    };
    placed(SessionDescription { media, direction: None, ..speech.clone() }, place)
}

/// Our offer of what was described `before`, after the far end rejected all of another offer, whose sections keep their places.
pub(in super::super) fn again(
    before: &SessionDescription,
    rejected_all: &SessionDescription,
    place: Place,
) -> SessionDescription {
    let mut again = before.clone();
    again.media.extend(rejected_all.media.iter().skip(before.media.len()).map(rejected));
    if let Some(index) = relayed(&again) {
        again.media[index].port = place.port;
    }
    placed(again, place)
}

/// What the relay is told of a leg of fax, `None` where it is none. Who receives a page says nothing for as long as it lasts: silence is no
/// fault.
pub(in super::super) fn remote(
    theirs: &SessionDescription,
    ours: &SessionDescription,
    signalling: std::net::IpAddr,
) -> Option<Remote> {
    let index = fax(theirs).filter(|_| fax(ours).is_some())?;
    let rtp = theirs.rtp(index);
    Some(Remote {
        rtp,
        rtcp: None,
        source: rtp.map_or(SourcePolicy::Signalled, |rtp| source_policy(rtp.ip(), signalling)),
        payload_types: PayloadTypes::default(),
        codecs: Codecs::default(),
        speaks: Codecs::default(),
        send: rtp.is_some(),
        receive: false,
        sealed: false,
        opaque: true,
        protection: Protection::Plain,
        ice: None,
    })
}

fn is_fax(section: &MediaDescription) -> bool {
    is_image(section)
        && section.protocol.eq_ignore_ascii_case(b"udptl")
        && section.formats.iter().any(|format| format.eq_ignore_ascii_case(b"t38"))
        && section.lines.len() <= FAX_LINES_MAX
        && section.lines.iter().all(|line| line.len() <= FAX_LINE_BYTES_MAX)
}

fn is_image(section: &MediaDescription) -> bool {
    section.kind.eq_ignore_ascii_case(b"image")
}

fn is_speech_or_fax(section: &MediaDescription) -> bool {
    section.is_audio() || is_image(section)
}

fn is_same_kind(one: &MediaDescription, other: &MediaDescription) -> bool {
    one.kind.eq_ignore_ascii_case(&other.kind)
}

/// `a=T38FaxVersion:0` and its like; some makers write the first letter small.
fn is_parameter(line: &Bytes) -> bool {
    line.get(..5).is_some_and(|head| head.eq_ignore_ascii_case(b"a=t38"))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use trunkline_sip::sdp::Origin;

    use super::super::super::streams::STREAMS;
    use super::*;

    const OURS: Place =
        Place { port: 20_000, address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), streams: [0; STREAMS] };
    const AUDIO: &str = "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
    const NO_AUDIO: &str = "m=audio 0 RTP/AVP 0\r\n";
    const FAX: &str = "m=image 4002 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";

    fn sdp(sections: &str) -> SessionDescription {
        let text =
            format!("v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{sections}");
        SessionDescription::parse(&Bytes::from(text)).unwrap()
    }

    fn sections(sdp: &SessionDescription) -> String {
        let text = sdp.print(Origin { id: 1, version: 1 }, "198.51.100.1".parse().unwrap());
        String::from_utf8(text.to_vec()).unwrap().split_once("t=0 0\r\n").unwrap().1.replace("\r\n", "|")
    }

    fn passed(current: &str, offered: &str) -> String {
        passed_on(&sdp(current), &sdp(offered), OURS).map(|offer| sections(&offer)).unwrap_or_default()
    }

    #[test]
    fn what_is_fax() {
        let is = |sections: &str| fax(&sdp(sections));
        assert_eq!(is(FAX), Some(0));
        assert_eq!(is(&[NO_AUDIO, FAX].concat()), Some(1));
        assert_eq!(is("m=IMAGE 4002 UDPTL T38\r\n"), Some(0));
        for other in [
            "m=image 0 udptl t38\r\n",
            "m=image 4002 tcp t38\r\n",
            "m=image 4002 udptl jpeg\r\n",
            "m=video 4002 udptl t38\r\n",
        ] {
            assert_eq!(is(other), None, "{other}");
        }
        assert_eq!(relayed(&sdp(&[FAX, AUDIO].concat())), Some(1), "of both, audio");
    }

    #[test]
    fn a_section_beyond_the_limits_is_not_understood() {
        let lines = |lines: usize, bytes: usize| {
            let line = format!("a=T38{}\r\n", "x".repeat(bytes - 5));
            fax(&sdp(&["m=image 4002 udptl t38\r\n".to_owned(), line.repeat(lines)].concat()))
        };
        assert_eq!(lines(FAX_LINES_MAX, FAX_LINE_BYTES_MAX), Some(0));
        assert_eq!((lines(FAX_LINES_MAX + 1, 20), lines(1, FAX_LINE_BYTES_MAX + 1)), (None, None));
    }

    #[test]
    fn the_other_leg_is_offered_it_in_its_own_places() {
        let image = "m=image 20000 udptl t38|a=T38FaxVersion:0|a=T38FaxUdpEC:t38UDPRedundancy|";
        assert_eq!(passed(AUDIO, FAX), image, "in place of audio");
        assert_eq!(
            passed(AUDIO, &[NO_AUDIO, FAX].concat()),
            format!("m=audio 0 RTP/AVP 0|{image}"),
            "beside it"
        );
        let video = "m=video 0 RTP/AVP 99\r\n";
        assert_eq!(passed(&[video, AUDIO].concat(), FAX), format!("m=video 0 RTP/AVP 99|{image}"));
        let again = [AUDIO, "m=image 0 udptl t38\r\n"].concat();
        assert_eq!(passed(&again, FAX), format!("m=audio 0 RTP/AVP 0|{image}"), "where it was before");
        let speech = "m=audio 20000 RTP/AVP 0|a=rtpmap:0 PCMU/8000|a=sendrecv|";
        assert_eq!(passed(FAX, AUDIO), speech, "and back");
        assert_eq!(passed(&[NO_AUDIO, FAX].concat(), AUDIO), format!("{speech}m=image 0 udptl t38|"));
        assert_eq!(passed(&"m=video 0 RTP/AVP 99\r\n".repeat(MEDIA_MAX), FAX), "");
    }

    #[test]
    fn only_its_parameters_pass() {
        let offered =
            [FAX, "a=t38MaxBitRate:14400\r\na=sqn: 0\r\na=ice-ufrag:x\r\na=sendonly\r\nb=AS:64\r\n"].concat();
        let image =
            "m=image 20000 udptl t38|a=T38FaxVersion:0|a=T38FaxUdpEC:t38UDPRedundancy|a=t38MaxBitRate:14400|";
        assert_eq!(passed(AUDIO, &offered), image);
    }

    #[test]
    fn the_answer_stands_in_the_places_of_the_offer() {
        let said = |offered: &str, theirs: &str| {
            answered(&sdp(offered), &sdp(theirs), OURS).map(|answer| sections(&answer))
        };
        let image = "m=image 20000 udptl t38|a=T38FaxVersion:0|a=T38FaxUdpEC:t38UDPRedundancy|";
        assert_eq!(said(FAX, &[NO_AUDIO, FAX].concat()).as_deref(), Some(image));
        let beside = [NO_AUDIO, FAX].concat();
        assert_eq!(said(&beside, FAX), Some(format!("m=audio 0 RTP/AVP 0|{image}")));
        assert_eq!(said(FAX, "m=image 0 udptl t38\r\n"), None);
        assert_eq!(said(FAX, AUDIO), None, "another kind is no answer");
    }

    #[test]
    fn audio_comes_back_where_it_was() {
        let again = |current: &str, before: Option<&str>| {
            sections(&audio_again(&sdp(current), before.map(sdp).as_ref(), OURS))
        };
        let speech = "m=audio 20000 RTP/AVP 0|a=rtpmap:0 PCMU/8000|a=sendrecv|";
        assert_eq!(again(FAX, Some(AUDIO)), speech);
        assert_eq!(again(&[NO_AUDIO, FAX].concat(), Some(AUDIO)), format!("{speech}m=image 0 udptl t38|"));
        assert!(again(FAX, None).starts_with("m=image 0 udptl t38|m=audio 20000 RTP/AVP 0 8 101|"));
    }
}
