//! Files of pcapng (draft-ietf-opsawg-pcapng): a section header, one interface of Ethernet whose times are nanoseconds, a block for each packet.
//!
//! Every message is a UDP datagram, whatever brought it: Wireshark, tshark and sngrep find SIP in a datagram at any port, in a stream not
//! behind the ports of HTTP, and a stream would need a handshake that nobody saw. What brought it is the comment of its packet.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_sip::transport::Transport;

use super::datagram::{PAYLOAD_BYTES_MAX, frame};
use super::masking::masked;

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct File {
    bytes: Vec<u8>,
    has_media: bool,
}

/// How a packet of media came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Media {
    /// By SRTP.
    pub(crate) is_opened: bool,
    /// With a digit that is not shown.
    pub(crate) is_masked: bool,
}

/// Which way a packet went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// To the engine.
    Received,
    /// From it.
    Sent,
}

impl File {
    /// A file without packets that says what it is. Where it is to have media its messages describe them as the file shows them.
    pub(crate) fn new(comment: &str, has_media: bool) -> Self {
        let mut file = Self { bytes: Vec::new(), has_media };
        let mut section = Vec::new();
        section.extend(BYTE_ORDER.to_le_bytes());
        // Version 1.0; how long the section is nobody says.
        section.extend([1, 0, 0, 0]);
        section.extend((-1_i64).to_le_bytes());
        option(&mut section, COMMENT, comment.as_bytes());
        option(&mut section, USER_APPLICATION, concat!("trunkline ", env!("CARGO_PKG_VERSION")).as_bytes());
        option(&mut section, END, &[]);
        file.block(SECTION_HEADER, &section);
        let mut interface = Vec::new();
        interface.extend(ETHERNET.to_le_bytes());
        // Nothing; packets are of any length.
        interface.extend([0; 2 + 4]);
        option(&mut interface, INTERFACE_NAME, b"trunkline");
        option(&mut interface, TIME_RESOLUTION, &[9]);
        option(&mut interface, END, &[]);
        file.block(INTERFACE, &interface);
        file
    }

    /// Adds a SIP message without what is secret, at a time since the Unix epoch.
    pub(crate) fn add_message(
        &mut self,
        at: Duration,
        (from, to): (SocketAddr, SocketAddr),
        (transport, direction): (Transport, Direction),
        message: &[u8],
    ) {
        let (went, name) = (direction.name(), transport.via_name());
        let mut comment = match transport {
            Transport::Udp => format!("{went} by UDP"),
            Transport::Tcp | Transport::Ws => format!("{went} by {name}, shown as a datagram"),
            Transport::Tls | Transport::Wss => format!("{went} by {name}, shown in clear as a datagram"),
        };
        if message.len() > PAYLOAD_BYTES_MAX {
            comment += &format!(", cut: it has {} bytes", message.len());
        }
        let mut shown = message_shown(message);
        if let Some(described) = described_in_clear(&shown).filter(|_| self.has_media) {
            comment += ", SRTP is described as RTP for it is shown in clear";
            shown = described;
        }
        self.packet(at, direction, &comment, &frame(from, to, &shown));
    }

    /// Adds a packet of RTP or RTCP that came.
    pub(crate) fn add_media(
        &mut self,
        at: Duration,
        (from, to): (SocketAddr, SocketAddr),
        how: Media,
        packet: &[u8],
    ) {
        let opened = if how.is_opened { "received by SRTP, shown in clear" } else { "received" };
        let masked = if how.is_masked { ", its digit is masked" } else { "" };
        self.packet(at, Direction::Received, &format!("{opened}{masked}"), &frame(from, to, packet));
    }

    /// The file.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn packet(&mut self, at: Duration, direction: Direction, comment: &str, frame: &[u8]) {
        let time = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        let length = frame.len() as u32;
        let mut packet = Vec::with_capacity(20 + frame.len() + comment.len() + 24);
        for word in [0, (time >> 32) as u32, time as u32, length, length] {
            packet.extend(word.to_le_bytes());
        }
        packet.extend(frame);
        pad(&mut packet);
        option(&mut packet, COMMENT, comment.as_bytes());
        option(&mut packet, FLAGS, &direction.flags().to_le_bytes());
        option(&mut packet, END, &[]);
        self.block(PACKET, &packet);
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let length = (body.len() + 12) as u32;
        for word in [kind, length] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(body);
        self.bytes.extend(length.to_le_bytes());
    }
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }

    const fn flags(self) -> u32 {
        match self {
            Self::Received => 1,
            Self::Sent => 2,
        }
    }
}

