//! State that outlives the process: registrations, calls that are up and what else the switch keeps, in SQLite, written
//! behind and never more than a second late.
//!
//! What cannot be written waits, as long as there is not too much of it, and the log says what it is.

mod call;
mod journal;
mod kept;
mod subscription;
mod timeline;

use std::collections::HashMap;
use std::fs::{OpenOptions, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, params};
use trunkline_sip::dialog::DialogChange;
use trunkline_sip::ids::{ConnectionId, UsageId};
use trunkline_sip::location::Binding;
use trunkline_sip::outbox::{BindingChange, KeptSubscription, SubscriptionChange};
use trunkline_sip::transport::{Flow, Transport};

use super::clock;
use super::metrics::{Counter, Metrics};
use crate::switch::Kept;

pub(crate) use call::Recovered;

use call::Moment;
use journal::Journal;
use subscription::Subscriptions;
use timeline::{Clocks, Timeline};

/// Changes that wait to be written. Full: the change is kept in memory only and counted.
const QUEUE: usize = 65_536;

/// What says that something is over waits beyond that, too: what is kept and over would come back after a restart. There is no more
/// of it than was kept before.
const QUEUE_WITH_ENDS: usize = 4 * QUEUE;

/// Changes of this long, [`QUEUE`] at most, are written in one transaction. With the write itself well below one second.
const GATHER: Duration = Duration::from_millis(200);

/// Changes that wait because they could not be written. With more, all of them are given up.
const UNWRITTEN_MAX: usize = QUEUE;

/// How often it is written that the engine runs, while there are calls.
const BEAT: Duration = Duration::from_secs(10);

/// How often the log says that nothing can be written.
const TROUBLE_EVERY: Duration = Duration::from_secs(60);

/// The cache, in KiB, is small: rows are written one behind the other and hardly ever read.
const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -256;
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
    Kept(Box<Kept>),
    Dialog(DialogChange),
    Subscription(SubscriptionChange),
}

impl Change {
    /// How many may wait before it.
    fn room(&self) -> usize {
        match self {
            Self::Binding(BindingChange::Remove(..))
            | Self::Dialog(DialogChange::Remove(_))
            | Self::Subscription(SubscriptionChange::Remove(_)) => QUEUE_WITH_ENDS,
            Self::Kept(kept) if matches!(**kept, Kept::CallOver(_) | Kept::CompletionOver(_)) => {
                QUEUE_WITH_ENDS
            }
            Self::Binding(_) | Self::Kept(_) | Self::Dialog(_) | Self::Subscription(_) => QUEUE,
        }
    }
}

