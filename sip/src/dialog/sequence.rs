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

    /// The number for our next request: not for ACK or CANCEL, which repeat the INVITE's. A dialog that has used up its numbers
    /// says the last one again, which the far end refuses with 500: that ends it.
    pub const fn advance(&mut self) -> u32 {
        self.local = if self.local < CSEQ_MAX { self.local + 1 } else { CSEQ_MAX };
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

/// The highest number that may be sent (RFC 3261 §8.1.1.5).
const CSEQ_MAX: u32 = (1 << 31) - 1;

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
    fn our_numbers_stay_below_what_32_bits_with_sign_hold() {
        let mut sequence = Sequence::new((1 << 31) - 2, None);
        assert_eq!((sequence.advance(), sequence.advance()), ((1 << 31) - 1, (1 << 31) - 1));
        let mut kept_too_long = Sequence::new(u32::MAX, None);
        assert_eq!(kept_too_long.advance(), (1 << 31) - 1);
    }

    #[test]
    fn the_last_number_of_the_peer_is_taken_and_nothing_after_it() {
        let mut sequence = Sequence::new(1, Some(u32::MAX - 1));
        assert_eq!(sequence.receive(Method::Info, u32::MAX), Ok(()));
        for number in [u32::MAX, 0, 1] {
            assert_eq!(
                sequence.receive(Method::Bye, number),
                Err(OutOfOrder { received: number, last: u32::MAX })
            );
        }
    }

    #[test]
    fn an_ack_is_never_out_of_order() {
        let mut sequence = Sequence::new(1, Some(5));
        assert_eq!(sequence.receive(Method::Ack, 3), Ok(()));
        assert_eq!(sequence.receive(Method::Bye, 6), Ok(()));
    }
}
