//! An application makes a call between two desk phones and ends it, over the HTTP API.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::http::{self, Events};
use crate::network::alone;

/// `lineMakeCall` from a phone's line: the phone rings, then the destination; both calls' states come in the order of
/// the TAPI documents, the reply before any message of the call it made; a monitor may look and not touch.
#[test]
fn make_call_rings_the_phone_then_the_destination() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let mut caller = Baresip::start(directory.path(), 1, "1001", PASSWORD, "", Answer::Manual);
        let mut callee = Baresip::start(directory.path(), 2, "1002", PASSWORD, "", Answer::Manual);
        daemon.expect_metric("trunkline_registrations", 2.0, SOON);

        let mut events = Events::open(OWNER);
        let made = thread::spawn(|| http::post("/v1/lines/1001/make-call", OWNER, &json!({"to": "1002"})));
        caller.expect("CALL_INCOMING", SOON);
        assert!(!callee.rings(), "the destination waits for the caller");
        caller.command("accept", "");
        callee.expect("CALL_INCOMING", SOON);
        callee.command("accept", "");
        callee.expect("CALL_ESTABLISHED", SOON);
        let made = made.join().expect("the request ends");
        assert_eq!(made.status, 200, "make-call: {}", made.text);
        let call = made.json()["call"].as_str().expect("the call's id").to_owned();

        let is = |event: &Value, line: &str, state: &str| {
            event["type"] == "call-state" && event["line"] == line && event["state"] == state
        };
        let mut seen = events.until(SOON, |event| is(event, "1002", "connected"));
        if !seen.iter().any(|event| is(event, "1001", "connected")) {
            seen.extend(events.until(SOON, |event| is(event, "1001", "connected")));
        }
        let states_of = |line: &str| -> Vec<&str> {
            let of_line = seen.iter().filter(|event| event["type"] == "call-state" && event["line"] == line);
            of_line.filter_map(|event| event["state"].as_str()).collect()
        };
        let (calling, called) = (states_of("1001"), states_of("1002"));
        eprintln!("api: states of the call on 1001: {calling:?}, on 1002: {called:?}");
        in_order(&calling, &["proceeding", "ringback", "connected"]);
        in_order(&called, &["offering", "accepted", "connected"]);
        let position = |wanted: &str| seen.iter().position(|event| event["type"] == wanted);
        let reply = position("reply").expect("LINE_REPLY");
        let first =
            seen.iter().position(|event| event["call"] == call.as_str() && event["type"] == "call-state");
        assert!(
            first.is_some_and(|first| reply < first),
            "LINE_REPLY comes before the call's states: {seen:#?}"
        );
        assert!(
            seen.windows(2).all(|pair| pair[0]["seq"].as_u64() < pair[1]["seq"].as_u64()),
            "seq grows: {seen:#?}"
        );

        let call_now = http::get(&format!("/v1/calls/{call}"), Some(OWNER)).json();
        assert_eq!(
            (&call_now["state"], &call_now["line"], &call_now["privilege"]),
            (&json!("connected"), &json!("1001"), &json!("owner"))
        );
        assert!(
            call_now["features"].as_array().is_some_and(|features| features.contains(&json!("drop"))),
            "{call_now}"
        );

        let refused = http::post(&format!("/v1/calls/{call}/drop"), MONITOR, &json!({}));
        assert_eq!(refused.json()["code"], "notowner", "a monitor drops nothing: {}", refused.text);
        assert!((400..500).contains(&refused.status), "{}", refused.status);
        let explain = &refused.json()["explain"];
        assert_eq!(
            (&explain["missing"], &explain["operation"], &explain["privilege"], &explain["state"]),
            (&json!("privilege"), &json!("drop"), &json!("monitor"), &json!("connected")),
        );
        let seen = http::get(&format!("/v1/calls/{call}"), Some(MONITOR)).json();
        assert_eq!(explain["allowed"], seen["features"], "what is allowed is what the call offers");

        let dropped = http::post(&format!("/v1/calls/{call}/drop"), OWNER, &json!({}));
        assert_eq!(dropped.status, 200, "drop: {}", dropped.text);
        caller.expect("CALL_CLOSED", SOON);
        callee.expect("CALL_CLOSED", SOON);
        let ended =
            events.until(SOON, |event| is(event, "1002", "disconnected") || is(event, "1002", "idle"));
        let last = ended.last().expect("the event waited for");
        if last["state"] == "disconnected" {
            assert_eq!(last["state_mode"], "normal", "{last}");
        }
        drop(events);
        daemon.expect_nothing_left();
    });
}

