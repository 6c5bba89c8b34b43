//! Records of calls, written by a thread of its own: SQLite first, then the text files from there.
//!
//! ```text
//!  switch ── facts ──▶ queue ──▶ thread `records`: Ledger ──▶ one transaction: records, events, calls that are not over
//!                                                              └──▶ CSV, JSON lines: append, sync, then note how far
//! ```
//!
//! - Nobody waits for a disk. What cannot be written waits in the ledger, up to [`UNWRITTEN_MAX`] records.
//! - What a record is made of and the record are written in one transaction, so a process that is killed has either, never both and
//!   never neither. What is newer than [`GATHER`] may be missing then.
//! - A text file is appended to from the database, and how far it is stands in the database: what a killed process appended without
//!   noting it is found at the file's end and not appended again.

mod database;
mod text;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::database::Database;
use self::text::{TextFile, TextFormat};
use super::clock;
use super::metrics::{Counter, Metrics};
use super::store::{StoreError, is_damaged, is_unwritable, put_aside};
use crate::config;
use crate::records::{Ledger, Moment};
use crate::switch::{CallFact, CallFactKind};

/// Facts that may wait for the thread: some 30,000 calls. Beyond, calls that begin have no record.
const FACTS_WAITING_MAX: usize = 262_144;

/// That calls are over may wait beyond that: there are no more of those than began before.
const ENDS_WAITING_MAX: usize = 2 * FACTS_WAITING_MAX;

/// What happens within this time is written together.
const GATHER: Duration = Duration::from_millis(100);

/// How often it is written that the engine runs, while there are calls, and the files are looked at.
const BEAT: Duration = Duration::from_secs(10);

/// Records, and events, that wait because they could not be written. With more, the oldest are given up.
const UNWRITTEN_MAX: usize = 65_536;

/// How often the log says that nothing can be written.
const TROUBLE_EVERY: Duration = Duration::from_secs(60);

/// Something for the thread.
#[derive(Debug)]
enum Job {
    Facts(Vec<CallFact>),
    Recovered,
}

/// The way to the records. Clones share it; the thread ends when the last is gone, with everything written.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    jobs: Sender<Job>,
    waiting: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl Records {
    /// Opens the files, takes back what was kept of calls, and starts the thread. A database that is damaged is put aside and another
    /// begun.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be opened or the thread cannot be made.
    pub(crate) fn start(
        state_directory: &Path,
        wanted: &config::Records,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, JoinHandle<()>), StoreError> {
        let path = state_directory.join(&wanted.sqlite);
        let named = |error| StoreError::Sqlite { path: path.display().to_string(), error };
        let mut database = Database::at(path.clone(), wanted);
        let mut ledger = Ledger::new(wanted.events);
        let restored = match database.restore(&mut ledger) {
            Err(error) if is_damaged(&error) => {
                let aside = put_aside(&path);
                tracing::error!(%error, path = %path.display(), aside = %aside.display(),
                    "the records of calls are damaged and put aside");
                database = Database::at(path.clone(), wanted);
                database.restore(&mut ledger)
            }
            Err(error) if is_unwritable(&error, &path) => {
                tracing::error!(%error, path = %path.display(),
                    "the records of calls cannot be read: calls that were up have none");
                Ok(None)
            }
            restored => restored,
        };
        let last_ms = restored.map_err(named)?.unwrap_or(0);
        let text = |path: &Option<_>, format| {
            path.as_ref().map(|path| TextFile::new(state_directory.join(path), format, wanted))
        };
        let texts = [text(&wanted.csv, TextFormat::Csv), text(&wanted.json_lines, TextFormat::JsonLines)];
        let (jobs, queue) = channel();
        let records = Self { jobs, waiting: Arc::default(), metrics: Arc::clone(&metrics) };
        let writer = Writer {
            database,
            texts: texts.into_iter().flatten().collect(),
            ledger,
            last_ms,
            metrics,
            trouble: None,
            beat_at: clock::now(),
        };
        let waiting = Arc::clone(&records.waiting);
        let thread = std::thread::Builder::new()
            .name("records".to_owned())
            .spawn(move || writer.run(&queue, &waiting))
            .map_err(StoreError::Thread)?;
        Ok((records, thread))
    }

    /// Takes what happened to calls. Never waits.
    pub(crate) fn tell(&self, mut facts: Vec<CallFact>) {
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting >= FACTS_WAITING_MAX {
            let is_kept =
                |fact: &CallFact| waiting < ENDS_WAITING_MAX && matches!(fact.kind, CallFactKind::Over(_));
            let lost =
                facts.iter().filter(|fact| !is_kept(fact) && !matches!(fact.kind, CallFactKind::Media(_)));
            self.metrics.count_many(Counter::CallRecordsLost, lost.count());
            facts.retain(is_kept);
        }
        self.waiting.fetch_add(facts.len(), Ordering::Relaxed);
        // A queue that nobody reads means that the engine stops.
        drop(self.jobs.send(Job::Facts(facts)));
    }

    /// The switch has taken back what it could: whatever it has not told until now is lost.
    pub(crate) fn recovered(&self) {
        drop(self.jobs.send(Job::Recovered));
    }
}

