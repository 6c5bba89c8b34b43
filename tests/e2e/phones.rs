//! Two desk phones on networks of their own, who hear each other through the daemon.

use std::path::Path;
use std::time::Duration;

use crate::audio::Audio;
use crate::baresip::{Answer, Baresip, TONE_HZ};
use crate::capture::{Capture, ulaw_audio};
use crate::daemon::{Daemon, Directory};
use crate::linphonec::Linphonec;
use crate::network::{alone, daemon_address, interface, phone_address};

#[test]
fn two_baresips() {
    alone(|| {
        let (directory, mut daemon) = start();
        two_baresips_talk(directory.path(), &mut daemon, "");
    });
}

#[test]
fn two_baresips_over_tcp() {
    alone(|| {
        let (directory, mut daemon) = start();
        two_baresips_talk(directory.path(), &mut daemon, ";transport=tcp");
    });
}

/// Each plays 440 Hz. The callee hangs up the first call, the caller the second.
fn two_baresips_talk(directory: &Path, daemon: &mut Daemon, parameters: &str) {
    let mut caller = Baresip::start(directory, 1, "1001", PASSWORD, parameters, Answer::Manual);
    let mut callee = Baresip::start(directory, 2, "1002", PASSWORD, parameters, Answer::Auto);
    daemon.expect_metric("trunkline_registrations", 2.0, REGISTERED_WITHIN);
    for callee_hangs_up in [true, false] {
        caller.command("dial", &format!("sip:1002@{}", daemon_address(1)));
        callee.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        caller.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        daemon.process.runs_for(TALK);
        let (near, far) =
            if callee_hangs_up { (&mut callee, &mut caller) } else { (&mut caller, &mut callee) };
        near.command("hangup", "");
        far.expect("CALL_CLOSED", CLOSED_WITHIN);
    }
    let heard = (caller.heard_tone(TONE_HZ), callee.heard_tone(TONE_HZ));
    eprintln!(
        "phones: {TONE_HZ} Hz heard by the caller for {:.1} s, by the callee for {:.1} s",
        heard.0, heard.1
    );
    assert!(
        heard.0 > 2.0 * HEARD_S && heard.1 > 2.0 * HEARD_S,
        "not both heard the other in two calls: {heard:?}"
    );
    // A phone that is switched off says so, and takes its connection with it.
    caller.quit();
    callee.quit();
    daemon.expect_metric("trunkline_registrations", 0.0, REGISTERED_WITHIN);
    daemon.expect_nothing_left();
}

/// The phone that is held hears music from the daemon, then the other again. What it is sent is read off its wire:
/// baresip records nothing after a hold.
#[test]
fn a_held_phone_hears_music() {
    alone(|| {
        let (directory, mut daemon) = start();
        let mut caller = Baresip::start(directory.path(), 1, "1001", PASSWORD, "", Answer::Manual);
        let mut callee = Baresip::start(directory.path(), 2, "1002", PASSWORD, "", Answer::Auto);
        daemon.expect_metric("trunkline_registrations", 2.0, REGISTERED_WITHIN);
        let wire = Capture::start(directory.path(), &interface(2), "udp");
        caller.command("dial", &format!("sip:1002@{}", daemon_address(1)));
        caller.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
        daemon.process.runs_for(TALK);
        caller.command("hold", "");
        daemon.process.runs_for(TALK);
        caller.command("resume", "");
        daemon.process.runs_for(TALK);
        caller.command("hangup", "");
        callee.expect("CALL_CLOSED", CLOSED_WITHIN);

        let packets = wire.finish();
        let to_callee = packets.iter().filter(|packet| packet.destination.0 == phone_address(2));
        let heard = ulaw_audio(to_callee).tones_in_order(&[TONE_HZ, MUSIC_HZ]);
        eprintln!("phones: the callee was sent, in Hz and seconds, {heard:.1?}");
        let order: Vec<f64> = heard.iter().map(|(tone_hz, _)| *tone_hz).collect();
        assert_eq!(order, [TONE_HZ, MUSIC_HZ, TONE_HZ], "voice, music in the hold, voice: {heard:.1?}");
        assert!(heard.iter().all(|(_, seconds)| *seconds > HEARD_S), "{heard:.1?}");
        daemon.expect_nothing_left();
    });
}

