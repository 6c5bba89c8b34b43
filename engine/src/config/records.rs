//! `[records]`: where records of calls are written to, and how long they are kept.

use std::path::{Component, Path, PathBuf};

use super::section::Section;
use super::{Records, Store};

/// Reads the table. No records are kept where it names no file.
pub(super) fn read(section: Section<'_>, store: &Store) -> Option<Records> {
    // Without a name of its own the database has the usual one.
    let usual_database = (!section.has("sqlite")).then(|| ("sqlite", PathBuf::from(usual("sqlite"))));
    let mut taken: Vec<(&str, PathBuf)> =
        [("store.url", plain(&store.path))].into_iter().chain(usual_database).collect();
    let mut file = |key: &'static str| {
        let value = section.string(key)?;
        let path = PathBuf::from(*value.get_ref());
        let leads_out = path.components().any(|part| matches!(part, Component::ParentDir));
        if path.file_name().is_none() || leads_out || value.get_ref().ends_with('/') {
            let wrong = format!("{:?} is no file to write records to", value.get_ref());
            let right = format!(
                "write a name, as in {:?}, which begins at the state directory, or a whole path",
                usual(key)
            );
            section.refuse(key, &value, wrong, &right);
        } else if let Some((other, _)) = taken.iter().find(|(_, other)| *other == plain(&path)) {
            let wrong = format!("{:?} is the file of {other} already", value.get_ref());
            section.refuse(key, &value, wrong, "write another name");
        }
        taken.push((key, plain(&path)));
        Some(path)
    };
    let [sqlite, csv, csv_events, json_lines] = ["sqlite", "csv", "csv_events", "json_lines"].map(&mut file);
    let said = section.boolean("events");
    let events = said.as_ref().map_or_else(|| csv_events.is_some(), |events| *events.get_ref());
    if let Some(said) = said.filter(|_| !events && csv_events.is_some()) {
        section.refuse("events", &said, "false leaves csv_events empty", "leave one of both out");
    }
    let keep_days = section.integer("keep_days", 1..=36_500).unwrap_or(KEEP_DAYS);
    let bytes_max = section.integer("max_bytes", BYTES_LEAST..=BYTES_MOST).unwrap_or(BYTES_MAX);
    let is_on = [&sqlite, &csv, &csv_events, &json_lines].into_iter().any(Option::is_some);
    for key in ["events", "keep_days", "max_bytes"] {
        if !is_on && section.has(key) {
            section.missing("sqlite", format!("{key} stands without a file: write sqlite = \"records.db\""));
        }
    }
    section.close();
    let sqlite = sqlite.unwrap_or_else(|| usual("sqlite").into());
    is_on.then_some(Records {
        sqlite,
        csv,
        csv_events,
        json_lines,
        events,
        keep_days,
        bytes_max: bytes_max.into(),
    })
}

/// The path without what does not lead anywhere: `./a` is `a`.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

fn usual(key: &str) -> &'static str {
    match key {
        "csv" => "Master.csv",
        "csv_events" => "cel.csv",
        "json_lines" => "records.jsonl",
        _ => "records.db",
    }
}

/// How many days records are kept where nobody says how many.
const KEEP_DAYS: u32 = 90;

/// The room for records where nobody says how much: some millions of calls.
const BYTES_MAX: u32 = 1_000_000_000;

/// A few hundred calls; below, records would go as they come.
const BYTES_LEAST: u32 = 1_000_000;

/// What a number of the file can say.
const BYTES_MOST: u32 = 4_000_000_000;

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Option<Records>, Vec<String>> {
        let errors =
            |errors: Vec<super::super::ConfigError>| errors.iter().map(ToString::to_string).collect();
        Config::parse(Path::new("t.toml"), text).map(|config| config.records).map_err(errors)
    }

    #[test]
    fn no_records_are_kept_where_no_file_is_named() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("[records]\n"), Ok(None));
    }

    #[test]
    fn one_file_brings_the_usual_limits_and_the_database() {
        let records = Records {
            sqlite: "records.db".into(),
            csv: Some("cdr/Master.csv".into()),
            csv_events: None,
            json_lines: None,
            events: false,
            keep_days: 90,
            bytes_max: 1_000_000_000,
        };
        assert_eq!(parse("[records]\ncsv = \"cdr/Master.csv\"\n"), Ok(Some(records)));
    }

    #[test]
    fn what_cannot_be_is_named_with_what_to_write() {
        for (text, expected) in [
            (
                "[records]\nkeep_days = 7\n",
                "t.toml:1: records.sqlite: is missing; keep_days stands without a file: write sqlite = \"records.db\"",
            ),
            (
                "[records]\nsqlite = \"../r.db\"\n",
                "t.toml:2: records.sqlite: \"../r.db\" is no file to write records to; \
                 write a name, as in \"records.db\", which begins at the state directory, or a whole path",
            ),
            (
                "[records]\nsqlite = \"state.db\"\n",
                "t.toml:2: records.sqlite: \"state.db\" is the file of store.url already; write another name",
            ),
            (
                "[records]\ncsv = \"a\"\njson_lines = \"a\"\n",
                "t.toml:3: records.json_lines: \"a\" is the file of csv already; write another name",
            ),
            (
                "[records]\ncsv = \"./records.db\"\n",
                "t.toml:2: records.csv: \"./records.db\" is the file of sqlite already; write another name",
            ),
            (
                "[records]\ncsv_events = \"a\"\nevents = false\n",
                "t.toml:3: records.events: false leaves csv_events empty; leave one of both out",
            ),
            (
                "[records]\ncsv = \"a\"\nmax_bytes = 999999\n",
                "t.toml:3: records.max_bytes: 999999 is out of range; write a number from 1000000 to 4000000000",
            ),
        ] {
            assert_eq!(parse(text).map(drop).unwrap_err(), [expected], "{text}");
        }
    }
}
