//! Lines: their addresses, who watches them, and how many calls are on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::call_state::CallState;
use super::codecs::CodecList;
use super::ids::{AppId, CallId};
use super::line_open::Interest;
use super::privilege::CallPrivilege;
use super::recording::RecordPolicy;
use super::setup::{AppSetup, GroupSetup, LineKind, PageSetup, Setup, SrtpPolicy};

/// One line. A trunk is a line too, with its name as address.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Line {
    pub(super) address: Arc<str>,
    pub(super) name: String,
    pub(super) kind: LineKind,
    /// Pickup groups.
    pub(super) groups: Vec<String>,
    /// Whose calls it may pick up beyond its groups; `*` for all.
    pub(super) picks_up: Vec<String>,
    pub(super) srtp: SrtpPolicy,
    /// The codecs that pass.
    pub(super) codecs: CodecList,
    /// Whether it is transcoded for.
    pub(super) transcodes: bool,
    /// Whether video and text pass.
    pub(super) video: bool,
    /// Whether its phone is asked to hold.
    pub(super) holds_at_phone: bool,
    /// Whether its calls are recorded.
    pub(super) record: RecordPolicy,
    /// Whether the media of its calls are captured.
    pub(super) is_captured: bool,
    /// The applications that open it, in the order of the configuration.
    pub(super) watchers: Vec<(AppId, CallPrivilege)>,
    /// What applications take and want to hear, where they said so.
    pub(super) interests: BTreeMap<AppId, Interest>,
    pub(super) calls: BTreeSet<CallId>,
    /// Active, on hold, on pending hold (LINEADDRESSSTATUS).
    pub(super) counts: [u16; 3],
    /// Calls that are up or on their way: neither idle nor merely waiting to be cleared.
    pub(super) occupied: u32,
}

impl Line {
    /// Counts a call's change of state; whether a counter that applications see changed.
    pub(super) fn count(&mut self, from: CallState, to: CallState) -> bool {
        let before = self.counts;
        if let Some(counter) = counter(from) {
            self.counts[counter] = self.counts[counter].saturating_sub(1);
        }
        if let Some(counter) = counter(to) {
            self.counts[counter] = self.counts[counter].saturating_add(1);
        }
        self.occupied = (self.occupied + u32::from(occupies(to))).saturating_sub(u32::from(occupies(from)));
        before != self.counts
    }
}

/// Whether a call in this state takes up a channel.
pub(super) const fn occupies(state: CallState) -> bool {
    !matches!(
        state,
        CallState::Idle | CallState::Disconnected(_) | CallState::Busy(_) | CallState::SpecialInfo(_)
    )
}

/// LINEADDRESSSTATUS: everything that is neither idle nor held is active.
const fn counter(state: CallState) -> Option<usize> {
    match state {
        CallState::Idle => None,
        CallState::OnHold => Some(1),
        CallState::OnHoldPendConf | CallState::OnHoldPendTransfer => Some(2),
        CallState::Offering(_)
        | CallState::Accepted
        | CallState::DialTone(_)
        | CallState::Dialing
        | CallState::Ringback
        | CallState::Busy(_)
        | CallState::SpecialInfo(_)
        | CallState::Connected(_)
        | CallState::Proceeding
        | CallState::Conferenced
        | CallState::Disconnected(_)
        | CallState::Unknown => Some(0),
    }
}

/// All lines.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Lines {
    by_address: BTreeMap<Arc<str>, Line>,
    any_captured: bool,
    /// Addresses in the order of the configuration, trunks last.
    order: Vec<Arc<str>>,
    /// Lines that the configuration has no more, while they have calls. Nobody reaches them or calls from them.
    leaving: BTreeMap<Arc<str>, Line>,
    /// Ring groups, which are no lines but are dialled as they are.
    groups: BTreeMap<Arc<str>, Arc<GroupSetup>>,
    /// Page groups, likewise.
    pages: BTreeMap<Arc<str>, Arc<PageSetup>>,
}

impl Lines {
    pub(super) fn new(setup: &Setup) -> Self {
        let stations = setup.lines.iter().map(|line| {
            let groups = (line.groups.clone(), line.picks_up.clone());
            let taken = (line.record, line.is_captured);
            let media = (line.srtp, CodecList::default(), (line.transcodes, line.video), taken);
            (&line.address, line.name.clone(), line.kind, groups, media, line.holds_at_phone)
        });
        let trunks = setup.trunks.iter().map(|trunk| {
            let groups = (Vec::new(), Vec::new());
            let taken = (trunk.record, false);
            let media = (trunk.srtp, trunk.codecs.clone(), (trunk.transcodes, trunk.video), taken);
            (&trunk.name, trunk.name.to_string(), LineKind::Trunk, groups, media, false)
        });
        let groups = setup.groups.iter().map(|group| (Arc::clone(&group.address), Arc::new(group.clone())));
        let pages = setup.pages.iter().map(|page| (Arc::clone(&page.address), Arc::new(page.clone())));
        let mut lines = Self {
            by_address: BTreeMap::new(),
            any_captured: setup.lines.iter().any(|line| line.is_captured),
            order: Vec::new(),
            leaving: BTreeMap::new(),
            groups: groups.collect(),
            pages: pages.collect(),
        };
        for (address, name, kind, (groups, picks_up), media, holds_at_phone) in stations.chain(trunks) {
            let (srtp, codecs, (transcodes, video), (record, is_captured)) = media;
            let line = Line {
                address: Arc::clone(address),
                name,
                kind,
                groups,
                picks_up,
                srtp,
                codecs,
                transcodes,
                video,
                holds_at_phone,
                record,
                is_captured,
                watchers: watchers(&setup.apps, address),
                interests: BTreeMap::new(),
                calls: BTreeSet::new(),
                counts: [0; 3],
                occupied: 0,
            };
            if lines.by_address.insert(Arc::clone(address), line).is_none() {
                lines.order.push(Arc::clone(address));
            }
        }
        lines
    }

