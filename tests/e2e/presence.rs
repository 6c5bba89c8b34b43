//! A phone shows whether a colleague can be reached, by what the colleague's phone does and by what it says of him.

use std::time::Duration;

use trunkline_tests::xpidf;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::network::{alone, daemon_address};
use crate::watching::{Watching, header};

/// The subscription outlives a daemon that is killed; what was published does not, and is published again (412).
#[test]
fn baresip_sees_baresip_come_talk_and_leave() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let mut watcher = Baresip::start_with_presence(directory.path(), 1, "1001", PASSWORD, Some("1002"));
        daemon.expect_metric("trunkline_subscriptions", 1.0, SHOWN_WITHIN);
        let mut shows = |status: &str| {
            watcher.process.wait_for(SHOWN_WITHIN, |_, line| {
                let change =
                    line.split_once("changed status from ").and_then(|(_, change)| change.split_once(" to "));
                change.is_some_and(|(_, to)| to.contains(status))
            });
        };
        let mut colleague = Baresip::start_with_presence(directory.path(), 2, "1002", PASSWORD, None);
        shows("Online");
        colleague.command("presence_offline", "");
        shows("Offline");
        colleague.command("presence_online", "");
        shows("Online");
        daemon.process.runs_for(Duration::from_secs(1));
        daemon.power_cut();
        colleague.command("presence_offline", "");
        shows("Offline");
        colleague.command("dial", &format!("sip:1001@{}", daemon_address(2)));
        shows("Busy");
        colleague.command("hangup", "");
        shows("Offline");
        colleague.quit();
        watcher.quit();
        daemon.expect_metric("trunkline_subscriptions", 0.0, SHOWN_WITHIN);
    });
}

/// As phones older than RFC 3863 ask, by SIPp.
#[test]
fn who_reads_no_pidf_sees_baresip_come_and_leave() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let watching = OLDER.start(directory.path(), "127.0.0.1", PASSWORD);
        daemon.expect_metric("trunkline_subscriptions", 1.0, SHOWN_WITHIN);
        let colleague = Baresip::start(directory.path(), 2, "1002", PASSWORD, "", Answer::Manual);
        daemon.expect_metric("trunkline_registrations", 1.0, SHOWN_WITHIN);
        // No more than one state is told in a second.
        daemon.process.runs_for(Duration::from_millis(1_500));
        colleague.quit();
        let told = OLDER.told(watching, directory.path(), SHOWN_WITHIN);
        let states = told.iter().map(|(head, body)| {
            assert_eq!(header(head, "Content-Type"), "application/xpidf+xml");
            xpidf::judge(body).unwrap_or_else(|fault| panic!("{fault}: {body}")).status
        });
        assert_eq!(states.collect::<Vec<_>>(), ["closed", "open", "closed", "closed", "closed"]);
        daemon.expect_metric("trunkline_subscriptions", 0.0, SHOWN_WITHIN);
    });
}

const OLDER: Watching = Watching {
    name: "older",
    line: "1001",
    to: "1002",
    event: "presence",
    accept: "application/xpidf+xml",
    supported: "replaces",
    begun: "status=.open",
    over: "status=.closed",
    whole: "status=.closed",
    port: "5091",
    transport: "u1",
};
const PASSWORD: &str = "correct-horse-battery";
const SHOWN_WITHIN: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[[line]]
address = "1001"
password = "correct-horse-battery"
digest = ["MD5"]
[[line]]
address = "1002"
password = "correct-horse-battery"
"#;