/// A message without what is secret. Of suites of SRTP the first letter is masked, too: Wireshark takes a key of one that it knows for a
/// fault where it is none.
fn message_shown(message: &[u8]) -> Vec<u8> {
    let mut message = masked(message);
    for line in message.split_mut(|byte| *byte == b'\n') {
        let suite = line.iter().position(|byte| *byte == b' ').filter(|_| line.starts_with(b"a=crypto:"));
        if let Some(first) = suite.and_then(|blank| line.get_mut(blank + 1)) {
            *first = b'*';
        }
    }
    message
}

/// The message with its streams of SRTP described as RTP, for Wireshark would look for keys; `None` where it has none.
fn described_in_clear(message: &[u8]) -> Option<Vec<u8>> {
    let mut clear = Vec::with_capacity(message.len());
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let profile = PROFILES.into_iter().filter(|_| line.starts_with(b"m=")).find_map(|(sealed, plain)| {
            Some((line.windows(sealed.len()).position(|window| window == sealed)?, sealed, plain))
        });
        match profile {
            Some((at, sealed, plain)) => {
                clear.extend(&line[..at]);
                clear.extend(plain);
                clear.extend(&line[at + sealed.len()..]);
            }
            None => clear.extend(line),
        }
    }
    let shorter = message.len() - clear.len();
    (shorter > 0).then(|| {
        shorten_content(&mut clear, shorter);
        clear
    })
}

/// Says of a message that its body is shorter by so many octets.
fn shorten_content(message: &mut [u8], shorter: usize) {
    for line in message.split_mut(|byte| *byte == b'\n').take_while(|line| !matches!(line, [] | [b'\r'])) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at_mut(colon + 1);
        let name = name[..colon].trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l") {
            let end = value.trim_ascii_end().len();
            let value = &mut value[..end];
            let length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<usize>().ok());
            if let Some(length) = length {
                let width = value.len();
                let text = format!("{:>width$}", length.saturating_sub(shorter));
                value.copy_from_slice(text.as_bytes());
            }
        }
    }
}

/// Profiles of SRTP (RFC 3711, RFC 5124, RFC 5764), and those of what is shown.
const PROFILES: [(&[u8], &[u8]); 4] = [
    (b" UDP/TLS/RTP/SAVPF ", b" RTP/AVPF "),
    (b" UDP/TLS/RTP/SAVP ", b" RTP/AVP "),
    (b" RTP/SAVPF ", b" RTP/AVPF "),
    (b" RTP/SAVP ", b" RTP/AVP "),
];

/// An option; what is longer than one can be is cut.
fn option(into: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(u16::MAX.into())];
    for word in [code, value.len() as u16] {
        into.extend(word.to_le_bytes());
    }
    into.extend(value);
    pad(into);
}

/// Everything begins at a multiple of four octets.
fn pad(block: &mut Vec<u8>) {
    block.resize(block.len().next_multiple_of(4), 0);
}

const BYTE_ORDER: u32 = 0x1A2B_3C4D;
const ETHERNET: u16 = 1;

/// Kinds of blocks.
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;

