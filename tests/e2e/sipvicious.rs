//! What sipvicious, the tool that strangers scan with, makes of the daemon: case 14 of SECURITY.md.

use std::process::Command;
use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::process::Process;

/// It asks for lines that are there and for lines that are not, by each method that it knows, and tells none apart.
#[test]
fn case_14_svwar() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        for method in ["REGISTER", "INVITE", "OPTIONS"] {
            for force in [&[][..], &["--force"]] {
                let arguments = [&["-b", "127.0.0.9", "-e", "1000-1010", "-m", method, SIP], force].concat();
                let said = run("svwar", &arguments);
                assert!(said.contains("found nothing") && !said.contains("exists"), "{method}: {said}");
            }
        }
        daemon.expect_nothing_left();
    });
}

/// Runs it to its end: all that it said.
fn run(program: &str, arguments: &[&str]) -> String {
    let mut scanner = Process::spawn(program, Command::new(program).args(arguments));
    scanner.wait_exit(Duration::from_secs(120));
    scanner.seen().collect::<Vec<_>>().join("\n")
}

const SIP: &str = "127.0.0.1";
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
[[app]]
name = "owner"
token = "a-token-for-the-owner"
lines = ["*"]
[[line]]
address = "1001"
password = "correct horse battery"
digest = ["MD5"]
[[line]]
address = "1002"
password = "correct horse battery"
"#;
