//! Peers that fail: each gets the answer that SIP has for it, the application the disconnect mode that TAPI has for
//! it, and nothing stays behind.

use std::net::UdpSocket;
use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::http::Events;
use crate::network::alone;
use crate::sipp::{Sipp, scenario};

/// Bound, and never read from: no answer, and no ICMP error either.
#[test]
fn a_callee_that_never_answers() {
    alone(|| {
        let (directory, mut daemon) = start();
        let mut events = Events::open(OWNER);
        let _silent = UdpSocket::bind("127.0.0.1:5070").expect("a port of ours");
        // Timer B (RFC 3261 §17.1.1.2).
        refused(&directory, "127.0.0.1", "200", &["408", "480"], Duration::from_secs(40));
        state(&mut events, "disconnected", &["unreachable"]);
        drop(events);
        daemon.expect_nothing_left();
    });
}

#[test]
fn a_callee_that_is_not_there() {
    alone(|| {
        let (directory, mut daemon) = start();
        // Nobody listens: the port answers by ICMP, or the transaction times out.
        refused(&directory, "127.0.0.1", "200", &["408", "480", "503"], Duration::from_secs(40));
        daemon.expect_nothing_left();
    });
}

#[test]
fn a_callee_that_rings_for_ever() {
    alone(|| {
        let (directory, mut daemon) = start_ringing_for(5);
        let mut events = Events::open(OWNER);
        let path = directory.path();
        let callee =
            Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sf", &scenario(path, "rings.xml", &[])]);
        refused(&directory, "127.0.0.1", "200", &["408", "480"], Duration::from_secs(20));
        state(&mut events, "disconnected", &["noanswer"]);
        drop(events);
        let counted = callee.close();
        assert_eq!((counted.successful(), counted.failed()), (1, 0), "the callee is cancelled");
        daemon.expect_nothing_left();
    });
}

#[test]
fn a_callee_that_is_busy() {
    alone(|| {
        let (directory, mut daemon) = start();
        let mut events = Events::open(OWNER);
        let path = directory.path();
        let busy = scenario(path, "refuses.xml", &[("STATUS", "486 Busy Here")]);
        let callee = Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sf", &busy]);
        refused(&directory, "127.0.0.1", "200", &["486"], Duration::from_secs(25));
        // TAPI lineMakeCall to a busy station: the call is busy before it is idle.
        state(&mut events, "busy", &["station"]);
        drop(events);
        assert_eq!(callee.close().failed(), 0, "the callee gets its ACK");
        daemon.expect_nothing_left();
    });
}

/// The network names another of its hosts, by the number that was called.
#[test]
fn a_callee_that_is_at_another_host() {
    alone(|| {
        let (directory, mut daemon) = start();
        let path = directory.path();
        let contact = "<sip:200@203.0.113.9>;q=0.9, <sip:200@127.0.0.1:5072>;q=0.5";
        let redirects = scenario(path, "redirects.xml", &[("CONTACT", contact)]);
        let redirecting = Sipp::callee(path, "redirecting", "127.0.0.1:5070", &["-sf", &redirects]);
        let callee = Sipp::callee(path, "callee", "127.0.0.1:5072", &["-sn", "uas"]);
        let arguments =
            ["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080", "-m", "3", "-s", "200", "-sn", "uac"];
        let caller = Sipp::start(path, "caller", &arguments).finish(Duration::from_secs(20));
        assert_eq!((caller.successful(), caller.failed()), (3, 0), "the calls are answered");
        for (counted, who) in [(redirecting.close(), "302"), (callee.close(), "200")] {
            assert_eq!((counted.successful(), counted.failed()), (3, 0), "{who}");
        }
        daemon.expect_nothing_left();
    });
}

/// The network names an expensive number, and hosts that are none of its business.
#[test]
fn a_callee_that_sends_callers_where_it_may_not() {
    alone(|| {
        let (directory, mut daemon) = start();
        let mut events = Events::open(OWNER);
        let path = directory.path();
        let contact =
            "<sip:0900666@127.0.0.1:5072>, <sip:200@127.0.0.2:5072>, <sip:200@localhost:5072>, <tel:900>";
        let redirects = scenario(path, "redirects.xml", &[("CONTACT", contact)]);
        let redirecting = Sipp::callee(path, "redirecting", "127.0.0.1:5070", &["-sf", &redirects]);
        let other = UdpSocket::bind("0.0.0.0:5072").expect("a port of ours");
        refused(&directory, "127.0.0.1", "200", &["480"], Duration::from_secs(25));
        state(&mut events, "disconnected", &["forwarded"]);
        drop(events);
        assert_eq!(redirecting.close().failed(), 0, "the network gets its ACK");
        other.set_nonblocking(true).expect("a socket of ours");
        assert!(other.recv(&mut [0; 8]).is_err(), "nobody else is called");
        daemon.expect_nothing_left();
    });
}

#[test]
fn a_caller_that_gives_up() {
    alone(|| {
        let (directory, mut daemon) = start();
        let path = directory.path();
        let callee =
            Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sf", &scenario(path, "rings.xml", &[])]);
        call(&directory, "127.0.0.1", "200", &scenario(path, "cancels.xml", &[]), Duration::from_secs(25));
        let counted = callee.close();
        assert_eq!((counted.successful(), counted.failed()), (1, 0), "the callee is cancelled");
        daemon.expect_nothing_left();
    });
}

