//! Sections of a description beside audio: video, real-time text and fax, with SIPp on both sides.

use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::sipp::{Sipp, scenario};

/// Video and text are refused where they stand, and the call is one of audio. A re-INVITE that would turn it into fax (T.38) is
/// refused, and the caller goes on in audio, as gateways do then.
#[test]
fn what_is_no_audio_is_refused_and_the_call_goes_on() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let path = directory.path();
        let callee = Sipp::callee(path, "callee", "127.0.0.1:5070", &["-sn", "uas"]);
        let uac = scenario(path, "sections.xml", &[]);
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
[[route]]
from = "trunk:sipp"
match = "^2\\d\\d$"
to = "trunk:sipp"
"#;