#[test]
fn a_stranger_is_refused() {
    alone(|| {
        let directory = Directory::create();
        let _daemon = Daemon::start(directory.path(), CONFIG);
        for token in [None, Some("not-a-token")] {
            for path in ["/v1/lines", "/v1/calls", "/v1/registrations", "/v1/events"] {
                assert_eq!(http::get(path, token).status, 401, "{path} with {token:?}");
            }
        }
        assert_eq!(http::get("/v1/lines", Some(OWNER)).status, 200);
        let refused = http::post("/v1/lines/1001/make-call", OWNER, &json!({"to": "1002"})).json();
        assert_eq!(
            (&refused["code"], &refused["explain"]["missing"]),
            (&json!("invallinestate"), &json!("registration"))
        );
        let line = http::get("/v1/lines/1001", Some(OWNER)).json();
        assert_eq!(refused["explain"]["allowed"], line["features"], "{refused}");
        let refused = http::post("/v1/lines/1001/make-call", OWNER, &json!({"to": 1002})).json();
        let argument = &refused["explain"]["argument"];
        assert_eq!(
            (&argument["field"], &argument["takes"]["type"]),
            (&json!("to"), &json!("string")),
            "{refused}"
        );
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(http::get(path, None).status, 200, "{path}");
        }
        let openapi = http::get("/v1/openapi.json", None).json();
        assert_eq!(openapi["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    });
}

/// One that asks without rest is told to wait, and others are not.
#[test]
fn who_asks_too_often_waits() {
    alone(|| {
        let directory = Directory::create();
        let config = format!("[api]\nrequests_per_second = 1\n{CONFIG}");
        let daemon = Daemon::start(directory.path(), &config);
        // A machine that takes a second for a request lets in the second one, too.
        let deadline = Instant::now() + SOON;
        let refused = loop {
            let answer = http::get("/v1/lines", Some(OWNER));
            if answer.status == 429 {
                break answer;
            }
            assert_eq!(answer.status, 200);
            assert!(Instant::now() < deadline, "never refused");
        };
        let head = refused.head.to_ascii_lowercase();
        let fields = [
            "retry-after: 1",
            "ratelimit-policy: \"application\";q=1;w=1",
            "ratelimit: \"application\";r=0;t=1",
        ];
        for field in fields {
            assert!(head.contains(field), "{field}: {head}");
        }
        assert_eq!(refused.json()["explain"]["missing"], "rate");
        assert_eq!(http::get("/v1/lines", Some(MONITOR)).status, 200, "the other has a rate of its own");
        assert!(daemon.metric("trunkline_api_requests_limited_total") >= 1.0);
    });
}

/// Each of these in this order, whatever comes between.
fn in_order(found: &[&str], wanted: &[&str]) {
    let mut found_left = found.iter();
    for state in wanted {
        assert!(found_left.any(|found| found == state), "{wanted:?} in this order, found {found:?}");
    }
}

/// At once where the machine is free, and in any case before a transaction would be given up (32 s).
const SOON: Duration = Duration::from_secs(25);
const PASSWORD: &str = "correct-horse-battery";
const OWNER: &str = "a-token-for-the-owner";
const MONITOR: &str = "a-token-for-the-monitor";
/// baresip 1.0 gives up on a challenge that offers SHA-256 beside MD5.
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]
[[app]]
name = "owner"
token = "a-token-for-the-owner"
lines = ["*"]
[[app]]
name = "monitor"
token = "a-token-for-the-monitor"
lines = ["*"]
privilege = "monitor"
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
"#;
