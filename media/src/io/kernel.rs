//! Plain non-blocking UDP sockets and one epoll: what one worker thread waits on.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::syscall::{self, Epoll, NOT_READY, ReadyEvent};
use super::{DatagramIo, Token};
use crate::command::PortPair;
use crate::flow::Channel;
use crate::kernel::KernelFlows;
use crate::limits::{BATCH_SOCKETS, RECEIVE_BUFFER_BYTES};
use crate::offload::{FlowCount, KernelFlow};

/// The token of the wake-up descriptor; no leg has this generation and slot.
const WAKE: u64 = u64::MAX;

/// The sockets of one thread.
pub struct KernelIo {
    epoll: Arc<Epoll>,
    wake: Arc<File>,
    batch: Batch,
    next: usize,
    binder: Binder,
    flows: Option<KernelFlows>,
}

impl fmt::Debug for KernelIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelIo")
            .field("filled", &self.batch.filled)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Sockets that were found ready at once.
struct Batch {
    ready: Box<[ReadyEvent; BATCH_SOCKETS]>,
    filled: usize,
}

impl Batch {
    fn empty() -> Self {
        Self { ready: Box::new([NOT_READY; BATCH_SOCKETS]), filled: 0 }
    }
}

/// Waits for the sockets of a [`KernelIo`] while others use it.
pub struct Lookout {
    epoll: Arc<Epoll>,
    batch: Batch,
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookout").field("filled", &self.batch.filled).finish_non_exhaustive()
    }
}

impl Lookout {
    /// Waits for datagrams or a wake-up, at most for `timeout`. What was seen is for [`KernelIo::begin`].
    ///
    /// # Errors
    /// The kernel's; there is none that waiting again would cure.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.batch.filled = 0;
        self.batch.filled = self.epoll.wait(&mut self.batch.ready[..], timeout)?;
        Ok(())
    }
}

/// Wakes a thread that waits in [`KernelIo::wait`] or for a [`Watch`](super::Watch).
#[derive(Clone, Debug)]
pub struct Waker(Arc<File>);

impl Waker {
    pub(super) const fn of(bell: Arc<File>) -> Self {
        Self(bell)
    }

    /// Lets the present or the next wait return.
    pub fn wake(&self) {
        // Fails only when the counter is full, and then the thread is about to wake.
        let _full = (&*self.0).write(&1_u64.to_ne_bytes()).is_err();
    }
}

/// A bound UDP socket.
#[derive(Debug)]
pub struct KernelSocket {
    udp: UdpSocket,
    bound: SocketAddr,
}

/// Binds sockets that a [`KernelIo`] adopts later, from any thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binder {
    /// What sockets mark their packets with: the DSCP in the upper six bits of a byte.
    traffic_class: u32,
}

impl Binder {
    /// The sockets of a leg. What arrives waits in them.
    ///
    /// # Errors
    /// The kernel's, when a port is taken or the address foreign.
    pub(crate) fn bind_pair(self, address: IpAddr, ports: PortPair) -> io::Result<[KernelSocket; 2]> {
        let rtp = self.bind(SocketAddr::new(address, ports.rtp()), Channel::Rtp)?;
        Ok([rtp, self.bind(SocketAddr::new(address, ports.rtcp()), Channel::Rtcp)?])
    }

    fn bind(self, address: SocketAddr, channel: Channel) -> io::Result<KernelSocket> {
        let kind = Type::DGRAM.nonblocking();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // `::` hears IPv4 too.
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.bind(&address.into())?;
        // These improve the service and none is needed for it. A socket for both families has both marks. Reports are few, and
        // the usual buffer has room for them.
        if channel == Channel::Rtp {
            let _best_effort = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).is_err();
        }
        if self.traffic_class != 0 {
            let _best_effort = socket.set_tos_v4(self.traffic_class).is_err();
            if address.is_ipv6() {
                let _best_effort = socket.set_tclass_v6(self.traffic_class).is_err();
            }
        }
        let udp = UdpSocket::from(socket);
        let bound = if address.port() == 0 { udp.local_addr()? } else { address };
        Ok(KernelSocket { udp, bound })
    }
}

impl KernelIo {
    /// Opens the epoll and its wake-up descriptor.
    ///
    /// # Errors
    /// The kernel's, when descriptors are used up.
    pub fn open() -> io::Result<Self> {
        let epoll = Arc::new(Epoll::open()?);
        let wake = Arc::new(syscall::open_eventfd()?);
        epoll.watch(&*wake, WAKE)?;
        Ok(Self {
            epoll,
            wake,
            batch: Batch::empty(),
            next: 0,
            binder: Binder { traffic_class: 0 },
            flows: None,
        })
    }

    /// Who waits for these sockets.
    pub fn lookout(&self) -> Lookout {
        Lookout { epoll: Arc::clone(&self.epoll), batch: Batch::empty() }
    }

