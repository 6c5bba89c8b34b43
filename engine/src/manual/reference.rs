//! `docs/configuration.md`: every table and key of a configuration, as a page.

use std::fmt::Write as _;

use super::keys::{Inner, Key, Table};
use crate::config::Kind;

const HEAD: &str = "# Configuration

TOML, `./trunkline.toml` or `/etc/trunkline/trunkline.toml`. An unknown key is an error, and each error names file, line, key and what to write
instead (`trunkline check`). Every password may stand in a file of its own: `password_file` in place of `password`. [Getting started](getting-started.md) has a small one,
`engine/trunkline.example.toml` one with every key.

This page and the [JSON schema](trunkline.schema.json) are made of what the program asks a file for; `trunkline schema` prints the schema. Editors that know JSON schemas for
TOML take it by a first line `#:schema trunkline.schema.json`.

A dash in the column of defaults: the text beside it says what holds without the key. `trunkline ctl reload` takes every change but of keys
that are marked *restart*: where one of those differs it changes nothing and names the key.
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
        let mut before: Option<&Key> = None;
        for key in &table.keys {
            let same = before.filter(|before| before.prose == key.prose && !key.prose.is_empty());
            let prose = same.map_or_else(|| key.prose.clone(), |first| format!("See `{}`.", first.name));
            before = same.or(Some(key));
            let default = match (key.is_required, key.is_default) {
                (true, _) => "must be there".to_owned(),
                (false, true) => format!("`{}`", key.example),
                (false, false) => "–".to_owned(),
            };
            let restart = if key.is_reloaded { "" } else { " *restart*" };
            let row =
                format!("| `{}`{restart} | {} | {default} | {} |\n", key.name, cell(&may(key)), cell(&prose));
            page.push_str(&row);
        }
    }
    page
}

/// What may stand under a key.
fn may(key: &Key) -> String {
    let needed = |inner: &Inner| if inner.is_required { ", must be there" } else { "" };
    let inner: Vec<String> = key
        .inner
        .iter()
        .map(|inner| format!("`{}` ({}{})", inner.name, kind_of(&inner.kind), needed(inner)))
        .collect();
    let kind = kind_of(&key.kind) + unit(key.name);
    let right = key.right.strip_prefix("write ").unwrap_or(&key.right);
    match (inner.is_empty(), right.is_empty()) {
        (false, _) => format!("{kind} of {}", inner.join(", ")),
        (true, false) => format!("{kind}: {right}"),
        (true, true) => kind,
    }
}

/// What a number counts, as the end of its name says.
fn unit(name: &str) -> &'static str {
    match name.rsplit('_').next() {
        Some("s" | "seconds") => " seconds",
        Some("hours") => " hours",
        Some("days") => " days",
        Some("mb") => " MB",
        Some("mib") => " MiB",
        Some("bytes") => " bytes",
        _ => "",
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
