//! Attack cases of SECURITY.md for which the wire, the clock or the log counts: raw sockets against the real daemon.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use trunkline_sip::auth::{ClientAuth, Credentials};
use trunkline_sip::message::{Framing, HeaderName, Limits, Message};

use crate::daemon::{Daemon, Directory};
use crate::http;
use crate::network::alone;

/// Whether a line exists is not told by how long the answer takes, neither to a question nor to a guess.
#[test]
fn case_14_enumeration_by_timing() {
    alone(|| {
        let (_directory, mut daemon) = start("info");
        let users = ["1001", "9999"];
        let mut asking = [Vec::new(), Vec::new()];
        let mut guessing = [Vec::new(), Vec::new()];
        for round in 0..200_u32 {
            // A source may guess ten times a minute.
            let mallory = Mallory::at(&format!("127.0.{}.9:5999", 2 + round / 4));
            for (place, user) in users.iter().enumerate() {
                let (challenge, time) = mallory.registers(user, &format!("{round}a"), "");
                assert_eq!(challenge.status(), 401);
                asking[place].push(time);
                let authorization = authorization(&challenge, user, "guess");
                let (refused, time) = mallory.registers(user, &format!("{round}b"), &authorization);
                assert_eq!(refused.status(), 403);
                guessing[place].push(time);
            }
        }
        for (what, [known, unknown]) in [("asking", &mut asking), ("guessing", &mut guessing)] {
            let difference = median(known).abs_diff(median(unknown));
            assert!(difference < Duration::from_micros(500), "{what} tells them apart by {difference:?}");
        }
        daemon.expect_nothing_left();
    });
}

/// A connection from elsewhere is not the trunk's, whatever its messages say; nor is a datagram.
#[test]
fn case_19_trunk_spoofing() {
    alone(|| {
        let (_directory, mut daemon) = start("info");
        let invite = |via: &str| {
            format!(
                "INVITE sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{via} 127.0.0.5:5070;branch=z9hG4bK{via};received=127.0.0.5\r\n\
                 Max-Forwards: 70\r\nRoute: <sip:127.0.0.5;lr>\r\nFrom: <sip:trunk@127.0.0.5>;tag=1\r\nTo: <sip:1001@127.0.0.1>\r\n\
                 Call-ID: {via}@127.0.0.5\r\nCSeq: 1 INVITE\r\nContact: <sip:trunk@127.0.0.5:5070>\r\n\
                 P-Asserted-Identity: <sip:trunk@127.0.0.5>\r\nContent-Length: 0\r\n\r\n"
            )
        };
        let mut stream = TcpStream::connect(SIP).expect("the daemon listens");
        stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("a timeout can be set");
        stream.write_all(invite("TCP").as_bytes()).expect("the daemon reads");
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).expect("an answer");
        assert!(answer[..length].starts_with(b"SIP/2.0 401 "), "{}", answer[..length].escape_ascii());

        let mallory = Mallory::at("127.0.0.9:5070");
        let trunk = Mallory::at("127.0.0.5:5070");
        mallory.socket.send_to(invite("UDP").as_bytes(), SIP).expect("the loopback carries");
        assert_eq!(mallory.hears().status(), 401);
        trunk.hears_nothing();
        drop(stream);
        daemon.expect_nothing_left();
    });
}

/// Streams that announce, or begin, more than anybody may say are closed; nothing is kept for them.
#[test]
fn case_28_oversize_streams() {
    alone(|| {
        let (_directory, mut daemon) = start("info");
        let before = daemon.resident_bytes();
        let head = "INVITE sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.9;branch=z9hG4bK1\r\n";
        let long_line = format!("X: {}\r\n", "x".repeat(1_000));
        let cases = [
            format!("{head}Content-Length: 2000000000\r\n\r\n"),
            format!("{head}Content-Length: -1\r\n\r\n"),
            format!("{head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            format!("{head}\r\n"),
            format!("{head}{}", long_line.repeat(1_000)),
            "x".repeat(1_000_000),
        ];
        for case in cases.iter().cycle().take(120) {
            let mut stream = TcpStream::connect(SIP).expect("the daemon listens");
            stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("a timeout can be set");
            // The daemon may have closed while this is written.
            drop(stream.write_all(case.as_bytes()));
            let mut rest = Vec::new();
            let began = Instant::now();
            drop(stream.read_to_end(&mut rest));
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "closed at once: {}",
                &case[..80.min(case.len())]
            );
            let is_answered = rest.is_empty() || rest.starts_with(b"SIP/2.0 4");
            assert!(is_answered, "{}", rest.escape_ascii());
        }
        let grown = daemon.resident_bytes().saturating_sub(before);
        assert!(grown < 32 << 20, "{grown} bytes more");
        daemon.expect_nothing_left();
    });
}

