//! Subscriptions of phones that go on after a restart.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::{Connection, Row, params};
use trunkline_sip::dialog::KeptDialog;
use trunkline_sip::ids::{ConnectionId, UsageId};
use trunkline_sip::outbox::{KeptSubscription, SubscriptionChange};
use trunkline_sip::sdp::Origin;
use trunkline_sip::token::Token;
use trunkline_sip::transport::{Flow, Transport};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS subscription (
    id INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    event TEXT NOT NULL,
    uri TEXT NOT NULL,
    tag TEXT NOT NULL,
    call_id TEXT NOT NULL,
    local TEXT NOT NULL,
    remote TEXT NOT NULL,
    remote_tag TEXT NOT NULL,
    target TEXT NOT NULL,
    routes TEXT NOT NULL,
    local_cseq INTEGER NOT NULL,
    remote_cseq INTEGER,
    local_address TEXT NOT NULL,
    remote_address TEXT NOT NULL,
    contact_user TEXT NOT NULL,
    version INTEGER NOT NULL,
    last_dialog INTEGER NOT NULL,
    instance TEXT,
    expires_unix_s INTEGER NOT NULL
);
";

/// No subscription lasts longer, in seconds.
const LEFT_MAX_S: u64 = 3_600;

/// What is to be written: of several changes of one subscription the last.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    waiting: HashMap<UsageId, Option<Box<KeptSubscription>>>,
}

impl Subscriptions {
    pub(super) fn take(&mut self, change: SubscriptionChange) {
        match change {
            SubscriptionChange::Put(id, kept) => self.waiting.insert(id, Some(kept)),
            SubscriptionChange::Remove(id) => self.waiting.insert(id, None),
        };
    }

    /// How many changes wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// What waited was written, or is given up: who is not told subscribes again.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Writes what waits, inside of a transaction.
    pub(super) fn write(
        &self,
        connection: &Connection,
        now: Instant,
        unix_now: Duration,
    ) -> rusqlite::Result<()> {
        let mut put = connection.prepare_cached(
            "INSERT OR REPLACE INTO subscription VALUES
             (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
        )?;
        let mut remove = connection.prepare_cached("DELETE FROM subscription WHERE id = ?1")?;
        for (id, kept) in &self.waiting {
            let id = id.0.cast_signed();
            let Some(kept) = kept else {
                remove.execute(params![id])?;
                continue;
            };
            let KeptSubscription { line, event, uri, dialog, version, last_dialog, instance, expires } =
                &**kept;
            let unix = unix_now + expires.saturating_duration_since(now);
            put.execute(params![
                id,
                line,
                event,
                uri,
                dialog.tag.to_string(),
                dialog.call_id,
                dialog.local,
                dialog.remote,
                dialog.remote_tag,
                dialog.target,
                // No header value has a line end in it.
                dialog.routes.join("\n"),
                dialog.local_cseq,
                dialog.remote_cseq,
                dialog.flow.local.to_string(),
                dialog.flow.remote.to_string(),
                dialog.user,
                version,
                last_dialog.cast_signed(),
                instance,
                i64::try_from(unix.as_secs()).unwrap_or(i64::MAX),
            ])?;
        }
        Ok(())
    }
}

/// Reads those that still hold; the others are deleted.
pub(super) fn load(
    connection: &Connection,
    now: Instant,
    unix_now: Duration,
) -> rusqlite::Result<Vec<(UsageId, KeptSubscription)>> {
    let seconds = i64::try_from(unix_now.as_secs()).unwrap_or(i64::MAX);
    // Where the disk is full they are left, and not read another time either.
    drop(connection.execute("DELETE FROM subscription WHERE expires_unix_s <= ?1", params![seconds]));
    let mut statement =
        connection.prepare("SELECT * FROM subscription WHERE expires_unix_s > ?1 ORDER BY id")?;
    let mut rows = statement.query(params![seconds])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        // A clock that was set back gives nobody a longer life.
        let left = u64::try_from(row.get::<_, i64>(19)? - seconds).unwrap_or(0).min(LEFT_MAX_S);
        found.extend(read(row, now + Duration::from_secs(left))?);
    }
    Ok(found)
}

