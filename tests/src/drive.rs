//! What the drivers do in the daemon, in virtual time: carry bytes, events and commands, and wake what is due.

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ipnet::IpNet;
use trunkline::demo::{Notice, PhoneOutbox, Status};
use trunkline::switch::setup::LineKind;
use trunkline::switch::{AppId, ForkEvent, Message, Operation, RecordingEvent, RequestId};
use trunkline_sip::auth::{Account, Algorithm, Challenger};
use trunkline_sip::dialog::DialogChange;
use trunkline_sip::ids::ConnectionId;
use trunkline_sip::location::Location;
use trunkline_sip::outbox::{Command, Event, Outbox, SubscriptionChange, Unresolved};
use trunkline_sip::stream::{Frame, Framer, PONG};
use trunkline_sip::transport::{Flow, Transport};
use trunkline_sip::{Agent, AgentConfig, Directory, TrustedTrunk};

use crate::Lab;
use crate::lab::{Seat, TRANSLATOR_FORGETS, password_of};
use crate::plan::{
    APPS, DOMAIN, ENGINE, ENGINE_TLS, ENGINE_V6, ENGINE_WSS, PHONES, Plan, TRUNKS, address_of, engine_for,
};

/// What the clock on the wall says when a lab begins: 13 November 2010, 23:29.
const WALL: Duration = Duration::from_secs(1_289_690_940);

/// More steps than this without time passing are a loop.
const STEPS_AT_ONCE_MAX: u32 = 100_000;

/// Something on its way.
#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    /// A SIP datagram.
    Sip { from: SocketAddr, to: SocketAddr, bytes: Bytes },
    /// An RTP or RTCP datagram.
    Rtp { from: SocketAddr, to: SocketAddr, bytes: Bytes },
    /// A piece of a stream.
    Stream { connection: u64, to_engine: bool, bytes: Bytes },
    /// A message that another worker or a stream received.
    HandOver { worker: u16, flow: Flow, bytes: Bytes },
    /// A question of one worker to another, or the answer.
    Unresolved { worker: u16, unresolved: Box<Unresolved> },
    /// From a worker to the switch.
    SipEvent(Box<Event>),
    /// From the relay to the switch.
    MediaEvent(Box<trunkline_media::Event>),
    /// From the thread for files to the switch.
    RecordingEvent(RecordingEvent),
    /// From the connections of forks to the switch.
    ForkEvent(ForkEvent),
    /// From the switch to a worker.
    SipCommand(Box<Command>),
    /// From the switch to the relay.
    MediaCommand(Box<trunkline_media::Command>),
    /// From an application to the switch.
    Request(AppId, RequestId, Box<Operation>),
}

/// What phones went through, so that a run of random calls can say what it tried.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Calls that a phone saw connected.
    pub connected: u32,
    /// Calls that ended at a phone, by their final status: 0 for BYE.
    pub ended: BTreeMap<u16, u32>,
    /// Holds and resumes of phones that were accepted.
    pub changed: u32,
    /// Holds and resumes of phones that were refused, by status.
    pub refused: BTreeMap<u16, u32>,
    /// Requests of applications that succeeded.
    pub granted: u32,
    /// Requests of applications that were refused.
    pub denied: u32,
}

impl Tally {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.connected += other.connected;
        self.changed += other.changed;
        self.granted += other.granted;
        self.denied += other.denied;
        for (status, count) in &other.ended {
            *self.ended.entry(*status).or_default() += count;
        }
        for (status, count) in &other.refused {
            *self.refused.entry(*status).or_default() += count;
        }
    }
}

