//! A text from SIPp to a real phone: it is answered what the phone answers.

use std::time::Duration;

use crate::baresip::{Answer, Baresip};
use crate::daemon::{Daemon, Directory};
use crate::network::{alone, daemon_address};
use crate::sipp::{Sipp, scenario};

#[test]
fn baresip_takes_a_text() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let phone = Baresip::start(directory.path(), 1, "1002", PASSWORD, "", Answer::Manual);
        daemon.expect_metric("trunkline_registrations", 1.0, WITHIN);
        let host = daemon_address(1).to_string();
        for (name, to, status) in
            [("taken", "1002", "200"), ("nobody", "1001", "480"), ("unknown", "4711", "404")]
        {
            let file = scenario(directory.path(), "text.xml", &[("LINE", "1001"), ("STATUS", status)]);
            let arguments = [
                &[host.as_str(), "-i", &host, "-p", "5090", "-sf", &file, "-s", to, "-m", "1"][..],
                &["-au", "1001", "-ap", PASSWORD],
            ];
            let counted = Sipp::start(directory.path(), name, &arguments.concat()).finish(WITHIN);
            assert_eq!((counted.successful(), counted.failed()), (1, 0), "{name}");
        }
        phone.quit();
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
digest = ["MD5"]
[[line]]
address = "1002"
password = "correct-horse-battery"
"#;
