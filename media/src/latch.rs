//! Symmetric RTP (RFC 4961): which source may speak on a leg, and so where the leg may be answered.
//!
//! ```text
//!            packet of the named or signalling address
//!   Open ────────────────────────────────────────────────▶ Latched ──┐ any other source is foreign
//!     └── inside the window: three in sequence of one SSRC ──▶       ◀┘
//!   Latched by three in sequence ── packet of the named or signalling address ──▶ Latched
//!   Latched again after the address changed ── the same ──▶ Latched
//!   Latched ── 5 s of silence, then another port of the same or of a named address ──▶ Latched
//!   any ── connectivity check that proves itself and nominates its source (RFC 8445 §8.2) ──▶ Checked
//!   Checked ── check of a higher priority, or any after 5 s of silence ──▶ Checked
//! ```
//!
//! A latched source is never moved by packets of a stranger: that is what keeps RTP bleed out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::command::{Remote, SourcePolicy};
use crate::destination::Destinations;
use crate::limits::{CANDIDATES_MAX, PROOF_PACKETS};
use crate::rtp::Header;
use crate::worker::TimeShift;

/// After this silence of the latched source another port of its address may be latched (a NAT that forgot its binding).
pub(crate) const RELATCH_AFTER_US: u64 = 5_000_000;

/// The same for RTCP, which is said every five seconds only (RFC 3550 §6.2).
pub(crate) const RTCP_RELATCH_AFTER_US: u64 = 20_000_000;

/// A candidate that has not spoken for this long gives up its place.
const CANDIDATE_STALE_US: u64 = 500_000;

/// What the latch says of a packet's source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admission {
    /// It is the latched source.
    Known,
    /// It was latched by this packet.
    Latched,
    /// It may not speak.
    Foreign,
}

/// Which source may speak on one leg. What every packet needs is here, the rest is put aside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latch {
    source: Option<SocketAddr>,
    heard_at_us: u64,
    trust: Box<Trust>,
}

/// What was agreed, and what is known of sources that are not latched.
#[derive(Clone, Debug, Default)]
struct Trust {
    rtcp_source: Option<SocketAddr>,
    rtcp_heard_at_us: u64,
    named: [Option<IpAddr>; 2],
    rtcp_named: Option<IpAddr>,
    learn_until_us: Option<u64>,
    /// [`CANDIDATES_MAX`] at most; empty but for legs whose far end is not where it said.
    candidates: Vec<Candidate>,
    agreed: Option<Arc<Remote>>,
    /// Who spoke under another named address, and that address: its last packets may still be under way.
    former: Option<Box<(SocketAddr, SocketAddr)>>,
    /// Whether the source is a guess: who was named may take its place.
    is_guess: bool,
    /// The check that latched the source.
    checked: Option<Checked>,
}

#[derive(Clone, Copy, Debug)]
struct Checked {
    priority: u32,
    at_us: u64,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    sequence: u16,
    in_sequence: u8,
    heard_at_us: u64,
}

impl Latch {
    /// Takes what offer/answer agreed. A changed address or policy forgets the source; the same ones keep it.
    pub(crate) fn agree(&mut self, now_us: u64, remote: &Arc<Remote>) {
        let before = self.trust.agreed.take();
        let before = before.as_deref();
        let unchanged =
            before.is_some_and(|before| before.rtp == remote.rtp && same_trust(before.source, remote.source));
        // What a check found is not undone by a description of it, nor by fresh credentials (RFC 8445 §9).
        let checked = self.trust.checked.is_some() && remote.ice.is_some();
        if !unchanged && !checked {
            let former = self.source.zip(before.and_then(|before| before.rtp)).map(Box::new);
            let former = former.or_else(|| self.trust.former.take());
            *self = Self::default();
            self.trust.former = former;
        }
        if before.is_some_and(|before| before.ice != remote.ice) {
            self.trust.checked = None;
        }
        let signalling = match remote.source {
            SourcePolicy::Signalled => None,
            SourcePolicy::Learn { signalling, window } => {
                let window_us = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
                // Who checks has better proof than three packets.
                let until_us = now_us.saturating_add(window_us);
                self.trust.learn_until_us = remote.ice.is_none().then_some(until_us);
                Some(signalling.to_canonical())
            }
        };
        self.trust.named = [remote.rtp.map(|rtp| rtp.ip().to_canonical()), signalling];
        self.trust.rtcp_named = remote.rtcp.map(|rtcp| rtcp.ip().to_canonical());
        self.trust.agreed = Some(Arc::clone(remote));
    }