/// Who listens at an address outside the engine.
#[derive(Debug)]
pub(crate) enum Socket {
    /// The SIP side of a phone.
    Sip(usize),
    /// The RTP side of a phone.
    Rtp(usize),
    /// A stranger, and what came for it.
    Stranger(&'static str, VecDeque<Bytes>),
}

/// A connection between a phone and the engine.
#[derive(Debug)]
pub(crate) struct Connection {
    seat: usize,
    transport: Transport,
    remote: SocketAddr,
    framer: Framer,
    is_open: bool,
}

const TO_SWITCH: u64 = 1;
const TO_RELAY: u64 = 2;
const RELAY_TO_SWITCH: u64 = 3;
const FILES_TO_SWITCH: u64 = 4;
const FORKS_TO_SWITCH: u64 = 5;
const TO_WORKER: u64 = 1_000;
const STREAM: u64 = 1_000_000;

/// An agent of the lab.
pub(crate) fn agent(
    plan: &Plan,
    worker: u16,
    (location, challenger): (&Arc<Location>, &Arc<Challenger>),
    seed: [u8; 32],
    now: Instant,
) -> Agent {
    let setup = |name: &str| plan.setup.trunks.iter().find(|trunk| *trunk.name == *name);
    let registration = |name: &str| setup(name).and_then(|trunk| trunk.registration.as_ref());
    // One that registers is known by its peers alone.
    let trunk = |(place, name): (usize, &&str)| TrustedTrunk {
        name: (*name).into(),
        allow_from: match registration(name) {
            Some(_) => Vec::new(),
            None if plan.certificates.contains_key(name) => Vec::new(),
            None => vec![IpNet::from(address_of(PHONES.len() + place).ip())],
        },
    };
    let hosts = |name: &&str| {
        let peers = setup(name).map(|trunk| trunk.peers.as_slice()).unwrap_or_default();
        peers.iter().map(|(_, address)| address.ip()).collect()
    };
    let contact = |name: &&str| registration(name).map(|registration| Arc::clone(&registration.contact));
    let certificate = |name: &&str| {
        let own = plan.certificates.contains_key(name).then(|| format!("{name}.example").into());
        own.into_iter().collect()
    };
    let mut directory = Directory {
        certificates: TRUNKS.iter().map(certificate).collect(),
        peers: TRUNKS.iter().map(hosts).collect(),
        contacts: TRUNKS.iter().map(contact).collect(),
        trunks: TRUNKS.iter().enumerate().map(trunk).collect(),
        voicemail: plan.setup.voicemail.trunk.clone(),
        realm: DOMAIN.into(),
        limits: plan.limits,
        ..Directory::default()
    };
    for line in plan.setup.lines.iter().filter(|line| line.kind == LineKind::Phone) {
        directory.add_line(Account {
            line: Arc::clone(&line.address),
            password: password_of(&line.address).into(),
            algorithms: [Algorithm::Sha256, Algorithm::Md5].into(),
        });
    }
    let config = AgentConfig {
        worker,
        workers: plan.workers,
        domains: vec![DOMAIN.to_owned()],
        listeners: vec![
            (Transport::Udp, ENGINE),
            (Transport::Tcp, ENGINE),
            (Transport::Tls, ENGINE_TLS),
            (Transport::Wss, ENGINE_WSS),
            (Transport::Udp, ENGINE_V6),
        ],
        keeps_dialogs: true,
        ..AgentConfig::default()
    };
    let mut agent =
        Agent::new(config, Arc::new(directory), Arc::clone(location), Arc::clone(challenger), seed, now);
    agent.set_wall(now, WALL);
    agent
}

impl Lab {
    /// Lets this much time pass.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    /// Lets this many milliseconds pass.
    pub fn run_ms(&mut self, time_ms: u64) {
        self.run(Duration::from_millis(time_ms));
    }

    /// Lets time pass until the condition holds, at most this long; whether it did.
    pub fn run_until(&mut self, time: Duration, mut holds: impl FnMut(&mut Self) -> bool) -> bool {
        let until = self.now + time;
        loop {
            if holds(self) {
                return true;
            }
            if !self.step(until) {
                return false;
            }
        }
    }

