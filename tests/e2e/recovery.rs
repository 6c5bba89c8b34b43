//! The daemon is killed, or leaves its calls to the next process, in the middle of calls and is started again.

use std::time::Duration;

use crate::capture::{Capture, since_epoch};
use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::sipp::Sipp;

const CALLS: u64 = 20;

#[test]
fn calls_with_audio_go_on_after_a_power_cut() {
    alone(|| {
        go_on_after(|daemon| {
            // What is newer than a second may be missing.
            daemon.process.runs_for(Duration::from_millis(1_500));
            daemon.power_cut();
        });
    });
}

/// As a service is restarted, and so by an upgrade of the package.
#[test]
fn calls_with_audio_go_on_in_the_next_process() {
    alone(|| {
        go_on_after(|daemon| {
            // What is newer than half a second is not kept.
            daemon.process.runs_for(Duration::from_millis(700));
            daemon.process.signal("USR1");
            assert!(daemon.process.wait_exit(Duration::from_secs(25)).success());
            daemon.start_again();
        });
    });
}

/// The stock scenario plays eight seconds of audio, the callee sends all of it back; the caller hangs up after the interruption.
fn go_on_after(interrupt: impl FnOnce(&mut Daemon)) {
    let directory = Directory::create();
    let path = directory.path();
    let mut daemon = Daemon::start(path, CONFIG);
    let callee = Sipp::callee(path, "uas", "127.0.0.1:5070", &["-sn", "uas", "-rtp_echo", "-mp", "7000"]);
    let relay = Capture::start(path, "lo", "udp portrange 20000-29999");
    let count = CALLS.to_string();
    let caller = Sipp::start(
        path,
        "uac",
        &["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080", "-m", &count, "-r", "40", "-sn", "uac_pcap"],
    );
    // A call on the trunk for each side.
    let calls = 2.0 * CALLS as f64;
    daemon.expect_metric("trunkline_calls", calls, Duration::from_secs(5));
    interrupt(&mut daemon);
    daemon.expect_metric("trunkline_calls", calls, Duration::from_secs(4));
    let back = since_epoch() + Duration::from_millis(500);

    let counted = caller.finish(Duration::from_secs(30));
    assert_eq!((counted.successful(), counted.failed()), (CALLS, 0), "the caller's calls");
    let counted = callee.close();
    assert_eq!((counted.successful(), counted.failed()), (CALLS, 0), "the callee's calls");

    let packets = relay.finish();
    let relays = |port: u16| (20_000..30_000).contains(&port);
    let later = || packets.iter().filter(|packet| packet.at > back && packet.rtp_payload_type().is_some());
    let between = |from: &dyn Fn(u16) -> bool, to: &dyn Fn(u16) -> bool| {
        later().filter(|packet| from(packet.source.1) && to(packet.destination.1)).count() as u64
    };
    let (callee, caller) = (|port| port == 7000, |port: u16| !relays(port) && port != 7000);
    let ways = [
        between(&caller, &relays),
        between(&relays, &callee),
        between(&callee, &relays),
        between(&relays, &caller),
    ];
    // Of eight seconds some are left, and what is said in them is heard.
    assert!(ways[0] >= 50 * CALLS, "packets afterwards: {ways:?}");
    assert!(ways[1..].iter().all(|&count| count * 100 >= ways[0] * 95), "lost on the way: {ways:?}");
    daemon.expect_nothing_left();
}

const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
ports = "20000-29999"
kernel = "off"
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
max_calls = 1000
[[route]]
from = "any"
match = ".*"
to = "trunk:sipp"
"#;
