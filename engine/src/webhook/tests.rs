//! Webhooks over real sockets: what a receiver hears, and what becomes of receivers that refuse, stall, hang up, want no more or are others.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{advance, pause, resume};
use tokio_rustls::TlsAcceptor;

use super::board::Now;
use super::*;
use crate::config::testing::Authority;
use crate::driver::event_log::{EventLog, KEPT_MESSAGES};
use crate::switch::Message;

const APP: AppId = AppId(0);
const KEY: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// An application with one webhook, and the socket of its receiver.
struct Bench {
    log: EventLog,
    listener: TcpListener,
    wish: watch::Sender<Arc<Webhook>>,
    entry: Arc<Entry>,
    task: AbortHandle,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bench {
    async fn new(more: &str) -> Self {
        let authority = Authority::new();
        Self::trusting(&authority, "http", more).await
    }

    async fn trusting(authority: &Authority, scheme: &str, more: &str) -> Self {
        let log = EventLog::new(1, 1);
        Self::reading(authority, scheme, more, log).await
    }

    /// `log` holds what the application was told before.
    async fn reading(authority: &Authority, scheme: &str, more: &str, log: EventLog) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = format!(
            "[sip.tls]\ntrusted_ca = \"ca.pem\"\n[[app]]\nname = \"crm\"\ntoken = \"t\"\nlines = [\"*\"]\n\
             [[line]]\naddress = \"1001\"\nkind = \"local\"\n\
             [[webhook]]\nname = \"hook\"\napp = \"crm\"\nurl = \"{scheme}://localhost:{port}/in?key=k\"\nsecret = \"{KEY}\"\n{more}"
        );
        let config = authority.config(&text);
        let hook = Arc::clone(&config.webhooks[0]);
        let events = log.subscribe(APP, Some(log.before_all())).unwrap();
        let entry = Arc::new(Entry::new(APP, Arc::clone(&hook), events.position(), Duration::ZERO));
        let (wish, wished) = watch::channel(hook);
        let courier = Courier {
            wish: wished,
            events,
            schedule: Schedule::new([7; 32]),
            entry: Arc::clone(&entry),
            poster: Poster::default(),
        };
        let task = tokio::spawn(courier.run()).abort_handle();
        Self { log, listener, wish, entry, task }
    }

    /// The application is told something of a line.
    fn tell(&self, line: &str) {
        self.log.append(APP, Message::Close { line: line.into() });
    }