    /// One step; `false` when `until` is reached.
    fn step(&mut self, until: Instant) -> bool {
        let due = self.network.deadline().into_iter().chain(self.wakes()).min();
        let Some(at) = due.filter(|at| *at <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        if at > self.now {
            self.now = at;
            self.steps_at_once = 0;
        }
        self.steps_at_once += 1;
        assert!(self.steps_at_once < STEPS_AT_ONCE_MAX, "time stands still");
        match self.network.take_due(self.now) {
            Some(parcel) => self.deliver(parcel),
            None => self.wake(),
        }
        true
    }

    fn wakes(&self) -> impl Iterator<Item = Instant> {
        let agents = self.agents.iter().filter_map(Agent::deadline);
        let phones = self.seats.iter().filter_map(Seat::deadline);
        agents.chain(phones).chain(self.switch.deadline()).chain(self.relay.deadline())
    }

    fn wake(&mut self) {
        let now = self.now;
        for worker in 0..self.agents.len() {
            if self.agents[worker].deadline().is_some_and(|at| at <= now) {
                self.agent(worker, |agent, out| agent.handle_timeout(now, out));
            }
        }
        if self.switch.deadline().is_some_and(|at| at <= now) {
            self.switched(|switch, out| switch.handle_timeout(now, out));
        }
        if self.relay.deadline().is_some_and(|at| at <= now) {
            let mut events = Vec::new();
            self.relay.io_mut().set_now(now);
            self.relay.handle_timeout(now, &mut events);
            self.relayed(events);
        }
        for index in 0..self.seats.len() {
            if self.seats[index].deadline().is_some_and(|at| at <= now) {
                let mut out = PhoneOutbox::default();
                self.seats[index].phone.handle_timeout(now, &mut out);
                self.deliver_phone(index, out);
            }
        }
    }

    fn deliver(&mut self, parcel: Parcel) {
        let now = self.now;
        if self.is_traced && !matches!(parcel, Parcel::Rtp { .. }) {
            eprintln!("{:>8} ms  {parcel:?}", (now - crate::epoch()).as_millis());
        }
        match parcel {
            Parcel::Sip { from, to, bytes } if [ENGINE, ENGINE_V6].contains(&to) => {
                let flow = Flow {
                    transport: Transport::Udp,
                    local: to,
                    remote: from,
                    connection: ConnectionId::default(),
                };
                let owner = Agent::worker_for(&bytes, self.workers());
                // The kernel gives a datagram to any worker's socket; the one it is for gets it handed over.
                let first = self.network.below(self.agents.len());
                if let Some(spread) = &mut self.spread {
                    spread.receive(owner, usize::from(owner) != first, &bytes);
                }
                if usize::from(owner) == first {
                    self.agent(first, |agent, out| agent.receive(now, flow, bytes, out));
                } else {
                    let parcel = Parcel::HandOver { worker: owner, flow, bytes };
                    self.network.mailbox(now, TO_WORKER + u64::from(owner), parcel);
                }
            }
            Parcel::Sip { from, to, bytes } => self.deliver_sip(from, to, bytes),
            Parcel::Rtp { from, to, bytes } => self.deliver_rtp(from, to, &bytes),
            Parcel::Stream { connection, to_engine: true, bytes } => self.deliver_stream(connection, &bytes),
            Parcel::Stream { connection, to_engine: false, bytes } => {
                let seat = self.connections[&connection].seat;
                let mut out = PhoneOutbox::default();
                self.seats[seat].phone.receive_stream(now, ENGINE, &bytes, &mut out);
                self.deliver_phone(seat, out);
            }
            Parcel::HandOver { worker, flow, bytes } => {
                self.agent(usize::from(worker), |agent, out| agent.receive(now, flow, bytes, out));
            }
            Parcel::Unresolved { worker, unresolved } => {
                self.agent(usize::from(worker), |agent, out| agent.resolve(now, *unresolved, out));
            }
            Parcel::SipEvent(event) => self.switched(|switch, out| switch.sip(now, *event, out)),
            Parcel::MediaEvent(event) => self.switched(|switch, out| switch.media(now, *event, out)),
            Parcel::RecordingEvent(event) => {
                self.switched(|switch, out| switch.recorded(now, event, out));
            }
            Parcel::ForkEvent(event) => self.switched(|switch, out| switch.forked(now, event, out)),
            Parcel::SipCommand(mut command) => {
                // What the routing table says in the daemon.
                let flow = command.target_mut().map(|target| &mut target.flow);
                if let Some(flow) = flow.filter(|flow| flow.local.ip().is_unspecified()) {
                    flow.local.set_ip(engine_for(flow.remote.ip()).ip());
                }
                let worker = usize::from(command.worker());
                self.agent(worker, |agent, out| agent.command(now, *command, out));
            }
            Parcel::MediaCommand(command) => {
                let mut events = Vec::new();
                self.relay.io_mut().set_now(now);
                self.relay.command(now, *command, &mut events);
                self.relayed(events);
            }
            Parcel::Request(app, request, operation) => {
                self.switched(|switch, out| switch.request(now, app, request, *operation, out));
            }
        }
    }

    fn deliver_sip(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        match self.sockets.get_mut(&to) {
            Some(Socket::Sip(index)) => {
                let index = *index;
                let mut out = PhoneOutbox::default();
                self.seats[index].phone.receive(self.now, from, &bytes, &mut out);
                self.deliver_phone(index, out);
            }
            Some(Socket::Stranger(_, inbox)) => inbox.push_back(bytes),
            Some(Socket::Rtp(_)) | None => {}
        }
    }

    fn deliver_rtp(&mut self, from: SocketAddr, to: SocketAddr, bytes: &Bytes) {
        if [ENGINE.ip(), ENGINE_V6.ip()].contains(&to.ip()) {
            let mut events = Vec::new();
            let mut packet = bytes.to_vec();
            self.relay.receive(self.now, to.port(), from, &mut packet, &mut events);
            self.relayed(events);
        } else if let Some(Socket::Rtp(index)) = self.sockets.get(&to) {
            self.seats[*index].phone.receive_rtp(from, bytes);
        } else if let Some(Socket::Stranger(_, inbox)) = self.sockets.get_mut(&to) {
            inbox.push_back(bytes.clone());
        }
    }

    fn deliver_stream(&mut self, connection: u64, bytes: &Bytes) {
        let now = self.now;
        let workers = self.workers();
        let Some(known) = self.connections.get_mut(&connection).filter(|known| known.is_open) else { return };
        let flow = Flow {
            transport: known.transport,
            local: match known.transport {
                Transport::Udp | Transport::Tcp | Transport::Ws => ENGINE,
                Transport::Tls => ENGINE_TLS,
                Transport::Wss => ENGINE_WSS,
            },
            remote: known.remote,
            connection: ConnectionId(connection),
        };
        let frames: Vec<_> = match known.transport.is_websocket() {
            true => vec![Ok(Frame::Message(bytes.clone()))],
            false => known.framer.push(bytes).collect(),
        };
        for frame in frames {
            match frame {
                Ok(Frame::Message(bytes)) => {
                    let worker = Agent::worker_for(&bytes, workers);
                    let parcel = Parcel::HandOver { worker, flow, bytes };
                    self.network.mailbox(now, TO_WORKER + u64::from(worker), parcel);
                }
                Ok(Frame::Ping) => self.write(connection, false, &PONG),
                Err(_) => self.close(connection),
            }
        }
    }

    /// Carries what a phone sent.
    pub(crate) fn deliver_phone(&mut self, index: usize, out: PhoneOutbox) {
        let seat = &self.seats[index];
        seat.forget_deadline();
        let (from, media, transport) = (seat.address, seat.media, seat.phone.config().transport);
        for (to, bytes) in out.sip {
            match transport {
                Transport::Udp => self.send_sip(from, to, bytes),
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                    let connection = self.connection_of(index);
                    self.write(connection, true, &bytes);
                }
            }
        }
        for packet in out.rtp {
            self.send_rtp(media, packet.to, packet.bytes);
        }
        for notice in &out.notices {
            match notice {
                Notice::Call(_, Status::Connected) => self.tally.connected += 1,
                Notice::Call(_, Status::Over(status)) => *self.tally.ended.entry(*status).or_default() += 1,
                Notice::Changed(_, Ok(())) => self.tally.changed += 1,
                Notice::Changed(_, Err(status)) => *self.tally.refused.entry(*status).or_default() += 1,
                Notice::Call(..)
                | Notice::Held(..)
                | Notice::Transfer(..)
                | Notice::Registered
                | Notice::Unregistered
                | Notice::RegistrationFailed(_) => {}
            }
        }
    }

