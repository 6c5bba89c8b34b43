//! A phone shows whether a colleague can be reached, by what the colleague's phone does and by what it says of him.

use std::time::Duration;

use crate::baresip::Baresip;
use crate::daemon::{Daemon, Directory};
use crate::network::{alone, daemon_address};

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

const PASSWORD: &str = "correct-horse-battery";
const SHOWN_WITHIN: Duration = Duration::from_secs(25);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
"#;
