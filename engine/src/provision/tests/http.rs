//! The server on a loopback socket, in clear and by TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

use super::{OFFICE, office, parse, phone};
use crate::Config;
use crate::config::{TlsPeer, testing::Authority};
use crate::driver::clock;
use crate::provision::{Brand, Mac, Provisioner, serve};

/// A server, and the folder of one phone's files.
struct Stage {
    address: SocketAddr,
    provisioner: Arc<Provisioner>,
    mac: Mac,
    folder: String,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<io::Result<()>>,
}

impl Stage {
    async fn new(config: &Config) -> Self {
        let provisioner = Arc::new(Provisioner::new(config));
        let mac = phone(&config.site().unwrap(), Brand::Yealink).mac;
        let url = provisioner.issue(clock::now(), mac, None, None).unwrap().url;
        let folder = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { drop(stopped.await) };
        let is_secure = config.provisioning.listen.unwrap().is_secure;
        let served = tokio::spawn(serve(listener, Arc::clone(&provisioner), is_secure, stopped));
        Self { address, provisioner, mac, folder, stop, served }
    }

    fn path(&self) -> String {
        format!("{}{}.cfg", self.folder, self.mac.digits())
    }

    async fn get(&self, path: &str) -> (String, String) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        ask(stream, &format!("GET {path} HTTP/1.1\r\nHost: pbx\r\nConnection: close\r\n\r\n")).await.unwrap()
    }
}

/// Head, without the date, and body of what is answered.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> io::Result<(String, String)> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head: Vec<_> = head.split("\r\n").filter(|line| !line.starts_with("date:")).collect();
    Ok((head.join("\n"), body.to_owned()))
}

#[tokio::test]
async fn a_file_is_fetched_and_kept_by_nobody() {
    let stage = Stage::new(&office()).await;
    let (head, body) = stage.get(&stage.path()).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\n"), "{head}");
    assert!(head.contains("cache-control: no-store") && head.contains("content-type: text/plain"), "{head}");
    assert!(
        body.starts_with("#!version:1.0.0.1\n") && body.contains("account.1.password = p&<w>\"o'r;d #=1\n")
    );
    stage.stop.send(()).unwrap();
    stage.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_wrong_token_and_a_wrong_address_are_told_apart_by_nobody() {
    let stage = Stage::new(&office()).await;
    let wrong = format!("/p/{}/", "a".repeat(32));
    let mut answers = Vec::new();
    for path in [
        format!("{wrong}{}.cfg", stage.mac.digits()),
        format!("{wrong}0015650000ff.cfg"),
        format!("{}0015650000ff.cfg", stage.folder),
        "/".to_owned(),
        "/v1/lines".to_owned(),
        "/p/../../etc/passwd".to_owned(),
    ] {
        answers.push(stage.get(&path).await);
    }
    assert!(answers[0].0.starts_with("HTTP/1.1 404 Not Found\n"), "{}", answers[0].0);
    assert!(answers[0].0.contains("cache-control: no-store") && answers[0].1.is_empty());
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[tokio::test]
async fn what_is_no_fetch_is_refused() {
    let stage = Stage::new(&office()).await;
    let path = stage.path();
    for (request, status) in [
        (format!("PUT {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), "405"),
        (format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), "405"),
        (format!("GET {path} HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "a".repeat(20_000)), "431"),
        ("SUBSCRIBE sip:a SIP/2.0\r\n\r\n".to_owned(), "400"),
    ] {
        let stream = TcpStream::connect(stage.address).await.unwrap();
        let (head, _) = ask(stream, &request).await.unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_holds_no_place() {
    let stage = Stage::new(&office()).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(stage.address).await.unwrap());
    }
    let closed = |stream: Result<(String, String), io::Error>| stream.is_err();
    let beyond = TcpStream::connect(stage.address).await.unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", stage.path());
    assert!(closed(ask(beyond, &request).await));
    for stream in &mut silent {
        // The time passes while everybody waits.
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
    }
    let (head, _) = ask(TcpStream::connect(stage.address).await.unwrap(), &request).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[tokio::test]
async fn tls_shows_its_own_certificate_or_that_of_sip_and_changes_it() {
    let authority = Authority::new();
    authority.sign("pbx", &["pbx.example"]);
    authority.sign("phones", &["phones.example"]);
    let row = "[[phone]]\nmac = \"00:15:65:00:00:01\"\nbrand = \"yealink\"\nlines = [\"1001\"]\n";
    let sip = "certificate = \"pbx.pem\"\nkey = \"pbx.key\"\n";
    let secure = OFFICE.replace("listen = \"http:", "listen = \"https:") + row + "[sip.tls]\n" + sip;
    let own = "[provisioning]\ncertificate = \"phones.pem\"\nkey = \"phones.key\"\n";
    let stage = Stage::new(&authority.config(&secure)).await;
    let request = format!("GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", stage.path());
    let fetch = async |name: &str| {
        let client = authority.client(name, stage.address.port());
        let TlsPeer { name, client } = client.peers.values().next().expect("a peer").clone();
        let stream = TcpStream::connect(stage.address).await?;
        let sealed = TlsConnector::from(client).connect(name, stream).await?;
        ask(sealed, &request).await
    };
    assert!(fetch("pbx.example").await.unwrap().0.starts_with("HTTP/1.1 200 "));
    assert!(fetch("phones.example").await.is_err());
    stage.provisioner.set(&authority.config(&secure.replace("[provisioning]\n", own)));
    assert!(fetch("phones.example").await.unwrap().0.starts_with("HTTP/1.1 200 "));
    assert!(fetch("pbx.example").await.is_err());
    // Who speaks no TLS is told nothing.
    let stream = TcpStream::connect(stage.address).await.unwrap();
    let plain = tokio::time::timeout(Duration::from_secs(20), ask(stream, &request)).await.unwrap();
    assert!(plain.is_err() || !plain.unwrap().0.contains("200"));
}

#[test]
fn the_certificate_of_phones_is_watched_like_others() {
    let authority = Authority::new();
    authority.sign("phones", &["phones.example"]);
    let text = "[provisioning]\nlisten = \"https:0.0.0.0:8090\"\ncertificate = \"phones.pem\"\nkey = \"phones.key\"\n";
    let config = authority.config(text);
    assert_eq!(config.tls.chains.len(), 1);
    assert!(config.tls.server.is_none() && config.provisioning.tls(&config.tls).is_some());
    assert!(parse("").site().is_none());
}
