//! The audio of a call between two desk phones that play tones is forked to WebSocket servers: one hears each tone on its own channel,
//! one stops reading, one sends elsewhere, one is not there; and the call knows nothing of it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Message, accept, accept_hdr};

use crate::audio::Audio;
use crate::baresip::{Answer, Baresip, TONE_HZ};
use crate::daemon::{Daemon, Directory};
use crate::http::{self, Events};
use crate::network::alone;

#[test]
fn each_tone_is_on_its_channel_and_a_server_that_fails_disturbs_nobody() {
    alone(|| {
        let directory = Directory::create();
        let heard = listens("127.0.0.1:9000");
        let stuck = stops_reading("127.0.0.1:9001");
        redirects("127.0.0.1:9002");
        let mut daemon = Daemon::start(directory.path(), CONFIG);
        let start = Baresip::start_with_tone;
        let mut caller = start(directory.path(), 1, "1001", PASSWORD, "", Answer::Auto, CALLER_HZ);
        let mut callee = start(directory.path(), 2, "1002", PASSWORD, "", Answer::Auto, TONE_HZ);
        daemon.expect_metric("trunkline_registrations", 2.0, WITHIN);
        let mut events = Events::open(OWNER);
        let made = thread::spawn(|| http::post("/v1/lines/1001/make-call", OWNER, &json!({"to": "1002"})));
        for phone in [&mut caller, &mut callee] {
            phone.expect("CALL_ESTABLISHED", WITHIN);
        }
        let call = made.join().expect("the request ends").json()["call"].as_str().expect("a call").to_owned();
        events.until(WITHIN, |event| event["call"] == call.as_str() && event["state"] == "connected");

        let fork = |url: &str| {
            let body = json!({"url": url, "authorization": format!("Bearer {SECRET}")});
            http::post(&format!("/v1/calls/{call}/start-fork"), OWNER, &body)
        };
        let begun = fork("ws://127.0.0.1:9000/listen");
        assert_eq!((begun.status, begun.json()), (200, json!({"fork": "f1"})), "{}", begun.text);
        let stalling = fork("ws://127.0.0.1:9001/");
        assert_eq!(stalling.json(), json!({"fork": "f2"}), "{}", stalling.text);
        let shown = http::get(&format!("/v1/calls/{call}"), Some(OWNER)).json();
        let states: Vec<_> =
            shown["forks"].as_array().expect("a list").iter().map(|fork| &fork["state"]).collect();
        assert_eq!(states, ["up", "up"], "{shown}");

        // The one that does not read is given up; the other hears all the while.
        let stalled = events.until(WITHIN, |event| {
            event["type"] == "fork" && event["fork"] == "f2" && event["change"] == "failed"
        });
        let stalled = stalled.last().expect("it came");
        let lost = stalled["pieces_lost"].as_u64().expect("a number");
        assert!(stalled["reason"] == "stalled" && lost > 20, "{stalled}");
        drop(stuck);
        for (url, status, reason) in
            [("ws://127.0.0.1:9002/", Some(302), "refused"), ("ws://127.0.0.1:9003/", None, "unreachable")]
        {
            let refused = fork(url);
            assert_ne!(refused.status, 200, "{}", refused.text);
            let told = events.until(WITHIN, |event| event["type"] == "fork" && event["change"] == "failed");
            let told = told.last().expect("it came");
            assert_eq!((&told["reason"], told["status"].as_u64()), (&json!(reason), status), "{told}");
        }
        let elsewhere = fork("ws://127.0.0.1:9004/");
        assert_eq!(elsewhere.status, 403, "{}", elsewhere.text);

        let stopped = http::post(&format!("/v1/calls/{call}/stop-fork"), OWNER, &json!({"fork": "f1"}));
        assert_eq!(stopped.status, 200, "{}", stopped.text);
        let heard = heard.recv_timeout(WITHIN).expect("its server heard the end");
        assert_eq!(heard.authorization, format!("Bearer {SECRET}"));
        for (key, value) in [
            ("event", json!("start")),
            ("call_id", json!(call)),
            ("rate", json!(8_000)),
            ("channels", json!(2)),
            ("encoding", json!("L16")),
            ("endian", json!("little")),
            ("caller", json!("1001")),
            ("called", json!("1002")),
        ] {
            assert_eq!(heard.start[key], value, "{}", heard.start);
        }
        assert_eq!((&heard.stop["reason"], &heard.stop["pieces_lost"]), (&json!("stopped"), &json!(0)));
        let [station, other] = heard.channels;
        let own = (station.seconds_of_tone(CALLER_HZ), other.seconds_of_tone(TONE_HZ));
        let crossed = (station.seconds_of_tone(TONE_HZ), other.seconds_of_tone(CALLER_HZ));
        eprintln!(
            "fork: {:.1} s heard in pieces of 20 ms; tones on their channels {own:?}, on the other {crossed:?}; \
             the stalled one lost {lost} pieces",
            station.seconds()
        );
        assert!(own.0 > 3.0 && own.1 > 3.0 && crossed == (0.0, 0.0));

        daemon.expect_metric("trunkline_forks", 0.0, WITHIN);
        assert_eq!(daemon.metric("trunkline_forks_begun_total"), 2.0);
        assert_eq!(daemon.metric("trunkline_forks_failed_total"), 3.0);
        assert!(daemon.metric("trunkline_fork_pieces_lost_total") >= lost as f64);
        daemon.process.drain();
        assert!(!daemon.process.seen().any(|line| line.contains(SECRET)), "what is secret is in the log");
        caller.command("hangup", "");
        callee.expect("CALL_CLOSED", WITHIN);
    });
}

