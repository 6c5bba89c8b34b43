//! The location service (RFC 3261 §10): which contacts a line can be reached at. The one table that workers share.
//!
//! Five maps, always taken in this order and never the other way round:
//!
//! ```text
//!  lines: line ─▶ bindings, oldest first
//!   ├─ due: second ─▶ lines with a binding that ends in it     (one entry a line: its next)
//!   ├─ quiet: second ─▶ lines with a phone that is to be sent a keep-alive
//!   ├─ connections: stream connection ─▶ lines with a binding along it
//!   └─ sources: network ─▶ how many bindings it registered
//! ```

mod keep_alive;
mod moved;
mod wheel;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::admission::network;
use crate::gruu;
use crate::ids::ConnectionId;
use crate::outbox::{BindingChange, Event, Outbox, RegistrationChange};
use crate::transport::Flow;

pub use keep_alive::{KEEP_ALIVE, KeepAlive};

use moved::Moves;
use wheel::Wheel;

/// One contact of a line. Never changed once made, so that the table, a lookup and the store share it.
#[derive(Clone, PartialEq, Debug)]
pub struct Binding {
    /// Identity within the line: `+sip.instance` with `reg-id` (RFC 5626), else the Contact URI.
    pub key: Arc<str>,
    /// The Contact URI exactly as registered.
    pub contact: Box<str>,
    /// The Contact value's parameters as sent (`;a=b;c`), without `expires` and `q`.
    pub params: Box<str>,
    /// Preference in thousandths: 1000 is q=1.
    pub q_milli: u16,
    /// Path of the registration (RFC 3327), in order, each a name-addr.
    pub path: Box<[Box<str>]>,
    /// The flow that the REGISTER came by: requests go back along it.
    pub flow: Flow,
    /// Call-ID of the registration.
    pub call_id: Box<str>,
    /// CSeq of the registration.
    pub cseq: u32,
    /// User-Agent of the phone, cut to 128 bytes.
    pub user_agent: Box<str>,
    /// When it ends.
    pub expires: Instant,
}

impl Binding {
    /// Whether it is a contact of this device: that of the `gr` parameter of its address (RFC 5627).
    pub fn is_device(&self, instance: &str) -> bool {
        gruu::is_of(self, instance)
    }

    /// Whether it is one of several flows that a device may keep (RFC 5626): its REGISTER said which by `reg-id`.
    pub fn is_kept_flow(&self) -> bool {
        self.key.starts_with(INSTANCE_MARK)
    }

    /// Which device keeps this flow, if it is one of several that it may keep.
    fn kept_device(&self) -> Option<&str> {
        let (device, _) = self.key.strip_prefix(INSTANCE_MARK)?.rsplit_once(';')?;
        Some(device)
    }
}

/// Begins the key of a binding by instance, as no URI does.
pub(crate) const INSTANCE_MARK: char = '+';

/// How much a [`Location`] holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocationLimits {
    /// Bindings of all lines together. A new contact beyond is refused; a refresh never is.
    pub bindings_max: usize,
    /// Bindings that were registered from one address. A new contact beyond is refused; a refresh from there never is.
    pub bindings_per_source_max: usize,
    /// Contacts of one line. A new contact beyond takes the place of the one that was refreshed longest ago.
    pub contacts_per_line_max: usize,
}

impl LocationLimits {
    /// Twice the 100,000 phones that one engine is built for; ten devices a person.
    pub const DEFAULT: Self =
        Self { bindings_max: 200_000, bindings_per_source_max: 100_000, contacts_per_line_max: 10 };
}

/// The table holds as many bindings as it may, of all or of the source: answer 503.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the location table is full")]
pub struct TableFull;

/// The bindings of all lines. Shared by the workers; each change is told to the caller's [`Outbox`] exactly once,
/// whichever worker causes it.
#[derive(Debug)]
pub struct Location {
    bindings_max: AtomicUsize,
    bindings_per_source_max: AtomicUsize,
    contacts_per_line_max: AtomicUsize,
    lines: DashMap<Arc<str>, Line, RandomState>,
    due: Wheel,
    quiet: Wheel,
    connections: DashMap<ConnectionId, BTreeSet<Arc<str>>, RandomState>,
    sources: DashMap<u64, usize, RandomState>,
    len: AtomicUsize,
    keep_alive_s: AtomicU64,
    /// Whether they are asked (OPTIONS).
    asks: AtomicBool,
    /// Spreads keep-alives.
    turn: AtomicU64,
}

