//! What is to be written of calls and of the dialogs of their legs, and where in the file the last that was written of each is.
//!
//! ```text
//!  gathered ──▶ a row at the end: what each call is, which are over
//!  the oldest row: what of it still counts goes into the row at the end, and it is deleted
//! ```
//!
//! So rows are written once, one behind the other, and go whole: calls that come and go cost what it takes to write them down
//! and their numbers once more, wherever in the file they are. A table of calls costs the pages that they lie on, each time.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use trunkline_sip::dialog::KeptDialog;

use crate::switch::KeptCall;

/// The version of rows and of all forms in them. Of another one nothing is read: its calls are over.
const VERSION: u32 = 1;

/// Beyond twice what counts, so many records may stand in the rows that do not: some megabyte.
const SLACK: usize = 2_048;

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS call_change (
    id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    value BLOB NOT NULL
);
";

/// What a record speaks of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(super) enum Key {
    Call(u64),
    Dialog(u64),
}

/// How the values of records are written.
pub(super) trait Forms {
    fn call(&self, call: &KeptCall) -> Option<Vec<u8>>;
    fn dialog(&self, dialog: &KeptDialog) -> Option<Vec<u8>>;
}

/// The rows, and what waits to become one.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) calls: Things<KeptCall>,
    pub(super) dialogs: Things<KeptDialog>,
    /// From the oldest to the newest.
    rows: VecDeque<Row>,
    /// What [`Self::write`] did, for [`Self::written`].
    done: Done,
}

/// What is to be written of things of one kind.
#[derive(Debug)]
pub(super) struct Things<V> {
    /// `None`: it is over.
    waiting: HashMap<u64, Option<Box<V>>, FixedState>,
    /// In which row the last that was written of each is.
    places: HashMap<u64, i64, FixedState>,
}

/// A row of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    id: i64,
    records: usize,
    /// Records that count: no later one speaks of the same.
    counting: usize,
}

/// What was written, but perhaps not committed.
#[derive(Debug, Default)]
struct Done {
    rows: VecDeque<Row>,
    /// What went from old rows into the one at the end.
    moved: Vec<Key>,
}

impl<V> Default for Things<V> {
    fn default() -> Self {
        Self { waiting: HashMap::default(), places: HashMap::default() }
    }
}

impl<V> Things<V> {
    /// It is this.
    pub(super) fn put(&mut self, id: u64, value: Box<V>) {
        self.waiting.insert(id, Some(value));
    }

    /// It is over. What was never written costs nothing.
    pub(super) fn remove(&mut self, id: u64) {
        if self.places.contains_key(&id) {
            self.waiting.insert(id, None);
        } else {
            self.waiting.remove(&id);
        }
    }

    /// How many wait to be written. Those that are over are not counted: there are no more than were written.
    pub(super) fn len(&self) -> usize {
        self.waiting.values().flatten().count()
    }

    /// How many more will count when what waits is written.
    fn gain(&self) -> isize {
        let gain = |(id, value): (&u64, &Option<Box<V>>)| {
            isize::from(value.is_some()) - isize::from(self.places.contains_key(id))
        };
        self.waiting.iter().map(gain).sum()
    }

    /// What waited was written there.
    fn written(&mut self, row: i64) {
        for (id, value) in self.waiting.drain() {
            match value {
                Some(_) => self.places.insert(id, row),
                None => self.places.remove(&id),
            };
        }
    }

    /// The places of what is written anew or is over.
    fn left(&self) -> impl Iterator<Item = i64> {
        self.waiting.keys().filter_map(|id| self.places.get(id)).copied()
    }

    /// Those of what waits that are over, and stand in a row after this one.
    fn over_after(&self, row: Option<i64>) -> impl Iterator<Item = u64> {
        let over = self.waiting.iter().filter(|(_, value)| value.is_none()).map(|(id, _)| *id);
        over.filter(move |id| self.places.get(id).is_some_and(|place| Some(*place) > row))
    }
}

impl Journal {
    /// How many changes wait to be written.
    pub(super) fn len(&self) -> usize {
        self.calls.len() + self.dialogs.len()
    }

