//! The ledger: from what happened to calls to one record for each conversation and each attempt.
//!
//! ```text
//!  a call that calls:  attempt ── answered ──▶ conversation ── its end ──▶ the relay's figures, 2 s at most ──▶ record
//!  answered, and with somebody else (transfer, park, pickup):  record, and the next conversation begins
//! ```
//!
//! - A call is one side of a conversation, so two calls make one record: the older one is `channel`, the other `dstchannel`.
//! - Phones that ring and do not answer make no record of their own: the attempt is the caller's.
//! - Who is parked, and who organizes a conference, has a record of that.
//! - Everything of calls that are not over can be kept and taken back ([`KeptCallState`]), so that a call has one record although the
//!   process was killed: when it ends, or at the start, if it was not taken back.
//! - Which calls are over is kept, too, for a while ([`Ledger::restore_ended`]): what the switch takes back after a crash is a moment
//!   older, and may have them.

mod call;
mod closing;
mod kept;
mod segment;
mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use self::call::{Call, Over, Phase, phase, words};
use self::closing::Closing;
use self::kept::Kept;
pub use self::kept::{KeptCallState, KeptKey};
use super::event::CallEvent;
use super::record::{CallRecord, EndedBy};
use crate::switch::{
    CallBegun, CallFact, CallFactKind, CallId, CallOver, CallStanding, DisconnectMode, EndCause, LineKind,
};

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The monotonic one.
    pub now: Instant,
    /// Milliseconds since 1970.
    pub unix_ms: i64,
}

impl Moment {
    /// What the wall clock said at another moment, if nobody set it meanwhile.
    fn unix_at(&self, at: Instant) -> i64 {
        self.unix_ms - ms(self.now.saturating_duration_since(at)) + ms(at.saturating_duration_since(self.now))
    }
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// The ledger.
#[derive(Debug, Default)]
pub struct Ledger {
    calls: BTreeMap<u64, Call>,
    closings: BTreeMap<u64, Closing>,
    next_closing: u64,
    /// Which record waits for the figures of a call.
    awaited: BTreeMap<u64, u64>,
    tells_events: bool,
    records: Vec<CallRecord>,
    events: Vec<CallEvent>,
    changed: BTreeSet<KeptKey>,
    /// What was written: no more than were up at once.
    stored: BTreeSet<KeptKey>,
    /// Calls that were over before the process was killed, until the switch has taken back what it could.
    ended: BTreeSet<u64>,
}

impl Ledger {
    /// An empty one; whether it tells events beside records.
    pub fn new(tells_events: bool) -> Self {
        Self { tells_events, ..Self::default() }
    }

    /// Takes back what was kept. What waited for figures waits no more.
    pub fn restore(&mut self, key: KeptKey, kept: KeptCallState) {
        self.changed.insert(key);
        self.stored.insert(key);
        match kept.0 {
            Kept::Call(id, call) => {
                let call = Call { is_here: false, anchor: None, over: None, figures: None, ..*call };
                self.calls.insert(id, call);
            }
            Kept::Record(record) => self.records.push(*record),
        }
    }

    /// What was kept so cannot be read: it is forgotten.
    pub fn discard(&mut self, key: KeptKey) {
        self.changed.insert(key);
        self.stored.insert(key);
    }

    /// This call was over before the process was killed. Where the switch takes it back all the same, it has its record already.
    pub fn restore_ended(&mut self, call: u64) {
        self.ended.insert(call);
    }

    /// Whatever was restored and has not begun again by now is lost: its record says so, with the moment at which the process was last
    /// known to run. How many records.
    pub fn end_lost(&mut self, last_ms: i64) -> usize {
        self.ended.clear();
        let lost: Vec<u64> = self.calls.iter().filter(|(_, call)| !call.is_here).map(|(id, _)| *id).collect();
        let before = self.records.len();
        let cause = EndCause { status: 500, q850: Some(41), is_refusal: false };
        for id in &lost {
            let Some(call) = self.calls.get_mut(id) else { continue };
            let Some(segment) = call.segment.take() else { continue };
            let end_ms = last_ms.max(segment.answer_ms.unwrap_or(segment.start_ms));
            let call = &self.calls[id];
            let mut record = self.record(*id, call, &segment, end_ms, DisconnectMode::TempFailure, cause);
            record.endedby = EndedBy::Crash;
            self.records.push(record);
            self.tell(*id, "BRIDGE_EXIT", end_ms, String::new());
        }
        for id in lost {
            self.tell(id, "CHAN_END", last_ms, String::new());
            self.calls.remove(&id);
            self.changed.insert(KeptKey::Call(id));
        }
        self.records.len() - before
    }

