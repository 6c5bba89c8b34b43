//! A client of the HTTP API: one request a connection, and the event WebSocket.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::daemon::API;

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    /// The body.
    pub(crate) text: String,
}

impl Response {
    /// What came on a connection until it was closed.
    pub(crate) fn read(answer: Vec<u8>) -> Self {
        let answer = String::from_utf8(answer).expect("the daemon speaks UTF-8");
        let (head, text) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        Self { status, text: text.to_owned(), head: head.to_owned() }
    }

    /// Where the next page of a list is (RFC 8288).
    pub(crate) fn next(&self) -> Option<String> {
        let links = self.head.lines().filter_map(|line| line.split_once(':'));
        let links =
            links.filter(|(name, _)| name.eq_ignore_ascii_case("link")).map(|(_, value)| value.trim());
        let next = links.filter_map(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\""));
        next.map(str::to_owned).next()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// GET.
pub(crate) fn get(path: &str, token: Option<&str>) -> Response {
    request("GET", path, token, "")
}

/// POST of a JSON body.
pub(crate) fn post(path: &str, token: &str, body: &Value) -> Response {
    request("POST", path, Some(token), &body.to_string())
}

/// PUT of a JSON body.
pub(crate) fn put(path: &str, token: &str, body: &Value) -> Response {
    request("PUT", path, Some(token), &body.to_string())
}

/// GET from another server of the daemon's.
pub(crate) fn get_from(server: SocketAddr, path: &str) -> Response {
    request_from(server, "GET", path, None, "")
}

fn request(method: &str, path: &str, token: Option<&str>, body: &str) -> Response {
    request_from(API, method, path, token, body)
}

fn request_from(server: SocketAddr, method: &str, path: &str, token: Option<&str>, body: &str) -> Response {
    let mut stream = TcpStream::connect(server).expect("the API listens");
    stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("a timeout can be set");
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {authorization}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("the API reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{method} {path}: no answer: {error}"));
    Response::read(answer)
}

/// The event WebSocket.
pub(crate) struct Events {
    socket: WebSocket<TcpStream>,
}

impl Events {
    /// Opens it as this application.
    pub(crate) fn open(token: &str) -> Self {
        Self::open_with(token, "")
    }

    /// The same behind the event with this number.
    pub(crate) fn resume(token: &str, after: u64) -> Self {
        Self::open_with(token, &format!("?after={after}"))
    }

    fn open_with(token: &str, query: &str) -> Self {
        let stream = TcpStream::connect(API).expect("the API listens");
        let url = format!("ws://{API}/v1/events{query}");
        let mut request = url.into_client_request().expect("a valid address");
        let bearer = format!("Bearer {token}").parse().expect("a token is ASCII");
        request.headers_mut().insert("Authorization", bearer);
        let (socket, _) = tungstenite::client(request, stream).expect("the event socket opens");
        Self { socket }
    }

    /// Blocks until an event fits; all events up to it, that one last. Panics at the deadline with what came.
    pub(crate) fn until(&mut self, within: Duration, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + within;
        let mut events = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no such event within {within:?}, only {events:#?}");
            self.socket.get_ref().set_read_timeout(Some(left)).expect("a timeout can be set");
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let event: Value = serde_json::from_str(&text).expect("events are JSON");
                    events.push(event);
                    if events.last().is_some_and(&fits) {
                        return events;
                    }
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => panic!("the event socket broke: {error}; so far {events:#?}"),
            }
        }
    }
}

/// An operation answers when its LINE_REPLY comes, which for a call means ringing: not at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);
