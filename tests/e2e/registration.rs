//! Phones that register, by the digests of RFC 7616 and RFC 8760, and a power cut.

use std::net::UdpSocket;
use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::alone;
use crate::sipp::{Sipp, register};

/// SIPp knows MD5 alone; SHA-256 is answered by linphonec (`phones`).
#[test]
fn digests() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        assert_eq!(challenges("1001"), ["MD5"]);
        assert_eq!(challenges("1003"), ["SHA-256", "MD5"], "the stronger first (RFC 8760 §2.3)");
        let nobody = challenges("9999");
        assert!(
            [challenges("1001"), challenges("1003")].contains(&nobody),
            "who is nobody looks like somebody"
        );
        assert_eq!(nobody, challenges("9999"), "and always like the same");
        register(directory.path(), "1001", PASSWORD, "5091");
        register(directory.path(), "1002", PASSWORD, "5092");
        daemon.expect_metric("trunkline_registrations", 2.0, SOON);
        let registrations = http::get("/v1/registrations", Some(OWNER)).text;
        for contact in ["127.0.0.2:5091", "127.0.0.2:5092"] {
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
        register(directory.path(), "1001", PASSWORD, "5091");
        register(directory.path(), "1002", PASSWORD, "5092");
        daemon.process.runs_for(Duration::from_secs(1));
        daemon.power_cut();
        daemon.expect_metric("trunkline_registrations", 2.0, SOON);

        let phone = Sipp::callee(path, "phone", "127.0.0.2:5091", &["-sn", "uas"]);
        let arguments =
            ["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080", "-m", "5", "-sn", "uac", "-s", "1001"];
        let counted = Sipp::start(path, "caller", &arguments).finish(Duration::from_secs(30));
        assert_eq!((counted.successful(), counted.failed()), (5, 0), "the caller's calls");
        assert_eq!(phone.close().successful(), 5, "the phone's calls");
        daemon.expect_nothing_left();
    });
}

/// The algorithms of the challenges that a REGISTER for this line gets, in their order.
fn challenges(line: &str) -> Vec<String> {
    let socket = UdpSocket::bind("127.0.0.2:5090").expect("a port of ours");
    socket.set_read_timeout(Some(SOON)).expect("a timeout can be set");
    let request = format!(
        "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5090;branch=z9hG4bK-{line}\r\n\
         From: <sip:{line}@127.0.0.1>;tag=a\r\nTo: <sip:{line}@127.0.0.1>\r\nCall-ID: {line}@test\r\n\
         CSeq: 1 REGISTER\r\nContact: <sip:{line}@127.0.0.2:5090>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    socket.send_to(request.as_bytes(), "127.0.0.1:5060").expect("the loopback carries");
    let mut answer = [0; 4096];
    let length = socket.recv(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("SIP/2.0 401 "), "{answer}");
    let challenges = answer.lines().filter(|line| line.starts_with("WWW-Authenticate:"));
    let algorithm =
        |challenge: &str| challenge.split("algorithm=").nth(1)?.split([',', ' ']).next().map(str::to_owned);
    challenges.map(|challenge| algorithm(challenge).expect("an algorithm")).collect()
}

/// At once where the machine is free.
const SOON: Duration = Duration::from_secs(10);
const PASSWORD: &str = "correct horse battery";
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
digest = ["MD5"]
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
