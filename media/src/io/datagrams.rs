//! Datagrams that are taken from a socket together.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;

use super::syscall::{self, RECEIVED_AT_ONCE};

/// Room for what is received by one system call.
pub struct Datagrams {
    /// A part of equal length for each.
    bytes: Box<[u8]>,
    longest: usize,
    received: [(usize, SocketAddr); RECEIVED_AT_ONCE],
    filled: usize,
}

impl fmt::Debug for Datagrams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagrams").field("filled", &self.filled).finish_non_exhaustive()
    }
}

impl Datagrams {
    /// How many are received at once at most.
    pub const ROOM: usize = RECEIVED_AT_ONCE;

    /// Room for datagrams of so many bytes; longer ones are cut.
    pub fn of(longest: usize) -> Self {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Self {
            bytes: vec![0; longest * Self::ROOM].into_boxed_slice(),
            longest,
            received: [(0, nowhere); Self::ROOM],
            filled: 0,
        }
    }

    /// Receives what waits in a socket in place of what was received before, without waiting for any; returns how many there were:
    /// fewer than [`Self::ROOM`] only where no other waited.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` when there is none.
    pub fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        self.filled = 0;
        self.filled = syscall::receive_many(socket, &mut self.bytes, self.longest, &mut self.received)?;
        Ok(self.filled)
    }

    /// What was received, in order, and whence.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let received = self.received.iter().take(self.filled);
        received
            .zip(self.bytes.chunks_exact(self.longest))
            .map(|(&(length, from), bytes)| (&bytes[..length], from))
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_waits_is_received_in_order_with_its_source_and_cut_to_the_room() {
        for ip in ["127.0.0.1", "::1"] {
            let ours = UdpSocket::bind((ip, 0)).unwrap();
            let theirs = UdpSocket::bind((ip, 0)).unwrap();
            let source = theirs.local_addr().unwrap();
            let mut datagrams = Datagrams::of(4);
            assert_eq!(datagrams.receive(&ours).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            for said in 0..=u8::try_from(Datagrams::ROOM).unwrap() {
                let text = [said, b'-', b'l', b'o', b'n', b'g'];
                theirs.send_to(&text[..usize::from(said.min(6))], ours.local_addr().unwrap()).unwrap();
            }
            assert_eq!(datagrams.receive(&ours).unwrap(), Datagrams::ROOM);
            let heard: Vec<(Vec<u8>, SocketAddr)> =
                datagrams.iter().map(|(bytes, from)| (bytes.to_vec(), from)).collect();
            for (said, (bytes, from)) in (0_u8..).zip(&heard) {
                let text = [said, b'-', b'l', b'o'];
                assert_eq!((bytes.as_slice(), *from), (&text[..usize::from(said.min(4))], source));
            }
            assert_eq!(datagrams.receive(&ours).unwrap(), 1);
            assert_eq!(datagrams.iter().count(), 1);
            assert!(datagrams.receive(&ours).is_err());
            assert_eq!(datagrams.iter().count(), 0, "what was received before is gone");
        }
    }
}
