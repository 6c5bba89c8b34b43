//! Phones behind a router that translates addresses. They are told nothing of it: no STUN, no keep-alive of their own.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::json;

use crate::audio::Audio;
use crate::baresip::{Answer, Baresip};
use crate::capture::{Capture, Datagram, ulaw_audio};
use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::{alone, daemon_address, interface, on_host, phone_address};
use crate::process::{Process, wait_until};
use crate::sipp::scenario;
use crate::translator::{Translator, inner_address};

#[test]
fn calls_by_udp() {
    alone(|| calls(""));
}

#[test]
fn calls_by_tcp() {
    alone(|| calls(";transport=tcp"));
}

/// One behind it calls and is called by one outside, who hold in turn; then two behind it speak to each other.
fn calls(parameters: &str) {
    let mut stage = Stage::start(FORGETS_AFTER_S, 0);
    let mut inside = stage.behind(1, "1001", parameters, INSIDE_HZ);
    let mut other = stage.behind(2, "1003", parameters, OTHER_HZ);
    let mut outside = stage.outside();
    stage.daemon.expect_metric("trunkline_registrations", 3.0, SOON);
    is_translated(["1001", "1003"]);
    let path = stage.directory.path();
    let at_inside = Capture::start_on_host(path, &inside.process, "inside", MEDIA);
    let at_outside = Capture::start(path, &interface(OUTSIDE), MEDIA);

    inside.command("dial", &format!("sip:1002@{}", daemon_address(TRANSLATOR)));
    stage.talk_with_a_hold(&mut inside, &mut outside);
    outside.command("hangup", "");
    inside.expect("CALL_CLOSED", SOON);

    outside.command("dial", &format!("sip:1001@{}", daemon_address(OUTSIDE)));
    stage.talk_with_a_hold(&mut outside, &mut inside);
    inside.command("hangup", "");
    outside.expect("CALL_CLOSED", SOON);

    let [inside_heard, outside_heard] = [at_inside, at_outside].map(Capture::finish);
    inside.command("dial", &format!("sip:1003@{}", daemon_address(TRANSLATOR)));
    stage.established(&mut inside, &mut other);
    stage.daemon.process.runs_for(TALK);
    other.command("hangup", "");
    inside.expect("CALL_CLOSED", SOON);

    // In its first call who holds hears nothing, in the second he is held.
    let inside_heard = heard(&inside_heard, inner_address(1).into());
    let outside_heard = heard(&outside_heard, phone_address(OUTSIDE).into());
    assert_eq!(inside_heard, [vec![OUTSIDE_HZ], vec![OUTSIDE_HZ, MUSIC_HZ, OUTSIDE_HZ]]);
    assert_eq!(outside_heard, [vec![INSIDE_HZ, MUSIC_HZ, INSIDE_HZ], vec![INSIDE_HZ]]);
    // baresip records nothing after a hold.
    let recorded = [
        (&inside, OUTSIDE_HZ, 2.0),
        (&inside, OTHER_HZ, 1.0),
        (&outside, INSIDE_HZ, 2.0),
        (&other, INSIDE_HZ, 1.0),
    ];
    for (phone, tone_hz, calls) in recorded {
        let seconds = phone.heard_tone(tone_hz);
        eprintln!("nat: {tone_hz} Hz recorded for {seconds:.1} s in {calls} calls");
        assert!(seconds > calls * HEARD_S, "{tone_hz} Hz for {seconds} s");
    }
    stage.is_quiet();
}

/// The translator forgets who has been silent for two seconds. Who is kept in reach is called after a longer pause, by empty lines and
/// by OPTIONS; without either the call does not arrive.
#[test]
fn a_silent_phone_is_called() {
    alone(|| {
        let mut stage = Stage::start(2, 1);
        let mut inside = stage.behind(1, "1001", "", INSIDE_HZ);
        let mut outside = stage.outside();
        stage.daemon.expect_metric("trunkline_registrations", 2.0, SOON);
        for how in ["crlf", "options"] {
            stage.keep_alive(1, how);
            stage.daemon.process.runs_for(PAUSE);
            outside.command("dial", &format!("sip:1001@{}", daemon_address(OUTSIDE)));
            stage.established(&mut outside, &mut inside);
            outside.command("hangup", "");
            inside.expect("CALL_CLOSED", SOON);
        }
        stage.is_quiet();
        stage.keep_alive(0, "crlf");
        stage.daemon.process.runs_for(PAUSE);
        outside.command("dial", &format!("sip:1001@{}", daemon_address(OUTSIDE)));
        stage.daemon.expect_metric("trunkline_calls", 2.0, SOON);
        stage.daemon.process.runs_for(Duration::from_secs(1));
        assert!(!inside.rings(), "the translator forgets nothing");
    });
}

