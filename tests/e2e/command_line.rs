//! What a newcomer types first.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::daemon::{Directory, executable};
use crate::network::alone;
use crate::process::{Process, Stream};

/// No configuration anywhere: lines 1001 to 1004 with passwords of their own, shown at the first start alone.
#[test]
fn a_fresh_start() {
    alone(|| {
        let directory = Directory::create();
        let serve = || {
            let mut command = Command::new(executable());
            command.current_dir(directory.path()).args(["serve", "--state-dir", "state"]);
            let mut process = Process::spawn("trunkline", &mut command);
            process.wait_for(Duration::from_secs(20), |stream, line| {
                stream == Stream::Stdout && line == "ready"
            });
            process
        };
        let mut first = serve();
        let passwords: Vec<String> =
            ["1001", "1002", "1003", "1004"].iter().map(|line| password(&first, line)).collect();
        for (n, password) in passwords.iter().enumerate() {
            assert!(password.len() >= 8, "{password:?} is no password");
            assert!(!passwords[..n].contains(password), "a password twice: {passwords:?}");
        }
        first.signal("TERM");
        let status = first.wait_exit(Duration::from_secs(10));
        assert!(status.success(), "SIGTERM drains, then ends well: {status}");
        assert_eq!(ready(), (Some(1), String::new()), "nobody is there");
        let mut second = serve();
        assert_eq!(ready(), (Some(0), "ready\n".to_owned()));
        assert!(!second.seen().any(|line| line.contains(&passwords[0])), "passwords are shown once");
        second.kill();
    });
}

#[test]
fn demo() {
    alone(|| {
        let directory = Directory::create();
        let started = Instant::now();
        let output =
            Command::new(executable()).arg("demo").current_dir(directory.path()).output().expect("it starts");
        let took = started.elapsed();
        let (ladder, log) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}\n{ladder}\n{log}", output.status);
        for message in ["REGISTER", "401", "INVITE", "180", "200", "ACK", "REFER", "202", "NOTIFY", "BYE"] {
            assert!(ladder.contains(message), "the ladder lacks {message}:\n{ladder}");
        }
        for act in
            ["1001 hears", "1002 and 1003 talk on", "1003 hears", "held, consulted, transferred, hung up"]
        {
            assert!(ladder.contains(act), "{act} is missing:\n{ladder}");
        }
        eprintln!("command_line: demo took {:.1} s", took.as_secs_f64());
        assert!(took < Duration::from_secs(30), "{took:?}");
    });
}

#[test]
fn check_says_what_is_wrong_and_where() {
    let directory = Directory::create();
    let check = |text: &str| {
        fs::write(directory.path().join("trunkline.toml"), text).expect("a directory of ours");
        let mut command = Command::new(executable());
        command.current_dir(directory.path()).args(["check", "--config", "trunkline.toml"]);
        let output = command.output().expect("it starts");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let (code, text) = check("[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\nlissten = 1\n");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("trunkline.toml:3") && text.contains("lissten"), "{text}");
    let (code, text) = check("[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n");
    assert_eq!(code, Some(0), "{text}");
}

/// What `ctl ready` says, without a token.
fn ready() -> (Option<i32>, String) {
    let output = Command::new(executable()).args(["ctl", "ready"]).output().expect("it starts");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The password in the row of this line: `SERVER   1001   PASSWORD`.
fn password(process: &Process, line: &str) -> String {
    let row = process.seen().find_map(|row| {
        let words: Vec<&str> = row.split_whitespace().collect();
        let user = words.iter().position(|&word| word == line)?;
        words.get(user + 1).map(|&word| word.to_owned())
    });
    row.unwrap_or_else(|| panic!("no row for {line} in the table"))
}
