//! TCP: listeners, connections, and the table by which a message finds the connection that it must leave by.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use dashmap::DashMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use trunkline_sip::admission::{Limit, network};
use trunkline_sip::ids::ConnectionId;
use trunkline_sip::stream::{Frame, Framer, PONG};
use trunkline_sip::transport::{Flow, Transport};

use super::mark::mark;
use super::worker::{WorkerInput, Workers};
use crate::config::ConnectionLimits;

/// Messages that wait to be written to one connection. Full: the peer does not read, the connection is closed.
const WRITE_QUEUE: usize = 1_024;

/// A new connection must have sent its first message within this time; pings are none.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// A connection that has sent one is closed after this time without traffic: longer than a registration and Timer B together.
const IDLE: Duration = Duration::from_secs(7_200 + 64);

/// A message that has begun must be complete within this time.
const REST_OF_MESSAGE: Duration = Duration::from_secs(10);

/// What a connection reads at once: little, for most hardly ever say anything; more once it says much.
const READ_MIN: usize = 1_024;
const READ_MAX: usize = 16_384;

/// How an answer begins. A request begins with its method.
const ANSWER: &[u8] = b"SIP/2.0 ";

/// A message must be written within this time.
const WRITE: Duration = Duration::from_secs(5);

/// A connection must be made within this time.
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
    by_remote: DashMap<SocketAddr, ConnectionId>,
    /// By what [`network`] takes for one source.
    per_source: DashMap<u64, usize>,
    limits: ArcSwap<ConnectionLimits>,
}

