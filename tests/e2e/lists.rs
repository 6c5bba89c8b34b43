//! All keys of a phone by one subscription (RFC 4662), as SIPp asks for it by UDP and by TCP: every NOTIFY is judged.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline_tests::event_list::judge;

use crate::brands::received::received;
use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::alone;
use crate::process::wait_until;
use crate::sipp::{Sipp, scenario};

#[test]
fn keys_show_a_call_by_one_subscription() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let watching = [
            watch(directory.path(), "dialogs", DIALOG, "5091", "u1"),
            watch(directory.path(), "stream", DIALOG, "5092", "t1"),
            watch(directory.path(), "presence", PRESENCE, "5093", "u1"),
        ];
        daemon.expect_metric("trunkline_subscriptions", 3.0, WITHIN);
        ask("lines/1001/make-call", &json!({"to": "1002"}));
        let call = reaches(&mut daemon, "1002", "offering");
        ask(&format!("calls/{call}/answer"), &json!({}));
        reaches(&mut daemon, "1002", "connected");
        daemon.process.runs_for(Duration::from_millis(1_200));
        ask(&format!("calls/{call}/drop"), &json!({}));
        for (mut phone, name) in watching.into_iter().zip(["dialogs", "stream", "presence"]) {
            phone.process.wait_exit(WITHIN);
            let text =
                fs::read_to_string(directory.path().join(format!("{name}.messages"))).expect("SIPp wrote it");
            let counted = phone.finish(WITHIN);
            assert_eq!((counted.successful(), counted.failed()), (1, 0), "{name}: {text}");
            let (versions, full, longest) = told(&text, name);
            assert_eq!(versions, (0..versions.len()).collect::<Vec<_>>(), "{name}");
            // The first, that of the refresh and the last are whole; the list is longer than one body by dialogs.
            assert_eq!(full, 3, "{name}: {text}");
            assert!(versions.len() >= 5 && longest > 1, "{name}: {versions:?}");
        }
        daemon.expect_metric("trunkline_subscriptions", 0.0, WITHIN);
    });
}

fn watch(directory: &Path, name: &'static str, event: [&str; 3], port: &str, transport: &str) -> Sipp {
    let [event, begun, over] = event.map(|text| text.replace('<', "&lt;").replace('>', "&gt;"));
    let replace = [("LINE", "1003"), ("EVENT", &*event), ("BEGUN", &*begun), ("OVER", &*over)];
    let file = scenario(directory, "list.xml", &replace);
    let own = directory.join(format!("{name}.xml"));
    fs::rename(&file, &own).expect("a directory of ours");
    let messages = format!("{name}.messages");
    let arguments = [
        &["127.0.0.1:5060", "-i", "127.0.0.1", "-p", port, "-t", transport, "-m", "1"][..],
        &["-sf", own.to_str().expect("paths here are UTF-8"), "-s", "keys", "-au", "1003", "-ap", PASSWORD],
        &["-trace_msg", "-message_file", &messages],
    ];
    Sipp::start(directory, name, &arguments.concat())
}

/// The versions of the lists, how many were whole, and the most resources of one.
fn told(text: &str, name: &str) -> (Vec<usize>, usize, usize) {
    let (mut versions, mut full, mut longest, mut last) = (Vec::new(), 0, 0, "");
    for message in received(text).filter(|message| message.starts_with("NOTIFY ")) {
        // What is repeated is told once.
        if message == last {
            continue;
        }
        last = message;
        let (head, body) = message.split_once("\r\n\r\n").expect("a message has a body");
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        assert_eq!(header("Require: "), "eventlist", "{message}");
        let list = judge(header("Content-Type: "), body)
            .unwrap_or_else(|fault| panic!("{name}: {fault}: {message}"));
        versions.push(list.version as usize);
        full += usize::from(list.is_full);
        longest = longest.max(list.resources.len());
        if list.is_full {
            let users: Vec<_> =
                list.resources.iter().map(|resource| (resource.user(), &*resource.name)).collect();
            assert_eq!(users, [("1001", "Reception"), ("1002", "1002"), ("701", "701"), ("600", "Sales")]);
        }
    }
    (versions, full, longest)
}

fn ask(path: &str, body: &Value) {
    let answer = http::post(&format!("/v1/{path}"), TOKEN, body);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
}

/// Waits until a line has a call in this state. The call.
fn reaches(daemon: &mut Daemon, line: &str, state: &str) -> String {
    let mut found = String::new();
    wait_until(&mut daemon.process, WITHIN, || {
        let calls = http::get("/v1/calls", Some(TOKEN)).json();
        let mut all = calls.as_array().into_iter().flatten();
        let call = all.find(|call| call["line"] == line && call["state"] == state);
        found = call
            .and_then(|call| call["id"].as_str())
            .ok_or_else(|| format!("{line} is not {state}: {calls}"))?
            .to_owned();
        Ok(())
    });
    found
}

const DIALOG: [&str; 3] = ["dialog", "<state>confirmed", "<state>terminated"];
const PRESENCE: [&str; 3] = ["presence", "on-the-phone", "</status><contact>[^<]*</contact></tuple>"];
const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "an-application-of-the-test-0123456789";
const WITHIN: Duration = Duration::from_secs(20);
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
[[app]]
name = "crm"
token = "an-application-of-the-test-0123456789"
lines = ["*"]
[park]
slots = "701-720"
[[line]]
address = "1001"
name = "Reception"
kind = "local"
[[line]]
address = "1002"
kind = "local"
[[line]]
address = "1003"
password = "correct-horse-battery"
digest = ["MD5"]
[[group]]
address = "600"
name = "Sales"
members = ["1001"]
[[list]]
address = "keys"
entries = ["1001", "1002", "701", "600"]
watchers = ["1003"]
"#;
