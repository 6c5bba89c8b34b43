//! A SIP worker: an [`Agent`] at its desk, and the thread that reads its sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use trunkline_media::io::{Datagrams, Watch};
use trunkline_sip::LegId;
use trunkline_sip::admission::{Limit, Load};
use trunkline_sip::agent::Agent;
use trunkline_sip::directory::Directory;
use trunkline_sip::ids::ConnectionId;
use trunkline_sip::message::Limits;
use trunkline_sip::outbox::{Command, Event, Outbox, Unresolved};
use trunkline_sip::transport::{Flow, Transport};

use super::clock;
use super::desk::{Core, Letterbox};
use super::floor::Floor;
use super::lifeline::Held;
use super::mailbox::{Outlet, RETRY, WORKER_MAILBOX};
use super::metrics::{Counter, Metrics};
use super::routing_table::RoutingTable;
use super::store::Store;
use super::stream::Connections;
use super::switch::SwitchInput;
use super::trace::{Happened, Writer};
use super::udp::{self, Senders, Sockets};
use crate::capture::masking::masked;

/// Events that may wait for the switch without its being behind: as many as it takes at once.
const SWITCH_BEHIND: usize = 256;

/// A thread that finds more datagrams than this at once has the other workers woken for theirs.
const SHARE: usize = 8;

/// How often the log says that a worker does not keep up.
const OVERLOAD_TOLD: Duration = Duration::from_secs(10);

/// How often agents are told what time it is: the machine's clock may be set.
const WALL_TOLD: Duration = Duration::from_secs(60);

/// What reaches a worker through its mailbox.
#[derive(Debug)]
pub(crate) enum WorkerInput {
    /// A message that a stream received.
    Message(Flow, Bytes),
    /// A datagram.
    Datagram(Datagram),
    /// What the switch wants.
    Command(Command),
    /// A question of another worker about a dialog, or its answer.
    Unresolved(Box<Unresolved>),
    /// A connection is gone.
    ConnectionClosed(ConnectionId),
    /// A message could not be sent.
    TransportFailed(Flow),
    /// The accounts and trusted sources changed.
    Directory(Arc<Directory>),
    /// The end.
    Stop,
}

/// A datagram that some worker's thread received.
#[derive(Debug)]
pub(crate) struct Datagram {
    flow: Flow,
    bytes: Bytes,
    /// A queue stands in the socket by which it came.
    is_pressed: bool,
    /// Its agent has glanced at it where it was received.
    is_glanced: bool,
}

/// The mailboxes of all workers, in order.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    mailboxes: Arc<[Letterbox<WorkerInput>]>,
    /// Which agents turn calls away, as they said after their last turn.
    turn_away: Arc<[AtomicBool]>,
    /// How often each one's own thread has come round.
    turns: Arc<[AtomicU64]>,
    metrics: Arc<Metrics>,
}

impl Workers {
    /// The mailboxes and their receiving ends.
    pub(crate) fn new(count: u16, metrics: Arc<Metrics>) -> (Self, Vec<mpsc::Receiver<WorkerInput>>) {
        let (mailboxes, receivers): (Vec<_>, Vec<_>) =
            (0..count).map(|_| Letterbox::new(WORKER_MAILBOX)).unzip();
        let turn_away = (0..count).map(|_| AtomicBool::new(false)).collect();
        let turns = (0..count).map(|_| AtomicU64::new(0)).collect();
        (Self { mailboxes: mailboxes.into(), turn_away, turns, metrics }, receivers)
    }

    pub(crate) fn count(&self) -> u16 {
        u16::try_from(self.mailboxes.len()).unwrap_or(u16::MAX)
    }

    /// How often a worker's own thread has come round, its core with it. One that sleeps does when its bell rings.
    pub(crate) fn turns(&self, worker: u16) -> u64 {
        self.turns[usize::from(worker)].load(Ordering::Relaxed)
    }

    /// The mailbox of one worker, for the switch.
    pub(crate) fn mailbox(&self, worker: u16) -> mpsc::Sender<WorkerInput> {
        self.letterbox(worker).sender().clone()
    }

    /// The mailbox of one worker, with its bell.
    pub(crate) fn letterbox(&self, worker: u16) -> &Letterbox<WorkerInput> {
        &self.mailboxes[usize::from(worker) % self.mailboxes.len()]
    }

    /// Delivers a stream's message to the worker that owns it, waiting for room.
    pub(crate) async fn deliver(&self, input: WorkerInput) {
        let WorkerInput::Message(_, bytes) = &input else { return };
        let letterbox = self.letterbox(Agent::worker_for(bytes, self.count()));
        // A closed mailbox means that the engine stops.
        drop(letterbox.sender().send(input).await);
        letterbox.ring();
    }

