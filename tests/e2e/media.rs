//! How media travels through the daemon: who may speak, what is checked, both families, ports that run out.

use std::io::BufRead;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{env, io};

use crate::audio::Audio;
use crate::baresip::{Answer, Baresip, TONE_HZ};
use crate::capture::{Capture, since_epoch, ulaw_audio};
use crate::daemon::{Daemon, Directory};
use crate::network::{alone, daemon_address, interface, phone_address, spawn_on_host};
use crate::process::{Process, Stream};
use crate::sipp::Sipp;

#[test]
fn a_third_host_hears_nothing_and_is_not_heard() {
    alone(|| third_host("off"));
}

/// The same where the kernel forwards, if it does here.
#[test]
fn a_third_host_hears_nothing_and_is_not_heard_in_the_kernel() {
    alone(|| third_host("auto"));
}

/// 200 packets to every media port before the answer and as many after it: none reaches a phone, none draws one.
fn third_host(kernel: &str) {
    let directory = Directory::create();
    // Its host comes first, so that the daemon finds an interface.
    let mut mallory = Attacker::start();
    let mut daemon = Daemon::start(directory.path(), &phones(kernel));
    let mut caller = Baresip::start(directory.path(), 1, "1001", PASSWORD, "", Answer::Manual);
    let mut callee = Baresip::start(directory.path(), 2, "1002", PASSWORD, "", Answer::Manual);
    daemon.expect_metric("trunkline_registrations", 2.0, SOON);
    let wires = [1, 2].map(|phone| Capture::start(directory.path(), &interface(phone), "udp"));
    caller.command("dial", &format!("sip:1002@{}", daemon_address(1)));
    callee.expect("CALL_INCOMING", SOON);
    mallory.attacks();
    callee.command("accept", "");
    caller.expect("CALL_ESTABLISHED", SOON);
    for _ in 0..3 {
        daemon.process.runs_for(Duration::from_secs(1));
        mallory.attacks();
    }
    // The switch asks the relay for its figures every five seconds.
    daemon.process.runs_for(Duration::from_secs(6));
    eprintln!(
        "media: kernel = {kernel:?}: {} flows in the kernel, {} packets of strangers refused",
        daemon.metric("trunkline_media_kernel_flows"),
        daemon.metric("trunkline_media_packets_foreign_total"),
    );
    assert_eq!(mallory.received(), 0, "bytes that leaked");
    caller.command("hangup", "");
    callee.expect("CALL_CLOSED", SOON);
    for (phone, wire) in [1, 2].into_iter().zip(wires) {
        let packets = wire.finish();
        let to_phone = || packets.iter().filter(|packet| packet.destination.0 == phone_address(phone));
        let injected = to_phone().filter(|packet| packet.payload.ends_with(&[INJECTED; 20])).count();
        let heard: Audio = ulaw_audio(to_phone());
        assert_eq!(injected, 0, "packets of the third host that reached phone {phone}");
        assert!(heard.seconds_of_tone(TONE_HZ) > 2.0, "phone {phone} was sent {:?} s", heard.seconds());
    }
    daemon.expect_metric("trunkline_media_ports_in_use", 0.0, SOON);
}

