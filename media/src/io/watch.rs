//! What a thread waits on that reads a few sockets by itself and is woken by others.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use super::kernel::Waker;
use super::syscall::{self, Epoll, NOT_READY, ReadyEvent};

/// How many sockets are found ready at once; the others are in the next wait.
const READY_AT_ONCE: usize = 64;

/// Names the bell; no socket has this place.
const BELL: u64 = u64::MAX;

/// A thread's sockets and its bell. Sockets are told of for what arrives only: the room that a datagram leaves when it was sent
/// wakes nobody, and others may send by the same sockets.
pub struct Watch {
    epoll: Epoll,
    /// Knows the bell alone.
    quiet: Epoll,
    bell: Arc<File>,
    ready: [ReadyEvent; READY_AT_ONCE],
    filled: usize,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("filled", &self.filled).finish_non_exhaustive()
    }
}

impl Watch {
    /// A watch over no socket.
    ///
    /// # Errors
    /// The kernel's, when descriptors are used up.
    pub fn open() -> io::Result<Self> {
        let (epoll, quiet, bell) = (Epoll::open()?, Epoll::open()?, Arc::new(syscall::open_eventfd()?));
        epoll.watch(&*bell, BELL)?;
        quiet.watch(&*bell, BELL)?;
        Ok(Self { epoll, quiet, bell, ready: [NOT_READY; READY_AT_ONCE], filled: 0 })
    }

    /// Watches a socket, until its last copy is closed. It is named by `place`.
    ///
    /// # Errors
    /// The kernel's, when descriptors are used up.
    pub fn add(&self, socket: &UdpSocket, place: usize) -> io::Result<()> {
        self.epoll.watch(socket, place as u64)
    }

    /// What others wake the thread with.
    pub fn waker(&self) -> Waker {
        Waker::of(Arc::clone(&self.bell))
    }

    /// Waits for datagrams or the bell, at most for `timeout`.
    ///
    /// # Errors
    /// The kernel's; there is none that waiting again would cure.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.filled = 0;
        self.filled = self.epoll.wait(&mut self.ready, timeout)?;
        self.reset_bell();
        Ok(())
    }

    /// Waits for the bell alone; then no socket is ready, whatever waits in it.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_for_bell(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.filled = 0;
        self.filled = self.quiet.wait(&mut self.ready, timeout)?;
        self.reset_bell();
        Ok(())
    }

    /// The places of sockets in which something waited.
    pub fn ready(&self) -> impl Iterator<Item = usize> {
        let places = self.ready.iter().take(self.filled).map(|event| event.u64);
        places.filter(|place| *place != BELL).filter_map(|place| usize::try_from(place).ok())
    }

    fn reset_bell(&self) {
        if self.ready.iter().take(self.filled).any(|event| event.u64 == BELL) {
            // Fails only when there is nothing to reset.
            let _reset = (&*self.bell).read(&mut [0; 8]).is_ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(20));
    const NOT_AT_ALL: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn what_arrives_and_the_bell_end_a_wait_and_what_was_sent_does_not() {
        let mut watch = Watch::open().unwrap();
        let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        for (place, socket) in sockets.iter().enumerate() {
            watch.add(socket, place).unwrap();
        }
        sockets[0].send_to(b"?", sockets[1].local_addr().unwrap()).unwrap();
        watch.wait(LONG).unwrap();
        assert_eq!(watch.ready().collect::<Vec<_>>(), [1]);
        watch.wait_for_bell(NOT_AT_ALL).unwrap();
        assert_eq!(watch.ready().count(), 0);
        watch.wait(LONG).unwrap();
        assert_eq!(watch.ready().count(), 1, "it was not read");
        sockets[1].recv_from(&mut [0; 1]).unwrap();

        watch.waker().wake();
        watch.waker().wake();
        watch.wait(LONG).unwrap();
        assert_eq!(watch.ready().count(), 0);
        watch.wait(NOT_AT_ALL).unwrap();
        watch.waker().wake();
        watch.wait_for_bell(LONG).unwrap();
        assert_eq!(watch.filled, 1);
        watch.wait(NOT_AT_ALL).unwrap();
        assert_eq!(watch.filled, 0, "each ring is heard once");
    }
}
