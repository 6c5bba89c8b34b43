//! Where a line is registered (RFC 3680): SIPp as one phone of the line is told of baresip, another one.

use std::time::Duration;

use trunkline_tests::reginfo::judge;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::watching::{Watching, header};

#[test]
fn a_phone_is_told_of_another_phone_of_its_line() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let watching = WATCHING.start(directory.path(), HOST, PASSWORD);
        daemon.expect_metric("trunkline_subscriptions", 1.0, WITHIN);
        let phone = Baresip::start(directory.path(), 1, "1001", PASSWORD, "", Answer::Manual);
        daemon.expect_metric("trunkline_registrations", 1.0, WITHIN);
        // No more than one state is told in a second.
        daemon.process.runs_for(Duration::from_millis(1_500));
        phone.quit();
        let told = WATCHING.told(watching, directory.path(), WITHIN);
        let read = told.iter().map(|(head, body)| {
            assert_eq!(
                (header(head, "Event"), header(head, "Content-Type")),
                ("reg", "application/reginfo+xml")
            );
            judge(body).unwrap_or_else(|fault| panic!("{fault}: {body}"))
        });
        let read: Vec<_> = read.collect();
        let versions: Vec<_> = read.iter().map(|told| told.version).collect();
        assert_eq!(versions, (0..).take(versions.len()).collect::<Vec<_>>());
        assert!(read.iter().all(|told| told.aor == format!("sip:1001@{HOST}")), "{read:?}");
        // Nobody, baresip, nobody: told once why it has gone, and by the refresh and at the end no more.
        let states: Vec<_> = read.iter().map(|told| (&*told.state, told.contacts.len())).collect();
        assert_eq!(states, [("init", 0), ("active", 1), ("terminated", 1), ("init", 0), ("init", 0)]);
        let events: Vec<_> =
            read.iter().flat_map(|told| &told.contacts).map(|contact| &*contact[2]).collect();
        assert_eq!(events, ["registered", "unregistered"]);
        daemon.expect_nothing_left();
    });
}

const WATCHING: Watching = Watching {
    name: "watcher",
    line: "1001",
    to: "1001",
    event: "reg",
    accept: "application/reginfo+xml",
    supported: "replaces",
    begun: "event=.registered",
    over: "event=.unregistered",
    whole: "state=.full",
    port: "5091",
    transport: "u1",
};
/// What baresip speaks to has addresses of its own, once it is there.
const HOST: &str = "127.0.0.1";
const PASSWORD: &str = "correct-horse-battery";
const WITHIN: Duration = Duration::from_secs(20);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[[line]]
address = "1001"
password = "correct-horse-battery"
digest = ["MD5"]
"#;
