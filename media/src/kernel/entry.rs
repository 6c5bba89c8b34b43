//! The entries of the maps as `media/bpf/relay.c` lays them out. The kernel's numbers are in network order, sums in the order
//! of the machine, as they are read from a packet.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::offload::{FlowCount, KernelFlow};

/// `struct key`: a local address and port.
pub(super) type Key = [u8; 20];
/// `struct flow`.
pub(super) type Flow = [u8; 144];
/// `struct hop`.
pub(super) type Hop = [u8; 32];
/// `struct count`.
pub(super) type Count = [u8; 64];

/// A hop that leads nowhere: what would take it goes up.
pub(super) const NO_HOP: Hop = [0; 32];

/// What IP datagrams start their life with (`net.ipv4.ip_default_ttl`).
const HOP_LIMIT: u8 = 64;
const UDP: u8 = 17;
/// Far above every clock of RTP.
const CLOCK_HZ_MAX: u32 = 1_000_000;
const SEALED: u32 = 1;
const OUT_IPV6: u32 = 2;

pub(super) fn key(local: SocketAddr) -> Key {
    let mut key = Writer::<20>::default();
    key.put(&octets(local.ip()));
    key.put(&local.port().to_be_bytes());
    key.0
}

/// Where a flow's packets go out, and what they are counted in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    /// Where the packets arrive.
    pub(super) local: SocketAddr,
    /// Whose packets they are from then on; of the family of the flow's destination.
    pub(super) by: SocketAddr,
    /// Index of the count.
    pub(super) count: u32,
    /// Index of the hop.
    pub(super) hop: u32,
    /// TOS or traffic class.
    pub(super) traffic_class: u8,
}

pub(super) fn flow(flow: &KernelFlow, route: &Route) -> Flow {
    let Route { local, by, count, hop, traffic_class } = *route;
    let ssrc_out = if flow.sealed { flow.ssrc } else { flow.ssrc_out };
    let pseudo_in = sum(&wire(flow.source.ip())) + sum(&wire(local.ip())) + sum(&[0, UDP]);
    let pseudo_out = sum(&wire(by.ip())) + sum(&wire(flow.to.ip())) + sum(&[0, UDP]);
    let numbers = |from: u16, to: u16, ssrc: u32| {
        sum(&from.to_be_bytes()) + sum(&to.to_be_bytes()) + sum(&ssrc.to_be_bytes())
    };
    let fixed_in = numbers(flow.source.port(), local.port(), flow.ssrc);
    let fixed_out = numbers(by.port(), flow.to.port(), ssrc_out);
    let header = header(by.ip(), flow.to.ip(), traffic_class);
    let sealed = if flow.sealed { SEALED } else { 0 };
    let out_ipv6 = if flow.to.is_ipv6() { OUT_IPV6 } else { 0 };

    let mut entry = Writer::<144>::default();
    entry.put(&octets(local.ip()));
    entry.put(&octets(flow.source.ip()));
    entry.put(&local.port().to_be_bytes());
    entry.put(&flow.source.port().to_be_bytes());
    entry.put(&flow.ssrc.to_be_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "two halves are wanted")]
    entry.put(&(flow.payload_types.0 as u64).to_ne_bytes());
    entry.put(&((flow.payload_types.0 >> 64) as u64).to_ne_bytes());
    entry.put(&(sealed | out_ipv6).to_ne_bytes());
    entry.put(&count.to_ne_bytes());
    entry.put(&hop.to_ne_bytes());
    entry.put(&flow.sequence_shift.to_ne_bytes());
    entry.put(&by.port().to_be_bytes());
    entry.put(&flow.to.port().to_be_bytes());
    entry.put(&fold(pseudo_in).to_ne_bytes());
    entry.put(&ssrc_out.to_be_bytes());
    entry.put(&flow.timestamp_shift.to_ne_bytes());
    entry.put(&u32::from(change(pseudo_in, pseudo_out)).to_ne_bytes());
    entry.put(&u32::from(change(fixed_in, fixed_out)).to_ne_bytes());
    entry.put(&sum(&header[..20]).to_ne_bytes());
    let clock_hz = flow.clock_hz.min(CLOCK_HZ_MAX);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a clock below 1 MHz ticks less than 2^23 times in 2^32 ns"
    )]
    let tick_factor = ((u64::from(clock_hz) << 32) / 1_000_000_000) as u32;
    entry.put(&tick_factor.to_ne_bytes());
    entry.put(&clock_hz.to_ne_bytes());
    entry.put(&header);
    entry.0
}