/// linphonec answers SHA-256 (RFC 8760), which baresip 1.0 does not know.
#[test]
fn baresip_and_linphonec() {
    alone(|| {
        let (directory, mut daemon) = start();
        let baresip = Baresip::start(directory.path(), 1, "1001", PASSWORD, "", Answer::Auto);
        let linphonec = Linphonec::start(directory.path(), 2, "1003", PASSWORD);
        baresip_and_linphonec_talk(baresip, linphonec, &mut daemon);
    });
}

/// The same over TCP, each by its own connection.
#[test]
fn baresip_and_linphonec_over_tcp() {
    alone(|| {
        let (directory, mut daemon) = start();
        let baresip = Baresip::start(directory.path(), 1, "1001", PASSWORD, ";transport=tcp", Answer::Auto);
        let linphonec = Linphonec::start_by_tcp(directory.path(), 2, "1003", PASSWORD);
        daemon.expect_metric("trunkline_connections", 2.0, REGISTERED_WITHIN);
        baresip_and_linphonec_talk(baresip, linphonec, &mut daemon);
    });
}

/// Each calls the other, which answers by itself and hangs up.
fn baresip_and_linphonec_talk(mut baresip: Baresip, mut linphonec: Linphonec, daemon: &mut Daemon) {
    daemon.expect_metric("trunkline_registrations", 2.0, REGISTERED_WITHIN);
    baresip.command("dial", &format!("sip:1003@{}", daemon_address(1)));
    baresip.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
    linphonec.expect("Media streams established", CONNECTED_WITHIN);
    daemon.process.runs_for(TALK);
    // It overwrites its recording when the call ends.
    let heard = linphonec.heard_tone(TONE_HZ);
    linphonec.command("terminate");
    baresip.expect("CALL_CLOSED", CLOSED_WITHIN);

    linphonec.command(&format!("call sip:1001@{}", daemon_address(2)));
    baresip.expect("CALL_ESTABLISHED", CONNECTED_WITHIN);
    daemon.process.runs_for(TALK);
    let heard = [heard, linphonec.heard_tone(TONE_HZ)];
    baresip.command("hangup", "");
    linphonec.expect("ended", CLOSED_WITHIN);

    let heard_by_baresip = baresip.heard_tone(TONE_HZ);
    eprintln!(
        "phones: linphonec heard {heard:?} s of tone in two calls, baresip {heard_by_baresip:.1} s in both"
    );
    assert!(heard.iter().all(|&seconds| seconds > HEARD_S), "linphonec heard {heard:?}");
    assert!(heard_by_baresip > 2.0 * HEARD_S, "baresip heard {heard_by_baresip}");
    // Each takes its connection with it.
    baresip.quit();
    linphonec.command("quit");
    linphonec.process.wait_exit(CLOSED_WITHIN);
    daemon.expect_nothing_left();
}

fn start() -> (Directory, Daemon) {
    let directory = Directory::create();
    Audio::write_tone(&directory.path().join("music.wav"), MUSIC_HZ, 5);
    let daemon = Daemon::start(directory.path(), CONFIG);
    (directory, daemon)
}

const PASSWORD: &str = "correct-horse-battery";
const MUSIC_HZ: f64 = 700.0;
const TALK: Duration = Duration::from_secs(4);
/// Of each four seconds of talk, with room for the set-up, the jitter buffers, and a phone that is not let run for a while.
const HEARD_S: f64 = 2.0;
/// What is waited for comes at once where the machine is free, and in any case before a transaction would be given up (32 s).
const REGISTERED_WITHIN: Duration = Duration::from_secs(25);
const CONNECTED_WITHIN: Duration = Duration::from_secs(25);
const CLOSED_WITHIN: Duration = Duration::from_secs(25);
/// As a newcomer writes it, but for one line that takes no MD5.
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]
[media]
listen = "0.0.0.0"
music = "music.wav"
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
[[line]]
address = "1003"
password = "correct-horse-battery"
digest = ["SHA-256"]
"#;
