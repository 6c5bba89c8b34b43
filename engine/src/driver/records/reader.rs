//! Records as applications ask for them: a page, the newest first, read beside the thread that writes.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::database::fields;
use crate::records::{Field, RECORD_COLUMNS, timestamp};

/// Which records are wanted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct RecordsWanted {
    /// Those that began then or later, in milliseconds since 1970.
    pub(crate) from_ms: Option<i64>,
    /// Those that began before.
    pub(crate) to_ms: Option<i64>,
    /// Those of this line or trunk, on either side.
    pub(crate) line: Option<String>,
    /// Those that ended so.
    pub(crate) disposition: Option<&'static str>,
    /// Those of any of these lines and trunks; `None`: all.
    pub(crate) lines: Option<Vec<String>>,
    /// Those that were written before this one.
    pub(crate) before: Option<i64>,
    /// How many at most.
    pub(crate) limit: usize,
}

/// The database, for readers.
#[derive(Clone, Debug)]
pub(crate) struct RecordsFile(PathBuf);

impl RecordsFile {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Reads a page, each record with its number.
    pub(crate) fn read(&self, wanted: &RecordsWanted) -> rusqlite::Result<Vec<(i64, Vec<Field>)>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.0, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let names: Vec<_> = RECORD_COLUMNS.iter().map(|column| format!("\"{}\"", column.name)).collect();
        // What began then has not ended earlier: the index is of the end.
        let text = format!(
            "SELECT id, {} FROM cdr WHERE id < ?1 AND at_ms >= ?2 AND start >= ?3 AND start < ?4 \
             AND (?5 IS NULL OR accountcode = ?5 OR peeraccount = ?5) AND (?6 IS NULL OR disposition = ?6) \
             AND (?7 IS NULL OR accountcode IN (SELECT value FROM json_each(?7)) \
                  OR peeraccount IN (SELECT value FROM json_each(?7))) \
             ORDER BY id DESC LIMIT ?8",
            names.join(", ")
        );
        let mut statement = connection.prepare(&text)?;
        let lines = wanted.lines.as_ref().map(|lines| serde_json::Value::from(lines.as_slice()).to_string());
        let rows = statement.query_map(
            params![
                wanted.before.unwrap_or(i64::MAX),
                wanted.from_ms.unwrap_or(i64::MIN),
                wanted.from_ms.map(timestamp).unwrap_or_default(),
                wanted.to_ms.map_or_else(|| "~".to_owned(), timestamp),
                wanted.line,
                wanted.disposition,
                lines,
                i64::try_from(wanted.limit).unwrap_or(i64::MAX),
            ],
            |row| Ok((row.get(0)?, fields(row, &RECORD_COLUMNS)?)),
        )?;
        rows.collect()
    }
}

#[cfg(test)]
impl RecordsFile {
    /// A database without records.
    pub(crate) fn create(path: &std::path::Path) {
        drop(super::database::open(path).expect("a place of ours"));
    }

    /// Adds a record, a second after the one before, which began at 2026-11-23 05:00:00.
    pub(crate) fn add(path: &std::path::Path, from: &str, to: &str, disposition: &str) {
        let connection = super::database::open(path).expect("a place of ours");
        let last = "SELECT COALESCE(max(id), 0) FROM cdr";
        let id: i64 = connection.query_row(last, [], |row| row.get(0)).expect("read");
        let ms = 1_795_410_000_000 + (id + 1) * 1_000;
        let value = |name: &str| match name {
            "accountcode" | "src" | "clid" => from.to_owned(),
            "peeraccount" | "dst" => to.to_owned(),
            "disposition" => disposition.to_owned(),
            "userfield" => "case 7".to_owned(),
            "uniqueid" => id.to_string(),
            "start" => timestamp(ms),
            _ => String::new(),
        };
        let fields = RECORD_COLUMNS.iter().map(|column| Field::Text(value(column.name)));
        super::database::insert_record(&connection, ms + 500, fields).expect("written");
    }
}
