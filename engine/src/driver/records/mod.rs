//! Records of calls, written by a thread of its own: SQLite first, then the text files from there.
//!
//! ```text
//!  switch ── facts ──▶ queue ──▶ thread `records`: Ledger ──▶ one transaction: records, events, calls that are not over, or are
//!                                                              └──▶ CSV, JSON lines: append, sync, then note how far
//! ```
//!
//! - Nobody waits for a disk. What cannot be written waits in the ledger, up to [`UNWRITTEN_MAX`] records, and is tried again after a
//!   pause that grows ([`Patience`]).
//! - What a record is made of and the record are written in one transaction, so a process that is killed has either, never both and
//!   never neither. What is newer than [`GATHER`] may be missing then. That a call is over is written in the same transaction: the
//!   switch's store is a moment behind, and takes some of them back.
//! - A text file is appended to from the database, and how far it is stands in the database: what a killed process appended without
//!   noting it is found at the file's end and not appended again.

mod database;
mod patience;
mod queue;
mod reader;
mod text;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::database::Database;
use self::patience::Patience;
pub(crate) use self::queue::Records;
use self::queue::{Job, Waiting};
pub(crate) use self::reader::{RecordsFile, RecordsWanted};
use self::text::{TextError, TextFile, TextFormat};
use super::clock;
use super::metrics::{Counter, Metrics};
use super::store::{StoreError, is_damaged, is_unwritable, put_aside};
use crate::config;
use crate::records::{Ledger, Moment};

/// Jobs that are taken before what came of them is written.
const TAKEN_AT_ONCE: usize = 65_536;

/// What happens within this time is written together.
const GATHER: Duration = Duration::from_millis(100);

/// How often it is written that the engine runs, while there are calls, and the files are looked at.
const BEAT: Duration = Duration::from_secs(10);

/// Records, events, and calls that came and went, that wait because they could not be written. With more, the oldest are given up.
const UNWRITTEN_MAX: usize = 65_536;

/// How often the log says that nothing can be written.
const TROUBLE_EVERY: Duration = Duration::from_secs(60);

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
        let texts = [
            text(&wanted.csv, TextFormat::Csv),
            text(&wanted.csv_events, TextFormat::CsvEvents),
            text(&wanted.json_lines, TextFormat::JsonLines),
        ];
        let (records, queue, waiting) = Self::new(Arc::clone(&metrics));
        let writer = Writer::new(database, texts.into_iter().flatten().collect(), ledger, last_ms, metrics);
        let thread = std::thread::Builder::new()
            .name("records".to_owned())
            .spawn(move || writer.run(&queue, &waiting))
            .map_err(StoreError::Thread)?;
        Ok((records, thread))
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
    said: Option<Instant>,
    /// Of the database.
    patience: Patience,
    beat_at: Instant,
    /// Whether there is more to remove than was removed at once.
    is_behind: bool,
    /// Whether the switch has taken back what it could.
    has_recovered: bool,
}

impl Writer {
    fn new(
        database: Database,
        texts: Vec<TextFile>,
        ledger: Ledger,
        last_ms: i64,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (said, patience, beat_at) = (None, Patience::default(), clock::now());
        let (is_behind, has_recovered) = (false, false);
        Self { database, texts, ledger, last_ms, metrics, said, patience, beat_at, is_behind, has_recovered }
    }

    fn run(mut self, queue: &Receiver<Job>, waiting: &Waiting) {
        // What a killed process appended is looked for before anything else is written.
        self.append(clock::now(), false);
        loop {
            let is_last = self.gather(queue, waiting);
            let now = clock::now();
            self.ledger.handle_timeout(now);
            if is_last {
                self.ledger.finish();
            }
            self.write(now, is_last);
            if is_last {
                return;
            }
        }
    }

