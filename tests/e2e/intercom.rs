//! Intercom by a feature code: baresip dials it, SIPp is the phone that is asked to answer by itself.

use std::time::Duration;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::network::{alone, daemon_address};
use crate::sipp::{Sipp, register, scenario};

#[test]
fn baresip_speaks_to_a_phone() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let mut caller = Baresip::start(path, 1, "1001", PASSWORD, "", Answer::Manual);
        register(path, "1002", PASSWORD, "5070");
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        let wanted =
            "^INVITE sip:1002@127.0.0.2.*Call-Info: &lt;sip:[^>]*>;answer-after=0.*Answer-Mode: Auto";
        let answers = scenario(path, "wanted.xml", &[("WANTED", wanted)]);
        let phone = Sipp::callee(path, "phone", "127.0.0.2:5070", &["-m", "1", "-sf", &answers]);
        caller.command("dial", &format!("sip:*801002@{}", daemon_address(1)));
        caller.expect("CALL_ESTABLISHED", WITHIN);
        caller.command("hangup", "");
        let counted = phone.finish(WITHIN);
        assert_eq!((counted.successful(), counted.failed()), (1, 0));
        caller.quit();
        daemon.expect_nothing_left();
    });
}

const PASSWORD: &str = "correct-horse-battery";
const WITHIN: Duration = Duration::from_secs(15);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
digest = ["MD5"]
"#;
