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

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::event::CallEvent;
use super::record::{CallRecord, Disposition, EndedBy, StationQuality};
use crate::switch::{
    CallBegun, CallFact, CallFactKind, CallId, CallOver, CallPhase, CallStanding, CallWords, DisconnectMode,
    EndCause, LineKind, MediaView,
};

/// How long a record waits for what the relay says of its stations.
const FIGURES_WITHIN: Duration = Duration::from_secs(2);

/// The longest `userfield`, in octets, as Asterisk has it.
const USERFIELD_MAX: usize = 255;

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

/// What is kept of the ledger: a call that is not over, or a record that waits for figures.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct KeptCallState(Kept);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Kept {
    Call(u64, Box<Call>),
    Record(Box<CallRecord>),
}

/// What a row of kept state is named by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeptKey {
    /// This call.
    Call(u64),
    /// A record that waits.
    Record(u64),
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Call {
    line: String,
    is_trunk: bool,
    calls: bool,
    began_ms: i64,
    /// The oldest call that it is linked with, and when that began.
    linked: (i64, u64),
    number: String,
    name: String,
    redirecting: String,
    words: Words,
    phase: Phase,
    peer: Option<u64>,
    /// How many records it has.
    records: u32,
    segment: Option<Segment>,
    /// Whether it is part of somebody else's conversation, or its attempt became that: its record tells of both.
    is_told: bool,
    /// The moment from which its times are counted, so that nobody's setting of the wall clock makes a call longer.
    #[serde(skip)]
    anchor: Option<(Instant, i64)>,
    /// Whether this process knows it.
    #[serde(skip)]
    is_here: bool,
    #[serde(skip)]
    over: Option<Over>,
    #[serde(skip)]
    figures: Option<StationQuality>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Words {
    called: String,
    reached: String,
    application: String,
    reason: String,
    userfield: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Phase {
    Waiting,
    Talking,
    Holding,
    Conference,
    Parked(String),
}

/// What the next record will tell, as far as it is known.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Segment {
    start_ms: i64,
    answer_ms: Option<i64>,
    with: With,
    other: Option<Other>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum With {
    Call,
    Conference,
    Park(String),
}

/// The other side of a segment, which may be forgotten before it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Other {
    call: u64,
    line: String,
    channel: String,
    number: String,
}

#[derive(Clone, PartialEq, Debug)]
struct Over {
    at: Instant,
    mode: DisconnectMode,
    cause: EndCause,
    has_hung_up: bool,
    had_station: bool,
}

/// What a call's segment ought to be.
struct Wanted {
    with: With,
    other: Option<u64>,
    is_answered: bool,
}

/// A record that waits for figures.
#[derive(Debug)]
struct Closing {
    record: CallRecord,
    until: Instant,
    /// Whose figures it lacks: of the caller, of the callee.
    lacks: [Option<u64>; 2],
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
}

impl Ledger {
    /// An empty one; whether it tells events beside records.
    pub fn new(tells_events: bool) -> Self {
        Self { tells_events, ..Self::default() }
    }

    /// Takes back what was kept. What waited for figures waits no more.
    pub fn restore(&mut self, key: KeptKey, kept: KeptCallState) {
        self.changed.insert(key);
        match kept.0 {
            Kept::Call(id, call) => {
                let call = Call { is_here: false, anchor: None, over: None, figures: None, ..*call };
                self.calls.insert(id, call);
            }
            Kept::Record(record) => self.records.push(*record),
        }
    }

    /// Whatever was restored and has not begun again by now is lost: its record says so, with the moment at which the process was last
    /// known to run. How many records.
    pub fn end_lost(&mut self, last_ms: i64) -> usize {
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
    pub fn take(&mut self, moment: Moment, facts: Vec<CallFact>) {
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
        self.changed.clear();
    }

    /// Gives up the oldest of what waits to be written beyond these numbers. How many records.
    pub fn shed(&mut self, records_max: usize, events_max: usize) -> usize {
        self.events.drain(..self.events.len().saturating_sub(events_max));
        self.records.drain(..self.records.len().saturating_sub(records_max)).count()
    }

    fn begin(&mut self, moment: Moment, id: u64, at: Instant, begun: CallBegun) {
        let unix_ms = moment.unix_at(at);
        self.changed.insert(KeptKey::Call(id));
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
    }

    fn stands(&mut self, id: u64, at: Instant, standing: CallStanding) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let at_ms = call.at(at);
        let before = std::mem::replace(&mut call.phase, phase(standing.phase));
        (call.calls, call.peer) = (standing.calls, standing.peer.map(|peer| peer.0));
        let event = match (&before, &call.phase) {
            (Phase::Waiting, Phase::Talking | Phase::Holding | Phase::Conference | Phase::Parked(_)) => {
                Some("ANSWER")
            }
            (Phase::Talking, Phase::Holding) => Some("HOLD"),
            (Phase::Holding, Phase::Talking) => Some("UNHOLD"),
            (Phase::Parked(_), Phase::Talking | Phase::Holding) => Some("PARK_END"),
            (_, Phase::Parked(_)) if before != call.phase => Some("PARK_START"),
            (_, _) => None,
        };
        self.changed.insert(KeptKey::Call(id));
        if let Some(event) = event {
            self.tell(id, event, at_ms, String::new());
        }
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

    fn figures(&mut self, id: u64, media: Option<&MediaView>) {
        let figures = media.map(StationQuality::of).unwrap_or_default();
        if let Some(serial) = self.awaited.remove(&id) {
            let Some(closing) = self.closings.get_mut(&serial) else { return };
            let CallRecord { src_quality, dst_quality, .. } = &mut closing.record;
            for (lacks, quality) in closing.lacks.iter_mut().zip([src_quality, dst_quality]) {
                if lacks.take_if(|lacks| *lacks == id).is_some() {
                    *quality = figures.clone();
                }
            }
            if closing.lacks == [None, None] {
                self.close(serial);
            }
        } else if let Some(call) = self.calls.get_mut(&id) {
            call.figures = Some(figures);
        }
    }

    /// What the call's segment ought to be as things stand.
    fn wanted(&self, id: u64) -> Option<Wanted> {
        let call = self.calls.get(&id).filter(|call| call.over.is_none())?;
        let peer = call.peer.and_then(|peer| Some((peer, self.calls.get(&peer)?)));
        let peer = peer.filter(|(_, peer)| peer.over.is_none());
        let is_up = |phase: &Phase| matches!(phase, Phase::Talking | Phase::Holding);
        let with = With::Call;
        match (&call.phase, peer) {
            (Phase::Conference, _) => Some(Wanted { with: With::Conference, other: None, is_answered: true }),
            (Phase::Parked(slot), _) => {
                Some(Wanted { with: With::Park(slot.clone()), other: None, is_answered: true })
            }
            (Phase::Talking | Phase::Holding, Some((other, peer))) if is_up(&peer.phase) => {
                (id < other).then_some(Wanted { with, other: Some(other), is_answered: true })
            }
            (Phase::Talking | Phase::Holding, Some((other, _))) => {
                Some(Wanted { with, other: Some(other), is_answered: false })
            }
            // The engine answered: with a tone, or for a group that is spoken to.
            (Phase::Talking | Phase::Holding, None) => {
                let segment = call.segment.as_ref()?;
                let is_alone =
                    segment.with == With::Call && (segment.answer_ms.is_none() || segment.other.is_none());
                is_alone.then_some(Wanted { with, other: None, is_answered: true })
            }
            (Phase::Waiting, Some((_, peer))) if is_up(&peer.phase) => None,
            (Phase::Waiting, peer) => {
                let other = peer.map(|(other, _)| other);
                call.calls.then_some(Wanted { with, other, is_answered: false })
            }
        }
    }

    fn evaluate(&mut self, id: u64, at: Instant) {
        let wanted = self.wanted(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let at_ms = call.at(at);
        let is_over = call.over.is_some();
        match (call.segment.take(), wanted) {
            // It began and ended at once.
            (None, None) if is_over && call.calls && call.records == 0 && !call.is_told => {
                let segment =
                    Segment { start_ms: call.began_ms, answer_ms: None, with: With::Call, other: None };
                self.finish_segment(id, segment, at);
            }
            (None, None) => {}
            (None, Some(wanted)) => self.open(id, at_ms, wanted),
            (Some(mut segment), Some(wanted)) if segment.answer_ms.is_none() => {
                let is_other = wanted.other.is_some();
                segment.with = wanted.with;
                segment.answer_ms = wanted.is_answered.then_some(at_ms);
                let other = wanted.other.and_then(|other| self.other(id, other));
                if is_other || wanted.is_answered {
                    segment.other = other;
                }
                self.put(id, at_ms, segment);
            }
            (Some(segment), Some(wanted))
                if wanted.is_answered
                    && segment.with == wanted.with
                    && segment.other.as_ref().map(|other| other.call) == wanted.other =>
            {
                self.put_back(id, segment);
            }
            (Some(segment), wanted) => {
                if segment.answer_ms.is_some() || is_over {
                    self.finish_segment(id, segment, at);
                } else {
                    call.is_told = true;
                }
                if let Some(wanted) = wanted {
                    self.open(id, at_ms, wanted);
                }
            }
        }
    }

    fn open(&mut self, id: u64, at_ms: i64, wanted: Wanted) {
        let other = wanted.other.and_then(|other| self.other(id, other));
        let Some(call) = self.calls.get(&id) else { return };
        let start_ms = if call.records == 0 && call.calls { call.began_ms } else { at_ms };
        let answer_ms = wanted.is_answered.then_some(at_ms);
        self.put(id, at_ms, Segment { start_ms, answer_ms, with: wanted.with, other });
    }

    fn put(&mut self, id: u64, at_ms: i64, segment: Segment) {
        if segment.answer_ms == Some(at_ms) {
            let peer = segment.other.as_ref().map(|other| other.channel.clone()).unwrap_or_default();
            self.tell(id, "BRIDGE_ENTER", at_ms, peer);
        }
        let other = segment.other.as_ref().filter(|_| segment.answer_ms.is_some()).map(|other| other.call);
        if let Some(other) = other.and_then(|other| self.calls.get_mut(&other)) {
            other.is_told = true;
        }
        self.put_back(id, segment);
    }

    fn put_back(&mut self, id: u64, segment: Segment) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.segment = Some(segment);
            self.changed.insert(KeptKey::Call(id));
        }
    }

    /// The other side as it is written down; both are linked from here on, by the oldest of all.
    fn other(&mut self, id: u64, other: u64) -> Option<Other> {
        let (one, two) = (self.calls.get(&id)?, self.calls.get(&other)?);
        let linked = one.linked.min(two.linked);
        let written = Other {
            call: other,
            line: two.line.clone(),
            channel: two.channel(other),
            number: two.number.clone(),
        };
        for both in [id, other] {
            if let Some(call) = self.calls.get_mut(&both).filter(|call| call.linked != linked) {
                call.linked = linked;
                self.changed.insert(KeptKey::Call(both));
            }
        }
        Some(written)
    }

    /// What a segment told is over: the call ended, or goes on with somebody else.
    fn finish_segment(&mut self, id: u64, segment: Segment, at: Instant) {
        let Some(call) = self.calls.get(&id) else { return };
        let other = segment.other.as_ref().and_then(|other| Some((other.call, self.calls.get(&other.call)?)));
        let own_over = call.over.as_ref();
        let other_over = other.as_ref().and_then(|(_, other)| other.over.as_ref());
        let end_ms = call.at(own_over.map_or(at, |over| over.at));
        let (mode, cause) = own_over.or(other_over).map_or(
            (DisconnectMode::Normal, EndCause { status: 200, q850: Some(16), is_refusal: false }),
            |over| (over.mode, over.cause),
        );
        let mut record = self.record(id, call, &segment, end_ms, mode, cause);
        let hung_up = |over: Option<&Over>| over.is_some_and(|over| over.has_hung_up);
        record.endedby = match () {
            () if hung_up(own_over) => EndedBy::Caller,
            () if hung_up(other_over) => EndedBy::Callee,
            () if own_over.is_none() => EndedBy::Moved,
            () if segment.answer_ms.is_none() && cause.is_refusal => EndedBy::Callee,
            () => EndedBy::Engine,
        };
        // Figures are of a station's whole call, so they are told with its end, and of who talked.
        let awaits = |over: Option<&Over>, id: u64| {
            over.is_some_and(|over| over.had_station && segment.answer_ms.is_some()).then_some(id)
        };
        let mut lacks =
            [awaits(own_over, id), other.and_then(|(other, call)| awaits(call.over.as_ref(), other))];
        for (lack, quality) in lacks.iter_mut().zip([&mut record.src_quality, &mut record.dst_quality]) {
            if let Some(figures) = lack.and_then(|id| self.calls.get_mut(&id)?.figures.take()) {
                (*quality, *lack) = (figures, None);
            }
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.records += 1;
        }
        self.changed.insert(KeptKey::Call(id));
        let peer = segment.other.map(|other| other.channel).unwrap_or_default();
        if segment.answer_ms.is_some() {
            self.tell(id, "BRIDGE_EXIT", end_ms, peer);
        }
        if lacks == [None, None] {
            self.records.push(record);
            return;
        }
        self.next_closing += 1;
        let serial = self.next_closing;
        self.awaited.extend(lacks.into_iter().flatten().map(|call| (call, serial)));
        self.closings.insert(serial, Closing { record, until: at + FIGURES_WITHIN, lacks });
        self.changed.insert(KeptKey::Record(serial));
    }

    fn close(&mut self, serial: u64) {
        let Some(closing) = self.closings.remove(&serial) else { return };
        for call in closing.lacks.into_iter().flatten() {
            self.awaited.remove(&call);
        }
        self.records.push(closing.record);
        self.changed.insert(KeptKey::Record(serial));
    }

    fn forget(&mut self, id: u64) {
        let Some(call) = self.calls.get(&id) else { return };
        let Some(over) = &call.over else { return };
        let (at_ms, linked) = (call.at(over.at), call.linked);
        if self.tells_events {
            let cause = over.cause.q850.map_or_else(|| "null".to_owned(), |cause| cause.to_string());
            let extra = format!(
                "{{\"hangupcause\":{cause},\"sipstatus\":{},\"disconnectmode\":\"{}\"}}",
                over.cause.status,
                over.mode.name()
            );
            self.tell_with(id, "HANGUP", at_ms, String::new(), extra);
            self.tell(id, "CHAN_END", at_ms, String::new());
            if !self.calls.iter().any(|(other, call)| *other != id && call.linked == linked) {
                self.tell(id, "LINKEDID_END", at_ms, String::new());
            }
        }
        self.calls.remove(&id);
        self.changed.insert(KeptKey::Call(id));
    }

    fn record(
        &self,
        id: u64,
        call: &Call,
        segment: &Segment,
        end_ms: i64,
        mode: DisconnectMode,
        cause: EndCause,
    ) -> CallRecord {
        let is_answered = segment.answer_ms.is_some();
        let other = segment.other.as_ref();
        let dialled = call.calls && call.records == 0 && !call.words.called.is_empty();
        let far = || other.map_or_else(|| call.words.called.clone(), |other| other.number.clone());
        let (lastapp, lastdata, dst) = match &segment.with {
            With::Conference => ("ConfBridge", call_name(id), call_name(id)),
            With::Park(slot) => ("Park", slot.clone(), slot.clone()),
            With::Call if call.calls && call.records == 0 => (
                &*call.words.application,
                call.words.reached.clone(),
                if dialled { call.words.called.clone() } else { far() },
            ),
            With::Call => ("Dial", other.map(|other| other.line.clone()).unwrap_or_default(), far()),
        };
        CallRecord {
            accountcode: call.line.clone(),
            src: call.number.clone(),
            name: call.name.clone(),
            dst,
            dcontext: call.context(),
            channel: call.channel(id),
            dstchannel: other.map(|other| other.channel.clone()).unwrap_or_default(),
            lastapp: lastapp.to_owned(),
            lastdata,
            start_ms: segment.start_ms,
            answer_ms: segment.answer_ms,
            end_ms,
            disposition: if is_answered { Disposition::Answered } else { Disposition::of_attempt(mode) },
            userfield: call.words.userfield.clone(),
            uniqueid: unique_id(call.began_ms, id),
            peeraccount: other.map(|other| other.line.clone()).unwrap_or_default(),
            linkedid: unique_id(call.linked.0, call.linked.1),
            sequence: call.records,
            call: call_name(id),
            peer_call: other.map(|other| call_name(other.call)).unwrap_or_default(),
            reason: call.words.reason.clone(),
            disconnectmode: mode.name().to_owned(),
            endedby: EndedBy::Engine,
            sipstatus: if is_answered { 200 } else { cause.status },
            hangupcause: cause.q850,
            src_quality: StationQuality::default(),
            dst_quality: StationQuality::default(),
        }
    }

    fn tell(&mut self, id: u64, eventtype: &'static str, at_ms: i64, peer: String) {
        self.tell_with(id, eventtype, at_ms, peer, String::new());
    }

    fn tell_with(&mut self, id: u64, eventtype: &'static str, at_ms: i64, peer: String, extra: String) {
        let Some(call) = self.calls.get(&id).filter(|_| self.tells_events) else { return };
        self.events.push(CallEvent {
            eventtype,
            at_ms,
            cid_name: call.name.clone(),
            cid_num: call.number.clone(),
            cid_rdnis: call.redirecting.clone(),
            exten: call.words.called.clone(),
            context: call.context(),
            channame: call.channel(id),
            appname: call.words.application.clone(),
            appdata: call.words.reached.clone(),
            accountcode: call.line.clone(),
            uniqueid: unique_id(call.began_ms, id),
            linkedid: unique_id(call.linked.0, call.linked.1),
            peer,
            extra,
        });
    }
}

impl Call {
    /// What the wall clock said, counted from the begin.
    fn at(&self, at: Instant) -> i64 {
        let Some((anchor, unix_ms)) = self.anchor else { return self.began_ms };
        unix_ms + ms(at.saturating_duration_since(anchor))
    }

    /// `SIP/1001-c17`.
    fn channel(&self, id: u64) -> String {
        format!("SIP/{}-{}", self.line, call_name(id))
    }

    /// Where its numbers are dialled, as `from` of a route has it.
    fn context(&self) -> String {
        if self.is_trunk { format!("trunk:{}", self.line) } else { "line".to_owned() }
    }
}

fn call_name(id: u64) -> String {
    CallId(id).to_string()
}

/// `1763877600.17`: when it began, and its number.
fn unique_id(began_ms: i64, id: u64) -> String {
    format!("{}.{id}", began_ms.div_euclid(1_000))
}

fn words(words: CallWords) -> Words {
    let data = words.data.get(..words.data.len().min(USERFIELD_MAX)).unwrap_or_default();
    Words {
        called: words.called,
        reached: words.reached,
        application: words.application.to_owned(),
        reason: words.reason.name().to_owned(),
        // What is no text is for the applications alone.
        userfield: std::str::from_utf8(data).unwrap_or_default().to_owned(),
    }
}

fn phase(phase: CallPhase) -> Phase {
    match phase {
        CallPhase::Waiting => Phase::Waiting,
        CallPhase::Talking => Phase::Talking,
        CallPhase::Holding => Phase::Holding,
        CallPhase::Conference => Phase::Conference,
        CallPhase::Parked(slot) => Phase::Parked(slot.to_string()),
    }
}

#[cfg(test)]
mod tests;
