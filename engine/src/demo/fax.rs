//! A phone that is an adapter of a fax machine: what it does when the machine begins to fax (ITU-T T.38 annex D).

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;

use super::call::{Call, Change};
use super::phone::{Phone, PhoneOutbox, RtpDatagram, Status};

impl Phone {
    /// Offers fax in place of audio in the latest call.
    pub fn offer_fax(&mut self, now: Instant, out: &mut PhoneOutbox) {
        if let Some(index) = self.latest(|call| call.status == Status::Connected) {
            self.change(now, index, Change::Fax, out);
        }
    }

    /// Whether the latest call is one of fax.
    pub fn faxes(&self) -> bool {
        self.calls.last().is_some_and(|call| fax_of(call).is_some())
    }

    /// Sends datagrams of these sequence numbers in the latest call that is one of fax.
    pub fn send_fax(&self, numbers: Range<u16>, out: &mut PhoneOutbox) {
        let Some(to) = self.calls.iter().rev().find_map(fax_of) else { return };
        out.rtp.extend(numbers.map(|number| RtpDatagram { to, bytes: datagram(number) }));
    }

    /// Takes a datagram of fax, if it is one.
    pub(super) fn hears_fax(&mut self, from: SocketAddr, bytes: &[u8]) -> bool {
        let is_fax = self.calls.iter().rev().find_map(fax_of) == Some(from);
        if let ([high, low, ..], true) = (bytes, is_fax) {
            self.heard.datagrams.push(u16::from_be_bytes([*high, *low]));
        }
        is_fax
    }
}

/// Where fax goes in a call that is up.
fn fax_of(call: &Call) -> Option<SocketAddr> {
    let remote = call.remote.as_ref().filter(|remote| remote.is_fax())?;
    remote.fax.filter(|_| call.status == Status::Connected)
}

/// A sequence number and one packet without a signal (ITU-T T.38 §9.1).
fn datagram(number: u16) -> Bytes {
    let [high, low] = number.to_be_bytes();
    Bytes::copy_from_slice(&[high, low, 1, 0, 0, 0])
}
