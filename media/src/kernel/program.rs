//! Loading the program, and running it on interfaces.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use aya::maps::{Map, MapData};
use aya::programs::links::LinkOrder;
use aya::programs::tc::{NlOptions, SchedClassifierLink, TcAttachOptions, qdisc_add_clsact};
use aya::programs::xdp::XdpLink;
use aya::programs::{ProgramError, SchedClassifier, TcAttachType, Xdp, XdpMode};
use aya::util::KernelVersion;
use aya::{Ebpf, EbpfLoader};

use super::Missing;
use super::netlink::{Link, Netlink, XdpAbility};
use super::slots::Slots;

/// Built from `media/bpf/relay.c` by `media/bpf/build.sh`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../bpf/relay.o");

/// Where a program runs on an interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Hook {
    /// In the driver, before the kernel has made a packet of a frame.
    XdpNative,
    /// Before the packet's way through the kernel begins, in any driver.
    XdpGeneric,
    /// At the ingress of traffic control.
    Tc,
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XdpNative => "XDP native",
            Self::XdpGeneric => "XDP generic",
            Self::Tc => "tc",
        })
    }
}

/// The loaded program and the interfaces that it runs on.
#[derive(Debug)]
pub(super) struct Programs {
    ebpf: Ebpf,
    links: HashMap<u32, Attached>,
    /// Declared last: its filters are gone before their notes.
    pins: Option<Pins>,
}

/// Running on an interface until it is dropped.
#[derive(Debug)]
struct Attached {
    hook: Hook,
    _link: Held,
}

#[derive(Debug)]
enum Held {
    Xdp { _link: XdpLink },
    Tc { _link: SchedClassifierLink },
}

/// The maps of a loaded program.
#[derive(Debug)]
pub(super) struct LoadedMaps {
    pub(super) ports: MapData,
    pub(super) flows: MapData,
    pub(super) counts: MapData,
    pub(super) hops: MapData,
}

impl Programs {
    /// Loads the program with room for so many flows.
    pub(super) fn load(flows_max: u32) -> Result<(Self, LoadedMaps), Missing> {
        let mut ebpf = load(flows_max)?;
        let pins = Pins::make(&mut ebpf);
        let maps = LoadedMaps {
            ports: take(&mut ebpf, "ports"),
            flows: take(&mut ebpf, "flows"),
            counts: take(&mut ebpf, "counts"),
            hops: take(&mut ebpf, "hops"),
        };
        Ok((Self { ebpf, links: HashMap::new(), pins }, maps))
    }

    /// Runs on an interface, by the first hook of the ladder that it takes; says why it takes none.
    pub(super) fn attach(
        &mut self,
        link: &Link,
        ability: XdpAbility,
        wanted: Option<Hook>,
    ) -> Result<Hook, String> {
        if let Some(attached) = self.links.get(&link.index) {
            return Ok(attached.hook);
        }
        let mut refused = String::new();
        for hook in ladder(link, ability, wanted) {
            let held = match hook {
                Hook::XdpNative => self.attach_xdp(link, XdpMode::Driver),
                Hook::XdpGeneric => self.attach_xdp(link, XdpMode::Skb),
                Hook::Tc => self.attach_tc(link),
            };
            match held {
                Ok(held) => {
                    self.links.insert(link.index, Attached { hook: *hook, _link: held });
                    return Ok(*hook);
                }
                Err(error) => {
                    let separator = if refused.is_empty() { "" } else { "; " };
                    refused.push_str(&format!("{separator}{hook}: {error}"));
                }
            }
        }
        Err(refused)
    }

    /// Runs no longer on interfaces that are not in the list.
    pub(super) fn keep(&mut self, is_there: impl Fn(u32) -> bool) {
        self.links.retain(|index, _| is_there(*index));
    }

    fn attach_xdp(&mut self, link: &Link, mode: XdpMode) -> Result<Held, String> {
        let program = xdp(&mut self.ebpf);
        let attached = program.attach_to_if_index(link.index, mode).and_then(|id| program.take_link(id));
        attached.map(|link| Held::Xdp { _link: link }).map_err(|error| brief(&error))
    }

    fn attach_tc(&mut self, link: &Link) -> Result<Held, String> {
        let options = if has_tcx() {
            TcAttachOptions::TcxOrder(LinkOrder::default())
        } else {
            // Fails where it is there already, and then that one is used.
            let _there = qdisc_add_clsact(&link.name).is_ok();
            TcAttachOptions::Netlink(NlOptions::default())
        };
        let program = tc(&mut self.ebpf);
        let attached = program
            .attach_with_options(&link.name, TcAttachType::Ingress, options)
            .and_then(|id| program.take_link(id));
        let filter = attached.map_err(|error| brief(&error))?;
        if let Some(pins) = &self.pins {
            pins.note(link.index, &filter);
        }
        Ok(Held::Tc { _link: filter })
    }
}

/// The hooks of an interface in the order in which they are tried.
///
/// Native XDP only in drivers of hardware: a virtual device has made a packet already, and leaves its checksum to
/// hardware that is not there, which only the program of traffic control can see.
pub(super) const fn ladder(link: &Link, ability: XdpAbility, wanted: Option<Hook>) -> &'static [Hook] {
    match wanted {
        Some(Hook::XdpNative) => &[Hook::XdpNative, Hook::Tc],
        Some(Hook::XdpGeneric) => &[Hook::XdpGeneric, Hook::Tc],
        Some(Hook::Tc) => &[Hook::Tc],
        None if link.kind.is_empty() && ability.native => &[Hook::XdpNative, Hook::Tc, Hook::XdpGeneric],
        None => &[Hook::Tc, Hook::XdpGeneric],
    }
}

