//! A text file that records are appended to, each once.
//!
//! ```text
//!  database: rows after the last one ──▶ append, sync ──▶ database: the last one, how long the file is
//!                                    killed here ┘ the next start finds at the file's end what it would append, and appends the rest
//! ```
//!
//! Whoever renames the file (logrotate) finds a new one in its place with the next record. At half of `max_bytes`, and after half of
//! `keep_days`, it is renamed to `.1`, in place of the one before, which is removed where there is nothing to put in its place: no line
//! stays for longer than `keep_days`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::database::{Appended, Database};
use super::patience::Patience;
use crate::config;
use crate::driver::clock;
use crate::driver::store::PRIVATE;
use crate::records::{EVENT_COLUMNS, Field, RECORD_COLUMNS, csv_line, json_object};

/// Records, and events, that are appended at once.
const APPENDED_AT_ONCE: usize = 1_000;

/// What a text file is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TextFormat {
    /// Records as Asterisk's `Master.csv`.
    Csv,
    /// Events, likewise.
    CsvEvents,
    /// Records and events as objects.
    JsonLines,
}

impl TextFormat {
    const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvEvents => "csv_events",
            Self::JsonLines => "json_lines",
        }
    }

    fn line(self, kind: &str, fields: Vec<Field>) -> String {
        match self {
            Self::Csv | Self::CsvEvents => csv_line(fields),
            Self::JsonLines => {
                let columns: &[_] = if kind == "cdr" { &RECORD_COLUMNS } else { &EVENT_COLUMNS };
                let mut object = json_object(columns, fields);
                object.insert("record".to_owned(), Value::from(kind));
                let mut line = Value::Object(object).to_string();
                line.push('\n');
                line
            }
        }
    }
}

/// Why a file could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub(super) enum TextError {
    /// The database's.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The kernel's.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A text file.
#[derive(Debug)]
pub(super) struct TextFile {
    path: PathBuf,
    format: TextFormat,
    bytes_max: i64,
    keep_ms: i64,
    file: Option<File>,
    /// How far it is, once that was read.
    appended: Option<Appended>,
    /// Whether its end may have lines of which the database knows nothing.
    is_doubtful: bool,
    /// After a failure.
    pub(super) patience: Patience,
}

