//! On which lines of a file its keys stand.

use std::collections::BTreeMap;
use std::fmt;

use toml::de::DeTable;

use super::error::Report;

/// The lines of the tables that come once and of their keys, `sip.listen`, and of each `[[app]]`, `app.0.name`.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct KeyLines(BTreeMap<String, usize>);

impl KeyLines {
    pub(super) fn read(root: &DeTable<'_>, report: &Report<'_>) -> Self {
        let mut lines = Self::default();
        lines.add("", root, report);
        for (key, value) in root {
            let name: &str = key.get_ref().as_ref();
            if let Some(table) = value.get_ref().as_table() {
                lines.add(&format!("{name}."), table, report);
            }
            // Lines, trunks and routes may be many, and all of them can change.
            if name != APP {
                continue;
            }
            let apps = value.get_ref().as_array().into_iter().flat_map(|apps| apps.iter());
            for (number, app) in apps.enumerate() {
                if let Some(table) = app.get_ref().as_table() {
                    lines.add(&format!("{APP}.{number}."), table, report);
                }
            }
        }
        lines
    }

    /// The line of a key, from 1; that of the table around it where it is not written; 0 where neither is.
    pub(super) fn find(&self, key: &str) -> usize {
        let mut key = key;
        loop {
            if let Some(line) = self.0.get(key) {
                return *line;
            }
            let Some((table, _)) = key.rsplit_once('.') else { return 0 };
            key = table;
        }
    }

    fn add(&mut self, before: &str, table: &DeTable<'_>, report: &Report<'_>) {
        for (key, _) in table {
            let name: &str = key.get_ref().as_ref();
            self.0.insert(format!("{before}{name}"), report.line(key.span().start));
        }
    }
}

/// A place is no setting.
impl fmt::Debug for KeyLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLines")
    }
}

/// The table whose entries are counted.
const APP: &str = "app";