/// Whether the kernel takes the program; it is let go again.
pub(super) fn try_to_load(flows_max: u32) -> Result<(), Missing> {
    load(flows_max).map(drop)
}

fn load(flows_max: u32) -> Result<Ebpf, Missing> {
    let room = Slots::room_for(flows_max);
    let mut ebpf = EbpfLoader::new()
        .map_max_entries("ports", flows_max)
        .map_max_entries("flows", room)
        .map_max_entries("counts", room)
        .map_max_entries("hops", room)
        .load(OBJECT)
        .map_err(|error| Missing::Kernel(whole(&error)))?;
    xdp(&mut ebpf).load().map_err(|error| Missing::Kernel(whole(&error)))?;
    tc(&mut ebpf).load().map_err(|error| Missing::Kernel(whole(&error)))?;
    Ok(ebpf)
}

/// Whether several programs can run at one hook of traffic control, held by descriptors.
fn has_tcx() -> bool {
    KernelVersion::current().is_ok_and(|version| version >= KernelVersion::new(6, 6, 0))
}

fn xdp(ebpf: &mut Ebpf) -> &mut Xdp {
    let program = ebpf.program_mut("relay_xdp").expect("the object has it");
    program.try_into().expect("its section says XDP")
}

fn tc(ebpf: &mut Ebpf) -> &mut SchedClassifier {
    let program = ebpf.program_mut("relay_tc").expect("the object has it");
    program.try_into().expect("its section says tc")
}

fn take(ebpf: &mut Ebpf, name: &str) -> MapData {
    let (Map::HashMap(map) | Map::Array(map)) = ebpf.take_map(name).expect("the object has it") else {
        unreachable!("the object has hash maps and arrays")
    };
    map
}

/// An error with its causes, on one line.
fn whole(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        // The verifier's log has lines of its own, and some errors print their cause themselves.
        let said = error.to_string();
        let said = said.lines().next().unwrap_or_default();
        if !text.contains(said) {
            let separator = if text.is_empty() { "" } else { ": " };
            text.push_str(separator);
            text.push_str(said);
        }
        next = error.source();
    }
    text
}

fn brief(error: &ProgramError) -> String {
    if let ProgramError::SyscallError(error) = error { error.io_error.to_string() } else { whole(error) }
}

/// The directory in which programs and maps of every process are pinned.
const PINS: &str = "/sys/fs/bpf/trunkline";

/// Programs and maps as files, for whoever wants to look at them (bpftool). They are not needed to relay.
#[derive(Debug)]
struct Pins {
    directory: PathBuf,
    /// Locked: tells the next process that this one lives, also from another process namespace.
    _lock: File,
}

impl Pins {
    /// Removes what dead processes left and pins what was loaded; `None` where the file system of BPF is not to be had.
    fn make(ebpf: &mut Ebpf) -> Option<Self> {
        let root = Path::new(PINS);
        if !root.is_dir() {
            fs::create_dir(root).ok()?;
        }
        for entry in fs::read_dir(root).ok()?.flatten() {
            remove_dead(&entry.path());
        }
        let id = std::process::id();
        // Processes of other process namespaces may have the same id.
        let mut names = (0..64).map(|n| root.join(format!("{id}-{n}")));
        let directory = names.find(|path| fs::create_dir(path).is_ok())?;
        let lock = File::open(&directory).ok()?;
        lock.try_lock().ok()?;
        let pins = Self { directory, _lock: lock };
        for (name, program) in ebpf.programs_mut() {
            program.pin(pins.directory.join(name)).ok()?;
        }
        for (name, map) in ebpf.maps() {
            map.pin(pins.directory.join(name)).ok()?;
        }
        Some(pins)
    }

    /// Writes down a filter that outlives its process (before Linux 6.6), for [`remove_dead`].
    fn note(&self, interface: u32, filter: &SchedClassifierLink) {
        if let (Ok(priority), Ok(handle)) = (filter.priority(), filter.handle()) {
            let name = format!("{FILTER}{interface}-{priority}-{}", u32::from(handle));
            // Without a note only a crash leaves something behind.
            let _noted = fs::create_dir(self.directory.join(name)).is_ok();
        }
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        // What stays is removed by the next start.
        let _removed = remove(&self.directory).is_ok();
    }
}

/// What the note of a filter begins with; the interface, its priority and its handle follow.
const FILTER: &str = "filter-";

fn remove_dead(directory: &Path) {
    let is_dead = File::open(directory).is_ok_and(|lock| lock.try_lock().is_ok());
    if is_dead {
        for note in fs::read_dir(directory).into_iter().flatten().flatten() {
            if let Some(filter) = note.file_name().to_str().and_then(noted_filter) {
                drop(filter);
            }
        }
        let _removed = remove(directory).is_ok();
    }
}

/// A filter as noted; dropping it removes it.
fn noted_filter(note: &str) -> Option<SchedClassifierLink> {
    let mut numbers = note.strip_prefix(FILTER)?.split('-');
    let interface: u32 = numbers.next()?.parse().ok()?;
    let priority = numbers.next()?.parse().ok()?;
    let handle: u32 = numbers.next()?.parse().ok()?;
    let links = Netlink::route().and_then(|mut netlink| netlink.links()).ok()?;
    let link = links.into_iter().find(|link| link.index == interface)?;
    SchedClassifierLink::attached(&link.name, TcAttachType::Ingress, priority, handle.into(), None).ok()
}

fn remove(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir(entry.path())?
        } else {
            fs::remove_file(entry.path())?
        }
    }
    fs::remove_dir(directory)
}
