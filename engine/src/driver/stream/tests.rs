use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message as Frame, Utf8Bytes};

use super::conversation::REST_OF_MESSAGE;
use super::*;
use crate::config::testing::Authority;
use crate::driver::metrics::Metrics;
use crate::driver::worker::WorkerInput;

fn sealed_connections(workers: Workers, limits: ConnectionLimits, tls: Arc<Tls>) -> Connections {
    let connections = Connections::of_test(workers, limits);
    connections.set_tls(tls);
    connections
}

/// A listener on a free port of this machine.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::from_std(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A client's end of a sealed connection.
async fn shake_hands(client: &Tls, to: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let TlsPeer { name, client } = client.peers.values().next().expect("a peer").clone();
    let stream = TcpStream::connect(to).await?;
    let sealed = TlsConnector::from(client).connect(name, stream).await?;
    Ok(sealed.into())
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    let (_, connection) = stream.get_ref();
    connection.peer_certificates().expect("a certificate")[0].clone().into_owned()
}

const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";
const OK: &[u8] = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A connection from this host of the loopback network, if it is kept open.
async fn connect(from: &str, to: SocketAddr) -> Option<TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    // A ping wants a pong (RFC 5626 §3.5.1); a connection that was closed may take the one, but never brings the other.
    stream.write_all(b"\r\n\r\n").await.ok()?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await.ok()?;
    Some(stream)
}

/// Hostile input: one octet now and then keeps no connection.
#[tokio::test(start_paused = true)]
async fn a_message_must_be_whole_in_time() {
    let (workers, _mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = Connections::of_test(workers, ConnectionLimits::DEFAULT);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tcp, listener));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    let mut octets = b"OPTIONS sip:".iter().cycle();
    let mut answer = [0; 1];
    loop {
        let wrote = stream.write_all(&[*octets.next().unwrap()]).await;
        let ended = timeout(Duration::from_secs(3), stream.read(&mut answer)).await;
        if wrote.is_err() || ended.is_ok() {
            break;
        }
        assert!(begun.elapsed() < 2 * REST_OF_MESSAGE, "it is still open");
    }
    assert!(begun.elapsed() >= REST_OF_MESSAGE);
    accepting.abort();
}

/// Hostile input: pings alone keep no connection.
#[tokio::test(start_paused = true)]
async fn who_only_pings_has_to_say_something_in_time() {
    let (workers, _mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = Connections::of_test(workers, ConnectionLimits::DEFAULT);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tcp, listener));
    let begun = Instant::now();
    let mut stream = connect("127.0.0.1", address).await.unwrap();
    let mut answer = [0; 2];
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let wrote = stream.write_all(b"\r\n\r\n").await;
        if wrote.is_err() || stream.read_exact(&mut answer).await.is_err() {
            break;
        }
        assert!(begun.elapsed() < 2 * FIRST_MESSAGE, "it is still open");
    }
    assert!(begun.elapsed() >= FIRST_MESSAGE);
    accepting.abort();
}

/// Who says much is read in larger pieces, and nothing of it is lost.
#[tokio::test]
async fn a_long_message_arrives_whole() {
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = Connections::of_test(workers, ConnectionLimits::DEFAULT);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tcp, listener));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body: String = ('a'..='z').cycle().take(60_000).collect();
    let sent = format!("MESSAGE sip:a SIP/2.0\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for _ in 0..2 {
        stream.write_all(sent.as_bytes()).await.unwrap();
        let Some(WorkerInput::Message(_, came)) = mailboxes[0].recv().await else { panic!("a message") };
        assert!(came == sent, "{} octets", came.len());
    }
    accepting.abort();
}