    /// Waits for facts and takes what comes within [`GATHER`]; whether there can be no more.
    fn gather(&mut self, queue: &Receiver<Job>, waiting: &Waiting) -> bool {
        match queue.recv_timeout(self.pause(clock::now())) {
            Ok(job) => self.take(job, waiting),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => return true,
        }
        #[expect(clippy::disallowed_methods, reason = "a driver waits, and this thread for nothing else")]
        std::thread::sleep(GATHER);
        for _ in 0..TAKEN_AT_ONCE {
            match queue.try_recv() {
                Ok(job) => self.take(job, waiting),
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
        false
    }

    /// How long there is nothing to do if nothing happens.
    fn pause(&self, now: Instant) -> Duration {
        if self.is_behind {
            return Duration::ZERO;
        }
        let dues = [self.ledger.deadline(), self.patience.until()];
        let due = dues.into_iter().flatten().map(|due| due.saturating_duration_since(now)).min();
        due.unwrap_or(BEAT).min(BEAT)
    }

    fn take(&mut self, job: Job, waiting: &Waiting) {
        match job {
            Job::Facts(facts) => {
                waiting.taken(&facts);
                let unix_ms = i64::try_from(clock::unix_now().as_millis()).unwrap_or(i64::MAX);
                self.ledger.take(Moment { now: clock::now(), unix_ms }, facts);
            }
            Job::Lost(calls) => {
                let lost = calls.into_iter().map(|call| self.ledger.lose(call)).sum();
                self.metrics.count_many(Counter::CallRecordsLost, lost);
            }
            Job::Recovered => {
                self.has_recovered = true;
                let lost = self.ledger.end_lost(self.last_ms);
                if lost > 0 {
                    tracing::warn!(records = lost, "calls did not outlive the process: their records say so");
                }
            }
        }
    }

    fn write(&mut self, now: Instant, is_last: bool) {
        let beats = now >= self.beat_at;
        if beats {
            self.beat_at = now + BEAT;
        }
        let is_due = self.ledger.has_changes() || (beats && self.ledger.has_calls());
        if is_due && (is_last || self.patience.is_over(now)) {
            self.write_ledger(now, is_last);
        }
        let lost = self.ledger.shed(UNWRITTEN_MAX);
        self.metrics.count_many(Counter::CallRecordsLost, lost);
        if is_due || beats || is_last {
            self.append(now, is_last);
        }
        if beats || self.is_behind {
            self.tidy(now);
        }
    }

    fn write_ledger(&mut self, now: Instant, is_last: bool) {
        let mut written = self.database.write(&self.ledger);
        if let Err(error) = &written
            && is_damaged(error)
        {
            let error = error.to_string();
            self.begin_anew(&error);
            written = self.database.write(&self.ledger);
        }
        match written {
            Ok(()) => {
                self.metrics.count_many(Counter::CallRecords, self.ledger.records().len());
                self.ledger.written();
                if self.patience.succeeded() {
                    self.said = None;
                    tracing::info!("records of calls are written again");
                }
            }
            Err(error) => {
                self.patience.failed(now);
                self.say(now, &error, is_last);
            }
        }
    }

    /// The database is damaged: another is begun, with what stands; the text files go on with what comes.
    fn begin_anew(&mut self, error: &str) {
        let aside = self.database.put_aside();
        tracing::error!(%error, aside = %aside.display(), "the records of calls are damaged and put aside");
        self.ledger.write_anew();
        self.texts.iter_mut().for_each(TextFile::forget);
    }

    /// Brings the text files up to the database.
    fn append(&mut self, now: Instant, is_last: bool) {
        for at in 0..self.texts.len() {
            let text = &mut self.texts[at];
            if is_last || text.patience.is_over(now) {
                let appended = text.append(&mut self.database);
                self.settle(now, at, appended);
            }
        }
    }

    /// Removes what is too old or too much.
    fn tidy(&mut self, now: Instant) {
        let unix_now = clock::unix_now();
        let ended = if self.has_recovered { self.database.forget_ended(unix_now) } else { Ok(()) };
        match ended.and_then(|()| self.database.tidy(unix_now)) {
            Ok(is_behind) => self.is_behind = is_behind,
            Err(error) => {
                self.is_behind = false;
                if is_damaged(&error) {
                    self.begin_anew(&error.to_string());
                }
                self.say(now, &error, false);
            }
        }
        for at in 0..self.texts.len() {
            if self.texts[at].patience.is_over(now) {
                let tidied = self.texts[at].tidy(&mut self.database);
                self.settle(now, at, tidied);
            }
        }
    }

    /// How it went with a text file.
    fn settle(&mut self, now: Instant, at: usize, outcome: Result<(), TextError>) {
        match outcome {
            Ok(()) => {
                self.texts[at].patience.succeeded();
            }
            Err(TextError::Sqlite(error)) if is_damaged(&error) => {
                self.begin_anew(&error.to_string());
                self.metrics.count(Counter::CallRecordErrors);
            }
            Err(error) => {
                self.texts[at].patience.failed(now);
                let path = self.texts[at].path().display().to_string();
                self.say(now, &format_args!("{path}: {error}"), false);
            }
        }
    }

    fn say(&mut self, now: Instant, error: &dyn std::fmt::Display, is_last: bool) {
        self.metrics.count(Counter::CallRecordErrors);
        let is_said = self.said.is_some_and(|said| now < said + TROUBLE_EVERY);
        if !is_said || is_last {
            self.said = Some(now);
            tracing::error!(%error, records = self.ledger.records().len(),
                "records of calls cannot be written: calls go on, but these would not outlive the process");
        }
    }
}

#[cfg(test)]
mod tests;
