//! What is wrong with a configuration, and where.

use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::learned::{Kind, Shape, learn};

/// One thing wrong in a configuration file: place, key, what is wrong, what would be right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// The key with the name of its table: `line.address`. Empty where the text is no TOML.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.wrong)?;
        if !self.right.is_empty() {
            write!(f, "; {}", self.right)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Collects everything wrong with one text, up to [`ERRORS_MAX`].
pub(super) struct Report<'t> {
    file: &'t Path,
    line_starts: Vec<usize>,
    is_alone: bool,
    /// What is asked for, where somebody wants to know.
    learned: Option<RefCell<Shape>>,
    errors: RefCell<Vec<ConfigError>>,
}

impl<'t> Report<'t> {
    pub(super) fn new(file: &'t Path, text: &str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file, line_starts, is_alone: false, learned: None, errors: RefCell::default() }
    }

    /// The same, where the file system may not be asked.
    pub(super) fn alone(file: &'t Path, text: &str) -> Self {
        Self { is_alone: true, ..Self::new(file, text) }
    }

    /// The same, which takes down what is asked for.
    pub(super) fn learning(text: &str) -> Self {
        Self { learned: Some(RefCell::default()), ..Report::alone(Path::new(""), text) }
    }

    /// Takes down that a key of a table is asked for.
    pub(super) fn learn(&self, table: &str, key: &'static str, kind: Kind) {
        if let Some(shape) = &self.learned {
            learn(&mut shape.borrow_mut(), table, key, kind);
        }
    }

    /// What was asked for.
    pub(super) fn into_shape(self) -> Shape {
        self.learned.map(RefCell::into_inner).unwrap_or_default()
    }

    /// A file that the text names; a relative name begins at the configuration's directory.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn open(&self, name: &str) -> io::Result<File> {
        if self.is_alone {
            return Err(io::ErrorKind::Unsupported.into());
        }
        File::open(self.file.parent().unwrap_or_else(|| Path::new("")).join(name))
    }

    /// The file that is read.
    pub(super) fn file(&self) -> &Path {
        self.file
    }

    /// The line, from 1, of a byte offset.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset)
    }

    /// Notes that the text is no TOML. Nothing of the text is shown: it may be a secret.
    pub(super) fn refuse_text(&self, at: &Range<usize>, expected: &str) {
        let column = at.start - self.line_starts[self.line(at.start) - 1] + 1;
        let wrong = format!("byte {column} of the line: {}", expected.replace('\n', ", "));
        self.refuse(at, "", wrong, "write TOML 1.0 (https://toml.io)");
    }

    /// Notes one error at a place in the text.
    pub(super) fn refuse(
        &self,
        at: &Range<usize>,
        key: impl Into<String>,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < ERRORS_MAX {
            errors.push(ConfigError {
                file: self.file.to_owned(),
                line: self.line(at.start),
                key: key.into(),
                wrong: wrong.into(),
                right: right.into(),
            });
        }
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// The errors in the order of the file.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| error.line);
        errors
    }
}

/// Errors told at once; a file with more is not a configuration.
const ERRORS_MAX: usize = 100;
