//! The kernel's routes, neighbours and interfaces, asked over netlink (RFC 3549, rtnetlink(7)).

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::io::syscall;

const AF_NETLINK: i32 = 16;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const ROUTE: i32 = 0;
const GENERIC: i32 = 16;

const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
const NEW_NEIGHBOUR: u16 = 28;
const DELETED_NEIGHBOUR: u16 = 29;
const GET_NEIGHBOUR: u16 = 30;

const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;

/// Links, neighbours, addresses and routes of both families (`RTNLGRP_*`).
const GROUPS: [u32; 6] = [1, 3, 5, 7, 9, 11];

/// The longest message: a dump is sent in pieces of at most 32 KiB.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
const HEADER_BYTES: usize = 16;

/// How many messages are looked at together.
const GATHERED_MAX: usize = 256;

/// The kernel answers at once; it is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection to the kernel.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

/// How a destination is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reach {
    /// The interface.
    pub(super) interface: u32,
    /// The gateway, or the destination itself.
    pub(super) next: IpAddr,
    /// The address of this machine that is used.
    pub(super) own: IpAddr,
}

/// An interface.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) is_up: bool,
    pub(super) is_loopback: bool,
    /// Ethernet frames are sent there.
    pub(super) is_ethernet: bool,
    pub(super) mac: [u8; 6],
    pub(super) mtu: u32,
    /// What kind of virtual device it is; empty for hardware.
    pub(super) kind: String,
    /// What it is a port of, if the master takes all that arrives: `bridge`, `bond`, `team`.
    pub(super) port_of: String,
    /// The interface below a VLAN, and the VLAN.
    pub(super) vlan: Option<(u32, u16)>,
}

/// What the kernel tells by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Notice {
    /// An interface came, went or changed.
    Link,
    /// A neighbour was found, lost or is another.
    Neighbour { interface: u32, address: IpAddr },
    /// Routes or addresses are others.
    Route,
}

impl Netlink {
    /// Asks about routes, neighbours and interfaces.
    pub(super) fn route() -> io::Result<Self> {
        Self::open(ROUTE)
    }

    fn open(protocol: i32) -> io::Result<Self> {
        let socket = Socket::new(Domain::from(AF_NETLINK), Type::RAW, Some(Protocol::from(protocol)))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; MESSAGE_BYTES_MAX] })
    }

    /// Listens to what changes, in place of asking.
    pub(super) fn watch(patience: Duration) -> io::Result<Self> {
        let mut netlink = Self::open(ROUTE)?;
        // The first request gives the socket its address.
        netlink.links()?;
        for group in GROUPS {
            syscall::join_netlink_group(&netlink.socket, group)?;
        }
        netlink.socket.set_read_timeout(Some(patience))?;
        Ok(netlink)
    }

    /// Waits for something to change, and appends what did. An error other than `WouldBlock` means that something was missed.
    pub(super) fn wait(&mut self, notices: &mut Vec<Notice>) -> io::Result<()> {
        self.take(notices)?;
        // Changes come in crowds.
        self.socket.set_nonblocking(true)?;
        let gathered = (0..GATHERED_MAX).try_for_each(|_| self.take(notices));
        self.socket.set_nonblocking(false)?;
        gathered.or_else(|error| if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) })
    }

    fn take(&mut self, notices: &mut Vec<Notice>) -> io::Result<()> {
        let length = self.socket.read(&mut self.buffer)?;
        notices.extend(Messages(&self.buffer[..length]).filter_map(|(kind, body)| notice(kind, body)));
        Ok(())
    }

    /// The way to a destination from an address of this machine, or from whichever is usual; `None` where it is not sent
    /// over a network: unreachable, or this machine itself.
    pub(super) fn reach(&mut self, own: Option<IpAddr>, to: IpAddr, class: u8) -> Option<Reach> {
        let (family, bits) = family(to);
        let own_bits = if own.is_some() { bits } else { 0 };
        let mut body = vec![family, bits, own_bits, class, 0, 0, 0, 0, 0, 0, 0, 0];
        push(&mut body, 1, &octets(to));
        if let Some(own) = own {
            push(&mut body, 2, &octets(own));
        }
        let mut reach = None;
        self.ask(GET_ROUTE, REQUEST, &body, |kind, body| {
            if kind == NEW_ROUTE {
                reach = read_reach(body, own, to);
            }
        })
        .ok()?;
        reach
    }

    /// The Ethernet address of a neighbour, if it is known.
    pub(super) fn neighbour(&mut self, interface: u32, address: IpAddr) -> Option<[u8; 6]> {
        let body = neighbour_body(interface, address, 0, 0);
        let mut mac = None;
        self.ask(GET_NEIGHBOUR, REQUEST, &body, |kind, body| {
            if kind == NEW_NEIGHBOUR {
                mac = read_neighbour(body);
            }
        })
        .ok()?;
        mac
    }

    /// Lets the kernel find out whether a neighbour is still there that it has not heard of for a while, as if something had
    /// been sent to it. One that was set by hand is left alone: the kernel would forget that it was.
    pub(super) fn use_neighbour(&mut self, interface: u32, address: IpAddr) {
        const USE: u8 = 1;
        const STALE: u16 = 0x04;
        let mut is_stale = false;
        let body = neighbour_body(interface, address, 0, 0);
        let asked =
            self.ask(GET_NEIGHBOUR, REQUEST, &body, |_, body| is_stale = half(body, 8) == Some(STALE));
        if asked.is_err() || !is_stale {
            return;
        }
        let body = neighbour_body(interface, address, 0, USE);
        // A neighbour that cannot be asked for is told by the next look at it.
        let _asked = self.ask(NEW_NEIGHBOUR, REQUEST | ACK, &body, |_, _| {}).is_ok();
    }

    /// Every interface.
    pub(super) fn links(&mut self) -> io::Result<Vec<Link>> {
        let mut links = Vec::new();
        self.ask(GET_LINK, REQUEST | DUMP, &[0; 16], |kind, body| {
            if kind == NEW_LINK {
                links.extend(read_link(body));
            }
        })?;
        Ok(links)
    }

    /// Sends a request and gives each message of the answer to `each`.
    fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        mut each: impl FnMut(u16, &[u8]),
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = u32::try_from(HEADER_BYTES + body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        self.socket.write_all(&message)?;
        loop {
            let length = self.socket.read(&mut self.buffer)?;
            for (kind, body) in Messages(&self.buffer[..length]) {
                match kind {
                    DONE => return Ok(()),
                    ERROR => {
                        let code = word(body, 0).map_or(0, u32::cast_signed);
                        return if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) };
                    }
                    _ => each(kind, body),
                }
            }
            // Only a dump comes in several pieces.
            if flags & DUMP != DUMP && flags & ACK == 0 {
                return Ok(());
            }
        }
    }
}

