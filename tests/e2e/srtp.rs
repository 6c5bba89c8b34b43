//! Phones that encrypt their media, with phones that do and that do not: who hears whom, and what is on each wire.

use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::baresip::{Answer, Baresip, TONE_HZ};
use crate::capture::{Capture, Datagram, ulaw_audio};
use crate::daemon::{Daemon, Directory};
use crate::http::{self, Events};
use crate::network::{alone, daemon_address, interface, phone_address};
use crate::process::wait_until;

/// A phone that takes nothing but SRTP, with a plain one.
#[test]
fn sdes_with_plain() {
    alone(|| talk_both_ways(SDES, PLAIN, TALK));
}

/// Both encrypt, each by keys of its own with the daemon; the second phone takes SRTP or not (RFC 8643).
#[test]
fn sdes_on_both_sides() {
    alone(|| talk_both_ways(SDES, BEST_EFFORT, TALK));
}

/// Keys by a handshake on the media path, with a phone whose certificate is RSA (baresip 1.0).
#[test]
fn dtls_with_plain() {
    alone(|| talk_both_ways(DTLS, PLAIN, TALK_AFTER_HANDSHAKE));
}

/// Keys by a handshake on one side, from SDP on the other; for so long that both report by RTCP, for which that of DTLS shakes
/// hands once more.
#[test]
fn dtls_with_sdes() {
    alone(|| talk_both_ways(DTLS, SDES, LONG_TALK));
}

/// A handshake on each side.
#[test]
fn dtls_on_both_sides() {
    alone(|| talk_both_ways(DTLS, OTHER_DTLS, TALK_AFTER_HANDSHAKE));
}

/// Forged packets in the call, on every media port of the daemon: both go on hearing the other.
#[test]
fn ten_thousand_forged_packets() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let mut sealed = SDES.start(directory.path(), 1);
        let mut plain = PLAIN.start(directory.path(), 2);
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

/// A line, and how its phone encrypts.
#[derive(Clone, Copy)]
struct Station {
    line: &'static str,
    /// As baresip calls it.
    method: Option<&'static str>,
    /// As the daemon does.
    keys: Option<&'static str>,
}

const PLAIN: Station = Station { line: "1002", method: None, keys: None };
const SDES: Station = Station { line: "1001", method: Some("srtp-mand"), keys: Some("sdes") };
const BEST_EFFORT: Station = Station { line: "1003", method: Some("srtp"), keys: Some("sdes") };
const DTLS: Station = Station { line: "1004", method: Some("dtls_srtp"), keys: Some("dtls") };
const OTHER_DTLS: Station = Station { line: "1005", ..DTLS };

impl Station {
    fn start(self, directory: &Path, phone: u8) -> Baresip {
        match self.method {
            Some(method) => {
                Baresip::start_encrypted(directory, phone, self.line, PASSWORD, Answer::Auto, method)
            }
            None => Baresip::start(directory, phone, self.line, PASSWORD, "", Answer::Auto),
        }
    }
}

/// Each of two phones calls the other: they hear each other, the daemon says how each leg is protected, and what is on the wire of
/// a phone that encrypts is noise.
fn talk_both_ways(one: Station, other: Station, time: Duration) {
    let directory = Directory::create();
    let mut daemon = Daemon::start(directory.path(), CONFIG);
    let mut phones = [one.start(directory.path(), 1), other.start(directory.path(), 2)];
    daemon.expect_metric("trunkline_registrations", 2.0, REGISTERED_WITHIN);
    let wires = [1, 2].map(|phone| Capture::start(directory.path(), &interface(phone), "udp"));
    let mut events = Events::open(TOKEN);
    for (phone, number) in [(1, other.line), (2, one.line)] {
        let [caller, callee] = &mut phones;
        caller.command("dial", &format!("sip:{number}@{}", daemon_address(phone)));
        callee.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        caller.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        daemon.process.runs_for(time);
        if time > TALK_AFTER_HANDSHAKE {
            wait_until(&mut daemon.process, REPORTED_WITHIN, has_reports);
        }
        caller.command("hangup", "");
        callee.expect("CALL_CLOSED", CLOSED_WITHIN);
        for _ in [one, other] {
            let told = events.until(CLOSED_WITHIN, |event| event["type"] == "call-quality");
            let last = told.last().expect("it came");
            let station = if last["line"] == one.line { one } else { other };
            is_protected(&last["media"], station);
        }
        phones.reverse();
    }
    drop(events);
    let [near, far] = &phones;
    heard_by_both(near, far, 2.0 * HEARD_S);
    let [on_one, on_other] = wires.map(Capture::finish);
    phones.into_iter().for_each(Baresip::quit);
    for (packets, phone, station) in [(on_one, 1, one), (on_other, 2, other)] {
        match station.keys {
            Some(keys) => is_noise(&packets, phone, keys),
            None => {
                let tone_s = ulaw_audio(rtp_of(&packets, phone, true)).seconds_of_tone(TONE_HZ);
                assert!(tone_s > 2.0 * HEARD_S, "the tone is plain for {tone_s:.1} s on phone {phone}");
            }
        }
    }
    daemon.expect_nothing_left();
}

