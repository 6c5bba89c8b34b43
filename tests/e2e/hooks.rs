//! Webhooks: a receiver that refuses, stalls, hangs up, sends elsewhere and dies is told everything all the same, in order.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, thread};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use socket2::SockRef;

use crate::daemon::{Daemon, Directory};
use crate::http::{self, Events};
use crate::network::alone;
use crate::process::wait_until;
use crate::sipp::{Sipp, register};

/// While SIPp calls twenty times a second, the receiver does all that a receiver can do wrong, and dies at last. Who reads the event stream
/// meanwhile is told the same events.
#[test]
fn every_event_arrives_whatever_the_receiver_does() {
    alone(|| {
        let directory = Directory::create();
        let heard = Heard::default();
        let wrongs = [
            Does::Answer("503 Service Unavailable\r\nRetry-After: 1"),
            Does::Answer("200 OK"),
            Does::Stall,
            Does::Answer("204 No Content"),
            Does::HangUp,
            Does::Answer("202 Accepted"),
            Does::Answer("302 Found\r\nLocation: http://127.0.0.1:9001/"),
            Does::Answer("200 OK"),
            Does::Die,
        ];
        let failing = wrongs.iter().filter(|does| !does.takes()).count() as f64;
        heard.lock().script = wrongs.into();
        listen("127.0.0.1:9000", &heard);
        let mut daemon = Daemon::start(directory.path(), &format!("{CONFIG}{HOOK}"));
        let mut told = Events::open(TOKEN);
        let callee = Sipp::untraced_callee(directory.path(), "uas", "127.0.0.1:5070", &["-sn", "uas"]);
        let caller = "127.0.0.1:5060 -i 127.0.0.1 -p 5080 -m 100 -r 20 -d 300 -sn uac";
        let caller: Vec<_> = caller.split(' ').collect();
        let caller = Sipp::untraced(directory.path(), "uac", &caller);
        wait_until(&mut daemon.process, SOON, || match hook() {
            hook if hook["last_error"]["reason"] == "unreachable" => Ok(()),
            hook => Err(format!("it lives: {hook}")),
        });
        let dead = hook();
        assert_eq!((&dead["state"], dead["next_try"].is_string()), (&json!("failing"), true), "{dead}");
        listen("127.0.0.1:9000", &heard);
        let counted = caller.finish(SOON);
        assert_eq!((counted.successful(), counted.failed()), (100, 0), "calls know nothing of receivers");
        drop(callee);
        register(directory.path(), "1001", PASSWORD, "5091");
        let told = told.until(SOON, |event| event["type"] == "registration");
        let last = seq(told.last().expect("it came"));
        let posts = heard.until(|posts| taken(posts).last().is_some_and(|event| seq(event) >= last));
        let events = taken(&posts);
        assert_eq!(events.len(), told.len(), "each once");
        assert!(events.iter().eq(&told), "in order");
        assert!(posts.iter().all(|post| post.is_signed), "every signature verifies");
        let again = posts.windows(2).filter(|pair| !pair[0].is_taken);
        assert!(
            again.clone().all(|pair| pair[0].same_as(&pair[1])),
            "what is not taken comes again as it was"
        );
        assert!(again.count() >= 4);
        daemon.expect_metric("trunkline_webhook_events_behind", 0.0, SOON);
        let (failed, delivered) = (
            daemon.metric("trunkline_webhook_tries_failed_total"),
            daemon.metric("trunkline_webhook_events_delivered_total"),
        );
        assert!(failed >= failing, "{failed} of {failing}");
        let largest = posts.iter().map(|post| post.events.len()).max();
        eprintln!(
            "webhook: {delivered} events in {} requests, up to {largest:?} in one, {failed} tries failed",
            posts.len()
        );

        // Another one begins with a reload, with the next event.
        let other = Heard::default();
        listen("127.0.0.1:9001", &other);
        fs::write(directory.path().join("trunkline.toml"), format!("{CONFIG}{HOOK}{OTHER_HOOK}"))
            .expect("it is ours");
        let reloaded = http::post("/v1/reload", TOKEN, &json!({}));
        assert_eq!(reloaded.status, 200, "{}", reloaded.text);
        register(directory.path(), "1001", PASSWORD, "5092");
        register(directory.path(), "1002", PASSWORD, "5093");
        let posts = other.until(|posts| !posts.is_empty());
        assert_eq!(
            (posts[0].events[0]["type"].as_str(), posts[0].events[0]["line"].as_str()),
            (Some("registration"), Some("1002"))
        );
        daemon.process.drain();
        let is_secret = |line: &str| SECRETS.iter().any(|secret| line.contains(secret));
        assert!(!daemon.process.seen().any(is_secret), "what is secret is in the log");
        let shown = http::get("/v1/webhooks", Some(TOKEN)).text;
        assert!(!is_secret(&shown) && shown.contains("http://127.0.0.1:9000"), "{shown}");
    });
}

