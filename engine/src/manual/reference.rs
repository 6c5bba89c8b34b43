//! `docs/configuration.md`: every table and key of a configuration, as a page.

use std::fmt::Write as _;

use super::keys::{Key, Table};
use crate::config::Kind;

const HEAD: &str = "# Configuration

TOML, `./trunkline.toml` or `/etc/trunkline/trunkline.toml`. An unknown key is an error, and each error names file, line, key and what to write
instead (`trunkline check`). Every password may stand in a file of its own: `password_file` in place of `password`. [Getting started](getting-started.md) has a small one,
`engine/trunkline.example.toml` one with every key.

This page and the [JSON schema](trunkline.schema.json) are made of what the program asks a file for; `trunkline schema` prints the schema. Editors that know JSON schemas for
TOML take it by a first line `#:schema trunkline.schema.json`.

A dash in the column of defaults: the text beside it says what holds without the key.
";

/// The page.
pub(super) fn page(tables: &[Table]) -> String {
    let mut page = HEAD.to_owned();
    for table in tables {
        write!(page, "\n## `{}`\n\n", table.header).expect("a String takes everything");
        if !table.prose.is_empty() {
            write!(page, "{}\n\n", table.prose).expect("a String takes everything");
        }
        page.push_str("| key | what may stand there | default | what it is |\n|---|---|---|---|\n");
        let mut before = "";
        for key in &table.keys {
            let prose = if key.prose == before && !before.is_empty() { "as above" } else { &key.prose };
            before = &key.prose;
            let default = match (key.is_required, key.is_default) {
                (true, _) => "must be there".to_owned(),
                (false, true) => format!("`{}`", key.example),
                (false, false) => "–".to_owned(),
            };
            let row = format!("| `{}` | {} | {default} | {} |", key.name, cell(&may(key)), cell(prose));
            page.push_str(&row);
            page.push('\n');
        }
    }
    page
}

/// What may stand under a key.
fn may(key: &Key) -> String {
    let inner: Vec<String> =
        key.inner.iter().map(|(name, kind)| format!("`{name}` ({})", kind_of(kind))).collect();
    let kind = kind_of(&key.kind);
    let right = key.right.strip_prefix("write ").unwrap_or(&key.right);
    match (inner.is_empty(), right.is_empty()) {
        (false, _) => format!("{kind} of {}", inner.join(", ")),
        (true, false) => format!("{kind}: {right}"),
        (true, true) => kind,
    }
}

fn kind_of(kind: &Kind) -> String {
    match kind {
        Kind::Any => "anything".to_owned(),
        Kind::String => "text".to_owned(),
        Kind::Strings => "list of texts".to_owned(),
        Kind::StringOrStrings => "text or list of texts".to_owned(),
        Kind::Integer(range) => format!("{} to {}", range.start(), range.end()),
        Kind::Integers(range) => format!("list of {} to {}", range.start(), range.end()),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Table => "table".to_owned(),
        Kind::Tables | Kind::TableOrTables => "list of tables".to_owned(),
    }
}

/// Nothing in a cell ends it, and nothing between angle brackets is a tag.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}
