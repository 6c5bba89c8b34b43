//! Which conversation or attempt a call is part of, as things stand.

use std::time::Instant;

use super::Ledger;
use super::call::{Other, Phase, Segment, With};
use super::kept::KeptKey;

/// What a call's segment ought to be.
struct Wanted {
    with: With,
    other: Option<u64>,
    is_answered: bool,
}

impl Ledger {
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

    pub(super) fn evaluate(&mut self, id: u64, at: Instant) {
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
}
