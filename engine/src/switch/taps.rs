//! Taps: which leg serves what is taken down of a call, for the file of a recording, for a fork, or for a capture.
//!
//! A tap belongs to a call and follows its station, whoever it talks with, for as long as that speaks for the call. What is not
//! served is silent. Found by call, by station and by the leg that serves, for there may be as many taps as there are calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use trunkline_media::{CaptureId, RecordingId, TAKES_MAX, Take, TapId};
use trunkline_sip::LegId;

use super::Switch;
use super::call::Call;
use super::call_state::CallState;
use super::ids::{AppId, CallId};
use super::line::Line;
use super::outbox::Outbox;
use super::recording::RecordPolicy;

/// One tap that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    pub(super) call: CallId,
    /// What its frames are numbered from.
    pub(super) began: Instant,
    pub(super) is_wide: bool,
    pub(super) is_paused: bool,
    /// The leg of the call's station.
    station: Option<LegId>,
    /// The leg that serves it: that of the station, while that speaks for the call.
    leg: Option<LegId>,
}

/// All taps that are open.
#[derive(Default, Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Taps {
    all: BTreeMap<TapId, Tap>,
    of_call: BTreeSet<(CallId, TapId)>,
    of_station: BTreeSet<(LegId, TapId)>,
    of_leg: BTreeSet<(LegId, TapId)>,
}

/// The first and the last of all taps.
const ENDS: [TapId; 2] = [TapId::Recording(RecordingId(0)), TapId::Capture(CaptureId(u64::MAX))];

/// Those of one key, in order.
fn of<K: Copy + Ord>(index: &BTreeSet<(K, TapId)>, key: K) -> impl Iterator<Item = TapId> {
    let [first, last] = ENDS;
    index.range((key, first)..=(key, last)).map(|(_, tap)| *tap)
}

fn note<K: Copy + Ord>(index: &mut BTreeSet<(K, TapId)>, id: TapId, before: Option<K>, after: Option<K>) {
    if let Some(key) = before {
        index.remove(&(key, id));
    }
    if let Some(key) = after {
        index.insert((key, id));
    }
}

impl Taps {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn get(&self, id: TapId) -> Option<&Tap> {
        self.all.get(&id)
    }

    pub(super) fn of_call(&self, call: CallId) -> impl Iterator<Item = TapId> {
        of(&self.of_call, call)
    }

    pub(super) fn set_paused(&mut self, id: TapId, is_paused: bool) {
        if let Some(tap) = self.all.get_mut(&id) {
            tap.is_paused = is_paused;
        }
    }

    /// Lets a leg, or none, serve a tap; the one that did before.
    fn set_leg(&mut self, id: TapId, station: Option<LegId>, leg: Option<LegId>) -> Option<LegId> {
        let tap = self.all.get_mut(&id)?;
        note(&mut self.of_station, id, tap.station, station);
        note(&mut self.of_leg, id, tap.leg, leg);
        tap.station = station;
        std::mem::replace(&mut tap.leg, leg)
    }

    fn takes(&self, leg: LegId) -> Arc<[Take]> {
        let take = |id| {
            let tap = self.all.get(&id)?;
            Some(Take { tap: id, began: tap.began, is_wide: tap.is_wide })
        };
        of(&self.of_leg, leg).filter_map(take).collect()
    }
}

impl Switch {
    /// Whether anything of a call can be taken down, and its line allows it to applications.
    pub(super) fn may_be_tapped(&self, call: &Call) -> bool {
        self.record_policy(call) != RecordPolicy::Never
            && call.leg.is_some_and(|leg| self.media.is_decoded(leg))
    }

    /// Whether calls of this call's line are recorded.
    pub(super) fn record_policy(&self, call: &Call) -> RecordPolicy {
        self.lines.of_call(&call.line).map_or(RecordPolicy::Never, |line: &Line| line.record)
    }

    /// Whether the configuration says so of the line; of one that it names no more it says nothing.
    pub(super) fn is_never_recorded(&self, call: &Call) -> bool {
        self.lines.of_call(&call.line).is_some_and(|line| line.record == RecordPolicy::Never)
    }

