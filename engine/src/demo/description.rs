//! The phone's own session descriptions: written plainly, read line by line.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use trunkline_sip::sdp::Crypto;

/// Who may send (RFC 3264 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    /// Both.
    SendRecv,
    /// Only the describing side.
    SendOnly,
    /// Only the other side.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(super) const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(super) const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    const fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The answer to this offer of one who wants `own` (RFC 3264 §6.1).
    pub(super) const fn answer(self, own: Self) -> Self {
        Self::of(self.receives() && own.sends(), self.sends() && own.receives())
    }
}

/// What the phone reads in the other side's description: each `m=` line, and where and how audio goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Description {
    /// The `o=` line.
    pub(super) origin: String,
    /// Where to send audio; `None`: nowhere.
    pub(super) audio: Option<SocketAddr>,
    /// Where to send fax (UDPTL); `None`: there is none.
    pub(super) fax: Option<SocketAddr>,
    /// Whether audio is described, and not rejected.
    has_audio: bool,
    /// Direction of audio.
    pub(super) direction: Direction,
    /// Formats of audio.
    pub(super) formats: Vec<u8>,
    /// Whether audio is SRTP (RTP/SAVP).
    is_sealed: bool,
    /// Its keys.
    keys: Vec<Crypto>,
    /// Media lines without `m=`.
    media: Vec<String>,
    /// Everything but the `o=` line.
    rest: String,
}

impl Description {
    /// Reads a description; `None` where it is none.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok().filter(|text| text.starts_with("v=0"))?;
        let mut session = (None, None);
        let mut audio = (None, None);
        let mut port = 0;
        let (mut origin, mut formats, mut media) = (String::new(), Vec::new(), Vec::new());
        let (mut in_audio, mut is_sealed, mut keys) = (false, false, Vec::new());
        let mut fax_port = None;
        for line in text.lines() {
            let (kind, value) = line.split_once('=')?;
            let level = if media.is_empty() { &mut session } else { &mut audio };
            match kind {
                "o" => value.clone_into(&mut origin),
                "m" => {
                    in_audio = value.starts_with("audio ") && port == 0;
                    if in_audio {
                        let mut words = value.split_whitespace().skip(1);
                        port = words.next()?.parse().ok()?;
                        is_sealed = words.next()?.contains("SAVP");
                        formats = words.filter_map(|word| word.parse().ok()).collect();
                    }
                    if value.starts_with("image ") && value.ends_with(" udptl t38") {
                        fax_port = value.split_whitespace().nth(1)?.parse().ok().filter(|port| *port != 0);
                    }
                    media.push(value.to_owned());
                }
                "c" if media.is_empty() || in_audio => {
                    level.0 = value.split_whitespace().nth(2)?.parse::<IpAddr>().ok();
                }
                "a" if media.is_empty() || in_audio => match value {
                    "sendrecv" => level.1 = Some(Direction::SendRecv),
                    "sendonly" => level.1 = Some(Direction::SendOnly),
                    "recvonly" => level.1 = Some(Direction::RecvOnly),
                    "inactive" => level.1 = Some(Direction::Inactive),
                    _ if in_audio => keys
                        .extend(value.strip_prefix("crypto:").and_then(|key| Crypto::parse(key.as_bytes()))),
                    _ => {}
                },
                _ => {}
            }
        }
        let address: Option<IpAddr> = audio.0.or(session.0);
        Some(Self {
            origin,
            audio: address.filter(|ip| !ip.is_unspecified() && port != 0).map(|ip| SocketAddr::new(ip, port)),
            fax: session.0.or(address).zip(fax_port).map(|(ip, port)| SocketAddr::new(ip, port)),
            has_audio: port != 0,
            direction: audio.1.or(session.1).unwrap_or(Direction::SendRecv),
            formats,
            is_sealed,
            keys,
            media,
            rest: text.lines().filter(|line| !line.starts_with("o=")).flat_map(|line| [line, "\n"]).collect(),
        })
    }

    /// What is wrong with this description after `last` of the same leg: the origin stays but for the version, and the
    /// version rises with each change (RFC 3264 §8). One between the two may have been lost.
    pub(super) fn fault_after(&self, last: &Self) -> Option<&'static str> {
        let (before, after) = (origin(&last.origin)?, origin(&self.origin)?);
        if before.0 != after.0 {
            Some("another origin in the same leg")
        } else if after.1 < before.1 {
            Some("a version of a description that goes back")
        } else if after.1 == before.1 && self.rest != last.rest {
            Some("a changed description of the same version")
        } else {
            None
        }
    }

    /// Its lines but for `o=`.
    pub(super) fn text(&self) -> &str {
        &self.rest
    }

    /// How many media lines it has.
    pub(super) const fn sections(&self) -> usize {
        self.media.len()
    }

    /// Whether the describing side holds the other, in any of the historic forms.
    pub(super) const fn holds(&self) -> bool {
        self.fax.is_none() && (!self.direction.receives() || self.audio.is_none())
    }

    /// Whether there is an audio format among those that the phone knows, under the protection that it wants.
    pub(super) fn fits(&self, known: &[u8], wanted: Option<&Crypto>, attributes: &str) -> bool {
        let is_protected = match wanted {
            Some(own) => self.is_sealed && self.key_for(own).is_some(),
            None => self.is_sealed == is_by_handshake(attributes),
        };
        self.has_audio
            && is_protected
            && self.formats.iter().any(|format| [0, 8, 96].contains(format) && known.contains(format))
    }

    /// Whether video is described, and not rejected.
    pub(super) fn has_video(&self) -> bool {
        self.media.iter().any(|line| line.starts_with("video ") && !line.starts_with("video 0 "))
    }

    /// Whether it is fax instead of audio.
    pub(super) const fn is_fax(&self) -> bool {
        self.fax.is_some() && !self.has_audio
    }

    /// The key of the same suite as our own.
    pub(super) fn key_for(&self, own: &Crypto) -> Option<&Crypto> {
        self.keys.iter().find(|key| key.suite == own.suite)
    }
}