/// The callee's machine loses power in a call. The caller hangs up and is done at once; the daemon repeats its BYE to
/// nobody until timer F (RFC 3261 §17.1.2.2) and forgets.
#[test]
fn a_callee_that_dies_in_a_call() {
    alone(|| {
        let (directory, mut daemon) = start();
        let path = directory.path();
        let mut callee = Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sn", "uas"]);
        let arguments = [
            "127.0.0.1:5060",
            "-i",
            "127.0.0.1",
            "-p",
            "5080",
            "-m",
            "1",
            "-s",
            "200",
            "-sn",
            "uac",
            "-d",
            "3000",
        ];
        let caller = Sipp::start(path, "caller", &arguments);
        daemon.expect_metric("trunkline_calls", 2.0, Duration::from_secs(10));
        daemon.process.runs_for(Duration::from_secs(1));
        callee.process.kill();
        let counted = caller.finish(Duration::from_secs(10));
        assert_eq!((counted.successful(), counted.failed()), (1, 0), "the caller hangs up as ever");
        daemon.expect_nothing_left();
    });
}

/// RFC 3261 §13.3.1.4: after 64 × T1 without ACK the callee's side gives up, by BYE.
#[test]
fn a_caller_that_never_acknowledges() {
    alone(|| {
        let (directory, mut daemon) = start();
        let path = directory.path();
        let callee = Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sn", "uas"]);
        call(&directory, "127.0.0.1", "200", &scenario(path, "no_ack.xml", &[]), Duration::from_secs(45));
        let counted = callee.close();
        assert_eq!((counted.successful(), counted.failed()), (1, 0), "the callee gets ACK and BYE");
        daemon.expect_nothing_left();
    });
}

/// An unknown source is nobody: it is asked who it is, and cannot say.
#[test]
fn a_call_from_an_unknown_peer() {
    alone(|| {
        let (directory, mut daemon) = start();
        let path = directory.path();
        let callee = Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sn", "uas"]);
        refused(&directory, "127.0.0.9", "200", &["401", "403", "407"], Duration::from_secs(25));
        assert_eq!(callee.messages(), "", "nothing goes out for it");
        daemon.expect_nothing_left();
    });
}

#[test]
fn a_call_to_nobody() {
    alone(|| {
        let (directory, mut daemon) = start();
        refused(&directory, "127.0.0.1", "9999", &["404"], Duration::from_secs(25));
        daemon.expect_nothing_left();
    });
}

/// The line exists, no phone is registered for it.
#[test]
fn a_call_to_a_line_without_a_phone() {
    alone(|| {
        let (directory, mut daemon) = start();
        refused(&directory, "127.0.0.1", "1001", &["480"], Duration::from_secs(25));
        daemon.expect_nothing_left();
    });
}

#[test]
fn a_phone_with_a_wrong_password() {
    alone(|| {
        let (directory, mut daemon) = start();
        let path = directory.path();
        let register = scenario(path, "register_refused.xml", &[]);
        let arguments = ["127.0.0.1:5060", "-i", "127.0.0.2", "-p", "5090", "-m", "1", "-sf", &register];
        let arguments = [&arguments[..], &["-s", "1001", "-au", "1001", "-ap", "wrong"]].concat();
        let counted = Sipp::start(path, "phone", &arguments).finish(Duration::from_secs(15));
        assert_eq!((counted.successful(), counted.failed()), (1, 0), "refused, as the scenario expects");
        assert_eq!(daemon.metric("trunkline_registrations"), 0.0);
        daemon.expect_nothing_left();
    });
}

/// Calls this number from this source and is refused with one of these statuses.
fn refused(directory: &Directory, source: &str, number: &str, statuses: &[&str], within: Duration) {
    let (last, others) = statuses.split_last().expect("a status");
    let others: String = others
        .iter()
        .map(|status| format!("  <recv response=\"{status}\" optional=\"true\" next=\"1\"/>\n"))
        .collect();
    let file = scenario(directory.path(), "refused.xml", &[("STATUS", last), ("OTHERS", &others)]);
    call(directory, source, number, &file, within);
}

/// Calls by a scenario of ours, which must go as it says.
fn call(directory: &Directory, source: &str, number: &str, file: &str, within: Duration) {
    let path = directory.path();
    let arguments = ["127.0.0.1:5060", "-i", source, "-p", "5080", "-m", "1", "-sf", file, "-s", number];
    let counted = Sipp::start(path, "caller", &arguments).finish(within);
    assert_eq!(
        (counted.successful(), counted.failed()),
        (1, 0),
        "the call went otherwise: {}",
        path.display()
    );
}

/// Waits until a call is in this state, which it must be in one of these modes.
fn state(events: &mut Events, state: &str, modes: &[&str]) {
    let seen = events
        .until(Duration::from_secs(20), |event| event["type"] == "call-state" && event["state"] == state);
    let last = seen.last().expect("the event waited for");
    let mode = last["state_mode"].as_str().unwrap_or_default();
    assert!(modes.contains(&mode), "{state} as {mode:?}, not {modes:?}: {last}");
}

fn start() -> (Directory, Daemon) {
    start_ringing_for(60)
}

fn start_ringing_for(seconds: u32) -> (Directory, Daemon) {
    let directory = Directory::create();
    let daemon = Daemon::start(directory.path(), &CONFIG.replace("{ring_timeout_s}", &seconds.to_string()));
    (directory, daemon)
}

const OWNER: &str = "a-token-for-the-owner";
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
ring_timeout_s = {ring_timeout_s}
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
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
[[route]]
from = "trunk:sipp"
match = "^2\\d\\d$"
to = "trunk:sipp"
[[route]]
from = "trunk:sipp"
match = "^1\\d\\d\\d$"
to = "line"
"#;
