//! Streams, plain, sealed and of WebSockets: listeners, connections, and the table by which a message finds the connection that it must leave by.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use dashmap::DashMap;
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use tokio_tungstenite::WebSocketStream;
use trunkline_sip::admission::{Admission, Limit, network};
use trunkline_sip::certificates::{self, Certificates};
use trunkline_sip::ids::ConnectionId;
use trunkline_sip::transport::{Flow, Transport};

use self::conversation::Conversation;
use super::clock;
use super::mark::mark;
use super::worker::Workers;
use crate::config::{ConnectionLimits, Tls, TlsPeer};

mod conversation;
mod websocket;

/// Messages that wait to be written to one connection. Full: the peer does not read, the connection is closed.
const WRITE_QUEUE: usize = 1_024;

/// A new connection must have sent its first message within this time, its handshake included; pings are none.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// How an answer begins. A request begins with its method.
const ANSWER: &[u8] = b"SIP/2.0 ";

/// A connection must be made within this time, its handshake included.
const CONNECT: Duration = Duration::from_secs(4);

/// All connections. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    runtime: Handle,
    workers: Workers,
    /// What packets are marked with.
    dscp: u8,
    next: AtomicU64,
    writers: DashMap<ConnectionId, mpsc::Sender<Bytes>>,
    /// Nothing that is for a sealed connection may find a plain one to the same address.
    by_remote: DashMap<(Transport, SocketAddr), ConnectionId>,
    /// By what [`network`] takes for one source.
    per_source: DashMap<u64, usize>,
    limits: ArcSwap<ConnectionLimits>,
    /// Counts handshakes by source.
    admission: Arc<Admission>,
    /// Handshakes of those who came that are not over, and by source.
    handshakes: AtomicUsize,
    shaking: DashMap<u64, usize>,
    tls: ArcSwap<Tls>,
    /// Who far ends have proven to be.
    certificates: Arc<Certificates>,
    /// Web pages that may connect; none named: all.
    origins: Vec<String>,
}

/// A connection before anything is said on it.
enum Made {
    Plain(TcpStream),
    Sealed(Box<TlsStream<TcpStream>>),
    WebSocket(Box<WebSocketStream<TcpStream>>),
    SealedWebSocket(Box<WebSocketStream<TlsStream<TcpStream>>>),
}

/// How a connection is opened.
enum Way {
    Plain,
    /// To whoever has a certificate for this name.
    Sealed(TlsPeer),
}

/// A handshake that counts, with its source, as long as it is not over.
struct Handshake(Connections, u64);

/// One source may have this part of all handshakes: who says nothing keeps nobody else out.
const SHARE_OF_HANDSHAKES: usize = 8;

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.shared.handshakes.fetch_sub(1, Ordering::Relaxed);
        self.0.shared.shaking.remove_if_mut(&self.1, |_, held| {
            *held = held.saturating_sub(1);
            *held == 0
        });
    }
}

