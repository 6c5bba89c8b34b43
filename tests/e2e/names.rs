//! Trunks that are host names, with a name server of Debian's (dnsmasq) beside the daemon: SRV records as RFC 2782 has them, what
//! changes while the daemon runs, and a name server that is silent.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::process::{Process, wait_until};
use crate::sipp::{Counted, Sipp};

/// Of a thousand calls each server of the first priority gets its share by weight, and one of a lower priority none. One dies: its
/// calls go to the others of its priority. The name server goes silent, and calls go on; it comes back and names another server, which gets all
/// of them once the time of the answer before is over.
#[test]
fn service_records() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut server = name_server(path, &FIRST);
        let mut daemon = Daemon::start(path, CONFIG);
        let [one, two, three, four] = [("one", "5071"), ("two", "5072"), ("three", "5073"), ("four", "5074")]
            .map(|(name, port)| {
                Sipp::untraced_callee(path, name, &format!("127.0.0.1:{port}"), &["-sn", "uas"])
            });

        call(path, "thousand", 1_000, 100);
        let one = one.close().successful();
        assert!((540..=660).contains(&one), "60 of 100: {one} of 1,000");

        // Its port is closed from here on: four seconds of silence, then the others.
        let began = Instant::now();
        call(path, "one-is-dead", 100, 50);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(12), "four seconds for those who met it: {took:?}");
        assert!(took > Duration::from_secs(4), "nobody met it: {took:?}");

        server.kill();
        daemon.process.runs_for(TTL * 2);
        call(path, "nobody-answers", 100, 100);
        let [two, three] = [two, three].map(|callee| callee.close().successful());
        assert_eq!(one + two + three, 1_200, "all of the first priority: {one} {two} {three}");
        assert!((280..=650).contains(&two) && three > 80, "30 and 10 of 100: {two} {three}");

        let _server = name_server(path, &SECOND);
        daemon.process.wait_for(WITHIN, |_, line| line.contains("a host is elsewhere"));
        call(path, "elsewhere", 50, 50);
        let four = four.close().successful();
        assert_eq!(four, 50, "the server that is named, and no other");
        let silent = daemon.process.seen().filter(|line| line.contains("no name server answers")).count();
        assert_eq!(silent, 1, "said once");
        eprintln!(
            "names: of 1,000 calls {one} by weight 60; in all two {two}, three {three}, then four {four}"
        );
    });
}

/// The name server says nothing at all: the daemon starts all the same, and takes the calls that need no name.
#[test]
fn a_silent_name_server() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let _silent = std::net::UdpSocket::bind(NAME_SERVER).expect("a network of our own");
        let began = Instant::now();
        let mut daemon = Daemon::start(path, CONFIG);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let refused = Sipp::start(path, "refused", &caller("1", "1"));
        let counted = refused.finish(WITHIN);
        assert_eq!((counted.successful(), counted.failed()), (0, 1), "nobody knows where the trunk is");
        daemon.process.wait_for(WITHIN, |_, line| line.contains("no name server answers"));
    });
}

/// Has so many calls made, this many a second, and all of them go well.
fn call(path: &Path, name: &'static str, calls: u64, rate: u64) -> Counted {
    let (calls, rate) = (calls.to_string(), rate.to_string());
    let counted = Sipp::untraced(path, name, &caller(&calls, &rate)).finish(Duration::from_secs(60));
    assert_eq!((counted.successful().to_string(), counted.failed()), (calls, 0), "{name}");
    counted
}

fn caller<'a>(calls: &'a str, rate: &'a str) -> Vec<&'a str> {
    let to = ["127.0.0.1:5060", "-sn", "uac", "-d", "0", "-i", "127.0.0.1", "-p", "5080"];
    [&to[..], &["-m", calls, "-r", rate, "-l", "1000"]].concat()
}

/// A name server that knows these records.
fn name_server(path: &Path, records: &[&str]) -> Process {
    let file = path.join("dnsmasq.conf");
    let own =
        ["no-resolv", "no-hosts", "no-daemon", "bind-interfaces", "listen-address=127.0.0.1", "port=5353"];
    let ttl = format!("local-ttl={}", TTL.as_secs());
    let lines: Vec<&str> = own.into_iter().chain([ttl.as_str()]).chain(records.iter().copied()).collect();
    fs::write(&file, lines.join("\n") + "\n").expect("a directory of ours");
    let mut command = Command::new("dnsmasq");
    // It would become a user that the namespace may not know.
    command.arg(format!("--conf-file={}", file.display())).args([
        "--user=root",
        "--group=root",
        "--log-facility=-",
    ]);
    let mut process = Process::spawn("dnsmasq", &mut command);
    wait_until(&mut process, WITHIN, || {
        // Bound by somebody else: it listens.
        match std::net::UdpSocket::bind(NAME_SERVER) {
            Ok(_) => Err("nothing has its port".to_owned()),
            Err(_) => Ok(()),
        }
    });
    process
}

const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
dns = ["127.0.0.1:5353"]
[media]
listen = "127.0.0.1"
kernel = "off"
[log]
level = "info"
[[trunk]]
name = "callers"
peer = "udp:127.0.0.1:5080"
allow_from = ["127.0.0.1/32"]
[[trunk]]
name = "carrier"
peer = "sip:carrier.test"
[[route]]
from = "trunk:callers"
match = ".*"
to = "trunk:carrier"
"#;

const FIRST: [&str; 8] = [
    "naptr-record=carrier.test,10,10,S,SIP+D2U,,_sip._udp.carrier.test",
    "srv-host=_sip._udp.carrier.test,one.carrier.test,5071,10,60",
    "srv-host=_sip._udp.carrier.test,two.carrier.test,5072,10,30",
    "srv-host=_sip._udp.carrier.test,three.carrier.test,5073,10,10",
    "srv-host=_sip._udp.carrier.test,four.carrier.test,5074,20,100",
    "host-record=one.carrier.test,127.0.0.1",
    "host-record=two.carrier.test,three.carrier.test,127.0.0.1",
    "host-record=four.carrier.test,127.0.0.1",
];

const SECOND: [&str; 3] = [
    "naptr-record=carrier.test,10,10,S,SIP+D2U,,_sip._udp.carrier.test",
    "srv-host=_sip._udp.carrier.test,four.carrier.test,5074,10,1",
    "host-record=four.carrier.test,127.0.0.1",
];

const NAME_SERVER: &str = "127.0.0.1:5353";

/// How long an answer of the name server holds.
const TTL: Duration = Duration::from_secs(2);

const WITHIN: Duration = Duration::from_secs(20);
