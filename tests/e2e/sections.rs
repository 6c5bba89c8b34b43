//! Sections of a description beside audio: video, real-time text and fax, with SIPp on both sides.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::sipp::{Sipp, scenario};

/// Video and text that the callee does not take are refused where they stand, and the call is one of audio. A re-INVITE that would turn it into fax (T.38) is
/// passed on, refused there, and the caller goes on in audio, as gateways do then.
#[test]
fn what_is_no_audio_is_refused_and_the_call_goes_on() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let path = directory.path();
        let uas = scenario(path, "speaks_only.xml", &[]);
        let callee = Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sf", &uas]);
        let uac = scenario(path, "sections.xml", &[]);
        let arguments =
            ["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080", "-m", "3", "-s", "200", "-sf", &uac];
        let caller = Sipp::start(path, "caller", &arguments).finish(Duration::from_secs(30));
        for (counted, who) in [(caller, "caller"), (callee.close(), "callee")] {
            assert_eq!((counted.successful(), counted.failed()), (3, 0), "{who}");
        }
        daemon.expect_nothing_left();
    });
}

/// An adapter and a carrier turn to fax and back to audio. What their machines say meanwhile passes both ways as it is.
#[test]
fn a_fax_passes_both_ways() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon =
            Daemon::start(directory.path(), &CONFIG.replace("[media]", "[media]\nports = \"20000-20015\""));
        let path = directory.path();
        let uas = scenario(path, "fax_carrier.xml", &[]);
        let carrier = Sipp::callee(path, "carrier", "127.0.0.1:5070", &["-sf", &uas]);
        let uac = scenario(path, "fax_adapter.xml", &[]);
        let arguments =
            ["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080", "-m", "1", "-s", "200", "-sf", &uac];
        let adapter = Sipp::start(path, "adapter", &arguments);
        let machines = [("127.0.0.2:6004", b'A'), ("127.0.0.3:7004", b'C')].map(Machine::at);
        // The first machine says UDPTL until the other hears it: then fax is agreed.
        for round in 0..DATAGRAMS_MAX {
            machines.iter().for_each(|machine| machine.says(round));
            machines.iter().for_each(Machine::listens);
            if machines.iter().all(|machine| machine.heard() >= HEARD_WANTED) {
                break;
            }
        }
        for machine in &machines {
            assert!(machine.heard() >= HEARD_WANTED, "{} of {DATAGRAMS_MAX}", machine.heard());
        }
        for (counted, who) in
            [(adapter.finish(Duration::from_secs(30)), "adapter"), (carrier.close(), "carrier")]
        {
            assert_eq!((counted.successful(), counted.failed()), (1, 0), "{who}");
        }
        daemon.expect_nothing_left();
        for counter in ["trunkline_media_datagrams_received_total", "trunkline_media_datagrams_sent_total"] {
            assert!(daemon.metric(counter) >= 2.0 * f64::from(HEARD_WANTED), "{counter}");
        }
    });
}

/// Two phones with cameras and keyboards: what they say and report passes both ways octet for octet, until one switches its camera off.
#[test]
fn video_and_text_pass_both_ways() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon =
            Daemon::start(directory.path(), &CONFIG.replace("[media]", "[media]\nports = \"20000-20015\""));
        let path = directory.path();
        let uas = scenario(path, "video_callee.xml", &[]);
        let callee = Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sf", &uas]);
        let uac = scenario(path, "video_caller.xml", &[]);
        let arguments =
            ["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080", "-m", "1", "-s", "200", "-sf", &uac];
        let caller = Sipp::start(path, "caller", &arguments);
        let ends = [
            ("127.0.0.21:6002", 97, b'A'),
            ("127.0.0.31:7002", 97, b'B'),
            ("127.0.0.22:6004", 98, b'A'),
            ("127.0.0.32:7004", 98, b'B'),
        ];
        let mut ends = ends.map(StreamEnd::at);
        // One waits, and all of them with it.
        ends[0].sockets[0].set_nonblocking(false).expect("a socket of ours");
        ends[0].sockets[0]
            .set_read_timeout(Some(Duration::from_millis(10)))
            .expect("a time that is not zero");
        // They speak until each has heard the other: then it is agreed.
        for number in 0..DATAGRAMS_MAX {
            ends.iter().for_each(|end| end.says(number));
            ends.iter_mut().for_each(StreamEnd::listens);
            if ends.iter().all(|end| end.heard[0] >= HEARD_WANTED && end.heard[1] >= HEARD_WANTED) {
                break;
            }
        }
        for end in &ends {
            assert!(
                end.heard.iter().all(|heard| *heard >= HEARD_WANTED),
                "{:?} at {}",
                end.heard,
                end.format
            );
        }
        for (counted, who) in [(caller.finish(Duration::from_secs(30)), "caller"), (callee.close(), "callee")]
        {
            assert_eq!((counted.successful(), counted.failed()), (1, 0), "{who}");
        }
        daemon.expect_nothing_left();
    });
}

