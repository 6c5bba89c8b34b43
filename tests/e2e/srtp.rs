//! Phones that encrypt their media, with phones that do and that do not: who hears whom, and what is on each wire.

use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use crate::baresip::{Answer, Baresip, TONE_HZ};
use crate::capture::{Capture, Datagram, ulaw_audio};
use crate::daemon::{Daemon, Directory};
use crate::network::{alone, daemon_address, interface, phone_address};

/// A phone that takes nothing but SRTP calls a plain one, and is called by it.
#[test]
fn sdes_with_plain_both_ways() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let mut sealed = encrypted(directory.path(), 1, "1001", "srtp-mand");
        let mut plain = Baresip::start(directory.path(), 2, "1002", PASSWORD, "", Answer::Auto);
        daemon.expect_metric("trunkline_registrations", 2.0, REGISTERED_WITHIN);
        let wires = wires(directory.path());
        talk(&mut daemon, &mut sealed, &mut plain, 1, "1002");
        talk(&mut daemon, &mut plain, &mut sealed, 2, "1001");
        heard_by_both(&sealed, &plain, 2.0 * HEARD_S);
        let [on_sealed, on_plain] = finish(wires);
        is_noise(&on_sealed, 1);
        let tone_s = ulaw_audio(rtp_of(&on_plain, 2, true)).seconds_of_tone(TONE_HZ);
        assert!(tone_s > 2.0 * HEARD_S, "the other side's tone is plain for {tone_s:.1} s");
        daemon.expect_nothing_left();
    });
}

/// Both encrypt, each by keys of its own with the daemon; the second phone takes SRTP or not (RFC 8643). One holds meanwhile.
#[test]
fn sdes_on_both_sides() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let mut one = encrypted(directory.path(), 1, "1001", "srtp-mand");
        let mut other = encrypted(directory.path(), 2, "1003", "srtp");
        daemon.expect_metric("trunkline_registrations", 2.0, REGISTERED_WITHIN);
        let wires = wires(directory.path());
        talk(&mut daemon, &mut one, &mut other, 1, "1003");
        talk(&mut daemon, &mut other, &mut one, 2, "1001");
        heard_by_both(&one, &other, 2.0 * HEARD_S);
        let [on_one, on_other] = finish(wires);
        is_noise(&on_one, 1);
        is_noise(&on_other, 2);
        daemon.expect_nothing_left();
    });
}

/// Keys by a handshake on the media path, with a phone whose certificate is RSA (baresip 1.0), both ways.
#[test]
fn dtls_with_plain_both_ways() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let mut sealed = encrypted(directory.path(), 1, "1004", "dtls_srtp");
        let mut plain = Baresip::start(directory.path(), 2, "1002", PASSWORD, "", Answer::Auto);
        daemon.expect_metric("trunkline_registrations", 2.0, REGISTERED_WITHIN);
        let wires = wires(directory.path());
        talk(&mut daemon, &mut sealed, &mut plain, 1, "1002");
        talk(&mut daemon, &mut plain, &mut sealed, 2, "1004");
        heard_by_both(&sealed, &plain, 2.0 * HEARD_S);
        let [on_sealed, _] = finish(wires);
        is_noise(&on_sealed, 1);
        daemon.expect_nothing_left();
    });
}

/// Forged packets in the call, on every media port of the daemon: both go on hearing the other.
#[test]
fn ten_thousand_forged_packets() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let mut sealed = encrypted(directory.path(), 1, "1001", "srtp-mand");
        let mut plain = Baresip::start(directory.path(), 2, "1002", PASSWORD, "", Answer::Auto);
        daemon.expect_metric("trunkline_registrations", 2.0, REGISTERED_WITHIN);
        sealed.command("dial", &format!("sip:1002@{}", daemon_address(1)));
        plain.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        sealed.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        daemon.process.runs_for(TALK);
        let before = (sealed.heard_tone(TONE_HZ), plain.heard_tone(TONE_HZ));
        let socket = UdpSocket::bind((daemon_address(1), 0)).expect("a port is free");
        let mut forged = [0x55; 182];
        forged[..2].copy_from_slice(&[0x80, 0]);
        for n in 0..10_000_u16 {
            forged[2..4].copy_from_slice(&n.to_be_bytes());
            for port in (FIRST_PORT..=LAST_PORT).step_by(2) {
                // What the daemon's buffers do not take is lost, as on any network.
                let _sent = socket.send_to(&forged, (daemon_address(1), port));
            }
        }
        daemon.process.runs_for(TALK);
        plain.command("hangup", "");
        sealed.expect("CALL_CLOSED", CLOSED_WITHIN);
        heard_by_both(&sealed, &plain, before.0.min(before.1) + HEARD_S);
        let refused = daemon.metric("trunkline_media_packets_unauthentic_total");
        assert!(refused >= 1_000.0, "only {refused} forged packets were seen as such");
        daemon.expect_nothing_left();
    });
}