/// Whether these lines are of a section whose keys are agreed by DTLS.
fn is_by_handshake(attributes: &str) -> bool {
    attributes.contains("a=fingerprint:")
}

/// The parts of an origin that stay, and the version.
fn origin(text: &str) -> Option<(String, u64)> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let version = (words.len() == 6).then(|| words.remove(2))?;
    Some((words.join(" "), version.parse().ok()?))
}

/// The phone's side of the sessions of one call.
#[derive(Clone, Debug)]
pub(super) struct OwnDescription {
    user: String,
    id: u64,
    version: u64,
    address: SocketAddr,
    /// Further lines of the audio section.
    attributes: String,
    /// The key that the phone seals with; `None`: it does not.
    pub(super) key: Option<Crypto>,
    /// Whether the phone takes fax instead of audio.
    pub(super) takes_fax: bool,
    /// Whether the phone has a camera.
    pub(super) takes_video: bool,
    last: String,
}

impl OwnDescription {
    pub(super) const fn new(user: String, id: u64, address: SocketAddr, attributes: String) -> Self {
        Self {
            user,
            id,
            version: 0,
            address,
            attributes,
            key: None,
            takes_fax: false,
            takes_video: false,
            last: String::new(),
        }
    }

    /// How many media lines were said last.
    pub(super) fn sections(&self) -> usize {
        self.last.lines().filter(|line| line.starts_with("m=")).count()
    }

    /// A full offer.
    pub(super) fn offer(&mut self, formats: &[u8], direction: Direction, black_hole: bool) -> String {
        let mut media = vec![self.audio(formats, direction, self.key.as_ref())];
        media.extend(self.takes_video.then(|| self.video(direction)));
        // A section that was described once keeps its place (RFC 3264 §8).
        if !self.takes_video && self.last.contains("m=video ") {
            media.push("m=video 0 RTP/AVP 97\r\n".to_owned());
        }
        self.write(&media, black_hole)
    }