/// One end of a stream of video or text: its RTP and its RTCP, and how much it has heard of the other by each.
struct StreamEnd {
    sockets: [UdpSocket; 2],
    format: u8,
    name: u8,
    heard: [u32; 2],
    last: [Option<u16>; 2],
}

impl StreamEnd {
    fn at((address, format, name): (&str, u8, u8)) -> Self {
        let rtp: SocketAddr = address.parse().expect("an address of ours");
        let sockets = [rtp, SocketAddr::new(rtp.ip(), rtp.port() + 1)].map(|address| {
            let socket = UdpSocket::bind(address).expect("an address of ours");
            socket.set_nonblocking(true).expect("a socket of ours");
            socket
        });
        Self { sockets, format, name, heard: [0; 2], last: [None; 2] }
    }

    /// What the end of this name says by RTP, with padding, an extension and a marker, and by RTCP, with feedback (RFC 4585).
    fn datagrams(&self, name: u8, number: u16) -> [Vec<u8>; 2] {
        let [high, low] = number.to_be_bytes();
        let rtp = [0xb0, 0x80 | self.format, high, low, 0, 0, high, low, 9, 9, self.format, name, 0xbe, 0xde];
        let rest = [0, 1, 0x10, 7, 0, 0, 0x41, name, high, low, 0, 0, 0, 4];
        let report = [0x80, 201, 0, 1, 9, 9, self.format, name, 0x81, 206, 0, 3, 9, 9, self.format, name];
        let request = [9, 9, self.format, 0, 0, 0, high, low];
        [[&rtp[..], &rest].concat(), [&report[..], &request].concat()]
    }

    /// Says a datagram each to all ports that the engine may have: one that is not for it takes no notice.
    fn says(&self, number: u16) {
        for (odd, datagram) in self.datagrams(self.name, number).iter().enumerate() {
            for port in PORTS.skip(odd).step_by(2) {
                self.sockets[odd].send_to(datagram, ("127.0.0.1", port)).expect("the engine is there");
            }
        }
    }

    /// Hears what has come: the other's datagrams, octet for octet, each once and in their order.
    fn listens(&mut self) {
        let other = if self.name == b'A' { b'B' } else { b'A' };
        for odd in [0, 1] {
            let mut datagram = [0; 100];
            while let Ok((length, from)) = self.sockets[odd].recv_from(&mut datagram) {
                assert!(PORTS.contains(&from.port()), "{from}");
                let at = if odd == 0 { 2 } else { length - 2 };
                let number = u16::from_be_bytes([datagram[at], datagram[at + 1]]);
                assert_eq!(datagram[..length], self.datagrams(other, number)[odd], "{number}");
                assert!(self.last[odd].is_none_or(|last| last < number), "{number} after {:?}", self.last);
                self.last[odd] = Some(number);
                self.heard[odd] += 1;
            }
        }
    }
}

/// A fax machine: its end of UDPTL, and what it has heard of the other.
struct Machine {
    socket: UdpSocket,
    name: u8,
    heard: std::cell::Cell<u32>,
}

impl Machine {
    fn at((address, name): (&str, u8)) -> Self {
        let socket = UdpSocket::bind(address).expect("an address of ours");
        socket.set_read_timeout(Some(Duration::from_millis(10))).expect("a time that is not zero");
        Self { socket, name, heard: std::cell::Cell::default() }
    }

    /// Says a datagram to all ports that the engine may have: one that is not for it takes no notice.
    fn says(&self, number: u16) {
        let datagram = [&number.to_be_bytes()[..], &[6, 0xc0, 1, 0x80, 0, 0, self.name]].concat();
        for port in PORTS.step_by(2) {
            // What keeps a translator open (RFC 5626 §3.5.1) is for the engine alone.
            for said in [&datagram[..], b"\r\n\r\n"] {
                self.socket.send_to(said, ("127.0.0.1", port)).expect("the engine is there");
            }
        }
    }

    /// Hears what has come; nothing but the other's datagrams, whole and from the engine.
    fn listens(&self) {
        let mut datagram = [0; 100];
        while let Ok((length, from)) = self.socket.recv_from(&mut datagram) {
            assert!(PORTS.contains(&from.port()), "{from}");
            assert_eq!(length, 9);
            assert_eq!(datagram[2..8], [6, 0xc0, 1, 0x80, 0, 0]);
            assert!(datagram[8] != self.name && b"AC".contains(&datagram[8]));
            self.heard.set(self.heard.get() + 1);
        }
    }

    fn heard(&self) -> u32 {
        self.heard.get()
    }
}

/// What the daemon has for media, in this test.
const PORTS: std::ops::Range<u16> = 20_000..20_016;
const HEARD_WANTED: u32 = 50;
/// Some ten seconds.
const DATAGRAMS_MAX: u16 = 500;

const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
video = true
[[route]]
from = "trunk:sipp"
match = "^2\\d\\d$"
to = "trunk:sipp"
"#;
