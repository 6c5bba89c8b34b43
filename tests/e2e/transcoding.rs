//! Phones and carriers that share no codec, each of which checks what it is offered.

use std::time::Duration;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::network::{alone, daemon_address};

/// Two phones of one codec each; both record what they decode.
#[test]
fn phones_that_share_no_codec_hear_each_other() {
    alone(|| {
        for (codecs, modules) in [
            (["PCMA/8000/1", "PCMU/8000/1"], ["", ""]),
            (["PCMU/8000/1", "G722/16000/1"], ["", "g722"]),
            (["G722/16000/1", "PCMA/8000/1"], ["g722", ""]),
        ] {
            expect_to_hear_each_other(codecs, modules, "");
        }
    });
}

/// Two phones, each of one codec and its module, the daemon with this under `[media]`: they call and hear the other's tone.
#[track_caller]
fn expect_to_hear_each_other(codecs: [&str; 2], modules: [&str; 2], media: &str) {
    let directory = Directory::create();
    let mut daemon = Daemon::start(directory.path(), &phones(media));
    let [mut caller, mut callee] = [0, 1].map(|place| {
        let (number, answer) = if place == 0 { (1, Answer::Manual) } else { (2, Answer::Auto) };
        let account = ["1001", "1002"][place];
        let known = (codecs[place], modules[place]);
        Baresip::start_with_codecs(
            directory.path(),
            number,
            (account, PASSWORD),
            answer,
            TONES_HZ[place],
            known,
        )
    });
    daemon.expect_metric("trunkline_registrations", 2.0, SOON);
    caller.command("dial", &format!("sip:1002@{}", daemon_address(1)));
    caller.expect("CALL_ESTABLISHED", SOON);
    daemon.process.runs_for(Duration::from_secs(2));
    caller.command("hangup", "");
    callee.expect("CALL_CLOSED", SOON);
    daemon.expect_nothing_left();
    let heard = [caller.heard_tone(TONES_HZ[1]), callee.heard_tone(TONES_HZ[0])];
    caller.quit();
    callee.quit();
    eprintln!("{codecs:?} heard each other for {heard:?} s");
    assert!(heard.iter().all(|seconds| *seconds > 1.2), "{codecs:?} heard each other for {heard:?} s");
}

/// The same with Opus, in packets of 20 and of 40 ms, where the relay is to transcode it.
#[test]
fn a_phone_of_opus_alone_is_heard_by_one_that_has_none() {
    alone(|| {
        for (codecs, modules) in [
            (["opus/48000/2", "G722/16000/1"], ["opus", "g722"]),
            (["PCMU/8000/1;ptime=40", "opus/48000/2;ptime=40"], ["", "opus"]),
        ] {
            expect_to_hear_each_other(codecs, modules, "opus = true\n");
        }
    });
}

/// The same where it is switched off: the caller is told so.
#[test]
fn where_nothing_is_transcoded_who_shares_no_codec_is_refused() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), &phones("transcode = false\n"));
        let start = |phone, account, answer, codec| {
            Baresip::start_with_codecs(
                directory.path(),
                phone,
                (account, PASSWORD),
                answer,
                TONES_HZ[0],
                (codec, ""),
            )
        };
        let mut caller = start(1, "1001", Answer::Manual, "PCMA/8000/1");
        let _callee = start(2, "1002", Answer::Auto, "PCMU/8000/1");
        daemon.expect_metric("trunkline_registrations", 2.0, SOON);
        caller.command("dial", &format!("sip:1002@{}", daemon_address(1)));
        let closed = caller.expect("CALL_CLOSED", SOON);
        assert!(closed["param"].as_str().is_some_and(|why| why.starts_with("488")), "{closed}");
        daemon.expect_nothing_left();
    });
}

/// Two lines, under `[media]` also this.
fn phones(media: &str) -> String {
    let line = |address: &str| format!("[[line]]\naddress = \"{address}\"\npassword = \"{PASSWORD}\"\n");
    format!(
        "[sip]\nlisten = [\"udp:0.0.0.0:5060\"]\n[media]\nports = \"20000-20099\"\n{media}{}{}",
        line("1001"),
        line("1002")
    )
}

const PASSWORD: &str = "transcoding";

/// What the caller plays, and the callee.
const TONES_HZ: [f64; 2] = [440.0, 800.0];

const SOON: Duration = Duration::from_secs(10);
