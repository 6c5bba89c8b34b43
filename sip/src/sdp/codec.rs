//! The codecs of an RTP section: payload types with what `a=rtpmap` and `a=fmtp` say of them (RFC 8866 §6.6, §6.15).

use super::{MediaDescription, attribute};

/// One RTP payload type of a section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Codec<'a> {
    /// 0 to 127.
    pub payload_type: u8,
    /// Encoding name as written: `PCMU`, `telephone-event`. Compare without case.
    pub name: &'a str,
    /// Clock rate in Hz. 8000 for G722, whatever it samples at (RFC 3551 §4.5.2).
    pub clock_rate_hz: u32,
    /// Channels; 1 where none are written.
    pub channels: u8,
    /// Format parameters, `""` where there are none: `annexb=no`, `0-16`.
    pub fmtp: &'a str,
}

impl Codec<'_> {
    /// Whether both name the same encoding, whatever their payload types are.
    pub fn is_same_encoding(&self, other: &Codec<'_>) -> bool {
        self.name.eq_ignore_ascii_case(other.name)
            && self.clock_rate_hz == other.clock_rate_hz
            && self.channels == other.channels
    }

    /// Whether these are digits and not speech (RFC 4733).
    pub fn is_telephone_event(&self) -> bool {
        self.name.eq_ignore_ascii_case("telephone-event")
    }

    /// Whether these carry no speech of their own: digits, comfort noise (RFC 3389) or redundancy (RFC 2198).
    pub fn is_auxiliary(&self) -> bool {
        self.is_telephone_event()
            || self.name.eq_ignore_ascii_case("CN")
            || self.name.eq_ignore_ascii_case("red")
    }
}

impl MediaDescription {
    /// The payload types that can be named, in the order of preference. A dynamic one without rtpmap is left out; so is
    /// every format of a section that is not RTP.
    pub fn codecs(&self) -> impl Iterator<Item = Codec<'_>> {
        let formats = if self.is_rtp() { &self.formats[..] } else { &[] };
        formats.iter().filter_map(|format| self.codec(payload_type(format)?))
    }

    /// What payload type `payload_type` is, by rtpmap, else by RFC 3551 table 4.
    pub fn codec(&self, payload_type: u8) -> Option<Codec<'_>> {
        let mut fmtp = None;
        let mut rtpmap = None;
        for line in &self.lines {
            if rtpmap.is_none()
                && let Some(text) = attribute(line, "rtpmap")
            {
                rtpmap = of(payload_type, text).and_then(encoding);
            } else if fmtp.is_none()
                && let Some(text) = attribute(line, "fmtp")
            {
                fmtp = of(payload_type, text);
            }
        }
        let (name, clock_rate_hz, channels) = rtpmap.or_else(|| static_encoding(payload_type))?;
        let fmtp = fmtp.unwrap_or("");
        Some(Codec { payload_type, name, clock_rate_hz, channels, fmtp })
    }

    /// The payload type of digits at this clock rate (RFC 4733 §2.5.1.1 wants that of the speech codec), else at any.
    pub fn telephone_event(&self, clock_rate_hz: u32) -> Option<u8> {
        let events = || self.codecs().filter(Codec::is_telephone_event);
        let found = events().find(|codec| codec.clock_rate_hz == clock_rate_hz).or_else(|| events().next());
        found.map(|codec| codec.payload_type)
    }

    /// The first codec that carries speech.
    pub fn speech(&self) -> Option<Codec<'_>> {
        self.codecs().find(|codec| !codec.is_auxiliary())
    }
}

/// What is said of a payload type by an attribute that begins with the number of one. What is no text names nothing.
fn of(payload_type: u8, text: &[u8]) -> Option<&str> {
    let text = text.trim_ascii();
    let (number, value) = text.split_at(text.iter().position(|octet| *octet == b' ')?);
    if decimal(number) != Some(payload_type) {
        return None;
    }
    std::str::from_utf8(value.trim_ascii()).ok()
}

