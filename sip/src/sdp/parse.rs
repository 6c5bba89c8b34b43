//! Reading a session description (RFC 8866 §5, §9), lenient where phones are.

use std::net::IpAddr;

use bytes::Bytes;

use super::{Direction, MediaDescription, SdpError, SessionDescription, attribute};

/// A body with more bytes is refused.
pub const BODY_BYTES_MAX: usize = 32 * 1024;
/// A description with more lines is refused.
pub const LINES_MAX: usize = 512;
/// A description with more `m=` sections is refused.
pub const MEDIA_MAX: usize = 32;
/// A section with more formats is refused.
pub const FORMATS_MAX: usize = 64;
/// A description with more `a=candidate` lines (RFC 8839) is refused.
pub const CANDIDATES_MAX: usize = 100;

impl SessionDescription {
    /// Reads a description. Tolerates LF line ends, blank lines, and missing `o=`, `s=`, `t=`, `c=`.
    ///
    /// # Errors
    /// [`SdpError::Malformed`] where the text is not SDP; [`SdpError::TooMany`] beyond [`BODY_BYTES_MAX`],
    /// [`LINES_MAX`], [`MEDIA_MAX`], [`FORMATS_MAX`] or [`CANDIDATES_MAX`].
    pub fn parse(body: &Bytes) -> Result<Self, SdpError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(SdpError::TooMany("bytes"));
        }
        let mut sdp = Self::default();
        let mut candidates = 0;
        let mut seen_version = false;
        for (number, line) in (1u16..).zip(body.split(|byte| *byte == b'\n')) {
            if usize::from(number) > LINES_MAX + 1 {
                return Err(SdpError::TooMany("lines"));
            }
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            if usize::from(number) > LINES_MAX {
                return Err(SdpError::TooMany("lines"));
            }
            let malformed = SdpError::Malformed(number);
            let [letter @ b'a'..=b'z', b'=', value @ ..] = line else { return Err(malformed) };
            // A CR or NUL inside a line would be a line end to somebody behind us.
            if memchr::memchr2(b'\r', 0, value).is_some() {
                return Err(malformed);
            }
            if !seen_version {
                if *letter != b'v' || value.trim_ascii() != b"0" {
                    return Err(malformed);
                }
                seen_version = true;
                continue;
            }
            if attribute(line, "candidate").is_some() {
                candidates += 1;
                if candidates > CANDIDATES_MAX {
                    return Err(SdpError::TooMany("candidates"));
                }
            }
            if *letter == b'm' {
                if sdp.media.len() == MEDIA_MAX {
                    return Err(SdpError::TooMany("media"));
                }
                sdp.media.push(media(body, value, malformed)?);
                continue;
            }
            match sdp.media.last_mut() {
                None => sdp.session_line(body, *letter, line, malformed)?,
                Some(section) => section.line(body, *letter, line, malformed)?,
            }
        }
        if !seen_version {
            return Err(SdpError::Malformed(1));
        }
        sdp.normalize();
        Ok(sdp)
    }

    fn session_line(
        &mut self,
        body: &Bytes,
        letter: u8,
        line: &[u8],
        malformed: SdpError,
    ) -> Result<(), SdpError> {
        match letter {
            b'o' | b's' | b't' | b'r' | b'z' | b'v' => {}
            b'c' => self.connection = self.connection.or(connection(line, malformed)?),
            _ => match direction(line) {
                Some(direction) => self.direction = Some(direction),
                None => self.lines.push(body.slice_ref(line)),
            },
        }
        Ok(())
    }

    /// Lines in the order of the grammar, and no media-level address that repeats the session's: a description then
    /// equals what is read back after printing it.
    fn normalize(&mut self) {
        self.lines.sort_by_key(|line| session_rank(line));
        for media in &mut self.media {
            media.lines.sort_by_key(|line| media_rank(line));
            if media.connection == self.connection {
                media.connection = None;
            }
        }
    }
}

