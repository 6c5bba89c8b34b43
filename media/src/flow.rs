//! One leg's packets: what its far end says ([`Flow::hear`]) and what is said to it ([`Flow::address`]).
//!
//! ```text
//! datagram ▶ opened, if it is SRTP ▶ RTP or RTCP (RFC 5761) ▶ lengths ▶ latch ▶ counters
//! audio of the leg that is heard ▶ rewrite ▶ where to ▶ sealed, if it is SRTP
//! ```

mod checked;
mod offloaded;
mod opaque;
mod reported;
mod secured;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::command::{Codec, Codecs, Protection, Remote, SourcePolicy};
use crate::destination::{Destinations, is_local_only, is_private};
use crate::dtls::is_dtls;
use crate::latch::{Admission, Latch};
use crate::rewrite::{Rewrite, Shift};
use crate::rtcp;
use crate::rtp::Header;
use crate::stats::{FarReport, LegStats, Reception};
use crate::stun;
use crate::worker::TimeShift;
use reported::SENT_REPORTS;
use secured::Sessions;

/// Which socket of the pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// What is to be done with a datagram that is no audio.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// A report, for whoever hears this leg.
    Rtcp,
    /// A connectivity check, perhaps.
    Check,
    /// A handshake that begins before anything is agreed, perhaps.
    Hello,
    /// Nothing; the reason is counted.
    Drop,
}

/// The media state of one leg, without sockets. A packet touches [`Inbound`] of one leg and [`Outbound`] of another, so each
/// lies together; what is rarely wanted is put aside.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Flow {
    inbound: Inbound,
    outbound: Outbound,
    aside: Box<Aside>,
}

/// What the far end says.
#[derive(Clone, Debug, Default)]
struct Inbound {
    latch: Latch,
    reception: Reception,
    /// The payload type of the last packet, and the clock of its timestamps as far as they tell arrival times, else 0.
    payload_type: Option<u8>,
    clock_hz: u32,
    packets: u64,
    bytes: u64,
    unheard: u64,
}

/// What is said to the far end.
#[derive(Clone, Debug, Default)]
struct Outbound {
    /// Where RTP goes, worked out when the agreement or the latch changes.
    to: Option<SocketAddr>,
    sealed: bool,
    /// Whether packets between the relay and the far end are SRTP; whether they are no RTP at all; whether either is so.
    secured: bool,
    opaque: bool,
    unusual: bool,
    /// Whether packets take the long way, through a conversion or past digits that are being said.
    diverted: bool,
    rewrite: Rewrite,
    packets: u64,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Aside {
    /// Shared with whoever agreed to it: nothing else of a leg is as large.
    remote: Option<Arc<Remote>>,
    rtcp_to: Option<SocketAddr>,
    /// Where datagrams go that are no RTP.
    opaque_to: Option<SocketAddr>,
    /// Where a handshake is begun: where RTP would go, whether or not the far end wants any.
    shakes_with: Option<SocketAddr>,
    /// The middle of the time in the far end's last sender report, and when it came.
    last_report: Option<(u32, u64)>,
    /// The same of the last sender reports to the far end, and which of them is the oldest.
    sent_reports: [(u32, u64); SENT_REPORTS],
    oldest_sent: usize,
    speech_clock_hz: u32,
    sessions: Sessions,
    counters: Counters,
    /// When this second of checks began, and how many it had.
    checks: (u64, u32),
}

/// What [`LegStats`] has that is known of no other part.
#[derive(Debug, Default)]
struct Counters {
    rtcp_received: u64,
    rtcp_sent: u64,
    foreign: u64,
    malformed: u64,
    unauthentic: u64,
    send_failed: u64,
    kernel_packets: u64,
    kernel_missed: u64,
    datagrams_received: u64,
    datagrams_sent: u64,
    payload_type: Option<u8>,
    reported: Option<FarReport>,
    round_trip_us: Option<u32>,
}

/// The payload type of comfort noise (RFC 3389).
const COMFORT_NOISE: u8 = 13;

impl Flow {
    /// The flow of a leg; with `continuity` its far end hears one stream, whoever speaks.
    pub(crate) fn new(continuity: bool) -> Self {
        let rewrite = if continuity { Rewrite::default() } else { Rewrite::open() };
        Self { outbound: Outbound { rewrite, ..Outbound::default() }, ..Self::default() }
    }