    /// Leaves a datagram with the worker that owns it. A full mailbox drops it: it will be retransmitted.
    fn hand_over(&self, worker: u16, datagram: Datagram) {
        if self.letterbox(worker).sender().try_send(WorkerInput::Datagram(datagram)).is_err() {
            self.metrics.count(Counter::MailboxDrops);
        }
    }

    /// Asks or answers another worker. A full mailbox drops it: the one who asks gives up by itself.
    fn ask(&self, worker: u16, unresolved: Unresolved) {
        if self.letterbox(worker).sender().try_send(WorkerInput::Unresolved(Box::new(unresolved))).is_err() {
            self.metrics.count(Counter::MailboxDrops);
        }
    }

    fn turns_away(&self, worker: u16) -> bool {
        self.turn_away[usize::from(worker)].load(Ordering::Relaxed)
    }

    fn note_turning_away(&self, worker: u16, turns_away: bool) {
        // All threads read it; few write.
        if self.turns_away(worker) != turns_away {
            self.turn_away[usize::from(worker)].store(turns_away, Ordering::Relaxed);
        }
    }

    /// Counts a connection that was refused.
    pub(crate) fn count_refusal(&self, limit: Limit) {
        self.metrics.count_refusal(limit);
    }

    pub(crate) fn connection_closed(&self, id: ConnectionId) {
        self.tell_all(|| WorkerInput::ConnectionClosed(id));
    }

    pub(crate) fn transport_failed(&self, flow: Flow) {
        self.tell_all(|| WorkerInput::TransportFailed(flow));
    }

    pub(crate) fn directory(&self, directory: &Arc<Directory>) {
        self.tell_all(|| WorkerInput::Directory(Arc::clone(directory)));
    }

    pub(crate) fn stop(&self) {
        self.tell_all(|| WorkerInput::Stop);
    }

    /// Any worker may have a transaction on the connection. What does not fit waits in a task of its own; from a worker's own thread,
    /// which has no tasks, it is dropped, and the transaction's timer says it later.
    fn tell_all(&self, input: impl Fn() -> WorkerInput) {
        for letterbox in self.mailboxes.iter() {
            match letterbox.sender().try_send(input()) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => letterbox.ring(),
                Err(mpsc::error::TrySendError::Full(input)) => {
                    let letterbox = letterbox.clone();
                    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                        runtime.spawn(async move {
                            drop(letterbox.sender().send(input).await);
                            letterbox.ring();
                        });
                    } else {
                        self.metrics.count(Counter::MailboxDrops);
                    }
                }
            }
        }
    }
}

/// What the desk of a worker is made of.
pub(crate) struct Parts {
    pub(crate) index: u16,
    pub(crate) agent: Agent,
    pub(crate) sockets: Senders,
    pub(crate) workers: Workers,
    pub(crate) connections: Connections,
    pub(crate) switch: mpsc::Sender<SwitchInput>,
    pub(crate) store: Store,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) trace: Writer,
}

/// Starts a worker's thread.
///
/// # Errors
/// What the kernel says when it cannot make one.
pub(crate) fn spawn(
    floor: Arc<Floor>,
    index: u16,
    sockets: Vec<std::net::UdpSocket>,
    workers: Workers,
    lifeline: Held,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("sip-{index}")).spawn(move || {
        let _held = lifeline;
        let ended = Receiving::new(index, sockets, workers).and_then(|receiving| receiving.run(&floor));
        if let Err(error) = ended {
            tracing::error!(%error, "a SIP worker cannot use its sockets");
        }
    })
}

/// What a thread found in its sockets.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    datagrams: usize,
    is_all: bool,
}

/// What a worker's thread reads with.
struct Receiving {
    index: u16,
    watch: Watch,
    sockets: Sockets,
    workers: Workers,
    routes: RoutingTable,
    datagrams: Datagrams,
    /// Whether datagrams stand in the sockets.
    load: Load,
}

impl Receiving {
    fn new(index: u16, sockets: Vec<std::net::UdpSocket>, workers: Workers) -> io::Result<Self> {
        let watch = Watch::open()?;
        Ok(Self {
            index,
            sockets: Sockets::adopt(sockets, &watch)?,
            watch,
            workers,
            routes: RoutingTable::new(clock::now()),
            datagrams: Datagrams::of(Limits::DEFAULT.message_bytes_max),
            load: Load::default(),
        })
    }