/// The contacts of one line.
#[derive(Default, Debug)]
struct Line {
    /// The one refreshed longest ago first.
    bindings: SmallVec<[Arc<Binding>; 2]>,
    /// Its second in `due`.
    due: Option<u64>,
    /// Its second in `quiet`.
    quiet: Option<u64>,
    /// Where its contacts spoke from before.
    moved: Moves,
}

/// One step of [`Location::edit`].
pub(crate) enum Edit {
    /// Makes or replaces the binding with this key.
    Put(Binding),
    /// Removes the binding with this key.
    Remove(Arc<str>),
}

/// Why [`Location::edit`] changed nothing.
#[derive(Debug)]
pub(crate) enum EditError<E> {
    /// The table is full.
    Full,
    /// The caller's own reason.
    Refused(E),
}

impl Location {
    /// An empty table. `epoch` is no later than any instant it is told of.
    pub fn new(epoch: Instant, limits: LocationLimits) -> Self {
        Self {
            bindings_max: AtomicUsize::new(limits.bindings_max),
            bindings_per_source_max: AtomicUsize::new(limits.bindings_per_source_max),
            contacts_per_line_max: AtomicUsize::new(limits.contacts_per_line_max),
            lines: DashMap::default(),
            due: Wheel::new(epoch),
            quiet: Wheel::new(epoch),
            connections: DashMap::default(),
            sources: DashMap::default(),
            len: AtomicUsize::new(0),
            keep_alive_s: AtomicU64::new(0),
            asks: AtomicBool::new(false),
            turn: AtomicU64::new(0),
        }
    }

    /// Changes the limits. What is beyond them stays until it ends.
    pub fn set_limits(&self, limits: LocationLimits) {
        self.bindings_max.store(limits.bindings_max, Ordering::Relaxed);
        self.bindings_per_source_max.store(limits.bindings_per_source_max, Ordering::Relaxed);
        self.contacts_per_line_max.store(limits.contacts_per_line_max, Ordering::Relaxed);
    }

    /// Where the line can be reached: by q, then the one refreshed last first (RFC 3261 §16.6). Empty where nowhere. Of several flows
    /// that one device keeps it is the one refreshed last (RFC 5626 §7): nobody's phone rings twice.
    pub fn lookup(&self, line: &str, now: Instant) -> Vec<Arc<Binding>> {
        let mut found = self.bindings(line, now);
        found.reverse();
        let mut devices: SmallVec<[Arc<Binding>; 2]> = SmallVec::new();
        found.retain(|binding| {
            let Some(device) = binding.kept_device() else { return true };
            let is_first = devices.iter().all(|other| other.kept_device() != Some(device));
            devices.push(Arc::clone(binding));
            is_first
        });
        found.sort_by_key(|binding| std::cmp::Reverse(binding.q_milli));
        found
    }

    /// Another flow of the device that keeps this one, the one refreshed last of those that `may` be taken (RFC 5626 §7).
    pub fn other_flow(
        &self,
        line: &str,
        flow: &Binding,
        now: Instant,
        may: impl Fn(&Binding) -> bool,
    ) -> Option<Arc<Binding>> {
        let device = flow.kept_device()?;
        let is_other = |other: &&Arc<Binding>| {
            other.kept_device() == Some(device) && other.key != flow.key && may(other)
        };
        self.bindings(line, now).iter().rev().find(is_other).cloned()
    }

    /// The bindings of the line, the one refreshed longest ago first.
    pub fn bindings(&self, line: &str, now: Instant) -> Vec<Arc<Binding>> {
        let Some(line) = self.lines.get(line) else { return Vec::new() };
        line.bindings.iter().filter(|binding| binding.expires > now).cloned().collect()
    }

