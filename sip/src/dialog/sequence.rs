//! CSeq in both directions of a dialog (RFC 3261 §12.2.1.1 and §12.2.2).

use crate::message::Method;

/// The sequence numbers of a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sequence {
    local: u32,
    remote: Option<u32>,
}

/// A request that came later than one that was sent after it: answered 500 (RFC 3261 §12.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("CSeq {received} is not above {last}")]
pub struct OutOfOrder {
    /// The number of the request.
    pub received: u32,
    /// The highest number so far.
    pub last: u32,
}

impl Sequence {
    /// The number of our last request, and of the peer's if it has sent one.
    pub const fn new(local: u32, remote: Option<u32>) -> Self {
        Self { local, remote }
    }

    /// The number of our last request.
    pub const fn local(&self) -> u32 {
        self.local
    }

    /// The number of the peer's last request, if it has sent one.
    pub const fn remote(&self) -> Option<u32> {
        self.remote
    }

    /// The number for our next request: not for ACK or CANCEL, which repeat the INVITE's.
    pub const fn advance(&mut self) -> u32 {
        self.local = self.local.wrapping_add(1);
        self.local
    }

    /// Takes the number of a request from the peer. An ACK may come late: its number is that of its INVITE.
    ///
    /// # Errors
    /// [`OutOfOrder`] if the number is not above that of the last request. Retransmissions never get here.
    pub fn receive(&mut self, method: Method, number: u32) -> Result<(), OutOfOrder> {
        if method == Method::Ack {
            return Ok(());
        }
        match self.remote {
            Some(last) if number <= last => Err(OutOfOrder { received: number, last }),
            Some(_) | None => {
                self.remote = Some(number);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_numbers_rise_by_one() {
        let mut sequence = Sequence::new(7, None);
        assert_eq!((sequence.advance(), sequence.advance(), sequence.local()), (8, 9, 9));
    }

    #[test]
    fn the_first_number_of_the_peer_is_taken_as_it_is_and_later_ones_must_rise() {
        let mut sequence = Sequence::new(1, None);
        assert_eq!(sequence.receive(Method::Invite, 100), Ok(()));
        assert_eq!(sequence.receive(Method::Info, 103), Ok(()));
        assert_eq!(sequence.receive(Method::Bye, 103), Err(OutOfOrder { received: 103, last: 103 }));
        assert_eq!(sequence.receive(Method::Bye, 102), Err(OutOfOrder { received: 102, last: 103 }));
    }

    #[test]
    fn an_ack_is_never_out_of_order() {
        let mut sequence = Sequence::new(1, Some(5));
        assert_eq!(sequence.receive(Method::Ack, 3), Ok(()));
        assert_eq!(sequence.receive(Method::Bye, 6), Ok(()));
    }
}