    /// Takes what offer/answer agreed.
    pub(crate) fn agree(&mut self, now_us: u64, remote: &Arc<Remote>, destinations: &Destinations) {
        let (rtp, rtcp) = (remote.rtp.map(unmapped), remote.rtcp.map(unmapped));
        let remote = if (rtp, rtcp) == (remote.rtp, remote.rtcp) {
            Arc::clone(remote)
        } else {
            Arc::new(Remote { rtp, rtcp, ..**remote })
        };
        self.inbound.latch.agree(now_us, &remote);
        self.outbound.sealed = remote.sealed;
        self.aside.sessions.agree(self.aside.remote.as_deref(), &remote);
        self.outbound.opaque = remote.opaque;
        self.outbound.secured = remote.protection != Protection::Plain && !remote.opaque;
        self.outbound.unusual = self.outbound.secured || self.outbound.opaque;
        if self.outbound.secured {
            self.outbound.rewrite.close();
        }
        self.aside.remote = Some(remote);
        // The same number may mean something else from here on.
        self.inbound.payload_type = None;
        self.find_destinations(destinations);
    }

    /// The header of a datagram from the network that is audio.
    // Always inlined, as is what follows, so that the header stays in registers: copied through memory it costs a tenth.
    #[inline(always)]
    pub(crate) fn read(&self, channel: Channel, packet: &[u8]) -> Option<Header> {
        if channel == Channel::Rtcp || rtcp::is_rtcp(packet) {
            return None;
        }
        Header::read_as(packet, self.outbound.sealed).ok()
    }

    /// Judges and counts audio from the network, of so many bytes.
    #[inline(always)]
    pub(crate) fn hear(
        &mut self,
        now_us: u64,
        from: SocketAddr,
        header: &Header,
        bytes: usize,
        destinations: &Destinations,
    ) -> Admission {
        let inbound = &mut self.inbound;
        let admission = inbound.latch.admit(now_us, from, header, destinations);
        if admission == Admission::Foreign {
            self.aside.counters.foreign += 1;
            return admission;
        }
        inbound.packets = inbound.packets.wrapping_add(1);
        inbound.bytes = inbound.bytes.wrapping_add(bytes as u64);
        if inbound.payload_type != Some(header.payload_type) {
            self.turn_to(header.payload_type);
        }
        let inbound = &mut self.inbound;
        inbound.reception.count(now_us, header, inbound.clock_hz);
        if admission == Admission::Latched {
            self.find_destinations(destinations);
        }
        admission
    }

    /// Judges and counts a datagram from the network that is no audio.
    #[cold]
    pub(crate) fn receive_other(
        &mut self,
        now_us: u64,
        channel: Channel,
        from: SocketAddr,
        packet: &[u8],
        destinations: &Destinations,
    ) -> Verdict {
        if channel == Channel::Rtcp || rtcp::is_rtcp(packet) {
            return self.receive_rtcp(now_us, from, packet, destinations);
        }
        self.receive_odd(packet)
    }

    /// Rewrites a packet for the far end in place, if it is not sealed; says where it goes, `None` if nowhere.
    #[inline(always)]
    pub(crate) fn address(&mut self, now_us: u64, header: &Header, packet: &mut [u8]) -> Option<SocketAddr> {
        let to = self.outbound.to?;
        if !self.outbound.sealed {
            self.outbound.rewrite.continue_with(now_us, header).write(packet);
        }
        Some(to)
    }

