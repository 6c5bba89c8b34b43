//! What a person sees who looks at calls in a terminal: a table that is kept, a ladder that grows.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory, executable};
use crate::http;
use crate::network::alone;
use crate::process::{Process, wait_until};

/// An application has phone 1 call phone 2, which is let ring, answers, and is put on hold, while somebody watches.
#[test]
fn calls_are_watched() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let mut caller = Baresip::start(path, 1, "1001", PASSWORD, "", Answer::Auto);
        let mut callee = Baresip::start(path, 2, "1002", PASSWORD, "", Answer::Manual);
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        let mut table = in_a_terminal("watch");
        shows(&mut table, &["0 calls"]);
        let mut ladder = in_a_terminal("trace --line 1001");
        // It shows what happens once it is there: what is refused, too.
        wait_until(&mut daemon.process, WITHIN, || {
            assert_eq!(http::post("/v1/lines/1001/make-call", TOKEN, &json!({"to": "nobody"})).status, 422);
            ladder.drain();
            ladder
                .seen()
                .any(|row| row.contains("asks make-call"))
                .then_some(())
                .ok_or_else(|| "it is not".to_owned())
        });
        let made = http::post("/v1/lines/1001/make-call", TOKEN, &json!({"to": "1002"}));
        let call = made.json()["call"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
        callee.expect("CALL_INCOMING", WITHIN);
        shows(&mut table, &["2 calls: 1 accepted, 1 ringback"]);
        let mut one = in_a_terminal(&format!("trace {call} --follow"));
        callee.command("accept", "");
        caller.expect("CALL_ESTABLISHED", WITHIN);
        shows(&mut table, &["2 calls: 2 connected"]);
        assert_eq!(http::post(&format!("/v1/calls/{call}/hold"), TOKEN, &json!({})).status, 200);
        shows(&mut table, &[&call, "1001", "onhold"]);
        assert_eq!(http::post(&format!("/v1/calls/{call}/drop"), TOKEN, &json!({})).status, 200);
        for ladder in [&mut ladder, &mut one] {
            for row in
                ["1001 call", "INVITE", "200 Answering INVITE (SDP)", "onhold", "idle", "BYE", "200 OK BYE"]
            {
                shows(ladder, &[row]);
            }
        }
        shows(&mut table, &["0 calls"]);

        // It has an arrow for each message that the API tells.
        wait_until(&mut daemon.process, WITHIN, || {
            one.drain();
            let arrows = one.seen().filter(|row| row.contains("──")).count();
            let trace = http::get(&format!("/v1/calls/{call}/trace"), Some(TOKEN)).json();
            let entries = trace["entries"].as_array().expect("entries");
            let messages = entries.iter().filter(|entry| entry["kind"] == "sip").count();
            let is_whole = arrows == messages && messages >= 10;
            is_whole.then_some(()).ok_or_else(|| format!("{arrows} arrows, {messages} messages"))
        });

        // Who watches is told that the daemon is gone, and goes on when it is there again.
        daemon.power_cut();
        shows(&mut table, &["NOT CURRENT"]);
        shows(&mut table, &["127.0.0.1:8080  0 calls\u{1b}[0m"]);
        table.kill();
        ladder.kill();
        one.kill();
        drop((caller, callee));
    });
}

/// A command of `ctl` in a terminal of its own.
fn in_a_terminal(ctl: &str) -> Process {
    let command = format!(
        "stty cols 150 rows 40; exec {} ctl --token {TOKEN} {ctl}",
        executable().to_str().expect("a path of UTF-8")
    );
    Process::spawn("script", Command::new("script").args(["-qfec", &command, "/dev/null"]))
}

/// Waits for a line that has all these words.
fn shows(terminal: &mut Process, words: &[&str]) {
    terminal.wait_for(WITHIN, |_, line| words.iter().all(|word| line.contains(word)));
}
const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "an-application-of-the-test-0123456789";
const WITHIN: Duration = Duration::from_secs(30);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[media]
listen = "0.0.0.0"
[[app]]
name = "crm"
token = "an-application-of-the-test-0123456789"
lines = ["*"]
privilege = "owner"
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
"#;
