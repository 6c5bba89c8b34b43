//! The record of one conversation, or of one attempt (CDR).

use serde::{Deserialize, Serialize};

use super::columns::{Column, Field};
use crate::switch::{DisconnectMode, MediaView};

/// What became of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Disposition {
    /// Somebody answered.
    Answered,
    /// Nobody answered, or who called gave up.
    NoAnswer,
    /// Busy, or refused.
    Busy,
    /// It could not be set up.
    Failed,
    /// The network had no room.
    Congestion,
}

impl Disposition {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Answered, Self::NoAnswer, Self::Busy, Self::Failed, Self::Congestion];

    /// As Asterisk writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "ANSWERED",
            Self::NoAnswer => "NO ANSWER",
            Self::Busy => "BUSY",
            Self::Failed => "FAILED",
            Self::Congestion => "CONGESTION",
        }
    }

    /// Of an attempt that ended so. A refusal is busy, as it is to Asterisk.
    pub(super) const fn of_attempt(mode: DisconnectMode) -> Self {
        use DisconnectMode as Mode;
        match mode {
            Mode::Busy | Mode::Reject | Mode::DoNotDisturb => Self::Busy,
            Mode::Normal | Mode::NoAnswer | Mode::Cancelled | Mode::Pickup | Mode::Forwarded => {
                Self::NoAnswer
            }
            Mode::Congestion => Self::Congestion,
            Mode::Unknown
            | Mode::BadAddress
            | Mode::Unreachable
            | Mode::Incompatible
            | Mode::Unavail
            | Mode::NoDialTone
            | Mode::NumberChanged
            | Mode::OutOfOrder
            | Mode::TempFailure
            | Mode::QosUnavail
            | Mode::Blocked => Self::Failed,
        }
    }
}

/// Who ended what a record tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EndedBy {
    /// The station of `channel`.
    Caller,
    /// The station of `dstchannel`.
    Callee,
    /// The engine, or an application.
    Engine,
    /// Nobody: the call went on with somebody else, and another record tells of that.
    Moved,
    /// The engine itself ended in the middle of the call, and could not take it back.
    Crash,
}

impl EndedBy {
    /// Its name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::Engine => "engine",
            Self::Moved => "moved",
            Self::Crash => "crash",
        }
    }
}

/// How the media of a station was.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct StationQuality {
    /// By its name in SDP.
    pub codec: Option<String>,
    /// What came from it: mean opinion score, loss in per cent, jitter in milliseconds.
    pub received: [Option<f64>; 3],
    /// What was sent to it, as far as its RTCP tells.
    pub sent: [Option<f64>; 3],
    /// From the relay to it and back, in milliseconds.
    pub round_trip_ms: Option<f64>,
}

impl StationQuality {
    /// As the relay said last.
    pub(super) fn of(media: &MediaView) -> Self {
        let direction = |view: &crate::switch::DirectionView| {
            [
                view.mos_x100.map(|mos_x100| f64::from(mos_x100) / 100.0),
                view.loss_ppm.map(|ppm| f64::from(ppm) / 10_000.0),
                view.jitter_us.map(|us| f64::from(us) / 1_000.0),
            ]
        };
        Self {
            codec: media.codec.map(str::to_owned),
            received: direction(&media.received),
            sent: direction(&media.sent),
            round_trip_ms: media.round_trip_us.map(|us| f64::from(us) / 1_000.0),
        }
    }

    fn fields(&self) -> impl Iterator<Item = Field> {
        let codec = self.codec.as_deref().map_or(Field::Empty, Field::text);
        let measures = self.received.into_iter().chain(self.sent).chain([self.round_trip_ms]);
        [codec].into_iter().chain(measures.map(Field::measure))
    }
}

/// One record. Times are milliseconds since 1970.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns, which docs/records.md tells")]
pub struct CallRecord {
    pub accountcode: String,
    pub src: String,
    pub name: String,
    pub dst: String,
    pub dcontext: String,
    pub channel: String,
    pub dstchannel: String,
    pub lastapp: String,
    pub lastdata: String,
    pub start_ms: i64,
    pub answer_ms: Option<i64>,
    pub end_ms: i64,
    pub disposition: Disposition,
    pub userfield: String,
    pub uniqueid: String,
    pub peeraccount: String,
    pub linkedid: String,
    pub sequence: u32,
    pub call: String,
    pub peer_call: String,
    pub reason: String,
    pub disconnectmode: String,
    pub endedby: EndedBy,
    pub sipstatus: u16,
    pub hangupcause: Option<u8>,
    pub src_quality: StationQuality,
    pub dst_quality: StationQuality,
}

