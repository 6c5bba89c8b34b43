//! A call as the ledger knows it, and in what words it is written down.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::ms;
use crate::records::record::StationQuality;
use crate::switch::{CallId, CallPhase, CallWords, DisconnectMode, EndCause};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) line: String,
    pub(super) is_trunk: bool,
    pub(super) calls: bool,
    pub(super) began_ms: i64,
    /// The oldest call that it is linked with, and when that began.
    pub(super) linked: (i64, u64),
    pub(super) number: String,
    pub(super) name: String,
    pub(super) redirecting: String,
    pub(super) words: Words,
    pub(super) phase: Phase,
    pub(super) peer: Option<u64>,
    pub(super) conference: Option<u64>,
    /// How many records it has.
    pub(super) records: u32,
    pub(super) segment: Option<Segment>,
    /// Whether it is part of somebody else's conversation, or its attempt became that: its record tells of both.
    pub(super) is_told: bool,
    /// The moment from which its times are counted, so that nobody's setting of the wall clock makes a call longer.
    #[serde(skip)]
    pub(super) anchor: Option<(Instant, i64)>,
    /// Whether this process knows it.
    #[serde(skip)]
    pub(super) is_here: bool,
    #[serde(skip)]
    pub(super) over: Option<Over>,
    #[serde(skip)]
    pub(super) figures: Option<StationQuality>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Words {
    pub(super) called: String,
    pub(super) reached: String,
    pub(super) application: String,
    pub(super) reason: String,
    pub(super) userfield: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Phase {
    Waiting,
    Talking,
    Holding,
    Conference,
    Parked(String),
}

/// What the next record will tell, as far as it is known.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Segment {
    pub(super) start_ms: i64,
    pub(super) answer_ms: Option<i64>,
    pub(super) with: With,
    pub(super) other: Option<Other>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum With {
    Call,
    Conference,
    Park(String),
}

/// The other side of a segment, which may be forgotten before it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Other {
    pub(super) call: u64,
    pub(super) line: String,
    pub(super) channel: String,
    pub(super) number: String,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Over {
    pub(super) at: Instant,
    pub(super) mode: DisconnectMode,
    pub(super) cause: EndCause,
    pub(super) has_hung_up: bool,
    pub(super) had_station: bool,
}

impl Call {
    /// What the wall clock said, counted from the begin.
    pub(super) fn at(&self, at: Instant) -> i64 {
        let Some((anchor, unix_ms)) = self.anchor else { return self.began_ms };
        unix_ms + ms(at.saturating_duration_since(anchor))
    }

    /// `SIP/1001-c17`.
    pub(super) fn channel(&self, id: u64) -> String {
        format!("SIP/{}-{}", self.line, call_name(id))
    }

    /// Where its numbers are dialled, as `from` of a route has it.
    pub(super) fn context(&self) -> String {
        if self.is_trunk { format!("trunk:{}", self.line) } else { "line".to_owned() }
    }
}

pub(super) fn call_name(id: u64) -> String {
    CallId(id).to_string()
}

/// `1763877600.17`: when it began, and its number.
pub(super) fn unique_id(began_ms: i64, id: u64) -> String {
    format!("{}.{id}", began_ms.div_euclid(1_000))
}

pub(super) fn words(words: CallWords) -> Words {
    Words {
        called: words.called,
        reached: words.reached,
        application: words.application.to_owned(),
        reason: words.reason.name().to_owned(),
        userfield: words.userfield,
    }
}

pub(super) fn phase(phase: CallPhase) -> Phase {
    match phase {
        CallPhase::Waiting => Phase::Waiting,
        CallPhase::Talking => Phase::Talking,
        CallPhase::Holding => Phase::Holding,
        CallPhase::Conference => Phase::Conference,
        CallPhase::Parked(slot) => Phase::Parked(slot.to_string()),
    }
}