    /// Closes the connection of a phone, as when its cable is pulled and put back.
    pub fn disconnect(&mut self, name: &str) {
        let index = self.seat(name);
        if let Some(connection) = self.seats[index].connection {
            self.close(connection);
        }
    }

    pub(crate) fn close(&mut self, connection: u64) {
        let now = self.now;
        let Some(known) = self.connections.get_mut(&connection).filter(|known| known.is_open) else { return };
        known.is_open = false;
        self.certificates.forget(ConnectionId(connection));
        let seat = known.seat;
        if self.seats[seat].connection.take_if(|current| *current == connection).is_some() {
            let mut out = PhoneOutbox::default();
            self.seats[seat].phone.connection_closed(now, &mut out);
            self.deliver_phone(seat, out);
        }
        for worker in 0..self.agents.len() {
            self.agent(worker, |agent, out| agent.connection_closed(now, ConnectionId(connection), out));
        }
    }

    fn connection_of(&mut self, seat: usize) -> u64 {
        if let Some(connection) = self.seats[seat].connection {
            return connection;
        }
        self.connection_serial += 1;
        let connection = self.connection_serial;
        let address = self.seats[seat].address;
        let transport = self.seats[seat].phone.config().transport;
        let port = 40_000 + u16::try_from(connection).expect("a lab has few connections");
        let remote = SocketAddr::new(address.ip(), port);
        let opened = Connection { seat, transport, remote, framer: Framer::new(), is_open: true };
        self.connections.insert(connection, opened);
        self.seats[seat].connection = Some(connection);
        let shown = self.plan.certificates.get(self.seats[seat].name).copied();
        self.certificates.note(ConnectionId(connection), shown);
        connection
    }