/// The store of this process. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    queue: Sender<Change>,
    /// How many changes are in the queue.
    queued: Arc<AtomicUsize>,
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
    /// Calls that were up.
    pub(crate) recovered: Recovered,
    /// Subscriptions that still hold.
    pub(crate) subscriptions: Vec<(UsageId, KeptSubscription)>,
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
    /// Opens the file, reads what it holds, and starts the writer. A file that is damaged is put aside and another begun.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened or read, or the thread cannot be made.
    pub(crate) fn open(path: &Path, metrics: Arc<Metrics>) -> Result<Opened, StoreError> {
        let named = |error| StoreError::Sqlite { path: path.display().to_string(), error };
        let read = match Read::from(path) {
            Err(error) if is_damaged(&error) => {
                let aside = put_aside(path);
                tracing::error!(%error, path = %path.display(), aside = %aside.display(),
                    "the state is damaged and put aside: registrations, forwarding and calls that were up are lost");
                Read::from(path)
            }
            Err(error) if is_unwritable(&error, path) => {
                tracing::error!(%error, path = %path.display(),
                    "the state cannot be read: registrations, forwarding and calls that were up are unknown");
                Ok(Read::nothing())
            }
            read => read,
        };
        let Read { connection, bindings, kept, recovered, subscriptions, calls, timeline } =
            read.map_err(named)?;
        let file = File { path: path.to_owned(), connection };
        let (queue, changes) = channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let changes = Queue { changes, queued: Arc::clone(&queued) };
        let counted = Arc::clone(&metrics);
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || write_behind(file, &changes, Gathered::new(calls), timeline, &counted))
            .map_err(StoreError::Thread)?;
        let store = Self { queue, queued, metrics };
        Ok(Opened { store, bindings, kept, recovered, subscriptions, writer })
    }

    /// Writes a change of a registration soon.
    pub(crate) fn push(&self, change: BindingChange) {
        self.gather(Change::Binding(change));
    }

    /// Writes soon what the switch keeps.
    pub(crate) fn keep(&self, kept: Kept) {
        self.gather(Change::Kept(Box::new(kept)));
    }

    /// Writes soon what an agent keeps of a leg.
    pub(crate) fn keep_dialog(&self, change: DialogChange) {
        self.gather(Change::Dialog(change));
    }

    /// Writes soon what an agent keeps of a subscription.
    pub(crate) fn keep_subscription(&self, change: SubscriptionChange) {
        self.gather(Change::Subscription(change));
    }

    fn gather(&self, change: Change) {
        if self.queued.fetch_add(1, Ordering::Relaxed) >= change.room() {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            self.metrics.count(Counter::StoreErrors);
            return;
        }
        // A queue that nobody reads means that the engine stops.
        drop(self.queue.send(change));
    }
}

/// The changes that wait, as their writer takes them. It has room as it needs it: most of the time there are few.
#[derive(Debug)]
struct Queue {
    changes: Receiver<Change>,
    queued: Arc<AtomicUsize>,
}

impl Queue {
    /// Waits for a change.
    fn wait(&self) -> Result<Change, RecvTimeoutError> {
        self.changes.recv_timeout(BEAT).inspect(|_| self.taken())
    }

    /// The next that is there.
    fn next(&self) -> Result<Change, TryRecvError> {
        self.changes.try_recv().inspect(|_| self.taken())
    }

    fn taken(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a file held.
struct Read {
    connection: Option<Connection>,
    bindings: Vec<(Arc<str>, Binding)>,
    kept: Vec<Kept>,
    recovered: Recovered,
    subscriptions: Vec<(UsageId, KeptSubscription)>,
    calls: Journal,
    timeline: Timeline,
}

impl Read {
    fn from(path: &Path) -> rusqlite::Result<Self> {
        let connection = connect(path)?;
        let now = clock::now();
        let (timeline, away) = Timeline::resume(&connection, now, &Clocks::read())?;
        let unix_now = timeline.at(now);
        let bindings = load(&connection, now, unix_now)?;
        let kept = kept::load(&connection, now, unix_now)?;
        let mut calls = Journal::default();
        let moment = Moment { now, unix_now };
        let recovered = Recovered { away, ..Recovered::load(&mut calls, &connection, moment)? };
        let subscriptions = subscription::load(&connection, now, unix_now)?;
        Ok(Self { connection: Some(connection), bindings, kept, recovered, subscriptions, calls, timeline })
    }

    /// It cannot be read; perhaps it can be written later.
    fn nothing() -> Self {
        Self {
            connection: None,
            bindings: Vec::new(),
            kept: Vec::new(),
            recovered: Recovered::default(),
            subscriptions: Vec::new(),
            calls: Journal::default(),
            timeline: Timeline::begin(clock::now(), clock::unix_now()),
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    make_private(path);
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    for schema in [SCHEMA, kept::SCHEMA, journal::SCHEMA, subscription::SCHEMA, timeline::SCHEMA] {
        connection.execute_batch(schema)?;
    }
    // Where earlier versions kept calls. On a disk that is full it stays, and harms nobody.
    drop(connection.execute_batch("DROP TABLE IF EXISTS call; DROP TABLE IF EXISTS dialog;"));
    Ok(connection)
}

/// Numbers, names and the passwords of ICE are nobody else's to read; SQLite gives the files beside it the same mode. What cannot be
/// opened here is told by SQLite.
pub(super) fn make_private(path: &Path) {
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(PRIVATE).open(path);
    if let Err(error) = made.and_then(|file| file.set_permissions(Permissions::from_mode(PRIVATE))) {
        tracing::debug!(path = %path.display(), %error, "the state file could not be made private");
    }
}

/// Read and written by its owner.
pub(super) const PRIVATE: u32 = 0o600;

/// The file that is written.
#[derive(Debug)]
struct File {
    path: PathBuf,
    /// `None`: it could not be opened, or was damaged and put aside.
    connection: Option<Connection>,
}

impl File {
    fn connection(&mut self) -> rusqlite::Result<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.path)?;
                // Nobody has taken them back.
                connection.execute_batch("DELETE FROM call_change")?;
                connection
            }
        };
        Ok(self.connection.insert(connection))
    }

