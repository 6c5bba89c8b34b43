//! A desk phone shows how many messages wait, as an application says it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::alone;

/// baresip subscribes once it is registered; an event of its shows each NOTIFY that it read, that of a daemon which was killed among
/// them.
#[test]
fn baresip_shows_messages() {
    alone(|| {
        // A phone that subscribes without end (see `start_with_messages`) never says what it was told: then all of it begins anew.
        let started = (0..3).find_map(|_| {
            let directory = Directory::create();
            let daemon = Daemon::start(directory.path(), CONFIG);
            let mut phone =
                Baresip::start_with_messages(directory.path(), 1, "1001", PASSWORD, Answer::Manual);
            let first = phone.hears("MWI_NOTIFY", SHOWN_WITHIN)?;
            Some((directory, daemon, phone, first))
        });
        let (_directory, mut daemon, mut phone, first) =
            started.expect("one of three phones subscribes once");
        let text = |event: &Value| event["param"].as_str().unwrap_or_default().to_owned();
        let shown = |phone: &mut Baresip| text(&phone.expect("MWI_NOTIFY", SHOWN_WITHIN));
        assert!(text(&first).contains("Messages-Waiting: no"), "{first}");

        let body = json!({"new": 2, "old": 8, "urgent_old": 1});
        let answer = http::put("/v1/lines/1001/messages", OWNER, &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let told = shown(&mut phone);
        for line in ["Messages-Waiting: yes", "Message-Account: sip:*97@", "Voice-Message: 2/8 (0/1)"] {
            assert!(told.contains(line), "{line}: {told}");
        }
        daemon.process.runs_for(Duration::from_secs(1));
        daemon.power_cut();
        let again = shown(&mut phone);
        assert!(again.contains("Voice-Message: 2/8 (0/1)"), "in the same subscription: {again}");
        let line = http::get("/v1/lines/1001", Some(OWNER)).json();
        assert_eq!(
            (&line["messages"]["new"], &line["messages"]["waiting"]),
            (&json!(2), &json!(true)),
            "{line}"
        );
        phone.quit();
        daemon.expect_nothing_left();
    });
}

const PASSWORD: &str = "correct-horse-battery";
const OWNER: &str = "token-of-a-test-that-is-long-enough";
const SHOWN_WITHIN: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[voicemail]
number = "*97"
[[app]]
name = "voicemail"
token = "token-of-a-test-that-is-long-enough"
lines = ["*"]
[[line]]
address = "1001"
password = "correct-horse-battery"
"#;