    /// Writes a message into a connection, in pieces of random size; of a WebSocket as one frame.
    fn write(&mut self, connection: u64, to_engine: bool, bytes: &Bytes) {
        let phone = self.seats[self.connections[&connection].seat].address;
        let (from, to) = if to_engine { (phone, ENGINE) } else { (ENGINE, phone) };
        self.record(from, to, bytes);
        let channel = STREAM + connection * 2 + u64::from(to_engine);
        let mut rest = bytes.clone();
        while !rest.is_empty() {
            let len = match self.connections[&connection].transport.is_websocket() {
                true => rest.len(),
                false => 1 + self.network.below(rest.len()),
            };
            let piece = rest.split_to(len);
            self.network.stream(self.now, channel, Parcel::Stream { connection, to_engine, bytes: piece });
        }
    }

    pub(crate) fn send_sip(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        self.record(from, to, &bytes);
        if self.is_let_through(from, to) {
            self.network.datagram(self.now, Parcel::Sip { from, to, bytes });
        }
    }

    /// Whether translators between let it pass: out always, in while they remember.
    fn is_let_through(&mut self, from: SocketAddr, to: SocketAddr) -> bool {
        let now = self.now;
        if let Some(last) = self.translated.get_mut(&from) {
            *last = now;
        }
        let Some(last) = self.translated.get_mut(&to) else { return true };
        let remembers = now < *last + TRANSLATOR_FORGETS;
        if remembers && !self.counts_inside_alone {
            *last = now;
        }
        remembers
    }

    pub(crate) fn send_rtp(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        self.hash(from, to, &bytes);
        self.network.datagram(self.now, Parcel::Rtp { from, to, bytes });
    }

    /// An application's request, on its way to the switch.
    pub(crate) fn ask(&mut self, app: AppId, request: RequestId, operation: Operation) {
        self.network.mailbox(self.now, TO_SWITCH, Parcel::Request(app, request, Box::new(operation)));
    }

    fn agent(&mut self, worker: usize, run: impl FnOnce(&mut Agent, &mut Outbox)) {
        let mut out = Outbox::default();
        run(&mut self.agents[worker], &mut out);
        for transmit in out.transmits {
            self.transmit(transmit.flow, transmit.bytes);
        }
        for event in out.events {
            self.network.mailbox(self.now, TO_SWITCH, Parcel::SipEvent(Box::new(event)));
        }
        for change in out.dialogs {
            match change {
                DialogChange::Put(leg, kept) => drop(self.dialogs.insert(leg, *kept)),
                DialogChange::Remove(leg) => drop(self.dialogs.remove(&leg)),
            }
        }
        for change in out.subscriptions {
            match change {
                SubscriptionChange::Put(id, kept) => drop(self.subscriptions.insert(id, *kept)),
                SubscriptionChange::Remove(id) => drop(self.subscriptions.remove(&id)),
            }
        }
        for connection in out.close {
            self.close(connection.0);
        }
        for (worker, unresolved) in out.unresolved {
            let parcel = Parcel::Unresolved { worker, unresolved: Box::new(unresolved) };
            self.network.mailbox(self.now, TO_WORKER + u64::from(worker), parcel);
        }
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        match flow.transport {
            Transport::Udp => self.send_sip(engine_for(flow.remote.ip()), flow.remote, bytes),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                let is_it = |known: &(&u64, &Connection)| {
                    let Connection { transport, remote, is_open, .. } = *known.1;
                    let is_there = (transport, remote) == (flow.transport, flow.remote);
                    is_open && (*known.0 == flow.connection.0 || is_there)
                };
                let known = self.connections.iter().find(is_it).map(|(connection, _)| *connection);
                let reachable = match self.sockets.get(&flow.remote) {
                    // A phone has no certificate that would prove a name.
                    Some(Socket::Sip(index)) if known.is_none() && flow.transport == Transport::Tcp => {
                        Some(*index)
                    }
                    Some(Socket::Sip(_) | Socket::Rtp(_) | Socket::Stranger(..)) | None => None,
                };
                let opened = reachable.map(|index| self.connection_of(index));
                match known.or(opened) {
                    Some(connection) => self.write(connection, false, &bytes),
                    None => {
                        let now = self.now;
                        for worker in 0..self.agents.len() {
                            self.agent(worker, |agent, out| agent.transport_failed(now, flow, out));
                        }
                    }
                }
            }
        }
    }

