//! SRTP of a leg: one session for RTP and RTCP, or, by DTLS without rtcp-mux, one for each port (RFC 5764 §4).

use std::net::SocketAddr;
use std::time::Instant;

use super::{Channel, Flow};
use crate::command::{Protection, Remote};
use crate::destination::Destinations;
use crate::dtls::{Association, DtlsIdentity};
use crate::rtcp;
use crate::srtp::{Srtp, SrtpKeys};
use crate::stats::Secured;

/// What a leg is protected with.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// Of the RTP port, and of what is agreed for both.
    first: Session,
    /// Of the RTCP port, where it shakes hands of its own.
    second: Option<Box<Session>>,
    /// The last datagram of each port that came before anything was agreed.
    early: Option<Box<[Option<Early>; 2]>>,
}

/// A handshake may begin before the answer that agrees to it is here (RFC 5763 §6.2).
#[derive(Debug)]
struct Early {
    from: SocketAddr,
    datagram: Box<[u8]>,
}

/// What is keyed together.
#[derive(Debug, Default)]
struct Session {
    srtp: Option<Box<Srtp>>,
    association: Option<Box<Association>>,
}

impl Sessions {
    /// Takes what offer/answer agreed; the relay has what it agreed to before.
    pub(super) fn agree(&mut self, before: Option<&Remote>, remote: &Remote) {
        let first = &mut self.first.srtp;
        match (remote.protection, &mut *first) {
            (Protection::Plain, _) => *first = None,
            (Protection::Srtp(keys), Some(srtp)) => srtp.agree(keys),
            (Protection::Srtp(keys), None) => *first = Some(Box::new(Srtp::new(keys))),
            (Protection::Dtls(_), _) if before.map(|before| before.protection) != Some(remote.protection) => {
                *first = None;
                self.second = None;
            }
            (Protection::Dtls(_), _) => {}
        }
        match remote.protection {
            Protection::Plain | Protection::Srtp(_) => self.second = None,
            // Who is sent nowhere keeps what it had.
            Protection::Dtls(_) if remote.rtp.is_none() => {}
            Protection::Dtls(_) if remote.rtcp == remote.rtp => self.second = None,
            Protection::Dtls(_) => {
                self.second.get_or_insert_default();
            }
        }
    }

    fn of(&mut self, channel: Channel) -> &mut Session {
        match (channel, &mut self.second) {
            (Channel::Rtcp, Some(second)) => second,
            (Channel::Rtcp, None) | (Channel::Rtp, _) => &mut self.first,
        }
    }

    /// Whether what goes out there can be sealed.
    pub(super) fn are_keyed(&self, channel: Channel) -> bool {
        match (channel, &self.second) {
            (Channel::Rtcp, Some(second)) => second.srtp.is_some(),
            (Channel::Rtcp, None) | (Channel::Rtp, _) => self.first.srtp.is_some(),
        }
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Session> {
        std::iter::once(&mut self.first).chain(self.second.as_deref_mut())
    }
}

impl Session {
    fn is_under_way(&self) -> bool {
        self.srtp.is_none() && self.association.as_ref().is_some_and(|association| association.is_under_way())
    }
}

impl Flow {
    /// Whether packets between the relay and the far end are SRTP: they are opened before [`receive`](Self::receive), and sealed
    /// after [`address`](Self::address).
    #[inline]
    pub(crate) const fn is_secured(&self) -> bool {
        self.outbound.secured
    }

    /// How they are.
    pub(super) fn secured(&self) -> Secured {
        let suite = self.aside.sessions.first.srtp.as_ref().map(|srtp| srtp.suite());
        match self.aside.remote.as_ref().map(|remote| remote.protection) {
            None | Some(Protection::Plain) => Secured::Not,
            Some(Protection::Srtp(keys)) => Secured::Sdes(keys.send.suite()),
            Some(Protection::Dtls(_)) => Secured::Dtls(suite),
        }
    }