    fn write(&mut self, gathered: &mut Gathered, timeline: &Timeline) -> rusqlite::Result<()> {
        gathered.write(self.connection()?, timeline, clock::now())
    }
}

/// Whether the disk is full or may not be written, beneath a file that was written before: whoever sets up an engine is to be told
/// that it can keep nothing, but one that did goes on.
pub(super) fn is_unwritable(error: &rusqlite::Error, path: &Path) -> bool {
    let is_disks = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::CannotOpen)
    );
    is_disks && path.metadata().is_ok_and(|file| file.len() > 0)
}

/// Whether the file is no database, or a broken one.
pub(super) fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// Renames the file, so that whoever wants to can look into it, and removes what belongs to it. Where it is then.
pub(super) fn put_aside(path: &Path) -> PathBuf {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = with(".damaged");
    // Where that cannot be done the second try to open the file says why.
    drop(std::fs::rename(path, &aside));
    for suffix in ["-wal", "-shm"] {
        drop(std::fs::remove_file(with(suffix)));
    }
    aside
}

/// Changes that wait to be written: of several of one thing the last.
#[derive(Debug)]
struct Gathered {
    bindings: HashMap<(Arc<str>, Arc<str>), BindingChange>,
    kept: Vec<Kept>,
    calls: Journal,
    subscriptions: Subscriptions,
}

impl Gathered {
    fn new(calls: Journal) -> Self {
        let subscriptions = Subscriptions::default();
        Self { bindings: HashMap::new(), kept: Vec::new(), calls, subscriptions }
    }

