//! Session timers (RFC 4028) in both roles, with SIPp on both sides.

use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::sipp::{Sipp, scenario};

/// The caller asks for too little and hears how much it must be (422), then refreshes its session; the callee asks for more than it is
/// offered, and is offered that.
#[test]
fn both_ends_hear_422() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let path = directory.path();
        let uas = scenario(path, "timer_uas.xml", &[]);
        let callee = Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sf", &uas]);
        let uac = scenario(path, "timer_uac.xml", &[]);
        let arguments =
            ["127.0.0.1:5060", "-i", "127.0.0.1", "-p", "5080", "-m", "3", "-s", "200", "-sf", &uac];
        let caller = Sipp::start(path, "caller", &arguments).finish(Duration::from_secs(30));
        for (counted, who) in [(caller, "caller"), (callee.close(), "callee")] {
            assert_eq!((counted.successful(), counted.failed()), (3, 0), "{who}");
        }
        daemon.expect_nothing_left();
    });
}

const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
kernel = "off"
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
[[route]]
from = "trunk:sipp"
match = "^2\\d\\d$"
to = "trunk:sipp"
"#;