    /// Takes what happened in one go of the switch.
    pub fn take(&mut self, moment: Moment, mut facts: Vec<CallFact>) {
        // Whoever is told of knows whom he is with: of one call it is the first already.
        facts.sort_by_key(|fact| !matches!(fact.kind, CallFactKind::Began(_)));
        let mut touched = BTreeSet::new();
        for CallFact { call: CallId(id), at, kind } in facts {
            match kind {
                CallFactKind::Began(begun) => {
                    self.begin(moment, id, at, *begun);
                    touched.insert((id, at));
                }
                CallFactKind::Stands(standing) => {
                    self.stands(id, at, standing);
                    touched.insert((id, at));
                }
                CallFactKind::Did(deed) => self.deed(id, at, &deed),
                CallFactKind::Over(over) => {
                    self.end(id, at, *over);
                    touched.insert((id, at));
                }
                CallFactKind::Media(media) => self.figures(id, media.as_deref()),
            }
        }
        let peers: Vec<_> = touched
            .iter()
            .filter_map(|(id, at)| Some((self.calls.get(id)?.peer?, *at)))
            .chain(touched.iter().copied())
            .collect();
        let both: BTreeSet<_> = peers.into_iter().collect();
        for (id, at) in &both {
            self.evaluate(*id, *at);
        }
        for (id, _) in touched {
            if self.calls.get(&id).is_some_and(|call| call.over.is_some()) {
                self.forget(id);
            }
        }
    }

    /// Something that happened to this call was not told: it has no record, nor has whom it is with, for what they said would be false.
    /// How many records there would have been.
    pub fn lose(&mut self, call: CallId) -> usize {
        let Some(lost) = self.calls.get(&call.0) else { return 0 };
        let other = lost.segment.as_ref().and_then(|segment| segment.other.as_ref());
        let peer = other.map(|other| other.call).or(lost.peer);
        let mut records = 0;
        for id in [Some(call.0), peer].into_iter().flatten() {
            let Some(call) = self.calls.remove(&id) else { continue };
            self.changed.insert(KeptKey::Call(id));
            records += usize::from(call.segment.is_some());
        }
        records
    }

    /// Gives up waiting for figures where it is time.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due: Vec<u64> = self
            .closings
            .iter()
            .filter(|(_, closing)| closing.until <= now)
            .map(|(serial, _)| *serial)
            .collect();
        due.into_iter().for_each(|serial| self.close(serial));
    }

    /// Does not wait for anything: the process ends.
    pub fn finish(&mut self) {
        let all: Vec<u64> = self.closings.keys().copied().collect();
        all.into_iter().for_each(|serial| self.close(serial));
    }

    /// When to call [`Self::handle_timeout`].
    pub fn deadline(&self) -> Option<Instant> {
        self.closings.values().next().map(|closing| closing.until)
    }

    /// Whether there are calls.
    pub fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Records that are whole, in order; who takes them writes them together with [`Self::changes`].
    pub fn records(&self) -> &[CallRecord] {
        &self.records
    }

    /// Events, in order.
    pub fn events(&self) -> &[CallEvent] {
        &self.events
    }

    /// What is to be kept in place of what was; `None`: it is to be forgotten.
    pub fn changes(&self) -> impl Iterator<Item = (KeptKey, Option<KeptCallState>)> {
        self.changed.iter().map(|key| {
            let kept = match key {
                KeptKey::Call(id) => self.calls.get(id).map(|call| Kept::Call(*id, Box::new(call.clone()))),
                KeptKey::Record(serial) => {
                    let closing = self.closings.get(serial);
                    closing.map(|closing| Kept::Record(Box::new(closing.record.clone())))
                }
            };
            (*key, kept.map(KeptCallState))
        })
    }

    /// Whether there is anything to write.
    pub fn has_changes(&self) -> bool {
        !(self.records.is_empty() && self.events.is_empty() && self.changed.is_empty())
    }

