//! Trunks as carriers have them: one that registers, at a second daemon, which is the carrier; one that goes silent.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, Directory, executable};
use crate::hep::{Collector, Packet};
use crate::http;
use crate::network::alone;
use crate::process::{Process, Stream, wait_until};
use crate::sipp::{Sipp, scenario};

/// The daemon registers at the carrier, which asks for its password; five calls come by that, five leave by it. Five more leave by a trunk
/// that the carrier knows by a password alone. The daemon that ends leaves it.
#[test]
fn a_carrier_where_one_registers() {
    alone(|| {
        let collector = Collector::listen();
        let (home, away) = (Directory::create_named("-home"), Directory::create_named("-carrier"));
        let mut carrier = serve_carrier(&away);
        let mut daemon = Daemon::start(home.path(), CONFIG);
        let registered = |wanted: bool| {
            move || match http::get("/v1/trunks", Some(OWNER)).json()[0].clone() {
                trunk if trunk["registration"]["registered"] == wanted => Ok(()),
                trunk => Err(trunk.to_string()),
            }
        };
        wait_until(&mut daemon.process, SOON, registered(true));
        assert_eq!(
            [daemon.metric("trunkline_trunk_registered"), daemon.metric("trunkline_panics_total")],
            [1.0, 0.0]
        );

        let path = home.path();
        let phone = Sipp::callee(path, "phone", "127.0.0.5:5091", &["-sn", "uas"]);
        calls(path, "in", "127.0.0.3:5060", "127.0.0.4", "sipp");
        assert_eq!(phone.close().successful(), 5, "calls of the carrier");
        let world = Sipp::callee(path, "world", "127.0.0.4:5092", &["-sn", "uas"]);
        calls(path, "out", "127.0.0.1:5060", "127.0.0.5", "0301234");
        assert_eq!(world.close().successful(), 5, "calls by the carrier");
        let world = Sipp::callee(path, "site", "127.0.0.4:5092", &["-sn", "uas"]);
        calls(path, "by-password", "127.0.0.1:5060", "127.0.0.5", "9301234");
        assert_eq!(world.close().successful(), 5, "calls of a trunk with a password");

        daemon.process.signal("TERM");
        carrier.wait_for(SOON, |_, line| line.contains("registration") && line.contains("Unregistered"));
        assert!(daemon.process.wait_exit(SOON).success());
        says_from_where(&collector.take());
    });
}

/// What leaves by a trunk says from which port it leaves, whoever reads it.
fn says_from_where(packets: &[Packet]) {
    let messages: Vec<&Packet> = packets.iter().filter(|packet| packet.kind == 1).collect();
    for packet in &messages {
        assert!(packet.from.port() != 0 && packet.to.port() != 0, "{packet:?}");
    }
    let (near, far) = ("127.0.0.1:5060".parse(), "127.0.0.3:5060".parse());
    let (near, far): (SocketAddr, SocketAddr) = (near.expect("an address"), far.expect("an address"));
    for (method, at_least) in [("REGISTER ", 2), ("INVITE ", 10), ("ACK ", 10), ("BYE ", 10)] {
        let leaves = |packet: &&&Packet| packet.payload.starts_with(method) && packet.to == far;
        let sent: Vec<_> = messages.iter().filter(leaves).collect();
        eprintln!("trunks: {} of {method}to the carrier", sent.len());
        assert!(
            sent.len() >= at_least && sent.iter().all(|packet| packet.from == near),
            "{method}: {sent:?}"
        );
    }
}