impl CallRecord {
    /// What stands in [`RECORD_COLUMNS`].
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        let seconds = |from: i64| Field::Integer((self.end_ms - from).max(0) / 1_000);
        let time = |ms: i64| Field::Text(timestamp(ms));
        let head = [
            Field::text(&self.accountcode),
            Field::text(&self.src),
            Field::text(&self.dst),
            Field::text(&self.dcontext),
            Field::text(&caller_id(&self.name, &self.src)),
            Field::text(&self.channel),
            Field::text(&self.dstchannel),
            Field::text(&self.lastapp),
            Field::text(&self.lastdata),
            time(self.start_ms),
            self.answer_ms.map_or(Field::Text(String::new()), time),
            time(self.end_ms),
            seconds(self.start_ms),
            self.answer_ms.map_or(Field::Integer(0), seconds),
            Field::text(self.disposition.name()),
            Field::text(AMA_FLAGS),
            Field::text(&self.uniqueid),
            Field::text(&self.userfield),
            Field::text(&self.peeraccount),
            Field::text(&self.linkedid),
            Field::Integer(self.sequence.into()),
            Field::text(&self.call),
            Field::text(&self.peer_call),
            Field::text(&self.reason),
            Field::text(&self.disconnectmode),
            Field::text(self.endedby.name()),
            Field::Integer(self.sipstatus.into()),
            self.hangupcause.map_or(Field::Empty, |cause| Field::Integer(cause.into())),
        ];
        let quality = self.src_quality.fields().chain(self.dst_quality.fields());
        head.into_iter().chain(quality).collect::<Vec<_>>().into_iter()
    }
}

/// `"NAME" <NUMBER>`.
pub(super) fn caller_id(name: &str, number: &str) -> String {
    let name = name.replace('"', "");
    if name.is_empty() { number.to_owned() } else { format!("\"{name}\" <{number}>") }
}

/// `2026-11-23 05:45:35.250`, in universal time.
pub(crate) fn timestamp(ms: i64) -> String {
    let unix = std::time::Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let text = crate::driver::clock::rfc3339(unix);
    text.trim_end_matches('Z').replace('T', " ")
}

/// Asterisk's default: for documentation.
pub(super) const AMA_FLAGS: &str = "DOCUMENTATION";

const fn text(name: &'static str) -> Column {
    Column { name, kind: "TEXT NOT NULL" }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: "INTEGER" }
}

const fn real(name: &'static str) -> Column {
    Column { name, kind: "REAL" }
}

/// The columns of a record: first those of Asterisk's `Master.csv` with `loguniqueid`, `loguserfield` and `newcdrcolumns`, then ours.
pub const RECORD_COLUMNS: [Column; 44] = [
    text("accountcode"),
    text("src"),
    text("dst"),
    text("dcontext"),
    text("clid"),
    text("channel"),
    text("dstchannel"),
    text("lastapp"),
    text("lastdata"),
    text("start"),
    text("answer"),
    text("end"),
    integer("duration"),
    integer("billsec"),
    text("disposition"),
    text("amaflags"),
    text("uniqueid"),
    text("userfield"),
    text("peeraccount"),
    text("linkedid"),
    integer("sequence"),
    text("call"),
    text("peer_call"),
    text("reason"),
    text("disconnectmode"),
    text("endedby"),
    integer("sipstatus"),
    integer("hangupcause"),
    Column { name: "src_codec", kind: "TEXT" },
    real("src_rx_mos"),
    real("src_rx_loss"),
    real("src_rx_jitter"),
    real("src_tx_mos"),
    real("src_tx_loss"),
    real("src_tx_jitter"),
    real("src_rtt"),
    Column { name: "dst_codec", kind: "TEXT" },
    real("dst_rx_mos"),
    real("dst_rx_loss"),
    real("dst_rx_jitter"),
    real("dst_tx_mos"),
    real("dst_tx_loss"),
    real("dst_tx_jitter"),
    real("dst_rtt"),
];