#[tokio::test]
async fn connections_beyond_a_limit_are_closed_at_once_and_counted() {
    let metrics = Arc::new(Metrics::new(1));
    let (workers, _mailboxes) = Workers::new(1, Arc::clone(&metrics));
    let limits =
        ConnectionLimits { connections_max: 2, connections_per_source_max: 1, ..ConnectionLimits::DEFAULT };
    let connections = Connections::of_test(workers, limits);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tcp, listener));
    let one = connect("127.0.0.1", address).await;
    assert!(one.is_some());
    assert!(connect("127.0.0.1", address).await.is_none(), "one a source");
    let other = connect("127.0.0.2", address).await;
    assert!(other.is_some());
    assert!(connect("127.0.0.3", address).await.is_none(), "two in all");
    let refusals = metrics.snapshot(0, 0).refusals;
    assert_eq!((refusals.of(Limit::ConnectionsPerSource), refusals.of(Limit::Connections)), (1, 1));
    connections.set_limits(ConnectionLimits::DEFAULT);
    assert!(connect("127.0.0.1", address).await.is_some());
    accepting.abort();
}

/// Hostile input: who asks and does not read has its connection closed, and nothing that it says after that is heard.
#[tokio::test]
async fn who_is_not_written_to_is_not_read() {
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = Connections::of_test(workers, ConnectionLimits::DEFAULT);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tcp, listener));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let question = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(question).await.unwrap();
    let Some(WorkerInput::Message(flow, _)) = mailboxes[0].recv().await else { panic!("a message") };
    let answer = Bytes::from(vec![b' '; 1 << 20]);
    while connections.len() > 0 {
        connections.send(flow, answer.clone());
    }
    drop(stream.write_all(&question.repeat(8)).await);
    let Some(WorkerInput::ConnectionClosed(closed)) = mailboxes[0].recv().await else { panic!("the end") };
    assert_eq!(closed, flow.connection);
    accepting.abort();
}

/// Hostile input: answers to somebody who is gone make one connection, not one each, and it counts.
#[tokio::test]
async fn a_connection_that_is_being_made_takes_all_that_is_to_be_sent_by_it() {
    let metrics = Arc::new(Metrics::new(1));
    let (workers, mut mailboxes) = Workers::new(1, Arc::clone(&metrics));
    let limits =
        ConnectionLimits { connections_max: 2, connections_per_source_max: 1, ..ConnectionLimits::DEFAULT };
    let connections = Connections::of_test(workers, limits);
    let listener = TcpListener::from_std(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
    let remote = listener.local_addr().unwrap();
    let local = "127.0.0.1:5060".parse().unwrap();
    let flow = Flow { transport: Transport::Tcp, local, remote, connection: ConnectionId::default() };
    for number in 0..3 {
        connections.send(flow, Bytes::from(format!("{number}")));
        assert_eq!(connections.len(), 1);
    }
    let nobody = "127.0.0.1:9".parse().unwrap();
    connections.send(Flow { remote: nobody, ..flow }, Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n"));
    assert_eq!(metrics.snapshot(0, 0).refusals.of(Limit::ConnectionsPerSource), 1);
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut came = [0; 3];
    stream.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"012");
    drop(stream);
    let Some(WorkerInput::ConnectionClosed(_)) = mailboxes[0].recv().await else { panic!("the end") };
    assert_eq!(connections.len(), 0);
    // Nobody waits for an answer; somebody does for a request.
    connections.send(Flow { remote: nobody, ..flow }, Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n"));
    while connections.len() > 0 {
        tokio::task::yield_now().await;
    }
    let asked = Flow { remote: nobody, ..flow };
    connections.send(asked, Bytes::from_static(b"OPTIONS sip:a SIP/2.0\r\n\r\n"));
    let Some(WorkerInput::TransportFailed(failed)) = mailboxes[0].recv().await else { panic!("a failure") };
    assert_eq!((failed, connections.len()), (asked, 0));
    // So does who waits behind somebody else, who may name a connection that is gone.
    let gone = Flow { connection: ConnectionId(4_711), ..asked };
    connections.send(gone, Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n"));
    connections.send(asked, Bytes::from_static(b"OPTIONS sip:a SIP/2.0\r\n\r\n"));
    for expected in [gone, asked] {
        let Some(WorkerInput::TransportFailed(failed)) = mailboxes[0].recv().await else {
            panic!("a failure")
        };
        assert_eq!(failed, expected);
    }
    assert!(mailboxes[0].try_recv().is_err());
}

#[tokio::test]
async fn a_message_that_came_sealed_is_answered_by_the_same_connection() {
    let authority = Authority::new();
    authority.sign("pbx", &["pbx.example"]);
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = sealed_connections(workers, ConnectionLimits::DEFAULT, authority.server("pbx"));
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tls, listener));
    let mut stream = shake_hands(&authority.client("pbx.example", 5061), address).await.unwrap();
    stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"\r\n");
    stream.write_all(OPTIONS).await.unwrap();
    let Some(WorkerInput::Message(flow, came)) = mailboxes[0].recv().await else { panic!("a message") };
    assert_eq!((flow.transport, flow.local, &came[..]), (Transport::Tls, address, OPTIONS));
    connections.send(flow, Bytes::from_static(OK));
    let mut answer = vec![0; OK.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, OK);
    // Nobody has proven that the address is his: what is for it without a connection does not go to who came from there.
    connections.send(Flow { connection: ConnectionId::default(), ..flow }, Bytes::from_static(OPTIONS));
    let Some(WorkerInput::TransportFailed(_)) = mailboxes[0].recv().await else { panic!("a failure") };
    drop(stream);
    let Some(WorkerInput::ConnectionClosed(closed)) = mailboxes[0].recv().await else { panic!("the end") };
    assert_eq!((closed, connections.len()), (flow.connection, 0));
    accepting.abort();
}

