//! The codecs of a trunk: which of them pass, and in which order they are named, in offers and answers of both directions.
//!
//! It is done where descriptions come in and go out ([`super::keying`]), so that everything between knows only what passes.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use trunkline_sip::sdp::{MediaDescription, SessionDescription};

/// Encoding names (RFC 4855), the most wanted first. None of them: every codec passes, in the order of who named it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CodecList(Arc<[String]>);

impl CodecList {
    /// These and no others.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Whether codecs of this encoding name pass.
    pub(super) fn passes(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|listed| listed.eq_ignore_ascii_case(name))
    }

    /// What passes of a description.
    pub(super) fn passing<'d>(&self, description: &'d SessionDescription) -> Cow<'d, SessionDescription> {
        if self.0.is_empty() {
            return Cow::Borrowed(description);
        }
        let mut passing = description.clone();
        self.narrow(&mut passing);
        Cow::Owned(passing)
    }

    /// Leaves of every audio section what passes, in the order of the list; digits and comfort noise stand behind it. A section of which
    /// nothing is left to speak is rejected (port 0).
    pub(super) fn narrow(&self, description: &mut SessionDescription) {
        let Self(names) = self;
        if names.is_empty() {
            return;
        }
        for section in description.media.iter_mut().filter(|section| section.is_audio() && section.is_rtp()) {
            if section.port != 0 {
                narrow(section, names);
            }
        }
    }
}

fn narrow(section: &mut MediaDescription, names: &[String]) {
    let mut kept: Vec<(usize, u8)> = section
        .codecs()
        .filter_map(|codec| {
            let place = names.iter().position(|name| name.eq_ignore_ascii_case(codec.name));
            let place = place.or_else(|| codec.is_auxiliary().then_some(names.len()));
            Some((place?, codec.payload_type))
        })
        .collect();
    if kept.iter().all(|(place, _)| *place == names.len()) {
        section.port = 0;
        return;
    }
    kept.sort_by_key(|(place, _)| *place);
    let is_kept = |payload_type: &[u8]| {
        let number = std::str::from_utf8(payload_type).ok().and_then(|text| text.parse::<u8>().ok());
        number.is_none_or(|number| kept.iter().any(|(_, kept)| *kept == number))
    };
    section.lines.retain(|line| match format_of(line) {
        Some(payload_type) => is_kept(payload_type),
        None => true,
    });
    section.formats = kept.iter().map(|(_, number)| Bytes::from(number.to_string())).collect();
}

/// The payload type that a line is about (RFC 8866 §6.6, §6.15).
fn format_of(line: &[u8]) -> Option<&[u8]> {
    let value = line.strip_prefix(b"a=rtpmap:").or_else(|| line.strip_prefix(b"a=fmtp:"))?;
    value.split(|byte| *byte == b' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(names: &[&str], text: &str) -> String {
        let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
        let body = Bytes::from([head, text].concat());
        let mut description = SessionDescription::parse(&body).expect("it is well-formed");
        CodecList::new(names.iter().map(|name| (*name).to_owned())).narrow(&mut description);
        let section = &description.media[0];
        let text = |part: &Bytes| String::from_utf8_lossy(part).into_owned();
        let formats: Vec<_> = section.formats.iter().map(text).collect();
        let lines: Vec<_> = section.lines.iter().map(text).collect();
        format!("{} {} {}", section.port, formats.join(" "), lines.join(" "))
    }

    const OFFER: &str = "m=audio 4000 RTP/AVP 9 0 8 18 101\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n\
                         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n";

    #[test]
    fn what_is_listed_passes_in_the_order_of_the_list_and_digits_behind_it() {
        let left = "a=rtpmap:101 telephone-event/8000 a=fmtp:101 0-16 a=ptime:20";
        assert_eq!(narrowed(&["PCMA", "pcmu", "opus"], OFFER), format!("4000 8 0 101 {left}"));
        let g729 = "a=rtpmap:18 G729/8000 a=fmtp:18 annexb=no";
        assert_eq!(narrowed(&["G729"], OFFER), format!("4000 18 101 {g729} {left}"));
    }

    #[test]
    fn without_a_list_everything_passes() {
        assert!(narrowed(&[], OFFER).starts_with("4000 9 0 8 18 101 "));
    }

    #[test]
    fn a_section_without_a_codec_of_the_list_is_rejected() {
        assert!(narrowed(&["opus"], OFFER).starts_with("0 "));
        assert!(
            narrowed(
                &["telephone-event"],
                "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"
            )
            .starts_with("4000 101")
        );
    }

    #[test]
    fn what_is_no_audio_stays() {
        assert!(
            narrowed(&["PCMA"], "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n")
                .starts_with("5000 96 ")
        );
        assert!(narrowed(&["PCMA"], "m=image 5000 udptl t38\r\n").starts_with("5000 t38"));
    }
}
