//! `[recording]`, and `record` of lines and trunks: whose calls are taken down into files, and where.

use std::path::{Component, PathBuf};

use super::Recording;
use super::section::Section;
use crate::switch::RecordPolicy;

/// Reads the table. Nothing is recorded where it names no directory.
pub(super) fn read(section: Section<'_>) -> Option<Recording> {
    let directory = section.string("directory").map(|value| {
        let path = PathBuf::from(*value.get_ref());
        let leads_out = path.components().any(|part| matches!(part, Component::ParentDir));
        if value.get_ref().is_empty() || leads_out {
            let wrong = format!("{:?} is no directory to keep recordings in", value.get_ref());
            let right =
                "write a name, as in \"recordings\", which begins at the state directory, or a whole path";
            section.refuse("directory", &value, wrong, right);
        }
        path
    });
    let recordings_max = section.integer("max_recordings", 1..=1_000).unwrap_or(RECORDINGS_MAX);
    let seconds_max = section.integer("max_seconds", 1..=SECONDS_MAX).unwrap_or(SECONDS_DEFAULT);
    let free_mb = section.integer("min_free_mb", 0..=100_000_000).unwrap_or(FREE_MB);
    for key in ["max_recordings", "max_seconds", "min_free_mb"] {
        if directory.is_none() && section.has(key) {
            section
                .missing("directory", format!("{key} stands without one: write directory = \"recordings\""));
        }
    }
    section.close();
    let recordings_max = usize::try_from(recordings_max).unwrap_or(usize::MAX);
    let free_min = u64::from(free_mb) * 1_000_000;
    directory.map(|directory| Recording { directory, recordings_max, seconds_max, free_min })
}

/// Reads whether the calls of a line or trunk are recorded.
pub(super) fn policy(section: &Section<'_>, recording: Option<&Recording>) -> RecordPolicy {
    let Some(value) = section.string("record") else { return RecordPolicy::default() };
    let named = RecordPolicy::ALL.into_iter().find(|policy| policy.name() == *value.get_ref());
    if named == Some(RecordPolicy::Always) && recording.is_none() {
        let right = "write [recording] with directory = \"recordings\"";
        section.refuse("record", &value, "is \"always\", and there is nowhere to record to", right);
    }
    named.unwrap_or_else(|| {
        let right = "write \"never\", \"on-demand\" (when an application starts it) or \"always\"";
        section.refuse("record", &value, format!("{:?} is no policy", value.get_ref()), right);
        RecordPolicy::default()
    })
}

/// Recordings at once where nobody says how many.
const RECORDINGS_MAX: u32 = 100;

/// The longest recording where nobody says how long: four hours.
const SECONDS_DEFAULT: u32 = 4 * 3_600;

/// The longest that may be written: twelve hours at 16 kHz are 2.8 GB, and a WAV file has 4 GB.
const SECONDS_MAX: u32 = 12 * 3_600;

/// The room that is left on the disk, in MB, where nobody says how much.
const FREE_MB: u32 = 1_000;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Config, Vec<String>> {
        let errors =
            |errors: Vec<super::super::ConfigError>| errors.iter().map(ToString::to_string).collect();
        Config::parse(Path::new("t.toml"), text).map_err(errors)
    }

    #[test]
    fn nothing_is_recorded_where_no_directory_is_named() {
        let config = parse("[[line]]\naddress = \"1001\"\nkind = \"local\"\n").unwrap();
        assert_eq!((config.recording, config.lines[0].record), (None, RecordPolicy::OnDemand));
    }

    #[test]
    fn a_directory_brings_usual_limits_and_policies_by_line_and_trunk() {
        let config = parse(
            "[recording]\ndirectory = \"recordings\"\nmax_seconds = 60\n[[line]]\naddress = \"1001\"\nkind = \"local\"\n\
             record = \"never\"\n[[trunk]]\nname = \"carrier\"\npeer = \"udp:192.0.2.1\"\nrecord = \"always\"\n",
        )
        .unwrap();
        let limits = Recording {
            directory: "recordings".into(),
            recordings_max: 100,
            seconds_max: 60,
            free_min: 1_000_000_000,
        };
        assert_eq!(config.recording, Some(limits));
        assert_eq!(
            (config.lines[0].record, config.trunks[0].record),
            (RecordPolicy::Never, RecordPolicy::Always)
        );
        assert_eq!(config.setup().recording.recordings_max, 100);
    }

    #[test]
    fn what_cannot_be_is_named_with_what_to_write() {
        for (text, expected) in [
            (
                "[[line]]\naddress = \"1001\"\nkind = \"local\"\nrecord = \"always\"\n",
                "t.toml:4: line.record: is \"always\", and there is nowhere to record to; \
                 write [recording] with directory = \"recordings\"",
            ),
            (
                "[[line]]\naddress = \"1001\"\nkind = \"local\"\nrecord = \"yes\"\n",
                "t.toml:4: line.record: \"yes\" is no policy; \
                 write \"never\", \"on-demand\" (when an application starts it) or \"always\"",
            ),
            (
                "[recording]\nmax_seconds = 60\n",
                "t.toml:1: recording.directory: is missing; \
                 max_seconds stands without one: write directory = \"recordings\"",
            ),
            (
                "[recording]\ndirectory = \"../recordings\"\n",
                "t.toml:2: recording.directory: \"../recordings\" is no directory to keep recordings in; \
                 write a name, as in \"recordings\", which begins at the state directory, or a whole path",
            ),
            (
                "[recording]\ndirectory = \"recordings\"\nmax_seconds = 43201\n",
                "t.toml:3: recording.max_seconds: 43201 is out of range; write a number from 1 to 43200",
            ),
        ] {
            assert_eq!(parse(text).map(drop).unwrap_err(), [expected], "{text}");
        }
    }
}