/// What a server heard of one fork.
struct Heard {
    authorization: String,
    start: Value,
    stop: Value,
    channels: [Audio; 2],
}

/// A server that hears one fork out.
fn listens(address: &str) -> Receiver<Heard> {
    let listener = TcpListener::bind(address).expect("the port is free");
    let (tells, heard) = channel();
    thread::spawn(move || hear(&listener, &tells));
    heard
}

fn hear(listener: &TcpListener, tells: &Sender<Heard>) {
    let (stream, _) = listener.accept().expect("the daemon comes");
    let mut authorization = String::new();
    #[expect(clippy::result_large_err, reason = "the library's")]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        authorization = request.headers()["authorization"].to_str().expect("it is text").to_owned();
        Ok(response)
    };
    let mut socket = accept_hdr(stream, look).expect("the daemon speaks WebSocket");
    let mut said = Vec::new();
    let mut channels = [Vec::new(), Vec::new()];
    while let Ok(message) = socket.read() {
        if let Message::Text(text) = &message {
            said.push(serde_json::from_str::<Value>(text).expect("it is JSON"));
        } else if let Message::Binary(octets) = &message {
            assert_eq!(octets.len(), 640, "20 ms of two channels");
            for (n, pair) in octets.chunks_exact(2).enumerate() {
                channels[n % 2].push(i16::from_le_bytes([pair[0], pair[1]]));
            }
        }
    }
    let channels = channels.map(|samples| Audio { rate_hz: 8_000, samples });
    let (start, stop) = (said.first().cloned(), said.pop());
    let start = start.expect("it begins");
    drop(tells.send(Heard { authorization, start, stop: stop.expect("it ends"), channels }));
}

/// A server that says it listens, and reads nothing while its connection is kept.
fn stops_reading(address: &str) -> Receiver<TcpStream> {
    let listener = TcpListener::bind(address).expect("the port is free");
    SockRef::from(&listener).set_recv_buffer_size(4_096).expect("it can be set");
    let (tells, kept) = channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the daemon comes");
        let reader = stream.try_clone().expect("there are descriptors");
        accept(stream).expect("the daemon speaks WebSocket");
        drop(tells.send(reader));
    });
    kept
}

/// A server that sends everybody elsewhere.
fn redirects(address: &str) {
    let listener = TcpListener::bind(address).expect("the port is free");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the daemon comes");
        let mut request = [0; 4_096];
        let read = stream.read(&mut request).expect("it asks");
        assert!(request[..read].starts_with(b"GET / HTTP/1.1\r\n"));
        let elsewhere = "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:9000/\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(elsewhere.as_bytes()).expect("it reads");
    });
}

const CALLER_HZ: f64 = 1_000.0;
const PASSWORD: &str = "correct-horse-battery";
const OWNER: &str = "token-of-a-test-that-is-long-enough";
const SECRET: &str = "8f14e45fceea167a";
const WITHIN: Duration = Duration::from_secs(15);
const CONFIG: &str = r#"
[sip]
listen = ["udp:0.0.0.0:5060"]
[fork]
allow = ["ws://127.0.0.1:9000/listen", "ws://127.0.0.1:9001/", "ws://127.0.0.1:9002/", "ws://127.0.0.1:9003/"]
[[app]]
name = "crm"
token = "token-of-a-test-that-is-long-enough"
lines = ["*"]
[[line]]
address = "1001"
password = "correct-horse-battery"
[[line]]
address = "1002"
password = "correct-horse-battery"
"#;