    /// The bindings of one device of the line: those that say they are this instance (RFC 5627). The one refreshed longest ago first.
    pub fn device(&self, line: &str, instance: &str) -> Vec<Arc<Binding>> {
        let Some(line) = self.lines.get(line) else { return Vec::new() };
        line.bindings.iter().filter(|binding| binding.is_device(instance)).cloned().collect()
    }

    /// Whether the line has a contact.
    pub fn is_registered(&self, line: &str, now: Instant) -> bool {
        self.lines.get(line).is_some_and(|line| line.bindings.iter().any(|binding| binding.expires > now))
    }

    /// Whether the line has a contact that was registered from this source.
    pub fn is_reached_at(&self, line: &str, source: IpAddr, now: Instant) -> bool {
        let source = network(source);
        let is_there = |binding: &Arc<Binding>| source_of(binding) == source && binding.expires > now;
        self.lines.get(line).is_some_and(|line| line.bindings.iter().any(is_there))
    }

    /// Whether any line is registered from this source.
    pub fn is_known(&self, source: IpAddr) -> bool {
        self.sources.contains_key(&network(source))
    }

    /// Whether there is no room for a new contact.
    pub fn is_full(&self) -> bool {
        self.len() >= self.bindings_max.load(Ordering::Relaxed)
    }

    /// Bindings of all lines, those that ended within the last second included.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether there is no binding.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything, sorted by line.
    pub fn snapshot(&self) -> Vec<(Arc<str>, Vec<Arc<Binding>>)> {
        let mut all: Vec<_> =
            self.lines.iter().map(|line| (Arc::clone(line.key()), line.bindings.to_vec())).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Takes the bindings that a store kept over a restart; those that have ended are left out.
    ///
    /// Connections did not survive: a request to a stream contact opens one to the address it was registered from.
    pub fn load(&self, now: Instant, bindings: impl IntoIterator<Item = (Arc<str>, Binding)>) {
        let mut bindings: Vec<_> =
            bindings.into_iter().filter(|(_, binding)| binding.expires > now).collect();
        bindings.sort_by_key(|(_, binding)| binding.expires);
        let mut unsaid = Outbox::default();
        for (line, mut binding) in bindings {
            binding.flow.connection = ConnectionId::default();
            if self.put(now, &line, binding, &mut unsaid).is_err() {
                return;
            }
            unsaid.events.clear();
            unsaid.bindings.clear();
        }
    }

    /// Makes a binding, or replaces the one with its key.
    ///
    /// # Errors
    /// [`TableFull`] for a new contact beyond [`LocationLimits::bindings_max`].
    pub fn put(
        &self,
        now: Instant,
        line: &Arc<str>,
        binding: Binding,
        out: &mut Outbox,
    ) -> Result<(), TableFull> {
        let put = |_: &[Arc<Binding>]| Ok::<_, std::convert::Infallible>(vec![Edit::Put(binding)]);
        match self.edit(now, line, out, put) {
            Ok(_) => Ok(()),
            Err(EditError::Full) => Err(TableFull),
            Err(EditError::Refused(never)) => match never {},
        }
    }

    /// Claims an address of record that is no line's for one contact: compare-and-set, so that of two who claim it at once
    /// one has it. Who has it already claims it anew, to have it for longer. Whether it is had.
    ///
    /// Nobody is told, and nothing is stored: what the contact leads to does not outlive the engine.
    pub fn claim(&self, now: Instant, address: &Arc<str>, binding: Binding) -> bool {
        let mut unsaid = Outbox::default();
        let key = Arc::clone(&binding.key);
        let decide = |known: &[Arc<Binding>]| {
            if known.iter().all(|known| known.key == key) { Ok(vec![Edit::Put(binding)]) } else { Err(()) }
        };
        self.edit(now, address, &mut unsaid, decide).is_ok()
    }

    /// Gives a claimed address back; nothing where somebody else has it.
    pub fn release(&self, address: &str, key: &str) {
        self.remove(address, key, &mut Outbox::default());
    }

    /// Removes one binding, if it is there.
    pub fn remove(&self, line: &str, key: &str, out: &mut Outbox) {
        self.sweep(line, RegistrationChange::Unregistered, |binding| &*binding.key == key, out);
    }

    /// Removes every binding along this connection: it was closed (RFC 5626 §4.2.1).
    pub fn remove_connection(&self, connection: ConnectionId, out: &mut Outbox) {
        let Some((_, lines)) = self.connections.remove(&connection) else { return };
        for line in lines {
            self.sweep(
                &line,
                RegistrationChange::Expired,
                |binding| binding.flow.connection == connection,
                out,
            );
        }
    }

    /// Removes every binding that has ended.
    pub fn expire(&self, now: Instant, out: &mut Outbox) {
        for (_, lines) in self.due.take(now) {
            for line in lines {
                self.sweep(&line, RegistrationChange::Expired, |binding| binding.expires <= now, out);
            }
        }
    }

    /// When a binding ends, within a second, or a keep-alive is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.due.deadline().into_iter().chain(self.quiet.deadline()).min()
    }

