//! The relay in the kernel: an eBPF program on the interfaces that forwards established flows by itself.
//!
//! ```text
//! KernelPath ─ loads media/bpf/relay.o, runs it on every interface, watches routes and neighbours
//!    └─ KernelFlows, one for each worker ─▶ maps ◀─ the program, for each packet
//! ```
//!
//! The sockets stay open and get what the program does not know. Programs hang on descriptors of this process, so the kernel
//! removes them when it ends, however it ends; before Linux 6.6 those of traffic control outlive a crash.

mod entry;
mod flows;
mod netlink;
mod program;
mod slots;
mod way;

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use aya::maps::{Array, Map, MapData};
use thiserror::Error;

use self::flows::Maps;
use self::netlink::{Netlink, Notice, XdpFeatures};
use self::program::{LoadedMaps, Programs};
use self::slots::Slots;
use self::way::{Interface, Ways};

pub use self::flows::KernelFlows;
pub use self::program::Hook;

/// How long the watch waits for something to change before it looks whether the path is still wanted.
const WATCH_PATIENCE: Duration = Duration::from_millis(500);

/// How often neighbours are said to be used, and every way is looked at unasked: well below the minute after which the
/// kernel may forget a neighbour that nobody uses.
const WAY_REFRESH: Duration = Duration::from_secs(20);

/// Why flows cannot be forwarded in the kernel.
#[derive(Debug, Error)]
pub enum Missing {
    /// A capability of the process.
    #[error("the capability {0} is missing (setcap, or AmbientCapabilities= of systemd)")]
    Capability(&'static str),
    /// Something of the kernel.
    #[error("the kernel does not take the program: {0}")]
    Kernel(String),
    /// An interface to run on.
    #[error("no interface takes the program: {0}")]
    Interface(String),
}

/// What happens to a path while it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PathNotice {
    /// The program runs on an interface that came up later.
    Attached(String, Hook),
    /// An interface that came up later does not take the program, and why.
    Refused(String, String),
    /// An interface that the program ran on is gone or down.
    Gone(String),
}

/// Hears what happens to a path.
pub type OnNotice = Box<dyn Fn(PathNotice) + Send>;

/// How flows are forwarded in the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KernelPathConfig {
    /// How many flows there can be at once; further ones stay in user space.
    pub flows_max: u32,
    /// The interfaces to run on; empty for every Ethernet interface.
    pub interfaces: Vec<String>,
    /// The hook to try first; `None` for the best of each interface.
    pub hook: Option<Hook>,
    /// What packets are marked with: the DSCP (RFC 2474), 0 to 63.
    pub dscp: u8,
}

impl KernelPathConfig {
    fn wants(&self, link: &netlink::Link) -> bool {
        let named = &self.interfaces;
        // What arrives at a port of a bridge arrives at the bridge.
        let takes_its_own = !matches!(link.port_of.as_str(), "bridge" | "bond" | "team");
        link.is_up
            && link.is_ethernet
            && !link.is_loopback
            && takes_its_own
            && (named.is_empty() || named.contains(&link.name))
    }
}

/// The loaded program on its interfaces. Dropping it takes it off them, and every flow goes up to its sockets again.
#[derive(Debug)]
pub struct KernelPath {
    shared: Arc<Shared>,
    /// What was said by interfaces that did not take the program at the start.
    refused: Vec<String>,
}

/// What is told of a path to who does not run it. Once the path is dropped it has no interface and no flow.
#[derive(Clone, Debug)]
pub struct KernelStatus {
    shared: Weak<Shared>,
    flows_max: u32,
}

/// What the path, its watch and the workers share.
#[derive(Debug)]
struct Shared {
    config: KernelPathConfig,
    maps: Originals,
    ways: Mutex<Ways>,
    entries: Mutex<Slots>,
    counts: Mutex<Slots>,
    /// `None` once the path is dropped.
    programs: Mutex<Option<Programs>>,
    interfaces: Mutex<HashMap<u32, Interface>>,
    live: AtomicUsize,
    stopped: AtomicBool,
}

/// The maps that workers get descriptors of.
#[derive(Debug)]
struct Originals {
    ports: MapData,
    flows: MapData,
    counts: MapData,
}