    /// Whether nothing of a packet may be changed.
    pub(crate) const fn is_sealed(&self) -> bool {
        self.outbound.sealed
    }

    /// Whether packets to the far end take the long way.
    pub(crate) const fn is_diverted(&self) -> bool {
        self.outbound.diverted
    }

    /// Sets whether packets to the far end take the long way.
    pub(crate) const fn set_diverted(&mut self, diverted: bool) {
        self.outbound.diverted = diverted;
    }

    /// What the far end understands, unless that is sealed.
    pub(crate) fn hears(&self) -> Option<Codecs> {
        self.aside.remote.as_ref().filter(|remote| !remote.sealed).map(|remote| remote.codecs)
    }

    /// What the far end speaks, unless that is sealed.
    pub(crate) fn speaks(&self) -> Option<Codecs> {
        self.aside.remote.as_ref().filter(|remote| !remote.sealed).map(|remote| remote.speaks)
    }

    /// The clock of the timestamps of the speech that came last, in hertz; 0 where it is not known.
    pub(crate) fn speech_clock_hz(&self) -> u32 {
        self.aside.speech_clock_hz
    }

    /// Who is heard at a socket.
    pub(crate) fn source(&self, channel: Channel) -> Option<SocketAddr> {
        match channel {
            Channel::Rtp => self.inbound.latch.source(),
            Channel::Rtcp => self.inbound.latch.rtcp_source(),
        }
    }

    /// Where reports go, and by which socket; nowhere before there are keys for them.
    pub(crate) fn rtcp_to(&self) -> Option<(Channel, SocketAddr)> {
        let to = self.aside.rtcp_to?;
        let rtp = [self.inbound.latch.source(), self.aside.remote.as_ref().and_then(|remote| remote.rtp)];
        let channel = if rtp.contains(&Some(to)) { Channel::Rtp } else { Channel::Rtcp };
        let may_be_said = !self.is_secured() || self.aside.sessions.are_keyed(channel);
        may_be_said.then_some((channel, to))
    }

    /// The leg hears something else from here on.
    pub(crate) const fn end_source(&mut self) {
        self.outbound.rewrite.end_source();
    }

    /// How what the leg hears is moved.
    pub(crate) fn shift(&self) -> Option<Shift> {
        self.outbound.rewrite.shift()
    }

    /// The payload type and codec in which the relay may speak to the far end, if it may and can.
    pub(crate) fn own_codec(&self) -> Option<(u8, Codec)> {
        self.outbound.to?;
        self.aside
            .remote
            .as_ref()
            .filter(|remote| !remote.sealed)
            .and_then(|remote| remote.codecs.preferred())
    }

    /// The codec of a payload type that the far end speaks, if it is one of the relay's.
    pub(crate) fn spoken_codec(&self, payload_type: u8) -> Option<Codec> {
        let remote = self.aside.remote.as_ref().filter(|remote| !remote.sealed)?;
        remote.speaks.codec(payload_type).or(match payload_type {
            // Some far ends say what they like under the numbers that RFC 3551 gave for ever.
            0 => Some(Codec::Pcmu),
            8 => Some(Codec::Pcma),
            9 => Some(Codec::G722),
            _ => None,
        })
    }

    /// Counts times as another worker does.
    pub(crate) fn shift_time(&mut self, shift: &TimeShift) {
        self.inbound.latch.shift_time(shift);
        self.inbound.reception.forget_transit();
        self.outbound.rewrite.shift_time(shift);
        if let Some((_, at_us)) = &mut self.aside.last_report {
            *at_us = shift.apply(*at_us);
        }
        for (_, at_us) in &mut self.aside.sent_reports {
            *at_us = shift.apply(*at_us);
        }
    }

    /// Whether the far end is expected to speak.
    pub(crate) fn is_expected_to_speak(&self) -> bool {
        self.aside.remote.as_ref().is_some_and(|remote| remote.receive)
    }