/// The domains of a certificate are known as long as its connection is there; who shows none, or one that nobody signed, has none.
#[tokio::test]
async fn who_shows_a_certificate_is_known_by_its_domains() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.sign("pbx", &["pbx.example"]);
    authority.sign("own", &["sip.carrier.example", "*.carrier.example"]);
    stranger.sign("own", &["sip.carrier.example"]);
    let server =
        authority.config("[sip.tls]\ncertificate = \"pbx.pem\"\nkey = \"pbx.key\"\nclient_ca = \"ca.pem\"\n");
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = sealed_connections(workers, ConnectionLimits::DEFAULT, server.tls);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tls, listener));
    let client = |signer: Option<&Authority>| {
        let own = signer.map(|signer| signer.directory().join("own").display().to_string());
        let own = own.map(|own| format!("tls_certificate = \"{own}.pem\"\ntls_key = \"{own}.key\"\n"));
        let peer =
            "[sip.tls]\ntrusted_ca = \"ca.pem\"\n[[trunk]]\nname = \"a\"\npeer = \"tls:localhost:5061\"\n";
        let mut tls = (*authority.config(&format!("{peer}{}", own.unwrap_or_default())).tls).clone();
        tls.peers.values_mut().for_each(|peer| peer.name = "pbx.example".try_into().unwrap());
        tls
    };
    for (signer, is_known) in [(Some(&authority), true), (None, false)] {
        let mut stream = shake_hands(&client(signer), address).await.unwrap();
        stream.write_all(OPTIONS).await.unwrap();
        let Some(WorkerInput::Message(flow, _)) = mailboxes[0].recv().await else { panic!("a message") };
        assert_eq!(connections.certificates().len(), usize::from(is_known));
        drop(stream);
        let Some(WorkerInput::ConnectionClosed(closed)) = mailboxes[0].recv().await else {
            panic!("the end")
        };
        assert_eq!((closed, connections.certificates().is_empty()), (flow.connection, true));
    }
    // By TLS 1.3 the client's part is over before the server has looked at what it shows.
    let mut stream = shake_hands(&client(Some(&stranger)), address).await.unwrap();
    drop(stream.write_all(OPTIONS).await);
    assert!(stream.read(&mut [0; 1]).await.is_err(), "an alert");
    assert!(mailboxes[0].try_recv().is_err() && connections.certificates().is_empty());
    accepting.abort();
}

