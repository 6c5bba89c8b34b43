//! Datagrams at the ports of a relay: RTP, RTCP and STUN as they come, and as who has the keys may send them.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use trunkline_media::io::simulated::{Sent, Simulated};
use trunkline_media::srtp::{Srtp, SrtpKey, SrtpKeys, SrtpSuite};
use trunkline_media::{
    Codec, Codecs, Command, Destinations, Detection, Event, Feed, IceCredentials, LegId, PayloadTypes,
    PortPair, Protection, RelayConfig, RelayWorker, Remote, SourcePolicy,
};

/// Panics if a rule of the relay is broken for these octets: a script of datagrams, each a byte that says how it comes, one for
/// its length, and so many bytes; then all of them at once.
///
/// Nobody has more bytes back than he sent, a datagram reaches one other at most, a stranger nobody, and so does what should
/// be sealed and is not. Where the far ends agreed to what is no RTP, it passes as it is.
pub fn check(octets: &[u8]) {
    black_box(play(octets));
}

/// What came of a script.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Played {
    /// Datagrams that went on to the other far end.
    pub relayed: u64,
    /// Checks that were answered.
    pub answered: u64,
    /// What was heard of digits, and who was latched.
    pub events: u64,
}

/// As [`check`]; what came of it where the far ends speak.
pub fn play(octets: &[u8]) -> Played {
    black_box(play_to(octets, Call::new(true)));
    play_to(octets, Call::new(false))
}

fn play_to(octets: &[u8], mut call: Call) -> Played {
    let mut rest = octets;
    for _ in 0..DATAGRAMS_MAX {
        let [how, length, after @ ..] = rest else { break };
        let (packet, after) = after.split_at(usize::from(*length).min(after.len()));
        call.arrives(*how, packet);
        rest = after;
    }
    for how in [0, SECURED, ON_RTCP_PORT, SECURED | ON_RTCP_PORT] {
        call.arrives(how, octets);
    }
    call.ends()
}

/// A script of one datagram.
pub fn step(how: u8, packet: &[u8]) -> Vec<u8> {
    let length = u8::try_from(packet.len()).expect("a script has short datagrams");
    [&[how, length], packet].concat()
}

/// Scripts to begin from: speech, reports, checks and keys pressed, as far ends send them.
pub fn scripts() -> Vec<Vec<u8>> {
    let speech = |how: u8| {
        let packets = (65_530..65_540_u32).map(|n| {
            let mut packet = vec![0x80, 0];
            packet.extend(n.to_be_bytes()[2..].iter());
            packet.extend((n * 160).to_be_bytes());
            packet.extend([0, 0, 0, 7]);
            packet.resize(60, 0x55);
            step(how, &packet)
        });
        packets.collect::<Vec<_>>().concat()
    };
    let rtcp = |count: u8, kind: u8, words: &[u32]| {
        let length = u8::try_from(words.len()).expect("it is short");
        let mut packet = vec![0x80 | count, kind, 0, length];
        packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        packet
    };
    let sender = rtcp(1, 200, &[7, 0x0001_8000, 0x4000_0000, 640, 4, 640, 7, 0xff00_0010, 9, 5, 0x8000, 65]);
    let reports = [
        [sender, rtcp(1, 202, &[7, 0x0104_6162, 0x6364_0000])].concat(),
        rtcp(1, 201, &[7, 9, 0x0300_0007, 70_000, 16, 0x8000_4000, 0x1_0000]),
        rtcp(1, 205, &[7, 9, 0x0001_ffff]),
        rtcp(15, 206, &[7, 0, 0x5245_4d42, 0x0100_0001, 9]),
        rtcp(1, 203, &[7]),
        rtcp(1, 204, &[7, 0x6162_6364]),
        rtcp(0, 207, &[7, 0x0400_0002, 1, 2]),
    ];
    let reports = |how: u8| reports.iter().flat_map(|report| step(how, report)).collect::<Vec<u8>>();
    let key = |sequence: u8, end: u8| {
        let mut packet = vec![0x80, 101, 0, sequence, 0, 0, 0, 1, 0, 0, 0, 7];
        packet.extend([5, end | 10, 1, 0x40]);
        packet
    };
    let keys = [step(0, &key(1, 0)), step(0, &key(2, 0)), step(0, &key(3, 0x80))].concat();
    // USERNAME is written by the harness; PRIORITY, ICE-CONTROLLING, USE-CANDIDATE, one that is not known.
    let attributes = [
        &[0, 0x24, 0, 4, 0x6e, 0, 1, 0xff][..],
        &[0x80, 0x2a, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0, 0x25, 0, 0],
        &[0x7f, 0, 0, 3, 1, 2, 3, 0],
    ];
    let checks =
        [step(PROVEN, &attributes[..3].concat()), step(PROVEN | STRANGE, &attributes.concat())].concat();
    let plain = [speech(0), reports(ON_RTCP_PORT), reports(0), keys].concat();
    // Who is to check is sent nothing before it did, or spoke.
    let secured = [speech(0), speech(SECURED | SEALED), reports(SECURED | SEALED_RTCP)].concat();
    vec![plain.clone(), secured.clone(), [checks.clone(), plain].concat(), [secured, checks].concat()]
}

