//! What scripts of the switch choose from by number: whom is dialled, what far ends say of their media, the engine they meet.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use bytes::Bytes;
use trunkline::Config;
use trunkline::switch::Setup;
use trunkline_sip::ConnectionId;
use trunkline_sip::location::Binding;
use trunkline_sip::sdp::SessionDescription;
use trunkline_sip::transport::{Flow, Transport};

/// Up to three numbers, whatever stands between them.
pub fn numbers(text: &[u8]) -> [u8; 3] {
    let mut numbers = [0_u8; 3];
    let words = text.split(|octet| !octet.is_ascii_digit()).filter(|word| !word.is_empty());
    for (number, word) in numbers.iter_mut().zip(words) {
        *number = word.iter().fold(0, |all, digit| all.wrapping_mul(10).wrapping_add(digit - b'0'));
    }
    numbers
}

/// One of these, whatever the number is.
pub fn pick<T: Copy>(among: &[T], number: u8) -> T {
    among[usize::from(number) % among.len()]
}

/// A description of a far end: of formats, keys and checks of all kinds, and a direction.
pub fn sdp(number: u8, direction: u8) -> Box<SessionDescription> {
    let media = pick(&MEDIA, number);
    let host = pick(&["198.51.100.7", "10.0.0.9", "0.0.0.0"], number / 16);
    let direction = pick(&["", "a=sendonly\r\n", "a=inactive\r\n", "a=recvonly\r\n"], direction);
    let text =
        format!("v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n{media}{direction}");
    Box::new(SessionDescription::parse(&Bytes::from(text)).expect("it is one"))
}

/// The set-up of [`CONFIG`].
pub fn setup() -> &'static Setup {
    static SETUP: OnceLock<Setup> = OnceLock::new();
    SETUP.get_or_init(|| {
        let config = Config::parse_alone(Path::new("fuzz.toml"), CONFIG);
        config.unwrap_or_else(|errors| panic!("{errors:?}")).setup()
    })
}

/// The same, and a trunk that registers, for which there is always something to do.
pub fn registering() -> &'static Setup {
    static SETUP: OnceLock<Setup> = OnceLock::new();
    SETUP.get_or_init(|| {
        let config = Config::parse_alone(Path::new("fuzz.toml"), &[CONFIG, PROVIDER].concat());
        config.unwrap_or_else(|errors| panic!("{errors:?}")).setup()
    })
}

/// What is dialled: lines, numbers behind the trunks and of nobody, slots, feature codes, a conference, groups.
pub const DIALLED: [&str; 26] = [
    "1001",
    "1002",
    "1003",
    "030",
    "4711",
    "conference",
    "701",
    "702",
    "*70",
    "*8",
    "**1002",
    "**1001",
    "*78",
    "*79",
    "*21*1003",
    "#21",
    "*66",
    "#66",
    "",
    "030,12",
    "600",
    "601",
    "602",
    "9030",
    "0030",
    "650",
];

/// Where an INVITE is sent on to.
pub const PLACES: [&str; 6] = [
    "sip:1001@pbx.example",
    "sip:1002@pbx.example",
    "sip:030@pbx.example",
    "sip:30@198.51.100.9",
    "sip:30@198.51.100.10:5080",
    "sip:31@203.0.113.70",
];

/// What phones and networks say of their media.
const MEDIA: [&str; 10] = [
    "m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
    "m=audio 4000 RTP/AVP 0\r\n",
    "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
    "m=audio 4000 RTP/AVP 9\r\n",
    "m=audio 4000 RTP/AVP 18 101\r\na=rtpmap:101 telephone-event/8000\r\n",
    "m=audio 0 RTP/AVP 0\r\n",
    "m=audio 4000 RTP/SAVP 0 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\r\n",
    "m=audio 4000 RTP/AVP 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n\
     a=candidate:1 1 UDP 1 198.51.100.7 4000 typ host\r\na=rtcp-mux\r\n",
    "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n",
    "m=image 4000 udptl t38\r\n",
];

/// What a subscription of ours is told.
pub const DOCUMENTS: [(&str, &str); 4] = [
    ("application/dialog-info+xml", "<dialog-info version=\"0\" state=\"full\" entity=\"sip:30@x\"/>"),
    (
        "application/dialog-info+xml",
        "<dialog-info version=\"1\" state=\"full\" entity=\"sip:30@x\"><dialog id=\"1\"><state>confirmed</state></dialog></dialog-info>",
    ),
    ("application/call-completion", "cc-state: ready\r\ncc-URI: <sip:30@198.51.100.7>\r\n"),
    ("application/call-completion", "cc-state: queued\r\n"),
];

const CONFIG: &str = include_str!("switch.toml");

const PROVIDER: &str = r#"
[[trunk]]
name = "provider"
peer = ["udp:203.0.113.5:5060", "udp:203.0.113.6:5060"]
username = "49301234"
password = "c"
register = true
[[route]]
match = "^9(\\d+)$"
to = "trunk:provider"
number = "$1"
"#;

/// Where a phone is registered.
pub fn binding(contact: &str, q_milli: u16, expires: Instant) -> Binding {
    Binding {
        key: contact.into(),
        contact: contact.into(),
        params: "".into(),
        q_milli,
        path: Box::default(),
        flow: flow(SocketAddr::from(([10, 0, 0, 9], 5060))),
        call_id: "registration".into(),
        cseq: 1,
        user_agent: "Snom".into(),
        expires,
    }
}

/// How a message came from there.
pub fn flow(remote: SocketAddr) -> Flow {
    let local = SocketAddr::from(([192, 0, 2, 1], 5060));
    Flow { transport: Transport::Udp, local, remote, connection: ConnectionId::default() }
}
