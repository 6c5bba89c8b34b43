//! Time as the rows count it: since 1970, but evenly, from process to process, whatever becomes of the wall clock.
//!
//! What is kept holds for some time (a registration for an hour), which nobody's setting of the clock makes longer or shorter. While
//! a process runs, its monotonic clock says how time goes on; between two processes the time since the machine was started does;
//! and only where the machine was started anew in between, the wall clock must be believed.

use std::fs;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params};

use crate::driver::clock;

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    row_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    boot TEXT NOT NULL,
    up_ms INTEGER NOT NULL
);
";

/// What the clocks outside of the process say at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Clocks {
    /// Since 1970.
    pub(super) wall: Duration,
    /// Which start of the machine this is; empty: unknown.
    pub(super) boot: String,
    /// How long ago that was.
    pub(super) up: Duration,
}

/// The time of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    began: Instant,
    row: Duration,
}

impl Clocks {
    /// Reads them.
    pub(super) fn read() -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        let up_s: Option<f64> =
            text("/proc/uptime").split(' ').next().and_then(|seconds| seconds.parse().ok());
        let up = up_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let boot = up.map(|_| text("/proc/sys/kernel/random/boot_id").trim().to_owned());
        Self { wall: clock::unix_now(), boot: boot.unwrap_or_default(), up: up.unwrap_or_default() }
    }

    /// How much later than `before` this is.
    fn since(&self, before: &Self) -> Duration {
        let is_same_start = !self.boot.is_empty() && self.boot == before.boot && self.up >= before.up;
        if is_same_start { self.up - before.up } else { self.wall.saturating_sub(before.wall) }
    }
}

impl Timeline {
    /// Goes on where the last process left it, and how long ago that was. Without one it begins with the wall clock.
    pub(super) fn resume(
        connection: &Connection,
        now: Instant,
        clocks: &Clocks,
    ) -> rusqlite::Result<(Self, Duration)> {
        let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        let last = connection
            .query_row("SELECT row_ms, wall_ms, boot, up_ms FROM clock", [], |row| {
                let before = Clocks { wall: ms(row.get(1)?), boot: row.get(2)?, up: ms(row.get(3)?) };
                Ok((ms(row.get(0)?), before))
            })
            .optional()?;
        Ok(match last {
            Some((row, before)) => {
                let away = clocks.since(&before);
                (Self { began: now, row: row + away }, away)
            }
            None => (Self::begin(now, clocks.wall), clocks.wall),
        })
    }

    /// Begins with the wall clock.
    pub(super) const fn begin(now: Instant, wall: Duration) -> Self {
        Self { began: now, row: wall }
    }

    /// What the rows call this moment.
    pub(super) fn at(&self, now: Instant) -> Duration {
        self.row + now.saturating_duration_since(self.began)
    }

    /// Writes that the engine runs.
    pub(super) fn write(
        &self,
        connection: &Connection,
        now: Instant,
        clocks: &Clocks,
    ) -> rusqlite::Result<()> {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let Clocks { wall, boot, up } = clocks;
        connection
            .prepare_cached("INSERT OR REPLACE INTO clock VALUES (1, ?1, ?2, ?3, ?4)")?
            .execute(params![ms(self.at(now)), ms(*wall), boot, ms(*up)])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const WALL: Duration = Duration::from_secs(1_000_000);

    fn clocks(boot: &str, up_s: u64, wall: Duration) -> Clocks {
        Clocks { wall, boot: boot.to_owned(), up: Duration::from_secs(up_s) }
    }

    /// A process that began with the wall clock, ran for ten seconds, and ended when the clocks said this; another one that began
    /// when they said that.
    fn next_process(ended: &Clocks, began: &Clocks) -> (Duration, Duration) {
        let connection = Connection::open_in_memory().expect("SQLite is bundled");
        connection.execute_batch(SCHEMA).expect("the schema is valid");
        let now = clock::now();
        let (line, _) = Timeline::resume(&connection, now, &clocks("a", 100, WALL)).expect("read");
        assert_eq!(line.at(now), WALL);
        line.write(&connection, now + Duration::from_secs(10), ended).expect("written");
        let (line, away) = Timeline::resume(&connection, now, began).expect("read");
        (line.at(now) - WALL, away)
    }

    #[test]
    fn the_clock_may_be_set_while_the_engine_is_away() {
        let ended = clocks("a", 110, WALL + Duration::from_secs(10));
        for wall in [WALL + HOUR, WALL - HOUR, WALL + Duration::from_secs(12)] {
            let (passed, away) = next_process(&ended, &clocks("a", 112, wall));
            assert_eq!((passed.as_secs(), away.as_secs()), (12, 2));
        }
    }

    #[test]
    fn the_clock_may_be_set_while_the_engine_runs() {
        for wall in [WALL + HOUR, WALL - HOUR] {
            let ended = clocks("a", 110, wall);
            let (passed, away) = next_process(&ended, &clocks("a", 112, wall + Duration::from_secs(2)));
            assert_eq!((passed.as_secs(), away.as_secs()), (12, 2));
            let (passed, away) = next_process(&ended, &clocks("b", 30, wall + Duration::from_secs(50)));
            assert_eq!((passed.as_secs(), away.as_secs()), (60, 50), "the machine was started anew");
        }
    }

    #[test]
    fn where_the_machine_was_started_anew_the_wall_clock_counts() {
        let ended = clocks("a", 110, WALL + Duration::from_secs(10));
        let later = WALL + Duration::from_secs(100);
        for began in [clocks("b", 500, later), clocks("", 0, later), clocks("a", 20, later)] {
            assert_eq!(next_process(&ended, &began).1.as_secs(), 90, "{began:?}");
        }
        assert_eq!(next_process(&ended, &clocks("b", 20, WALL)).1, Duration::ZERO, "never before it ended");
    }

    #[test]
    fn this_machine_has_such_clocks() {
        let clocks = Clocks::read();
        assert_eq!(clocks.boot.len(), 36, "{clocks:?}");
        assert!(clocks.up > Duration::ZERO && clocks.wall > HOUR, "{clocks:?}");
    }
}
