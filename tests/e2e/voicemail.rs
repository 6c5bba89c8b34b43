//! A desk phone that refuses a call, and a system behind a trunk that keeps the message: SIPp looks for the mailbox in what it is sent.

use std::time::Duration;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::network::{alone, daemon_address};
use crate::sipp::{Sipp, scenario};

#[test]
fn baresip_leaves_and_hears_a_message() {
    alone(|| {
        let directory = Directory::create();
        let path = directory.path();
        let mut daemon = Daemon::start(path, CONFIG);
        let start = |phone, line| Baresip::start(path, phone, line, PASSWORD, "", Answer::Manual);
        let (mut caller, mut called) = (start(1, "1001"), start(2, "1002"));
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        let left = "^INVITE sip:.97@127.0.0.1;target=sip:1002%40[^;]*;cause=486 SIP.*\
                    Diversion: [^;]*&lt;sip:1002@[^>]*>;reason=user-busy";
        let heard = "^INVITE sip:.97@127.0.0.1 SIP";
        for (name, dialled, wanted) in [("left", "1002", left), ("heard", "1001", heard)] {
            let mailbox = scenario(path, "wanted.xml", &[("WANTED", wanted)]);
            let keeper = Sipp::callee(path, name, "127.0.0.1:5070", &["-m", "1", "-sf", &mailbox]);
            caller.command("dial", &format!("sip:{dialled}@{}", daemon_address(1)));
            if dialled == "1002" {
                called.expect("CALL_INCOMING", WITHIN);
                called.command("hangup", "");
            }
            caller.expect("CALL_ESTABLISHED", WITHIN);
            caller.command("hangup", "");
            let counted = keeper.finish(WITHIN);
            assert_eq!((counted.successful(), counted.failed()), (1, 0), "{name}");
        }
        caller.quit();
        called.quit();
        daemon.expect_nothing_left();
    });
}

const PASSWORD: &str = "correct-horse-battery";
const WITHIN: Duration = Duration::from_secs(15);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[voicemail]
trunk = "mail"
number = "*97"
deposit = "*97"
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
[[trunk]]
name = "mail"
peer = "udp:127.0.0.1:5070"
"#;