/// The primary carrier is stopped in the middle of 50 calls a second and goes on later. Within `failover_s` calls leave by the secondary,
/// after `rest_s` by the primary again. No call fails, and those that were up at the primary live on.
#[test]
fn an_outage_of_a_carrier() {
    alone(|| {
        let is_full = std::env::var_os("TRUNKLINE_FULL").is_some();
        // Seconds: patience, rest, and how long calls leave by each carrier before something happens.
        let (failover, rest, each) = if is_full { (4, 30, 10) } else { (1, 2, 2) };
        let directory = Directory::create();
        let path = directory.path();
        let config = OUTAGE.replace("FAILOVER", &failover.to_string()).replace("REST", &rest.to_string());
        let mut daemon = Daemon::start(path, &config);
        let primary = Sipp::untraced_callee(path, "primary", "127.0.0.6:5070", &["-sn", "uas"]);
        let _secondary = Sipp::untraced_callee(path, "secondary", "127.0.0.7:5070", &["-sn", "uas"]);

        let whole = failover + rest + 3 * each + 2;
        let held = (HELD.to_string(), (1_000 * whole).to_string());
        let held = Sipp::untraced(path, "held", &callers("127.0.0.8", &held.0, &held.1));
        wait_until(&mut daemon.process, SOON, || calls_of(0, HELD..=HELD));
        let made: u64 = RATE * whole;
        let count = made.to_string();
        let flow = Sipp::untraced(path, "flow", &callers("127.0.0.5", &count, "1500"));
        wait_until(&mut daemon.process, SOON, || calls_of(0, HELD + RATE..=u64::MAX));
        daemon.process.runs_for(Duration::from_secs(each - 1));
        calls_of(1, 0..=0).expect("the secondary has nothing to do");

        primary.process.signal("STOP");
        let silent = Instant::now();
        wait_until(&mut daemon.process, SOON, || calls_of(1, 1..=u64::MAX));
        let failed_over = silent.elapsed();
        assert!(
            failed_over < Duration::from_secs(failover) + LOOKED,
            "the secondary was called after {failed_over:?}"
        );
        wait_until(&mut daemon.process, SOON, || calls_of(1, RATE..=u64::MAX));
        daemon.process.runs_for(Duration::from_secs(each - 1));
        calls_of(0, HELD..=HELD + RATE / 2).expect("those that were up, and hardly one that finds out");

        primary.process.signal("CONT");
        let there = Instant::now();
        let again = Duration::from_secs(rest + failover) + SOON;
        wait_until(&mut daemon.process, again, || calls_of(0, HELD + RATE / 2 + 1..=u64::MAX));
        let recovered = there.elapsed();
        assert!(
            recovered < Duration::from_secs(rest + failover + 1) + LOOKED,
            "it was called after {recovered:?}"
        );

        let flow = flow.finish(Duration::from_secs(whole) + SOON);
        assert_eq!((flow.successful(), flow.failed()), (made, 0), "calls that begin");
        let held = held.finish(Duration::from_secs(whole) + SOON);
        assert_eq!((held.successful(), held.failed(), held.unexpected()), (HELD, 0, 0), "calls that were up");
        // Those included that the primary answered when they had gone on elsewhere.
        daemon.expect_nothing_left();
        assert_eq!(daemon.metric("trunkline_panics_total"), 0.0);
        eprintln!(
            "outage: {RATE} calls a second, {made} and {HELD} that were up, none failed; by the secondary after {failed_over:?} \
             (failover_s {failover}), by the primary {recovered:?} after it was back (rest_s {rest})"
        );
    });
}

/// A carrier that is asked by OPTIONS answers that it does not serve that, and is up. The next time it is overloaded: it is down, and its
/// trunk is out of service.
#[test]
fn a_carrier_that_is_asked_whether_it_lives() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let config = OUTAGE.replace("failover_s = FAILOVER\nrest_s = REST", "qualify_s = 10");
        let answers = |name: &'static str, status: &str| {
            let asked = scenario(path, "asked.xml", &[("STATUS", status)]);
            Sipp::callee(path, name, "127.0.0.6:5070", &["-sf", &asked, "-m", "1"])
        };
        let carrier = answers("carrier", "405 Method Not Allowed");
        let mut daemon = Daemon::start(path, &config);
        assert_eq!(carrier.finish(SOON).successful(), 1, "it was asked");
        let carrier = answers("overloaded", "503 Service Unavailable");
        let trunk = || http::get("/v1/trunks", Some(OWNER)).json()[0].clone();
        let before = trunk();
        assert_eq!((&before["in_service"], &before["peers"][0]["state"]), (&true.into(), &"up".into()));
        assert_eq!(carrier.finish(Duration::from_secs(10) + SOON).successful(), 1, "it was asked again");
        wait_until(&mut daemon.process, SOON, || match trunk() {
            trunk if trunk["peers"][0]["state"] == "down" && trunk["in_service"] == false => Ok(()),
            trunk => Err(trunk.to_string()),
        });
        daemon.expect_metric("trunkline_trunk_in_service", 2.0, SOON);
        assert_eq!(daemon.metric("trunkline_panics_total"), 0.0);
    });
}

/// Whether a trunk, by its place, has so many calls.
fn calls_of(trunk: usize, wanted: std::ops::RangeInclusive<u64>) -> Result<(), String> {
    let trunk = http::get("/v1/trunks", Some(OWNER)).json()[trunk].clone();
    let calls = trunk["calls"].as_u64();
    if calls.is_some_and(|calls| wanted.contains(&calls)) { Ok(()) } else { Err(trunk.to_string()) }
}

