//! Provisional responses that are acknowledged (RFC 3262), with SIPp on both sides.

use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::sipp::{Sipp, scenario};

/// The caller requires them, the callee uses them because they are listed. The answer comes in the 183, and in nothing else.
#[test]
fn a_call_whose_answer_comes_in_a_183() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let path = directory.path();
        let uas = scenario(path, "reliable_uas.xml", &[]);
        let callee = Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sf", &uas]);
        let uac = scenario(path, "reliable_uac.xml", &[]);
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
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
reliable = "supported"
[[route]]
from = "trunk:sipp"
match = "^2\\d\\d$"
to = "trunk:sipp"
"#;
