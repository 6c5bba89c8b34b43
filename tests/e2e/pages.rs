//! A page: baresip speaks to three phones. One hears it plain, one by SRTP, and one rings in vain; nobody hears them.

use std::time::Duration;

use crate::baresip::{Answer, Baresip, TONE_HZ};
use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::{alone, daemon_address};

#[test]
fn baresip_speaks_to_phones_and_hears_none_of_them() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let start = Baresip::start_with_tone;
        let mut caller = start(path, 1, "1001", PASSWORD, "", Answer::Manual, CALLER_HZ);
        let mut plain = start(path, 2, "1002", PASSWORD, "", Answer::Auto, TONE_HZ);
        let mut sealed = Baresip::start_encrypted(path, 3, "1003", PASSWORD, Answer::Auto, "srtp-mand");
        let mut stubborn = start(path, 4, "1004", PASSWORD, "", Answer::Manual, TONE_HZ);
        daemon.expect_metric("trunkline_registrations", 4.0, WITHIN);
        caller.command("dial", &format!("sip:650@{}", daemon_address(1)));
        for phone in [&mut caller, &mut plain, &mut sealed] {
            phone.expect("CALL_ESTABLISHED", WITHIN);
        }
        let calls = http::get("/v1/calls", Some(OWNER)).json();
        let calls = calls.as_array().expect("a list");
        let on = |line: &str| calls.iter().find(|call| call["line"] == line).expect("its call");
        assert_eq!(
            (&on("1001")["state"], &on("1001")["connected"]["number"]),
            (&"connected".into(), &"650".into())
        );
        let member = on("1003");
        assert_eq!((&member["reason"], &member["connected"]["number"]), (&"redirect".into(), &"1001".into()));
        // Who does not answer by himself is left alone after five seconds, for which the others listen.
        stubborn.expect("CALL_CLOSED", WITHIN);
        caller.command("hangup", "");
        for phone in [&mut plain, &mut sealed] {
            phone.expect("CALL_CLOSED", WITHIN);
        }
        let heard = [&plain, &sealed].map(|phone| phone.heard_tone(CALLER_HZ));
        let back = caller.heard_tone(TONE_HZ);
        eprintln!(
            "pages: members heard {:.1} s and {:.1} s, who spoke heard {back:.1} s",
            heard[0], heard[1]
        );
        assert!(heard.iter().all(|heard| *heard > 3.0) && back == 0.0, "{heard:?} {back}");
        for phone in [caller, plain, sealed, stubborn] {
            phone.quit();
        }
        daemon.expect_nothing_left();
    });
}

const PASSWORD: &str = "correct-horse-battery";
const OWNER: &str = "token-of-a-test-that-is-long-enough";
const WITHIN: Duration = Duration::from_secs(15);
/// What who speaks plays.
const CALLER_HZ: f64 = 700.0;
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
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
[[line]]
address = "1003"
password = "correct-horse-battery"
srtp = "required"
[[line]]
address = "1004"
password = "correct-horse-battery"
[[page]]
address = "650"
name = "Everybody"
members = ["1002", "1003", "1004"]
callers = ["1001"]
"#;