impl TextFile {
    pub(super) fn new(path: PathBuf, format: TextFormat, wanted: &config::Records) -> Self {
        let bytes_max = i64::try_from(wanted.bytes_max / 2).unwrap_or(i64::MAX);
        let keep_ms = i64::from(wanted.keep_days) * 86_400_000 / 2;
        let (file, appended, is_doubtful, patience) = (None, None, true, Patience::default());
        Self { path, format, bytes_max, keep_ms, file, appended, is_doubtful, patience }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends what the database has and the file has not.
    pub(super) fn append(&mut self, database: &mut Database) -> Result<(), TextError> {
        let outcome = self.append_all(database);
        if outcome.is_err() {
            self.forget();
        }
        outcome
    }

    /// What is known of how far it is may be false.
    pub(super) fn forget(&mut self) {
        (self.file, self.appended, self.is_doubtful) = (None, None, true);
    }

    /// Puts it aside where it is old, whether or not anything is written.
    pub(super) fn tidy(&mut self, database: &mut Database) -> Result<(), TextError> {
        let Some(mut appended) = self.appended.filter(|appended| !self.is_doubtful && self.is_old(*appended))
        else {
            return Ok(());
        };
        self.begin(&mut appended)?;
        database.set_appended(self.format.name(), appended)?;
        self.appended = Some(appended);
        Ok(())
    }

    fn is_old(&self, appended: Appended) -> bool {
        appended.since_ms > 0 && unix_ms() - appended.since_ms > self.keep_ms
    }

    fn append_all(&mut self, database: &mut Database) -> Result<(), TextError> {
        loop {
            let mut appended = match self.appended {
                Some(appended) => appended,
                None => database.appended(self.format.name())?,
            };
            let records = match self.format {
                TextFormat::CsvEvents => Vec::new(),
                TextFormat::Csv | TextFormat::JsonLines => {
                    database.records_after(appended.cdr, APPENDED_AT_ONCE)?
                }
            };
            let events = match self.format {
                TextFormat::Csv => Vec::new(),
                TextFormat::CsvEvents | TextFormat::JsonLines => {
                    database.events_after(appended.cel, APPENDED_AT_ONCE)?
                }
            };
            let is_all = records.len() < APPENDED_AT_ONCE && events.len() < APPENDED_AT_ONCE;
            if records.is_empty() && events.is_empty() {
                (self.appended, self.is_doubtful) = (Some(appended), false);
                if self.file.is_none() {
                    self.file = Some(self.open()?);
                }
                return Ok(());
            }
            // The file first: what is in it when a process is killed is known by it.
            if self.begin(&mut appended)? {
                database.set_appended(self.format.name(), appended)?;
            }
            // One kind after the other: what is tried again begins as it did.
            let mut texts = [String::new(), String::new()];
            let mut ends = (appended.cdr, appended.cel);
            for (id, fields) in records {
                texts[0].push_str(&self.format.line("cdr", fields));
                ends.0 = id;
            }
            for (id, fields) in events {
                texts[1].push_str(&self.format.line("cel", fields));
                ends.1 = id;
            }
            // What a killed process was at comes first: what is new of the other kind is not to stand behind half a line.
            let order = if self.tail_is_of(&texts[1], &appended)? { [1, 0] } else { [0, 1] };
            for kind in order {
                if !texts[kind].is_empty() {
                    self.write(&texts[kind], &mut appended)?;
                    if kind == 0 {
                        appended.cdr = ends.0
                    } else {
                        appended.cel = ends.1
                    }
                    database.set_appended(self.format.name(), appended)?;
                    self.appended = Some(appended);
                }
            }
            if is_all {
                return Ok(());
            }
        }
    }

    /// Opens the file, after it was put aside if it is large or old; whether it is another than before.
    fn begin(&mut self, appended: &mut Appended) -> io::Result<bool> {
        let is_old = self.is_old(*appended);
        let mut file = self.open()?;
        // What somebody else has put there is not ours to put aside.
        let is_ours = inode(&file)? == appended.inode;
        let is_renamed = is_ours && (appended.bytes > self.bytes_max || is_old) && !self.is_doubtful;
        if is_renamed {
            let mut aside = self.path.as_os_str().to_owned();
            aside.push(".1");
            if file.metadata()?.len() > 0 {
                fs::rename(&self.path, aside)?;
                self.file = Some(file);
                file = self.open()?;
            } else if let Err(error) = fs::remove_file(aside)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
        }
        let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
        let is_same = !is_renamed && inode(&file)? == appended.inode && length >= appended.bytes;
        if !is_same {
            (appended.inode, appended.bytes, appended.since_ms) = (inode(&file)?, length, unix_ms());
        }
        self.file = Some(file);
        Ok(!is_same)
    }

    /// What stands in the file behind what is known of it, so many octets at most; nothing where that is not in doubt.
    fn tail(&self, file: &File, appended: &Appended, at_most: usize) -> io::Result<Vec<u8>> {
        let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
        let more = usize::try_from(length - appended.bytes).unwrap_or(0).min(at_most);
        if !self.is_doubtful || more == 0 || inode(file)? != appended.inode {
            return Ok(Vec::new());
        }
        let mut end = vec![0; more];
        let mut reader = File::open(&self.path)?;
        reader.seek(SeekFrom::Start(u64::try_from(appended.bytes).unwrap_or(0)))?;
        reader.read_exact(&mut end)?;
        Ok(end)
    }

    /// Whether the file ends with the beginning of this text.
    fn tail_is_of(&mut self, text: &str, appended: &Appended) -> io::Result<bool> {
        let file = self.open()?;
        let tail = self.tail(&file, appended, text.len())?;
        self.file = Some(file);
        Ok(!tail.is_empty() && text.as_bytes().starts_with(&tail))
    }

    /// Appends the text, but for what of it is at the file's end already.
    fn write(&mut self, text: &str, appended: &mut Appended) -> io::Result<()> {
        let mut file = self.open()?;
        let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
        let mut rest = text.as_bytes();
        let mut from = length;
        let tail = self.tail(&file, appended, rest.len())?;
        if rest.starts_with(&tail) && !tail.is_empty() {
            rest = &rest[tail.len()..];
            from = appended.bytes;
        } else if !tail.is_empty() {
            // Half a line that is not known: what comes is a line of its own.
            let mut last = [0];
            let mut reader = File::open(&self.path)?;
            reader.seek(SeekFrom::End(-1))?;
            reader.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                from += 1;
            }
        }
        file.write_all(rest)?;
        file.sync_data()?;
        appended.inode = inode(&file)?;
        appended.bytes = from.saturating_add(i64::try_from(text.len()).unwrap_or(i64::MAX));
        // Behind it may be what comes next.
        self.is_doubtful &= length > appended.bytes;
        self.file = Some(file);
        Ok(())
    }

    /// The file at the path, which may be another than before.
    fn open(&mut self) -> io::Result<File> {
        let is_there = match (&self.file, fs::metadata(&self.path)) {
            (Some(file), Ok(there)) => file.metadata()?.ino() == there.ino(),
            (_, _) => false,
        };
        if let Some(file) = self.file.take().filter(|_| is_there) {
            return Ok(file);
        }
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        OpenOptions::new().create(true).append(true).mode(PRIVATE).open(&self.path)
    }
}

fn unix_ms() -> i64 {
    i64::try_from(clock::unix_now().as_millis()).unwrap_or(i64::MAX)
}

/// By which a file is known, whatever it is called.
fn inode(file: &File) -> io::Result<i64> {
    Ok(i64::from_ne_bytes(file.metadata()?.ino().to_ne_bytes()))
}