#[test]
fn of_a_certificate_its_names_are_read() {
    let authority = Authority::new();
    let names = authority.sign("names", &["sip.carrier.example", "*.carrier.example", "192.0.2.1"]);
    assert_eq!(domains(names.der()), ["sip.carrier.example"]);
    let uri = authority.sign_with("uri", &["sip.carrier.example"], |params| {
        let uri = "sip:carrier.example".try_into().unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI(uri));
    });
    assert_eq!(domains(uri.der()), ["carrier.example"]);
    assert!(domains(&CertificateDer::from_slice(b"no certificate")).is_empty());
}

/// What is for a sealed connection never leaves by a plain one to the same address, nor is one opened.
#[tokio::test]
async fn nothing_sealed_finds_a_plain_connection() {
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = Connections::of_test(workers, ConnectionLimits::DEFAULT);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tcp, listener));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(OPTIONS).await.unwrap();
    let Some(WorkerInput::Message(flow, _)) = mailboxes[0].recv().await else { panic!("a message") };
    for transport in [Transport::Tls, Transport::Ws, Transport::Wss] {
        let sealed = Flow { transport, connection: ConnectionId::default(), ..flow };
        connections.send(sealed, Bytes::from_static(OPTIONS));
        let Some(WorkerInput::TransportFailed(failed)) = mailboxes[0].recv().await else {
            panic!("a failure")
        };
        assert_eq!((failed, connections.len()), (sealed, 1));
    }
    let plain = Flow { connection: ConnectionId::default(), ..flow };
    connections.send(plain, Bytes::from_static(OK));
    let mut answer = vec![0; OK.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, OK, "the first that it heard");
    accepting.abort();
}

#[tokio::test]
async fn a_peer_by_tls_must_have_the_name_that_is_configured() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let mut cases = Vec::new();
    for (signer, name, expected, is_taken) in [
        (&authority, "sip.carrier.example", "sip.carrier.example", true),
        (&authority, "*.carrier.example", "sip.carrier.example", true),
        (&authority, "evil.example", "sip.carrier.example", false),
        (&stranger, "sip.carrier.example", "sip.carrier.example", false),
    ] {
        signer.sign("carrier", &[name]);
        cases.push((signer.server("carrier").server.clone().unwrap(), expected, is_taken));
    }
    for (server, expected, is_taken) in cases {
        let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
        let (listener, remote) = listener();
        let tls = authority.client(expected, remote.port());
        let connections = sealed_connections(workers, ConnectionLimits::DEFAULT, tls);
        let local = "127.0.0.1:5061".parse().unwrap();
        let flow = Flow { transport: Transport::Tls, local, remote, connection: ConnectionId::default() };
        connections.send(flow, Bytes::from_static(OPTIONS));
        let (stream, _) = listener.accept().await.unwrap();
        let accepted = TlsAcceptor::from(server).accept(stream).await;
        if is_taken {
            let mut stream = accepted.unwrap();
            let mut came = vec![0; OPTIONS.len()];
            stream.read_exact(&mut came).await.unwrap();
            assert_eq!(came, OPTIONS);
            assert_eq!(stream.get_ref().1.server_name(), Some(expected));
            stream.write_all(OK).await.unwrap();
            let Some(WorkerInput::Message(from, _)) = mailboxes[0].recv().await else { panic!("an answer") };
            assert_eq!((from.transport, from.remote, from.local), (Transport::Tls, remote, local));
            assert_eq!(connections.certificates().len(), 1, "the one name that was asked for");
        } else {
            let Some(WorkerInput::TransportFailed(failed)) = mailboxes[0].recv().await else {
                panic!("a failure")
            };
            assert_eq!((failed, connections.len()), (flow, 0));
            // TLS 1.3 lets a server believe for a moment that all is well.
            if let Ok(mut stream) = accepted {
                assert!(stream.read(&mut [0; 1]).await.is_err(), "nothing was said");
            }
        }
    }
}