    async fn accept(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    /// Waits until the webhook is so.
    async fn until(&self, is_so: impl Fn(&Now) -> bool) -> Now {
        loop {
            let now = self.entry.now();
            if is_so(&now) {
                return now;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Lets time pass once the webhook waits for its next try.
    async fn wait(&self, time: Duration) {
        pause();
        advance(time).await;
        resume();
    }
}

/// A request.
#[derive(PartialEq, Eq, Debug)]
struct Heard {
    id: String,
    body: String,
}

impl Heard {
    fn numbers(&self) -> Vec<u64> {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["app"], "crm");
        body["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
    }
}

/// Reads a request, whose signature must be good.
async fn hear<S: AsyncRead + Unpin>(stream: &mut S) -> Heard {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "no request");
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let header = |name: &str| {
        let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    };
    assert!(head.starts_with("POST /in?key=k HTTP/1.1\r\n"), "{head}");
    assert!(header("host").starts_with("localhost:"));
    assert_eq!(header("content-type"), "application/json");
    let length: usize = header("content-length").parse().unwrap();
    while bytes.len() < head_end + length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "no body");
    }
    let body = String::from_utf8(bytes[head_end..].to_vec()).unwrap();
    let id = header("webhook-id");
    let unix_s: u64 = header("webhook-timestamp").parse().unwrap();
    assert!(clock::unix_now().as_secs().abs_diff(unix_s) < 300);
    let key = SigningKey::parse(KEY).unwrap();
    assert_eq!(header("webhook-signature"), key::signatures(&[key], &id, unix_s, &body));
    Heard { id, body }
}

async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, status: &str, headers: &str) {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{headers}\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn events_come_signed_in_their_order_and_together_where_they_came_together() {
    let bench = Bench::new("").await;
    bench.tell("1001");
    let mut stream = bench.accept().await;
    let first = hear(&mut stream).await;
    assert_eq!((&*first.id, first.numbers()), ("msg_1_1", vec![1]), "the first waits for no other");
    assert_eq!(first.body, r#"{"app":"crm","events":[{"seq":1,"type":"close","line":"1001"}]}"#);
    for _ in 0..120 {
        bench.tell("1001");
    }
    answer(&mut stream, "204 No Content", "").await;
    let second = hear(&mut stream).await;
    assert_eq!((&*second.id, second.numbers()), ("msg_2_101", (2..=101).collect()));
    // A long answer costs the connection and nothing else.
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
    drop(stream.write_all(&[b'x'; 1_000_000]).await);
    let mut stream = bench.accept().await;
    assert_eq!(hear(&mut stream).await.numbers(), (102..=121).collect::<Vec<_>>());
    answer(&mut stream, "202 Accepted", "Connection: close\r\n").await;
    let now = bench.until(|now| now.last_seq == Some(121)).await;
    assert_eq!((now.standing, now.failures, now.last_error), (Standing::Up, 0, None));
    let counts = bench.entry.counts();
    assert_eq!((counts.delivered, counts.failed, counts.lost), (121, 0, 0));
}

#[tokio::test]
async fn what_is_not_wanted_is_passed_over() {
    let bench = Bench::new("lines = [\"1001\"]\nevents = [\"close\"]\n").await;
    for line in ["1002", "1001", "1002"] {
        bench.tell(line);
    }
    bench.log.append(APP, Message::Forwarded { line: "1001".into() });
    let mut stream = bench.accept().await;
    assert_eq!(hear(&mut stream).await.numbers(), [2]);
    answer(&mut stream, "204 No Content", "").await;
    while bench.log.behind(APP, bench.entry.position()) > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((bench.entry.position(), bench.entry.now().last_seq), (4, Some(2)));
}

#[tokio::test]
async fn what_is_not_taken_comes_again_as_it_was_with_what_came_meanwhile_behind_it() {
    let bench = Bench::new("").await;
    bench.tell("1001");
    let mut stream = bench.accept().await;
    let first = hear(&mut stream).await;
    bench.tell("1001");
    answer(&mut stream, "503 Service Unavailable", "Retry-After: 7\r\n").await;
    let now = bench.until(|now| now.failures == 1).await;
    let refused = now.last_error.unwrap();
    assert_eq!((now.standing, refused.reason, refused.status), (Standing::Failing, "refused", Some(503)));
    let pause = now.next_try.unwrap() - refused.at;
    assert_eq!(pause.as_secs(), 7, "as the receiver asked for");
    bench.wait(Duration::from_secs(6)).await;
    assert_eq!(bench.entry.now().failures, 1);
    bench.wait(Duration::from_secs(1)).await;
    assert_eq!(hear(&mut stream).await, first, "by the connection that was kept");
    // A redirection is an answer like any other.
    answer(&mut stream, "307 Temporary Redirect", "Location: http://127.0.0.1:1/\r\nConnection: close\r\n")
        .await;
    let now = bench.until(|now| now.failures == 2).await;
    assert_eq!(now.last_error.unwrap().status, Some(307));
    bench.wait(Duration::from_secs(2)).await;
    let mut stream = bench.accept().await;
    assert_eq!(hear(&mut stream).await, first);
    drop(stream);
    let now = bench.until(|now| now.failures == 3).await;
    assert_eq!(now.last_error.unwrap().reason, "lost");
    bench.wait(Duration::from_secs(4)).await;
    let mut stream = bench.accept().await;
    assert_eq!(hear(&mut stream).await, first);
    stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await.unwrap();
    let now = bench.until(|now| now.failures == 4).await;
    assert_eq!(now.last_error.unwrap().reason, "protocol");
    bench.wait(Duration::from_secs(8)).await;
    let mut stream = bench.accept().await;
    assert_eq!(hear(&mut stream).await, first);
    answer(&mut stream, "200 OK", "").await;
    assert_eq!(hear(&mut stream).await.numbers(), [2]);
    answer(&mut stream, "200 OK", "").await;
    let now = bench.until(|now| now.last_seq == Some(2)).await;
    assert_eq!((now.standing, now.failures, now.next_try), (Standing::Up, 0, None));
    let counts = bench.entry.counts();
    assert_eq!((counts.delivered, counts.failed), (2, 4));
}

#[tokio::test]
async fn who_does_not_answer_has_his_time_and_no_more() {
    let bench = Bench::new("timeout_s = 3\n").await;
    bench.tell("1001");
    let mut stream = bench.accept().await;
    let first = hear(&mut stream).await;
    bench.wait(Duration::from_millis(2_900)).await;
    tokio::task::yield_now().await;
    assert_eq!(bench.entry.now().failures, 0);
    bench.wait(Duration::from_millis(200)).await;
    let now = bench.until(|now| now.failures == 1).await;
    assert_eq!(now.last_error.unwrap().reason, "timeout");
    bench.wait(Duration::from_secs(1)).await;
    let mut stream = bench.accept().await;
    assert_eq!(hear(&mut stream).await, first, "by another connection");
    // What trickles in behind the head of an answer is waited for no longer either, and the answer counts.
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx").await.unwrap();
    bench.until(|now| now.last_seq == Some(1) || now.failures == 2).await;
    assert_eq!(bench.entry.now().last_seq, Some(1));
}

#[tokio::test]
async fn who_wants_no_more_is_left_alone_until_a_reload() {
    let bench = Bench::new("").await;
    bench.tell("1001");
    let mut stream = bench.accept().await;
    let first = hear(&mut stream).await;
    answer(&mut stream, "410 Gone", "Connection: close\r\n").await;
    let now = bench.until(|now| now.failures == 1).await;
    assert_eq!((now.standing, now.next_try), (Standing::Gone, None));
    bench.tell("1001");
    bench.wait(Duration::from_secs(86_400)).await;
    assert_eq!(bench.entry.now().failures, 1);
    let hook = Arc::clone(&bench.wish.borrow());
    bench.wish.send_replace(hook);
    let mut stream = bench.accept().await;
    assert_eq!(hear(&mut stream).await, first);
    answer(&mut stream, "200 OK", "").await;
    assert_eq!(hear(&mut stream).await.numbers(), [2]);
}

#[tokio::test]
async fn a_reload_is_tried_at_once_with_what_it_says() {
    let bench = Bench::new("").await;
    bench.tell("1001");
    let mut stream = bench.accept().await;
    hear(&mut stream).await;
    answer(&mut stream, "503 Service Unavailable", "Retry-After: 3600\r\n").await;
    bench.until(|now| now.failures == 1).await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}/in?key=k", elsewhere.local_addr().unwrap().port());
    let mut hook = Webhook::clone(&bench.wish.borrow());
    hook.url = WebhookUrl::parse(&url).unwrap();
    bench.wish.send_replace(Arc::new(hook));
    let (mut stream, _) = elsewhere.accept().await.unwrap();
    assert_eq!(hear(&mut stream).await.numbers(), [1]);
}

#[tokio::test]
async fn who_is_too_far_behind_is_told_what_is_lost() {
    let log = EventLog::new(1, 1);
    for _ in 0..KEPT_MESSAGES + 5 {
        log.append(APP, Message::Close { line: "1001".into() });
    }
    let authority = Authority::new();
    let bench = Bench::reading(&authority, "http", "events = [\"digits\"]\n", log).await;
    let mut stream = bench.accept().await;
    let heard = hear(&mut stream).await;
    let body: Value = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(body["events"], json!([{"seq": 5, "type": "lost", "from": 1, "to": 5}]), "whatever is wanted");
    assert_eq!(bench.entry.counts().lost, 5);
}

#[tokio::test]
async fn a_certificate_must_be_good() {
    let authority = Authority::new();
    authority.sign("good", &["localhost"]);
    authority.sign("other", &["other.example"]);
    for (file, reason) in [("good", None), ("other", Some("tls"))] {
        let bench = Bench::trusting(&authority, "https", "").await;
        bench.tell("1001");
        let acceptor = TlsAcceptor::from(authority.server(file).server.clone().unwrap());
        if let Ok(mut stream) = acceptor.accept(bench.accept().await).await {
            hear(&mut stream).await;
            answer(&mut stream, "200 OK", "").await;
        }
        let now = bench.until(|now| now.failures > 0 || now.last_seq.is_some()).await;
        assert_eq!(now.last_error.map(|error| error.reason), reason, "{file}");
    }
}

#[tokio::test]
async fn who_is_not_there_is_told_of() {
    let mut bench = Bench::new("").await;
    // The port is nobody's any more.
    bench.listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    bench.tell("1001");
    let now = bench.until(|now| now.failures == 1).await;
    assert_eq!(now.last_error.unwrap().reason, "unreachable");
    let mut hook = Webhook::clone(&bench.wish.borrow());
    hook.url = WebhookUrl::parse("http://a..b/").unwrap();
    bench.wish.send_replace(Arc::new(hook));
    let now = bench.until(|now| now.last_error.is_some_and(|error| error.reason == "nosuchhost")).await;
    assert_eq!(now.failures, 2);
}
