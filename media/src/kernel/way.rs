//! The ways to the far ends: route, neighbour and interface, kept as the kernel has them.
//!
//! Who forwards for others need not be set on this machine (`net.ipv4.ip_forward`), without which the kernel answers a program
//! nothing (`bpf_fib_lookup`). So the ways are found here, written into the map of hops, and written again when netlink tells
//! that something has changed.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::net::IpAddr;

use aya::maps::{Array, MapData};

use super::entry::{self, Hop, NO_HOP, NextHop};
use super::netlink::{Link, Netlink, Reach};
use super::program::Hook;
use super::slots::Slots;

/// An own address, if it is fixed, and a far end's.
pub(super) type Ends = (Option<IpAddr>, IpAddr);

/// An interface, and whether and how the program runs on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Interface {
    pub(super) link: Link,
    pub(super) hook: Option<Hook>,
    /// Whether XDP programs of other interfaces may send here.
    pub(super) takes_redirected: bool,
}

/// Every way that a flow takes, and some that none takes any longer.
pub(super) struct Ways {
    netlink: Netlink,
    hops: Array<MapData, Hop>,
    slots: Slots,
    interfaces: HashMap<u32, Interface>,
    ways: HashMap<Ends, Way>,
    traffic_class: u8,
}

#[derive(Debug)]
struct Way {
    reach: Reach,
    /// Index in the map of hops, and what is written there.
    hop: Option<(u32, Hop)>,
    flows: u32,
}

impl fmt::Debug for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ways").field("ways", &self.ways).finish_non_exhaustive()
    }
}

impl Ways {
    pub(super) fn new(hops: Array<MapData, Hop>, count: u32, traffic_class: u8) -> io::Result<Self> {
        Ok(Self {
            netlink: Netlink::route()?,
            hops,
            slots: Slots::new(count),
            interfaces: HashMap::new(),
            ways: HashMap::new(),
            traffic_class,
        })
    }

    pub(super) fn set_interfaces(&mut self, interfaces: HashMap<u32, Interface>) {
        self.interfaces = interfaces;
    }

    /// The own address at which packets of a far end arrive, if the program runs where they do.
    pub(super) fn arrival(&mut self, ends: Ends) -> Option<IpAddr> {
        let Reach { interface, own, .. } = self.way(ends)?.reach;
        let at = self.interfaces.get(&interface)?;
        let below = at.link.vlan.and_then(|(below, _)| self.interfaces.get(&below));
        let is_run_on = at.hook.is_some() || below.is_some_and(|below| below.hook.is_some());
        is_run_on.then_some(own)
    }

    /// The own address by which a far end is reached over a network; `None` where it is not.
    pub(super) fn own_address(&mut self, ends: Ends) -> Option<IpAddr> {
        self.way(ends).map(|way| way.reach.own)
    }

    /// Takes a way for a flow: the index of its hop. `None` while the neighbour is not known, or where there is none.
    pub(super) fn take(&mut self, ends: Ends) -> Option<u32> {
        let reach = self.way(ends)?.reach;
        let hop = self.find_hop(&reach);
        let way = self.ways.get_mut(&ends).expect("it was just found");
        let (index, _) = match way.hop {
            Some((index, written)) => {
                if written != hop {
                    write(&mut self.hops, index, &hop);
                    way.hop = Some((index, hop));
                }
                way.hop?
            }
            None if hop == NO_HOP => return None,
            None => {
                let index = self.slots.take()?;
                write(&mut self.hops, index, &hop);
                *way.hop.insert((index, hop))
            }
        };
        if hop == NO_HOP {
            return None;
        }
        way.flows += 1;
        Some(index)
    }

    /// Gives back what [`Ways::take`] gave.
    pub(super) fn give_back(&mut self, ends: Ends) {
        if let Some(way) = self.ways.get_mut(&ends) {
            way.flows = way.flows.saturating_sub(1);
        }
    }

    /// The ends of all ways.
    pub(super) fn all(&self) -> Vec<Ends> {
        self.ways.keys().copied().collect()
    }

    /// The ends of the ways over neighbours.
    pub(super) fn over(&self, neighbours: &HashSet<(u32, IpAddr)>) -> Vec<Ends> {
        let over = |way: &Way| neighbours.contains(&(way.reach.interface, way.reach.next));
        self.ways.iter().filter(|(_, way)| over(way)).map(|(ends, _)| *ends).collect()
    }

    /// Looks at a way anew; forgets it if no flow takes it.
    pub(super) fn refresh(&mut self, ends: Ends) {
        let Some(way) = self.ways.get(&ends) else { return };
        if way.flows == 0 {
            if let Some((index, _)) = self.ways.remove(&ends).and_then(|way| way.hop) {
                write(&mut self.hops, index, &NO_HOP);
                self.slots.give_back(index);
            }
            return;
        }
        let reach = self.netlink.reach(ends.0, ends.1, self.traffic_class);
        let hop = reach.map_or(NO_HOP, |reach| self.find_hop(&reach));
        let way = self.ways.get_mut(&ends).expect("it was just found");
        way.reach = reach.unwrap_or(way.reach);
        if let Some((index, written)) = &mut way.hop
            && *written != hop
        {
            write(&mut self.hops, *index, &hop);
            *written = hop;
        }
    }

    /// The neighbours that flows go to.
    pub(super) fn neighbours(&self) -> HashSet<(u32, IpAddr)> {
        let used = self.ways.values().filter(|way| way.flows > 0);
        used.map(|way| (way.reach.interface, way.reach.next)).collect()
    }

    fn way(&mut self, ends: Ends) -> Option<&mut Way> {
        if !self.ways.contains_key(&ends) {
            let reach = self.netlink.reach(ends.0, ends.1, self.traffic_class)?;
            self.ways.insert(ends, Way { reach, hop: None, flows: 0 });
        }
        self.ways.get_mut(&ends)
    }

    fn find_hop(&mut self, reach: &Reach) -> Hop {
        let Some(out) = self.interfaces.get(&reach.interface) else { return NO_HOP };
        if !out.link.is_up || !out.link.is_ethernet {
            return NO_HOP;
        }
        let Some(its_mac) = self.netlink.neighbour(reach.interface, reach.next) else { return NO_HOP };
        let mut next = NextHop {
            interface: reach.interface,
            mtu: out.link.mtu,
            own_mac: out.link.mac,
            its_mac,
            ..NextHop::default()
        };
        // A driver sends to no VLAN: the program tags by itself.
        let (below, vlan) = out.link.vlan.unzip();
        if let Some(device) = self.interfaces.get(&below.unwrap_or(reach.interface)) {
            let runs_xdp = matches!(device.hook, Some(Hook::XdpNative | Hook::XdpGeneric));
            // What generic XDP sends goes the way of every packet.
            let takes = device.takes_redirected || device.hook == Some(Hook::XdpGeneric);
            if takes || runs_xdp {
                next.xdp_interface = device.link.index;
                next.only_back = !takes;
                next.vlan = vlan;
            }
        }
        entry::hop(&next)
    }
}

/// Writes a hop so that no packet sees half of the old and half of the new.
fn write(hops: &mut Array<MapData, Hop>, index: u32, hop: &Hop) {
    // `reserve` has seen to it that the index is one of the map's, and then nothing can fail.
    let mut closed = *hop;
    closed[..8].fill(0);
    let _written = hops.set(index, NO_HOP, 0).is_ok()
        && hops.set(index, closed, 0).is_ok()
        && hops.set(index, hop, 0).is_ok();
}