/// A phone cannot be dialled: nobody knows what its certificate must say.
#[tokio::test]
async fn who_has_no_name_is_not_dialled() {
    let authority = Authority::new();
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let (listener, remote) = listener();
    let tls = authority.client("sip.carrier.example", remote.port().wrapping_add(1));
    let connections = sealed_connections(workers, ConnectionLimits::DEFAULT, tls);
    let local = "127.0.0.1:5061".parse().unwrap();
    let flow = Flow { transport: Transport::Tls, local, remote, connection: ConnectionId(7) };
    connections.send(flow, Bytes::from_static(OPTIONS));
    let Some(WorkerInput::TransportFailed(failed)) = mailboxes[0].recv().await else { panic!("a failure") };
    assert_eq!((failed, connections.len()), (flow, 0));
    assert!(timeout(Duration::from_millis(20), listener.accept()).await.is_err());
}

/// Hostile input: a handshake has to be over in time, however much of it comes.
#[tokio::test(start_paused = true)]
async fn a_handshake_must_be_over_in_time() {
    let authority = Authority::new();
    authority.sign("pbx", &["pbx.example"]);
    let (workers, _mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = sealed_connections(workers, ConnectionLimits::DEFAULT, authority.server("pbx"));
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tls, listener));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    // A record of 512 octets that holds a ClientHello.
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[0; 500]].concat();
    let mut answer = [0; 1];
    for octet in hello {
        let wrote = stream.write_all(&[octet]).await;
        let ended = timeout(Duration::from_secs(1), stream.read(&mut answer)).await;
        if wrote.is_err() || ended.is_ok() {
            break;
        }
        assert!(begun.elapsed() < 2 * FIRST_MESSAGE, "it is still open");
    }
    assert!(begun.elapsed() >= FIRST_MESSAGE);
    while connections.len() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(connections.shared.handshakes.load(Ordering::Relaxed), 0);
    accepting.abort();
}

/// Hostile input: who speaks SIP where TLS is spoken is not answered, and nothing of it is heard.
#[tokio::test]
async fn who_shakes_no_hands_is_not_heard() {
    let authority = Authority::new();
    authority.sign("pbx", &["pbx.example"]);
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = sealed_connections(workers, ConnectionLimits::DEFAULT, authority.server("pbx"));
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tls, listener));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&OPTIONS.repeat(10)).await.unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    // An alert of TLS at most (RFC 8446 §6).
    assert!(answer.len() <= 7 && answer.first().is_none_or(|first| *first == 0x15), "{answer:?}");
    while connections.len() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(mailboxes[0].try_recv().is_err(), "no worker heard of it");
    accepting.abort();
}

#[tokio::test]
async fn handshakes_beyond_a_limit_are_closed_at_once_and_counted() {
    let authority = Authority::new();
    authority.sign("pbx", &["pbx.example"]);
    let metrics = Arc::new(Metrics::new(1));
    let (workers, _mailboxes) = Workers::new(1, Arc::clone(&metrics));
    let limits = ConnectionLimits {
        handshakes_max: 1,
        handshakes_per_second_per_source: 3,
        ..ConnectionLimits::DEFAULT
    };
    let connections = sealed_connections(workers, limits, authority.server("pbx"));
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tls, listener));
    let client = authority.client("pbx.example", 5061);
    let idle = TcpStream::connect(address).await.unwrap();
    while connections.len() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(shake_hands(&client, address).await.is_err(), "one at once");
    drop(idle);
    while connections.len() > 0 {
        tokio::task::yield_now().await;
    }
    let open = [shake_hands(&client, address).await, shake_hands(&client, address).await];
    assert!(open.iter().all(Result::is_ok), "what is over counts no more");
    assert!(shake_hands(&client, address).await.is_err(), "three a second");
    let refusals = metrics.snapshot(0, 0).refusals;
    let counted = (refusals.of(Limit::Handshakes), refusals.of(Limit::HandshakesPerSecondPerSource));
    assert_eq!(counted, (1, 1));
    accepting.abort();
}

