//! A network of the test's own: what the worker sends is kept, what it receives is handed to it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{DatagramIo, Token};

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
}

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
        None
    }

    fn receive(&mut self, _socket: &SimulatedSocket, _buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        None
    }

    fn send(&mut self, socket: &SimulatedSocket, packet: &[u8], to: SocketAddr) -> bool {
        self.sent.push(Sent { local_port: socket.port, to, packet: packet.to_vec() });
        true
    }

    fn dropped(&self, _socket: &SimulatedSocket) -> u64 {
        0
    }
}