    /// Opens an SRTP packet in place; the length of the plain packet. `None`: it is counted, and nothing of it is believed.
    /// What is no RTP by its first byte (RFC 7983) passes as it is.
    pub(crate) fn open(&mut self, channel: Channel, packet: &mut [u8]) -> Option<usize> {
        if packet.first().is_none_or(|first| first >> 6 != 2) {
            return Some(packet.len());
        }
        let is_rtcp = channel == Channel::Rtcp || rtcp::is_rtcp(packet);
        let srtp = self.aside.sessions.of(channel).srtp.as_mut();
        let opened =
            srtp.and_then(|srtp| if is_rtcp { srtp.open_rtcp(packet) } else { srtp.open_rtp(packet) });
        if opened.is_none() {
            self.aside.counters.unauthentic += 1;
        }
        opened
    }

    /// Seals an RTP packet. `None`: it must not be sent.
    pub(crate) fn seal_rtp(&mut self, packet: &[u8]) -> Option<&[u8]> {
        self.aside.sessions.first.srtp.as_mut()?.seal_rtp(packet)
    }

    /// Seals a compound that goes out here. `None`: it must not be sent.
    pub(crate) fn seal_rtcp(&mut self, channel: Channel, compound: &[u8]) -> Option<&[u8]> {
        self.aside.sessions.of(channel).srtp.as_mut()?.seal_rtcp(compound)
    }

    /// Begins the handshakes that were agreed, but for those that were begun; without an identity there are none.
    pub(crate) fn begin_handshakes(&mut self, now: Instant, identity: Option<&DtlsIdentity>) {
        let protection = self.aside.remote.as_ref().map(|remote| remote.protection);
        for session in self.aside.sessions.each() {
            let (Some(Protection::Dtls(peer)), Some(identity)) = (protection, identity) else {
                session.association = None;
                continue;
            };
            if session.association.as_ref().is_none_or(|association| association.peer() != peer) {
                session.association = Some(Box::new(Association::new(identity, now, peer)));
            }
        }
    }

    /// Keeps the beginning of a handshake until it is known whether there is to be one. One a port: who sends it repeats it.
    #[cold]
    pub(crate) fn keep_hello(&mut self, channel: Channel, from: SocketAddr, datagram: &[u8]) {
        let early = self.aside.sessions.early.get_or_insert_default();
        early[channel as usize] = Some(Early { from, datagram: datagram.into() });
    }

    /// Takes what was kept, as soon as it is known what was agreed.
    pub(crate) fn take_hello(&mut self, channel: Channel) -> Option<(SocketAddr, Box<[u8]>)> {
        let Early { from, datagram } = self.aside.sessions.early.as_mut()?[channel as usize].take()?;
        if !self.is_secured() {
            self.count_malformed();
            return None;
        }
        Some((from, datagram))
    }

    /// Whether a handshake is under way, so that something may have to be repeated.
    pub(crate) fn is_shaking(&mut self) -> bool {
        self.aside.sessions.each().any(|session| session.is_under_way())
    }

    /// The handshake of a port.
    pub(crate) fn association(&mut self, channel: Channel) -> Option<&mut Association> {
        self.aside.sessions.of(channel).association.as_deref_mut()
    }

    /// Whether RTCP shakes hands of its own.
    pub(crate) const fn shakes_twice(&self) -> bool {
        self.aside.sessions.second.is_some()
    }

    /// Takes the keys that a handshake agreed.
    pub(crate) fn key(&mut self, channel: Channel, keys: SrtpKeys) {
        self.aside.sessions.of(channel).srtp = Some(Box::new(Srtp::new(keys)));
    }

    /// Whether a handshake may come from there: from a latched source, or the addresses that are trusted from the start, and on
    /// a port where one was agreed.
    pub(crate) fn may_shake(&self, channel: Channel, from: SocketAddr, destinations: &Destinations) -> bool {
        let latch = &self.inbound.latch;
        destinations.permit(from)
            && match channel {
                Channel::Rtp => latch.trusts(from),
                Channel::Rtcp => self.shakes_twice() && latch.trusts_with_rtcp(from),
            }
    }

