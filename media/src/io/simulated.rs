//! A network of the test's own: what the worker sends is kept, what it receives is handed to it or waits in its sockets. It can
//! forward flows by itself as the program in the kernel does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::program::Program;
use super::{DatagramIo, Token};
use crate::offload::{FlowCount, KernelFlow};

/// A datagram that the worker sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The port it came from.
    pub local_port: u16,
    /// Where it went.
    pub to: SocketAddr,
    /// What it says.
    pub packet: Vec<u8>,
}

/// Sockets without a kernel. [`RelayWorker::receive`](crate::RelayWorker::receive) plays the network's part.
#[derive(Debug, Default)]
pub struct Simulated {
    bound: BTreeMap<u16, (Token, Arc<()>)>,
    taken: BTreeSet<u16>,
    sent: Vec<Sent>,
    program: Option<Program>,
    /// What waits in the sockets, and which of them are ready.
    waiting: BTreeMap<u16, VecDeque<Datagram>>,
    ready: VecDeque<Token>,
    /// What arrives at a port in the moment in which a flow is given away.
    at_offload: Vec<(u16, SocketAddr, Vec<u8>)>,
}

/// From where, and what.
type Datagram = (SocketAddr, Vec<u8>);

/// A port bound in [`Simulated`].
#[derive(Debug)]
pub struct SimulatedSocket {
    port: u16,
    open: Arc<()>,
}

impl Simulated {
    /// A network on which nothing is bound.
    pub fn new() -> Self {
        Self::default()
    }

    /// A network that forwards flows by itself, as many as it is offered.
    pub fn with_kernel() -> Self {
        Self { program: Some(Program::with_room(usize::MAX)), ..Self::default() }
    }

    /// Sets how many flows the network takes; 0 refuses all further ones.
    pub fn set_room(&mut self, flows: usize) {
        if let Some(program) = &mut self.program {
            program.room = flows;
        }
    }

    /// Lets packets pass the program by or meet it again, as when they come by another interface.
    pub fn set_passed_by(&mut self, is_passed_by: bool) {
        if let Some(program) = &mut self.program {
            program.is_passed_by = is_passed_by;
        }
    }

    /// Takes all flows from the network without a word, as when the interface goes.
    pub fn lose_flows(&mut self) {
        if let Some(program) = &mut self.program {
            program.clear();
        }
    }

    /// How many flows the network forwards by itself.
    pub fn flows(&self) -> usize {
        self.program.as_ref().map_or(0, Program::len)
    }

    /// How many flows the network was given in all.
    pub fn flows_taken(&self) -> u64 {
        self.program.as_ref().map_or(0, Program::accepted)
    }

    /// Tells the network what time it is; what it counts has times.
    pub const fn set_now(&mut self, now: Instant) {
        if let Some(program) = &mut self.program {
            program.now = Some(now);
        }
    }

    /// A datagram arrives: the network forwards it by itself, or it waits in the socket.
    pub fn arrive(&mut self, port: u16, from: SocketAddr, packet: &[u8]) {
        let mut packet = packet.to_vec();
        if !self.forward(port, from, &mut packet) && self.token(port).is_some() {
            self.waiting.entry(port).or_default().push_back((from, packet));
        }
    }

    /// Begins the next batch: every socket in which something waits is ready.
    pub fn poll(&mut self) {
        let waits = self.waiting.iter().filter(|(_, waiting)| !waiting.is_empty());
        self.ready = waits.filter_map(|(port, _)| self.token(*port)).collect();
    }

    /// Lets a datagram arrive in the moment in which a flow of that port is given away: it is in the socket then.
    pub fn arrive_at_offload(&mut self, port: u16, from: SocketAddr, packet: &[u8]) {
        self.at_offload.push((port, from, packet.to_vec()));
    }