/// The way to a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct NextHop {
    /// The interface.
    pub(super) interface: u32,
    /// The interface for XDP, 0 for none; `only_back` where only packets that arrived there may leave there.
    pub(super) xdp_interface: u32,
    pub(super) only_back: bool,
    /// The VLAN to be tagged with in XDP.
    pub(super) vlan: Option<u16>,
    pub(super) mtu: u32,
    pub(super) own_mac: [u8; 6],
    pub(super) its_mac: [u8; 6],
}

pub(super) fn hop(next: &NextHop) -> Hop {
    let mut entry = Writer::<32>::default();
    entry.put(&next.interface.to_ne_bytes());
    entry.put(&next.xdp_interface.to_ne_bytes());
    entry.put(&u16::try_from(next.mtu).unwrap_or(u16::MAX).to_ne_bytes());
    entry.put(&next.vlan.unwrap_or(0).to_be_bytes());
    entry.put(&next.its_mac);
    entry.put(&next.own_mac);
    entry.put(&u32::from(next.vlan.is_some()).to_ne_bytes());
    entry.put(&u32::from(next.only_back).to_ne_bytes());
    entry.0
}

/// A count before the first packet.
pub(super) fn fresh_count(highest: u16) -> Count {
    restarted_count(&[0; 64], highest)
}

/// A count that goes on with another stream.
pub(super) fn restarted_count(count: &Count, highest: u16) -> Count {
    let old = Counted::read(count);
    let mut entry = Writer::<64>::default();
    for total in [old.packets, old.bytes, 0, old.late, old.duplicates] {
        entry.put(&total.to_ne_bytes());
    }
    entry.put(&0_u32.to_ne_bytes());
    entry.put(&u32::from(highest).to_ne_bytes());
    entry.0
}

/// `struct count`, read.
struct Counted {
    packets: u64,
    bytes: u64,
    arrived_ns: u64,
    late: u64,
    duplicates: u64,
    cycles: u32,
    highest: u32,
    timestamp: u32,
    jitter_x16: u32,
}

impl Counted {
    fn read(count: &Count) -> Self {
        let long = |at: usize| u64::from_ne_bytes(count[at..at + 8].try_into().expect("eight bytes"));
        let word = |at: usize| u32::from_ne_bytes(count[at..at + 4].try_into().expect("four bytes"));
        Self {
            packets: long(0),
            bytes: long(8),
            arrived_ns: long(16),
            late: long(24),
            duplicates: long(32),
            cycles: word(40),
            highest: word(44),
            timestamp: word(48),
            jitter_x16: word(52),
        }
    }
}

/// What a count says at a time of the kernel's monotonic clock.
pub(super) fn counted(count: &Count, now_ns: u64) -> FlowCount {
    let count = Counted::read(count);
    FlowCount {
        packets: count.packets,
        bytes: count.bytes,
        // The program passes up what it sees that it cannot send; what a driver drops later it does not learn.
        send_failed: 0,
        #[expect(clippy::cast_possible_truncation, reason = "the program writes sequence numbers")]
        highest: count.highest as u16,
        cycles: count.cycles,
        late: count.late,
        duplicates: count.duplicates,
        timestamp: count.timestamp,
        jitter_x16: count.jitter_x16,
        idle: (count.arrived_ns > 0).then(|| Duration::from_nanos(now_ns.saturating_sub(count.arrived_ns))),
    }
}

/// The outgoing IP header, length and checksum 0, in 40 bytes for both families.
fn header(from: IpAddr, to: IpAddr, traffic_class: u8) -> [u8; 40] {
    let mut header = Writer::<40>::default();
    match to {
        IpAddr::V4(_) => {
            // Version and length, class, length, id, "do not fragment" (so the id says nothing, RFC 6864), checksum.
            header.put(&[0x45, traffic_class, 0, 0, 0, 0, 0x40, 0, HOP_LIMIT, UDP, 0, 0]);
        }
        IpAddr::V6(_) => {
            header.put(&(6 << 28 | u32::from(traffic_class) << 20).to_be_bytes());
            header.put(&[0, 0, UDP, HOP_LIMIT]);
        }
    }
    header.put(&wire(from));
    header.put(&wire(to));
    header.0
}

