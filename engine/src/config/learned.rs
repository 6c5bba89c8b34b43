//! What the engine asks a configuration for, as it was asked: every table, every key, and what it may be.
//!
//! The reader is its own description: it is given a text, and takes down each key that it looks for with the kind of its value.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What stands under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Whether there is anything was asked, and nothing more yet.
    Any,
    String,
    Strings,
    StringOrStrings,
    Integer(RangeInclusive<u32>),
    Integers(RangeInclusive<u32>),
    Boolean,
    Table,
    Tables,
    TableOrTables,
}

/// The keys of each table, by its name; of the file itself, the empty one.
pub(crate) type Shape = BTreeMap<String, BTreeMap<&'static str, Kind>>;

/// Takes down that a key of a table was asked for. Who asks twice knows more the second time.
pub(super) fn learn(shape: &mut Shape, table: &str, key: &'static str, kind: Kind) {
    let known = shape.entry(table.to_owned()).or_default().entry(key).or_insert(Kind::Any);
    let is_wider = matches!(
        (&*known, &kind),
        (Kind::StringOrStrings, Kind::Strings | Kind::String)
            | (Kind::TableOrTables, Kind::Table | Kind::Tables)
    );
    if kind != Kind::Any && !is_wider {
        *known = kind;
    }
}