    /// When the far end last spoke, or 0.
    pub(crate) const fn heard_at_us(&self) -> u64 {
        self.inbound.latch.heard_at_us()
    }

    /// Counts a packet to the far end by whether the network took it.
    #[inline(always)]
    pub(crate) fn count_sent(&mut self, bytes: usize, sent: bool) {
        if sent {
            self.outbound.packets = self.outbound.packets.wrapping_add(1);
            self.outbound.bytes = self.outbound.bytes.wrapping_add(bytes as u64);
        } else {
            self.aside.counters.send_failed += 1;
        }
    }

    /// Counts a report to the far end.
    pub(crate) fn count_report_sent(&mut self, sent: bool) {
        if sent {
            self.aside.counters.rtcp_sent += 1;
        } else {
            self.aside.counters.send_failed += 1;
        }
    }

    /// Counts a packet of the far end that nobody heard.
    #[inline]
    pub(crate) const fn count_unheard(&mut self) {
        self.inbound.unheard += 1;
    }

    /// Counts a datagram that is neither RTP nor RTCP.
    #[cold]
    pub(crate) fn count_malformed(&mut self) {
        self.aside.counters.malformed += 1;
    }

    /// The counters with what is computed from the sequence numbers; what only the sockets and the kernel know is left out.
    pub(crate) fn stats(&self) -> LegStats {
        let counters = &self.aside.counters;
        LegStats {
            packets_received: self.inbound.packets,
            bytes_received: self.inbound.bytes,
            packets_sent: self.outbound.packets,
            bytes_sent: self.outbound.bytes,
            unheard: self.inbound.unheard,
            lost: self.inbound.reception.lost(),
            late: self.inbound.reception.late(),
            duplicates: self.inbound.reception.duplicates(),
            jitter_us: self.inbound.reception.jitter_us(),
            secured: self.secured(),
            rtcp_received: counters.rtcp_received,
            rtcp_sent: counters.rtcp_sent,
            foreign: counters.foreign,
            malformed: counters.malformed,
            unauthentic: counters.unauthentic,
            send_failed: counters.send_failed,
            kernel_packets: counters.kernel_packets,
            kernel_missed: counters.kernel_missed,
            datagrams_received: counters.datagrams_received,
            datagrams_sent: counters.datagrams_sent,
            payload_type: counters.payload_type,
            reported: counters.reported,
            round_trip_us: counters.round_trip_us,
            kernel_dropped: 0,
            in_kernel: false,
        }
    }

    /// Judges what is neither RTP nor RTCP.
    fn receive_odd(&mut self, packet: &[u8]) -> Verdict {
        let checks = self.aside.remote.as_ref().is_some_and(|remote| remote.ice.is_some());
        if checks && stun::is_stun(packet) {
            return if stun::is_keepalive(packet) { Verdict::Drop } else { Verdict::Check };
        }
        if self.aside.remote.is_none() && is_dtls(packet) {
            return Verdict::Hello;
        }
        self.count_malformed();
        Verdict::Drop
    }

    /// The far end speaks in another payload type.
    #[cold]
    fn turn_to(&mut self, payload_type: u8) {
        self.inbound.payload_type = Some(payload_type);
        self.inbound.clock_hz = self.clock_of(payload_type);
        if self.is_speech(payload_type) {
            self.aside.counters.payload_type = Some(payload_type);
            self.aside.speech_clock_hz = self.inbound.clock_hz;
        }
    }

    fn receive_rtcp(
        &mut self,
        now_us: u64,
        from: SocketAddr,
        packet: &[u8],
        destinations: &Destinations,
    ) -> Verdict {
        let valid = if self.is_sealed() { rtcp::is_valid_sealed(packet) } else { rtcp::is_valid(packet) };
        if !valid {
            return self.receive_odd(packet);
        }
        if !self.inbound.latch.admit_rtcp(now_us, from, destinations) {
            self.aside.counters.foreign += 1;
            return Verdict::Drop;
        }
        self.aside.counters.rtcp_received += 1;
        self.find_destinations(destinations);
        Verdict::Rtcp
    }