/// The line of the translator breaks in the middle of a call: from then on the phone speaks from other ports. Voice is back once the old
/// one was silent for five seconds, and the phone can end the call.
#[test]
fn the_way_is_lost_in_a_call() {
    alone(|| {
        let mut stage = Stage::start(FORGETS_AFTER_S, 0);
        let mut inside = stage.behind(1, "1001", "", INSIDE_HZ);
        let mut outside = stage.outside();
        stage.daemon.expect_metric("trunkline_registrations", 2.0, SOON);
        let at_inside = Capture::start_on_host(stage.directory.path(), &inside.process, "inside", MEDIA);
        let at_outside = Capture::start(stage.directory.path(), &interface(OUTSIDE), MEDIA);
        outside.command("dial", &format!("sip:1001@{}", daemon_address(OUTSIDE)));
        stage.established(&mut outside, &mut inside);
        stage.daemon.process.runs_for(TALK);
        stage.translator.forget();
        stage.daemon.process.runs_for(FOUND_AGAIN);
        inside.command("hangup", "");
        outside.expect("CALL_CLOSED", SOON);
        let [inside_heard, outside_heard] = [at_inside, at_outside].map(Capture::finish);
        // Counted once a second where the kernel relays, so that it may be less than five.
        let silence = |packets: &[Datagram], phone: IpAddr| {
            let to_phone = packets.iter().filter(|packet| packet.destination.0 == phone);
            let times: Vec<Duration> = to_phone.map(|packet| packet.at).collect();
            let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
            let (before, gap) = gaps.enumerate().max_by_key(|(_, gap)| *gap).expect("it is spoken");
            let after = times.len() - before - 1;
            assert!(gap > LOST_FOR && after > SPOKEN, "silent for {gap:?}, then {after} packets");
            gap
        };
        let near = silence(&inside_heard, inner_address(1).into());
        let far = silence(&outside_heard, phone_address(OUTSIDE).into());
        eprintln!("nat: the phone inside heard nothing for {near:.1?}, that outside for {far:.1?}");
        assert_eq!(heard(&outside_heard, phone_address(OUTSIDE).into()), [vec![INSIDE_HZ]]);
        stage.is_quiet();
    });
}

/// It says neither `rport` nor anything else of where it can be reached; its user is called, and calls.
#[test]
fn a_phone_without_rport() {
    alone(|| {
        let mut stage = Stage::start(FORGETS_AFTER_S, 0);
        let mut outside = stage.outside();
        let mut host = stage.translator.host(1);
        let register = scenario(stage.directory.path(), "register.xml", &[]);
        let registering = stage.sipp(&host, &["-p", "5060", "-sf", &register, "-s", "1003"]);
        went_well(registering);
        is_translated(["1003"]);

        let callee = stage.sipp(&host, &["-p", "5060", "-sn", "uas"]);
        let sockets = format!("/proc/{}/net/udp", host.id());
        wait_until(&mut host, SOON, || {
            let sockets = fs::read_to_string(&sockets).expect("the host is there");
            if sockets.contains(":13C4 ") { Ok(()) } else { Err("nobody waits at 5060".to_owned()) }
        });
        outside.command("dial", &format!("sip:1003@{}", daemon_address(OUTSIDE)));
        outside.expect("CALL_ESTABLISHED", SOON);
        outside.command("hangup", "");
        // The stock callee waits for four seconds whether the BYE is repeated.
        stage.daemon.expect_metric("trunkline_sip_dialogs", 0.0, SOON);

        let call = scenario(stage.directory.path(), "auth_call.xml", &[("LINE", "1003")]);
        let caller = stage.sipp(&host, &["-p", "5062", "-d", "300", "-sf", &call, "-s", "1002"]);
        outside.expect("CALL_ESTABLISHED", SOON);
        outside.expect("CALL_CLOSED", SOON);
        went_well(caller);
        went_well(callee);
        stage.is_quiet();
    });
}