impl Connections {
    pub(crate) fn new(runtime: Handle, workers: Workers, dscp: u8, limits: ConnectionLimits) -> Self {
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
            }),
        }
    }

    /// Changes the limits. Connections beyond them stay.
    pub(crate) fn set_limits(&self, limits: ConnectionLimits) {
        self.shared.limits.store(Arc::new(limits));
    }

    /// Connections that are open.
    pub(crate) fn len(&self) -> usize {
        self.shared.writers.len()
    }

    /// Accepts on a listener until the task is dropped.
    pub(crate) async fn accept(self, listener: TcpListener) {
        loop {
            let Ok((stream, remote)) = listener.accept().await else {
                // Out of descriptors: wait for one to come back rather than spin.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            if self.may_open(remote.ip()) {
                self.run(stream, remote);
            }
        }
    }

    /// Sends by the flow's connection, else by one to the same address, else by a new one.
    pub(crate) fn send(&self, flow: Flow, bytes: Bytes) {
        let known = self.shared.by_remote.get(&flow.remote).map(|id| *id);
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

    /// Opens a connection, which counts from this moment on: whoever has to be told much while it is being made is told by it.
    fn open(&self, flow: Flow, bytes: Bytes) {
        if !self.may_open(flow.remote.ip()) {
            self.not_sent(flow, &bytes);
            return;
        }
        let (id, queue) = self.admit(flow.remote);
        if let Some(writer) = self.shared.writers.get(&id) {
            // The queue of a new connection is empty.
            drop(writer.try_send(bytes));
        }
        let connections = self.clone();
        self.shared.runtime.spawn(async move {
            let made = timeout(CONNECT, TcpStream::connect(flow.remote)).await;
            // One that had more to say than waits is closed by then.
            if let Ok(Ok(stream)) = made
                && connections.shared.writers.contains_key(&id)
            {
                connections.converse(stream, Flow { connection: id, ..flow }, queue).await;
                connections.forget(id, flow.remote);
                connections.shared.workers.connection_closed(id);
            } else {
                connections.forget(id, flow.remote);
                connections.none_sent(flow, queue);
            }
        });
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
    fn run(&self, stream: TcpStream, remote: SocketAddr) {
        let (id, queue) = self.admit(remote);
        let connections = self.clone();
        self.shared.runtime.spawn(async move {
            if let Ok(local) = stream.local_addr() {
                let flow = Flow { transport: Transport::Tcp, local, remote, connection: id };
                connections.converse(stream, flow, queue).await;
            }
            connections.forget(id, remote);
            connections.shared.workers.connection_closed(id);
        });
    }

    /// Enters a connection into the tables; what is to be written comes out of the queue.
    fn admit(&self, remote: SocketAddr) -> (ConnectionId, mpsc::Receiver<Bytes>) {
        let id = ConnectionId(self.shared.next.fetch_add(1, Ordering::Relaxed));
        let (sender, queue) = mpsc::channel(WRITE_QUEUE);
        self.shared.writers.insert(id, sender);
        self.shared.by_remote.insert(remote, id);
        *self.shared.per_source.entry(network(remote.ip())).or_insert(0) += 1;
        (id, queue)
    }

    /// Reads and writes until either ends. `flow.local` of a connection that was opened here is the listener, not the port that the
    /// kernel chose.
    async fn converse(&self, stream: TcpStream, flow: Flow, queue: mpsc::Receiver<Bytes>) {
        // A small message must not wait for a larger one.
        drop(stream.set_nodelay(true));
        mark(&stream, self.shared.dscp, flow.remote.is_ipv6());
        // It may be closed already.
        let Some(answers) = self.shared.writers.get(&flow.connection).map(|writer| writer.downgrade()) else {
            return;
        };
        let (reader, writer) = stream.into_split();
        let (writing, reading) = (write_all(writer, queue), self.read(reader, flow, answers));
        tokio::select! { () = reading => {}, () = writing => {} }
    }

    async fn read(
        &self,
        mut reader: tokio::net::tcp::OwnedReadHalf,
        flow: Flow,
        writer: mpsc::WeakSender<Bytes>,
    ) {
        let mut framer = Framer::new();
        let mut buffer = vec![0; READ_MIN];
        let first_until = Instant::now() + FIRST_MESSAGE;
        let mut until = first_until;
        let mut has_spoken = false;
        let mut begun = None;
        loop {
            let Ok(Ok(read @ 1..)) = timeout_at(until, reader.read(&mut buffer)).await else { return };
            let mut frames = framer.push(&buffer[..read]);
            let mut pinged = false;
            loop {
                match frames.next() {
                    // Who is not written to any more is not read either: each answer would open a connection of its own.
                    Some(Ok(Frame::Message(_))) if writer.strong_count() == 0 => return,
                    Some(Ok(Frame::Message(message))) => {
                        begun = None;
                        has_spoken = true;
                        self.shared.workers.deliver(WorkerInput::Message(flow, message)).await;
                    }
                    Some(Ok(Frame::Ping)) => pinged = true,
                    Some(Err(error)) => {
                        tracing::debug!(remote = %flow.remote, %error, "a connection was closed");
                        return;
                    }
                    None => break,
                }
            }
            drop(frames);
            if pinged && let Some(writer) = writer.upgrade() {
                // A full queue needs no pong: there is traffic.
                drop(writer.try_send(PONG));
            }
            let now = Instant::now();
            // A message has one deadline, however it is cut into pieces.
            until = if framer.is_partial() {
                *begun.get_or_insert(now) + REST_OF_MESSAGE
            } else {
                begun = None;
                if has_spoken { now + IDLE } else { first_until }
            };
            if read == buffer.len() && read < READ_MAX {
                buffer.resize(read * 2, 0);
            }
        }
    }

    fn forget(&self, id: ConnectionId, remote: SocketAddr) {
        self.shared.writers.remove(&id);
        self.shared.by_remote.remove_if(&remote, |_, known| *known == id);
        self.shared.per_source.remove_if_mut(&network(remote.ip()), |_, count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
    }
}

async fn write_all(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        let Ok(Ok(())) = timeout(WRITE, writer.write_all(&bytes)).await else { return };
    }
    // The peer learns of the end even if it does not read.
    drop(timeout(WRITE, writer.shutdown()).await);
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
mod tests {
    use super::*;
    use crate::driver::metrics::Metrics;

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
        let connections = Connections::new(Handle::current(), workers, 0, ConnectionLimits::DEFAULT);
        let listener = TcpListener::from_std(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(connections.clone().accept(listener));
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
        let connections = Connections::new(Handle::current(), workers, 0, ConnectionLimits::DEFAULT);
        let listener = TcpListener::from_std(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(connections.clone().accept(listener));
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
        let connections = Connections::new(Handle::current(), workers, 0, ConnectionLimits::DEFAULT);
        let listener = TcpListener::from_std(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(connections.clone().accept(listener));
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
        let limits = ConnectionLimits { connections_max: 2, connections_per_source_max: 1 };
        let connections = Connections::new(Handle::current(), workers, 0, limits);
        let listener = TcpListener::from_std(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(connections.clone().accept(listener));
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
        let connections = Connections::new(Handle::current(), workers, 0, ConnectionLimits::DEFAULT);
        let listener = TcpListener::from_std(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(connections.clone().accept(listener));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let question = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(question).await.unwrap();
        let Some(WorkerInput::Message(flow, _)) = mailboxes[0].recv().await else { panic!("a message") };
        let answer = Bytes::from(vec![b' '; 1 << 20]);
        while connections.len() > 0 {
            connections.send(flow, answer.clone());
        }
        drop(stream.write_all(&question.repeat(8)).await);
        let Some(WorkerInput::ConnectionClosed(closed)) = mailboxes[0].recv().await else {
            panic!("the end")
        };
        assert_eq!(closed, flow.connection);
        accepting.abort();
    }

    /// Hostile input: answers to somebody who is gone make one connection, not one each, and it counts.
    #[tokio::test]
    async fn a_connection_that_is_being_made_takes_all_that_is_to_be_sent_by_it() {
        let metrics = Arc::new(Metrics::new(1));
        let (workers, mut mailboxes) = Workers::new(1, Arc::clone(&metrics));
        let limits = ConnectionLimits { connections_max: 2, connections_per_source_max: 1 };
        let connections = Connections::new(Handle::current(), workers, 0, limits);
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
        let Some(WorkerInput::TransportFailed(failed)) = mailboxes[0].recv().await else {
            panic!("a failure")
        };
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
}