    /// All of it was written.
    pub fn written(&mut self) {
        self.records.clear();
        self.events.clear();
        for key in std::mem::take(&mut self.changed) {
            if self.stands_for(key) {
                self.stored.insert(key);
            } else {
                self.stored.remove(&key);
            }
        }
    }

    /// Nothing of what was written is there any more: what stands is to be written again.
    pub fn write_anew(&mut self) {
        self.stored.clear();
        self.changed.extend(self.calls.keys().copied().map(KeptKey::Call));
        self.changed.extend(self.closings.keys().copied().map(KeptKey::Record));
    }

    /// Gives up the oldest of what waits to be written beyond this number of records, of events, of calls that came and went meanwhile.
    /// How many records.
    pub fn shed(&mut self, each_max: usize) -> usize {
        if self.changed.len() > each_max {
            // What was written and is over stays: it would be taken for a call that is up.
            let is_gone = |key: &&KeptKey| !self.stands_for(**key) && !self.stored.contains(key);
            let gone: Vec<KeptKey> = self.changed.iter().filter(is_gone).copied().collect();
            for key in &gone[..gone.len().saturating_sub(each_max)] {
                self.changed.remove(key);
            }
        }
        self.events.drain(..self.events.len().saturating_sub(each_max));
        self.records.drain(..self.records.len().saturating_sub(each_max)).count()
    }

    /// Whether a key names something that is.
    fn stands_for(&self, key: KeptKey) -> bool {
        match key {
            KeptKey::Call(id) => self.calls.contains_key(&id),
            KeptKey::Record(serial) => self.closings.contains_key(&serial),
        }
    }

    fn begin(&mut self, moment: Moment, id: u64, at: Instant, begun: CallBegun) {
        let unix_ms = moment.unix_at(at);
        // Where it is over already that is said again, for the next crash.
        self.changed.insert(KeptKey::Call(id));
        if self.ended.contains(&id) {
            return;
        }
        if let Some(call) = self.calls.get_mut(&id).filter(|call| !call.is_here) {
            (call.is_here, call.anchor) = (true, Some((at, unix_ms)));
            (call.calls, call.peer) = (begun.standing.calls, begun.standing.peer.map(|peer| peer.0));
            call.phase = phase(begun.standing.phase);
            return;
        }
        let relatives = [begun.consults, begun.standing.peer].into_iter().flatten();
        let links = relatives.filter_map(|one| self.calls.get(&one.0)).map(|call| call.linked);
        let linked = links.chain([(unix_ms, id)]).min().unwrap_or((unix_ms, id));
        let call = Call {
            line: begun.line.to_string(),
            is_trunk: begun.kind == LineKind::Trunk,
            calls: begun.standing.calls,
            began_ms: unix_ms,
            linked,
            number: begun.party.number,
            name: begun.party.name,
            redirecting: begun.redirecting,
            words: words(begun.words),
            phase: phase(begun.standing.phase),
            peer: begun.standing.peer.map(|peer| peer.0),
            conference: begun.standing.conference.map(|conference| conference.0),
            records: 0,
            segment: None,
            is_told: false,
            anchor: Some((at, unix_ms)),
            is_here: true,
            over: None,
            figures: None,
        };
        self.calls.insert(id, call);
        self.tell(id, "CHAN_START", unix_ms, String::new());
        self.tell_moved(id, unix_ms, &Phase::Waiting, None);
    }

    fn stands(&mut self, id: u64, at: Instant, standing: CallStanding) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let at_ms = call.at(at);
        let before = std::mem::replace(&mut call.phase, phase(standing.phase));
        (call.calls, call.peer) = (standing.calls, standing.peer.map(|peer| peer.0));
        let conference = standing.conference.map(|conference| conference.0);
        let left = std::mem::replace(&mut call.conference, conference);
        self.changed.insert(KeptKey::Call(id));
        self.tell_moved(id, at_ms, &before, left);
    }

    fn end(&mut self, id: u64, at: Instant, over: CallOver) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let before = std::mem::replace(&mut call.words, words(over.words));
        if call.words.reached.is_empty() {
            // Where a call led is not kept over a restart.
            (call.words.reached, call.words.application) = (before.reached, before.application);
        }
        let CallOver { mode, cause, has_hung_up, had_station, words: _ } = over;
        call.over = Some(Over { at, mode, cause, has_hung_up, had_station });
        self.changed.insert(KeptKey::Call(id));
    }
}

#[cfg(test)]
mod tests;