    /// Changes one line in one step: `decide` sees its bindings, and either all its edits are made or none. Returns
    /// the bindings afterwards, the one refreshed longest ago first.
    pub(crate) fn edit<E>(
        &self,
        now: Instant,
        line: &Arc<str>,
        out: &mut Outbox,
        decide: impl FnOnce(&[Arc<Binding>]) -> Result<Vec<Edit>, E>,
    ) -> Result<Vec<Arc<Binding>>, EditError<E>> {
        self.sweep(line, RegistrationChange::Expired, |binding| binding.expires <= now, out);
        let mut entry = self.lines.entry(Arc::clone(line)).or_default();
        let result = self.edit_line(line, &mut entry, out, decide);
        self.begin_keep_alive(now, line, &mut entry);
        let is_empty = entry.bindings.is_empty();
        drop(entry);
        if is_empty {
            self.lines.remove_if(line, |_, line| line.bindings.is_empty());
        }
        result
    }

    fn edit_line<E>(
        &self,
        name: &Arc<str>,
        line: &mut Line,
        out: &mut Outbox,
        decide: impl FnOnce(&[Arc<Binding>]) -> Result<Vec<Edit>, E>,
    ) -> Result<Vec<Arc<Binding>>, EditError<E>> {
        let edits = decide(&line.bindings).map_err(EditError::Refused)?;
        let is_new = |edit: &&Edit| match edit {
            Edit::Put(binding) => line.bindings.iter().all(|known| known.key != binding.key),
            Edit::Remove(_) => false,
        };
        let grows_by = edits.iter().filter(is_new).count();
        if grows_by > 0 && !self.has_room(&edits, grows_by) {
            return Err(EditError::Full);
        }
        for edit in edits {
            match edit {
                Edit::Put(binding) => self.put_in(name, line, binding, out),
                Edit::Remove(key) => {
                    let removed = |binding: &Binding| binding.key == key;
                    self.remove_from(name, line, RegistrationChange::Unregistered, removed, out);
                }
            }
        }
        self.schedule(name, line);
        Ok(line.bindings.to_vec())
    }

    /// Whether there is room for so many contacts. All of one edit were registered from one address.
    fn has_room(&self, edits: &[Edit], contacts: usize) -> bool {
        let source = edits.iter().find_map(|edit| match edit {
            Edit::Put(binding) => Some(source_of(binding)),
            Edit::Remove(_) => None,
        });
        let held = source.and_then(|source| self.sources.get(&source)).map_or(0, |held| *held);
        self.len() + contacts <= self.bindings_max.load(Ordering::Relaxed)
            && held + contacts <= self.bindings_per_source_max.load(Ordering::Relaxed)
    }