    /// An offer of fax in place of audio.
    pub(super) fn fax_offer(&mut self) -> String {
        let media = self.fax();
        self.write(&[media], false)
    }

    /// The answer to `offer`: a line for each of its lines, formats it knows, in the offerer's order.
    pub(super) fn answer(&mut self, offer: &Description, known: &[u8], direction: Direction) -> String {
        let formats: Vec<u8> =
            offer.formats.iter().copied().filter(|format| known.contains(format)).collect();
        // RFC 4568 §5.1.2: the answer has the tag of the line that it takes.
        let key = self.key.clone().map(|own| {
            let tag = offer.key_for(&own).map_or(own.tag, |theirs| theirs.tag);
            Crypto { tag, ..own }
        });
        let mut answered = false;
        let media: Vec<String> = offer
            .media
            .iter()
            .map(|line| {
                if line.starts_with("audio ") && !answered && !offer.is_fax() {
                    answered = true;
                    return self.audio(&formats, direction, key.as_ref());
                }
                let is_open = !line.starts_with("video 0 ");
                if line.starts_with("video ") && is_open && self.takes_video && !offer.is_fax() {
                    return self.video(direction);
                }
                if line.starts_with("image ") && self.takes_fax && offer.is_fax() {
                    return self.fax();
                }
                let mut words = line.split_whitespace();
                let kind = words.next().unwrap_or("audio");
                let rest: Vec<&str> = words.skip(1).collect();
                format!("m={kind} 0 {}\r\n", rest.join(" "))
            })
            .collect();
        self.write(&media, false)
    }

    /// A section of fax (ITU-T T.38 annex D).
    fn fax(&self) -> String {
        let port = self.address.port();
        format!("m=image {port} udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n")
    }

    fn video(&self, direction: Direction) -> String {
        let (port, direction) = (self.address.port() + 2, direction.name());
        format!("m=video {port} RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na={direction}\r\n")
    }

    fn audio(&self, formats: &[u8], direction: Direction, key: Option<&Crypto>) -> String {
        let protocol = match key {
            Some(_) => "RTP/SAVP",
            None if is_by_handshake(&self.attributes) => "UDP/TLS/RTP/SAVPF",
            None => "RTP/AVP",
        };
        let mut text = format!("m=audio {} {protocol}", self.address.port());
        for format in formats {
            text.push_str(&format!(" {format}"));
        }
        text.push_str("\r\n");
        for format in formats {
            text.push_str(match format {
                0 => "a=rtpmap:0 PCMU/8000\r\n",
                8 => "a=rtpmap:8 PCMA/8000\r\n",
                96 => "a=rtpmap:96 opus/48000/2\r\n",
                _ => "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n",
            });
        }
        text.push_str(&self.attributes);
        if let Some(key) = key {
            text.push_str(&String::from_utf8_lossy(&key.line()));
            text.push_str("\r\n");
        }
        text.push_str("a=ptime:20\r\na=");
        text.push_str(direction.name());
        text.push_str("\r\n");
        text
    }

