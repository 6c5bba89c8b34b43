//! Calls between ends that share no codec.
//!
//! ```text
//!   caller            switch                         callee
//!     │ PCMA ───────────▶│ PCMA ──────────────────────▶│
//!     │                  │◀─────────────────────── 488 │   it knows none of the caller's
//!     │                  │ PCMA, PCMU, G722 ──────────▶│   once more, with what the relay speaks behind them
//!     │◀──── 200 PCMA ───│◀────────────────── 200 PCMU │
//! ```
//!
//! So whoever shares a codec is never offered another, whatever he would prefer, and his packets pass as they are.

use std::time::Instant;

use bytes::Bytes;
use trunkline_sip::LegId;
use trunkline_sip::admission::Limit;
use trunkline_sip::outbox::CauseKind;
use trunkline_sip::sdp::{
    MediaDescription, OPUS, OPUS_PARAMETERS, RELAY_CODECS, SessionDescription, is_one_of,
};

use super::Switch;
use super::codecs::CodecList;
use super::ids::CallId;
use super::outbox::Outbox;
use super::ring::Candidate;
use super::session::audio;
use super::status::Failure;

impl Switch {
    /// The codecs between which the relay may transcode for a call and whoever it is joined with: none where one of the two lines says so.
    pub(super) fn transcoded_codecs(&self, id: CallId) -> &'static [&'static str] {
        let Some(call) = self.calls.get(&id) else { return &[] };
        let peer = call.peer.and_then(|peer| self.calls.get(&peer));
        let mut lines = peer.into_iter().chain([call]).map(|call| self.lines.of_call(&call.line));
        match lines.all(|line| line.is_none_or(|line| line.transcodes)) {
            true if self.setup.media.opus => WITH_OPUS,
            true => RELAY_CODECS,
            false => &[],
        }
    }

    /// The same of a leg.
    pub(super) fn leg_transcoded_codecs(&self, leg: LegId) -> &'static [&'static str] {
        self.legs.get(&leg).map_or(&[], |entry| self.transcoded_codecs(entry.call))
    }

    /// Calls a station again that took nothing of what it was offered: without video and text, if there were any, or else with more codecs;
    /// whether it is called.
    pub(super) fn invite_again(
        &mut self,
        now: Instant,
        id: CallId,
        candidate: Candidate,
        had_streams: bool,
        failure: &Failure,
        out: &mut Outbox,
    ) -> bool {
        let is_of_codecs = failure.cause.kind == CauseKind::Status
            && !failure.ours
            && (KNOWS_NO_CODEC.contains(&failure.cause.status)
                || had_streams && TAKES_NO_MORE.contains(&failure.cause.status));
        if !is_of_codecs {
            return false;
        }
        let invited = match had_streams {
            true => self.invite_to_speech(now, id, candidate, out),
            false => self.invite_extended(now, id, candidate, out),
        };
        invited.is_ok()
    }

    /// Whether one more call may be transcoded. Counts the refusal.
    pub(super) fn has_room_to_transcode(&mut self) -> bool {
        let has_room = self.media.transcoded() < self.setup.transcoded_calls_max as usize;
        if !has_room {
            self.refusals.count(Limit::TranscodedCalls);
        }
        has_room
    }
}

/// What a far end says that knows no codec of an offer, or cannot take a section of it: 488 and 606 (RFC 3261 §21.4.26, §21.6.4), and some devices 415.
pub(super) const KNOWS_NO_CODEC: [u16; 3] = [415, 488, 606];

/// What devices say besides that cannot read, or have no room for, an offer of more than speech.
const TAKES_NO_MORE: [u16; 3] = [406, 500, 513];

/// What the relay transcodes between where it may speak Opus.
const WITH_OPUS: &[&str] = &["PCMU", "PCMA", "G722", OPUS];