    fn find_destinations(&mut self, destinations: &Destinations) {
        let latch = &self.inbound.latch;
        let Some(remote) = &self.aside.remote else { return };
        // Who checks connectivity is sent nothing before a check (RFC 8445 §12.1), or speech, came from there.
        let trusted = |to: &SocketAddr| {
            remote.ice.is_none() && destinations.permit(*to) && may_be_sent_to_unheard(*to, remote.source)
        };
        let named = remote.rtp.filter(trusted);
        // Who still speaks from an address of an earlier description is heard, and answered where it listens.
        let (source, is_former) = (latch.source(), latch.is_former());
        let peer = if is_former { named.or(source) } else { source.or(named) };
        // `rtp: None` is "send nowhere", also while the latched source still speaks.
        let somewhere = peer.filter(|_| remote.rtp.is_some());
        let to = somewhere.filter(|_| remote.send);
        (self.outbound.to, self.aside.opaque_to) = if remote.opaque { (None, to) } else { (to, None) };
        self.aside.shakes_with = somewhere;
        let muxed = remote.rtcp.is_some() && remote.rtcp == remote.rtp;
        self.aside.rtcp_to = if remote.opaque {
            None
        } else if muxed {
            peer
        } else {
            let named = remote.rtcp.filter(trusted);
            // A far end that speaks from elsewhere than it said is behind NAT: its named RTCP address is not its own.
            let is_its_own = |to: &SocketAddr| source.is_none_or(|source| source.ip() == to.ip());
            let named = named.filter(|to| is_former || is_its_own(to));
            latch.rtcp_source().or(named)
        };
    }
}

/// Whether a named address may be sent to before it was heard. Behind NAT a stranger's private or local address is some
/// host of ours.
fn may_be_sent_to_unheard(to: SocketAddr, policy: SourcePolicy) -> bool {
    match policy {
        SourcePolicy::Signalled => true,
        SourcePolicy::Learn { signalling, .. } => {
            let ip = to.ip().to_canonical();
            ip == signalling.to_canonical() || !(is_local_only(ip) || is_private(ip))
        }
    }
}

/// IPv4 in its own form, as packets from there will name it.
fn unmapped(named: SocketAddr) -> SocketAddr {
    match named.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::new(v4.into(), named.port()),
        IpAddr::V6(_) => named,
    }
}

/// What came of a datagram.
#[cfg(test)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    Audio(Admission),
    Other(Verdict),
}

