//! Two desk phones on a network that loses packets: what a call shows of it, what is told at the end, what `/metrics` counts.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::http::{self, Events};
use crate::network::{add_first_link, alone, daemon_address, run_on_host};

#[test]
fn a_lossy_network_shows_in_the_call() {
    alone(|| lossy("off", "user"));
}

#[test]
fn a_lossy_network_shows_where_the_kernel_forwards_too() {
    alone(|| {
        add_first_link();
        lossy("require", "kernel");
    });
}

/// Of what phone 1 sends every twentieth packet is lost, of what it is sent every tenth: baresip reports that by RTCP, and how
/// long its reports take.
fn lossy(kernel: &str, path: &str) {
    let directory = Directory::create();
    let mut daemon = Daemon::start(directory.path(), &CONFIG.replace("{kernel}", kernel));
    let mut caller = Baresip::start(directory.path(), 1, "1001", PASSWORD, "", Answer::Manual);
    let mut callee = Baresip::start(directory.path(), 2, "1002", PASSWORD, "", Answer::Auto);
    daemon.expect_metric("trunkline_registrations", 2.0, SOON);
    let rules = directory.path().join("loss.nft");
    fs::write(&rules, LOSS).expect("a directory of ours");
    run_on_host(&caller.process, "nft", &["-f".as_ref(), rules.as_os_str()]);

    let mut events = Events::open(TOKEN);
    caller.command("dial", &format!("sip:1002@{}", daemon_address(1)));
    callee.expect("CALL_ESTABLISHED", SOON);
    // Reports go every five seconds or so, and the relay is asked as often.
    daemon.process.runs_for(Duration::from_secs(22));
    let calls = http::get("/v1/calls", Some(TOKEN)).json();
    let of = |line: &str| {
        let calls = calls.as_array().expect("a list");
        calls.iter().find(|call| call["line"] == line).expect("the call is up")["media"].clone()
    };
    let (near, far) = (of("1001"), of("1002"));
    eprintln!("quality: at 1001 {near}\nquality: at 1002 {far}");
    let number = |media: &Value, path: &str| media.pointer(path).and_then(Value::as_f64);
    let expect = |media: &Value, path: &str, least: f64, most: f64| {
        let found = number(media, path);
        assert!(
            found.is_some_and(|found| (least..=most).contains(&found)),
            "{path} of {media} is not {least} to {most}"
        );
    };
    for media in [&near, &far] {
        assert_eq!((media["codec"].as_str(), media["path"].as_str()), (Some("PCMU"), Some(path)));
        expect(media, "/received/packets", 600.0, 1_200.0);
        // Phones that are not let run for a while are late, and so are their reports.
        expect(media, "/received/jitter_ms", 0.0, 150.0);
        expect(media, "/sent/jitter_ms", 0.0, 150.0);
        expect(media, "/round_trip_ms", 0.0, 1_000.0);
        // The first packets of the callee can be here before its answer.
        expect(media, "/foreign", 0.0, 25.0);
    }
    expect(&near, "/received/loss_percent", 4.0, 6.0);
    expect(&near, "/sent/loss_percent", 7.0, 13.0);
    expect(&near, "/sent/mos", 2.5, 3.8);
    // What phone 1 lost on its way is not counted against the network of phone 2.
    expect(&far, "/received/loss_percent", 0.0, 0.5);
    expect(&far, "/sent/loss_percent", 0.0, 1.0);
    expect(&far, "/sent/mos", 3.9, 4.41);

    caller.command("hangup", "");
    callee.expect("CALL_CLOSED", SOON);
    let told = events.until(SOON, |event| event["type"] == "call-quality" && event["line"] == "1001");
    let last = &told.last().expect("it came")["media"];
    expect(last, "/received/loss_percent", 4.0, 6.0);
    assert!(number(last, "/received/packets") >= number(&near, "/received/packets"), "{last}");
    assert!(daemon.metric("trunkline_call_mos_count") >= 3.0, "two calls, and what phones reported");
    assert!(daemon.metric("trunkline_media_packets_lost_total") >= 30.0, "what came from phone 1");
    assert!(daemon.metric("trunkline_media_packets_sent_total") >= 1_200.0, "both directions");
    caller.quit();
    callee.quit();
    drop(events);
    daemon.expect_nothing_left();
}

const LOSS: &str = "table ip loss {
    chain input {
        type filter hook input priority 0;
        udp length 180 numgen inc mod 10 == 0 drop
    }
    chain output {
        type filter hook output priority 0;
        udp length 180 numgen inc mod 20 == 0 drop
    }
}
";
/// At once where the machine is free, and in any case before a transaction would be given up (32 s).
const SOON: Duration = Duration::from_secs(25);
const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "a-token-of-the-owner-that-is-long-enough";
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[media]
listen = "0.0.0.0"
kernel = "{kernel}"
[api]
listen = "127.0.0.1:8080"
[[app]]
name = "crm"
token = "a-token-of-the-owner-that-is-long-enough"
lines = ["*"]
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
"#;