/// What docs/webhooks.md tells receivers to do takes what is signed and nothing else.
#[test]
fn documented_code_verifies() {
    let directory = Directory::create();
    let document = include_str!("../../docs/webhooks.md");
    let code = |language: &str| {
        let (_, rest) = document.split_once(&format!("```{language}\n")).expect("the document has it");
        rest.split_once("```").expect("it has an end").0.to_owned()
    };
    let python = code("python") + PYTHON_MAIN;
    // Node runs what is left without the types.
    let mut script = code("typescript") + NODE_MAIN;
    for kind in [": string", ": Record<string, string>", ": Buffer", ": boolean"] {
        script = script.replace(kind, "");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs();
    let body = r#"{"app":"crm","events":[]}"#;
    let good = signature("msg_1_2", &now.to_string(), body);
    let (late, old) = ((now - 400).to_string(), signature("msg_1_2", &(now - 400).to_string(), body));
    let now = now.to_string();
    let twice = format!("v1,{} {good}", "A".repeat(44));
    let cases = [
        ("msg_1_2", &now, &good, body, true),
        ("msg_1_2", &now, &twice, body, true),
        ("msg_1_3", &now, &good, body, false),
        ("msg_1_2", &now, &good, "{}", false),
        ("msg_1_2", &late, &good, body, false),
        ("msg_1_2", &late, &old, body, false),
        ("msg_1_2", &now, &good[..10].to_owned(), body, false),
    ];
    for (program, file, text) in [("python3", "verify.py", python), ("node", "verify.mjs", script)] {
        let file = directory.path().join(file);
        fs::write(&file, text).expect("a directory of ours");
        for (id, unix_s, signature, body, is_good) in &cases {
            let headers =
                json!({"webhook-id": id, "webhook-timestamp": unix_s, "webhook-signature": signature});
            let mut command = Command::new(program);
            let output = command.arg(&file).args([KEY, &headers.to_string(), body]).output();
            let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
            let said = String::from_utf8_lossy(&output.stdout).trim().to_lowercase();
            assert_eq!(said, is_good.to_string(), "{program} {headers} {body}: {output:?}");
        }
    }
}

const PYTHON_MAIN: &str = "
import json, sys
print(verify(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3].encode()))
";
const NODE_MAIN: &str = "
console.log(verify(process.argv[2], JSON.parse(process.argv[3]), Buffer.from(process.argv[4])));
";

/// What a request is signed with.
fn signature(id: &str, unix_s: &str, body: &str) -> String {
    let key = STANDARD.decode(&KEY["whsec_".len()..]).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    mac.update(format!("{id}.{unix_s}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// The webhook, as the API shows it.
fn hook() -> Value {
    http::get("/v1/webhooks", Some(TOKEN)).json()[0].clone()
}

/// The events of requests that were taken.
fn taken(posts: &[Post]) -> Vec<Value> {
    posts.iter().filter(|post| post.is_taken).flat_map(|post| post.events.clone()).collect()
}

fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().unwrap_or_else(|| panic!("no seq: {event}"))
}

/// What a receiver does with a request.
enum Does {
    /// Answers with this status.
    Answer(&'static str),
    /// Never answers.
    Stall,
    /// Closes the connection.
    HangUp,
    /// Is there no longer.
    Die,
}

impl Does {
    fn takes(&self) -> bool {
        matches!(self, Self::Answer(status) if status.starts_with('2'))
    }
}

/// A request.
#[derive(Clone, Debug)]
struct Post {
    id: String,
    body: String,
    events: Vec<Value>,
    is_signed: bool,
    is_taken: bool,
}

impl Post {
    fn same_as(&self, other: &Self) -> bool {
        (&self.id, &self.body) == (&other.id, &other.body)
    }
}

/// What a receiver heard, and what it does next; beyond its script it takes everything.
#[derive(Clone, Default)]
struct Heard(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    script: VecDeque<Does>,
    posts: Vec<Post>,
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().expect("nobody panics with it")
    }

    /// Blocks until so much was heard.
    fn until(&self, is_so: impl Fn(&[Post]) -> bool) -> Vec<Post> {
        let deadline = Instant::now() + SOON;
        let mut state = self.lock();
        while !is_so(&state.posts) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "only {} requests, the last {:?}",
                state.posts.len(),
                state.posts.last()
            );
            state = self.0.1.wait_timeout(state, left).expect("nobody panics with it").0;
        }
        state.posts.clone()
    }
}

