//! State that outlives the process: registrations and what the switch keeps, in SQLite, written behind and never more
//! than a second late.

mod kept;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use trunkline_sip::ids::ConnectionId;
use trunkline_sip::location::Binding;
use trunkline_sip::outbox::BindingChange;
use trunkline_sip::transport::{Flow, Transport};

use super::clock;
use super::metrics::{Counter, Metrics};
use crate::switch::Kept;

/// Changes that wait to be written. Full: the change is kept in memory only and counted.
const QUEUE: usize = 65_536;

/// Changes of this long are written in one transaction. With the write itself well below one second.
const GATHER: Duration = Duration::from_millis(200);

/// Changes written in one transaction.
const BATCH: usize = 10_000;

const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS binding (
    line TEXT NOT NULL,
    key TEXT NOT NULL,
    contact TEXT NOT NULL,
    params TEXT NOT NULL,
    q_milli INTEGER NOT NULL,
    path TEXT NOT NULL,
    transport TEXT NOT NULL,
    local TEXT NOT NULL,
    remote TEXT NOT NULL,
    call_id TEXT NOT NULL,
    cseq INTEGER NOT NULL,
    user_agent TEXT NOT NULL,
    expires_unix_s INTEGER NOT NULL,
    PRIMARY KEY (line, key)
) WITHOUT ROWID;
";

/// Something to write.
#[derive(Debug)]
enum Change {
    Binding(BindingChange),
    Kept(Kept),
}

/// The store of this process. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    queue: SyncSender<Change>,
    metrics: Arc<Metrics>,
}

/// A store that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Store,
    /// The bindings that still hold.
    pub(crate) bindings: Vec<(Arc<str>, Binding)>,
    /// What the switch had kept.
    pub(crate) kept: Vec<Kept>,
    /// Ends when every [`Store`] is gone and what it gathered is written.
    pub(crate) writer: JoinHandle<()>,
}

/// A store that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("{path}: {error}")]
    Sqlite {
        /// The file.
        path: String,
        /// What SQLite says.
        error: rusqlite::Error,
    },
    /// The writer's thread could not be made.
    #[error("the store's thread: {0}")]
    Thread(std::io::Error),
}

impl Store {
    /// Opens the file, reads what it holds, and starts the writer.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened or read, or the thread cannot be made.
    pub(crate) fn open(path: &Path, metrics: Arc<Metrics>) -> Result<Opened, StoreError> {
        let named = |error| StoreError::Sqlite { path: path.display().to_string(), error };
        let connection = Connection::open(path).map_err(named)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(named)?;
        connection.execute_batch(SCHEMA).map_err(named)?;
        connection.execute_batch(kept::SCHEMA).map_err(named)?;
        let bindings = load(&connection, clock::now(), clock::unix_now()).map_err(named)?;
        let kept = kept::load(&connection, clock::now(), clock::unix_now()).map_err(named)?;
        let (queue, changes) = sync_channel(QUEUE);
        let counted = Arc::clone(&metrics);
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || write_behind(connection, &changes, &counted))
            .map_err(StoreError::Thread)?;
        Ok(Opened { store: Self { queue, metrics }, bindings, kept, writer })
    }

    /// Writes a change of a registration soon.
    pub(crate) fn push(&self, change: BindingChange) {
        self.gather(Change::Binding(change));
    }

    /// Writes soon what the switch keeps.
    pub(crate) fn keep(&self, kept: Kept) {
        self.gather(Change::Kept(kept));
    }

    fn gather(&self, change: Change) {
        match self.queue.try_send(change) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => self.metrics.count(Counter::StoreErrors),
        }
    }
}

