//! The database of records: what was written of calls, what is kept of those that are not over, how far the text files are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};

use crate::config;
use crate::driver::clock;
use crate::driver::store::{make_private, put_aside};
use crate::records::{Column, EVENT_COLUMNS, Field, KeptCallState, KeptKey, Ledger, RECORD_COLUMNS};

/// Rows that are removed at once: whoever waits for the database waits no longer than that.
pub(super) const REMOVED_AT_ONCE: i64 = 10_000;

/// Pages that the file is shortened by at once.
const FREED_AT_ONCE: i64 = 2_048;

/// How long it is known that a call is over: until the switch's store knows it for sure, or has asked whom it took back.
const ENDED_FOR: Duration = Duration::from_secs(600);

/// Of how many calls that is known.
const ENDED_MAX: i64 = 65_536;

const SETTINGS: &str = "
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -1024;
PRAGMA secure_delete = ON;
";

const OWN_TABLES: &str = "
CREATE TABLE IF NOT EXISTS kept (kind INTEGER NOT NULL, id INTEGER NOT NULL, state BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ended (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS beat (id INTEGER PRIMARY KEY CHECK (id = 1), unix_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS appended (
    format TEXT PRIMARY KEY,
    inode INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    cdr INTEGER NOT NULL,
    cel INTEGER NOT NULL,
    since_ms INTEGER NOT NULL
) WITHOUT ROWID;
";

/// How far a text file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Appended {
    /// Which file it is.
    pub(super) inode: i64,
    /// How long it is.
    pub(super) bytes: i64,
    /// The last record in it.
    pub(super) cdr: i64,
    /// The last event in it.
    pub(super) cel: i64,
    /// When it was begun.
    pub(super) since_ms: i64,
}

/// The database.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    connection: Option<Connection>,
    keep: Duration,
    bytes_max: u64,
}

impl Database {
    /// The one at this path, opened when it is needed.
    pub(super) fn at(path: PathBuf, wanted: &config::Records) -> Self {
        let keep = Duration::from_secs(u64::from(wanted.keep_days) * 86_400);
        Self { path, connection: None, keep, bytes_max: wanted.bytes_max }
    }

    pub(super) fn connection(&mut self) -> rusqlite::Result<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open(&self.path)?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Gives the ledger back what was kept; when the engine was last known to run.
    pub(super) fn restore(&mut self, ledger: &mut Ledger) -> rusqlite::Result<Option<i64>> {
        let connection = self.connection()?;
        let mut rows = connection.prepare("SELECT kind, id, state FROM kept ORDER BY kind, id")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(1)?;
            let key = key(row.get(0)?, u64::try_from(id).unwrap_or(0));
            // A form of another version is nobody's: the calls that it told of are over.
            match KeptCallState::from_bytes(row.get_ref(2)?.as_blob().unwrap_or_default()) {
                Some(kept) => ledger.restore(key, kept),
                None => ledger.discard(key),
            }
        }
        let mut ended = connection.prepare("SELECT id FROM ended")?;
        let mut ended = ended.query([])?;
        while let Some(row) = ended.next()? {
            ledger.restore_ended(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0));
        }
        connection.query_row("SELECT unix_ms FROM beat", [], |row| row.get(0)).optional()
    }

    /// Writes everything that is new of the ledger, or nothing.
    pub(super) fn write(&mut self, ledger: &Ledger) -> rusqlite::Result<()> {
        let unix_ms = i64::try_from(clock::unix_now().as_millis()).unwrap_or(i64::MAX);
        let transaction = self.connection()?.transaction()?;
        {
            let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO kept VALUES (?1, ?2, ?3)")?;
            let mut remove = transaction.prepare_cached("DELETE FROM kept WHERE kind = ?1 AND id = ?2")?;
            let mut end = transaction.prepare_cached("INSERT OR REPLACE INTO ended VALUES (?1, ?2)")?;
            let mut again = transaction.prepare_cached("DELETE FROM ended WHERE id = ?1")?;
            for (key, kept) in ledger.changes() {
                let (kind, id) = match key {
                    KeptKey::Call(id) => (0, id),
                    KeptKey::Record(serial) => (1, serial),
                };
                let id = i64::try_from(id).unwrap_or(i64::MAX);
                match &kept {
                    Some(kept) => put.execute(params![kind, id, kept.to_bytes()])?,
                    None => remove.execute(params![kind, id])?,
                };
                // Whose number is given out again, as by another state of the switch, is not over.
                match (key, kept) {
                    (KeptKey::Call(_), None) => end.execute([id, unix_ms])?,
                    (KeptKey::Call(_), Some(_)) => again.execute([id])?,
                    (KeptKey::Record(_), _) => 0,
                };
            }
            let mut insert = transaction.prepare_cached(&insert("cdr", &RECORD_COLUMNS))?;
            for record in ledger.records() {
                insert.execute(params_from_iter(row_of(record.end_ms, record.fields())))?;
            }
            let mut insert = transaction.prepare_cached(&self::insert("cel", &EVENT_COLUMNS))?;
            for event in ledger.events() {
                insert.execute(params_from_iter(row_of(event.at_ms, event.fields())))?;
            }
            transaction.prepare_cached("INSERT OR REPLACE INTO beat VALUES (1, ?1)")?.execute([unix_ms])?;
        }
        transaction.commit()
    }

    /// How far a text file is.
    pub(super) fn appended(&mut self, format: &str) -> rusqlite::Result<Appended> {
        let mut statement = self
            .connection()?
            .prepare_cached("SELECT inode, bytes, cdr, cel, since_ms FROM appended WHERE format = ?1")?;
        let read = |row: &Row<'_>| {
            let (inode, bytes, cdr) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Appended { inode, bytes, cdr, cel: row.get(3)?, since_ms: row.get(4)? })
        };
        Ok(statement.query_row([format], read).optional()?.unwrap_or_default())
    }

    pub(super) fn set_appended(&mut self, format: &str, to: Appended) -> rusqlite::Result<()> {
        let Appended { inode, bytes, cdr, cel, since_ms } = to;
        self.connection()?
            .prepare_cached("INSERT OR REPLACE INTO appended VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![format, inode, bytes, cdr, cel, since_ms])?;
        Ok(())
    }

    /// Records after this one, in order, each with its number.
    pub(super) fn records_after(
        &mut self,
        id: i64,
        at_most: usize,
    ) -> rusqlite::Result<Vec<(i64, Vec<Field>)>> {
        read(self.connection()?, "cdr", &RECORD_COLUMNS, id, at_most)
    }

    /// The same of events.
    pub(super) fn events_after(
        &mut self,
        id: i64,
        at_most: usize,
    ) -> rusqlite::Result<Vec<(i64, Vec<Field>)>> {
        read(self.connection()?, "cel", &EVENT_COLUMNS, id, at_most)
    }

    /// Forgets of calls that they are over, after a while.
    pub(super) fn forget_ended(&mut self, unix_now: Duration) -> rusqlite::Result<()> {
        let before = i64::try_from(unix_now.saturating_sub(ENDED_FOR).as_millis()).unwrap_or(i64::MAX);
        let connection = self.connection()?;
        connection.prepare_cached("DELETE FROM ended WHERE at_ms < ?1")?.execute([before])?;
        let newest =
            "DELETE FROM ended WHERE id IN (SELECT id FROM ended ORDER BY at_ms DESC LIMIT -1 OFFSET ?1)";
        connection.prepare_cached(newest)?.execute([ENDED_MAX])?;
        Ok(())
    }

    /// Removes what is older than it is to be kept, and the oldest of what is too much; whether there is more of it.
    pub(super) fn tidy(&mut self, unix_now: Duration) -> rusqlite::Result<bool> {
        let before = unix_now.saturating_sub(self.keep);
        let before = i64::try_from(before.as_millis()).unwrap_or(i64::MAX);
        let bytes_max = self.bytes_max;
        let connection = self.connection()?;
        let (mut removed, mut is_behind) = (0, false);
        let mut remove = |connection: &Connection, before: i64, most: i64| -> rusqlite::Result<()> {
            for table in ["cdr", "cel"] {
                let old = format!(
                    "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)"
                );
                let rows = connection.prepare_cached(&old)?.execute([before, most])?;
                is_behind |= i64::try_from(rows).is_ok_and(|rows| rows >= most);
                removed += rows;
            }
            Ok(())
        };
        remove(connection, before, REMOVED_AT_ONCE)?;
        let bytes = (number(connection, "page_count")? - number(connection, "freelist_count")?)
            * number(connection, "page_size")?;
        if bytes > bytes_max {
            // A record goes with the events of its time: of a call there are ten of these to one of those.
            if let Some((before, most)) = oldest_tenth(connection)? {
                remove(connection, before, most)?;
                is_behind = true;
            }
        }
        if removed > 0 {
            tracing::info!(rows = removed, "records of calls were removed: too old, or too many");
        }
        if number(connection, "freelist_count")? > 0 {
            // It frees a page at each step.
            let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({FREED_AT_ONCE})"))?;
            let mut steps = vacuum.query([])?;
            while steps.next()?.is_some() {}
            drop(steps);
            drop(vacuum);
            connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE);")?;
            is_behind |= number(connection, "freelist_count")? > 0;
        }
        Ok(is_behind)
    }

    /// Closes it until it is needed again.
    #[cfg(test)]
    pub(super) fn close(&mut self) {
        self.connection = None;
    }

    /// Renames the file; another is begun when something is written.
    pub(super) fn put_aside(&mut self) -> PathBuf {
        self.connection = None;
        put_aside(&self.path)
    }
}

