//! What sipvicious, the tool that strangers scan with, makes of the daemon: cases 14 and 15 of SECURITY.md.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::daemon::{Daemon, Directory};
use crate::network::alone;
use crate::process::Process;
use crate::sipp::register;

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

/// It sees that SIP is spoken, which nothing that takes calls can hide, and not by what.
#[test]
fn case_14_svmap() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        for method in ["OPTIONS", "REGISTER", "INVITE"] {
            let said = run("svmap", &["-b", "127.0.0.9", "-m", method, SIP]);
            let found = said.lines().find(|line| line.contains("127.0.0.1:5060"));
            assert!(found.is_some_and(|line| line.contains("unknown")), "{method}: {said}");
            assert!(!said.to_lowercase().contains("trunkline"), "{method}: {said}");
        }
        daemon.expect_nothing_left();
    });
}

/// Ten guesses are checked, and the password is not found among those that follow. The owner comes in meanwhile.
#[test]
fn case_15_svcrack() {
    alone(|| {
        let directory = Directory::create();
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let words = directory.path().join("words");
        let guesses = |count: usize| (0..count).map(|number| format!("guess{number}\n")).collect::<String>();
        let crack = |text: String| {
            fs::write(&words, text).expect("a directory of ours");
            let words = words.to_str().expect("paths here are UTF-8");
            run("svcrack", &["-b", "127.0.0.9", "-u", "1001", "-d", words, SIP])
        };
        let said = crack(format!("{}{WORD}\n{}", guesses(30), guesses(30)));
        assert!(!said.contains(WORD), "{said}");
        let refused = daemon.metric("trunkline_refused_total");
        assert!(refused >= 30.0, "{refused}");
        // From there it is not found on its own either.
        let said = crack(format!("{WORD}\n"));
        assert!(!said.contains(WORD), "{said}");

        // The owner is not locked out.
        register(directory.path(), "1001", WORD, "5091");
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
/// The password of a line, one that a list of words has.
const WORD: &str = "sunflower7";
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
password = "sunflower7"
digest = ["MD5"]
[[line]]
address = "1002"
password = "correct horse battery"
"#;
