//! A call of two desk phones that play tones, one of them by SRTP, is recorded: each tone is on its own channel, a pause is silence, and
//! the file outlives a daemon that is killed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::audio::Audio;
use crate::baresip::{Answer, Baresip, TONE_HZ};
use crate::daemon::{Daemon, Directory};
use crate::http::{self, Events};
use crate::network::alone;
use crate::process::wait_until;

#[test]
fn each_tone_is_on_its_channel_and_a_killed_daemon_leaves_a_file_that_plays() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let files = directory.path().join("state/recordings");
        let start = Baresip::start_with_tone;
        let mut caller = start(directory.path(), 1, "1001", PASSWORD, "", Answer::Auto, CALLER_HZ);
        let mut callee =
            Baresip::start_encrypted(directory.path(), 2, "1002", PASSWORD, Answer::Auto, "srtp-mand");
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        let mut events = Events::open(OWNER);
        let made = thread::spawn(|| http::post("/v1/lines/1001/make-call", OWNER, &json!({"to": "1002"})));
        for phone in [&mut caller, &mut callee] {
            phone.expect("CALL_ESTABLISHED", WITHIN);
        }
        let call = made.join().expect("the request ends").json()["call"].as_str().expect("a call").to_owned();
        let is_up = |event: &Value| event["call"] == call.as_str() && event["state"] == "connected";
        events.until(WITHIN, is_up);

        let path = ask(&call, "start-recording")["path"].as_str().expect("its file").to_owned();
        let shown = http::get(&format!("/v1/calls/{call}"), Some(OWNER)).json();
        assert_eq!(shown["recording"]["path"], path.as_str(), "{shown}");
        let part = files.join(format!("{path}.part"));
        grows(&mut daemon, &part, 3);
        ask(&call, "pause-recording");
        let before = seconds(&part);
        // The other line's recording, which its policy demands, goes on: by that it is seen how long the pause is.
        let demanded = only_other_part(&files, &part);
        let paused_at = seconds(&demanded);
        let paused = http::get(&format!("/v1/calls/{call}"), Some(OWNER)).json();
        assert_eq!(paused["recording"]["state"], "paused");
        grows(&mut daemon, &demanded, paused_at + 4);
        ask(&call, "resume-recording");
        grows(&mut daemon, &part, before + 6);
        ask(&call, "stop-recording");
        let is_over = |event: &Value| event["type"] == "recording" && event["change"] == "stopped";
        let over = events.until(WITHIN, is_over).pop().expect("it came");
        assert_eq!((&over["path"], &over["reason"]), (&json!(path), &json!("stopped")));
        let whole = files.join(&path);
        assert_eq!(fs::metadata(&whole).expect("it is whole").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&files).expect("it is there").permissions().mode() & 0o777, 0o700);
        expect_tones(&whole, 4.0);
        expect_pause(&whole, before as f64, 3.0);

        // The other line's policy demands a recording of its own call: that one is under way when the daemon is killed.
        let demanded = only_part(&files);
        let at_kill = seconds(&demanded);
        assert!(at_kill >= 5, "{at_kill} s");
        daemon.process.kill();
        let told = fs::read(&demanded).expect("it is there");
        let size = u32::from_le_bytes([told[40], told[41], told[42], told[43]]);
        assert!(size >= 32_000 * 3, "its head says {size} bytes");
        daemon.start_again();
        let whole = demanded.with_extension("");
        let told = fs::read(&whole).expect("it is there");
        let size = u32::from_le_bytes([told[40], told[41], told[42], told[43]]);
        assert_eq!(size as usize, told.len() - 44, "all of it plays");
        let [left, right] = [0, 1].map(|channel| Audio::read_channel(&whole, channel));
        let heard = (left.seconds_of_tone(TONE_HZ), right.seconds_of_tone(CALLER_HZ));
        eprintln!(
            "recording: killed after {:.1} s; left {:.1} s, right {:.1} s of tone",
            left.seconds(),
            heard.0,
            heard.1
        );
        assert!(heard.0 > 4.0 && heard.1 > 4.0, "{heard:?}");
        // The call goes on, and is recorded anew.
        grows(&mut daemon, &only_part(&files), 1);
        caller.command("hangup", "");
        callee.expect("CALL_CLOSED", WITHIN);
        daemon.expect_metric("trunkline_recordings", 0.0, WITHIN);
    });
}