pub(super) fn payload_type(format: &[u8]) -> Option<u8> {
    decimal(format).filter(|number| *number < 128)
}

/// A number of a payload type, which may have a sign before it as Rust reads numbers.
fn decimal(digits: &[u8]) -> Option<u8> {
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u8, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// `opus/48000/2`.
fn encoding(text: &str) -> Option<(&str, u32, u8)> {
    let (name, rest) = text.split_at(text.bytes().position(|octet| octet == b'/')?);
    if name.is_empty() {
        return None;
    }
    let rest = &rest[1..];
    let (clock, channels) = match rest.bytes().position(|octet| octet == b'/') {
        Some(end) => (&rest[..end], Some(&rest[end + 1..])),
        None => (rest, None),
    };
    // What stands behind the channels means nothing.
    let channels = channels.map(|text| text.split('/').next().unwrap_or_default());
    let clock_rate_hz = clock.trim_ascii().parse().ok()?;
    let channels = channels.map_or(Some(1), |channels| channels.trim_ascii().parse().ok())?;
    Some((name, clock_rate_hz, channels))
}

/// The static payload types that phones send without rtpmap (RFC 3551 §6).
const fn static_encoding(payload_type: u8) -> Option<(&'static str, u32, u8)> {
    let name = match payload_type {
        0 => "PCMU",
        3 => "GSM",
        4 => "G723",
        8 => "PCMA",
        9 => "G722",
        13 => "CN",
        18 => "G729",
        _ => return None,
    };
    Some((name, 8000, 1))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::sdp::SessionDescription;

    fn section(lines: &str) -> MediaDescription {
        let text = format!("v=0\nc=IN IP4 192.0.2.1\n{lines}");
        SessionDescription::parse(&Bytes::from(text)).unwrap().media.remove(0)
    }

    #[test]
    fn static_types_need_no_rtpmap() {
        let media = section("m=audio 4000 RTP/AVP 0 3 4 8 9 13 18 96\n");
        let names: Vec<_> = media.codecs().map(|codec| (codec.payload_type, codec.name)).collect();
        assert_eq!(
            names,
            [(0, "PCMU"), (3, "GSM"), (4, "G723"), (8, "PCMA"), (9, "G722"), (13, "CN"), (18, "G729")]
        );
    }

    #[test]
    fn rtpmap_and_fmtp_are_read() {
        let media = section(
            "m=audio 4000 RTP/AVP 96 101 0\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\n\
             a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=rtpmap:0 X-MINE/16000\n",
        );
        let codecs: Vec<_> = media.codecs().collect();
        assert_eq!(
            codecs[0],
            Codec {
                payload_type: 96,
                name: "opus",
                clock_rate_hz: 48000,
                channels: 2,
                fmtp: "useinbandfec=1"
            }
        );
        assert_eq!(codecs[1].fmtp, "0-16");
        assert_eq!((codecs[2].name, codecs[2].clock_rate_hz), ("X-MINE", 16000));
        assert_eq!(media.telephone_event(8000), Some(101));
        assert_eq!(media.speech().unwrap().name, "opus");
    }

    #[test]
    fn telephone_events_prefer_the_clock_of_the_speech() {
        let media = section(
            "m=audio 4000 RTP/AVP 0 101 102\na=rtpmap:101 telephone-event/48000\na=rtpmap:102 telephone-event/8000\n",
        );
        assert_eq!(media.telephone_event(8000), Some(102));
        assert_eq!(media.telephone_event(16000), Some(101));
    }

    #[test]
    fn formats_that_are_no_payload_types_are_left_out() {
        assert_eq!(section("m=image 4000 udptl t38\n").codecs().count(), 0);
        assert_eq!(section("m=audio 4000 RTP/AVP 128 256 x -1 0\n").codecs().count(), 1);
        assert_eq!(section("m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus\n").codecs().count(), 0);
    }
}