    /// Whether an address is the latched source, or one that may speak from the start.
    pub(crate) fn trusts(&self, from: SocketAddr) -> bool {
        self.source == Some(from) || self.trust.names(from.ip().to_canonical())
    }

    /// The same for RTCP on a port of its own.
    pub(crate) fn trusts_with_rtcp(&self, from: SocketAddr) -> bool {
        self.trust.rtcp_source == Some(from) || self.is_right_for_rtcp(from.ip().to_canonical())
    }

    /// The source that speaks, if one is latched.
    pub(crate) const fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    /// Whether the source that speaks is that of a description before, which says nothing of where the far end listens.
    pub(crate) fn is_former(&self) -> bool {
        self.trust.is_guess && self.source.is_some_and(|source| self.trust.is_former(source))
    }

    /// The source of RTCP, if one is latched; RTCP never decides the source of RTP.
    pub(crate) fn rtcp_source(&self) -> Option<SocketAddr> {
        self.trust.rtcp_source
    }

    /// Counts times as another worker does.
    pub(crate) fn shift_time(&mut self, shift: &TimeShift) {
        self.heard_at_us = shift.apply(self.heard_at_us);
        let trust = &mut *self.trust;
        trust.rtcp_heard_at_us = shift.apply(trust.rtcp_heard_at_us);
        trust.learn_until_us = trust.learn_until_us.map(|until_us| shift.apply(until_us));
        if let Some(checked) = &mut trust.checked {
            checked.at_us = shift.apply(checked.at_us);
        }
        for candidate in &mut trust.candidates {
            candidate.heard_at_us = shift.apply(candidate.heard_at_us);
        }
    }

    /// When the latched source last spoke, or 0.
    pub(crate) const fn heard_at_us(&self) -> u64 {
        self.heard_at_us
    }

    /// The latched source spoke at that time, past the worker.
    pub(crate) const fn note_heard(&mut self, at_us: u64) {
        if at_us > self.heard_at_us {
            self.heard_at_us = at_us;
        }
    }

    /// Judges the source of a valid RTP packet.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        now_us: u64,
        from: SocketAddr,
        header: &Header,
        destinations: &Destinations,
    ) -> Admission {
        // Not `== Some(from)`, which would copy the address first.
        if self.source.as_ref() == Some(&from) {
            self.heard_at_us = now_us;
            return Admission::Known;
        }
        self.judge(now_us, from, Some(*header), destinations)
    }

    /// Judges the source of a datagram that is no RTP. It has nothing to prove itself with, so nobody is learnt by it, nor does it take
    /// the place of a source that was named: who receives a page of fax is silent for long.
    pub(crate) fn admit_opaque(
        &mut self,
        now_us: u64,
        from: SocketAddr,
        destinations: &Destinations,
    ) -> Admission {
        if self.source == Some(from) {
            self.heard_at_us = now_us;
            return Admission::Known;
        }
        if self.source.is_some() && self.source == self.trust.agreed.as_ref().and_then(|agreed| agreed.rtp) {
            return Admission::Foreign;
        }
        self.judge(now_us, from, None, destinations)
    }

    /// Judges the source of a valid RTCP packet; the first of the right address is latched for RTCP alone.
    pub(crate) fn admit_rtcp(&mut self, now_us: u64, from: SocketAddr, destinations: &Destinations) -> bool {
        if self.source == Some(from) {
            return true;
        }
        let is_right = self.is_right_for_rtcp(from.ip());
        let trust = &mut *self.trust;
        if let Some(source) = trust.rtcp_source {
            if source == from {
                trust.rtcp_heard_at_us = now_us;
                return true;
            }
            if now_us.saturating_sub(trust.rtcp_heard_at_us) < RTCP_RELATCH_AFTER_US {
                return false;
            }
        }
        if !is_right || !destinations.permit(from) {
            return false;
        }
        trust.rtcp_source = Some(from);
        trust.rtcp_heard_at_us = now_us;
        true
    }

    fn is_right_for_rtcp(&self, ip: IpAddr) -> bool {
        let trust = &*self.trust;
        let named = self.source.map_or_else(|| trust.names(ip), |source| source.ip() == ip);
        named || trust.rtcp_named == Some(ip)
    }

    /// A check from here proved itself and nominates its source for RTP; `true` if that latched it.
    pub(crate) fn nominate(&mut self, now_us: u64, from: SocketAddr, priority: u32) -> bool {
        let checked = Some(Checked { priority, at_us: now_us });
        if self.source == Some(from) {
            self.trust.checked = checked;
            return false;
        }
        if let Some(best) = self.trust.checked {
            let spoke_us = self.heard_at_us.max(best.at_us);
            if priority <= best.priority && now_us.saturating_sub(spoke_us) < RELATCH_AFTER_US {
                return false;
            }
        }
        self.trust.candidates = Vec::new();
        self.trust.checked = checked;
        self.trust.is_guess = false;
        self.source = Some(from);
        true
    }

    /// The same for RTCP on a port of its own.
    pub(crate) fn nominate_rtcp(&mut self, now_us: u64, from: SocketAddr) {
        self.trust.rtcp_source = Some(from);
        self.trust.rtcp_heard_at_us = now_us;
    }

    /// Whether a valid packet from here would take the place of the latched source.
    pub(crate) fn may_move(&self, now_us: u64, from: SocketAddr) -> bool {
        let (trust, ip) = (&*self.trust, from.ip());
        let silent = now_us.saturating_sub(self.heard_at_us) >= RELATCH_AFTER_US;
        let same_host = self.source.is_some_and(|source| source.ip() == ip);
        trust.checked.is_none() && (trust.names(ip) && (silent || trust.is_guess) || silent && same_host)
    }

    #[cold]
    fn judge(
        &mut self,
        now_us: u64,
        from: SocketAddr,
        header: Option<Header>,
        destinations: &Destinations,
    ) -> Admission {
        if !destinations.permit(from) {
            return Admission::Foreign;
        }
        let may_move = self.may_move(now_us, from);
        let trust = &mut *self.trust;
        let ip = from.ip();
        let admitted = match self.source {
            Some(_) => may_move,
            None => {
                trust.names(ip)
                    || header.is_some_and(|header| {
                        trust.may_learn(now_us) && trust.proves_itself(now_us, from, &header)
                    })
            }
        };
        if !admitted {
            return Admission::Foreign;
        }
        if self.source.is_some_and(|source| source.ip() != ip || trust.is_guess) {
            trust.rtcp_source = None;
        }
        trust.is_guess = !trust.names(ip) || trust.is_former(from);
        trust.candidates = Vec::new();
        self.source = Some(from);
        self.heard_at_us = now_us;
        Admission::Latched
    }
}