/// Before what moment the oldest tenth is of the table that has more rows, and how many those are, [`REMOVED_AT_ONCE`] at most; `None`: there
/// are none.
fn oldest_tenth(connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let mut most = ("cdr", 0);
    for table in ["cdr", "cel"] {
        let span = format!("SELECT coalesce(max(id) - min(id) + 1, 0) FROM {table}");
        let rows: i64 = connection.query_row(&span, [], |row| row.get(0))?;
        most = if rows > most.1 { (table, rows) } else { most };
    }
    let (table, rows) = most;
    let last = format!("SELECT at_ms FROM {table} ORDER BY at_ms LIMIT 1 OFFSET ?1");
    let tenth = (rows / 10).clamp(1, REMOVED_AT_ONCE);
    let found = connection.query_row(&last, [tenth - 1], |row| row.get::<_, i64>(0)).optional()?;
    Ok(found.map(|at_ms| (at_ms.saturating_add(1), tenth)))
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<u64> {
    let number: i64 = connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))?;
    Ok(u64::try_from(number).unwrap_or(0))
}

pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    if let Some(directory) = path.parent() {
        // Where that cannot be done, opening says why.
        drop(std::fs::create_dir_all(directory));
    }
    make_private(path);
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch(SETTINGS)?;
    connection.execute_batch(OWN_TABLES)?;
    connection.execute_batch(&table("cdr", &RECORD_COLUMNS))?;
    connection.execute_batch("CREATE UNIQUE INDEX IF NOT EXISTS cdr_once ON cdr (uniqueid, sequence);")?;
    connection.execute_batch(&table("cel", &EVENT_COLUMNS))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn table(name: &str, columns: &[Column]) -> String {
    let mut text = format!(
        "CREATE TABLE IF NOT EXISTS {name} (id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL"
    );
    for Column { name, kind } in columns {
        text.push_str(&format!(", \"{name}\" {kind}"));
    }
    text.push_str(");\n");
    text.push_str(&format!("CREATE INDEX IF NOT EXISTS {name}_at ON {name} (at_ms);"));
    text
}