    /// Whether there is something that only counts where the engine was known to run not long ago.
    pub(super) fn has_rows(&self) -> bool {
        !self.calls.places.is_empty() || !self.dialogs.places.is_empty()
    }

    /// Gives up what waits, but for what is over: that must not come back.
    pub(super) fn forget(&mut self) {
        self.calls.waiting.retain(|_, value| value.is_none());
        self.dialogs.waiting.retain(|_, value| value.is_none());
    }

    /// Another file was begun, which holds nothing.
    pub(super) fn lost(&mut self) {
        self.calls.waiting.retain(|_, value| value.is_some());
        self.dialogs.waiting.retain(|_, value| value.is_some());
        self.calls.places.clear();
        self.dialogs.places.clear();
        self.rows.clear();
    }

    /// Writes what waits, inside of a transaction; [`Self::written`] when that is committed.
    pub(super) fn write(&mut self, connection: &Connection, forms: &impl Forms) -> rusqlite::Result<()> {
        let (rows, gone) = self.rows_to_keep();
        let last = gone.last().map(|row| row.id);
        let mut row = NewRow::default();
        for (id, value) in &self.calls.waiting {
            if let Some(value) = value.as_deref().and_then(|call| forms.call(call)) {
                row.put(Key::Call(*id), &value);
            }
        }
        for (id, value) in &self.dialogs.waiting {
            if let Some(value) = value.as_deref().and_then(|dialog| forms.dialog(dialog)) {
                row.put(Key::Dialog(*id), &value);
            }
        }
        let mut moved = Vec::new();
        for old in gone.iter().filter(|row| row.counting > 0) {
            let value = read_row(connection, old.id)?;
            for record in Records(&value) {
                if let Some(value) = record.value.filter(|_| self.counts(record.key, old.id)) {
                    row.put(record.key, value);
                    moved.push(record.key);
                }
            }
        }
        row.counting = row.records;
        self.calls.over_after(last).for_each(|id| row.over(Key::Call(id)));
        self.dialogs.over_after(last).for_each(|id| row.over(Key::Dialog(id)));
        self.done = Done { rows, moved };
        if row.records > 0 {
            let id = self.rows.back().map_or(0, |row| row.id) + 1;
            connection
                .prepare_cached("INSERT INTO call_change VALUES (?1, ?2, ?3)")?
                .execute(params![id, VERSION, row.value])?;
            self.done.rows.push_back(Row { id, records: row.records, counting: row.counting });
        }
        if let Some(last) = last {
            connection.prepare_cached("DELETE FROM call_change WHERE id <= ?1")?.execute(params![last])?;
        }
        Ok(())
    }

    /// What waited was written, and that is committed.
    pub(super) fn written(&mut self) {
        let Done { rows, moved } = std::mem::take(&mut self.done);
        let last = rows.back().or_else(|| self.rows.back()).map_or(0, |row| row.id);
        self.calls.written(last);
        self.dialogs.written(last);
        for key in moved {
            match key {
                Key::Call(id) => self.calls.places.insert(id, last),
                Key::Dialog(id) => self.dialogs.places.insert(id, last),
            };
        }
        self.rows = rows;
    }

    /// Which rows stay when what waits is written, and which go from the front.
    fn rows_to_keep(&self) -> (VecDeque<Row>, Vec<Row>) {
        let mut rows = self.rows.clone();
        for place in self.calls.left().chain(self.dialogs.left()) {
            if let Ok(row) = rows.binary_search_by_key(&place, |row| row.id) {
                rows[row].counting = rows[row].counting.saturating_sub(1);
            }
        }
        let counting = self.calls.places.len() + self.dialogs.places.len();
        let counting = counting.saturating_add_signed(self.calls.gain() + self.dialogs.gain());
        let mut records: usize = rows.iter().map(|row| row.records).sum();
        let mut gone = Vec::new();
        while let Some(oldest) = rows.front().copied() {
            if oldest.counting > 0 && records <= 2 * counting + SLACK {
                break;
            }
            records -= oldest.records.saturating_sub(oldest.counting);
            rows.pop_front();
            gone.push(oldest);
        }
        (rows, gone)
    }