fn encrypted(directory: &Path, phone: u8, account: &str, method: &str) -> Baresip {
    Baresip::start_encrypted(directory, phone, account, PASSWORD, Answer::Auto, method)
}

fn wires(directory: &Path) -> [Capture; 2] {
    [1, 2].map(|phone| Capture::start(directory, &interface(phone), "udp"))
}

fn finish(wires: [Capture; 2]) -> [Vec<Datagram>; 2] {
    wires.map(Capture::finish)
}

fn talk(daemon: &mut Daemon, caller: &mut Baresip, callee: &mut Baresip, phone: u8, number: &str) {
    caller.command("dial", &format!("sip:{number}@{}", daemon_address(phone)));
    callee.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
    caller.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
    daemon.process.runs_for(TALK);
    caller.command("hangup", "");
    callee.expect("CALL_CLOSED", CLOSED_WITHIN);
}

fn heard_by_both(one: &Baresip, other: &Baresip, at_least_s: f64) {
    let heard = (one.heard_tone(TONE_HZ), other.heard_tone(TONE_HZ));
    eprintln!("srtp: {TONE_HZ} Hz heard for {:.1} s and {:.1} s", heard.0, heard.1);
    assert!(heard.0 > at_least_s && heard.1 > at_least_s, "not both heard the other: {heard:?}");
}

/// The RTP that a phone was sent, if `to`, or that it said.
fn rtp_of(packets: &[Datagram], phone: u8, to: bool) -> impl Iterator<Item = &Datagram> {
    packets.iter().filter(move |packet| {
        let (end, port) = if to { packet.destination } else { packet.source };
        end == phone_address(phone) && port != 5060 && packet.rtp_payload_type().is_some()
    })
}

/// What is on the wire is RTP by its header, carries a tag, and sounds like nothing.
fn is_noise(packets: &[Datagram], phone: u8) {
    for to in [true, false] {
        let audio = ulaw_audio(rtp_of(packets, phone, to));
        assert!(
            audio.seconds() > HEARD_S,
            "only {:.1} s of RTP on the wire of phone {phone}",
            audio.seconds()
        );
        let tone_s = audio.seconds_with_tone(TONE_HZ, 0.1);
        assert!(tone_s < 0.2, "the tone is on the wire of phone {phone} for {tone_s:.1} s");
        let is_tagged = |packet: &Datagram| packet.payload.len() > 12 + 160;
        assert!(
            rtp_of(packets, phone, to).all(is_tagged),
            "a packet without a tag on the wire of phone {phone}"
        );
    }
}

const PASSWORD: &str = "correct-horse-battery";
const TALK: Duration = Duration::from_secs(3);
const HEARD_S: f64 = 2.0;
const REGISTERED_WITHIN: Duration = Duration::from_secs(10);
const CONNECTED_WITHIN: Duration = Duration::from_secs(8);
const CLOSED_WITHIN: Duration = Duration::from_secs(8);
const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 20_019;
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[media]
listen = "0.0.0.0"
ports = "20000-20019"
[[line]]
address = "1001"
password = "correct-horse-battery"
srtp = "required"
[[line]]
address = "1002"
password = "correct-horse-battery"
[[line]]
address = "1003"
password = "correct-horse-battery"
srtp = "optional"
[[line]]
address = "1004"
password = "correct-horse-battery"
srtp = "dtls"
"#;
