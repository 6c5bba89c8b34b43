//! One event in the life of a call (CEL).

use super::columns::{Column, Field};
use super::record::{AMA_FLAGS, timestamp};

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the fields are the columns, which docs/records.md tells")]
pub struct CallEvent {
    pub eventtype: &'static str,
    pub at_ms: i64,
    pub cid_name: String,
    pub cid_num: String,
    pub cid_rdnis: String,
    pub exten: String,
    pub context: String,
    pub channame: String,
    pub appname: String,
    pub appdata: String,
    pub accountcode: String,
    pub uniqueid: String,
    pub linkedid: String,
    pub peer: String,
    pub extra: String,
}

impl CallEvent {
    /// What stands in [`EVENT_COLUMNS`].
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        [
            Field::text(self.eventtype),
            Field::Text(timestamp(self.at_ms)),
            Field::text(&self.cid_name),
            Field::text(&self.cid_num),
            Field::text(&self.cid_num),
            Field::text(&self.cid_rdnis),
            Field::text(&self.exten),
            Field::text(&self.exten),
            Field::text(&self.context),
            Field::text(&self.channame),
            Field::text(&self.appname),
            Field::text(&self.appdata),
            Field::text(AMA_FLAGS),
            Field::text(&self.accountcode),
            Field::text(&self.uniqueid),
            Field::text(&self.linkedid),
            Field::text(&self.peer),
            Field::text(&self.extra),
        ]
        .into_iter()
    }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: "TEXT NOT NULL" }
}

/// The columns of an event, named as Asterisk's channel event logging names them.
pub const EVENT_COLUMNS: [Column; 18] = [
    text("eventtype"),
    text("eventtime"),
    text("cid_name"),
    text("cid_num"),
    text("cid_ani"),
    text("cid_rdnis"),
    text("cid_dnid"),
    text("exten"),
    text("context"),
    text("channame"),
    text("appname"),
    text("appdata"),
    text("amaflags"),
    text("accountcode"),
    text("uniqueid"),
    text("linkedid"),
    text("peer"),
    text("extra"),
];