#[tokio::test]
async fn a_changed_certificate_is_shown_from_the_next_handshake_on() {
    let authority = Authority::new();
    let certificates = ["old", "new"].map(|file| authority.sign(file, &["pbx.example"]));
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = sealed_connections(workers, ConnectionLimits::DEFAULT, authority.server("old"));
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Tls, listener));
    let mut before = shake_hands(&authority.client("pbx.example", 5061), address).await.unwrap();
    connections.set_tls(authority.server("new"));
    let after = shake_hands(&authority.client("pbx.example", 5061), address).await.unwrap();
    assert_eq!([shown(&before), shown(&after)], certificates.map(|one| one.der().clone()));
    before.write_all(OPTIONS).await.unwrap();
    assert!(matches!(mailboxes[0].recv().await, Some(WorkerInput::Message(..))), "it stays");
    accepting.abort();
}

#[tokio::test]
async fn a_connection_ends_when_another_name_is_expected_at_its_address() {
    let authority = Authority::new();
    authority.sign("carrier", &["sip.carrier.example"]);
    let server = authority.server("carrier").server.clone().unwrap();
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let (listener, remote) = listener();
    let tls = |name| authority.client(name, remote.port());
    let connections = sealed_connections(workers, ConnectionLimits::DEFAULT, tls("sip.carrier.example"));
    let local = "127.0.0.1:5061".parse().unwrap();
    let flow = Flow { transport: Transport::Tls, local, remote, connection: ConnectionId::default() };
    connections.send(flow, Bytes::from_static(OPTIONS));
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = TlsAcceptor::from(server).accept(stream).await.unwrap();
    stream.write_all(OK).await.unwrap();
    assert!(matches!(mailboxes[0].recv().await, Some(WorkerInput::Message(..))));
    connections.set_tls(tls("sip.carrier.example"));
    stream.write_all(OK).await.unwrap();
    assert!(matches!(mailboxes[0].recv().await, Some(WorkerInput::Message(..))), "the same name");
    connections.set_tls(tls("sip.other.example"));
    assert!(matches!(mailboxes[0].recv().await, Some(WorkerInput::ConnectionClosed(_))));
    connections.send(flow, Bytes::from_static(OPTIONS));
    assert!(
        matches!(mailboxes[0].recv().await, Some(WorkerInput::TransportFailed(failed)) if failed == flow)
    );
}

/// A browser's end of a WebSocket that asks for this subprotocol from a page of this origin.
async fn browse(
    to: SocketAddr,
    subprotocol: &'static str,
    origin: &'static str,
) -> Result<WebSocketStream<TcpStream>, Error> {
    let mut request = format!("ws://{to}/").into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static(subprotocol));
    headers.insert("Origin", HeaderValue::from_static(origin));
    let stream = TcpStream::connect(to).await.unwrap();
    client_async(request, stream).await.map(|(socket, _)| socket)
}

fn text(bytes: &'static [u8]) -> Frame {
    Frame::Text(Utf8Bytes::try_from(Bytes::from_static(bytes)).unwrap())
}

#[tokio::test]
async fn a_message_is_a_frame_of_a_websocket() {
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = Connections::of_test(workers, ConnectionLimits::DEFAULT);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Ws, listener));
    let mut socket = browse(address, "chat, sip", "https://phone.example").await.unwrap();
    socket.send(text(b"\r\n\r\n")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), text(b"\r\n"));
    // Without a length, which a frame has itself (RFC 7118 §5).
    let message: &[u8] = b"OPTIONS sip:a SIP/2.0\r\n\r\n";
    for sent in [text(message), Frame::Binary(Bytes::from_static(message))] {
        socket.send(sent).await.unwrap();
        let Some(WorkerInput::Message(flow, came)) = mailboxes[0].recv().await else { panic!("a message") };
        assert_eq!((flow.transport, &came[..]), (Transport::Ws, message));
        connections.send(flow, Bytes::from_static(OK));
        assert_eq!(socket.next().await.unwrap().unwrap(), text(OK));
        connections.send(flow, Bytes::from_static(b"MESSAGE\xff"));
        let binary = Frame::Binary(Bytes::from_static(b"MESSAGE\xff"));
        assert_eq!(socket.next().await.unwrap().unwrap(), binary, "it is no text");
    }
    socket.close(None).await.unwrap();
    let Some(WorkerInput::ConnectionClosed(_)) = mailboxes[0].recv().await else { panic!("the end") };
    assert_eq!(connections.len(), 0);
    accepting.abort();
}