/// What drivers can do with XDP programs (`NETDEV_XDP_ACT_*`), asked over generic netlink; Linux 6.3.
#[derive(Debug)]
pub(super) struct XdpFeatures {
    netlink: Netlink,
    family: u16,
}

/// What a driver can do with XDP programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct XdpAbility {
    /// Programs run in the driver and may send elsewhere.
    pub(super) native: bool,
    /// Programs of other interfaces may send here.
    pub(super) takes_redirected: bool,
}

impl XdpFeatures {
    pub(super) fn open() -> io::Result<Self> {
        const CONTROL: u16 = 16;
        const GET_FAMILY: u8 = 3;
        let mut netlink = Netlink::open(GENERIC)?;
        let mut body = vec![GET_FAMILY, 1, 0, 0];
        push(&mut body, 2, b"netdev\0");
        let mut family = None;
        netlink.ask(CONTROL, REQUEST, &body, |_, body| {
            family = attributes(body, 4).find(|(kind, _)| *kind == 1).and_then(|(_, id)| half(id, 0));
        })?;
        let family = family.ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { netlink, family })
    }

    pub(super) fn of(&mut self, interface: u32) -> XdpAbility {
        const GET_DEVICE: u8 = 1;
        let mut body = vec![GET_DEVICE, 1, 0, 0];
        push(&mut body, 1, &interface.to_ne_bytes());
        let mut ability = XdpAbility::default();
        let asked = self.netlink.ask(self.family, REQUEST, &body, |_, body| {
            let features =
                attributes(body, 4).find(|(kind, _)| *kind == 3).and_then(|(_, bits)| word(bits, 0));
            let features = features.unwrap_or(0);
            ability = XdpAbility { native: features & 3 == 3, takes_redirected: features & 4 == 4 };
        });
        if asked.is_ok() { ability } else { XdpAbility::default() }
    }
}

fn notice(kind: u16, body: &[u8]) -> Option<Notice> {
    match kind {
        16..=19 => Some(Notice::Link),
        NEW_NEIGHBOUR | DELETED_NEIGHBOUR => {
            let interface = word(body, 4)?;
            let address = attributes(body, 12).find(|(kind, _)| *kind == 1)?.1;
            Some(Notice::Neighbour { interface, address: address_of(address)? })
        }
        20..=27 => Some(Notice::Route),
        _ => None,
    }
}