/// What was translated is forgotten in a call, and the phone says nothing in it: with its next registration it is found again, and told
/// that the call is over.
#[test]
fn a_phone_is_found_where_it_registers_next() {
    alone(|| {
        let mut stage = Stage::start(FORGETS_AFTER_S, 0);
        let mut outside = stage.outside();
        let host = stage.translator.host(1);
        let moves = scenario(stage.directory.path(), "moves.xml", &[("LINE", "1003")]);
        let phone = stage.sipp(&host, &["-p", "5060", "-sf", &moves, "-s", "1002"]);
        outside.expect("CALL_ESTABLISHED", SOON);
        let [before] = seen_at(["1003"]);
        stage.translator.forget();
        wait_until(&mut stage.daemon.process, SOON, || match seen_at(["1003"]) {
            [now] if now != before => Ok(()),
            [now] => Err(format!("it is still at {now}")),
        });
        outside.command("hangup", "");
        went_well(phone);
        stage.is_quiet();
    });
}

fn went_well(mut phone: Process) {
    assert!(phone.wait_exit(SOON).success(), "{:?}", phone.seen().collect::<Vec<_>>());
}

/// A translator with phones behind it, the daemon, and one phone outside.
struct Stage {
    daemon: Daemon,
    translator: Translator,
    directory: Directory,
}

impl Stage {
    /// With a translator that forgets after so many seconds, and an engine that says something every so many (0: never).
    fn start(forgets_after_s: u32, keep_alive_s: u32) -> Self {
        let directory = Directory::create();
        Audio::write_tone(&directory.path().join("music.wav"), MUSIC_HZ, 5);
        let daemon = Daemon::start(directory.path(), &config(keep_alive_s, "crlf"));
        Self { daemon, translator: Translator::start(TRANSLATOR, forgets_after_s), directory }
    }

    fn behind(&self, phone: u8, account: &str, parameters: &str, tone_hz: f64) -> Baresip {
        let account = (account, PASSWORD, parameters);
        let place = (&self.translator, phone);
        Baresip::start_behind(self.directory.path(), place, account, Answer::Auto, tone_hz)
    }

    fn outside(&self) -> Baresip {
        let path = self.directory.path();
        Baresip::start_with_tone(path, OUTSIDE, "1002", PASSWORD, "", Answer::Auto, OUTSIDE_HZ)
    }

    /// SIPp, which knows MD5 alone, plays a phone of the line 1003 on a host behind the translator, once.
    fn sipp(&self, host: &Process, arguments: &[&str]) -> Process {
        let server = format!("{}:5060", daemon_address(TRANSLATOR));
        let mut command = on_host(host, "sipp");
        command.current_dir(self.directory.path()).args([&server, "-i", &inner_address(1).to_string()]);
        command.args(["-m", "1", "-nostdin", "-au", "1003", "-ap", PASSWORD]).args(arguments);
        Process::spawn("sipp", &mut command)
    }

    /// What is said to phones that are silent from now on.
    fn keep_alive(&mut self, every_s: u32, how: &str) {
        fs::write(self.directory.path().join("trunkline.toml"), config(every_s, how))
            .expect("a directory of ours");
        let loaded = http::post("/v1/reload", TOKEN, &json!({}));
        assert_eq!(loaded.status, 200, "{}", loaded.text);
    }

    fn established(&mut self, caller: &mut Baresip, callee: &mut Baresip) {
        for phone in [callee, caller] {
            phone.expect("CALL_ESTABLISHED", SOON);
        }
    }

    /// The caller holds, and resumes.
    fn talk_with_a_hold(&mut self, caller: &mut Baresip, callee: &mut Baresip) {
        self.established(caller, callee);
        self.daemon.process.runs_for(TALK);
        caller.command("hold", "");
        self.daemon.process.runs_for(TALK);
        caller.command("resume", "");
        self.daemon.process.runs_for(TALK);
    }

