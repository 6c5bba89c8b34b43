//! Desk phones of a ring group: all ring, one answers.

use std::time::Duration;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::{alone, daemon_address};

#[test]
fn three_baresips_and_a_group() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let start = |phone, line| Baresip::start(directory.path(), phone, line, PASSWORD, "", Answer::Manual);
        let (mut caller, mut one, mut other) = (start(1, "1001"), start(2, "1002"), start(3, "1003"));
        daemon.expect_metric("trunkline_registrations", 3.0, WITHIN);
        caller.command("dial", &format!("sip:600@{}", daemon_address(1)));
        for phone in [&mut one, &mut other] {
            phone.expect("CALL_INCOMING", WITHIN);
        }
        caller.expect("CALL_RINGING", WITHIN);
        other.command("accept", "");
        caller.expect("CALL_ESTABLISHED", WITHIN);
        let closed = one.expect("CALL_CLOSED", WITHIN);
        eprintln!("groups: the other phone was told {}", closed["param"]);
        let calls = http::get("/v1/calls", Some(OWNER)).json();
        let calls = calls.as_array().expect("a list");
        let talking: Vec<_> = calls.iter().filter(|call| call["state"] == "connected").collect();
        assert_eq!(talking.len(), 2, "{calls:?}");
        let from = talking.iter().find(|call| call["line"] == "1001").expect("the caller's call");
        assert_eq!(
            (&from["called"]["number"], &from["connected"]["number"]),
            (&"600".into(), &"1003".into())
        );
        other.command("hangup", "");
        caller.expect("CALL_CLOSED", WITHIN);
        for phone in [caller, one, other] {
            phone.quit();
        }
        daemon.expect_nothing_left();
    });
}

const PASSWORD: &str = "correct-horse-battery";
const OWNER: &str = "token-of-a-test-that-is-long-enough";
const WITHIN: Duration = Duration::from_secs(15);
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
[[group]]
address = "600"
members = ["1002", "1003"]
"#;