    /// Whether one of the two sides speaks at 16,000 samples a second.
    pub(super) fn is_wide_call(&self, call: &Call) -> bool {
        let peer = call.peer.and_then(|peer| self.calls.get(&peer));
        let legs = [Some(call), peer].map(|call| call?.leg);
        legs.into_iter().flatten().any(|leg| self.media.is_wide(leg))
    }

    /// Whether the leg that would serve a tap of this call serves as many as one may. A recording takes the place of a fork.
    pub(super) fn has_taps_enough(&self, call: &Call, is_fork: bool) -> bool {
        let Some(leg) = self.tapped_leg(call) else { return false };
        let counts = |tap: &TapId| is_fork || matches!(tap, TapId::Recording(_));
        of(&self.taps.of_leg, leg).filter(counts).count() >= TAKES_MAX
    }

    /// Opens a tap of a call, from now on.
    pub(super) fn open_tap(
        &mut self,
        id: TapId,
        call: CallId,
        is_wide: bool,
        is_paused: bool,
        out: &mut Outbox,
    ) {
        let tap = Tap { call, began: self.now, is_wide, is_paused, station: None, leg: None };
        self.taps.all.insert(id, tap);
        self.taps.of_call.insert((call, id));
        self.settle_tap(id, out);
    }

    /// Closes a tap; as it was.
    pub(super) fn close_tap(&mut self, id: TapId, out: &mut Outbox) -> Option<Tap> {
        let leg = self.taps.set_leg(id, None, None);
        let tap = self.taps.all.remove(&id)?;
        self.taps.of_call.remove(&(tap.call, id));
        if let Some(leg) = leg {
            self.tell_takes(leg, out);
        }
        Some(tap)
    }

    /// Lets the legs serve the taps of a call, and those of other calls that share its station.
    pub(super) fn settle_taps(&mut self, call: CallId, out: &mut Outbox) {
        if self.taps.is_empty() {
            return;
        }
        let station = self.calls.get(&call).and_then(|call| call.leg);
        let mut shared: BTreeSet<TapId> = self.taps.of_call(call).collect();
        shared.extend(station.into_iter().flat_map(|station| of(&self.taps.of_station, station)));
        for id in shared {
            self.settle_tap(id, out);
        }
    }

    /// Lets the leg of the station serve a tap, while it speaks for that call and is to be heard.
    fn settle_tap(&mut self, id: TapId, out: &mut Outbox) {
        let Some(tap) = self.taps.get(id) else { return };
        let Some(call) = self.calls.get(&tap.call) else { return };
        let leg = if tap.is_paused { None } else { self.tapped_leg(call) };
        let before = self.taps.set_leg(id, call.leg, leg);
        if before == leg {
            return;
        }
        for leg in [before, leg].into_iter().flatten() {
            self.tell_takes(leg, out);
        }
    }

    /// The leg of a call's station, while that takes part in the call.
    pub(super) fn tapped_leg(&self, call: &Call) -> Option<LegId> {
        let takes_part = matches!(call.state, CallState::Connected(_) | CallState::Conferenced);
        let leg = self.legs.get(&call.leg?)?;
        (takes_part && leg.is_up() && leg.call == self.led_by(call).id).then_some(leg.id)
    }

    fn tell_takes(&mut self, leg: LegId, out: &mut Outbox) {
        let takes = self.taps.takes(leg);
        self.media.set_takes(leg, takes, out);
    }

    /// The relay lost what it knew of a leg: it is told again.
    pub(super) fn tap_again(&mut self, leg: LegId, out: &mut Outbox) {
        if of(&self.taps.of_leg, leg).next().is_some() {
            self.tell_takes(leg, out);
        }
    }

    /// Who holds handles of a call; `None`: nobody does.
    pub(super) fn holders(&self, call: CallId) -> Option<Vec<AppId>> {
        let call = self.calls.get(&call)?;
        (!call.handles.is_empty()).then(|| call.handles.iter().map(|(app, _)| *app).collect())
    }
}
