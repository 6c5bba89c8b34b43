//! One worker's hand on the kernel's flows.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aya::maps::{Array, HashMap as PortMap, Map, MapData};

use super::entry::{self, Count, Flow, Key};
use super::way::Ends;
use super::{Shared, os_error};
use crate::io::syscall;
use crate::offload::{FlowCount, KernelFlow};

/// Gives flows to the kernel and takes them back, for one worker. The maps are shared with the kernel, the indices with the
/// other workers; only giving away takes a lock.
pub struct KernelFlows {
    shared: Arc<Shared>,
    maps: Maps,
    live: HashMap<SocketAddr, Live>,
}

/// The maps of the program.
pub(super) struct Maps {
    ports: PortMap<MapData, Key, u32>,
    flows: Array<MapData, Flow>,
    counts: Array<MapData, Count>,
}

/// A flow that the kernel forwards.
#[derive(Clone, Copy, Debug)]
struct Live {
    key: Key,
    ssrc: u32,
    entry: u32,
    count: u32,
    ends: Ends,
}

impl Maps {
    /// The program's maps by descriptors of their own.
    pub(super) fn duplicate(ports: &MapData, flows: &MapData, counts: &MapData) -> io::Result<Self> {
        Ok(Self {
            ports: Map::HashMap(again(ports)?).try_into().map_err(os_error)?,
            flows: Map::Array(again(flows)?).try_into().map_err(os_error)?,
            counts: Map::Array(again(counts)?).try_into().map_err(os_error)?,
        })
    }
}

fn again(map: &MapData) -> io::Result<MapData> {
    let descriptor = map.fd().as_fd().try_clone_to_owned()?;
    MapData::from_fd(descriptor).map_err(os_error)
}

impl fmt::Debug for KernelFlows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelFlows").field("live", &self.live).finish_non_exhaustive()
    }
}

impl KernelFlows {
    pub(super) fn new(shared: Arc<Shared>, maps: Maps) -> Self {
        Self { shared, maps, live: HashMap::new() }
    }

    /// Lets the kernel forward what arrives at the socket bound to `from` as if sent by the socket bound to `by`; `false`
    /// where it cannot, and then nothing has changed.
    pub fn offload(&mut self, from: SocketAddr, by: SocketAddr, flow: &KernelFlow) -> bool {
        self.replace(from, by, flow).is_some()
    }

    fn replace(&mut self, from: SocketAddr, by: SocketAddr, flow: &KernelFlow) -> Option<()> {
        let there = self.live.get(&from).copied();
        let ends = (fixed(by, flow.to), flow.to.ip());
        let (local, own, hop) = {
            let mut ways = self.shared.ways();
            let local = ways.arrival((fixed(from, flow.source), flow.source.ip()))?;
            let own = ways.own_address(ends)?;
            (local, own, ways.take(ends)?)
        };
        // From here on the hop is to be given back where anything fails.
        let written = self.write(there, from, by, flow, (local, own, hop));
        let Some((key, entry, count)) = written else {
            self.shared.ways().give_back(ends);
            return None;
        };
        if let Some(there) = there {
            if there.key != key {
                // It arrives at another address than before.
                let _gone = self.maps.ports.remove(&there.key).is_ok();
            }
            self.shared.entries().give_back(there.entry);
            self.shared.ways().give_back(there.ends);
        } else {
            self.shared.live.fetch_add(1, Ordering::Relaxed);
        }
        self.live.insert(from, Live { key, ssrc: flow.ssrc, entry, count, ends });
        Some(())
    }

    fn write(
        &mut self,
        there: Option<Live>,
        from: SocketAddr,
        by: SocketAddr,
        flow: &KernelFlow,
        (local, own, hop): (IpAddr, IpAddr, u32),
    ) -> Option<(Key, u32, u32)> {
        let local = SocketAddr::new(local, from.port());
        let key = entry::key(local);
        let entry = self.shared.entries().take()?;
        let count = match there {
            Some(there) => Some(there.count),
            None => self.shared.counts().take(),
        };
        let done = count.filter(|count| {
            let by = SocketAddr::new(own, by.port());
            let route = entry::Route {
                local,
                by,
                count: *count,
                hop,
                traffic_class: (self.shared.config.dscp & 0x3f) << 2,
            };
            let begun = match there {
                Some(there) if there.ssrc == flow.ssrc => true,
                Some(_) => self.maps.counts.get(count, 0).is_ok_and(|old| {
                    self.maps.counts.set(*count, entry::restarted_count(&old, flow.highest), 0).is_ok()
                }),
                None => self.maps.counts.set(*count, entry::fresh_count(flow.highest), 0).is_ok(),
            };
            begun
                && self.maps.flows.set(entry, entry::flow(flow, &route), 0).is_ok()
                && self.maps.ports.insert(key, entry, 0).is_ok()
        });
        if done.is_none() {
            self.shared.entries().give_back(entry);
            if let (None, Some(count)) = (there, count) {
                self.shared.counts().give_back(count);
            }
        }
        done.map(|count| (key, entry, count))
    }

    /// What was counted of the flow that arrives at the socket bound to `from`.
    pub fn count(&self, from: SocketAddr) -> Option<FlowCount> {
        self.read(self.live.get(&from)?)
    }

    /// Takes a flow back; its last count. A packet that another processor has in hand at this moment may be missing in it.
    pub fn recall(&mut self, from: SocketAddr) -> Option<FlowCount> {
        let live = self.live.remove(&from)?;
        let _gone = self.maps.ports.remove(&live.key).is_ok();
        let count = self.read(&live);
        self.shared.entries().give_back(live.entry);
        self.shared.counts().give_back(live.count);
        self.shared.ways().give_back(live.ends);
        self.shared.live.fetch_sub(1, Ordering::Relaxed);
        count
    }

    fn read(&self, live: &Live) -> Option<FlowCount> {
        let count = self.maps.counts.get(&live.count, 0).ok()?;
        Some(entry::counted(&count, syscall::monotonic_ns()))
    }
}

impl Drop for KernelFlows {
    fn drop(&mut self) {
        for from in self.live.keys().copied().collect::<Vec<_>>() {
            self.recall(from);
        }
    }
}

/// The address that a socket is bound to, if it is bound to one; of the family of its far end.
fn fixed(bound: SocketAddr, far: SocketAddr) -> Option<IpAddr> {
    let own = bound.ip().to_canonical();
    (!own.is_unspecified() && own.is_ipv4() == far.is_ipv4()).then_some(own)
}