#[tokio::test]
async fn the_door_is_for_sip_and_for_pages_that_may() {
    let (workers, _mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let origins = vec!["https://phone.example".to_owned()];
    let (limits, admission) = (ConnectionLimits::DEFAULT, Arc::new(Admission::new(clock::now())));
    let tls = Arc::default();
    let connections = Connections::new(Handle::current(), workers, 0, limits, admission, tls, origins);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Ws, listener));
    for (subprotocol, origin, status) in [
        ("sip", "https://Phone.example", None),
        ("msrp", "https://phone.example", Some(400)),
        ("sip", "https://evil.example", Some(403)),
    ] {
        let refused = match browse(address, subprotocol, origin).await {
            Ok(_) => None,
            Err(Error::Http(response)) => Some(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(refused, status, "{subprotocol} {origin}");
    }
    accepting.abort();
}

/// Hostile input: half a head, a head of an octet now and then, and frames that are too long.
#[tokio::test(start_paused = true)]
async fn a_websocket_has_limits() {
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = Connections::of_test(workers, ConnectionLimits::DEFAULT);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Ws, listener));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert!(matches!(stream.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    assert!(begun.elapsed() >= FIRST_MESSAGE && begun.elapsed() < 2 * FIRST_MESSAGE);

    let mut socket = browse(address, "sip", "https://phone.example").await.unwrap();
    drop(socket.send(Frame::Binary(vec![b' '; 70_000].into())).await);
    while let Some(Ok(frame)) = socket.next().await {
        assert!(frame.is_close(), "{frame:?}");
    }
    while connections.len() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(mailboxes[0].try_recv(), Ok(WorkerInput::ConnectionClosed(_))), "nothing was heard");
    accepting.abort();
}

/// Who answers pings stays; who does not is gone.
#[tokio::test(start_paused = true)]
async fn who_answers_no_ping_is_gone() {
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = Connections::of_test(workers, ConnectionLimits::DEFAULT);
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Ws, listener));
    let mut socket = browse(address, "sip", "https://phone.example").await.unwrap();
    socket.send(text(OPTIONS)).await.unwrap();
    let Some(WorkerInput::Message(..)) = mailboxes[0].recv().await else { panic!("a message") };
    let begun = Instant::now();
    for _ in 0..10 {
        assert!(socket.next().await.unwrap().unwrap().is_ping());
        // It answers when it is used.
        socket.flush().await.unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_secs(250));
    let silent = Instant::now();
    let Some(WorkerInput::ConnectionClosed(_)) = mailboxes[0].recv().await else { panic!("the end") };
    assert!(silent.elapsed() <= Duration::from_secs(76));
    accepting.abort();
}

#[tokio::test]
async fn a_websocket_may_be_sealed() {
    let authority = Authority::new();
    authority.sign("pbx", &["pbx.example"]);
    let (workers, mut mailboxes) = Workers::new(1, Arc::new(Metrics::new(1)));
    let connections = sealed_connections(workers, ConnectionLimits::DEFAULT, authority.server("pbx"));
    let (listener, address) = listener();
    let accepting = tokio::spawn(connections.clone().accept(Transport::Wss, listener));
    let stream = shake_hands(&authority.client("pbx.example", 5061), address).await.unwrap();
    let mut request = "wss://pbx.example/".into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    socket.send(text(OPTIONS)).await.unwrap();
    let Some(WorkerInput::Message(flow, _)) = mailboxes[0].recv().await else { panic!("a message") };
    assert_eq!(flow.transport, Transport::Wss);
    connections.send(flow, Bytes::from_static(OK));
    assert_eq!(socket.next().await.unwrap().unwrap(), text(OK));
    accepting.abort();
}