/// What strangers write is shown in the log as text, one short line each; what is secret is not shown at all, at no level. The
/// lines that fail2ban reads have their fixed form.
#[test]
fn case_35_log_injection_and_secrets() {
    alone(|| {
        let (_directory, mut daemon) = start("trace");
        let mallory = Mallory::at("127.0.0.9:5999");
        let mut secrets = vec![PASSWORD.to_owned(), OWNER.to_owned(), "a-wrong-token".to_owned()];
        for (number, user) in HOSTILE_NAMES.iter().enumerate() {
            let (challenge, _) =
                mallory.registers(user, &format!("{number}c"), "User-Agent: \u{1b}[31mred\u{202e}\r\n");
            if challenge.status() == 401 {
                let authorization = authorization(&challenge, "x\" source=127.0.0.1 \u{202e}", "guess");
                secrets.push(response_of(&authorization));
                mallory.registers(user, &format!("{number}d"), &authorization);
            }
        }
        let phone = Mallory::at("127.0.0.10:5999");
        let (challenge, _) = phone.registers("1001", "good", "");
        let right = authorization(&challenge, "1001", PASSWORD);
        secrets.push(response_of(&right));
        assert_eq!(phone.registers("1001", "good2", &right).0.status(), 200);
        let long = format!("User-Agent: {}\r\n", "\u{1b}".repeat(7_000));
        phone.registers("1001", "long", &long);
        assert_eq!(http::get("/v1/lines", Some("a-wrong-token")).status, 401);
        assert_eq!(http::get("/v1/lines", Some(OWNER)).status, 200);
        daemon.process.runs_for(Duration::from_secs(1));

        let lines: Vec<String> = daemon.process.seen().map(str::to_owned).collect();
        for line in &lines {
            assert!(line.len() <= 4_096, "a line of {} bytes", line.len());
            assert!(
                !line.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)),
                "{line:?}"
            );
            for secret in &secrets {
                assert!(!line.contains(secret.as_str()), "{line}");
            }
        }
        let refused = |source: &str, rest: &str| {
            let start = format!("WARN trunkline::refused: refused source={source} method={rest}");
            lines
                .iter()
                .filter(|line| {
                    line.split_once(' ').is_some_and(|(_, rest)| rest.trim_start().starts_with(&start))
                })
                .count()
        };
        assert!(refused("127.0.0.9", "\"REGISTER\" user=\"") >= 3, "{lines:#?}");
        assert_eq!(refused("127.0.0.1", "\"HTTP\" user=\"\" status=401"), 1, "{lines:#?}");
        assert_eq!(refused("127.0.0.1", "\"REGISTER\""), 0, "nobody is accused by a name");
        daemon.expect_nothing_left();
    });
}

/// The filter of SECURITY.md finds each line that says who was refused, whoever it was and whatever he called himself, and
/// nothing else of a log.
#[test]
fn case_15_fail2ban() {
    alone(|| {
        let (directory, mut daemon) = start("debug");
        for host in ["127.0.0.9", "127.0.0.11"] {
            let mallory = Mallory::at(&format!("{host}:5999"));
            for (number, user) in HOSTILE_NAMES.iter().enumerate() {
                let (challenge, _) = mallory.registers(user, &format!("{number}{host}a"), "");
                if challenge.status() == 401 {
                    let authorization = authorization(&challenge, user, "guess");
                    mallory.registers(user, &format!("{number}{host}b"), &authorization);
                }
            }
        }
        let phone = Mallory::at("127.0.0.10:5999");
        let (challenge, _) = phone.registers("1001", "good", "");
        let right = authorization(&challenge, "1001", PASSWORD);
        assert_eq!(phone.registers("1001", "good2", &right).0.status(), 200);
        assert_eq!(http::get("/v1/lines", Some("a-wrong-token")).status, 401);
        daemon.process.runs_for(Duration::from_secs(1));

        let refused = "WARN trunkline::refused: refused source=";
        let lines: Vec<String> = daemon.process.seen().map(str::to_owned).collect();
        let told: Vec<&str> =
            lines.iter().filter_map(|line| line.split_once(refused)?.1.split(' ').next()).collect();
        assert!(told.len() >= 7 && told.contains(&"127.0.0.1"), "{told:?}");
        assert!(lines.len() > told.len(), "there are other lines");

        let (log, filters) = (directory.path().join("log"), directory.path().join("filter.d"));
        fs::write(&log, lines.join("\n") + "\n").expect("a directory of ours");
        fs::create_dir(&filters).expect("a directory of ours");
        let root = PathBuf::from(env::var_os("TRUNKLINE_FAIL2BAN").unwrap_or_else(|| "/".into()));
        let common = root.join("etc/fail2ban/filter.d/common.conf");
        std::os::unix::fs::symlink(common, filters.join("common.conf")).expect("a directory of ours");
        let filter = filters.join("trunkline.conf");
        fs::write(&filter, documented_filter()).expect("a directory of ours");
        let mut read = Command::new(root.join("usr/bin/fail2ban-regex"));
        read.args(["-o", "ip"]).args([&log, &filter]);
        let read = read.env("PYTHONPATH", root.join("usr/lib/python3/dist-packages")).output();
        let read = read.expect("fail2ban is installed");
        let found = String::from_utf8_lossy(&read.stdout);
        assert_eq!(found.lines().collect::<Vec<_>>(), told, "{}", String::from_utf8_lossy(&read.stderr));
        daemon.expect_nothing_left();
    });
}

