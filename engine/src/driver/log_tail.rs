//! The last lines of the log, for those who look at it from elsewhere.
//!
//! ```text
//!  tracing ── what [log] level lets through ──┬─▶ standard error
//!                                             └─▶ ring of lines ◀── looked at, by number ── API
//! ```
//!
//! Who logs waits for nobody but for another who logs: readers look now and then, and copy references.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::clock;

/// Lines that are kept; the oldest makes room.
pub(crate) const LINES_MAX: usize = 2_000;

/// The longest text of a line in bytes; what is behind is cut off.
pub(crate) const TEXT_BYTES_MAX: usize = 1_024;

/// A line of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LogLine {
    /// From 1 on, without gaps.
    pub(crate) number: u64,
    /// Since the Unix epoch.
    pub(crate) at: Duration,
    pub(crate) level: Level,
    /// The module that says it.
    pub(crate) target: Box<str>,
    /// What it says, then each field with its name.
    pub(crate) text: Box<str>,
}

/// The last lines of the log. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct LogTail(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<Arc<LogLine>>,
    /// The number of the last one.
    last: u64,
}

/// What a look has found.
#[derive(Debug)]
pub(crate) struct Found {
    /// In order.
    pub(crate) lines: Vec<Arc<LogLine>>,
    /// How many made room before they were looked at.
    pub(crate) lost: u64,
    /// The number to look behind next.
    pub(crate) last: u64,
}

impl LogTail {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// What feeds it, beside what writes the log.
    pub fn layer<S: Subscriber>(&self) -> impl Layer<S> + use<S> {
        Feeder(self.clone())
    }

    /// The lines behind this one.
    pub(crate) fn behind(&self, number: u64) -> Found {
        let lines = self.lines();
        let first = lines.last + 1 - lines.kept.len() as u64;
        let new = usize::try_from(lines.last.saturating_sub(number)).unwrap_or(usize::MAX);
        let skipped = lines.kept.len().saturating_sub(new);
        Found {
            lines: lines.kept.range(skipped..).cloned().collect(),
            lost: first.saturating_sub(number.saturating_add(1)),
            last: lines.last,
        }
    }

    fn push(&self, level: Level, target: &str, text: &str) {
        let mut lines = self.lines();
        lines.last += 1;
        let line = LogLine {
            number: lines.last,
            at: clock::unix_now(),
            level,
            target: target.into(),
            text: text.into(),
        };
        if lines.kept.len() == LINES_MAX {
            lines.kept.pop_front();
        }
        lines.kept.push_back(Arc::new(line));
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Feeder(LogTail);

impl<S: Subscriber> Layer<S> for Feeder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        self.0.push(*metadata.level(), metadata.target(), &text.finish());
    }
}

/// The message, and the fields behind it.
#[derive(Default)]
struct Text {
    message: Bounded,
    fields: Bounded,
}

impl Text {
    fn finish(self) -> String {
        let Self { mut message, fields } = self;
        // What does not fit is left out by `Bounded`, and says so.
        message.write_str(&fields.text).unwrap_or_default();
        message.text
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        // A full line is an error of the writer, and none of who logs.
        written.unwrap_or_default();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// As much text as a line may have.
#[derive(Default)]
struct Bounded {
    text: String,
    is_cut: bool,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        let room = TEXT_BYTES_MAX - self.text.len();
        if more.len() <= room {
            self.text += more;
            return Ok(());
        }
        // The mark has three bytes.
        let mut end = (TEXT_BYTES_MAX - '…'.len_utf8()).saturating_sub(self.text.len()).min(more.len());
        while !more.is_char_boundary(end) {
            end -= 1;
        }
        self.text += &more[..end];
        let mut keep = self.text.len().min(TEXT_BYTES_MAX - '…'.len_utf8());
        while !self.text.is_char_boundary(keep) {
            keep -= 1;
        }
        self.text.truncate(keep);
        self.text.push('…');
        self.is_cut = true;
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn texts(found: &Found) -> Vec<&str> {
        found.lines.iter().map(|line| &*line.text).collect()
    }

    #[test]
    fn what_is_logged_is_kept_with_its_level_its_module_and_its_fields() {
        let tail = LogTail::new();
        with_default(tracing_subscriber::registry().with(tail.layer()), || {
            tracing::info!(line = "1001", number = 7, "registration of {}", "a phone");
            tracing::warn!(target: "elsewhere", error = %"no route", "not sent");
        });
        let found = tail.behind(0);
        assert_eq!(texts(&found), ["registration of a phone line=1001 number=7", "not sent error=no route"]);
        assert_eq!((found.lost, found.last), (0, 2));
        let [first, second] = &found.lines[..] else { panic!("{found:?}") };
        assert_eq!((first.number, first.level, &*first.target), (1, Level::INFO, module_path!()));
        assert_eq!((second.number, second.level, &*second.target), (2, Level::WARN, "elsewhere"));
        assert_eq!(texts(&tail.behind(1)), ["not sent error=no route"]);
        assert!(tail.behind(2).lines.is_empty() && tail.behind(u64::MAX).lines.is_empty());
    }

    #[test]
    fn the_oldest_lines_make_room_and_who_was_away_is_told_how_many() {
        let tail = LogTail::new();
        for number in 1..=LINES_MAX + 10 {
            tail.push(Level::INFO, "t", &number.to_string());
        }
        let found = tail.behind(0);
        assert_eq!((found.lines.len(), found.lost, &*found.lines[0].text), (LINES_MAX, 10, "11"));
        assert_eq!((tail.behind(5).lost, tail.behind(10).lost, tail.behind(11).lost), (5, 0, 0));
        assert_eq!(tail.behind(10).lines.len(), LINES_MAX);
        assert_eq!(tail.behind(found.last).lost, 0);
    }

    #[test]
    fn a_line_has_an_end() {
        let tail = LogTail::new();
        let long = "ü".repeat(TEXT_BYTES_MAX);
        with_default(tracing_subscriber::registry().with(tail.layer()), || {
            tracing::info!("{long}");
            tracing::info!(%long, "said {}", 1);
            tracing::info!(field = 2, "{}", "x".repeat(TEXT_BYTES_MAX));
        });
        let found = tail.behind(0);
        for (text, start) in texts(&found).into_iter().zip(["üü", "said 1 long=ü", "xx"]) {
            assert!(text.len() <= TEXT_BYTES_MAX && text.ends_with('…') && text.starts_with(start), "{text}");
        }
    }
}