/// Options: of all blocks, of the section, of an interface, of a packet.
const END: u16 = 0;
const COMMENT: u16 = 1;
const USER_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const TIME_RESOLUTION: u16 = 9;
const FLAGS: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> Vec<u32> {
        bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("four octets"))).collect()
    }

    #[test]
    fn a_file_is_known_octet_by_octet() {
        let head = File::new("c7", false).into_bytes();
        let name = concat!("trunkline ", env!("CARGO_PKG_VERSION"));
        let padded = name.len().next_multiple_of(4);
        let section = 12 + 16 + 8 + 4 + padded + 4;
        let expected = [SECTION_HEADER, section as u32, BYTE_ORDER, 1, u32::MAX, u32::MAX];
        assert_eq!(words(&head[..24]), expected);
        assert_eq!(head[24..32], [1, 0, 2, 0, b'c', b'7', 0, 0]);
        assert_eq!(head[32..36], [4, 0, name.len() as u8, 0]);
        assert_eq!(&head[36..36 + name.len()], name.as_bytes());
        assert_eq!(words(&head[section - 8..section]), [0, section as u32]);
        let interface = [
            &[1, 0, 0, 0, 48, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0][..],
            b"\x02\0\x09\0trunkline\0\0\0",
            &[9, 0, 1, 0, 9, 0, 0, 0],
            &[0, 0, 0, 0, 48, 0, 0, 0],
        ];
        assert_eq!(head[section..], interface.concat()[..]);

        let mut file = File::new("c7", false);
        let ends = ("10.0.0.5:5060".parse().expect("one"), "10.0.0.1:5060".parse().expect("one"));
        let how = (Transport::Udp, Direction::Sent);
        file.add_message(Duration::from_nanos((7 << 32) + 5), ends, how, b"k");
        let packet = &file.into_bytes()[head.len()..];
        let comment = [&b"\x01\0\x0b\0sent by UDP\0"[..], &[2, 0, 4, 0, 2, 0, 0, 0], &[0; 4]].concat();
        // A frame of 43 octets and one to pad it.
        let length = 8 + 20 + 44 + comment.len() as u32 + 4;
        assert_eq!(words(&packet[..28]), [PACKET, length, 0, 7, 5, 43, 43]);
        assert_eq!(packet[28 + 44..packet.len() - 4], comment[..]);
        assert_eq!(words(&packet[packet.len() - 4..]), [length]);
    }

    #[test]
    fn no_suite_of_srtp_is_known() {
        let text =
            b"INVITE sip:1 SIP/2.0\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\na=crypto:\r\n";
        let shown =
            b"INVITE sip:1 SIP/2.0\r\n\r\na=crypto:1 *ES_CM_128_HMAC_SHA1_80 inline:***\r\na=crypto:\r\n";
        assert_eq!(message_shown(text), shown);
    }

    #[test]
    fn srtp_is_described_as_what_is_shown() {
        for (written, shown) in [
            ("m=audio 4000 RTP/SAVP 0 101\r\n", "m=audio 4000 RTP/AVP 0 101\r\n"),
            ("m=audio 4000 RTP/SAVPF 0\r\n", "m=audio 4000 RTP/AVPF 0\r\n"),
            ("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "m=audio 9 RTP/AVPF 0\r\n"),
            ("m=audio 9 UDP/TLS/RTP/SAVP 0\r\n", "m=audio 9 RTP/AVP 0\r\n"),
        ] {
            let head = |body: &str, width: usize| {
                format!("SIP/2.0 200 OK\r\nl: {:>width$}\r\nTo: y\r\n\r\n{body}", body.len())
            };
            let width = written.len().to_string().len();
            let described = described_in_clear(head(written, width).as_bytes()).expect("there is one");
            assert_eq!(String::from_utf8_lossy(&described), head(shown, width));
        }
        for plain in ["", "Content-Length: x\r\n\r\nm=audio 4000 RTP/AVP 0\r\na=x RTP/SAVP y\r\n"] {
            assert_eq!(described_in_clear(plain.as_bytes()), None);
        }

        let ends = ("10.0.0.5:5060".parse().expect("one"), "10.0.0.1:5060".parse().expect("one"));
        for has_media in [false, true] {
            let mut file = File::new("", has_media);
            let how = (Transport::Udp, Direction::Sent);
            file.add_message(Duration::ZERO, ends, how, b"\r\nm=audio 4 RTP/SAVP 0\r\n");
            let text = String::from_utf8_lossy(&file.into_bytes()).into_owned();
            let is_described = text.contains("RTP/AVP 0") && text.contains("described as RTP");
            assert_eq!(is_described, has_media, "{text}");
        }
    }

    #[test]
    fn media_say_how_they_came() {
        let ends = ("10.0.0.5:4000".parse().expect("one"), "10.0.0.1:20000".parse().expect("one"));
        for (is_opened, is_masked, said) in [
            (true, false, "received by SRTP, shown in clear"),
            (false, true, "received, its digit is masked"),
        ] {
            let mut file = File::new("", true);
            file.add_media(Duration::ZERO, ends, Media { is_opened, is_masked }, &[0x80, 0, 1]);
            let text = String::from_utf8_lossy(&file.into_bytes()).into_owned();
            assert!(text.contains(said), "{text}");
        }
    }

    #[test]
    fn what_brought_a_message_is_said_and_secrets_are_not() {
        let ends = ("10.0.0.5:5060".parse().expect("one"), "10.0.0.1:5060".parse().expect("one"));
        let secret = b"OPTIONS sip:1 SIP/2.0\r\nAuthorization: Bearer secret\r\n\r\n";
        for (transport, said) in [
            (Transport::Tcp, "received by TCP, shown as a datagram"),
            (Transport::Tls, "received by TLS, shown in clear as a datagram"),
            (Transport::Wss, "received by WSS, shown in clear as a datagram"),
        ] {
            let mut file = File::new("", false);
            file.add_message(Duration::ZERO, ends, (transport, Direction::Received), secret);
            let text = String::from_utf8_lossy(&file.into_bytes()).into_owned();
            assert!(text.contains(said) && text.contains("OPTIONS") && !text.contains("secret"), "{text}");
        }
        let mut file = File::new("", false);
        file.add_message(Duration::ZERO, ends, (Transport::Tcp, Direction::Sent), &[b'a'; 65_536]);
        let text = String::from_utf8_lossy(&file.into_bytes()).into_owned();
        assert!(text.contains("shown as a datagram, cut: it has 65536 bytes"));
    }
}