    /// Forwards a datagram past the worker; `false` where that is not the network's to do.
    pub(crate) fn forward(&mut self, port: u16, from: SocketAddr, packet: &mut [u8]) -> bool {
        let Some((_, _, channel)) = self.token(port).map(Token::parts) else { return false };
        let Some(program) = &mut self.program else { return false };
        if let Some(lost) = program
            .ports()
            .flat_map(|(from, by)| [from, by])
            .find(|port| self.bound.get(port).is_none_or(|(_, open)| Arc::strong_count(open) < 2))
        {
            panic!("a flow has outlived its socket {lost}");
        }
        let Some((local_port, to)) = program.forward(port, channel, from, packet) else { return false };
        self.sent.push(Sent { local_port, to, packet: packet.to_vec() });
        true
    }

    /// Lets the next binds of the port fail, as if another process had it.
    pub fn take_port(&mut self, port: u16) {
        self.taken.insert(port);
    }

    /// What was sent since the last call.
    pub fn take_sent(&mut self) -> Vec<Sent> {
        mem::take(&mut self.sent)
    }

    /// How many ports are bound.
    pub fn bound(&self) -> usize {
        self.bound.values().filter(|(_, open)| Arc::strong_count(open) > 1).count()
    }

    /// The ports that are bound.
    pub fn ports(&self) -> Vec<u16> {
        self.bound.keys().copied().filter(|port| self.token(*port).is_some()).collect()
    }

    pub(crate) fn token(&self, port: u16) -> Option<Token> {
        self.bound.get(&port).filter(|(_, open)| Arc::strong_count(open) > 1).map(|(token, _)| *token)
    }
}

impl DatagramIo for Simulated {
    type Socket = SimulatedSocket;

    fn bind(&mut self, address: SocketAddr, token: Token) -> io::Result<SimulatedSocket> {
        let port = address.port();
        if self.taken.contains(&port) || self.token(port).is_some() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let open = Arc::new(());
        self.bound.insert(port, (token, Arc::clone(&open)));
        Ok(SimulatedSocket { port, open })
    }

    fn release(&mut self, socket: &SimulatedSocket) {
        self.bound.remove(&socket.port);
    }

    fn adopt(&mut self, socket: &SimulatedSocket, token: Token) -> io::Result<()> {
        if self.taken.contains(&socket.port) || self.token(socket.port).is_some() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.bound.insert(socket.port, (token, Arc::clone(&socket.open)));
        Ok(())
    }

    fn next_ready(&mut self) -> Option<Token> {
        self.ready.pop_front()
    }

    fn receive(&mut self, socket: &SimulatedSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let (from, packet) = self.waiting.get_mut(&socket.port)?.pop_front()?;
        let length = packet.len().min(buffer.len());
        buffer[..length].copy_from_slice(&packet[..length]);
        Some((length, from))
    }

    fn can_offload(&self) -> bool {
        self.program.is_some()
    }

    fn offload(&mut self, from: &SimulatedSocket, by: &SimulatedSocket, flow: &KernelFlow) -> bool {
        let Some(program) = &mut self.program else { return false };
        let taken = program.insert(from.port, by.port, flow);
        if taken {
            let (now, later) = mem::take(&mut self.at_offload).into_iter().partition(|it| it.0 == from.port);
            self.at_offload = later;
            let waiting = self.waiting.entry(from.port).or_default();
            waiting.extend(now.into_iter().map(|(_, from, packet): (u16, _, _)| (from, packet)));
        }
        taken
    }

    fn offloaded(&mut self, from: &SimulatedSocket) -> Option<FlowCount> {
        self.program.as_ref()?.count(from.port)
    }

    fn recall(&mut self, from: &SimulatedSocket) -> Option<FlowCount> {
        self.program.as_mut()?.remove(from.port)
    }

    fn send(&mut self, socket: &SimulatedSocket, packet: &[u8], to: SocketAddr) -> bool {
        self.sent.push(Sent { local_port: socket.port, to, packet: packet.to_vec() });
        true
    }

    fn dropped(&self, _socket: &SimulatedSocket) -> u64 {
        0
    }
}