impl MediaDescription {
    fn line(&mut self, body: &Bytes, letter: u8, line: &[u8], malformed: SdpError) -> Result<(), SdpError> {
        if letter == b'c' {
            self.connection = self.connection.or(connection(line, malformed)?);
        } else if let Some(direction) = direction(line) {
            self.direction = Some(direction);
        } else if attribute(line, "rtcp-mux").is_some() {
            self.rtcp_mux = true;
        } else if let Some(value) = attribute(line, "rtcp") {
            // A malformed one is dropped: to pass it on would name a port that is not ours.
            self.rtcp = rtcp(value).or(self.rtcp);
        } else if !matches!(letter, b'o' | b's' | b't' | b'r' | b'z' | b'v') {
            self.lines.push(body.slice_ref(line));
        }
        Ok(())
    }
}

/// Where a session-level line stands: before `c=` (0), between `c=` and `t=` (1), after `t=` (2).
pub(super) fn session_rank(line: &[u8]) -> u8 {
    match line.first() {
        Some(b'i') => 0,
        Some(b'u') => 1,
        Some(b'e') => 2,
        Some(b'p') => 3,
        Some(b'b') => RANK_AFTER_CONNECTION,
        Some(b'k') => RANK_AFTER_TIME,
        _ => RANK_AFTER_TIME + 1,
    }
}

pub(super) const RANK_AFTER_CONNECTION: u8 = 4;
pub(super) const RANK_AFTER_TIME: u8 = 5;

/// Where a media-level line stands: `i=` before `c=` (0), then `b=`, `k=`, and attributes.
pub(super) fn media_rank(line: &[u8]) -> u8 {
    match line.first() {
        Some(b'i') => 0,
        Some(b'b') => 1,
        Some(b'k') => 2,
        _ => 3,
    }
}

fn media(body: &Bytes, value: &[u8], malformed: SdpError) -> Result<MediaDescription, SdpError> {
    let mut fields = value.split(|byte| *byte == b' ' || *byte == b'\t').filter(|field| !field.is_empty());
    let (Some(kind), Some(port), Some(protocol)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(malformed);
    };
    // `49170/2` asks for several port pairs, which no phone does; the first pair is used.
    let port = port.split(|byte| *byte == b'/').next().and_then(number).ok_or(malformed)?;
    let mut formats = Vec::new();
    for field in fields {
        if formats.len() == FORMATS_MAX {
            return Err(SdpError::TooMany("formats"));
        }
        formats.push(body.slice_ref(field));
    }
    if formats.is_empty() {
        // Some answers reject a stream without naming a format.
        if port != 0 {
            return Err(malformed);
        }
        formats.push(Bytes::from_static(b"0"));
    }
    Ok(MediaDescription {
        kind: body.slice_ref(kind),
        port,
        protocol: body.slice_ref(protocol),
        formats,
        ..MediaDescription::default()
    })
}

/// The address of a `c=` line; `None` for a host name, which only a resolver could turn into one.
fn connection(line: &[u8], malformed: SdpError) -> Result<Option<IpAddr>, SdpError> {
    let text = std::str::from_utf8(&line[2..]).map_err(|_| malformed)?;
    address(text).ok_or(malformed)
}