    pub(super) fn get(&self, address: &str) -> Option<&Line> {
        self.by_address.get(address)
    }

    pub(super) fn get_mut(&mut self, address: &str) -> Option<&mut Line> {
        self.by_address.get_mut(address)
    }

    /// The ring group of this address.
    pub(super) fn group(&self, address: &str) -> Option<&Arc<GroupSetup>> {
        self.groups.get(address)
    }

    /// The page group of this address.
    pub(super) fn page(&self, address: &str) -> Option<&Arc<PageSetup>> {
        self.pages.get(address)
    }

    /// Whether this is the address of a line, a trunk, a ring group or a page group.
    pub(super) fn is_taken(&self, address: &str) -> bool {
        self.get(address).is_some() || self.group(address).is_some() || self.page(address).is_some()
    }

    /// The name of the line or group of this address; empty where there is none.
    pub(super) fn name(&self, address: &str) -> String {
        let line = self.get(address).map(|line| &line.name);
        let group = || self.group(address).map(|group| &group.name);
        line.or_else(group).or_else(|| self.page(address).map(|page| &page.name)).cloned().unwrap_or_default()
    }

    /// Whether the media of any line's calls are captured.
    pub(super) fn are_any_captured(&self) -> bool {
        self.any_captured
    }

    /// The line of a call, which outlasts the configuration until the call is over.
    pub(super) fn of_call(&self, address: &str) -> Option<&Line> {
        self.by_address.get(address).or_else(|| self.leaving.get(address))
    }

    /// As [`Self::of_call`].
    pub(super) fn of_call_mut(&mut self, address: &str) -> Option<&mut Line> {
        self.by_address.get_mut(address).or_else(|| self.leaving.get_mut(address))
    }

    /// A call left its line.
    pub(super) fn remove_call(&mut self, address: &str, id: CallId) {
        let Some(line) = self.of_call_mut(address) else { return };
        line.calls.remove(&id);
        if line.calls.is_empty() {
            self.leaving.remove(address);
        }
    }

    /// Takes over the calls of lines that were there before, and what applications, by their numbers of before, want to hear of
    /// them. What the configuration has no more stays until its calls are over.
    pub(super) fn take_over(&mut self, before: Self, setup: &Setup, renumbered: &BTreeMap<AppId, AppId>) {
        for (address, mut line) in before.by_address.into_iter().chain(before.leaving) {
            let interests = std::mem::take(&mut line.interests).into_iter();
            let interests =
                interests.filter_map(|(app, interest)| Some((*renumbered.get(&app)?, interest))).collect();
            if let Some(other) = self.by_address.get_mut(&address) {
                other.interests = interests;
                other.calls = line.calls;
                other.counts = line.counts;
                other.occupied = line.occupied;
            } else if !line.calls.is_empty() {
                line.watchers = watchers(&setup.apps, &address);
                line.interests = interests;
                self.leaving.insert(address, line);
            }
        }
    }

    /// Some of their addresses, in that order.
    pub(super) fn some(&self, from: usize, many: usize) -> &[Arc<str>] {
        let rest = self.order.get(from..).unwrap_or_default();
        &rest[..many.min(rest.len())]
    }

    /// All of them, in the order of the configuration, trunks last.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Line> {
        self.order.iter().filter_map(|address| self.get(address))
    }
}

fn watchers(apps: &[AppSetup], address: &str) -> Vec<(AppId, CallPrivilege)> {
    (0..)
        .zip(apps)
        .filter(|(_, app)| app.lines.iter().any(|line| line == "*" || line == address))
        .map(|(index, app)| (AppId(index), app.privilege))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::call_state::{ConnectedMode, DisconnectMode};
    use crate::switch::rig;

    const CONNECTED: CallState = CallState::Connected(ConnectedMode::Active);

    #[test]
    fn held_calls_are_counted_apart() {
        let mut lines = Lines::new(&rig::setup());
        let line = lines.get_mut("1001").unwrap();
        assert!(line.count(CallState::Idle, CONNECTED));
        assert!(line.count(CONNECTED, CallState::OnHold));
        assert_eq!((line.counts, line.occupied), ([0, 1, 0], 1));
        assert!(line.count(CallState::OnHold, CallState::OnHoldPendTransfer));
        assert_eq!(line.counts, [0, 0, 1]);
        assert!(line.count(CallState::OnHoldPendTransfer, CallState::Idle));
        assert_eq!((line.counts, line.occupied), ([0, 0, 0], 0));
    }

    #[test]
    fn a_disconnected_call_counts_as_active_but_takes_no_channel() {
        let mut lines = Lines::new(&rig::setup());
        let line = lines.get_mut("1001").unwrap();
        line.count(CallState::Idle, CONNECTED);
        assert!(!line.count(CONNECTED, CallState::Disconnected(DisconnectMode::Normal)));
        assert_eq!((line.counts, line.occupied), ([1, 0, 0], 0));
    }

    #[test]
    fn trunks_come_last() {
        let lines = Lines::new(&rig::setup());
        let order: Vec<_> = lines.iter().map(|line| &*line.address).collect();
        assert_eq!(order, ["1001", "1002", "1003", "carrier"]);
    }
}