    /// Waits for changes and gathers them for a while; whether there can be no more. Only the first wakes it: those that
    /// bring the others have better to do than to wake it for each.
    fn gather(&mut self, changes: &Queue) -> bool {
        match changes.wait() {
            Ok(first) => self.take(first),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => return true,
        }
        #[expect(clippy::disallowed_methods, reason = "a driver waits, and this thread for nothing else")]
        std::thread::sleep(GATHER);
        for _ in 1..QUEUE {
            match changes.next() {
                Ok(change) => self.take(change),
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
        false
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Binding(change) => {
                let key = match &change {
                    BindingChange::Put(line, binding) => (Arc::clone(line), Arc::clone(&binding.key)),
                    BindingChange::Remove(line, key) => (Arc::clone(line), Arc::clone(key)),
                };
                self.bindings.insert(key, change);
            }
            Change::Kept(kept) => self.take_kept(*kept),
            Change::Dialog(DialogChange::Put(leg, dialog)) => self.calls.dialogs.put(leg.0, dialog),
            Change::Dialog(DialogChange::Remove(leg)) => self.calls.dialogs.remove(leg.0),
            Change::Subscription(change) => self.subscriptions.take(change),
        }
    }

    fn take_kept(&mut self, kept: Kept) {
        match kept {
            Kept::Call(call) => self.calls.calls.put(call.id.0, call),
            Kept::CallOver(id) => self.calls.calls.remove(id.0),
            Kept::Forwarding { .. }
            | Kept::Completion(_)
            | Kept::CompletionOver(_)
            | Kept::Numbers(_)
            | Kept::Ports(_)
            | Kept::Messages { .. } => self.kept.push(kept),
        }
    }

    /// How much waits.
    fn len(&self) -> usize {
        self.bindings.len() + self.kept.len() + self.calls.len() + self.subscriptions.len()
    }

    fn write(
        &mut self,
        connection: &mut Connection,
        timeline: &Timeline,
        now: Instant,
    ) -> rusqlite::Result<()> {
        let unix_now = timeline.at(now);
        let transaction = connection.transaction()?;
        write_bindings(&transaction, self.bindings.values(), now, unix_now)?;
        for kept in &self.kept {
            kept::write(&transaction, kept, now, unix_now)?;
        }
        self.calls.write(&transaction, &Moment { now, unix_now })?;
        self.subscriptions.write(&transaction, now, unix_now)?;
        timeline.write(&transaction, now, &Clocks::read())?;
        transaction.commit()
    }

    /// What waited was written.
    fn written(&mut self) {
        self.bindings.clear();
        self.kept.clear();
        self.calls.written();
        self.subscriptions.clear();
    }

    /// Gives up what waits.
    fn forget(&mut self) {
        self.bindings.clear();
        self.kept.clear();
        self.calls.forget();
        self.subscriptions.clear();
    }
}

/// Gathers changes and writes them, until every [`Store`] is gone.
fn write_behind(
    mut file: File,
    changes: &Queue,
    mut gathered: Gathered,
    timeline: Timeline,
    metrics: &Metrics,
) {
    let mut trouble: Option<Instant> = None;
    loop {
        let ended = gathered.gather(changes);
        if gathered.len() > 0 || gathered.calls.has_rows() || trouble.is_some() {
            let mut written = file.write(&mut gathered, &timeline);
            if let Err(error) = &written
                && is_damaged(error)
            {
                file.connection = None;
                let aside = put_aside(&file.path);
                gathered.calls.lost();
                tracing::error!(%error, aside = %aside.display(),
                    "the state is damaged and put aside: what it held is stored again when it changes");
                written = file.write(&mut gathered, &timeline);
            }
            match written {
                Ok(()) => {
                    gathered.written();
                    if trouble.take().is_some() {
                        tracing::info!("state is stored again");
                    }
                }
                Err(error) => {
                    metrics.count(Counter::StoreErrors);
                    let is_said = trouble.is_some_and(|said| clock::now() < said + TROUBLE_EVERY);
                    if !is_said || ended {
                        trouble = Some(clock::now());
                        say_unwritten(&gathered, &error);
                    }
                    if gathered.len() > UNWRITTEN_MAX {
                        tracing::error!(
                            changes = gathered.len(),
                            "too much waits to be stored and is given up"
                        );
                        gathered.forget();
                    }
                }
            }
        }
        if ended {
            return;
        }
    }
}

/// What an operator has to know: what would be lost with the process.
fn say_unwritten(gathered: &Gathered, error: &rusqlite::Error) {
    tracing::error!(
        %error,
        registrations = gathered.bindings.len(),
        calls = gathered.calls.calls.len(),
        dialogs = gathered.calls.dialogs.len(),
        others = gathered.kept.len(),
        "state cannot be stored: calls go on, but these changes would not outlive the process"
    );
}

fn write_bindings<'a>(
    connection: &Connection,
    changes: impl Iterator<Item = &'a BindingChange>,
    now: Instant,
    unix_now: Duration,
) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO binding VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    let mut remove = connection.prepare_cached("DELETE FROM binding WHERE line = ?1 AND key = ?2")?;
    for change in changes {
        match change {
            BindingChange::Put(line, binding) => {
                let left = binding.expires.saturating_duration_since(now);
                put.execute(params![
                    line,
                    binding.key,
                    binding.contact,
                    binding.params,
                    binding.q_milli,
                    binding.path.join("\n"),
                    binding.flow.transport.name(),
                    binding.flow.local.to_string(),
                    binding.flow.remote.to_string(),
                    binding.call_id,
                    binding.cseq,
                    binding.user_agent,
                    i64::try_from((unix_now + left).as_secs()).unwrap_or(i64::MAX),
                ])?;
            }
            BindingChange::Remove(line, key) => {
                remove.execute(params![line, key])?;
            }
        }
    }
    Ok(())
}