/// `IN IP4 192.0.2.1/127`: outer `None` is malformed, inner `None` is a name.
fn address(text: &str) -> Option<Option<IpAddr>> {
    let mut fields = text.split_ascii_whitespace();
    let (network, family, host) = (fields.next()?, fields.next()?, fields.next()?);
    let known = network.eq_ignore_ascii_case("IN")
        && (family.eq_ignore_ascii_case("IP4") || family.eq_ignore_ascii_case("IP6"));
    if !known {
        return None;
    }
    // The suffix is a TTL or a number of multicast groups. Brackets are not SDP, but are seen.
    let host = host.split('/').next().unwrap_or(host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some(host.parse().ok())
}

fn direction(line: &[u8]) -> Option<Direction> {
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
        .into_iter()
        .find(|direction| attribute(line, direction.name()).is_some())
}

/// `53020 IN IP6 2001:db8::1` (RFC 3605 §2.1).
fn rtcp(value: &[u8]) -> Option<(u16, Option<IpAddr>)> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let (port, rest) = text.split_once(' ').unwrap_or((text, ""));
    let address = if rest.is_empty() { None } else { address(rest)? };
    Some((number(port.as_bytes())?, address))
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sdp::Origin;

    fn parse(text: &str) -> Result<SessionDescription, SdpError> {
        SessionDescription::parse(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn a_usual_offer() {
        let sdp = parse(
            "v=0\r\no=alice 1 1 IN IP4 192.0.2.7\r\ns=call\r\nc=IN IP4 192.0.2.7\r\nb=AS:64\r\nt=0 0\r\n\
             a=x-mine:1\r\nm=audio 49170/2 RTP/AVP 0 8 101\r\ni=speech\r\na=rtpmap:101 telephone-event/8000\r\n\
             a=sendonly\r\na=rtcp:49180 IN IP4 192.0.2.8\r\na=x-kept\r\n",
        )
        .unwrap();
        assert_eq!(sdp.connection, Some("192.0.2.7".parse().unwrap()));
        assert_eq!(sdp.lines, ["b=AS:64", "a=x-mine:1"]);
        let media = &sdp.media[0];
        assert_eq!((media.port, &media.protocol[..]), (49170, &b"RTP/AVP"[..]));
        assert_eq!(media.formats, ["0", "8", "101"]);
        assert_eq!(media.direction, Some(Direction::SendOnly));
        assert_eq!(media.rtcp, Some((49180, Some("192.0.2.8".parse().unwrap()))));
        assert_eq!(media.lines, ["i=speech", "a=rtpmap:101 telephone-event/8000", "a=x-kept"]);
    }

    #[test]
    fn lenient_where_phones_are() {
        for text in [
            "v=0\nm=audio 1 RTP/AVP 0\n",
            "v=0\n\n\nm=audio 1 RTP/AVP 0",
            "\r\nv=0\r\nc=IN IP4 host.example.com\r\nm=audio 1 RTP/AVP 0\r\n\r\n",
            "v=0\nm=audio  1  RTP/AVP  0 \n",
            "v=0\nc=in ip4 224.2.1.1/127\nm=audio 1 RTP/AVP 0\n",
            "v=0\nm=video 0 RTP/AVP\n",
            "v=0\n",
        ] {
            parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        }
    }

    #[test]
    fn what_is_not_sdp_is_refused_with_its_line() {
        for (text, line) in [
            ("", 1),
            ("hello", 1),
            ("v=1\n", 1),
            ("o=- 1 1 IN IP4 192.0.2.1\nv=0\n", 1),
            ("v=0\nx\n", 2),
            ("v=0\nA=b\n", 2),
            ("v=0\nc=IN IP4\n", 2),
            ("v=0\nc=ATM NSAP 1\n", 2),
            ("v=0\nm=audio\n", 2),
            ("v=0\nm=audio x RTP/AVP 0\n", 2),
            ("v=0\nm=audio +1 RTP/AVP 0\n", 2),
            ("v=0\nm=audio 65536 RTP/AVP 0\n", 2),
            ("v=0\nm=audio 4000 RTP/AVP\n", 2),
            ("v=0\na=x\ry\n", 2),
            ("v=0\na=x\0y\n", 2),
        ] {
            assert_eq!(parse(text), Err(SdpError::Malformed(line)), "{text:?}");
        }
    }

    #[test]
    fn each_limit_holds_exactly() {
        let media = |n: usize| format!("v=0\n{}", "m=audio 1 RTP/AVP 0\n".repeat(n));
        let formats = |n: usize| format!("v=0\nm=audio 1 RTP/AVP{}\n", " 0".repeat(n));
        let lines = |n: usize| format!("v=0\n{}", "a=x\n".repeat(n - 1));
        let candidates = |n: usize| format!("v=0\nm=audio 1 RTP/AVP 0\n{}", "a=candidate:1\n".repeat(n));
        let bytes = |n: usize| format!("v=0\na={}\n", "x".repeat(n - 7));
        for (text, name, max) in [
            (&media as &dyn Fn(usize) -> String, "media", MEDIA_MAX),
            (&formats, "formats", FORMATS_MAX),
            (&lines, "lines", LINES_MAX),
            (&candidates, "candidates", CANDIDATES_MAX),
            (&bytes, "bytes", BODY_BYTES_MAX),
        ] {
            assert!(parse(&text(max)).is_ok(), "{name}");
            assert_eq!(parse(&text(max + 1)), Err(SdpError::TooMany(name)));
        }
    }

    #[test]
    fn a_malformed_rtcp_attribute_is_not_passed_on() {
        let sdp = parse("v=0\nm=audio 1 RTP/AVP 0\na=rtcp:99999\na=rtcp:x\na=rtcp\n").unwrap();
        assert_eq!((sdp.media[0].rtcp, sdp.media[0].lines.len()), (None, 0));
    }

    #[test]
    fn torture_bodies_parse() {
        let ipv6 = parse(
            "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video feed\r\n\
             c=IN IP6 2001:db8::20\r\nt=3338481189 3370017201\r\nm=audio 6000 RTP/AVP 2\r\n\
             a=rtpmap:2 G726-32/8000\r\nm=video 6024 RTP/AVP 107\r\na=rtpmap:107 H263-1998/90000\r\n",
        )
        .unwrap();
        assert_eq!(ipv6.rtp(1), Some("[2001:db8::20]:6024".parse().unwrap()));
        let two_families = parse(
            "v=0\r\no=bob 280744730 28977631 IN IP4 host.example.com\r\ns=\r\nt=0 0\r\nm=audio 22334 RTP/AVP 0\r\n\
             c=IN IP4 192.0.2.1\r\nm=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:107 H263-1998/90000\r\n",
        )
        .unwrap();
        assert_eq!(two_families.rtp(0), Some("192.0.2.1:22334".parse().unwrap()));
        assert_eq!(two_families.rtp(1), Some("[2001:db8::1]:6024".parse().unwrap()));
    }

    fn address_text() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "IP4 192.0.2.1",
            "IP4 198.51.100.9",
            "IP6 2001:db8::5",
            "IP6 ::ffff:192.0.2.1",
        ])
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            prop::sample::select(vec![
                "a=sendonly",
                "a=recvonly",
                "a=inactive",
                "a=sendrecv",
                "a=rtcp-mux",
                "a=rtcp:5",
                "a=rtcp:5 IN IP4 192.0.2.3",
                "a=rtpmap:0 PCMU/8000",
                "a=fmtp:101 0-16",
                "b=AS:64",
                "k=clear:x",
                "i=text",
                "a=ptime:20",
            ])
            .prop_map(str::to_owned),
            "a=[a-z]{1,8}(:[ -~]{0,20})?",
        ]
    }

    fn description() -> impl Strategy<Value = String> {
        let media = (
            prop::sample::select(vec!["audio", "video", "image"]),
            any::<u16>(),
            prop::sample::select(vec!["RTP/AVP", "RTP/SAVP", "udptl"]),
            prop::collection::vec(0u8..128, 1..6),
            prop::option::of(address_text()),
            prop::collection::vec(line(), 0..6),
        );
        (address_text(), prop::collection::vec(line(), 0..6), prop::collection::vec(media, 0..5)).prop_map(
            |(address, lines, sections)| {
                let mut text = format!("v=0\r\nc=IN {address}\r\n");
                lines.iter().for_each(|line| text += &format!("{line}\r\n"));
                for (kind, port, protocol, formats, address, lines) in sections {
                    let formats: Vec<_> = formats.iter().map(u8::to_string).collect();
                    text += &format!("m={kind} {port} {protocol} {}\r\n", formats.join(" "));
                    lines.iter().for_each(|line| text += &format!("{line}\r\n"));
                    text += &address.map(|address| format!("c=IN {address}\r\n")).unwrap_or_default();
                }
                text
            },
        )
    }

    proptest! {
        #[test]
        fn parse_after_print_is_identity(text in description()) {
            let sdp = parse(&text).unwrap();
            let printed = sdp.print(Origin { id: 1, version: 2 }, "192.0.2.250".parse().unwrap());
            prop_assert_eq!(SessionDescription::parse(&printed).unwrap(), sdp);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut body = b"v=0\n".to_vec();
            body.extend_from_slice(&bytes);
            for body in [bytes.clone(), body] {
                if let Ok(sdp) = SessionDescription::parse(&Bytes::from(body)) {
                    sdp.print(Origin { id: 0, version: 0 }, "::1".parse().unwrap());
                }
            }
        }

        #[test]
        fn no_line_soup_panics(lines in prop::collection::vec("[vosctma]=[ -~]{0,24}", 0..24)) {
            let text = format!("v=0\r\n{}", lines.join("\r\n"));
            if let Ok(sdp) = parse(&text) {
                for index in 0..=sdp.media.len() {
                    let _ = (sdp.rtp(index), sdp.rtcp(index), sdp.is_hold(index));
                }
                sdp.print(Origin { id: 0, version: 0 }, "::1".parse().unwrap());
            }
        }
    }
}