/// Which bits of a script's byte say what.
const SECURED: u8 = 1;
const ON_RTCP_PORT: u8 = 2;
const STRANGE: u8 = 4;
const FORM: u8 = 0b1_1000;
const SEALED: u8 = 0b0_1000;
const SEALED_RTCP: u8 = 0b1_0000;
const PROVEN: u8 = 0b1_1000;

/// A far end that checks connectivity, on a leg without keys, in a call with one whose leg has keys; or two that fax.
struct Call {
    worker: RelayWorker<Simulated>,
    now: Instant,
    events: Vec<Event>,
    far: Srtp,
    /// Whether both far ends fax.
    is_fax: bool,
    /// Whether the stranger had the password of the first leg: then he is none.
    is_known: bool,
    played: Played,
}

impl Call {
    fn new(is_fax: bool) -> Self {
        let now = Instant::now();
        let destinations = Destinations::of_engine([], [20_000..=20_999]);
        let config = RelayConfig { seed: 7, destinations, ..RelayConfig::default() };
        let worker = RelayWorker::new(now, Simulated::new(), config);
        let key = |byte| SrtpKey::new(SUITE, &vec![byte; SUITE.master_bytes()]).expect("it is long enough");
        let keys = SrtpKeys { receive: key(1), send: key(2) };
        let far = Srtp::new(SrtpKeys { receive: key(2), send: key(1) });
        let mut call =
            Self { worker, now, events: Vec::new(), far, is_fax, is_known: false, played: Played::default() };
        let codecs = Codecs::default().with(0, Codec::Pcmu).with_events(101);
        for (leg, port, far, protection, ice) in [
            (PLAIN_LEG, 20_000, PLAIN_FAR, Protection::Plain, Some(CREDENTIALS)),
            (SECURED_LEG, 20_002, SECURED_FAR, Protection::Srtp(keys), None),
        ] {
            let address = IpAddr::from([192, 0, 2, 100]);
            call.tell(Command::Open { leg, ports: PortPair(port), address, silent_after: None });
            let remote = Remote {
                rtp: Some(SocketAddr::new(far, 4_000)),
                rtcp: Some(SocketAddr::new(far, 4_001)),
                source: SourcePolicy::Signalled,
                payload_types: PayloadTypes::default().with(0).with(101),
                codecs,
                speaks: codecs,
                send: true,
                receive: true,
                sealed: false,
                opaque: is_fax,
                protection: if is_fax { Protection::Plain } else { protection },
                ice: ice.filter(|_| !is_fax),
            };
            call.tell(Command::Remote(leg, remote.into()));
        }
        call.tell(Command::Feed(PLAIN_LEG, Feed::Leg(SECURED_LEG)));
        call.tell(Command::Feed(SECURED_LEG, Feed::Leg(PLAIN_LEG)));
        let detection = Detection { events: true, ..Detection::default() };
        call.tell(Command::Detect(PLAIN_LEG, detection));
        call.tell(Command::Detect(SECURED_LEG, detection));
        call
    }

    fn tell(&mut self, command: Command) {
        self.worker.command(self.now, command, &mut self.events);
    }