fn read(row: &Row<'_>, expires: Instant) -> rusqlite::Result<Option<(UsageId, KeptSubscription)>> {
    let (tag, local, remote): (String, String, String) = (row.get(4)?, row.get(13)?, row.get(14)?);
    let (Some(tag), Ok(local), Ok(remote)) = (Token::parse(&tag), local.parse(), remote.parse()) else {
        return Ok(None);
    };
    let flow = Flow { transport: Transport::Udp, local, remote, connection: ConnectionId::default() };
    let dialog = KeptDialog {
        is_caller: false,
        tag,
        call_id: row.get(5)?,
        local: row.get(6)?,
        remote: row.get(7)?,
        remote_tag: row.get(8)?,
        target: row.get(9)?,
        routes: row.get::<_, String>(10)?.lines().map(str::to_owned).collect(),
        local_cseq: row.get(11)?,
        remote_cseq: row.get(12)?,
        flow,
        user: row.get(15)?,
        origin: Origin { id: 0, version: 0 },
        description: Bytes::new(),
        timer: None,
        takes_update: false,
    };
    let kept = KeptSubscription {
        line: row.get::<_, String>(1)?.into(),
        event: row.get(2)?,
        uri: row.get(3)?,
        dialog,
        version: row.get(16)?,
        last_dialog: row.get::<_, i64>(17)?.cast_unsigned(),
        instance: row.get(18)?,
        expires,
    };
    Ok(Some((UsageId(row.get::<_, i64>(0)?.cast_unsigned()), kept)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::clock;

    const WALL: Duration = Duration::from_secs(1_000_000);

    fn kept(now: Instant, seconds: u64) -> KeptSubscription {
        let address = |text: &str| text.parse().expect("an address");
        let flow = Flow {
            transport: Transport::Udp,
            local: address("192.0.2.1:5060"),
            remote: address("[2001:db8::7]:5062"),
            connection: ConnectionId::default(),
        };
        KeptSubscription {
            line: "1001".into(),
            event: "dialog;sla;id=7".to_owned(),
            uri: "sip:1002@pbx.example".to_owned(),
            dialog: KeptDialog {
                is_caller: false,
                tag: Token { worker: 0xffff, bits: u64::MAX },
                call_id: "a@b".to_owned(),
                local: "<sip:1002@pbx.example>;tag=x".to_owned(),
                remote: "\"Ümlaut\" <sip:1001@pbx.example>;tag=y".to_owned(),
                remote_tag: "y".to_owned(),
                target: "sip:1001@10.0.0.7".to_owned(),
                routes: vec!["<sip:edge;lr>".to_owned(), "<sip:core;lr>".to_owned()],
                local_cseq: u32::MAX,
                remote_cseq: Some(7),
                flow,
                user: "1002".to_owned(),
                origin: Origin { id: 0, version: 0 },
                description: Bytes::new(),
                timer: None,
                takes_update: false,
            },
            version: u32::MAX,
            last_dialog: u64::MAX,
            instance: Some("\"<urn:uuid:1>\"".to_owned()),
            expires: now + Duration::from_secs(seconds),
        }
    }

    #[test]
    fn a_subscription_comes_back_until_it_is_over() {
        let (connection, now) = (Connection::open_in_memory().expect("SQLite is bundled"), clock::now());
        connection.execute_batch(SCHEMA).expect("the schema is valid");
        let mut subscriptions = Subscriptions::default();
        let id = |serial| UsageId::new(0xffff, serial);
        let plain = KeptSubscription {
            instance: None,
            dialog: KeptDialog { remote_cseq: None, routes: Vec::new(), ..kept(now, 1_800).dialog },
            ..kept(now, 1_800)
        };
        for (serial, kept) in
            [(1, kept(now, 600)), (2, plain.clone()), (3, kept(now, 1_800)), (4, kept(now, 1_800))]
        {
            subscriptions.take(SubscriptionChange::Put(id(serial), Box::new(kept)));
        }
        subscriptions.take(SubscriptionChange::Remove(id(4)));
        let write =
            |subscriptions: &Subscriptions| subscriptions.write(&connection, now, WALL).expect("written");
        write(&subscriptions);
        subscriptions.clear();
        assert_eq!(subscriptions.len(), 0);
        let load = |wall| load(&connection, now, wall).expect("read");
        assert_eq!(load(WALL), [(id(1), kept(now, 600)), (id(2), plain), (id(3), kept(now, 1_800))]);
        subscriptions.take(SubscriptionChange::Remove(id(2)));
        write(&subscriptions);
        assert_eq!(load(WALL + Duration::from_secs(600)), [(id(3), kept(now, 1_200))]);
    }
}