impl Trust {
    fn names(&self, ip: IpAddr) -> bool {
        self.named.contains(&Some(ip))
    }

    /// Whether a source spoke before the far end named another address, and is not that address.
    fn is_former(&self, from: SocketAddr) -> bool {
        let Some((source, then)) = self.former.as_deref() else { return false };
        let named = self.agreed.as_ref().and_then(|agreed| agreed.rtp);
        named != Some(from) && *source == from && named != Some(*then)
    }

    fn may_learn(&self, now_us: u64) -> bool {
        self.learn_until_us.is_some_and(|until_us| now_us <= until_us)
    }

    fn proves_itself(&mut self, now_us: u64, from: SocketAddr, header: &Header) -> bool {
        let is_agreed = |agreed: &Arc<Remote>| agreed.payload_types.contains(header.payload_type);
        if !self.agreed.as_ref().is_some_and(is_agreed) {
            return false;
        }
        let is_stale =
            |candidate: &Candidate| now_us.saturating_sub(candidate.heard_at_us) > CANDIDATE_STALE_US;
        let candidates = &mut self.candidates;
        let place = candidates.iter().position(|candidate| candidate.source == from);
        let place = place.or_else(|| candidates.iter().position(is_stale));
        let in_sequence = match place.map(|place| &candidates[place]) {
            Some(before)
                if before.source == from
                    && before.ssrc == header.ssrc
                    && before.sequence.wrapping_add(1) == header.sequence =>
            {
                before.in_sequence + 1
            }
            Some(_) | None => 1,
        };
        let (ssrc, sequence) = (header.ssrc, header.sequence);
        let candidate = Candidate { source: from, ssrc, sequence, in_sequence, heard_at_us: now_us };
        match place {
            Some(place) => candidates[place] = candidate,
            None if candidates.len() < CANDIDATES_MAX => candidates.push(candidate),
            None => return false,
        }
        in_sequence >= PROOF_PACKETS
    }
}