    fn put_in(&self, name: &Arc<str>, line: &mut Line, binding: Binding, out: &mut Outbox) {
        let binding = Arc::new(binding);
        *self.sources.entry(source_of(&binding)).or_insert(0) += 1;
        let known = line.bindings.iter().position(|known| known.key == binding.key);
        let replaced = known.map(|index| line.bindings.remove(index));
        if replaced.is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
        if replaced.as_ref().is_none_or(|replaced| replaced.contact != binding.contact) {
            out.events.push(registration(name, &binding, RegistrationChange::Registered));
        }
        line.bindings.push(Arc::clone(&binding));
        if let Some(replaced) = replaced {
            line.moved.note(&replaced, &binding);
            self.leave_source(&replaced);
            self.leave_connection(name, line, replaced.flow.connection);
        }
        if binding.flow.connection != ConnectionId::default() {
            self.connections.entry(binding.flow.connection).or_default().insert(Arc::clone(name));
        }
        out.bindings.push(BindingChange::Put(Arc::clone(name), binding));
        if line.bindings.len() > self.contacts_per_line_max.load(Ordering::Relaxed) {
            let oldest = Arc::clone(&line.bindings[0].key);
            let removed = |binding: &Binding| binding.key == oldest;
            self.remove_from(name, line, RegistrationChange::Unregistered, removed, out);
        }
    }

    /// Removes what `gone` names, and the line with its last binding.
    fn sweep(
        &self,
        line: &str,
        change: RegistrationChange,
        gone: impl Fn(&Binding) -> bool,
        out: &mut Outbox,
    ) {
        self.lines.remove_if_mut(line, |name, line| {
            self.remove_from(name, line, change, gone, out);
            self.schedule(name, line);
            line.bindings.is_empty()
        });
    }

    fn remove_from(
        &self,
        name: &Arc<str>,
        line: &mut Line,
        change: RegistrationChange,
        gone: impl Fn(&Binding) -> bool,
        out: &mut Outbox,
    ) {
        while let Some(index) = line.bindings.iter().position(|binding| gone(binding)) {
            let binding = line.bindings.remove(index);
            line.moved.forget(&binding.key);
            self.len.fetch_sub(1, Ordering::Relaxed);
            self.leave_source(&binding);
            self.leave_connection(name, line, binding.flow.connection);
            out.events.push(registration(name, &binding, change));
            out.bindings.push(BindingChange::Remove(Arc::clone(name), Arc::clone(&binding.key)));
        }
    }

    /// Forgets that the line has a binding along this connection, unless another of its bindings has.
    fn leave_connection(&self, name: &Arc<str>, line: &Line, connection: ConnectionId) {
        let stays = line.bindings.iter().any(|binding| binding.flow.connection == connection);
        if connection == ConnectionId::default() || stays {
            return;
        }
        self.connections.remove_if_mut(&connection, |_, lines| {
            lines.remove(name);
            lines.is_empty()
        });
    }