#[cfg(test)]
impl Flow {
    /// Judges and counts a datagram as the worker does.
    pub(crate) fn receive(
        &mut self,
        now_us: u64,
        channel: Channel,
        from: SocketAddr,
        packet: &[u8],
        destinations: &Destinations,
    ) -> Received {
        match self.read(channel, packet) {
            Some(header) => Received::Audio(self.hear(now_us, from, &header, packet.len(), destinations)),
            None => Received::Other(self.receive_other(now_us, channel, from, packet, destinations)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::command::{ForeignCodec, PayloadTypes};

    pub(super) fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    pub(super) fn remote(rtp: &str, rtcp: &str) -> Remote {
        Remote {
            rtp: Some(at(rtp)),
            rtcp: Some(at(rtcp)),
            source: SourcePolicy::Signalled,
            payload_types: PayloadTypes::default().with(0),
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

    pub(super) fn flow(remote: &Remote) -> Flow {
        let mut flow = Flow::default();
        flow.agree(0, &Arc::new(*remote), &Destinations::default());
        flow
    }

    pub(super) fn rtp(sequence: u8) -> Vec<u8> {
        let mut packet = vec![0x80, 0, 0, sequence, 0, 0, 0, 0, 0, 0, 0, 7];
        packet.resize(172, 0xff);
        packet
    }

    fn receive(flow: &mut Flow, from: &str, packet: &[u8]) -> Received {
        flow.receive(0, Channel::Rtp, at(from), packet, &Destinations::default())
    }

    pub(super) fn goes_to(flow: &mut Flow) -> Option<SocketAddr> {
        let mut packet = rtp(9);
        let header = Header::read(&packet).unwrap();
        flow.address(0, &header, &mut packet)
    }

    #[test]
    fn audio_goes_to_the_named_address_until_a_source_is_latched() {
        let mut flow = flow(&remote("192.0.2.1:4000", "192.0.2.1:4001"));
        assert_eq!(goes_to(&mut flow), Some(at("192.0.2.1:4000")));
        assert_eq!(receive(&mut flow, "192.0.2.1:4040", &rtp(1)), Received::Audio(Admission::Latched));
        assert_eq!(goes_to(&mut flow), Some(at("192.0.2.1:4040")));
    }

    #[test]
    fn audio_follows_the_address_that_is_named_while_the_one_before_still_speaks() {
        let mut flow = flow(&remote("192.0.2.1:4000", "192.0.2.1:4000"));
        receive(&mut flow, "192.0.2.1:4000", &rtp(1));
        flow.agree(0, &remote("192.0.2.1:5000", "192.0.2.1:5000").into(), &Destinations::default());
        let before = receive(&mut flow, "192.0.2.1:4000", &rtp(2));
        assert_eq!(before, Received::Audio(Admission::Latched), "under way");
        assert_eq!(goes_to(&mut flow), Some(at("192.0.2.1:5000")));
        assert_eq!(flow.rtcp_to(), Some((Channel::Rtp, at("192.0.2.1:5000"))));
        assert_eq!(receive(&mut flow, "192.0.2.1:5001", &rtp(1)), Received::Audio(Admission::Latched));
        assert_eq!(goes_to(&mut flow), Some(at("192.0.2.1:5001")));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_that_it_maps() {
        let mut flow = flow(&remote("[::ffff:192.0.2.1]:4000", "[::ffff:192.0.2.1]:4001"));
        assert_eq!(goes_to(&mut flow), Some(at("192.0.2.1:4000")));
        assert_eq!(receive(&mut flow, "192.0.2.1:4000", &rtp(1)), Received::Audio(Admission::Latched));
    }

    #[test]
    fn nothing_goes_where_the_direction_or_the_address_forbids() {
        let named = remote("192.0.2.1:4000", "192.0.2.1:4001");
        assert_eq!(goes_to(&mut flow(&Remote { send: false, ..named })), None);
        assert_eq!(goes_to(&mut flow(&Remote { rtp: None, ..named })), None);
        assert_eq!(goes_to(&mut flow(&remote("224.0.0.1:4000", "224.0.0.1:4001"))), None);
        assert_eq!(goes_to(&mut Flow::default()), None);
    }

    #[test]
    fn a_strangers_private_address_is_not_sent_to_before_it_speaks() {
        let policy = |signalling: &str| SourcePolicy::Learn {
            signalling: signalling.parse().unwrap(),
            window: Duration::from_secs(3),
        };
        for inside in [
            "10.0.0.5:4000",
            "127.0.0.1:4000",
            "169.254.169.254:4000",
            "[::ffff:127.0.0.1]:4000",
            "[fd00::1]:4000",
        ] {
            let named = Remote { source: policy("198.51.100.9"), ..remote(inside, inside) };
            let mut flow = flow(&named);
            assert_eq!(goes_to(&mut flow), None, "{inside}");
            receive(&mut flow, "198.51.100.9:61000", &rtp(1));
            assert_eq!(goes_to(&mut flow), Some(at("198.51.100.9:61000")));
        }
        let local = Remote { source: policy("127.0.0.1"), ..remote("127.0.0.1:4000", "127.0.0.1:4001") };
        assert_eq!(goes_to(&mut flow(&local)), Some(at("127.0.0.1:4000")));
    }

    #[test]
    fn what_is_not_rtp_is_counted_and_dropped() {
        let mut flow = flow(&remote("192.0.2.1:4000", "192.0.2.1:4001"));
        let stun = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for bad in [&[][..], &[0x80; 11], &stun, &[0x80, 200, 0, 9]] {
            assert_eq!(receive(&mut flow, "192.0.2.1:4000", bad), Received::Other(Verdict::Drop));
        }
        assert_eq!(flow.stats().malformed, 4);
        assert_eq!(receive(&mut flow, "203.0.113.66:4000", &rtp(1)), Received::Audio(Admission::Foreign));
        assert_eq!((flow.stats().foreign, flow.stats().packets_received), (1, 0));
    }

    #[test]
    fn jitter_is_measured_by_the_clock_that_was_agreed_and_not_by_events() {
        let opus = ForeignCodec { name: 1, clock_hz: 48_000 };
        let speaks = Codecs::default().with_foreign(96, opus).with_events(101);
        let mut flow = flow(&Remote { speaks, ..remote("192.0.2.1:4000", "192.0.2.1:4001") });
        let mut hear = |at_us: u64, payload_type: u8, sequence: u8, timestamp: u32| {
            let mut packet = rtp(sequence);
            packet[1] = payload_type;
            packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
            flow.receive(at_us, Channel::Rtp, at("192.0.2.1:4000"), &packet, &Destinations::default());
            (flow.stats().jitter_us, flow.stats().payload_type, flow.speech_clock_hz())
        };
        hear(0, 96, 0, 0);
        assert_eq!(hear(20_000, 96, 1, 960), (0, Some(96), 48_000));
        // Ten milliseconds late: a sixteenth of that.
        assert_eq!(hear(50_000, 96, 2, 1_920), (625, Some(96), 48_000));
        for sequence in 3..8 {
            let at_us = u64::from(sequence) * 20_000 + 10_000;
            assert_eq!(hear(at_us, 101, sequence, 2_880), (625, Some(96), 48_000));
        }
        assert_eq!(hear(170_000, 96, 8, 7_680), (585, Some(96), 48_000));
    }

    #[test]
    fn reports_go_by_the_socket_that_was_agreed() {
        let pair = flow(&remote("192.0.2.1:4000", "192.0.2.1:4001"));
        assert_eq!(pair.rtcp_to(), Some((Channel::Rtcp, at("192.0.2.1:4001"))));
        let mut muxed = flow(&remote("192.0.2.1:4000", "192.0.2.1:4000"));
        assert_eq!(muxed.rtcp_to(), Some((Channel::Rtp, at("192.0.2.1:4000"))));
        receive(&mut muxed, "192.0.2.1:4040", &rtp(1));
        assert_eq!(muxed.rtcp_to(), Some((Channel::Rtp, at("192.0.2.1:4040"))));
    }

    #[test]
    fn reports_behind_nat_wait_for_a_report() {
        let source =
            SourcePolicy::Learn { signalling: at("198.51.100.9:0").ip(), window: Duration::from_secs(3) };
        let mut flow = flow(&Remote { source, ..remote("203.0.113.1:4000", "203.0.113.1:4001") });
        receive(&mut flow, "198.51.100.9:61000", &rtp(1));
        assert_eq!(flow.rtcp_to(), None);
        let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
        let verdict =
            flow.receive(0, Channel::Rtcp, at("198.51.100.9:61001"), &report, &Destinations::default());
        assert_eq!(verdict, Received::Other(Verdict::Rtcp));
        assert_eq!(flow.rtcp_to(), Some((Channel::Rtcp, at("198.51.100.9:61001"))));
    }
}
