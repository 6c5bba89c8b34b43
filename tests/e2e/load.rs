//! Stock SIPp scenarios through the daemon: every call goes well, none leaves anything behind.

use std::path::Path;
use std::time::Duration;

use crate::capture::Capture;
use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::sipp::{Counted, Sipp};

#[test]
fn udp() {
    alone(|| {
        let calls = sample(2_000, 10_000);
        through_daemon("udp", &["-sn", "uac", "-d", "0"], &["-sn", "uas"], calls, 200);
    });
}

#[test]
fn tcp() {
    alone(|| {
        let calls = sample(2_000, 10_000);
        let counted = through_daemon(
            "tcp",
            &["-sn", "uac", "-d", "0", "-t", "t1"],
            &["-sn", "uas", "-t", "t1"],
            calls,
            200,
        );
        assert_eq!(counted.retransmissions(), 0, "TCP carries, SIP does not repeat (RFC 3261 §17.1.1.2)");
    });
}

#[test]
fn calls_of_a_second() {
    alone(|| {
        let calls = sample(2_000, 10_000);
        through_daemon("udp", &["-sn", "uac", "-d", "1000"], &["-sn", "uas"], calls, 200);
    });
}

/// The stock scenario plays eight seconds of audio and a digit, each call from a port of its own; the callee sends all
/// of it back. What passes is seen on the wire: from the caller to the relay and from the relay to the callee, and the
/// way back.
#[test]
fn audio_through_the_relay() {
    alone(|| {
        let directory = Directory::create();
        let relay = Capture::start(directory.path(), "lo", "udp portrange 20000-29999");
        let calls = sample(40, 1_000);
        let rate = sample(5, 20);
        run(
            directory.path(),
            "udp",
            &["-sn", "uac_pcap"],
            &["-sn", "uas", "-rtp_echo", "-mp", "7000"],
            calls,
            rate,
        );
        let packets = relay.finish();
        let relays = |port: u16| (20_000..30_000).contains(&port);
        let between = |from: &dyn Fn(u16) -> bool, to: &dyn Fn(u16) -> bool| {
            let rtp = packets.iter().filter(|packet| packet.rtp_payload_type().is_some());
            rtp.filter(|packet| from(packet.source.1) && to(packet.destination.1)).count() as u64
        };
        let (callee, caller) = (|port| port == 7000, |port: u16| !relays(port) && port != 7000);
        let counts = [
            between(&caller, &relays),
            between(&relays, &callee),
            between(&callee, &relays),
            between(&relays, &caller),
        ];
        eprintln!("load: RTP packets caller → relay → callee → relay → caller: {counts:?}");
        assert!(counts[0] >= 200 * calls, "a call has some 246 packets: {counts:?}");
        // A packet that arrives before the answer has nowhere to go, and the last echo may meet a call that has ended.
        assert!(
            counts[1..].iter().all(|&count| count * 100 >= counts[0] * 97),
            "lost on the way: {counts:?}"
        );
        assert_eq!(between(&caller, &callee), 0, "audio passes the relay, not beside it");
    });
}

/// The stock scenario reads an address out of the answer, writes it into a header of its own in the ACK, and checks
/// Contact and o= by regular expressions.
#[test]
fn headers_read_by_regular_expressions() {
    alone(|| {
        let calls = sample(200, 10_000);
        through_daemon("udp", &["-sn", "regexp"], &["-sn", "uas"], calls, 100);
    });
}

/// The stock scenario registers at a domain that the daemon does not serve, without a password, then calls with the
/// same Call-ID and CSeq and another From tag.
#[test]
fn branches_of_one_call_id() {
    alone(|| {
        let calls = sample(100, 1_000);
        through_daemon("udp", &["-sn", "branchc"], &["-sn", "uas"], calls, 50);
    });
}

/// The least that stock SIPp needs: one trunk for the caller's address and the callee's, one route for everything.
fn config(transport: &str) -> String {
    format!(
        r#"
[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
ports = "20000-29999"
[[trunk]]
name = "sipp"
peer = "{transport}:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
max_calls = 5000
[[route]]
from = "any"
match = ".*"
to = "trunk:sipp"
"#
    )
}

fn through_daemon(transport: &str, caller: &[&str], callee: &[&str], calls: u64, rate: u64) -> Counted {
    let directory = Directory::create();
    run(directory.path(), transport, caller, callee, calls, rate)
}

fn run(
    directory: &Path,
    transport: &str,
    caller: &[&str],
    callee: &[&str],
    calls: u64,
    rate: u64,
) -> Counted {
    let mut daemon = Daemon::start(directory, &config(transport));
    let callee = Sipp::callee(directory, "uas", "127.0.0.1:5070", callee);
    let (count, rate_text) = (calls.to_string(), rate.to_string());
    let mut arguments =
        vec!["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080", "-m", &count, "-r", &rate_text];
    arguments.extend(caller);
    let counted =
        Sipp::start(directory, "uac", &arguments).finish(Duration::from_secs(60 + 2 * calls / rate));
    let answered = callee.close();
    eprintln!(
        "load: {} of {calls} calls at {rate}/s, {} failed, {} unexpected, {} retransmissions by the caller, {} by the callee",
        counted.successful(),
        counted.failed() + answered.failed(),
        counted.unexpected() + answered.unexpected(),
        counted.retransmissions(),
        answered.retransmissions()
    );
    assert_eq!((counted.successful(), counted.failed()), (calls, 0), "the caller's calls");
    assert_eq!((answered.successful(), answered.failed()), (calls, 0), "the callee's calls");
    // On a machine shared with SIPp and others a timer of 500 ms may fire before its answer is read. The answer to what
    // was sent twice then comes to a call that is over, which SIPp counts as unexpected; nothing else may be.
    let repeated = counted.retransmissions() + answered.retransmissions();
    let unexpected = counted.unexpected() + answered.unexpected();
    assert!(unexpected <= repeated, "{unexpected} unexpected messages, {repeated} retransmissions");
    assert!(repeated * 20 <= calls, "{repeated} retransmissions in {calls} calls");
    daemon.expect_nothing_left();
    counted
}

/// The size of a test: a sample, or all of it with TRUNKLINE_FULL=1.
pub(crate) fn sample(sample: u64, full: u64) -> u64 {
    if std::env::var_os("TRUNKLINE_FULL").is_some_and(|value| value == "1") { full } else { sample }
}