/// Reads the bindings that still hold. One whose connection was a stream cannot be reached after a restart: it is
/// dropped, the phone will open a new connection.
fn load(
    connection: &Connection,
    now: Instant,
    unix_now: Duration,
) -> rusqlite::Result<Vec<(Arc<str>, Binding)>> {
    let seconds = i64::try_from(unix_now.as_secs()).unwrap_or(i64::MAX);
    // Where the disk is full the others are left, and not read another time either.
    drop(
        connection.execute(
            "DELETE FROM binding WHERE expires_unix_s <= ?1 OR transport <> 'udp'",
            params![seconds],
        ),
    );
    let mut statement = connection.prepare(
        "SELECT * FROM binding WHERE expires_unix_s > ?1 AND transport = 'udp' ORDER BY line, key",
    )?;
    let rows = statement.query_map(params![seconds], |row| {
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
        for schema in [SCHEMA, kept::SCHEMA, journal::SCHEMA, subscription::SCHEMA, timeline::SCHEMA] {
            connection.execute_batch(schema).expect("the schema is valid");
        }
        connection
    }

    fn timeline_at(now: Instant, wall: Duration) -> Timeline {
        let clocks = Clocks { wall, boot: String::new(), up: Duration::ZERO };
        Timeline::resume(&memory(), now, &clocks).expect("an empty file").0
    }

    fn write(
        connection: &mut Connection,
        changes: impl IntoIterator<Item = BindingChange>,
        now: Instant,
        wall: Duration,
    ) {
        let mut gathered = Gathered::new(Journal::default());
        changes.into_iter().for_each(|change| gathered.take(Change::Binding(change)));
        gathered.write(connection, &timeline_at(now, wall), now).expect("written");
    }

    #[test]
    fn a_binding_comes_back_as_it_was_with_the_time_that_is_left() {
        let (mut connection, now, wall) = (memory(), clock::now(), Duration::from_secs(1_000_000));
        let put = binding(now, Transport::Udp);
        let changes = [BindingChange::Put("1001".into(), Arc::new(put.clone()))];
        write(&mut connection, changes, now, wall);

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
        ];
        write(&mut connection, changes, now, wall);

        assert_eq!(load(&connection, now, wall).expect("read").len(), 1);
        assert!(load(&connection, now, wall + Duration::from_secs(601)).expect("read").is_empty());
    }

    #[test]
    fn a_full_queue_takes_what_says_that_something_is_over() {
        let (queue, changes) = channel();
        let store = Store { queue, queued: Arc::default(), metrics: Arc::new(Metrics::new(1)) };
        let over = || DialogChange::Remove(trunkline_sip::LegId(1));
        for _ in 0..QUEUE {
            store.keep(Kept::Numbers(1));
        }
        store.keep(Kept::Numbers(2));
        assert_eq!(store.metrics.snapshot(0, 0).store_errors_total, 1);
        (QUEUE..QUEUE_WITH_ENDS).for_each(|_| store.keep_dialog(over()));
        assert_eq!(store.metrics.snapshot(0, 0).store_errors_total, 1);
        store.keep_dialog(over());
        assert_eq!(store.metrics.snapshot(0, 0).store_errors_total, 2);
        assert_eq!(changes.try_iter().count(), QUEUE_WITH_ENDS);
    }

    #[test]
    fn what_cannot_be_written_waits() {
        let (mut connection, now, wall) = (memory(), clock::now(), Duration::from_secs(1_000_000));
        let mut gathered = Gathered::new(Journal::default());
        let put = BindingChange::Put("1001".into(), Arc::new(binding(now, Transport::Udp)));
        gathered.take(Change::Binding(put));
        connection.execute_batch("PRAGMA query_only = ON").expect("set");
        let timeline = timeline_at(now, wall);
        assert!(gathered.write(&mut connection, &timeline, now).is_err());
        assert_eq!(gathered.len(), 1);
        connection.execute_batch("PRAGMA query_only = OFF").expect("set");
        gathered.write(&mut connection, &timeline, now).expect("written");
        gathered.written();
        assert_eq!((gathered.len(), load(&connection, now, wall).expect("read").len()), (0, 1));
    }

    #[test]
    fn a_file_that_is_damaged_is_put_aside_and_another_is_begun() {
        let directory = std::env::temp_dir().join(format!("trunkline-damaged-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory of ours");
        let path = directory.join("state.db");
        std::fs::write(&path, [0x55; 8_192]).expect("written");
        let opened = Store::open(&path, Arc::new(Metrics::new(1))).expect("it opens");
        for file in ["state.db", "state.db-wal", "state.db.damaged"] {
            let mode = directory.join(file).metadata().map(|file| file.permissions().mode() & 0o777);
            assert_eq!(mode.expect("it is there"), PRIVATE, "{file}");
        }
        assert!(opened.bindings.is_empty());
        assert_eq!(std::fs::read(directory.join("state.db.damaged")).expect("it is there"), [0x55; 8_192]);
        drop(opened.store);
        opened.writer.join().expect("it ends");
        drop(std::fs::remove_dir_all(&directory));
    }

    #[test]
    fn a_file_that_is_damaged_while_it_is_written_is_put_aside_too() {
        let directory = std::env::temp_dir().join(format!("trunkline-damaged-later-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&directory));
        std::fs::create_dir_all(&directory).expect("a directory of ours");
        let path = directory.join("state.db");
        let opened = Store::open(&path, Arc::new(Metrics::new(1))).expect("it opens");
        let put =
            |line: &str| BindingChange::Put(line.into(), Arc::new(binding(clock::now(), Transport::Udp)));
        let damage = Connection::open(&path).expect("it opens");
        damage
            .execute_batch(
                "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'x' WHERE name = 'binding';
                 PRAGMA schema_version = 9999;",
            )
            .expect("it is damaged");
        drop(damage);
        for line in ["1001", "1002"] {
            opened.store.push(put(line));
        }
        drop(opened.store);
        opened.writer.join().expect("it ends");
        assert!(directory.join("state.db.damaged").exists());
        let again = Store::open(&path, Arc::new(Metrics::new(1))).expect("it opens");
        assert_eq!(again.bindings.len(), 2);
        drop(again.store);
        again.writer.join().expect("it ends");
        drop(std::fs::remove_dir_all(&directory));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_written_when_it_can_be() {
        let (now, wall) = (clock::now(), Duration::from_secs(1_000_000));
        let directory = std::env::temp_dir().join(format!("trunkline-unread-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&directory));
        let mut file = File { path: directory.join("state.db"), connection: None };
        let mut gathered = Gathered::new(Journal::default());
        gathered
            .take(Change::Binding(BindingChange::Put("1001".into(), Arc::new(binding(now, Transport::Udp)))));
        let timeline = timeline_at(now, wall);
        assert!(file.connection().is_err(), "there is no such directory");
        std::fs::create_dir_all(&directory).expect("a directory of ours");
        let connection = file.connection().expect("it is there");
        gathered.write(connection, &timeline, now).expect("written");
        assert_eq!(load(connection, now, wall).expect("read").len(), 1);
        drop(std::fs::remove_dir_all(&directory));
    }
}