    /// Whether the last that was written of it is in this row, and nothing else waits to be.
    fn counts(&self, key: Key, row: i64) -> bool {
        match key {
            Key::Call(id) => {
                self.calls.places.get(&id) == Some(&row) && !self.calls.waiting.contains_key(&id)
            }
            Key::Dialog(id) => {
                self.dialogs.places.get(&id) == Some(&row) && !self.dialogs.waiting.contains_key(&id)
            }
        }
    }

    /// Reads every row: the last value of each thing that is not over, in the order of keys. What cannot be read as `known` says does
    /// not count any more; nor does anything where a row cannot be read.
    pub(super) fn load(
        &mut self,
        connection: &Connection,
        mut known: impl FnMut(Key, &[u8]) -> bool,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare("SELECT id, version, value FROM call_change ORDER BY id")?;
        let mut found = statement.query([])?;
        let (mut rows, mut values) = (VecDeque::new(), HashMap::<Key, (i64, Vec<u8>)>::new());
        let mut is_known = true;
        while let Some(row) = found.next()? {
            let (id, version): (i64, u32) = (row.get(0)?, row.get(1)?);
            let value = row.get_ref(2)?.as_blob().unwrap_or_default();
            let mut records = Records(value);
            let mut count = 0;
            for Record { key, value } in &mut records {
                count += 1;
                match value {
                    Some(value) => values.insert(key, (id, value.to_vec())),
                    None => values.remove(&key),
                };
            }
            is_known &= version == VERSION && records.0.is_empty();
            rows.push_back(Row { id, records: count, counting: 0 });
        }
        if !is_known {
            tracing::warn!(rows = rows.len(), "what another version kept of calls cannot be read");
            // Where the disk is full they are left, and not read another time either.
            drop(connection.execute("DELETE FROM call_change", params![]));
            // They go with what is written next, behind them.
            self.rows = rows;
            return Ok(());
        }
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable_by_key(|(key, _)| *key);
        for (key, (place, value)) in values {
            if !known(key, &value) {
                tracing::warn!(?key, "what was kept of a call cannot be read");
                continue;
            }
            match key {
                Key::Call(id) => self.calls.places.insert(id, place),
                Key::Dialog(id) => self.dialogs.places.insert(id, place),
            };
            if let Ok(row) = rows.binary_search_by_key(&place, |row: &Row| row.id) {
                rows[row].counting += 1;
            }
        }
        self.rows = rows;
        Ok(())
    }
}

fn read_row(connection: &Connection, id: i64) -> rusqlite::Result<Vec<u8>> {
    connection
        .prepare_cached("SELECT value FROM call_change WHERE id = ?1")?
        .query_row(params![id], |row| row.get(0))
}

/// The row that is being written: key, length of the value, value; and of what is over the key.
#[derive(Debug, Default)]
struct NewRow {
    value: Vec<u8>,
    records: usize,
    counting: usize,
}

impl NewRow {
    fn put(&mut self, key: Key, value: &[u8]) {
        self.head(key, u32::try_from(value.len()).ok());
        self.value.extend_from_slice(value);
    }

    fn over(&mut self, key: Key) {
        self.head(key, None);
    }

    fn head(&mut self, key: Key, length: Option<u32>) {
        let head = postcard::to_extend(&(key, length), std::mem::take(&mut self.value));
        self.value = head.expect("a vector has room");
        self.records += 1;
    }
}

/// One record of a row; without a value what it speaks of is over.
struct Record<'a> {
    key: Key,
    value: Option<&'a [u8]>,
}

/// The records of a row. It ends early where one cannot be read, and is not empty then.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let ((key, length), rest) = postcard::take_from_bytes::<(Key, Option<u32>)>(self.0).ok()?;
        let (value, rest) = match length {
            Some(length) => {
                let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Some(value), rest)
            }
            None => (None, rest),
        };
        self.0 = rest;
        Some(Record { key, value })
    }
}