/// baresip checks connectivity as a full agent and gives up a call whose checks are not answered. It holds and resumes, too.
#[test]
fn phones_that_check_connectivity_and_share_a_port_with_rtcp() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), &phones("off"));
        let mut caller = Baresip::start_with_ice(directory.path(), 1, "1001", PASSWORD, Answer::Manual);
        let mut callee = Baresip::start(directory.path(), 2, "1002", PASSWORD, "", Answer::Auto);
        daemon.expect_metric("trunkline_registrations", 2.0, SOON);
        let wires = [1, 2]
            .map(|phone| Capture::start(directory.path(), &interface(phone), "udp portrange 20000-20015"));
        caller.command("dial", &format!("sip:1002@{}", daemon_address(1)));
        caller.expect("CALL_ESTABLISHED", SOON);
        callee.expect("CALL_ESTABLISHED", SOON);
        daemon.process.runs_for(Duration::from_secs(3));
        caller.command("hold", "");
        daemon.process.runs_for(Duration::from_secs(1));
        caller.command("resume", "");
        let resumed = since_epoch() + Duration::from_millis(500);
        daemon.process.runs_for(Duration::from_secs(4));
        caller.command("hangup", "");
        callee.expect("CALL_CLOSED", SOON);
        let [packets, callees] = wires.map(Capture::finish);
        let says = |kind: [u8; 2], port: fn(u16) -> bool| {
            let of_kind = packets.iter().filter(move |packet| packet.payload.starts_with(&kind));
            of_kind.filter(|packet| port(packet.source.1)).count()
        };
        let answers = says([1, 1], |port| (20_000..20_016).contains(&port));
        let reports = says([0x81, 200], |port| port % 2 == 1) + says([0x80, 200], |port| port % 2 == 1);
        assert!(answers > 0, "answers to checks");
        assert_eq!(reports, 0, "reports from a port of their own");
        for (phone, packets) in [(1, packets), (2, callees)] {
            let to_phone = packets.iter().filter(|packet| packet.destination.0 == phone_address(phone));
            let (before, after): (Vec<_>, Vec<_>) = to_phone.partition(|packet| packet.at < resumed);
            let heard =
                [before, after].map(|packets| ulaw_audio(packets.into_iter()).seconds_of_tone(TONE_HZ));
            assert!(heard.iter().all(|seconds| *seconds > 1.5), "phone {phone} was sent {heard:?} s");
        }
        daemon.expect_nothing_left();
    });
}

/// The caller speaks IPv4, the callee IPv6 and sends everything back.
#[test]
fn audio_between_ipv4_and_ipv6() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), &trunk("udp:[::1]:5070"));
        let wire = Capture::start(directory.path(), "lo", "udp portrange 20000-20015");
        let callee = ["-sn", "uas", "-i", "::1", "-p", "5070", "-rtp_echo", "-mp", "7000"];
        let mut callee = Sipp::start(directory.path(), "uas", &callee);
        callee.process.runs_for(Duration::from_secs(1));
        let caller = caller(directory.path(), "uac", &["-sn", "uac_pcap", "-m", "1"]);
        let counted = caller.finish(Duration::from_secs(60));
        assert_eq!((counted.successful(), counted.failed()), (1, 0));
        let answered = callee.close();
        assert_eq!((answered.successful(), answered.failed()), (1, 0));
        let packets = wire.finish();
        let rtp = |to_callee: bool, six: bool| {
            let rtp = packets.iter().filter(|packet| packet.rtp_payload_type().is_some());
            rtp.filter(|packet| (packet.destination.1 == 7000) == to_callee)
                .filter(|packet| packet.destination.0.is_ipv6() == six)
                .count()
        };
        let (sent, back) = (rtp(true, true), rtp(false, true));
        assert!(sent > 200 && back > 200, "to and from [::1]: {sent}, {back}");
        assert_eq!(rtp(true, false), 0, "the callee has no IPv4");
        daemon.expect_nothing_left();
    });
}

/// Sixteen ports are four calls; the fifth is refused with 503, and the next batch of four goes well when the ports have
/// rested.
#[test]
fn calls_beyond_the_ports_are_refused_until_ports_are_free() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), &trunk("udp:127.0.0.1:5070"));
        let callee = Sipp::callee(directory.path(), "uas", "127.0.0.1:5070", &["-sn", "uas"]);
        for (name, calls, refused) in [("six", "6", 2), ("four", "4", 0)] {
            let caller =
                caller(directory.path(), name, &["-sn", "uac", "-m", calls, "-r", "20", "-d", "3000"]);
            let counted = caller.finish(Duration::from_secs(30));
            assert_eq!((counted.successful(), counted.failed()), (4, refused), "{name}");
            daemon.expect_metric("trunkline_media_ports_in_use", 0.0, SOON);
            // The quarantine of the ports.
            daemon.process.runs_for(Duration::from_secs(6));
        }
        callee.close();
        daemon.expect_nothing_left();
    });
}

