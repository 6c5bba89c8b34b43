//! A call looked at afterwards: the same messages as tshark has seen.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::baresip::{Answer, Baresip};
use crate::capture::Capture;
use crate::daemon::{Daemon, Directory, executable};
use crate::http;
use crate::network::{alone, interface};
use crate::process::wait_until;

/// An application has phone 1 call phone 2, holds the call, and hangs up.
#[test]
fn shows_what_tshark_shows() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let mut phones: Vec<Baresip> = (1..=2)
            .map(|phone| Baresip::start(path, phone, &format!("100{phone}"), PASSWORD, "", Answer::Auto))
            .collect();
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        let wires = [1, 2].map(|phone| Capture::start(path, &interface(phone), "udp port 5060"));
        let made = http::post("/v1/lines/1001/make-call", TOKEN, &json!({"to": "1002"}));
        let call = made.json()["call"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
        for phone in &mut phones {
            phone.expect("CALL_ESTABLISHED", WITHIN);
        }
        let state = || http::get(&format!("/v1/calls/{call}"), Some(TOKEN)).json()["state"].clone();
        wait_until(&mut daemon.process, WITHIN, || match state() {
            up if up == "connected" => Ok(()),
            other => Err(format!("the call is {other}")),
        });
        assert_eq!(http::post(&format!("/v1/calls/{call}/hold"), TOKEN, &json!({})).status, 200);
        assert_eq!(http::post(&format!("/v1/calls/{call}/drop"), TOKEN, &json!({})).status, 200);
        daemon.expect_metric("trunkline_legs", 0.0, WITHIN);
        assert_eq!(http::post(&format!("/v1/calls/{call}/deallocate-call"), TOKEN, &json!({})).status, 200);

        // It is over, and gone for applications.
        let trace = http::get(&format!("/v1/calls/{call}/trace"), Some(TOKEN)).json();
        let entries = trace["entries"].as_array().expect("entries").clone();
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let mut shown: HashMap<(String, String, String), i32> = HashMap::new();
        for entry in entries.iter().filter(|entry| entry["kind"] == "sip") {
            *shown.entry((text(entry, "from"), text(entry, "to"), text(entry, "text"))).or_default() += 1;
        }
        let count: i32 = shown.values().sum();
        let call_ids: Vec<String> = entries.iter().map(|entry| text(entry, "call_id")).collect();
        for datagram in wires.into_iter().flat_map(Capture::finish) {
            let message = String::from_utf8_lossy(&datagram.payload).into_owned();
            let id = message.lines().find_map(|line| line.strip_prefix("Call-ID: ")).unwrap_or_default();
            if call_ids.iter().any(|known| known == id) {
                let [from, to] =
                    [datagram.source, datagram.destination].map(|end| SocketAddr::from(end).to_string());
                *shown.entry((from, to, message)).or_default() -= 1;
            }
        }
        eprintln!(
            "trace: {count} messages of {} calls",
            call_ids.iter().collect::<std::collections::HashSet<_>>().len()
        );
        let differ: Vec<_> = shown.iter().filter(|(_, count)| **count != 0).collect();
        assert!(differ.is_empty(), "what one shows and the other does not: {differ:#?}");
        assert!(count >= 10, "two calls of INVITE, 200, ACK, BYE, 200: {count}");
        let said: Vec<String> = entries
            .iter()
            .filter(|entry| {
                entry["kind"] == "state" && entry["line"] == "1001" || entry["kind"] == "operation"
            })
            .map(|entry| text(entry, "state") + &text(entry, "operation"))
            .collect();
        let begin = ["make-call", "dialing"];
        assert!(begin.iter().all(|word| said.contains(&(*word).to_owned())), "{said:?}");
        let end = ["connected", "hold", "onhold", "drop", "idle", "deallocate-call"];
        assert!(said.ends_with(&end.map(str::to_owned)), "{said:?}");
        let media: Vec<String> = entries
            .iter()
            .filter(|entry| entry["kind"] == "media")
            .map(|entry| {
                format!("{} {} {}", text(entry, "line"), text(entry, "change"), text(entry, "detail"))
            })
            .collect();
        for (line, what) in
            [("1001", "agreed sendrecv PCMU"), ("1002", "agreed sendrecv PCMU"), ("1002", "hears silence")]
        {
            let begin = format!("{line} {what}");
            assert!(media.iter().any(|told| told.starts_with(&begin)), "{begin}: {media:#?}");
        }

        let output = Command::new(executable()).args(["ctl", "--token", TOKEN, "trace", &call]).output();
        let printed =
            String::from_utf8(output.expect("the daemon's program is there").stdout).expect("UTF-8");
        assert!(printed.contains("INVITE sip:") && printed.contains("1001 call"), "{printed}");
        for format in ["text", "mermaid"] {
            let drawn = http::get(&format!("/v1/calls/{call}/trace?format={format}"), Some(TOKEN)).text;
            assert!(drawn.matches("INVITE sip:").count() >= 2, "{drawn}");
        }
        assert_eq!(http::get("/v1/calls/c999/trace", Some(TOKEN)).status, 404);
        phones.into_iter().for_each(Baresip::quit);
    });
}

const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "an-application-of-the-test-0123456789";
const WITHIN: Duration = Duration::from_secs(15);
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
