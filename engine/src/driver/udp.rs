//! UDP sockets of the SIP workers: one per listener and worker, all on the same port.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use trunkline_media::io::{Datagrams, Watch};
use trunkline_sip::transport::Flow;

use super::mark::mark;

/// Receive buffer asked of the kernel: a burst of subscriptions after a power cut fits.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Datagrams taken from one socket before the others get their turn.
pub(crate) const BATCH: usize = 64;

/// Binds one worker's socket of a listener, and marks what it sends with the DSCP. All workers' sockets share the port (SO_REUSEPORT): the kernel spreads
/// senders over them.
///
/// # Errors
/// What the kernel says: the address is in use, is not ours, or needs a privilege.
pub(crate) fn bind(address: SocketAddr, dscp: u8) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A smaller buffer than asked for is no reason not to start.
    drop(socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES));
    if address.is_ipv4() {
        // What phones ask the network is not for the SIP side, though it has the same port (`provision/pnp.rs`).
        socket.set_multicast_all_v4(false)?;
    }
    mark(&socket, dscp, address.is_ipv6());
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The sockets of one worker, for its thread to receive by.
#[derive(Debug)]
pub(crate) struct Sockets {
    sockets: Vec<(SocketAddr, std::net::UdpSocket)>,
}

impl Sockets {
    /// Takes sockets made by [`bind`] and has them watched; each is named by its index.
    pub(crate) fn adopt(bound: Vec<std::net::UdpSocket>, watch: &Watch) -> io::Result<Self> {
        let adopt = |(index, socket): (usize, std::net::UdpSocket)| {
            watch.add(&socket, index)?;
            Ok((socket.local_addr()?, socket))
        };
        Ok(Self { sockets: bound.into_iter().enumerate().map(adopt).collect::<io::Result<_>>()? })
    }

    /// The bound address of socket `index`.
    pub(crate) fn address(&self, index: usize) -> SocketAddr {
        self.sockets[index].0
    }

    /// Takes what waits in socket `index`, as much as there is room for; returns how many datagrams that were.
    pub(crate) fn receive(&self, index: usize, datagrams: &mut Datagrams) -> usize {
        loop {
            match datagrams.receive(&self.sockets[index].1) {
                Ok(received) => return received,
                // An ICMP error for an earlier datagram: Timer B or F will tell the transaction.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return 0,
            }
        }
    }
}

/// The same sockets for whoever runs the worker's agent to send by.
#[derive(Debug)]
pub(crate) struct Senders {
    sockets: Vec<(SocketAddr, std::net::UdpSocket)>,
}

impl Senders {
    /// Shares sockets made by [`bind`].
    pub(crate) fn share(bound: &[std::net::UdpSocket]) -> io::Result<Self> {
        let share = |socket: &std::net::UdpSocket| Ok((socket.local_addr()?, socket.try_clone()?));
        Ok(Self { sockets: bound.iter().map(share).collect::<io::Result<_>>()? })
    }

    /// The address from which [`send`](Self::send) sends where the kernel would take `source`: that of the listener there, or of another
    /// one of the same family.
    pub(crate) fn local_for(&self, source: IpAddr) -> Option<SocketAddr> {
        let mut family = self.sockets.iter().map(|(address, _)| *address);
        let of_family = family.clone().find(|address| address.is_ipv4() == source.is_ipv4())?;
        let known = family.find(|address| {
            address.ip() == source || address.ip().is_unspecified() && address.is_ipv4() == source.is_ipv4()
        });
        let address = known.unwrap_or(of_family);
        let ip = if address.ip().is_unspecified() { source } else { address.ip() };
        Some(SocketAddr::new(ip, address.port()))
    }

    /// Sends one datagram by the socket that the flow names, else by one of the same family. A full send buffer drops
    /// it, as a network would; anything else is the caller's to know.
    pub(crate) fn send(&self, flow: &Flow, bytes: &[u8]) -> io::Result<()> {
        let fits = |(address, _): &&(SocketAddr, std::net::UdpSocket)| {
            address.port() == flow.local.port()
                && (address.ip() == flow.local.ip() || is_any_of_family(address, flow))
        };
        let same_family =
            |(address, _): &&(SocketAddr, std::net::UdpSocket)| address.is_ipv4() == flow.remote.is_ipv4();
        let Some((_, socket)) =
            self.sockets.iter().find(fits).or_else(|| self.sockets.iter().find(same_family))
        else {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        };
        match socket.send_to(bytes, flow.remote) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            // The error belongs to an earlier datagram: try once more.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                socket.send_to(bytes, flow.remote).map(drop)
            }
            Err(error) => Err(error),
        }
    }
}

fn is_any_of_family(address: &SocketAddr, flow: &Flow) -> bool {
    address.ip().is_unspecified() && address.is_ipv4() == flow.remote.is_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_leaves_from_a_port_that_is_known() {
        let bound =
            ["127.0.0.1:0", "127.0.0.2:0"].map(|address| std::net::UdpSocket::bind(address).expect("a port"));
        let [first, second] = bound.each_ref().map(|socket| socket.local_addr().expect("it is bound"));
        let senders = Senders::share(&bound).expect("they are shared");
        assert_eq!(senders.local_for(first.ip()), Some(first));
        assert_eq!(senders.local_for(second.ip()), Some(second));
        assert_eq!(senders.local_for(IpAddr::from([192, 0, 2, 1])), Some(first), "nobody listens there");
        assert_eq!(senders.local_for("::1".parse().expect("an address")), None);
        let any = [std::net::UdpSocket::bind("0.0.0.0:0").expect("a port")];
        let port = any[0].local_addr().expect("it is bound").port();
        let source = IpAddr::from([192, 0, 2, 1]);
        let local = Senders::share(&any).expect("it is shared").local_for(source);
        assert_eq!(local, Some(SocketAddr::new(source, port)));
    }
}