/// What is there already is not written twice.
fn insert(name: &str, columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let marks: Vec<_> = (1..=columns.len() + 1).map(|place| format!("?{place}")).collect();
    format!("INSERT OR IGNORE INTO {name} (at_ms, {}) VALUES ({})", names.join(", "), marks.join(", "))
}

/// One record.
#[cfg(test)]
pub(super) fn insert_record(
    connection: &Connection,
    at_ms: i64,
    fields: impl Iterator<Item = Field>,
) -> rusqlite::Result<usize> {
    connection.prepare(&insert("cdr", &RECORD_COLUMNS))?.execute(params_from_iter(row_of(at_ms, fields)))
}

fn row_of(at_ms: i64, fields: impl Iterator<Item = Field>) -> impl Iterator<Item = Box<dyn ToSql>> {
    let value = |field| -> Box<dyn ToSql> {
        match field {
            Field::Empty => Box::new(None::<i64>),
            Field::Integer(number) => Box::new(number),
            Field::Real(number) => Box::new(number),
            Field::Text(text) => Box::new(text),
        }
    };
    let at_ms: Box<dyn ToSql> = Box::new(at_ms);
    [at_ms].into_iter().chain(fields.map(value))
}

fn read(
    connection: &Connection,
    table: &str,
    columns: &[Column],
    id: i64,
    at_most: usize,
) -> rusqlite::Result<Vec<(i64, Vec<Field>)>> {
    let names: Vec<_> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let text = format!("SELECT id, {} FROM {table} WHERE id > ?1 ORDER BY id LIMIT ?2", names.join(", "));
    let mut statement = connection.prepare_cached(&text)?;
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    statement.query_map(params![id, at_most], |row| Ok((row.get(0)?, fields(row, columns)?)))?.collect()
}

/// What a row has behind its number.
pub(super) fn fields(row: &Row<'_>, columns: &[Column]) -> rusqlite::Result<Vec<Field>> {
    let field = |place| {
        Ok(match row.get_ref(place)? {
            ValueRef::Null | ValueRef::Blob(_) => Field::Empty,
            ValueRef::Integer(number) => Field::Integer(number),
            ValueRef::Real(number) => Field::Real(number),
            ValueRef::Text(text) => Field::Text(String::from_utf8_lossy(text).into_owned()),
        })
    };
    (1..=columns.len()).map(field).collect()
}

fn key(kind: i64, id: u64) -> KeptKey {
    if kind == 0 { KeptKey::Call(id) } else { KeptKey::Record(id) }
}