/// The filter for fail2ban as SECURITY.md has it.
fn documented_filter() -> String {
    let text = include_str!("../../SECURITY.md");
    let (_, filter) = text.split_once("# /etc/fail2ban/filter.d/trunkline.conf\n").expect("it is documented");
    filter.split("\n\n").next().expect("it ends").to_owned()
}

/// Names that would end a line, colour it, or accuse somebody else.
const HOSTILE_NAMES: [&str; 6] = [
    "1001%0d%0a2026-01-01T00:00:00Z%20%20WARN%20trunkline::refused:%20refused%20source=127.0.0.1",
    "%1b[2J%1b]0;owned%07",
    "%e2%80%ae1001",
    "a%22%20source=127.0.0.1%20method=%22REGISTER",
    "%00%00",
    "1001",
];

/// Somebody with a socket.
struct Mallory {
    socket: UdpSocket,
    address: String,
}

impl Mallory {
    fn at(address: &str) -> Self {
        let socket = UdpSocket::bind(address).expect("an address of ours");
        socket.set_read_timeout(Some(ANSWER_WITHIN)).expect("a timeout can be set");
        Self { socket, address: address.to_owned() }
    }

    /// Registers as this user; the answer, and how long it took.
    fn registers(&self, user: &str, call: &str, headers: &str) -> (Message, Duration) {
        let address = &self.address;
        let request = format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{call}\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@127.0.0.1>;tag=m\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: {call}\r\nCSeq: 1 REGISTER\r\n\
             Contact: <sip:m@{address}>\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        let began = Instant::now();
        self.socket.send_to(request.as_bytes(), SIP).expect("the loopback carries");
        (self.hears(), began.elapsed())
    }

    fn hears(&self) -> Message {
        let mut buffer = [0; 65_536];
        let length = self.socket.recv(&mut buffer).expect("an answer");
        Message::scan(buffer[..length].to_vec().into(), Framing::Datagram, &Limits::DEFAULT)
            .expect("it is SIP")
    }

    fn hears_nothing(&self) {
        self.socket.set_nonblocking(true).expect("a socket of ours");
        assert!(self.socket.recv(&mut [0; 8]).is_err(), "something came to {}", self.address);
    }
}

/// The header line that answers a challenge to REGISTER.
fn authorization(challenge: &Message, user: &str, password: &str) -> String {
    let credentials = Credentials { username: user.into(), password: password.into(), realm: None };
    let challenges = challenge.lines(HeaderName::WwwAuthenticate);
    let mut auth = ClientAuth::new(Arc::new(credentials));
    let answer = auth.answer(401, challenges, "REGISTER", "sip:127.0.0.1", "cnonce");
    format!("Authorization: {}\r\n", answer.expect("the challenge can be answered").1)
}

/// The hash in such a line.
fn response_of(authorization: &str) -> String {
    let (_, rest) = authorization.split_once("response=\"").expect("a response");
    rest.split('"').next().expect("a value").to_owned()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn start(level: &str) -> (Directory, Daemon) {
    let directory = Directory::create();
    let daemon = Daemon::start(directory.path(), &CONFIG.replace("{level}", level));
    (directory, daemon)
}

const SIP: &str = "127.0.0.1:5060";
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const OWNER: &str = "a-token-for-the-owner";
const PASSWORD: &str = "correct horse battery";
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
[log]
level = "{level}"
[[app]]
name = "owner"
token = "a-token-for-the-owner"
lines = ["*"]
[[line]]
address = "1001"
password = "correct horse battery"
[[trunk]]
name = "trunk"
peer = "udp:127.0.0.5:5070"
allow_from = ["127.0.0.5/32"]
[[route]]
from = "trunk:trunk"
match = "^1\\d\\d\\d$"
to = "line"
"#;
