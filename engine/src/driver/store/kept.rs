//! What the switch keeps: forwarding lists, and calls that are to be completed.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::switch::{CompletionId, ForwardEntry, ForwardMode, Kept, KeptCompletion};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS forwarding (
    line TEXT NOT NULL,
    place INTEGER NOT NULL,
    mode TEXT NOT NULL,
    caller TEXT,
    destination TEXT,
    rings INTEGER NOT NULL,
    PRIMARY KEY (line, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS completion (
    id INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    called TEXT NOT NULL,
    number TEXT NOT NULL,
    awaits_use INTEGER NOT NULL,
    expires_unix_s INTEGER NOT NULL
);
";

/// Writes one change. Inside of a transaction.
pub(super) fn write(
    connection: &Connection,
    kept: &Kept,
    now: Instant,
    unix_now: Duration,
) -> rusqlite::Result<()> {
    match kept {
        Kept::Forwarding { line, entries, rings } => {
            connection.prepare_cached("DELETE FROM forwarding WHERE line = ?1")?.execute(params![line])?;
            let mut put =
                connection.prepare_cached("INSERT INTO forwarding VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for (place, entry) in (0_i64..).zip(entries) {
                let ForwardEntry { mode, caller, destination } = entry;
                put.execute(params![line, place, mode.name(), caller, destination, rings])?;
            }
        }
        Kept::Completion(completion) => {
            let KeptCompletion { id, line, called, number, awaits_use, expires } = completion;
            let left = expires.saturating_duration_since(now);
            let expires = i64::try_from((unix_now + left).as_secs()).unwrap_or(i64::MAX);
            connection
                .prepare_cached("INSERT OR REPLACE INTO completion VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![id.0, line, called, number, awaits_use, expires])?;
        }
        Kept::CompletionOver(id) => {
            connection.prepare_cached("DELETE FROM completion WHERE id = ?1")?.execute(params![id.0])?;
        }
    }
    Ok(())
}

/// Reads everything that was kept and still holds.
pub(super) fn load(connection: &Connection, now: Instant, unix_now: Duration) -> rusqlite::Result<Vec<Kept>> {
    let mut kept = forwardings(connection)?;
    kept.extend(completions(connection, now, unix_now)?);
    Ok(kept)
}

fn completions(connection: &Connection, now: Instant, unix_now: Duration) -> rusqlite::Result<Vec<Kept>> {
    let seconds = i64::try_from(unix_now.as_secs()).unwrap_or(i64::MAX);
    connection.execute("DELETE FROM completion WHERE expires_unix_s <= ?1", params![seconds])?;
    let mut statement = connection
        .prepare("SELECT id, line, called, number, awaits_use, expires_unix_s FROM completion ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        let left = u64::try_from(row.get::<_, i64>(5)? - seconds).unwrap_or(0);
        Ok(Kept::Completion(KeptCompletion {
            id: CompletionId(row.get(0)?),
            line: row.get::<_, String>(1)?.into(),
            called: row.get::<_, String>(2)?.into(),
            number: row.get(3)?,
            awaits_use: row.get(4)?,
            expires: now + Duration::from_secs(left),
        }))
    })?;
    rows.collect()
}

fn forwardings(connection: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut statement = connection
        .prepare("SELECT line, mode, caller, destination, rings FROM forwarding ORDER BY line, place")?;
    let mut rows = statement.query([])?;
    let mut found: Vec<Kept> = Vec::new();
    while let Some(row) = rows.next()? {
        let (line, mode): (String, String) = (row.get(0)?, row.get(1)?);
        let (caller, destination): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
        // A mode that this version does not know forwards nothing.
        let Some(mode) = ForwardMode::named(&mode) else { continue };
        let entry =
            ForwardEntry { mode, caller: caller.map(Into::into), destination: destination.map(Into::into) };
        match found.last_mut() {
            Some(Kept::Forwarding { line: last, entries, .. }) if **last == *line => entries.push(entry),
            Some(_) | None => {
                let rings = row.get(4)?;
                found.push(Kept::Forwarding { line: line.into(), entries: vec![entry], rings });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    fn memory() -> Connection {
        let connection = Connection::open_in_memory().expect("SQLite is bundled");
        connection.execute_batch(SCHEMA).expect("the schema is valid");
        connection
    }

    const WALL: Duration = Duration::from_secs(1_000_000);

    fn put(connection: &Connection, kept: &Kept) {
        write(connection, kept, clock::now(), WALL).expect("written");
    }

    fn read(connection: &Connection) -> Vec<Kept> {
        load(connection, clock::now(), WALL).expect("read")
    }

    #[test]
    fn a_completion_comes_back_with_the_time_that_is_left_until_it_is_over() {
        let (connection, now) = (memory(), clock::now());
        let completion = |id, seconds| KeptCompletion {
            id: CompletionId(id),
            line: "1001".into(),
            called: "1002".into(),
            number: "1002".to_owned(),
            awaits_use: id == 2,
            expires: now + Duration::from_secs(seconds),
        };
        for (id, seconds) in [(1, 600), (2, 2400), (3, 2400)] {
            write(&connection, &Kept::Completion(completion(id, seconds)), now, WALL).expect("written");
        }
        put(&connection, &Kept::CompletionOver(CompletionId(3)));
        let later = WALL + Duration::from_secs(1000);
        let kept = load(&connection, now, later).expect("read");
        assert_eq!(kept, [Kept::Completion(completion(2, 1400))]);
    }

    fn forwarding(line: &str, modes: &[ForwardMode], rings: u32) -> Kept {
        let entry = |mode: &ForwardMode| ForwardEntry {
            mode: *mode,
            caller: mode.is_specific().then(|| "030".into()),
            destination: (*mode != ForwardMode::Uncond).then(|| "1003".into()),
        };
        Kept::Forwarding { line: line.into(), entries: modes.iter().map(entry).collect(), rings }
    }

    #[test]
    fn a_forwarding_list_comes_back_in_its_order() {
        let connection = memory();
        let kept = [forwarding("1001", &ForwardMode::ALL, 3), forwarding("1002", &[ForwardMode::BusyNa], 5)];
        for kept in &kept {
            put(&connection, kept);
        }
        assert_eq!(read(&connection), kept);
    }

    #[test]
    fn a_list_replaces_the_one_before_and_an_empty_one_removes_it() {
        let connection = memory();
        put(&connection, &forwarding("1001", &[ForwardMode::Busy, ForwardMode::NoAnsw], 3));
        let other = forwarding("1001", &[ForwardMode::UncondSpecific], 4);
        put(&connection, &other);
        assert_eq!(read(&connection), [other]);
        put(&connection, &forwarding("1001", &[], 4));
        assert!(read(&connection).is_empty());
    }
}