/// An address in the form of a key: IPv4 mapped into IPv6.
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// An address as packets bear it.
fn wire(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// The sum of 16-bit words (RFC 1071), not folded; of an even number of bytes.
fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks_exact(2).map(|word| u32::from(u16::from_ne_bytes([word[0], word[1]]))).sum()
}

#[expect(clippy::cast_possible_truncation, reason = "two folds leave 16 bits")]
const fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum + (sum >> 16)) as u16
}

/// What is to be added to a sum that had `old` in it to have `new` in it (RFC 1624).
fn change(old: u32, new: u32) -> u16 {
    fold(u32::from(fold(new)) + u32::from(!fold(old)))
}

/// Fills an entry from its beginning.
struct Writer<const N: usize>([u8; N], usize);

impl<const N: usize> Default for Writer<N> {
    fn default() -> Self {
        Self([0; N], 0)
    }
}

impl<const N: usize> Writer<N> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.1 + bytes.len();
        self.0[self.1..end].copy_from_slice(bytes);
        self.1 = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::PayloadTypes;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn example(source: &str, to: &str) -> KernelFlow {
        KernelFlow {
            source: at(source),
            ssrc: 0x0102_0304,
            payload_types: PayloadTypes::default().with(0).with(101),
            to: at(to),
            ssrc_out: 0x0a0b_0c0d,
            sequence_shift: 5,
            timestamp_shift: 7,
            sealed: false,
            clock_hz: 8_000,
            highest: 9,
        }
    }

    fn route(local: &str, by: &str) -> Route {
        Route { local: at(local), by: at(by), count: 3, hop: 4, traffic_class: 0xb8 }
    }

    #[test]
    fn fields_lie_where_the_program_reads_them() {
        let entry = flow(
            &example("192.0.2.1:4000", "198.51.100.2:5000"),
            &route("192.0.2.9:20000", "198.51.100.9:20002"),
        );
        assert_eq!(entry[..20], [[0; 10].as_slice(), &[0xff, 0xff, 192, 0, 2, 9], &[0; 4]].concat());
        assert_eq!(entry[32..36], [0x4e, 0x20, 0x0f, 0xa0]);
        assert_eq!(entry[36..40], [1, 2, 3, 4]);
        assert_eq!(u64::from_ne_bytes(entry[40..48].try_into().unwrap()), 1);
        assert_eq!(u64::from_ne_bytes(entry[48..56].try_into().unwrap()), 1 << 37);
        assert_eq!(u32::from_ne_bytes(entry[96..100].try_into().unwrap()), 34_359);
        assert_eq!(u32::from_ne_bytes(entry[100..104].try_into().unwrap()), 8_000);
        assert_eq!(entry[104..106], [0x45, 0xb8]);
        assert_eq!(entry[116..124], [198, 51, 100, 9, 198, 51, 100, 2]);
        assert_eq!(
            flow(
                &example("192.0.2.1:4000", "[2001:db8::2]:5000"),
                &route("192.0.2.9:20000", "[2001:db8::9]:20002")
            )[56],
            2
        );
    }

    #[test]
    fn a_change_of_the_sum_is_what_the_whole_sum_changes_by() {
        let (old, new) = ([0x12, 0x34, 0xff, 0xff, 0x80, 0x01], [0xfe, 0xdc, 0x00, 0x00, 0x7f, 0xff]);
        let rest = sum(&[0xab, 0xcd, 0xef, 0x01]);
        let before = fold(rest + sum(&old));
        let after = fold(u32::from(before) + u32::from(change(sum(&old), sum(&new))));
        assert_eq!(after, fold(rest + sum(&new)));
    }

    #[test]
    fn a_count_goes_on_with_another_stream() {
        let mut count = fresh_count(9);
        count[..8].copy_from_slice(&50_u64.to_ne_bytes());
        count[16..24].copy_from_slice(&1_000_000_000_u64.to_ne_bytes());
        count[40..44].copy_from_slice(&2_u32.to_ne_bytes());
        let before = counted(&count, 1_500_000_000);
        assert_eq!((before.packets, before.highest, before.cycles), (50, 9, 2));
        assert_eq!(before.idle, Some(Duration::from_millis(500)));
        let after = counted(&restarted_count(&count, 77), 1_500_000_000);
        assert_eq!((after.packets, after.highest, after.cycles, after.idle), (50, 77, 0, None));
    }
}
