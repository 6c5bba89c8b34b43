//! Forks over real sockets: what a server hears, and what becomes of servers that refuse, stop reading, say too much or go away.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};
use trunkline_media::TapId;

use super::*;
use crate::config::testing::Authority;
use crate::switch::{Authorization, CallId, ForkUrl};

const FORK: ForkId = ForkId(1);

/// Forks with their switch, and a server's socket.
struct Bench {
    forks: Forks,
    leaving: Leaving,
    told: mpsc::Receiver<SwitchInput>,
    metrics: Arc<Metrics>,
    listener: TcpListener,
}

impl Bench {
    async fn new(tls: Option<Arc<ClientConfig>>) -> Self {
        let (switch, told) = Letterbox::new(64);
        let metrics = Arc::new(Metrics::new(1));
        let (forks, leaving) = Forks::new(Handle::current(), tls, Arc::clone(&metrics), switch);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { forks, leaving, told, metrics, listener }
    }

    fn url(&self, scheme: &str, rest: &str) -> String {
        format!("{scheme}://localhost:{}{rest}", self.listener.local_addr().unwrap().port())
    }

    fn begin(&self, url: &str, is_wide: bool) {
        let begin = ForkBegin {
            fork: FORK,
            call: CallId(7),
            line: "1001".into(),
            caller: "+49301234".to_owned(),
            called: "1001".to_owned(),
            url: ForkUrl::parse(url).unwrap(),
            authorization: Authorization::parse("Bearer secret"),
            is_wide,
        };
        self.forks.command(ForkCommand::Begin(Box::new(begin)));
    }

    /// A server that listens.
    async fn listens(&mut self) -> WebSocketStream<TcpStream> {
        self.begin(&self.url("ws", "/listen"), false);
        let (stream, _) = self.listener.accept().await.unwrap();
        let server = accept_async(stream).await.unwrap();
        assert_eq!(self.told().await, ForkEvent::Began(FORK));
        server
    }

