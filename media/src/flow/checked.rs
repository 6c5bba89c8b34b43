//! Connectivity checks of a far end (RFC 8445): which are answered, and what they latch.

use std::net::SocketAddr;

use super::{Channel, Flow};
use crate::destination::Destinations;
use crate::limits::CHECKS_PER_SECOND_MAX;
use crate::stun::{self, ANSWER_BYTES_MAX, Check};

/// An answer to a connectivity check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CheckAnswer {
    /// Its length, in bytes.
    pub(crate) length: usize,
    /// The check latched its source.
    pub(crate) latched: bool,
}

impl Flow {
    /// Judges a connectivity check and writes the answer to it. `None`: there is none, for it proves nothing.
    #[cold]
    pub(crate) fn check(
        &mut self,
        now_us: u64,
        channel: Channel,
        from: SocketAddr,
        packet: &[u8],
        destinations: &Destinations,
        answer: &mut [u8; ANSWER_BYTES_MAX],
    ) -> Option<CheckAnswer> {
        let credentials = self.aside.remote.as_ref().and_then(|remote| remote.ice)?;
        // Who does not know the name of the session uses up nothing.
        if !stun::is_addressed(packet, &credentials) {
            self.aside.counters.foreign += 1;
            return None;
        }
        let (since_us, count) = &mut self.aside.checks;
        if now_us.saturating_sub(*since_us) >= 1_000_000 {
            (*since_us, *count) = (now_us, 0);
        }
        *count = count.saturating_add(1);
        let proven = if *count <= CHECKS_PER_SECOND_MAX { Check::read(packet, &credentials) } else { None };
        let Some(check) = proven.filter(|_| destinations.permit(from)) else {
            self.aside.counters.foreign += 1;
            return None;
        };
        let mut latched = false;
        if check.nominates && check.succeeds() {
            match channel {
                Channel::Rtp => latched = self.inbound.latch.nominate(now_us, from, check.priority),
                Channel::Rtcp => self.inbound.latch.nominate_rtcp(now_us, from),
            }
            self.find_destinations(destinations);
        }
        Some(CheckAnswer { length: check.answer(from, &credentials, answer), latched })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, flow, goes_to, remote};
    use super::*;
    use crate::command::{IceCredentials, Remote};
    use crate::flow::{Received, Verdict};

    const OURS: IceCredentials =
        IceCredentials { ufrag: *b"ufragABC", password: *b"0123456789abcdefghijklmn" };

    fn check(
        flow: &mut Flow,
        now_us: u64,
        channel: Channel,
        from: &str,
        packet: &[u8],
    ) -> Option<CheckAnswer> {
        assert_eq!(
            flow.receive(now_us, channel, at(from), packet, &Destinations::default()),
            Received::Other(Verdict::Check)
        );
        let mut answer = [0; ANSWER_BYTES_MAX];
        flow.check(now_us, channel, at(from), packet, &Destinations::default(), &mut answer)
    }

    #[test]
    fn who_checks_is_sent_nothing_until_a_check_nominates_its_source() {
        let mut flow = flow(&Remote { ice: Some(OURS), ..remote("192.0.2.1:4000", "192.0.2.1:4001") });
        assert_eq!((goes_to(&mut flow), flow.rtcp_to()), (None, None));
        let request = stun::testing::check(&OURS, 9, false);
        let answered = check(&mut flow, 0, Channel::Rtp, "198.51.100.9:61000", &request).unwrap();
        assert_eq!((answered.latched, goes_to(&mut flow)), (false, None));
        let request = stun::testing::check(&OURS, 9, true);
        let answered = check(&mut flow, 0, Channel::Rtp, "198.51.100.9:61000", &request).unwrap();
        assert!(answered.latched && answered.length > 0);
        assert_eq!(goes_to(&mut flow), Some(at("198.51.100.9:61000")));
        check(&mut flow, 0, Channel::Rtcp, "198.51.100.9:61007", &request).unwrap();
        assert_eq!(flow.rtcp_to(), Some((Channel::Rtcp, at("198.51.100.9:61007"))));
        assert_eq!((flow.stats().malformed, flow.stats().foreign), (0, 0));
    }

    #[test]
    fn checks_without_proof_have_no_answer_and_a_flood_of_them_neither() {
        let mut flow = flow(&Remote { ice: Some(OURS), ..remote("192.0.2.1:4000", "192.0.2.1:4001") });
        let mut forged = stun::testing::check(&OURS, 9, true);
        forged[50] ^= 1;
        assert_eq!(check(&mut flow, 0, Channel::Rtp, "203.0.113.66:4000", &forged), None);
        let request = stun::testing::check(&OURS, 9, false);
        let answers = (0..10_000)
            .filter(|_| check(&mut flow, 0, Channel::Rtp, "192.0.2.1:4000", &request).is_some())
            .count();
        assert_eq!(answers, CHECKS_PER_SECOND_MAX as usize - 1);
        assert!(check(&mut flow, 1_000_000, Channel::Rtp, "192.0.2.1:4000", &request).is_some());
        assert_eq!(check(&mut flow, 1_000_000, Channel::Rtp, "192.0.2.1:53", &request), None);
    }

    #[test]
    fn a_strangers_flood_keeps_no_check_of_the_far_end_from_being_answered() {
        let mut flow = flow(&Remote { ice: Some(OURS), ..remote("192.0.2.1:4000", "192.0.2.1:4001") });
        let guessed = IceCredentials { ufrag: *b"guessed!", ..OURS };
        let forged = stun::testing::check(&guessed, 9, true);
        for _ in 0..10_000 {
            assert_eq!(check(&mut flow, 0, Channel::Rtp, "203.0.113.66:4000", &forged), None);
        }
        let request = stun::testing::check(&OURS, 9, true);
        assert!(check(&mut flow, 0, Channel::Rtp, "192.0.2.1:4000", &request).is_some());
        assert_eq!(flow.stats().foreign, 10_000);
    }
}