    fn run(mut self, floor: &Floor) -> io::Result<()> {
        let desk = &floor.agents[usize::from(self.index)];
        // Whatever was left there before is found in the first round.
        desk.letterbox().answer_by(self.watch.waker());
        let (mut wake, mut is_blocked) = (Some(clock::now()), false);
        loop {
            let timeout = wake.map(|at| at.saturating_duration_since(clock::now()));
            if is_blocked {
                self.watch.wait_for_bell(timeout)?;
            } else {
                self.watch.wait(timeout)?;
            }
            desk.letterbox().heard();
            let now = clock::now();
            let read = if is_blocked { Read::default() } else { self.read(now, floor) };
            self.load.note(now, read.is_all);
            if read.datagrams > SHARE {
                floor.share(self.index);
            }
            floor.round(Some(self.index));
            let note = |core: &mut AgentCore, _| core.is_behind = !read.is_all;
            let Some((then, deadline)) = desk.tend(note, AgentCore::standing) else { return Ok(()) };
            if then.is_stopped {
                desk.close();
                return Ok(());
            }
            (wake, is_blocked) = (deadline, then.is_blocked);
            self.workers.turns[usize::from(self.index)].fetch_add(1, Ordering::Relaxed);
            // What came of timers.
            floor.round(None);
        }
    }

    /// Takes what has come, up to a batch of each socket, to whose it is.
    fn read(&mut self, now: Instant, floor: &Floor) -> Read {
        let Self { watch, sockets, workers, routes, datagrams, load, .. } = self;
        let mut read = Read { datagrams: 0, is_all: true };
        let is_pressed = load.is_overloaded();
        for index in watch.ready() {
            let listener = sockets.address(index);
            let mut taken = 0;
            while taken < udp::BATCH {
                let received = sockets.receive(index, datagrams);
                for (bytes, remote) in datagrams.iter().take(received) {
                    let local = local_for(routes, now, listener, remote);
                    let connection = ConnectionId::default();
                    let flow = Flow { transport: Transport::Udp, local, remote, connection };
                    let worker = Agent::worker_for(bytes, workers.count());
                    let desk = &floor.agents[usize::from(worker)];
                    let is_turned_away = (is_pressed || workers.turns_away(worker))
                        .then(|| desk.ask(|core| core.glance(now, flow, bytes, is_pressed)))
                        .flatten();
                    if is_turned_away != Some(true) {
                        let is_glanced = is_turned_away.is_some();
                        let bytes = Bytes::copy_from_slice(bytes);
                        workers.hand_over(worker, Datagram { flow, bytes, is_pressed, is_glanced });
                    }
                }
                taken += received;
                if received < Datagrams::ROOM {
                    break;
                }
            }
            read.datagrams += taken;
            read.is_all &= taken < udp::BATCH;
        }
        read
    }
}

/// The engine's own address on a flow: the listener's, or where that is any address, the one the kernel would use.
fn local_for(
    routes: &mut RoutingTable,
    now: Instant,
    listener: SocketAddr,
    remote: SocketAddr,
) -> SocketAddr {
    if listener.ip().is_unspecified() {
        SocketAddr::new(routes.source_for(now, remote.ip()), listener.port())
    } else {
        listener
    }
}

/// An agent with everything that it uses.
pub(crate) struct AgentCore {
    index: u16,
    agent: Agent,
    sockets: Senders,
    workers: Workers,
    connections: Connections,
    switch: Outlet<SwitchInput>,
    store: Store,
    metrics: Arc<Metrics>,
    trace: Writer,
    routes: RoutingTable,
    overload_told: Option<Instant>,
    /// When the agent was told what time it is.
    wall_told: Option<Instant>,
    /// Whether its thread leaves datagrams in the sockets.
    is_behind: bool,
    is_stopped: bool,
    out: Outbox,
}

/// What a worker's thread wants to know of its agent.
#[derive(Clone, Copy, Debug)]
struct Standing {
    is_blocked: bool,
    is_stopped: bool,
}

impl Core for AgentCore {
    type Input = WorkerInput;

    fn turn(&mut self, now: Instant, inputs: &mut Vec<WorkerInput>, is_all: bool) {
        self.switch.flush();
        for input in inputs.drain(..) {
            self.take(now, input);
        }
        if self.agent.deadline().is_some_and(|deadline| deadline <= now) {
            self.guarded(None, |agent, out| agent.handle_timeout(now, out));
        }
        self.agent.advance();
        let is_behind = self.is_behind || self.switch.is_blocked() || self.switch.len() >= SWITCH_BEHIND;
        self.note_queue(is_all && !is_behind);
        // What it was told of the datagrams is not so of whatever comes next.
        self.agent.press(false);
        self.workers.note_turning_away(self.index, self.agent.turns_away(now));
        self.metrics.set_agent(self.index, &self.agent);
    }