/// A host of its own on the daemon's third link: this program, running [`attacker`].
struct Attacker(Process);

impl Attacker {
    fn start() -> Self {
        let mut command = Command::new(env::current_exe().expect("this program has a path"));
        command.args(["media::attacker", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        Self(spawn_on_host(3, "mallory", &command))
    }

    /// Sends 200 packets to every media port.
    fn attacks(&mut self) {
        self.0.type_line("attack");
        self.0.wait_for(SOON, |stream, line| stream == Stream::Stderr && line == "attacked");
    }

    /// How many bytes came for it.
    fn received(&mut self) -> usize {
        self.0.type_line("count");
        let line = self.0.wait_for(SOON, |_, line| line.starts_with("received "));
        line["received ".len()..].parse().expect("a number")
    }
}

/// Run by [`Attacker`]: valid RTP of one SSRC in sequence, by the line.
#[test]
#[ignore = "it is no test but a host of one"]
fn attacker() {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).expect("a network of its own");
    let mut sequence = 0_u16;
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if line == "attack" {
            for _ in 0..200 {
                sequence += 1;
                for (phone, port) in
                    [1, 2, 3].into_iter().flat_map(|phone| PORTS.map(move |port| (phone, port)))
                {
                    let [high, low] = sequence.to_be_bytes();
                    let mut packet = [INJECTED; 172];
                    packet[..12].copy_from_slice(&[0x80, 0, high, low, 0, 0, high, low, 6, 6, 6, 6]);
                    let to = SocketAddr::from((daemon_address(phone), port));
                    // Where the port is closed the answer is an error for the next packet.
                    let _refused = socket.send_to(&packet, to).is_err();
                }
            }
            eprintln!("attacked");
        } else {
            socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout can be set");
            let (mut buffer, mut bytes) = ([0; 2048], 0);
            for _ in 0..10_000 {
                match socket.recv(&mut buffer) {
                    Ok(length) => bytes += length,
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(_) => break,
                }
            }
            eprintln!("received {bytes}");
        }
    }
}

fn caller(directory: &Path, name: &'static str, arguments: &[&str]) -> Sipp {
    let mut all = vec!["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080"];
    all.extend(arguments);
    Sipp::start(directory, name, &all)
}

fn phones(kernel: &str) -> String {
    let line = |address: &str| format!("[[line]]\naddress = \"{address}\"\npassword = \"{PASSWORD}\"\n");
    format!(
        "[sip]\nlisten = [\"udp:0.0.0.0:5060\"]\n[media]\nports = \"20000-20015\"\nkernel = \"{kernel}\"\n{}{}",
        line("1001"),
        line("1002")
    )
}

fn trunk(peer: &str) -> String {
    format!(
        r#"
[sip]
listen = ["udp:127.0.0.1:5060", "udp:[::1]:5060"]
[media]
ports = "20000-20015"
[[trunk]]
name = "sipp"
peer = "{peer}"
allow_from = ["127.0.0.1/32", "::1/128"]
[[route]]
from = "any"
match = ".*"
to = "trunk:sipp"
"#
    )
}

const PASSWORD: &str = "correct-horse-battery";
const PORTS: [u16; 16] = [
    20_000, 20_001, 20_002, 20_003, 20_004, 20_005, 20_006, 20_007, 20_008, 20_009, 20_010, 20_011, 20_012,
    20_013, 20_014, 20_015,
];
/// What the payload of an injected packet consists of.
const INJECTED: u8 = 0x31;
/// At once where the machine is free, and in any case before a transaction would be given up (32 s).
const SOON: Duration = Duration::from_secs(25);