    /// A datagram in the form that `how` names, and what the relay does about it.
    fn arrives(&mut self, how: u8, octets: &[u8]) {
        let is_secured = how & SECURED != 0;
        let is_strange = how & STRANGE != 0;
        let form = how & FORM;
        let formed = match form {
            SEALED => self.far.seal_rtp(octets).map(<[u8]>::to_vec),
            SEALED_RTCP => self.far.seal_rtcp(octets).map(<[u8]>::to_vec),
            PROVEN => Some(proven(octets)),
            _ => Some(octets.to_vec()),
        };
        let Some(mut packet) = formed else { return };
        let (far, port) = if is_secured { (SECURED_FAR, 20_002) } else { (PLAIN_FAR, 20_000) };
        let on_rtcp_port = u16::from(how & ON_RTCP_PORT != 0);
        let ip = if is_strange { STRANGER } else { far };
        let from = SocketAddr::new(ip, 4_000 + on_rtcp_port);
        let length = packet.len();
        self.worker.receive(self.now, port + on_rtcp_port, from, &mut packet, &mut self.events);
        let sent = self.worker.io_mut().take_sent();
        assert!(sent.len() <= 1, "one datagram, {} others", sent.len());
        if is_strange && !is_secured && form == PROVEN && !self.is_fax {
            self.is_known = true;
        }
        for Sent { local_port, to, packet: passed } in sent {
            if self.is_fax {
                assert!(!is_strange && passed == packet && local_port / 2 != port / 2);
                self.played.relayed += 1;
                continue;
            }
            let packet = passed;
            if to == from {
                assert!(packet.len() <= length, "more comes back than was sent");
                assert!(form == PROVEN && !is_secured, "an answer to who proved nothing");
                self.played.answered += 1;
                continue;
            }
            assert_ne!(local_port / 2, port / 2, "back by the leg it came from, but to another");
            assert!(packet.len() <= length + SEAL_BYTES_MAX);
            assert!(!is_strange || self.is_known, "a stranger is heard");
            let is_sealed = matches!(form, SEALED | SEALED_RTCP);
            assert!(!is_secured || is_sealed, "what nobody sealed is believed");
            self.played.relayed += 1;
        }
        self.played.events += self.events.drain(..).count() as u64;
        self.advance(PACKET_EVERY);
    }

    fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.worker.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.worker.handle_timeout(self.now, &mut self.events);
        }
        self.now = end;
        self.worker.io_mut().take_sent();
    }

    /// Figures and reports are made of whatever came.
    fn ends(mut self) -> Played {
        self.advance(Duration::from_secs(6));
        for leg in [PLAIN_LEG, SECURED_LEG] {
            self.events.clear();
            self.tell(Command::Stats(leg));
            let Some(Event::Stats { stats, .. }) = self.events.pop() else { panic!("no figures") };
            assert!(stats.packets_received <= DATAGRAMS_MAX as u64 + 2, "{stats:?}");
            black_box((stats.reported, stats.round_trip_us));
            self.tell(Command::Close(leg));
        }
        assert_eq!(self.worker.legs_open(), 0);
        self.played
    }
}

/// A connectivity check with these attributes, by somebody who has the password (RFC 8489 §14.5, §14.7).
fn proven(attributes: &[u8]) -> Vec<u8> {
    let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    packet.extend(b"transaction.");
    packet.extend([0, 6, 0, 12]);
    packet.extend(CREDENTIALS.ufrag);
    packet.extend(b":far");
    packet.extend(attributes);
    packet.resize(packet.len().next_multiple_of(4), 0);
    let length_with = |packet: &mut Vec<u8>, more: usize| {
        let length = (packet.len() - 20 + more).to_be_bytes();
        packet[2..4].copy_from_slice(&length[6..]);
    };
    length_with(&mut packet, 24);
    let mut hmac = Hmac::<Sha1>::new_from_slice(&CREDENTIALS.password).expect("a key of any length");
    hmac.update(&packet);
    packet.extend([0, 8, 0, 20]);
    packet.extend(hmac.finalize().into_bytes());
    length_with(&mut packet, 8);
    let crc = packet.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    packet.extend([0x80, 0x28, 0, 4]);
    packet.extend((!crc ^ 0x5354_554e).to_be_bytes());
    packet
}

const PLAIN_LEG: LegId = LegId(1);
const SECURED_LEG: LegId = LegId(2);
const PLAIN_FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SECURED_FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 66));
const SUITE: SrtpSuite = SrtpSuite::Aes128CmSha1_80;
/// What a suite adds at most: a tag, and behind RTCP an index.
const SEAL_BYTES_MAX: usize = 20;
const CREDENTIALS: IceCredentials =
    IceCredentials { ufrag: *b"ufragABC", password: *b"0123456789abcdefghijklmn" };
const PACKET_EVERY: Duration = Duration::from_millis(7);
const DATAGRAMS_MAX: usize = 64;