fn read_reach(body: &[u8], own: Option<IpAddr>, to: IpAddr) -> Option<Reach> {
    const UNICAST: u8 = 1;
    if *body.get(7)? != UNICAST {
        return None;
    }
    let (mut interface, mut gateway, mut preferred) = (None, None, None);
    for (kind, value) in attributes(body, 12) {
        match kind {
            4 => interface = word(value, 0),
            5 => gateway = address_of(value),
            7 => preferred = address_of(value),
            // RTA_VIA: a gateway of the other family.
            18 => gateway = address_of(value.get(2..)?),
            _ => {}
        }
    }
    Some(Reach { interface: interface?, next: gateway.unwrap_or(to), own: own.or(preferred)? })
}

fn read_neighbour(body: &[u8]) -> Option<[u8; 6]> {
    // REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT
    const VALID: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;
    if half(body, 8)? & VALID == 0 {
        return None;
    }
    attributes(body, 12).find(|(kind, _)| *kind == 2)?.1.try_into().ok()
}

fn read_link(body: &[u8]) -> Option<Link> {
    const ETHERNET: u16 = 1;
    const UP: u32 = 1;
    const LOOPBACK: u32 = 8;
    let flags = word(body, 8)?;
    let mut link = Link {
        index: word(body, 4)?,
        is_up: flags & UP != 0,
        is_loopback: flags & LOOPBACK != 0,
        is_ethernet: half(body, 2)? == ETHERNET,
        ..Link::default()
    };
    let (mut below, mut tag) = (None, None);
    for (kind, value) in attributes(body, 16) {
        match kind {
            1 => link.mac = value.try_into().unwrap_or_default(),
            3 => link.name = text(value),
            4 => link.mtu = word(value, 0)?,
            5 => below = word(value, 0),
            18 => {
                for (kind, value) in attributes(value, 0) {
                    match kind {
                        1 => link.kind = text(value),
                        2 => {
                            tag = attributes(value, 0)
                                .find(|(kind, _)| *kind == 1)
                                .and_then(|(_, id)| half(id, 0))
                        }
                        4 => link.port_of = text(value),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if link.kind == "vlan" {
        link.vlan = below.zip(tag);
    }
    Some(link)
}

fn neighbour_body(interface: u32, address: IpAddr, state: u16, flags: u8) -> Vec<u8> {
    let mut body = vec![family(address).0, 0, 0, 0];
    body.extend(interface.to_ne_bytes());
    body.extend(state.to_ne_bytes());
    body.extend([flags, 0]);
    push(&mut body, 1, &octets(address));
    body
}

const fn family(address: IpAddr) -> (u8, u8) {
    match address {
        IpAddr::V4(_) => (AF_INET, 32),
        IpAddr::V6(_) => (AF_INET6, 128),
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| Ipv6Addr::from(v6).into())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// Appends an attribute, padded to four bytes.
fn push(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).expect("attributes are short");
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The attributes behind a fixed part.
fn attributes(body: &[u8], fixed: usize) -> Attributes<'_> {
    Attributes(body.get(fixed..).unwrap_or_default())
}

struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        const NESTED_AND_ORDER: u16 = 0xc000;
        let length = usize::from(half(self.0, 0)?);
        let kind = half(self.0, 2)? & !NESTED_AND_ORDER;
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// The messages of one datagram: kind and body.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::try_from(word(self.0, 0)?).ok()?;
        let kind = half(self.0, 4)?;
        let body = self.0.get(HEADER_BYTES..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_lists_the_loopback_interface() {
        let links = Netlink::route().unwrap().links().unwrap();
        let loopback = links.iter().find(|link| link.is_loopback).expect("every machine has one");
        assert_eq!((loopback.name.as_str(), loopback.is_ethernet), ("lo", false));
    }

    #[test]
    fn this_machine_is_reached_over_no_network() {
        let mut netlink = Netlink::route().unwrap();
        assert_eq!(netlink.reach(None, "127.0.0.1".parse().unwrap(), 0), None);
        assert_eq!(netlink.reach(None, "::1".parse().unwrap(), 0), None);
    }

    #[test]
    fn what_is_cut_short_is_read_as_far_as_it_goes() {
        let mut body = vec![0; 12];
        push(&mut body, 1, &[192, 0, 2, 1]);
        push(&mut body, 2, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(attributes(&body, 12).count(), 2);
        for length in 0..30 {
            assert!(attributes(&body[..length], 12).count() < 2);
        }
        let endless = [0; 64];
        assert_eq!((attributes(&endless, 0).count(), Messages(&endless).count()), (0, 0));
    }
}