/// What the daemon says of a leg.
fn is_protected(media: &Value, station: Station) {
    eprintln!("srtp: at {} {media}", station.line);
    assert_eq!(media["srtp"]["keys"].as_str(), station.keys, "{media}");
    assert_eq!(media["srtp"]["suite"].is_string(), station.keys.is_some(), "{media}");
    // What a phone says before its handshake is over cannot be opened: that takes three seconds where a datagram is lost twice.
    let most = if station.keys == Some("dtls") { 200 } else { 50 };
    assert!(media["unauthentic"].as_u64().is_some_and(|count| count < most), "{media}");
}

/// Whether a report of each phone was heard, and one to it answered.
fn has_reports() -> Result<(), String> {
    let calls = http::get("/v1/calls", Some(TOKEN)).json();
    let up = calls.as_array().expect("a list").iter().filter(|call| call["state"] == "connected");
    let (reported, silent): (Vec<_>, Vec<_>) = up
        .map(|call| &call["media"])
        .partition(|media| media["sent"]["lost"].is_u64() && media["round_trip_ms"].is_f64());
    if reported.len() == 2 { Ok(()) } else { Err(format!("no report, or none answered: {silent:?}")) }
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

/// What is on the wire is RTP by its header, carries a tag, and sounds like nothing; keys are agreed on the ports of RTP and RTCP,
/// or on neither.
fn is_noise(packets: &[Datagram], phone: u8, keys: &str) {
    let is_handshake = |packet: &&Datagram| matches!(packet.payload.first(), Some(20..=63));
    for odd in [0, 1] {
        let to_port = |packet: &&Datagram| {
            packet.destination.0 == phone_address(phone)
                && packet.destination.1 != 5060
                && packet.destination.1 % 2 == odd
        };
        let shaken = packets.iter().filter(is_handshake).filter(to_port).count();
        assert_eq!(shaken > 0, keys == "dtls", "{shaken} datagrams of a handshake to phone {phone}");
    }
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
const TOKEN: &str = "a-token-of-the-owner-that-is-long-enough";
const TALK: Duration = Duration::from_secs(3);
/// Of a handshake a lost datagram is repeated after a second, and again after two.
const TALK_AFTER_HANDSHAKE: Duration = Duration::from_secs(6);
const LONG_TALK: Duration = Duration::from_secs(7);
/// Each phone reports every five seconds or so; by its second it answers one of the other's.
const REPORTED_WITHIN: Duration = Duration::from_secs(40);
/// Of each three seconds of talk.
const HEARD_S: f64 = 1.5;
/// What is waited for comes at once where the machine is free, and in any case before a transaction would be given up (32 s).
const REGISTERED_WITHIN: Duration = Duration::from_secs(25);
const CONNECTED_WITHIN: Duration = Duration::from_secs(25);
const CLOSED_WITHIN: Duration = Duration::from_secs(25);
const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 20_019;
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[media]
listen = "0.0.0.0"
ports = "20000-20019"
[api]
listen = "127.0.0.1:8080"
[[app]]
name = "crm"
token = "a-token-of-the-owner-that-is-long-enough"
lines = ["*"]
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
[[line]]
address = "1005"
password = "correct-horse-battery"
srtp = "dtls"
"#;