    async fn told(&mut self) -> ForkEvent {
        match self.told.recv().await {
            Some(SwitchInput::Fork(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    async fn ended(&mut self) -> (ForkEnd, u64) {
        let told = self.told().await;
        let ForkEvent::Ended { fork: FORK, end, pieces_lost } = told else { panic!("{told:?}") };
        (end, pieces_lost)
    }

    fn push(&self, frame: u64) {
        let samples = [1, -1].repeat(160).into();
        self.forks.piece(FORK, Recorded { tap: TapId::Fork(FORK), frame, samples, undecoded: [0; 2] });
    }
}

async fn hears<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    server: &mut WebSocketStream<S>,
) -> Value {
    match futures_util::StreamExt::next(server).await {
        Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
        Some(Ok(Message::Binary(octets))) => json!({ "octets": octets.len(), "first": octets[0] }),
        Some(Ok(Message::Close(_))) => json!("closed"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_hears_what_is_documented() {
    let mut bench = Bench::new(None).await;
    bench.begin(&bench.url("ws", "/listen?key=secret"), true);
    let (stream, _) = bench.listener.accept().await.unwrap();
    let mut asked = None;
    #[expect(clippy::result_large_err, reason = "the library's")]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        asked = Some((request.uri().to_string(), request.headers()["authorization"].clone()));
        Ok(response)
    };
    let mut server = accept_hdr_async(stream, look).await.unwrap();
    assert_eq!(asked.unwrap(), ("/listen?key=secret".to_owned(), "Bearer secret".parse().unwrap()));
    assert_eq!(bench.told().await, ForkEvent::Began(FORK));
    assert_eq!(
        hears(&mut server).await,
        json!({"event": "start", "fork": "f1", "call_id": "c7", "line": "1001", "caller": "+49301234",
               "called": "1001", "encoding": "L16", "endian": "little", "rate": 16_000, "channels": 2})
    );
    bench.push(0);
    bench.push(4);
    // What media threads bring behind the end belongs to it, too; who ends it twice ends it once.
    bench.forks.command(ForkCommand::End(FORK, ForkEnd::CallOver));
    bench.forks.command(ForkCommand::End(FORK, ForkEnd::Stopped));
    bench.push(5);
    assert_eq!(hears(&mut server).await, json!({"octets": 640, "first": 1}));
    assert_eq!(hears(&mut server).await, json!({"event": "gap", "pieces": 3, "lost": 0}));
    assert_eq!(hears(&mut server).await, json!({"octets": 640, "first": 1}));
    assert_eq!(hears(&mut server).await, json!({"octets": 640, "first": 1}));
    let stop = json!({"event": "stop", "reason": "callover", "pieces_lost": 0});
    assert_eq!(hears(&mut server).await, stop);
    assert_eq!(hears(&mut server).await, json!("closed"));
    drop(server);
    assert_eq!(bench.ended().await, (ForkEnd::CallOver, 0));
    let numbers = bench.metrics.snapshot(0, 0);
    assert_eq!((numbers.forks_total, numbers.forks_failed_total), (1, 0));
    bench.push(6);
    assert!(bench.forks.shared.open.is_empty(), "nothing is left of it");
}

#[tokio::test]
async fn a_certificate_must_be_good() {
    let authority = Authority::new();
    authority.sign("good", &["localhost"]);
    authority.sign("other", &["other.example"]);
    let trusting = || {
        let text = "[sip.tls]\ntrusted_ca = \"ca.pem\"\n[fork]\nallow = [\"wss://localhost/\"]\n";
        authority.config(text).tls.forks.clone()
    };
    for (file, end) in [("good", ForkEnd::Stopped), ("other", ForkEnd::Tls)] {
        // As by a reload: nobody was trusted before.
        let mut bench = Bench::new(None).await;
        bench.forks.set_tls(trusting());
        bench.begin(&bench.url("wss", "/"), false);
        let (stream, _) = bench.listener.accept().await.unwrap();
        let acceptor = TlsAcceptor::from(authority.server(file).server.clone().unwrap());
        if let Ok(stream) = acceptor.accept(stream).await
            && let Ok(mut server) = accept_async(stream).await
        {
            assert_eq!(hears(&mut server).await["event"], "start");
            assert_eq!(bench.told().await, ForkEvent::Began(FORK));
            bench.forks.command(ForkCommand::End(FORK, ForkEnd::Stopped));
            assert_eq!(hears(&mut server).await["event"], "stop");
            assert_eq!(hears(&mut server).await, json!("closed"));
        }
        assert_eq!(bench.ended().await, (end, 0), "{file}");
    }
}

#[tokio::test]
async fn who_does_not_listen_is_told_of_with_the_cause() {
    for (answer, end) in [
        (
            "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            ForkEnd::Refused(302),
        ),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", ForkEnd::Refused(401)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ForkEnd::Refused(200)),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: bm90IGl0\r\n\r\n",
            ForkEnd::Protocol,
        ),
        ("220 mail.example ESMTP\r\n\r\n", ForkEnd::Protocol),
    ] {
        let mut bench = Bench::new(None).await;
        bench.begin(&bench.url("ws", "/"), false);
        let (mut stream, _) = bench.listener.accept().await.unwrap();
        let mut request = [0; 4_096];
        let read = stream.read(&mut request).await.unwrap();
        assert!(request[..read].starts_with(b"GET / HTTP/1.1\r\n"), "{answer}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        assert_eq!(bench.ended().await, (end, 0), "{answer}");
        let numbers = bench.metrics.snapshot(0, 0);
        assert_eq!((numbers.forks_total, numbers.forks_failed_total), (0, 1));
    }
}

#[tokio::test]
async fn who_is_not_there_is_told_of_with_the_cause() {
    let mut bench = Bench::new(None).await;
    let gone = bench.url("ws", "/");
    bench.listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (url, end) in [(gone.as_str(), ForkEnd::Unreachable), ("ws://a..b/", ForkEnd::NoSuchHost)] {
        bench.begin(url, false);
        assert_eq!(bench.ended().await, (end, 0), "{url}");
    }
    // One who says nothing has five seconds.
    bench.begin(&bench.url("ws", "/"), false);
    let (silent, _) = bench.listener.accept().await.unwrap();
    tokio::time::pause();
    let asked = tokio::time::Instant::now();
    assert_eq!(bench.ended().await, (ForkEnd::Timeout, 0));
    assert!(asked.elapsed() < CONNECT + Duration::from_secs(1), "{:?}", asked.elapsed());
    drop(silent);
}

#[tokio::test]
async fn a_fork_whose_call_ends_before_its_server_listens_is_over() {
    let mut bench = Bench::new(None).await;
    bench.begin(&bench.url("ws", "/"), false);
    let (silent, _) = bench.listener.accept().await.unwrap();
    bench.forks.command(ForkCommand::End(FORK, ForkEnd::CallOver));
    assert_eq!(bench.ended().await, (ForkEnd::CallOver, 0));
    drop(silent);
}

#[tokio::test]
async fn who_stops_reading_loses_the_oldest_pieces_and_then_the_fork() {
    let mut bench = Bench::new(None).await;
    let server = bench.listens().await;
    // The kernel takes some; whoever pushes never waits.
    let pieces = 20_000;
    for frame in 0..pieces {
        bench.push(frame);
        if frame % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let lost = bench.metrics.snapshot(0, 0).fork_pieces_lost_total;
    assert!(lost > 1_000 && lost < pieces, "{lost}");
    tokio::time::pause();
    assert_eq!(bench.ended().await, (ForkEnd::Stalled, lost));
    assert_eq!(bench.metrics.snapshot(0, 0).forks_failed_total, 1);
    drop(server);
}

#[tokio::test]
async fn a_server_that_does_not_read_holds_up_no_end() {
    let mut bench = Bench::new(None).await;
    let server = bench.listens().await;
    for frame in 0..20_000 {
        bench.push(frame);
        if frame % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    bench.forks.command(ForkCommand::End(FORK, ForkEnd::CallOver));
    tokio::time::pause();
    let wanted = tokio::time::Instant::now();
    assert_eq!(bench.ended().await.0, ForkEnd::CallOver);
    assert!(wanted.elapsed() < Duration::from_secs(3), "{:?}", wanted.elapsed());
    drop(server);
}

#[tokio::test]
async fn a_server_that_goes_away_or_says_too_much_ends_the_fork() {
    use futures_util::SinkExt;
    let mut bench = Bench::new(None).await;
    let mut server = bench.listens().await;
    server.close(None).await.unwrap();
    assert_eq!(bench.ended().await, (ForkEnd::Closed(None), 0));
    assert_eq!(ForkEnd::Closed(None).status(), None);

    let mut server = bench.listens().await;
    let said = CloseFrame { code: CloseCode::Error, reason: "no model".into() };
    server.close(Some(said)).await.unwrap();
    let (end, _) = bench.ended().await;
    assert_eq!((end.name(), end.status(), end.is_wanted()), ("closed", Some(1011), true));

    let server = bench.listens().await;
    drop(server);
    let (end, _) = bench.ended().await;
    assert_eq!(end, ForkEnd::Lost, "without a close");

    let mut server = bench.listens().await;
    // Transcripts and the like are not read, and do no harm.
    for _ in 0..50 {
        server.send(Message::text("{\"text\": \"hello\"}")).await.unwrap();
    }
    assert_eq!(hears(&mut server).await["event"], "start");
    bench.push(0);
    assert_eq!(hears(&mut server).await["octets"], 640);
    for _ in 0..1_000 {
        if server.send(Message::text("x")).await.is_err() {
            break;
        }
    }
    assert_eq!(bench.ended().await, (ForkEnd::Protocol, 0));

    // A message that begins and never ends, in pieces of nothing.
    let mut server = bench.listens().await;
    let mut fragments = vec![0x01, 0x00];
    fragments.extend([0x00, 0x00].repeat(connection::BYTES_PER_SECOND_MAX));
    drop(server.get_mut().write_all(&fragments).await);
    assert_eq!(bench.ended().await, (ForkEnd::Protocol, 0));

    let mut server = bench.listens().await;
    drop(server.send(Message::binary(vec![0; connection::MESSAGE_BYTES_MAX + 1])).await);
    assert_eq!(bench.ended().await, (ForkEnd::Protocol, 0));
}

#[tokio::test]
async fn the_end_of_the_engine_is_told_to_servers() {
    let mut bench = Bench::new(None).await;
    let mut server = bench.listens().await;
    let Bench { leaving, told, .. } = bench;
    let asked = tokio::time::Instant::now();
    let leaving = tokio::spawn(leaving.leave());
    assert_eq!(hears(&mut server).await["event"], "start");
    let stop = json!({"event": "stop", "reason": "shutdown", "pieces_lost": 0});
    assert_eq!(hears(&mut server).await, stop);
    assert_eq!(hears(&mut server).await, json!("closed"));
    drop(server);
    leaving.await.unwrap();
    assert!(asked.elapsed() < LEAVING_AT_MOST, "it is not the time that is waited for");
    drop(told);
}
