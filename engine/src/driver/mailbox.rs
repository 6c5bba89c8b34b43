//! Bounded mailboxes between threads, without a way to deadlock.
//!
//! A thread that finds its neighbour's mailbox full keeps what it wanted to send in its own [`Outlet`], goes on reading
//! its own mailbox, and reads nothing from the network until the outlet is empty: pressure ends up in the kernel's socket
//! buffers, where UDP drops and TCP slows down.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;

/// Inputs that wait for a SIP worker. Full: a datagram that another worker received is dropped (and will be
/// retransmitted), a stream's reader waits, the switch keeps its command in its outlet.
pub(crate) const WORKER_MAILBOX: usize = 8_192;

/// Inputs that wait for the switch. Full: a worker keeps its event in its outlet and stops reading its sockets, an
/// application's request is refused with RESOURCEUNAVAIL.
pub(crate) const SWITCH_MAILBOX: usize = 16_384;

/// When it is tried again to send what found no room.
pub(crate) const RETRY: Duration = Duration::from_millis(5);

/// The sending end of a mailbox with what did not fit.
#[derive(Debug)]
pub(crate) struct Outlet<T> {
    sender: mpsc::Sender<T>,
    waiting: VecDeque<T>,
}

impl<T> Outlet<T> {
    pub(crate) fn new(sender: mpsc::Sender<T>) -> Self {
        Self { sender, waiting: VecDeque::new() }
    }

    /// Sends, or keeps for later. The order is kept.
    pub(crate) fn push(&mut self, item: T) {
        if self.waiting.is_empty() {
            match self.sender.try_send(item) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(item)) => self.waiting.push_back(item),
            }
        } else {
            self.waiting.push_back(item);
        }
    }

    /// How many items wait on the other side or for it.
    pub(crate) fn len(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity() + self.waiting.len()
    }

    /// Whether something did not fit.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends what waits, as far as there is room.
    pub(crate) fn flush(&mut self) {
        while let Some(item) = self.waiting.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(item)) = self.sender.try_send(item) {
                self.waiting.push_front(item);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_kept_in_order() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut outlet = Outlet::new(sender);
        for n in 0..5 {
            outlet.push(n);
        }
        assert!(outlet.is_blocked());
        assert_eq!(outlet.len(), 5);
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(0), Ok(1)));
        outlet.flush();
        assert_eq!((outlet.is_blocked(), outlet.len()), (true, 3));
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Ok(3)));
        outlet.flush();
        assert_eq!((outlet.is_blocked(), outlet.len()), (false, 1));
        assert_eq!(receiver.try_recv(), Ok(4));
    }
}
