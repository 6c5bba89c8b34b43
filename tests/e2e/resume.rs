//! Readers of the event stream that die and come back.

use std::time::Duration;

use serde_json::Value;

use crate::daemon::{Daemon, Directory};
use crate::http::Events;
use crate::network::alone;
use crate::sipp::{Sipp, register};

/// While SIPp calls twenty times a second, a reader dies fifty times: its socket is closed as the kernel closes those of a killed
/// process, in the middle of whatever comes. It is away until a second reader, which never dies, was told so many events more, and
/// resumes behind the last that it has. In the end both were told the same, each event once.
#[test]
fn fifty_deaths_miss_no_event() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let callee = Sipp::untraced_callee(directory.path(), "uas", "127.0.0.1:5070", &["-sn", "uas"]);
        let (mut steady, mut mortal) = (Events::open(TOKEN), Events::open(TOKEN));
        let (mut told, mut heard) = (Vec::new(), Vec::new());
        let caller = [
            "127.0.0.1:5060",
            "-i",
            "127.0.0.1",
            "-p",
            "5080",
            "-m",
            "160",
            "-r",
            "20",
            "-d",
            "300",
            "-sn",
            "uac",
        ];
        let caller = Sipp::untraced(directory.path(), "uac", &caller);
        let mut missed = 0;
        for death in 0..DEATHS {
            // Primes, so that each death is at another point of a call.
            read(&mut mortal, &mut heard, 3 + death * 7 % 19);
            drop(mortal);
            let last = seq(heard.last().expect("it has heard something"));
            let away = 1 + death * 11 % 23;
            told.extend(steady.until(SOON, |event| seq(event) >= last + away));
            missed += seq(told.last().expect("it was told something")).saturating_sub(last);
            mortal = Events::resume(TOKEN, last);
        }
        let counted = caller.finish(SOON);
        assert_eq!((counted.successful(), counted.failed()), (160, 0));
        drop(callee);
        // What comes after all calls.
        register(directory.path(), "1001", "correct-horse-battery", "5091");
        let is_last = |event: &Value| event["type"] == "registration";
        told.extend(steady.until(SOON, is_last));
        heard.extend(mortal.until(SOON, is_last));
        eprintln!("resume: {} events, {missed} of them while away, {DEATHS} deaths", told.len());
        let numbers: Vec<u64> = told.iter().map(seq).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "without a gap: {numbers:?}");
        assert!(told.iter().all(|event| event["type"] != "lost"), "nothing is lost");
        let connected = told.iter().filter(|event| event["state"] == "connected").count();
        assert!(connected >= 2 * 160, "both calls of each connection: {connected}");
        assert_eq!(heard.len(), told.len(), "as many, so none twice");
        for (heard, told) in heard.iter().zip(&told) {
            assert_eq!(heard, told);
        }
        drop((steady, mortal));
        daemon.expect_nothing_left();
    });
}

/// Who comes back after the daemon has died is told that something may be lost, then whatever is new, by numbers that still grow.
#[test]
fn a_restart_is_told() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let mut events = Events::open(TOKEN);
        let password = "correct-horse-battery";
        register(directory.path(), "1001", password, "5091");
        let before =
            seq(events.until(SOON, |event| event["type"] == "registration").last().expect("it came"));
        drop(events);
        daemon.power_cut();
        let mut events = Events::resume(TOKEN, before);
        let lost = events.until(SOON, |_| true).remove(0);
        assert_eq!(
            (&lost["type"], lost["from"].as_u64()),
            (&Value::from("lost"), Some(before + 1)),
            "{lost}"
        );
        assert_eq!(lost["seq"], lost["to"]);
        register(directory.path(), "1002", password, "5092");
        let after = events.until(SOON, |event| event["line"] == "1002" && event["type"] == "registration");
        assert_eq!(after.first().map(seq), lost["to"].as_u64().map(|to| to + 1));
        // Behind the last of them nothing is lost any more.
        let last = seq(after.last().expect("it came"));
        let mut events = Events::resume(TOKEN, last - 1);
        assert_eq!(events.until(SOON, |_| true).first(), after.last());
    });
}

/// So many events.
fn read(events: &mut Events, into: &mut Vec<Value>, count: u64) {
    for _ in 0..count {
        into.extend(events.until(SOON, |_| true));
    }
}

fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().unwrap_or_else(|| panic!("no seq: {event}"))
}

const DEATHS: u64 = 50;
const SOON: Duration = Duration::from_secs(25);
const TOKEN: &str = "a-token-for-the-owner";
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
ports = "20000-29999"
[[app]]
name = "owner"
token = "a-token-for-the-owner"
lines = ["*"]
[[line]]
address = "1001"
password = "correct-horse-battery"
digest = ["MD5"]
[[line]]
address = "1002"
password = "correct-horse-battery"
digest = ["MD5"]
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
max_calls = 5000
[[route]]
from = "trunk:sipp"
match = ".*"
to = "trunk:sipp"
"#;