    fn deadline(&self) -> Option<Instant> {
        let retry = self.switch.is_blocked().then(|| clock::now() + RETRY);
        retry.into_iter().chain(self.agent.deadline()).min()
    }
}

impl AgentCore {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { index, agent, sockets, workers, connections, switch, store, metrics, trace } = parts;
        Self {
            index,
            agent,
            sockets,
            workers,
            connections,
            switch: Outlet::new(switch),
            store,
            metrics,
            trace,
            routes: RoutingTable::new(clock::now()),
            overload_told: None,
            wall_told: None,
            is_behind: false,
            is_stopped: false,
            out: Outbox::default(),
        }
    }

    fn standing(&self) -> Standing {
        Standing { is_blocked: self.switch.is_blocked(), is_stopped: self.is_stopped }
    }

    fn take(&mut self, now: Instant, input: WorkerInput) {
        match input {
            WorkerInput::Message(flow, bytes) => {
                self.receive(now, Datagram { flow, bytes, is_pressed: false, is_glanced: false });
            }
            WorkerInput::Datagram(datagram) => self.receive(now, datagram),
            WorkerInput::Command(mut command) => {
                self.complete_flow(now, &mut command);
                let invited = if let Command::Invite(leg, _) = &command { Some(*leg) } else { None };
                self.guarded(None, |agent, out| agent.command(now, command, out));
                invited.into_iter().for_each(|leg| self.name(leg));
            }
            WorkerInput::Unresolved(unresolved) => {
                self.agent.press(false);
                self.guarded(None, |agent, out| agent.resolve(now, *unresolved, out));
            }
            WorkerInput::ConnectionClosed(id) => {
                self.guarded(None, |agent, out| agent.connection_closed(now, id, out));
            }
            WorkerInput::TransportFailed(flow) => {
                self.guarded(None, |agent, out| agent.transport_failed(now, flow, out));
            }
            WorkerInput::Directory(directory) => self.agent.set_directory(directory),
            WorkerInput::Stop => self.is_stopped = true,
        }
    }

    /// Lets the agent know whether it keeps up, and the operator, once in a while, that it does not.
    fn note_queue(&mut self, is_empty: bool) {
        let now = clock::now();
        self.agent.note_queue(now, is_empty);
        if self.wall_told.is_none_or(|told| now.saturating_duration_since(told) >= WALL_TOLD) {
            self.wall_told = Some(now);
            self.agent.set_wall(now, clock::unix_now());
        }
        let is_told =
            self.overload_told.is_some_and(|told| now.saturating_duration_since(told) < OVERLOAD_TOLD);
        if self.agent.is_overloaded() && !is_told {
            self.overload_told = Some(now);
            tracing::warn!(worker = self.index, "a SIP worker does not keep up: it refuses whatever is new");
        }
    }

    fn receive(&mut self, now: Instant, datagram: Datagram) {
        let Datagram { flow, bytes, is_pressed, is_glanced } = datagram;
        let input = bytes.clone();
        // What a stream brought is a piece of a buffer that is larger.
        self.trace.note(|| match flow.transport {
            Transport::Udp => Happened::Received(flow, bytes.clone()),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                Happened::Received(flow, Bytes::copy_from_slice(&bytes))
            }
        });
        self.agent.press(is_pressed);
        self.guarded(Some(&input), |agent, out| match is_glanced {
            true => agent.receive_glanced(now, flow, bytes, out),
            false => agent.receive(now, flow, bytes, out),
        });
    }

    /// Turns a call away where it was received, if that is what there is to do; whether it was.
    fn glance(&mut self, now: Instant, flow: Flow, bytes: &[u8], is_pressed: bool) -> bool {
        let mut is_all = false;
        self.agent.press(is_pressed);
        self.guarded(Some(bytes), |agent, out| is_all = agent.glance(now, flow, bytes, out));
        is_all
    }

    /// Takes down which Call-ID a leg of ours has.
    fn name(&self, leg: LegId) {
        if let Some(call_id) = self.agent.call_id_of(leg) {
            self.trace.note(|| Happened::Leg(leg, call_id.into()));
        }
    }

    /// The switch names a destination; the routing table says from which of our addresses it is reached, a socket from which port.
    fn complete_flow(&mut self, now: Instant, command: &mut Command) {
        let (routes, sockets) = (&mut self.routes, &self.sockets);
        complete(command, |remote| routes.source_for(now, remote), |source| sockets.local_for(source));
    }

    /// Runs the agent on one input. A panic costs that input, is counted, and is logged with the input that caused it.
    fn guarded(&mut self, input: Option<&[u8]>, run: impl FnOnce(&mut Agent, &mut Outbox)) {
        let (agent, out) = (&mut self.agent, &mut self.out);
        if catch_unwind(AssertUnwindSafe(|| run(agent, out))).is_err() {
            self.metrics.count(Counter::Panics);
            let input = input.map(|bytes| masked(bytes).escape_ascii().to_string());
            tracing::error!(worker = self.index, input, "a message could not be handled");
        }
        self.deliver();
    }

    fn deliver(&mut self) {
        for transmit in self.out.transmits.drain(..) {
            self.trace.note(|| Happened::Sent(transmit.flow, transmit.bytes.clone()));
            match transmit.flow.transport {
                Transport::Udp => {
                    if let Err(error) = self.sockets.send(&transmit.flow, &transmit.bytes) {
                        self.metrics.count(Counter::SendErrors);
                        tracing::debug!(remote = %transmit.flow.remote, %error, "a datagram was not sent");
                    }
                }
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                    self.connections.send(transmit.flow, transmit.bytes);
                }
            }
        }
        for event in self.out.events.drain(..) {
            if let Event::Incoming(leg, _) = &event
                && let Some(call_id) = self.agent.call_id_of(*leg)
            {
                self.trace.note(|| Happened::Leg(*leg, call_id.into()));
            }
            self.switch.push(SwitchInput::Sip(event));
        }
        for change in self.out.bindings.drain(..) {
            self.store.push(change);
        }
        for change in self.out.dialogs.drain(..) {
            self.store.keep_dialog(change);
        }
        for change in self.out.subscriptions.drain(..) {
            self.store.keep_subscription(change);
        }
        for id in self.out.close.drain(..) {
            self.connections.close(id);
        }
        for (worker, unresolved) in self.out.unresolved.drain(..) {
            self.workers.ask(worker, unresolved);
        }
    }
}

