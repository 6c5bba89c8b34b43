//! All keys of a phone by one subscription (RFC 4662), as SIPp asks for it by UDP and by TCP: every NOTIFY is judged.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline_tests::event_list::judge;

use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::alone;
use crate::process::wait_until;
use crate::watching::{Watching, header};

#[test]
fn keys_show_a_call_by_one_subscription() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let all = [DIALOGS, Watching { name: "stream", port: "5092", transport: "t1", ..DIALOGS }, PRESENCE];
        let running = all.map(|watching| {
            let phone = watching.start(directory.path(), "127.0.0.1", PASSWORD);
            (watching, phone)
        });
        daemon.expect_metric("trunkline_subscriptions", 3.0, WITHIN);
        ask("lines/1001/make-call", &json!({"to": "1002"}));
        let call = reaches(&mut daemon, "1002", "offering");
        ask(&format!("calls/{call}/answer"), &json!({}));
        reaches(&mut daemon, "1002", "connected");
        daemon.process.runs_for(Duration::from_millis(1_200));
        ask(&format!("calls/{call}/drop"), &json!({}));
        for (watching, phone) in running {
            is_list(watching.name, &watching.told(phone, directory.path(), WITHIN));
        }
        daemon.expect_metric("trunkline_subscriptions", 0.0, WITHIN);
    });
}

/// Versions count up, the first NOTIFY, that of the refresh and the last are whole, the others tell what changed.
fn is_list(name: &str, told: &[(String, String)]) {
    let read = told.iter().map(|(head, body)| {
        assert_eq!(header(head, "Require"), "eventlist", "{head}");
        judge(header(head, "Content-Type"), body).unwrap_or_else(|fault| panic!("{name}: {fault}: {body}"))
    });
    let read: Vec<_> = read.collect();
    let versions: Vec<_> = read.iter().map(|list| list.version).collect();
    assert_eq!(versions, (0..).take(versions.len()).collect::<Vec<_>>(), "{name}");
    let whole: Vec<_> = read.iter().map(|list| list.is_full).collect();
    assert!(whole.len() >= 5 && whole.iter().filter(|is_whole| **is_whole).count() == 3, "{name}: {whole:?}");
    assert!(whole[0] && whole[whole.len() - 2..] == [true, true], "{name}: {whole:?}");
    for list in read {
        let named: Vec<_> =
            list.resources.iter().map(|resource| (resource.user(), &*resource.name)).collect();
        let all = [("1001", "Reception"), ("1002", "1002"), ("701", "701"), ("600", "Sales")];
        assert!(if list.is_full { named == all } else { named.len() < all.len() }, "{name}: {named:?}");
    }
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

const DIALOGS: Watching = Watching {
    name: "dialogs",
    line: "1003",
    to: "keys",
    event: "dialog",
    accept: "application/dialog-info+xml, application/rlmi+xml, multipart/related",
    supported: "replaces, eventlist",
    begun: "<state>confirmed",
    over: "<state>terminated",
    whole: "fullState=.true",
    port: "5091",
    transport: "u1",
};
const PRESENCE: Watching = Watching {
    name: "presence",
    event: "presence",
    accept: "application/pidf+xml, application/rlmi+xml, multipart/related",
    begun: "on-the-phone",
    over: "</status><contact>[^<]*</contact></tuple>",
    port: "5093",
    ..DIALOGS
};
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