impl KernelPath {
    /// Loads the program, runs it on the interfaces, and watches routes, neighbours and interfaces from then on. Where there is
    /// no interface yet ([`KernelPath::missing`]) it waits for one.
    ///
    /// # Errors
    /// A capability is missing, or the kernel does not take the program; nothing is left behind then.
    pub fn start(config: KernelPathConfig, on_notice: OnNotice) -> Result<Self, Missing> {
        check_capabilities()?;
        let kernel = |error: io::Error| Missing::Kernel(error.to_string());
        let (programs, LoadedMaps { ports, flows, counts, hops }) = Programs::load(config.flows_max)?;
        let room = Slots::room_for(config.flows_max);
        let traffic_class = (config.dscp & 0x3f) << 2;
        let hops: Array<_, _> = Map::Array(hops).try_into().map_err(|error| kernel(os_error(error)))?;
        let shared = Arc::new(Shared {
            config,
            maps: Originals { ports, flows, counts },
            ways: Mutex::new(Ways::new(hops, room, traffic_class).map_err(kernel)?),
            entries: Mutex::new(Slots::new(room)),
            counts: Mutex::new(Slots::new(room)),
            programs: Mutex::new(Some(programs)),
            interfaces: Mutex::default(),
            live: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let netlink = Netlink::watch(WATCH_PATIENCE).map_err(kernel)?;
        let mut asking = Netlink::route().map_err(kernel)?;
        let mut refused = Vec::new();
        shared.look_at_interfaces(&mut asking, &mut |notice| {
            if let PathNotice::Refused(name, why) = notice {
                refused.push(format!("{name}: {why}"));
            }
        });
        let path = Self { shared: Arc::clone(&shared), refused };
        let watch = Watch { shared, netlink, asking, on_notice };
        thread::Builder::new().name("media-kernel".to_owned()).spawn(|| watch.run()).map_err(kernel)?;
        Ok(path)
    }

    /// A hand on the flows for one worker.
    ///
    /// # Errors
    /// The kernel's, when descriptors are used up.
    pub fn flows(&self) -> io::Result<KernelFlows> {
        let Originals { ports, flows, counts } = &self.shared.maps;
        Ok(KernelFlows::new(Arc::clone(&self.shared), Maps::duplicate(ports, flows, counts)?))
    }

    /// Where a path would run: the interfaces by name, and the hook that each would be tried at first. The program is loaded
    /// and let go again, which tells what is missing; no interface is touched, for some drivers lose packets then.
    ///
    /// # Errors
    /// As those of [`Self::start`]; or there is no interface to run on.
    pub fn probe(config: &KernelPathConfig) -> Result<Vec<(String, Hook)>, Missing> {
        check_capabilities()?;
        program::try_to_load(config.flows_max)?;
        let kernel = |error: io::Error| Missing::Kernel(error.to_string());
        let links = Netlink::route().and_then(|mut netlink| netlink.links()).map_err(kernel)?;
        let mut features = XdpFeatures::open().ok();
        let mut would_run: Vec<_> = links
            .iter()
            .filter(|link| config.wants(link))
            .map(|link| {
                let ability = features.as_mut().map(|features| features.of(link.index)).unwrap_or_default();
                (link.name.clone(), program::ladder(link, ability, config.hook)[0])
            })
            .collect();
        would_run.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if would_run.is_empty() {
            return Err(Missing::Interface("none is up".to_owned()));
        }
        Ok(would_run)
    }

    /// The interfaces that the program runs on, by name, and where.
    pub fn attached(&self) -> Vec<(String, Hook)> {
        self.shared.attached()
    }

    /// What others may look at while this path lives.
    pub fn status(&self) -> KernelStatus {
        KernelStatus { shared: Arc::downgrade(&self.shared), flows_max: self.shared.config.flows_max }
    }

    /// What is missing while the program runs on no interface. It will run on one that comes up.
    pub fn missing(&self) -> Option<Missing> {
        let why = || match self.refused.is_empty() {
            true => "none is up".to_owned(),
            false => self.refused.join("; "),
        };
        self.attached().is_empty().then(|| Missing::Interface(why()))
    }

    /// How many flows the kernel forwards.
    pub fn live(&self) -> usize {
        self.shared.live.load(Ordering::Relaxed)
    }
}

impl KernelStatus {
    /// The interfaces that the program runs on, by name, and where.
    pub fn attached(&self) -> Vec<(String, Hook)> {
        self.shared.upgrade().map(|shared| shared.attached()).unwrap_or_default()
    }

    /// How many flows the kernel forwards.
    pub fn live(&self) -> usize {
        self.shared.upgrade().map_or(0, |shared| shared.live.load(Ordering::Relaxed))
    }

    /// How many flows there can be at once.
    pub const fn flows_max(&self) -> u32 {
        self.flows_max
    }
}

impl Drop for KernelPath {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        lock(&self.shared.programs).take();
    }
}

impl Shared {
    fn ways(&self) -> MutexGuard<'_, Ways> {
        lock(&self.ways)
    }

