//! The records of a lab's calls, as a daemon would write them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use trunkline::records::{CallEvent, CallRecord, KeptCallState, KeptKey, Ledger, Moment};
use trunkline::switch::CallFact;

/// What a day's first call is dated.
const EPOCH_MS: i64 = 1_763_877_600_000;

/// The ledger with what would be in its database.
#[derive(Debug)]
pub(crate) struct Book {
    ledger: Ledger,
    epoch: Instant,
    kept: BTreeMap<KeptKey, KeptCallState>,
    ended: BTreeSet<u64>,
    records: Vec<CallRecord>,
    events: Vec<CallEvent>,
}

impl Book {
    pub(crate) fn new(epoch: Instant) -> Self {
        let (kept, ended) = (BTreeMap::new(), BTreeSet::new());
        Self { ledger: Ledger::new(true), epoch, kept, ended, records: Vec::new(), events: Vec::new() }
    }

    pub(crate) fn take(&mut self, now: Instant, facts: Vec<CallFact>) {
        if !facts.is_empty() {
            self.ledger.take(Moment { now, unix_ms: self.unix_ms(now) }, facts);
            self.write();
        }
    }

    /// The process is killed, and begins anew with what was written.
    pub(crate) fn restart(&mut self) {
        self.ledger = Ledger::new(true);
        for (key, kept) in &self.kept {
            self.ledger.restore(*key, kept.clone());
        }
        for call in &self.ended {
            self.ledger.restore_ended(*call);
        }
    }

    /// The switch has taken back what it could.
    pub(crate) fn recovered(&mut self, now: Instant) {
        self.ledger.end_lost(self.unix_ms(now));
        self.write();
    }

    /// Whether there are calls that have not ended.
    pub(crate) fn has_calls(&self) -> bool {
        self.ledger.has_calls()
    }

    /// What the records since the last look say, those first that began first:
    /// `SRC>DST CALL/PEER SECONDS DISPOSITION ENDEDBY MODE`, with the seconds since the answer.
    pub(crate) fn take_records(&mut self) -> Vec<String> {
        self.ledger.finish();
        self.write();
        let mut records = std::mem::take(&mut self.records);
        records.sort_by_key(|record| (record.start_ms, record.uniqueid.clone(), record.sequence));
        let say = |record: &CallRecord| {
            let CallRecord { src, dst, call, peer_call, disconnectmode, .. } = record;
            let seconds = record.answer_ms.map_or(0, |answer_ms| (record.end_ms - answer_ms) / 1_000);
            let (disposition, by) = (record.disposition.name(), record.endedby.name());
            format!("{src}>{dst} {call}/{peer_call} {seconds} {disposition} {by} {disconnectmode}")
        };
        records.iter().map(say).collect()
    }

    /// What the events since the last look say, but for those that every call has: `EVENT CHANNEL PEER`.
    pub(crate) fn take_events(&mut self) -> Vec<String> {
        let say = |event: CallEvent| match event.eventtype {
            "CHAN_START" | "ANSWER" | "BRIDGE_ENTER" | "BRIDGE_EXIT" | "HANGUP" | "CHAN_END"
            | "LINKEDID_END" => None,
            done => Some(format!("{done} {} {}", event.channame, event.peer).trim_end().to_owned()),
        };
        std::mem::take(&mut self.events).into_iter().filter_map(say).collect()
    }

    fn unix_ms(&self, now: Instant) -> i64 {
        let since: Duration = now.saturating_duration_since(self.epoch);
        EPOCH_MS + i64::try_from(since.as_millis()).expect("a lab's time is short")
    }

    fn write(&mut self) {
        self.records.extend_from_slice(self.ledger.records());
        self.events.extend_from_slice(self.ledger.events());
        for (key, kept) in self.ledger.changes() {
            match kept {
                Some(kept) => drop(self.kept.insert(key, kept)),
                None => drop(self.kept.remove(&key)),
            }
            match key {
                KeptKey::Call(id) if !self.kept.contains_key(&key) => drop(self.ended.insert(id)),
                KeptKey::Call(_) | KeptKey::Record(_) => {}
            }
        }
        self.ledger.written();
    }
}