/// The offer with what the relay can speak beyond it, of which `passing` may be named, behind all that it has. `None`: there is nothing to
/// add, or nothing in it that the relay could transcode from.
pub(super) fn extended(
    offer: &SessionDescription,
    passing: &CodecList,
    spoken: &[&'static str],
) -> Option<SessionDescription> {
    let index = audio(offer)?;
    let section = &offer.media[index];
    let is_wide_speech =
        section.codecs().find(|codec| is_one_of(codec, spoken)).map(|codec| is_wide(codec.name))?;
    let (like, unlike): (Vec<&str>, Vec<&str>) =
        missing(section, passing, spoken).partition(|name| is_wide(name) == is_wide_speech);
    let mut offer = offer.clone();
    let section = &mut offer.media[index];
    let before = section.formats.len();
    for name in like.into_iter().chain(unlike) {
        add(section, name);
    }
    (section.formats.len() > before).then_some(offer)
}

/// Whether [`extended`] may have something to add.
pub(super) fn is_extensible(
    offer: &SessionDescription,
    passing: &CodecList,
    spoken: &[&'static str],
) -> bool {
    let section = audio(offer).map(|index| &offer.media[index]);
    section.is_some_and(|section| {
        missing(section, passing, spoken).next().is_some()
            && section.codecs().any(|codec| is_one_of(&codec, spoken))
    })
}

/// What the relay speaks beyond a section and may be named.
fn missing<'a>(
    section: &'a MediaDescription,
    passing: &'a CodecList,
    spoken: &'a [&'static str],
) -> impl Iterator<Item = &'static str> + 'a {
    let is_there = |name: &str| section.codecs().any(|codec| is_one_of(&codec, &[name]));
    spoken.iter().copied().filter(move |name| !is_there(name) && passing.passes(name))
}

/// Whether any of these codecs is in a description.
pub(super) fn is_spoken(description: &SessionDescription, spoken: &[&str]) -> bool {
    let mut sections = audio(description).map(|index| &description.media[index]).into_iter();
    sections.any(|section| section.codecs().any(|codec| is_one_of(&codec, spoken)))
}

/// Whether a codec of the relay has more than the band of a telephone: from such a one another such is the better choice.
fn is_wide(name: &str) -> bool {
    ["G722", OPUS].iter().any(|wide| name.eq_ignore_ascii_case(wide))
}

/// Adds a codec under its static number (RFC 3551 table 4), unless that means something else here, or a free one, and digits of its
/// clock where there are digits of another one (RFC 4733 §2.5.1.1).
fn add(section: &mut MediaDescription, name: &str) {
    let number = match name {
        "PCMU" => Some(0),
        "PCMA" => Some(8),
        "G722" => Some(9),
        _ => free_number(section, FIRST_DYNAMIC),
    };
    let is_taken =
        |number: &u8| section.codec(*number).is_some_and(|codec| !codec.name.eq_ignore_ascii_case(name));
    let is_listed = |number: &u8| {
        let text = number.to_string();
        section.formats.iter().any(|format| format[..] == *text.as_bytes())
    };
    let Some(number) = number.filter(|number| !is_taken(number) && !is_listed(number)) else { return };
    let is_opus = name == OPUS;
    let clock_hz = if is_opus { 48_000 } else { 8_000 };
    let channels = if is_opus { "/2" } else { "" };
    section.formats.push(Bytes::from(number.to_string()));
    section.lines.push(Bytes::from(format!("a=rtpmap:{number} {name}/{clock_hz}{channels}")));
    if is_opus {
        section.lines.push(Bytes::from(format!("a=fmtp:{number} {OPUS_PARAMETERS}")));
    }
    let has_events = |is_fit: &dyn Fn(u32) -> bool| {
        section.codecs().any(|codec| codec.is_telephone_event() && is_fit(codec.clock_rate_hz))
    };
    if has_events(&|_| true) && !has_events(&|clock| clock == clock_hz) {
        let Some(number) = free_number(section, EVENTS) else { return };
        section.formats.push(Bytes::from(number.to_string()));
        section.lines.push(Bytes::from(format!("a=rtpmap:{number} telephone-event/{clock_hz}")));
        section.lines.push(Bytes::from(format!("a=fmtp:{number} 0-16")));
    }
}

/// The first dynamic payload type (RFC 3551 §3), and the usual one of digits.
const FIRST_DYNAMIC: u8 = 96;
const EVENTS: u8 = 101;

