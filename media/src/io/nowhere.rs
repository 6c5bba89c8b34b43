//! A network that swallows everything, for who measures what a worker does by itself.

use std::hint::black_box;
use std::io;
use std::net::SocketAddr;

use super::{DatagramIo, Token};

/// Sockets without a network. [`RelayWorker::handle_datagram`](crate::RelayWorker::handle_datagram) plays its part.
#[derive(Debug, Default)]
pub struct Nowhere {
    /// Those of every socket that was bound, in turn: of a leg the one for RTP, then the one for RTCP.
    pub tokens: Vec<Token>,
    /// How many datagrams were sent.
    pub sent: u64,
}

impl DatagramIo for Nowhere {
    type Socket = ();

    fn bind(&mut self, _address: SocketAddr, token: Token) -> io::Result<()> {
        self.tokens.push(token);
        Ok(())
    }

    fn next_ready(&mut self) -> Option<Token> {
        None
    }

    fn receive(&mut self, _socket: &(), _buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        None
    }

    fn send(&mut self, _socket: &(), packet: &[u8], to: SocketAddr) -> bool {
        black_box((packet, to));
        self.sent += 1;
        true
    }

    fn dropped(&self, _socket: &()) -> u64 {
        0
    }
}