/// Writes our address where a request begins of which the switch does not know from where it leaves. A stream's port is known once it is open.
fn complete(
    command: &mut Command,
    source_for: impl FnOnce(IpAddr) -> IpAddr,
    local_for: impl FnOnce(IpAddr) -> Option<SocketAddr>,
) {
    let flow = command.target_mut().map(|target| &mut target.flow);
    if let Some(flow) = flow.filter(|flow| flow.local.ip().is_unspecified()) {
        let source = source_for(flow.remote.ip());
        flow.local.set_ip(source);
        if flow.transport == Transport::Udp
            && let Some(local) = local_for(source)
        {
            flow.local = local;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trunkline_sip::UsageId;
    use trunkline_sip::outbox::{Content, OutgoingMessage, Package, Party, Subscribe, Target};

    use super::*;

    #[test]
    fn whatever_begins_outside_a_dialog_says_our_own_address() {
        let target = |local: &str| {
            let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
            let (local, remote) = (address(local), address("198.51.100.7:5060"));
            let flow = Flow { transport: Transport::Udp, local, remote, connection: ConnectionId::default() };
            Target { uri: "sip:30@carrier.example".to_owned(), flow, route: Vec::new() }
        };
        let subscribe = |local| {
            let subscribe = Subscribe {
                target: target(local),
                from: Party::default(),
                to: Party::default(),
                package: Package::Dialog,
                expires: Duration::from_secs(60),
                credentials: None,
            };
            Command::Subscribe(UsageId(1), Box::new(subscribe))
        };
        let (from, to, content) = (Party::default(), Party::default(), Content::plain("Call me."));
        let target_only = target("0.0.0.0:0");
        let message = OutgoingMessage { target: target_only, from, to, max_forwards: 70, content };
        let cases = [
            (subscribe("0.0.0.0:0"), Transport::Udp, "192.0.2.1:5070"),
            (subscribe("0.0.0.0:0"), Transport::Tcp, "192.0.2.1:0"),
            (Command::Message(UsageId(1), Box::new(message)), Transport::Udp, "192.0.2.1:5070"),
            (subscribe("192.0.2.9:5060"), Transport::Udp, "192.0.2.9:5060"),
        ];
        for (mut command, transport, expected) in cases {
            command.target_mut().expect("a target").flow.transport = transport;
            let source = |_| "192.0.2.1".parse().expect("an address");
            complete(&mut command, source, |source| Some(SocketAddr::new(source, 5070)));
            let local = command.target_mut().expect("a target").flow.local;
            assert_eq!(local.to_string(), expected);
        }
    }
}
