//! The border between the relay and the network: one trait, with a body for the kernel and one for tests.

mod datagrams;
mod heap;
pub mod kernel;
mod local;
pub mod nowhere;
mod program;
pub mod simulated;
pub(crate) mod syscall;
mod watch;

use std::fs::File;
use std::io;
use std::net::SocketAddr;

pub use datagrams::Datagrams;
pub use heap::{HeapTrim, resident_bytes, share_heaps, trim_heaps};
pub use local::local_addresses;
pub use watch::Watch;

use crate::flow::Channel;
use crate::offload::{FlowCount, KernelFlow};

/// Raises the limit of open descriptors to what the system allows this process, and returns it: a call has four sockets, and
/// the usual limit is 1,024.
///
/// # Errors
/// The kernel's.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    syscall::raise_descriptor_limit()
}

/// In a static program, has the C library look up hosts in `/etc/hosts` and by name servers alone, whatever `/etc/nsswitch.conf` names: that
/// would be libraries of another C library, in which the program crashes. Whether it was done: not beside other threads, so a program does it
/// first of all.
pub fn look_up_without_libraries() -> bool {
    syscall::look_up_without_libraries()
}

/// The monotonic clock as the kernel and other programs read it, in nanoseconds.
pub fn monotonic_ns() -> u64 {
    syscall::monotonic_ns()
}

/// How many bytes of the file system of a file or directory are free for this process.
///
/// # Errors
/// The kernel's.
pub fn free_bytes(file: &File) -> io::Result<u64> {
    syscall::free_bytes(file)
}

/// Names a socket of a leg in a worker: slot of the leg, its generation, and which of the pair.
///
/// A token outlives its leg in events that were already waiting; the generation gives it away.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(u64);

impl Token {
    pub(crate) fn of(generation: u32, slot: u32, channel: Channel) -> Self {
        Self(u64::from(generation) << 32 | u64::from(slot) << 1 | u64::from(channel == Channel::Rtcp))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the fields are 32 and 31 bits wide")]
    pub(crate) const fn parts(self) -> (u32, u32, Channel) {
        let channel = if self.0 & 1 == 0 { Channel::Rtp } else { Channel::Rtcp };
        ((self.0 >> 32) as u32, self.0 as u32 >> 1, channel)
    }
}

/// Sends and receives datagrams for a worker.
pub trait DatagramIo {
    /// A bound socket; dropping it closes it.
    type Socket: Send + 'static;

    /// Binds a socket. Its readiness is named by `token`.
    ///
    /// # Errors
    /// The network's, when the address is taken or foreign.
    fn bind(&mut self, address: SocketAddr, token: Token) -> io::Result<Self::Socket>;

    /// Lets a socket go to another network of its kind: its readiness is no longer named here. What arrives waits in it.
    fn release(&mut self, _socket: &Self::Socket) {}

    /// Takes a socket that another network of its kind released. Its readiness is named by `token`, also for what waits in it.
    ///
    /// # Errors
    /// The network's; `Unsupported` where sockets cannot move.
    fn adopt(&mut self, _socket: &Self::Socket, _token: Token) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The next socket of the present batch that has something to be received.
    fn next_ready(&mut self) -> Option<Token>;

    /// Receives one datagram; `None` when there is none. A longer one is cut to the buffer.
    fn receive(&mut self, socket: &Self::Socket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)>;

    /// Sends one datagram; `false` when the network refused it.
    fn send(&mut self, socket: &Self::Socket, packet: &[u8], to: SocketAddr) -> bool;

    /// Whether the network may take flows at all; where not, none is offered and nothing is spent on it.
    fn can_offload(&self) -> bool {
        false
    }

    /// Lets the network forward what arrives at `from` by itself, as if sent by `by`, from the next packet on. `false` where it
    /// cannot: then nothing has changed. A flow that is there already is replaced, its count goes on.
    fn offload(&mut self, _from: &Self::Socket, _by: &Self::Socket, _flow: &KernelFlow) -> bool {
        false
    }

    /// What the network counted of the flow that arrives at `from` since it was given away; `None` if it is not the network's.
    fn offloaded(&mut self, _from: &Self::Socket) -> Option<FlowCount> {
        None
    }

    /// Takes back the flow that arrives at `from`: the next packet comes up. Its last count; `None` if it was not the network's.
    fn recall(&mut self, _from: &Self::Socket) -> Option<FlowCount> {
        None
    }

    /// How many datagrams the network dropped because they were not fetched in time.
    fn dropped(&self, socket: &Self::Socket) -> u64;
}