    /// No call, no dialog, no port is left.
    fn is_quiet(&mut self) {
        for gauge in ["trunkline_calls", "trunkline_sip_dialogs", "trunkline_media_ports_in_use"] {
            self.daemon.expect_metric(gauge, 0.0, SOON);
        }
    }
}

/// Where the engine sees the phones of these lines.
fn seen_at<const N: usize>(lines: [&str; N]) -> [SocketAddr; N] {
    let registrations = http::get("/v1/registrations", Some(TOKEN)).json();
    let all = registrations.as_array().expect("a list");
    lines.map(|line| {
        let mine = all.iter().find(|one| one["line"] == line).expect("it is registered");
        mine["remote"].as_str().expect("an address").parse().expect("an address")
    })
}

/// At the translator, each by a port of its own that is not the phone's.
fn is_translated<const N: usize>(lines: [&str; N]) {
    let seen = BTreeSet::from(seen_at(lines));
    assert_eq!(seen.len(), N, "{seen:?}");
    for address in seen {
        assert_eq!(address.ip(), phone_address(TRANSLATOR));
        assert_ne!(address.port(), 5060);
    }
}

/// The tones that a phone was sent, of each of its calls in their order.
fn heard(packets: &[Datagram], phone: IpAddr) -> Vec<Vec<f64>> {
    let mut calls: Vec<(u16, Vec<&Datagram>)> = Vec::new();
    for packet in
        packets.iter().filter(|packet| packet.destination.0 == phone && packet.rtp_payload_type() == Some(0))
    {
        let port = packet.destination.1;
        match calls.iter_mut().find(|(known, _)| *known == port) {
            Some((_, packets)) => packets.push(packet),
            None => calls.push((port, vec![packet])),
        }
    }
    let tones = |(_, packets): (u16, Vec<&Datagram>)| {
        let tones =
            ulaw_audio(packets.into_iter()).tones_in_order(&[INSIDE_HZ, OUTSIDE_HZ, OTHER_HZ, MUSIC_HZ]);
        eprintln!("nat: {phone} was sent, in Hz and seconds, {tones:.1?}");
        assert!(tones.iter().all(|(_, seconds)| *seconds > HEARD_S), "{tones:.1?}");
        tones.into_iter().map(|(tone_hz, _)| tone_hz).collect()
    };
    calls.into_iter().map(tones).collect()
}

fn config(keep_alive_s: u32, how: &str) -> String {
    CONFIG.replace("{keep_alive_s}", &keep_alive_s.to_string()).replace("{how}", how)
}

/// The link of the translator, and that of the phone outside.
const TRANSLATOR: u8 = 1;
const OUTSIDE: u8 = 2;
const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "a-token-of-the-owner-that-is-long-enough";
const INSIDE_HZ: f64 = 440.0;
const OUTSIDE_HZ: f64 = 700.0;
const OTHER_HZ: f64 = 1_000.0;
const MUSIC_HZ: f64 = 1_250.0;
const MEDIA: &str = "udp and not port 5060";
const TALK: Duration = Duration::from_millis(1_200);
/// Of each time to talk, with room for the set-up and the jitter buffers.
const HEARD_S: f64 = 0.4;
/// Longer than the translator remembers.
const PAUSE: Duration = Duration::from_millis(3_500);
/// Five seconds of silence, and some of voice.
const FOUND_AGAIN: Duration = Duration::from_secs(7);
/// Longer than a busy machine is silent by itself.
const LOST_FOR: Duration = Duration::from_secs(2);
/// Packets of 20 ms that are some of voice.
const SPOKEN: usize = 25;
/// As in most of them.
const FORGETS_AFTER_S: u32 = 30;
/// At once where the machine is free, and in any case before a transaction would be given up (32 s).
const SOON: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]
keep_alive_s = {keep_alive_s}
keep_alive = "{how}"
[media]
listen = "0.0.0.0"
music = "music.wav"
[[app]]
name = "crm"
token = "a-token-of-the-owner-that-is-long-enough"
lines = ["*"]
privilege = "owner"
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
[[line]]
address = "1003"
password = "correct-horse-battery"
digest = ["MD5"]
"#;