    fn write(&mut self, media: &[String], black_hole: bool) -> String {
        let ip = if black_hole { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { self.address.ip() };
        let mut rest = format!("s=-\r\nc=IN {} {ip}\r\nt=0 0\r\n", family(ip));
        media.iter().for_each(|section| rest.push_str(section));
        if rest != self.last {
            self.version += 1;
            rest.clone_into(&mut self.last);
        }
        let own = self.address.ip();
        let mut text = String::from("v=0\r\n");
        write!(text, "o={} {} {} IN {} {own}\r\n{rest}", self.user, self.id, self.version, family(own))
            .expect("a String takes any text");
        text
    }
}

const fn family(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_is_answered_by_the_table_of_rfc_3264() {
        use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
        assert_eq!(SendOnly.answer(SendRecv), RecvOnly);
        assert_eq!(RecvOnly.answer(SendRecv), SendOnly);
        assert_eq!(Inactive.answer(SendRecv), Inactive);
        assert_eq!(SendRecv.answer(SendOnly), SendOnly);
        assert_eq!(SendOnly.answer(SendOnly), Inactive);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut own =
            OwnDescription::new("alice".to_owned(), 5, "192.0.2.1:4000".parse().unwrap(), String::new());
        let read =
            Description::parse(own.offer(&[0, 8, 101], Direction::SendOnly, false).as_bytes()).unwrap();
        assert_eq!(
            (read.audio, read.direction),
            (Some("192.0.2.1:4000".parse().unwrap()), Direction::SendOnly)
        );
        assert_eq!(read.formats, [0, 8, 101]);
        let hole = Description::parse(own.offer(&[0, 8, 101], Direction::SendRecv, true).as_bytes()).unwrap();
        assert_eq!((hole.audio, hole.origin.as_str()), (None, "alice 5 2 IN IP4 192.0.2.1"));
    }

    #[test]
    fn a_description_may_change_with_its_version_only() {
        let read = |version: u64, id: u64, port: u16| {
            let text = format!(
                "v=0\r\no=e {id} {version} IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nm=audio {port} RTP/AVP 0\r\n"
            );
            Description::parse(text.as_bytes()).unwrap()
        };
        let last = read(2, 9, 4000);
        assert_eq!(read(2, 9, 4000).fault_after(&last), None);
        assert_eq!(read(3, 9, 4002).fault_after(&last), None);
        assert!(read(2, 9, 4002).fault_after(&last).is_some());
        assert!(read(1, 9, 4002).fault_after(&last).is_some());
        assert!(read(3, 8, 4002).fault_after(&last).is_some());
    }

    #[test]
    fn a_sealed_offer_is_answered_under_its_own_tag_and_by_nobody_else() {
        let key =
            |tag, byte| Crypto { tag, suite: "AES_CM_128_HMAC_SHA1_80".to_owned(), key: vec![byte; 30] };
        let address = "192.0.2.1:4000".parse().unwrap();
        let own = |key| {
            let own = OwnDescription::new("bob".to_owned(), 5, address, String::new());
            OwnDescription { key, ..own }
        };
        let sealed = own(Some(key(7, 1))).offer(&[0], Direction::SendRecv, false);
        let sealed = Description::parse(sealed.as_bytes()).unwrap();
        let mut bob = own(Some(key(1, 2)));
        assert!(sealed.fits(&[0], bob.key.as_ref(), "") && !sealed.fits(&[0], None, ""));
        let answer = bob.answer(&sealed, &[0], Direction::SendRecv);
        let answer = Description::parse(answer.as_bytes()).unwrap();
        assert_eq!(answer.keys, [key(7, 2)]);
        let other = Crypto { suite: "AEAD_AES_128_GCM".to_owned(), ..key(1, 2) };
        assert!(!sealed.fits(&[0], Some(&other), ""));
        let plain = own(None).offer(&[0], Direction::SendRecv, false);
        let plain = Description::parse(plain.as_bytes()).unwrap();
        assert!(plain.fits(&[0], None, "") && !plain.fits(&[0], bob.key.as_ref(), ""));
    }

    #[test]
    fn an_answer_has_a_line_for_each_line_of_the_offer() {
        let offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                     m=video 6000 RTP/AVP 96\r\nm=audio 5000 RTP/AVP 18 8\r\na=sendonly\r\n";
        let offer = Description::parse(offer.as_bytes()).unwrap();
        let mut own =
            OwnDescription::new("bob".to_owned(), 5, "192.0.2.1:4000".parse().unwrap(), String::new());
        let answer = own.answer(&offer, &[0, 8], Direction::RecvOnly);
        assert!(answer.contains("m=video 0 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 8\r\n"), "{answer}");
    }
}
