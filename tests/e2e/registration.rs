//! Phones that register, by the digests of RFC 7616 and RFC 8760, and a power cut.

use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::alone;
use crate::sipp::{Sipp, scenario};

/// SIPp answers the first challenge it finds: MD5 where only that is offered, SHA-256 where it comes first.
#[test]
fn digests() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        for (line, algorithm, port) in
            [("1001", "MD5", "5091"), ("1002", "SHA-256", "5092"), ("1003", "SHA-256", "5093")]
        {
            register(&directory, line, algorithm, port);
        }
        daemon.expect_metric("trunkline_registrations", 3.0, Duration::from_secs(2));
        let registrations = http::get("/v1/registrations", Some(OWNER)).text;
        for contact in ["127.0.0.2:5091", "127.0.0.2:5092", "127.0.0.2:5093"] {
            assert!(registrations.contains(contact), "{contact} is missing: {registrations}");
        }
        daemon.expect_nothing_left();
    });
}

/// Bindings older than a second survive a power cut, and calls reach the phone afterwards.
#[test]
fn a_power_cut_keeps_bindings() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        register(&directory, "1001", "MD5", "5091");
        register(&directory, "1002", "SHA-256", "5092");
        daemon.process.runs_for(Duration::from_secs(1));
        daemon.power_cut();
        daemon.expect_metric("trunkline_registrations", 2.0, Duration::from_secs(1));

        let phone = Sipp::callee(path, "phone", "127.0.0.2:5091", &["-sn", "uas"]);
        let arguments =
            ["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080", "-m", "5", "-sn", "uac", "-s", "1001"];
        let counted = Sipp::start(path, "caller", &arguments).finish(Duration::from_secs(10));
        assert_eq!((counted.successful(), counted.failed()), (5, 0), "the caller's calls");
        assert_eq!(phone.close().successful(), 5, "the phone's calls");
        daemon.expect_nothing_left();
    });
}

fn register(directory: &Directory, line: &str, algorithm: &str, port: &str) {
    let path = directory.path();
    let file = scenario(path, "register.xml", &[("ALGORITHM", algorithm)]);
    let arguments = ["127.0.0.1:5060", "-i", "127.0.0.2", "-p", port, "-m", "1", "-sf", &file, "-s", line];
    let arguments =
        [&arguments[..], &["-au", line, "-ap", "correct horse battery", "-timeout", "10s"]].concat();
    let counted = Sipp::start(path, "register", &arguments).finish(Duration::from_secs(15));
    assert_eq!((counted.successful(), counted.failed()), (1, 0), "{line} registers with {algorithm}");
}

const OWNER: &str = "a-token-for-the-owner";
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
[[app]]
name = "owner"
token = "a-token-for-the-owner"
lines = ["*"]
[[line]]
address = "1001"
password = "correct horse battery"
digest = ["MD5"]
[[line]]
address = "1002"
password = "correct horse battery"
digest = ["SHA-256"]
[[line]]
address = "1003"
password = "correct horse battery"
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
[[route]]
from = "trunk:sipp"
match = "^1\\d\\d\\d$"
to = "line"
"#;