/// The caller's line records the caller on the left.
fn expect_tones(path: &Path, at_least_s: f64) {
    let [left, right] = [0, 1].map(|channel| Audio::read_channel(path, channel));
    let own = (left.seconds_of_tone(CALLER_HZ), right.seconds_of_tone(TONE_HZ));
    let other = (left.seconds_of_tone(TONE_HZ), right.seconds_of_tone(CALLER_HZ));
    eprintln!("recording: {:.1} s; tones on their channels {own:?}, on the other {other:?}", left.seconds());
    assert!(own.0 > at_least_s && own.1 > at_least_s && other == (0.0, 0.0));
}

/// Both sides are silent, to the last bit, for so long, and speak before and behind it.
fn expect_pause(path: &Path, begins_s: f64, at_least_s: f64) {
    let sides = [0, 1].map(|channel| Audio::read_channel(path, channel));
    let length = sides[0].samples.len();
    let (mut silent, mut longest) = (0, (0, 0));
    for n in 0..length {
        silent = if sides.iter().all(|side| side.samples[n] == 0) { silent + 1 } else { 0 };
        longest = longest.max((silent, n + 1));
    }
    let (samples, end) = longest;
    let [begins, ends] = [end - samples, end].map(|at| at as f64 / 8_000.0);
    eprintln!("recording: paused from {begins:.1} s to {ends:.1} s of {:.1} s", length as f64 / 8_000.0);
    assert!(ends - begins >= at_least_s && begins >= begins_s - 1.0 && end < length);
    for side in &sides {
        let behind = Audio { rate_hz: 8_000, samples: side.samples[end..].to_vec() };
        let before = Audio { rate_hz: 8_000, samples: side.samples[..end - samples].to_vec() };
        for (part, name) in [(before, "before"), (behind, "behind")] {
            let heard = part.seconds_of_tone(CALLER_HZ) + part.seconds_of_tone(TONE_HZ);
            assert!(heard > 1.0, "{heard:.1} s of tone {name} the pause");
        }
    }
}

fn ask(call: &str, operation: &str) -> Value {
    let answer = http::post(&format!("/v1/calls/{call}/{operation}"), OWNER, &json!({}));
    assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
    answer.json()
}

/// Whole seconds of a file at 8 kHz.
fn seconds(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len() / 32_000)
}

fn grows(daemon: &mut Daemon, path: &Path, to: u64) {
    wait_until(&mut daemon.process, WITHIN, || match seconds(path) {
        length if length >= to => Ok(()),
        length => Err(format!("{} has {length} s", path.display())),
    });
}

/// What is being recorded beside this.
fn only_other_part(directory: &Path, this: &Path) -> PathBuf {
    let names = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it is read").path());
    let mut others =
        names.filter(|path| path.extension().is_some_and(|extension| extension == "part") && path != this);
    let other = others.next().expect("the other line's");
    assert_eq!(others.next(), None);
    other
}

fn only_part(directory: &Path) -> PathBuf {
    let names = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it is read").path());
    let mut parts = names.filter(|path| path.extension().is_some_and(|extension| extension == "part"));
    let part = parts.next().expect("the other line's");
    assert_eq!(parts.next(), None);
    part
}

const CALLER_HZ: f64 = 1_000.0;
const PASSWORD: &str = "correct-horse-battery";
const OWNER: &str = "token-of-a-test-that-is-long-enough";
const WITHIN: Duration = Duration::from_secs(15);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[recording]
directory = "recordings"
min_free_mb = 0
[[app]]
name = "crm"
token = "token-of-a-test-that-is-long-enough"
lines = ["*"]
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
record = "always"
srtp = "required"
"#;
