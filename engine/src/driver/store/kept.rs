//! What the switch keeps: forwarding lists.

use rusqlite::{Connection, params};

use crate::switch::{ForwardEntry, ForwardMode, Kept};

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
";

/// Writes one change. Inside of a transaction.
pub(super) fn write(connection: &Connection, kept: &Kept) -> rusqlite::Result<()> {
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
    }
    Ok(())
}

/// Reads everything that was kept.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Vec<Kept>> {
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

    fn memory() -> Connection {
        let connection = Connection::open_in_memory().expect("SQLite is bundled");
        connection.execute_batch(SCHEMA).expect("the schema is valid");
        connection
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
            write(&connection, kept).expect("written");
        }
        assert_eq!(load(&connection).expect("read"), kept);
    }

    #[test]
    fn a_list_replaces_the_one_before_and_an_empty_one_removes_it() {
        let connection = memory();
        write(&connection, &forwarding("1001", &[ForwardMode::Busy, ForwardMode::NoAnsw], 3))
            .expect("written");
        let other = forwarding("1001", &[ForwardMode::UncondSpecific], 4);
        write(&connection, &other).expect("written");
        assert_eq!(load(&connection).expect("read"), [other]);
        write(&connection, &forwarding("1001", &[], 4)).expect("written");
        assert!(load(&connection).expect("read").is_empty());
    }
}