impl Connections {
    pub(crate) fn new(
        runtime: Handle,
        workers: Workers,
        dscp: u8,
        limits: ConnectionLimits,
        admission: Arc<Admission>,
        tls: Arc<Tls>,
        origins: Vec<String>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                runtime,
                workers,
                dscp,
                next: AtomicU64::new(1),
                writers: DashMap::new(),
                by_remote: DashMap::new(),
                per_source: DashMap::new(),
                limits: ArcSwap::from_pointee(limits),
                admission,
                handshakes: AtomicUsize::new(0),
                shaking: DashMap::new(),
                tls: ArcSwap::new(tls),
                certificates: Arc::default(),
                origins,
            }),
        }
    }

    /// Changes the limits. Connections beyond them stay.
    pub(crate) fn set_limits(&self, limits: ConnectionLimits) {
        self.shared.limits.store(Arc::new(limits));
    }

    /// Changes what is shown and asked for in handshakes that begin after this. Connections stay, but those to an address at which
    /// another name is expected now: what is for that name is not for who proved to be the one before.
    pub(crate) fn set_tls(&self, tls: Arc<Tls>) {
        let before = self.shared.tls.swap(Arc::clone(&tls));
        let is_other = |remote: &SocketAddr| {
            let name = tls.peers.get(remote).map(|peer| &peer.name);
            name.is_some() && name != before.peers.get(remote).map(|peer| &peer.name)
        };
        let by_remote = self.shared.by_remote.iter();
        let sealed = by_remote.filter(|entry| entry.key().0 == Transport::Tls && is_other(&entry.key().1));
        let ended: Vec<_> = sealed.map(|entry| *entry.value()).collect();
        ended.into_iter().for_each(|id| self.close(id));
    }

    /// Who the far ends of connections by TLS have proven to be.
    pub(crate) fn certificates(&self) -> &Arc<Certificates> {
        &self.shared.certificates
    }

    /// Connections that are open.
    pub(crate) fn len(&self) -> usize {
        self.shared.writers.len()
    }

    /// Accepts on a listener of this transport until the task is dropped.
    pub(crate) async fn accept(self, transport: Transport, listener: TcpListener) {
        loop {
            let Ok((stream, remote)) = listener.accept().await else {
                // Out of descriptors: wait for one to come back rather than spin.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            if !self.may_open(remote.ip()) {
                continue;
            }
            let handshake = transport.is_secure().then(|| self.begin_handshake(remote.ip()));
            if !matches!(handshake, Some(None)) {
                self.run(transport, stream, remote, handshake.flatten());
            }
        }
    }

    /// Sends by the flow's connection, else by one of the same transport to the same address, else by a new one.
    pub(crate) fn send(&self, flow: Flow, bytes: Bytes) {
        let known = self.shared.by_remote.get(&(flow.transport, flow.remote)).map(|id| *id);
        for id in [Some(flow.connection), known].into_iter().flatten() {
            let Some(writer) = self.shared.writers.get(&id).map(|writer| writer.clone()) else { continue };
            match writer.try_send(bytes.clone()) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.close(id);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
        self.open(flow, bytes);
    }

    /// Closes a connection: what waits to be written is dropped with it.
    pub(crate) fn close(&self, id: ConnectionId) {
        self.shared.writers.remove(&id);
    }

    /// Whether there may be one more with this address; if not, that is counted.
    fn may_open(&self, source: IpAddr) -> bool {
        let limits = self.shared.limits.load();
        let held = self.shared.per_source.get(&network(source)).map_or(0, |count| *count);
        let beyond = if self.len() >= limits.connections_max {
            Some(Limit::Connections)
        } else {
            (held >= limits.connections_per_source_max).then_some(Limit::ConnectionsPerSource)
        };
        if let Some(limit) = beyond {
            self.shared.workers.count_refusal(limit);
        }
        beyond.is_none()
    }

    /// One more handshake, if there may be one from this address; if not, that is counted.
    fn begin_handshake(&self, source: IpAddr) -> Option<Handshake> {
        let limits = self.shared.limits.load();
        let per_second = limits.handshakes_per_second_per_source;
        let key = network(source);
        let held = self.shared.shaking.get(&key).map_or(0, |held| *held);
        let is_full = self.shared.handshakes.load(Ordering::Relaxed) >= limits.handshakes_max;
        let begun = if is_full || held >= limits.handshakes_max.div_ceil(SHARE_OF_HANDSHAKES) {
            Err(Limit::Handshakes)
        } else {
            self.shared.admission.handshake(clock::now(), per_second, source)
        };
        match begun {
            Ok(()) => {
                self.shared.handshakes.fetch_add(1, Ordering::Relaxed);
                *self.shared.shaking.entry(key).or_insert(0) += 1;
                Some(Handshake(self.clone(), key))
            }
            Err(limit) => {
                self.shared.workers.count_refusal(limit);
                None
            }
        }
    }

    /// How a peer is reached that has no connection. Whoever has no name cannot be told from another by his certificate.
    fn way(&self, flow: Flow) -> Option<Way> {
        match flow.transport {
            Transport::Tcp => Some(Way::Plain),
            Transport::Tls => self.shared.tls.load().peers.get(&flow.remote).cloned().map(Way::Sealed),
            Transport::Udp | Transport::Ws | Transport::Wss => None,
        }
    }

    /// Opens a connection, which counts from this moment on: whoever has to be told much while it is being made is told by it.
    fn open(&self, flow: Flow, bytes: Bytes) {
        let way = self.way(flow);
        let Some(way) = way.filter(|_| self.may_open(flow.remote.ip())) else {
            self.not_sent(flow, &bytes);
            return;
        };
        let (id, queue) = self.admit(flow.remote.ip());
        self.enter(Flow { connection: id, ..flow });
        if let Some(writer) = self.shared.writers.get(&id) {
            // The queue of a new connection is empty.
            drop(writer.try_send(bytes));
        }
        let connections = self.clone();
        let asked = flow;
        self.shared.runtime.spawn(async move {
            let flow = Flow { connection: id, ..flow };
            let made = connections.connect(flow, way).await;
            // One that had more to say than waits is closed by then.
            if let Some(made) = made
                && connections.shared.writers.contains_key(&id)
            {
                let until = Instant::now() + FIRST_MESSAGE;
                connections.converse(made, flow, queue, until).await;
                connections.forget(flow);
                connections.shared.workers.connection_closed(id);
            } else {
                connections.forget(flow);
                connections.none_sent(asked, queue);
            }
        });
    }

    /// Makes a connection.
    async fn connect(&self, flow: Flow, way: Way) -> Option<Made> {
        let until = Instant::now() + CONNECT;
        let stream = timeout_at(until, TcpStream::connect(flow.remote)).await.ok()?.ok()?;
        self.prepare(&stream, flow.remote);
        match way {
            Way::Plain => Some(Made::Plain(stream)),
            Way::Sealed(TlsPeer { name, client }) => {
                let connector = TlsConnector::from(client);
                let error = match timeout_at(until, connector.connect(name.clone(), stream)).await {
                    Ok(Ok(sealed)) => {
                        // It was checked for this name, and for no other.
                        self.shared.certificates.note(flow.connection, [name.to_str().as_ref()]);
                        return Some(Made::Sealed(Box::new(sealed.into())));
                    }
                    Ok(Err(error)) => error,
                    Err(_) => io::ErrorKind::TimedOut.into(),
                };
                let name = name.to_str();
                tracing::warn!(remote = %flow.remote, %name, %error, "a TLS connection was not made");
                None
            }
        }
    }

    /// Tells who asked something that it was not sent. Nobody waits to hear that of an answer.
    fn not_sent(&self, flow: Flow, bytes: &[u8]) {
        if !bytes.starts_with(ANSWER) {
            self.shared.workers.transport_failed(flow);
        }
    }

    /// The same of all that waited for a connection that was not made, by this flow or by none yet.
    fn none_sent(&self, flow: Flow, mut queue: mpsc::Receiver<Bytes>) {
        queue.close();
        while let Ok(bytes) = queue.try_recv() {
            if bytes.starts_with(ANSWER) {
                continue;
            }
            self.shared.workers.transport_failed(flow);
            if flow.connection != ConnectionId::default() {
                self.shared.workers.transport_failed(Flow { connection: ConnectionId::default(), ..flow });
            }
            return;
        }
    }

    /// Runs a connection that came.
    fn run(&self, transport: Transport, stream: TcpStream, remote: SocketAddr, handshake: Option<Handshake>) {
        let (id, queue) = self.admit(remote.ip());
        let connections = self.clone();
        self.shared.runtime.spawn(async move {
            let until = Instant::now() + FIRST_MESSAGE;
            let local = stream.local_addr().unwrap_or(remote);
            let flow = Flow { transport, local, remote, connection: id };
            let made = connections.welcome(flow, stream, until).await;
            drop(handshake);
            if let Some(made) = made {
                // Who came by a sealed one has not proven that the address is his: it is found by its own number alone (RFC 5923 §4).
                if !transport.is_secure() {
                    connections.enter(flow);
                }
                connections.converse(made, flow, queue, until).await;
                connections.forget(flow);
                connections.shared.workers.connection_closed(id);
            } else {
                // Nothing ever came by it: nobody knows it.
                connections.forget(flow);
            }
        });
    }

    /// Shakes hands with who came, as the transport asks for it. Who speaks anything else is not answered.
    async fn welcome(&self, flow: Flow, stream: TcpStream, until: Instant) -> Option<Made> {
        self.prepare(&stream, flow.remote);
        let made = match timeout_at(until, self.shake_hands(flow, stream)).await {
            Ok(made) => made,
            Err(_) => Err("it was not over in time".into()),
        };
        made.inspect_err(|error| tracing::debug!(remote = %flow.remote, %error, "a handshake failed")).ok()
    }

    async fn shake_hands(
        &self,
        flow: Flow,
        stream: TcpStream,
    ) -> Result<Made, Box<dyn std::error::Error + Send + Sync>> {
        let origins = &self.shared.origins;
        match flow.transport {
            Transport::Udp | Transport::Tcp => Ok(Made::Plain(stream)),
            Transport::Tls => {
                let sealed = self.seal(stream).await?;
                let (_, handshake) = sealed.get_ref();
                let shown = handshake.peer_certificates().and_then(<[_]>::first);
                self.shared.certificates.note(flow.connection, shown.map(domains).unwrap_or_default());
                Ok(Made::Sealed(Box::new(sealed)))
            }
            Transport::Ws => Ok(Made::WebSocket(Box::new(websocket::welcome(stream, origins).await?))),
            Transport::Wss => {
                let sealed = self.seal(stream).await?;
                Ok(Made::SealedWebSocket(Box::new(websocket::welcome(sealed, origins).await?)))
            }
        }
    }

    async fn seal(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let server = self.shared.tls.load().server.clone().ok_or(io::ErrorKind::Unsupported)?;
        Ok(TlsAcceptor::from(server).accept(stream).await?.into())
    }

    fn prepare(&self, stream: &TcpStream, remote: SocketAddr) {
        // A small message must not wait for a larger one.
        drop(stream.set_nodelay(true));
        mark(stream, self.shared.dscp, remote.is_ipv6());
    }

    /// Counts a connection; what is to be written comes out of the queue.
    fn admit(&self, source: IpAddr) -> (ConnectionId, mpsc::Receiver<Bytes>) {
        let id = ConnectionId(self.shared.next.fetch_add(1, Ordering::Relaxed));
        let (sender, queue) = mpsc::channel(WRITE_QUEUE);
        self.shared.writers.insert(id, sender);
        *self.shared.per_source.entry(network(source)).or_insert(0) += 1;
        (id, queue)
    }

    /// Lets messages to its address find a connection.
    fn enter(&self, flow: Flow) {
        self.shared.by_remote.insert((flow.transport, flow.remote), flow.connection);
    }

    async fn converse(&self, made: Made, flow: Flow, queue: mpsc::Receiver<Bytes>, first_until: Instant) {
        // It may be closed already.
        let Some(answers) = self.shared.writers.get(&flow.connection).map(|writer| writer.downgrade()) else {
            return;
        };
        let workers = self.shared.workers.clone();
        let conversation = Conversation { flow, workers, queue, answers, first_until };
        match made {
            Made::Plain(stream) => {
                let (reader, writer) = stream.into_split();
                conversation.hold(reader, writer).await;
            }
            Made::Sealed(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                conversation.hold(reader, writer).await;
            }
            Made::WebSocket(socket) => conversation.hold_websocket(*socket).await,
            Made::SealedWebSocket(socket) => conversation.hold_websocket(*socket).await,
        }
    }

    fn forget(&self, flow: Flow) {
        let Flow { transport, remote, connection, .. } = flow;
        self.shared.writers.remove(&connection);
        self.shared.certificates.forget(connection);
        self.shared.by_remote.remove_if(&(transport, remote), |_, known| *known == connection);
        self.shared.per_source.remove_if_mut(&network(remote.ip()), |_, count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
    }
}

/// The domains of a certificate, which was verified: only who is signed for comes as far as this.
fn domains<'a>(certificate: &'a CertificateDer<'_>) -> Vec<&'a str> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificates::domains(certificate.valid_uri_names(), certificate.valid_dns_names())
}

/// Binds a listener.
///
/// # Errors
/// What the kernel says.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(1_024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
impl Connections {
    /// Those of a test, without certificates.
    pub(crate) fn of_test(workers: Workers, limits: ConnectionLimits) -> Self {
        let admission = Arc::new(Admission::new(clock::now()));
        Self::new(Handle::current(), workers, 0, limits, admission, Arc::default(), Vec::new())
    }
}

#[cfg(test)]
mod tests;