fn callers<'a>(from: &'a str, count: &'a str, held_ms: &'a str) -> Vec<&'a str> {
    let to = ["127.0.0.1:5060", "-i", from, "-p", "5080", "-sn", "uac", "-s", "0301234"];
    [&to[..], &["-r", "50", "-m", count, "-d", held_ms, "-l", "5000"]].concat()
}

/// Five calls from this host that go as they should.
fn calls(path: &std::path::Path, name: &'static str, to: &str, from: &str, number: &str) {
    let arguments = [to, "-i", from, "-p", "5080", "-m", "5", "-r", "5", "-sn", "uac", "-s", number];
    let counted = Sipp::start(path, name, &arguments).finish(Duration::from_secs(30));
    assert_eq!((counted.successful(), counted.failed()), (5, 0), "{name}");
}

fn serve_carrier(directory: &Directory) -> Process {
    std::fs::write(directory.path().join("trunkline.toml"), CARRIER).expect("a directory of ours");
    let mut command = Command::new(executable());
    let arguments = ["serve", "--config", "trunkline.toml", "--state-dir", "state"];
    command.current_dir(directory.path()).args(arguments);
    let mut process = Process::spawn("carrier", &mut command);
    process.wait_for(READY_WITHIN, |stream, line| stream == Stream::Stdout && line == "ready");
    process
}

const OWNER: &str = "token-of-the-owner-0123456789abcdef";

/// The phone is a trunk, too: SIPp's stock callee registers nowhere. Its stock caller is always called `sipp`, and a carrier wants to see
/// its own account in From.
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
domains = ["pbx.example"]
[capture]
hep = "udp:127.0.0.1:9060"
[media]
listen = "127.0.0.1"
kernel = "off"
[[app]]
name = "owner"
token = "token-of-the-owner-0123456789abcdef"
lines = ["*"]
[[trunk]]
name = "carrier"
peer = "udp:127.0.0.3:5060"
username = "sipp"
password = "a long word that both know"
register = true
contact_user = "4930"
register_expires_s = 60
[[trunk]]
name = "site"
peer = "udp:127.0.0.3:5060"
username = "branch"
password = "a word of the branch"
[[trunk]]
name = "phones"
peer = "udp:127.0.0.5:5091"
allow_from = ["127.0.0.5/32"]
[[route]]
from = "trunk:carrier"
match = "^sipp$"
to = "trunk:phones"
[[route]]
from = "trunk:phones"
match = "^0(\\d+)$"
to = "trunk:carrier"
number = "$1"
[[route]]
from = "trunk:phones"
match = "^9(\\d+)$"
to = "trunk:site"
number = "4$1"
"#;

const CARRIER: &str = r#"
[sip]
listen = ["udp:127.0.0.3:5060"]
domains = ["127.0.0.3"]
[media]
listen = "127.0.0.3"
ports = "30000-30999"
kernel = "off"
[api]
listen = "off"
[[line]]
address = "sipp"
password = "a long word that both know"
[[trunk]]
name = "world"
peer = "udp:127.0.0.4:5092"
allow_from = ["127.0.0.4/32"]
[[trunk]]
name = "home"
peer = "udp:127.0.0.1:5060"
inbound_username = "branch"
inbound_password = "a word of the branch"
[[route]]
from = "line"
match = "^30\\d+$"
to = "trunk:world"
[[route]]
from = "trunk:home"
match = "^430\\d+$"
to = "trunk:world"
"#;

/// The callers are a trunk, too.
const OUTAGE: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
kernel = "off"
# Nobody speaks.
silence_timeout_s = 0
[[app]]
name = "owner"
token = "token-of-the-owner-0123456789abcdef"
lines = ["*"]
[[trunk]]
name = "primary"
peer = "udp:127.0.0.6:5070"
failover_s = FAILOVER
rest_s = REST
[[trunk]]
name = "secondary"
peer = "udp:127.0.0.7:5070"
[[trunk]]
name = "callers"
peer = "udp:127.0.0.5:5080"
allow_from = ["127.0.0.5/32", "127.0.0.8/32"]
[[trunk_group]]
name = "outside"
members = [{ trunk = "primary" }, { trunk = "secondary", priority = 2 }]
[[route]]
from = "trunk:callers"
match = "^0(\\d+)$"
to = "trunk_group:outside"
number = "$1"
"#;

/// Calls that begin in a second.
const RATE: u64 = 50;
/// Calls that are up all the time.
const HELD: u64 = 100;
/// Beyond what is documented, on a machine that others use, too.
const LOOKED: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(10);
const READY_WITHIN: Duration = Duration::from_secs(20);