/// Gathers changes and writes them, until every [`Store`] is gone.
fn write_behind(mut connection: Connection, changes: &Receiver<Change>, metrics: &Metrics) {
    let mut gathered = Vec::new();
    loop {
        let Ok(first) = changes.recv() else { return };
        gathered.push(first);
        let until = clock::now() + GATHER;
        let ended = loop {
            let left = until.saturating_duration_since(clock::now());
            match changes.recv_timeout(left) {
                Ok(change) => gathered.push(change),
                Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
            if gathered.len() >= BATCH {
                break false;
            }
        };
        if let Err(error) = write(&mut connection, &gathered, clock::now(), clock::unix_now()) {
            metrics.count(Counter::StoreErrors);
            tracing::error!(%error, changes = gathered.len(), "state could not be stored");
        }
        gathered.clear();
        if ended {
            return;
        }
    }
}

fn write(
    connection: &mut Connection,
    changes: &[Change],
    now: Instant,
    unix_now: Duration,
) -> rusqlite::Result<()> {
    // Of several changes of one binding only the last counts.
    let mut newest: HashMap<(&str, &str), &BindingChange> = HashMap::new();
    let transaction = connection.transaction()?;
    for change in changes {
        match change {
            Change::Binding(change) => {
                let named = match change {
                    BindingChange::Put(line, binding) => (&**line, &*binding.key),
                    BindingChange::Remove(line, key) => (&**line, &**key),
                };
                newest.insert(named, change);
            }
            Change::Kept(kept) => kept::write(&transaction, kept, now, unix_now)?,
        }
    }
    {
        let mut put = transaction.prepare_cached(
            "INSERT OR REPLACE INTO binding VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        let mut remove = transaction.prepare_cached("DELETE FROM binding WHERE line = ?1 AND key = ?2")?;
        for ((line, key), change) in newest {
            match change {
                BindingChange::Put(_, binding) => {
                    let left = binding.expires.saturating_duration_since(now);
                    put.execute(params![
                        line,
                        key,
                        binding.contact,
                        binding.params,
                        binding.q_milli,
                        binding.path.join("\n"),
                        binding.flow.transport.param_name(),
                        binding.flow.local.to_string(),
                        binding.flow.remote.to_string(),
                        binding.call_id,
                        binding.cseq,
                        binding.user_agent,
                        i64::try_from((unix_now + left).as_secs()).unwrap_or(i64::MAX),
                    ])?;
                }
                BindingChange::Remove(_, _) => {
                    remove.execute(params![line, key])?;
                }
            }
        }
    }
    transaction.commit()
}

/// Reads the bindings that still hold. One whose connection was a stream cannot be reached after a restart: it is
/// dropped, the phone will open a new connection.
fn load(
    connection: &Connection,
    now: Instant,
    unix_now: Duration,
) -> rusqlite::Result<Vec<(Arc<str>, Binding)>> {
    let seconds = i64::try_from(unix_now.as_secs()).unwrap_or(i64::MAX);
    connection
        .execute("DELETE FROM binding WHERE expires_unix_s <= ?1 OR transport <> 'udp'", params![seconds])?;
    let mut statement = connection.prepare("SELECT * FROM binding ORDER BY line, key")?;
    let rows = statement.query_map([], |row| {
        let path: String = row.get(5)?;
        let address = |text: String| text.parse::<SocketAddr>().ok();
        let (local, remote) = (address(row.get(7)?), address(row.get(8)?));
        let left = row.get::<_, i64>(12)? - seconds;
        let line: String = row.get(0)?;
        let key: String = row.get(1)?;
        let (contact, params): (String, String) = (row.get(2)?, row.get(3)?);
        let (call_id, user_agent): (String, String) = (row.get(9)?, row.get(11)?);
        let (q_milli, cseq) = (row.get(4)?, row.get(10)?);
        Ok(local.zip(remote).map(|(local, remote)| {
            let binding = Binding {
                key: key.into(),
                contact: contact.into(),
                params: params.into(),
                q_milli,
                path: path.lines().map(Box::from).collect(),
                flow: Flow { transport: Transport::Udp, local, remote, connection: ConnectionId::default() },
                call_id: call_id.into(),
                cseq,
                user_agent: user_agent.into(),
                expires: now + Duration::from_secs(u64::try_from(left).unwrap_or(0)),
            };
            (Arc::from(line), binding)
        }))
    })?;
    rows.filter_map(Result::transpose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(now: Instant, transport: Transport) -> Binding {
        Binding {
            key: "sip:1001@192.0.2.7:5060".into(),
            contact: "sip:1001@192.0.2.7:5060".into(),
            params: ";+sip.instance=\"<urn:uuid:1>\"".into(),
            q_milli: 500,
            path: Box::new(["<sip:edge.example;lr>".into(), "<sip:core.example;lr>".into()]),
            flow: Flow {
                transport,
                local: SocketAddr::from(([192, 0, 2, 1], 5060)),
                remote: SocketAddr::from(([192, 0, 2, 7], 5060)),
                connection: ConnectionId::default(),
            },
            call_id: "a@192.0.2.7".into(),
            cseq: 7,
            user_agent: "phone/1".into(),
            expires: now + Duration::from_secs(600),
        }
    }

    fn memory() -> Connection {
        let connection = Connection::open_in_memory().expect("SQLite is bundled");
        connection.execute_batch(SCHEMA).expect("the schema is valid");
        connection
    }

    #[test]
    fn a_binding_comes_back_as_it_was_with_the_time_that_is_left() {
        let (mut connection, now, wall) = (memory(), clock::now(), Duration::from_secs(1_000_000));
        let put = binding(now, Transport::Udp);
        let changes = [Change::Binding(BindingChange::Put("1001".into(), Arc::new(put.clone())))];
        write(&mut connection, &changes, now, wall).expect("written");

        let loaded = load(&connection, now, wall + Duration::from_secs(100)).expect("read");
        let expires = now + Duration::from_secs(500);
        assert_eq!(loaded, [("1001".into(), Binding { expires, ..put })]);
    }

    #[test]
    fn what_expired_was_removed_or_came_by_a_stream_does_not_come_back() {
        let (mut connection, now, wall) = (memory(), clock::now(), Duration::from_secs(1_000_000));
        let udp = Arc::new(binding(now, Transport::Udp));
        let tcp = Arc::new(binding(now, Transport::Tcp));
        let changes = [
            BindingChange::Put("1001".into(), Arc::clone(&udp)),
            BindingChange::Put("1002".into(), Arc::clone(&udp)),
            BindingChange::Put("1003".into(), tcp),
            BindingChange::Remove("1002".into(), udp.key.clone()),
        ]
        .map(Change::Binding);
        write(&mut connection, &changes, now, wall).expect("written");

        assert_eq!(load(&connection, now, wall).expect("read").len(), 1);
        assert!(load(&connection, now, wall + Duration::from_secs(601)).expect("read").is_empty());
    }
}