    pub(crate) fn switched(
        &mut self,
        run: impl FnOnce(&mut trunkline::switch::Switch, &mut trunkline::switch::Outbox),
    ) {
        let mut out = trunkline::switch::Outbox::default();
        run(&mut self.switch, &mut out);
        self.book.take(self.now, out.facts);
        for (_, command) in out.media {
            self.network.mailbox(self.now, TO_RELAY, Parcel::MediaCommand(Box::new(command)));
        }
        for kept in out.store {
            self.keep(kept);
        }
        for command in out.recordings {
            let event = self.disk.obey(command);
            self.network.mailbox(self.now, FILES_TO_SWITCH, Parcel::RecordingEvent(event));
        }
        for command in out.forks {
            if let Some(event) = self.disk.connect(command) {
                self.network.mailbox(self.now, FORKS_TO_SWITCH, Parcel::ForkEvent(event));
            }
        }
        for command in out.sip {
            let channel = TO_WORKER + u64::from(command.worker());
            self.network.mailbox(self.now, channel, Parcel::SipCommand(Box::new(command)));
        }
        for (app, message) in out.messages {
            if let Message::Reply { reply, .. } = &message {
                match reply {
                    Ok(_) => self.tally.granted += 1,
                    Err(_) => self.tally.denied += 1,
                }
            }
            let place = usize::try_from(app.0).expect("a lab has few applications");
            self.story.told(self.now, APPS[place], &message);
            self.apps[place].tell(message);
        }
    }

    fn relayed(&mut self, events: Vec<trunkline_media::Event>) {
        for event in events {
            if let trunkline_media::Event::Recorded(piece) = &event {
                self.disk.write(piece);
                continue;
            }
            self.network.mailbox(self.now, RELAY_TO_SWITCH, Parcel::MediaEvent(Box::new(event)));
        }
        for sent in self.relay.io_mut().take_sent() {
            let from = SocketAddr::new(engine_for(sent.to.ip()).ip(), sent.local_port);
            self.send_rtp(from, sent.to, Bytes::from(sent.packet));
        }
    }

    /// Takes away bindings whose phones cannot do it themselves any more.
    pub(crate) fn forget_bindings(&mut self) {
        let mut out = Outbox::default();
        for (line, bindings) in self.location.snapshot() {
            for binding in bindings {
                self.location.remove(&line, &binding.key, &mut out);
            }
        }
    }

    fn record(&mut self, from: SocketAddr, to: SocketAddr, bytes: &Bytes) {
        self.hash(from, to, bytes);
        let step = self.ladder.record((self.now - crate::epoch()).as_millis(), from, to, bytes);
        if let Some((from, to, what)) = step {
            self.story.step(self.now, &from, &to, &what);
        }
    }

    fn hash(&mut self, from: SocketAddr, to: SocketAddr, bytes: &Bytes) {
        self.hasher.write_u128((self.now - crate::epoch()).as_micros());
        self.hasher.write(from.to_string().as_bytes());
        self.hasher.write(to.to_string().as_bytes());
        self.hasher.write(bytes);
    }

    fn workers(&self) -> u16 {
        u16::try_from(self.agents.len()).expect("a lab has few workers")
    }
}
