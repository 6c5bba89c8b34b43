//! What the switch keeps: forwarding lists, calls that are to be completed, how many messages lines have.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Row, params};
use trunkline_media::PortPair;
use trunkline_sip::outbox::{CompletionOffer, MessageCounts};

use crate::switch::{CompletionId, ForwardEntry, ForwardMode, Kept, KeptCompletion, KeptElsewhere};

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
CREATE TABLE IF NOT EXISTS numbers (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    calls INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS ports (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    rtp BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS completion_elsewhere (
    id INTEGER PRIMARY KEY,
    trunk TEXT NOT NULL,
    number TEXT NOT NULL,
    uri TEXT,
    mode TEXT,
    peer TEXT
);
CREATE TABLE IF NOT EXISTS messages (
    line TEXT PRIMARY KEY,
    is_waiting INTEGER NOT NULL,
    fresh INTEGER NOT NULL,
    heard INTEGER NOT NULL,
    urgent_fresh INTEGER NOT NULL,
    urgent_heard INTEGER NOT NULL
) WITHOUT ROWID;
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
            let KeptCompletion { id, line, called, number, awaits_use, expires, elsewhere } = completion;
            let left = expires.saturating_duration_since(now);
            let expires = i64::try_from((unix_now + left).as_secs()).unwrap_or(i64::MAX);
            connection
                .prepare_cached("INSERT OR REPLACE INTO completion VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![id.0, line, called, number, awaits_use, expires])?;
            write_elsewhere(connection, *id, elsewhere.as_ref())?;
        }
        Kept::CompletionOver(id) => {
            connection.prepare_cached("DELETE FROM completion WHERE id = ?1")?.execute(params![id.0])?;
            write_elsewhere(connection, *id, None)?;
        }
        Kept::Numbers(last) => {
            connection
                .prepare_cached("INSERT OR REPLACE INTO numbers VALUES (1, ?1)")?
                .execute(params![last.cast_signed()])?;
        }
        Kept::Ports(ports) => {
            let rtp: Vec<u8> = ports.iter().flat_map(|pair| pair.rtp().to_le_bytes()).collect();
            connection
                .prepare_cached("INSERT OR REPLACE INTO ports VALUES (1, ?1)")?
                .execute(params![rtp])?;
        }
        Kept::Messages { line, counts } => {
            let MessageCounts { is_waiting, new, old, urgent_new, urgent_old } = counts;
            connection
                .prepare_cached("INSERT OR REPLACE INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![line, is_waiting, new, old, urgent_new, urgent_old])?;
        }
        // Written as they stand when their turn comes, not as they follow each other.
        Kept::Call(_) | Kept::CallOver(_) => {}
    }
    Ok(())
}

fn write_elsewhere(
    connection: &Connection,
    id: CompletionId,
    elsewhere: Option<&KeptElsewhere>,
) -> rusqlite::Result<()> {
    let Some(KeptElsewhere { trunk, number, offer }) = elsewhere else {
        connection
            .prepare_cached("DELETE FROM completion_elsewhere WHERE id = ?1")?
            .execute(params![id.0])?;
        return Ok(());
    };
    let (uri, mode, peer) = match offer {
        Some((offer, peer)) => (Some(&offer.uri), offer.mode, Some(peer.to_string())),
        None => (None, None, None),
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO completion_elsewhere VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![id.0, trunk, number, uri, mode, peer])?;
    Ok(())
}

/// Reads everything that was kept and still holds.
pub(super) fn load(connection: &Connection, now: Instant, unix_now: Duration) -> rusqlite::Result<Vec<Kept>> {
    let last: Option<i64> = connection.query_row("SELECT max(calls) FROM numbers", [], |row| row.get(0))?;
    let mut kept: Vec<Kept> = last.map(|last| Kept::Numbers(last.cast_unsigned())).into_iter().collect();
    kept.extend(ports(connection)?);
    kept.extend(forwardings(connection)?);
    kept.extend(completions(connection, now, unix_now)?);
    kept.extend(messages(connection)?);
    Ok(kept)
}

fn messages(connection: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut statement = connection.prepare("SELECT * FROM messages ORDER BY line")?;
    let rows = statement.query_map([], |row| {
        let counts = MessageCounts {
            is_waiting: row.get(1)?,
            new: row.get(2)?,
            old: row.get(3)?,
            urgent_new: row.get(4)?,
            urgent_old: row.get(5)?,
        };
        Ok(Kept::Messages { line: row.get::<_, String>(0)?.into(), counts })
    })?;
    rows.collect()
}

fn ports(connection: &Connection) -> rusqlite::Result<Option<Kept>> {
    let rtp: Option<Vec<u8>> =
        connection.query_row("SELECT rtp FROM ports", [], |row| row.get(0)).optional()?;
    let pairs = |rtp: Vec<u8>| {
        let (pairs, _) = rtp.as_chunks();
        Kept::Ports(pairs.iter().map(|rtp| PortPair(u16::from_le_bytes(*rtp))).collect())
    };
    Ok(rtp.map(pairs))
}

fn completions(connection: &Connection, now: Instant, unix_now: Duration) -> rusqlite::Result<Vec<Kept>> {
    let seconds = i64::try_from(unix_now.as_secs()).unwrap_or(i64::MAX);
    // Where the disk is full the others are left, and not read another time either.
    drop(connection.execute("DELETE FROM completion WHERE expires_unix_s <= ?1", params![seconds]));
    drop(
        connection.execute(
            "DELETE FROM completion_elsewhere WHERE id NOT IN (SELECT id FROM completion)",
            params![],
        ),
    );
    let mut statement = connection.prepare(
        "SELECT completion.id, line, called, completion.number, awaits_use, expires_unix_s,
                trunk, completion_elsewhere.number, uri, mode, peer
         FROM completion LEFT JOIN completion_elsewhere ON completion_elsewhere.id = completion.id
         WHERE expires_unix_s > ?1
         ORDER BY completion.id",
    )?;
    let rows = statement.query_map(params![seconds], |row| {
        let left = u64::try_from(row.get::<_, i64>(5)? - seconds).unwrap_or(0);
        Ok(Kept::Completion(KeptCompletion {
            id: CompletionId(row.get(0)?),
            line: row.get::<_, String>(1)?.into(),
            called: row.get::<_, String>(2)?.into(),
            number: row.get(3)?,
            awaits_use: row.get(4)?,
            expires: now + Duration::from_secs(left),
            elsewhere: elsewhere(row)?,
        }))
    })?;
    rows.collect()
}

fn elsewhere(row: &Row<'_>) -> rusqlite::Result<Option<KeptElsewhere>> {
    let Some(trunk) = row.get::<_, Option<String>>(6)? else { return Ok(None) };
    let (uri, mode, peer): (Option<String>, Option<String>, Option<String>) =
        (row.get(8)?, row.get(9)?, row.get(10)?);
    let mode = MODES.into_iter().find(|known| mode.as_deref() == Some(*known));
    let peer = peer.and_then(|peer| peer.parse().ok());
    let offer = uri.zip(peer).map(|(uri, peer)| (CompletionOffer { uri, mode }, peer));
    Ok(Some(KeptElsewhere { trunk: trunk.into(), number: row.get(7)?, offer }))
}

/// `m` of RFC 6910.
const MODES: [&str; 3] = ["BS", "NR", "NL"];

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
            elsewhere: None,
        };
        for (id, seconds) in [(1, 600), (2, 2400), (3, 2400)] {
            write(&connection, &Kept::Completion(completion(id, seconds)), now, WALL).expect("written");
        }
        put(&connection, &Kept::CompletionOver(CompletionId(3)));
        let later = WALL + Duration::from_secs(1000);
        let kept = load(&connection, now, later).expect("read");
        assert_eq!(kept, [Kept::Completion(completion(2, 1400))]);
    }

    #[test]
    fn a_completion_at_another_system_comes_back_with_what_was_offered_there() {
        let (connection, now) = (memory(), clock::now());
        let offered = |mode| {
            let offer = CompletionOffer { uri: "sip:cc@198.51.100.8;x=1".to_owned(), mode };
            (offer, "2001:db8::8".parse().expect("an address"))
        };
        let elsewhere = |offer| KeptElsewhere { trunk: "carrier".into(), number: "30".to_owned(), offer };
        let completion = |id, elsewhere| {
            Kept::Completion(KeptCompletion {
                id: CompletionId(id),
                line: "1001".into(),
                called: "carrier 30".into(),
                number: "030".to_owned(),
                awaits_use: false,
                expires: now + Duration::from_secs(60),
                elsewhere,
            })
        };
        let mut kept = vec![completion(1, None)];
        for (id, mode) in (2..).zip([None, Some("BS"), Some("NR"), Some("NL")]) {
            kept.push(completion(id, Some(elsewhere(Some(offered(mode))))));
        }
        let put = |kept: &Kept| write(&connection, kept, now, WALL).expect("written");
        kept.iter().for_each(put);
        assert_eq!(load(&connection, now, WALL).expect("read"), kept);
        kept[1] = completion(2, Some(elsewhere(None)));
        put(&kept[1]);
        put(&Kept::CompletionOver(CompletionId(3)));
        kept.remove(2);
        assert_eq!(load(&connection, now, WALL).expect("read"), kept);

        assert!(load(&connection, now, WALL + Duration::from_secs(60)).expect("read").is_empty());
        let left: u32 = connection
            .query_row("SELECT count(*) FROM completion_elsewhere", [], |row| row.get(0))
            .expect("counted");
        assert_eq!(left, 0, "what is over goes from both tables");
    }

    #[test]
    fn the_last_number_comes_back() {
        let connection = memory();
        for last in [7, 100_007] {
            put(&connection, &Kept::Numbers(last));
        }
        assert_eq!(read(&connection), [Kept::Numbers(100_007)]);
    }

    #[test]
    fn the_last_ports_come_back() {
        let connection = memory();
        assert!(read(&connection).is_empty());
        let ports = |ports: &[u16]| Kept::Ports(ports.iter().copied().map(PortPair).collect());
        for noted in [ports(&[20_000, 20_002]), ports(&[65_534, 2, 20_002])] {
            put(&connection, &noted);
            assert_eq!(read(&connection), [noted]);
        }
    }

    #[test]
    fn the_last_messages_of_each_line_come_back() {
        let connection = memory();
        let messages = |line: &str, is_waiting, new| Kept::Messages {
            line: line.into(),
            counts: MessageCounts { is_waiting, new, old: 8, urgent_new: 0, urgent_old: 1 },
        };
        for kept in [messages("1002", true, 9_999), messages("1001", true, 2), messages("1001", false, 0)] {
            put(&connection, &kept);
        }
        assert_eq!(read(&connection), [messages("1001", false, 0), messages("1002", true, 9_999)]);
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
