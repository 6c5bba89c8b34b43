//! Sections of a description beside audio: video, real-time text and fax, with SIPp on both sides.

use std::net::UdpSocket;
use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::sipp::{Sipp, scenario};

/// Video and text are refused where they stand, and the call is one of audio. A re-INVITE that would turn it into fax (T.38) is
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
            self.socket.send_to(&datagram, ("127.0.0.1", port)).expect("the engine is there");
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
[[route]]
from = "trunk:sipp"
match = "^2\\d\\d$"
to = "trunk:sipp"
"#;