/// The thread.
struct Writer {
    database: Database,
    texts: Vec<TextFile>,
    ledger: Ledger,
    /// When the process before was last known to run.
    last_ms: i64,
    metrics: Arc<Metrics>,
    /// When the log said last that nothing can be written.
    trouble: Option<Instant>,
    beat_at: Instant,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Job>, waiting: &AtomicUsize) {
        // What a killed process appended is looked for before anything else is written.
        self.append();
        loop {
            let is_last = self.gather(queue, waiting);
            self.ledger.handle_timeout(clock::now());
            if is_last {
                self.ledger.finish();
            }
            self.write(is_last);
            if is_last {
                return;
            }
        }
    }

    /// Waits for facts and takes what comes within [`GATHER`]; whether there can be no more.
    fn gather(&mut self, queue: &Receiver<Job>, waiting: &AtomicUsize) -> bool {
        let now = clock::now();
        let due = self.ledger.deadline().map_or(BEAT, |due| due.saturating_duration_since(now));
        match queue.recv_timeout(due.min(BEAT)) {
            Ok(job) => self.take(job, waiting),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => return true,
        }
        #[expect(clippy::disallowed_methods, reason = "a driver waits, and this thread for nothing else")]
        std::thread::sleep(GATHER);
        for _ in 0..FACTS_WAITING_MAX {
            match queue.try_recv() {
                Ok(job) => self.take(job, waiting),
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
        false
    }

    fn take(&mut self, job: Job, waiting: &AtomicUsize) {
        match job {
            Job::Facts(facts) => {
                waiting.fetch_sub(facts.len(), Ordering::Relaxed);
                let unix_ms = i64::try_from(clock::unix_now().as_millis()).unwrap_or(i64::MAX);
                self.ledger.take(Moment { now: clock::now(), unix_ms }, facts);
            }
            Job::Recovered => {
                let lost = self.ledger.end_lost(self.last_ms);
                if lost > 0 {
                    tracing::warn!(records = lost, "calls did not outlive the process: their records say so");
                }
            }
        }
    }

    fn write(&mut self, is_last: bool) {
        let now = clock::now();
        let beats = now >= self.beat_at;
        if beats {
            self.beat_at = now + BEAT;
        }
        if !(self.ledger.has_changes() || (beats && (self.ledger.has_calls() || self.trouble.is_some()))) {
            if beats {
                self.append();
                self.tidy();
            }
            return;
        }
        let mut written = self.database.write(&self.ledger);
        if let Err(error) = &written
            && is_damaged(error)
        {
            let aside = self.database.put_aside();
            tracing::error!(%error, aside = %aside.display(), "the records of calls are damaged and put aside");
            written = self.database.write(&self.ledger);
        }
        match written {
            Ok(()) => {
                self.metrics.count_many(Counter::CallRecords, self.ledger.records().len());
                self.ledger.written();
                if self.trouble.take().is_some() {
                    tracing::info!("records of calls are written again");
                }
                self.append();
            }
            Err(error) => {
                self.say(&error, is_last);
                let lost = self.ledger.shed(UNWRITTEN_MAX, UNWRITTEN_MAX);
                self.metrics.count_many(Counter::CallRecordsLost, lost);
            }
        }
        if beats {
            self.tidy();
        }
    }

    /// Brings the text files up to the database.
    fn append(&mut self) {
        for at in 0..self.texts.len() {
            if let Err(error) = self.texts[at].append(&mut self.database) {
                let path = self.texts[at].path().display().to_string();
                self.say(&format_args!("{path}: {error}"), false);
            }
        }
    }

    /// Removes what is too old or too much.
    fn tidy(&mut self) {
        if let Err(error) = self.database.tidy(clock::unix_now()) {
            self.say(&error, false);
        }
    }

    fn say(&mut self, error: &dyn std::fmt::Display, is_last: bool) {
        self.metrics.count(Counter::CallRecordErrors);
        let is_said = self.trouble.is_some_and(|said| clock::now() < said + TROUBLE_EVERY);
        if !is_said || is_last {
            self.trouble = Some(clock::now());
            tracing::error!(%error, records = self.ledger.records().len(),
                "records of calls cannot be written: calls go on, but these would not outlive the process");
        }
    }
}

#[cfg(test)]
mod tests;