    /// Begins the next batch with what the lookout saw. A socket that was closed since is named by a token that is no leg's.
    pub const fn begin(&mut self, seen: &mut Lookout) {
        mem::swap(&mut self.batch, &mut seen.batch);
        self.next = 0;
    }

    /// Lets the sockets that are bound from here on mark their packets with this DSCP (RFC 2474), 0 to 63.
    pub const fn mark(&mut self, dscp: u8) {
        self.binder = Binder { traffic_class: (dscp as u32 & 0x3f) << 2 };
    }

    /// Who binds sockets for this network, marked as it says by then.
    pub(crate) const fn binder(&self) -> Binder {
        self.binder
    }

    /// Lets established flows be forwarded in the kernel.
    pub fn set_flows(&mut self, flows: KernelFlows) {
        self.flows = Some(flows);
    }

    /// What other threads wake this one with.
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.wake))
    }

    /// Waits for datagrams or a wake-up, at most for `timeout`; begins the next batch.
    ///
    /// # Errors
    /// The kernel's; there is none that waiting again would cure.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.next = 0;
        self.batch.filled = 0;
        self.batch.filled = self.epoll.wait(&mut self.batch.ready[..], timeout)?;
        Ok(())
    }
}

impl DatagramIo for KernelIo {
    type Socket = KernelSocket;

    fn bind(&mut self, address: SocketAddr, token: Token) -> io::Result<KernelSocket> {
        let socket = self.binder.bind(address, token.parts().2)?;
        self.adopt(&socket, token)?;
        Ok(socket)
    }

    fn release(&mut self, socket: &KernelSocket) {
        // Fails only for a socket that is not watched.
        let _unwatched = self.epoll.forget(&socket.udp).is_ok();
    }

    fn adopt(&mut self, socket: &KernelSocket, token: Token) -> io::Result<()> {
        self.epoll.watch(&socket.udp, token.0)?;
        // A flow of the port's last call would take this one's packets.
        if let Some(flows) = &mut self.flows {
            flows.recall(socket.bound);
        }
        Ok(())
    }

    #[inline]
    fn next_ready(&mut self) -> Option<Token> {
        while self.next < self.batch.filled {
            let token = self.batch.ready[self.next].u64;
            self.next += 1;
            if token != WAKE {
                return Some(Token(token));
            }
            // Reading resets the counter; it fails only when there is nothing to reset.
            let _reset = (&*self.wake).read(&mut [0; 8]).is_ok();
        }
        None
    }

    #[inline]
    fn receive(&mut self, socket: &KernelSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        // An error is an earlier send's ICMP answer or nothing to be had; either way there is no datagram.
        let (length, from) = socket.udp.recv_from(buffer).ok()?;
        Some((length, if socket.bound.is_ipv6() { canonical(from) } else { from }))
    }

    #[inline]
    fn send(&mut self, socket: &KernelSocket, packet: &[u8], to: SocketAddr) -> bool {
        let to = match to {
            SocketAddr::V4(v4) if socket.bound.is_ipv6() => {
                SocketAddr::V6(SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0))
            }
            SocketAddr::V4(_) | SocketAddr::V6(_) => to,
        };
        socket.udp.send_to(packet, to).is_ok()
    }

    fn can_offload(&self) -> bool {
        self.flows.is_some()
    }

    fn offload(&mut self, from: &KernelSocket, by: &KernelSocket, flow: &KernelFlow) -> bool {
        self.flows.as_mut().is_some_and(|flows| flows.offload(from.bound, by.bound, flow))
    }

    fn offloaded(&mut self, from: &KernelSocket) -> Option<FlowCount> {
        self.flows.as_ref()?.count(from.bound)
    }

    fn recall(&mut self, from: &KernelSocket) -> Option<FlowCount> {
        self.flows.as_mut()?.recall(from.bound)
    }

    fn dropped(&self, socket: &KernelSocket) -> u64 {
        syscall::receive_drops(&socket.udp).map_or(0, u64::from)
    }
}

/// IPv4 in its own form where a socket for both families reports it mapped.
fn canonical(from: SocketAddr) -> SocketAddr {
    match from {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(v4.into(), v6.port()),
            None => from,
        },
        SocketAddr::V4(_) => from,
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    #[test]
    fn sockets_mark_their_packets_those_for_both_families_twice() {
        let mut io = KernelIo::open().unwrap();
        io.mark(46);
        for (address, is_ipv6) in [("127.0.0.1:0", false), ("[::]:0", true)] {
            let token = Token::of(0, 0, Channel::Rtp);
            let socket = io.bind(address.parse().unwrap(), token).unwrap();
            let socket = SockRef::from(&socket.udp);
            assert_eq!(socket.tos_v4().unwrap(), 46 << 2);
            if is_ipv6 {
                assert_eq!(socket.tclass_v6().unwrap(), 46 << 2);
            }
        }
    }
}