    /// Forgets that the binding was registered from where it was.
    fn leave_source(&self, binding: &Binding) {
        self.sources.remove_if_mut(&source_of(binding), |_, count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
    }

    /// Brings the line's seconds up to date.
    fn schedule(&self, name: &Arc<str>, line: &mut Line) {
        let due = line.bindings.iter().map(|binding| self.due.second_after(binding.expires)).min();
        self.due.shift(name, &mut line.due, due);
        self.end_keep_alive(name, line);
    }
}

fn source_of(binding: &Binding) -> u64 {
    network(binding.flow.remote.ip())
}

fn registration(line: &Arc<str>, binding: &Binding, change: RegistrationChange) -> Event {
    Event::Registration { line: Arc::clone(line), contact: binding.contact.to_string(), change }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::transport::Transport;

    struct Table {
        location: Location,
        start: Instant,
        out: Outbox,
    }

    impl Table {
        fn new() -> Self {
            Self::limited(LocationLimits::DEFAULT)
        }

        fn limited(limits: LocationLimits) -> Self {
            let start = crate::testing::start();
            Self { location: Location::new(start, limits), start, out: Outbox::default() }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn put(&mut self, line: &str, binding: Binding) -> Result<(), TableFull> {
            self.location.put(self.start, &line.into(), binding, &mut self.out)
        }

        fn binding(&self, key: &str, seconds: u64) -> Binding {
            let address = "192.0.2.1:5060".parse().unwrap();
            Binding {
                key: key.into(),
                contact: format!("sip:{key}@192.0.2.1").into(),
                params: "".into(),
                q_milli: 1000,
                path: Box::default(),
                flow: Flow {
                    transport: Transport::Udp,
                    local: address,
                    remote: address,
                    connection: ConnectionId(0),
                },
                call_id: "call".into(),
                cseq: 1,
                user_agent: "".into(),
                expires: self.at(seconds),
            }
        }

        fn over(&self, key: &str, connection: u64) -> Binding {
            let mut binding = self.binding(key, 60);
            binding.flow.transport = Transport::Tcp;
            binding.flow.connection = ConnectionId(connection);
            binding
        }

        fn keys(&self, line: &str, seconds: u64) -> String {
            let found = self.location.lookup(line, self.at(seconds));
            found.iter().map(|binding| &*binding.key).collect::<Vec<_>>().join(" ")
        }

        /// What was told since the last call: `+key` for a put, `-key` for a removal.
        fn told(&mut self) -> String {
            let changes = self.out.bindings.drain(..).map(|change| match change {
                BindingChange::Put(_, binding) => format!("+{}", binding.key),
                BindingChange::Remove(_, key) => format!("-{key}"),
            });
            changes.collect::<Vec<_>>().join(" ")
        }

        fn changes(&mut self) -> Vec<RegistrationChange> {
            let changes = self.out.events.drain(..).map(|event| {
                let Event::Registration { change, .. } = event else { panic!("{event:?}") };
                change
            });
            changes.collect()
        }
    }

    #[test]
    fn lookup_is_by_q_then_the_latest_first() {
        let mut table = Table::new();
        for (key, q_milli) in [("a", 1000), ("b", 500), ("c", 1000)] {
            let binding = Binding { q_milli, ..table.binding(key, 60) };
            table.put("1001", binding).unwrap();
        }
        assert_eq!(table.keys("1001", 0), "c a b");
        table.put("1001", table.binding("a", 60)).unwrap();
        assert_eq!(table.keys("1001", 0), "a c b");
        assert_eq!(table.keys("1002", 0), "");
    }

    #[test]
    fn a_device_with_several_flows_is_found_once() {
        let mut table = Table::new();
        for key in ["+<urn:uuid:1>;1", "+<urn:uuid:2>;1", "+<urn:uuid:1>;2", "sip:1001@192.0.2.1"] {
            table.put("1001", table.binding(key, 60)).unwrap();
        }
        assert_eq!(table.keys("1001", 0), "sip:1001@192.0.2.1 +<urn:uuid:1>;2 +<urn:uuid:2>;1");
        table.put("1001", table.binding("+<urn:uuid:1>;1", 60)).unwrap();
        assert!(table.keys("1001", 0).starts_with("+<urn:uuid:1>;1 sip:1001"), "by which it was heard last");
    }

    #[test]
    fn a_flow_that_failed_is_followed_by_another_of_its_device() {
        let mut table = Table::new();
        for key in
            ["+<urn:uuid:1>;1", "+<urn:uuid:2>;1", "+<urn:uuid:1>;2", "+<urn:uuid:1>;3", "sip:1001@192.0.2.1"]
        {
            table.put("1001", table.binding(key, 60)).unwrap();
        }
        let other = |key: &str, tried: &[&str]| {
            let may = |other: &Binding| !tried.contains(&&*other.key);
            let found = table.location.other_flow("1001", &table.binding(key, 60), table.at(0), may);
            found.map(|found| found.key.to_string())
        };
        assert_eq!(other("+<urn:uuid:1>;3", &[]).as_deref(), Some("+<urn:uuid:1>;2"));
        assert_eq!(other("+<urn:uuid:1>;2", &["+<urn:uuid:1>;3"]).as_deref(), Some("+<urn:uuid:1>;1"));
        assert_eq!(other("+<urn:uuid:2>;1", &[]), None);
        assert_eq!(other("sip:1001@192.0.2.1", &[]), None);
    }

    #[test]
    fn a_refresh_says_nothing_but_is_stored() {
        let mut table = Table::new();
        table.put("1001", table.binding("a", 60)).unwrap();
        assert_eq!(table.changes(), [RegistrationChange::Registered]);
        table.put("1001", table.binding("a", 90)).unwrap();
        assert_eq!((table.changes(), table.told().as_str(), table.location.len()), (vec![], "+a +a", 1));
    }

    #[test]
    fn bindings_end_in_their_second_and_are_told_once() {
        let mut table = Table::new();
        for (line, key, seconds) in [("1001", "a", 60), ("1001", "b", 90), ("1002", "c", 60)] {
            table.put(line, table.binding(key, seconds)).unwrap();
        }
        table.told();
        table.changes();
        assert_eq!(table.location.deadline(), Some(table.at(60)));
        table.location.expire(table.at(59), &mut table.out);
        assert_eq!(table.told(), "");
        assert_eq!(table.keys("1001", 60), "b", "what has ended is not found, swept or not");
        table.location.expire(table.at(60), &mut table.out);
        assert_eq!(table.told(), "-a -c");
        assert_eq!(table.changes(), [RegistrationChange::Expired; 2]);
        assert_eq!((table.location.deadline(), table.location.len()), (Some(table.at(90)), 1));
        table.location.expire(table.at(1000), &mut table.out);
        assert_eq!(
            (table.told().as_str(), table.location.deadline(), table.location.is_empty()),
            ("-b", None, true)
        );
        assert!(table.location.lines.is_empty() && table.location.due.len() == 0);
    }

    #[test]
    fn a_refresh_moves_the_end() {
        let mut table = Table::new();
        table.put("1001", table.binding("a", 60)).unwrap();
        table.put("1001", table.binding("a", 120)).unwrap();
        table.told();
        table.location.expire(table.at(60), &mut table.out);
        assert_eq!((table.told().as_str(), table.keys("1001", 60).as_str()), ("", "a"));
        assert_eq!(table.location.deadline(), Some(table.at(120)));
        assert_eq!(table.location.due.len(), 1, "one entry a line, however often it is refreshed");
    }

    #[test]
    fn a_closed_connection_takes_its_bindings_along() {
        let mut table = Table::new();
        table.put("1001", table.over("a", 7)).unwrap();
        table.put("1001", table.over("b", 8)).unwrap();
        table.put("1002", table.over("c", 7)).unwrap();
        table.put("1003", table.binding("d", 60)).unwrap();
        table.told();
        table.location.remove_connection(ConnectionId(7), &mut table.out);
        assert_eq!(table.told(), "-a -c");
        table.location.remove_connection(ConnectionId(0), &mut table.out);
        assert_eq!((table.told().as_str(), table.location.len()), ("", 2));
    }

    #[test]
    fn a_binding_that_moved_outlives_its_old_connection() {
        let mut table = Table::new();
        table.put("1001", table.over("a", 7)).unwrap();
        table.put("1001", table.over("a", 8)).unwrap();
        table.told();
        assert_eq!(table.location.connections.len(), 1);
        table.location.remove_connection(ConnectionId(7), &mut table.out);
        assert_eq!((table.told().as_str(), table.keys("1001", 0).as_str()), ("", "a"));
        table.location.remove("1001", "a", &mut table.out);
        assert_eq!(table.told(), "-a");
        assert!(table.location.connections.is_empty() && table.location.due.len() == 0);
    }

    #[test]
    fn the_oldest_contact_gives_way() {
        let mut table = Table::new();
        for key in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
            table.put("1001", table.binding(key, 60)).unwrap();
        }
        table.put("1001", table.binding("a", 60)).unwrap();
        table.told();
        table.put("1001", table.binding("k", 60)).unwrap();
        assert_eq!(table.told(), "+k -b");
        assert_eq!(table.location.len(), 10);
    }

    #[test]
    fn a_full_table_takes_refreshes_only() {
        let mut table = Table::limited(LocationLimits { bindings_max: 2, ..LocationLimits::DEFAULT });
        table.put("1001", table.binding("a", 60)).unwrap();
        table.put("1002", table.binding("b", 60)).unwrap();
        assert_eq!(table.put("1003", table.binding("c", 60)), Err(TableFull));
        assert_eq!(table.put("1001", table.binding("a", 90)), Ok(()));
        assert_eq!(table.location.lines.len(), 2);
        table.location.remove("1002", "b", &mut table.out);
        assert_eq!(table.put("1003", table.binding("c", 60)), Ok(()));
    }

    #[test]
    fn a_source_holds_so_many_and_refreshes_them() {
        let mut table =
            Table::limited(LocationLimits { bindings_per_source_max: 2, ..LocationLimits::DEFAULT });
        let from = |table: &Table, key: &str, source: &str| {
            let mut binding = table.binding(key, 60);
            binding.flow.remote = source.parse().unwrap();
            binding
        };
        let (home, away) = ("192.0.2.1:5060", "192.0.2.2:5060");
        table.put("1001", from(&table, "a", home)).unwrap();
        table.put("1002", from(&table, "b", home)).unwrap();
        assert_eq!(table.put("1003", from(&table, "c", home)), Err(TableFull));
        assert_eq!(table.put("1003", from(&table, "c", away)), Ok(()));
        assert_eq!(table.put("1001", from(&table, "a", home)), Ok(()), "a refresh");
        let is_reached =
            |line, source: &str| table.location.is_reached_at(line, source.parse().unwrap(), table.start);
        assert!(is_reached("1001", "192.0.2.1") && !is_reached("1001", "192.0.2.2"));
        assert!(!is_reached("1004", "192.0.2.1"));
        assert_eq!(table.put("1001", from(&table, "a", away)), Ok(()), "a phone that moved");
        assert_eq!(table.put("1003", from(&table, "d", home)), Ok(()), "makes room");
        table.location.set_limits(LocationLimits { bindings_max: 1, ..LocationLimits::DEFAULT });
        assert!(table.location.is_full());
        assert_eq!(table.put("1004", from(&table, "e", home)), Err(TableFull));
        table.location.expire(table.at(60), &mut table.out);
        assert!(table.location.sources.is_empty() && table.location.is_empty());
    }

    #[test]
    fn of_two_who_claim_an_address_one_has_it() {
        let mut table = Table::new();
        let (location, start) = (&table.location, table.start);
        let claim = |key, seconds| location.claim(start, &"701".into(), table.binding(key, seconds));
        assert!(claim("park-c1", 60));
        assert!(!claim("park-c2", 60));
        assert!(claim("park-c1", 120), "for longer");
        location.release("701", "park-c2");
        assert_eq!(table.keys("701", 61), "park-c1");
        location.release("701", "park-c1");
        assert_eq!(table.keys("701", 0), "");
        assert!(claim("park-c2", 60));
        assert!(
            location.claim(table.at(60), &"701".into(), table.binding("park-c3", 90)),
            "what has ended is free"
        );
        assert_eq!((table.told().as_str(), table.changes()), ("", vec![]), "nobody is told");
    }

    #[test]
    fn a_full_table_takes_no_claim() {
        let table = Table::limited(LocationLimits { bindings_max: 1, ..LocationLimits::DEFAULT });
        assert!(table.location.claim(table.start, &"701".into(), table.binding("park-c1", 60)));
        assert!(!table.location.claim(table.start, &"702".into(), table.binding("park-c2", 60)));
        assert_eq!(table.location.lines.len(), 1);
    }

    #[test]
    fn a_store_is_loaded_without_a_word_and_without_connections() {
        let table = Table::new();
        let stored =
            [("1001", table.binding("a", 60)), ("1001", table.over("b", 7)), ("1002", table.binding("c", 1))];
        table.location.load(table.at(2), stored.map(|(line, binding)| (line.into(), binding)));
        assert_eq!(table.location.len(), 2);
        let snapshot = table.location.snapshot();
        assert_eq!(snapshot.len(), 1);
        assert!(snapshot[0].1.iter().all(|binding| binding.flow.connection == ConnectionId::default()));
        assert_eq!(table.location.deadline(), Some(table.at(60)));
    }

    #[test]
    fn a_binding_is_small() {
        // The rest of the 2 kB that 100,000 registrations may cost each is for its strings and the maps.
        assert!(size_of::<Binding>() <= 256, "{}", size_of::<Binding>());
    }
}