    /// Where a handshake is to be begun.
    pub(crate) fn shakes_with(&self, channel: Channel) -> Option<SocketAddr> {
        match channel {
            Channel::Rtp => self.aside.shakes_with,
            Channel::Rtcp => self.aside.rtcp_to,
        }
    }

    /// Counts a datagram of a handshake that may not come from there.
    #[cold]
    pub(crate) fn count_foreign(&mut self) {
        self.aside.counters.foreign += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Codecs, IceCredentials, PayloadTypes, SourcePolicy};
    use crate::dtls::{DtlsPeer, DtlsRole};
    use crate::flow::{Received, Verdict};
    use crate::stun;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn by_handshake(rtcp: &str) -> Remote {
        Remote {
            rtp: Some(at("192.0.2.1:4000")),
            rtcp: Some(at(rtcp)),
            source: SourcePolicy::Signalled,
            payload_types: PayloadTypes::default().with(0),
            codecs: Codecs::default(),
            speaks: Codecs::default(),
            send: true,
            receive: true,
            sealed: false,
            opaque: false,
            protection: Protection::Dtls(DtlsPeer { fingerprint: [7; 32], role: DtlsRole::Server }),
            ice: None,
        }
    }

    #[test]
    fn connectivity_is_checked_before_there_are_keys() {
        let ice = IceCredentials { ufrag: *b"ufragABC", password: *b"0123456789abcdefghijklmn" };
        let (mut flow, destinations) = (Flow::default(), Destinations::default());
        flow.agree(0, &Remote { ice: Some(ice), ..by_handshake("192.0.2.1:4000") }.into(), &destinations);
        let mut check = stun::testing::check(&ice, 9, true);
        let length = flow.open(Channel::Rtp, &mut check);
        assert_eq!(length, Some(check.len()));
        let from = at("198.51.100.9:61000");
        assert_eq!(
            flow.receive(0, Channel::Rtp, from, &check, &destinations),
            Received::Other(Verdict::Check)
        );
        assert_eq!(flow.open(Channel::Rtp, &mut [0x80; 172]), None);
        assert_eq!((flow.stats().unauthentic, flow.stats().secured), (1, Secured::Dtls(None)));
    }

    #[test]
    fn who_only_speaks_is_shaken_hands_with_too() {
        let (mut flow, destinations) = (Flow::default(), Destinations::default());
        let speaks_only = Remote { send: false, ..by_handshake("192.0.2.1:4000") };
        flow.agree(0, &speaks_only.into(), &destinations);
        assert_eq!(flow.rtp_to(), None);
        assert_eq!(flow.shakes_with(Channel::Rtp), Some(at("192.0.2.1:4000")));
        flow.agree(0, &Remote { rtp: None, rtcp: None, ..speaks_only }.into(), &destinations);
        assert_eq!(flow.shakes_with(Channel::Rtp), None);
    }

    #[test]
    fn reports_shake_hands_where_they_have_a_port_and_hold_changes_nothing() {
        let (mut flow, destinations) = (Flow::default(), Destinations::default());
        let apart = by_handshake("192.0.2.1:4001");
        for (remote, twice) in [
            (apart, true),
            (Remote { rtp: None, rtcp: None, ..apart }, true),
            (by_handshake("192.0.2.1:4000"), false),
            (apart, true),
            (Remote { protection: Protection::Plain, ..apart }, false),
        ] {
            flow.agree(0, &remote.into(), &destinations);
            assert_eq!(flow.shakes_twice(), twice, "{remote:?}");
            let from = at("192.0.2.1:4001");
            // While it is nowhere nobody speaks for it.
            let may_shake = twice && remote.rtp.is_some();
            assert_eq!(flow.may_shake(Channel::Rtcp, from, &destinations), may_shake);
            assert_eq!(flow.rtcp_to().is_some(), remote.protection == Protection::Plain, "{remote:?}");
        }
    }
}