/// Whether two policies trust the same sources; the window is only how long.
fn same_trust(before: SourcePolicy, after: SourcePolicy) -> bool {
    match (before, after) {
        (SourcePolicy::Signalled, SourcePolicy::Signalled) => true,
        (SourcePolicy::Learn { signalling: before, .. }, SourcePolicy::Learn { signalling: after, .. }) => {
            before == after
        }
        (SourcePolicy::Signalled, SourcePolicy::Learn { .. })
        | (SourcePolicy::Learn { .. }, SourcePolicy::Signalled) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Admission::{Foreign, Known, Latched};
    use super::*;
    use crate::command::{Codecs, IceCredentials, PayloadTypes, Protection};

    const PHONE: &str = "192.0.2.1:4000";
    const OTHER_PORT: &str = "192.0.2.1:4444";
    const NAT: &str = "198.51.100.9:61000";
    const STRANGER: &str = "203.0.113.66:9999";
    const OTHER_STRANGER: &str = "203.0.113.77:9999";
    const WINDOW: Duration = Duration::from_secs(3);

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn signalled(rtp: &str) -> Remote {
        Remote {
            rtp: Some(at(rtp)),
            rtcp: Some(SocketAddr::new(at(rtp).ip(), at(rtp).port() + 1)),
            source: SourcePolicy::Signalled,
            payload_types: PayloadTypes::default().with(0).with(101),
            codecs: Codecs::default(),
            speaks: Codecs::default(),
            send: true,
            receive: true,
            sealed: false,
            opaque: false,
            protection: Protection::Plain,
            ice: None,
        }
    }

    fn learning(rtp: &str, signalling: &str) -> Remote {
        let source = SourcePolicy::Learn { signalling: at(signalling).ip(), window: WINDOW };
        Remote { source, ..signalled(rtp) }
    }

    fn agreed(remote: &Remote) -> Latch {
        let mut latch = Latch::default();
        latch.agree(0, &(*remote).into());
        latch
    }

    fn hear(latch: &mut Latch, now_us: u64, from: &str, sequence: u16, payload_type: u8) -> Admission {
        let header = Header {
            marker: false,
            payload_type,
            sequence,
            timestamp: 0,
            ssrc: 7,
            payload_start: 12,
            payload_end: 12,
        };
        latch.admit(now_us, at(from), &header, &Destinations::of_engine([], [20_000..=20_001]))
    }

    #[test]
    fn only_the_address_that_sdp_names_may_speak() {
        let mut latch = agreed(&signalled(PHONE));
        for n in 0..10 {
            assert_eq!(hear(&mut latch, 0, STRANGER, n, 0), Foreign);
        }
        assert_eq!(hear(&mut latch, 0, OTHER_PORT, 0, 0), Latched);
        assert_eq!(hear(&mut latch, 0, OTHER_PORT, 1, 0), Known);
        assert_eq!(latch.source(), Some(at(OTHER_PORT)));
    }

    #[test]
    fn the_first_port_stays_while_it_speaks() {
        let mut latch = agreed(&signalled(PHONE));
        assert_eq!(hear(&mut latch, 0, PHONE, 0, 0), Latched);
        assert_eq!(hear(&mut latch, RELATCH_AFTER_US - 1, OTHER_PORT, 0, 0), Foreign);
        assert_eq!(hear(&mut latch, RELATCH_AFTER_US - 1, PHONE, 1, 0), Known);
        assert_eq!(hear(&mut latch, RELATCH_AFTER_US, OTHER_PORT, 0, 0), Foreign);
    }

    #[test]
    fn after_silence_another_port_of_the_address_may_speak_but_no_stranger() {
        let mut latch = agreed(&signalled(PHONE));
        assert_eq!(hear(&mut latch, 0, PHONE, 0, 0), Latched);
        assert_eq!(hear(&mut latch, RELATCH_AFTER_US, STRANGER, 0, 0), Foreign);
        assert_eq!(hear(&mut latch, RELATCH_AFTER_US, OTHER_PORT, 0, 0), Latched);
        assert_eq!(hear(&mut latch, RELATCH_AFTER_US, PHONE, 0, 0), Foreign);
    }

    #[test]
    fn a_payload_type_that_was_not_agreed_proves_nothing() {
        let mut latch = agreed(&learning("10.0.0.5:4000", NAT));
        for n in 0..10 {
            assert_eq!(hear(&mut latch, 0, STRANGER, n, 8), Foreign);
        }
        assert_eq!(hear(&mut latch, 0, NAT, 0, 8), Latched, "a named source is believed whatever it says");
    }

    #[test]
    fn the_signalling_address_may_speak_at_once_behind_nat() {
        let mut latch = agreed(&learning("10.0.0.5:4000", NAT));
        assert_eq!(hear(&mut latch, 0, NAT, 0, 0), Latched);
        assert_eq!(hear(&mut latch, 0, "10.0.0.5:4000", 0, 0), Foreign);
    }

    #[test]
    fn an_unknown_source_needs_three_packets_in_sequence() {
        let mut latch = agreed(&learning("10.0.0.5:4000", NAT));
        for (sequence, admission) in [(1, Foreign), (2, Foreign), (4, Foreign), (5, Foreign), (6, Latched)] {
            assert_eq!(hear(&mut latch, 0, STRANGER, sequence, 0), admission);
        }
        for n in 0..10 {
            assert_eq!(
                hear(&mut latch, 10, OTHER_STRANGER, n, 0),
                Foreign,
                "the first to prove itself stays"
            );
        }
        assert_eq!(hear(&mut latch, 10, NAT, 0, 0), Latched, "unless the true one comes");
        assert_eq!(hear(&mut latch, 10, STRANGER, 7, 0), Foreign);
    }

    #[test]
    fn an_unknown_source_is_learnt_only_inside_the_window() {
        let mut latch = agreed(&learning("10.0.0.5:4000", NAT));
        let late_us = 3_000_001;
        for n in 0..10 {
            assert_eq!(hear(&mut latch, late_us, STRANGER, n, 0), Foreign);
        }
        assert_eq!(hear(&mut latch, late_us, NAT, 0, 0), Latched);
    }

    #[test]
    fn sources_that_come_and_go_do_not_crowd_out_the_true_one_for_long() {
        let mut latch = agreed(&learning("10.0.0.5:4000", NAT));
        for n in 0..20 {
            assert_eq!(hear(&mut latch, 0, &format!("203.0.113.{n}:9000"), 1, 0), Foreign);
        }
        let later_us = CANDIDATE_STALE_US + 1;
        assert_eq!(hear(&mut latch, later_us, STRANGER, 1, 0), Foreign);
        assert_eq!(hear(&mut latch, later_us, STRANGER, 2, 0), Foreign);
        assert_eq!(hear(&mut latch, later_us, STRANGER, 3, 0), Latched);
    }

    #[test]
    fn the_same_agreement_keeps_the_source_and_another_forgets_it() {
        let mut latch = agreed(&signalled(PHONE));
        assert_eq!(hear(&mut latch, 0, PHONE, 0, 0), Latched);
        latch.agree(10, &Remote { send: false, ..signalled(PHONE) }.into());
        assert_eq!(latch.source(), Some(at(PHONE)));
        latch.agree(20, &signalled("192.0.2.1:5000").into());
        assert_eq!(latch.source(), None);
        latch.agree(30, &learning("192.0.2.1:5000", NAT).into());
        assert_eq!(hear(&mut latch, 30, NAT, 0, 0), Latched);
    }

    #[test]
    fn what_is_under_way_from_the_port_before_does_not_keep_out_the_one_that_is_named() {
        const MOVED: &str = "192.0.2.1:5000";
        let mut latch = agreed(&signalled(PHONE));
        assert_eq!(hear(&mut latch, 0, PHONE, 0, 0), Latched);
        latch.agree(10, &signalled(MOVED).into());
        assert_eq!(hear(&mut latch, 20, PHONE, 1, 0), Latched, "it goes on being heard");
        assert!(latch.is_former());
        assert_eq!(hear(&mut latch, 30, MOVED, 0, 0), Latched);
        assert_eq!(hear(&mut latch, 40, PHONE, 2, 0), Foreign, "and is not taken up again");
        assert_eq!((latch.source(), latch.is_former()), (Some(at(MOVED)), false));
    }

    #[test]
    fn what_is_under_way_from_the_mapping_before_does_not_keep_out_the_one_after() {
        const MAPPED_ANEW: &str = "198.51.100.9:61002";
        let mut latch = agreed(&learning("10.0.0.5:4000", NAT));
        assert_eq!(hear(&mut latch, 0, NAT, 0, 0), Latched);
        latch.agree(10, &learning("10.0.0.5:4002", NAT).into());
        assert_eq!(hear(&mut latch, 20, NAT, 1, 0), Latched);
        assert_eq!(hear(&mut latch, 30, STRANGER, 0, 0), Foreign);
        assert_eq!(hear(&mut latch, 40, MAPPED_ANEW, 0, 0), Latched);
        assert_eq!(hear(&mut latch, 50, NAT, 2, 0), Foreign);
    }

    #[test]
    fn who_comes_back_to_the_address_that_it_had_is_no_guess() {
        let mut latch = agreed(&signalled(PHONE));
        assert_eq!(hear(&mut latch, 0, OTHER_PORT, 0, 0), Latched);
        latch.agree(10, &Remote { rtp: None, rtcp: None, ..signalled(PHONE) }.into());
        latch.agree(20, &signalled(PHONE).into());
        assert_eq!(hear(&mut latch, 30, OTHER_PORT, 1, 0), Latched);
        assert!(!latch.is_former());
        assert_eq!(hear(&mut latch, 40, PHONE, 0, 0), Foreign, "it is not taken for another's");
    }

    fn checking(rtp: &str) -> Remote {
        let ice = Some(IceCredentials { ufrag: *b"ufragABC", password: *b"0123456789abcdefghijklmn" });
        Remote { ice, ..learning(rtp, NAT) }
    }

    #[test]
    fn a_nominated_source_is_latched_wherever_it_is() {
        let mut latch = agreed(&checking("10.0.0.5:4000"));
        for n in 0..10 {
            assert_eq!(
                hear(&mut latch, 0, STRANGER, n, 0),
                Foreign,
                "nothing is learnt where checks are made"
            );
        }
        assert!(latch.nominate(0, at(STRANGER), 1));
        assert_eq!(hear(&mut latch, 0, STRANGER, 0, 0), Known);
        assert_eq!(hear(&mut latch, RELATCH_AFTER_US, NAT, 0, 0), Foreign, "only a check moves it");
    }

    #[test]
    fn a_better_check_moves_the_source_at_once_and_a_worse_one_after_silence() {
        let mut latch = agreed(&checking(PHONE));
        assert_eq!(hear(&mut latch, 0, PHONE, 0, 0), Latched, "who does not check may speak as ever");
        assert!(latch.nominate(0, at(NAT), 5));
        assert!(latch.nominate(0, at(STRANGER), 6));
        assert!(!latch.nominate(0, at(NAT), 6));
        assert!(!latch.nominate(2_000_000, at(STRANGER), 6), "it is latched already");
        assert!(!latch.nominate(RELATCH_AFTER_US, at(NAT), 6), "it has checked since");
        assert!(latch.nominate(2_000_000 + RELATCH_AFTER_US, at(NAT), 5));
        assert_eq!(latch.source(), Some(at(NAT)));
    }

    #[test]
    fn what_a_check_found_outlives_the_next_description() {
        let mut latch = agreed(&checking(PHONE));
        assert!(latch.nominate(0, at(NAT), 5));
        latch.agree(0, &checking(NAT).into());
        assert_eq!(latch.source(), Some(at(NAT)));
        let ice = Some(IceCredentials { ufrag: *b"restartd", password: *b"0123456789abcdefghijklmn" });
        latch.agree(0, &Remote { ice, ..checking(OTHER_PORT) }.into());
        assert_eq!(latch.source(), Some(at(NAT)), "media goes on while the checks are made anew");
        assert!(latch.nominate(0, at(STRANGER), 1), "and any of them may move it");
        latch.agree(0, &signalled(PHONE).into());
        assert_eq!(latch.source(), None);
    }

    #[test]
    fn the_engines_own_ports_are_never_latched() {
        let mut latch = agreed(&signalled("127.0.0.1:4000"));
        assert_eq!(hear(&mut latch, 0, "127.0.0.1:20000", 0, 0), Foreign);
    }

    #[test]
    fn rtcp_comes_from_the_address_of_rtp_and_never_decides_it() {
        let anywhere = Destinations::default();
        let mut latch = agreed(&signalled(PHONE));
        assert!(!latch.admit_rtcp(0, at(STRANGER), &anywhere));
        assert!(latch.admit_rtcp(0, at("192.0.2.1:4001"), &anywhere));
        assert_eq!((latch.source(), latch.rtcp_source()), (None, Some(at("192.0.2.1:4001"))));
        assert!(!latch.admit_rtcp(0, at("192.0.2.1:4003"), &anywhere));
        assert!(latch.admit_rtcp(RTCP_RELATCH_AFTER_US, at("192.0.2.1:4003"), &anywhere));
        let mut behind_nat = agreed(&learning("10.0.0.5:4000", NAT));
        assert_eq!(hear(&mut behind_nat, 0, NAT, 0, 0), Latched);
        assert!(!behind_nat.admit_rtcp(0, at(STRANGER), &anywhere));
        assert!(behind_nat.admit_rtcp(0, at("198.51.100.9:61001"), &anywhere));
    }
}