    fn entries(&self) -> MutexGuard<'_, Slots> {
        lock(&self.entries)
    }

    fn counts(&self) -> MutexGuard<'_, Slots> {
        lock(&self.counts)
    }

    fn attached(&self) -> Vec<(String, Hook)> {
        if self.stopped.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let interfaces = lock(&self.interfaces);
        let on = |interface: &Interface| Some((interface.link.name.clone(), interface.hook?));
        let mut attached: Vec<_> = interfaces.values().filter_map(on).collect();
        attached.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        attached
    }

    /// Runs the program on every interface that is there now, and on no other.
    fn look_at_interfaces(&self, netlink: &mut Netlink, on_notice: &mut dyn FnMut(PathNotice)) {
        let Ok(links) = netlink.links() else { return };
        // Linux 6.3; where it is not known what drivers can do, they are asked for nothing.
        let mut features = XdpFeatures::open().ok();
        let mut programs = lock(&self.programs);
        let Some(programs) = &mut *programs else { return };
        let mut interfaces = lock(&self.interfaces);
        let before = std::mem::take(&mut *interfaces);
        programs.keep(|index| links.iter().any(|link| link.index == index && self.config.wants(link)));
        for link in links {
            let was = before.get(&link.index).filter(|was| was.link.name == link.name);
            let ability = features.as_mut().map(|features| features.of(link.index)).unwrap_or_default();
            let mut hook = None;
            if self.config.wants(&link) {
                match programs.attach(&link, ability, self.config.hook) {
                    Ok(on) => {
                        hook = Some(on);
                        if was.is_none_or(|was| was.hook != hook) {
                            on_notice(PathNotice::Attached(link.name.clone(), on));
                        }
                    }
                    Err(why) => {
                        let known = was.is_some_and(|was| was.hook.is_none() && self.config.wants(&was.link));
                        if !known {
                            on_notice(PathNotice::Refused(link.name.clone(), why));
                        }
                    }
                }
            }
            let takes_redirected = ability.takes_redirected;
            interfaces.insert(link.index, Interface { link, hook, takes_redirected });
        }
        let gone = before.values().filter(|was| {
            was.hook.is_some() && interfaces.get(&was.link.index).is_none_or(|now| now.hook.is_none())
        });
        for was in gone {
            on_notice(PathNotice::Gone(was.link.name.clone()));
        }
        let interfaces = interfaces.clone();
        self.ways().set_interfaces(interfaces);
    }
}

/// Follows what changes in the kernel's tables.
struct Watch {
    shared: Arc<Shared>,
    netlink: Netlink,
    asking: Netlink,
    on_notice: OnNotice,
}

impl Watch {
    fn run(mut self) {
        let mut refresh_at = clock() + WAY_REFRESH;
        let mut notices = Vec::new();
        while !self.shared.stopped.load(Ordering::Relaxed) {
            notices.clear();
            let missed = match self.netlink.wait(&mut notices) {
                Ok(()) => false,
                Err(error) => !matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                ),
            };
            let due = clock() >= refresh_at;
            if missed || notices.contains(&Notice::Link) {
                let on_notice = &self.on_notice;
                self.shared.look_at_interfaces(&mut self.asking, &mut |notice| on_notice(notice));
            }
            if due {
                refresh_at = clock() + WAY_REFRESH;
                // The kernel does not see of what the program sends that a neighbour is used, and would forget it.
                let used = self.shared.ways().neighbours();
                for (interface, address) in used {
                    self.asking.use_neighbour(interface, address);
                }
            }
            let everything =
                missed || due || notices.iter().any(|notice| matches!(notice, Notice::Link | Notice::Route));
            self.refresh(everything, &notices);
        }
    }

    /// Looks at ways anew, one at a time: workers wait for the same lock.
    fn refresh(&self, everything: bool, notices: &[Notice]) {
        let ends = if everything {
            self.shared.ways().all()
        } else {
            let neighbours: HashSet<(u32, IpAddr)> = notices.iter().filter_map(neighbour).collect();
            if neighbours.is_empty() {
                return;
            }
            self.shared.ways().over(&neighbours)
        };
        for ends in ends {
            self.shared.ways().refresh(ends);
        }
    }
}

const fn neighbour(notice: &Notice) -> Option<(u32, IpAddr)> {
    match notice {
        Notice::Neighbour { interface, address } => Some((*interface, *address)),
        Notice::Link | Notice::Route => None,
    }
}

/// Says which capability is missing, before the kernel says only "operation not permitted".
fn check_capabilities() -> Result<(), Missing> {
    const NET_ADMIN: u64 = 1 << 12;
    const SYS_ADMIN: u64 = 1 << 21;
    const BPF: u64 = 1 << 39;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    // Where they cannot be read the kernel judges.
    let effective =
        effective.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(u64::MAX);
    if effective & (BPF | SYS_ADMIN) == 0 {
        return Err(Missing::Capability("CAP_BPF"));
    }
    if effective & NET_ADMIN == 0 {
        return Err(Missing::Capability("CAP_NET_ADMIN"));
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn os_error(error: aya::maps::MapError) -> io::Error {
    io::Error::other(error)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the watch is a thread of its own beside the relay, with a clock of its own"
)]
fn clock() -> Instant {
    Instant::now()
}
