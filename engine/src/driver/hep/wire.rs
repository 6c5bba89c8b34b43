//! The way to a collector: datagrams, or a stream that is opened again when it breaks.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::config::HepServer;
use crate::driver::clock;

/// How long a collector may take to be connected to, and to take a packet.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long nobody tries to connect after that failed.
const REST: Duration = Duration::from_secs(5);

/// A collector.
#[derive(Debug)]
pub(super) enum Wire {
    Udp(SocketAddr, Option<UdpSocket>),
    Tcp { server: SocketAddr, stream: Option<TcpStream>, again: Option<Instant> },
}

impl Wire {
    pub(super) const fn new(server: HepServer) -> Self {
        match server {
            HepServer::Udp(server) => Self::Udp(server, None),
            HepServer::Tcp(server) => Self::Tcp { server, stream: None, again: None },
        }
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// It is lost; the next one may not be.
    pub(super) fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(server, socket) => {
                if socket.is_none() {
                    *socket = Some(bind(*server)?);
                }
                let Some(socket) = socket else { return Ok(()) };
                socket.send(packet).map(drop)
            }
            Self::Tcp { server, stream, again } => {
                if stream.is_none() {
                    let now = clock::now();
                    if again.is_some_and(|again| now < again) {
                        return Err(io::ErrorKind::NotConnected.into());
                    }
                    // From its end on: it may have taken long to fail.
                    let connected = connect(*server);
                    *again = Some(clock::now() + REST);
                    *stream = Some(connected?);
                }
                let Some(open) = stream else { return Ok(()) };
                let sent = open.write_all(packet);
                if sent.is_err() {
                    // A piece of the packet may be on its way: what follows would not be understood.
                    *stream = None;
                }
                sent
            }
        }
    }
}

fn bind(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect(server)?;
    Ok(socket)
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn datagrams_come_as_they_were() {
        let collector = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let mut wire = Wire::new(HepServer::Udp(collector.local_addr().expect("bound")));
        wire.send(b"HEP3").expect("it is sent");
        let mut buffer = [0; 8];
        collector.set_read_timeout(Some(Duration::from_secs(25))).expect("it can be");
        assert_eq!(collector.recv(&mut buffer).expect("it came"), 4);
    }

    #[test]
    fn a_stream_that_nobody_takes_rests() {
        let collector = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = collector.local_addr().expect("bound");
        let mut wire = Wire::new(HepServer::Tcp(server));
        wire.send(b"HEP3").expect("it is sent");
        let (mut stream, _) = collector.accept().expect("it is connected");
        let mut buffer = [0; 4];
        stream.read_exact(&mut buffer).expect("it came");
        assert_eq!(&buffer, b"HEP3");

        drop(collector);
        let mut wire = Wire::new(HepServer::Tcp(server));
        assert_eq!(wire.send(b"1").map_err(|error| error.kind()), Err(io::ErrorKind::ConnectionRefused));
        assert_eq!(wire.send(b"2").map_err(|error| error.kind()), Err(io::ErrorKind::NotConnected));
    }
}
