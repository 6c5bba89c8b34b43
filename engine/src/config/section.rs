//! One TOML table while it is read: every key asked for is known, and every other key is an error.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Report;
use super::learned::Kind;

/// A table of the file. A table that is absent reads like an empty one, so that defaults have one place.
pub(super) struct Section<'t> {
    name: String,
    table: Option<&'t DeTable<'t>>,
    header: Range<usize>,
    known: RefCell<Vec<&'static str>>,
    report: &'t Report<'t>,
}

impl<'t> Section<'t> {
    pub(super) fn root(table: &'t DeTable<'t>, report: &'t Report<'t>) -> Self {
        Self { name: String::new(), table: Some(table), header: 0..0, known: RefCell::default(), report }
    }

    /// The report that errors of this table go to.
    pub(super) fn report(&self) -> &'t Report<'t> {
        self.report
    }

    /// The key with the table's name before it.
    pub(super) fn key(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Whether the file has the key, well-formed or not.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.find(key, Kind::Any).is_some()
    }

    /// A table under this one.
    pub(super) fn table(&self, key: &'static str) -> Self {
        let empty = |header| Self {
            name: self.key(key),
            table: None,
            header,
            known: RefCell::default(),
            report: self.report,
        };
        let Some(value) = self.find(key, Kind::Table) else { return empty(self.header.clone()) };
        match value.get_ref().as_table() {
            Some(table) => Self { table: Some(table), ..empty(value.span()) },
            None => {
                self.mistyped(key, value, &format!("write a table, [{}]", self.key(key)));
                empty(value.span())
            }
        }
    }

