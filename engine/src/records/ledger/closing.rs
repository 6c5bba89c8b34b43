//! From a conversation that is over to its record, which waits for what the relay says of its stations.

use std::time::{Duration, Instant};

use super::Ledger;
use super::call::{Call, Over, Segment, With, call_name, unique_id};
use super::kept::KeptKey;
use crate::records::record::{CallRecord, Disposition, EndedBy, StationQuality};
use crate::switch::{DisconnectMode, EndCause, MediaView};

/// How long a record waits for what the relay says of its stations.
const FIGURES_WITHIN: Duration = Duration::from_secs(2);

/// A record that waits for figures.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) record: CallRecord,
    pub(super) until: Instant,
    /// Whose figures it lacks: of the caller, of the callee.
    pub(super) lacks: [Option<u64>; 2],
}

impl Ledger {
    /// What a segment told is over: the call ended, or goes on with somebody else.
    pub(super) fn finish_segment(&mut self, id: u64, segment: Segment, at: Instant) {
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

    pub(super) fn close(&mut self, serial: u64) {
        let Some(closing) = self.closings.remove(&serial) else { return };
        for call in closing.lacks.into_iter().flatten() {
            self.awaited.remove(&call);
        }
        self.records.push(closing.record);
        self.changed.insert(KeptKey::Record(serial));
    }

    pub(super) fn figures(&mut self, id: u64, media: Option<&MediaView>) {
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

    pub(super) fn record(
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
}