/// A dynamic payload type that nothing in the section has: this one or another.
fn free_number(section: &MediaDescription, wanted: u8) -> Option<u8> {
    let is_free = |number: &u8| {
        let text = number.to_string();
        !section.formats.iter().any(|format| format[..] == *text.as_bytes())
            && section.codec(*number).is_none()
    };
    (wanted..128).chain(FIRST_DYNAMIC..wanted).find(is_free)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> SessionDescription {
        SessionDescription::parse(&Bytes::from(format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{text}"))).unwrap()
    }

    fn seen(offer: &SessionDescription) -> String {
        let section = &offer.media[audio(offer).unwrap()];
        section
            .codecs()
            .map(|codec| format!("{}={}/{} ", codec.payload_type, codec.name, codec.clock_rate_hz))
            .collect()
    }

    fn list(names: &[&str]) -> CodecList {
        CodecList::new(names.iter().map(|name| (*name).to_owned()))
    }

    #[test]
    fn what_the_relay_speaks_stands_behind_what_the_caller_does() {
        for (offered, wanted) in [
            ("8", "8=PCMA/8000 0=PCMU/8000 9=G722/8000 "),
            ("18 0", "18=G729/8000 0=PCMU/8000 8=PCMA/8000 9=G722/8000 "),
            ("9", "9=G722/8000 0=PCMU/8000 8=PCMA/8000 "),
        ] {
            let offer = sections(&format!("m=video 5000 RTP/AVP 99\r\nm=audio 4000 RTP/AVP {offered}\r\n"));
            let extended = extended(&offer, &CodecList::default(), RELAY_CODECS).unwrap();
            assert_eq!(seen(&extended), wanted);
            assert_eq!(extended.media[0], offer.media[0]);
        }
    }

    #[test]
    fn opus_has_a_free_number_and_digits_of_its_clock() {
        let events = "a=rtpmap:96 telephone-event/8000\r\n";
        for (offered, wanted) in [
            (
                "8 96",
                "8=PCMA/8000 96=telephone-event/8000 0=PCMU/8000 9=G722/8000 97=opus/48000 101=telephone-event/48000 ",
            ),
            ("9", "9=G722/8000 97=opus/48000 0=PCMU/8000 8=PCMA/8000 "),
        ] {
            let offer = sections(&format!("m=audio 4000 RTP/AVP {offered}\r\n{events}"));
            let extended = extended(&offer, &CodecList::default(), WITH_OPUS).unwrap();
            assert_eq!(seen(&extended), wanted);
            let opus = extended.media[0].codecs().find(|codec| codec.name == OPUS).unwrap();
            assert_eq!((opus.channels, opus.fmtp), (2, OPUS_PARAMETERS));
        }
        let opus = sections("m=audio 4000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n");
        let wanted = "111=opus/48000 9=G722/8000 0=PCMU/8000 8=PCMA/8000 ";
        assert_eq!(seen(&extended(&opus, &CodecList::default(), WITH_OPUS).unwrap()), wanted);
        assert_eq!(extended(&opus, &CodecList::default(), RELAY_CODECS), None);
    }

    #[test]
    fn only_what_the_trunk_lets_pass_is_added() {
        let offer = sections("m=audio 4000 RTP/AVP 9\r\n");
        assert_eq!(
            seen(&extended(&offer, &list(&["pcma", "G729"]), RELAY_CODECS).unwrap()),
            "9=G722/8000 8=PCMA/8000 "
        );
        assert_eq!(extended(&offer, &list(&["G729"]), RELAY_CODECS), None);
    }

    #[test]
    fn nothing_is_added_to_what_the_relay_does_not_speak_or_has_all() {
        for offered in [
            "m=audio 4000 RTP/AVP 18",
            "m=audio 4000 RTP/AVP 0 8 9",
            "m=audio 0 RTP/AVP 0",
            "m=image 1 udptl t38",
        ] {
            assert_eq!(
                extended(&sections(&format!("{offered}\r\n")), &CodecList::default(), RELAY_CODECS),
                None,
                "{offered}"
            );
        }
    }

    #[test]
    fn numbers_that_mean_something_else_stay_what_they_are() {
        let offer = sections("m=audio 4000 RTP/AVP 8 0 9\r\na=rtpmap:0 X-MINE/16000\r\n");
        assert_eq!(extended(&offer, &CodecList::default(), RELAY_CODECS), None);
    }

    #[test]
    fn digits_have_the_clock_of_what_is_added() {
        let events = "a=rtpmap:101 telephone-event/16000\r\na=fmtp:101 0-15\r\n";
        let offer = sections(&format!("m=audio 4000 RTP/AVP 8 101\r\n{events}"));
        let wanted =
            "8=PCMA/8000 101=telephone-event/16000 0=PCMU/8000 102=telephone-event/8000 9=G722/8000 ";
        assert_eq!(seen(&extended(&offer, &CodecList::default(), RELAY_CODECS).unwrap()), wanted);
        let has = sections("m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n");
        let wanted = "8=PCMA/8000 101=telephone-event/8000 0=PCMU/8000 9=G722/8000 ";
        assert_eq!(seen(&extended(&has, &CodecList::default(), RELAY_CODECS).unwrap()), wanted);
    }

    #[test]
    fn a_number_that_is_listed_is_not_listed_twice() {
        // What some devices write of G.722, which is neither that of RFC 3551 nor something else.
        let offer = sections("m=audio 4000 RTP/AVP 0 9\r\na=rtpmap:9 G722/16000\r\n");
        let more = extended(&offer, &CodecList::default(), RELAY_CODECS).unwrap();
        assert_eq!(more.media[0].formats, ["0", "9", "8"]);
    }
}