/// A receiver, until it dies.
fn listen(address: &str, heard: &Heard) {
    let listener = TcpListener::bind(address).expect("the port is free");
    let heard = heard.clone();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let (listener, heard) = (listener.try_clone().expect("a descriptor"), heard.clone());
            thread::spawn(move || serve(stream, &listener, &heard));
        }
    });
}

fn serve(mut stream: TcpStream, listener: &TcpListener, heard: &Heard) {
    while let Some(mut post) = read(&mut stream) {
        let does = {
            let mut state = heard.lock();
            let does = state.script.pop_front().unwrap_or(Does::Answer("204 No Content"));
            post.is_taken = does.takes();
            state.posts.push(post);
            does
        };
        match does {
            Does::Answer(status) => {
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
            Does::Stall => drop(stream.read(&mut [0; 1])),
            Does::HangUp => return,
            Does::Die => drop(SockRef::from(listener).shutdown(Shutdown::Both)),
        }
        heard.0.1.notify_all();
    }
}

/// Reads a request; `None` at the end of the connection.
fn read(stream: &mut TcpStream) -> Option<Post> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).expect("a head is ASCII");
    let header = |name: &str| {
        let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_else(|| panic!("no {name}: {head}")).to_owned()
    };
    let length: usize = header("content-length").parse().expect("a number");
    while bytes.len() < head_end + length {
        let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
    let body = String::from_utf8(bytes[head_end..].to_vec()).expect("JSON is UTF-8");
    let (id, unix_s) = (header("webhook-id"), header("webhook-timestamp"));
    let events = serde_json::from_str::<Value>(&body).expect("it is JSON")["events"].as_array().cloned();
    let is_signed = header("webhook-signature") == signature(&id, &unix_s, &body);
    Some(Post { id, body, events: events.expect("a list"), is_signed, is_taken: false })
}

const SOON: Duration = Duration::from_secs(40);
const TOKEN: &str = "a-token-for-the-owner";
const PASSWORD: &str = "correct-horse-battery";
const KEY: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const SECRETS: [&str; 3] = ["AAECAw", "hidden-path", "hidden-query"];
const HOOK: &str = r#"
[[webhook]]
name = "crm"
app = "owner"
url = "http://127.0.0.1:9000/hidden-path?hidden-query"
secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
timeout_s = 1
"#;
const OTHER_HOOK: &str = r#"
[[webhook]]
name = "desk"
app = "owner"
url = "http://127.0.0.1:9001/hidden-path?hidden-query"
secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
events = ["registration"]
lines = ["1002"]
"#;
const CONFIG: &str = r#"
[sip]
listen = ["udp:127.0.0.1:5060"]
[media]
listen = "127.0.0.1"
ports = "20000-29999"
[[app]]
name = "owner"
token = "a-token-for-the-owner"
lines = ["*"]
[[line]]
address = "1001"
password = "correct-horse-battery"
digest = ["MD5"]
[[line]]
address = "1002"
password = "correct-horse-battery"
digest = ["MD5"]
[[trunk]]
name = "sipp"
peer = "udp:127.0.0.1:5070"
allow_from = ["127.0.0.1/32"]
max_calls = 5000
[[route]]
from = "trunk:sipp"
match = ".*"
to = "trunk:sipp"
"#;