    /// Whether the table is absent or has no key at all.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_none_or(|table| table.is_empty())
    }

    /// One table, or the tables of an array of tables; none where the key is absent.
    pub(super) fn table_or_tables(&self, key: &'static str) -> Vec<Self> {
        match self.find(key, Kind::TableOrTables) {
            None => Vec::new(),
            Some(value) if value.get_ref().is_array() => self.tables(key),
            Some(_) => vec![self.table(key)],
        }
    }

    /// The tables of an array of tables.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Self> {
        let Some(value) = self.find(key, Kind::Tables) else { return Vec::new() };
        let right = format!("write [[{}]] with double brackets, once for each", self.key(key));
        let Some(items) = value.get_ref().as_array() else {
            self.mistyped(key, value, &right);
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| {
                let Some(table) = item.get_ref().as_table() else {
                    self.mistyped(key, item, &right);
                    return None;
                };
                Some(Self {
                    name: self.key(key),
                    table: Some(table),
                    header: item.span(),
                    known: RefCell::default(),
                    report: self.report,
                })
            })
            .collect()
    }

    /// A string without control characters.
    pub(super) fn string(&self, key: &'static str) -> Option<Spanned<&'t str>> {
        let value = self.find(key, Kind::String)?;
        self.text(key, value)
    }

    /// A list of strings.
    pub(super) fn strings(&self, key: &'static str) -> Option<Vec<Spanned<&'t str>>> {
        let value = self.find(key, Kind::Strings)?;
        let Some(items) = value.get_ref().as_array() else {
            self.mistyped(key, value, &format!("write a list of strings, {key} = [\"…\"]"));
            return None;
        };
        Some(items.iter().filter_map(|item| self.text(key, item)).collect())
    }

    /// One string, or a list of them.
    pub(super) fn string_or_strings(&self, key: &'static str) -> Option<Vec<Spanned<&'t str>>> {
        let value = self.find(key, Kind::StringOrStrings)?;
        if value.get_ref().is_array() { self.strings(key) } else { Some(vec![self.text(key, value)?]) }
    }

    /// A whole number inside a range.
    pub(super) fn integer(&self, key: &'static str, allowed: RangeInclusive<u32>) -> Option<u32> {
        let value = self.find(key, Kind::Integer(allowed.clone()))?;
        let right = format!("write a number from {} to {}", allowed.start(), allowed.end());
        let Some(number) = value.get_ref().as_integer() else {
            self.mistyped(key, value, &right);
            return None;
        };
        let parsed = u32::from_str_radix(number.as_str(), number.radix()).ok();
        if let Some(parsed) = parsed.filter(|parsed| allowed.contains(parsed)) {
            return Some(parsed);
        }
        self.report.refuse(
            &value.span(),
            self.key(key),
            format!("{} is out of range", number.as_str()),
            right,
        );
        None
    }

    /// A list of whole numbers inside a range.
    pub(super) fn integers(&self, key: &'static str, allowed: RangeInclusive<u32>) -> Option<Vec<u32>> {
        let value = self.find(key, Kind::Integers(allowed.clone()))?;
        let right = format!("write a list of numbers from {} to {}", allowed.start(), allowed.end());
        let Some(items) = value.get_ref().as_array() else {
            self.mistyped(key, value, &right);
            return None;
        };
        let number = |item: &Spanned<DeValue<'_>>| {
            let written = item.get_ref().as_integer()?;
            let number = u32::from_str_radix(written.as_str(), written.radix()).ok();
            number.filter(|number| allowed.contains(number))
        };
        let numbers: Vec<Option<u32>> = items
            .iter()
            .map(|item| {
                let number = number(item);
                if number.is_none() {
                    self.refuse(key, item, "is no such number", right.clone());
                }
                number
            })
            .collect();
        numbers.into_iter().collect()
    }

    /// True or false.
    pub(super) fn boolean(&self, key: &'static str) -> Option<Spanned<bool>> {
        let value = self.find(key, Kind::Boolean)?;
        let Some(boolean) = value.get_ref().as_bool() else {
            self.mistyped(key, value, "write true or false");
            return None;
        };
        Some(Spanned::new(value.span(), boolean))
    }

    /// Notes that a value is wrong.
    pub(super) fn refuse<T>(
        &self,
        key: &'static str,
        value: &Spanned<T>,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) {
        self.report.refuse(&value.span(), self.key(key), wrong, right);
    }

    /// Notes that a key must be there.
    pub(super) fn missing(&self, key: &'static str, right: impl Into<String>) {
        self.report.refuse(&self.header, self.key(key), "is missing", right);
    }

    /// Notes that what is under a key is wrong, where the value itself is not at hand.
    pub(super) fn refuse_key(&self, key: &'static str, wrong: &str, right: &str) {
        let at = self.find(key, Kind::Any).map_or_else(|| self.header.clone(), Spanned::span);
        self.report.refuse(&at, self.key(key), wrong, right);
    }

    /// Ends the reading: whatever was not asked for is unknown.
    pub(super) fn close(self) {
        let mut known = self.known.take();
        known.sort_unstable();
        known.dedup();
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let nearest = known.iter().map(|known| (distance(name, known), known)).min();
            let right = match nearest {
                Some((distance, nearest)) if distance <= NEAR => format!("did you mean {nearest}?"),
                _ => format!("known here: {}", known.join(", ")),
            };
            self.report.refuse(&key.span(), self.key(name), "unknown key", right);
        }
    }

    fn find(&self, key: &'static str, kind: Kind) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.borrow_mut().push(key);
        self.report.learn(&self.name, key, kind);
        self.table?.get(key)
    }

    fn text(&self, key: &'static str, value: &'t Spanned<DeValue<'t>>) -> Option<Spanned<&'t str>> {
        let Some(text) = value.get_ref().as_str() else {
            self.mistyped(key, value, "write a string in double quotes");
            return None;
        };
        if text.chars().any(char::is_control) {
            self.refuse(key, value, "has a control character", "write one line of plain text");
            return None;
        }
        Some(Spanned::new(value.span(), text))
    }

    fn mistyped(&self, key: &'static str, value: &Spanned<DeValue<'t>>, right: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.refuse(key, value, format!("is {found}"), right);
    }
}

/// How many letters must change to make one word the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(WORD_MAX).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(WORD_MAX).enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The letters by which a key may differ from the one that is meant.
const NEAR: usize = 2;

/// Letters of a key that are compared.
const WORD_MAX: usize = 32;
